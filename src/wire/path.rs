//! A path is where a datagram came from and how a reply goes back: both addresses and the transport between them.

use std::fmt;
use std::net::SocketAddr;

/// One way to reach a participant.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Path {
    /// Our address that was hit, and that replies leave by.
    pub local: SocketAddr,
    /// The participant's address as we see it.
    pub remote: SocketAddr,
    /// What carries the datagrams.
    pub via: Via,
}

/// What carries the datagrams of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Via {
    /// Plain UDP.
    Udp,
    /// A TCP connection, by its number.
    Tcp(u32),
}

impl Path {
    /// A path over UDP.
    #[must_use]
    pub const fn udp(local: SocketAddr, remote: SocketAddr) -> Self {
        Self { local, remote, via: Via::Udp }
    }
}

impl fmt::Debug for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}>{} {:?}", self.remote, self.local, self.via)
    }
}
