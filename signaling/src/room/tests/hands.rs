//! Hands go up, are decided on, and end.

use super::*;

fn positions(outputs: &[Output]) -> Vec<(SessionId, usize)> {
    let positions = told(outputs).into_iter().filter_map(|(to, event)| match (to, event) {
        (Recipients::One(session), Event::HandPosition { position }) => Some((session.clone(), *position)),
        _ => None,
    });
    positions.collect()
}

#[test]
fn an_approved_hand_with_an_open_microphone_is_on_stage_at_once() {
    let mut story = Story::begun(SeatMode::Apply);
    story.act("ben", raise(true));
    story.after(seconds(3));
    let outputs = story.act("ada", approve("ben"));
    assert_eq!(causes(&outputs), ["taken"]);
    assert_eq!(hand_changes(&outputs), ["approved"]);
    assert_eq!(story.heard(), ["ben"]);
    let done = reply_of(&outputs).unwrap();
    assert_eq!(done.seat.unwrap().index, seat(1));
    assert_eq!(done.hand.unwrap().waited, seconds(3));
    assert_eq!(story.hands(), [""; 0]);
}

#[test]
fn an_approved_hand_without_one_is_offered_the_seat_and_confirms() {
    let mut story = Story::begun(SeatMode::Apply);
    story.act("ben", raise(false));
    let outputs = story.act("ada", approve("ben"));
    assert!(plan_of(&outputs).is_none());
    let offer = Event::SeatOffer { seat: seat(1), why: ReservedWhy::Approved, expires_in: seconds(10) };
    assert!(told(&outputs).contains(&(&Recipients::One(story.session("ben")), &offer)));
    assert_eq!(story.seat_is(1), "reserved ben");
    story.after(seconds(4));
    assert_eq!(story.own("ben").offer.unwrap().expires_in, seconds(6));
    assert_eq!(story.refusal("ben", Act::SeatConfirm { seat: Some(seat(2)) }), Some(Refusal::OfferExpired));
    assert_eq!(causes(&story.act("ben", CONFIRM)), ["confirmed"]);
    assert_eq!(story.heard(), ["ben"]);
    assert_eq!(story.refusal("ben", CONFIRM), Some(Refusal::AlreadySeated));
}

#[test]
fn an_offer_ends_after_10_seconds() {
    let mut story = Story::begun(SeatMode::Apply);
    story.act("ben", raise(false));
    story.act("ada", approve("ben"));
    let early = story.after(Duration::from_millis(9_999));
    assert_eq!(causes(&early), [""; 0]);
    let outputs = story.after(Duration::from_millis(1));
    assert_eq!(causes(&outputs), ["released"]);
    assert_eq!(self_of(&outputs, &story.session("ben"))[0].offer, None);
    assert_eq!(story.refusal("ben", CONFIRM), Some(Refusal::OfferExpired));
    assert_eq!(story.seat_is(1), "open");
}

#[test]
fn an_offer_is_over_even_if_no_timeout_came() {
    let mut story = Story::begun(SeatMode::Apply);
    story.act("ben", raise(false));
    story.act("ada", approve("ben"));
    story.now += seconds(10);
    assert_eq!(story.refusal("ben", CONFIRM), Some(Refusal::OfferExpired));
}

#[test]
fn a_declined_offer_opens_the_seat() {
    let mut story = Story::begun(SeatMode::Apply);
    assert_eq!(story.refusal("ben", DECLINE), Some(Refusal::NotSeated));
    story.act("ben", raise(false));
    story.act("ada", approve("ben"));
    assert_eq!(causes(&story.act("ben", DECLINE)), ["released"]);
    assert_eq!(story.refusal("ben", CONFIRM), Some(Refusal::NotSeated), "whoever declined knows it");
}

#[test]
fn raising_twice_is_the_same_hand() {
    let mut story = Story::begun(SeatMode::Apply);
    assert_eq!(story.ask("ben", raise(false)).unwrap().position, Some(1));
    story.act("dan", raise(false));
    let outputs = story.act("ben", raise(true));
    let hand = reply_of(&outputs).unwrap().hand.unwrap();
    assert_eq!((hand.position, hand.mic_ready), (1, false));
    assert_eq!(told(&outputs), []);
    assert_eq!(story.hands(), ["ben", "dan"]);
}

#[test]
fn a_position_is_told_and_again_only_when_it_changes() {
    let mut story = Story::begun(SeatMode::Apply);
    story.join("eve", Rank::Member);
    let [ben, dan, eve] = ["ben", "dan", "eve"].map(|name| story.session(name));
    assert_eq!(positions(&story.act("ben", raise(false))), [(ben, 1)]);
    assert_eq!(positions(&story.act("dan", raise(false))), [(dan, 2)]);
    assert_eq!(positions(&story.act("eve", raise(false))), [(eve.clone(), 3)]);
    assert_eq!(positions(&story.act("cleo", deny("dan"))), [(eve.clone(), 2)]);
    assert_eq!(positions(&story.act("ben", Act::HandLower)), [(eve, 1)]);
}

#[test]
fn hands_are_shown_to_hosts_and_their_owner_only() {
    let mut story = Story::begun(SeatMode::Apply);
    let outputs = story.act("ben", raise(false));
    let others = told(&outputs).into_iter().filter(|(to, _)| **to != Recipients::One(story.session("ben")));
    assert!(others.clone().all(|(to, _)| *to == Recipients::Hosts));
    assert_eq!(others.count(), 1);
    let snapshot = |name: &str| story.room.snapshot(&Viewer::Participant(id(name)), story.now);
    assert_eq!(snapshot("ada").moderation.unwrap().hands.len(), 1);
    assert_eq!(snapshot("cleo").moderation.unwrap().hands.len(), 1);
    assert_eq!(snapshot("dan").moderation, None);
    assert_eq!(snapshot("ben").own.unwrap().hand.unwrap().position, 1);
    let hosts: Vec<_> = story.room.moderators().cloned().collect();
    assert_eq!(hosts, [story.session("ada"), story.session("cleo")]);
}

#[test]
fn a_denied_hand_may_not_come_back_for_10_seconds_nor_take_a_seat() {
    let mut story = Story::begun(SeatMode::Free);
    story.act("ben", raise(false));
    let outputs = story.act("ada", deny("ben"));
    assert_eq!(hand_changes(&outputs), ["denied"]);
    let to_ben = Recipients::One(story.session("ben"));
    assert!(told(&outputs).iter().any(|(to, event)| **to == to_ben && matches!(event, Event::HandChanged { .. })));
    let own = self_of(&outputs, &story.session("ben"));
    assert_eq!(own.last().unwrap().hand_after, Some(seconds(10)), "the denied are told how long they wait");
    story.after(seconds(4));
    assert_eq!(story.own("ben").hand_after, Some(seconds(6)));
    let refused = story.ask("ben", raise(false)).unwrap_err();
    assert_eq!((refused.refusal, refused.details.retry_after), (Refusal::RateLimited, Some(seconds(6))));
    assert_eq!(story.refusal("ben", take(1)), Some(Refusal::RateLimited));
    story.act("ben", Act::Leave);
    story.join("ben", Rank::Member);
    assert_eq!(story.refusal("ben", raise(false)), Some(Refusal::RateLimited), "leaving does not end it");
    story.after(seconds(6));
    assert_eq!(story.own("ben").hand_after, None);
    assert_eq!(story.refusal("ben", raise(false)), None);
}

#[test]
fn a_hand_expires_after_15_minutes() {
    let mut story = Story::begun(SeatMode::Apply);
    story.act("ben", raise(false));
    assert_eq!(hand_changes(&story.after(Duration::from_millis(899_999))), [""; 0]);
    assert_eq!(hand_changes(&story.after(Duration::from_millis(1))), ["expired"]);
    assert_eq!(story.refusal("ada", approve("ben")), Some(Refusal::HandGone));
}

#[test]
fn the_queue_is_bounded() {
    let mut story = Story::with(Settings { hands_max: 2, ..Settings::default() });
    for name in ["ada", "ben", "dan"] {
        story.join(name, Rank::Member);
    }
    assert_eq!(story.refusal("ada", raise(false)), None);
    assert_eq!(story.refusal("ben", raise(false)), None);
    assert_eq!(story.refusal("dan", raise(false)), Some(Refusal::RateLimited));
    assert_eq!(story.refusal("ben", raise(false)), None, "a hand that is up stays up");
}

#[test]
fn without_hands_none_is_raised_but_those_that_are_up_are_still_decided() {
    let mut story = Story::begun(SeatMode::Apply);
    story.act("ben", raise(true));
    story.act("ada", update(RoomChange { hands: Some(false), ..RoomChange::default() }));
    assert_eq!(story.refusal("dan", raise(true)), Some(Refusal::Forbidden));
    assert_eq!(story.refusal("ada", approve("ben")), None);
}

#[test]
fn the_wanted_seat_is_given_and_no_other() {
    let mut story = Story::begun(SeatMode::Apply);
    story.act("ben", raise_for(4, true));
    assert_eq!(story.ask("ada", approve("ben")).unwrap().seat.unwrap().index, seat(4));
    story.act("dan", raise_for(4, true));
    assert_eq!(story.refusal("ada", approve("dan")), Some(Refusal::SeatOccupied));
    assert_eq!(story.hands(), ["dan"]);
}

#[test]
fn without_an_open_seat_the_hand_stays() {
    let mut story = Story::with(Settings { seats: 2, ..Settings::default() });
    story.join("ada", Rank::Host);
    story.join("ben", Rank::Member);
    story.act("ada", lock(1, false));
    story.act("ben", raise(true));
    assert_eq!(story.refusal("ada", approve("ben")), Some(Refusal::AllSeatsTaken), "seat 0 is never given");
    assert_eq!(story.hands(), ["ben"]);
}

#[test]
fn taking_a_seat_lowers_the_hand() {
    let mut story = Story::begun(SeatMode::Free);
    story.act("ben", raise(false));
    let outputs = story.act("ben", take(1));
    assert_eq!(hand_changes(&outputs), ["lowered"]);
    assert_eq!(story.refusal("ben", raise(false)), Some(Refusal::AlreadySeated));
}
