//! Sockets that do not join: nobody keeps others out by them.
#![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]

mod support;

use std::time::Duration;

use podium_signaling::room::Rank;
use serde_json::json;
use support::{server_with, token, until};

#[tokio::test]
async fn one_token_keeps_nobody_out() {
    let server = server_with(|config| {
        (config.limits.pending_joins_max, config.limits.sessions_per_address) = (50, 100_000);
    })
    .await;
    let (_ada, _) = server.join("demo", "ada", Rank::Host).await;
    let mut silent = Vec::new();
    for number in 0..200 {
        silent.push(server.connect("demo", &token("demo", "eve", Rank::Member)).await);
        if number % 10 == 0 {
            server.join("demo", &format!("p{number}"), Rank::Member).await;
        }
    }
    let mut first = silent.swap_remove(0);
    assert_eq!(first.next().await["action"], "retry");
    assert_eq!(first.closed().await, 1000);
    until(|| server.signaling.counters().sessions.value() <= 1 + 20 + 4).await;
}

#[tokio::test]
async fn one_address_with_many_tokens_keeps_nobody_out() {
    let server = server_with(|config| config.limits.pending_joins_max = 40).await;
    let (_ada, _) = server.join("demo", "ada", Rank::Host).await;
    let mut silent = Vec::new();
    for number in 0..200 {
        silent.push(server.connect("demo", &token("demo", &format!("e{number}"), Rank::Member)).await);
        if number % 10 == 0 {
            server.join("demo", &format!("p{number}"), Rank::Member).await;
        }
    }
    // Of those that are left, thirty-two have more than a second.
    until(|| server.signaling.counters().sessions.value() <= 1 + 20 + 32).await;
}

#[tokio::test]
async fn refused_tokens_take_no_place() {
    let server = server_with(|config| config.limits.pending_joins_max = 1).await;
    let mut refused = Vec::new();
    for _ in 0..20 {
        refused.push(server.connect("demo", "rubbish").await);
    }
    server.join("demo", "ada", Rank::Host).await;
    for mut socket in refused {
        assert_eq!(socket.next().await["reason"], "unauthenticated");
    }
}

#[tokio::test]
async fn pings_do_not_prolong_the_time_to_join() {
    let server = server_with(|config| config.limits.join_timeout = Duration::from_millis(400)).await;
    let mut eve = server.connect("demo", &token("demo", "eve", Rank::Member)).await;
    let mut is_over = false;
    for _ in 0..50 {
        if server.signaling.counters().sessions.value() == 0 {
            is_over = true;
            break;
        }
        eve.send(json!({"type": "ping"})).await;
        tokio::time::sleep(Duration::from_millis(60)).await;
    }
    assert!(is_over || eve.expect("bye").await["action"] == "stop");
}
