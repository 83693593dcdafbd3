//! Everyone in the room, for moderators: page by page, and searched.

use super::*;
use crate::room::showing::SEARCHED_MAX;

fn names(page: &(Vec<ParticipantView>, Option<Identity>)) -> (Vec<&str>, Option<&str>) {
    (page.0.iter().map(|person| person.identity.as_str()).collect(), page.1.as_ref().map(Identity::as_str))
}

#[test]
fn pages_follow_each_other_and_end() {
    let story = Story::begun(SeatMode::Free);
    let first = story.room.people_found(None, None, 3);
    assert_eq!(names(&first), (vec!["ada", "ben", "cleo"], Some("cleo")));
    let second = story.room.people_found(None, first.1.as_ref(), 3);
    assert_eq!(names(&second), (vec!["dan"], None));
    assert_eq!(names(&story.room.people_found(None, None, 4)), (vec!["ada", "ben", "cleo", "dan"], None));
    assert_eq!(names(&story.room.people_found(None, Some(&id("zoe")), 4)), (vec![], None));
}

#[test]
fn a_search_looks_at_names_and_identities_whatever_the_case() {
    let mut story = Story::begun(SeatMode::Free);
    let join = Join { name: "Ünal Özgür".to_owned(), ..story.arrival("u-77", Rank::Member) };
    story.enter(join);
    for (query, found) in [("ünal", vec!["u-77"]), ("77", vec!["u-77"]), ("ada", vec!["ada"]), ("nobody", vec![])] {
        assert_eq!(names(&story.room.people_found(Some(query), None, 9)), (found, None), "{query}");
    }
}

#[test]
fn hidden_people_are_not_listed_and_second_sessions_once() {
    let mut story = Story::with(Settings { duplicates: Duplicates::Allow, ..Settings::default() });
    story.join("ben", Rank::Member);
    story.join("ben", Rank::Member);
    let hidden = Join { hidden: true, ..story.arrival("spy", Rank::Member) };
    story.enter(hidden);
    assert_eq!(story.room.participants(), 3);
    assert_eq!(names(&story.room.people_found(None, None, 9)), (vec!["ben"], None));
}

#[test]
fn one_search_looks_at_so_many_people_and_says_where_it_goes_on() {
    let mut story = Story::with(Settings { participants_max: SEARCHED_MAX + 2, ..Settings::default() });
    for number in 0..=SEARCHED_MAX {
        story.join(&format!("p{number:05}"), Rank::Member);
    }
    let last = format!("p{SEARCHED_MAX:05}");
    let (found, next) = story.room.people_found(Some(&last), None, 9);
    assert!(found.is_empty());
    assert_eq!(next, Some(id(&format!("p{:05}", SEARCHED_MAX - 1))));
    assert_eq!(names(&story.room.people_found(Some(&last), next.as_ref(), 9)), (vec![last.as_str()], None));
}
