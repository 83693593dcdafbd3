//! The wire: JSON frames and bodies, read and written. `signaling/PROTOCOL.md` describes them for those who write clients.
//!
//! Pure. It turns text into what a room is asked and what a room says into text, and knows nothing of sockets or tasks.

pub mod body;
pub mod client;
pub mod figures;
pub mod outside;
pub mod server;
pub mod view;

mod decided;
mod depth;
#[cfg(test)]
pub(crate) mod tests;

/// The name of this protocol as a WebSocket subprotocol.
pub const SUBPROTOCOL: &str = "podium.v1";

/// The longest offer that is looked at.
pub const OFFER_BYTES_MAX: usize = 32 * 1024;

/// The longest token that a `resume` can show, in characters.
pub const RESUME_TOKEN_CHARS_MAX: usize = 256;

/// The longest message, in characters.
pub const MESSAGE_CHARS_MAX: usize = 500;

/// The longest kind of reaction, in characters.
pub const REACTION_CHARS_MAX: usize = 32;

/// The longest reason for a kick or a ban, in characters.
pub const REASON_CHARS_MAX: usize = 200;

/// The most people in one page of `people_list`.
pub const PEOPLE_PAGE_MAX: usize = 200;

/// How many there are if the client does not say.
pub const PEOPLE_PAGE_DEFAULT: u64 = 100;

/// The longest part of a name that people can be searched by, in characters.
pub const QUERY_CHARS_MAX: usize = 64;

/// How long a turn can be, in milliseconds, if it has an end.
pub const TURN_MS: std::ops::RangeInclusive<u64> = 10_000..=3_600_000;

/// How long a ban or a mute of a person can last, in milliseconds, if it has an end: up to ten years.
pub const FOR_MS: std::ops::RangeInclusive<u64> = 1..=10 * 365 * 24 * 60 * 60 * 1000;

/// The longest notice before a room closes, in milliseconds.
pub const NOTICE_MS_MAX: u64 = 600_000;

/// How far ahead a room can be scheduled, in milliseconds: 30 days.
pub const SCHEDULE_MS_MAX: u64 = 30 * 24 * 60 * 60 * 1000;

/// The longest time that a client can have measured, in milliseconds.
pub const STATS_MS_MAX: u32 = 60_000;

/// The most packets or samples that a client can have counted in a session: years of them.
pub const STATS_COUNT_MAX: u64 = 1_000_000_000_000;
