//! The audience's turn: voices that the seated have got already and the audience has not.
//!
//! A crowd of thousands must cost those on stage no time, so whoever holds a seat is served at once, for every packet of a batch; the
//! audience follows, some copies at a time, so that what is made can be sent before more of it is made, and so that voices that come meanwhile
//! go to the stage first.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::Engine;
use super::command::{RoomKey, TransportKey};
use super::fanout::{Listeners, Voice};
use crate::router::{
    Csrc,
    forwarder::{Incoming, Source},
};
use crate::wire::audio_level::AudioLevel;

/// Voices that wait for their turn, oldest first.
#[derive(Debug, Default)]
pub(super) struct AudiencesTurn {
    voices: VecDeque<Waiting>,
    /// Voices that are done with, so far.
    done: u64,
    payloads: Vec<u8>,
    /// So many bytes of payloads were let go of before the first that is kept.
    let_go: usize,
}

/// One packet that the audience is still to get.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    room: RoomKey,
    speaker: TransportKey,
    source: Source,
    incoming: Incoming,
    level: Option<AudioLevel>,
    toc: Option<u8>,
    voiced: bool,
    came_at: Instant,
    /// Where its payload lies, counted from the first ever kept.
    start: usize,
    /// So many of the audience have been served.
    served: usize,
}

impl AudiencesTurn {
    pub(super) fn is_empty(&self) -> bool {
        self.voices.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.voices.len()
    }

    pub(super) fn push(&mut self, room: RoomKey, voice: &Voice<'_>, came_at: Instant) {
        let &Voice { speaker, source, incoming, level, toc, voiced, payload } = voice;
        let start = self.let_go + self.payloads.len();
        self.payloads.extend_from_slice(payload);
        let waiting = Waiting { room, speaker, source, incoming, level, toc, voiced, came_at, start, served: 0 };
        self.voices.push_back(waiting);
    }

    /// The voice `csrc` is over: what of it still waits must not follow its end.
    pub(super) fn forget(&mut self, room: RoomKey, csrc: Csrc) {
        self.retain(|waiting| waiting.room != room || waiting.source.csrc != csrc);
    }

    /// Someone came to a seat of this room or left one. Who has got a packet among the seated must not get it again in the audience: two
    /// packets of one number, which the listener's keys forbid.
    pub(super) fn forget_room(&mut self, room: RoomKey) -> u64 {
        self.retain(|waiting| waiting.room != room)
    }

    /// Says how many are not kept.
    fn retain(&mut self, keep: impl Fn(&Waiting) -> bool) -> u64 {
        let before = self.voices.len();
        self.voices.retain(keep);
        let forgotten = (before - self.voices.len()) as u64;
        self.done += forgotten;
        forgotten
    }

    pub(super) fn pop(&mut self) {
        self.voices.pop_front();
        self.done += 1;
        let kept_from = self.voices.front().map_or(self.let_go + self.payloads.len(), |waiting| waiting.start);
        let unused = kept_from - self.let_go;
        if self.voices.is_empty() || unused >= LET_GO_FROM {
            self.payloads.drain(..unused);
            self.let_go = kept_from;
        }
    }
}

impl Engine {
    /// Makes the next copies for the audience, [`AUDIENCE_AT_ONCE`] at most, and says whether more are to be made. The caller sends what is
    /// in the outbox and calls again until there are none.
    pub fn serve_audience(&mut self, now: Instant) -> bool {
        let Some(&waiting) = self.audiences_turn.voices.front() else {
            return false;
        };
        let Waiting { room, speaker, source, incoming, level, toc, voiced, came_at, start, served } = waiting;
        if now.saturating_duration_since(came_at) > STALE_FOR_AUDIENCE {
            self.counters.stale_for_audience += 1;
            self.audiences_turn.pop();
            return !self.audiences_turn.is_empty();
        }
        let present = self.rooms.get(&room).map_or(0, |stage| stage.subscribers.audience().len());
        let until = present.min(served + AUDIENCE_AT_ONCE);
        let payloads = std::mem::take(&mut self.audiences_turn.payloads);
        let start = start - self.audiences_turn.let_go;
        let payload = &payloads[start..start + incoming.payload_len];
        let voice = Voice { speaker, source, incoming, level, toc, voiced, payload };
        if self.fan_out(room, Listeners::Audience(served.min(until)..until), &voice, now) > 0 && voiced {
            self.voice_went_out(room, speaker, now);
        }
        self.audiences_turn.payloads = payloads;
        match self.audiences_turn.voices.front_mut() {
            Some(waiting) if until < present => waiting.served = until,
            Some(_) | None => self.audiences_turn.pop(),
        }
        !self.audiences_turn.is_empty()
    }

    /// The seats of a room are held by others than before: what waits for its audience is given up, without its having been late.
    pub(super) fn forget_waiting(&mut self, room: RoomKey) {
        self.counters.forgotten_for_audience += self.audiences_turn.forget_room(room);
    }

    /// Whether the audience has something to come.
    pub fn audience_waits(&self) -> bool {
        !self.audiences_turn.is_empty()
    }

    /// How many voices the audience was ever left to be served with, and how many of these turns are over.
    pub fn audience_turns(&self) -> (u64, u64) {
        let done = self.audiences_turn.done;
        (done + self.audiences_turn.voices.len() as u64, done)
    }
}

/// Audio that came longer ago than this is not sent to the audience: whom it would reach late, a gap of one packet harms less, and the work
/// goes to those who talk with each other.
const STALE_FOR_AUDIENCE: Duration = Duration::from_millis(60);
/// Copies made before they are sent: as many as are handed to the kernel at once, and few enough to stay in the core's cache.
pub const AUDIENCE_AT_ONCE: usize = 128;
/// Sixty milliseconds of some three hundred speakers.
pub(super) const WAITING_MAX: usize = 1_024;
/// Payloads that are done with are let go of when they are so many bytes, or all.
const LET_GO_FROM: usize = 65_536;
