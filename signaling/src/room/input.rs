//! An input is everything that can happen to a room: someone joins, acts or vanishes, the media plane tells, time passes.

use crate::ids::{Identity, RequestId, SeatIndex, SessionId};

use super::fact::MediaFact;
use super::rank::Rank;
use super::settings::SeatMode;

/// Everything that can happen to a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A token was good and someone wants in.
    Join(Join),
    /// A joined session asks for something.
    Act {
        /// Who asks.
        session: SessionId,
        /// Which of its requests this is.
        request: RequestId,
        /// What it asks.
        act: Act,
    },
    /// A session's socket is gone without `leave`.
    Detached {
        /// Whose.
        session: SessionId,
    },
    /// The media plane tells something.
    Media(MediaFact),
    /// The time that [`next_timeout`](super::Room::next_timeout) named has come.
    Timeout,
}

/// Someone who wants in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Join {
    /// The new session.
    pub session: SessionId,
    /// Who it is, by the token.
    pub identity: Identity,
    /// The name to show.
    pub name: String,
    /// The token's rank. It counts at the identity's first join only.
    pub rank_claim: Rank,
    /// May ever hold a seat.
    pub can_publish: bool,
    /// May hear.
    pub can_subscribe: bool,
    /// Is not shown to others; can then hold no seat.
    pub hidden: bool,
    /// The request that the welcome answers.
    pub request: RequestId,
    /// Came with an offer. A console has no media.
    pub has_media: bool,
    /// Its microphone is open and may be aired as soon as it is asked to the stage.
    pub mic_ready: bool,
}

/// What a session can ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Leave the room.
    Leave,
    /// Take an open seat.
    SeatTake {
        /// Which.
        seat: SeatIndex,
    },
    /// Leave one's seat.
    SeatLeave,
    /// Accept the seat that is kept for one.
    SeatConfirm {
        /// Which, if the client says so.
        seat: Option<SeatIndex>,
    },
    /// Decline the seat that is kept for one.
    SeatDecline {
        /// Which, if the client says so.
        seat: Option<SeatIndex>,
    },
    /// Lock a seat.
    SeatLock {
        /// Which.
        seat: SeatIndex,
        /// Also when someone sits there.
        evict: bool,
        /// Only if the seat still has this revision.
        expect_rev: Option<u64>,
    },
    /// Unlock a seat.
    SeatUnlock {
        /// Which.
        seat: SeatIndex,
        /// Only if the seat still has this revision.
        expect_rev: Option<u64>,
    },
    /// Mute a seat, whoever sits there.
    SeatMute {
        /// Which.
        seat: SeatIndex,
        /// Only if the seat still has this revision.
        expect_rev: Option<u64>,
    },
    /// Lift the mute of a seat.
    SeatUnmute {
        /// Which.
        seat: SeatIndex,
        /// Only if the seat still has this revision.
        expect_rev: Option<u64>,
    },
    /// Send whoever holds a seat back to the audience.
    SeatKick {
        /// Which.
        seat: SeatIndex,
        /// Only if the seat still has this revision.
        expect_rev: Option<u64>,
    },
    /// Raise one's hand.
    HandRaise {
        /// The seat one would like.
        wanted_seat: Option<SeatIndex>,
        /// One's microphone may be aired at once.
        mic_ready: bool,
    },
    /// Lower one's hand, or give back the seat that its approval reserved.
    HandLower,
    /// Give someone whose hand is up a seat.
    HandApprove {
        /// Whose hand.
        identity: Identity,
    },
    /// Turn someone's hand down.
    HandDeny {
        /// Whose hand.
        identity: Identity,
    },
    /// Mute a person, wherever they sit.
    MemberMute {
        /// Whom.
        identity: Identity,
    },
    /// Lift a person's mute. It opens no microphone.
    MemberUnmute {
        /// Whom.
        identity: Identity,
    },
    /// Put a person out of the room.
    MemberKick {
        /// Whom.
        identity: Identity,
    },
    /// Mute or unmute oneself.
    MuteSelf {
        /// Muted from now on, or not.
        muted: bool,
    },
    /// Change the room's modes.
    RoomUpdate {
        /// Who may take an open seat.
        seat_mode: Option<SeatMode>,
        /// Whether hands may be raised.
        hands: Option<bool>,
    },
}
