//! The only door to the clock in this crate: everything else is told the time.
//!
//! The monotonic clock is the one of signaling: there is one in a process, and it leaves out the time in which the process stood still.
#![allow(clippy::disallowed_methods, reason = "this file is the door")]

use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub use podium_signaling::clock::{now, ran_of, sleep, sleep_until, stood_still, timeout, watch};

/// The wall clock as an NTP timestamp (RFC 3550 section 4): seconds since 1900 in the upper, fractions in the lower half.
pub fn ntp_now() -> u64 {
    let since_unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let seconds = since_unix.as_secs().wrapping_add(NTP_TO_UNIX_SECONDS);
    let fraction = (u64::from(since_unix.subsec_nanos()) << 32) / 1_000_000_000;
    (seconds << 32) | fraction
}

/// The wall clock, as the kernel stamps datagrams with it: since the Unix epoch.
pub fn wall_now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO)
}

/// Seconds since the Unix epoch.
pub fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// How long this thread has computed, so that a test can tell work from waiting on a busy machine.
#[cfg(test)]
pub(crate) fn thread_cpu() -> Duration {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = told.split(' ').next().and_then(|first| first.parse().ok());
    nanoseconds.map_or(Duration::ZERO, Duration::from_nanos)
}

const NTP_TO_UNIX_SECONDS: u64 = 2_208_988_800;
