//! Webhooks from a room to a receiver: what people do in a room arrives, signed, in order and without a gap, though the receiver was away and the server
//! was started anew in between.
#![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]

mod support;

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU16, Ordering::Relaxed},
    },
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use podium_signaling::{
    clock,
    ids::{Identity, RoomId},
    metrics::TryOutcome,
    monitor::{Budgeted, LatencyAct, LatencyEvent},
    room::Rank,
    webhook::{
        Target, WebhookSecret,
        signature::{self, Headers},
    },
};
use serde_json::{Value, json};
use support::{Server, server_with, token_with, until};

/// A receiver that keeps what is signed well, and answers as it is told to.
#[derive(Clone)]
struct Receiver {
    url: String,
    status: Arc<AtomicU16>,
    received: Arc<Mutex<Vec<Value>>>,
}

impl Receiver {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/podium", listener.local_addr().unwrap());
        let receiver = Self { url, status: Arc::new(AtomicU16::new(200)), received: Arc::default() };
        let desk = receiver.clone();
        let take = async move |headers: HeaderMap, body: Bytes| desk.take(&headers, &body);
        let router = Router::new().route("/podium", post(take));
        tokio::spawn(async move { axum::serve(listener, router).await });
        receiver
    }

    fn take(&self, headers: &HeaderMap, body: &[u8]) -> StatusCode {
        let header = |name: &str| headers[name].to_str().unwrap();
        let signed = Headers {
            id: header("webhook-id"),
            timestamp: header("webhook-timestamp"),
            signature: header("webhook-signature"),
        };
        signature::verify(&[secret()], signed, body, clock::unix_seconds()).unwrap();
        let status = self.status.load(Relaxed);
        if status == 200 {
            self.received.lock().unwrap().push(serde_json::from_slice(body).unwrap());
        }
        StatusCode::from_u16(status).unwrap()
    }

    fn received(&self) -> Vec<Value> {
        self.received.lock().unwrap().clone()
    }

    fn has(&self, kind: &str) -> bool {
        self.received().iter().any(|event| event["type"] == kind)
    }
}

fn secret() -> WebhookSecret {
    WebhookSecret::new(vec![7; 32])
}

async fn server(file: &std::path::Path, receiver: &Receiver, kinds: &[&str]) -> Server {
    server_with(|config| {
        config.store.path = Some(file.to_owned());
        config.webhooks.allow_private = true;
        config.webhooks.targets = vec![Target {
            name: "receiver".to_owned(),
            url: receiver.url.clone(),
            secrets: vec![secret()],
            kinds: kinds.iter().map(|kind| (*kind).to_owned()).collect(),
        }];
    })
    .await
}

/// A folder of its own, which goes with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("podium-webhooks-{}-{name}", std::process::id()));
        let _absent = std::fs::remove_dir_all(&path);
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}

/// The log as a back end reads it again.
async fn log(server: &Server) -> Vec<Value> {
    let token = token_with(json!({"sub": "back end", "video": {"roomList": true}}));
    let (status, page) = server.http_json("GET", "/v1/events?limit=100", &token, "").await;
    assert_eq!(status, 200, "{page}");
    page["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn what_happens_in_a_room_arrives_as_it_stands_in_the_log() {
    let folder = Folder::new("log");
    let receiver = Receiver::start().await;
    let server = server(&folder.0.join("podium.db"), &receiver, &[]).await;
    let (mut ada, _) = server.join("demo", "ada", Rank::Host).await;
    let (mut ben, _) = server.join("demo", "ben", Rank::Member).await;
    ben.ask(json!({"type": "hand_raise"})).await;
    ada.ask(json!({"type": "seat_lock", "seat": 3})).await;
    ada.ask(json!({"type": "room_close"})).await;
    until(|| receiver.has("room.closed")).await;
    let received = receiver.received();
    assert_eq!(received[0]["type"], "room.created");
    for kind in ["participant.joined", "hand.changed", "seat.changed", "moderation.seat_lock"] {
        assert!(receiver.has(kind), "{kind}: {received:#?}");
    }
    // Whoever leaves with the room may be told after its end.
    let log = log(&server).await;
    until(|| receiver.received().len() >= log.len()).await;
    assert_eq!(receiver.received()[..log.len()], log);
    assert!(server.signaling.shutdown(Duration::from_secs(5)).await);
}

#[tokio::test]
async fn what_a_receiver_missed_arrives_in_order_after_a_restart() {
    let folder = Folder::new("restart");
    let file = folder.0.join("podium.db");
    let receiver = Receiver::start().await;
    let kinds = ["seat.*", "room.created", "moderation.seat_lock"];
    let first = server(&file, &receiver, &kinds).await;
    let (mut ada, _) = first.join("demo", "ada", Rank::Host).await;
    until(|| receiver.has("room.created")).await;
    receiver.status.store(503, Relaxed);
    for seat in 1..5 {
        ada.ask(json!({"type": "seat_lock", "seat": seat})).await;
    }
    let tries = || first.signaling.counters().webhooks[0].tries.value(TryOutcome::Status);
    until(|| tries() > 0).await;
    assert!(first.signaling.shutdown(Duration::from_secs(5)).await);
    receiver.status.store(200, Relaxed);
    let again = server(&file, &receiver, &kinds).await;
    until(|| receiver.received().iter().filter(|event| event["type"] == "moderation.seat_lock").count() == 4).await;
    let wanted = |event: &Value| {
        let kind = event["type"].as_str().unwrap();
        kind.starts_with("seat.") || kinds.contains(&kind)
    };
    let log: Vec<Value> = log(&again).await.into_iter().filter(wanted).collect();
    until(|| receiver.received().len() >= log.len()).await;
    assert_eq!(receiver.received(), log, "each once, in order, nothing left out");
    let counts = &again.signaling.counters().webhooks[0];
    assert_eq!((counts.name.as_str(), counts.given_up.value()), ("receiver", 0));
    assert!(again.signaling.shutdown(Duration::from_secs(5)).await);
}

#[tokio::test]
async fn what_the_latency_monitor_finds_out_is_in_the_log_arrives_and_can_be_erased() {
    let folder = Folder::new("latency");
    let receiver = Receiver::start().await;
    let server = server(&folder.0.join("podium.db"), &receiver, &["latency.*"]).await;
    let (mut ada, _) = server.join("demo", "ada", Rank::Host).await;
    ada.ask(json!({"type": "seat_lock", "seat": 3})).await;
    let (demo, ben) = (RoomId::parse("demo").unwrap(), Identity::parse("ben").unwrap());
    let lag = Budgeted {
        budget: "mouth_to_ear",
        room: Some(demo.clone()),
        identity: Some(ben.clone()),
        value: 612.4,
        limit: 500.0,
        unit: "ms",
        cause: Some("downlink"),
    };
    let join = Budgeted { budget: "join", room: None, identity: None, value: 540.0, cause: None, ..lag.clone() };
    let act = LatencyAct { act: "flag_participant", why: "mouth_to_ear", room: Some(demo), identity: Some(ben) };
    for event in [LatencyEvent::Breached(lag), LatencyEvent::Recovered(join), LatencyEvent::Acted(act)] {
        server.signaling.record_latency(&event);
    }
    until(|| receiver.received().len() == 3).await;
    let mut received = receiver.received();
    // Those of a room and those of the server do not wait for each other.
    received.sort_by_key(|event| event["event_id"].as_u64());
    let told: Vec<_> = received.iter().map(|event| (event["type"].clone(), event["data"].clone())).collect();
    let breached = json!({
        "type": "latency_breached", "budget": "mouth_to_ear", "identity": "ben", "value": 612.4, "limit": 500.0, "unit": "ms",
        "cause": "downlink",
    });
    let recovered =
        json!({"type": "latency_recovered", "budget": "join", "value": 540.0, "limit": 500.0, "unit": "ms"});
    let acted = json!({"type": "latency_acted", "act": "flag_participant", "why": "mouth_to_ear", "identity": "ben"});
    assert_eq!(
        told,
        [
            (json!("latency.breached"), breached),
            (json!("latency.recovered"), recovered),
            (json!("latency.acted"), acted)
        ]
    );
    assert_eq!((&received[0]["room"], received[1].get("room")), (&json!("demo"), None));
    assert!(received[0]["seq"].as_u64().unwrap() >= 1, "the number of the room's last event: {}", received[0]);

    let of_latency = |events: Vec<Value>| -> Vec<Value> {
        events.into_iter().filter(|event| event["type"].as_str().unwrap().starts_with("latency.")).collect()
    };
    assert_eq!(of_latency(log(&server).await), received);
    let owner = token_with(json!({"sub": "owner", "video": {"roomList": true, "roomCreate": true}}));
    let (_, kept) = server.http_json("GET", "/v1/people/ben/data", &owner, "").await;
    assert_eq!(kept["events"].as_array().unwrap().len(), 2, "{kept}");
    assert_eq!(server.http_json("DELETE", "/v1/people/ben/data", &owner, "").await.0, 200);
    let left = of_latency(log(&server).await);
    let kinds: Vec<_> = left.iter().map(|event| event["data"]["type"].clone()).collect();
    assert_eq!(kinds, ["latency_breached", "latency_recovered", "latency_acted"], "each is what it was");
    let names: Vec<_> = left.iter().filter_map(|event| event["data"]["identity"].as_str()).collect();
    assert!(names.len() == 2 && names[0] == names[1] && names[0].starts_with("erased-"), "{names:?}");
    assert!(server.signaling.shutdown(Duration::from_secs(5)).await);
}
