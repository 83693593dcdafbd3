//! Races over real sockets: many ask at the same moment, one order decides, and everyone sees that order.
#![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]

mod support;

use futures_util::future::join_all;
use podium_signaling::{
    ids::RoomId,
    room::{Rank, SeatMode, Settings},
};
use serde_json::{Value, json};
use support::{Client, Server, server_with, token};

#[tokio::test]
async fn of_a_hundred_for_the_last_seat_one_wins_a_hundred_times() {
    let server = room_with(|settings| settings.seats = 2).await;
    let (mut ada, _) = server.join("demo", "ada", Rank::Host).await;
    let (mut watcher, _) = server.join("demo", "cleo", Rank::Cohost).await;
    let mut crowd = join_all((0..PEOPLE).map(|person| joined(&server, person))).await;
    let mut winners = Vec::new();
    for round in 0..ROUNDS {
        let takes = crowd.iter_mut().map(|client| client.ask(json!({"type": "seat_take", "seat": 1})));
        let replies = join_all(takes).await;
        let won: Vec<_> = (0..PEOPLE).filter(|person| replies[*person].get("ok").is_some()).collect();
        let [winner] = won[..] else {
            panic!("round {round}: {won:?}");
        };
        for (person, reply) in replies.iter().enumerate().filter(|(person, _)| *person != winner) {
            let error = &reply["error"];
            assert_eq!(error["code"], "seat_occupied", "round {round}, {person}");
            assert_eq!(error["details"]["holder"], json!(name(winner)), "round {round}, {person}");
        }
        assert!(crowd[winner].ask(json!({"type": "seat_leave"})).await.get("ok").is_some());
        winners.push(name(winner));
    }
    for watching in [&mut ada, &mut watcher, &mut crowd[0]] {
        let mut seen = Vec::new();
        while seen.len() < ROUNDS {
            seen.push(watching.expect_seat("taken").await["seat"]["identity"].as_str().unwrap().to_owned());
        }
        assert_eq!(seen, winners);
    }
}

#[tokio::test]
async fn an_approval_that_crosses_a_leave_leaves_the_seat_open() {
    let server = room_with(|settings| settings.seat_mode = SeatMode::Apply).await;
    let (mut ada, _) = server.join("demo", "ada", Rank::Host).await;
    for round in 0..30 {
        let (mut ben, _) = server.join("demo", "ben", Rank::Member).await;
        ok(&mut ben, json!({"type": "hand_raise", "mic_ready": round % 2 == 0})).await;
        let approve = json!({"type": "hand_approve", "identity": "ben"});
        let (approved, left) = tokio::join!(ada.ask(approve), ben.ask(json!({"type": "leave"})));
        assert!(left.get("ok").is_some(), "{left}");
        let is_fit = approved.get("ok").is_some() || approved["error"]["code"] == "hand_gone";
        assert!(is_fit, "{approved}");
        let room = looked_at(&server).await;
        assert_eq!((&room["seats"][1]["state"], &room["hand_queue"]), (&json!("open"), &json!([])), "round {round}");
    }
}

#[tokio::test]
async fn whoever_is_on_their_way_in_when_the_room_closes_is_told_so() {
    for _ in 0..10 {
        let server = server_with(|config| config.auto_create = false).await;
        server.signaling.create_room(&RoomId::parse("demo").unwrap(), Settings::default()).await;
        let (mut ada, _) = server.join("demo", "ada", Rank::Host).await;
        let mut late = join_all((0..20).map(|person| {
            let token = token("demo", &name(person), Rank::Member);
            let server = &server;
            async move { server.connect("demo", &token).await }
        }))
        .await;
        let coming = join_all(late.iter_mut().map(|client| client.send(json!({"type": "join"}))));
        let closing = ada.send(json!({"type": "room_close"}));
        tokio::join!(closing, coming);
        for client in &mut late {
            let bye = client.expect("bye").await;
            let end = (bye["reason"].as_str().unwrap(), bye["action"].as_str().unwrap());
            assert!([("room_closed", "stop"), ("room_not_found", "stop")].contains(&end), "{bye}");
        }
    }
}

#[tokio::test]
async fn whoever_is_kicked_while_resuming_is_out() {
    let server = room_with(|_| {}).await;
    let (mut ada, _) = server.join("demo", "ada", Rank::Host).await;
    for round in 0..30 {
        let (mut ben, welcome) = server.join("demo", "ben", Rank::Member).await;
        ok(&mut ben, json!({"type": "seat_take", "seat": 1})).await;
        let seq = ben.seq;
        drop(ben);
        let kick = json!({"type": "member_kick", "identity": "ben"});
        let resuming = server.resuming("demo", "ben", &welcome["resume_token"], seq);
        let (kicked, mut ben) = tokio::join!(ada.ask(kick), resuming);
        assert!(kicked.get("ok").is_some(), "{kicked}");
        let bye = ben.expect("bye").await;
        let end = (bye["reason"].as_str().unwrap(), bye["action"].as_str().unwrap());
        assert!([("kicked", "stop"), ("session_stale", "rejoin")].contains(&end), "{bye}");
        ben.closed().await;
        let room = looked_at(&server).await;
        assert_eq!(room["seats"][1]["state"], "open", "round {round}");
        assert_eq!(server.signaling.population().roles.listeners, 0);
    }
}

#[tokio::test]
async fn a_room_never_holds_more_than_it_may() {
    let server = room_with(|settings| settings.participants_max = 50).await;
    let (_ada, _) = server.join("demo", "ada", Rank::Host).await;
    let joins = (0..200).map(|person| {
        let server = &server;
        async move {
            let mut client = server.connect("demo", &token("demo", &name(person), Rank::Member)).await;
            client.send(json!({"type": "join", "offer": "v=0"})).await;
            let first = client.next().await;
            (client, first)
        }
    });
    let answers = join_all(joins).await;
    let welcome = answers.iter().filter(|(_, first)| first["type"] == "welcome").count();
    let full = answers.iter().filter(|(_, first)| first["error"]["code"] == "room_full").count();
    assert_eq!((welcome, full), (49, 151));
    assert_eq!(server.media.closed.lock().unwrap().len(), 151, "who is turned away leaves no transport");
    assert_eq!(server.signaling.population().roles.listeners, 49);
}

async fn joined(server: &Server, person: usize) -> Client {
    server.join("demo", &name(person), Rank::Member).await.0
}

fn name(person: usize) -> String {
    format!("person-{person}")
}

async fn room_with(change: impl FnOnce(&mut Settings)) -> Server {
    let server = server_with(|config| {
        config.limits.commands_per_second = 100_000;
        config.limits.burst = 100_000;
    })
    .await;
    let mut settings = Settings { seat_mode: SeatMode::Free, ..Default::default() };
    change(&mut settings);
    server.signaling.create_room(&RoomId::parse("demo").unwrap(), settings).await;
    server
}

async fn looked_at(server: &Server) -> Value {
    let (status, room) = server.http_json("GET", "/v1/rooms/demo", &token("demo", "ada", Rank::Host), "").await;
    assert_eq!(status, 200);
    room
}

async fn ok(client: &mut Client, command: Value) {
    let reply = client.ask(command.clone()).await;
    assert!(reply.get("ok").is_some(), "{command}: {reply}");
}

const PEOPLE: usize = 100;
const ROUNDS: usize = 100;
