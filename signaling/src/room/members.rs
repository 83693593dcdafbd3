//! Members: whose microphone is muted by whom, and what people prefer.

use std::time::Instant;

use crate::ids::Identity;

use super::Room;
use super::event::SeatCause;
use super::output::Done;
use super::permit::{Caller, Power};
use super::rank::Rank;
use super::refusal::{Refusal, Refused};

impl Room {
    /// Mutes a person wherever they sit. It also mutes them as if by themselves, so that only they can open their microphone again.
    pub(super) fn mute_member(&mut self, by: &Caller, who: &Identity, now: Instant) -> Result<Done, Refused> {
        by.may(Power::Members)?;
        self.guard_person(by, who, Refusal::ParticipantNotFound)?;
        let person = self.roster.person_mut(who);
        if !(person.host_muted && person.self_muted) {
            person.host_muted = true;
            person.self_muted = true;
            self.tell_mutes(who, SeatCause::MemberMuted, &by.identity, now);
        }
        self.close_hand_microphone(who, now);
        Ok(self.done_with_person(who, now))
    }

    /// Lifts a person's mute; their own stays.
    pub(super) fn unmute_member(&mut self, by: &Caller, who: &Identity, now: Instant) -> Result<Done, Refused> {
        by.may(Power::Members)?;
        // Nobody else could lift the mute of someone who was muted before they became host.
        let is_host_here = *who == by.identity && by.rank == Rank::Host && self.roster.find(who).is_some();
        if !is_host_here {
            self.guard_person(by, who, Refusal::ParticipantNotFound)?;
        }
        if std::mem::take(&mut self.roster.person_mut(who).host_muted) {
            self.tell_mutes(who, SeatCause::MemberUnmuted, &by.identity, now);
        }
        Ok(self.done_with_person(who, now))
    }

    /// Mutes or unmutes oneself. Whatever a host has muted stays muted.
    pub(super) fn mute_self(&mut self, by: &Caller, muted: bool, now: Instant) -> Result<Done, Refused> {
        let person = self.roster.person_mut(&by.identity);
        if person.self_muted != muted {
            person.self_muted = muted;
            let cause = if muted { SeatCause::SelfMuted } else { SeatCause::SelfUnmuted };
            self.tell_mutes(&by.identity, cause, &by.identity, now);
        }
        if muted {
            self.close_hand_microphone(&by.identity, now);
        }
        Ok(self.done_with_person(&by.identity, now))
    }

    /// Changes one's preferences.
    pub(super) fn set_prefs(&mut self, by: &Caller, do_not_invite: Option<bool>) -> Done {
        let person = self.roster.person_mut(&by.identity);
        person.do_not_invite = do_not_invite.unwrap_or(person.do_not_invite);
        Done::default()
    }

    /// Whether someone is here, or was (`gone` says what that means), and the caller may act on them.
    pub(super) fn guard_person(&self, by: &Caller, who: &Identity, gone: Refusal) -> Result<(), Refusal> {
        let Some(person) = self.roster.find(who) else {
            return Err(if self.memory.knows(who) { gone } else { Refusal::ParticipantNotFound });
        };
        by.may_act_on(person.rank)
    }

    /// Tells of a mute, if its person has a seat where others can see it.
    fn tell_mutes(&mut self, who: &Identity, cause: SeatCause, by: &Identity, now: Instant) {
        if let Some(seat) = self.stage.seat_of(who) {
            self.tell_seat(seat, cause, Some(by), now);
        }
    }

    pub(super) fn done_with_person(&self, who: &Identity, now: Instant) -> Done {
        Done { seat: self.stage.seat_of(who).map(|seat| self.seat_view(seat, now)), ..Done::default() }
    }
}
