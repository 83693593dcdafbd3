//! Hands: how they go up, come down, and are decided on.
//!
//!   pending ──approve──► approved      ──deny──► denied      ──lower, take a seat──► lowered      ──15 min──► expired      ──owner left──► gone

use std::time::Instant;

use crate::ids::{Identity, SeatIndex};

use super::Room;
use super::event::{HandChange, SeatCause};
use super::output::Done;
use super::participant::HandEnd;
use super::permit::{Caller, Power};
use super::refusal::{Refusal, Refused};
use super::seat::SeatState;
use super::seating::refuse_for_now;
use super::view::{HandView, ReservedWhy};

impl Room {
    /// Raises one's hand. Raised already: the same hand.
    pub(super) fn raise_hand(
        &mut self,
        by: &Caller,
        wanted_seat: Option<SeatIndex>,
        mic_ready: bool,
        now: Instant,
    ) -> Result<Done, Refused> {
        if self.queue.find(&by.identity).is_some() {
            return Ok(self.done_with_hand(&by.identity, now));
        }
        by.may_raise(self.hands)?;
        if let Some(held) = self.stage.seat_of(&by.identity) {
            return Err(self.refuse_for_seat(Refusal::AlreadySeated, held, now));
        }
        self.refuse_cooling(&by.identity, now)?;
        if let Some(seat) = wanted_seat {
            self.find_seat(seat)?;
            by.may_sit(seat)?;
            if self.stage.seat(seat).state == SeatState::Locked {
                return Err(self.refuse_for_seat(Refusal::SeatLocked, seat, now));
            }
        }
        if self.queue.len() >= self.settings.hands_max {
            return Err(refuse_for_now(self.settings.hand_cooldown));
        }
        self.queue.raise(&by.identity, wanted_seat, mic_ready, now);
        self.roster.touch(&by.identity);
        self.tell_hand(&by.identity, HandChange::Raised, now);
        Ok(self.done_with_hand(&by.identity, now))
    }

    /// Lowers one's hand. Approved meanwhile: gives the kept seat back, unless one sits on it already.
    pub(super) fn lower_hand(&mut self, by: &Caller, now: Instant) -> Result<Done, Refused> {
        if self.end_hand(&by.identity, HandChange::Lowered, now) {
            return Ok(Done::default());
        }
        if let Some(seat) = self.stage.seat_of(&by.identity).filter(|seat| self.is_approved(*seat)) {
            self.open_seat(seat, SeatCause::Released, Some(&by.identity), now);
            return Ok(self.done_with_seat(seat, now));
        }
        Err(self.no_hand(&by.identity).into())
    }

    /// Gives someone whose hand is up the seat they want, or the first open one.
    pub(super) fn approve_hand(&mut self, by: &Caller, who: &Identity, now: Instant) -> Result<Done, Refused> {
        by.may(Power::Hands)?;
        self.guard_person(by, who, Refusal::HandGone)?;
        let Some((_, hand)) = self.queue.find(who) else {
            return self.approved_before(by, who);
        };
        // Someone whose media is gone must say that it is back.
        let mic_ready = hand.mic_ready && !self.roster.person(who).media.is_gone();
        let seat = match hand.wanted_seat {
            Some(wanted) => {
                self.refuse_unless_open(wanted, now)?;
                wanted
            }
            None => self.stage.first_open().ok_or(Refusal::AllSeatsTaken)?,
        };
        let view = self.take_hand(who, HandChange::Approved, now);
        if mic_ready {
            self.seat_person(seat, who, SeatCause::Taken, Some(&by.identity), now);
        } else {
            self.offer_seat(seat, who, ReservedWhy::Approved, Some(&by.identity), now);
        }
        let done = Done { hand: view, ..self.done_with_seat(seat, now) };
        let answer = Box::new(done.clone());
        self.roster.person_mut(who).last_hand = Some(HandEnd::Approved { by: by.identity.clone(), answer });
        Ok(done)
    }

    /// The same person approving the same hand twice gets the first answer again, while it is still true.
    fn approved_before(&self, by: &Caller, who: &Identity) -> Result<Done, Refused> {
        let Some(HandEnd::Approved { by: first, answer }) = &self.roster.person(who).last_hand else {
            return Err(self.no_hand(who).into());
        };
        let given = answer.seat.as_ref().map(|seat| seat.index);
        if *first == by.identity && given.is_some() && self.stage.seat_of(who) == given {
            return Ok(Done::clone(answer));
        }
        Err(Refusal::HandAlreadyHandled.into())
    }

    /// Turns someone's hand down; they may ask again after a while.
    pub(super) fn deny_hand(&mut self, by: &Caller, who: &Identity, now: Instant) -> Result<Done, Refused> {
        by.may(Power::Hands)?;
        self.guard_person(by, who, Refusal::HandGone)?;
        if self.queue.find(who).is_none() {
            return Err(self.no_hand(who).into());
        }
        let hand = self.take_hand(who, HandChange::Denied, now);
        let cooling_until = now + self.settings.hand_cooldown;
        let person = self.roster.person_mut(who);
        person.cooling_until = Some(cooling_until);
        person.last_hand = Some(HandEnd::Denied);
        Ok(Done { hand, ..Done::default() })
    }

    /// Ends the hand, if any, of someone who lowered it, has gone or waited too long. Says whether there was one.
    pub(super) fn end_hand(&mut self, who: &Identity, change: HandChange, now: Instant) -> bool {
        let ended = self.take_hand(who, change, now).is_some();
        if ended {
            self.roster.person_mut(who).last_hand = Some(HandEnd::Withdrawn);
        }
        ended
    }

    /// The microphone behind a hand is no longer to be opened by an approval.
    pub(super) fn close_hand_microphone(&mut self, who: &Identity, now: Instant) {
        let Some(hand) = self.queue.find_mut(who) else {
            return;
        };
        if std::mem::take(&mut hand.mic_ready) {
            self.tell_hand_changed(who, now);
        }
    }

    /// Takes a hand out of the queue and tells what became of it: the one place where a hand ends.
    fn take_hand(&mut self, who: &Identity, change: HandChange, now: Instant) -> Option<HandView> {
        let (position, hand) = self.queue.remove(who)?;
        self.roster.touch(who);
        let view = self.hand_view(position, &hand, now);
        self.tell_hand_end(&view, change);
        Some(view)
    }

    fn is_approved(&self, seat: SeatIndex) -> bool {
        match self.stage.seat(seat).state {
            SeatState::Reserved { why, .. } => why == ReservedWhy::Approved,
            SeatState::Open | SeatState::Locked | SeatState::Occupied { .. } => false,
        }
    }

    /// Why there is no hand of someone in the room.
    fn no_hand(&self, who: &Identity) -> Refusal {
        match &self.roster.person(who).last_hand {
            Some(HandEnd::Approved { .. } | HandEnd::Denied) => Refusal::HandAlreadyHandled,
            Some(HandEnd::Withdrawn) | None => Refusal::HandGone,
        }
    }

    fn done_with_hand(&self, who: &Identity, now: Instant) -> Done {
        let hand = self.queue.find(who).map(|(position, hand)| self.hand_view(position, hand, now));
        Done { position: hand.as_ref().map(|hand| hand.position), hand, ..Done::default() }
    }
}
