//! Codes are the texts that stand for a closed set of values. Here the schema learns each set from the values themselves.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::DeserializeOwned;

use crate::{
    ids::{HandId, Identity, InviteId, RequestId, RoomId, SeatIndex, SessionId},
    room::{
        ByeAction, ByeReason, CanJoin, CannotJoin, ConnectionQuality, DecisionCause, DelayClass, DelaySide, DelayTerm,
        Duplicates, HandChange, Interrupt, InviteChange, LeftReason, OfferOutcome, Phase, Promote, Rank, RankCause,
        Refusal, ReservedWhy, Role, SeatCause, SeatMode, SessionEnd, UnheardWhy,
    },
};

macro_rules! closed_sets {
    ($($value:ident { $($variant:ident),* $(,)? })*) => {
        $(impl JsonSchema for $value {
            fn schema_name() -> Cow<'static, str> {
                stringify!($value).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                let all = [$(Self::$variant),*];
                // A variant that is not listed here does not compile.
                let known = |value: Self| match value {
                    $(Self::$variant => value.code(),)*
                };
                set(all.map(known))
            }
        })*
    };
}

closed_sets! {
    SeatCause {
        Taken, Confirmed, Reserved, Released, Left, KickedOff, Locked, Unlocked, Muted, Unmuted, MemberMuted, MemberUnmuted, MuteOver,
        SelfMuted, SelfUnmuted, TakenOver, Interrupted, Restored, Lost, Rank, Moved, Swapped, Turn, TurnOver,
    }
    HandChange { Raised, Changed, Lowered, Approved, Denied, Cleared, Expired, Gone }
    InviteChange { Sent, Accepted, Declined, Expired, Revoked }
    DecisionCause { Set, Lifted, Expired, Forgotten }
    RankCause { Given, Transferred, Promoted }
    OfferOutcome { Accepted, Declined, Expired, Withdrawn }
    CannotJoin { Forbidden, AlreadySeated, CoolingDown, HandsOff }
    LeftReason { Left, Kicked, Banned, Gone }
    SessionEnd { Left, Lost, Kicked, Banned, Duplicate, RoomClosed, Refused }
    ReservedWhy { Approved, Invited, Offered, Assigned, Reconnect }
    SeatMode { Free, Apply, InviteOnly }
    Phase { Scheduled, Live, Hostless, Closing, Closed }
    Interrupt { Off, Duck, Hold }
    Promote { Cohost, LongestSeated, None }
    Duplicates { Takeover, Reject, Allow }
    Rank { Host, Cohost, Member }
    Role { Host, Guest, Listener }
    DelayClass { Natural, Ok, Laggy }
    DelayTerm { Uplink, Framing, Residence, Downlink, JitterBuffer, Device }
    DelaySide { Hearing, Speaking }
    ConnectionQuality { Excellent, Good, Poor, Lost }
    UnheardWhy {
        TooLarge, NoKeys, RtpMalformed, SrtpAuth, SrtpReplayed, NoMicrophone, PayloadType, Ssrc, Budget, Stale, Stray, Protect,
    }
    ByeAction { Stop, Resume, Rejoin, Retry }
}

macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident as $schema_name:literal = $texts:expr;)*) => {
        $($(#[$doc])*
        pub(crate) struct $name;

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                $schema_name.into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                set($texts)
            }
        })*
    };
}

texts! {
    /// Whether hands may be raised.
    OnOff as "OnOff" = ["on", "off"];
    /// What a seat is.
    SeatState as "SeatState" = ["open", "locked", "reserved", "occupied"];
    /// How a seat is one's own.
    OwnSeatState as "OwnSeatState" = ["occupied", "reserved"];
    /// Whether someone can have an open seat.
    CanJoinCode as "CanJoin" = [CanJoin::Yes, CanJoin::Apply, CanJoin::No(CannotJoin::Forbidden)].map(CanJoin::code);
    /// Why a session ends: a reason of its own, or a refusal.
    ByeReasonCode as "ByeReason" = [ByeReason::Kicked, ByeReason::Duplicate, ByeReason::SlowConsumer]
        .into_iter()
        .chain(Refusal::ALL.iter().copied().map(ByeReason::Refused))
        .map(ByeReason::code);
}

impl JsonSchema for Refusal {
    fn schema_name() -> Cow<'static, str> {
        "ErrorCode".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        set(Self::ALL.iter().map(|refusal| refusal.code()))
    }
}

fn set(codes: impl IntoIterator<Item = &'static str>) -> Schema {
    let codes: Vec<_> = codes.into_iter().collect();
    json_schema!({ "type": "string", "enum": codes })
}

macro_rules! ids {
    ($($(#[$_doc:meta])* $id:ident: $schema:tt)*) => {
        $(impl JsonSchema for $id {
            fn schema_name() -> Cow<'static, str> {
                stringify!($id).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        })*
    };
}

ids! {
    RoomId: { "type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$", "description": "Names a room." }
    Identity: {
        "type": "string", "minLength": 1, "maxLength": 128,
        "description": "Names a person or an agent, as its token does. It can be shown: no controls, no characters that format text or are invisible, no white space at its ends. Not `.` or `..`."
    }
    SessionId: { "type": "string", "pattern": "^PA_[A-Za-z0-9_-]{22}$", "description": "Names one joined connection of a participant." }
    RequestId: { "type": "string", "minLength": 1, "maxLength": 64, "description": "Names one command of a session; chosen by the client." }
    HandId: { "type": "string", "pattern": "^HD_[0-9]{1,20}$", "description": "Names one raised hand of a room." }
    InviteId: { "type": "string", "pattern": "^IN_[0-9]{1,20}$", "description": "Names one invite of a room." }
    SeatIndex: { "type": "integer", "minimum": 0, "maximum": 31, "description": "The number of a seat. Seat 0 is the host seat." }
}

#[test]
fn what_a_client_writes_is_what_the_room_writes() {
    use crate::protocol::client::words::{DuplicatesWord, InterruptWord, PromoteWord, RankWord, SeatModeWord};

    fn words<W: DeserializeOwned, V: JsonSchema + From<W>>(code: impl Fn(V) -> &'static str) {
        let schema = V::json_schema(&mut SchemaGenerator::default()).to_value();
        for text in schema["enum"].as_array().unwrap() {
            let word: W = serde_json::from_value(text.clone()).unwrap();
            assert_eq!(text, code(V::from(word)));
        }
    }
    words::<SeatModeWord, _>(SeatMode::code);
    words::<InterruptWord, _>(Interrupt::code);
    words::<PromoteWord, _>(Promote::code);
    words::<DuplicatesWord, _>(Duplicates::code);
    words::<RankWord, _>(Rank::code);
}
