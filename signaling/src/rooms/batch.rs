//! A batch collects what the audience is told, so that it gets a few frames a second instead of one an event.
//!
//! Everyone in the audience is told the same, so a batch is written once. Who joins the audience in the middle of a batch, or leaves it for the
//! stage, has a mark of how much of it they know already. Levels and tallies are kept apart: only the newest counts.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use super::line::Frame;
use crate::{protocol::server, room::Event};

/// What waits for the audience.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    log: Vec<String>,
    audience: Option<String>,
    speakers: Option<String>,
    due_at: Option<Instant>,
    flushed_at: Option<Instant>,
    written: HashMap<Mark, Frame>,
}

/// How much of the batch someone knows: so many events of its log.
pub(crate) type Mark = usize;

impl Batch {
    /// Takes in an event that everyone is told, written as `text`.
    pub(crate) fn push(&mut self, event: &Event, text: String, now: Instant) {
        self.written.clear();
        if is_level(event) {
            self.speakers = Some(text);
        } else if is_tally(event) {
            self.audience = Some(text);
        } else {
            self.log.push(text);
        }
        if self.due_at.is_none() {
            self.due_at = Some(self.flushed_at.map_or(now, |at| now.max(at + BATCH_INTERVAL)));
        }
        if self.log.len() >= BATCH_EVENTS_MAX {
            self.due_at = Some(now);
        }
    }

    /// When it is to be sent.
    pub(crate) fn due_at(&self) -> Option<Instant> {
        self.due_at
    }

    /// The mark of someone who knows everything in it.
    pub(crate) fn mark(&self) -> Mark {
        self.log.len()
    }

    /// The log from a mark on, for someone who must know it before the batch is due.
    pub(crate) fn log_from(&self, mark: Mark) -> Option<Frame> {
        let log = self.log.get(mark..).filter(|log| !log.is_empty())?;
        Some(server::events(log.iter().map(String::as_str)).into())
    }

    /// All of it from a mark on. The text is written once for each mark.
    pub(crate) fn frame_from(&mut self, mark: Mark) -> Option<Frame> {
        if let Some(frame) = self.written.get(&mark) {
            return Some(frame.clone());
        }
        let log = self.log.get(mark..).unwrap_or_default();
        let passing = [&self.audience, &self.speakers];
        let texts: Vec<_> = log.iter().chain(passing.into_iter().flatten()).map(String::as_str).collect();
        if texts.is_empty() {
            return None;
        }
        let frame = Frame::from(server::events(texts.into_iter()));
        self.written.insert(mark, frame.clone());
        Some(frame)
    }

    /// The batch was sent at `now`: begin the next one.
    pub(crate) fn clear(&mut self, now: Instant) {
        *self = Self { flushed_at: Some(now), ..Self::default() };
    }
}

/// How loud people are: the next one replaces it.
fn is_level(event: &Event) -> bool {
    matches!(event, Event::Speakers { .. })
}

/// How many there are: the next one replaces it.
fn is_tally(event: &Event) -> bool {
    matches!(event, Event::Audience(_))
}

/// Whether an event is a passing word that a session under pressure can do without.
pub(crate) fn is_passing(event: &Event) -> bool {
    is_level(event) || is_tally(event)
}

/// The audience is sent at most one batch in this time.
pub(crate) const BATCH_INTERVAL: Duration = Duration::from_millis(250);

/// A batch with so many events does not wait.
pub(crate) const BATCH_EVENTS_MAX: usize = 256;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]

    use super::*;
    use crate::room::AudienceView;

    #[test]
    fn the_first_event_goes_at_once_and_the_next_ones_wait_together() {
        let start = crate::clock::now();
        let mut batch = Batch::default();
        batch.push(&hands(), "1".to_owned(), start);
        assert_eq!(batch.due_at(), Some(start));
        assert_eq!(batch.frame_from(0).as_deref(), Some(r#"{"type":"events","events":[1]}"#));
        batch.clear(start);
        assert_eq!(batch.due_at(), None);
        let soon = start + Duration::from_millis(10);
        batch.push(&hands(), "2".to_owned(), soon);
        batch.push(&hands(), "3".to_owned(), soon + Duration::from_millis(10));
        assert_eq!(batch.due_at(), Some(start + BATCH_INTERVAL));
        assert_eq!(batch.frame_from(0).as_deref(), Some(r#"{"type":"events","events":[2,3]}"#));
    }

    #[test]
    fn a_newcomer_is_not_told_what_the_snapshot_said() {
        let start = crate::clock::now();
        let mut batch = Batch::default();
        batch.push(&hands(), "1".to_owned(), start);
        let mark = batch.mark();
        assert_eq!(batch.frame_from(mark), None);
        batch.push(&hands(), "2".to_owned(), start);
        assert_eq!(batch.log_from(mark).as_deref(), Some(r#"{"type":"events","events":[2]}"#));
        assert_eq!(batch.log_from(batch.mark()), None);
        assert_eq!(batch.frame_from(mark).as_deref(), Some(r#"{"type":"events","events":[2]}"#));
    }

    #[test]
    fn of_levels_and_tallies_only_the_newest_counts() {
        let start = crate::clock::now();
        let mut batch = Batch::default();
        for number in 0..10 {
            batch.push(&Event::Speakers { speakers: Vec::new() }, format!("\"s{number}\""), start);
            batch.push(&Event::Audience(AudienceView::default()), format!("\"a{number}\""), start);
        }
        assert_eq!(batch.frame_from(0).as_deref(), Some(r#"{"type":"events","events":["a9","s9"]}"#));
    }

    #[test]
    fn a_full_batch_does_not_wait() {
        let start = crate::clock::now();
        let mut batch = Batch::default();
        batch.clear(start);
        let now = start + Duration::from_millis(1);
        for _ in 0..BATCH_EVENTS_MAX - 1 {
            batch.push(&hands(), "1".to_owned(), now);
        }
        assert_eq!(batch.due_at(), Some(start + BATCH_INTERVAL));
        batch.push(&hands(), "1".to_owned(), now);
        assert_eq!(batch.due_at(), Some(now));
    }

    fn hands() -> Event {
        Event::HandPosition { position: 1 }
    }
}
