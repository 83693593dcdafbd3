//! A refusal is a person being told no, by a stable name.
//!
//! A refusal changes nothing. What may help its recipient on travels in the details.

use std::time::Duration;

use crate::ids::{Identity, SeatIndex};

use super::view::SeatView;

macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $status:literal, $message:literal;)*) => {
        /// Why a person is told no. The names are stable: clients act on them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Refusal {
            $($(#[$doc])* $name,)*
        }

        impl Refusal {
            /// Every refusal there is.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The name on the wire.
            pub fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// The status of an HTTP answer that carries it.
            pub fn http_status(self) -> u16 {
                match self { $(Self::$name => $status,)* }
            }

            /// The same in words for people.
            pub fn message(self) -> &'static str {
                match self { $(Self::$name => $message,)* }
            }
        }
    };
}

refusals! {
    /// A field is missing, or has a value that cannot be.
    InvalidArgument = "invalid_argument", 400, "Something in this request is not as it should be.";
    /// A frame of a type that is not known.
    UnknownType = "unknown_type", 400, "This kind of request is not known.";
    /// No token, or a bad one.
    Unauthenticated = "unauthenticated", 401, "The token is missing or not valid.";
    /// The token is over.
    TokenExpired = "token_expired", 401, "The token has expired.";
    /// Not for this person.
    Forbidden = "forbidden", 403, "You may not do this.";
    /// Banned from the room.
    Banned = "banned", 403, "You are banned from this room.";
    /// Wants no invitations.
    DoNotInvite = "do_not_invite", 403, "This person does not want to be invited.";
    /// Must be screened first.
    ScreeningRequired = "screening_required", 403, "A screening is needed first.";
    /// No such room.
    RoomNotFound = "room_not_found", 404, "There is no such room.";
    /// No such person in the room.
    ParticipantNotFound = "participant_not_found", 404, "This person is not in the room.";
    /// No such seat in the room.
    SeatNotFound = "seat_not_found", 404, "There is no such seat.";
    /// The hand is no longer up.
    HandGone = "hand_gone", 404, "This hand is no longer up.";
    /// Someone sits there.
    SeatOccupied = "seat_occupied", 409, "Someone sits there already.";
    /// Kept for someone.
    SeatReserved = "seat_reserved", 409, "This seat is kept for someone.";
    /// Locked.
    SeatLocked = "seat_locked", 409, "This seat is locked.";
    /// Holds a seat, or has one kept.
    AlreadySeated = "already_seated", 409, "You have a seat already.";
    /// Holds no seat.
    NotSeated = "not_seated", 409, "You have no seat.";
    /// No seat is open.
    AllSeatsTaken = "all_seats_taken", 409, "No seat is open.";
    /// The seat mode does not allow it.
    WrongSeatMode = "wrong_seat_mode", 409, "Seats cannot be taken freely in this room at the moment.";
    /// Someone was faster.
    HandAlreadyHandled = "hand_already_handled", 409, "This hand has been dealt with already.";
    /// The seat has changed since the caller looked.
    RevConflict = "rev_conflict", 409, "The seat has changed in the meantime.";
    /// The session is over.
    SessionStale = "session_stale", 409, "This session is over.";
    /// No place for another participant.
    RoomFull = "room_full", 409, "The room is full.";
    /// The room is over.
    RoomClosed = "room_closed", 410, "The room is closed.";
    /// The seat was kept too long.
    OfferExpired = "offer_expired", 410, "The seat is no longer kept for you.";
    /// `If-Match` does not match.
    PreconditionFailed = "precondition_failed", 412, "It has changed in the meantime.";
    /// Larger than allowed.
    TooLarge = "too_large", 413, "This request is too large.";
    /// No further ban, denial, mute or given rank can be remembered.
    MemoryFull = "memory_full", 507, "No further decision of this kind can be remembered: lift some first.";
    /// Too often.
    RateLimited = "rate_limited", 429, "Not so fast: try again in a moment.";
    /// A fault of ours.
    Internal = "internal", 500, "Something went wrong on the server.";
    /// The server has no room for more.
    NodeFull = "node_full", 503, "The server is full.";
    /// More people would make it slow for all.
    LatencyAtRisk = "latency_at_risk", 503, "The server is too busy at the moment.";
    /// The server is about to stop.
    Draining = "draining", 503, "The server is about to restart.";
    /// What must be kept cannot be written.
    Storage = "storage", 503, "The server cannot store this at the moment.";
}

/// A refusal with what may help its recipient on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Why.
    pub refusal: Refusal,
    /// What may help.
    pub details: Details,
}

/// What may help someone who was refused. What does not apply is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Details {
    /// The seat as it is now.
    pub seat: Option<Box<SeatView>>,
    /// Who holds it.
    pub holder: Option<Identity>,
    /// The next seat that is open.
    pub next_open: Option<SeatIndex>,
    /// When it may be tried again.
    pub retry_after: Option<Duration>,
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self { refusal, details: Details::default() }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_refusal_has_a_name_of_its_own() {
        let codes: BTreeSet<_> = Refusal::ALL.iter().map(|refusal| refusal.code()).collect();
        assert_eq!(codes.len(), Refusal::ALL.len());
        assert_eq!(codes.len(), 34);
    }

    #[test]
    fn statuses_are_those_that_clients_know() {
        assert_eq!(Refusal::SeatOccupied.http_status(), 409);
        assert_eq!(Refusal::HandGone.http_status(), 404);
        assert_eq!(Refusal::OfferExpired.http_status(), 410);
        assert_eq!(Refusal::RateLimited.http_status(), 429);
    }
}
