//! Residence is how long a datagram was with us: from the kernel's receiving it to the moment when all it caused was handed back.
//!
//! One in [`SAMPLED`] audio packets is looked at. Its copies may leave in several pieces, the audience's last; what is recorded is the last of
//! them. So the figure is what the listener fares who fares worst. A packet that came too late for anyone has been with us until it was given
//! up: where all are, their ages are all that tells of it.

use std::time::Instant;

use crate::engine::{Engine, counters::DropReason};
use crate::latency::histogram::Histogram;

/// Packets under observation.
#[derive(Debug, Default)]
pub(super) struct Residence {
    seen: u32,
    sampled: Vec<Sampled>,
}

#[derive(Clone, Copy, Debug)]
struct Sampled {
    came_at: Instant,
    /// The number of its turn with the audience: when that is done, all copies are made. [`NO_TURN`] if it has none.
    turn: u64,
}

/// What an engine has made of its packets so far. What one packet caused is what it changes of this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Made {
    /// That wait to be sent.
    datagrams: usize,
    /// The audience's, ever.
    turns: u64,
    /// Packets that were too old for anyone.
    stale: u64,
}

impl Made {
    pub(super) fn by(engine: &mut Engine) -> Self {
        let stale = engine.counters().drops(DropReason::Stale);
        Self { datagrams: engine.outbox().len(), turns: engine.audience_turns().0, stale }
    }
}

impl Residence {
    /// An audio packet was handled, and that is what had been made before it and after. One that caused nothing (its speaker is muted, or is
    /// no speaker) is not looked at.
    pub(super) fn handled(&mut self, came_at: Instant, before: Made, after: Made) {
        if before == after {
            return;
        }
        // Another room's audience may be waiting: that is not this packet's business.
        let turn = if after.turns > before.turns { after.turns } else { NO_TURN };
        self.seen = self.seen.wrapping_add(1);
        if self.seen.is_multiple_of(SAMPLED) {
            self.sampled.push(Sampled { came_at, turn });
        }
    }

    /// Everything that was made so far is sent; the audience's turns up to `done` are over.
    pub(super) fn sent(&mut self, done: u64, now: impl FnOnce() -> Instant, histogram: &mut Histogram) {
        if !self.sampled.iter().any(|sampled| sampled.turn <= done) {
            return;
        }
        let now = now();
        self.sampled.retain(|sampled| {
            let over = sampled.turn <= done;
            if over {
                histogram.record(now.saturating_duration_since(sampled.came_at));
            }
            !over
        });
    }
}

/// One packet in so many is measured. The first of a batch waits for the last, so it must not always be the same one of a batch.
const SAMPLED: u32 = 7;
/// Turns are counted from one, so this one is over.
const NO_TURN: u64 = 0;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latency::histogram::TRANSIT_EDGES;
    use crate::runtime::clock;
    use std::time::Duration;

    #[test]
    fn one_in_so_many_is_recorded_when_the_last_of_its_copies_is_sent() {
        let start = clock::now();
        let (mut residence, mut histogram) = (Residence::default(), Histogram::new(TRANSIT_EDGES));
        for turns in 1..=u64::from(SAMPLED) {
            residence.handled(start, Made { turns: turns - 1, ..NOTHING }, Made { turns, ..NOTHING });
        }
        residence.sent(u64::from(SAMPLED) - 1, || panic!("nobody asks for the time"), &mut histogram);
        assert_eq!(histogram.count(), 0);
        residence.sent(u64::from(SAMPLED), || start + Duration::from_millis(3), &mut histogram);
        assert_eq!((histogram.count(), histogram.sum()), (1, Duration::from_millis(3)));
        residence.sent(u64::MAX, || panic!("nothing is left"), &mut histogram);
    }

    #[test]
    fn where_every_packet_comes_too_late_for_anyone_their_ages_are_told() {
        let start = clock::now();
        let (mut residence, mut histogram) = (Residence::default(), Histogram::new(TRANSIT_EDGES));
        for stale in 0..100 {
            residence.handled(start, Made { stale, ..NOTHING }, Made { stale: stale + 1, ..NOTHING });
            residence.sent(0, || start + Duration::from_millis(300), &mut histogram);
        }
        assert!(histogram.count() >= 100 / u64::from(SAMPLED), "{}", histogram.count());
        assert!(histogram.percentile(0.95) >= Some(Duration::from_millis(200)), "{:?}", histogram.percentile(0.95));
    }

    #[test]
    fn a_packet_without_an_audience_does_not_wait_for_the_turns_of_others() {
        let start = clock::now();
        let (mut residence, mut histogram) = (Residence::default(), Histogram::new(TRANSIT_EDGES));
        let waiting = Made { turns: 40, ..NOTHING };
        for datagrams in 0..SAMPLED as usize {
            let before = Made { datagrams, ..waiting };
            residence.handled(start, before, Made { datagrams: datagrams + 2, ..waiting });
        }
        residence.sent(3, || start + Duration::from_millis(1), &mut histogram);
        assert_eq!((histogram.count(), histogram.sum()), (1, Duration::from_millis(1)));
    }

    #[test]
    fn a_packet_that_caused_nothing_is_not_looked_at() {
        let (mut residence, mut histogram) = (Residence::default(), Histogram::new(TRANSIT_EDGES));
        for _ in 0..2 * SAMPLED {
            residence.handled(clock::now(), NOTHING, NOTHING);
        }
        residence.sent(u64::MAX, || panic!("nobody asks for the time"), &mut histogram);
        assert_eq!(histogram.count(), 0);
    }

    const NOTHING: Made = Made { datagrams: 0, turns: 0, stale: 0 };
}
