//! Which listeners take each other's port.

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;

use super::Config;

/// One address that is listened on, with the ports that are taken there.
#[derive(Clone, Debug)]
struct Listener {
    key: String,
    address: SocketAddr,
    transport: Transport,
    ports: RangeInclusive<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Transport {
    Tcp,
    Udp,
}

/// Listeners that cannot be had together, and ports that are none.
pub(super) fn faults(config: &Config) -> Vec<String> {
    let listeners = listeners(config);
    let mut faults = Vec::new();
    for (index, one) in listeners.iter().enumerate() {
        if *one.ports.end() > u32::from(u16::MAX) {
            let why = format!("{}: worker {} would need port {}", one.address, one.workers() - 1, one.ports.end());
            faults.push(config.sources.fault(&one.key, &why));
        }
        for other in listeners[index + 1..].iter().filter(|other| one.meets(other) && one.transport == other.transport)
        {
            let place = config.sources.place(&other.key).map_or_else(String::new, |place| format!(" ({place})"));
            let why = format!("{} takes the same port as {} = {}{place}", one.told(), other.key, other.told());
            faults.push(config.sources.fault(&one.key, &why));
        }
    }
    faults
}

/// Ports that are taken twice and may be, since TCP and UDP have ports of their own.
pub(super) fn warnings(config: &Config) -> Vec<String> {
    let listeners = listeners(config);
    let mut warnings = Vec::new();
    for (index, one) in listeners.iter().enumerate() {
        for other in listeners[index + 1..].iter().filter(|other| one.meets(other) && one.transport != other.transport)
        {
            warnings.push(format!(
                "{} = {} (TCP) and {} = {} (UDP) share a port; this works, if firewalls let both through",
                one.key,
                one.told(),
                other.key,
                other.told()
            ));
        }
    }
    warnings
}

fn listeners(config: &Config) -> Vec<Listener> {
    let single = |key: &str, address: SocketAddr| Listener {
        key: key.to_owned(),
        address,
        transport: Transport::Tcp,
        ports: u32::from(address.port())..=u32::from(address.port()),
    };
    let workers = match config.media.workers {
        0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        workers => workers,
    };
    let more = u32::try_from(workers).unwrap_or(u32::MAX).saturating_sub(1);
    let media = config.media.listen.as_slice().iter().enumerate().map(|(index, &address)| Listener {
        key: format!("media.listen.{index}"),
        address,
        transport: Transport::Udp,
        ports: u32::from(address.port())..=u32::from(address.port()).saturating_add(more),
    });
    let mut listeners = vec![single("http.listen", config.http.listen), single("admin.listen", config.admin.listen)];
    listeners.extend(media);
    // The kernel chooses another one each time.
    listeners.retain(|listener| listener.address.port() != 0);
    // One address needs no number.
    if config.media.listen.as_slice().len() == 1 {
        for listener in listeners.iter_mut().filter(|listener| listener.transport == Transport::Udp) {
            "media.listen".clone_into(&mut listener.key);
        }
    }
    listeners
}

impl Listener {
    fn workers(&self) -> u32 {
        self.ports.end() - self.ports.start() + 1
    }

    /// Whether the two have a port of an address in common.
    fn meets(&self, other: &Self) -> bool {
        let ports = self.ports.start() <= other.ports.end() && other.ports.start() <= self.ports.end();
        ports && (self.covers(other.address.ip()) || other.covers(self.address.ip()))
    }

    /// Whether listening here takes that address, too.
    fn covers(&self, address: IpAddr) -> bool {
        let is_every = self.address.ip().is_unspecified();
        match self.address.ip() {
            own if own == address => true,
            IpAddr::V4(_) => is_every && address.is_ipv4(),
            // [::] takes connections over IPv4, too. A media socket keeps to its family.
            IpAddr::V6(_) => is_every && (address.is_ipv6() || self.transport == Transport::Tcp),
        }
    }

    fn told(&self) -> String {
        match self.workers() {
            1 => self.address.to_string(),
            workers => {
                format!("{} ({workers} workers, ports {} to {})", self.address, self.ports.start(), self.ports.end())
            }
        }
    }
}
