//! The invite book is the invites that wait for an answer, one a person, and how the last ones ended.
//!
//!   pending ──accept──► accepted      ──decline──► declined      ──time──► expired      ──taken back, invited person gone──► revoked
//!
//! It keeps them and finds them. Who may invite and what an answer leads to is not its business.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use crate::ids::{Identity, InviteId, SeatIndex};

use super::event::InviteChange;

/// An invite that waits for an answer.
#[derive(Clone, Debug)]
pub(super) struct Invite {
    pub(super) id: InviteId,
    pub(super) from: Identity,
    pub(super) from_name: Arc<str>,
    pub(super) to: Identity,
    pub(super) to_name: Arc<str>,
    pub(super) seat: Option<SeatIndex>,
    /// The seat is kept.
    pub(super) hold: bool,
    pub(super) until: Instant,
}

/// An invite that was answered, or not.
#[derive(Clone, Debug)]
pub(super) struct EndedInvite {
    pub(super) id: InviteId,
    pub(super) to: Identity,
    pub(super) how: InviteChange,
}

/// The invites of a room.
#[derive(Debug, Default)]
pub(super) struct InviteBook {
    pending: BTreeMap<Identity, Invite>,
    ended: VecDeque<EndedInvite>,
    /// How many invites were ever made.
    pub(super) made: u64,
}

impl InviteBook {
    pub(super) fn len(&self) -> usize {
        self.pending.len()
    }

    /// The pending invites, the oldest first.
    pub(super) fn in_order(&self) -> Vec<&Invite> {
        let mut invites: Vec<&Invite> = self.pending.values().collect();
        invites.sort_unstable_by_key(|invite| invite.id);
        invites
    }

    pub(super) fn next_id(&mut self) -> InviteId {
        self.made += 1;
        InviteId(self.made)
    }

    /// Takes in an invite of someone who has none.
    pub(super) fn add(&mut self, invite: Invite) {
        self.pending.insert(invite.to.clone(), invite);
    }

    /// Someone's invite.
    pub(super) fn of(&self, who: &Identity) -> Option<&Invite> {
        self.pending.get(who)
    }

    /// The pending invite with this id.
    pub(super) fn find(&self, id: InviteId) -> Option<&Invite> {
        self.pending.values().find(|invite| invite.id == id)
    }

    /// Ends someone's invite, if they have one.
    pub(super) fn end(&mut self, who: &Identity, how: InviteChange) -> Option<Invite> {
        let invite = self.pending.remove(who)?;
        if self.ended.len() == ENDED_MAX {
            self.ended.pop_front();
        }
        self.ended.push_back(EndedInvite { id: invite.id, to: invite.to.clone(), how });
        Some(invite)
    }

    /// How an invite ended: the one with this id, or else the last one of this person.
    pub(super) fn ended(&self, id: Option<InviteId>, who: &Identity) -> Option<&EndedInvite> {
        let named = |ended: &&EndedInvite| id.map_or(ended.to == *who, |id| ended.id == id);
        self.ended.iter().rev().find(named)
    }

    /// Whom an invite names or named, if it is remembered.
    pub(super) fn named(&self, id: InviteId) -> Option<&Identity> {
        let ended = || self.ended.iter().find(|ended| ended.id == id).map(|ended| &ended.to);
        self.find(id).map(|invite| &invite.to).or_else(ended)
    }

    /// The invite that is the first to expire.
    pub(super) fn first_expiry(&self) -> Option<(Instant, Identity)> {
        self.pending.values().map(|invite| (invite.until, invite.to.clone())).min()
    }
}

/// How many ended invites are remembered, so that a late answer is told what happened.
pub(super) const ENDED_MAX: usize = 256;

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
    fn the_last_256_ends_are_remembered() {
        let now = crate::clock::now();
        let mut book = InviteBook::default();
        for number in 0..=ENDED_MAX {
            let to = id(&format!("p{number}"));
            let id = book.next_id();
            let from = self::id("ada");
            let (from_name, to_name) = ("Ada".into(), "P".into());
            book.add(Invite { id, from, from_name, to: to.clone(), to_name, seat: None, hold: false, until: now });
            assert_eq!(book.of(&to).unwrap().id, id);
            assert!(book.end(&to, InviteChange::Declined).is_some());
            assert!(book.end(&to, InviteChange::Declined).is_none());
        }
        assert_eq!(book.ended.len(), ENDED_MAX);
        assert!(book.ended(Some(InviteId(1)), &id("p0")).is_none());
        assert_eq!(book.ended(None, &id("p1")).unwrap().id, InviteId(2));
        assert_eq!(book.len(), 0);
    }
}
