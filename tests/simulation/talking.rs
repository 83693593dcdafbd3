//! Two people: what one says, the other hears, continuous and under the right name.

use podium::wire::audio_level::AudioLevel;
use podium_signaling::room::Act;

use crate::world::microphone::{Frame, Said};
use crate::world::network::Weather;
use crate::world::{Heard, Who, World, host, listener, seat};
use crate::{ms, secs};

#[test]
fn one_speaks_and_the_other_hears_every_packet_in_order() {
    let (mut world, ada, ben) = two(1);
    world.speak(ada, 30);
    world.run(secs(10));
    let heard = world.heard_of(ben, ada);
    let sent = world.person(ada).end.microphone.packets;
    assert_eq!(sent, 501, "one every 20 ms, the first and the last included");
    // The last one is still on its way.
    assert_eq!(heard.len(), 500);
    let csrc = world.csrc_of(ada).unwrap();
    for (number, packet) in (0u32..).zip(&heard) {
        assert_eq!(packet.said, Said::Voice { who: 0, number });
        assert_eq!(packet.csrc, csrc);
        assert_eq!(packet.level, Some(AudioLevel { voice: true, level: 30 }));
        assert_eq!(packet.marker, number == 0);
        assert_eq!(packet.payload_type, 97, "the listener's own number for Opus");
        assert_eq!(packet.mid_said.as_deref(), (number < 50).then_some("s0"), "the mid goes with the first packets");
    }
    assert_continuous(&heard);
    assert!(heard[0].sequence < 0x8000);
    assert_eq!(world.person(ada).end.heard, [], "nobody hears themselves");
    assert_eq!(world.person(ben).end.unusable, 0);
}

#[test]
fn both_speak_and_both_hear_in_both_setups() {
    for setup in ["active", "passive", "actpass"] {
        let mut world = World::new(2);
        let ada = world.join(host("ada").setup(setup));
        let ben = world.join(host("ben").setup(setup));
        world.act(ada, Act::SeatTake { seat: seat(1) }).unwrap();
        world.act(ben, Act::SeatTake { seat: seat(2) }).unwrap();
        world.run(secs(1));
        world.speak(ada, 30);
        world.speak(ben, 40);
        world.run(secs(2));
        for (listener, speaker) in [(ada, ben), (ben, ada)] {
            let heard = world.heard_of(listener, speaker);
            assert!((99..=101).contains(&heard.len()), "{setup}: {}", heard.len());
            assert_continuous(&heard);
        }
    }
}

#[test]
fn what_comes_at_once_after_a_stall_is_all_forwarded() {
    let (mut world, ada, ben) = two(9);
    world.speak(ada, 30);
    world.run(secs(2));
    let now = world.now;
    world.end(ada).microphone.burst(80, now);
    world.run(ms(300));
    let heard = world.heard_of(ben, ada);
    assert!(heard.len() >= 180, "two seconds, and the burst: {}", heard.len());
    for pair in heard.windows(2) {
        assert_eq!(pair[1].sequence, pair[0].sequence.wrapping_add(1), "nothing is missing");
    }
}

#[test]
fn a_pause_is_as_long_for_the_listener_as_for_the_speaker() {
    let (mut world, ada, ben) = two(3);
    world.speak(ada, 30);
    world.run(secs(1));
    world.rest(ada);
    world.run(secs(7));
    world.speak(ada, 30);
    world.run(secs(1));
    let heard = world.heard_of(ben, ada);
    let pause = heard.iter().zip(&heard[1..]).find(|(_, after)| after.marker).unwrap();
    assert_eq!(pause.1.sequence, pause.0.sequence.wrapping_add(1));
    let samples = pause.1.timestamp.wrapping_sub(pause.0.timestamp);
    let silent = pause.1.at - pause.0.at;
    assert_eq!(u128::from(samples), silent.as_millis() * 48);
}

#[test]
fn the_round_trip_is_known_at_both_ends() {
    let mut world = World::new(4);
    let far = Weather::clear(ms(60));
    let ada = world.join(host("ada").weather(far));
    let ben = world.join(listener("ben").weather(far));
    world.act(ada, Act::SeatTake { seat: seat(1) }).unwrap();
    world.speak(ada, 30);
    world.run(secs(20));
    let measured = world.person(ada).end.round_trip.unwrap();
    assert!((ms(118)..ms(122)).contains(&measured), "{measured:?}");
    let counters = world.counters();
    assert!(counters.round_trips >= 5);
    let mean_ms = counters.round_trip_micros / counters.round_trips / 1_000;
    assert!((118..=122).contains(&mean_ms), "{mean_ms} ms");
    assert_eq!((counters.uplink_lost, counters.downlink_lost_permille), (0, 0));
    assert!(!world.person(ben).end.heard.is_empty());
}

#[test]
fn loss_on_either_way_is_counted() {
    let (mut world, ada, ben) = two(5);
    let lossy = Weather { lost: 100, ..Weather::clear(ms(10)) };
    world.end(ada).up = lossy;
    world.speak(ada, 30);
    world.run(secs(20));
    let before = world.counters();
    assert!((60..140).contains(&before.uplink_lost), "{}", before.uplink_lost);
    world.end(ada).up = Weather::clear(ms(10));
    world.end(ben).down = lossy;
    world.run(secs(20));
    let after = world.counters();
    assert!(after.downlink_lost_permille > before.downlink_lost_permille);
}

/// More than two turns of the sequence number, in packets of 60 ms: more than two hours.
#[test]
fn a_voice_is_heard_through_hours_and_turns_of_the_sequence_number() {
    let (mut world, ada, ben) = two(6);
    let restless = Weather { jitter: ms(90), lost: 2, twice: 5, held_up: 5, ..Weather::clear(ms(10)) };
    world.weather(ada, restless);
    world.weather(ben, restless);
    world.end(ada).microphone.use_frames(Frame::Ms60);
    world.speak(ada, 30);
    let mut heard = 0;
    for _ in 0..145 {
        world.run(secs(60));
        let now = world.heard_of(ben, ada).len();
        assert!(now >= 950, "{now} of 1,000 packets in a minute, after {heard}");
        heard += now;
        world.forget_heard();
    }
    assert!(world.person(ada).end.microphone.packets > 140_000);
    assert!(heard > 140_000, "{heard}");
}

/// A host on a seat and a listener, both connected.
fn two(seed: u64) -> (World, Who, Who) {
    let mut world = World::new(seed);
    let ada = world.join(host("ada"));
    let ben = world.join(listener("ben"));
    world.act(ada, Act::SeatTake { seat: seat(1) }).unwrap();
    world.run(secs(1));
    (world, ada, ben)
}

pub(crate) fn assert_continuous(heard: &[&Heard]) {
    for pair in heard.windows(2) {
        assert_eq!(pair[1].sequence, pair[0].sequence.wrapping_add(1));
        assert_eq!(pair[1].timestamp, pair[0].timestamp.wrapping_add(960));
    }
}
