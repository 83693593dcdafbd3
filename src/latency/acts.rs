//! What was done in the last hour, so that whoever looks sees what happened before they looked.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Acts of the last hour, the newest [`ACTS_MAX`] of them.
#[derive(Clone, Debug)]
pub struct Acts<T>(VecDeque<(Instant, T)>);

impl<T> Default for Acts<T> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<T> Acts<T> {
    /// Notes one.
    pub fn note(&mut self, act: T, now: Instant) {
        self.forget(now);
        if self.0.len() >= ACTS_MAX {
            self.0.pop_front();
        }
        self.0.push_back((now, act));
    }

    /// Those of the last hour with their age, the newest first.
    pub fn newest(&self, now: Instant) -> impl Iterator<Item = (Duration, &T)> {
        let aged = self.0.iter().rev().map(move |(at, act)| (now.saturating_duration_since(*at), act));
        aged.take_while(|(age, _)| *age <= KEPT)
    }

    fn forget(&mut self, now: Instant) {
        while self.0.front().is_some_and(|(at, _)| now.saturating_duration_since(*at) > KEPT) {
            self.0.pop_front();
        }
    }
}

/// How long an act is remembered.
pub const KEPT: Duration = Duration::from_secs(3_600);
/// Acts remembered at once: more than a page can show.
pub const ACTS_MAX: usize = 500;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_hour_is_kept_and_of_a_busy_one_the_newest() {
        let now = crate::runtime::clock::now();
        let mut acts = Acts::default();
        acts.note(0, now);
        acts.note(1, now + Duration::from_secs(3_000));
        let later = now + Duration::from_secs(3_700);
        assert_eq!(acts.newest(later).map(|(_, act)| *act).collect::<Vec<_>>(), [1]);
        for number in 0..2_000 {
            acts.note(number, later);
        }
        let kept: Vec<_> = acts.newest(later).map(|(_, act)| *act).collect();
        assert_eq!((kept.len(), kept[0]), (ACTS_MAX, 1_999));
    }
}
