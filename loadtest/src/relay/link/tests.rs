//! What a link does, in virtual time.

#![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]

use proptest::prelude::*;

use super::*;

const PACKETS: u32 = 20_000;
const PACKET_BYTES: usize = 100;
/// As speech comes.
const SPACING: Duration = Duration::from_millis(20);

#[test]
fn nothing_happens_on_a_line_without_faults() {
    for (came, fate) in carried("") {
        assert_eq!(fate, Fate::Due(came));
    }
}

#[test]
fn a_delay_is_the_same_for_all() {
    for (came, fate) in carried("delay=150") {
        assert_eq!(fate, Fate::Due(came + ms(150)));
    }
}

#[test]
fn equal_seeds_give_equal_runs_and_others_do_not() {
    let all = "delay=50,jitter=30,distribution=normal,loss=5,burst=1:20,reorder=2,duplicate=3,rate=60";
    assert_eq!(carried_with(all, 7), carried_with(all, 7));
    assert_ne!(carried_with(all, 7), carried_with(all, 8));
}

#[test]
fn one_trouble_does_not_change_the_throws_of_another() {
    let lost = |text: &str| -> Vec<usize> {
        let fates = carried(text).into_iter().enumerate();
        fates.filter(|(_, (_, fate))| *fate == Fate::Lost(Cause::Loss)).map(|(number, _)| number).collect()
    };
    let alone = lost("loss=5");
    assert!(!alone.is_empty());
    assert_eq!(lost("loss=5,jitter=20,reorder=10,duplicate=10,burst=0:50"), alone);
}

#[test]
fn losses_are_as_many_as_asked_and_know_nothing_of_each_other() {
    let fates = carried("loss=5");
    let is_lost: Vec<bool> = fates.iter().map(|(_, fate)| matches!(fate, Fate::Lost(Cause::Loss))).collect();
    near(share(&is_lost), 0.05, 0.005);
    // After a loss another is as likely as ever.
    let after: Vec<bool> = is_lost.windows(2).filter(|pair| pair[0]).map(|pair| pair[1]).collect();
    near(share(&after), 0.05, 0.02);
}

#[test]
fn bursts_are_as_many_and_as_long_as_asked() {
    let fates = carried("burst=1:25");
    let is_lost: Vec<bool> = fates.iter().map(|(_, fate)| matches!(fate, Fate::Lost(Cause::Burst))).collect();
    // One in a hundred begins a burst and one in four ends it: 1 / (1 + 25) of the time, four at once.
    near(share(&is_lost), 1.0 / 26.0, 0.008);
    let after: Vec<bool> = is_lost.windows(2).filter(|pair| pair[0]).map(|pair| pair[1]).collect();
    near(share(&after), 0.75, 0.03);
    let half = carried("burst=1:25:50");
    let lost = half.iter().filter(|(_, fate)| matches!(fate, Fate::Lost(_))).count();
    near(lost as f64 / f64::from(PACKETS), 0.5 / 26.0, 0.005);
}

#[test]
fn jitter_has_its_mean_and_its_width() {
    // Packets so far apart that none must wait for the one before.
    let ways = |text: &str| -> Vec<f64> {
        let mut link = link(text, 1);
        let carry = |number| {
            let came = ms(1_000) * number;
            (due(link.carry(PACKET_BYTES, came)).unwrap() - came).as_secs_f64() * 1e3
        };
        (0..PACKETS).map(carry).collect()
    };
    let uniform = ways("delay=100,jitter=20");
    assert!(uniform.iter().all(|way| (80.0..=120.0).contains(way)));
    near(mean(&uniform), 100.0, 0.5);
    near(deviation(&uniform), 20.0 / 3_f64.sqrt(), 0.2);
    let normal = ways("delay=100,jitter=20,distribution=normal");
    assert!(normal.iter().all(|way| (40.0..=160.0).contains(way)));
    near(mean(&normal), 100.0, 0.5);
    near(deviation(&normal), 20.0, 0.5);
    let exponential = ways("delay=100,jitter=20,distribution=exponential");
    assert!(exponential.iter().all(|way| (100.0..=300.0).contains(way)));
    near(mean(&exponential), 120.0, 0.5);
    near(deviation(&exponential), 20.0, 0.6);
    assert!(ways("jitter=20").iter().all(|way| (0.0..=20.0).contains(way)), "nothing comes before it was sent");
}

#[test]
fn jitter_keeps_the_order() {
    let dues: Vec<Duration> = carried("delay=50,jitter=50").into_iter().filter_map(|(_, fate)| due(fate)).collect();
    assert!(dues.is_sorted());
}

#[test]
fn who_is_out_of_turn_is_overtaken_by_what_leaves_within_the_time() {
    let fates = carried("delay=50,reorder=2,reorder_by=30");
    let out_of_turn = fates.iter().filter(|(_, fate)| matches!(fate, Fate::OutOfTurn(_))).count();
    near(out_of_turn as f64 / f64::from(PACKETS), 0.02, 0.004);
    for (came, fate) in fates {
        match fate {
            Fate::OutOfTurn(due) => {
                assert_eq!(due, came + ms(80), "it is late by 30 ms: one of 20 ms spacing overtakes it")
            }
            Fate::Due(due) => assert_eq!(due, came + ms(50), "the others do not wait for it"),
            Fate::Twice(_) | Fate::Lost(_) => panic!("{fate:?}"),
        }
    }
}

#[test]
fn some_come_twice() {
    let fates = carried("duplicate=4");
    let doubled = fates.iter().filter(|(came, fate)| *fate == Fate::Twice(*came)).count();
    near(doubled as f64 / f64::from(PACKETS), 0.04, 0.005);
}

#[test]
fn a_rate_makes_them_wait_and_a_full_queue_loses_them() {
    // A packet and its headers are 1024 bits: at 51.2 kbit/s one takes 20 ms.
    let bytes = 100;
    let mut link = link("rate=51,queue=100", 1);
    let takes = Duration::from_secs_f64(f64::from(128 * 8) / 51_000.0);
    // Ten at once: each waits for those before it, until the wait is longer than 100 ms.
    let fates: Vec<Fate> = (0..10).map(|_| link.carry(bytes, ms(0))).collect();
    for (number, fate) in fates.iter().take(5).enumerate() {
        near(due(*fate).unwrap().as_secs_f64(), takes.as_secs_f64() * (number + 1) as f64, 1e-6);
    }
    assert!(fates[5..].iter().all(|fate| *fate == Fate::Lost(Cause::QueueFull)), "{fates:?}");
    // When it has drained there is no wait.
    near(due(link.carry(bytes, ms(1_000))).unwrap().as_secs_f64(), 1.0 + takes.as_secs_f64(), 1e-6);
}

#[test]
fn nothing_waits_or_is_lost_at_a_bottleneck_that_is_no_longer_there() {
    let mut link = link("rate=51,queue=100", 1);
    let fates: Vec<Fate> = (0..10).map(|_| link.carry(PACKET_BYTES, ms(0))).collect();
    assert_eq!(fates[9], Fate::Lost(Cause::QueueFull));
    let ahead = due(fates[4]).unwrap();
    link.change(Impairment { queue: Duration::ZERO, ..Impairment::default() });
    assert_eq!(link.carry(PACKET_BYTES, ms(1)), Fate::Due(ahead), "behind what is ahead, and not lost");
    assert_eq!(link.carry(PACKET_BYTES, ms(500)), Fate::Due(ms(500)));
    link.change("rate=51,queue=100".parse().unwrap());
    assert!(due(link.carry(PACKET_BYTES, ms(501))).unwrap() < ms(530), "a new bottleneck knows nothing of the old one");
}

#[test]
fn nothing_gets_onto_the_line_in_a_blackout_and_what_is_on_it_arrives() {
    let mut link = link("delay=500,blackout=1000-2000,blackout=3000-3500", 1);
    let lost = Fate::Lost(Cause::Blackout);
    for (came, fate) in
        [(999, Fate::Due(ms(1_499))), (1_000, lost), (1_999, lost), (2_000, Fate::Due(ms(2_500))), (3_499, lost)]
    {
        assert_eq!(link.carry(1, ms(came)), fate, "{came}");
    }
    link.black_out(ms(4_000));
    assert_eq!(link.carry(1, ms(3_999)), lost);
    assert_eq!(link.carry(1, ms(4_000)), Fate::Due(ms(4_500)));
}

#[test]
fn a_stream_waits_for_the_light_and_keeps_its_order() {
    let mut link = link("delay=100,jitter=80,blackout=1000-2000,blackout=2000-2500", 1);
    let dues: Vec<Duration> = (0..300).map(|number| link.carry_stream(10, ms(10) * number)).collect();
    assert!(dues.is_sorted());
    assert!(dues[100..250].iter().all(|&due| due >= ms(2_520)), "{:?}", &dues[100..250]);
    let mut slow = self::link("rate=80", 1);
    assert_eq!((slow.carry_stream(10_000, ms(0)), slow.carry_stream(10_000, ms(0))), (ms(1_000), ms(2_000)));
}

#[test]
fn a_change_holds_for_what_comes_after_it() {
    let mut link = link("delay=100", 1);
    assert_eq!(link.carry(1, ms(0)), Fate::Due(ms(100)));
    link.change("delay=300".parse().unwrap());
    assert_eq!(link.carry(1, ms(10)), Fate::Due(ms(310)));
    link.change(Impairment::default());
    assert_eq!(link.carry(1, ms(20)), Fate::Due(ms(310)), "a shorter way is no way around what is ahead");
    assert_eq!(link.carry(1, ms(400)), Fate::Due(ms(400)));
}

proptest! {
    #[test]
    fn whatever_is_set_nothing_leaves_before_it_came(
        text in "(delay=[0-9]{1,4},)?(jitter=[0-9]{1,4},)?(distribution=(uniform|normal|exponential),)?(loss=[0-9]{1,2},)?(rate=[1-9][0-9]{0,5},)?(reorder=[0-9],)?",
        gaps in proptest::collection::vec(0_u64..200, 1..100),
        seed: u64,
    ) {
        let mut link = link(&text, seed);
        let mut now = Duration::ZERO;
        for gap in gaps {
            now += ms(gap);
            if let Some(due) = due(link.carry(PACKET_BYTES, now)) {
                prop_assert!(due >= now);
            }
        }
    }
}

/// A packet every 20 ms: when it came, and what became of it.
fn carried(text: &str) -> Vec<(Duration, Fate)> {
    carried_with(text, 1)
}

fn carried_with(text: &str, seed: u64) -> Vec<(Duration, Fate)> {
    let mut link = link(text, seed);
    (0..PACKETS).map(|number| (SPACING * number, link.carry(PACKET_BYTES, SPACING * number))).collect()
}

fn link(text: &str, seed: u64) -> Link {
    Link::new(text.parse().unwrap(), seed)
}

fn due(fate: Fate) -> Option<Duration> {
    match fate {
        Fate::Due(due) | Fate::OutOfTurn(due) | Fate::Twice(due) => Some(due),
        Fate::Lost(_) => None,
    }
}

fn share(which: &[bool]) -> f64 {
    which.iter().filter(|&&is| is).count() as f64 / which.len() as f64
}

fn mean(numbers: &[f64]) -> f64 {
    numbers.iter().sum::<f64>() / numbers.len() as f64
}

fn deviation(numbers: &[f64]) -> f64 {
    let mean = mean(numbers);
    (numbers.iter().map(|number| (number - mean).powi(2)).sum::<f64>() / numbers.len() as f64).sqrt()
}

fn near(value: f64, expected: f64, within: f64) {
    assert!((value - expected).abs() <= within, "{value} is not {expected} ± {within}");
}

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}
