//! Each limit at its edge: so many are allowed, and the next one is refused by name.
#![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]

mod support;

use podium_signaling::{
    Limits, clock,
    room::{Duplicates, Rank, Settings},
};
use serde_json::{Value, json};
use support::{Client, Server, server_with, token, token_with, until};

#[tokio::test]
async fn commands_at_once() {
    let server = limited(|limits| (limits.commands_per_second, limits.burst) = (1, 6)).await;
    let (mut ada, _) = server.join("demo", "ada", Rank::Host).await;
    // The join was the first of them.
    let begun = clock::now();
    let mut ids = Vec::new();
    for _ in 0..40 {
        ids.push(ada.send(json!({"type": "ping"})).await);
    }
    let mut allowed = 0;
    while ada.answer(&ids[allowed]).await.get("ok").is_some() {
        allowed += 1;
    }
    // One a second more: on a busy machine some seconds may go by.
    let most = 7 + usize::try_from((clock::now() - begun).as_secs()).unwrap();
    assert!((5..=most).contains(&allowed), "{allowed} of {most}");
    assert!(server.signaling.counters().refusals.value(podium_signaling::room::Refusal::RateLimited) > 0);
}

#[tokio::test]
async fn bytes_of_a_frame() {
    let server = limited(|limits| limits.frame_bytes = 2_048).await;
    let (mut ada, _) = server.join("demo", "ada", Rank::Host).await;
    let padded = |bytes: usize| {
        let frame = |padding: &str| json!({"type": "ping", "request_id": "p", "padding": padding}).to_string();
        frame(&"x".repeat(bytes - frame("").len()))
    };
    ada.raw(&padded(2_048)).await;
    assert!(ada.expect("reply").await.get("ok").is_some());
    ada.raw(&padded(2_049)).await;
    assert_eq!(ada.closed().await, 1009);
}

#[tokio::test]
async fn depth_of_a_frame() {
    let server = limited(|limits| limits.json_depth = 5).await;
    let (mut ada, _) = server.join("demo", "ada", Rank::Host).await;
    let nested = |depth: usize| {
        let arrays = depth - 1;
        format!(r#"{{"type":"ping","request_id":"d","x":{}{}}}"#, "[".repeat(arrays), "]".repeat(arrays))
    };
    ada.raw(&nested(5)).await;
    assert!(ada.expect("reply").await.get("ok").is_some());
    ada.raw(&nested(6)).await;
    assert_eq!(ada.expect("reply").await["error"]["code"], "invalid_argument");
}

#[tokio::test]
async fn characters_of_a_name() {
    let server = limited(|limits| limits.name_chars = 5).await;
    let named = |name: &str| {
        token_with(json!({"sub": "ada", "name": name, "video": {"room": "demo", "roomJoin": true, "roomAdmin": true}}))
    };
    let mut ada = server.connect("demo", &named("Ада!!")).await;
    ada.send(json!({"type": "join"})).await;
    assert_eq!(ada.next().await["self"]["name"], "Ада!!");
    leave(ada).await;
    let mut long = server.connect("demo", &named("123456")).await;
    long.send(json!({"type": "join"})).await;
    assert_eq!(long.next().await["self"]["name"], "12345", "a name too long is cut");
}

#[tokio::test]
async fn participants_of_a_room() {
    let server = room(|settings| settings.participants_max = 2).await;
    let (_ada, _) = server.join("demo", "ada", Rank::Host).await;
    let (ben, _) = server.join("demo", "ben", Rank::Member).await;
    let mut cy = server.connect("demo", &token("demo", "cy", Rank::Member)).await;
    assert_eq!(cy.ask(json!({"type": "join"})).await["error"]["code"], "room_full");
    assert_eq!(cy.next().await["action"], "retry");
    leave(ben).await;
    server.join("demo", "cy", Rank::Member).await;
}

#[tokio::test]
async fn hands_of_a_room() {
    let server = room(|settings| settings.hands_max = 2).await;
    let (_ada, _) = server.join("demo", "ada", Rank::Host).await;
    let mut people = people(&server, 3).await;
    for person in &mut people[..2] {
        ok(person, json!({"type": "hand_raise"})).await;
    }
    assert_eq!(people[2].ask(json!({"type": "hand_raise"})).await["error"]["code"], "rate_limited");
    ok(&mut people[0], json!({"type": "hand_lower"})).await;
    ok(&mut people[2], json!({"type": "hand_raise"})).await;
}

#[tokio::test]
async fn invites_of_a_room() {
    let server = room(|settings| settings.invites_max = 2).await;
    let (mut ada, _) = server.join("demo", "ada", Rank::Host).await;
    let mut people = people(&server, 3).await;
    let invite = |person: usize| json!({"type": "invite_send", "identity": format!("person-{person}")});
    for person in 0..2 {
        ok(&mut ada, invite(person)).await;
    }
    assert_eq!(ada.ask(invite(2)).await["error"]["code"], "rate_limited");
    ok(&mut people[0], json!({"type": "invite_decline"})).await;
    ok(&mut ada, invite(2)).await;
}

#[tokio::test]
async fn bans_of_a_room() {
    let server = room(|settings| settings.bans_max = 2).await;
    let (mut ada, _) = server.join("demo", "ada", Rank::Host).await;
    let ban = |person: usize| json!({"type": "member_ban", "identity": format!("person-{person}")});
    for person in 0..2 {
        ok(&mut ada, ban(person)).await;
    }
    assert_eq!(ada.ask(ban(2)).await["error"]["code"], "memory_full");
    ok(&mut ada, json!({"type": "member_unban", "identity": "person-0"})).await;
    ok(&mut ada, ban(2)).await;
}

#[tokio::test]
async fn rooms_of_a_server() {
    let server = limited(|limits| limits.rooms_max = 2).await;
    let (_ada, _) = server.join("one", "ada", Rank::Host).await;
    let (_ben, _) = server.join("two", "ben", Rank::Host).await;
    let mut cy = server.connect("three", &token("three", "cy", Rank::Host)).await;
    cy.send(json!({"type": "join"})).await;
    let bye = cy.next().await;
    assert_eq!((&bye["reason"], &bye["action"]), (&json!("node_full"), &json!("retry")));
    server.join("one", "cy", Rank::Host).await;
}

#[tokio::test]
async fn rooms_of_an_address() {
    let server = limited(|limits| limits.rooms_max = 200).await;
    let back_end = token_with(json!({"sub": "ops", "video": {"roomCreate": true}}));
    for number in 0..100 {
        let body = json!({"id": format!("made-{number}")}).to_string();
        assert_eq!(server.http_json("POST", "/v1/rooms", &back_end, &body).await.0, 201);
    }
    let (mut made, mut last) = (0, Value::Null);
    // One more may be made each second, and machines may be slow.
    while made < 99 && last != json!("node_full") {
        let room = format!("joined-{made}");
        let mut host = server.connect(&room, &token(&room, "ada", Rank::Host)).await;
        host.send(json!({"type": "join"})).await;
        last = host.next().await["reason"].clone();
        made += u32::from(last.is_null());
    }
    assert!(last == json!("node_full") && (50..99).contains(&made), "{made}: {last}");
    let body = json!({"id": "another"}).to_string();
    assert_eq!(server.http_json("POST", "/v1/rooms", &back_end, &body).await.0, 201, "there are some left for others");
}

#[tokio::test]
async fn sessions_of_a_server() {
    let server = limited(|limits| limits.sessions_max = 2).await;
    let (_ada, _) = server.join("demo", "ada", Rank::Host).await;
    let (ben, _) = server.join("demo", "ben", Rank::Member).await;
    assert_eq!(upgrade(&server, "cy").await, (503, "node_full".to_owned()));
    assert_eq!(server.signaling.counters().sessions_shed.value(), 1);
    leave(ben).await;
    until(|| server.signaling.counters().sessions.value() == 1).await;
    server.join("demo", "cy", Rank::Member).await;
}

#[tokio::test]
async fn sessions_of_an_address() {
    let server = limited(|limits| limits.sessions_per_address = 1).await;
    let (_ada, _) = server.join("demo", "ada", Rank::Host).await;
    assert_eq!(upgrade(&server, "ben").await, (429, "rate_limited".to_owned()));
}

#[tokio::test]
async fn sockets_that_have_not_joined() {
    let server = limited(|limits| limits.pending_joins_max = 2).await;
    let (_ada, _) = server.join("demo", "ada", Rank::Host).await;
    let mut oldest = server.connect("demo", &token("demo", "ben", Rank::Member)).await;
    let mut second = server.connect("demo", &token("demo", "cy", Rank::Member)).await;
    let mut third = server.connect("demo", &token("demo", "dan", Rank::Member)).await;
    let bye = oldest.next().await;
    assert_eq!((&bye["reason"], &bye["action"]), (&json!("node_full"), &json!("retry")));
    assert!(bye["retry_after_ms"].is_u64());
    assert_eq!(oldest.closed().await, 1000);
    for joining in [&mut second, &mut third] {
        // The media plane never answers, so it stays on its way in.
        joining.send(json!({"type": "join", "offer": "slow"})).await;
    }
    until(|| server.signaling.counters().frames_in.value() == 3).await;
    assert_eq!(
        upgrade(&server, "eve").await,
        (503, "node_full".to_owned()),
        "whoever is on the way in gives way to nobody"
    );
}

#[tokio::test]
async fn http_requests_of_a_caller() {
    let server = limited(|limits| (limits.http_per_second, limits.http_burst) = (1, 3)).await;
    let lists = |who: &str| token_with(json!({"sub": who, "video": {"roomList": true}}));
    for (token, status) in [(lists("ada"), 200), (lists("ben"), 200), ("rubbish".to_owned(), 401)] {
        for _ in 0..3 {
            assert_eq!(
                server.http_json("GET", "/v1/rooms", &token, "").await.0,
                status,
                "each has a rate of their own"
            );
        }
    }
    let mut refused = 0;
    // A token comes back each second, and machines may be slow.
    for _ in 0..10 {
        let bearer = format!("Bearer {}", lists("ada"));
        let (status, head, body) = server.http("GET", "/v1/rooms", &[("authorization", &bearer)], "").await;
        if status == 429 {
            assert!(head.contains("retry-after: 1") && body.contains("rate_limited"), "{head}");
            refused += 1;
        }
    }
    assert!(refused > 0);
    // Sessions are not counted here.
    server.join("demo", "ada", Rank::Host).await;
}

#[tokio::test]
async fn files_of_an_address() {
    let server = limited(|limits| (limits.http_per_second, limits.http_burst) = (1, 3)).await;
    for path in ["/", "/app.js", "/v1/openapi.json", "/v1/docs", "/nothing"] {
        let first = server.http("GET", path, &[], "").await.0;
        assert!(first == 200 || first == 404, "{path}: {first}");
    }
    let mut statuses = Vec::new();
    // Eight come back each second, and machines may be slow.
    while statuses.last() != Some(&429) && statuses.len() < 10_000 {
        let (status, head, body) = server.http("GET", "/app.js", &[], "").await;
        assert!(status == 200 || head.contains("retry-after: 1") && body.contains("rate_limited"), "{status} {head}");
        statuses.push(status);
    }
    assert!(statuses.len() > 10 && statuses.last() == Some(&429), "{}", statuses.len());
    let lists = token_with(json!({"sub": "ada", "video": {"roomList": true}}));
    assert_eq!(server.http_json("GET", "/v1/rooms", &lists, "").await.0, 200, "the API is counted apart");
}

#[tokio::test]
async fn joins_of_an_identity() {
    let server = limited(|limits| (limits.identity_joins_per_second, limits.identity_joins_burst) = (1, 5)).await;
    let (_ada, _) = server.join("demo", "ada", Rank::Host).await;
    for _ in 0..5 {
        leave(server.join("demo", "ben", Rank::Member).await.0).await;
    }
    let mut refused = 0;
    // A join comes back each second, and machines may be slow.
    for _ in 0..20 {
        let mut ben = server.connect("demo", &token("demo", "ben", Rank::Member)).await;
        ben.send(json!({"type": "join"})).await;
        let first = ben.next().await;
        if first["type"] == "bye" {
            assert_eq!((&first["reason"], &first["action"]), (&json!("rate_limited"), &json!("retry")));
            assert!((1..=1_000).contains(&first["retry_after_ms"].as_u64().unwrap()), "{first}");
            refused += 1;
        } else {
            leave(ben).await;
        }
    }
    assert!(refused > 0);
    server.join("demo", "cy", Rank::Member).await;
    server.join("other", "ben", Rank::Host).await;
}

#[tokio::test]
async fn sessions_of_an_identity() {
    let server = server_with(|config| {
        config.limits.sessions_per_identity = 2;
        config.settings.duplicates = Duplicates::Allow;
    })
    .await;
    let (_ada, _) = server.join("demo", "ada", Rank::Host).await;
    let (one, _) = server.join("demo", "ben", Rank::Member).await;
    let (_two, _) = server.join("demo", "ben", Rank::Member).await;
    assert_eq!(upgrade(&server, "ben").await, (429, "rate_limited".to_owned()));
    leave(one).await;
    until(|| server.signaling.counters().sessions.value() == 2).await;
    server.join("demo", "ben", Rank::Member).await;
}

async fn limited(change: impl FnOnce(&mut Limits)) -> Server {
    server_with(|config| change(&mut config.limits)).await
}

async fn room(change: impl FnOnce(&mut Settings)) -> Server {
    server_with(|config| change(&mut config.settings)).await
}

async fn people(server: &Server, count: usize) -> Vec<Client> {
    let mut people = Vec::new();
    for person in 0..count {
        people.push(server.join("demo", &format!("person-{person}"), Rank::Member).await.0);
    }
    people
}

/// The answer to an upgrade that is refused before it: status and code.
async fn upgrade(server: &Server, identity: &str) -> (u16, String) {
    let headers = [
        ("connection", "upgrade, close"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    let path = format!("/v1/rooms/demo/session?access_token={}", token("demo", identity, Rank::Member));
    let (status, head, body) = server.http("GET", &path, &headers, "").await;
    assert!(head.contains("retry-after: "), "{head}");
    let problem: Value = serde_json::from_str(&body).unwrap();
    (status, problem["code"].as_str().unwrap().to_owned())
}

async fn leave(mut client: Client) {
    ok(&mut client, json!({"type": "leave"})).await;
    client.closed().await;
}

async fn ok(client: &mut Client, command: Value) {
    let reply = client.ask(command.clone()).await;
    assert!(reply.get("ok").is_some(), "{command}: {reply}");
}
