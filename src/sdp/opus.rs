//! What a client asks of Opus, and what we ask of it in turn
//! ([RFC 7587, section 6.1](https://www.rfc-editor.org/rfc/rfc7587#section-6.1)).
//!
//! An encoder follows the parameters that the other end states. A client that wants to send music states them in its own
//! offer, so the answer repeats them, within our bounds. Nothing is transcoded: listeners get what the speaker sends.

use std::fmt::{self, Display, Formatter};

/// An Opus payload type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opus {
    /// Its number.
    pub payload_type: u8,
    /// Its format parameters.
    pub format: OpusFormat,
}

/// Format parameters of Opus, as far as an answer repeats them. `None` means that the client states nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OpusFormat {
    /// Whether two channels are wanted.
    pub stereo: Option<bool>,
    /// Whether the writer is likely to send two channels.
    pub sprop_stereo: Option<bool>,
    /// The highest average bit rate, in bit/s.
    pub average_bitrate_max: Option<u32>,
    /// Whether silence is left out.
    pub dtx: Option<bool>,
    /// Whether packets carry a copy of the one before.
    pub fec: Option<bool>,
    /// Whether the bit rate is constant.
    pub cbr: Option<bool>,
    /// The shortest packet, in ms.
    pub packet_min_ms: Option<u32>,
}

/// The length of packets that a section asks for, in ms.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PacketTime {
    /// `a=ptime`.
    pub preferred_ms: Option<u32>,
    /// `a=maxptime`.
    pub max_ms: Option<u32>,
}

impl OpusFormat {
    /// Reads the value of an `a=fmtp` after its payload type. Parameters that are unknown or malformed count as absent.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut format = Self::default();
        for (name, value) in text.split(';').filter_map(|parameter| parameter.split_once('=')) {
            let value = value.trim();
            let flag = match value {
                "0" => Some(false),
                "1" => Some(true),
                _ => None,
            };
            match name.trim().to_ascii_lowercase().as_str() {
                "stereo" => format.stereo = flag,
                "sprop-stereo" => format.sprop_stereo = flag,
                "maxaveragebitrate" => format.average_bitrate_max = value.parse().ok(),
                "usedtx" => format.dtx = flag,
                "useinbandfec" => format.fec = flag,
                "cbr" => format.cbr = flag,
                "minptime" => format.packet_min_ms = value.parse().ok(),
                _ => {}
            }
        }
        format
    }

    /// Returns our own parameters in an answer to these. `we_send`: the section carries a voice to the client.
    #[must_use]
    pub fn answered(self, we_send: bool) -> Self {
        let takes_stereo = self.stereo == Some(true);
        // A sender reads `stereo`; a client that announces two channels wants them taken.
        let stereo = takes_stereo || self.sprop_stereo == Some(true);
        Self {
            stereo: stereo.then_some(true),
            sprop_stereo: (we_send && takes_stereo).then_some(true),
            average_bitrate_max: self.average_bitrate_max.map(|rate| rate.clamp(BITRATE_MIN, BITRATE_MAX)),
            dtx: Some(self.dtx.unwrap_or(true)),
            fec: Some(self.fec.unwrap_or(true)),
            cbr: self.cbr.filter(|cbr| *cbr),
            packet_min_ms: self.packet_min_ms.map(|ms| ms.clamp(PACKET_MIN_MS, PACKET_MAX_MS)),
        }
    }
}

impl Display for OpusFormat {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let flag = |flag: Option<bool>| flag.map(u32::from);
        let parameters = [
            ("minptime", self.packet_min_ms),
            ("useinbandfec", flag(self.fec)),
            ("usedtx", flag(self.dtx)),
            ("stereo", flag(self.stereo)),
            ("sprop-stereo", flag(self.sprop_stereo)),
            ("maxaveragebitrate", self.average_bitrate_max),
            ("cbr", flag(self.cbr)),
        ];
        let mut separator = "";
        for (name, value) in parameters {
            if let Some(value) = value {
                write!(f, "{separator}{name}={value}")?;
                separator = ";";
            }
        }
        Ok(())
    }
}

impl PacketTime {
    /// Reads the values of `a=ptime` and `a=maxptime`.
    pub(super) fn parse(preferred: Option<&str>, max: Option<&str>) -> Self {
        // RFC 8866 section 6.4 allows fractions, such as 2.5.
        let read = |text: Option<&str>| {
            let ms = text?.trim().parse::<f64>().ok()?;
            // A cast of a float saturates, and what is no number becomes 0.
            (ms > 0.0).then_some(ms.ceil() as u32)
        };
        Self { preferred_ms: read(preferred), max_ms: read(max) }
    }

    /// Returns our own packet times in an answer to these.
    #[must_use]
    pub fn answered(self) -> Self {
        let within = |ms: u32| ms.clamp(PACKET_MIN_MS, PACKET_MAX_MS);
        let preferred_ms = self.preferred_ms.map(within);
        let max_ms = self.max_ms.map(|ms| within(ms).max(preferred_ms.unwrap_or_default()));
        Self { preferred_ms, max_ms }
    }
}

/// What RFC 7587 allows at least, in bit/s.
const BITRATE_MIN: u32 = 6_000;
/// The most that a voice may take, in bit/s. The packet budget of a track has room for it.
const BITRATE_MAX: u32 = 256_000;
/// Shorter packets would be more a second than a track may send.
const PACKET_MIN_MS: u32 = 10;
/// The longest packet that Opus knows.
const PACKET_MAX_MS: u32 = 120;

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(offered: &str) -> String {
        OpusFormat::parse(offered).answered(false).to_string()
    }

    #[test]
    fn a_client_that_asks_for_nothing_is_asked_for_speech() {
        assert_eq!(answered(""), "useinbandfec=1;usedtx=1");
        assert_eq!(answered("minptime=10;useinbandfec=1"), "minptime=10;useinbandfec=1;usedtx=1");
        assert_eq!(answered("maxplaybackrate=48000"), "useinbandfec=1;usedtx=1");
    }

    #[test]
    fn what_a_client_asks_for_is_repeated() {
        let music = "minptime=10; useinbandfec=0;stereo=1;sprop-stereo=1 ;maxaveragebitrate=192000;USEDTX=0;cbr=1";
        let expected = "minptime=10;useinbandfec=0;usedtx=0;stereo=1;maxaveragebitrate=192000;cbr=1";
        assert_eq!(answered(music), expected);
        assert_eq!(answered("stereo=0;cbr=0;usedtx=1"), "useinbandfec=1;usedtx=1");
    }

    #[test]
    fn a_client_that_announces_stereo_may_send_it_and_one_that_takes_it_is_told_of_it() {
        assert_eq!(answered("sprop-stereo=1"), "useinbandfec=1;usedtx=1;stereo=1");
        let slot = OpusFormat::parse("stereo=1").answered(true).to_string();
        assert_eq!(slot, "useinbandfec=1;usedtx=1;stereo=1;sprop-stereo=1");
    }

    #[test]
    fn the_bit_rate_is_bounded_and_nonsense_counts_as_absent() {
        for (asked, said) in [
            ("510000", ";maxaveragebitrate=256000"),
            ("256001", ";maxaveragebitrate=256000"),
            ("256000", ";maxaveragebitrate=256000"),
            ("64000", ";maxaveragebitrate=64000"),
            ("5999", ";maxaveragebitrate=6000"),
            ("0", ";maxaveragebitrate=6000"),
            ("-1", ""),
            ("99999999999", ""),
            ("many", ""),
        ] {
            assert_eq!(answered(&format!("maxaveragebitrate={asked}")), format!("useinbandfec=1;usedtx=1{said}"));
        }
        assert_eq!(answered("stereo=2;usedtx=yes;=;;x=1;minptime=3"), "minptime=10;useinbandfec=1;usedtx=1");
    }

    #[test]
    fn packet_times_are_repeated_within_what_a_track_may_send() {
        let times = |preferred, max| {
            let answered = PacketTime::parse(preferred, max).answered();
            (answered.preferred_ms, answered.max_ms)
        };
        assert_eq!(times(None, None), (None, None));
        assert_eq!(times(Some("60"), Some("120")), (Some(60), Some(120)));
        assert_eq!(times(Some("2.5"), Some("5")), (Some(10), Some(10)));
        assert_eq!(times(Some("40"), Some("20")), (Some(40), Some(40)));
        assert_eq!(times(Some("1000"), Some("1e300")), (Some(120), Some(120)));
        assert_eq!(times(Some("0"), Some("NaN")), (None, None));
        assert_eq!(times(Some("-20"), Some("x")), (None, None));
    }
}
