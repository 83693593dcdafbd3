//! A page is a part of a list: so many items, and where to go on.

use axum::{extract::Query, extract::rejection::QueryRejection};

use super::problem::Problem;
use crate::room::Refusal;

/// What a query says, if it can be read.
pub(super) fn query<Q>(query: Result<Query<Q>, QueryRejection>) -> Result<Q, Problem> {
    query.map(|Query(query)| query).map_err(|error| Problem::from(Refusal::InvalidArgument).detail(error.body_text()))
}

/// How many items a page has, if that can be.
pub(super) fn limit(wanted: Option<usize>, most: usize) -> Result<usize, Problem> {
    let wanted = wanted.unwrap_or(most);
    if (1..=most).contains(&wanted) {
        return Ok(wanted);
    }
    Err(Problem::from(Refusal::InvalidArgument).detail(format!("`limit` must be from 1 to {most}")))
}

/// Keeps `limit` of the items, and says by which name to go on if there were more.
pub(super) fn cut<T, C>(items: &mut Vec<T>, limit: usize, name: impl Fn(&T) -> C) -> Option<C> {
    let has_more = items.len() > limit;
    items.truncate(limit);
    items.last().filter(|_| has_more).map(name)
}

/// The most items of a page.
pub(super) const PAGE_MAX: usize = 500;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_what_was_asked_for_within_bounds() {
        assert_eq!((limit(None, 5), limit(Some(1), 5), limit(Some(5), 5)), (Ok(5), Ok(1), Ok(5)));
        assert!(limit(Some(0), 5).is_err() && limit(Some(6), 5).is_err());
    }

    #[test]
    fn a_page_says_where_to_go_on_only_if_there_is_more() {
        let mut items = vec!["a", "b", "c"];
        assert_eq!(cut(&mut items, 2, |item| *item), Some("b"));
        assert_eq!(items, ["a", "b"]);
        assert_eq!(cut(&mut items, 2, |item| *item), None);
        assert_eq!(cut(&mut Vec::<&str>::new(), 2, |item| *item), None);
    }
}
