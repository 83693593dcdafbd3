//! An engine is one CPU core's media plane as a value: datagrams, commands and time go in; datagrams and events come out.
//!
//! It owns the secure paths of its participants (`session`), the stage plans of its rooms (`stage`) and decides for each packet where
//! it goes (`fanout`). It knows no socket, no clock, no task, and nothing of roles: whether someone is heard is what the plan says.

pub mod audience;
pub mod command;
pub mod counters;
pub mod event;
mod fanout;
mod interruption;
mod joining;
mod measuring;
pub mod outbox;
mod reports;
mod session;
mod stage;
mod subscribers;
pub mod timers;
mod unheard;

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use slab::Slab;

use crate::transport::{
    certificate::Certificate,
    ice_lite::{Accepted, CheckDrop, CheckOutcome, ConsentState},
    secure::SecureOutput,
};
use crate::wire::{self, DatagramKind, path::Path, stun};

use audience::AudiencesTurn;
use command::{Command, Ladder, Open, Plan, Restart, RoomKey, TransportKey};
use counters::{Counters, DropReason};
use event::{CloseReason, Event, RoundTripSource, Stage};
use outbox::Outbox;
use session::{Consent, Session};
use stage::{Reconciled, RoomStage};
use timers::Wheel;

/// One core's media plane.
pub struct Engine {
    certificate: Certificate,
    ntp: NtpClock,
    sessions: Slab<Session>,
    by_key: HashMap<TransportKey, usize>,
    by_ufrag: HashMap<String, usize>,
    by_path: HashMap<Path, usize>,
    rooms: HashMap<RoomKey, RoomStage>,
    wheel: Wheel<Owner>,
    due: Vec<Owner>,
    outbox: Outbox,
    events: VecDeque<Event>,
    counters: Counters,
    scratch: Vec<u8>,
    ladder: Ladder,
    audiences_turn: AudiencesTurn,
    /// Sessions whose slots changed since the last [`Engine::poll_event`] round.
    slots_changed: Vec<usize>,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine")
            .field("sessions", &self.sessions.len())
            .field("rooms", &self.rooms.len())
            .finish_non_exhaustive()
    }
}

/// Whose deadline it is.
#[derive(Clone, Copy, Debug)]
enum Owner {
    Session(usize, TransportKey),
    Room(RoomKey),
    Interruption(RoomKey),
}

/// Turns our monotonic time into NTP time for sender reports: the same offset for the engine's whole life, so that reports never jump.
#[derive(Clone, Copy, Debug)]
struct NtpClock {
    at: Instant,
    ntp: u64,
}

impl NtpClock {
    fn ntp(&self, now: Instant) -> u64 {
        let nanos = now.saturating_duration_since(self.at).as_nanos();
        self.ntp.wrapping_add(((nanos << 32) / 1_000_000_000) as u64)
    }
}

impl Engine {
    /// An engine without participants. `ntp` is the wall clock's time at `now`.
    pub fn new(certificate: Certificate, now: Instant, ntp: u64) -> Self {
        Self {
            certificate,
            ntp: NtpClock { at: now, ntp },
            sessions: Slab::new(),
            by_key: HashMap::new(),
            by_ufrag: HashMap::new(),
            by_path: HashMap::new(),
            rooms: HashMap::new(),
            wheel: Wheel::new(now),
            due: Vec::new(),
            outbox: Outbox::default(),
            events: VecDeque::new(),
            counters: Counters::default(),
            scratch: Vec::with_capacity(2 * wire::DATAGRAM_MAX),
            ladder: Ladder::default(),
            audiences_turn: AudiencesTurn::default(),
            slots_changed: Vec::new(),
        }
    }

    /// Does what the control plane says.
    pub fn handle_command(&mut self, command: Command, now: Instant) {
        match command {
            Command::Open(open) => self.open(*open, now),
            Command::Close(transport) => {
                if let Some(&index) = self.by_key.get(&transport) {
                    self.remove(index);
                }
            }
            Command::Plan(plan) => self.apply(plan, now),
            Command::Restart(restart) => self.restart(restart, now),
            Command::CloseRoom(room) => self.close_room(room),
            Command::Ladder(ladder) => self.ladder = ladder,
        }
    }

    /// Takes one datagram as it came from the socket, and serves everyone. `datagram` may be longer than [`wire::DATAGRAM_MAX`]: then it is
    /// dropped.
    pub fn handle_datagram(&mut self, path: Path, datagram: &[u8], now: Instant) {
        self.take_datagram(path, datagram, now, now);
        while self.serve_audience(now) {}
    }

    /// Takes one datagram that came at `came_at`, and serves those on stage. [`Engine::serve_audience`] is to follow when all that came at once was
    /// taken.
    pub fn take_datagram(&mut self, path: Path, datagram: &[u8], came_at: Instant, now: Instant) {
        self.counters.datagrams_in += 1;
        self.counters.bytes_in += datagram.len() as u64;
        let kind = wire::classify(datagram);
        if datagram.len() > wire::DATAGRAM_MAX {
            self.counters.dropped(DropReason::TooLarge);
            if let (DatagramKind::Rtp, Some(&index)) = (kind, self.by_path.get(&path)) {
                self.audio_dropped(index, DropReason::TooLarge, now);
            }
            return;
        }
        match kind {
            DatagramKind::Stun => return self.on_check(path, datagram, now),
            DatagramKind::Unknown => return self.counters.dropped(DropReason::NotOurs),
            DatagramKind::Dtls | DatagramKind::Rtp | DatagramKind::Rtcp => {}
        }
        // Nothing but STUN is looked at from an address that has not passed an authenticated check of that very session.
        let Some(&index) = self.by_path.get(&path) else {
            return self.counters.dropped(DropReason::UnknownPath);
        };
        match kind {
            DatagramKind::Dtls => self.on_dtls(index, datagram, now),
            DatagramKind::Rtp => self.on_rtp(index, path, datagram, came_at, now),
            DatagramKind::Rtcp => self.on_rtcp(index, path, datagram, now),
            DatagramKind::Stun | DatagramKind::Unknown => {}
        }
    }

    /// Does what is due. Call it when [`Engine::next_timeout`] has come, or more often.
    pub fn handle_timeout(&mut self, now: Instant) {
        let mut due = std::mem::take(&mut self.due);
        self.wheel.expire(now, &mut due);
        for owner in due.drain(..) {
            match owner {
                Owner::Session(index, key) => {
                    if self.sessions.get(index).is_some_and(|session| session.key == key) {
                        self.session_due(index, now);
                    }
                }
                Owner::Room(room) => self.room_due(room, now),
                Owner::Interruption(room) => self.interruption_due(room, now),
            }
        }
        self.due = due;
    }

    /// When [`Engine::handle_timeout`] next has something to do.
    pub fn next_timeout(&self) -> Option<Instant> {
        self.wheel.next()
    }

    /// Whether this transport exists.
    pub fn has(&self, transport: TransportKey) -> bool {
        self.by_key.contains_key(&transport)
    }

    /// Whether this is the way of a participant, by an authenticated check.
    pub fn knows(&self, path: &Path) -> bool {
        self.by_path.contains_key(path)
    }

    /// The datagrams to send. The caller clears it.
    pub fn outbox(&mut self) -> &mut Outbox {
        &mut self.outbox
    }

    /// The next thing the control plane should know.
    pub fn poll_event(&mut self) -> Option<Event> {
        while let Some(index) = self.slots_changed.pop() {
            self.report_slots(index);
        }
        self.events.pop_front()
    }

    /// What has been counted so far.
    pub fn counters(&mut self) -> &Counters {
        self.counters.transports = self.sessions.len() as u64;
        &self.counters
    }

    fn open(&mut self, open: Open, now: Instant) {
        if self.by_key.contains_key(&open.transport) {
            return;
        }
        let session = Session::new(open, &self.certificate, now);
        let (key, room) = (session.key, session.room);
        let index = self.sessions.insert(session);
        self.by_key.insert(key, index);
        self.by_ufrag.extend(self.sessions[index].ice.ufrags().map(|ufrag| (ufrag.to_owned(), index)));
        let stage = self.rooms.entry(room).or_default();
        let seated = stage.seat_of(key).is_some();
        if stage.subscribers.add(index, seated) {
            self.forget_waiting(room);
        }
        self.rearm(index, now);
    }

    /// From now on checks may come under new names as well; those of a restart that was not used may not any more.
    fn restart(&mut self, restart: Restart, now: Instant) {
        let Restart { transport, credentials, remote_ufrag } = restart;
        // Told twice, or a fragment that another session has: both change nothing.
        if self.by_ufrag.contains_key(&credentials.ufrag) {
            return;
        }
        let Some(&index) = self.by_key.get(&transport) else {
            return;
        };
        self.by_ufrag.insert(credentials.ufrag.clone(), index);
        if let Some(replaced) = self.sessions[index].ice.restart(credentials, remote_ufrag, now) {
            self.by_ufrag.remove(&replaced);
        }
        self.rearm(index, now);
    }

    fn remove(&mut self, index: usize) {
        let session = self.sessions.remove(index);
        self.counters.connected -= u64::from(session.srtp.is_some());
        self.by_key.remove(&session.key);
        for ufrag in session.ice.ufrags() {
            self.by_ufrag.remove(ufrag);
        }
        for path in session.ice.validated() {
            if self.by_path.get(&path) == Some(&index) {
                self.by_path.remove(&path);
            }
        }
        if let Some(stage) = self.rooms.get_mut(&session.room) {
            let moved = stage.subscribers.remove(index);
            if stage.subscribers.is_empty() && stage.seats.is_empty() {
                self.rooms.remove(&session.room);
            }
            if moved {
                self.forget_waiting(session.room);
            }
        }
    }

    fn end(&mut self, index: usize, reason: CloseReason) {
        let transport = self.sessions[index].key;
        self.remove(index);
        self.events.push_back(Event::Closed { transport, reason });
    }

    fn close_room(&mut self, room: RoomKey) {
        let Some(stage) = self.rooms.remove(&room) else {
            return;
        };
        for &index in stage.subscribers.all() {
            self.remove(index);
        }
    }

    fn apply(&mut self, plan: Plan, now: Instant) {
        let (room, asked_at) = (plan.room, plan.asked_at);
        let stage = self.rooms.entry(room).or_default();
        let Reconciled { closed, opened, relieved } = stage.reconcile(plan, now);
        let holders = stage.seats.iter().filter_map(|seat| self.by_key.get(&seat.planned.transport).copied());
        if stage.subscribers.seat_only(&holders.collect::<Vec<_>>()) {
            self.forget_waiting(room);
        }
        for csrc in closed {
            self.end_streams(room, csrc, now);
        }
        for transport in relieved {
            self.events.push_back(Event::Unheard { transport, why: None });
        }
        for (transport, opening) in opened {
            self.gate_opened(room, transport, opening, asked_at, now);
        }
        // One who had priority a moment ago may be among the held now.
        if self.rooms.get(&room).is_some_and(|stage| stage.interruption.holds(now)) {
            self.end_held_streams(room, now);
        }
        self.tell_interruption(room);
    }

    fn on_check(&mut self, path: Path, datagram: &[u8], now: Instant) {
        let request = match stun::BindingRequest::parse(datagram) {
            Ok(request) => request,
            Err(error) => return self.counters.dropped(drop_of_stun(error)),
        };
        let Some(&index) = self.by_ufrag.get(request.local_ufrag) else {
            return self.counters.dropped(DropReason::StunUnknownUfrag);
        };
        if self.path_is_anothers(&path, index, now) {
            return self.counters.dropped(DropReason::StunPathTaken);
        }
        let session = &mut self.sessions[index];
        self.scratch.clear();
        match session.ice.handle_check(&request, path, now, &mut self.scratch) {
            CheckOutcome::Dropped(CheckDrop::WrongUfrag) => self.counters.dropped(DropReason::StunUnknownUfrag),
            CheckOutcome::Dropped(CheckDrop::BadIntegrity) => self.counters.dropped(DropReason::StunIntegrity),
            CheckOutcome::Dropped(CheckDrop::Repeated) => self.counters.dropped(DropReason::StunRepeated),
            CheckOutcome::Refused => self.send_scratch(path),
            CheckOutcome::Accepted(Accepted { first, added, evicted, .. }) => {
                self.send_scratch(path);
                if let Some(retired) = self.sessions[index].ice.take_retired() {
                    self.by_ufrag.remove(&retired);
                }
                if let Some(evicted) = evicted
                    && self.by_path.get(&evicted) == Some(&index)
                {
                    self.by_path.remove(&evicted);
                }
                if added || self.by_path.get(&path) != Some(&index) {
                    self.by_path.insert(path, index);
                }
                if first {
                    self.stage_reached(index, Stage::FirstCheck, now);
                }
                if request.use_candidate {
                    self.stage_reached(index, Stage::Nominated, now);
                }
                // Behind the reply, never before it: a ClientHello that overtakes the reply is dropped by browsers.
                self.sessions[index].secure.after_check_reply(now);
                self.heard(index, path, now);
                self.drain_secure(index, now);
            }
        }
    }

    /// Whether a participant who is still there talks by this path. Who may send checks of their own must not be able to take another's
    /// address by forging it as their source.
    fn path_is_anothers(&self, path: &Path, index: usize, now: Instant) -> bool {
        let Some(owner) =
            self.by_path.get(path).filter(|&&owner| owner != index).and_then(|&owner| self.sessions.get(owner))
        else {
            return false;
        };
        owner.ice.selected().as_ref() == Some(path) && owner.ice.consent(now) == ConsentState::Fresh
    }

    fn on_dtls(&mut self, index: usize, datagram: &[u8], now: Instant) {
        let session = &mut self.sessions[index];
        if session.secure.is_done() {
            return self.counters.dropped(DropReason::DtlsUnexpected);
        }
        session.joining.reach(Stage::Handshake, now, &mut self.events);
        session.secure.feed(datagram, now);
        self.drain_secure(index, now);
    }

    /// Sends and does what the DTLS side has to say. May remove the session.
    fn drain_secure(&mut self, index: usize, now: Instant) {
        loop {
            let session = &mut self.sessions[index];
            let Some(output) = session.secure.poll() else {
                break;
            };
            match output {
                SecureOutput::Send(datagram) => {
                    if let Some(path) = session.ice.selected() {
                        send(&mut self.outbox, &mut self.counters, path, &datagram);
                    }
                }
                SecureOutput::Ready(srtp) => {
                    session.srtp = Some(srtp);
                    self.counters.connected += 1;
                    session.report_at = now + reports::FIRST_REPORT_AFTER;
                    self.stage_reached(index, Stage::Keys, now);
                    self.keys_exist(index, now);
                }
                SecureOutput::Failed(failure) => {
                    return self.end(index, CloseReason::HandshakeFailed(failure));
                }
                SecureOutput::Closed => return self.end(index, CloseReason::Goodbye),
            }
        }
        self.rearm(index, now);
    }

    fn keys_exist(&mut self, index: usize, now: Instant) {
        let session = &mut self.sessions[index];
        if let Some(flight) = session.secure.round_trip() {
            session.measuring.round_trip(flight.rtt, RoundTripSource::Handshake);
        }
        let hears = !session.streams.is_empty();
        let audible = self.rooms.get(&session.room).is_some_and(|stage| stage.is_audible_to(session.key, now));
        if !(hears && audible) {
            session.joining.ended_by_keys(&mut self.events);
        }
    }

    fn stage_reached(&mut self, index: usize, stage: Stage, now: Instant) {
        self.sessions[index].joining.reach(stage, now, &mut self.events);
    }

    /// An authenticated packet came by `path`.
    fn heard(&mut self, index: usize, path: Path, now: Instant) {
        let session = &mut self.sessions[index];
        session.ice.heard(&path, now);
        if session.consent == Consent::Interrupted {
            session.consent = Consent::Fresh;
            self.events.push_back(Event::Restored { transport: session.key });
        }
    }

    fn session_due(&mut self, index: usize, now: Instant) {
        let session = &mut self.sessions[index];
        session.armed = session.armed.filter(|&armed| armed > now);
        session.secure.handle_timeout(now);
        let key = self.sessions[index].key;
        self.drain_secure(index, now);
        if self.sessions.get(index).is_none_or(|session| session.key != key) {
            return;
        }
        let session = &mut self.sessions[index];
        match session.consent_due(now) {
            Some(Consent::Fresh) | None => {}
            Some(Consent::Interrupted) => self.events.push_back(Event::Interrupted { transport: key }),
            Some(Consent::Gone(reason)) => return self.end(index, reason),
        }
        self.unheard_due(index, now);
        let session = &mut self.sessions[index];
        if session.srtp.is_some() && session.report_at <= now {
            self.send_reports(index, now);
            self.tell_measured(index);
            let joining = &mut self.sessions[index].joining;
            if joining.waited(now) >= JOIN_WAITS {
                joining.ended_by_keys(&mut self.events);
            }
        }
        self.rearm(index, now);
    }

    /// Makes sure the wheel calls no later than the session's next deadline.
    fn rearm(&mut self, index: usize, now: Instant) {
        let session = &mut self.sessions[index];
        let deadline = session.next_deadline(now);
        if session.armed.is_none_or(|armed| deadline < armed) {
            session.armed = Some(self.wheel.arm(Owner::Session(index, session.key), deadline));
        }
    }

    fn send_scratch(&mut self, path: Path) {
        send(&mut self.outbox, &mut self.counters, path, &self.scratch);
    }
}

/// A join that should end with audio and has none by then ended with its keys.
const JOIN_WAITS: Duration = Duration::from_secs(5);

fn send(outbox: &mut Outbox, counters: &mut Counters, path: Path, datagram: &[u8]) {
    counters.datagrams_out += 1;
    counters.bytes_out += datagram.len() as u64;
    outbox.push(path, datagram);
}

fn drop_of_stun(error: stun::StunError) -> DropReason {
    match error {
        stun::StunError::WrongType => DropReason::StunNotRequest,
        stun::StunError::NoIntegrity | stun::StunError::BadIntegrity => DropReason::StunIntegrity,
        stun::StunError::Malformed
        | stun::StunError::TooLong
        | stun::StunError::BadFingerprint
        | stun::StunError::BadUsername
        | stun::StunError::WrongTransaction
        | stun::StunError::NoAddress => DropReason::StunMalformed,
    }
}

#[cfg(test)]
mod tests;
