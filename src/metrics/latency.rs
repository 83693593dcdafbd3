//! What the latency monitor measures and does, as metrics: counted as it happens, or set once a second.

use std::time::Duration;

use prometheus::{
    Counter, Gauge, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry, core::Collector,
};

use crate::latency::class::Class;
use crate::latency::gate::{Act, Pressures, Signal, Step};
use crate::latency::join::{Joined, Kind, Stage};
use crate::latency::quality::Quality;

/// All of its families. Every label comes from a closed set; together they are about 300 series.
#[derive(Debug)]
pub struct LatencyMetrics {
    stages: HistogramVec,
    joins: HistogramVec,
    slow: IntCounterVec,
    failed: IntCounterVec,
    gate_open: Histogram,
    on_mic: HistogramVec,
    heard: Histogram,
    classes: GaugeVec,
    qualities: GaugeVec,
    step: Gauge,
    pace: Gauge,
    pressure: GaugeVec,
    acts: IntCounterVec,
    refused: IntCounterVec,
    residence: GaugeVec,
    stood_still: Counter,
}

impl LatencyMetrics {
    /// Empty ones.
    ///
    /// # Errors
    ///
    /// Never in practice: only if Prometheus refuses the names below.
    pub fn new() -> prometheus::Result<Self> {
        let gauges = |name: &str, help: &str, labels: &[&str]| GaugeVec::new(Opts::new(name, help), labels);
        let counters = |name: &str, help: &str, label| IntCounterVec::new(Opts::new(name, help), &[label]);
        let metrics = Self {
            stages: HistogramVec::new(
                timed("podium_join_stage_seconds", "From the stage before to this stage of a join.", STAGE_EDGES),
                &["stage", "kind"],
            )?,
            joins: HistogramVec::new(
                timed(
                    "podium_join_seconds",
                    "From the start of a join to its end: the first audio packet sent to the newcomer; keys, where nobody was audible; the welcome, where no media was asked for.",
                    JOIN_EDGES,
                ),
                &["kind", "end"],
            )?,
            slow: counters(
                "podium_joins_slow_total",
                "Joins over their budget, by the stage that took longest.",
                "stage",
            )?,
            failed: counters("podium_join_failures_total", "Joins that came to nothing, by code.", "code")?,
            gate_open: Histogram::with_opts(timed(
                "podium_gate_open_seconds",
                "From asking for a microphone to its open gate: the server's part of the time on mic.",
                GATE_EDGES,
            ))?,
            on_mic: HistogramVec::new(
                timed(
                    "podium_on_mic_seconds",
                    "From asking for a microphone to the first voiced packet forwarded to another.",
                    ON_MIC_EDGES,
                ),
                &["opening"],
            )?,
            heard: Histogram::with_opts(timed(
                "podium_mouth_to_ear_seconds",
                "Delay from mouth to ear of everyone who hears someone, once a second.",
                HEARD_EDGES,
            ))?,
            classes: gauges("podium_delay_class", "People who have a delay, by how it feels.", &["class"])?,
            qualities: gauges(
                "podium_connection_quality",
                "People whose connection is known, by its quality.",
                &["quality"],
            )?,
            step: Gauge::new(
                "podium_admission_step",
                "Who may come in: 0 everyone, 1 no listeners, 2 no guests, 3 nobody.",
            )?,
            pace: Gauge::new("podium_admission_joins_per_second", "Joins that the free CPU allows.")?,
            pressure: gauges("podium_pressure_ratio", "What was measured, of what it may be.", &["signal"])?,
            acts: counters("podium_latency_acts_total", "What the latency monitor did.", "act")?,
            refused: counters(
                "podium_admission_refused_total",
                "Newcomers refused for the sake of those who are in, by role; unasked, who were refused whatever they were.",
                "role",
            )?,
            residence: gauges(
                "podium_residence_quantile_seconds",
                "From the kernel's receiving of a packet to sending what it caused, over the last 10 s.",
                &["worker", "quantile"],
            )?,
            stood_still: Counter::new(
                "podium_standstill_seconds_total",
                "Time in which the process did not run though it was there. It counts against nobody.",
            )?,
        };
        metrics.show_all_labels();
        Ok(metrics)
    }

    pub(super) fn register(&self, registry: &Registry) -> prometheus::Result<()> {
        let families: [Box<dyn Collector>; 16] = [
            Box::new(self.stages.clone()),
            Box::new(self.joins.clone()),
            Box::new(self.slow.clone()),
            Box::new(self.failed.clone()),
            Box::new(self.gate_open.clone()),
            Box::new(self.on_mic.clone()),
            Box::new(self.heard.clone()),
            Box::new(self.classes.clone()),
            Box::new(self.qualities.clone()),
            Box::new(self.step.clone()),
            Box::new(self.pace.clone()),
            Box::new(self.pressure.clone()),
            Box::new(self.acts.clone()),
            Box::new(self.refused.clone()),
            Box::new(self.residence.clone()),
            Box::new(self.stood_still.clone()),
        ];
        families.into_iter().try_for_each(|family| registry.register(family))
    }

    /// A join has come to its end. Whether it took too long is for the budget to say.
    pub fn joined(&self, joined: &Joined, is_slow: bool) {
        for (stage, _, own) in joined.stages() {
            self.stages.with_label_values(&[stage.label(), joined.kind.label()]).observe(own.as_secs_f64());
        }
        self.joins.with_label_values(&[joined.kind.label(), joined.end.label()]).observe(joined.total.as_secs_f64());
        if is_slow {
            self.slow.with_label_values(&[joined.slowest().0.label()]).inc();
        }
    }

    /// A newcomer heard the first packet, so long after the start of the join by its own word.
    pub fn played(&self, kind: Kind, after: Duration) {
        self.stages.with_label_values(&[Stage::Played.label(), kind.label()]).observe(after.as_secs_f64());
    }

    /// A join came to nothing.
    pub fn join_failed(&self, code: &'static str) {
        self.failed.with_label_values(&[code]).inc();
    }

    /// A gate has opened.
    pub fn gate_opened(&self, server: Duration) {
        self.gate_open.observe(server.as_secs_f64());
    }

    /// Someone was heard for the first time since.
    pub fn on_mic(&self, opening: &'static str, after: Duration) {
        self.on_mic.with_label_values(&[opening]).observe(after.as_secs_f64());
    }

    /// How people hear others, this second.
    pub fn heard(&self, delays_ms: &[u32]) {
        for &delay_ms in delays_ms {
            self.heard.observe(f64::from(delay_ms) / 1e3);
        }
    }

    /// How many there are of each class and of each quality.
    pub fn people(&self, classes: &[u32; 3], qualities: &[u32; 4]) {
        for class in Class::ALL {
            self.classes.with_label_values(&[class.label()]).set(f64::from(classes[class as usize]));
        }
        for quality in Quality::ALL {
            self.qualities.with_label_values(&[quality.label()]).set(f64::from(qualities[quality as usize]));
        }
    }

    /// How it stands with the gate.
    pub fn admission(&self, step: Step, joins_per_s: f64, pressures: &Pressures) {
        self.step.set(f64::from(step as u8));
        self.pace.set(joins_per_s);
        for signal in Signal::ALL {
            self.pressure.with_label_values(&[signal.label()]).set(pressures.of(signal));
        }
    }

    /// How many of a role were refused since the start.
    pub fn refused(&self, role: &'static str, total: u64) {
        let counter = self.refused.with_label_values(&[role]);
        counter.inc_by(total.saturating_sub(counter.get()));
    }

    /// How long the process stood still since it was started.
    pub fn stood_still(&self, in_all: Duration) {
        self.stood_still.inc_by((in_all.as_secs_f64() - self.stood_still.get()).max(0.0));
    }

    /// Something was done.
    pub fn acted(&self, act: Act) {
        self.acts.with_label_values(&[act.label()]).inc();
    }

    /// How long packets stay with a worker: median and 95th percentile.
    pub fn residence(&self, worker: u16, quantiles: Option<[Duration; 2]>) {
        let worker = worker.to_string();
        for (name, index) in [("0.5", 0), ("0.95", 1)] {
            let value = quantiles.map_or(0.0, |quantiles| quantiles[index].as_secs_f64());
            self.residence.with_label_values(&[worker.as_str(), name]).set(value);
        }
    }

    /// What has not happened yet is 0 and not absent, or nobody could tell its first time from its first look.
    fn show_all_labels(&self) {
        for act in Act::ALL {
            self.acts.with_label_values(&[act.label()]);
        }
        for stage in Stage::ALL {
            self.slow.with_label_values(&[stage.label()]);
        }
        self.people(&[0; 3], &[0; 4]);
        self.admission(Step::Everyone, 0.0, &Pressures::default());
    }
}

fn timed(name: &str, help: &str, edges: &[f64]) -> HistogramOpts {
    HistogramOpts::new(name, help).buckets(edges.to_vec())
}

/// The budgets of 0.2, 0.5 and 0.6 s are edges wherever they mean something. A histogram has three series more than edges.
const JOIN_EDGES: &[f64] = &[0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 1.0, 2.5, 10.0];
const STAGE_EDGES: &[f64] = &[0.01, 0.05, 0.2, 0.6];
const GATE_EDGES: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.05, 0.5];
const ON_MIC_EDGES: &[f64] = &[0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 5.0];
const HEARD_EDGES: &[f64] = &[0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.75, 1.0, 2.0];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latency::join::{Arrival, End};

    #[test]
    fn all_families_together_are_a_few_hundred_series() {
        let metrics = LatencyMetrics::new().expect("good names");
        let registry = Registry::new();
        metrics.register(&registry).expect("names of their own");
        let now = crate::runtime::clock::now();
        for kind in Kind::ALL {
            let arrival = Arrival { kind, requested_at: now, upgraded_at: now, joined_at: now };
            for end in End::ALL {
                metrics.joins.with_label_values(&[kind.label(), end.label()]);
            }
            for stage in Stage::ALL {
                metrics.stages.with_label_values(&[stage.label(), kind.label()]);
            }
            metrics.joined(&Joined::by_welcome(&arrival, true, now), true);
        }
        for opening in ["seated", "unmuted"] {
            metrics.on_mic(opening, Duration::ZERO);
        }
        metrics.residence(0, None);
        let page = prometheus::TextEncoder::new().encode_to_string(&registry.gather()).expect("text");
        let series = page.lines().filter(|line| !line.starts_with('#')).count();
        // Some of these pairs of kind and stage, and of kind and end, never come to be.
        assert!(series < 420, "{series}");
    }
}
