//! Cues and words about the audience come at a pace, with the newest state.

use super::*;

fn cues(outputs: &[Output]) -> Vec<(u8, CanJoin, usize)> {
    let cues = told(outputs).into_iter().filter_map(|(to, event)| match (to, event) {
        (Recipients::Sessions(sessions), Event::SeatCue { seat, can_join }) => {
            Some((seat.get(), *can_join, sessions.len()))
        }
        _ => None,
    });
    cues.collect()
}

fn audiences(outputs: &[Output]) -> Vec<usize> {
    let counts = told(outputs).into_iter().filter_map(|(_, event)| match event {
        Event::Audience(view) => Some(view.count),
        _ => None,
    });
    counts.collect()
}

#[test]
fn a_cue_is_worked_out_for_each_recipient() {
    let mut story = Story::begun(SeatMode::Apply);
    let listener = Join { can_publish: false, ..story.arrival("eve", Rank::Member) };
    story.enter(listener);
    story.join("fay", Rank::Member);
    story.act("fay", raise(false));
    story.act("ada", deny("fay"));
    story.act("cleo", take(1));
    story.act("ada", take(2));
    let outputs = story.act("cleo", Act::SeatLeave);
    let expected = [
        (1, CanJoin::Yes, 1),                           // cleo
        (1, CanJoin::Apply, 2),                         // ben, dan
        (1, CanJoin::No(CannotJoin::Forbidden), 1),     // eve
        (1, CanJoin::No(CannotJoin::AlreadySeated), 1), // ada
        (1, CanJoin::No(CannotJoin::CoolingDown), 1),   // fay
    ];
    assert_eq!(cues(&outputs), expected);
}

#[test]
fn a_cue_in_a_free_room_says_yes_and_without_hands_no() {
    let mut story = Story::begun(SeatMode::Free);
    story.act("ben", take(1));
    assert_eq!(cues(&story.act("ben", Act::SeatLeave)), [(1, CanJoin::Yes, 4)]);
    story.act(
        "ada",
        update(RoomChange { seat_mode: Some(SeatMode::Apply), hands: Some(false), ..RoomChange::default() }),
    );
    story.act("cleo", take(1));
    story.after(seconds(2));
    let outputs = story.act("cleo", Act::SeatLeave);
    assert_eq!(cues(&outputs), [(1, CanJoin::Yes, 2), (1, CanJoin::No(CannotJoin::HandsOff), 2)]);
}

#[test]
fn the_host_seat_is_never_cued() {
    let mut story = Story::begun(SeatMode::Free);
    story.act("ada", take(0));
    assert_eq!(cues(&story.act("ada", Act::SeatLeave)), []);
    assert_eq!(cues(&story.after(seconds(5))), []);
}

#[test]
fn cues_are_at_most_two_a_second_and_only_for_seats_still_open() {
    let mut story = Story::begun(SeatMode::Free);
    let unlock = |index| Act::SeatUnlock { seat: seat(index), expect_rev: None };
    for index in 1..=5 {
        story.act("ada", lock(index, false));
    }
    let mut sent = Vec::new();
    for index in 1..=5 {
        sent.extend(cues(&story.act("ada", unlock(index))).iter().map(|cue| cue.0));
    }
    assert_eq!(sent, [1, 2]);
    story.act("ben", take(3));
    assert_eq!(cues(&story.after(Duration::from_millis(999))), []);
    let mut second: Vec<_> = cues(&story.after(Duration::from_millis(1))).iter().map(|cue| cue.0).collect();
    second.dedup();
    assert_eq!(second, [4, 5]);
    assert_eq!(cues(&story.after(seconds(5))), []);
}

#[test]
fn whoever_has_no_socket_is_not_cued() {
    let mut story = Story::begun(SeatMode::Free);
    story.act("ben", take(1));
    story.detached("dan");
    assert_eq!(cues(&story.act("ben", Act::SeatLeave)), [(1, CanJoin::Yes, 3)]);
}

#[test]
fn the_audience_is_told_at_most_once_a_second_and_then_the_newest() {
    let mut story = Story::with(Settings { seat_mode: SeatMode::Free, ..Settings::default() });
    assert_eq!(audiences(&story.join("ada", Rank::Host)), [1]);
    for number in 0..100 {
        assert_eq!(audiences(&story.join(&format!("p{number}"), Rank::Member)), [0; 0]);
    }
    assert_eq!(audiences(&story.after(Duration::from_millis(999))), [0; 0]);
    assert_eq!(audiences(&story.after(Duration::from_millis(1))), [101]);
    assert_eq!(audiences(&story.after(seconds(10))), [0; 0]);
    assert_eq!(audiences(&story.act("p1", take(1))), [100]);
}

#[test]
fn the_audience_is_sampled_and_does_not_show_the_stage_or_the_hidden() {
    let mut story = Story::with(Settings { seat_mode: SeatMode::Free, ..Settings::default() });
    for number in 10..50 {
        story.join(&format!("p{number}"), Rank::Member);
    }
    let hidden = Join { hidden: true, ..story.arrival("a-ghost", Rank::Member) };
    story.enter(hidden);
    story.act("p10", take(1));
    let snapshot = story.room.snapshot(&Viewer::Participant(id("p11")), story.now);
    assert_eq!((snapshot.audience.count, snapshot.audience.sample.len()), (39, 20));
    assert_eq!(snapshot.audience.sample[0].identity, id("p11"));
    let listed: Vec<_> =
        snapshot.participants.iter().map(|person| (person.identity.to_string(), person.role)).collect();
    assert_eq!(listed, [("p10".to_owned(), Role::Guest)]);
    let hidden = Join { hidden: true, ..story.arrival("b-ghost", Rank::Host) };
    story.enter(hidden);
    let everyone = story.room.role_counts();
    assert_eq!(everyone, RoleCounts { hosts: 1, guests: 1, listeners: 40 });
    assert_eq!(story.room.visible_of(everyone), RoleCounts { hosts: 0, guests: 1, listeners: 39 });
}

#[test]
fn someone_leaving_the_audience_is_news() {
    let mut story = Story::begun(SeatMode::Free);
    assert_eq!(audiences(&story.act("dan", Act::Leave)), [3]);
}
