//! An outward address is one of this machine's that packets to the outside leave from. A browser on the same machine reaches us there where
//! it does not use loopback (Firefox makes no candidate pair with it).
//!
//! Nothing is sent to find them: connecting a UDP socket only asks the routing table.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use super::udp;

/// Returns this machine's outward addresses, at most [`OUTWARD_MAX`], none of them loopback: the one of each family that the default route
/// uses, or all that there are where there is no such route.
///
/// # Errors
///
/// If the machine's interfaces cannot be listed.
pub fn addresses() -> io::Result<Vec<IpAddr>> {
    let routed = [Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()].into_iter().filter_map(source_of);
    let mut all = Vec::new();
    for family in [Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()] {
        all.extend(udp::concrete(SocketAddr::new(family, 0))?.into_iter().map(|address| address.ip()));
    }
    Ok(choose(routed.collect(), &all))
}

/// Returns the address that packets of this family to the outside leave from.
fn source_of(unspecified: IpAddr) -> Option<IpAddr> {
    let elsewhere: IpAddr = match unspecified {
        IpAddr::V4(_) => ELSEWHERE_V4.into(),
        IpAddr::V6(_) => ELSEWHERE_V6.into(),
    };
    let socket = UdpSocket::bind((unspecified, 0)).ok()?;
    socket.connect((elsewhere, ELSEWHERE_PORT)).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

/// Prefers the addresses of the default routes: the fewer, the less of the network can reach us. All of them are addresses that this machine
/// has, so a route that was asked at the wrong moment does no harm.
fn choose(routed: Vec<IpAddr>, all: &[IpAddr]) -> Vec<IpAddr> {
    let is_other = |address: &IpAddr| !address.is_loopback() && all.contains(address);
    let chosen: Vec<IpAddr> = routed.into_iter().filter(is_other).collect();
    if !chosen.is_empty() {
        return chosen;
    }
    all.iter().copied().filter(is_other).take(OUTWARD_MAX).collect()
}

/// The most addresses that are taken where no default route chooses.
pub const OUTWARD_MAX: usize = 4;
/// Addresses for documentation (RFC 5737, RFC 3849): nobody has them, so only the default route leads there.
const ELSEWHERE_V4: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);
const ELSEWHERE_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
const ELSEWHERE_PORT: u16 = 9;

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(routed: &[&str], all: &[&str]) -> Vec<String> {
        let read = |texts: &[&str]| texts.iter().map(|text| text.parse().expect("an address")).collect::<Vec<IpAddr>>();
        choose(read(routed), &read(all)).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_default_routes_addresses_are_enough() {
        let all = ["127.0.0.1", "10.8.0.2", "172.17.0.1", "192.168.1.7", "::1", "2001:db8:7::7"];
        assert_eq!(chosen(&["192.168.1.7"], &all), ["192.168.1.7"]);
        assert_eq!(chosen(&["192.168.1.7", "2001:db8:7::7"], &all), ["192.168.1.7", "2001:db8:7::7"]);
        assert_eq!(chosen(&["2001:db8:7::7"], &all), ["2001:db8:7::7"], "a network of IPv6 alone");
    }

    #[test]
    fn without_a_default_route_all_count_up_to_a_bound_but_never_loopback() {
        assert_eq!(chosen(&[], &["127.0.0.1", "172.17.0.1", "10.0.0.4", "::1"]), ["172.17.0.1", "10.0.0.4"]);
        assert_eq!(chosen(&[], &["127.0.0.1", "::1"]), Vec::<String>::new());
        assert_eq!(chosen(&["127.0.0.1"], &["127.0.0.1", "::1"]), Vec::<String>::new());
        let many = ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5"];
        assert_eq!(chosen(&[], &many), many[..OUTWARD_MAX]);
    }

    #[test]
    fn a_route_from_an_address_that_is_not_ours_any_more_is_left_out() {
        assert_eq!(chosen(&["192.168.1.7"], &["127.0.0.1", "10.0.0.4"]), ["10.0.0.4"]);
    }

    #[test]
    fn this_machine_has_no_loopback_among_them_and_each_can_be_bound() {
        for address in addresses().expect("listed") {
            assert!(!address.is_loopback());
            UdpSocket::bind((address, 0)).expect("an address of this machine");
        }
    }
}
