//! Joins of late: what the gate judges by, what the budget of joins is held against, and what the live page shows.

use std::time::{Duration, Instant};

use super::page::JoinRow;
use crate::latency::join::{Joined, Kind, Stage};
use crate::latency::window::Window;

/// Windows over the joins that came to an end.
#[derive(Debug)]
pub(super) struct Recent {
    /// By kind: the whole, then each stage.
    shown: Vec<Window>,
    /// The server's own part, for the gate.
    answering: Window,
    /// The whole, for the budget.
    totals: Window,
    slowest: Option<Stage>,
}

impl Recent {
    pub(super) fn new() -> Self {
        Self {
            shown: vec![Window::new(SHOWN); Kind::ALL.len() * ROWS],
            answering: Window::new(GATE_OVER),
            totals: Window::new(BUDGET_OVER),
            slowest: None,
        }
    }

    pub(super) fn joined(&mut self, joined: &Joined, is_slow: bool, now: Instant) {
        let first = joined.kind as usize * ROWS;
        self.shown[first].record(joined.total, now);
        for (stage, _, own) in joined.stages() {
            self.shown[first + 1 + stage as usize].record(own, now);
        }
        match joined.kind {
            // A resume is no way to the first packet.
            Kind::Resume => {}
            Kind::Cold | Kind::Warm => self.totals.record(joined.total, now),
        }
        if is_slow {
            self.slowest = Some(joined.slowest().0);
        }
    }

    /// A welcome was written so long after its join was read.
    pub(super) fn answered(&mut self, took: Duration, now: Instant) {
        self.answering.record(took, now);
    }

    /// A newcomer heard the first packet so long after the start, by their own word.
    pub(super) fn played(&mut self, kind: Kind, after: Duration, now: Instant) {
        self.shown[kind as usize * ROWS + 1 + Stage::Played as usize].record(after, now);
    }

    pub(super) fn advance(&mut self, now: Instant) {
        self.shown.iter_mut().chain([&mut self.answering, &mut self.totals]).for_each(|window| window.advance(now));
    }

    /// The 95th percentile of the server's own part, if there were enough to say so: one slow join is no storm.
    pub(super) fn answering_p95(&self) -> Option<Duration> {
        self.answering.percentile(0.95).filter(|_| self.answering.count() >= JOINS_MIN)
    }

    /// The 95th percentile of whole joins, if there were enough to say so.
    pub(super) fn total_p95(&self) -> Option<Duration> {
        self.totals.percentile(0.95).filter(|_| self.totals.count() >= JOINS_MIN)
    }

    /// The stage that took longest of the last slow join.
    pub(super) fn slowest(&self) -> Option<Stage> {
        self.slowest
    }

    pub(super) fn rows(&self) -> Vec<JoinRow> {
        let named = std::iter::once("total").chain(Stage::ALL.map(Stage::label)).collect::<Vec<_>>();
        let mut rows = Vec::new();
        for kind in Kind::ALL {
            for (offset, &stage) in named.iter().enumerate() {
                let window = &self.shown[kind as usize * ROWS + offset];
                let ms = |share| window.percentile(share).map(|value| value.as_secs_f64() * 1e3);
                if let (Some(p50_ms), Some(p95_ms)) = (ms(0.5), ms(0.95)) {
                    rows.push(JoinRow { kind: kind.label(), stage, count: window.count(), p50_ms, p95_ms });
                }
            }
        }
        rows
    }
}

/// The whole and its stages.
const ROWS: usize = 1 + Stage::ALL.len();
const SHOWN: Duration = Duration::from_secs(600);
const GATE_OVER: Duration = Duration::from_secs(10);
const BUDGET_OVER: Duration = Duration::from_secs(60);
/// Fewer joins within a window say nothing.
const JOINS_MIN: u64 = 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latency::join::Arrival;
    use crate::runtime::clock;

    #[test]
    fn one_slow_join_is_seen_but_presses_nobody() {
        let (now, mut recent) = (clock::now(), Recent::new());
        let arrival = Arrival { kind: Kind::Warm, requested_at: now, upgraded_at: now, joined_at: now };
        let slow = Joined::by_welcome(&arrival, now + Duration::from_secs(2));
        for _ in 0..JOINS_MIN {
            assert_eq!((recent.answering_p95(), recent.total_p95()), (None, None));
            recent.joined(&slow, true, now);
            recent.answered(slow.answering, now);
        }
        assert_eq!(recent.answering_p95(), Some(Duration::from_secs(2)));
        assert_eq!(recent.slowest(), Some(Stage::Answer));
        let rows = recent.rows();
        assert_eq!(
            rows.iter().map(|row| (row.kind, row.stage)).collect::<Vec<_>>(),
            [("warm", "total"), ("warm", "join"), ("warm", "answer")]
        );
        recent.advance(now + Duration::from_secs(11));
        assert_eq!(recent.answering_p95(), None);
        assert!(recent.total_p95().is_some());
    }
}
