//! A frame is one command as it stands on the wire, less its `request_id`: fields of the right type, not yet judged.
//!
//! What is said of the fields here is what the JSON Schema says of them, too.

use serde::Deserialize;

use super::words::{DuplicatesWord, HandsWord, InterruptWord, PhaseWord, PromoteWord, RankWord, SeatModeWord};
use crate::ids::{Identity, InviteId};

/// A command, by its type.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Frame {
    /// Join the room that the socket was opened for.
    Join {
        /// The session description; absent for a session without media.
        #[cfg_attr(test, schemars(length(max = crate::protocol::OFFER_BYTES_MAX)))]
        offer: Option<String>,
        /// The microphone is open and may be aired as soon as one is asked to the stage.
        mic_ready: Option<bool>,
    },
    /// Go on with a session whose socket was lost.
    Resume {
        /// The newest one that a welcome brought.
        #[cfg_attr(test, schemars(length(min = 1, max = crate::protocol::RESUME_TOKEN_CHARS_MAX)))]
        resume_token: String,
        /// The `seq` of the last event that came, or that of the snapshot if none did.
        last_seq: u64,
    },
    /// New ICE credentials, because the network has changed.
    IceRestart {
        /// The session description with the new credentials.
        #[cfg_attr(test, schemars(length(max = crate::protocol::OFFER_BYTES_MAX)))]
        offer: String,
    },
    /// Is anybody there.
    Ping,
    /// What the client measured.
    Stats(Stats),
    /// Leave the room.
    Leave,
    /// Take an open seat.
    SeatTake(SeatField),
    /// Leave one's seat.
    SeatLeave,
    /// Move to an open seat, or move someone else there.
    SeatMove {
        /// The open seat.
        #[cfg_attr(test, schemars(with = "crate::ids::SeatIndex"))]
        seat: i64,
        /// Who moves, if not oneself. For hosts and cohosts.
        identity: Option<Identity>,
    },
    /// Let the holders of two seats change places, or propose it.
    SeatSwap {
        /// One seat.
        #[cfg_attr(test, schemars(with = "crate::ids::SeatIndex"))]
        seat: i64,
        /// The other.
        #[cfg_attr(test, schemars(with = "crate::ids::SeatIndex"))]
        with: i64,
    },
    /// Keep an open seat for someone, who is asked to confirm.
    SeatAssign {
        /// Which.
        #[cfg_attr(test, schemars(with = "crate::ids::SeatIndex"))]
        seat: i64,
        /// For whom.
        identity: Identity,
        /// Only if the seat still has this revision.
        expect_rev: Option<u64>,
    },
    /// Accept the seat that is kept for one.
    SeatConfirm(OptionalSeatField),
    /// Decline the seat that is kept for one.
    SeatDecline(OptionalSeatField),
    /// Lock a seat.
    SeatLock {
        /// Which.
        #[cfg_attr(test, schemars(with = "crate::ids::SeatIndex"))]
        seat: i64,
        /// Also when someone sits there.
        evict: Option<bool>,
        /// Only if the seat still has this revision.
        expect_rev: Option<u64>,
    },
    /// Unlock a seat.
    SeatUnlock(SeatAtRev),
    /// Mute a seat, whoever sits there.
    SeatMute(SeatAtRev),
    /// Lift the mute of a seat.
    SeatUnmute(SeatAtRev),
    /// Send whoever holds a seat back to the audience.
    SeatKick(SeatAtRev),
    /// Raise one's hand.
    HandRaise {
        /// The seat one would like.
        #[cfg_attr(test, schemars(with = "Option<crate::ids::SeatIndex>"))]
        wanted_seat: Option<i64>,
        /// One's microphone may be aired at once.
        mic_ready: Option<bool>,
    },
    /// Lower one's hand, or give back the seat that its approval reserved.
    HandLower,
    /// Give someone whose hand is up a seat.
    HandApprove(Person),
    /// Turn someone's hand down.
    HandDeny(Person),
    /// Approve the first hand in the queue whose owner is there.
    HandNext,
    /// Lower every hand.
    HandsLowerAll,
    /// Invite someone to the stage.
    InviteSend {
        /// Whom.
        identity: Identity,
        /// To which seat, if not to any.
        #[cfg_attr(test, schemars(with = "Option<crate::ids::SeatIndex>"))]
        seat: Option<i64>,
        /// Keep the seat (or the first open one) for them.
        hold: Option<bool>,
    },
    /// Take an invite back. It is named by its id or by the person who has it; one of the two.
    InviteRevoke {
        /// Its id.
        invite: Option<InviteId>,
        /// Who has it.
        identity: Option<Identity>,
    },
    /// Accept an invite.
    InviteAccept(OptionalInvite),
    /// Decline an invite.
    InviteDecline(OptionalInvite),
    /// A page of everyone in the room, by identity. For hosts and cohosts.
    PeopleList {
        /// Whom the page begins behind: `next` of the page before.
        after: Option<Identity>,
        /// How many at most; 100 if absent.
        #[cfg_attr(test, schemars(range(min = 1, max = crate::protocol::PEOPLE_PAGE_MAX)))]
        limit: Option<u64>,
        /// Only those whose name or identity has this in it, whatever the case.
        #[cfg_attr(test, schemars(length(max = crate::protocol::QUERY_CHARS_MAX)))]
        query: Option<String>,
    },
    /// Mute a person, wherever they sit.
    MemberMute {
        /// Whom.
        identity: Identity,
        /// How long, in milliseconds; absent: until it is lifted.
        #[cfg_attr(test, schemars(range(min = *crate::protocol::FOR_MS.start(), max = *crate::protocol::FOR_MS.end())))]
        for_ms: Option<u64>,
    },
    /// Lift a person's mute. It opens no microphone.
    MemberUnmute(Person),
    /// Put a person out of the room.
    MemberKick {
        /// Whom.
        identity: Identity,
        /// Also refuse the tokens that were issued to them until now.
        deny: Option<bool>,
        /// Why, for the hosts and for the person.
        #[cfg_attr(test, schemars(length(max = crate::protocol::REASON_CHARS_MAX)))]
        reason: Option<String>,
    },
    /// Put a person out of the room for good. They need not be there.
    MemberBan {
        /// Whom.
        identity: Identity,
        /// Why, for the hosts and for the person.
        #[cfg_attr(test, schemars(length(max = crate::protocol::REASON_CHARS_MAX)))]
        reason: Option<String>,
        /// How long, in milliseconds; absent: until it is lifted.
        #[cfg_attr(test, schemars(range(min = *crate::protocol::FOR_MS.start(), max = *crate::protocol::FOR_MS.end())))]
        for_ms: Option<u64>,
    },
    /// Lift a ban.
    MemberUnban(Person),
    /// Give a person another rank.
    MemberRank {
        /// Whom.
        identity: Identity,
        /// Which. `host` is refused: see `host_transfer`.
        #[cfg_attr(test, schemars(with = "crate::room::Rank"))]
        rank: RankWord,
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
    /// Mute or unmute oneself.
    MuteSelf {
        /// Muted from now on, or not.
        muted: bool,
    },
    /// Change one's preferences. What is absent stays.
    Prefs {
        /// One wants no invites and no assigned seats.
        do_not_invite: Option<bool>,
    },
    /// React, without words.
    Reaction {
        /// How: a short name or an emoji.
        #[cfg_attr(test, schemars(length(min = 1, max = crate::protocol::REACTION_CHARS_MAX)))]
        kind: String,
    },
    /// Write to the room.
    Message {
        /// What.
        #[cfg_attr(test, schemars(length(min = 1, max = crate::protocol::MESSAGE_CHARS_MAX)))]
        text: String,
    },
    /// Change the room's settings. What is absent stays.
    RoomUpdate(RoomUpdate),
    /// Close the room.
    RoomClose {
        /// How long people are told before. 0 or absent: at once.
        #[cfg_attr(test, schemars(range(max = crate::protocol::NOTICE_MS_MAX)))]
        notice_ms: Option<u64>,
    },
    /// Any other type.
    #[serde(other)]
    #[cfg_attr(test, schemars(skip))]
    Unknown,
}

/// A seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct SeatField {
    /// Its number.
    #[cfg_attr(test, schemars(with = "crate::ids::SeatIndex"))]
    pub seat: i64,
}

/// A seat, if the client says which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct OptionalSeatField {
    /// Its number.
    #[cfg_attr(test, schemars(with = "Option<crate::ids::SeatIndex>"))]
    pub seat: Option<i64>,
}

/// A seat, and how the caller last saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct SeatAtRev {
    /// Its number.
    #[cfg_attr(test, schemars(with = "crate::ids::SeatIndex"))]
    pub seat: i64,
    /// Act only if the seat still has this revision.
    pub expect_rev: Option<u64>,
}

/// A person.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Person {
    /// Who.
    pub identity: Identity,
}

/// An invite, if the client says which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct OptionalInvite {
    /// Its id.
    pub invite: Option<InviteId>,
}

/// What is to change about a room.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct RoomUpdate {
    /// Who may take an open seat.
    #[cfg_attr(test, schemars(with = "Option<crate::room::SeatMode>"))]
    pub seat_mode: Option<SeatModeWord>,
    /// Whether hands may be raised.
    #[cfg_attr(test, schemars(with = "Option<crate::protocol::tests::codes::OnOff>"))]
    pub hands: Option<HandsWord>,
    /// What becomes of others while a host or cohost speaks.
    #[cfg_attr(test, schemars(with = "Option<crate::room::Interrupt>"))]
    pub interrupt: Option<InterruptWord>,
    /// Whether an opened seat is offered to the hands in the queue, one after the other.
    pub auto_offer: Option<bool>,
    /// How long a guest may hold a seat: 0 (as long as they like), or 10000 to 3600000.
    #[cfg_attr(test, schemars(range(max = *crate::protocol::TURN_MS.end())))]
    pub turn_ms: Option<u64>,
    /// Who becomes host when the last one has gone.
    #[cfg_attr(test, schemars(with = "Option<crate::room::Promote>"))]
    pub promote: Option<PromoteWord>,
    /// What becomes of a second session of an identity.
    #[cfg_attr(test, schemars(with = "Option<crate::room::Duplicates>"))]
    pub duplicates: Option<DuplicatesWord>,
    /// Open a scheduled room now, or call off a closing.
    pub phase: Option<PhaseWord>,
}

/// What a client measured. What it does not know is absent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Stats {
    /// Round-trip time of the media path.
    #[cfg_attr(test, schemars(range(min = 0, max = crate::protocol::STATS_MS_MAX)))]
    pub rtt_ms: Option<f64>,
    /// How long its jitter buffer holds audio.
    #[cfg_attr(test, schemars(range(min = 0, max = crate::protocol::STATS_MS_MAX)))]
    pub jitter_buffer_ms: Option<f64>,
    /// What the microphone and the loudspeaker add, both together.
    #[cfg_attr(test, schemars(range(min = 0, max = crate::protocol::STATS_MS_MAX)))]
    pub device_ms: Option<f64>,
    /// From the start of the join to the first audio played. Once a session.
    #[cfg_attr(test, schemars(range(min = 0, max = crate::protocol::STATS_MS_MAX)))]
    pub join_ms: Option<f64>,
    /// Packets that never came, since the session began.
    #[cfg_attr(test, schemars(range(max = crate::protocol::STATS_COUNT_MAX)))]
    pub lost: Option<u64>,
    /// Packets that came, since the session began.
    #[cfg_attr(test, schemars(range(max = crate::protocol::STATS_COUNT_MAX)))]
    pub received: Option<u64>,
    /// Samples made up for lost ones, since the session began.
    #[cfg_attr(test, schemars(range(max = crate::protocol::STATS_COUNT_MAX)))]
    pub concealed: Option<u64>,
}
