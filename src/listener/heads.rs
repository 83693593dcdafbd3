//! Heads: where the requests of a connection begin and end, found in its bytes as they pass.
//!
//! The parser of requests drops `Content-Length` silently where `Transfer-Encoding` stands beside it (RFC 9112 section 6.3). Here such a request is
//! noted, so that it can be refused: the two are how one request is smuggled into another. It also tells whether a request has come whole.
//!
//! Pure. It keeps a few bytes of the present line and knows the names of two fields; all else is left to the parser.

/// The requests of one connection so far.
#[derive(Debug)]
pub(super) struct Heads {
    state: State,
    /// The beginning of the present line, without its end, in lower case.
    line: [u8; LINE_BYTES_MAX],
    len: usize,
    length: Option<u64>,
    is_chunked: bool,
    /// Heads that have ended.
    ended: u64,
    /// The first request whose body has two lengths, counted from 0.
    ambiguous: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Before the request line.
    Start,
    Fields,
    /// So many bytes of a body are to come.
    Body(u64),
    ChunkSize,
    Trailers,
    /// It is no HTTP; the parser ends it.
    Unknown,
}

impl Heads {
    /// Nothing has come yet.
    pub(super) fn new() -> Self {
        Self {
            state: State::Start,
            line: [0; LINE_BYTES_MAX],
            len: 0,
            length: None,
            is_chunked: false,
            ended: 0,
            ambiguous: None,
        }
    }

    /// Takes in what was read.
    pub(super) fn take(&mut self, mut bytes: &[u8]) {
        while let Some((&first, rest)) = bytes.split_first() {
            match self.state {
                State::Unknown => return,
                State::Body(left) => {
                    let passed = bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                    bytes = &bytes[passed..];
                    let left = left - passed as u64;
                    let after = if self.is_chunked { State::ChunkSize } else { State::Start };
                    self.state = if left == 0 { after } else { State::Body(left) };
                }
                State::Start | State::Fields | State::ChunkSize | State::Trailers => {
                    bytes = rest;
                    if first == b'\n' {
                        self.end_line();
                        self.len = 0;
                    } else if first != b'\r' && self.len < LINE_BYTES_MAX {
                        self.line[self.len] = first.to_ascii_lowercase();
                        self.len += 1;
                    }
                }
            }
        }
    }

    /// Returns whether a request of this number, counted from 0, has two lengths.
    pub(super) fn is_ambiguous(&self, number: u64) -> bool {
        self.ambiguous == Some(number)
    }

    /// Returns whether nothing of a request is still to come.
    pub(super) fn is_between(&self) -> bool {
        self.state == State::Start && self.len == 0
    }

    fn end_line(&mut self) {
        let line = &self.line[..self.len];
        match (self.state, line.is_empty()) {
            // Empty lines before a request are skipped (RFC 9112 section 2.2).
            (State::Start, true) => {}
            (State::Start, false) => {
                (self.length, self.is_chunked, self.state) = (None, false, State::Fields);
            }
            (State::Fields, true) => self.end_head(),
            (State::Fields, false) => {
                if let Some(value) = line.strip_prefix(b"content-length:") {
                    self.length = Some(number(value, 10).unwrap_or(0));
                } else if line.starts_with(b"transfer-encoding:") {
                    self.is_chunked = true;
                }
            }
            (State::ChunkSize, _) => {
                let size = line.split(|byte| *byte == b';').next().and_then(|size| number(size, 16));
                self.state = match size {
                    Some(0) => State::Trailers,
                    // With the end of the line behind it.
                    Some(size) => State::Body(size.saturating_add(2)),
                    None => State::Unknown,
                };
            }
            (State::Trailers, true) => self.state = State::Start,
            (State::Trailers, false) | (State::Body(_) | State::Unknown, _) => {}
        }
    }

    fn end_head(&mut self) {
        if self.is_chunked && self.length.is_some() {
            self.ambiguous.get_or_insert(self.ended);
        }
        self.ended += 1;
        self.state = match self.length {
            _ if self.is_chunked => State::ChunkSize,
            None | Some(0) => State::Start,
            Some(length) => State::Body(length),
        };
    }
}

fn number(text: &[u8], radix: u32) -> Option<u64> {
    u64::from_str_radix(std::str::from_utf8(text).ok()?.trim(), radix).ok()
}

/// Enough for `content-length` and the largest number, with some blanks.
const LINE_BYTES_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn two_lengths_are_found_in_either_order_and_in_any_request() {
        let plain = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
        let body = "POST / HTTP/1.1\r\nContent-Length: 7\r\n\r\n\r\n\r\nabc";
        let chunked = "POST / HTTP/1.1\r\nTRANSFER-encoding: chunked\r\n\r\n5;x=y\r\n\r\n\r\n1\r\n0\r\nA: b\r\n\r\n";
        let first = "POST / HTTP/1.1\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
        let second = "POST / HTTP/1.1\r\ntransfer-encoding:chunked\r\ncontent-length:  4\r\n\r\n0\r\n\r\n";
        for ambiguous in [first, second] {
            for before in [vec![], vec![plain], vec![body, plain], vec![chunked, body, chunked]] {
                let heads = read(&[before.concat(), ambiguous.to_owned(), plain.to_owned()].concat());
                let number = before.len() as u64;
                assert!(heads.is_ambiguous(number) && !heads.is_ambiguous(number + 1), "{before:?}");
                assert!(heads.is_between());
                assert_eq!(heads.ended, number + 2);
            }
        }
        assert_eq!(read(&[plain, body, chunked].concat()).ambiguous, None);
        let other = "GET / HTTP/1.1\r\nX: y\r\nX-Content-Length: 3\r\nNot-Transfer-Encoding: chunked\r\n\r\n";
        assert_eq!((read(other).ambiguous, read(other).is_between()), (None, true));
    }

    #[test]
    fn a_request_is_whole_when_its_body_has_come() {
        for (bytes, is_whole) in [
            ("", true),
            ("\r\n", true),
            ("G", false),
            ("GET / HTTP/1.1\r\n", false),
            ("GET / HTTP/1.1\r\nA: b\r\n\r\n", true),
            ("POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n", false),
            ("POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\na", false),
            ("POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\nab", true),
            ("POST / HTTP/1.1\r\nContent-Length: 2\n\nab", true),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n", false),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n", true),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", false),
        ] {
            assert_eq!(read(bytes).is_between(), is_whole, "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn it_does_not_matter_how_the_bytes_are_cut(
            bytes in "(GET /|POST /|Content-Length: |Transfer-Encoding: chunked|[0-9]|\r\n|\n|x){0,60}",
            cut in 0usize..200,
        ) {
            let whole = read(&bytes);
            let mut heads = Heads::new();
            let (one, two) = bytes.as_bytes().split_at(cut.min(bytes.len()));
            heads.take(one);
            heads.take(two);
            prop_assert_eq!((heads.state, heads.ended, heads.ambiguous), (whole.state, whole.ended, whole.ambiguous));
        }
    }

    fn read(bytes: &str) -> Heads {
        let mut heads = Heads::new();
        heads.take(bytes.as_bytes());
        heads
    }
}
