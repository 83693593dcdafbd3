//! The outbox is what webhooks are still to tell: for each target and room a line of events, of which only the first is due at any time.
//!
//! When too many wait for a target, the room gives way that has the most: its lightest events go first, of these the oldest. So a busy room cannot push
//! out what another one has to tell.
//!
//! It is held in memory as a whole, beside the table that it is read from at the start. It is pure: it is told what was committed and what time it is.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{batch::OutboxChange, weight::Weight};

/// A delivery that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Delivery {
    /// Whose.
    pub(super) target: String,
    /// Which event.
    pub(super) event: u64,
    /// Of which room; none for what concerns the whole server.
    pub(super) room: Option<String>,
    /// When it was put here, in milliseconds since 1970.
    pub(super) since_ms: u64,
    /// How often it was tried.
    pub(super) attempts: u32,
    /// When it is to be tried, in milliseconds since 1970.
    pub(super) next_ms: u64,
    /// How much is lost without it.
    pub(super) weight: Weight,
}

/// What webhooks are still to tell.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    targets: HashMap<String, Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: BTreeMap<u64, Delivery>,
    rooms: HashMap<Option<String>, Line>,
    /// How many wait of each room.
    counts: BTreeSet<(usize, Option<String>)>,
    /// The first of each room, by when it is to be tried.
    heads: BTreeSet<(u64, u64)>,
}

/// The deliveries of one room.
#[derive(Debug, Default)]
struct Line {
    events: BTreeSet<u64>,
    /// In the order in which they go when there are too many.
    by_weight: BTreeSet<(Weight, u64)>,
}

impl Outbox {
    /// How many deliveries wait, over all targets.
    pub(super) fn len(&self) -> usize {
        self.targets.values().map(|queue| queue.waiting.len()).sum()
    }

    /// The oldest event that is still to be told to anyone.
    pub(super) fn oldest(&self) -> Option<u64> {
        self.targets.values().filter_map(|queue| queue.waiting.keys().next().copied()).min()
    }

    /// Adds a delivery. Gives those that had to go because more than `most` would wait for the target.
    pub(super) fn add(&mut self, delivery: Delivery, most: u64) -> Vec<OutboxChange> {
        let queue = self.targets.entry(delivery.target.clone()).or_default();
        queue.add(delivery);
        let mut gone = Vec::new();
        while queue.waiting.len() as u64 > most
            && let Some(event) = queue.lightest_of_busiest()
            && let Some(lightest) = queue.remove(event)
        {
            gone.push(OutboxChange::Done { target: lightest.target, event });
        }
        gone
    }

    /// Notes the fate of a delivery. What does not wait has none.
    pub(super) fn note(&mut self, change: &OutboxChange) {
        match change {
            OutboxChange::Done { target, event } => {
                if let Some(queue) = self.targets.get_mut(target) {
                    queue.remove(*event);
                }
            }
            OutboxChange::Retry { target, event, attempts, next_ms } => {
                if let Some(queue) = self.targets.get_mut(target)
                    && let Some(delivery) = queue.remove(*event)
                {
                    queue.add(Delivery { attempts: *attempts, next_ms: *next_ms, ..delivery });
                }
            }
        }
    }

    /// For a target, the first delivery of each room that is due, the longest due first, and when the next one is.
    pub(super) fn due(&self, target: &str, now_ms: u64, count: usize) -> (Vec<Delivery>, Option<u64>) {
        let Some(queue) = self.targets.get(target) else { return (Vec::new(), None) };
        let due = queue.heads.iter().take_while(|(next_ms, _)| *next_ms <= now_ms).take(count);
        let due: Vec<_> = due.filter_map(|(_, event)| queue.waiting.get(event).cloned()).collect();
        let next_ms = queue.heads.iter().nth(due.len()).map(|(next_ms, _)| *next_ms);
        (due, next_ms)
    }

    /// How many deliveries wait for a target, and since when the oldest does.
    pub(super) fn waiting(&self, target: &str) -> (usize, Option<u64>) {
        let Some(queue) = self.targets.get(target) else { return (0, None) };
        (queue.waiting.len(), queue.waiting.values().next().map(|oldest| oldest.since_ms))
    }
}

impl Queue {
    fn add(&mut self, delivery: Delivery) {
        let line = self.rooms.entry(delivery.room.clone()).or_default();
        if let Some(head) = line.events.first().and_then(|first| self.waiting.get(first)) {
            self.heads.remove(&(head.next_ms, head.event));
        }
        self.counts.remove(&(line.events.len(), delivery.room.clone()));
        line.events.insert(delivery.event);
        line.by_weight.insert((delivery.weight, delivery.event));
        self.counts.insert((line.events.len(), delivery.room.clone()));
        self.waiting.insert(delivery.event, delivery.clone());
        self.put_head(&delivery.room);
    }

    fn remove(&mut self, event: u64) -> Option<Delivery> {
        let delivery = self.waiting.remove(&event)?;
        self.heads.remove(&(delivery.next_ms, event));
        let line = self.rooms.get_mut(&delivery.room)?;
        self.counts.remove(&(line.events.len(), delivery.room.clone()));
        line.events.remove(&event);
        line.by_weight.remove(&(delivery.weight, event));
        if line.events.is_empty() {
            self.rooms.remove(&delivery.room);
        } else {
            self.counts.insert((line.events.len(), delivery.room.clone()));
            self.put_head(&delivery.room);
        }
        Some(delivery)
    }

    fn lightest_of_busiest(&self) -> Option<u64> {
        let (_, room) = self.counts.last()?;
        self.rooms.get(room)?.by_weight.first().map(|(_, event)| *event)
    }

    fn put_head(&mut self, room: &Option<String>) {
        let first = self.rooms.get(room).and_then(|line| line.events.first());
        if let Some(head) = first.and_then(|first| self.waiting.get(first)) {
            self.heads.insert((head.next_ms, head.event));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivery(room: &str, event: u64) -> Delivery {
        let (target, room) = ("hook".to_owned(), Some(room.to_owned()));
        Delivery { target, event, room, since_ms: 0, attempts: 0, next_ms: event, weight: Weight::Plain }
    }

    fn due(outbox: &Outbox, now_ms: u64, count: usize) -> (Vec<u64>, Option<u64>) {
        let (due, next_ms) = outbox.due("hook", now_ms, count);
        (due.into_iter().map(|delivery| delivery.event).collect(), next_ms)
    }

    fn outbox(deliveries: &[(&str, u64)]) -> Outbox {
        let mut outbox = Outbox::default();
        for (room, event) in deliveries {
            assert!(outbox.add(delivery(room, *event), 100).is_empty());
        }
        outbox
    }

    #[test]
    fn of_each_room_the_first_is_due() {
        let mut outbox = outbox(&[("a", 1), ("a", 2), ("b", 3), ("c", 9)]);
        assert_eq!(due(&outbox, 5, 10), (vec![1, 3], Some(9)));
        assert_eq!(due(&outbox, 5, 1), (vec![1], Some(3)), "more is due at once");
        outbox.note(&OutboxChange::Retry { target: "hook".to_owned(), event: 1, attempts: 1, next_ms: 7 });
        assert_eq!(due(&outbox, 5, 10), (vec![3], Some(7)), "its room waits with it");
        outbox.note(&OutboxChange::Done { target: "hook".to_owned(), event: 1 });
        assert_eq!(due(&outbox, 5, 10), (vec![2, 3], Some(9)));
        outbox.note(&OutboxChange::Done { target: "hook".to_owned(), event: 1 });
        outbox.note(&OutboxChange::Done { target: "other".to_owned(), event: 2 });
        assert_eq!((outbox.len(), outbox.oldest()), (3, Some(2)));
        for event in [2, 3, 9] {
            outbox.note(&OutboxChange::Done { target: "hook".to_owned(), event });
        }
        assert_eq!((due(&outbox, 99, 10), outbox.len(), outbox.oldest()), ((Vec::new(), None), 0, None));
        assert!(outbox.targets.values().all(|queue| queue.rooms.is_empty() && queue.heads.is_empty()));
        assert!(outbox.targets.values().all(|queue| queue.counts.is_empty()));
    }

    #[test]
    fn beyond_the_bound_the_oldest_of_the_busiest_room_goes() {
        let mut outbox = outbox(&[("b", 1), ("a", 2)]);
        let gone = outbox.add(delivery("a", 3), 2);
        assert_eq!(gone, [OutboxChange::Done { target: "hook".to_owned(), event: 2 }]);
        assert_eq!(due(&outbox, 9, 10), (vec![1, 3], None));
    }

    #[test]
    fn a_flood_of_one_room_pushes_out_nothing_of_another_and_no_decision_of_its_own() {
        let mut outbox = Outbox::default();
        let with = |room: &str, event: u64, weight: Weight| Delivery { weight, ..delivery(room, event) };
        let mut event = 0;
        let mut next = || {
            event += 1;
            event
        };
        let kept: Vec<_> = (0..10).map(|_| next()).collect();
        for event in &kept[..5] {
            outbox.add(with("quiet", *event, Weight::Light), 100);
        }
        for event in &kept[5..] {
            outbox.add(with("loud", *event, Weight::Heavy), 100);
        }
        let gone: usize = (0..10_000).map(|_| outbox.add(with("loud", next(), Weight::Light), 100).len()).sum();
        assert_eq!((gone, outbox.len()), (9_910, 100));
        let queue = &outbox.targets["hook"];
        assert!(kept.iter().all(|event| queue.waiting.contains_key(event)));
        assert!(queue.waiting.contains_key(&event) && queue.waiting.contains_key(&(event - 89)), "the newest stay");
    }
}
