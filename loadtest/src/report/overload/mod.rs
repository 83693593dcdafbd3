//! What came of an overload: who was let in and heard, who was refused and how soon, and whether those on stage felt any of it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

pub use figures::{OverloadCosts, OverloadFigures, OverloadStage, OverloadWave, SILENCE_MAX, SeatedFigures};

use super::{Outcome, Percentiles, Verdict, right_aligned};

mod figures;

/// A finished report.
#[derive(Clone, Debug, Serialize)]
pub struct OverloadReport {
    scenario: &'static str,
    seed: u64,
    passed: bool,
    valid: bool,
    cpu: f64,
    means: String,
    own_cores: bool,
    stay_s: f64,
    costs: OverloadCosts,
    fits_per_second: f64,
    fits: WaveShown,
    storm: WaveShown,
    stage_alone: StageShown,
    stage_with_what_fits: StageShown,
    stage_in_the_storm: StageShown,
    throttled_share: Option<f64>,
    server_resident_kb: u64,
    stayed: u64,
    stale_packets: f64,
    server_counts: BTreeMap<String, f64>,
    budgets: Vec<Verdict>,
}

#[derive(Clone, Debug, Serialize)]
struct WaveShown {
    wanted_per_second: f64,
    asked_per_second: f64,
    seconds: f64,
    visitors: u64,
    asked: u64,
    admitted: u64,
    admitted_per_second: f64,
    reached: u64,
    starved: u64,
    success: f64,
    failed: BTreeMap<String, u64>,
    refused: BTreeMap<String, u64>,
    refused_without_a_time: u64,
    given_up: u64,
    waiting: u64,
    most_inside: u64,
    join_to_refusal: Percentiles,
    retry_after: Percentiles,
    due_to_welcome: Percentiles,
    due_to_audio: Percentiles,
    transit: Percentiles,
    server_cpu_share: f64,
    client_cpu_share: f64,
    client_late: Percentiles,
    client_blind: Percentiles,
}

#[derive(Clone, Debug, Serialize)]
struct StageShown {
    seated: u64,
    longest_gap_ms: f64,
    gap_of_each_ms: Vec<f64>,
    long_gaps: u64,
    missed: u64,
    regulars: u64,
    regulars_longest_silence_ms: f64,
    transit: Percentiles,
    client_fault_ms: f64,
    lost: Vec<String>,
}

impl OverloadReport {
    /// Judges what was measured.
    pub fn new(seed: u64, figures: &OverloadFigures) -> Self {
        let budgets = verdicts(figures);
        let stale = figures.metrics.iter().filter(|(name, _)| name.contains(r#"reason="stale"#)).map(|(_, more)| more);
        Self {
            scenario: "overload",
            seed,
            passed: budgets.iter().all(|verdict| verdict.kept),
            valid: is_valid(figures),
            cpu: figures.cpu,
            means: figures.means.clone(),
            own_cores: figures.is_apart,
            stay_s: figures.stay.as_secs_f64(),
            costs: figures.costs,
            fits_per_second: figures.fits,
            fits: WaveShown::new(&figures.gentle),
            storm: WaveShown::new(&figures.storm),
            stage_alone: StageShown::new(&figures.calm),
            stage_with_what_fits: StageShown::new(&figures.undisturbed),
            stage_in_the_storm: StageShown::new(&figures.stormed),
            throttled_share: figures.throttled.map(|still| still.throttled as f64 / still.periods.max(1) as f64),
            server_resident_kb: figures.resident_kb,
            stayed: figures.stayed,
            stale_packets: stale.fold(0.0, |sum, more| sum + more),
            server_counts: figures.metrics.clone(),
            budgets,
        }
    }

    /// Whether every budget was kept.
    pub fn outcome(&self) -> Outcome {
        Outcome::of(self.passed, self.valid)
    }

    /// For machines.
    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a report is plain values")
    }

    /// For people.
    pub fn tables(&self) -> String {
        let costs = &self.costs;
        let us = |time: Duration| time.as_secs_f64() * 1e6;
        let mut text = format!(
            "overload (seed {})\nserver held to {} of a core by {}\n\
             server: stage {:.3} cores, a join {:.0} µs, a packet to a listener {:.1} µs\n\
             light client: a join {:.0} µs, a packet {:.1} µs\n\
             what fits with stays of {:.1} s: {:.1} joins a second\n",
            self.seed,
            self.cpu,
            self.means,
            costs.base,
            us(costs.server_join),
            us(costs.server_packet),
            us(costs.client_join),
            us(costs.client_packet),
            self.stay_s,
            self.fits_per_second,
        );
        text += &self.fits.tables("what fits");
        text += &self.storm.tables("the storm");
        let mut stage = right_aligned([
            "stage",
            "longest gap",
            "over 100 ms",
            "missed",
            "transit p99",
            "audience silent",
            "client's fault",
        ]);
        let phases = [
            ("alone", &self.stage_alone),
            ("with what fits", &self.stage_with_what_fits),
            ("in the storm", &self.stage_in_the_storm),
        ];
        for (name, shown) in phases {
            stage.add_row(shown.row(name));
        }
        let mut budgets = right_aligned(["budget", "limit", "measured", ""]);
        for verdict in &self.budgets {
            let word = if verdict.kept { "kept" } else { "MISSED" };
            budgets.add_row([verdict.budget, &verdict.limit, &verdict.measured, word]);
        }
        text += &format!("{stage}\n{budgets}\n{} stale packets dropped; ", self.stale_packets);
        text += &format!("{} kB resident; {} could not leave\n", self.server_resident_kb, self.stayed);
        if let Some(share) = self.throttled_share {
            text += &format!("the server used up its share in {:.0} % of the periods\n", share * 100.0);
        }
        for (name, more) in &self.server_counts {
            text += &format!("{name} +{more}\n");
        }
        for why in &self.stage_in_the_storm.lost {
            text += &format!("FAILED: one of the stage: {why}\n");
        }
        if !self.own_cores {
            text += "server and client ON THE SAME CORE\n";
        }
        if !self.valid {
            text += "INVALID: a client was late itself; the server is better than these gaps\n";
        }
        text
    }
}

impl WaveShown {
    fn new(wave: &OverloadWave) -> Self {
        let seconds = wave.length.as_secs_f64().max(f64::MIN_POSITIVE);
        Self {
            wanted_per_second: wave.rate,
            asked_per_second: wave.asked_per_second(),
            seconds,
            visitors: wave.visitors,
            asked: wave.asked,
            admitted: wave.admitted,
            admitted_per_second: wave.admitted as f64 / seconds,
            reached: wave.reached,
            starved: wave.starved,
            success: wave.success(),
            failed: wave.failed.clone(),
            refused: wave.refused.clone(),
            refused_without_a_time: wave.untold,
            given_up: wave.given_up,
            waiting: wave.waiting,
            most_inside: wave.most_inside,
            join_to_refusal: wave.refusal.percentiles(),
            retry_after: wave.told.percentiles(),
            due_to_welcome: wave.welcome.percentiles(),
            due_to_audio: wave.audio.percentiles(),
            transit: wave.transit.percentiles(),
            server_cpu_share: wave.server_cpu.as_secs_f64() / seconds,
            client_cpu_share: wave.client_cpu.as_secs_f64() / seconds,
            client_late: wave.late.percentiles(),
            client_blind: wave.blind.percentiles(),
        }
    }

    fn tables(&self, name: &str) -> String {
        let mut table = right_aligned(["milliseconds", "count", "p50", "p95", "p99", "max"]);
        let rows = [
            ("due → welcome", &self.due_to_welcome),
            ("due → first audio", &self.due_to_audio),
            ("join → refusal", &self.join_to_refusal),
            ("told to come again after", &self.retry_after),
            ("microphone → ear", &self.transit),
            ("client: late to come", &self.client_late),
            ("client: not looking", &self.client_blind),
        ];
        for (name, percentiles) in rows {
            table.add_row(percentiles.row(name));
        }
        let refused: u64 = self.refused.values().sum();
        let mut text = format!(
            "{name}: {:.1} joins a second of {:.1} wanted for {:.0} s, {} asked, {} let in ({:.1} a second), {} heard something, \
             {} of them not throughout, {refused} refused, {} gave up, {} waited; at most {} inside\n{table}\nserver: {:.3} cores; client: {:.3} cores\n",
            self.asked_per_second,
            self.wanted_per_second,
            self.seconds,
            self.asked,
            self.admitted,
            self.admitted_per_second,
            self.reached,
            self.starved,
            self.given_up,
            self.waiting,
            self.most_inside,
            self.server_cpu_share,
            self.client_cpu_share,
        );
        for (code, count) in &self.refused {
            text += &format!("refused: {count} with {code}\n");
        }
        for (why, count) in &self.failed {
            text += &format!("failed: {count} with {why}\n");
        }
        text
    }
}

impl StageShown {
    fn new(stage: &OverloadStage) -> Self {
        Self {
            seated: stage.seated.len() as u64,
            longest_gap_ms: ms(stage.longest_gap()),
            gap_of_each_ms: stage.voices.values().map(|gap| ms(*gap)).collect(),
            long_gaps: stage.seated.iter().map(|seated| seated.long_gaps).sum(),
            missed: stage.seated.iter().map(|seated| seated.missed).sum(),
            regulars: stage.regulars,
            regulars_longest_silence_ms: ms(stage.regulars_silence),
            transit: stage.transit.percentiles(),
            client_fault_ms: ms(stage.own_fault()),
            lost: stage.lost.clone(),
        }
    }

    fn row(&self, name: &str) -> [String; 7] {
        let shown = |ms: f64| format!("{ms:.1} ms");
        [
            name.to_owned(),
            shown(self.longest_gap_ms),
            self.long_gaps.to_string(),
            self.missed.to_string(),
            shown(self.transit.p99_ms),
            shown(self.regulars_longest_silence_ms),
            shown(self.client_fault_ms),
        ]
    }
}

/// Whether no client was so late that it may have made a gap or a silence itself.
fn is_valid(figures: &OverloadFigures) -> bool {
    let is_looking = |wave: &OverloadWave| wave.blind.at(1.0) <= BLIND_MAX;
    figures.stormed.own_fault() <= OWN_FAULT_MAX && is_looking(&figures.storm) && is_looking(&figures.gentle)
}

/// What came of the storm, and of what fits before it.
fn verdicts(figures: &OverloadFigures) -> Vec<Verdict> {
    let (storm, gentle) = (&figures.storm, &figures.gentle);
    let percent = |part: f64| format!("{:.3} %", part * 100.0);
    let at_least = |budget, measured: f64, least: f64| Verdict {
        budget,
        limit: format!("≥ {:.1} %", least * 100.0),
        measured: percent(measured),
        kept: measured >= least,
    };
    let none = |budget, measured: u64| Verdict {
        budget,
        limit: "0".to_owned(),
        measured: measured.to_string(),
        kept: measured == 0,
    };
    let refusal = storm.refusal.at(0.99);
    let rate_min = RATE_MIN * EXCESS * figures.fits;
    let of_the_wave = [
        at_least("with what fits: let in", gentle.let_in(), LET_IN_MIN),
        at_least("with what fits: of them heard throughout", gentle.success(), SUCCESS_MIN),
        Verdict {
            budget: "joins asked for in a second",
            limit: format!("≥ {rate_min:.1}"),
            measured: format!("{:.1}", storm.asked_per_second()),
            kept: figures.fits > 0.0 && storm.asked_per_second() >= rate_min,
        },
        Verdict {
            budget: "joins refused",
            limit: "> 0".to_owned(),
            measured: storm.refusals().to_string(),
            kept: storm.refusals() > 0,
        },
        Verdict {
            budget: "joins let in",
            limit: format!("≥ {}", figures.joins),
            measured: storm.admitted.to_string(),
            kept: storm.admitted >= figures.joins,
        },
        at_least("of them heard throughout", storm.success(), SUCCESS_MIN),
        Verdict {
            budget: "join to refusal p99",
            limit: shown(REFUSAL_P99_MAX),
            measured: shown(refusal),
            kept: refusal <= REFUSAL_P99_MAX,
        },
        none("refusals without a time to retry", storm.untold),
        none("could not leave", figures.stayed),
    ];
    of_the_wave.into_iter().chain(of_the_stage(&figures.stormed)).collect()
}

/// Those who were there before must not feel the storm.
fn of_the_stage(stage: &OverloadStage) -> [Verdict; 3] {
    let gap = stage.longest_gap();
    let silence = if stage.regulars > 0 { shown(stage.regulars_silence) } else { "nobody was there".to_owned() };
    [
        Verdict {
            budget: "longest silence of a regular",
            limit: shown(SILENCE_MAX),
            measured: silence,
            kept: stage.regulars > 0 && stage.regulars_silence <= SILENCE_MAX,
        },
        Verdict {
            budget: "longest gap of somebody seated",
            limit: shown(GAP_MAX),
            measured: shown(gap),
            kept: gap <= GAP_MAX,
        },
        Verdict {
            budget: "people of the stage lost or not heard",
            limit: "0".to_owned(),
            measured: stage.lost.len().to_string(),
            kept: stage.is_whole(),
        },
    ]
}

fn shown(time: Duration) -> String {
    format!("{:.1} ms", ms(time))
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

/// What came must be as many times what fits…
pub(crate) const EXCESS: f64 = 2.0;
/// …but for so much, which the client may be late: with less it was no such overload.
const RATE_MIN: f64 = 0.95;
/// A gate that guards against a storm may turn a few away now and then where all fit; measured were 12 of 100, and a gate that shuts for no
/// reason turns away far more.
const LET_IN_MIN: f64 = 0.8;
/// Of those let in.
const SUCCESS_MIN: f64 = 0.999;
const REFUSAL_P99_MAX: Duration = Duration::from_millis(100);
const GAP_MAX: Duration = Duration::from_millis(100);
/// A client that was later than this at any time may have made a gap itself.
const OWN_FAULT_MAX: Duration = Duration::from_millis(20);
/// A client of visitors that looked at no socket for longer than this may have made half of the silence itself that starves one.
const BLIND_MAX: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_budget_fails_the_run_just_beyond_its_limit() {
        type Worsen = fn(&mut OverloadFigures);
        let worse: [(&str, Worsen); 18] = [
            ("too few", |figures| figures.storm.admitted = 2_999),
            ("no audio", |figures| figures.storm.reached = 2_996),
            ("unexplained", |figures| figures.storm.failed = BTreeMap::from([("x".to_owned(), 4)])),
            ("slow", |figures| figures.storm.refusal.add(Duration::from_millis(101))),
            ("untold", |figures| figures.storm.untold = 1),
            ("gap", |figures| figures.stormed.seated[1].longest_gap = Duration::from_millis(101)),
            ("lost", |figures| figures.stormed.lost.push("bye: internal".to_owned())),
            ("not heard", |figures| figures.stormed.seated[0].voices = 0),
            ("silence", |figures| figures.stormed.regulars_silence = SILENCE_MAX + Duration::from_millis(1)),
            ("no regulars", |figures| figures.stormed.regulars = 0),
            ("stayed", |figures| figures.stayed = 1),
            ("starved", |figures| figures.storm.starved = 1),
            ("too slow to be a storm", |figures| figures.storm.asked = 5_699),
            ("nothing fits", |figures| figures.fits = 0.0),
            ("nobody refused", |figures| figures.storm.refused.clear()),
            ("a closed door", |figures| figures.gentle.admitted = 319),
            ("starved with what fits", |figures| figures.gentle.starved = 1),
            ("failed with what fits", |figures| figures.gentle.failed = BTreeMap::from([("x".to_owned(), 1)])),
        ];
        assert_eq!(OverloadReport::new(1, &good()).outcome(), Outcome::Kept);
        for (what, worsen) in worse {
            let mut figures = good();
            worsen(&mut figures);
            let report = OverloadReport::new(1, &figures);
            assert_eq!(report.outcome(), Outcome::Missed, "{what}");
            assert!(report.tables().contains("MISSED"), "{what}");
            // Where the client itself was late, nobody knows.
            figures.stormed.blind.add(Duration::from_millis(21));
            assert_eq!(OverloadReport::new(1, &figures).outcome(), Outcome::Unknown, "{what}");
        }
    }

    #[test]
    fn what_fits_is_what_is_left_shared_among_visits() {
        let costs = OverloadCosts {
            base: 0.05,
            server_join: Duration::from_millis(2),
            listener: 0.0005,
            ..OverloadCosts::default()
        };
        let fits = costs.fits(0.25, Duration::from_secs(2)).unwrap_or_default();
        assert!((fits - 50.0).abs() < 1e-9, "0.15 of a core for 3 ms each: {fits}");
        assert_eq!(costs.fits(0.05, Duration::from_secs(2)), None);
    }

    fn good() -> OverloadFigures {
        let seated = SeatedFigures {
            voices: 1,
            longest_gap: Duration::from_millis(100),
            long_gaps: 0,
            missed: 0,
            packets: 500,
            late: Duration::from_millis(2),
        };
        let stage = OverloadStage {
            seated: vec![seated; 2],
            voices_expected: 1,
            regulars: 4,
            regulars_silence: SILENCE_MAX,
            ..OverloadStage::default()
        };
        let gentle = OverloadWave { asked: 400, admitted: 320, reached: 320, ..OverloadWave::default() };
        let mut storm = OverloadWave {
            length: Duration::from_secs(60),
            asked: 5_700,
            admitted: 3_000,
            reached: 2_997,
            refused: BTreeMap::from([("node_full".to_owned(), 1)]),
            ..OverloadWave::default()
        };
        storm.refusal.add(Duration::from_millis(99));
        OverloadFigures {
            cpu: 0.25,
            means: "a test".to_owned(),
            joins: 3_000,
            stay: Duration::from_secs(2),
            is_apart: true,
            costs: OverloadCosts::default(),
            fits: 50.0,
            calm: stage.clone(),
            gentle,
            undisturbed: stage.clone(),
            storm,
            stormed: stage,
            stayed: 0,
            throttled: None,
            metrics: BTreeMap::new(),
            resident_kb: 0,
        }
    }
}
