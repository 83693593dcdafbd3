//! UDP sockets of one worker: batches in, batches out, never blocking.
//!
//! An unspecified address is bound once per address of this machine instead, so that a socket always knows the local address that was
//! hit, and replies leave by it.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, MultiHeaders, RecvMsg, SockaddrStorage, recvmmsg, sendmmsg, setsockopt, sockopt,
};
use nix::sys::time::TimeSpec;
use socket2::{Domain, Protocol, Socket, Type};

use super::addresses;

/// One bound socket and the memory for its batches.
pub struct UdpSocket {
    socket: std::net::UdpSocket,
    local: SocketAddr,
    headers_in: MultiHeaders<SockaddrStorage>,
    headers_out: MultiHeaders<SockaddrStorage>,
    buffers: Vec<Vec<u8>>,
    received: Vec<Received>,
}

/// A datagram that was taken.
#[derive(Clone, Copy, Debug)]
struct Received {
    length: usize,
    from: SocketAddr,
    stamp: Option<Duration>,
}

impl std::fmt::Debug for UdpSocket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UdpSocket").field("local", &self.local).finish_non_exhaustive()
    }
}

/// What became of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Handed to the kernel.
    pub datagrams: usize,
    /// Dropped: the kernel's buffer was full, or it refused them.
    pub dropped: usize,
}

impl UdpSocket {
    /// Takes a bound socket over. Not [`Send`]: make it on the thread that uses it.
    ///
    /// # Errors
    ///
    /// If the socket does not know its address.
    pub fn new(socket: std::net::UdpSocket) -> io::Result<Self> {
        let local = socket.local_addr()?;
        // Where the kernel gives no stamps, ages are counted from the moment that a datagram was taken.
        let _ = setsockopt(&socket, sockopt::ReceiveTimestampns, &true);
        Ok(Self {
            socket,
            local,
            headers_in: MultiHeaders::preallocate(BATCH_IN, Some(nix::cmsg_space!(TimeSpec))),
            headers_out: MultiHeaders::preallocate(BATCH_OUT, None),
            buffers: vec![vec![0; DATAGRAM_MAX]; BATCH_IN],
            received: Vec::with_capacity(BATCH_IN),
        })
    }

    /// The address it is bound to.
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// Takes what has come, [`BATCH_IN`] datagrams at most, and says how many there are for [`UdpSocket::datagram`]. A datagram longer
    /// than [`DATAGRAM_MAX`] − 1 arrives cut to [`DATAGRAM_MAX`].
    pub fn receive(&mut self) -> usize {
        self.received.clear();
        let mut slices: Vec<[IoSliceMut<'_>; 1]> =
            self.buffers.iter_mut().map(|buffer| [IoSliceMut::new(buffer)]).collect();
        // An error here is either "nothing there" or an ICMP notice about an earlier send; both mean: no datagram now.
        let flags = MsgFlags::MSG_DONTWAIT;
        let taken = recvmmsg(self.socket.as_raw_fd(), &mut self.headers_in, slices.iter_mut(), flags, None);
        for message in taken.into_iter().flatten() {
            let from = message.address.as_ref().and_then(to_socket_addr);
            // An unknown sender is kept with length 0, so that places and buffers stay in step.
            let (length, from) = from.map_or((0, UNKNOWN_SENDER), |from| (message.bytes, from));
            self.received.push(Received { length, from, stamp: stamp_of(&message) });
        }
        self.received.len()
    }

    /// One of the datagrams that the last [`UdpSocket::receive`] took, and who sent it.
    pub fn datagram(&self, index: usize) -> (SocketAddr, &[u8]) {
        let Received { length, from, .. } = self.received[index];
        (from, &self.buffers[index][..length])
    }

    /// When the kernel received that datagram, by its wall clock since the Unix epoch.
    pub fn stamp(&self, index: usize) -> Option<Duration> {
        self.received[index].stamp
    }

    /// Sends datagrams in order; what the kernel does not take at once is dropped, as late audio is worth nothing.
    pub fn send(&mut self, datagrams: &[(SocketAddr, &[u8])]) -> Sent {
        let mut result = Sent::default();
        for batch in datagrams.chunks(BATCH_OUT) {
            let slices: Vec<[IoSlice<'_>; 1]> = batch.iter().map(|(_, bytes)| [IoSlice::new(bytes)]).collect();
            let addresses: Vec<Option<SockaddrStorage>> =
                batch.iter().map(|(to, _)| Some(SockaddrStorage::from(*to))).collect();
            let mut done = 0;
            while done < batch.len() {
                let sent = sendmmsg(
                    self.socket.as_raw_fd(),
                    &mut self.headers_out,
                    &slices[done..],
                    &addresses[done..],
                    [],
                    MsgFlags::MSG_DONTWAIT,
                );
                match sent.map(Iterator::count) {
                    Ok(0) | Err(Errno::EAGAIN | Errno::ENOBUFS) => {
                        result.dropped += batch.len() - done;
                        break;
                    }
                    Ok(count) => {
                        result.datagrams += count;
                        done += count;
                    }
                    Err(Errno::EINTR) => {}
                    // The first of the rest cannot be sent (an ICMP notice, a filter): leave it out and go on.
                    Err(_) => {
                        result.dropped += 1;
                        done += 1;
                    }
                }
            }
        }
        result
    }
}

impl AsFd for UdpSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn stamp_of(message: &RecvMsg<'_, '_, SockaddrStorage>) -> Option<Duration> {
    let stamp = message.cmsgs().ok()?.find_map(|part| {
        let ControlMessageOwned::ScmTimestampns(stamp) = part else { return None };
        Some(stamp)
    })?;
    Some(Duration::new(u64::try_from(stamp.tv_sec()).ok()?, u32::try_from(stamp.tv_nsec()).ok()?))
}

/// Binds `address`, which must be a concrete one.
///
/// # Errors
///
/// Those of the kernel, most often that the port is in use.
pub fn bind(address: SocketAddr) -> io::Result<std::net::UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    // The kernel caps these at its own limits, which is fine.
    socket.set_recv_buffer_size(KERNEL_BUFFER_BYTES)?;
    socket.set_send_buffer_size(KERNEL_BUFFER_BYTES)?;
    socket.bind(&address.into())?;
    Ok(socket.into())
}

/// The concrete addresses that an address to listen on stands for.
///
/// # Errors
///
/// If the machine's interfaces cannot be listed.
pub fn concrete(listen: SocketAddr) -> io::Result<Vec<SocketAddr>> {
    if !listen.ip().is_unspecified() {
        return Ok(vec![listen]);
    }
    let fit = |ip: &IpAddr| ip.is_ipv4() == listen.is_ipv4() && !is_link_local(*ip);
    Ok(addresses::present()?.into_iter().filter(fit).map(|ip| SocketAddr::new(ip, listen.port())).collect())
}

fn is_link_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}

pub(super) fn to_socket_addr(address: &SockaddrStorage) -> Option<SocketAddr> {
    if let Some(address) = address.as_sockaddr_in() {
        return Some(SocketAddr::V4((*address).into()));
    }
    address.as_sockaddr_in6().map(|address| SocketAddr::V6((*address).into()))
}

/// Larger than any datagram we take: longer ones are told by their length.
pub const DATAGRAM_MAX: usize = 1_600;
/// Datagrams taken at once.
pub const BATCH_IN: usize = 64;
/// Datagrams handed to the kernel at once.
pub const BATCH_OUT: usize = 128;
const KERNEL_BUFFER_BYTES: usize = 4 << 20;
const UNKNOWN_SENDER: SocketAddr = SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), 0);

#[cfg(test)]
mod tests {
    use super::super::clock;
    use super::*;

    fn pair() -> (UdpSocket, UdpSocket) {
        let any: SocketAddr = "127.0.0.1:0".parse().expect("an address");
        let socket = || UdpSocket::new(bind(any).expect("bound")).expect("local");
        (socket(), socket())
    }

    #[test]
    fn batches_arrive_whole_and_in_order() {
        let (mut one, mut other) = pair();
        let payloads: Vec<Vec<u8>> = (0..200u8).map(|n| vec![n; usize::from(n) + 1]).collect();
        let to = other.local();
        let datagrams: Vec<(SocketAddr, &[u8])> = payloads.iter().map(|payload| (to, payload.as_slice())).collect();
        assert_eq!(one.send(&datagrams), Sent { datagrams: 200, dropped: 0 });
        let mut got = Vec::new();
        for _ in 0..20 {
            for index in 0..other.receive() {
                let (sender, bytes) = other.datagram(index);
                assert_eq!(sender, one.local());
                got.push(bytes.to_vec());
            }
        }
        assert_eq!(got, payloads);
    }

    #[test]
    fn the_kernel_stamps_every_datagram_with_its_wall_clock() {
        let (mut one, mut other) = pair();
        let mut stamped = 0;
        for _ in 0..3 {
            let before = clock::wall_now();
            one.send(&[(other.local(), b"tick"), (other.local(), b"tock")]);
            let taken = other.receive();
            let after = clock::wall_now();
            for index in 0..taken {
                let stamp = other.stamp(index).expect("a stamp");
                assert!((before..=after).contains(&stamp), "{before:?} {stamp:?} {after:?}");
                stamped += 1;
            }
        }
        assert_eq!(stamped, 6);
    }

    #[test]
    fn a_closed_port_costs_no_other_datagram() {
        let (mut one, mut other) = pair();
        let nobody = {
            let gone = bind("127.0.0.1:0".parse().expect("an address")).expect("bound");
            gone.local_addr().expect("local")
        };
        for round in 0..20u8 {
            let to = other.local();
            one.send(&[(nobody, b"x"), (to, &[round]), (nobody, b"y")]);
        }
        let got: Vec<u8> = (0..other.receive()).map(|index| other.datagram(index).1[0]).collect();
        assert_eq!(got, (0..20).collect::<Vec<u8>>(), "unconnected sockets hear of no ICMP");
    }

    #[test]
    fn an_unspecified_address_stands_for_each_of_the_machine() {
        let all = concrete("0.0.0.0:7".parse().expect("an address")).expect("listed");
        assert!(all.contains(&"127.0.0.1:7".parse().expect("an address")), "{all:?}");
        let one: SocketAddr = "127.0.0.1:7".parse().expect("an address");
        assert_eq!(concrete(one).expect("listed"), [one]);
    }
}
