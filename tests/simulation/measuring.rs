//! Measuring: what the engine tells of joins by stage, of paths, and of the time on mic, against delays that are known.

use std::time::Duration;

use podium::engine::event::{Event, LinkSample, Opening, PathSample, RoundTripSource, Stage};
use podium_signaling::room::Act;

use crate::world::microphone::Frame;
use crate::world::network::Weather;
use crate::world::{Who, World, host, listener, seat};
use crate::{ms, secs};

#[test]
fn every_stage_of_a_join_is_told_once_in_order_and_at_its_time() {
    let mut world = World::new(1);
    let ada = world.join(host("ada"));
    world.act(ada, Act::SeatTake { seat: seat(0) }).unwrap();
    world.speak(ada, 30);
    world.run(secs(1));
    for (name, setup) in [("ben", "actpass"), ("cyd", "active"), ("dan", "passive")] {
        let who = world.join(listener(name).setup(setup).weather(Weather::clear(ms(50))));
        world.run(secs(3));
        let told = stages(&world, who);
        let in_order: Vec<Stage> = told.iter().map(|(stage, _)| *stage).collect();
        let all = [Stage::FirstCheck, Stage::Nominated, Stage::Handshake, Stage::Keys, Stage::FirstAudio];
        assert_eq!(in_order, all, "{setup}");
        let at: Vec<Duration> = told.iter().map(|(_, after)| *after).collect();
        assert!(at.is_sorted(), "{setup}: {at:?}");
        assert_eq!(at[0], ms(50), "half a round trip");
        // A client of ours says with its second check, after the first reply, which path it wants.
        assert!((ms(150)..ms(210)).contains(&at[1]), "{setup}: one and a half round trips, and a pace: {at:?}");
        assert!((ms(150)..ms(210)).contains(&at[2]), "{setup}: likewise: {at:?}");
    }
}

#[test]
fn whoever_speaks_alone_is_measured_by_reference_times_and_a_listener_by_reports() {
    let mut world = World::new(2);
    let ada = world.join(host("ada").weather(Weather::clear(ms(40))));
    let ben = world.join(listener("ben").weather(Weather::clear(ms(75))));
    world.act(ada, Act::SeatTake { seat: seat(0) }).unwrap();
    world.speak(ada, 30);
    world.run(secs(30));
    for (who, true_ms, source) in [(ada, 80, RoundTripSource::ReferenceTime), (ben, 150, RoundTripSource::Reports)] {
        let told = measured(&world, who);
        let (first, later) = told.split_first().unwrap();
        let (by_handshake, how) = first.1.round_trip.unwrap();
        assert_eq!(how, RoundTripSource::Handshake);
        assert!(by_handshake.abs_diff(ms(true_ms)) <= ms(15), "{by_handshake:?}");
        assert!(later.len() >= 10, "one in 2.5 s: {}", later.len());
        for (_, sample) in &later[1..] {
            let (round_trip, how) = sample.round_trip.unwrap();
            assert_eq!(how, source);
            assert!(round_trip.abs_diff(ms(true_ms)) <= ms(1), "{round_trip:?}");
        }
    }
}

#[test]
fn a_session_is_told_of_once_a_report_interval_and_once_soon_after_the_keys() {
    let mut world = World::new(3);
    let ada = world.join(host("ada"));
    let ben = world.join(host("ben"));
    for (who, at) in [(ada, 0), (ben, 1)] {
        world.act(who, Act::SeatTake { seat: seat(at) }).unwrap();
        world.speak(who, 30);
    }
    world.run(secs(21));
    for who in [ada, ben] {
        let at: Vec<Duration> = measured(&world, who).into_iter().map(|(at, _)| at).collect();
        let keys = stages(&world, who).into_iter().find(|(stage, _)| *stage == Stage::Keys).unwrap().1;
        assert!((ms(500)..ms(520)).contains(&(at[0] - keys)), "{at:?}");
        assert!(at.windows(2).all(|pair| pair[1] - pair[0] >= ms(2_500)), "{at:?}");
        assert_eq!(at.len(), 9, "{at:?}");
    }
}

#[test]
fn loss_jitter_and_the_length_of_a_packet_are_told_of_the_way_that_has_them() {
    let mut world = World::new(4);
    let ada = world.join(host("ada"));
    let ben = world.join(listener("ben"));
    world.act(ada, Act::SeatTake { seat: seat(0) }).unwrap();
    world.end(ada).microphone.use_frames(Frame::Ms60);
    world.end(ada).up = Weather { lost: 200, ..Weather::clear(ms(10)) };
    world.end(ben).down = Weather { jitter: ms(40), ..Weather::clear(ms(10)) };
    world.speak(ada, 30);
    world.run(secs(120));
    let (up, down) = (links(&world, ada, |sample| sample.uplink), links(&world, ben, |sample| sample.downlink));
    assert!(up.len() > 40 && down.len() > 40);
    let loss = mean(up.iter().map(|link| link.loss));
    assert!((0.17..0.23).contains(&loss), "a fifth: {loss}");
    assert!(up.iter().all(|link| link.jitter < ms(2)), "an even way");
    let jitter = mean(down[2..].iter().map(|link| link.jitter.as_secs_f32() * 1e3));
    // Of two independent delays between 0 and 40 ms the mean distance is a third of that.
    assert!((9.0..18.0).contains(&jitter), "{jitter} ms");
    let frames: Vec<_> = measured(&world, ada).into_iter().filter_map(|(_, sample)| sample.frame).collect();
    assert!(frames.len() > 40 && frames.iter().all(|frame| *frame == ms(60)));
    assert!(measured(&world, ben).iter().all(|(_, sample)| sample.frame.is_none() && sample.uplink.is_none()));
    assert!(measured(&world, ada).iter().all(|(_, sample)| sample.downlink.is_none()));
}

#[test]
fn the_time_on_mic_is_from_the_asking_to_the_first_voiced_packet_that_someone_gets() {
    let mut world = World::new(5);
    let ada = world.join(host("ada"));
    let _ben = world.join(listener("ben"));
    world.run(secs(1));
    world.judge.plan_lag = ms(1);
    // The room's plan leaves its owner no voice before it is there: a silent microphone first.
    world.act(ada, Act::SeatTake { seat: seat(0) }).unwrap();
    world.speak(ada, 100);
    world.run(ms(300));
    assert!(on_mic(&world, ada).is_empty(), "silence is no voice");
    world.speak(ada, 30);
    world.run(secs(1));
    let told = on_mic(&world, ada);
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].0, Opening::Seated);
    assert!((ms(300)..ms(340)).contains(&told[0].1), "{told:?}");
    let opened = gates(&world, ada);
    assert_eq!(opened.len(), 1);
    assert!(opened[0].1 <= ms(1), "the server's own part: {opened:?}");
}

#[test]
fn a_gate_that_opens_again_is_told_and_one_that_stays_open_is_not() {
    let mut world = World::new(6);
    let ada = world.join(host("ada"));
    let _ben = world.join(listener("ben"));
    world.run(secs(1));
    world.act(ada, Act::SeatTake { seat: seat(0) }).unwrap();
    world.speak(ada, 30);
    world.run(secs(2));
    world.act(ada, Act::MuteSelf { muted: true }).unwrap();
    world.run(secs(2));
    world.act(ada, Act::MuteSelf { muted: false }).unwrap();
    world.run(secs(2));
    // Another's seat is a newer plan, and changes nothing for Ada.
    let cyd = world.join(host("cyd"));
    world.run(secs(1));
    world.act(cyd, Act::SeatTake { seat: seat(1) }).unwrap();
    world.run(secs(2));
    let openings: Vec<Opening> = gates(&world, ada).into_iter().map(|(opening, _)| opening).collect();
    assert_eq!(openings, [Opening::Seated, Opening::Unmuted]);
    let told = on_mic(&world, ada);
    assert_eq!(told.iter().map(|(opening, _)| *opening).collect::<Vec<_>>(), [Opening::Seated, Opening::Unmuted]);
    assert!(told.iter().all(|(_, after)| *after <= ms(40)), "{told:?}");
    assert_eq!(gates(&world, cyd).len(), 1);
    assert!(on_mic(&world, cyd).is_empty(), "who says nothing is not on mic");
}

#[test]
fn a_first_word_that_comes_late_or_that_nobody_gets_is_no_time_on_mic() {
    let mut world = World::new(7);
    let ada = world.join(host("ada"));
    world.run(secs(1));
    world.act(ada, Act::SeatTake { seat: seat(0) }).unwrap();
    world.speak(ada, 30);
    world.run(secs(2));
    assert!(on_mic(&world, ada).is_empty(), "nobody is there to hear it");
    world.rest(ada);
    let _ben = world.join(listener("ben"));
    world.run(ms(3_100));
    world.speak(ada, 30);
    world.run(secs(1));
    assert!(on_mic(&world, ada).is_empty(), "5 s have passed");
}

#[test]
fn whoever_is_seated_while_joining_is_not_waited_for() {
    let mut world = World::new(8);
    let _ben = world.join(listener("ben"));
    world.run(secs(1));
    let ada = world.join(host("ada").weather(Weather::clear(ms(100))));
    world.act(ada, Act::SeatTake { seat: seat(0) }).unwrap();
    world.speak(ada, 30);
    world.run(secs(2));
    assert_eq!(gates(&world, ada).len(), 1);
    assert!(on_mic(&world, ada).is_empty(), "how long the join takes says nothing of the gate");
}

fn stages(world: &World, who: Who) -> Vec<(Stage, Duration)> {
    let facts = world.facts(who).into_iter();
    facts
        .filter_map(
            |(_, event)| if let Event::Stage { stage, after, .. } = event { Some((*stage, *after)) } else { None },
        )
        .collect()
}

fn measured(world: &World, who: Who) -> Vec<(Duration, PathSample)> {
    let facts = world.facts(who).into_iter();
    facts
        .filter_map(|(at, event)| if let Event::Measured { sample, .. } = event { Some((at, *sample)) } else { None })
        .collect()
}

fn gates(world: &World, who: Who) -> Vec<(Opening, Duration)> {
    let facts = world.facts(who).into_iter();
    facts
        .filter_map(|(_, event)| {
            if let Event::GateOpened { opening, server, .. } = event { Some((*opening, *server)) } else { None }
        })
        .collect()
}

fn on_mic(world: &World, who: Who) -> Vec<(Opening, Duration)> {
    let facts = world.facts(who).into_iter();
    facts
        .filter_map(
            |(_, event)| if let Event::OnMic { opening, after, .. } = event { Some((*opening, *after)) } else { None },
        )
        .collect()
}

fn links(world: &World, who: Who, of: impl Fn(&PathSample) -> Option<LinkSample>) -> Vec<LinkSample> {
    measured(world, who).iter().filter_map(|(_, sample)| of(sample)).collect()
}

fn mean(of: impl ExactSizeIterator<Item = f32>) -> f32 {
    let count = of.len() as f32;
    of.sum::<f32>() / count
}
