//! What a good token allows, and who asks by it.
//!
//! The grants are not shown: each question that a route has is a method here, which answers with the [`Caller`] or with what is missing.

use std::time::Duration;

use super::{Denied, Reason};
use crate::{
    ids::{Identity, RoomId},
    room::Rank,
};

/// What a token that was found good allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// The id of the API key that signed it.
    pub key_id: String,
    pub(super) identity: Option<Identity>,
    /// What others see: `name`, as far as it can be shown, or else the identity. None if the token names nobody.
    pub name: Option<String>,
    pub(super) room: Option<RoomId>,
    pub(super) grants: Grants,
    /// `video.canPublish`; true unless it says otherwise.
    pub can_publish: bool,
    /// `video.canSubscribe`; true unless it says otherwise.
    pub can_subscribe: bool,
    /// `video.canPublishData`; true unless it says otherwise.
    pub can_publish_data: bool,
    /// `video.hidden`.
    pub hidden: bool,
    /// `podium.rank`; without it `roomAdmin` makes a host, else it is a member.
    pub rank: Rank,
    /// `podium.tier`; 0 unless it says otherwise.
    pub tier: u32,
    /// `podium.kind`: what this is, if not a person.
    pub kind: Option<String>,
    /// `iat`, or else `nbf`: when the token was issued, in seconds since 1970.
    pub issued_at_s: Option<u64>,
    /// `exp`: until when it is good, in seconds since 1970.
    pub expires_at_s: u64,
}

/// What `video` grants.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Grants {
    /// `roomJoin`: join the room that the token names.
    pub join: bool,
    /// `roomAdmin`: administer the room that the token names.
    pub admin: bool,
    /// `roomCreate`: make rooms.
    pub create: bool,
    /// `roomList`: list rooms, and read of all of them.
    pub list: bool,
}

/// The caller of a route about one room or all rooms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// Software that runs rooms: its grants count, and not what a room knows of anyone.
    BackEnd {
        /// Under which name its acts are told.
        name: Identity,
    },
    /// Someone who could join the room and whose grants make them its administrator, too. If they were put out, they have no say.
    Administrator(Identity),
    /// Someone who could join the room: what it knows of them counts, and nothing else.
    Participant(Identity),
}

impl Caller {
    /// Under which name the caller's acts are told.
    #[must_use]
    pub fn name(&self) -> &Identity {
        match self {
            Self::BackEnd { name } | Self::Administrator(name) | Self::Participant(name) => name,
        }
    }

    /// The person who asks, if it is one whom the room may have put out.
    #[must_use]
    pub fn person(&self) -> Option<&Identity> {
        match self {
            Self::BackEnd { .. } => None,
            Self::Administrator(person) | Self::Participant(person) => Some(person),
        }
    }

    /// Whether the caller's grants reach as far as an administrator's.
    #[must_use]
    pub fn is_admin(&self) -> bool {
        match self {
            Self::BackEnd { .. } | Self::Administrator(_) => true,
            Self::Participant(_) => false,
        }
    }
}

impl Access {
    /// The identity in the token. It alone allows nothing.
    #[must_use]
    pub fn identity(&self) -> Option<&Identity> {
        self.identity.as_ref()
    }

    /// The room that the token names. It alone allows nothing.
    #[must_use]
    pub fn room(&self) -> Option<&RoomId> {
        self.room.as_ref()
    }

    /// What it grants, to be shown.
    #[must_use]
    pub fn grants(&self) -> Grants {
        self.grants
    }

    /// The identity with which this token joins `room`.
    pub fn joins(&self, room: &RoomId) -> Result<&Identity, Denied> {
        if !self.grants.join {
            return Err(self.lacks("roomJoin", Some(room)));
        }
        if self.room.as_ref() != Some(room) {
            return Err(self.is_for_another(room));
        }
        self.identity.as_ref().ok_or_else(|| {
            self.denied(
                Reason::NoIdentity,
                "sub",
                "this token names nobody: a person needs `sub`, a back end `roomAdmin`".to_owned(),
            )
        })
    }

    /// Returns the caller who may look at `room`: someone who could join it, its administrator, or a back end that lists rooms.
    pub fn reads(&self, room: &RoomId) -> Result<Caller, Denied> {
        if self.grants.list || self.is_admin_of(room) {
            return Ok(self.administrator(room));
        }
        self.participant(room)
    }

    /// Returns the caller who may act on `room`: someone who could join it, or its administrator.
    pub fn acts_on(&self, room: &RoomId) -> Result<Caller, Denied> {
        if self.is_admin_of(room) {
            return Ok(self.administrator(room));
        }
        self.participant(room)
    }

    /// Returns the caller who administers `room`.
    pub fn administers(&self, room: &RoomId) -> Result<Caller, Denied> {
        if self.is_admin_of(room) {
            return Ok(self.administrator(room));
        }
        if self.grants.admin { Err(self.is_for_another(room)) } else { Err(self.lacks("roomAdmin", Some(room))) }
    }

    /// Returns the caller who may read the logs of `room`: its administrator, or a back end that lists rooms.
    pub fn reads_logs_of(&self, room: &RoomId) -> Result<Caller, Denied> {
        if self.grants.list { Ok(self.administrator(room)) } else { self.administers(room) }
    }

    /// Returns the caller who may list and read all rooms.
    pub fn lists_rooms(&self) -> Result<Caller, Denied> {
        if self.grants.list { Ok(self.back_end()) } else { Err(self.lacks("roomList", None)) }
    }

    /// Returns the caller who may make rooms.
    pub fn makes_rooms(&self) -> Result<Caller, Denied> {
        if self.grants.create { Ok(self.back_end()) } else { Err(self.lacks("roomCreate", None)) }
    }

    /// Whether a maker of rooms may make this one: any, unless the token names one.
    pub fn makes(&self, room: &RoomId) -> Result<(), Denied> {
        if self.room.as_ref().is_none_or(|own| own == room) { Ok(()) } else { Err(self.is_for_another(room)) }
    }

    /// Returns the caller who may see and erase the records of people.
    pub fn keeps_records(&self) -> Result<Caller, Denied> {
        self.lists_rooms()?;
        self.makes_rooms()
    }

    /// Returns the caller who may ban from all rooms: a back end for the whole server, so its token names no room.
    pub fn bans_everywhere(&self) -> Result<Caller, Denied> {
        let caller = self.keeps_records()?;
        match &self.room {
            None => Ok(caller),
            Some(own) => Err(self.denied(
                Reason::OtherRoom,
                "video.room",
                format!("this wants a token for no single room, and this one is for {own}"),
            )),
        }
    }

    /// How long ago the token was issued, at `now_ms` since 1970. It is never taken for younger than it is.
    #[must_use]
    pub fn age(&self, now_ms: u64) -> Option<Duration> {
        let issued_at_ms = self.issued_at_s?.saturating_mul(1000);
        Some(Duration::from_millis(now_ms.saturating_sub(issued_at_ms)))
    }

    /// Why the token opens nothing new at `now_s` since 1970, where it has expired.
    #[must_use]
    pub fn expired(&self, now_s: u64) -> Denied {
        let ago_s = now_s.saturating_sub(self.expires_at_s);
        self.denied(Reason::Expired, "exp", format!("this token expired {ago_s} s ago"))
    }

    fn is_admin_of(&self, room: &RoomId) -> bool {
        self.grants.admin && self.room.as_ref() == Some(room)
    }

    fn administrator(&self, room: &RoomId) -> Caller {
        match self.joins(room) {
            Ok(person) => Caller::Administrator(person.clone()),
            Err(_) => self.back_end(),
        }
    }

    fn participant(&self, room: &RoomId) -> Result<Caller, Denied> {
        self.joins(room).cloned().map(Caller::Participant)
    }

    fn back_end(&self) -> Caller {
        Caller::BackEnd { name: self.identity.clone().unwrap_or_else(Identity::back_end) }
    }

    fn lacks(&self, grant: &str, room: Option<&RoomId>) -> Denied {
        let place = room.map(|room| format!(" for {room}")).unwrap_or_default();
        self.denied(
            Reason::NoGrant,
            &format!("video.{grant}"),
            format!("this wants `{grant}`{place}, which the token does not grant"),
        )
    }

    fn is_for_another(&self, room: &RoomId) -> Denied {
        let words = match &self.room {
            Some(own) => format!("this token is for the room {own}, not for {room}"),
            None => format!("this token names no room in `video.room`, and so it is not for {room}"),
        };
        self.denied(Reason::OtherRoom, "video.room", words)
    }

    fn denied(&self, reason: Reason, claim: &str, words: String) -> Denied {
        Denied::signed(reason, &self.key_id, claim, words)
    }
}
