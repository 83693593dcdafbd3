//! An age is how long ago the kernel received a datagram, by the stamp it put on it.
//!
//! The stamp is of the wall clock, which may be stepped, and which a process may be shown another one than the kernel's. So whatever would make
//! a packet too old is believed only when the mirror has just shown that both clocks are one. How old is no reason for doubt: after a pause of
//! the process, what waits in the kernel may be of any age.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::clock;
use super::mirror::{Mirror, Seen};

/// Tells ages, or that they are not to be had.
#[derive(Debug)]
pub(super) struct Ages {
    mirror: Option<Mirror>,
    /// Whether both clocks are one, as the mirror last showed; nothing before it ever showed anything.
    agree: Option<bool>,
    /// The last look into the mirror, whatever there was to see.
    looked_at: Instant,
    /// The wall clock when the present batch was taken.
    wall: Duration,
    now: Instant,
    refused: u64,
}

impl Ages {
    /// Ages of what comes to sockets at this address.
    pub(super) fn new(near: SocketAddr, now: Instant) -> Self {
        let mirror = Mirror::new(near.ip()).ok();
        let mut ages = Self { mirror, agree: None, looked_at: now, wall: clock::wall_now(), now, refused: 0 };
        ages.look();
        ages
    }

    /// A batch was taken at `now`.
    pub(super) fn batch(&mut self, now: Instant) {
        self.wall = clock::wall_now();
        self.now = now;
    }

    /// How long ago a datagram of this batch came, [`AGE_MAX`] at most; zero where that cannot be told.
    pub(super) fn of(&mut self, stamp: Option<Duration>) -> Duration {
        let Some(stamp) = stamp else {
            return Duration::ZERO;
        };
        let age = self.wall.checked_sub(stamp);
        let Some(age) = age.filter(|age| self.believe(*age)) else {
            self.refused += 1;
            return Duration::ZERO;
        };
        age.min(AGE_MAX)
    }

    /// Stamps that were not believed, so far.
    pub(super) fn refused(&self) -> u64 {
        self.refused
    }

    fn believe(&mut self, age: Duration) -> bool {
        let since = self.now.saturating_duration_since(self.looked_at);
        let is_due = match self.agree {
            Some(true) => age > DOUBTFUL_FROM && since >= PROVEN_FOR,
            Some(false) => since >= LOOK_AGAIN,
            None => since >= PROVEN_FOR,
        };
        if is_due {
            self.look();
        }
        self.agree == Some(true)
    }

    /// Looks into the mirror. Where it shows nothing, what it showed before still holds: it is blind when the machine is busiest, which is
    /// when packets grow old.
    fn look(&mut self) {
        self.looked_at = self.now;
        match self.mirror.as_mut().map_or(Seen::Nothing, Mirror::look) {
            Seen::Agree => self.agree = Some(true),
            Seen::Differ => self.agree = Some(false),
            Seen::Nothing => {}
        }
    }
}

/// What is older is told as this old: it is of no use to anyone, and a clock that was set ahead by years must not show in the sum of all.
const AGE_MAX: Duration = Duration::from_secs(60);
/// Below the age at which anything is dropped.
const DOUBTFUL_FROM: Duration = Duration::from_millis(50);
/// A proof holds for a batch or two.
const PROVEN_FOR: Duration = Duration::from_millis(10);
/// Clocks that were found to differ may agree again.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clocks_of_one_machine_agree_and_ages_are_told() {
        let mut ages = ages();
        assert_eq!(ages.agree, Some(true));
        ages.batch(clock::now());
        let stamp = |ago_ms| Some(ages.wall - Duration::from_millis(ago_ms));
        let (near, far) = (stamp(3), stamp(700));
        assert_eq!(ages.of(near), Duration::from_millis(3));
        assert_eq!(ages.of(far), Duration::from_millis(700), "proven by the mirror");
        assert_eq!(ages.of(None), Duration::ZERO);
        assert_eq!(ages.refused(), 0);
    }

    #[test]
    fn what_waited_through_a_long_pause_is_not_taken_for_fresh() {
        let mut ages = ages();
        ages.batch(clock::now() + Duration::from_secs(30));
        let stamp = |ago_s| Some(ages.wall - Duration::from_secs(ago_s));
        let stamps = [20, 30, 8 * 3_600].map(stamp);
        assert_eq!(stamps.map(|stamp| ages.of(stamp)), [20, 30, 60].map(Duration::from_secs));
        assert_eq!(ages.refused(), 0);
    }

    #[test]
    fn a_stamp_of_the_future_counts_for_nothing() {
        let mut ages = ages();
        ages.batch(clock::now());
        let future = ages.wall + Duration::from_millis(1);
        assert_eq!((ages.of(Some(future)), ages.refused()), (Duration::ZERO, 1));
    }

    #[test]
    fn where_the_clocks_differ_nothing_is_believed_until_they_agree_again() {
        let mut ages = ages();
        let now = ages.looked_at;
        ages.agree = Some(false);
        for (after, age, refused) in [(LOOK_AGAIN - PROVEN_FOR, 0, 1), (LOOK_AGAIN, 700, 1)] {
            ages.batch(now + after);
            let stamp = Some(ages.wall - Duration::from_millis(700));
            assert_eq!((ages.of(stamp), ages.refused()), (Duration::from_millis(age), refused));
        }
    }

    #[test]
    fn a_mirror_that_shows_nothing_changes_no_verdict() {
        for (agree, believed) in [(Some(true), true), (Some(false), false), (None, false)] {
            let mut ages = ages();
            ages.mirror = None;
            ages.agree = agree;
            for seconds in 1..=3 {
                ages.batch(ages.looked_at + LOOK_AGAIN);
                let stamp = Some(ages.wall - Duration::from_secs(seconds));
                let told = if believed { Duration::from_secs(seconds) } else { Duration::ZERO };
                assert_eq!((ages.of(stamp), ages.looked_at), (told, ages.now), "{agree:?}");
            }
            assert_eq!((ages.agree, ages.refused()), (agree, if believed { 0 } else { 3 }));
        }
    }

    #[test]
    fn what_was_not_to_be_seen_at_first_is_looked_for_again_soon() {
        let mut ages = ages();
        ages.agree = None;
        ages.batch(ages.looked_at + PROVEN_FOR);
        let stamp = Some(ages.wall - Duration::from_millis(1));
        assert_eq!((ages.of(stamp), ages.refused()), (Duration::from_millis(1), 0));
    }

    fn ages() -> Ages {
        let mut ages = Ages::new("127.0.0.1:0".parse().expect("an address"), clock::now());
        for _ in 0..1_000 {
            if ages.agree.is_none() {
                ages.look();
            }
        }
        ages
    }
}
