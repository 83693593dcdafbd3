//! How the room sounds to someone: the delay from mouth to ear with what causes most of it, and how good their connection is.
//!
//! The room only passes on what the latency monitor found out. It measures nothing.

/// The delay from mouth to ear as one participant has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LatencyState {
    /// How it feels.
    pub class: DelayClass,
    /// Milliseconds from a mouth to an ear.
    pub mouth_to_ear_ms: u32,
    /// The greatest part of it.
    pub dominant_term: DelayTerm,
    /// Which way it was measured.
    pub side: DelaySide,
    /// Part of it is a documented guess: the client has not told how long its jitter buffer holds audio.
    pub estimated: bool,
}

/// How a delay feels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DelayClass {
    /// Within 200 ms: a conversation.
    Natural,
    /// Within 500 ms: people begin to speak at once.
    Ok,
    /// Beyond: it lags.
    Laggy,
}

impl DelayClass {
    /// The name on the wire.
    pub fn code(self) -> &'static str {
        match self {
            Self::Natural => "natural",
            Self::Ok => "ok",
            Self::Laggy => "laggy",
        }
    }
}

/// A part of the way from mouth to ear.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DelayTerm {
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

impl DelayTerm {
    /// The name on the wire.
    pub fn code(self) -> &'static str {
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

/// Which way a participant's delay was measured: the worse of the two is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DelaySide {
    /// As they hear others.
    Hearing,
    /// As others hear them.
    Speaking,
}

impl DelaySide {
    /// The name on the wire.
    pub fn code(self) -> &'static str {
        match self {
            Self::Hearing => "hearing",
            Self::Speaking => "speaking",
        }
    }
}

/// How good a participant's connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ConnectionQuality {
    /// Nothing to hear of it.
    Excellent,
    /// Now and then something is missing.
    Good,
    /// Hard to follow.
    Poor,
    /// Nothing comes.
    Lost,
}

impl ConnectionQuality {
    /// The name on the wire.
    pub fn code(self) -> &'static str {
        match self {
            Self::Excellent => "excellent",
            Self::Good => "good",
            Self::Poor => "poor",
            Self::Lost => "lost",
        }
    }
}
