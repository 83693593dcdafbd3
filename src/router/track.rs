//! A track is what one participant publishes: its microphone's stream, as it arrives.
//!
//! It says whether a packet belongs to it, keeps the publisher within its budget, and counts what arrived. It knows nothing of who listens.

use std::time::{Duration, Instant};

use super::report::{Continuity, Reception};

/// What was negotiated for a microphone.
#[derive(Clone, Debug)]
pub struct TrackParams {
    /// The Opus payload type.
    pub payload_type: u8,
    /// Where packets carry their level (RFC 6464), if they do.
    pub audio_level_id: Option<u8>,
    /// The SSRC, where the offer declared it; else the first one seen counts.
    pub ssrc: Option<u32>,
}

/// Why a packet is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrackDrop {
    /// Another payload type than the negotiated one.
    PayloadType,
    /// More SSRCs than a microphone may use.
    Ssrc,
    /// More packets or bytes than a voice needs.
    Budget,
}

/// One participant's microphone.
#[derive(Clone, Debug)]
pub struct Track {
    params: TrackParams,
    ssrc: Option<u32>,
    ssrcs_used: u32,
    run: u32,
    budget: Budget,
    reception: Option<Reception>,
}

impl Track {
    /// A track from which nothing has come yet.
    pub fn new(params: TrackParams, now: Instant) -> Self {
        Self {
            ssrc: params.ssrc,
            ssrcs_used: u32::from(params.ssrc.is_some()),
            params,
            run: 0,
            budget: Budget::full(now),
            reception: None,
        }
    }

    /// Where packets carry their level.
    pub fn audio_level_id(&self) -> Option<u8> {
        self.params.audio_level_id
    }

    /// Whether this is the stream's present SSRC: only then is the packet's crypto state worth keeping.
    pub fn knows(&self, ssrc: u32) -> bool {
        self.ssrc == Some(ssrc)
    }

    /// Which run of the stream packets now belong to.
    pub fn run(&self) -> u32 {
        self.run
    }

    /// Guards the way in, before anything is spent on decrypting.
    pub fn admit(&mut self, ssrc: u32, payload_type: u8, datagram_len: usize, now: Instant) -> Result<(), TrackDrop> {
        if payload_type != self.params.payload_type {
            return Err(TrackDrop::PayloadType);
        }
        if !self.knows(ssrc) && self.ssrcs_used >= SSRCS_MAX {
            return Err(TrackDrop::Ssrc);
        }
        if !self.budget.spend(datagram_len, now) {
            return Err(TrackDrop::Budget);
        }
        Ok(())
    }

    /// Counts a packet whose authenticity is proven. `true` if this is the first of its SSRC.
    pub fn received(&mut self, ssrc: u32, sequence: u16, timestamp: u32, now: Instant) -> bool {
        let changed = !self.knows(ssrc);
        if changed {
            self.ssrc = Some(ssrc);
            self.ssrcs_used += 1;
            self.run = self.run.wrapping_add(1);
            self.reception = None;
        }
        let first = self.reception.is_none();
        let reception = self.reception.get_or_insert_with(|| Reception::new(sequence, now));
        match reception.receive(sequence, timestamp, now) {
            Continuity::Follows => {}
            Continuity::Jumped => self.run = self.run.wrapping_add(1),
        }
        first
    }

    /// The stream's SSRC and counts, once something came.
    pub fn reception(&mut self) -> Option<(u32, &mut Reception)> {
        Some((self.ssrc?, self.reception.as_mut()?))
    }
}

/// Two token buckets: packets, and bytes.
#[derive(Clone, Debug)]
struct Budget {
    millipackets: u64,
    bytes_x1000: u64,
    filled_at: Instant,
}

impl Budget {
    fn full(now: Instant) -> Self {
        Self { millipackets: PACKETS_BURST * 1_000, bytes_x1000: BYTES_BURST * 1_000, filled_at: now }
    }

    fn spend(&mut self, bytes: usize, now: Instant) -> bool {
        let elapsed = now.saturating_duration_since(self.filled_at);
        if elapsed >= REFILL_EVERY {
            let millis = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX).min(60_000);
            self.filled_at = now;
            self.millipackets = (self.millipackets + millis * PACKETS_PER_SECOND).min(PACKETS_BURST * 1_000);
            self.bytes_x1000 = (self.bytes_x1000 + millis * BYTES_PER_SECOND).min(BYTES_BURST * 1_000);
        }
        let bytes_x1000 = bytes as u64 * 1_000;
        if self.millipackets < 1_000 || self.bytes_x1000 < bytes_x1000 {
            return false;
        }
        self.millipackets -= 1_000;
        self.bytes_x1000 -= bytes_x1000;
        true
    }
}

/// Opus needs 50 packets a second at 20 ms, 100 at 10 ms.
pub const PACKETS_PER_SECOND: u64 = 120;
/// What may come at once, after a stall of the sender's network.
pub const PACKETS_BURST: u64 = 100;
/// 256 kbit/s.
pub const BYTES_PER_SECOND: u64 = 32_000;
/// One second's worth.
pub const BYTES_BURST: u64 = 32_000;
/// The declared or first SSRC, and one more for a client that begins again.
pub const SSRCS_MAX: u32 = 2;
const REFILL_EVERY: Duration = Duration::from_millis(5);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::clock::now;

    fn track(ssrc: Option<u32>) -> (Track, Instant) {
        let start = now();
        let params = TrackParams { payload_type: 111, audio_level_id: Some(1), ssrc };
        (Track::new(params, start), start)
    }

    #[test]
    fn a_voice_fits_its_budget_and_a_flood_does_not() {
        let (mut track, start) = track(Some(1));
        for n in 0..500u32 {
            let at = start + Duration::from_millis(u64::from(n) * 10);
            assert_eq!(track.admit(1, 111, 120, at), Ok(()), "packet {n} of a 10 ms stream");
        }
        let at = start + Duration::from_secs(60);
        let taken =
            (0..2_000u64).filter(|n| track.admit(1, 111, 100, at + Duration::from_micros(n * 500)).is_ok()).count();
        assert!((200..=225).contains(&taken), "burst 100 and 120 a second, got {taken}");
    }

    #[test]
    fn bytes_are_budgeted_too() {
        let (mut track, start) = track(Some(1));
        let taken = (0..100).filter(|_| track.admit(1, 111, 1_200, start).is_ok()).count();
        assert_eq!(taken, 26);
    }

    #[test]
    fn only_the_negotiated_payload_type_is_taken() {
        let (mut track, start) = track(Some(1));
        assert_eq!(track.admit(1, 13, 100, start), Err(TrackDrop::PayloadType));
    }

    #[test]
    fn the_first_ssrc_counts_where_none_was_declared_and_two_are_the_most() {
        let (mut track, start) = track(None);
        assert_eq!(track.admit(7, 111, 100, start), Ok(()));
        assert!(track.received(7, 1, 0, start));
        assert!(!track.received(7, 2, 960, start));
        let run = track.run();
        assert_eq!(track.admit(8, 111, 100, start), Ok(()));
        assert!(track.received(8, 1, 0, start));
        assert_ne!(track.run(), run, "another SSRC is another run");
        assert_eq!(track.admit(9, 111, 100, start), Err(TrackDrop::Ssrc));
        assert_eq!(track.admit(7, 111, 100, start), Err(TrackDrop::Ssrc), "the old one is not taken back");
    }

    #[test]
    fn a_jump_begins_another_run() {
        let (mut track, start) = track(Some(1));
        track.received(1, 1, 0, start);
        let run = track.run();
        track.received(1, 30_000, 0, start);
        assert_eq!(track.run(), run + 1);
    }
}
