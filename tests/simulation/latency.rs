//! Delays that are known against what the monitor's book makes of them: it sees only what the engine tells.
//!
//! Of a delay from mouth to ear the ways are real here, simulated to the microsecond; framing, jitter buffer and devices are what is told or
//! agreed on, and the server takes no time.

use std::time::{Duration, Instant};

use podium::engine::event::{Event, LinkSample, RoundTripSource};
use podium::latency::book::{Book, News, Report, Sample, Seated, Side, State};
use podium::latency::class::{Class, Edges};
use podium::latency::delay::{DEVICE_MS, JITTER_BUFFER_MIN_MS, LOOK_AHEAD_MS, Term};
use podium::latency::quality::{Link, Quality};
use podium::latency::round_trip::Source;
use podium_signaling::room::Act;

use crate::world::network::Weather;
use crate::world::{Who, World, host, listener, seat};
use crate::{ms, secs};

#[test]
fn for_symmetric_ways_the_estimate_is_within_thirty_milliseconds_of_the_truth() {
    for (number, (speaker, hearer)) in
        [(0, 0), (5, 20), (40, 40), (75, 10), (10, 150), (150, 150), (300, 5), (250, 300), (300, 300)]
            .into_iter()
            .enumerate()
    {
        let mut stage = Watched::new(number as u64, Weather::clear(ms(speaker)), Weather::clear(ms(hearer)));
        stage.run(12);
        // She hears nobody: what is known of her is how late her voice leaves the server.
        let truths = [(ADA, speaker as f64 + SPOKEN_MS), (BEN, (speaker + hearer) as f64 + FIXED_MS)];
        for (who, truth) in truths {
            let state = stage.state(who);
            let error = state.delay.total_ms() - truth;
            assert!(error.abs() <= 30.0, "{speaker} + {hearer} ms: {error} ms off, {state:?}");
            // Reports have been there for a while, so it is better than it must be.
            assert!(error.abs() <= 3.0, "{speaker} + {hearer} ms: {error} ms off, {state:?}");
            assert_eq!(state.delay.estimated, who == ADA);
        }
        assert_eq!((stage.state(ADA).side, stage.state(BEN).side), (Side::Speaking, Side::Hearing));
    }
}

#[test]
fn jitter_on_the_way_moves_the_estimate_by_less_than_it_is_worth() {
    let windy = Weather { jitter: ms(30), ..Weather::clear(ms(80)) };
    let mut stage = Watched::new(20, windy, windy);
    stage.run(30);
    // Half of the jitter, on average, on each way.
    let error = stage.state(BEN).delay.total_ms() - (190.0 + FIXED_MS);
    assert!(error.abs() <= 30.0, "{error}");
}

#[test]
fn for_asymmetric_ways_the_error_is_half_the_difference_and_can_be_foretold() {
    for (number, (up, down)) in [(200, 20), (20, 200), (150, 100)].into_iter().enumerate() {
        let lopsided = Weather::clear(ms(up));
        let mut stage = Watched::new(30 + number as u64, lopsided, Weather::clear(ms(30)));
        stage.world.end(ADA).down = Weather::clear(ms(down));
        stage.run(30);
        let truth = up as f64 + 30.0 + FIXED_MS;
        let error = stage.state(BEN).delay.total_ms() - truth;
        let foretold = (down as f64 - up as f64) / 2.0;
        assert!((error - foretold).abs() <= 3.0, "up {up}, down {down}: {error} ms off, and not {foretold}");
    }
}

#[test]
fn a_listener_who_never_reports_has_the_documented_guess_and_it_says_so() {
    let mut stage = Watched::silent(40, Weather::clear(ms(40)), Weather::clear(ms(60)));
    stage.run(12);
    let state = stage.state(BEN);
    assert!(state.delay.estimated);
    assert!((state.delay.term(Term::JitterBuffer) - JITTER_BUFFER_MIN_MS).abs() < 1e-6, "{state:?}");
    let error = state.delay.total_ms() - (100.0 + JITTER_BUFFER_MIN_MS + 20.0 + LOOK_AHEAD_MS + DEVICE_MS);
    assert!(error.abs() <= 3.0, "{error}");
    // An uneven way needs a longer buffer, told or not.
    stage.world.end(BEN).down = Weather { jitter: ms(120), ..Weather::clear(ms(60)) };
    stage.run(60);
    assert!(stage.state(BEN).delay.term(Term::JitterBuffer) > 80.0, "{:?}", stage.state(BEN));
}

#[test]
fn a_way_that_grows_long_lags_and_is_told_once_each_way() {
    let mut stage = Watched::new(50, Weather::clear(ms(20)), Weather::clear(ms(20)));
    stage.run(15);
    assert_eq!(stage.classes(BEN), [Class::Natural]);
    stage.world.weather(ADA, Weather::clear(ms(400)));
    let changed = stage.now();
    stage.run(40);
    assert_eq!(stage.classes(BEN), [Class::Natural, Class::Laggy]);
    assert_eq!(stage.state(BEN).delay.dominant(), Term::Uplink);
    assert_eq!(stage.state(ADA).side, Side::Speaking);
    let lagging = stage.first(|news| matches!(news, News::Lags { key, .. } if *key == stage.key(ADA)));
    let after = lagging.expect("flagged") - changed;
    // Two reports, each every few seconds, show the new way; then it must stay so for 3 s.
    assert!((secs(3)..=secs(16)).contains(&after), "{after:?}");
    stage.world.weather(ADA, Weather::clear(ms(20)));
    stage.run(40);
    assert_eq!(stage.classes(BEN), [Class::Natural, Class::Laggy, Class::Natural]);
    assert!(stage.first(|news| matches!(news, News::LagsNoMore { .. })).is_some());
}

#[test]
fn a_way_that_loses_a_tenth_is_poor_and_one_that_is_dark_is_lost() {
    let mut stage = Watched::new(60, Weather::clear(ms(20)), Weather::clear(ms(20)));
    stage.run(20);
    assert_eq!(stage.quality(BEN), Some(Quality::Excellent));
    stage.world.end(BEN).down = Weather { lost: 150, ..Weather::clear(ms(20)) };
    stage.run(40);
    assert_eq!(stage.quality(BEN), Some(Quality::Poor));
    assert_eq!(stage.quality(ADA), Some(Quality::Excellent), "it is not her way");
    stage.world.weather(BEN, Weather::dark());
    stage.run(12);
    assert_eq!(stage.quality(BEN), Some(Quality::Lost));
    stage.world.weather(BEN, Weather::clear(ms(20)));
    stage.run(40);
    assert_eq!(stage.quality(BEN), Some(Quality::Excellent));
}

/// Ada speaks on stage, Ben listens, and the book is told what the engine tells.
struct Watched {
    world: World,
    book: Book,
    seen: usize,
    told: Vec<(Instant, News)>,
    reports: bool,
}

const ADA: Who = Who(0);
const BEN: Who = Who(1);
const ROOM: u64 = 1;
/// What Ben's client says of its jitter buffer.
const BUFFER: Duration = ms(60);
/// A packet, the encoder, the buffer, the devices.
const FIXED_MS: f64 = 20.0 + LOOK_AHEAD_MS + 60.0 + DEVICE_MS;
/// The same at an ear beside the server, whose buffer nobody tells of.
const SPOKEN_MS: f64 = 20.0 + LOOK_AHEAD_MS + JITTER_BUFFER_MIN_MS + DEVICE_MS;

impl Watched {
    fn new(seed: u64, ada: Weather, ben: Weather) -> Self {
        Self { reports: true, ..Self::silent(seed, ada, ben) }
    }

    fn silent(seed: u64, ada: Weather, ben: Weather) -> Self {
        let mut world = World::new(seed);
        assert_eq!(world.join(host("ada").weather(ada)), ADA);
        world.act(ADA, Act::SeatTake { seat: seat(0) }).unwrap();
        world.speak(ADA, 30);
        assert_eq!(world.join(listener("ben").weather(ben)), BEN);
        let mut book = Book::new(Edges::default());
        for who in [ADA, BEN] {
            book.enter(world.person(who).transport.0, ROOM, 0, false);
        }
        Self { world, book, seen: 0, told: Vec::new(), reports: false }
    }

    fn run(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.world.run(secs(1));
            let now = self.world.now;
            let plan = self.world.past_plans.last().expect("a plan");
            let seated =
                |seat: &podium::engine::command::PlannedSeat| Seated { key: seat.transport.0, csrc: seat.csrc.0.get() };
            self.book.seat(ROOM, plan.seats.iter().map(seated).collect());
            let events: Vec<_> = self.world.events[self.seen..].to_vec();
            self.seen = self.world.events.len();
            for (at, event) in events {
                self.hear(&event, at);
            }
            if self.reports {
                let key = self.key(BEN);
                self.book.reported(key, &Report { jitter_buffer: Some(BUFFER), ..Report::default() }, now);
            }
            self.told.extend(self.book.look_at(ROOM, &[0.0], now).news.into_iter().map(|news| (now, news)));
        }
    }

    fn hear(&mut self, event: &Event, at: Instant) {
        let news = match event {
            Event::Measured { transport, sample } => {
                let link = |link: LinkSample| Link { loss: f64::from(link.loss), jitter: link.jitter };
                let source = |source| match source {
                    RoundTripSource::Handshake => Source::Handshake,
                    RoundTripSource::Reports => Source::Reports,
                    RoundTripSource::ReferenceTime => Source::ReferenceTime,
                };
                let sample = Sample {
                    round_trip: sample.round_trip.map(|(round_trip, by)| (round_trip, source(by))),
                    up: sample.uplink.map(link),
                    down: sample.downlink.map(link),
                    frame: sample.frame,
                };
                self.book.measured(transport.0, &sample, at)
            }
            Event::Slots { transport, slots } => {
                self.book.hears(transport.0, slots.iter().map(|slot| slot.csrc.0.get()).collect());
                None
            }
            Event::Interrupted { transport } => self.book.interrupted(transport.0, true, at),
            Event::Restored { transport } => self.book.interrupted(transport.0, false, at),
            Event::Stage { .. }
            | Event::JoinEnded { .. }
            | Event::TrackLive { .. }
            | Event::Closed { .. }
            | Event::GateOpened { .. }
            | Event::OnMic { .. }
            | Event::Interruption { .. }
            | Event::Speakers { .. }
            | Event::Unheard { .. } => None,
        };
        self.told.extend(news.map(|news| (at, news)));
    }

    fn now(&self) -> Instant {
        self.world.now
    }

    fn key(&self, who: Who) -> u64 {
        self.world.person(who).transport.0
    }

    fn state(&self, who: Who) -> State {
        let person = self.book.person(self.key(who), self.now()).expect("in the book");
        person.state.expect("a delay that is known")
    }

    fn quality(&self, who: Who) -> Option<Quality> {
        self.book.person(self.key(who), self.now()).expect("in the book").quality
    }

    /// The classes that someone was told, each once in a row.
    fn classes(&self, who: Who) -> Vec<Class> {
        let told = self.told.iter().filter_map(|(_, news)| match news {
            News::Delay { key, state: Some(state) } if *key == self.key(who) => Some(state.class),
            News::Delay { .. } | News::Quality { .. } | News::Lags { .. } | News::LagsNoMore { .. } => None,
        });
        let mut classes: Vec<Class> = told.collect();
        classes.dedup();
        classes
    }

    fn first(&self, is_it: impl Fn(&News) -> bool) -> Option<Instant> {
        self.told.iter().find(|(_, news)| is_it(news)).map(|(at, _)| *at)
    }
}
