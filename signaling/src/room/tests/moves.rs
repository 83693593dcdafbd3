//! Moving and swapping: one step, one event, and nobody gets out of a mute by it.

use super::*;

fn to(index: u8) -> Act {
    Act::SeatMove { seat: seat(index), identity: None }
}

fn swap(one: u8, other: u8) -> Act {
    Act::SeatSwap { seat: seat(one), with: seat(other) }
}

fn mute_seat(index: u8) -> Act {
    Act::SeatMute { seat: seat(index), expect_rev: None }
}

/// ben on 1, dan on 2, anyone may sit.
fn seated() -> Story {
    let mut story = Story::begun(SeatMode::Free);
    story.act("ben", take(1));
    story.act("dan", take(2));
    story
}

#[test]
fn a_move_is_one_event_of_two_seats_and_one_plan() {
    let mut story = seated();
    let before = story.room.planned[0].csrc;
    let outputs = story.act("ben", to(5));
    let [Event::SeatChanged { cause: SeatCause::Moved, seat: now, other: Some(left), .. }] = told(&outputs)
        .into_iter()
        .filter(|(to, event)| **to == Recipients::Everyone && matches!(event, Event::SeatChanged { .. }))
        .map(|(_, event)| event)
        .collect::<Vec<_>>()[..]
    else {
        panic!("{outputs:?}")
    };
    assert_eq!((now.index, now.state_code(), left.index, left.state_code()), (seat(5), "occupied", seat(1), "open"));
    let plan = plan_of(&outputs).unwrap();
    let planned: Vec<_> = plan.seats.iter().map(|planned| planned.seat).collect();
    assert_eq!(planned, [seat(2), seat(5)]);
    assert_ne!(plan.seats[1].csrc, before, "another occupancy");
    assert_eq!(story.heard(), ["dan", "ben"]);
}

#[test]
fn a_host_moves_people_below_them() {
    let mut story = seated();
    let ben_to = |index| Act::SeatMove { seat: seat(index), identity: Some(id("ben")) };
    assert_eq!(story.refusal("dan", ben_to(3)), Some(Refusal::Forbidden));
    assert_eq!(story.refusal("cleo", ben_to(2)), Some(Refusal::SeatOccupied));
    assert_eq!(story.refusal("cleo", ben_to(0)), Some(Refusal::Forbidden), "seat 0 is not for ben");
    assert_eq!(story.refusal("cleo", ben_to(3)), None);
    assert_eq!((story.seat_is(1), story.seat_is(3)), ("open".to_owned(), "occupied ben".to_owned()));
}

#[test]
fn nobody_gets_out_of_a_muted_seat_but_by_a_host() {
    let mut story = seated();
    story.act("cleo", mute_seat(1));
    story.act("ben", Act::MuteSelf { muted: false });
    assert_eq!(story.refusal("ben", to(5)), Some(Refusal::Forbidden));
    assert_eq!(story.refusal("ben", swap(1, 2)), Some(Refusal::Forbidden));
    assert_eq!(story.refusal("dan", swap(2, 1)), Some(Refusal::Forbidden), "nor by a friend");
    assert_eq!(story.refusal("cleo", Act::SeatMove { seat: seat(5), identity: Some(id("ben")) }), None);
    assert_eq!(story.heard(), ["dan", "ben"], "he had unmuted himself, and a host took him off the muted seat");
}

#[test]
fn whoever_comes_under_a_seats_mute_unmutes_when_it_is_lifted() {
    let mut story = seated();
    story.act("cleo", mute_seat(5));
    story.act("ben", to(5));
    story.act("cleo", Act::SeatUnmute { seat: seat(5), expect_rev: None });
    assert_eq!(story.heard(), ["dan"]);
    story.act("ben", Act::MuteSelf { muted: false });
    assert_eq!(story.heard(), ["dan", "ben"]);
}

#[test]
fn a_host_swaps_at_once() {
    let mut story = seated();
    let outputs = story.act("cleo", swap(1, 2));
    assert_eq!((reply_of(&outputs).unwrap().pending, causes(&outputs)), (false, vec!["swapped"]));
    assert_eq!((story.seat_is(1), story.seat_is(2)), ("occupied dan".to_owned(), "occupied ben".to_owned()));
    assert_eq!(story.heard(), ["dan", "ben"]);
}

#[test]
fn guests_swap_when_both_have_asked_for_it() {
    let mut story = seated();
    let outputs = story.act("ben", swap(1, 2));
    assert!(reply_of(&outputs).unwrap().pending);
    let proposed = Event::SwapProposed { from: id("ben"), seat: seat(1), with: seat(2), expires_in: seconds(30) };
    assert_eq!(told(&outputs), [(&Recipients::One(story.session("dan")), &proposed)]);
    assert_eq!(story.seat_is(1), "occupied ben");
    assert_eq!(causes(&story.act("dan", swap(2, 1))), ["swapped"]);
    assert_eq!(story.seat_is(1), "occupied dan");
    assert!(story.ask("dan", swap(1, 2)).unwrap().pending, "once agreed, once done");
}

#[test]
fn a_proposed_swap_does_not_stand_for_ever() {
    let mut story = seated();
    story.act("ben", swap(1, 2));
    story.after(seconds(30));
    assert!(story.ask("dan", swap(2, 1)).unwrap().pending, "this is a new proposal");
}

#[test]
fn a_swap_is_agreed_for_the_two_seats_that_were_named_and_no_others() {
    let mut story = seated();
    story.act("ben", swap(1, 2));
    story.act("dan", to(7));
    assert!(story.ask("dan", swap(7, 1)).unwrap().pending, "ben has not said that he would sit on 7");
    assert_eq!(story.seat_is(1), "occupied ben");
    assert_eq!(causes(&story.act("ben", swap(1, 7))), ["swapped"]);
}

#[test]
fn nobody_swaps_others_without_being_a_host_nor_a_guest_onto_the_host_seat() {
    let mut story = seated();
    story.join("eve", Rank::Member);
    story.act("eve", take(3));
    story.act("ada", take(0));
    assert_eq!(story.refusal("eve", swap(1, 2)), Some(Refusal::Forbidden));
    assert_eq!(story.refusal("eve", swap(3, 0)), Some(Refusal::Forbidden));
    assert_eq!(story.refusal("cleo", swap(0, 1)), Some(Refusal::Forbidden));
    assert_eq!(story.refusal("eve", swap(3, 4)), Some(Refusal::NotSeated), "an empty seat is moved to, not swapped");
}

#[test]
fn an_assigned_seat_waits_for_a_word_or_is_taken_by_a_hand_that_is_ready() {
    let mut story = Story::begun(SeatMode::InviteOnly);
    let assign = |name: &str, index| Act::SeatAssign { seat: seat(index), identity: id(name), expect_rev: None };
    story.act("cleo", assign("ben", 4));
    assert_eq!(
        (story.seat_is(4), story.own("ben").offer.unwrap().why),
        ("reserved ben".to_owned(), ReservedWhy::Assigned)
    );
    assert_eq!(causes(&story.after(seconds(10))), ["released"]);
    assert_eq!(story.refusal("ben", CONFIRM), Some(Refusal::OfferExpired));
    story.act("dan", raise(true));
    let outputs = story.act("cleo", assign("dan", 4));
    assert_eq!((causes(&outputs), hand_changes(&outputs)), (vec!["taken"], vec!["approved"]));
    assert_eq!(story.heard(), ["dan"]);
    assert_eq!(story.refusal("ada", approve("dan")), Some(Refusal::HandAlreadyHandled));
}
