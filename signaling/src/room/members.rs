//! Members: what hosts and cohosts do with people, what people do with their own microphone, and the room's modes.

use std::time::Instant;

use crate::ids::Identity;

use super::Room;
use super::event::{Event, LeftReason, SeatCause};
use super::output::{Done, Recipients};
use super::permit::{Caller, Power};
use super::refusal::{Refusal, Refused};
use super::settings::SeatMode;

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
        self.guard_person(by, who, Refusal::ParticipantNotFound)?;
        if std::mem::take(&mut self.roster.person_mut(who).host_muted) {
            self.tell_mutes(who, SeatCause::MemberUnmuted, &by.identity, now);
        }
        Ok(self.done_with_person(who, now))
    }

    /// Puts a person out of the room. Gone already: nothing to do.
    pub(super) fn kick_member(&mut self, by: &Caller, who: &Identity, now: Instant) -> Result<Done, Refused> {
        by.may(Power::Members)?;
        if self.roster.find(who).is_none() && self.memory.knows(who) {
            return Ok(Done::default());
        }
        self.guard_person(by, who, Refusal::ParticipantNotFound)?;
        self.depart(who, LeftReason::Kicked, Some(&by.identity), now);
        Ok(Done::default())
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

    /// Changes the room's modes. Seats held and hands raised stay as they are.
    pub(super) fn update(
        &mut self,
        by: &Caller,
        seat_mode: Option<SeatMode>,
        hands: Option<bool>,
    ) -> Result<Done, Refused> {
        by.may(Power::Settings)?;
        if seat_mode.is_none() && hands.is_none() {
            return Err(Refusal::InvalidArgument.into());
        }
        let before = (self.seat_mode, self.hands);
        self.seat_mode = seat_mode.unwrap_or(self.seat_mode);
        self.hands = hands.unwrap_or(self.hands);
        if (self.seat_mode, self.hands) != before {
            let event = Event::RoomUpdated { by: Some(by.identity.clone()), room: self.room_view() };
            self.log(Recipients::Everyone, event);
        }
        Ok(Done::default())
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

    fn done_with_person(&self, who: &Identity, now: Instant) -> Done {
        Done { seat: self.stage.seat_of(who).map(|seat| self.seat_view(seat, now)), ..Done::default() }
    }
}
