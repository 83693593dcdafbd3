//! The report of a relay: what it carried each way, and how late it was.

use serde::Serialize;

use super::{Outcome, Percentiles, right_aligned};
use crate::relay::{Counts, DirectionFigures, Figures, LatenessShown};

/// A finished report.
#[derive(Clone, Debug, Serialize)]
pub struct RelayReport {
    scenario: &'static str,
    seed: u64,
    flows: u64,
    flows_refused: u64,
    up: DirectionShown,
    down: DirectionShown,
    lateness: LatenessShown,
}

#[derive(Clone, Debug, Serialize)]
struct DirectionShown {
    counts: Counts,
    held: Percentiles,
}

impl RelayReport {
    /// What a relay carried.
    pub fn new(seed: u64, figures: &Figures) -> Self {
        Self {
            scenario: "relay",
            seed,
            flows: figures.flows,
            flows_refused: figures.flows_refused,
            up: DirectionShown::new(&figures.up),
            down: DirectionShown::new(&figures.down),
            lateness: figures.lateness.shown(),
        }
    }

    /// Whether what was measured through it can be believed. Where nothing passed, nothing was.
    pub fn outcome(&self) -> Outcome {
        if self.lateness.valid || self.lateness.count == 0 { Outcome::Kept } else { Outcome::Unknown }
    }

    /// For machines.
    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a report is plain values")
    }

    /// For people.
    pub fn tables(&self) -> String {
        let mut counts = right_aligned([
            "",
            "came",
            "left",
            "lost",
            "in bursts",
            "queue full",
            "in blackout",
            "out of turn",
            "doubled",
            "dropped",
        ]);
        let mut held = right_aligned(["held for (ms)", "count", "p50", "p95", "p99", "max"]);
        for (name, shown) in [("up", &self.up), ("down", &self.down)] {
            let Counts { came, left, lost, lost_in_burst, queue_full, in_blackout, out_of_turn, doubled, dropped } =
                shown.counts;
            let numbers = [came, left, lost, lost_in_burst, queue_full, in_blackout, out_of_turn, doubled, dropped];
            counts.add_row(std::iter::once(name.to_owned()).chain(numbers.map(|number| number.to_string())));
            held.add_row(shown.held.row(name));
        }
        let LatenessShown { count, p50_ms, p99_ms, max_ms, valid } = self.lateness;
        let verdict = if valid || count == 0 { "" } else { "\nINVALID: what was measured through it means nothing" };
        format!(
            "relay (seed {}): {} flows, {} refused\n{counts}\n{held}\nlate: p50 {p50_ms:.2}, p99 {p99_ms:.2}, max {max_ms:.2} ms{verdict}\n",
            self.seed, self.flows, self.flows_refused
        )
    }
}

impl DirectionShown {
    fn new(figures: &DirectionFigures) -> Self {
        Self { counts: figures.counts, held: figures.held.percentiles() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_late_relay_says_so_and_one_that_carried_nothing_does_not() {
        let idle = RelayReport::new(1, &Figures::default());
        assert_eq!(idle.outcome(), Outcome::Kept);
        let mut figures = Figures::default();
        figures.lateness.add(Duration::ZERO, Duration::from_millis(6));
        let late = RelayReport::new(1, &figures);
        assert_eq!(late.outcome(), Outcome::Unknown);
        assert!(late.tables().contains("INVALID") && !idle.tables().contains("INVALID"));
    }
}
