//! Promptness is how well a client kept its own time: a client that is late measures itself, so its figures are not the server's.

use std::time::Duration;

use serde::Serialize;

use super::{Percentiles, Samples};

/// How prompt a client was.
#[derive(Clone, Debug, Default)]
pub struct Promptness {
    /// From when something was due until it was done.
    pub late: Samples,
    /// Times in which no socket was looked at that waited for an answer.
    pub blind: Samples,
}

/// The same in figures.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct PromptnessShown {
    pub(super) late: Percentiles,
    pub(super) blind: Percentiles,
    limit_ms: f64,
}

impl Promptness {
    /// Whether what it measured can be believed.
    pub fn is_enough(&self) -> bool {
        [&self.late, &self.blind].iter().all(|samples| samples.at(0.99) <= LATE_P99_MAX)
    }

    pub(super) fn shown(&self) -> PromptnessShown {
        PromptnessShown {
            late: self.late.percentiles(),
            blind: self.blind.percentiles(),
            limit_ms: LATE_P99_MAX.as_secs_f64() * 1000.0,
        }
    }
}

impl PromptnessShown {
    pub(super) fn verdict(&self, is_valid: bool) -> &'static str {
        if is_valid { "" } else { "INVALID: the client itself was late; these are not the server's figures\n" }
    }
}

/// A client may be so late in 99 of 100 cases: a quarter of what an answer may take.
const LATE_P99_MAX: Duration = Duration::from_millis(5);
