//! The cue pacer holds the seats that have opened until it is their turn to be told about.
//!
//! At most two cues go out in an interval. A seat waits at most once, and not at all when it is no longer open: what is told is the newest.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::ids::SeatIndex;

/// The seats that wait for their cue.
#[derive(Debug)]
pub(super) struct CuePacer {
    interval: Duration,
    waiting: VecDeque<SeatIndex>,
    /// When the last cues were sent, the older first.
    sent: [Option<Instant>; CUES_PER_INTERVAL],
}

impl CuePacer {
    pub(super) fn new(interval: Duration) -> Self {
        Self { interval, waiting: VecDeque::new(), sent: [None; CUES_PER_INTERVAL] }
    }

    /// A seat has opened. The host seat is never cued.
    pub(super) fn opened(&mut self, seat: SeatIndex) {
        if seat != SeatIndex::HOST && !self.waiting.contains(&seat) {
            self.waiting.push_back(seat);
        }
    }

    /// A seat is no longer open.
    pub(super) fn closed(&mut self, seat: SeatIndex) {
        self.waiting.retain(|waiting| *waiting != seat);
    }

    /// When the next cue may go, if one waits. `None` within `Some`: at once.
    fn next(&self) -> Option<Option<Instant>> {
        self.waiting.front().map(|_| self.sent[0].map(|sent| sent + self.interval))
    }

    /// When to ask again.
    pub(super) fn due(&self) -> Option<Instant> {
        self.next().flatten()
    }

    /// The seat whose turn it is.
    pub(super) fn take(&mut self, now: Instant) -> Option<SeatIndex> {
        if self.next()?.is_some_and(|due| due > now) {
            return None;
        }
        self.sent.rotate_left(1);
        self.sent[CUES_PER_INTERVAL - 1] = Some(now);
        self.waiting.pop_front()
    }
}

const CUES_PER_INTERVAL: usize = 2;

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::disallowed_methods,
        reason = "a test may stop on surprise, and needs some instant"
    )]

    use super::*;

    fn seat(index: u8) -> SeatIndex {
        SeatIndex::new(index).unwrap()
    }

    #[test]
    fn two_cues_go_at_once_and_the_third_waits() {
        let start = crate::clock::now();
        let mut cues = CuePacer::new(Duration::from_secs(1));
        for index in [3, 1, 2, 3, 4] {
            cues.opened(seat(index));
        }
        assert_eq!(cues.take(start), Some(seat(3)));
        assert_eq!(cues.take(start), Some(seat(1)));
        assert_eq!(cues.take(start), None);
        assert_eq!(cues.due(), Some(start + Duration::from_secs(1)));
        cues.closed(seat(2));
        assert_eq!(cues.take(start + Duration::from_millis(999)), None);
        assert_eq!(cues.take(start + Duration::from_secs(1)), Some(seat(4)));
        assert_eq!(cues.take(start + Duration::from_secs(1)), None);
        assert_eq!(cues.due(), None);
    }

    #[test]
    fn the_host_seat_is_never_cued() {
        let mut cues = CuePacer::new(Duration::from_secs(1));
        cues.opened(SeatIndex::HOST);
        assert_eq!(cues.take(crate::clock::now()), None);
    }
}
