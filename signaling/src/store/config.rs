//! What the store is told at its start.

use std::{path::PathBuf, time::Duration};

/// What the store is told at its start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreConfig {
    /// The file; without one everything is kept in memory and ends with the process.
    pub path: Option<PathBuf>,
    /// How long events are kept. At least as long as a webhook is tried.
    pub keep_events: Duration,
    /// The most events that are kept; the oldest go first.
    pub events_max: u64,
    /// How long the audit log is kept.
    pub keep_audits: Duration,
    /// How long answers to requests with an idempotency key are kept.
    pub keep_answers: Duration,
    /// How many such answers are kept.
    pub answers_max: usize,
    /// Where webhooks go: each event that a filter lets through is put into the outbox in the same transaction.
    pub targets: Vec<TargetFilter>,
    /// How many deliveries wait for a target; beyond it the oldest go.
    pub outbox_max: u64,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self {
            path: None,
            keep_events: Duration::from_secs(30 * 24 * 60 * 60),
            events_max: 10_000_000,
            keep_audits: Duration::from_secs(365 * 24 * 60 * 60),
            keep_answers: Duration::from_secs(24 * 60 * 60),
            answers_max: 10_000,
            targets: Vec::new(),
            outbox_max: 100_000,
        }
    }
}

/// Which events a target gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetFilter {
    /// The name of the target.
    pub name: String,
    /// Kinds of events, `seat.changed`, or families of them, `seat.*`. None: all.
    pub kinds: Vec<String>,
}

impl TargetFilter {
    /// Whether events of this kind are for it.
    #[must_use]
    pub fn wants(&self, kind: &str) -> bool {
        wants(&self.kinds, kind)
    }
}

/// Whether a kind of event is among these kinds and families of kinds; all are, if none is named.
pub(super) fn wants(kinds: &[String], kind: &str) -> bool {
    kinds.is_empty()
        || kinds.iter().any(|wanted| match wanted.strip_suffix('*') {
            Some(family) => kind.starts_with(family),
            None => wanted == kind,
        })
}
