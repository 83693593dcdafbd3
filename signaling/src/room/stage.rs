//! The stage is the row of seats.
//!
//! It finds seats and hands out occupancy ids. Who may sit where is not its business.

use std::num::NonZeroU32;
use std::time::Instant;

use crate::ids::{Identity, SeatIndex};

use super::seat::{Seat, SeatState};

/// The row of seats.
#[derive(Debug)]
pub(super) struct Stage {
    seats: Vec<Seat>,
    pub(super) last_grant: u32,
}

impl Stage {
    pub(super) fn new(count: u8) -> Self {
        Self { seats: (0..count).map(|_| Seat::new()).collect(), last_grant: 0 }
    }

    /// The seat of this number, if the room has it.
    pub(super) fn find(&self, index: SeatIndex) -> Option<&Seat> {
        self.seats.get(usize::from(index.get()))
    }

    /// The seat of a number that was found before: seats do not go away.
    pub(super) fn seat(&self, index: SeatIndex) -> &Seat {
        self.find(index).expect("a seat that was found stays")
    }

    pub(super) fn seat_mut(&mut self, index: SeatIndex) -> &mut Seat {
        self.seats.get_mut(usize::from(index.get())).expect("a seat that was found stays")
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (SeatIndex, &Seat)> {
        (0..).map_while(|index| SeatIndex::new(index).ok()).zip(&self.seats)
    }

    /// The seat that someone sits on or has kept.
    pub(super) fn seat_of(&self, who: &Identity) -> Option<SeatIndex> {
        self.iter().find(|(_, seat)| seat.holder() == Some(who)).map(|(index, _)| index)
    }

    /// The seat that someone sits on.
    pub(super) fn occupied_by(&self, who: &Identity) -> Option<SeatIndex> {
        self.iter().find(|(_, seat)| seat.occupant() == Some(who)).map(|(index, _)| index)
    }

    pub(super) fn occupied_count(&self) -> usize {
        self.seats.iter().filter(|seat| seat.occupant().is_some()).count()
    }

    /// The first open seat but the host seat.
    pub(super) fn first_open(&self) -> Option<SeatIndex> {
        self.iter().find(|(index, seat)| *index != SeatIndex::HOST && seat.is_open()).map(|(index, _)| index)
    }

    /// The next open seat after this one, round the row, but never the host seat.
    pub(super) fn next_open(&self, after: SeatIndex) -> Option<SeatIndex> {
        let later = self.iter().find(|(index, seat)| *index > after && seat.is_open());
        later.map(|(index, _)| index).or_else(|| self.first_open())
    }

    /// The reservation that ends first.
    pub(super) fn first_expiry(&self) -> Option<(Instant, SeatIndex)> {
        self.iter().filter_map(|(index, seat)| Some((seat.reserved_until()?, index))).min()
    }

    /// An id for a new occupancy: none that a listener might still know.
    pub(super) fn new_grant(&mut self) -> NonZeroU32 {
        self.last_grant = self.last_grant.checked_add(1).unwrap_or(1);
        NonZeroU32::new(self.last_grant).expect("counting from 1 and starting over at 1 skips 0")
    }

    /// Puts a seat into another state and gives back what it was.
    pub(super) fn put(&mut self, index: SeatIndex, state: SeatState) -> SeatState {
        let seat = self.seat_mut(index);
        seat.rev += 1;
        std::mem::replace(&mut seat.state, state)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]

    use super::*;

    fn seat(index: u8) -> SeatIndex {
        SeatIndex::new(index).unwrap()
    }

    #[test]
    fn the_next_open_seat_goes_round_but_not_to_the_host_seat() {
        let mut stage = Stage::new(4);
        assert_eq!(stage.first_open(), Some(seat(1)));
        assert_eq!(stage.next_open(seat(1)), Some(seat(2)));
        assert_eq!(stage.next_open(seat(3)), Some(seat(1)));
        for index in 1..4 {
            stage.put(seat(index), SeatState::Locked);
        }
        assert_eq!(stage.next_open(seat(1)), None);
        assert_eq!(stage.first_open(), None);
    }

    #[test]
    fn a_room_of_32_seats_has_32_and_no_more() {
        let stage = Stage::new(32);
        assert_eq!(stage.iter().count(), 32);
        assert!(Stage::new(9).find(seat(9)).is_none());
        assert!(Stage::new(9).find(seat(8)).is_some());
    }

    #[test]
    fn an_occupancy_id_is_never_zero() {
        let mut stage = Stage::new(1);
        assert_eq!(stage.new_grant().get(), 1);
        stage.last_grant = u32::MAX;
        assert_eq!(stage.new_grant().get(), 1);
    }
}
