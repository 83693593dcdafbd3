//! An audio level is how loud the sender says a packet is, told in a header extension that stays readable under SRTP
//! ([RFC 6464](https://www.rfc-editor.org/rfc/rfc6464)).

/// The loudness of one packet, as its sender measured it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AudioLevel {
    /// The sender believes that the packet holds speech.
    pub voice: bool,
    /// The level below overload in decibels, 0 (loudest) to 127 (silence): `-dBov`.
    pub level: u8,
}

impl AudioLevel {
    /// Digital silence.
    pub const SILENCE: Self = Self { voice: false, level: LEVEL_MAX };

    /// Reads the value of the extension: one byte, and whatever stands behind it is ignored.
    #[must_use]
    pub fn parse(value: &[u8]) -> Option<Self> {
        let byte = *value.first()?;
        Some(Self { voice: byte & VOICE_BIT != 0, level: byte & LEVEL_MAX })
    }

    /// The value of the extension; a level past 127 is written as 127.
    #[must_use]
    pub fn encode(self) -> u8 {
        let voice = if self.voice { VOICE_BIT } else { 0 };
        voice | self.level.min(LEVEL_MAX)
    }

    /// The level as the signed number that people read, -127 to 0 dBov.
    #[must_use]
    pub fn dbov(self) -> i8 {
        let level = i8::try_from(self.level.min(LEVEL_MAX)).expect("a level fits seven bits");
        -level
    }
}

const VOICE_BIT: u8 = 0x80;
const LEVEL_MAX: u8 = 127;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_round_trips() {
        for byte in 0..=255u8 {
            let level = AudioLevel::parse(&[byte]).expect("one byte is a level");
            assert_eq!(level.encode(), byte);
            assert_eq!(i16::from(level.dbov()), -i16::from(byte & 0x7f));
        }
        assert_eq!(AudioLevel::parse(&[]), None);
        assert_eq!(AudioLevel::parse(&[0x85, 9, 9]), AudioLevel::parse(&[0x85]));
    }
}
