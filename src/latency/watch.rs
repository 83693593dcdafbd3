//! A watch on one budget of the whole server: it says once when the budget is broken and once when it is kept again.

use std::time::{Duration, Instant};

use super::class::{EASED, lasted};

/// How it stands with one budget.
#[derive(Clone, Copy, Debug, Default)]
pub struct Watch {
    is_breached: bool,
    above_since: Option<Instant>,
    below_since: Option<Instant>,
}

/// What has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The budget is broken.
    Breached,
    /// It is kept again.
    Recovered,
}

impl Watch {
    /// Takes what was measured, if anything was: where nothing happens, nothing is too slow.
    pub fn look(&mut self, value: Option<f64>, limit: f64, now: Instant) -> Option<Change> {
        let value = value.filter(|value| value.is_finite()).unwrap_or(0.0);
        let above = lasted(&mut self.above_since, value > limit, now, BREACHED_AFTER);
        let below = lasted(&mut self.below_since, value < limit * EASED, now, RECOVERED_AFTER);
        if above && !self.is_breached {
            self.is_breached = true;
            Some(Change::Breached)
        } else if below && self.is_breached {
            self.is_breached = false;
            Some(Change::Recovered)
        } else {
            None
        }
    }

    /// Whether the budget is broken at present.
    pub fn is_breached(&self) -> bool {
        self.is_breached
    }
}

/// How long a value is above its budget before that is news.
pub const BREACHED_AFTER: Duration = Duration::from_secs(2);
/// How long it is well below before that is.
pub const RECOVERED_AFTER: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn run(values: impl IntoIterator<Item = Option<f64>>) -> Vec<(usize, Change)> {
        let mut now = crate::runtime::clock::now();
        let mut watch = Watch::default();
        let mut changes = Vec::new();
        for (second, value) in values.into_iter().enumerate() {
            now += Duration::from_secs(1);
            changes.extend(watch.look(value, 100.0, now).map(|change| (second, change)));
        }
        changes
    }

    #[test]
    fn each_breach_is_told_once_and_recovers_once() {
        let values = [(50.0, 3), (150.0, 10), (95.0, 10), (50.0, 10)];
        let values = values.into_iter().flat_map(|(value, times)| std::iter::repeat_n(Some(value), times));
        assert_eq!(run(values), [(5, Change::Breached), (28, Change::Recovered)]);
        let silence = std::iter::repeat_n(Some(150.0), 5).chain(std::iter::repeat_n(None, 10));
        assert_eq!(run(silence).last(), Some(&(10, Change::Recovered)));
        assert!(run([Some(f64::NAN); 10]).is_empty());
    }

    proptest! {
        #[test]
        fn breaches_and_recoveries_take_turns(values in proptest::collection::vec(proptest::option::of(0.0f64..200.0), 0..200)) {
            let changes = run(values);
            for (turn, (_, change)) in changes.iter().enumerate() {
                prop_assert_eq!(*change, if turn % 2 == 0 { Change::Breached } else { Change::Recovered });
            }
        }
    }
}
