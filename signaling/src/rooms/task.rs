//! The task that owns a room: it feeds it what happens, and carries out what the room says.
//!
//! It waits for mail, facts and time, and never for a session: whoever does not read is cut off.

use std::{
    collections::{HashMap, HashSet},
    future::pending,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::mpsc;
use tracing::{Instrument, debug, info, info_span};

use super::{
    batch::{self, Batch, Mark},
    directory::{RoomContext, RoomEntry},
    handle::{Enter, Mail, RoleGauge},
    line::{Frame, Line, Parcel},
};
use crate::{
    clock,
    ids::{Identity, RequestId, SessionId},
    media::MediaFact,
    protocol::server::{self, Welcome},
    room::{
        ByeAction, ByeReason, Done, Event, Input, Output, Rank, Recipients, Refusal, Refused, Role, Room, SelfView,
        Viewer,
    },
};

/// The owner of one room.
pub(crate) struct RoomTask {
    room: Room,
    entry: RoomEntry,
    mailbox: mpsc::Receiver<Mail>,
    facts: mpsc::Receiver<MediaFact>,
    roles: Arc<RoleGauge>,
    context: RoomContext,
    members: HashMap<SessionId, Member>,
    transports: HashSet<SessionId>,
    batch: Batch,
    /// Sessions whose queue was found full; they are cut off before the next input.
    full: Vec<SessionId>,
    /// Sessions that are over; their sockets are closed when everything that this input causes was said to them.
    leaving: Vec<SessionId>,
    is_over: bool,
}

/// A session whose socket is there.
struct Member {
    line: Line,
    identity: Identity,
    pending: Option<PendingWelcome>,
    class: Class,
}

/// What the welcome will say, until it is said.
struct PendingWelcome {
    answer: Option<String>,
    resume_token: String,
}

/// How soon a session is told what everyone is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    /// The stage, hosts and cohosts: at once.
    Prompt,
    /// The audience: in batches, and so much of the present one is known already.
    Audience(Mark),
}

enum Wake {
    Mail(Mail),
    Fact(MediaFact),
    RoomDue,
    BatchDue,
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
    ) -> Self {
        Self {
            room,
            entry,
            mailbox,
            facts,
            roles,
            context,
            members: HashMap::new(),
            transports: HashSet::new(),
            batch: Batch::default(),
            full: Vec::new(),
            leaving: Vec::new(),
            is_over: false,
        }
    }

    pub(crate) async fn run(mut self) {
        let span = info_span!("room", room = %self.entry.id);
        async {
            info!("room opened");
            while !self.is_over {
                let wake = self.next().await;
                self.wake(wake, clock::now());
            }
            info!("room closed");
        }
        .instrument(span)
        .await;
    }

    async fn next(&mut self) -> Wake {
        let room_due = at(self.room.next_timeout());
        let batch_due = at(self.batch.due_at());
        tokio::select! {
            () = self.context.shutdown.cancelled() => Wake::Shutdown,
            Some(mail) = self.mailbox.recv() => Wake::Mail(mail),
            Some(fact) = self.facts.recv() => Wake::Fact(fact),
            () = room_due => Wake::RoomDue,
            () = batch_due => Wake::BatchDue,
        }
    }

    fn wake(&mut self, wake: Wake, now: Instant) {
        match wake {
            Wake::Mail(Mail::Enter(enter)) => self.enter(*enter, now),
            Wake::Mail(Mail::Act { session, request, act }) => self.feed(Input::Act { session, request, act }, now),
            Wake::Mail(Mail::Detached { session }) => {
                if self.members.remove(&session).is_some() {
                    self.feed(Input::Detached { session }, now);
                }
            }
            Wake::Mail(Mail::Look { viewer, reply }) => {
                // Who asked may have gone; then nobody looks.
                let _gone = reply.send(Box::new(self.room.snapshot(&viewer, now)));
            }
            Wake::Fact(fact) => self.feed(Input::Media(fact), now),
            Wake::RoomDue => self.feed(Input::Timeout, now),
            Wake::BatchDue => {}
            Wake::Shutdown => self.end_all(Refusal::Draining, ByeAction::Retry, Some(DRAINING_RETRY)),
        }
        if self.batch.due_at().is_some_and(|due_at| due_at <= now) {
            self.flush(now);
        }
        self.roles.set(self.room.role_counts());
    }

    fn enter(&mut self, enter: Enter, now: Instant) {
        let Enter { join, line, transport, resume_token } = enter;
        let answer = transport.map(|transport| {
            self.transports.insert(join.session.clone());
            transport.arrived()
        });
        let pending = Some(PendingWelcome { answer, resume_token });
        let identity = join.identity.clone();
        let class = Class::Audience(self.batch.mark());
        self.members.insert(join.session.clone(), Member { line, identity, pending, class });
        self.feed(Input::Join(join), now);
    }

    /// One input, and everything that follows. A session that is found unable to read is itself an input.
    fn feed(&mut self, input: Input, now: Instant) {
        let mut inputs = vec![input];
        while let Some(input) = inputs.pop() {
            for output in self.room.handle(input, now) {
                self.carry_out(output, now);
            }
            self.close_leaving();
            inputs.extend(self.cut_off_full().into_iter().map(|session| Input::Detached { session }));
        }
    }

    fn carry_out(&mut self, output: Output, now: Instant) {
        match output {
            Output::Welcome { session, request } => self.welcome(&session, &request, now),
            Output::Resumed { .. } => {}
            Output::Reply { session, request, result } => self.reply(&session, &request, &result),
            Output::Tell { to, seq, event } => self.tell(&to, seq, &event, now),
            Output::Plan(plan) => self.context.media.apply(plan),
            Output::Bye { session, reason, action, retry_after: _ } => self.bye(&session, reason, action),
            Output::CloseTransport { session } => self.forget(&session),
            Output::Closed => self.end_all(Refusal::RoomClosed, ByeAction::Stop, None),
        }
    }

    fn welcome(&mut self, session: &SessionId, request: &RequestId, now: Instant) {
        let mark = self.batch.mark();
        let Some(member) = self.members.get_mut(session) else {
            return;
        };
        let Some(PendingWelcome { answer, resume_token }) = member.pending.take() else {
            return;
        };
        let snapshot = self.room.snapshot(&Viewer::Participant(member.identity.clone()), now);
        let welcome = Welcome {
            request,
            session,
            identity: &member.identity,
            answer: answer.as_deref(),
            resumed: false,
            resume_token: &resume_token,
            limits: self.context.limits,
        };
        member.class = snapshot.own.as_ref().map_or(Class::Audience(mark), |own| class_of(own, mark));
        let frame = Frame::from(server::welcome(&welcome, Some(&snapshot), snapshot.own.as_ref()));
        if member.line.send(Parcel::Welcome(frame)).is_err() {
            self.full.push(session.clone());
        }
        self.context.counters.joins_ok.add_one();
        debug!(session = %session, "joined");
    }

    fn reply(&mut self, session: &SessionId, request: &RequestId, result: &Result<Done, Refused>) {
        let frame = match result {
            Ok(done) => server::reply_ok(request, done),
            Err(refused) => {
                let is_join = self.members.get(session).is_some_and(|member| member.pending.is_some());
                let counters = &self.context.counters;
                let counts = if is_join { &counters.joins_refused } else { &counters.refusals };
                counts.add_one(refused.refusal);
                server::reply_error(Some(request), refused, None)
            }
        };
        self.send(session, frame.into());
    }

    fn tell(&mut self, to: &Recipients, seq: Option<u64>, event: &Event, now: Instant) {
        let text = server::event(seq, event);
        match to {
            Recipients::Everyone => {
                let frame = Frame::from(text.as_str());
                let is_passing = batch::is_passing(event);
                for (session, member) in self.members.iter_mut().filter(|(_, member)| member.class == Class::Prompt) {
                    member.offer(session, frame.clone(), is_passing, &mut self.full);
                }
                self.batch.push(event, text, now);
            }
            Recipients::Hosts => {
                let hosts: Vec<_> = self.room.moderators().cloned().collect();
                self.tell_each(&hosts, seq, event, text.into());
            }
            Recipients::One(session) => self.tell_each(std::slice::from_ref(session), seq, event, text.into()),
            Recipients::Sessions(sessions) => self.tell_each(sessions, seq, event, text.into()),
        }
    }

    fn tell_each(&mut self, sessions: &[SessionId], seq: Option<u64>, event: &Event, frame: Frame) {
        for session in sessions {
            let Some(member) = self.members.get_mut(session) else {
                continue;
            };
            let class = match event {
                Event::SelfChanged(own) => class_of(own, self.batch.mark()),
                Event::SeatChanged { .. }
                | Event::SeatCue { .. }
                | Event::SeatOffer { .. }
                | Event::HandPosition { .. }
                | Event::HandChanged { .. }
                | Event::ParticipantJoined { .. }
                | Event::ParticipantLeft { .. }
                | Event::RankChanged { .. }
                | Event::RoomUpdated { .. }
                | Event::Invite { .. }
                | Event::InviteChanged { .. }
                | Event::BanChanged { .. }
                | Event::SwapProposed { .. }
                | Event::HostOffer { .. }
                | Event::HostOfferEnded { .. }
                | Event::TurnEnding { .. }
                | Event::LostSeat { .. }
                | Event::Interruption { .. }
                | Event::Moderation(_)
                | Event::Message { .. }
                | Event::ReactionTally { .. }
                | Event::Audience(_)
                | Event::Slots { .. }
                | Event::Speakers { .. } => member.class,
            };
            // Who goes on stage, or is told a numbered event, must first know what came before it.
            let moves_up = class == Class::Prompt && member.class != Class::Prompt;
            if moves_up || seq.is_some() {
                member.catch_up(session, &self.batch, &mut self.full);
            }
            if moves_up || member.class == Class::Prompt {
                member.class = class;
            }
            member.offer(session, frame.clone(), batch::is_passing(event), &mut self.full);
        }
    }

    fn flush(&mut self, now: Instant) {
        for (session, member) in &mut self.members {
            if let Class::Audience(mark) = member.class {
                if let Some(frame) = self.batch.frame_from(mark) {
                    member.offer(session, frame, false, &mut self.full);
                }
                member.class = Class::Audience(0);
            }
        }
        self.batch.clear(now);
        for session in self.cut_off_full() {
            self.feed(Input::Detached { session }, now);
        }
    }

    fn send(&mut self, session: &SessionId, frame: Frame) {
        if let Some(member) = self.members.get_mut(session) {
            member.offer(session, frame, false, &mut self.full);
        }
    }

    fn bye(&mut self, session: &SessionId, reason: ByeReason, action: ByeAction) {
        if let Some(member) = self.members.remove(session) {
            let was_joining = member.pending.is_some();
            member.line.end(Some(server::bye(reason.code(), action.code(), None).into()));
            if was_joining {
                self.forget(session);
            }
            info!(session = %session, reason = reason.code(), "session ended");
        }
    }

    /// The session is over: its transport is closed at once, its socket after what else it is told, such as the reply to its `leave`.
    fn forget(&mut self, session: &SessionId) {
        if self.transports.remove(session) {
            self.context.media.close(&self.entry.id, session);
        }
        self.leaving.push(session.clone());
    }

    fn close_leaving(&mut self) {
        for session in self.leaving.drain(..) {
            if let Some(member) = self.members.remove(&session) {
                member.line.end(None);
                debug!(session = %session, "left");
            }
        }
    }

    fn end_all(&mut self, reason: Refusal, action: ByeAction, retry_after: Option<Duration>) {
        let frame = Frame::from(server::bye(reason.code(), action.code(), retry_after));
        for (_, member) in self.members.drain() {
            member.line.end(Some(frame.clone()));
        }
        self.is_over = true;
    }

    fn cut_off_full(&mut self) -> Vec<SessionId> {
        let mut sessions = std::mem::take(&mut self.full);
        sessions.retain(|session| {
            let Some(member) = self.members.remove(session) else {
                return false;
            };
            let reason = ByeReason::SlowConsumer.code();
            member.line.cut(Some(server::bye(reason, ByeAction::Resume.code(), None).into()));
            self.context.counters.slow_consumers.add_one();
            info!(session = %session, reason, "session ended");
            true
        });
        sessions
    }
}

impl Member {
    /// Puts a frame into the queue. Under pressure passing words are left out; when it is full the session is as good as gone.
    fn offer(&self, session: &SessionId, frame: Frame, is_passing: bool, full: &mut Vec<SessionId>) {
        if is_passing && self.line.is_pressed() {
            return;
        }
        if self.line.send(Parcel::Frame(frame)).is_err() {
            full.push(session.clone());
        }
    }

    /// Tells one of the audience what the present batch holds for them.
    fn catch_up(&mut self, session: &SessionId, batch: &Batch, full: &mut Vec<SessionId>) {
        let Class::Audience(mark) = self.class else {
            return;
        };
        if let Some(frame) = batch.log_from(mark) {
            self.offer(session, frame, false, full);
        }
        self.class = Class::Audience(batch.mark());
    }
}

fn class_of(own: &SelfView, mark: Mark) -> Class {
    let on_stage = match own.role {
        Role::Host | Role::Guest => true,
        Role::Listener => false,
    };
    if on_stage || own.rank > Rank::Member { Class::Prompt } else { Class::Audience(mark) }
}

async fn at(when: Option<Instant>) {
    match when {
        Some(when) => tokio::time::sleep_until(when.into()).await,
        None => pending().await,
    }
}

/// How long a client waits before it tries a server that is going down again.
pub(crate) const DRAINING_RETRY: Duration = Duration::from_secs(2);
