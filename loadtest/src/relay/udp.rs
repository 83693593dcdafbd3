//! The relay of datagrams: one socket towards the clients, and one towards the server for each client's address, as a NAT has.
//!
//! One thread does it all: it sleeps until something comes or is due. A datagram's way begins when the kernel had it, so a thread that reads
//! late sends no later, and what it sends late it counts. The kernel's stamps are of a clock that may be set: nothing waited for longer than
//! since all sockets were last read empty, which a clock says that nobody sets.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt, sockopt::RcvBuf, sockopt::RcvBufForce,
    sockopt::ReceiveTimestampns,
};
use nix::sys::time::TimeSpec;

use super::departures::Departures;
use super::line::Direction;
use super::link::Fate;
use super::shared::{Asked, Shared, Watched};
use crate::clock;

/// The thread's own.
pub(super) struct UdpShell {
    shared: Arc<Shared>,
    listen: UdpSocket,
    to: SocketAddr,
    epoll: Epoll,
    flows: BTreeMap<u64, Flow>,
    by_client: HashMap<SocketAddr, u64>,
    flows_begun: u64,
    under_way: Departures<UnderWay>,
    reader: Reader,
    /// When the last pass over the sockets began that left nothing in them.
    emptied_at: Duration,
    heeded: u64,
}

/// One client's address.
struct Flow {
    client: SocketAddr,
    upstream: UdpSocket,
    up: Watched,
    down: Watched,
    last_at: Duration,
}

struct UnderWay {
    flow: u64,
    direction: Direction,
    came: Duration,
    datagram: Bytes,
}

impl UdpShell {
    pub(super) fn new(listen: SocketAddr, to: SocketAddr, shared: Arc<Shared>) -> io::Result<Self> {
        let listen = prepared(UdpSocket::bind(listen)?)?;
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        epoll.add(&listen, EpollEvent::new(EpollFlags::EPOLLIN, LISTEN))?;
        Ok(Self {
            shared,
            listen,
            to,
            epoll,
            flows: BTreeMap::new(),
            by_client: HashMap::new(),
            flows_begun: 0,
            under_way: Departures::new(),
            reader: Reader::new(),
            emptied_at: Duration::ZERO,
            heeded: 0,
        })
    }

    pub(super) fn address(&self) -> io::Result<SocketAddr> {
        self.listen.local_addr()
    }

    /// Relays until it is stopped.
    pub(super) fn run(mut self) {
        while !self.shared.is_stopped() {
            self.depart();
            if let Err(error) = self.turn() {
                tracing::error!(%error, "the relay of datagrams has ended");
                return;
            }
        }
    }

    /// Sends what is due.
    fn depart(&mut self) {
        if self.under_way.next_due().is_none_or(|due| due > self.shared.now()) {
            return;
        }
        let mut figures = self.shared.figures();
        while let Some((due, item)) = self.under_way.pop(self.shared.now()) {
            let Some(flow) = self.flows.get(&item.flow) else {
                figures.towards_mut(item.direction).counts.dropped += 1;
                continue;
            };
            let sent = match item.direction {
                Direction::Up => flow.upstream.send(&item.datagram),
                Direction::Down => self.listen.send_to(&item.datagram, flow.client),
            };
            match sent {
                Ok(_) => figures.left(item.direction, item.came, due, self.shared.now()),
                // The buffer is full, or nobody is there: a network says nothing either.
                Err(_) => figures.towards_mut(item.direction).counts.dropped += 1,
            }
        }
    }

    /// Waits until something comes or is due, and takes what came.
    fn turn(&mut self) -> io::Result<()> {
        let next = self.under_way.next_due().map(|due| due.saturating_sub(self.shared.now()));
        let wait = next.map_or(IDLE, |next| next.min(IDLE));
        // The precision of `epoll_wait` is a millisecond; that of `ppoll` on it is a nanosecond.
        let mut ready = [PollFd::new(self.epoll.0.as_fd(), PollFlags::POLLIN)];
        match ppoll(&mut ready, Some(TimeSpec::from_duration(wait)), None) {
            Ok(_) | Err(nix::Error::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
        // Whoever asks and then sends finds that what was asked is done.
        self.heed();
        let mut events = [EpollEvent::empty(); EVENTS_MAX];
        let begun = self.shared.now();
        let count = self.epoll.wait(&mut events, EpollTimeout::ZERO)?;
        let mut is_emptied = count < EVENTS_MAX;
        for event in &events[..count] {
            is_emptied &= match event.data() {
                LISTEN => self.take_from_clients(),
                number => self.take_from_server(number),
            };
        }
        if is_emptied {
            self.emptied_at = begun;
        }
        Ok(())
    }

    fn heed(&mut self) {
        let rebind = {
            let mut asked = self.shared.asked();
            if asked.version == self.heeded {
                return;
            }
            self.heeded = asked.version;
            for flow in self.flows.values_mut() {
                flow.heed(&asked);
            }
            std::mem::take(&mut asked.rebind)
        };
        for whom in rebind {
            self.rebind(whom);
        }
    }

    /// Gives flows another socket towards the server; what comes to the old one is lost, as behind a NAT that forgot.
    fn rebind(&mut self, whom: Option<IpAddr>) {
        for (&number, flow) in &mut self.flows {
            if whom.is_some_and(|whom| whom != flow.client.ip()) {
                continue;
            }
            match upstream(&self.epoll, self.to, number) {
                // Closed with its last descriptor, the old one leaves the epoll set by itself.
                Ok(socket) => flow.upstream = socket,
                Err(error) => tracing::warn!(%error, "no socket to rebind to"),
            }
        }
    }

    /// Whether nothing is left.
    fn take_from_clients(&mut self) -> bool {
        for _ in 0..READS_MAX {
            let Some(arrival) = self.reader.read(&self.listen, &self.shared, self.emptied_at) else {
                return true;
            };
            let Some(number) = arrival.from.and_then(|client| self.flow_of(client, arrival.at)) else {
                continue;
            };
            self.carry(number, Direction::Up, arrival.at, arrival.datagram);
        }
        false
    }

    /// Whether nothing is left.
    fn take_from_server(&mut self, number: u64) -> bool {
        for _ in 0..READS_MAX {
            let Some(flow) = self.flows.get(&number) else {
                return true;
            };
            let Some(arrival) = self.reader.read(&flow.upstream, &self.shared, self.emptied_at) else {
                return true;
            };
            self.carry(number, Direction::Down, arrival.at, arrival.datagram);
        }
        false
    }

    fn carry(&mut self, number: u64, direction: Direction, at: Duration, datagram: Bytes) {
        let Some(flow) = self.flows.get_mut(&number) else {
            return;
        };
        flow.last_at = flow.last_at.max(at);
        let fate = flow.towards(direction).link.carry(datagram.len(), at);
        let mut dropped = 0;
        let dues = match fate {
            Fate::Due(due) | Fate::OutOfTurn(due) => [Some(due), None],
            Fate::Twice(due) => [Some(due), Some(due)],
            Fate::Lost(_) => [None, None],
        };
        for due in dues.into_iter().flatten() {
            let item = UnderWay { flow: number, direction, came: at, datagram: datagram.clone() };
            dropped += u64::from(!self.under_way.push(due, item));
        }
        let mut figures = self.shared.figures();
        let counts = &mut figures.towards_mut(direction).counts;
        counts.met(fate);
        counts.dropped += dropped;
    }

    /// The flow of this client, which may be a new one. `None` if there is no room.
    fn flow_of(&mut self, client: SocketAddr, now: Duration) -> Option<u64> {
        if let Some(&number) = self.by_client.get(&client) {
            return Some(number);
        }
        if self.flows.len() >= FLOWS_MAX {
            self.forget_idle(now);
        }
        let number = self.flows_begun;
        let socket = (self.flows.len() < FLOWS_MAX).then(|| upstream(&self.epoll, self.to, number));
        let Some(Ok(upstream)) = socket else {
            self.shared.figures().flows_refused += 1;
            return None;
        };
        self.flows_begun += 1;
        let [up, down] = [Direction::Up, Direction::Down].map(|way| self.shared.link(client.ip(), number, way));
        self.flows.insert(number, Flow { client, upstream, up, down, last_at: now });
        self.by_client.insert(client, number);
        self.shared.figures().flows += 1;
        Some(number)
    }

    fn forget_idle(&mut self, now: Duration) {
        self.flows.retain(|_, flow| now.saturating_sub(flow.last_at) < FLOW_IDLE);
        self.by_client.retain(|_, number| self.flows.contains_key(number));
    }
}

impl Flow {
    fn heed(&mut self, asked: &Asked) {
        self.up.heed(asked);
        self.down.heed(asked);
    }

    fn towards(&mut self, direction: Direction) -> &mut Watched {
        match direction {
            Direction::Up => &mut self.up,
            Direction::Down => &mut self.down,
        }
    }
}

/// Reads datagrams with the time at which the kernel had them.
struct Reader {
    buffer: Vec<u8>,
    control: Vec<u8>,
}

struct Arrival {
    from: Option<SocketAddr>,
    at: Duration,
    datagram: Bytes,
}

impl Reader {
    fn new() -> Self {
        Self { buffer: vec![0; DATAGRAM_BYTES_MAX], control: nix::cmsg_space!(TimeSpec) }
    }

    /// `None` if nothing waits. What is read came after `emptied_at`.
    fn read(&mut self, socket: &UdpSocket, shared: &Shared, emptied_at: Duration) -> Option<Arrival> {
        loop {
            let mut into = [IoSliceMut::new(&mut self.buffer)];
            let read = recvmsg::<SockaddrStorage>(
                socket.as_raw_fd(),
                &mut into,
                Some(&mut self.control),
                MsgFlags::MSG_DONTWAIT,
            );
            match read {
                Ok(message) => {
                    let stamps = message.cmsgs().ok()?.filter_map(|control| {
                        let ControlMessageOwned::ScmTimestampns(stamp) = control else { return None };
                        Some(Duration::from(stamp))
                    });
                    let stamp = stamps.last();
                    let from = message.address.as_ref().and_then(socket_address);
                    let bytes = message.bytes;
                    let at = came_at(stamp, clock::unix_time(), emptied_at, shared.now());
                    return Some(Arrival { from, at, datagram: Bytes::copy_from_slice(&self.buffer[..bytes]) });
                }
                // What an earlier datagram met (nobody listens there) is told here; there may be more to read.
                Err(nix::Error::ECONNREFUSED | nix::Error::EINTR) => {}
                Err(_) => return None,
            }
        }
    }
}

/// When a datagram came that the kernel stamped so (if it did), if the clock of its stamps shows this now.
fn came_at(stamp: Option<Duration>, stamps_now: Duration, emptied_at: Duration, now: Duration) -> Duration {
    let waited = stamp.map(|stamp| stamps_now.saturating_sub(stamp)).unwrap_or_default();
    now.saturating_sub(waited).max(emptied_at.min(now))
}

fn socket_address(address: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = address.as_sockaddr_in().map(|&v4| SocketAddr::from(v4));
    v4.or_else(|| address.as_sockaddr_in6().map(|&v6| SocketAddr::from(v6)))
}

/// A socket towards the server.
fn upstream(epoll: &Epoll, to: SocketAddr, number: u64) -> io::Result<UdpSocket> {
    let any: IpAddr = if to.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = prepared(UdpSocket::bind((any, 0))?)?;
    socket.connect(to)?;
    epoll.add(&socket, EpollEvent::new(EpollFlags::EPOLLIN, number))?;
    Ok(socket)
}

fn prepared(socket: UdpSocket) -> io::Result<UdpSocket> {
    socket.set_nonblocking(true)?;
    setsockopt(&socket, ReceiveTimestampns, &true)?;
    // Who may not go over the system's limit takes what there is below it.
    if setsockopt(&socket, RcvBufForce, &RECEIVE_BYTES).is_err() {
        setsockopt(&socket, RcvBuf, &RECEIVE_BYTES)?;
    }
    Ok(socket)
}

/// No flow has this number.
const LISTEN: u64 = u64::MAX;
/// So long something that is asked may wait if nothing comes.
const IDLE: Duration = Duration::from_millis(20);
const EVENTS_MAX: usize = 64;
/// From one socket, before others and what is due have their turn.
const READS_MAX: usize = 64;
/// Clients, each with a descriptor: as many as one machine can play.
const FLOWS_MAX: usize = 4_096;
/// When there is no room, whoever was silent for so long is forgotten: four lost consent checks and more.
const FLOW_IDLE: Duration = Duration::from_secs(60);
const DATAGRAM_BYTES_MAX: usize = 65_535;
/// A burst of two thousand datagrams, with what the kernel adds to each.
const RECEIVE_BYTES: usize = 4 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_datagram_came_when_the_kernel_says_and_not_before_the_sockets_were_last_empty() {
        let s = Duration::from_secs;
        let came = |stamp, stamps_now| came_at(stamp, s(stamps_now), s(10), s(15));
        assert_eq!(came(Some(s(1_000)), 1_000), s(15));
        assert_eq!(
            came(Some(s(997)), 1_000),
            s(12),
            "the thread stood still for three seconds: that is no reason to send later"
        );
        assert_eq!(came(Some(s(1_000)), 4_600), s(10), "the clock was set forward");
        assert_eq!(came(Some(s(1_000)), 400), s(15), "and back");
        assert_eq!(came(None, 1_000), s(15), "no stamp");
    }
}
