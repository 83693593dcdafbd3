//! Bodies of the HTTP API.

use serde::{Deserialize, Serialize};

use super::client::{HandsWord, SeatModeWord};
use crate::{
    ids::{Identity, RoomId, SEATS_MAX},
    room::{Rank, RoleCounts, SeatMode, Settings},
};

/// The body of `POST /v1/rooms`. What is absent is as the server's configuration has it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct CreateRoom {
    /// The id of the room.
    pub id: RoomId,
    /// How many seats, 1 to 32.
    pub seats: Option<u8>,
    /// Who may take an open seat.
    pub seat_mode: Option<SeatModeWord>,
    /// Whether hands may be raised.
    pub hands: Option<HandsWord>,
    /// The most participants.
    pub participants_max: Option<usize>,
}

impl CreateRoom {
    /// The settings of the room: `defaults` but for what the body says.
    pub fn settings(&self, defaults: &Settings) -> Result<Settings, &'static str> {
        if self.seats.is_some_and(|seats| !(1..=SEATS_MAX).contains(&seats)) {
            return Err("`seats` must be from 1 to 32");
        }
        if self.participants_max.is_some_and(|most| !(1..=PARTICIPANTS_MAX).contains(&most)) {
            return Err("`participants_max` must be from 1 to 100000");
        }
        Ok(Settings {
            seats: self.seats.unwrap_or(defaults.seats),
            seat_mode: self.seat_mode.map_or(defaults.seat_mode, SeatMode::from),
            hands: self.hands.map_or(defaults.hands, HandsWord::is_on),
            participants_max: self.participants_max.unwrap_or(defaults.participants_max),
            ..defaults.clone()
        })
    }
}

/// The most participants that a body can ask for.
pub const PARTICIPANTS_MAX: usize = 100_000;

/// The body of `POST /dev/token`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct DevTokenRequest {
    /// The room it is for.
    pub room: RoomId,
    /// Whose it is; made up if absent.
    pub identity: Option<Identity>,
    /// The name to show.
    pub name: Option<String>,
    /// The rank at the first join; `member` if absent.
    pub rank: Option<RankWord>,
}

/// The words for [`Rank`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "they are documented at Rank")]
pub enum RankWord {
    Host,
    Cohost,
    Member,
}

impl From<RankWord> for Rank {
    fn from(word: RankWord) -> Self {
        match word {
            RankWord::Host => Self::Host,
            RankWord::Cohost => Self::Cohost,
            RankWord::Member => Self::Member,
        }
    }
}

/// The answer to `POST /dev/token`.
#[derive(Debug, Serialize)]
pub struct DevToken<'a> {
    /// The token.
    pub token: String,
    /// Whose it is.
    pub identity: &'a Identity,
    /// The room it is for.
    pub room: &'a RoomId,
}

/// One room in the answer to `GET /v1/rooms`.
#[derive(Debug, Serialize)]
pub struct RoomSummary {
    /// Which.
    pub id: RoomId,
    /// How many are in it.
    pub participants: usize,
    /// Of them: hosts.
    pub hosts: usize,
    /// Of them: others on stage.
    pub guests: usize,
    /// Of them: everyone else.
    pub listeners: usize,
}

impl RoomSummary {
    /// Sums a room up.
    #[must_use]
    pub fn new(id: RoomId, roles: RoleCounts) -> Self {
        let RoleCounts { hosts, guests, listeners } = roles;
        Self { id, participants: hosts + guests + listeners, hosts, guests, listeners }
    }
}

/// The answer to `GET /v1/rooms`.
#[derive(Debug, Serialize)]
pub struct RoomList {
    /// The rooms, by id.
    pub rooms: Vec<RoomSummary>,
    /// There are more: ask again with this as `after`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<RoomId>,
}

/// An error as `application/problem+json` (RFC 9457).
#[derive(Debug, Serialize)]
pub struct Problem<'a> {
    /// Always `about:blank`: the code says what it is.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// In words for people.
    pub title: &'a str,
    /// The HTTP status.
    pub status: u16,
    /// The stable code.
    pub code: &'a str,
    /// What exactly, in words for developers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<&'a str>,
}
