//! The body of `POST /v1/rooms`.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    protocol::{SCHEDULE_MS_MAX, body::CreateRoom},
    room::{Duplicates, Interrupt, Promote, SeatMode, Settings},
};

const NOW_MS: u64 = 1_800_000_000_000;

#[test]
fn what_the_body_leaves_out_is_as_the_server_has_it() {
    let defaults = Settings { seats: 5, auto_offer: true, turn: Some(Duration::from_secs(60)), ..Settings::default() };
    assert_eq!(settings(json!({"id": "demo"}), &defaults), Ok(defaults));
}

#[test]
fn everything_can_be_said() {
    let body = json!({
        "id": "demo", "seats": 32, "seat_mode": "free", "hands": "off", "interrupt": "hold", "auto_offer": true, "turn_ms": 10000,
        "promote": "none", "duplicates": "allow", "participants_max": 500, "scheduled": {"at": NOW_MS + 5000}, "from_the_future": 1
    });
    let expected = Settings {
        seats: 32,
        seat_mode: SeatMode::Free,
        hands: false,
        interrupt: Interrupt::Hold,
        auto_offer: true,
        turn: Some(Duration::from_secs(10)),
        promote: Promote::None,
        duplicates: Duplicates::Allow,
        participants_max: 500,
        opens_in: Some(Duration::from_secs(5)),
        ..Settings::default()
    };
    assert_eq!(settings(body, &Settings::default()), Ok(expected));
}

#[test]
fn a_turn_of_nothing_has_no_end() {
    let defaults = Settings { turn: Some(Duration::from_secs(60)), ..Settings::default() };
    assert_eq!(settings(json!({"id": "demo", "turn_ms": 0}), &defaults).unwrap().turn, None);
}

#[test]
fn what_cannot_be_is_refused_with_its_name() {
    for (field, value) in [
        ("seats", json!(0)),
        ("seats", json!(33)),
        ("participants_max", json!(0)),
        ("participants_max", json!(100_001)),
        ("turn_ms", json!(9_999)),
        ("turn_ms", json!(3_600_001)),
        ("scheduled", json!({"at": NOW_MS - 1})),
        ("scheduled", json!({"at": NOW_MS + SCHEDULE_MS_MAX + 1})),
    ] {
        let mut body = json!({"id": "demo"});
        body[field] = value;
        let why = settings(body, &Settings::default()).unwrap_err();
        assert!(why.contains(field), "{why}");
    }
    let furthest = json!({"id": "demo", "scheduled": {"at": NOW_MS + SCHEDULE_MS_MAX}});
    assert!(settings(furthest, &Settings::default()).is_ok());
}

fn settings(body: Value, defaults: &Settings) -> Result<Settings, &'static str> {
    serde_json::from_value::<CreateRoom>(body).unwrap().settings(defaults, NOW_MS)
}
