//! The look that the monitor takes once a second: at the machine, at the workers, and at every room in turn.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use podium_signaling::Signaling;
use podium_signaling::ids::RoomId;
use podium_signaling::monitor::{Budgeted, LatencyEvent};
use podium_signaling::room::{MediaFact, Role};
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

use super::machine::{Machine, Usage};
use super::page::WorkerRow;
use super::recent::Recent;
use super::{Done, Known, Monitor};
use crate::config::Latency;
use crate::engine::command::Ladder;
use crate::latency::gate::{Act, Pressures, Signal, Step};
use crate::latency::histogram::Histogram;
use crate::latency::watch::{Change, Watch};
use crate::latency::window::Gained;
use crate::runtime::clock;
use crate::runtime::pool::Pool;
use crate::runtime::stats::Published;

/// What is remembered from one look to the next.
#[derive(Debug)]
pub(super) struct Ticking {
    machine: Machine,
    workers: Vec<Worker>,
    watches: [(Signal, Watch); 5],
    asked: u64,
    last: Option<Instant>,
    /// Packets that were too old to be sent, and when that was last told.
    stale: u64,
    stale_told: Option<Instant>,
    /// How many were refused for coming too many at once.
    paced: u64,
    /// Facts that found no place, to be tried again.
    unsent: Vec<(RoomId, MediaFact)>,
}

#[derive(Debug)]
struct Worker {
    index: u16,
    residence: [Gained; 2],
    handshakes: [Gained; 2],
    busy: Duration,
    datagrams_out: u64,
}

/// How long packets stayed with one worker: over the last 10 s, and over the last second.
#[derive(Clone, Copy, Debug, Default)]
struct Residences {
    lately: Residence,
    last_second: Residence,
}

/// How long packets stayed with one worker over a while.
#[derive(Clone, Copy, Debug, Default)]
struct Residence {
    quantiles: Option<[Duration; 2]>,
    count: u64,
    /// The 95th percentile of handshakes' datagrams.
    handshake: Option<Duration>,
    handshakes: u64,
}

impl Residence {
    fn of(voices: &Histogram, handshakes: &Histogram) -> Self {
        Self {
            quantiles: voices.percentile(0.5).zip(voices.percentile(0.95)).map(|(median, p95)| [median, p95]),
            count: voices.count(),
            handshake: handshakes.percentile(0.95),
            handshakes: handshakes.count(),
        }
    }

    /// The 95th percentile of voices' datagrams, if there were enough to say so.
    fn p95(&self) -> Option<Duration> {
        self.quantiles.filter(|_| self.count >= RESIDENCES_MIN).map(|[_, p95]| p95)
    }

    /// The same of handshakes' datagrams.
    fn handshake_p95(&self) -> Option<Duration> {
        self.handshake.filter(|_| self.handshakes >= HANDSHAKES_MIN)
    }
}

/// The server's own part of a join at present: its welcome, and what its datagrams wait for at the slowest worker. It is known while either is,
/// before any join has come to its end and also if none does.
fn own_part(answering: Option<Duration>, workers: &[Residence]) -> Option<Duration> {
    let handshake = workers.iter().filter_map(Residence::handshake_p95).max();
    answering.or(handshake)?;
    // A worker that has seen few handshakes would keep the next one no shorter than it keeps voices.
    let waits = workers.iter().filter_map(|worker| worker.handshake_p95().or_else(|| worker.p95())).max();
    Some(answering.unwrap_or_default() + waits.unwrap_or_default() * HANDSHAKE_DATAGRAMS)
}

/// What presses on the gate: all that was measured, of what it may be.
fn pressures(recent: &Recent, residences: &[Residences], usage: &Usage, budgets: &Latency) -> Pressures {
    let part = |value: Option<Duration>, budget_ms: u64| value.map_or(0.0, |value| ms(value) / budget_ms.max(1) as f64);
    let lately: Vec<Residence> = residences.iter().map(|worker| worker.lately).collect();
    let last_second: Vec<Residence> = residences.iter().map(|worker| worker.last_second).collect();
    let join = [own_part(recent.answering_p95(), &lately), own_part(recent.answering_p95_now(), &last_second)];
    let residence = [lately, last_second].map(|workers| workers.iter().filter_map(Residence::p95).max());
    let [join, join_now] = join.map(|value| part(value, budgets.server_ms));
    let [residence, residence_now] = residence.map(|value| part(value, budgets.residence_ms));
    let cores = usage.cores.max(0.001);
    let mut pressures = Pressures::default();
    pressures.set_over(Signal::Join, join, join_now);
    pressures.set_over(Signal::Residence, residence, residence_now);
    pressures.set_over(Signal::Cpu, usage.cores_used / cores, usage.cores_used_now / cores);
    pressures.set_over(Signal::Media, usage.worker, usage.worker_now);
    pressures.set(Signal::Memory, usage.memory);
    pressures.set(Signal::Descriptors, usage.descriptors);
    pressures
}

impl Ticking {
    pub(super) fn new(pool: &Pool) -> Self {
        let watched = [Signal::Join, Signal::Residence, Signal::Cpu, Signal::Memory, Signal::Descriptors];
        Self {
            machine: Machine::new(pool.workers().iter().map(|worker| format!("media-{}", worker.index)).collect()),
            workers: pool.workers().iter().map(|handle| Worker::new(handle.index)).collect(),
            watches: watched.map(|signal| (signal, Watch::default())),
            asked: 0,
            last: None,
            stale: 0,
            stale_told: None,
            paced: 0,
            unsent: Vec::new(),
        }
    }
}

impl Monitor {
    /// Looks once a second, until the other end of `found` is gone. What rooms are to be told goes there.
    pub async fn run(self: Arc<Self>, signaling: Signaling, found: mpsc::Sender<Vec<(RoomId, MediaFact)>>) {
        let mut second = tokio::time::interval(EVERY);
        second.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = second.tick() => {}
                () = found.closed() => return,
            }
            let (monitor, signaling, found) = (Arc::clone(&self), signaling.clone(), found.clone());
            // It reads files and computes: not on a thread that carries sockets.
            let looked = tokio::task::spawn_blocking(move || monitor.tick(&signaling, &found)).await;
            if let Err(error) = looked {
                tracing::error!(%error, "the latency monitor could not look");
            }
        }
    }

    fn tick(&self, signaling: &Signaling, found: &mpsc::Sender<Vec<(RoomId, MediaFact)>>) {
        let now = clock::now();
        let mut ticking = self.ticking.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = ticking.last.replace(now).map_or(EVERY, |last| now.saturating_duration_since(last));
        let usage = ticking.machine.read(now);
        let published: Vec<Published> = self.pool.workers().iter().map(|worker| worker.stats.read()).collect();
        let residences = ticking.look_at_workers(&published, now);
        let rows = self.rows(&mut ticking, &published, &residences, passed);
        let residence_ms: Vec<f64> =
            residences.iter().map(|worker| worker.lately.quantiles.map_or(0.0, |[median, _]| ms(median))).collect();
        let mut known = self.lock();
        known.workers = rows;
        self.judge(&mut known, &mut ticking, &usage, &residences, passed, now);
        self.note_stale(&mut known, &mut ticking, &published, now);
        for (key, outcome) in known.joins.give_up(now) {
            self.settle(&mut known, key, Some(outcome), now);
        }
        let rooms = known.book.rooms();
        drop(known);
        for room in rooms {
            // Whoever waits for the lock has it between two rooms.
            self.look_at(room, &residence_ms, now);
        }
        self.hand_on(&mut ticking, signaling, found);
    }

    fn look_at(&self, room: u64, residence_ms: &[f64], now: Instant) {
        let mut known = self.lock();
        let look = known.book.look_at(room, residence_ms, now);
        self.metrics.heard(&look.heard_ms);
        self.tell(&mut known, look.news, now);
        if known.book.is_idle(room)
            && let Some(id) = known.people.room(room).cloned()
        {
            known.people.close(&id);
            known.book.close_room(room);
        }
    }

    fn rows(
        &self,
        ticking: &mut Ticking,
        published: &[Published],
        residences: &[Residences],
        passed: Duration,
    ) -> Vec<WorkerRow> {
        let seconds = passed.as_secs_f64().max(0.001);
        let handles = self.pool.workers().iter().zip(&mut ticking.workers);
        let row = |((handle, worker), (stats, Residences { lately: residence, .. })): (
            (&crate::runtime::worker::WorkerHandle, &mut Worker),
            (&Published, &Residences),
        )| {
            let busy = stats.busy.saturating_sub(std::mem::replace(&mut worker.busy, stats.busy));
            let out = stats.engine.datagrams_out;
            let sent = out.saturating_sub(std::mem::replace(&mut worker.datagrams_out, out));
            self.metrics.residence(worker.index, residence.quantiles);
            WorkerRow {
                index: worker.index,
                busy: (busy.as_secs_f64() / seconds).min(1.0),
                residence_p50_ms: residence.quantiles.map(|[median, _]| ms(median)),
                residence_p95_ms: residence.quantiles.map(|[_, p95]| ms(p95)),
                transports: stats.engine.transports,
                packets_per_s: sent as f64 / seconds,
                silent_ms: u64::try_from(handle.stats.silent_for().as_millis()).unwrap_or(u64::MAX),
            }
        };
        handles.zip(published.iter().zip(residences)).map(row).collect()
    }

    /// Presses the gate with what was measured, and does what it says.
    fn judge(
        &self,
        known: &mut Known,
        ticking: &mut Ticking,
        usage: &Usage,
        residences: &[Residences],
        passed: Duration,
        now: Instant,
    ) {
        known.recent.advance(now);
        let residence = residences.iter().filter_map(|worker| worker.lately.p95()).max();
        let pressures = pressures(&known.recent, residences, usage, &self.config);
        known.pressures = pressures;
        let joins = known.asked - std::mem::replace(&mut ticking.asked, known.asked);
        known.cost.learn(usage.cores_used, joins as f64 / passed.as_secs_f64().max(0.001));
        known.joins_per_s = known.cost.joins_per_s(usage.cores * self.config.refuse_at);
        let own_part = known.recent.own_part_p95();
        self.watch(known, ticking, &pressures, (own_part, residence), now);
        self.metrics.stood_still(clock::stood_still());
        self.press(known, ticking, &pressures, now);
        let (classes, qualities) = known.book.totals();
        self.metrics.people(&classes, &qualities);
        self.metrics.admission(known.gate.step(), known.joins_per_s, &pressures);
        for role in [Role::Host, Role::Guest, Role::Listener] {
            self.metrics.refused(role.code(), self.door.refused(role));
        }
        self.metrics.refused("unasked", self.door.unasked());
    }

    fn press(&self, known: &mut Known, ticking: &mut Ticking, pressures: &Pressures, now: Instant) {
        let slots = known.gate.audience_slots();
        // Where nothing is enforced, nothing is done, and what would be done is not told as if it were.
        if self.config.enforce {
            for (act, why) in known.gate.press(pressures, now) {
                self.acted(known, Done { act, why: why.budget(), room: None, identity: None }, now);
            }
        }
        self.note_pace(known, ticking, now);
        self.door.set(&known.gate, known.joins_per_s, now);
        if known.gate.audience_slots() != slots {
            let ladder = Ladder { audience_slots: known.gate.audience_slots() };
            self.pool.workers().iter().for_each(|worker| worker.mailbox.ladder(ladder));
        }
    }

    /// Tells of budgets of the whole server that are broken or kept again.
    fn watch(
        &self,
        known: &mut Known,
        ticking: &mut Ticking,
        pressures: &Pressures,
        (join, residence): (Option<Duration>, Option<Duration>),
        now: Instant,
    ) {
        for (signal, watch) in &mut ticking.watches {
            let (value, limit, unit) = match signal {
                Signal::Join => (join.map(ms), self.config.server_ms as f64, "ms"),
                Signal::Residence => (residence.map(ms), self.config.residence_ms as f64, "ms"),
                Signal::Cpu | Signal::Media | Signal::Memory | Signal::Descriptors => {
                    (Some(pressures.of(*signal)), self.config.refuse_at, "ratio")
                }
            };
            let Some(change) = watch.look(value, limit, now) else {
                continue;
            };
            let cause = known.recent.slowest().filter(|_| *signal == Signal::Join).map(|stage| stage.label());
            let value = value.unwrap_or_default();
            let budgeted = Budgeted { budget: signal.budget(), room: None, identity: None, value, limit, unit, cause };
            let budget = signal.budget();
            match change {
                Change::Breached => {
                    tracing::warn!(budget, value, limit, unit, cause, "latency: a budget is broken");
                    known.event(LatencyEvent::Breached(budgeted));
                }
                Change::Recovered => {
                    tracing::info!(budget, value, limit, unit, "latency: the budget is kept again");
                    known.event(LatencyEvent::Recovered(budgeted));
                }
            }
        }
    }

    /// Tells when people begin to be refused for coming too many at once, and when nobody is any more.
    fn note_pace(&self, known: &mut Known, ticking: &mut Ticking, now: Instant) {
        let paced = self.door.paced();
        let is_more = paced > std::mem::replace(&mut ticking.paced, paced);
        let act = match known.paced_at {
            None if is_more => Act::RefuseListeners,
            Some(at) if !is_more && now.saturating_duration_since(at) >= PACE_OVER_AFTER => Act::AdmitListeners,
            Some(_) if is_more => {
                known.paced_at = Some(now);
                return;
            }
            Some(_) | None => return,
        };
        known.paced_at = is_more.then_some(now);
        // While the gate refuses listeners, that has been told.
        if known.gate.step() == Step::Everyone {
            self.acted(known, Done { act, why: Signal::Cpu.budget(), room: None, identity: None }, now);
        }
    }

    fn note_stale(&self, known: &mut Known, ticking: &mut Ticking, published: &[Published], now: Instant) {
        let stale: u64 = published.iter().map(|stats| stats.engine.stale()).sum();
        let is_more = stale > std::mem::replace(&mut ticking.stale, stale);
        let is_due = ticking.stale_told.is_none_or(|at| now.saturating_duration_since(at) >= STALE_TOLD_EVERY);
        if is_more && is_due {
            ticking.stale_told = Some(now);
            let done = Done { act: Act::DropStale, why: Signal::Residence.budget(), room: None, identity: None };
            self.acted(known, done, now);
        }
    }

    /// Hands on what rooms are to be told and what is to be written down, without the lock.
    fn hand_on(&self, ticking: &mut Ticking, signaling: &Signaling, found: &mpsc::Sender<Vec<(RoomId, MediaFact)>>) {
        let mut known = self.lock();
        let (facts, events) = (std::mem::take(&mut known.facts), std::mem::take(&mut known.events));
        drop(known);
        for event in &events {
            signaling.record_latency(event);
        }
        let mut waiting = std::mem::take(&mut ticking.unsent);
        waiting.extend(facts);
        if waiting.is_empty() {
            return;
        }
        match found.try_send(waiting) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Full(mut waiting)) => {
                // The newest of each kind says what the older ones did.
                let excess = waiting.len().saturating_sub(UNSENT_MAX);
                waiting.drain(..excess);
                ticking.unsent = waiting;
            }
            Err(mpsc::error::TrySendError::Closed(_)) => {}
        }
    }
}

impl Ticking {
    fn look_at_workers(&mut self, published: &[Published], now: Instant) -> Vec<Residences> {
        let each = self.workers.iter_mut().zip(published);
        each.map(|(worker, stats)| worker.look(&stats.residence, &stats.handshakes, now)).collect()
    }
}

impl Worker {
    fn new(index: u16) -> Self {
        Self {
            index,
            residence: OVER.map(Gained::new),
            handshakes: OVER.map(Gained::new),
            busy: Duration::ZERO,
            datagrams_out: 0,
        }
    }

    /// How long datagrams of voices and of handshakes stayed, by what was counted so far.
    fn look(&mut self, voices: &Histogram, handshakes: &Histogram, now: Instant) -> Residences {
        let [voices, voices_now] = self.residence.each_mut().map(|gained| gained.advance(voices, now));
        let [handshakes, handshakes_now] = self.handshakes.each_mut().map(|gained| gained.advance(handshakes, now));
        Residences {
            lately: Residence::of(&voices, &handshakes),
            last_second: Residence::of(&voices_now, &handshakes_now),
        }
    }
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

const EVERY: Duration = Duration::from_secs(1);
/// Residence is looked at over a while, and over the time since the look before.
const OVER: [Duration; 2] = [Duration::from_secs(10), Duration::from_millis(900)];
/// Fewer samples of residence within a window say nothing.
const RESIDENCES_MIN: u64 = 100;
/// What a join waits for in its engine: checks, and the flights of DTLS.
const HANDSHAKE_DATAGRAMS: u32 = 4;
/// Fewer datagrams of handshakes within a window say nothing: those of 20 joins.
const HANDSHAKES_MIN: u64 = 80;
/// So long nobody was refused for coming with too many others.
const PACE_OVER_AFTER: Duration = Duration::from_secs(5);
/// While packets go on being too old, that is told once in a while.
const STALE_TOLD_EVERY: Duration = Duration::from_secs(30);
/// Facts kept while the bridge takes none.
const UNSENT_MAX: usize = 100_000;
/// Lots of facts that may wait for the bridge.
pub const FOUND_MAX: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latency::gate::Gate;
    use crate::latency::histogram::TRANSIT_EDGES;

    const fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn worker(p95: u64, count: u64, handshake: u64, handshakes: u64) -> Residence {
        Residence { quantiles: Some([millis(0), millis(p95)]), count, handshake: Some(millis(handshake)), handshakes }
    }

    #[test]
    fn joins_press_before_any_of_them_has_come_to_its_end() {
        let calm = worker(1, 1_000, 2, 500);
        let stuck = worker(1, 1_000, 700, 500);
        assert_eq!(own_part(None, &[calm, stuck]), Some(millis(2_800)), "no welcome, but handshakes wait");
        assert_eq!(own_part(Some(millis(50)), &[calm]), Some(millis(58)));
        assert_eq!(own_part(Some(millis(50)), &[worker(30, 1_000, 700, 3)]), Some(millis(170)), "as long as voices");
        assert_eq!(own_part(Some(millis(50)), &[worker(30, 3, 700, 3)]), Some(millis(50)));
        assert_eq!(own_part(None, &[worker(30, 1_000, 700, 3)]), None, "nobody joins");
    }

    /// What is measured, and the gate that judges it, a second at a time.
    struct Trial {
        recent: Recent,
        worker: Worker,
        voices: Histogram,
        handshakes: Histogram,
        gate: Gate,
        now: Instant,
        second: u64,
        acts: Vec<(u64, Act)>,
    }

    /// How long everything of one kind takes in one second.
    #[derive(Clone, Copy)]
    struct Second {
        answers: Duration,
        voices: Duration,
        handshakes: Duration,
        /// Of all cores.
        cpu: f64,
    }

    const QUICK: Second = Second { answers: millis(1), voices: millis(1), handshakes: millis(1), cpu: 0.003 };

    impl Trial {
        fn new() -> Self {
            Self {
                recent: Recent::new(),
                worker: Worker::new(0),
                voices: Histogram::new(TRANSIT_EDGES),
                handshakes: Histogram::new(TRANSIT_EDGES),
                gate: Gate::new(0.85),
                now: clock::now(),
                second: 0,
                acts: Vec::new(),
            }
        }

        /// Sixty people join, and some speak. What was delayed comes in two halves, one before the look and one after it.
        fn seconds(&mut self, second: Second, times: usize) {
            for _ in 0..times {
                self.half(second);
                self.second += 1;
                self.now += millis(500);
                self.recent.advance(self.now);
                let residences = self.worker.look(&self.voices, &self.handshakes, self.now);
                let usage = Usage {
                    cores_used: second.cpu * 2.0,
                    cores_used_now: second.cpu * 2.0,
                    cores: 2.0,
                    ..Usage::default()
                };
                let pressures = pressures(&self.recent, &[residences], &usage, &Latency::default());
                let acts = self.gate.press(&pressures, self.now).into_iter().map(|(act, _)| (self.second, act));
                self.acts.extend(acts.filter(|(_, act)| !matches!(act, Act::FewerSlots | Act::MoreSlots)));
                self.half(second);
                self.now += millis(500);
            }
        }

        fn half(&mut self, second: Second) {
            (0..30).for_each(|_| self.recent.answered(second.answers, self.now));
            (0..100).for_each(|_| self.voices.record(second.voices));
            (0..120).for_each(|_| self.handshakes.record(second.handshakes));
        }

        fn acts_after(mut self, seconds: &[(Second, usize)]) -> Vec<(u64, Act)> {
            seconds.iter().for_each(|(second, times)| self.seconds(*second, *times));
            self.acts
        }
    }

    #[test]
    fn whatever_was_slow_for_a_second_refuses_listeners_and_nobody_else() {
        let slow = millis(1_500);
        let stalls = [
            Second { answers: slow, ..QUICK },
            Second { voices: slow, ..QUICK },
            Second { handshakes: slow, ..QUICK },
            Second { answers: slow, voices: slow, handshakes: slow, ..QUICK },
        ];
        for cpu in [0.003, 0.3, 0.55, 0.65] {
            for stall in stalls {
                let quick = Second { cpu, ..QUICK };
                let acts = Trial::new().acts_after(&[(quick, 20), (Second { cpu, ..stall }, 1), (quick, 30)]);
                let [(21 | 22, Act::RefuseListeners), (back, Act::AdmitListeners)] = acts[..] else {
                    panic!("{acts:?}")
                };
                assert!(back <= 21 + 17, "{acts:?}");
            }
        }
    }

    #[test]
    fn what_is_slow_for_long_refuses_everyone_if_it_is_the_processs_own_doing() {
        let slow = Second { answers: millis(1_500), voices: millis(1_500), handshakes: millis(1_500), cpu: 0.003 };
        assert_eq!(Trial::new().acts_after(&[(QUICK, 5), (slow, 60)]), [(6, Act::RefuseListeners)], "a neighbour");
        let busy = Second { cpu: 0.6, ..slow };
        let acts = Trial::new().acts_after(&[(QUICK, 5), (busy, 60), (QUICK, 3)]);
        let refused = [(6, Act::RefuseListeners), (8, Act::RefuseGuests), (10, Act::RefuseHosts)];
        // Hosts come in as soon as it is over.
        assert_eq!(acts, [refused.as_slice(), &[(66, Act::AdmitHosts)]].concat());
    }
}
