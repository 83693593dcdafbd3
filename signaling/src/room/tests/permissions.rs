//! Nobody acts on an equal or higher rank, and everyone acts on their own seat.

use super::*;

#[test]
fn no_act_on_a_person_reaches_an_equal_or_higher_rank() {
    let on_pat = || {
        [
            approve("pat"),
            deny("pat"),
            kick("pat"),
            Act::MemberMute { identity: id("pat"), lasts: None },
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
