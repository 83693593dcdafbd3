//! Moderation by HTTP: all that a host can do, by back ends and by hosts without a socket.
#![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]

mod support;

use futures_util::future::join_all;
use podium_signaling::{
    ids::RoomId,
    room::{Rank, SeatMode, Settings},
};
use serde_json::{Value, json};
use support::{Server, server_with, token_with};

#[tokio::test]
async fn a_back_end_runs_a_whole_evening() {
    let server = room().await;
    let (mut ben, _) = server.join("demo", "ben", Rank::Member).await;
    let (mut cy, _) = server.join("demo", "cy", Rank::Member).await;
    ben.ask(json!({"type": "hand_raise", "mic_ready": true})).await;
    let done = ok(&server, "POST", "hands/ben/approve", json!({})).await;
    assert_eq!((&done["seat"]["index"], &done["seat"]["identity"]), (&json!(1), &json!("ben")));
    assert_eq!(ben.expect_seat("taken").await["by"], "console");
    ok(&server, "POST", "seats/4/move", json!({"identity": "ben"})).await;
    ok(&server, "POST", "seats/4/mute", json!({})).await;
    assert_eq!(look(&server).await["seats"][4]["muted_by_host"], true);
    let done = ok(&server, "POST", "invites", json!({"identity": "cy", "seat": 2, "hold": true})).await;
    assert_eq!(cy.expect("invite").await["invite"]["id"], done["invite"]["id"]);
    let id = done["invite"]["id"].as_str().unwrap().to_owned();
    ok(&server, "DELETE", &format!("invites/{id}"), Value::Null).await;
    assert_eq!(look(&server).await["seats"][2]["state"], "open");
    ok(&server, "POST", "participants/ben/rank", json!({"rank": "host"})).await;
    ok(&server, "POST", "participants/ben/mute", json!({})).await;
    ok(&server, "POST", "bans", json!({"identity": "cy", "reason": "shouting"})).await;
    assert_eq!(cy.expect("bye").await["reason"], "banned");
    let (status, bans) = server.http_json("GET", "/v1/rooms/demo/bans", &admin(), "").await;
    assert_eq!(
        (status, &bans["items"][0]["identity"], &bans["items"][0]["by"]),
        (200, &json!("cy"), &json!("console"))
    );
    ok(&server, "DELETE", "bans/cy", Value::Null).await;
    let (_, people) = server.http_json("GET", "/v1/rooms/demo/participants", &admin(), "").await;
    assert_eq!((&people["items"][0]["identity"], &people["items"][0]["rank"]), (&json!("ben"), &json!("host")));
    let (status, _) = server.http_json("PATCH", "/v1/rooms/demo", &admin(), r#"{"interrupt":"hold"}"#).await;
    assert_eq!((status, &look(&server).await["interrupt"]), (200, &json!("hold")));
    let (status, _) = server.http_json("DELETE", "/v1/rooms/demo?notice_ms=0", &admin(), "").await;
    assert_eq!((status, ben.expect("bye").await["reason"].clone()), (200, json!("room_closed")));
}

#[tokio::test]
async fn who_may_not_is_refused_with_the_same_codes() {
    let server = room().await;
    let (mut ada, _) = server.join("demo", "ada", Rank::Host).await;
    let (mut ben, _) = server.join("demo", "ben", Rank::Member).await;
    let lock = "/v1/rooms/demo/seats/3/lock";
    for (token, status, code) in [
        (claiming("demo", "ben"), 403, "forbidden"), // the room knows him as a member, whatever the token says
        (claiming("demo", "stranger"), 403, "forbidden"),
        (claiming("other", "ada"), 403, "forbidden"),
        ("rubbish".to_owned(), 401, "unauthenticated"),
    ] {
        let (actual, problem) = server.http_json("POST", lock, &token, "{}").await;
        assert_eq!((actual, &problem["code"]), (status, &json!(code)));
    }
    let (status, _) = server.http_json("POST", lock, &claiming("demo", "ada"), "{}").await;
    assert_eq!(status, 200, "a host of the room needs no socket for it");
    for (method, path, body, status, code) in [
        ("POST", "seats/99/lock", "{}", 404, "seat_not_found"),
        ("POST", "seats/1/take", "{}", 404, "not_found"),
        ("POST", "seats/1/kick", "[]", 400, "invalid_argument"),
        ("POST", "seats/1/assign", "{}", 400, "invalid_argument"),
        ("POST", "hands/ben/approve", "{}", 404, "hand_gone"),
        ("POST", "hands/next", "{}", 404, "hand_gone"),
        ("POST", "participants/nobody/mute", "{}", 404, "participant_not_found"),
        ("POST", "bans", r#"{"identity":"a\u0000"}"#, 400, "invalid_argument"),
        ("DELETE", "invites/17", "", 400, "invalid_argument"),
        ("GET", "secrets", "", 404, "not_found"),
    ] {
        let path = format!("/v1/rooms/demo/{path}");
        let (actual, problem) = server.http_json(method, &path, &admin(), body).await;
        assert_eq!((actual, &problem["code"]), (status, &json!(code)), "{method} {path}");
    }
    ben.ask(json!({"type": "seat_take", "seat": 1})).await;
    let assign = r#"{"identity":"ada"}"#;
    let (status, problem) = server.http_json("POST", "/v1/rooms/demo/seats/1/assign", &admin(), assign).await;
    assert_eq!((status, &problem["code"]), (409, &json!("seat_occupied")));
    assert_eq!((&problem["details"]["holder"], &problem["details"]["next_open"]), (&json!("ben"), &json!(2)));
    assert!(ada.ask(json!({"type": "seat_unlock", "seat": 3})).await.get("ok").is_some());
}

#[tokio::test]
async fn a_stale_revision_is_a_failed_precondition() {
    let server = room().await;
    let bearer = format!("Bearer {}", admin());
    let try_with = async |method: &str, path: &str, tag: &str, body: &str| {
        let headers = [("authorization", bearer.as_str()), ("if-match", tag)];
        let (status, head, body) = server.http(method, path, &headers, body).await;
        (status, head, serde_json::from_str::<Value>(&body).unwrap())
    };
    let seat = "/v1/rooms/demo/seats/3/lock";
    let (status, head, _) = try_with("POST", seat, "\"0\"", "{}").await;
    assert!(status == 200 && head.contains("etag: \"1\""), "{head}");
    let (status, _, problem) = try_with("POST", "/v1/rooms/demo/seats/3/unlock", "\"0\"", "{}").await;
    assert_eq!((status, &problem["code"]), (412, &json!("precondition_failed")));
    assert_eq!(problem["details"]["seat"]["rev"], 1);
    let (_, head, _) = server.http("GET", "/v1/rooms/demo", &[("authorization", &bearer)], "").await;
    assert!(head.contains("etag: \"1\""), "{head}");
    for (tag, status) in [("\"0\"", 412), ("rubbish", 412), ("\"1\"", 200)] {
        let (actual, _, _) = try_with("PATCH", "/v1/rooms/demo", tag, r#"{"hands":"off"}"#).await;
        assert_eq!(actual, status, "{tag}");
    }
    let (status, _, _) = try_with("POST", "/v1/rooms/demo/hands/next", "\"2\"", "{}").await;
    assert_eq!(status, 400, "what has no revision cannot be asked for one");
}

#[tokio::test]
async fn a_request_with_a_key_is_carried_out_once() {
    let server = room().await;
    let (mut ada, _) = server.join("demo", "ada", Rank::Host).await;
    let bearer = format!("Bearer {}", admin());
    let ask = |key: &'static str, body: &'static str| {
        let (server, bearer) = (&server, bearer.as_str());
        async move {
            let headers = [("authorization", bearer), ("idempotency-key", key)];
            let (status, _, body) = server.http("PATCH", "/v1/rooms/demo", &headers, body).await;
            (status, body)
        }
    };
    let answers = join_all((0..20).map(|_| ask("k1", r#"{"hands":"off"}"#))).await;
    assert!(answers.iter().all(|answer| *answer == answers[0] && answer.0 == 200), "{answers:?}");
    assert_eq!(ada.expect("room_updated").await["hands"], "off");
    ada.ask(json!({"type": "room_update", "hands": "on"})).await;
    assert_eq!(ada.expect("room_updated").await["hands"], "on");
    assert_eq!(ask("k1", r#"{"hands":"off"}"#).await.0, 200);
    assert_eq!(look(&server).await["hands"], "on", "the answer came again, the act did not");
    let (status, problem) = ask("k1", r#"{"hands":"on"}"#).await;
    assert_eq!(
        (status, serde_json::from_str::<Value>(&problem).unwrap()["code"].clone()),
        (422, json!("invalid_argument"))
    );
    assert_eq!(ask("k2", r#"{"hands":"off"}"#).await.0, 200);
    assert_eq!(look(&server).await["hands"], "off");
}

#[tokio::test]
async fn a_room_is_made_once_for_a_key() {
    let server = server_with(|_| {}).await;
    let bearer = format!("Bearer {}", token_with(json!({"video": {"roomCreate": true}})));
    let headers = [("authorization", bearer.as_str()), ("idempotency-key", "evening-1")];
    let make = async |body: &str| server.http("POST", "/v1/rooms", &headers, body).await;
    let (status, _, first) = make(r#"{"id":"demo","seats":4}"#).await;
    assert_eq!(status, 201);
    let (status, _, again) = make(r#"{"id":"demo","seats":4}"#).await;
    assert_eq!((status, again), (201, first), "the first answer again");
    assert_eq!(make(r#"{"id":"other"}"#).await.0, 422);
    let long = "k".repeat(256);
    let headers = [("authorization", bearer.as_str()), ("idempotency-key", long.as_str())];
    assert_eq!(server.http("POST", "/v1/rooms", &headers, r#"{"id":"demo"}"#).await.0, 400);
}

#[tokio::test]
async fn pages_of_named_origins_may_use_the_api_and_no_others() {
    let named = "https://console.example.org";
    let server = server_with(|config| config.cors_origins = vec![named.to_owned()]).await;
    let closed = server_with(|_| {}).await;
    for (server, origin, allowed) in
        [(&server, named, true), (&server, "https://evil.example", false), (&closed, named, false)]
    {
        let preflight = [
            ("origin", origin),
            ("access-control-request-method", "PATCH"),
            ("access-control-request-headers", "authorization,idempotency-key"),
        ];
        let (_, head, _) = server.http("OPTIONS", "/v1/rooms/demo", &preflight, "").await;
        assert_eq!(head.contains(&format!("access-control-allow-origin: {named}")), allowed, "{origin}: {head}");
        let (status, head, _) = server.http("GET", "/v1/rooms", &[("origin", origin)], "").await;
        assert_eq!((status, head.contains("access-control-allow-origin")), (401, allowed), "{head}");
        assert!(!head.contains("allow-credentials"), "{head}");
    }
}

#[tokio::test]
async fn people_are_listed_by_pages() {
    let server = room().await;
    let mut sockets = Vec::new();
    for person in 0..5 {
        sockets.push(server.join("demo", &format!("p{person}"), Rank::Member).await);
    }
    let mut seen = Vec::new();
    let mut path = "/v1/rooms/demo/participants?limit=2".to_owned();
    loop {
        let (status, page) = server.http_json("GET", &path, &admin(), "").await;
        assert_eq!(status, 200);
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= 2);
        seen.extend(items.iter().map(|item| item["identity"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/v1/rooms/demo/participants?limit=2&after={next}");
    }
    assert_eq!(seen, ["p0", "p1", "p2", "p3", "p4"]);
    let (status, _) = server.http_json("GET", &path, &claiming("demo", "p1"), "").await;
    assert_eq!(status, 403);
}

#[tokio::test]
async fn hands_are_listed_in_the_order_of_the_queue_and_invites_by_name() {
    let server = room().await;
    let mut sockets = Vec::new();
    for person in ["eve", "dan", "cy", "ben", "amy"] {
        let (mut client, _) = server.join("demo", person, Rank::Member).await;
        client.ask(json!({"type": "hand_raise"})).await;
        sockets.push(client);
    }
    let mut seen = Vec::new();
    let mut path = "/v1/rooms/demo/hands?limit=2".to_owned();
    loop {
        let (status, page) = server.http_json("GET", &path, &admin(), "").await;
        assert_eq!(status, 200, "{page}");
        seen.extend(page["items"].as_array().unwrap().iter().map(|hand| hand["identity"].clone()));
        let Some(next) = page["next"].as_u64() else { break };
        path = format!("/v1/rooms/demo/hands?limit=2&after={next}");
    }
    assert_eq!(seen, ["eve", "dan", "cy", "ben", "amy"]);
    for person in ["eve", "amy", "cy"] {
        ok(&server, "POST", "invites", json!({"identity": person})).await;
    }
    let (_, page) = server.http_json("GET", "/v1/rooms/demo/invites?limit=2", &admin(), "").await;
    let names: Vec<_> = page["items"].as_array().unwrap().iter().map(|invite| &invite["to"]).collect();
    assert_eq!((names, &page["next"]), (vec![&json!("amy"), &json!("cy")], &json!("cy")));
    let (_, page) = server.http_json("GET", "/v1/rooms/demo/invites?after=cy", &admin(), "").await;
    assert_eq!((&page["items"][0]["to"], page.get("next")), (&json!("eve"), None));
    for list in ["hands", "invites"] {
        let path = format!("/v1/rooms/demo/{list}");
        assert_eq!(server.http_json("GET", &path, &claiming("demo", "eve"), "").await.0, 403);
    }
}

#[tokio::test]
async fn an_answer_that_is_given_again_says_so() {
    let named = "https://console.example.org";
    let server = server_with(|config| config.cors_origins = vec![named.to_owned()]).await;
    server.signaling.create_room(&RoomId::parse("demo").unwrap(), Settings::default()).await;
    let bearer = format!("Bearer {}", admin());
    let headers = [("authorization", bearer.as_str()), ("idempotency-key", "k"), ("origin", named)];
    let lock = async || server.http("POST", "/v1/rooms/demo/seats/3/lock", &headers, "").await;
    let (first, again) = (lock().await, lock().await);
    assert!(!first.1.contains("idempotent-replayed:") && again.1.contains("idempotent-replayed: true"), "{}", again.1);
    assert!(first.1.contains("etag: \"1\"") && again.1.contains("etag: \"1\""));
    assert_eq!(first.2, again.2);
    let exposed = again.1.lines().find(|line| line.starts_with("access-control-expose-headers")).unwrap();
    assert!(["etag", "retry-after", "idempotent-replayed"].iter().all(|name| exposed.contains(name)), "{exposed}");
}

async fn room() -> Server {
    let server = server_with(|_| {}).await;
    let settings = Settings { seat_mode: SeatMode::Free, ..Settings::default() };
    server.signaling.create_room(&RoomId::parse("demo").unwrap(), settings).await;
    server
}

/// A token of someone who says that they are a host, but not that they administer the room.
fn claiming(room: &str, identity: &str) -> String {
    token_with(json!({"sub": identity, "video": {"room": room, "roomJoin": true}, "podium": {"rank": "host"}}))
}

/// A back end's token for the room.
fn admin() -> String {
    token_with(json!({"sub": "console", "video": {"room": "demo", "roomAdmin": true}}))
}

async fn ok(server: &Server, method: &str, path: &str, body: Value) -> Value {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let (status, answer) = server.http_json(method, &format!("/v1/rooms/demo/{path}"), &admin(), &body).await;
    assert_eq!(status, 200, "{method} {path}: {answer}");
    answer
}

async fn look(server: &Server) -> Value {
    server.http_json("GET", "/v1/rooms/demo", &admin(), "").await.1
}
