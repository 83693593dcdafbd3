//! Handshakes wait until the voices that came with them are on their way: one datagram of a handshake may cost as much as a hundred packets of
//! audio, and a crowd at the door must stall nobody who speaks.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::wire::path::Path;

/// Datagrams of handshakes that were not handled yet, oldest first.
#[derive(Debug, Default)]
pub(super) struct Handshakes {
    waiting: VecDeque<Waiting>,
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
    /// Takes one in, or drops it when too many wait: whoever sent it will repeat it.
    pub(super) fn push(&mut self, path: Path, datagram: &[u8], came_at: Instant) {
        if self.waiting.len() >= WAITING_MAX {
            self.lost += 1;
            return;
        }
        self.waiting.push_back(Waiting { path, datagram: datagram.to_vec(), came_at });
    }

    pub(super) fn pop(&mut self) -> Option<Waiting> {
        self.waiting.pop_front()
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
/// A turn spends no longer on them before it looks for voices again; the last one begun is finished.
pub(super) const HANDSHAKES_A_TURN: Duration = Duration::from_millis(2);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::clock;

    #[test]
    fn they_are_handled_in_order_and_a_flood_is_dropped() {
        let mut handshakes = Handshakes::default();
        let path = Path::udp(([127, 0, 0, 1], 1).into(), ([127, 0, 0, 1], 2).into());
        for number in 0..=WAITING_MAX {
            handshakes.push(path, &number.to_be_bytes(), clock::now());
        }
        assert_eq!(handshakes.lost(), 1);
        for number in 0..WAITING_MAX {
            assert_eq!(handshakes.pop().map(|waiting| waiting.datagram), Some(number.to_be_bytes().to_vec()));
        }
        assert!(handshakes.is_empty());
    }
}
