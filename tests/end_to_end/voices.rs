//! Who is heard, and who is not.

use std::time::Duration;

use podium::runtime::clock;
use podium_loadtest::participant::Participant;
use podium_loadtest::tone::Voice;
use serde_json::json;

use crate::world::{World, a_while, hears};

#[tokio::test(flavor = "multi_thread")]
async fn a_tone_from_a_seat_is_heard_by_everyone_else_and_by_nobody_who_sent_it() {
    let world = World::start().await;
    let (host, ben, cleo) = tokio::join!(world.host(), world.listener("ben", 2), world.listener("cleo", 3));
    host.command("seat_take", json!({ "seat": 1 })).await.unwrap();
    host.speak(Voice::tone(440)).unwrap();
    tokio::join!(hears(&ben, 440), hears(&cleo, 440));
    assert!(!ben.hears_tone_since(880, clock::now() - Duration::from_secs(1)), "the detector tells tones apart");
    assert_eq!(host.heard().packets(), 0, "nobody hears their own voice");
    let slots = ben.wait_for(|event| event["type"] == "slots", Duration::from_secs(5)).await.unwrap();
    let shown = &slots["slots"][0];
    assert_eq!((&shown["identity"], &shown["seat"]), (&json!("ada"), &json!(1)));
    let csrc = ben.heard().tracks.iter().find_map(|track| track.last_csrc).unwrap();
    assert_eq!(shown["csrc"], json!(csrc), "packets carry the occupancy that `slots` names");
    ben.wait_for(
        |event| event["type"] == "speakers" && event["speakers"][0]["identity"] == "ada",
        Duration::from_secs(5),
    )
    .await
    .unwrap();
    assert_eq!(ben.heard().lost(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_without_a_seat_is_not_heard_whatever_it_sends() {
    let world = World::start().await;
    let (host, ben, cleo) = tokio::join!(world.host(), world.listener("ben", 2), world.listener("cleo", 3));
    ben.speak(Voice::tone(440)).unwrap();
    a_while().await;
    assert_eq!(cleo.heard().packets() + host.heard().packets(), 0);
    // Its packets came and were dropped.
    world.counts("podium_drops_total{reason=\"not_on_stage\"}", |dropped| dropped > 10.0).await;
    // The same stream is heard as soon as the same person holds a seat: it was the seat that was missing.
    world.free_mode(&host).await;
    ben.command("seat_take", json!({ "seat": 2 })).await.unwrap();
    tokio::join!(hears(&cleo, 440), hears(&host, 440));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mute_is_silence_within_200_ms_and_lifting_it_airs_nobody_who_did_not_unmute() {
    let world = World::start().await;
    let (host, ben, cleo) = ben_on_air(&world).await;

    host.command("member_mute", json!({ "identity": "ben" })).await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    let muted = a_while().await;
    assert!(cleo.hears_silence_since(muted), "ben still sends, nobody hears it");
    assert!(cleo.listen_since(muted).is_empty(), "nothing at all is forwarded");

    host.command("member_unmute", json!({ "identity": "ben" })).await.unwrap();
    let lifted = a_while().await;
    assert!(cleo.listen_since(lifted).is_empty(), "nobody opens another person's microphone");

    ben.command("mute_self", json!({ "muted": false })).await.unwrap();
    hears(&cleo, 440).await;

    host.command("seat_mute", json!({ "seat": 1 })).await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    let seat_muted = a_while().await;
    assert!(cleo.listen_since(seat_muted).is_empty(), "the seat's own mute holds too");
    ben.command("mute_self", json!({ "muted": false })).await.unwrap();
    assert!(cleo.listen_since(a_while().await).is_empty(), "and is not the speaker's to lift");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kicked_person_is_silent_at_once_and_the_socket_says_why() {
    let world = World::start().await;
    let (host, ben, cleo) = ben_on_air(&world).await;
    host.command("member_kick", json!({ "identity": "ben" })).await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(cleo.listen_since(a_while().await).is_empty());
    let bye = ben.wait_for(|event| event["type"] == "bye", Duration::from_secs(5)).await.unwrap();
    assert_eq!((&bye["reason"], &bye["action"]), (&json!("kicked"), &json!("stop")));
}

#[tokio::test(flavor = "multi_thread")]
async fn three_voices_reach_a_listener_on_three_slots_and_a_metric_counts_them() {
    let world = World::start().await;
    let (host, ben, cleo, dan) =
        tokio::join!(world.host(), world.listener("ben", 2), world.listener("cleo", 3), world.listener("dan", 4));
    world.free_mode(&host).await;
    host.command("seat_take", json!({ "seat": 0 })).await.unwrap();
    for (who, seat) in [(&ben, 1), (&cleo, 2)] {
        who.command("seat_take", json!({ "seat": seat })).await.unwrap();
    }
    for (who, tone) in [(&host, 440), (&ben, 880), (&cleo, 1_320)] {
        who.speak(Voice::tone(tone)).unwrap();
    }
    tokio::join!(hears(&dan, 440), hears(&dan, 880), hears(&dan, 1_320));
    tokio::join!(hears(&host, 880), hears(&host, 1_320), hears(&ben, 440), hears(&cleo, 880));
    assert_eq!(dan.heard().tracks.len(), 3);
    assert_eq!(dan.heard().lost(), 0);
    world.counts("podium_rtp_out_total", |packets| packets > 100.0).await;
    world.counts("podium_participants{role=\"guest\"}", |guests| guests == 2.0).await;
    world.counts("podium_joins_total{result=\"ok\"}", |joins| joins == 4.0).await;
    // Reports told round trips.
    world.counts("podium_round_trips_total", |told| told > 0.0).await;
}

/// A host, Ben who speaks from seat 1, and Cleo who hears him.
async fn ben_on_air(world: &World) -> (Participant, Participant, Participant) {
    let (host, ben, cleo) = tokio::join!(world.host(), world.listener("ben", 2), world.listener("cleo", 3));
    world.free_mode(&host).await;
    ben.command("seat_take", json!({ "seat": 1 })).await.unwrap();
    ben.speak(Voice::tone(440)).unwrap();
    hears(&cleo, 440).await;
    (host, ben, cleo)
}
