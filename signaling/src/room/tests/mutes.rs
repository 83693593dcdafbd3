//! Nobody can ever open another person's microphone.

use super::*;

fn mute(name: &str) -> Act {
    Act::MemberMute { identity: id(name), lasts: None }
}

fn unmute(name: &str) -> Act {
    Act::MemberUnmute { identity: id(name) }
}

fn mute_seat(index: u8) -> Act {
    Act::SeatMute { seat: seat(index), expect_rev: None }
}

fn unmute_seat(index: u8) -> Act {
    Act::SeatUnmute { seat: seat(index), expect_rev: None }
}

const OPEN: Act = Act::MuteSelf { muted: false };
const CLOSE: Act = Act::MuteSelf { muted: true };

#[test]
fn lifting_a_mute_airs_nobody_who_did_not_unmute() {
    let mut story = Story::begun(SeatMode::Free);
    story.act("ben", take(1));
    let outputs = story.act("ada", mute("ben"));
    assert_eq!(causes(&outputs), ["member_muted"]);
    assert!(!plan_of(&outputs).unwrap().seats[0].open);
    let outputs = story.act("ada", unmute("ben"));
    assert_eq!(causes(&outputs), ["member_unmuted"]);
    assert!(plan_of(&outputs).is_none());
    assert_eq!(story.heard(), [""; 0]);
    assert_eq!(causes(&story.act("ben", OPEN)), ["self_unmuted"]);
    assert_eq!(story.heard(), ["ben"]);
}

#[test]
fn unmuting_oneself_under_a_hosts_mute_opens_nothing_yet() {
    let mut story = Story::begun(SeatMode::Free);
    story.act("ben", take(1));
    story.act("ada", mute("ben"));
    let outputs = story.act("ben", OPEN);
    assert!(reply_of(&outputs).is_ok());
    assert!(plan_of(&outputs).is_none());
    assert!(story.own("ben").host_muted);
    story.act("ada", unmute("ben"));
    assert_eq!(story.heard(), ["ben"]);
}

#[test]
fn a_muted_seat_silences_whoever_sits_there() {
    let mut story = Story::begun(SeatMode::Free);
    story.act("ben", take(1));
    assert_eq!(causes(&story.act("cleo", mute_seat(1))), ["muted"]);
    story.act("ben", OPEN);
    assert_eq!(story.heard(), [""; 0]);
    story.act("ben", Act::SeatLeave);
    story.act("dan", take(1));
    assert_eq!(story.heard(), [""; 0], "the bit is the seat's");
    assert_eq!(causes(&story.act("cleo", unmute_seat(1))), ["unmuted"]);
    assert_eq!(story.heard(), [""; 0], "and lifting it airs nobody");
    story.act("dan", OPEN);
    assert_eq!(story.heard(), ["dan"]);
}

#[test]
fn a_hosts_mute_outlives_leaving_the_seat_and_the_room() {
    let mut story = Story::begun(SeatMode::Free);
    story.act("ada", mute("ben"));
    story.act("ben", take(1));
    assert_eq!(story.heard(), [""; 0]);
    story.act("ben", Act::Leave);
    story.join("ben", Rank::Member);
    story.act("ben", take(1));
    assert!(story.own("ben").host_muted);
    story.act("ada", unmute("ben"));
    assert_eq!(story.heard(), [""; 0]);
}

#[test]
fn a_mute_takes_back_the_word_that_the_microphone_is_ready() {
    for by_host in [true, false] {
        let mut story = Story::begun(SeatMode::Apply);
        story.act("ben", raise(true));
        if by_host {
            story.act("ada", mute("ben"));
            story.act("ada", unmute("ben"));
        } else {
            story.act("ben", CLOSE);
        }
        story.act("ada", approve("ben"));
        assert_eq!(story.seat_is(1), "reserved ben");
        story.act("ben", CONFIRM);
        assert_eq!(story.heard(), ["ben"]);
    }
}

#[test]
fn muting_oneself_is_told_once() {
    let mut story = Story::begun(SeatMode::Free);
    story.act("ben", take(1));
    let outputs = story.act("ben", CLOSE);
    assert_eq!(causes(&outputs), ["self_muted"]);
    assert!(!plan_of(&outputs).unwrap().seats[0].open);
    let again = story.act("ben", CLOSE);
    assert_eq!((again.len(), reply_of(&again).is_ok()), (1, true));
}

#[test]
fn repeated_mutes_are_answered_and_change_nothing() {
    let mut story = Story::begun(SeatMode::Free);
    story.act("ben", take(1));
    for act in [mute("ben"), mute_seat(1), unmute("ben"), unmute_seat(1)] {
        story.act("ada", act.clone());
        let again = story.act("ada", act);
        assert!(
            matches!(again[..], [Output::Audit(_), Output::Reply { result: Ok(_), .. }]),
            "noted, though nothing changes"
        );
    }
}

#[test]
fn lifting_a_seats_mute_airs_nobody_who_did_not_unmute() {
    let mut story = Story::begun(SeatMode::Free);
    story.act("ben", take(1));
    story.act("cleo", mute_seat(1));
    story.act("cleo", unmute_seat(1));
    assert_eq!(story.heard(), [""; 0]);
    story.act("ben", OPEN);
    assert_eq!(story.heard(), ["ben"]);
}

#[test]
fn a_seat_that_is_only_offered_shows_a_closed_microphone() {
    let mut story = Story::begun(SeatMode::Apply);
    story.act("ben", OPEN);
    story.act("ben", raise(false));
    story.act("ada", approve("ben"));
    assert!(story.seat(1).holder().unwrap().self_muted);
}

#[test]
fn whoever_is_muted_is_not_said_to_speak() {
    let mut story = Story::begun(SeatMode::Free);
    story.act("ben", take(1));
    story.act("ben", CLOSE);
    let speakers = vec![(story.session("ben"), -20)];
    assert_eq!(story.media(MediaFact::Speakers { speakers }), []);
}

#[test]
fn a_page_that_is_loaded_again_is_back_on_its_seat_and_muted_until_it_says_otherwise() {
    let mut story = Story::begun(SeatMode::Free);
    story.act("ben", take(1));
    assert_eq!(story.heard(), ["ben"]);
    let outputs = story.join("ben", Rank::Member);
    assert_eq!(causes(&outputs), ["taken_over"]);
    assert!(!plan_of(&outputs).unwrap().seats[0].open);
    assert_eq!((story.seat_is(1).as_str(), story.own("ben").self_muted), ("occupied ben", true));
    story.act("ben", OPEN);
    assert_eq!(story.heard(), ["ben"]);

    story.join_ready("ben", Rank::Member);
    assert_eq!(story.heard(), ["ben"], "an open microphone goes on");
}

#[test]
fn a_seat_that_was_lost_is_given_back_muted_to_a_page_that_is_loaded_again() {
    for (is_ready, heard) in [(false, vec![]), (true, vec!["ben".to_owned()])] {
        let mut story = Story::begun(SeatMode::Free);
        story.act("ben", take(1));
        story.interrupted("ben");
        story.detached("ben");
        story.after(seconds(20));
        assert_eq!(story.seat_is(1), "open", "the seat was kept for 15 s");
        let join = Join { mic_ready: is_ready, ..story.arrival("ben", Rank::Member) };
        story.enter(join);
        assert_eq!(story.seat_is(1), "occupied ben");
        assert_eq!(story.heard(), heard, "ready: {is_ready}");
    }
}
