//! The only place of this crate that reads a clock. Everything below is told the time.
//!
//! Rooms and timers live on the monotonic clock, tokens on the wall clock: a step of the latter ends no session.

#![expect(clippy::disallowed_methods, reason = "this is the clock")]

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// The monotonic time, as tokio's timers see it.
#[must_use]
pub fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// Seconds since 1970 by the wall clock; 0 when that clock stands before it.
#[must_use]
pub fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Milliseconds since 1970 by the wall clock, which `ping` answers with.
#[must_use]
pub fn unix_millis() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|since| u64::try_from(since.as_millis()).ok())
        .unwrap_or(0)
}
