//! What an engine tells the control plane.

use std::time::Duration;

use super::command::{RoomKey, TransportKey};
use super::counters::DropReason;
use crate::router::{Csrc, speaker::Dbov};
use crate::transport::secure::SecureFailure;

/// Something the control plane should know. Facts, not orders: the room decides what follows.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A stage of a join was reached, so long after the offer was taken.
    Stage {
        /// Whose join.
        transport: TransportKey,
        /// Which stage.
        stage: Stage,
        /// Time since the transport was asked for.
        after: Duration,
    },
    /// A join is complete.
    JoinEnded {
        /// Whose join.
        transport: TransportKey,
        /// What completed it.
        by: JoinEnd,
        /// Time since the transport was asked for.
        after: Duration,
    },
    /// The first packet of a microphone came.
    TrackLive {
        /// Whose.
        transport: TransportKey,
    },
    /// Nothing authenticated came for 10 s.
    Interrupted {
        /// Whose path is silent.
        transport: TransportKey,
    },
    /// Something authenticated came again.
    Restored {
        /// Whose path is alive again.
        transport: TransportKey,
    },
    /// The transport is over, by its own doing or its silence. It is not reported for a `Close` that was asked for.
    Closed {
        /// Which one.
        transport: TransportKey,
        /// Why.
        reason: CloseReason,
    },
    /// A subscriber's slots carry other voices than before.
    Slots {
        /// Whose slots.
        transport: TransportKey,
        /// Those that carry someone.
        slots: Vec<SlotView>,
    },
    /// Someone with priority began to speak over the others, or ceased to, or another one went on. Only while the plan gives it a meaning.
    Interruption {
        /// Where.
        room: RoomKey,
        /// Who, if someone does.
        by: Option<TransportKey>,
    },
    /// What was measured on a transport since it was last told. Once a report interval, and early after a join.
    Measured {
        /// Which transport.
        transport: TransportKey,
        /// What.
        sample: PathSample,
    },
    /// Someone's gate has opened.
    GateOpened {
        /// Whose.
        transport: TransportKey,
        /// What opened it.
        opening: Opening,
        /// From the asking to the open gate: the server's own part of the time on mic.
        server: Duration,
    },
    /// The first voiced packet since the gate opened was forwarded to someone.
    OnMic {
        /// Whose.
        transport: TransportKey,
        /// What had opened the gate.
        opening: Opening,
        /// From the asking to that packet.
        after: Duration,
    },
    /// Every packet of someone on an open seat has been dropped for a while, or that is over.
    Unheard {
        /// Whose.
        transport: TransportKey,
        /// Why the last one was; none: it is over.
        why: Option<DropReason>,
    },
    /// Who speaks in a room, the loudest first. Sent when it changes, at most three times a second.
    Speakers {
        /// Where.
        room: RoomKey,
        /// Who, and how loud.
        speakers: Vec<(TransportKey, Dbov)>,
    },
}

/// A stage of a join, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stage {
    /// The first authenticated STUN check.
    FirstCheck,
    /// The client has chosen a path (RFC 8445 section 7.3.1.5), or talks DTLS by one without saying so.
    Nominated,
    /// The first DTLS record of the client.
    Handshake,
    /// DTLS is done and keys exist.
    Keys,
    /// The first audio packet went out to the newcomer.
    FirstAudio,
}

/// What was measured on one transport. What is not known is absent.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PathSample {
    /// The newest round trip, and how it was found.
    pub round_trip: Option<(Duration, RoundTripSource)>,
    /// What came of its microphone.
    pub uplink: Option<LinkSample>,
    /// What its reports say of what it got.
    pub downlink: Option<LinkSample>,
    /// How much audio a packet of its microphone carries.
    pub frame: Option<Duration>,
}

/// How one direction was since the last sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LinkSample {
    /// The share of packets that never came, 0 to 1.
    pub loss: f32,
    /// Interarrival jitter (RFC 3550 section 6.4.1).
    pub jitter: Duration,
}

/// How a round trip was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RoundTripSource {
    /// By the flights of the DTLS handshake: once, and with the client's computing in it.
    Handshake,
    /// By receiver reports about our streams (RFC 3550 section 6.4.1).
    Reports,
    /// By extended reports (RFC 3611 sections 4.4 and 4.5).
    ReferenceTime,
}

/// What opens a gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Opening {
    /// Someone came to a seat with an open microphone.
    Seated,
    /// Whoever sat there is muted no longer.
    Unmuted,
}

/// What completes a join.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JoinEnd {
    /// The first audio packet went out to the newcomer.
    FirstAudio,
    /// Keys exist, and nobody was audible then.
    Keys,
}

/// Why a transport ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CloseReason {
    /// 30 s without an authenticated packet.
    Silent,
    /// It never passed a check or never finished its handshake.
    HandshakeTimeout,
    /// The handshake failed, or its certificate is not the one that was offered.
    HandshakeFailed(SecureFailure),
    /// The other side said goodbye.
    Goodbye,
}

/// What one slot carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotView {
    /// The slot's section in the SDP.
    pub mid: String,
    /// The seat that speaks there.
    pub seat: u8,
    /// This occupancy, as the packets' CSRC says it.
    pub csrc: Csrc,
}
