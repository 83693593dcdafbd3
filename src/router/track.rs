//! A track is what one participant publishes: its microphone's stream, as it arrives.
//!
//! It says whether a packet belongs to it, keeps the publisher within its budget, and counts what arrived. It knows nothing of who listens.

use std::time::Instant;

use super::budget::{Allowance, Budget};
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
    /// Its number is far from all others.
    Stray,
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
            budget: Budget::full(VOICE, now),
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

    /// Guards the way in by what the header shows, before anything is spent on decrypting. It costs the publisher nothing: whoever can
    /// forge its address must not be able to use up its budget.
    pub fn admit(&self, ssrc: u32, payload_type: u8) -> Result<(), TrackDrop> {
        if payload_type != self.params.payload_type {
            return Err(TrackDrop::PayloadType);
        }
        if !self.knows(ssrc) && self.ssrcs_used >= SSRCS_MAX {
            return Err(TrackDrop::Ssrc);
        }
        Ok(())
    }

    /// Takes a packet whose authenticity is proven off the publisher's budget.
    pub fn spend(&mut self, datagram_len: usize, now: Instant) -> Result<(), TrackDrop> {
        if self.budget.spend(datagram_len, now) { Ok(()) } else { Err(TrackDrop::Budget) }
    }

    /// Counts an authentic packet. `true` if this is the first of its SSRC.
    pub fn received(&mut self, ssrc: u32, sequence: u16, timestamp: u32, now: Instant) -> Result<bool, TrackDrop> {
        if !self.knows(ssrc) {
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
            Continuity::Stray => return Err(TrackDrop::Stray),
        }
        Ok(first)
    }

    /// The stream's SSRC and counts, once something came.
    pub fn reception(&mut self) -> Option<(u32, &mut Reception)> {
        Some((self.ssrc?, self.reception.as_mut()?))
    }
}

/// Opus needs 50 packets a second at 20 ms, 100 at 10 ms; the burst is for what comes at once after a stall of the sender's network.
/// 256 kbit/s of Opus, which answers allow, and 8,000 bytes a second for the headers and tags of 120 packets.
pub const VOICE: Allowance =
    Allowance { packets_per_second: 120, packets_burst: 100, bytes_per_second: 40_000, bytes_burst: 32_000 };
/// The declared or first SSRC, and one more for a client that begins again.
pub const SSRCS_MAX: u32 = 2;

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
    fn only_the_negotiated_payload_type_is_taken() {
        let (track, _) = track(Some(1));
        assert_eq!(track.admit(1, 13), Err(TrackDrop::PayloadType));
    }

    #[test]
    fn the_first_ssrc_counts_where_none_was_declared_and_two_are_the_most() {
        let (mut track, start) = track(None);
        assert_eq!(track.admit(7, 111), Ok(()));
        assert_eq!(track.received(7, 1, 0, start), Ok(true));
        assert_eq!(track.received(7, 2, 960, start), Ok(false));
        let run = track.run();
        assert_eq!(track.admit(8, 111), Ok(()));
        assert_eq!(track.received(8, 1, 0, start), Ok(true));
        assert_ne!(track.run(), run, "another SSRC is another run");
        assert_eq!(track.admit(9, 111), Err(TrackDrop::Ssrc));
        assert_eq!(track.admit(7, 111), Err(TrackDrop::Ssrc), "the old one is not taken back");
    }

    #[test]
    fn a_jump_begins_another_run() {
        let (mut track, start) = track(Some(1));
        assert_eq!(track.received(1, 1, 0, start), Ok(true));
        let run = track.run();
        assert_eq!(track.received(1, 30_000, 0, start), Err(TrackDrop::Stray));
        assert_eq!(track.run(), run);
        assert_eq!(track.received(1, 30_001, 960, start), Ok(false));
        assert_eq!(track.run(), run + 1);
    }
}
