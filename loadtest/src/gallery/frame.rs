//! A frame is one WebSocket message as bytes (RFC 6455), as far as a console needs it: whole messages, no extensions.
//!
//! Pure: bytes in, bytes out. It knows nothing of what the text says.

/// One frame of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Frame<'a> {
    /// A message.
    Text(&'a [u8]),
    /// Wants a pong with the same bytes.
    Ping(&'a [u8]),
    /// Answers a ping.
    Pong,
    /// The server closes, with a code if it says one.
    Close(Option<u16>),
}

/// Why a server's bytes are no frame that a console understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FrameError {
    /// Only clients mask.
    #[error("the server masked a frame")]
    Masked,
    /// Podium's frames come in one piece.
    #[error("a message came in pieces")]
    Fragmented,
    /// Binary, a continuation, or a code that means nothing.
    #[error("a frame has opcode {0}")]
    Opcode(u8),
    /// No frame of Podium's is as long.
    #[error("a frame has {0} bytes")]
    TooLong(u64),
}

/// Reads the first frame of what has come so far, and how many bytes it took; `None` if it is not all there.
pub(crate) fn read(bytes: &[u8]) -> Result<Option<(Frame<'_>, usize)>, FrameError> {
    let &[first, second, ref rest @ ..] = bytes else {
        return Ok(None);
    };
    if second & MASKED != 0 {
        return Err(FrameError::Masked);
    }
    if first & FINAL == 0 {
        return Err(FrameError::Fragmented);
    }
    let (length, head) = match (second, rest) {
        (LENGTH_IN_TWO, &[a, b, ..]) => (u64::from(u16::from_be_bytes([a, b])), 4),
        (LENGTH_IN_EIGHT, &[a, b, c, d, e, f, g, h, ..]) => (u64::from_be_bytes([a, b, c, d, e, f, g, h]), 10),
        (LENGTH_IN_TWO | LENGTH_IN_EIGHT, _) => return Ok(None),
        (length, _) => (u64::from(length), 2),
    };
    let payload_bytes =
        usize::try_from(length).ok().filter(|&bytes| bytes <= PAYLOAD_MAX).ok_or(FrameError::TooLong(length))?;
    let Some(payload) = bytes.get(head..head + payload_bytes) else {
        return Ok(None);
    };
    let frame = match first & OPCODE {
        TEXT => Frame::Text(payload),
        PING => Frame::Ping(payload),
        PONG => Frame::Pong,
        CLOSE => Frame::Close(payload.first_chunk().map(|&code| u16::from_be_bytes(code))),
        other => return Err(FrameError::Opcode(other)),
    };
    Ok(Some((frame, head + payload_bytes)))
}

/// Appends a client's text message.
pub(crate) fn write_text(into: &mut Vec<u8>, text: &str) {
    write(into, TEXT, text.as_bytes());
}

/// Appends the answer to a ping.
pub(crate) fn write_pong(into: &mut Vec<u8>, payload: &[u8]) {
    write(into, PONG, payload);
}

fn write(into: &mut Vec<u8>, opcode: u8, payload: &[u8]) {
    into.push(FINAL | opcode);
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(length), _) if length < LENGTH_IN_TWO => into.push(MASKED | length),
        (_, Ok(length)) => {
            into.push(MASKED | LENGTH_IN_TWO);
            into.extend(length.to_be_bytes());
        }
        (_, Err(_)) => {
            into.push(MASKED | LENGTH_IN_EIGHT);
            into.extend((payload.len() as u64).to_be_bytes());
        }
    }
    into.extend(MASK);
    into.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
}

/// The longest payload that is taken: a snapshot of the largest room is far below.
pub(crate) const PAYLOAD_MAX: usize = 4 << 20;

const FINAL: u8 = 0x80;
const OPCODE: u8 = 0x0f;
const TEXT: u8 = 1;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;
const MASKED: u8 = 0x80;
const LENGTH_IN_TWO: u8 = 126;
const LENGTH_IN_EIGHT: u8 = 127;
/// Always the same: a mask protects proxies from a script's bytes, and there is neither here.
const MASK: [u8; 4] = [0x5a, 0xc3, 0x96, 0x0f];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn frames_are_read_one_after_the_other() {
        let bytes = [&[0x81, 2][..], b"hi", &[0x89, 1, 7], &[0x8a, 0], &[0x88, 2, 0x03, 0xe8], &[0x88, 0]].concat();
        let mut rest = &bytes[..];
        let mut frames = Vec::new();
        while let Some((frame, used)) = read(rest).unwrap() {
            frames.push(frame);
            rest = &rest[used..];
        }
        let expected =
            [Frame::Text(b"hi"), Frame::Ping(&[7]), Frame::Pong, Frame::Close(Some(1000)), Frame::Close(None)];
        assert_eq!(frames, expected);
        assert!(rest.is_empty());
    }

    #[test]
    fn what_podium_never_sends_is_told() {
        assert_eq!(read(&[0x81, 0x80]), Err(FrameError::Masked));
        assert_eq!(read(&[0x01, 0]), Err(FrameError::Fragmented));
        assert_eq!(read(&[0x82, 0]), Err(FrameError::Opcode(2)));
        let long = [&[0x81, 127][..], &(PAYLOAD_MAX as u64 + 1).to_be_bytes()].concat();
        assert_eq!(read(&long), Err(FrameError::TooLong(PAYLOAD_MAX as u64 + 1)));
    }

    #[test]
    fn a_short_text_is_masked() {
        let mut bytes = Vec::new();
        write_text(&mut bytes, "{}");
        assert_eq!(bytes, [0x81, 0x82, 0x5a, 0xc3, 0x96, 0x0f, b'{' ^ 0x5a, b'}' ^ 0xc3]);
    }

    proptest! {
        #[test]
        fn what_was_written_is_read_again_once_it_is_unmasked(text in "[a-z]{0,70000}") {
            let mut bytes = Vec::new();
            write_text(&mut bytes, &text);
            let unmasked = unmask(&bytes);
            prop_assert_eq!(read(&unmasked).unwrap(), Some((Frame::Text(text.as_bytes()), unmasked.len())));
            prop_assert_eq!(read(&unmasked[..unmasked.len() - 1]).unwrap(), None);
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = read(&bytes);
        }
    }

    /// The same frame as a server would send it.
    fn unmask(bytes: &[u8]) -> Vec<u8> {
        let head = match bytes[1] & !MASKED {
            LENGTH_IN_TWO => 4,
            LENGTH_IN_EIGHT => 10,
            _ => 2,
        };
        let mut plain = bytes[..head].to_vec();
        plain[1] &= !MASKED;
        plain.extend(bytes[head + 4..].iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        plain
    }
}
