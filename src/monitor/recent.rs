//! Joins of late: what the gate judges by, what the budget of joins is held against, and what the live page shows.

use std::time::{Duration, Instant};

use super::page::JoinRow;
use crate::latency::join::{Joined, Kind, Stage};
use crate::latency::window::Window;

/// Windows over the joins that came to an end.
#[derive(Debug)]
pub(super) struct Recent {
    /// By kind, and with media or without: the whole, the server's part, then each stage.
    shown: Vec<Window>,
    /// The server's part until the welcome, for the gate: over its while, and over the last second.
    answering: Window,
    answering_now: Window,
    /// The server's part of whole joins, for the budget.
    own_parts: Window,
    slowest: Option<Stage>,
}

impl Recent {
    pub(super) fn new() -> Self {
        Self {
            shown: vec![Window::new(SHOWN); Kind::ALL.len() * MEDIA.len() * ROWS],
            answering: Window::new(GATE_OVER),
            answering_now: Window::new(SECOND),
            own_parts: Window::new(BUDGET_OVER),
            slowest: None,
        }
    }

    /// A join came to its end.
    pub(super) fn joined(&mut self, joined: &Joined, now: Instant) {
        let first = first_row(joined.kind, joined.has_media);
        self.shown[first].record(joined.total, now);
        self.shown[first + 1].record(joined.own_part(), now);
        for (stage, _, own) in joined.stages() {
            self.shown[first + WHOLES + stage as usize].record(own, now);
        }
    }

    /// The server's part of a join that came to its end. `is_slow` if it is beyond its budget.
    pub(super) fn served(&mut self, joined: &Joined, is_slow: bool, now: Instant) {
        match joined.kind {
            // A resume is no way to the first packet.
            Kind::Resume => {}
            Kind::Cold | Kind::Warm => self.own_parts.record(joined.own_part(), now),
        }
        if is_slow {
            self.slowest = Some(joined.slowest_of_server());
        }
    }

    /// A welcome was written so long after its join was read.
    pub(super) fn answered(&mut self, took: Duration, now: Instant) {
        self.answering.record(took, now);
        self.answering_now.record(took, now);
    }

    /// A newcomer heard the first packet so long after the start, by their own word.
    pub(super) fn played(&mut self, kind: Kind, after: Duration, now: Instant) {
        self.shown[first_row(kind, true) + WHOLES + Stage::Played as usize].record(after, now);
    }

    pub(super) fn advance(&mut self, now: Instant) {
        let judged = [&mut self.answering, &mut self.answering_now, &mut self.own_parts];
        self.shown.iter_mut().chain(judged).for_each(|window| window.advance(now));
    }

    /// The 95th percentile of the server's part until the welcome, if there were enough to say so: one slow join is no storm.
    pub(super) fn answering_p95(&self) -> Option<Duration> {
        p95_of_many(&self.answering)
    }

    /// The same over the last second.
    pub(super) fn answering_p95_now(&self) -> Option<Duration> {
        p95_of_many(&self.answering_now)
    }

    /// The 95th percentile of the server's part of whole joins, if there were enough to say so.
    pub(super) fn own_part_p95(&self) -> Option<Duration> {
        p95_of_many(&self.own_parts)
    }

    /// The stage of the server's part that took longest in the last join that the server made slow.
    pub(super) fn slowest(&self) -> Option<Stage> {
        self.slowest
    }

    pub(super) fn rows(&self) -> Vec<JoinRow> {
        let named = ["total", "server"].into_iter().chain(Stage::ALL.map(Stage::label)).collect::<Vec<_>>();
        let mut rows = Vec::new();
        for (kind, media) in Kind::ALL.into_iter().flat_map(|kind| MEDIA.map(|media| (kind, media))) {
            for (offset, &stage) in named.iter().enumerate() {
                let window = &self.shown[first_row(kind, media) + offset];
                let ms = |share| window.percentile(share).map(|value| value.as_secs_f64() * 1e3);
                if let (Some(p50_ms), Some(p95_ms)) = (ms(0.5), ms(0.95)) {
                    rows.push(JoinRow { kind: kind.label(), media, stage, count: window.count(), p50_ms, p95_ms });
                }
            }
        }
        rows
    }
}

fn first_row(kind: Kind, has_media: bool) -> usize {
    (kind as usize * MEDIA.len() + usize::from(!has_media)) * ROWS
}

fn p95_of_many(window: &Window) -> Option<Duration> {
    window.percentile(0.95).filter(|_| window.count() >= JOINS_MIN)
}

const MEDIA: [bool; 2] = [true, false];
/// The whole, and the server's part of it.
const WHOLES: usize = 2;
const ROWS: usize = WHOLES + Stage::ALL.len();
const SHOWN: Duration = Duration::from_secs(600);
const GATE_OVER: Duration = Duration::from_secs(10);
const SECOND: Duration = Duration::from_secs(1);
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
        let slow = Joined::by_welcome(&arrival, false, now + Duration::from_secs(2));
        for _ in 0..JOINS_MIN {
            assert_eq!((recent.answering_p95(), recent.own_part_p95()), (None, None));
            recent.joined(&slow, now);
            recent.served(&slow, true, now);
            recent.answered(slow.answering, now);
        }
        assert_eq!([recent.answering_p95(), recent.answering_p95_now()], [Some(Duration::from_secs(2)); 2]);
        assert_eq!(recent.slowest(), Some(Stage::Answer));
        let rows = recent.rows();
        assert_eq!(
            rows.iter().map(|row| (row.kind, row.media, row.stage)).collect::<Vec<_>>(),
            ["total", "server", "join", "answer"].map(|stage| ("warm", false, stage))
        );
        recent.advance(now + Duration::from_millis(1_100));
        assert_eq!([recent.answering_p95_now(), recent.answering_p95()], [None, Some(Duration::from_secs(2))]);
        recent.advance(now + Duration::from_secs(11));
        assert_eq!(recent.answering_p95(), None);
        assert!(recent.own_part_p95().is_some());
    }

    #[test]
    fn those_with_media_and_those_without_are_told_apart() {
        let (now, mut recent) = (clock::now(), Recent::new());
        let arrival = |kind| Arrival { kind, requested_at: now, upgraded_at: now, joined_at: now };
        for (kind, media, times) in [(Kind::Cold, true, 3), (Kind::Cold, false, 2), (Kind::Resume, false, 1)] {
            let joined = Joined::by_welcome(&arrival(kind), media, now + Duration::from_millis(10));
            (0..times).for_each(|_| recent.joined(&joined, now));
        }
        let totals: Vec<_> = recent.rows().into_iter().filter(|row| row.stage == "total").collect();
        let told: Vec<_> = totals.iter().map(|row| (row.kind, row.media, row.count)).collect();
        assert_eq!(told, [("cold", true, 3), ("cold", false, 2), ("resume", false, 1)]);
    }
}
