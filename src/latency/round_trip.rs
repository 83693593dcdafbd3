//! A round trip between the server and one client, found in several ways, some better than others.
//!
//! Each source is smoothed by itself: the newest measurement counts a quarter, and one that is more than twice or less than half of what was
//! known must be seen twice, for a single late packet says nothing. The best source that is fresh is believed. One way takes half of it: for
//! paths that differ by direction this is wrong by half the difference, and no measurement from one end alone can know.

use std::time::{Duration, Instant};

/// How a round trip was found, the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Source {
    /// By receiver reports about our streams (RFC 3550 section 6.4.1).
    Reports,
    /// By extended reports (RFC 3611 sections 4.4 and 4.5).
    ReferenceTime,
    /// By the client's word.
    Client,
    /// By the flights of the DTLS handshake: once, and with the client's computing in it.
    Handshake,
}

impl Source {
    /// All of them, the best first.
    pub const ALL: [Self; 4] = [Self::Reports, Self::ReferenceTime, Self::Client, Self::Handshake];

    /// Its name on pages.
    pub fn label(self) -> &'static str {
        match self {
            Self::Reports => "receiver_reports",
            Self::ReferenceTime => "extended_reports",
            Self::Client => "client",
            Self::Handshake => "handshake",
        }
    }

    /// Whether the server measured it, by what it sent and what came back.
    fn is_measured(self) -> bool {
        match self {
            Self::Reports | Self::ReferenceTime | Self::Handshake => true,
            Self::Client => false,
        }
    }

    /// How old a measurement may be. Reports come every few seconds; a handshake comes once, and is all there is until one comes.
    fn age_max(self) -> Duration {
        match self {
            Self::Reports | Self::ReferenceTime | Self::Client => Duration::from_secs(20),
            Self::Handshake => Duration::from_secs(60),
        }
    }
}

/// What is known of one round trip.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RoundTrip {
    estimates: [Option<Estimate>; 4],
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Estimate {
    smoothed: Duration,
    at: Instant,
    /// A jump that has been seen once.
    jump: Option<Duration>,
}

impl RoundTrip {
    /// Takes a measurement. One that cannot be is dropped.
    pub fn measured(&mut self, sample: Duration, source: Source, now: Instant) {
        if sample > ROUND_TRIP_MAX {
            return;
        }
        let estimate = &mut self.estimates[source as usize];
        let fresh = Estimate { smoothed: sample, at: now, jump: None };
        match estimate {
            Some(known) if now.saturating_duration_since(known.at) <= source.age_max() => known.follow(sample, now),
            Some(_) | None => *estimate = Some(fresh),
        }
    }

    /// The best that is known and fresh.
    pub fn best(&self, now: Instant) -> Option<(Duration, Source)> {
        self.best_of(Source::ALL, now)
    }

    /// The best that is known and fresh without the client's word.
    pub fn measured_best(&self, now: Instant) -> Option<(Duration, Source)> {
        self.best_of(Source::ALL.into_iter().filter(|source| source.is_measured()), now)
    }

    fn best_of(&self, sources: impl IntoIterator<Item = Source>, now: Instant) -> Option<(Duration, Source)> {
        sources.into_iter().find_map(|source| {
            let estimate = self.estimates[source as usize]?;
            (now.saturating_duration_since(estimate.at) <= source.age_max()).then_some((estimate.smoothed, source))
        })
    }

    /// The best that is fresh, or the newest that was ever known: for what only leans on it.
    pub fn likely(&self, now: Instant) -> Option<Duration> {
        let newest = || self.estimates.iter().flatten().max_by_key(|estimate| estimate.at);
        self.best(now).map(|(round_trip, _)| round_trip).or_else(|| newest().map(|estimate| estimate.smoothed))
    }

    /// What one way takes, in milliseconds.
    pub fn one_way_ms(&self, now: Instant) -> Option<f64> {
        self.best(now).map(one_way)
    }

    /// The same without the client's word: what others are told of this way.
    pub fn measured_one_way_ms(&self, now: Instant) -> Option<f64> {
        self.measured_best(now).map(one_way)
    }
}

fn one_way((round_trip, _): (Duration, Source)) -> f64 {
    round_trip.as_secs_f64() * 500.0
}

impl Estimate {
    fn follow(&mut self, sample: Duration, now: Instant) {
        self.at = now;
        if !is_jump(self.smoothed, sample) {
            self.smoothed = (self.smoothed * 3 + sample) / 4;
            self.jump = None;
            return;
        }
        match self.jump.take() {
            // The second on the same side: the path has changed, and what was known before is of no use.
            Some(before) if (before > self.smoothed) == (sample > self.smoothed) => self.smoothed = sample,
            Some(_) | None => self.jump = Some(sample),
        }
    }
}

/// Within a local network everything jumps by factors, and nobody hears it.
fn is_jump(known: Duration, sample: Duration) -> bool {
    sample.abs_diff(known) > JUMP_MIN && (sample > known * 2 || sample * 2 < known)
}

/// What takes longer is a mistake: nobody would still be listening.
pub const ROUND_TRIP_MAX: Duration = Duration::from_secs(60);
const JUMP_MIN: Duration = Duration::from_millis(10);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn the_best_fresh_source_is_believed() {
        let now = crate::runtime::clock::now();
        let mut round_trip = RoundTrip::default();
        assert_eq!(round_trip.one_way_ms(now), None);
        round_trip.measured(ms(180), Source::Handshake, now);
        assert_eq!(round_trip.one_way_ms(now), Some(90.0));
        round_trip.measured(ms(140), Source::Client, now);
        round_trip.measured(ms(100), Source::Reports, now);
        assert_eq!(round_trip.best(now), Some((ms(100), Source::Reports)));
        round_trip.measured(ms(141), Source::Client, now + ms(19_000));
        let later = now + ms(20_001);
        assert_eq!(round_trip.best(later).map(|(_, source)| source), Some(Source::Client), "reports are too old");
        assert_eq!(round_trip.measured_one_way_ms(later), Some(90.0), "the client's word is left out");
        assert_eq!(round_trip.best(now + ms(40_000)).map(|(_, source)| source), Some(Source::Handshake));
        assert_eq!(round_trip.best(now + ms(90_000)), None);
    }

    #[test]
    fn a_jump_must_be_seen_twice() {
        let mut now = crate::runtime::clock::now();
        let mut round_trip = RoundTrip::default();
        let mut measure = |millis| {
            now += ms(1_000);
            round_trip.measured(ms(millis), Source::Reports, now);
            round_trip.best(now).map(|(best, _)| best)
        };
        assert_eq!(measure(100), Some(ms(100)));
        assert_eq!(measure(140), Some(ms(110)), "the newest counts a quarter");
        assert_eq!(measure(900), Some(ms(110)), "once is no news");
        assert_eq!(measure(110), Some(ms(110)));
        assert_eq!(measure(900), Some(ms(110)));
        assert_eq!(measure(600), Some(ms(600)), "twice is");
        assert_eq!(measure(90), Some(ms(600)));
        assert_eq!(measure(1_500), Some(ms(600)), "a jump to the other side is not the same one");
        assert_eq!(measure(90), Some(ms(600)));
        assert_eq!(measure(92), Some(ms(92)));
    }

    proptest! {
        #[test]
        fn an_estimate_stays_within_what_was_measured(samples in proptest::collection::vec(0u64..90_000, 1..50)) {
            let mut now = crate::runtime::clock::now();
            let mut round_trip = RoundTrip::default();
            let (mut least, mut most) = (u64::MAX, 0);
            for sample in samples {
                now += ms(500);
                round_trip.measured(ms(sample), Source::Reports, now);
                if sample <= 60_000 {
                    (least, most) = (least.min(sample), most.max(sample));
                }
            }
            // Only nonsense at the end lets the last good measurement grow old. (The quarter is cut to whole nanoseconds.)
            if let Some((best, _)) = round_trip.best(now) {
                prop_assert!(best + ms(1) >= ms(least) && best <= ms(most));
            }
        }
    }
}
