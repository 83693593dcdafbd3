//! A pool is all workers of this process: worker `i` binds each media port + `i`.

use std::io;
use std::net::SocketAddr;

use tokio::sync::mpsc;

use super::udp;
use super::worker::{WorkerHandle, WorkerParams};
use crate::engine::event::Event;
use crate::transport::certificate::Certificate;

/// The running workers.
#[derive(Debug)]
pub struct Pool {
    workers: Vec<WorkerHandle>,
}

impl Pool {
    /// Starts `count` workers (0: one per core) on `listen`, each `pinned` to a core of its own if there are enough. Port 0 leaves the
    /// choice to the kernel.
    ///
    /// # Errors
    ///
    /// If an address cannot be bound or a thread cannot be had; those already started end.
    pub fn start(
        listen: &[SocketAddr],
        count: usize,
        pinned: bool,
        certificate: &Certificate,
        events: &mpsc::Sender<(u16, Event)>,
    ) -> io::Result<Self> {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let count = if count == 0 { cores } else { count };
        let mut concrete = Vec::new();
        for &address in listen {
            concrete.extend(udp::concrete(address)?);
        }
        let workers = (0..count)
            .map(|index| {
                let number = u16::try_from(index).map_err(|_| io::Error::other("too many media workers"))?;
                let listen = concrete.iter().map(|&address| offset(address, number)).collect::<io::Result<Vec<_>>>()?;
                WorkerHandle::start(WorkerParams {
                    index: number,
                    core: (pinned && count <= cores).then_some(index),
                    listen,
                    certificate: certificate.clone(),
                    events: events.clone(),
                })
            })
            .collect::<io::Result<Vec<_>>>()?;
        Ok(Self { workers })
    }

    /// All workers, by their number.
    pub fn workers(&self) -> &[WorkerHandle] {
        &self.workers
    }
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
