//! An event is something that happened and that people are told.
//!
//! Events that carry a `seq` are the room's log; the others are passing words (a cue, a level) that may be lost.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use crate::ids::{Identity, SeatIndex};

use super::latency::{ConnectionQuality, LatencyState};
use super::settings::Interrupt;
use super::unheard::UnheardWhy;
use super::view::{
    AudienceView, BanView, HandView, InviteView, ModerationView, MuteView, ParticipantView, ReservedWhy, RoomView,
    SeatView, SelfView,
};

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
        /// The other seat, when two changed in one step: the one that was left, or swapped with.
        other: Option<SeatView>,
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
        /// Who did it, if it was a person.
        by: Option<Identity>,
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
    /// A person's rank changed. In the log, for everyone.
    RankChanged {
        /// How it came about.
        cause: RankCause,
        /// Who did it, if it was a person.
        by: Option<Identity>,
        /// The person as they are now.
        participant: ParticipantView,
    },
    /// The room's phase or settings changed. In the log, for everyone.
    RoomUpdated {
        /// Who did it, if it was a person.
        by: Option<Identity>,
        /// The room's phase and settings as they are now.
        room: RoomView,
    },
    /// The recipient is invited to the stage.
    Invite {
        /// The invite.
        invite: InviteView,
    },
    /// An invite changed. In the log, for hosts and cohosts; without a number to the one who was invited, when others or time ended it.
    InviteChanged {
        /// What became of it.
        change: InviteChange,
        /// Who did it, if it was a person.
        by: Option<Identity>,
        /// The invite.
        invite: InviteView,
    },
    /// A ban was set or has ended. In the log, for hosts and cohosts.
    BanChanged {
        /// Set, or ended.
        banned: bool,
        /// How it came about.
        cause: DecisionCause,
        /// Who did it, if it was someone.
        by: Option<Identity>,
        /// The ban.
        ban: BanView,
    },
    /// A mute of a person was set or has ended. In the log, for hosts and cohosts.
    MuteChanged {
        /// Set, or ended.
        muted: bool,
        /// How it came about.
        cause: DecisionCause,
        /// Who did it, if it was someone.
        by: Option<Identity>,
        /// The mute.
        mute: MuteView,
    },
    /// Someone would change seats with the recipient, who agrees by asking for the same swap.
    SwapProposed {
        /// Who.
        from: Identity,
        /// Their seat.
        seat: SeatIndex,
        /// The recipient's seat.
        with: SeatIndex,
        /// How long it stands.
        expires_in: Duration,
    },
    /// The room is offered to the recipient.
    HostOffer {
        /// By whom.
        from: Identity,
        /// How long it stands.
        expires_in: Duration,
    },
    /// What became of the room that was offered. To both.
    HostOfferEnded {
        /// Who offered it.
        from: Identity,
        /// To whom.
        to: Identity,
        /// How it ended.
        outcome: OfferOutcome,
    },
    /// Someone's turn is about to end. To them, and to hosts and cohosts.
    TurnEnding {
        /// The seat.
        seat: SeatIndex,
        /// Who sits there.
        identity: Identity,
        /// When it ends.
        ends_in: Duration,
    },
    /// The recipient came back too late for their seat.
    LostSeat {
        /// The seat.
        seat: SeatIndex,
        /// The place in the queue that they have instead, if hands are on.
        position: Option<usize>,
    },
    /// A host began to interrupt, or ceased to.
    Interruption {
        /// Who speaks over the others, if someone does.
        by: Option<Identity>,
        /// What becomes of the others.
        mode: Interrupt,
    },
    /// What only hosts and cohosts see. To someone who has just become one.
    Moderation(ModerationView),
    /// Someone wrote to the room. In the log, for everyone.
    Message {
        /// Who.
        from: Identity,
        /// Their name.
        name: Arc<str>,
        /// What.
        text: Arc<str>,
    },
    /// How people reacted since the last tally.
    ReactionTally {
        /// Each reaction with its count.
        tally: Vec<(String, u32)>,
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
    /// The delay that someone has is another one, or is not known any more. To them, without a name; of those on stage also to hosts and cohosts.
    LatencyState {
        /// Who, if not the recipient.
        identity: Option<Identity>,
        /// How it is. None: nobody hears them and they hear nobody.
        state: Option<LatencyState>,
    },
    /// Someone's connection is of another quality. To them, without a name; of those on stage also to hosts and cohosts.
    ConnectionQuality {
        /// Who, if not the recipient.
        identity: Option<Identity>,
        /// How good it is.
        quality: ConnectionQuality,
    },
    /// Nothing that someone on stage says is heard: the server drops it. Or that is over. To them, without a name; also to hosts and cohosts.
    Unheard {
        /// Who, if not the recipient.
        identity: Option<Identity>,
        /// Why. None: it is over.
        why: Option<UnheardWhy>,
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
    /// Its holder's mute by a host or cohost ran out.
    MuteOver,
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
    /// Its holder's rank changed; a lower rank costs the seat.
    Rank,
    /// Its holder moved here from another seat.
    Moved,
    /// Its holder and that of another seat changed places.
    Swapped,
    /// Its holder's turn begins anew, or is limited no longer.
    Turn,
    /// Its holder's turn is over.
    TurnOver,
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
            Self::MuteOver => "mute_over",
            Self::SelfMuted => "self_muted",
            Self::SelfUnmuted => "self_unmuted",
            Self::TakenOver => "taken_over",
            Self::Interrupted => "interrupted",
            Self::Restored => "restored",
            Self::Lost => "lost",
            Self::Rank => "rank",
            Self::Moved => "moved",
            Self::Swapped => "swapped",
            Self::Turn => "turn",
            Self::TurnOver => "turn_over",
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
    /// It was lowered with all the others by a host or cohost.
    Cleared,
    /// It was up too long, or its owner let offers pass.
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
            Self::Cleared => "cleared",
            Self::Expired => "expired",
            Self::Gone => "gone",
        }
    }
}

/// What became of an invite. All but `Sent` are final.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum InviteChange {
    /// It was sent.
    Sent,
    /// It was accepted.
    Accepted,
    /// It was declined.
    Declined,
    /// Nobody answered.
    Expired,
    /// It was taken back, or whoever was invited has gone.
    Revoked,
}

impl InviteChange {
    /// The name on the wire.
    pub fn code(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Accepted => "accepted",
            Self::Declined => "declined",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

/// How a ban or a mute began or ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DecisionCause {
    /// Someone decided it.
    Set,
    /// Someone lifted it.
    Lifted,
    /// It ran out.
    Expired,
    /// A back end had the room forget it.
    Forgotten,
}

impl DecisionCause {
    /// The name on the wire.
    pub fn code(self) -> &'static str {
        match self {
            Self::Set => "set",
            Self::Lifted => "lifted",
            Self::Expired => "expired",
            Self::Forgotten => "forgotten",
        }
    }
}

/// How a rank came to change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RankCause {
    /// A host gave it.
    Given,
    /// The room was handed over.
    Transferred,
    /// The last host has gone.
    Promoted,
}

impl RankCause {
    /// Whether someone decided it. Such a rank outlives the room.
    pub fn is_decision(self) -> bool {
        match self {
            Self::Given | Self::Transferred => true,
            Self::Promoted => false,
        }
    }

    /// The name on the wire.
    pub fn code(self) -> &'static str {
        match self {
            Self::Given => "given",
            Self::Transferred => "transferred",
            Self::Promoted => "promoted",
        }
    }
}

/// What became of a room that was offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OfferOutcome {
    /// It was accepted.
    Accepted,
    /// It was declined.
    Declined,
    /// Nobody answered.
    Expired,
    /// Another one took its place, or one of the two has gone.
    Withdrawn,
}

impl OfferOutcome {
    /// The name on the wire.
    pub fn code(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Declined => "declined",
            Self::Expired => "expired",
            Self::Withdrawn => "withdrawn",
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
    /// Put out for good.
    Banned,
    /// Their connection was lost for too long.
    Gone,
}

impl LeftReason {
    /// The name on the wire.
    pub fn code(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Kicked => "kicked",
            Self::Banned => "banned",
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
