//! The report on acts that are acknowledged when they are on the disk: how many a second, and how long each waited.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::promptness::{Promptness, PromptnessShown};
use super::{Outcome, Percentiles, Samples, right_aligned};

/// What a run measured.
#[derive(Clone, Debug, Default)]
pub struct DurableFigures {
    /// Whether the server and the client had a core each.
    pub is_apart: bool,
    /// One for each pace.
    pub steps: Vec<DurableStep>,
}

/// How fast people act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// So many acts a second, of all together, whatever the answers do.
    Rate(u32),
    /// As fast as they are answered, each with so many acts unanswered.
    Unanswered(u32),
}

/// What one pace came to.
#[derive(Clone, Debug)]
pub struct DurableStep {
    /// The pace.
    pub pace: Pace,
    /// For how long.
    pub length: Duration,
    /// Acts that were acknowledged as being on the disk.
    pub durable: u64,
    /// Acts that were done and not written down in time.
    pub undurable: u64,
    /// Acts that were not answered.
    pub unanswered: u64,
    /// From when an act was due, or said, to its answer.
    pub answer: Samples,
    /// Transactions of the store.
    pub commits: u64,
    /// Processor time of the server.
    pub server_cpu: Duration,
    /// Processor time of the client.
    pub client_cpu: Duration,
    /// Codes of refusals, and why sessions ended.
    pub failures: BTreeMap<String, u64>,
    /// How prompt the client itself was.
    pub promptness: Promptness,
}

impl DurableStep {
    pub(crate) fn new(pace: Pace) -> Self {
        Self {
            pace,
            length: Duration::ZERO,
            durable: 0,
            undurable: 0,
            unanswered: 0,
            answer: Samples::default(),
            commits: 0,
            server_cpu: Duration::ZERO,
            client_cpu: Duration::ZERO,
            failures: BTreeMap::new(),
            promptness: Promptness::default(),
        }
    }

    /// Whether everything was done and kept, as many a second or as soon as it must be.
    pub fn holds(&self) -> bool {
        let is_complete = self.undurable == 0 && self.unanswered == 0 && self.failures.is_empty() && self.durable > 0;
        let is_fast = match self.pace {
            Pace::Rate(_) => self.answer.at(0.99) <= ANSWER_P99_MAX,
            Pace::Unanswered(_) => self.per_second() >= PER_SECOND_MIN,
        };
        is_complete && is_fast
    }

    fn per_second(&self) -> f64 {
        self.durable as f64 / self.length.as_secs_f64().max(f64::MIN_POSITIVE)
    }
}

/// A finished report.
#[derive(Clone, Debug, Serialize)]
pub struct DurableReport {
    scenario: &'static str,
    seed: u64,
    rooms: usize,
    hosts: usize,
    own_cores: bool,
    per_second_limit: f64,
    answer_p99_limit_ms: f64,
    steps: Vec<StepShown>,
}

#[derive(Clone, Debug, Serialize)]
struct StepShown {
    pace: String,
    holds: bool,
    valid: bool,
    durable: u64,
    durable_per_second: f64,
    answer: Percentiles,
    acts_per_commit: f64,
    server_cpu_us_per_act: f64,
    server_cpu_share: f64,
    client_cpu_share: f64,
    undurable: u64,
    unanswered: u64,
    failures: BTreeMap<String, u64>,
    client: PromptnessShown,
}

impl DurableReport {
    /// Judges what was measured with so many rooms and, in all of them together, hosts.
    pub fn new(seed: u64, rooms: usize, hosts: usize, figures: &DurableFigures) -> Self {
        Self {
            scenario: "durable",
            seed,
            rooms,
            hosts,
            own_cores: figures.is_apart,
            per_second_limit: PER_SECOND_MIN,
            answer_p99_limit_ms: ANSWER_P99_MAX.as_secs_f64() * 1000.0,
            steps: figures.steps.iter().map(StepShown::new).collect(),
        }
    }

    /// Whether each pace held.
    pub fn outcome(&self) -> Outcome {
        let missed = self.steps.iter().find(|step| !step.holds);
        missed.map_or(Outcome::of(!self.steps.is_empty(), true), |step| Outcome::of(false, step.valid))
    }

    /// For machines.
    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a report is plain values")
    }

    /// For people.
    pub fn tables(&self) -> String {
        let mut text = format!("durable (seed {}): {} hosts in {} rooms\n", self.seed, self.hosts, self.rooms);
        for step in &self.steps {
            text += &step.tables();
        }
        if !self.own_cores {
            text += "server and client ON THE SAME CORE\n";
        }
        let (rate, limit) = (self.per_second_limit, self.answer_p99_limit_ms);
        text + &format!("limits: {rate:.0} a second at full speed; 99 of 100 within {limit:.0} ms at a rate\n")
    }
}

impl StepShown {
    fn new(step: &DurableStep) -> Self {
        let took = step.length.as_secs_f64().max(f64::MIN_POSITIVE);
        let acts = step.durable.max(1) as f64;
        Self {
            pace: match step.pace {
                Pace::Rate(rate) => format!("{rate} acts a second"),
                Pace::Unanswered(each) => format!("as fast as they are answered, each with {each} unanswered"),
            },
            holds: step.holds(),
            valid: match step.pace {
                Pace::Rate(_) => step.promptness.is_enough(),
                // Whoever sends as much as is answered is never late.
                Pace::Unanswered(_) => true,
            },
            durable: step.durable,
            durable_per_second: step.per_second(),
            answer: step.answer.percentiles(),
            acts_per_commit: step.durable as f64 / step.commits.max(1) as f64,
            server_cpu_us_per_act: step.server_cpu.as_secs_f64() * 1e6 / acts,
            server_cpu_share: step.server_cpu.as_secs_f64() / took,
            client_cpu_share: step.client_cpu.as_secs_f64() / took,
            undurable: step.undurable,
            unanswered: step.unanswered,
            failures: step.failures.clone(),
            client: step.promptness.shown(),
        }
    }

    fn tables(&self) -> String {
        let mut table = right_aligned(["milliseconds", "count", "p50", "p95", "p99", "max"]);
        table.add_row(self.answer.row("act → kept"));
        table.add_row(self.client.late.row("client: late to ask"));
        table.add_row(self.client.blind.row("client: not looking"));
        let mut text = format!(
            "{}: {} ({} acts, {:.0} a second, {:.1} in a transaction)\n{table}\n\
             server: {:.0} µs of processor time an act, {:.0} % of a core; client: {:.0} % of its core\n",
            self.pace,
            if self.holds { "held" } else { "MISSED" },
            self.durable,
            self.durable_per_second,
            self.acts_per_commit,
            self.server_cpu_us_per_act,
            self.server_cpu_share * 100.0,
            self.client_cpu_share * 100.0,
        );
        for (failure, count) in &self.failures {
            text += &format!("failed: {count} with {failure}\n");
        }
        if self.undurable + self.unanswered > 0 {
            text += &format!("failed: {} not kept in time, {} not answered\n", self.undurable, self.unanswered);
        }
        text + &self.client.verdict(self.valid)
    }
}

/// Acts a second that must be kept at full speed.
const PER_SECOND_MIN: f64 = 2_000.0;
/// From when an act is due to its answer, for 99 of 100, at a rate.
const ANSWER_P99_MAX: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_holds_only_if_all_is_kept_and_soon() {
        type Worsen = fn(&mut DurableStep);
        let worse: [(&str, Worsen); 5] = [
            ("slow", |step| step.answer.add(Duration::from_millis(52))),
            ("not kept", |step| step.undurable = 1),
            ("not answered", |step| step.unanswered = 1),
            ("refused", |step| *step.failures.entry("forbidden".to_owned()).or_default() += 1),
            ("nothing", |step| step.durable = 0),
        ];
        assert_eq!(outcome(good(Pace::Rate(1_000))), Outcome::Kept);
        for (what, worsen) in worse {
            let mut step = good(Pace::Rate(1_000));
            worsen(&mut step);
            assert_eq!(outcome(step), Outcome::Missed, "{what}");
        }
    }

    #[test]
    fn full_speed_holds_if_it_is_enough_however_long_each_waits() {
        let mut step = good(Pace::Unanswered(8));
        step.answer.add(Duration::from_millis(500));
        assert_eq!(outcome(step.clone()), Outcome::Kept);
        step.length = Duration::from_millis(1_001);
        assert_eq!(outcome(step), Outcome::Missed);
        assert_eq!(
            DurableReport::new(1, 2, 4, &DurableFigures::default()).outcome(),
            Outcome::Missed,
            "nothing measured"
        );
    }

    fn outcome(step: DurableStep) -> Outcome {
        let report = DurableReport::new(1, 2, 4, &DurableFigures { is_apart: true, steps: vec![step] });
        assert_eq!(report.outcome() == Outcome::Missed, report.tables().contains("MISSED"));
        report.outcome()
    }

    fn good(pace: Pace) -> DurableStep {
        let mut step = DurableStep::new(pace);
        (step.durable, step.commits, step.length) = (2_000, 100, Duration::from_secs(1));
        step.answer.add(Duration::from_millis(49));
        step
    }
}
