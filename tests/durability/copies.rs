//! A copy is made of a running server's store, checked, and put in the place of a store: by the binary's own commands, and by SQLite's.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use reqwest::Method;
use serde_json::{Value, json};

use crate::backend::{Backend, Request};
use crate::console::Console;
use crate::process::{Home, Podium};

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_of_a_running_server_is_restored_and_serves_what_was_then() {
    let home = Home::new("copied");
    let podium = home.start().await;
    make_room(&podium, "kept").await;
    let copy = home.folder().join("copy.db");
    let told = podium_says(home.store(), &["backup", path(&copy)]);
    assert!(told.contains("copy.db: format") && told.contains("1 rooms"), "{told}");
    // The server goes on, and what it does now is not in the copy.
    make_room(&podium, "later").await;
    let refused = podium_command(home.store(), &["backup", path(&copy)]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(said(&refused).contains("--replace"), "{}", said(&refused));
    let refused = podium_command(home.store(), &["backup", "--replace", path(home.store())]);
    assert!(!refused.status.success() && said(&refused).contains("the store itself"), "{}", said(&refused));
    let refused = podium_command(home.store(), &["restore", "--replace", path(&copy)]);
    assert!(!refused.status.success() && said(&refused).contains("stop it first"), "{}", said(&refused));
    podium.terminate().await;

    let refused = podium_command(home.store(), &["restore", path(&copy)]);
    assert!(!refused.status.success() && said(&refused).contains("--replace"), "{}", said(&refused));
    let told = podium_says(home.store(), &["restore", "--replace", path(&copy)]);
    let kept = told.lines().find_map(|line| line.strip_prefix("the store that was there is ")).unwrap().to_owned();
    let podium = home.start().await;
    assert_eq!((has_room(&podium, "kept").await, has_room(&podium, "later").await), (true, false));
    podium.terminate().await;

    // What was there before can be put back as well.
    podium_says(home.store(), &["restore", "--replace", &kept]);
    let podium = home.start().await;
    assert_eq!((has_room(&podium, "kept").await, has_room(&podium, "later").await), (true, true));
    podium.kill();
    // Its log lies beside it: the copy of a killed server's store is whole.
    let last = home.folder().join("last.db");
    podium_says(home.store(), &["backup", path(&last)]);
    podium_says(home.store(), &["restore", "--check", path(&last)]);
    assert!(has_room(&home.start().await, "later").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_starts_on_copies_that_sqlite_made_while_it_ran() {
    if !Command::new("sqlite3").arg("--version").output().is_ok_and(|output| output.status.success()) {
        println!("SKIPPED: no sqlite3; copies that it makes are not tested here");
        return;
    }
    let home = Home::new("sqlite");
    let podium = home.start().await;
    make_room(&podium, "kept").await;
    let mut host = Console::in_room(&podium, "kept", "ada", "host").await;
    let told = host.must("seat_lock", json!({ "seat": 2 })).await;
    assert!(told["durable"] != false, "{told}");
    for (name, command) in [("vacuumed", "VACUUM INTO 'vacuumed.db'"), ("backed-up", ".backup backed-up.db")] {
        let made = Command::new("sqlite3").arg(home.store()).arg(command).current_dir(home.folder()).output().unwrap();
        assert!(made.status.success(), "{}", said(&made));
        let copy = home.folder().join(format!("{name}.db"));
        let before = fs::read(&copy).unwrap();
        let told = podium_says(home.store(), &["restore", "--check", path(&copy)]);
        assert!(told.contains("a whole copy"), "{told}");
        assert!(fs::read(&copy).unwrap() == before, "{name}: looking at it changed it");
        // Put there by hand, as it is.
        let other = Home::new(name);
        fs::copy(&copy, other.store()).unwrap();
        for _ in 0..2 {
            let podium = other.start().await;
            let room = Backend::new(&podium.http(), "keeper").get("/v1/rooms/kept").await;
            assert_eq!(room["seats"][2]["state"], "locked", "{name}: {room}");
            podium.terminate().await;
        }
    }
    // A file that was copied by hand lacks what lies in the log.
    let copy = home.folder().join("by-hand.db");
    fs::copy(home.store(), &copy).unwrap();
    let refused = podium_command(home.store(), &["restore", "--check", path(&copy)]);
    assert!(!refused.status.success() && said(&refused).contains("-wal"), "{}", said(&refused));
}

#[test]
fn without_a_store_there_is_nothing_to_copy() {
    let home = Home::new("nothing");
    let copy = home.folder().join("copy.db");
    let refused = podium_command(home.store(), &["backup", path(&copy)]);
    assert!(!refused.status.success() && said(&refused).contains("there is no store"), "{}", said(&refused));
    let refused = podium_command(Path::new(":memory:"), &["backup", path(&copy)]);
    assert!(!refused.status.success() && said(&refused).contains("in memory"), "{}", said(&refused));
    let refused = podium_command(home.store(), &["restore", path(&copy)]);
    assert!(!refused.status.success() && !home.store().exists() && !copy.exists(), "{}", said(&refused));
}

async fn make_room(podium: &Podium, room: &str) {
    let made = Backend::new(&podium.http(), "keeper").post("/v1/rooms", json!({ "id": room, "seats": 5 })).await;
    assert!(made.status == 201 && made.is_durable(), "{made:?}");
}

async fn has_room(podium: &Podium, room: &str) -> bool {
    let request = Request { method: Method::GET, path: format!("/v1/rooms/{room}"), body: Value::Null, key: None };
    let answer = Backend::new(&podium.http(), "keeper").ask(&request).await.unwrap();
    assert!([200, 404].contains(&answer.status), "{answer:?}");
    answer.status == 200
}

/// Runs the binary with a store, which is told in the environment.
fn podium_command(store: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_podium"));
    command.args(arguments).env("PODIUM__STORE__PATH", store).stdin(Stdio::null()).output().unwrap()
}

/// The same where it must end well. Gives what it printed.
fn podium_says(store: &Path, arguments: &[&str]) -> String {
    let output = podium_command(store, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", said(&output));
    String::from_utf8(output.stdout).unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}
