//! A line is the way from a room to one session: a bounded queue of frames, and a knife.
//!
//! A room never waits for a session. The queue is full when it holds so many frames, or so many bytes; then the session is cut off with a farewell
//! that does not pass through the queue.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Utf8Bytes;
use tokio_util::sync::CancellationToken;

use crate::{
    ids::{RequestId, SessionId},
    protocol::server,
    room::{ByeAction, Done},
    store::Ticket,
};

/// The text of a frame. Cloning shares it: the same text goes to thousands.
pub(crate) type Frame = Utf8Bytes;

/// Tells the lines of this process apart: a session has a new one after each resume.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct LineId(u64);

/// What a room hands to a session.
#[derive(Debug)]
pub(crate) enum Parcel {
    /// The join or the resume succeeded.
    Welcome(Box<Welcomed>),
    /// Write this.
    Frame(Frame),
    /// Write this as soon as what it acknowledges is on the disk.
    Reply(Box<HeldReply>),
    /// The session is over: write this, if anything, and close.
    Last(Option<Farewell>),
}

/// The last word to a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Farewell {
    pub(crate) frame: Frame,
    /// Why it ends, as the frame says it.
    pub(crate) code: &'static str,
}

impl Farewell {
    /// A `bye` with this code.
    pub(crate) fn bye(code: &'static str, action: ByeAction, retry_after: Option<Duration>) -> Self {
        Self::put_out(code, action, retry_after, None)
    }

    /// The same with what a moderator said of it.
    pub(crate) fn put_out(
        code: &'static str,
        action: ByeAction,
        retry_after: Option<Duration>,
        said: Option<&str>,
    ) -> Self {
        Self { frame: server::put_out(code, action.code(), retry_after, said).into(), code }
    }

    /// The same with words for developers.
    pub(crate) fn with_detail(self, words: &str) -> Self {
        Self { frame: server::with_text(&self.frame, "detail", words).into(), ..self }
    }
}

/// The answer to a request that was carried out, until it is known whether what it changed is on the disk.
#[derive(Debug)]
pub(crate) struct HeldReply {
    pub(crate) ticket: Ticket,
    /// The answer if it is.
    pub(crate) frame: Frame,
    /// What an answer that says it is not is made of.
    pub(crate) request: RequestId,
    pub(crate) done: Done,
}

/// What a session is told when it begins or goes on.
#[derive(Debug)]
pub(crate) struct Welcomed {
    pub(crate) session: SessionId,
    pub(crate) welcome: Frame,
    /// What it missed while it was away.
    pub(crate) missed: Option<Frame>,
    pub(crate) has_media: bool,
    pub(crate) resumed: bool,
}

/// How much may wait in a line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LineLimits {
    /// Frames.
    pub(crate) frames_max: usize,
    /// Bytes of frames; the last one may go over it.
    pub(crate) bytes_max: usize,
}

/// The room's end.
#[derive(Debug)]
pub(crate) struct Line {
    id: LineId,
    queue: mpsc::Sender<Parcel>,
    bytes_max: usize,
    waiting: Arc<AtomicUsize>,
    cut: Arc<Cut>,
}

/// The session's end.
#[derive(Debug)]
pub(crate) struct LineEnd {
    /// Which line it is.
    pub(crate) id: LineId,
    queue: mpsc::Receiver<Parcel>,
    waiting: Arc<AtomicUsize>,
    /// Tells when it was cut.
    pub(crate) cut: Arc<Cut>,
}

/// Whether a line was cut, and with which farewell.
#[derive(Debug, Default)]
pub(crate) struct Cut {
    token: CancellationToken,
    farewell: OnceLock<Farewell>,
}

impl Cut {
    /// Waits for the cut.
    pub(crate) async fn cancelled(&self) {
        self.token.cancelled().await;
    }

    /// The last word to try to say.
    pub(crate) fn farewell(&self) -> Option<Farewell> {
        self.farewell.get().cloned()
    }
}

/// The queue was full.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Full;

/// A line that holds so much.
pub(crate) fn line(limits: LineLimits) -> (Line, LineEnd) {
    let (sender, receiver) = mpsc::channel(limits.frames_max.max(LINE_FRAMES_MIN));
    let (cut, waiting) = (Arc::new(Cut::default()), Arc::new(AtomicUsize::new(0)));
    let id = LineId(LINES.fetch_add(1, Relaxed));
    let room_end =
        Line { id, queue: sender, bytes_max: limits.bytes_max, waiting: Arc::clone(&waiting), cut: Arc::clone(&cut) };
    (room_end, LineEnd { id, queue: receiver, waiting, cut })
}

impl Parcel {
    /// The bytes that count against what may wait.
    fn weight(&self) -> usize {
        match self {
            Self::Frame(frame) => frame.len(),
            Self::Reply(reply) => reply.frame.len(),
            Self::Welcome(_) | Self::Last(_) => 0,
        }
    }
}

impl LineEnd {
    /// What the room sent next; nothing if the room is gone.
    pub(crate) async fn recv(&mut self) -> Option<Parcel> {
        let parcel = self.queue.recv().await?;
        self.waiting.fetch_sub(parcel.weight(), Relaxed);
        Some(parcel)
    }
}

impl Line {
    /// Which line it is.
    pub(crate) fn id(&self) -> LineId {
        self.id
    }

    /// Hands a parcel over. A session that is gone takes everything. A welcome is bounded by itself: there is one a line.
    pub(crate) fn send(&self, parcel: Parcel) -> Result<(), Full> {
        let bytes = parcel.weight();
        if bytes > 0 && self.waiting.load(Relaxed) >= self.bytes_max {
            return if self.queue.is_closed() { Ok(()) } else { Err(Full) };
        }
        // Before it is in the queue, or the other end could take it off first.
        self.waiting.fetch_add(bytes, Relaxed);
        match self.queue.try_send(parcel) {
            Ok(()) => Ok(()),
            Err(error) => {
                self.waiting.fetch_sub(bytes, Relaxed);
                match error {
                    mpsc::error::TrySendError::Closed(_) => Ok(()),
                    mpsc::error::TrySendError::Full(_) => Err(Full),
                }
            }
        }
    }

    /// Whether passing words (levels, tallies) should wait, so that what matters still finds room.
    pub(crate) fn is_pressed(&self) -> bool {
        self.queue.capacity() < self.queue.max_capacity() / 2 || self.waiting.load(Relaxed) > self.bytes_max / 2
    }

    /// Ends the session with a farewell, through the queue if there is room and past it if not.
    pub(crate) fn end(self, farewell: Option<Farewell>) {
        if self.send(Parcel::Last(farewell.clone())) == Err(Full) {
            self.cut(farewell);
        }
    }

    /// Ends the session past its queue.
    pub(crate) fn cut(self, farewell: Option<Farewell>) {
        if let Some(farewell) = farewell {
            // Only this end sets it, and only once: it is consumed here.
            let _already = self.cut.farewell.set(farewell);
        }
        self.cut.token.cancel();
    }
}

/// A shorter queue could not even hold a welcome and what comes with it.
const LINE_FRAMES_MIN: usize = 4;

static LINES: AtomicU64 = AtomicU64::new(0);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_line_is_cut_with_its_farewell() {
        let (line, end) = line(limits(4, 1000));
        for _ in 0..4 {
            assert_eq!(line.send(Parcel::Frame("x".into())), Ok(()));
        }
        assert!(line.is_pressed());
        assert_eq!(line.send(Parcel::Frame("x".into())), Err(Full));
        let farewell = Farewell::bye("draining", ByeAction::Retry, None);
        line.end(Some(farewell.clone()));
        assert!(end.cut.token.is_cancelled());
        assert_eq!(end.cut.farewell(), Some(farewell));
    }

    #[tokio::test]
    async fn a_line_is_also_full_by_its_bytes() {
        let (line, mut end) = line(limits(100, 10));
        assert_eq!(line.send(Parcel::Frame("123456".into())), Ok(()));
        assert!(line.is_pressed());
        assert_eq!(line.send(Parcel::Frame("123456".into())), Ok(()), "the last one may go over it");
        assert_eq!(line.send(Parcel::Frame("1".into())), Err(Full));
        assert!(end.recv().await.is_some());
        assert_eq!(line.send(Parcel::Frame("1".into())), Ok(()), "what was taken off weighs no more");
    }

    #[test]
    fn a_session_that_is_gone_takes_everything() {
        let (line, end) = line(limits(4, 4));
        drop(end);
        for _ in 0..10 {
            assert_eq!(line.send(Parcel::Frame("x".into())), Ok(()));
        }
    }

    fn limits(frames_max: usize, bytes_max: usize) -> LineLimits {
        LineLimits { frames_max, bytes_max }
    }
}
