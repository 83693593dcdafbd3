//! Turns: how long a guest may hold a seat, if the room limits it. Hosts and cohosts have as long as they like.
//!
//! A turn is the person's: it goes on when they move, and while their connection is lost.

use std::time::{Duration, Instant};

use crate::ids::{Identity, SeatIndex};

use super::Room;
use super::due::Due;
use super::event::{Event, SeatCause};
use super::output::{Output, Recipients};

/// How long someone may still speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Turn {
    pub(super) until: Instant,
    /// When its holder is to be warned, unless that is done.
    pub(super) warn_at: Option<Instant>,
}

impl Turn {
    pub(super) fn new(length: Duration, warning: Duration, now: Instant) -> Self {
        let until = now + length;
        Self { until, warn_at: Some(until.checked_sub(warning).map_or(now, |at| at.max(now))) }
    }
}

impl Room {
    /// Begins the turn of someone who has just got a seat.
    pub(super) fn begin_turn(&mut self, seat: SeatIndex, who: &Identity, now: Instant) {
        let warning = self.settings.turn_warning;
        let is_guest = seat != SeatIndex::HOST && !self.rank_of(who).is_moderator();
        let length = self.settings.turn.filter(|_| is_guest);
        self.roster.person_mut(who).turn = length.map(|length| Turn::new(length, warning, now));
    }

    /// The length of turns has changed: whoever is on stage begins anew.
    pub(super) fn restart_turns(&mut self, by: &Identity, now: Instant) {
        let held: Vec<_> =
            self.stage.iter().filter_map(|(seat, state)| Some((seat, state.holder()?.clone()))).collect();
        for (seat, who) in held {
            if self.is_offer(seat) {
                continue;
            }
            let before = self.roster.person(&who).turn;
            self.begin_turn(seat, &who, now);
            if self.roster.person(&who).turn != before {
                self.tell_seat(seat, SeatCause::Turn, Some(by), now);
            }
        }
    }

    /// The turn that ends, or must be warned of, first.
    pub(super) fn first_turn(&self) -> Option<(Instant, Due)> {
        let turns =
            self.stage.iter().filter_map(|(seat, state)| Some((seat, self.roster.find(state.holder()?)?.turn?)));
        turns
            .map(|(seat, turn)| match turn.warn_at {
                Some(at) => (at, Due::TurnWarning(seat)),
                None => (turn.until, Due::TurnOver(seat)),
            })
            .min_by_key(|(at, _)| *at)
    }

    /// Warns whoever has a seat, and the hosts, that the turn is about to end.
    pub(super) fn warn_turn(&mut self, seat: SeatIndex, now: Instant) {
        let Some(who) = self.stage.seat(seat).holder().cloned() else {
            return;
        };
        let person = self.roster.person_mut(&who);
        let session = person.session.clone();
        let Some(turn) = &mut person.turn else {
            return;
        };
        turn.warn_at = None;
        let ends_in = turn.until.saturating_duration_since(now);
        for to in [Recipients::One(session), Recipients::Hosts] {
            let event = Event::TurnEnding { seat, identity: who.clone(), ends_in };
            self.outputs.push(Output::Tell { to, seq: None, event });
        }
    }
}
