//! The writer is the one thread that changes the file: it writes all that has gathered in one transaction, tells the tickets, and begins again.
//!
//!   Well ──a group fails──► Fault: what waits is tried again every second ──a group is written──► Well

use std::{
    collections::HashMap,
    sync::{Arc, mpsc},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use rusqlite::Connection;

use super::{
    backlog::Backlog,
    batch::OutboxChange,
    config::StoreConfig,
    inbox::{Shared, Work, tell},
    ledger::{self, Ledger},
    outbox::Delivery,
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
    /// Held as long as the file is open, and let go after it.
    #[expect(dead_code, reason = "it is held, not read")]
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
            // With nothing to write it shows whether a fault is over.
            if work.is_write() || retry_at.is_some_and(|at| at <= clock::now()) {
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
        let before = self.ledger.totals.events_last.unsigned_abs();
        let outcome = self.ledger.write(backlog.batches(), notes.values());
        let settle = |written_behind| {
            teller.inspect(|teller| tell(teller, written_behind));
        };
        match outcome {
            Ok(deliveries) => {
                self.shared.set_last_event_id(self.ledger.totals.events_last.unsigned_abs());
                self.shared.written(backlog.len(), 1, deliveries);
                settle(Some(before));
                self.ledger.checkpoint_if_due(backlog.bytes());
                None
            }
            Err(error) if ledger::is_own_fault(&error) => {
                let outcome = self.ledger.write_each(backlog.batches(), notes.values());
                let retry_at = self.settle_each(outcome, backlog, notes);
                settle(None);
                retry_at
            }
            Err(error) => {
                self.shared.put_back(backlog, notes, error.to_string());
                settle(None);
                Some(clock::now() + RETRY_AFTER)
            }
        }
    }

    /// Drops those batches that SQLite does not take whatever the disk is like: they must not keep all others waiting.
    fn settle_each(
        &self,
        outcome: rusqlite::Result<(Vec<Delivery>, u64)>,
        backlog: Backlog,
        notes: HashMap<(String, u64), OutboxChange>,
    ) -> Option<Instant> {
        match outcome {
            Ok((deliveries, dropped)) => {
                self.shared.set_last_event_id(self.ledger.totals.events_last.unsigned_abs());
                self.shared.note_dropped(dropped);
                self.shared.written(backlog.len(), 1, deliveries);
                None
            }
            Err(error) => {
                self.shared.put_back(backlog, notes, error.to_string());
                Some(clock::now() + RETRY_AFTER)
            }
        }
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

/// How long after a failure it is tried again.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// How often what is out of date goes.
const UPKEEP_EVERY: Duration = Duration::from_secs(60);
/// How long after a step of it the next one follows, if there is more.
const UPKEEP_PAUSE: Duration = Duration::from_millis(20);
