//! The latency monitor's shell: it hears what signaling and the engines tell, reads the machine, and carries out what the pure core decides.
//!
//! Whoever tells it something waits for a lock that is held for microseconds, or for the look at one room. Whoever asks at the door waits for
//! nothing. Facts and events that follow are kept until the next second and handed on then.

mod cgroup;
mod convert;
mod door;
mod machine;
pub mod page;
mod people;
mod recent;
mod show;
mod tick;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use podium_signaling::ids::{Identity, RoomId, SessionId};
use podium_signaling::monitor::{
    Arrival, Budgeted, ClientReport, LatencyAct, LatencyEvent, LatencyMonitor, NotNow, RoomFigures,
};
use podium_signaling::room::{MediaFact, Role};

use crate::config::Latency;
use crate::engine::command::TransportKey;
use crate::engine::event::Event;
use crate::latency::acts::Acts;
use crate::latency::book::{Book, News, Seated};
use crate::latency::class::Edges;
use crate::latency::delay::Term;
use crate::latency::gate::{Act, Gate, Pressures};
use crate::latency::join::{Joined, Joins, Kind, Outcome};
use crate::latency::pace::Cost;
use crate::metrics::LatencyMetrics;
use crate::runtime::{clock, pool::Pool};

use door::Door;
use people::{Named, People};
use recent::Recent;
pub use tick::FOUND_MAX;
use tick::Ticking;

/// What a monitor is made of.
#[derive(Debug)]
pub struct MonitorParams {
    /// `[latency]` of the configuration.
    pub config: Latency,
    /// The running workers.
    pub pool: Arc<Pool>,
    /// Where all is counted.
    pub metrics: Arc<LatencyMetrics>,
}

/// The running monitor.
#[derive(Debug)]
pub struct Monitor {
    config: Latency,
    pool: Arc<Pool>,
    metrics: Arc<LatencyMetrics>,
    door: Door,
    known: Mutex<Known>,
    /// What only the second's look needs; nobody else waits for it.
    ticking: Mutex<Ticking>,
}

/// Someone for whom a transport is being made.
#[derive(Debug)]
pub struct Newcomer<'a> {
    /// The transport's name.
    pub transport: TransportKey,
    /// Whose it is.
    pub session: &'a SessionId,
    /// Whose session that is.
    pub identity: &'a Identity,
    /// The room.
    pub room: &'a RoomId,
    /// The worker that has the room.
    pub worker: u16,
    /// Whether nobody in the room may learn of them.
    pub hidden: bool,
    /// When it was asked for: the engine counts from then.
    pub asked_at: Instant,
}

/// Everything that is known, behind one lock.
#[derive(Debug)]
struct Known {
    people: People,
    book: Book,
    joins: Joins,
    recent: Recent,
    /// Transports that were asked for since the start.
    asked: u64,
    gate: Gate,
    cost: Cost,
    joins_per_s: f64,
    /// When someone was last refused for coming with too many others, while that lasts.
    paced_at: Option<Instant>,
    pressures: Pressures,
    workers: Vec<page::WorkerRow>,
    acts: Acts<Done>,
    facts: Vec<(RoomId, MediaFact)>,
    events: Vec<LatencyEvent>,
}

/// Something that was done, as it is remembered.
#[derive(Clone, Debug)]
struct Done {
    act: Act,
    why: &'static str,
    room: Option<RoomId>,
    identity: Option<Identity>,
}

impl Monitor {
    /// A monitor of these workers. It judges nothing until it is run.
    pub fn new(params: MonitorParams) -> Self {
        let config = params.config;
        let edges = Edges { natural_ms: config.natural_ms as f64, laggy_ms: config.laggy_ms as f64 };
        Self {
            door: Door::new(config.enforce, clock::now()),
            known: Mutex::new(Known {
                people: People::default(),
                book: Book::new(edges),
                joins: Joins::default(),
                recent: Recent::new(),
                asked: 0,
                gate: Gate::new(config.refuse_at),
                cost: Cost::default(),
                joins_per_s: 0.0,
                paced_at: None,
                pressures: Pressures::default(),
                workers: Vec::new(),
                acts: Acts::default(),
                facts: Vec::new(),
                events: Vec::new(),
            }),
            ticking: Mutex::new(Ticking::new(&params.pool)),
            config,
            pool: params.pool,
            metrics: params.metrics,
        }
    }

    /// A transport is being made for someone.
    pub fn opening(&self, newcomer: &Newcomer<'_>) {
        let key = newcomer.transport.0;
        let mut known = self.lock();
        let room = known.people.enter(key, newcomer.session.clone(), newcomer.identity.clone(), newcomer.room.clone());
        known.asked += 1;
        known.book.enter(key, room, newcomer.worker, newcomer.hidden);
        known.joins.asked(key, newcomer.asked_at);
    }

    /// The transport of a session is closed by whoever asked for it.
    pub fn closing(&self, session: &SessionId) {
        let mut known = self.lock();
        let Some(key) = known.people.key_of(session) else {
            return;
        };
        let outcome = known.joins.failed(key, ABORTED);
        self.settle(&mut known, key, outcome, clock::now());
        self.leave(&mut known, key);
    }

    /// A transport is not to be had after all: its room or its session closed before it was known here. Its socket tells of the join.
    pub fn gone(&self, transport: TransportKey) {
        let mut known = self.lock();
        known.joins.forget(transport.0);
        self.leave(&mut known, transport.0);
    }

    /// A room is over.
    pub fn room_closed(&self, room: &RoomId) {
        let mut known = self.lock();
        let Some(number) = known.people.known(room) else {
            return;
        };
        for key in known.book.in_room(number) {
            known.joins.forget(key);
            self.leave(&mut known, key);
        }
        known.book.close_room(number);
        known.people.close(room);
    }

    /// A room's stage is this from now on.
    pub fn staged(&self, room: &RoomId, stage: impl Iterator<Item = (TransportKey, u32)>) {
        let mut known = self.lock();
        let number = known.people.number(room);
        known.book.seat(number, stage.map(|(transport, csrc)| Seated { key: transport.0, csrc }).collect());
    }

    /// An engine tells something.
    pub fn hear(&self, event: &Event) {
        let now = clock::now();
        match event {
            Event::Stage { transport, stage, after } => {
                self.lock().joins.reached(transport.0, convert::stage(*stage), *after);
            }
            Event::JoinEnded { transport, by, after } => {
                let mut known = self.lock();
                let outcome = known.joins.ended(transport.0, convert::end(*by), *after);
                self.settle(&mut known, transport.0, outcome, now);
            }
            Event::Closed { transport, reason } => {
                let mut known = self.lock();
                let outcome = known.joins.failed(transport.0, convert::failure(*reason));
                self.settle(&mut known, transport.0, outcome, now);
                self.leave(&mut known, transport.0);
            }
            Event::Measured { transport, sample } => {
                let mut known = self.lock();
                let news = known.book.measured(transport.0, &convert::sample(sample), now);
                self.tell(&mut known, news, now);
            }
            Event::Interrupted { transport } => self.interrupted(*transport, true, now),
            Event::Restored { transport } => self.interrupted(*transport, false, now),
            Event::Slots { transport, slots } => {
                let csrcs = slots.iter().map(|slot| slot.csrc.0.get()).collect();
                self.lock().book.hears(transport.0, csrcs);
            }
            Event::GateOpened { server, .. } => self.metrics.gate_opened(*server),
            Event::OnMic { opening, after, .. } => self.metrics.on_mic(convert::opening(*opening), *after),
            Event::TrackLive { .. } | Event::Interruption { .. } | Event::Unheard { .. } | Event::Speakers { .. } => {}
        }
    }

    fn interrupted(&self, transport: TransportKey, is_interrupted: bool, now: Instant) {
        let mut known = self.lock();
        let news = known.book.interrupted(transport.0, is_interrupted, now);
        self.tell(&mut known, news, now);
    }

    fn leave(&self, known: &mut Known, key: u64) {
        let news = known.book.leave(key);
        self.tell(known, news, clock::now());
        known.people.leave(key);
    }

    /// A join may have come out.
    fn settle(&self, known: &mut Known, key: u64, outcome: Option<Outcome>, now: Instant) {
        // The joins of a room are shown to those who run it.
        let room = known.people.of(key).filter(|_| !known.book.is_hidden(key)).map(|named| named.number);
        match outcome {
            Some(Outcome::Joined(joined)) => {
                known.book.joined_as(key, joined.kind);
                if let Some(room) = room {
                    known.book.join_ended(room, Some(joined.total), now);
                }
                self.joined(known, &joined, now);
            }
            Some(Outcome::Failed { kind, code }) => {
                self.metrics.join_failed(code);
                tracing::debug!(kind = kind.label(), code, "a join came to nothing");
                // Who went away by themselves did not fail.
                if let Some(room) = room.filter(|_| code != ABORTED) {
                    known.book.join_ended(room, None, now);
                }
            }
            None => {}
        }
    }

    fn joined(&self, known: &mut Known, joined: &Joined, now: Instant) {
        let is_slow = joined.total > Duration::from_millis(self.config.join_ms);
        self.metrics.joined(joined, is_slow);
        known.recent.joined(joined, now);
        let own_part = joined.own_part();
        known.recent.served(joined, own_part > Duration::from_millis(self.config.server_ms), now);
        if is_slow {
            let (stage, own) = joined.slowest();
            tracing::info!(
                kind = joined.kind.label(),
                end = joined.end.label(),
                total_ms = joined.total.as_millis(),
                server_ms = own_part.as_millis(),
                stage = stage.label(),
                stage_ms = own.as_millis(),
                answer_ms = joined.answering.as_millis(),
                "a slow join"
            );
        }
    }

    /// Keeps what is to be told to rooms and written down.
    fn tell(&self, known: &mut Known, news: impl IntoIterator<Item = News>, now: Instant) {
        for news in news {
            match news {
                News::Delay { key, state } => {
                    let state = state.as_ref().map(convert::state);
                    known.fact(key, |session| MediaFact::Latency { session, state });
                }
                News::Quality { key, quality } => {
                    let quality = convert::quality(quality);
                    known.fact(key, |session| MediaFact::Quality { session, quality });
                }
                News::Lags { key, state } => {
                    let (ms, term) = (state.delay.total_ms(), state.delay.dominant());
                    self.flag(known, key, ms, term, true, now);
                }
                News::LagsNoMore { key, ms, term } => self.flag(known, key, ms, term, false, now),
            }
        }
    }

    fn flag(&self, known: &mut Known, key: u64, ms: f64, term: Term, lags: bool, now: Instant) {
        let Some(Named { identity, room, .. }) = known.people.of(key).cloned() else {
            return;
        };
        let budgeted = Budgeted {
            budget: MOUTH_TO_EAR,
            room: Some(room.clone()),
            identity: Some(identity.clone()),
            value: ms,
            limit: self.config.laggy_ms as f64,
            unit: "ms",
            cause: Some(term.label()),
        };
        known.event(if lags { LatencyEvent::Breached(budgeted) } else { LatencyEvent::Recovered(budgeted) });
        let act = if lags { Act::FlagParticipant } else { Act::UnflagParticipant };
        self.acted(known, Done { act, why: MOUTH_TO_EAR, room: Some(room), identity: Some(identity) }, now);
    }

    /// Remembers, counts and tells what was done.
    fn acted(&self, known: &mut Known, done: Done, now: Instant) {
        let Done { act, why, room, identity } = done.clone();
        tracing::info!(act = act.label(), why, room = room.as_ref().map(RoomId::as_str), "latency: acted");
        self.metrics.acted(act);
        known.event(LatencyEvent::Acted(LatencyAct { act: act.label(), why, room, identity }));
        known.acts.note(done, now);
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        // Each change leaves what is known sound before anything could panic.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn fact(&mut self, key: u64, fact: impl FnOnce(SessionId) -> MediaFact) {
        if let Some(named) = self.people.of(key) {
            if self.facts.len() >= WAITING_MAX {
                self.facts.clear();
                tracing::warn!("facts about delays could not be handed on and are given up; the next ones say as much");
            }
            self.facts.push((named.room.clone(), fact(named.session.clone())));
        }
    }

    fn event(&mut self, event: LatencyEvent) {
        if self.events.len() < WAITING_MAX {
            self.events.push(event);
        }
    }
}

impl LatencyMonitor for Monitor {
    fn admits_everyone(&self) -> bool {
        self.door.admits_everyone(clock::now())
    }

    fn admits_everyone_without_media(&self) -> bool {
        self.door.is_open()
    }

    fn refuses_everyone(&self) -> Option<NotNow> {
        self.door.refuses_everyone()
    }

    fn admit(&self, role: Role) -> Result<(), NotNow> {
        self.door.admit(role, clock::now())
    }

    fn answered(&self, session: &SessionId, arrival: Arrival, at: Instant) {
        let arrival = convert::arrival(&arrival);
        let mut known = self.lock();
        // Whatever becomes of the join: the gate must not wait for its media to know how long its welcome took.
        known.recent.answered(at.saturating_duration_since(arrival.joined_at), at);
        let key = known.people.key_of(session).filter(|_| arrival.kind != Kind::Resume);
        match key {
            Some(key) => {
                let outcome = known.joins.answered(key, arrival, at);
                self.settle(&mut known, key, outcome, at);
            }
            // A resume has its media, and who offers none wants none.
            None => {
                let has_media = known.people.key_of(session).is_some();
                self.joined(&mut known, &Joined::by_welcome(&arrival, has_media, at), at);
            }
        }
    }

    fn not_joined(&self, arrival: Arrival, code: &'static str, at: Instant) {
        self.metrics.join_failed(code);
        let took = at.saturating_duration_since(arrival.joined_at);
        tracing::debug!(kind = arrival.kind.label(), code, took_ms = took.as_millis(), "a join came to nothing");
        // Who went while a welcome was overdue would have waited for longer still. Who went at once says nothing of it.
        if code == ABORTED && took > Duration::from_millis(self.config.server_ms) {
            self.lock().recent.answered(took, at);
        }
    }

    fn reported(&self, session: &SessionId, report: ClientReport, at: Instant) {
        let mut known = self.lock();
        let Some(key) = known.people.key_of(session) else {
            return;
        };
        known.book.reported(key, &convert::report(&report), at);
        if let Some(after) = report.join
            && let Some(kind) = known.book.take_kind(key)
        {
            self.metrics.played(kind, after);
            known.recent.played(kind, after, at);
        }
    }

    fn figures(&self, room: &RoomId) -> Option<RoomFigures> {
        self.room_figures(room)
    }
}

/// Whoever joined went away before the join was over.
const ABORTED: &str = "aborted";
const MOUTH_TO_EAR: &str = "mouth_to_ear";
/// Facts, and events, that wait for the next second: several for each of the most people a server holds.
const WAITING_MAX: usize = 200_000;
