//! A forwarder is one slot's stream as one subscriber hears it.
//!
//! It keeps sequence numbers and timestamps continuous while speakers come and go. It knows nothing of rooms, roles or sockets.
//!
//! ```text
//!   Silent ──first packet──► Live ──packet of another source──► Live
//!     ▲                        │
//!     └────── gate closed ─────┘
//! ```
//!
//! Within one source the distances of sequence numbers and timestamps are kept, so a loss on the way in stays visible to the listener's
//! jitter buffer. Between sources the sequence number goes on by one and the timestamp by the server's clock, never backwards.

use std::time::Instant;

use super::{Csrc, OPUS_CLOCK_HZ, OPUS_FRAME_SAMPLES};

/// What a packet is forwarded from: the occupancy of a seat and the run of its stream (a new SSRC or a jump begins another run).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    /// Whose voice.
    pub csrc: Csrc,
    /// Which run of that publisher's stream.
    pub run: u32,
}

/// The header fields of an incoming packet that matter here.
#[derive(Clone, Copy, Debug)]
pub struct Incoming {
    /// Sequence number.
    pub sequence: u16,
    /// Timestamp, 48 kHz.
    pub timestamp: u32,
    /// Marker bit: the first packet after silence.
    pub marker: bool,
    /// Octets of payload.
    pub payload_len: usize,
}

/// The header fields of the packet that leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// Sequence number.
    pub sequence: u16,
    /// Timestamp, 48 kHz.
    pub timestamp: u32,
    /// Marker bit.
    pub marker: bool,
}

/// One slot's stream.
#[derive(Clone, Debug)]
pub struct Forwarder {
    state: State,
    last: Outgoing,
    last_at: Option<Instant>,
    epoch: Option<Instant>,
    first_timestamp: u32,
    packets: u32,
    octets: u32,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Silent,
    Live {
        source: Source,
        /// The source's sequence number that the run began with here: what is older came before the switch.
        first: u16,
        newest: u16,
        sequence_offset: u16,
        timestamp_offset: u32,
    },
}

impl Forwarder {
    /// A silent stream. `random` fixes where its numbers begin: below 2^15, so that a loss at the start cannot be taken for a wrap of
    /// the sequence number (RFC 3711 section 3.3.1).
    pub fn new(random: u64) -> Self {
        let [a, b, c, d, e, f, _, _] = random.to_le_bytes();
        let timestamp = u32::from_le_bytes([c, d, e, f]);
        Self {
            state: State::Silent,
            last: Outgoing {
                sequence: (u16::from_le_bytes([a, b]) & 0x7FFF).wrapping_sub(1),
                timestamp,
                marker: false,
            },
            last_at: None,
            epoch: None,
            first_timestamp: timestamp,
            packets: 0,
            octets: 0,
        }
    }

    /// Numbers the packet that carries `incoming` on, or says that it came from before the switch and must not be sent.
    pub fn forward(&mut self, source: Source, incoming: Incoming, now: Instant) -> Option<Outgoing> {
        let outgoing = match &mut self.state {
            State::Live { source: present, first, newest, sequence_offset, timestamp_offset } if *present == source => {
                if is_older(incoming.sequence, *first) {
                    return None;
                }
                if is_older(*newest, incoming.sequence) {
                    *newest = incoming.sequence;
                    // `first` follows at a distance, or half a wrap later everything would look older than it.
                    if incoming.sequence.wrapping_sub(*first) > KEEP_FIRST {
                        *first = incoming.sequence.wrapping_sub(KEEP_FIRST);
                    }
                }
                Outgoing {
                    sequence: incoming.sequence.wrapping_add(*sequence_offset),
                    timestamp: incoming.timestamp.wrapping_add(*timestamp_offset),
                    marker: incoming.marker,
                }
            }
            State::Silent | State::Live { .. } => self.switch(source, incoming, now),
        };
        self.sent(outgoing, incoming.payload_len, now);
        Some(outgoing)
    }

    /// Numbers one frame that ends the stream cleanly (its payload is one byte of DTX). Call [`Forwarder::silence`] when all are sent.
    pub fn ending_frame(&mut self, now: Instant) -> Option<Outgoing> {
        match self.state {
            State::Silent => None,
            State::Live { .. } => {
                let outgoing = Outgoing {
                    sequence: self.last.sequence.wrapping_add(1),
                    timestamp: self.last.timestamp.wrapping_add(OPUS_FRAME_SAMPLES),
                    marker: false,
                };
                self.sent(outgoing, 1, now);
                Some(outgoing)
            }
        }
    }

    /// The stream carries nobody until the next packet.
    pub fn silence(&mut self) {
        self.state = State::Silent;
    }

    /// What a sender report says of this stream at `now`, or nothing while no packet has been sent.
    pub fn sent_so_far(&self, now: Instant) -> Option<SentSoFar> {
        let last_at = self.last_at?;
        Some(SentSoFar {
            timestamp: self.last.timestamp.wrapping_add(samples_between(last_at, now)),
            packets: self.packets,
            octets: self.octets,
        })
    }

    fn switch(&mut self, source: Source, incoming: Incoming, now: Instant) -> Outgoing {
        let epoch = *self.epoch.get_or_insert(now);
        let by_clock = self.first_timestamp.wrapping_add(samples_between(epoch, now));
        let after_last = self.last.timestamp.wrapping_add(OPUS_FRAME_SAMPLES);
        let timestamp =
            if self.last_at.is_none() || is_older_timestamp(after_last, by_clock) { by_clock } else { after_last };
        let outgoing = Outgoing { sequence: self.last.sequence.wrapping_add(1), timestamp, marker: true };
        self.state = State::Live {
            source,
            first: incoming.sequence,
            newest: incoming.sequence,
            sequence_offset: outgoing.sequence.wrapping_sub(incoming.sequence),
            timestamp_offset: outgoing.timestamp.wrapping_sub(incoming.timestamp),
        };
        outgoing
    }

    fn sent(&mut self, outgoing: Outgoing, payload_len: usize, now: Instant) {
        self.packets = self.packets.wrapping_add(1);
        self.octets = self.octets.wrapping_add(u32::try_from(payload_len).unwrap_or(u32::MAX));
        if self.last_at.is_none() || is_older(self.last.sequence, outgoing.sequence) {
            self.last = outgoing;
            self.last_at = Some(now);
        }
    }
}

/// The sender's side of a sender report (RFC 3550 section 6.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SentSoFar {
    /// The RTP timestamp of this moment.
    pub timestamp: u32,
    /// Packets sent.
    pub packets: u32,
    /// Payload octets sent.
    pub octets: u32,
}

fn is_older(one: u16, other: u16) -> bool {
    one != other && other.wrapping_sub(one) < 0x8000
}

fn is_older_timestamp(one: u32, other: u32) -> bool {
    one != other && other.wrapping_sub(one) < 0x8000_0000
}

fn samples_between(from: Instant, to: Instant) -> u32 {
    let micros = to.saturating_duration_since(from).as_micros();
    // The clock of RTP wraps; so may this.
    (micros * u128::from(OPUS_CLOCK_HZ) / 1_000_000) as u32
}

/// How far behind the newest packet a late one of the same run is still forwarded.
const KEEP_FIRST: u16 = 1_000;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::num::NonZeroU32;
    use std::time::Duration;

    fn source(n: u32) -> Source {
        Source { csrc: Csrc(NonZeroU32::new(n).expect("not zero")), run: 0 }
    }

    fn packet(sequence: u16, timestamp: u32) -> Incoming {
        Incoming { sequence, timestamp, marker: false, payload_len: 80 }
    }

    #[test]
    fn a_switch_goes_on_by_one_with_the_marker_and_the_servers_clock() {
        let start = crate::runtime::clock::now();
        let mut forwarder = Forwarder::new(7);
        let first = forwarder.forward(source(1), packet(65_000, 5_000), start).expect("forwarded");
        assert!(first.marker);
        let second =
            forwarder.forward(source(1), packet(65_001, 5_960), start + Duration::from_millis(20)).expect("forwarded");
        assert_eq!(second.sequence, first.sequence + 1);
        assert_eq!(second.timestamp, first.timestamp + 960);
        assert!(!second.marker);
        let other = forwarder.forward(source(2), packet(3, 90_000), start + Duration::from_secs(1)).expect("forwarded");
        assert_eq!(other.sequence, second.sequence + 1);
        assert_eq!(other.timestamp, first.timestamp + 48_000);
        assert!(other.marker);
    }

    #[test]
    fn a_switch_within_a_frame_still_leaves_room_for_one() {
        let start = crate::runtime::clock::now();
        let mut forwarder = Forwarder::new(7);
        let first = forwarder.forward(source(1), packet(1, 0), start).expect("forwarded");
        let other = forwarder.forward(source(2), packet(1, 0), start + Duration::from_millis(1)).expect("forwarded");
        assert_eq!(other.timestamp, first.timestamp + 960);
    }

    #[test]
    fn a_loss_stays_visible_and_a_late_packet_finds_its_place() {
        let start = crate::runtime::clock::now();
        let mut forwarder = Forwarder::new(7);
        let first = forwarder.forward(source(1), packet(10, 0), start).expect("forwarded");
        let third = forwarder.forward(source(1), packet(12, 1_920), start).expect("forwarded");
        let second = forwarder.forward(source(1), packet(11, 960), start).expect("forwarded");
        assert_eq!(third.sequence, first.sequence + 2);
        assert_eq!(second.sequence, first.sequence + 1);
        assert_eq!(forwarder.forward(source(1), packet(9, 0), start), None, "from before the switch");
    }

    #[test]
    fn a_closed_gate_ends_with_dtx_frames_and_the_next_voice_begins_anew() {
        let start = crate::runtime::clock::now();
        let mut forwarder = Forwarder::new(7);
        let first = forwarder.forward(source(1), packet(10, 0), start).expect("forwarded");
        let end = forwarder.ending_frame(start).expect("live");
        assert_eq!((end.sequence, end.timestamp), (first.sequence + 1, first.timestamp + 960));
        forwarder.silence();
        assert_eq!(forwarder.ending_frame(start), None);
        let again = forwarder.forward(source(1), packet(11, 960), start + Duration::from_secs(2)).expect("forwarded");
        assert_eq!(again.sequence, end.sequence + 1);
        assert!(again.marker);
        assert_eq!(again.timestamp, first.timestamp + 96_000);
    }

    #[test]
    fn reports_follow_the_servers_clock() {
        let start = crate::runtime::clock::now();
        let mut forwarder = Forwarder::new(7);
        assert_eq!(forwarder.sent_so_far(start), None);
        let first = forwarder.forward(source(1), packet(10, 0), start).expect("forwarded");
        let report = forwarder.sent_so_far(start + Duration::from_millis(500)).expect("sent");
        assert_eq!(report.timestamp, first.timestamp.wrapping_add(24_000));
        assert_eq!((report.packets, report.octets), (1, 80));
    }

    proptest! {
        /// Whatever runs follow each other, numbers go on without a gap of ours and time never runs backwards.
        #[test]
        fn runs_are_continuous(
            random: u64,
            runs in prop::collection::vec((1u32..5, any::<u16>(), any::<u32>(), 1u16..200, 0u64..3_000), 1..20),
        ) {
            let mut now = crate::runtime::clock::now();
            let mut forwarder = Forwarder::new(random);
            let mut last: Option<Outgoing> = None;
            let mut previous = 0;
            for (who, sequence, timestamp, length, pause_ms) in runs {
                let continues = who == previous;
                previous = who;
                for n in 0..length {
                    if continues { continue; }
                    let incoming = packet(sequence.wrapping_add(n), timestamp.wrapping_add(u32::from(n) * 960));
                    let outgoing = forwarder.forward(source(who), incoming, now).expect("in order");
                    if let Some(last) = last {
                        prop_assert_eq!(outgoing.sequence, last.sequence.wrapping_add(1));
                        prop_assert!(is_older_timestamp(last.timestamp, outgoing.timestamp));
                        prop_assert_eq!(outgoing.marker, n == 0);
                    } else {
                        prop_assert!(outgoing.sequence < 0x8000);
                    }
                    last = Some(outgoing);
                    now += Duration::from_millis(20);
                }
                now += Duration::from_millis(pause_ms);
            }
        }

        /// A run of any length, wrapping as often as it likes, is forwarded whole.
        #[test]
        fn a_long_run_wraps(first: u16, random: u64) {
            let now = crate::runtime::clock::now();
            let mut forwarder = Forwarder::new(random);
            let mut expected: Option<u16> = None;
            for n in 0..140_000u32 {
                let sequence = first.wrapping_add((n % 65_536) as u16);
                let outgoing = forwarder.forward(source(1), packet(sequence, n.wrapping_mul(960)), now).expect("in order");
                if let Some(expected) = expected {
                    prop_assert_eq!(outgoing.sequence, expected);
                }
                expected = Some(outgoing.sequence.wrapping_add(1));
            }
        }
    }
}
