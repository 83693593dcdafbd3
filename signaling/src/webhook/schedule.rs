//! The schedule says when a delivery that failed is tried again, and when no more. It is pure: it is told the time and the dice.

use std::time::Duration;

/// How deliveries are paced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pace {
    /// How long one try may take in all.
    pub(super) try_max: Duration,
    /// How long the second try waits for; each later one twice as long.
    pub(super) wait_first: Duration,
    /// The longest wait between two tries.
    pub(super) wait_max: Duration,
    /// How long a delivery is tried, from when it was put into the outbox.
    pub(super) whole: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            try_max: Duration::from_secs(10),
            wait_first: Duration::from_secs(1),
            wait_max: Duration::from_secs(60 * 60),
            whole: Duration::from_secs(24 * 60 * 60),
        }
    }
}

/// What becomes of a delivery that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// It is tried again at this time, in milliseconds since 1970.
    Again(u64),
    /// It is tried no more.
    GiveUp,
}

impl Pace {
    /// What becomes of a delivery that was put into the outbox at `since_ms` and has failed `attempts` times, at `now_ms` the last time. Half of the wait
    /// is up to the dice, so that rooms do not come back all at once. The last try is at the end of the whole time.
    pub(super) fn after_failure(&self, attempts: u32, since_ms: u64, now_ms: u64, dice: u32) -> Next {
        let end_ms = since_ms.saturating_add(millis(self.whole));
        if now_ms >= end_ms {
            return Next::GiveUp;
        }
        let doublings = attempts.saturating_sub(1).min(DOUBLINGS_MAX);
        let wait = self.wait_first.saturating_mul(1 << doublings).min(self.wait_max);
        let half_ms = millis(wait / 2);
        let wait_ms = half_ms + (half_ms * u64::from(dice)).div_euclid(u64::from(u32::MAX));
        Next::Again(now_ms.saturating_add(wait_ms).min(end_ms))
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// 2²⁰ s is beyond every wait.
const DOUBLINGS_MAX: u32 = 20;

#[cfg(test)]
mod tests {
    use super::*;

    const T0: u64 = 1_790_000_000_000;
    const HOUR: u64 = 3_600_000;

    #[test]
    fn waits_double_from_a_second_to_an_hour_with_half_of_each_up_to_the_dice() {
        let pace = Pace::default();
        let wait = |attempts, dice| match pace.after_failure(attempts, T0, T0, dice) {
            Next::Again(at_ms) => at_ms - T0,
            Next::GiveUp => panic!("it has only begun"),
        };
        assert_eq!([1, 2, 3, 12].map(|attempts| wait(attempts, u32::MAX)), [1_000, 2_000, 4_000, 2_048_000]);
        assert_eq!([1, 2, 3, 12].map(|attempts| wait(attempts, 0)), [500, 1_000, 2_000, 1_024_000]);
        assert_eq!([13, 14, 1_000, u32::MAX].map(|attempts| wait(attempts, u32::MAX)), [HOUR; 4]);
    }

    #[test]
    fn a_delivery_is_tried_for_a_day_and_then_no_more() {
        let pace = Pace::default();
        let (mut now_ms, mut attempts) = (T0, 0);
        loop {
            attempts += 1;
            // Each try takes as long as one may.
            now_ms += 10_000;
            match pace.after_failure(attempts, T0, now_ms, attempts.wrapping_mul(0x9e37_79b9)) {
                Next::Again(at_ms) => {
                    assert!((now_ms..=T0 + 24 * HOUR).contains(&at_ms), "{at_ms} after {now_ms}");
                    now_ms = at_ms;
                }
                Next::GiveUp => break,
            }
        }
        assert_eq!(now_ms, T0 + 24 * HOUR + 10_000, "the last try is at the end");
        assert!((35..=70).contains(&attempts), "{attempts} tries in a day");
    }

    #[test]
    fn a_clock_that_went_back_or_mad_does_no_harm() {
        let pace = Pace::default();
        assert_eq!(pace.after_failure(1, T0, T0 - HOUR, u32::MAX), Next::Again(T0 - HOUR + 1_000));
        assert_eq!(pace.after_failure(1, u64::MAX, u64::MAX - 1, 7), Next::Again(u64::MAX));
        assert_eq!(pace.after_failure(1, 0, u64::MAX, 7), Next::GiveUp);
    }
}
