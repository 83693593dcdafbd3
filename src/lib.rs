//! Podium is a real-time voice-room server: a few people on a stage, an audience that listens, hosts who run the seats.
//!
//! Pure cores, thin shells. Pure (no clock, no socket, no task): [`wire`] says what a datagram says, [`sdp`] answers an offer,
//! [`transport`] is one participant's secure path, [`router`] decides which packet goes to whom, [`latency`] measures, [`engine`] joins them
//! into one core's media plane. Shells: [`runtime`] owns threads and sockets, [`bridge`] joins rooms and engines, [`server`] assembles all.
//! Imports run one way; `tests/architecture.rs` holds that.

pub mod admin;
pub mod bridge;
pub mod config;
pub mod development;
pub mod engine;
pub mod latency;
pub mod listener;
pub mod metrics;
pub mod monitor;
pub mod router;
pub mod runtime;
pub mod sdp;
pub mod server;
pub mod telemetry;
pub mod tokens;
pub mod transport;
pub mod webhooks;
pub mod wire;
