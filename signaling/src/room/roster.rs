//! The roster is who is in the room, found by identity and by session.
//!
//! Whoever it hands out for a change is noted, so that they can be told what changed about them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use crate::ids::{Identity, SessionId};

use super::participant::{Arrival, Participant};
use super::rank::Rank;

/// Who is in the room.
#[derive(Debug, Default)]
pub(super) struct Roster {
    people: BTreeMap<Identity, Participant>,
    sessions: BTreeMap<SessionId, Identity>,
    moderators: BTreeSet<Identity>,
    detached: BTreeSet<(Instant, Identity)>,
    touched: BTreeSet<Identity>,
    /// Who may be otherwise than the record says.
    unwritten: BTreeSet<Identity>,
    /// Second sessions, by the identity that they share.
    copies: BTreeSet<(Identity, Identity)>,
    visible: usize,
    arrivals: u64,
}

impl Roster {
    pub(super) fn len(&self) -> usize {
        self.people.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.people.is_empty()
    }

    /// How many are not hidden.
    pub(super) fn visible(&self) -> usize {
        self.visible
    }

    pub(super) fn find(&self, who: &Identity) -> Option<&Participant> {
        self.people.get(who)
    }

    /// Someone who holds a seat or a hand, and so is here.
    pub(super) fn person(&self, who: &Identity) -> &Participant {
        self.find(who).expect("whoever holds a seat or a hand is in the room")
    }

    pub(super) fn find_mut(&mut self, who: &Identity) -> Option<&mut Participant> {
        self.touch(who);
        self.people.get_mut(who)
    }

    pub(super) fn person_mut(&mut self, who: &Identity) -> &mut Participant {
        self.find_mut(who).expect("whoever holds a seat or a hand is in the room")
    }

    pub(super) fn identity_of(&self, session: &SessionId) -> Option<&Identity> {
        self.sessions.get(session)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Identity, &Participant)> {
        self.people.iter()
    }

    pub(super) fn moderators(&self) -> impl Iterator<Item = (&Identity, &Participant)> {
        self.moderators.iter().map(|who| (who, self.person(who)))
    }

    /// The number of the next coming.
    pub(super) fn next_arrival(&mut self) -> u64 {
        self.arrivals += 1;
        self.arrivals
    }

    /// The second sessions of someone.
    pub(super) fn copies_of(&self, who: &Identity) -> Vec<Identity> {
        let from = (who.clone(), who.clone());
        self.copies.range(from..).take_while(|(original, _)| original == who).map(|(_, copy)| copy.clone()).collect()
    }

    /// Changes someone's rank; gives the one that was.
    pub(super) fn set_rank(&mut self, who: &Identity, rank: Rank) -> Rank {
        let person = self.person_mut(who);
        let before = std::mem::replace(&mut person.rank, rank);
        person.rank_given |= before != rank;
        if rank.is_moderator() {
            self.moderators.insert(who.clone());
        } else {
            self.moderators.remove(who);
        }
        before
    }

    pub(super) fn add(&mut self, who: Identity, person: Participant) {
        if let Some(original) = &person.copy_of {
            self.copies.insert((original.clone(), who.clone()));
        }
        self.sessions.insert(person.session.clone(), who.clone());
        self.visible += usize::from(!person.hidden);
        if person.rank.is_moderator() {
            self.moderators.insert(who.clone());
        }
        self.arrivals = self.arrivals.max(person.arrival);
        self.people.insert(who.clone(), person);
        self.touch(&who);
    }

    /// Someone who is here comes by a new session; gives the one that was.
    pub(super) fn replace(&mut self, who: &Identity, arrival: Arrival) -> SessionId {
        self.attach(who);
        self.visible += usize::from(!arrival.hidden);
        self.sessions.insert(arrival.session.clone(), who.clone());
        self.visible -= usize::from(!self.person(who).hidden);
        let old = self.person_mut(who).replace(arrival);
        self.sessions.remove(&old);
        old
    }

    pub(super) fn remove(&mut self, who: &Identity) -> Option<Participant> {
        self.attach(who);
        let person = self.people.remove(who)?;
        self.sessions.remove(&person.session);
        self.moderators.remove(who);
        self.touched.remove(who);
        self.unwritten.insert(who.clone());
        if let Some(original) = &person.copy_of {
            self.copies.remove(&(original.clone(), who.clone()));
        }
        self.visible -= usize::from(!person.hidden);
        Some(person)
    }

    pub(super) fn detach(&mut self, who: &Identity, until: Instant) {
        self.attach(who);
        self.person_mut(who).detached_until = Some(until);
        self.detached.insert((until, who.clone()));
    }

    /// Someone has a socket again.
    pub(super) fn attach(&mut self, who: &Identity) {
        let until = self.people.get_mut(who).and_then(|person| person.detached_until.take());
        if let Some(until) = until {
            self.detached.remove(&(until, who.clone()));
        }
    }

    /// Who is gone first, and when, unless a new session comes.
    pub(super) fn first_gone(&self) -> Option<&(Instant, Identity)> {
        self.detached.first()
    }

    /// Notes someone as changed, if they are here.
    pub(super) fn touch(&mut self, who: &Identity) {
        if self.people.contains_key(who) {
            self.touched.insert(who.clone());
            self.unwritten.insert(who.clone());
        }
    }

    /// Those who were changed since this was last asked.
    pub(super) fn take_touched(&mut self) -> BTreeSet<Identity> {
        std::mem::take(&mut self.touched)
    }

    /// Those who were changed, came or went since this was last asked.
    pub(super) fn take_unwritten(&mut self) -> BTreeSet<Identity> {
        std::mem::take(&mut self.unwritten)
    }

    /// Someone here, to note what they were told; this is no change.
    pub(super) fn untouched_mut(&mut self, who: &Identity) -> Option<&mut Participant> {
        self.people.get_mut(who)
    }
}
