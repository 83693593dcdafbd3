//! What was acknowledged is kept: the binary as a process of its own that is killed at any moment, stopped, started again, and given bad disks.
//!
//! `PODIUM_KILLS=1000 cargo test --test durability kill -- --nocapture` kills it a thousand times; `PODIUM_SEED` repeats a run's dice.

#![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]
#![allow(
    clippy::print_stdout,
    reason = "what was measured, and the seed, are seen with --nocapture or when a test fails"
)]

mod actor;
mod backend;
mod checker;
mod console;
mod copies;
#[allow(dead_code, reason = "the dice are made for simulations; killing uses a part of them")]
#[path = "../simulation/world/dice.rs"]
mod dice;
mod disk;
mod full_disk;
mod journal;
mod kills;
mod process;
mod refused_files;
mod slow_disk;
