//! A session is one WebSocket from its upgrade to its end: it reads commands for a room and writes what the room says.
//!
//! It never holds the room up: between them lies a bounded queue. While its join or its resume is on the way it reads nothing.
//!
//!   Waiting ──join, resume──► Joining ──welcome──► Joined ──bye, leave or silence──► closed

use std::{
    future::pending,
    ops::ControlFlow::{self, Break, Continue},
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::{SinkExt, StreamExt};
use tokio::time::{Interval, MissedTickBehavior};
use tokio_tungstenite::tungstenite::{
    self, Message,
    protocol::{CloseFrame, frame::coding::CloseCode},
};
use tracing::{debug, info};

use super::{
    addresses::Place,
    admission::{Admission, NotAdmitted},
    ending::{Ending, FAREWELL_TIMEOUT, LINGER, close_code_of},
    exchange::ExchangeId,
    handshake::Socket,
    held::HeldReplies,
    joining::{JoinStep, shows_welcome},
    pending::{LOOK, PendingPlace},
    report::{Reports, Taken},
    restart::{Restart, Restarts},
};
use crate::{
    clock,
    ids::{RequestId, SessionId},
    limit::{ClientAddress, Verdict},
    media::{MediaRefusal, RestartIce},
    metrics::ReportFault,
    monitor::{Arrival, ClientReport},
    paces::{Paced, Person},
    protocol::{
        client::{self, Command, Fault, Request, Stats},
        server,
    },
    room::{ByeAction, Details, Done, Refusal, Refused},
    rooms::{
        handle::{Mail, RoomHandle},
        line::{Frame, LineEnd, Parcel},
    },
    signaling::Shared,
};

/// One WebSocket.
pub(super) struct Session {
    pub(super) shared: Arc<Shared>,
    connection: ExchangeId,
    /// Where it comes from, and its place among the sessions of that address.
    pub(super) address: ClientAddress,
    place: Option<Place>,
    socket: Socket,
    /// How fast whose it is may talk; none if the token was refused.
    pub(super) person: Option<Arc<Person>>,
    strikes: u32,
    /// Its joins whose offer could not be answered.
    pub(super) bad_offers: u32,
    /// When the request for it was read.
    pub(super) requested_at: Instant,
    pub(super) opened_at: Instant,
    /// When something was last read from it.
    pub(super) heard_at: Instant,
    /// It was silent for too long, and is looked at once more.
    is_doubted: bool,
    ticks: Interval,
    /// Its place among those that have not joined yet.
    pub(super) pending: Option<PendingPlace>,
    pub(super) attached: Option<Attached>,
    held: HeldReplies,
    restarts: Restarts,
    pub(super) reports: Reports,
}

/// The rights of a socket with a good token: its paces, and a place among those that wait.
pub(super) struct Entry {
    pub(super) person: Arc<Person>,
    pub(super) pending: PendingPlace,
}

/// The room that the session is in, or on its way into.
pub(super) struct Attached {
    /// Known from the welcome on.
    pub(super) session: Option<SessionId>,
    pub(super) handle: RoomHandle,
    pub(super) line: LineEnd,
    /// How the join or resume came, until it is answered.
    pub(super) joining: Option<Arrival>,
    pub(super) has_media: bool,
    /// The room waits for a sign that the welcome to a resume has come.
    pub(super) is_unshown: bool,
}

enum Wake {
    Read(Option<Result<Message, tungstenite::Error>>),
    Parcel(Option<Parcel>),
    Settled(Frame),
    Cut,
    Tick,
    Restarted(Box<Restart>),
    /// It is time to see whether something has waited too long.
    Due,
    GivesWay,
    Shutdown,
}

pub(super) type Flow = ControlFlow<Ending>;

impl Session {
    pub(super) fn new(
        shared: Arc<Shared>,
        (address, place): (ClientAddress, Place),
        socket: Socket,
        entry: Option<Entry>,
        requested_at: Instant,
        connection: ExchangeId,
    ) -> Self {
        let limits = &shared.config.limits;
        let now = clock::now();
        let mut ticks = tokio::time::interval(limits.ping_interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks.reset();
        shared.counters.sessions.add_one();
        let restarts = Restarts::new(shared.config.limits.open_timeout);
        let (person, pending) = entry.map(|Entry { person, pending }| (person, pending)).unzip();
        Self {
            shared,
            connection,
            address,
            place: Some(place),
            socket,
            person,
            strikes: 0,
            bad_offers: 0,
            requested_at,
            opened_at: now,
            heard_at: now,
            is_doubted: false,
            ticks,
            pending,
            attached: None,
            held: HeldReplies::default(),
            restarts,
            reports: Reports::default(),
        }
    }

    /// Lives the session to its end.
    pub(super) async fn run(mut self, admission: Result<Admission, NotAdmitted>) {
        let ending = match admission {
            Ok(admission) => self.talk(&admission).await,
            Err(NotAdmitted::NoRoom) => {
                let arrival = self.arrival(self.opened_at);
                self.refuse_join(arrival, JoinStep::Room, Refusal::RoomNotFound, ByeAction::Stop)
            }
            Err(NotAdmitted::Denied(denied)) => self.refuse_token(self.arrival(self.opened_at), &denied),
        };
        if let Some(Attached { line, handle, joining, .. }) = self.attached.take() {
            if let Some(arrival) = joining {
                self.shared.counters.joins_aborted.add_one();
                self.not_joined(arrival, ABORTED);
            }
            // If the room is over there is nobody to tell.
            let _over = handle.tell(Mail::Detached { line: line.id }).await;
        }
        // Whatever the other end does with the last word, it has a place no more.
        (self.pending, self.person) = (None, None);
        self.finish(ending).await;
    }

    async fn talk(&mut self, admission: &Admission) -> Ending {
        loop {
            let wake = self.next(admission.patience(&self.shared.config.limits)).await;
            let flow = match wake {
                Wake::Read(read) => self.read(read, admission).await,
                Wake::Parcel(parcel) => self.deliver(parcel).await,
                Wake::Settled(reply) => self.write(reply).await,
                Wake::Cut => Break(self.cut()),
                Wake::Tick => self.tick(clock::now()).await,
                Wake::Restarted(restart) => self.restarted(*restart).await,
                Wake::Due => Continue(()),
                Wake::GivesWay => Break(self.give_way()),
                Wake::Shutdown => Break(Ending::draining()),
            };
            if let Break(ending) = flow {
                return ending;
            }
            if let Break(ending) = self.look(admission, clock::now()) {
                return ending;
            }
        }
    }

    async fn next(&mut self, patience: Duration) -> Wake {
        let is_joining = self.attached.as_ref().is_some_and(|attached| attached.joining.is_some());
        let is_alone = self.attached.is_none();
        let is_awaited = is_alone && self.pending.is_some();
        let look_at = is_awaited.then(|| (clock::now() + LOOK).min(self.opened_at + patience));
        // Reading finds out whether a message has taken too long.
        let message_due = self.socket.get_ref().due_at().filter(|_| !is_joining);
        tokio::select! {
            parcel = next_parcel(self.attached.as_mut()) => parcel,
            reply = self.held.next() => Wake::Settled(reply),
            read = self.socket.next(), if !is_joining => Wake::Read(read),
            _ = self.ticks.tick() => Wake::Tick,
            restart = self.restarts.next() => Wake::Restarted(Box::new(restart)),
            () = at(look_at) => Wake::Due,
            () = at(message_due) => Wake::Due,
            () = gives_way(self.pending.as_ref()) => Wake::GivesWay,
            () = self.shared.shutdown.cancelled(), if is_alone => Wake::Shutdown,
        }
    }

    /// Looks whether the socket has been silent for too long.
    fn look(&self, admission: &Admission, now: Instant) -> Flow {
        let Some(pending) = self.pending.as_ref().filter(|_| self.attached.is_none()) else {
            return Continue(());
        };
        let most = admission.patience(&self.shared.config.limits);
        if now.saturating_duration_since(self.opened_at) < pending.patience(most, now) {
            return Continue(());
        }
        if admission.is_expired {
            return Break(self.refuse_expired(self.arrival(now), admission));
        }
        if now.saturating_duration_since(self.opened_at) < most {
            return Break(self.give_way());
        }
        Break(Ending::bye(Refusal::InvalidArgument, ByeAction::Stop).code(CloseCode::Policy))
    }

    async fn read(&mut self, read: Option<Result<Message, tungstenite::Error>>, admission: &Admission) -> Flow {
        let message = match read {
            Some(Ok(message)) => message,
            Some(Err(_)) if self.socket.get_ref().fault().is_some() => return Break(self.flooded()),
            Some(Err(error)) => return Break(Ending::closed(close_code_of(&error))),
            None => return Break(Ending::gone()),
        };
        let now = clock::now();
        self.heard_at = now;
        self.is_doubted = false;
        if let Some(person) = &self.person {
            person.excuse(clock::stood_still());
        }
        self.shared.counters.frames_in.add_one();
        if shows_welcome(&message) {
            self.show().await;
        }
        match message {
            Message::Text(text) => match self.judge(now) {
                Verdict::Allowed => self.hear(&text, admission).await,
                refused @ (Verdict::Refused { .. } | Verdict::Silent | Verdict::Cut) => {
                    self.slow_down(refused, Some(&text)).await
                }
            },
            Message::Binary(_) => Break(Ending::closed(Some(CloseCode::Unsupported))),
            // They were counted as their frames were read.
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => Continue(()),
            Message::Close(_) => Break(Ending::gone()),
        }
    }

    /// There are too many like it that wait.
    pub(super) fn give_way(&self) -> Ending {
        self.shared.counters.sessions_gave_way.add_one();
        Ending::gave_way()
    }

    fn judge(&self, now: Instant) -> Verdict {
        self.person.as_ref().map_or(Verdict::Cut, |person| person.judge_command(now))
    }

    /// Takes one of what has a pace of its own, or says how long until the next may come.
    pub(super) fn take(&self, paced: Paced, now: Instant) -> Result<(), Duration> {
        self.person.as_ref().map_or(Ok(()), |person| person.take(paced, now))
    }

    fn flooded(&self) -> Ending {
        self.shared.counters.floods.add_one();
        Ending::flooded()
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
                self.refuse_for_now(&request, retry_after).await
            }
            Verdict::Cut => Break(self.flooded()),
        }
    }

    async fn hear(&mut self, text: &str, admission: &Admission) -> Flow {
        let Request { id, command } = match client::parse(text, self.shared.config.limits.json_depth) {
            Ok(request) => request,
            Err(fault) => return self.fault(fault).await,
        };
        match (command, &self.attached) {
            (Command::Ping, _) => self.write(server::pong(&id, clock::unix_millis()).into()).await,
            (Command::Join { offer, mic_ready }, None) => self.join(id, offer, mic_ready, admission).await,
            (Command::Resume { resume_token, last_seq }, None) => {
                self.resume(id, resume_token, last_seq, admission).await
            }
            (Command::Act(act), Some(Attached { session: Some(session), handle, .. })) => {
                if let Some(Err(retry_after)) = Paced::of(&act).map(|paced| self.take(paced, self.heard_at)) {
                    return self.refuse_for_now(&id, retry_after).await;
                }
                let mail = Mail::Act { session: session.clone(), request: id, act, read_at: self.heard_at };
                match handle.tell(mail).await {
                    Ok(()) => Continue(()),
                    // Its last words are still in the queue.
                    Err(_over) => Continue(()),
                }
            }
            (Command::PeopleList(wanted), Some(Attached { session: Some(session), handle, .. })) => {
                let (handle, session) = (handle.clone(), session.clone());
                match handle.people(session, wanted).await {
                    Ok((people, next)) => self.write(server::people(&id, &people, next.as_ref()).into()).await,
                    Err(refusal) => self.refuse(Some(&id), refusal.into(), None).await,
                }
            }
            (Command::IceRestart { offer }, Some(_)) => self.restart(id, offer, admission).await,
            (Command::Stats(stats), Some(Attached { session: Some(session), has_media, .. })) => {
                let (session, listens) = (session.clone(), *has_media && admission.access.can_subscribe);
                self.report(&id, &session, &stats, listens).await
            }
            (Command::Join { .. } | Command::Resume { .. }, Some(_)) => {
                self.refuse_state(&id, "this session has joined already").await
            }
            (
                Command::Act(_) | Command::Stats(_) | Command::PeopleList(_),
                Some(Attached { session: None, .. }) | None,
            )
            | (Command::IceRestart { .. }, None) => self.refuse_state(&id, "join first").await,
        }
    }

    /// Whatever comes after the welcome to a resume shows that it has arrived.
    async fn show(&mut self) {
        if let Some(attached) = &mut self.attached
            && std::mem::take(&mut attached.is_unshown)
        {
            // If the room is over there is nobody to tell.
            let _over = attached.handle.tell(Mail::Shown { line: attached.line.id }).await;
        }
    }

    async fn fault(&mut self, fault: Fault) -> Flow {
        self.shared.counters.faults.add_one();
        if fault.is_report {
            self.shared.counters.reports_refused.add_one(ReportFault::Impossible);
        }
        self.strikes += u32::from(fault.is_strike);
        let flow = self.refuse(fault.request.as_ref(), Refused::from(fault.refusal), Some(&fault.message)).await;
        if self.strikes >= self.shared.config.limits.strikes_max {
            return Break(Ending::bye(Refusal::InvalidArgument, ByeAction::Stop).code(CloseCode::Protocol));
        }
        flow
    }

    async fn refuse_state(&mut self, request: &RequestId, why: &str) -> Flow {
        self.refuse(Some(request), Refused::from(Refusal::InvalidArgument), Some(why)).await
    }

    async fn refuse_for_now(&mut self, request: &RequestId, retry_after: Duration) -> Flow {
        let details = Details { retry_after: Some(retry_after), ..Details::default() };
        self.refuse(Some(request), Refused { refusal: Refusal::RateLimited, details }, None).await
    }

    async fn refuse(&mut self, request: Option<&RequestId>, refused: Refused, message: Option<&str>) -> Flow {
        self.shared.counters.refusals.add_one(refused.refusal);
        self.write(server::reply_error(request, &refused, message).into()).await
    }

    /// Asks the media plane for new ICE credentials. The answer comes when it comes; meanwhile the session goes on.
    async fn restart(&mut self, request: RequestId, offer: String, admission: &Admission) -> Flow {
        let session = self.attached.as_ref().filter(|attached| attached.has_media);
        let Some(session) = session.and_then(|attached| attached.session.clone()) else {
            return self.refuse(Some(&request), Refused::from(Refusal::SessionStale), None).await;
        };
        let ask = RestartIce { room: admission.room.clone(), session, offer };
        let taken = self.take(Paced::IceRestart, self.heard_at);
        match taken.and_then(|()| self.restarts.begin(request.clone(), ask, Arc::clone(&self.shared.media))) {
            Ok(()) => Continue(()),
            Err(retry_after) => self.refuse_for_now(&request, retry_after).await,
        }
    }

    async fn restarted(&mut self, Restart { request, result }: Restart) -> Flow {
        let (refusal, why) = match result {
            Ok(answer) => return self.write(server::restarted(&request, &answer).into()).await,
            Err(MediaRefusal::InvalidOffer(why)) => (Refusal::InvalidArgument, Some(why)),
            Err(MediaRefusal::Gone) => (Refusal::SessionStale, None),
            Err(MediaRefusal::Full) => (Refusal::NodeFull, None),
            Err(MediaRefusal::Unavailable) => (Refusal::Internal, None),
        };
        self.refuse(Some(&request), Refused::from(refusal), why.as_deref()).await
    }

    /// What a client measured.
    async fn report(&mut self, request: &RequestId, session: &SessionId, stats: &Stats, listens: bool) -> Flow {
        let now = self.heard_at;
        let person = self.person.clone();
        let take_one = || person.map_or(Ok(()), |person| person.take(Paced::Stats, now));
        match self.reports.judge(stats, listens, take_one, now) {
            Ok(Taken { report, tells_join_again }) => {
                if tells_join_again {
                    self.shared.counters.reports_refused.add_one(ReportFault::JoinAgain);
                }
                self.note(&report);
                self.shared.media.monitor().reported(session, report, now);
                self.write(server::reply_ok(request, &Done::default()).into()).await
            }
            Err(not_taken) => {
                self.shared.counters.reports_refused.add_one(not_taken.fault);
                self.refuse(Some(request), not_taken.refused(), Some(not_taken.message())).await
            }
        }
    }

    fn note(&self, report: &ClientReport) {
        let counters = &self.shared.counters;
        let measured = [
            (report.rtt, &counters.client_rtt),
            (report.jitter_buffer, &counters.client_jitter_buffer),
            (report.join, &counters.join_client),
        ];
        for (took, histogram) in measured {
            took.into_iter().for_each(|took| histogram.observe(took));
        }
    }

    async fn deliver(&mut self, parcel: Option<Parcel>) -> Flow {
        match parcel {
            Some(Parcel::Frame(frame)) => self.write(frame).await,
            Some(Parcel::Reply(reply)) => match self.held.push(*reply) {
                Some(reply) => self.write(reply).await,
                None => Continue(()),
            },
            Some(Parcel::Welcome(welcomed)) => self.welcome(*welcomed).await,
            Some(Parcel::Last(farewell)) => {
                self.detached(farewell.as_ref().map_or(ABORTED, |farewell| farewell.code));
                while !self.held.is_empty() {
                    let reply = self.held.next().await;
                    self.write(reply).await?;
                }
                Break(Ending::last(farewell))
            }
            None => {
                self.detached(Refusal::Internal.code());
                Break(Ending::bye(Refusal::Internal, ByeAction::Rejoin).code(CloseCode::Error))
            }
        }
    }

    fn cut(&mut self) -> Ending {
        let farewell = self.attached.as_ref().and_then(|attached| attached.line.cut.farewell());
        self.detached(farewell.as_ref().map_or(ABORTED, |farewell| farewell.code));
        Ending::last(farewell).code(CloseCode::Policy)
    }

    /// The room has done with this session, and says why.
    fn detached(&mut self, code: &'static str) {
        if let Some(Attached { joining: Some(arrival), .. }) = self.attached.take() {
            info!(step = JoinStep::Entry.name(), code, "join refused");
            self.not_joined(arrival, code);
        }
    }

    async fn tick(&mut self, now: Instant) -> Flow {
        if now.saturating_duration_since(self.heard_at) >= self.shared.config.limits.silence_max {
            if std::mem::replace(&mut self.is_doubted, true) {
                debug!("nothing heard for too long");
                return Break(Ending::gone());
            }
            // A late tick may come before what waits to be read. It has so long to be read.
            self.ticks.reset_after(LAST_LOOK.min(self.shared.config.limits.ping_interval));
            return Continue(());
        }
        self.write_message(Message::Ping(Vec::new().into())).await
    }

    pub(super) async fn write(&mut self, frame: Frame) -> Flow {
        self.write_message(Message::Text(frame)).await
    }

    /// Writes one message, for as long as the other end may be silent and the room does not cut it off.
    pub(super) async fn write_message(&mut self, message: Message) -> Flow {
        self.shared.counters.frames_out.add_one();
        let writing = clock::timeout(self.shared.config.limits.silence_max, self.socket.send(message));
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
            if let Some(farewell) = ending.farewell {
                let bye = server::with_text(&farewell.frame, "connection", self.connection.as_str());
                self.socket.send(Message::Text(bye.into())).await?;
            }
            if let Some(code) = ending.close_code {
                self.socket.send(Message::Close(Some(CloseFrame { code, reason: "".into() }))).await?;
            }
            Ok::<(), tungstenite::Error>(())
        };
        let is_said = matches!(clock::timeout(FAREWELL_TIMEOUT, farewell).await, Ok(Ok(())));
        if is_said && ending.close_code.is_some() {
            // The time is the bound; what still comes is not looked at.
            let _late = clock::timeout(FAREWELL_TIMEOUT, self.hear_out()).await;
        }
    }

    async fn hear_out(&mut self) {
        loop {
            match self.socket.next().await {
                Some(Ok(_)) => {}
                None if self.socket.get_ref().fault().is_none() => return,
                Some(Err(_)) | None => return clock::sleep(LINGER).await,
            }
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // First, so that whoever sees the count finds the place free.
        self.place = None;
        self.shared.counters.sessions.remove_one();
    }
}

async fn next_parcel(attached: Option<&mut Attached>) -> Wake {
    let Some(Attached { line, .. }) = attached else {
        return pending().await;
    };
    let cut = Arc::clone(&line.cut);
    tokio::select! {
        biased;
        () = cut.cancelled() => Wake::Cut,
        parcel = line.recv() => Wake::Parcel(parcel),
    }
}

async fn gives_way(place: Option<&PendingPlace>) {
    match place {
        Some(place) => place.gives_way().await,
        None => pending().await,
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
        Some(when) => clock::sleep_until(when).await,
        None => pending().await,
    }
}

/// A socket that was silent for too long is read for so long before it is closed.
const LAST_LOOK: Duration = Duration::from_secs(1);

/// How a join ended whose client had gone before it was answered.
pub(super) const ABORTED: &str = "aborted";
