//! A light client is a participant with media that costs so little that hundreds fit beside a server on one machine.
//!
//! It joins as a browser does: an offer over the WebSocket, checks, DTLS, SRTP, reports. Unlike [`participant`](crate::participant) it is
//! made of the server's own parts (`podium::transport`, `podium::wire`), so it proves nothing about how a standard is read; it is there to
//! make load, and to listen for gaps.
//!
//! - [`client`]: one such client as a value: time and datagrams in, datagrams out
//! - [`Party`]: many of them on one thread, with their sockets

pub mod client;
mod party;

pub use party::{Attendance, Invitation, News, Party, PartyError, PartyTally, RefusedJoin};
