//! Networks: addresses change, lines go dark, people vanish and come back.

use podium::engine::counters::DropReason;
use podium::engine::event::{CloseReason, Event};
use podium_signaling::room::{Act, ReservedWhy, SeatViewState};

use crate::world::network::Weather;
use crate::world::{Who, World, host, listener, seat};
use crate::{ms, secs};

#[test]
fn a_listener_at_another_address_hears_on_after_the_next_check() {
    for keeps_nominating in [true, false] {
        let (mut world, ada, ben) = on_air(1);
        world.end(ben).checks.keeps_nominating = keeps_nominating;
        world.run(secs(5));
        world.forget_heard();
        world.rebind(ben);
        let heard = |world: &World| !world.heard_of(ben, ada).is_empty();
        let took = world.run_until(secs(6), heard);
        assert!(took <= secs(5), "{took:?}");
        // What was under way to the old address is past; from now on nothing goes there.
        world.run(ms(50));
        world.strays.clear();
        world.forget_heard();
        world.run(secs(10));
        assert_eq!(world.strays, []);
        assert!(world.heard_of(ben, ada).len() >= 499);
    }
}

#[test]
fn a_speaker_at_another_address_is_heard_on_after_the_next_check() {
    let (mut world, ada, ben) = on_air(2);
    world.rebind(ada);
    // What was under way before is past.
    world.run(ms(30));
    world.forget_heard();
    let took = world.run_until(secs(3), |world| !world.heard_of(ben, ada).is_empty());
    assert!(took <= ms(2_600), "{took:?}");
    assert!(world.counters().drops(DropReason::UnknownPath) > 50, "nothing was taken from there before the check");
    world.forget_heard();
    world.run(secs(10));
    assert!(world.heard_of(ben, ada).len() >= 499);
    assert_eq!(world.seat_of(ada).unwrap().connected(), Some(true));
}

#[test]
fn a_hundred_changes_of_address_leave_nothing_behind() {
    let (mut world, ada, ben) = on_air(3);
    for _ in 0..100 {
        world.rebind(ben);
        world.rebind(ada);
        world.run(secs(3));
    }
    world.forget_heard();
    world.strays.clear();
    world.run(secs(2));
    assert!(world.heard_of(ben, ada).len() >= 98);
    assert_eq!(world.strays, []);
}

#[test]
fn whoever_vanishes_is_interrupted_after_10_s_loses_the_seat_after_the_grace_and_is_gone_after_30() {
    let (mut world, ada, ben) = on_air(4);
    world.weather(ada, Weather::dark());
    world.run(ms(20));
    let silent_from = world.now;
    world.run(ms(9_900));
    assert_eq!(occupied(&world, ada), Some(true));
    world.run(ms(200));
    assert_eq!(occupied(&world, ada), Some(false), "kept, and not heard");
    world.run_until(secs(16), |world| world.seat_of(ada).is_none());
    let freed = world.now - silent_from;
    assert!((ms(24_900)..ms(25_100)).contains(&freed), "15 s of grace: {freed:?}");
    world.run(secs(10));
    let facts: Vec<_> = world.events.iter().filter(|(at, _)| *at >= silent_from).collect();
    let transport = world.person(ada).transport;
    let interrupted = facts.iter().find(|(_, event)| *event == Event::Interrupted { transport }).unwrap().0;
    let silent = Event::Closed { transport, reason: CloseReason::Silent };
    let closed = facts.iter().find(|(_, event)| *event == silent).unwrap().0;
    let after = [interrupted - silent_from, closed - silent_from];
    assert!((ms(9_900)..ms(10_020)).contains(&after[0]), "{after:?}");
    assert!((ms(29_900)..ms(30_020)).contains(&after[1]), "{after:?}");
    assert_eq!(world.counters().transports, 1, "only the listener is left");
    assert_eq!(world.person(ben).end.unusable, 0);
}

#[test]
fn whoever_comes_back_within_the_grace_has_the_same_seat() {
    let (mut world, ada, ben) = on_air(5);
    let before = world.csrc_of(ada).unwrap();
    let calm = world.person(ada).end.up;
    world.weather(ada, Weather::dark());
    world.run(secs(20));
    let reserved = world.seat_of(ada).unwrap();
    assert!(matches!(reserved.state, SeatViewState::Reserved { why: ReservedWhy::Reconnect, .. }));
    world.forget_heard();
    world.weather(ada, calm);
    world.run(secs(3));
    let seat = world.seat_of(ada).unwrap();
    assert_eq!((seat.index, seat.connected()), (reserved.index, Some(true)));
    let after = world.csrc_of(ada).unwrap();
    assert_ne!(before, after, "another occupancy");
    let heard = world.heard_of(ben, ada);
    assert!(heard.len() > 20, "{}", heard.len());
    assert!(heard.iter().all(|packet| packet.csrc == after));
    let transport = world.person(ada).transport;
    assert!(world.events.iter().any(|(_, event)| *event == Event::Restored { transport }));
}

#[test]
fn a_lost_socket_alone_interrupts_nobody() {
    let (mut world, ada, ben) = on_air(6);
    world.detach(ada);
    world.forget_heard();
    world.run(secs(20));
    assert!(world.heard_of(ben, ada).len() > 990);
    world.run(secs(11));
    assert!(world.person(ada).closed, "but nobody stays for ever without one");
    world.forget_heard();
    world.run(secs(2));
    assert_eq!(world.heard_of(ben, ada).len(), 0);
}

#[test]
fn one_who_never_checks_is_forgotten() {
    let mut world = World::new(7);
    let ada = world.join(listener("ada").weather(Weather::dark()));
    world.run(secs(31));
    let transport = world.person(ada).transport;
    let closed = Event::Closed { transport, reason: CloseReason::HandshakeTimeout };
    assert!(world.events.iter().any(|(_, event)| *event == closed));
    assert_eq!(world.counters().transports, 0);
    assert_eq!(world.counters().datagrams_out, 0, "the server never speaks first");
}

/// A host who speaks and a listener who hears.
fn on_air(seed: u64) -> (World, Who, Who) {
    let mut world = World::new(seed);
    let ada = world.join(host("ada"));
    let ben = world.join(listener("ben"));
    world.act(ada, Act::SeatTake { seat: seat(1) }).unwrap();
    world.speak(ada, 30);
    world.run(secs(3));
    assert!(!world.heard_of(ben, ada).is_empty());
    (world, ada, ben)
}

fn occupied(world: &World, who: Who) -> Option<bool> {
    Some(matches!(world.seat_of(who)?.state, SeatViewState::Occupied { .. }))
}
