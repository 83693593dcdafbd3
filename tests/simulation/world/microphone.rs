//! A microphone makes packets of a voice that can be recognised: each says who speaks and how many packets came before it.

use std::time::{Duration, Instant};

use podium::wire::audio_level::AudioLevel;
use podium::wire::rtp::{OutgoingHeader, write_header};

use super::offer::{MICROPHONE_MID, OfferTerms};

/// One participant's voice.
#[derive(Debug)]
pub(crate) struct Microphone {
    who: u16,
    pub(crate) payload_type: u8,
    level_id: u8,
    mid_id: u8,
    pub(crate) ssrc: u32,
    frame: Frame,
    born: Instant,
    pub(crate) next_sequence: u16,
    first_timestamp: u32,
    /// How loud, in -dBov; `None` sends nothing.
    level: Option<u8>,
    pub(crate) states: States,
    pub(crate) holds: Holds,
    /// So many of the next packets are made and not sent.
    pub(crate) loses: u32,
    next_at: Option<Instant>,
    pub(crate) packets: u32,
    pub(crate) octets: u32,
    /// What was heard last stood in silence: the next packet begins a spurt.
    resting: bool,
}

/// How long one packet of voice is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    Ms20,
    Ms60,
}

impl Frame {
    pub(crate) fn samples(self) -> u32 {
        match self {
            Self::Ms20 => 960,
            Self::Ms60 => 2_880,
        }
    }

    fn duration(self) -> Duration {
        Duration::from_micros(u64::from(self.samples()) * 1_000_000 / 48_000)
    }

    /// Configuration 15 (hybrid, 20 ms) and 3 (SILK, 60 ms), one frame in the packet.
    fn toc(self) -> u8 {
        match self {
            Self::Ms20 => 15 << 3,
            Self::Ms60 => 3 << 3,
        }
    }
}

/// What packets state of their level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum States {
    /// The level, and that it is voice if it is louder than -60 dBov.
    Truth,
    /// The level, and that it is no voice.
    NoVoice,
    /// Nothing.
    Nothing,
}

/// What packets hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holds {
    /// A voice, coded as its frames want.
    Voice,
    /// Sound, coded by CELT: 20 ms in stereo.
    Celt,
    /// Digital silence in this configuration.
    Silence(u8),
    /// Frames that are encrypted end to end: no Opus that could be read.
    Encrypted,
}

/// What a payload of ours says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// Someone's packet of this number.
    Voice { who: u16, number: u32 },
    /// A frame of nothing, as the server ends a voice.
    Nothing,
}

impl Said {
    pub(crate) fn read(payload: &[u8]) -> Self {
        match payload {
            [_] | [_, 0xFF, 0xFE] => Self::Nothing,
            &[_, w0, w1, n0, n1, n2, n3, ..] => {
                Self::Voice { who: u16::from_be_bytes([w0, w1]), number: u32::from_be_bytes([n0, n1, n2, n3]) }
            }
            other => panic!("a payload that nobody sent: {other:?}"),
        }
    }
}

impl Microphone {
    pub(crate) fn new(who: u16, terms: &OfferTerms, sequence: u16, now: Instant) -> Self {
        Self {
            who,
            payload_type: terms.payload_type,
            level_id: terms.level_id,
            mid_id: terms.mid_id,
            ssrc: terms.ssrc,
            frame: Frame::Ms20,
            born: now,
            next_sequence: sequence,
            first_timestamp: u32::MAX - 48_000,
            level: None,
            states: States::Truth,
            holds: Holds::Voice,
            loses: 0,
            next_at: None,
            packets: 0,
            octets: 0,
            resting: true,
        }
    }

    /// Speaks from now on, so loud (in -dBov: 0 is loudest).
    pub(crate) fn speak(&mut self, level: u8, now: Instant) {
        self.level = Some(level);
        self.next_at = Some(self.next_at.unwrap_or(now).max(now));
    }

    /// After a stall, so many packets come at once.
    pub(crate) fn burst(&mut self, packets: u32, now: Instant) {
        self.next_at = Some(now - self.frame.duration() * packets);
    }

    /// Sends nothing from now on.
    pub(crate) fn rest(&mut self) {
        self.level = None;
        self.next_at = None;
        self.resting = true;
    }

    pub(crate) fn use_frames(&mut self, frame: Frame) {
        self.frame = frame;
    }

    /// What was to be said before then is not said.
    pub(crate) fn skip_to(&mut self, now: Instant) {
        self.next_at = self.next_at.map(|at| at.max(now));
    }

    pub(crate) fn next_at(&self) -> Option<Instant> {
        self.next_at
    }

    /// The packet that is due, with the length of its header.
    pub(crate) fn packet(&mut self, now: Instant) -> Option<(Vec<u8>, usize, u16)> {
        let (level, due) = (self.level?, self.next_at?);
        if due > now {
            return None;
        }
        self.next_at = Some(due + self.frame.duration());
        let elapsed = due.duration_since(self.born).as_micros() * 48 / 1_000;
        let sequence = self.next_sequence;
        let header = OutgoingHeader {
            marker: std::mem::take(&mut self.resting),
            payload_type: self.payload_type,
            sequence,
            timestamp: self.first_timestamp.wrapping_add(elapsed as u32),
            ssrc: self.ssrc,
            csrc: None,
            audio_level: self.states_of(level).map(|level| (self.level_id, level)),
            mid: Some((self.mid_id, MICROPHONE_MID.as_bytes())),
        };
        let mut packet = Vec::with_capacity(160);
        let header_len = write_header(&mut packet, &header);
        match self.holds {
            Holds::Voice => packet.push(self.frame.toc()),
            Holds::Celt => packet.push(0xFC),
            Holds::Silence(toc) => packet.extend_from_slice(&[toc, 0xFF, 0xFE]),
            Holds::Encrypted => packet.push(0x79),
        }
        if !matches!(self.holds, Holds::Silence(_)) {
            packet.extend_from_slice(&self.who.to_be_bytes());
            packet.extend_from_slice(&self.packets.to_be_bytes());
            packet.resize(packet.len() + 40 + self.packets as usize % 50, 0xA5);
        }
        // Two frames of one length have an odd number of bytes with the TOC.
        if self.holds == Holds::Encrypted && (packet.len() - header_len) % 2 == 1 {
            packet.push(0xA5);
        }
        self.next_sequence = sequence.wrapping_add(1);
        self.packets += 1;
        self.octets += (packet.len() - header_len) as u32;
        if self.loses > 0 {
            self.loses -= 1;
        }
        Some((packet, header_len, sequence))
    }

    fn states_of(&self, level: u8) -> Option<AudioLevel> {
        match self.states {
            States::Truth => Some(AudioLevel { voice: level < 60, level }),
            States::NoVoice => Some(AudioLevel { voice: false, level }),
            States::Nothing => None,
        }
    }
}
