//! `GET /v1/rooms/{room}/stats` and the frames that tell how it sounds, over real sockets.
#![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]

mod support;

use podium_signaling::{
    ids::{RoomId, SessionId},
    media::MediaFact,
    monitor::{ConnectionQuality, DelayClass, DelaySide, DelayTerm, LatencyState, RoomFigures, SessionFigures},
    room::{Rank, SeatMode, Settings},
};
use serde_json::{Value, json};
use support::{Client, Server, server_with, session_of, token, token_with, until};

#[tokio::test]
async fn figures_are_shown_by_name_to_those_who_run_the_room() {
    let server = room().await;
    let (_ada, _) = server.join("demo", "ada", Rank::Host).await;
    let (mut ben, welcome) = server.join("demo", "ben", Rank::Member).await;
    let (_cy, gone) = server.join("demo", "cy", Rank::Member).await;
    ok(&mut ben, json!({"type": "seat_take", "seat": 2})).await;
    let (status, empty) = stats(&server, &admin()).await;
    assert_eq!(status, 200);
    let population = json!({"hosts": 1, "guests": 1, "listeners": 1});
    assert_eq!(empty, json!({"id": "demo", "watched": true, "participants": population, "stage": []}));

    *server.media.monitor.figures.lock().unwrap() = Some(RoomFigures {
        classes: [2, 1, 0],
        mouth_to_ear_ms: Some([142, 280, 301]),
        joins: [3, 1],
        join_ms: None,
        // One has just left the stage.
        stage: vec![figures(session_of(&gone)), figures(session_of(&welcome))],
    });
    let expected = json!({
        "id": "demo", "watched": true, "participants": population,
        "mouth_to_ear": {"natural": 2, "ok": 1, "laggy": 0, "p50_ms": 142, "p95_ms": 280, "max_ms": 301},
        "joins": {"completed": 3, "failed": 1},
        "stage": [{
            "identity": "ben", "seat": 2,
            "latency": {"class": "ok", "mouth_to_ear_ms": 301, "dominant_term": "jitter_buffer", "side": "hearing", "estimated": true},
            "terms_ms": {"uplink": 12.5, "jitter_buffer": 120.1},
            "quality": "good", "rtt_ms": 25.0, "rtt_source": "report",
        }],
    });
    let by_ada = token("demo", "ada", Rank::Member);
    for who in [admin(), by_ada] {
        assert_eq!(stats(&server, &who).await, (200, expected.clone()));
    }
}

#[tokio::test]
async fn who_is_hidden_is_counted_for_back_ends_only() {
    let server = room().await;
    let (_ada, _) = server.join("demo", "ada", Rank::Host).await;
    let (_ben, _) = server.join("demo", "ben", Rank::Cohost).await;
    let mut ghosts = Vec::new();
    for (ghost, rank) in [("casper", "host"), ("sadako", "member")] {
        let video = json!({"room": "demo", "roomJoin": true, "hidden": true});
        let token = token_with(json!({"sub": ghost, "video": video, "podium": {"rank": rank}}));
        let mut client = server.connect("demo", &token).await;
        client.send(json!({"type": "join", "offer": "v=0"})).await;
        assert_eq!(client.next().await["type"], "welcome");
        ghosts.push(client);
    }
    let (_, all) = stats(&server, &admin()).await;
    assert_eq!(all["participants"], json!({"hosts": 2, "guests": 0, "listeners": 2}));
    let (_, seen) = stats(&server, &token("demo", "ben", Rank::Member)).await;
    assert_eq!(seen["participants"], json!({"hosts": 1, "guests": 0, "listeners": 1}));
}

#[tokio::test]
async fn others_are_refused_with_the_codes_that_they_know() {
    let server = room().await;
    let (mut ada, _) = server.join("demo", "ada", Rank::Host).await;
    let (_ben, _) = server.join("demo", "ben", Rank::Member).await;
    ok(&mut ada, json!({"type": "member_ban", "identity": "eve"})).await;
    let joining = |who: &str, is_admin: bool| {
        token_with(json!({"sub": who, "video": {"room": "demo", "roomJoin": true, "roomAdmin": is_admin}}))
    };
    for (token, status, code) in [
        (joining("ben", false), 403, "forbidden"),
        (token("demo", "stranger", Rank::Cohost), 403, "forbidden"), // a rank that only the token claims
        (joining("eve", false), 403, "banned"),
        (joining("eve", true), 403, "banned"),
        (token("other", "ada", Rank::Host), 403, "forbidden"),
        (token_with(json!({"video": {"roomList": true}})), 403, "forbidden"),
        ("rubbish".to_owned(), 401, "unauthenticated"),
    ] {
        let (answered, problem) = stats(&server, &token).await;
        assert_eq!((answered, &problem["code"]), (status, &json!(code)), "{problem}");
    }
    let nowhere = token_with(json!({"video": {"room": "nowhere", "roomAdmin": true}}));
    let (status, problem) = server.http_json("GET", "/v1/rooms/nowhere/stats", &nowhere, "").await;
    assert_eq!((status, &problem["code"]), (404, &json!("room_not_found")));
    let (status, problem) = server.http_json("POST", "/v1/rooms/demo/stats", &admin(), "").await;
    assert_eq!((status, &problem["code"]), (405, &json!("method_not_allowed")));
}

#[tokio::test]
async fn people_are_told_how_it_sounds_and_again_after_a_resume() {
    let server = room().await;
    let (mut ada, ada_welcome) = server.join("demo", "ada", Rank::Host).await;
    let (mut ben, welcome) = server.join("demo", "ben", Rank::Member).await;
    ok(&mut ben, json!({"type": "seat_take", "seat": 2})).await;
    let session = session_of(&welcome);
    deliver(&server, MediaFact::Latency { session: session.clone(), state: Some(state()) });
    deliver(&server, MediaFact::Quality { session, quality: ConnectionQuality::Poor });
    let told = json!({
        "type": "latency_state", "class": "ok", "mouth_to_ear_ms": 301, "dominant_term": "jitter_buffer", "side": "hearing",
        "estimated": true,
    });
    assert_eq!(ben.expect("latency_state").await, told);
    assert_eq!(ben.expect("connection_quality").await, json!({"type": "connection_quality", "quality": "poor"}));
    let of_ben = |mut frame: Value| {
        frame["identity"] = json!("ben");
        frame
    };
    assert_eq!(ada.expect("latency_state").await, of_ben(told.clone()));
    assert_eq!(ada.expect("connection_quality").await["identity"], "ben");

    let (seq, opened) = (ada.seq, server.signaling.counters().resumes_ok.value());
    drop(ada);
    until(|| server.signaling.counters().sessions.value() == 1).await;
    let (mut ada, welcome) = server.resume("demo", "ada", &ada_welcome["resume_token"], seq).await;
    assert_eq!(server.signaling.counters().resumes_ok.value(), opened + 1);
    assert_eq!(welcome.get("room"), None, "she goes on with what she has");
    assert_eq!(ada.expect("latency_state").await, of_ben(told));
    assert_eq!(ada.expect("connection_quality").await["quality"], "poor");
}

fn deliver(server: &Server, fact: MediaFact) {
    assert!(server.signaling.facts().deliver(&RoomId::parse("demo").unwrap(), fact));
}

fn state() -> LatencyState {
    LatencyState {
        class: DelayClass::Ok,
        mouth_to_ear_ms: 301,
        dominant_term: DelayTerm::JitterBuffer,
        side: DelaySide::Hearing,
        estimated: true,
    }
}

fn figures(session: SessionId) -> SessionFigures {
    SessionFigures {
        session,
        latency: Some(state()),
        terms: vec![(DelayTerm::Uplink, 12.46), (DelayTerm::JitterBuffer, 120.123), (DelayTerm::Device, f64::NAN)],
        quality: Some(ConnectionQuality::Good),
        rtt_ms: Some((25.0, "report")),
    }
}

async fn stats(server: &Server, token: &str) -> (u16, Value) {
    server.http_json("GET", "/v1/rooms/demo/stats", token, "").await
}

fn admin() -> String {
    token_with(json!({"sub": "console", "video": {"room": "demo", "roomAdmin": true}}))
}

async fn ok(client: &mut Client, command: Value) {
    let answer = client.ask(command).await;
    assert!(answer.get("ok").is_some(), "{answer}");
}

async fn room() -> Server {
    server_with(|config| config.settings = Settings { seat_mode: SeatMode::Free, ..Settings::default() }).await
}
