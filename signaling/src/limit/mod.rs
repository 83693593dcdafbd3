//! Limits: how fast someone may talk, how many may wait, and who gives way when a place is short.
//!
//! Pure: the time is an argument. It knows nothing of frames, tokens and sockets. `buckets` keeps a pace for each of many, `waiting` tells who gives
//! way, and `address` says whom one address stands for. The flood gate of one talker:
//!
//!   Allowed ──bucket empty──► Refused { answer or not } ──refused for longer than the patience──► Cut

mod address;
mod buckets;
mod waiting;

use std::time::{Duration, Instant};

pub use self::{address::ClientAddress, buckets::Buckets, waiting::Waiting};

/// A bucket that holds up to `burst` tokens and wins `per_second` of them back.
#[derive(Debug, Clone)]
pub struct TokenBucket {
    burst: f64,
    per_second: f64,
    tokens: f64,
    filled_at: Instant,
}

impl TokenBucket {
    /// A full bucket. A rate below one a second is taken as one, and so is the burst.
    #[must_use]
    pub fn new(per_second: u32, burst: u32, now: Instant) -> Self {
        let burst = f64::from(burst.max(1));
        Self { burst, per_second: f64::from(per_second.max(1)), tokens: burst, filled_at: now }
    }

    /// Takes one token, or says how long until there is one.
    pub fn take(&mut self, now: Instant) -> Result<(), Duration> {
        let elapsed = now.saturating_duration_since(self.filled_at);
        let full = self.burst.max(self.tokens);
        self.tokens = (self.tokens + elapsed.as_secs_f64() * self.per_second).min(full);
        self.filled_at = self.filled_at.max(now);
        if self.tokens >= 1.0 {
            self.tokens -= 1.0;
            return Ok(());
        }
        Err(Duration::from_secs_f64((1.0 - self.tokens) / self.per_second))
    }

    /// Returns whether the bucket is full: a new one would allow no more.
    #[must_use]
    pub fn is_full(&self, now: Instant) -> bool {
        let elapsed = now.saturating_duration_since(self.filled_at);
        self.tokens + elapsed.as_secs_f64() * self.per_second >= self.burst
    }

    /// Gives back the tokens of a standstill of the process: all that was sent meanwhile comes at once. The bucket may hold more than the burst then.
    pub fn excuse(&mut self, stood_still: Duration) {
        self.tokens += stood_still.min(EXCUSED_MAX).as_secs_f64() * self.per_second;
    }
}

/// How much of the process's standstills is excused already. Frames that were sent meanwhile come at once. They are taken as if they had come then.
#[derive(Debug, Clone, Copy)]
pub struct Excused(Duration);

impl Excused {
    /// Nothing before `stood_still` is to be excused: all standstills so far.
    #[must_use]
    pub fn all(stood_still: Duration) -> Self {
        Self(stood_still)
    }

    /// Returns the time to excuse now, of all standstills so far.
    pub fn take(&mut self, stood_still: Duration) -> Option<Duration> {
        let more = stood_still.checked_sub(self.0).filter(|more| !more.is_zero())?;
        self.0 = stood_still;
        Some(more)
    }
}

/// What becomes of one frame of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Handle it.
    Allowed,
    /// Do not handle it; tell the sender when to try again.
    Refused {
        /// How long until the next command is taken.
        retry_after: Duration,
    },
    /// Do not handle it and say nothing: enough refusals were sent in this second.
    Silent,
    /// The sender did not let up for the whole patience: close its socket.
    Cut,
}

/// A token bucket with a limited patience.
///
/// A flood is sustained as long as no [`CALM`] passes without a refused frame. Only as many refusals are answered as commands would be allowed, so
/// that a flood is not answered by a flood.
#[derive(Debug, Clone)]
pub struct FloodGate {
    bucket: TokenBucket,
    answers: TokenBucket,
    patience: Duration,
    flood: Option<Flood>,
}

#[derive(Debug, Clone, Copy)]
struct Flood {
    since: Instant,
    refused_at: Instant,
}

impl FloodGate {
    /// A gate that lets `per_second` frames through, `burst` at once, and cuts off after `patience` of flood.
    #[must_use]
    pub fn new(per_second: u32, burst: u32, patience: Duration, now: Instant) -> Self {
        Self {
            bucket: TokenBucket::new(per_second, burst, now),
            answers: TokenBucket::new(per_second, per_second, now),
            patience,
            flood: None,
        }
    }

    /// Judges one frame that arrived at `now`.
    pub fn judge(&mut self, now: Instant) -> Verdict {
        let Err(retry_after) = self.bucket.take(now) else {
            return Verdict::Allowed;
        };
        let since = match self.flood {
            Some(flood) if now.saturating_duration_since(flood.refused_at) < CALM => flood.since,
            Some(_) | None => now,
        };
        self.flood = Some(Flood { since, refused_at: now });
        if now.saturating_duration_since(since) >= self.patience {
            return Verdict::Cut;
        }
        if self.answers.take(now).is_err() {
            return Verdict::Silent;
        }
        Verdict::Refused { retry_after }
    }

    /// Returns whether nothing is held against the talker: a new gate would allow no more.
    #[must_use]
    pub fn is_calm(&self, now: Instant) -> bool {
        let is_over = self.flood.is_none_or(|flood| now.saturating_duration_since(flood.refused_at) >= CALM);
        is_over && self.bucket.is_full(now) && self.answers.is_full(now)
    }

    /// Takes what was sent during a standstill of the process as if it had come then.
    pub fn excuse(&mut self, stood_still: Duration) {
        self.bucket.excuse(stood_still);
    }
}

/// More than this is not excused at once: a socket holds no more than its buffers.
pub const EXCUSED_MAX: Duration = Duration::from_secs(60);

/// A flood is over when so much time has passed without a refused frame.
pub const CALM: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(5);

    #[test]
    fn a_burst_passes_and_the_next_is_told_when_to_come_back() {
        let start = crate::clock::now();
        let mut gate = FloodGate::new(20, 40, PATIENCE, start);
        for _ in 0..40 {
            assert_eq!(gate.judge(start), Verdict::Allowed);
        }
        assert_eq!(gate.judge(start), Verdict::Refused { retry_after: Duration::from_millis(50) });
        assert_eq!(gate.judge(start + Duration::from_millis(51)), Verdict::Allowed);
    }

    #[test]
    fn the_rate_holds_over_a_minute() {
        let start = crate::clock::now();
        let mut bucket = TokenBucket::new(20, 40, start);
        let allowed = (0..60_000u64).filter(|ms| bucket.take(start + Duration::from_millis(*ms)).is_ok()).count();
        assert!((1235..=1240).contains(&allowed), "{allowed}");
    }

    #[test]
    fn a_flood_of_five_seconds_is_cut_and_answered_sparingly() {
        let start = crate::clock::now();
        let mut gate = FloodGate::new(20, 40, PATIENCE, start);
        let mut answered = 0;
        let mut cut_at = None;
        for step in 0..60_000u64 {
            let at = start + Duration::from_micros(step * 100);
            match gate.judge(at) {
                Verdict::Allowed | Verdict::Silent => {}
                Verdict::Refused { .. } => answered += 1,
                Verdict::Cut => {
                    cut_at = Some(at - start);
                    break;
                }
            }
        }
        let cut_at = cut_at.map(|at| at.as_millis());
        assert!(cut_at.is_some_and(|ms| (5000..5100).contains(&ms)), "{cut_at:?}");
        assert!(answered <= 121, "{answered}");
    }

    #[test]
    fn pauses_end_a_flood() {
        let start = crate::clock::now();
        let mut gate = FloodGate::new(20, 40, PATIENCE, start);
        for second in 0..20u64 {
            let at = start + Duration::from_secs(second * 2);
            let verdicts: Vec<_> = (0..100).map(|_| gate.judge(at)).collect();
            assert!(!verdicts.contains(&Verdict::Cut));
        }
    }

    #[test]
    fn a_gate_is_calm_when_a_new_one_would_allow_no_more() {
        let start = crate::clock::now();
        let mut gate = FloodGate::new(2, 4, PATIENCE, start);
        assert!(gate.is_calm(start));
        for _ in 0..6 {
            gate.judge(start);
        }
        assert!(!gate.is_calm(start + Duration::from_millis(1_900)), "the bucket is not full yet");
        assert!(gate.is_calm(start + Duration::from_secs(3)));
    }

    #[test]
    fn a_clock_that_steps_back_gives_nothing_away() {
        let start = crate::clock::now() + Duration::from_secs(10);
        let mut bucket = TokenBucket::new(1, 1, start);
        assert!(bucket.take(start).is_ok());
        assert!(bucket.take(start - Duration::from_secs(5)).is_err());
        assert!(bucket.take(start).is_err());
        assert!(bucket.take(start + Duration::from_secs(1)).is_ok());
    }

    #[test]
    fn what_was_sent_during_a_standstill_is_no_flood_and_is_excused_once() {
        let start = crate::clock::now();
        let allowed_after = |stood_s: u64| {
            let mut gate = FloodGate::new(10, 5, PATIENCE, start);
            let mut excused = Excused::all(Duration::from_secs(3));
            for _ in 0..2 {
                if let Some(more) = excused.take(Duration::from_secs(stood_s)) {
                    gate.excuse(more);
                }
            }
            (0..100_000).filter(|_| gate.judge(start) == Verdict::Allowed).count()
        };
        assert_eq!([3, 23, 3_603].map(allowed_after), [5, 5 + 200, 5 + 600], "a bucket, 20 s, and the most");
    }
}
