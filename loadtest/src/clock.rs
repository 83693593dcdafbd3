//! The only place of this crate that reads a clock.

#![allow(clippy::disallowed_methods, reason = "this file is the clock")]

use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The time now.
pub fn now() -> Instant {
    let now = Instant::now();
    ORIGIN.get_or_init(|| now);
    now
}

/// Nanoseconds since this process first asked for the time. Those of different processes cannot be compared.
pub fn nanos(at: Instant) -> u64 {
    let since = at.saturating_duration_since(*ORIGIN.get_or_init(|| at));
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// Time passed since `then`.
pub fn since(then: Instant) -> Duration {
    now().saturating_duration_since(then)
}

/// Time since 1970, as the kernel stamps what it receives.
pub fn unix_time() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Seconds since 1970, as tokens count them.
pub fn unix_seconds() -> u64 {
    unix_time().as_secs()
}

static ORIGIN: OnceLock<Instant> = OnceLock::new();
