//! Ids are the names that travel: rooms, people, sessions, requests and seats.
//!
//! Each is parsed once, at the edge; whoever holds one holds a valid one. They know nothing of what they name.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::text::{self, Lines, TextFault};

/// Why a text is not an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Nothing was given, or nothing that can be seen.
    #[error("must not be blank")]
    Empty,
    /// More characters than the kind of id allows.
    #[error("must have at most {max_chars} characters")]
    TooLong {
        /// The most characters that this kind of id may have.
        max_chars: usize,
    },
    /// A character that this kind of id does not allow.
    #[error("contains a character that is not allowed here")]
    BadCharacter,
    /// What stands for a folder in a path.
    #[error("must not be `.` or `..`")]
    Dots,
    /// A session id that was not made by this server.
    #[error("is not a session id")]
    NotASession,
    /// A seat number that no room can have.
    #[error("must be a seat number from 0 to 31")]
    NotASeat,
    /// Not the id of a hand or an invite of a room.
    #[error("is not an id that a room gives")]
    NotANumberedId,
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $check:path) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Takes a text for this kind of id, if it is one.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                $check(text).map(|text| Self(Arc::from(text)))
            }

            /// The id as it travels.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({:?})"), &*self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::parse(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}

text_id!(
    /// Names a room: 1 to 64 of `A-Z a-z 0-9 _ -`.
    RoomId,
    check_room
);
text_id!(
    /// Names a person or an agent, as its token does: a text of 1 to 128 characters that can be shown, without white space at its ends.
    Identity,
    check_identity
);
text_id!(
    /// Names one joined connection of a participant: `PA_` and 22 URL-safe characters.
    SessionId,
    check_session
);
text_id!(
    /// Names one request of a session, chosen by the client: 1 to 64 characters, none of them a control.
    RequestId,
    check_request
);

macro_rules! numbered_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub u64);

        impl $name {
            /// Takes a text for such an id.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                let number = text.strip_prefix($prefix).filter(|rest| {
                    (1..=20).contains(&rest.len()) && rest.bytes().all(|byte| byte.is_ascii_digit())
                });
                number.and_then(|number| number.parse().ok()).map(Self).ok_or(IdError::NotANumberedId)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::parse(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}

numbered_id!(
    /// Names one raised hand of a room: `HD_` and its number.
    HandId,
    "HD_"
);
numbered_id!(
    /// Names one invite of a room: `IN_` and its number.
    InviteId,
    "IN_"
);

impl Identity {
    /// The name under which a back end acts whose token names nobody.
    pub fn back_end() -> Self {
        Self(Arc::from("back-end"))
    }

    /// Stands for someone whose data was erased.
    pub fn erased() -> Self {
        Self(Arc::from("erased"))
    }

    /// Stands for someone whose name was not kept.
    pub fn unknown() -> Self {
        Self(Arc::from("unknown"))
    }

    /// The name under which a room keeps a further session of this person. The control character in it makes it nobody's own.
    pub(crate) fn copy(&self, number: u64) -> Self {
        Self(Arc::from(format!("{self}\u{1f}{number}")))
    }
}

impl SessionId {
    /// Makes a session id of 128 random bits.
    pub fn from_random(random: [u8; 16]) -> Self {
        let mut text = String::with_capacity(SESSION_PREFIX.len() + SESSION_CHARS);
        text.push_str(SESSION_PREFIX);
        let bits = u128::from_be_bytes(random);
        // 22 characters of 6 bits are 132 bits: the last character carries the two that are left and four zeros.
        for place in 0..SESSION_CHARS {
            let shift = 122_i32 - 6 * i32::try_from(place).expect("22 places fit an i32");
            let sextet = if shift >= 0 { bits >> shift } else { bits << -shift };
            let index = usize::try_from(sextet & 0x3f).expect("six bits fit a usize");
            text.push(char::from(URL_SAFE[index]));
        }
        Self(Arc::from(text))
    }
}

/// The number of a seat in its room, 0 to 31. Seat 0 is the host seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SeatIndex(u8);

impl SeatIndex {
    /// The host seat: for hosts and cohosts only, never cued or offered.
    pub const HOST: Self = Self(0);

    /// Takes a number for a seat's, if any room can have it.
    pub fn new(index: u8) -> Result<Self, IdError> {
        if index < SEATS_MAX { Ok(Self(index)) } else { Err(IdError::NotASeat) }
    }

    /// Takes a text (as in a path) for a seat number.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        let plain = (1..=2).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        if !plain {
            return Err(IdError::NotASeat);
        }
        Self::new(text.parse().map_err(|_| IdError::NotASeat)?)
    }

    /// The number.
    pub fn get(self) -> u8 {
        self.0
    }
}

impl fmt::Display for SeatIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for SeatIndex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(self.0)
    }
}

impl<'de> Deserialize<'de> for SeatIndex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(u8::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

fn check_room(text: &str) -> Result<&str, IdError> {
    check_length(text, ROOM_CHARS_MAX)?;
    check_chars(text, |c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}

fn check_identity(text: &str) -> Result<&str, IdError> {
    match text::checked(text, IDENTITY_CHARS_MAX, Lines::One)? {
        // Whoever builds a path from it would ask for something else.
        "." | ".." => Err(IdError::Dots),
        identity => Ok(identity),
    }
}

fn check_session(text: &str) -> Result<&str, IdError> {
    let Some(random) = text.strip_prefix(SESSION_PREFIX) else {
        return Err(IdError::NotASession);
    };
    if random.len() != SESSION_CHARS || !random.bytes().all(|byte| URL_SAFE.contains(&byte)) {
        return Err(IdError::NotASession);
    }
    Ok(text)
}

fn check_request(text: &str) -> Result<&str, IdError> {
    check_length(text, REQUEST_CHARS_MAX)?;
    check_chars(text, |c| !c.is_control())
}

fn check_length(text: &str, max_chars: usize) -> Result<(), IdError> {
    if text.is_empty() {
        return Err(IdError::Empty);
    }
    // A character has at most four bytes: the first test spares counting through a huge text.
    if text.len() > max_chars * 4 || text.chars().count() > max_chars {
        return Err(IdError::TooLong { max_chars });
    }
    Ok(())
}

fn check_chars(text: &str, allowed: impl Fn(char) -> bool) -> Result<&str, IdError> {
    if text.chars().all(allowed) { Ok(text) } else { Err(IdError::BadCharacter) }
}

impl From<TextFault> for IdError {
    fn from(fault: TextFault) -> Self {
        match fault {
            TextFault::Blank => Self::Empty,
            TextFault::TooLong { chars_max } => Self::TooLong { max_chars: chars_max },
            TextFault::Character(_) => Self::BadCharacter,
        }
    }
}

/// The most seats a room can have.
pub const SEATS_MAX: u8 = 32;
const ROOM_CHARS_MAX: usize = 64;
const IDENTITY_CHARS_MAX: usize = 128;
const REQUEST_CHARS_MAX: usize = 64;
const SESSION_PREFIX: &str = "PA_";
const SESSION_CHARS: usize = 22;
const URL_SAFE: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_room_id_is_1_to_64_plain_characters() {
        assert!(RoomId::parse("a").is_ok());
        assert!(RoomId::parse("Demo_room-7").is_ok());
        assert!(RoomId::parse(&"x".repeat(64)).is_ok());
        assert_eq!(RoomId::parse(&"x".repeat(65)), Err(IdError::TooLong { max_chars: 64 }));
        assert_eq!(RoomId::parse(""), Err(IdError::Empty));
        for bad in ["a b", "a/b", "ä", "a.b", "a\n", "a\0"] {
            assert_eq!(RoomId::parse(bad), Err(IdError::BadCharacter), "{bad:?}");
        }
    }

    #[test]
    fn an_identity_may_be_any_script_but_not_a_trick() {
        for good in ["ada", "Ада", "アダ", "ada@example.org", "👩‍🚀", &"ж".repeat(128)] {
            assert!(Identity::parse(good).is_ok(), "{good:?}");
        }
        assert_eq!(Identity::parse(&"ж".repeat(129)), Err(IdError::TooLong { max_chars: 128 }));
        assert_eq!(Identity::parse(""), Err(IdError::Empty));
        for bad in
            ["a\u{0}", "a\u{7f}", "a\u{85}a", "\u{202e}ada", "ada\u{2066}", "a\u{200f}", "a\u{200b}", "a\u{3164}"]
        {
            assert_eq!(Identity::parse(bad), Err(IdError::BadCharacter), "{bad:?}");
        }
        for blank in [" ", "\u{2800}", "\u{3000}\n", "\u{301}"] {
            assert_eq!(Identity::parse(blank), Err(IdError::Empty), "{blank:?}");
        }
        for dots in [".", "..", " .. "] {
            assert_eq!(Identity::parse(dots), Err(IdError::Dots), "{dots:?}");
        }
        assert!(Identity::parse("...").is_ok() && Identity::parse(".ada").is_ok());
        assert_eq!(Identity::parse(" ada\n").map(|id| id.to_string()), Ok("ada".to_owned()));
    }

    #[test]
    fn a_session_id_of_random_bits_is_base64url() {
        assert_eq!(SessionId::from_random([0; 16]).as_str(), "PA_AAAAAAAAAAAAAAAAAAAAAA");
        assert_eq!(SessionId::from_random([255; 16]).as_str(), "PA______________________w");
        let counted = std::array::from_fn(|i| u8::try_from(i).unwrap());
        assert_eq!(SessionId::from_random(counted).as_str(), "PA_AAECAwQFBgcICQoLDA0ODw");
        for bad in ["", "PA_", "PA_short", "RM_AAAAAAAAAAAAAAAAAAAAAA", "PA_AAAAAAAAAAAAAAAAAAAAA!"] {
            assert_eq!(SessionId::parse(bad), Err(IdError::NotASession), "{bad:?}");
        }
    }

    #[test]
    fn a_request_id_is_1_to_64_characters() {
        assert!(RequestId::parse("1").is_ok());
        assert!(RequestId::parse(&"ж".repeat(64)).is_ok());
        assert_eq!(RequestId::parse(&"r".repeat(65)), Err(IdError::TooLong { max_chars: 64 }));
        assert_eq!(RequestId::parse("a\nb"), Err(IdError::BadCharacter));
    }

    #[test]
    fn a_seat_is_0_to_31() {
        assert_eq!(SeatIndex::new(31).map(SeatIndex::get), Ok(31));
        assert_eq!(SeatIndex::new(32), Err(IdError::NotASeat));
        assert_eq!(SeatIndex::parse("0"), Ok(SeatIndex::HOST));
        for bad in ["", "32", "256", "-1", "+1", " 1", "001"] {
            assert_eq!(SeatIndex::parse(bad), Err(IdError::NotASeat), "{bad:?}");
        }
    }

    #[test]
    fn json_that_is_not_an_id_is_refused() {
        assert!(serde_json::from_str::<RoomId>("\"a b\"").is_err());
        assert!(serde_json::from_str::<SeatIndex>("32").is_err());
        assert!(serde_json::from_str::<SeatIndex>("-1").is_err());
        assert!(serde_json::from_str::<Identity>("7").is_err());
        assert_eq!(serde_json::to_string(&SeatIndex::HOST).unwrap(), "0");
    }

    proptest! {
        #[test]
        fn what_was_parsed_is_written_as_it_was(text in any::<String>()) {
            if let Ok(room) = RoomId::parse(&text) {
                prop_assert_eq!(room.as_str(), &text);
            }
            if let Ok(identity) = Identity::parse(&text) {
                prop_assert!(text.contains(identity.as_str()));
                prop_assert_eq!(Identity::parse(identity.as_str()), Ok(identity.clone()));
            }
        }

        #[test]
        fn a_made_session_id_is_a_session_id(random in any::<[u8; 16]>(), other in any::<[u8; 16]>()) {
            let session = SessionId::from_random(random);
            prop_assert_eq!(SessionId::parse(session.as_str()), Ok(session.clone()));
            prop_assert_eq!(random == other, session == SessionId::from_random(other));
        }
    }
}
