//! Lateness is how much later than due an instrument did what it had to do. One that is late measures itself.

use std::time::Duration;

use serde::Serialize;

use crate::report::Samples;

/// How late departures were.
#[derive(Clone, Debug, Default)]
pub struct Lateness(Samples);

/// The same in figures.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct LatenessShown {
    /// Departures.
    pub count: u64,
    /// Half of them were not later than this.
    pub p50_ms: f64,
    /// 99 of 100 were not later than this.
    pub p99_ms: f64,
    /// None was later than this.
    pub max_ms: f64,
    /// Whether what was measured through the instrument can be believed.
    pub valid: bool,
}

impl Lateness {
    /// Counts one departure.
    pub(crate) fn add(&mut self, due: Duration, left: Duration) {
        self.0.add(left.saturating_sub(due));
    }

    /// Adds the departures of another part of the same instrument.
    pub fn merge(&mut self, other: &Self) {
        self.0.merge(&other.0);
    }

    /// Half of the departures were not later than this.
    pub fn p50(&self) -> Duration {
        self.0.at(0.5)
    }

    /// 99 of 100 were not later than this.
    pub fn p99(&self) -> Duration {
        self.0.at(0.99)
    }

    /// None was later than this.
    pub fn max(&self) -> Duration {
        self.0.at(1.0)
    }

    /// How many departures there were.
    pub fn count(&self) -> u64 {
        self.0.count()
    }

    /// Whether what was measured through the instrument can be believed. If nothing left there was nothing to measure.
    pub fn is_valid(&self) -> bool {
        !self.0.is_empty() && self.p99() <= LATE_P99_MAX
    }

    /// In figures.
    pub fn shown(&self) -> LatenessShown {
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        LatenessShown {
            count: self.count(),
            p50_ms: ms(self.p50()),
            p99_ms: ms(self.p99()),
            max_ms: ms(self.max()),
            valid: self.is_valid(),
        }
    }
}

/// 99 of 100 departures may be so late: a sixth of the error that the least exact estimate may have.
const LATE_P99_MAX: Duration = Duration::from_millis(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_late_departure_in_a_hundred_is_borne_and_two_are_not() {
        let ms = Duration::from_millis;
        let mut lateness = Lateness::default();
        assert!(!lateness.is_valid(), "nothing was measured");
        (0..99).for_each(|_| lateness.add(ms(100), ms(101)));
        lateness.add(ms(100), ms(150));
        assert!(lateness.is_valid(), "{:?}", lateness.shown());
        assert_eq!((lateness.p50(), lateness.max()), (ms(1), lateness.max().max(ms(50))));
        lateness.add(ms(100), ms(150));
        assert!(!lateness.is_valid(), "{:?}", lateness.shown());
    }
}
