//! What a client says: one command a frame, parsed once into what a room is asked.
//!
//! Unknown fields are ignored. An unknown type, a missing field or one of the wrong type is a fault with a code.

pub mod frame;
pub mod words;

mod judge;

use serde::Deserialize;
use serde_json::Value;

use self::frame::Frame;
pub use self::frame::Stats;
pub(super) use self::judge::{lasts, reason, turn};
use super::depth;
use crate::{
    ids::{Identity, RequestId},
    json,
    room::{Act, Refusal},
};

/// A command, and the name by which its answer is known.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// The client's name for it.
    pub id: RequestId,
    /// What is asked.
    pub command: Command,
}

/// What a client can ask.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Join the room that the socket was opened for.
    Join {
        /// The session description, unless this session has no media.
        offer: Option<String>,
        /// The microphone is open already.
        mic_ready: bool,
    },
    /// Go on with a session whose socket was lost.
    Resume {
        /// What the last welcome brought.
        resume_token: String,
        /// The number of the last event that came.
        last_seq: u64,
    },
    /// Give the session's transport new ICE credentials.
    IceRestart {
        /// The session description with the client's new ones.
        offer: String,
    },
    /// Something for the room to decide.
    Act(Act),
    /// Who is in the room, for moderators.
    PeopleList(PeopleList),
    /// Is anybody there.
    Ping,
    /// What the client measured.
    Stats(Stats),
}

/// Which people are to be listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeopleList {
    /// Only those behind this identity.
    pub after: Option<Identity>,
    /// So many at most.
    pub limit: usize,
    /// Only those whose name or identity has this in it; in small letters.
    pub query: Option<String>,
}

/// Why a frame is not a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Its code.
    pub refusal: Refusal,
    /// The same in words for developers.
    pub message: String,
    /// The request it was, if that much could be read.
    pub request: Option<RequestId>,
    /// It was not even a JSON object with a type: three of those and the session is over.
    pub is_strike: bool,
    /// It was to be a `stats`.
    pub is_report: bool,
}

/// Parses one frame whose brackets nest at most `depth_max` deep.
pub fn parse(text: &str, depth_max: usize) -> Result<Request, Fault> {
    if !depth::is_shallow(text, depth_max) {
        return Err(Fault::strike(format!("nested deeper than {depth_max}")));
    }
    let text = &json::with_integers(text);
    let envelope: Envelope = serde_json::from_str(text).map_err(|error| Fault::strike(error.to_string()))?;
    let request = envelope.request();
    let is_report = envelope.kind.as_ref().and_then(Value::as_str) == Some("stats");
    let fault =
        |refusal, message: String| Fault { refusal, message, request: request.clone(), is_strike: false, is_report };
    if !matches!(envelope.kind, Some(Value::String(_))) {
        return Err(Fault { is_strike: true, ..fault(Refusal::InvalidArgument, "`type` must be a string".to_owned()) });
    }
    let frame: Frame =
        serde_json::from_str(text).map_err(|error| fault(Refusal::InvalidArgument, error.to_string()))?;
    if frame == Frame::Unknown {
        return Err(fault(Refusal::UnknownType, "this type is not known".to_owned()));
    }
    let Some(id) = request.clone() else {
        return Err(fault(Refusal::InvalidArgument, "`request_id` must be 1 to 64 characters".to_owned()));
    };
    let command = judge::command(frame).map_err(|(refusal, message)| fault(refusal, message))?;
    Ok(Request { id, command })
}

/// The request that a frame is, whatever else is wrong with it.
#[must_use]
pub fn request_of(text: &str, depth_max: usize) -> Option<RequestId> {
    if !depth::is_shallow(text, depth_max) {
        return None;
    }
    serde_json::from_str::<Envelope>(text).ok()?.request()
}

impl Fault {
    fn strike(message: String) -> Self {
        Self { refusal: Refusal::InvalidArgument, message, request: None, is_strike: true, is_report: false }
    }
}

/// What every frame has.
#[derive(Deserialize)]
struct Envelope {
    #[serde(rename = "type")]
    kind: Option<Value>,
    request_id: Option<Value>,
}

impl Envelope {
    fn request(&self) -> Option<RequestId> {
        RequestId::parse(self.request_id.as_ref()?.as_str()?).ok()
    }
}
