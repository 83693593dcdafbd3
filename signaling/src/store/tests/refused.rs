//! A file that is not what it should be is refused, and left as it was.

use super::*;
use crate::store::{OpenError, format, open::beside};

/// A folder whose file was closed well, with something in it.
async fn closed() -> Folder {
    let folder = Folder::new();
    let (store, _) = open(&folder.config());
    let batch = Batch { state: vec![set("room", "1")], events: vec![event("room.created", 1, "{}")], ..step("a", 1) };
    assert!(durable(&store, batch).await);
    store.close();
    folder
}

/// A folder whose process was killed, so that there is a write-ahead log.
async fn killed(count: u64) -> Folder {
    let folder = Folder::new();
    let (store, _) = open(&folder.config());
    for number in 0..count {
        let events = vec![event("room.created", 1, "{}")];
        assert!(durable(&store, Batch { state: vec![set("room", "1")], events, ..step("a", number) }).await);
    }
    folder.as_if_killed()
}

fn refused(folder: &Folder) -> OpenError {
    let before = bytes(&folder.file());
    let error = Store::open(&folder.config(), &|_| Ok(())).unwrap_err();
    assert!(bytes(&folder.file()) == before, "{error}: it was changed");
    let again = Store::open(&folder.config(), &|_| Ok(())).unwrap_err();
    assert_eq!(again.to_string(), error.to_string(), "a second look sees the same");
    assert!(bytes(&folder.file()) == before, "{error}: it was changed by a second look");
    error
}

fn alter(folder: &Folder, sql: &str) {
    let connection = rusqlite::Connection::open(folder.file()).unwrap();
    connection.execute_batch(sql).unwrap();
}

#[tokio::test]
async fn a_file_of_a_newer_version_is_refused() {
    let folder = closed().await;
    alter(&folder, "PRAGMA user_version = 7");
    assert!(matches!(refused(&folder), OpenError::Newer { found: 7, known: 2, .. }));
    // The version may stand in the write-ahead log only.
    let folder = closed().await;
    let connection = rusqlite::Connection::open(folder.file()).unwrap();
    connection.execute_batch("PRAGMA user_version = 8").unwrap();
    assert!(matches!(refused(&folder.as_if_killed()), OpenError::Newer { found: 8, .. }));
}

#[tokio::test]
async fn a_file_of_something_else_is_refused() {
    let folder = Folder::new();
    fs::write(folder.file(), "dear diary, ".repeat(100)).unwrap();
    assert!(matches!(refused(&folder), OpenError::Foreign { .. }));
    let folder = Folder::new();
    alter(&folder, "CREATE TABLE friends (name TEXT); INSERT INTO friends VALUES ('ada')");
    assert!(matches!(refused(&folder), OpenError::Foreign { .. }));
    let folder = Folder::new();
    fs::create_dir(folder.file()).unwrap();
    assert!(matches!(Store::open(&folder.config(), &|_| Ok(())).unwrap_err(), OpenError::Io { .. }));
    let folder = Folder::new();
    let config = StoreConfig { path: Some(folder.0.join("nowhere").join("podium.db")), ..StoreConfig::default() };
    assert!(matches!(Store::open(&config, &|_| Ok(())).unwrap_err(), OpenError::Io { .. }));
}

#[tokio::test]
async fn a_file_that_is_cut_off_or_partly_empty_is_refused() {
    let folder = closed().await;
    let whole = fs::read(folder.file()).unwrap();
    for length in [0, 50, 100, 4_096, whole.len() / 2, whole.len() - 4_096, whole.len() - 1] {
        fs::write(folder.file(), &whole[..length]).unwrap();
        assert!(matches!(refused(&folder), OpenError::Damaged { .. }), "cut off after {length} bytes");
    }
    for page in 0..whole.len() / 4_096 {
        let mut holed = whole.clone();
        holed[page * 4_096..(page + 1) * 4_096].fill(0);
        fs::write(folder.file(), &holed).unwrap();
        refused(&folder);
    }
}

#[tokio::test]
async fn a_write_ahead_log_that_is_missing_is_missed() {
    let folder = killed(3).await;
    let wal = beside(&folder.file(), "-wal");
    let kept = fs::read(&wal).unwrap();
    fs::remove_file(&wal).unwrap();
    let error = refused(&folder);
    assert!(error.to_string().contains("-wal"), "{error}");
    fs::write(&wal, kept).unwrap();
    let (store, found) = open(&folder.config());
    assert_eq!((found.rooms.len(), all_events(&store).await.len()), (1, 3));
    store.close();
    fs::rename(folder.file(), folder.0.join("away")).unwrap();
    fs::write(&wal, "x").unwrap();
    assert!(matches!(refused(&folder), OpenError::Damaged { .. }), "a log without its file");
}

#[tokio::test]
async fn a_flipped_bit_in_the_write_ahead_log_undoes_nothing_unseen() {
    let folder = killed(12).await;
    let wal = beside(&folder.file(), "-wal");
    let whole = fs::read(&wal).unwrap();
    let main = fs::read(folder.file()).unwrap();
    let (mut seen, mut harmless, mut last) = (0, 0, 0);
    for at in (0..whole.len()).step_by(401) {
        let mut flipped = whole.clone();
        flipped[at] ^= 1 << (at % 8);
        fs::write(&wal, &flipped).unwrap();
        fs::write(folder.file(), &main).unwrap();
        match Store::open(&folder.config(), &|_| Ok(())) {
            Err(error) => {
                assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
                seen += 1;
            }
            Ok((store, found)) => {
                let events = all_events(&store).await;
                assert!(found.rooms.len() == 1 && events.iter().all(|event| event.body.is_some()));
                match events.len() {
                    12 => harmless += 1,
                    // As if the power had failed before the last transaction was acknowledged: this cannot be told apart.
                    11 if at > whole.len() - 6 * 4_200 => last += 1,
                    count => panic!("{count} events after a bit was flipped at {at} of {}", whole.len()),
                }
                store.close();
            }
        }
    }
    assert!(
        seen > 100 && last > 0 && harmless < 100,
        "{seen} seen, {harmless} harmless, {last} of the last transaction"
    );
}

#[tokio::test]
async fn a_file_is_had_by_one_process_and_only_if_it_may_be_written() {
    let folder = closed().await;
    let (store, _) = open(&folder.config());
    assert!(matches!(Store::open(&folder.config(), &|_| Ok(())).unwrap_err(), OpenError::Locked { .. }));
    assert!(durable(&store, Batch { state: vec![set("room", "2")], ..step("a", 2) }).await, "it goes on");
    drop(store);
    let mut permissions = fs::metadata(folder.file()).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(folder.file(), permissions).unwrap();
    let error = refused(&folder);
    assert!(matches!(error, OpenError::Io { .. }) && error.to_string().contains("read-only"), "{error}");
}

#[tokio::test]
async fn rows_that_were_changed_by_others_are_refused_or_shown() {
    for sql in [
        "UPDATE state SET value = '2'",
        "UPDATE state SET key = 'roon'",
        "DELETE FROM state",
        "INSERT INTO state SELECT 'b', key, value, sum FROM state",
        "UPDATE meta SET events_last = 7",
        "DELETE FROM meta",
        "INSERT INTO meta SELECT 2, in_use, running, events_first, events_last, audits_first, audits_last, sum FROM meta",
        "UPDATE events SET id = 9",
        "DROP TABLE outbox",
        "CREATE INDEX quick ON events (room)",
    ] {
        let folder = closed().await;
        alter(&folder, sql);
        assert!(matches!(refused(&folder), OpenError::Damaged { .. }), "{sql}");
    }
    for sql in [
        "UPDATE events SET body = '[]'",
        "UPDATE events SET seq = 3",
        "DELETE FROM events",
        "UPDATE events SET room = NULL",
    ] {
        let folder = closed().await;
        alter(&folder, sql);
        let (store, _) = open(&folder.config());
        for _ in 0..2 {
            let events = all_events(&store).await;
            assert_eq!((events.len(), events[0].id, &events[0].body), (1, 1, &None), "{sql}");
            assert_eq!(store.health().damaged, 1, "each is counted once");
        }
    }
}

#[tokio::test]
async fn an_older_file_is_brought_to_the_latest_version_and_stays_as_it_was_if_that_fails() {
    let folder = closed().await;
    let mut steps: Vec<format::Step> = format::STEPS.to_vec();
    steps.push(|connection| connection.execute_batch("CREATE TABLE pets (name TEXT)"));
    steps.push(|connection| connection.execute_batch("INSERT INTO pets VALUES ('rex')"));
    let mut failing = steps.clone();
    failing[3] = |connection| connection.execute_batch("INSERT INTO cats VALUES ('tom')");
    let before = bytes(&folder.file());
    assert!(Store::open_as(&folder.config(), &failing, &|_| Ok(())).is_err());
    assert!(bytes(&folder.file()) == before);

    let (store, found) = Store::open_as(&folder.config(), &steps, &|_| Ok(())).unwrap();
    assert_eq!((found.rooms.len(), all_events(&store).await.len()), (1, 1));
    let pets = |connection: &rusqlite::Connection| connection.query_row("SELECT name FROM pets", [], |row| row.get(0));
    assert_eq!(store.threads.read(pets).await, Ok("rex".to_owned()));
    store.close();
    let (store, _) = Store::open_as(&folder.config(), &steps, &|_| Ok(())).unwrap();
    store.close();
    assert!(matches!(refused(&folder), OpenError::Newer { found: 4, known: 2, .. }));
}
