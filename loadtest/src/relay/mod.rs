//! A relay is a network with faults between a client and a server: it carries what comes, late, twice, out of turn, or not at all.
//!
//! What it does is decided by a pure [`Link`] for each direction of each client's [`Line`], with seeded dice; two shells carry datagrams
//! (media: a server is told to advertise the relay's address) and streams (the WebSocket: a client is told the relay's address). A client's
//! line is found by its IP address: on one machine every `127.x.y.z` is one. Lines may be changed while it runs. It asks the system to be
//! served first, and measures how late it was all the same: what was measured through a relay whose [`Lateness`] is not valid means nothing.
//!
//! ```no_run
//! # use std::time::Duration;
//! # use podium_loadtest::relay::{Line, Relay};
//! let media = "127.0.0.1:7882".parse().expect("an address");
//! let relay = Relay::udp("127.0.0.1:0", media, Line::delay(Duration::from_millis(150)), 1)?;
//! // … a server with `media.advertise = "127.0.0.1:<relay.address().port()>"`, and its clients …
//! relay.set(Line { up: "delay=20,loss=2".parse()?, down: "delay=130,jitter=20".parse()? })?;
//! assert!(relay.lateness().is_valid());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod change;
mod departures;
mod first;
mod impairment;
mod lateness;
mod line;
mod link;
mod shared;
mod tcp;
mod udp;

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread::{self, JoinHandle};
use std::time::Duration;

pub use change::Change;
pub use impairment::{Burst, Distribution, Impairment, ImpairmentError, Share};
pub use lateness::{Lateness, LatenessShown};
pub use line::{Direction, Line};
pub use link::{Cause, Fate, Link};
pub use shared::{Counts, DirectionFigures, Figures};

use shared::Shared;
use tcp::{Open, TcpShell};
use udp::UdpShell;

/// A relay that runs on threads of its own until it is dropped.
pub struct Relay {
    address: SocketAddr,
    shared: Arc<Shared>,
    carries: Carries,
    is_first: bool,
    thread: Option<JoinHandle<()>>,
}

enum Carries {
    Datagrams,
    Streams(Arc<Open>),
}

impl Relay {
    /// Carries datagrams from `listen` (a port of 0 is any that is free) to `to` and back. Clients have this line, unless one is
    /// [set for them](Self::set_for).
    pub fn udp(listen: impl ToSocketAddrs, to: SocketAddr, line: Line, seed: u64) -> Result<Self, RelayError> {
        let shared = Arc::new(Shared::new(line, seed));
        let shell = UdpShell::new(address(listen)?, to, Arc::clone(&shared))?;
        let address = shell.address()?;
        let (thread, is_first) = start("relay-udp", move || shell.run())?;
        Ok(Self { address, shared, carries: Carries::Datagrams, is_first, thread: Some(thread) })
    }

    /// Carries connections made to `listen` on to `to`, every byte in order.
    pub fn tcp(listen: impl ToSocketAddrs, to: SocketAddr, line: Line, seed: u64) -> Result<Self, RelayError> {
        fits_streams(&line)?;
        let shared = Arc::new(Shared::new(line, seed));
        let open = Arc::new(Open::default());
        let shell = TcpShell::new(address(listen)?, to, Arc::clone(&shared), Arc::clone(&open))?;
        let address = shell.address()?;
        let (thread, is_first) = start("relay-tcp", move || shell.run())?;
        Ok(Self { address, shared, carries: Carries::Streams(open), is_first, thread: Some(thread) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether the system serves it before all others. If not, it is late on a busy machine.
    pub fn is_first(&self) -> bool {
        self.is_first
    }

    /// How long it has been there: blackouts are counted from its beginning.
    pub fn age(&self) -> Duration {
        self.shared.now()
    }

    /// From now on this is the line of every client that has none of its own. What is under way stays as it is.
    pub fn set(&self, line: Line) -> Result<(), RelayError> {
        self.fits(&line)?;
        self.shared.change(|asked| asked.lines.set_others(line));
        Ok(())
    }

    /// From now on this is the line of the clients at this address.
    pub fn set_for(&self, client: IpAddr, line: Line) -> Result<(), RelayError> {
        self.fits(&line)?;
        if self.shared.change(|asked| asked.lines.set(client, line)) { Ok(()) } else { Err(RelayError::TooManyLines) }
    }

    /// From now on, for so long, datagrams are lost and streams stand still, on all lines and in both directions.
    pub fn black_out(&self, length: Duration) {
        let until = self.shared.now() + length;
        self.shared.change(|asked| asked.dark_until = asked.dark_until.max(until));
    }

    /// The server sees the datagrams of the clients at this address, or of all, come from another port, as after a NAT has forgotten them;
    /// what it sends to the old one is lost. Nothing happens to streams.
    pub fn rebind(&self, client: Option<IpAddr>) {
        self.shared.change(|asked| {
            // Everybody, where there are too many to be named.
            let whom = if asked.rebind.len() < REBINDS_MAX { client } else { None };
            asked.rebind.truncate(REBINDS_MAX - 1);
            asked.rebind.push(whom);
        });
    }

    /// Cuts all streams, as when a middlebox is restarted. Nothing happens to datagrams.
    pub fn cut(&self) {
        match &self.carries {
            Carries::Streams(open) => open.cut(),
            Carries::Datagrams => {}
        }
    }

    /// What was carried so far, and what was not.
    pub fn figures(&self) -> Figures {
        self.shared.figures().clone()
    }

    /// How late it was so far.
    pub fn lateness(&self) -> Lateness {
        self.shared.figures().lateness.clone()
    }

    /// Counts anew from now on.
    pub fn forget_figures(&self) {
        *self.shared.figures() = Figures::default();
    }

    fn fits(&self, line: &Line) -> Result<(), RelayError> {
        match self.carries {
            Carries::Datagrams => Ok(()),
            Carries::Streams(_) => fits_streams(line),
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.shared.stop();
        if let Some(thread) = self.thread.take() {
            // Its panic has been told by itself.
            let _ = thread.join();
        }
    }
}

/// Why there is no relay, or not such a line.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// The system said no.
    #[error("the relay has no socket: {0}")]
    System(#[from] io::Error),
    /// Streams keep every byte in its place.
    #[error("{0} is for datagrams; a relay of streams knows delay, jitter, rate and blackout")]
    UnfitForStreams(&'static str),
    /// As many clients have lines of their own as may.
    #[error("there is no room for another line")]
    TooManyLines,
}

/// Starts a thread that asks to be first, before it works.
fn start(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<(JoinHandle<()>, bool)> {
    let (granted, whether) = sync_channel(1);
    let thread = thread::Builder::new().name(name.to_owned()).spawn(move || {
        // Whoever started it waits for this.
        let _ = granted.send(first::ask());
        work();
    })?;
    Ok((thread, whether.recv().unwrap_or_default()))
}

fn fits_streams(line: &Line) -> Result<(), RelayError> {
    let unfit = line.up.unfit_for_streams().or_else(|| line.down.unfit_for_streams());
    unfit.map_or(Ok(()), |what| Err(RelayError::UnfitForStreams(what)))
}

fn address(of: impl ToSocketAddrs) -> io::Result<SocketAddr> {
    of.to_socket_addrs()?.next().ok_or_else(|| io::Error::other("no address to listen on"))
}

/// Asked and not yet done: one turn of the relay does them all.
const REBINDS_MAX: usize = 64;

#[cfg(test)]
mod tests;
