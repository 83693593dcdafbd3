//! The disk is full: moderation goes on and says that it is not written down, what needs the disk is refused, and all heals when there is room again.

use std::time::Duration;

use podium::runtime::clock;
use serde_json::{Value, json};

use crate::backend::Backend;
use crate::checker::Checker;
use crate::console::Console;
use crate::dice::Dice;
use crate::disk::Disk;
use crate::process::{Home, Podium};

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_stops_nobody_and_nothing_that_was_done_meanwhile_is_lost() {
    let Some(disk) = Disk::mount("full") else { return };
    let home = Home::new("full").storing_at(disk.at().join("podium.db"));
    let podium = home.start().await;
    let backend = Backend::new(&podium.http(), "keeper");
    let made = backend.post("/v1/rooms", json!({ "id": "demo", "seat_mode": "free" })).await;
    assert_eq!(made.status, 201, "{made:?}");
    let mut host = Console::in_room(&podium, "demo", "ada", "host").await;
    let mut guest = Console::in_room(&podium, "demo", "ben", "member").await;
    guest.must("seat_take", json!({ "seat": 6 })).await;

    disk.fill();
    let mut acts = until_the_disk_is_missed(&podium, &mut host).await;
    let told = host.must("seat_lock", json!({ "seat": 3 })).await;
    assert_eq!(told["durable"], false, "{told}");
    acts.push("seat_lock");
    let banned = backend.post("/v1/rooms/demo/bans", json!({ "identity": "eve", "reason": "noise" })).await;
    assert_eq!((banned.status, &banned.json()["durable"]), (200, &json!(false)), "{banned:?}");
    let refused = backend.post("/v1/rooms", json!({ "id": "more" })).await;
    assert_eq!((refused.status, &refused.json()["code"]), (503, &json!("storage")), "{refused:?}");
    let (status, ready) = podium.ready().await.unwrap();
    assert_eq!((status, &ready["ready"]), (503, &json!(false)), "{ready}");
    assert!(ready["why"].as_str().unwrap().starts_with("storage: "), "{ready}");
    assert_eq!(podium.metric("podium_store_fault").await, Some(1.0));
    let room = backend.get("/v1/rooms/demo").await;
    assert!(room["seats"][3]["state"] == "locked" && room["bans"][0]["identity"] == "eve", "reads go on: {room}");
    guest.must("seat_leave", json!({})).await;
    guest.must("seat_take", json!({ "seat": 7 })).await;
    host.must("ping", json!({})).await;

    disk.empty();
    let freed = clock::now();
    while podium.ready().await.unwrap().0 != 200 {
        assert!(clock::now() - freed < HEALS_WITHIN, "never ready again: {:?}", podium.ready().await);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    println!("ready again {:?} after there was room", clock::now() - freed);
    assert_eq!(podium.metric("podium_store_fault").await, Some(0.0));
    assert_eq!(podium.metric("podium_store_dropped_total").await, Some(0.0));
    let told = host.must("seat_mute", json!({ "seat": 4 })).await;
    assert!(told["durable"] != false, "{told}");
    acts.push("seat_mute");
    let made = backend.post("/v1/rooms", json!({ "id": "more" })).await;
    assert_eq!(made.status, 201, "{made:?}");

    podium.kill();
    let podium = home.start().await;
    is_as_it_was(&podium, &acts).await;
}

/// Acts until the server says that it cannot write; gives what was done.
async fn until_the_disk_is_missed(podium: &Podium, host: &mut Console) -> Vec<&'static str> {
    let (mut acts, since) = (Vec::new(), clock::now());
    loop {
        for act in ["seat_lock", "seat_unlock"] {
            let told = host.must(act, json!({ "seat": 1 })).await;
            acts.push(act);
            // What was written before may be written over, so it takes a while until more is needed than there is.
            if told["durable"] == false && podium.ready().await.unwrap().0 == 503 {
                println!("the disk was missed after {} acts", acts.len());
                return acts;
            }
        }
        assert!(clock::now() - since < MISSED_WITHIN, "{} acts and the disk is never full", acts.len());
    }
}

async fn is_as_it_was(podium: &Podium, acts: &[&str]) {
    let backend = Backend::new(&podium.http(), "keeper");
    assert_eq!(backend.rooms().await, ["demo", "more"]);
    let room = backend.get("/v1/rooms/demo").await;
    let seat = |index: usize| &room["seats"][index];
    let is_locked = |index| seat(index)["state"] == "locked";
    assert_eq!(
        (is_locked(1), is_locked(3)),
        (acts.iter().filter(|act| act.contains("lock")).count() % 2 == 0, true),
        "{room}"
    );
    assert_eq!((&seat(7)["identity"], &seat(4)["muted_by_host"]), (&json!("ben"), &json!(true)), "{room}");
    assert_eq!((&room["bans"][0]["identity"], &room["ban_count"]), (&json!("eve"), &json!(1)), "{room}");
    let audits = backend.all("/v1/audit", 0).await;
    let by =
        |who: &str| audits.iter().filter(|row| row["by"] == who).map(|row| row["act"].clone()).collect::<Vec<Value>>();
    assert_eq!(by("ada"), acts, "every act has its row, also those that were done while nothing could be written");
    assert_eq!(by("keeper").iter().filter(|act| **act == "member_ban").count(), 1);
    Checker::default().check(&podium.http(), &mut [], &[], &mut Dice::new(1)).await;
}

const MISSED_WITHIN: Duration = Duration::from_secs(60);
const HEALS_WITHIN: Duration = Duration::from_secs(30);
