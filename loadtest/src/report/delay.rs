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
    /// How late the relay was meanwhile.
    pub lateness: Lateness,
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
    /// Who was on stage behind it: of each of them something must be believed.
    pub stage: Vec<String>,
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
    /// Whose line it is.
    pub who: String,
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
            stage: Vec::new(),
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
    relay: LatenessShown,
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
    /// The same of uplink and downlink together.
    error_both_worst_ms: Option<f64>,
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

    /// Whether every line whose directions are alike was believed to be what it was, and a jump was noticed. What was measured through a late
    /// relay says nothing, neither that it was kept nor that it was missed.
    pub fn outcome(&self) -> Outcome {
        let steps = self.steps.iter().map(|step| (step.kept, is_late(&step.relay)));
        let jump = self.jump.iter().map(|jump| (jump.failure.is_none(), is_late(&jump.relay)));
        let all: Vec<(bool, bool)> = steps.chain(jump).collect();
        if all.is_empty() || all.contains(&(false, false)) {
            Outcome::Missed
        } else if all.iter().any(|&(_, is_late)| is_late) {
            Outcome::Unknown
        } else {
            Outcome::Kept
        }
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
            "worst of both",
            "relay late p99 / max",
            "",
        ]);
        for step in &self.steps {
            table.add_row(step.row());
        }
        let mut text = format!(
            "delay (seed {}), milliseconds\n{table}\nbudget: where both directions are alike, an error of at most {:.0} ms, of each direction \
             and of both together; through a late relay nothing is judged\n",
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
            relay: jump.lateness.shown(),
            failure: jump.noticed.as_ref().err().cloned(),
        }
    }

    fn line(&self) -> String {
        let Self { from_ms, to_ms, noticed_after_ms, relay, failure } = self;
        let late = if is_late(relay) { ", INVALID: the relay was late" } else { "" };
        let came = match (noticed_after_ms, failure) {
            (Some(after), _) => format!("believed after {:.1} s", after / 1e3),
            (None, Some(failure)) => format!("FAILED: {failure}"),
            (None, None) => "not watched".to_owned(),
        };
        format!(
            "a jump from {from_ms:.0} to {to_ms:.0} ms each way: {came}; relay late p99 {:.2}{late}\n",
            relay.p99_ms
        )
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
        let worst = worst_of(errors);
        let through = step.truth.and_then(|truth| truth.through).map(ms);
        let networks = step.estimates.iter().filter_map(|estimate| estimate.network_ms);
        let both_worst = through.and_then(|through| worst_of(networks.map(|network| network - through)));
        let both = network.or(one_way.map(|one_way| 2.0 * one_way));
        let mut sources: Vec<String> = step.estimates.iter().map(|estimate| estimate.source.clone()).collect();
        sources.sort_unstable();
        sources.dedup();
        let is_symmetric = step.line.up == step.line.down;
        let is_near = |worst: f64| !is_symmetric || worst.abs() <= ERROR_MAX_MS;
        // Who is alone on stage hears nobody, and is told no delay.
        let is_whole_near = !is_symmetric || through.is_none() || both_worst.is_some_and(is_near);
        let failures: Vec<String> = step.failures.iter().cloned().chain(unknown(step, is_symmetric)).collect();
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
            error_both_worst_ms: both_worst,
            relay: step.lateness.shown(),
            kept: worst.is_some_and(is_near) && is_whole_near && failures.is_empty(),
            failures,
        }
    }

    fn row(&self) -> [String; 10] {
        let one = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| format!("{value:.1}"));
        let signed = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| format!("{value:+.1}"));
        let verdict = match (is_late(&self.relay), self.kept, self.symmetric) {
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
            signed(self.error_both_worst_ms),
            format!("{:.2} / {:.2}", self.relay.p99_ms, self.relay.max_ms),
            verdict.to_owned(),
        ]
    }
}

/// Those on stage of whom the server never said what it must know.
fn unknown(step: &DelayStep, is_symmetric: bool) -> Vec<String> {
    let said = |who: &String, what: fn(&Estimate) -> bool| {
        step.estimates.iter().any(|estimate| estimate.who == *who && what(estimate))
    };
    let nothing =
        step.stage.iter().filter(|who| !said(who, |_| true)).map(|who| format!("nothing is believed of {who}"));
    let is_conversation = is_symmetric && step.stage.len() > 1;
    let without = |who: &&String| is_conversation && !said(who, |estimate| estimate.network_ms.is_some());
    let no_network = step.stage.iter().filter(without).map(|who| format!("no network is told in what {who} hears"));
    nothing.chain(no_network).collect()
}

/// Where nothing was measured it was not the relay.
fn is_late(relay: &LatenessShown) -> bool {
    relay.count > 0 && !relay.valid
}

fn worst_of(errors: impl Iterator<Item = f64>) -> Option<f64> {
    errors.max_by(|a, b| a.abs().total_cmp(&b.abs()))
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
        let late = |one_way_ms| DelayStep { lateness: lateness(6), ..step("delay=50", "delay=50", one_way_ms) };
        assert_eq!(report(vec![late(90.0)]).outcome(), Outcome::Unknown);
        assert!(report(vec![late(90.0)]).tables().contains("INVALID"));
        assert_eq!(report(vec![late(50.0)]).outcome(), Outcome::Unknown, "nor that it was kept");
        let with = |one_way_ms| report(vec![late(50.0), step("delay=50", "delay=50", one_way_ms)]).outcome();
        assert_eq!(with(50.0), Outcome::Unknown);
        assert_eq!(with(90.0), Outcome::Missed, "that one was not late");
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
            let mut estimates = step.estimates.clone();
            estimates.truncate(1);
            estimates[0].network_ms = None;
            let truth = step.truth.map(|truth| Truth { through: None, ..truth });
            DelayStep { truth, stage: vec!["ada".to_owned()], estimates, ..step }
        };
        assert_eq!(report(vec![alone(60.0)]).outcome(), Outcome::Kept);
        assert_eq!(report(vec![alone(90.0)]).outcome(), Outcome::Missed);
        assert!(report(vec![alone(60.0)]).tables().contains("+10.0 / –"));
    }

    #[test]
    fn a_jump_is_told_with_the_time_until_it_was_believed() {
        let told = |noticed| {
            let (from, to) = (Duration::from_millis(20), Duration::from_millis(150));
            let jump = Some(JumpFigures { from, to, noticed, lateness: lateness(1) });
            DelayReport::new(1, &DelayFigures { steps: Vec::new(), jump }).tables()
        };
        let soon = told(Ok(Duration::from_millis(2_250)));
        assert!(soon.contains("from 20 to 150 ms each way: believed after 2.2 s"), "{soon}");
        assert!(told(Err("not within 30s".to_owned())).contains("FAILED: not within 30s"));
    }

    #[test]
    fn a_jump_that_nobody_noticed_fails_the_run_and_a_late_relay_says_nothing_of_it() {
        let outcome = |noticed: Result<Duration, &str>, late_ms| {
            let (from, to) = (Duration::from_millis(20), Duration::from_millis(150));
            let noticed = noticed.map_err(str::to_owned);
            let jump = Some(JumpFigures { from, to, noticed, lateness: lateness(late_ms) });
            let steps = vec![step("delay=50", "delay=50", 50.0)];
            DelayReport::new(1, &DelayFigures { steps, jump }).outcome()
        };
        let soon = Ok(Duration::from_secs(2));
        assert_eq!(outcome(soon, 1), Outcome::Kept);
        assert_eq!(outcome(Err("not within 30s"), 1), Outcome::Missed);
        assert_eq!(outcome(Err("not within 30s"), 6), Outcome::Unknown);
        assert_eq!(outcome(soon, 6), Outcome::Unknown);
    }

    #[test]
    fn of_each_person_something_must_be_believed_and_the_network_of_what_they_hear_must_be_true() {
        let mut one = step("delay=50", "delay=50", 50.0);
        one.estimates.truncate(1);
        assert_eq!(report(vec![one.clone()]).outcome(), Outcome::Missed);
        assert!(report(vec![one]).tables().contains("FAILED: a line: nothing is believed of ben"));
        let mut untold = step("delay=50", "delay=50", 50.0);
        untold.estimates[0].network_ms = None;
        assert_eq!(report(vec![untold.clone()]).outcome(), Outcome::Missed);
        assert!(report(vec![untold]).tables().contains("FAILED: a line: no network is told in what ada hears"));
        let wrong = |network_ms| {
            let mut wrong = step("delay=50", "delay=50", 50.0);
            wrong.estimates[1].network_ms = Some(network_ms);
            report(vec![wrong]).outcome()
        };
        assert_eq!([129.9, 130.1, 69.9].map(wrong), [Outcome::Kept, Outcome::Missed, Outcome::Missed]);
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
            stage: ["ada", "ben"].map(str::to_owned).to_vec(),
            estimates: ["ada", "ben"].map(|who| estimate(who, one_way_ms, &line)).to_vec(),
            lateness: lateness(1),
            ..DelayStep::new("a line", line)
        }
    }

    /// The network is told as it is.
    fn estimate(who: &str, one_way_ms: f64, line: &Line) -> Estimate {
        let network_ms = Some(ms(line.up.delay + line.down.delay));
        Estimate { who: who.to_owned(), one_way_ms, network_ms, source: "reports".to_owned() }
    }

    fn lateness(ms: u64) -> Lateness {
        let mut lateness = Lateness::default();
        lateness.add(Duration::ZERO, Duration::from_millis(ms));
        lateness
    }
}
