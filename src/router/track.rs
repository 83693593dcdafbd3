//! A track is what one participant publishes: its microphone's stream, as it arrives.
//!
//! It returns whether a packet belongs to it, keeps the publisher within its budget, and counts what arrived. It knows nothing of who listens.
//! Its SSRC may change: the newest one that an authentic packet has is the stream's, as long as it does not change too often.

use std::time::{Duration, Instant};

use super::budget::{Allowance, Budget};
use super::report::{Continuity, Reception};
use crate::wire::opus_toc;

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
    /// The SSRC changes more often than a microphone's may, or the packet was overtaken by such a change.
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
    changes: Changes,
    run: u32,
    /// A packet of this run could not be read as Opus: it is encrypted end to end, and no other packet of the run is read either.
    opaque: bool,
    budget: Budget,
    reception: Option<Reception>,
}

/// How often the SSRC may change, and when it last did.
#[derive(Clone, Debug)]
struct Changes {
    left: u32,
    filled_at: Instant,
    /// When it changed, and from which SSRC.
    last: Option<(Instant, u32)>,
}

impl Changes {
    fn left(&self, now: Instant) -> u32 {
        let refills = now.saturating_duration_since(self.filled_at).as_millis() / SSRC_CHANGE_EVERY.as_millis();
        self.left.saturating_add(u32::try_from(refills).unwrap_or(u32::MAX)).min(SSRC_CHANGES_BURST)
    }

    fn allow(&self, to: u32, now: Instant) -> bool {
        let late = self.last.is_some_and(|(at, from)| from == to && now < at + SSRC_LATE_WITHIN);
        !late && self.left(now) > 0
    }

    fn spend(&mut self, from: u32, now: Instant) {
        let left = self.left(now);
        let refilled = left - self.left.min(left);
        // What has passed of the time to the next refill is kept.
        self.filled_at = if left == SSRC_CHANGES_BURST { now } else { self.filled_at + SSRC_CHANGE_EVERY * refilled };
        self.left = left.saturating_sub(1);
        self.last = Some((now, from));
    }
}

impl Track {
    /// A track from which nothing has come yet.
    pub fn new(params: TrackParams, now: Instant) -> Self {
        Self {
            ssrc: params.ssrc,
            changes: Changes { left: SSRC_CHANGES_BURST, filled_at: now, last: None },
            params,
            run: 0,
            opaque: false,
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
    /// forge its address must not be able to use up its budget, nor its changes of SSRC.
    pub fn admit(&self, ssrc: u32, payload_type: u8, now: Instant) -> Result<(), TrackDrop> {
        if payload_type != self.params.payload_type {
            return Err(TrackDrop::PayloadType);
        }
        if self.ssrc.is_some_and(|present| present != ssrc) && !self.changes.allow(ssrc, now) {
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
            if let Some(from) = self.ssrc.replace(ssrc) {
                self.changes.spend(from, now);
            }
            self.begin_run();
            self.reception = None;
        }
        let first = self.reception.is_none();
        let reception = self.reception.get_or_insert_with(|| Reception::new(sequence, now));
        match reception.receive(sequence, timestamp, now) {
            Continuity::Follows => {}
            Continuity::Jumped => self.begin_run(),
            Continuity::Stray => return Err(TrackDrop::Stray),
        }
        Ok(first)
    }

    /// Returns how many samples at 48 kHz a payload plays; `None` if it cannot be read.
    ///
    /// After one that cannot be read the whole run counts as encrypted end to end: what its other packets seem to say is chance.
    pub fn read(&mut self, payload: &[u8]) -> Option<u32> {
        let samples = opus_toc::frame_samples(payload).filter(|_| !self.opaque);
        self.opaque = samples.is_none();
        samples
    }

    /// The stream's SSRC and counts, once something came.
    pub fn reception(&mut self) -> Option<(u32, &mut Reception)> {
        Some((self.ssrc?, self.reception.as_mut()?))
    }

    fn begin_run(&mut self) {
        self.run = self.run.wrapping_add(1);
        self.opaque = false;
    }
}

/// Opus needs 50 packets a second at 20 ms, 100 at 10 ms; the burst is for what comes at once after a stall of the sender's network.
///
/// 256 kbit/s of Opus are 32,000 bytes a second. Headers, extensions and the tag take up to 60 bytes of each packet; a second of it may come at once.
pub const VOICE: Allowance =
    Allowance { packets_per_second: 120, packets_burst: 100, bytes_per_second: 40_000, bytes_burst: 48_000 };
/// So many changes of the SSRC may follow each other at once: hold and resume, another device, a gateway that begins again.
pub const SSRC_CHANGES_BURST: u32 = 12;
/// After that there may be one in so long.
pub const SSRC_CHANGE_EVERY: Duration = Duration::from_secs(2);
/// A packet of the SSRC that was left so short a time ago was overtaken on its way. It is dropped and changes nothing.
pub const SSRC_LATE_WITHIN: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::clock::now;

    fn track(ssrc: Option<u32>) -> (Track, Instant) {
        let start = now();
        let params = TrackParams { payload_type: 111, audio_level_id: Some(1), ssrc };
        (Track::new(params, start), start)
    }

    /// An authentic packet of this SSRC comes.
    fn comes(track: &mut Track, ssrc: u32, at: Instant) -> Result<bool, TrackDrop> {
        track.admit(ssrc, 111, at)?;
        track.received(ssrc, 1, 0, at)
    }

    #[test]
    fn only_the_negotiated_payload_type_is_taken() {
        let (track, start) = track(Some(1));
        assert_eq!(track.admit(1, 13, start), Err(TrackDrop::PayloadType));
    }

    #[test]
    fn the_first_ssrc_counts_where_none_was_declared_and_costs_no_change() {
        let (mut track, start) = track(None);
        assert_eq!(comes(&mut track, 7, start), Ok(true));
        assert_eq!(track.received(7, 2, 960, start), Ok(false));
        let run = track.run();
        for ssrc in 0..SSRC_CHANGES_BURST {
            assert_eq!(comes(&mut track, 100 + ssrc, start), Ok(true));
        }
        assert_eq!(track.run(), run + SSRC_CHANGES_BURST, "another SSRC is another run");
        assert_eq!(comes(&mut track, 8, start), Err(TrackDrop::Ssrc));
    }

    #[test]
    fn slow_changes_are_taken_for_ever_and_so_is_every_return() {
        let (mut track, mut at) = track(Some(0));
        for n in 0..10_000u32 {
            at += SSRC_CHANGE_EVERY;
            assert_eq!(comes(&mut track, 1 + n % 11, at), Ok(true), "change {n}");
        }
    }

    #[test]
    fn quick_changes_are_taken_until_the_burst_is_spent_and_then_one_in_two_seconds() {
        let (mut track, start) = track(Some(0));
        let at = |ms: u32| start + Duration::from_millis(ms.into());
        let taken = (1..=600u32).filter(|n| comes(&mut track, 1_000 + n, at(n * 100)).is_ok()).count();
        assert_eq!(taken, 12 + 29, "the burst, and one for each two seconds of a minute that it was not full");
        assert_eq!(comes(&mut track, 5, at(61_000)), Ok(true));
        assert_eq!(comes(&mut track, 6, at(62_000)), Err(TrackDrop::Ssrc));
        assert_eq!(comes(&mut track, 6, at(62_200)), Ok(true), "and the next one is heard again");
    }

    #[test]
    fn refused_changes_and_forged_packets_cost_nothing() {
        let (mut track, start) = track(Some(1));
        for n in 0..1_000 {
            assert_eq!(track.admit(2 + n, 111, start), Ok(()), "only the tag tells that it is forged");
        }
        for n in 0..SSRC_CHANGES_BURST {
            assert_eq!(comes(&mut track, 10 + n, start), Ok(true));
        }
        for _ in 0..1_000 {
            assert_eq!(comes(&mut track, 2, start), Err(TrackDrop::Ssrc));
        }
        assert_eq!(comes(&mut track, 2, start + SSRC_CHANGE_EVERY), Ok(true));
    }

    #[test]
    fn a_late_packet_of_the_ssrc_that_was_left_changes_nothing() {
        let (mut track, start) = track(Some(1));
        let at = |ms| start + Duration::from_millis(ms);
        comes(&mut track, 1, start).expect("taken");
        comes(&mut track, 2, at(20)).expect("taken");
        assert_eq!(comes(&mut track, 1, at(119)), Err(TrackDrop::Ssrc));
        assert!(track.knows(2));
        assert_eq!(comes(&mut track, 1, at(120)), Ok(true), "it has come back, and is heard within 200 ms");
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

    #[test]
    fn one_packet_that_cannot_be_read_makes_its_run_opaque_and_no_other() {
        let (mut track, start) = track(Some(1));
        let (voice, encrypted) = ([0x78, 1, 2], [0x79, 1]);
        comes(&mut track, 1, start).expect("taken");
        assert_eq!(track.read(&voice), Some(960));
        assert_eq!(track.read(&encrypted), None);
        assert_eq!(track.read(&voice), None, "by chance");
        comes(&mut track, 2, start).expect("taken");
        assert_eq!(track.read(&voice), Some(960));
    }
}
