//! A client address is what one client is counted by: an IPv4 address, or an IPv6 network of 64 bits, since a client has a whole one.

use std::net::{IpAddr, Ipv6Addr};

/// The unit by which one client is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientAddress(IpAddr);

impl From<IpAddr> for ClientAddress {
    fn from(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V4(address) => IpAddr::V4(address),
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_of_ipv6_counts_as_one() {
        let of = |address: [u16; 8]| ClientAddress::from(IpAddr::from(address));
        assert_eq!(of([0x2001, 0xdb8, 0, 1, 0, 0, 0, 1]), of([0x2001, 0xdb8, 0, 1, 9, 9, 9, 9]));
        assert_ne!(of([0x2001, 0xdb8, 0, 1, 0, 0, 0, 1]), of([0x2001, 0xdb8, 0, 2, 0, 0, 0, 1]));
    }

    #[test]
    fn a_mapped_address_is_the_address() {
        let mapped = IpAddr::from([0, 0, 0, 0, 0, 0xffff, 0x7f00, 1]);
        assert_eq!(ClientAddress::from(mapped), ClientAddress::from(IpAddr::from([127, 0, 0, 1])));
        assert_ne!(ClientAddress::from(mapped), ClientAddress::from(IpAddr::from([127, 0, 0, 2])));
    }
}
