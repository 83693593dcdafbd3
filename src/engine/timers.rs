//! One wheel of timers for the whole engine: no timer a participant, no sorting.
//!
//! A wheel answers "whose time has come" to within a tick. Entries are never removed: an owner whose deadline moved looks at its own
//! clock when it is called and arms itself again. Deadlines beyond the wheel's turn are called early, once a turn, which is harmless for the same reason.

use std::time::{Duration, Instant};

/// A wheel of deadlines for owners named `K`.
#[derive(Debug)]
pub struct Wheel<K> {
    start: Instant,
    /// The tick up to which everything has been called.
    called: u64,
    buckets: Vec<Vec<K>>,
    armed: usize,
}

impl<K: Copy> Wheel<K> {
    /// An empty wheel whose first tick is `now`.
    pub fn new(now: Instant) -> Self {
        Self { start: now, called: 0, buckets: std::iter::repeat_with(Vec::new).take(BUCKETS).collect(), armed: 0 }
    }

    /// Asks for `owner` to be called at or soon after `deadline`, and says when that will be.
    pub fn arm(&mut self, owner: K, deadline: Instant) -> Instant {
        let tick = self.tick_after(deadline).clamp(self.called + 1, self.called + BUCKETS as u64 - 1);
        self.buckets[(tick % BUCKETS as u64) as usize].push(owner);
        self.armed += 1;
        self.time_of(tick)
    }

    /// Moves everyone whose time has come into `due`.
    pub fn expire(&mut self, now: Instant, due: &mut Vec<K>) {
        let until = self.tick_before(now);
        let steps = until.saturating_sub(self.called).min(BUCKETS as u64);
        for step in 1..=steps {
            let bucket = &mut self.buckets[((self.called + step) % BUCKETS as u64) as usize];
            self.armed -= bucket.len();
            due.append(bucket);
        }
        self.called = self.called.max(until);
    }

    /// When [`Wheel::expire`] next has someone to call.
    pub fn next(&self) -> Option<Instant> {
        if self.armed == 0 {
            return None;
        }
        let mut ticks = (1..=BUCKETS as u64).map(|step| self.called + step);
        ticks.find(|tick| !self.buckets[(tick % BUCKETS as u64) as usize].is_empty()).map(|tick| self.time_of(tick))
    }

    fn time_of(&self, tick: u64) -> Instant {
        self.start + Duration::from_millis(tick * TICK_MS)
    }

    fn tick_after(&self, at: Instant) -> u64 {
        let nanos = at.saturating_duration_since(self.start).as_nanos();
        u64::try_from(nanos.div_ceil(TICK.as_nanos())).unwrap_or(u64::MAX)
    }

    fn tick_before(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.start).as_nanos() / TICK.as_nanos()).unwrap_or(u64::MAX)
    }
}

/// Timers are this late at most.
const TICK: Duration = Duration::from_millis(TICK_MS);
const TICK_MS: u64 = 5;
/// One turn is 5 s.
const BUCKETS: usize = 1_024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::clock::now;
    use proptest::prelude::*;

    fn run(wheel: &mut Wheel<u32>, now: Instant) -> Vec<u32> {
        let mut due = Vec::new();
        wheel.expire(now, &mut due);
        due
    }

    #[test]
    fn nobody_is_called_before_the_time_and_everybody_within_a_tick() {
        let start = now();
        let mut wheel = Wheel::new(start);
        wheel.arm(1, start + Duration::from_millis(12));
        assert_eq!(run(&mut wheel, start + Duration::from_millis(11)), Vec::<u32>::new());
        assert_eq!(wheel.next(), Some(start + Duration::from_millis(15)));
        assert_eq!(run(&mut wheel, start + Duration::from_millis(15)), vec![1]);
        assert_eq!(wheel.next(), None);
    }

    #[test]
    fn a_deadline_in_the_past_is_called_at_the_next_tick() {
        let start = now();
        let mut wheel = Wheel::new(start);
        run(&mut wheel, start + Duration::from_secs(3));
        wheel.arm(1, start);
        assert_eq!(run(&mut wheel, start + Duration::from_millis(3_005)), vec![1]);
    }

    #[test]
    fn a_deadline_beyond_the_turn_is_called_early_once_a_turn() {
        let start = now();
        let mut wheel = Wheel::new(start);
        wheel.arm(1, start + Duration::from_secs(30));
        let next = wheel.next().expect("armed");
        assert!(next < start + Duration::from_secs(6));
        assert_eq!(run(&mut wheel, next), vec![1]);
    }

    #[test]
    fn a_year_later_it_still_waits() {
        let start = now();
        let mut wheel = Wheel::new(start);
        let later = start + Duration::from_secs(400 * 24 * 3_600);
        run(&mut wheel, later);
        let called_at = wheel.arm(1, later + Duration::from_millis(100));
        assert_eq!(wheel.next(), Some(called_at));
        assert!(called_at >= later + Duration::from_millis(100));
        assert_eq!(run(&mut wheel, called_at), vec![1]);
    }

    proptest! {
        #[test]
        fn each_is_called_once_and_in_time(deadlines in prop::collection::vec(0u64..5_000, 1..50), step_ms in 1u64..900) {
            let start = now();
            let mut wheel = Wheel::new(start);
            for (owner, deadline) in deadlines.iter().enumerate() {
                wheel.arm(owner as u32, start + Duration::from_millis(*deadline));
            }
            let mut called = vec![false; deadlines.len()];
            let mut at = start;
            while at < start + Duration::from_secs(7) {
                at += Duration::from_millis(step_ms);
                for owner in run(&mut wheel, at) {
                    prop_assert!(!called[owner as usize]);
                    called[owner as usize] = true;
                    prop_assert!(at >= start + Duration::from_millis(deadlines[owner as usize]));
                    prop_assert!(at <= start + Duration::from_millis(deadlines[owner as usize] + 2 * step_ms + 10));
                }
            }
            prop_assert!(called.iter().all(|called| *called));
        }
    }
}
