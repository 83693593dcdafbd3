//! A pool is all workers of this process: worker `i` binds each media port + `i`.

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::mpsc;

use super::udp;
use super::worker::{WorkerHandle, WorkerParams};
use crate::engine::event::Event;
use crate::transport::certificate::Certificate;

/// The running workers.
#[derive(Debug)]
pub struct Pool {
    workers: Vec<WorkerHandle>,
    /// How many of their addresses this machine has no longer.
    lost: AtomicUsize,
}

/// An address to bind.
#[derive(Clone, Copy, Debug)]
struct Wanted {
    address: SocketAddr,
    /// It was found on this machine, not named: if it cannot be bound, others may do.
    is_derived: bool,
}

impl Pool {
    /// Starts `count` workers (0: one per core) on `listen`, each `pinned` to a core of its own if there are enough. Port 0 leaves the
    /// choice to the kernel.
    ///
    /// # Errors
    ///
    /// If an address that was named cannot be bound, if no address at all is left, or if a thread cannot be had; workers that
    /// already started end.
    pub fn start(
        listen: &[SocketAddr],
        count: usize,
        pinned: bool,
        certificate: &Certificate,
        events: &mpsc::Sender<(u16, Event)>,
    ) -> io::Result<Self> {
        let cores = cores();
        let count = if count == 0 { cores } else { count };
        let wanted = wanted(listen)?;
        let workers = (0..count)
            .map(|index| {
                let number = u16::try_from(index).map_err(|_| io::Error::other("too many media workers"))?;
                WorkerHandle::start(WorkerParams {
                    index: number,
                    core: (pinned && count <= cores).then_some(index),
                    sockets: bind(&wanted, number)?,
                    certificate: certificate.clone(),
                    events: events.clone(),
                })
            })
            .collect::<io::Result<Vec<_>>>()?;
        Ok(Self { workers, lost: AtomicUsize::new(0) })
    }

    /// Whether every one of `count` workers (0: one per core) could bind its port of this concrete address just now.
    pub fn is_free(address: SocketAddr, count: usize) -> bool {
        let count = if count == 0 { cores() } else { count };
        (0..count).all(|index| {
            let number = u16::try_from(index).ok();
            number.is_some_and(|number| offset(address, number).and_then(udp::bind).is_ok())
        })
    }

    /// All workers, by their number.
    pub fn workers(&self) -> &[WorkerHandle] {
        &self.workers
    }

    /// The addresses that the workers are bound to.
    pub fn addresses(&self) -> BTreeSet<IpAddr> {
        self.workers.iter().flat_map(|worker| worker.bound.iter().map(SocketAddr::ip)).collect()
    }

    /// How many of those this machine has no longer.
    pub fn lost(&self) -> usize {
        self.lost.load(Ordering::Relaxed)
    }

    pub(super) fn note_lost(&self, count: usize) {
        self.lost.store(count, Ordering::Relaxed);
    }
}

/// The addresses that `listen` stands for.
fn wanted(listen: &[SocketAddr]) -> io::Result<Vec<Wanted>> {
    let mut wanted = Vec::new();
    for &address in listen {
        let concrete = udp::concrete(address)?;
        if concrete.is_empty() {
            tracing::warn!(%address, "media.listen: this machine has no such address; it is left out");
        }
        let is_derived = address.ip().is_unspecified();
        wanted.extend(concrete.into_iter().map(|address| Wanted { address, is_derived }));
    }
    if wanted.is_empty() {
        let listen: Vec<String> = listen.iter().map(SocketAddr::to_string).collect();
        let why = format!("media.listen: this machine has no address that {} stands for", listen.join(", "));
        return Err(io::Error::new(io::ErrorKind::AddrNotAvailable, why));
    }
    Ok(wanted)
}

/// Binds the sockets of a worker. An address that was found and not named is left out with a warning if it cannot be bound.
fn bind(wanted: &[Wanted], number: u16) -> io::Result<Vec<UdpSocket>> {
    let mut sockets = Vec::new();
    let mut last = None;
    for &Wanted { address, is_derived } in wanted {
        let address = offset(address, number)?;
        match udp::bind(address).map_err(|error| in_context(address, &error)) {
            Ok(socket) => sockets.push(socket),
            Err(error) if is_derived => {
                tracing::warn!(worker = number, %error, "media.listen: this address cannot be bound; it is left out");
                last = Some(error);
            }
            Err(error) => return Err(error),
        }
    }
    match last {
        Some(error) if sockets.is_empty() => {
            let why = format!("media.listen: worker {number} can bind no address at all; the last one: {error}");
            Err(io::Error::new(error.kind(), why))
        }
        Some(_) | None => Ok(sockets),
    }
}

fn in_context(address: SocketAddr, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("media address {address}: {error}"))
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

fn offset(address: SocketAddr, by: u16) -> io::Result<SocketAddr> {
    if address.port() == 0 {
        return Ok(address);
    }
    let port = address
        .port()
        .checked_add(by)
        .ok_or_else(|| io::Error::other(format!("media address {address}: no port left for worker {by}")))?;
    Ok(SocketAddr::new(address.ip(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    fn derived(address: SocketAddr) -> Wanted {
        Wanted { address, is_derived: true }
    }

    #[test]
    fn an_address_that_was_found_and_cannot_be_bound_is_left_out() {
        // TEST-NET-1 (RFC 5737): no interface has it.
        let foreign = at("192.0.2.77:0");
        let sockets = bind(&[derived(foreign), derived(at("127.0.0.1:0"))], 0).expect("one is left");
        assert_eq!(sockets.len(), 1);
        let error = bind(&[derived(foreign), derived(foreign)], 3).expect_err("none is left");
        let told = error.to_string();
        assert!(told.contains("worker 3") && told.contains("192.0.2.77") && told.contains("media.listen"), "{told}");
    }

    #[test]
    fn an_address_that_was_named_must_be_bound() {
        let named = Wanted { address: at("192.0.2.77:0"), is_derived: false };
        let error = bind(&[derived(at("127.0.0.1:0")), named], 0).expect_err("it cannot be bound");
        assert!(error.to_string().contains("media address 192.0.2.77:0"), "{error}");
    }

    #[test]
    fn a_port_that_is_taken_on_one_address_is_left_out_there_only() {
        let taken = UdpSocket::bind("127.0.0.1:0").expect("bound");
        let address = taken.local_addr().expect("local");
        let other = SocketAddr::new("127.0.0.2".parse().expect("an address"), address.port());
        let sockets = bind(&[derived(address), derived(other)], 0).expect("one is left");
        assert_eq!(sockets[0].local_addr().expect("local"), other);
        let error = bind(&[derived(address)], 0).expect_err("none is left");
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    }

    #[test]
    fn an_unspecified_address_stands_for_those_that_are_there() {
        let every = wanted(&[at("0.0.0.0:9")]).expect("loopback at least");
        assert!(every.iter().all(|wanted| wanted.is_derived && wanted.address.port() == 9));
        let named = wanted(&[at("127.0.0.1:9")]).expect("one");
        assert!(matches!(named[..], [Wanted { is_derived: false, .. }]));
    }
}
