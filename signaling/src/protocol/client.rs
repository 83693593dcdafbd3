//! What a client says: one command a frame, parsed once into what a room is asked.
//!
//! Unknown fields are ignored. An unknown type, a missing field or one of the wrong type is a fault with a code.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{OFFER_BYTES_MAX, depth};
use crate::{
    ids::{Identity, RequestId, SeatIndex},
    room::{Act, Refusal, SeatMode},
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
    /// Go on with an earlier session.
    Resume,
    /// Something for the room to decide.
    Act(Act),
    /// Is anybody there.
    Ping,
    /// What the client measured.
    Stats(Stats),
}

/// What a client measured. What it does not know is absent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Stats {
    /// Round-trip time of the media path.
    pub rtt_ms: Option<f64>,
    /// How long its jitter buffer holds audio.
    pub jitter_buffer_ms: Option<f64>,
    /// From the start of the join to the first audio played.
    pub join_ms: Option<f64>,
    /// Packets that never came.
    pub lost: Option<u64>,
    /// Packets that came.
    pub received: Option<u64>,
    /// Samples made up for lost ones.
    pub concealed: Option<u64>,
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
}

/// Parses one frame whose brackets nest at most `depth_max` deep.
pub fn parse(text: &str, depth_max: usize) -> Result<Request, Fault> {
    if !depth::is_shallow(text, depth_max) {
        return Err(Fault::strike(format!("nested deeper than {depth_max}")));
    }
    let envelope: Envelope = serde_json::from_str(text).map_err(|error| Fault::strike(error.to_string()))?;
    let request = envelope.request();
    let fault = |refusal, message: String| Fault { refusal, message, request: request.clone(), is_strike: false };
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
    let command = command(frame).map_err(|(refusal, message)| fault(refusal, message.to_owned()))?;
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
        Self { refusal: Refusal::InvalidArgument, message, request: None, is_strike: true }
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

/// The frames as they stand on the wire, less `request_id`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Frame {
    /// See [`Command::Join`].
    #[expect(missing_docs, reason = "the wire's fields are documented where the command is")]
    Join { offer: Option<String>, mic_ready: Option<bool> },
    /// See [`Command::Resume`]; its fields are not looked at.
    Resume,
    /// See [`Command::Ping`].
    Ping,
    /// See [`Command::Stats`].
    Stats(Stats),
    /// See [`Act::Leave`].
    Leave,
    /// See [`Act::SeatTake`].
    SeatTake(SeatField),
    /// See [`Act::SeatLeave`].
    SeatLeave,
    /// See [`Act::SeatConfirm`].
    SeatConfirm(OptionalSeatField),
    /// See [`Act::SeatDecline`].
    SeatDecline(OptionalSeatField),
    /// See [`Act::SeatLock`].
    #[expect(missing_docs, reason = "the wire's fields are documented where the command is")]
    SeatLock { seat: i64, evict: Option<bool>, expect_rev: Option<u64> },
    /// See [`Act::SeatUnlock`].
    SeatUnlock(SeatAtRev),
    /// See [`Act::SeatMute`].
    SeatMute(SeatAtRev),
    /// See [`Act::SeatUnmute`].
    SeatUnmute(SeatAtRev),
    /// See [`Act::SeatKick`].
    SeatKick(SeatAtRev),
    /// See [`Act::HandRaise`].
    #[expect(missing_docs, reason = "the wire's fields are documented where the command is")]
    HandRaise { wanted_seat: Option<i64>, mic_ready: Option<bool> },
    /// See [`Act::HandLower`].
    HandLower,
    /// See [`Act::HandApprove`].
    HandApprove(Person),
    /// See [`Act::HandDeny`].
    HandDeny(Person),
    /// See [`Act::MemberMute`].
    MemberMute(Person),
    /// See [`Act::MemberUnmute`].
    MemberUnmute(Person),
    /// See [`Act::MemberKick`].
    MemberKick(Person),
    /// See [`Act::MuteSelf`].
    #[expect(missing_docs, reason = "the wire's fields are documented where the command is")]
    MuteSelf { muted: bool },
    /// See [`Act::RoomUpdate`].
    #[expect(missing_docs, reason = "the wire's fields are documented where the command is")]
    RoomUpdate { seat_mode: Option<SeatModeWord>, hands: Option<HandsWord> },
    /// Any other type.
    #[serde(other)]
    Unknown,
}

/// A seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeatField {
    /// Its number.
    pub seat: i64,
}

/// A seat, if the client says which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OptionalSeatField {
    /// Its number.
    pub seat: Option<i64>,
}

/// A seat, and how the caller last saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeatAtRev {
    /// Its number.
    pub seat: i64,
    /// Act only if the seat still has this revision.
    pub expect_rev: Option<u64>,
}

/// A person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// Who.
    pub identity: Identity,
}

/// The words for [`SeatMode`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "they are documented at SeatMode")]
pub enum SeatModeWord {
    Free,
    Apply,
    InviteOnly,
}

impl From<SeatModeWord> for SeatMode {
    fn from(word: SeatModeWord) -> Self {
        match word {
            SeatModeWord::Free => Self::Free,
            SeatModeWord::Apply => Self::Apply,
            SeatModeWord::InviteOnly => Self::InviteOnly,
        }
    }
}

/// Whether hands may be raised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the words say it")]
pub enum HandsWord {
    On,
    Off,
}

impl HandsWord {
    /// As a room is told.
    #[must_use]
    pub fn is_on(self) -> bool {
        match self {
            Self::On => true,
            Self::Off => false,
        }
    }
}

type Wrong = (Refusal, &'static str);

fn command(frame: Frame) -> Result<Command, Wrong> {
    let act = match frame {
        Frame::Join { offer, mic_ready } => return join(offer, mic_ready),
        Frame::Resume => return Ok(Command::Resume),
        Frame::Ping => return Ok(Command::Ping),
        Frame::Stats(stats) => return checked(stats).map(Command::Stats),
        Frame::Leave => Act::Leave,
        Frame::SeatTake(SeatField { seat }) => Act::SeatTake { seat: seat_index(seat)? },
        Frame::SeatLeave => Act::SeatLeave,
        Frame::SeatConfirm(OptionalSeatField { seat }) => Act::SeatConfirm { seat: maybe_seat(seat)? },
        Frame::SeatDecline(OptionalSeatField { seat }) => Act::SeatDecline { seat: maybe_seat(seat)? },
        Frame::SeatLock { seat, evict, expect_rev } => {
            Act::SeatLock { seat: seat_index(seat)?, evict: evict.unwrap_or(false), expect_rev }
        }
        Frame::SeatUnlock(SeatAtRev { seat, expect_rev }) => Act::SeatUnlock { seat: seat_index(seat)?, expect_rev },
        Frame::SeatMute(SeatAtRev { seat, expect_rev }) => Act::SeatMute { seat: seat_index(seat)?, expect_rev },
        Frame::SeatUnmute(SeatAtRev { seat, expect_rev }) => Act::SeatUnmute { seat: seat_index(seat)?, expect_rev },
        Frame::SeatKick(SeatAtRev { seat, expect_rev }) => Act::SeatKick { seat: seat_index(seat)?, expect_rev },
        Frame::HandRaise { wanted_seat, mic_ready } => {
            Act::HandRaise { wanted_seat: maybe_seat(wanted_seat)?, mic_ready: mic_ready.unwrap_or(false) }
        }
        Frame::HandLower => Act::HandLower,
        Frame::HandApprove(Person { identity }) => Act::HandApprove { identity },
        Frame::HandDeny(Person { identity }) => Act::HandDeny { identity },
        Frame::MemberMute(Person { identity }) => Act::MemberMute { identity },
        Frame::MemberUnmute(Person { identity }) => Act::MemberUnmute { identity },
        Frame::MemberKick(Person { identity }) => Act::MemberKick { identity, deny: false, reason: None },
        Frame::MuteSelf { muted } => Act::MuteSelf { muted },
        Frame::RoomUpdate { seat_mode, hands } => Act::RoomUpdate(crate::room::RoomChange {
            seat_mode: seat_mode.map(SeatMode::from),
            hands: hands.map(HandsWord::is_on),
            ..Default::default()
        }),
        Frame::Unknown => return Err((Refusal::UnknownType, "this type is not known")),
    };
    Ok(Command::Act(act))
}

fn join(offer: Option<String>, mic_ready: Option<bool>) -> Result<Command, Wrong> {
    if offer.as_ref().is_some_and(|offer| offer.len() > OFFER_BYTES_MAX) {
        return Err((Refusal::InvalidArgument, "`offer` is longer than 32 KiB"));
    }
    Ok(Command::Join { offer, mic_ready: mic_ready.unwrap_or(false) })
}

/// Measurements that cannot be true are refused, so that no clock gone wild spoils a histogram.
fn checked(stats: Stats) -> Result<Stats, Wrong> {
    let times = [stats.rtt_ms, stats.jitter_buffer_ms, stats.join_ms];
    if times.into_iter().flatten().any(|ms| !(0.0..=STATS_MS_MAX).contains(&ms)) {
        return Err((Refusal::InvalidArgument, "a time must be from 0 to 600000 ms"));
    }
    Ok(stats)
}

/// A number that no room can have as a seat is a seat that is not there, like any other.
fn seat_index(seat: i64) -> Result<SeatIndex, Wrong> {
    u8::try_from(seat)
        .ok()
        .and_then(|seat| SeatIndex::new(seat).ok())
        .ok_or((Refusal::SeatNotFound, Refusal::SeatNotFound.message()))
}

fn maybe_seat(seat: Option<i64>) -> Result<Option<SeatIndex>, Wrong> {
    seat.map(seat_index).transpose()
}

/// The longest time that a client can have measured.
const STATS_MS_MAX: f64 = 600_000.0;
