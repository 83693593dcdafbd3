//! An input is everything that can happen to a room: someone joins, acts or vanishes, the media plane tells, time passes.

use std::time::Duration;

use crate::ids::{Identity, InviteId, RequestId, SeatIndex, SessionId};

use super::fact::MediaFact;
use super::rank::Rank;
use super::settings::{Duplicates, Interrupt, Promote, SeatMode};

/// Everything that can happen to a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A token was good and someone wants in.
    Join(Join),
    /// A session that lost its socket has shown its resume token on a new one.
    Resume {
        /// The session that goes on.
        session: SessionId,
        /// The request that the welcome answers.
        request: RequestId,
    },
    /// A joined session asks for something.
    Act {
        /// Who asks.
        session: SessionId,
        /// Which of its requests this is.
        request: RequestId,
        /// What it asks.
        act: Act,
    },
    /// Someone outside (a back end, a host without a socket) asks for an act of moderation.
    Outside {
        /// Who asks.
        by: Outsider,
        /// What they ask.
        act: Act,
    },
    /// A session's socket is gone without `leave`.
    Detached {
        /// Whose.
        session: SessionId,
    },
    /// The media plane tells something.
    Media(MediaFact),
    /// Someone was banned from all rooms: they are put out of this one.
    ShutOut {
        /// Who.
        who: Identity,
        /// Under which name it was done.
        by: Identity,
    },
    /// What is known of someone who is not here is to be forgotten, but for a ban. Decisions that they made are nobody's from now on.
    Forget {
        /// About whom.
        who: Identity,
        /// Their mute and their given rank stay, too.
        keep_decisions: bool,
    },
    /// The time that [`next_timeout`](super::Room::next_timeout) named has come.
    Timeout,
}

/// Someone who acts on a room without a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outsider {
    /// Under which name the act is told and recorded.
    pub identity: Identity,
    /// May do all that a host may, to anyone. Otherwise the room's record of their rank decides.
    pub is_admin: bool,
    /// Is someone who could also join: whoever was put out has no say then, whatever their token allows.
    pub is_person: bool,
    /// Is banned from all rooms.
    pub is_banned: bool,
    /// How long ago their token was issued. Unknown if the token does not say.
    pub token_age: Option<Duration>,
    /// Only if this is still the last event of the log.
    pub expect_seq: Option<u64>,
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
    /// May send messages and reactions.
    pub can_publish_data: bool,
    /// Is not shown to others; can then hold no seat.
    pub hidden: bool,
    /// Hands of a higher tier come first in the queue.
    pub tier: u32,
    /// What kind of participant it is, if not a person: `agent`, say.
    pub kind: Option<String>,
    /// How long ago the token was issued. Unknown if the token does not say.
    pub token_age: Option<Duration>,
    /// Is banned from all rooms.
    pub is_banned: bool,
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
    /// Move to an open seat, or move someone else there.
    SeatMove {
        /// The open seat.
        seat: SeatIndex,
        /// Who moves, if not the caller.
        identity: Option<Identity>,
    },
    /// Let the holders of two seats change places. Hosts and cohosts do it at once; a guest proposes it from their own seat, and the other one
    /// agrees by proposing the same.
    SeatSwap {
        /// One seat.
        seat: SeatIndex,
        /// The other.
        with: SeatIndex,
    },
    /// Keep an open seat for someone, who is asked to confirm.
    SeatAssign {
        /// Which.
        seat: SeatIndex,
        /// For whom.
        identity: Identity,
        /// Only if the seat still has this revision.
        expect_rev: Option<u64>,
    },
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
    /// Approve the first hand in the queue whose owner is there.
    HandNext,
    /// Lower every hand.
    HandsLowerAll,
    /// Turn someone's hand down.
    HandDeny {
        /// Whose hand.
        identity: Identity,
    },
    /// Mute a person, wherever they sit. They may be away.
    MemberMute {
        /// Whom.
        identity: Identity,
        /// How long, if not for good.
        lasts: Option<Duration>,
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
        /// Also refuse the tokens that were issued to them until now.
        deny: bool,
        /// Why, for the hosts.
        reason: Option<String>,
    },
    /// Put a person out of the room, and keep them out. They need not be there.
    MemberBan {
        /// Whom.
        identity: Identity,
        /// Why, for the hosts.
        reason: Option<String>,
        /// How long, if not for good.
        lasts: Option<Duration>,
    },
    /// Lift a ban.
    MemberUnban {
        /// Whose.
        identity: Identity,
    },
    /// Give a person another rank, below one's own.
    MemberRank {
        /// Whom.
        identity: Identity,
        /// Which.
        rank: Rank,
    },
    /// Forget what moderators decided about someone, or about everyone: bans, denials, mutes, given ranks. For back ends.
    ModerationForget {
        /// About whom, if not about everyone.
        identity: Option<Identity>,
    },
    /// Hand the room over to someone. A cohost has it at once; anyone else is asked.
    HostTransfer {
        /// To whom.
        to: Identity,
    },
    /// Accept the room.
    HostAccept,
    /// Decline the room.
    HostDecline,
    /// Invite someone to the stage.
    InviteSend {
        /// Whom.
        identity: Identity,
        /// To which seat, if not to any.
        seat: Option<SeatIndex>,
        /// Keep the seat (or the first open one) for them.
        hold: bool,
    },
    /// Take an invite back.
    InviteRevoke(InviteName),
    /// Accept an invite.
    InviteAccept {
        /// Which, if the client says so.
        invite: Option<InviteId>,
    },
    /// Decline an invite.
    InviteDecline {
        /// Which, if the client says so.
        invite: Option<InviteId>,
    },
    /// Change one's preferences.
    Prefs {
        /// Whether one wants no invites and no assigned seats.
        do_not_invite: Option<bool>,
    },
    /// React, without words. Reactions are counted, not passed on one by one.
    Reaction {
        /// How: a short name or an emoji.
        kind: String,
    },
    /// Write to the room.
    Message {
        /// What.
        text: String,
    },
    /// Mute or unmute oneself.
    MuteSelf {
        /// Muted from now on, or not.
        muted: bool,
    },
    /// Change the room's settings.
    RoomUpdate(RoomChange),
    /// Close the room.
    RoomClose {
        /// How long people are told before. Zero: at once.
        notice: Duration,
    },
}

impl Act {
    /// The type of the command on the wire.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Leave => "leave",
            Self::SeatTake { .. } => "seat_take",
            Self::SeatLeave => "seat_leave",
            Self::SeatMove { .. } => "seat_move",
            Self::SeatSwap { .. } => "seat_swap",
            Self::SeatAssign { .. } => "seat_assign",
            Self::SeatConfirm { .. } => "seat_confirm",
            Self::SeatDecline { .. } => "seat_decline",
            Self::SeatLock { .. } => "seat_lock",
            Self::SeatUnlock { .. } => "seat_unlock",
            Self::SeatMute { .. } => "seat_mute",
            Self::SeatUnmute { .. } => "seat_unmute",
            Self::SeatKick { .. } => "seat_kick",
            Self::HandRaise { .. } => "hand_raise",
            Self::HandLower => "hand_lower",
            Self::HandApprove { .. } => "hand_approve",
            Self::HandNext => "hand_next",
            Self::HandsLowerAll => "hands_lower_all",
            Self::HandDeny { .. } => "hand_deny",
            Self::MemberMute { .. } => "member_mute",
            Self::MemberUnmute { .. } => "member_unmute",
            Self::MemberKick { .. } => "member_kick",
            Self::MemberBan { .. } => "member_ban",
            Self::MemberUnban { .. } => "member_unban",
            Self::MemberRank { .. } => "member_rank",
            Self::ModerationForget { .. } => "moderation_forget",
            Self::HostTransfer { .. } => "host_transfer",
            Self::HostAccept => "host_accept",
            Self::HostDecline => "host_decline",
            Self::InviteSend { .. } => "invite_send",
            Self::InviteRevoke(_) => "invite_revoke",
            Self::InviteAccept { .. } => "invite_accept",
            Self::InviteDecline { .. } => "invite_decline",
            Self::Prefs { .. } => "prefs",
            Self::Reaction { .. } => "reaction",
            Self::Message { .. } => "message",
            Self::MuteSelf { .. } => "mute_self",
            Self::RoomUpdate(_) => "room_update",
            Self::RoomClose { .. } => "room_close",
        }
    }

    /// Whether this is about a person and not about what a room is at the moment: it can be done to a room that is over, and outlives it.
    pub fn is_decision(&self) -> bool {
        matches!(
            self,
            Self::MemberMute { .. }
                | Self::MemberUnmute { .. }
                | Self::MemberBan { .. }
                | Self::MemberUnban { .. }
                | Self::MemberRank { .. }
                | Self::ModerationForget { .. }
        )
    }

    /// Whether this is something that a host or cohost does, so that it can be done from outside and is worth recording.
    pub fn is_moderation(&self) -> bool {
        match self {
            Self::SeatMove { identity, .. } => identity.is_some(),
            Self::SeatSwap { .. }
            | Self::SeatAssign { .. }
            | Self::SeatLock { .. }
            | Self::SeatUnlock { .. }
            | Self::SeatMute { .. }
            | Self::SeatUnmute { .. }
            | Self::SeatKick { .. }
            | Self::HandApprove { .. }
            | Self::HandNext
            | Self::HandsLowerAll
            | Self::HandDeny { .. }
            | Self::MemberMute { .. }
            | Self::MemberUnmute { .. }
            | Self::MemberKick { .. }
            | Self::MemberBan { .. }
            | Self::MemberUnban { .. }
            | Self::MemberRank { .. }
            | Self::ModerationForget { .. }
            | Self::HostTransfer { .. }
            | Self::InviteSend { .. }
            | Self::InviteRevoke(_)
            | Self::RoomUpdate(_)
            | Self::RoomClose { .. } => true,
            Self::Leave
            | Self::SeatTake { .. }
            | Self::SeatLeave
            | Self::SeatConfirm { .. }
            | Self::SeatDecline { .. }
            | Self::HandRaise { .. }
            | Self::HandLower
            | Self::HostAccept
            | Self::HostDecline
            | Self::InviteAccept { .. }
            | Self::InviteDecline { .. }
            | Self::MuteSelf { .. }
            | Self::Prefs { .. }
            | Self::Reaction { .. }
            | Self::Message { .. } => false,
        }
    }
}

/// Which invite is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InviteName {
    /// The one with this id.
    Id(InviteId),
    /// The one that this person has.
    To(Identity),
}

/// What is to change about a room. What is absent stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoomChange {
    /// Who may take an open seat.
    pub seat_mode: Option<SeatMode>,
    /// Whether hands may be raised.
    pub hands: Option<bool>,
    /// What becomes of others while a host speaks.
    pub interrupt: Option<Interrupt>,
    /// Whether an opened seat is offered to the hands in the queue, one after the other.
    pub auto_offer: Option<bool>,
    /// How long a guest may hold a seat; `Some(None)` is as long as they like.
    pub turn: Option<Option<Duration>>,
    /// Who becomes host when the last one has gone.
    pub promote: Option<Promote>,
    /// What becomes of a second session of an identity.
    pub duplicates: Option<Duplicates>,
    /// Open a scheduled room now, or call off a closing.
    pub go_live: bool,
}
