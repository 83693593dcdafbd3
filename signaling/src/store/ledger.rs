//! The ledger is the file as its one writer has it: what is handed to it is written in one transaction, or not at all.

use rusqlite::{Connection, ErrorCode, OptionalExtension, Transaction, TransactionBehavior, config::DbConfig, params};

use super::{
    batch::{Batch, OutboxChange},
    config::{StoreConfig, TargetFilter},
    outbox::Delivery,
    rows::{self, EVERYWHERE, int},
    totals::{Totals, Use},
    weight::Weight,
};
use crate::room::outlives_room;

/// The file, for writing.
pub(super) struct Ledger {
    pub(super) connection: Connection,
    pub(super) totals: Totals,
    targets: Vec<TargetFilter>,
    /// Whether it is a file, not memory.
    is_file: bool,
    /// What was committed since the write-ahead log was last carried over.
    commits: u32,
    bytes: usize,
    /// A transaction failed: what it left behind in the write-ahead log must go before the next.
    is_stained: bool,
}

impl Ledger {
    pub(super) fn new(connection: Connection, totals: Totals, config: &StoreConfig) -> Self {
        let targets = config.targets.clone();
        let is_file = config.path.is_some();
        Self { connection, totals, targets, is_file, commits: 0, bytes: 0, is_stained: false }
    }

    /// Writes batches and the fate of deliveries in one transaction. Gives what came into the outbox.
    pub(super) fn write<'a>(
        &mut self,
        batches: impl Iterator<Item = &'a Batch>,
        notes: impl Iterator<Item = &'a OutboxChange>,
    ) -> rusqlite::Result<Vec<Delivery>> {
        let targets = std::mem::take(&mut self.targets);
        let mut deliveries = Vec::new();
        let outcome = self.transact(|to, totals| {
            for batch in batches {
                put_batch(to, totals, &targets, batch, &mut deliveries)?;
            }
            for note in notes {
                put_note(to, totals, note)?;
            }
            Ok(())
        });
        self.targets = targets;
        outcome.map(|()| deliveries)
    }

    /// Writes the same, but without those batches that SQLite does not take. Gives how many rows these had as well.
    pub(super) fn write_each<'a>(
        &mut self,
        batches: impl Iterator<Item = &'a Batch>,
        notes: impl Iterator<Item = &'a OutboxChange>,
    ) -> rusqlite::Result<(Vec<Delivery>, u64)> {
        let targets = std::mem::take(&mut self.targets);
        let (mut deliveries, mut dropped) = (Vec::new(), 0);
        let outcome = self.transact(|to, totals| {
            for batch in batches {
                let (before, waiting) = (*totals, deliveries.len());
                to.execute_batch("SAVEPOINT batch")?;
                match put_batch(to, totals, &targets, batch, &mut deliveries) {
                    Ok(()) => {}
                    Err(error) if is_own_fault(&error) => {
                        tracing::error!(%error, room = ?batch.room, "a batch cannot be written, and is dropped");
                        to.execute_batch("ROLLBACK TO batch")?;
                        *totals = before;
                        deliveries.truncate(waiting);
                        dropped += (batch.events.len() + batch.audits.len() + batch.answers.len()) as u64;
                        dropped += put_state_of(to, totals, batch)?;
                    }
                    Err(error) => return Err(error),
                }
                to.execute_batch("RELEASE batch")?;
            }
            for note in notes {
                put_note(to, totals, note)?;
            }
            Ok(())
        });
        self.targets = targets;
        outcome.map(|()| (deliveries, dropped))
    }

    /// Does something in a transaction of its own. If it fails everything is as before.
    pub(super) fn transact<T>(
        &mut self,
        work: impl FnOnce(&Connection, &mut Totals) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        self.clean()?;
        let mut totals = self.totals;
        let outcome = Self::commit(&self.connection, &mut totals, work);
        match outcome {
            Ok(done) => {
                self.totals = totals;
                self.commits += 1;
                Ok(done)
            }
            Err(error) => {
                self.is_stained = true;
                Err(error)
            }
        }
    }

    fn commit<T>(
        connection: &Connection,
        totals: &mut Totals,
        work: impl FnOnce(&Connection, &mut Totals) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
        let done = work(&transaction, totals)?;
        totals.save(&transaction)?;
        transaction.commit()?;
        Ok(done)
    }

    /// Carries the write-ahead log over into the file, if there is enough of it.
    pub(super) fn checkpoint_if_due(&mut self, bytes: usize) {
        self.bytes += bytes;
        if self.is_file && (self.commits >= CHECKPOINT_COMMITS || self.bytes >= CHECKPOINT_BYTES) {
            self.checkpoint("PASSIVE").unwrap_or_else(|error| tracing::debug!(%error, "checkpoint failed"));
        }
    }

    /// Carries the write-ahead log over into the file.
    pub(super) fn checkpoint(&mut self, how: &str) -> rusqlite::Result<()> {
        if !self.is_file {
            return Ok(());
        }
        let sql = format!("PRAGMA wal_checkpoint({how})");
        let is_busy: bool = self.connection.query_row(&sql, [], |row| row.get(0))?;
        if is_busy {
            let busy = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY);
            return Err(rusqlite::Error::SqliteFailure(busy, None));
        }
        self.commits = 0;
        self.bytes = 0;
        Ok(())
    }

    /// Notes that nobody has the file any longer, and leaves all of it in one file.
    pub(super) fn release(&mut self) -> rusqlite::Result<()> {
        if !self.is_file {
            return Ok(());
        }
        self.transact(|_, totals| {
            totals.usage = Use::Closed;
            Ok(())
        })?;
        self.checkpoint("TRUNCATE")?;
        self.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false).map(drop)
    }

    /// A transaction that failed may have left pages in the write-ahead log. They are void, but whoever looks for damage there must not find them among
    /// what was committed.
    fn clean(&mut self) -> rusqlite::Result<()> {
        if self.is_stained {
            self.checkpoint("TRUNCATE")?;
            self.is_stained = false;
        }
        Ok(())
    }
}

/// Writes the state that a batch holds, without what happened: a room does not write a row again that it believes to be written. Gives how many rows are
/// not taken even so.
fn put_state_of(to: &Connection, totals: &mut Totals, batch: &Batch) -> rusqlite::Result<u64> {
    let Batch { room, at_ms, state, ends, .. } = batch;
    let state_only = Batch { room: room.clone(), at_ms: *at_ms, state: state.clone(), ends: *ends, ..Batch::default() };
    let before = *totals;
    match put_batch(to, totals, &[], &state_only, &mut Vec::new()) {
        Ok(()) => Ok(0),
        Err(error) if is_own_fault(&error) => {
            to.execute_batch("ROLLBACK TO batch")?;
            *totals = before;
            Ok(state.len() as u64)
        }
        Err(error) => Err(error),
    }
}

fn put_batch(
    to: &Connection,
    totals: &mut Totals,
    targets: &[TargetFilter],
    batch: &Batch,
    deliveries: &mut Vec<Delivery>,
) -> rusqlite::Result<()> {
    put_state(to, totals, batch)?;
    for event in &batch.events {
        totals.events_last += 1;
        rows::insert_event(to, totals.events_last, batch, event)?;
        for target in targets.iter().filter(|target| target.wants(event.kind)) {
            let delivery = Delivery {
                target: target.name.clone(),
                event: totals.events_last.unsigned_abs(),
                room: batch.room.as_ref().map(|room| room.as_str().to_owned()),
                since_ms: batch.at_ms,
                attempts: 0,
                next_ms: batch.at_ms,
                weight: Weight::of(event.kind),
            };
            totals.came(rows::put_delivery(to, &delivery)?);
            deliveries.push(delivery);
        }
    }
    for audit in &batch.audits {
        totals.audits_last += 1;
        rows::insert_audit(to, totals.audits_last, batch, audit)?;
    }
    for answer in &batch.answers {
        let (came, went) = rows::put_answer(to, answer)?;
        totals.came(came);
        went.into_iter().for_each(|sum| totals.went(sum));
    }
    Ok(())
}

fn put_state(to: &Connection, totals: &mut Totals, batch: &Batch) -> rusqlite::Result<()> {
    let room = batch.room.as_ref().map_or(EVERYWHERE, crate::ids::RoomId::as_str);
    if batch.ends {
        end_state(to, totals, room)?;
    }
    for change in &batch.state {
        let key = &change.key;
        let mut before = to.prepare_cached("SELECT sum FROM state WHERE room = ? AND key = ?")?;
        if let Some(sum) = before.query_row([room, key], |row| row.get(0)).optional()? {
            totals.went(sum);
        }
        if let Some(value) = &change.value {
            let sum = rows::state_sum(room, key, value);
            let mut statement = to.prepare_cached("INSERT OR REPLACE INTO state VALUES (?, ?, ?, ?)")?;
            statement.execute(params![room, key, value, sum])?;
            totals.came(sum);
        } else {
            to.prepare_cached("DELETE FROM state WHERE room = ? AND key = ?")?.execute([room, key])?;
        }
    }
    Ok(())
}

/// A room is over: its rows go, but for those that outlive it.
fn end_state(to: &Connection, totals: &mut Totals, room: &str) -> rusqlite::Result<()> {
    let mut select = to.prepare_cached("SELECT key FROM state WHERE room = ?")?;
    let keys = select.query_map([room], |row| row.get(0))?.collect::<rusqlite::Result<Vec<String>>>()?;
    let mut delete = to.prepare_cached("DELETE FROM state WHERE room = ? AND key = ? RETURNING sum")?;
    for key in keys.iter().filter(|key| !outlives_room(key)) {
        for sum in delete.query_map([room, key], |row| row.get(0))? {
            totals.went(sum?);
        }
    }
    Ok(())
}

fn put_note(to: &Connection, totals: &mut Totals, note: &OutboxChange) -> rusqlite::Result<()> {
    match note {
        OutboxChange::Done { target, event } => {
            let mut statement = to.prepare_cached("DELETE FROM outbox WHERE target = ? AND event = ? RETURNING sum")?;
            for sum in statement.query_map(params![target, int(*event)], |row| row.get(0))? {
                totals.went(sum?);
            }
        }
        OutboxChange::Retry { target, event, attempts, next_ms } => {
            let sql = format!("{} WHERE target = ? AND event = ?", rows::DELIVERY);
            let mut statement = to.prepare_cached(&sql)?;
            let mut found = statement.query(params![target, int(*event)])?;
            let Some((delivery, sum)) = found.next()?.and_then(rows::read_delivery) else { return Ok(()) };
            drop(found);
            totals.went(sum);
            let delivery = Delivery { attempts: *attempts, next_ms: *next_ms, ..delivery };
            totals.came(rows::put_delivery(to, &delivery)?);
        }
    }
    Ok(())
}

/// Whether SQLite refuses what was asked, not the disk.
pub(super) fn is_own_fault(error: &rusqlite::Error) -> bool {
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

/// After how many transactions the write-ahead log is carried over.
const CHECKPOINT_COMMITS: u32 = 256;
/// After how many bytes of rows the write-ahead log is carried over.
const CHECKPOINT_BYTES: usize = 4 * 1024 * 1024;
