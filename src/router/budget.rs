//! A budget is how much one participant may send: packets and bytes, on average and at once.

use std::time::{Duration, Instant};

/// The size of a budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Packets a second, on average.
    pub packets_per_second: u64,
    /// Packets at once.
    pub packets_burst: u64,
    /// Bytes a second, on average.
    pub bytes_per_second: u64,
    /// Bytes at once.
    pub bytes_burst: u64,
}

/// Two token buckets, counted in thousandths.
#[derive(Clone, Debug)]
pub struct Budget {
    allowance: Allowance,
    millipackets: u64,
    millibytes: u64,
    filled_at: Instant,
}

impl Budget {
    /// A budget of which nothing has been used.
    pub fn full(allowance: Allowance, now: Instant) -> Self {
        Self {
            millipackets: allowance.packets_burst * 1_000,
            millibytes: allowance.bytes_burst * 1_000,
            allowance,
            filled_at: now,
        }
    }

    /// Takes one packet of `bytes` off, or says that there is not enough left.
    pub fn spend(&mut self, bytes: usize, now: Instant) -> bool {
        self.refill(now);
        let millibytes = bytes as u64 * 1_000;
        if self.millipackets < 1_000 || self.millibytes < millibytes {
            return false;
        }
        self.millipackets -= 1_000;
        self.millibytes -= millibytes;
        true
    }

    fn refill(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.filled_at);
        if elapsed < REFILL_EVERY {
            return;
        }
        self.filled_at = now;
        let millis = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX).min(REFILL_MAX_MS);
        let Allowance { packets_per_second, packets_burst, bytes_per_second, bytes_burst } = self.allowance;
        self.millipackets = (self.millipackets + millis * packets_per_second).min(packets_burst * 1_000);
        self.millibytes = (self.millibytes + millis * bytes_per_second).min(bytes_burst * 1_000);
    }
}

/// Elapsed time is counted in whole milliseconds; a longer step loses less of it.
const REFILL_EVERY: Duration = Duration::from_millis(5);
/// After a minute every bucket is full.
const REFILL_MAX_MS: u64 = 60_000;

#[cfg(test)]
mod tests {
    use super::super::track::VOICE;
    use super::*;
    use crate::runtime::clock::now;

    #[test]
    fn a_voice_fits_its_budget_and_a_flood_does_not() {
        let start = now();
        let mut budget = Budget::full(VOICE, start);
        for n in 0..500u32 {
            let at = start + Duration::from_millis(u64::from(n) * 10);
            assert!(budget.spend(120, at), "packet {n} of a 10 ms stream");
        }
        let at = start + Duration::from_secs(60);
        let taken = (0..2_000u64).filter(|n| budget.spend(100, at + Duration::from_micros(n * 500))).count();
        assert!((200..=225).contains(&taken), "burst 100 and 120 a second, got {taken}");
    }

    #[test]
    fn music_at_the_bit_rate_that_answers_allow_fits_with_its_headers() {
        /// The most that an answer allows, in bit/s.
        const BITRATE_MAX: u32 = 256_000;
        /// A header with a level and a mid, and an authentication tag.
        const AROUND: usize = 12 + 12 + 16;
        for packet_ms in [10, 20, 40] {
            let start = now();
            let mut budget = Budget::full(VOICE, start);
            let payload = usize::try_from(BITRATE_MAX / 8 * packet_ms / 1_000).expect("small");
            for n in 0..60_000 / packet_ms {
                let at = start + Duration::from_millis(u64::from(n * packet_ms));
                assert!(budget.spend(payload + AROUND, at), "packet {n} of {packet_ms} ms");
            }
        }
    }

    #[test]
    fn bytes_are_budgeted_too() {
        let start = now();
        let mut budget = Budget::full(VOICE, start);
        assert_eq!((0..100).filter(|_| budget.spend(1_200, start)).count(), 40);
    }

    /// Music: 256 kbit/s of Opus, and around each packet a header with CSRC and extensions, and a tag of 16 bytes.
    #[test]
    fn music_of_256_kbit_fits_its_budget_even_after_a_stall_and_twice_as_much_does_not() {
        const AROUND: usize = 12 + 4 + 4 + 40;
        for frame_ms in [10, 20, 40, 60] {
            let start = now();
            let mut budget = Budget::full(VOICE, start);
            let datagram = 256 / 8 * frame_ms + AROUND;
            let sent = |n: usize| start + Duration::from_millis((n * frame_ms) as u64);
            let minute = 60_000 / frame_ms;
            assert!((0..minute).all(|n| budget.spend(datagram, sent(n))), "{frame_ms} ms packets for a minute");
            let stalled = 800 / frame_ms;
            let back = sent(minute + stalled);
            assert!((0..stalled).all(|_| budget.spend(datagram, back)), "{frame_ms} ms packets of 800 ms at once");
            let twice = 2 * 256 / 8 * frame_ms + AROUND;
            let taken = (0..minute).filter(|n| budget.spend(twice, back + (sent(*n) - start))).count();
            assert!(taken * 10 < minute * 7, "{frame_ms} ms: {taken} of {minute}");
        }
    }
}
