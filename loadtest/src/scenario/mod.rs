//! A scenario is something that many participants do together, with figures taken on the way.
//!
//! Each scenario is a value with its sizes, and one `run` that returns what it measured. It knows participants and the wire's words for
//! acts; budgets are for the report. [`Smoke`] has people with microphones, at a [`Venue`]; [`Audience`] and [`Joins`] measure signaling alone,
//! with people who have no media, on a [`Stand`]; [`Delay`] has people talk through a [relay](crate::relay); [`Durable`] and [`Restart`] measure
//! what lies on the disk, in a [`Scratch`] folder; [`Overload`] has hundreds with media at a server that is short of processor time.

mod audience;
mod cast;
mod crowd;
mod delay;
mod durable;
mod joins;
mod overload;
mod restart;
mod smoke;
mod stand;

use std::path::Path;

use indicatif::ProgressBar;

pub use audience::Audience;
pub use delay::{Delay, Trial};
pub use durable::{Durable, Scratch};
pub use joins::Joins;
pub use overload::Overload;
pub use restart::Restart;
pub use smoke::Smoke;
pub use stand::{Stand, StandError};

use crate::dice;
use crate::report::{Measured, ServerCost};
use crate::server::{ServerError, ServerProcess};

/// Where a scenario takes place.
pub struct Venue {
    url: String,
    server: Option<ServerProcess>,
}

impl Venue {
    /// A server that runs already, in development mode: tokens come from its `/dev/token`.
    pub fn at(url: impl Into<String>) -> Self {
        Self { url: url.into(), server: None }
    }

    /// A server of our own.
    pub async fn started(binary: &Path) -> Result<Self, ServerError> {
        let server = ServerProcess::start(binary, &[]).await?;
        Ok(Self { url: server.http_url(), server: Some(server) })
    }

    /// `http://host:port`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Runs a scenario and watches what the server uses meanwhile.
    pub async fn run(&self, scenario: &Smoke, progress: &ProgressBar) -> Measured {
        let used = |server: &ServerProcess| server.cpu_time().unwrap_or_default();
        let before = self.server.as_ref().map(used);
        let mut measured = scenario.run(&self.url, progress).await;
        if let (Some(server), Some(before)) = (&self.server, before) {
            let cpu = used(server).saturating_sub(before);
            measured.server = Some(ServerCost {
                cpu_ms: u64::try_from(cpu.as_millis()).unwrap_or(u64::MAX),
                cpu_us_per_packet: cpu.as_secs_f64() * 1e6 / measured.received.max(1) as f64,
                resident_kb: server.resident_kb().unwrap_or_default(),
            });
        }
        measured
    }
}
