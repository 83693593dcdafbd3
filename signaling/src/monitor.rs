//! The seam to the latency monitor: what signaling tells it, asks of it and shows of it.
//!
//! Signaling does not know how anything is measured. Both sides speak of sessions and rooms.

use std::time::{Duration, Instant};

pub use crate::room::{ConnectionQuality, DelayClass, DelaySide, DelayTerm, LatencyState};

use crate::{
    ids::{Identity, RoomId, SessionId},
    room::{Refusal, Role},
};

/// How a join came to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JoinKind {
    /// By a new socket: its upgrade is part of the join.
    Cold,
    /// By a socket that was open before: the join begins with its frame.
    Warm,
    /// A session goes on by a new socket.
    Resume,
}

impl JoinKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Cold, Self::Warm, Self::Resume];

    /// Its name in metrics and on pages.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Cold => "cold",
            Self::Warm => "warm",
            Self::Resume => "resume",
        }
    }
}

/// When a join came, as its socket saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// How it came.
    pub kind: JoinKind,
    /// When the request for the socket was read.
    pub requested_at: Instant,
    /// When the socket was open.
    pub upgraded_at: Instant,
    /// When the `join` or `resume` was read.
    pub joined_at: Instant,
}

/// What a client measured. What it does not know is absent; what cannot be was refused before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClientReport {
    /// Round-trip time of its media path.
    pub rtt: Option<Duration>,
    /// How long its jitter buffer holds audio.
    pub jitter_buffer: Option<Duration>,
    /// What its microphone and loudspeaker add, both together.
    pub device: Option<Duration>,
    /// From the start of its join to the first audio played. Once a session.
    pub join: Option<Duration>,
    /// Packets that never came, since the session began.
    pub lost: Option<u64>,
    /// Packets that came, since the session began.
    pub received: Option<u64>,
}

/// A newcomer cannot come in at present.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotNow {
    /// `latency_at_risk` or `node_full`.
    pub refusal: Refusal,
    /// When it may be tried again.
    pub retry_after: Duration,
}

/// What the monitor knows of one room.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RoomFigures {
    /// Those who hear someone, by how it feels: natural, ok, laggy.
    pub classes: [u32; 3],
    /// Mouth to ear over all of them: median, 95th percentile, greatest, in milliseconds. None if nobody hears anyone.
    pub mouth_to_ear_ms: Option<[u32; 3]>,
    /// Joins of the last hour: how many came to an end, how many failed.
    pub joins: [u32; 2],
    /// Their length: median, 95th percentile, greatest, in milliseconds. None if there was none.
    pub join_ms: Option<[u32; 3]>,
    /// Those on stage.
    pub stage: Vec<SessionFigures>,
}

/// What the monitor knows of one participant.
#[derive(Clone, Debug, PartialEq)]
pub struct SessionFigures {
    /// Whose.
    pub session: SessionId,
    /// The delay that they have, if they hear or are heard.
    pub latency: Option<LatencyState>,
    /// Its parts in milliseconds.
    pub terms: Vec<(DelayTerm, f64)>,
    /// How good their connection is, once it is known.
    pub quality: Option<ConnectionQuality>,
    /// Round-trip time in milliseconds, and its source.
    pub rtt_ms: Option<(f64, &'static str)>,
}

/// Something the monitor found out or did, for the log of events and for webhooks.
#[derive(Clone, Debug, PartialEq)]
pub enum LatencyEvent {
    /// A budget is broken.
    Breached(Budgeted),
    /// It is kept again.
    Recovered(Budgeted),
    /// The monitor acted.
    Acted(LatencyAct),
}

impl LatencyEvent {
    /// The room it is about; none, if it is about the whole server.
    #[must_use]
    pub fn room(&self) -> Option<&RoomId> {
        match self {
            Self::Breached(budgeted) | Self::Recovered(budgeted) => budgeted.room.as_ref(),
            Self::Acted(act) => act.room.as_ref(),
        }
    }
}

/// How it stands with one budget.
#[derive(Clone, Debug, PartialEq)]
pub struct Budgeted {
    /// Which: `join`, `mouth_to_ear`, `residence`, `cpu`, `memory`, `descriptors`.
    pub budget: &'static str,
    /// The room it is about; the whole server, if none.
    pub room: Option<RoomId>,
    /// The participant it is about, if it is about one.
    pub identity: Option<Identity>,
    /// What was measured.
    pub value: f64,
    /// What it should have been at most.
    pub limit: f64,
    /// Of both: `ms`, or `ratio` of what there is.
    pub unit: &'static str,
    /// The greatest part of it, if it has parts: a term of the delay or a stage of a join.
    pub cause: Option<&'static str>,
}

/// Something the monitor did.
#[derive(Clone, Debug, PartialEq)]
pub struct LatencyAct {
    /// What: `refuse_listeners`, `refuse_guests`, `refuse_hosts`, `admit_hosts`, `admit_guests`, `admit_listeners`, `fewer_slots`, `more_slots`,
    /// `drop_stale`, `flag_participant`, `unflag_participant`.
    pub act: &'static str,
    /// Why: a budget.
    pub why: &'static str,
    /// Where, if not on the whole server.
    pub room: Option<RoomId>,
    /// On whom, if on someone.
    pub identity: Option<Identity>,
}

/// What signaling tells the latency monitor and asks of it. No call may block.
pub trait LatencyMonitor: Send + Sync {
    /// Whether the next one may come in, whoever it is, so that nobody need ask as what. Asked once for each who would.
    fn admits_everyone(&self) -> bool;

    /// The same for newcomers without media: of them no pace is kept, as they cost no handshake.
    fn admits_everyone_without_media(&self) -> bool {
        self.admits_everyone()
    }

    /// Whether nobody at all may come in, hosts included, so that not even the room need be asked about the next one.
    fn refuses_everyone(&self) -> Option<NotNow> {
        None
    }

    /// Whether the next one may come in, who would be this. Asked once for each for whom neither of the other two has decided it.
    ///
    /// # Errors
    ///
    /// Not now.
    fn admit(&self, role: Role) -> Result<(), NotNow>;

    /// A welcome was written to its socket.
    fn answered(&self, session: &SessionId, arrival: Arrival, at: Instant);

    /// A join or a resume was refused, with this code, or its client had gone: `aborted`.
    fn not_joined(&self, arrival: Arrival, code: &'static str, at: Instant);

    /// A client has told what it measured. Not more often than once a second, and only of sessions that have media.
    fn reported(&self, session: &SessionId, report: ClientReport, at: Instant);

    /// Whether anything is measured at all.
    fn is_watching(&self) -> bool {
        true
    }

    /// What is known of a room. None if nobody in it has media.
    fn figures(&self, room: &RoomId) -> Option<RoomFigures>;
}

/// No monitor: everyone may come in and nothing is known.
#[derive(Clone, Copy, Debug)]
pub struct Unwatched;

impl LatencyMonitor for Unwatched {
    fn admits_everyone(&self) -> bool {
        true
    }

    fn admit(&self, _: Role) -> Result<(), NotNow> {
        Ok(())
    }

    fn answered(&self, _: &SessionId, _: Arrival, _: Instant) {}

    fn not_joined(&self, _: Arrival, _: &'static str, _: Instant) {}

    fn reported(&self, _: &SessionId, _: ClientReport, _: Instant) {}

    fn is_watching(&self) -> bool {
        false
    }

    fn figures(&self, _: &RoomId) -> Option<RoomFigures> {
        None
    }
}
