//! Metrics in Prometheus' terms. Workers and signaling count plain integers; here they become families at the moment of a scrape.
//!
//! Labels come from closed sets: never a room, a person or an address.

mod family;
mod latency;
mod media;
mod signaling;
mod store;

use std::collections::HashMap;
use std::sync::Arc;

use podium_signaling::Signaling;
use prometheus::core::Desc;
use prometheus::process_collector::ProcessCollector;
use prometheus::{Registry, TextEncoder};

use crate::runtime::pool::Pool;

pub use latency::LatencyMetrics;
use media::MediaCollector;
use signaling::SignalingCollector;
use store::StoreCollector;

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
    pub fn new(pool: Arc<Pool>, signaling: Signaling, latency: &LatencyMetrics) -> prometheus::Result<Self> {
        let registry = Registry::new();
        registry.register(Box::new(ProcessCollector::for_self()))?;
        latency.register(&registry)?;
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
