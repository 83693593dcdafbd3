//! The HTTP API, development tokens, and the web client's files.
#![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]

mod support;

use podium_signaling::room::Rank;
use serde_json::{Value, json};
use support::{dev, server, server_with, token, token_with};

#[tokio::test]
async fn rooms_are_made_by_those_who_may() {
    let server = server().await;
    let creator = token_with(json!({"video": {"roomCreate": true}}));
    let body = r#"{"id":"demo","seats":4,"seat_mode":"free","hands":"off"}"#;
    let (status, room) = server.http_json("POST", "/v1/rooms", &creator, body).await;
    assert_eq!(
        (status, &room["id"], &room["seat_mode"], &room["hands"]),
        (201, &json!("demo"), &json!("free"), &json!("off"))
    );
    assert_eq!(room["seats"].as_array().unwrap().len(), 4);
    let (status, room) = server.http_json("POST", "/v1/rooms", &creator, r#"{"id":"demo","seats":9}"#).await;
    assert_eq!((status, room["seats"].as_array().unwrap().len()), (200, 4));
    for (token, status, code) in [
        ("rubbish".to_owned(), 401, "unauthenticated"),
        (token_with(json!({"exp": 1_700_000_000, "video": {"roomCreate": true}})), 401, "token_expired"),
        (token("demo", "ada", Rank::Host), 403, "forbidden"),
        (token_with(json!({"video": {"roomCreate": true, "room": "other"}})), 403, "forbidden"),
    ] {
        let (actual, problem) = server.http_json("POST", "/v1/rooms", &token, body).await;
        assert_eq!((actual, &problem["code"], &problem["status"]), (status, &json!(code), &json!(status)));
    }
    let (status, head, _) = server.http("POST", "/v1/rooms", &[], body).await;
    assert_eq!(status, 401);
    assert!(head.contains("application/problem+json") && head.contains("www-authenticate: bearer"));
}

#[tokio::test]
async fn bodies_that_cannot_be_are_refused() {
    let server = server().await;
    let creator = token_with(json!({"video": {"roomCreate": true}}));
    let long = format!(r#"{{"id":"demo","x":"{}"}}"#, "x".repeat(64 * 1024));
    for (body, status, code) in [
        ("", 400, "invalid_argument"),
        ("{", 400, "invalid_argument"),
        ("[]", 400, "invalid_argument"),
        ("{}", 400, "invalid_argument"),
        (r#"{"id":"a b"}"#, 400, "invalid_argument"),
        (r#"{"id":"../x"}"#, 400, "invalid_argument"),
        (r#"{"id":"demo","seats":0}"#, 400, "invalid_argument"),
        (r#"{"id":"demo","seats":33}"#, 400, "invalid_argument"),
        (r#"{"id":"demo","seats":"9"}"#, 400, "invalid_argument"),
        (r#"{"id":"demo","seat_mode":"closed"}"#, 400, "invalid_argument"),
        (r#"{"id":"demo","participants_max":0}"#, 400, "invalid_argument"),
        (&long, 413, "too_large"),
    ] {
        let (actual, problem) = server.http_json("POST", "/v1/rooms", &creator, body).await;
        assert_eq!((actual, &problem["code"]), (status, &json!(code)), "{body:.60}");
    }
    assert_eq!(server.signaling.population().rooms, 0);
}

#[tokio::test]
async fn rooms_are_listed_and_looked_at() {
    let server = server_with(|config| config.limits.rooms_max = 3).await;
    let back_end = token_with(json!({"video": {"roomCreate": true, "roomList": true}}));
    for id in ["c", "a", "b"] {
        let (status, _) = server.http_json("POST", "/v1/rooms", &back_end, &json!({"id": id}).to_string()).await;
        assert_eq!(status, 201);
    }
    let (status, problem) = server.http_json("POST", "/v1/rooms", &back_end, r#"{"id":"d"}"#).await;
    assert_eq!((status, &problem["code"]), (503, &json!("node_full")));
    let (_ada, _) = server.join("a", "ada", Rank::Host).await;
    let ids =
        |list: &Value| list["rooms"].as_array().unwrap().iter().map(|room| room["id"].clone()).collect::<Vec<_>>();
    let (_, list) = server.http_json("GET", "/v1/rooms?limit=2", &back_end, "").await;
    assert_eq!((ids(&list), &list["next"]), (vec![json!("a"), json!("b")], &json!("b")));
    assert_eq!(list["rooms"][0], json!({"id": "a", "participants": 1, "hosts": 1, "guests": 0, "listeners": 0}));
    let (_, list) = server.http_json("GET", "/v1/rooms?after=b", &back_end, "").await;
    assert_eq!((ids(&list), list.get("next")), (vec![json!("c")], None));
    assert_eq!(server.http_json("GET", "/v1/rooms?limit=x", &back_end, "").await.0, 400);
    let host = token("a", "ada", Rank::Host);
    assert_eq!(server.http_json("GET", "/v1/rooms", &host, "").await.0, 403);
    let (status, room) = server.http_json("GET", "/v1/rooms/a", &host, "").await;
    assert_eq!((status, &room["participants"][0]["identity"], &room["hand_queue"]), (200, &json!("ada"), &json!([])));
    let (status, room) = server.http_json("GET", "/v1/rooms/a", &token("a", "eve", Rank::Member), "").await;
    assert_eq!((status, room.get("hand_queue")), (200, None));
    assert_eq!(server.http_json("GET", "/v1/rooms/b", &host, "").await.0, 403);
    for missing in ["/v1/rooms/zz", "/v1/rooms/a%00", "/v1/rooms/%2e%2e"] {
        let (status, problem) = server.http_json("GET", missing, &back_end, "").await;
        assert_eq!((status, &problem["code"]), (404, &json!("room_not_found")));
    }
}

#[tokio::test]
async fn there_is_one_way_to_write_a_path() {
    let server = server().await;
    for (method, path, status) in [
        ("GET", "/v1", 404),
        ("GET", "/V1/rooms", 404),
        ("GET", "//v1/rooms", 404),
        ("GET", "/v1/rooms/", 404),
        ("DELETE", "/v1/rooms", 405),
        ("PUT", "/", 405),
        ("GET", "/../Cargo.toml", 404),
        ("GET", "/%2e%2e/Cargo.toml", 404),
        ("GET", "/index.html%00", 404),
        ("GET", "/v1/rooms/demo/session", 400),
    ] {
        let (actual, head, _) = server.http(method, path, &[], "").await;
        assert_eq!(actual, status, "{method} {path}");
        assert!(head.contains("application/problem+json"));
    }
}

#[tokio::test]
async fn without_development_mode_there_are_no_tokens_for_the_asking() {
    let server = server().await;
    assert_eq!(server.http("POST", "/dev/token", &[], r#"{"room":"demo"}"#).await.0, 404);
    assert_eq!(server.http("GET", "/dev/token", &[], "").await.0, 404);
}

#[tokio::test]
async fn in_development_mode_this_machine_gets_tokens() {
    let server = server_with(dev).await;
    let (status, head, body) =
        server.http("POST", "/dev/token", &[], r#"{"room":"demo","rank":"host","name":"Ada"}"#).await;
    assert_eq!(status, 200, "{body}");
    assert!(head.contains("cache-control: no-store"));
    let answer: Value = serde_json::from_str(&body).unwrap();
    assert!(answer["identity"].as_str().unwrap().starts_with("guest-"));
    let mut client = server.connect("demo", answer["token"].as_str().unwrap()).await;
    client.send(json!({"type": "join"})).await;
    let welcome = client.next().await;
    assert_eq!((&welcome["self"]["rank"], &welcome["self"]["name"]), (&json!("host"), &json!("Ada")));
    for headers in [
        [("origin", "https://evil.example"), ("host", "localhost:7880")],
        [("host", "podium.evil.example:7880"), ("accept", "*/*")],
        [("sec-fetch-site", "cross-site"), ("host", "localhost:7880")],
    ] {
        let (status, _, _) = server.http("POST", "/dev/token", &headers, r#"{"room":"demo"}"#).await;
        assert_eq!(status, 403, "{headers:?}");
    }
    let local = [("origin", "http://localhost:7880"), ("host", "localhost:7880")];
    assert_eq!(server.http("POST", "/dev/token", &local, r#"{"room":"demo","identity":"ben"}"#).await.0, 200);
    assert_eq!(server.http("POST", "/dev/token", &[], r#"{"room":"a b"}"#).await.0, 400);
}

#[tokio::test]
async fn the_web_client_is_served_under_a_strict_policy() {
    let server = server().await;
    let (status, head, body) = server.http("GET", "/?room=demo", &[], "").await;
    assert_eq!(status, 200);
    assert!(body.contains("<html") || body.contains("<!doctype html>"));
    assert!(head.contains("content-type: text/html; charset=utf-8") && head.contains("cache-control: no-cache"));
    assert!(head.contains("content-security-policy: default-src 'none'; script-src 'self';"));
    assert!(!head.contains("unsafe-inline") && head.contains("x-content-type-options: nosniff"));
    let tag = head.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap().to_owned();
    let (status, _, body) = server.http("GET", "/", &[("if-none-match", &tag)], "").await;
    assert_eq!((status, body.as_str()), (304, ""));
    let (status, head, _) = server.http("GET", "/podium.js", &[], "").await;
    assert_eq!(status, 200);
    assert!(head.contains("content-type: text/javascript"));
}
