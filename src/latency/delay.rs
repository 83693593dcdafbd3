//! A delay from mouth to ear is the sum of six terms. Each is kept, so that the greatest can be named.
//!
//! ```text
//! mouth ─device─ encoder ─uplink─► server ─downlink─► jitter buffer ─device─ ear
//!                framing          residence
//! ```
//!
//! A client's word counts at its own ear only. So the mouth is made of what was measured, and the speaking side of a delay ends at an ear that is the same
//! for everyone: no word of a listener changes what a speaker is told, and no word of a speaker what a listener is told.

/// A part of the way, in its order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Term {
    /// From the speaker to the server.
    Uplink,
    /// Until the encoder has a whole packet.
    Framing,
    /// Within the server.
    Residence,
    /// From the server to the listener.
    Downlink,
    /// In the listener's jitter buffer.
    JitterBuffer,
    /// In microphone and loudspeaker, with their drivers.
    Device,
}

impl Term {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Uplink, Self::Framing, Self::Residence, Self::Downlink, Self::JitterBuffer, Self::Device];

    /// Its name.
    pub fn label(self) -> &'static str {
        match self {
            Self::Uplink => "uplink",
            Self::Framing => "framing",
            Self::Residence => "residence",
            Self::Downlink => "downlink",
            Self::JitterBuffer => "jitter_buffer",
            Self::Device => "device",
        }
    }
}

/// The speaker's part: what it takes to the server, whoever listens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mouth {
    /// One way, in milliseconds.
    pub uplink_ms: f64,
    /// How much audio a packet holds, in milliseconds.
    pub frame_ms: f64,
}

/// The listener's part: what it takes from the server, whoever speaks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ear {
    /// One way, in milliseconds.
    pub downlink_ms: f64,
    /// How long its jitter buffer holds audio, if it told.
    pub jitter_buffer_ms: Option<f64>,
    /// How unevenly packets reach it, in milliseconds.
    pub jitter_ms: f64,
    /// What its devices add, if it told.
    pub device_ms: Option<f64>,
}

impl Ear {
    /// An ear beside the server, with a quiet network and usual devices.
    pub const NEAR: Self = Self { downlink_ms: 0.0, jitter_buffer_ms: None, jitter_ms: 0.0, device_ms: None };
}

/// One delay, term by term, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Delay {
    terms: [f64; 6],
    /// The listener has not told how long its jitter buffer holds audio: that term is a guess.
    pub estimated: bool,
}

impl Delay {
    /// What one ear hears of one mouth through a server that holds packets for so long.
    pub fn between(mouth: &Mouth, residence_ms: f64, ear: &Ear) -> Self {
        let frame_ms = sound(mouth.frame_ms).clamp(FRAME_MIN_MS, FRAME_MAX_MS);
        let framing = frame_ms + LOOK_AHEAD_MS;
        // A buffer that nobody told of holds what its keeper needs: two jitters and a packet, and browsers never much less than 40 ms.
        let guess = JITTER_BUFFER_MIN_MS.max(2.0 * sound(ear.jitter_ms) + framing);
        // A half of each, as the way begins at one and ends at the other. Only its owner could tell how much the mouth's adds.
        let devices = DEVICE_MS / 2.0 + ear.device_ms.map_or(DEVICE_MS, sound) / 2.0;
        Self {
            terms: [
                sound(mouth.uplink_ms),
                framing,
                sound(residence_ms),
                sound(ear.downlink_ms),
                ear.jitter_buffer_ms.map_or(guess, sound),
                devices,
            ],
            estimated: ear.jitter_buffer_ms.is_none(),
        }
    }

    /// One term.
    pub fn term(&self, term: Term) -> f64 {
        self.terms[term as usize]
    }

    /// The whole.
    pub fn total_ms(&self) -> f64 {
        self.terms.iter().sum()
    }

    /// The greatest term; of equal ones the first on the way.
    pub fn dominant(&self) -> Term {
        let mut greatest = Term::Uplink;
        for term in Term::ALL {
            if self.term(term) > self.term(greatest) {
                greatest = term;
            }
        }
        greatest
    }
}

/// Whatever was told, a term is a number, not negative, and within a minute.
fn sound(ms: f64) -> f64 {
    if ms.is_finite() { ms.clamp(0.0, TERM_MAX_MS) } else { 0.0 }
}

/// libopus' look-ahead at 48 kHz for voice and audio: 312 samples (what `OPUS_GET_LOOKAHEAD` answers).
pub const LOOK_AHEAD_MS: f64 = 6.5;
/// What microphone and loudspeaker add where the client does not tell. Android's 20 most popular phones had 39 ms from microphone to loudspeaker on
/// average in January 2021 (Android Developers Blog, "An update on Android's audio latency", March 2021); wired devices of desktops are alike.
pub const DEVICE_MS: f64 = 40.0;
/// How much audio a packet holds where nothing is known yet: what browsers send.
pub const FRAME_MS: f64 = 20.0;
/// What Opus packets may hold (RFC 6716 section 2.1.4).
const FRAME_MIN_MS: f64 = 2.5;
const FRAME_MAX_MS: f64 = 120.0;
/// A browser's jitter buffer on a quiet network.
pub const JITTER_BUFFER_MIN_MS: f64 = 40.0;
const TERM_MAX_MS: f64 = 60_000.0;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn near() -> (Mouth, Ear) {
        (
            Mouth { uplink_ms: 30.0, frame_ms: 20.0 },
            Ear { downlink_ms: 25.0, jitter_buffer_ms: Some(50.0), jitter_ms: 2.0, device_ms: None },
        )
    }

    #[test]
    fn a_delay_is_the_sum_of_its_terms_and_the_greatest_is_named() {
        let (mouth, ear) = near();
        let delay = Delay::between(&mouth, 0.5, &ear);
        assert!((delay.total_ms() - (30.0 + 26.5 + 0.5 + 25.0 + 50.0 + 40.0)).abs() < 1e-9);
        assert_eq!((delay.dominant(), delay.estimated), (Term::JitterBuffer, false));
        let far = Delay::between(&Mouth { uplink_ms: 150.0, ..mouth }, 0.5, &ear);
        assert_eq!(far.dominant(), Term::Uplink);
        let lazy = Delay::between(&mouth, 0.5, &Ear { device_ms: Some(300.0), ..ear });
        assert!((lazy.term(Term::Device) - 170.0).abs() < 1e-9, "a half of the listener's, a half of the constant");
    }

    #[test]
    fn who_never_told_of_a_jitter_buffer_is_given_one_and_it_says_so() {
        let (mouth, ear) = near();
        let quiet = Delay::between(&mouth, 0.0, &Ear { jitter_buffer_ms: None, ..ear });
        assert!((quiet.term(Term::JitterBuffer) - 40.0).abs() < 1e-9 && quiet.estimated);
        let uneven = Delay::between(&mouth, 0.0, &Ear { jitter_buffer_ms: None, jitter_ms: 30.0, ..ear });
        assert!((uneven.term(Term::JitterBuffer) - 86.5).abs() < 1e-9);
    }

    proptest! {
        #[test]
        fn no_word_of_a_client_makes_a_delay_something_else_than_a_number(
            numbers in proptest::array::uniform7(proptest::num::f64::ANY), told in any::<[bool; 2]>(),
        ) {
            let [up, frame, residence, down, jitter, buffer, device] = numbers;
            let mouth = Mouth { uplink_ms: up, frame_ms: frame };
            let ear = Ear {
                downlink_ms: down,
                jitter_buffer_ms: told[0].then_some(buffer),
                jitter_ms: jitter,
                device_ms: told[1].then_some(device),
            };
            let delay = Delay::between(&mouth, residence, &ear);
            prop_assert!(delay.total_ms().is_finite() && delay.total_ms() >= 0.0);
            let most = Term::ALL.into_iter().map(|term| delay.term(term)).fold(0.0, f64::max);
            prop_assert!((delay.term(delay.dominant()) - most).abs() < 1e-9);
        }
    }
}
