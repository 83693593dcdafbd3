//! What has happened, read again: events, the audit log, what is kept about someone; and answers that outlive the server.
#![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]

mod support;

use std::time::Duration;

use podium_signaling::room::Rank;
use serde_json::{Value, json};
use support::{Server, StoreFile, token_with};

#[tokio::test]
async fn whatever_happens_can_be_read_again_by_pages_and_by_kinds_also_when_the_room_is_over() {
    let file = StoreFile::new("history-events");
    let server = file.server(|_| {}).await;
    evening(&server).await;
    let all = pages(&server, "/v1/events?limit=3", &back_end()).await;
    let ids: Vec<_> = all.iter().map(|event| event["event_id"].as_u64().unwrap()).collect();
    assert!(ids.windows(2).all(|pair| pair[0] < pair[1]), "{ids:?}");
    assert!(all.iter().all(|event| event["at_ms"].as_u64().unwrap() > 1_600_000_000_000));
    let kinds: Vec<_> = all.iter().map(|event| event["type"].as_str().unwrap()).collect();
    for kind in [
        "room.created",
        "participant.joined",
        "seat.changed",
        "moderation.seat_lock",
        "moderation.member_ban",
        "moderation.ban_changed",
        "participant.left",
        "moderation.room_close",
        "room.closed",
    ] {
        assert!(kinds.contains(&kind), "no {kind} in {kinds:?}");
    }
    let seats = pages(&server, "/v1/events?room=demo&kinds=seat.*,room.closed&limit=1", &admin()).await;
    assert!(seats.iter().all(|event| event["room"] == "demo"));
    assert!(seats.iter().any(|event| event["type"] == "room.closed"));
    let locked = seats.iter().find(|event| event["data"]["cause"] == "locked").unwrap();
    assert_eq!((&locked["type"], &locked["data"]["seq"]), (&json!("seat.changed"), &locked["seq"]));
    let last = *ids.last().unwrap();
    let (status, end) = server.http_json("GET", &format!("/v1/events?after={last}"), &back_end(), "").await;
    assert_eq!((status, end), (200, json!({"items": [], "next": null})));
    stop(server).await;

    let server = file.server(|_| {}).await;
    assert_eq!(pages(&server, "/v1/events?limit=500", &back_end()).await, all, "the same after a restart");
    stop(server).await;
}

#[tokio::test]
async fn each_accepted_act_of_moderation_is_in_the_audit_log_exactly_once() {
    let file = StoreFile::new("history-audit");
    let server = file.server(|_| {}).await;
    evening(&server).await;
    let acts = pages(&server, "/v1/audit?limit=2", &back_end()).await;
    let said: Vec<_> = acts.iter().map(|act| act["act"].as_str().unwrap()).collect();
    assert_eq!(said, ["seat_lock", "member_mute", "member_ban", "seat_lock", "room_close"]);
    let ban = &acts[2];
    assert_eq!((&ban["by"], &ban["role"], &ban["from_outside"]), (&json!("console"), &json!("admin"), &json!(true)));
    assert_eq!((&ban["on"], &ban["reason"], &ban["details"]), (&json!("ben"), &json!("shouting"), &json!({})));
    assert_eq!((&acts[0]["by"], &acts[0]["role"]), (&json!("ada"), &json!("host")));
    assert_eq!((&acts[0]["from_outside"], &acts[0]["details"]["seat"]), (&json!(false), &json!(3)));
    let of_ben = pages(&server, "/v1/audit?identity=ben&room=demo", &admin()).await;
    assert_eq!(of_ben.iter().map(|act| &act["act"]).collect::<Vec<_>>(), ["member_mute", "member_ban"]);
    assert!(pages(&server, "/v1/audit?room=other", &back_end()).await.is_empty());
    stop(server).await;
}

#[tokio::test]
async fn a_person_can_have_everything_shown_and_erased() {
    let file = StoreFile::new("history-people");
    let server = file.server(|_| {}).await;
    let (mut ada, _) = server.join("demo", "ada", Rank::Host).await;
    let (mut ben, _) = server.join("demo", "ben", Rank::Member).await;
    ada.ask(json!({"type": "member_mute", "identity": "ben"})).await;
    ben.ask(json!({"type": "message", "text": "hello"})).await;
    let (_elsewhere, _) = server.join("other", "ada", Rank::Host).await;
    let ban = r#"{"identity":"ben","reason":"noise"}"#;
    let of_other = token_with(json!({"video": {"room": "other", "roomAdmin": true}}));
    assert_eq!(server.http_json("POST", "/v1/rooms/other/bans", &of_other, ban).await.0, 200);

    let (status, shown) = server.http_json("GET", "/v1/people/ben/data", &back_end(), "").await;
    assert_eq!((status, &shown["identity"], &shown["truncated"]), (200, &json!("ben"), &json!(false)));
    assert_eq!(shown["present_in"], json!(["demo"]));
    let records = shown["records"].as_array().unwrap();
    assert!(records.iter().any(|record| record["room"] == "other" && record["key"] == "ban:ben"), "{shown}");
    let said = shown["events"].as_array().unwrap().iter().any(|event| event["data"]["text"] == "hello");
    assert!(said && shown["audit"].as_array().unwrap().len() == 2, "{shown}");

    let (status, erased) = server.http_json("DELETE", "/v1/people/ben/data", &back_end(), "").await;
    assert_eq!(status, 200, "{erased}");
    assert_eq!((&erased["unbanned_in"], &erased["present_in"]), (&json!(["other"]), &json!(["demo"])));
    assert!(erased["rows"].as_u64().unwrap() > 0);
    let (_, shown) = server.http_json("GET", "/v1/people/ben/data", &back_end(), "").await;
    assert_eq!((&shown["events"], &shown["audit"]), (&json!([]), &json!([])), "{shown}");
    let (_, bans) = server.http_json("GET", "/v1/rooms/other/bans", &of_other, "").await;
    assert_eq!(bans["items"], json!([]));
    assert!(pages(&server, "/v1/events", &back_end()).await.iter().all(|event| event["data"]["text"] != "hello"));
    stop(server).await;
}

#[tokio::test]
async fn whoever_has_left_is_erased_from_what_rooms_remember_and_from_what_others_were_answered() {
    let file = StoreFile::new("history-left");
    let server = file.server(|_| {}).await;
    let (_ada, _) = server.join("demo", "ada", Rank::Host).await;
    let (mut ben, _) = server.join("demo", "ben", Rank::Member).await;
    let assign = r#"{"identity":"ben"}"#;
    let path = "/v1/rooms/demo/seats/1/assign";
    assert_eq!(with_key(&server, "POST", path, &admin(), "seat", assign).await.0, 200);
    let rank = r#"{"rank":"cohost"}"#;
    assert_eq!(server.http_json("POST", "/v1/rooms/demo/participants/ben/rank", &admin(), rank).await.0, 200);
    ben.ask(json!({"type": "leave"})).await;
    let (_, shown) = server.http_json("GET", "/v1/people/ben/data", &back_end(), "").await;
    assert!(shown["records"].as_array().unwrap().iter().any(|record| record["key"] == "person:ben"), "{shown}");

    assert_eq!(server.http_json("DELETE", "/v1/people/ben/data", &back_end(), "").await.0, 200);
    let (_, shown) = server.http_json("GET", "/v1/people/ben/data", &back_end(), "").await;
    let nothing = json!([]);
    assert_eq!((&shown["records"], &shown["events"], &shown["audit"]), (&nothing, &nothing, &nothing), "{shown}");
    stop(server).await;

    let server = file.server(|_| {}).await;
    let again = with_key(&server, "POST", path, &admin(), "seat", assign).await;
    assert!(!again.1.contains("idempotent-replayed"), "what named them is forgotten: {again:?}");
    let (_ben, welcome) = server.join("demo", "ben", Rank::Member).await;
    assert_eq!(welcome["self"]["rank"], "member", "nobody remembers");
    stop(server).await;
}

#[tokio::test]
async fn a_banned_host_reads_and_decides_nothing_by_http_either() {
    let file = StoreFile::new("history-banned");
    let server = file.server(|_| {}).await;
    let (_ada, _) = server.join("demo", "ada", Rank::Host).await;
    let host = support::token("demo", "ada", Rank::Host);
    let unban = ("DELETE", "/v1/rooms/demo/bans/ada");
    assert_eq!(server.http_json(unban.0, unban.1, &host, "").await.0, 200, "in good standing there is nothing to lift");
    assert_eq!(server.http_json("POST", "/v1/rooms/demo/bans", &admin(), r#"{"identity":"ada"}"#).await.0, 200);
    for (method, path) in [
        unban,
        ("POST", "/v1/rooms/demo/seats/3/lock"),
        ("DELETE", "/v1/rooms/demo"),
        ("GET", "/v1/rooms/demo"),
        ("GET", "/v1/rooms/demo/participants"),
        ("GET", "/v1/rooms/demo/bans"),
        ("GET", "/v1/events?room=demo"),
        ("GET", "/v1/audit?room=demo"),
    ] {
        let (status, answer) = server.http_json(method, path, &host, "").await;
        assert_eq!(status, 403, "{method} {path}: {answer}");
    }
    assert_eq!(server.http_json(unban.0, unban.1, &admin(), "").await.0, 200);
    assert_eq!(server.http_json("GET", "/v1/rooms/demo/bans", &host, "").await.0, 200);
    stop(server).await;
}

#[tokio::test]
async fn bans_stay_if_they_are_to() {
    let file = StoreFile::new("history-keep");
    let server = file.server(|_| {}).await;
    let (_ada, _) = server.join("demo", "ada", Rank::Host).await;
    assert_eq!(server.http_json("POST", "/v1/rooms/demo/bans", &admin(), r#"{"identity":"ben"}"#).await.0, 200);
    let (status, erased) = server.http_json("DELETE", "/v1/people/ben/data?keep_bans=true", &back_end(), "").await;
    assert_eq!((status, &erased["unbanned_in"]), (200, &json!([])), "{erased}");
    stop(server).await;

    let server = file.server(|_| {}).await;
    let (_, bans) = server.http_json("GET", "/v1/rooms/demo/bans", &admin(), "").await;
    assert_eq!(bans["items"][0]["identity"], "ben");
    stop(server).await;
}

#[tokio::test]
async fn a_key_is_good_for_one_request_also_after_a_restart() {
    let file = StoreFile::new("history-keys");
    let server = file.server(|_| {}).await;
    let creator = back_end();
    let first = with_key(&server, "POST", "/v1/rooms", &creator, "made", r#"{"id":"demo","seats":4}"#).await;
    assert_eq!((first.0, first.1.contains("idempotent-replayed")), (201, false));
    let lock = "/v1/rooms/demo/seats/3/lock";
    let locked = with_key(&server, "POST", lock, &admin(), "lock", "").await;
    let refused = with_key(&server, "POST", "/v1/rooms/demo/hands/next", &admin(), "next", "").await;
    let faulty = with_key(&server, "POST", "/v1/rooms/demo/bans", &admin(), "faulty", "[]").await;
    let existed = with_key(&server, "POST", "/v1/rooms", &creator, "again", r#"{"id":"demo"}"#).await;
    assert_eq!((locked.0, refused.0, faulty.0, existed.0), (200, 404, 400, 200));
    stop(server).await;

    let server = file.server(|_| {}).await;
    for (asked, before) in [
        (with_key(&server, "POST", "/v1/rooms", &creator, "made", r#"{"id":"demo","seats":4}"#).await, first),
        (with_key(&server, "POST", lock, &admin(), "lock", "").await, locked),
        (with_key(&server, "POST", "/v1/rooms/demo/hands/next", &admin(), "next", "").await, refused),
        (with_key(&server, "POST", "/v1/rooms/demo/bans", &admin(), "faulty", "[]").await, faulty),
        (with_key(&server, "POST", "/v1/rooms", &creator, "again", r#"{"id":"demo"}"#).await, existed),
    ] {
        assert_eq!((asked.0, said(&asked.2)), (before.0, said(&before.2)), "the first answer again");
        assert!(asked.1.contains("idempotent-replayed: true"), "{}", asked.1);
        let tag = |head: &str| head.lines().find(|line| line.starts_with("etag: ")).map(str::to_owned);
        assert_eq!(tag(&asked.1), tag(&before.1));
    }
    let other = with_key(&server, "POST", lock, &admin(), "lock", r#"{"evict":true}"#).await;
    assert_eq!(other.0, 422, "the same key with another request");
    let (_, acts) = server.http_json("GET", "/v1/audit?room=demo", &admin(), "").await;
    assert_eq!(acts["items"].as_array().unwrap().len(), 1, "it was locked once");
    // What ends a room is answered again, though the room is not there any more.
    let closed = with_key(&server, "DELETE", "/v1/rooms/demo", &admin(), "close", "").await;
    assert_eq!(closed.0, 200);
    let again = with_key(&server, "DELETE", "/v1/rooms/demo", &admin(), "close", "").await;
    assert_eq!((again.0, again.1.contains("idempotent-replayed: true")), (200, true));
    stop(server).await;
}

/// A host and a back end moderate, and close the room.
async fn evening(server: &Server) {
    assert_eq!(server.http_json("POST", "/v1/rooms", &back_end(), r#"{"id":"demo"}"#).await.0, 201);
    let (mut ada, _) = server.join("demo", "ada", Rank::Host).await;
    let (_ben, _) = server.join("demo", "ben", Rank::Member).await;
    let lock = json!({"type": "seat_lock", "request_id": "lock", "seat": 3});
    // The same frame again is no second act, and a refused one is none at all.
    for _ in 0..2 {
        ada.raw(&lock.to_string()).await;
        assert!(ada.answer("lock").await.get("ok").is_some());
    }
    assert!(ada.ask(json!({"type": "seat_lock", "seat": 99})).await.get("error").is_some());
    for (method, path, body) in [
        ("POST", "/participants/ben/mute", ""),
        ("POST", "/bans", r#"{"identity":"ben","reason":"shouting"}"#),
        ("POST", "/seats/4/lock", ""),
        ("DELETE", "", ""),
    ] {
        let (status, answer) = server.http_json(method, &format!("/v1/rooms/demo{path}"), &admin(), body).await;
        assert_eq!((status, answer.get("durable")), (200, None), "{answer}");
    }
    let refused = server.http_json("POST", "/v1/rooms/demo/seats/4/lock", &admin(), "").await;
    assert_eq!(refused.0, 404);
}

/// Every item of a list, page after page.
async fn pages(server: &Server, path: &str, token: &str) -> Vec<Value> {
    let mut items = Vec::new();
    let mut after = 0;
    loop {
        let separator = if path.contains('?') { '&' } else { '?' };
        let (status, page) = server.http_json("GET", &format!("{path}{separator}after={after}"), token, "").await;
        assert_eq!(status, 200, "{page}");
        items.extend(page["items"].as_array().unwrap().iter().cloned());
        let Some(next) = page["next"].as_u64() else {
            return items;
        };
        assert!(next > after);
        after = next;
    }
}

async fn with_key(
    server: &Server,
    method: &str,
    path: &str,
    token: &str,
    key: &str,
    body: &str,
) -> (u16, String, String) {
    let bearer = format!("Bearer {token}");
    server.http(method, path, &[("authorization", &bearer), ("idempotency-key", key)], body).await
}

async fn stop(server: Server) {
    assert!(server.signaling.shutdown(Duration::from_secs(5)).await);
}

/// The answer without the id of the request, which is that of the asking.
fn said(body: &str) -> Value {
    let mut said: Value = serde_json::from_str(body).unwrap();
    said.as_object_mut().unwrap().remove("request_id");
    said
}

fn admin() -> String {
    token_with(json!({"sub": "console", "video": {"room": "demo", "roomAdmin": true}}))
}

fn back_end() -> String {
    token_with(json!({"video": {"roomCreate": true, "roomList": true}}))
}
