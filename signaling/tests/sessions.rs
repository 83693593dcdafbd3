//! Sessions over real sockets: joins, seats, hands, moderation and their ends.
#![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]

mod support;

use std::time::Duration;

use podium_signaling::{
    ids::{RoomId, SeatIndex},
    media::{MediaFact, SlotView},
    room::{Rank, Refusal, SeatMode},
};
use serde_json::{Value, json};
use support::{Client, Server, server, server_with, token, token_with, until};

#[tokio::test]
async fn a_join_takes_one_round_trip() {
    let server = server().await;
    let (mut ada, welcome) = server.join("demo", "ada", Rank::Host).await;
    assert_eq!(welcome["answer"], "answer to v=0");
    assert_eq!(welcome["identity"], "ada");
    assert!(welcome["session"].as_str().unwrap().starts_with("PA_"));
    assert!(!welcome["resume_token"].as_str().unwrap().is_empty());
    assert_eq!(welcome["room"]["id"], "demo");
    assert_eq!(welcome["room"]["phase"], "live");
    assert_eq!(welcome["room"]["seats"].as_array().unwrap().len(), 9);
    assert_eq!(welcome["room"]["seats"][0]["state"], "open");
    assert_eq!(welcome["room"]["hand_queue"], json!([]));
    assert!(welcome["room"]["seq"].is_u64() && welcome["room"]["revision"].is_u64());
    assert_eq!((&welcome["self"]["rank"], &welcome["self"]["role"]), (&json!("host"), &json!("host")));
    let (_ben, welcome) = server.join("demo", "ben", Rank::Member).await;
    assert_eq!(welcome["self"]["role"], "listener");
    assert_eq!(welcome["room"].get("hand_queue"), None);
    assert_eq!(welcome["room"]["participants"][0]["identity"], "ada");
    let pong = ada.ask(json!({"type": "ping"})).await;
    assert!(pong["ok"]["time_ms"].as_u64().unwrap() > 1_600_000_000_000);
    let counters = server.signaling.counters();
    assert_eq!(counters.joins_ok.value(), 2);
    until(|| counters.join_answer.cumulative()[14] == 2).await;
    assert_eq!(server.signaling.population().rooms, 1);
}

#[tokio::test]
async fn a_console_joins_without_media_and_gets_no_answer() {
    let server = server().await;
    let mut ada = server.connect("demo", &token("demo", "ada", Rank::Host)).await;
    ada.send(json!({"type": "join"})).await;
    let welcome = ada.next().await;
    assert_eq!((&welcome["type"], welcome.get("answer")), (&json!("welcome"), None));
    assert!(server.media.opened.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_bad_offer_is_refused_and_the_session_lives() {
    let server = server().await;
    let mut ada = server.connect("demo", &token("demo", "ada", Rank::Host)).await;
    let long = "v".repeat(33_000);
    for offer in ["bad", &long] {
        let reply = ada.ask(json!({"type": "join", "offer": offer})).await;
        assert_eq!(reply["error"]["code"], "invalid_argument");
    }
    ada.send(json!({"type": "join", "offer": "v=0"})).await;
    assert_eq!(ada.next().await["type"], "welcome");
}

#[tokio::test]
async fn whoever_keeps_making_bad_offers_is_sent_away() {
    let server = server().await;
    let mut ada = server.connect("demo", &token("demo", "ada", Rank::Host)).await;
    for _ in 0..2 {
        let reply = ada.ask(json!({"type": "join", "offer": "bad"})).await;
        assert_eq!(reply["error"]["code"], "invalid_argument");
    }
    assert_eq!(ada.next().await, json!({"type": "bye", "reason": "invalid_argument", "action": "stop"}));
    assert_eq!(ada.closed().await, 1008);
}

#[tokio::test]
async fn a_media_plane_that_is_full_or_slow_is_told_apart() {
    let server = server_with(|config| config.limits.open_timeout = Duration::from_millis(50)).await;
    for (offer, reason) in [("full", "node_full"), ("slow", "internal")] {
        let mut ada = server.connect("demo", &token("demo", "ada", Rank::Host)).await;
        ada.send(json!({"type": "join", "offer": offer})).await;
        let bye = ada.next().await;
        assert_eq!((&bye["reason"], &bye["action"]), (&json!(reason), &json!("retry")));
        assert!(bye["retry_after_ms"].as_u64().unwrap() > 0);
    }
    assert_eq!(server.media.closed.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn of_two_for_one_seat_one_wins() {
    let server = free_room().await;
    for round in 0..10 {
        let (mut ada, _) = server.join("demo", "ada", Rank::Member).await;
        let (mut ben, _) = server.join("demo", "ben", Rank::Member).await;
        let take = json!({"type": "seat_take", "seat": 1});
        let (one, other) = tokio::join!(ada.ask(take.clone()), ben.ask(take));
        let (winner, loser) = if one.get("ok").is_some() { (one, other) } else { (other, one) };
        assert_eq!(
            (&winner["ok"]["seat"]["index"], &winner["ok"]["seat"]["state"]),
            (&json!(1), &json!("occupied")),
            "round {round}"
        );
        assert_eq!(loser["error"]["code"], "seat_occupied");
        assert_eq!(loser["error"]["details"]["holder"], winner["ok"]["seat"]["identity"]);
        assert_eq!(loser["error"]["details"]["next_open"], 2);
        for client in [&mut ada, &mut ben] {
            let seen = client.expect_seat("taken").await;
            assert_eq!(seen["seat"]["identity"], winner["ok"]["seat"]["identity"]);
        }
        leave(ada).await;
        leave(ben).await;
    }
    assert_eq!(server.signaling.counters().refusals.value(Refusal::SeatOccupied), 10);
}

#[tokio::test]
async fn a_hand_is_raised_and_approved() {
    let server = server().await;
    let (mut ada, _) = server.join("demo", "ada", Rank::Host).await;
    let (mut ben, welcome) = server.join("demo", "ben", Rank::Member).await;
    let refused = ben.ask(json!({"type": "seat_take", "seat": 1})).await;
    assert_eq!(refused["error"]["code"], "wrong_seat_mode");
    let raised = ben.ask(json!({"type": "hand_raise", "mic_ready": true})).await;
    assert_eq!(raised["ok"]["position"], 1);
    let seen = ada.expect("hand_changed").await;
    assert_eq!(
        (&seen["change"], &seen["hand"]["identity"], &seen["count"]),
        (&json!("raised"), &json!("ben"), &json!(1))
    );
    let approved = ada.ask(json!({"type": "hand_approve", "identity": "ben"})).await;
    assert!(approved.get("ok").is_some(), "{approved}");
    let seat = ben.expect_seat("taken").await["seat"].clone();
    assert_eq!((&seat["index"], &seat["identity"], &seat["self_muted"]), (&json!(1), &json!("ben"), &json!(false)));
    let plans = server.media.plans.lock().unwrap().clone();
    let planned = plans.last().unwrap().seats.first().unwrap().clone();
    assert_eq!((planned.session.as_str(), planned.open), (welcome["session"].as_str().unwrap(), true));
}

#[tokio::test]
async fn a_newcomer_with_the_same_identity_takes_over() {
    let server = server().await;
    let (mut old, _) = server.join("demo", "ada", Rank::Host).await;
    old.ask(json!({"type": "seat_take", "seat": 0})).await;
    let (_new, welcome) = server.join("demo", "ada", Rank::Member).await;
    assert_eq!((&welcome["self"]["rank"], &welcome["self"]["seat"]), (&json!("host"), &json!(0)));
    let bye = old.expect("bye").await;
    assert_eq!((&bye["reason"], &bye["action"]), (&json!("duplicate"), &json!("stop")));
    assert_eq!(old.closed().await, 1000);
    let first = server.media.opened.lock().unwrap()[0].clone();
    until(|| server.media.closed.lock().unwrap().contains(&first)).await;
    assert_eq!(server.signaling.population().roles.hosts, 1);
}

#[tokio::test]
async fn a_kick_says_bye_and_closes() {
    let server = server().await;
    let (mut ada, _) = server.join("demo", "ada", Rank::Host).await;
    let (mut ben, _) = server.join("demo", "ben", Rank::Member).await;
    let forbidden = ben.ask(json!({"type": "member_kick", "identity": "ada"})).await;
    assert_eq!(forbidden["error"]["code"], "forbidden");
    let done = ada.ask(json!({"type": "member_kick", "identity": "ben"})).await;
    assert_eq!(done["ok"], json!({}));
    let bye = ben.expect("bye").await;
    assert_eq!((&bye["reason"], &bye["action"]), (&json!("kicked"), &json!("stop")));
    assert_eq!(ben.closed().await, 1000);
    until(|| server.media.closed.lock().unwrap().len() == 1).await;
}

#[tokio::test]
async fn leaving_is_answered_and_closes() {
    let server = server().await;
    let (ada, _) = server.join("demo", "ada", Rank::Host).await;
    leave(ada).await;
    until(|| server.signaling.population().roles.hosts == 0).await;
    until(|| server.media.closed.lock().unwrap().len() == 1).await;
}

#[tokio::test]
async fn a_socket_that_is_lost_leaves_the_participant_for_a_while() {
    let server = server_with(|config| config.settings.detached_max = Duration::from_secs(3)).await;
    let (ada, _) = server.join("demo", "ada", Rank::Host).await;
    drop(ada);
    // Long enough for the loss to be seen, and much less than the while.
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(server.signaling.population().roles.hosts, 1);
    assert!(server.media.closed.lock().unwrap().is_empty());
    until(|| server.signaling.population().roles.hosts == 0).await;
    until(|| server.media.closed.lock().unwrap().len() == 1).await;
    until(|| server.signaling.counters().sessions.value() == 0).await;
}

#[tokio::test]
async fn refused_tokens_are_told_after_the_upgrade() {
    let server = server().await;
    let expired = token_with(json!({"sub": "ada", "exp": 1_700_000_000, "video": {"room": "demo", "roomJoin": true}}));
    let no_join = token_with(json!({"sub": "ada", "video": {"room": "demo"}}));
    for (token, reason) in [
        ("rubbish".to_owned(), "unauthenticated"),
        (expired, "token_expired"),
        (token("other", "ada", Rank::Host), "forbidden"),
        (no_join, "forbidden"),
    ] {
        let mut client = server.connect("demo", &token).await;
        assert_eq!(client.next().await, json!({"type": "bye", "reason": reason, "action": "stop"}));
        assert_eq!(client.closed().await, 1000);
    }
    assert_eq!(server.signaling.counters().joins_refused.value(Refusal::Forbidden), 2);
    assert_eq!(server.signaling.population().rooms, 0);
}

#[tokio::test]
async fn only_a_host_makes_a_room_by_joining() {
    let server = server().await;
    let mut ben = server.connect("demo", &token("demo", "ben", Rank::Cohost)).await;
    ben.send(json!({"type": "join", "offer": "v=0"})).await;
    assert_eq!(ben.next().await, json!({"type": "bye", "reason": "room_not_found", "action": "stop"}));
    let strict = server_with(|config| config.auto_create = false).await;
    let mut ada = strict.connect("demo", &token("demo", "ada", Rank::Host)).await;
    ada.send(json!({"type": "join"})).await;
    assert_eq!(ada.next().await["reason"], "room_not_found");
}

#[tokio::test]
async fn a_full_room_refuses_and_closes_the_transport() {
    let server = server_with(|config| config.settings.participants_max = 1).await;
    let (_ada, _) = server.join("demo", "ada", Rank::Host).await;
    let mut ben = server.connect("demo", &token("demo", "ben", Rank::Member)).await;
    ben.send(json!({"type": "join", "offer": "v=0"})).await;
    let bye = ben.expect("bye").await;
    assert_eq!(bye["reason"], "room_full");
    ben.closed().await;
    until(|| server.media.closed.lock().unwrap().len() == 1).await;
    until(|| server.signaling.counters().joins_refused.value(Refusal::RoomFull) == 1).await;
}

#[tokio::test]
async fn commands_out_of_order_are_refused() {
    let server = server().await;
    let mut ada = server.connect("demo", &token("demo", "ada", Rank::Host)).await;
    assert_eq!(ada.ask(json!({"type": "seat_take", "seat": 0})).await["error"]["code"], "invalid_argument");
    ada.send(json!({"type": "join", "offer": "v=0"})).await;
    assert_eq!(ada.next().await["type"], "welcome");
    assert_eq!(ada.ask(json!({"type": "join"})).await["error"]["code"], "invalid_argument");
    assert_eq!(ada.ask(json!({"type": "seat_fly"})).await["error"]["code"], "unknown_type");
    assert_eq!(ada.ask(json!({"type": "seat_take", "seat": 40})).await["error"]["code"], "seat_not_found");
    assert_eq!(ada.ask(json!({"type": "stats", "rtt_ms": 12, "join_ms": 250})).await["ok"], json!({}));
    assert_eq!(server.signaling.counters().join_client.cumulative()[14], 1);
}

#[tokio::test]
async fn the_same_request_again_gets_the_first_answer() {
    let server = server().await;
    let (mut ada, _) = server.join("demo", "ada", Rank::Host).await;
    let mut answers = Vec::new();
    for _ in 0..2 {
        ada.raw(r#"{"type":"seat_take","request_id":"x","seat":0}"#).await;
        answers.push(ada.expect("reply").await);
    }
    assert_eq!(answers[0], answers[1]);
    assert!(answers[0].get("ok").is_some());
}

#[tokio::test]
async fn the_audience_is_told_in_batches_and_the_stage_at_once() {
    let server = free_room().await;
    let (mut ada, _) = server.join("demo", "ada", Rank::Host).await;
    let (mut ben, _) = server.join("demo", "ben", Rank::Member).await;
    let raw_frames = |text: &str| text.matches("seat_changed").count();
    for _ in 0..8 {
        ada.ask(json!({"type": "seat_lock", "seat": 5})).await;
        ada.ask(json!({"type": "seat_unlock", "seat": 5})).await;
    }
    let (mut frames, mut events) = (0, 0);
    while events < 16 {
        let message = futures_util::StreamExt::next(&mut ben.socket).await.unwrap().unwrap();
        if let tokio_tungstenite::tungstenite::Message::Text(text) = message {
            let found = raw_frames(&text);
            frames += usize::from(found > 0);
            events += found;
        }
    }
    assert!(frames < 8, "{events} events came in {frames} frames");
    let mut last = 0;
    for _ in 0..16 {
        let seq = ada.expect("seat_changed").await["seq"].as_u64().unwrap();
        assert!(seq > last);
        last = seq;
    }
}

#[tokio::test]
async fn who_goes_on_stage_misses_nothing_and_hears_nothing_twice() {
    let server = free_room().await;
    let (mut ada, _) = server.join("demo", "ada", Rank::Host).await;
    let (mut ben, welcome) = server.join("demo", "ben", Rank::Member).await;
    let mut seq = welcome["room"]["seq"].as_u64().unwrap();
    for _ in 0..5 {
        ada.send(json!({"type": "seat_lock", "seat": 5})).await;
        ben.send(json!({"type": "seat_take", "seat": 1})).await;
        ada.send(json!({"type": "seat_unlock", "seat": 5})).await;
        ben.send(json!({"type": "seat_leave"})).await;
        tokio::time::sleep(Duration::from_millis(120)).await;
    }
    let mut seen = 0;
    while seen < 20 {
        let frame = ben.next().await;
        if let Some(next) = frame["seq"].as_u64() {
            assert_eq!(next, seq + 1, "{frame}");
            seq = next;
            seen += usize::from(frame["type"] == "seat_changed");
        }
    }
}

#[tokio::test]
async fn facts_of_the_media_plane_reach_people() {
    let server = free_room().await;
    let (mut ada, welcome) = server.join("demo", "ada", Rank::Host).await;
    let (mut ben, listener) = server.join("demo", "ben", Rank::Member).await;
    let seat = ada.ask(json!({"type": "seat_take", "seat": 0})).await["ok"]["seat"].clone();
    let session =
        |welcome: &Value| podium_signaling::ids::SessionId::parse(welcome["session"].as_str().unwrap()).unwrap();
    let (facts, demo) = (server.signaling.facts(), RoomId::parse("demo").unwrap());
    let csrc = u32::try_from(seat["csrc"].as_u64().unwrap()).unwrap();
    let slots = vec![SlotView { mid: "1".to_owned(), seat: SeatIndex::new(0).unwrap(), csrc }];
    assert!(facts.deliver(&demo, MediaFact::Slots { session: session(&listener), slots }));
    assert!(facts.deliver(&demo, MediaFact::Speakers { speakers: vec![(session(&welcome), -28)] }));
    let slots = ben.expect("slots").await;
    assert_eq!(slots["slots"], json!([{"mid": "1", "seat": 0, "identity": "ada", "csrc": csrc}]));
    let speakers = ben.expect("speakers").await;
    assert_eq!((&speakers["speakers"][0]["identity"], &speakers["speakers"][0]["level"]), (&json!("ada"), &json!(-28)));
    assert!(facts.deliver(&RoomId::parse("nowhere").unwrap(), MediaFact::Connected { session: session(&welcome) }));
}

#[tokio::test]
async fn a_shutdown_says_so_to_everyone() {
    let server = server().await;
    let (mut ada, _) = server.join("demo", "ada", Rank::Host).await;
    let mut waiting = server.connect("demo", &token("demo", "ben", Rank::Member)).await;
    server.signaling.drain();
    let mut late = server.connect("demo", &token("demo", "cy", Rank::Member)).await;
    late.send(json!({"type": "join"})).await;
    assert_eq!(late.next().await["reason"], "draining");
    let shutdown = tokio::spawn({
        let signaling = server.signaling.clone();
        async move { signaling.shutdown(Duration::from_secs(5)).await }
    });
    for client in [&mut ada, &mut waiting] {
        let bye = client.expect("bye").await;
        assert_eq!((&bye["reason"], &bye["action"]), (&json!("draining"), &json!("retry")));
        client.closed().await;
    }
    assert!(shutdown.await.unwrap());
    assert_eq!(server.signaling.population().rooms, 0);
    assert_eq!(server.media.rooms_closed.lock().unwrap().len(), 1);
}

async fn free_room() -> Server {
    let server = server().await;
    let settings = podium_signaling::room::Settings { seat_mode: SeatMode::Free, ..Default::default() };
    server.signaling.create_room(&RoomId::parse("demo").unwrap(), settings).await;
    server
}

async fn leave(mut client: Client) {
    let reply = client.ask(json!({"type": "leave"})).await;
    assert_eq!(reply["ok"], json!({}));
    assert_eq!(client.closed().await, 1000);
}
