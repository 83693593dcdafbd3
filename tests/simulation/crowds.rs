//! Crowds: more speakers than slots. The loudest are heard, with hysteresis, and hosts first.

use std::collections::BTreeSet;

use podium_signaling::room::{Act, Event, Recipients, SeatMode, Settings};

use crate::world::{Who, World, host, listener, seat};
use crate::{ms, secs};

#[test]
fn sixty_hear_the_three_loudest_of_five_and_a_host_at_once() {
    let mut crowd = Crowd::new(1, 60, 5, 3);
    crowd.say(&[20, 25, 30, 45, 50]);
    crowd.world.run(secs(3));
    crowd.world.forget_heard();
    crowd.world.run(secs(3));
    for listener in crowd.listeners.clone() {
        assert_eq!(crowd.heard_by(listener), crowd.set(&[0, 1, 2]), "the three loudest and nobody else");
    }

    // A little louder than the softest of them is not enough; by a margin it is.
    crowd.say(&[20, 25, 30, 27, 50]);
    crowd.world.run(secs(1));
    crowd.world.forget_heard();
    crowd.world.run(secs(2));
    assert_eq!(crowd.heard_by(crowd.listeners[0]), crowd.set(&[0, 1, 2]));
    crowd.say(&[20, 25, 38, 27, 50]);
    crowd.world.run(secs(2));
    crowd.world.forget_heard();
    crowd.world.run(secs(2));
    for listener in crowd.listeners.clone() {
        assert_eq!(crowd.heard_by(listener), crowd.set(&[0, 1, 3]));
    }

    let ada = crowd.host;
    crowd.world.forget_heard();
    let begins = crowd.world.now;
    crowd.world.speak(ada, 50);
    crowd.world.run(ms(100));
    for listener in crowd.listeners.clone() {
        let first = crowd.world.heard_of(listener, ada)[0].at - begins;
        assert_eq!(first, ms(20), "her first packet, without a dwell");
    }
}

#[test]
fn two_of_equal_loudness_do_not_take_the_slot_from_each_other() {
    let mut crowd = Crowd::new(2, 4, 2, 1);
    crowd.say(&[30, 30]);
    crowd.world.run(secs(1));
    let before = crowd.world.counters().repointed;
    for second in 0..20u8 {
        crowd.say(&[30 + second % 3, 30 + (second + 1) % 3]);
        crowd.world.run(secs(1));
    }
    assert_eq!(crowd.world.counters().repointed, before, "no slot is pointed elsewhere");
}

#[test]
fn a_slot_that_is_pointed_elsewhere_goes_on_without_a_seam() {
    let mut crowd = Crowd::new(3, 2, 2, 1);
    let listener = crowd.listeners[0];
    for turn in 0..6 {
        let levels = if turn % 2 == 0 { [25, 80] } else { [80, 25] };
        crowd.say(&levels);
        crowd.world.run(secs(2));
    }
    let heard = &crowd.world.person(listener).end.heard;
    let voices: Vec<u32> = heard.iter().map(|packet| packet.csrc).collect();
    let switches = voices.windows(2).filter(|pair| pair[0] != pair[1]).count();
    assert_eq!(switches, 5);
    for pair in heard.windows(2) {
        assert_eq!(pair[1].sequence, pair[0].sequence.wrapping_add(1));
        let step = pair[1].timestamp.wrapping_sub(pair[0].timestamp);
        assert!((960..=4_800).contains(&step), "never backwards, never far ahead: {step}");
        assert_eq!(pair[1].marker, pair[0].csrc != pair[1].csrc);
    }
    // What the listener is told agrees with what it hears.
    let session = crowd.world.person(listener).session.clone();
    let told = crowd.world.told.iter().rev().find_map(|(_, to, event)| {
        let Event::Slots { slots } = event else { return None };
        (*to == Recipients::One(session.clone())).then(|| slots.clone())
    });
    let last = heard.last().unwrap();
    let [slot] = told.unwrap().try_into().unwrap();
    assert_eq!((slot.mid.as_str(), slot.csrc.get()), (last.mid.as_str(), last.csrc));
    assert_eq!(slot.identity, crowd.world.person(Who(last.who().unwrap())).identity);
}

#[test]
fn everyone_is_told_who_speaks() {
    let mut crowd = Crowd::new(4, 2, 2, 3);
    crowd.say(&[25, 40]);
    crowd.world.run(secs(2));
    let speaking: Vec<_> = crowd.world.told.iter().filter_map(|(_, _, event)| speakers(event)).collect();
    let (loud, soft) = (crowd.name(0), crowd.name(1));
    assert_eq!(*speaking.last().unwrap(), [loud, soft], "the louder one first");
    crowd.world.rest(crowd.speakers[0]);
    crowd.world.rest(crowd.speakers[1]);
    crowd.world.run(secs(3));
    let last = crowd.world.told.iter().rev().find_map(|(_, _, event)| speakers(event)).unwrap();
    assert_eq!(last, Vec::<String>::new());
}

fn speakers(event: &Event) -> Option<Vec<String>> {
    let Event::Speakers { speakers } = event else { return None };
    Some(speakers.iter().map(|one| one.identity.to_string()).collect())
}

struct Crowd {
    world: World,
    host: Who,
    speakers: Vec<Who>,
    listeners: Vec<Who>,
}

impl Crowd {
    fn new(seed: u64, listeners: usize, speakers: usize, slots: usize) -> Self {
        let settings = Settings { seat_mode: SeatMode::Free, ..Settings::default() };
        let mut world = World::with_settings(seed, settings);
        let host = world.join(host("ada"));
        world.act(host, Act::SeatTake { seat: seat(0) }).unwrap();
        let speakers: Vec<Who> = (0..speakers).map(|n| world.join(listener(&format!("s{n}")).slots(slots))).collect();
        for (number, who) in (1..).zip(&speakers) {
            world.act(*who, Act::SeatTake { seat: seat(number) }).unwrap();
        }
        let listeners = (0..listeners).map(|n| world.join(listener(&format!("l{n}")).slots(slots))).collect();
        world.run(secs(1));
        Self { world, host, speakers, listeners }
    }

    /// So loud speaks each from now on, in -dBov.
    fn say(&mut self, levels: &[u8]) {
        for (who, level) in self.speakers.clone().into_iter().zip(levels) {
            self.world.speak(who, *level);
        }
    }

    fn set(&self, speakers: &[usize]) -> BTreeSet<Who> {
        speakers.iter().map(|number| self.speakers[*number]).collect()
    }

    fn heard_by(&self, listener: Who) -> BTreeSet<Who> {
        self.world.person(listener).end.heard.iter().filter_map(|heard| heard.who().map(Who)).collect()
    }

    fn name(&self, speaker: usize) -> String {
        self.world.person(self.speakers[speaker]).identity.to_string()
    }
}
