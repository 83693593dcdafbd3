//! Stories of what a careful reader of the rules found broken once.

use super::*;

#[test]
fn whoever_is_no_cohost_any_more_does_not_get_the_host_seat_by_an_old_wish() {
    let mut story = Story::begun(SeatMode::Apply);
    story.act("cleo", raise_for(0, true));
    story.act("ada", Act::MemberRank { identity: id("cleo"), rank: Rank::Member });
    assert_eq!(story.own("cleo").hand.unwrap().wanted_seat, None);
    story.ask("ada", approve("cleo")).unwrap();
    assert_eq!((story.seat_is(0), story.seat_is(1)), ("open".to_owned(), "occupied cleo".to_owned()));
}

#[test]
fn whoever_is_taken_off_an_offered_seat_is_not_offered_it_again() {
    let mut story = Story::with(Settings { auto_offer: true, seats: 2, ..Settings::default() });
    story.join("ada", Rank::Host);
    story.join("ben", Rank::Member);
    story.join("dan", Rank::Member);
    story.act("ben", raise(false));
    story.act("dan", raise(false));
    assert_eq!(story.seat_is(1), "reserved ben");
    story.ask("ada", Act::SeatKick { seat: seat(1), expect_rev: None }).unwrap();
    assert_eq!(story.seat_is(1), "reserved dan");
    assert_eq!(story.hands(), ["ben", "dan"], "his hand is still up");
}

#[test]
fn a_hidden_moderator_is_not_named_to_everyone() {
    let mut story = Story::begun(SeatMode::Free);
    let spy = Join { hidden: true, ..story.arrival("spy", Rank::Cohost) };
    story.enter(spy);
    let outputs = story.act("spy", lock(3, false));
    let by: Vec<_> = told(&outputs)
        .into_iter()
        .filter_map(|(to, event)| match (to, event) {
            (Recipients::Everyone, Event::SeatChanged { by, .. }) => Some(by.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(by, [None]);
}

#[test]
fn the_request_of_the_join_is_nobody_elses() {
    let mut story = Story::begun(SeatMode::Free);
    let join = story.arrival("eve", Rank::Member);
    let request = join.request.to_string();
    story.enter(join);
    let answer = reply_of(&story.act_as("eve", &request, take(1)));
    assert_eq!(answer.unwrap_err().refusal, Refusal::InvalidArgument);
    assert_eq!(story.seat_is(1), "open");
}

#[test]
fn a_turn_goes_on_while_a_seat_is_lost() {
    let turn = Some(seconds(60));
    let mut story = Story::with(Settings { turn, seat_mode: SeatMode::Free, ..Settings::default() });
    story.join("ada", Rank::Host);
    story.join("ben", Rank::Member);
    story.act("ben", take(1));
    story.after(seconds(10));
    story.interrupted("ben");
    story.after(seconds(20));
    assert_eq!(causes(&story.restored("ben")), ["restored"]);
    assert_eq!(story.seat(1).turn_ends_in, Some(seconds(30)));
    assert_eq!(causes(&story.after(seconds(30))), ["turn_over"]);
}

#[test]
fn a_demotion_or_a_denial_ends_the_claim_to_a_lost_seat() {
    let mut story = Story::begun(SeatMode::Apply);
    story.act("cleo", take(1));
    story.interrupted("cleo");
    story.after(seconds(16));
    story.act("ada", Act::MemberRank { identity: id("cleo"), rank: Rank::Member });
    assert_eq!(causes(&story.restored("cleo")), [""; 0]);
    assert_eq!(story.hands(), [""; 0]);
}

#[test]
fn the_kind_of_a_participant_is_told_with_their_seat() {
    let mut story = Story::begun(SeatMode::Free);
    let agent = Join { kind: Some("agent".to_owned()), ..story.arrival("echo", Rank::Member) };
    story.enter(agent);
    story.act("echo", take(1));
    assert_eq!(story.seat(1).holder().unwrap().kind.as_deref(), Some("agent"));
}

#[test]
fn whoever_is_put_out_may_not_even_look() {
    let mut story = Story::begun(SeatMode::Free);
    story.act("ada", Act::MemberKick { identity: id("ben"), deny: true, reason: None });
    story.act("ada", Act::MemberBan { identity: id("dan"), reason: None, lasts: None });
    let looks = |who: &str, age: u64| story.room.shuts_out(&id(who), Some(seconds(age)), story.now + seconds(300));
    assert_eq!(looks("ben", 400), Some(Refusal::Forbidden));
    assert_eq!(looks("ben", 1), None);
    assert_eq!(looks("dan", 1), Some(Refusal::Banned));
    assert_eq!(looks("cleo", 400), None);
}
