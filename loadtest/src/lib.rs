//! Synthetic participants and load scenarios for Podium.
//!
//! A synthetic participant speaks the wire as any client would: JSON frames over a WebSocket, and audio through a WebRTC stack that is not
//! Podium's own (the `webrtc` crate). It shares no code with the server, so that one misreading of a standard cannot cancel another. Only a
//! light client does, which is there for load.
//!
//! - [`participant`]: one person in a room, with a microphone and ears
//! - [`light`]: hundreds of people with media in one process
//! - [`tone`]: what such a microphone picks up, and how to recognise it at the other end
//! - [`probe`]: a send time and a counter inside an Opus packet, which survive a forwarder's rewriting
//! - [`token`]: access tokens
//! - [`server`]: a Podium process of one's own
//! - [`relay`]: a network with faults, between the two
//! - [`cores`]: a core for the server and one for the client
//! - [`share`]: a part of a core for a server that is to be short of it
//! - [`scenario`]: what many participants do together, and [`report`]: what came of it

pub mod clock;
pub mod cores;
mod dice;
mod gallery;
pub mod light;
pub mod participant;
pub mod probe;
pub mod relay;
pub mod report;
pub mod scenario;
pub mod server;
pub mod share;
pub mod token;
pub mod tone;
