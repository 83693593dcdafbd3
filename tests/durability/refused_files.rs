//! A file that cannot be the store's is refused when the server starts: the message says why, the exit code is 1, and the file is as it was.

use std::fs;

use podium::runtime::clock;
use serde_json::json;

use crate::backend::Backend;
use crate::console::Console;
use crate::disk::Disk;
use crate::process::{Ended, Home, Podium};

#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_disk_is_refused() {
    let Some(disk) = Disk::mount("read-only") else { return };
    let home = Home::new("read-only").storing_at(disk.at().join("podium.db"));
    a_store_with_a_room(&home).await;
    let before = fs::read(home.store()).unwrap();
    disk.make_read_only(true);
    is_refused(&home, &["podium.db", "read-only"]).await;
    disk.make_read_only(false);
    assert!(fs::read(home.store()).unwrap() == before, "the file was changed");
    the_room_is_there(&home.start().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_is_not_there_is_refused() {
    let home = Home::new("no-folder");
    let store = home.folder().join("nowhere").join("podium.db");
    let home = home.storing_at(&store);
    is_refused(&home, &["nowhere/podium.db"]).await;
    assert!(!store.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_a_newer_version_is_refused() {
    let home = Home::new("newer");
    a_store_with_a_room(&home).await;
    let mut bytes = fs::read(home.store()).unwrap();
    bytes[USER_VERSION].copy_from_slice(&9_999_u32.to_be_bytes());
    fs::write(home.store(), &bytes).unwrap();
    is_refused(&home, &["podium.db", "newer version of Podium", "9999"]).await;
    assert!(fs::read(home.store()).unwrap() == bytes, "the file was changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_no_store_is_refused() {
    let home = Home::new("garbage");
    for garbage in [b"What a lovely day.\n".repeat(1_000), vec![0xA5; 70_000]] {
        fs::write(home.store(), &garbage).unwrap();
        is_refused(&home, &["podium.db", "not a store of Podium"]).await;
        assert!(fs::read(home.store()).unwrap() == garbage, "the file was changed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_file_is_refused() {
    let home = Home::new("damaged");
    a_store_with_a_room(&home).await;
    let whole = fs::read(home.store()).unwrap();
    // A page in the middle is gone: the file is as long as it was.
    let mut torn = whole.clone();
    let middle = torn.len() / 2 / PAGE_BYTES * PAGE_BYTES;
    torn[PAGE_BYTES..middle].fill(0x5A);
    for damaged in [torn, whole[..whole.len() / 2].to_vec()] {
        fs::write(home.store(), &damaged).unwrap();
        is_refused(&home, &["podium.db", "damaged"]).await;
        assert!(fs::read(home.store()).unwrap() == damaged, "the file was changed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_in_use_is_refused_and_whoever_uses_it_goes_on() {
    let home = Home::new("in-use");
    a_store_with_a_room(&home).await;
    let first = home.start().await;
    let mut host = Console::in_room(&first, "kept", "ada", "host").await;
    is_refused(&home, &["podium.db", "in use by another process"]).await;
    let told = host.must("seat_lock", json!({ "seat": 2 })).await;
    assert!(told["durable"] != false, "{told}");
    assert_eq!(first.ready().await.unwrap().0, 200);
    first.kill();
    let second = home.start().await;
    the_room_is_there(&second).await;
    let room = Backend::new(&second.http(), "keeper").get("/v1/rooms/kept").await;
    assert_eq!(room["seats"][2]["state"], "locked", "{room}");
}

async fn a_store_with_a_room(home: &Home) {
    let podium = home.start().await;
    let made = Backend::new(&podium.http(), "keeper").post("/v1/rooms", json!({ "id": "kept", "seats": 5 })).await;
    assert_eq!(made.status, 201, "{made:?}");
    podium.terminate().await;
    assert!(home.store().is_file(), "the store is where it was to be");
}

async fn the_room_is_there(podium: &Podium) {
    let room = Backend::new(&podium.http(), "keeper").get("/v1/rooms/kept").await;
    assert_eq!(room["seats"].as_array().unwrap().len(), 5, "{room}");
}

async fn is_refused(home: &Home, words: &[&str]) {
    let asked = clock::now();
    let Err(Ended { code, said }) = home.try_start().await else {
        panic!("{} was taken", home.store().display());
    };
    println!("exit code {code:?} after {:?}: {}", clock::now() - asked, last_line(&said));
    assert_eq!(code, Some(1), "{said}");
    let told = last_line(&said);
    assert!(words.iter().all(|word| told.contains(word)), "{words:?} not in {told:?}; all that was said:\n{said}");
}

fn last_line(said: &str) -> &str {
    said.trim_end().lines().last().unwrap_or_default()
}

/// Where an SQLite file holds the number of its format, in big-endian order (https://www.sqlite.org/fileformat.html, 1.3).
const USER_VERSION: std::ops::Range<usize> = 60..64;
const PAGE_BYTES: usize = 4_096;
