//! Paces belong to an identity in a room: nothing that its sessions do resets them.
#![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]

mod support;

use std::time::Duration;

use podium_signaling::{
    clock,
    room::{Duplicates, Rank},
};
use serde_json::{Value, json};
use support::{Client, server, server_with, token_with};

#[tokio::test]
async fn leaving_and_joining_again_resets_no_pace() {
    let server = server_with(unpaced_commands).await;
    let (_ada, _) = server.join("demo", "ada", Rank::Host).await;
    let begun = clock::now();
    let mut told = 0;
    for _ in 0..10 {
        let (mut ben, _) = server.join("demo", "ben", Rank::Member).await;
        told += flood(&mut ben).await;
        ben.ask(json!({"type": "leave"})).await;
        ben.closed().await;
    }
    let most = 5 + (clock::now() - begun).as_secs() + 1;
    assert!((5..=most).contains(&told), "{told} of {most}");
}

#[tokio::test]
async fn a_takeover_a_resume_and_a_kick_reset_no_pace() {
    let server = server_with(unpaced_commands).await;
    let (mut ada, _) = server.join("demo", "ada", Rank::Host).await;
    let begun = clock::now();
    let (mut ben, mut welcome) = server.join("demo", "ben", Rank::Member).await;
    let mut told = flood(&mut ben).await;
    for round in 0..6 {
        (ben, welcome) = match round % 3 {
            0 => server.join("demo", "ben", Rank::Member).await,
            1 => {
                drop(ben);
                let seq = welcome["room"]["seq"].as_u64().unwrap_or(0);
                server.resume("demo", "ben", &welcome["resume_token"], seq).await
            }
            _ => {
                ada.ask(json!({"type": "member_kick", "identity": "ben"})).await;
                ben.expect("bye").await;
                server.join("demo", "ben", Rank::Member).await
            }
        };
        told += flood(&mut ben).await;
    }
    let most = 5 + (clock::now() - begun).as_secs() + 1;
    assert!((5..=most).contains(&told), "{told} of {most}");
}

#[tokio::test]
async fn the_end_of_a_room_resets_no_pace() {
    let server = server_with(unpaced_commands).await;
    let back_end = token_with(json!({"sub": "ops", "video": {"room": "demo", "roomAdmin": true, "roomCreate": true}}));
    let begun = clock::now();
    let mut told = 0;
    for _ in 0..5 {
        let (status, _) = server.http_json("POST", "/v1/rooms", &back_end, r#"{"id":"demo"}"#).await;
        assert!((200..300).contains(&status), "{status}");
        let (mut ben, _) = server.join("demo", "ben", Rank::Member).await;
        told += flood(&mut ben).await;
        assert_eq!(server.http_json("DELETE", "/v1/rooms/demo", &back_end, "").await.0, 200);
        ben.expect("bye").await;
        while server.http_json("GET", "/v1/rooms/demo", &back_end, "").await.0 != 404 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    let most = 5 + (clock::now() - begun).as_secs() + 1;
    assert!((5..=most).contains(&told), "{told} of {most}");
}

#[tokio::test]
async fn several_sessions_and_requests_by_http_share_one_pace() {
    let server = server_with(|config| config.settings.duplicates = Duplicates::Allow).await;
    let (mut ada, _) = server.join("demo", "ada", Rank::Host).await;
    let (mut ben, _) = server.join("demo", "ben", Rank::Member).await;
    let (mut other, _) = server.join("demo", "ben", Rank::Member).await;
    let begun = clock::now();
    let mut answered = 0;
    for _ in 0..25 {
        for session in [&mut ben, &mut other] {
            answered += u64::from(session.ask(json!({"type": "ping"})).await.get("ok").is_some());
        }
    }
    let most = 40 + 20 * ((clock::now() - begun).as_secs() + 1);
    assert!((38..=most).contains(&answered) && (answered < 50 || most > 60), "{answered} of {most}");

    // Whatever she asks for by HTTP, each time by a token of its own, her session is paced with it.
    let mut number = 0;
    let mut is_session_paced = false;
    while !is_session_paced {
        number += 1;
        assert!(number < 2_000, "nothing paces her");
        let verb = if number % 2 == 0 { "lock" } else { "unlock" };
        let host = json!({"room": "demo", "roomJoin": true, "roomAdmin": true});
        let token = token_with(json!({"sub": "ada", "jti": number.to_string(), "video": host}));
        let (status, _) = server.http_json("POST", &format!("/v1/rooms/demo/seats/5/{verb}"), &token, "").await;
        if status == 429 {
            let reply = ada.ask(json!({"type": "ping"})).await;
            is_session_paced = reply["error"]["code"] == "rate_limited";
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    let back_end = token_with(json!({"sub": "ops", "video": {"room": "demo", "roomAdmin": true}}));
    let (status, _) = server.http_json("POST", "/v1/rooms/demo/seats/5/mute", &back_end, "").await;
    assert_eq!(status, 200, "a back end has the pace of callers only");
}

#[tokio::test]
async fn a_line_that_breaks_often_resumes_each_time() {
    let server = server().await;
    let (_ada, _) = server.join("demo", "ada", Rank::Host).await;
    let (mut ben, mut welcome) = server.join("demo", "ben", Rank::Member).await;
    for _ in 0..15 {
        drop(ben);
        (ben, welcome) = server.resume("demo", "ben", &welcome["resume_token"], 0).await;
    }
    assert_eq!(server.signaling.counters().resumes_ok.value(), 15);
    assert!(ben.ask(json!({"type": "ping"})).await.get("ok").is_some());
}

#[tokio::test]
async fn a_storm_of_everybody_comes_in() {
    let server = server_with(|config| {
        (config.limits.identity_joins_per_second, config.limits.identity_joins_burst) = (1, 5);
    })
    .await;
    let (_ada, _) = server.join("demo", "ada", Rank::Host).await;
    let mut people = Vec::new();
    for number in 0..100 {
        people.push(server.join("demo", &format!("p{number}"), Rank::Member).await.0);
    }
    for round in 0..3 {
        people.clear();
        for number in 0..100 {
            people.push(server.join("demo", &format!("p{number}"), Rank::Member).await.0);
        }
        assert_eq!(server.signaling.counters().joins_ok.value(), 1 + 100 * (round + 2));
    }
}

/// Writes more than is let. Gives how many messages were taken.
async fn flood(client: &mut Client) -> u64 {
    let mut told = 0;
    for _ in 0..6 {
        let reply: Value = client.ask(json!({"type": "message", "text": "hello"})).await;
        assert!(reply.get("ok").is_some() || reply["error"]["code"] == "rate_limited", "{reply}");
        told += u64::from(reply.get("ok").is_some());
    }
    told
}

fn unpaced_commands(config: &mut podium_signaling::SignalingConfig) {
    (config.limits.commands_per_second, config.limits.burst) = (1_000, 1_000);
}
