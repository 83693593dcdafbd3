//! What the workers count, as metrics: one series a worker, never one a room or a person.

use std::sync::Arc;

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;

use super::family::{Sample, buckets_family, counter, gauge};
use crate::engine::counters::DropReason;
use crate::latency::histogram::{Histogram, TRANSIT_EDGES};
use crate::runtime::pool::Pool;
use crate::runtime::stats::Published;

/// Reads the workers' published counts.
pub(super) struct MediaCollector {
    pub(super) pool: Arc<Pool>,
    pub(super) desc: Desc,
}

impl Collector for MediaCollector {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.desc]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let workers: Vec<(String, Published)> =
            self.pool.workers().iter().map(|worker| (worker.index.to_string(), worker.stats.read())).collect();
        let mut families: Vec<MetricFamily> = BY_WORKER.iter().map(|series| series.family(&workers)).collect();
        families.push(drops(&workers));
        families.push(unheard(&workers));
        families.push(self.silence());
        families.extend(self.addresses());
        families.extend(DURATIONS.iter().map(|durations| durations.family(&workers)));
        families
    }
}

impl MediaCollector {
    fn addresses(&self) -> [MetricFamily; 2] {
        let count = |count: usize| [(Vec::new(), count as f64)];
        [
            gauge("podium_media_addresses", "Addresses that media is taken on.", &count(self.pool.addresses().len())),
            gauge(
                "podium_media_addresses_lost",
                "Those of them that this machine has no longer.",
                &count(self.pool.lost()),
            ),
        ]
    }

    fn silence(&self) -> MetricFamily {
        let workers = self.pool.workers().iter();
        let silent: Vec<(String, f64)> =
            workers.map(|worker| (worker.index.to_string(), worker.stats.silent_for().as_secs_f64())).collect();
        let samples: Vec<Sample<'_>> =
            silent.iter().map(|(index, silent)| (vec![("worker", index.as_str())], *silent)).collect();
        gauge("podium_worker_silent_seconds", "Since the media loop last turned.", &samples)
    }
}

fn drops(workers: &[(String, Published)]) -> MetricFamily {
    let count = |reason| workers.iter().map(|(_, stats)| stats.engine.drops(reason)).sum::<u64>() as f64;
    let samples: Vec<Sample<'_>> =
        DropReason::ALL.iter().map(|&reason| (vec![("reason", reason.label())], count(reason))).collect();
    counter("podium_drops_total", "Packets that went no further, by reason.", &samples)
}

fn unheard(workers: &[(String, Published)]) -> MetricFamily {
    let count = |reason| workers.iter().map(|(_, stats)| stats.engine.unheard(reason)).sum::<u64>() as f64;
    let reasons = DropReason::ALL.iter().filter(|reason| reason.silences());
    let samples: Vec<Sample<'_>> = reasons.map(|&reason| (vec![("reason", reason.label())], count(reason))).collect();
    let help = "People on an open seat all of whose audio was dropped for 2 s, by the reason of the last drop.";
    counter("podium_unheard_total", help, &samples)
}

/// One family of buckets over all workers.
struct Durations {
    name: &'static str,
    help: &'static str,
    of: fn(&Published) -> &Histogram,
}

impl Durations {
    fn family(&self, workers: &[(String, Published)]) -> MetricFamily {
        let mut all = Histogram::new(TRANSIT_EDGES);
        for (_, stats) in workers {
            all.add((self.of)(stats));
        }
        let buckets = all.cumulative().map(|(edge, count)| (edge.as_secs_f64(), count));
        buckets_family(self.name, self.help, buckets, all.count(), all.sum().as_secs_f64())
    }
}

const DURATIONS: &[Durations] = &[
    Durations {
        name: "podium_transit_seconds",
        help: "From taking datagrams to having sent what they caused; one sample a wake-up.",
        of: |stats| &stats.transit,
    },
    Durations {
        name: "podium_residence_seconds",
        help: "From the kernel's receiving of an audio packet to having sent the last of its copies; sampled.",
        of: |stats| &stats.residence,
    },
    Durations {
        name: "podium_handshake_residence_seconds",
        help: "The same for every datagram of a handshake.",
        of: |stats| &stats.handshakes,
    },
];

/// One family with a series a worker.
struct Series {
    kind: Kind,
    name: &'static str,
    help: &'static str,
    value: fn(&Published) -> f64,
}

enum Kind {
    Counter,
    Gauge,
}

impl Series {
    fn family(&self, workers: &[(String, Published)]) -> MetricFamily {
        let samples: Vec<Sample<'_>> =
            workers.iter().map(|(index, stats)| (vec![("worker", index.as_str())], (self.value)(stats))).collect();
        match self.kind {
            Kind::Counter => counter(self.name, self.help, &samples),
            Kind::Gauge => gauge(self.name, self.help, &samples),
        }
    }
}

const fn counts(name: &'static str, help: &'static str, value: fn(&Published) -> f64) -> Series {
    Series { kind: Kind::Counter, name, help, value }
}

const fn shows(name: &'static str, help: &'static str, value: fn(&Published) -> f64) -> Series {
    Series { kind: Kind::Gauge, name, help, value }
}

const BY_WORKER: &[Series] = &[
    counts("podium_datagrams_in_total", "Datagrams received.", |stats| stats.engine.datagrams_in as f64),
    counts("podium_datagrams_out_total", "Datagrams made for sending.", |stats| stats.engine.datagrams_out as f64),
    counts("podium_bytes_in_total", "Bytes of datagrams received.", |stats| stats.engine.bytes_in as f64),
    counts("podium_bytes_out_total", "Bytes of datagrams made for sending.", |stats| stats.engine.bytes_out as f64),
    counts("podium_unsent_total", "Datagrams that the kernel did not take.", |stats| stats.unsent as f64),
    counts("podium_rtp_in_total", "Audio packets taken from speakers.", |stats| stats.engine.rtp_in as f64),
    counts(
        "podium_copies_without_slot_total",
        "Copies not made because other speakers have the listener's slots.",
        |stats| stats.engine.copies_without_slot as f64,
    ),
    counts(
        "podium_copies_before_switch_total",
        "Copies not made because the packet came from before a switch of speakers.",
        |stats| stats.engine.copies_before_switch as f64,
    ),
    counts(
        "podium_stale_for_audience_total",
        "Audio packets that waited too long for the audience, or behind too many, and went to those on stage only.",
        |stats| stats.engine.stale_for_audience as f64,
    ),
    counts(
        "podium_forgotten_for_audience_total",
        "Audio packets that went to those on stage only because the seats changed before the audience's turn.",
        |stats| stats.engine.forgotten_for_audience as f64,
    ),
    counts(
        "podium_handshake_datagrams_lost_total",
        "Datagrams of handshakes dropped because too many waited.",
        |stats| stats.handshakes_lost as f64,
    ),
    counts(
        "podium_stamps_refused_total",
        "Times of receipt by the kernel that were not believed, because clocks differ.",
        |stats| stats.stamps_refused as f64,
    ),
    counts("podium_rtp_out_total", "Audio packets made for listeners.", |stats| stats.engine.rtp_out as f64),
    counts("podium_uplink_lost_total", "Packets that speakers sent and that never came.", |stats| {
        stats.engine.uplink_lost as f64
    }),
    counts("podium_downlink_reports_total", "Reports of listeners on what they received.", |stats| {
        stats.engine.downlink_reports as f64
    }),
    counts("podium_downlink_lost_ratio_sum", "Sum over those reports of the share of packets lost.", |stats| {
        stats.engine.downlink_lost_permille as f64 / 1_000.0
    }),
    counts("podium_round_trips_total", "Round trips measured from reports.", |stats| stats.engine.round_trips as f64),
    counts("podium_round_trip_seconds_sum", "Their sum.", |stats| stats.engine.round_trip_micros as f64 / 1e6),
    counts("podium_slots_repointed_total", "Slots pointed at another speaker.", |stats| stats.engine.repointed as f64),
    shows("podium_transports", "Transports that exist.", |stats| stats.engine.transports as f64),
    shows("podium_transports_connected", "Transports that have keys.", |stats| stats.engine.connected as f64),
    counts("podium_worker_turns_total", "Turns of the media loop.", |stats| stats.turns as f64),
    counts("podium_worker_busy_seconds_total", "Time that the media loop did not wait.", |stats| {
        stats.busy.as_secs_f64()
    }),
    shows("podium_worker_longest_turn_seconds", "The longest turn since the start.", |stats| {
        stats.longest_turn.as_secs_f64()
    }),
    counts("podium_worker_events_lost_total", "Events given up because signaling did not take them.", |stats| {
        stats.events_lost as f64
    }),
];
