//! The latency monitor's core: it measures joins and delays, judges them against the product's budgets, and decides who may come in.
//!
//! Pure. It names nothing else of ours: people, rooms and workers are numbers to it. What it measures is told to it, with the time; what should
//! follow it answers as values.

pub mod acts;
pub mod book;
pub mod class;
pub mod delay;
pub mod gate;
pub mod histogram;
pub mod join;
pub mod pace;
pub mod quality;
pub mod round_trip;
pub mod watch;
pub mod window;
