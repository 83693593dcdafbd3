//! Joining: what it costs in round trips, and what it costs when packets are lost.

use std::time::Duration;

use podium::engine::event::{Event, JoinEnd, Stage};
use podium::wire::{DatagramKind, classify};
use podium_signaling::room::Act;

use crate::world::network::Weather;
use crate::world::{Entry, Who, World, host, listener, seat};
use crate::{ms, secs};

#[test]
fn from_the_answer_to_the_first_packet_it_is_two_round_trips() {
    let mut world = on_air(1);
    let ben = world.join(far(listener("ben")));
    world.run(secs(1));
    assert_eq!(stage(&world, ben, Stage::FirstCheck), ms(50), "half a round trip");
    assert_eq!(stage(&world, ben, Stage::Keys), ms(150), "one and a half");
    let first_audio = stage(&world, ben, Stage::FirstAudio);
    assert!((ms(150)..=ms(170)).contains(&first_audio), "and the next packet: {first_audio:?}");
    let person = world.person(ben);
    assert_eq!(person.keys_after(), ms(200));
    let heard = person.end.heard[0].at - person.joined_at;
    assert!((ms(200)..=ms(220)).contains(&heard), "{heard:?}");
    assert_eq!(person.end.unusable, 0, "nothing came before it could be used");
    let ended: Vec<_> = ends(&world, ben);
    assert_eq!(ended, [(first_audio, JoinEnd::FirstAudio)]);
}

#[test]
fn where_nobody_is_audible_a_join_ends_with_the_keys() {
    let mut world = World::new(2);
    let ada = world.join(far(host("ada")));
    world.run(secs(1));
    assert_eq!(ends(&world, ada), [(ms(150), JoinEnd::Keys)]);
}

#[test]
fn a_lost_client_hello_follows_again_behind_the_next_reply_bit_for_bit() {
    let mut world = on_air(3);
    world.tapped_out = Some(Vec::new());
    let ben = world.join(far(listener("ben")));
    world.end(ben).loses_next = Some(DatagramKind::Dtls);
    world.run(secs(1));
    let sent = world.tapped_out.take().unwrap();
    let opening: Vec<_> = sent.into_iter().filter(|(_, who, _)| *who == ben).take(4).collect();
    let kinds: Vec<_> = opening.iter().map(|(_, _, bytes)| classify(bytes)).collect();
    assert_eq!(kinds, [DatagramKind::Stun, DatagramKind::Dtls, DatagramKind::Stun, DatagramKind::Dtls]);
    assert_eq!(opening[0].0, opening[1].0, "behind the reply at once");
    assert_eq!(opening[2].0, opening[3].0);
    assert_eq!(opening[3].0 - opening[1].0, ms(50), "a client's pace later");
    assert_eq!(opening[1].2, opening[3].2, "the same bytes");
    let heard = world.person(ben).end.heard[0].at - world.person(ben).joined_at;
    assert!((ms(250)..=ms(270)).contains(&heard), "{heard:?}");
}

#[test]
fn joins_complete_on_bad_networks_and_nobody_gets_a_packet_twice() {
    let mut world = on_air(4);
    let bad = Weather { jitter: ms(30), lost: 200, twice: 100, held_up: 100, ..Weather::clear(ms(40)) };
    let joining: Vec<Who> = (0..20).map(|number| world.join(listener(&format!("p{number}")).weather(bad))).collect();
    let connected = joining.clone();
    let took = world.run_until(secs(15), |world| connected.iter().all(|who| world.person(*who).end.keys_at.is_some()));
    assert!(took < secs(15));
    world.forget_heard();
    world.run(secs(20));
    for who in joining {
        let heard = &world.person(who).end.heard;
        assert!((700..=900).contains(&heard.len()), "four of five arrive: {}", heard.len());
        let mut numbers: Vec<u16> = heard.iter().map(|packet| packet.sequence).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), heard.len(), "none twice");
    }
}

#[test]
fn a_bad_uplink_costs_what_it_loses_and_no_more() {
    let mut world = World::new(5);
    let bad = Weather { jitter: ms(30), lost: 200, twice: 200, held_up: 100, ..Weather::clear(ms(40)) };
    let ada = world.join(host("ada").weather(bad));
    let ben = world.join(listener("ben"));
    world.act(ada, Act::SeatTake { seat: seat(1) }).unwrap();
    world.speak(ada, 30);
    world.run(secs(30));
    let sent = world.person(ada).end.microphone.packets as usize;
    let heard = world.heard_of(ben, ada).len();
    assert!(heard * 100 >= sent * 74 && heard * 100 <= sent * 86, "{heard} of {sent}");
    assert_eq!(world.person(ben).end.unusable, 0, "nothing came that the listener's replay window refuses");
}

/// A host who speaks, 10 ms away.
fn on_air(seed: u64) -> World {
    let mut world = World::new(seed);
    let ada = world.join(host("ada"));
    world.act(ada, Act::SeatTake { seat: seat(0) }).unwrap();
    world.speak(ada, 30);
    world.run(secs(1));
    world
}

fn far(entry: Entry) -> Entry {
    entry.weather(Weather::clear(ms(50)))
}

fn stage(world: &World, who: Who, wanted: Stage) -> Duration {
    let mut after = world.facts(who).into_iter().filter_map(|(_, event)| match event {
        Event::Stage { stage, after, .. } if *stage == wanted => Some(*after),
        Event::Stage { .. }
        | Event::JoinEnded { .. }
        | Event::TrackLive { .. }
        | Event::Interrupted { .. }
        | Event::Restored { .. }
        | Event::Closed { .. }
        | Event::Slots { .. }
        | Event::Measured { .. }
        | Event::GateOpened { .. }
        | Event::OnMic { .. }
        | Event::Interruption { .. }
        | Event::Speakers { .. }
        | Event::Unheard { .. } => None,
    });
    let reached = after.next().unwrap();
    assert_eq!(after.next(), None, "a stage is reached once");
    reached
}

fn ends(world: &World, who: Who) -> Vec<(Duration, JoinEnd)> {
    let ended = world.facts(who).into_iter().filter_map(|(_, event)| match event {
        Event::JoinEnded { after, by, .. } => Some((*after, *by)),
        Event::Stage { .. }
        | Event::TrackLive { .. }
        | Event::Interrupted { .. }
        | Event::Restored { .. }
        | Event::Closed { .. }
        | Event::Slots { .. }
        | Event::Measured { .. }
        | Event::GateOpened { .. }
        | Event::OnMic { .. }
        | Event::Interruption { .. }
        | Event::Speakers { .. }
        | Event::Unheard { .. } => None,
    });
    ended.collect()
}
