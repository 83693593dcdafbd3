//! A stage plan is what the media plane must know of the stage: whom to forward, and nothing else.
//!
//! It is always whole, so that one that was lost, late or repeated does no harm. Closed by default: who is not in it is not heard.

use std::num::NonZeroU32;

use crate::ids::{RoomId, SeatIndex, SessionId};

use super::settings::Interrupt;

/// The stage of a room at one revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StagePlan {
    /// Which room.
    pub room: RoomId,
    /// Grows with each plan; a smaller one is old.
    pub revision: u64,
    /// What becomes of others while someone with priority speaks. The media plane carries it out, packet by packet.
    pub interrupt: Interrupt,
    /// The occupied seats, in order.
    pub seats: Vec<PlannedSeat>,
}

/// One occupied seat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedSeat {
    /// Which seat.
    pub seat: SeatIndex,
    /// Whose microphone.
    pub session: SessionId,
    /// The id of this occupancy, carried by its packets.
    pub csrc: NonZeroU32,
    /// Whether to forward it.
    pub open: bool,
    /// A host's or cohost's: goes first to the slots.
    pub priority: bool,
}

/// All that decides whether a seat is heard.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gate {
    pub(super) seat_muted: bool,
    pub(super) host_muted: bool,
    pub(super) self_muted: bool,
    pub(super) inside_window: bool,
    pub(super) held: bool,
}

impl Gate {
    /// The formula: an occupied seat is forwarded only if nothing at all stands against it.
    pub(super) fn is_open(self) -> bool {
        !self.seat_muted && !self.host_muted && !self.self_muted && self.inside_window && !self.held
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gate_is_open_only_if_nothing_stands_against_it() {
        for bits in 0..32_u8 {
            let bit = |place: u8| bits & (1 << place) != 0;
            let gate = Gate {
                seat_muted: bit(0),
                host_muted: bit(1),
                self_muted: bit(2),
                inside_window: !bit(3),
                held: bit(4),
            };
            assert_eq!(gate.is_open(), bits == 0, "{gate:?}");
        }
    }
}
