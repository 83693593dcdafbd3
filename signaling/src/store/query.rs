//! What is read back from the store, and what can go wrong.

use std::{path::PathBuf, time::Duration};

use crate::{
    ids::{Identity, RoomId},
    room::outlives_room,
};

/// A room of which there are rows of state.
#[derive(Debug)]
pub(crate) struct SavedRoom {
    pub(crate) id: RoomId,
    /// Its rows: keys and values as [`Change`](crate::room::Change) gave them.
    pub(crate) state: Vec<(String, String)>,
}

impl SavedRoom {
    /// Whether the room was over when the process ended: then only what moderators decided is left.
    pub(crate) fn is_over(&self) -> bool {
        self.state.iter().all(|(key, _)| outlives_room(key))
    }
}

/// Which events.
#[derive(Debug, Clone, Default)]
pub(crate) struct EventQuery {
    /// Those with a greater id.
    pub(crate) after: u64,
    /// Those of one room.
    pub(crate) room: Option<RoomId>,
    /// Those of these kinds or families of kinds; all, if none is named.
    pub(crate) kinds: Vec<String>,
    /// So many at most.
    pub(crate) count: usize,
}

/// What a query has found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Part<T> {
    pub(crate) found: Vec<T>,
    /// Up to where was looked, if that was not the end.
    pub(crate) upto: Option<u64>,
}

/// An event as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredEvent {
    /// It grows over all rooms, without a gap.
    pub(crate) id: u64,
    pub(crate) room: Option<String>,
    pub(crate) seq: u64,
    pub(crate) at_ms: u64,
    pub(crate) kind: String,
    /// What happened, as JSON. None if the row is damaged.
    pub(crate) body: Option<String>,
}

/// Which entries of the audit log.
#[derive(Debug, Clone, Default)]
pub(crate) struct AuditQuery {
    /// Those with a greater id.
    pub(crate) after: u64,
    /// Those of one room.
    pub(crate) room: Option<RoomId>,
    /// Those by or on someone.
    pub(crate) identity: Option<Identity>,
    /// So many at most.
    pub(crate) count: usize,
}

/// An entry of the audit log as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredAudit {
    pub(crate) id: u64,
    pub(crate) room: Option<String>,
    pub(crate) seq: u64,
    pub(crate) at_ms: u64,
    pub(crate) by: String,
    pub(crate) role: String,
    pub(crate) from_outside: bool,
    pub(crate) act: String,
    pub(crate) on: Option<String>,
    pub(crate) reason: Option<String>,
    /// The rest of the command, as JSON.
    pub(crate) details: String,
    /// The row is not as it was written.
    pub(crate) damaged: bool,
}

/// Everything that is kept about someone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Export {
    /// Rows of rooms' state: room, key, value.
    pub(crate) state: Vec<(String, String, String)>,
    pub(crate) events: Vec<StoredEvent>,
    pub(crate) audits: Vec<StoredAudit>,
    /// How many answers to requests with an idempotency key of theirs are kept.
    pub(crate) answers: u64,
    /// There was more than an answer can hold.
    pub(crate) truncated: bool,
}

/// A webhook to deliver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DueDelivery {
    pub(crate) event: StoredEvent,
    /// How often it was tried.
    pub(crate) attempts: u32,
    /// When it was put into the outbox, in milliseconds since 1970.
    pub(crate) since_ms: u64,
}

/// How it is with the disk.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Health {
    /// Why nothing can be written at present; none if all is well.
    pub fault: Option<String>,
    /// How many batches wait in memory for the disk.
    pub waiting: u64,
    /// How many rows were dropped because too many waited.
    pub dropped: u64,
    /// How many rows were found damaged since the start.
    pub damaged: u64,
    /// How many deliveries wait, over all targets.
    pub outbox: u64,
    /// Batches that were written since the start.
    pub batches: u64,
    /// Transactions that were committed since the start.
    pub commits: u64,
    /// How long those took, all together.
    pub commit_time: Duration,
}

/// Why a file is not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It was written by a later version.
    #[error(
        "{path}: written by a newer version of Podium (format {found}, this version knows {known}); start that version, or name another file in store.path"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The latest format that is known here.
        known: u32,
    },
    /// It is a database of something else, or none.
    #[error("{path}: not a store of Podium ({why}); name another file in store.path")]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What it seems to be.
        why: String,
    },
    /// It is not as it was written.
    #[error("{path}: damaged ({why}); nothing was changed. Move it away, or restore a copy")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found.
        why: String,
    },
    /// Another process has it open.
    #[error("{path}: in use by another process")]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// The system does not let us.
    #[error("{path}: {why}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        why: String,
    },
}

/// Why something could not be read or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The disk, or SQLite, says no.
    #[error("{0}")]
    Failed(String),
    /// The store is closed.
    #[error("the store is closed")]
    Closed,
}
