//! Ears are what a client hears: the packets of its slots, whose voice each carries, and for how long a voice was not heard.
//!
//! A voice is one occupancy of a seat, as the CSRC of its packets says. Sequence numbers belong to slots, gaps in time to voices.

use std::time::{Duration, Instant};

use podium::router::report::Reception;
use podium::transport::srtp::SrtpSession;
use podium::wire::rtcp::ReportBlock;
use podium::wire::rtp::RtpHeader;

use super::answer::SlotTerms;
use crate::clock;
use crate::probe;

/// What one client hears.
#[derive(Debug)]
pub struct Ears {
    slots: Vec<Slot>,
    voices: Vec<VoiceHeard>,
    packets: u64,
    /// When anything was heard last, or listening began.
    last_at: Instant,
    longest_silence: Duration,
}

#[derive(Debug)]
struct Slot {
    ssrc: u32,
    reception: Option<Reception>,
}

/// One audio packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heard {
    /// Whose voice, if the packet says it.
    pub csrc: Option<u32>,
    /// From its microphone to here, if it carries a probe of this process.
    pub transit: Option<Duration>,
}

/// One voice since listening began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VoiceHeard {
    /// The occupancy.
    pub csrc: u32,
    /// Packets that came.
    pub packets: u64,
    /// Packets that its probes count and that never came.
    pub missed: u64,
    /// The longest time between two of its packets.
    pub longest_gap: Duration,
    /// How often that time was over [`LONG_GAP`].
    pub long_gaps: u64,
    last_at: Instant,
    next_counter: Option<u64>,
}

impl VoiceHeard {
    /// The longest time without it, the time since its last packet included.
    #[must_use]
    pub fn longest_gap_until(&self, now: Instant) -> Duration {
        self.longest_gap.max(now.saturating_duration_since(self.last_at))
    }
}

impl Ears {
    pub(super) fn new(slots: &[SlotTerms], now: Instant) -> Self {
        let slot = |terms: &SlotTerms| Slot { ssrc: terms.ssrc, reception: None };
        Self {
            slots: slots.iter().map(slot).collect(),
            voices: Vec::new(),
            packets: 0,
            last_at: now,
            longest_silence: Duration::ZERO,
        }
    }

    /// The voices that were heard since listening began, as many as a client tells apart.
    #[must_use]
    pub fn voices(&self) -> &[VoiceHeard] {
        &self.voices
    }

    /// Packets since listening began.
    #[must_use]
    pub fn packets(&self) -> u64 {
        self.packets
    }

    /// Packets that were sent to the slots and never came, since the client was born.
    #[must_use]
    pub fn lost(&self) -> i64 {
        let of_runs = self.slots.iter().filter_map(|slot| slot.reception.as_ref());
        of_runs.map(|reception| i64::from(reception.lost())).sum::<i64>()
    }

    /// The longest time in which nothing at all was heard.
    #[must_use]
    pub fn longest_silence_until(&self, now: Instant) -> Duration {
        self.longest_silence.max(now.saturating_duration_since(self.last_at))
    }

    pub(super) fn listen_anew(&mut self, now: Instant) {
        self.voices.clear();
        self.packets = 0;
        self.last_at = now;
        self.longest_silence = Duration::ZERO;
    }

    /// Opens one packet; `None` if it is none of ours, forged, or seen before.
    pub(super) fn hear(&mut self, srtp: &mut SrtpSession, datagram: &[u8], now: Instant) -> Option<Heard> {
        let header = RtpHeader::parse(datagram).ok()?;
        let slot = self.slots.iter_mut().find(|slot| slot.ssrc == header.ssrc)?;
        let plain = srtp.unprotect_rtp(datagram, &header, true).ok()?;
        let reception = slot.reception.get_or_insert_with(|| Reception::new(header.sequence, now));
        reception.receive(header.sequence, header.timestamp, now);
        self.packets += 1;
        self.longest_silence = self.longest_silence.max(now.saturating_duration_since(self.last_at));
        self.last_at = now;
        let mark = header.payload(&plain).ok().and_then(probe::read);
        let csrc = csrc_of(&plain);
        if let Some(csrc) = csrc {
            self.count_voice(csrc, mark.map(|probe| probe.counter), now);
        }
        let transit = mark.map(|probe| Duration::from_nanos(clock::nanos(now).saturating_sub(probe.sent_nanos)));
        Some(Heard { csrc, transit })
    }

    pub(super) fn sender_report(&mut self, ssrc: u32, ntp: u64, now: Instant) {
        let slot = self.slots.iter_mut().find(|slot| slot.ssrc == ssrc);
        if let Some(reception) = slot.and_then(|slot| slot.reception.as_mut()) {
            reception.sender_report(ntp, now);
        }
    }

    /// How the slots are received, for the next report.
    pub(super) fn blocks(&mut self, now: Instant) -> Vec<ReportBlock> {
        let heard = self.slots.iter_mut().filter_map(|slot| Some((slot.ssrc, slot.reception.as_mut()?)));
        let blocks = heard.map(|(ssrc, reception)| {
            let block = reception.block(now);
            ReportBlock {
                ssrc,
                fraction_lost: block.fraction_lost,
                total_lost: block.cumulative_lost,
                highest_sequence: block.highest,
                jitter: block.jitter,
                last_sr: block.last_sender_report,
                delay_since_last_sr: block.delay,
            }
        });
        blocks.collect()
    }

    fn count_voice(&mut self, csrc: u32, counter: Option<u64>, now: Instant) {
        let Some(voice) = self.voices.iter_mut().find(|voice| voice.csrc == csrc) else {
            if self.voices.len() < VOICES_MAX {
                let next_counter = counter.map(|counter| counter + 1);
                self.voices.push(VoiceHeard {
                    csrc,
                    packets: 1,
                    missed: 0,
                    longest_gap: Duration::ZERO,
                    long_gaps: 0,
                    last_at: now,
                    next_counter,
                });
            }
            return;
        };
        voice.packets += 1;
        let gap = now.saturating_duration_since(voice.last_at);
        voice.longest_gap = voice.longest_gap.max(gap);
        voice.long_gaps += u64::from(gap > LONG_GAP);
        voice.last_at = now;
        if let (Some(counter), Some(next)) = (counter, voice.next_counter) {
            // One that comes late after all is taken back.
            match counter.checked_sub(next) {
                Some(ahead) => voice.missed += ahead,
                None => voice.missed = voice.missed.saturating_sub(1),
            }
        }
        voice.next_counter = voice.next_counter.max(counter.map(|counter| counter + 1));
    }
}

/// The first CSRC of a packet.
fn csrc_of(packet: &[u8]) -> Option<u32> {
    let has_any = packet.first()? & 0x0f != 0;
    let csrc = packet.get(12..16).filter(|_| has_any)?;
    Some(u32::from_be_bytes([csrc[0], csrc[1], csrc[2], csrc[3]]))
}

/// A gap longer than this is one that people notice.
pub const LONG_GAP: Duration = Duration::from_millis(100);
/// Voices that one client tells apart; those beyond count as packets only. A stage has far fewer seats.
const VOICES_MAX: usize = 64;
