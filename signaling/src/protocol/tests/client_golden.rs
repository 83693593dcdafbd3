//! Every command as it stands in its golden file, and what it asks.
//!
//! These files are written by hand: they are what a client would say.

use std::time::Duration;

use super::{DEPTH, golden, golden_names};
use crate::{
    ids::{Identity, InviteId, SeatIndex},
    protocol::client::{self, Command, PeopleList, Stats},
    room::{Act, Duplicates, Interrupt, InviteName, Promote, Rank, RoomChange, SeatMode},
};

#[test]
fn every_golden_command_asks_what_it_should() {
    let commands = commands();
    let mut names: Vec<_> = commands.iter().map(|(name, _)| (*name).to_owned()).collect();
    names.sort();
    assert_eq!(golden_names("client"), names);
    for (name, text) in golden("client") {
        let (_, asked) = commands.iter().find(|(known, _)| *known == name).unwrap();
        assert_eq!(client::parse(&text, DEPTH).unwrap().command, *asked, "{name}");
    }
}

#[test]
fn what_is_not_known_is_ignored_and_null_is_as_good_as_absent() {
    for (name, text) in golden("client") {
        let mut frame: serde_json::Value = serde_json::from_str(&text).unwrap();
        let asked = client::parse(&text, DEPTH);
        frame["from_the_future"] = serde_json::json!([{"a": 1}]);
        assert_eq!(client::parse(&frame.to_string(), DEPTH), asked, "{name}");
    }
    let join = |fields: &str| client::parse(&format!(r#"{{"type":"join","request_id":"1"{fields}}}"#), DEPTH);
    assert_eq!(join(r#","offer":null,"mic_ready":null"#), join(""));
}

#[expect(clippy::too_many_lines, reason = "a table: a line for each command")]
fn commands() -> Vec<(&'static str, Command)> {
    let seat = |index| SeatIndex::new(index).unwrap();
    let ben = || Identity::parse("ben").unwrap();
    let act = Command::Act;
    vec![
        ("join", Command::Join { offer: Some("v=0…".to_owned()), mic_ready: false }),
        ("join.console", Command::Join { offer: None, mic_ready: false }),
        ("resume", Command::Resume { resume_token: "k3Vd0u9mXq".to_owned(), last_seq: 41 }),
        ("ice_restart", Command::IceRestart { offer: "v=0…".to_owned() }),
        ("leave", act(Act::Leave)),
        ("seat_take", act(Act::SeatTake { seat: seat(1) })),
        ("seat_leave", act(Act::SeatLeave)),
        ("seat_move", act(Act::SeatMove { seat: seat(4), identity: None })),
        ("seat_move.other", act(Act::SeatMove { seat: seat(4), identity: Some(ben()) })),
        ("seat_swap", act(Act::SeatSwap { seat: seat(1), with: seat(2) })),
        ("seat_assign", act(Act::SeatAssign { seat: seat(3), identity: ben(), expect_rev: Some(4) })),
        ("seat_confirm", act(Act::SeatConfirm { seat: Some(seat(2)) })),
        ("seat_confirm.any", act(Act::SeatConfirm { seat: None })),
        ("seat_decline", act(Act::SeatDecline { seat: Some(seat(2)) })),
        ("seat_lock", act(Act::SeatLock { seat: seat(3), evict: true, expect_rev: Some(4) })),
        ("seat_lock.plain", act(Act::SeatLock { seat: seat(3), evict: false, expect_rev: None })),
        ("seat_unlock", act(Act::SeatUnlock { seat: seat(3), expect_rev: Some(5) })),
        ("seat_mute", act(Act::SeatMute { seat: seat(3), expect_rev: None })),
        ("seat_unmute", act(Act::SeatUnmute { seat: seat(3), expect_rev: None })),
        ("seat_kick", act(Act::SeatKick { seat: seat(3), expect_rev: None })),
        ("hand_raise", act(Act::HandRaise { wanted_seat: Some(seat(3)), mic_ready: true })),
        ("hand_raise.plain", act(Act::HandRaise { wanted_seat: None, mic_ready: false })),
        ("hand_lower", act(Act::HandLower)),
        ("hand_approve", act(Act::HandApprove { identity: ben() })),
        ("hand_deny", act(Act::HandDeny { identity: ben() })),
        ("hand_next", act(Act::HandNext)),
        ("hands_lower_all", act(Act::HandsLowerAll)),
        ("invite_send", act(Act::InviteSend { identity: ben(), seat: Some(seat(3)), hold: true })),
        ("invite_send.plain", act(Act::InviteSend { identity: ben(), seat: None, hold: false })),
        ("invite_revoke", act(Act::InviteRevoke(InviteName::Id(InviteId(3))))),
        ("invite_revoke.person", act(Act::InviteRevoke(InviteName::To(ben())))),
        ("invite_accept", act(Act::InviteAccept { invite: Some(InviteId(3)) })),
        ("invite_accept.any", act(Act::InviteAccept { invite: None })),
        ("invite_decline", act(Act::InviteDecline { invite: Some(InviteId(3)) })),
        ("member_mute", act(Act::MemberMute { identity: ben(), lasts: None })),
        ("member_mute.while", act(Act::MemberMute { identity: ben(), lasts: Some(Duration::from_secs(600)) })),
        ("member_unmute", act(Act::MemberUnmute { identity: ben() })),
        ("member_kick", act(Act::MemberKick { identity: ben(), deny: true, reason: Some("shouting".to_owned()) })),
        ("member_kick.plain", act(Act::MemberKick { identity: ben(), deny: false, reason: None })),
        ("member_ban", act(Act::MemberBan { identity: ben(), reason: Some("shouting".to_owned()), lasts: None })),
        (
            "member_ban.while",
            act(Act::MemberBan { identity: ben(), reason: None, lasts: Some(Duration::from_secs(86_400)) }),
        ),
        ("member_unban", act(Act::MemberUnban { identity: ben() })),
        ("member_rank", act(Act::MemberRank { identity: ben(), rank: Rank::Cohost })),
        ("host_transfer", act(Act::HostTransfer { to: ben() })),
        ("host_accept", act(Act::HostAccept)),
        ("host_decline", act(Act::HostDecline)),
        ("mute_self", act(Act::MuteSelf { muted: true })),
        ("prefs", act(Act::Prefs { do_not_invite: Some(true) })),
        ("reaction", act(Act::Reaction { kind: "👏".to_owned() })),
        ("message", act(Act::Message { text: "Hello,\neveryone.".to_owned() })),
        (
            "room_update",
            act(Act::RoomUpdate(RoomChange {
                seat_mode: Some(SeatMode::InviteOnly),
                hands: Some(false),
                interrupt: Some(Interrupt::Duck),
                auto_offer: Some(true),
                turn: Some(Some(Duration::from_secs(120))),
                promote: Some(Promote::LongestSeated),
                duplicates: Some(Duplicates::Reject),
                go_live: false,
            })),
        ),
        (
            "room_update.live",
            act(Act::RoomUpdate(RoomChange { turn: Some(None), go_live: true, ..RoomChange::default() })),
        ),
        ("room_close", act(Act::RoomClose { notice: Duration::from_secs(30) })),
        ("room_close.now", act(Act::RoomClose { notice: Duration::ZERO })),
        (
            "stats",
            Command::Stats(Stats {
                rtt_ms: Some(24.0),
                jitter_buffer_ms: Some(38.5),
                device_ms: Some(32.0),
                join_ms: Some(310.0),
                lost: Some(0),
                received: Some(1200),
                concealed: Some(0),
            }),
        ),
        (
            "people_list",
            Command::PeopleList(PeopleList { after: Some(ben()), limit: 50, query: Some("an".to_owned()) }),
        ),
        ("people_list.plain", Command::PeopleList(PeopleList { after: None, limit: 100, query: None })),
        ("ping", Command::Ping),
    ]
}
