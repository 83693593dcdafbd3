//! What the control plane tells an engine. Each command is whole and may be repeated without harm.

use std::time::Instant;

use crate::router::Csrc;
use crate::sdp::Negotiated;
use crate::transport::ice_lite::Credentials;

/// Names one transport for as long as the process lives. Travels between the bridge and the engines; never on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TransportKey(pub u64);

/// Names one room for as long as the process lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RoomKey(pub u64);

/// What an engine is told to do.
#[derive(Debug)]
pub enum Command {
    /// A participant is about to connect.
    Open(Box<Open>),
    /// A participant is gone. Unknown keys are ignored.
    Close(TransportKey),
    /// The room's stage, whole. An older revision than the present one is ignored.
    Plan(Plan),
    /// A participant has changed its network and is given new ICE credentials. Unknown keys are ignored.
    Restart(Restart),
    /// The room is over: its plan is forgotten and its transports close.
    CloseRoom(RoomKey),
    /// How far to go to spare the machine. The newest counts.
    Ladder(Ladder),
}

/// What is given up, in order, so that those on stage go on undisturbed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ladder {
    /// So many slots for whoever holds no seat; as many as were agreed on, if none.
    pub audience_slots: Option<u8>,
}

/// Everything one transport needs, randomness included.
#[derive(Debug)]
pub struct Open {
    /// Its name.
    pub transport: TransportKey,
    /// Whose packets it hears and who hears its.
    pub room: RoomKey,
    /// Our half of the ICE credentials.
    pub credentials: Credentials,
    /// What offer and answer agreed on.
    pub negotiated: Negotiated,
    /// Our SSRC in reports while no slot sends.
    pub report_ssrc: u32,
    /// Our canonical name (RFC 3550 section 6.5.1).
    pub cname: String,
    /// One random number a slot: where its sequence numbers and timestamps begin.
    pub slot_randoms: Vec<u64>,
    /// When the join's stages began to count.
    pub asked_at: Instant,
}

/// New ICE credentials for a transport. Its keys and streams stay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restart {
    /// Whose.
    pub transport: TransportKey,
    /// Our half.
    pub credentials: Credentials,
    /// The client's new user fragment.
    pub remote_ufrag: String,
}

/// The stage of one room as the media plane needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Whose stage.
    pub room: RoomKey,
    /// Grows with every change.
    pub revision: u64,
    /// What becomes of the others while a seat with priority speaks.
    pub interrupt: Interrupt,
    /// Occupied seats only.
    pub seats: Vec<PlannedSeat>,
    /// When what caused this plan was asked for.
    pub asked_at: Instant,
}

/// What becomes of the others while a seat with priority speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Interrupt {
    /// Nothing.
    #[default]
    Off,
    /// The control plane is told, so that clients can lower them.
    Duck,
    /// They are not forwarded.
    Hold,
}

/// One occupied seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlannedSeat {
    /// The seat's number, as listeners are told it.
    pub seat: u8,
    /// Whose packets go out from it.
    pub transport: TransportKey,
    /// This occupancy.
    pub csrc: Csrc,
    /// Whether packets go out at all.
    pub open: bool,
    /// Hosts and cohosts go first to the slots, and may interrupt.
    pub priority: bool,
}
