//! Members: whose microphone is muted by whom, and what people prefer.

use std::time::{Duration, Instant};

use crate::ids::Identity;

use super::Room;
use super::bans::end_of;
use super::decisions::Mute;
use super::event::{DecisionCause, Event, SeatCause};
use super::output::{Done, Recipients};
use super::permit::{Caller, Power};
use super::rank::Rank;
use super::refusal::{Refusal, Refused};
use super::view::MuteView;

impl Room {
    /// Mutes a person wherever they sit, for good or for as long as `lasts`. They may be away. It also mutes them as if by themselves, so that only they
    /// can open their microphone again. A mute of someone who is muted takes the place of the first.
    pub(super) fn mute_member(
        &mut self,
        by: &Caller,
        who: &Identity,
        lasts: Option<Duration>,
        now: Instant,
    ) -> Result<Done, Refused> {
        by.may(Power::Members)?;
        self.guard_known(by, who)?;
        let mute = Mute { by: by.identity.clone(), since: now, until: end_of(lasts, now) };
        let is_new = self.decisions.mute(who).is_none_or(|present| present.until != mute.until);
        if is_new {
            self.decisions.guard_mute(who)?;
            self.tell_mute(true, DecisionCause::Set, Some(&by.identity), mute.view(who, now));
            self.decisions.set_mute(who, mute);
        }
        let Some(person) = self.roster.find_mut(who) else {
            return Ok(Done::default());
        };
        if is_new || !person.self_muted {
            person.host_muted = true;
            person.self_muted = true;
            self.tell_mutes(who, SeatCause::MemberMuted, Some(&by.identity), now);
        }
        self.close_hand_microphone(who, now);
        Ok(self.done_with_person(who, now))
    }

    /// Lifts a person's mute; their own stays. They may be away.
    pub(super) fn unmute_member(&mut self, by: &Caller, who: &Identity, now: Instant) -> Result<Done, Refused> {
        by.may(Power::Members)?;
        // Nobody else could lift the mute of someone who was muted before they became host.
        let is_host_here = *who == by.identity && by.rank == Rank::Host && self.roster.find(who).is_some();
        if !is_host_here {
            self.guard_known(by, who)?;
        }
        self.lift_mute(who, DecisionCause::Lifted, Some(&by.identity), now);
        let is_here = self.roster.find(who).is_some();
        Ok(if is_here { self.done_with_person(who, now) } else { Done::default() })
    }

    /// A mute by a host ends, whichever way.
    pub(super) fn lift_mute(&mut self, who: &Identity, cause: DecisionCause, by: Option<&Identity>, now: Instant) {
        let Some(mute) = self.decisions.lift_mute(who) else {
            return;
        };
        self.tell_mute(false, cause, by, mute.view(who, now));
        if let Some(person) = self.roster.find_mut(who) {
            person.host_muted = false;
            let cause = if cause == DecisionCause::Expired { SeatCause::MuteOver } else { SeatCause::MemberUnmuted };
            self.tell_mutes(who, cause, by, now);
        }
    }

    fn tell_mute(&mut self, muted: bool, cause: DecisionCause, by: Option<&Identity>, mute: MuteView) {
        self.log(Recipients::Hosts, Event::MuteChanged { muted, cause, by: by.cloned(), mute });
    }

    /// Mutes or unmutes oneself. Whatever a host has muted stays muted.
    pub(super) fn mute_self(&mut self, by: &Caller, muted: bool, now: Instant) -> Result<Done, Refused> {
        let person = self.roster.person_mut(&by.identity);
        if person.self_muted != muted {
            person.self_muted = muted;
            let cause = if muted { SeatCause::SelfMuted } else { SeatCause::SelfUnmuted };
            self.tell_mutes(&by.identity, cause, Some(&by.identity), now);
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
    fn tell_mutes(&mut self, who: &Identity, cause: SeatCause, by: Option<&Identity>, now: Instant) {
        if let Some(seat) = self.stage.seat_of(who) {
            self.tell_seat(seat, cause, by, now);
        }
    }

    pub(super) fn done_with_person(&self, who: &Identity, now: Instant) -> Done {
        Done { seat: self.stage.seat_of(who).map(|seat| self.seat_view(seat, now)), ..Done::default() }
    }
}
