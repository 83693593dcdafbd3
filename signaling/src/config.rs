//! What the signaling side is told at its start.

use std::{collections::HashMap, time::Duration};

use crate::{
    auth::{NAME_CHARS_MAX, Secret},
    room::Settings,
    store::StoreConfig,
    webhook::WebhookConfig,
};

/// What the signaling side is told at its start.
#[derive(Debug, Clone)]
pub struct SignalingConfig {
    /// The API keys: secrets by key id.
    pub keys: HashMap<String, Secret>,
    /// Present in development mode only.
    pub dev: Option<DevMode>,
    /// A host's join makes the room.
    pub auto_create: bool,
    /// The web origins whose pages may use the HTTP API: `https://console.example.org`. None unless they are named.
    pub cors_origins: Vec<String>,
    /// What rooms are made with, unless their maker says otherwise.
    pub settings: Settings,
    /// How much of everything there may be.
    pub limits: Limits,
    /// Where everything lies that must outlive the process. Who gets webhooks is told by `webhooks`, not here.
    pub store: StoreConfig,
    /// Where webhooks go.
    pub webhooks: WebhookConfig,
}

impl Default for SignalingConfig {
    fn default() -> Self {
        Self {
            keys: HashMap::new(),
            dev: None,
            auto_create: true,
            cors_origins: Vec::new(),
            settings: Settings::default(),
            limits: Limits::default(),
            store: StoreConfig::default(),
            webhooks: WebhookConfig::default(),
        }
    }
}

/// Development mode: this machine gets tokens for the asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DevMode {
    /// The key that signs them.
    pub key_id: String,
}

/// How much of everything there may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The longest frame a client may send.
    pub frame_bytes: usize,
    /// How deep its JSON may nest.
    pub json_depth: usize,
    /// Frames a second and session.
    pub commands_per_second: u32,
    /// Frames at once.
    pub burst: u32,
    /// Joins a second of one identity in one room.
    pub identity_joins_per_second: u32,
    /// Such joins at once.
    pub identity_joins_burst: u32,
    /// How long a session may flood before it is cut off.
    pub flood_patience: Duration,
    /// Frames that are no requests, before the session is over.
    pub strikes_max: u32,
    /// The longest name of a person, in characters.
    pub name_chars: usize,
    /// Requests a second of one caller of the HTTP API: of one bearer of tokens, or of one address (of one /64 network for IPv6) without a good one.
    pub http_per_second: u32,
    /// Such requests at once.
    pub http_burst: u32,
    /// How long after the upgrade `join` must have come.
    pub join_timeout: Duration,
    /// How long the media plane may take to answer an offer.
    pub open_timeout: Duration,
    /// How often a session is pinged.
    pub ping_interval: Duration,
    /// How long a session may say nothing, not even a pong.
    pub silence_max: Duration,
    /// Sessions of one address (of one /64 network for IPv6).
    pub sessions_per_address: usize,
    /// Sessions of all addresses.
    pub sessions_max: usize,
    /// Sessions of one identity in one room, where the room lets an identity have several.
    pub sessions_per_identity: usize,
    /// Sockets that have not joined yet. When there are as many, one that was silent gives way to the next.
    pub pending_joins_max: usize,
    /// Of one address: silent sockets beyond it have a second to say what they want.
    pub pending_joins_per_address: usize,
    /// Of one identity in one room: the one that waits longest gives way to the next.
    pub pending_joins_per_identity: usize,
    /// How old a session can be resumed.
    pub session_max: Duration,
    /// Rooms.
    pub rooms_max: usize,
    /// Frames that wait for a session that does not read.
    pub outbound_queue: usize,
    /// Bytes of such frames.
    pub outbound_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            frame_bytes: 64 * 1024,
            json_depth: 16,
            commands_per_second: 20,
            burst: 40,
            identity_joins_per_second: 1,
            identity_joins_burst: 5,
            flood_patience: Duration::from_secs(5),
            strikes_max: 3,
            name_chars: NAME_CHARS_MAX,
            http_per_second: 200,
            http_burst: 400,
            join_timeout: Duration::from_secs(10),
            open_timeout: Duration::from_secs(5),
            ping_interval: Duration::from_secs(5),
            silence_max: Duration::from_secs(15),
            sessions_per_address: 256,
            sessions_max: 50_000,
            sessions_per_identity: 64,
            pending_joins_max: 1_000,
            pending_joins_per_address: 32,
            pending_joins_per_identity: 4,
            session_max: Duration::from_secs(24 * 60 * 60),
            rooms_max: 10_000,
            outbound_queue: 512,
            outbound_bytes: 256 * 1024,
        }
    }
}
