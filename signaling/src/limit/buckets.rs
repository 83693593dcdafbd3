//! Buckets: a pace for each of many keys, within a bound.
//!
//! A bucket is forgotten only when it is full again, so forgetting gives nothing away. When too many are not full, newcomers share one bucket: they
//! wait for each other, and take nothing from those who are known.

use std::{
    collections::HashMap,
    hash::Hash,
    time::{Duration, Instant},
};

use super::TokenBucket;

/// The buckets of all keys.
#[derive(Debug)]
pub struct Buckets<K> {
    buckets: HashMap<K, TokenBucket>,
    /// That of all for whom there is no room.
    rest: TokenBucket,
    new: TokenBucket,
    most: usize,
    /// So many buckets make it worth to look for full ones.
    sweep_at: usize,
    swept_at: Instant,
}

impl<K: Eq + Hash> Buckets<K> {
    /// None yet, and `most` at any time. Each allows `per_second` and `burst` at once.
    #[must_use]
    pub fn new(per_second: u32, burst: u32, most: usize, now: Instant) -> Self {
        let new = TokenBucket::new(per_second, burst, now);
        Self { buckets: HashMap::new(), rest: new.clone(), new, most, sweep_at: SWEEP_MIN, swept_at: now }
    }

    /// Takes one token of a key, or says how long until there is one.
    ///
    /// # Errors
    ///
    /// How long until there is a token.
    pub fn take(&mut self, key: K, now: Instant) -> Result<(), Duration> {
        if let Some(bucket) = self.buckets.get_mut(&key) {
            return bucket.take(now);
        }
        self.sweep(now);
        if self.buckets.len() >= self.most {
            return self.rest.take(now);
        }
        // A new bucket is full, whenever it is made.
        let mut bucket = self.new.clone();
        let taken = bucket.take(now);
        self.buckets.insert(key, bucket);
        taken
    }

    /// How many keys are known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.buckets.len()
    }

    /// Returns whether no key is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.buckets.is_empty()
    }

    /// Forgets those whose bucket is full. The search is paid for rarely.
    fn sweep(&mut self, now: Instant) {
        let is_full = self.buckets.len() >= self.most && now.saturating_duration_since(self.swept_at) >= SWEEP_INTERVAL;
        if self.buckets.len() < self.sweep_at && !is_full {
            return;
        }
        self.buckets.retain(|_, bucket| !bucket.is_full(now));
        self.sweep_at = (self.buckets.len() * 2).max(SWEEP_MIN);
        self.swept_at = now;
    }
}

/// With fewer buckets there is nothing to be won by forgetting.
const SWEEP_MIN: usize = 1_024;
/// When there is no room, full buckets are looked for so often.
const SWEEP_INTERVAL: Duration = Duration::from_millis(250);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_has_a_pace_of_its_own() {
        let start = crate::clock::now();
        let mut buckets = Buckets::new(2, 3, 10, start);
        for key in ["a", "b"] {
            for _ in 0..3 {
                assert_eq!(buckets.take(key, start), Ok(()));
            }
            assert_eq!(buckets.take(key, start), Err(Duration::from_millis(500)));
        }
        assert_eq!(buckets.take("a", start + Duration::from_millis(501)), Ok(()));
    }

    #[test]
    fn a_crowd_of_newcomers_takes_nothing_from_those_who_are_known() {
        let start = crate::clock::now();
        let most = 2_000;
        let mut buckets = Buckets::new(1, 2, most, start);
        for key in 0..most {
            assert_eq!(buckets.take(key, start), Ok(()));
        }
        let served = (most..most + 10_000).filter(|key| buckets.take(*key, start).is_ok()).count();
        assert_eq!((served, buckets.len()), (2, most), "newcomers share one bucket");
        assert_eq!(buckets.take(0, start), Ok(()), "who is known has their own");
        assert!(buckets.take(0, start).is_err(), "and nothing of it was forgotten");
        let later = start + Duration::from_secs(1);
        assert_eq!(buckets.take(most, later), Ok(()), "full buckets make room");
        assert_eq!(buckets.len(), 2, "the one that is not full, and the newcomer");
        assert!(buckets.take(0, later).is_ok() && buckets.take(0, later).is_err());
    }

    #[test]
    fn whoever_has_not_come_for_long_is_forgotten() {
        let start = crate::clock::now();
        let mut buckets = Buckets::new(1, 2, 1_000_000, start);
        for key in 0..100_000_u32 {
            let now = start + Duration::from_millis(u64::from(key));
            assert_eq!(buckets.take(key, now), Ok(()));
        }
        assert!(buckets.len() <= 4 * SWEEP_MIN, "{}", buckets.len());
    }
}
