//! Bodies of the HTTP API.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    SCHEDULE_MS_MAX,
    client::{
        lasts, reason, turn,
        words::{DuplicatesWord, HandsWord, InterruptWord, PromoteWord, RankWord, SeatModeWord},
    },
    view::{SnapshotJson, millis},
};
use crate::{
    ids::{Identity, RoomId, SEATS_MAX},
    room::{Duplicates, Interrupt, Promote, RoleCounts, SeatMode, Settings, Snapshot},
};

/// The body of `POST /v1/rooms`. What is absent is as the server's configuration has it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct CreateRoom {
    /// The id of the room.
    pub id: RoomId,
    /// How many seats, 1 to 32.
    #[cfg_attr(test, schemars(range(min = 1, max = SEATS_MAX)))]
    pub seats: Option<u8>,
    /// Who may take an open seat.
    #[cfg_attr(test, schemars(with = "Option<crate::room::SeatMode>"))]
    pub seat_mode: Option<SeatModeWord>,
    /// Whether hands may be raised.
    #[cfg_attr(test, schemars(with = "Option<crate::protocol::tests::codes::OnOff>"))]
    pub hands: Option<HandsWord>,
    /// What becomes of others while a host or cohost speaks.
    #[cfg_attr(test, schemars(with = "Option<crate::room::Interrupt>"))]
    pub interrupt: Option<InterruptWord>,
    /// Whether an opened seat is offered to the hands in the queue, one after the other.
    pub auto_offer: Option<bool>,
    /// How long a guest may hold a seat: 0 (as long as they like), or 10000 to 3600000.
    #[cfg_attr(test, schemars(range(max = *super::TURN_MS.end())))]
    pub turn_ms: Option<u64>,
    /// Who becomes host when the last one has gone.
    #[cfg_attr(test, schemars(with = "Option<crate::room::Promote>"))]
    pub promote: Option<PromoteWord>,
    /// What becomes of a second session of an identity.
    #[cfg_attr(test, schemars(with = "Option<crate::room::Duplicates>"))]
    pub duplicates: Option<DuplicatesWord>,
    /// The most participants.
    #[cfg_attr(test, schemars(range(min = 1, max = PARTICIPANTS_MAX)))]
    pub participants_max: Option<usize>,
    /// When it opens, if not at once.
    pub scheduled: Option<Scheduled>,
}

/// The body of `POST /v1/bans`: someone is banned from all rooms.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct BanEverywhere {
    /// Whom.
    pub identity: Identity,
    /// Why.
    #[cfg_attr(test, schemars(length(max = super::REASON_CHARS_MAX)))]
    pub reason: Option<String>,
    /// How long, in milliseconds; absent: until it is lifted.
    #[cfg_attr(test, schemars(range(min = *super::FOR_MS.start(), max = *super::FOR_MS.end())))]
    pub for_ms: Option<u64>,
}

impl BanEverywhere {
    /// Why, and how long.
    ///
    /// # Errors
    ///
    /// A value that cannot be, in words for developers.
    pub fn decision(&self) -> Result<(Option<String>, Option<Duration>), String> {
        Ok((reason(self.reason.clone()).map_err(|(_, why)| why)?, lasts(self.for_ms)?))
    }
}

/// When a room opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Scheduled {
    /// The Unix time in milliseconds.
    pub at: u64,
}

impl CreateRoom {
    /// The settings of the room: `defaults` but for what the body says. `now_ms` is the Unix time in milliseconds.
    pub fn settings(&self, defaults: &Settings, now_ms: u64) -> Result<Settings, &'static str> {
        if self.seats.is_some_and(|seats| !(1..=SEATS_MAX).contains(&seats)) {
            return Err("`seats` must be from 1 to 32");
        }
        if self.participants_max.is_some_and(|most| !(1..=PARTICIPANTS_MAX).contains(&most)) {
            return Err("`participants_max` must be from 1 to 100000");
        }
        let opens_in = self.scheduled.map(|scheduled| scheduled.opens_in(now_ms)).transpose()?;
        Ok(Settings {
            seats: self.seats.unwrap_or(defaults.seats),
            seat_mode: self.seat_mode.map_or(defaults.seat_mode, Into::into),
            hands: self.hands.map_or(defaults.hands, HandsWord::is_on),
            interrupt: self.interrupt.map_or(defaults.interrupt, Into::into),
            auto_offer: self.auto_offer.unwrap_or(defaults.auto_offer),
            turn: self.turn_ms.map_or(Ok(defaults.turn), turn)?,
            promote: self.promote.map_or(defaults.promote, Into::into),
            duplicates: self.duplicates.map_or(defaults.duplicates, Into::into),
            opens_in: opens_in.or(defaults.opens_in),
            participants_max: self.participants_max.unwrap_or(defaults.participants_max),
            ..defaults.clone()
        })
    }
}

/// Settings that were asked for and are otherwise, by their name in the body of `POST /v1/rooms`.
pub type Differs = BTreeMap<&'static str, Difference>;

/// A setting that was asked for and is otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Difference {
    /// As it was asked for.
    pub asked: Value,
    /// As it is.
    pub is: Value,
}

impl CreateRoom {
    /// What the body says and the room that is there does not have. What the body does not say does not differ.
    #[must_use]
    pub fn differs(&self, room: &Snapshot, now_ms: u64) -> Differs {
        let is = &room.room;
        let code = |asked: Option<&'static str>, is: &'static str| asked.map(|asked| (json!(asked), json!(is)));
        let is_hands = if is.hands { "on" } else { "off" };
        let asked_hands = self.hands.map(|hands| if hands.is_on() { "on" } else { "off" });
        let opens_at = is.opens_in.map(|opens_in| now_ms.saturating_add(millis(opens_in)));
        let scheduled =
            self.scheduled.filter(|asked| opens_at.is_none_or(|at| at.abs_diff(asked.at) > OPENS_WITHIN_MS));
        let all = [
            ("seats", self.seats.map(|asked| (json!(asked), json!(room.seats.len())))),
            ("seat_mode", code(self.seat_mode.map(|word| SeatMode::from(word).code()), is.seat_mode.code())),
            ("hands", code(asked_hands, is_hands)),
            ("interrupt", code(self.interrupt.map(|word| Interrupt::from(word).code()), is.interrupt.code())),
            ("auto_offer", self.auto_offer.map(|asked| (json!(asked), json!(is.auto_offer)))),
            ("turn_ms", self.turn_ms.map(|asked| (json!(asked), json!(is.turn.map_or(0, millis))))),
            ("promote", code(self.promote.map(|word| Promote::from(word).code()), is.promote.code())),
            ("duplicates", code(self.duplicates.map(|word| Duplicates::from(word).code()), is.duplicates.code())),
            ("participants_max", self.participants_max.map(|asked| (json!(asked), json!(is.participants_max)))),
            (
                "scheduled",
                scheduled.map(|asked| {
                    (json!({"at": asked.at}), opens_at.map_or(json!(is.phase.code()), |at| json!({"at": at})))
                }),
            ),
        ];
        let differ =
            all.into_iter().filter_map(|(name, pair)| pair.map(|(asked, is)| (name, Difference { asked, is })));
        differ.filter(|(_, Difference { asked, is })| asked != is).collect()
    }
}

impl Scheduled {
    fn opens_in(self, now_ms: u64) -> Result<Duration, &'static str> {
        let ahead = self.at.checked_sub(now_ms).ok_or("`scheduled.at` is in the past")?;
        if ahead > SCHEDULE_MS_MAX {
            return Err("`scheduled.at` is more than 30 days ahead");
        }
        Ok(Duration::from_millis(ahead))
    }
}

/// A room that opens within this time of the time that was asked for opens as asked.
const OPENS_WITHIN_MS: u64 = 1_000;

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
#[cfg_attr(test, derive(schemars::JsonSchema))]
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
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct RoomList {
    /// The rooms, by id.
    pub rooms: Vec<RoomSummary>,
    /// Where to begin reading `GET /v1/events`: all up to this event is in it.
    pub event_id: u64,
    /// There are more: ask again with this as `after`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<RoomId>,
}

/// An error as `application/problem+json` (RFC 9457).
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
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
    /// What may help, as in the `details` of a refused frame.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "Option<super::server::frame::DetailsJson<'a>>"))]
    pub details: Option<&'a serde_json::Value>,
    /// The id of the request, as in the header `X-Request-Id` of the answer. It stands in the server's log, too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<&'a str>,
}

/// The answer to `POST /v1/rooms`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct MadeRoom<'a> {
    /// The room.
    #[serde(flatten)]
    pub room: SnapshotJson<'a>,
    /// What was asked for and is otherwise, because the room was there before; absent if nothing is.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub differs: Differs,
}

/// A page of a list. By what it goes on is the list's own: identities, places, ids.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Page<T, C = Identity> {
    /// What is listed.
    pub items: Vec<T>,
    /// Where to begin reading `GET /v1/events`: all up to this event is in it. Absent while the log cannot be written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_id: Option<u64>,
    /// There is more: ask again with this as `after`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<C>,
}
