//! Ends are the moments at which decisions about people run out, the next one first.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use crate::ids::Identity;

/// When something about each person ends. A person of whom nothing ends is not in it.
#[derive(Debug, Default)]
pub(super) struct Ends {
    of: BTreeMap<Identity, Instant>,
    in_order: BTreeSet<(Instant, Identity)>,
}

impl Ends {
    /// Sets or clears the end of someone.
    pub(super) fn set(&mut self, who: &Identity, end: Option<Instant>) {
        let before = match end {
            Some(end) => self.of.insert(who.clone(), end),
            None => self.of.remove(who),
        };
        if let Some(before) = before {
            self.in_order.remove(&(before, who.clone()));
        }
        if let Some(end) = end {
            self.in_order.insert((end, who.clone()));
        }
    }

    /// The next end, and whose it is.
    pub(super) fn first(&self) -> Option<(Instant, &Identity)> {
        self.in_order.first().map(|(at, who)| (*at, who))
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::disallowed_methods,
        reason = "a test may stop on surprise, and needs some instant"
    )]

    use std::time::Duration;

    use super::*;

    #[test]
    fn each_person_has_one_end_and_the_next_is_found() {
        let start = crate::clock::now();
        let at = |seconds| Some(start + Duration::from_secs(seconds));
        let (ada, ben) = (Identity::parse("ada").unwrap(), Identity::parse("ben").unwrap());
        let mut ends = Ends::default();
        ends.set(&ada, at(5));
        ends.set(&ben, at(3));
        assert_eq!(ends.first(), Some((start + Duration::from_secs(3), &ben)));
        ends.set(&ben, at(9));
        assert_eq!(ends.first(), Some((start + Duration::from_secs(5), &ada)));
        ends.set(&ada, None);
        ends.set(&ben, None);
        assert_eq!(ends.first(), None);
    }
}
