//! The whole system in virtual time, without sockets: stories of a few people, of many, on bad networks, and a soak of random ones.
//!
//! `PODIUM_SIM_SEED` replays a seed, `PODIUM_SIM_RUNS` says how many the soak tries.

#![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]

mod crowds;
mod interruptions;
mod joining;
mod latency;
mod measuring;
mod networks;
mod restarts;
mod seats;
mod soak;
mod sparing;
mod talking;
mod voices;
mod world;

use std::time::Duration;

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
