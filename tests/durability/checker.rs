//! The checker holds what a server says after a restart against what its actors were told before it.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::actor::Actor;
use crate::backend::Backend;
use crate::dice::Dice;
use crate::journal::{Journal, Register, Rooms, Step};

/// How far the logs were read, and what was found in all.
#[derive(Default)]
pub(crate) struct Checker {
    last_event: u64,
    last_audit: u64,
    /// Of each room, the number of the last event in its log.
    seqs: BTreeMap<String, u64>,
    pub(crate) found: Found,
}

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) events: u64,
    pub(crate) audits: u64,
    /// Acts in doubt that had come to rest, and those that had not.
    pub(crate) kept: u64,
    pub(crate) lost: u64,
    /// Requests with keys that were asked again.
    pub(crate) asked_again: u64,
}

impl Checker {
    /// Reads everything and checks it. What was in doubt is known afterwards.
    pub(crate) async fn check(&mut self, server: &str, actors: &mut [Actor], closely: &[String], dice: &mut Dice) {
        let backend = Backend::new(server, "checker");
        let rooms = look(&backend, closely).await;
        let audits = backend.all("/v1/audit", self.last_audit).await;
        for actor in actors.iter_mut() {
            self.check_state(&mut actor.journal, &rooms, &audits);
        }
        self.check_events(&backend, &audits).await;
        for audit in &audits {
            let id = audit["audit_id"].as_u64().unwrap();
            assert_eq!(id, self.last_audit + 1, "the audit log has no gap: {audit}");
            assert_ne!(audit["damaged"], true, "{audit}");
            self.last_audit = id;
        }
        self.found.audits += audits.len() as u64;
        for actor in actors.iter_mut() {
            self.ask_again(server, &mut actor.journal, dice).await;
        }
    }

    /// Each register holds what was acknowledged last, or all of what was in doubt. Each act left one row, the one in doubt one if it took effect.
    fn check_state(&mut self, journal: &mut Journal, rooms: &Rooms, audits: &[Value]) {
        let by = journal.by.clone();
        let rows: Vec<&Value> = audits.iter().filter(|row| row["by"] == by.as_str()).collect();
        let traces = std::mem::take(&mut journal.traces);
        for (number, trace) in traces.iter().enumerate() {
            let row = rows.get(number);
            assert!(
                row.is_some_and(|row| trace.is_in(row)),
                "{by} was acknowledged {trace:?}; in the audit log stands {row:?} after {:?}",
                number.checked_sub(1).map(|before| rows[before])
            );
        }
        let more = &rows[traces.len()..];
        let doubt = journal.doubt.take();
        let was_done = doubt.as_ref().map(|step| was_done(&by, step, journal, rooms, more));
        match &was_done {
            None => assert!(more.is_empty(), "{by} did nothing more, and yet: {more:?}"),
            Some(true) => self.found.kept += 1,
            Some(false) => self.found.lost += 1,
        }
        if was_done == Some(true) {
            journal.sure.extend(doubt.iter().flat_map(|step| step.effects.clone()));
        }
        for (register, expected) in &journal.sure {
            if let Some(found) = register.read(rooms) {
                assert_eq!(found, *expected, "{by} was acknowledged {expected:?} for {register:?}");
            }
        }
        // It is asked again, as any client would that got no answer.
        journal.doubt = doubt.filter(|step| step.request.is_some()).map(|step| match was_done {
            Some(true) => Step { trace: None, ..step },
            Some(false) | None => step,
        });
    }

    /// The events' ids have no gap, and neither have the numbers in any room's log. Each act of moderation is one event as well.
    async fn check_events(&mut self, backend: &Backend, audits: &[Value]) {
        let mut acts: BTreeMap<String, i64> = BTreeMap::new();
        for audit in audits {
            *acts.entry(audit["room"].as_str().unwrap_or_default().to_owned()).or_default() += 1;
        }
        let events = backend.all("/v1/events", self.last_event).await;
        self.found.events += events.len() as u64;
        for event in events {
            let id = event["event_id"].as_u64().unwrap();
            assert_eq!(id, self.last_event + 1, "the events have no gap: {event}");
            assert_ne!(event["damaged"], true, "{event}");
            self.last_event = id;
            let room = event["room"].as_str().unwrap_or_default().to_owned();
            let kind = event["type"].as_str().unwrap();
            if kind.starts_with("moderation.") && !CHANGES.contains(&kind) {
                *acts.entry(room.clone()).or_default() -= 1;
            }
            let last = self.seqs.entry(room).or_default();
            let seq = event["seq"].as_u64().unwrap_or(*last);
            let expected = if event["data"]["seq"].is_u64() { *last + 1 } else { *last };
            assert_eq!(seq, expected, "the room's log has no gap: {event}");
            *last = seq;
        }
        let differing: Vec<_> = acts.iter().filter(|(_, count)| **count != 0).collect();
        assert!(differing.is_empty(), "rows of the audit log less events of moderation: {differing:?}");
    }

    /// What was answered is answered the same and done once. What was not answered is done now, if it was not then.
    async fn ask_again(&mut self, server: &str, journal: &mut Journal, dice: &mut Dice) {
        let backend = Backend::new(server, &journal.by);
        if let Some(step) = journal.doubt.take() {
            let request = step.request.clone().unwrap();
            let answer = backend.ask(&request).await.unwrap();
            assert!(answer.is_durable(), "{request:?}, asked again: {answer:?}");
            journal.begin(step);
            journal.acknowledge(Some(answer));
            self.found.asked_again += 1;
        }
        for _ in 0..AGAIN.min(journal.answered.len()) {
            let (request, answer) = &journal.answered[dice.below(journal.answered.len())];
            let again = backend.ask(request).await.unwrap();
            assert_eq!(again, *answer, "{request:?}, asked again");
            self.found.asked_again += 1;
        }
    }
}

/// Whether an act in doubt took effect: all of it, its row in the audit log included, or nothing.
fn was_done(by: &str, step: &Step, journal: &Journal, rooms: &Rooms, more: &[&Value]) -> bool {
    let readable = step.effects.iter().filter_map(|(register, to)| Some((register, to, register.read(rooms)?)));
    let outcomes: Vec<(&Register, bool)> = readable
        .map(|(register, to, found)| {
            let before = journal.sure(register);
            assert!(found == *to || found == before, "{by}: {register:?} was {before:?} or {to:?}, and now {found:?}");
            (register, found == *to)
        })
        .collect();
    let was_done = match (&step.trace, more) {
        (Some(trace), [row]) => {
            assert!(trace.is_in(row), "{by} had asked for {trace:?}, and there is {row}");
            true
        }
        (Some(_), []) => false,
        (None, []) => outcomes.iter().all(|(_, is_done)| *is_done),
        (Some(_) | None, _) => panic!("{by} had asked for one thing, {:?}, and there are {more:?}", step.trace),
    };
    let agree = outcomes.iter().all(|(register, is_done)| {
        let is_same_either_way = step.effects.iter().any(|(other, to)| other == *register && journal.sure(other) == to);
        is_same_either_way || *is_done == was_done
    });
    assert!(agree, "{by}: {:?} was done by halves: {outcomes:?}, audit log {more:?}", step.trace);
    was_done
}

async fn look(backend: &Backend, closely: &[String]) -> Rooms {
    let ids = backend.rooms().await;
    let mut snapshots = BTreeMap::new();
    for id in closely.iter().chain(ids.iter().filter(|id| !closely.contains(id))) {
        snapshots.insert(id.clone(), backend.get(&format!("/v1/rooms/{id}")).await);
    }
    Rooms { ids, snapshots }
}

/// After each restart, of each actor's requests with keys, so many.
const AGAIN: usize = 3;

/// Events of moderation that tell what has changed, beside the one that tells of the act.
const CHANGES: [&str; 2] = ["moderation.ban_changed", "moderation.mute_changed"];
