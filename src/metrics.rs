//! Metrics in Prometheus' terms. Workers and signaling count plain integers; here they become families at the moment of a scrape.
//!
//! Labels come from closed sets: never a room, a person or an address.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use podium_signaling::Signaling;
use podium_signaling::metrics::{BUCKETS_MS, CodeCounts, Histogram as ClientHistogram};
use prometheus::core::{Collector, Desc};
use prometheus::process_collector::ProcessCollector;
use prometheus::proto::{
    Bucket, Counter, Gauge, Histogram as ProtoHistogram, LabelPair, Metric, MetricFamily, MetricType,
};
use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry, TextEncoder};

use crate::engine::counters::DropReason;
use crate::engine::event::{CloseReason, JoinEnd, Stage};
use crate::latency::histogram::{Histogram, JOIN_EDGES, TRANSIT_EDGES};
use crate::runtime::pool::Pool;
use crate::runtime::stats::Published;

/// Joins as the media plane sees them, counted as they happen.
#[derive(Debug)]
pub struct JoinMetrics {
    stages: HistogramVec,
    complete: HistogramVec,
    failed: IntCounterVec,
}

impl JoinMetrics {
    /// Empty ones.
    ///
    /// # Errors
    ///
    /// Never in practice: only if Prometheus refuses the names above.
    pub fn new() -> prometheus::Result<Self> {
        let edges: Vec<f64> = JOIN_EDGES.iter().map(Duration::as_secs_f64).collect();
        let histogram = |name: &str, help: &str, label| {
            HistogramVec::new(HistogramOpts::new(name, help).buckets(edges.clone()), &[label])
        };
        Ok(Self {
            stages: histogram("podium_join_stage_seconds", "From taking an offer to each stage of the join.", "stage")?,
            complete: histogram(
                "podium_join_seconds",
                "From taking an offer to the end of the join: the first audio packet sent to the newcomer, or keys where nobody was audible.",
                "end",
            )?,
            failed: IntCounterVec::new(
                Opts::new("podium_join_failures_total", "Joins whose media path never came to be."),
                &["reason"],
            )?,
        })
    }

    /// A stage was reached.
    pub fn stage(&self, stage: Stage, after: Duration) {
        let label = match stage {
            Stage::FirstCheck => "ice",
            Stage::Keys => "dtls",
            Stage::FirstAudio => "first_audio",
        };
        self.stages.with_label_values(&[label]).observe(after.as_secs_f64());
    }

    /// A join is complete.
    pub fn ended(&self, by: JoinEnd, after: Duration) {
        let label = match by {
            JoinEnd::FirstAudio => "audio",
            JoinEnd::Keys => "keys",
        };
        self.complete.with_label_values(&[label]).observe(after.as_secs_f64());
    }

    /// A join came to nothing.
    pub fn failed(&self, reason: CloseReason) {
        let label = match reason {
            CloseReason::HandshakeTimeout => "timeout",
            CloseReason::HandshakeFailed => "handshake",
            CloseReason::Silent => "silent",
            CloseReason::Goodbye => "goodbye",
        };
        self.failed.with_label_values(&[label]).inc();
    }
}

/// Everything that a scrape shows.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
}

impl Metrics {
    /// Gathers from these sources at every scrape.
    ///
    /// # Errors
    ///
    /// If two families have one name.
    pub fn new(pool: Arc<Pool>, signaling: Signaling, joins: &JoinMetrics) -> prometheus::Result<Self> {
        let registry = Registry::new();
        registry.register(Box::new(ProcessCollector::for_self()))?;
        registry.register(Box::new(joins.stages.clone()))?;
        registry.register(Box::new(joins.complete.clone()))?;
        registry.register(Box::new(joins.failed.clone()))?;
        registry.register(Box::new(MediaCollector { pool, desc: described("podium_media", "The media plane.")? }))?;
        registry.register(Box::new(SignalingCollector {
            signaling,
            desc: described("podium_signaling", "The signaling side.")?,
        }))?;
        Ok(Self { registry })
    }

    /// Prometheus' text format.
    ///
    /// # Errors
    ///
    /// If a family cannot be written.
    pub fn render(&self) -> prometheus::Result<String> {
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }
}

struct MediaCollector {
    pool: Arc<Pool>,
    desc: Desc,
}

impl Collector for MediaCollector {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.desc]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let workers: Vec<(String, Published, Duration)> = self
            .pool
            .workers()
            .iter()
            .map(|worker| (worker.index.to_string(), worker.stats.read(), worker.stats.silent_for()))
            .collect();
        let by_worker = |value: fn(&Published) -> f64| {
            workers.iter().map(|(index, stats, _)| (vec![("worker", index.as_str())], value(stats))).collect::<Vec<_>>()
        };
        let mut transit = Histogram::new(TRANSIT_EDGES);
        for (_, stats, _) in &workers {
            transit.add(&stats.transit);
        }
        let drops: Vec<(Vec<(&str, &str)>, f64)> = DropReason::ALL
            .iter()
            .map(|&reason| {
                (
                    vec![("reason", reason.label())],
                    workers.iter().map(|(_, stats, _)| stats.engine.drops(reason)).sum::<u64>() as f64,
                )
            })
            .collect();
        let silent: Vec<(Vec<(&str, &str)>, f64)> =
            workers.iter().map(|(index, _, silent)| (vec![("worker", index.as_str())], silent.as_secs_f64())).collect();
        vec![
            counter(
                "podium_datagrams_in_total",
                "Datagrams received.",
                &by_worker(|stats| stats.engine.datagrams_in as f64),
            ),
            counter(
                "podium_datagrams_out_total",
                "Datagrams made for sending.",
                &by_worker(|stats| stats.engine.datagrams_out as f64),
            ),
            counter(
                "podium_bytes_in_total",
                "Bytes of datagrams received.",
                &by_worker(|stats| stats.engine.bytes_in as f64),
            ),
            counter(
                "podium_bytes_out_total",
                "Bytes of datagrams made for sending.",
                &by_worker(|stats| stats.engine.bytes_out as f64),
            ),
            counter(
                "podium_unsent_total",
                "Datagrams that the kernel did not take.",
                &by_worker(|stats| stats.unsent as f64),
            ),
            counter(
                "podium_rtp_in_total",
                "Audio packets taken from speakers.",
                &by_worker(|stats| stats.engine.rtp_in as f64),
            ),
            counter(
                "podium_rtp_out_total",
                "Audio packets made for listeners.",
                &by_worker(|stats| stats.engine.rtp_out as f64),
            ),
            counter("podium_drops_total", "Packets that went no further, by reason.", &drops),
            counter(
                "podium_uplink_lost_total",
                "Packets that speakers sent and that never came.",
                &by_worker(|stats| stats.engine.uplink_lost as f64),
            ),
            counter(
                "podium_downlink_reports_total",
                "Reports of listeners on what they received.",
                &by_worker(|stats| stats.engine.downlink_reports as f64),
            ),
            counter(
                "podium_downlink_lost_ratio_sum",
                "Sum over those reports of the share of packets lost.",
                &by_worker(|stats| stats.engine.downlink_lost_permille as f64 / 1_000.0),
            ),
            counter(
                "podium_round_trips_total",
                "Round trips measured from reports.",
                &by_worker(|stats| stats.engine.round_trips as f64),
            ),
            counter(
                "podium_round_trip_seconds_sum",
                "Their sum.",
                &by_worker(|stats| stats.engine.round_trip_micros as f64 / 1e6),
            ),
            counter(
                "podium_slots_repointed_total",
                "Slots pointed at another speaker.",
                &by_worker(|stats| stats.engine.repointed as f64),
            ),
            gauge("podium_transports", "Transports that exist.", &by_worker(|stats| stats.engine.transports as f64)),
            gauge(
                "podium_transports_connected",
                "Transports that have keys.",
                &by_worker(|stats| stats.engine.connected as f64),
            ),
            counter("podium_worker_turns_total", "Turns of the media loop.", &by_worker(|stats| stats.turns as f64)),
            counter(
                "podium_worker_busy_seconds_total",
                "Time that the media loop did not wait.",
                &by_worker(|stats| stats.busy.as_secs_f64()),
            ),
            gauge(
                "podium_worker_longest_turn_seconds",
                "The longest turn since the start.",
                &by_worker(|stats| stats.longest_turn.as_secs_f64()),
            ),
            gauge("podium_worker_silent_seconds", "Since the media loop last turned.", &silent),
            counter(
                "podium_worker_events_lost_total",
                "Events given up because signaling did not take them.",
                &by_worker(|stats| stats.events_lost as f64),
            ),
            histogram(
                "podium_transit_seconds",
                "From taking datagrams to having sent what they caused; one sample a wake-up.",
                &transit,
            ),
        ]
    }
}

struct SignalingCollector {
    signaling: Signaling,
    desc: Desc,
}

impl Collector for SignalingCollector {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.desc]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let counters = self.signaling.counters();
        let population = self.signaling.population();
        let alone = |value: f64| vec![(Vec::new(), value)];
        let mut joins = vec![
            (vec![("result", "ok")], counters.joins_ok.value() as f64),
            (vec![("result", "aborted")], counters.joins_aborted.value() as f64),
        ];
        joins.extend(by_code(&counters.joins_refused, "result"));
        let roles = [
            ("host", population.roles.hosts),
            ("guest", population.roles.guests),
            ("listener", population.roles.listeners),
        ]
        .map(|(role, count)| (vec![("role", role)], count as f64));
        vec![
            counter("podium_joins_total", "Joins by result: ok, aborted, or the code they were refused with.", &joins),
            counter(
                "podium_refusals_total",
                "Requests that were refused, by code.",
                &by_code(&counters.refusals, "code"),
            ),
            gauge("podium_rooms", "Rooms.", &alone(population.rooms as f64)),
            gauge("podium_participants", "Participants by role.", &roles),
            gauge("podium_sessions", "Open sockets.", &alone(counters.sessions.value() as f64)),
            counter(
                "podium_sessions_refused_total",
                "Sockets turned away: too many from one address.",
                &alone(counters.sessions_refused.value() as f64),
            ),
            counter(
                "podium_slow_consumers_total",
                "Sessions cut off because they did not read.",
                &alone(counters.slow_consumers.value() as f64),
            ),
            counter(
                "podium_floods_total",
                "Sessions cut off because they did not stop flooding.",
                &alone(counters.floods.value() as f64),
            ),
            counter("podium_bad_frames_total", "Frames that were no requests.", &alone(counters.faults.value() as f64)),
            counter("podium_frames_in_total", "Frames read.", &alone(counters.frames_in.value() as f64)),
            counter("podium_frames_out_total", "Frames written.", &alone(counters.frames_out.value() as f64)),
            counter(
                "podium_facts_deferred_total",
                "Reports of the media plane that a room had no room for yet.",
                &alone(counters.facts_deferred.value() as f64),
            ),
            client_histogram(
                "podium_join_answer_seconds",
                "From a join's arrival to its welcome.",
                &counters.join_answer,
            ),
            client_histogram(
                "podium_client_join_seconds",
                "From the start of a join to the first audio played, by the client's word.",
                &counters.join_client,
            ),
            client_histogram(
                "podium_client_rtt_seconds",
                "Round trip of the media path, by the client's word.",
                &counters.client_rtt,
            ),
            client_histogram(
                "podium_client_jitter_buffer_seconds",
                "Delay of the jitter buffer, by the client's word.",
                &counters.client_jitter_buffer,
            ),
        ]
    }
}

type Sample<'a> = (Vec<(&'a str, &'a str)>, f64);

fn by_code<'a>(counts: &'a CodeCounts, label: &'a str) -> Vec<Sample<'a>> {
    counts.iter().map(|(code, count)| (vec![(label, code)], count as f64)).collect()
}

fn described(name: &str, help: &str) -> prometheus::Result<Desc> {
    Desc::new(format!("{name}_collector"), help.into(), Vec::new(), HashMap::new())
}

fn counter(name: &str, help: &str, samples: &[Sample<'_>]) -> MetricFamily {
    family(
        name,
        help,
        MetricType::COUNTER,
        samples.iter().map(|(labels, value)| {
            let mut metric = labelled(labels);
            let mut counter = Counter::default();
            counter.set_value(*value);
            metric.set_counter(counter);
            metric
        }),
    )
}

fn gauge(name: &str, help: &str, samples: &[Sample<'_>]) -> MetricFamily {
    family(
        name,
        help,
        MetricType::GAUGE,
        samples.iter().map(|(labels, value)| {
            let mut metric = labelled(labels);
            let mut gauge = Gauge::default();
            gauge.set_value(*value);
            metric.set_gauge(gauge);
            metric
        }),
    )
}

fn histogram(name: &str, help: &str, histogram: &Histogram) -> MetricFamily {
    let buckets = histogram.cumulative().map(|(edge, count)| (edge.as_secs_f64(), count));
    buckets_family(name, help, buckets, histogram.count(), histogram.sum().as_secs_f64())
}

fn client_histogram(name: &str, help: &str, histogram: &ClientHistogram) -> MetricFamily {
    let counts = histogram.cumulative();
    let buckets =
        BUCKETS_MS.iter().zip(counts).map(|(&edge, count)| (Duration::from_millis(edge).as_secs_f64(), count));
    buckets_family(name, help, buckets, counts[BUCKETS_MS.len()], histogram.sum_seconds())
}

fn buckets_family(
    name: &str,
    help: &str,
    buckets: impl Iterator<Item = (f64, u64)>,
    count: u64,
    sum: f64,
) -> MetricFamily {
    let buckets: Vec<Bucket> = buckets
        .map(|(edge, count)| {
            let mut bucket = Bucket::default();
            bucket.set_upper_bound(edge);
            bucket.set_cumulative_count(count);
            bucket
        })
        .collect();
    let mut proto = ProtoHistogram::default();
    proto.set_bucket(buckets);
    proto.set_sample_count(count);
    proto.set_sample_sum(sum);
    let mut metric = Metric::default();
    metric.set_histogram(proto);
    family(name, help, MetricType::HISTOGRAM, std::iter::once(metric))
}

fn labelled(labels: &[(&str, &str)]) -> Metric {
    let pairs = labels
        .iter()
        .map(|(name, value)| {
            let mut pair = LabelPair::default();
            pair.set_name((*name).into());
            pair.set_value((*value).into());
            pair
        })
        .collect();
    let mut metric = Metric::default();
    metric.set_label(pairs);
    metric
}

fn family(name: &str, help: &str, kind: MetricType, metrics: impl Iterator<Item = Metric>) -> MetricFamily {
    let mut family = MetricFamily::default();
    family.set_name(name.into());
    family.set_help(help.into());
    family.set_field_type(kind);
    family.set_metric(metrics.collect());
    family
}
