//! Departures are what is under way: each with the time when it is due, the earliest first, and those of one time in the order they came.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::time::Duration;

/// What is under way.
pub(super) struct Departures<T> {
    waiting: BinaryHeap<Reverse<Waiting<T>>>,
    pushed: u64,
}

struct Waiting<T> {
    due: Duration,
    turn: u64,
    item: T,
}

impl<T> Departures<T> {
    pub(super) fn new() -> Self {
        Self { waiting: BinaryHeap::new(), pushed: 0 }
    }

    /// Whether there was room for it.
    pub(super) fn push(&mut self, due: Duration, item: T) -> bool {
        if self.waiting.len() >= UNDER_WAY_MAX {
            return false;
        }
        self.waiting.push(Reverse(Waiting { due, turn: self.pushed, item }));
        self.pushed += 1;
        true
    }

    /// The next that is due by now, and when it was.
    pub(super) fn pop(&mut self, now: Duration) -> Option<(Duration, T)> {
        self.next_due().filter(|&due| due <= now)?;
        self.waiting.pop().map(|Reverse(waiting)| (waiting.due, waiting.item))
    }

    pub(super) fn next_due(&self) -> Option<Duration> {
        self.waiting.peek().map(|Reverse(waiting)| waiting.due)
    }
}

impl<T> Ord for Waiting<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.due, self.turn).cmp(&(other.due, other.turn))
    }
}

impl<T> PartialOrd for Waiting<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> PartialEq for Waiting<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<T> Eq for Waiting<T> {}

/// A thousand voices of 50 packets a second for two seconds.
const UNDER_WAY_MAX: usize = 100_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_leaves_first_and_equals_keep_their_order() {
        let ms = Duration::from_millis;
        let mut departures = Departures::new();
        for (due, item) in [(5, 'c'), (3, 'a'), (5, 'd'), (4, 'b')] {
            assert!(departures.push(ms(due), item));
        }
        assert_eq!(departures.pop(ms(2)), None);
        let left: Vec<_> = std::iter::from_fn(|| departures.pop(ms(9))).collect();
        assert_eq!(left, [(ms(3), 'a'), (ms(4), 'b'), (ms(5), 'c'), (ms(5), 'd')]);
    }

    #[test]
    fn there_is_room_for_so_many_and_no_more() {
        let mut departures = Departures::new();
        assert!((0..UNDER_WAY_MAX).all(|number| departures.push(Duration::ZERO, number)));
        assert!(!departures.push(Duration::ZERO, 0));
        assert_eq!(departures.pop(Duration::ZERO), Some((Duration::ZERO, 0)));
        assert!(departures.push(Duration::ZERO, 0));
    }
}
