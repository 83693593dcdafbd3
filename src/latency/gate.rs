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
    /// Sets one that is as it is at this moment. What is no number presses nothing.
    pub fn set(&mut self, signal: Signal, pressure: f64) {
        self.set_over(signal, pressure, pressure);
    }

    /// Sets one that was measured over a while, and over the last second of it. What is no number presses nothing.
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

    /// The worst of the last second, and how much it is. What is sampled counts only if all of it is newer than the last step.
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
mod tests {
    use super::*;
    use proptest::prelude::*;

    struct Trial {
        gate: Gate,
        now: Instant,
    }

    impl Trial {
        fn new() -> Self {
            Self { gate: Gate::new(0.85), now: crate::runtime::clock::now() }
        }

        fn second(&mut self, signal: Signal, pressure: f64) -> Vec<Act> {
            let mut pressures = Pressures::default();
            pressures.set(signal, pressure);
            self.now += Duration::from_secs(1);
            self.gate.press(&pressures, self.now).into_iter().map(|(act, _)| act).collect()
        }

        fn seconds(&mut self, signal: Signal, pressure: f64, times: usize) -> Vec<Act> {
            (0..times).flat_map(|_| self.second(signal, pressure)).collect()
        }
    }

    #[test]
    fn listeners_are_refused_first_then_guests_then_hosts() {
        let mut trial = Trial::new();
        assert!(trial.seconds(Signal::Cpu, 0.84, 10).is_empty());
        assert_eq!(trial.seconds(Signal::Cpu, 0.86, 10), [Act::RefuseListeners]);
        assert_eq!(trial.seconds(Signal::Cpu, 0.93, 10), [Act::RefuseGuests, Act::FewerSlots]);
        assert_eq!(trial.seconds(Signal::Cpu, 0.98, 10), [Act::RefuseHosts]);
        assert_eq!((trial.gate.step(), trial.gate.audience_slots()), (Step::RefuseHosts, Some(1)));
        let back = trial.seconds(Signal::Cpu, 0.1, 40);
        let admitted = [Act::AdmitHosts, Act::AdmitGuests, Act::MoreSlots, Act::AdmitListeners, Act::MoreSlots];
        assert_eq!(back, admitted);
        assert_eq!((trial.gate.step(), trial.gate.audience_slots()), (Step::Everyone, None));
    }

    /// Seconds of a process that uses so much of its CPU.
    fn sampled(trial: &mut Trial, signal: Signal, cpu: f64, seconds: &[(f64, f64)]) -> Vec<(usize, Act)> {
        let mut acts = Vec::new();
        for (second, (lately, last_second)) in seconds.iter().enumerate() {
            let mut pressures = Pressures::default();
            pressures.set(Signal::Cpu, cpu);
            pressures.set_over(signal, *lately, *last_second);
            trial.now += Duration::from_secs(1);
            acts.extend(trial.gate.press(&pressures, trial.now).into_iter().map(|(act, _)| (second, act)));
        }
        acts.retain(|(_, act)| !matches!(act, Act::FewerSlots | Act::MoreSlots));
        acts
    }

    #[test]
    fn what_was_bad_before_the_last_step_takes_no_further_one() {
        for signal in [Signal::Join, Signal::Residence] {
            // A stall is measured before and after a look, and stays in the window for ten seconds. The process is busy.
            let stall = [[(50.0, 50.0); 2].as_slice(), &[(50.0, 0.1); 8], &[(0.1, 0.1); 6]].concat();
            let acts = sampled(&mut Trial::new(), signal, 0.6, &stall);
            assert_eq!(acts, [(0, Act::RefuseListeners), (15, Act::AdmitListeners)], "{signal:?}");
            let lasting = sampled(&mut Trial::new(), signal, 0.6, &[(50.0, 50.0); 5]);
            assert_eq!(lasting, [(0, Act::RefuseListeners), (2, Act::RefuseGuests), (4, Act::RefuseHosts)]);
        }
    }

    #[test]
    fn a_process_that_uses_little_of_its_cpu_refuses_listeners_and_nobody_else() {
        for signal in [Signal::Join, Signal::Residence] {
            let acts = sampled(&mut Trial::new(), signal, 0.49, &[(99.0, 99.0); 60]);
            assert_eq!(acts, [(0, Act::RefuseListeners)], "{signal:?}");
        }
    }

    #[test]
    fn hosts_are_refused_only_while_the_last_second_is_bad() {
        let mut trial = Trial::new();
        let acts = sampled(&mut trial, Signal::Join, 0.6, &[(50.0, 50.0); 6]);
        assert_eq!((acts.len(), trial.gate.step()), (3, Step::RefuseHosts));
        assert_eq!(sampled(&mut trial, Signal::Join, 0.6, &[(50.0, 0.9)]), [(0, Act::AdmitHosts)]);
        trial.seconds(Signal::Memory, 0.98, 2);
        assert_eq!(trial.gate.step(), Step::RefuseHosts, "space is short as long as it is");
        assert_eq!(trial.second(Signal::Memory, 0.93), []);
        assert_eq!(trial.second(Signal::Memory, 0.91), [Act::AdmitHosts]);
    }

    #[test]
    fn near_the_threshold_nothing_flaps() {
        let mut trial = Trial::new();
        trial.second(Signal::Cpu, 0.9);
        for _ in 0..60 {
            assert!(trial.second(Signal::Cpu, 0.75).is_empty() && trial.second(Signal::Cpu, 0.88).is_empty());
        }
        assert!(trial.seconds(Signal::Cpu, 0.69, 5).is_empty());
        assert_eq!(trial.second(Signal::Cpu, 0.69), [Act::AdmitListeners]);
    }

    #[test]
    fn packets_that_stay_too_long_cost_the_audience_its_slots() {
        let mut trial = Trial::new();
        assert_eq!(trial.second(Signal::Residence, 1.2), [Act::RefuseListeners, Act::FewerSlots]);
        assert_eq!(trial.gate.cause(), Signal::Residence);
    }

    #[test]
    fn what_is_late_by_others_doing_keeps_out_listeners_and_nobody_else() {
        let mut trial = Trial::new();
        assert_eq!(trial.seconds(Signal::Residence, 9.0, 10), [Act::RefuseListeners, Act::FewerSlots]);
        let mut busy = Pressures::default();
        // It was late all the time.
        busy.set(Signal::Residence, 9.0);
        busy.set(Signal::Media, 0.6);
        let acts = trial.gate.press(&busy, trial.now + Duration::from_secs(1));
        assert_eq!(acts, [(Act::RefuseGuests, Signal::Residence)]);
    }

    #[test]
    fn whoever_is_refused_comes_again_within_a_quarter_of_a_minute_and_not_all_at_once() {
        let tries: Vec<Duration> = (0..1_000).map(|dice| retry_after(500.0, 20.0, dice * 7)).collect();
        let first = tries.iter().min().copied().unwrap_or_default();
        let last = tries.iter().max().copied().unwrap_or_default();
        assert!(first >= Duration::from_secs(2) && last <= Duration::from_secs(15), "{first:?} {last:?}");
        assert!(last - first > Duration::from_secs(4));
        assert!(retry_after(0.0, 0.0, 999) <= Duration::from_secs(4), "nobody waits before them");
        assert!(retry_after(f64::MAX, f64::MIN_POSITIVE, 1) <= Duration::from_secs(15));
    }

    #[test]
    fn a_gate_that_is_needed_again_and_again_opens_later_each_time() {
        let mut trial = Trial::new();
        let calm_needed = |trial: &mut Trial| {
            assert_eq!(trial.second(Signal::Cpu, 0.9), [Act::RefuseListeners]);
            (0..100).position(|_| trial.second(Signal::Cpu, 0.1) == [Act::AdmitListeners]).expect("it opens")
        };
        let flaps: Vec<usize> = (0..6).map(|_| calm_needed(&mut trial)).collect();
        assert_eq!(flaps, [5, 10, 20, 40, 40, 40]);
        trial.seconds(Signal::Cpu, 0.1, 90);
        assert_eq!(calm_needed(&mut trial), 40, "calm for a while, but not for long enough");
        trial.seconds(Signal::Cpu, 0.1, 120);
        assert_eq!(calm_needed(&mut trial), 5, "forgotten");
    }

    proptest! {
        #[test]
        fn more_pressure_never_lets_more_people_in(pressures in proptest::collection::vec((0.0f64..1.2, 0.0f64..0.3), 1..120)) {
            let (mut less, mut more) = (Trial::new(), Trial::new());
            for (pressure, extra) in pressures {
                less.second(Signal::Cpu, pressure);
                more.second(Signal::Cpu, pressure + extra);
                // A gate that was closed too often waits for longer than one that was closed all the time.
                if less.gate.patience.iter().any(|patience| patience.doublings > 0) {
                    break;
                }
                prop_assert!(more.gate.step() >= less.gate.step());
            }
        }

        #[test]
        fn a_step_is_one_step(pressures in proptest::collection::vec(proptest::num::f64::ANY, 1..120)) {
            let mut trial = Trial::new();
            for pressure in pressures {
                let before = trial.gate.step() as i32;
                trial.second(Signal::Memory, pressure);
                prop_assert!((trial.gate.step() as i32 - before).abs() <= 1);
            }
        }
    }
}
