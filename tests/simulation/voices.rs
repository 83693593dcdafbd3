//! Voices: what counts as one, whose it is when its SSRC changes, and what is told when all of it is dropped.

use std::time::Instant;

use podium::engine::counters::DropReason;
use podium::engine::event::{Event, Opening};
use podium_signaling::room::{Act, Interrupt, SeatMode, Settings};

use crate::world::microphone::{Holds, Said, States};
use crate::world::{Who, World, host, listener, seat};
use crate::{ms, secs};

/// What a client may send that is no voice by its own word.
const NO_VOICE: [(States, Holds); 7] = [
    (States::NoVoice, Holds::Voice),
    (States::NoVoice, Holds::Celt),
    (States::NoVoice, Holds::Encrypted),
    (States::Nothing, Holds::Voice),
    (States::Nothing, Holds::Silence(0xF8)),
    (States::Truth, Holds::Silence(0xFC)),
    (States::Truth, Holds::Silence(0xE0)),
];

#[test]
fn a_host_who_says_nothing_holds_nobody_prolongs_nothing_and_is_not_named() {
    for (states, holds) in NO_VOICE {
        for mode in [Interrupt::Hold, Interrupt::Duck] {
            let mut stage = Stage::new(1, mode);
            stage.sends(stage.ada, states, holds);
            for level in [50, 10, 0] {
                stage.world.speak(stage.ada, level);
                stage.world.speak(stage.ben, 30);
                stage.world.run(secs(2));
            }
            let heard = stage.world.heard_of(stage.cora, stage.ben).len();
            assert!((299..=301).contains(&heard), "{states:?} {holds:?}: {heard} packets of the guest");
            assert_eq!(stage.interruptions(), 0, "{states:?} {holds:?}");
            assert!(!stage.named(stage.ada, stage.world.now), "{states:?} {holds:?}");
        }
    }
}

#[test]
fn an_interruption_ends_half_a_second_after_the_last_word_though_packets_of_no_voice_go_on() {
    for (states, holds) in NO_VOICE {
        let mut stage = Stage::new(2, Interrupt::Hold);
        stage.world.speak(stage.ben, 30);
        stage.world.speak(stage.ada, 30);
        stage.world.run(secs(1));
        stage.sends(stage.ada, states, holds);
        stage.world.speak(stage.ada, 20);
        stage.world.run(ms(600));
        stage.world.forget_heard();
        stage.world.run(secs(2));
        let heard = stage.world.heard_of(stage.cora, stage.ben).len();
        assert!(heard >= 99, "{states:?} {holds:?}: {heard} packets of the guest in 2 s");
    }
}

#[test]
fn whoever_states_no_level_and_has_something_to_hear_is_heard_and_named_and_interrupts_nobody() {
    for holds in [Holds::Celt, Holds::Encrypted] {
        let mut stage = Stage::new(3, Interrupt::Hold);
        stage.sends(stage.ada, States::Nothing, holds);
        stage.world.speak(stage.ada, 0);
        stage.world.speak(stage.ben, 30);
        stage.world.run(secs(2));
        assert!(stage.world.heard_of(stage.cora, stage.ada).len() >= 98, "{holds:?}");
        assert!(stage.world.heard_of(stage.cora, stage.ben).len() >= 98, "{holds:?}");
        assert!(stage.named(stage.ada, stage.world.now), "{holds:?}");
        assert_eq!(stage.interruptions(), 0, "{holds:?}");
        let levels = stage.world.heard_of(stage.cora, stage.ada).iter().filter(|heard| heard.level.is_some()).count();
        assert_eq!(levels, 0, "what nobody stated is not passed on as stated");
    }
}

#[test]
fn no_voice_takes_no_slot_from_a_voice_and_a_voice_takes_its_slot() {
    for (states, holds) in NO_VOICE {
        let mut stage = Stage::with_slots(4, Interrupt::Off, 1);
        stage.sends(stage.ada, states, holds);
        stage.world.speak(stage.ben, 40);
        stage.world.run(secs(1));
        stage.world.speak(stage.ada, 0);
        stage.world.run(secs(2));
        let heard = stage.world.heard_of(stage.cora, stage.ben).len();
        assert!(heard >= 149, "{states:?} {holds:?}: it keeps the slot against a silent host");
        stage.world.rest(stage.ben);
        stage.world.run(secs(2));
        stage.world.forget_heard();
        stage.world.speak(stage.ben, 40);
        stage.world.run(secs(1));
        assert!(stage.world.heard_of(stage.cora, stage.ben).len() >= 45, "{states:?} {holds:?}: and takes it back");
    }
}

#[test]
fn the_time_on_mic_ends_with_the_first_voice_and_not_with_silence() {
    for (states, holds) in NO_VOICE {
        let mut stage = Stage::new(5, Interrupt::Off);
        stage.world.act(stage.ben, Act::MuteSelf { muted: true }).unwrap();
        stage.world.run(secs(1));
        stage.sends(stage.ben, states, holds);
        stage.world.speak(stage.ben, 20);
        stage.world.act(stage.ben, Act::MuteSelf { muted: false }).unwrap();
        stage.world.run(secs(1));
        assert_eq!(stage.on_mic(), [], "{states:?} {holds:?}");
        stage.sends(stage.ben, States::Truth, Holds::Voice);
        stage.world.run(secs(1));
        assert_eq!(stage.on_mic(), [Opening::Unmuted], "{states:?} {holds:?}");
    }
}

#[test]
fn what_cannot_be_read_as_opus_is_forwarded_bit_for_bit() {
    let mut stage = Stage::new(6, Interrupt::Hold);
    stage.sends(stage.ben, States::Truth, Holds::Encrypted);
    stage.world.speak(stage.ben, 30);
    stage.world.run(secs(2));
    let heard = stage.world.heard_of(stage.cora, stage.ben);
    assert!((99..=101).contains(&heard.len()), "{}", heard.len());
    for (number, heard) in (0..).zip(heard) {
        assert_eq!(heard.said, Said::Voice { who: 1, number });
    }
    // A frame of silence of ours would be noise to those who decrypt.
    stage.world.act(stage.ben, Act::MuteSelf { muted: true }).unwrap();
    stage.world.run(secs(1));
    let nothing = stage.world.person(stage.cora).end.heard.iter().filter(|heard| heard.said == Said::Nothing).count();
    assert_eq!(nothing, 0);
}

#[test]
fn each_slow_change_of_the_ssrc_and_each_return_is_heard_within_200_ms() {
    let mut stage = Stage::new(7, Interrupt::Off);
    stage.world.speak(stage.ben, 30);
    let first = stage.world.person(stage.ben).end.microphone.ssrc;
    stage.world.run(secs(1));
    for n in (1..=14).chain([0, 5, 1, 0]) {
        stage.changes_ssrc(first.wrapping_add(n));
        let took = stage.heard_again_after();
        assert!(took <= ms(200), "change to {n}: {took:?}");
        stage.world.run(secs(2));
    }
    assert_eq!(stage.unheard(), []);
}

#[test]
fn ten_quick_changes_and_the_way_back_are_heard_within_200_ms() {
    let mut stage = Stage::new(8, Interrupt::Off);
    stage.world.speak(stage.ben, 30);
    let first = stage.world.person(stage.ben).end.microphone.ssrc;
    stage.world.run(secs(1));
    for n in [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0] {
        stage.changes_ssrc(first.wrapping_add(n));
        let took = stage.heard_again_after();
        assert!(took <= ms(200), "change to {n}: {took:?}");
    }
}

#[test]
fn captured_packets_of_an_earlier_ssrc_change_nothing_and_are_not_heard() {
    let mut stage = Stage::new(9, Interrupt::Off);
    stage.world.speak(stage.ben, 30);
    let first = stage.world.person(stage.ben).end.microphone.ssrc;
    stage.world.tapped = Some(Vec::new());
    stage.world.run(secs(1));
    let captured = stage.world.tapped.take().unwrap();
    let from = stage.world.person(stage.ben).end.address;
    for n in 1..40u32 {
        stage.changes_ssrc(first.wrapping_add(n));
        stage.world.run(secs(2));
        let before = stage.world.counters().rtp_in;
        for (_, datagram) in captured.iter().filter(|(address, _)| *address == from) {
            stage.world.feed(from, datagram);
        }
        assert_eq!(stage.world.counters().rtp_in, before, "after {n} changes");
        assert!(stage.heard_again_after() <= ms(40), "the true one is heard on");
    }
}

#[test]
fn a_voice_that_changes_its_ssrc_all_the_time_is_dropped_and_heard_again_when_it_keeps_one() {
    let mut stage = Stage::new(10, Interrupt::Off);
    stage.world.speak(stage.ben, 30);
    for n in 1..200u32 {
        stage.changes_ssrc(n);
        stage.world.run(ms(20));
    }
    let begun = stage.world.now;
    let dropped = stage.world.counters().drops(DropReason::Ssrc);
    assert!(dropped > 100, "{dropped}");
    stage.world.run(secs(5));
    assert!(stage.world.heard_of(stage.cora, stage.ben).last().unwrap().at > begun + secs(4), "it keeps its last one");
}

#[test]
fn a_start_before_the_wrap_with_its_first_packets_lost_is_heard() {
    for (first, lost) in [(65_530u16, 8), (65_000, 700), (65_535, 1)] {
        let mut stage = Stage::new(11, Interrupt::Off);
        let microphone = &mut stage.world.end(stage.ben).microphone;
        (microphone.next_sequence, microphone.loses) = (first, lost);
        stage.world.speak(stage.ben, 30);
        stage.world.run(ms(20) * lost + secs(2));
        let heard = stage.world.heard_of(stage.cora, stage.ben).len();
        assert!((99..=101).contains(&heard), "{first}, {lost} lost: {heard}");
        assert_eq!(stage.world.counters().drops(DropReason::SrtpAuth), 0);
    }
}

#[test]
fn whoever_is_dropped_whole_for_two_seconds_is_told_why_and_when_it_is_over() {
    let mut stage = Stage::new(12, Interrupt::Hold);
    stage.world.speak(stage.ben, 30);
    stage.world.run(secs(1));
    stage.world.end(stage.ben).microphone.payload_type ^= 1;
    let wrong = stage.world.now;
    stage.world.run(secs(3));
    let [(at, why)] = stage.unheard()[..] else { panic!("{:?}", stage.unheard()) };
    assert_eq!(why, Some(DropReason::PayloadType));
    assert!((secs(2)..=ms(2_050)).contains(&(at - wrong)), "{:?}", at - wrong);
    assert_eq!(stage.world.counters().unheard(DropReason::PayloadType), 1);
    stage.world.end(stage.ben).microphone.payload_type ^= 1;
    stage.world.run(ms(100));
    assert_eq!(stage.unheard().last().unwrap().1, None, "heard again");

    stage.world.end(stage.ben).microphone.payload_type ^= 1;
    stage.world.run(secs(3));
    assert_eq!(stage.unheard().len(), 3);
    stage.world.act(stage.ben, Act::MuteSelf { muted: true }).unwrap();
    assert_eq!(stage.unheard().last().unwrap().1, None, "muted: nobody expects to hear him");
    stage.world.run(secs(5));
    stage.world.act(stage.ben, Act::MuteSelf { muted: false }).unwrap();
    stage.world.run(ms(1_900));
    assert_eq!(stage.unheard().len(), 4, "what was dropped while muted does not count");
    stage.world.run(ms(200));
    assert_eq!(stage.unheard().len(), 5);
    stage.world.rest(stage.ben);
    stage.world.run(secs(5));
    assert_eq!((stage.unheard().len(), stage.unheard().last().unwrap().1), (6, None), "and nothing comes any more");
}

#[test]
fn whoever_sends_nothing_is_muted_held_or_no_speaker_is_not_unheard() {
    let mut stage = Stage::new(13, Interrupt::Hold);
    // Ben is held for as long as Ada speaks; Cora holds no seat.
    stage.world.speak(stage.ada, 30);
    stage.world.speak(stage.ben, 30);
    stage.world.speak(stage.cora, 30);
    stage.world.run(secs(10));
    assert!(stage.world.counters().drops(DropReason::GateHeld) > 400);
    assert!(stage.world.counters().drops(DropReason::NotOnStage) > 400);
    stage.world.rest(stage.ada);
    stage.world.act(stage.ben, Act::MuteSelf { muted: true }).unwrap();
    stage.world.run(secs(5));
    stage.world.rest(stage.ben);
    stage.world.act(stage.ben, Act::MuteSelf { muted: false }).unwrap();
    stage.world.run(secs(20));
    assert_eq!(stage.unheard(), []);
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

    /// What someone's packets state and hold from now on.
    fn sends(&mut self, who: Who, states: States, holds: Holds) {
        let microphone = &mut self.world.end(who).microphone;
        (microphone.states, microphone.holds) = (states, holds);
    }

    fn changes_ssrc(&mut self, ssrc: u32) {
        self.world.end(self.ben).microphone.ssrc = ssrc;
    }

    /// How long it takes until Cora hears Ben's present SSRC: packets that are under way do not count.
    fn heard_again_after(&mut self) -> std::time::Duration {
        let next = self.world.person(self.ben).end.microphone.packets;
        let cora = self.cora;
        let heard = |world: &World| {
            let newest = world.person(cora).end.heard.iter().rev().find_map(|heard| match heard.said {
                Said::Voice { who: 1, number } => Some(number),
                Said::Voice { .. } | Said::Nothing => None,
            });
            newest >= Some(next)
        };
        self.world.run_until(secs(5), heard)
    }

    fn interruptions(&self) -> usize {
        self.world.events.iter().filter(|(_, event)| matches!(event, Event::Interruption { .. })).count()
    }

    /// Whether the engine names someone as speaking.
    fn named(&self, who: Who, at: Instant) -> bool {
        let transport = self.world.person(who).transport;
        let told = self.world.events.iter().rev().find_map(|(told_at, event)| {
            let Event::Speakers { speakers, .. } = event else { return None };
            (*told_at <= at).then_some(speakers)
        });
        told.is_some_and(|speakers| speakers.iter().any(|(named, _)| *named == transport))
    }

    fn on_mic(&self) -> Vec<Opening> {
        let transport = self.world.person(self.ben).transport;
        let told = self.world.events.iter().filter_map(|(_, event)| {
            let Event::OnMic { transport: of, opening, .. } = event else { return None };
            (*of == transport).then_some(*opening)
        });
        told.collect()
    }

    /// What was told of those who are unheard.
    fn unheard(&self) -> Vec<(Instant, Option<DropReason>)> {
        let told = self.world.events.iter().filter_map(|(at, event)| {
            let Event::Unheard { why, .. } = event else { return None };
            Some((*at, *why))
        });
        told.collect()
    }
}
