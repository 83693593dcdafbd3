//! What is told outside of a room's life and of its sessions, beside the room's own log.

use serde::Serialize;

use crate::{
    ids::{Identity, RoomId, SessionId},
    room::SessionEnd,
};

/// A room was made.
pub const ROOM_CREATED: &str = "room.created";
/// A room goes on after a restart of the server. The sessions of before are over.
pub const ROOM_RESTORED: &str = "room.restored";
/// A room is over.
pub const ROOM_CLOSED: &str = "room.closed";
/// A session began: a person, or another session of theirs, is in the room.
pub const PARTICIPANT_JOINED: &str = "participant.joined";
/// A session is over.
pub const PARTICIPANT_LEFT: &str = "participant.left";

/// The body of such an event.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "LifecycleEvent"))]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Lifecycle<'a> {
    /// The room was made: what was known of a room of this id is void.
    RoomCreated {
        /// Which.
        room: &'a RoomId,
    },
    /// The room goes on after a restart of the server. The sessions of before are over.
    RoomRestored {
        /// Which.
        room: &'a RoomId,
    },
    /// The room is over.
    RoomClosed {
        /// Which.
        room: &'a RoomId,
    },
    /// A session began.
    SessionBegan {
        /// Which.
        session: &'a SessionId,
        /// Whose it is.
        identity: &'a Identity,
    },
    /// A session is over.
    SessionEnded {
        /// Which.
        session: &'a SessionId,
        /// Whose it was.
        identity: &'a Identity,
        /// Why.
        #[cfg_attr(test, schemars(with = "crate::room::SessionEnd"))]
        reason: &'static str,
    },
}

/// The body of [`ROOM_CREATED`].
#[must_use]
pub fn room_created(room: &RoomId) -> String {
    text(&Lifecycle::RoomCreated { room })
}

/// The body of [`ROOM_RESTORED`].
#[must_use]
pub fn room_restored(room: &RoomId) -> String {
    text(&Lifecycle::RoomRestored { room })
}

/// The body of [`ROOM_CLOSED`].
#[must_use]
pub fn room_closed(room: &RoomId) -> String {
    text(&Lifecycle::RoomClosed { room })
}

/// The body of [`PARTICIPANT_JOINED`].
#[must_use]
pub fn session_began(session: &SessionId, identity: &Identity) -> String {
    text(&Lifecycle::SessionBegan { session, identity })
}

/// The body of [`PARTICIPANT_LEFT`].
#[must_use]
pub fn session_ended(session: &SessionId, identity: &Identity, why: SessionEnd) -> String {
    text(&Lifecycle::SessionEnded { session, identity, reason: why.code() })
}

fn text(told: &Lifecycle<'_>) -> String {
    serde_json::to_string(told).expect("what is told has string keys")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]

    use super::*;

    #[test]
    fn lifecycles_say_what_and_who() {
        let (session, ada) = (SessionId::from_random([1; 16]), Identity::parse("ada").unwrap());
        let demo = RoomId::parse("demo").unwrap();
        assert_eq!(room_created(&demo), r#"{"type":"room_created","room":"demo"}"#);
        assert_eq!(room_restored(&demo), r#"{"type":"room_restored","room":"demo"}"#);
        assert_eq!(room_closed(&demo), r#"{"type":"room_closed","room":"demo"}"#);
        let who = format!(r#""session":"{session}","identity":"ada""#);
        assert_eq!(session_began(&session, &ada), format!(r#"{{"type":"session_began",{who}}}"#));
        let ended = session_ended(&session, &ada, SessionEnd::Lost);
        assert_eq!(ended, format!(r#"{{"type":"session_ended",{who},"reason":"lost"}}"#));
    }
}
