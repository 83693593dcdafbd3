//! What the server says: frames as text.

use std::time::Duration;

use serde::Serialize;

use super::view::{
    AudienceMemberJson, HandJson, ParticipantJson, SeatJson, SelfJson, SlotJson, SnapshotJson, SpeakerJson, millis,
    on_or_off,
};
use crate::{
    ids::{Identity, RequestId, SeatIndex, SessionId},
    room::{Details, Done, Event, Refused, Snapshot},
};

/// What a welcome says beside the snapshot.
#[derive(Debug, Clone, Copy)]
pub struct Welcome<'a> {
    /// The join it answers.
    pub request: &'a RequestId,
    /// The session that begins.
    pub session: &'a SessionId,
    /// Whose it is.
    pub identity: &'a Identity,
    /// The answer to the offer, if there was one.
    pub answer: Option<&'a str>,
    /// What a later `resume` would show.
    pub resume_token: &'a str,
    /// What clients should know of the limits.
    pub limits: LimitsJson,
}

/// The limits that a client can run into.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct LimitsJson {
    /// The longest frame.
    pub frame_bytes: usize,
    /// Commands a second.
    pub commands_per_second: u32,
    /// Commands at once.
    pub burst: u32,
}

/// `welcome`.
#[must_use]
pub fn welcome(welcome: &Welcome<'_>, snapshot: &Snapshot) -> String {
    text(&WelcomeFrame {
        kind: "welcome",
        request_id: welcome.request,
        session: welcome.session,
        identity: welcome.identity,
        answer: welcome.answer,
        resume_token: welcome.resume_token,
        room: SnapshotJson::from(snapshot),
        own: snapshot.own.as_ref().map(SelfJson::from),
        limits: welcome.limits,
    })
}

/// `reply` to a request that was carried out.
#[must_use]
pub fn reply_ok(request: &RequestId, done: &Done) -> String {
    let ok = OkJson {
        seat: done.seat.as_ref().map(SeatJson::from),
        position: done.position,
        hand: done.hand.as_ref().map(HandJson::from),
        time_ms: None,
    };
    text(&ReplyFrame { kind: "reply", request_id: Some(request), ok: Some(ok), error: None })
}

/// `reply` to `ping`.
#[must_use]
pub fn pong(request: &RequestId, time_ms: u64) -> String {
    let ok = OkJson { time_ms: Some(time_ms), ..OkJson::default() };
    text(&ReplyFrame { kind: "reply", request_id: Some(request), ok: Some(ok), error: None })
}

/// `reply` to a request that was refused. What was not even a request has no id.
#[must_use]
pub fn reply_error(request: Option<&RequestId>, refused: &Refused, message: Option<&str>) -> String {
    let error = ErrorJson {
        code: refused.refusal.code(),
        message: message.unwrap_or_else(|| refused.refusal.message()),
        details: DetailsJson::from(&refused.details),
    };
    text(&ReplyFrame { kind: "reply", request_id: request, ok: None, error: Some(error) })
}

/// `bye`: the last frame of a session.
#[must_use]
pub fn bye(reason: &str, action: &str, retry_after: Option<Duration>) -> String {
    text(&ByeFrame { kind: "bye", reason, action, retry_after_ms: retry_after.map(millis) })
}

/// One event.
#[must_use]
pub fn event(seq: Option<u64>, event: &Event) -> String {
    text(&event_frame(seq, event))
}

/// A batch of events, each as [`event`] wrote it.
#[must_use]
pub fn events<'a>(events: impl Iterator<Item = &'a str>) -> String {
    let mut frame = String::from(r#"{"type":"events","events":["#);
    for (index, event) in events.enumerate() {
        if index > 0 {
            frame.push(',');
        }
        frame.push_str(event);
    }
    frame.push_str("]}");
    frame
}

#[derive(Serialize)]
struct WelcomeFrame<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    request_id: &'a RequestId,
    session: &'a SessionId,
    identity: &'a Identity,
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<&'a str>,
    resume_token: &'a str,
    room: SnapshotJson<'a>,
    #[serde(rename = "self", skip_serializing_if = "Option::is_none")]
    own: Option<SelfJson<'a>>,
    limits: LimitsJson,
}

#[derive(Serialize)]
struct ReplyFrame<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a RequestId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ok: Option<OkJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorJson<'a>>,
}

#[derive(Default, Serialize)]
struct OkJson<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    seat: Option<SeatJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hand: Option<HandJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time_ms: Option<u64>,
}

#[derive(Serialize)]
struct ErrorJson<'a> {
    code: &'static str,
    message: &'a str,
    details: DetailsJson<'a>,
}

#[derive(Serialize)]
struct DetailsJson<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    seat: Option<SeatJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    holder: Option<&'a Identity>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_open: Option<SeatIndex>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u64>,
}

impl<'a> From<&'a Details> for DetailsJson<'a> {
    fn from(details: &'a Details) -> Self {
        Self {
            seat: details.seat.as_deref().map(SeatJson::from),
            holder: details.holder.as_ref(),
            next_open: details.next_open,
            retry_after_ms: details.retry_after.map(millis),
        }
    }
}

#[derive(Serialize)]
struct ByeFrame<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    reason: &'a str,
    action: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u64>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum EventFrame<'a> {
    SeatChanged {
        #[serde(skip_serializing_if = "Option::is_none")]
        seq: Option<u64>,
        cause: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        by: Option<&'a Identity>,
        seat: SeatJson<'a>,
    },
    SeatCue {
        index: SeatIndex,
        can_join: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        why: Option<&'static str>,
    },
    SeatOffer {
        seat: SeatIndex,
        why: &'static str,
        expires_in_ms: u64,
    },
    HandPosition {
        position: usize,
    },
    HandChanged {
        #[serde(skip_serializing_if = "Option::is_none")]
        seq: Option<u64>,
        change: &'static str,
        hand: HandJson<'a>,
        count: usize,
    },
    ParticipantJoined {
        #[serde(skip_serializing_if = "Option::is_none")]
        seq: Option<u64>,
        participant: ParticipantJson<'a>,
    },
    ParticipantLeft {
        #[serde(skip_serializing_if = "Option::is_none")]
        seq: Option<u64>,
        identity: &'a Identity,
        reason: &'static str,
    },
    RoomUpdated {
        #[serde(skip_serializing_if = "Option::is_none")]
        seq: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        by: Option<&'a Identity>,
        seat_mode: &'static str,
        hands: &'static str,
    },
    Audience {
        count: usize,
        sample: Vec<AudienceMemberJson<'a>>,
    },
    Slots {
        slots: Vec<SlotJson<'a>>,
    },
    Speakers {
        speakers: Vec<SpeakerJson<'a>>,
    },
    SelfChanged {
        #[serde(rename = "self")]
        own: SelfJson<'a>,
    },
}

fn event_frame(seq: Option<u64>, event: &Event) -> EventFrame<'_> {
    match event {
        Event::SeatChanged { cause, by, seat, other: _ } => {
            EventFrame::SeatChanged { seq, cause: cause.code(), by: by.as_ref(), seat: SeatJson::from(seat) }
        }
        Event::SeatCue { seat, can_join } => {
            EventFrame::SeatCue { index: *seat, can_join: can_join.code(), why: can_join.why() }
        }
        Event::SeatOffer { seat, why, expires_in } => {
            EventFrame::SeatOffer { seat: *seat, why: why.code(), expires_in_ms: millis(*expires_in) }
        }
        Event::HandPosition { position } => EventFrame::HandPosition { position: *position },
        Event::HandChanged { change, by: _, hand, count } => {
            EventFrame::HandChanged { seq, change: change.code(), hand: HandJson::from(hand), count: *count }
        }
        Event::ParticipantJoined { participant } => {
            EventFrame::ParticipantJoined { seq, participant: ParticipantJson::from(participant) }
        }
        Event::ParticipantLeft { identity, reason } => {
            EventFrame::ParticipantLeft { seq, identity, reason: reason.code() }
        }
        Event::RoomUpdated { by, room } => EventFrame::RoomUpdated {
            seq,
            by: by.as_ref(),
            seat_mode: room.seat_mode.code(),
            hands: on_or_off(room.hands),
        },
        Event::RankChanged { .. }
        | Event::Invite { .. }
        | Event::InviteChanged { .. }
        | Event::BanChanged { .. }
        | Event::SwapProposed { .. }
        | Event::HostOffer { .. }
        | Event::HostOfferEnded { .. }
        | Event::TurnEnding { .. }
        | Event::LostSeat { .. }
        | Event::Interruption { .. }
        | Event::Moderation(_)
        | Event::Message { .. }
        | Event::ReactionTally { .. } => EventFrame::HandPosition { position: 0 },
        Event::Audience(audience) => EventFrame::Audience {
            count: audience.count,
            sample: audience.sample.iter().map(AudienceMemberJson::from).collect(),
        },
        Event::Slots { slots } => EventFrame::Slots { slots: slots.iter().map(SlotJson::from).collect() },
        Event::Speakers { speakers } => {
            EventFrame::Speakers { speakers: speakers.iter().map(SpeakerJson::from).collect() }
        }
        Event::SelfChanged(own) => EventFrame::SelfChanged { own: SelfJson::from(own) },
    }
}

fn text(frame: &impl Serialize) -> String {
    serde_json::to_string(frame).expect("frames have string keys and finite numbers")
}
