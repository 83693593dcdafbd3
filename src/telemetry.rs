//! Logs: readable lines on a terminal, JSON objects with a flag.

use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt, util::SubscriberInitExt};

/// Starts logging to standard error. `filter` is a tracing directive such as `info` or `podium=debug`.
///
/// A filter that cannot be read falls back to `info` and says so. Does nothing if logging has been started before.
pub fn start(filter: &str, json: bool) {
    let (directives, bad) = match EnvFilter::try_new(filter) {
        Ok(directives) => (directives, None),
        Err(error) => (EnvFilter::new("info"), Some(error)),
    };
    let registry = tracing_subscriber::registry().with(directives);
    let started = if json {
        registry.with(fmt::layer().json().with_writer(std::io::stderr)).try_init()
    } else {
        registry.with(fmt::layer().with_target(false).with_writer(std::io::stderr)).try_init()
    };
    if started.is_ok()
        && let Some(error) = bad
    {
        tracing::warn!(%error, "the log filter cannot be read; logging at info");
    }
}
