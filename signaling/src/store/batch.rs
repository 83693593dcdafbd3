//! A batch is what one step of a room changes: written whole or not at all.

use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::{ids::RoomId, room::Change};

/// What one step of a room changes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Batch {
    /// Of which room; none for what concerns the whole server.
    pub(crate) room: Option<RoomId>,
    /// When, in milliseconds since 1970.
    pub(crate) at_ms: u64,
    /// Rows of the room's state; without a room, rows that hold in all of them.
    pub(crate) state: Vec<Change>,
    /// What happened, in order.
    pub(crate) events: Vec<EventRow>,
    /// What hosts and back ends decided, in order.
    pub(crate) audits: Vec<AuditRow>,
    /// What was answered to requests with an idempotency key.
    pub(crate) answers: Vec<AnswerRow>,
    /// The room is over: its state goes, but for what moderators decided. Its log stays.
    pub(crate) ends: bool,
    /// Whoever wants it gives it up if it cannot be written: then it is not kept for another try.
    pub(crate) now_or_never: bool,
}

impl Batch {
    /// Whether there is nothing to write.
    pub(crate) fn is_empty(&self) -> bool {
        let Self { room: _, at_ms: _, state, events, audits, answers, ends, now_or_never: _ } = self;
        state.is_empty() && events.is_empty() && audits.is_empty() && answers.is_empty() && !ends
    }
}

/// One event of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EventRow {
    /// Its kind, as webhooks name it: `seat.changed`.
    pub(crate) kind: &'static str,
    /// Its number in the room's log; that of the last event before it, if it has none of its own.
    pub(crate) seq: u64,
    /// What happened, as JSON: the frame that people were told, if they were.
    pub(crate) body: Utf8Bytes,
}

/// One act of moderation that was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AuditRow {
    /// Who did it.
    pub(crate) by: String,
    /// How they came: `host`, `cohost`, `member` by a session or by HTTP, `admin` for a back end.
    pub(crate) role: &'static str,
    /// Whether it was asked by HTTP.
    pub(crate) from_outside: bool,
    /// What: the type of the command, `seat_lock`.
    pub(crate) act: &'static str,
    /// To whom, if to someone.
    pub(crate) on: Option<String>,
    /// Why, if they said.
    pub(crate) reason: Option<String>,
    /// The rest of the command, as JSON.
    pub(crate) details: String,
    /// The number of the last event of the room's log when it was done.
    pub(crate) seq: u64,
}

/// What was answered to a request with an idempotency key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AnswerRow {
    /// Whose key.
    pub(crate) whose: String,
    /// The key.
    pub(crate) key: String,
    /// A digest of what was asked with it: method, path, preconditions and body.
    pub(crate) request: [u8; 32],
    /// The status that was answered.
    pub(crate) status: u16,
    /// The entity tag that was answered, if one was.
    pub(crate) etag: Option<String>,
    /// The type of the body.
    pub(crate) content_type: String,
    /// The body that was answered.
    pub(crate) body: Vec<u8>,
    /// When, in milliseconds since 1970.
    pub(crate) at_ms: u64,
}

/// The fate of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum OutboxChange {
    /// It arrived, or is given up: it goes.
    Done {
        /// Whose.
        target: String,
        /// Which event.
        event: u64,
    },
    /// It is to be tried again.
    Retry {
        /// Whose.
        target: String,
        /// Which event.
        event: u64,
        /// How often it was tried.
        attempts: u32,
        /// When, in milliseconds since 1970.
        next_ms: u64,
    },
}

impl OutboxChange {
    /// Which delivery: whose, and which event.
    pub(super) fn key(&self) -> (String, u64) {
        match self {
            Self::Done { target, event } | Self::Retry { target, event, .. } => (target.clone(), *event),
        }
    }
}
