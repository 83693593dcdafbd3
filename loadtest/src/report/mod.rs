//! A report is what came of a scenario: the figures, and whether each budget was kept.
//!
//! It is shown as tables for people, or as JSON for machines. It measures nothing itself.

mod audience;
mod delay;
mod durable;
mod joins;
mod overload;
mod promptness;
mod relay;
mod restart;

use std::time::Duration;

use comfy_table::{CellAlignment, Table, presets};
use hdrhistogram::Histogram;
use serde::Serialize;

pub use audience::{AudienceFigures, AudienceReport};
pub use delay::{DelayFigures, DelayReport, DelayStep, ERROR_MAX_MS, Estimate, JumpFigures, Truth};
pub use durable::{DurableFigures, DurableReport, DurableStep, Pace};
pub use joins::{JoinsFigures, JoinsReport, JoinsStep};
pub(crate) use overload::EXCESS;
pub use overload::{
    OverloadCosts, OverloadFigures, OverloadReport, OverloadStage, OverloadWave, SILENCE_MAX, SeatedFigures,
};
pub use promptness::Promptness;
pub use relay::RelayReport;
pub use restart::{RestartFigures, RestartReport};

use promptness::PromptnessShown;

/// What a measurement came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The budget was kept, and nothing else went wrong.
    Kept,
    /// It was missed.
    Missed,
    /// The machine was too busy to say: what was missed may be its fault, or what was measured is worth nothing.
    Unknown,
}

impl Outcome {
    fn of(is_kept: bool, is_valid: bool) -> Self {
        match (is_kept, is_valid) {
            (true, _) => Self::Kept,
            (false, true) => Self::Missed,
            (false, false) => Self::Unknown,
        }
    }
}

/// Limits that a run must keep.
#[derive(Clone, Copy, Debug)]
pub struct Budgets {
    /// Joins that may fail.
    pub joins_failed_max: u64,
    /// From the token in hand to the first audio packet, for 95 of 100.
    pub first_audio_p95_max: Duration,
    /// Packets that may be lost between a microphone and an ear.
    pub lost_max: u64,
    /// From microphone to ear, for 99 of 100 packets.
    pub transit_p99_max: Duration,
}

impl Default for Budgets {
    fn default() -> Self {
        Self {
            joins_failed_max: 0,
            first_audio_p95_max: Duration::from_millis(600),
            lost_max: 0,
            transit_p99_max: Duration::from_millis(50),
        }
    }
}

/// Durations, of which the percentiles matter. A percentile is rounded up, by at most a thousandth of itself.
#[derive(Clone, Debug)]
pub struct Samples(Histogram<u64>);

impl Samples {
    /// Adds one; beyond a minute all count as a minute.
    pub fn add(&mut self, sample: Duration) {
        self.add_us(u64::try_from(sample.as_micros()).unwrap_or(u64::MAX));
    }

    /// Adds one in microseconds.
    pub fn add_us(&mut self, sample: u64) {
        self.0.saturating_record(sample);
    }

    /// Adds all of another set.
    pub fn merge(&mut self, other: &Self) {
        self.0.add(&other.0).expect("all sets have the same bounds");
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn at(&self, quantile: f64) -> Duration {
        Duration::from_micros(self.0.value_at_quantile(quantile))
    }

    fn percentiles(&self) -> Percentiles {
        let ms = |quantile| self.at(quantile).as_secs_f64() * 1000.0;
        Percentiles { count: self.0.len(), p50_ms: ms(0.5), p95_ms: ms(0.95), p99_ms: ms(0.99), max_ms: ms(1.0) }
    }
}

impl Default for Samples {
    fn default() -> Self {
        Self(Histogram::new_with_bounds(1, 60_000_000, 3).expect("the bounds are in order"))
    }
}

/// What a scenario measured.
#[derive(Clone, Debug, Default)]
pub struct Measured {
    /// Joins tried.
    pub joins: u64,
    /// Joins that failed.
    pub joins_failed: u64,
    /// From the token in hand until `welcome`.
    pub welcome: Samples,
    /// From the token in hand until a path is found.
    pub ice_connected: Samples,
    /// From the token in hand until the keys exist.
    pub connected: Samples,
    /// From the token in hand to the first audio packet, for those who found somebody speaking.
    pub first_audio: Samples,
    /// Packets that microphones sent.
    pub sent: u64,
    /// Packets that ears received.
    pub received: u64,
    /// Gaps in the sequence numbers of slots.
    pub lost: u64,
    /// Gaps in the counters of sources.
    pub missed: u64,
    /// From microphone to ear.
    pub transit: Samples,
    /// From the host's approval of a hand to the first packet of that person at somebody else.
    pub approval: Samples,
    /// What the server used meanwhile, if it was ours to watch.
    pub server: Option<ServerCost>,
    /// What else went wrong. Any of it fails the run.
    pub failures: Vec<String>,
}

impl Measured {
    /// Adds what another room measured.
    pub fn merge(&mut self, other: Self) {
        self.joins += other.joins;
        self.joins_failed += other.joins_failed;
        self.welcome.merge(&other.welcome);
        self.ice_connected.merge(&other.ice_connected);
        self.connected.merge(&other.connected);
        self.first_audio.merge(&other.first_audio);
        self.sent += other.sent;
        self.received += other.received;
        self.lost += other.lost;
        self.missed += other.missed;
        self.transit.merge(&other.transit);
        self.approval.merge(&other.approval);
        self.failures.extend(other.failures);
    }
}

/// What the server used for the packets it forwarded.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct ServerCost {
    /// Processor time while the scenario ran, joins included.
    pub cpu_ms: u64,
    /// The same for each packet that reached somebody.
    pub cpu_us_per_packet: f64,
    /// Memory at the end.
    pub resident_kb: u64,
}

/// A finished report.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    scenario: String,
    seed: u64,
    passed: bool,
    joins: u64,
    joins_failed: u64,
    packets_sent: u64,
    packets_received: u64,
    packets_lost: u64,
    packets_missed: u64,
    welcome: Percentiles,
    ice_connected: Percentiles,
    connected: Percentiles,
    first_audio: Percentiles,
    transit: Percentiles,
    approval_to_first_packet: Percentiles,
    server: Option<ServerCost>,
    budgets: Vec<Verdict>,
    failures: Vec<String>,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct Percentiles {
    count: u64,
    p50_ms: f64,
    p95_ms: f64,
    p99_ms: f64,
    max_ms: f64,
}

impl Percentiles {
    fn row(&self, name: &str) -> Vec<String> {
        let shown = [self.p50_ms, self.p95_ms, self.p99_ms, self.max_ms].map(|ms| format!("{ms:.1}"));
        [name.to_owned(), self.count.to_string()].into_iter().chain(shown).collect()
    }
}

/// Whether one budget was kept.
#[derive(Clone, Debug, Serialize)]
struct Verdict {
    budget: &'static str,
    limit: String,
    measured: String,
    kept: bool,
}

impl Report {
    /// Judges what was measured.
    pub fn new(scenario: &str, seed: u64, measured: Measured, budgets: &Budgets) -> Self {
        let verdicts = verdicts(&measured, budgets);
        Self {
            scenario: scenario.to_owned(),
            seed,
            passed: verdicts.iter().all(|verdict| verdict.kept) && measured.failures.is_empty(),
            joins: measured.joins,
            joins_failed: measured.joins_failed,
            packets_sent: measured.sent,
            packets_received: measured.received,
            packets_lost: measured.lost,
            packets_missed: measured.missed,
            welcome: measured.welcome.percentiles(),
            ice_connected: measured.ice_connected.percentiles(),
            connected: measured.connected.percentiles(),
            first_audio: measured.first_audio.percentiles(),
            transit: measured.transit.percentiles(),
            approval_to_first_packet: measured.approval.percentiles(),
            server: measured.server,
            budgets: verdicts,
            failures: measured.failures,
        }
    }

    /// Whether every budget was kept and nothing else went wrong.
    pub fn passed(&self) -> bool {
        self.passed
    }

    /// For machines.
    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a report is plain values")
    }

    /// For people.
    pub fn tables(&self) -> String {
        let times = [
            ("join → welcome", &self.welcome),
            ("join → path found", &self.ice_connected),
            ("join → connected", &self.connected),
            ("join → first audio", &self.first_audio),
            ("transit", &self.transit),
            ("approval → first packet heard", &self.approval_to_first_packet),
        ];
        let mut table = right_aligned(["milliseconds", "count", "p50", "p95", "p99", "max"]);
        for (name, percentiles) in times {
            table.add_row(percentiles.row(name));
        }
        let mut counts = right_aligned(["joins", "failed", "packets sent", "received", "lost", "missed"]);
        let row = [
            self.joins,
            self.joins_failed,
            self.packets_sent,
            self.packets_received,
            self.packets_lost,
            self.packets_missed,
        ];
        counts.add_row(row.map(|count| count.to_string()));
        let mut budgets = right_aligned(["budget", "limit", "measured", ""]);
        for verdict in &self.budgets {
            let word = if verdict.kept { "kept" } else { "MISSED" };
            budgets.add_row([verdict.budget, &verdict.limit, &verdict.measured, word]);
        }
        let mut text = format!("{} (seed {})\n{table}\n{counts}\n{budgets}\n", self.scenario, self.seed);
        if let Some(cost) = &self.server {
            text += &format!(
                "server: {} ms of processor time, {:.1} µs per packet received, {} kB resident\n",
                cost.cpu_ms, cost.cpu_us_per_packet, cost.resident_kb
            );
        }
        for failure in &self.failures {
            text += &format!("FAILED: {failure}\n");
        }
        text
    }
}

fn verdicts(measured: &Measured, budgets: &Budgets) -> Vec<Verdict> {
    let count = |budget, limit: u64, count: u64| Verdict {
        budget,
        limit: limit.to_string(),
        measured: count.to_string(),
        kept: count <= limit,
    };
    let time = |budget, limit: Duration, samples: &Samples, quantile| {
        let measured = samples.at(quantile);
        let shown = |time: Duration| format!("{:.1} ms", time.as_secs_f64() * 1000.0);
        // A budget of which nothing was measured is not kept.
        Verdict {
            budget,
            limit: shown(limit),
            measured: shown(measured),
            kept: measured <= limit && !samples.0.is_empty(),
        }
    };
    vec![
        count("joins failed", budgets.joins_failed_max, measured.joins_failed),
        time("first audio p95", budgets.first_audio_p95_max, &measured.first_audio, 0.95),
        count("packets lost", budgets.lost_max, measured.lost.max(measured.missed)),
        time("transit p99", budgets.transit_p99_max, &measured.transit, 0.99),
    ]
}

fn right_aligned<const COLUMNS: usize>(header: [&str; COLUMNS]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_FULL_CONDENSED).set_header(header);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]

    use super::*;

    #[test]
    fn a_good_run_passes() {
        let report = Report::new("smoke", 1, good(), &Budgets::default());
        assert!(report.passed(), "{}", report.tables());
        let json: serde_json::Value = serde_json::from_str(&report.json()).unwrap();
        assert_eq!(json["passed"], true);
        assert_eq!(json["transit"]["count"], 1);
        assert!(report.tables().contains("transit"));
    }

    #[test]
    fn each_budget_fails_the_run_one_above_its_limit() {
        type Worsen = fn(&mut Measured);
        let worse: [(&str, Worsen); 6] = [
            ("joins failed", |measured| measured.joins_failed = 1),
            ("first audio", |measured| measured.first_audio.add(Duration::from_millis(601))),
            ("lost", |measured| measured.lost = 1),
            ("missed", |measured| measured.missed = 1),
            ("transit", |measured| measured.transit.add(Duration::from_millis(51))),
            ("failure", |measured| measured.failures.push("no seat".to_owned())),
        ];
        for (what, worsen) in worse {
            let mut measured = good();
            worsen(&mut measured);
            assert!(!Report::new("smoke", 1, measured, &Budgets::default()).passed(), "{what}");
        }
        assert!(!Report::new("smoke", 1, Measured::default(), &Budgets::default()).passed(), "nothing measured");
    }

    fn good() -> Measured {
        let mut measured = Measured { joins: 1, ..Measured::default() };
        measured.first_audio.add(Duration::from_millis(599));
        measured.transit.add(Duration::from_millis(49));
        measured
    }
}
