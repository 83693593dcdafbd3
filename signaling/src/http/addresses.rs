//! How many sessions an address has. It hides its lock.
//!
//! The last quarter of all places is for addresses that have few: whoever has many addresses' worth of sessions leaves it to others.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use dashmap::{DashMap, mapref::entry::Entry};

use crate::limit::ClientAddress;

/// The sessions of all addresses. It holds an entry only for addresses that have one.
pub(crate) struct Addresses {
    inner: Arc<Inner>,
}

struct Inner {
    sessions: DashMap<ClientAddress, usize>,
    total: AtomicUsize,
    per_address_max: usize,
    total_max: usize,
}

/// A session's place among those of its address. It is given back when dropped.
pub(crate) struct Place {
    inner: Arc<Inner>,
    address: ClientAddress,
}

/// Why there is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoPlace {
    /// The address has as many sessions as it may have.
    OfAddress,
    /// All addresses together have, or places are short and this address has many.
    OfAll,
}

impl Addresses {
    pub(crate) fn new(per_address_max: usize, total_max: usize) -> Self {
        let inner = Inner { sessions: DashMap::new(), total: AtomicUsize::new(0), per_address_max, total_max };
        Self { inner: Arc::new(inner) }
    }

    /// A place for one more session of this address, if there is one.
    pub(crate) fn take(&self, address: ClientAddress) -> Result<Place, NoPlace> {
        let inner = &self.inner;
        let total_max = inner.total_max;
        let before = inner
            .total
            .fetch_update(Relaxed, Relaxed, |total| (total < total_max).then_some(total + 1))
            .map_err(|_| NoPlace::OfAll)?;
        let share = inner.share_at(before);
        let taken = {
            let mut sessions = inner.sessions.entry(address).or_insert(0);
            if *sessions >= inner.per_address_max {
                Err(NoPlace::OfAddress)
            } else if *sessions >= share {
                Err(NoPlace::OfAll)
            } else {
                *sessions += 1;
                Ok(())
            }
        };
        if let Err(no_place) = taken {
            inner.total.fetch_sub(1, Relaxed);
            inner.sessions.remove_if(&address, |_, sessions| *sessions == 0);
            return Err(no_place);
        }
        Ok(Place { inner: Arc::clone(inner), address })
    }
}

impl Inner {
    /// How many sessions an address may have when there are so many in all.
    fn share_at(&self, total: usize) -> usize {
        // Where one address may have all of them it is that of a proxy, and says nothing of who comes.
        let is_proxied = self.per_address_max >= self.total_max;
        let is_short = total >= self.total_max - self.total_max / SCARCE_PART;
        if is_short && !is_proxied { (self.total_max / SHARES).max(1) } else { usize::MAX }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.inner.total.fetch_sub(1, Relaxed);
        if let Entry::Occupied(mut sessions) = self.inner.sessions.entry(self.address) {
            *sessions.get_mut() -= 1;
            if *sessions.get() == 0 {
                sessions.remove();
            }
        }
    }
}

/// Places are short when no more than this part of them is left.
const SCARCE_PART: usize = 4;
/// When places are short, an address may have this part of all of them.
const SHARES: usize = 64;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]

    use std::net::IpAddr;

    use super::*;

    #[test]
    fn an_address_has_so_many_places_and_gives_them_back() {
        let addresses = Addresses::new(2, 3);
        let places: Vec<_> = (0..2).filter_map(|_| addresses.take(address(1)).ok()).collect();
        assert_eq!(places.len(), 2);
        assert_eq!(addresses.take(address(1)).err(), Some(NoPlace::OfAddress));
        let other = addresses.take(address(2));
        assert!(other.is_ok());
        assert_eq!(addresses.take(address(3)).err(), Some(NoPlace::OfAll));
        drop((places, other));
        assert!(addresses.inner.sessions.is_empty());
        assert!(addresses.take(address(1)).is_ok());
        assert_eq!(addresses.inner.total.load(Relaxed), 0);
    }

    #[test]
    fn a_few_addresses_cannot_take_the_last_quarter() {
        let addresses = Addresses::new(500, 1_280);
        let crowd: Vec<_> = (0..4).flat_map(|host| (0..500).map(move |_| host)).collect();
        let crowd: Vec<_> = crowd.into_iter().filter_map(|host| addresses.take(address(host)).ok()).collect();
        assert_eq!(crowd.len(), 960 + 2 * 20, "three quarters, and their shares of the rest");
        let others: Vec<_> = (10..400).filter_map(|host| addresses.take(address(host)).ok()).collect();
        assert_eq!(others.len(), 280);
        assert_eq!(addresses.take(address(500)).err(), Some(NoPlace::OfAll));
        assert_eq!(addresses.inner.sessions.len(), 4 + 280);
    }

    #[test]
    fn behind_a_proxy_all_places_are_for_its_one_address() {
        let addresses = Addresses::new(1_000, 1_000);
        let places: Vec<_> = (0..1_000).map(|_| addresses.take(address(1)).unwrap()).collect();
        assert_eq!(places.len(), 1_000);
    }

    fn address(host: u32) -> ClientAddress {
        IpAddr::from((0x0a00_0000_u32 + host).to_be_bytes()).into()
    }
}
