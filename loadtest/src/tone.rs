//! A tone is what a synthetic participant says, and what it listens for.
//!
//! [`VoiceEncoder`] turns a [`Voice`] into Opus packets of 20 ms; [`ToneDetector`] decodes what arrived and tells whether a frequency
//! dominates it (Goertzel's algorithm) or whether it is silence. Neither knows of RTP or of time.

use std::collections::VecDeque;
use std::f64::consts::TAU;
use std::time::Duration;

use opus::{Application, Bitrate, Channels, Decoder, Encoder};

/// Opus runs at 48 kHz on the wire, whatever it encodes inside.
pub const SAMPLE_RATE: u32 = 48_000;
/// Samples of one 20 ms packet.
pub const FRAME_SAMPLES: usize = 960;
/// The time one packet covers.
pub const FRAME: Duration = Duration::from_millis(20);

/// What a microphone picks up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Voice {
    /// A sine at −20 dBov.
    Tone {
        /// Its pitch.
        frequency_hz: u32,
    },
    /// Digital silence, sent as packets nevertheless.
    Silence,
}

impl Voice {
    /// A sine of this frequency.
    pub fn tone(frequency_hz: u32) -> Self {
        Self::Tone { frequency_hz }
    }

    /// Loudness as RFC 6464 counts it: 0 is the loudest, 127 is silence.
    pub fn level(self) -> u8 {
        match self {
            Self::Tone { .. } => TONE_LEVEL,
            Self::Silence => 127,
        }
    }

    /// Whether this counts as somebody talking.
    pub fn is_voice(self) -> bool {
        match self {
            Self::Tone { .. } => true,
            Self::Silence => false,
        }
    }
}

/// Encodes a voice, packet by packet.
pub struct VoiceEncoder {
    encoder: Encoder,
    voice: Voice,
    samples_sent: u64,
}

impl VoiceEncoder {
    /// An encoder at the beginning of the voice.
    pub fn new(voice: Voice) -> Result<Self, opus::Error> {
        let mut encoder = Encoder::new(SAMPLE_RATE, Channels::Mono, Application::Voip)?;
        encoder.set_bitrate(Bitrate::Bits(24_000))?;
        Ok(Self { encoder, voice, samples_sent: 0 })
    }

    /// The next 20 ms.
    pub fn next_frame(&mut self) -> Result<Vec<u8>, opus::Error> {
        let mut pcm = [0_i16; FRAME_SAMPLES];
        if let Voice::Tone { frequency_hz } = self.voice {
            for (offset, sample) in (self.samples_sent..).zip(&mut pcm) {
                // A whole number of periods fits into a second, so the phase may start over there.
                let second = (offset % u64::from(SAMPLE_RATE)) as f64 / f64::from(SAMPLE_RATE);
                *sample = (TONE_AMPLITUDE * (TAU * f64::from(frequency_hz) * second).sin()) as i16;
            }
        }
        self.samples_sent += FRAME_SAMPLES as u64;
        self.encoder.encode_vec(&pcm, PACKET_BYTES_MAX)
    }
}

/// Decodes one stream and looks for tones in its last half second.
pub struct ToneDetector {
    decoder: Decoder,
    pcm: VecDeque<f64>,
}

impl ToneDetector {
    /// A detector that heard nothing yet.
    pub fn new() -> Result<Self, opus::Error> {
        Ok(Self { decoder: Decoder::new(SAMPLE_RATE, Channels::Mono)?, pcm: VecDeque::new() })
    }

    /// Decodes one packet.
    pub fn push(&mut self, payload: &[u8]) -> Result<(), opus::Error> {
        let mut pcm = [0_i16; FRAMES_MAX * FRAME_SAMPLES];
        let decoded = self.decoder.decode(payload, &mut pcm, false)?;
        self.pcm.extend(pcm[..decoded].iter().map(|&sample| f64::from(sample) / 32_768.0));
        let excess = self.pcm.len().saturating_sub(WINDOW_SAMPLES);
        self.pcm.drain(..excess);
        Ok(())
    }

    /// The share of all power in the window that a sine of this frequency explains: 1 for a pure tone, near 0 for anything else.
    pub fn power_ratio(&self, frequency_hz: u32) -> f64 {
        let mean_square = self.mean_square();
        if mean_square < SILENCE_MEAN_SQUARE {
            return 0.0;
        }
        let coefficient = 2.0 * (TAU * f64::from(frequency_hz) / f64::from(SAMPLE_RATE)).cos();
        let (mut previous, mut before) = (0.0, 0.0);
        for sample in &self.pcm {
            (previous, before) = (sample + coefficient * previous - before, previous);
        }
        let power = previous * previous + before * before - coefficient * previous * before;
        let samples = self.pcm.len() as f64;
        2.0 * power / (samples * samples * mean_square)
    }

    /// Whether this tone dominates what was heard.
    pub fn hears(&self, frequency_hz: u32) -> bool {
        self.power_ratio(frequency_hz) > 0.5
    }

    /// Whether nothing was heard, or nothing above the noise of a codec.
    pub fn is_silent(&self) -> bool {
        self.mean_square() < SILENCE_MEAN_SQUARE
    }

    fn mean_square(&self) -> f64 {
        if self.pcm.is_empty() {
            return 0.0;
        }
        self.pcm.iter().map(|sample| sample * sample).sum::<f64>() / self.pcm.len() as f64
    }
}

const TONE_LEVEL: u8 = 20;
/// A sine of this amplitude has a root mean square of a tenth of full scale, which is −20 dBov.
const TONE_AMPLITUDE: f64 = 0.1 * std::f64::consts::SQRT_2 * 32_767.0;
/// −60 dBov.
const SILENCE_MEAN_SQUARE: f64 = 1e-6;
const PACKET_BYTES_MAX: usize = 1276;
/// An Opus packet holds at most 120 ms.
const FRAMES_MAX: usize = 6;
const WINDOW_SAMPLES: usize = SAMPLE_RATE as usize / 2;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]

    use super::*;

    #[test]
    fn a_tone_is_heard_and_only_that_tone() {
        let detector = heard(Voice::tone(440));
        assert!(detector.hears(440), "ratio {}", detector.power_ratio(440));
        for other in [220, 350, 523, 880] {
            assert!(detector.power_ratio(other) < 0.1, "{other} Hz: {}", detector.power_ratio(other));
        }
        assert!(!detector.is_silent());
    }

    #[test]
    fn silence_is_silent() {
        let detector = heard(Voice::Silence);
        assert!(detector.is_silent());
        assert!(!detector.hears(440));
        assert!(ToneDetector::new().unwrap().is_silent());
    }

    #[test]
    fn a_tone_is_as_loud_as_it_says() {
        let level = 10.0 * heard(Voice::tone(440)).mean_square().log10();
        assert!((level + f64::from(TONE_LEVEL)).abs() < 1.5, "{level} dBov");
    }

    #[test]
    fn libopus_is_the_bundled_one() {
        assert!(opus::version().contains("1.6"), "{}", opus::version());
    }

    fn heard(voice: Voice) -> ToneDetector {
        let mut encoder = VoiceEncoder::new(voice).unwrap();
        let mut detector = ToneDetector::new().unwrap();
        for _ in 0..50 {
            detector.push(&encoder.next_frame().unwrap()).unwrap();
        }
        detector
    }
}
