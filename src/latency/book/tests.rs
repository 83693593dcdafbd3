//! Stories of a few people whose delays are known, told a second at a time.

use proptest::prelude::*;

use super::*;
use crate::latency::class::WORSE_AFTER;

const ROOM: u64 = 1;
const ADA: u64 = 11;
const BEN: u64 = 12;
const CLEO: u64 = 13;

struct Trial {
    book: Book,
    now: Instant,
    /// What is measured of everyone once a second.
    round_trips: HashMap<u64, u64>,
}

impl Trial {
    /// Ada and Ben on stage, Cleo listens; everyone hears everyone else, and every round trip is 60 ms.
    fn new() -> Self {
        let mut trial =
            Self { book: Book::new(Edges::default()), now: crate::runtime::clock::now(), round_trips: HashMap::new() };
        for key in [ADA, BEN, CLEO] {
            trial.book.enter(key, ROOM, 0, false);
            trial.round_trip(key, 60);
        }
        trial.book.seat(ROOM, vec![Seated { key: ADA, csrc: 1 }, Seated { key: BEN, csrc: 2 }]);
        trial.book.hears(ADA, vec![2]);
        trial.book.hears(BEN, vec![1]);
        trial.book.hears(CLEO, vec![1, 2]);
        trial
    }

    fn round_trip(&mut self, key: u64, millis: u64) -> Option<News> {
        self.round_trips.insert(key, millis);
        let sample = Sample { round_trip: Some((ms(millis), Source::Reports)), ..Sample::default() };
        self.book.measured(key, &sample, self.now)
    }

    /// What is told within so many seconds, and after how many each.
    fn run(&mut self, seconds: u64) -> Vec<(u64, News)> {
        let mut told = Vec::new();
        for second in 1..=seconds {
            self.now += ms(1_000);
            for (key, millis) in self.round_trips.clone() {
                self.round_trip(key, millis);
            }
            let mut news = self.book.look_at(ROOM, &[1.0], self.now).news;
            news.sort_by_key(|news| match news {
                News::Delay { key, .. }
                | News::Quality { key, .. }
                | News::Lags { key, .. }
                | News::LagsNoMore { key, .. } => *key,
            });
            told.extend(news.into_iter().map(|news| (second, news)));
        }
        told
    }

    fn state(&self, key: u64) -> State {
        self.book.person(key, self.now).expect("there").state.expect("known")
    }
}

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// What everyone has whose round trips are 60 ms: two ways, a packet, the server, a guessed buffer, devices.
const USUAL_MS: f64 = 30.0 + 26.5 + 1.0 + 30.0 + 40.0 + 40.0;
/// The same without the way from the server to a listener.
const SPOKEN_MS: f64 = USUAL_MS - 30.0;

#[test]
fn everyone_is_told_their_delay_once_it_is_settled_and_then_nothing() {
    let mut trial = Trial::new();
    let told = trial.run(10);
    assert_eq!(told.len(), 3, "{told:?}");
    for (second, news) in told {
        assert_eq!(second, 1 + WORSE_AFTER.as_secs());
        let News::Delay { state: Some(state), .. } = news else { panic!("{news:?}") };
        assert!((state.delay.total_ms() - USUAL_MS).abs() < 1e-9 && state.delay.estimated);
        assert_eq!((state.class, state.delay.dominant()), (Class::Natural, Term::JitterBuffer));
    }
}

#[test]
fn a_report_of_the_jitter_buffer_takes_the_place_of_the_guess_until_it_is_old() {
    let mut trial = Trial::new();
    trial.run(5);
    let report = Report { jitter_buffer: Some(ms(140)), device: Some(ms(60)), round_trip: None };
    trial.book.reported(CLEO, &report, trial.now);
    let told = trial.run(4);
    assert!(matches!(told[..], [(1, News::Delay { key: CLEO, state: Some(_) }), ..]), "{told:?}");
    let state = trial.state(CLEO);
    assert!((state.delay.total_ms() - (USUAL_MS + 100.0 + 10.0)).abs() < 1e-9, "{state:?}");
    assert!(!state.delay.estimated);
    trial.run(31);
    assert!(trial.state(CLEO).delay.estimated, "what was said half a minute ago is no longer known");
}

#[test]
fn a_speaker_far_away_lags_for_everyone_and_is_flagged_once() {
    let mut trial = Trial::new();
    trial.run(5);
    for _ in 0..2 {
        trial.round_trip(ADA, 900);
    }
    let told = trial.run(4);
    let lags: Vec<_> = told.iter().filter(|(_, news)| matches!(news, News::Lags { .. })).collect();
    let [(4, News::Lags { key: ADA, state: ada })] = lags[..] else { panic!("{told:?}") };
    assert_eq!((ada.class, ada.delay.dominant()), (Class::Laggy, Term::Downlink), "she hears Ben by her own long way");
    assert_eq!(trial.state(CLEO).delay.dominant(), Term::Uplink);
    assert_eq!((trial.state(BEN).side, trial.state(BEN).class), (Side::Hearing, Class::Laggy));
    assert!(!trial.state(BEN).is_own(), "it is not he who lags");
    assert!(trial.run(10).iter().all(|(_, news)| !matches!(news, News::Lags { .. })));
    for key in [ADA, ADA] {
        trial.round_trip(key, 60);
    }
    let told = trial.run(10);
    let back: Vec<_> =
        told.iter().filter(|(_, news)| matches!(news, News::LagsNoMore { .. })).map(|(at, _)| *at).collect();
    assert_eq!(back, [6], "5 s well below the edge");
}

#[test]
fn a_speaking_side_is_what_was_measured_of_the_speaker_whoever_listens() {
    let mut trial = Trial::new();
    trial.book.hears(ADA, Vec::new());
    trial.run(5);
    let ada = trial.state(ADA);
    assert_eq!(ada.side, Side::Speaking);
    assert!((ada.delay.total_ms() - SPOKEN_MS).abs() < 1e-9, "{ada:?}");
    // All who hear her are far away, by whatever they send: they lag, and she does not.
    for key in [BEN, CLEO] {
        let _ = [trial.round_trip(key, 2_000), trial.round_trip(key, 2_000)];
        let uneven = Link { loss: 0.3, jitter: ms(5_000) };
        trial.book.measured(key, &Sample { down: Some(uneven), ..Sample::default() }, trial.now);
    }
    trial.run(5);
    assert!((trial.state(ADA).delay.total_ms() - SPOKEN_MS).abs() < 1e-9);
    assert_eq!([ADA, BEN, CLEO].map(|key| trial.state(key).class), [Class::Natural, Class::Laggy, Class::Laggy]);
}

#[test]
fn a_client_that_lies_about_itself_moves_nothing_but_what_it_is_told() {
    let told = |trial: &Trial| {
        let others = [ADA, BEN].map(|key| trial.book.person(key, trial.now));
        (others, trial.book.summary(ROOM).and_then(|room| room.mouth_to_ear_ms))
    };
    let lie = Report { round_trip: Some(ms(60_000)), jitter_buffer: Some(ms(60_000)), device: Some(ms(60_000)) };
    for liars in [vec![CLEO], vec![CLEO, 14, 15, 16]] {
        let mut trial = Trial::new();
        for &key in &liars {
            trial.book.enter(key, ROOM, 0, false);
            trial.round_trip(key, 60);
            trial.book.hears(key, vec![1, 2]);
        }
        trial.run(6);
        let before = told(&trial);
        for _ in 0..10 {
            liars.iter().for_each(|key| trial.book.reported(*key, &lie, trial.now));
            let news = trial.run(1);
            let liars = &liars;
            let is_theirs = |news: &News| matches!(news, News::Delay { key, .. } if liars.contains(key));
            assert!(news.iter().all(|(_, news)| is_theirs(news)), "{news:?}");
        }
        assert_eq!(told(&trial), before);
        assert_eq!(trial.state(CLEO).class, Class::Laggy, "believed for itself");
    }
    // And a liar on stage is heard as before.
    let mut trial = Trial::new();
    trial.run(6);
    let before = trial.book.person(CLEO, trial.now);
    for _ in 0..10 {
        trial.book.reported(ADA, &lie, trial.now);
        trial.run(1);
    }
    assert_eq!(trial.book.person(CLEO, trial.now), before);
}

#[test]
fn who_is_hidden_hears_and_nobody_can_tell() {
    const GHOST: u64 = 14;
    let mut trial = Trial::new();
    for key in [BEN, CLEO] {
        trial.book.leave(key);
        trial.round_trips.remove(&key);
    }
    trial.book.enter(GHOST, ROOM, 0, true);
    trial.round_trip(GHOST, 600);
    trial.book.hears(GHOST, vec![1]);
    let told = trial.run(10);
    assert!(matches!(told[..], [(_, News::Delay { key: GHOST, state: Some(_) })]), "only the ghost is told: {told:?}");
    let alone = RoomSummary { people: 1, ..RoomSummary::default() };
    assert_eq!(trial.book.summary(ROOM), Some(&alone), "who runs the room sees none of it either");

    trial.book.enter(CLEO, ROOM, 0, false);
    trial.round_trip(CLEO, 60);
    trial.book.hears(CLEO, vec![1]);
    trial.run(5);
    assert!((trial.state(ADA).delay.total_ms() - SPOKEN_MS).abs() < 1e-9, "Cleo hears her");
    let usual = USUAL_MS.round() as u32;
    let both = RoomSummary { people: 2, classes: [2, 0, 0], mouth_to_ear_ms: Some([usual; 3]) };
    assert_eq!(trial.book.summary(ROOM), Some(&both));
}

#[test]
fn who_leaves_the_stage_lagging_is_unflagged() {
    let mut trial = Trial::new();
    for _ in 0..2 {
        trial.round_trip(ADA, 900);
    }
    trial.run(6);
    trial.book.seat(ROOM, vec![Seated { key: BEN, csrc: 2 }]);
    let told = trial.run(1);
    assert!(
        told.iter().any(|(_, news)| matches!(news, News::LagsNoMore { key: ADA, ms, .. } if *ms > 500.0)),
        "{told:?}"
    );
    trial.book.seat(ROOM, vec![Seated { key: ADA, csrc: 1 }, Seated { key: BEN, csrc: 2 }]);
    trial.run(1);
    let left = trial.book.leave(ADA);
    assert!(matches!(left, Some(News::LagsNoMore { key: ADA, .. })), "{left:?}");
}

#[test]
fn a_flag_goes_when_it_is_another_who_lags() {
    let mut trial = Trial::new();
    for _ in 0..2 {
        trial.round_trip(ADA, 900);
    }
    trial.run(6);
    for _ in 0..2 {
        trial.round_trip(ADA, 60);
        trial.round_trip(BEN, 900);
    }
    let told = trial.run(10);
    let flags: Vec<_> = told
        .iter()
        .filter_map(|(at, news)| match news {
            News::Lags { key, .. } => Some((*at, *key, true)),
            News::LagsNoMore { key, .. } => Some((*at, *key, false)),
            News::Delay { .. } | News::Quality { .. } => None,
        })
        .collect();
    assert_eq!(flags, [(1, BEN, true), (6, ADA, false)]);
    assert_eq!(trial.state(ADA).class, Class::Laggy, "she hears him late, but it is not her doing");
}

#[test]
fn two_terms_that_are_about_equal_do_not_take_turns() {
    let mut trial = Trial::new();
    trial.run(5);
    let mut report = |buffer| {
        trial.book.reported(CLEO, &Report { jitter_buffer: Some(ms(buffer)), ..Report::default() }, trial.now);
        trial.run(3)
    };
    report(44);
    for _ in 0..5 {
        assert_eq!([report(38), report(42)], [Vec::new(), Vec::new()]);
    }
    assert!(!report(34).is_empty(), "the devices' 40 ms are more by enough");
}

#[test]
fn who_has_no_round_trip_has_a_quality_all_the_same() {
    let mut book = Book::new(Edges::default());
    let now = crate::runtime::clock::now();
    book.enter(ADA, ROOM, 0, false);
    let lossy = Sample { up: Some(Link { loss: 0.2, jitter: ms(0) }), ..Sample::default() };
    assert_eq!(book.measured(ADA, &lossy, now), Some(News::Quality { key: ADA, quality: Quality::Poor }));
    book.enter(BEN, ROOM, 0, false);
    let far = Sample { round_trip: Some((ms(300), Source::Reports)), ..Sample::default() };
    book.measured(BEN, &far, now);
    let later = now + ms(120_000);
    let fine = Sample { up: Some(Link { loss: 0.0, jitter: ms(0) }), ..Sample::default() };
    assert_eq!(book.measured(BEN, &fine, later), Some(News::Quality { key: BEN, quality: Quality::Good }));
    assert_eq!(book.interrupted(ADA, true, now), Some(News::Quality { key: ADA, quality: Quality::Lost }));
    assert_eq!(book.interrupted(ADA, false, now), Some(News::Quality { key: ADA, quality: Quality::Poor }));
}

#[test]
fn a_delay_ends_when_nobody_is_heard_and_not_between_two_voices() {
    let mut trial = Trial::new();
    trial.run(6);
    trial.book.hears(CLEO, Vec::new());
    assert!(trial.run(2).is_empty());
    trial.book.hears(CLEO, vec![2]);
    assert!(trial.run(5).is_empty());
    trial.book.hears(CLEO, Vec::new());
    assert_eq!(trial.run(10), [(4, News::Delay { key: CLEO, state: None })]);
}

#[test]
fn news_come_at_most_every_two_seconds() {
    let mut trial = Trial::new();
    trial.run(5);
    let mut told = Vec::new();
    for second in 0..30 {
        let report = Report { jitter_buffer: Some(ms(if second % 2 == 0 { 50 } else { 120 })), ..Report::default() };
        trial.book.reported(CLEO, &report, trial.now);
        told.extend(trial.run(1));
    }
    assert!((10..=15).contains(&told.len()), "{}", told.len());
}

#[test]
fn strangers_and_their_rooms_are_no_news() {
    let mut trial = Trial::new();
    assert_eq!(trial.round_trip(99, 10), None);
    trial.book.hears(99, vec![1]);
    trial.book.reported(99, &Report::default(), trial.now);
    assert_eq!(trial.book.leave(99), None);
    assert_eq!(trial.book.look_at(7, &[], trial.now), Look::default());
    assert!(trial.book.is_idle(7) && !trial.book.is_idle(ROOM));
    let mut there = trial.book.in_room(ROOM);
    there.sort_unstable();
    assert_eq!(there, [ADA, BEN, CLEO]);
    trial.book.close_room(ROOM);
    assert_eq!(trial.book.totals(), ([0; 3], [0; 4]));
}

#[test]
fn a_look_at_five_thousand_listeners_is_a_small_part_of_a_second() {
    let mut trial = Trial::new();
    for key in 100..5_100 {
        trial.book.enter(key, ROOM, 0, false);
        trial.round_trip(key, 50);
        trial.book.hears(key, vec![1, 2]);
    }
    let start = crate::runtime::clock::thread_cpu();
    trial.run(10);
    let each = (crate::runtime::clock::thread_cpu() - start) / 10;
    // Unoptimised, on a machine that has other things to do: what this thread has computed counts, not how long it waited.
    assert!(each < ms(500), "{each:?}");
    assert_eq!(trial.book.summary(ROOM).map(|room| room.people), Some(5_003));
}

proptest! {
    #[test]
    fn whatever_is_told_every_state_is_a_number(
        facts in proptest::collection::vec((0u64..6, 0u64..5, any::<u32>(), 0.0f32..1.0), 1..200),
    ) {
        let mut trial = Trial::new();
        for (who, what, number, share) in facts {
            let key = ADA + who;
            let span = Duration::from_micros(u64::from(number));
            match what {
                0 => {
                    trial.book.enter(key, ROOM, (number % 3) as u16, false);
                }
                1 => {
                    let link = Link { loss: f64::from(share), jitter: span };
                    let sample = Sample {
                        round_trip: Some((span, Source::ALL[(number % 4) as usize])),
                        up: Some(link),
                        down: Some(link),
                        frame: Some(span),
                    };
                    trial.book.measured(key, &sample, trial.now);
                }
                2 => trial.book.hears(key, vec![number % 4, number % 3]),
                3 => {
                    let report = Report { round_trip: Some(span), jitter_buffer: Some(span), device: Some(span) };
                    trial.book.reported(key, &report, trial.now);
                }
                _ => {
                    trial.book.leave(key);
                }
            }
            for (_, news) in trial.run(u64::from(number % 3)) {
                if let News::Delay { state: Some(state), .. } = news {
                    let total = state.delay.total_ms();
                    prop_assert!(total.is_finite() && total >= 0.0);
                }
            }
        }
    }
}
