//! What came of an audience: how long commands waited for their answers, and what that cost the server.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::{Outcome, Percentiles, Promptness, PromptnessShown, Samples, right_aligned};

/// What the audience scenario measured.
#[derive(Clone, Debug)]
pub struct AudienceFigures {
    /// Everybody.
    pub participants: usize,
    /// Whether server and client had a core each.
    pub is_apart: bool,
    /// From the first join to the last welcome.
    pub gathering: Duration,
    /// From join to welcome, while the room filled.
    pub welcome: Samples,
    /// From when a command was due to its answer, by its type.
    pub answers: BTreeMap<&'static str, Samples>,
    /// Commands that were refused, by code.
    pub refused: BTreeMap<String, u64>,
    /// Commands that were never answered.
    pub unanswered: u64,
    /// Commands for which nobody idle was found.
    pub idle_turns: u64,
    /// Commands that the server does not know.
    pub unknown_words: Vec<&'static str>,
    /// Participants who were lost, and why.
    pub ended: Vec<String>,
    /// How long people asked.
    pub length: Duration,
    /// Processor time of the server meanwhile.
    pub server_cpu: Duration,
    /// Processor time of the client meanwhile.
    pub client_cpu: Duration,
    /// Frames that all received meanwhile.
    pub frames: u64,
    /// Bytes that all received meanwhile.
    pub bytes: u64,
    /// Frames that were none of the protocol.
    pub not_understood: u64,
    /// Memory of the server at the end.
    pub resident_kb: u64,
    /// How prompt the client itself was.
    pub promptness: Promptness,
}

impl AudienceFigures {
    pub(crate) fn new(participants: usize, is_apart: bool) -> Self {
        Self {
            participants,
            is_apart,
            gathering: Duration::ZERO,
            welcome: Samples::default(),
            answers: BTreeMap::new(),
            refused: BTreeMap::new(),
            unanswered: 0,
            idle_turns: 0,
            unknown_words: Vec::new(),
            ended: Vec::new(),
            length: Duration::ZERO,
            server_cpu: Duration::ZERO,
            client_cpu: Duration::ZERO,
            frames: 0,
            bytes: 0,
            not_understood: 0,
            resident_kb: 0,
            promptness: Promptness::default(),
        }
    }

    pub(crate) fn words(&mut self, reaction: bool, message: bool) {
        let known = [("reaction", reaction), ("message", message)];
        self.unknown_words = known.into_iter().filter(|(_, is_known)| !is_known).map(|(word, _)| word).collect();
    }

    fn all_answers(&self) -> Samples {
        let mut all = Samples::default();
        self.answers.values().for_each(|answers| all.merge(answers));
        all
    }
}

/// A finished report.
#[derive(Clone, Debug, Serialize)]
pub struct AudienceReport {
    scenario: &'static str,
    seed: u64,
    passed: bool,
    valid: bool,
    participants: usize,
    own_cores: bool,
    seconds: f64,
    answer_p99_limit_ms: f64,
    answer: Percentiles,
    answers: BTreeMap<&'static str, Percentiles>,
    refused: BTreeMap<String, u64>,
    unanswered: u64,
    idle_turns: u64,
    unknown_words: Vec<&'static str>,
    gathering_seconds: f64,
    welcome: Percentiles,
    frames_per_second: f64,
    kilobytes_per_second: f64,
    server_cpu_per_second: f64,
    client_cpu_per_second: f64,
    server_resident_kb: u64,
    client: PromptnessShown,
    failures: Vec<String>,
}

impl AudienceReport {
    /// Judges what was measured.
    pub fn new(seed: u64, figures: AudienceFigures) -> Self {
        let all = figures.all_answers();
        let seconds = figures.length.as_secs_f64().max(f64::MIN_POSITIVE);
        let is_prompt = !all.is_empty() && all.at(0.99) <= ANSWER_P99_MAX;
        let mut failures = figures.ended;
        failures.extend(some(figures.unanswered, "commands were not answered"));
        failures.extend(some(figures.not_understood, "frames were not understood"));
        Self {
            scenario: "audience",
            seed,
            passed: is_prompt && failures.is_empty(),
            valid: figures.promptness.is_enough(),
            participants: figures.participants,
            own_cores: figures.is_apart,
            seconds,
            answer_p99_limit_ms: ANSWER_P99_MAX.as_secs_f64() * 1000.0,
            answer: all.percentiles(),
            answers: figures.answers.iter().map(|(kind, samples)| (*kind, samples.percentiles())).collect(),
            refused: figures.refused,
            unanswered: figures.unanswered,
            idle_turns: figures.idle_turns,
            unknown_words: figures.unknown_words,
            gathering_seconds: figures.gathering.as_secs_f64(),
            welcome: figures.welcome.percentiles(),
            frames_per_second: figures.frames as f64 / seconds,
            kilobytes_per_second: figures.bytes as f64 / 1000.0 / seconds,
            server_cpu_per_second: figures.server_cpu.as_secs_f64() / seconds,
            client_cpu_per_second: figures.client_cpu.as_secs_f64() / seconds,
            server_resident_kb: figures.resident_kb,
            client: figures.promptness.shown(),
            failures,
        }
    }

    /// Whether the budget was kept and nothing else went wrong.
    pub fn outcome(&self) -> Outcome {
        Outcome::of(self.passed, self.valid)
    }

    /// For machines.
    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a report is plain values")
    }

    /// For people.
    pub fn tables(&self) -> String {
        let mut table = right_aligned(["milliseconds", "count", "p50", "p95", "p99", "max"]);
        for (name, percentiles) in [("join → welcome", &self.welcome), ("command → answer", &self.answer)] {
            table.add_row(percentiles.row(name));
        }
        for (kind, percentiles) in &self.answers {
            table.add_row(percentiles.row(&format!("  {kind}")));
        }
        table.add_row(self.client.late.row("client: late to ask"));
        table.add_row(self.client.blind.row("client: not looking"));
        let mut text = format!("audience of {} (seed {})\n{table}\n", self.participants, self.seed);
        text += &format!(
            "received: {:.0} frames and {:.0} kB a second; filled in {:.1} s\n\
             server: {:.3} s of processor time a second, {} kB resident; client: {:.3} s a second{}\n",
            self.frames_per_second,
            self.kilobytes_per_second,
            self.gathering_seconds,
            self.server_cpu_per_second,
            self.server_resident_kb,
            self.client_cpu_per_second,
            if self.own_cores { ", on another core" } else { ", ON THE SAME CORE" },
        );
        for (code, count) in &self.refused {
            text += &format!("refused: {count} with {code}\n");
        }
        for word in &self.unknown_words {
            text += &format!("skipped: the server does not know {word}\n");
        }
        for failure in &self.failures {
            text += &format!("FAILED: {failure}\n");
        }
        let verdict = if self.passed { "kept" } else { "MISSED" };
        text += &format!(
            "budget: 99 of 100 answers within {:.0} ms: {:.1} ms, {verdict}\n",
            self.answer_p99_limit_ms, self.answer.p99_ms
        );
        text + &self.client.verdict(self.valid)
    }
}

fn some(count: u64, what: &str) -> Option<String> {
    (count > 0).then(|| format!("{count} {what}"))
}

/// From command to answer, for 99 of 100.
const ANSWER_P99_MAX: Duration = Duration::from_millis(20);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]

    use super::*;

    #[test]
    fn a_good_run_passes_and_tells_its_figures() {
        let report = AudienceReport::new(1, good());
        assert_eq!(report.outcome(), Outcome::Kept, "{}", report.tables());
        let json: serde_json::Value = serde_json::from_str(&report.json()).unwrap();
        assert_eq!((json["answer"]["count"].as_u64(), json["frames_per_second"].as_f64()), (Some(1), Some(50.0)));
        assert!(report.tables().contains("kept"));
    }

    #[test]
    fn a_slow_answer_a_lost_one_and_a_lost_participant_each_miss_the_budget() {
        type Worsen = fn(&mut AudienceFigures);
        let worse: [(&str, Worsen); 4] = [
            ("slow", |figures| figures.answers.entry("ping").or_default().add(Duration::from_millis(21))),
            ("lost", |figures| figures.unanswered = 1),
            ("ended", |figures| figures.ended.push("participant 7: bye: slow_consumer".to_owned())),
            ("nothing measured", |figures| figures.answers.clear()),
        ];
        for (what, worsen) in worse {
            let mut figures = good();
            worsen(&mut figures);
            assert_eq!(AudienceReport::new(1, figures).outcome(), Outcome::Missed, "{what}");
        }
    }

    #[test]
    fn a_late_client_excuses_a_budget_that_was_missed_and_does_not_spoil_one_that_was_kept() {
        let mut late = good();
        late.promptness.late.add(Duration::from_millis(6));
        assert_eq!(AudienceReport::new(1, late.clone()).outcome(), Outcome::Kept);
        late.answers.entry("ping").or_default().add(Duration::from_millis(21));
        let report = AudienceReport::new(1, late);
        assert_eq!(report.outcome(), Outcome::Unknown);
        assert!(report.tables().contains("INVALID"));
    }

    fn good() -> AudienceFigures {
        let mut figures = AudienceFigures::new(100, true);
        figures.length = Duration::from_secs(2);
        figures.frames = 100;
        figures.answers.entry("ping").or_default().add(Duration::from_millis(19));
        figures.promptness.late.add(Duration::from_micros(10));
        figures.promptness.blind.add(Duration::from_micros(10));
        figures
    }
}
