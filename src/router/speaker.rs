//! A speaker is how loud one publisher has lately been.
//!
//! It smooths the levels that packets carry (RFC 6464), so that a cough takes no slot and a pause loses none. It knows nothing of slots.
//! A sender that states no level is believed to be quiet wherever its packets hold sound.

use std::time::{Duration, Instant};

use crate::wire::audio_level::AudioLevel;
use crate::wire::opus_sound::{Activity, activity};

/// How loud, in dB relative to overload: -127 (silence) to 0.
pub type Dbov = i16;

/// How a speaker stands when slots are given out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Hosts and cohosts go before everyone else.
    pub priority: bool,
    /// Smoothed loudness.
    pub loudness: Dbov,
    /// Heard within the hangover: speaking now, as people understand it.
    pub voiced: bool,
}

/// What one packet tells of its sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sound {
    /// There is nothing to hear: digital silence, or discontinuous transmission.
    Silence,
    /// The sender states how loud it is, and whether it is voice.
    Stated(AudioLevel),
    /// The sender states nothing, and there is something to hear.
    Unstated,
}

impl Sound {
    /// What a packet tells. `stated` is its level, if it carries one.
    ///
    /// A stated level is believed, except that silence is silent whatever is stated. Without one the codec's own flags count: sound that
    /// the encoder does not take for voice is silence here.
    #[must_use]
    pub fn of(stated: Option<AudioLevel>, payload: &[u8]) -> Self {
        match (activity(payload), stated) {
            (Activity::Silence, _) | (Activity::NoVoice, None) => Self::Silence,
            (Activity::NoVoice | Activity::Voice | Activity::Unknown, Some(level)) => Self::Stated(level),
            (Activity::Voice | Activity::Unknown, None) => Self::Unstated,
        }
    }

    /// What an encrypted packet tells: nothing but the level that its header states.
    #[must_use]
    pub fn of_opaque(stated: Option<AudioLevel>) -> Self {
        stated.map_or(Self::Unstated, Self::Stated)
    }

    /// How loud it counts as, in -dBov.
    fn level(self) -> u8 {
        match self {
            Self::Silence => AudioLevel::SILENCE.level,
            Self::Stated(level) => level.level.min(AudioLevel::SILENCE.level),
            Self::Unstated => ASSUMED_LEVEL,
        }
    }

    /// Whether the sender says that it is voice.
    fn is_stated_voice(self) -> bool {
        matches!(self, Self::Stated(AudioLevel { voice: true, .. }))
    }
}

/// What a packet counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Voiced {
    /// It is voice.
    pub voice: bool,
    /// It is voice by its sender's word, and not only by our guess. Only such voice interrupts.
    pub stated: bool,
}

/// The smoothed loudness of one publisher.
#[derive(Clone, Debug, Default)]
pub struct Speaker {
    /// Sixteenths of a dB, so that integer smoothing still converges.
    smoothed: Option<i32>,
    voiced_at: Option<Instant>,
    /// When the last packet came that was voice by its sender's word.
    stated_at: Option<Instant>,
    heard_at: Option<Instant>,
}

impl Speaker {
    /// Takes one packet. Returns what it counts as.
    pub fn hear(&mut self, sound: Sound, now: Instant) -> Voiced {
        let sample = -i32::from(sound.level()) * SCALE;
        self.smoothed = Some(match self.smoothed {
            // Loud is believed faster than quiet: a word must win a slot at its start and keep it through its pauses.
            Some(old) if sample > old => old + (sample - old) / ATTACK,
            Some(old) => old + (sample - old) / RELEASE,
            None => sample,
        });
        self.heard_at = Some(now);
        let loud = -i32::from(sound.level()) >= i32::from(VOICED_FROM);
        let stated = loud && sound.is_stated_voice();
        let voice = stated || sound == Sound::Unstated;
        if voice {
            self.voiced_at = Some(now);
        }
        if stated {
            self.stated_at = Some(now);
        }
        Voiced { voice, stated }
    }

    /// Whether a packet came within `span`, be it silence.
    pub fn heard_within(&self, span: Duration, now: Instant) -> bool {
        self.heard_at.is_some_and(|at| now.saturating_duration_since(at) <= span)
    }

    /// The smoothed loudness, or silence if nothing came for a while (DTX sends next to nothing).
    pub fn loudness(&self, now: Instant) -> Dbov {
        let (Some(smoothed), Some(heard_at)) = (self.smoothed, self.heard_at) else {
            return SILENCE;
        };
        if now.saturating_duration_since(heard_at) > STALE_AFTER {
            return SILENCE;
        }
        i16::try_from(smoothed / SCALE).unwrap_or(SILENCE)
    }

    /// Whether this person is speaking now.
    pub fn voiced(&self, now: Instant) -> bool {
        self.voiced_at.is_some_and(|at| now < at + HANGOVER)
    }

    /// When the last packet came that was voice by its sender's word.
    pub fn stated_at(&self) -> Option<Instant> {
        self.stated_at
    }

    /// Whether this person is speaking now, by their client's word.
    pub fn stated(&self, now: Instant) -> bool {
        self.stated_at.is_some_and(|at| now < at + HANGOVER)
    }

    /// How this speaker stands when slots are given out.
    pub fn standing(&self, priority: bool, now: Instant) -> Standing {
        Standing { priority, loudness: self.loudness(now), voiced: self.voiced(now) }
    }
}

/// No sound at all.
pub const SILENCE: Dbov = -127;
/// A packet that is voice by its sender's word must be at least this loud to count as voice.
pub const VOICED_FROM: Dbov = -55;
/// A pause shorter than this does not end a word.
const HANGOVER: Duration = Duration::from_millis(400);
/// Without a packet for this long, a speaker is silent.
const STALE_AFTER: Duration = Duration::from_millis(600);
/// Sound whose level nobody states counts as quiet voice, in -dBov: it is heard, and those who state theirs go before it.
pub const ASSUMED_LEVEL: u8 = 50;
const SCALE: i32 = 16;
const ATTACK: i32 = 2;
const RELEASE: i32 = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_rises_fast_and_a_pause_falls_slowly() {
        let start = crate::runtime::clock::now();
        let mut speaker = Speaker::default();
        for n in 0..10 {
            speaker.hear(Sound::Silence, start + Duration::from_millis(n * 20));
        }
        let word = start + Duration::from_millis(200);
        for n in 0..5 {
            speaker.hear(voice(20), word + Duration::from_millis(n * 20));
        }
        let after_word = word + Duration::from_millis(100);
        assert!(speaker.loudness(after_word) > -30, "{}", speaker.loudness(after_word));
        for n in 0..5 {
            speaker.hear(Sound::Silence, after_word + Duration::from_millis(n * 20));
        }
        let in_pause = after_word + Duration::from_millis(100);
        assert!(speaker.loudness(in_pause) > -60, "{}", speaker.loudness(in_pause));
        assert!(speaker.voiced(in_pause));
    }

    #[test]
    fn nobody_is_loud_who_sends_nothing() {
        let start = crate::runtime::clock::now();
        let mut speaker = Speaker::default();
        speaker.hear(voice(10), start);
        assert_eq!(speaker.loudness(start + Duration::from_millis(700)), SILENCE);
        assert!(!speaker.voiced(start + Duration::from_millis(400)));
    }

    #[test]
    fn what_a_packet_counts_as() {
        let stated = |voice, level| Sound::Stated(AudioLevel { voice, level });
        let cases = [
            (stated(true, 30), (true, true)),
            (stated(true, 55), (true, true)),
            (stated(true, 56), (false, false)),
            (stated(false, 50), (false, false)),
            (stated(false, 0), (false, false)),
            (Sound::Unstated, (true, false)),
            (Sound::Silence, (false, false)),
        ];
        let now = crate::runtime::clock::now();
        for (sound, (voice, by_word)) in cases {
            let mut speaker = Speaker::default();
            assert_eq!(speaker.hear(sound, now), Voiced { voice, stated: by_word }, "{sound:?}");
            assert_eq!((speaker.voiced(now), speaker.stated(now)), (voice, by_word), "{sound:?}");
            assert_eq!(speaker.stated_at().is_some(), by_word);
        }
    }

    #[test]
    fn silence_is_silent_whatever_is_stated_and_the_codec_speaks_where_nobody_else_does() {
        let loud = AudioLevel { voice: true, level: 20 };
        let hiss = AudioLevel { voice: false, level: 50 };
        let digital = [0xF8, 0xFF, 0xFE];
        let (voice, breath, tone) = ([0x78, 0x80, 1, 2, 3], [0x78, 0x00, 1, 2, 3], [0xFC, 0x12, 1, 2, 3]);
        for stated in [None, Some(loud), Some(hiss)] {
            assert_eq!(Sound::of(stated, &digital), Sound::Silence);
            assert_eq!(Sound::of(stated, &[0x78]), Sound::Silence);
        }
        for payload in [voice, breath, tone] {
            assert_eq!(Sound::of(Some(loud), &payload), Sound::Stated(loud));
            assert_eq!(Sound::of(Some(hiss), &payload), Sound::Stated(hiss));
        }
        assert_eq!(Sound::of(None, &voice), Sound::Unstated);
        assert_eq!(Sound::of(None, &breath), Sound::Silence);
        assert_eq!(Sound::of(None, &tone), Sound::Unstated);
        assert_eq!(
            (Sound::of_opaque(None), Sound::of_opaque(Some(loud))),
            (Sound::Unstated, Sound::of(Some(loud), &tone))
        );
    }

    #[test]
    fn an_assumed_voice_goes_behind_a_stated_one() {
        let now = crate::runtime::clock::now();
        let (mut assumed, mut stated) = (Speaker::default(), Speaker::default());
        assumed.hear(Sound::Unstated, now);
        stated.hear(voice(44), now);
        assert_eq!(assumed.loudness(now), -i16::from(ASSUMED_LEVEL));
        assert!(stated.loudness(now) >= assumed.loudness(now) + super::super::slots::HYSTERESIS_DB);
    }

    fn voice(level: u8) -> Sound {
        Sound::Stated(AudioLevel { voice: true, level })
    }
}
