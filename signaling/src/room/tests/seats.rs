//! Taking, leaving, locking and being sent off a seat.

use super::*;

#[test]
fn taking_an_open_seat_opens_the_gate_and_everyone_is_told() {
    let mut story = Story::begun(SeatMode::Free);
    let session = story.session("ben");
    let outputs = story.act("ben", take(1));
    let plan = plan_of(&outputs).unwrap().clone();
    assert_eq!(plan.revision, 1);
    let seats = plan.seats;
    assert_eq!((seats.len(), seats[0].seat, &seats[0].session), (1, seat(1), &session));
    assert!(seats[0].open && !seats[0].priority);
    assert!(matches!(outputs[0], Output::Plan(_)), "the media plane comes first");
    assert_eq!(causes(&outputs), ["taken"]);
    let view = reply_of(&outputs).unwrap().seat.unwrap();
    assert_eq!((view.state_code(), view.rev), ("occupied", 1));
    let own = self_of(&outputs, &session)[0];
    assert_eq!(
        (own.role, own.seat, own.self_muted),
        (Role::Guest, Some(OwnSeat { seat: seat(1), occupied: true }), false)
    );
    let logged: Vec<_> =
        outputs.iter().filter_map(|o| if let Output::Tell { seq, .. } = o { *seq } else { None }).collect();
    assert_eq!(logged, [story.room.seq]);
}

#[test]
fn a_host_sits_in_front_and_has_priority() {
    let mut story = Story::begun(SeatMode::Apply);
    let outputs = story.act("ada", take(0));
    assert!(plan_of(&outputs).unwrap().seats[0].priority);
    assert_eq!(story.own("ada").role, Role::Host);
    assert_eq!(story.refusal("cleo", take(0)), Some(Refusal::SeatOccupied));
    assert_eq!(story.refusal("ben", take(0)), Some(Refusal::Forbidden));
}

#[test]
fn a_host_without_a_seat_is_not_heard() {
    let story = Story::begun(SeatMode::Free);
    assert_eq!(story.heard(), [""; 0]);
    assert!(story.room.planned.is_empty());
}

#[test]
fn modes_keep_members_off_and_let_hosts_on() {
    for mode in [SeatMode::Apply, SeatMode::InviteOnly] {
        let mut story = Story::begun(mode);
        assert_eq!(story.refusal("ben", take(1)), Some(Refusal::WrongSeatMode));
        assert_eq!(story.refusal("cleo", take(1)), None);
        assert_eq!(story.refusal("ada", take(2)), None);
    }
}

#[test]
fn whoever_may_not_publish_never_gets_a_seat() {
    let mut story = Story::begun(SeatMode::Free);
    let mute = Join { can_publish: false, ..story.arrival("eve", Rank::Host) };
    let ghost = Join { hidden: true, ..story.arrival("gus", Rank::Member) };
    story.enter(mute);
    story.enter(ghost);
    for name in ["eve", "gus"] {
        assert_eq!(story.refusal(name, take(1)), Some(Refusal::Forbidden));
        assert_eq!(story.refusal(name, raise(true)), Some(Refusal::Forbidden));
    }
}

#[test]
fn a_seat_that_is_left_is_open_at_once_and_silent() {
    let mut story = Story::begun(SeatMode::Free);
    story.act("ben", take(1));
    let outputs = story.act("ben", Act::SeatLeave);
    assert_eq!(causes(&outputs), ["left"]);
    assert_eq!(plan_of(&outputs).unwrap().seats, []);
    assert_eq!(story.seat_is(1), "open");
    assert_eq!(story.refusal("ben", Act::SeatLeave), Some(Refusal::NotSeated));
}

#[test]
fn a_seat_that_the_room_does_not_have_is_not_found() {
    let mut story = Story::begun(SeatMode::Free);
    assert_eq!(story.refusal("ben", take(9)), Some(Refusal::SeatNotFound));
    assert_eq!(story.refusal("ada", lock(31, true)), Some(Refusal::SeatNotFound));
    assert_eq!(story.refusal("ben", raise_for(9, true)), Some(Refusal::SeatNotFound));
    assert_eq!(story.refusal("ben", Act::SeatConfirm { seat: Some(seat(9)) }), Some(Refusal::SeatNotFound));
}

#[test]
fn a_locked_seat_cannot_be_taken_until_unlocked() {
    let mut story = Story::begun(SeatMode::Free);
    assert_eq!(causes(&story.act("cleo", lock(1, false))), ["locked"]);
    let refused = story.ask("ben", take(1)).unwrap_err();
    assert_eq!(refused.refusal, Refusal::SeatLocked);
    assert_eq!(refused.details.next_open, Some(seat(2)));
    assert_eq!(causes(&story.act("cleo", Act::SeatUnlock { seat: seat(1), expect_rev: None })), ["unlocked"]);
    assert_eq!(story.refusal("ben", take(1)), None);
}

#[test]
fn locking_an_occupied_seat_wants_evict() {
    let mut story = Story::begun(SeatMode::Free);
    story.act("ben", take(1));
    assert_eq!(story.refusal("ada", lock(1, false)), Some(Refusal::SeatOccupied));
    assert_eq!(story.seat_is(1), "occupied ben");
    let outputs = story.act("ada", lock(1, true));
    assert_eq!(plan_of(&outputs).unwrap().seats, []);
    assert_eq!(self_of(&outputs, &story.session("ben"))[0].seat, None);
    assert_eq!(story.seat_is(1), "locked");
}

#[test]
fn locking_a_reserved_seat_ends_the_offer_and_its_holder_is_told() {
    let mut story = Story::begun(SeatMode::Apply);
    story.act("ben", raise(false));
    story.act("ada", approve("ben"));
    let outputs = story.act("ada", lock(1, false));
    assert_eq!(self_of(&outputs, &story.session("ben"))[0].offer, None);
    assert_eq!(story.refusal("ben", CONFIRM), Some(Refusal::OfferExpired));
}

#[test]
fn being_sent_off_a_seat_leaves_one_in_the_room() {
    let mut story = Story::begun(SeatMode::Free);
    story.act("ben", take(1));
    let kick_off = Act::SeatKick { seat: seat(1), expect_rev: None };
    let outputs = story.act("ada", kick_off.clone());
    assert_eq!(causes(&outputs), ["kicked_off"]);
    assert_eq!(story.own("ben").role, Role::Listener);
    let again = story.act("ada", kick_off);
    assert!(reply_of(&again).is_ok(), "nobody there: nothing to do");
    assert_eq!(causes(&again), [""; 0]);
}

#[test]
fn nobody_acts_on_an_equal_or_higher_rank() {
    let mut story = Story::begun(SeatMode::Apply);
    story.join("cora", Rank::Cohost);
    story.act("ada", take(0));
    story.act("cora", take(1));
    let on_seat = |index| {
        let seat = seat(index);
        [
            Act::SeatKick { seat, expect_rev: None },
            Act::SeatMute { seat, expect_rev: None },
            Act::SeatUnmute { seat, expect_rev: None },
            Act::SeatLock { seat, evict: true, expect_rev: None },
        ]
    };
    for act in on_seat(0).into_iter().chain(on_seat(1)) {
        assert_eq!(story.refusal("cleo", act.clone()), Some(Refusal::Forbidden), "{act:?}");
    }
    for name in ["ada", "cora"] {
        for act in
            [kick(name), Act::MemberMute { identity: id(name), lasts: None }, Act::MemberUnmute { identity: id(name) }]
        {
            assert_eq!(story.refusal("cleo", act.clone()), Some(Refusal::Forbidden), "{act:?}");
        }
    }
    assert_eq!(story.refusal("ada", Act::SeatMute { seat: seat(1), expect_rev: None }), None);
}

#[test]
fn a_rank_counts_at_the_first_join_only() {
    let mut story = Story::begun(SeatMode::Apply);
    story.join("ben", Rank::Host);
    assert_eq!(story.own("ben").rank, Rank::Member);
    story.act("ben", Act::Leave);
    story.join("ben", Rank::Host);
    assert_eq!(story.own("ben").rank, Rank::Member);
    story.act("ada", Act::Leave);
    story.join("ada", Rank::Member);
    assert_eq!(story.own("ada").rank, Rank::Host);
}

#[test]
fn modes_are_the_hosts_and_told_when_they_change() {
    let mut story = Story::begun(SeatMode::Apply);
    let free = update(RoomChange { seat_mode: Some(SeatMode::Free), ..RoomChange::default() });
    assert_eq!(story.refusal("cleo", free.clone()), Some(Refusal::Forbidden));
    assert_eq!(story.refusal("ada", update(RoomChange::default())), Some(Refusal::InvalidArgument));
    let outputs = story.act("ada", free.clone());
    let room = story.room.snapshot(&Viewer::Admin, story.now).room;
    assert_eq!((room.seat_mode, room.hands), (SeatMode::Free, true));
    let updated = Event::RoomUpdated { by: Some(id("ada")), room };
    assert_eq!(told(&outputs), [(&Recipients::Everyone, &updated)]);
    assert_eq!(told(&story.act("ada", free)), []);
    assert_eq!(story.refusal("ben", take(1)), None);
}

#[test]
fn people_with_a_rank_or_on_stage_are_announced_and_the_audience_is_not() {
    let mut story = Story::begun(SeatMode::Free);
    let is_personal = |event: &&Event| matches!(event, Event::ParticipantJoined { .. } | Event::ParticipantLeft { .. });
    let personal = |outputs: &[Output]| told(outputs).iter().map(|(_, event)| *event).filter(is_personal).count();
    assert_eq!(personal(&story.join("eve", Rank::Member)), 0);
    assert_eq!(personal(&story.join("cora", Rank::Cohost)), 1);
    assert_eq!(personal(&story.act("eve", Act::Leave)), 0);
    story.act("ben", take(1));
    assert_eq!(personal(&story.act("ben", Act::Leave)), 1);
    assert_eq!(personal(&story.act("cora", Act::Leave)), 1);
    let hidden = Join { hidden: true, ..story.arrival("hugo", Rank::Host) };
    assert_eq!(personal(&story.enter(hidden)), 0);
    assert_eq!(personal(&story.act("hugo", Act::Leave)), 0);
}

#[test]
fn a_leaving_person_is_answered_and_their_transport_closed() {
    let mut story = Story::begun(SeatMode::Free);
    story.act("ben", take(1));
    let outputs = story.act("ben", Act::Leave);
    assert!(outputs.contains(&Output::CloseTransport { session: story.session("ben"), why: SessionEnd::Left }));
    assert!(reply_of(&outputs).is_ok());
    assert_eq!(story.seat_is(1), "open");
    assert_eq!(story.refusal("ben", take(1)), Some(Refusal::SessionStale));
}

#[test]
fn slots_and_speakers_become_words_about_people() {
    let mut story = Story::begun(SeatMode::Free);
    story.act("ben", take(2));
    let SeatViewState::Occupied { csrc, .. } = story.seat(2).state else { panic!("ben sits there") };
    let slot = |mid: &str, seat_index, csrc| SlotView { mid: mid.to_owned(), seat: seat(seat_index), csrc };
    let slots = vec![slot("1", 2, csrc.get()), slot("2", 2, csrc.get() + 7), slot("3", 5, 1), slot("4", 2, 0)];
    let session = story.session("dan");
    let outputs = story.media(MediaFact::Slots { session: session.clone(), slots });
    let named = Event::Slots { slots: vec![Slot { mid: "1".to_owned(), seat: seat(2), identity: id("ben"), csrc }] };
    assert_eq!(told(&outputs), [(&Recipients::One(session.clone()), &named)]);
    let speakers = vec![(story.session("ben"), -28), (session, -3)];
    let outputs = story.media(MediaFact::Speakers { speakers: speakers.clone() });
    let named = Event::Speakers { speakers: vec![Speaker { identity: id("ben"), seat: seat(2), level: -28 }] };
    assert_eq!(told(&outputs), [(&Recipients::Everyone, &named)]);
    assert_eq!(story.media(MediaFact::Speakers { speakers }), [], "what is known is not told again");
    let joined = story.join("eve", Rank::Member);
    let newcomer = Recipients::One(story.session("eve"));
    assert!(told(&joined).contains(&(&newcomer, &named)), "who comes later is told who speaks");
}
