//! The hand queue is the pending hands in the order in which they were raised.
//!
//! It keeps order and positions, and what each owner was last told. Who may raise and who decides is not its business.

use std::collections::BTreeMap;
use std::time::Instant;

use crate::ids::{Identity, SeatIndex};

/// One raised hand.
#[derive(Clone, Debug)]
pub(super) struct Hand {
    pub(super) identity: Identity,
    pub(super) wanted_seat: Option<SeatIndex>,
    pub(super) mic_ready: bool,
    pub(super) raised_at: Instant,
    /// The position that its owner was last told.
    told: Option<usize>,
}

/// The pending hands in order.
#[derive(Debug, Default)]
pub(super) struct HandQueue {
    hands: Vec<Hand>,
    places: BTreeMap<Identity, usize>,
}

impl HandQueue {
    pub(super) fn len(&self) -> usize {
        self.hands.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, &Hand)> {
        self.hands.iter().enumerate().map(|(place, hand)| (place + 1, hand))
    }

    /// Someone's hand and its position, from 1.
    pub(super) fn find(&self, who: &Identity) -> Option<(usize, &Hand)> {
        let place = *self.places.get(who)?;
        Some((place + 1, &self.hands[place]))
    }

    pub(super) fn find_mut(&mut self, who: &Identity) -> Option<&mut Hand> {
        let place = *self.places.get(who)?;
        Some(&mut self.hands[place])
    }

    /// Puts up the hand of someone who has none up; gives its position.
    pub(super) fn raise(
        &mut self,
        who: &Identity,
        wanted_seat: Option<SeatIndex>,
        mic_ready: bool,
        now: Instant,
    ) -> usize {
        self.places.insert(who.clone(), self.hands.len());
        self.hands.push(Hand { identity: who.clone(), wanted_seat, mic_ready, raised_at: now, told: None });
        self.hands.len()
    }

    /// Takes someone's hand out of the queue, with the position it had.
    pub(super) fn remove(&mut self, who: &Identity) -> Option<(usize, Hand)> {
        let place = self.places.remove(who)?;
        let hand = self.hands.remove(place);
        for later in self.places.values_mut().filter(|later| **later > place) {
            *later -= 1;
        }
        Some((place + 1, hand))
    }

    /// Clears the wish for a seat; gives those who had it.
    pub(super) fn forget_wish(&mut self, seat: SeatIndex) -> Vec<Identity> {
        let wishing = self.hands.iter_mut().filter(|hand| hand.wanted_seat == Some(seat));
        wishing
            .map(|hand| {
                hand.wanted_seat = None;
                hand.identity.clone()
            })
            .collect()
    }

    /// The hand that has been up longest.
    pub(super) fn oldest(&self) -> Option<&Hand> {
        self.hands.iter().min_by_key(|hand| hand.raised_at)
    }

    /// The positions that their owners do not know yet; from now on they do.
    pub(super) fn untold(&mut self) -> Vec<(Identity, usize)> {
        let mut untold = Vec::new();
        for (place, hand) in self.hands.iter_mut().enumerate() {
            if hand.told != Some(place + 1) {
                hand.told = Some(place + 1);
                untold.push((hand.identity.clone(), place + 1));
            }
        }
        untold
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::disallowed_methods,
        reason = "a test may stop on surprise, and needs some instant"
    )]

    use super::*;

    fn id(name: &str) -> Identity {
        Identity::parse(name).unwrap()
    }

    #[test]
    fn a_position_is_told_once_and_again_only_when_it_changes() {
        let now = crate::clock::now();
        let mut queue = HandQueue::default();
        for name in ["ada", "ben", "cy"] {
            queue.raise(&id(name), None, false, now);
        }
        assert_eq!(queue.untold(), [(id("ada"), 1), (id("ben"), 2), (id("cy"), 3)]);
        assert_eq!(queue.untold(), []);
        assert_eq!(queue.remove(&id("ben")).unwrap().0, 2);
        assert_eq!(queue.untold(), [(id("cy"), 2)]);
        assert_eq!(queue.find(&id("cy")).unwrap().0, 2);
        assert_eq!(queue.find(&id("ada")).unwrap().0, 1);
        assert!(queue.remove(&id("ben")).is_none());
    }

    #[test]
    fn a_wish_is_forgotten_for_its_seat_only() {
        let now = crate::clock::now();
        let [one, two] = [1, 2].map(|index| SeatIndex::new(index).unwrap());
        let mut queue = HandQueue::default();
        queue.raise(&id("ada"), Some(one), false, now);
        queue.raise(&id("ben"), Some(two), false, now);
        assert_eq!(queue.forget_wish(one), [id("ada")]);
        assert_eq!(queue.find(&id("ada")).unwrap().1.wanted_seat, None);
        assert_eq!(queue.find(&id("ben")).unwrap().1.wanted_seat, Some(two));
    }
}
