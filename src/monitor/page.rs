//! What the live page shows, as JSON. Times are milliseconds unless their name says otherwise; what is not known is null.
//!
//! ```json
//! {
//!   "budgets": { "join_ms": 600, "natural_ms": 200, "laggy_ms": 500, "server_ms": 150, "residence_ms": 20 },
//!   "rooms": [
//!     { "room": "demo", "people": 12, "without_audio": 3, "classes": [10, 1, 1], "mouth_to_ear_ms": [120, 180, 230], "joins": [14, 1], "join_ms": [180, 300, 420] }
//!   ],
//!   "rooms_total": 1,
//!   "classes": [10, 1, 1],
//!   "qualities": [9, 2, 1, 0],
//!   "people": { "with_audio": 12, "without_audio": 3 },
//!   "joins": [{ "kind": "cold", "media": true, "stage": "answer", "count": 14, "p50_ms": 12.5, "p95_ms": 30.0 }],
//!   "workers": [
//!     { "index": 0, "busy": 0.12, "residence_p50_ms": 0.05, "residence_p95_ms": 0.2, "transports": 12, "packets_per_s": 1500.0, "silent_ms": 12 }
//!   ],
//!   "gate": {
//!     "enforce": true, "step": "everyone", "paced": false, "retry_after_s": null, "joins_per_s": 120.5, "audience_slots": null,
//!     "limits": [0.85, 0.92, 0.97],
//!     "pressure": { "join": 0.1, "residence": 0.0, "cpu": 0.2, "media": 0.1, "memory": 0.05, "descriptors": 0.01 }
//!   },
//!   "acts": [{ "ago_s": 12, "act": "flag_participant", "why": "mouth_to_ear", "room": "demo", "identity": "ben" }]
//! }
//! ```
//!
//! `rooms` holds the worst [`ROOMS_SHOWN`], the worst first. `classes` counts natural, ok, laggy; `qualities` excellent, good, poor, lost.
//! `mouth_to_ear_ms` and `join_ms` are median, 95th percentile and greatest; `joins` of a room is how many came to an end in the last hour and how
//! many failed. `people` of a room are those with media, `without_audio` all others in it. The `joins` of the whole server are those of the last 10
//! minutes: `kind` is `cold`, `warm` or `resume`; `media` is whether the newcomer has media; `stage` is `upgrade`, `join`, `answer`, `first_check`,
//! `ice`, `dtls`, `keys`, `first_packet`, each its own time since the stage before, `played`, by the client's word and since the start, `server`, all
//! stages that end by the server's act (`upgrade` and `answer`), or `total`. `step` is
//! `everyone`, `refuse_listeners`, `refuse_guests` or `refuse_hosts`. `acts` are those of the last hour, the newest first.

use serde::Serialize;

/// The whole document.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Page {
    /// What should hold.
    pub budgets: Budgets,
    /// The worst rooms, the worst first.
    pub rooms: Vec<RoomRow>,
    /// How many rooms there are in all.
    pub rooms_total: usize,
    /// Everyone who has a delay, by how it feels: natural, ok, laggy.
    pub classes: [u32; 3],
    /// Everyone whose connection is known: excellent, good, poor, lost.
    pub qualities: [u32; 4],
    /// How many there are.
    pub people: People,
    /// Joins of the last 10 minutes by kind, media and stage.
    pub joins: Vec<JoinRow>,
    /// The media workers.
    pub workers: Vec<WorkerRow>,
    /// Who may come in.
    pub gate: GateView,
    /// What was done in the last hour, the newest first.
    pub acts: Vec<ActRow>,
}

/// The budgets as they are configured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Budgets {
    /// A join.
    pub join_ms: u64,
    /// Mouth to ear, to feel natural.
    pub natural_ms: u64,
    /// Mouth to ear, beyond which it lags.
    pub laggy_ms: u64,
    /// The server's own part of a join.
    pub server_ms: u64,
    /// The time a packet spends here.
    pub residence_ms: u64,
}

/// Everyone in all rooms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct People {
    /// Those who have media.
    pub with_audio: usize,
    /// All others.
    pub without_audio: usize,
}

/// A room.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct RoomRow {
    /// Its id.
    pub room: String,
    /// Those in it who have media.
    pub people: usize,
    /// All others in it.
    pub without_audio: usize,
    /// By how it feels: natural, ok, laggy.
    pub classes: [u32; 3],
    /// Median, 95th percentile, greatest.
    pub mouth_to_ear_ms: Option<[u32; 3]>,
    /// Of the last hour: how many came to an end, how many failed.
    pub joins: [u32; 2],
    /// Median, 95th percentile, greatest.
    pub join_ms: Option<[u32; 3]>,
}

/// One stage of one kind of join.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct JoinRow {
    /// `cold`, `warm`, `resume`.
    pub kind: &'static str,
    /// Whether the newcomers have media.
    pub media: bool,
    /// Which stage, or `server`, or `total`.
    pub stage: &'static str,
    /// How many.
    pub count: u64,
    /// Median.
    pub p50_ms: f64,
    /// 95th percentile.
    pub p95_ms: f64,
}

/// A media worker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct WorkerRow {
    /// Its number.
    pub index: u16,
    /// The share of the last seconds that it did not wait.
    pub busy: f64,
    /// Median of the last 10 s.
    pub residence_p50_ms: Option<f64>,
    /// 95th percentile of the last 10 s.
    pub residence_p95_ms: Option<f64>,
    /// Transports that it has.
    pub transports: u64,
    /// Datagrams that it made, a second.
    pub packets_per_s: f64,
    /// Since its loop last turned.
    pub silent_ms: u64,
}

/// Who may come in, and why not everyone.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct GateView {
    /// Whether anyone is refused at all.
    pub enforce: bool,
    /// `everyone`, `refuse_listeners`, `refuse_guests`, `refuse_hosts`.
    pub step: &'static str,
    /// Listeners are refused because too many come at once, and not because of what the server has to do already.
    pub paced: bool,
    /// What those who are refused are told.
    pub retry_after_s: Option<u64>,
    /// How many may come in a second, by what a join costs.
    pub joins_per_s: f64,
    /// What is left of the audience's slots; null is all of them.
    pub audience_slots: Option<u8>,
    /// From which share on listeners, guests and hosts are refused.
    pub limits: [f64; 3],
    /// What was measured, of what it may be: 1 is all of it.
    pub pressure: Pressures,
}

/// What was measured, of what it may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Pressures {
    /// The server's part of joins.
    pub join: f64,
    /// The time packets spend here, of the worst worker.
    pub residence: f64,
    /// The CPU of this process.
    pub cpu: f64,
    /// The CPU of the busiest media worker, of one core.
    pub media: f64,
    /// Memory.
    pub memory: f64,
    /// Descriptors.
    pub descriptors: f64,
}

/// Something that was done.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ActRow {
    /// How long ago, in seconds.
    pub ago_s: u64,
    /// What.
    pub act: &'static str,
    /// Why: a budget.
    pub why: &'static str,
    /// Where, if not on the whole server.
    pub room: Option<String>,
    /// On whom, if on someone.
    pub identity: Option<String>,
}

/// Rooms on the page.
pub const ROOMS_SHOWN: usize = 100;
