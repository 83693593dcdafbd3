//! A speaker is how loud one publisher has lately been.
//!
//! It smooths the levels that packets carry (RFC 6464), so that a cough takes no slot and a pause loses none. It knows nothing of slots.

use std::time::{Duration, Instant};

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

/// The smoothed loudness of one publisher.
#[derive(Clone, Debug, Default)]
pub struct Speaker {
    /// Sixteenths of a dB, so that integer smoothing still converges.
    smoothed: Option<i32>,
    voiced_at: Option<Instant>,
    heard_at: Option<Instant>,
}

impl Speaker {
    /// Takes the level of one packet, `-dBov` as it stands on the wire: 0 (loudest) to 127. Says whether it counts as voice.
    pub fn hear(&mut self, level: u8, now: Instant) -> bool {
        let sample = -i32::from(level.min(127)) * SCALE;
        self.smoothed = Some(match self.smoothed {
            // Loud is believed faster than quiet: a word must win a slot at its start and keep it through its pauses.
            Some(old) if sample > old => old + (sample - old) / ATTACK,
            Some(old) => old + (sample - old) / RELEASE,
            None => sample,
        });
        self.heard_at = Some(now);
        let voice = -i32::from(level) >= i32::from(VOICED_FROM);
        if voice {
            self.voiced_at = Some(now);
        }
        voice
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

    /// When the last packet of voice came.
    pub fn voiced_at(&self) -> Option<Instant> {
        self.voiced_at
    }

    /// How this speaker stands when slots are given out.
    pub fn standing(&self, priority: bool, now: Instant) -> Standing {
        Standing { priority, loudness: self.loudness(now), voiced: self.voiced(now) }
    }
}

/// No sound at all.
pub const SILENCE: Dbov = -127;
/// A packet at least this loud counts as voice.
pub const VOICED_FROM: Dbov = -55;
/// A pause shorter than this does not end a word.
const HANGOVER: Duration = Duration::from_millis(400);
/// Without a packet for this long, a speaker is silent.
const STALE_AFTER: Duration = Duration::from_millis(600);
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
            speaker.hear(127, start + Duration::from_millis(n * 20));
        }
        let word = start + Duration::from_millis(200);
        for n in 0..5 {
            speaker.hear(20, word + Duration::from_millis(n * 20));
        }
        let after_word = word + Duration::from_millis(100);
        assert!(speaker.loudness(after_word) > -30, "{}", speaker.loudness(after_word));
        for n in 0..5 {
            speaker.hear(127, after_word + Duration::from_millis(n * 20));
        }
        let in_pause = after_word + Duration::from_millis(100);
        assert!(speaker.loudness(in_pause) > -60, "{}", speaker.loudness(in_pause));
        assert!(speaker.voiced(in_pause));
    }

    #[test]
    fn nobody_is_loud_who_sends_nothing() {
        let start = crate::runtime::clock::now();
        let mut speaker = Speaker::default();
        speaker.hear(10, start);
        assert_eq!(speaker.loudness(start + Duration::from_millis(700)), SILENCE);
        assert!(!speaker.voiced(start + Duration::from_millis(400)));
    }
}
