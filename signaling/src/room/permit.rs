//! A permit is the answer to "may this person do this": the one table of who may do what.
//!
//! It is asked when an act is carried out, not when it arrived. It knows ranks and modes, and no room.

use crate::ids::{Identity, SeatIndex};

use super::rank::Rank;
use super::refusal::Refusal;
use super::settings::SeatMode;

/// Whoever asks for something, as they are now.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    pub(super) identity: Identity,
    /// As the room's record says it. An admin need not have one.
    pub(super) rank: Rank,
    /// A back end: may do all that a host may, to anyone.
    pub(super) is_admin: bool,
    /// May ever hold a seat.
    pub(super) can_publish: bool,
}

/// What only some ranks may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Power {
    /// Lock, unlock, mute, unmute, kick off, move, swap, assign.
    Seats,
    /// Approve and deny, one or all.
    Hands,
    /// Invite, and take it back.
    Invites,
    /// Mute, unmute, kick.
    Members,
    /// Ban and unban.
    Bans,
    /// Give a rank.
    Ranks,
    /// Hand the room over.
    Transfer,
    /// Change the room's settings.
    Settings,
    /// Close the room.
    Close,
}

/// The table.
fn holds(rank: Rank, power: Power) -> bool {
    match (power, rank) {
        (_, Rank::Member) => false,
        (Power::Seats | Power::Hands | Power::Invites | Power::Members, Rank::Cohost | Rank::Host) => true,
        (Power::Bans | Power::Ranks | Power::Transfer | Power::Settings | Power::Close, rank) => rank == Rank::Host,
    }
}

impl Caller {
    /// May use this power at all.
    pub(super) fn may(&self, power: Power) -> Result<(), Refusal> {
        if self.is_admin || holds(self.rank, power) { Ok(()) } else { Err(Refusal::Forbidden) }
    }

    /// Nobody acts on an equal or higher rank; a back end is above all of them.
    pub(super) fn may_act_on(&self, target: Rank) -> Result<(), Refusal> {
        if self.is_admin || self.rank > target { Ok(()) } else { Err(Refusal::Forbidden) }
    }

    /// May ever sit on this seat.
    pub(super) fn may_sit(&self, seat: SeatIndex) -> Result<(), Refusal> {
        let seat_allows = seat != SeatIndex::HOST || self.rank.is_moderator();
        if self.can_publish && seat_allows { Ok(()) } else { Err(Refusal::Forbidden) }
    }

    /// May take an open seat in this mode.
    pub(super) fn may_take(&self, mode: SeatMode) -> Result<(), Refusal> {
        match (mode, self.rank) {
            (SeatMode::Free, Rank::Member | Rank::Cohost | Rank::Host) => Ok(()),
            (SeatMode::Apply | SeatMode::InviteOnly, Rank::Cohost | Rank::Host) => Ok(()),
            (SeatMode::Apply | SeatMode::InviteOnly, Rank::Member) => Err(Refusal::WrongSeatMode),
        }
    }

    /// May raise a hand, while hands are on or off.
    pub(super) fn may_raise(&self, hands: bool) -> Result<(), Refusal> {
        if self.can_publish && hands { Ok(()) } else { Err(Refusal::Forbidden) }
    }
}
