//! The only place of this crate that reads a clock. Everything below is told the time.
//!
//! Rooms and timers live on the monotonic clock, tokens on the wall clock: a step of the latter ends no session.
//!
//! The monotonic clock shows the time in which the process ran. It leaves a standstill of the
//! process out, so a standstill makes no deadline pass: of a first frame, a grace, a reservation, an
//! invite, a turn, a request's head, a try of a webhook. For the same reason nothing in production
//! waits by tokio's own timers, but by [`sleep`], [`sleep_until`], [`timeout`] and [`timeout_at`].
//!
//! Some promises are of the calendar, and a standstill does not move them: the end of a token, the
//! times of a webhook's tries and its end, how long events are kept.

#![expect(clippy::disallowed_methods, reason = "this is the clock")]

use std::{
    future::Future,
    sync::{Once, OnceLock},
};
use std::{
    io, thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use crate::standstill::{BEAT, Standstills};

/// The monotonic time without standstills.
#[must_use]
pub fn now() -> Instant {
    let start = start();
    start + Duration::from_nanos(STANDSTILLS.shown_at(since(start)))
}

/// How long the process stood still since it was started, all in all.
#[must_use]
pub fn stood_still() -> Duration {
    STANDSTILLS.lost_at(since(start()))
}

/// How much of the last `age` the process ran.
#[must_use]
pub fn ran_of(age: Duration) -> Duration {
    let now = since(start());
    let then = now.saturating_sub(u64::try_from(age.as_nanos()).unwrap_or(u64::MAX));
    Duration::from_nanos(STANDSTILLS.shown_at(now).saturating_sub(STANDSTILLS.shown_at(then))).min(age)
}

/// Starts the thread that notices standstills. The second call and every later one do nothing.
///
/// # Errors
///
/// There can be no thread.
pub fn watch() -> io::Result<()> {
    let mut started = Ok(());
    WATCH.call_once(|| {
        let start = start();
        STANDSTILLS.beat(since(start));
        let watch = move || {
            loop {
                thread::sleep(BEAT);
                let stood = STANDSTILLS.beat(since(start));
                if stood >= NOTABLE {
                    tracing::warn!(ms = stood.as_millis(), "the process stood still; this time counts against nobody");
                }
            }
        };
        started = thread::Builder::new().name("standstill".to_owned()).spawn(watch).map(drop);
    });
    started
}

/// Waits for so long.
pub async fn sleep(duration: Duration) {
    sleep_until(now() + duration).await;
}

/// Waits until [`now`] shows this.
pub async fn sleep_until(when: Instant) {
    loop {
        let left = when.saturating_duration_since(now());
        if left.is_zero() {
            return;
        }
        // Right after a standstill the clock waits for its next beat.
        tokio::time::sleep(left.max(GRAIN)).await;
    }
}

/// It took too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLate;

/// Waits for something, for so long at most. A thing that is ready is in time.
///
/// # Errors
///
/// It is not ready in time.
pub async fn timeout<F: Future>(patience: Duration, waited_for: F) -> Result<F::Output, TooLate> {
    timeout_at(now() + patience, waited_for).await
}

/// Waits for something until [`now`] shows this. A thing that is ready is in time.
///
/// # Errors
///
/// It is not ready in time.
pub async fn timeout_at<F: Future>(deadline: Instant, waited_for: F) -> Result<F::Output, TooLate> {
    tokio::select! {
        biased;
        output = waited_for => Ok(output),
        () = sleep_until(deadline) => Err(TooLate),
    }
}

/// Seconds since 1970 by the wall clock; 0 when that clock stands before it.
#[must_use]
pub fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Milliseconds since 1970 by the wall clock, which `ping` answers with.
#[must_use]
pub fn unix_millis() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|since| u64::try_from(since.as_millis()).ok())
        .unwrap_or(0)
}

fn start() -> Instant {
    static START: OnceLock<Instant> = OnceLock::new();
    *START.get_or_init(Instant::now)
}

fn since(start: Instant) -> u64 {
    u64::try_from(Instant::now().saturating_duration_since(start).as_nanos()).unwrap_or(u64::MAX)
}

static STANDSTILLS: Standstills = Standstills::none();

static WATCH: Once = Once::new();

/// A standstill that somebody should look at.
const NOTABLE: Duration = Duration::from_secs(1);

/// Nobody asks more often than this whether the clock goes on.
const GRAIN: Duration = Duration::from_millis(1);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]

    use super::*;

    #[tokio::test]
    async fn waiting_ends_when_the_clock_shows_the_time_and_what_is_ready_is_in_time() {
        let until = now() + Duration::from_millis(30);
        sleep_until(until).await;
        assert!(now() >= until);
        assert_eq!(timeout(Duration::ZERO, async { 7 }).await, Ok(7));
        assert_eq!(timeout(Duration::from_millis(5), std::future::pending::<()>()).await, Err(TooLate));
    }

    #[test]
    fn a_process_that_runs_has_run_all_the_time() {
        watch().unwrap();
        watch().unwrap();
        let age = Duration::from_millis(1);
        assert!(ran_of(age) <= age && ran_of(Duration::ZERO).is_zero());
    }
}
