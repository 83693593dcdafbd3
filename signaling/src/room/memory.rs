//! The memory is what a room knows of people who have left it: a rank and a cool-down outlive a session.
//!
//! It ends with the room. What moderators decided outlives the room and lies elsewhere, see [`Decisions`](super::decisions::Decisions).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use crate::ids::Identity;

use super::rank::Rank;

/// What is known of someone who has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Remembered {
    pub(super) rank: Rank,
    /// The room gave them this rank: no token can claim another.
    pub(super) rank_given: bool,
    pub(super) cooling_until: Option<Instant>,
    pub(super) invite_cooling_until: Option<Instant>,
    pub(super) do_not_invite: bool,
}

impl Remembered {
    /// What is known of someone who was never here: nothing but the rank that their token claims.
    pub(super) fn stranger(rank: Rank) -> Self {
        Self { rank, rank_given: false, cooling_until: None, invite_cooling_until: None, do_not_invite: false }
    }

    /// Whether there is more to know than that they were here.
    pub(super) fn is_remarkable(&self) -> bool {
        let cooling = self.cooling_until.is_some() || self.invite_cooling_until.is_some();
        self.weighs() || self.rank_given || cooling || self.do_not_invite
    }

    /// Whether they are forgotten last: a fresh token could claim another rank.
    fn weighs(&self) -> bool {
        self.rank.is_moderator()
    }
}

/// What is known of those who have left.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// With the number of the leaving, so that the oldest can be told.
    left: BTreeMap<Identity, (u64, Remembered)>,
    leavings: u64,
    /// Of whom something else is known than the record may say.
    unwritten: BTreeSet<Identity>,
}

impl Memory {
    pub(super) fn knows(&self, who: &Identity) -> bool {
        self.left.contains_key(who)
    }

    pub(super) fn rank_of(&self, who: &Identity) -> Option<Rank> {
        self.left.get(who).map(|(_, what)| what.rank)
    }

    /// What is known of someone, with the number of their leaving.
    pub(super) fn find(&self, who: &Identity) -> Option<(u64, &Remembered)> {
        self.left.get(who).map(|(leaving, what)| (*leaving, what))
    }

    /// Someone who is away has another rank from now on.
    pub(super) fn give_rank(&mut self, who: &Identity, rank: Rank) {
        if let Some((_, what)) = self.left.get_mut(who).filter(|(_, what)| what.rank != rank) {
            what.rank = rank;
            what.rank_given = true;
            self.unwritten.insert(who.clone());
        }
    }

    /// The hosts who have left.
    pub(super) fn hosts(&self) -> Vec<Identity> {
        let hosts = self.left.iter().filter(|(_, (_, what))| what.rank == Rank::Host);
        hosts.map(|(who, _)| who.clone()).collect()
    }

    /// Someone leaves.
    pub(super) fn keep(&mut self, who: Identity, what: Remembered) {
        if self.left.len() >= REMEMBERED_MAX {
            self.forget_oldest();
        }
        self.leavings += 1;
        self.unwritten.insert(who.clone());
        self.left.insert(who, (self.leavings, what));
    }

    /// Forgets someone on purpose.
    pub(super) fn forget(&mut self, who: &Identity) {
        if self.left.remove(who).is_some() {
            self.unwritten.insert(who.clone());
        }
    }

    /// What a record tells of someone who has left.
    pub(super) fn restore(&mut self, who: Identity, leaving: u64, what: Remembered) {
        self.leavings = self.leavings.max(leaving);
        self.unwritten.insert(who.clone());
        self.left.insert(who, (leaving, what));
    }

    #[cfg(test)]
    pub(super) fn everyone(&self) -> impl Iterator<Item = &Identity> {
        self.left.keys()
    }

    /// Those of whom something else is known since this was last asked.
    pub(super) fn take_unwritten(&mut self) -> BTreeSet<Identity> {
        std::mem::take(&mut self.unwritten)
    }

    /// Someone is back.
    pub(super) fn take(&mut self, who: &Identity) -> Option<Remembered> {
        self.left.remove(who).map(|(_, what)| what)
    }

    /// Forgets a batch at once, so that the search is paid for rarely: first those of whom nothing weighs, the oldest first.
    fn forget_oldest(&mut self) {
        let mut order: Vec<_> =
            self.left.iter().map(|(who, (leaving, what))| (what.weighs(), *leaving, who.clone())).collect();
        order.sort_unstable();
        for (_, _, who) in order.into_iter().take(FORGOTTEN_AT_ONCE) {
            self.left.remove(&who);
            self.unwritten.insert(who);
        }
    }
}

/// How many people are remembered after they have left; beyond it the oldest are forgotten.
pub(super) const REMEMBERED_MAX: usize = 16_384;
const FORGOTTEN_AT_ONCE: usize = REMEMBERED_MAX / 16;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]

    use super::*;

    #[test]
    fn beyond_the_bound_the_oldest_are_forgotten_but_moderators_last() {
        let id = |number: usize| Identity::parse(&format!("p{number}")).unwrap();
        let plain = Remembered::stranger(Rank::Member);
        let mut memory = Memory::default();
        memory.keep(id(0), Remembered::stranger(Rank::Cohost));
        for number in 1..=REMEMBERED_MAX {
            memory.keep(id(number), plain);
        }
        assert!(memory.left.len() <= REMEMBERED_MAX);
        assert!(memory.knows(&id(0)), "a moderator is remembered longest");
        assert!(!memory.knows(&id(1)));
        assert!(memory.knows(&id(REMEMBERED_MAX)));
    }
}
