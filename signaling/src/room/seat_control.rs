//! Seat control: what hosts and cohosts do with seats.

use std::time::Instant;

use crate::ids::{Identity, SeatIndex};

use super::Room;
use super::event::SeatCause;
use super::output::Done;
use super::permit::{Caller, Power};
use super::refusal::{Refusal, Refused};
use super::seat::SeatState;

impl Room {
    /// Locks a seat; with `evict` also one that someone sits on.
    pub(super) fn lock_seat(
        &mut self,
        by: &Caller,
        seat: SeatIndex,
        evict: bool,
        expect_rev: Option<u64>,
        now: Instant,
    ) -> Result<Done, Refused> {
        self.guard_seat(by, seat, expect_rev, now)?;
        match self.stage.seat(seat).state {
            SeatState::Locked => return Ok(self.done_with_seat(seat, now)),
            SeatState::Occupied { .. } if !evict => return Err(self.refuse_for_seat(Refusal::SeatOccupied, seat, now)),
            SeatState::Open | SeatState::Reserved { .. } | SeatState::Occupied { .. } => {}
        }
        self.vacate(seat, SeatState::Locked, SeatCause::Locked, Some(&by.identity), now);
        for wishing in self.queue.forget_wish(seat) {
            self.tell_hand_changed(&wishing, now);
        }
        Ok(self.done_with_seat(seat, now))
    }

    /// Unlocks a seat.
    pub(super) fn unlock_seat(
        &mut self,
        by: &Caller,
        seat: SeatIndex,
        expect_rev: Option<u64>,
        now: Instant,
    ) -> Result<Done, Refused> {
        self.guard_seat_alone(by, seat, expect_rev, now)?;
        match self.stage.seat(seat).state {
            SeatState::Locked => self.open_seat(seat, SeatCause::Unlocked, Some(&by.identity), now),
            SeatState::Open | SeatState::Reserved { .. } | SeatState::Occupied { .. } => {}
        }
        Ok(self.done_with_seat(seat, now))
    }

    /// Mutes a seat. Whoever has it must unmute when the mute is lifted: a host's act opens no microphone.
    pub(super) fn mute_seat(
        &mut self,
        by: &Caller,
        seat: SeatIndex,
        expect_rev: Option<u64>,
        now: Instant,
    ) -> Result<Done, Refused> {
        self.guard_seat(by, seat, expect_rev, now)?;
        if !self.stage.seat(seat).muted_by_host {
            if let Some(holder) = self.stage.seat(seat).holder().cloned() {
                self.roster.person_mut(&holder).self_muted = true;
            }
            self.set_seat_mute(seat, true);
            self.tell_seat(seat, SeatCause::Muted, Some(&by.identity), now);
        }
        Ok(self.done_with_seat(seat, now))
    }

    /// Lifts the mute of a seat.
    pub(super) fn unmute_seat(
        &mut self,
        by: &Caller,
        seat: SeatIndex,
        expect_rev: Option<u64>,
        now: Instant,
    ) -> Result<Done, Refused> {
        self.guard_seat(by, seat, expect_rev, now)?;
        if self.stage.seat(seat).muted_by_host {
            self.set_seat_mute(seat, false);
            self.tell_seat(seat, SeatCause::Unmuted, Some(&by.identity), now);
        }
        Ok(self.done_with_seat(seat, now))
    }

    /// Sends whoever has a seat back to the audience. Nobody there any more: nothing to do.
    pub(super) fn kick_off_seat(
        &mut self,
        by: &Caller,
        seat: SeatIndex,
        expect_rev: Option<u64>,
        now: Instant,
    ) -> Result<Done, Refused> {
        self.guard_seat(by, seat, expect_rev, now)?;
        if let Some(holder) = self.stage.seat(seat).holder().cloned() {
            // Whom a host takes it from is not offered the same opening again.
            if let Some(hand) = self.queue.find_mut(&holder) {
                hand.pass(seat);
            }
            self.open_seat(seat, SeatCause::KickedOff, Some(&by.identity), now);
        }
        Ok(self.done_with_seat(seat, now))
    }

    /// Whether the caller may act on this seat and on whoever has it.
    fn guard_seat(&self, by: &Caller, seat: SeatIndex, expect_rev: Option<u64>, now: Instant) -> Result<(), Refused> {
        by.may(Power::Seats)?;
        self.find_seat(seat)?;
        // One's own seat may always be unmuted or left by these acts too.
        if let Some(holder) = self.stage.seat(seat).holder().filter(|holder| **holder != by.identity) {
            by.may_act_on(self.rank_of(holder))?;
        }
        self.guard_rev(seat, expect_rev, now)
    }

    /// Whether the caller may act on this seat, where that is no act on a person.
    fn guard_seat_alone(
        &self,
        by: &Caller,
        seat: SeatIndex,
        expect_rev: Option<u64>,
        now: Instant,
    ) -> Result<(), Refused> {
        by.may(Power::Seats)?;
        self.find_seat(seat)?;
        self.guard_rev(seat, expect_rev, now)
    }

    pub(super) fn guard_rev(&self, seat: SeatIndex, expect_rev: Option<u64>, now: Instant) -> Result<(), Refused> {
        if expect_rev.is_some_and(|rev| rev != self.stage.seat(seat).rev) {
            return Err(self.refuse_for_seat(Refusal::RevConflict, seat, now));
        }
        Ok(())
    }

    fn set_seat_mute(&mut self, seat: SeatIndex, muted: bool) {
        let seat = self.stage.seat_mut(seat);
        seat.muted_by_host = muted;
        seat.rev += 1;
    }

    pub(super) fn rank_of(&self, who: &Identity) -> super::Rank {
        self.roster.person(who).rank
    }
}
