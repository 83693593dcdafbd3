//! Ranks: how they are given, what a lower one costs, and how a room is handed over.

use super::*;

fn rank(name: &str, rank: Rank) -> Act {
    Act::MemberRank { identity: id(name), rank }
}

fn hand_over(to: &str) -> Act {
    Act::HostTransfer { to: id(to) }
}

fn outcomes(outputs: &[Output]) -> Vec<&'static str> {
    let outcomes = told(outputs).into_iter().filter_map(|(_, event)| match event {
        Event::HostOfferEnded { outcome, .. } => Some(outcome.code()),
        _ => None,
    });
    outcomes.collect()
}

#[test]
fn a_new_cohost_is_shown_what_hosts_see_and_a_former_one_no_longer() {
    let mut story = Story::begun(SeatMode::Apply);
    story.act("dan", raise(false));
    let outputs = story.act("ada", rank("ben", Rank::Cohost));
    let moderation = told(&outputs).into_iter().find_map(|(to, event)| match event {
        Event::Moderation(view) if *to == Recipients::One(story.session("ben")) => Some(view.hands.len()),
        _ => None,
    });
    assert_eq!(moderation, Some(1));
    assert_eq!(story.refusal("ben", approve("dan")), None);
    story.act("ada", rank("ben", Rank::Member));
    assert_eq!(story.refusal("ben", deny("dan")), Some(Refusal::Forbidden), "judged when it is carried out");
    assert!(!story.room.moderators().any(|session| *session == story.session("ben")));
}

#[test]
fn a_lower_rank_costs_the_seat_and_closes_the_gate() {
    let mut story = Story::begun(SeatMode::Apply);
    story.act("cleo", take(0));
    let outputs = story.act("ada", rank("cleo", Rank::Member));
    assert_eq!((causes(&outputs), plan_of(&outputs).unwrap().seats.len()), (vec!["rank"], 0));
    assert_eq!(story.seat_is(0), "open");
}

#[test]
fn a_rank_given_to_someone_who_is_away_is_theirs_when_they_are_back() {
    let mut story = Story::begun(SeatMode::Apply);
    story.act("ben", Act::Leave);
    assert_eq!(story.refusal("ada", rank("ben", Rank::Cohost)), None);
    story.join("ben", Rank::Member);
    assert_eq!(story.own("ben").rank, Rank::Cohost);
}

#[test]
fn a_cohost_has_the_room_at_once() {
    let mut story = Story::begun(SeatMode::Apply);
    story.act("ada", take(0));
    let outputs = story.act("ada", hand_over("cleo"));
    assert!(!reply_of(&outputs).unwrap().pending);
    assert_eq!((story.own("ada").rank, story.own("cleo").rank), (Rank::Cohost, Rank::Host));
    assert_eq!(story.seat_is(0), "occupied ada", "whoever hands it over keeps the seat");
    assert_eq!(story.refusal("ada", hand_over("ben")), Some(Refusal::Forbidden));
}

#[test]
fn anyone_else_is_asked_and_may_say_no() {
    let mut story = Story::begun(SeatMode::Apply);
    let outputs = story.act("ada", hand_over("ben"));
    assert!(reply_of(&outputs).unwrap().pending);
    let offer = Event::HostOffer { from: id("ada"), expires_in: seconds(30) };
    assert!(told(&outputs).contains(&(&Recipients::One(story.session("ben")), &offer)));
    assert_eq!(story.own("ben").host_offer.unwrap().from, id("ada"));
    assert_eq!(outcomes(&story.act("ben", Act::HostDecline)), ["declined"]);
    assert_eq!(story.refusal("ben", Act::HostAccept), Some(Refusal::OfferExpired));
    story.act("ada", hand_over("ben"));
    assert_eq!(outcomes(&story.act("ben", Act::HostAccept)), ["accepted"]);
    assert_eq!((story.own("ada").rank, story.own("ben").rank), (Rank::Cohost, Rank::Host));
}

#[test]
fn an_offered_room_is_not_offered_for_ever() {
    let mut story = Story::begun(SeatMode::Apply);
    story.act("ada", hand_over("ben"));
    assert_eq!(outcomes(&story.after(Duration::from_millis(29_999))), [""; 0]);
    assert_eq!(outcomes(&story.after(Duration::from_millis(1))), ["expired"]);
    assert_eq!(story.refusal("ben", Act::HostAccept), Some(Refusal::OfferExpired));
}

#[test]
fn an_offer_is_withdrawn_by_another_offer_or_when_one_of_the_two_goes() {
    let mut story = Story::begun(SeatMode::Apply);
    story.act("ada", hand_over("ben"));
    assert_eq!(outcomes(&story.act("ada", hand_over("dan"))), ["withdrawn"]);
    assert_eq!(story.refusal("ben", Act::HostAccept), Some(Refusal::OfferExpired));
    assert_eq!(outcomes(&story.act("dan", Act::Leave)), ["withdrawn"]);
    story.act("ada", hand_over("ben"));
    assert_eq!(outcomes(&story.act("ada", Act::Leave)), ["withdrawn"]);
    assert_eq!(story.refusal("ben", Act::HostAccept), Some(Refusal::OfferExpired), "nobody is made host by the absent");
}

#[test]
fn accepting_a_room_whose_host_was_replaced_is_too_late() {
    let mut story = Story::begun(SeatMode::Apply);
    story.act("ada", hand_over("ben"));
    story.act("ada", hand_over("cleo"));
    assert_eq!(story.refusal("ben", Act::HostAccept), Some(Refusal::OfferExpired));
    assert_eq!(story.own("cleo").rank, Rank::Host);
}
