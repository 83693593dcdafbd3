//! Shells around the engines: threads, sockets, the clock. They see engines only, nothing of rooms' rules.

pub mod addresses;
mod ages;
pub mod clock;
pub mod descriptors;
mod handshakes;
pub mod mailbox;
mod mirror;
pub mod outward;
pub mod pool;
mod residence;
pub mod stats;
pub mod udp;
pub mod worker;
