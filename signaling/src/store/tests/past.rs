//! What is past goes: by age, by number, and when someone wants to be forgotten.

use std::time::Duration;

use serde_json::json;

use super::*;
use crate::store::{OutboxChange, retention};

/// Takes away all that is out of date at `now_ms`, as the writer does once a minute.
async fn keep_up(store: &Store, config: &StoreConfig, now_ms: u64) {
    let (config, oldest) = (config.clone(), store.threads.shared.outbox().oldest());
    let all = move |ledger: &mut crate::store::Ledger| {
        while retention::step(ledger, &config, oldest, now_ms)? {}
        Ok(())
    };
    store.threads.change(all).await.unwrap();
}

fn ids(events: &[StoredEvent]) -> (usize, u64, u64) {
    (events.len(), events.first().map_or(0, |event| event.id), events.last().map_or(0, |event| event.id))
}

#[tokio::test]
async fn the_oldest_of_the_log_goes_by_age_and_number_but_not_before_it_is_delivered() {
    let folder = Folder::new();
    let targets = vec![TargetFilter { name: "hook".to_owned(), kinds: vec!["room.closed".to_owned()] }];
    let keep_events = Duration::from_millis(1_000);
    let config = StoreConfig {
        keep_events,
        keep_audits: Duration::from_millis(10),
        events_max: 3_000,
        targets,
        ..folder.config()
    };
    let (store, _) = open(&config);
    for number in 1..=5_000 {
        let kind = if number == 4_000 { "room.closed" } else { "seat.changed" };
        let audits = if number % 100 == 0 { vec![audit("ada", "seat_lock", None)] } else { Vec::new() };
        store.write(Batch { events: vec![event(kind, number, "{}")], audits, ..step("a", number) });
    }
    assert!(durable(&store, Batch { state: vec![set("room", "1")], ..step("a", 1) }).await);
    keep_up(&store, &config, 0).await;
    assert_eq!(ids(&all_events(&store).await), (3_000, 2_001, 5_000), "by number");
    keep_up(&store, &config, 3_500).await;
    assert_eq!(ids(&all_events(&store).await), (2_501, 2_500, 5_000), "by age");
    assert_eq!(all_audits(&store).await.len(), 16, "older than 10 ms");
    keep_up(&store, &config, 6_500).await;
    assert_eq!(ids(&all_events(&store).await), (1_001, 4_000, 5_000), "one is still to be delivered");
    store.note_delivery(OutboxChange::Done { target: "hook".to_owned(), event: 4_000 });
    keep_up(&store, &config, 5_500).await;
    assert_eq!(ids(&all_events(&store).await), (501, 4_500, 5_000));
    keep_up(&store, &config, 10_000_000).await;
    assert_eq!((all_events(&store).await.len(), all_audits(&store).await.len()), (0, 0));
    store.close();
    let (store, _) = open(&config);
    assert!(durable(&store, Batch { events: vec![event("seat.changed", 1, "{}")], ..step("a", 1) }).await);
    assert_eq!(ids(&all_events(&store).await), (1, 5_001, 5_001), "ids are not given twice");
    assert_eq!(store.health().damaged, 0);
}

#[tokio::test]
async fn answers_go_by_age_and_number() {
    let folder = Folder::new();
    let config = StoreConfig { keep_answers: Duration::from_millis(100), answers_max: 20, ..folder.config() };
    let (store, _) = open(&config);
    let answers = (0..50).map(|number| answer("ada", &number.to_string(), number)).collect();
    assert!(durable(&store, Batch { answers, ..step("a", 1) }).await);
    keep_up(&store, &config, 50).await;
    store.close();
    let (store, found) = open(&config);
    assert_eq!(found.answers.iter().map(|answer| answer.at_ms).collect::<Vec<_>>(), (30..50).collect::<Vec<_>>());
    keep_up(&store, &config, 140).await;
    store.close();
    assert_eq!(open(&config).1.answers.len(), 10);
}

#[tokio::test]
async fn of_too_many_answers_those_of_the_busiest_go() {
    let folder = Folder::new();
    let config = StoreConfig { answers_max: 20, ..folder.config() };
    let (store, _) = open(&config);
    let of_ben = (0..5).map(|number| answer("ben", &number.to_string(), number));
    let answers = of_ben.chain((5..100).map(|number| answer("ada", &number.to_string(), number))).collect();
    assert!(durable(&store, Batch { answers, ..step("a", 1) }).await);
    keep_up(&store, &config, 100).await;
    store.close();
    let found = open(&config).1.answers;
    let of_ben = found.iter().filter(|answer| answer.whose == "ben").count();
    assert_eq!((found.len(), of_ben), (20, 5), "though his were the oldest");
}

#[tokio::test]
async fn a_target_that_takes_nothing_has_a_bound() {
    let folder = Folder::new();
    let targets = vec![TargetFilter { name: "hook".to_owned(), kinds: Vec::new() }];
    let config = StoreConfig { targets, outbox_max: 10, ..folder.config() };
    let (store, _) = open(&config);
    for number in 0..30 {
        assert!(durable(&store, Batch { events: vec![event("seat.changed", number, "{}")], ..step("a", 1) }).await);
    }
    let health = store.health();
    assert_eq!((health.outbox, health.dropped), (10, 20));
    store.close();
    let (store, _) = open(&config);
    assert_eq!(store.health().outbox, 10);
    assert_eq!(store.due_deliveries("hook".to_owned(), 1, 9).await.unwrap().0[0].event.id, 21);
    store.close();
    let (store, _) = open(&folder.config());
    assert_eq!(store.health().outbox, 0, "a target that is no longer there gets nothing");
    store.close();
    assert_eq!(open(&config).0.health().outbox, 0);
}

#[tokio::test]
async fn whoever_wants_to_be_forgotten_is() {
    let folder = Folder::new();
    let targets = vec![TargetFilter { name: "hook".to_owned(), kinds: Vec::new() }];
    let config = StoreConfig { targets, ..folder.config() };
    let (store, _) = open(&config);
    let events = vec![
        event("participant.joined", 1, "{\"participant\":{\"identity\":\"ada\",\"name\":\"Ada\"}}"),
        event("seat.changed", 2, "{\"seat\":{\"holder\":\"ada\"},\"by\":\"ben\"}"),
        event("seat.changed", 3, "{\"seat\":{\"holder\":\"ben\"}}"),
        event("room.message", 4, "{\"from\":\"ben\",\"text\":\"ada\"}"),
        event("hand.changed", 5, "{\"identity\":\"adam\"}"),
    ];
    let audits = vec![
        audit("ada", "seat_lock", None),
        audit("ben", "member_ban", Some("ada")),
        audit("ben", "seat_mute", Some("ada")),
        audit("ben", "seat_mute", Some("cyd")),
    ];
    let answers = vec![answer("ada", "1", 1), answer("ben", "1", 1)];
    let state = vec![set("room", "{}"), set("person:ada", "{}"), set("person:ben", "{}"), set("ban:ada", "{}")];
    assert!(durable(&store, Batch { state, events, audits, answers, ..step("a", 1) }).await);

    let export = store.export(person("ada")).await.unwrap();
    assert_eq!(export.events.iter().map(|event| event.id).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(export.audits.iter().map(|audit| audit.id).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(export.state.iter().map(|(_, key, _)| key.as_str()).collect::<Vec<_>>(), ["ban:ada", "person:ada"]);
    assert_eq!((export.answers, export.truncated), (1, false));

    assert_eq!(store.erase(person("ada"), true).await, Ok(1 + 2 + 2));
    let export = store.export(person("ada")).await.unwrap();
    assert_eq!((export.events.len(), export.answers), (0, 0));
    assert_eq!(export.audits.iter().map(|audit| audit.id).collect::<Vec<_>>(), [2], "why they are banned");
    assert_eq!(export.state.len(), 2, "rooms have their state themselves");
    assert_eq!(store.erase(person("ada"), false).await, Ok(1));
    assert!(store.export(person("ada")).await.unwrap().audits.is_empty());

    let events = all_events(&store).await;
    assert_eq!((events[0].id, events[0].seq, events[0].kind.as_str()), (1, 1, "participant.joined"));
    let bodies: Vec<serde_json::Value> =
        events.iter().map(|event| serde_json::from_str(event.body.as_ref().unwrap()).unwrap()).collect();
    let pseudonym = bodies[0]["participant"]["identity"].as_str().unwrap().to_owned();
    assert!(pseudonym.starts_with("erased-") && pseudonym.len() == 15, "{pseudonym}");
    assert_eq!(bodies[0], json!({"participant": {"identity": pseudonym, "name": "erased"}}));
    assert_eq!(bodies[1], json!({"seat": {"holder": pseudonym}, "by": "ben"}), "the shape is as it was");
    assert_eq!(bodies[2], json!({"seat": {"holder": "ben"}}));
    assert_eq!(bodies[3], json!({"from": "ben", "text": "ada"}));
    assert_eq!(bodies[4], json!({"identity": "adam"}));
    let audits = all_audits(&store).await;
    assert_eq!(
        (audits[0].by.as_str(), audits[1].on.as_deref(), audits[1].reason.as_deref()),
        ("erased", Some("erased"), Some("erased"))
    );
    assert_eq!((audits[3].on.as_deref(), audits[3].reason.as_deref()), (Some("cyd"), Some("noise")));
    let due = store.due_deliveries("hook".to_owned(), 1, 9).await.unwrap().0;
    assert_eq!(due[0].event.body, events[0].body, "what is still to be told does not name them either");
    store.close();
    let (store, found) = open(&config);
    assert_eq!(found.answers, [answer("ben", "1", 1)]);
    assert_eq!((store.health().damaged, all_events(&store).await), (0, events));
}
