//! Turns, interruptions, messages and reactions.

use super::*;

fn turn(length: Option<Duration>) -> Act {
    update(RoomChange { turn: Some(length), ..RoomChange::default() })
}

fn warnings(outputs: &[Output]) -> Vec<(&Recipients, Duration)> {
    let warnings = told(outputs).into_iter().filter_map(|(to, event)| match event {
        Event::TurnEnding { ends_in, .. } => Some((to, *ends_in)),
        _ => None,
    });
    warnings.collect()
}

fn interruptions(outputs: &[Output]) -> Vec<(Option<String>, Interrupt)> {
    let interruptions = told(outputs).into_iter().filter_map(|(_, event)| match event {
        Event::Interruption { by, mode } => Some((by.as_ref().map(ToString::to_string), *mode)),
        _ => None,
    });
    interruptions.collect()
}

#[test]
fn a_turn_is_warned_of_15_seconds_before_and_then_costs_the_seat() {
    let mut story = Story::begun(SeatMode::Free);
    story.act("ada", turn(Some(seconds(60))));
    story.act("ben", take(1));
    assert_eq!(story.seat(1).turn_ends_in, Some(seconds(60)));
    assert_eq!(warnings(&story.after(Duration::from_millis(44_999))), []);
    let outputs = story.after(Duration::from_millis(1));
    let expected = [(&Recipients::One(story.session("ben")), seconds(15)), (&Recipients::Hosts, seconds(15))];
    assert_eq!(warnings(&outputs), expected);
    let outputs = story.after(Duration::from_millis(14_999));
    assert_eq!((causes(&outputs), warnings(&outputs)), (vec![], vec![]));
    let outputs = story.after(Duration::from_millis(1));
    assert_eq!((causes(&outputs), plan_of(&outputs).unwrap().seats.len()), (vec!["turn_over"], 0));
}

#[test]
fn a_turn_goes_on_when_its_holder_moves_or_loses_the_connection() {
    let mut story = Story::begun(SeatMode::Free);
    story.act("ada", turn(Some(seconds(60))));
    story.act("ben", take(1));
    story.after(seconds(50));
    story.act("ben", Act::SeatMove { seat: seat(2), identity: None });
    assert_eq!(story.seat(2).turn_ends_in, Some(seconds(10)));
    story.interrupted("ben");
    story.after(seconds(5));
    story.restored("ben");
    assert_eq!(story.seat(2).turn_ends_in, Some(seconds(5)));
    assert_eq!(causes(&story.after(seconds(5))), ["turn_over"]);
}

#[test]
fn hosts_and_cohosts_have_no_turn_and_whoever_becomes_one_has_none_any_more() {
    let mut story = Story::begun(SeatMode::Free);
    story.act("ada", turn(Some(seconds(60))));
    story.act("cleo", take(1));
    story.act("ben", take(2));
    story.act("ada", Act::MemberRank { identity: id("ben"), rank: Rank::Cohost });
    assert_eq!((story.seat(1).turn_ends_in, story.seat(2).turn_ends_in), (None, None));
    assert_eq!(causes(&story.after(seconds(120))), [""; 0]);
}

#[test]
fn another_length_of_turns_begins_them_anew_and_none_ends_them() {
    let mut story = Story::begun(SeatMode::Free);
    story.act("ben", take(1));
    assert_eq!(causes(&story.act("ada", turn(Some(seconds(60))))), ["turn"]);
    story.after(seconds(50));
    story.act("ada", turn(Some(seconds(100))));
    assert_eq!(story.seat(1).turn_ends_in, Some(seconds(100)));
    story.act("ada", turn(None));
    assert_eq!(story.seat(1).turn_ends_in, None);
    assert_eq!(causes(&story.after(seconds(200))), [""; 0]);
}

#[test]
fn an_interruption_is_told_when_it_begins_and_when_it_ends() {
    let mut story = Story::begun(SeatMode::Free);
    story.act("ada", take(0));
    story.act("ben", take(1));
    let by = |story: &Story, name: &str| MediaFact::Interruption { by: Some(story.session(name)) };
    let fact = by(&story, "ada");
    assert_eq!(interruptions(&story.media(fact.clone())), [], "nothing is interrupted while that is off");
    let outputs = story.act("ada", update(RoomChange { interrupt: Some(Interrupt::Hold), ..RoomChange::default() }));
    assert_eq!(plan_of(&outputs).unwrap().interrupt, Interrupt::Hold);
    let began = (Some("ada".to_owned()), Interrupt::Hold);
    assert_eq!(interruptions(&story.media(fact.clone())), std::slice::from_ref(&began));
    assert_eq!(interruptions(&story.media(fact)), [], "what is known is not told again");
    let outputs = story.join("eve", Rank::Member);
    assert_eq!(interruptions(&outputs), [began], "who comes later is told");
    let fact = by(&story, "ben");
    assert_eq!(interruptions(&story.media(fact)), [(None, Interrupt::Hold)], "a guest interrupts nobody");
    let over = MediaFact::Interruption { by: None };
    assert_eq!(interruptions(&story.media(over)), []);
}

#[test]
fn a_message_goes_to_everyone() {
    let mut story = Story::begun(SeatMode::Free);
    let write = || Act::Message { text: "hello".to_owned() };
    let outputs = story.act("ben", write());
    let message = Event::Message { from: id("ben"), name: "BEN".into(), text: "hello".into() };
    assert_eq!(told(&outputs), [(&Recipients::Everyone, &message)]);
    for _ in 0..100 {
        assert_eq!(story.refusal("ben", write()), None, "how fast one may write is not the room's affair");
    }
}

#[test]
fn reactions_are_counted_and_told_twice_a_second() {
    let mut story = Story::begun(SeatMode::Free);
    let react = |kind: &str| Act::Reaction { kind: kind.to_owned() };
    const NOTHING: [Vec<(String, u32)>; 0] = [];
    let tallies = |outputs: &[Output]| -> Vec<Vec<(String, u32)>> {
        let tallies = told(outputs).into_iter().filter_map(|(_, event)| match event {
            Event::ReactionTally { tally } => Some(tally.clone()),
            _ => None,
        });
        tallies.collect()
    };
    assert_eq!(tallies(&story.act("ben", react("wave"))), [[("wave".to_owned(), 1)]]);
    for name in ["ben", "dan", "ada"] {
        assert_eq!(tallies(&story.act(name, react("clap"))), NOTHING);
    }
    story.act("dan", react("wave"));
    assert_eq!(tallies(&story.after(Duration::from_millis(499))), NOTHING);
    assert_eq!(tallies(&story.after(Duration::from_millis(1))), [[("clap".to_owned(), 3), ("wave".to_owned(), 1)]]);
    assert_eq!(tallies(&story.after(seconds(5))), NOTHING);
}
