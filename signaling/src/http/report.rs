//! Reports are what the client of one socket says it measured: taken if they can be, refused with a reason if not. A time beyond what it can be is cut.
//!
//! Pure: the time is an argument. What a report is good for is the latency monitor's business.

use std::time::{Duration, Instant};

use crate::{
    metrics::ReportFault,
    monitor::ClientReport,
    protocol::client::Stats,
    room::{Details, Refusal, Refused},
};

/// The reports of one socket. None yet by default.
#[derive(Default)]
pub(super) struct Reports {
    counted: Option<Counted>,
    has_told_join: bool,
}

/// A report that is taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) report: ClientReport,
    /// It told the length of the join once more; that was left out.
    pub(super) tells_join_again: bool,
}

/// Why a report is not taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotTaken {
    pub(super) fault: ReportFault,
    /// When the next one may come, if this one came too soon.
    pub(super) retry_after: Option<Duration>,
}

/// The packets of the last report that told of them.
#[derive(Clone, Copy)]
struct Counted {
    received: u64,
    /// Received and lost: what was sent, as far as the client knows.
    expected: u64,
    at: Instant,
}

impl Reports {
    /// The socket goes on with a session: how long its join took was known before.
    pub(super) fn resumed(&mut self) {
        self.has_told_join = true;
    }

    /// Judges one report that came at `now`, whose fields are within their ranges. `take_one` takes it from the pace of whoever reports.
    pub(super) fn judge(
        &mut self,
        stats: &Stats,
        listens: bool,
        take_one: impl FnOnce() -> Result<(), Duration>,
        now: Instant,
    ) -> Result<Taken, NotTaken> {
        if !listens {
            return Err(ReportFault::NotListening.into());
        }
        if let Err(retry_after) = take_one() {
            return Err(NotTaken { fault: ReportFault::TooOften, retry_after: Some(retry_after) });
        }
        self.compare(stats, now)?;
        let tells_join_again = stats.join_ms.is_some() && self.has_told_join;
        self.has_told_join |= stats.join_ms.is_some();
        let time = |ms: Option<f64>, most: Duration| ms.map(|ms| Duration::from_secs_f64(ms / 1000.0).min(most));
        let report = ClientReport {
            rtt: time(stats.rtt_ms, ROUND_TRIP_MAX),
            jitter_buffer: time(stats.jitter_buffer_ms, JITTER_BUFFER_MAX),
            device: time(stats.device_ms, DEVICE_MAX),
            join: time(stats.join_ms, JOIN_MAX).filter(|_| !tells_join_again),
            lost: stats.lost,
            received: stats.received,
        };
        Ok(Taken { report, tells_join_again })
    }

    /// Whether the counts can follow from those before. Late packets come out of `lost` into `received` (RFC 3550 appendix A.3), so it is their sum that
    /// cannot fall.
    fn compare(&mut self, stats: &Stats, now: Instant) -> Result<(), ReportFault> {
        let (Some(received), Some(lost)) = (stats.received, stats.lost) else {
            return Ok(());
        };
        let expected = received.saturating_add(lost);
        // Also if it is refused: a client that began to count anew loses one report, not all that follow.
        let Some(before) = self.counted.replace(Counted { received, expected, at: now }) else {
            return Ok(());
        };
        if received < before.received || expected < before.expected {
            return Err(ReportFault::Backwards);
        }
        let elapsed = now.saturating_duration_since(before.at).as_secs();
        if expected - before.expected > PACKETS_PER_SECOND_MAX * (elapsed + PACKETS_LATE_S) {
            return Err(ReportFault::Absurd);
        }
        Ok(())
    }
}

impl From<ReportFault> for NotTaken {
    fn from(fault: ReportFault) -> Self {
        Self { fault, retry_after: None }
    }
}

impl NotTaken {
    /// What the client is told.
    pub(super) fn refused(&self) -> Refused {
        let refusal = match self.fault {
            ReportFault::TooOften => Refusal::RateLimited,
            ReportFault::Impossible
            | ReportFault::Backwards
            | ReportFault::Absurd
            | ReportFault::NotListening
            | ReportFault::JoinAgain => Refusal::InvalidArgument,
        };
        Refused { refusal, details: Details { retry_after: self.retry_after, ..Details::default() } }
    }

    /// The same in words for developers.
    pub(super) fn message(&self) -> &'static str {
        match self.fault {
            ReportFault::Impossible => "a measurement is out of its range",
            ReportFault::Backwards => "`received`, and `received` and `lost` together, cannot fall",
            ReportFault::Absurd => "so many packets cannot have come since the last report",
            ReportFault::NotListening => "this session hears nobody: it has no media, or may not subscribe",
            ReportFault::TooOften => "`stats` may come once a second",
            ReportFault::JoinAgain => "`join_ms` is told once a session",
        }
    }
}

/// Nobody talks by a path that takes longer.
const ROUND_TRIP_MAX: Duration = Duration::from_secs(10);

/// Browsers' jitter buffers hold 200 packets of 20 ms at most.
const JITTER_BUFFER_MAX: Duration = Duration::from_secs(4);

/// The slowest wireless headsets add a third of this.
const DEVICE_MAX: Duration = Duration::from_secs(1);

/// A transport that has no keys by then is given up.
const JOIN_MAX: Duration = Duration::from_secs(40);

/// What no listener can be sent in a second: 32 seats with a packet each 2.5 ms, the shortest that Opus has.
const PACKETS_PER_SECOND_MAX: u64 = 32 * 400;

/// Reports may be late by so many seconds against each other.
const PACKETS_LATE_S: u64 = 10;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]

    use super::*;

    #[test]
    fn a_report_is_taken_as_it_is_and_tells_its_join_once() {
        let (mut reports, now) = begun();
        let stats = Stats {
            rtt_ms: Some(24.5),
            jitter_buffer_ms: Some(40.0),
            device_ms: Some(30.0),
            join_ms: Some(310.0),
            lost: Some(1),
            received: Some(100),
            concealed: Some(960),
        };
        let ms = |ms| Some(Duration::from_micros(ms));
        let report = ClientReport {
            rtt: ms(24_500),
            jitter_buffer: ms(40_000),
            device: ms(30_000),
            join: ms(310_000),
            lost: Some(1),
            received: Some(100),
        };
        assert_eq!(reports.judge(&stats, true, || Ok(()), now), Ok(Taken { report, tells_join_again: false }));
        let again = Taken { report: ClientReport { join: None, ..report }, tells_join_again: true };
        assert_eq!(reports.judge(&stats, true, || Ok(()), now), Ok(again));
    }

    #[test]
    fn a_time_beyond_what_it_can_be_is_cut() {
        let (mut reports, now) = begun();
        let most = Some(60_000.0);
        let stats = Stats { rtt_ms: most, jitter_buffer_ms: most, device_ms: most, join_ms: most, ..Stats::default() };
        let report = reports.judge(&stats, true, || Ok(()), now).unwrap().report;
        let told = [report.rtt, report.jitter_buffer, report.device, report.join];
        assert_eq!(told, [10, 4, 1, 40].map(|seconds| Some(Duration::from_secs(seconds))));
    }

    #[test]
    fn who_resumes_has_told_their_join() {
        let (mut reports, now) = begun();
        reports.resumed();
        let stats = Stats { join_ms: Some(310.0), ..Stats::default() };
        let taken = reports.judge(&stats, true, || Ok(()), now).unwrap();
        assert_eq!((taken.report.join, taken.tells_join_again), (None, true));
    }

    #[test]
    fn whoever_hears_nobody_has_nothing_to_report() {
        let (mut reports, now) = begun();
        let judged = reports.judge(&counts(1, 0), false, || panic!("it costs nothing"), now);
        assert_eq!(judged, Err(ReportFault::NotListening.into()));
    }

    #[test]
    fn a_report_that_comes_too_soon_is_told_when_to_come() {
        let (mut reports, now) = begun();
        let too_often = NotTaken { fault: ReportFault::TooOften, retry_after: Some(Duration::from_secs(1)) };
        assert_eq!(too_often.refused().refusal, Refusal::RateLimited);
        let take_one = || Err(Duration::from_secs(1));
        assert_eq!(reports.judge(&Stats::default(), true, take_one, now), Err(too_often));
    }

    #[test]
    fn counts_do_not_go_backwards_though_late_packets_are_lost_no_more() {
        let (mut reports, mut now) = begun();
        let mut next = |received, lost| {
            now += Duration::from_secs(5);
            reports.fault(&counts(received, lost), true, now)
        };
        assert_eq!(next(100, 10), None);
        assert_eq!(next(108, 4), None, "six came late");
        assert_eq!(next(107, 20), Some(ReportFault::Backwards));
        assert_eq!(next(107, 20), None, "from there it goes on");
        assert_eq!(next(107, 19), Some(ReportFault::Backwards));
        assert_eq!(next(0, 0), Some(ReportFault::Backwards));
        assert_eq!(next(250, 0), None, "it began anew and lost one report");
    }

    #[test]
    fn more_packets_than_anyone_can_be_sent_are_absurd() {
        let (mut reports, start) = begun();
        assert_eq!(reports.fault(&counts(1_000_000_000_000, 0), true, start), None, "nobody knows when it began");
        let later = start + Duration::from_secs(5);
        let most = 1_000_000_000_000 + PACKETS_PER_SECOND_MAX * 15;
        assert_eq!(reports.fault(&counts(most, 0), true, later), None);
        assert_eq!(reports.fault(&counts(2 * most, 0), true, later), Some(ReportFault::Absurd));
        let (mut reports, start) = begun();
        assert_eq!(reports.fault(&counts(u64::MAX, u64::MAX), true, start), None, "the sum has an end");
    }

    fn begun() -> (Reports, Instant) {
        let now = crate::clock::now();
        (Reports::default(), now)
    }

    fn counts(received: u64, lost: u64) -> Stats {
        Stats { received: Some(received), lost: Some(lost), ..Stats::default() }
    }

    impl Reports {
        fn fault(&mut self, stats: &Stats, listens: bool, now: Instant) -> Option<ReportFault> {
            self.judge(stats, listens, || Ok(()), now).err().map(|not_taken| not_taken.fault)
        }
    }
}
