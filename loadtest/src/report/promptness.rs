//! Promptness is how well a machine let client and server keep their time: a client that is late measures itself, and a server that waits for
//! its core is slower than it is.
//!
//! Both make figures worse and never better: a budget that was kept is kept all the same.

use std::time::Duration;

use serde::Serialize;

use super::{Percentiles, Samples};

/// How prompt client and server could be.
#[derive(Clone, Debug, Default)]
pub struct Promptness {
    /// From when something was due until the client did it.
    pub late: Samples,
    /// Times in which the client looked at no socket that waited for an answer.
    pub blind: Samples,
    /// Time in which the server could have run and others had its core.
    pub waited: Duration,
    /// For how long all this was watched.
    pub length: Duration,
}

/// The same in figures.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct PromptnessShown {
    pub(super) late: Percentiles,
    pub(super) blind: Percentiles,
    late_p99_limit_ms: f64,
    server_waited_share: f64,
    server_waited_limit: f64,
}

impl Promptness {
    /// Whether figures that miss a budget can be believed.
    pub fn is_enough(&self) -> bool {
        let is_client_prompt = [&self.late, &self.blind].iter().all(|samples| samples.at(0.99) <= LATE_P99_MAX);
        is_client_prompt && self.waited_share() <= WAITED_MAX
    }

    fn waited_share(&self) -> f64 {
        self.waited.as_secs_f64() / self.length.as_secs_f64().max(f64::MIN_POSITIVE)
    }

    pub(super) fn shown(&self) -> PromptnessShown {
        PromptnessShown {
            late: self.late.percentiles(),
            blind: self.blind.percentiles(),
            late_p99_limit_ms: LATE_P99_MAX.as_secs_f64() * 1000.0,
            server_waited_share: self.waited_share(),
            server_waited_limit: WAITED_MAX,
        }
    }
}

impl PromptnessShown {
    /// What is to be said of the server's core, and of figures that are not to be believed.
    pub(super) fn verdict(&self, is_valid: bool) -> String {
        let waited = self.server_waited_share * 100.0;
        let mut text = format!("the server waited for its core {waited:.1} % of the time\n");
        if !is_valid {
            text += "INVALID: the client was late or the server had to wait; the server is better than these figures\n";
        }
        text
    }
}

/// A client may be so late in 99 of 100 cases: a quarter of what an answer may take.
const LATE_P99_MAX: Duration = Duration::from_millis(5);
/// A server may wait for its core such a part of the time.
const WAITED_MAX: f64 = 0.05;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_client_and_a_server_without_its_core_are_each_told() {
        let prompt = Promptness { length: Duration::from_secs(10), ..Promptness::default() };
        assert!(prompt.is_enough());
        let waited = Promptness { waited: Duration::from_millis(510), ..prompt.clone() };
        assert!(!waited.is_enough());
        assert!(waited.shown().verdict(false).contains("5.1 %"));
        let mut late = prompt;
        late.late.add(Duration::from_millis(6));
        assert!(!late.is_enough());
    }
}
