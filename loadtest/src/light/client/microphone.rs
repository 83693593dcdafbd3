//! A microphone sends one client's voice: an Opus packet every 20 ms with its audio level and a probe.
//!
//! The voice was encoded beforehand, once for all clients: what is measured is a server, and encoding costs more than all the rest of a client.

use std::sync::Arc;
use std::time::{Duration, Instant};

use podium::wire::audio_level::AudioLevel;
use podium::wire::rtp::{OutgoingHeader, write_header};

use super::answer::MicrophoneTerms;
use crate::clock;
use crate::probe::{self, Probe};
use crate::tone::{FRAME, FRAME_SAMPLES, Voice, VoiceEncoder};

/// What a microphone picks up, encoded; it is repeated.
#[derive(Debug)]
pub struct Speech {
    frames: Vec<Vec<u8>>,
    level: AudioLevel,
}

impl Speech {
    /// A second of a voice.
    ///
    /// # Errors
    ///
    /// Fails if the encoder does.
    pub fn of(voice: Voice) -> Result<Arc<Self>, opus::Error> {
        let mut encoder = VoiceEncoder::new(voice)?;
        let frames = (0..FRAMES).map(|_| encoder.next_frame()).collect::<Result<_, _>>()?;
        Ok(Arc::new(Self { frames, level: AudioLevel { voice: voice.is_voice(), level: voice.level() } }))
    }
}

/// A microphone; silent until told to speak.
#[derive(Debug)]
pub struct Microphone {
    terms: MicrophoneTerms,
    ssrc: u32,
    source: u32,
    speech: Option<Arc<Speech>>,
    next_at: Option<Instant>,
    /// When a timestamp of zero would have been.
    born: Option<Instant>,
    packets: u32,
    octets: u32,
    begins: bool,
    latest: Duration,
}

/// A packet before it is sealed.
pub(super) struct Plain {
    pub(super) bytes: Vec<u8>,
    pub(super) header_len: usize,
    pub(super) sequence: u16,
}

impl Microphone {
    pub(super) fn new(terms: MicrophoneTerms, ssrc: u32, source: u32) -> Self {
        Self {
            terms,
            ssrc,
            source,
            speech: None,
            next_at: None,
            born: None,
            packets: 0,
            octets: 0,
            begins: true,
            latest: Duration::ZERO,
        }
    }

    /// Packets that were made so far.
    #[must_use]
    pub fn packets(&self) -> u32 {
        self.packets
    }

    /// By how much the latest packet was late: the fault of whoever drives it, and to be taken off what a listener finds.
    #[must_use]
    pub fn latest(&self) -> Duration {
        self.latest
    }

    pub(super) fn forget_lateness(&mut self) {
        self.latest = Duration::ZERO;
    }

    pub(super) fn octets(&self) -> u32 {
        self.octets
    }

    pub(super) fn speak(&mut self, speech: Arc<Speech>, now: Instant) {
        self.speech = Some(speech);
        self.next_at = Some(self.next_at.unwrap_or(now));
        self.born.get_or_insert(now);
    }

    pub(super) fn rest(&mut self) {
        self.speech = None;
        self.next_at = None;
        self.begins = true;
    }

    pub(super) fn skip_to(&mut self, now: Instant) {
        self.next_at = self.next_at.map(|at| at.max(now));
    }

    pub(super) fn next_at(&self) -> Option<Instant> {
        self.next_at
    }

    pub(super) fn timestamp_at(&self, at: Instant) -> u32 {
        let since = at.saturating_duration_since(self.born.unwrap_or(at));
        (since.as_micros() * SAMPLES_PER_MS / 1_000) as u32
    }

    /// The packet that is due.
    pub(super) fn packet(&mut self, now: Instant) -> Option<Plain> {
        let due = self.next_at.filter(|due| *due <= now)?;
        let late = now.saturating_duration_since(due);
        self.latest = self.latest.max(late);
        // After a stall the newest frames are sent and the rest is not, as a browser's microphone does.
        let due = if late > STALL_MAX { now } else { due };
        self.next_at = Some(due + FRAME);
        let timestamp = self.timestamp_at(due);
        let frame = self.speech.as_ref()?.frames.get(self.packets as usize % FRAMES)?;
        let mark = Probe { source: self.source, counter: u64::from(self.packets), sent_nanos: clock::nanos(now) };
        let payload = probe::write(frame, mark).unwrap_or_else(|| frame.clone());
        let sequence = self.packets as u16;
        let level = self.speech.as_ref()?.level;
        let header = OutgoingHeader {
            marker: std::mem::take(&mut self.begins),
            payload_type: self.terms.payload_type,
            sequence,
            timestamp,
            ssrc: self.ssrc,
            csrc: None,
            audio_level: self.terms.level_id.map(|id| (id, level)),
            mid: self.terms.mid_id.map(|id| (id, self.terms.mid.as_bytes())),
        };
        let mut bytes = Vec::with_capacity(payload.len() + HEADER_ROOM);
        let header_len = write_header(&mut bytes, &header);
        bytes.extend_from_slice(&payload);
        self.packets = self.packets.wrapping_add(1);
        self.octets = self.octets.wrapping_add(payload.len() as u32);
        Some(Plain { bytes, header_len, sequence })
    }
}

/// A second: a tone of a whole number of hertz goes on without a jump.
const FRAMES: usize = 50;
const SAMPLES_PER_MS: u128 = FRAME_SAMPLES as u128 / 20;
/// A stall longer than this is not made up for.
const STALL_MAX: Duration = Duration::from_millis(200);
/// A header with two extensions, and the tag that the seal adds.
const HEADER_ROOM: usize = 64;
