//! A worker is a thread that owns one engine and its UDP sockets, and does nothing but turn: wait, take datagrams, send datagrams.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use super::ages::Ages;
use super::clock;
use super::handshakes::{HANDSHAKES_A_TURN, Handshakes};
use super::mailbox::Mailbox;
use super::residence::{Made, Residence};
use super::stats::{Published, WorkerStats};
use super::udp::{BATCH_IN, BATCH_OUT, UdpSocket};
use crate::engine::{Engine, event::Event};
use crate::transport::certificate::Certificate;
use crate::wire::{self, DatagramKind, path::Path};

/// What a worker needs to begin.
#[derive(Debug)]
pub struct WorkerParams {
    /// Its number: also in every ufrag it answers to.
    pub index: u16,
    /// The core to stay on, if one is free for it alone.
    pub core: Option<usize>,
    /// Where it takes datagrams.
    pub sockets: Vec<std::net::UdpSocket>,
    /// What peers authenticate us by.
    pub certificate: Certificate,
    /// Where events go; the number says whose.
    pub events: mpsc::Sender<(u16, Event)>,
}

/// The control plane's end of a running worker.
#[derive(Debug)]
pub struct WorkerHandle {
    /// Its number.
    pub index: u16,
    /// Where it takes commands.
    pub mailbox: Arc<Mailbox>,
    /// What it publishes.
    pub stats: Arc<WorkerStats>,
    /// The addresses it is bound to.
    pub bound: Vec<SocketAddr>,
    thread: Option<JoinHandle<()>>,
}

impl WorkerHandle {
    /// Starts the thread.
    ///
    /// # Errors
    ///
    /// If a thread or descriptor cannot be had.
    pub fn start(params: WorkerParams) -> io::Result<Self> {
        let sockets = params.sockets;
        let bound = sockets.iter().map(std::net::UdpSocket::local_addr).collect::<io::Result<Vec<_>>>()?;
        let mailbox = Arc::new(Mailbox::new()?);
        let stats = Arc::new(WorkerStats::new(clock::now()));
        let index = params.index;
        let (thread_mailbox, thread_stats) = (Arc::clone(&mailbox), Arc::clone(&stats));
        let thread = std::thread::Builder::new().name(format!("media-{index}")).spawn(move || {
            pin(params.core);
            let near = near(&sockets);
            let sockets = match sockets.into_iter().map(UdpSocket::new).collect() {
                Ok(sockets) => sockets,
                Err(error) => return tracing::error!(worker = index, %error, "a media socket was lost"),
            };
            let worker = Worker {
                engine: Engine::new(params.certificate, clock::now(), clock::ntp_now()),
                index,
                ages: Ages::new(near, clock::now()),
                residence: Residence::default(),
                handshakes: Handshakes::default(),
                sockets,
                mailbox: thread_mailbox,
                events: params.events,
                backlog: VecDeque::new(),
                stats: thread_stats,
                counts: Published::empty(),
                published_at: clock::now(),
                sent: false,
            };
            worker.run();
        })?;
        Ok(Self { index, mailbox, stats, bound, thread: Some(thread) })
    }
}

impl Drop for WorkerHandle {
    fn drop(&mut self) {
        self.mailbox.stop();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!(worker = self.index, "a media worker had panicked");
        }
    }
}

struct Worker {
    engine: Engine,
    index: u16,
    sockets: Vec<UdpSocket>,
    ages: Ages,
    residence: Residence,
    handshakes: Handshakes,
    mailbox: Arc<Mailbox>,
    events: mpsc::Sender<(u16, Event)>,
    /// Events that the control plane had no room for yet.
    backlog: VecDeque<Event>,
    stats: Arc<WorkerStats>,
    counts: Published,
    published_at: Instant,
    /// Something was sent in this turn.
    sent: bool,
}

impl Worker {
    fn run(mut self) {
        let mut stood = clock::stood_still();
        loop {
            let ready = self.wait();
            let began = clock::now();
            let stood_before = std::mem::replace(&mut stood, clock::stood_still());
            if stood > stood_before {
                self.catch_up();
            }
            self.sent = false;
            self.stats.beat(began);
            if !self.take_mail(began) {
                return;
            }
            for (socket, ready) in ready.into_iter().enumerate() {
                // A full batch means that more waits: what has come is looked at before anything else is done, or it would grow old unseen.
                let mut batches = if ready { BATCHES_A_TURN } else { 0 };
                while batches > 0 && self.take_datagrams(socket) == BATCH_IN {
                    batches -= 1;
                }
            }
            self.serve_audience();
            if self.sent {
                self.counts.transit.record(clock::now().saturating_duration_since(began));
            }
            self.shake_hands();
            self.engine.handle_timeout(clock::now());
            self.flush();
            self.deliver_events();
            self.count(began);
        }
    }

    /// Waits for a datagram, mail or a deadline, and says which sockets have something.
    fn wait(&self) -> Vec<bool> {
        let until = match (self.backlog.is_empty(), self.engine.next_timeout()) {
            _ if !self.handshakes.is_empty() || self.engine.audience_waits() => Duration::ZERO,
            (false, _) => BACKLOG_RETRY,
            (true, Some(deadline)) => deadline.saturating_duration_since(clock::now()).min(HEARTBEAT),
            (true, None) => HEARTBEAT,
        };
        // poll counts in whole milliseconds: round up, or the last fraction would be spun away.
        let timeout = PollTimeout::try_from(until.as_micros().div_ceil(1_000)).unwrap_or(PollTimeout::MAX);
        let mut fds: Vec<PollFd<'_>> =
            self.sockets.iter().map(|socket| PollFd::new(socket.as_fd(), PollFlags::POLLIN)).collect();
        fds.push(PollFd::new(self.mailbox.as_fd(), PollFlags::POLLIN));
        match poll(&mut fds, timeout) {
            Ok(_) => fds.iter().take(self.sockets.len()).map(|fd| fd.any().unwrap_or(false)).collect(),
            // Interrupted by a signal: look again.
            Err(_) => vec![false; self.sockets.len()],
        }
    }

    /// `false` when the worker is to end.
    fn take_mail(&mut self, now: Instant) -> bool {
        let mail = self.mailbox.take();
        for (open, opened) in mail.opens {
            self.engine.handle_command(crate::engine::command::Command::Open(open), now);
            // Whoever asked may have given up; then the transport is closed by its own command.
            let _ = opened.send(());
        }
        for (restart, restarted) in mail.restarts {
            let known = self.engine.has(restart.transport);
            self.engine.handle_command(crate::engine::command::Command::Restart(restart), now);
            let _ = restarted.send(known);
        }
        for command in mail.commands {
            self.engine.handle_command(command, now);
        }
        !mail.stop
    }

    /// Takes one batch of a socket and sends what those on stage get of it; the audience and handshakes have their own turns. Says how
    /// many there were.
    fn take_datagrams(&mut self, socket: usize) -> usize {
        let local = self.sockets[socket].local();
        let taken = self.sockets[socket].receive();
        if taken == 0 {
            return 0;
        }
        let now = clock::now();
        self.ages.batch(now);
        for index in 0..taken {
            let (remote, datagram) = self.sockets[socket].datagram(index);
            let path = Path::udp(local, remote);
            let age = match wire::classify(datagram) {
                DatagramKind::Dtls if self.engine.knows(&path) => {
                    let age = self.ages.of(self.sockets[socket].stamp(index));
                    self.handshakes.push(path, datagram, before(now, clock::ran_of(age)));
                    continue;
                }
                DatagramKind::Rtp => Some(self.ages.of(self.sockets[socket].stamp(index))),
                DatagramKind::Stun | DatagramKind::Dtls | DatagramKind::Rtcp | DatagramKind::Unknown => None,
            };
            let made = Made::by(&mut self.engine);
            // A voice is too old for an ear whatever kept it. We have kept it for as long as we ran.
            self.engine.take_datagram(path, datagram, before(now, age.unwrap_or_default()), now);
            if let Some(age) = age {
                self.residence.handled(before(now, clock::ran_of(age)), made, Made::by(&mut self.engine));
            }
            // Not later than this: the first listener must not wait for the last speaker, nor memory grow with the batch.
            if self.engine.outbox().len() >= FLUSH_AT {
                self.flush();
            }
        }
        self.flush();
        taken
    }

    /// Serves the audience with what the stage has got already, for so long as a turn may spend on it.
    fn serve_audience(&mut self) {
        let began = clock::now();
        let mut now = began;
        while now.saturating_duration_since(began) < AUDIENCE_A_TURN && self.engine.serve_audience(now) {
            self.flush();
            now = clock::now();
        }
        self.flush();
    }

    /// Handles what waits of handshakes, for so long as a turn may spend on it.
    fn shake_hands(&mut self) {
        if self.handshakes.is_empty() {
            return;
        }
        let began = clock::now();
        let mut now = began;
        while now.saturating_duration_since(began) < HANDSHAKES_A_TURN
            && let Some(waiting) = self.handshakes.pop()
        {
            self.engine.take_datagram(waiting.path, &waiting.datagram, waiting.came_at, now);
            self.flush();
            now = clock::now();
            self.counts.handshakes.record(now.saturating_duration_since(waiting.came_at));
        }
    }

    /// After a standstill of the process what waits in the kernel is heard before anyone is taken for silent.
    fn catch_up(&mut self) {
        for socket in 0..self.sockets.len() {
            for _ in 0..CATCH_UP_BATCHES {
                if self.take_datagrams(socket) == 0 {
                    break;
                }
            }
        }
    }

    /// Sends what was made, if anything was.
    fn flush(&mut self) {
        if !self.engine.outbox().is_empty() {
            self.send_outbox();
            self.sent = true;
        }
        let (_, done) = self.engine.audience_turns();
        self.residence.sent(done, clock::now, &mut self.counts.residence);
    }

    fn send_outbox(&mut self) {
        let outbox = self.engine.outbox();
        for socket in &mut self.sockets {
            let local = socket.local();
            let mut batch: Vec<(SocketAddr, &[u8])> = Vec::with_capacity(outbox.len().min(BATCH_OUT));
            for (path, datagram) in outbox.iter().filter(|(path, _)| path.local == local) {
                batch.push((path.remote, datagram));
                if batch.len() == BATCH_OUT {
                    self.counts.unsent += socket.send(&batch).dropped as u64;
                    batch.clear();
                }
            }
            self.counts.unsent += socket.send(&batch).dropped as u64;
        }
        outbox.clear();
    }

    fn deliver_events(&mut self) {
        while let Some(event) = self.engine.poll_event() {
            self.backlog.push_back(event);
        }
        while let Some(event) = self.backlog.pop_front() {
            match self.events.try_send((self.index, event)) {
                Ok(()) => {}
                Err(TrySendError::Full((_, event))) => {
                    self.backlog.push_front(event);
                    break;
                }
                // The control plane has ended; the worker is about to be told.
                Err(TrySendError::Closed(_)) => self.backlog.clear(),
            }
        }
        if self.backlog.len() > BACKLOG_MAX {
            // What is measured is measured again, what someone hears and who speaks is told anew with the next change; the fate of a
            // transport is told once.
            self.backlog.retain(|event| {
                !matches!(event, Event::Measured { .. } | Event::Speakers { .. } | Event::Slots { .. })
            });
            let excess = self.backlog.len().saturating_sub(BACKLOG_MAX);
            self.backlog.drain(..excess);
            self.counts.events_lost += excess as u64;
        }
    }

    fn count(&mut self, began: Instant) {
        let now = clock::now();
        let took = now.saturating_duration_since(began);
        self.counts.turns += 1;
        self.counts.busy += took;
        self.counts.longest_turn = self.counts.longest_turn.max(took);
        if now.saturating_duration_since(self.published_at) >= PUBLISH_EVERY {
            self.published_at = now;
            self.counts.engine.clone_from(self.engine.counters());
            self.counts.handshakes_lost = self.handshakes.lost();
            self.counts.stamps_refused = self.ages.refused();
            self.stats.publish(&self.counts);
        }
    }
}

/// An address of our own that the first socket's datagrams come by.
fn near(sockets: &[std::net::UdpSocket]) -> SocketAddr {
    let first = sockets.first().and_then(|socket| socket.local_addr().ok());
    first.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0)))
}

fn before(now: Instant, age: Duration) -> Instant {
    // A machine that has just started may have no moment so long ago.
    now.checked_sub(age).unwrap_or(now)
}

/// Keeps this thread on one core. Where the machine forbids it, it runs wherever it may.
fn pin(core: Option<usize>) {
    let Some(core) = core else {
        return;
    };
    let mut set = CpuSet::new();
    if set.set(core).and_then(|()| sched_setaffinity(Pid::from_raw(0), &set)).is_err() {
        tracing::debug!(core, "the media worker could not be pinned");
    }
}

/// Datagrams that wait to be sent, at most, besides those of one packet.
const FLUSH_AT: usize = 256;
/// Batches taken of one socket in one turn.
const BATCHES_A_TURN: usize = 4;
/// A turn spends no longer on the audience before it looks for voices again, for the stage's sake; the copies begun are finished.
const AUDIENCE_A_TURN: Duration = Duration::from_millis(5);
/// What the kernel's buffer holds, in batches.
const CATCH_UP_BATCHES: usize = 256;
/// A worker turns at least this often, so that a stalled one can be told from an idle one.
pub const HEARTBEAT: Duration = Duration::from_millis(200);
const PUBLISH_EVERY: Duration = Duration::from_millis(100);
const BACKLOG_RETRY: Duration = Duration::from_millis(1);
/// Events kept while the control plane is busy.
const BACKLOG_MAX: usize = 65_536;
