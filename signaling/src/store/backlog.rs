//! The backlog is what waits for the disk: batches in the order they came, within bounds.
//!
//! Of a row of state only the newest value waits; state is never dropped. When too much waits, the oldest rows of the log go, and are counted.

use std::collections::{BTreeMap, HashMap};

use super::batch::{AnswerRow, AuditRow, Batch, EventRow};
use crate::{ids::RoomId, room::Change};

/// What waits for the disk.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    batches: BTreeMap<u64, Batch>,
    /// In which batch the newest value of a row of state waits.
    newest: HashMap<RoomId, HashMap<String, u64>>,
    /// The number of the next batch.
    next: u64,
    /// No batch before this one has anything that could be dropped.
    undroppable_before: u64,
    rows: usize,
    bytes: usize,
}

impl Backlog {
    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    /// How many batches wait.
    pub(super) fn len(&self) -> usize {
        self.batches.len()
    }

    /// Whether more waits than should.
    pub(super) fn is_full(&self) -> bool {
        self.bytes > BYTES_MAX || self.rows > ROWS_MAX || self.batches.len() > BATCHES_MAX
    }

    /// The size of what waits.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// What waits, in order.
    pub(super) fn batches(&self) -> impl Iterator<Item = &Batch> {
        self.batches.values()
    }

    /// Adds a batch. Gives how many rows of the log had to go for it.
    pub(super) fn push(&mut self, mut batch: Batch) -> u64 {
        self.supersede(&mut batch);
        if batch.is_empty() {
            return 0;
        }
        let number = self.next;
        self.next += 1;
        if let Some(room) = &batch.room
            && !batch.state.is_empty()
        {
            let newest = self.newest.entry(room.clone()).or_default();
            newest.extend(batch.state.iter().map(|change| (change.key.clone(), number)));
        }
        self.count(&batch);
        self.batches.insert(number, batch);
        self.drop_oldest()
    }

    /// Gives the batches one by one.
    pub(super) fn into_batches(self) -> impl Iterator<Item = Batch> {
        self.batches.into_values()
    }

    /// Takes out what this batch makes void: older values of its rows, and all rows of a room that is over.
    fn supersede(&mut self, batch: &mut Batch) {
        let Some(room) = &batch.room else { return };
        if batch.ends {
            batch.state.clear();
            for (key, number) in self.newest.remove(room).unwrap_or_default() {
                self.take_row(number, &key);
            }
            return;
        }
        // Within one batch the last word on a row counts as well.
        let mut index = batch.state.len();
        while index > 0 {
            index -= 1;
            if batch.state[index + 1..].iter().any(|later| later.key == batch.state[index].key) {
                batch.state.remove(index);
            }
        }
        let Some(newest) = self.newest.get_mut(room) else { return };
        let older: Vec<_> = batch.state.iter().filter_map(|change| newest.remove_entry(&change.key)).collect();
        for (key, number) in older {
            self.take_row(number, &key);
        }
    }

    fn take_row(&mut self, number: u64, key: &str) {
        let Some(batch) = self.batches.get_mut(&number) else { return };
        let Some(index) = batch.state.iter().position(|change| change.key == key) else { return };
        let change = batch.state.remove(index);
        let is_empty = batch.is_empty();
        self.rows -= 1;
        self.bytes -= state_bytes(&change);
        if is_empty {
            self.batches.remove(&number);
            self.bytes -= BATCH_BYTES;
        }
    }

    fn drop_oldest(&mut self) -> u64 {
        let mut dropped = 0;
        while self.is_full() {
            let from = self.undroppable_before;
            let mut droppable = self.batches.range_mut(from..).filter(|(_, batch)| has_log(batch));
            let Some((&number, batch)) = droppable.next() else {
                self.undroppable_before = self.next;
                break;
            };
            self.undroppable_before = number;
            let (mut rows, mut bytes) = (0, 0);
            let mut gone = |size: usize| {
                rows += 1;
                bytes += size;
            };
            batch.events.drain(..).for_each(|row| gone(event_bytes(&row)));
            batch.audits.drain(..).for_each(|row| gone(audit_bytes(&row)));
            batch.answers.drain(..).for_each(|row| gone(answer_bytes(&row)));
            dropped += rows as u64;
            self.rows -= rows;
            self.bytes -= bytes;
            if batch.is_empty() {
                self.batches.remove(&number);
                self.bytes -= BATCH_BYTES;
            }
        }
        dropped
    }

    fn count(&mut self, batch: &Batch) {
        let Batch { room: _, at_ms: _, state, events, audits, answers, ends: _ } = batch;
        self.rows += state.len() + events.len() + audits.len() + answers.len();
        self.bytes += BATCH_BYTES
            + state.iter().map(state_bytes).sum::<usize>()
            + events.iter().map(event_bytes).sum::<usize>()
            + audits.iter().map(audit_bytes).sum::<usize>()
            + answers.iter().map(answer_bytes).sum::<usize>();
    }
}

fn has_log(batch: &Batch) -> bool {
    !(batch.events.is_empty() && batch.audits.is_empty() && batch.answers.is_empty())
}

fn state_bytes(change: &Change) -> usize {
    ROW_BYTES + change.key.len() + change.value.as_ref().map_or(0, String::len)
}

fn event_bytes(row: &EventRow) -> usize {
    ROW_BYTES + row.body.len()
}

fn audit_bytes(row: &AuditRow) -> usize {
    let AuditRow { by, role: _, from_outside: _, act: _, on, reason, details, seq: _ } = row;
    ROW_BYTES + by.len() + details.len() + on.as_ref().map_or(0, String::len) + reason.as_ref().map_or(0, String::len)
}

fn answer_bytes(row: &AnswerRow) -> usize {
    ROW_BYTES + row.whose.len() + row.key.len() + row.content_type.len() + row.body.len()
}

/// How much may wait for the disk before the oldest rows of the log go, in bytes.
pub(super) const BYTES_MAX: usize = 64 * 1024 * 1024;
/// The same in rows.
pub(super) const ROWS_MAX: usize = 500_000;
/// The same in batches.
pub(super) const BATCHES_MAX: usize = 250_000;

/// What a row takes in memory beside its texts, about.
const ROW_BYTES: usize = 100;
/// What a batch takes beside its rows, about.
const BATCH_BYTES: usize = 200;
