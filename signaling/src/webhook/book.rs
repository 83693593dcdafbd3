//! The book of a target knows what the store may not know yet: which rooms are being tried, and what became of deliveries a moment ago.
//!
//! The store writes a delivery's fate down when the disk lets it. Until then it offers the same delivery again, and the book holds it back: so nothing
//! is sent twice for that, and a room's next event does not overtake. It is pure: it is told the time.

use std::collections::{HashMap, HashSet};

use crate::store::DueDelivery;

/// Which rooms are being tried, and what became of deliveries a moment ago.
#[derive(Debug, Default)]
pub(super) struct Book {
    under_way: HashSet<Room>,
    noted: HashMap<Room, Noted>,
}

/// The room of a delivery. What concerns no room is in order among itself.
type Room = Option<String>;

/// The last fate of a delivery that was handed to the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Noted {
    event: u64,
    attempts: u32,
    /// When it is due again; none if it is done with.
    next_ms: Option<u64>,
}

/// What a note says about a delivery that the store takes for due.
enum Standing {
    /// It is done with.
    Done,
    /// It is due at this time only.
    Waits(u64),
    /// It is due, and was tried at least so often.
    Due(u32),
}

impl Noted {
    fn standing(self, event: u64, now_ms: u64) -> Standing {
        if event != self.event {
            return if event > self.event { Standing::Due(0) } else { Standing::Done };
        }
        match self.next_ms {
            None => Standing::Done,
            Some(next_ms) if now_ms < next_ms => Standing::Waits(next_ms),
            Some(_) => Standing::Due(self.attempts),
        }
    }
}

/// What is to be done now.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Choice {
    /// These are to be tried, each of another room.
    pub(super) now: Vec<DueDelivery>,
    /// The store is behind: it will have more to offer in a moment.
    pub(super) is_behind: bool,
    /// When a delivery is due that the store takes for due already.
    pub(super) wake_ms: Option<u64>,
}

impl Book {
    /// How many more may be tried if there are `places`: none while too much is not written down yet.
    pub(super) fn places(&self, places: usize) -> usize {
        if self.noted.len() < NOTED_MAX { places } else { 0 }
    }

    /// How many deliveries to ask the store for, to find `places` that can be tried among those that cannot.
    pub(super) fn count(&self, places: usize) -> usize {
        places + self.under_way.len() + self.noted.len()
    }

    /// Chooses at most `places` of what the store offers, and counts their rooms as being tried.
    pub(super) fn choose(&mut self, offered: Vec<DueDelivery>, places: usize, now_ms: u64) -> Choice {
        let rooms: HashSet<&Room> = offered.iter().map(|delivery| &delivery.event.room).collect();
        // What the store does not offer any more it has written down.
        self.noted.retain(|room, _| rooms.contains(room));
        let mut choice = Choice::default();
        for mut delivery in offered {
            let room = &delivery.event.room;
            if self.under_way.contains(room) {
                continue;
            }
            match self.noted.get(room).map_or(Standing::Due(0), |noted| noted.standing(delivery.event.id, now_ms)) {
                Standing::Done => choice.is_behind = true,
                Standing::Waits(next_ms) => choice.wake_ms = choice.wake_ms.into_iter().chain([next_ms]).min(),
                Standing::Due(attempts) => {
                    if choice.now.len() < places {
                        delivery.attempts = delivery.attempts.max(attempts);
                        self.noted.remove(room);
                        self.under_way.insert(room.clone());
                        choice.now.push(delivery);
                    }
                }
            }
        }
        choice
    }

    /// Nothing that was tried before need wait any longer. Gives those of `waiting` for which the store must be told.
    pub(super) fn hasten(&mut self, waiting: Vec<DueDelivery>, now_ms: u64) -> Vec<DueDelivery> {
        for noted in self.noted.values_mut() {
            noted.next_ms = noted.next_ms.map(|next_ms| next_ms.min(now_ms));
        }
        let mut waiting = waiting;
        waiting.retain(|delivery| {
            let room = &delivery.event.room;
            let is_done = self.noted.get(room).is_some_and(|noted| noted.next_ms.is_none());
            delivery.attempts > 0 && !is_done && !self.under_way.contains(room)
        });
        waiting
    }

    /// A try has ended: the delivery is done with, or due again at `next_ms`, after so many attempts.
    pub(super) fn note(&mut self, delivery: &DueDelivery, attempts: u32, next_ms: Option<u64>) {
        self.under_way.remove(&delivery.event.room);
        self.noted.insert(delivery.event.room.clone(), Noted { event: delivery.event.id, attempts, next_ms });
    }
}

/// How many fates of deliveries may be on their way to the disk. Beyond it nothing is delivered until the store has caught up.
const NOTED_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::StoredEvent;

    fn due(room: &str, id: u64, attempts: u32) -> DueDelivery {
        let event = StoredEvent {
            id,
            room: Some(room.to_owned()),
            seq: id,
            at_ms: 0,
            kind: "seat.changed".to_owned(),
            body: Some("{}".to_owned()),
        };
        DueDelivery { event, attempts, since_ms: 0 }
    }

    fn ids(choice: &Choice) -> Vec<u64> {
        choice.now.iter().map(|delivery| delivery.event.id).collect()
    }

    #[test]
    fn each_room_is_tried_once_at_a_time() {
        let mut book = Book::default();
        let offered = || vec![due("a", 1, 0), due("b", 2, 0), due("c", 3, 0)];
        assert_eq!(book.count(2), 2);
        assert_eq!(ids(&book.choose(offered(), 2, 0)), [1, 2]);
        assert_eq!(book.count(2), 4);
        assert_eq!(ids(&book.choose(offered(), 2, 0)), [3], "a and b are under way");
        assert_eq!(book.choose(offered(), 2, 0), Choice::default());
    }

    #[test]
    fn what_is_done_is_not_sent_again_while_the_store_is_behind() {
        let mut book = Book::default();
        book.choose(vec![due("a", 1, 0)], 8, 0);
        book.note(&due("a", 1, 0), 1, None);
        let stale = book.choose(vec![due("a", 1, 0)], 8, 0);
        assert!(stale.now.is_empty() && stale.is_behind);
        assert_eq!(ids(&book.choose(vec![due("a", 4, 0)], 8, 0)), [4], "the store has caught up");
        book.note(&due("a", 4, 0), 1, None);
        assert!(book.choose(vec![due("a", 1, 0)], 8, 0).is_behind, "far behind");
        book.choose(Vec::new(), 8, 0);
        assert!(book.noted.is_empty(), "the store has nothing more, so it knows");
    }

    #[test]
    fn a_wait_is_kept_though_the_store_does_not_know_it_yet() {
        let mut book = Book::default();
        book.choose(vec![due("a", 1, 0)], 8, 0);
        book.note(&due("a", 1, 0), 1, Some(500));
        let early = book.choose(vec![due("a", 1, 0)], 8, 499);
        assert_eq!((early.now.len(), early.wake_ms), (0, Some(500)));
        let then = book.choose(vec![due("a", 1, 0)], 8, 500);
        assert_eq!((ids(&then), then.now[0].attempts), (vec![1], 1), "the first try is not forgotten");
    }

    #[test]
    fn what_waits_can_be_hastened_but_not_what_is_done_or_under_way() {
        let mut book = Book::default();
        book.choose(vec![due("done", 1, 0), due("waits", 2, 0), due("goes", 3, 1)], 8, 0);
        book.note(&due("done", 1, 0), 1, None);
        book.note(&due("waits", 2, 0), 1, Some(9_000));
        let waiting =
            vec![due("done", 1, 1), due("waits", 2, 1), due("goes", 3, 1), due("late", 4, 7), due("new", 5, 0)];
        let hastened = book.hasten(waiting, 100);
        assert_eq!(hastened.iter().map(|delivery| delivery.event.id).collect::<Vec<_>>(), [2, 4]);
        assert_eq!(ids(&book.choose(vec![due("waits", 2, 0)], 8, 100)), [2]);
    }

    #[test]
    fn a_store_that_stays_behind_holds_delivery_up_in_the_end() {
        let mut book = Book::default();
        for id in 0..NOTED_MAX as u64 {
            assert_eq!(book.places(8), 8);
            // The store offers what was done before as well.
            let offered: Vec<DueDelivery> = (0..=id).map(|id| due(&format!("room {id}"), id, 0)).collect();
            assert_eq!(book.count(8), offered.len() + 7);
            assert_eq!(ids(&book.choose(offered, 8, 0)), [id]);
            book.note(&due(&format!("room {id}"), id, 0), 1, None);
        }
        assert_eq!(book.places(8), 0);
        let caught_up: Vec<DueDelivery> = (9..99).map(|id| due(&format!("room {id}"), id + 1_000, 0)).collect();
        book.choose(caught_up, 0, 0);
        assert_eq!(book.places(8), 8);
    }
}
