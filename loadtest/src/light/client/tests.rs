//! Light clients and the server's engine in virtual time, with a network between them that loses what it is told to lose.

#![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]

use std::collections::VecDeque;
use std::sync::OnceLock;

use podium::engine::Engine;
use podium::engine::command::{Command, Interrupt, Open, Plan, PlannedSeat, RoomKey, TransportKey};
use podium::engine::counters::DropReason;
use podium::engine::event::{Event, PathSample, RoundTripSource};
use podium::router::Csrc;
use podium::sdp::{self, AnswerParams};
use podium::transport::ice_lite::Credentials;
use podium::wire::path::Path;
use proptest::prelude::*;

use super::*;
use crate::tone::Voice;

#[test]
fn a_listener_joins_and_hears_every_packet_of_the_stage() {
    let mut hall = Hall::new();
    let (ada, ben) = (hall.join(), hall.join());
    hall.seat(&[ada, ben]);
    hall.run(Duration::from_millis(200));
    hall.speak(ada);
    hall.speak(ben);
    hall.run(Duration::from_millis(100));
    let cy = hall.join();
    hall.run(Duration::from_secs(1));
    let milestones = hall.clients[cy].milestones();
    let after = |at: Option<Instant>| at.unwrap() - hall.born[cy];
    // A check and its reply with the ClientHello behind it; the flight that answers it, and the last one; then audio.
    assert_eq!(after(milestones.path), ms(20));
    assert_eq!(after(milestones.keys), ms(40));
    assert!((ms(60)..=ms(80)).contains(&after(milestones.audio)), "{:?}", after(milestones.audio));
    hall.clients[cy].listen_anew(hall.now);
    hall.run(Duration::from_secs(2));
    let ears = hall.clients[cy].ears();
    assert_eq!((ears.packets(), ears.lost()), (200, 0));
    assert_eq!(ears.voices().len(), 2);
    for voice in ears.voices() {
        assert_eq!((voice.packets, voice.missed, voice.longest_gap), (100, 0, ms(20)));
    }
    assert!(hall.events.iter().any(|event| matches!(event, Event::JoinEnded { .. })));
    assert_eq!(hall.clients[cy].unusable(), 0);
}

#[test]
fn what_is_lost_of_a_join_is_sent_again() {
    for (kind, direction) in [
        (DatagramKind::Stun, Direction::Up),
        (DatagramKind::Stun, Direction::Down),
        (DatagramKind::Dtls, Direction::Up),
        (DatagramKind::Dtls, Direction::Down),
    ] {
        let mut hall = Hall::new();
        hall.lose = Some((kind, direction));
        let ada = hall.join();
        hall.run(Duration::from_secs(3));
        assert_eq!(hall.lose, None, "{kind:?} {direction:?}: something was lost");
        let keys = hall.clients[ada].milestones().keys.expect("joined all the same") - hall.born[ada];
        assert!(keys > ms(40) && keys < Duration::from_secs(2), "{kind:?} {direction:?}: {keys:?}");
    }
}

#[test]
fn a_gap_is_as_long_as_it_was_and_what_was_lost_is_counted() {
    let mut hall = Hall::new();
    let (ada, ben) = (hall.join(), hall.join());
    hall.seat(&[ada]);
    hall.run(ms(200));
    hall.speak(ada);
    hall.run(ms(500));
    hall.clients[ben].listen_anew(hall.now);
    hall.run(ms(500));
    hall.dead = Some(Direction::Down);
    hall.run(ms(200));
    hall.dead = None;
    hall.run(ms(500));
    let ears = hall.clients[ben].ears();
    let [voice] = ears.voices() else { panic!("one voice") };
    assert_eq!((voice.packets, voice.missed, voice.longest_gap), (50, 10, ms(220)));
    assert_eq!((voice.long_gaps, ears.lost()), (1, 10));
    assert_eq!(ears.longest_silence_until(hall.now), ms(220));
    // A gap that has not ended counts as well.
    hall.clients[ada].rest();
    hall.run(Duration::from_secs(1));
    let voice = hall.clients[ben].ears().voices()[0];
    assert!(voice.longest_gap_until(hall.now) > ms(900));
}

#[test]
fn the_server_learns_the_round_trip_and_the_client_keeps_consent_in_silence() {
    let mut hall = Hall::new();
    let (ada, ben) = (hall.join(), hall.join());
    hall.seat(&[ada]);
    hall.run(ms(100));
    hall.speak(ada);
    hall.run(Duration::from_secs(8));
    let counters = hall.engine.counters();
    assert!(counters.round_trips > 0, "reports were answered");
    let mean = counters.round_trip_micros / counters.round_trips;
    assert!((19_000..=21_000).contains(&mean), "{mean} µs of 20 ms");
    assert_eq!(hall.clients[ben].round_trip(), Some(ms(20)));
    hall.clients[ada].rest();
    hall.events.clear();
    hall.run(Duration::from_secs(60));
    // Where nobody speaks, the server asks by its clock, and is answered.
    let asked = hall.events.iter().filter_map(|event| {
        let Event::Measured { sample: PathSample { round_trip, .. }, .. } = event else {
            return None;
        };
        *round_trip
    });
    let asked: Vec<_> = asked.filter(|(_, source)| *source == RoundTripSource::ReferenceTime).collect();
    assert!(asked.len() > 10 && asked.iter().all(|(trip, _)| (ms(19)..=ms(21)).contains(trip)), "{asked:?}");
    let alone = |event: &Event| matches!(event, Event::Interrupted { .. } | Event::Closed { .. });
    assert!(!hall.events.iter().any(alone), "consent is kept");
    assert_eq!((hall.clients[ada].over(), hall.clients[ben].over()), (None, None));
}

#[test]
fn a_client_whose_server_is_gone_gives_up_after_30_s() {
    let mut hall = Hall::new();
    let (ada, ben) = (hall.join(), hall.join());
    hall.run(ms(100));
    hall.dead = Some(Direction::Down);
    hall.run(Duration::from_secs(24));
    assert_eq!(hall.clients[ada].over(), None);
    hall.run(Duration::from_secs(14));
    assert_eq!(hall.clients[ada].over(), Some(Over::NoConsent));
    assert_eq!(hall.clients[ben].over(), Some(Over::NoConsent));
    assert_eq!(hall.clients[ada].next_timeout(), None);
}

#[test]
fn one_who_leaves_says_goodbye_and_nothing_after_it() {
    let mut hall = Hall::new();
    let ada = hall.join();
    hall.run(ms(200));
    let client = &mut hall.clients[ada];
    client.leave();
    let goodbye = client.poll_transmit().unwrap();
    assert_eq!(classify(&goodbye), DatagramKind::Rtcp);
    client.handle_timeout(hall.now + Duration::from_secs(100));
    assert_eq!(client.poll_transmit(), None);
    assert_eq!(client.over(), Some(Over::Left));
    let before = hall.drops();
    let path = hall.path(ada);
    hall.engine.handle_datagram(path, &goodbye, hall.now);
    assert_eq!(hall.drops(), before, "the server understands it");
}

proptest! {
    #[test]
    fn any_bytes_are_taken_without_panic(
        datagrams in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..200), 0..8)
    ) {
        let mut hall = Hall::new();
        let ada = hall.join();
        for datagram in &datagrams {
            hall.clients[ada].handle_datagram(datagram, hall.now);
        }
        hall.run(ms(300));
        prop_assert!(hall.clients[ada].milestones().keys.is_some());
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Up,
    Down,
}

/// One engine, one room, light clients, and 10 ms between them.
struct Hall {
    now: Instant,
    engine: Engine,
    clients: Vec<LightClient>,
    born: Vec<Instant>,
    wire: VecDeque<(Instant, Direction, usize, Vec<u8>)>,
    events: Vec<Event>,
    revision: u64,
    /// The next datagram of a kind is lost.
    lose: Option<(DatagramKind, Direction)>,
    /// Nothing gets through this way.
    dead: Option<Direction>,
}

impl Hall {
    fn new() -> Self {
        let now = clock_now();
        Self {
            now,
            engine: Engine::new(certificate(0), now, 0xE000_0000 << 32),
            clients: Vec::new(),
            born: Vec::new(),
            wire: VecDeque::new(),
            events: Vec::new(),
            revision: 0,
            lose: None,
            dead: None,
        }
    }

    fn join(&mut self) -> usize {
        let number = self.clients.len();
        let random = [number as u64 + 1; 4].map(|number| number.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let offer = Offer::new(3, &certificate(1).fingerprint().to_string(), random);
        let parsed = sdp::Offer::parse(offer.text()).unwrap();
        let credentials = Credentials::new(0, [number as u8; 30]);
        let params = AnswerParams {
            ufrag: &credentials.ufrag,
            pwd: &credentials.pwd,
            fingerprint: &certificate(0).fingerprint().to_string(),
            candidates: &[server()],
            can_publish: true,
            can_subscribe: true,
            slots_max: 8,
            cname: "podium",
            origin_id: 1,
            origin_version: 1,
            dtls_role: None,
        };
        let mut ssrc = 1_000 * (number as u32 + 1);
        let mut next_ssrc = || {
            ssrc += 1;
            ssrc
        };
        let answer = sdp::answer(&parsed, &params, &mut next_ssrc).unwrap();
        let open = Open {
            transport: TransportKey(number as u64),
            room: ROOM,
            credentials,
            slot_randoms: vec![7; answer.negotiated.slots.len()],
            negotiated: answer.negotiated,
            report_ssrc: 5,
            cname: "podium".to_owned(),
            asked_at: self.now,
        };
        self.engine.handle_command(Command::Open(Box::new(open)), self.now);
        let read = Answer::parse(&answer.text).unwrap();
        assert_eq!((read.slots.len(), read.microphone.is_some(), read.candidate), (3, true, server()));
        self.clients.push(LightClient::new(&offer, read, &certificate(1), number as u32, self.now));
        self.born.push(self.now);
        number
    }

    fn seat(&mut self, who: &[usize]) {
        self.revision += 1;
        let seat = |(seat, &who): (usize, &usize)| PlannedSeat {
            seat: seat as u8,
            transport: TransportKey(who as u64),
            csrc: Csrc((who as u32 + 1).try_into().unwrap()),
            open: true,
            priority: false,
        };
        let seats = who.iter().enumerate().map(seat).collect();
        let plan = Plan { room: ROOM, revision: self.revision, interrupt: Interrupt::Off, seats, asked_at: self.now };
        self.engine.handle_command(Command::Plan(plan), self.now);
    }

    fn speak(&mut self, who: usize) {
        self.clients[who].speak(Speech::of(Voice::tone(440)).unwrap(), self.now);
    }

    fn run(&mut self, span: Duration) {
        let until = self.now + span;
        loop {
            self.carry();
            let timers = self.clients.iter().filter_map(LightClient::next_timeout);
            let arrival = self.wire.front().map(|(at, ..)| *at);
            let next = timers.chain(arrival).chain(self.engine.next_timeout()).min();
            let Some(next) = next.map(|next| next.max(self.now)).filter(|next| *next <= until) else {
                self.now = until;
                return;
            };
            self.now = next;
            while self.wire.front().is_some_and(|(at, ..)| *at <= next) {
                let (_, direction, who, bytes) = self.wire.pop_front().unwrap();
                match direction {
                    Direction::Up => {
                        let path = self.path(who);
                        self.engine.handle_datagram(path, &bytes, next);
                    }
                    Direction::Down => drop(self.clients[who].handle_datagram(&bytes, next)),
                }
            }
            self.engine.handle_timeout(next);
            for client in &mut self.clients {
                if client.next_timeout().is_some_and(|at| at <= next) {
                    client.handle_timeout(next);
                }
            }
        }
    }

    /// Puts on the wire what waits at either end.
    fn carry(&mut self) {
        let mut sent = Vec::new();
        for (who, client) in self.clients.iter_mut().enumerate() {
            while let Some(datagram) = client.poll_transmit() {
                sent.push((Direction::Up, who, datagram));
            }
        }
        let down = self
            .engine
            .outbox()
            .iter()
            .map(|(path, bytes)| (Direction::Down, usize::from(path.remote.port() - FIRST_PORT), bytes.to_vec()));
        sent.extend(down);
        self.engine.outbox().clear();
        while let Some(event) = self.engine.poll_event() {
            self.events.push(event);
        }
        for (direction, who, bytes) in sent {
            if self.dead == Some(direction) {
                continue;
            }
            if self.lose == Some((classify(&bytes), direction)) {
                self.lose = None;
                continue;
            }
            self.wire.push_back((self.now + ms(10), direction, who, bytes));
        }
    }

    fn drops(&mut self) -> u64 {
        let counters = self.engine.counters();
        DropReason::ALL.into_iter().map(|reason| counters.drops(reason)).sum()
    }

    fn path(&self, who: usize) -> Path {
        Path::udp(server(), SocketAddr::new(server().ip(), FIRST_PORT + who as u16))
    }
}

fn certificate(which: usize) -> Certificate {
    static BOTH: OnceLock<[Certificate; 2]> = OnceLock::new();
    BOTH.get_or_init(|| [(); 2].map(|()| Certificate::generate().unwrap()))[which].clone()
}

fn server() -> SocketAddr {
    "192.0.2.1:4000".parse().unwrap()
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// The one real instant, to which virtual time adds.
fn clock_now() -> Instant {
    crate::clock::now()
}

const ROOM: RoomKey = RoomKey(1);
const FIRST_PORT: u16 = 5_000;
