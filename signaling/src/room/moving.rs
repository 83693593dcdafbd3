//! Moving: how people change seats, and how a host puts someone on one.
//!
//! A move and a swap are one step and one event: nobody ever sees a person on two seats, or on none.

use std::time::Instant;

use crate::ids::{Identity, SeatIndex};

use super::Room;
use super::event::{Event, HandChange, SeatCause};
use super::output::{Done, Output, Recipients};
use super::participant::HandEnd;
use super::permit::{Caller, Power};
use super::refusal::{Refusal, Refused};
use super::seat::SeatState;
use super::view::ReservedWhy;

/// A guest would change seats with another.
#[derive(Clone, Debug)]
pub(super) struct SwapProposal {
    pub(super) from: Identity,
    pub(super) to: Identity,
    /// Where the two sat: whoever agrees, agrees to these seats.
    pub(super) own: SeatIndex,
    pub(super) theirs: SeatIndex,
    pub(super) until: Instant,
}

impl Room {
    /// Moves to an open seat, or moves someone else there.
    pub(super) fn move_seat(
        &mut self,
        by: &Caller,
        to: SeatIndex,
        who: Option<&Identity>,
        now: Instant,
    ) -> Result<Done, Refused> {
        let who = who.unwrap_or(&by.identity);
        if by.is_admin || *who != by.identity {
            by.may(Power::Seats)?;
            self.guard_person(by, who, Refusal::ParticipantNotFound)?;
        }
        self.find_seat(to)?;
        let from = self.stage.occupied_by(who).ok_or(Refusal::NotSeated)?;
        if !self.could_sit(who, Some(to)) {
            return Err(Refusal::Forbidden.into());
        }
        self.refuse_escape(by, from)?;
        self.refuse_unless_open(to, now)?;
        let session = self.roster.person(who).session.clone();
        let grant = self.stage.new_grant();
        let who = who.clone();
        self.set_seat(from, SeatState::Open);
        self.set_seat(to, SeatState::Occupied { who, session, grant });
        self.mute_under_host_mute(to);
        self.tell_seats(to, from, SeatCause::Moved, &by.identity, now);
        Ok(self.done_with_seat(to, now))
    }

    /// Lets the holders of two seats change places: at once for hosts and cohosts, and for guests when both have asked for it.
    pub(super) fn swap_seats(
        &mut self,
        by: &Caller,
        seat: SeatIndex,
        with: SeatIndex,
        now: Instant,
    ) -> Result<Done, Refused> {
        self.find_seat(seat)?;
        self.find_seat(with)?;
        if seat == with {
            return Err(Refusal::InvalidArgument.into());
        }
        let one = self.occupant_of(seat, now)?;
        let other = self.occupant_of(with, now)?;
        if !self.could_sit(&one, Some(with)) || !self.could_sit(&other, Some(seat)) {
            return Err(Refusal::Forbidden.into());
        }
        if by.may(Power::Seats).is_err() {
            return self.propose_swap(by, (seat, &one), (with, &other), now);
        }
        for who in [&one, &other].into_iter().filter(|who| **who != by.identity) {
            by.may_act_on(self.rank_of(who))?;
        }
        self.exchange(seat, with, &by.identity, now);
        Ok(self.done_with_seat(seat, now))
    }

    fn propose_swap(
        &mut self,
        by: &Caller,
        one: (SeatIndex, &Identity),
        other: (SeatIndex, &Identity),
        now: Instant,
    ) -> Result<Done, Refused> {
        let (own, theirs) = match (*one.1 == by.identity, *other.1 == by.identity) {
            (true, _) => (one.0, other),
            (_, true) => (other.0, one),
            (false, false) => return Err(Refusal::Forbidden.into()),
        };
        let (with, partner) = theirs;
        self.refuse_escape(by, own)?;
        // Whoever sits under a host's mute does not get out of it by an agreement either.
        if self.stage.seat(with).muted_by_host {
            return Err(Refusal::Forbidden.into());
        }
        self.written.mark_room();
        self.swaps.retain(|swap| swap.until > now && swap.from != by.identity);
        let is_the_same = |swap: &SwapProposal| (swap.own, swap.theirs) == (with, own);
        let agreed =
            self.swaps.iter().position(|swap| swap.from == *partner && swap.to == by.identity && is_the_same(swap));
        if let Some(agreed) = agreed {
            self.swaps.swap_remove(agreed);
            self.exchange(own, with, &by.identity, now);
            return Ok(self.done_with_seat(with, now));
        }
        let expires_in = self.settings.proposal_expiry;
        self.swaps.push(SwapProposal {
            from: by.identity.clone(),
            to: partner.clone(),
            own,
            theirs: with,
            until: now + expires_in,
        });
        let to = Recipients::One(self.roster.person(partner).session.clone());
        let event = Event::SwapProposed { from: by.identity.clone(), seat: own, with, expires_in };
        self.outputs.push(Output::Tell { to, seq: None, event });
        Ok(Done { pending: true, ..self.done_with_seat(own, now) })
    }

    fn exchange(&mut self, seat: SeatIndex, with: SeatIndex, by: &Identity, now: Instant) {
        let (one, other) = (self.stage.seat(seat).state.clone(), self.stage.seat(with).state.clone());
        for (place, state) in [(seat, other), (with, one)] {
            if let SeatState::Occupied { who, session, .. } = state {
                let grant = self.stage.new_grant();
                self.set_seat(place, SeatState::Occupied { who, session, grant });
                self.mute_under_host_mute(place);
            }
        }
        self.tell_seats(seat, with, SeatCause::Swapped, by, now);
    }

    /// Keeps an open seat for someone, who is asked to confirm; whose hand is up with an open microphone sits there at once.
    pub(super) fn assign_seat(
        &mut self,
        by: &Caller,
        seat: SeatIndex,
        who: &Identity,
        expect_rev: Option<u64>,
        now: Instant,
    ) -> Result<Done, Refused> {
        by.may(Power::Seats)?;
        self.find_seat(seat)?;
        self.guard_rev(seat, expect_rev, now)?;
        if *who == by.identity && !by.is_admin {
            return self.take_seat(by, seat, now);
        }
        self.guard_person(by, who, Refusal::ParticipantNotFound)?;
        if !self.could_sit(who, Some(seat)) {
            return Err(Refusal::Forbidden.into());
        }
        if let Some(held) = self.stage.seat_of(who) {
            return Err(self.refuse_for_seat(Refusal::AlreadySeated, held, now));
        }
        let hand = self.queue.find(who).map(|(_, hand)| hand.mic_ready);
        let person = self.roster.person(who);
        // A raised hand says more than the preference.
        if person.do_not_invite && hand.is_none() {
            return Err(Refusal::DoNotInvite.into());
        }
        let at_once = hand == Some(true) && !person.media.is_gone();
        self.refuse_unless_open(seat, now)?;
        let hand = self.settle_hand(who, HandChange::Approved, Some(&by.identity), now);
        if hand.is_some() {
            self.roster.person_mut(who).last_hand = Some(HandEnd::Given);
        }
        if at_once {
            self.seat_person(seat, who, SeatCause::Taken, Some(&by.identity), now);
        } else {
            self.offer_seat(seat, who, ReservedWhy::Assigned, Some(&by.identity), now);
        }
        Ok(Done { hand, ..self.done_with_seat(seat, now) })
    }

    /// Whether someone could ever hold this seat, or any.
    pub(super) fn could_sit(&self, who: &Identity, seat: Option<SeatIndex>) -> bool {
        let person = self.roster.person(who);
        person.can_publish && (seat != Some(SeatIndex::HOST) || person.rank.is_moderator())
    }

    /// A guest does not get rid of a host's mute by changing seats.
    fn refuse_escape(&self, by: &Caller, from: SeatIndex) -> Result<(), Refused> {
        if self.stage.seat(from).muted_by_host && by.may(Power::Seats).is_err() {
            return Err(Refusal::Forbidden.into());
        }
        Ok(())
    }

    fn occupant_of(&self, seat: SeatIndex, now: Instant) -> Result<Identity, Refused> {
        let occupant = self.stage.seat(seat).occupant().cloned();
        occupant.ok_or_else(|| self.refuse_for_seat(Refusal::NotSeated, seat, now))
    }

    /// Whoever comes to sit under a seat's mute must unmute when it is lifted.
    pub(super) fn mute_under_host_mute(&mut self, seat: SeatIndex) {
        if !self.stage.seat(seat).muted_by_host {
            return;
        }
        if let Some(holder) = self.stage.seat(seat).holder().cloned() {
            self.roster.person_mut(&holder).self_muted = true;
        }
    }
}
