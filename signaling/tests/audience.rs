//! A big audience over real sockets: everyone is told everything in few frames, and whoever asks for something is answered in between.
//!
//! The size is small enough for any machine; `PODIUM_AUDIENCE=5000` with an optimised build measures a whole room, and prints what it saw.
#![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]

mod support;

use std::time::Duration;

use futures_util::future::join_all;
use podium_signaling::{
    clock,
    ids::{RoomId, SessionId},
    media::MediaFact,
    room::{Rank, SeatMode, Settings},
};
use serde_json::{Value, json};
use support::{Client, Server, server_with};

#[test]
fn everyone_is_told_everything_in_few_frames_and_commands_are_answered_in_between() {
    // The server has a thread of its own, as it has one core of its own where this is measured.
    let (tell, told) = std::sync::mpsc::sync_channel(1);
    let serving = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
            tell.send((room().await, stop)).unwrap();
            let _gone = stopped.await;
        });
    });
    let (server, stop) = told.recv().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(watched(&server));
    stop.send(()).unwrap();
    serving.join().unwrap();
}

async fn watched(server: &Server) {
    let people = std::env::var("PODIUM_AUDIENCE").map_or(PEOPLE, |people| people.parse().unwrap());
    let (mut ada, welcome) = server.join("demo", "ada", Rank::Host).await;
    ok(&mut ada, json!({"type": "seat_take", "seat": 0})).await;
    let mut audience = Vec::new();
    for batch in 0..people.div_ceil(JOINS_AT_ONCE) {
        let numbers = batch * JOINS_AT_ONCE..people.min((batch + 1) * JOINS_AT_ONCE);
        audience.extend(join_all(numbers.map(|number| listening(server, number))).await);
    }
    let asker = audience.pop().unwrap();
    let start = asker.seq;
    let counting: Vec<_> = audience.into_iter().map(|client| tokio::spawn(counted(client))).collect();
    let asking = tokio::spawn(asked(asker));
    let session = SessionId::parse(welcome["session"].as_str().unwrap()).unwrap();
    for round in 0..ROUNDS {
        // Levels change twenty times a second; a seat is locked or unlocked five times a second, which also brings cues.
        let speakers = vec![(session.clone(), -i8::try_from(round % 60 + 1).unwrap())];
        assert!(server.signaling.facts().deliver(&RoomId::parse("demo").unwrap(), MediaFact::Speakers { speakers }));
        if round % 4 == 0 {
            let kind = if round % 8 == 0 { "seat_lock" } else { "seat_unlock" };
            ok(&mut ada, json!({"type": kind, "seat": 5})).await;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    ok(&mut ada, json!({"type": "room_close"})).await;
    let mut waits = asking.await.unwrap();
    waits.sort();
    let (mut frames_max, mut bytes) = (0, 0);
    for counted in join_all(counting).await {
        let Counted { frames, bytes: one, seqs } = counted.unwrap();
        let expected: Vec<_> = (start + 1..).take(seqs.len()).collect();
        let late: Vec<_> = seqs.iter().filter(|seq| **seq > start).copied().collect();
        assert_eq!(late, expected[..late.len()], "each event once and in order");
        assert!(late.len() >= ROUNDS / 4, "{late:?}");
        frames_max = frames_max.max(frames);
        bytes += one;
    }
    let at = |share: usize| waits[(waits.len() - 1) * share / 100];
    eprintln!(
        "{people} people: {} asked, answered in {:?} (half), {:?} (p99), {:?} (all); {frames_max} frames at most to one, {bytes} bytes to all",
        waits.len(),
        at(50),
        at(99),
        at(100),
    );
    // Levels alone are twenty a second: one by one they would be more.
    assert!(frames_max < ROUNDS, "{frames_max} frames");
}

/// What one of the audience was told.
struct Counted {
    frames: usize,
    bytes: usize,
    seqs: Vec<u64>,
}

async fn counted(mut client: Client) -> Counted {
    let mut counted = Counted { frames: 0, bytes: 0, seqs: Vec::new() };
    while let Some(Ok(message)) = futures_util::StreamExt::next(&mut client.socket).await {
        let tokio_tungstenite::tungstenite::Message::Text(text) = message else {
            continue;
        };
        counted.frames += 1;
        counted.bytes += text.len();
        counted.seqs.extend(text.split("\"seq\":").skip(1).map(|rest| {
            let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap();
            rest[..digits].parse::<u64>().unwrap()
        }));
    }
    counted
}

/// One of the audience asks and asks, until the room closes.
async fn asked(mut client: Client) -> Vec<Duration> {
    let mut waits = Vec::new();
    loop {
        let started = clock::now();
        let id = client.send(json!({"type": "hand_lower"})).await;
        loop {
            let frame = client.next().await;
            if frame["type"] == "bye" {
                return waits;
            }
            if frame["request_id"] == json!(id) {
                break;
            }
        }
        waits.push(clock::now() - started);
        tokio::time::sleep(Duration::from_millis(7)).await;
    }
}

async fn listening(server: &Server, number: usize) -> Client {
    server.join("demo", &format!("person-{number}"), Rank::Member).await.0
}

async fn room() -> Server {
    let server = server_with(|config| {
        config.limits.commands_per_second = 100_000;
        config.limits.burst = 100_000;
        config.limits.sessions_per_address = 100_000;
        config.limits.ping_interval = Duration::from_secs(60);
        config.limits.silence_max = Duration::from_secs(120);
    })
    .await;
    let settings = Settings { seat_mode: SeatMode::Free, participants_max: 100_000, ..Default::default() };
    server.signaling.create_room(&RoomId::parse("demo").unwrap(), settings).await;
    server
}

async fn ok(client: &mut Client, command: Value) {
    let reply = client.ask(command.clone()).await;
    assert!(reply.get("ok").is_some(), "{command}: {reply}");
}

const PEOPLE: usize = 300;
const JOINS_AT_ONCE: usize = 20;
const ROUNDS: usize = 100;
