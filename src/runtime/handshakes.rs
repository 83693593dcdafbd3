//! Handshakes wait until the voices that came with them are on their way: one datagram of a handshake may cost as much as a hundred packets of
//! audio, and a crowd at the door must stall nobody who speaks.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use crate::wire::path::Path;

/// Datagrams of handshakes that were not handled yet, oldest first.
#[derive(Debug, Default)]
pub(super) struct Handshakes {
    waiting: VecDeque<Waiting>,
    by_path: HashMap<Path, usize>,
    lost: u64,
}

/// One of them.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) path: Path,
    pub(super) datagram: Vec<u8>,
    pub(super) came_at: Instant,
}

impl Handshakes {
    /// Takes one in, or drops it when too many wait: whoever sent it will repeat it. `path` is a participant's; nobody's flood may take the
    /// place of the others.
    pub(super) fn push(&mut self, path: Path, datagram: &[u8], came_at: Instant) {
        let theirs = self.by_path.get(&path).copied().unwrap_or(0);
        if self.waiting.len() >= WAITING_MAX || theirs >= WAITING_MAX_OF_ONE {
            self.lost += 1;
            return;
        }
        self.by_path.insert(path, theirs + 1);
        self.waiting.push_back(Waiting { path, datagram: datagram.to_vec(), came_at });
    }

    pub(super) fn pop(&mut self) -> Option<Waiting> {
        let waiting = self.waiting.pop_front()?;
        match self.by_path.get_mut(&waiting.path) {
            Some(theirs) if *theirs > 1 => *theirs -= 1,
            Some(_) | None => {
                self.by_path.remove(&waiting.path);
            }
        }
        Some(waiting)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Dropped so far.
    pub(super) fn lost(&self) -> u64 {
        self.lost
    }
}

/// Four or five datagrams a join: those of some two hundred who come at once.
const WAITING_MAX: usize = 1_024;
/// Two flights, and each of them repeated.
const WAITING_MAX_OF_ONE: usize = 16;
/// A turn spends no longer on them before it looks for voices again; the last one begun is finished.
pub(super) const HANDSHAKES_A_TURN: Duration = Duration::from_millis(2);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::clock;

    #[test]
    fn they_are_handled_in_order_and_no_more_wait_than_may() {
        let mut handshakes = Handshakes::default();
        for number in 0..=WAITING_MAX {
            handshakes.push(path(number), &number.to_be_bytes(), clock::now());
        }
        assert_eq!(handshakes.lost(), 1);
        for number in 0..WAITING_MAX {
            assert_eq!(handshakes.pop().map(|waiting| waiting.datagram), Some(number.to_be_bytes().to_vec()));
        }
        assert!(handshakes.is_empty() && handshakes.by_path.is_empty());
    }

    #[test]
    fn a_flood_of_one_leaves_the_others_their_places() {
        let mut handshakes = Handshakes::default();
        for _ in 0..10 * WAITING_MAX {
            handshakes.push(path(1), b"again", clock::now());
        }
        handshakes.push(path(2), b"hello", clock::now());
        assert_eq!(handshakes.waiting.len(), WAITING_MAX_OF_ONE + 1);
        handshakes.pop();
        handshakes.push(path(1), b"again", clock::now());
        assert_eq!(handshakes.waiting.len(), WAITING_MAX_OF_ONE + 1, "there is room for one again");
    }

    fn path(number: usize) -> Path {
        let port = 1_000 + u16::try_from(number).expect("a small number");
        Path::udp(([127, 0, 0, 1], 1).into(), ([127, 0, 0, 1], port).into())
    }
}
