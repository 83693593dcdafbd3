//! An output is everything a room can cause: answers, words to people, a plan for the media plane, ends of sessions.

use std::sync::Arc;
use std::time::Duration;

use crate::ids::{Identity, RequestId, SessionId};

use super::event::Event;
use super::input::Act;
use super::plan::StagePlan;
use super::rank::Rank;
use super::refusal::{Refusal, Refused};
use super::view::{HandView, InviteView, SeatView};

/// Everything a room can cause. They are to be carried out in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// A join succeeded. The shell adds the answer and the snapshot for this session, taken now; what comes later follows it.
    Welcome {
        /// The session.
        session: SessionId,
        /// Its join.
        request: RequestId,
    },
    /// A session goes on by a new socket. The shell adds what it missed, or the snapshot, and what it should know of the present.
    Resumed {
        /// The session.
        session: SessionId,
        /// Its request.
        request: RequestId,
    },
    /// The answer to a request.
    Reply {
        /// Who asked.
        session: SessionId,
        /// What it answers.
        request: RequestId,
        /// Done, or refused.
        result: Result<Done, Refused>,
    },
    /// The answer to what was asked from outside: one for each.
    Answer {
        /// Done, or refused.
        result: Result<Done, Refused>,
    },
    /// An act of moderation was accepted. One for each, and only then: an answer that is given again is no act.
    Audit(Box<Audit>),
    /// Something happened that people are told.
    Tell {
        /// Who is told.
        to: Recipients,
        /// Its number in the room's log, if it is in it.
        seq: Option<u64>,
        /// What happened.
        event: Event,
    },
    /// The stage has changed; this is the whole of it.
    Plan(StagePlan),
    /// The session ends and is told why. The shell sends it, closes the socket and the transport.
    Bye {
        /// Whose.
        session: SessionId,
        /// Why.
        reason: ByeReason,
        /// What its client is to do.
        action: ByeAction,
        /// When it may try again.
        retry_after: Option<Duration>,
        /// The reason that a moderator gave, for the person.
        said: Option<Arc<str>>,
    },
    /// The session is over (left, gone, replaced, put out): close its transport and forget it.
    CloseTransport {
        /// Whose.
        session: SessionId,
        /// Why.
        why: SessionEnd,
    },
    /// The room is over.
    Closed,
}

impl Output {
    /// Returns whether it refuses someone because no further decision can be remembered.
    pub fn is_memory_full(&self) -> bool {
        let (Self::Reply { result: Err(refused), .. } | Self::Answer { result: Err(refused) }) = self else {
            return false;
        };
        refused.refusal == Refusal::MemoryFull
    }
}

/// An act of moderation that was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audit {
    /// Who did it.
    pub by: Identity,
    /// Their rank, by the room's record.
    pub rank: Rank,
    /// They came as a back end, which may do all that a host may.
    pub is_admin: bool,
    /// They had no session here, or did not use it.
    pub from_outside: bool,
    /// What they did.
    pub act: Act,
    /// To whom, if to someone: also where the act named a seat or the first hand only.
    pub on: Option<Identity>,
}

/// What a request that was carried out has led to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// The seat it was about, as it is now.
    pub seat: Option<SeatView>,
    /// One's place in the queue, from 1.
    pub position: Option<usize>,
    /// The hand it was about.
    pub hand: Option<HandView>,
    /// The invite it was about.
    pub invite: Option<InviteView>,
    /// It waits for someone else's word: a swap that was proposed, a room that was offered.
    pub pending: bool,
}

/// Who is told something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recipients {
    /// Everyone in the room.
    Everyone,
    /// Hosts and cohosts: [`moderators`](super::Room::moderators).
    Hosts,
    /// One session.
    One(SessionId),
    /// These sessions, each the same.
    Sessions(Vec<SessionId>),
}

/// Why a session ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ByeReason {
    /// A host or cohost put the person out.
    Kicked,
    /// The same identity joined again; the new session goes on.
    Duplicate,
    /// It did not read its events.
    SlowConsumer,
    /// Something was refused that the session cannot do without, such as the join itself.
    Refused(Refusal),
}

impl ByeReason {
    /// The name on the wire.
    pub fn code(self) -> &'static str {
        match self {
            Self::Kicked => "kicked",
            Self::Duplicate => "duplicate",
            Self::SlowConsumer => "slow_consumer",
            Self::Refused(refusal) => refusal.code(),
        }
    }
}

/// Why a session that had begun is over, as back ends are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SessionEnd {
    /// Its person left.
    Left,
    /// Its connection was lost, and nobody came back by it in time.
    Lost,
    /// A host or cohost put the person out.
    Kicked,
    /// The person was banned, from this room or from all.
    Banned,
    /// The same identity joined again, and the new session goes on.
    Duplicate,
    /// The room is over.
    RoomClosed,
    /// It was not let in, so it never began.
    Refused,
}

impl SessionEnd {
    /// The name on the wire.
    pub fn code(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Lost => "lost",
            Self::Kicked => "kicked",
            Self::Banned => "banned",
            Self::Duplicate => "duplicate",
            Self::RoomClosed => "room_closed",
            Self::Refused => "refused",
        }
    }
}

/// What a client is to do after its session has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ByeAction {
    /// Nothing: trying again would be wrong.
    Stop,
    /// Resume the session.
    Resume,
    /// Join anew.
    Rejoin,
    /// Try again later.
    Retry,
}

impl ByeAction {
    /// The name on the wire.
    pub fn code(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Resume => "resume",
            Self::Rejoin => "rejoin",
            Self::Retry => "retry",
        }
    }
}
