//! An outbox holds the datagrams of one wake-up in one piece of memory, until the worker has sent them.

use crate::wire::path::Path;

/// Datagrams to send, in order.
#[derive(Debug, Default)]
pub struct Outbox {
    bytes: Vec<u8>,
    datagrams: Vec<Datagram>,
}

#[derive(Clone, Copy, Debug)]
struct Datagram {
    path: Path,
    start: usize,
    end: usize,
}

impl Outbox {
    /// Adds one datagram.
    pub fn push(&mut self, path: Path, datagram: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(datagram);
        self.datagrams.push(Datagram { path, start, end: self.bytes.len() });
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.datagrams.len()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.datagrams.is_empty()
    }

    /// What waits, in order.
    pub fn iter(&self) -> impl Iterator<Item = (Path, &[u8])> + '_ {
        self.datagrams.iter().map(|datagram| (datagram.path, &self.bytes[datagram.start..datagram.end]))
    }

    /// Forgets everything and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.datagrams.clear();
    }
}
