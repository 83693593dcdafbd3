//! Shells around the engines: threads, sockets, the clock. They see engines only, nothing of rooms' rules.

pub mod clock;
pub mod mailbox;
pub mod pool;
pub mod stats;
pub mod udp;
pub mod worker;
