//! A window keeps what was measured of late, so that a percentile of it costs a few hundred additions and no sorting.
//!
//! Values lie in buckets each a ninth wider than the one before, and buckets in slices of time: what is older than the window falls out a slice at a
//! time. A percentile is the upper edge of its bucket, so it is never told too low, and by at most a ninth too high.

use std::time::{Duration, Instant};

use super::histogram::Histogram;

/// Durations of the last while.
#[derive(Clone, Debug)]
pub struct Window {
    slice: Duration,
    slices: [Slice; SLICES],
    /// Which slice is being filled, and since when.
    current: usize,
    since: Option<Instant>,
}

#[derive(Clone, Debug)]
struct Slice {
    buckets: [u32; BUCKETS],
    count: u64,
    greatest: Duration,
}

impl Window {
    /// An empty window of this length.
    pub fn new(length: Duration) -> Self {
        let empty = Slice { buckets: [0; BUCKETS], count: 0, greatest: Duration::ZERO };
        let slices = std::array::from_fn(|_| empty.clone());
        Self { slice: length / SLICES as u32, slices, current: 0, since: None }
    }

    /// Keeps one measurement.
    pub fn record(&mut self, duration: Duration, now: Instant) {
        self.advance(now);
        let slice = &mut self.slices[self.current];
        let bucket = &mut slice.buckets[bucket_of(duration)];
        *bucket = bucket.saturating_add(1);
        slice.count += 1;
        slice.greatest = slice.greatest.max(duration);
    }

    /// Lets go of what is too old. Told before it is asked.
    pub fn advance(&mut self, now: Instant) {
        let since = *self.since.get_or_insert(now);
        let passed = now.saturating_duration_since(since).as_nanos() / self.slice.as_nanos().max(1);
        for _ in 0..passed.min(SLICES as u128) {
            self.current = (self.current + 1) % SLICES;
            let slice = &mut self.slices[self.current];
            if slice.count > 0 {
                *slice = Slice { buckets: [0; BUCKETS], count: 0, greatest: Duration::ZERO };
            }
        }
        if passed > 0 {
            let whole = u32::try_from(passed).unwrap_or(u32::MAX);
            self.since = Some(since.checked_add(self.slice.saturating_mul(whole)).unwrap_or(now).min(now));
        }
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.slices.iter().map(|slice| slice.count).sum()
    }

    /// The value that this share of them (0 to 1) does not exceed. None if there are none.
    pub fn percentile(&self, share: f64) -> Option<Duration> {
        let count = self.count();
        if count == 0 {
            return None;
        }
        let wanted = ((count as f64 * share).ceil() as u64).clamp(1, count);
        let mut seen = 0;
        for bucket in 0..BUCKETS {
            seen += self.slices.iter().map(|slice| u64::from(slice.buckets[bucket])).sum::<u64>();
            if seen >= wanted {
                return Some(edge_of(bucket).min(self.greatest()));
            }
        }
        Some(self.greatest())
    }

    fn greatest(&self) -> Duration {
        self.slices.iter().map(|slice| slice.greatest).max().unwrap_or_default()
    }
}

/// What a histogram that only ever grows has gained within a while.
#[derive(Clone, Debug)]
pub struct Gained {
    length: Duration,
    /// As it was, the oldest first: the first is at least as old as the window, if anything is.
    past: std::collections::VecDeque<(Instant, Histogram)>,
}

impl Gained {
    /// Nothing yet.
    pub fn new(length: Duration) -> Self {
        Self { length, past: std::collections::VecDeque::new() }
    }

    /// Takes the histogram as it is now and tells what it has gained within the window. Called about once a second.
    pub fn advance(&mut self, histogram: &Histogram, now: Instant) -> Histogram {
        let is_old = |at: &Instant| now.saturating_duration_since(*at) >= self.length;
        while self.past.get(1).is_some_and(|(at, _)| is_old(at)) || self.past.len() >= PAST_MAX {
            self.past.pop_front();
        }
        let gained = match self.past.front() {
            Some((_, before)) => histogram.since(before),
            None => histogram.clone(),
        };
        self.past.push_back((now, histogram.clone()));
        gained
    }
}

fn bucket_of(duration: Duration) -> usize {
    let micros = duration.as_nanos() as f64 / 1e3;
    if micros <= LEAST_MICROS {
        return 0;
    }
    let bucket = ((micros / LEAST_MICROS).ln() / STEP.ln()).ceil();
    (bucket as usize).min(BUCKETS - 1)
}

fn edge_of(bucket: usize) -> Duration {
    Duration::from_secs_f64(LEAST_MICROS * STEP.powi(i32::try_from(bucket).unwrap_or(i32::MAX)) / 1e6)
}

/// A window loses a tenth of itself at a time.
const SLICES: usize = 10;
/// From 10 µs, in steps of a ninth, to beyond a minute.
const BUCKETS: usize = 150;
const LEAST_MICROS: f64 = 10.0;
const STEP: f64 = 10.0 / 9.0;
/// States of a histogram kept at most, if someone asks more often than once a second.
const PAST_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latency::histogram::TRANSIT_EDGES;
    use proptest::prelude::*;

    fn start() -> Instant {
        crate::runtime::clock::now()
    }

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn what_is_older_than_the_window_no_longer_counts() {
        let now = start();
        let mut window = Window::new(ms(10_000));
        assert_eq!(window.percentile(0.5), None);
        window.record(ms(900), now);
        window.record(ms(10), now + ms(5_000));
        assert_eq!((window.count(), window.percentile(1.0)), (2, Some(ms(900))));
        window.advance(now + ms(10_500));
        assert_eq!(window.count(), 1);
        assert!(window.percentile(0.95).is_some_and(|value| value == ms(10)), "the greatest there is");
        window.advance(now + ms(60_000));
        assert_eq!(window.percentile(0.5), None);
        window.record(ms(7), now + ms(60_000));
        assert_eq!(window.count(), 1);
    }

    #[test]
    fn a_growing_histogram_is_seen_by_what_it_gained() {
        let now = start();
        let mut grown = Histogram::new(TRANSIT_EDGES);
        let mut gained = Gained::new(ms(10_000));
        grown.record(ms(400));
        gained.advance(&grown, now);
        for second in 1..=30u64 {
            grown.record(Duration::from_micros(40));
            let window = gained.advance(&grown, now + ms(second * 1_000));
            assert_eq!(window.count(), second.min(10));
            assert!(window.percentile(0.95).is_some_and(|value| value <= Duration::from_micros(50)));
        }
    }

    proptest! {
        #[test]
        fn a_percentile_is_never_too_low_and_at_most_a_ninth_too_high(
            mut micros in proptest::collection::vec(10u64..60_000_000, 1..200), share in 0.01f64..1.0,
        ) {
            let now = start();
            let mut window = Window::new(ms(10_000));
            for value in &micros {
                window.record(Duration::from_micros(*value), now);
            }
            micros.sort_unstable();
            let rank = ((micros.len() as f64 * share).ceil() as usize).clamp(1, micros.len());
            let exact = micros[rank - 1] as f64;
            let told = window.percentile(share).expect("there are some").as_secs_f64() * 1e6;
            prop_assert!(told >= exact * 0.999 && told <= exact * 1.12 + 1.0, "{told} for {exact}");
        }
    }
}
