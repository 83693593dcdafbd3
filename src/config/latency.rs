//! What the latency monitor holds the server to.

use serde::{Deserialize, Serialize};

use super::Bound;

/// `[latency]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Latency {
    /// Whether newcomers are refused when the server comes near its limits. It measures and tells in any case.
    pub enforce: bool,
    /// How long a join may take, from the first request to the first audio packet, in milliseconds.
    pub join_ms: u64,
    /// Mouth to ear, in milliseconds: up to here it feels natural.
    pub natural_ms: u64,
    /// Mouth to ear, in milliseconds: beyond this it lags.
    pub laggy_ms: u64,
    /// What the server itself may add to a join, in milliseconds.
    pub server_ms: u64,
    /// How long a packet may stay in the server, in milliseconds.
    pub residence_ms: u64,
    /// From which share of what there is (of the two times above, of CPU, memory and descriptors) new listeners are refused; guests and hosts later.
    pub refuse_at: f64,
}

impl Default for Latency {
    fn default() -> Self {
        Self {
            enforce: true,
            join_ms: 600,
            natural_ms: 200,
            laggy_ms: 500,
            server_ms: 150,
            residence_ms: 20,
            refuse_at: 0.85,
        }
    }
}

impl Latency {
    /// The same for a server that shares its machine with the browsers of those who try it, and that may well be built without optimisation: what it
    /// may add itself is more.
    #[must_use]
    pub fn for_development(&self) -> Self {
        let more = |ms: u64| ms.saturating_mul(DEVELOPMENT_PATIENCE);
        Self { server_ms: more(self.server_ms), residence_ms: more(self.residence_ms), ..self.clone() }
    }

    /// The numbers that have bounds.
    pub(super) fn bounds(&self) -> Vec<Bound> {
        vec![
            ("latency.join_ms", self.join_ms, 50, 60_000),
            ("latency.natural_ms", self.natural_ms, 20, 60_000),
            ("latency.laggy_ms", self.laggy_ms, self.natural_ms.saturating_add(1), 60_000),
            ("latency.server_ms", self.server_ms, 5, 60_000),
            ("latency.residence_ms", self.residence_ms, 1, 60_000),
        ]
    }

    /// Whether `refuse_at` leaves room below for going back and above for guests and hosts.
    pub(super) fn refuses_in_time(&self) -> bool {
        (0.3..=0.98).contains(&self.refuse_at)
    }
}

const DEVELOPMENT_PATIENCE: u64 = 10;
