//! Bits are flipped all over a file: each one is found when it is opened or when it is read, or nothing that is read has changed.

use super::*;
use crate::store::{
    format, log,
    open::{self, Opened},
};

/// Everything that a file tells.
#[derive(Debug, PartialEq)]
struct Told {
    rooms: Vec<(String, Vec<(String, String)>)>,
    answers: Vec<AnswerRow>,
    outbox: Vec<crate::store::outbox::Delivery>,
    events: Vec<StoredEvent>,
    audits: Vec<StoredAudit>,
}

async fn file_with_everything() -> (Folder, StoreConfig) {
    let folder = Folder::new();
    let targets = vec![TargetFilter { name: "hook".to_owned(), kinds: vec!["seat.*".to_owned()] }];
    let config = StoreConfig { targets, ..folder.config() };
    let (store, _) = open(&config);
    for number in 0..400_u64 {
        let name = format!("room-{}", number % 20);
        let person = format!("person:{}", number % 3);
        let long = "long ".repeat(if number % 50 == 0 { 2_000 } else { 20 });
        let mut batch = Batch {
            state: vec![set("room", &number.to_string()), set(&person, &long)],
            events: vec![
                event("seat.changed", number, "{\"type\":\"seat_changed\"}"),
                event("hand.changed", number, &long),
            ],
            ..step(&name, number)
        };
        if number % 4 == 0 {
            batch.audits = vec![audit("ada", "seat_lock", Some("ben"))];
            batch.answers = vec![answer("ada", &number.to_string(), number)];
        }
        store.write(batch);
    }
    // Some of it goes again, as in life.
    store.write(Batch { ends: true, ..step("room-3", 1) });
    assert!(durable(&store, Batch { events: vec![event("room.closed", 1, "{}")], ..step("room-3", 1) }).await);
    store.close();
    (folder, config)
}

fn told(opened: &Opened) -> rusqlite::Result<Told> {
    let all = usize::MAX;
    let mut events = Vec::new();
    let mut after = Some(0);
    while let Some(from) = after {
        let piece = log::look::<log::Events>(&opened.connection, from, all, |_| true)?;
        events.extend(piece.found);
        after = piece.upto;
    }
    Ok(Told {
        rooms: opened.rooms.iter().map(|room| (room.id.as_str().to_owned(), room.state.clone())).collect(),
        answers: opened.answers.clone(),
        outbox: opened.outbox.clone(),
        events,
        audits: log::look::<log::Audits>(&opened.connection, 0, all, |_| true)?.found,
    })
}

/// Whether `now` is what it was, but for entries that are said to be damaged.
fn is_honest(now: &Told, was: &Told) -> bool {
    let events = now.events.len() == was.events.len()
        && now.events.iter().zip(&was.events).all(|(now, was)| now == was || (now.body.is_none() && now.id == was.id));
    let audits = now.audits.len() == was.audits.len()
        && now.audits.iter().zip(&was.audits).all(|(now, was)| now == was || (now.damaged && now.id == was.id));
    events && audits && now.rooms == was.rooms && now.answers == was.answers && now.outbox == was.outbox
}

/// A row of dice that falls the same each time.
fn die(state: &mut u64) -> usize {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    usize::try_from(*state >> 11).unwrap()
}

#[derive(Debug, Default, PartialEq)]
struct Tally {
    refused: u32,
    shown: u32,
    harmless: u32,
}

#[tokio::test]
async fn every_flipped_bit_is_found_or_changes_nothing() {
    let (folder, config) = file_with_everything().await;
    let whole = fs::read(folder.file()).unwrap();
    let was = told(&open::open(&config, format::STEPS, &|_| Ok(())).unwrap()).unwrap();
    assert_eq!((was.events.len(), was.audits.len(), was.rooms.len()), (801, 100, 19));
    let (mut state, mut tally) = (0x5eed, Tally::default());
    let pages = whole.len() / 4_096;
    // Each page is hit in its header and list of cells, and anywhere.
    let places = (0..pages).flat_map(|page| [(page, 16), (page, 200), (page, 4_096), (page, 4_096), (page, 4_096)]);
    let places: Vec<_> = places.cycle().take(1_200.max(5 * pages)).collect();
    let flipped = Folder::new();
    let config = StoreConfig { path: Some(flipped.file()), ..config };
    for (page, within) in places {
        let at = page * 4_096 + die(&mut state) % within;
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (die(&mut state) % 8);
        for suffix in ["-wal", "-shm"] {
            let _ = fs::remove_file(open::beside(&flipped.file(), suffix));
        }
        fs::write(flipped.file(), &bytes).unwrap();
        match open::open(&config, format::STEPS, &|_| Ok(())).map(|opened| told(&opened)) {
            Err(error) => {
                tally.refused += 1;
                assert!(fs::read(flipped.file()).unwrap() == bytes, "{error}: it was changed");
            }
            Ok(Err(_)) => tally.shown += 1,
            Ok(Ok(now)) if now == was => tally.harmless += 1,
            Ok(Ok(now)) => {
                tally.shown += 1;
                assert!(is_honest(&now, &was), "a bit of byte {at} (page {page}) was flipped, and nobody saw");
            }
        }
    }
    // That all three happen shows that the bits were flipped where something lies.
    assert!(tally.refused > 200 && tally.shown > 100 && tally.harmless > 10, "{tally:?}");
}
