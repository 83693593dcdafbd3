//! A gallery is thousands of participants without media on one thread: enough of a client to ask, to count what comes and to time the answers.
//!
//! It is bare on purpose (a socket, a buffer and no task for each), so that it is not what a measurement measures. Where it is late all the
//! same it says so: sockets that wait for an answer are looked at every few frames, and the time between two looks is kept. Only they wake the
//! thread; what others are sent is collected every millisecond, or the server would pay for waking a client that in truth sits elsewhere.

mod console;
mod frame;
mod word;

use std::io;
use std::net::{SocketAddrV4, TcpStream};
use std::os::fd::{AsFd, AsRawFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrIn, connect, socket};
use nix::sys::time::TimeSpec;

use crate::clock;
use crate::report::Samples;
use console::{Console, Gone};

/// Many consoles, by number.
pub(crate) struct Gallery {
    server: SocketAddrV4,
    room: String,
    epoll: Epoll,
    /// The sockets that wait for an answer, once more.
    urgent: Epoll,
    consoles: Vec<Option<Console>>,
    present: usize,
    scratch: Vec<u8>,
    looked_at: Instant,
    blind: Samples,
    tally: Tally,
}

/// What came, of all consoles together.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    /// WebSocket frames.
    pub(crate) frames: u64,
    /// Of them, those with events.
    pub(crate) events: u64,
    /// Of them, those that nobody understood.
    pub(crate) unknown: u64,
    /// Bytes, upgrades included.
    pub(crate) bytes: u64,
}

/// What a scenario is told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Happening {
    /// A join succeeded.
    Joined {
        /// Whose.
        console: usize,
        /// From when it was due to connect until it was upgraded.
        upgrade: Duration,
        /// From the join until the welcome.
        welcome: Duration,
        /// The welcome's SDP, if the console joined with an offer.
        answer: Option<String>,
    },
    /// A request was answered.
    Replied {
        /// Whose.
        console: usize,
        /// Which.
        request: u64,
        /// The code, if it was refused.
        refused: Option<String>,
        /// False if it was done, but is not written down.
        durable: bool,
        /// When.
        at: Instant,
    },
    /// The server did not let a console in; it is no longer there.
    Refused {
        /// Which.
        console: usize,
        /// How.
        how: NoEntry,
    },
    /// A console is no longer there.
    Ended {
        /// Which.
        console: usize,
        /// Why, if it was not to leave.
        why: Option<String>,
    },
}

/// A join that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NoEntry {
    /// Why.
    pub(crate) code: String,
    /// When it may be tried again, if that was told.
    pub(crate) retry_after: Option<Duration>,
    /// From the join, or the request for the upgrade if that was refused, to this answer.
    pub(crate) after: Duration,
}

impl std::fmt::Display for NoEntry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the join was refused: {}", self.code)
    }
}

impl Gallery {
    /// An empty one before a room.
    pub(crate) fn new(server: SocketAddrV4, room: &str) -> io::Result<Self> {
        let set = || Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC);
        Ok(Self {
            server,
            room: room.to_owned(),
            epoll: set()?,
            urgent: set()?,
            consoles: Vec::new(),
            present: 0,
            scratch: vec![0; SCRATCH_BYTES],
            looked_at: clock::now(),
            blind: Samples::default(),
            tally: Tally::default(),
        })
    }

    /// Begins to connect one more and says its number; it asks for the upgrade and joins by itself. `due` is when this was to happen.
    pub(crate) fn open(&mut self, token: &str, due: Instant) -> io::Result<usize> {
        let room = self.room.clone();
        self.open_in(&room, token, due)
    }

    /// The same before another room.
    pub(crate) fn open_in(&mut self, room: &str, token: &str, due: Instant) -> io::Result<usize> {
        self.open_with(room, token, None, due)
    }

    /// The same with an SDP offer, whose answer comes with the welcome.
    pub(crate) fn open_with(
        &mut self,
        room: &str,
        token: &str,
        offer: Option<&str>,
        due: Instant,
    ) -> io::Result<usize> {
        let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
        let socket = socket(AddressFamily::Inet, SockType::Stream, flags, None)?;
        match connect(socket.as_raw_fd(), &SockaddrIn::from(self.server)) {
            Ok(()) | Err(Errno::EINPROGRESS) => {}
            Err(error) => return Err(error.into()),
        }
        let stream = TcpStream::from(socket);
        stream.set_nodelay(true)?;
        let number = self.consoles.len();
        for set in [&self.epoll, &self.urgent] {
            set.add(&stream, EpollEvent::new(EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT, number as u64))?;
        }
        let upgrade = format!(
            "GET /v1/rooms/{}/session HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\nAuthorization: Bearer {token}\r\n\r\n",
            room, self.server
        );
        self.consoles.push(Some(Console::new(stream, upgrade.into_bytes(), offer, due)));
        self.present += 1;
        Ok(number)
    }

    /// Has a console ask something: a command's type, and its other fields, each with a comma before it. Says whether it could.
    pub(crate) fn say(&mut self, console: usize, request: u64, kind: &str, fields: &str) -> bool {
        let text = format!(r#"{{"type":"{kind}","request_id":"{request}"{fields}}}"#);
        self.send(console, |console| console.say(&text))
    }

    /// Has a console leave, and not ask anything any more.
    pub(crate) fn leave(&mut self, console: usize, request: u64) -> bool {
        let text = format!(r#"{{"type":"leave","request_id":"{request}"}}"#);
        self.send(console, |console| console.leave(&text))
    }

    /// Whether a console is in the room and waits for no answer.
    pub(crate) fn is_idle(&self, console: usize) -> bool {
        matches!(self.consoles.get(console), Some(Some(console)) if console.is_joined() && console.awaited == 0)
    }

    /// How many are there or on their way.
    pub(crate) fn present(&self) -> usize {
        self.present
    }

    /// What came so far.
    pub(crate) fn tally(&self) -> Tally {
        self.tally
    }

    /// The times in which no socket that waits for an answer was looked at, since this was last asked.
    pub(crate) fn take_blind(&mut self) -> Samples {
        std::mem::take(&mut self.blind)
    }

    /// Attends to the sockets until `until`, or until something happened.
    pub(crate) fn attend(&mut self, until: Instant, happened: &mut Vec<Happening>) -> io::Result<()> {
        let mut events = [EpollEvent::empty(); EVENTS_MAX];
        loop {
            let left = until.saturating_duration_since(clock::now());
            self.sleep(left.min(COLLECT_EVERY))?;
            let ready = wait(&self.epoll, &mut events)?;
            self.looked_at = clock::now();
            for few in events[..ready].chunks(LOOK_EVERY) {
                self.look_at_urgent(happened)?;
                for event in few {
                    self.serve(event, happened);
                }
                if !happened.is_empty() || clock::now() >= until {
                    return Ok(());
                }
            }
            if left.is_zero() {
                return Ok(());
            }
        }
    }

    /// Attends to whatever waits at the sockets now, those that wait for an answer first.
    pub(crate) fn pass(&mut self, happened: &mut Vec<Happening>) -> io::Result<()> {
        let mut events = [EpollEvent::empty(); EVENTS_MAX];
        self.look_at_urgent(happened)?;
        let ready = wait(&self.epoll, &mut events)?;
        for event in &events[..ready] {
            self.serve(event, happened);
        }
        Ok(())
    }

    /// Lets go of a console without a word.
    pub(crate) fn drop_console(&mut self, console: usize) {
        self.remove(console);
    }

    /// Waits until a socket that waits for an answer is ready, so long at most. Epoll itself counts in milliseconds, which is too coarse to ask
    /// in time.
    pub(crate) fn sleep(&self, at_most: Duration) -> io::Result<()> {
        let mut set = [PollFd::new(self.urgent.0.as_fd(), PollFlags::POLLIN)];
        match ppoll(&mut set, Some(TimeSpec::from_duration(at_most)), None) {
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn look_at_urgent(&mut self, happened: &mut Vec<Happening>) -> io::Result<()> {
        let now = clock::now();
        self.blind.add(now.saturating_duration_since(self.looked_at));
        self.looked_at = now;
        let mut events = [EpollEvent::empty(); LOOK_EVERY];
        let ready = wait(&self.urgent, &mut events)?;
        for event in &events[..ready] {
            self.serve(event, happened);
        }
        Ok(())
    }

    fn serve(&mut self, event: &EpollEvent, happened: &mut Vec<Happening>) {
        let number = usize::try_from(event.data()).expect("a console's number came from a usize");
        let Some(console) = &mut self.consoles[number] else {
            return;
        };
        let (wanted, awaited) = (console.wants_to_write(), console.awaited);
        let (scratch, tally) = (&mut self.scratch, &mut self.tally);
        let mut work = || -> Result<(), Gone> {
            if console.wants_to_write() && event.events().intersects(EpollFlags::EPOLLOUT | ENDED) {
                console.write()?;
            }
            if event.events().intersects(EpollFlags::EPOLLIN | ENDED) {
                console.read(number, scratch, tally, happened)?;
            }
            Ok(())
        };
        match work() {
            Ok(()) => self.watch(number, wanted, awaited),
            Err(gone) => {
                self.remove(number);
                happened.push(match gone {
                    Gone::Left => Happening::Ended { console: number, why: None },
                    Gone::Lost(why) => Happening::Ended { console: number, why: Some(why) },
                    Gone::Refused(how) => Happening::Refused { console: number, how },
                });
            }
        }
    }

    fn send(&mut self, number: usize, say: impl FnOnce(&mut Console) -> Result<(), Gone>) -> bool {
        let Some(Some(console)) = self.consoles.get_mut(number) else {
            return false;
        };
        let (wanted, awaited) = (console.wants_to_write(), console.awaited);
        // A socket that takes nothing is over; that is found when it is read.
        let is_said = say(console).is_ok();
        self.watch(number, wanted, awaited);
        is_said
    }

    /// Brings the sets in line with what a console has come to want.
    fn watch(&mut self, number: usize, wanted: bool, awaited: u32) {
        let Some(Some(console)) = self.consoles.get(number) else {
            return;
        };
        let (stream, wants) = (&console.stream, console.wants_to_write());
        let writes = if wants { EpollFlags::EPOLLOUT } else { EpollFlags::empty() };
        let mut event = EpollEvent::new(EpollFlags::EPOLLIN | writes, number as u64);
        if wants != wanted {
            self.epoll.modify(stream, &mut event).expect("an open socket is in the set");
        }
        let outcome = match (awaited, console.awaited) {
            (0, 1..) => self.urgent.add(stream, event),
            (1.., 0) => self.urgent.delete(stream),
            (1.., 1..) if wants != wanted => self.urgent.modify(stream, &mut event),
            (0, 0) | (1.., 1..) => Ok(()),
        };
        outcome.expect("a socket is in the set exactly while it waits for an answer");
    }

    fn remove(&mut self, number: usize) {
        // Closing takes it out of the sets.
        if self.consoles[number].take().is_some() {
            self.present -= 1;
        }
    }
}

/// The sockets that are ready now.
fn wait(epoll: &Epoll, events: &mut [EpollEvent]) -> io::Result<usize> {
    match epoll.wait(events, EpollTimeout::ZERO) {
        Err(Errno::EINTR) => Ok(0),
        other => Ok(other?),
    }
}

/// Any sixteen bytes; the server's proof that it read them is not checked.
const KEY: &str = "cG9kaXVtLWxvYWR0ZXN0IQ==";
const ENDED: EpollFlags = EpollFlags::EPOLLERR.union(EpollFlags::EPOLLHUP);
/// How often what nobody waits for is read.
const COLLECT_EVERY: Duration = Duration::from_millis(1);
const EVENTS_MAX: usize = 512;
/// Between two looks at the sockets that wait for an answer, so many others are read.
const LOOK_EVERY: usize = 16;
const SCRATCH_BYTES: usize = 64 * 1024;
