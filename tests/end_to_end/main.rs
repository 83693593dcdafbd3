//! The whole server over loopback, with clients built on the `webrtc` crate: an implementation that shares no line with ours, so that
//! our own misreading of an RFC cannot cancel out. A tone goes in at one end and is detected at the other.

#![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]
#![allow(clippy::print_stderr, reason = "a skipped test says so")]

mod delays;
mod descriptors;
mod doors;
mod interruptions;
mod light;
mod lines;
mod process;
mod restarts;
mod seats;
mod standstills;
mod starting;
mod voices;
mod world;
