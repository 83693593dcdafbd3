//! A gate that is pressed once a second.

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
