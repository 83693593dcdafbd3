//! An event is something that happened and that people are told.
//!
//! Events that carry a `seq` are the room's log; the others are passing words (a cue, a level) that may be lost.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::ids::{Identity, SeatIndex};

use super::settings::SeatMode;
use super::view::{AudienceView, HandView, ParticipantView, ReservedWhy, SeatView, SelfView};

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A seat, its holder or its mutes changed. In the log, for everyone.
    SeatChanged {
        /// How it came about.
        cause: SeatCause,
        /// Who did it, if it was a person.
        by: Option<Identity>,
        /// The seat as it is now.
        seat: SeatView,
    },
    /// A seat is open. Worked out for each recipient.
    SeatCue {
        /// Which.
        seat: SeatIndex,
        /// Whether the recipient can have it.
        can_join: CanJoin,
    },
    /// A seat is kept for the recipient, who is to confirm.
    SeatOffer {
        /// Which.
        seat: SeatIndex,
        /// Why.
        why: ReservedWhy,
        /// How long.
        expires_in: Duration,
    },
    /// The recipient's place in the queue, from 1.
    HandPosition {
        /// The place.
        position: usize,
    },
    /// A hand changed. In the log, for hosts and cohosts; without a number to its owner, when others or time decided on it.
    HandChanged {
        /// What became of it.
        change: HandChange,
        /// The hand.
        hand: HandView,
        /// How many are pending now.
        count: usize,
    },
    /// A person with a rank came (or came back under another name). In the log, for everyone.
    ParticipantJoined {
        /// Who.
        participant: ParticipantView,
    },
    /// A person with a rank, or one on stage, has left the room. In the log, for everyone.
    ParticipantLeft {
        /// Who.
        identity: Identity,
        /// How.
        reason: LeftReason,
    },
    /// The room's modes changed. In the log, for everyone.
    RoomUpdated {
        /// Who did it.
        by: Option<Identity>,
        /// Who may take an open seat.
        seat_mode: SeatMode,
        /// Whether hands may be raised.
        hands: bool,
    },
    /// The audience now.
    Audience(AudienceView),
    /// Whom the recipient's slots carry.
    Slots {
        /// The slots that carry someone.
        slots: Vec<Slot>,
    },
    /// Who speaks, the loudest first.
    Speakers {
        /// The people.
        speakers: Vec<Speaker>,
    },
    /// The recipient's own state changed.
    SelfChanged(SelfView),
}

/// How a change of a seat came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SeatCause {
    /// Someone took it, or got it at once by an approval.
    Taken,
    /// It was kept for someone, who confirmed.
    Confirmed,
    /// It is kept for someone.
    Reserved,
    /// It is no longer kept for someone: declined, expired, given back.
    Released,
    /// Its holder left it.
    Left,
    /// Its holder was sent off it.
    KickedOff,
    /// It was locked.
    Locked,
    /// It was unlocked.
    Unlocked,
    /// The seat was muted.
    Muted,
    /// The seat's mute was lifted.
    Unmuted,
    /// Its holder was muted by a host or cohost.
    MemberMuted,
    /// Its holder's mute was lifted.
    MemberUnmuted,
    /// Its holder muted themselves.
    SelfMuted,
    /// Its holder unmuted themselves.
    SelfUnmuted,
    /// A new session of its holder took it over.
    TakenOver,
    /// Its holder's media is lost; it is kept for a while.
    Interrupted,
    /// Its holder's media is back.
    Restored,
    /// Its holder did not come back in time.
    Lost,
    /// Its holder's rank changed.
    Rank,
}

impl SeatCause {
    /// The name on the wire.
    pub fn code(self) -> &'static str {
        match self {
            Self::Taken => "taken",
            Self::Confirmed => "confirmed",
            Self::Reserved => "reserved",
            Self::Released => "released",
            Self::Left => "left",
            Self::KickedOff => "kicked_off",
            Self::Locked => "locked",
            Self::Unlocked => "unlocked",
            Self::Muted => "muted",
            Self::Unmuted => "unmuted",
            Self::MemberMuted => "member_muted",
            Self::MemberUnmuted => "member_unmuted",
            Self::SelfMuted => "self_muted",
            Self::SelfUnmuted => "self_unmuted",
            Self::TakenOver => "taken_over",
            Self::Interrupted => "interrupted",
            Self::Restored => "restored",
            Self::Lost => "lost",
            Self::Rank => "rank",
        }
    }
}

/// What became of a hand. All but `Raised` and `Changed` are final.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HandChange {
    /// It went up.
    Raised,
    /// It is still up, but is not as it was: another name, microphone or wish.
    Changed,
    /// Its owner lowered it, or took a seat without it.
    Lowered,
    /// A seat was given for it.
    Approved,
    /// It was turned down.
    Denied,
    /// It was up too long.
    Expired,
    /// Its owner has gone, or may no longer speak.
    Gone,
}

impl HandChange {
    /// The name on the wire.
    pub fn code(self) -> &'static str {
        match self {
            Self::Raised => "raised",
            Self::Changed => "changed",
            Self::Lowered => "lowered",
            Self::Approved => "approved",
            Self::Denied => "denied",
            Self::Expired => "expired",
            Self::Gone => "gone",
        }
    }
}

/// Whether someone can have an open seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CanJoin {
    /// By taking it.
    Yes,
    /// By raising a hand.
    Apply,
    /// Not now.
    No(CannotJoin),
}

impl CanJoin {
    /// The name on the wire.
    pub fn code(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::Apply => "apply",
            Self::No(_) => "no",
        }
    }

    /// Why not, if not.
    pub fn why(self) -> Option<&'static str> {
        match self {
            Self::Yes | Self::Apply => None,
            Self::No(why) => Some(why.code()),
        }
    }
}

/// Why someone cannot have an open seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CannotJoin {
    /// Their token does not let them speak.
    Forbidden,
    /// They have a seat.
    AlreadySeated,
    /// They were turned down a moment ago.
    CoolingDown,
    /// Seats are not free here, and hands are off.
    HandsOff,
}

impl CannotJoin {
    /// The name on the wire.
    pub fn code(self) -> &'static str {
        match self {
            Self::Forbidden => "forbidden",
            Self::AlreadySeated => "already_seated",
            Self::CoolingDown => "cooling_down",
            Self::HandsOff => "hands_off",
        }
    }
}

/// How someone left the room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LeftReason {
    /// By their own will.
    Left,
    /// Put out.
    Kicked,
    /// Their connection was lost for too long.
    Gone,
}

impl LeftReason {
    /// The name on the wire.
    pub fn code(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Kicked => "kicked",
            Self::Gone => "gone",
        }
    }
}

/// One slot of a listener, in words about people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// The media section of the listener's description.
    pub mid: String,
    /// The seat it carries.
    pub seat: SeatIndex,
    /// Who sits there.
    pub identity: Identity,
    /// The id of that occupancy, as packets carry it.
    pub csrc: NonZeroU32,
}

/// Someone who speaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Speaker {
    /// Who.
    pub identity: Identity,
    /// Where.
    pub seat: SeatIndex,
    /// How loud, in dBov, -127 to 0.
    pub level: i8,
}
