//! Targets that do as they should, now and then.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use super::*;
use crate::clock;

fn well(_: &Received, _: usize) -> Answer {
    Answer::Status(200)
}

/// Whether a header has a signature by this secret, by the words of the specification alone.
fn is_signed(request: &Received, secret: &[u8]) -> bool {
    let content = [request.header("webhook-id"), request.header("webhook-timestamp"), &request.body].join(".");
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).unwrap();
    mac.update(content.as_bytes());
    let expected = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
    request.header("webhook-signature").split(' ').any(|signature| signature == expected)
}

#[tokio::test]
async fn an_event_arrives_signed_with_what_a_receiver_needs() {
    let target = FakeTarget::start(well).await;
    let outbox = FakeOutbox::default();
    let both = |config: &mut WebhookConfig| config.targets[0].secrets = vec![secret(1), secret(2)];
    let world = World::configured(&outbox, &[target.url()], both, PACE);
    outbox.put("demo", 7);
    world.until("the event arrives", || outbox.waiting("a").is_empty()).await;
    let request = target.received().remove(0);
    assert!(request.head.starts_with("POST /hook HTTP/1.1\r\n"), "{}", request.head);
    assert_eq!(request.header("content-type"), "application/json");
    assert!(request.header("user-agent").starts_with("Podium/"));
    assert!(request.header("webhook-id").starts_with("EV_7_"));
    let sent_s: u64 = request.header("webhook-timestamp").parse().unwrap();
    assert!(clock::unix_seconds().abs_diff(sent_s) < 60);
    assert!(is_signed(&request, &[1; 32]) && is_signed(&request, &[2; 32]) && !is_signed(&request, &[3; 32]));
    let told = request.json();
    assert_eq!((&told["type"], &told["room"]), (&"seat.changed".into(), &"demo".into()));
    assert_eq!((&told["seq"], &told["data"]["n"]), (&7.into(), &7.into()));
    world.stop().await;
}

#[tokio::test]
async fn a_room_is_told_in_order_and_without_a_gap_though_tries_fail() {
    // Every second request is refused, whatever it brings.
    let target = FakeTarget::start(|_, before| Answer::Status(if before % 2 == 0 { 500 } else { 204 })).await;
    let outbox = FakeOutbox::default();
    let world = World::start(&outbox, &[target.url()]);
    (1..=10).for_each(|id| outbox.put("demo", id));
    world.until("all arrive", || outbox.waiting("a").is_empty()).await;
    let events = target.events_of("demo");
    assert_eq!(events, (1..=10).flat_map(|id| [id, id]).collect::<Vec<u64>>());
    for tries in target.received().chunks(2) {
        assert_eq!(tries[0].header("webhook-id"), tries[1].header("webhook-id"), "the same at each try");
    }
    assert_eq!((world.counted(0, TryOutcome::Delivered), world.counted(0, TryOutcome::Status)), (10, 10));
    world.stop().await;
}

#[tokio::test]
async fn a_room_whose_events_are_refused_holds_up_no_other() {
    let target = FakeTarget::start(|request, _| Answer::Status(if request.room() == "bad" { 410 } else { 200 })).await;
    let outbox = FakeOutbox::default();
    let world = World::start(&outbox, &[target.url()]);
    for id in 0..40 {
        outbox.put(["bad", "one", "two", "three"][id as usize % 4], id + 1);
    }
    world.until("the others' arrive", || outbox.waiting("a").len() == 10).await;
    assert!(target.events_of("bad").iter().all(|event| *event == 1), "the next waits for the first");
    for (index, room) in ["one", "two", "three"].iter().enumerate() {
        let sent: Vec<u64> = (0..10).map(|n| n * 4 + 2 + index as u64).collect();
        assert_eq!(target.events_of(room), sent);
    }
    world.stop().await;
}

#[tokio::test]
async fn after_a_restart_it_goes_on_from_the_outbox() {
    let outbox = FakeOutbox::default();
    (1..=5).for_each(|id| outbox.put("demo", id));
    let slow = FakeTarget::start(|_, before| if before < 2 { Answer::Status(200) } else { Answer::Never }).await;
    let world = World::configured(&outbox, &[slow.url()], |_| {}, Pace { try_max: PATIENCE, ..PACE });
    world.until("two have arrived and one is under way", || slow.received().len() == 3).await;
    // A shutdown does not wait for a target, and what waits is the target's by its name, wherever that is now.
    world.stop().await;
    assert_eq!(outbox.waiting("a"), [3, 4, 5]);
    let target = FakeTarget::start(well).await;
    let world = World::start(&outbox, &[target.url()]);
    world.until("the rest arrives", || outbox.waiting("a").is_empty()).await;
    assert_eq!(target.events_of("demo"), [3, 4, 5]);
    world.stop().await;
}

#[tokio::test]
async fn after_a_day_an_event_is_given_up_and_the_next_goes() {
    let target = FakeTarget::start(|request, _| Answer::Status(if request.event() < 3 { 500 } else { 200 })).await;
    let outbox = FakeOutbox::default();
    let now_ms = clock::unix_millis();
    let day_ms = 24 * 60 * 60 * 1_000;
    outbox.put_for("a", "demo", 1, now_ms - day_ms, 30);
    // The process was down for two days: what waited is tried at least once.
    outbox.put_for("a", "demo", 2, now_ms - 2 * day_ms, 0);
    outbox.put_for("a", "demo", 3, now_ms - 2 * day_ms, 0);
    outbox.put_for("a", "demo", 4, now_ms, 0);
    let world = World::start(&outbox, &[target.url()]);
    world.until("the outbox is empty", || outbox.waiting("a").is_empty()).await;
    assert_eq!(target.events_of("demo"), [1, 2, 3, 4]);
    assert_eq!(world.counters.webhooks[0].given_up.value(), 2);
    world.stop().await;
}

#[tokio::test]
async fn nothing_is_sent_twice_because_the_disk_is_behind() {
    let target = FakeTarget::start(well).await;
    let outbox = FakeOutbox::default();
    outbox.get_stuck();
    let world = World::start(&outbox, &[target.url()]);
    (1..=20).for_each(|id| outbox.put(["one", "two"][id as usize % 2], id));
    world.until("each room's first has arrived", || outbox.stuck() == 2).await;
    // Long enough for it to look again many times.
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!((outbox.stuck(), target.received().len()), (2, 2));
    outbox.get_well();
    world.until("all arrive", || outbox.waiting("a").is_empty()).await;
    assert_eq!(target.events_of("one"), (1..=10).map(|n| n * 2).collect::<Vec<u64>>());
    assert_eq!(target.events_of("two"), (0..10).map(|n| n * 2 + 1).collect::<Vec<u64>>());
    world.stop().await;
}

#[tokio::test]
async fn more_rooms_than_places_are_told_each_in_order() {
    let target = FakeTarget::start(|_, _| Answer::After(Duration::from_millis(10))).await;
    let outbox = FakeOutbox::default();
    (0..300).for_each(|id| outbox.put(&format!("room{}", id % 100), id + 1));
    let world = World::start(&outbox, &[target.url()]);
    world.until("all arrive", || outbox.waiting("a").is_empty()).await;
    for room in 0..100 {
        assert_eq!(target.events_of(&format!("room{room}")), [room + 1, room + 101, room + 201]);
    }
    world.stop().await;
}

#[tokio::test]
async fn how_many_wait_and_for_how_long_is_told() {
    let outbox = FakeOutbox::default();
    outbox.put_for("a", "demo", 1, clock::unix_millis() - 60_000, 3);
    outbox.put("demo", 2);
    let target = FakeTarget::start(|_, _| Answer::Status(500)).await;
    let world = World::start(&outbox, &[target.url()]);
    let age = || world.counters.webhooks[0].oldest_age(clock::unix_millis());
    world.until("it is seen", || (60..120).contains(&age().as_secs())).await;
    assert_eq!(world.counters.webhooks[0].waiting(), 2);
    world.stop().await;
}
