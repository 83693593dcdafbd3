//! The network carries datagrams late, twice, out of order or not at all, as the weather on a way and the dice say.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::dice::Dice;

/// What becomes of datagrams on one way, in one direction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weather {
    pub(crate) delay: Duration,
    /// Up to so much more delay, thrown for each datagram.
    pub(crate) jitter: Duration,
    /// Lost, of a thousand.
    pub(crate) lost: u32,
    /// Delivered twice, of a thousand.
    pub(crate) twice: u32,
    /// Held up by up to [`HELD_UP`], of a thousand: these arrive out of order.
    pub(crate) held_up: u32,
    /// Nothing gets through.
    pub(crate) dark: bool,
}

impl Weather {
    /// A way that only takes time.
    pub(crate) fn clear(delay: Duration) -> Self {
        Self { delay, jitter: Duration::ZERO, lost: 0, twice: 0, held_up: 0, dark: false }
    }

    pub(crate) fn dark() -> Self {
        Self { dark: true, ..Self::clear(Duration::ZERO) }
    }
}

/// Where a datagram goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bound {
    /// To the server, from this address.
    In(SocketAddr),
    /// From the server, to this address.
    Out(SocketAddr),
}

/// All datagrams under way.
#[derive(Debug)]
pub(crate) struct Network {
    dice: Dice,
    flights: BinaryHeap<Reverse<Flight>>,
    sent: u64,
}

#[derive(Debug)]
struct Flight {
    at: Instant,
    number: u64,
    bound: Bound,
    bytes: Vec<u8>,
}

impl Network {
    pub(crate) fn new(seed: u64) -> Self {
        Self { dice: Dice::new(seed), flights: BinaryHeap::new(), sent: 0 }
    }

    pub(crate) fn send(&mut self, weather: &Weather, bound: Bound, bytes: Vec<u8>, now: Instant) {
        if weather.dark || self.dice.permille(weather.lost) {
            return;
        }
        if self.dice.permille(weather.twice) {
            self.fly(weather, bound, bytes.clone(), now);
        }
        self.fly(weather, bound, bytes, now);
    }

    /// When the next datagram arrives.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.flights.peek().map(|Reverse(flight)| flight.at)
    }

    /// A datagram that has arrived by now.
    pub(crate) fn arrival(&mut self, now: Instant) -> Option<(Bound, Vec<u8>)> {
        if self.next()? > now {
            return None;
        }
        self.flights.pop().map(|Reverse(flight)| (flight.bound, flight.bytes))
    }

    fn fly(&mut self, weather: &Weather, bound: Bound, bytes: Vec<u8>, now: Instant) {
        let mut at = now + weather.delay + self.dice.span(weather.jitter);
        if self.dice.permille(weather.held_up) {
            at += self.dice.span(HELD_UP);
        }
        self.sent += 1;
        self.flights.push(Reverse(Flight { at, number: self.sent, bound, bytes }));
    }
}

impl Ord for Flight {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

impl PartialOrd for Flight {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Flight {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Eq for Flight {}

/// Four packets of voice long.
const HELD_UP: Duration = Duration::from_millis(80);
