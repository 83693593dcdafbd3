//! The wire to the letter: every command from literal JSON, and the frames that clients are promised.
#![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use serde_json::{Value, json};

use super::{
    OFFER_BYTES_MAX,
    client::{self, Command, Fault, Request, Stats},
    server::{self, LimitsJson, Welcome},
};
use crate::{
    ids::{Identity, RequestId, RoomId, SeatIndex, SessionId},
    room::*,
};

const DEPTH: usize = 16;

#[test]
fn every_command_is_understood() {
    let seat = |index| SeatIndex::new(index).unwrap();
    let ben = || Identity::parse("ben").unwrap();
    let act = Command::Act;
    let commands = [
        (
            json!({"type": "join", "offer": "v=0", "mic_ready": true}),
            Command::Join { offer: Some("v=0".to_owned()), mic_ready: true },
        ),
        (json!({"type": "join"}), Command::Join { offer: None, mic_ready: false }),
        (json!({"type": "join", "offer": null}), Command::Join { offer: None, mic_ready: false }),
        (json!({"type": "resume", "resume_token": "x", "last_seq": 41}), Command::Resume),
        (json!({"type": "ping"}), Command::Ping),
        (
            json!({"type": "stats", "rtt_ms": 20, "jitter_buffer_ms": 40.5, "lost": 1, "received": 2, "concealed": 3, "join_ms": 250}),
            Command::Stats(Stats {
                rtt_ms: Some(20.0),
                jitter_buffer_ms: Some(40.5),
                join_ms: Some(250.0),
                lost: Some(1),
                received: Some(2),
                concealed: Some(3),
            }),
        ),
        (json!({"type": "leave"}), act(Act::Leave)),
        (json!({"type": "seat_take", "seat": 1}), act(Act::SeatTake { seat: seat(1) })),
        (json!({"type": "seat_leave"}), act(Act::SeatLeave)),
        (json!({"type": "seat_confirm"}), act(Act::SeatConfirm { seat: None })),
        (json!({"type": "seat_confirm", "seat": 2}), act(Act::SeatConfirm { seat: Some(seat(2)) })),
        (json!({"type": "seat_decline", "seat": 2}), act(Act::SeatDecline { seat: Some(seat(2)) })),
        (
            json!({"type": "seat_lock", "seat": 3, "evict": true, "expect_rev": 4}),
            act(Act::SeatLock { seat: seat(3), evict: true, expect_rev: Some(4) }),
        ),
        (json!({"type": "seat_lock", "seat": 3}), act(Act::SeatLock { seat: seat(3), evict: false, expect_rev: None })),
        (json!({"type": "seat_unlock", "seat": 3}), act(Act::SeatUnlock { seat: seat(3), expect_rev: None })),
        (
            json!({"type": "seat_mute", "seat": 3, "expect_rev": 1}),
            act(Act::SeatMute { seat: seat(3), expect_rev: Some(1) }),
        ),
        (json!({"type": "seat_unmute", "seat": 3}), act(Act::SeatUnmute { seat: seat(3), expect_rev: None })),
        (json!({"type": "seat_kick", "seat": 31}), act(Act::SeatKick { seat: seat(31), expect_rev: None })),
        (json!({"type": "hand_raise", "mic_ready": true}), act(Act::HandRaise { wanted_seat: None, mic_ready: true })),
        (
            json!({"type": "hand_raise", "wanted_seat": 5}),
            act(Act::HandRaise { wanted_seat: Some(seat(5)), mic_ready: false }),
        ),
        (json!({"type": "hand_lower"}), act(Act::HandLower)),
        (json!({"type": "hand_approve", "identity": "ben"}), act(Act::HandApprove { identity: ben() })),
        (json!({"type": "hand_deny", "identity": "ben"}), act(Act::HandDeny { identity: ben() })),
        (json!({"type": "member_mute", "identity": "ben"}), act(Act::MemberMute { identity: ben() })),
        (json!({"type": "member_unmute", "identity": "ben"}), act(Act::MemberUnmute { identity: ben() })),
        (json!({"type": "member_kick", "identity": "ben"}), act(Act::MemberKick { identity: ben() })),
        (json!({"type": "mute_self", "muted": false}), act(Act::MuteSelf { muted: false })),
        (
            json!({"type": "room_update", "seat_mode": "invite_only", "hands": "off"}),
            act(Act::RoomUpdate { seat_mode: Some(SeatMode::InviteOnly), hands: Some(false) }),
        ),
        (
            json!({"type": "room_update", "seat_mode": "free"}),
            act(Act::RoomUpdate { seat_mode: Some(SeatMode::Free), hands: None }),
        ),
    ];
    for (mut frame, command) in commands {
        frame["request_id"] = json!("7");
        frame["from_the_future"] = json!([{"a": 1}]);
        assert_eq!(client::parse(&frame.to_string(), DEPTH), Ok(Request { id: request("7"), command }), "{frame}");
        let typed: client::Frame = serde_json::from_value(frame).unwrap();
        let again: client::Frame = serde_json::from_value(serde_json::to_value(&typed).unwrap()).unwrap();
        assert_eq!(typed, again);
    }
}

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
        r#"{"type":"stats","request_id":"1","rtt_ms":600001}"#,
        r#"{"type":"stats","request_id":"1","lost":-1}"#,
        r#"{"type":"stats","request_id":"1","lost":1.5}"#,
        r#"{"type":"seat_lock","request_id":"1","seat":1,"expect_rev":-1}"#,
        r#"{"type":"ping","request_id":"1","x":1e999}"#,
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
fn a_seat_that_no_room_has_is_not_found() {
    for seat in [-1, 32, 256, i64::MAX] {
        let frame = json!({"type": "seat_take", "request_id": "1", "seat": seat}).to_string();
        assert_eq!(client::parse(&frame, DEPTH).unwrap_err().refusal, Refusal::SeatNotFound);
    }
}

#[test]
fn an_unknown_type_is_told_with_its_request() {
    for kind in ["seat_fly", "member_ban", "", "Join", "unknown"] {
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

#[test]
fn a_seat_changed_is_as_promised() {
    let event = Event::SeatChanged { cause: SeatCause::Taken, by: Some(identity("ben")), seat: occupied(1) };
    assert_json(
        &server::event(Some(17), &event),
        json!({"type": "seat_changed", "seq": 17, "cause": "taken", "by": "ben", "seat": {
            "index": 1, "state": "occupied", "identity": "ben", "name": "Ben", "rank": "member", "csrc": 7, "muted_by_host": false,
            "host_muted": false, "self_muted": true, "connected": true, "rev": 4
        }}),
    );
}

#[test]
fn passing_words_are_as_promised() {
    let seat = SeatIndex::new(2).unwrap();
    let offer = Event::SeatOffer { seat, why: ReservedWhy::Offered, expires_in: Duration::from_secs(10) };
    let cue = |can_join| Event::SeatCue { seat, can_join };
    let slot = Slot { mid: "1".to_owned(), seat, identity: identity("ben"), csrc: csrc() };
    let speaker = Speaker { identity: identity("ben"), seat, level: -28 };
    let member = AudienceMember { identity: identity("cy"), name: Arc::from("Cy") };
    for (event, expected) in [
        (offer, json!({"type": "seat_offer", "seat": 2, "why": "offered", "expires_in_ms": 10000})),
        (Event::HandPosition { position: 3 }, json!({"type": "hand_position", "position": 3})),
        (
            Event::Slots { slots: vec![slot] },
            json!({"type": "slots", "slots": [{"mid": "1", "seat": 2, "identity": "ben", "csrc": 7}]}),
        ),
        (
            Event::Speakers { speakers: vec![speaker] },
            json!({"type": "speakers", "speakers": [{"identity": "ben", "seat": 2, "level": -28}]}),
        ),
        (cue(CanJoin::Yes), json!({"type": "seat_cue", "index": 2, "can_join": "yes"})),
        (
            cue(CanJoin::No(CannotJoin::CoolingDown)),
            json!({"type": "seat_cue", "index": 2, "can_join": "no", "why": "cooling_down"}),
        ),
        (
            Event::Audience(AudienceView { count: 5000, sample: vec![member] }),
            json!({"type": "audience", "count": 5000, "sample": [{"identity": "cy", "name": "Cy"}]}),
        ),
    ] {
        assert_json(&server::event(None, &event), expected);
    }
}

#[test]
fn the_log_is_as_promised() {
    let participant =
        ParticipantView { identity: identity("ada"), name: Arc::from("Ada"), rank: Rank::Host, role: Role::Host };
    for (event, expected) in [
        (
            Event::ParticipantJoined { participant },
            json!({"type": "participant_joined", "seq": 5, "participant": {"identity": "ada", "name": "Ada", "rank": "host", "role": "host"}}),
        ),
        (
            Event::ParticipantLeft { identity: identity("ada"), reason: LeftReason::Left },
            json!({"type": "participant_left", "seq": 5, "identity": "ada", "reason": "left"}),
        ),
        (
            Event::RoomUpdated { by: Some(identity("ada")), seat_mode: SeatMode::Free, hands: false },
            json!({"type": "room_updated", "seq": 5, "by": "ada", "seat_mode": "free", "hands": "off"}),
        ),
        (
            Event::HandChanged { change: HandChange::Raised, hand: hand(), count: 2 },
            json!({"type": "hand_changed", "seq": 5, "change": "raised", "count": 2, "hand": {
                "identity": "ben", "name": "Ben", "position": 1, "waited_ms": 1500, "mic_ready": true
            }}),
        ),
    ] {
        assert_json(&server::event(Some(5), &event), expected);
    }
}

#[test]
fn replies_and_byes_are_as_promised() {
    let reply = |json: &str| serde_json::from_str::<Value>(json).unwrap();
    assert_json(
        &server::reply_ok(&request("2"), &Done::default()),
        json!({"type": "reply", "request_id": "2", "ok": {}}),
    );
    let done = Done { position: Some(3), ..Done::default() };
    assert_json(
        &server::reply_ok(&request("2"), &done),
        json!({"type": "reply", "request_id": "2", "ok": {"position": 3}}),
    );
    let details = Details {
        seat: Some(Box::new(occupied(1))),
        holder: Some(identity("ben")),
        next_open: Some(SeatIndex::new(2).unwrap()),
        retry_after: None,
    };
    let refused = Refused { refusal: Refusal::SeatOccupied, details };
    let error = reply(&server::reply_error(Some(&request("3")), &refused, None));
    assert_eq!(error["error"]["code"], "seat_occupied");
    assert_eq!(error["error"]["details"]["holder"], "ben");
    assert_eq!(error["error"]["details"]["next_open"], 2);
    assert_eq!(error["error"]["details"]["seat"]["rev"], 4);
    assert_json(&server::pong(&request("4"), 12), json!({"type": "reply", "request_id": "4", "ok": {"time_ms": 12}}));
    assert_json(&server::bye("kicked", "stop", None), json!({"type": "bye", "reason": "kicked", "action": "stop"}));
    assert_json(
        &server::bye("draining", "retry", Some(Duration::from_secs(2))),
        json!({"type": "bye", "reason": "draining", "action": "retry", "retry_after_ms": 2000}),
    );
}

#[test]
fn a_welcome_is_as_promised() {
    let (own_request, session, ada) = (request("1"), SessionId::from_random([7; 16]), identity("ada"));
    let welcome = Welcome {
        request: &own_request,
        session: &session,
        identity: &ada,
        answer: Some("v=0"),
        resume_token: "r",
        limits: LimitsJson { frame_bytes: 65536, commands_per_second: 20, burst: 40 },
    };
    let open = SeatView { index: SeatIndex::new(0).unwrap(), state: SeatViewState::Open, muted_by_host: false, rev: 0 };
    let own = SelfView {
        identity: ada.clone(),
        session: session.clone(),
        name: Arc::from("Ada"),
        rank: Rank::Host,
        role: Role::Host,
        can_publish: true,
        seat: Some(OwnSeat { seat: SeatIndex::new(1).unwrap(), occupied: true }),
        self_muted: false,
        host_muted: false,
        hand: None,
        offer: None,
    };
    let snapshot = Snapshot {
        id: RoomId::parse("demo").unwrap(),
        phase: Phase::Live,
        seat_mode: SeatMode::Apply,
        hands: true,
        seq: 16,
        revision: 3,
        seats: vec![open, occupied(1)],
        participants: Vec::new(),
        audience: AudienceView::default(),
        hand_queue: Some(vec![hand()]),
        own: Some(own),
    };
    let frame: Value = serde_json::from_str(&server::welcome(&welcome, &snapshot)).unwrap();
    assert_eq!(frame["type"], "welcome");
    assert_eq!(frame["answer"], "v=0");
    assert_eq!(frame["room"]["seats"][0], json!({"index": 0, "state": "open", "muted_by_host": false, "rev": 0}));
    assert_eq!(frame["room"]["hand_queue"][0]["waited_ms"], 1500);
    assert_eq!((&frame["room"]["hands"], &frame["room"]["seq"]), (&json!("on"), &json!(16)));
    assert_eq!(
        frame["self"],
        json!({"identity": "ada", "session": session.as_str(), "name": "Ada", "rank": "host", "role": "host", "can_publish": true,
               "seat": 1, "seat_state": "occupied", "self_muted": false, "host_muted": false})
    );
}

proptest::proptest! {
    #[test]
    fn nothing_that_comes_as_a_frame_panics(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
        let _judged = client::parse(&String::from_utf8_lossy(&bytes), DEPTH);
    }

    #[test]
    fn no_value_in_any_field_panics(
        kind in proptest::sample::select(vec!["join", "seat_take", "seat_lock", "hand_raise", "hand_approve", "mute_self", "room_update", "stats"]),
        field in proptest::sample::select(vec!["seat", "offer", "identity", "muted", "hands", "rtt_ms", "request_id", "expect_rev"]),
        value in proptest::sample::select(vec!["null", "true", "-1", "1e308", "18446744073709551616", "\"\"", "[]", "{}", "\"\\u0000\""]),
    ) {
        let _judged = client::parse(&format!(r#"{{"type":"{kind}","{field}":{value}}}"#), DEPTH);
    }
}

fn assert_json(text: &str, expected: Value) {
    assert_eq!(serde_json::from_str::<Value>(text).unwrap(), expected);
}

fn occupied(index: u8) -> SeatView {
    let holder = HolderView {
        identity: identity("ben"),
        name: Arc::from("Ben"),
        rank: Rank::Member,
        host_muted: false,
        self_muted: true,
    };
    let state = SeatViewState::Occupied { holder, csrc: csrc() };
    SeatView { index: SeatIndex::new(index).unwrap(), state, muted_by_host: false, rev: 4 }
}

fn hand() -> HandView {
    HandView {
        identity: identity("ben"),
        name: Arc::from("Ben"),
        position: 1,
        waited: Duration::from_millis(1500),
        mic_ready: true,
        wanted_seat: None,
    }
}

fn csrc() -> NonZeroU32 {
    NonZeroU32::new(7).unwrap()
}

fn identity(text: &str) -> Identity {
    Identity::parse(text).unwrap()
}

fn request(text: &str) -> RequestId {
    RequestId::parse(text).unwrap()
}

#[test]
fn the_reference_knows_every_code_and_its_examples_are_commands() {
    let reference = include_str!("../../PROTOCOL.md");
    for refusal in Refusal::ALL {
        assert!(reference.contains(&format!("| `{}` | {} |", refusal.code(), refusal.http_status())), "{refusal:?}");
    }
    let examples: Vec<_> = reference.lines().filter_map(|line| line.strip_prefix("→ ")).collect();
    for example in &examples {
        assert!(client::parse(example, DEPTH).is_ok(), "{example}");
    }
    assert_eq!(examples.len(), 23);
}
