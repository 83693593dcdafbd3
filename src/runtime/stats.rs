//! What one worker publishes for metrics and health: written by the worker, read by whoever asks.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::clock;
use crate::engine::counters::Counters;
use crate::latency::histogram::{Histogram, TRANSIT_EDGES};

/// One worker's published state. The worker copies its own counts here a few times a second, so that nothing on the packet path is shared.
#[derive(Debug)]
pub struct WorkerStats {
    published: Mutex<Published>,
    started: Instant,
    /// Milliseconds since `started` at the last turn of the loop.
    heartbeat_ms: AtomicU64,
}

/// A copy of a worker's counts.
#[derive(Clone, Debug)]
pub struct Published {
    /// The engine's.
    pub engine: Counters,
    /// From the moment datagrams were taken to the moment what they caused was handed to the kernel; one sample a wake-up.
    pub transit: Histogram,
    /// From the kernel's receiving of a datagram to the moment what it caused was handed back to the kernel; sampled.
    pub residence: Histogram,
    /// The same for datagrams of handshakes, every one: they wait for voices.
    pub handshakes: Histogram,
    /// Datagrams of handshakes dropped because too many waited.
    pub handshakes_lost: u64,
    /// Stamps of the kernel that were not believed, because a clock had been set or is another one: for those packets residence is counted
    /// from the moment they were taken.
    pub stamps_refused: u64,
    /// Turns of the loop.
    pub turns: u64,
    /// The longest time a turn took since the worker began, without its waiting.
    pub longest_turn: Duration,
    /// Time spent not waiting.
    pub busy: Duration,
    /// Datagrams the kernel did not take.
    pub unsent: u64,
    /// Events that could not be delivered and were given up.
    pub events_lost: u64,
}

impl WorkerStats {
    pub(super) fn new(now: Instant) -> Self {
        Self { published: Mutex::new(Published::empty()), started: now, heartbeat_ms: AtomicU64::new(0) }
    }

    /// The newest copy.
    pub fn read(&self) -> Published {
        self.published.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How long ago the worker last turned.
    pub fn silent_for(&self) -> Duration {
        let beat = Duration::from_millis(self.heartbeat_ms.load(Ordering::Relaxed));
        clock::now().saturating_duration_since(self.started + beat)
    }

    pub(super) fn beat(&self, now: Instant) {
        let since = now.saturating_duration_since(self.started).as_millis();
        self.heartbeat_ms.store(u64::try_from(since).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    pub(super) fn publish(&self, counts: &Published) {
        self.published.lock().unwrap_or_else(PoisonError::into_inner).clone_from(counts);
    }
}

impl Published {
    pub(super) fn empty() -> Self {
        Self {
            engine: Counters::default(),
            transit: Histogram::new(TRANSIT_EDGES),
            residence: Histogram::new(TRANSIT_EDGES),
            handshakes: Histogram::new(TRANSIT_EDGES),
            handshakes_lost: 0,
            stamps_refused: 0,
            turns: 0,
            longest_turn: Duration::ZERO,
            busy: Duration::ZERO,
            unsent: 0,
            events_lost: 0,
        }
    }
}
