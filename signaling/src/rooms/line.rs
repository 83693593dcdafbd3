//! A line is the way from a room to one session: a bounded queue of frames, and a knife.
//!
//! A room never waits for a session. When the queue is full the session is cut off with a farewell that does not pass through the queue.

use std::sync::{Arc, OnceLock};

use axum::extract::ws::Utf8Bytes;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// The text of a frame. Cloning shares it: the same text goes to thousands.
pub(crate) type Frame = Utf8Bytes;

/// What a room hands to a session.
#[derive(Debug)]
pub(crate) enum Parcel {
    /// The join succeeded.
    Welcome(Frame),
    /// Write this.
    Frame(Frame),
    /// The session is over: write this, if anything, and close.
    Last(Option<Frame>),
}

/// The room's end.
#[derive(Debug)]
pub(crate) struct Line {
    queue: mpsc::Sender<Parcel>,
    cut: Arc<Cut>,
}

/// The session's end.
#[derive(Debug)]
pub(crate) struct LineEnd {
    /// What the room sent.
    pub(crate) queue: mpsc::Receiver<Parcel>,
    /// Tells when it was cut.
    pub(crate) cut: Arc<Cut>,
}

/// Whether a line was cut, and with which farewell.
#[derive(Debug, Default)]
pub(crate) struct Cut {
    token: CancellationToken,
    farewell: OnceLock<Frame>,
}

impl Cut {
    /// Waits for the cut.
    pub(crate) async fn cancelled(&self) {
        self.token.cancelled().await;
    }

    /// The last frame to try to write.
    pub(crate) fn farewell(&self) -> Option<Frame> {
        self.farewell.get().cloned()
    }
}

/// The queue was full.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Full;

/// A line whose queue holds `frames_max` frames.
pub(crate) fn line(frames_max: usize) -> (Line, LineEnd) {
    let (sender, receiver) = mpsc::channel(frames_max.max(LINE_FRAMES_MIN));
    let cut = Arc::new(Cut::default());
    (Line { queue: sender, cut: Arc::clone(&cut) }, LineEnd { queue: receiver, cut })
}

impl Line {
    /// Hands a parcel over. A session that is gone takes everything.
    pub(crate) fn send(&self, parcel: Parcel) -> Result<(), Full> {
        match self.queue.try_send(parcel) {
            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => Ok(()),
            Err(mpsc::error::TrySendError::Full(_)) => Err(Full),
        }
    }

    /// Whether passing words (levels, tallies) should wait, so that what matters still finds room.
    pub(crate) fn is_pressed(&self) -> bool {
        self.queue.capacity() < self.queue.max_capacity() / 2
    }

    /// Ends the session with a farewell, through the queue if there is room and past it if not.
    pub(crate) fn end(self, farewell: Option<Frame>) {
        if self.send(Parcel::Last(farewell.clone())) == Err(Full) {
            self.cut(farewell);
        }
    }

    /// Ends the session past its queue.
    pub(crate) fn cut(self, farewell: Option<Frame>) {
        if let Some(farewell) = farewell {
            // Only this end sets it, and only once: it is consumed here.
            let _already = self.cut.farewell.set(farewell);
        }
        self.cut.token.cancel();
    }
}

/// A shorter queue could not even hold a welcome and what comes with it.
const LINE_FRAMES_MIN: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_line_is_cut_with_its_farewell() {
        let (line, end) = line(4);
        for _ in 0..4 {
            assert_eq!(line.send(Parcel::Frame("x".into())), Ok(()));
        }
        assert!(line.is_pressed());
        assert_eq!(line.send(Parcel::Frame("x".into())), Err(Full));
        line.end(Some("bye".into()));
        assert!(end.cut.token.is_cancelled());
        assert_eq!(end.cut.farewell().as_deref(), Some("bye"));
    }

    #[test]
    fn a_session_that_is_gone_takes_everything() {
        let (line, end) = line(4);
        drop(end);
        for _ in 0..10 {
            assert_eq!(line.send(Parcel::Frame("x".into())), Ok(()));
        }
    }
}
