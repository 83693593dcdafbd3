//! Every bound, at the bound: so many fit, and one more is told what to do.

use super::*;
use crate::room::refusal::Details;

fn crowd(story: &mut Story, count: usize) {
    for number in 0..count {
        story.join(&format!("p{number}"), Rank::Member);
    }
}

#[test]
fn five_hundred_hands_and_no_more() {
    let mut story = Story::begun(SeatMode::Apply);
    crowd(&mut story, 501);
    for number in 0..500 {
        assert_eq!(story.refusal(&format!("p{number}"), raise(false)), None);
    }
    let refused = story.ask("p500", raise(false)).unwrap_err();
    assert_eq!(refused.refusal, Refusal::RateLimited);
    assert!(refused.details.retry_after.is_some());
    story.act("p7", Act::HandLower);
    assert_eq!(story.ask("p500", raise(false)).unwrap().position, Some(500));
}

#[test]
fn a_hand_for_a_lost_seat_does_not_go_beyond_the_bound() {
    let mut story = Story::with(Settings { hands_max: 2, seats: 2, seat_mode: SeatMode::Free, ..Settings::default() });
    for name in ["ben", "dan", "eve", "fay"] {
        story.join(name, Rank::Member);
    }
    story.act("ben", take(1));
    story.act("dan", raise(false));
    story.act("eve", raise(false));
    story.interrupted("ben");
    story.after(seconds(15));
    story.act("fay", take(1));
    let outputs = story.restored("ben");
    let lost = Event::LostSeat { seat: seat(1), position: None };
    assert!(told(&outputs).contains(&(&Recipients::One(story.session("ben")), &lost)));
    assert_eq!(story.hands(), ["dan", "eve"]);
}

#[test]
fn as_many_invites_as_the_room_allows_and_no_more() {
    let mut story = Story::begun(SeatMode::InviteOnly);
    crowd(&mut story, 101);
    let invite = |number: usize| Act::InviteSend { identity: id(&format!("p{number}")), seat: None, hold: false };
    for number in 0..100 {
        assert_eq!(story.refusal("ada", invite(number)), None);
    }
    assert_eq!(story.refusal("ada", invite(100)), Some(Refusal::RateLimited));
    assert_eq!(story.refusal("ada", invite(5)), None, "who is invited already is");
    story.act("p5", Act::InviteDecline { invite: None });
    assert_eq!(story.refusal("ada", invite(100)), None);
}

#[test]
fn as_many_bans_as_the_room_allows_and_no_more() {
    let mut story = Story::with(Settings { bans_max: 150, ..Settings::default() });
    story.join("ada", Rank::Host);
    let ban = |number: usize| Act::MemberBan { identity: id(&format!("p{number}")), reason: None, lasts: None };
    for number in 0..150 {
        assert_eq!(story.refusal("ada", ban(number)), None);
        story.after(Duration::from_millis(10));
    }
    assert_eq!(story.refusal("ada", ban(150)), Some(Refusal::MemoryFull));
    assert_eq!(story.refusal("ada", ban(3)), None, "who is banned already is");
    let moderation = story.room.snapshot(&Viewer::Admin, story.now).moderation.unwrap();
    assert_eq!((moderation.ban_count, moderation.bans.len()), (150, 100), "the latest are shown");
    assert_eq!(moderation.bans[0].identity, id("p149"));
    story.act("ada", Act::MemberUnban { identity: id("p3") });
    assert_eq!(story.refusal("ada", ban(150)), None);
}

#[test]
fn a_room_holds_no_more_than_its_limit_however_many_join_at_once() {
    let mut story = Story::with(Settings { participants_max: 50, ..Settings::default() });
    crowd(&mut story, 200);
    assert_eq!(story.room.participants(), 50);
    story.act("p7", Act::Leave);
    story.join("p199", Rank::Member);
    assert_eq!(story.room.participants(), 50);
    assert_eq!(story.join("p7", Rank::Host).len(), 3, "a host needs a place too");
}

#[test]
fn second_sessions_need_a_place_each() {
    let mut story = Story::with(Settings { participants_max: 2, duplicates: Duplicates::Allow, ..Settings::default() });
    story.join("ada", Rank::Host);
    story.join("ada", Rank::Host);
    assert_eq!(story.room.participants(), 2);
    assert_eq!(reply_of(&story.join("ada", Rank::Host)).unwrap_err().refusal, Refusal::RoomFull);
}

#[test]
fn answers_beyond_the_last_64_are_forgotten_and_asked_anew() {
    let mut story = Story::begun(SeatMode::Apply);
    let first = story.act_as("ben", "first", raise(false));
    for _ in 0..64 {
        story.act("ben", Act::MuteSelf { muted: true });
    }
    story.act("ben", Act::HandLower);
    assert_eq!(reply_of(&first).unwrap().position, Some(1));
    assert_eq!(hand_changes(&story.act_as("ben", "first", raise(false))), ["raised"]);
}

#[test]
fn a_refusal_without_more_to_say_says_no_more() {
    let mut story = Story::begun(SeatMode::Apply);
    let refused = story.ask("ben", Act::HandNext).unwrap_err();
    assert_eq!((refused.refusal, refused.details), (Refusal::Forbidden, Details::default()));
}
