//! Sparing: what the engine gives up when the machine is short, in which order, and what it does not.

use std::collections::HashSet;
use std::time::Duration;

use podium::engine::counters::DropReason;
use podium_signaling::room::{Act, SeatMode, Settings};

use crate::world::microphone::Said;
use crate::world::{Heard, Who, World, host, listener, seat};
use crate::{ms, secs};

#[test]
fn with_one_slot_the_audience_hears_the_loudest_and_the_stage_hears_everyone() {
    let Stage { mut world, speakers, ben } = Stage::new(1);
    let [quiet, loud, middle] = speakers;
    world.run(secs(2));
    assert_eq!(voices(&world, ben), HashSet::from(speakers), "a slot for each");
    world.ladder(Some(1));
    world.run(ms(200));
    world.forget_heard();
    world.run(secs(2));
    assert_eq!(voices(&world, ben), HashSet::from([loud]));
    for (who, others) in [(quiet, [loud, middle]), (loud, [quiet, middle]), (middle, [quiet, loud])] {
        assert_eq!(voices(&world, who), HashSet::from(others), "the stage goes on undisturbed");
    }
    world.ladder(None);
    world.run(ms(100));
    world.forget_heard();
    world.run(secs(2));
    assert_eq!(voices(&world, ben), HashSet::from(speakers), "and all is as it was");
}

#[test]
fn a_slot_that_is_given_up_ends_in_silence_and_costs_no_packet_more() {
    let Stage { mut world, speakers, ben } = Stage::new(2);
    let [quiet, loud, middle] = speakers;
    world.run(secs(2));
    world.forget_heard();
    let before = world.judge.sent.len();
    world.ladder(Some(1));
    assert_eq!(world.judge.sent.len(), before, "nothing is sent to everyone at once");
    world.run(ms(200));
    let heard = &world.person(ben).end.heard;
    for speaker in [quiet, middle] {
        let csrc = world.csrc_of(speaker).unwrap();
        let theirs: Vec<&Heard> = heard.iter().filter(|packet| packet.csrc == csrc).collect();
        let (voice, silence): (Vec<&Heard>, Vec<&Heard>) =
            theirs.iter().partition(|packet| matches!(packet.said, Said::Voice { .. }));
        assert_eq!(silence.len(), 3, "60 ms of nothing");
        assert!(voice.iter().all(|packet| packet.at <= silence[0].at), "and nothing after it");
        assert!(theirs.windows(2).all(|pair| pair[1].sequence == pair[0].sequence.wrapping_add(1)));
        assert!(theirs.windows(2).all(|pair| pair[1].at - pair[0].at >= ms(15)), "one packet for one");
    }
    assert!(world.heard_of(ben, loud).len() >= 9);
}

#[test]
fn the_one_slot_is_a_hosts_before_anyone_elses() {
    let mut world = World::with_settings(3, Settings { seat_mode: SeatMode::Free, ..Settings::default() });
    let ada = world.join(host("ada"));
    let guest = world.join(listener("guest"));
    let ben = world.join(listener("ben"));
    world.run(secs(1));
    world.act(ada, Act::SeatTake { seat: seat(0) }).unwrap();
    world.act(guest, Act::SeatTake { seat: seat(1) }).unwrap();
    world.speak(ada, 50);
    world.speak(guest, 20);
    world.run(secs(2));
    world.ladder(Some(1));
    world.run(ms(200));
    world.forget_heard();
    world.run(secs(2));
    assert_eq!(voices(&world, ben), HashSet::from([ada]));
}

#[test]
fn with_no_slot_the_audience_hears_nothing_and_whoever_comes_to_a_seat_hears_all() {
    let Stage { mut world, speakers, ben } = Stage::new(4);
    world.run(secs(1));
    world.ladder(Some(0));
    world.run(ms(200));
    world.forget_heard();
    world.run(secs(1));
    assert_eq!(voices(&world, ben), HashSet::new());
    world.act(ben, Act::SeatTake { seat: seat(5) }).unwrap();
    world.run(ms(100));
    assert_eq!(voices(&world, ben), HashSet::from(speakers));
}

#[test]
fn a_packet_that_waited_is_not_sent_to_the_audience_and_after_longer_to_nobody() {
    let Stage { mut world, speakers, ben } = Stage::new(5);
    let [ada, zoe, _] = speakers;
    world.run(secs(2));
    let mut heard_in = |lateness: Duration| {
        world.run(ms(100));
        world.lateness = lateness;
        world.run(ms(50));
        world.forget_heard();
        let before = world.counters();
        world.run(secs(1));
        let after = world.counters();
        let late = (after.stale_for_audience - before.stale_for_audience, stale(&after) - stale(&before));
        let heard = (world.heard_of(zoe, ada).len(), world.heard_of(ben, ada).len());
        world.lateness = Duration::ZERO;
        (heard, late)
    };
    let ((stage, audience), late) = heard_in(ms(60));
    assert!((48..=52).contains(&stage) && (48..=52).contains(&audience), "{stage} {audience}");
    assert_eq!(late, (0, 0));
    let ((stage, audience), late) = heard_in(ms(61));
    assert!((48..=52).contains(&stage) && audience == 0, "{stage} {audience}");
    assert!((148..=152).contains(&late.0) && late.1 == 0, "three voices: {late:?}");
    let ((stage, audience), late) = heard_in(ms(200));
    assert!((48..=52).contains(&stage) && audience == 0, "{stage} {audience}");
    assert_eq!(late.1, 0);
    let ((stage, audience), late) = heard_in(ms(201));
    assert_eq!((stage, audience), (0, 0));
    assert!(late.0 == 0 && (148..=152).contains(&late.1), "{late:?}");
    world.run(ms(100));
    world.forget_heard();
    world.run(secs(1));
    assert_eq!(voices(&world, ben), HashSet::from(speakers), "and then all is as it was");
}

#[test]
fn packets_that_came_late_are_no_loss_of_the_speakers() {
    let Stage { mut world, speakers, .. } = Stage::new(6);
    world.run(secs(1));
    world.lateness = secs(1);
    world.run(secs(5));
    let counters = world.counters();
    assert!(stale(&counters) > 700);
    assert_eq!(counters.uplink_lost, 0, "they came; it was we who were late");
    assert!(speakers.iter().all(|who| world.is_connected(*who)));
}

#[test]
fn what_waits_for_the_audience_is_heard_once_whoever_comes_to_a_seat_or_leaves_one() {
    let Stage { mut world, speakers, ben } = Stage::new(7);
    world.act(ben, Act::SeatTake { seat: seat(5) }).unwrap();
    world.run(secs(1));
    let cyd = world.join(host("cyd"));
    world.run(secs(1));
    world.audience_waits = true;
    world.run(ms(25));
    // Ben got these packets on his seat; now he stands among those for whom they wait. The judge sees a number that is used twice.
    world.act(ben, Act::SeatLeave).unwrap();
    world.serve_audience();
    world.run(ms(25));
    world.act(cyd, Act::SeatTake { seat: seat(6) }).unwrap();
    world.serve_audience();
    world.run(ms(25));
    world.act(cyd, Act::Leave).unwrap();
    world.serve_audience();
    world.audience_waits = false;
    world.forget_heard();
    world.run(secs(1));
    assert_eq!(voices(&world, ben), HashSet::from(speakers));
}

#[test]
fn what_is_forgotten_because_the_seats_changed_is_not_called_late() {
    let Stage { mut world, ben, .. } = Stage::new(9);
    world.run(secs(1));
    world.audience_waits = true;
    world.run(ms(50));
    let before = world.counters();
    world.act(ben, Act::SeatTake { seat: seat(5) }).unwrap();
    world.run(ms(1));
    let after = world.counters();
    let forgotten = after.forgotten_for_audience - before.forgotten_for_audience;
    assert!((5..=10).contains(&forgotten), "50 ms of three voices: {forgotten}");
    assert_eq!(after.stale(), before.stale());
}

#[test]
fn where_too_many_wait_for_the_audience_the_oldest_is_late() {
    let Stage { mut world, .. } = Stage::new(10);
    world.run(secs(1));
    world.audience_waits = true;
    world.run(secs(6));
    let few = world.counters();
    world.run(secs(4));
    let many = world.counters();
    assert_eq!(few.stale(), 0);
    assert!((400..=500).contains(&many.stale()), "1 500 in 10 s, of which 1 024 still wait: {}", many.stale());
    assert_eq!(many.forgotten_for_audience, few.forgotten_for_audience);
}

#[test]
fn a_voice_that_was_muted_meanwhile_does_not_reach_the_audience() {
    let Stage { mut world, speakers: [ada, ..], ben } = Stage::new(8);
    world.run(secs(1));
    world.audience_waits = true;
    world.run(ms(50));
    world.forget_heard();
    world.act(ada, Act::MuteSelf { muted: true }).unwrap();
    world.serve_audience();
    world.audience_waits = false;
    // The judge would see a voice that speaks after it was closed.
    world.run(secs(1));
    assert_eq!(world.heard_of(ben, ada).len(), 0);
    assert!(!voices(&world, ben).is_empty());
}

/// Three hosts who speak, differently loud, and a listener with three slots.
struct Stage {
    world: World,
    speakers: [Who; 3],
    ben: Who,
}

impl Stage {
    fn new(seed: u64) -> Self {
        let mut world = World::new(seed);
        let speakers = [("ada", 50), ("zoe", 20), ("ida", 35)].map(|(name, level)| (world.join(host(name)), level));
        let ben = world.join(host("ben"));
        world.run(secs(1));
        for (number, (who, level)) in speakers.into_iter().enumerate() {
            world.act(who, Act::SeatTake { seat: seat(number as u8) }).unwrap();
            world.speak(who, level);
            // Not in step with each other, as people are not.
            world.run(ms(7));
        }
        Self { world, speakers: speakers.map(|(who, _)| who), ben }
    }
}

/// Whom someone has heard.
fn voices(world: &World, listener: Who) -> HashSet<Who> {
    world.person(listener).end.heard.iter().filter_map(Heard::who).map(Who).collect()
}

fn stale(counters: &podium::engine::counters::Counters) -> u64 {
    counters.drops(DropReason::Stale)
}
