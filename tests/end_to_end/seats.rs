//! Seats, hands and lost connections, over real sockets.

use std::time::Duration;

use podium_loadtest::participant::{JoinOptions, Participant};
use podium_loadtest::tone::Voice;
use serde_json::json;

use crate::world::{ROOM, SOON, World, hears, is, seat_changed};

#[tokio::test(flavor = "multi_thread")]
async fn a_raised_hand_becomes_a_voice_without_any_sdp() {
    let world = World::start().await;
    let (host, ben, cleo) = tokio::join!(world.host(), world.listener("ben", 2), world.listener("cleo", 3));
    ben.speak(Voice::tone(440)).unwrap();
    let mark = (host.mark(), ben.mark(), cleo.mark());
    let raised = ben.command("hand_raise", json!({ "mic_ready": true })).await.unwrap();
    assert_eq!(raised["position"], json!(1));
    let seen = host.wait_after(mark.0, |event| is(event, "hand_changed"), SOON).await.unwrap();
    assert_eq!((&seen["change"], &seen["hand"]["identity"]), (&json!("raised"), &json!("ben")));
    host.command("hand_approve", json!({ "identity": "ben" })).await.unwrap();
    hears(&cleo, 440).await;
    let taken = cleo.wait_after(mark.2, |event| is(event, "seat_changed"), SOON).await.unwrap();
    assert_eq!((&taken["seat"]["identity"], &taken["seat"]["state"]), (&json!("ben"), &json!("occupied")));
    for person in [&host, &ben, &cleo] {
        let frames: Vec<String> = person.events().iter().map(ToString::to_string).collect();
        assert!(!frames.iter().any(|frame| frame.contains("v=0")), "no SDP after the join");
    }
    let _ = mark.1;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_people_for_one_seat_have_one_winner() {
    let world = World::start().await;
    let (host, ben, cleo) = tokio::join!(world.host(), world.listener("ben", 2), world.listener("cleo", 3));
    world.free_mode(&host).await;
    for round in 0..10 {
        let take = json!({ "seat": 1 });
        let (one, other) = tokio::join!(ben.command("seat_take", take.clone()), cleo.command("seat_take", take));
        assert!(one.is_ok() != other.is_ok(), "round {round}: {one:?} {other:?}");
        let winner = if one.is_ok() { &ben } else { &cleo };
        let refused = one.and(other).unwrap_err();
        assert_eq!(refused.code, "seat_occupied");
        winner.command("seat_leave", json!({})).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_reload_takes_seat_and_voice_over() {
    let world = World::start().await;
    let (host, ben, cleo) = tokio::join!(world.host(), world.listener("ben", 2), world.listener("cleo", 3));
    world.free_mode(&host).await;
    ben.command("seat_take", json!({ "seat": 3 })).await.unwrap();
    ben.speak(Voice::tone(440)).unwrap();
    hears(&cleo, 440).await;

    let again = world.listener("ben", 5).await;
    assert_eq!(again.welcome()["self"]["seat"], json!(3), "{}", again.welcome()["self"]);
    let bye = ben.wait_for(|event| is(event, "bye"), SOON).await.unwrap();
    assert_eq!((&bye["reason"], &bye["action"]), (&json!("duplicate"), &json!("stop")));
    again.speak(Voice::tone(880)).unwrap();
    if again.welcome()["self"]["self_muted"] == json!(true) {
        again.command("mute_self", json!({ "muted": false })).await.unwrap();
    }
    hears(&cleo, 880).await;
    drop(host);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_vanishes_loses_its_seat_after_the_grace_and_not_before() {
    let world = World::start().await;
    let (host, ben) = tokio::join!(world.host(), world.listener("ben", 2));
    world.free_mode(&host).await;
    ben.command("seat_take", json!({ "seat": 1 })).await.unwrap();
    ben.speak(Voice::tone(440)).unwrap();
    hears(&host, 440).await;
    let mark = host.mark();
    ben.vanish();
    let interrupted = host
        .wait_after(mark, |event| is(event, "seat_changed") && event["cause"] == "interrupted", Duration::from_secs(20))
        .await
        .unwrap();
    assert_eq!((&interrupted["seat"]["state"], &interrupted["seat"]["why"]), (&json!("reserved"), &json!("reconnect")));
    let freed = host
        .wait_after(
            mark,
            |event| is(event, "seat_changed") && event["seat"]["state"] == "open",
            Duration::from_secs(40),
        )
        .await
        .unwrap();
    assert_eq!(freed["seat"]["index"], json!(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_socket_alone_keeps_the_seat_and_the_voice() {
    let world = World::start().await;
    let (host, ben) = tokio::join!(world.host(), world.listener("ben", 2));
    world.free_mode(&host).await;
    ben.command("seat_take", json!({ "seat": 1 })).await.unwrap();
    host.wait_for(seat_changed("taken", "ben"), SOON).await.unwrap();
    ben.speak(Voice::tone(440)).unwrap();
    hears(&host, 440).await;
    ben.drop_socket();
    tokio::time::sleep(Duration::from_secs(2)).await;
    hears(&host, 440).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_console_without_media_joins_and_moderates() {
    let world = World::start().await;
    let ben = world.listener("ben", 2).await;
    let token = world.token("eve", "host").await;
    let options = JoinOptions::new(format!("ws://{}", world.server.http()), ROOM, token);
    let console = Participant::join(JoinOptions { microphone: false, slots: 0, ..options }).await.unwrap();
    assert!(console.welcome().get("answer").is_none(), "no offer, no answer");
    console.command("seat_lock", json!({ "seat": 4 })).await.unwrap();
    let locked = ben.wait_for(|event| is(event, "seat_changed"), SOON).await.unwrap();
    assert_eq!((&locked["seat"]["index"], &locked["seat"]["state"]), (&json!(4), &json!("locked")));
}
