//! What a room of five thousand costs as a value, without sockets: single acts, a snapshot, and one event written once for everyone.
//!
//! Run it with `cargo bench -p podium-signaling`. The room's clock advances by 10 ms from act to act, as at a hundred acts a second, so that
//! what a room says from time to time (how large the audience is, which seats are open) is part of the figures at its true rate.

#![allow(missing_docs, reason = "the macros of criterion make public items")]
#![allow(clippy::unwrap_used, reason = "a benchmark may stop on surprise")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use podium_signaling::clock;
use podium_signaling::ids::{Identity, RequestId, RoomId, SeatIndex, SessionId};
use podium_signaling::protocol::server;
use podium_signaling::room::{
    Act, Calendar, Change, Event, Input, Join, Output, Rank, Room, SeatMode, Settings, Viewer,
};
use tokio_tungstenite::tungstenite::Utf8Bytes;

/// A full room whose clock is under our thumb.
struct Full {
    room: Room,
    now: Instant,
    calendar: Calendar,
    requests: u64,
    /// Who asks next, of the audience.
    turn: usize,
}

impl Full {
    /// A host, guests on the first seats, some hands up, and the audience.
    fn new() -> Self {
        let settings = Settings { seat_mode: SeatMode::Free, participants_max: PEOPLE + 1, ..Settings::default() };
        let now = clock::now();
        let room = Room::new(RoomId::parse("full").unwrap(), settings, now);
        let calendar = Calendar { now, unix_ms: 1_790_000_000_000 };
        let mut full = Self { room, now, calendar, requests: 0, turn: FIRST_LISTENER };
        for number in 0..PEOPLE {
            full.join(number);
        }
        for guest in 1..=GUESTS {
            full.act(guest, Act::SeatTake { seat: seat(guest) });
        }
        for hand in 0..HANDS {
            full.act(PEOPLE - 1 - hand, raise());
        }
        full
    }

    fn join(&mut self, number: usize) -> Vec<Output> {
        let name = name(number);
        self.requests += 1;
        let join = Join {
            session: session(number),
            identity: identity(number),
            name,
            rank_claim: if number == 0 { Rank::Host } else { Rank::Member },
            can_publish: true,
            can_subscribe: true,
            can_publish_data: true,
            hidden: false,
            tier: 0,
            kind: None,
            token_age: None,
            is_banned: false,
            request: RequestId::parse(&self.requests.to_string()).unwrap(),
            has_media: false,
            mic_ready: false,
        };
        self.tell(Input::Join(join))
    }

    fn act(&mut self, number: usize, act: Act) -> Vec<Output> {
        self.requests += 1;
        let request = RequestId::parse(&self.requests.to_string()).unwrap();
        let outputs = self.tell(Input::Act { session: session(number), request, act });
        let is_refused = |output: &Output| matches!(output, Output::Reply { result: Err(_), .. });
        assert!(!outputs.iter().any(is_refused), "{outputs:?}");
        outputs
    }

    fn tell(&mut self, input: Input) -> Vec<Output> {
        self.now += BETWEEN_ACTS;
        self.room.handle(input, self.now)
    }

    fn changes(&mut self) -> Vec<Change> {
        self.room.take_changes(&self.calendar)
    }

    /// Somebody of the audience who has not asked for long.
    fn next(&mut self) -> usize {
        self.turn += 1;
        if self.turn >= PEOPLE - HANDS {
            self.turn = FIRST_LISTENER;
        }
        self.turn
    }
}

fn acts(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("room of 5,000");
    let mut full = Full::new();
    group.bench_function("hand_raise", |bencher| {
        bencher.iter_custom(|times| {
            (0..times)
                .map(|_| {
                    let who = full.next();
                    let took = timed(|| full.act(who, raise()));
                    full.act(who, Act::HandLower);
                    took
                })
                .sum()
        });
    });
    group.bench_function("seat_take and seat_leave", |bencher| {
        bencher.iter(|| {
            let who = full.next();
            black_box(full.act(who, Act::SeatTake { seat: seat(GUESTS + 1) }));
            black_box(full.act(who, Act::SeatLeave));
        });
    });
    group.bench_function("join and leave", |bencher| {
        bencher.iter(|| {
            black_box(full.join(PEOPLE));
            black_box(full.act(PEOPLE, Act::Leave));
        });
    });
    let mut muted = false;
    group.bench_function("mute_self", |bencher| {
        bencher.iter(|| {
            muted = !muted;
            black_box(full.act(1, Act::MuteSelf { muted }));
        });
    });
    group.bench_function("mute_self, and what is written down of it", |bencher| {
        bencher.iter(|| {
            muted = !muted;
            black_box(full.act(1, Act::MuteSelf { muted }));
            black_box(full.changes());
        });
    });
    group.bench_function("join and leave, of which nothing is written down", |bencher| {
        bencher.iter(|| {
            black_box(full.join(PEOPLE));
            assert!(full.changes().is_empty());
            black_box(full.act(PEOPLE, Act::Leave));
            assert!(full.changes().is_empty());
        });
    });
    group.bench_function("what is written down when nothing was", |bencher| bencher.iter(|| black_box(full.changes())));
    group.bench_function("snapshot of a listener", |bencher| {
        let viewer = Viewer::Participant(identity(FIRST_LISTENER));
        bencher.iter(|| black_box(full.room.snapshot(&viewer, full.now)));
    });
    group.bench_function("snapshot of the host", |bencher| {
        let viewer = Viewer::Participant(identity(0));
        bencher.iter(|| black_box(full.room.snapshot(&viewer, full.now)));
    });
    group.finish();
}

fn telling(criterion: &mut Criterion) {
    let mut full = Full::new();
    let (seq, event) = seat_event(full.act(FIRST_LISTENER, Act::SeatTake { seat: seat(GUESTS + 1) }));
    let mut group = criterion.benchmark_group("telling");
    group.bench_function("one event as text", |bencher| bencher.iter(|| black_box(server::event(seq, &event))));
    group.throughput(Throughput::Elements(PEOPLE as u64));
    group.bench_function("one event, written once, for 5,000 recipients", |bencher| {
        let mut recipients: Vec<Utf8Bytes> = Vec::with_capacity(PEOPLE);
        bencher.iter(|| {
            recipients.clear();
            let frame = Utf8Bytes::from(server::event(seq, &event));
            recipients.extend((0..PEOPLE).map(|_| frame.clone()));
            black_box(&recipients);
        });
    });
    group.finish();
}

fn timed<T>(work: impl FnOnce() -> T) -> Duration {
    let started = clock::now();
    let done = black_box(work());
    let took = clock::now().saturating_duration_since(started);
    drop(done);
    took
}

fn seat_event(outputs: Vec<Output>) -> (Option<u64>, Event) {
    for output in outputs {
        if let Output::Tell { seq, event: event @ Event::SeatChanged { .. }, .. } = output {
            return (seq, event);
        }
    }
    panic!("everyone is told of a seat that was taken")
}

fn raise() -> Act {
    Act::HandRaise { wanted_seat: None, mic_ready: true }
}

fn seat(index: usize) -> SeatIndex {
    SeatIndex::new(u8::try_from(index).unwrap()).unwrap()
}

fn session(number: usize) -> SessionId {
    SessionId::from_random((number as u128).to_be_bytes())
}

fn identity(number: usize) -> Identity {
    Identity::parse(&name(number)).unwrap()
}

fn name(number: usize) -> String {
    format!("participant-{number}")
}

const PEOPLE: usize = 5_000;
const GUESTS: usize = 5;
const FIRST_LISTENER: usize = GUESTS + 1;
/// Hands that are up all the time.
const HANDS: usize = 30;
const BETWEEN_ACTS: Duration = Duration::from_millis(10);

criterion_group!(benches, acts, telling);
criterion_main!(benches);
