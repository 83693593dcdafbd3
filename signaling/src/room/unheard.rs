//! Why someone on an open seat is unheard: the media plane drops every packet that they send.

/// Why the last packet was dropped. The codes are those of the server's metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UnheardWhy {
    /// Larger than any path carries unfragmented.
    TooLarge,
    /// The keys are not agreed yet.
    NoKeys,
    /// No RTP packet that can be read.
    RtpMalformed,
    /// Not sealed with the agreed keys.
    SrtpAuth,
    /// Sent before, or too old.
    SrtpReplayed,
    /// The offer had no microphone.
    NoMicrophone,
    /// A payload type that was not agreed.
    PayloadType,
    /// The SSRC changes too often, or is one that was given up.
    Ssrc,
    /// More packets or bytes than a voice needs.
    Budget,
    /// The server is behind by so much that it would come too late.
    Stale,
    /// Its sequence numbers jump about.
    Stray,
    /// The life of the keys is over.
    Protect,
}

impl UnheardWhy {
    /// The name on the wire.
    pub fn code(self) -> &'static str {
        match self {
            Self::TooLarge => "too_large",
            Self::NoKeys => "no_keys",
            Self::RtpMalformed => "rtp_malformed",
            Self::SrtpAuth => "srtp_auth",
            Self::SrtpReplayed => "srtp_replayed",
            Self::NoMicrophone => "no_microphone",
            Self::PayloadType => "payload_type",
            Self::Ssrc => "ssrc",
            Self::Budget => "budget",
            Self::Stale => "stale",
            Self::Stray => "stray",
            Self::Protect => "protect",
        }
    }
}
