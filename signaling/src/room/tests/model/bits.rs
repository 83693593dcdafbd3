//! Mute bits change only by those who may change them, or when a mute runs out.

use super::picture::Picture;
use super::trial::Actor;
use super::*;

/// Invariant 3: bits that a host sets change only by a host or cohost, and a microphone is opened only by its owner: now, or by their word
/// that it is ready for an approval.
pub(super) fn check_mutes(before: &Picture, after: &Picture, actor: Option<Actor<'_>>) {
    let moderates = actor.is_some_and(|actor| actor.is_admin || actor.rank.is_moderator());
    let act = actor.map(|actor| actor.act);
    for (who, was) in &before.people {
        let Some(is) = after.people.get(who) else { continue };
        if was.host_muted != is.host_muted {
            let by_word = matches!(act, Some(Act::MemberMute { identity, .. } | Act::MemberUnmute { identity }) if identity == who);
            let forgotten = matches!(act, Some(Act::ModerationForget { .. }));
            let ran_out = actor.is_none() && !is.host_muted;
            assert!(
                ran_out || (moderates && (by_word || forgotten)),
                "{who} is host_muted {} by {actor:?}",
                is.host_muted
            );
        }
        if was.self_muted && !is.self_muted {
            let own = actor.is_some_and(|actor| actor.who == who);
            let ready = before.hands.iter().any(|hand| hand.who == *who && hand.mic_ready);
            let approved = matches!(act, Some(Act::HandApprove { .. } | Act::HandNext | Act::SeatAssign { .. }));
            assert!(own || (ready && moderates && approved), "the microphone of {who} was opened by {actor:?}");
        }
    }
    for (was, is) in before.seats.iter().zip(&after.seats) {
        if was.muted != is.muted {
            assert!(moderates && matches!(act, Some(Act::SeatMute { .. } | Act::SeatUnmute { .. })), "{actor:?}");
        }
    }
}
