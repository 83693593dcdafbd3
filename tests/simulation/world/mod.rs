//! The world is the whole system in virtual time: one engine, one room, simulated participants, and a network between them.
//!
//! Time is one real instant, taken at the start, to which the world adds. Nothing sleeps and nothing has a socket. What the dice decide
//! follows from the seed, so a failure can be seen again.

mod checks;
pub(crate) mod dice;
pub(crate) mod judge;
pub(crate) mod microphone;
pub(crate) mod network;
mod offer;
mod participant;
mod signaling;

use std::collections::{HashMap, HashSet, VecDeque};
use std::net::SocketAddr;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use podium::engine::Engine;
use podium::engine::command::{Command, Ladder, Plan, RoomKey, TransportKey};
use podium::engine::counters::{Counters, DropReason};
use podium::engine::event::Event;
use podium::runtime::clock;
use podium::sdp::Agreement;
use podium::transport::certificate::Certificate;
use podium::wire::path::Path;
use podium::wire::{DatagramKind, classify};
use podium_signaling::ids::{Identity, SessionId};
use podium_signaling::room::{self, Recipients, Room};

use dice::Dice;
use judge::Judge;
use network::{Bound, Network, Weather};
use participant::Participant;

pub(crate) use participant::Heard;
pub(crate) use signaling::{Entry, host, listener, seat};

/// Names a simulated session, in the order of joining.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Who(pub(crate) usize);

/// Everything there is.
pub(crate) struct World {
    seed: u64,
    pub(crate) now: Instant,
    pub(crate) dice: Dice,
    pub(crate) judge: Judge,
    engine: Engine,
    room: Room,
    network: Network,
    people: Vec<Person>,
    owners: HashMap<SocketAddr, Who>,
    by_transport: HashMap<TransportKey, Who>,
    connected: HashSet<TransportKey>,
    plans: VecDeque<(Instant, Plan)>,
    /// Every plan that the engine was sent, in order.
    pub(crate) past_plans: Vec<Plan>,
    /// Everything the engine told, and when.
    pub(crate) events: Vec<(Instant, Event)>,
    /// Everything people were told, and when.
    pub(crate) told: Vec<(Instant, Recipients, room::Event)>,
    pub(crate) byes: Vec<(SessionId, room::ByeReason)>,
    /// Datagrams that came to an address that nobody has any more.
    pub(crate) strays: Vec<(Instant, SocketAddr)>,
    /// So long datagrams wait before the engine gets them.
    pub(crate) lateness: Duration,
    /// The engine is not asked to serve the audience.
    pub(crate) audience_waits: bool,
    /// What participants sent, if it is to be kept.
    pub(crate) tapped: Option<Vec<(SocketAddr, Vec<u8>)>>,
    /// What the engine sent, if it is to be kept: (when, to whom, what).
    pub(crate) tapped_out: Option<Vec<(Instant, Who, Vec<u8>)>>,
}

/// A session, seen from both ends.
#[derive(Debug)]
pub(crate) struct Person {
    pub(crate) identity: Identity,
    pub(crate) session: SessionId,
    pub(crate) transport: TransportKey,
    pub(crate) joined_at: Instant,
    agreement: Agreement,
    pub(crate) end: Participant,
    /// The server has let go of it.
    pub(crate) closed: bool,
    /// When its end has something to do, as far as that is known since it was last touched.
    wakes: Option<Option<Instant>>,
}

impl Person {
    fn next_timeout(&mut self) -> Option<Instant> {
        *self.wakes.get_or_insert_with(|| self.end.next_timeout())
    }

    /// From the answer to keys at this end.
    pub(crate) fn keys_after(&self) -> Duration {
        self.end.keys_at.unwrap() - self.joined_at
    }
}

/// What the engine made of one datagram.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reaction {
    /// Why it was dropped on the way in, if it was.
    pub(crate) dropped: Option<DropReason>,
    /// Datagrams that left at once.
    pub(crate) sent: usize,
    /// Audio packets taken.
    pub(crate) taken: u64,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        Self::with_settings(seed, room::Settings::default())
    }

    pub(crate) fn with_settings(seed: u64, settings: room::Settings) -> Self {
        let seed = std::env::var("PODIUM_SIM_SEED").ok().map_or(seed, |text| text.parse().unwrap());
        let now = clock::now();
        let mut dice = Dice::new(seed);
        Self {
            seed,
            now,
            judge: Judge::default(),
            engine: Engine::new(certificate(0), now, 0xE000_0000 << 32),
            room: Room::new(signaling::room_id(), settings, now),
            network: Network::new(dice.number()),
            dice,
            people: Vec::new(),
            owners: HashMap::new(),
            by_transport: HashMap::new(),
            connected: HashSet::new(),
            plans: VecDeque::new(),
            past_plans: Vec::new(),
            events: Vec::new(),
            told: Vec::new(),
            byes: Vec::new(),
            strays: Vec::new(),
            lateness: Duration::ZERO,
            audience_waits: false,
            tapped: None,
            tapped_out: None,
        }
    }

    /// Lets time pass.
    pub(crate) fn run(&mut self, span: Duration) {
        let until = self.now + span;
        let mut still = 0;
        loop {
            let next = self.next_instant().map(|at| at.max(self.now));
            let Some(next) = next.filter(|next| *next <= until) else {
                break;
            };
            still = if next == self.now { still + 1 } else { 0 };
            assert!(still < 100_000, "time stands still");
            self.now = next;
            self.step();
        }
        self.now = until;
    }

    /// Lets time pass until something holds; it must within `at_most`.
    pub(crate) fn run_until(&mut self, at_most: Duration, holds: impl Fn(&Self) -> bool) -> Duration {
        let start = self.now;
        while !holds(self) {
            assert!(self.now < start + at_most, "not within {at_most:?}");
            self.run(Duration::from_millis(1));
        }
        self.now - start
    }

    pub(crate) fn person(&self, who: Who) -> &Person {
        &self.people[who.0]
    }

    pub(crate) fn end(&mut self, who: Who) -> &mut Participant {
        let person = &mut self.people[who.0];
        person.wakes = None;
        &mut person.end
    }

    pub(crate) fn everyone(&self) -> impl Iterator<Item = Who> + use<> {
        (0..self.people.len()).map(Who)
    }

    /// Both ends have keys.
    pub(crate) fn is_connected(&self, who: Who) -> bool {
        let person = self.person(who);
        self.connected.contains(&person.transport) && person.end.keys_at.is_some()
    }

    pub(crate) fn counters(&mut self) -> Counters {
        self.engine.counters().clone()
    }

    /// Sets the same weather in both directions.
    pub(crate) fn weather(&mut self, who: Who, weather: Weather) {
        let end = self.end(who);
        (end.up, end.down) = (weather, weather);
    }

    pub(crate) fn speak(&mut self, who: Who, level: u8) {
        let now = self.now;
        self.end(who).microphone.speak(level, now);
    }

    pub(crate) fn rest(&mut self, who: Who) {
        self.end(who).microphone.rest();
    }

    /// Gives a participant another address, as a NAT does, and returns the old one.
    pub(crate) fn rebind(&mut self, who: Who) -> SocketAddr {
        let address = self.new_address(who);
        std::mem::replace(&mut self.end(who).address, address)
    }

    /// What `who` heard of `speaker`, in the order of arrival.
    pub(crate) fn heard_of(&self, who: Who, speaker: Who) -> Vec<&Heard> {
        self.person(who).end.heard.iter().filter(|heard| heard.who() == Some(speaker.0)).collect()
    }

    pub(crate) fn forget_heard(&mut self) {
        self.people.iter_mut().for_each(|person| person.end.heard.clear());
    }

    /// The engine's facts about a session, and how long after its joining they came.
    pub(crate) fn facts(&self, who: Who) -> Vec<(Duration, &Event)> {
        let person = self.person(who);
        let about = |event: &Event| match event {
            Event::Stage { transport, .. }
            | Event::JoinEnded { transport, .. }
            | Event::TrackLive { transport }
            | Event::Interrupted { transport }
            | Event::Restored { transport }
            | Event::Closed { transport, .. }
            | Event::Slots { transport, .. }
            | Event::Measured { transport, .. }
            | Event::GateOpened { transport, .. }
            | Event::Unheard { transport, .. }
            | Event::OnMic { transport, .. } => *transport == person.transport,
            Event::Interruption { .. } | Event::Speakers { .. } => false,
        };
        let theirs = self.events.iter().filter(|(_, event)| about(event));
        theirs.map(|(at, event)| (at.duration_since(person.joined_at), event)).collect()
    }

    /// Gives the engine a datagram and checks that it was counted for what it is.
    pub(crate) fn feed(&mut self, from: SocketAddr, datagram: &[u8]) -> Reaction {
        let before = self.counters();
        let came_at = self.now.checked_sub(self.lateness).unwrap();
        self.engine.take_datagram(Path::udp(server_address(), from), datagram, came_at, self.now);
        if !self.audience_waits {
            while self.engine.serve_audience(self.now) {}
        }
        let after = self.counters();
        let kinds: Vec<DatagramKind> = self.engine.outbox().iter().map(|(_, bytes)| classify(bytes)).collect();
        let audio = self.engine.outbox().iter().filter(|(_, bytes)| classify(bytes) == DatagramKind::Rtp);
        let endings = audio.filter(|(_, bytes)| judge::is_ending(bytes)).count() as u64;
        let reaction = judge_counts(datagram, &before, &after, &kinds);
        if reaction.taken == 1 && self.lateness.is_zero() && !self.audience_waits {
            self.judge_fan_out(from, &before, &after, endings);
        }
        self.carry_out();
        reaction
    }

    /// What is to be given up to spare the machine.
    pub(crate) fn ladder(&mut self, audience_slots: Option<u8>) {
        self.command(Command::Ladder(Ladder { audience_slots }));
    }

    /// The audience gets what waits for it.
    pub(crate) fn serve_audience(&mut self) {
        while self.engine.serve_audience(self.now) {}
        self.carry_out();
    }

    fn next_instant(&mut self) -> Option<Instant> {
        let people = self.people.iter_mut().filter_map(Person::next_timeout).min();
        let plan = self.plans.front().map(|(at, _)| *at);
        let next = [self.network.next(), self.engine.next_timeout(), self.room.next_timeout(), people, plan];
        next.into_iter().flatten().min()
    }

    fn step(&mut self) {
        let now = self.now;
        while let Some((bound, bytes)) = self.network.arrival(now) {
            match bound {
                Bound::In(from) => {
                    self.feed(from, &bytes);
                }
                Bound::Out(to) => self.deliver(to, &bytes),
            }
        }
        while self.plans.front().is_some_and(|(at, _)| *at <= now) {
            let (_, plan) = self.plans.pop_front().unwrap();
            self.command(Command::Plan(plan));
        }
        if self.engine.next_timeout().is_some_and(|at| at <= now) {
            self.engine.handle_timeout(now);
            assert!(self.engine.next_timeout().is_none_or(|next| next > now), "what was due is still due");
            self.carry_out();
        }
        if self.room.next_timeout().is_some_and(|at| at <= now) {
            self.tell_room(room::Input::Timeout);
        }
        for who in self.everyone() {
            if self.people[who.0].next_timeout().is_some_and(|at| at <= now) {
                self.end(who).handle_timeout(now);
                self.send_all(who);
            }
        }
    }

    fn command(&mut self, command: Command) {
        self.engine.handle_command(command, self.now);
        self.carry_out();
    }

    /// Sends what the engine has to send, under the judge's eyes, and tells the room what it has to tell.
    fn carry_out(&mut self) {
        let outgoing: Vec<(Path, Vec<u8>)> =
            self.engine.outbox().iter().map(|(path, bytes)| (path, bytes.to_vec())).collect();
        self.engine.outbox().clear();
        for (path, bytes) in outgoing {
            assert_eq!(path.local, server_address(), "replies leave by the address that was hit");
            let who = self.owners[&path.remote];
            let person = &mut self.people[who.0];
            let kind = classify(&bytes);
            if kind == DatagramKind::Rtp {
                assert!(!person.closed, "{} is sent audio after the end", person.identity);
                self.judge.leaves(who, &person.identity, &bytes, self.now);
            }
            if let Some(tapped) = &mut self.tapped_out {
                tapped.push((self.now, who, bytes.clone()));
            }
            if person.end.loses_next == Some(kind) {
                person.end.loses_next = None;
                continue;
            }
            self.network.send(&person.end.down, Bound::Out(path.remote), bytes, self.now);
        }
        self.carry_facts();
    }

    fn deliver(&mut self, to: SocketAddr, bytes: &[u8]) {
        let who = self.owners[&to];
        if self.people[who.0].end.address != to {
            self.strays.push((self.now, to));
            return;
        }
        let now = self.now;
        let known = self.people[who.0].end.heard.len();
        self.end(who).handle_datagram(bytes, now);
        for heard in &self.people[who.0].end.heard[known..] {
            if let Some(speaker) = heard.who() {
                assert_eq!(*self.judge.owner(heard.csrc), self.people[speaker].identity, "the CSRC says who speaks");
            }
        }
        self.send_all(who);
    }

    fn send_all(&mut self, who: Who) {
        let person = &mut self.people[who.0];
        for bytes in person.end.take_out() {
            if let Some(tapped) = &mut self.tapped {
                tapped.push((person.end.address, bytes.clone()));
            }
            self.network.send(&person.end.up, Bound::In(person.end.address), bytes, self.now);
        }
    }

    /// One packet was taken: it went to every listener with keys, or a reason was counted. It may have ended other voices.
    fn judge_fan_out(&self, from: SocketAddr, before: &Counters, after: &Counters, endings: u64) {
        let speaker = self.people[self.owners[&from].0].transport;
        let listeners = self.people.iter().filter(|person| {
            let apart = person.transport != speaker && person.end.slot_count() > 0;
            apart && self.connected.contains(&person.transport)
        });
        let left_out = |counters: &Counters| {
            counters.copies_without_slot + counters.copies_before_switch + counters.drops(DropReason::Protect)
        };
        let dropped = left_out(after) - left_out(before);
        let sent = after.rtp_out - before.rtp_out - endings;
        assert_eq!(sent + dropped, listeners.count() as u64, "each listener got it, or it is counted why not");
    }

    fn new_address(&mut self, who: Who) -> SocketAddr {
        let number = u16::try_from(self.owners.len()).unwrap();
        let [high, low] = number.to_be_bytes();
        let address = SocketAddr::from(([10, 0, high, low], 40_000 + number % 20_000));
        self.owners.insert(address, who);
        address
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let thread = std::thread::current();
            let test = thread.name().unwrap_or("").to_owned();
            let after = self.people.first().map(|person| self.now - person.joined_at);
            eprintln!("seed {}, {after:?} after the first join; to see it again:", self.seed);
            eprintln!(
                "  PODIUM_SIM_SEED={} PODIUM_SIM_RUNS=1 cargo test -p podium --test simulation {test}",
                self.seed
            );
        }
    }
}

/// Every datagram is counted once on its way in, and everything that left was counted too.
fn judge_counts(datagram: &[u8], before: &Counters, after: &Counters, left: &[DatagramKind]) -> Reaction {
    let per_listener = [DropReason::Protect];
    let dropped: Vec<DropReason> = DropReason::ALL
        .into_iter()
        .filter(|reason| !per_listener.contains(reason) && after.drops(*reason) > before.drops(*reason))
        .collect();
    assert!(dropped.len() <= 1, "dropped once: {dropped:?}");
    let total: u64 = dropped.iter().map(|reason| after.drops(*reason) - before.drops(*reason)).sum();
    assert_eq!(total, dropped.len() as u64);
    assert_eq!(after.datagrams_in - before.datagrams_in, 1);
    assert_eq!(after.bytes_in - before.bytes_in, datagram.len() as u64);
    assert_eq!(after.datagrams_out - before.datagrams_out, left.len() as u64);
    let of_kind = |kind: DatagramKind| left.iter().filter(|left| **left == kind).count() as u64;
    assert_eq!(after.rtp_out - before.rtp_out, of_kind(DatagramKind::Rtp));
    let taken = after.rtp_in - before.rtp_in;
    match classify(datagram) {
        _ if datagram.len() > podium::wire::DATAGRAM_MAX => assert_eq!(dropped, [DropReason::TooLarge]),
        DatagramKind::Rtp => assert_eq!(taken + total, 1, "taken or dropped"),
        DatagramKind::Stun => assert_eq!(of_kind(DatagramKind::Stun) + total, 1, "answered or dropped"),
        DatagramKind::Unknown => assert_eq!(dropped, [DropReason::NotOurs]),
        DatagramKind::Dtls | DatagramKind::Rtcp => assert_eq!(taken, 0),
    }
    Reaction { dropped: dropped.first().copied(), sent: left.len(), taken }
}

pub(crate) fn server_address() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], 7882))
}

/// The server's certificate and the one that all browsers share: making them takes longer than a story.
fn certificate(index: usize) -> Certificate {
    static CERTIFICATES: OnceLock<[Certificate; 2]> = OnceLock::new();
    CERTIFICATES.get_or_init(|| std::array::from_fn(|_| Certificate::generate().unwrap()))[index].clone()
}

const ROOM: RoomKey = RoomKey(1);
