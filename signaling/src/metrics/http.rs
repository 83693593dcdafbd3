//! What is counted of the HTTP API: answers by route, method and status, how long they took, and refusals by code.
//!
//! Each label comes from a closed set that is known from the start, so the number of series is bounded whatever is asked.

use std::time::Duration;

use super::{Count, Histogram};
use crate::room::Refusal;

/// All answers.
#[derive(Debug, Default)]
pub struct HttpCounts {
    /// How long answers took. A session's is over with the upgrade.
    pub took: Histogram,
    routes: Box<[RouteCounts]>,
    refusals: Box<[(&'static str, Count)]>,
}

/// The answers of one route.
#[derive(Debug)]
struct RouteCounts {
    /// Its template.
    route: &'static str,
    answers: Box<[Count]>,
}

/// So many answers of one route to one method with one status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answers {
    /// The route's template.
    pub route: &'static str,
    /// The method, or `other`.
    pub method: &'static str,
    /// The status, or `other`.
    pub status: &'static str,
    /// How many.
    pub count: u64,
}

impl HttpCounts {
    /// Nothing was answered yet on these routes, nor on [`FILES`].
    #[must_use]
    pub fn of(routes: impl IntoIterator<Item = &'static str>) -> Self {
        let answers = || (0..METHODS.len() * STATUSES.len()).map(|_| Count::default()).collect();
        let routes = routes.into_iter().filter(|route| *route != FILES).chain([FILES]);
        let codes = Refusal::ALL.iter().map(|refusal| refusal.code()).chain(OWN_CODES);
        Self {
            took: Histogram::default(),
            routes: routes.map(|route| RouteCounts { route, answers: answers() }).collect(),
            refusals: codes.map(|code| (code, Count::default())).collect(),
        }
    }

    /// One more answer. What no route has counts as [`FILES`].
    pub fn answered(&self, route: &str, method: &str, status: u16, took: Duration) {
        let Some(counts) = self.routes.iter().find(|counts| counts.route == route).or(self.routes.last()) else {
            return;
        };
        let method = METHODS.iter().position(|known| *known == method).unwrap_or(METHODS.len() - 1);
        let status = STATUSES.iter().position(|(known, _)| *known == status).unwrap_or(STATUSES.len() - 1);
        counts.answers[method * STATUSES.len() + status].add_one();
        self.took.observe(took);
    }

    /// One more problem with this code.
    pub fn refused(&self, code: &str) {
        if let Some((_, count)) = self.refusals.iter().find(|(known, _)| *known == code) {
            count.add_one();
        }
    }

    /// Every combination that was answered.
    pub fn answers(&self) -> impl Iterator<Item = Answers> {
        self.routes.iter().flat_map(|counts| {
            let numbered = counts.answers.iter().enumerate().filter(|(_, count)| count.value() > 0);
            numbered.map(|(index, count)| Answers {
                route: counts.route,
                method: METHODS[index / STATUSES.len()],
                status: STATUSES[index % STATUSES.len()].1,
                count: count.value(),
            })
        })
    }

    /// Every code with its count.
    pub fn refusals(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.refusals.iter().map(|(code, count)| (*code, count.value()))
    }
}

/// The route of everything that no other route has: the web client's files, and what is not found.
pub const FILES: &str = "/{file}";

/// Codes that exist in answers of HTTP only.
pub const OWN_CODES: [&str; 2] = ["not_found", "method_not_allowed"];

/// The last stands for all others.
const METHODS: [&str; 8] = ["GET", "HEAD", "POST", "PATCH", "DELETE", "PUT", "OPTIONS", "other"];

macro_rules! statuses {
    ($($status:literal)*) => {
        [$(($status, stringify!($status)),)* (0, "other")]
    };
}

/// The last stands for all others.
const STATUSES: [(u16, &str); 25] =
    statuses!(101 200 201 204 304 400 401 403 404 405 408 409 410 412 413 415 421 422 426 429 431 500 501 503);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_asked_the_series_are_bounded() {
        let counts = HttpCounts::of(["/v1/rooms", "/v1/events"]);
        for number in 0..2_000_u16 {
            counts.answered(&format!("/{number}"), &format!("M{number}"), number, Duration::from_millis(1));
        }
        counts.answered("/v1/rooms", "GET", 200, Duration::from_millis(1));
        counts.answered("/v1/rooms", "GET", 200, Duration::from_millis(1));
        let all: Vec<_> = counts.answers().collect();
        assert_eq!(all.iter().map(|answers| answers.count).sum::<u64>(), 2_002);
        assert!(all.iter().skip(1).all(|answers| (answers.route, answers.method) == (FILES, "other")));
        assert_eq!(all[0], Answers { route: "/v1/rooms", method: "GET", status: "200", count: 2 });
        assert_eq!(all.len(), 1 + STATUSES.len());
        assert_eq!(counts.took.cumulative().last(), Some(&2_002));
    }

    #[test]
    fn refusals_are_counted_by_the_codes_that_there_are() {
        let counts = HttpCounts::of([]);
        for code in ["forbidden", "not_found", "forbidden", "made up"] {
            counts.refused(code);
        }
        let some: Vec<_> = counts.refusals().filter(|(_, count)| *count > 0).collect();
        assert_eq!(some, [("forbidden", 2), ("not_found", 1)]);
        assert_eq!(counts.refusals().count(), Refusal::ALL.len() + OWN_CODES.len());
    }
}
