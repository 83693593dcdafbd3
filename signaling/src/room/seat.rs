//! A seat is a numbered place to speak.
//!
//!   Open ──take, approve──► Occupied ──leave, kick off──► Open        any ──lock──► Locked ──unlock──► Open
//!   Open ──approve──► Reserved ──confirm──► Occupied                  Reserved ──expiry, decline──► Open
//!   Occupied ──media lost──► Reserved(reconnect) ──media back──► Occupied
//!
//! It knows who holds it, and nothing of why they may.

use std::num::NonZeroU32;
use std::time::Instant;

use crate::ids::{Identity, SessionId};

use super::view::ReservedWhy;

/// A numbered place to speak.
#[derive(Clone, Debug)]
pub(super) struct Seat {
    pub(super) state: SeatState,
    /// The seat's own mute bit: whoever sits here is not heard.
    pub(super) muted_by_host: bool,
    /// Grows with each change of state or mute bit.
    pub(super) rev: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum SeatState {
    Open,
    Locked,
    Reserved { who: Identity, why: ReservedWhy, until: Instant },
    Occupied { who: Identity, session: SessionId, grant: NonZeroU32 },
}

impl Seat {
    pub(super) fn new() -> Self {
        Self { state: SeatState::Open, muted_by_host: false, rev: 0 }
    }

    /// Who sits here, or has it kept.
    pub(super) fn holder(&self) -> Option<&Identity> {
        match &self.state {
            SeatState::Open | SeatState::Locked => None,
            SeatState::Reserved { who, .. } | SeatState::Occupied { who, .. } => Some(who),
        }
    }

    /// Who sits here.
    pub(super) fn occupant(&self) -> Option<&Identity> {
        match &self.state {
            SeatState::Open | SeatState::Locked | SeatState::Reserved { .. } => None,
            SeatState::Occupied { who, .. } => Some(who),
        }
    }

    pub(super) fn is_open(&self) -> bool {
        match self.state {
            SeatState::Open => true,
            SeatState::Locked | SeatState::Reserved { .. } | SeatState::Occupied { .. } => false,
        }
    }

    /// When its reservation ends.
    pub(super) fn reserved_until(&self) -> Option<Instant> {
        match self.state {
            SeatState::Reserved { until, .. } => Some(until),
            SeatState::Open | SeatState::Locked | SeatState::Occupied { .. } => None,
        }
    }
}
