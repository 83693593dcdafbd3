//! The wire: JSON frames and bodies, read and written. `signaling/PROTOCOL.md` describes them for those who write clients.
//!
//! Pure. It turns text into what a room is asked and what a room says into text, and knows nothing of sockets or tasks.

pub mod body;
pub mod client;
pub mod server;
pub mod view;

mod depth;
#[cfg(test)]
mod tests;

/// The name of this protocol as a WebSocket subprotocol.
pub const SUBPROTOCOL: &str = "podium.v1";

/// The longest offer that is looked at.
pub const OFFER_BYTES_MAX: usize = 32 * 1024;
