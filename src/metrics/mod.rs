//! Metrics in Prometheus' terms. Workers and signaling count plain integers; here they become families at the moment of a scrape.
//!
//! Labels come from closed sets: never a room, a person or an address.

mod family;
mod media;
mod signaling;
mod store;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use podium_signaling::Signaling;
use prometheus::core::Desc;
use prometheus::process_collector::ProcessCollector;
use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry, TextEncoder};

use crate::engine::event::{CloseReason, JoinEnd, Stage};
use crate::latency::histogram::JOIN_EDGES;
use crate::runtime::pool::Pool;

use media::MediaCollector;
use signaling::SignalingCollector;
use store::StoreCollector;

/// Joins as the media plane sees them, counted as they happen.
#[derive(Debug)]
pub struct JoinMetrics {
    stages: HistogramVec,
    complete: HistogramVec,
    failed: IntCounterVec,
}

impl JoinMetrics {
    /// Empty ones.
    ///
    /// # Errors
    ///
    /// Never in practice: only if Prometheus refuses the names above.
    pub fn new() -> prometheus::Result<Self> {
        let edges: Vec<f64> = JOIN_EDGES.iter().map(Duration::as_secs_f64).collect();
        let histogram = |name: &str, help: &str, label| {
            HistogramVec::new(HistogramOpts::new(name, help).buckets(edges.clone()), &[label])
        };
        Ok(Self {
            stages: histogram("podium_join_stage_seconds", "From taking an offer to each stage of the join.", "stage")?,
            complete: histogram(
                "podium_join_seconds",
                "From taking an offer to the end of the join: the first audio packet sent to the newcomer, or keys where nobody was audible.",
                "end",
            )?,
            failed: IntCounterVec::new(
                Opts::new("podium_join_failures_total", "Joins whose media path never came to be."),
                &["reason"],
            )?,
        })
    }

    /// A stage was reached.
    pub fn stage(&self, stage: Stage, after: Duration) {
        let label = match stage {
            Stage::FirstCheck => "first_check",
            Stage::Nominated => "ice",
            Stage::Handshake => "dtls",
            Stage::Keys => "keys",
            Stage::FirstAudio => "first_audio",
        };
        self.stages.with_label_values(&[label]).observe(after.as_secs_f64());
    }

    /// A join is complete.
    pub fn ended(&self, by: JoinEnd, after: Duration) {
        let label = match by {
            JoinEnd::FirstAudio => "audio",
            JoinEnd::Keys => "keys",
        };
        self.complete.with_label_values(&[label]).observe(after.as_secs_f64());
    }

    /// A join came to nothing.
    pub fn failed(&self, reason: CloseReason) {
        let label = match reason {
            CloseReason::HandshakeTimeout => "timeout",
            CloseReason::HandshakeFailed(failure) => failure.label(),
            CloseReason::Silent => "silent",
            CloseReason::Goodbye => "goodbye",
        };
        self.failed.with_label_values(&[label]).inc();
    }
}

/// Everything that a scrape shows.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
}

impl Metrics {
    /// Gathers from these sources at every scrape.
    ///
    /// # Errors
    ///
    /// If two families have one name.
    pub fn new(pool: Arc<Pool>, signaling: Signaling, joins: &JoinMetrics) -> prometheus::Result<Self> {
        let registry = Registry::new();
        registry.register(Box::new(ProcessCollector::for_self()))?;
        registry.register(Box::new(joins.stages.clone()))?;
        registry.register(Box::new(joins.complete.clone()))?;
        registry.register(Box::new(joins.failed.clone()))?;
        registry.register(Box::new(MediaCollector { pool, desc: described("podium_media", "The media plane.")? }))?;
        registry.register(Box::new(StoreCollector {
            signaling: signaling.clone(),
            desc: described("podium_store", "What lies on the disk.")?,
        }))?;
        registry.register(Box::new(SignalingCollector {
            signaling,
            desc: described("podium_signaling", "The signaling side.")?,
        }))?;
        Ok(Self { registry })
    }

    /// Prometheus' text format.
    ///
    /// # Errors
    ///
    /// If a family cannot be written.
    pub fn render(&self) -> prometheus::Result<String> {
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }
}

fn described(name: &str, help: &str) -> prometheus::Result<Desc> {
    Desc::new(format!("{name}_collector"), help.into(), Vec::new(), HashMap::new())
}
