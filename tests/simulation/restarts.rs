//! ICE restarts: a client changes its network in mid-call, asks for new credentials, and keeps keys, streams and seat.

use podium::engine::counters::DropReason;
use podium::engine::event::{CloseReason, Event};
use podium::sdp::SdpError;
use podium::wire::{DatagramKind, classify};
use podium_signaling::room::Act;

use crate::world::network::Weather;
use crate::world::{Who, World, host, listener, seat};
use crate::{ms, secs};

#[test]
fn whoever_changes_the_network_with_a_restart_is_heard_and_hears_on_and_the_old_credentials_are_refused() {
    let (mut world, ada, ben) = on_air(1);
    world.tapped = Some(Vec::new());
    world.run(secs(5));
    let old_checks = checks(&mut world);
    for who in [ada, ben] {
        world.rebind(who);
        let answer = world.restart_ice(who, |_| {}).unwrap();
        assert!(answer.contains(" 2 IN IP4 127.0.0.1\r\n"), "the version is raised: {answer}");
    }
    // Ada is unknown there until her first check, and the line takes its time.
    world.run(ms(200));
    world.forget_heard();
    world.strays.clear();
    world.run(secs(10));
    assert!(world.heard_of(ben, ada).len() >= 499);
    assert_eq!(world.strays, [], "nothing goes to the old address");
    assert_eq!(world.person(ben).end.unusable, 0, "the keys are the same");
    assert!(world.seat_of(ada).unwrap().connected().unwrap());
    let facts = |world: &World, who| world.facts(who).into_iter().map(|(_, event)| event.clone()).collect::<Vec<_>>();
    assert!(!facts(&world, ada).iter().any(|event| matches!(event, Event::Interrupted { .. } | Event::Closed { .. })));

    for (from, check) in old_checks {
        let reaction = world.feed(from, &check);
        assert_eq!((reaction.dropped, reaction.sent), (Some(DropReason::StunUnknownUfrag), 0));
    }
}

#[test]
fn the_old_credentials_hold_until_the_new_ones_are_used() {
    let (mut world, ada, ben) = on_air(2);
    // The answer is under way, or lost: the client knows nothing of new credentials and goes on as before.
    let present = world.end(ben).checks.clone();
    world.restart_ice(ben, |_| {}).unwrap();
    let asked = std::mem::replace(&mut world.end(ben).checks, present);
    world.rebind(ben);
    world.run(secs(5));
    world.forget_heard();
    world.run(secs(2));
    assert!(world.heard_of(ben, ada).len() >= 99, "the old credentials brought it to the new address");
    // A second restart takes the place of the first, whose credentials nobody may use any more.
    world.restart_ice(ben, |_| {}).unwrap();
    let newest = std::mem::replace(&mut world.end(ben).checks, asked);
    let before = world.counters().drops(DropReason::StunUnknownUfrag);
    world.run(ms(500));
    assert!(world.counters().drops(DropReason::StunUnknownUfrag) > before);
    world.end(ben).checks = newest;
    world.rebind(ben);
    world.run(ms(200));
    world.forget_heard();
    world.run(secs(10));
    assert!(world.heard_of(ben, ada).len() >= 499);
}

#[test]
fn an_offer_that_changes_more_or_nothing_is_refused_and_the_call_goes_on() {
    let (mut world, ada, ben) = on_air(3);
    let present = world.person(ben).end.terms.clone();
    let other = "sha-256 ".to_owned() + &["AB"; 32].join(":");
    let refused = world.restart_ice(ben, |terms| terms.fingerprint = other).unwrap_err();
    assert_eq!(refused, SdpError::OtherFingerprint);
    let refused = world.restart_ice(ben, |terms| terms.slots += 1).unwrap_err();
    assert_eq!(refused, SdpError::OtherSections);
    let refused = world.restart_ice(ben, |terms| terms.ufrag = present.ufrag).unwrap_err();
    assert_eq!(refused, SdpError::SameCredentials);
    world.forget_heard();
    world.run(secs(10));
    assert!(world.heard_of(ben, ada).len() >= 499);
}

#[test]
fn a_silent_transport_is_woken_by_a_restart_even_at_the_last_moment() {
    let (mut world, ada, ben) = on_air(4);
    let calm = world.person(ben).end.up;
    world.weather(ben, Weather::dark());
    world.run(secs(29));
    let transport = world.person(ben).transport;
    assert!(world.events.iter().any(|(_, event)| *event == Event::Interrupted { transport }));
    world.rebind(ben);
    world.restart_ice(ben, |_| {}).unwrap();
    // The network takes longer than the silence may last.
    world.run(secs(5));
    world.weather(ben, calm);
    world.run(ms(200));
    assert!(world.events.iter().any(|(_, event)| *event == Event::Restored { transport }));
    world.forget_heard();
    world.run(secs(10));
    assert!(world.heard_of(ben, ada).len() >= 499);
}

#[test]
fn a_restart_that_nobody_uses_keeps_a_silent_transport_for_10_s_and_no_longer() {
    let (mut world, _, ben) = on_air(5);
    world.weather(ben, Weather::dark());
    world.run(secs(25));
    world.restart_ice(ben, |_| {}).unwrap();
    let closed = Event::Closed { transport: world.person(ben).transport, reason: CloseReason::Silent };
    world.run(ms(9_900));
    assert!(!world.events.iter().any(|(_, event)| *event == closed));
    world.run(ms(200));
    assert!(world.events.iter().any(|(_, event)| *event == closed));
    assert_eq!(world.counters().transports, 1);
}

/// A host who speaks from a seat and a listener who hears.
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

/// The checks that were sent since the tap was opened.
fn checks(world: &mut World) -> Vec<(std::net::SocketAddr, Vec<u8>)> {
    let sent = world.tapped.take().unwrap();
    let checks: Vec<_> = sent.into_iter().filter(|(_, bytes)| classify(bytes) == DatagramKind::Stun).collect();
    assert!(checks.len() >= 3);
    checks
}
