//! Residence is how long a datagram was with us: from the kernel's receiving it to the moment when all it caused was handed back.
//!
//! One in [`SAMPLED`] audio packets is looked at. Its copies may leave in several pieces, the audience's last; what is recorded is the last of
//! them. So the figure is what the listener fares who fares worst.

use std::time::Instant;

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
    /// The number of its turn with the audience: when that is done, all copies are made.
    turn: u64,
}

impl Residence {
    /// An audio packet was handled that caused something to be sent. All of it is made when the audience's turn of this number is done.
    pub(super) fn handled(&mut self, came_at: Instant, turn: u64) {
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
        for turn in 1..=u64::from(SAMPLED) {
            residence.handled(start, turn);
        }
        residence.sent(u64::from(SAMPLED) - 1, || panic!("nobody asks for the time"), &mut histogram);
        assert_eq!(histogram.count(), 0);
        residence.sent(u64::from(SAMPLED), || start + Duration::from_millis(3), &mut histogram);
        assert_eq!((histogram.count(), histogram.sum()), (1, Duration::from_millis(3)));
        residence.sent(u64::MAX, || panic!("nothing is left"), &mut histogram);
    }
}
