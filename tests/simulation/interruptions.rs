//! Interruptions: what becomes of the others while a host speaks.

use std::time::{Duration, Instant};

use podium::engine::counters::DropReason;
use podium::engine::event::Event;
use podium_signaling::room::{self, Act, Interrupt, RoomChange, SeatMode, Settings};

use crate::world::judge::Sent;
use crate::world::{Who, World, host, listener, seat};
use crate::{ms, secs};

#[test]
fn while_a_host_speaks_a_guest_is_held_and_is_back_half_a_second_after_the_last_word() {
    let mut stage = Stage::new(1, Interrupt::Hold);
    stage.world.speak(stage.ben, 30);
    // Their packets shall not come at the same instant.
    stage.world.run(secs(2) + ms(7));
    assert!(stage.world.heard_of(stage.cora, stage.ben).len() > 90);
    assert_eq!(stage.interruptions(), []);

    stage.world.speak(stage.ada, 40);
    stage.world.run(secs(2));
    stage.world.rest(stage.ada);
    stage.world.run(secs(2));
    let host = stage.sent(stage.ada);
    let (first, last) = (host[0].at, host.last().unwrap().at);
    let guest = stage.sent(stage.ben);
    let held = |sent: &&Sent| sent.at >= first && sent.at < last + AFTER;
    let (endings, voice): (Vec<&Sent>, Vec<&Sent>) = guest.iter().filter(held).partition(|sent| sent.ending);
    assert_eq!(voice, Vec::<&Sent>::new(), "not a packet of the guest leaves");
    assert_eq!(endings.len(), 2 * 3, "it is ended once for each of the two who heard it");
    assert!(endings.iter().all(|sent| sent.at == first), "before the first word of the host");
    let back = guest.iter().find(|sent| sent.at >= last + AFTER).unwrap().at - last;
    assert!((AFTER..=AFTER + ms(20)).contains(&back), "{back:?}");
    let dropped = stage.world.counters().drops(DropReason::GateHeld);
    assert!((120..=126).contains(&dropped), "a packet each 20 ms for 2.5 s: {dropped}");

    let told = stage.interruptions();
    let [(began, by), (ended, None)] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!((*began, *by), (first, Some(stage.ada)));
    assert!((AFTER..=AFTER + ms(5)).contains(&(*ended - last)), "{:?}", *ended - last);
    stage.assert_speakers_are_only(stage.ada, first + ms(300), last);
    let heard = &stage.world.person(stage.cora).end.heard;
    assert!(
        heard.windows(2).filter(|pair| pair[0].mid == pair[1].mid).all(|pair| {
            pair[1].sequence == pair[0].sequence.wrapping_add(1) && pair[1].timestamp != pair[0].timestamp
        }),
        "each slot's stream has no seam"
    );
}

#[test]
fn pauses_between_words_let_nobody_in_and_a_cough_of_a_moment_holds_only_as_long() {
    let mut stage = Stage::new(2, Interrupt::Hold);
    stage.world.speak(stage.ben, 30);
    for _ in 0..5 {
        stage.world.speak(stage.ada, 40);
        stage.world.run(ms(600));
        stage.world.rest(stage.ada);
        stage.world.run(ms(450));
    }
    let first = stage.sent(stage.ada)[0].at;
    assert_eq!(stage.voice_of_ben_since(first), 0);
    assert_eq!(stage.interruptions(), [(first, Some(stage.ada))], "one interruption, not five");
    stage.world.run(secs(1));
    let last = stage.sent(stage.ada).last().unwrap().at;
    assert!(stage.voice_of_ben_since(last) > 40);
    assert_eq!(stage.interruptions().len(), 2);
}

#[test]
fn with_duck_everyone_is_forwarded_and_the_room_is_told() {
    let mut stage = Stage::new(3, Interrupt::Duck);
    stage.world.speak(stage.ben, 30);
    stage.world.speak(stage.ada, 30);
    stage.world.run(secs(3));
    let heard = stage.world.heard_of(stage.cora, stage.ben).len();
    assert!((149..=151).contains(&heard), "{heard}");
    assert_eq!(stage.world.counters().drops(DropReason::GateHeld), 0);
    let first = stage.sent(stage.ada)[0].at;
    assert_eq!(stage.interruptions(), [(first, Some(stage.ada))]);
    stage.world.rest(stage.ada);
    stage.world.run(secs(1));
    assert_eq!(stage.interruptions().last().unwrap().1, None);
}

#[test]
fn without_a_mode_a_host_interrupts_nobody() {
    let mut stage = Stage::new(4, Interrupt::Off);
    stage.world.speak(stage.ben, 30);
    stage.world.speak(stage.ada, 30);
    stage.world.run(secs(3));
    assert!(stage.world.heard_of(stage.cora, stage.ben).len() >= 149);
    assert_eq!(stage.interruptions(), []);
}

#[test]
fn a_host_who_is_muted_whispers_or_holds_no_seat_holds_nobody() {
    let mut stage = Stage::new(5, Interrupt::Hold);
    stage.world.speak(stage.ben, 30);
    let begin = stage.world.now;
    stage.world.act(stage.ada, Act::MuteSelf { muted: true }).unwrap();
    stage.world.speak(stage.ada, 30);
    stage.world.run(secs(1));
    stage.world.act(stage.ada, Act::SeatLeave).unwrap();
    stage.world.run(secs(1));
    stage.world.act(stage.ada, Act::SeatTake { seat: seat(0) }).unwrap();
    stage.world.act(stage.ada, Act::MuteSelf { muted: false }).unwrap();
    stage.world.speak(stage.ada, 70);
    // Those that were said aloud before are past.
    stage.world.run(ms(600));
    let loud = stage.interruptions();
    stage.world.run(secs(1));
    assert_eq!(stage.interruptions(), loud, "a whisper is not voice");
    let quiet = begin..begin + secs(2);
    let heard = stage.sent(stage.ben).into_iter().filter(|sent| quiet.contains(&sent.at) && sent.to == stage.cora);
    assert!(heard.count() >= 98);
    assert!(loud.iter().all(|(at, _)| *at >= quiet.end), "{loud:?}");
}

#[test]
fn muting_the_host_in_mid_speech_ends_the_hold_at_once() {
    for act in [Act::MuteSelf { muted: true }, Act::SeatLeave, Act::SeatMute { seat: seat(0), expect_rev: None }] {
        let mut stage = Stage::new(6, Interrupt::Hold);
        stage.world.speak(stage.ben, 30);
        stage.world.speak(stage.ada, 30);
        stage.world.run(secs(1));
        let muted = stage.world.now;
        stage.world.act(stage.ada, act.clone()).unwrap();
        assert_eq!(stage.interruptions().last(), Some(&(muted, None)), "{act:?}");
        stage.world.run(ms(40));
        assert!(stage.voice_of_ben_since(muted) >= 1, "{act:?}");
    }
}

#[test]
fn hosts_are_never_held_and_do_not_take_the_word_from_each_other() {
    let mut stage = Stage::new(7, Interrupt::Hold);
    let zoe = stage.world.join(host("zoe"));
    stage.world.act(zoe, Act::SeatTake { seat: seat(2) }).unwrap();
    stage.world.run(secs(1));
    stage.world.speak(stage.ben, 30);
    stage.world.speak(stage.ada, 40);
    stage.world.run(ms(100));
    stage.world.speak(zoe, 20);
    stage.world.run(secs(3));
    assert!(stage.world.heard_of(stage.cora, stage.ada).len() >= 150);
    assert!(stage.world.heard_of(stage.cora, zoe).len() >= 145);
    let began = stage.sent(stage.ada)[0].at;
    assert_eq!(stage.interruptions(), [(began, Some(stage.ada))], "louder is not first");

    stage.world.rest(stage.ada);
    stage.world.run(secs(1));
    stage.world.speak(stage.ada, 20);
    stage.world.run(secs(1));
    let by: Vec<Option<Who>> = stage.interruptions().into_iter().map(|(_, by)| by).collect();
    assert_eq!(by, [Some(stage.ada), Some(zoe)], "passed on once, and not back");
    // The one who has the word is muted: the other, who speaks too, has it, and nobody is let in between.
    let muted = stage.world.now;
    stage.world.act(zoe, Act::MuteSelf { muted: true }).unwrap();
    stage.world.run(secs(1));
    assert_eq!(stage.interruptions().last(), Some(&(muted, Some(stage.ada))));
    assert_eq!(stage.voice_of_ben_since(began), 0);
}

#[test]
fn whoever_takes_a_seat_while_a_host_speaks_is_held_too() {
    let mut stage = Stage::new(8, Interrupt::Hold);
    stage.world.speak(stage.ada, 30);
    stage.world.run(secs(1));
    let dan = stage.world.join(listener("dan"));
    stage.world.run(secs(1));
    stage.world.speak(dan, 20);
    stage.world.act(dan, Act::SeatTake { seat: seat(3) }).unwrap();
    stage.world.run(secs(1));
    assert_eq!(stage.sent(dan), []);
    stage.world.rest(stage.ada);
    stage.world.run(secs(1));
    assert!(stage.world.heard_of(stage.cora, dan).len() >= 20);
}

#[test]
fn the_mode_may_change_in_mid_speech() {
    let mut stage = Stage::new(9, Interrupt::Duck);
    stage.world.speak(stage.ben, 30);
    stage.world.speak(stage.ada, 30);
    stage.world.run(secs(1));
    let held = stage.switch(Interrupt::Hold);
    stage.world.run(secs(1));
    assert_eq!(stage.voice_of_ben_since(held + ms(21)), 0, "from the next packet of the host");
    let ducked = stage.switch(Interrupt::Duck);
    stage.world.run(secs(1));
    assert!(stage.voice_of_ben_since(ducked) >= 49);
    stage.switch(Interrupt::Hold);
    stage.world.run(secs(1));
    let off = stage.switch(Interrupt::Off);
    stage.world.run(secs(1));
    assert!(stage.voice_of_ben_since(off) >= 49);
    let by: Vec<bool> = stage.interruptions().into_iter().map(|(_, by)| by.is_some()).collect();
    assert_eq!(by, [true, false, true, false, true, false, true, false], "each change of the mode ends it");
}

#[test]
fn a_host_is_heard_with_the_first_word_though_guests_have_all_slots() {
    for mode in [Interrupt::Off, Interrupt::Duck, Interrupt::Hold] {
        let mut stage = Stage::with_slots(10, mode, 1);
        stage.world.speak(stage.ben, 10);
        stage.world.run(secs(2));
        let begins = stage.world.now;
        stage.world.speak(stage.ada, 50);
        stage.world.run(ms(100));
        let first = stage.world.heard_of(stage.cora, stage.ada)[0].at - begins;
        assert_eq!(first, ms(20), "{mode:?}: the way there, and nothing more");
    }
}

/// Ada is host on seat 0, Ben guest on seat 1, Cora listens.
struct Stage {
    world: World,
    ada: Who,
    ben: Who,
    cora: Who,
}

impl Stage {
    fn new(seed: u64, interrupt: Interrupt) -> Self {
        Self::with_slots(seed, interrupt, 3)
    }

    fn with_slots(seed: u64, interrupt: Interrupt, slots: usize) -> Self {
        let settings = Settings { seat_mode: SeatMode::Free, interrupt, ..Settings::default() };
        let mut world = World::with_settings(seed, settings);
        let ada = world.join(host("ada"));
        let ben = world.join(listener("ben"));
        let cora = world.join(listener("cora").slots(slots));
        world.act(ada, Act::SeatTake { seat: seat(0) }).unwrap();
        world.act(ben, Act::SeatTake { seat: seat(1) }).unwrap();
        world.run(secs(1));
        Self { world, ada, ben, cora }
    }

    /// What left of someone's voice.
    fn sent(&self, who: Who) -> Vec<Sent> {
        let identity = &self.world.person(who).identity;
        let sent = self.world.judge.sent.iter();
        sent.filter(|sent| self.world.judge.owner(sent.csrc) == identity).copied().collect()
    }

    /// How much of Ben's voice left to Cora since then.
    fn voice_of_ben_since(&self, since: Instant) -> usize {
        let voice = |sent: &Sent| sent.at >= since && sent.to == self.cora && !sent.ending;
        self.sent(self.ben).into_iter().filter(voice).count()
    }

    /// What the engine told of interruptions, and when.
    fn interruptions(&self) -> Vec<(Instant, Option<Who>)> {
        let who = |transport| self.world.everyone().find(|who| self.world.person(*who).transport == transport);
        let told = self.world.events.iter().filter_map(|(at, event)| {
            let Event::Interruption { by, .. } = event else { return None };
            Some((*at, by.map(|transport| who(transport).unwrap())))
        });
        told.collect()
    }

    fn assert_speakers_are_only(&self, who: Who, from: Instant, until: Instant) {
        let identity = self.world.person(who).identity.clone();
        let mut last = None;
        for (at, _, event) in &self.world.told {
            let room::Event::Speakers { speakers } = event else { continue };
            let named: Vec<_> = speakers.iter().map(|speaker| speaker.identity.clone()).collect();
            if *at >= from && *at <= until {
                assert_eq!(named, std::slice::from_ref(&identity));
            } else if *at < from {
                last = Some(named);
            }
        }
        assert_eq!(last, Some(vec![identity]));
    }

    fn switch(&mut self, interrupt: Interrupt) -> Instant {
        let change = RoomChange { interrupt: Some(interrupt), ..RoomChange::default() };
        self.world.act(self.ada, Act::RoomUpdate(change)).unwrap();
        self.world.now
    }
}

/// How long the others wait after the last packet of voice.
const AFTER: Duration = Duration::from_millis(500);
