//! What the server says: frames as text.

pub mod frame;

pub(crate) mod audit;
mod kind;
pub(crate) mod latency;
pub mod lifecycle;

use std::time::Duration;

use self::frame::{ByeFrame, DetailsJson, ErrorJson, Frame, OkJson, ReplyFrame, WelcomeFrame};
pub use self::{
    audit::{audit_details, audit_reason, audit_role, moderation_event, moderation_kind},
    frame::LimitsJson,
    kind::{KINDS, is_kind_or_family, kind},
    latency::{latency_event, latency_kind},
};
use super::view::{ParticipantJson, SelfJson, SnapshotJson, millis};
use crate::{
    ids::{Identity, RequestId, SessionId},
    room::{Done, Event, ParticipantView, Refused, SelfView, Snapshot},
};

/// What a welcome says beside the snapshot.
#[derive(Debug, Clone, Copy)]
pub struct Welcome<'a> {
    /// The join or resume it answers.
    pub request: &'a RequestId,
    /// The session that begins or goes on.
    pub session: &'a SessionId,
    /// Whose it is.
    pub identity: &'a Identity,
    /// The answer to the offer, if there was one.
    pub answer: Option<&'a str>,
    /// It goes on.
    pub resumed: bool,
    /// What a later `resume` is to show.
    pub resume_token: &'a str,
    /// What clients should know of the limits.
    pub limits: LimitsJson,
    /// The last event of the log that is known to be in the snapshot.
    pub event_id: Option<u64>,
}

/// `welcome`. A session that goes on needs no snapshot if it can be told what it missed.
#[must_use]
pub fn welcome(welcome: &Welcome<'_>, snapshot: Option<&Snapshot>, own: Option<&SelfView>) -> String {
    text(&Frame::Welcome(WelcomeFrame {
        request_id: welcome.request,
        session: welcome.session,
        identity: welcome.identity,
        resumed: welcome.resumed.then_some(true),
        answer: welcome.answer,
        resume_token: welcome.resume_token,
        room: snapshot.map(|snapshot| SnapshotJson::new(snapshot, welcome.event_id)),
        own: own.map(SelfJson::from),
        limits: welcome.limits,
    }))
}

/// `reply` to a request that was carried out.
#[must_use]
pub fn reply_ok(request: &RequestId, done: &Done) -> String {
    reply(request, OkJson::from(done))
}

/// `reply` to a request that was carried out, but that could not be written down yet.
#[must_use]
pub fn reply_ok_in_memory(request: &RequestId, done: &Done) -> String {
    reply(request, OkJson { durable: Some(false), ..OkJson::from(done) })
}

/// `reply` to `ping`.
#[must_use]
pub fn pong(request: &RequestId, time_ms: u64) -> String {
    reply(request, OkJson { time_ms: Some(time_ms), ..OkJson::default() })
}

/// `reply` to `people_list`.
#[must_use]
pub fn people(request: &RequestId, people: &[ParticipantView], next: Option<&Identity>) -> String {
    let people = Some(people.iter().map(ParticipantJson::from).collect());
    reply(request, OkJson { people, next, ..OkJson::default() })
}

/// `reply` to `ice_restart`.
#[must_use]
pub fn restarted(request: &RequestId, answer: &str) -> String {
    reply(request, OkJson { answer: Some(answer), ..OkJson::default() })
}

fn reply(request: &RequestId, ok: OkJson<'_>) -> String {
    text(&Frame::Reply(ReplyFrame { request_id: Some(request), ok: Some(ok), error: None }))
}

/// `reply` to a request that was refused. What was not even a request has no id.
#[must_use]
pub fn reply_error(request: Option<&RequestId>, refused: &Refused, message: Option<&str>) -> String {
    let error = ErrorJson::new(refused, message);
    text(&Frame::Reply(ReplyFrame { request_id: request, ok: None, error: Some(error) }))
}

/// The body of an HTTP answer to an act that was carried out: what a `reply` has in `ok`.
#[must_use]
pub fn done(done: &Done) -> String {
    ok_text(&OkJson::from(done))
}

/// The same for an act that could not be written down yet.
#[must_use]
pub fn done_in_memory(done: &Done) -> String {
    ok_text(&OkJson { durable: Some(false), ..OkJson::from(done) })
}

fn ok_text(ok: &OkJson<'_>) -> String {
    serde_json::to_string(ok).expect("answers have string keys and finite numbers")
}

/// The details of an HTTP problem: what a `reply` has in `error.details`.
#[must_use]
pub fn details(refused: &Refused) -> serde_json::Value {
    serde_json::to_value(DetailsJson::from(&refused.details)).expect("details have string keys and finite numbers")
}

/// `bye`: the last frame of a session.
#[must_use]
pub fn bye(reason: &str, action: &str, retry_after: Option<Duration>) -> String {
    put_out(reason, action, retry_after, None)
}

/// `bye` with the reason that a moderator gave.
#[must_use]
pub fn put_out(reason: &str, action: &str, retry_after: Option<Duration>, said: Option<&str>) -> String {
    let retry_after_ms = retry_after.map(millis);
    text(&Frame::Bye(ByeFrame { reason, action, retry_after_ms, text: said, detail: None, connection: None }))
}

/// An object of ours with one more member: a text.
#[must_use]
pub fn with_text(object: &str, name: &str, member: &str) -> String {
    let open = object.strip_suffix('}').unwrap_or(object);
    format!("{open},{}:{}}}", serde_json::Value::from(name), serde_json::Value::from(member))
}

/// One event.
#[must_use]
pub fn event(seq: Option<u64>, event: &Event) -> String {
    text(&Frame::event(seq, event))
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

fn text(frame: &Frame<'_>) -> String {
    serde_json::to_string(frame).expect("frames have string keys and finite numbers")
}
