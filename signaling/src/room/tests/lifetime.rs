//! A room's life: opening, being without a host, closing.

use super::*;

fn phases(outputs: &[Output]) -> Vec<&'static str> {
    let rooms = told(outputs).into_iter().filter_map(|(_, event)| match event {
        Event::RoomUpdated { room, .. } => Some(room.phase.code()),
        _ => None,
    });
    rooms.collect()
}

fn is_welcomed(outputs: &[Output]) -> bool {
    outputs.iter().any(|output| matches!(output, Output::Welcome { .. }))
}

fn ranks(outputs: &[Output]) -> Vec<(String, Rank, &'static str)> {
    let ranks = told(outputs).into_iter().filter_map(|(_, event)| match event {
        Event::RankChanged { cause, participant, .. } => {
            Some((participant.identity.to_string(), participant.rank, cause.code()))
        }
        _ => None,
    });
    ranks.collect()
}

fn bye(outputs: &[Output]) -> (ByeReason, ByeAction, Option<Duration>) {
    let mut byes = outputs.iter().filter_map(|output| match output {
        Output::Bye { reason, action, retry_after, .. } => Some((*reason, *action, *retry_after)),
        _ => None,
    });
    byes.next().expect("someone is sent away")
}

#[test]
fn a_scheduled_room_lets_hosts_prepare_and_members_wait() {
    let mut story = Story::with(Settings { opens_in: Some(seconds(60)), ..Settings::default() });
    assert!(is_welcomed(&story.join("ada", Rank::Host)));
    assert!(is_welcomed(&story.join("cleo", Rank::Cohost)));
    story.after(seconds(20));
    let outputs = story.join("ben", Rank::Member);
    assert_eq!(reply_of(&outputs).unwrap_err().refusal, Refusal::RoomNotFound);
    assert_eq!(bye(&outputs), (ByeReason::Refused(Refusal::RoomNotFound), ByeAction::Retry, Some(seconds(40))));
    assert_eq!(phases(&story.after(seconds(40))), ["live"]);
    assert!(is_welcomed(&story.join("ben", Rank::Member)));
}

#[test]
fn a_scheduled_room_that_nobody_visits_is_not_closed_before_it_opens() {
    let mut story = Story::with(Settings { opens_in: Some(seconds(3_600)), ..Settings::default() });
    story.join("ada", Rank::Host);
    story.act("ada", Act::Leave);
    story.after(seconds(3_600 + 299));
    assert!(!story.room.is_closed());
    story.after(seconds(1));
    assert!(story.room.is_closed());
}

#[test]
fn a_host_opens_a_scheduled_room_before_its_time() {
    let mut story = Story::with(Settings { opens_in: Some(seconds(60)), ..Settings::default() });
    story.join("ada", Rank::Host);
    let outputs = story.act("ada", update(RoomChange { go_live: true, ..RoomChange::default() }));
    assert_eq!(phases(&outputs), ["live"]);
    assert_eq!(phases(&story.after(seconds(120))), [""; 0]);
}

#[test]
fn a_host_back_in_time_is_host_again() {
    let mut story = Story::begun(SeatMode::Apply);
    assert_eq!(phases(&story.act("ada", Act::Leave)), ["hostless"]);
    assert_eq!(story.room.snapshot(&Viewer::Admin, story.now).room.hostless_for, Some(seconds(60)));
    story.after(Duration::from_millis(59_999));
    assert_eq!(phases(&story.join("ada", Rank::Member)), ["live"]);
    assert_eq!((story.own("ada").rank, story.own("cleo").rank), (Rank::Host, Rank::Cohost));
    let later = story.after(seconds(120));
    assert_eq!((phases(&later), ranks(&later)), (vec![], vec![]));
}

#[test]
fn the_host_is_gone_when_the_session_is_and_not_before() {
    let mut story = Story::begun(SeatMode::Apply);
    story.detached("ada");
    assert_eq!(phases(&story.after(Duration::from_millis(29_999))), [""; 0]);
    assert_eq!(phases(&story.after(Duration::from_millis(1))), ["hostless"]);
}

#[test]
fn the_cohost_who_has_been_here_longest_becomes_host_and_the_old_one_returns_as_cohost() {
    let mut story = Story::begun(SeatMode::Apply);
    story.join("bea", Rank::Cohost);
    story.act("ada", Act::Leave);
    let outputs = story.after(seconds(60));
    assert_eq!(ranks(&outputs), [("cleo".to_owned(), Rank::Host, "promoted")]);
    assert_eq!(phases(&outputs), ["live"]);
    story.join("ada", Rank::Host);
    assert_eq!((story.own("ada").rank, story.own("cleo").rank), (Rank::Cohost, Rank::Host));
}

#[test]
fn whoever_sits_longest_becomes_host_if_the_room_says_so() {
    let mut story = Story::begun(SeatMode::Free);
    story.act("ada", update(RoomChange { promote: Some(Promote::LongestSeated), ..RoomChange::default() }));
    story.act("dan", take(1));
    story.after(seconds(1));
    story.act("ben", take(2));
    story.act("ada", Act::Leave);
    let outputs = story.after(seconds(60));
    assert_eq!(ranks(&outputs), [("dan".to_owned(), Rank::Host, "promoted")]);
    let moderation = told(&outputs)
        .into_iter()
        .any(|(to, event)| *to == Recipients::One(story.session("dan")) && matches!(event, Event::Moderation(_)));
    assert!(moderation, "a new host is shown what hosts see");
    assert_eq!(story.heard(), ["dan", "ben"], "and sits where they sat");
}

#[test]
fn with_nobody_to_promote_the_room_closes_with_notice() {
    let mut story = Story::begun(SeatMode::Free);
    story.act("ada", update(RoomChange { promote: Some(Promote::None), ..RoomChange::default() }));
    story.act("ada", Act::Leave);
    assert_eq!(phases(&story.after(seconds(60))), ["closing"]);
    assert_eq!(story.room.snapshot(&Viewer::Admin, story.now).room.closes_in, Some(seconds(30)));
    story.act("ben", take(1));
    assert_eq!(story.heard(), ["ben"], "until then everything goes on");
    let outputs = story.join("eve", Rank::Member);
    assert_eq!(bye(&outputs), (ByeReason::Refused(Refusal::RoomClosed), ByeAction::Stop, None));
    assert!(!story.after(Duration::from_millis(29_999)).contains(&Output::Closed));
    assert!(story.after(Duration::from_millis(1)).contains(&Output::Closed));
    assert_eq!(story.refusal("ben", Act::SeatLeave), Some(Refusal::RoomClosed));
}

#[test]
fn a_host_who_comes_back_saves_a_room_that_closes_for_want_of_one() {
    let mut story = Story::begun(SeatMode::Free);
    story.act("ada", update(RoomChange { promote: Some(Promote::None), ..RoomChange::default() }));
    story.act("ada", Act::Leave);
    story.after(seconds(60 + 29));
    assert_eq!(phases(&story.join("ada", Rank::Member)), ["live"]);
    assert_eq!(phases(&story.after(seconds(60))), [""; 0]);
}

#[test]
fn a_room_that_a_host_closes_is_not_saved_by_another_who_comes_but_by_calling_it_off() {
    let mut story = Story::begun(SeatMode::Free);
    let outputs = story.act("ada", Act::RoomClose { notice: seconds(30) });
    assert_eq!(phases(&outputs), ["closing"]);
    assert_eq!(phases(&story.join("abe", Rank::Host)), [""; 0]);
    let outputs = story.act("abe", update(RoomChange { go_live: true, ..RoomChange::default() }));
    assert_eq!(phases(&outputs), ["live"]);
    assert_eq!(phases(&story.after(seconds(60))), [""; 0]);
}

#[test]
fn a_room_closed_without_notice_is_over_at_once_and_its_gates_are_not_left_open() {
    let mut story = Story::begun(SeatMode::Free);
    story.act("ben", take(1));
    let outputs = story.act("ada", Act::RoomClose { notice: Duration::ZERO });
    assert!(reply_of(&outputs).is_ok() && outputs.contains(&Output::Closed));
    assert!(story.room.is_closed());
    assert_eq!(story.room.next_timeout(), None);
    assert_eq!(story.interrupted("ben"), []);
    assert_eq!(story.detached("ben"), [], "nothing happens in it any more");
}

#[test]
fn an_empty_room_is_not_hostless() {
    let mut story = Story::with(Settings::default());
    story.join("ada", Rank::Host);
    story.act("ada", Act::Leave);
    assert_eq!(story.room.snapshot(&Viewer::Admin, story.now).room.phase, Phase::Live);
    story.after(seconds(200));
    story.join("ben", Rank::Member);
    let room = story.room.snapshot(&Viewer::Admin, story.now).room;
    assert_eq!((room.phase, room.hostless_for), (Phase::Hostless, Some(seconds(60))), "someone waits for a host");
}
