//! The backlog is what waits for the disk: batches in the order they came, within bounds.
//!
//! Of a row of state only the newest value waits; state is never dropped. When too much waits, rows of the log go, and are counted: those of the room
//! that has the most, the lightest first, of these the oldest.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
};

use super::{
    batch::{AnswerRow, AuditRow, Batch, EventRow},
    weight::Weight,
};
use crate::{
    ids::RoomId,
    room::{Change, outlives_room},
};

/// What waits for the disk.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    batches: BTreeMap<u64, Batch>,
    /// In which batch the newest value of a row of state waits. Rows that hold in all rooms are under none.
    newest: HashMap<Option<RoomId>, HashMap<String, u64>>,
    /// The number of the next batch.
    next: u64,
    /// The log of each room, as far as it waits.
    logs: HashMap<Option<RoomId>, Waiting>,
    rows: usize,
    /// Of the rows: events.
    events: u64,
    bytes: usize,
}

/// The waiting part of one room's log.
#[derive(Debug, Default)]
struct Waiting {
    bytes: usize,
    batches: BTreeSet<u64>,
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

    /// How many events wait.
    pub(super) fn events(&self) -> u64 {
        self.events
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
        if !batch.state.is_empty() {
            let newest = self.newest.entry(batch.room.clone()).or_default();
            newest.extend(batch.state.iter().map(|change| (change.key.clone(), number)));
        }
        self.count(&batch);
        let log_bytes = log_bytes(&batch);
        if log_bytes > 0 {
            let waiting = self.logs.entry(batch.room.clone()).or_default();
            waiting.bytes += log_bytes;
            waiting.batches.insert(number);
        }
        self.batches.insert(number, batch);
        self.drop_of_the_busiest()
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

    /// Takes out what this batch makes void: older values of its rows, and the rows of a room that is over, but for those that outlive it.
    fn supersede(&mut self, batch: &mut Batch) {
        if batch.ends {
            batch.state.retain(|change| outlives_room(&change.key));
            let newest = self.newest.remove(&batch.room).unwrap_or_default();
            let (kept, gone): (HashMap<_, _>, HashMap<_, _>) =
                newest.into_iter().partition(|(key, _)| outlives_room(key));
            self.newest.insert(batch.room.clone(), kept);
            for (key, number) in gone {
                self.take_row(number, &key);
            }
        }
        // Within one batch the last word on a row counts as well.
        let mut later = HashSet::new();
        batch.state.reverse();
        batch.state.retain(|change| later.insert(change.key.clone()));
        batch.state.reverse();
        let Some(newest) = self.newest.get_mut(&batch.room) else { return };
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

    /// Makes room at the cost of whoever has the most. Somewhat more goes than must, so that the search is paid for rarely.
    fn drop_of_the_busiest(&mut self) -> u64 {
        let mut dropped = 0;
        while self.is_full() {
            let busiest =
                self.logs.iter().max_by_key(|(_, log)| (log.bytes, log.batches.first().map(|first| Reverse(*first))));
            let Some(room) = busiest.map(|(room, _)| room.clone()) else { break };
            let before = self.bytes;
            for weight in Weight::ALL {
                let of_room = self.logs.get(&room).map(|log| log.batches.iter().copied().collect()).unwrap_or_default();
                dropped += self.drop_rows(&room, of_room, weight, before.saturating_sub(FREED_AT_ONCE));
            }
        }
        dropped
    }

    /// Drops a room's rows of this weight from these batches, until no more than so many bytes wait and nothing is full.
    fn drop_rows(&mut self, room: &Option<RoomId>, batches: Vec<u64>, weight: Weight, bytes_wanted: usize) -> u64 {
        let mut dropped = 0;
        for number in batches {
            if self.bytes <= bytes_wanted && !self.is_full() {
                break;
            }
            let (Some(batch), Some(log)) = (self.batches.get_mut(&number), self.logs.get_mut(room)) else { continue };
            let events = batch.events.len();
            let (rows, bytes) = drop_of_weight(batch, weight);
            let events = events - batch.events.len();
            dropped += rows as u64;
            self.events -= events as u64;
            self.rows -= rows;
            self.bytes -= bytes;
            log.bytes -= bytes;
            if !has_log(batch) {
                log.batches.remove(&number);
            }
            if log.batches.is_empty() {
                self.logs.remove(room);
            }
            if batch.is_empty() {
                self.batches.remove(&number);
                self.bytes -= BATCH_BYTES;
            }
        }
        dropped
    }

    fn count(&mut self, batch: &Batch) {
        self.events += batch.events.len() as u64;
        self.rows += batch.state.len() + log_rows(batch);
        self.bytes += BATCH_BYTES + batch.state.iter().map(state_bytes).sum::<usize>() + log_bytes(batch);
    }
}

/// Takes the rows of this weight out of a batch's log. Gives how many there were, and their size.
fn drop_of_weight(batch: &mut Batch, weight: Weight) -> (usize, usize) {
    let before = (log_rows(batch), log_bytes(batch));
    batch.events.retain(|row| Weight::of(row.kind) != weight);
    match weight {
        Weight::Light => {}
        Weight::Plain => batch.answers.clear(),
        Weight::Heavy => batch.audits.clear(),
    }
    (before.0 - log_rows(batch), before.1 - log_bytes(batch))
}

fn log_rows(batch: &Batch) -> usize {
    batch.events.len() + batch.audits.len() + batch.answers.len()
}

fn log_bytes(batch: &Batch) -> usize {
    batch.events.iter().map(event_bytes).sum::<usize>()
        + batch.audits.iter().map(audit_bytes).sum::<usize>()
        + batch.answers.iter().map(answer_bytes).sum::<usize>()
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

/// How much is freed at once when too much waits, in bytes.
const FREED_AT_ONCE: usize = BYTES_MAX / 64;
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
    fn what_moderators_decided_waits_also_when_the_room_is_over() {
        let mut backlog = Backlog::default();
        backlog.push(step("a", &[("ban:eve", Some("1")), ("mute:ben", Some("1")), ("room", Some("1"))]));
        backlog.push(Batch { ends: true, ..step("a", &[("mute:ben", None), ("person:ben", Some("1"))]) });
        backlog.push(step("a", &[("ban:eve", Some("2"))]));
        assert_eq!(rows(&backlog), [row("a", "mute:ben", None), row("a", "ban:eve", Some("2"))]);
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
    fn a_flood_of_one_room_costs_no_other_and_no_decision_of_its_own() {
        let mut backlog = Backlog::default();
        let of = |kind, length| EventRow { kind, ..event(length) };
        let decision = |name: &str| Batch { events: vec![of("moderation.member_ban", 100)], ..step(name, &[]) };
        backlog.push(decision("quiet"));
        backlog.push(Batch { events: vec![of("room.message", 100)], ..step("quiet", &[]) });
        backlog.push(decision("loud"));
        let flood = || Batch { events: vec![of("room.message", 10_000)], ..step("loud", &[]) };
        let dropped: u64 = (0..20_000).map(|_| backlog.push(flood())).sum();
        assert!(!backlog.is_full() && dropped > 13_000, "{dropped}");
        let first: Vec<_> = backlog.batches().take(3).map(|batch| batch.events[0].kind).collect();
        assert_eq!(first, ["moderation.member_ban", "room.message", "moderation.member_ban"]);
        let flood = || Batch { events: vec![of("moderation.seat_lock", 10_000)], ..step("loud", &[]) };
        let dropped: u64 = (0..20_000).map(|_| backlog.push(flood())).sum();
        assert!(dropped > 13_000, "{dropped}");
        let first: Vec<_> = backlog.batches().take(2).map(|batch| batch.room.as_ref().unwrap().as_str()).collect();
        assert_eq!(first, ["quiet", "quiet"], "whatever the flood is made of");
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
        assert_eq!(counted.events, backlog.events);
        let waiting: usize = backlog.newest.values().map(HashMap::len).sum();
        assert_eq!(waiting, rows(&backlog).len());
    }
}
