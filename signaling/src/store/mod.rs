//! The store is the file in which everything lies that must outlive the process: rooms, their log, the audit log, answers, webhooks to deliver.
//!
//! Whoever writes hands over a batch and gets a ticket; nobody waits for the disk but whoever waits for a ticket. One thread writes what has gathered,
//! many batches in one transaction. What cannot be written is kept in memory, within bounds, and tried again.

mod batch;
mod config;
mod query;
mod ticket;

use std::sync::Arc;

pub(crate) use self::{
    batch::{AnswerRow, AuditRow, Batch, EventRow, OutboxChange},
    query::{AuditQuery, DueDelivery, EventQuery, Export, SavedRoom, StoredAudit, StoredEvent},
    ticket::{PATIENCE, Ticket},
};
pub use self::{
    config::{StoreConfig, TargetFilter},
    query::{Health, OpenError, StoreError},
};
use crate::ids::Identity;

/// The store. Cloning shares it.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    _shared: Arc<()>,
}

/// What was found in the file.
#[derive(Debug, Default)]
pub(crate) struct Recovered {
    /// The rooms that were not over.
    pub(crate) rooms: Vec<SavedRoom>,
    /// The answers that are still to be remembered, the oldest first.
    pub(crate) answers: Vec<AnswerRow>,
}

impl Store {
    /// Opens the file, or makes it, and reads what is needed at the start. It blocks: for a file of 1,000 rooms and 100,000 events well under 2 s.
    ///
    /// # Errors
    ///
    /// The file is from a newer version, damaged, in use by another process or cannot be had. It is left as it was.
    pub(crate) fn open(_config: &StoreConfig) -> Result<(Self, Recovered), OpenError> {
        Ok((Self { _shared: Arc::default() }, Recovered::default()))
    }

    /// Hands a batch over. It never waits: what the ticket says comes later.
    pub(crate) fn write(&self, _batch: Batch) -> Ticket {
        Ticket::settled(true)
    }

    /// A ticket for all that was handed over before.
    pub(crate) fn barrier(&self) -> Ticket {
        self.write(Batch::default())
    }

    /// How it is with the disk.
    pub(crate) fn health(&self) -> Health {
        Health::default()
    }

    /// The part of the log that a query asks for, the oldest first.
    pub(crate) async fn events(&self, _query: EventQuery) -> Result<Vec<StoredEvent>, StoreError> {
        Ok(Vec::new())
    }

    /// The part of the audit log that a query asks for, the oldest first.
    pub(crate) async fn audits(&self, _query: AuditQuery) -> Result<Vec<StoredAudit>, StoreError> {
        Ok(Vec::new())
    }

    /// Everything that is kept about someone.
    pub(crate) async fn export(&self, _who: Identity) -> Result<Export, StoreError> {
        Ok(Export::default())
    }

    /// Takes someone out of all that is kept of the past: events, audit log, webhooks to deliver, and, unless `keep_bans`, their bans. What rooms need at
    /// present (a seat, a rank of someone who is there) is the rooms' and not touched. Gives how many rows were changed.
    pub(crate) async fn erase(&self, _who: Identity, _keep_bans: bool) -> Result<u64, StoreError> {
        Ok(0)
    }

    /// For a target, the first delivery of each room that is due at `now_ms`, at most `count`, and when the next one is due.
    pub(crate) async fn due_deliveries(
        &self,
        _target: String,
        _now_ms: u64,
        _count: usize,
    ) -> Result<(Vec<DueDelivery>, Option<u64>), StoreError> {
        Ok((Vec::new(), None))
    }

    /// Waits until something was put into the outbox since the last call of this for the target. Spurious returns are allowed.
    pub(crate) async fn outbox_news(&self, _target: &str) {
        std::future::pending::<()>().await;
    }

    /// Writes down the fate of a delivery.
    pub(crate) fn note_delivery(&self, _change: OutboxChange) {}

    /// Writes out what has gathered and closes the file. It blocks for as long as the disk takes, but not longer than a few seconds.
    pub(crate) fn close(&self) {}
}
