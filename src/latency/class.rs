//! A class says how a delay feels: natural, ok, laggy. A verdict that people are told does not flap.
//!
//! A worse class is told only after the delay has been above its edge for a while without a break; a better one only after it has been well
//! below that edge for longer.

use std::time::{Duration, Instant};

/// How a delay feels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// A conversation.
    Natural,
    /// People begin to speak at once.
    Ok,
    /// It lags.
    Laggy,
}

impl Class {
    /// All of them, the best first.
    pub const ALL: [Self; 3] = [Self::Natural, Self::Ok, Self::Laggy];

    /// Its name.
    pub fn label(self) -> &'static str {
        match self {
            Self::Natural => "natural",
            Self::Ok => "ok",
            Self::Laggy => "laggy",
        }
    }
}

/// Where the classes meet, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Edges {
    /// Up to here it is natural.
    pub natural_ms: f64,
    /// Beyond this it lags.
    pub laggy_ms: f64,
}

impl Edges {
    /// The class of a delay without a past.
    pub fn class(&self, ms: f64) -> Class {
        if ms <= self.natural_ms {
            Class::Natural
        } else if ms <= self.laggy_ms {
            Class::Ok
        } else {
            Class::Laggy
        }
    }
}

impl Default for Edges {
    /// ITU-T G.114 finds most conversations unhurt up to 150 ms and none well beyond 400 ms; the product's edges are a little more patient.
    fn default() -> Self {
        Self { natural_ms: 200.0, laggy_ms: 500.0 }
    }
}

/// The verdict on one delay as it changes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Verdict {
    class: Option<Class>,
    worse_since: Option<Instant>,
    better_since: Option<Instant>,
}

impl Verdict {
    /// Takes the delay as it is now, and says what class it is of. None until it has been known for as long as a worse class takes.
    pub fn judge(&mut self, ms: f64, edges: Edges, now: Instant) -> Option<Class> {
        let plain = edges.class(ms);
        let Some(class) = self.class else {
            // The first word on a delay is not said of its first second.
            if lasted(&mut self.worse_since, true, now, WORSE_AFTER) {
                *self = Self { class: Some(plain), worse_since: None, better_since: None };
            }
            return self.class;
        };
        let eased = Edges { natural_ms: edges.natural_ms * EASED, laggy_ms: edges.laggy_ms * EASED };
        let is_worse = lasted(&mut self.worse_since, plain > class, now, WORSE_AFTER);
        let is_better = lasted(&mut self.better_since, eased.class(ms) < class, now, BETTER_AFTER);
        if is_worse {
            self.become_class(plain);
        } else if is_better {
            self.become_class(eased.class(ms));
        }
        self.class
    }

    /// The class at present.
    pub fn class(&self) -> Option<Class> {
        self.class
    }

    fn become_class(&mut self, class: Class) {
        *self = Self { class: Some(class), worse_since: None, better_since: None };
    }
}

/// Whether something has held for so long without a break.
pub(super) fn lasted(since: &mut Option<Instant>, holds: bool, now: Instant, span: Duration) -> bool {
    if !holds {
        *since = None;
        return false;
    }
    now.saturating_duration_since(*since.get_or_insert(now)) >= span
}

/// How long a delay is above an edge before its class is the worse one.
pub const WORSE_AFTER: Duration = Duration::from_secs(3);
/// How long it is well below before its class is the better one.
pub const BETTER_AFTER: Duration = Duration::from_secs(5);
/// Well below an edge.
pub const EASED: f64 = 0.9;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// One judgement a second, as the monitor makes them.
    fn run(delays: impl IntoIterator<Item = f64>) -> Vec<Option<Class>> {
        let mut now = crate::runtime::clock::now();
        let mut verdict = Verdict::default();
        let mut each = |ms| {
            now += Duration::from_secs(1);
            verdict.judge(ms, Edges::default(), now)
        };
        delays.into_iter().map(&mut each).collect()
    }

    fn after(delays: &[(f64, usize)]) -> Option<Class> {
        let all = delays.iter().flat_map(|&(ms, times)| std::iter::repeat_n(ms, times));
        *run(all).last().expect("judged")
    }

    #[test]
    fn a_worse_class_takes_three_seconds_above_its_edge() {
        assert_eq!(after(&[(150.0, 3)]), None, "not known for long enough");
        assert_eq!(after(&[(150.0, 4)]), Some(Class::Natural));
        assert_eq!(after(&[(150.0, 4), (600.0, 3)]), Some(Class::Natural));
        assert_eq!(after(&[(150.0, 4), (600.0, 4)]), Some(Class::Laggy));
        assert_eq!(after(&[(150.0, 4), (600.0, 3), (150.0, 1), (600.0, 3)]), Some(Class::Natural), "a break");
        assert_eq!(after(&[(600.0, 4)]), Some(Class::Laggy));
    }

    #[test]
    fn a_better_class_takes_five_seconds_well_below_it() {
        assert_eq!(after(&[(600.0, 4), (460.0, 60)]), Some(Class::Laggy), "below the edge, but not well");
        assert_eq!(after(&[(600.0, 4), (440.0, 5)]), Some(Class::Laggy));
        assert_eq!(after(&[(600.0, 4), (440.0, 6)]), Some(Class::Ok));
        assert_eq!(after(&[(600.0, 4), (120.0, 6)]), Some(Class::Natural), "two steps at once");
        assert_eq!(after(&[(300.0, 4), (190.0, 60)]), Some(Class::Ok));
    }

    proptest! {
        #[test]
        fn a_verdict_never_flaps(delays in proptest::collection::vec(0.0f64..1_000.0, 1..200)) {
            let verdicts = run(delays.iter().copied());
            let changes: Vec<usize> =
                (1..verdicts.len()).filter(|&at| verdicts[at - 1].is_some() && verdicts[at] != verdicts[at - 1]).collect();
            for pair in changes.windows(2) {
                prop_assert!(pair[1] - pair[0] >= 3, "two changes within {} s", pair[1] - pair[0]);
            }
            // Delays on one side of an edge never change a class, however they move.
            for at in changes {
                let worse = verdicts[at] > verdicts[at - 1];
                let edge = if worse { delays[at] > 200.0 } else { delays[at] < 450.0 };
                prop_assert!(edge);
            }
        }
    }
}
