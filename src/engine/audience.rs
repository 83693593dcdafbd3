//! The audience's turn: voices that the seated have got already and the audience has not.
//!
//! A crowd of thousands must cost those on stage no time, so whoever holds a seat is served at once, for every packet of a batch; the
//! audience follows, some copies at a time, so that what is made can be sent before more of it is made.

use std::collections::VecDeque;
use std::time::Instant;

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
    payloads: Vec<u8>,
}

/// One packet that the audience is still to get.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    room: RoomKey,
    speaker: TransportKey,
    source: Source,
    incoming: Incoming,
    level: AudioLevel,
    voiced: bool,
    /// Where its payload lies.
    start: usize,
    /// So many of the audience have been served.
    served: usize,
}

impl AudiencesTurn {
    pub(super) fn is_empty(&self) -> bool {
        self.voices.is_empty()
    }

    /// Whether no more can wait: then the packet goes to everyone at once.
    pub(super) fn is_full(&self) -> bool {
        self.voices.len() >= WAITING_MAX
    }

    pub(super) fn push(&mut self, room: RoomKey, voice: &Voice<'_>) {
        let &Voice { speaker, source, incoming, level, voiced, payload } = voice;
        let start = self.payloads.len();
        self.payloads.extend_from_slice(payload);
        self.voices.push_back(Waiting { room, speaker, source, incoming, level, voiced, start, served: 0 });
    }

    /// The voice `csrc` is over: what of it still waits must not follow its end.
    pub(super) fn forget(&mut self, room: RoomKey, csrc: Csrc) {
        self.voices.retain(|waiting| waiting.room != room || waiting.source.csrc != csrc);
    }

    fn pop(&mut self) {
        self.voices.pop_front();
        if self.voices.is_empty() {
            self.payloads.clear();
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
        let Waiting { room, speaker, source, incoming, level, voiced, start, served } = waiting;
        let present = self.rooms.get(&room).map_or(0, |stage| stage.subscribers.audience().len());
        let until = present.min(served + AUDIENCE_AT_ONCE);
        let payloads = std::mem::take(&mut self.audiences_turn.payloads);
        let payload = &payloads[start..start + incoming.payload_len];
        let voice = Voice { speaker, source, incoming, level, voiced, payload };
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
}

/// Copies made before they are sent: as many as are handed to the kernel at once, and few enough to stay in the core's cache.
pub const AUDIENCE_AT_ONCE: usize = 128;
/// As many packets as are taken at once.
const WAITING_MAX: usize = 64;
