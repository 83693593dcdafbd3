//! Audits: what hosts, cohosts and back ends do to others is noted, once and with whom it was about.

use super::*;

fn audits(outputs: &[Output]) -> Vec<&Audit> {
    let audits = outputs.iter().filter_map(|output| match output {
        Output::Audit(audit) => Some(&**audit),
        _ => None,
    });
    audits.collect()
}

/// The one audit of an act: its code, and whom it was about.
fn audited(outputs: &[Output]) -> (&'static str, Option<String>) {
    let [audit] = audits(outputs)[..] else { panic!("one audit: {outputs:?}") };
    (audit.act.code(), audit.on.as_ref().map(ToString::to_string))
}

#[test]
fn an_accepted_act_is_noted_directly_before_its_answer() {
    let mut story = Story::begun(SeatMode::Free);
    let act = Act::MemberKick { identity: id("ben"), deny: false, reason: Some("noise".to_owned()) };
    let outputs = story.act("cleo", act.clone());
    let audit =
        Audit { by: id("cleo"), rank: Rank::Cohost, is_admin: false, from_outside: false, act, on: Some(id("ben")) };
    let place = outputs.iter().position(|output| *output == Output::Audit(Box::new(audit.clone()))).unwrap();
    assert!(matches!(outputs[place + 1], Output::Reply { .. }));
    assert_eq!(audits(&outputs).len(), 1);
}

#[test]
fn what_is_refused_or_asked_again_is_not_noted() {
    let mut story = Story::begun(SeatMode::Free);
    assert_eq!(audits(&story.act("ben", lock(2, false))), [] as [&Audit; 0]);
    assert_eq!(audited(&story.act_as("ada", "once", lock(2, false))), ("seat_lock", None));
    assert_eq!(audits(&story.act_as("ada", "once", lock(2, false))), [] as [&Audit; 0]);
    assert_eq!(audited(&story.act("ada", lock(2, false))), ("seat_lock", None), "a new act, though nothing changes");
}

#[test]
fn an_act_on_a_seat_is_about_its_holder() {
    let mut story = Story::begun(SeatMode::Free);
    story.act("ben", take(1));
    let ben = || Some("ben".to_owned());
    let seat = seat(1);
    let outputs = story.act("ada", Act::SeatMute { seat, expect_rev: None });
    assert_eq!(audited(&outputs), ("seat_mute", ben()));
    let outputs = story.act("ada", Act::SeatUnmute { seat, expect_rev: None });
    assert_eq!(audited(&outputs), ("seat_unmute", ben()));
    let outputs = story.act("ada", Act::SeatKick { seat, expect_rev: None });
    assert_eq!(audited(&outputs), ("seat_kick", ben()));
    story.act("ben", take(1));
    assert_eq!(audited(&story.act("ada", lock(1, true))), ("seat_lock", ben()));
    let outputs = story.act("ada", Act::SeatMute { seat, expect_rev: None });
    assert_eq!(audited(&outputs), ("seat_mute", None));
}

#[test]
fn an_act_on_the_first_hand_or_a_numbered_invite_is_about_its_owner() {
    let mut story = Story::begun(SeatMode::Apply);
    story.act("ben", raise(true));
    assert_eq!(audited(&story.act("cleo", Act::HandNext)), ("hand_next", Some("ben".to_owned())));
    let sent = story.ask("ada", Act::InviteSend { identity: id("dan"), seat: None, hold: false }).unwrap();
    let revoke = || Act::InviteRevoke(InviteName::Id(sent.invite.as_ref().unwrap().id));
    assert_eq!(audited(&story.act("ada", revoke())), ("invite_revoke", Some("dan".to_owned())));
    assert_eq!(audited(&story.act("ada", revoke())), ("invite_revoke", Some("dan".to_owned())), "taken back already");
}

#[test]
fn what_people_do_for_themselves_is_not_noted() {
    let mut story = Story::begun(SeatMode::Free);
    story.act("ben", take(1));
    story.act("dan", take(2));
    let swap = || Act::SeatSwap { seat: seat(1), with: seat(2) };
    assert_eq!(audits(&story.act("ben", swap())), [] as [&Audit; 0], "a proposal");
    assert_eq!(audits(&story.act("dan", swap())), [] as [&Audit; 0], "an agreement");
    let move_to = |index, who| Act::SeatMove { seat: seat(index), identity: Some(id(who)) };
    assert_eq!(audits(&story.act("ben", move_to(4, "ben"))), [] as [&Audit; 0]);
    assert_eq!(audited(&story.act("ada", move_to(5, "ben"))), ("seat_move", Some("ben".to_owned())));
    let swap = Act::SeatSwap { seat: seat(1), with: seat(5) };
    assert_eq!(audited(&story.act("ada", swap)), ("seat_swap", None));
}

#[test]
fn what_is_done_from_outside_is_noted_as_such() {
    let mut story = Story::begun(SeatMode::Free);
    let by = Outsider {
        identity: id("console"),
        is_admin: true,
        is_person: false,
        is_banned: false,
        token_age: None,
        expect_seq: None,
    };
    let outputs = story.room.handle(Input::Outside { by, act: lock(1, false) }, story.now);
    let [audit] = audits(&outputs)[..] else { panic!("one audit: {outputs:?}") };
    assert_eq!((audit.by.as_str(), audit.rank, audit.is_admin), ("console", Rank::Member, true));
    assert!(audit.from_outside);
    assert!(matches!(outputs[..], [.., Output::Audit(_), Output::Answer { result: Ok(_) }]));
}
