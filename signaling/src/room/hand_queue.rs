//! The hand queue is the pending hands in order: whoever lost a seat first, then by tier, then by the time raised.
//!
//! It keeps order and positions, and what each owner was last told. Who may raise and who decides is not its business.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Instant;

use crate::ids::{HandId, Identity, SeatIndex};

/// One raised hand.
#[derive(Clone, Debug)]
pub(super) struct Hand {
    pub(super) id: HandId,
    pub(super) identity: Identity,
    pub(super) wanted_seat: Option<SeatIndex>,
    pub(super) mic_ready: bool,
    pub(super) tier: u32,
    pub(super) raised_at: Instant,
    /// Its owner lost a seat, and goes first.
    pub(super) front: bool,
    /// The openings that it let pass, a bit a seat.
    pub(super) passed: u32,
    /// How many offers were not answered.
    pub(super) missed: u8,
    /// The position that its owner was last told.
    pub(super) told: Option<usize>,
}

/// A wish to speak.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wish {
    pub(super) seat: Option<SeatIndex>,
    pub(super) mic_ready: bool,
    pub(super) tier: u32,
    pub(super) front: bool,
}

impl Hand {
    /// Hands of a smaller key go first.
    fn key(&self) -> (bool, Reverse<u32>, HandId) {
        (!self.front, Reverse(if self.front { 0 } else { self.tier }), self.id)
    }

    /// Lets the present opening of a seat pass.
    pub(super) fn pass(&mut self, seat: SeatIndex) {
        self.passed |= 1 << seat.get();
    }

    pub(super) fn has_passed(&self, seat: SeatIndex) -> bool {
        self.passed & (1 << seat.get()) != 0
    }
}

/// The pending hands in order.
#[derive(Debug, Default)]
pub(super) struct HandQueue {
    hands: Vec<Hand>,
    places: BTreeMap<Identity, usize>,
    /// How many hands were ever raised.
    pub(super) raised: u64,
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
    pub(super) fn raise(&mut self, who: &Identity, wish: Wish, now: Instant) -> usize {
        self.raised += 1;
        let hand = Hand {
            id: HandId(self.raised),
            identity: who.clone(),
            wanted_seat: wish.seat,
            mic_ready: wish.mic_ready,
            tier: wish.tier,
            raised_at: now,
            front: wish.front,
            passed: 0,
            missed: 0,
            told: None,
        };
        self.insert(hand)
    }

    /// Puts a hand where it belongs; gives its position.
    pub(super) fn insert(&mut self, hand: Hand) -> usize {
        let place = self.hands.partition_point(|other| other.key() < hand.key());
        for later in self.places.values_mut().filter(|later| **later >= place) {
            *later += 1;
        }
        self.places.insert(hand.identity.clone(), place);
        self.hands.insert(place, hand);
        place + 1
    }

    /// The opening of a seat is over: when it opens again it is a new one. Gives those who had let it pass.
    pub(super) fn forget_passed(&mut self, seat: SeatIndex) -> Vec<Identity> {
        let passing = self.hands.iter_mut().filter(|hand| hand.has_passed(seat));
        passing
            .map(|hand| {
                hand.passed &= !(1 << seat.get());
                hand.identity.clone()
            })
            .collect()
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
            queue.raise(&id(name), PLAIN, now);
        }
        assert_eq!(queue.untold(), [(id("ada"), 1), (id("ben"), 2), (id("cy"), 3)]);
        assert_eq!(queue.untold(), []);
        assert_eq!(queue.remove(&id("ben")).unwrap().0, 2);
        assert_eq!(queue.untold(), [(id("cy"), 2)]);
        assert_eq!(queue.find(&id("cy")).unwrap().0, 2);
        assert_eq!(queue.find(&id("ada")).unwrap().0, 1);
        assert!(queue.remove(&id("ben")).is_none());
    }

    const PLAIN: Wish = Wish { seat: None, mic_ready: false, tier: 0, front: false };

    #[test]
    fn a_higher_tier_goes_first_and_whoever_lost_a_seat_before_everyone() {
        let now = crate::clock::now();
        let mut queue = HandQueue::default();
        for (name, tier, front) in [("ada", 0, false), ("ben", 2, false), ("cy", 2, false), ("dan", 0, true)] {
            queue.raise(&id(name), Wish { tier, front, ..PLAIN }, now);
        }
        let order: Vec<_> = queue.iter().map(|(_, hand)| hand.identity.to_string()).collect();
        assert_eq!(order, ["dan", "ben", "cy", "ada"]);
        for (position, hand) in queue.iter() {
            assert_eq!(queue.find(&hand.identity).unwrap().0, position);
        }
    }

    #[test]
    fn a_wish_is_forgotten_for_its_seat_only() {
        let now = crate::clock::now();
        let [one, two] = [1, 2].map(|index| SeatIndex::new(index).unwrap());
        let mut queue = HandQueue::default();
        queue.raise(&id("ada"), Wish { seat: Some(one), ..PLAIN }, now);
        queue.raise(&id("ben"), Wish { seat: Some(two), ..PLAIN }, now);
        assert_eq!(queue.forget_wish(one), [id("ada")]);
        assert_eq!(queue.find(&id("ada")).unwrap().1.wanted_seat, None);
        assert_eq!(queue.find(&id("ben")).unwrap().1.wanted_seat, Some(two));
    }
}
