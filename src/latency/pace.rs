//! The pace at which newcomers may come in, so that a storm of joins leaves half of the free CPU to those who are in already.
//!
//! What a join costs is learnt: the CPU that the process used in a second is what it uses anyway and so much for each join. Both are corrected
//! by what remains unexplained. The pace itself is a bucket of tokens in the form of one number, the moment at which the bucket will be full again
//! (the virtual scheduling of ITU-T I.371), so that a shell can keep it in one atomic.

/// What is known of the cost of a join.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    /// Cores used without any join.
    steady: f64,
    /// Seconds of CPU for one join.
    join_s: f64,
}

impl Default for Cost {
    fn default() -> Self {
        Self { steady: 0.0, join_s: JOIN_S_AT_FIRST }
    }
}

impl Cost {
    /// Learns from a while in which so many cores were used and so many joins a second came in.
    pub fn learn(&mut self, cores: f64, joins_per_s: f64) {
        if !cores.is_finite() || !joins_per_s.is_finite() || joins_per_s < 0.0 {
            return;
        }
        let unexplained = cores - self.steady - joins_per_s * self.join_s;
        if joins_per_s < FEW_JOINS {
            self.steady += unexplained / 4.0;
        } else {
            // Newcomers stay and cost what everyone costs: part of what is unexplained is theirs for good.
            self.steady += unexplained / 16.0;
            self.join_s += unexplained / joins_per_s / 4.0;
        }
        self.steady = self.steady.max(0.0);
        self.join_s = self.join_s.clamp(JOIN_S_MIN, JOIN_S_MAX);
    }

    /// Seconds of CPU for one join.
    pub fn join_s(&self) -> f64 {
        self.join_s
    }

    /// Joins a second that take half of what is free of so many cores.
    pub fn joins_per_s(&self, cores: f64) -> f64 {
        let free = (cores - self.steady).max(0.0);
        (free * SHARE / self.join_s).clamp(PER_S_MIN, PER_S_MAX)
    }
}

/// A pace: so many at once, then one every so often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Microseconds for one.
    pub every_us: u64,
    /// Microseconds that the bucket holds.
    pub depth_us: u64,
}

impl Pace {
    /// The pace of so many a second.
    pub fn per_second(rate: f64) -> Self {
        let every_us = (1e6 / rate.clamp(PER_S_MIN, PER_S_MAX)) as u64;
        Self { every_us: every_us.max(1), depth_us: DEPTH_US.max(every_us * AT_ONCE_MIN) }
    }

    /// When the bucket is full again once one more came in at `now_us`, if one more may. Who has `credit` (0 to 1) may overdraw by that share.
    pub fn take(&self, full_at_us: u64, now_us: u64, credit: f64) -> Option<u64> {
        let next = full_at_us.max(now_us).saturating_add(self.every_us);
        let depth = self.depth_us.saturating_add((self.depth_us as f64 * credit.clamp(0.0, 1.0)) as u64);
        (next <= now_us.saturating_add(depth)).then_some(next)
    }

    /// When it is full again once one more came in who is never refused.
    pub fn take_anyway(&self, full_at_us: u64, now_us: u64) -> u64 {
        let most = now_us.saturating_add(self.depth_us.saturating_mul(2));
        full_at_us.max(now_us).saturating_add(self.every_us).min(most)
    }

    /// When the bucket is full again that was filled at another pace: whoever came in is owed for at the pace of now. The debt is one bucket at
    /// most, or as many as it was before by those who overdrew.
    pub fn rescale(&self, full_at_us: u64, now_us: u64, before: &Self) -> u64 {
        let debt = full_at_us.saturating_sub(now_us);
        let most = share_of(self.depth_us, debt.max(before.depth_us), before.depth_us);
        now_us.saturating_add(share_of(debt, self.every_us, before.every_us).min(most))
    }
}

fn share_of(whole: u64, part: u64, of: u64) -> u64 {
    let share = u128::from(whole) * u128::from(part) / u128::from(of.max(1));
    u64::try_from(share).unwrap_or(u64::MAX)
}

/// Of the free CPU, for joins.
const SHARE: f64 = 0.5;
/// A handshake and its signaling, before any was measured.
const JOIN_S_AT_FIRST: f64 = 0.005;
const JOIN_S_MIN: f64 = 0.001;
const JOIN_S_MAX: f64 = 0.05;
/// Fewer joins a second tell nothing of their cost.
const FEW_JOINS: f64 = 3.0;
/// Whatever was measured, someone comes in: what refuses everybody is the gate.
pub const PER_S_MIN: f64 = 2.0;
/// Beyond it a pace is none.
pub const PER_S_MAX: f64 = 5_000.0;
/// The bucket holds two seconds' joins.
const DEPTH_US: u64 = 2_000_000;
/// And at least so many: a small meeting comes in at once.
pub const AT_ONCE_MIN: u64 = 20;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_cost_of_a_join_is_learnt_from_what_the_process_used() {
        let mut cost = Cost::default();
        for _ in 0..20 {
            cost.learn(0.3, 0.0);
        }
        for _ in 0..40 {
            cost.learn(0.3 + 50.0 * 0.002, 50.0);
        }
        assert!((cost.join_s() - 0.002).abs() < 0.001, "{cost:?}");
        let rate = cost.joins_per_s(1.0);
        assert!((110.0..260.0).contains(&rate), "half of 0.7 cores: {rate}");
        assert!((cost.joins_per_s(0.25) - PER_S_MIN).abs() < 1e-9, "nothing is free");
    }

    #[test]
    fn a_pace_lets_some_in_at_once_and_then_one_by_one() {
        let pace = Pace::per_second(10.0);
        let (mut full_at, mut now, mut came) = (0, 1_000_000, 0);
        for _ in 0..10_000 {
            now += 1_000;
            if let Some(next) = pace.take(full_at, now, 0.0) {
                (full_at, came) = (next, came + 1);
            }
        }
        assert!((115..=121).contains(&came), "20 at once and 10 s of 10 a second: {came}");
        assert!(pace.take(full_at, now, 0.5).is_some(), "guests have credit");
        let overdrawn = (0..1_000).fold(full_at, |full_at, _| pace.take_anyway(full_at, now));
        assert!(pace.take(overdrawn, now + 4_100_000, 0.0).is_some(), "a debt is bounded");
    }

    #[test]
    fn a_debt_is_in_people_and_not_in_time() {
        let (slow, quick) = (Pace::per_second(2.0), Pace::per_second(100.0));
        let now = 1_000_000;
        let fill = |pace: &Pace| (0..1_000).fold(0, |full_at, _| pace.take(full_at, now, 0.0).unwrap_or(full_at));
        let full = fill(&slow);
        assert_eq!((slow.take(full, now, 0.0), full - now), (None, 10_000_000));
        assert_eq!(quick.rescale(full, now, &slow) - now, 200_000, "20 people are a fifth of a second");
        let full = fill(&quick);
        assert_eq!(slow.rescale(full, now, &quick) - now, slow.depth_us, "no more than a bucket");
        let overdrawn = (0..1_000).fold(full, |full_at, _| quick.take_anyway(full_at, now));
        assert_eq!(quick.rescale(overdrawn, now, &quick), overdrawn, "what hosts overdrew is not forgiven");
        assert_eq!(quick.rescale(5, now, &slow), now, "nothing is owed");
    }

    proptest! {
        #[test]
        fn nothing_that_is_measured_stops_the_pace(seconds in proptest::collection::vec((proptest::num::f64::ANY, 0.0f64..1e6), 0..100)) {
            let mut cost = Cost::default();
            for (cores, joins) in seconds {
                cost.learn(cores, joins);
            }
            let rate = cost.joins_per_s(2.0);
            prop_assert!(rate.is_finite() && (PER_S_MIN..=PER_S_MAX).contains(&rate));
            prop_assert!(Pace::per_second(rate).take(0, 1, 0.0).is_some());
        }
    }
}
