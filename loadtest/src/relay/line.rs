//! A line is one client's way to the network and back: an impairment up, towards the server, and one down.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use super::impairment::Impairment;

/// Both directions of a way. The default is one without faults.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Line {
    /// From the client to the server.
    pub up: Impairment,
    /// From the server to the client.
    pub down: Impairment,
}

/// Which way something goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the server.
    Up,
    /// From the server to the client.
    Down,
}

/// The lines of all clients: those that have one of their own, by the client's address, and one for all others.
#[derive(Clone, Debug, Default)]
pub(super) struct Lines {
    of_others: Line,
    by_client: BTreeMap<IpAddr, Line>,
}

impl Line {
    /// The same both ways.
    pub fn symmetric(both: Impairment) -> Self {
        Self { up: both.clone(), down: both }
    }

    /// Nothing but a delay, the same both ways.
    pub fn delay(each_way: Duration) -> Self {
        Self::symmetric(Impairment::delay(each_way))
    }

    /// One of its directions.
    pub fn towards(&self, direction: Direction) -> &Impairment {
        match direction {
            Direction::Up => &self.up,
            Direction::Down => &self.down,
        }
    }
}

impl Lines {
    pub(super) fn new(of_others: Line) -> Self {
        Self { of_others, by_client: BTreeMap::new() }
    }

    pub(super) fn of(&self, client: IpAddr) -> &Line {
        self.by_client.get(&client).unwrap_or(&self.of_others)
    }

    pub(super) fn set_others(&mut self, line: Line) {
        self.of_others = line;
    }

    /// Whether there was room for it.
    pub(super) fn set(&mut self, client: IpAddr, line: Line) -> bool {
        if self.by_client.len() >= LINES_MAX && !self.by_client.contains_key(&client) {
            return false;
        }
        self.by_client.insert(client, line);
        true
    }
}

/// Clients with a line of their own: more than one machine can play.
const LINES_MAX: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn a_client_without_a_line_has_that_of_the_others() {
        let (ours, theirs) = (Line::delay(Duration::from_millis(1)), Line::delay(Duration::from_millis(2)));
        let mut lines = Lines::new(theirs.clone());
        let address = |number: u32| IpAddr::from(Ipv4Addr::from(0x7f00_0001 + number));
        assert!(lines.set(address(1), ours.clone()));
        assert_eq!((lines.of(address(1)), lines.of(address(2))), (&ours, &theirs));
        for number in 1..=LINES_MAX as u32 {
            assert!(lines.set(address(number), ours.clone()));
        }
        assert!(!lines.set(address(0), ours.clone()), "there is room for so many");
        assert!(lines.set(address(9), theirs.clone()), "one that has a line gets another");
    }
}
