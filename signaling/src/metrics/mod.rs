//! What signaling counts. Plain integers: whoever publishes them reads them; this crate knows no metrics system.
//!
//! Labels come from closed sets. No room, person or address is one.

use std::{
    sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    time::Duration,
};

pub use self::http::{Answers, FILES, HttpCounts, OWN_CODES};
use crate::{
    auth::Reason,
    room::{Refusal, RoleCounts},
};

mod http;

/// All counters of the signaling side.
#[derive(Debug, Default)]
pub struct Counters {
    /// Joins that were answered with a welcome.
    pub joins_ok: Count,
    /// Joins that were refused, by code.
    pub joins_refused: CodeCounts,
    /// Joins whose client was gone before the answer.
    pub joins_aborted: Count,
    /// Sessions that went on by another socket.
    pub resumes_ok: Count,
    /// Resumes that came too late or with a wrong token.
    pub resumes_refused: Count,
    /// Requests that were refused, by code; joins are not among them.
    pub refusals: CodeCounts,
    /// Bans, denials, mutes and ranks that were refused since no further one can be remembered.
    pub memory_full: Count,
    /// From a join's arrival to its welcome.
    pub join_answer: Histogram,
    /// From the start of a join to the first audio played, by the client's word.
    pub join_client: Histogram,
    /// Round-trip time of the media path, by the client's word.
    pub client_rtt: Histogram,
    /// Time that audio waits in a client's jitter buffer, by the client's word.
    pub client_jitter_buffer: Histogram,
    /// Reports of clients that were not taken, by reason.
    pub reports_refused: ReportCounts,
    /// Sockets that are open.
    pub sessions: Gauge,
    /// Sockets that were turned away because their address had too many.
    pub sessions_refused: Count,
    /// Sockets that were turned away because the server had too many, in all or on their way into a room.
    pub sessions_shed: Count,
    /// Sockets that had not joined and gave way to others.
    pub sessions_gave_way: Count,
    /// Sessions cut off because they did not read.
    pub slow_consumers: Count,
    /// Sessions cut off because they did not stop flooding.
    pub floods: Count,
    /// Frames that were no requests.
    pub faults: Count,
    /// Frames read.
    pub frames_in: Count,
    /// Frames written.
    pub frames_out: Count,
    /// Messages, and who came and went, that were not written down: their room had too many.
    pub log_spared: Count,
    /// Facts for rooms whose mailbox was full.
    pub facts_deferred: Count,
    /// Tokens that were refused, by reason.
    pub tokens_refused: TokenCounts,
    /// Answers of the HTTP API.
    pub http: HttpCounts,
    /// Webhooks, one entry a target.
    pub webhooks: Vec<TargetCounts>,
}

/// What is counted of the webhooks to one target.
#[derive(Debug)]
pub struct TargetCounts {
    /// The name that the configuration gives it.
    pub name: String,
    /// Tries by how they ended.
    pub tries: TryCounts,
    /// Deliveries that were tried for the whole time and never arrived.
    pub given_up: Count,
    waiting: AtomicUsize,
    /// When the oldest that waits was put into the outbox, in milliseconds since 1970; 0 if none waits.
    oldest_ms: AtomicU64,
}

impl TargetCounts {
    /// Those of a target that nothing was sent to yet.
    #[must_use]
    pub fn of(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            tries: TryCounts::default(),
            given_up: Count::default(),
            waiting: AtomicUsize::default(),
            oldest_ms: AtomicU64::default(),
        }
    }

    pub(crate) fn set_waiting(&self, count: usize, since_ms: Option<u64>) {
        self.waiting.store(count, Relaxed);
        self.oldest_ms.store(since_ms.unwrap_or(0), Relaxed);
    }

    /// How many deliveries wait, as was seen a few seconds ago.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.load(Relaxed)
    }

    /// How long the oldest delivery waits at `now_ms`, as it was seen a few seconds ago. Zero if none waits.
    #[must_use]
    pub fn oldest_age(&self, now_ms: u64) -> Duration {
        match self.oldest_ms.load(Relaxed) {
            0 => Duration::ZERO,
            since_ms => Duration::from_millis(now_ms.saturating_sub(since_ms)),
        }
    }
}

/// How a try to deliver a webhook ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TryOutcome {
    /// It arrived: the status is 2xx.
    Delivered,
    /// Another status, redirects included.
    Status,
    /// No answer in time.
    Timeout,
    /// No connection: no such name, nobody there, no TLS.
    Connect,
    /// The name has private addresses only, which are not permitted.
    Private,
    /// Closed before the answer, or no HTTP.
    Protocol,
}

impl TryOutcome {
    /// All of them, as they are declared.
    pub const ALL: [Self; 6] =
        [Self::Delivered, Self::Status, Self::Timeout, Self::Connect, Self::Private, Self::Protocol];

    /// Its name in metrics and logs.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Status => "status",
            Self::Timeout => "timeout",
            Self::Connect => "connect",
            Self::Private => "private",
            Self::Protocol => "protocol",
        }
    }
}

/// One count for each way in which a try ends.
#[derive(Debug, Default)]
pub struct TryCounts([Count; TryOutcome::ALL.len()]);

impl TryCounts {
    /// One more that ended so.
    pub fn add_one(&self, outcome: TryOutcome) {
        self.0[outcome as usize].add_one();
    }

    /// How many ended so.
    #[must_use]
    pub fn value(&self, outcome: TryOutcome) -> u64 {
        self.0[outcome as usize].value()
    }
}

/// Why what a client reports was not taken, or not all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportFault {
    /// A time or a count that cannot be: negative, beyond its range, no number.
    Impossible,
    /// Counts that have fallen.
    Backwards,
    /// Counts that have grown faster than anything can.
    Absurd,
    /// The session has no media, or may not subscribe.
    NotListening,
    /// More often than once a second.
    TooOften,
    /// The length of the join, told once more; the rest of the report was taken.
    JoinAgain,
}

impl ReportFault {
    /// All of them, as they are declared.
    pub const ALL: [Self; 6] =
        [Self::Impossible, Self::Backwards, Self::Absurd, Self::NotListening, Self::TooOften, Self::JoinAgain];

    /// Its name in metrics.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Impossible => "impossible",
            Self::Backwards => "backwards",
            Self::Absurd => "absurd",
            Self::NotListening => "not_listening",
            Self::TooOften => "too_often",
            Self::JoinAgain => "join_again",
        }
    }
}

/// One count for each reason.
#[derive(Debug, Default)]
pub struct ReportCounts([Count; ReportFault::ALL.len()]);

impl ReportCounts {
    /// One more for this reason.
    pub fn add_one(&self, fault: ReportFault) {
        self.0[fault as usize].add_one();
    }

    /// How many for this reason.
    #[must_use]
    pub fn value(&self, fault: ReportFault) -> u64 {
        self.0[fault as usize].value()
    }
}

/// One count for each reason to refuse a token.
#[derive(Debug)]
pub struct TokenCounts(Box<[Count]>);

impl Default for TokenCounts {
    fn default() -> Self {
        Self(Reason::ALL.iter().map(|_| Count::default()).collect())
    }
}

impl TokenCounts {
    /// One more for this reason.
    pub fn add_one(&self, reason: Reason) {
        self.0[reason as usize].add_one();
    }

    /// Every reason with its count.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Reason::ALL.iter().zip(&self.0).map(|(reason, count)| (reason.label(), count.value()))
    }
}

/// How many rooms there are, and who is in them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Population {
    /// Rooms.
    pub rooms: usize,
    /// Participants of all rooms by role.
    pub roles: RoleCounts,
}

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// One more.
    pub fn add_one(&self) {
        self.0.fetch_add(1, Relaxed);
    }

    /// How many so far.
    #[must_use]
    pub fn value(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// A number that grows and shrinks.
#[derive(Debug, Default)]
pub struct Gauge(AtomicUsize);

impl Gauge {
    /// One more.
    pub fn add_one(&self) {
        self.0.fetch_add(1, Relaxed);
    }

    /// One less.
    pub fn remove_one(&self) {
        self.0.fetch_sub(1, Relaxed);
    }

    /// How many now.
    #[must_use]
    pub fn value(&self) -> usize {
        self.0.load(Relaxed)
    }
}

/// One count for each refusal.
#[derive(Debug)]
pub struct CodeCounts(Box<[Count]>);

impl Default for CodeCounts {
    fn default() -> Self {
        Self(Refusal::ALL.iter().map(|_| Count::default()).collect())
    }
}

impl CodeCounts {
    /// One more of these.
    pub fn add_one(&self, refusal: Refusal) {
        let index = Refusal::ALL.iter().position(|each| *each == refusal);
        self.0[index.expect("ALL holds every refusal")].add_one();
    }

    /// How many of these so far.
    #[must_use]
    pub fn value(&self, refusal: Refusal) -> u64 {
        self.iter().find(|(code, _)| *code == refusal.code()).map_or(0, |(_, count)| count)
    }

    /// Every code with its count.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Refusal::ALL.iter().zip(&self.0).map(|(refusal, count)| (refusal.code(), count.value()))
    }
}

/// How long something took, counted by [`BUCKETS_MS`].
#[derive(Debug, Default)]
pub struct Histogram {
    buckets: [Count; BUCKETS_MS.len() + 1],
    sum_us: AtomicU64,
}

impl Histogram {
    /// Counts one duration.
    pub fn observe(&self, took: Duration) {
        let bucket = BUCKETS_MS.iter().position(|edge| took <= Duration::from_millis(*edge));
        self.buckets[bucket.unwrap_or(BUCKETS_MS.len())].add_one();
        self.sum_us.fetch_add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX), Relaxed);
    }

    /// How many were no longer than each edge of [`BUCKETS_MS`], and last how many there were.
    #[must_use]
    pub fn cumulative(&self) -> [u64; BUCKETS_MS.len() + 1] {
        let mut below = 0;
        std::array::from_fn(|index| {
            below += self.buckets[index].value();
            below
        })
    }

    /// All of them together, in seconds.
    #[must_use]
    pub fn sum_seconds(&self) -> f64 {
        Duration::from_micros(self.sum_us.load(Relaxed)).as_secs_f64()
    }
}

/// The upper edges of the histograms' buckets. The budgets of the product (200, 500 and 600 ms) are edges.
pub const BUCKETS_MS: [u64; 14] = [5, 10, 20, 50, 100, 150, 200, 300, 400, 500, 600, 1000, 2000, 5000];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_counts_in_its_bucket_and_all_above() {
        let histogram = Histogram::default();
        for ms in [5, 600, 601, 60_000] {
            histogram.observe(Duration::from_millis(ms));
        }
        let counts = histogram.cumulative();
        assert_eq!((counts[0], counts[9], counts[10], counts[11], counts[14]), (1, 1, 2, 3, 4));
        assert!((histogram.sum_seconds() - 61.206).abs() < 1e-6);
    }

    #[test]
    fn every_end_of_a_try_has_its_count() {
        let counts = TargetCounts::of("billing");
        for (index, outcome) in TryOutcome::ALL.into_iter().enumerate() {
            (0..=index).for_each(|_| counts.tries.add_one(outcome));
        }
        assert_eq!(TryOutcome::ALL.map(|outcome| counts.tries.value(outcome)), [1, 2, 3, 4, 5, 6]);
        assert_eq!(counts.oldest_age(5_000), Duration::ZERO);
        counts.set_waiting(3, Some(2_000));
        assert_eq!(counts.waiting(), 3);
        assert_eq!(counts.oldest_age(5_000), Duration::from_secs(3));
        assert_eq!(counts.oldest_age(1_000), Duration::ZERO, "the clock went back");
    }

    #[test]
    fn every_reason_to_refuse_a_token_has_its_count() {
        let counts = TokenCounts::default();
        counts.add_one(Reason::Signature);
        assert_eq!(counts.iter().count(), Reason::ALL.len());
        assert_eq!(counts.iter().filter(|(_, count)| *count > 0).collect::<Vec<_>>(), [("signature", 1)]);
    }

    #[test]
    fn every_refusal_has_its_count() {
        let counts = CodeCounts::default();
        for refusal in Refusal::ALL {
            counts.add_one(*refusal);
        }
        assert_eq!(counts.iter().map(|(_, count)| count).sum::<u64>(), Refusal::ALL.len() as u64);
        assert_eq!(counts.value(Refusal::RoomFull), 1);
    }
}
