//! What signaling tells the latency monitor of joins and of clients' measurements, over real sockets.
#![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]

mod support;

use std::time::Duration;

use podium_signaling::{
    SignalingConfig, clock,
    metrics::ReportFault,
    monitor::{ClientReport, JoinKind},
    room::{Rank, SeatMode, Settings},
};
use serde_json::{Value, json};
use support::{Server, server, server_with, token, token_with, until};

#[tokio::test]
async fn what_a_client_measured_reaches_the_monitor() {
    let server = server().await;
    let (mut ada, welcome) = server.join("demo", "ada", Rank::Host).await;
    let measured = json!({
        "type": "stats", "rtt_ms": 24, "jitter_buffer_ms": 38.5, "device_ms": 32, "join_ms": 310, "lost": 2, "received": 1200,
    });
    assert_eq!(ada.ask(measured).await["ok"], json!({}));
    let ms = |ms| Some(Duration::from_micros(ms));
    let expected = ClientReport {
        rtt: ms(24_000),
        jitter_buffer: ms(38_500),
        device: ms(32_000),
        join: ms(310_000),
        lost: Some(2),
        received: Some(1200),
    };
    assert_eq!(ada.ask(json!({"type": "stats", "join_ms": 999})).await["ok"], json!({}));
    let reported = server.media.monitor.reported.lock().unwrap().clone();
    let reports: Vec<_> = reported.iter().map(|(session, report)| (json!(session.as_str()), *report)).collect();
    let session = welcome["session"].clone();
    assert_eq!(reports, [(session.clone(), expected), (session, ClientReport::default())]);
    let counters = server.signaling.counters();
    assert_eq!(counters.reports_refused.value(ReportFault::JoinAgain), 1);
    assert_eq!(counters.join_client.cumulative()[14], 1, "the second is no other join");
}

#[tokio::test]
async fn what_cannot_be_is_refused_and_counted() {
    let server = server().await;
    let (mut ada, _) = server.join("demo", "ada", Rank::Host).await;
    for nonsense in [
        r#""rtt_ms":-1"#,
        r#""rtt_ms":60001"#,
        r#""jitter_buffer_ms":1e999"#,
        r#""device_ms":-1e999"#,
        r#""join_ms":"NaN""#,
        r#""received":-3"#,
        r#""lost":1e13"#,
        r#""received":1000000000001"#,
    ] {
        ada.raw(&format!(r#"{{"type":"stats","request_id":"x",{nonsense}}}"#)).await;
        let answer = ada.answer("x").await;
        assert_eq!(answer["error"]["code"], "invalid_argument", "{nonsense}: {answer}");
    }
    let counters = server.signaling.counters();
    assert_eq!(counters.reports_refused.value(ReportFault::Impossible), 8);
    assert_eq!(ada.ask(json!({"type": "stats", "received": 500, "lost": 0})).await["ok"], json!({}));
    for (counts, fault) in [
        (json!({"type": "stats", "received": 499, "lost": 1}), ReportFault::Backwards),
        (json!({"type": "stats", "received": 900_000_000, "lost": 0}), ReportFault::Absurd),
    ] {
        assert_eq!(ada.ask(counts).await["error"]["code"], "invalid_argument");
        assert_eq!(counters.reports_refused.value(fault), 1, "{fault:?}");
    }
    assert_eq!(server.media.monitor.reported.lock().unwrap().len(), 1, "only the one that can be");
    assert_eq!(counters.client_rtt.cumulative()[14], 0);
    // What is no JSON at all is no report either, but a strike.
    ada.raw(r#"{"type":"stats","request_id":"x","rtt_ms":NaN}"#).await;
    assert_eq!(ada.expect("reply").await["error"]["code"], "invalid_argument");
}

#[tokio::test]
async fn whoever_hears_nobody_is_not_listened_to() {
    let server = server().await;
    let (_ada, _) = server.join("demo", "ada", Rank::Host).await;
    let mut console = server.connect("demo", &token("demo", "ben", Rank::Member)).await;
    console.send(json!({"type": "join"})).await;
    assert_eq!(console.next().await["type"], "welcome");
    let grant = json!({"room": "demo", "roomJoin": true, "canSubscribe": false});
    let mut deaf = server.connect("demo", &token_with(json!({"sub": "cy", "video": grant}))).await;
    deaf.send(json!({"type": "join", "offer": "v=0"})).await;
    assert_eq!(deaf.next().await["type"], "welcome");
    for client in [&mut console, &mut deaf] {
        let answer = client.ask(json!({"type": "stats", "rtt_ms": 20})).await;
        assert_eq!(answer["error"]["code"], "invalid_argument", "{answer}");
    }
    let mut outside = server.connect("demo", &token("demo", "dan", Rank::Member)).await;
    assert_eq!(outside.ask(json!({"type": "stats", "rtt_ms": 20})).await["error"]["code"], "invalid_argument");
    assert_eq!(server.signaling.counters().reports_refused.value(ReportFault::NotListening), 2);
    assert!(server.media.monitor.reported.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_flood_of_reports_is_told_to_wait() {
    let server = server().await;
    let (mut ada, _) = server.join("demo", "ada", Rank::Host).await;
    let mut refused = 0;
    for _ in 0..12 {
        let answer = ada.ask(json!({"type": "stats", "rtt_ms": 20})).await;
        if answer["error"]["code"] == "rate_limited" {
            refused += 1;
            assert!((1..=1000).contains(&answer["error"]["details"]["retry_after_ms"].as_u64().unwrap()), "{answer}");
        }
    }
    let taken = server.media.monitor.reported.lock().unwrap().len();
    assert!(refused >= 1 && taken >= 3, "{refused} refused and {taken} taken");
    assert_eq!(refused + taken, 12);
    let counted = server.signaling.counters().reports_refused.value(ReportFault::TooOften);
    assert_eq!(counted, refused as u64);
}

#[tokio::test]
async fn a_join_is_told_with_its_times() {
    let server = server().await;
    let begun = clock::now();
    let (mut ada, welcome) = server.join("demo", "ada", Rank::Host).await;
    let mut late = server.connect("demo", &token("demo", "ben", Rank::Member)).await;
    tokio::time::sleep(Duration::from_millis(2200)).await;
    let sent_at = clock::now();
    late.send(json!({"type": "join", "offer": "v=0"})).await;
    assert_eq!(late.next().await["type"], "welcome");
    assert_eq!(ada.ask(json!({"type": "ping"})).await["type"], "reply");
    drop(ada);
    let (_ada, _) = server.resume("demo", "ada", &welcome["resume_token"], 0).await;
    until(|| server.media.monitor.answered.lock().unwrap().len() == 3).await;
    assert_eq!(server.media.monitor.answered_kinds(), [JoinKind::Cold, JoinKind::Warm, JoinKind::Resume]);
    let answered = server.media.monitor.answered.lock().unwrap().clone();
    for (_, arrival, at) in &answered {
        let times = [begun, arrival.requested_at, arrival.upgraded_at, arrival.joined_at, *at];
        assert!(times.is_sorted(), "{arrival:?}");
    }
    assert!(answered[1].1.upgraded_at < sent_at && answered[1].1.joined_at >= sent_at);
    assert_eq!(answered[0].0, answered[2].0, "it is the same session");
    assert_eq!(json!(answered[0].0.as_str()), welcome["session"]);
    assert!(server.media.monitor.take_not_joined().is_empty());
}

#[tokio::test]
async fn whoever_does_not_come_in_is_told_with_the_code() {
    let server = server_with(|config| {
        config.settings.participants_max = 2;
        config.limits.open_timeout = Duration::from_millis(200);
    })
    .await;
    let monitor = &server.media.monitor;
    let refused = async |token: String, frame: Value| {
        let mut client = server.connect("demo", &token).await;
        client.send(frame).await;
        client.expect("bye").await;
        drop(client);
        monitor.take_not_joined()
    };
    let join = || json!({"type": "join", "offer": "v=0"});
    assert_eq!(refused(token("demo", "ben", Rank::Member), join()).await, [(JoinKind::Cold, "room_not_found")]);
    let (_ada, _) = server.join("demo", "ada", Rank::Host).await;
    assert_eq!(refused("rubbish".to_owned(), join()).await, [(JoinKind::Cold, "unauthenticated")]);
    let full = json!({"type": "join", "offer": "full"});
    assert_eq!(refused(token("demo", "ben", Rank::Member), full).await, [(JoinKind::Cold, "node_full")]);
    let stale = json!({"type": "resume", "resume_token": "x", "last_seq": 0});
    assert_eq!(refused(token("demo", "ben", Rank::Member), stale).await, [(JoinKind::Resume, "session_stale")]);
    let (_ben, _) = server.join("demo", "ben", Rank::Member).await;
    assert_eq!(refused(token("demo", "cy", Rank::Member), join()).await, [(JoinKind::Cold, "room_full")]);

    let mut bad = server.connect("demo", &token("demo", "ben", Rank::Member)).await;
    assert_eq!(bad.ask(json!({"type": "join", "offer": "bad"})).await["error"]["code"], "invalid_argument");
    assert_eq!(monitor.take_not_joined(), [(JoinKind::Cold, "invalid_argument")]);
    bad.send(json!({"type": "join", "offer": "slow"})).await;
    drop(bad);
    until(|| !monitor.not_joined.lock().unwrap().is_empty()).await;
    assert_eq!(monitor.take_not_joined(), [(JoinKind::Cold, "internal")], "its transport took too long");
    assert_eq!(monitor.answered_kinds().len(), 2, "only those who came in were answered");
}

#[tokio::test]
async fn a_plan_says_when_what_caused_it_came() {
    let server = free_room().await;
    let (mut ada, _) = server.join("demo", "ada", Rank::Host).await;
    let before = clock::now();
    ada.ask(json!({"type": "seat_take", "seat": 0})).await;
    let between = clock::now();
    let admin = token_with(json!({"sub": "console", "video": {"room": "demo", "roomAdmin": true}}));
    let (status, answer) = server.http_json("POST", "/v1/rooms/demo/seats/0/kick", &admin, "").await;
    assert_eq!(status, 200, "{answer}");
    let after = clock::now();
    let asked_at = server.media.asked_at.lock().unwrap().clone();
    let [.., by_frame, by_request] = asked_at.as_slice() else { panic!("two plans at least: {asked_at:?}") };
    assert!([before, *by_frame, between, *by_request, after].is_sorted(), "{asked_at:?}");
}

async fn free_room() -> Server {
    let settings = Settings { seat_mode: SeatMode::Free, ..Settings::default() };
    server_with(|config: &mut SignalingConfig| config.settings = settings).await
}
