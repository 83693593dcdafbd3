//! The gate decides who may come in: when the server comes near a limit, newcomers are refused so that those who are in are not harmed.
//!
//! ```text
//! everyone ──0.85──► no listeners ──0.92──► no guests ──0.97──► no hosts
//!          ◄── each step back after 5 s well below its own threshold ──
//! ```
//!
//! The pressure is the worst of several signals, each what was measured of what it may be. Only the server's own doing counts: a client's slow
//! network presses nothing.
//!
//! One bad second refuses listeners at most:
//! - A step beyond them needs evidence that is newer than the last step: what was measured within the last second, and of joins and packets a second
//!   that began a second after the last step, for what one stall delayed is measured on both sides of a look.
//! - While the process uses less than half of its CPU, slow joins and late packets refuse no guests and no hosts. It may use its control group's quota
//!   or all cores; a media worker may use one core.
//! - Hosts are refused only while the last second is bad, without any calm to wait for.
//!
//! A pressure that comes and goes would open and close the gate all the time: a step that is taken again within a minute of being left is left
//! after twice the calm, up to 40 s, and after 5 s again once it has not been needed for two minutes. The ladder does the same.
//!
//! The ladder is what is given up besides: the audience hears fewer voices at once while guests are refused or packets stay here for too long.

use std::time::{Duration, Instant};

use super::class::lasted;

/// What presses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Signal {
    /// The server's own part of joins.
    Join,
    /// How long packets stay here.
    Residence,
    /// The CPU of the process, of what it may use.
    Cpu,
    /// The CPU of the busiest media worker, of one core.
    Media,
    /// Memory.
    Memory,
    /// Descriptors.
    Descriptors,
}

impl Signal {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Join, Self::Residence, Self::Cpu, Self::Media, Self::Memory, Self::Descriptors];

    /// Its name in metrics and on pages.
    pub fn label(self) -> &'static str {
        match self {
            Self::Media => "media",
            Self::Join | Self::Residence | Self::Cpu | Self::Memory | Self::Descriptors => self.budget(),
        }
    }

    /// The budget that it is about.
    pub fn budget(self) -> &'static str {
        match self {
            Self::Join => "join",
            Self::Residence => "residence",
            Self::Cpu | Self::Media => "cpu",
            Self::Memory => "memory",
            Self::Descriptors => "descriptors",
        }
    }

    /// Whether more of it would need more of a machine, and not a quicker one.
    pub fn is_space(self) -> bool {
        match self {
            Self::Memory | Self::Descriptors => true,
            Self::Join | Self::Residence | Self::Cpu | Self::Media => false,
        }
    }

    /// Whether it is made of what happened to people and packets: then a stall that is over is still seen in it.
    fn is_sampled(self) -> bool {
        match self {
            Self::Join | Self::Residence => true,
            Self::Cpu | Self::Media | Self::Memory | Self::Descriptors => false,
        }
    }
}

/// All signals at one moment; 1 is all there may be.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Pressures {
    /// Over each signal's own while.
    lately: [f64; 6],
    /// Over the last second.
    last_second: [f64; 6],
}

impl Pressures {
    /// Sets one that is as it is at this moment. A value that is no number presses nothing.
    pub fn set(&mut self, signal: Signal, pressure: f64) {
        self.set_over(signal, pressure, pressure);
    }

    /// Sets one that was measured over a while, and over the last second of it.
    pub fn set_over(&mut self, signal: Signal, lately: f64, last_second: f64) {
        let sound = |pressure: f64| if pressure.is_finite() { pressure.max(0.0) } else { 0.0 };
        self.lately[signal as usize] = sound(lately);
        self.last_second[signal as usize] = sound(last_second);
    }

    /// One of them, over its own while.
    pub fn of(&self, signal: Signal) -> f64 {
        self.lately[signal as usize]
    }

    /// The worst lately, and how much it is.
    fn lately(&self, others_max: f64) -> (Signal, f64) {
        worst(&self.lately, others_max, true)
    }

    /// The worst of the last second, and how much it is. Samples count only if all of them are newer than the last step.
    fn last_second(&self, others_max: f64, are_samples_new: bool) -> (Signal, f64) {
        worst(&self.last_second, others_max, are_samples_new)
    }
}

/// The worst of these, and how much it is. Where this process uses little of its CPU, joins and packets are late by others' doing: then that weighs no
/// more than `others_max`, for to refuse people would not make it better.
fn worst(pressures: &[f64; 6], others_max: f64, do_samples_count: bool) -> (Signal, f64) {
    let of = |signal: Signal| pressures[signal as usize];
    let is_own = of(Signal::Cpu).max(of(Signal::Media)) >= OWN_FROM;
    let sampled_max = match (do_samples_count, is_own) {
        (false, _) => 0.0,
        (true, false) => others_max,
        (true, true) => f64::INFINITY,
    };
    let mut worst = (Signal::Join, 0.0);
    for signal in Signal::ALL {
        let most = if signal.is_sampled() { sampled_max } else { f64::INFINITY };
        let pressure = of(signal).min(most);
        if pressure > worst.1 {
            worst = (signal, pressure);
        }
    }
    worst
}

/// Who may come in, in the order in which people are refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Step {
    /// Everyone may.
    #[default]
    Everyone,
    /// No new listeners.
    RefuseListeners,
    /// No new guests either.
    RefuseGuests,
    /// Nobody new.
    RefuseHosts,
}

impl Step {
    /// All of them, in order.
    pub const ALL: [Self; 4] = [Self::Everyone, Self::RefuseListeners, Self::RefuseGuests, Self::RefuseHosts];

    /// Its name.
    pub fn label(self) -> &'static str {
        match self {
            Self::Everyone => "everyone",
            Self::RefuseListeners => "refuse_listeners",
            Self::RefuseGuests => "refuse_guests",
            Self::RefuseHosts => "refuse_hosts",
        }
    }

    /// The act of taking this step from the one before it.
    fn refusing(self) -> Act {
        match self {
            Self::Everyone | Self::RefuseListeners => Act::RefuseListeners,
            Self::RefuseGuests => Act::RefuseGuests,
            Self::RefuseHosts => Act::RefuseHosts,
        }
    }

    /// The act of leaving this step for the one before it.
    fn admitting(self) -> Act {
        match self {
            Self::Everyone | Self::RefuseListeners => Act::AdmitListeners,
            Self::RefuseGuests => Act::AdmitGuests,
            Self::RefuseHosts => Act::AdmitHosts,
        }
    }

    fn higher(self) -> Self {
        Self::ALL[(self as usize + 1).min(Self::ALL.len() - 1)]
    }

    fn lower(self) -> Self {
        Self::ALL[(self as usize).saturating_sub(1)]
    }

    /// The pressure from which on it is taken.
    fn threshold(self, refuse_at: f64) -> f64 {
        match self {
            Self::Everyone => 0.0,
            Self::RefuseListeners => refuse_at,
            Self::RefuseGuests => refuse_at + (1.0 - refuse_at) * GUESTS_SHARE,
            Self::RefuseHosts => refuse_at + (1.0 - refuse_at) * HOSTS_SHARE,
        }
    }
}

/// What a gate or the ladder does, or the monitor to a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Act {
    /// New listeners are refused.
    RefuseListeners,
    /// New guests are refused.
    RefuseGuests,
    /// New hosts are refused.
    RefuseHosts,
    /// New hosts may come in again.
    AdmitHosts,
    /// New guests may come in again.
    AdmitGuests,
    /// New listeners may come in again.
    AdmitListeners,
    /// The audience hears fewer voices at once.
    FewerSlots,
    /// It hears more again.
    MoreSlots,
    /// Packets were too old to be sent.
    DropStale,
    /// Hosts are told that someone on stage lags.
    FlagParticipant,
    /// They no longer do.
    UnflagParticipant,
}

impl Act {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::RefuseListeners,
        Self::RefuseGuests,
        Self::RefuseHosts,
        Self::AdmitHosts,
        Self::AdmitGuests,
        Self::AdmitListeners,
        Self::FewerSlots,
        Self::MoreSlots,
        Self::DropStale,
        Self::FlagParticipant,
        Self::UnflagParticipant,
    ];

    /// Its name.
    pub fn label(self) -> &'static str {
        match self {
            Self::RefuseListeners => "refuse_listeners",
            Self::RefuseGuests => "refuse_guests",
            Self::RefuseHosts => "refuse_hosts",
            Self::AdmitHosts => "admit_hosts",
            Self::AdmitGuests => "admit_guests",
            Self::AdmitListeners => "admit_listeners",
            Self::FewerSlots => "fewer_slots",
            Self::MoreSlots => "more_slots",
            Self::DropStale => "drop_stale",
            Self::FlagParticipant => "flag_participant",
            Self::UnflagParticipant => "unflag_participant",
        }
    }
}

/// How much calm it takes to leave what is taken again and again.
#[derive(Clone, Copy, Debug, Default)]
struct Patience {
    /// How often it was taken again too soon.
    doublings: u32,
    left_at: Option<Instant>,
}

impl Patience {
    fn taken(&mut self, now: Instant) {
        let Some(rest) = self.left_at.map(|at| now.saturating_duration_since(at)) else {
            return;
        };
        if rest < AGAIN_WITHIN {
            self.doublings = (self.doublings + 1).min(DOUBLINGS_MAX);
        } else if rest >= FORGOTTEN_AFTER {
            self.doublings = 0;
        }
    }

    fn left(&mut self, now: Instant) {
        self.left_at = Some(now);
    }

    fn calm_for(&self) -> Duration {
        CALM_FOR * (1 << self.doublings)
    }
}

/// The gate and the ladder as they stand.
#[derive(Clone, Copy, Debug)]
pub struct Gate {
    refuse_at: f64,
    step: Step,
    /// What pressed most when someone was last refused anew.
    cause: Signal,
    /// When the last step was taken, up or down.
    stepped_at: Option<Instant>,
    calm_since: Option<Instant>,
    /// By step.
    patience: [Patience; 4],
    slots: Option<u8>,
    slots_calm_since: Option<Instant>,
    slots_patience: Patience,
}

impl Gate {
    /// An open gate that refuses listeners from this pressure on.
    pub fn new(refuse_at: f64) -> Self {
        Self {
            refuse_at,
            step: Step::Everyone,
            cause: Signal::Join,
            stepped_at: None,
            calm_since: None,
            patience: Default::default(),
            slots: None,
            slots_calm_since: None,
            slots_patience: Patience::default(),
        }
    }

    /// Takes the pressures of this second and says what it does about them, and why.
    pub fn press(&mut self, pressures: &Pressures, now: Instant) -> Vec<(Act, Signal)> {
        let mut acts = Vec::new();
        let lately = pressures.lately(self.refuse_at);
        let are_samples_new = self.stepped_at.is_none_or(|at| now.saturating_duration_since(at) >= SAMPLES_NEW_AFTER);
        let last_second = pressures.last_second(self.refuse_at, are_samples_new);
        let next = self.step.higher();
        let (worst, pressure) = match next {
            Step::Everyone | Step::RefuseListeners => lately,
            Step::RefuseGuests | Step::RefuseHosts => last_second,
        };
        let (is_calm, calm_for) = match self.step {
            Step::Everyone => (false, CALM_FOR),
            Step::RefuseListeners | Step::RefuseGuests => {
                let below = self.step.threshold(self.refuse_at) - EASED_BY;
                (lately.1 < below, self.patience[self.step as usize].calm_for())
            }
            Step::RefuseHosts => {
                let (_, pressure) = pressures.last_second(self.refuse_at, true);
                (pressure < Step::RefuseGuests.threshold(self.refuse_at), Duration::ZERO)
            }
        };
        if next != self.step && pressure >= next.threshold(self.refuse_at) {
            (self.step, self.cause, self.calm_since, self.stepped_at) = (next, worst, None, Some(now));
            self.patience[next as usize].taken(now);
            acts.push((next.refusing(), worst));
        } else if lasted(&mut self.calm_since, is_calm, now, calm_for) {
            acts.push((self.step.admitting(), self.cause));
            self.patience[self.step as usize].left(now);
            (self.step, self.calm_since, self.stepped_at) = (self.step.lower(), None, Some(now));
        }
        acts.extend(self.climb(pressures, now));
        acts
    }

    fn climb(&mut self, pressures: &Pressures, now: Instant) -> Option<(Act, Signal)> {
        let late = pressures.of(Signal::Residence);
        let why = if late >= 1.0 { Signal::Residence } else { self.cause };
        if late >= 1.0 || self.step >= Step::RefuseGuests {
            self.slots_calm_since = None;
            let is_news = self.slots != Some(1);
            self.slots = Some(1);
            if is_news {
                self.slots_patience.taken(now);
            }
            return is_news.then_some((Act::FewerSlots, why));
        }
        let calm = self.slots.is_some() && late < self.refuse_at - EASED_BY;
        if !lasted(&mut self.slots_calm_since, calm, now, self.slots_patience.calm_for()) {
            return None;
        }
        self.slots_patience.left(now);
        self.slots_calm_since = None;
        self.slots = self.slots.filter(|slots| *slots < SLOTS_BEFORE_ALL).map(|slots| slots + 1);
        Some((Act::MoreSlots, why))
    }

    /// Who may come in.
    pub fn step(&self) -> Step {
        self.step
    }

    /// The pressures from which on listeners, guests and hosts are refused.
    pub fn limits(&self) -> [f64; 3] {
        [Step::RefuseListeners, Step::RefuseGuests, Step::RefuseHosts].map(|step| step.threshold(self.refuse_at))
    }

    /// What pressed when someone was last refused anew.
    pub fn cause(&self) -> Signal {
        self.cause
    }

    /// What is left of the audience's slots; none means all of them.
    pub fn audience_slots(&self) -> Option<u8> {
        self.slots
    }
}

/// When someone who is refused may try again: about as long as those before them take, spread so that they do not all come at once.
pub fn retry_after(ahead: f64, joins_per_s: f64, dice: u64) -> Duration {
    let wait = (ahead / joins_per_s.max(0.1)).clamp(0.0, RETRY_MAX_S - RETRY_MIN_S);
    let spread = (dice % 1_000) as f64 / 1_000.0;
    let seconds = RETRY_MIN_S + wait / 2.0 + spread * (wait / 2.0 + RETRY_MIN_S);
    Duration::from_millis((seconds.min(RETRY_MAX_S) * 1e3) as u64)
}

/// Where guests and hosts are refused, between the threshold of listeners and all there is: 0.92 and 0.97 for 0.85.
const GUESTS_SHARE: f64 = 7.0 / 15.0;
const HOSTS_SHARE: f64 = 12.0 / 15.0;
/// From this share of its CPU on, what is late is the process's own doing.
const OWN_FROM: f64 = 0.5;
/// A look a second: the second look after a step sees a second that began after it, with a second between.
const SAMPLES_NEW_AFTER: Duration = Duration::from_millis(1_500);
/// How far below its threshold a step is left.
const EASED_BY: f64 = 0.15;
/// And for how long it is there before.
pub const CALM_FOR: Duration = Duration::from_secs(5);
/// A step that is taken again so soon after it was left was left too early.
pub const AGAIN_WITHIN: Duration = Duration::from_secs(60);
/// And one that was not needed for so long is as any other.
pub const FORGOTTEN_AFTER: Duration = Duration::from_secs(120);
/// 5, 10, 20, 40 s: nobody waits for longer at an open gate.
const DOUBLINGS_MAX: u32 = 3;
/// The audience gets two voices back before it gets all.
const SLOTS_BEFORE_ALL: u8 = 2;
const RETRY_MIN_S: f64 = 2.0;
const RETRY_MAX_S: f64 = 15.0;

#[cfg(test)]
mod tests;
