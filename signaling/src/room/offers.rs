//! Offers: with `auto_offer` an opened seat goes to the next hand that can take it, and if that lets it pass, to the next.
//!
//! The open-seat cue comes only when no hand is left. A hand that let an opening pass is not offered the same opening again.

use std::time::Instant;

use crate::ids::{Identity, SeatIndex};

use super::Room;
use super::event::{HandChange, SeatCause};
use super::hand_queue::Hand;
use super::view::ReservedWhy;

impl Room {
    /// Offers what is open to those who wait, if something has changed that matters for it.
    pub(super) fn settle_offers(&mut self, now: Instant) {
        if !std::mem::take(&mut self.offers_due) || !self.settings.auto_offer || self.queue.len() == 0 {
            return;
        }
        let open: Vec<SeatIndex> = self
            .stage
            .iter()
            .filter(|(seat, state)| *seat != SeatIndex::HOST && state.is_open())
            .map(|(seat, _)| seat)
            .collect();
        for seat in open {
            let next = self.queue.iter().find(|(_, hand)| self.is_eligible(hand, seat));
            let Some(who) = next.map(|(_, hand)| hand.identity.clone()) else {
                continue;
            };
            self.offer_seat(seat, &who, ReservedWhy::Offered, None, now);
        }
        self.offers_due = false;
    }

    fn is_eligible(&self, hand: &Hand, seat: SeatIndex) -> bool {
        let person = self.roster.person(&hand.identity);
        let is_there = person.detached_until.is_none() && !person.media.is_gone();
        let wants_it = hand.wanted_seat.is_none_or(|wanted| wanted == seat);
        is_there && wants_it && !hand.has_passed(seat) && self.stage.seat_of(&hand.identity).is_none()
    }

    /// An offered seat was declined: it goes to the next.
    pub(super) fn pass_offer(&mut self, seat: SeatIndex, who: &Identity, now: Instant) {
        if let Some(hand) = self.queue.find_mut(who) {
            hand.pass(seat);
        }
        self.open_seat(seat, SeatCause::Released, Some(who), now);
    }

    /// Nobody answered an offer: it goes to the next, and whoever misses too many is taken for away.
    pub(super) fn miss_offer(&mut self, seat: SeatIndex, who: &Identity, now: Instant) {
        let missed = self.queue.find_mut(who).map_or(0, |hand| {
            hand.pass(seat);
            hand.missed += 1;
            hand.missed
        });
        self.open_seat(seat, SeatCause::Released, None, now);
        if missed >= OFFERS_MISSED_MAX {
            self.end_hand(who, HandChange::Expired, now);
        }
    }
}

/// A hand that has let so many offers pass without a word is lowered.
pub(super) const OFFERS_MISSED_MAX: u8 = 2;
