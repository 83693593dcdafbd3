//! The task that owns a room: it feeds it what happens, and carries out what the room says.
//!
//! It waits for mail, facts and time, and never for a session: whoever does not read is cut off.

use std::{
    collections::HashSet,
    future::pending,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::{mpsc, oneshot};
use tracing::{Instrument, debug, info, info_span, warn};

use super::{
    crowd::{Crowd, Pending},
    directory::{RoomContext, RoomEntry},
    handle::{Acted, Asker, Enter, Found, Looked, Mail, PeoplePage, Remember, Resume, RoleGauge, Seated},
    holds::Holds,
    journal::Missed,
    ledger::{Ledger, Told},
    line::{Farewell, Frame, HeldReply, Line, LineId, Parcel, Welcomed},
};
use crate::{
    clock,
    ids::{Identity, RequestId, RoomId, SessionId},
    media::MediaFact,
    protocol::{
        client::PeopleList,
        server::{self, Welcome},
    },
    room::{
        ByeAction, ByeReason, Done, Event, Input, Join, Output, Outsider, Rank, Recipients, Refusal, Refused, Room,
        Viewer,
    },
    store::Ticket,
};

/// The owner of one room.
pub(crate) struct RoomTask {
    room: Room,
    entry: RoomEntry,
    mailbox: mpsc::Receiver<Mail>,
    facts: mpsc::Receiver<MediaFact>,
    roles: Arc<RoleGauge>,
    context: RoomContext,
    crowd: Crowd,
    holds: Holds,
    transports: HashSet<SessionId>,
    /// Sessions that are over; their sockets are closed when everything that this input causes was said to them.
    leaving: Vec<SessionId>,
    ledger: Ledger,
    /// Who waits outside for the answer to what is being carried out.
    asking: Option<oneshot::Sender<Acted>>,
    /// How many places its decisions about people take.
    places_held: usize,
    /// When the log was last told that there are no more.
    told_full_at: Option<Instant>,
    /// How it ended, if it is over.
    over: Option<Over>,
}

/// What everyone is told when the room ends, and whoever comes too late.
#[derive(Clone, Copy)]
struct Over {
    reason: Refusal,
    action: ByeAction,
    retry_after: Option<Duration>,
}

impl Over {
    fn farewell(self) -> Farewell {
        Farewell::bye(self.reason.code(), self.action, self.retry_after)
    }
}

enum Wake {
    Mail(Mail),
    Fact(MediaFact),
    RoomDue,
    AudienceDue,
    Shutdown,
}

impl RoomTask {
    pub(crate) fn new(
        room: Room,
        entry: RoomEntry,
        mailbox: mpsc::Receiver<Mail>,
        facts: mpsc::Receiver<MediaFact>,
        roles: Arc<RoleGauge>,
        context: RoomContext,
        written: Ticket,
    ) -> Self {
        let room_decisions = room.decisions();
        Self {
            ledger: Ledger::new(&room, &context, written),
            room,
            entry,
            mailbox,
            facts,
            roles,
            context,
            crowd: Crowd::default(),
            holds: Holds::default(),
            transports: HashSet::new(),
            leaving: Vec::new(),
            asking: None,
            places_held: room_decisions,
            told_full_at: None,
            over: None,
        }
    }

    /// The name of the room.
    pub(crate) fn id(&self) -> &RoomId {
        &self.entry.id
    }

    pub(crate) async fn run(mut self) {
        let span = info_span!("room", room = %self.entry.id);
        async {
            info!("room opened");
            let over = loop {
                let wake = self.next().await;
                self.wake(wake, clock::now());
                if let Some(over) = self.over {
                    break over;
                }
            };
            self.turn_away_the_late(over);
            info!("room closed");
        }
        .instrument(span)
        .await;
    }

    async fn next(&mut self) -> Wake {
        let room_due = at(self.room.next_timeout());
        let audience_due = at(self.crowd.due_at());
        tokio::select! {
            () = self.context.shutdown.cancelled() => Wake::Shutdown,
            Some(mail) = self.mailbox.recv() => Wake::Mail(mail),
            Some(fact) = self.facts.recv() => Wake::Fact(fact),
            () = room_due => Wake::RoomDue,
            () = audience_due => Wake::AudienceDue,
        }
    }

    fn wake(&mut self, wake: Wake, now: Instant) {
        match wake {
            Wake::Mail(mail) => self.open(mail, now),
            Wake::Fact(fact) => self.feed(Input::Media(fact), now),
            Wake::RoomDue => self.feed(Input::Timeout, now),
            Wake::AudienceDue => {}
            Wake::Shutdown => self.end_all(Refusal::Draining, ByeAction::Retry, Some(DRAINING_RETRY), now),
        }
        // One cohort at a time: between two of them whoever asks for something is served.
        self.crowd.tell_due(now);
        for session in self.cut_off_full() {
            self.feed(Input::Detached { session }, now);
        }
        self.crowd.trim();
        let everyone = self.room.role_counts();
        self.roles.set(everyone, self.room.visible_of(everyone), self.room.seq());
    }

    fn open(&mut self, mail: Mail, now: Instant) {
        match mail {
            Mail::Enter(enter) => self.enter(*enter, now),
            Mail::Resume(resume) => self.resume(*resume, now),
            Mail::Act { session, request, act, read_at } => {
                self.step(Input::Act { session, request, act }, None, read_at, now);
                self.follow_up(now);
            }
            Mail::Shown { line } => {
                if let Some(session) = self.crowd.session_of(line) {
                    self.holds.shown(session);
                }
            }
            Mail::Detached { line } => self.detach(line, now),
            Mail::Outside { by, act, remember, read_at, reply } => {
                self.asking = Some(reply);
                let by = Outsider { is_banned: self.context.everywhere.holds(&by.identity), ..by };
                self.step(Input::Outside { by, act }, remember, read_at, now);
                self.follow_up(now);
                self.asking = None;
            }
            Mail::List { list, reply } => {
                // Who asked may have gone; then nobody reads it.
                let _gone = reply.send((list.of(&self.room, now), self.ledger.last_ticket()));
            }
            Mail::People { session, wanted, reply } => {
                // Who asked may have gone; then nobody reads it.
                let _gone = reply.send(self.people(&session, &wanted));
            }
            Mail::Find { asker, reply } => {
                // Who asked may have gone; then nobody reads it.
                let _gone = reply.send(self.find(&asker, now));
            }
            Mail::ShutOut { who, by, reply } => {
                self.feed(Input::ShutOut { who, by }, now);
                // Who asked may have gone; it is done all the same.
                let _gone = reply.send(());
            }
            Mail::OnStage { reply } => {
                // Who asked may have gone; then nobody reads it.
                let _gone = reply.send(self.on_stage());
            }
            Mail::Forget { who, keep_mute, reply } => {
                self.feed(Input::Forget { who, keep_decisions: keep_mute }, now);
                // Who asked may have gone; it is forgotten all the same.
                let _gone = reply.send(self.ledger.ticket());
            }
            Mail::Look { viewer, asker, reply } => {
                let shut_out = asker.and_then(|asker| self.shuts_out(&asker.identity, asker.token_age, now));
                let looked = || Looked {
                    snapshot: Box::new(self.room.snapshot(&viewer, now)),
                    ticket: self.ledger.last_ticket(),
                };
                let look = shut_out.map_or_else(|| Ok(looked()), Err);
                // Who asked may have gone; then nobody looks.
                let _gone = reply.send(look);
            }
        }
    }

    fn enter(&mut self, enter: Enter, now: Instant) {
        let Enter { join, line, transport, resume_token, read_at } = enter;
        let join = Join { is_banned: self.context.everywhere.holds(&join.identity), ..join };
        let answer = transport.map(|transport| {
            self.transports.insert(join.session.clone());
            transport.arrived()
        });
        self.crowd.add(&join.session, line, join.identity.clone(), Pending::Join { answer, resume_token });
        self.step(Input::Join(join), None, read_at, now);
        self.follow_up(now);
    }

    /// A session goes on by a new line, if the token is good; the old line ends without a word to the room.
    fn resume(&mut self, resume: Resume, now: Instant) {
        let Resume { identity, request, token, last_seq, line, resume_token, read_at } = resume;
        if self.shuts_out(&identity, None, now) == Some(Refusal::Banned) {
            self.context.counters.resumes_refused.add_one();
            return line.end(Some(Farewell::bye(Refusal::Banned.code(), ByeAction::Stop, None)));
        }
        let age_max = self.context.session_max;
        let Some(session) = self.holds.take(&token, resume_token.clone(), &identity, age_max, now) else {
            self.refuse_resume(line);
            return;
        };
        if let Some(old) = self.crowd.remove(&session) {
            old.line.end(Some(Farewell::bye(ByeReason::Duplicate.code(), ByeAction::Stop, None)));
        }
        let pending = Pending::Resume { last_seq, resume_token };
        let line_id = line.id();
        self.crowd.add(&session, line, identity, pending);
        self.step(Input::Resume { session: session.clone(), request }, None, read_at, now);
        self.follow_up(now);
        let is_unheard = self.crowd.find(&session).is_some_and(|member| member.pending.is_some());
        if is_unheard && self.crowd.session_of(line_id) == Some(&session) {
            self.end_resume(&session);
        }
    }

    fn end_resume(&mut self, session: &SessionId) {
        self.holds.end(session);
        if let Some(member) = self.crowd.remove(session) {
            self.refuse_resume(member.line);
        }
    }

    fn refuse_resume(&self, line: Line) {
        self.context.counters.resumes_refused.add_one();
        line.end(Some(Farewell::bye(Refusal::SessionStale.code(), ByeAction::Rejoin, None)));
    }

    fn find(&self, Asker { identity, token_age }: &Asker, now: Instant) -> Found {
        Found {
            is_present: self.room.session_of(identity).is_some(),
            is_banned: self.room.shuts_out(identity, *token_age, now) == Some(Refusal::Banned),
            shut_out: self.shuts_out(identity, *token_age, now),
            rank: self.room.rank_known(identity),
            is_expected_on_stage: self.room.expects_on_stage(identity, now),
        }
    }

    /// Why someone may not even look, if so: by a ban from all rooms, or by what was decided here.
    fn shuts_out(&self, who: &Identity, token_age: Option<Duration>, now: Instant) -> Option<Refusal> {
        self.context.everywhere.shuts_out(who).or_else(|| self.room.shuts_out(who, token_age, now))
    }

    fn on_stage(&self) -> Vec<Seated> {
        let seated = |(seat, identity, session): (_, &Identity, &SessionId)| Seated {
            session: session.clone(),
            identity: identity.clone(),
            seat,
        };
        self.room.on_stage().map(seated).collect()
    }

    fn people(&self, session: &SessionId, wanted: &PeopleList) -> Result<PeoplePage, Refusal> {
        if !self.room.moderators().any(|moderator| moderator == session) {
            return Err(Refusal::Forbidden);
        }
        let PeopleList { after, limit, query } = wanted;
        Ok(self.room.people_found(query.as_deref(), after.as_ref(), *limit))
    }

    fn detach(&mut self, line: LineId, now: Instant) {
        // A line that has been replaced is nobody's any more.
        let Some(session) = self.crowd.session_of(line).cloned() else {
            return;
        };
        self.crowd.remove(&session);
        self.feed(Input::Detached { session }, now);
    }

    /// One input, and everything that follows.
    fn feed(&mut self, input: Input, now: Instant) {
        self.step(input, None, now, now);
        self.follow_up(now);
    }

    /// A session that is found unable to read is itself an input.
    fn follow_up(&mut self, now: Instant) {
        loop {
            let full = self.cut_off_full();
            if full.is_empty() {
                break;
            }
            for session in full {
                self.step(Input::Detached { session }, None, now, now);
            }
        }
    }

    /// One input, which came to this server at `asked_at`: what it causes is written down first, then carried out.
    fn step(&mut self, input: Input, remember: Option<Remember>, asked_at: Instant, now: Instant) {
        self.room.set_places(self.context.places.allowance(self.places_held));
        let outputs = self.room.handle(input, now);
        let is_full = outputs.iter().any(Output::is_memory_full);
        self.context.places.moved(self.places_held, self.room.decisions());
        self.places_held = self.room.decisions();
        if is_full {
            self.tell_full(now);
        }
        let crowd = &self.crowd;
        let joined = |session: &SessionId| crowd.find(session).map(|member| member.identity.clone());
        let told = self.ledger.write(&mut self.room, outputs, remember, joined);
        for Told { output, text } in told {
            self.carry_out(output, text, asked_at, now);
        }
        self.close_leaving();
    }

    /// A moderator was refused because no further decision can be remembered. The log says so once in a while.
    fn tell_full(&mut self, now: Instant) {
        self.context.counters.memory_full.add_one();
        if self.told_full_at.is_none_or(|at| now.saturating_duration_since(at) >= TELL_FULL_EVERY) {
            self.told_full_at = Some(now);
            let (places, of) = (self.context.places.used(), self.context.places.total());
            warn!(held = self.places_held, places, of, "no further decision about people can be remembered");
        }
    }

    fn carry_out(&mut self, output: Output, text: Option<Frame>, asked_at: Instant, now: Instant) {
        match output {
            Output::Welcome { session, request } | Output::Resumed { session, request } => {
                self.welcome(&session, &request, now);
            }
            Output::Answer { result } => {
                if let Some(asking) = self.asking.take() {
                    let ticket = self.ledger.ticket_of(&result);
                    // Who asked may have gone; what they asked for is done all the same.
                    let _gone = asking.send(Acted { result, ticket });
                }
            }
            // It is written down.
            Output::Audit(_) => {}
            Output::Reply { session, request, result } => self.reply(&session, request, result),
            Output::Tell { to, seq, event } => {
                if let Some(text) = text {
                    self.tell(&to, seq, &event, text, now);
                }
            }
            Output::Plan(plan) => self.context.media.apply(plan, asked_at),
            Output::Bye { session, reason, action, retry_after, said } => {
                let farewell = Farewell::put_out(reason.code(), action, retry_after, said.as_deref());
                self.bye(&session, reason, action, farewell);
            }
            Output::CloseTransport { session, why: _ } => self.forget(&session),
            Output::Closed => {
                // Before the name is free again: the next room of this id begins with it.
                self.entry.remember(&self.room);
                self.end_all(Refusal::RoomClosed, ByeAction::Stop, None, now);
            }
        }
    }

    fn welcome(&mut self, session: &SessionId, request: &RequestId, now: Instant) {
        let Some(identity) = self.crowd.find(session).map(|member| member.identity.clone()) else {
            return;
        };
        let Some(pending) = self.crowd.take_pending(session) else {
            return;
        };
        let snapshot = self.room.snapshot(&Viewer::Session(session.clone()), now);
        let own = snapshot.own.as_ref();
        let rank = own.map_or(Rank::Member, |own| own.rank);
        let counters = &self.context.counters;
        let (answer, resume_token, away) = match pending {
            Pending::Join { answer, resume_token } => {
                self.holds.begin(session, identity.clone(), rank, snapshot.seq, resume_token.clone(), now);
                counters.joins_ok.add_one();
                (answer, resume_token, None)
            }
            Pending::Resume { last_seq, resume_token } => {
                counters.resumes_ok.add_one();
                (None, resume_token, Some(self.missed(session, rank, last_seq)))
            }
        };
        let resumed = away.is_some();
        let (missed, shown) = match away {
            Some(Missed::Nothing) => (None, None),
            Some(Missed::Events(events)) => (Some(events), None),
            Some(Missed::Unknown) | None => (None, Some(&snapshot)),
        };
        let words = Welcome {
            request,
            session,
            identity: &identity,
            answer: answer.as_deref(),
            resumed,
            resume_token: &resume_token,
            limits: self.context.limits,
            event_id: self.ledger.known_event_id(),
        };
        let welcome = Frame::from(server::welcome(&words, shown, own));
        self.crowd.place(session, own, shown.map_or(0, |snapshot| snapshot.seq));
        let has_media = self.transports.contains(session);
        debug!(session = %session, resumed, whole = shown.is_some(), "welcome");
        let welcomed = Welcomed { session: session.clone(), welcome, missed, has_media, resumed };
        self.crowd.send(session, Parcel::Welcome(Box::new(welcomed)));
    }

    /// What a session missed, as someone of its present rank may see it.
    fn missed(&mut self, session: &SessionId, rank: Rank, last_seq: u64) -> Missed {
        let journal = self.crowd.journal();
        self.holds.note_rank(session, rank, journal.last_seq());
        if self.holds.has_seen(session, last_seq) {
            journal.missed(last_seq, rank.is_moderator())
        } else {
            Missed::Unknown
        }
    }

    fn reply(&mut self, session: &SessionId, request: RequestId, result: Result<Done, Refused>) {
        let pending = self.crowd.find(session).and_then(|member| member.pending.as_ref());
        let parcel = match (result, pending) {
            (Err(_), Some(Pending::Resume { .. })) => {
                self.end_resume(session);
                return;
            }
            (Ok(done), _) => {
                let frame = Frame::from(server::reply_ok(&request, &done));
                let ticket = self.ledger.ticket();
                match ticket.outcome() {
                    Some(true) => Parcel::Frame(frame),
                    Some(false) | None => Parcel::Reply(Box::new(HeldReply { ticket, frame, request, done })),
                }
            }
            (Err(refused), _) => {
                let counters = &self.context.counters;
                let counts = if pending.is_some() { &counters.joins_refused } else { &counters.refusals };
                counts.add_one(refused.refusal);
                Parcel::Frame(server::reply_error(Some(&request), &refused, None).into())
            }
        };
        self.crowd.send(session, parcel);
    }

    fn tell(&mut self, to: &Recipients, seq: Option<u64>, event: &Event, text: Frame, now: Instant) {
        if let Event::SelfChanged(own) = event {
            self.holds.note_rank(&own.session, own.rank, self.crowd.journal().last_seq());
        }
        match to {
            Recipients::Everyone => self.crowd.tell_everyone(seq, event, text, now),
            Recipients::Hosts => {
                let hosts: Vec<_> = self.room.moderators().cloned().collect();
                self.crowd.tell_hosts(&hosts, seq, event, text);
            }
            Recipients::One(session) => {
                self.crowd.tell_some(std::slice::from_ref(session), seq, event, text, now);
            }
            Recipients::Sessions(sessions) => self.crowd.tell_some(sessions, seq, event, text, now),
        }
    }

    fn bye(&mut self, session: &SessionId, reason: ByeReason, action: ByeAction, farewell: Farewell) {
        if action != ByeAction::Resume {
            self.holds.end(session);
        }
        if let Some(member) = self.crowd.remove(session) {
            member.line.end(Some(farewell));
            if member.pending.is_some() {
                self.forget(session);
            }
            info!(session = %session, reason = reason.code(), "session ended");
        }
    }

    /// The session is over: its transport is closed at once, its socket after what else it is told, such as the reply to its `leave`.
    fn forget(&mut self, session: &SessionId) {
        self.holds.end(session);
        if self.transports.remove(session) {
            self.context.media.close(&self.entry.id, session);
        }
        self.leaving.push(session.clone());
    }

    fn close_leaving(&mut self) {
        for session in self.leaving.drain(..) {
            if let Some(member) = self.crowd.remove(&session) {
                member.line.end(None);
                debug!(session = %session, "left");
            }
        }
    }

    fn end_all(&mut self, reason: Refusal, action: ByeAction, retry_after: Option<Duration>, now: Instant) {
        self.crowd.tell_rest(now);
        let over = Over { reason, action, retry_after };
        let farewell = over.farewell();
        for member in self.crowd.drain() {
            member.line.end(Some(farewell.clone()));
        }
        self.over = Some(over);
    }

    /// Whoever was on their way in when the room ended is told so, as those who were in it.
    fn turn_away_the_late(&mut self, over: Over) {
        self.mailbox.close();
        while let Ok(mail) = self.mailbox.try_recv() {
            match mail {
                Mail::Enter(enter) => {
                    self.context.counters.joins_refused.add_one(over.reason);
                    enter.line.end(Some(over.farewell()));
                }
                Mail::Resume(resume) => self.refuse_resume(resume.line),
                // Their lines have ended, or nobody waits for an answer.
                Mail::Shown { .. }
                | Mail::Act { .. }
                | Mail::Detached { .. }
                | Mail::Outside { .. }
                | Mail::List { .. }
                | Mail::People { .. }
                | Mail::Find { .. }
                | Mail::OnStage { .. }
                | Mail::Forget { .. }
                | Mail::ShutOut { .. }
                | Mail::Look { .. } => {}
            }
        }
    }

    fn cut_off_full(&mut self) -> Vec<SessionId> {
        let mut sessions = self.crowd.take_full();
        sessions.retain(|session| {
            let Some(member) = self.crowd.remove(session) else {
                return false;
            };
            let reason = ByeReason::SlowConsumer.code();
            member.line.cut(Some(Farewell::bye(reason, ByeAction::Resume, None)));
            self.context.counters.slow_consumers.add_one();
            info!(session = %session, reason, "session ended");
            true
        });
        sessions
    }
}

async fn at(when: Option<Instant>) {
    match when {
        Some(when) => clock::sleep_until(when).await,
        None => pending().await,
    }
}

/// How often a room's log line about a full memory may come.
const TELL_FULL_EVERY: Duration = Duration::from_secs(10);

/// How long a client waits before it tries a server that is going down again.
pub(crate) const DRAINING_RETRY: Duration = Duration::from_secs(2);
