//! What moderators decided belongs to the room's id: it holds however the room ended and was made again, in all rooms where it was decided for all.
#![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]

mod support;

use std::time::Duration;

use podium_signaling::room::Rank;
use serde_json::{Value, json};
use support::{Client, Server, StoreFile, token, token_with, until};

async fn stop(server: Server) {
    assert!(server.signaling.shutdown(Duration::from_secs(5)).await);
}

fn admin() -> String {
    token_with(json!({"video": {"room": "demo", "roomAdmin": true}}))
}

fn back_end() -> String {
    token_with(json!({"sub": "ops", "video": {"roomList": true, "roomCreate": true}}))
}

/// The last frame that a token gets which asks to join.
async fn bye_of(server: &Server, room: &str, token: &str) -> Value {
    let mut client = server.connect(room, token).await;
    client.send(json!({"type": "join"})).await;
    client.expect("bye").await
}

async fn ok(client: &mut Client, command: Value) {
    let reply = client.ask(command.clone()).await;
    assert!(reply.get("ok").is_some(), "{command}: {reply}");
}

async fn items(server: &Server, path: &str, token: &str) -> Vec<Value> {
    let (status, page) = server.http_json("GET", path, token, "").await;
    assert_eq!(status, 200, "{page}");
    page["items"].as_array().unwrap().clone()
}

/// Waits until the room is gone.
async fn gone(server: &Server) {
    until(|| server.signaling.population().rooms == 0).await;
}

#[tokio::test]
async fn a_room_that_was_closed_and_made_again_remembers_also_after_a_restart() {
    let file = StoreFile::new("memory-restart");
    let server = file.server(|config| config.auto_create = true).await;
    let (mut ada, _) = server.join("demo", "ada", Rank::Host).await;
    let (mut ben, _) = server.join("demo", "ben", Rank::Member).await;
    let (_cleo, _) = server.join("demo", "cleo", Rank::Cohost).await;
    let old_token = token_with(json!({
        "sub": "dan", "iat": podium_signaling::clock::unix_seconds() - 5, "video": {"room": "demo", "roomJoin": true}
    }));
    ok(&mut ada, json!({"type": "member_ban", "identity": "eve", "reason": "noise"})).await;
    ok(&mut ada, json!({"type": "member_mute", "identity": "ben", "for_ms": 3_600_000})).await;
    ok(&mut ada, json!({"type": "member_rank", "identity": "cleo", "rank": "member"})).await;
    let (_dan, _) = server.join("demo", "dan", Rank::Member).await;
    ok(&mut ada, json!({"type": "member_kick", "identity": "dan", "deny": true})).await;
    ok(&mut ben, json!({"type": "leave"})).await;
    ok(&mut ada, json!({"type": "room_close"})).await;
    gone(&server).await;
    assert_eq!(bye_of(&server, "demo", &token("demo", "eve", Rank::Host)).await["reason"], "banned");
    assert_eq!(bye_of(&server, "demo", &token("demo", "cleo", Rank::Host)).await["reason"], "room_not_found");
    stop(server).await;

    let server = file.server(|config| config.auto_create = true).await;
    let bans = items(&server, "/v1/rooms/demo/bans", &admin()).await;
    assert_eq!((bans.len(), &bans[0]["identity"]), (1, &json!("eve")));
    let mutes = items(&server, "/v1/rooms/demo/mutes", &admin()).await;
    assert!(mutes[0]["ends_in_ms"].as_u64().unwrap() > 3_000_000, "{mutes:?}");
    assert_eq!(server.http_json("POST", "/v1/rooms", &back_end(), r#"{"id":"demo","seat_mode":"free"}"#).await.0, 201);
    assert_eq!(bye_of(&server, "demo", &token("demo", "eve", Rank::Host)).await["reason"], "banned");
    assert_eq!(bye_of(&server, "demo", &old_token).await["reason"], "forbidden", "the token from before the kick");
    let (_cleo, welcome) = server.join("demo", "cleo", Rank::Host).await;
    assert_eq!(welcome["self"]["rank"], "member", "the room's record wins");
    let (mut ben, welcome) = server.join("demo", "ben", Rank::Member).await;
    assert_eq!(welcome["self"]["host_muted"], true);
    ok(&mut ben, json!({"type": "seat_take", "seat": 2})).await;
    ok(&mut ben, json!({"type": "mute_self", "muted": false})).await;
    let plans = server.media.plans.lock().unwrap().clone();
    assert!(plans.iter().flat_map(|plan| &plan.seats).all(|seat| !seat.open), "the mute holds on the packet path");
    stop(server).await;
}

#[tokio::test]
async fn what_was_decided_is_lifted_and_forgotten_where_the_room_is_over() {
    let file = StoreFile::new("memory-over");
    let server = file.server(|_| {}).await;
    let ban = |name: &str| format!(r#"{{"identity":"{name}"}}"#);
    let (status, _) = server.http_json("DELETE", "/v1/rooms/demo/moderation", &admin(), "").await;
    assert_eq!(status, 404, "nothing is remembered of a room that never was");
    for name in ["eve", "mia"] {
        let (status, answer) = server.http_json("POST", "/v1/rooms/demo/bans", &admin(), &ban(name)).await;
        assert_eq!(status, 200, "{answer}");
    }
    assert_eq!(server.http_json("DELETE", "/v1/rooms/demo/bans/eve", &admin(), "").await.0, 200);
    assert_eq!(server.http_json("POST", "/v1/rooms", &back_end(), r#"{"id":"demo"}"#).await.0, 201);
    let (_eve, _) = server.join("demo", "eve", Rank::Member).await;
    assert_eq!(bye_of(&server, "demo", &token("demo", "mia", Rank::Member)).await["reason"], "banned");
    assert_eq!(server.http_json("DELETE", "/v1/rooms/demo", &admin(), "").await.0, 200);
    gone(&server).await;
    assert_eq!(server.http_json("DELETE", "/v1/rooms/demo/moderation", &admin(), "").await.0, 200);
    assert!(
        items(&server, "/v1/audit?room=demo", &back_end()).await.iter().any(|act| act["act"] == "moderation_forget")
    );
    let changed = items(&server, "/v1/events?room=demo&kinds=moderation.ban_changed", &back_end()).await;
    let causes: Vec<_> = changed.iter().map(|event| event["data"]["cause"].clone()).collect();
    assert_eq!(causes, ["set", "set", "lifted", "forgotten"]);
    assert_eq!(server.http_json("POST", "/v1/rooms", &back_end(), r#"{"id":"demo"}"#).await.0, 201);
    let (_mia, _) = server.join("demo", "mia", Rank::Member).await;
    stop(server).await;
}

#[tokio::test]
async fn a_ban_from_all_rooms_holds_at_once_everywhere_and_is_lifted() {
    let file = StoreFile::new("memory-everywhere");
    let server = file.server(|config| config.auto_create = true).await;
    let mut hosts = Vec::new();
    for room in ["one", "two"] {
        hosts.push(server.join(room, "ada", Rank::Host).await.0);
    }
    let (mut in_one, welcome) = server.join("one", "eve", Rank::Member).await;
    let (mut in_two, _) = server.join("two", "eve", Rank::Cohost).await;
    let body = r#"{"identity":"eve","reason":"fraud","for_ms":3600000}"#;
    let of_one = token_with(json!({"video": {"room": "one", "roomAdmin": true, "roomList": true, "roomCreate": true}}));
    assert_eq!(server.http_json("POST", "/v1/bans", &of_one, body).await.0, 403, "a token for one room");
    assert_eq!(server.http_json("POST", "/v1/bans", &back_end(), r#"{"identity":"eve","for_ms":0}"#).await.0, 400);
    let (status, answer) = server.http_json("POST", "/v1/bans", &back_end(), body).await;
    assert_eq!(status, 200, "{answer}");
    for client in [&mut in_one, &mut in_two] {
        let bye = client.expect("bye").await;
        assert_eq!((&bye["reason"], &bye["action"]), (&json!("banned"), &json!("stop")));
    }
    for room in ["one", "two", "three"] {
        assert_eq!(bye_of(&server, room, &token(room, "eve", Rank::Host)).await["reason"], "banned", "{room}");
    }
    let mut resuming = server.resuming("one", "eve", &welcome["resume_token"], 0).await;
    assert_eq!(resuming.expect("bye").await["reason"], "banned");
    let (status, problem) = server.http_json("GET", "/v1/rooms/one", &token("one", "eve", Rank::Member), "").await;
    assert_eq!((status, &problem["code"]), (403, &json!("banned")));
    stop(server).await;

    let server = file.server(|config| config.auto_create = true).await;
    let listed = items(&server, "/v1/bans", &back_end()).await;
    assert_eq!((listed.len(), &listed[0]["by"], &listed[0]["reason"]), (1, &json!("ops"), &json!("fraud")));
    assert!(listed[0]["ends_in_ms"].as_u64().is_some());
    assert_eq!(bye_of(&server, "three", &token("three", "eve", Rank::Host)).await["reason"], "banned");
    assert_eq!(server.http_json("DELETE", "/v1/bans/eve", &back_end(), "").await.0, 200);
    let (_eve, _) = server.join("three", "eve", Rank::Host).await;
    let acts = items(&server, "/v1/audit?identity=eve", &back_end()).await;
    let acts: Vec<_> = acts.iter().map(|act| (act["act"].clone(), act.get("room").is_none())).collect();
    assert_eq!(acts, [(json!("member_ban"), true), (json!("member_unban"), true)]);
    let told = items(&server, "/v1/events?kinds=moderation.ban_changed", &back_end()).await;
    assert_eq!(told.iter().filter(|event| event.get("room").is_none()).count(), 2);
    stop(server).await;
}

#[tokio::test]
async fn a_ban_from_all_rooms_runs_out_and_says_so() {
    let file = StoreFile::new("memory-ends");
    let server = file.server(|config| config.auto_create = true).await;
    let body = r#"{"identity":"eve","for_ms":50}"#;
    assert_eq!(server.http_json("POST", "/v1/bans", &back_end(), body).await.0, 200);
    let mut causes = Vec::new();
    for _ in 0..400 {
        let told = items(&server, "/v1/events?kinds=moderation.ban_changed", &back_end()).await;
        causes = told.iter().map(|event| event["data"]["cause"].clone()).collect::<Vec<_>>();
        if causes.len() == 2 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(causes, ["set", "expired"]);
    let (_eve, _) = server.join("demo", "eve", Rank::Host).await;
    stop(server).await;
}
