//! A pace spreads what a big audience is told over time: its members form cohorts, and each cohort has its own moment.
//!
//! A cohort is told at most once in [`BATCH_INTERVAL`]. When a quiet room has news, the cohorts follow each other at a distance that grows with the
//! audience: a few people are told at once, thousands over the whole interval, so that nobody's command waits behind a burst of frames.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use super::journal::{PassingMark, Position};
use crate::ids::SessionId;

/// The cohorts of an audience.
#[derive(Debug)]
pub(crate) struct Cohorts {
    cohorts: [Cohort; COHORTS],
    members: usize,
    next: usize,
}

/// A part of the audience that is told at the same moment.
#[derive(Debug, Default)]
struct Cohort {
    sessions: HashSet<SessionId>,
    /// The passing words they have been told.
    passing: PassingMark,
    waiting: Option<Waiting>,
    told_at: Option<Instant>,
}

/// There is news for a cohort.
#[derive(Debug, Clone, Copy)]
struct Waiting {
    since: Instant,
    /// Where in the journal it begins.
    position: Position,
}

impl Default for Cohorts {
    fn default() -> Self {
        Self { cohorts: std::array::from_fn(|_| Cohort::default()), members: 0, next: 0 }
    }
}

impl Cohorts {
    /// Puts someone who has read everything into a cohort, and says into which.
    pub(crate) fn add(&mut self, session: SessionId, passing: PassingMark) -> usize {
        let index = self.next;
        self.next = (index + 1) % COHORTS;
        let cohort = &mut self.cohorts[index];
        if cohort.sessions.is_empty() {
            (cohort.passing, cohort.waiting) = (passing, None);
        }
        self.members += usize::from(cohort.sessions.insert(session));
        index
    }

    /// Takes someone out of their cohort.
    pub(crate) fn remove(&mut self, session: &SessionId, index: usize) {
        self.members -= usize::from(self.cohorts[index].sessions.remove(session));
    }

    /// There is news for the audience, from this position of the journal on.
    pub(crate) fn wait(&mut self, position: Position, now: Instant) {
        for cohort in self.cohorts.iter_mut().filter(|cohort| !cohort.sessions.is_empty()) {
            cohort.waiting.get_or_insert(Waiting { since: now, position });
        }
    }

    /// The cohort that is to be told next, and when. `end` is where the journal ends.
    pub(crate) fn next_due(&self, end: Position) -> Option<(Instant, usize)> {
        let distance = self.distance();
        let due = self.cohorts.iter().zip(0_u32..).filter_map(|(cohort, index)| {
            let Waiting { since, position } = cohort.waiting.filter(|_| !cohort.sessions.is_empty())?;
            if end.saturating_sub(position) >= BATCH_EVENTS_MAX {
                return Some((since, index));
            }
            let at = since + distance * index;
            Some((cohort.told_at.map_or(at, |told_at| at.max(told_at + BATCH_INTERVAL)), index))
        });
        due.min().map(|(at, index)| (at, usize::try_from(index).expect("there are few cohorts")))
    }

    /// A cohort is told now: who is in it, and the passing words they know.
    pub(crate) fn tell(
        &mut self,
        index: usize,
        passing: PassingMark,
        now: Instant,
    ) -> (&HashSet<SessionId>, PassingMark) {
        let cohort = &mut self.cohorts[index];
        let known = std::mem::replace(&mut cohort.passing, passing);
        (cohort.waiting, cohort.told_at) = (None, Some(now));
        (&cohort.sessions, known)
    }

    /// The passing words that a cohort knows.
    pub(crate) fn passing(&self, index: usize) -> PassingMark {
        self.cohorts[index].passing
    }

    /// The first position of the journal that some cohort has yet to be told, if there is one.
    pub(crate) fn unread(&self) -> Option<Position> {
        let waiting = self.cohorts.iter().filter(|cohort| !cohort.sessions.is_empty());
        waiting.filter_map(|cohort| cohort.waiting).map(|waiting| waiting.position).min()
    }

    /// How far the cohorts are apart when all begin to wait at the same time.
    fn distance(&self) -> Duration {
        let whole = BATCH_INTERVAL / u32::try_from(COHORTS).expect("there are few cohorts");
        whole.mul_f64(self.members.min(AUDIENCE_LARGE) as f64 / AUDIENCE_LARGE as f64)
    }
}

/// So many parts of the audience are told one after the other.
pub(crate) const COHORTS: usize = 32;

/// A cohort is told at most once in this time.
pub(crate) const BATCH_INTERVAL: Duration = Duration::from_millis(250);

/// A cohort that has so many events to read does not wait.
pub(crate) const BATCH_EVENTS_MAX: u64 = 256;

/// An audience of so many is told over the whole interval; a smaller one faster.
const AUDIENCE_LARGE: usize = 2_500;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]

    use super::*;

    #[test]
    fn a_large_audience_is_told_over_the_whole_interval() {
        let mut cohorts = audience(AUDIENCE_LARGE);
        let start = crate::clock::now();
        cohorts.wait(0, start);
        let told = tell_all(&mut cohorts, 1);
        assert_eq!(told.len(), COHORTS);
        assert_eq!(told.iter().map(|(_, people)| people).sum::<usize>(), AUDIENCE_LARGE);
        assert!(told.iter().all(|(_, people)| *people <= AUDIENCE_LARGE / COHORTS + 1));
        assert_eq!(told[0].0, start);
        let last = told[COHORTS - 1].0 - start;
        assert!(last > BATCH_INTERVAL * 9 / 10 && last < BATCH_INTERVAL, "{last:?}");
        assert!(told.windows(2).all(|pair| pair[1].0 - pair[0].0 >= BATCH_INTERVAL / 40));
    }

    #[test]
    fn a_few_are_told_at_once_and_then_once_an_interval() {
        let mut cohorts = audience(10);
        let start = crate::clock::now();
        cohorts.wait(0, start);
        let told = tell_all(&mut cohorts, 1);
        assert_eq!(told.len(), 10);
        assert!(told.iter().all(|(at, _)| *at - start < Duration::from_millis(1)));
        cohorts.wait(1, start + Duration::from_millis(10));
        assert_eq!(cohorts.next_due(2), Some((start + BATCH_INTERVAL, 0)));
    }

    #[test]
    fn a_full_batch_does_not_wait() {
        let mut cohorts = audience(1);
        let start = crate::clock::now();
        cohorts.wait(0, start);
        tell_all(&mut cohorts, 1);
        let now = start + Duration::from_millis(10);
        cohorts.wait(1, now);
        assert_eq!(cohorts.next_due(BATCH_EVENTS_MAX), Some((start + BATCH_INTERVAL, 0)));
        assert_eq!(cohorts.next_due(1 + BATCH_EVENTS_MAX), Some((now, 0)));
    }

    #[test]
    fn nobody_waits_in_an_empty_cohort() {
        let mut cohorts = audience(1);
        cohorts.wait(7, crate::clock::now());
        assert_eq!(cohorts.unread(), Some(7));
        cohorts.remove(&session(0), 0);
        assert_eq!((cohorts.next_due(8), cohorts.unread()), (None, None));
    }

    fn audience(people: usize) -> Cohorts {
        let mut cohorts = Cohorts::default();
        for person in 0..people {
            cohorts.add(session(person), 0);
        }
        cohorts
    }

    fn session(person: usize) -> SessionId {
        SessionId::from_random((person as u128).to_be_bytes())
    }

    fn tell_all(cohorts: &mut Cohorts, end: Position) -> Vec<(Instant, usize)> {
        let mut told = Vec::new();
        while let Some((at, index)) = cohorts.next_due(end) {
            told.push((at, cohorts.tell(index, 0, at).0.len()));
        }
        told
    }
}
