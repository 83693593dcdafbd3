//! A session is one WebSocket from its upgrade to its end: it reads commands for a room and writes what the room says.
//!
//! It never holds the room up: between them lies a bounded queue. While its join is on the way it reads nothing.
//!
//!   Waiting ──join──► Joining ──welcome──► Joined ──bye, leave or silence──► closed

use std::{
    future::pending,
    ops::ControlFlow::{self, Break, Continue},
    sync::Arc,
    time::Instant,
};

use axum::extract::ws::{CloseFrame, Message, WebSocket, close_code};
use tokio::time::{Interval, MissedTickBehavior};
use tracing::{Span, debug};

use super::ending::{Ending, FAREWELL_TIMEOUT, LINGER, close_code_of};
use crate::{
    auth::{Access, NAME_CHARS_MAX},
    clock,
    ids::{Identity, RequestId, RoomId, SessionId},
    limit::{FloodGate, Verdict},
    media::{MediaRefusal, OpenTransport},
    protocol::{
        client::{self, Command, Fault, Request, Stats},
        server,
    },
    random,
    room::{ByeAction, Details, Done, Join, Rank, Refusal, Refused},
    rooms::{
        handle::{Enter, Mail, OpenedTransport, RoomHandle},
        line::{Frame, LineEnd, Parcel, line},
    },
    signaling::Shared,
};

/// What a good token has opened.
pub(super) struct Admission {
    pub(super) room: RoomId,
    pub(super) identity: Identity,
    pub(super) access: Access,
}

/// One WebSocket.
pub(super) struct Session {
    shared: Arc<Shared>,
    socket: WebSocket,
    gate: FloodGate,
    strikes: u32,
    opened_at: Instant,
    heard_at: Instant,
    ticks: Interval,
    attached: Option<Attached>,
}

/// The room that the session is in, or on its way into.
struct Attached {
    session: SessionId,
    handle: RoomHandle,
    line: LineEnd,
    /// When the join came, until it is answered.
    joining_since: Option<Instant>,
}

enum Wake {
    Read(Option<Result<Message, axum::Error>>),
    Parcel(Option<Parcel>),
    Cut,
    Tick,
    JoinOverdue,
    Shutdown,
}

type Flow = ControlFlow<Ending>;

impl Session {
    pub(super) fn new(shared: Arc<Shared>, socket: WebSocket) -> Self {
        let limits = &shared.config.limits;
        let now = clock::now();
        let mut ticks = tokio::time::interval(limits.ping_interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks.reset();
        let gate = FloodGate::new(limits.commands_per_second, limits.burst, limits.flood_patience, now);
        shared.counters.sessions.add_one();
        Self { shared, socket, gate, strikes: 0, opened_at: now, heard_at: now, ticks, attached: None }
    }

    /// Lives the session to its end.
    pub(super) async fn run(mut self, admission: Result<Admission, Refusal>) {
        let ending = match admission {
            Ok(admission) => self.talk(&admission).await,
            Err(refusal) => self.refuse_join(refusal, ByeAction::Stop),
        };
        if let Some(Attached { session, handle, joining_since, .. }) = self.attached.take() {
            if joining_since.is_some() {
                self.shared.counters.joins_aborted.add_one();
            }
            // If the room is over there is nobody to tell.
            let _over = handle.tell(Mail::Detached { session }).await;
        }
        self.finish(ending).await;
    }

    async fn talk(&mut self, admission: &Admission) -> Ending {
        loop {
            let wake = self.next().await;
            let flow = match wake {
                Wake::Read(read) => self.read(read, admission).await,
                Wake::Parcel(parcel) => self.deliver(parcel).await,
                Wake::Cut => Break(self.cut()),
                Wake::Tick => self.tick(clock::now()).await,
                Wake::JoinOverdue => {
                    Break(Ending::bye(Refusal::InvalidArgument, ByeAction::Stop).code(close_code::POLICY))
                }
                Wake::Shutdown => Break(Ending::draining()),
            };
            if let Break(ending) = flow {
                return ending;
            }
        }
    }

    async fn next(&mut self) -> Wake {
        let is_joining = self.attached.as_ref().is_some_and(|attached| attached.joining_since.is_some());
        let join_due = self.attached.is_none().then(|| self.opened_at + self.shared.config.limits.join_timeout);
        let is_alone = self.attached.is_none();
        tokio::select! {
            parcel = next_parcel(self.attached.as_mut()) => parcel,
            read = self.socket.recv(), if !is_joining => Wake::Read(read),
            _ = self.ticks.tick() => Wake::Tick,
            () = at(join_due) => Wake::JoinOverdue,
            () = self.shared.shutdown.cancelled(), if is_alone => Wake::Shutdown,
        }
    }

    async fn read(&mut self, read: Option<Result<Message, axum::Error>>, admission: &Admission) -> Flow {
        let message = match read {
            Some(Ok(message)) => message,
            Some(Err(error)) => return Break(Ending::closed(close_code_of(error))),
            None => return Break(Ending::gone()),
        };
        let now = clock::now();
        self.heard_at = now;
        self.shared.counters.frames_in.add_one();
        match message {
            Message::Text(text) => match self.gate.judge(now) {
                Verdict::Allowed => self.hear(&text, admission).await,
                refused @ (Verdict::Refused { .. } | Verdict::Silent | Verdict::Cut) => {
                    self.slow_down(refused, Some(&text)).await
                }
            },
            Message::Binary(_) => Break(Ending::closed(Some(close_code::UNSUPPORTED))),
            Message::Ping(_) | Message::Pong(_) => match self.gate.judge(now) {
                Verdict::Allowed => Continue(()),
                refused @ (Verdict::Refused { .. } | Verdict::Silent | Verdict::Cut) => {
                    self.slow_down(refused, None).await
                }
            },
            Message::Close(_) => Break(Ending::gone()),
        }
    }

    async fn slow_down(&mut self, verdict: Verdict, text: Option<&str>) -> Flow {
        match verdict {
            Verdict::Allowed | Verdict::Silent => Continue(()),
            Verdict::Refused { retry_after } => {
                let Some(request) =
                    text.and_then(|text| client::request_of(text, self.shared.config.limits.json_depth))
                else {
                    return Continue(());
                };
                let details = Details { retry_after: Some(retry_after), ..Details::default() };
                self.refuse(Some(&request), Refused { refusal: Refusal::RateLimited, details }, None).await
            }
            Verdict::Cut => {
                self.shared.counters.floods.add_one();
                Break(Ending::flooded())
            }
        }
    }

    async fn hear(&mut self, text: &str, admission: &Admission) -> Flow {
        let Request { id, command } = match client::parse(text, self.shared.config.limits.json_depth) {
            Ok(request) => request,
            Err(fault) => return self.fault(fault).await,
        };
        match (command, &self.attached) {
            (Command::Ping, _) => self.write(server::pong(&id, clock::unix_millis()).into()).await,
            (Command::Resume { .. }, None) => Break(self.refuse_join(Refusal::SessionStale, ByeAction::Rejoin)),
            (Command::Join { offer, mic_ready }, None) => self.join(id, offer, mic_ready, admission).await,
            (Command::Act(act), Some(Attached { session, handle, .. })) => {
                let mail = Mail::Act { session: session.clone(), request: id, act };
                match handle.tell(mail).await {
                    Ok(()) => Continue(()),
                    // Its last words are still in the queue.
                    Err(_over) => Continue(()),
                }
            }
            (Command::IceRestart { .. }, Some(_)) => self.refuse_state(&id, "not built yet").await,
            (Command::Stats(stats), Some(_)) => {
                self.note(stats);
                self.write(server::reply_ok(&id, &Done::default()).into()).await
            }
            (Command::Join { .. } | Command::Resume { .. }, Some(_)) => {
                self.refuse_state(&id, "this session has joined already").await
            }
            (Command::Act(_) | Command::Stats(_) | Command::IceRestart { .. }, None) => {
                self.refuse_state(&id, "join first").await
            }
        }
    }

    async fn fault(&mut self, fault: Fault) -> Flow {
        self.shared.counters.faults.add_one();
        self.strikes += u32::from(fault.is_strike);
        let flow = self.refuse(fault.request.as_ref(), Refused::from(fault.refusal), Some(&fault.message)).await;
        if self.strikes >= self.shared.config.limits.strikes_max {
            return Break(Ending::bye(Refusal::InvalidArgument, ByeAction::Stop).code(close_code::PROTOCOL));
        }
        flow
    }

    async fn refuse_state(&mut self, request: &RequestId, why: &str) -> Flow {
        self.refuse(Some(request), Refused::from(Refusal::InvalidArgument), Some(why)).await
    }

    async fn refuse(&mut self, request: Option<&RequestId>, refused: Refused, message: Option<&str>) -> Flow {
        self.shared.counters.refusals.add_one(refused.refusal);
        self.write(server::reply_error(request, &refused, message).into()).await
    }

    async fn join(
        &mut self,
        request: RequestId,
        offer: Option<String>,
        mic_ready: bool,
        admission: &Admission,
    ) -> Flow {
        let joining_since = clock::now();
        let handle = match self.find_room(admission) {
            Ok(handle) => handle,
            Err(ending) => return Break(ending),
        };
        let (Some(random), Some(resume_token)) = (random::bytes(), random::text()) else {
            return Break(self.refuse_join(Refusal::Internal, ByeAction::Retry));
        };
        let session = SessionId::from_random(random);
        Span::current().record("session", session.as_str());
        let has_media = offer.is_some();
        let transport = match offer {
            None => None,
            Some(offer) => match open(&self.shared, &session, offer, admission).await {
                Ok(transport) => Some(transport),
                Err(MediaRefusal::InvalidOffer(why)) => {
                    self.shared.counters.joins_refused.add_one(Refusal::InvalidArgument);
                    let refused = Refused::from(Refusal::InvalidArgument);
                    return self.write(server::reply_error(Some(&request), &refused, Some(&why)).into()).await;
                }
                Err(MediaRefusal::Full) => return Break(self.refuse_join(Refusal::NodeFull, ByeAction::Retry)),
                Err(MediaRefusal::Unavailable | MediaRefusal::Gone) => {
                    return Break(self.refuse_join(Refusal::Internal, ByeAction::Retry));
                }
            },
        };
        let (line, line_end) = line(self.shared.config.limits.outbound_queue);
        let join = admission.join(session.clone(), request, has_media, mic_ready);
        let enter = Box::new(Enter { join, line, transport, resume_token });
        if handle.tell(Mail::Enter(enter)).await.is_err() {
            return Break(self.refuse_join(Refusal::RoomClosed, ByeAction::Stop));
        }
        self.attached = Some(Attached { session, handle, line: line_end, joining_since: Some(joining_since) });
        Continue(())
    }

    /// The room of the token. A host's join makes it.
    fn find_room(&self, admission: &Admission) -> Result<RoomHandle, Ending> {
        let shared = &self.shared;
        if shared.is_draining() {
            shared.counters.joins_refused.add_one(Refusal::Draining);
            return Err(Ending::draining());
        }
        let directory = &shared.directory;
        if let Some(handle) = directory.find(&admission.room) {
            return Ok(handle);
        }
        if !shared.config.auto_create || admission.access.rank != Rank::Host {
            return Err(self.refuse_join(Refusal::RoomNotFound, ByeAction::Stop));
        }
        directory.create(&admission.room, shared.config.settings.clone());
        directory.find(&admission.room).ok_or_else(|| self.refuse_join(Refusal::NodeFull, ByeAction::Retry))
    }

    fn refuse_join(&self, refusal: Refusal, action: ByeAction) -> Ending {
        self.shared.counters.joins_refused.add_one(refusal);
        debug!(code = refusal.code(), "join refused");
        Ending::bye(refusal, action)
    }

    fn note(&self, stats: Stats) {
        let counters = &self.shared.counters;
        let measured = [
            (stats.rtt_ms, &counters.client_rtt),
            (stats.jitter_buffer_ms, &counters.client_jitter_buffer),
            (stats.join_ms, &counters.join_client),
        ];
        for (ms, histogram) in measured {
            if let Some(ms) = ms {
                histogram.observe(std::time::Duration::from_secs_f64(ms / 1000.0));
            }
        }
    }

    async fn deliver(&mut self, parcel: Option<Parcel>) -> Flow {
        match parcel {
            Some(Parcel::Frame(frame)) => self.write(frame).await,
            Some(Parcel::Welcome(frame)) => {
                let flow = self.write(frame).await;
                let joining_since = self.attached.as_mut().and_then(|attached| attached.joining_since.take());
                if let Some(since) = joining_since {
                    self.shared.counters.join_answer.observe(clock::now().saturating_duration_since(since));
                }
                flow
            }
            Some(Parcel::Last(farewell)) => {
                self.attached = None;
                Break(Ending::last(farewell))
            }
            None => {
                self.attached = None;
                Break(Ending::bye(Refusal::Internal, ByeAction::Rejoin).code(close_code::ERROR))
            }
        }
    }

    fn cut(&mut self) -> Ending {
        let attached = self.attached.take();
        Ending::last(attached.and_then(|attached| attached.line.cut.farewell())).code(close_code::POLICY)
    }

    async fn tick(&mut self, now: Instant) -> Flow {
        if now.saturating_duration_since(self.heard_at) >= self.shared.config.limits.silence_max {
            debug!("nothing heard for too long");
            return Break(Ending::gone());
        }
        self.write_message(Message::Ping(Vec::new().into())).await
    }

    async fn write(&mut self, frame: Frame) -> Flow {
        self.write_message(Message::Text(frame)).await
    }

    /// Writes one message, for as long as the other end may be silent and the room does not cut it off.
    async fn write_message(&mut self, message: Message) -> Flow {
        self.shared.counters.frames_out.add_one();
        let writing = tokio::time::timeout(self.shared.config.limits.silence_max, self.socket.send(message));
        let written = tokio::select! {
            () = cut_of(self.attached.as_ref()) => None,
            written = writing => Some(written),
        };
        match written {
            None => Break(self.cut()),
            Some(Ok(Ok(()))) => Continue(()),
            Some(Ok(Err(_)) | Err(_)) => Break(Ending::gone()),
        }
    }

    /// Says the last word, closes, and waits a little for the other end, whose bytes on the way would otherwise reset the connection and with it the
    /// last word.
    async fn finish(mut self, ending: Ending) {
        let farewell = async {
            if let Some(frame) = ending.farewell {
                self.socket.send(Message::Text(frame)).await?;
            }
            if let Some(code) = ending.close_code {
                self.socket.send(Message::Close(Some(CloseFrame { code, reason: "".into() }))).await?;
            }
            Ok::<(), axum::Error>(())
        };
        let is_said = matches!(tokio::time::timeout(FAREWELL_TIMEOUT, farewell).await, Ok(Ok(())));
        if is_said && ending.close_code.is_some() {
            // The time is the bound; what still comes is not looked at.
            let _late = tokio::time::timeout(FAREWELL_TIMEOUT, self.hear_out()).await;
        }
    }

    async fn hear_out(&mut self) {
        while let Some(read) = self.socket.recv().await {
            if read.is_err() {
                tokio::time::sleep(LINGER).await;
                return;
            }
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.shared.counters.sessions.remove_one();
    }
}

impl Admission {
    fn join(&self, session: SessionId, request: RequestId, has_media: bool, mic_ready: bool) -> Join {
        let Self { identity, access, .. } = self;
        let name = access.name.clone().unwrap_or_else(|| identity.as_str().chars().take(NAME_CHARS_MAX).collect());
        Join {
            session,
            identity: identity.clone(),
            name,
            rank_claim: access.rank,
            can_publish: access.can_publish,
            can_subscribe: access.can_subscribe,
            hidden: access.hidden,
            request,
            has_media,
            mic_ready,
            can_publish_data: true,
            tier: 0,
            kind: None,
            token_age: None,
        }
    }
}

/// Has the media plane answer an offer.
async fn open(
    shared: &Shared,
    session: &SessionId,
    offer: String,
    admission: &Admission,
) -> Result<OpenedTransport, MediaRefusal> {
    let Admission { room, identity, access } = admission;
    let request = OpenTransport {
        room: room.clone(),
        session: session.clone(),
        identity: identity.clone(),
        offer,
        can_publish: access.can_publish,
        can_subscribe: access.can_subscribe,
    };
    let media = &shared.media;
    let Ok(opened) = tokio::time::timeout(shared.config.limits.open_timeout, media.open(request)).await else {
        // It may still open after we have given up.
        media.close(room, session);
        return Err(MediaRefusal::Unavailable);
    };
    Ok(OpenedTransport::new(opened?.answer, Arc::clone(media), room.clone(), session.clone()))
}

async fn next_parcel(attached: Option<&mut Attached>) -> Wake {
    let Some(Attached { line, .. }) = attached else {
        return pending().await;
    };
    tokio::select! {
        biased;
        () = line.cut.cancelled() => Wake::Cut,
        parcel = line.queue.recv() => Wake::Parcel(parcel),
    }
}

async fn cut_of(attached: Option<&Attached>) {
    match attached {
        Some(attached) => attached.line.cut.cancelled().await,
        None => pending().await,
    }
}

async fn at(when: Option<Instant>) {
    match when {
        Some(when) => tokio::time::sleep_until(when.into()).await,
        None => pending().await,
    }
}
