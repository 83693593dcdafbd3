//! The seam to the media plane: what signaling asks of it, and what it reports.
//!
//! Signaling does not know who implements this. Both sides speak of sessions; neither sees the other's types.

use std::{future::Future, pin::Pin, time::Instant};

pub use crate::room::{MediaFact, PlannedSeat, SlotView, StagePlan};

use crate::{
    ids::{Identity, RoomId, SessionId},
    monitor::{LatencyMonitor, Unwatched},
};

/// A transport that is wanted for a session about to join.
#[derive(Clone)]
pub struct OpenTransport {
    /// The room it is for.
    pub room: RoomId,
    /// The session it belongs to.
    pub session: SessionId,
    /// Whose session that is.
    pub identity: Identity,
    /// The session description that the client offers.
    pub offer: String,
    /// Whether its microphone section may ever carry anything.
    pub can_publish: bool,
    /// Whether it is sent the voices of others.
    pub can_subscribe: bool,
    /// Whether nobody in the room may learn of them.
    pub hidden: bool,
}

/// New ICE credentials that are wanted for a transport whose client has changed its network (RFC 8445 section 2.4). Keys and streams stay.
#[derive(Clone)]
pub struct RestartIce {
    /// The room it is in.
    pub room: RoomId,
    /// The session it belongs to.
    pub session: SessionId,
    /// The session description that the client offers, with its new credentials.
    pub offer: String,
}

/// A transport that stands ready for the client's first packet.
#[derive(Clone)]
pub struct Opened {
    /// The answer to the offer.
    pub answer: String,
}

/// Why there is no transport.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MediaRefusal {
    /// The offer cannot be answered; the text says why and is safe to show.
    InvalidOffer(String),
    /// No room for another one.
    Full,
    /// The media plane does not answer.
    Unavailable,
    /// The session has no transport any more.
    Gone,
}

/// What [`MediaPlane::open`] returns.
pub type MediaFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What signaling asks of the media plane. No call may block; closing what is not open does nothing.
pub trait MediaPlane: Send + Sync + 'static {
    /// Makes a transport for a session and answers its offer.
    fn open(&self, request: OpenTransport) -> MediaFuture<'_, Result<Opened, MediaRefusal>>;

    /// Gives the transport of a session new ICE credentials and answers its offer. The old ones hold until a check with the new ones has come.
    fn restart(&self, request: RestartIce) -> MediaFuture<'_, Result<Opened, MediaRefusal>>;

    /// Ends the transport of a session.
    fn close(&self, room: &RoomId, session: &SessionId);

    /// Makes a room's stage what the plan says, unless a newer plan came before. What was asked for at `asked_at` caused it.
    fn apply(&self, plan: StagePlan, asked_at: Instant);

    /// Forgets a room and ends every transport in it.
    fn room_closed(&self, room: &RoomId);

    /// Who watches the delays of what this carries.
    fn monitor(&self) -> &dyn LatencyMonitor {
        &Unwatched
    }
}
