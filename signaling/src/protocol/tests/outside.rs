//! What is told outside: events, acts of moderation, and what is kept about someone.

use std::{collections::BTreeSet, time::Duration};

use serde_json::{Value, json};

use super::examples::{identity, occupied, request, seat};
use crate::{
    ids::InviteId,
    protocol::{
        client::{self, Command},
        outside::{AuditJson, ErasedJson, EventJson, PersonJson, RecordJson, page},
        server,
    },
    room::{Act, Audit, Done, Interrupt, InviteName, Promote, Rank, RoomChange},
};

#[test]
fn an_event_is_one_object_and_its_body_is_untouched() {
    let body = r#"{"type":"message","seq":17,"text":"\u00e9 \"}"}"#;
    let text = event(Some(body)).text();
    assert!(text.contains(body), "{text}");
    assert_eq!(
        parsed(&text),
        json!({
            "event_id": 123, "type": "room.message", "room": "demo", "seq": 17, "at_ms": 1_790_000_000_000_u64,
            "data": {"type": "message", "seq": 17, "text": "é \"}"},
        })
    );
    let whole_server = EventJson { room: None, ..event(Some("{}")) };
    assert_eq!(parsed(&whole_server.text()).get("room"), None);
}

#[test]
fn what_is_damaged_is_shown_as_such() {
    let shown = parsed(&event(None).text());
    assert_eq!((&shown["damaged"], shown.get("data"), &shown["event_id"]), (&json!(true), None, &json!(123)));
    let shown = parsed(&act(None).text());
    assert_eq!((&shown["damaged"], shown.get("details"), &shown["audit_id"]), (&json!(true), None, &json!(1)));
}

#[test]
fn pages_hold_objects_and_where_to_go_on() {
    assert_eq!(page([], None), r#"{"items":[],"next":null}"#);
    let page = parsed(&page([event(Some("{}")).text(), act(Some(r#"{"deny":true}"#)).text()], Some(7)));
    assert_eq!(page["next"], 7);
    assert_eq!(page["items"][1]["details"], json!({"deny": true}));
    assert_eq!(page["items"].as_array().map(Vec::len), Some(2));
}

#[test]
fn a_person_is_told_everything_in_one_object() {
    let record = RecordJson { room: Some("demo"), key: "ban:ben", value: json!({"by": "ada"}) };
    let person =
        PersonJson { identity: "ben", present_in: vec!["demo"], records: vec![record], answers: 3, truncated: false };
    let shown = parsed(&person.text([event(Some("{}")).text()], [act(Some("{}")).text()]));
    assert_eq!((&shown["identity"], &shown["answers"]), (&json!("ben"), &json!(3)));
    assert_eq!(shown["records"][0]["value"]["by"], "ada");
    assert_eq!((&shown["events"][0]["event_id"], &shown["audit"][0]["audit_id"]), (&json!(123), &json!(1)));
    let erased = ErasedJson { identity: "ben", rows: 4, unbanned_in: vec!["demo"], present_in: Vec::new() };
    let expected = json!({"identity": "ben", "rows": 4, "unbanned_in": ["demo"], "present_in": []});
    assert_eq!(serde_json::to_value(erased).unwrap(), expected);
}

#[test]
fn each_act_of_moderation_is_of_a_kind_of_its_own_and_says_what_it_did() {
    let mut kinds = BTreeSet::new();
    for (act, details) in acts() {
        assert!(act.is_moderation(), "{act:?}");
        let kind = server::moderation_kind(&act).unwrap();
        assert_eq!(kind.strip_prefix("moderation."), Some(act.code()));
        assert!(server::KINDS.contains(&kind) && kinds.insert(kind));
        let audit = audit(act);
        let written = parsed(&server::audit_details(&audit));
        assert_eq!(written, details, "{kind}");
        assert!(!written.to_string().contains("ben"), "whom it is about is not in the details");
        let told = parsed(&server::moderation_event(&audit));
        assert_eq!((&told["type"], &told["act"]), (&json!("moderation"), &json!(audit.act.code())));
        assert_eq!((&told["by"], &told["on"], &told["details"]), (&json!("ada"), &json!("ben"), &details));
    }
    let all: BTreeSet<_> = server::KINDS.iter().copied().filter(|kind| kind.starts_with("moderation.")).collect();
    let missing: Vec<_> = all.difference(&kinds).collect();
    assert_eq!(missing, [&"moderation.ban_changed", &"moderation.mute_changed"], "which are events of the log");
    assert_eq!(server::moderation_kind(&Act::Leave), None);
}

#[test]
fn what_the_log_says_is_enough_to_ask_the_same_again() {
    // Forgetting is asked by HTTP only.
    let frames = acts().into_iter().filter(|(act, _)| !matches!(act, Act::ModerationForget { .. }));
    for (act, details) in frames {
        let mut command = details;
        command["type"] = json!(act.code());
        command["request_id"] = json!("1");
        command[if matches!(act, Act::HostTransfer { .. }) { "to" } else { "identity" }] = json!("ben");
        if let (Some(reason), Some(command)) = (server::audit_reason(&act), command.as_object_mut()) {
            command.insert("reason".to_owned(), json!(reason));
        }
        if act.code() == "invite_revoke" && command.get("invite").is_some() {
            command.as_object_mut().unwrap().remove("identity");
        }
        let again = client::parse(&command.to_string(), super::DEPTH).unwrap();
        assert_eq!(again.command, Command::Act(act));
    }
}

#[test]
fn a_back_end_is_told_from_a_host() {
    let by_host = audit(Act::HandNext);
    let by_back_end = Audit { is_admin: true, ..by_host.clone() };
    assert_eq!((server::audit_role(&by_host), server::audit_role(&by_back_end)), ("host", "admin"));
    let event = parsed(&server::moderation_event(&Audit { on: None, ..by_back_end }));
    assert_eq!((&event["role"], event.get("on"), event.get("reason")), (&json!("admin"), None, None));
}

#[test]
fn kinds_and_their_families_are_known() {
    for known in ["seat.changed", "seat.*", "moderation.*", "moderation.seat_lock", "participant.*"] {
        assert!(server::is_kind_or_family(known), "{known}");
    }
    for unknown in ["", "*", "seat", "seat.", ".*", "se*", "seat.chang*", "seats.*", "Seat.changed", "seat.*.*"] {
        assert!(!server::is_kind_or_family(unknown), "{unknown}");
    }
}

#[test]
fn an_answer_says_if_it_is_not_on_the_disk() {
    for done in [Done::default(), Done { seat: Some(occupied(1)), ..Done::default() }] {
        assert_eq!(parsed(&server::reply_ok_in_memory(&request("7"), &done))["ok"]["durable"], false);
        assert_eq!(parsed(&server::reply_ok(&request("7"), &done))["ok"].get("durable"), None);
        let answer = parsed(&server::done_in_memory(&done));
        assert_eq!(answer["durable"], false);
        assert_eq!(parsed(&server::done(&done)).get("durable"), None);
    }
}

/// One of each act of moderation on ben, and what is to be written of it.
fn acts() -> Vec<(Act, Value)> {
    let ben = || identity("ben");
    let three = seat(3);
    let change = RoomChange {
        hands: Some(false),
        interrupt: Some(Interrupt::Duck),
        turn: Some(None),
        promote: Some(Promote::None),
        go_live: true,
        ..RoomChange::default()
    };
    let changed = json!({"hands": "off", "interrupt": "duck", "turn_ms": 0, "promote": "none", "phase": "live"});
    vec![
        (Act::SeatMove { seat: three, identity: Some(ben()) }, json!({"seat": 3})),
        (Act::SeatSwap { seat: three, with: seat(4) }, json!({"seat": 3, "with": 4})),
        (Act::SeatAssign { seat: three, identity: ben(), expect_rev: None }, json!({"seat": 3})),
        (
            Act::SeatLock { seat: three, evict: true, expect_rev: Some(2) },
            json!({"seat": 3, "evict": true, "expect_rev": 2}),
        ),
        (Act::SeatUnlock { seat: three, expect_rev: None }, json!({"seat": 3})),
        (Act::SeatMute { seat: three, expect_rev: Some(7) }, json!({"seat": 3, "expect_rev": 7})),
        (Act::SeatUnmute { seat: three, expect_rev: None }, json!({"seat": 3})),
        (Act::SeatKick { seat: three, expect_rev: None }, json!({"seat": 3})),
        (Act::HandApprove { identity: ben() }, json!({})),
        (Act::HandDeny { identity: ben() }, json!({})),
        (Act::HandNext, json!({})),
        (Act::HandsLowerAll, json!({})),
        (Act::MemberMute { identity: ben(), lasts: Some(Duration::from_secs(60)) }, json!({"for_ms": 60_000})),
        (Act::MemberUnmute { identity: ben() }, json!({})),
        (Act::MemberKick { identity: ben(), deny: true, reason: Some("shouting".into()) }, json!({"deny": true})),
        (Act::MemberBan { identity: ben(), reason: Some("shouting".into()), lasts: None }, json!({})),
        (Act::MemberUnban { identity: ben() }, json!({})),
        (Act::MemberRank { identity: ben(), rank: Rank::Cohost }, json!({"rank": "cohost"})),
        (Act::ModerationForget { identity: Some(ben()) }, json!({})),
        (Act::HostTransfer { to: ben() }, json!({})),
        (Act::InviteSend { identity: ben(), seat: None, hold: true }, json!({"hold": true})),
        (Act::InviteRevoke(InviteName::Id(InviteId(3))), json!({"invite": "IN_3"})),
        (Act::RoomUpdate(change), changed),
        (Act::RoomClose { notice: Duration::from_secs(30) }, json!({"notice_ms": 30_000})),
    ]
}

fn audit(act: Act) -> Audit {
    Audit { by: identity("ada"), rank: Rank::Host, is_admin: false, from_outside: true, act, on: Some(identity("ben")) }
}

fn event(data: Option<&str>) -> EventJson<'_> {
    let (event_id, at_ms) = (123, 1_790_000_000_000);
    EventJson { event_id, kind: "room.message", room: Some("demo"), seq: 17, at_ms, data }
}

fn act(details: Option<&str>) -> AuditJson<'_> {
    AuditJson {
        audit_id: 1,
        room: Some("demo"),
        seq: 17,
        at_ms: 1_790_000_000_000,
        by: "ada",
        role: "host",
        from_outside: false,
        act: "member_kick",
        on: Some("ben"),
        reason: None,
        details,
    }
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}
