//! A handle is how everyone but its task reaches a room: two bounded mailboxes and a few numbers to look at.
//!
//! What people ask and what the media plane reports have a mailbox each, so that neither crowds out the other.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use tokio::sync::{mpsc, oneshot};

use super::line::{Line, LineId};
use crate::{
    ids::{Identity, RequestId, RoomId, SeatIndex, SessionId},
    media::{MediaFact, MediaPlane},
    protocol::client::PeopleList,
    room::{
        Act, BanView, Done, Join, MuteView, Outsider, ParticipantView, Rank, RankView, Refusal, Refused, RoleCounts,
        Room, Snapshot, Viewer,
    },
    store::{AnswerRow, Ticket},
};

/// What a room's task is told.
pub(crate) enum Mail {
    /// Someone wants in.
    Enter(Box<Enter>),
    /// Someone wants to go on with a session.
    Resume(Box<Resume>),
    /// The session that goes on by this line has shown that its welcome came.
    Shown { line: LineId },
    /// A session asks for something, by a frame that was read then.
    Act { session: SessionId, request: RequestId, act: Act, read_at: Instant },
    /// The socket at the end of this line is gone.
    Detached { line: LineId },
    /// Someone outside asks for an act of moderation, by a request that was read then.
    Outside { by: Outsider, act: Act, remember: Option<Remember>, read_at: Instant, reply: oneshot::Sender<Acted> },
    /// A back end lists people or decisions about them.
    List { list: List, reply: oneshot::Sender<(Listed, Ticket)> },
    /// A moderator in the room lists who is there.
    People { session: SessionId, wanted: PeopleList, reply: oneshot::Sender<Result<PeoplePage, Refusal>> },
    /// A back end asks how it is with someone here.
    Find { asker: Asker, reply: oneshot::Sender<Found> },
    /// What is known of someone who is not here is to be forgotten; their mutes, too, unless they are to be kept.
    Forget { who: Identity, keep_mute: bool, reply: oneshot::Sender<Ticket> },
    /// Someone was banned from all rooms.
    ShutOut { who: Identity, by: Identity, reply: oneshot::Sender<()> },
    /// Someone asks who is on stage.
    OnStage { reply: oneshot::Sender<Vec<Seated>> },
    /// Someone outside wants to look.
    Look { viewer: Viewer, asker: Option<Asker>, reply: oneshot::Sender<Result<Looked, Refusal>> },
}

/// Writes down what is answered to a request with an idempotency key, so that it is kept together with what the request changed; nothing, if trying
/// again may go better.
pub(crate) type Remember = Box<dyn FnOnce(&Result<Done, Refused>) -> Option<AnswerRow> + Send>;

/// An act of moderation that was judged.
#[derive(Debug)]
pub(crate) struct Acted {
    pub(crate) result: Result<Done, Refused>,
    /// Whether what it changed is on the disk.
    pub(crate) ticket: Ticket,
}

/// The room as someone sees it.
#[derive(Debug)]
pub(crate) struct Looked {
    pub(crate) snapshot: Box<Snapshot>,
    /// By which one learns the number of the last event that is in it.
    pub(crate) ticket: Ticket,
}

/// What is to be listed: those after an identity, so many at most.
#[derive(Debug)]
pub(crate) struct List {
    pub(crate) of: ListOf,
    pub(crate) after: Option<Identity>,
    pub(crate) count: usize,
}

impl List {
    /// The page that a room gives.
    pub(crate) fn of(&self, room: &Room, now: Instant) -> Listed {
        let (after, count) = (self.after.as_ref(), self.count);
        match self.of {
            ListOf::People => Listed::People(room.people_after(after, count)),
            ListOf::Bans => Listed::Bans(room.bans_after(after, count, now)),
            ListOf::Mutes => Listed::Mutes(room.mutes_after(after, count, now)),
            ListOf::Ranks => Listed::Ranks(room.ranks_after(after, count)),
        }
    }
}

/// Of what a list is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ListOf {
    People,
    Bans,
    Mutes,
    Ranks,
}

/// A part of a list.
#[derive(Debug)]
pub(crate) enum Listed {
    People(Vec<ParticipantView>),
    Bans(Vec<BanView>),
    Mutes(Vec<MuteView>),
    Ranks(Vec<RankView>),
}

/// A page of the people in a room, and after whom the list goes on.
pub(crate) type PeoplePage = (Vec<ParticipantView>, Option<Identity>);

/// How it is with someone in a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Found {
    /// They are there, be it without a socket.
    pub(crate) is_present: bool,
    /// They are banned.
    pub(crate) is_banned: bool,
    /// Why they may not even look, if they may not.
    pub(crate) shut_out: Option<Refusal>,
    /// The rank that the room's record gives them, if it knows them.
    pub(crate) rank: Option<Rank>,
    /// A seat is theirs or is kept for them, or they are invited to one.
    pub(crate) is_expected_on_stage: bool,
}

/// Someone on stage.
#[derive(Debug)]
pub(crate) struct Seated {
    pub(crate) session: SessionId,
    pub(crate) identity: Identity,
    pub(crate) seat: SeatIndex,
}

/// Someone who wants to look without being a back end: by which token.
#[derive(Debug)]
pub(crate) struct Asker {
    pub(crate) identity: Identity,
    pub(crate) token_age: Option<Duration>,
}

/// Someone who wants in, and the way back to them.
#[derive(Debug)]
pub(crate) struct Enter {
    pub(crate) join: Join,
    pub(crate) line: Line,
    pub(crate) transport: Option<OpenedTransport>,
    pub(crate) resume_token: String,
    /// When the frame was read that asks for it.
    pub(crate) read_at: Instant,
}

/// Someone who wants to go on with a session, and the way back to them.
#[derive(Debug)]
pub(crate) struct Resume {
    /// Who it is, by the token for access.
    pub(crate) identity: Identity,
    pub(crate) request: RequestId,
    /// What was shown.
    pub(crate) token: String,
    /// The last event that the client knows.
    pub(crate) last_seq: u64,
    pub(crate) line: Line,
    /// What it can resume with next.
    pub(crate) resume_token: String,
    /// When the frame was read that asks for it.
    pub(crate) read_at: Instant,
}

/// A transport on its way into a room. If it does not get there it is closed.
pub(crate) struct OpenedTransport {
    answer: String,
    owner: Option<(Arc<dyn MediaPlane>, RoomId, SessionId)>,
}

impl OpenedTransport {
    pub(crate) fn new(answer: String, media: Arc<dyn MediaPlane>, room: RoomId, session: SessionId) -> Self {
        Self { answer, owner: Some((media, room, session)) }
    }

    /// The room owns it from now on; what is left is the answer.
    pub(crate) fn arrived(mut self) -> String {
        self.owner = None;
        std::mem::take(&mut self.answer)
    }
}

impl Drop for OpenedTransport {
    fn drop(&mut self) {
        if let Some((media, room, session)) = self.owner.take() {
            media.close(&room, &session);
        }
    }
}

impl std::fmt::Debug for OpenedTransport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OpenedTransport(…)")
    }
}

/// How everyone but its task reaches a room.
#[derive(Debug, Clone)]
pub(crate) struct RoomHandle {
    /// Tells a room from an earlier one of the same name.
    pub(crate) generation: u64,
    pub(crate) mail: mpsc::Sender<Mail>,
    pub(crate) facts: mpsc::Sender<MediaFact>,
    pub(crate) roles: Arc<RoleGauge>,
}

/// The room's task has ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct RoomOver;

impl RoomHandle {
    /// Tells the room, waiting while its mailbox is full.
    pub(crate) async fn tell(&self, mail: Mail) -> Result<(), RoomOver> {
        self.mail.send(mail).await.map_err(|_| RoomOver)
    }

    /// Has an act of moderation carried out that was asked for by a request read at `read_at`.
    pub(crate) async fn act(&self, by: Outsider, act: Act, remember: Option<Remember>, read_at: Instant) -> Acted {
        let (reply, acted) = oneshot::channel();
        let closed = || Acted { result: Err(Refusal::RoomClosed.into()), ticket: Ticket::settled(true) };
        match self.tell(Mail::Outside { by, act, remember, read_at, reply }).await {
            Ok(()) => acted.await.unwrap_or_else(|_| closed()),
            Err(RoomOver) => closed(),
        }
    }

    /// Lists people or decisions about them.
    pub(crate) async fn list(&self, list: List) -> Result<(Listed, Ticket), Refusal> {
        let (reply, listed) = oneshot::channel();
        self.tell(Mail::List { list, reply }).await.map_err(|_| Refusal::RoomClosed)?;
        listed.await.map_err(|_| Refusal::RoomClosed)
    }

    /// Who is in the room, for a moderator who is in it, too.
    pub(crate) async fn people(&self, session: SessionId, wanted: PeopleList) -> Result<PeoplePage, Refusal> {
        let (reply, page) = oneshot::channel();
        self.tell(Mail::People { session, wanted, reply }).await.map_err(|_| Refusal::RoomClosed)?;
        page.await.unwrap_or(Err(Refusal::RoomClosed))
    }

    /// How it is with someone there.
    pub(crate) async fn find(&self, asker: Asker) -> Result<Found, RoomOver> {
        let (reply, found) = oneshot::channel();
        self.tell(Mail::Find { asker, reply }).await?;
        found.await.map_err(|_| RoomOver)
    }

    /// Puts someone out who was banned from all rooms. Returns what to wait for.
    pub(crate) async fn shut_out(&self, who: Identity, by: Identity) -> Result<oneshot::Receiver<()>, RoomOver> {
        let (reply, done) = oneshot::channel();
        self.tell(Mail::ShutOut { who, by, reply }).await?;
        Ok(done)
    }

    /// Who is on stage.
    pub(crate) async fn on_stage(&self) -> Result<Vec<Seated>, Refusal> {
        let (reply, on_stage) = oneshot::channel();
        self.tell(Mail::OnStage { reply }).await.map_err(|_| Refusal::RoomClosed)?;
        on_stage.await.map_err(|_| Refusal::RoomClosed)
    }

    /// Has the room forget what it knows of someone who is not there.
    pub(crate) async fn forget(&self, who: Identity, keep_mute: bool) -> Result<Ticket, RoomOver> {
        let (reply, ticket) = oneshot::channel();
        self.tell(Mail::Forget { who, keep_mute, reply }).await?;
        ticket.await.map_err(|_| RoomOver)
    }

    /// The room at this moment, as `viewer` may see it, unless whoever asks has been put out.
    pub(crate) async fn look(&self, viewer: Viewer, asker: Option<Asker>) -> Result<Looked, Refusal> {
        let (reply, snapshot) = oneshot::channel();
        self.tell(Mail::Look { viewer, asker, reply }).await.map_err(|_| Refusal::RoomClosed)?;
        snapshot.await.unwrap_or(Err(Refusal::RoomClosed))
    }
}

/// The room's head count and the number of its last event, written by its task and read by anyone.
#[derive(Debug, Default)]
pub(crate) struct RoleGauge {
    everyone: AtomicCounts,
    visible: AtomicCounts,
    seq: AtomicU64,
}

#[derive(Debug, Default)]
struct AtomicCounts {
    hosts: AtomicUsize,
    guests: AtomicUsize,
    listeners: AtomicUsize,
}

impl RoleGauge {
    pub(crate) fn set(&self, everyone: RoleCounts, visible: RoleCounts, seq: u64) {
        self.everyone.set(everyone);
        self.visible.set(visible);
        self.seq.store(seq, Relaxed);
    }

    /// The number of the last event of the room's log.
    pub(crate) fn seq(&self) -> u64 {
        self.seq.load(Relaxed)
    }

    /// Everyone, the hidden too.
    pub(crate) fn counts(&self) -> RoleCounts {
        self.everyone.get()
    }

    /// Those whom people in the room can see.
    pub(crate) fn visible(&self) -> RoleCounts {
        self.visible.get()
    }
}

impl AtomicCounts {
    fn set(&self, RoleCounts { hosts, guests, listeners }: RoleCounts) {
        self.hosts.store(hosts, Relaxed);
        self.guests.store(guests, Relaxed);
        self.listeners.store(listeners, Relaxed);
    }

    fn get(&self) -> RoleCounts {
        RoleCounts {
            hosts: self.hosts.load(Relaxed),
            guests: self.guests.load(Relaxed),
            listeners: self.listeners.load(Relaxed),
        }
    }
}

/// What people ask of a room waits here; who finds it full waits too.
pub(crate) const MAIL_MAX: usize = 1024;

/// What the media plane reports waits here; who finds it full tries again later.
pub(crate) const FACTS_MAX: usize = 4096;
