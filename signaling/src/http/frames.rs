//! Frames: a wrapper around a socket that looks at the headers of the WebSocket frames that pass, before they are put together.
//!
//! The reader of messages never sees the parts of one, nor the control frames between them. So an endless message of empty parts, or a flood of
//! pings, would cost it all its time. This counts them (RFC 6455 section 5.2), and fails the reading when there are too many or a message takes too
//! long. It keeps a few numbers and no bytes of a payload.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::{
    clock,
    limit::{Excused, TokenBucket},
};

/// A socket whose incoming frames are counted.
pub(super) struct CountedFrames<S> {
    socket: S,
    incoming: Incoming,
}

/// Why no more is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum FrameFault {
    #[error("a message has too many parts")]
    TooManyParts,
    #[error("a message takes too long")]
    TooSlow,
    #[error("too many control frames")]
    ControlFlood,
    #[error("too many parts of messages")]
    PartFlood,
}

/// The state of the frames that come in.
#[derive(Debug)]
struct Incoming {
    header: Header,
    payload_left: u64,
    /// Parts of the message that is not complete yet; 0 if there is none.
    parts: u32,
    /// When something began that is not complete yet.
    since: Option<Instant>,
    control: TokenBucket,
    more_parts: TokenBucket,
    excused: Excused,
    fault: Option<FrameFault>,
}

/// As much of a header as has come.
#[derive(Debug, Default)]
struct Header {
    bytes: [u8; HEADER_BYTES_MAX],
    len: usize,
}

impl<S> CountedFrames<S> {
    pub(super) fn new(socket: S, now: Instant) -> Self {
        Self { socket, incoming: Incoming::new(now) }
    }

    /// Why no more is read, if so.
    pub(super) fn fault(&self) -> Option<FrameFault> {
        self.incoming.fault
    }

    /// When the message that is not complete has taken too long. Reading finds out then.
    pub(super) fn due_at(&self) -> Option<Instant> {
        self.incoming.since.map(|since| since + MESSAGE_TIME_MAX)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for CountedFrames<S> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Self { socket, incoming } = self.get_mut();
        if let Some(fault) = incoming.fault {
            return Poll::Ready(Err(io::Error::other(fault)));
        }
        let before = into.filled().len();
        let read = match Pin::new(socket).poll_read(context, into) {
            // Only now is everything read that had come in time.
            Poll::Pending => incoming.judge_time(clock::now()).map_or(Poll::Pending, Poll::Ready),
            Poll::Ready(Ok(())) => {
                incoming.excuse(clock::stood_still());
                Poll::Ready(incoming.take(&into.filled()[before..], clock::now()))
            }
            Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
        };
        Poll::Ready(ready!(read).map_err(|fault| {
            incoming.fault = Some(fault);
            io::Error::other(fault)
        }))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for CountedFrames<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().socket).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_shutdown(context)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().socket).poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }
}

impl Incoming {
    fn new(now: Instant) -> Self {
        Self {
            header: Header::default(),
            payload_left: 0,
            parts: 0,
            since: None,
            control: TokenBucket::new(CONTROL_PER_SECOND, CONTROL_BURST, now),
            more_parts: TokenBucket::new(PARTS_PER_SECOND, PARTS_BURST, now),
            excused: Excused::all(clock::stood_still()),
            fault: None,
        }
    }

    /// Excuses a standstill of the process: all that was sent meanwhile comes at once, and is no flood. `stood_still` is all standstills so far.
    fn excuse(&mut self, stood_still: Duration) {
        if let Some(more) = self.excused.take(stood_still) {
            self.control.excuse(more);
            self.more_parts.excuse(more);
        }
    }

    /// Takes in what was read.
    fn take(&mut self, mut bytes: &[u8], now: Instant) -> Result<(), FrameFault> {
        while let Some((&first, rest)) = bytes.split_first() {
            if self.payload_left > 0 {
                let passed = bytes.len().min(usize::try_from(self.payload_left).unwrap_or(usize::MAX));
                self.payload_left -= passed as u64;
                bytes = &bytes[passed..];
                self.settle();
                continue;
            }
            self.since.get_or_insert(now);
            bytes = rest;
            if let Some(payload_len) = self.header.push(first) {
                self.payload_left = payload_len;
                self.count(now)?;
                self.settle();
            }
        }
        Ok(())
    }

    /// Counts the frame whose header is complete.
    fn count(&mut self, now: Instant) -> Result<(), FrameFault> {
        if self.header.is_control() {
            return self.control.take(now).map_err(|_| FrameFault::ControlFlood);
        }
        self.parts += 1;
        if self.parts > PARTS_MAX {
            return Err(FrameFault::TooManyParts);
        }
        if self.parts > 1 {
            self.more_parts.take(now).map_err(|_| FrameFault::PartFlood)?;
        }
        Ok(())
    }

    /// Notes the end of a frame, if its payload has come.
    fn settle(&mut self) {
        if self.payload_left > 0 || !self.header.is_complete() {
            return;
        }
        if self.header.is_final() && !self.header.is_control() {
            self.parts = 0;
        }
        if self.parts == 0 {
            self.since = None;
        }
        self.header.len = 0;
    }

    /// Whether what is not complete has taken too long.
    fn judge_time(&self, now: Instant) -> Option<Result<(), FrameFault>> {
        let is_late = self.since.is_some_and(|since| now.saturating_duration_since(since) >= MESSAGE_TIME_MAX);
        is_late.then_some(Err(FrameFault::TooSlow))
    }
}

impl Header {
    /// Takes in a byte. Returns the payload's length when the header is complete.
    fn push(&mut self, byte: u8) -> Option<u64> {
        self.bytes[self.len] = byte;
        self.len += 1;
        self.is_complete().then(|| match self.bytes[1] & 0x7f {
            126 => u64::from(u16::from_be_bytes([self.bytes[2], self.bytes[3]])),
            127 => u64::from_be_bytes(self.bytes[2..10].try_into().expect("eight bytes are eight bytes")),
            len => u64::from(len),
        })
    }

    fn is_complete(&self) -> bool {
        self.len >= 2 && self.len == self.len_wanted()
    }

    fn len_wanted(&self) -> usize {
        let extended = match self.bytes[1] & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        2 + extended + if self.bytes[1] & 0x80 == 0 { 0 } else { 4 }
    }

    fn is_final(&self) -> bool {
        self.bytes[0] & 0x80 != 0
    }

    fn is_control(&self) -> bool {
        self.bytes[0] & 0x08 != 0
    }
}

/// The first two bytes, eight of a length, four of a mask.
const HEADER_BYTES_MAX: usize = 14;

/// Parts of one message.
const PARTS_MAX: u32 = 128;
/// A message must be complete within this time of its first byte.
const MESSAGE_TIME_MAX: Duration = Duration::from_secs(10);

/// Pings, pongs and closes. A client answers a ping of ours each five seconds.
const CONTROL_PER_SECOND: u32 = 20;
const CONTROL_BURST: u32 = 60;

/// Parts of messages beyond the first of each.
const PARTS_PER_SECOND: u32 = 256;
const PARTS_BURST: u32 = 512;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_message_has_so_many_parts() {
        let (mut incoming, now) = begun();
        for _ in 0..3 {
            let mut parts = frame(0x01, b"a");
            (2..PARTS_MAX).for_each(|_| parts.extend(frame(0x00, b"")));
            parts.extend(frame(0x80, b"b"));
            assert_eq!(incoming.take(&parts, now), Ok(()));
            assert_eq!((incoming.parts, incoming.since), (0, None));
        }
        let (mut incoming, _) = begun();
        let endless: Vec<_> = std::iter::once(frame(0x01, b"")).chain(vec![frame(0x00, b""); 1_000]).collect();
        let mut taken = 0;
        let fault = endless.iter().find_map(|part| {
            taken += 1;
            incoming.take(part, now).err()
        });
        assert_eq!((fault, taken), (Some(FrameFault::TooManyParts), 129));
    }

    #[test]
    fn parts_are_charged_over_many_messages() {
        let (mut incoming, start) = begun();
        let message = [frame(0x01, b"x"), frame(0x00, b"y").repeat(100), frame(0x80, b"")].concat();
        let mut taken = 0;
        let fault = (0..1_000).find_map(|_| {
            taken += 1;
            incoming.take(&message, start).err()
        });
        assert_eq!((fault, taken), (Some(FrameFault::PartFlood), 6));
    }

    #[test]
    fn control_frames_are_charged_and_what_a_client_sends_is_not_much() {
        for opcode in [0x88, 0x89, 0x8a] {
            let (mut incoming, now) = begun();
            let taken = (0..1_000).take_while(|_| incoming.take(&frame(opcode, b"hello"), now).is_ok()).count();
            assert_eq!(taken, CONTROL_BURST as usize);
        }
        let (mut incoming, start) = begun();
        for second in 0..1_000 {
            let now = start + Duration::from_secs(second);
            assert_eq!(incoming.take(&frame(0x8a, b"").repeat(10), now), Ok(()));
        }
    }

    #[test]
    fn a_control_frame_between_two_parts_ends_no_message() {
        let (mut incoming, start) = begun();
        let late = start + MESSAGE_TIME_MAX;
        assert_eq!(incoming.take(&frame(0x01, b"a"), start), Ok(()));
        assert_eq!(incoming.take(&frame(0x89, b"ping"), start + Duration::from_secs(9)), Ok(()));
        assert_eq!((incoming.parts, incoming.since), (1, Some(start)));
        assert_eq!(incoming.judge_time(late - Duration::from_millis(1)), None);
        assert_eq!(incoming.judge_time(late), Some(Err(FrameFault::TooSlow)));
        assert_eq!(incoming.take(&frame(0x80, b"b"), late), Ok(()), "what had come before anybody looked is in time");
        assert_eq!(incoming.judge_time(late), None);
    }

    #[test]
    fn whatever_is_begun_must_end_in_time() {
        for begun_with in [&[0x81][..], &[0x81, 0xfe, 1], &frame(0x81, b"hello")[..7], &[0x89, 0x85, 1, 2, 3, 4, 9]] {
            let (mut incoming, start) = begun();
            assert_eq!(incoming.take(begun_with, start), Ok(()));
            assert!(incoming.judge_time(start + MESSAGE_TIME_MAX).is_some(), "{begun_with:x?}");
        }
        let (mut incoming, start) = begun();
        assert_eq!(incoming.take(&frame(0x81, b"hello"), start), Ok(()));
        assert_eq!(incoming.judge_time(start + MESSAGE_TIME_MAX), None, "silence is no message");
    }

    proptest! {
        #[test]
        fn headers_are_found_however_the_bytes_are_cut(
            lens in proptest::collection::vec(prop_oneof![0usize..130, 60_000usize..70_000], 1..12),
            cuts in proptest::collection::vec(1usize..5_000, 1..20),
        ) {
            let (mut incoming, now) = begun();
            let bytes: Vec<u8> = lens.iter().flat_map(|len| frame(0x81, &vec![0x89; *len])).collect();
            let (mut rest, mut cuts) = (&bytes[..], cuts.iter().cycle());
            while !rest.is_empty() {
                let (now_read, later) = rest.split_at(rest.len().min(*cuts.next().unwrap_or(&1)));
                prop_assert_eq!(incoming.take(now_read, now), Ok(()));
                rest = later;
            }
            prop_assert_eq!((incoming.parts, incoming.since, incoming.header.len), (0, None, 0));
            prop_assert!(incoming.control.is_full(now), "no payload was taken for a ping");
        }

        #[test]
        fn nothing_that_comes_stops_the_counting(bytes in proptest::collection::vec(any::<u8>(), 0..4_000)) {
            let (mut incoming, now) = begun();
            let _fault = incoming.take(&bytes, now);
        }
    }

    fn begun() -> (Incoming, Instant) {
        let now = clock::now();
        (Incoming::new(now), now)
    }

    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![first];
        match payload.len() {
            len @ 0..126 => frame.push(0x80 | u8::try_from(len).unwrap_or(0)),
            len @ 126..65_536 => {
                frame.push(0x80 | 126);
                frame.extend(u16::try_from(len).unwrap_or(0).to_be_bytes());
            }
            len => {
                frame.push(0x80 | 127);
                frame.extend((len as u64).to_be_bytes());
            }
        }
        frame.extend([0; 4]);
        frame.extend(payload);
        frame
    }
}
