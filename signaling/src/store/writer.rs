//! The writer is the one thread that changes the file: it writes all that has gathered in one transaction, tells the tickets, and begins again.
//!
//!   Well ──a group fails──► Fault: what waits is tried again every second ──a group is written──► Well

use std::{
    sync::{Arc, mpsc},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use rusqlite::{Connection, ErrorCode};

use super::{
    backlog::Backlog,
    config::StoreConfig,
    inbox::{Shared, Work, tell},
    ledger::Ledger,
    retention,
};
use crate::clock;

/// What only reads.
pub(super) type ReadJob = Box<dyn FnOnce(&Connection) + Send>;

/// The writer's own.
pub(super) struct Writer {
    pub(super) shared: Arc<Shared>,
    pub(super) ledger: Ledger,
    pub(super) config: StoreConfig,
    /// The reader, whose connection must go before this one.
    pub(super) reader: Option<JoinHandle<()>>,
    /// Held as long as the file is open.
    pub(super) lock: Option<std::fs::File>,
}

impl Writer {
    /// Works until it is told to end.
    pub(super) fn run(self) {
        // It goes after the file and the lock are let go.
        let _ends = Ends(Arc::clone(&self.shared));
        self.work();
    }

    fn work(mut self) {
        let mut retry_at = None;
        let mut upkeep_at = clock::now() + UPKEEP_EVERY;
        loop {
            let mut work = self.shared.take(retry_at, upkeep_at);
            let jobs = std::mem::take(&mut work.jobs);
            let is_last = work.is_last;
            if work.is_write() {
                retry_at = self.write(work);
            }
            for job in jobs {
                job(&mut self.ledger);
            }
            if is_last {
                return self.end();
            }
            if retry_at.is_none() && upkeep_at <= clock::now() {
                upkeep_at = self.keep_up();
            }
        }
    }

    /// Writes what has gathered. Gives when to try again, if it cannot be written.
    fn write(&mut self, work: Work) -> Option<Instant> {
        let Work { backlog, notes, teller, .. } = work;
        let outcome = self.ledger.write(backlog.batches(), notes.values());
        let settle = |is_durable| {
            teller.inspect(|teller| tell(teller, is_durable));
        };
        match outcome {
            Ok(deliveries) => {
                self.shared.written(backlog.len(), 1, deliveries);
                settle(true);
                self.ledger.checkpoint_if_due(backlog.bytes());
                None
            }
            Err(error) if is_own_fault(&error) => {
                settle(false);
                self.write_singly(backlog, notes.into_values().collect())
            }
            Err(error) => {
                self.shared.put_back(backlog, notes, error.to_string());
                settle(false);
                Some(clock::now() + RETRY_AFTER)
            }
        }
    }

    /// Writes batch by batch, and drops those that SQLite does not take whatever the disk is like: they must not keep all others waiting.
    fn write_singly(&mut self, backlog: Backlog, notes: Vec<super::OutboxChange>) -> Option<Instant> {
        let mut left = Backlog::default();
        let mut fault = None;
        for batch in backlog.into_batches() {
            if fault.is_some() {
                left.push(batch);
                continue;
            }
            match self.ledger.write(std::iter::once(&batch), std::iter::empty()) {
                Ok(deliveries) => self.shared.written(1, 1, deliveries),
                Err(error) if is_own_fault(&error) => {
                    tracing::error!(%error, room = ?batch.room, "a batch cannot be written, and is dropped");
                    self.shared.note_dropped((batch.events.len() + batch.audits.len() + batch.answers.len()) as u64);
                }
                Err(error) => {
                    fault = Some(error.to_string());
                    left.push(batch);
                }
            }
        }
        let left_notes = match self.ledger.write(std::iter::empty(), notes.iter()) {
            Ok(_) => Vec::new(),
            Err(_) => notes,
        };
        let fault = fault?;
        let left_notes = left_notes.into_iter().map(|note| (note.key(), note)).collect();
        self.shared.put_back(left, left_notes, fault);
        Some(clock::now() + RETRY_AFTER)
    }

    /// Lets go what need not be kept any longer, a step at a time. Gives when it is to be called again.
    fn keep_up(&mut self) -> Instant {
        let oldest = self.shared.outbox().oldest();
        match retention::step(&mut self.ledger, &self.config, oldest, clock::unix_millis()) {
            Ok(true) => clock::now() + UPKEEP_PAUSE,
            Ok(false) => clock::now() + UPKEEP_EVERY,
            Err(error) => {
                tracing::warn!(%error, "what is out of date could not be taken away");
                clock::now() + UPKEEP_EVERY
            }
        }
    }

    /// The file is left as if nobody had it.
    fn end(&mut self) {
        if let Some(reader) = self.reader.take() {
            drop(reader.join());
        }
        let waiting = self.shared.health().waiting;
        if waiting > 0 {
            tracing::error!(waiting, "the store is closed with batches that could not be written");
        }
        if let Err(error) = self.ledger.release() {
            tracing::warn!(%error, "the store's file could not be tidied up; nothing is lost");
        }
    }
}

/// However the writer ends, nobody waits for it any longer. It is the last to go: the file is closed by then.
struct Ends(Arc<Shared>);

impl Drop for Ends {
    fn drop(&mut self) {
        self.0.ended();
    }
}

/// Starts the reader of a file.
pub(super) fn start_reader(connection: Connection, jobs: mpsc::Receiver<ReadJob>) -> std::io::Result<JoinHandle<()>> {
    thread::Builder::new().name("podium-store-read".to_owned()).spawn(move || {
        for job in jobs {
            job(&connection);
        }
    })
}

/// Whether SQLite refuses what was asked, not the disk.
fn is_own_fault(error: &rusqlite::Error) -> bool {
    match error.sqlite_error_code() {
        Some(
            ErrorCode::DiskFull
            | ErrorCode::SystemIoFailure
            | ErrorCode::ReadOnly
            | ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::DatabaseCorrupt
            | ErrorCode::NotADatabase
            | ErrorCode::CannotOpen
            | ErrorCode::PermissionDenied
            | ErrorCode::OutOfMemory
            | ErrorCode::FileLockingProtocolFailed
            | ErrorCode::OperationAborted
            | ErrorCode::OperationInterrupted
            | ErrorCode::NoLargeFileSupport,
        ) => false,
        Some(_) | None => true,
    }
}

/// How long after a failure it is tried again.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// How often what is out of date goes.
const UPKEEP_EVERY: Duration = Duration::from_secs(60);
/// How long after a step of it the next one follows, if there is more.
const UPKEEP_PAUSE: Duration = Duration::from_millis(20);
