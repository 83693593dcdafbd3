//! Joining and resuming: how a socket comes to belong to a session of a room.
//!
//! Each end of the way is told to the latency monitor: a welcome that was written, or the code of what came instead.

use std::{
    ops::ControlFlow::{Break, Continue},
    time::{Duration, Instant},
};

use tokio_tungstenite::tungstenite::{Message, protocol::frame::coding::CloseCode};
use tracing::{Span, info};

use super::{
    admission::Admission,
    door::{self, Barred},
    ending::Ending,
    pending::PendingPlace,
    session::{ABORTED, Attached, Flow, Session},
};
use crate::{
    auth::Denied,
    clock,
    ids::{RequestId, SessionId},
    media::MediaRefusal,
    monitor::{Arrival, JoinKind, NotNow},
    paces::Paced,
    protocol::server,
    random,
    room::{ByeAction, Rank, Refusal, Refused},
    rooms::{
        directory::Creation,
        handle::{Enter, Mail, OpenedTransport, Resume, RoomHandle},
        line::{LineEnd, LineLimits, Welcomed, line},
        memories::Verdict,
    },
};

impl Session {
    pub(super) async fn join(
        &mut self,
        request: RequestId,
        offer: Option<String>,
        mic_ready: bool,
        admission: &Admission,
    ) -> Flow {
        let arrival = self.arrival(self.heard_at);
        if admission.is_expired {
            return Break(self.refuse_expired(arrival, admission));
        }
        if let Err(retry_after) = self.take(Paced::Join, arrival.joined_at) {
            self.count_refused(arrival, JoinStep::Door, Refusal::RateLimited);
            return Break(Ending::later(Refusal::RateLimited, retry_after));
        }
        self.begin_joining()?;
        let has_media = offer.is_some();
        let handle = match self.find_room(arrival, admission, has_media).await {
            Ok(handle) => handle,
            Err(ending) => return Break(ending),
        };
        let (Some(random), Some(resume_token)) = (random::bytes(), random::text()) else {
            return Break(self.refuse_join(arrival, JoinStep::Room, Refusal::Internal, ByeAction::Retry));
        };
        let session = SessionId::from_random(random);
        Span::current().record("session", session.as_str());
        let transport = match self.open(&session, offer, admission).await {
            Ok(transport) => transport,
            Err(MediaRefusal::InvalidOffer(why)) => return self.refuse_offer(arrival, &request, &why).await,
            Err(MediaRefusal::Full) => {
                return Break(self.refuse_join(arrival, JoinStep::Media, Refusal::NodeFull, ByeAction::Retry));
            }
            Err(MediaRefusal::Unavailable | MediaRefusal::Gone) => {
                return Break(self.refuse_join(arrival, JoinStep::Media, Refusal::Internal, ByeAction::Retry));
            }
        };
        let (line, line_end) = line(self.line_limits());
        let join = admission.join(session.clone(), request, has_media, mic_ready, clock::unix_millis());
        let enter = Box::new(Enter { join, line, transport, resume_token, read_at: arrival.joined_at });
        if handle.tell(Mail::Enter(enter)).await.is_err() {
            return Break(self.refuse_join(arrival, JoinStep::Entry, Refusal::RoomClosed, ByeAction::Stop));
        }
        self.attach(Some(session), handle, line_end, arrival);
        Continue(())
    }

    /// From here on the socket gives way to nobody, unless it had to just before.
    fn begin_joining(&mut self) -> Flow {
        let may_go_on = self.pending.as_mut().is_none_or(PendingPlace::begin_joining);
        if may_go_on { Continue(()) } else { Break(self.give_way()) }
    }

    /// A transport for whoever makes an offer.
    async fn open(
        &mut self,
        session: &SessionId,
        offer: Option<String>,
        admission: &Admission,
    ) -> Result<Option<OpenedTransport>, MediaRefusal> {
        match offer {
            None => Ok(None),
            Some(offer) => admission.open(&self.shared, session, offer).await.map(Some),
        }
    }

    /// It may be tried again, but not for ever: each try takes a place at the door from someone who could come in.
    async fn refuse_offer(&mut self, arrival: Arrival, request: &RequestId, why: &str) -> Flow {
        self.pending.iter_mut().for_each(PendingPlace::end_joining);
        self.count_refused(arrival, JoinStep::Media, Refusal::InvalidArgument);
        self.bad_offers += 1;
        let refused = Refused::from(Refusal::InvalidArgument);
        self.write(server::reply_error(Some(request), &refused, Some(why)).into()).await?;
        if self.bad_offers >= BAD_OFFERS_MAX {
            return Break(Ending::bye(Refusal::InvalidArgument, ByeAction::Stop).code(CloseCode::Policy));
        }
        Continue(())
    }

    /// The room of the token. A host's join makes it.
    async fn find_room(
        &mut self,
        arrival: Arrival,
        admission: &Admission,
        has_media: bool,
    ) -> Result<RoomHandle, Ending> {
        if self.shared.is_draining() {
            self.count_refused(arrival, JoinStep::Door, Refusal::Draining);
            return Err(Ending::draining());
        }
        let known = self.shared.directory.find(&admission.room);
        // Who was put out of a room does not make it again, and who was given another rank makes it as that.
        let verdict = match &known {
            Some(_) => Verdict::default(),
            None => self.verdict(admission),
        };
        if let Some(refusal) = verdict.shut_out {
            return Err(self.refuse_join(arrival, JoinStep::Door, refusal, ByeAction::Stop));
        }
        let rank = verdict.rank.unwrap_or(admission.access.rank);
        if known.is_none() && (!self.shared.config.auto_create || rank != Rank::Host) {
            return Err(self.refuse_join(arrival, JoinStep::Room, Refusal::RoomNotFound, ByeAction::Stop));
        }
        match door::admit(&self.shared, known.as_ref(), admission, has_media).await {
            Ok(()) => {}
            Err(Barred::ShutOut(refusal)) => {
                return Err(self.refuse_join(arrival, JoinStep::Door, refusal, ByeAction::Stop));
            }
            Err(Barred::NotNow(NotNow { refusal, retry_after })) => {
                self.count_refused(arrival, JoinStep::Door, refusal);
                return Err(Ending::later(refusal, retry_after));
            }
        }
        if let Some(handle) = known {
            return Ok(handle);
        }
        if !self.shared.may_make_room(self.address) {
            return Err(self.refuse_join(arrival, JoinStep::Room, Refusal::NodeFull, ByeAction::Retry));
        }
        let directory = &self.shared.directory;
        let refusal = match directory.create(&admission.room, self.shared.config.settings.clone(), None).await {
            // Gone again already: then it is as if there were no place.
            Creation::Created | Creation::Existed | Creation::Full => Refusal::NodeFull,
            Creation::Unstored => Refusal::Storage,
        };
        directory
            .find(&admission.room)
            .ok_or_else(|| self.refuse_join(arrival, JoinStep::Room, refusal, ByeAction::Retry))
    }

    /// What is remembered of someone who would make a room.
    fn verdict(&self, admission: &Admission) -> Verdict {
        let Admission { room, identity, access, .. } = admission;
        let directory = &self.shared.directory;
        if directory.is_banned_everywhere(identity) {
            return Verdict { shut_out: Some(Refusal::Banned), rank: None };
        }
        directory.verdict(room, identity, access.age(clock::unix_millis()))
    }

    /// Goes on with a session that this token's identity has in the room. The room judges the resume token.
    pub(super) async fn resume(
        &mut self,
        request: RequestId,
        token: String,
        last_seq: u64,
        admission: &Admission,
    ) -> Flow {
        self.begin_joining()?;
        self.await_resume().await?;
        // The wait for its turn is the client's: it came too often.
        let arrival = Arrival { kind: JoinKind::Resume, ..self.arrival(clock::now()) };
        let Some(handle) = self.shared.directory.find(&admission.room) else {
            return Break(self.refuse_resume(arrival));
        };
        let Some(resume_token) = random::text() else {
            self.not_joined(arrival, Refusal::Internal.code());
            return Break(Ending::bye(Refusal::Internal, ByeAction::Retry));
        };
        let (line, line_end) = line(self.line_limits());
        let identity = admission.identity.clone();
        let read_at = arrival.joined_at;
        let resume = Box::new(Resume { identity, request, token, last_seq, line, resume_token, read_at });
        if handle.tell(Mail::Resume(resume)).await.is_err() {
            return Break(self.refuse_resume(arrival));
        }
        self.attach(None, handle, line_end, arrival);
        Continue(())
    }

    /// A resume is never refused for coming soon: one too many waits its turn. The socket is closed if that takes longer than a join may.
    async fn await_resume(&mut self) -> Flow {
        let end = self.heard_at + self.shared.config.limits.join_timeout;
        while let Err(wait) = self.take(Paced::Resume, clock::now()) {
            if clock::now() + wait > end {
                return Break(Ending::later(Refusal::RateLimited, wait));
            }
            clock::sleep(wait).await;
        }
        Continue(())
    }

    fn attach(&mut self, session: Option<SessionId>, handle: RoomHandle, line: LineEnd, arrival: Arrival) {
        self.attached =
            Some(Attached { session, handle, line, joining: Some(arrival), has_media: false, is_unshown: false });
    }

    fn line_limits(&self) -> LineLimits {
        let limits = &self.shared.config.limits;
        LineLimits { frames_max: limits.outbound_queue, bytes_max: limits.outbound_bytes }
    }

    /// How someone has come whose join was read at `joined_at`.
    pub(super) fn arrival(&self, joined_at: Instant) -> Arrival {
        let waited = joined_at.saturating_duration_since(self.opened_at);
        let kind = if waited <= COLD_WITHIN { JoinKind::Cold } else { JoinKind::Warm };
        Arrival { kind, requested_at: self.requested_at, upgraded_at: self.opened_at, joined_at }
    }

    pub(super) fn refuse_join(&self, arrival: Arrival, step: JoinStep, refusal: Refusal, action: ByeAction) -> Ending {
        self.count_refused(arrival, step, refusal);
        Ending::bye(refusal, action)
    }

    /// The token opens nothing here; the bearer is told what may be told.
    pub(super) fn refuse_token(&self, arrival: Arrival, denied: &Denied) -> Ending {
        self.shared.note_denied(denied);
        let ending = self.refuse_join(arrival, JoinStep::Token, denied.refusal(), ByeAction::Stop);
        match denied.told() {
            Some(words) => ending.detail(words),
            None => ending,
        }
    }

    /// The token was good once, and can only resume.
    pub(super) fn refuse_expired(&self, arrival: Arrival, admission: &Admission) -> Ending {
        self.refuse_token(arrival, &admission.access.expired(clock::unix_seconds()))
    }

    pub(super) fn count_refused(&self, arrival: Arrival, step: JoinStep, refusal: Refusal) {
        self.shared.counters.joins_refused.add_one(refusal);
        info!(step = step.name(), code = refusal.code(), "join refused");
        self.not_joined(arrival, refusal.code());
    }

    fn refuse_resume(&self, arrival: Arrival) -> Ending {
        self.shared.counters.resumes_refused.add_one();
        info!(step = JoinStep::Room.name(), code = Refusal::SessionStale.code(), "resume refused");
        self.not_joined(arrival, Refusal::SessionStale.code());
        Ending::bye(Refusal::SessionStale, ByeAction::Rejoin)
    }

    /// A join or a resume came to nothing.
    pub(super) fn not_joined(&self, arrival: Arrival, code: &'static str) {
        self.shared.media.monitor().not_joined(arrival, code, clock::now());
    }

    pub(super) async fn welcome(&mut self, welcomed: Welcomed) -> Flow {
        let Welcomed { session, welcome, missed, has_media, resumed } = welcomed;
        self.pending = None;
        // A client that does not read keeps itself waiting, and not us it.
        let answered_at = clock::now();
        let arrival = self.attached.as_mut().and_then(|attached| attached.joining.take());
        if let Break(ending) = self.write(welcome).await {
            if let Some(arrival) = arrival {
                self.shared.counters.joins_aborted.add_one();
                self.shared.media.monitor().not_joined(arrival, ABORTED, answered_at);
            }
            return Break(ending);
        }
        if resumed {
            self.reports.resumed();
        }
        if let Some(arrival) = arrival {
            self.shared.counters.join_answer.observe(answered_at.saturating_duration_since(arrival.joined_at));
            self.shared.media.monitor().answered(&session, arrival, answered_at);
        }
        if let Some(attached) = &mut self.attached {
            Span::current().record("session", session.as_str());
            attached.session = Some(session);
            attached.has_media = has_media;
            attached.is_unshown = resumed;
        }
        if let Some(missed) = missed {
            self.write(missed).await?;
        }
        // The pong shows that the client has its new token.
        if resumed { self.write_message(Message::Ping(WELCOMED.into())).await } else { Continue(()) }
    }
}

/// How far a join has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum JoinStep {
    /// The token is judged.
    Token,
    /// The room is found, or made.
    Room,
    /// Whether the server takes this person at present, and the room at all.
    Door,
    /// The offer is answered.
    Media,
    /// The room decides.
    Entry,
}

impl JoinStep {
    /// Its name in logs.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Room => "room",
            Self::Door => "door",
            Self::Media => "media",
            Self::Entry => "entry",
        }
    }
}

/// Whether a message after a welcome shows that the welcome came: the pong to the ping that followed it, or a command. Anything else may have been on
/// its way before.
pub(super) fn shows_welcome(message: &Message) -> bool {
    match message {
        Message::Text(_) => true,
        Message::Pong(payload) => payload.as_ref() == WELCOMED,
        Message::Binary(_) | Message::Ping(_) | Message::Close(_) | Message::Frame(_) => false,
    }
}

/// What the ping behind a welcome carries.
const WELCOMED: &[u8] = b"welcome";

/// After so many offers that could not be answered a socket is closed: a client that has made a mistake may put it right once.
const BAD_OFFERS_MAX: u32 = 2;

/// A join that comes so soon after its socket was opened had the socket opened for it.
const COLD_WITHIN: Duration = Duration::from_secs(2);
