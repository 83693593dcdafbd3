//! Rooms, roles, seats and hands: their rules, their wire, and the web client.
//!
//! `text`, `ids`, `room` and `protocol` are pure; the rest are thin shells around them. This crate does not know who implements its [`media::MediaPlane`].

pub mod auth;
pub mod backup;
pub mod clock;
pub mod config;
pub mod ids;
pub mod limit;
pub mod media;
pub mod metrics;
pub mod monitor;
pub mod protocol;
pub mod room;
pub mod rooms;
pub mod signaling;
pub mod store;
pub mod text;
pub mod webhook;

mod http;
mod json;
mod paces;
mod random;
mod standstill;

pub use config::{DevMode, Limits, SignalingConfig};
pub use rooms::directory::Creation;
pub use signaling::{FactSink, Signaling};
pub use store::{Health, OpenError, StoreConfig};
