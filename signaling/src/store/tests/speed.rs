//! How fast it is. Not run by default: `cargo test --release -p podium-signaling --lib store::tests::speed -- --ignored --nocapture`.

use std::{
    io::Write as _,
    time::{Duration, Instant},
};

use super::*;
use crate::clock;

fn say(line: &str) {
    writeln!(std::io::stderr(), "{line}").unwrap();
}

fn command(number: u64) -> Batch {
    let body = format!("{{\"type\":\"seat_changed\",\"seq\":{number},\"text\":\"{}\"}}", "x".repeat(250));
    Batch {
        state: vec![set("room", &body), set("person:ada", &body)],
        events: vec![event("seat.changed", number, &body)],
        audits: vec![audit("ada", "seat_lock", Some("ben"))],
        ..step(&format!("r{}", number % 1_000), number)
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement, not a test"]
async fn opening_a_thousand_rooms_and_a_hundred_thousand_events() {
    let folder = Folder::new();
    let (store, _) = open(&folder.config());
    for number in 0..100_000 {
        let mut batch = command(number);
        batch.state.push(set("person:ben", "{}"));
        if number % 1_000 == 999 {
            durable(&store, batch).await;
        } else {
            store.write(batch);
        }
    }
    store.close();
    let size = fs::metadata(folder.file()).unwrap().len();
    for _ in 0..3 {
        let before = clock::now();
        let (store, found) = open(&folder.config());
        let opened = clock::now() - before;
        say(&format!("{} rooms, {size} bytes: opened in {opened:?}", found.rooms.len()));
        let before = clock::now();
        let events = all_events(&store).await.len();
        say(&format!("{events} events read in {:?}", clock::now() - before));
        store.close();
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement, not a test"]
async fn durable_commands_a_second() {
    let folder = Folder::new();
    let (store, _) = open(&folder.config());
    for clients in [1_u64, 16, 64, 256] {
        let (begin, before) = (clock::now(), store.health());
        let tasks: Vec<_> = (0..clients).map(|client| tokio::spawn(run(store.clone(), client, begin))).collect();
        let mut waits: Vec<Duration> = Vec::new();
        for task in tasks {
            waits.extend(task.await.unwrap());
        }
        waits.sort();
        let (seconds, after) = ((clock::now() - begin).as_secs_f64(), store.health());
        let commits = after.commits - before.commits;
        say(&format!(
            "{clients} at once: {:.0} a second, {commits} transactions, p50 {:?}, p99 {:?}",
            waits.len() as f64 / seconds,
            waits[waits.len() / 2],
            waits[waits.len() * 99 / 100]
        ));
    }
}

async fn run(store: Store, client: u64, begin: Instant) -> Vec<Duration> {
    let mut waits = Vec::new();
    while clock::now() - begin < Duration::from_secs(3) {
        let before = clock::now();
        assert!(durable(&store, command(client)).await);
        waits.push(clock::now() - before);
    }
    waits
}
