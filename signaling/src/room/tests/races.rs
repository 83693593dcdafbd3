//! Each race of the room model, with the result it must have.

use super::*;

#[test]
fn two_take_one_open_seat() {
    let mut story = Story::begun(SeatMode::Free);
    assert_eq!(story.refusal("ben", take(1)), None);
    let refused = story.ask("dan", take(1)).unwrap_err();
    assert_eq!(refused.refusal, Refusal::SeatOccupied);
    assert_eq!(refused.details.holder, Some(id("ben")));
    assert_eq!(refused.details.next_open, Some(seat(2)));
    assert_eq!(refused.details.seat.unwrap().index, seat(1));
    assert_eq!(story.seat_is(1), "occupied ben");
}

#[test]
fn two_hosts_approve_two_hands_for_one_seat() {
    let mut story = Story::begun(SeatMode::Apply);
    story.act("ben", raise_for(3, false));
    story.act("dan", raise_for(3, false));
    assert_eq!(story.refusal("ada", approve("ben")), None);
    assert_eq!(story.refusal("cleo", approve("dan")), Some(Refusal::SeatReserved));
    assert_eq!(story.seat_is(3), "reserved ben");
    assert_eq!(story.hands(), ["dan"]);
}

#[test]
fn approve_after_the_requester_left() {
    let mut story = Story::begun(SeatMode::Apply);
    story.act("ben", raise(true));
    assert_eq!(hand_changes(&story.act("ben", Act::Leave)), ["gone"]);
    assert_eq!(story.refusal("ada", approve("ben")), Some(Refusal::HandGone));
    assert_eq!(story.refusal("ada", deny("ben")), Some(Refusal::HandGone));
    assert_eq!(story.refusal("ada", approve("nobody")), Some(Refusal::ParticipantNotFound));
    assert_eq!(story.seat_is(1), "open");
}

#[test]
fn approve_twice() {
    let mut story = Story::begun(SeatMode::Apply);
    story.act("ben", raise(true));
    let first = story.act_as("ada", "a1", approve("ben"));
    let seq = story.room.seq;
    assert_eq!(reply_of(&story.act_as("ada", "a1", approve("ben"))), reply_of(&first), "the same request");
    assert_eq!(story.ask("ada", approve("ben")), reply_of(&first), "the same host by another request");
    assert_eq!(story.refusal("cleo", approve("ben")), Some(Refusal::HandAlreadyHandled));
    assert_eq!(story.refusal("cleo", deny("ben")), Some(Refusal::HandAlreadyHandled));
    assert_eq!(story.room.seq, seq, "nothing has happened");
    story.act("ben", Act::SeatLeave);
    assert_eq!(story.refusal("ada", approve("ben")), Some(Refusal::HandAlreadyHandled), "no longer true");
}

#[test]
fn cancel_crosses_approve_and_frees_the_reserved_seat() {
    let mut story = Story::begun(SeatMode::Apply);
    story.act("ben", raise(false));
    story.act("ada", approve("ben"));
    let outputs = story.act("ben", Act::HandLower);
    assert!(reply_of(&outputs).is_ok());
    assert_eq!(causes(&outputs), ["released"]);
    assert_eq!(story.seat_is(1), "open");
    assert_eq!(story.refusal("ben", Act::HandLower), Some(Refusal::HandAlreadyHandled));
}

#[test]
fn cancel_crosses_approve_and_is_too_late_on_stage() {
    let mut story = Story::begun(SeatMode::Apply);
    story.act("ben", raise(true));
    story.act("ada", approve("ben"));
    assert_eq!(story.refusal("ben", Act::HandLower), Some(Refusal::HandAlreadyHandled));
    assert_eq!(story.seat_is(1), "occupied ben");
    assert_eq!(story.refusal("dan", Act::HandLower), Some(Refusal::HandGone), "who never raised one has none");
}

#[test]
fn lock_crosses_a_pending_request() {
    let mut story = Story::begun(SeatMode::Apply);
    story.act("ben", raise_for(3, true));
    let outputs = story.act("ada", lock(3, false));
    assert_eq!(hand_changes(&outputs), ["changed"]);
    let own = self_of(&outputs, &story.session("ben"))[0];
    assert_eq!(own.hand, Some(OwnHand { position: 1, wanted_seat: None, mic_ready: true }));
    assert_eq!(story.ask("ada", approve("ben")).unwrap().seat.unwrap().index, seat(1));
    assert_eq!(story.refusal("dan", raise_for(3, true)), Some(Refusal::SeatLocked));
}

#[test]
fn take_a_second_seat() {
    let mut story = Story::begun(SeatMode::Free);
    story.act("ben", take(1));
    let refused = story.ask("ben", take(2)).unwrap_err();
    assert_eq!((refused.refusal, refused.details.seat.unwrap().index), (Refusal::AlreadySeated, seat(1)));
    story.act("dan", raise(false));
    story.act("ada", approve("dan"));
    assert_eq!(story.refusal("dan", take(5)), Some(Refusal::AlreadySeated), "a kept seat is a seat");
    assert_eq!(story.seat_is(5), "open");
}

#[test]
fn duplicate_identity_takes_over_in_one_step() {
    let mut story = Story::begun(SeatMode::Free);
    story.act("ben", take(1));
    let old = story.session("ben");
    let old_plan = story.room.planned[0].clone();
    let outputs = story.join_ready("ben", Rank::Member);
    let new = story.session("ben");
    let plan = plan_of(&outputs).unwrap();
    assert_eq!(plan.seats.len(), 1);
    assert_eq!((plan.seats[0].seat, &plan.seats[0].session, plan.seats[0].open), (seat(1), &new, true));
    assert_ne!(plan.seats[0].csrc, old_plan.csrc, "packets of the old session do not match the grant");
    assert_eq!(causes(&outputs), ["taken_over"]);
    let bye = Output::Bye {
        session: old.clone(),
        reason: ByeReason::Duplicate,
        action: ByeAction::Stop,
        retry_after: None,
        said: None,
    };
    assert!(outputs.contains(&bye));
    assert!(outputs.contains(&Output::CloseTransport { session: old.clone(), why: SessionEnd::Duplicate }));
    assert!(matches!(outputs.last().unwrap(), Output::Welcome { session, .. } if *session == new));
    assert_eq!(story.room.participants(), 4);
    story.media(MediaFact::Closed { session: old.clone() });
    story.room.handle(Input::Detached { session: old.clone() }, story.now);
    story.after(seconds(60));
    assert_eq!(story.seat_is(1), "occupied ben", "what is told of the old session is old");
    let stale = Input::Act { session: old, request: RequestId::parse("x").unwrap(), act: Act::SeatLeave };
    assert_eq!(reply_of(&story.room.handle(stale, story.now)).unwrap_err().refusal, Refusal::SessionStale);
}

#[test]
fn a_takeover_keeps_mutes_hand_and_offer() {
    let mut story = Story::begun(SeatMode::Free);
    story.act("ben", take(1));
    story.act("ada", Act::MemberMute { identity: id("ben"), lasts: None });
    story.act("dan", raise(true));
    story.join("ben", Rank::Member);
    story.join("dan", Rank::Member);
    let ben = story.own("ben");
    assert_eq!((ben.self_muted, ben.host_muted), (true, true));
    assert_eq!(story.heard(), [""; 0]);
    let hand = story.own("dan").hand.unwrap();
    assert_eq!((hand.position, hand.mic_ready), (1, false), "the new page's microphone is not ready");
    story.act("ada", approve("dan"));
    story.join("dan", Rank::Member);
    assert_eq!(story.own("dan").offer.unwrap().seat, seat(2));
    assert_eq!(story.refusal("dan", CONFIRM), None);
}

#[test]
fn a_takeover_by_a_token_that_may_not_publish_loses_seat_and_hand() {
    let mut story = Story::begun(SeatMode::Free);
    story.act("ben", take(1));
    story.act("dan", raise(true));
    for name in ["ben", "dan"] {
        let join = Join { can_publish: false, ..story.arrival(name, Rank::Member) };
        story.enter(join);
    }
    assert_eq!(story.seat_is(1), "open");
    assert!(story.room.planned.is_empty());
    assert_eq!(story.hands(), [""; 0]);
}

#[test]
fn a_takeover_needs_no_further_place() {
    let mut story = Story::with(Settings { participants_max: 2, ..Settings::default() });
    story.join("ada", Rank::Host);
    story.join("ben", Rank::Member);
    let outputs = story.join("dan", Rank::Member);
    assert_eq!(reply_of(&outputs).unwrap_err().refusal, Refusal::RoomFull);
    let full = ByeReason::Refused(Refusal::RoomFull);
    assert!(outputs.contains(&Output::Bye {
        session: story.session("dan"),
        reason: full,
        action: ByeAction::Retry,
        retry_after: None,
        said: None
    }));
    let outputs = story.join("ben", Rank::Member);
    assert!(matches!(outputs.last().unwrap(), Output::Welcome { .. }));
    assert_eq!(story.room.participants(), 2);
}

#[test]
fn kick_crosses_the_persons_own_leave() {
    let mut story = Story::begun(SeatMode::Free);
    story.act("ben", Act::Leave);
    let outputs = story.act("ada", kick("ben"));
    assert!(reply_of(&outputs).is_ok());
    assert_eq!(told(&outputs), []);
    assert_eq!(story.refusal("ada", kick("nobody")), Some(Refusal::ParticipantNotFound));
}

#[test]
fn a_kick_closes_the_gate_first_and_says_bye() {
    let mut story = Story::begun(SeatMode::Free);
    story.act("ben", take(1));
    let session = story.session("ben");
    let outputs = story.act("cleo", kick("ben"));
    assert!(matches!(&outputs[0], Output::Plan(plan) if plan.seats.is_empty()));
    assert!(outputs.contains(&Output::Bye {
        session: session.clone(),
        reason: ByeReason::Kicked,
        action: ByeAction::Stop,
        retry_after: None,
        said: None
    }));
    assert!(outputs.contains(&Output::CloseTransport { session, why: SessionEnd::Kicked }));
    assert_eq!(story.room.participants(), 3);
}

#[test]
fn a_room_that_has_closed_lets_nobody_in() {
    let mut story = Story::with(Settings::default());
    story.join("ada", Rank::Host);
    story.act("ada", Act::Leave);
    assert!(!story.after(Duration::from_millis(299_999)).contains(&Output::Closed));
    assert_eq!(story.after(Duration::from_millis(1)), [Output::Closed]);
    assert!(story.room.is_closed());
    assert_eq!(story.room.next_timeout(), None);
    let outputs = story.join("ben", Rank::Host);
    let closed = ByeReason::Refused(Refusal::RoomClosed);
    assert!(outputs.contains(&Output::Bye {
        session: story.session("ben"),
        reason: closed,
        action: ByeAction::Stop,
        retry_after: None,
        said: None
    }));
    assert_eq!(story.room.participants(), 0);
}

#[test]
fn stale_expect_rev() {
    let mut story = Story::begun(SeatMode::Free);
    let seen = story.seat(1).rev;
    story.act("ben", take(1));
    let acts = [
        Act::SeatLock { seat: seat(1), evict: true, expect_rev: Some(seen) },
        Act::SeatUnlock { seat: seat(1), expect_rev: Some(seen) },
        Act::SeatMute { seat: seat(1), expect_rev: Some(seen) },
        Act::SeatUnmute { seat: seat(1), expect_rev: Some(seen) },
        Act::SeatKick { seat: seat(1), expect_rev: Some(seen) },
    ];
    for act in acts {
        let refused = story.ask("ada", act).unwrap_err();
        assert_eq!(refused.refusal, Refusal::RevConflict);
        assert_eq!(refused.details.seat.unwrap().rev, seen + 1);
    }
    let now = story.seat(1).rev;
    story.act("ben", Act::MuteSelf { muted: true });
    let kick_off = Act::SeatKick { seat: seat(1), expect_rev: Some(now) };
    assert_eq!(story.refusal("ada", kick_off), None, "a person's own mute does not get in a host's way");
}

#[test]
fn the_same_request_again_changes_nothing_and_has_the_first_answer() {
    let mut story = Story::begun(SeatMode::Free);
    let first = story.act_as("ben", "b1", take(1));
    story.act_as("ben", "b2", Act::SeatLeave);
    let again = story.act_as("ben", "b1", take(1));
    assert_eq!(reply_of(&again), reply_of(&first));
    assert_eq!(again.len(), 1);
    assert_eq!(story.seat_is(1), "open");
    let refused = story.act_as("ben", "b3", take(0));
    assert_eq!(reply_of(&story.act_as("ben", "b3", Act::HandLower)), reply_of(&refused), "refusals too");
    assert!(reply_of(&story.act_as("dan", "b1", take(1))).is_ok(), "each session has its own");
}

#[test]
fn the_same_join_again_is_welcomed_again_and_another_makes_no_sense() {
    let mut story = Story::begun(SeatMode::Free);
    let join = story.arrival("eve", Rank::Member);
    story.enter(join.clone());
    let (session, request) = (join.session.clone(), join.request.clone());
    assert_eq!(story.enter(join.clone()), [Output::Welcome { session, request }]);
    let other = Join { request: RequestId::parse("other").unwrap(), ..join };
    assert_eq!(reply_of(&story.enter(other)).unwrap_err().refusal, Refusal::InvalidArgument);
    assert_eq!(story.room.participants(), 5);
}

#[test]
fn a_new_session_of_the_same_person_has_its_own_requests() {
    let mut story = Story::begun(SeatMode::Free);
    story.act_as("ben", "b1", Act::HandLower);
    story.join("ben", Rank::Member);
    assert!(reply_of(&story.act_as("ben", "b1", take(1))).is_ok());
    assert_eq!(story.seat_is(1), "occupied ben");
}

#[test]
fn two_take_one_open_seat_in_the_other_order() {
    let mut story = Story::begun(SeatMode::Free);
    assert_eq!(story.refusal("dan", take(1)), None);
    let refused = story.ask("ben", take(1)).unwrap_err();
    assert_eq!((refused.refusal, refused.details.holder), (Refusal::SeatOccupied, Some(id("dan"))));
}

#[test]
fn the_last_open_seat_is_taken_and_no_other_is_named() {
    let mut story = Story::with(Settings { seats: 2, seat_mode: SeatMode::Free, ..Settings::default() });
    story.join("ben", Rank::Member);
    story.join("dan", Rank::Member);
    story.act("ben", take(1));
    assert_eq!(story.ask("dan", take(1)).unwrap_err().details.next_open, None, "seat 0 is not offered to anyone");
}

#[test]
fn the_requester_leaves_after_the_approval() {
    for ready in [true, false] {
        let mut story = Story::begun(SeatMode::Apply);
        story.act("ben", raise(ready));
        story.act("ada", approve("ben"));
        story.act("ben", Act::Leave);
        assert_eq!(story.seat_is(1), "open");
    }
}

#[test]
fn approve_crosses_cancel_and_comes_too_late() {
    let mut story = Story::begun(SeatMode::Apply);
    story.act("ben", raise(true));
    story.act("ben", Act::HandLower);
    assert_eq!(story.refusal("ada", approve("ben")), Some(Refusal::HandGone));
    assert_eq!(story.seat_is(1), "open");
}

#[test]
fn a_request_crosses_a_lock_that_came_first() {
    let mut story = Story::begun(SeatMode::Apply);
    story.act("ada", lock(3, false));
    assert_eq!(story.refusal("ben", raise_for(3, true)), Some(Refusal::SeatLocked));
    assert_eq!(story.hands(), [""; 0]);
}

#[test]
fn an_invite_is_accepted_after_a_kick() {
    let mut story = Story::begun(SeatMode::InviteOnly);
    let invite = Act::InviteSend { identity: id("ben"), seat: Some(seat(2)), hold: true };
    let sent = story.ask("ada", invite).unwrap().invite.unwrap();
    let outputs = story.act("cleo", kick("ben"));
    let revoked = |event: &Event| matches!(event, Event::InviteChanged { change: InviteChange::Revoked, .. });
    assert!(told(&outputs).iter().any(|(_, event)| revoked(event)), "the invite is revoked");
    assert_eq!(story.seat_is(2), "open");
    story.join("ben", Rank::Member);
    let accept = Act::InviteAccept { invite: Some(sent.id) };
    assert_eq!(story.refusal("ben", accept), Some(Refusal::Forbidden));
    assert_eq!(story.refusal("ben", Act::InviteAccept { invite: None }), Some(Refusal::Forbidden));
    assert_eq!(story.heard(), [""; 0]);
}

#[test]
fn a_kick_after_the_invite_was_accepted_clears_the_seat() {
    let mut story = Story::begun(SeatMode::InviteOnly);
    story.act("ada", Act::InviteSend { identity: id("ben"), seat: None, hold: false });
    story.act("ben", Act::InviteAccept { invite: None });
    let outputs = story.act("cleo", kick("ben"));
    assert_eq!((plan_of(&outputs).unwrap().seats.len(), story.seat_is(1)), (0, "open".to_owned()));
}

#[test]
fn a_duplicate_is_rejected_while_the_first_is_connected() {
    let mut story =
        Story::with(Settings { duplicates: Duplicates::Reject, seat_mode: SeatMode::Free, ..Settings::default() });
    story.join("ben", Rank::Member);
    story.act("ben", take(1));
    let first = story.session("ben");
    let outputs = story.join("ben", Rank::Member);
    let second = story.session("ben");
    assert_eq!(reply_of(&outputs).unwrap_err().refusal, Refusal::Forbidden);
    let bye = Output::Bye {
        session: second,
        reason: ByeReason::Duplicate,
        action: ByeAction::Stop,
        retry_after: None,
        said: None,
    };
    assert!(outputs.contains(&bye));
    assert_eq!(story.room.session_of(&id("ben")), Some(&first));
    story.room.handle(Input::Detached { session: first }, story.now);
    assert_eq!(causes(&story.join("ben", Rank::Member)), ["taken_over"], "whose socket is lost may come anew");
}

#[test]
fn an_allowed_duplicate_only_listens_and_ends_with_a_kick() {
    let mut story =
        Story::with(Settings { duplicates: Duplicates::Allow, seat_mode: SeatMode::Free, ..Settings::default() });
    story.join("ada", Rank::Host);
    story.join("ben", Rank::Member);
    let first = story.session("ben");
    story.act("ben", take(1));
    story.join("ben", Rank::Host);
    let second = story.session("ben");
    assert_eq!(story.seat_is(1), "occupied ben");
    assert_eq!(story.refusal("ben", take(2)), Some(Refusal::Forbidden));
    assert_eq!(story.refusal("ben", raise(true)), Some(Refusal::Forbidden));
    assert_eq!(story.refusal("ben", lock(2, false)), Some(Refusal::Forbidden), "its rank is a listener's");
    assert_eq!(story.heard(), ["ben"]);
    let outputs = story.act("ada", kick("ben"));
    for session in [first, second] {
        assert!(outputs.contains(&Output::CloseTransport { session, why: SessionEnd::Kicked }));
    }
    assert_eq!(story.room.participants(), 1);
}

#[test]
fn a_kick_crosses_a_leave_and_comes_first() {
    let mut story = Story::begun(SeatMode::Free);
    story.act("ada", kick("ben"));
    assert_eq!(story.refusal("ben", Act::Leave), Some(Refusal::SessionStale), "there is nothing left to leave");
}

#[test]
fn a_join_after_the_room_was_closed_with_people_in_it() {
    let mut story = Story::begun(SeatMode::Free);
    story.act("ada", Act::RoomClose { notice: Duration::ZERO });
    for rank in [Rank::Host, Rank::Member] {
        let outputs = story.join("eve", rank);
        let closed = ByeReason::Refused(Refusal::RoomClosed);
        let session = story.session("eve");
        assert!(outputs.contains(&Output::Bye {
            session,
            reason: closed,
            action: ByeAction::Stop,
            retry_after: None,
            said: None
        }));
    }
}

#[test]
fn a_kick_that_denies_also_ends_the_tokens_issued_before_it() {
    let mut story = Story::begun(SeatMode::Free);
    story.act("ada", Act::MemberKick { identity: id("ben"), deny: true, reason: None });
    story.after(seconds(300));
    let mut come = |token_age: Option<u64>| {
        let join = Join { token_age: token_age.map(seconds), ..story.arrival("ben", Rank::Member) };
        story.enter(join).iter().any(|output| matches!(output, Output::Welcome { .. }))
    };
    // The clock that dates tokens may be a minute ahead.
    assert_eq!([Some(301), Some(240), None, Some(239)].map(&mut come), [false, false, false, true]);
}

#[test]
fn a_kick_without_deny_lets_the_person_come_back() {
    let mut story = Story::begun(SeatMode::Free);
    story.act("ada", kick("ben"));
    assert!(story.join("ben", Rank::Member).iter().any(|output| matches!(output, Output::Welcome { .. })));
}

#[test]
fn a_ban_keeps_every_token_out_until_it_is_lifted() {
    let mut story = Story::begun(SeatMode::Free);
    story.act("ben", take(1));
    let session = story.session("ben");
    let outputs =
        story.act("ada", Act::MemberBan { identity: id("ben"), reason: Some("noise".to_owned()), lasts: None });
    assert!(matches!(&outputs[0], Output::Plan(plan) if plan.seats.is_empty()), "the gate closes first");
    assert!(outputs.contains(&Output::CloseTransport { session, why: SessionEnd::Banned }));
    story.after(seconds(10));
    let fresh = |story: &mut Story| {
        let join = Join { token_age: Some(Duration::ZERO), ..story.arrival("ben", Rank::Member) };
        story.enter(join)
    };
    let outputs = fresh(&mut story);
    assert_eq!(reply_of(&outputs).unwrap_err().refusal, Refusal::Banned);
    assert_eq!(story.refusal("cleo", Act::MemberUnban { identity: id("ben") }), Some(Refusal::Forbidden));
    story.act("ada", Act::MemberUnban { identity: id("ben") });
    assert!(fresh(&mut story).iter().any(|output| matches!(output, Output::Welcome { .. })));
}

#[test]
fn a_stale_rev_of_an_assignment() {
    let mut story = Story::begun(SeatMode::Free);
    story.act("ben", take(1));
    story.act("ben", Act::SeatLeave);
    let assign = |rev| Act::SeatAssign { seat: seat(1), identity: id("dan"), expect_rev: Some(rev) };
    let refused = story.ask("ada", assign(0)).unwrap_err();
    let present = refused.details.seat.unwrap().rev;
    assert_eq!((refused.refusal, story.seat_is(1)), (Refusal::RevConflict, "open".to_owned()));
    assert_eq!(story.refusal("ada", assign(present)), None);
}

#[test]
fn two_hosts_act_on_one_seat_and_the_second_sees_what_the_first_did() {
    let mut story = Story::begun(SeatMode::Free);
    story.act("ben", take(1));
    assert_eq!(story.refusal("ada", lock(1, true)), None);
    let kick_off = Act::SeatKick { seat: seat(1), expect_rev: None };
    let outputs = story.act("cleo", kick_off);
    assert!(reply_of(&outputs).is_ok());
    assert_eq!((told(&outputs), story.seat_is(1)), (vec![], "locked".to_owned()), "nobody is there any more");
}
