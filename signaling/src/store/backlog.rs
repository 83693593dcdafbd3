//! The backlog is what waits for the disk: batches in the order they came, within bounds.
//!
//! Of a row of state only the newest value waits; state is never dropped. When too much waits, the oldest rows of the log go, and are counted.

use std::collections::{BTreeMap, HashMap, HashSet};

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

    /// The same, but for what is given up if it could not be written at once.
    pub(super) fn without_the_given_up(self) -> Self {
        if !self.batches.values().any(|batch| batch.now_or_never) {
            return self;
        }
        let mut kept = Self::default();
        for batch in self.into_batches().filter(|batch| !batch.now_or_never) {
            // No more than there was before, so nothing has to go for it.
            let _none = kept.push(batch);
        }
        kept
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
        let mut later = HashSet::new();
        batch.state.reverse();
        batch.state.retain(|change| later.insert(change.key.clone()));
        batch.state.reverse();
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
        let Batch { room: _, at_ms: _, state, events, audits, answers, ends: _, now_or_never: _ } = batch;
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]

    use super::*;

    fn step(name: &str, rows: &[(&str, Option<&str>)]) -> Batch {
        let state = rows.iter().map(|(key, value)| Change { key: (*key).to_owned(), value: value.map(str::to_owned) });
        Batch { room: Some(RoomId::parse(name).unwrap()), state: state.collect(), ..Batch::default() }
    }

    fn event(length: usize) -> EventRow {
        EventRow { kind: "seat.changed", seq: 1, body: "x".repeat(length).into() }
    }

    /// The rows of state that wait, in order.
    fn rows(backlog: &Backlog) -> Vec<(String, String, Option<String>)> {
        let rows = backlog.batches().flat_map(|batch| {
            let room = batch.room.as_ref().unwrap().to_string();
            batch.state.iter().map(move |change| (room.clone(), change.key.clone(), change.value.clone()))
        });
        rows.collect()
    }

    fn row(name: &str, key: &str, value: Option<&str>) -> (String, String, Option<String>) {
        (name.to_owned(), key.to_owned(), value.map(str::to_owned))
    }

    #[test]
    fn of_a_row_only_the_newest_value_waits() {
        let mut backlog = Backlog::default();
        backlog.push(step("a", &[("room", Some("1")), ("person:x", Some("1"))]));
        backlog.push(step("b", &[("room", Some("2"))]));
        backlog.push(step("a", &[("room", Some("3"))]));
        backlog.push(step("a", &[("person:x", None), ("room", Some("4")), ("room", Some("5"))]));
        let expected = [row("b", "room", Some("2")), row("a", "person:x", None), row("a", "room", Some("5"))];
        assert_eq!(rows(&backlog), expected);
        assert_eq!((backlog.len(), backlog.rows), (2, 3), "batches with nothing left are gone");
    }

    #[test]
    fn a_room_that_is_over_leaves_only_its_end_and_its_log() {
        let mut backlog = Backlog::default();
        backlog.push(Batch { events: vec![event(1)], ..step("a", &[("room", Some("1"))]) });
        backlog.push(Batch { ends: true, ..step("a", &[("room", Some("2"))]) });
        backlog.push(step("a", &[("room", Some("anew"))]));
        assert_eq!(rows(&backlog), [row("a", "room", Some("anew"))]);
        assert_eq!(
            backlog.batches().map(|batch| (batch.ends, batch.events.len())).collect::<Vec<_>>(),
            [(false, 1), (true, 0), (false, 0)]
        );
    }

    #[test]
    fn when_too_much_waits_the_oldest_of_the_log_goes_and_state_never() {
        let mut backlog = Backlog::default();
        let mut dropped = 0;
        for number in 0..100 {
            let name = format!("r{number}");
            dropped += backlog.push(Batch { events: vec![event(1_000_000)], ..step(&name, &[("room", Some("1"))]) });
        }
        let left = backlog.batches().filter(|batch| !batch.events.is_empty()).count();
        assert_eq!(left, BYTES_MAX / 1_000_400, "as much as there is room for");
        assert_eq!(dropped, 100 - left as u64);
        assert_eq!(rows(&backlog).len(), 100);
        assert!(backlog.batches().take(100 - left).all(|batch| batch.events.is_empty()), "the oldest went");
        assert!(!backlog.is_full());
    }

    #[test]
    fn what_is_counted_is_what_is_there() {
        let mut backlog = Backlog::default();
        for number in 0..2_000_u32 {
            let (name, key) = (format!("r{}", number % 7), format!("k{}", number % 5));
            let mut batch = step(&name, &[(&key, (number % 3 > 0).then_some("value"))]);
            batch.ends = number % 11 == 0;
            if number % 13 == 0 {
                batch.events.push(event(number as usize));
            }
            backlog.push(batch);
        }
        let mut counted = Backlog::default();
        backlog.batches().for_each(|batch| counted.count(batch));
        assert_eq!((counted.rows, counted.bytes), (backlog.rows, backlog.bytes));
        let waiting: usize = backlog.newest.values().map(HashMap::len).sum();
        assert_eq!(waiting, rows(&backlog).len());
    }
}
