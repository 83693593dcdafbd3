//! What came of joins at a rate: how long they took, how many failed, and what each cost the server.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::{Outcome, Percentiles, Promptness, PromptnessShown, Samples, right_aligned};

/// What the joins scenario measured.
#[derive(Clone, Debug)]
pub struct JoinsFigures {
    /// Whether server and client had a core each.
    pub is_apart: bool,
    /// One rate after another.
    pub steps: Vec<JoinsStep>,
}

/// What was measured at one rate.
#[derive(Clone, Debug)]
pub struct JoinsStep {
    /// Joins that were due in a second.
    pub rate: u32,
    /// For so long.
    pub length: Duration,
    /// Connections that were begun.
    pub opened: u64,
    /// Joins that succeeded.
    pub joined: u64,
    /// From the first join that was due to the last welcome.
    pub took: Duration,
    /// From when a join was due to the upgrade.
    pub upgrade: Samples,
    /// From the join to the welcome.
    pub welcome: Samples,
    /// Both together.
    pub whole: Samples,
    /// Processor time of the server until the last welcome.
    pub server_cpu: Duration,
    /// Processor time of the client until then.
    pub client_cpu: Duration,
    /// Memory of the server with everybody inside.
    pub resident_kb: u64,
    /// Participants whose `leave` led to nothing.
    pub stayed: u64,
    /// Why joins failed or sessions ended.
    pub failures: Vec<String>,
    /// How prompt the client itself was.
    pub promptness: Promptness,
}

impl JoinsStep {
    pub(crate) fn new(rate: u32, length: Duration) -> Self {
        Self {
            rate,
            length,
            opened: 0,
            joined: 0,
            took: Duration::ZERO,
            upgrade: Samples::default(),
            welcome: Samples::default(),
            whole: Samples::default(),
            server_cpu: Duration::ZERO,
            client_cpu: Duration::ZERO,
            resident_kb: 0,
            stayed: 0,
            failures: Vec::new(),
            promptness: Promptness::default(),
        }
    }

    /// Whether the server kept up: all joined, most of them soon, as many a second as came.
    pub fn holds(&self) -> bool {
        let is_complete = self.failures.is_empty() && self.stayed == 0 && self.joined == self.opened && self.joined > 0;
        is_complete && self.achieved() >= f64::from(self.rate) * ACHIEVED_MIN && self.whole.at(0.99) <= JOIN_P99_MAX
    }

    fn achieved(&self) -> f64 {
        self.joined as f64 / self.took.max(self.length).as_secs_f64().max(f64::MIN_POSITIVE)
    }
}

/// A finished report.
#[derive(Clone, Debug, Serialize)]
pub struct JoinsReport {
    scenario: &'static str,
    seed: u64,
    own_cores: bool,
    join_p99_limit_ms: f64,
    highest_rate_held: Option<u32>,
    steps: Vec<StepShown>,
}

#[derive(Clone, Debug, Serialize)]
struct StepShown {
    rate: u32,
    holds: bool,
    valid: bool,
    joined: u64,
    achieved_per_second: f64,
    upgrade: Percentiles,
    welcome: Percentiles,
    whole: Percentiles,
    server_cpu_us_per_join: f64,
    server_cpu_share: f64,
    client_cpu_share: f64,
    server_resident_kb: u64,
    stayed: u64,
    failures: BTreeMap<String, u64>,
    client: PromptnessShown,
}

impl JoinsReport {
    /// Judges what was measured.
    pub fn new(seed: u64, figures: &JoinsFigures) -> Self {
        let steps: Vec<StepShown> = figures.steps.iter().map(StepShown::new).collect();
        let held = steps.iter().filter(|step| step.holds).map(|step| step.rate).max();
        Self {
            scenario: "joins",
            seed,
            own_cores: figures.is_apart,
            join_p99_limit_ms: JOIN_P99_MAX.as_secs_f64() * 1000.0,
            highest_rate_held: held,
            steps,
        }
    }

    /// Whether the first rate held.
    pub fn outcome(&self) -> Outcome {
        self.steps.first().map_or(Outcome::Missed, |step| Outcome::of(step.holds, step.valid))
    }

    /// For machines.
    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a report is plain values")
    }

    /// For people.
    pub fn tables(&self) -> String {
        let mut text = format!("joins (seed {})\n", self.seed);
        for step in &self.steps {
            text += &step.tables();
        }
        if !self.own_cores {
            text += "server and client ON THE SAME CORE\n";
        }
        let limit = self.join_p99_limit_ms;
        text += &match self.highest_rate_held {
            Some(rate) => format!("held: {rate} joins a second, 99 of 100 within {limit:.0} ms\n"),
            None => format!("MISSED: no rate held with 99 of 100 joins within {limit:.0} ms\n"),
        };
        text
    }
}

impl StepShown {
    fn new(step: &JoinsStep) -> Self {
        let took = step.took.max(step.length).as_secs_f64().max(f64::MIN_POSITIVE);
        let mut failures: BTreeMap<String, u64> = BTreeMap::new();
        for failure in &step.failures {
            *failures.entry(failure.clone()).or_default() += 1;
        }
        Self {
            rate: step.rate,
            holds: step.holds(),
            valid: step.promptness.is_enough(),
            joined: step.joined,
            achieved_per_second: step.achieved(),
            upgrade: step.upgrade.percentiles(),
            welcome: step.welcome.percentiles(),
            whole: step.whole.percentiles(),
            server_cpu_us_per_join: step.server_cpu.as_secs_f64() * 1e6 / step.joined.max(1) as f64,
            server_cpu_share: step.server_cpu.as_secs_f64() / took,
            client_cpu_share: step.client_cpu.as_secs_f64() / took,
            server_resident_kb: step.resident_kb,
            stayed: step.stayed,
            failures,
            client: step.promptness.shown(),
        }
    }

    fn tables(&self) -> String {
        let mut table = right_aligned(["milliseconds", "count", "p50", "p95", "p99", "max"]);
        let rows = [
            ("connect → upgraded", &self.upgrade),
            ("join → welcome", &self.welcome),
            ("connect → welcome", &self.whole),
            ("client: late to connect", &self.client.late),
            ("client: not looking", &self.client.blind),
        ];
        for (name, percentiles) in rows {
            table.add_row(percentiles.row(name));
        }
        let mut text = format!(
            "{} joins a second: {} ({} joined, {:.0} a second)\n{table}\n\
             server: {:.0} µs of processor time a join, {:.0} % of its core, {} kB resident; client: {:.0} % of its core\n",
            self.rate,
            if self.holds { "held" } else { "MISSED" },
            self.joined,
            self.achieved_per_second,
            self.server_cpu_us_per_join,
            self.server_cpu_share * 100.0,
            self.server_resident_kb,
            self.client_cpu_share * 100.0,
        );
        for (failure, count) in &self.failures {
            text += &format!("failed: {count} with {failure}\n");
        }
        if self.stayed > 0 {
            text += &format!("failed: {} could not leave\n", self.stayed);
        }
        text + &self.client.verdict(self.valid)
    }
}

/// From when a join was due to its welcome, for 99 of 100.
const JOIN_P99_MAX: Duration = Duration::from_millis(100);
/// The part of the rate that must be achieved, the last joins' own time included.
const ACHIEVED_MIN: f64 = 0.97;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_holds_only_if_all_join_in_time_and_in_pace() {
        type Worsen = fn(&mut JoinsStep);
        let worse: [(&str, Worsen); 5] = [
            ("slow", |step| step.whole.add(Duration::from_millis(101))),
            ("failed", |step| step.failures.push("bye: room_full".to_owned())),
            ("missing", |step| step.joined -= 1),
            ("behind", |step| step.took = Duration::from_millis(2_100)),
            ("stayed", |step| step.stayed = 1),
        ];
        assert!(good().holds());
        for (what, worsen) in worse {
            let mut step = good();
            worsen(&mut step);
            assert!(!step.holds(), "{what}");
            let report = JoinsReport::new(1, &JoinsFigures { is_apart: true, steps: vec![step] });
            assert_eq!(report.outcome(), Outcome::Missed, "{what}");
            assert!(report.tables().contains("MISSED"), "{what}");
        }
    }

    #[test]
    fn the_highest_rate_that_held_is_found() {
        let mut slow = good();
        slow.rate = 10;
        let report = JoinsReport::new(1, &JoinsFigures { is_apart: true, steps: vec![good(), slow] });
        assert_eq!((report.highest_rate_held, report.outcome()), (Some(5), Outcome::Kept));
    }

    fn good() -> JoinsStep {
        let mut step = JoinsStep::new(5, Duration::from_secs(2));
        (step.opened, step.joined, step.took) = (10, 10, Duration::from_secs(2));
        step.whole.add(Duration::from_millis(99));
        step
    }
}
