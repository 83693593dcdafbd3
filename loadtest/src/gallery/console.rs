//! A console is a participant without media: one WebSocket in a room.
//!
//!   Connecting ──connected──► Upgrading ──101──► Joining ──welcome──► Joined ──leave──► Leaving ──► gone

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::frame::{self, Frame};
use super::word::{self, Word};
use super::{Happening, Tally};
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
    joined_at: Instant,
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

/// Why a console is no longer there: an error, or `None` if it was to leave.
pub(super) type Gone = Option<String>;

impl Console {
    pub(super) fn new(stream: TcpStream, upgrade: Vec<u8>, opened_at: Instant) -> Self {
        Self {
            stream,
            step: Step::Connecting(upgrade),
            unsent: Vec::new(),
            unread: Vec::new(),
            opened_at,
            upgraded_after: Duration::ZERO,
            joined_at: opened_at,
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
            self.upgraded(&bytes[..head])?;
            used = head + 4;
        }
        while let Some((frame, length)) = frame::read(&bytes[used..]).map_err(|error| Some(error.to_string()))? {
            used += length;
            tally.frames += 1;
            match frame {
                Frame::Text(text) => self.understand(number, word::read(text), tally, happened)?,
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

    fn upgraded(&mut self, head: &[u8]) -> Result<(), Gone> {
        if !head.starts_with(b"HTTP/1.1 101 ") {
            let status = head.split(|&byte| byte == b'\r').next().unwrap_or_default();
            return Err(Some(format!("no upgrade: {}", String::from_utf8_lossy(status))));
        }
        let now = clock::now();
        self.upgraded_after = now.saturating_duration_since(self.opened_at);
        self.joined_at = now;
        self.step = Step::Joining;
        self.awaited -= 1;
        self.say(JOIN)
    }

    fn understand(
        &mut self,
        number: usize,
        word: Word,
        tally: &mut Tally,
        happened: &mut Vec<Happening>,
    ) -> Result<(), Gone> {
        match word {
            Word::Welcome => {
                let now = clock::now();
                self.step = Step::Joined;
                self.awaited = self.awaited.saturating_sub(1);
                happened.push(Happening::Joined {
                    console: number,
                    upgrade: self.upgraded_after,
                    welcome: now.saturating_duration_since(self.joined_at),
                });
            }
            Word::Reply { request: Some(JOIN_REQUEST), refused: Some(code), .. } => {
                return Err(Some(format!("the join was refused: {code}")));
            }
            Word::Reply { request: Some(request), refused, durable } => {
                self.awaited = self.awaited.saturating_sub(1);
                happened.push(Happening::Replied { console: number, request, refused, durable, at: clock::now() });
            }
            Word::Bye { reason } => return Err(self.closed(&format!("bye: {reason}"))),
            Word::Event => tally.events += 1,
            Word::Reply { request: None, .. } | Word::Unknown => tally.unknown += 1,
        }
        Ok(())
    }

    fn gone(&self, error: &io::Error) -> Gone {
        self.closed(&error.to_string())
    }

    fn closed(&self, how: &str) -> Gone {
        match self.step {
            Step::Leaving => None,
            Step::Connecting(_) => Some(format!("while it connected: {how}")),
            Step::Upgrading => Some(format!("before the upgrade: {how}")),
            Step::Joining => Some(format!("before the welcome: {how}")),
            Step::Joined => Some(how.to_owned()),
        }
    }
}

const JOIN: &str = r#"{"type":"join","request_id":"0"}"#;
/// The number of the join among a console's requests.
const JOIN_REQUEST: u64 = 0;
