//! Who may ask what over HTTP: every route with every kind of token.
#![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]

mod support;

use podium_signaling::{SignalingConfig, room::Rank};
use serde_json::{Value, json};
use support::{Server, server, server_with, token_with};

/// A kind of token, and what such a token says.
type Bearer = (&'static str, Option<Value>);

/// A request, and the bearers who may.
type Route = (&'static str, &'static str, &'static str, &'static [&'static str]);

const ADMINS: &[&str] = &["admin", "admin with sub", "admin and host"];
const HOSTS: &[&str] = &["admin", "admin with sub", "admin and host", "host"];
const MODERATORS: &[&str] = &["admin", "admin with sub", "admin and host", "host", "cohost"];
/// A swap may be proposed by anyone whom the room knows.
const SWAPPERS: &[&str] = &["admin", "admin with sub", "admin and host", "host", "cohost", "listener"];
const VIEWERS: &[&str] = &[
    "admin",
    "admin with sub",
    "admin and host",
    "host",
    "cohost",
    "listener",
    "stranger",
    "hidden",
    "list",
    "list and create",
];
const LISTS: &[&str] = &["list", "list and create"];
const LOG_READERS: &[&str] = &["admin", "admin with sub", "admin and host", "list", "list and create"];
const CREATORS: &[&str] = &["create", "list and create"];
const KEEPERS: &[&str] = &["list and create"];

/// Every route, and requests that change nothing which a later one needs.
const ROUTES: &[Route] = &[
    ("GET", "/v1/rooms", "", LISTS),
    ("POST", "/v1/rooms", r#"{"id":"demo"}"#, CREATORS),
    ("GET", "/v1/rooms/demo", "", VIEWERS),
    ("GET", "/v1/rooms/demo/stats", "", MODERATORS),
    ("GET", "/v1/rooms/demo/participants", "", ADMINS),
    ("GET", "/v1/rooms/demo/bans", "", ADMINS),
    ("GET", "/v1/rooms/demo/mutes", "", ADMINS),
    ("GET", "/v1/rooms/demo/ranks", "", ADMINS),
    ("GET", "/v1/rooms/demo/hands", "", ADMINS),
    ("GET", "/v1/rooms/demo/invites", "", ADMINS),
    ("GET", "/v1/bans", "", KEEPERS),
    ("POST", "/v1/bans", r#"{"identity":"somebody"}"#, KEEPERS),
    ("DELETE", "/v1/bans/somebody", "", KEEPERS),
    ("GET", "/v1/events", "", LISTS),
    ("GET", "/v1/events?room=demo", "", LOG_READERS),
    ("GET", "/v1/audit", "", LISTS),
    ("GET", "/v1/audit?room=demo", "", LOG_READERS),
    ("GET", "/v1/people/lee/data", "", KEEPERS),
    ("DELETE", "/v1/people/nobody/data", "", KEEPERS),
    ("PATCH", "/v1/rooms/demo", r#"{"hands":"on"}"#, HOSTS),
    ("POST", "/v1/rooms/demo/seats/1/lock", "", MODERATORS),
    ("POST", "/v1/rooms/demo/seats/1/unlock", "", MODERATORS),
    ("POST", "/v1/rooms/demo/seats/1/mute", "", MODERATORS),
    ("POST", "/v1/rooms/demo/seats/1/unmute", "", MODERATORS),
    ("POST", "/v1/rooms/demo/seats/1/kick", "", MODERATORS),
    ("POST", "/v1/rooms/demo/seats/1/assign", r#"{"identity":"nobody"}"#, MODERATORS),
    ("POST", "/v1/rooms/demo/seats/1/move", r#"{"identity":"nobody"}"#, MODERATORS),
    ("POST", "/v1/rooms/demo/seats/1/swap", r#"{"with":2}"#, SWAPPERS),
    ("POST", "/v1/rooms/demo/hands/nobody/approve", "", MODERATORS),
    ("POST", "/v1/rooms/demo/hands/nobody/deny", "", MODERATORS),
    ("POST", "/v1/rooms/demo/hands/next", "", MODERATORS),
    ("POST", "/v1/rooms/demo/hands/lower_all", "", MODERATORS),
    ("POST", "/v1/rooms/demo/participants/lee/mute", "", MODERATORS),
    ("POST", "/v1/rooms/demo/participants/lee/unmute", "", MODERATORS),
    ("POST", "/v1/rooms/demo/participants/nobody/kick", "", MODERATORS),
    ("POST", "/v1/rooms/demo/participants/lee/rank", r#"{"rank":"member"}"#, HOSTS),
    ("POST", "/v1/rooms/demo/bans", r#"{"identity":"somebody"}"#, HOSTS),
    ("DELETE", "/v1/rooms/demo/bans/somebody", "", HOSTS),
    ("DELETE", "/v1/rooms/demo/moderation/nobody", "", ADMINS),
    ("POST", "/v1/rooms/demo/invites", r#"{"identity":"nobody"}"#, MODERATORS),
    ("DELETE", "/v1/rooms/demo/invites/IN_99", "", MODERATORS),
    ("POST", "/v1/rooms/demo/host", r#"{"to":"nobody"}"#, HOSTS),
];

fn bearers() -> Vec<Bearer> {
    let of = |sub: Option<&str>, video: Value| {
        let mut claims = json!({"video": video});
        if let Some(sub) = sub {
            claims["sub"] = json!(sub);
        }
        Some(claims)
    };
    let join = || json!({"room": "demo", "roomJoin": true});
    vec![
        ("none", None),
        ("join without sub", of(None, join())),
        ("join with an empty sub", of(Some(""), join())),
        ("sub without join", of(Some("lee"), json!({"room": "demo"}))),
        ("stranger", of(Some("stranger"), join())),
        ("listener", of(Some("lee"), join())),
        ("hidden", of(Some("shade"), json!({"room": "demo", "roomJoin": true, "hidden": true}))),
        ("cohost", of(Some("cleo"), join())),
        ("host", of(Some("ada"), join())),
        ("banned", of(Some("eve"), join())),
        ("banned admin", of(Some("eve"), json!({"room": "demo", "roomJoin": true, "roomAdmin": true}))),
        ("of another room", of(Some("ada"), json!({"room": "other", "roomJoin": true}))),
        ("admin of another room", of(None, json!({"room": "other", "roomAdmin": true}))),
        ("admin of no room", of(None, json!({"roomAdmin": true}))),
        ("admin", of(None, json!({"room": "demo", "roomAdmin": true}))),
        ("admin with sub", of(Some("console"), json!({"room": "demo", "roomAdmin": true}))),
        ("admin and host", of(Some("ada"), json!({"room": "demo", "roomJoin": true, "roomAdmin": true}))),
        ("list", of(None, json!({"roomList": true}))),
        ("create", of(None, json!({"roomCreate": true}))),
        ("list and create", of(None, json!({"roomList": true, "roomCreate": true}))),
    ]
}

async fn ask(server: &Server, route: &Route, claims: Option<&Value>) -> (u16, Value) {
    let (method, path, body, _) = route;
    let bearer = claims.map(|claims| format!("Bearer {}", token_with(claims.clone())));
    let headers: Vec<_> = bearer.iter().map(|bearer| ("authorization", bearer.as_str())).collect();
    let (status, _, text) = server.http(method, path, &headers, body).await;
    (status, serde_json::from_str(&text).unwrap_or_default())
}

#[tokio::test]
async fn each_route_is_open_to_those_who_may_and_to_nobody_else() {
    // One identity asks more often here than its pace allows.
    let at_any_pace =
        |config: &mut SignalingConfig| (config.limits.commands_per_second, config.limits.burst) = (10_000, 10_000);
    let server = server_with(at_any_pace).await;
    let (_host, _) = server.join("demo", "ada", Rank::Host).await;
    let (_cohost, _) = server.join("demo", "cleo", Rank::Cohost).await;
    let (_listener, _) = server.join("demo", "lee", Rank::Member).await;
    let admin = token_with(json!({"video": {"room": "demo", "roomAdmin": true}}));
    let (status, _) = server.http_json("POST", "/v1/rooms/demo/bans", &admin, r#"{"identity":"eve"}"#).await;
    assert_eq!(status, 200);
    for route in ROUTES {
        let (method, path, _, open_to) = route;
        for (bearer, claims) in bearers() {
            let (status, answer) = ask(&server, route, claims.as_ref()).await;
            let what = format!("{method} {path} by {bearer}: {status} {answer}");
            match (open_to.contains(&bearer), bearer) {
                (true, _) => assert!(![401, 403, 500].contains(&status), "{what}"),
                (false, "none") => assert_eq!((status, &answer["code"]), (401, &json!("unauthenticated")), "{what}"),
                (false, _) => assert_eq!(status, 403, "{what}"),
            }
        }
    }
    // Last, because these end decisions and the room.
    let forget: Route = ("DELETE", "/v1/rooms/demo/moderation", "", &[]);
    for (bearer, claims) in bearers().iter().filter(|(bearer, _)| !ADMINS.contains(bearer)) {
        let (status, answer) = ask(&server, &forget, claims.as_ref()).await;
        assert_eq!(status, if claims.is_none() { 401 } else { 403 }, "{bearer}: {answer}");
    }
    let close: Route = ("DELETE", "/v1/rooms/demo", "", &[]);
    for (bearer, claims) in bearers().iter().filter(|(bearer, _)| !HOSTS.contains(bearer)) {
        let (status, answer) = ask(&server, &close, claims.as_ref()).await;
        assert_eq!(status, if claims.is_none() { 401 } else { 403 }, "{bearer}: {answer}");
    }
    assert_eq!(ask(&server, &forget, bearers()[14].1.as_ref()).await.0, 200);
    assert_eq!(ask(&server, &close, bearers()[14].1.as_ref()).await.0, 200);
}

#[tokio::test]
async fn a_participant_sees_what_a_listener_sees_and_no_more() {
    let server = server().await;
    let (_host, _) = server.join("demo", "ada", Rank::Host).await;
    let (mut raiser, _) = server.join("demo", "ben", Rank::Member).await;
    let raised = raiser.ask(json!({"type": "hand_raise"})).await;
    assert!(raised.get("ok").is_some(), "{raised}");
    let look: Route = ("GET", "/v1/rooms/demo", "", &[]);
    for (bearer, claims) in bearers() {
        let (status, room) = ask(&server, &look, claims.as_ref()).await;
        let sees_all = ["admin", "admin with sub", "admin and host", "host", "list", "list and create", "banned admin"];
        let sees = ["hand_queue", "invites", "bans"].map(|part| room.get(part).is_some());
        assert_eq!(sees, [sees_all.contains(&bearer); 3], "{bearer}: {status} {room}");
    }
}

#[tokio::test]
async fn a_bearer_is_told_in_words_what_is_missing_once_the_signature_is_good() {
    let server = server().await;
    let lists: Route = ("GET", "/v1/rooms/demo/hands", "", &[]);
    let told = async |claims: Value| {
        let (status, answer) = ask(&server, &lists, Some(&claims)).await;
        (status, answer["code"].as_str().unwrap().to_owned(), answer["detail"].as_str().unwrap_or_default().to_owned())
    };
    let room = |room: &str, grant: &str| json!({"sub": "ada", "video": {"room": room, grant: true}});
    let (status, code, words) = told(room("demo", "roomJoin")).await;
    assert_eq!((status, code.as_str()), (403, "forbidden"));
    assert!(words.contains("`roomAdmin` for demo"), "{words}");
    let (_, _, words) = told(room("other", "roomAdmin")).await;
    assert!(words.contains("for the room other, not for demo"), "{words}");
    let (status, code, words) = told(json!({"exp": 4_000_000_000_u64})).await;
    assert_eq!((status, code.as_str()), (401, "unauthenticated"));
    assert!(words.contains("`exp`") && words.contains("24 hours"), "{words}");
    let (status, code, words) = told(json!({"exp": 1_700_000_000})).await;
    assert_eq!((status, code.as_str()), (401, "token_expired"));
    assert!(words.contains("expired"), "{words}");
    let (_, _, words) = told(json!({"nbf": 4_000_000_000_u64})).await;
    assert!(words.contains("`nbf`"), "{words}");
    let (_, _, words) = told(json!({"video": {"roomAdmin": "yes"}})).await;
    assert!(words.contains("`video.roomAdmin`"), "{words}");
    let good = token_with(room("demo", "roomAdmin"));
    let changed = format!("{}x", &good[..good.len() - 1]);
    for bad in ["rubbish", "a.b.c", changed.as_str()] {
        let (status, answer) = server.http_json("GET", "/v1/rooms/demo/hands", bad, "").await;
        assert_eq!((status, &answer["code"], answer.get("detail")), (401, &json!("unauthenticated"), None), "{bad}");
    }
}
