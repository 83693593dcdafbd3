//! The store is the file in which everything lies that must outlive the process: rooms, their log, the audit log, answers, webhooks to deliver.
//!
//! Whoever writes hands over a batch and gets a ticket; nobody waits for the disk but whoever waits for a ticket. One thread writes what has gathered,
//! many batches in one transaction. What cannot be written is kept in memory, within bounds, and tried again.

mod backlog;
mod batch;
mod checksum;
mod config;
mod copies;
mod format;
mod inbox;
mod ledger;
mod log;
mod open;
mod outbox;
mod person;
mod query;
mod retention;
mod rows;
mod settle;
mod ticket;
mod totals;
mod wal;
mod weight;
mod writer;

#[cfg(test)]
mod tests;

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread::{self, JoinHandle},
    time::Duration,
};

use rusqlite::Connection;
use tokio::sync::{Semaphore, SemaphorePermit, oneshot};

#[cfg(test)]
pub(crate) use self::ticket::Settled;
pub(crate) use self::{
    batch::{AnswerRow, AuditRow, Batch, EventRow, OutboxChange},
    copies::{backup, check, restore},
    open::Judge,
    query::{AuditQuery, DueDelivery, EventQuery, Export, Part, SavedRoom, StoredAudit, StoredEvent},
    rows::EVERYWHERE,
    ticket::{PATIENCE, Ticket},
    weight::Weight,
};
pub use self::{
    config::{StoreConfig, TargetFilter},
    copies::{Contents, CopyError, Restored},
    query::{Health, OpenError, StoreError},
};
use self::{
    inbox::{JOBS_MAX, Job, Shared, busy},
    ledger::Ledger,
    log::{Audits, Events, Log, Piece},
    person::Person,
    writer::{ReadJob, Writer},
};
use crate::{clock, ids::Identity};

/// The store. Cloning shares it; the last one to go closes it.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    threads: Arc<Threads>,
}

/// What was found in the file.
#[derive(Debug, Default)]
pub(crate) struct Recovered {
    /// The rooms that were not over, and what is remembered of those that were.
    pub(crate) rooms: Vec<SavedRoom>,
    /// Rows of state that hold in all rooms.
    pub(crate) everywhere: Vec<(String, String)>,
    /// The answers that are still to be remembered, the oldest first.
    pub(crate) answers: Vec<AnswerRow>,
}

/// The threads of a store, and the ways to them.
struct Threads {
    shared: Arc<Shared>,
    /// To the reader of a file. What is kept in memory is read by the writer.
    reader: Option<Mutex<Option<mpsc::SyncSender<ReadJob>>>>,
    writer: Mutex<Option<JoinHandle<()>>>,
    /// The right to look through a log.
    turns: Semaphore,
}

impl Store {
    /// Opens the file, or makes it, and reads what is needed at the start. It blocks: for a file of 1,000 rooms and 100,000 events well under 2 s.
    ///
    /// # Errors
    ///
    /// The file is from a newer version, damaged, in use by another process or cannot be had. It is left as it was.
    /// So is a file with a room that `judge` does not understand, for the reason that it gives.
    pub(crate) fn open(config: &StoreConfig, judge: Judge<'_>) -> Result<(Self, Recovered), OpenError> {
        Self::open_as(config, format::STEPS, judge)
    }

    fn open_as(config: &StoreConfig, steps: &[format::Step], judge: Judge<'_>) -> Result<(Self, Recovered), OpenError> {
        let failed = |why: String| OpenError::Io { path: config.path.clone().unwrap_or_default(), why };
        let opened = open::open(config, steps, judge)?;
        let recovered = Recovered { rooms: opened.rooms, everywhere: opened.everywhere, answers: opened.answers };
        let shared = Arc::new(Shared::new(config, opened.outbox, opened.totals.events_last.unsigned_abs()));
        let ledger = Ledger::new(opened.connection, opened.totals, config);
        let (mut reader, mut reader_thread) = (None, None);
        if let Some(path) = &config.path {
            let connection = open::open_for_reading(path).map_err(|error| failed(error.to_string()))?;
            let (sender, jobs) = mpsc::sync_channel(JOBS_MAX);
            reader_thread = Some(writer::start_reader(connection, jobs).map_err(|error| failed(error.to_string()))?);
            reader = Some(Mutex::new(Some(sender)));
        }
        let writer = Writer {
            shared: Arc::clone(&shared),
            ledger,
            config: config.clone(),
            reader: reader_thread,
            lock: opened.lock,
        };
        let writer = thread::Builder::new().name("podium-store".to_owned()).spawn(move || writer.run());
        let writer = writer.map_err(|error| failed(error.to_string()))?;
        let threads = Threads { shared, reader, writer: Mutex::new(Some(writer)), turns: Semaphore::new(TURNS) };
        Ok((Self { threads: Arc::new(threads) }, recovered))
    }

    /// Hands a batch over. It never waits: what the ticket says comes later.
    pub(crate) fn write(&self, batch: Batch) -> Ticket {
        self.threads.shared.write(batch)
    }

    /// Whether all that was handed over before is written.
    pub(crate) fn is_all_written(&self) -> bool {
        self.threads.shared.is_all_written()
    }

    /// The last event of the log that was written.
    pub(crate) fn last_event_id(&self) -> u64 {
        self.threads.shared.last_event_id()
    }

    /// How it is with the disk.
    pub(crate) fn health(&self) -> Health {
        self.threads.shared.health()
    }

    /// The part of the log that a query asks for, the oldest first. It looks at [`LOOKS_MAX`] pieces of the log at most.
    pub(crate) async fn events(&self, query: EventQuery) -> Result<Part<StoredEvent>, StoreError> {
        let EventQuery { after, count, .. } = query;
        self.threads.search::<Events>(EVENTS, after, count, move |event| log::is_event_wanted(&query, event)).await
    }

    /// The part of the audit log that a query asks for, the oldest first. It looks at [`LOOKS_MAX`] pieces of the log at most.
    pub(crate) async fn audits(&self, query: AuditQuery) -> Result<Part<StoredAudit>, StoreError> {
        let AuditQuery { after, count, .. } = query;
        self.threads.search::<Audits>(AUDITS, after, count, move |audit| log::is_audit_wanted(&query, audit)).await
    }

    /// Everything that is kept about someone, [`EXPORT_MAX`] things of each kind at most.
    pub(crate) async fn export(&self, who: Identity) -> Result<Export, StoreError> {
        let _turn = self.threads.turn().await?;
        let person = Person::new(who.as_str());
        let whose = person.clone();
        let (state, answers) = self.threads.read(move |from| whose.state(from, EXPORT_MAX)).await?;
        let mut export = Export { answers, truncated: state.len() >= EXPORT_MAX, ..Export::default() };
        export.state = state.into_iter().map(|[room, key, value]| (room, key, value)).collect();
        let mut after = Some(0);
        while let Some(from) = after {
            let (whose, count) = (person.clone(), EXPORT_MAX - export.events.len());
            let piece = self.threads.look(EVENTS, move |file| whose.events(file, from, count)).await?;
            export.events.extend(piece.found);
            let is_full = export.events.len() >= EXPORT_MAX;
            export.truncated |= is_full && piece.upto.is_some();
            after = piece.upto.filter(|_| !is_full);
        }
        let mut after = Some(0);
        while let Some(from) = after {
            let (whose, count) = (person.clone(), EXPORT_MAX - export.audits.len());
            let piece = self.threads.look(AUDITS, move |file| whose.audits(file, from, count)).await?;
            export.audits.extend(piece.found);
            let is_full = export.audits.len() >= EXPORT_MAX;
            export.truncated |= is_full && piece.upto.is_some();
            after = piece.upto.filter(|_| !is_full);
        }
        Ok(export)
    }

    /// Takes someone out of all that is kept of the past: events (and with them webhooks to deliver), audit log, answers. Gives how many rows were
    /// changed. With `keep_bans` the audit log still says who was banned, and why.
    ///
    /// The state of rooms (a seat, a rank, a ban) is the rooms' own: they have it in memory and write it again. Whoever erases someone asks them.
    pub(crate) async fn erase(&self, who: Identity, keep_bans: bool) -> Result<u64, StoreError> {
        // What waits in memory may name them as well.
        self.threads.shared.is_well()?;
        let person = Person::new(who.as_str());
        let whose = person.clone();
        let mut count = self.threads.change(move |ledger| whose.erase_answers(ledger)).await?;
        let mut after = Some(0);
        while let Some(from) = after {
            let whose = person.clone();
            let (erased, upto) = self.threads.change(move |ledger| whose.erase_events(ledger, from)).await?;
            count += erased;
            after = upto;
        }
        let mut after = Some(0);
        while let Some(from) = after {
            let whose = person.clone();
            let (erased, upto) = self.threads.change(move |ledger| whose.erase_audits(ledger, from, keep_bans)).await?;
            count += erased;
            after = upto;
        }
        self.threads.shared.is_well()?;
        Ok(count)
    }

    /// For a target, the first delivery of each room that is due at `now_ms`, at most `count`, and when the next one is due.
    pub(crate) async fn due_deliveries(
        &self,
        target: String,
        now_ms: u64,
        count: usize,
    ) -> Result<(Vec<DueDelivery>, Option<u64>), StoreError> {
        let (due, next_ms) = self.threads.shared.outbox().due(&target, now_ms, count);
        if due.is_empty() {
            return Ok((Vec::new(), next_ms));
        }
        let ids: Vec<u64> = due.iter().map(|delivery| delivery.event).collect();
        let events = self.threads.read(move |from| log::pick(from, &ids)).await?;
        let damaged: Vec<u64> = events.iter().filter(|event| event.body.is_none()).map(|event| event.id).collect();
        self.threads.shared.note_damaged(EVENTS, &damaged);
        let pairs = due.into_iter().zip(events);
        let due = pairs.map(|(delivery, event)| DueDelivery {
            event,
            attempts: delivery.attempts,
            since_ms: delivery.since_ms,
        });
        Ok((due.collect(), next_ms))
    }

    /// How many deliveries wait for a target, due or not, and since when the oldest does, in milliseconds since 1970.
    pub(crate) fn outbox_waiting(&self, target: &str) -> (usize, Option<u64>) {
        self.threads.shared.outbox().waiting(target)
    }

    /// Waits until something was put into the outbox since the last call of this for the target. Spurious returns are allowed.
    pub(crate) async fn outbox_news(&self, target: &str) {
        match self.threads.shared.news(target) {
            Some(news) => news.notified().await,
            None => std::future::pending().await,
        }
    }

    /// Writes down the fate of a delivery.
    pub(crate) fn note_delivery(&self, change: OutboxChange) {
        self.threads.shared.note(change);
    }

    /// Writes out what has gathered and closes the file. It blocks for as long as the disk takes, but not longer than a few seconds.
    pub(crate) fn close(&self) {
        self.threads.close();
    }
}

impl Threads {
    /// The right to look through a log. Few look at once, so that there is always room for whoever reads a row or two, as webhooks do.
    async fn turn(&self) -> Result<SemaphorePermit<'_>, StoreError> {
        match clock::timeout(TURN_PATIENCE, self.turns.acquire()).await {
            Ok(Ok(turn)) => Ok(turn),
            Ok(Err(_)) => Err(StoreError::Closed),
            Err(_) => Err(busy()),
        }
    }

    /// Looks through a log from `after` on, for `most` entries at most.
    async fn search<L: Log<Entry: Send + 'static>>(
        &self,
        log: &'static str,
        after: u64,
        most: usize,
        is_wanted: impl Fn(&L::Entry) -> bool + Clone + Send + 'static,
    ) -> Result<Part<L::Entry>, StoreError> {
        let _turn = self.turn().await?;
        let (mut found, mut upto) = (Vec::new(), Some(after));
        for _ in 0..LOOKS_MAX {
            let Some(from) = upto else { break };
            let (is_wanted, count) = (is_wanted.clone(), most - found.len());
            let piece = self.look(log, move |connection| log::look::<L>(connection, from, count, is_wanted)).await?;
            found.extend(piece.found);
            upto = piece.upto;
            if found.len() >= most {
                upto = None;
            }
        }
        Ok(Part { found, upto })
    }

    /// Looks into a log, and counts what is damaged there.
    async fn look<T: Send + 'static>(
        &self,
        log: &'static str,
        job: impl FnOnce(&Connection) -> rusqlite::Result<Piece<T>> + Send + 'static,
    ) -> Result<Piece<T>, StoreError> {
        let piece = self.read(job).await?;
        self.shared.note_damaged(log, &piece.damaged);
        Ok(piece)
    }

    /// Has something read: from a file by the reader, from memory by the writer.
    async fn read<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let Some(reader) = &self.reader else { return self.change(|ledger| job(&ledger.connection)).await };
        let (answer, answered) = oneshot::channel();
        let job: ReadJob = Box::new(move |connection| drop(answer.send(job(connection))));
        {
            let reader = reader.lock().unwrap_or_else(PoisonError::into_inner);
            let sent = reader.as_ref().ok_or(StoreError::Closed)?.try_send(job);
            sent.map_err(|error| match error {
                mpsc::TrySendError::Full(_) => busy(),
                mpsc::TrySendError::Disconnected(_) => StoreError::Closed,
            })?;
        }
        Self::answered(answered).await
    }

    /// Has the writer do something.
    async fn change<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Ledger) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |ledger| drop(answer.send(job(ledger))));
        self.shared.ask(job)?;
        Self::answered(answered).await
    }

    async fn answered<T>(answer: oneshot::Receiver<rusqlite::Result<T>>) -> Result<T, StoreError> {
        let outcome = answer.await.map_err(|_| StoreError::Closed)?;
        outcome.map_err(|error| StoreError::Failed(error.to_string()))
    }

    fn close(&self) {
        if let Some(reader) = &self.reader {
            // The reader ends when it has done what it was asked.
            drop(reader.lock().unwrap_or_else(PoisonError::into_inner).take());
        }
        if !self.shared.close(CLOSE_PATIENCE) {
            tracing::error!("the store is still busy with the disk; what was not acknowledged may be lost");
            return;
        }
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if writer.is_some_and(|writer| writer.join().is_err()) {
            tracing::error!("the store's writer has panicked");
        }
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.close();
    }
}

impl fmt::Debug for Threads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Threads").finish_non_exhaustive()
    }
}

/// How many things of each kind an export holds.
const EXPORT_MAX: usize = 10_000;
/// How many look through a log at once.
const TURNS: usize = 8;
/// How long one waits for a turn.
const TURN_PATIENCE: Duration = Duration::from_secs(5);
/// How many pieces of a log one query looks at.
const LOOKS_MAX: usize = 20;
/// How long closing may take.
const CLOSE_PATIENCE: Duration = Duration::from_secs(5);

const EVENTS: &str = "events";
const AUDITS: &str = "audits";
