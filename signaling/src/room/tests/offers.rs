//! Offers: with `auto_offer` an opened seat goes round the queue before anyone else hears of it.

use super::*;

/// A room with two seats, the second one taken by cleo, and hands of ben, dan and eve, in this order.
fn queued() -> Story {
    let mut story = Story::with(Settings { seats: 2, auto_offer: true, ..Settings::default() });
    story.join("ada", Rank::Host);
    story.join("cleo", Rank::Cohost);
    for name in ["ben", "dan", "eve"] {
        story.join(name, Rank::Member);
    }
    story.act("cleo", take(1));
    for name in ["ben", "dan", "eve"] {
        story.act(name, raise(true));
    }
    story.after(seconds(5));
    story
}

fn offers(outputs: &[Output], story: &Story) -> Vec<String> {
    let offered = told(outputs).into_iter().filter_map(|(to, event)| match (to, event) {
        (Recipients::One(session), Event::SeatOffer { why: ReservedWhy::Offered, .. }) => {
            story.room.roster.identity_of(session).map(ToString::to_string)
        }
        _ => None,
    });
    offered.collect()
}

fn is_cued(outputs: &[Output]) -> bool {
    told(outputs).iter().any(|(_, event)| matches!(event, Event::SeatCue { .. }))
}

#[test]
fn an_opened_seat_goes_to_the_first_hand_then_to_the_next_and_the_cue_comes_last() {
    let mut story = queued();
    let outputs = story.act("cleo", Act::SeatLeave);
    assert_eq!((offers(&outputs, &story), is_cued(&outputs)), (vec!["ben".to_owned()], false));
    assert_eq!(story.seat_is(1), "reserved ben");
    assert_eq!(story.hands(), ["ben", "dan", "eve"], "an offer does not take the hand out of the queue");
    let outputs = story.act("ben", DECLINE);
    assert_eq!((offers(&outputs, &story), is_cued(&outputs)), (vec!["dan".to_owned()], false));
    assert_eq!(story.hands(), ["ben", "dan", "eve"], "whoever declines stays where they are");
    let outputs = story.after(seconds(10));
    assert_eq!((offers(&outputs, &story), is_cued(&outputs)), (vec!["eve".to_owned()], false));
    let outputs = story.act("eve", DECLINE);
    assert_eq!((offers(&outputs, &story), is_cued(&outputs)), (vec![], true), "nobody is left who could be asked");
    assert_eq!(story.seat_is(1), "open");
    assert_eq!(offers(&story.after(seconds(60)), &story), [""; 0], "the same opening is not offered twice");
}

#[test]
fn a_microphone_that_is_ready_is_not_aired_by_an_offer_but_by_its_owner() {
    let mut story = queued();
    story.act("cleo", Act::SeatLeave);
    assert_eq!(story.heard(), [""; 0]);
    let outputs = story.act("ben", CONFIRM);
    assert_eq!((causes(&outputs), hand_changes(&outputs)), (vec!["confirmed"], vec!["approved"]));
    assert_eq!((story.heard(), story.hands()), (vec!["ben".to_owned()], vec!["dan".to_owned(), "eve".to_owned()]));
}

#[test]
fn whoever_misses_two_offers_is_taken_for_away() {
    let mut story = queued();
    story.act("cleo", Act::SeatLeave);
    story.after(seconds(10));
    assert_eq!(story.hands(), ["ben", "dan", "eve"], "one missed offer costs nothing");
    story.act("dan", CONFIRM);
    let outputs = story.act("dan", Act::SeatLeave);
    assert_eq!(offers(&outputs, &story), ["ben"], "this is another opening");
    let outputs = story.after(seconds(10));
    assert_eq!(hand_changes(&outputs), ["expired"]);
    assert_eq!((story.hands(), story.seat_is(1)), (vec!["eve".to_owned()], "reserved eve".to_owned()));
}

#[test]
fn whoever_cannot_come_now_is_passed_over() {
    let mut story = queued();
    story.detached("ben");
    story.interrupted("dan");
    assert_eq!(offers(&story.act("cleo", Act::SeatLeave), &story), ["eve"]);
    story.restored("dan");
    assert_eq!(offers(&story.act("eve", DECLINE), &story), ["dan"], "who is back is asked");
}

#[test]
fn a_wish_for_another_seat_is_not_met_by_this_one() {
    let mut story = Story::begun(SeatMode::Apply);
    story.act("cleo", take(1));
    story.act("ben", raise_for(1, false));
    story.act("ada", update(RoomChange { auto_offer: Some(true), ..RoomChange::default() }));
    assert_eq!(story.own("ben").offer, None, "other seats are open, but not the one he wants");
    story.act("cleo", Act::SeatLeave);
    assert_eq!(story.own("ben").offer.unwrap().seat, seat(1));
}

#[test]
fn lowering_the_hand_gives_the_offer_back() {
    let mut story = queued();
    story.act("cleo", Act::SeatLeave);
    let outputs = story.act("ben", Act::HandLower);
    assert_eq!((causes(&outputs), offers(&outputs, &story)), (vec!["released", "reserved"], vec!["dan".to_owned()]));
    let outputs = story.act("ada", deny("dan"));
    assert_eq!(offers(&outputs, &story), ["eve"], "and so does a denial");
    let outputs = story.act("ada", Act::HandsLowerAll);
    assert_eq!((story.seat_is(1), is_cued(&outputs)), ("open".to_owned(), true));
}

#[test]
fn an_offer_whose_seat_is_locked_goes_on_with_the_next_seat() {
    let mut story = Story::begun(SeatMode::Apply);
    story.act("ada", update(RoomChange { auto_offer: Some(true), ..RoomChange::default() }));
    story.act("ben", raise(false));
    assert_eq!(story.seat_is(1), "reserved ben");
    let outputs = story.act("ada", lock(1, false));
    assert_eq!(offers(&outputs, &story), ["ben"]);
    assert_eq!((story.seat_is(1), story.seat_is(2)), ("locked".to_owned(), "reserved ben".to_owned()));
}
