//! A standstill is time in which the process did not run: it was stopped, frozen, or its machine was.
//!
//! Nobody can keep a promise to a process that does not run, so this time counts against nobody. The clock of this crate leaves it out.
//!
//! A thread beats every [`BEAT`]. After a beat the clock goes on for [`AHEAD_MAX`] at most. Then it
//! waits for the next beat. So no thread sees a jump, whichever runs first after a standstill. The
//! next beat counts the rest as a standstill. All times here are nanoseconds since the start of the
//! process. The clock never goes backwards.
//!
//! ```text
//! beat ──AHEAD_MAX──┤ the clock waits                  ├ beat: it goes on from where it waited
//! ────running───────┴──────────standstill──────────────┴────running─────►
//! ```
//!
//! Pure: the time is an argument.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// The time that the clock leaves out. Many threads read it; one beats.
#[derive(Debug)]
pub(crate) struct Standstills {
    /// As far as the clock may go before the next beat.
    limit: AtomicU64,
    /// All standstills so far.
    lost: AtomicU64,
    /// All of them before the last one.
    lost_before: AtomicU64,
    /// Where the clock stood during the last one.
    stood_at: AtomicU64,
}

impl Standstills {
    /// None so far. Until the first beat the clock waits for nothing.
    pub(crate) const fn none() -> Self {
        Self {
            limit: AtomicU64::new(u64::MAX),
            lost: AtomicU64::new(0),
            lost_before: AtomicU64::new(0),
            stood_at: AtomicU64::new(0),
        }
    }

    /// Returns the time that the clock shows at a moment. The moment is now, or one after the last standstill but one.
    pub(crate) fn shown_at(&self, moment: u64) -> u64 {
        // The limit is read first and written last: whoever sees the new one sees the rest of that beat as well.
        let limit = self.limit.load(Ordering::Acquire);
        let lost = self.lost.load(Ordering::Acquire);
        let lost_before = self.lost_before.load(Ordering::Acquire);
        let stood_at = self.stood_at.load(Ordering::Acquire);
        let after = moment.saturating_sub(lost);
        let before = moment.saturating_sub(lost_before).min(stood_at);
        after.max(before).min(limit)
    }

    /// All standstills up to this moment, also one that no beat has counted yet.
    pub(crate) fn lost_at(&self, moment: u64) -> Duration {
        Duration::from_nanos(moment.saturating_sub(self.shown_at(moment)))
    }

    /// Beats. Returns the standstill that ends here; zero if there was none.
    pub(crate) fn beat(&self, moment: u64) -> Duration {
        let (limit, lost) = (self.limit.load(Ordering::Acquire), self.lost.load(Ordering::Acquire));
        let shown = moment.saturating_sub(lost);
        let stood = shown.saturating_sub(limit);
        if stood > 0 {
            self.stood_at.store(limit, Ordering::Release);
            self.lost_before.store(lost, Ordering::Release);
            self.lost.store(lost + stood, Ordering::Release);
        }
        self.limit.store(shown - stood + nanos(AHEAD_MAX), Ordering::Release);
        Duration::from_nanos(stood)
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// The time between two beats of a process that runs.
pub(crate) const BEAT: Duration = Duration::from_millis(50);

/// The clock goes on for so long without a beat. A busy machine delays a beat by less.
pub(crate) const AHEAD_MAX: Duration = Duration::from_millis(250);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MS: u64 = 1_000_000;

    #[test]
    fn without_a_beat_the_clock_shows_every_moment() {
        let clock = Standstills::none();
        assert_eq!(clock.shown_at(7 * 3_600_000 * MS), 7 * 3_600_000 * MS);
        assert_eq!(clock.lost_at(5), Duration::ZERO);
    }

    #[test]
    fn a_late_beat_within_the_bound_is_no_standstill() {
        let clock = Standstills::none();
        for moment in [0, 50, 100, 340, 390] {
            assert_eq!(clock.beat(moment * MS), Duration::ZERO);
            assert_eq!(clock.shown_at(moment * MS + MS), moment * MS + MS);
        }
    }

    #[test]
    fn a_standstill_is_seen_by_whoever_runs_first_and_counted_by_the_next_beat() {
        let clock = Standstills::none();
        clock.beat(1_000 * MS);
        // Stopped at 1,040 for 20 s; a thread that is no beat runs first.
        assert_eq!(clock.shown_at(21_040 * MS), 1_250 * MS);
        assert_eq!(clock.lost_at(21_040 * MS), Duration::from_millis(19_790));
        assert_eq!(clock.beat(21_050 * MS), Duration::from_millis(19_800));
        assert_eq!(clock.shown_at(21_050 * MS), 1_250 * MS);
        assert_eq!(clock.shown_at(21_090 * MS), 1_290 * MS);
        // Moments before and within it are shown as they were then.
        assert_eq!([1_030, 1_240, 9_000, 21_049].map(|at| clock.shown_at(at * MS) / MS), [1_030, 1_240, 1_250, 1_250]);
    }

    proptest! {
        #[test]
        fn the_clock_never_goes_back_nor_jumps_nor_gains(steps in proptest::collection::vec((1u64..30_000, any::<bool>()), 1..200)) {
            let clock = Standstills::none();
            let (mut moment, mut shown, mut counted) = (0, 0, Duration::ZERO);
            clock.beat(0);
            for (step_ms, is_beat) in steps {
                moment += step_ms * MS;
                if is_beat {
                    counted += clock.beat(moment);
                    prop_assert_eq!(clock.lost_at(moment), counted);
                }
                let next = clock.shown_at(moment);
                prop_assert!(next >= shown && next - shown <= nanos(AHEAD_MAX) && next <= moment);
                shown = next;
            }
        }
    }
}
