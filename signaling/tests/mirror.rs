//! A back end that mirrors rooms knows where to begin, and comes to what the server shows.
#![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]

mod support;

use std::time::Duration;

use podium_signaling::room::Rank;
use serde_json::{Value, json};
use support::{Server, StoreFile, token_with};

async fn stop(server: Server) {
    assert!(server.signaling.shutdown(Duration::from_secs(5)).await);
}

fn back_end() -> String {
    token_with(json!({"sub": "ops", "video": {"roomList": true, "roomCreate": true}}))
}

fn admin() -> String {
    token_with(json!({"video": {"room": "demo", "roomAdmin": true}}))
}

async fn snapshot(server: &Server) -> Value {
    let (status, room) = server.http_json("GET", "/v1/rooms/demo", &back_end(), "").await;
    assert_eq!(status, 200, "{room}");
    room
}

async fn after(server: &Server, event_id: u64) -> Vec<Value> {
    let path = format!("/v1/events?room=demo&after={event_id}");
    let (status, page) = server.http_json("GET", &path, &back_end(), "").await;
    assert_eq!(status, 200, "{page}");
    page["items"].as_array().unwrap().clone()
}

/// What a mirror keeps of a room: seats, bans and mutes, without the passing of time.
#[derive(Debug, Clone, PartialEq)]
struct Mirror {
    seats: Vec<Value>,
    bans: Vec<Value>,
    mutes: Vec<Value>,
}

impl Mirror {
    fn of(room: &Value) -> Self {
        let part = |name: &str| room[name].as_array().unwrap().iter().cloned().map(timeless).collect();
        Self { seats: part("seats"), bans: part("bans"), mutes: part("mutes") }
    }

    fn apply(&mut self, event: &Value) {
        let data = &event["data"];
        match data["type"].as_str().unwrap() {
            "seat_changed" => {
                for seat in [data.get("seat"), data.get("other")].into_iter().flatten() {
                    let place = usize::try_from(seat["index"].as_u64().unwrap()).unwrap();
                    self.seats[place] = timeless(seat.clone());
                }
            }
            "ban_changed" => change(&mut self.bans, &data["ban"], data["banned"] == true),
            "mute_changed" => change(&mut self.mutes, &data["mute"], data["muted"] == true),
            _ => {}
        }
    }
}

fn change(list: &mut Vec<Value>, what: &Value, is_set: bool) {
    list.retain(|known| known["identity"] != what["identity"]);
    if is_set {
        list.insert(0, timeless(what.clone()));
    }
}

fn timeless(mut value: Value) -> Value {
    let fields = value.as_object_mut().unwrap();
    fields.retain(|name, _| !name.ends_with("_ms"));
    value
}

#[tokio::test]
async fn a_snapshot_and_the_events_after_it_are_the_later_snapshot() {
    let file = StoreFile::new("mirror-fold");
    let server = file.server(|config| config.auto_create = true).await;
    let (mut ada, welcome) = server.join("demo", "ada", Rank::Host).await;
    assert!(welcome["room"]["event_id"].as_u64().is_some(), "{welcome}");
    let (mut ben, _) = server.join("demo", "ben", Rank::Member).await;
    ada.ask(json!({"type": "room_update", "seat_mode": "free"})).await;
    ben.ask(json!({"type": "seat_take", "seat": 2})).await;
    let first = snapshot(&server).await;
    let mut mirror = Mirror::of(&first);
    let mut cursor = first["event_id"].as_u64().unwrap();
    for command in [
        json!({"type": "seat_lock", "seat": 5}),
        json!({"type": "member_mute", "identity": "ben"}),
        json!({"type": "member_ban", "identity": "eve", "reason": "noise", "for_ms": 600_000}),
        json!({"type": "member_ban", "identity": "mia"}),
        json!({"type": "seat_move", "seat": 3, "identity": "ben"}),
        json!({"type": "member_unban", "identity": "mia"}),
    ] {
        ada.ask(command).await;
        let later = snapshot(&server).await;
        for event in after(&server, cursor).await {
            assert!(event["event_id"].as_u64().unwrap() <= later["event_id"].as_u64().unwrap(), "{event}");
            mirror.apply(&event);
        }
        cursor = later["event_id"].as_u64().unwrap();
        assert_eq!(mirror, Mirror::of(&later));
    }
    let (_, bans) = server.http_json("GET", "/v1/rooms/demo/bans", &admin(), "").await;
    assert_eq!(bans["event_id"].as_u64(), Some(cursor), "{bans}");
    let (_, rooms) = server.http_json("GET", "/v1/rooms", &back_end(), "").await;
    assert!(rooms["event_id"].as_u64().unwrap() >= cursor);
    stop(server).await;
}

#[tokio::test]
async fn the_log_folds_to_the_same_seats_when_someone_was_erased() {
    let file = StoreFile::new("mirror-erase");
    let server = file.server(|config| config.auto_create = true).await;
    let (mut ada, welcome) = server.join("demo", "ada", Rank::Host).await;
    let mut mirror = Mirror::of(&welcome["room"]);
    let (mut ben, _) = server.join("demo", "ben", Rank::Member).await;
    let (mut cy, _) = server.join("demo", "cy", Rank::Member).await;
    ada.ask(json!({"type": "room_update", "seat_mode": "free"})).await;
    ben.ask(json!({"type": "seat_take", "seat": 2})).await;
    cy.ask(json!({"type": "seat_take", "seat": 4})).await;
    ben.ask(json!({"type": "message", "text": "my secret"})).await;
    ben.ask(json!({"type": "leave"})).await;
    let (status, erased) = server.http_json("DELETE", "/v1/people/ben/data", &back_end(), "").await;
    assert_eq!(status, 200, "{erased}");
    let events = after(&server, 0).await;
    let text = json!(events).to_string();
    assert!(!text.contains("\"ben\"") && !text.contains("my secret"), "{text}");
    let taken = events.iter().find(|event| event["data"]["cause"] == "taken").unwrap();
    assert_eq!((&taken["data"]["seat"]["index"], &taken["data"]["seat"]["state"]), (&json!(2), &json!("occupied")));
    assert!(taken["data"]["seat"]["identity"].as_str().unwrap().starts_with("erased-"), "{taken}");
    let left = events.iter().find(|event| event["type"] == "participant.left").unwrap();
    assert_eq!((&left["data"]["type"], &left["data"]["reason"]), (&json!("session_ended"), &json!("left")));
    events.iter().for_each(|event| mirror.apply(event));
    assert_eq!(mirror, Mirror::of(&snapshot(&server).await), "the seats are as they are");
    stop(server).await;
}

#[tokio::test]
async fn whoever_leaves_is_said_to_have_left_by_what() {
    let file = StoreFile::new("mirror-left");
    let server = file.server(|config| config.auto_create = true).await;
    let (mut ada, _) = server.join("demo", "ada", Rank::Host).await;
    let mut kept = Vec::new();
    for name in ["ben", "cy", "dan", "eve"] {
        kept.push(server.join("demo", name, Rank::Member).await.0);
    }
    kept[0].ask(json!({"type": "leave"})).await;
    ada.ask(json!({"type": "member_kick", "identity": "cy"})).await;
    ada.ask(json!({"type": "member_ban", "identity": "dan"})).await;
    let (_eve_again, _) = server.join("demo", "eve", Rank::Member).await;
    ada.ask(json!({"type": "room_close"})).await;
    let mut reasons = Vec::new();
    for _ in 0..400 {
        let told = after(&server, 0).await;
        let left = told.iter().filter(|event| event["type"] == "participant.left");
        reasons = left.map(|event| (event["data"]["identity"].clone(), event["data"]["reason"].clone())).collect();
        if reasons.len() == 6 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let of = |name: &str| {
        let of_name = reasons.iter().filter(|(who, _)| who == name).map(|(_, why)| why.as_str().unwrap());
        of_name.collect::<Vec<_>>()
    };
    assert_eq!((of("ben"), of("cy"), of("dan")), (vec!["left"], vec!["kicked"], vec!["banned"]));
    assert_eq!((of("eve"), of("ada")), (vec!["duplicate", "room_closed"], vec!["room_closed"]));
    stop(server).await;
}

#[tokio::test]
async fn a_room_that_is_there_says_how_it_differs_from_what_was_asked_for() {
    let server = support::server().await;
    let make = async |body: &str| server.http_json("POST", "/v1/rooms", &back_end(), body).await;
    let (status, made) = make(r#"{"id":"demo","seats":4,"seat_mode":"free"}"#).await;
    assert_eq!((status, made.get("differs")), (201, None), "{made}");
    let (status, again) = make(r#"{"id":"demo","seats":4,"seat_mode":"free"}"#).await;
    assert_eq!((status, again.get("differs")), (200, None), "{again}");
    let (status, other) = make(r#"{"id":"demo","seats":9,"hands":"off","turn_ms":0,"participants_max":7}"#).await;
    let differs = json!({
        "seats": {"asked": 9, "is": 4},
        "hands": {"asked": "off", "is": "on"},
        "participants_max": {"asked": 7, "is": 5000},
    });
    assert_eq!((status, &other["differs"]), (200, &differs), "{other}");
    assert_eq!(other["seats"].as_array().unwrap().len(), 4, "it is as it was");
    stop(server).await;
}
