//! A console is a participant without media: one WebSocket in a room.
//!
//!   Connecting ──connected──► Upgrading ──101──► Joining ──welcome──► Joined ──leave──► Leaving ──► gone

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::frame::{self, Frame};
use super::word::{self, Word};
use super::{Happening, NoEntry, Tally};
use crate::clock;

/// One WebSocket.
pub(super) struct Console {
    pub(super) stream: TcpStream,
    step: Step,
    /// What could not be written yet.
    unsent: Vec<u8>,
    /// The beginning of a frame whose end has not come.
    unread: Vec<u8>,
    /// When it was due to connect.
    opened_at: Instant,
    upgraded_after: Duration,
    /// When the join was sent, or the request for the upgrade, while there is none.
    joined_at: Instant,
    /// The frame that joins, until it is sent.
    join: String,
    /// Whether the welcome's answer is wanted.
    has_offer: bool,
    /// Requests that are not answered, the one for the upgrade included.
    pub(super) awaited: u32,
}

enum Step {
    /// Holds the request that asks for the upgrade.
    Connecting(Vec<u8>),
    Upgrading,
    Joining,
    Joined,
    Leaving,
}

/// Why a console is no longer there.
pub(super) enum Gone {
    /// It was to leave.
    Left,
    /// An error.
    Lost(String),
    /// The server did not let it in.
    Refused(NoEntry),
}

impl Console {
    /// One that asks for the upgrade as soon as it is connected, and then joins with `offer`, if there is one.
    pub(super) fn new(stream: TcpStream, upgrade: Vec<u8>, offer: Option<&str>, opened_at: Instant) -> Self {
        Self {
            stream,
            step: Step::Connecting(upgrade),
            unsent: Vec::new(),
            unread: Vec::new(),
            opened_at,
            upgraded_after: Duration::ZERO,
            joined_at: opened_at,
            join: offer.map_or_else(|| JOIN.to_owned(), join_with),
            has_offer: offer.is_some(),
            awaited: 1,
        }
    }

    /// Whether it waits for the socket to take more.
    pub(super) fn wants_to_write(&self) -> bool {
        matches!(self.step, Step::Connecting(_)) || !self.unsent.is_empty()
    }

    pub(super) fn is_joined(&self) -> bool {
        matches!(self.step, Step::Joined)
    }

    /// Sends a command.
    pub(super) fn say(&mut self, text: &str) -> Result<(), Gone> {
        self.awaited += 1;
        frame::write_text(&mut self.unsent, text);
        self.write()
    }

    /// Sends `leave`; the server closes.
    pub(super) fn leave(&mut self, text: &str) -> Result<(), Gone> {
        self.step = Step::Leaving;
        self.say(text)
    }

    /// The socket takes bytes.
    pub(super) fn write(&mut self) -> Result<(), Gone> {
        if let Step::Connecting(upgrade) = &mut self.step {
            let upgrade = std::mem::take(upgrade);
            match self.stream.take_error() {
                Ok(None) => {}
                Ok(Some(error)) | Err(error) => return Err(self.gone(&error)),
            }
            self.step = Step::Upgrading;
            self.joined_at = clock::now();
            self.unsent.extend(upgrade);
        }
        while !self.unsent.is_empty() {
            match self.stream.write(&self.unsent) {
                Ok(written) => drop(self.unsent.drain(..written)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(self.gone(&error)),
            }
        }
        Ok(())
    }

    /// The socket has bytes. `scratch` lends the space they are read into.
    pub(super) fn read(
        &mut self,
        number: usize,
        scratch: &mut [u8],
        tally: &mut Tally,
        happened: &mut Vec<Happening>,
    ) -> Result<(), Gone> {
        let got = match self.stream.read(scratch) {
            Ok(0) => return Err(self.closed("the server closed")),
            Ok(got) => got,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(self.gone(&error)),
        };
        tally.bytes += got as u64;
        if self.unread.is_empty() {
            let used = self.hear(number, &scratch[..got], tally, happened)?;
            self.unread.extend_from_slice(&scratch[used..got]);
        } else {
            let mut unread = std::mem::take(&mut self.unread);
            unread.extend_from_slice(&scratch[..got]);
            let used = self.hear(number, &unread, tally, happened)?;
            unread.drain(..used);
            self.unread = unread;
        }
        Ok(())
    }

    /// Understands all that is complete, and says how many bytes that was.
    fn hear(
        &mut self,
        number: usize,
        bytes: &[u8],
        tally: &mut Tally,
        happened: &mut Vec<Happening>,
    ) -> Result<usize, Gone> {
        let mut used = 0;
        if matches!(self.step, Step::Upgrading) {
            let Some(head) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
                return Ok(0);
            };
            self.upgraded(&bytes[..head], &bytes[head + 4..])?;
            used = head + 4;
        }
        while let Some((frame, length)) = frame::read(&bytes[used..]).map_err(|error| Gone::Lost(error.to_string()))? {
            used += length;
            tally.frames += 1;
            match frame {
                Frame::Text(text) => self.understand(number, text, tally, happened)?,
                Frame::Ping(payload) => {
                    frame::write_pong(&mut self.unsent, payload);
                    self.write()?;
                }
                Frame::Pong => {}
                Frame::Close(code) => return Err(self.closed(&format!("closed with {code:?}"))),
            }
        }
        Ok(used)
    }

    fn upgraded(&mut self, head: &[u8], body: &[u8]) -> Result<(), Gone> {
        let now = clock::now();
        if !head.starts_with(b"HTTP/1.1 101 ") {
            return Err(no_upgrade(head, body, now.saturating_duration_since(self.joined_at)));
        }
        self.upgraded_after = now.saturating_duration_since(self.opened_at);
        self.joined_at = now;
        self.step = Step::Joining;
        self.awaited -= 1;
        let join = std::mem::take(&mut self.join);
        self.say(&join)
    }

    fn understand(
        &mut self,
        number: usize,
        text: &[u8],
        tally: &mut Tally,
        happened: &mut Vec<Happening>,
    ) -> Result<(), Gone> {
        match word::read(text) {
            Word::Welcome => {
                let now = clock::now();
                self.step = Step::Joined;
                self.awaited = self.awaited.saturating_sub(1);
                happened.push(Happening::Joined {
                    console: number,
                    upgrade: self.upgraded_after,
                    welcome: now.saturating_duration_since(self.joined_at),
                    answer: if self.has_offer { word::answer_in(text) } else { None },
                });
            }
            Word::Reply { request: Some(JOIN_REQUEST), refused: Some(code), retry_after, .. } => {
                return Err(self.refused(code, retry_after));
            }
            Word::Reply { request: Some(request), refused, durable, .. } => {
                self.awaited = self.awaited.saturating_sub(1);
                happened.push(Happening::Replied { console: number, request, refused, durable, at: clock::now() });
            }
            Word::Bye { reason, retry_after } if matches!(self.step, Step::Joining) => {
                return Err(self.refused(reason, retry_after));
            }
            Word::Bye { reason, .. } => return Err(self.closed(&format!("bye: {reason}"))),
            Word::Event => tally.events += 1,
            Word::Reply { request: None, .. } | Word::Unknown => tally.unknown += 1,
        }
        Ok(())
    }

    fn gone(&self, error: &io::Error) -> Gone {
        self.closed(&error.to_string())
    }

    fn refused(&self, code: String, retry_after: Option<Duration>) -> Gone {
        let after = clock::now().saturating_duration_since(self.joined_at);
        Gone::Refused(NoEntry { code, retry_after, after })
    }

    fn closed(&self, how: &str) -> Gone {
        match self.step {
            Step::Leaving => Gone::Left,
            Step::Connecting(_) => Gone::Lost(format!("while it connected: {how}")),
            Step::Upgrading => Gone::Lost(format!("before the upgrade: {how}")),
            Step::Joining => Gone::Lost(format!("before the welcome: {how}")),
            Step::Joined => Gone::Lost(how.to_owned()),
        }
    }
}

/// An answer that is no upgrade: refused with a code, or plainly an error.
fn no_upgrade(head: &[u8], body: &[u8], after: Duration) -> Gone {
    let head = String::from_utf8_lossy(head);
    let mut lines = head.lines();
    let status = lines.next().unwrap_or_default();
    match word::code_in(body) {
        Some(code) => {
            let header = lines
                .filter_map(|line| line.split_once(':'))
                .find(|(name, _)| name.eq_ignore_ascii_case("retry-after"));
            let seconds = header.and_then(|(_, value)| value.trim().parse().ok());
            Gone::Refused(NoEntry { code, retry_after: seconds.map(Duration::from_secs), after })
        }
        None => Gone::Lost(format!("no upgrade: {status}")),
    }
}

/// A join with an offer and an open microphone. SDP needs escapes for its line ends only.
fn join_with(offer: &str) -> String {
    let escaped = offer.replace("\r\n", "\\r\\n");
    format!(r#"{{"type":"join","request_id":"0","mic_ready":true,"offer":"{escaped}"}}"#)
}

const JOIN: &str = r#"{"type":"join","request_id":"0"}"#;
/// The number of the join among a console's requests.
const JOIN_REQUEST: u64 = 0;
