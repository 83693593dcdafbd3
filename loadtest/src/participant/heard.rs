//! What one participant heard: statistics for each track and each source, and the last few seconds of packets.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::stages::StageWatch;
use crate::clock;
use crate::probe;
use crate::tone::{FRAME, SAMPLE_RATE};

/// Everything heard so far.
#[derive(Clone, Debug, Default)]
pub struct Heard {
    /// By track, in the order in which they were first heard.
    pub tracks: Vec<TrackHeard>,
    /// By the number in the probes.
    pub sources: BTreeMap<u32, SourceHeard>,
}

impl Heard {
    /// Packets on all tracks.
    pub fn packets(&self) -> u64 {
        self.tracks.iter().map(|track| track.packets).sum()
    }

    /// Gaps in the sequence numbers of all tracks: what the network lost on the way here.
    pub fn lost(&self) -> u64 {
        self.tracks.iter().map(|track| track.lost).sum()
    }

    /// How long a jitter buffer would hold what was heard in the last seconds so that hardly any of it comes too late: one packet, and as much as
    /// nearly all packets differ from the fastest. The longest of all tracks, as a browser mixes them; `None` if nothing was heard.
    pub fn jitter_buffer(&self) -> Option<Duration> {
        self.tracks.iter().filter_map(TrackHeard::spread).max().map(|spread| FRAME + spread)
    }

    /// Gaps in the counters of all sources: what was lost between microphone and ear, wherever.
    pub fn missed(&self) -> u64 {
        self.sources.values().map(SourceHeard::missed).sum()
    }
}

/// One downstream track: a slot.
#[derive(Clone, Debug)]
pub struct TrackHeard {
    /// The section of the SDP that carries it; empty if the answer did not declare its SSRC.
    pub mid: String,
    /// Its SSRC.
    pub ssrc: u32,
    /// Packets that arrived.
    pub packets: u64,
    /// Sequence numbers that never arrived so far.
    pub lost: u64,
    /// Packets that came after a later one, or twice.
    pub late: u64,
    /// The contributing source of the last packet: which occupancy of a seat is heard.
    pub last_csrc: Option<u32>,
    /// When the first packet came.
    pub first_at: Instant,
    /// When the last packet came.
    pub last_at: Instant,
    /// The longest time between two packets.
    pub gap_max: Duration,
    /// Microseconds from the microphone to here, for packets with a probe. Bounded: further samples are left out.
    pub transit_us: Vec<u32>,
    /// The last packets.
    pub recent: VecDeque<HeardPacket>,
    /// The highest sequence number seen, counted on past the wrap.
    highest: u64,
}

/// A packet that was heard.
#[derive(Clone, Debug)]
pub struct HeardPacket {
    /// When it came.
    pub at: Instant,
    /// Its contributing source.
    pub csrc: Option<u32>,
    /// Its RTP timestamp.
    pub timestamp: u32,
    /// Its marker bit.
    pub marker: bool,
    /// The Opus packet.
    pub payload: Bytes,
}

/// One source, on whichever track.
#[derive(Clone, Copy, Debug)]
pub struct SourceHeard {
    /// Packets that arrived.
    pub packets: u64,
    /// The counter of the first one.
    pub first_counter: u64,
    /// The highest counter.
    pub last_counter: u64,
    /// When the first packet came.
    pub first_at: Instant,
    /// When the last packet came.
    pub last_at: Instant,
    /// The contributing source it last came under.
    pub csrc: Option<u32>,
    /// The ways of all its packets from microphone to ear, added up.
    pub transit_sum: Duration,
}

impl SourceHeard {
    /// How long its packets took from microphone to ear, in the mean.
    pub fn transit_mean(&self) -> Duration {
        self.transit_sum.div_f64(self.packets.max(1) as f64)
    }

    /// Packets between the first and the last one that never came.
    pub fn missed(&self) -> u64 {
        (self.last_counter - self.first_counter + 1).saturating_sub(self.packets)
    }
}

/// One packet, as far as statistics care.
pub(super) struct Arrival {
    pub(super) ssrc: u32,
    pub(super) sequence: u16,
    pub(super) timestamp: u32,
    pub(super) marker: bool,
    pub(super) csrc: Option<u32>,
    pub(super) payload: Bytes,
    pub(super) at: Instant,
}

/// Collects what is heard.
pub(super) struct Ears {
    stages: Arc<StageWatch>,
    collected: Mutex<Collected>,
}

#[derive(Default)]
struct Collected {
    mids: BTreeMap<u32, String>,
    heard: Heard,
}

impl Ears {
    pub(super) fn new(stages: Arc<StageWatch>) -> Self {
        Self { stages, collected: Mutex::default() }
    }

    /// Tells which section each SSRC of an answer belongs to.
    pub(super) fn declared(&self, mids: BTreeMap<u32, String>) {
        self.collected().mids = mids;
    }

    pub(super) fn heard(&self) -> Heard {
        self.collected().heard.clone()
    }

    pub(super) fn first_heard(&self, source: u32, since: Instant) -> Option<Instant> {
        self.collected().heard.sources.get(&source).map(|source| source.first_at).filter(|&at| at >= since)
    }

    pub(super) fn forget_source(&self, source: u32) {
        self.collected().heard.sources.remove(&source);
    }

    pub(super) fn packet(&self, arrival: Arrival) {
        if arrival.payload.is_empty() {
            return;
        }
        self.stages.audio(arrival.at);
        let mut collected = self.collected();
        let Collected { mids, heard } = &mut *collected;
        let probe = probe::read(&arrival.payload);
        let transit = probe.map(|probe| clock::nanos(arrival.at).saturating_sub(probe.sent_nanos));
        let transit = transit.map(Duration::from_nanos);
        if let Some((probe, transit)) = probe.zip(transit) {
            let source = heard.sources.entry(probe.source);
            source.and_modify(|source| source.add(&arrival, probe.counter, transit)).or_insert(SourceHeard {
                packets: 1,
                first_counter: probe.counter,
                last_counter: probe.counter,
                first_at: arrival.at,
                last_at: arrival.at,
                csrc: arrival.csrc,
                transit_sum: transit,
            });
        }
        match heard.tracks.iter_mut().find(|track| track.ssrc == arrival.ssrc) {
            Some(track) => track.add(arrival, transit),
            None => {
                let mid = mids.get(&arrival.ssrc).cloned().unwrap_or_default();
                heard.tracks.push(TrackHeard::new(mid, arrival, transit));
            }
        }
    }

    fn collected(&self) -> MutexGuard<'_, Collected> {
        self.collected.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SourceHeard {
    fn add(&mut self, arrival: &Arrival, counter: u64, transit: Duration) {
        self.packets += 1;
        self.transit_sum += transit;
        self.last_counter = self.last_counter.max(counter);
        self.first_counter = self.first_counter.min(counter);
        self.last_at = arrival.at;
        self.csrc = arrival.csrc;
    }
}

impl TrackHeard {
    /// How much later than the fastest of the packets kept nearly all of them came, by their own timestamps.
    fn spread(&self) -> Option<Duration> {
        let first = self.recent.front()?;
        let mut lates: Vec<f64> = (self.recent.iter())
            .map(|packet| {
                let samples = packet.timestamp.wrapping_sub(first.timestamp) as i32;
                let since = packet.at.saturating_duration_since(first.at).as_secs_f64();
                since - f64::from(samples) / f64::from(SAMPLE_RATE)
            })
            .collect();
        lates.sort_unstable_by(f64::total_cmp);
        let nearly_all = (lates.len() - 1) * 95 / 100;
        Some(Duration::from_secs_f64((lates[nearly_all] - lates[0]).max(0.0)))
    }

    fn new(mid: String, first: Arrival, transit: Option<Duration>) -> Self {
        let mut track = Self {
            mid,
            ssrc: first.ssrc,
            packets: 0,
            lost: 0,
            late: 0,
            last_csrc: None,
            first_at: first.at,
            last_at: first.at,
            gap_max: Duration::ZERO,
            transit_us: Vec::new(),
            recent: VecDeque::new(),
            // One below the first, so that the first is neither lost nor late.
            highest: u64::from(first.sequence) + SEQUENCES - 1,
        };
        track.add(first, transit);
        track
    }

    fn add(&mut self, arrival: Arrival, transit: Option<Duration>) {
        self.packets += 1;
        // The signed distance on the circle of sequence numbers.
        let ahead = i64::from(arrival.sequence.wrapping_sub(self.highest as u16) as i16);
        match u64::try_from(ahead) {
            Ok(ahead @ 1..) => {
                self.highest += ahead;
                self.lost += ahead - 1;
            }
            Ok(0) => self.late += 1,
            Err(_) => {
                self.late += 1;
                self.lost = self.lost.saturating_sub(1);
            }
        }
        self.gap_max = self.gap_max.max(arrival.at.saturating_duration_since(self.last_at));
        self.last_at = arrival.at;
        self.last_csrc = arrival.csrc;
        if let Some(sample) = transit.filter(|_| self.transit_us.len() < TRANSIT_SAMPLES_MAX) {
            self.transit_us.push(u32::try_from(sample.as_micros()).unwrap_or(u32::MAX));
        }
        if self.recent.len() == RECENT_MAX {
            self.recent.pop_front();
        }
        let Arrival { at, csrc, timestamp, marker, payload, .. } = arrival;
        self.recent.push_back(HeardPacket { at, csrc, timestamp, marker, payload });
    }
}

const SEQUENCES: u64 = 1 << 16;
/// Ten minutes of one voice.
const TRANSIT_SAMPLES_MAX: usize = 30_000;
/// Three seconds of one voice.
const RECENT_MAX: usize = 150;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]

    use super::*;
    use crate::probe::Probe;

    #[test]
    fn gaps_are_lost_and_late_packets_are_found_again() {
        let track = track_of(&[65_533, 65_534, 1, 0, 2, 2, 5]);
        // 65,535 never came; 0 came late; 2 came twice; 3 and 4 never came.
        assert_eq!((track.packets, track.lost, track.late), (7, 3, 2));
    }

    #[test]
    fn an_unbroken_sequence_loses_nothing_over_the_wrap() {
        let sequences: Vec<u16> = (65_000..=u16::MAX).chain(0..1000).collect();
        let track = track_of(&sequences);
        assert_eq!((track.packets, track.lost, track.late), (1536, 0, 0));
        assert_eq!(track.recent.len(), RECENT_MAX);
    }

    #[test]
    fn a_source_is_followed_by_its_probes() {
        let ears = ears();
        ears.declared(BTreeMap::from([(7, "1".to_owned())]));
        let start = clock::now();
        for (sequence, counter) in [(0, 10), (1, 11), (2, 14)] {
            let probe = Probe { source: 3, counter, sent_nanos: clock::nanos(start) };
            let payload = Bytes::from(probe::write(&[0x78, 1], probe).unwrap());
            ears.packet(arrival(sequence, payload, start + Duration::from_millis(5)));
        }
        let heard = ears.heard();
        assert_eq!((heard.sources[&3].packets, heard.missed(), heard.lost()), (3, 2, 0));
        assert_eq!(heard.tracks[0].mid, "1");
        assert_eq!(heard.tracks[0].transit_us, [5000; 3]);
        assert_eq!(heard.sources[&3].transit_mean(), Duration::from_millis(5));
        assert_eq!(ears.first_heard(3, start), Some(start + Duration::from_millis(5)));
        ears.forget_source(3);
        assert_eq!(ears.first_heard(3, start), None);
    }

    #[test]
    fn a_jitter_buffer_is_as_long_as_nearly_all_packets_need() {
        let ears = ears();
        assert_eq!(ears.heard().jitter_buffer(), None);
        let start = clock::now();
        for number in 0..100_u16 {
            // Every tenth is 30 ms late, and one comes a second late: for that one nobody waits.
            let late = if number == 50 { 1_000 } else { u64::from(number % 10 == 0) * 30 };
            let at = start + FRAME * u32::from(number) + Duration::from_millis(100 + late);
            let payload = Bytes::from_static(&[0x78, 1]);
            ears.packet(Arrival { timestamp: 960 * u32::from(number), ..arrival(number, payload, at) });
        }
        let buffer = ears.heard().jitter_buffer().unwrap();
        assert!(buffer.abs_diff(Duration::from_millis(50)) < Duration::from_millis(1), "{buffer:?}");
    }

    fn track_of(sequences: &[u16]) -> TrackHeard {
        let ears = ears();
        for &sequence in sequences {
            ears.packet(arrival(sequence, Bytes::from_static(&[0x78, 1]), clock::now()));
        }
        ears.heard().tracks.remove(0)
    }

    fn ears() -> Ears {
        Ears::new(Arc::new(StageWatch::start(clock::now())))
    }

    fn arrival(sequence: u16, payload: Bytes, at: Instant) -> Arrival {
        Arrival { ssrc: 7, sequence, timestamp: 0, marker: false, csrc: Some(1), payload, at }
    }
}
