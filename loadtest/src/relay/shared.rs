//! What a relay's handle and its threads share: the lines as they are set, what is asked, and what was counted.

use std::io;
use std::net::{IpAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::lateness::Lateness;
use super::line::{Direction, Line, Lines};
use super::link::{Cause, Fate, Link};
use crate::clock;
use crate::report::Samples;

/// What a relay carried and did not carry.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// From clients to the server.
    pub up: DirectionFigures,
    /// From the server to clients.
    pub down: DirectionFigures,
    /// Clients (datagrams) or connections (streams) so far.
    pub flows: u64,
    /// Those for whom there was no room, or whom the server did not accept.
    pub flows_refused: u64,
    /// How late departures were.
    pub lateness: Lateness,
}

/// One direction. For streams the numbers are of pieces as they were read.
#[derive(Clone, Debug, Default)]
pub struct DirectionFigures {
    /// What came and what became of it.
    pub counts: Counts,
    /// How long things took through the relay.
    pub held: Samples,
}

/// How many datagrams, or pieces of streams, met which fate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Came.
    pub came: u64,
    /// Left, second copies included.
    pub left: u64,
    /// Lost by a throw of its own.
    pub lost: u64,
    /// Lost in a burst.
    pub lost_in_burst: u64,
    /// Lost because the wait at the bottleneck was too long.
    pub queue_full: u64,
    /// Lost in a blackout.
    pub in_blackout: u64,
    /// Overtaken by others.
    pub out_of_turn: u64,
    /// Doubled.
    pub doubled: u64,
    /// Not sent: too much under way, or the socket did not take it.
    pub dropped: u64,
}

impl Figures {
    /// One direction of them.
    pub fn towards(&self, direction: Direction) -> &DirectionFigures {
        match direction {
            Direction::Up => &self.up,
            Direction::Down => &self.down,
        }
    }

    pub(super) fn towards_mut(&mut self, direction: Direction) -> &mut DirectionFigures {
        match direction {
            Direction::Up => &mut self.up,
            Direction::Down => &mut self.down,
        }
    }

    /// Something left that came and was due at these times.
    pub(super) fn left(&mut self, direction: Direction, came: Duration, due: Duration, left: Duration) {
        self.lateness.add(due, left);
        let figures = self.towards_mut(direction);
        figures.counts.left += 1;
        figures.held.add(left.saturating_sub(came));
    }
}

impl Counts {
    pub(super) fn met(&mut self, fate: Fate) {
        self.came += 1;
        match fate {
            Fate::Due(_) => {}
            Fate::OutOfTurn(_) => self.out_of_turn += 1,
            Fate::Twice(_) => self.doubled += 1,
            Fate::Lost(Cause::Blackout) => self.in_blackout += 1,
            Fate::Lost(Cause::Loss) => self.lost += 1,
            Fate::Lost(Cause::Burst) => self.lost_in_burst += 1,
            Fate::Lost(Cause::QueueFull) => self.queue_full += 1,
        }
    }
}

/// Shared by a handle and its threads.
pub(super) struct Shared {
    began: Instant,
    seed: u64,
    stopped: AtomicBool,
    asked: Mutex<Asked>,
    figures: Mutex<Figures>,
}

/// What the handle wants.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked {
    pub(super) lines: Lines,
    /// Nothing gets onto any line until then.
    pub(super) dark_until: Duration,
    /// Grows with each change of the two.
    pub(super) version: u64,
    /// Whose upstream socket is to be another; `None` is everybody.
    pub(super) rebind: Vec<Option<IpAddr>>,
}

impl Shared {
    pub(super) fn new(line: Line, seed: u64) -> Self {
        Self {
            began: clock::now(),
            seed,
            stopped: AtomicBool::new(false),
            asked: Mutex::new(Asked { lines: Lines::new(line), ..Asked::default() }),
            figures: Mutex::default(),
        }
    }

    /// The time of the relay.
    pub(super) fn now(&self) -> Duration {
        clock::since(self.began)
    }

    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    pub(super) fn asked(&self) -> MutexGuard<'_, Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn figures(&self) -> MutexGuard<'_, Figures> {
        self.figures.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection is not relayed. It is counted before its client can see that it is closed.
    pub(super) fn refused(&self, client: TcpStream, error: &io::Error) {
        tracing::debug!(%error, "a connection was not relayed");
        self.figures().flows_refused += 1;
        drop(client);
    }

    /// Changes what is asked.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut Asked) -> T) -> T {
        let mut asked = self.asked();
        asked.version += 1;
        change(&mut asked)
    }

    /// One direction of a client's line, as it is set now.
    pub(super) fn link(&self, client: IpAddr, flow: u64, direction: Direction) -> Watched {
        let which = match direction {
            Direction::Up => 0,
            Direction::Down => 1,
        };
        let asked = self.asked();
        let mut link = Link::new(asked.lines.of(client).towards(direction).clone(), self.seed ^ (flow << 1 | which));
        link.black_out(asked.dark_until);
        Watched { link, client, direction, version: asked.version }
    }
}

/// A link that heeds what is asked.
pub(super) struct Watched {
    pub(super) link: Link,
    client: IpAddr,
    direction: Direction,
    version: u64,
}

impl Watched {
    pub(super) fn heed(&mut self, asked: &Asked) {
        if self.version != asked.version {
            self.version = asked.version;
            self.link.change(asked.lines.of(self.client).towards(self.direction).clone());
            self.link.black_out(asked.dark_until);
        }
    }
}
