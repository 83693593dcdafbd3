//! Invites: asked to the stage, and what becomes of it. An invite has exactly one end.

use super::*;

fn invite(name: &str) -> Act {
    Act::InviteSend { identity: id(name), seat: None, hold: false }
}

fn keep(name: &str, index: u8) -> Act {
    Act::InviteSend { identity: id(name), seat: Some(seat(index)), hold: true }
}

fn revoke(name: &str) -> Act {
    Act::InviteRevoke(InviteName::To(id(name)))
}

const ACCEPT: Act = Act::InviteAccept { invite: None };
const DECLINE_INVITE: Act = Act::InviteDecline { invite: None };

/// What hosts are told of invites.
fn ends(outputs: &[Output]) -> Vec<&'static str> {
    let changes = told(outputs).into_iter().filter_map(|(to, event)| match event {
        Event::InviteChanged { change, .. } if *to == Recipients::Hosts => Some(change.code()),
        _ => None,
    });
    changes.collect()
}

#[test]
fn whoever_is_invited_is_told_and_accepts_the_first_open_seat() {
    let mut story = Story::begun(SeatMode::InviteOnly);
    let outputs = story.act("cleo", invite("ben"));
    let sent = reply_of(&outputs).unwrap().invite.unwrap();
    assert_eq!((sent.from.as_str(), sent.to.as_str(), sent.expires_in), ("cleo", "ben", seconds(30)));
    assert!(
        told(&outputs).contains(&(&Recipients::One(story.session("ben")), &Event::Invite { invite: sent.clone() }))
    );
    assert_eq!(story.own("ben").invite.unwrap().id, sent.id);
    assert_eq!(story.seat_is(1), "open", "nothing is kept");
    let outputs = story.act("ben", ACCEPT);
    assert_eq!((ends(&outputs), causes(&outputs)), (vec!["accepted"], vec!["confirmed"]));
    assert_eq!((story.heard(), story.own("ben").invite), (vec!["ben".to_owned()], None));
    assert_eq!(story.refusal("ben", ACCEPT), Some(Refusal::OfferExpired), "it has ended once");
}

#[test]
fn a_kept_seat_waits_for_the_invited_and_is_free_when_they_do_not_come() {
    let mut story = Story::begun(SeatMode::InviteOnly);
    story.act("ada", keep("ben", 3));
    assert_eq!(story.seat_is(3), "reserved ben");
    assert_eq!(story.own("ben").offer.unwrap().why, ReservedWhy::Invited);
    assert_eq!(story.refusal("cleo", take(3)), Some(Refusal::SeatReserved));
    let outputs = story.after(seconds(30));
    assert_eq!((ends(&outputs), causes(&outputs)), (vec!["expired"], vec!["released"]));
    assert_eq!(story.refusal("ben", ACCEPT), Some(Refusal::OfferExpired));
}

#[test]
fn a_kept_seat_can_be_confirmed_like_any_other_and_that_accepts_the_invite() {
    let mut story = Story::begun(SeatMode::InviteOnly);
    story.act("ada", keep("ben", 3));
    let outputs = story.act("ben", CONFIRM);
    assert_eq!((ends(&outputs), story.seat_is(3)), (vec!["accepted"], "occupied ben".to_owned()));
}

#[test]
fn a_kept_seat_that_is_locked_takes_the_invite_with_it() {
    let mut story = Story::begun(SeatMode::InviteOnly);
    story.act("ada", keep("ben", 3));
    assert_eq!(ends(&story.act("cleo", lock(3, false))), ["revoked"]);
    assert_eq!(story.refusal("ben", ACCEPT), Some(Refusal::Forbidden));
}

#[test]
fn an_invite_that_is_accepted_ends_the_hand_too() {
    let mut story = Story::begun(SeatMode::Apply);
    story.act("ben", raise(false));
    story.act("ada", invite("ben"));
    let outputs = story.act("ben", ACCEPT);
    assert_eq!((hand_changes(&outputs), story.hands()), (vec!["lowered"], vec![]));
}

#[test]
fn one_invite_a_person_at_a_time() {
    let mut story = Story::begun(SeatMode::InviteOnly);
    let first = story.ask("ada", invite("ben")).unwrap().invite.unwrap();
    let outputs = story.act("cleo", invite("ben"));
    assert_eq!(reply_of(&outputs).unwrap().invite.unwrap(), first, "the same invite");
    assert_eq!(told(&outputs), []);
}

#[test]
fn whoever_declines_is_left_alone_for_a_minute() {
    let mut story = Story::begun(SeatMode::InviteOnly);
    story.act("ada", invite("ben"));
    assert_eq!(ends(&story.act("ben", DECLINE_INVITE)), ["declined"]);
    story.after(seconds(20));
    let refused = story.ask("cleo", invite("ben")).unwrap_err();
    assert_eq!((refused.refusal, refused.details.retry_after), (Refusal::RateLimited, Some(seconds(40))));
    story.act("ben", Act::Leave);
    story.join("ben", Rank::Member);
    assert_eq!(story.refusal("ada", invite("ben")), Some(Refusal::RateLimited), "leaving does not end it");
    story.after(seconds(40));
    assert_eq!(story.refusal("ada", invite("ben")), None);
}

#[test]
fn whoever_wants_no_invites_gets_none_and_no_seat_but_for_their_hand() {
    let mut story = Story::begun(SeatMode::Apply);
    story.act("ben", Act::Prefs { do_not_invite: Some(true) });
    let assign = || Act::SeatAssign { seat: seat(1), identity: id("ben"), expect_rev: None };
    assert_eq!(story.refusal("ada", invite("ben")), Some(Refusal::DoNotInvite));
    assert_eq!(story.refusal("ada", keep("ben", 1)), Some(Refusal::DoNotInvite));
    assert_eq!(story.refusal("ada", assign()), Some(Refusal::DoNotInvite));
    story.act("ben", raise(false));
    assert_eq!(story.refusal("ada", assign()), None, "a raised hand says more");
}

#[test]
fn an_invite_is_revoked_when_the_invited_goes_and_the_seat_is_free() {
    let mut story = Story::begun(SeatMode::InviteOnly);
    story.act("ada", keep("ben", 3));
    let outputs = story.act("ben", Act::Leave);
    assert_eq!((ends(&outputs), story.seat_is(3)), (vec!["revoked"], "open".to_owned()));
}

#[test]
fn an_invite_stands_when_whoever_sent_it_has_gone() {
    let mut story = Story::begun(SeatMode::InviteOnly);
    story.act("cleo", invite("ben"));
    story.act("cleo", Act::Leave);
    assert_eq!(story.refusal("ben", ACCEPT), None);
}

#[test]
fn a_revoked_invite_is_told_and_cannot_be_accepted() {
    let mut story = Story::begun(SeatMode::InviteOnly);
    story.act("ada", invite("ben"));
    let outputs = story.act("cleo", revoke("ben"));
    assert_eq!(ends(&outputs), ["revoked"]);
    let to_ben = Recipients::One(story.session("ben"));
    assert!(told(&outputs).iter().any(|(to, event)| **to == to_ben && matches!(event, Event::InviteChanged { .. })));
    assert_eq!(story.refusal("ben", ACCEPT), Some(Refusal::Forbidden));
}

#[test]
fn nobody_accepts_what_was_meant_for_another() {
    let mut story = Story::begun(SeatMode::InviteOnly);
    let sent = story.ask("ada", invite("ben")).unwrap().invite.unwrap();
    let accept = || Act::InviteAccept { invite: Some(sent.id) };
    assert_eq!(story.refusal("dan", accept()), Some(Refusal::Forbidden));
    story.act("ben", accept());
    assert_eq!(story.refusal("dan", accept()), Some(Refusal::Forbidden), "nor later");
}

#[test]
fn an_invite_to_a_seat_that_was_taken_meanwhile_says_who_sits_there() {
    let mut story = Story::begun(SeatMode::InviteOnly);
    story.act("ada", Act::InviteSend { identity: id("ben"), seat: Some(seat(2)), hold: false });
    story.act("cleo", take(2));
    let refused = story.ask("ben", ACCEPT).unwrap_err();
    assert_eq!((refused.refusal, refused.details.holder), (Refusal::SeatOccupied, Some(id("cleo"))));
    story.act("cleo", Act::SeatLeave);
    assert_eq!(story.refusal("ben", ACCEPT), None, "the invite still stood");
}

#[test]
fn invites_are_shown_to_hosts_and_the_invited_only() {
    let mut story = Story::begun(SeatMode::InviteOnly);
    story.act("ada", invite("ben"));
    let snapshot = |name: &str| story.room.snapshot(&Viewer::Participant(id(name)), story.now);
    assert_eq!(snapshot("cleo").moderation.unwrap().invites.len(), 1);
    assert!(snapshot("ben").own.unwrap().invite.is_some() && snapshot("ben").moderation.is_none());
    assert!(snapshot("dan").own.unwrap().invite.is_none() && snapshot("dan").moderation.is_none());
}
