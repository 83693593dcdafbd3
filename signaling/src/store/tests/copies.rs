//! A copy is whole or is none, and what it holds is there again in its place.

use super::*;
use crate::store::{Contents, CopyError, OpenError, backup, check, open::beside, restore, totals::Use};

const TRUE: super::super::Judge<'_> = &|_| Ok(());

/// A folder whose store a server has open, with `count` events in it, of which some lie in the write-ahead log only.
async fn serving(count: u64) -> (Folder, Store) {
    let folder = Folder::new();
    let (store, _) = open(&folder.config());
    for number in 0..count {
        assert!(durable(&store, filled(number)).await);
    }
    assert!(fs::metadata(beside(&folder.file(), "-wal")).unwrap().len() > 0);
    (folder, store)
}

fn filled(number: u64) -> Batch {
    let audits = vec![audit("ada", "member_ban", Some("ben"))];
    Batch {
        state: vec![set("room", &number.to_string())],
        events: vec![event("room.created", 1, "{}")],
        audits,
        answers: vec![answer("shop", &number.to_string(), 1)],
        ..step("a", number)
    }
}

fn rows_of(contents: &Contents, table: &str) -> u64 {
    contents.tables.iter().find(|(name, _)| name == table).unwrap().1
}

/// What a store in this file has.
async fn found_in(file: &Path) -> (usize, usize) {
    let (store, found) = open(&StoreConfig { path: Some(file.to_owned()), ..StoreConfig::default() });
    let found = (found.rooms.len(), all_events(&store).await.len());
    store.close();
    found
}

fn files(folder: &Folder) -> Vec<String> {
    let names = fs::read_dir(&folder.0).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

/// A copy as `VACUUM INTO` makes it.
fn vacuumed(folder: &Folder) -> PathBuf {
    let to = folder.0.join("vacuumed.db");
    let connection = rusqlite::Connection::open(folder.file()).unwrap();
    connection.execute("VACUUM INTO ?", [to.to_str().unwrap()]).unwrap();
    to
}

#[tokio::test]
async fn a_copy_is_made_while_a_server_has_the_store_and_is_the_store_of_that_moment() {
    let (folder, store) = serving(5).await;
    let copy = folder.0.join("copy.db");
    let contents = backup(&folder.file(), &copy, false, TRUE).unwrap();
    assert_eq!((contents.rooms, rows_of(&contents, "events"), rows_of(&contents, "audits")), (1, 5, 5));
    assert!(contents.to_string().contains("1 rooms") && contents.to_string().contains("5 events"), "{contents}");
    assert!(durable(&store, filled(5)).await, "the server goes on");
    assert_eq!(check(&copy, TRUE).unwrap(), contents, "what came later is not in it");
    store.close();
    assert_eq!(found_in(&folder.file()).await, (1, 6));
    let before = bytes(&copy);
    assert!(before.1.is_none(), "a copy is one file");
    assert_eq!(found_in(&copy).await, (1, 5));
}

#[tokio::test]
async fn a_copy_of_a_store_that_was_closed_or_killed_is_whole_too() {
    let (folder, store) = serving(3).await;
    let killed = folder.as_if_killed();
    store.close();
    for folder in [&folder, &killed] {
        let before = bytes(&folder.file());
        let copy = folder.0.join("copy.db");
        assert_eq!(rows_of(&backup(&folder.file(), &copy, false, TRUE).unwrap(), "events"), 3);
        assert!(bytes(&folder.file()) == before, "the store was changed");
        assert_eq!(found_in(&copy).await, (1, 3));
        assert_eq!(found_in(&folder.file()).await, (1, 3), "and it can be opened");
    }
    // What lay in the log is lost: no copy can be whole.
    let (folder, store) = serving(3).await;
    let killed = folder.as_if_killed();
    store.close();
    fs::remove_file(beside(&killed.file(), "-wal")).unwrap();
    let copy = killed.0.join("copy.db");
    let error = backup(&killed.file(), &copy, false, TRUE).unwrap_err();
    assert!(error.to_string().contains("-wal") && !copy.exists(), "{error}");
    assert!(!files(&killed).iter().any(|name| name.contains("copy.db")), "{:?}", files(&killed));
}

#[tokio::test]
async fn a_copy_takes_no_place_that_is_taken() {
    let (folder, store) = serving(1).await;
    let copy = folder.0.join("copy.db");
    fs::write(&copy, "mine").unwrap();
    assert!(matches!(backup(&folder.file(), &copy, false, TRUE), Err(CopyError::Occupied { .. })));
    assert_eq!(fs::read(&copy).unwrap(), b"mine");
    assert!(backup(&folder.file(), &copy, true, TRUE).is_ok() && check(&copy, TRUE).is_ok());

    // The store itself, by any of its names, and whatever belongs to it.
    fs::hard_link(folder.file(), folder.0.join("link.db")).unwrap();
    std::os::unix::fs::symlink(folder.file(), folder.0.join("symlink.db")).unwrap();
    let round_about = folder.0.join("..").join(folder.0.file_name().unwrap()).join("podium.db");
    for same in
        ["podium.db", "link.db", "symlink.db", "podium.db-wal", "podium.db-shm", "podium.db-lock", "podium.db-new"]
            .map(|name| folder.0.join(name))
            .into_iter()
            .chain([round_about])
    {
        let refused = backup(&folder.file(), &same, true, TRUE);
        assert!(matches!(refused, Err(CopyError::Same { .. })), "{}: {refused:?}", same.display());
    }
    for bad in [folder.0.clone(), folder.0.join("nowhere").join("copy.db")] {
        assert!(matches!(backup(&folder.file(), &bad, true, TRUE), Err(CopyError::Open(OpenError::Io { .. }))));
    }
    let absent = folder.0.join("absent.db");
    assert!(matches!(backup(&absent, &folder.0.join("x.db"), true, TRUE), Err(CopyError::Absent { .. })));
    assert!(!absent.exists() && !folder.0.join("x.db").exists());
    assert!(durable(&store, filled(9)).await);
    store.close();
}

#[tokio::test]
async fn copies_that_sqlite_makes_of_a_running_server_are_opened_as_they_are() {
    let (folder, store) = serving(4).await;
    let copy = vacuumed(&folder);
    store.close();
    assert_eq!(&fs::read(&copy).unwrap()[18..20], [1, 1], "it is not in WAL mode");
    let before = bytes(&copy);
    assert_eq!(rows_of(&check(&copy, TRUE).unwrap(), "events"), 4);
    assert!(bytes(&copy) == before, "looking at it changes nothing");
    let other = Folder::new();
    fs::copy(&copy, other.file()).unwrap();
    assert_eq!(found_in(&other.file()).await, (1, 4));
    assert_eq!(found_in(&other.file()).await, (1, 4), "and it stays");

    // An empty log beside it does no harm; that of another file would.
    let other = Folder::new();
    fs::copy(&copy, other.file()).unwrap();
    fs::write(beside(&other.file(), "-wal"), "").unwrap();
    assert_eq!(found_in(&other.file()).await, (1, 4));
    let other = Folder::new();
    fs::copy(&copy, other.file()).unwrap();
    fs::write(beside(&other.file(), "-wal"), "the log of another").unwrap();
    let before = bytes(&other.file());
    let refused = Store::open(&other.config(), TRUE).unwrap_err();
    assert!(matches!(refused, OpenError::Damaged { .. }) && bytes(&other.file()) == before, "{refused}");
}

#[tokio::test]
async fn a_file_that_changed_its_number_is_a_copy_and_one_that_did_not_lacks_its_log() {
    // As `sqlite3 podium.db '.backup copy.db'` leaves it: in WAL mode, in use, without a log, with the cookie of a new file.
    let (folder, store) = serving(4).await;
    let live = rusqlite::Connection::open(folder.file()).unwrap();
    live.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())).unwrap();
    drop(live);
    let copied = Folder::new();
    fs::copy(folder.file(), copied.file()).unwrap();
    store.close();
    let refused = Store::open(&copied.config(), TRUE).unwrap_err();
    assert!(refused.to_string().contains("-wal"), "{refused}");
    let mut whole = fs::read(copied.file()).unwrap();
    whole[40..44].copy_from_slice(&1_u32.to_be_bytes());
    fs::write(copied.file(), &whole).unwrap();
    assert_eq!(rows_of(&check(&copied.file(), TRUE).unwrap(), "events"), 4);
    assert_eq!(found_in(&copied.file()).await, (1, 4));

    // Its own number is another one then, so that a copy of this one can be told again.
    let (store, _) = open(&copied.config());
    let live = rusqlite::Connection::open(copied.file()).unwrap();
    let cookie: u32 = live.pragma_query_value(None, "schema_version", |row| row.get(0)).unwrap();
    let totals = super::super::totals::Totals::load(&live).unwrap().unwrap();
    assert_eq!(totals.usage, Use::Open { cookie });
    assert!(cookie > 1);
    drop(live);
    store.close();
}

#[tokio::test]
async fn a_copy_that_is_damaged_anywhere_is_found_out_and_left() {
    let (folder, store) = serving(3).await;
    let copy = folder.0.join("copy.db");
    backup(&folder.file(), &copy, false, TRUE).unwrap();
    store.close();
    let whole = fs::read(&copy).unwrap();
    for sql in [
        "UPDATE state SET value = '7'",
        "UPDATE events SET body = '[]' WHERE id = 2",
        "DELETE FROM events WHERE id = 2",
        "UPDATE audits SET reason = 'none' WHERE id = 3",
        "DELETE FROM answers",
        "DROP TABLE outbox",
        "PRAGMA user_version = 99",
    ] {
        fs::write(&copy, &whole).unwrap();
        rusqlite::Connection::open(&copy).unwrap().execute_batch(sql).unwrap();
        let before = bytes(&copy);
        let error = check(&copy, TRUE).unwrap_err();
        assert!(
            matches!(error, CopyError::Open(OpenError::Damaged { .. } | OpenError::Newer { .. })),
            "{sql}: {error}"
        );
        assert!(error.to_string().contains("copy.db") && !error.to_string().contains("-check"), "{error}");
        assert!(bytes(&copy) == before, "{sql}: it was changed");
        let other = Folder::new();
        assert!(restore(&copy, &other.file(), false, TRUE).is_err() && !other.file().exists(), "{sql}");
    }
    for length in [0, 99, 4_096, whole.len() - 1] {
        fs::write(&copy, &whole[..length]).unwrap();
        assert!(check(&copy, TRUE).is_err(), "cut off after {length} bytes");
    }
    fs::write(&copy, "dear diary".repeat(100)).unwrap();
    assert!(matches!(check(&copy, TRUE), Err(CopyError::Open(OpenError::Foreign { .. }))));
    assert!(matches!(check(&folder.0.join("absent.db"), TRUE), Err(CopyError::Absent { .. })));
    fs::write(&copy, &whole).unwrap();
    let refused = check(&copy, &|room| Err(format!("room {}: unheard of", room.id))).unwrap_err();
    assert!(refused.to_string().contains("unheard of"), "{refused}");
    fs::write(beside(&copy, "-wal"), "x").unwrap();
    assert!(matches!(check(&copy, TRUE), Err(CopyError::Unfinished { .. })));
}

#[tokio::test]
async fn a_copy_is_put_in_the_place_of_the_store_and_the_old_one_is_kept() {
    let (folder, store) = serving(2).await;
    let copy = folder.0.join("copy.db");
    backup(&folder.file(), &copy, false, TRUE).unwrap();
    assert!(durable(&store, filled(7)).await);
    assert!(matches!(restore(&copy, &folder.file(), true, TRUE), Err(CopyError::Serving { .. })), "a server has it");
    store.close();
    assert!(matches!(restore(&copy, &folder.file(), false, TRUE), Err(CopyError::Occupied { .. })));
    assert!(matches!(restore(&folder.file(), &folder.file(), true, TRUE), Err(CopyError::Same { .. })));
    assert_eq!(found_in(&folder.file()).await, (1, 3), "nothing has happened to it");

    let restored = restore(&copy, &folder.file(), true, TRUE).unwrap();
    assert_eq!(found_in(&folder.file()).await, (1, 2));
    assert_eq!(found_in(&restored.kept.unwrap()).await, (1, 3));
    assert_eq!(rows_of(&restored.contents, "events"), 2);

    // Where none is, nothing has to be replaced.
    let other = Folder::new();
    assert_eq!(restore(&copy, &other.file(), false, TRUE).unwrap().kept, None);
    assert_eq!(found_in(&other.file()).await, (1, 2));
}

#[tokio::test]
async fn the_log_of_a_killed_server_never_meets_the_copy_that_replaces_its_file() {
    let (folder, store) = serving(2).await;
    let copy = folder.0.join("copy.db");
    backup(&folder.file(), &copy, false, TRUE).unwrap();
    for number in 2..6 {
        assert!(durable(&store, filled(number)).await);
    }
    let killed = folder.as_if_killed();
    store.close();
    let kept = restore(&copy, &killed.file(), true, TRUE).unwrap().kept.unwrap();
    assert!(beside(&kept, "-wal").exists() && !beside(&killed.file(), "-wal").exists());
    assert_eq!(found_in(&killed.file()).await, (1, 2));
    assert_eq!(found_in(&kept).await, (1, 6), "the old one is whole as well");
}
