//! The report on delays: for each line what was asked, what was measured, what the server believed, and how far that is from the truth.

use std::time::Duration;

use serde::Serialize;

use super::{Outcome, right_aligned};
use crate::relay::{Lateness, LatenessShown, Line};

/// What the delay scenario measured.
#[derive(Clone, Debug, Default)]
pub struct DelayFigures {
    /// One line after another.
    pub steps: Vec<DelayStep>,
    /// The line whose delay jumped, if there was one.
    pub jump: Option<JumpFigures>,
}

/// A line whose delay jumped, the same both ways.
#[derive(Clone, Debug)]
pub struct JumpFigures {
    /// From this.
    pub from: Duration,
    /// To this.
    pub to: Duration,
    /// When what was believed was near the truth from then on; or why that is not known.
    pub noticed: Result<Duration, String>,
}

/// How long packets took, in the mean.
#[derive(Clone, Copy, Debug)]
pub struct Truth {
    /// From a mouth behind the line to an ear beside the server.
    pub up: Duration,
    /// From a mouth to an ear both behind the line, if there were two such people.
    pub through: Option<Duration>,
}

/// What was measured on one line.
#[derive(Clone, Debug)]
pub struct DelayStep {
    /// Its name.
    pub name: String,
    /// What the relay was asked for.
    pub line: Line,
    /// How long packets took. None if somebody was not heard.
    pub truth: Option<Truth>,
    /// What the server believed, each time it was asked.
    pub estimates: Vec<Estimate>,
    /// How late the relay was.
    pub lateness: Lateness,
    /// What went wrong.
    pub failures: Vec<String>,
}

/// What the server believed of a line at one time.
#[derive(Clone, Debug, PartialEq)]
pub struct Estimate {
    /// Half of the round trip that it knows: it takes up and down for equal.
    pub one_way_ms: f64,
    /// Uplink and downlink together, of the mouth to ear that it tells.
    pub network_ms: Option<f64>,
    /// Where it has the round trip from.
    pub source: String,
}

impl DelayStep {
    /// Nothing measured yet.
    pub fn new(name: &str, line: Line) -> Self {
        Self {
            name: name.to_owned(),
            line,
            truth: None,
            estimates: Vec::new(),
            lateness: Lateness::default(),
            failures: Vec::new(),
        }
    }
}

/// A finished report.
#[derive(Clone, Debug, Serialize)]
pub struct DelayReport {
    scenario: &'static str,
    seed: u64,
    error_limit_ms: f64,
    steps: Vec<StepShown>,
    jump: Option<JumpShown>,
}

#[derive(Clone, Debug, Serialize)]
struct JumpShown {
    from_ms: f64,
    to_ms: f64,
    noticed_after_ms: Option<f64>,
    failure: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
struct StepShown {
    name: String,
    symmetric: bool,
    asked_up_ms: f64,
    asked_down_ms: f64,
    measured_up_ms: Option<f64>,
    measured_down_ms: Option<f64>,
    /// The median of what was believed; of each direction, as both are believed to be equal.
    estimated_one_way_ms: Option<f64>,
    estimated_network_ms: Option<f64>,
    estimates: usize,
    sources: Vec<String>,
    error_up_ms: Option<f64>,
    error_down_ms: Option<f64>,
    /// Of uplink and downlink together, as a listener behind the same line has them.
    error_both_ms: Option<f64>,
    /// The greatest error of one direction that any of the estimates had.
    error_worst_ms: Option<f64>,
    relay: LatenessShown,
    kept: bool,
    failures: Vec<String>,
}

impl DelayReport {
    /// Judges what was measured.
    pub fn new(seed: u64, figures: &DelayFigures) -> Self {
        Self {
            scenario: "delay",
            seed,
            error_limit_ms: ERROR_MAX_MS,
            steps: figures.steps.iter().map(StepShown::new).collect(),
            jump: figures.jump.as_ref().map(JumpShown::new),
        }
    }

    /// Whether every line whose directions are alike was believed to be what it was. What was measured through a late relay says nothing.
    pub fn outcome(&self) -> Outcome {
        let missed = |step: &&StepShown| !step.kept;
        let is_kept = !self.steps.is_empty() && !self.steps.iter().any(|step| missed(&step));
        let is_valid = self.steps.is_empty() || self.steps.iter().filter(missed).any(|step| !step.is_relay_late());
        Outcome::of(is_kept, is_valid)
    }

    /// For machines.
    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a report is plain values")
    }

    /// For people.
    pub fn tables(&self) -> String {
        let mut table = right_aligned([
            "line",
            "asked up / down",
            "measured up / down",
            "estimated each way",
            "error up / down",
            "both",
            "worst",
            "relay late p99 / max",
            "",
        ]);
        for step in &self.steps {
            table.add_row(step.row());
        }
        let mut text = format!(
            "delay (seed {}), milliseconds\n{table}\nbudget: where both directions are alike, an error of at most {:.0} ms\n",
            self.seed, self.error_limit_ms
        );
        for step in &self.steps {
            let sources = step.sources.join(", ");
            text += &format!("{}: {} estimates from {sources}\n", step.name, step.estimates);
            for failure in &step.failures {
                text += &format!("FAILED: {}: {failure}\n", step.name);
            }
        }
        if let Some(jump) = &self.jump {
            text += &jump.line();
        }
        text
    }
}

impl JumpShown {
    fn new(jump: &JumpFigures) -> Self {
        Self {
            from_ms: ms(jump.from),
            to_ms: ms(jump.to),
            noticed_after_ms: jump.noticed.as_ref().ok().copied().map(ms),
            failure: jump.noticed.as_ref().err().cloned(),
        }
    }

    fn line(&self) -> String {
        let Self { from_ms, to_ms, noticed_after_ms, failure } = self;
        let came = match (noticed_after_ms, failure) {
            (Some(after), _) => format!("believed after {:.1} s", after / 1e3),
            (None, Some(failure)) => format!("FAILED: {failure}"),
            (None, None) => "not watched".to_owned(),
        };
        format!("a jump from {from_ms:.0} to {to_ms:.0} ms each way: {came}\n")
    }
}

impl StepShown {
    fn new(step: &DelayStep) -> Self {
        let up = step.truth.map(|truth| ms(truth.up));
        let down = step.truth.and_then(|truth| Some(ms(truth.through?) - ms(truth.up)));
        let one_way = median(step.estimates.iter().map(|estimate| estimate.one_way_ms));
        let network = median(step.estimates.iter().filter_map(|estimate| estimate.network_ms));
        let error = |truth: Option<f64>| one_way.zip(truth).map(|(estimate, truth)| estimate - truth);
        let truths: Vec<f64> = up.into_iter().chain(down).collect();
        let errors =
            (step.estimates.iter()).flat_map(|estimate| truths.iter().map(|truth| estimate.one_way_ms - truth));
        let worst = errors.max_by(|a, b| a.abs().total_cmp(&b.abs()));
        let both = network.or(one_way.map(|one_way| 2.0 * one_way));
        let mut sources: Vec<String> = step.estimates.iter().map(|estimate| estimate.source.clone()).collect();
        sources.sort_unstable();
        sources.dedup();
        let is_symmetric = step.line.up == step.line.down;
        let is_near = worst.is_some_and(|worst| worst.abs() <= ERROR_MAX_MS) || (!is_symmetric && worst.is_some());
        Self {
            name: step.name.clone(),
            symmetric: is_symmetric,
            asked_up_ms: ms(step.line.up.delay),
            asked_down_ms: ms(step.line.down.delay),
            measured_up_ms: up,
            measured_down_ms: down,
            estimated_one_way_ms: one_way,
            estimated_network_ms: network,
            estimates: step.estimates.len(),
            sources,
            error_up_ms: error(up),
            error_down_ms: error(down),
            error_both_ms: both.zip(up.zip(down)).map(|(both, (up, down))| both - up - down),
            error_worst_ms: worst,
            relay: step.lateness.shown(),
            kept: is_near && step.failures.is_empty(),
            failures: step.failures.clone(),
        }
    }

    /// Where nothing was measured it was not the relay.
    fn is_relay_late(&self) -> bool {
        self.relay.count > 0 && !self.relay.valid
    }

    fn row(&self) -> [String; 9] {
        let one = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| format!("{value:.1}"));
        let signed = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| format!("{value:+.1}"));
        let verdict = match (self.is_relay_late(), self.kept, self.symmetric) {
            (true, _, _) => "INVALID: the relay was late",
            (false, false, _) => "MISSED",
            (false, true, true) => "kept",
            (false, true, false) => "not alike: shown, not judged",
        };
        [
            self.name.clone(),
            format!("{:.0} / {:.0}", self.asked_up_ms, self.asked_down_ms),
            format!("{} / {}", one(self.measured_up_ms), one(self.measured_down_ms)),
            one(self.estimated_one_way_ms),
            format!("{} / {}", signed(self.error_up_ms), signed(self.error_down_ms)),
            signed(self.error_both_ms),
            signed(self.error_worst_ms),
            format!("{:.2} / {:.2}", self.relay.p99_ms, self.relay.max_ms),
            verdict.to_owned(),
        ]
    }
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// So far an estimate of one direction may be from the truth, at any time: below it nobody would call a conversation other than it is.
pub const ERROR_MAX_MS: f64 = 30.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_whose_directions_are_alike_must_be_believed_to_be_what_it_is() {
        assert_eq!(report(vec![step("delay=50", "delay=50", 50.0)]).outcome(), Outcome::Kept);
        assert_eq!(report(vec![step("delay=50", "delay=50", 79.9)]).outcome(), Outcome::Kept);
        let missed = report(vec![step("delay=50", "delay=50", 50.0), step("delay=50", "delay=50", 80.1)]);
        assert_eq!(missed.outcome(), Outcome::Missed);
        assert!(missed.tables().contains("MISSED") && missed.tables().contains("+30.1"), "{}", missed.tables());
    }

    #[test]
    fn one_bad_estimate_among_good_ones_is_a_miss() {
        let mut step = step("delay=50", "delay=50", 50.0);
        step.estimates = vec![step.estimates[0].clone(); 10];
        step.estimates[3].one_way_ms = 5.0;
        assert_eq!(report(vec![step]).outcome(), Outcome::Missed);
    }

    #[test]
    fn where_directions_differ_the_error_is_shown_and_not_judged() {
        let report = report(vec![step("delay=20", "delay=130", 75.0)]);
        assert_eq!(report.outcome(), Outcome::Kept);
        let tables = report.tables();
        assert!(tables.contains("+55.0 / -55.0") && tables.contains("not alike"), "{tables}");
        assert!(tables.contains("+0.0"), "together they are right: {tables}");
    }

    #[test]
    fn what_was_measured_through_a_late_relay_says_nothing() {
        let mut late = step("delay=50", "delay=50", 90.0);
        late.lateness = lateness(6);
        assert_eq!(report(vec![late.clone()]).outcome(), Outcome::Unknown);
        assert!(report(vec![late]).tables().contains("INVALID"));
    }

    #[test]
    fn nothing_believed_and_nothing_heard_are_misses() {
        let silent = DelayStep { estimates: Vec::new(), ..step("", "", 0.0) };
        let unheard = DelayStep { truth: None, ..step("", "", 0.0) };
        let failed = DelayStep { failures: vec!["nobody came".to_owned()], ..step("", "", 0.0) };
        let unmeasured = DelayStep { lateness: Lateness::default(), ..failed.clone() };
        for bad in [silent, unheard, failed, unmeasured] {
            assert_eq!(report(vec![bad.clone()]).outcome(), Outcome::Missed, "{bad:?}");
        }
        assert_eq!(report(Vec::new()).outcome(), Outcome::Missed);
    }

    #[test]
    fn who_is_alone_on_stage_is_judged_by_the_way_up() {
        let alone = |one_way_ms| {
            let step = step("delay=50", "delay=50", one_way_ms);
            DelayStep { truth: step.truth.map(|truth| Truth { through: None, ..truth }), ..step }
        };
        assert_eq!(report(vec![alone(60.0)]).outcome(), Outcome::Kept);
        assert_eq!(report(vec![alone(90.0)]).outcome(), Outcome::Missed);
        assert!(report(vec![alone(60.0)]).tables().contains("+10.0 / –"));
    }

    #[test]
    fn a_jump_is_told_with_the_time_until_it_was_believed() {
        let told = |noticed| {
            let (from, to) = (Duration::from_millis(20), Duration::from_millis(150));
            let jump = Some(JumpFigures { from, to, noticed });
            DelayReport::new(1, &DelayFigures { steps: Vec::new(), jump }).tables()
        };
        let soon = told(Ok(Duration::from_millis(2_250)));
        assert!(soon.contains("from 20 to 150 ms each way: believed after 2.2 s"), "{soon}");
        assert!(told(Err("not within 30s".to_owned())).contains("FAILED: not within 30s"));
    }

    fn report(steps: Vec<DelayStep>) -> DelayReport {
        DelayReport::new(1, &DelayFigures { steps, jump: None })
    }

    /// A line that did what it was asked.
    fn step(up: &str, down: &str, one_way_ms: f64) -> DelayStep {
        let read = |text: &str| text.parse().expect("an impairment");
        let line = Line { up: read(up), down: read(down) };
        DelayStep {
            truth: Some(Truth { up: line.up.delay, through: Some(line.up.delay + line.down.delay) }),
            estimates: vec![Estimate { one_way_ms, network_ms: None, source: "reports".to_owned() }],
            lateness: lateness(1),
            ..DelayStep::new("a line", line)
        }
    }

    fn lateness(ms: u64) -> Lateness {
        let mut lateness = Lateness::default();
        lateness.add(Duration::ZERO, Duration::from_millis(ms));
        lateness
    }
}
