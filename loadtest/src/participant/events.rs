//! The event log is what the server told one participant, in order, batches unpacked.
//!
//! It is bounded: the oldest events are forgotten first.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::Notify;

/// A place between two events of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark(u64);

impl Mark {
    /// Before every event.
    pub const START: Self = Self(0);
}

/// Why no event came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WaitError {
    /// The time was up.
    #[error("no such event came in time")]
    Timeout,
    /// The socket is gone, so none can come.
    #[error("the socket is gone")]
    Closed,
}

/// What the server told so far.
#[derive(Default)]
pub(super) struct EventLog {
    kept: Mutex<Kept>,
    changed: Notify,
}

#[derive(Default)]
struct Kept {
    events: VecDeque<Value>,
    forgotten: u64,
    closed: bool,
}

impl EventLog {
    /// Adds a frame; a batch is added event by event.
    pub(super) fn push(&self, mut frame: Value) {
        let is_batch = frame["type"] == "events";
        match frame.get_mut("events").and_then(Value::as_array_mut).filter(|_| is_batch) {
            Some(events) => events.drain(..).for_each(|event| self.kept().add(event)),
            None => self.kept().add(frame),
        }
        self.changed.notify_waiters();
    }

    /// Says that nothing more will come.
    pub(super) fn close(&self) {
        self.kept().closed = true;
        self.changed.notify_waiters();
    }

    pub(super) fn mark(&self) -> Mark {
        let kept = self.kept();
        Mark(kept.forgotten + kept.events.len() as u64)
    }

    pub(super) fn all(&self) -> Vec<Value> {
        self.kept().events.iter().cloned().collect()
    }

    pub(super) async fn wait_after(
        &self,
        mark: Mark,
        mut matches: impl FnMut(&Value) -> bool,
        timeout: Duration,
    ) -> Result<Value, WaitError> {
        let mut next = mark.0;
        let search = async {
            loop {
                let changed = self.changed.notified();
                tokio::pin!(changed);
                // From here on no change is missed, even one that comes before the await below.
                changed.as_mut().enable();
                if let Some(found) = self.kept().find_from(&mut next, &mut matches) {
                    return found;
                }
                changed.await;
            }
        };
        tokio::time::timeout(timeout, search).await.unwrap_or(Err(WaitError::Timeout))
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn add(&mut self, event: Value) {
        if self.events.len() == EVENTS_MAX {
            self.events.pop_front();
            self.forgotten += 1;
        }
        self.events.push_back(event);
    }

    /// Looks at each event once. `None`: it may still come.
    fn find_from(&self, next: &mut u64, matches: &mut impl FnMut(&Value) -> bool) -> Option<Result<Value, WaitError>> {
        let skip = usize::try_from(next.saturating_sub(self.forgotten)).unwrap_or(usize::MAX);
        *next = self.forgotten + self.events.len() as u64;
        match self.events.iter().skip(skip).find(|event| matches(event)) {
            Some(event) => Some(Ok(event.clone())),
            None => self.closed.then_some(Err(WaitError::Closed)),
        }
    }
}

const EVENTS_MAX: usize = 4096;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]

    use super::*;
    use serde_json::json;

    const SOON: Duration = Duration::from_millis(50);

    #[tokio::test]
    async fn an_event_of_the_past_is_found_and_one_before_the_mark_is_not() {
        let log = EventLog::default();
        log.push(json!({ "type": "a", "n": 1 }));
        let mark = log.mark();
        log.push(json!({ "type": "events", "events": [{ "type": "b" }, { "type": "a", "n": 2 }] }));
        let is_a = |event: &Value| event["type"] == "a";
        assert_eq!(log.wait_after(Mark::START, is_a, SOON).await.unwrap()["n"], 1);
        assert_eq!(log.wait_after(mark, is_a, SOON).await.unwrap()["n"], 2);
        assert_eq!(log.wait_after(log.mark(), is_a, SOON).await, Err(WaitError::Timeout));
    }

    #[tokio::test]
    async fn an_event_to_come_is_waited_for() {
        let log = EventLog::default();
        let wait = log.wait_after(Mark::START, |event| event["type"] == "late", Duration::from_secs(5));
        let push = async {
            tokio::task::yield_now().await;
            log.push(json!({ "type": "early" }));
            log.push(json!({ "type": "late" }));
        };
        let (found, ()) = tokio::join!(wait, push);
        assert_eq!(found.unwrap()["type"], "late");
    }

    #[tokio::test]
    async fn a_closed_log_does_not_keep_anyone_waiting() {
        let log = EventLog::default();
        log.push(json!({ "type": "bye" }));
        log.close();
        assert!(log.wait_after(Mark::START, |event| event["type"] == "bye", SOON).await.is_ok());
        assert_eq!(log.wait_after(Mark::START, |_| false, SOON).await, Err(WaitError::Closed));
    }

    #[test]
    fn the_oldest_events_are_forgotten_first() {
        let log = EventLog::default();
        for n in 0..=EVENTS_MAX {
            log.push(json!({ "n": n }));
        }
        assert_eq!(log.all().len(), EVENTS_MAX);
        assert_eq!(log.all()[0]["n"], 1);
        assert_eq!(log.mark(), Mark(EVENTS_MAX as u64 + 1));
    }
}
