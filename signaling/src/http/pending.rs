//! Pending joins are sockets that have not joined yet. Their number is bounded, and nobody can take all places. It hides its lock.
//!
//! A socket is silent until it asks to join or to resume. When all places are taken, the silent socket gives way that has waited longest of the busiest
//! address. Beyond so many of one address, a silent socket has a second; beyond so many of one identity, the oldest gives way at once. A socket that
//! has asked is on its way in and gives way to nobody.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio_util::sync::CancellationToken;

use crate::{
    config::Limits,
    ids::{Identity, RoomId},
    limit::{ClientAddress, Waiting},
};

/// The sockets that have not joined yet.
pub(crate) struct PendingJoins {
    inner: Arc<Inner>,
}

struct Inner {
    places: Mutex<Places>,
    most: usize,
    per_address: usize,
    per_identity: usize,
}

/// Whose a socket is, by its token.
pub(super) type Whose = (RoomId, Identity);

#[derive(Default)]
struct Places {
    of_addresses: Waiting<ClientAddress, Silent>,
    of_identities: Waiting<Whose, Silent>,
    /// Sockets on their way in.
    joining: usize,
}

#[derive(Clone)]
struct Silent {
    tickets: Arc<Mutex<Option<Tickets>>>,
    gives_way: CancellationToken,
    since: Instant,
}

/// Where a silent socket is found.
struct Tickets {
    address: (ClientAddress, u64),
    whose: (Whose, u64),
}

/// The place of one socket. It is given back when dropped.
pub(super) struct PendingPlace {
    inner: Arc<Inner>,
    silent: Silent,
    address: ClientAddress,
    whose: Whose,
    is_joining: bool,
}

/// All places are taken by sockets on their way in.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NoPlace;

impl PendingJoins {
    pub(crate) fn new(limits: &Limits) -> Self {
        let inner = Inner {
            places: Mutex::default(),
            most: limits.pending_joins_max,
            per_address: limits.pending_joins_per_address,
            per_identity: limits.pending_joins_per_identity,
        };
        Self { inner: Arc::new(inner) }
    }

    /// A place for a socket that has said nothing yet. Another one may have to give way for it.
    pub(super) fn take(&self, address: ClientAddress, whose: Whose, now: Instant) -> Result<PendingPlace, NoPlace> {
        let inner = &self.inner;
        let mut places = inner.lock();
        if places.of_identities.len_of(&whose) >= inner.per_identity
            && let Some(oldest) = places.of_identities.first_of(&whose).cloned()
        {
            places.put_out(&oldest);
        }
        places.hurry(&address, inner.per_address, now);
        if places.len() >= inner.most {
            let oldest = places.of_addresses.remove_first_of_busiest().ok_or(NoPlace)?;
            places.put_out(&oldest);
        }
        let silent = Silent { tickets: Arc::default(), gives_way: CancellationToken::new(), since: now };
        places.add(&silent, address, &whose);
        drop(places);
        Ok(PendingPlace { inner: Arc::clone(inner), silent, address, whose, is_joining: false })
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.inner.lock().len()
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Places {
    fn len(&self) -> usize {
        self.of_addresses.len() + self.joining
    }

    fn add(&mut self, silent: &Silent, address: ClientAddress, whose: &Whose) {
        let of_address = self.of_addresses.add(&address, silent.clone());
        let of_whose = self.of_identities.add(whose, silent.clone());
        let tickets = Tickets { address: (address, of_address), whose: (whose.clone(), of_whose) };
        *silent.tickets() = Some(tickets);
    }

    /// Takes a silent socket out. False if it had to give way before.
    fn remove(&mut self, silent: &Silent) -> bool {
        let Some(Tickets { address, whose }) = silent.tickets().take() else {
            return false;
        };
        self.of_addresses.remove(&address.0, address.1);
        self.of_identities.remove(&whose.0, whose.1);
        true
    }

    fn put_out(&mut self, silent: &Silent) {
        self.remove(silent);
        silent.gives_way.cancel();
    }

    /// Of an address that has more silent sockets than it may, those give way that have had their time, the oldest first.
    fn hurry(&mut self, address: &ClientAddress, per_address: usize, now: Instant) {
        while self.of_addresses.len_of(address) > per_address
            && let Some(oldest) = self.of_addresses.first_of(address).cloned()
            && now.saturating_duration_since(oldest.since) >= PATIENCE_MIN
        {
            self.put_out(&oldest);
        }
    }
}

impl Silent {
    fn tickets(&self) -> MutexGuard<'_, Option<Tickets>> {
        self.tickets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PendingPlace {
    /// Waits until the socket has to give way.
    pub(super) async fn gives_way(&self) {
        self.silent.gives_way.cancelled().await;
    }

    /// The socket asks to come in. False if it had to give way just before.
    pub(super) fn begin_joining(&mut self) -> bool {
        let mut places = self.inner.lock();
        if !self.is_joining && places.remove(&self.silent) {
            places.joining += 1;
            self.is_joining = true;
        }
        self.is_joining
    }

    /// Its request came to nothing, and it may ask again.
    pub(super) fn end_joining(&mut self) {
        if std::mem::take(&mut self.is_joining) {
            let mut places = self.inner.lock();
            places.joining -= 1;
            places.add(&self.silent, self.address, &self.whose);
        }
    }

    /// How long the socket may be silent at `now`, of the `most` that it may when there are places enough. It is to be asked once a [`LOOK`].
    pub(super) fn patience(&self, most: Duration, now: Instant) -> Duration {
        let inner = &self.inner;
        let mut places = inner.lock();
        places.hurry(&self.address, inner.per_address, now);
        let half = inner.most.div_ceil(2);
        let short = places.len().saturating_sub(half).min(half) as f64 / half.max(1) as f64;
        most.mul_f64(1.0 - short).max(PATIENCE_MIN.min(most))
    }
}

impl Drop for PendingPlace {
    fn drop(&mut self) {
        let mut places = self.inner.lock();
        if self.is_joining {
            places.joining -= 1;
        } else {
            places.remove(&self.silent);
        }
    }
}

/// The shortest time for the first frame: more than a slow line needs.
const PATIENCE_MIN: Duration = Duration::from_secs(1);

/// A silent socket asks so often how long it may be silent.
pub(super) const LOOK: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]

    use std::net::IpAddr;

    use super::*;

    #[test]
    fn one_identity_keeps_only_its_newest_sockets() {
        let (pending, now) = begun(|_| {});
        let places: Vec<_> = (0..1_000).map(|host| pending.take(address(host), whose("eve"), now).unwrap()).collect();
        assert_eq!(pending.len(), 4, "from whatever address");
        let kept: Vec<_> = places.iter().map(|place| !place.silent.gives_way.is_cancelled()).collect();
        assert_eq!(kept[995..], [false, true, true, true, true]);
        assert!(kept[..995].iter().all(|kept| !kept));
        drop(places);
        assert_eq!(pending.len(), 0);
    }

    #[test]
    fn one_address_cannot_take_all_places() {
        let (pending, now) = begun(|_| {});
        let flood: Vec<_> =
            (0..1_000).map(|number| pending.take(address(1), whose(&format!("e{number}")), now).unwrap()).collect();
        assert_eq!(pending.len(), 1_000, "they may all be honest, for a second");
        for host in 2..300 {
            let mut place = pending.take(address(host), whose(&format!("p{host}")), now).unwrap();
            assert!(place.begin_joining(), "{host}");
            std::mem::forget(place);
        }
        let put_out = flood.iter().filter(|place| place.silent.gives_way.is_cancelled()).count();
        assert_eq!((pending.len(), put_out), (1_000, 298));
        assert!(flood[0].silent.gives_way.is_cancelled() && !flood[999].silent.gives_way.is_cancelled());
        let later = now + PATIENCE_MIN;
        flood[999].patience(Duration::from_secs(10), later);
        assert_eq!(pending.len(), 298 + 32, "then thirty-two of them wait on");
    }

    #[test]
    fn a_crowd_behind_one_address_has_time_to_speak() {
        let (pending, start) = begun(|_| {});
        let mut waiting = std::collections::VecDeque::new();
        // 500 sockets a second, each of which says what it wants after 300 ms.
        for number in 0..2_000_u32 {
            let now = start + Duration::from_millis(2) * number;
            waiting.push_back(pending.take(address(1), whose(&format!("p{number}")), now).unwrap());
            if waiting.len() > 150 {
                let mut place = waiting.pop_front().unwrap();
                assert!(place.begin_joining(), "{number}");
            }
        }
    }

    #[test]
    fn patience_shrinks_when_places_are_short() {
        let (pending, now) = begun(|limits| {
            limits.pending_joins_max = 100;
            limits.pending_joins_per_address = 1_000;
        });
        let most = Duration::from_secs(10);
        let places: Vec<_> = (0..100)
            .map(|number| {
                let place = pending.take(address(1), whose(&format!("p{number}")), now).unwrap();
                let patience = place.patience(most, now);
                (place, patience)
            })
            .collect();
        let patience = |count: usize| places[count - 1].1;
        assert_eq!((patience(1), patience(50)), (most, most));
        assert_eq!((patience(75), patience(100)), (most / 2, PATIENCE_MIN));
        assert_eq!(places[0].0.patience(Duration::from_millis(200), now), Duration::from_millis(200), "never longer");
    }

    #[test]
    fn whoever_is_on_the_way_in_gives_way_to_nobody() {
        let (pending, now) = begun(|limits| limits.pending_joins_max = 2);
        let mut one = pending.take(address(1), whose("ada"), now).unwrap();
        let mut two = pending.take(address(1), whose("ben"), now).unwrap();
        assert!(one.begin_joining() && two.begin_joining() && one.begin_joining());
        assert!(pending.take(address(2), whose("cy"), now).is_err());
        two.end_joining();
        let _three = pending.take(address(2), whose("cy"), now).unwrap();
        assert!(two.silent.gives_way.is_cancelled() && !two.begin_joining(), "it was silent again");
        two.end_joining();
        assert_eq!(pending.len(), 2);
        drop((one, two));
        assert_eq!(pending.len(), 1);
    }

    fn begun(change: impl FnOnce(&mut Limits)) -> (PendingJoins, Instant) {
        let mut limits = Limits::default();
        change(&mut limits);
        (PendingJoins::new(&limits), crate::clock::now())
    }

    fn address(host: u32) -> ClientAddress {
        IpAddr::from((0x0a00_0000_u32 + host).to_be_bytes()).into()
    }

    fn whose(who: &str) -> Whose {
        (RoomId::parse("demo").unwrap(), Identity::parse(who).unwrap())
    }
}
