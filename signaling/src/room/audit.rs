//! An audit is the note of one accepted act of moderation: who did what, and to whom.
//!
//! Whom an act was about is looked up before it is carried out, since afterwards a seat may be empty and an invite gone.

use crate::ids::{Identity, SeatIndex};

use super::Room;
use super::input::{Act, InviteName};
use super::output::{Audit, Done, Output};
use super::permit::{Caller, Power};

impl Room {
    /// What is to be noted of an act if it is accepted; nothing of what people do for themselves.
    pub(super) fn begin_audit(&self, by: &Caller, act: &Act, from_outside: bool) -> Option<Audit> {
        if !is_moderation_by(by, act) {
            return None;
        }
        Some(Audit {
            by: by.identity.clone(),
            rank: by.rank,
            is_admin: by.is_admin,
            from_outside,
            act: act.clone(),
            on: self.whom_about(act),
        })
    }

    /// The act was accepted. The first hand is known only now.
    pub(super) fn end_audit(&mut self, audit: Audit, done: &Done) {
        let first_hand = || done.hand.as_ref().filter(|_| audit.act == Act::HandNext).map(|hand| hand.identity.clone());
        let on = audit.on.clone().or_else(first_hand);
        self.outputs.push(Output::Audit(Box::new(Audit { on, ..audit })));
    }

    fn whom_about(&self, act: &Act) -> Option<Identity> {
        match act {
            Act::SeatMove { identity, .. } => identity.clone(),
            Act::SeatAssign { identity, .. }
            | Act::HandApprove { identity }
            | Act::HandDeny { identity }
            | Act::MemberMute { identity, .. }
            | Act::MemberUnmute { identity }
            | Act::MemberKick { identity, .. }
            | Act::MemberBan { identity, .. }
            | Act::MemberUnban { identity }
            | Act::MemberRank { identity, .. }
            | Act::HostTransfer { to: identity }
            | Act::InviteSend { identity, .. }
            | Act::InviteRevoke(InviteName::To(identity)) => Some(identity.clone()),
            Act::SeatLock { seat, .. }
            | Act::SeatMute { seat, .. }
            | Act::SeatUnmute { seat, .. }
            | Act::SeatKick { seat, .. } => self.holder_of(*seat),
            Act::ModerationForget { identity } => identity.clone(),
            Act::InviteRevoke(InviteName::Id(id)) => self.invites.named(*id).cloned(),
            // A swap is about two, and the others about nobody or everybody.
            Act::SeatSwap { .. }
            | Act::SeatUnlock { .. }
            | Act::HandNext
            | Act::HandsLowerAll
            | Act::RoomUpdate(_)
            | Act::RoomClose { .. }
            | Act::Leave
            | Act::SeatTake { .. }
            | Act::SeatLeave
            | Act::SeatConfirm { .. }
            | Act::SeatDecline { .. }
            | Act::HandRaise { .. }
            | Act::HandLower
            | Act::HostAccept
            | Act::HostDecline
            | Act::InviteAccept { .. }
            | Act::InviteDecline { .. }
            | Act::MuteSelf { .. }
            | Act::Prefs { .. }
            | Act::Reaction { .. }
            | Act::Message { .. } => None,
        }
    }

    fn holder_of(&self, seat: SeatIndex) -> Option<Identity> {
        self.stage.find(seat)?.holder().cloned()
    }
}

/// Whether someone does this as a host, cohost or back end. Two acts of moderation are also everyone's own: guests agree on a swap, and whoever
/// moves may name themselves.
fn is_moderation_by(by: &Caller, act: &Act) -> bool {
    let moves_oneself = matches!(act, Act::SeatMove { identity: Some(who), .. } if !by.is_admin && *who == by.identity);
    let agrees_on_swap = matches!(act, Act::SeatSwap { .. }) && by.may(Power::Seats).is_err();
    act.is_moderation() && !moves_oneself && !agrees_on_swap
}
