//! An age is how long ago the kernel received a datagram, by the stamp it put on it.
//!
//! The stamp is of the wall clock, which may be stepped, and which a process may be shown another one than the kernel's. So a stamp that cannot
//! be right counts for nothing, and whatever would make a packet too old is believed only when a datagram that we send to ourselves proves that
//! both clocks are one: its stamp must lie between the moments before and after.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::clock;
use super::udp::{self, UdpSocket};

/// Tells ages, or that they are not to be had.
#[derive(Debug)]
pub(super) struct Ages {
    mirror: Option<UdpSocket>,
    /// What the last look into the mirror showed, and when.
    agreed: Option<(bool, Instant)>,
    /// The wall clock when the present batch was taken.
    wall: Duration,
    now: Instant,
    refused: u64,
}

impl Ages {
    /// Ages of what comes to sockets at this address.
    pub(super) fn new(near: SocketAddr, now: Instant) -> Self {
        let mirror = udp::bind(SocketAddr::new(near.ip(), 0)).and_then(UdpSocket::new).ok();
        let mut ages = Self { mirror, agreed: None, wall: clock::wall_now(), now, refused: 0 };
        ages.look(now);
        ages
    }

    /// A batch was taken at `now`.
    pub(super) fn batch(&mut self, now: Instant) {
        self.wall = clock::wall_now();
        self.now = now;
        if let Some((false, at)) = self.agreed
            && now.saturating_duration_since(at) >= LOOK_AGAIN
        {
            self.look(now);
        }
    }

    /// How long ago a datagram of this batch came; zero where that cannot be told.
    pub(super) fn of(&mut self, stamp: Option<Duration>) -> Duration {
        let Some(stamp) = stamp else {
            return Duration::ZERO;
        };
        let age = self.wall.checked_sub(stamp).filter(|age| *age <= AGE_MAX);
        let Some(age) = age.filter(|age| self.believe(*age)) else {
            self.refused += 1;
            return Duration::ZERO;
        };
        age
    }

    /// Stamps that were not believed, so far.
    pub(super) fn refused(&self) -> u64 {
        self.refused
    }

    fn believe(&mut self, age: Duration) -> bool {
        match self.agreed {
            Some((true, _)) if age <= DOUBTFUL_FROM => true,
            Some((agreed, at)) if !agreed || self.now.saturating_duration_since(at) < PROVEN_FOR => agreed,
            Some(_) | None => self.look(self.now),
        }
    }

    /// Sends a datagram to ourselves and looks at its stamp.
    fn look(&mut self, now: Instant) -> bool {
        let agreed = self.mirror.as_mut().is_some_and(|mirror| {
            let before = clock::wall_now();
            let local = mirror.local();
            mirror.send(&[(local, b"?")]);
            let taken = mirror.receive();
            let after = clock::wall_now();
            let ours = (0..taken).rev().find(|&index| mirror.datagram(index).0 == local);
            let stamp = ours.and_then(|index| mirror.stamp(index));
            stamp.is_some_and(|stamp| before <= stamp + GRAIN && stamp <= after + GRAIN)
        });
        self.agreed = Some((agreed, now));
        agreed
    }
}

/// Nothing waits so long in the kernel: an older stamp is of another clock.
const AGE_MAX: Duration = Duration::from_secs(10);
/// Below the age at which anything is dropped.
const DOUBTFUL_FROM: Duration = Duration::from_millis(50);
/// A proof holds for a batch or two.
const PROVEN_FOR: Duration = Duration::from_millis(10);
/// Clocks that were found to differ may agree again.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// The two clocks need not be read with the same precision.
const GRAIN: Duration = Duration::from_millis(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clocks_of_one_machine_agree_and_ages_are_told() {
        let mut ages = ages();
        assert_eq!(ages.agreed.map(|(agreed, _)| agreed), Some(true));
        ages.batch(clock::now());
        let stamp = |ago_ms| Some(ages.wall - Duration::from_millis(ago_ms));
        let (near, far) = (stamp(3), stamp(700));
        assert_eq!(ages.of(near), Duration::from_millis(3));
        assert_eq!(ages.of(far), Duration::from_millis(700), "proven by the mirror");
        assert_eq!(ages.of(None), Duration::ZERO);
        assert_eq!(ages.refused(), 0);
    }

    #[test]
    fn a_stamp_of_the_future_or_of_long_ago_counts_for_nothing() {
        let mut ages = ages();
        ages.batch(clock::now());
        let (future, past) = (ages.wall + Duration::from_millis(1), ages.wall - AGE_MAX - Duration::from_millis(1));
        assert_eq!(ages.of(Some(future)), Duration::ZERO);
        assert_eq!(ages.of(Some(past)), Duration::ZERO);
        assert_eq!(ages.refused(), 2);
    }

    #[test]
    fn where_the_clocks_differ_nothing_is_believed_until_they_agree_again() {
        let mut ages = ages();
        let now = clock::now();
        ages.agreed = Some((false, now));
        ages.batch(now);
        let stamp = Some(ages.wall - Duration::from_millis(1));
        assert_eq!((ages.of(stamp), ages.refused()), (Duration::ZERO, 1));
        ages.batch(now + LOOK_AGAIN);
        let stamp = Some(ages.wall - Duration::from_millis(1));
        assert_eq!((ages.of(stamp), ages.refused()), (Duration::from_millis(1), 1));
    }

    #[test]
    fn without_a_mirror_nothing_is_believed() {
        let mut ages = ages();
        ages.mirror = None;
        ages.agreed = None;
        ages.batch(clock::now());
        let stamp = Some(ages.wall - Duration::from_millis(1));
        assert_eq!((ages.of(stamp), ages.refused()), (Duration::ZERO, 1));
    }

    fn ages() -> Ages {
        Ages::new("127.0.0.1:0".parse().expect("an address"), clock::now())
    }
}
