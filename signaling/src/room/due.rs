//! What is due: reservations that end, hands that were up too long, people who are gone, a room that stayed empty.

use std::time::Instant;

use crate::ids::{Identity, SeatIndex};

use super::Room;
use super::event::{HandChange, LeftReason, SeatCause};
use super::output::Output;
use super::settings::Phase;

/// Something that time brings about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// A seat is kept no longer.
    Reservation(SeatIndex),
    /// A hand was up too long.
    Hand(Identity),
    /// Someone without a socket is gone.
    Gone(Identity),
    /// The room was empty too long.
    Empty,
}

impl Room {
    /// What comes next by time alone, and when.
    pub(super) fn next_due(&self) -> Option<(Instant, Due)> {
        if self.is_closed() {
            return None;
        }
        let reservation = self.stage.first_expiry().map(|(at, seat)| (at, Due::Reservation(seat)));
        let hand = self.queue.oldest().and_then(|hand| {
            let at = hand.raised_at.checked_add(self.settings.hand_expiry)?;
            Some((at, Due::Hand(hand.identity.clone())))
        });
        let gone = self.roster.first_gone().map(|(at, who)| (*at, Due::Gone(who.clone())));
        let empty = self.empty_since.and_then(|since| Some((since.checked_add(self.settings.empty_max)?, Due::Empty)));
        [reservation, hand, gone, empty].into_iter().flatten().min_by_key(|(at, _)| *at)
    }

    /// Carries out all that is due, in the order of time.
    pub(super) fn carry_out_due(&mut self, now: Instant) {
        while let Some((at, due)) = self.next_due().filter(|(at, _)| *at <= now) {
            match due {
                Due::Reservation(seat) => {
                    let cause = if self.is_offer(seat) { SeatCause::Released } else { SeatCause::Lost };
                    self.open_seat(seat, cause, None, at);
                }
                Due::Hand(who) => {
                    self.end_hand(&who, HandChange::Expired, at);
                }
                Due::Gone(who) => self.depart(&who, LeftReason::Gone, None, at),
                Due::Empty => {
                    self.phase = Phase::Closed;
                    self.outputs.push(Output::Closed);
                }
            }
        }
    }
}
