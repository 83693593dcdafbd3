//! Places are how many decisions about people (bans, denials, mutes, given ranks) all rooms may remember together, and how many one room may.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// The places of all rooms, of those that are over, too.
#[derive(Debug)]
pub(crate) struct Places {
    used: AtomicUsize,
    total: usize,
}

impl Places {
    /// As many places as this, all of them free.
    pub(crate) fn new(total: usize) -> Self {
        Self { used: AtomicUsize::new(0), total }
    }

    /// How many places are taken.
    pub(crate) fn used(&self) -> usize {
        self.used.load(Relaxed)
    }

    /// How many places there are.
    pub(crate) fn total(&self) -> usize {
        self.total
    }

    /// How many a room may hold that holds so many: a share of what is free, so that no number of rooms leaves nothing for another one. Nothing is taken
    /// from a room that holds more.
    pub(crate) fn allowance(&self, held: usize) -> usize {
        held.max(self.total.saturating_sub(self.used()) / SHARE)
    }

    /// A room that held `held` holds `now`.
    pub(crate) fn moved(&self, held: usize, now: usize) {
        if now >= held {
            self.used.fetch_add(now - held, Relaxed);
        } else {
            self.used.fetch_sub(held - now, Relaxed);
        }
    }
}

/// How many decisions all rooms remember together.
pub(crate) const PLACES_MAX: usize = 131_072;
/// One room may hold this part of the free places: a sixteenth.
const SHARE: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes places for one room until it is refused. Returns how many it got.
    fn fill(places: &Places) -> usize {
        let mut held = 0;
        while held < places.allowance(held) {
            places.moved(held, held + 1);
            held += 1;
        }
        held
    }

    #[test]
    fn no_room_takes_all_places_and_a_later_one_always_has_some() {
        let places = Places::new(PLACES_MAX);
        let first = fill(&places);
        assert_eq!(first, PLACES_MAX / 17, "a sixteenth of what it leaves");
        for _ in 0..50 {
            assert!(fill(&places) > 0);
        }
        assert!(places.used() < places.total());
        assert_eq!(places.allowance(first), first, "what is held stays");
        places.moved(first, 0);
        assert!(places.allowance(0) >= first / SHARE);
    }
}
