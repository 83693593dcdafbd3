//! Seats: who is heard follows from the stage at once, and from nothing else.

use std::time::Instant;

use podium::engine::counters::DropReason;
use podium_signaling::room::{Act, ByeReason, SeatViewState};

use crate::world::microphone::Said;
use crate::world::{Who, World, host, listener, seat};
use crate::{ms, secs};

#[test]
fn a_hand_becomes_a_seat_becomes_a_voice_and_nobody_waits_for_the_server() {
    let (mut world, ada, ben, cora) = three(1);
    world.speak(ben, 35);
    world.run(secs(1));
    world.act(ben, Act::HandRaise { wanted_seat: None, mic_ready: true }).unwrap();
    world.run(ms(1_507));
    world.tapped_out = Some(Vec::new());
    let identity = world.person(ben).identity.clone();
    let approved = world.now;
    let before = world.counters().drops(DropReason::NotOnStage);
    world.act(ada, Act::HandApprove { identity }).unwrap();
    let next = world.person(ben).end.microphone.packets;
    world.run(secs(1));
    assert_eq!(world.counters().drops(DropReason::NotOnStage), before, "no packet after the approval is dropped");
    let csrc = world.csrc_of(ben).unwrap();
    let first = first_sent(&world, csrc);
    // The one that was under way already, if there was one, is the first to be heard.
    assert!(first - approved <= ms(20), "{:?}", first - approved);
    for listener in [ada, cora] {
        let heard = world.heard_of(listener, ben);
        assert_eq!(heard[0].at, first + ms(10), "the way to the listener and nothing else");
        let Said::Voice { number, .. } = heard[0].said else { panic!("a voice") };
        assert!(number <= next && next - number <= 1, "{number}, {next}");
    }
    let audio = world.tapped_out.take().unwrap();
    assert!(!audio.is_empty());
    assert!(world.byes.is_empty(), "and no session began or ended for it");
}

#[test]
fn without_an_open_microphone_an_approval_airs_nobody_until_the_seat_is_confirmed() {
    let (mut world, ada, ben, cora) = three(2);
    world.speak(ben, 35);
    world.act(ben, Act::HandRaise { wanted_seat: None, mic_ready: false }).unwrap();
    let identity = world.person(ben).identity.clone();
    world.act(ada, Act::HandApprove { identity }).unwrap();
    world.run(secs(2));
    assert!(world.heard_of(cora, ben).is_empty());
    world.act(ben, Act::SeatConfirm { seat: None }).unwrap();
    world.run(ms(100));
    assert!(!world.heard_of(cora, ben).is_empty());
}

#[test]
fn a_listener_without_a_seat_is_not_heard() {
    let (mut world, _, ben, _) = three(3);
    world.speak(ben, 20);
    world.run(secs(2));
    assert!(world.judge.sent.is_empty());
    let counters = world.counters();
    let sent = u64::from(world.person(ben).end.microphone.packets);
    // One is on its way.
    assert_eq!(counters.drops(DropReason::NotOnStage), sent - 1);
    assert_eq!((counters.rtp_in, counters.rtp_out), (0, 0));
}

#[test]
fn a_mute_ends_a_voice_with_silence_and_nothing_follows() {
    let (mut world, ada, ben, cora) = three(4);
    aired(&mut world, ada, ben);
    let csrc = world.csrc_of(ben).unwrap();
    let identity = world.person(ben).identity.clone();
    world.forget_heard();
    let muted = world.now;
    world.act(ada, Act::MemberMute { identity: identity.clone(), lasts: None }).unwrap();
    world.run(secs(2));
    let after: Vec<_> = world.judge.sent.iter().filter(|sent| sent.csrc == csrc && sent.at >= muted).collect();
    assert!(after.iter().all(|sent| sent.ending && sent.at == muted), "{after:?}");
    let to_cora = after.iter().filter(|sent| sent.to == cora).count();
    assert!((2..=5).contains(&to_cora), "a few frames of nothing: {to_cora}");
    let heard = &world.person(cora).end.heard;
    assert!(heard.iter().rev().take(to_cora).all(|packet| packet.said == Said::Nothing));
    let ends = heard.windows(2).all(|pair| pair[1].sequence == pair[0].sequence.wrapping_add(1));
    assert!(ends, "without a gap");
    assert!(world.counters().drops(DropReason::GateClosed) > 90);
}

#[test]
fn lifting_a_mute_airs_nobody_who_has_not_opened_their_microphone() {
    let (mut world, ada, ben, cora) = three(5);
    aired(&mut world, ada, ben);
    let identity = world.person(ben).identity.clone();
    world.act(ada, Act::MemberMute { identity: identity.clone(), lasts: None }).unwrap();
    world.run(secs(1));
    world.forget_heard();
    world.act(ada, Act::MemberUnmute { identity: identity.clone() }).unwrap();
    world.run(secs(2));
    assert!(world.heard_of(cora, ben).is_empty());
    world.act(ben, Act::MuteSelf { muted: false }).unwrap();
    world.run(ms(100));
    assert!(!world.heard_of(cora, ben).is_empty());
}

#[test]
fn a_muted_seat_is_silent_whoever_sits_there() {
    let (mut world, ada, ben, cora) = three(6);
    aired(&mut world, ada, ben);
    let index = world.seat_of(ben).unwrap().index;
    world.act(ada, Act::SeatMute { seat: index, expect_rev: None }).unwrap();
    world.run(ms(100));
    world.forget_heard();
    world.run(secs(1));
    assert!(world.heard_of(cora, ben).is_empty());
    world.act(ada, Act::SeatUnmute { seat: index, expect_rev: None }).unwrap();
    world.run(secs(1));
    assert!(world.heard_of(cora, ben).is_empty(), "a host opens nobody's microphone");
    world.act(ben, Act::MuteSelf { muted: false }).unwrap();
    world.run(ms(100));
    assert!(!world.heard_of(cora, ben).is_empty());
}

#[test]
fn whoever_is_put_out_is_silent_within_50_ms_and_hears_nothing_more() {
    let (mut world, ada, ben, cora) = three(7);
    aired(&mut world, ada, ben);
    world.speak(ada, 30);
    world.run(secs(1));
    let csrc = world.csrc_of(ben).unwrap();
    let identity = world.person(ben).identity.clone();
    let kicked = world.now;
    world.act(ada, Act::MemberKick { identity, deny: false, reason: None }).unwrap();
    world.run(secs(3));
    assert!(world.person(ben).closed);
    assert_eq!(world.byes, [(world.person(ben).session.clone(), ByeReason::Kicked)]);
    let late = |at: Instant| at > kicked + ms(50);
    assert!(!world.judge.sent.iter().any(|sent| sent.csrc == csrc && late(sent.at)));
    assert!(!world.judge.sent.iter().any(|sent| sent.to == ben && sent.at > kicked));
    assert!(world.counters().drops(DropReason::UnknownPath) > 90, "what they go on sending is not looked at");
    assert!(world.counters().drops(DropReason::StunUnknownUfrag) >= 1, "and their checks are not answered");
    assert!(world.heard_of(cora, ada).last().unwrap().at > kicked + secs(1), "others are heard on");
}

#[test]
fn a_takeover_keeps_the_seat_muted_and_drops_the_old_session() {
    let (mut world, ada, ben, cora) = three(8);
    aired(&mut world, ada, ben);
    let before = world.seat_of(ben).unwrap();
    let old_csrc = world.csrc_of(ben).unwrap();
    let again = world.join(listener("ben"));
    world.speak(again, 35);
    world.forget_heard();
    let taken = world.now;
    world.run(secs(2));
    assert!(world.person(ben).closed);
    assert_eq!(world.byes, [(world.person(ben).session.clone(), ByeReason::Duplicate)]);
    let after = world.seat_of(again).unwrap();
    assert_eq!(before.index, after.index);
    assert_ne!(world.csrc_of(again), Some(old_csrc));
    assert_eq!(world.heard_of(cora, ben).iter().filter(|packet| packet.at > taken + ms(10)).count(), 0);
    assert!(world.heard_of(cora, again).is_empty(), "the new session did not say that its microphone is ready");
    world.act(again, Act::MuteSelf { muted: false }).unwrap();
    world.forget_heard();
    world.run(secs(2));
    assert!(world.heard_of(cora, again).len() > 80);
}

#[test]
fn whoever_leaves_the_seat_is_a_listener_again() {
    let (mut world, ada, ben, cora) = three(9);
    aired(&mut world, ada, ben);
    world.speak(ada, 30);
    world.act(ben, Act::SeatLeave).unwrap();
    world.run(ms(100));
    world.forget_heard();
    world.run(secs(1));
    assert!(world.heard_of(cora, ben).is_empty());
    assert!(world.heard_of(ben, ada).len() >= 49, "and hears on");
    assert!(matches!(world.snapshot().seats[1].state, SeatViewState::Open));
}

#[test]
fn a_plan_that_comes_late_or_twice_changes_nothing() {
    let (mut world, ada, ben, cora) = three(10);
    aired(&mut world, ada, ben);
    world.act(ben, Act::MuteSelf { muted: true }).unwrap();
    world.run(ms(100));
    world.forget_heard();
    for number in (0..world.past_plans.len()).rev() {
        world.repeat_plan(number);
        world.run(ms(100));
    }
    assert!(world.heard_of(cora, ben).is_empty());
    world.act(ben, Act::MuteSelf { muted: false }).unwrap();
    world.run(ms(100));
    world.forget_heard();
    for number in 0..world.past_plans.len() {
        world.repeat_plan(number);
        world.run(secs(1));
    }
    assert_eq!(world.heard_of(cora, ben).len(), 50 * world.past_plans.len(), "without a gap");
}

/// A host on seat 0, and two listeners.
fn three(seed: u64) -> (World, Who, Who, Who) {
    let mut world = World::new(seed);
    let ada = world.join(host("ada"));
    let ben = world.join(listener("ben"));
    let cora = world.join(listener("cora"));
    world.act(ada, Act::SeatTake { seat: seat(0) }).unwrap();
    world.run(secs(1));
    (world, ada, ben, cora)
}

/// Ben speaks from a seat.
fn aired(world: &mut World, ada: Who, ben: Who) {
    world.speak(ben, 35);
    world.act(ben, Act::HandRaise { wanted_seat: None, mic_ready: true }).unwrap();
    let identity = world.person(ben).identity.clone();
    world.act(ada, Act::HandApprove { identity }).unwrap();
    world.run(secs(1));
}

fn first_sent(world: &World, csrc: u32) -> Instant {
    world.judge.sent.iter().find(|sent| sent.csrc == csrc).unwrap().at
}
