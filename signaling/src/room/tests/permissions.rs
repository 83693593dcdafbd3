//! Every rank × every act × every state of a seat: who may, and with what word others are refused.

use super::*;

/// What the target seat is when the act comes.
const STATES: [&str; 4] = ["open", "locked", "reserved", "occupied"];

/// The acts of the table, on seat 1 or on tom, who has it reserved or occupied, or has a hand up.
fn acts() -> Vec<(&'static str, Act)> {
    let on_one = seat(1);
    vec![
        ("take", take(1)),
        ("lock", lock(1, false)),
        ("evict", lock(1, true)),
        ("unlock", Act::SeatUnlock { seat: on_one, expect_rev: None }),
        ("mute seat", Act::SeatMute { seat: on_one, expect_rev: None }),
        ("unmute seat", Act::SeatUnmute { seat: on_one, expect_rev: None }),
        ("kick off", Act::SeatKick { seat: on_one, expect_rev: None }),
        ("approve", approve("tom")),
        ("deny", deny("tom")),
        ("mute", Act::MemberMute { identity: id("tom") }),
        ("unmute", Act::MemberUnmute { identity: id("tom") }),
        ("kick", kick("tom")),
        ("update", update(RoomChange { seat_mode: Some(SeatMode::InviteOnly), ..RoomChange::default() })),
        ("raise", raise(false)),
        ("confirm", CONFIRM),
        ("leave seat", Act::SeatLeave),
    ]
}

/// A room in mode `apply` where seat 1 is in a state, by tom, and the actor has just come.
fn arrange(state: &str, actor: Rank) -> Story {
    let mut story = Story::with(Settings::default());
    story.join("boss", Rank::Host);
    story.join("tom", Rank::Member);
    story.join("me", actor);
    story.act("tom", raise(state == "occupied"));
    match state {
        "open" => {}
        "locked" => drop(story.act("boss", lock(1, false))),
        "reserved" | "occupied" => drop(story.act("boss", approve("tom"))),
        other => panic!("no such state: {other}"),
    }
    story
}

/// The table: `None` is done.
fn expected(actor: Rank, name: &str, state: &str) -> Option<Refusal> {
    let moderates = actor.is_moderator();
    match name {
        "raise" => None,
        "confirm" | "leave seat" => Some(Refusal::NotSeated),
        "update" => (actor != Rank::Host).then_some(Refusal::Forbidden),
        "take" if !moderates => Some(Refusal::WrongSeatMode),
        "take" => match state {
            "open" => None,
            "locked" => Some(Refusal::SeatLocked),
            "reserved" => Some(Refusal::SeatReserved),
            _ => Some(Refusal::SeatOccupied),
        },
        _ if !moderates => Some(Refusal::Forbidden),
        "lock" => (state == "occupied").then_some(Refusal::SeatOccupied),
        "approve" | "deny" if state == "reserved" || state == "occupied" => Some(Refusal::HandAlreadyHandled),
        _ => None,
    }
}

#[test]
fn every_rank_and_act_and_state_has_its_result() {
    let mut seen = 0;
    for actor in [Rank::Member, Rank::Cohost, Rank::Host] {
        for state in STATES {
            for (name, act) in acts() {
                let mut story = arrange(state, actor);
                let before = story.room.snapshot(&Viewer::Admin, story.now);
                let refusal = story.refusal("me", act);
                assert_eq!(refusal, expected(actor, name, state), "{actor:?} {name} on {state}");
                if refusal.is_some() {
                    assert_eq!(story.room.snapshot(&Viewer::Admin, story.now), before, "{actor:?} {name} on {state}");
                }
                seen += 1;
            }
        }
    }
    assert_eq!(seen, 3 * 4 * 16);
}

#[test]
fn no_act_on_a_person_reaches_an_equal_or_higher_rank() {
    let on_pat = || {
        [
            approve("pat"),
            deny("pat"),
            kick("pat"),
            Act::MemberMute { identity: id("pat") },
            Act::MemberUnmute { identity: id("pat") },
        ]
    };
    for actor in [Rank::Member, Rank::Cohost, Rank::Host] {
        for target in [Rank::Member, Rank::Cohost, Rank::Host] {
            for act in on_pat() {
                let mut story = Story::with(Settings::default());
                story.join("me", actor);
                story.join("pat", target);
                story.act("pat", raise(true));
                let may = actor.is_moderator() && actor > target;
                let expected = (!may).then_some(Refusal::Forbidden);
                assert_eq!(story.refusal("me", act.clone()), expected, "{actor:?} {act:?} on a {target:?}");
            }
        }
    }
}

#[test]
fn ones_own_seat_may_be_unmuted_by_a_moderator_who_sits_there() {
    let mut story = Story::begun(SeatMode::Apply);
    let seat = seat(0);
    story.act("cleo", Act::SeatMute { seat, expect_rev: None });
    story.act("ada", take(0));
    assert_eq!(story.refusal("cleo", Act::SeatUnmute { seat, expect_rev: None }), Some(Refusal::Forbidden));
    assert_eq!(story.refusal("ada", Act::SeatUnmute { seat, expect_rev: None }), None);
}
