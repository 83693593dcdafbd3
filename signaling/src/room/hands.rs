//! Hands: how they go up, come down, and are decided on.
//!
//!   pending ──approve──► approved      ──deny──► denied      ──lower, take a seat──► lowered      ──15 min──► expired      ──owner left──► gone

use std::time::Instant;

use crate::ids::{Identity, SeatIndex};

use super::Room;
use super::event::{HandChange, SeatCause};
use super::hand_queue::Wish;
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
        by.may_raise(self.settings.hands)?;
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
        let tier = self.roster.person(&by.identity).tier;
        self.queue.raise(&by.identity, Wish { seat: wanted_seat, mic_ready, tier, front: false }, now);
        self.offers_due = true;
        self.roster.touch(&by.identity);
        self.tell_hand(&by.identity, HandChange::Raised, Some(&by.identity), now);
        Ok(self.done_with_hand(&by.identity, now))
    }

    /// Lowers one's hand. Approved meanwhile: gives the kept seat back, unless one sits on it already.
    pub(super) fn lower_hand(&mut self, by: &Caller, now: Instant) -> Result<Done, Refused> {
        if self.end_hand_by(&by.identity, HandChange::Lowered, Some(&by.identity), now) {
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
        let kept = self.stage.seat_of(who).filter(|seat| self.is_offer(*seat));
        let seat = match (hand.wanted_seat, kept) {
            // A seat is offered to them already.
            (_, Some(kept)) => kept,
            (Some(wanted), None) => {
                self.refuse_unless_open(wanted, now)?;
                wanted
            }
            (None, None) => self.stage.first_open().ok_or(Refusal::AllSeatsTaken)?,
        };
        if !self.could_sit(who, Some(seat)) {
            return Err(Refusal::Forbidden.into());
        }
        let view = self.settle_hand(who, HandChange::Approved, Some(&by.identity), now);
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
        let hand = self.settle_hand(who, HandChange::Denied, Some(&by.identity), now);
        let cooling_until = now + self.settings.hand_cooldown;
        let person = self.roster.person_mut(who);
        person.cooling_until = Some(cooling_until);
        person.lost_seat = None;
        person.last_hand = Some(HandEnd::Denied);
        Ok(Done { hand, ..Done::default() })
    }

    /// Approves the first hand whose owner is there and for which there is a seat.
    pub(super) fn approve_next(&mut self, by: &Caller, now: Instant) -> Result<Done, Refused> {
        by.may(Power::Hands)?;
        let is_there = |who: &Identity| self.roster.person(who).detached_until.is_none();
        let waiting: Vec<_> =
            self.queue.iter().map(|(_, hand)| hand.identity.clone()).filter(|who| is_there(who)).collect();
        let mut refused = Refused::from(Refusal::HandGone);
        for who in waiting {
            match self.approve_hand(by, &who, now) {
                Ok(done) => return Ok(done),
                Err(why) => refused = why,
            }
        }
        Err(refused)
    }

    /// Lowers every hand on which the caller may act. Nobody has to wait for that before they raise it again.
    pub(super) fn lower_all(&mut self, by: &Caller, now: Instant) -> Result<Done, Refused> {
        by.may(Power::Hands)?;
        let is_below = |who: &Identity| *who == by.identity || by.may_act_on(self.rank_of(who)).is_ok();
        let all: Vec<_> =
            self.queue.iter().map(|(_, hand)| hand.identity.clone()).filter(|who| is_below(who)).collect();
        for who in all {
            self.end_hand_by(&who, HandChange::Cleared, Some(&by.identity), now);
        }
        Ok(Done::default())
    }

    /// Puts up the hand of someone who lost their seat, before all others; one that is up already goes there. Says where it is, unless hands are
    /// off or the queue is full.
    pub(super) fn raise_lost(&mut self, who: &Identity, now: Instant) -> Option<usize> {
        let person = self.roster.person(who);
        if !self.settings.hands || !person.can_publish {
            return None;
        }
        let wish = Wish { seat: None, mic_ready: false, tier: person.tier, front: true };
        let wish = match self.queue.find(who) {
            Some((_, hand)) => Wish { seat: hand.wanted_seat, mic_ready: hand.mic_ready, ..wish },
            None if self.queue.len() >= self.settings.hands_max => return None,
            None => wish,
        };
        self.end_hand(who, HandChange::Lowered, now);
        let position = self.queue.raise(who, wish, now);
        self.roster.touch(who);
        self.offers_due = true;
        self.tell_hand(who, HandChange::Raised, None, now);
        Some(position)
    }

    /// Ends the hand, if any, of someone who has gone, waited too long or has a seat without it.
    pub(super) fn end_hand(&mut self, who: &Identity, change: HandChange, now: Instant) -> bool {
        self.end_hand_by(who, change, None, now)
    }

    /// Ends a hand that nobody has decided on. Says whether there was one.
    fn end_hand_by(&mut self, who: &Identity, change: HandChange, by: Option<&Identity>, now: Instant) -> bool {
        let ended = self.settle_hand(who, change, by, now).is_some();
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
    pub(super) fn settle_hand(
        &mut self,
        who: &Identity,
        change: HandChange,
        by: Option<&Identity>,
        now: Instant,
    ) -> Option<HandView> {
        let (position, hand) = self.queue.remove(who)?;
        self.roster.touch(who);
        let view = self.hand_view(position, &hand, now);
        self.tell_hand_end(&view, change, by);
        // A seat that was offered to this hand is offered no longer.
        let offered = self.stage.seat_of(who).filter(|seat| self.is_kept(*seat, who, ReservedWhy::Offered));
        if let Some(seat) = offered.filter(|_| change != HandChange::Approved) {
            self.open_seat(seat, SeatCause::Released, by, now);
        }
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
            Some(HandEnd::Approved { .. } | HandEnd::Denied | HandEnd::Given) => Refusal::HandAlreadyHandled,
            Some(HandEnd::Withdrawn) | None => Refusal::HandGone,
        }
    }

    fn done_with_hand(&self, who: &Identity, now: Instant) -> Done {
        let hand = self.queue.find(who).map(|(position, hand)| self.hand_view(position, hand, now));
        Done { position: hand.as_ref().map(|hand| hand.position), hand, ..Done::default() }
    }
}
