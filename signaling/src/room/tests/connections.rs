//! Lost sockets, lost media, both, and coming back.

use super::*;

#[test]
fn without_a_socket_one_is_heard_for_30_seconds_and_then_gone() {
    let mut story = Story::begun(SeatMode::Free);
    story.act("ben", take(1));
    assert!(plan_of(&story.detached("ben")).is_none());
    story.after(Duration::from_millis(29_999));
    assert_eq!(story.heard(), ["ben"]);
    let outputs = story.after(Duration::from_millis(1));
    assert_eq!(causes(&outputs), ["lost"]);
    assert!(outputs.contains(&Output::CloseTransport { session: story.session("ben"), why: SessionEnd::Lost }));
    assert_eq!(story.room.participants(), 3);
}

#[test]
fn without_media_the_gate_closes_and_the_seat_is_kept_for_15_seconds() {
    let mut story = Story::begun(SeatMode::Free);
    story.act("ben", take(1));
    let outputs = story.interrupted("ben");
    assert_eq!(causes(&outputs), ["interrupted"]);
    assert_eq!(plan_of(&outputs).unwrap().seats, []);
    assert_eq!(story.seat(1).connected(), Some(false));
    assert_eq!(story.refusal("dan", take(1)), Some(Refusal::SeatReserved));
    assert_eq!(causes(&story.after(Duration::from_millis(14_999))), [""; 0]);
    assert_eq!(causes(&story.after(Duration::from_millis(1))), ["lost"]);
    assert_eq!(story.room.participants(), 4, "the socket stays");
    assert_eq!(causes(&story.restored("ben")), ["restored"], "nobody has taken it yet");
}

#[test]
fn media_that_comes_back_finds_the_seat_and_its_mutes() {
    for muted in [false, true] {
        let mut story = Story::begun(SeatMode::Free);
        story.act("ben", take(1));
        story.act("ben", Act::MuteSelf { muted });
        story.interrupted("ben");
        story.after(seconds(14));
        let outputs = story.restored("ben");
        assert_eq!(causes(&outputs), ["restored"]);
        assert_eq!(plan_of(&outputs).unwrap().seats[0].open, !muted);
        assert_eq!(causes(&story.after(seconds(60))), [""; 0]);
    }
}

#[test]
fn whose_media_has_ended_takes_no_seat_until_they_join_anew() {
    let mut story = Story::begun(SeatMode::Free);
    let session = story.session("ben");
    story.media(MediaFact::Closed { session });
    assert_eq!(story.refusal("ben", take(1)), Some(Refusal::SessionStale));
    story.join("ben", Rank::Member);
    assert_eq!(story.refusal("ben", take(1)), None);
}

#[test]
fn a_seat_kept_for_a_reconnect_is_no_offer() {
    let mut story = Story::begun(SeatMode::Free);
    story.act("ben", take(1));
    story.interrupted("ben");
    let own = story.own("ben");
    assert_eq!((own.seat, own.offer), (Some(OwnSeat { seat: seat(1), occupied: false }), None));
    assert_eq!(story.refusal("ben", CONFIRM), Some(Refusal::AlreadySeated));
    assert_eq!(causes(&story.act("ben", Act::SeatLeave)), ["left"]);
}

#[test]
fn without_both_the_seat_is_kept_15_seconds_and_the_person_30() {
    let mut story = Story::begun(SeatMode::Free);
    story.act("ben", take(1));
    story.act("dan", raise(false));
    for name in ["ben", "dan"] {
        story.interrupted(name);
        story.detached(name);
    }
    assert_eq!(causes(&story.after(seconds(15))), ["lost"]);
    assert_eq!(story.hands(), ["dan"], "a hand keeps its place");
    let outputs = story.after(seconds(15));
    assert_eq!(hand_changes(&outputs), ["gone"]);
    assert_eq!(story.room.participants(), 2);
}

#[test]
fn a_late_loss_of_media_does_not_keep_the_seat_longer_than_the_person() {
    let mut story = Story::begun(SeatMode::Free);
    story.act("ben", take(1));
    story.detached("ben");
    story.after(seconds(20));
    story.interrupted("ben");
    assert_eq!(causes(&story.after(seconds(10))), ["lost"]);
    assert_eq!(story.seat_is(1), "open");
}

#[test]
fn a_new_session_in_time_finds_the_seat_again() {
    let mut story = Story::begun(SeatMode::Free);
    story.act("ben", take(1));
    story.interrupted("ben");
    story.detached("ben");
    story.after(seconds(14));
    let outputs = story.join("ben", Rank::Member);
    assert_eq!(causes(&outputs), ["taken_over"]);
    assert_eq!(plan_of(&outputs).unwrap().seats[0].session, story.session("ben"));
    assert_eq!(causes(&story.after(seconds(60))), [""; 0]);
    assert_eq!(story.room.participants(), 4, "who is back is not gone later");
}

#[test]
fn media_that_is_over_does_not_come_back() {
    let mut story = Story::begun(SeatMode::Free);
    story.act("ben", take(1));
    let closed = MediaFact::Closed { session: story.session("ben") };
    assert_eq!(causes(&story.media(closed)), ["interrupted"]);
    assert_eq!(causes(&story.restored("ben")), [""; 0]);
    assert_eq!(causes(&story.after(seconds(15))), ["lost"]);
}

#[test]
fn an_approval_of_someone_whose_media_is_lost_is_an_offer() {
    let mut story = Story::begun(SeatMode::Apply);
    story.act("ben", raise(true));
    story.interrupted("ben");
    story.act("ada", approve("ben"));
    assert_eq!(story.seat_is(1), "reserved ben");
}

#[test]
fn a_console_that_vanishes_does_not_keep_a_silent_seat() {
    let mut story = Story::begun(SeatMode::Free);
    let console = Join { has_media: false, ..story.arrival("con", Rank::Cohost) };
    story.enter(console);
    story.act("con", take(0));
    assert_eq!(causes(&story.interrupted("con")), [""; 0], "what never was cannot be lost");
    assert_eq!(causes(&story.detached("con")), ["interrupted"]);
}

/// ben had seat 1 and lost it; his socket is there.
fn lost() -> Story {
    let mut story = Story::begun(SeatMode::Free);
    story.act("ben", take(1));
    story.interrupted("ben");
    assert_eq!(causes(&story.after(seconds(20))), ["lost"]);
    story
}

fn lost_seat(outputs: &[Output], story: &Story) -> Option<Option<usize>> {
    told(outputs).into_iter().find_map(|(to, event)| match event {
        Event::LostSeat { position, .. } if *to == Recipients::One(story.session("ben")) => Some(*position),
        _ => None,
    })
}

#[test]
fn whoever_is_back_late_has_the_seat_again_if_it_is_still_open() {
    let mut story = lost();
    let outputs = story.restored("ben");
    assert_eq!((causes(&outputs), lost_seat(&outputs, &story)), (vec!["restored"], None));
    assert_eq!(story.heard(), ["ben"]);
}

#[test]
fn whoever_finds_the_seat_taken_goes_first_in_the_queue_and_only_once() {
    let mut story = lost();
    let high = Join { tier: 3, ..story.arrival("vip", Rank::Member) };
    story.enter(high);
    story.act("vip", raise(false));
    story.act("dan", take(1));
    let outputs = story.restored("ben");
    assert_eq!(lost_seat(&outputs, &story), Some(Some(1)));
    assert_eq!(story.hands(), ["ben", "vip"], "before any tier");
    story.act("ben", Act::HandLower);
    story.interrupted("ben");
    let outputs = story.restored("ben");
    assert_eq!((lost_seat(&outputs, &story), story.hands()), (None, vec!["vip".to_owned()]), "once");
}

#[test]
fn a_hand_that_is_up_already_goes_first_with_its_wish() {
    let mut story = lost();
    story.act("dan", raise(false));
    story.act("ben", raise_for(4, true));
    story.act("cleo", take(1));
    assert_eq!(lost_seat(&story.restored("ben"), &story), Some(Some(1)));
    assert_eq!(story.hands(), ["ben", "dan"]);
    assert_eq!(story.own("ben").hand.unwrap().wanted_seat, Some(seat(4)));
}

#[test]
fn with_hands_off_a_lost_seat_is_only_told() {
    let mut story = lost();
    story.act("ada", update(RoomChange { hands: Some(false), ..RoomChange::default() }));
    story.act("dan", take(1));
    assert_eq!(lost_seat(&story.restored("ben"), &story), Some(None));
    assert_eq!(story.hands(), [""; 0]);
}

#[test]
fn a_seat_that_was_muted_meanwhile_is_not_aired_when_the_mute_is_lifted() {
    let mut story = lost();
    story.act("cleo", Act::SeatMute { seat: seat(1), expect_rev: None });
    story.restored("ben");
    story.act("cleo", Act::SeatUnmute { seat: seat(1), expect_rev: None });
    assert_eq!(story.heard(), [""; 0]);
}

#[test]
fn a_resumed_session_is_the_same_and_has_what_it_had() {
    let mut story = Story::begun(SeatMode::Free);
    story.act("ben", take(1));
    story.act("dan", raise(false));
    for name in ["ben", "dan"] {
        story.detached(name);
    }
    story.after(Duration::from_millis(29_999));
    for name in ["ben", "dan"] {
        let (session, request) = (story.session(name), RequestId::parse("again").unwrap());
        let outputs =
            story.room.handle(Input::Resume { session: session.clone(), request: request.clone() }, story.now);
        assert!(outputs.contains(&Output::Resumed { session, request }));
        assert_eq!(causes(&outputs), [""; 0]);
    }
    assert_eq!(causes(&story.after(seconds(60))), [""; 0]);
    assert_eq!((story.heard(), story.hands()), (vec!["ben".to_owned()], vec!["dan".to_owned()]));
}

#[test]
fn a_session_that_is_over_is_not_resumed() {
    let mut story = Story::begun(SeatMode::Free);
    story.detached("ben");
    story.after(seconds(30));
    let (session, request) = (story.session("ben"), RequestId::parse("again").unwrap());
    let outputs = story.room.handle(Input::Resume { session, request }, story.now);
    assert_eq!(reply_of(&outputs).unwrap_err().refusal, Refusal::SessionStale);
}

#[test]
fn a_seat_that_was_lost_is_owed_for_as_long_as_a_session_lasts_without_a_socket() {
    for (late, expected) in [(seconds(15), "restored"), (seconds(15) + Duration::from_millis(1), "")] {
        let mut story = Story::begun(SeatMode::Free);
        story.act("ben", take(1));
        story.interrupted("ben");
        assert_eq!(causes(&story.after(seconds(15))), ["lost"]);
        story.after(late);
        assert_eq!(causes(&story.restored("ben")).concat(), expected, "{late:?}");
    }
}
