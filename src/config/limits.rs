//! What one client, and all of them together, may ask of us.

use serde::{Deserialize, Serialize};

use super::Bound;

/// `[limits]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Sessions from one address at once. Behind a proxy every session has the proxy's address.
    pub sessions_per_address: usize,
    /// Sessions from all addresses at once.
    pub sessions_max: usize,
    /// Sessions of one identity in one room at once, where the room lets an identity have several.
    pub sessions_per_identity: usize,
    /// Sockets that are open and have not joined yet. When there are as many, a silent one gives way to the next.
    pub pending_joins_max: usize,
    /// Of these, silent ones of one address; beyond it they have a second to say what they want.
    pub pending_joins_per_address: usize,
    /// Of these, silent ones of one identity in one room; the oldest gives way to the next.
    pub pending_joins_per_identity: usize,
    /// Joins a second of one identity in one room, on average.
    pub identity_joins_per_second: u32,
    /// Such joins at once.
    pub identity_joins_burst: u32,
    /// How old a session can be resumed, in seconds.
    pub session_max_s: u64,
    /// Commands a second of one identity in one room, on average.
    pub commands_per_second: u32,
    /// Commands at once.
    pub commands_burst: u32,
    /// HTTP requests a second of one caller, on average: of one bearer of tokens, or of one address where there is no good token.
    pub http_per_second: u32,
    /// HTTP requests at once.
    pub http_burst: u32,
    /// The longest frame of a client, in bytes.
    pub frame_bytes_max: usize,
    /// How deep the JSON of a frame may nest.
    pub json_depth_max: usize,
    /// The longest name of a person, in characters.
    pub name_chars_max: usize,
    /// Downstream slots of one participant, 1 to 32: how many speakers can be heard at once.
    pub slots_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            sessions_per_address: 1_000,
            sessions_max: 50_000,
            sessions_per_identity: 64,
            pending_joins_max: 1_000,
            pending_joins_per_address: 32,
            pending_joins_per_identity: 4,
            identity_joins_per_second: 1,
            identity_joins_burst: 5,
            session_max_s: 86_400,
            commands_per_second: 20,
            commands_burst: 40,
            http_per_second: 200,
            http_burst: 400,
            frame_bytes_max: 65_536,
            json_depth_max: 16,
            name_chars_max: 64,
            slots_max: 16,
        }
    }
}

impl Limits {
    /// The numbers that have bounds.
    pub(super) fn bounds(&self) -> Vec<Bound> {
        vec![
            ("limits.sessions_per_address", self.sessions_per_address as u64, 1, u64::MAX),
            ("limits.sessions_max", self.sessions_max as u64, 1, u64::MAX),
            ("limits.sessions_per_identity", self.sessions_per_identity as u64, 1, u64::MAX),
            ("limits.pending_joins_max", self.pending_joins_max as u64, 1, u64::MAX),
            ("limits.pending_joins_per_address", self.pending_joins_per_address as u64, 1, u64::MAX),
            ("limits.pending_joins_per_identity", self.pending_joins_per_identity as u64, 1, u64::MAX),
            ("limits.identity_joins_per_second", u64::from(self.identity_joins_per_second), 1, u64::MAX),
            ("limits.identity_joins_burst", u64::from(self.identity_joins_burst), 1, u64::MAX),
            ("limits.session_max_s", self.session_max_s, 1, u64::MAX),
            ("limits.commands_per_second", u64::from(self.commands_per_second), 1, u64::MAX),
            ("limits.commands_burst", u64::from(self.commands_burst), 1, u64::MAX),
            ("limits.http_per_second", u64::from(self.http_per_second), 1, u64::MAX),
            ("limits.http_burst", u64::from(self.http_burst), 1, u64::MAX),
            ("limits.frame_bytes_max", self.frame_bytes_max as u64, 1024, 16_777_216),
            ("limits.json_depth_max", self.json_depth_max as u64, 4, 64),
            ("limits.name_chars_max", self.name_chars_max as u64, 1, 256),
            ("limits.slots_max", self.slots_max as u64, 1, 32),
        ]
    }
}
