//! The disk takes seconds to flush, or fails to: no room stands still, answers say that nothing is written yet, and all heals.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use podium::runtime::clock;
use serde_json::{Value, json};

use crate::backend::Backend;
use crate::console::Console;
use crate::process::{Home, Podium};

#[tokio::test(flavor = "multi_thread")]
async fn while_the_disk_is_slow_no_room_stands_still() {
    let bad = BadDisk::new("slow");
    let podium = bad.home.start().await;
    let mut scene = Scene::open(&podium).await;

    bad.begin("slow");
    // The first to act meets the slow disk, and so does everybody who acts while it is being slow.
    let (one, other) = scene.both_lock(1).await;
    for asked in [&one, &other] {
        assert_eq!(asked.told["durable"], false, "{}", asked.told);
        assert!(asked.heard_after < FLUSH / 2, "others heard of it after {:?}", asked.heard_after);
        assert!(asked.answered_after < FLUSH * 4 / 5, "answered after {:?}", asked.answered_after);
    }
    println!(
        "a flush takes {FLUSH:?}: heard after {:?} and {:?}, answered after {:?} and {:?}",
        one.heard_after, other.heard_after, one.answered_after, other.answered_after
    );
    scene.others_notice_nothing().await;

    bad.end("slow");
    scene.heals(&podium).await;
    podium.kill();
    is_as_it_was(&bad.home.start().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_disk_fails_to_flush_moderation_goes_on() {
    let bad = BadDisk::new("broken");
    let podium = bad.home.start().await;
    let mut scene = Scene::open(&podium).await;

    bad.begin("broken");
    let (one, other) = scene.both_lock(1).await;
    assert_eq!((&one.told["durable"], &other.told["durable"]), (&json!(false), &json!(false)));
    let (status, ready) = podium.ready().await.unwrap();
    assert!(status == 503 && ready["why"].as_str().unwrap().starts_with("storage: "), "{ready}");
    scene.others_notice_nothing().await;

    bad.end("broken");
    scene.heals(&podium).await;
    podium.kill();
    is_as_it_was(&bad.home.start().await).await;
}

/// A home whose servers flush as badly as they are told.
struct BadDisk {
    home: Home,
    orders: PathBuf,
}

impl BadDisk {
    fn new(name: &str) -> Self {
        let home = Home::new(name);
        let library = home.folder().join("slow_disk.so");
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/slow_disk.c");
        let mut gcc = Command::new("gcc");
        gcc.args(["-shared", "-fPIC", "-Wall", "-Werror", "-O1", "-o"]).arg(&library).arg(source);
        assert!(gcc.status().unwrap().success(), "gcc could not compile {source}");
        let orders = home.folder().join("orders");
        fs::create_dir(&orders).unwrap();
        let home = home.with("LD_PRELOAD", library.to_str().unwrap()).with("SLOW_DISK", orders.to_str().unwrap());
        Self { home, orders }
    }

    fn begin(&self, how: &str) {
        fs::write(self.orders.join(how), "").unwrap();
    }

    fn end(&self, how: &str) {
        fs::remove_file(self.orders.join(how)).unwrap();
    }
}

/// Two rooms, each with a host who acts and one who watches.
struct Scene {
    hosts: [Console; 2],
    watchers: [Console; 2],
}

/// What came of one question.
struct Asked {
    told: Value,
    answered_after: Duration,
    heard_after: Duration,
}

impl Scene {
    async fn open(podium: &Podium) -> Self {
        let backend = Backend::new(&podium.http(), "keeper");
        for room in ROOMS {
            let made = backend.post("/v1/rooms", json!({ "id": room })).await;
            assert_eq!(made.status, 201, "{made:?}");
        }
        let hosts = [
            Console::in_room(podium, ROOMS[0], "ada", "host").await,
            Console::in_room(podium, ROOMS[1], "ada", "host").await,
        ];
        let watchers = [
            Console::in_room(podium, ROOMS[0], "ben", "host").await,
            Console::in_room(podium, ROOMS[1], "ben", "host").await,
        ];
        Self { hosts, watchers }
    }

    async fn both_lock(&mut self, seat: u64) -> (Asked, Asked) {
        let [one, other] = &mut self.hosts;
        let [watches_one, watches_other] = &self.watchers;
        tokio::join!(lock(one, watches_one, seat), lock(other, watches_other, seat))
    }

    /// What needs no disk does not wait for it.
    async fn others_notice_nothing(&mut self) {
        let asked = clock::now();
        for watcher in &mut self.watchers {
            watcher.must("ping", json!({})).await;
        }
        let after = clock::now() - asked;
        assert!(after < FLUSH / 2, "a ping took {after:?}");
    }

    /// Sooner or later an act is durable again, and the server ready.
    async fn heals(&mut self, podium: &Podium) {
        let since = clock::now();
        for host in &mut self.hosts {
            loop {
                let told = host.must("seat_mute", json!({ "seat": 2 })).await;
                if told["durable"] != false {
                    break;
                }
                assert!(clock::now() - since < HEALS_WITHIN, "nothing is durable again");
                host.must("seat_unmute", json!({ "seat": 2 })).await;
            }
        }
        assert_eq!(podium.ready().await.unwrap().0, 200);
        println!("durable again after {:?}", clock::now() - since);
    }
}

async fn lock(host: &mut Console, watcher: &Console, seat: u64) -> Asked {
    let asked = clock::now();
    let answering = async {
        let told = host.must("seat_lock", json!({ "seat": seat })).await;
        (told, clock::now())
    };
    let is_it = |event: &Value| event["type"] == "seat_changed" && event["seat"]["index"] == seat;
    let ((told, answered), heard): (_, Instant) = tokio::join!(answering, watcher.heard("the seat is locked", is_it));
    Asked { told, answered_after: answered - asked, heard_after: heard.saturating_duration_since(asked) }
}

async fn is_as_it_was(podium: &Podium) {
    let backend = Backend::new(&podium.http(), "keeper");
    let audits = backend.all("/v1/audit", 0).await;
    for id in ROOMS {
        let room = backend.get(&format!("/v1/rooms/{id}")).await;
        assert_eq!(room["seats"][1]["state"], "locked", "{room}");
        assert_eq!(room["seats"][2]["muted_by_host"], true, "{room}");
        let rows = audits.iter().filter(|row| row["room"] == id && row["act"] == "seat_lock").count();
        assert_eq!(rows, 1, "{audits:?}");
    }
}

const ROOMS: [&str; 2] = ["one", "other"];
/// How long a flush takes while the disk is slow, as `slow_disk.c` has it.
const FLUSH: Duration = Duration::from_secs(5);
const HEALS_WITHIN: Duration = Duration::from_secs(40);
