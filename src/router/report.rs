//! A report counts what arrived of one stream, and reads from others' reports how long the way there and back was.
//!
//! RFC 3550 sections 6.4 and appendix A.1, A.3, A.8. It knows no RTCP bytes: the caller writes them.

use std::time::{Duration, Instant};

use super::OPUS_CLOCK_HZ;

/// Counts one incoming stream.
#[derive(Clone, Debug)]
pub struct Reception {
    base: u32,
    highest: u32,
    received: u64,
    jitter_scaled: u32,
    transit: Option<i32>,
    last_timestamp: Option<u32>,
    next_if_jumped: Option<u16>,
    lost_told: i32,
    epoch: Instant,
    prior: Prior,
    sender_report: Option<(u64, Instant)>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Prior {
    expected: u64,
    received: u64,
}

/// What one report block says (RFC 3550 section 6.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// Loss since the last report, in 256ths.
    pub fraction_lost: u8,
    /// Packets lost since the stream began; duplicates may make it negative.
    pub cumulative_lost: i32,
    /// Extended highest sequence number.
    pub highest: u32,
    /// Interarrival jitter in timestamp units.
    pub jitter: u32,
    /// The middle 32 bits of the last sender report's NTP time, 0 if none came.
    pub last_sender_report: u32,
    /// How long ago that report came, in 1/65536 s.
    pub delay: u32,
    /// Packets that should have come since the last report. Not on the wire.
    pub expected: u64,
}

/// How a packet's sequence number continues the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Continuity {
    /// In order, or late but near.
    Follows,
    /// Another run begins: the numbers went far, or the clock did.
    Jumped,
    /// Far away and alone: not to be forwarded.
    Stray,
}

impl Reception {
    /// A stream that begins with `sequence`.
    pub fn new(sequence: u16, now: Instant) -> Self {
        Self {
            base: u32::from(sequence),
            highest: u32::from(sequence).wrapping_sub(1),
            received: 0,
            jitter_scaled: 0,
            transit: None,
            last_timestamp: None,
            next_if_jumped: None,
            lost_told: 0,
            epoch: now,
            prior: Prior::default(),
            sender_report: None,
        }
    }

    /// Counts one packet.
    pub fn receive(&mut self, sequence: u16, timestamp: u32, now: Instant) -> Continuity {
        let ahead = sequence.wrapping_sub(self.highest as u16);
        let far = (MAX_DROPOUT..=u16::MAX - MAX_MISORDER).contains(&ahead);
        // RFC 3550 appendix A.1: two in a row make a far jump believable; one alone is a stray.
        if far && self.next_if_jumped.replace(sequence.wrapping_add(1)) != Some(sequence) {
            return Continuity::Stray;
        }
        let newer = ahead < 0x8000;
        let jumped = far || (newer && self.clock_jumped(timestamp, now));
        if jumped {
            *self = Self { sender_report: self.sender_report, ..Self::new(sequence, now) };
        }
        let ahead = sequence.wrapping_sub(self.highest as u16);
        if ahead < 0x8000 {
            self.highest = self.highest.wrapping_add(u32::from(ahead));
            self.last_timestamp = Some(timestamp);
        }
        self.received += 1;
        self.count_jitter(timestamp, now);
        if jumped { Continuity::Jumped } else { Continuity::Follows }
    }

    /// Whether a newer packet's timestamp cannot belong to the same clock: it runs backwards, or ahead of its arrival by over a second.
    /// A packet that comes late is no jump, however late.
    fn clock_jumped(&self, timestamp: u32, now: Instant) -> bool {
        let (Some(last), Some(transit)) = (self.last_timestamp, self.transit) else {
            return false;
        };
        let backwards = timestamp.wrapping_sub(last) >= 0x8000_0000;
        let early = transit.wrapping_sub(self.transit_of(timestamp, now));
        backwards || early > OPUS_CLOCK_HZ as i32
    }

    /// Packets found lost since this was last asked; those that came late after all are not taken back.
    pub fn newly_lost(&mut self) -> u64 {
        let lost = self.lost();
        let newly = u64::try_from(lost - self.lost_told).unwrap_or(0);
        self.lost_told = self.lost_told.max(lost);
        newly
    }

    /// Remembers the publisher's sender report, so that our next report lets it measure the round trip.
    pub fn sender_report(&mut self, ntp: u64, now: Instant) {
        self.sender_report = Some((ntp, now));
    }

    /// The block for the next report; loss is counted anew from here.
    pub fn block(&mut self, now: Instant) -> Block {
        let expected = u64::from(self.highest.wrapping_sub(self.base).wrapping_add(1));
        let lost_now =
            (expected - self.prior.expected.min(expected)) as i64 - (self.received - self.prior.received) as i64;
        let expected_now = expected.saturating_sub(self.prior.expected);
        let fraction_lost = if expected_now == 0 || lost_now <= 0 {
            0
        } else {
            u8::try_from((lost_now as u64 * 256 / expected_now).min(255)).unwrap_or(u8::MAX)
        };
        self.prior = Prior { expected, received: self.received };
        let (last_sender_report, delay) =
            self.sender_report.map_or((0, 0), |(ntp, at)| (middle(ntp), short_ntp(now.saturating_duration_since(at))));
        Block {
            fraction_lost,
            cumulative_lost: self.lost(),
            highest: self.highest,
            jitter: self.jitter_scaled >> 4,
            last_sender_report,
            delay,
            expected: expected_now,
        }
    }

    /// Packets lost so far; negative if more came than were sent.
    pub fn lost(&self) -> i32 {
        let expected = u64::from(self.highest.wrapping_sub(self.base).wrapping_add(1));
        let lost = expected as i64 - self.received as i64;
        // The field has 24 bits with a sign.
        lost.clamp(-0x80_0000, 0x7F_FFFF) as i32
    }

    fn count_jitter(&mut self, timestamp: u32, now: Instant) {
        let transit = self.transit_of(timestamp, now);
        if let Some(last) = self.transit {
            let distance = transit.wrapping_sub(last).unsigned_abs().min(MAX_JITTER_STEP);
            self.jitter_scaled = self.jitter_scaled + distance - ((self.jitter_scaled + 8) >> 4);
        }
        self.transit = Some(transit);
    }

    fn transit_of(&self, timestamp: u32, now: Instant) -> i32 {
        let micros = now.saturating_duration_since(self.epoch).as_micros();
        ((micros * u128::from(OPUS_CLOCK_HZ) / 1_000_000) as u32).wrapping_sub(timestamp) as i32
    }
}

/// The round trip that an answer to a report or a reference time of ours tells: now less when we sent that, less how long it was held.
///
/// `None` where the block answers no report, or tells a time that cannot be (a negative one, or more than a minute).
pub fn round_trip(now_ntp: u64, last_sender_report: u32, delay: u32) -> Option<Duration> {
    if last_sender_report == 0 {
        return None;
    }
    let units = middle(now_ntp).wrapping_sub(last_sender_report).wrapping_sub(delay);
    if units > MAX_ROUND_TRIP {
        return None;
    }
    Some(Duration::from_micros(u64::from(units) * 1_000_000 / 65_536))
}

/// The middle 32 bits of an NTP time.
pub fn middle(ntp: u64) -> u32 {
    (ntp >> 16) as u32
}

fn short_ntp(duration: Duration) -> u32 {
    u32::try_from(duration.as_micros() * 65_536 / 1_000_000).unwrap_or(u32::MAX)
}

/// A gap of this many packets (a minute of frames) begins another run; RFC 3550 appendix A.1 uses the same figure.
const MAX_DROPOUT: u16 = 3_000;
/// A packet this much older than the newest still belongs to the run.
const MAX_MISORDER: u16 = 100;
/// One strange timestamp must not spoil the jitter for minutes: at most a second a step.
const MAX_JITTER_STEP: u32 = OPUS_CLOCK_HZ;
const MAX_ROUND_TRIP: u32 = 60 * 65_536;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::clock::now;

    #[test]
    fn loss_is_counted_since_the_last_report_and_in_all() {
        let start = now();
        let mut reception = Reception::new(65_530, start);
        for n in (0..100u16).filter(|n| n % 10 != 3) {
            reception.receive(
                65_530u16.wrapping_add(n),
                u32::from(n) * 960,
                start + Duration::from_millis(20 * u64::from(n)),
            );
        }
        let block = reception.block(start);
        assert_eq!(block.cumulative_lost, 10);
        assert_eq!(block.fraction_lost, 25);
        assert_eq!(block.highest, 65_530 + 99);
        assert_eq!(reception.block(start).fraction_lost, 0);
    }

    #[test]
    fn even_arrival_has_no_jitter_and_uneven_has_some() {
        let start = now();
        let mut even = Reception::new(0, start);
        let mut uneven = Reception::new(0, start);
        for n in 0..200u16 {
            let at = start + Duration::from_millis(20 * u64::from(n));
            even.receive(n, u32::from(n) * 960, at);
            uneven.receive(n, u32::from(n) * 960, at + Duration::from_millis(10 * u64::from(n % 2)));
        }
        assert_eq!(even.block(start).jitter, 0);
        let jitter = uneven.block(start).jitter;
        assert!((400..=560).contains(&jitter), "10 ms are 480 units, got {jitter}");
    }

    #[test]
    fn two_in_a_row_make_a_far_jump_and_one_alone_is_a_stray() {
        let start = now();
        let mut reception = Reception::new(10, start);
        assert_eq!(reception.receive(10, 0, start), Continuity::Follows);
        assert_eq!(reception.receive(9, 0, start), Continuity::Follows);
        assert_eq!(reception.receive(20_000, 0, start), Continuity::Stray);
        assert_eq!(reception.receive(11, 960, start), Continuity::Follows);
        assert_eq!(reception.receive(30_000, 0, start), Continuity::Stray);
        assert_eq!(reception.receive(30_001, 960, start), Continuity::Jumped);
        assert_eq!(reception.receive(30_002, 1_920, start), Continuity::Follows);
        assert_eq!(reception.lost(), 0);
    }

    #[test]
    fn a_clock_that_jumps_begins_another_run_and_a_packet_that_is_late_does_not() {
        let start = now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut reception = Reception::new(0, start);
        assert_eq!(reception.receive(0, 100_000, at(0)), Continuity::Follows);
        assert_eq!(reception.receive(1, 100_960, at(3_000)), Continuity::Follows, "three seconds late");
        assert_eq!(reception.receive(2, 101_920, at(3_001)), Continuity::Follows);
        assert_eq!(reception.receive(3, 50, at(3_020)), Continuity::Jumped, "backwards");
        assert_eq!(reception.receive(4, 500_000, at(3_040)), Continuity::Jumped, "far ahead of its arrival");
        assert_eq!(reception.receive(5, 500_960 + 480_000, at(13_060)), Continuity::Follows, "a pause is none");
    }

    #[test]
    fn what_is_lost_is_told_once() {
        let start = now();
        let mut reception = Reception::new(0, start);
        for sequence in [0, 1, 4] {
            reception.receive(sequence, u32::from(sequence) * 960, start);
        }
        assert_eq!((reception.newly_lost(), reception.newly_lost()), (2, 0));
        reception.receive(2, 1_920, start);
        reception.receive(6, 5_760, start);
        assert_eq!(reception.newly_lost(), 0, "one came late, another is missing");
    }

    #[test]
    fn a_round_trip_is_read_from_a_block() {
        let sent = 0x1234_5678_0000_0000u64;
        let answered = sent + (1 << 31); // half a second later, by NTP's fractions
        let held = 65_536 / 4;
        assert_eq!(round_trip(answered, middle(sent), held), Some(Duration::from_millis(250)));
        assert_eq!(round_trip(answered, middle(sent), 65_536), None, "negative");
        assert_eq!(round_trip(answered, 0, 0), None, "answers nothing");
    }

    #[test]
    fn our_block_lets_the_publisher_measure() {
        let start = now();
        let mut reception = Reception::new(0, start);
        reception.receive(0, 0, start);
        reception.sender_report(0xAAAA_BBBB_CCCC_DDDD, start);
        let block = reception.block(start + Duration::from_millis(500));
        assert_eq!(block.last_sender_report, 0xBBBB_CCCC);
        assert_eq!(block.delay, 32_768);
    }
}
