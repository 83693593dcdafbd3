//! A host who speaks, and what becomes of a guest's voice meanwhile.

use std::time::Duration;

use podium_loadtest::participant::Participant;
use podium_loadtest::tone::Voice;
use serde_json::json;

use crate::world::{SOON, World, a_while, hears, is};

const HOST_HZ: u32 = 440;
const GUEST_HZ: u32 = 880;

#[tokio::test(flavor = "multi_thread")]
async fn with_hold_the_guest_is_silent_while_the_host_speaks_and_back_afterwards() {
    let world = World::start().await;
    let (host, ben, cleo) = guest_on_air(&world, "hold").await;
    let mark = cleo.mark();

    host.speak(Voice::tone(HOST_HZ)).unwrap();
    hears(&cleo, HOST_HZ).await;
    let began = cleo.wait_after(mark, |event| is(event, "interruption"), SOON).await.unwrap();
    assert_eq!((&began["by"], &began["mode"]), (&json!("ada"), &json!("hold")));
    let held = a_while().await;
    hears(&cleo, HOST_HZ).await;
    assert!(!cleo.hears_tone_since(GUEST_HZ, held), "the guest still sends, nobody hears it");
    assert!(host.listen_since(held).is_empty(), "not even the host");
    world.counts("podium_drops_total{reason=\"gate_held\"}", |dropped| dropped > 10.0).await;

    let mark = cleo.mark();
    host.stop_speaking();
    hears(&cleo, GUEST_HZ).await;
    let ended = cleo.wait_after(mark, |event| is(event, "interruption"), SOON).await.unwrap();
    assert_eq!((ended.get("by"), &ended["mode"]), (None, &json!("hold")));
    let back = a_while().await;
    assert!(!cleo.hears_tone_since(HOST_HZ, back));
    hears(&cleo, GUEST_HZ).await;
    drop(ben);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_duck_both_are_heard_and_everyone_is_told_to_lower_the_guest() {
    let world = World::start().await;
    let (host, ben, cleo) = guest_on_air(&world, "duck").await;
    let mark = cleo.mark();
    host.speak(Voice::tone(HOST_HZ)).unwrap();
    hears(&cleo, HOST_HZ).await;
    let began = cleo.wait_after(mark, |event| is(event, "interruption"), SOON).await.unwrap();
    assert_eq!((&began["by"], &began["mode"]), (&json!("ada"), &json!("duck")));
    tokio::join!(hears(&cleo, HOST_HZ), hears(&cleo, GUEST_HZ));

    // The mode changes in mid-speech.
    set_mode(&host, "hold").await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let held = a_while().await;
    assert!(!cleo.hears_tone_since(GUEST_HZ, held));
    hears(&cleo, HOST_HZ).await;
    set_mode(&host, "off").await;
    hears(&cleo, GUEST_HZ).await;
    drop(ben);
}

/// A host on seat 0 who says nothing yet, Ben who speaks from seat 1, and Cleo who hears him.
async fn guest_on_air(world: &World, mode: &str) -> (Participant, Participant, Participant) {
    let (host, ben, cleo) = tokio::join!(world.host(), world.listener("ben", 2), world.listener("cleo", 3));
    world.free_mode(&host).await;
    set_mode(&host, mode).await;
    host.command("seat_take", json!({ "seat": 0 })).await.unwrap();
    ben.command("seat_take", json!({ "seat": 1 })).await.unwrap();
    ben.speak(Voice::tone(GUEST_HZ)).unwrap();
    tokio::join!(hears(&cleo, GUEST_HZ), hears(&host, GUEST_HZ));
    (host, ben, cleo)
}

async fn set_mode(host: &Participant, mode: &str) {
    host.command("room_update", json!({ "interrupt": mode })).await.unwrap();
}
