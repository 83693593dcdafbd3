//! Progress: how far a connection is with its request, and how long that may take.
//!
//!   Waiting ──first byte──► Head ──end of the head──► Body ──whole──► Answering ──answered──► Waiting
//!
//! A connection that becomes a WebSocket is `Upgraded` and has no more times of ours.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use podium_signaling::limit::ClientAddress;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::{Notify, OwnedSemaphorePermit};
use tokio_util::sync::CancellationToken;

use super::connections::{Connections, Wait};
use super::heads::Heads;
use crate::runtime::clock;

/// The progress of one connection, shared by its socket and its task.
#[derive(Debug)]
pub(super) struct Progress {
    connections: Arc<Connections>,
    state: Mutex<State>,
    is_upgraded: AtomicBool,
    /// Rings when there is less time than there was.
    sooner: Notify,
}

#[derive(Debug)]
struct State {
    phase: Phase,
    since: Instant,
    heads: Heads,
    /// Requests that were begun.
    requests: u64,
    wait: Wait,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Waiting,
    Head,
    Body,
    Answering,
}

impl Phase {
    /// How long it may last.
    fn time_max(self) -> Duration {
        match self {
            Self::Waiting => WAITING_TIME_MAX,
            Self::Head => HEAD_TIME_MAX,
            Self::Body => BODY_TIME_MAX,
            Self::Answering => ANSWER_TIME_MAX,
        }
    }
}

impl Progress {
    /// A connection that was taken now. Its first head is awaited.
    pub(super) fn new(connections: Arc<Connections>, address: ClientAddress) -> Self {
        let mut wait = Wait::new(address);
        connections.begin(&mut wait);
        let state = State { phase: Phase::Head, since: clock::now(), heads: Heads::new(), requests: 0, wait };
        Self { connections, state: Mutex::new(state), is_upgraded: AtomicBool::new(false), sooner: Notify::new() }
    }

    /// Set when the connection has to give way.
    pub(super) fn gives_way(&self) -> CancellationToken {
        self.lock().wait.gives_way.clone()
    }

    /// A request's head was parsed. Returns false if the length of its body is ambiguous.
    pub(super) fn begin_request(&self) -> bool {
        let mut state = self.lock();
        let number = state.requests;
        state.requests += 1;
        let is_whole = state.heads.is_between();
        state.enter(if is_whole { Phase::Answering } else { Phase::Body });
        if is_whole {
            self.connections.end(&mut state.wait);
        }
        !state.heads.is_ambiguous(number)
    }

    /// A request was answered.
    pub(super) fn end_request(&self) {
        let mut state = self.lock();
        state.enter(Phase::Waiting);
        self.connections.begin(&mut state.wait);
    }

    /// The connection is a WebSocket from now on.
    pub(super) fn upgraded(&self) {
        self.is_upgraded.store(true, Relaxed);
        let mut state = self.lock();
        self.connections.end(&mut state.wait);
    }

    /// Waits until the present phase has taken too long.
    pub(super) async fn overdue(&self) {
        loop {
            let due_at = self.due_at();
            if due_at <= clock::now() {
                return;
            }
            tokio::select! {
                () = clock::sleep_until(due_at) => {}
                () = self.sooner.notified() => {}
            }
        }
    }

    fn due_at(&self) -> Instant {
        let state = self.lock();
        state.since + state.phase.time_max()
    }

    fn read(&self, bytes: &[u8]) {
        let mut state = self.lock();
        state.heads.take(bytes);
        match state.phase {
            Phase::Waiting => {
                state.enter(Phase::Head);
                self.sooner.notify_one();
            }
            Phase::Body if state.heads.is_between() => {
                state.enter(Phase::Answering);
                self.connections.end(&mut state.wait);
            }
            Phase::Head | Phase::Body | Phase::Answering => {}
        }
    }

    /// A long answer is on its way: as long as it goes on, the connection is not idle.
    fn written(&self) {
        let mut state = self.lock();
        if state.phase == Phase::Waiting {
            state.since = clock::now();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn enter(&mut self, phase: Phase) {
        (self.phase, self.since) = (phase, clock::now());
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        self.connections.end(&mut state.wait);
    }
}

/// A socket that notes its progress. It has a place until it is closed, also as a WebSocket.
#[derive(Debug)]
pub(super) struct NotedStream {
    pub(super) stream: TcpStream,
    pub(super) progress: Arc<Progress>,
    pub(super) _place: OwnedSemaphorePermit,
}

impl AsyncRead for NotedStream {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = into.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(context, into);
        let bytes = &into.filled()[before..];
        if !bytes.is_empty() && !this.progress.is_upgraded.load(Relaxed) {
            this.progress.read(bytes);
        }
        read
    }
}

impl AsyncWrite for NotedStream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write(context, bytes);
        this.note_written(written)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write_vectored(context, parts);
        this.note_written(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

impl NotedStream {
    fn note_written(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if matches!(written, Poll::Ready(Ok(_))) && !self.progress.is_upgraded.load(Relaxed) {
            self.progress.written();
        }
        written
    }
}

/// From the first byte of a head to its end. Of a new connection, from its beginning.
pub(super) const HEAD_TIME_MAX: Duration = Duration::from_secs(5);
/// From the end of a head to the end of the body.
const BODY_TIME_MAX: Duration = Duration::from_secs(20);
/// From the end of a request to the answer.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(60);
/// Between two requests. Balancers keep their connections for 60 s, and must be the ones to close them.
pub(super) const WAITING_TIME_MAX: Duration = Duration::from_secs(75);
