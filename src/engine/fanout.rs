//! The packet path: one publisher's packet in, one packet a listener out.
//!
//! Plain by intent: no lock, no await, no format; per listener one table look-up, a header rewrite and an encryption.

use std::ops::Range;
use std::time::{Duration, Instant};

use super::audience::WAITING_MAX;
use super::command::TransportKey;
use super::counters::DropReason;
use super::event::{Event, SlotView, Stage};
use super::session::{Session, Stream};
use super::{Counters, Engine, Outbox, RoomKey, send};
use crate::router::{
    Csrc,
    forwarder::{Incoming, Outgoing, Source},
    slots::{ENDING_FRAMES, Placement},
    speaker::{Sound, Voiced},
    track::TrackDrop,
};
use crate::transport::srtp::{SrtpError, SrtpSession};
use crate::wire::{
    audio_level::AudioLevel,
    opus_toc,
    path::Path,
    rtp::{OutgoingHeader, RtpHeader, write_header},
};

/// A packet that has passed every check and may be heard.
pub(super) struct Voice<'a> {
    pub(super) speaker: TransportKey,
    pub(super) source: Source,
    pub(super) incoming: Incoming,
    /// As its sender states it: nothing is stated for those who state nothing.
    pub(super) level: Option<AudioLevel>,
    /// How it was coded, unless it cannot be read.
    pub(super) toc: Option<u8>,
    pub(super) voiced: bool,
    pub(super) payload: &'a [u8],
}

/// To whom a packet goes.
#[derive(Clone, Debug)]
pub(super) enum Listeners {
    /// Those who hold a seat.
    Seated,
    /// These of the others.
    Audience(Range<usize>),
}

impl Engine {
    pub(super) fn on_rtp(&mut self, index: usize, path: Path, datagram: &[u8], came_at: Instant, now: Instant) {
        if let Err(reason) = self.take_rtp(index, path, datagram, came_at, now) {
            self.counters.dropped(reason);
            self.audio_dropped(index, reason, now);
        }
    }

    /// Takes a packet of audio and serves the seated, or tells why it goes no further.
    fn take_rtp(
        &mut self,
        index: usize,
        path: Path,
        datagram: &[u8],
        came_at: Instant,
        now: Instant,
    ) -> Result<(), DropReason> {
        let (header, plain) = self.receive_rtp(index, datagram, now)?;
        self.heard(index, path, now);
        let session = &mut self.sessions[index];
        let (key, room) = (session.key, session.room);
        let track = session.track.as_mut().ok_or(DropReason::NoMicrophone)?;
        if track.received(header.ssrc, header.sequence, header.timestamp, now).map_err(drop_of_track)? {
            self.events.push_back(Event::TrackLive { transport: key });
        }
        let stage = self.rooms.get_mut(&room).ok_or(DropReason::NotOnStage)?;
        let held = stage.interruption.holds(now);
        let seat = stage.seat_of(key).ok_or(DropReason::NotOnStage)?;
        if !seat.planned.open {
            return Err(DropReason::GateClosed);
        }
        let (priority, csrc) = (seat.planned.priority, seat.planned.csrc);
        if !priority && held {
            return Err(DropReason::GateHeld);
        }
        if now.saturating_duration_since(came_at) > STALE_FOR_ALL {
            return Err(DropReason::Stale);
        }
        let payload = header.payload(&plain).map_err(|_| DropReason::RtpMalformed)?;
        if payload.is_empty() {
            return Err(DropReason::NoPayload);
        }
        // Frames that are encrypted end to end cannot be read: they are forwarded as they are, and what needs the TOC does not apply.
        let samples = track.read(payload);
        if let Some(samples) = samples {
            session.measuring.frame(samples);
        }
        let level = track.audio_level_id().and_then(|id| header.extension(&plain, id)).and_then(AudioLevel::parse);
        let sound = if samples.is_some() { Sound::of(level, payload) } else { Sound::of_opaque(level) };
        let Voiced { voice: voiced, stated } = seat.speaker.hear(sound, now);
        let was_dropped = !seat.unheard.is_idle();
        let voice = Voice {
            speaker: key,
            source: Source { csrc, run: track.run() },
            incoming: Incoming {
                sequence: header.sequence,
                timestamp: header.timestamp,
                marker: header.marker,
                payload_len: payload.len(),
            },
            level,
            toc: samples.map(|_| payload[0]),
            voiced,
            payload,
        };
        self.counters.rtp_in += 1;
        if was_dropped {
            self.audio_taken(room, key);
        }
        if stated && priority {
            self.interrupt(room, key, now);
        }
        if self.fan_out(room, Listeners::Seated, &voice, now) > 0 && voiced {
            self.voice_went_out(room, key, now);
        }
        self.leave_to_audience(room, &voice, came_at);
        self.watch_speakers(room, now);
        Ok(())
    }

    /// The seated have it; the audience gets it in its turn. Where too many wait, we are behind, and the oldest counts as too late
    /// for it.
    fn leave_to_audience(&mut self, room: RoomKey, voice: &Voice<'_>, came_at: Instant) {
        if self.rooms.get(&room).is_none_or(|stage| stage.subscribers.audience().is_empty()) {
            return;
        }
        if self.audiences_turn.len() >= WAITING_MAX {
            self.audiences_turn.pop();
            self.counters.stale_for_audience += 1;
        }
        self.audiences_turn.push(room, voice, came_at);
    }

    /// Checks in the order of their cost: first what the header shows, then the authentication tag. Only what is authentic counts against
    /// the publisher's budget, so that nobody else can use it up.
    fn receive_rtp(
        &mut self,
        index: usize,
        datagram: &[u8],
        now: Instant,
    ) -> Result<(RtpHeader, bytes::BytesMut), DropReason> {
        let session = &mut self.sessions[index];
        let srtp = session.srtp.as_mut().ok_or(DropReason::NoKeys)?;
        let track = session.track.as_mut().ok_or(DropReason::NoMicrophone)?;
        let header = RtpHeader::parse(datagram).map_err(|_| DropReason::RtpMalformed)?;
        track.admit(header.ssrc, header.payload_type, now).map_err(drop_of_track)?;
        let known = track.knows(header.ssrc);
        let plain = srtp.unprotect_rtp(datagram, &header, known).map_err(drop_of_srtp)?;
        track.spend(datagram.len(), now).map_err(drop_of_track)?;
        if !srtp.remembers(header.ssrc) {
            srtp.adopt(datagram, &header).map_err(drop_of_srtp)?;
        }
        Ok((header, plain))
    }

    /// Makes one copy a listener and says how many there are.
    pub(super) fn fan_out(&mut self, room: RoomKey, to: Listeners, voice: &Voice<'_>, now: Instant) -> usize {
        let Some(stage) = self.rooms.get(&room) else {
            return 0;
        };
        let csrc = voice.source.csrc;
        let Some(standing) = stage.standing(csrc, now) else {
            return 0;
        };
        let mut copies = 0;
        let (listeners, slots_max) = match to {
            Listeners::Seated => (stage.subscribers.seated(), usize::MAX),
            Listeners::Audience(range) => (
                stage.subscribers.audience().get(range).unwrap_or_default(),
                self.ladder.audience_slots.map_or(usize::MAX, usize::from),
            ),
        };
        for &index in listeners {
            let session = &mut self.sessions[index];
            if session.key == voice.speaker || session.srtp.is_none() || session.streams.is_empty() {
                continue;
            }
            let placement = session.slots.place(csrc, standing, slots_max, |other| stage.standing(other, now), now);
            let slot = match placement {
                Placement::Kept(slot) => slot,
                Placement::Ending { slot, last } => {
                    self.counters.copies_without_slot += 1;
                    session.end_voice(slot, csrc, 1, now, &mut self.scratch, &mut self.outbox, &mut self.counters);
                    if last {
                        session.streams[slot].forwarder.silence();
                        self.slots_changed.push(index);
                    }
                    continue;
                }
                Placement::Repointed(slot) => {
                    self.counters.repointed += 1;
                    self.slots_changed.push(index);
                    slot
                }
                Placement::None => {
                    self.counters.copies_without_slot += 1;
                    continue;
                }
            };
            let Some(outgoing) = session.streams[slot].forwarder.forward(voice.source, voice.incoming, now) else {
                self.counters.copies_before_switch += 1;
                continue;
            };
            let sent = session.send_audio(
                slot,
                csrc,
                outgoing,
                (voice.level, voice.toc),
                voice.payload,
                &mut self.scratch,
                &mut self.outbox,
                &mut self.counters,
            );
            if sent {
                copies += 1;
                session.joining.reach(Stage::FirstAudio, now, &mut self.events);
            }
        }
        copies
    }

    /// Ends a voice at every listener with a few frames of silence, so that no decoder has to guess.
    pub(super) fn end_streams(&mut self, room: RoomKey, csrc: Csrc, now: Instant) {
        self.audiences_turn.forget(room, csrc);
        let Some(stage) = self.rooms.get(&room) else {
            return;
        };
        for &index in stage.subscribers.all() {
            let session = &mut self.sessions[index];
            let Some(slot) = session.slots.release(csrc) else {
                continue;
            };
            self.slots_changed.push(index);
            let (scratch, outbox) = (&mut self.scratch, &mut self.outbox);
            session.end_voice(slot, csrc, ENDING_FRAMES, now, scratch, outbox, &mut self.counters);
            session.streams[slot].forwarder.silence();
        }
    }

    /// Tells the control plane what this session's slots carry, if that differs from what was told before.
    pub(super) fn report_slots(&mut self, index: usize) {
        let Some(session) = self.sessions.get_mut(index) else {
            return;
        };
        let Some(stage) = self.rooms.get(&session.room) else {
            return;
        };
        let view = |(stream, carried): (&Stream, Option<Csrc>)| {
            let csrc = carried?;
            let seat = stage.seats.iter().find(|seat| seat.planned.csrc == csrc)?;
            Some(SlotView { mid: stream.params.mid.clone().unwrap_or_default(), seat: seat.planned.seat, csrc })
        };
        let slots: Vec<SlotView> = session.streams.iter().zip(session.slots.carried()).filter_map(view).collect();
        if slots != session.slots_reported {
            session.slots_reported.clone_from(&slots);
            self.events.push_back(Event::Slots { transport: session.key, slots });
        }
    }
}

impl Session {
    /// Sends so many frames of silence where a voice ends.
    #[allow(clippy::too_many_arguments, reason = "the packet path borrows the engine's parts one by one")]
    fn end_voice(
        &mut self,
        slot: usize,
        csrc: Csrc,
        frames: u8,
        now: Instant,
        scratch: &mut Vec<u8>,
        outbox: &mut Outbox,
        counters: &mut Counters,
    ) {
        // A decoder of encrypted frames could make nothing of a frame of ours.
        let Some(toc) = self.streams[slot].last_toc else {
            return;
        };
        let silence = opus_toc::dtx_payload(toc);
        for _ in 0..frames {
            let Some(outgoing) = self.streams[slot].forwarder.ending_frame(now) else {
                return;
            };
            let silent = (Some(AudioLevel::SILENCE), Some(toc));
            self.send_audio(slot, csrc, outgoing, silent, &silence, scratch, outbox, counters);
        }
    }

    #[allow(clippy::too_many_arguments, reason = "the packet path borrows the engine's parts one by one")]
    fn send_audio(
        &mut self,
        slot: usize,
        csrc: Csrc,
        outgoing: Outgoing,
        (level, toc): (Option<AudioLevel>, Option<u8>),
        payload: &[u8],
        scratch: &mut Vec<u8>,
        outbox: &mut Outbox,
        counters: &mut Counters,
    ) -> bool {
        let (Some(srtp), Some(path)) = (self.srtp.as_mut(), self.ice.selected()) else {
            return false;
        };
        let stream = &mut self.streams[slot];
        stream.last_toc = toc;
        let with_mid = stream.mids_left > 0;
        stream.mids_left = stream.mids_left.saturating_sub(1);
        let mid = stream.params.mid_id.filter(|_| with_mid).zip(stream.params.mid.as_deref().map(str::as_bytes));
        let header = OutgoingHeader {
            marker: outgoing.marker,
            payload_type: stream.params.payload_type,
            sequence: outgoing.sequence,
            timestamp: outgoing.timestamp,
            ssrc: stream.params.ssrc,
            csrc: Some(csrc.0.get()),
            audio_level: stream.params.audio_level_id.zip(level),
            mid,
        };
        scratch.clear();
        let header_len = write_header(scratch, &header);
        scratch.extend_from_slice(payload);
        protect_and_send(srtp, scratch, header_len, &header, path, outbox, counters)
    }
}

fn protect_and_send(
    srtp: &mut SrtpSession,
    packet: &[u8],
    header_len: usize,
    header: &OutgoingHeader<'_>,
    path: Path,
    outbox: &mut Outbox,
    counters: &mut Counters,
) -> bool {
    match srtp.protect_rtp(packet, header_len, header.ssrc, header.sequence) {
        Ok(protected) => {
            counters.rtp_out += 1;
            send(outbox, counters, path, &protected);
            true
        }
        Err(_) => {
            counters.dropped(DropReason::Protect);
            false
        }
    }
}

fn drop_of_track(drop: TrackDrop) -> DropReason {
    match drop {
        TrackDrop::PayloadType => DropReason::PayloadType,
        TrackDrop::Ssrc => DropReason::Ssrc,
        TrackDrop::Budget => DropReason::Budget,
        TrackDrop::Stray => DropReason::Stray,
    }
}

pub(super) fn drop_of_srtp(error: SrtpError) -> DropReason {
    match error {
        SrtpError::AuthFailed | SrtpError::TooShort | SrtpError::BadKeys => DropReason::SrtpAuth,
        SrtpError::Replayed => DropReason::SrtpReplayed,
        SrtpError::TooManySources => DropReason::Ssrc,
        SrtpError::KeysSpent => DropReason::Protect,
    }
}

/// Audio that came longer ago than this is sent to nobody: jitter buffers have given up waiting for it.
const STALE_FOR_ALL: Duration = Duration::from_millis(200);
