//! An advertised address is what clients are told instead of a bound one: behind a NAT, or where something stands between them and this server.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use super::WORKERS_MAX;

/// One entry of `media.advertise`: `public`, `public:port`, `bound=public` or `bound=public:port`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advertise {
    /// The bound address that it is for. If none, it is for all of its family.
    pub bound: Option<IpAddr>,
    /// What clients are told.
    pub public: IpAddr,
    /// The port that they are told of worker 0; worker `i` has this + `i`. If none, it is the bound port.
    pub port: Option<u16>,
}

impl Advertise {
    /// What clients are told of an address that worker `number` has bound; `None` if this entry is not for that.
    pub fn address(&self, bound: SocketAddr, number: usize) -> Option<SocketAddr> {
        let concerns = self.bound.map_or(self.public.is_ipv4() == bound.is_ipv4(), |only| only == bound.ip());
        let port = match self.port {
            Some(port) => u16::try_from(usize::from(port) + number).ok()?,
            None => bound.port(),
        };
        concerns.then_some(SocketAddr::new(self.public, port))
    }
}

impl FromStr for Advertise {
    type Err = String;

    /// The error is what the entry should have been.
    fn from_str(entry: &str) -> Result<Self, Self::Err> {
        let (bound, public) = match entry.split_once('=') {
            Some((bound, public)) => {
                let bound = bound.trim();
                let address =
                    bound.parse().map_err(|_| format!("{bound:?} before = is not an IP address without a port"))?;
                (Some(address), public.trim())
            }
            None => (None, entry.trim()),
        };
        if let Some(public) = without_port(public) {
            return Ok(Self { bound, public, port: None });
        }
        let Ok(address) = public.parse::<SocketAddr>() else {
            return Err("is neither an IP address, nor one with a port (IPv6 in brackets), nor bound=public".to_owned());
        };
        if !(1..=PORT_MAX).contains(&address.port()) {
            return Err(format!("has no port from 1 to {PORT_MAX}: worker i is told as this port + i"));
        }
        Ok(Self { bound, public: address.ip(), port: Some(address.port()) })
    }
}

/// An address alone; one of IPv6 may stand in brackets.
fn without_port(text: &str) -> Option<IpAddr> {
    match text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(inner) => inner.parse::<Ipv6Addr>().ok().map(IpAddr::from),
        None => text.parse().ok(),
    }
}

/// So that every worker's port is one.
const PORT_MAX: u16 = u16::MAX - (WORKERS_MAX as u16 - 1);

#[cfg(test)]
mod tests {
    use super::*;

    fn read(entry: &str) -> Result<Advertise, String> {
        entry.parse()
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn an_entry_is_an_address_with_or_without_a_port_for_all_or_for_one() {
        for (entry, bound, public, port) in [
            ("192.0.2.7", None, "192.0.2.7", None),
            ("192.0.2.7:9882", None, "192.0.2.7", Some(9882)),
            (" 10.0.0.4 = 192.0.2.7 ", Some("10.0.0.4"), "192.0.2.7", None),
            ("10.0.0.4=192.0.2.7:9882", Some("10.0.0.4"), "192.0.2.7", Some(9882)),
            ("2001:db8::7", None, "2001:db8::7", None),
            ("[2001:db8::7]", None, "2001:db8::7", None),
            ("[2001:db8::7]:9882", None, "2001:db8::7", Some(9882)),
            ("::1=[2001:db8::7]:65280", Some("::1"), "2001:db8::7", Some(65280)),
        ] {
            let expected = Advertise { bound: bound.map(ip), public: ip(public), port };
            assert_eq!(read(entry), Ok(expected), "{entry}");
        }
    }

    #[test]
    fn what_is_no_entry_is_said_to_be_none() {
        for (entry, said) in [
            ("", "neither"),
            ("example.org", "neither"),
            ("example.org:7", "neither"),
            ("192.0.2.7:", "neither"),
            ("192.0.2.7:70000", "neither"),
            ("192.0.2.7:9882:1", "neither"),
            ("[192.0.2.7]", "neither"),
            ("[2001:db8::7", "neither"),
            ("10.0.0.4:7=192.0.2.7", "without a port"),
            ("=192.0.2.7", "without a port"),
            ("10.0.0.4=", "neither"),
            ("192.0.2.7:0", "from 1 to 65280"),
            ("192.0.2.7:65281", "from 1 to 65280"),
        ] {
            let error = read(entry).expect_err(entry);
            assert!(error.contains(said), "{entry}: {error}");
        }
    }

    #[test]
    fn each_worker_has_a_port_of_its_own_and_each_family_its_addresses() {
        let with_port = read("192.0.2.7:9882").expect("an entry");
        let bound = SocketAddr::new(ip("10.0.0.4"), 7);
        assert_eq!(with_port.address(bound, 0), Some(SocketAddr::new(ip("192.0.2.7"), 9882)));
        assert_eq!(with_port.address(bound, 3), Some(SocketAddr::new(ip("192.0.2.7"), 9885)));
        assert_eq!(with_port.address(SocketAddr::new(ip("::1"), 7), 0), None);
        let without = read("10.0.0.4=192.0.2.7").expect("an entry");
        assert_eq!(without.address(bound, 3), Some(SocketAddr::new(ip("192.0.2.7"), 7)));
        assert_eq!(without.address(SocketAddr::new(ip("10.0.0.5"), 7), 0), None);
    }
}
