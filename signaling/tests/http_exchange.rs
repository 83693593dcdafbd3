//! Requests and their answers as a whole: ids, addresses that cannot be, conditions, and what is counted.
#![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]

mod support;

use podium_signaling::room::Rank;
use serde_json::{Value, json};
use support::{Server, server, token, token_with};

fn admin() -> String {
    token_with(
        json!({"sub": "console", "video": {"room": "demo", "roomAdmin": true, "roomList": true, "roomCreate": true}}),
    )
}

async fn room() -> Server {
    let server = server().await;
    assert_eq!(server.http_json("POST", "/v1/rooms", &admin(), r#"{"id":"demo","seats":4.0}"#).await.0, 201);
    server
}

async fn ask(server: &Server, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> (u16, String, Value) {
    let bearer = format!("Bearer {}", admin());
    let headers: Vec<_> = [("authorization", bearer.as_str())].into_iter().chain(headers.iter().copied()).collect();
    let (status, head, body) = server.http(method, path, &headers, body).await;
    (status, head, serde_json::from_str(&body).unwrap_or_default())
}

fn id_of(head: &str) -> &str {
    let ids: Vec<_> = head.lines().filter_map(|line| line.strip_prefix("x-request-id: ")).collect();
    assert_eq!(ids.len(), 1, "{head}");
    ids[0]
}

#[tokio::test]
async fn every_answer_has_the_id_of_its_request() {
    let server = room().await;
    for (path, status) in
        [("/v1/rooms/demo", 200), ("/v1/rooms/none", 404), ("/v1/nothing", 404), ("/", 200), ("/v1/rooms/%ff", 400)]
    {
        let (actual, head, body) = ask(&server, "GET", path, &[("x-request-id", "trace-7.a")], "").await;
        assert_eq!((actual, id_of(&head)), (status, "trace-7.a"), "{path}");
        assert_eq!(
            body.get("request_id").and_then(Value::as_str),
            (status >= 400).then_some("trace-7.a"),
            "{path}: {body}"
        );
        let (_, head, body) = ask(&server, "GET", path, &[("x-request-id", "no good")], "").await;
        assert!(id_of(&head) != "no good" && id_of(&head).len() == 22, "{path}: {head}");
        assert!(status < 400 || body["request_id"].as_str().unwrap().to_lowercase() == id_of(&head), "{path}: {body}");
    }
    // What is answered again has the id of the request that asks again.
    let lock = async |id: &str| {
        ask(&server, "POST", "/v1/rooms/demo/seats/9/lock", &[("idempotency-key", "k"), ("x-request-id", id)], "").await
    };
    let (first, second) = (lock("one").await, lock("two").await);
    assert_eq!((first.0, &first.2["request_id"]), (404, &json!("one")));
    assert_eq!((second.0, &second.2["request_id"]), (404, &json!("two")));
    assert!(second.1.contains("idempotent-replayed: true"));
    let length: usize =
        second.1.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap().parse().unwrap();
    assert_eq!(length, second.2.to_string().len(), "the length is that of the body with its id");
}

#[tokio::test]
async fn an_address_that_cannot_be_has_a_code() {
    let server = room().await;
    for path in [
        "/v1/rooms/%ff",
        "/v1/rooms/demo/seats/%ff/lock",
        "/v1/rooms/demo/participants/%c3/mute",
        "/v1/people/%ff/data",
        "/v1/rooms/%zz",
        "/v1/rooms/de%",
        "/v1/%ff",
        "/%ff",
        "/v1/rooms/%f0%80%80%af",
        "/v1/events?kinds=%ff",
    ] {
        for method in ["GET", "POST", "DELETE"] {
            let (status, head, problem) = ask(&server, method, path, &[], "").await;
            assert_eq!((status, &problem["code"]), (400, &json!("invalid_argument")), "{method} {path}: {problem}");
            assert!(head.contains("application/problem+json") && problem["detail"].is_string(), "{method} {path}");
        }
    }
    let long = "x".repeat(2_000);
    for (path, status) in [
        ("/v1/rooms/a%00".to_owned(), 404),
        ("/v1/people/%00/data".to_owned(), 400),
        ("/v1/events?kinds=%00".to_owned(), 400),
        (format!("/v1/rooms/{long}"), 404),
        (format!("/v1/people/{long}/data"), 400),
    ] {
        let (actual, _, problem) = ask(&server, "GET", &path, &[], "").await;
        assert!(actual == status && problem["code"].is_string(), "{actual} {problem}");
    }
}

#[tokio::test]
async fn a_query_parameter_that_is_not_known_is_named() {
    let server = room().await;
    for (method, path) in [
        ("GET", "/v1/rooms"),
        ("POST", "/v1/rooms"),
        ("GET", "/v1/rooms/demo"),
        ("PATCH", "/v1/rooms/demo"),
        ("DELETE", "/v1/rooms/demo"),
        ("GET", "/v1/rooms/demo/bans"),
        ("POST", "/v1/rooms/demo/bans"),
        ("GET", "/v1/rooms/demo/stats"),
        ("GET", "/v1/events"),
        ("GET", "/v1/audit"),
        ("POST", "/v1/rooms/demo/seats/1/lock"),
        ("POST", "/v1/rooms/demo/hands/next"),
        ("GET", "/v1/people/ben/data"),
        ("DELETE", "/v1/people/ben/data"),
        ("GET", "/v1/openapi.json"),
        ("GET", "/v1/rooms/demo/session"),
    ] {
        let (status, _, problem) = ask(&server, method, &format!("{path}?limt=5"), &[], "{}").await;
        assert_eq!((status, &problem["code"]), (400, &json!("invalid_argument")), "{method} {path}: {problem}");
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains("limt")), "{method} {path}: {problem}");
    }
    for page in ["/?room=demo&rank=host&utm=1", "/podium.js?v=2"] {
        assert_eq!(ask(&server, "GET", page, &[], "").await.0, 200, "{page}");
    }
    assert_eq!(ask(&server, "GET", "/v1/rooms?limit=5&after=a", &[], "").await.0, 200);
}

#[tokio::test]
async fn a_condition_is_as_the_rfc_says() {
    let server = room().await;
    let with = async |path: &str, tags: &str| {
        let (status, _, answer) = ask(&server, "POST", path, &[("if-match", tags)], "").await;
        (status, answer["code"].as_str().unwrap_or_default().to_owned())
    };
    let (lock, unlock) = ("/v1/rooms/demo/seats/3/lock", "/v1/rooms/demo/seats/3/unlock");
    assert_eq!(with(lock, "\"7\", \"8\"").await, (412, "precondition_failed".to_owned()));
    assert_eq!(with(lock, "W/\"0\"").await.0, 412, "a weak tag matches nothing");
    assert_eq!(with(lock, "\"7\", W/\"1\", \"0\"").await.0, 200, "one of them is enough");
    assert_eq!(with(unlock, "*").await.0, 200);
    assert_eq!(
        with("/v1/rooms/demo/seats/9/lock", "*").await,
        (404, "seat_not_found".to_owned()),
        "there is nothing to match"
    );
    assert_eq!(with("/v1/rooms/demo/hands/next", "\"1\"").await.0, 400);
    let (_, head, _) = ask(&server, "GET", "/v1/rooms/demo", &[], "").await;
    let tag = head.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap().to_owned();
    let patch =
        async |tags: &str, body: &str| ask(&server, "PATCH", "/v1/rooms/demo", &[("if-match", tags)], body).await.0;
    assert_eq!(patch("\"99\"", r#"{"hands":"off"}"#).await, 412);
    assert_eq!(patch(&format!("\"99\", {tag}"), r#"{"hands":"off"}"#).await, 200);
    assert_eq!(patch("*", r#"{"hands":"on"}"#).await, 200);
}

#[tokio::test]
async fn with_a_key_a_list_of_tags_is_answered_once_and_the_same() {
    let server = room().await;
    let lock = async || {
        let headers = [("if-match", "\"7\", \"0\""), ("idempotency-key", "k")];
        ask(&server, "POST", "/v1/rooms/demo/seats/3/lock", &headers, "").await
    };
    let (first, second) = (lock().await, lock().await);
    assert_eq!((first.0, second.0), (200, 200), "{} {}", first.2, second.2);
    assert_eq!(first.2, second.2);
    assert!(second.1.contains("idempotent-replayed: true"));
}

#[tokio::test]
async fn answers_refusals_and_tokens_are_counted() {
    let server = room().await;
    ask(&server, "GET", "/v1/rooms/demo", &[], "").await;
    ask(&server, "GET", "/v1/rooms/none", &[], "").await;
    server.http("GET", "/favicon.svg", &[], "").await;
    server.http("BREW", "/v1/nothing/at/all", &[], "").await;
    server.http("GET", "/v1/rooms", &[], "").await;
    server.http_json("GET", "/v1/rooms/demo/bans", &token("demo", "ben", Rank::Member), "").await;
    let counters = server.signaling.counters();
    let count = |route: &str, method: &str, status: &str| {
        let is_it = |answers: &podium_signaling::metrics::Answers| {
            (answers.route, answers.method, answers.status) == (route, method, status)
        };
        counters.http.answers().find(is_it).map_or(0, |answers| answers.count)
    };
    assert_eq!(count("/v1/rooms", "POST", "201"), 1);
    assert_eq!((count("/v1/rooms/{room}", "GET", "200"), count("/v1/rooms/{room}", "GET", "404")), (1, 1));
    assert_eq!((count("/{file}", "GET", "200"), count("/{file}", "other", "404")), (1, 1));
    assert_eq!((count("/v1/rooms", "GET", "401"), count("/v1/rooms/{room}/{noun}", "GET", "403")), (1, 1));
    let refusals: Vec<_> = counters.http.refusals().filter(|(_, count)| *count > 0).collect();
    assert_eq!(refusals, [("unauthenticated", 1), ("forbidden", 1), ("room_not_found", 1), ("not_found", 1)]);
    let tokens: Vec<_> = counters.tokens_refused.iter().filter(|(_, count)| *count > 0).collect();
    assert_eq!(tokens, [("missing", 1), ("no_grant", 1)]);
    let took: u64 = counters.http.took.cumulative().last().copied().unwrap();
    assert_eq!(took, 7);
}

#[tokio::test]
async fn a_refused_join_is_told_in_words_and_by_the_id_of_its_connection() {
    let server = room().await;
    for (claims, reason, word) in [
        (
            json!({"sub": "ada", "exp": 4_000_000_000_u64, "video": {"room": "demo", "roomJoin": true}}),
            "unauthenticated",
            Some("24 hours"),
        ),
        (json!({"sub": "ada", "video": {"room": "other", "roomJoin": true}}), "forbidden", Some("for the room other")),
        (json!({"video": {"room": "demo", "roomJoin": true}}), "forbidden", Some("names nobody")),
        (json!({"iss": "unknown"}), "unauthenticated", None),
    ] {
        let token = if word.is_some() { token_with(claims.clone()) } else { "a.b.c".to_owned() };
        let mut client = server.connect("demo", &token).await;
        assert_eq!(client.next().await["reason"], reason, "{claims}");
        let (connection, detail) = client.farewell.take().unwrap();
        assert_eq!(connection.len(), 22, "{connection}");
        assert_eq!(detail.is_some(), word.is_some(), "{claims}: {detail:?}");
        assert!(word.is_none_or(|word| detail.as_ref().is_some_and(|detail| detail.contains(word))), "{detail:?}");
    }
    let counters = server.signaling.counters();
    let tokens: Vec<_> = counters.tokens_refused.iter().filter(|(_, count)| *count > 0).collect();
    assert_eq!(tokens, [("malformed", 1), ("expiry_too_far", 1), ("other_room", 1), ("no_identity", 1)]);
}
