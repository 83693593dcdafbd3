//! What is written is there again: read back, after a restart, after a kill.

use super::*;
use crate::store::OutboxChange;

fn full_batch() -> Batch {
    Batch {
        state: vec![set("room", "{\"rev\":1}"), set("person:ada", "{}"), set("person:ben", "{}")],
        events: vec![event("room.created", 1, "{\"a\":1}"), event("seat.changed", 2, "{\"b\":2}")],
        audits: vec![audit("ada", "member_ban", Some("ben"))],
        answers: vec![answer("ada", "key-1", 1_000), answer("ada", "key-2", 2_000)],
        ..step("demo", 1_000)
    }
}

async fn check_full(store: &Store, recovered: &Recovered) {
    assert_eq!(
        rooms(recovered),
        [("demo".to_owned(), rows(&[("person:ada", "{}"), ("person:ben", "{}"), ("room", "{\"rev\":1}")]))]
    );
    assert_eq!(recovered.answers, [answer("ada", "key-1", 1_000), answer("ada", "key-2", 2_000)]);
    let stored = |id, seq, kind: &str, body: &str| StoredEvent {
        id,
        room: Some("demo".to_owned()),
        seq,
        at_ms: 1_000,
        kind: kind.to_owned(),
        body: Some(body.to_owned()),
    };
    let expected = [stored(1, 1, "room.created", "{\"a\":1}"), stored(2, 2, "seat.changed", "{\"b\":2}")];
    assert_eq!(all_events(store).await, expected);
    let expected = StoredAudit {
        id: 1,
        room: Some("demo".to_owned()),
        seq: 7,
        at_ms: 1_000,
        by: "ada".to_owned(),
        role: "host".to_owned(),
        from_outside: false,
        act: "member_ban".to_owned(),
        on: Some("ben".to_owned()),
        reason: Some("noise".to_owned()),
        details: "{}".to_owned(),
        damaged: false,
    };
    assert_eq!(all_audits(store).await, [expected]);
}

#[tokio::test]
async fn what_is_written_is_there_after_a_restart_and_after_a_kill() {
    let folder = Folder::new();
    let (store, found) = open(&folder.config());
    assert!(found.rooms.is_empty() && found.answers.is_empty());
    assert!(durable(&store, full_batch()).await);

    let killed = folder.as_if_killed();
    let (other, found) = open(&killed.config());
    check_full(&other, &found).await;

    store.close();
    assert!(!durable(&store, step("demo", 1)).await || step("demo", 1).is_empty());
    assert!(!store.write(full_batch()).is_durable().await, "it is closed");
    let wal = crate::store::open::beside(&folder.file(), "-wal");
    assert!(!wal.exists(), "all of it is in one file");
    let (store, found) = open(&folder.config());
    check_full(&store, &found).await;
    assert_eq!(store.health().damaged, 0);
}

#[tokio::test]
async fn memory_keeps_the_same_until_the_end() {
    let (store, found) = open(&StoreConfig::default());
    assert!(found.rooms.is_empty());
    assert_eq!(store.write(full_batch()).outcome(), Some(true), "there is no disk to wait for");
    let found = Recovered::default();
    assert!(found.rooms.is_empty());
    assert_eq!(all_events(&store).await.len(), 2);
    assert_eq!(all_audits(&store).await.len(), 1);
    store.close();
}

#[tokio::test]
async fn rows_change_and_go_and_rooms_end() {
    let folder = Folder::new();
    let (store, _) = open(&folder.config());
    store.write(full_batch());
    let mut other = full_batch();
    other.room = Some(room("other"));
    store.write(other.clone());
    store.write(Batch { state: vec![set("room", "2"), unset("person:ada"), unset("nobody")], ..step("demo", 2) });
    store.write(Batch { ends: true, state: vec![set("room", "3")], ..step("other", 3) });
    assert!(durable(&store, Batch { state: vec![set("room", "4")], ..step("demo", 4) }).await);
    store.close();
    let (store, found) = open(&folder.config());
    assert_eq!(rooms(&found), [("demo".to_owned(), rows(&[("person:ben", "{}"), ("room", "4")]))]);
    assert_eq!(all_events(&store).await.len(), 4, "the log of a room that is over stays");

    store.write(Batch { ends: true, ..step("demo", 5) });
    assert!(durable(&store, Batch { state: vec![set("room", "anew")], ..step("demo", 6) }).await);
    store.close();
    let (_store, found) = open(&folder.config());
    assert_eq!(rooms(&found), [("demo".to_owned(), rows(&[("room", "anew")]))]);
}

#[tokio::test]
async fn the_logs_are_read_by_room_kind_person_and_page() {
    let folder = Folder::new();
    let (store, _) = open(&folder.config());
    for number in 0..6_000 {
        let name = if number % 2 == 0 { "even" } else { "odd" };
        let kind = if number % 3 == 0 { "seat.changed" } else { "hand.changed" };
        let events = vec![event(kind, number, "{}")];
        let audits = vec![audit(if number % 5 == 0 { "ada" } else { "ben" }, "seat_lock", Some("cyd"))];
        store.write(Batch { events, audits, ..step(name, number) });
    }
    assert!(durable(&store, Batch { events: vec![event("room.closed", 9, "{}")], ..step("even", 9) }).await);
    let query = EventQuery { count: 10_000, ..EventQuery::default() };
    let ids = |events: Vec<StoredEvent>| events.iter().map(|event| event.id).collect::<Vec<_>>();
    assert_eq!(ids(store.events(query.clone()).await.unwrap().found), (1..=6_001).collect::<Vec<_>>());
    let odd = EventQuery { room: Some(room("odd")), after: 10, count: 3, ..query.clone() };
    assert_eq!(ids(store.events(odd).await.unwrap().found), [12, 14, 16]);
    let seats = EventQuery { kinds: vec!["seat.*".to_owned()], count: 3, ..query.clone() };
    assert_eq!(ids(store.events(seats).await.unwrap().found), [1, 4, 7]);
    let closed = EventQuery { kinds: vec!["room.closed".to_owned()], ..query.clone() };
    assert_eq!(ids(store.events(closed).await.unwrap().found), [6_001], "further than one look");
    assert!(store.events(EventQuery { after: 6_001, ..query.clone() }).await.unwrap().found.is_empty());
    assert!(store.events(EventQuery { after: u64::MAX, ..query.clone() }).await.unwrap().found.is_empty());
    assert!(store.events(EventQuery { count: 0, ..query }).await.unwrap().found.is_empty());

    let query = AuditQuery { count: 10_000, ..AuditQuery::default() };
    let ada = store.audits(AuditQuery { identity: Some(person("ada")), ..query.clone() }).await.unwrap().found;
    assert_eq!(ada.len(), 1_200);
    let cyd =
        store.audits(AuditQuery { identity: Some(person("cyd")), after: 5_990, ..query.clone() }).await.unwrap().found;
    assert_eq!(cyd.len(), 10);
    let even = store.audits(AuditQuery { room: Some(room("even")), count: 2, ..query }).await.unwrap().found;
    assert_eq!(even.iter().map(|audit| audit.id).collect::<Vec<_>>(), [1, 3]);
}

#[tokio::test]
async fn what_gathers_is_committed_together() {
    let folder = Folder::new();
    let (store, _) = open(&folder.config());
    let tickets: Vec<_> = (0..2_000)
        .map(|number| {
            store.write(Batch { state: vec![set("room", &number.to_string())], ..step(&format!("r{number}"), 1) })
        })
        .collect();
    for mut ticket in tickets {
        assert!(ticket.is_durable_by(clock::now() + A_MINUTE).await);
    }
    let health = store.health();
    assert_eq!((health.batches, health.waiting, health.fault), (2_000, 0, None));
    assert!(health.commits < 1_000, "{} transactions", health.commits);
    store.close();
    assert_eq!(open(&folder.config()).1.rooms.len(), 2_000);
}

#[tokio::test]
async fn the_outbox_is_written_with_the_events_and_in_order_for_each_room() {
    let folder = Folder::new();
    let target = |name: &str, kinds: &[&str]| TargetFilter {
        name: name.to_owned(),
        kinds: kinds.iter().map(|kind| (*kind).to_owned()).collect(),
    };
    let config = StoreConfig { targets: vec![target("all", &[]), target("seats", &["seat.*"])], ..folder.config() };
    let (store, _) = open(&config);
    store.write(Batch { events: vec![event("room.created", 1, "1"), event("seat.changed", 2, "2")], ..step("a", 10) });
    assert!(durable(&store, Batch { events: vec![event("seat.changed", 1, "3")], ..step("b", 20) }).await);
    store.outbox_news("all").await;
    store.outbox_news("seats").await;
    let (due, next) = store.due_deliveries("all".to_owned(), 15, 10).await.unwrap();
    assert_eq!(due.iter().map(|due| due.event.id).collect::<Vec<_>>(), [1]);
    assert_eq!(next, Some(20));
    let (due, next) = store.due_deliveries("all".to_owned(), 20, 10).await.unwrap();
    assert_eq!(due.iter().map(|due| due.event.id).collect::<Vec<_>>(), [1, 3], "the second of `a` waits for the first");
    assert_eq!((next, due[0].since_ms, due[0].attempts), (None, 10, 0));
    assert_eq!(due[0].event.body.as_deref(), Some("1"));
    assert_eq!(store.health().outbox, 5);
    assert_eq!((store.outbox_waiting("all"), store.outbox_waiting("none")), ((3, Some(10)), (0, None)));

    let (target, event) = ("all".to_owned(), 1);
    store.note_delivery(OutboxChange::Retry { target: target.clone(), event, attempts: 1, next_ms: 500 });
    store.note_delivery(OutboxChange::Done { target: "all".to_owned(), event: 3 });
    let (due, next) = store.due_deliveries(target.clone(), 499, 10).await.unwrap();
    assert_eq!((due.len(), next), (0, Some(500)));
    store.close();
    let (store, _) = open(&config);
    assert_eq!(store.health().outbox, 4);
    let (due, _) = store.due_deliveries(target.clone(), 500, 10).await.unwrap();
    assert_eq!((due[0].event.id, due[0].attempts, due.len()), (1, 1, 1));
    store.note_delivery(OutboxChange::Done { target: target.clone(), event });
    let (due, _) = store.due_deliveries(target, 500, 10).await.unwrap();
    assert_eq!(due[0].event.id, 2);
}
