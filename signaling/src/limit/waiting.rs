//! Waiting: those who wait for something that is short, by a key that some of them share, such as their address.
//!
//! When one must give way, it is the one that has waited longest of the busiest key. So nobody can push out others by being many.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, HashMap},
    hash::Hash,
};

/// Those who wait, by key.
#[derive(Debug)]
pub struct Waiting<K, T> {
    by_key: HashMap<K, BTreeMap<u64, T>>,
    /// How many wait of each key, and which of them waits longest.
    ranks: BTreeSet<(usize, Reverse<u64>, K)>,
    tickets: u64,
    len: usize,
}

impl<K, T> Default for Waiting<K, T> {
    fn default() -> Self {
        Self { by_key: HashMap::new(), ranks: BTreeSet::new(), tickets: 0, len: 0 }
    }
}

impl<K: Clone + Eq + Hash + Ord, T> Waiting<K, T> {
    /// Adds one who begins to wait now. Returns the ticket by which it is found again.
    pub fn add(&mut self, key: &K, what: T) -> u64 {
        self.tickets += 1;
        let ticket = self.tickets;
        self.change(key, |waiting| waiting.insert(ticket, what));
        self.len += 1;
        ticket
    }

    /// Takes one out, if it still waits.
    pub fn remove(&mut self, key: &K, ticket: u64) -> Option<T> {
        let what = self.change(key, |waiting| waiting.remove(&ticket));
        self.len -= usize::from(what.is_some());
        what
    }

    /// Takes out the one that has waited longest of a key.
    pub fn remove_first_of(&mut self, key: &K) -> Option<T> {
        let ticket = *self.by_key.get(key)?.keys().next()?;
        self.remove(key, ticket)
    }

    /// Takes out the one that has waited longest of the busiest key.
    pub fn remove_first_of_busiest(&mut self) -> Option<T> {
        let (_, _, key) = self.ranks.last()?.clone();
        self.remove_first_of(&key)
    }

    /// The one that has waited longest of a key.
    pub fn first_of(&self, key: &K) -> Option<&T> {
        self.by_key.get(key)?.values().next()
    }

    /// How many wait of a key.
    pub fn len_of(&self, key: &K) -> usize {
        self.by_key.get(key).map_or(0, BTreeMap::len)
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Returns whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    fn change<R>(&mut self, key: &K, change: impl FnOnce(&mut BTreeMap<u64, T>) -> R) -> R {
        let waiting = self.by_key.entry(key.clone()).or_default();
        if let Some(rank) = rank(key, waiting) {
            self.ranks.remove(&rank);
        }
        let changed = change(waiting);
        match rank(key, waiting) {
            Some(rank) => {
                self.ranks.insert(rank);
            }
            None => {
                self.by_key.remove(key);
            }
        }
        changed
    }
}

fn rank<K: Clone, T>(key: &K, waiting: &BTreeMap<u64, T>) -> Option<(usize, Reverse<u64>, K)> {
    waiting.keys().next().map(|first| (waiting.len(), Reverse(*first), key.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_waiting_of_the_busiest_gives_way() {
        let mut waiting = Waiting::default();
        for (key, name) in [("a", "a1"), ("b", "b1"), ("b", "b2"), ("c", "c1")] {
            waiting.add(&key, name);
        }
        assert_eq!(waiting.remove_first_of_busiest(), Some("b1"));
        assert_eq!(waiting.remove_first_of_busiest(), Some("a1"), "of equals the one that waited longest");
        assert_eq!(waiting.remove_first_of_busiest(), Some("b2"));
        assert_eq!((waiting.remove_first_of_busiest(), waiting.remove_first_of_busiest()), (Some("c1"), None));
        assert!(waiting.is_empty() && waiting.by_key.is_empty() && waiting.ranks.is_empty());
    }

    #[test]
    fn a_ticket_is_good_once_and_for_its_key() {
        let mut waiting = Waiting::default();
        let one = waiting.add(&"a", 1);
        let two = waiting.add(&"a", 2);
        assert_eq!(waiting.remove(&"b", one), None);
        assert_eq!((waiting.remove(&"a", one), waiting.remove(&"a", one)), (Some(1), None));
        assert_eq!((waiting.len(), waiting.len_of(&"a"), waiting.first_of(&"a")), (1, 1, Some(&2)));
        assert_eq!(waiting.remove_first_of(&"a"), Some(2));
        assert_eq!((waiting.remove(&"a", two), waiting.len()), (None, 0));
        assert!(waiting.by_key.is_empty() && waiting.ranks.is_empty());
    }
}
