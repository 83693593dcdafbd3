//! The door under load: who is let in first and who last, over real sockets.
#![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]

mod support;

use std::time::Duration;

use podium_signaling::{
    clock,
    media::MediaFact,
    room::{Rank, Refusal, Role, SeatMode, Settings},
};
use serde_json::{Value, json};
use support::{Client, Server, server_with, token, token_with, until};

#[tokio::test]
async fn listeners_are_refused_first_then_guests_then_hosts() {
    let server = room().await;
    let (mut ada, _) = server.join("demo", "ada", Rank::Host).await;
    let (mut ben, _) = server.join("demo", "ben", Rank::Member).await;
    let (_cy, _) = server.join("demo", "cy", Rank::Member).await;
    ok(&mut ben, json!({"type": "seat_take", "seat": 2})).await;
    ok(&mut ada, json!({"type": "invite_send", "identity": "cy", "seat": 3})).await;
    assert!(server.media.monitor.take_asked().is_empty(), "as long as everyone may come in nobody is asked");

    for (steps, come_in) in [(0, 4), (1, 3), (2, 1), (3, 0)] {
        server.media.monitor.refuse(steps);
        // Whoever came in once is there, be it without a socket, and no newcomer.
        let dan = format!("dan-{steps}");
        for (place, (who, claim)) in
            [("ada", Rank::Member), ("ben", Rank::Member), ("cy", Rank::Member), (dan.as_str(), Rank::Member)]
                .into_iter()
                .enumerate()
        {
            let (_client, answer) = try_join(&server, who, claim).await;
            let expected = if place < come_in { "welcome" } else { "bye" };
            assert_eq!(answer["type"], expected, "step {steps}: {who}: {answer}");
            let asked = match (steps, who) {
                (0 | 3, _) => vec![],
                (_, "ada") => vec![Role::Host],
                (_, "ben" | "cy") => vec![Role::Guest],
                _ => vec![Role::Listener],
            };
            assert_eq!(server.media.monitor.take_asked(), asked, "step {steps}: {who}");
        }
    }
    let counters = server.signaling.counters();
    assert_eq!(counters.joins_refused.value(Refusal::LatencyAtRisk), 4);
    assert_eq!(counters.joins_refused.value(Refusal::NodeFull), 4);
    assert_eq!(server.media.monitor.take_not_joined().len(), 8);
}

#[tokio::test]
async fn whoever_is_refused_is_told_when_to_come_again_and_nothing_was_spent_on_them() {
    let server = room().await;
    let (_ada, _) = server.join("demo", "ada", Rank::Host).await;
    let opened = server.media.opened.lock().unwrap().len();
    server.media.monitor.refuse(1);
    let (_ben, bye) = try_join(&server, "ben", Rank::Member).await;
    let told = json!({"type": "bye", "reason": "latency_at_risk", "action": "retry", "retry_after_ms": 3210});
    assert_eq!(bye, told);
    server.media.monitor.refuse(3);
    let begun = clock::now();
    let (mut cy, bye) = try_join(&server, "cy", Rank::Host).await;
    let told = json!({"type": "bye", "reason": "node_full", "action": "retry", "retry_after_ms": 9870});
    assert_eq!(bye, told);
    assert!(clock::now() - begun < Duration::from_secs(4), "it is answered before the time to join is over");
    assert_eq!(cy.closed().await, 1000);
    assert_eq!(server.media.opened.lock().unwrap().len(), opened, "no transport was opened");

    server.media.monitor.refuse(2);
    let (_ben, bye) = try_join_in(&server, "other", "ben", Rank::Member).await;
    assert_eq!(bye["reason"], "room_not_found", "waiting would not help");
    server.media.monitor.refuse(3);
    let (_eve, bye) = try_join_in(&server, "other", "eve", Rank::Host).await;
    assert_eq!(bye["reason"], "node_full");
    let list = token_with(json!({"video": {"roomList": true}}));
    let (_, rooms) = server.http_json("GET", "/v1/rooms", &list, "").await;
    assert_eq!(rooms["rooms"].as_array().unwrap().len(), 1, "nor was a room made for them");
    server.media.monitor.refuse(0);
    assert_eq!(try_join(&server, "ben", Rank::Member).await.1["type"], "welcome");
}

#[tokio::test]
async fn the_rooms_record_says_who_is_a_host_and_not_the_token() {
    let server = room().await;
    let (mut ada, _) = server.join("demo", "ada", Rank::Host).await;
    let (mut ben, _) = server.join("demo", "ben", Rank::Cohost).await;
    ok(&mut ada, json!({"type": "member_rank", "identity": "ben", "rank": "member"})).await;
    ok(&mut ben, json!({"type": "leave"})).await;
    server.media.monitor.refuse(2);
    assert_eq!(try_join(&server, "ben", Rank::Cohost).await.1["reason"], "latency_at_risk");
    assert_eq!(try_join(&server, "cleo", Rank::Cohost).await.1["type"], "welcome", "of her the room knows nothing");
    assert_eq!(server.media.monitor.take_asked(), [Role::Listener, Role::Host]);
}

#[tokio::test]
async fn whoever_was_put_out_is_told_so_and_takes_nobodys_place() {
    let server = room().await;
    let (mut ada, _) = server.join("demo", "ada", Rank::Host).await;
    let (_eve, _) = server.join("demo", "eve", Rank::Member).await;
    let (_mel, _) = server.join("demo", "mel", Rank::Member).await;
    ok(&mut ada, json!({"type": "member_ban", "identity": "eve"})).await;
    ok(&mut ada, json!({"type": "member_kick", "identity": "mel", "deny": true})).await;
    let opened = server.media.opened.lock().unwrap().len();
    for steps in [1, 2] {
        server.media.monitor.refuse(steps);
        for (who, reason) in [("eve", "banned"), ("mel", "forbidden")] {
            let (_client, bye) = try_join(&server, who, Rank::Cohost).await;
            assert_eq!(bye, json!({"type": "bye", "reason": reason, "action": "stop"}));
        }
    }
    assert!(server.media.monitor.take_asked().is_empty(), "the monitor counts whom it lets in");
    assert_eq!(server.media.opened.lock().unwrap().len(), opened);
    server.media.monitor.refuse(3);
    assert_eq!(try_join(&server, "eve", Rank::Member).await.1["reason"], "node_full", "in a storm no room is asked");
}

#[tokio::test]
async fn whose_seat_is_kept_comes_back_and_a_resume_is_never_refused() {
    let server = room().await;
    let (_ada, _) = server.join("demo", "ada", Rank::Host).await;
    let (mut ben, welcome) = server.join("demo", "ben", Rank::Member).await;
    let (cy, cy_welcome) = server.join("demo", "cy", Rank::Member).await;
    ok(&mut ben, json!({"type": "seat_take", "seat": 2})).await;
    let session = support::session_of(&welcome);
    let demo = podium_signaling::ids::RoomId::parse("demo").unwrap();
    assert!(server.signaling.facts().deliver(&demo, MediaFact::Closed { session }));
    ben.expect_seat("interrupted").await;
    drop((ben, cy));
    server.media.monitor.refuse(1);
    let (mut ben, welcome) = try_join(&server, "ben", Rank::Member).await;
    assert_eq!((&welcome["type"], &welcome["self"]["seat"]), (&json!("welcome"), &json!(2)));
    assert_eq!(server.media.monitor.take_asked(), [Role::Guest]);
    ok(&mut ben, json!({"type": "ping"})).await;

    server.media.monitor.refuse(3);
    let (mut cy, _) = server.resume("demo", "cy", &cy_welcome["resume_token"], 0).await;
    ok(&mut cy, json!({"type": "ping"})).await;
    assert!(server.media.monitor.take_asked().is_empty());
    until(|| server.signaling.counters().resumes_ok.value() == 1).await;
}

async fn try_join(server: &Server, identity: &str, claim: Rank) -> (Client, Value) {
    try_join_in(server, "demo", identity, claim).await
}

/// Someone who tries to come in, and the first word that they are told.
async fn try_join_in(server: &Server, room: &str, identity: &str, claim: Rank) -> (Client, Value) {
    let mut client = server.connect(room, &token(room, identity, claim)).await;
    client.send(json!({"type": "join", "offer": "v=0"})).await;
    let first = client.next().await;
    (client, first)
}

async fn ok(client: &mut Client, command: Value) {
    let answer = client.ask(command).await;
    assert!(answer.get("ok").is_some(), "{answer}");
}

async fn room() -> Server {
    server_with(|config| config.settings = Settings { seat_mode: SeatMode::Free, ..Settings::default() }).await
}
