//! The disk is full, slow or refuses: nothing waits for it, nothing is forgotten, and it heals by itself.

use std::time::Duration;

use super::*;
use crate::store::StoreError;

/// No page more, as on a full disk.
async fn fill(store: &Store) {
    let fill = |ledger: &mut crate::store::Ledger| {
        let pages: i64 = ledger.connection.query_row("PRAGMA page_count", [], |row| row.get(0))?;
        ledger.connection.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))
    };
    store.threads.change(fill).await.unwrap();
}

async fn free(store: &Store) {
    let free = |ledger: &mut crate::store::Ledger| {
        ledger.connection.query_row("PRAGMA max_page_count = 1000000", [], |_| Ok(()))
    };
    store.threads.change(free).await.unwrap();
}

async fn until(store: &Store, is_well: bool) {
    for _ in 0..200 {
        if store.health().fault.is_none() == is_well {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{:?}", store.health());
}

fn long(number: u64) -> Batch {
    let body = format!("{{\"n\":{number},\"text\":\"{}\"}}", "x".repeat(3_000));
    let state = vec![set("room", &number.to_string()), set("person:ada", &body)];
    Batch { state, events: vec![event("seat.changed", number, &body)], ..step("demo", number) }
}

#[tokio::test]
async fn a_full_disk_is_told_and_survived() {
    let folder = Folder::new();
    let (store, _) = open(&folder.config());
    assert!(durable(&store, long(0)).await);
    fill(&store).await;
    let mut refused = 0;
    for number in 1..=300 {
        if !durable(&store, long(number)).await {
            refused += 1;
        }
    }
    assert!(refused >= 298, "{refused}");
    let health = store.health();
    assert!(health.fault.is_some_and(|fault| fault.contains("full")));
    assert!(health.waiting > 0 && health.dropped == 0);
    assert!(!all_events(&store).await.is_empty(), "what is there can be read");
    let erased = store.erase(person("ada"), false).await;
    assert!(matches!(erased, Err(StoreError::Failed(_))), "it is said that it cannot be done: {erased:?}");

    free(&store).await;
    until(&store, true).await;
    assert!(durable(&store, long(301)).await);
    assert_eq!((store.health().waiting, store.health().dropped), (0, 0));
    let killed = folder.as_if_killed();
    let (other, found) = open(&killed.config());
    let events = all_events(&other).await;
    assert_eq!(events.iter().map(|event| event.seq).collect::<Vec<_>>(), (0..=301).collect::<Vec<_>>());
    assert!(found.rooms[0].state.contains(&("room".to_owned(), "301".to_owned())));
}

#[tokio::test]
async fn another_program_that_holds_the_file_is_waited_for() {
    let folder = Folder::new();
    let (store, _) = open(&folder.config());
    let other = rusqlite::Connection::open(folder.file()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert!(!durable(&store, long(1)).await);
    until(&store, false).await;
    assert_eq!(store.write(long(2)).outcome(), Some(false), "nobody waits any longer");
    other.execute_batch("ROLLBACK").unwrap();
    until(&store, true).await;
    assert_eq!(all_events(&store).await.len(), 2);
}

#[tokio::test]
async fn a_fault_is_over_by_itself_even_if_nothing_waits_to_be_written() {
    let folder = Folder::new();
    let (store, _) = open(&folder.config());
    let other = rusqlite::Connection::open(folder.file()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let wish = Batch { now_or_never: true, ..long(1) };
    assert!(!durable(&store, wish.clone()).await);
    for _ in 0..200 {
        if store.health().waiting == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    until(&store, false).await;
    assert_eq!(store.write(wish).outcome(), Some(false));
    assert_eq!(store.health().waiting, 0, "it is given up");
    other.execute_batch("ROLLBACK").unwrap();
    until(&store, true).await;
    assert!(all_events(&store).await.is_empty());
}

#[tokio::test]
async fn a_disk_that_does_not_answer_holds_up_nobody() {
    let folder = Folder::new();
    let (store, _) = open(&folder.config());
    let other = rusqlite::Connection::open(folder.file()).unwrap();
    store.threads.change(|ledger| ledger.connection.busy_timeout(Duration::from_secs(4))).await.unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert!(!store.write(long(1)).is_durable().await, "a second is enough");
    until(&store, false).await;
    assert_eq!(store.write(long(2)).outcome(), Some(false));
    assert_eq!(store.health().fault.as_deref(), Some("the disk does not answer"));
    other.execute_batch("ROLLBACK").unwrap();
    until(&store, true).await;
    assert!(durable(&store, long(3)).await);
    assert_eq!(all_events(&store).await.len(), 3);
}

#[tokio::test]
async fn a_batch_that_is_not_taken_does_not_hold_up_the_others() {
    let folder = Folder::new();
    let (store, _) = open(&folder.config());
    let trap = "CREATE TEMP TRIGGER trap BEFORE INSERT ON events WHEN new.body = 'poison' BEGIN SELECT RAISE(ABORT, 'no'); END";
    store.threads.change(|ledger| ledger.connection.execute_batch(trap)).await.unwrap();
    for number in 0..50 {
        let body = if number == 20 { "poison" } else { "{}" };
        store.write(Batch {
            state: vec![set("room", &number.to_string())],
            events: vec![event("seat.changed", number, body)],
            ..step(&format!("r{number}"), 1)
        });
    }
    while store.health().waiting > 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(durable(&store, long(50)).await, "whoever is not written together with it does not notice");
    let events = all_events(&store).await;
    assert_eq!(events.len(), 50);
    assert!(events.iter().all(|event| event.seq != 20 && event.body.is_some()));
    assert_eq!(store.health().dropped, 1, "its event; the room does not write its state a second time");
    store.close();
    assert_eq!(open(&folder.config()).1.rooms.len(), 51, "50 and one more");
}

#[tokio::test]
async fn reading_has_a_bound_and_closing_ends_it() {
    let folder = Folder::new();
    let (store, _) = open(&folder.config());
    let (stop, stopped) = std::sync::mpsc::sync_channel::<()>(1);
    let slow = store.threads.read(move |_| {
        let _ = stopped.recv();
        Ok(())
    });
    let mut reads = tokio::task::JoinSet::new();
    for _ in 0..200 {
        let store = store.clone();
        reads.spawn(async move { store.events(EventQuery { count: 1, ..EventQuery::default() }).await });
    }
    let (_, busy) = tokio::join!(slow, async {
        let mut busy = 0;
        for _ in 0..100 {
            let outcome = reads.join_next().await.unwrap().unwrap();
            assert_eq!(outcome, Err(StoreError::Failed("busy".to_owned())));
            busy += 1;
        }
        drop(stop);
        busy
    });
    assert_eq!(busy, 100);
    while let Some(outcome) = reads.join_next().await {
        drop(outcome);
    }
    store.close();
    assert_eq!(store.events(EventQuery::default()).await, Err(StoreError::Closed));
}
