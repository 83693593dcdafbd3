//! How it is with the disk, as metrics.

use podium_signaling::{Health, Signaling};
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;

use super::family::{counter, gauge};

/// Reads the store's health.
pub(super) struct StoreCollector {
    pub(super) signaling: Signaling,
    pub(super) desc: Desc,
}

impl Collector for StoreCollector {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.desc]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        families(&self.signaling.store_health())
    }
}

fn families(health: &Health) -> Vec<MetricFamily> {
    let Health { fault, waiting, dropped, damaged, outbox, batches, commits, commit_time } = health;
    let shows = |name, help, value| gauge(name, help, &[(Vec::new(), value)]);
    let sums = |name, help, value| counter(name, help, &[(Vec::new(), value)]);
    let counts = |name, help, value: u64| sums(name, help, value as f64);
    vec![
        shows("podium_store_fault", "1 while nothing can be written, else 0.", f64::from(u8::from(fault.is_some()))),
        shows("podium_store_waiting", "Batches that wait in memory for the disk.", *waiting as f64),
        counts(
            "podium_store_dropped_total",
            "Rows given up because too many waited for the disk, or for a target of webhooks.",
            *dropped,
        ),
        counts("podium_store_damaged_total", "Rows that were found not to be as they were written.", *damaged),
        counts("podium_store_batches_total", "Batches written: what one step of a room changes.", *batches),
        counts(
            "podium_store_commits_total",
            "Transactions committed, each with the batches that had gathered.",
            *commits,
        ),
        sums(
            "podium_store_commit_seconds_total",
            "Time that they took, the disk's included.",
            commit_time.as_secs_f64(),
        ),
        shows("podium_store_outbox", "Webhooks that wait for their delivery, over all targets.", *outbox as f64),
    ]
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]

    use std::time::Duration;

    use prometheus::TextEncoder;

    use super::*;

    #[test]
    fn each_figure_of_the_store_has_its_series() {
        let health = Health {
            fault: Some("database or disk is full".to_owned()),
            waiting: 2,
            dropped: 3,
            damaged: 4,
            outbox: 5,
            batches: 6,
            commits: 7,
            commit_time: Duration::from_millis(1_500),
        };
        let page = TextEncoder::new().encode_to_string(&families(&health)).unwrap();
        for line in [
            "podium_store_fault 1",
            "podium_store_waiting 2",
            "podium_store_dropped_total 3",
            "podium_store_damaged_total 4",
            "podium_store_outbox 5",
            "podium_store_batches_total 6",
            "podium_store_commits_total 7",
            "podium_store_commit_seconds_total 1.5",
        ] {
            assert!(page.lines().any(|shown| shown == line), "{line} is not in:\n{page}");
        }
        let page = TextEncoder::new().encode_to_string(&families(&Health::default())).unwrap();
        assert!(page.contains("podium_store_fault 0\n"), "{page}");
    }
}
