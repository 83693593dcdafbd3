//! The inbox is where the writer finds what it is to do. Whoever puts something into it goes on at once.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{
        Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use tokio::sync::{Notify, watch};

use super::{
    backlog::Backlog,
    batch::{Batch, OutboxChange},
    config::StoreConfig,
    ledger::Ledger,
    outbox::{Delivery, Outbox},
    query::{Health, StoreError},
    ticket::{PATIENCE, Settled, Ticket},
};
use crate::clock;

/// What only the writer can do.
pub(super) type Job = Box<dyn FnOnce(&mut Ledger) + Send>;

/// What the writer and everyone who gives it work share.
pub(super) struct Shared {
    /// Whether it is a file, not memory.
    is_file: bool,
    outbox_max: u64,
    /// The last event of the log that was written.
    last_event_id: AtomicU64,
    inbox: Mutex<Inbox>,
    /// Rings when there is work.
    bell: Condvar,
    /// Rings when the writer has ended.
    end: Condvar,
    outbox: Mutex<Outbox>,
    /// Ring when something came into the outbox for a target.
    news: HashMap<String, Notify>,
    /// Which rows of which log were found damaged, [`DAMAGED_MAX`] at most.
    damaged: Mutex<HashSet<(&'static str, u64)>>,
}

#[derive(Default)]
struct Inbox {
    backlog: Backlog,
    notes: HashMap<(String, u64), OutboxChange>,
    jobs: VecDeque<Job>,
    /// Tells the tickets of all that has gathered.
    teller: Option<Teller>,
    /// How many batches are being written, and since when.
    writing: Option<(usize, Instant)>,
    fault: Option<String>,
    is_closing: bool,
    has_ended: bool,
    dropped: u64,
    batches: u64,
    commits: u64,
    commit_time: Duration,
}

/// Tells the tickets of a group what became of it.
pub(super) type Teller = watch::Sender<Option<Settled>>;

/// What the writer takes at once.
#[derive(Default)]
pub(super) struct Work {
    pub(super) backlog: Backlog,
    pub(super) notes: HashMap<(String, u64), OutboxChange>,
    pub(super) jobs: VecDeque<Job>,
    pub(super) teller: Option<Teller>,
    /// It is the last.
    pub(super) is_last: bool,
}

impl Work {
    /// Whether there is something to write.
    pub(super) fn is_write(&self) -> bool {
        !self.backlog.is_empty() || !self.notes.is_empty()
    }
}

/// For those who give work.
impl Shared {
    pub(super) fn new(config: &StoreConfig, waiting: Vec<Delivery>, last_event_id: u64) -> Self {
        let news: HashMap<_, _> = config.targets.iter().map(|target| (target.name.clone(), Notify::new())).collect();
        let (mut outbox, mut inbox) = (Outbox::default(), Inbox::default());
        for delivery in waiting {
            if news.contains_key(&delivery.target) {
                outbox.add(delivery, u64::MAX);
            } else {
                // A target that is no longer configured gets nothing more.
                let gone = OutboxChange::Done { target: delivery.target, event: delivery.event };
                inbox.notes.insert(gone.key(), gone);
            }
        }
        Self {
            is_file: config.path.is_some(),
            outbox_max: config.outbox_max,
            last_event_id: AtomicU64::new(last_event_id),
            inbox: Mutex::new(inbox),
            bell: Condvar::new(),
            end: Condvar::new(),
            outbox: Mutex::new(outbox),
            news,
            damaged: Mutex::default(),
        }
    }

    /// Takes a batch.
    pub(super) fn write(&self, batch: Batch) -> Ticket {
        if batch.is_empty() {
            return Ticket::settled(true);
        }
        let mut inbox = lock(&self.inbox);
        if inbox.is_closing {
            return Ticket::settled(false);
        }
        if batch.now_or_never && inbox.is_hopeless() {
            return Ticket::settled(false);
        }
        let dropped = inbox.backlog.push(batch);
        if dropped > 0 {
            inbox.dropped += dropped;
            inbox.teller.take().inspect(|teller| tell(teller, None));
        }
        if inbox.fault.is_some() {
            // The writer comes by itself when it is time to try again.
            return Ticket::settled(false);
        }
        let ticket = if dropped > 0 || inbox.is_hopeless() {
            Ticket::settled(false)
        } else {
            let events = inbox.backlog.events();
            let group = inbox.teller.get_or_insert_with(|| watch::channel(None).0).subscribe();
            if self.is_file { Ticket::awaited(group, events) } else { Ticket::in_memory(group, events) }
        };
        drop(inbox);
        self.bell.notify_one();
        ticket
    }

    /// The last event of the log that was written.
    pub(super) fn last_event_id(&self) -> u64 {
        self.last_event_id.load(Relaxed)
    }

    /// The log goes as far as this event now.
    pub(super) fn set_last_event_id(&self, id: u64) {
        self.last_event_id.store(id, Relaxed);
    }

    /// Takes the fate of a delivery.
    pub(super) fn note(&self, change: OutboxChange) {
        lock(&self.outbox).note(&change);
        lock(&self.inbox).notes.insert(change.key(), change);
        self.bell.notify_one();
    }

    /// Takes a job for the writer.
    pub(super) fn ask(&self, job: Job) -> Result<(), StoreError> {
        let mut inbox = lock(&self.inbox);
        if inbox.is_closing || inbox.has_ended {
            return Err(StoreError::Closed);
        }
        if inbox.jobs.len() >= JOBS_MAX {
            return Err(busy());
        }
        inbox.jobs.push_back(job);
        drop(inbox);
        self.bell.notify_one();
        Ok(())
    }

    /// Rings when something came into the outbox for a target, or has come since it was last asked.
    pub(super) fn news(&self, target: &str) -> Option<&Notify> {
        self.news.get(target)
    }

    /// What waits to be delivered.
    pub(super) fn outbox(&self) -> MutexGuard<'_, Outbox> {
        lock(&self.outbox)
    }

    /// Counts rows that are damaged, each once.
    pub(super) fn note_damaged(&self, log: &'static str, ids: &[u64]) {
        if ids.is_empty() {
            return;
        }
        tracing::error!(log, first = ids[0], count = ids.len(), "damaged rows");
        let mut damaged = lock(&self.damaged);
        let room = DAMAGED_MAX.saturating_sub(damaged.len());
        damaged.extend(ids.iter().take(room).map(|id| (log, *id)));
    }

    /// Whether nothing keeps it from writing at present.
    pub(super) fn is_well(&self) -> Result<(), StoreError> {
        lock(&self.inbox).fault.clone().map_or(Ok(()), |fault| Err(StoreError::Failed(fault)))
    }

    pub(super) fn health(&self) -> Health {
        let outbox = lock(&self.outbox).len() as u64;
        let damaged = lock(&self.damaged).len() as u64;
        let inbox = lock(&self.inbox);
        let late = || inbox.is_late().then(|| "the disk does not answer".to_owned());
        let closed = || inbox.is_closing.then(|| "the store is closed".to_owned());
        let writing = inbox.writing.map_or(0, |(batches, _)| batches);
        Health {
            fault: inbox.fault.clone().or_else(late).or_else(closed),
            waiting: (inbox.backlog.len() + writing) as u64,
            dropped: inbox.dropped,
            damaged,
            outbox,
            batches: inbox.batches,
            commits: inbox.commits,
            commit_time: inbox.commit_time,
        }
    }

    /// Whether all that was handed over is written.
    pub(super) fn is_all_written(&self) -> bool {
        let inbox = lock(&self.inbox);
        inbox.fault.is_none() && !inbox.is_closing && inbox.backlog.is_empty() && inbox.writing.is_none()
    }

    /// Tells the writer to end, and waits for it as long as it may take.
    pub(super) fn close(&self, patience: Duration) -> bool {
        let mut inbox = lock(&self.inbox);
        inbox.is_closing = true;
        self.bell.notify_one();
        let waited = self.end.wait_timeout_while(inbox, patience, |inbox| !inbox.has_ended);
        let (inbox, _) = waited.unwrap_or_else(PoisonError::into_inner);
        inbox.has_ended
    }
}

/// For the writer.
impl Shared {
    /// Waits for work: jobs at any time, what is to be written from `retry_at` on, and nothing at all at `upkeep_at`.
    pub(super) fn take(&self, retry_at: Option<Instant>, upkeep_at: Instant) -> Work {
        let mut inbox = lock(&self.inbox);
        loop {
            let now = clock::now();
            let may_write = inbox.is_closing || retry_at.is_none_or(|at| at <= now);
            // While there is a fault it is tried again even with nothing to write: only that shows when it is over.
            let has_rows = !inbox.backlog.is_empty() || !inbox.notes.is_empty() || inbox.fault.is_some();
            let is_upkeep_due = retry_at.is_none() && upkeep_at <= now;
            let is_due = inbox.is_closing || !inbox.jobs.is_empty() || is_upkeep_due;
            if is_due || (may_write && has_rows) {
                return inbox.take(may_write, now);
            }
            let wake_at = retry_at.unwrap_or(upkeep_at);
            let timeout = wake_at.saturating_duration_since(now);
            (inbox, _) = self.bell.wait_timeout(inbox, timeout).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// A group is on the disk.
    pub(super) fn written(&self, batches: usize, commits: u64, deliveries: Vec<Delivery>) {
        let mut rung = HashSet::new();
        let mut gone = Vec::new();
        {
            let mut outbox = lock(&self.outbox);
            for delivery in deliveries {
                rung.insert(delivery.target.clone());
                gone.extend(outbox.add(delivery, self.outbox_max));
            }
        }
        let mut inbox = lock(&self.inbox);
        if inbox.fault.take().is_some() {
            tracing::info!("the store writes again");
        }
        if let Some((_, since)) = inbox.writing.take() {
            inbox.commit_time += clock::now().saturating_duration_since(since);
        }
        inbox.batches += batches as u64;
        inbox.commits += commits;
        inbox.dropped += gone.len() as u64;
        for change in gone {
            inbox.notes.insert(change.key(), change);
        }
        drop(inbox);
        rung.iter().filter_map(|target| self.news.get(target)).for_each(Notify::notify_one);
    }

    /// A group could not be written: it waits again, before what came later.
    pub(super) fn put_back(&self, backlog: Backlog, notes: HashMap<(String, u64), OutboxChange>, fault: String) {
        // What may be much is gone through before the lock is taken.
        let backlog = backlog.without_the_given_up();
        let mut inbox = lock(&self.inbox);
        inbox.writing = None;
        let later = std::mem::replace(&mut inbox.backlog, backlog).into_batches();
        let later = later.filter(|batch| !batch.now_or_never);
        inbox.dropped += later.map(|batch| inbox.backlog.push(batch)).sum::<u64>();
        for (key, change) in notes {
            inbox.notes.entry(key).or_insert(change);
        }
        inbox.teller.take().inspect(|teller| tell(teller, None));
        if inbox.fault.is_none() {
            tracing::error!(fault, "the store cannot write; what happens is kept in memory");
        }
        inbox.fault = Some(fault);
    }

    /// Rows that SQLite does not take were dropped.
    pub(super) fn note_dropped(&self, rows: u64) {
        lock(&self.inbox).dropped += rows;
    }

    /// The writer has ended.
    pub(super) fn ended(&self) {
        let mut inbox = lock(&self.inbox);
        inbox.is_closing = true;
        inbox.has_ended = true;
        inbox.teller = None;
        inbox.jobs.clear();
        drop(inbox);
        self.end.notify_all();
    }
}

impl Inbox {
    fn take(&mut self, may_write: bool, now: Instant) -> Work {
        let mut work = Work { jobs: std::mem::take(&mut self.jobs), is_last: self.is_closing, ..Work::default() };
        if may_write {
            work.backlog = std::mem::take(&mut self.backlog);
            work.notes = std::mem::take(&mut self.notes);
            work.teller = self.teller.take();
            self.writing = work.is_write().then(|| (work.backlog.len(), now));
        }
        work
    }

    /// What comes now is not written in time.
    fn is_hopeless(&self) -> bool {
        self.fault.is_some() || self.backlog.is_full() || self.is_late()
    }

    /// The disk takes longer than anyone waits.
    fn is_late(&self) -> bool {
        self.writing.is_some_and(|(_, since)| clock::now().saturating_duration_since(since) > PATIENCE)
    }
}

/// Tells a group of tickets that it is written, behind this event of the log; or, without one, that it is not.
pub(super) fn tell(teller: &Teller, written_behind: Option<u64>) {
    let (is_durable, events_before) = (written_behind.is_some(), written_behind.unwrap_or_default());
    teller.send_replace(Some(Settled { is_durable, events_before }));
}

/// Too many ask.
pub(super) fn busy() -> StoreError {
    StoreError::Failed("busy".to_owned())
}

/// What is behind a lock is whole at any time, even if its last holder panicked.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How many jobs wait for a thread of the store; whoever comes then is told that it is busy.
pub(super) const JOBS_MAX: usize = 64;
/// How many damaged rows are counted.
const DAMAGED_MAX: usize = 100_000;
