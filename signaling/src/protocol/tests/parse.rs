//! What is and is not a command: faults, strikes, limits, and texts of every kind that must not make the parser stop.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{DEPTH, golden};
use crate::{
    ids::{RequestId, SeatIndex},
    protocol::{
        MESSAGE_CHARS_MAX, NOTICE_MS_MAX, OFFER_BYTES_MAX, REACTION_CHARS_MAX, REASON_CHARS_MAX,
        RESUME_TOKEN_CHARS_MAX, TURN_MS,
        client::{self, Command, Fault},
    },
    room::{Act, Refusal, RoomChange},
};

#[test]
fn wrong_fields_are_invalid_arguments_of_their_request() {
    for frame in [
        r#"{"type":"seat_take","request_id":"1"}"#,
        r#"{"type":"seat_take","request_id":"1","seat":"1"}"#,
        r#"{"type":"seat_take","request_id":"1","seat":null}"#,
        r#"{"type":"seat_take","request_id":"1","seat":1.5}"#,
        r#"{"type":"seat_take","request_id":"1","seat":1,"seat":2}"#,
        r#"{"type":"join","request_id":"1","offer":7}"#,
        r#"{"type":"join","request_id":"1","mic_ready":"yes"}"#,
        r#"{"type":"hand_approve","request_id":"1","identity":""}"#,
        r#"{"type":"hand_approve","request_id":"1","identity":"a\u0000b"}"#,
        r#"{"type":"mute_self","request_id":"1","muted":0}"#,
        r#"{"type":"room_update","request_id":"1","hands":true}"#,
        r#"{"type":"room_update","request_id":"1","seat_mode":"closed"}"#,
        r#"{"type":"stats","request_id":"1","rtt_ms":-1}"#,
        r#"{"type":"stats","request_id":"1","rtt_ms":60000.001}"#,
        r#"{"type":"stats","request_id":"1","device_ms":-0.5}"#,
        r#"{"type":"stats","request_id":"1","jitter_buffer_ms":1e999}"#,
        r#"{"type":"stats","request_id":"1","join_ms":-1e999}"#,
        r#"{"type":"stats","request_id":"1","rtt_ms":"NaN"}"#,
        r#"{"type":"stats","request_id":"1","received":1000000000001}"#,
        r#"{"type":"stats","request_id":"1","concealed":18446744073709551616}"#,
        r#"{"type":"stats","request_id":"1","lost":-1}"#,
        r#"{"type":"stats","request_id":"1","lost":1.5}"#,
        r#"{"type":"seat_lock","request_id":"1","seat":1,"expect_rev":-1}"#,
        r#"{"type":"ping","request_id":"1","x":1e999}"#,
        r#"{"type":"resume","request_id":"1","resume_token":"t"}"#,
        r#"{"type":"resume","request_id":"1","last_seq":1}"#,
        r#"{"type":"resume","request_id":"1","resume_token":"t","last_seq":-1}"#,
        r#"{"type":"ice_restart","request_id":"1"}"#,
        r#"{"type":"seat_swap","request_id":"1","seat":1}"#,
        r#"{"type":"invite_revoke","request_id":"1"}"#,
        r#"{"type":"invite_revoke","request_id":"1","invite":"IN_1","identity":"ben"}"#,
        r#"{"type":"invite_accept","request_id":"1","invite":"HD_1"}"#,
        r#"{"type":"invite_accept","request_id":"1","invite":3}"#,
        r#"{"type":"member_rank","request_id":"1","identity":"ben","rank":"king"}"#,
        r#"{"type":"message","request_id":"1","text":"a\u0007b"}"#,
        r#"{"type":"reaction","request_id":"1","kind":"a\nb"}"#,
        r#"{"type":"member_ban","request_id":"1","identity":"ben","reason":"a\nb"}"#,
        r#"{"type":"room_update","request_id":"1","phase":"closed"}"#,
        r#"{"type":"room_update","request_id":"1","turn_ms":"0"}"#,
        r#"{"type":"room_update","request_id":"1","auto_offer":"on"}"#,
        r#"{"type":"room_close","request_id":"1","notice_ms":-1}"#,
    ] {
        let fault = client::parse(frame, DEPTH).unwrap_err();
        assert_eq!(
            (fault.refusal, fault.request, fault.is_strike),
            (Refusal::InvalidArgument, Some(request("1")), false),
            "{frame}"
        );
    }
}

#[test]
fn texts_are_taken_up_to_their_limit() {
    let spoken = |kind: &str, field: &str, chars: usize| {
        let mut frame = json!({"type": kind, "request_id": "1", "identity": "ben", "last_seq": 1});
        frame[field] = json!("ж".repeat(chars));
        client::parse(&frame.to_string(), DEPTH).map(|request| request.command)
    };
    for (kind, field, min, max) in [
        ("message", "text", 1, MESSAGE_CHARS_MAX),
        ("reaction", "kind", 1, REACTION_CHARS_MAX),
        ("member_kick", "reason", 0, REASON_CHARS_MAX),
        ("member_ban", "reason", 0, REASON_CHARS_MAX),
        ("resume", "resume_token", 1, RESUME_TOKEN_CHARS_MAX),
    ] {
        assert!(spoken(kind, field, min).is_ok(), "{kind}");
        assert!(spoken(kind, field, max).is_ok(), "{kind}");
        let fault = spoken(kind, field, max + 1).unwrap_err();
        assert!(fault.message.starts_with(&format!("`{field}` must have")), "{}", fault.message);
        assert!(fault.message.contains(&format!("{max} characters")), "{}", fault.message);
        assert_eq!((fault.refusal, fault.is_strike), (Refusal::InvalidArgument, false));
        assert_eq!(spoken(kind, field, 0).is_ok(), min == 0, "{kind}");
    }
    let Ok(Command::Act(Act::MemberBan { reason, .. })) = spoken("member_ban", "reason", 0) else { panic!("a ban") };
    assert_eq!(reason, None);
}

#[test]
fn a_text_that_others_see_is_trimmed_shows_something_and_hides_nothing() {
    let said = |kind: &str, field: &str, text: &str| {
        let mut frame = json!({"type": kind, "request_id": "1", "identity": "ben"});
        frame[field] = json!(text);
        match client::parse(&frame.to_string(), DEPTH).map(|request| request.command) {
            Ok(Command::Act(Act::Message { text } | Act::Reaction { kind: text })) => Ok(Some(text)),
            Ok(Command::Act(Act::MemberKick { reason, .. } | Act::MemberBan { reason, .. })) => Ok(reason),
            Ok(other) => panic!("{other:?}"),
            Err(fault) => Err((fault.refusal, fault.is_strike)),
        }
    };
    for (kind, field) in
        [("message", "text"), ("reaction", "kind"), ("member_kick", "reason"), ("member_ban", "reason")]
    {
        for (text, kept) in [(" 👩‍🚀 ", "👩‍🚀"), ("\u{3000}می‌خواهم\n", "می‌خواهم"), ("so so", "so so")]
        {
            assert_eq!(said(kind, field, text), Ok(Some(kept.to_owned())), "{kind} {text:?}");
        }
        for text in [
            "\u{202e}no",
            "a\u{200b}b",
            "\u{3164}",
            "a\u{2066}b\u{2069}",
            "no\u{ad}de",
            "a\u{2028}b",
            "a\u{0}b",
            "\u{e000}",
        ] {
            assert_eq!(said(kind, field, text), Err((Refusal::InvalidArgument, false)), "{kind} {text:?}");
        }
        for blank in [" ", "\n\n", "\u{2800}", "\u{2003}\u{a0}"] {
            let expected = if field == "reason" { Ok(None) } else { Err((Refusal::InvalidArgument, false)) };
            assert_eq!(said(kind, field, blank), expected, "{kind} {blank:?}");
        }
    }
    assert_eq!(said("message", "text", "one\ntwo\n"), Ok(Some("one\ntwo".to_owned())));
    assert!(said("reaction", "kind", "one\ntwo").is_err());
}

#[test]
fn a_whole_number_is_an_integer_however_it_is_written() {
    for text in [
        r#"{"type":"seat_take","request_id":"1","seat":3.0}"#,
        r#"{"type":"seat_take","request_id":"1","seat":3e0}"#,
        r#"{"type":"seat_take","request_id":"1","seat":30E-1}"#,
    ] {
        let command = client::parse(text, DEPTH).unwrap().command;
        assert_eq!(command, Command::Act(Act::SeatTake { seat: SeatIndex::new(3).unwrap() }), "{text}");
    }
    let room = r#"{"type":"room_update","request_id":"1","turn_ms":6e4}"#;
    assert!(matches!(client::parse(room, DEPTH).unwrap().command, Command::Act(Act::RoomUpdate(_))));
    let half = r#"{"type":"seat_take","request_id":"1","seat":3.5}"#;
    assert_eq!(client::parse(half, DEPTH).unwrap_err().refusal, Refusal::InvalidArgument);
}

#[test]
fn times_are_taken_within_their_range() {
    let takes = |kind: &str, field: &str, value: u64| {
        let mut frame = json!({"type": kind, "request_id": "1"});
        frame[field] = json!(value);
        match client::parse(&frame.to_string(), DEPTH) {
            Ok(_) => true,
            Err(fault) => {
                assert!(fault.message.contains(field), "{}", fault.message);
                assert_eq!(fault.refusal, Refusal::InvalidArgument);
                false
            }
        }
    };
    for (turn_ms, is_taken) in [
        (0, true),
        (1, false),
        (*TURN_MS.start() - 1, false),
        (*TURN_MS.start(), true),
        (*TURN_MS.end(), true),
        (*TURN_MS.end() + 1, false),
        (u64::MAX, false),
    ] {
        assert_eq!(takes("room_update", "turn_ms", turn_ms), is_taken, "{turn_ms}");
    }
    for (notice_ms, is_taken) in [(0, true), (NOTICE_MS_MAX, true), (NOTICE_MS_MAX + 1, false), (u64::MAX, false)] {
        assert_eq!(takes("room_close", "notice_ms", notice_ms), is_taken, "{notice_ms}");
    }
}

#[test]
fn a_change_of_nothing_is_for_the_room_to_refuse() {
    let parsed = client::parse(r#"{"type":"room_update","request_id":"1"}"#, DEPTH).unwrap();
    assert_eq!(parsed.command, Command::Act(Act::RoomUpdate(RoomChange::default())));
}

#[test]
fn a_seat_that_no_room_has_is_not_found() {
    for seat in [-1, 32, 256, i64::MAX] {
        for (kind, field) in [("seat_take", "seat"), ("seat_swap", "with"), ("hand_raise", "wanted_seat")] {
            let mut frame = json!({"type": kind, "request_id": "1", "seat": 1});
            frame[field] = json!(seat);
            assert_eq!(client::parse(&frame.to_string(), DEPTH).unwrap_err().refusal, Refusal::SeatNotFound);
        }
    }
}

#[test]
fn an_unknown_type_is_told_with_its_request() {
    for kind in ["seat_fly", "seat_changed", "", "Join", "unknown"] {
        let fault = client::parse(&json!({"type": kind, "request_id": "9"}).to_string(), DEPTH).unwrap_err();
        assert_eq!((fault.refusal, fault.request, fault.is_strike), (Refusal::UnknownType, Some(request("9")), false));
    }
}

#[test]
fn a_request_needs_an_id() {
    for id in [json!(null), json!(7), json!(""), json!("x".repeat(65)), json!("\n"), json!(["1"])] {
        let fault = client::parse(&json!({"type": "ping", "request_id": id}).to_string(), DEPTH).unwrap_err();
        assert_eq!((fault.refusal, fault.request, fault.is_strike), (Refusal::InvalidArgument, None, false));
    }
    assert!(client::parse(&json!({"type": "ping", "request_id": "x".repeat(64)}).to_string(), DEPTH).is_ok());
}

#[test]
fn what_is_no_frame_is_a_strike() {
    let deep = format!(r#"{{"type":"ping","request_id":"1","x":{}{}}}"#, "[".repeat(10_000), "]".repeat(10_000));
    let many_keys = format!("{{{}", r#""a":1,"#.repeat(10_000));
    for text in [
        "",
        "null",
        "7",
        "\"join\"",
        "[]",
        "{}",
        "{",
        r#"{"type":null}"#,
        r#"{"type":7,"request_id":"1"}"#,
        r#"{"type":{},"request_id":"1"}"#,
        r#"{"type":"ping","type":"ping","request_id":"1"}"#,
        r#"{"type":"ping","request_id":"\ud800"}"#,
        "{\"type\":\"ping\u{0}\",\"request_id\":\"1\"}",
        &deep,
        &many_keys,
    ] {
        let Fault { refusal, is_strike, .. } = client::parse(text, DEPTH).unwrap_err();
        assert_eq!((refusal, is_strike), (Refusal::InvalidArgument, true), "{text:.80}");
    }
}

#[test]
fn nesting_and_offers_are_taken_up_to_their_limit() {
    let nested = |depth: usize| {
        format!(r#"{{"type":"ping","request_id":"1","x":{}{}}}"#, "[".repeat(depth - 1), "]".repeat(depth - 1))
    };
    assert!(client::parse(&nested(DEPTH), DEPTH).is_ok());
    assert!(client::parse(&nested(DEPTH + 1), DEPTH).unwrap_err().is_strike);
    let offered = |bytes: usize| {
        client::parse(&json!({"type": "join", "request_id": "1", "offer": "v".repeat(bytes)}).to_string(), DEPTH)
    };
    assert!(offered(OFFER_BYTES_MAX).is_ok());
    let fault = offered(OFFER_BYTES_MAX + 1).unwrap_err();
    assert_eq!((fault.refusal, fault.request, fault.is_strike), (Refusal::InvalidArgument, Some(request("1")), false));
}

proptest! {
    #[test]
    fn nothing_that_comes_as_a_frame_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        judge(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn any_json_is_a_command_or_has_a_code(value in json_value()) {
        judge(&value.to_string());
    }

    #[test]
    fn a_command_with_a_field_changed_is_a_command_or_has_a_code(
        (_, text) in proptest::sample::select(golden("client")),
        field in proptest::sample::select(golden_fields()),
        value in json_value(),
    ) {
        let mut frame: Value = serde_json::from_str(&text).unwrap();
        frame[field] = value;
        judge(&frame.to_string());
    }

    #[test]
    fn a_command_with_characters_changed_is_a_command_or_has_a_code(
        (_, text) in proptest::sample::select(golden("client")),
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<Option<char>>()), 1..4),
    ) {
        let mut chars: Vec<char> = text.chars().collect();
        for (at, change) in changes {
            let at = at.index(chars.len());
            match change {
                Some(other) => chars[at] = other,
                None => chars.truncate(at.max(1)),
            }
        }
        judge(&chars.into_iter().collect::<String>());
    }
}

/// Whatever is said gets a command or a code; and its request is known if it can be answered.
fn judge(text: &str) {
    match client::parse(text, DEPTH) {
        Ok(request) => assert_eq!(client::request_of(text, DEPTH), Some(request.id)),
        Err(fault) => {
            assert!([Refusal::InvalidArgument, Refusal::UnknownType, Refusal::SeatNotFound].contains(&fault.refusal));
            assert!(!fault.message.is_empty());
            assert!(!fault.is_strike || fault.refusal == Refusal::InvalidArgument);
        }
    }
}

/// JSON as it comes, a little deeper than is allowed.
fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[a-z_]{1,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(18, 64, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map("type|request_id|seat|identity|[a-z]{1,4}", inner, 0..4)
                .prop_map(Value::from_iter),
        ]
    })
}

/// Every field that some golden command has.
fn golden_fields() -> Vec<String> {
    let mut fields: Vec<String> = Vec::new();
    for (_, text) in golden("client") {
        let frame: serde_json::Map<String, Value> = serde_json::from_str(&text).unwrap();
        fields.extend(frame.keys().cloned());
    }
    fields.sort();
    fields.dedup();
    fields
}

fn request(text: &str) -> RequestId {
    RequestId::parse(text).unwrap()
}
