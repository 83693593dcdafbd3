//! Every code that the HTTP API can answer with: each is brought about, and is a problem as RFC 9457 has it.
#![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]

mod support;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use podium_signaling::{
    SignalingConfig,
    ids::RoomId,
    room::{Rank, Refusal, SeatMode, Settings},
};
use serde_json::{Value, json};
use support::{Client, Server, server_with, token_with};

/// What no request of HTTP is answered with, and why not.
const NEVER: [(Refusal, &str); 9] = [
    (Refusal::UnknownType, "the path says which command it is"),
    (Refusal::WrongSeatMode, "moderators may sit in any mode, and nobody sits down by HTTP"),
    (Refusal::ScreeningRequired, "nothing is screened yet"),
    (Refusal::SessionStale, "it is about the caller's own session"),
    (Refusal::RoomFull, "nobody joins by HTTP"),
    (Refusal::OfferExpired, "nobody accepts anything by HTTP"),
    (Refusal::RoomClosed, "only where a request meets the end of its room"),
    (Refusal::Internal, "a fault of ours would be needed"),
    (Refusal::LatencyAtRisk, "nothing is refused for the sake of latency yet"),
];

/// Codes that no refusal has.
const OWN: [(&str, u16); 2] = [("not_found", 404), ("method_not_allowed", 405)];

/// The codes that have come.
#[derive(Default)]
struct Seen(BTreeMap<String, u16>);

#[tokio::test]
async fn every_code_is_given_as_a_problem() {
    let mut seen = Seen::default();
    seen.tokens_and_paths().await;
    seen.seats().await;
    seen.hands_and_people().await;
    seen.bounds().await;
    seen.ends().await;
    let expected: BTreeSet<_> = Refusal::ALL
        .iter()
        .filter(|refusal| NEVER.iter().all(|(never, _)| never != *refusal))
        .map(|refusal| (refusal.code().to_owned(), refusal.http_status()))
        .chain(OWN.map(|(code, status)| (code.to_owned(), status)))
        .collect();
    let seen: BTreeSet<_> = seen.0.into_iter().collect();
    let missing: Vec<_> = expected.difference(&seen).collect();
    let surprising: Vec<_> = seen.difference(&expected).collect();
    assert!(missing.is_empty(), "nothing here is answered with {missing:?}");
    assert!(surprising.is_empty(), "it is said that {surprising:?} never come");
}

impl Seen {
    async fn tokens_and_paths(&mut self) {
        let server = room(|_| {}).await;
        let expired = token_with(json!({"exp": 1_700_000_000, "video": {"room": "demo", "roomAdmin": true}}));
        let other = token_with(json!({"sub": "ada", "video": {"room": "other", "roomAdmin": true}}));
        let lock = "/v1/rooms/demo/seats/3/lock";
        self.problem(&server, "POST", lock, "rubbish", &[], "", "unauthenticated").await;
        self.problem(&server, "POST", lock, &expired, &[], "", "token_expired").await;
        self.problem(&server, "POST", lock, &other, &[], "", "forbidden").await;
        self.problem(&server, "GET", "/v1/events", &other, &[], "", "forbidden").await;
        self.problem(&server, "GET", "/v1/events?room=demo", &other, &[], "", "forbidden").await;
        self.problem(&server, "GET", "/v1/audit", &admin(), &[], "", "forbidden").await;
        self.problem(&server, "GET", "/v1/people/ben/data", &admin(), &[], "", "forbidden").await;
        self.problem(&server, "DELETE", "/v1/people/ben/data", &admin(), &[], "", "forbidden").await;
        let back_end = back_end();
        for path in [
            "/v1/events?kinds=seat.flown",
            "/v1/events?limit=0",
            "/v1/events?limit=501",
            "/v1/events?after=-1",
            "/v1/events?after=18446744073709551615",
            "/v1/events?room=a%20b",
            "/v1/audit?limit=x",
            "/v1/audit?identity=",
            "/v1/people/%00/data",
            "/v1/rooms?limit=1001",
        ] {
            self.problem(&server, "GET", path, &back_end, &[], "", "invalid_argument").await;
        }
        for path in ["hands?after=x", "invites?after=%00", "bans?limit=0", "participants?limit=501"] {
            self.problem(&server, "GET", &format!("/v1/rooms/demo/{path}"), &admin(), &[], "", "invalid_argument")
                .await;
        }
        self.problem(&server, "DELETE", "/v1/people/ben/data?keep_bans=maybe", &back_end, &[], "", "invalid_argument")
            .await;
        self.problem(&server, "GET", "/v1/nothing", &back_end, &[], "", "not_found").await;
        self.problem(&server, "GET", "/v1/rooms/demo/secrets", &admin(), &[], "", "not_found").await;
        self.problem(&server, "PUT", "/v1/events", &back_end, &[], "", "method_not_allowed").await;
        self.problem(&server, "DELETE", "/v1/audit", &back_end, &[], "", "method_not_allowed").await;
        self.problem(&server, "GET", "/v1/rooms/none", &back_end, &[], "", "room_not_found").await;
    }

    async fn seats(&mut self) {
        let server = room(|settings| settings.seats = 4).await;
        let (mut ben, _) = server.join("demo", "ben", Rank::Member).await;
        let (_cy, _) = server.join("demo", "cy", Rank::Member).await;
        ok(&mut ben, json!({"type": "seat_take", "seat": 1})).await;
        let assign = async |seen: &mut Self, seat: u8, whom: &str, code: &str| {
            let path = format!("/v1/rooms/demo/seats/{seat}/assign");
            let body = json!({"identity": whom}).to_string();
            seen.problem(&server, "POST", &path, &admin(), &[], &body, code).await
        };
        let problem = assign(self, 1, "cy", "seat_occupied").await;
        assert_eq!((&problem["details"]["holder"], &problem["details"]["next_open"]), (&json!("ben"), &json!(2)));
        assign(self, 2, "ben", "already_seated").await;
        assign(self, 9, "cy", "seat_not_found").await;
        let post = async |path: &str, body: Value| {
            let (status, answer) =
                server.http_json("POST", &format!("/v1/rooms/demo/{path}"), &admin(), &body.to_string()).await;
            assert_eq!(status, 200, "{path}: {answer}");
        };
        post("seats/2/assign", json!({"identity": "cy"})).await;
        assign(self, 2, "cy", "already_seated").await;
        let (_dan, _) = server.join("demo", "dan", Rank::Member).await;
        assign(self, 2, "dan", "seat_reserved").await;
        post("seats/3/lock", json!({})).await;
        assign(self, 3, "dan", "seat_locked").await;
        let swap = r#"{"with":3}"#;
        self.problem(&server, "POST", "/v1/rooms/demo/seats/1/swap", &admin(), &[], swap, "not_seated").await;
        let unlock = "/v1/rooms/demo/seats/3/unlock";
        self.problem(&server, "POST", unlock, &admin(), &[], r#"{"expect_rev":99}"#, "rev_conflict").await;
        let stale = [("if-match", "\"99\"")];
        let problem = self.problem(&server, "POST", unlock, &admin(), &stale, "", "precondition_failed").await;
        assert_eq!(problem["details"]["seat"]["index"], 3);
        let seat_of_room = "/v1/rooms/demo";
        self.problem(&server, "PATCH", seat_of_room, &admin(), &stale, r#"{"hands":"off"}"#, "precondition_failed")
            .await;
    }

    async fn hands_and_people(&mut self) {
        let server = room(|settings| settings.seats = 2).await;
        let (mut ben, _) = server.join("demo", "ben", Rank::Member).await;
        let (mut cy, _) = server.join("demo", "cy", Rank::Member).await;
        let post = async |path: &str, token: &str| {
            let (status, answer) = server.http_json("POST", &format!("/v1/rooms/demo/{path}"), token, "").await;
            assert_eq!(status, 200, "{path}: {answer}");
        };
        ok(&mut ben, json!({"type": "hand_raise", "mic_ready": true})).await;
        post("hands/ben/approve", &admin()).await;
        let other = token_with(json!({"sub": "other", "video": {"room": "demo", "roomAdmin": true}}));
        let approve = "/v1/rooms/demo/hands/ben/approve";
        self.problem(&server, "POST", approve, &other, &[], "", "hand_already_handled").await;
        ok(&mut cy, json!({"type": "hand_raise"})).await;
        let approve = "/v1/rooms/demo/hands/cy/approve";
        self.problem(&server, "POST", approve, &admin(), &[], "", "all_seats_taken").await;
        let mute = "/v1/rooms/demo/participants/nobody/mute";
        self.problem(&server, "POST", mute, &admin(), &[], "", "participant_not_found").await;
        ok(&mut cy, json!({"type": "hand_lower"})).await;
        self.problem(&server, "POST", "/v1/rooms/demo/hands/next", &admin(), &[], "", "hand_gone").await;
        ok(&mut cy, json!({"type": "prefs", "do_not_invite": true})).await;
        let invite = r#"{"identity":"cy"}"#;
        self.problem(&server, "POST", "/v1/rooms/demo/invites", &admin(), &[], invite, "do_not_invite").await;
        let (status, _) = server.http_json("POST", "/v1/rooms/demo/bans", &admin(), r#"{"identity":"eve"}"#).await;
        assert_eq!(status, 200);
        let eve = token_with(json!({"sub": "eve", "video": {"room": "demo", "roomJoin": true}}));
        self.problem(&server, "GET", "/v1/rooms/demo", &eve, &[], "", "banned").await;
    }

    async fn bounds(&mut self) {
        let server = room(|_| {}).await;
        let long = format!(r#"{{"identity":"cy","reason":"{}"}}"#, "x".repeat(64 * 1024));
        self.problem(&server, "POST", "/v1/rooms/demo/bans", &admin(), &[], &long, "too_large").await;
        let full = room(|settings| settings.bans_max = 1).await;
        let bans = "/v1/rooms/demo/bans";
        assert_eq!(full.http_json("POST", bans, &admin(), r#"{"identity":"cy"}"#).await.0, 200);
        self.problem(&full, "POST", bans, &admin(), &[], r#"{"identity":"dan"}"#, "memory_full").await;
        let few = server_with(|config| config.limits.rooms_max = 1).await;
        assert_eq!(few.http_json("POST", "/v1/rooms", &back_end(), r#"{"id":"one"}"#).await.0, 201);
        self.problem(&few, "POST", "/v1/rooms", &back_end(), &[], r#"{"id":"two"}"#, "node_full").await;
        let slow = |config: &mut SignalingConfig| (config.limits.http_per_second, config.limits.http_burst) = (1, 1);
        let slow = server_with(slow).await;
        assert_eq!(slow.http_json("GET", "/v1/rooms", &back_end(), "").await.0, 200);
        self.problem(&slow, "GET", "/v1/rooms", &back_end(), &[], "", "rate_limited").await;
        let key = [("idempotency-key", "k")];
        assert_eq!(self.with(&server, "PATCH", "/v1/rooms/demo", &key, r#"{"hands":"off"}"#).await.0, 200);
        let (status, head, body) = self.with(&server, "PATCH", "/v1/rooms/demo", &key, r#"{"hands":"on"}"#).await;
        assert_eq!((status, &body["code"], &body["status"]), (422, &json!("invalid_argument"), &json!(422)));
        assert!(head.contains("content-type: application/problem+json"));
    }

    async fn ends(&mut self) {
        let server = room(|_| {}).await;
        server.signaling.drain();
        self.problem(&server, "POST", "/v1/rooms", &back_end(), &[], r#"{"id":"two"}"#, "draining").await;
        assert!(server.signaling.shutdown(Duration::from_secs(5)).await);
        // The store is closed now, and so it cannot be read.
        self.problem(&server, "GET", "/v1/events", &back_end(), &[], "", "storage").await;
        self.problem(&server, "GET", "/v1/audit", &back_end(), &[], "", "storage").await;
        self.problem(&server, "GET", "/v1/people/ben/data", &back_end(), &[], "", "storage").await;
        self.problem(&server, "DELETE", "/v1/people/ben/data", &back_end(), &[], "", "storage").await;
    }

    /// A request that is answered with this code, as a problem should be.
    #[expect(clippy::too_many_arguments, reason = "a request and what comes of it, in one line each")]
    async fn problem(
        &mut self,
        server: &Server,
        method: &str,
        path: &str,
        token: &str,
        headers: &[(&str, &str)],
        body: &str,
        code: &str,
    ) -> Value {
        let bearer = format!("Bearer {token}");
        let headers: Vec<_> = [("authorization", bearer.as_str())].into_iter().chain(headers.iter().copied()).collect();
        let (status, head, text) = server.http(method, path, &headers, body).await;
        let problem: Value =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{method} {path}: {error}: {text}"));
        assert_eq!(problem["code"], code, "{method} {path}: {text}");
        assert_eq!((&problem["type"], &problem["status"]), (&json!("about:blank"), &json!(status)), "{method} {path}");
        assert!(problem["title"].as_str().is_some_and(|title| !title.is_empty()), "{method} {path}: {text}");
        assert!(head.contains("content-type: application/problem+json"), "{method} {path}: {head}");
        assert!(head.contains("cache-control: no-store"), "{method} {path}: {head}");
        assert_eq!(head.contains("www-authenticate: bearer"), status == 401, "{method} {path}: {head}");
        let retry_after = head.lines().find_map(|line| line.strip_prefix("retry-after: "));
        assert_eq!(retry_after.is_some(), matches!(status, 429 | 503), "{method} {path}: {head}");
        assert!(retry_after.is_none_or(|seconds| seconds.parse::<u64>().unwrap() >= 1));
        self.0.insert(code.to_owned(), status);
        problem
    }

    async fn with(
        &self,
        server: &Server,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> (u16, String, Value) {
        let bearer = format!("Bearer {}", admin());
        let headers: Vec<_> = [("authorization", bearer.as_str())].into_iter().chain(headers.iter().copied()).collect();
        let (status, head, text) = server.http(method, path, &headers, body).await;
        (status, head, serde_json::from_str(&text).unwrap())
    }
}

async fn room(change: impl FnOnce(&mut Settings)) -> Server {
    let server = server_with(|_| {}).await;
    let mut settings = Settings { seat_mode: SeatMode::Free, ..Settings::default() };
    change(&mut settings);
    server.signaling.create_room(&RoomId::parse("demo").unwrap(), settings).await;
    server
}

async fn ok(client: &mut Client, command: Value) {
    let reply = client.ask(command.clone()).await;
    assert!(reply.get("ok").is_some(), "{command}: {reply}");
}

fn admin() -> String {
    token_with(json!({"sub": "console", "video": {"room": "demo", "roomAdmin": true}}))
}

fn back_end() -> String {
    token_with(json!({"video": {"roomCreate": true, "roomList": true}}))
}
