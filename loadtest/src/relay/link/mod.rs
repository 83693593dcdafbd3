//! A link is one direction of one line: told what comes when, it says what leaves when.
//!
//! It knows no clock and no socket: times are counted from when the relay began. Its dice are seeded, and each kind of trouble has its own, so
//! that a run can be repeated, and one kind can be turned on without another being thrown anew.
//!
//! ```text
//! datagram ──► blackout ──► loss, burst ──► rate, queue ──► delay, jitter ──► out of turn ──► twice ──► due
//!                 │              │               │
//!                 ╰──────────────┴───────────────┴──► lost
//! ```

use std::time::Duration;

use super::impairment::{Burst, Distribution, Impairment, Share};
use crate::dice::Dice;

/// One direction of one line.
#[derive(Clone, Debug)]
pub struct Link {
    impairment: Impairment,
    dice: DiceByTrouble,
    is_bad: bool,
    /// When the bottleneck has sent what it took.
    free_at: Duration,
    /// When the last of those that keep their turn is due.
    last_due: Duration,
    /// Nothing gets onto the line until then.
    dark_until: Duration,
}

/// What becomes of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is due then.
    Due(Duration),
    /// It is overtaken by others, and due then.
    OutOfTurn(Duration),
    /// It is due then, and once more at the same time.
    Twice(Duration),
    /// It is lost.
    Lost(Cause),
}

/// Why a datagram is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// It came in a blackout.
    Blackout,
    /// A throw of its own.
    Loss,
    /// The line was bad.
    Burst,
    /// It would have waited too long at the bottleneck.
    QueueFull,
}

impl Link {
    /// A link on which nothing has been yet.
    pub fn new(impairment: Impairment, seed: u64) -> Self {
        Self {
            impairment,
            dice: DiceByTrouble::new(seed),
            is_bad: false,
            free_at: Duration::ZERO,
            last_due: Duration::ZERO,
            dark_until: Duration::ZERO,
        }
    }

    /// From now on it does this. What is under way stays as it is.
    pub fn change(&mut self, impairment: Impairment) {
        if impairment.rate.is_none() {
            // Nobody waits at a bottleneck that is no longer there.
            self.free_at = Duration::ZERO;
        }
        self.impairment = impairment;
    }

    /// Nothing gets onto the line until then, besides the blackouts that are set.
    pub fn black_out(&mut self, until: Duration) {
        self.dark_until = self.dark_until.max(until);
    }

    /// Takes a datagram of so many bytes at this time, which is not before that of the one before.
    pub fn carry(&mut self, bytes: usize, now: Duration) -> Fate {
        // All dice are thrown for each datagram, whatever comes of it: its successors' throws do not depend on that.
        let thrown = self.throw();
        if self.light_at(now) > now {
            return Fate::Lost(Cause::Blackout);
        }
        if thrown.is_lost {
            return Fate::Lost(Cause::Loss);
        }
        if thrown.is_lost_in_burst {
            return Fate::Lost(Cause::Burst);
        }
        if self.free_at.saturating_sub(now) > self.impairment.queue {
            return Fate::Lost(Cause::QueueFull);
        }
        let due = self.past_bottleneck(bytes + HEADER_BYTES, now) + thrown.way;
        if thrown.is_out_of_turn {
            return Fate::OutOfTurn(due.max(self.last_due) + self.impairment.reorder_by);
        }
        self.last_due = self.last_due.max(due);
        if thrown.is_doubled { Fate::Twice(self.last_due) } else { Fate::Due(self.last_due) }
    }

    /// Takes a piece of a stream of so many bytes at this time; says when it is due. A stream waits for the end of a blackout and for the
    /// bottleneck, loses nothing, and keeps its order.
    pub fn carry_stream(&mut self, bytes: usize, now: Duration) -> Duration {
        let thrown = self.throw();
        let light = self.light_at(now);
        let due = self.past_bottleneck(bytes, light) + thrown.way;
        self.last_due = self.last_due.max(due);
        self.last_due
    }

    /// Now, or the end of the blackout that is.
    fn light_at(&self, now: Duration) -> Duration {
        let mut light = now.max(self.dark_until);
        // One blackout may end in the next: as often as there are some.
        for _ in &self.impairment.blackouts {
            let dark = self.impairment.blackouts.iter().filter(|window| window.contains(&light));
            light = dark.map(|window| window.end).max().unwrap_or(light);
        }
        light
    }

    fn past_bottleneck(&mut self, bytes: usize, now: Duration) -> Duration {
        let Some(rate) = self.impairment.rate else {
            return now;
        };
        let takes = Duration::from_secs_f64(bytes as f64 * 8.0 / rate.max(1) as f64);
        self.free_at = self.free_at.max(now) + takes;
        self.free_at
    }

    fn throw(&mut self) -> Thrown {
        let Impairment { loss, burst, reorder, duplicate, .. } = self.impairment;
        Thrown {
            is_lost: falls(&mut self.dice.loss, loss),
            is_lost_in_burst: self.is_lost_in_burst(burst),
            way: self.way(),
            is_out_of_turn: falls(&mut self.dice.reorder, reorder),
            is_doubled: falls(&mut self.dice.duplicate, duplicate),
        }
    }

    fn is_lost_in_burst(&mut self, burst: Option<Burst>) -> bool {
        let Some(burst) = burst else {
            self.is_bad = false;
            return false;
        };
        let turns = falls(&mut self.dice.burst, if self.is_bad { burst.leave } else { burst.enter });
        self.is_bad ^= turns;
        falls(&mut self.dice.burst, burst.loss) && self.is_bad
    }

    /// How long the way takes, this time.
    fn way(&mut self) -> Duration {
        let Impairment { delay, jitter, distribution, .. } = self.impairment;
        let (one, other) = (self.dice.jitter.unit(), self.dice.jitter.unit());
        let jitters = match distribution {
            Distribution::Uniform => 2.0 * one - 1.0,
            Distribution::Normal => {
                // Box and Muller: two even throws make one that is normal. One minus the first is never zero.
                let normal = (-2.0 * (1.0 - one).ln()).sqrt() * (std::f64::consts::TAU * other).cos();
                normal.clamp(-NORMAL_MAX, NORMAL_MAX)
            }
            Distribution::Exponential => (-(1.0 - one).ln()).min(EXPONENTIAL_MAX),
        };
        Duration::from_secs_f64((delay.as_secs_f64() + jitter.as_secs_f64() * jitters).max(0.0))
    }
}

/// What the dice say of one datagram.
struct Thrown {
    is_lost: bool,
    is_lost_in_burst: bool,
    way: Duration,
    is_out_of_turn: bool,
    is_doubled: bool,
}

#[derive(Clone, Debug)]
struct DiceByTrouble {
    loss: Dice,
    burst: Dice,
    jitter: Dice,
    reorder: Dice,
    duplicate: Dice,
}

impl DiceByTrouble {
    fn new(seed: u64) -> Self {
        let mut seeds = Dice::new(seed);
        let mut dice = || Dice::new(seeds.any());
        Self { loss: dice(), burst: dice(), jitter: dice(), reorder: dice(), duplicate: dice() }
    }
}

fn falls(dice: &mut Dice, share: Share) -> bool {
    dice.unit() < share.fraction()
}

/// IPv4 and UDP, in front of each datagram.
const HEADER_BYTES: usize = 28;
/// Standard deviations beyond which nothing is that late.
const NORMAL_MAX: f64 = 3.0;
/// Means beyond which nothing is that late.
const EXPONENTIAL_MAX: f64 = 10.0;

#[cfg(test)]
mod tests;
