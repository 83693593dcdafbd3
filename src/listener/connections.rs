//! Connections: how many a listener has, and which of them wait for a request. It hides its lock.
//!
//! A connection waits while no whole request of it is being answered. Those that wait are bounded, in all and of one address. When there is one too
//! many, or a place is needed, the one gives way that has waited longest of the busiest address.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use podium_signaling::limit::{ClientAddress, Waiting};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::runtime::clock;

/// The connections of one listener.
#[derive(Debug)]
pub(super) struct Connections {
    waiting: Mutex<Waiting<ClientAddress, CancellationToken>>,
    places: Arc<Semaphore>,
    bounds: Bounds,
}

/// How many connections there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// In all.
    pub connections_max: usize,
    /// Of these, connections that wait for a request.
    pub waiting_max: usize,
    /// Of these, connections of one address.
    pub waiting_per_address: usize,
}

impl Bounds {
    /// Bounds for so many connections.
    pub fn of(connections_max: usize) -> Self {
        let connections_max = connections_max.clamp(CONNECTIONS_MIN, CONNECTIONS_MAX);
        let waiting_max = (connections_max / 2).clamp(1, WAITING_MAX);
        Self { connections_max, waiting_max, waiting_per_address: (waiting_max / 2).max(1) }
    }
}

/// One connection that may wait.
#[derive(Debug)]
pub(super) struct Wait {
    address: ClientAddress,
    ticket: Option<u64>,
    /// Set when it has to give way.
    pub(super) gives_way: CancellationToken,
}

impl Connections {
    pub(super) fn new(bounds: Bounds) -> Self {
        let places = Arc::new(Semaphore::new(bounds.connections_max));
        Self { waiting: Mutex::default(), places, bounds }
    }

    /// A place for one more connection. One that waits may have to give way; if none waits, there is no place.
    pub(super) async fn place(&self) -> Option<OwnedSemaphorePermit> {
        if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
            return Some(place);
        }
        self.make_room().then_some(())?;
        // It is closed by its own task.
        let freed = clock::timeout(CLOSED_WITHIN, Arc::clone(&self.places).acquire_owned());
        freed.await.ok()?.ok()
    }

    /// Closes a connection that waits, if there is one.
    pub(super) fn make_room(&self) -> bool {
        self.lock().remove_first_of_busiest().inspect(CancellationToken::cancel).is_some()
    }

    /// A connection begins to wait.
    pub(super) fn begin(&self, wait: &mut Wait) {
        if wait.ticket.is_some() {
            return;
        }
        let mut waiting = self.lock();
        wait.ticket = Some(waiting.add(&wait.address, wait.gives_way.clone()));
        let of_address = waiting.len_of(&wait.address) > self.bounds.waiting_per_address;
        let gone = if of_address {
            waiting.remove_first_of(&wait.address)
        } else if waiting.len() > self.bounds.waiting_max {
            waiting.remove_first_of_busiest()
        } else {
            None
        };
        gone.inspect(CancellationToken::cancel);
    }

    /// A connection waits no more.
    pub(super) fn end(&self, wait: &mut Wait) {
        if let Some(ticket) = wait.ticket.take() {
            self.lock().remove(&wait.address, ticket);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting<ClientAddress, CancellationToken>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wait {
    pub(super) fn new(address: ClientAddress) -> Self {
        Self { address, ticket: None, gives_way: CancellationToken::new() }
    }
}

/// Connections of one listener, WebSockets included.
const CONNECTIONS_MAX: usize = 60_000;
/// However few descriptors there are, so many are tried for.
const CONNECTIONS_MIN: usize = 4;
/// Connections that wait for a request. Proxies keep a few hundred.
const WAITING_MAX: usize = 8_192;
/// A connection that gives way is closed by its own task, which may be busy for a moment.
const CLOSED_WITHIN: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    #[test]
    fn the_oldest_of_an_address_gives_way_and_the_busiest_of_all() {
        let bounds = Bounds { connections_max: 10, waiting_max: 4, waiting_per_address: 3 };
        let connections = Connections::new(bounds);
        let begin = |host: u8| {
            let mut wait = Wait::new(address(host));
            connections.begin(&mut wait);
            wait
        };
        let mut ones: Vec<_> = (0..4).map(|_| begin(1)).collect();
        assert_eq!(gone(&ones), [true, false, false, false], "of one address");
        let _two = begin(2);
        assert_eq!(gone(&ones), [true, false, false, false]);
        let three = begin(3);
        assert_eq!(gone(&ones), [true, true, false, false], "in all");
        connections.end(&mut ones[2]);
        let _four = begin(4);
        assert_eq!(gone(&ones), [true, true, false, false], "what is answered waits no more");
        assert!(connections.make_room() && !three.gives_way.is_cancelled(), "of equals the oldest");
        connections.end(&mut ones[0]);
        assert_eq!(connections.lock().len(), 3);
    }

    #[tokio::test]
    async fn without_one_that_waits_there_is_no_place() {
        let connections = Connections::new(Bounds { connections_max: 1, waiting_max: 1, waiting_per_address: 1 });
        let place = connections.place().await;
        assert!(place.is_some());
        assert!(connections.place().await.is_none(), "it is being answered");
        let mut wait = Wait::new(address(1));
        connections.begin(&mut wait);
        let closing = async {
            wait.gives_way.cancelled().await;
            drop(place);
        };
        let (place, ()) = tokio::join!(connections.place(), closing);
        assert!(place.is_some());
    }

    #[test]
    fn bounds_follow_the_number_of_connections() {
        assert_eq!(Bounds::of(usize::MAX).connections_max, CONNECTIONS_MAX);
        assert_eq!(Bounds::of(0), Bounds { connections_max: 4, waiting_max: 2, waiting_per_address: 1 });
        assert_eq!(Bounds::of(64), Bounds { connections_max: 64, waiting_max: 32, waiting_per_address: 16 });
    }

    fn gone(waits: &[Wait]) -> Vec<bool> {
        waits.iter().map(|wait| wait.gives_way.is_cancelled()).collect()
    }

    fn address(host: u8) -> ClientAddress {
        IpAddr::from([10, 0, 0, host]).into()
    }
}
