//! The door is what signaling asks before it lets someone in: a few atomics that the monitor sets once a second.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use podium_signaling::monitor::NotNow;
use podium_signaling::room::{Refusal, Role};

use crate::latency::gate::{self, Gate, Step};
use crate::latency::pace::{PER_S_MAX, Pace};

/// The door as it stands.
#[derive(Debug)]
pub(super) struct Door {
    enforce: bool,
    started: Instant,
    step: AtomicU8,
    /// Memory or descriptors are short: another node would have some.
    is_full: AtomicBool,
    full_at_us: AtomicU64,
    every_us: AtomicU64,
    depth_us: AtomicU64,
    /// How many were refused of late, in all: they will come again.
    ahead: AtomicU64,
    dice: AtomicU64,
    refused: [AtomicU64; 3],
    /// Those who were refused before anybody asked as what they came.
    unasked: AtomicU64,
    /// Those of them who were refused for coming too many at once.
    paced: AtomicU64,
}

impl Door {
    pub(super) fn new(enforce: bool, now: Instant) -> Self {
        let pace = Pace::per_second(PER_S_MAX);
        Self {
            enforce,
            started: now,
            step: AtomicU8::new(0),
            is_full: AtomicBool::new(false),
            full_at_us: AtomicU64::new(0),
            every_us: AtomicU64::new(pace.every_us),
            depth_us: AtomicU64::new(pace.depth_us),
            ahead: AtomicU64::new(0),
            dice: AtomicU64::new(1),
            refused: Default::default(),
            unasked: AtomicU64::new(0),
            paced: AtomicU64::new(0),
        }
    }

    /// Sets it as the gate and the pace say. Once a second.
    pub(super) fn set(&self, gate: &Gate, joins_per_s: f64, now: Instant) {
        let (before, now_us) = (self.pace(), self.micros(now));
        let pace = Pace::per_second(joins_per_s);
        self.step.store(gate.step() as u8, Relaxed);
        self.is_full.store(gate.cause().is_space(), Relaxed);
        self.every_us.store(pace.every_us, Relaxed);
        self.depth_us.store(pace.depth_us, Relaxed);
        let rescaled = |full_at| (pace != before).then(|| pace.rescale(full_at, now_us, &before));
        let _full_at = self.full_at_us.fetch_update(Relaxed, Relaxed, rescaled);
        // Whoever was refused a while ago has come again or has gone.
        let _ahead = self.ahead.fetch_update(Relaxed, Relaxed, |ahead| Some(ahead - ahead.div_ceil(AHEAD_FADES)));
    }

    /// Whether the next one may come in whoever they are. It counts as one if so.
    pub(super) fn admits_everyone(&self, now: Instant) -> bool {
        !self.enforce || (self.step() == Step::Everyone && self.take(now, 0.0))
    }

    /// Whether the gate refuses nobody. No pace is kept of who asks.
    pub(super) fn is_open(&self) -> bool {
        !self.enforce || self.step() == Step::Everyone
    }

    /// Whether nobody may, hosts included.
    pub(super) fn refuses_everyone(&self) -> Option<NotNow> {
        (self.enforce && self.step() == Step::RefuseHosts).then(|| self.not_now(&self.unasked))
    }

    /// Whether one of this role may come in. It counts as one if so.
    pub(super) fn admit(&self, role: Role, now: Instant) -> Result<(), NotNow> {
        if !self.enforce {
            return Ok(());
        }
        let refused_from = match role {
            Role::Listener => Step::RefuseListeners,
            Role::Guest => Step::RefuseGuests,
            Role::Host => Step::RefuseHosts,
        };
        if self.step() >= refused_from {
            return Err(self.not_now(&self.refused[role as usize]));
        }
        let in_time = match role {
            Role::Listener => self.take(now, 0.0),
            Role::Guest => self.take(now, GUESTS_CREDIT),
            // A host is one, and brings the others: the pace is kept by those who come after.
            Role::Host => self.take_anyway(now),
        };
        if in_time {
            return Ok(());
        }
        self.paced.fetch_add(1, Relaxed);
        Err(self.not_now(&self.refused[role as usize]))
    }

    /// How many were refused for coming too many at once, since the start.
    pub(super) fn paced(&self) -> u64 {
        self.paced.load(Relaxed)
    }

    /// How many of this role were refused since the start.
    pub(super) fn refused(&self, role: Role) -> u64 {
        self.refused[role as usize].load(Relaxed)
    }

    /// How many were refused before anybody asked for their role.
    pub(super) fn unasked(&self) -> u64 {
        self.unasked.load(Relaxed)
    }

    /// What someone who is refused would be told.
    pub(super) fn retry_after(&self) -> Duration {
        let dice = self.dice.fetch_add(1, Relaxed).wrapping_mul(DICE_FACTOR) >> 20;
        let every_us = self.every_us.load(Relaxed).max(1);
        gate::retry_after(self.ahead.load(Relaxed) as f64, 1e6 / every_us as f64, dice)
    }

    fn step(&self) -> Step {
        Step::ALL[usize::from(self.step.load(Relaxed)).min(Step::ALL.len() - 1)]
    }

    fn not_now(&self, refused: &AtomicU64) -> NotNow {
        // Whoever they were: they will come again.
        self.ahead.fetch_add(1, Relaxed);
        refused.fetch_add(1, Relaxed);
        let is_full = self.step() != Step::Everyone && self.is_full.load(Relaxed);
        let refusal = if is_full { Refusal::NodeFull } else { Refusal::LatencyAtRisk };
        NotNow { refusal, retry_after: self.retry_after() }
    }

    fn take(&self, now: Instant, credit: f64) -> bool {
        let (pace, now_us) = (self.pace(), self.micros(now));
        self.full_at_us.fetch_update(Relaxed, Relaxed, |full_at| pace.take(full_at, now_us, credit)).is_ok()
    }

    fn take_anyway(&self, now: Instant) -> bool {
        let (pace, now_us) = (self.pace(), self.micros(now));
        let taken = self.full_at_us.fetch_update(Relaxed, Relaxed, |full_at| Some(pace.take_anyway(full_at, now_us)));
        taken.is_ok()
    }

    fn pace(&self) -> Pace {
        Pace { every_us: self.every_us.load(Relaxed), depth_us: self.depth_us.load(Relaxed) }
    }

    fn micros(&self, now: Instant) -> u64 {
        u64::try_from(now.saturating_duration_since(self.started).as_micros()).unwrap_or(u64::MAX)
    }
}

/// Guests may come in half a bucket further than listeners.
const GUESTS_CREDIT: f64 = 0.5;
/// Of those refused, one in so many is no longer counted each second.
const AHEAD_FADES: u64 = 8;
/// An odd number whose multiples spread over all bits (2^64 divided by the golden ratio).
const DICE_FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latency::gate::{Pressures, Signal};
    use crate::runtime::clock;

    fn pressed(signal: Signal, pressure: f64, seconds: u64) -> Gate {
        let mut gate = Gate::new(0.85);
        let mut pressures = Pressures::default();
        pressures.set(signal, pressure);
        for second in 0..seconds {
            gate.press(&pressures, clock::now() + Duration::from_secs(second));
        }
        gate
    }

    #[test]
    fn who_is_refused_depends_on_the_step_and_what_they_are_told_on_its_cause() {
        let now = clock::now();
        let door = Door::new(true, now);
        assert!(door.admits_everyone(now) && door.is_open() && door.refuses_everyone().is_none());
        door.set(&pressed(Signal::Cpu, 0.9, 3), 100.0, now);
        assert!(!door.admits_everyone(now) && !door.is_open());
        let refused = door.admit(Role::Listener, now).expect_err("refused");
        assert_eq!(refused.refusal, Refusal::LatencyAtRisk);
        assert!((2..=15).contains(&refused.retry_after.as_secs()));
        assert!(door.admit(Role::Guest, now).is_ok() && door.admit(Role::Host, now).is_ok());
        door.set(&pressed(Signal::Descriptors, 1.0, 3), 100.0, now);
        assert_eq!(door.admit(Role::Host, now).map_err(|not_now| not_now.refusal), Err(Refusal::NodeFull));
        assert!(door.refuses_everyone().is_some());
        assert_eq!((door.refused(Role::Listener), door.refused(Role::Host), door.unasked()), (1, 1, 1));
    }

    #[test]
    fn a_storm_is_let_in_at_its_pace_and_hosts_at_any() {
        let now = clock::now();
        let door = Door::new(true, now);
        door.set(&Gate::new(0.85), 10.0, now);
        let in_at_once = (0..1_000).filter(|_| door.admits_everyone(now)).count();
        assert_eq!(in_at_once, 20);
        assert!(door.is_open(), "those without media come in at any pace");
        assert_eq!(door.admit(Role::Listener, now).map_err(|not_now| not_now.refusal), Err(Refusal::LatencyAtRisk));
        assert_eq!((0..1_000).filter(|_| door.admit(Role::Guest, now).is_ok()).count(), 10);
        assert!((0..100).all(|_| door.admit(Role::Host, now).is_ok()));
        assert_eq!(door.paced(), 1 + 990);
        let later = now + Duration::from_secs(10);
        assert!(door.admits_everyone(later), "a storm is over at some time");
    }

    #[test]
    fn when_the_load_has_gone_listeners_do_not_wait_out_the_old_pace() {
        let now = clock::now();
        let door = Door::new(true, now);
        door.set(&Gate::new(0.85), 2.0, now);
        while door.admit(Role::Listener, now).is_ok() {}
        door.set(&Gate::new(0.85), 2.0, now);
        assert!(door.admit(Role::Listener, now).is_err(), "the same pace, the same debt");
        door.set(&Gate::new(0.85), 100.0, now);
        assert!(door.admit(Role::Listener, now).is_ok());
    }

    #[test]
    fn a_door_that_enforces_nothing_lets_everyone_in() {
        let now = clock::now();
        let door = Door::new(false, now);
        door.set(&pressed(Signal::Cpu, 5.0, 9), 2.0, now);
        assert!((0..1_000).all(|_| door.admits_everyone(now) && door.admit(Role::Listener, now).is_ok()));
        assert!(door.refuses_everyone().is_none());
    }
}
