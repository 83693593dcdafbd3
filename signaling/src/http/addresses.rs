//! How many sessions an address has. It hides its lock.

use std::{
    net::{IpAddr, Ipv6Addr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use dashmap::{DashMap, mapref::entry::Entry};

/// The sessions of all addresses. It holds an entry only for addresses that have one.
pub(crate) struct Addresses {
    inner: Arc<Inner>,
}

struct Inner {
    sessions: DashMap<IpAddr, usize>,
    total: AtomicUsize,
    per_address_max: usize,
    total_max: usize,
}

/// A session's place among those of its address. It is given back when dropped.
pub(crate) struct Place {
    inner: Arc<Inner>,
    network: IpAddr,
}

/// Why there is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoPlace {
    /// The address has as many sessions as it may have.
    OfAddress,
    /// All addresses together have.
    OfAll,
}

impl Addresses {
    pub(crate) fn new(per_address_max: usize, total_max: usize) -> Self {
        let inner = Inner { sessions: DashMap::new(), total: AtomicUsize::new(0), per_address_max, total_max };
        Self { inner: Arc::new(inner) }
    }

    /// A place for one more session of this address, if there is one.
    pub(crate) fn take(&self, address: IpAddr) -> Result<Place, NoPlace> {
        let inner = &self.inner;
        let total_max = inner.total_max;
        inner
            .total
            .fetch_update(Relaxed, Relaxed, |total| (total < total_max).then_some(total + 1))
            .map_err(|_| NoPlace::OfAll)?;
        let network = network_of(address);
        let has_place = {
            let mut sessions = inner.sessions.entry(network).or_insert(0);
            let has_place = *sessions < inner.per_address_max;
            *sessions += usize::from(has_place);
            has_place
        };
        if !has_place {
            inner.total.fetch_sub(1, Relaxed);
            inner.sessions.remove_if(&network, |_, sessions| *sessions == 0);
            return Err(NoPlace::OfAddress);
        }
        Ok(Place { inner: Arc::clone(inner), network })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.inner.total.fetch_sub(1, Relaxed);
        if let Entry::Occupied(mut sessions) = self.inner.sessions.entry(self.network) {
            *sessions.get_mut() -= 1;
            if *sessions.get() == 0 {
                sessions.remove();
            }
        }
    }
}

/// Whoever has one IPv6 address has a whole /64 of them.
pub(super) fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_so_many_places_and_gives_them_back() {
        let addresses = Addresses::new(2, 3);
        let one = IpAddr::from([127, 0, 0, 1]);
        let places: Vec<_> = (0..2).filter_map(|_| addresses.take(one).ok()).collect();
        assert_eq!(places.len(), 2);
        assert_eq!(addresses.take(one).err(), Some(NoPlace::OfAddress));
        let mapped = IpAddr::V6(Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0x7f00, 1));
        assert!(addresses.take(mapped).is_err());
        let other = addresses.take(IpAddr::from([127, 0, 0, 2]));
        assert!(other.is_ok());
        assert_eq!(addresses.take(IpAddr::from([127, 0, 0, 3])).err(), Some(NoPlace::OfAll));
        drop((places, other));
        assert!(addresses.inner.sessions.is_empty());
        assert!(addresses.take(one).is_ok());
        assert_eq!(addresses.inner.total.load(Relaxed), 0);
    }

    #[test]
    fn a_network_of_ipv6_counts_as_one() {
        let one = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, 1));
        let two = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 9, 9, 9, 9));
        let far = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 2, 0, 0, 0, 1));
        assert_eq!(network_of(one), network_of(two));
        assert_ne!(network_of(one), network_of(far));
    }
}
