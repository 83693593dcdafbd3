//! The relay of streams: each connection is carried byte by byte, in order, late by what its line says.
//!
//! A connection has a thread for each direction that reads, stamps and passes on, and one that waits for what is due and writes. Between them
//! lies a bounded queue: when it is full nothing is read, and the sender waits, as at a full window. The end of a stream takes as long as its
//! bytes. A connection to the relay is there at once; the round trip that it would have taken is put in front of its first bytes.

use std::collections::BTreeMap;
use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::line::Direction;
use super::link::Fate;
use super::shared::Shared;

/// The thread that accepts.
pub(super) struct TcpShell {
    shared: Arc<Shared>,
    listen: TcpListener,
    to: SocketAddr,
    open: Arc<Open>,
    accepted: u64,
    connections_max: usize,
}

/// The connections that are open, to be cut.
#[derive(Default)]
pub(super) struct Open(Mutex<BTreeMap<u64, Ends>>);

/// Both ends of a connection.
struct Ends {
    client: TcpStream,
    server: TcpStream,
}

/// A piece of a stream, or its end.
struct Piece {
    came: Duration,
    due: Duration,
    bytes: Vec<u8>,
}

impl TcpShell {
    pub(super) fn new(listen: SocketAddr, to: SocketAddr, shared: Arc<Shared>, open: Arc<Open>) -> io::Result<Self> {
        let listen = TcpListener::bind(listen)?;
        listen.set_nonblocking(true)?;
        Ok(Self { shared, listen, to, open, accepted: 0, connections_max: CONNECTIONS_MAX })
    }

    pub(super) fn address(&self) -> io::Result<SocketAddr> {
        self.listen.local_addr()
    }

    /// Relays until it is stopped; then cuts what is open, and waits for its threads.
    pub(super) fn run(mut self) {
        let mut threads: Vec<JoinHandle<()>> = Vec::new();
        while !self.shared.is_stopped() {
            if !self.wait() {
                continue;
            }
            threads.retain(|thread| !thread.is_finished());
            let Ok((client, address)) = self.listen.accept() else {
                continue;
            };
            // Each is there from before it is connected on until all its threads are gone.
            if threads.len() >= self.connections_max {
                self.shared.refused(client, &io::Error::other("there is no room for another"));
                continue;
            }
            threads.extend(self.begin(client, address));
        }
        self.open.cut();
        for thread in threads {
            // Its panic has been told by itself.
            let _ = thread.join();
        }
    }

    /// Whether somebody may be there.
    fn wait(&self) -> bool {
        let mut ready = [PollFd::new(self.listen.as_fd(), PollFlags::POLLIN)];
        poll(&mut ready, PollTimeout::from(IDLE_MS)).is_ok_and(|count| count > 0)
    }

    fn begin(&mut self, client: TcpStream, address: SocketAddr) -> Option<JoinHandle<()>> {
        let number = self.accepted;
        self.accepted += 1;
        let connection = Connection {
            shared: Arc::clone(&self.shared),
            open: Arc::clone(&self.open),
            number,
            begun: self.shared.now(),
            client: address,
        };
        let to = self.to;
        // The thread gets the client when it is there: if it cannot be had, the refusal is counted before the client is closed.
        let (give, given) = sync_channel(1);
        let thread = spawn("relay", move || given.iter().take(1).for_each(|client| connection.run(client, to)));
        match client.set_nonblocking(false).and(thread) {
            Ok(thread) => {
                // It waits for this.
                let _ = give.send(client);
                Some(thread)
            }
            Err(error) => {
                self.shared.refused(client, &error);
                None
            }
        }
    }
}

impl Open {
    /// Cuts every connection.
    pub(super) fn cut(&self) {
        for ends in self.ends().values() {
            ends.shut();
        }
    }

    fn ends(&self) -> MutexGuard<'_, BTreeMap<u64, Ends>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ends {
    fn shut(&self) {
        // What is closed already need not be.
        let _ = self.client.shutdown(Shutdown::Both);
        let _ = self.server.shutdown(Shutdown::Both);
    }

    fn try_clone(&self) -> io::Result<Self> {
        Ok(Self { client: self.client.try_clone()?, server: self.server.try_clone()? })
    }
}

/// One connection.
#[derive(Clone)]
struct Connection {
    shared: Arc<Shared>,
    open: Arc<Open>,
    number: u64,
    begun: Duration,
    client: SocketAddr,
}

impl Connection {
    fn run(&self, client: TcpStream, to: SocketAddr) {
        let number = self.number;
        let mut threads = Vec::new();
        if let Err(error) = self.carry(&client, to, &mut threads) {
            self.shared.refused(client, &error);
            // Threads that were begun nevertheless would wait for ever.
            if let Some(ends) = self.open.ends().get(&number) {
                ends.shut();
            }
        }
        for thread in threads {
            // Its panic has been told by itself.
            let _ = thread.join();
        }
        self.open.ends().remove(&number);
    }

    /// Connects, and begins the threads that carry.
    fn carry(&self, client: &TcpStream, to: SocketAddr, threads: &mut Vec<JoinHandle<()>>) -> io::Result<()> {
        let server = TcpStream::connect_timeout(&to, CONNECT_TIMEOUT)?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        let ends = Ends { client: client.try_clone()?, server };
        let [up, down] = [ends.try_clone()?, ends.try_clone()?];
        self.open.ends().insert(self.number, ends.try_clone()?);
        // Counted before a byte of it can be seen at its other end.
        self.shared.figures().flows += 1;
        if self.shared.is_stopped() {
            ends.shut();
        }
        self.pump(Direction::Up, up.client, up.server, &ends, threads)?;
        self.pump(Direction::Down, down.server, down.client, &ends, threads)
    }

    /// Starts both threads of one direction.
    fn pump(
        &self,
        direction: Direction,
        from: TcpStream,
        into: TcpStream,
        ends: &Ends,
        threads: &mut Vec<JoinHandle<()>>,
    ) -> io::Result<()> {
        let (pieces, under_way) = sync_channel(PIECES_MAX);
        let (reader, writer, ends) = (self.clone(), self.clone(), ends.try_clone()?);
        threads.push(spawn("relay-read", move || reader.read(direction, from, &pieces))?);
        threads.push(spawn("relay-write", move || writer.write(direction, into, &under_way, &ends))?);
        Ok(())
    }

    fn read(&self, direction: Direction, mut from: TcpStream, pieces: &SyncSender<Piece>) {
        let mut link = self.shared.link(self.client.ip(), self.number, direction);
        let opened = self.begun + self.round_trip(direction);
        let mut buffer = vec![0; PIECE_BYTES_MAX];
        loop {
            // What breaks a connection ends it; whoever reads finds that out from its end.
            let read = from.read(&mut buffer).unwrap_or(0);
            let came = self.shared.now();
            link.heed(&self.shared.asked());
            let due = link.link.carry_stream(read, came.max(opened));
            self.shared.figures().towards_mut(direction).counts.met(Fate::Due(due));
            if pieces.send(Piece { came, due, bytes: buffer[..read].to_vec() }).is_err() || read == 0 {
                return;
            }
        }
    }

    /// How long it would have taken until the client could send.
    fn round_trip(&self, direction: Direction) -> Duration {
        match direction {
            Direction::Up => {
                let asked = self.shared.asked();
                let line = asked.lines.of(self.client.ip());
                line.up.delay + line.down.delay
            }
            Direction::Down => Duration::ZERO,
        }
    }

    fn write(&self, direction: Direction, mut into: TcpStream, under_way: &Receiver<Piece>, ends: &Ends) {
        let mut free_at = Duration::ZERO;
        for Piece { came, due, bytes } in under_way {
            if !self.wait_until(due) {
                return;
            }
            let left = self.shared.now();
            if bytes.is_empty() {
                // The other side may be gone.
                let _ = into.shutdown(Shutdown::Write);
                return;
            }
            if into.write_all(&bytes).is_err() {
                self.shared.figures().towards_mut(direction).counts.dropped += 1;
                ends.shut();
                return;
            }
            // While the receiver's window was full it was the receiver who was late.
            self.shared.figures().left(direction, came, due.max(free_at), left);
            free_at = self.shared.now();
        }
    }

    /// Whether that time came, and not the relay's end before it.
    fn wait_until(&self, due: Duration) -> bool {
        loop {
            let wait = due.saturating_sub(self.shared.now());
            if self.shared.is_stopped() || wait.is_zero() {
                return !self.shared.is_stopped();
            }
            thread::sleep(wait.min(Duration::from_millis(IDLE_MS.into())));
        }
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    thread::Builder::new().name(name.to_owned()).stack_size(STACK_BYTES).spawn(work)
}

/// So long something that is asked may wait if nothing comes.
const IDLE_MS: u16 = 20;
/// Each has five threads and six descriptors.
const CONNECTIONS_MAX: usize = 256;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const PIECE_BYTES_MAX: usize = 16 * 1024;
/// A megabyte under way in each direction.
const PIECES_MAX: usize = 64;
/// These threads call little and keep their buffers on the heap.
const STACK_BYTES: usize = 256 * 1024;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]

    use super::super::line::Line;
    use super::*;

    /// A connection that is not refused is there within this time, or another is tried.
    const TRY_FOR: Duration = Duration::from_millis(500);

    #[test]
    fn there_is_room_again_when_the_threads_of_a_connection_are_gone() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let shared = Arc::new(Shared::new(Line::default(), 1));
        let any = "127.0.0.1:0".parse().unwrap();
        let to = server.local_addr().unwrap();
        let mut shell = TcpShell::new(any, to, Arc::clone(&shared), Arc::default()).unwrap();
        shell.connections_max = 1;
        let address = shell.address().unwrap();
        let relay = thread::spawn(move || shell.run());
        let connect = || {
            let client = TcpStream::connect(address).unwrap();
            client.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
            client
        };
        let first = connect();
        let (server_end, _) = server.accept().unwrap();
        let mut second = connect();
        assert!(matches!(second.read(&mut [0; 1]), Ok(0) | Err(_)), "there is no room for it");
        assert_eq!(shared.figures().flows_refused, 1);
        drop((first, server_end));
        // Its threads find that out by and by; until then others are refused.
        let third = std::iter::repeat_with(connect).find_map(|mut third| {
            third.write_all(b"hello").ok()?;
            let (mut server_end, _) = accepted_within(&server, TRY_FOR)?;
            server_end.read_exact(&mut [0; 5]).unwrap();
            Some(third)
        });
        assert_eq!((third.is_some(), shared.figures().flows), (true, 2));
        shared.stop();
        relay.join().unwrap();
    }

    /// The next connection, if one comes in time.
    fn accepted_within(server: &TcpListener, time: Duration) -> Option<(TcpStream, SocketAddr)> {
        let mut ready = [PollFd::new(server.as_fd(), PollFlags::POLLIN)];
        let count = poll(&mut ready, PollTimeout::try_from(time).unwrap()).unwrap();
        (count > 0).then(|| server.accept().unwrap())
    }
}
