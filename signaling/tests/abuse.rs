//! Sockets that misbehave: each is answered, or closed with a code, and nobody else notices.
#![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]

mod support;

use std::time::{Duration, Instant};

use futures_util::SinkExt;
use podium_signaling::{clock, room::Rank};
use serde_json::json;
use support::{server, server_with, token, until};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::tungstenite::Message;

#[tokio::test]
async fn a_binary_frame_is_not_taken() {
    let server = server().await;
    let (mut ada, _) = server.join("demo", "ada", Rank::Host).await;
    ada.binary().await;
    assert_eq!(ada.closed().await, 1003);
}

#[tokio::test]
async fn a_frame_is_taken_up_to_its_limit() {
    let server = server().await;
    let (mut ada, _) = server.join("demo", "ada", Rank::Host).await;
    let padded = |bytes: usize| {
        let frame = |padding: &str| json!({"type": "ping", "request_id": "p", "padding": padding}).to_string();
        frame(&"x".repeat(bytes - frame("").len()))
    };
    ada.raw(&padded(64 * 1024)).await;
    assert_eq!(ada.expect("reply").await["request_id"], "p");
    ada.raw(&padded(64 * 1024 + 1)).await;
    assert_eq!(ada.closed().await, 1009);
    until(|| server.signaling.counters().sessions.value() == 0).await;
}

#[tokio::test]
async fn a_length_that_is_only_claimed_is_not_waited_for() {
    let server = server().await;
    let (ada, _) = server.join("demo", "ada", Rank::Host).await;
    let mut stream = ada.socket.into_inner();
    let mut header = vec![0x81, 0x80 | 127];
    header.extend_from_slice(&(2_u64 << 30).to_be_bytes());
    header.extend_from_slice(&[1, 2, 3, 4]);
    stream.write_all(&header).await.unwrap();
    assert_eq!(close_code_of(&mut stream).await, 1009);
}

#[tokio::test]
async fn broken_frames_and_texts_are_told_apart() {
    let server = server().await;
    for (bytes, code) in [
        (&[0x81, 0x81, 0, 0, 0, 0, 0xff][..], 1007),
        (&[0x81, 0x01, b'x'][..], 1002),
        (&[0xf1, 0x80, 0, 0, 0, 0][..], 1002),
    ] {
        let (ada, _) = server.join("demo", "ada", Rank::Host).await;
        let mut stream = ada.socket.into_inner();
        stream.write_all(bytes).await.unwrap();
        assert_eq!(close_code_of(&mut stream).await, code, "{bytes:x?}");
    }
}

#[tokio::test]
async fn three_frames_that_are_no_requests_end_the_session() {
    let server = server().await;
    let (mut ada, _) = server.join("demo", "ada", Rank::Host).await;
    let deep = "[".repeat(10_000);
    for text in ["{", &deep, r#"{"type":1e999}"#] {
        ada.raw(text).await;
        let reply = ada.expect("reply").await;
        assert_eq!((&reply["error"]["code"], reply.get("request_id")), (&json!("invalid_argument"), None));
    }
    let bye = ada.expect("bye").await;
    assert_eq!((&bye["reason"], &bye["action"]), (&json!("invalid_argument"), &json!("stop")));
    assert_eq!(ada.closed().await, 1002);
}

#[tokio::test]
async fn a_flood_is_slowed_down_and_then_cut_off() {
    let server = server_with(|config| config.limits.flood_patience = Duration::from_millis(600)).await;
    let (mut ada, _) = server.join("demo", "ada", Rank::Host).await;
    let (mut ben, _) = server.join("demo", "ben", Rank::Member).await;
    let begun = clock::now();
    for _ in 0..100 {
        ada.send(json!({"type": "ping"})).await;
    }
    let (mut answered, mut refused) = (0, 0);
    while refused == 0 {
        let reply = ada.expect("reply").await;
        answered += usize::from(reply.get("ok").is_some());
        if reply["error"]["code"] == "rate_limited" {
            refused += 1;
            assert!(reply["error"]["details"]["retry_after_ms"].is_u64());
        }
    }
    // Forty at once and twenty a second: on a busy machine more seconds go by.
    let most = 42 + usize::try_from((clock::now() - begun).as_millis()).unwrap() / 50;
    assert!((38..=most).contains(&answered), "{answered} of {most}");
    let started = clock::now();
    let mut is_cut = false;
    while !is_cut && clock::now() - started < Duration::from_secs(30) {
        is_cut = ada.socket.send(Message::text(r#"{"type":"ping","request_id":"f"}"#)).await.is_err();
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    assert!(is_cut);
    until(|| server.signaling.counters().floods.value() == 1).await;
    assert!(ben.ask(json!({"type": "ping"})).await.get("ok").is_some());
}

#[tokio::test]
async fn who_never_joins_is_closed() {
    let server = server_with(|config| config.limits.join_timeout = Duration::from_millis(200)).await;
    let mut ada = server.connect("demo", &token("demo", "ada", Rank::Host)).await;
    assert_eq!(ada.expect("bye").await["action"], "stop");
    assert_eq!(ada.closed().await, 1008);
}

#[tokio::test]
async fn who_is_silent_is_let_go() {
    let server = server_with(|config| {
        config.limits.ping_interval = Duration::from_millis(100);
        config.limits.silence_max = Duration::from_millis(400);
    })
    .await;
    let (ada, _) = server.join("demo", "ada", Rank::Host).await;
    // Nobody reads, so nobody answers the pings.
    until(|| server.signaling.counters().sessions.value() == 0).await;
    drop(ada);
}

#[tokio::test]
async fn who_does_not_read_is_cut_off_and_nobody_else_waits() {
    let server = server_with(|config| {
        config.limits.outbound_queue = 8;
        config.limits.commands_per_second = 100_000;
        config.limits.burst = 100_000;
    })
    .await;
    let (mut ada, _) = server.join("demo", "ada", Rank::Host).await;
    // A cohost is told everything at once, and this one reads nothing.
    let (_deaf, _) = server.join("demo", "ben", Rank::Cohost).await;
    let counters = server.signaling.counters();
    let started = clock::now();
    let mut slowest = Duration::ZERO;
    while counters.slow_consumers.value() == 0 {
        let asked: Instant = clock::now();
        ada.ask(json!({"type": "seat_lock", "seat": 5})).await;
        ada.ask(json!({"type": "seat_unlock", "seat": 5})).await;
        slowest = slowest.max(clock::now() - asked);
        assert!(clock::now() - started < Duration::from_secs(60), "it was never cut off");
    }
    assert!(slowest < Duration::from_secs(1), "{slowest:?}");
    until(|| counters.sessions.value() == 1).await;
}

#[tokio::test]
async fn an_address_has_so_many_sessions() {
    let server = server_with(|config| config.limits.sessions_per_address = 2).await;
    let (one, _) = server.join("demo", "ada", Rank::Host).await;
    let (_two, _) = server.join("demo", "ben", Rank::Member).await;
    let token = token("demo", "cy", Rank::Member);
    let upgrade = [
        ("connection", "upgrade, close"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    let path = format!("/v1/rooms/demo/session?access_token={token}");
    let (status, head, body) = server.http("GET", &path, &upgrade, "").await;
    assert_eq!(status, 429, "{body}");
    assert!(head.contains("retry-after: 5") && body.contains("rate_limited"));
    drop(one);
    until(|| server.signaling.counters().sessions.value() == 1).await;
    server.join("demo", "cy", Rank::Member).await;
}

async fn close_code_of(stream: &mut (impl AsyncReadExt + Unpin)) -> u16 {
    let mut bytes = Vec::new();
    let reading = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut bytes));
    // The connection may be reset after the close frame.
    let _reset = reading.await.unwrap();
    let at = bytes.len() - 4;
    assert_eq!(bytes[at..at + 2], [0x88, 2], "{bytes:x?}");
    u16::from_be_bytes([bytes[at + 2], bytes[at + 3]])
}
