//! Frames that no client sends: parts without end, control frames without end, messages that never end. Each is cut off soon, and nobody notices.
#![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]

mod support;

use std::time::{Duration, Instant};

use podium_signaling::{clock, room::Rank};
use serde_json::json;
use support::{Client, Server, server};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_tungstenite::MaybeTlsStream;

const TEXT: u8 = 0x01;
const MORE: u8 = 0x00;
const LAST: u8 = 0x80;
/// The time it takes at most on a busy machine; it is cut off after a few hundred frames.
const SOON: Duration = Duration::from_secs(20);
/// The rest of a ping behind its opening brace.
const PING: &[u8] = br#""type":"ping","request_id":"p"}"#;
const CLOSE_POLICY: [u8; 4] = [0x88, 2, 0x03, 0xf0];

#[tokio::test]
async fn floods_of_frames_are_cut_off_within_a_second() {
    let server = server().await;
    let (mut ben, _) = server.join("demo", "ben", Rank::Host).await;
    for (name, first, then) in [
        ("empty parts", frame(TEXT, b""), frame(MORE, b"")),
        ("parts of one byte", frame(TEXT, b"{"), frame(MORE, b" ")),
        ("pings", Vec::new(), frame(0x89, b"")),
        ("pings with a load", Vec::new(), frame(0x89, &[7; 125])),
        ("pongs", Vec::new(), frame(0x8a, b"")),
        ("pings between parts", frame(TEXT, b"{"), frame(0x89, b"x")),
        (
            "messages in parts",
            Vec::new(),
            [frame(TEXT, b"{"), frame(MORE, b" ").repeat(90), frame(LAST, PING)].concat(),
        ),
    ] {
        let floods = server.signaling.counters().floods.value();
        let mut stream = raw(&server, "ada").await;
        let begun = clock::now();
        // It ends with a reset when the server has closed.
        let _first = stream.write_all(&first).await;
        let many = then.repeat(64);
        while stream.write_all(&many).await.is_ok() {
            assert!(clock::now() - begun < SOON, "{name}: nobody cuts it off");
            tokio::task::yield_now().await;
            if server.signaling.counters().floods.value() > floods {
                break;
            }
        }
        assert!(clock::now() - begun < SOON, "{name}: {:?}", clock::now() - begun);
        let said = all(&mut stream).await;
        assert!(said.windows(4).any(|bytes| bytes == CLOSE_POLICY), "{name}: {said:x?}");
        assert!(String::from_utf8_lossy(&said).contains("rate_limited"), "{name}");
        assert_eq!(server.signaling.counters().floods.value(), floods + 1, "{name}");
    }
    assert!(ben.ask(json!({"type": "ping"})).await.get("ok").is_some());
}

#[tokio::test]
async fn a_message_in_as_many_parts_as_it_may_have_is_taken() {
    let server = server().await;
    let mut stream = raw(&server, "ada").await;
    let text = br#"{"type":"ping","request_id":"in-parts"}"#;
    let mut bytes = frame(TEXT, &text[..1]);
    text[1..].iter().for_each(|byte| bytes.extend(frame(MORE, &[*byte])));
    (0..128 - text.len() - 1).for_each(|_| bytes.extend(frame(MORE, b" ")));
    bytes.extend(frame(0x89, b"between"));
    bytes.extend(frame(LAST, b""));
    stream.write_all(&bytes).await.unwrap();
    heard(&mut stream, "in-parts").await;
    bytes.splice(0..7, [frame(TEXT, b" "), frame(MORE, b"{")].concat());
    let _reset = stream.write_all(&bytes).await;
    let said = all(&mut stream).await;
    assert!(said.windows(4).any(|bytes| bytes == CLOSE_POLICY), "one part too many: {said:x?}");
}

#[tokio::test]
async fn what_is_begun_must_end_within_ten_seconds() {
    let server = server().await;
    let begun = clock::now();
    let mut slow = Vec::new();
    for (name, bytes) in [
        ("parts", frame(TEXT, b"{")),
        ("header", vec![0x81]),
        ("payload", frame(0x81, b"hello")[..8].to_vec()),
        ("ping", frame(0x89, b"hello")[..8].to_vec()),
    ] {
        let stream = raw(&server, name).await;
        slow.push(tokio::spawn(ended(stream, bytes, name)));
    }
    let (mut idle, _) = server.join("demo", "idle", Rank::Member).await;
    for ending in slow {
        let (name, at, said) = ending.await.unwrap();
        let took = at.saturating_duration_since(begun);
        assert!(took > Duration::from_secs(9), "{name}: {took:?}");
        assert!(took < Duration::from_secs(40), "{name}: {took:?}");
        assert!(said.windows(4).any(|bytes| bytes == CLOSE_POLICY), "{name}: {said:x?}");
    }
    assert!(idle.ask(json!({"type": "ping"})).await.get("ok").is_some(), "silence is no message");
}

/// Sends the beginning of something, and then as little as keeps the session from being silent.
async fn ended(mut stream: TcpStream, bytes: Vec<u8>, name: &'static str) -> (&'static str, Instant, Vec<u8>) {
    stream.write_all(&bytes).await.unwrap();
    if name == "parts" {
        for _ in 0..4 {
            tokio::time::sleep(Duration::from_secs(2)).await;
            // The server may have closed on a slow machine.
            let _closed = stream.write_all(&frame(MORE, b" ")).await;
        }
    }
    let said = all(&mut stream).await;
    (name, clock::now(), said)
}

/// The socket of someone who has joined.
async fn raw(server: &Server, who: &str) -> TcpStream {
    let (Client { socket, .. }, _) = server.join("demo", who, Rank::Host).await;
    let MaybeTlsStream::Plain(stream) = socket.into_inner() else { panic!("there is no TLS here") };
    stream
}

/// Reads until a text comes.
async fn heard(stream: &mut TcpStream, text: &str) {
    let mut said = Vec::new();
    while !String::from_utf8_lossy(&said).contains(text) {
        let reading = tokio::time::timeout(Duration::from_secs(8), stream.read_buf(&mut said));
        assert!(reading.await.unwrap().unwrap() > 0, "closed before {text}");
    }
}

/// Reads to the end, or to a reset.
async fn all(stream: &mut TcpStream) -> Vec<u8> {
    let mut said = Vec::new();
    let reading = tokio::time::timeout(Duration::from_secs(40), stream.read_to_end(&mut said));
    let _reset = reading.await.expect("closed in time");
    said
}

/// A masked frame of a client.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let len = u8::try_from(payload.len()).unwrap();
    assert!(len < 126);
    [&[first, 0x80 | len, 0, 0, 0, 0], payload].concat()
}
