//! A row is one part of a record as text: what is written, and what is taken for it when it is read again.
//!
//! A newer version may add fields, which are ignored here, and rows of an older version lack some, which are then as if nothing was set. Whatever
//! cannot be understood is an error: a room is rather not restored than restored wrongly.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};

use crate::ids::{Identity, SeatIndex, SessionId};
use crate::room::rank::Rank;
use crate::room::settings::{Duplicates, Interrupt, Phase, Promote, SeatMode};
use crate::room::view::ReservedWhy;

use super::RecordError;
use super::word::Word;

/// The room itself.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct RoomRow {
    /// Grows when rows are written in a way that older versions would misread.
    #[serde(default)]
    pub(super) version: u32,
    /// The number of the last event in the log.
    pub(super) seq: Count,
    /// The revision of the last plan.
    pub(super) revision: Count,
    /// The last occupancy id.
    pub(super) grants: u32,
    /// How many hands were ever raised.
    pub(super) hands: Count,
    /// How many invites were ever made.
    pub(super) invites_made: Count,
    pub(super) life: LifeRow,
    #[serde(default)]
    pub(super) settings: SettingsRow,
    pub(super) seats: Vec<SeatRow>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) invites: Vec<InviteRow>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) host_offers: Vec<HostOfferRow>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) swaps: Vec<SwapRow>,
}

/// Where the room is in its life.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct LifeRow {
    pub(super) phase: Word<Phase>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) until: Option<Date>,
    #[serde(default)]
    pub(super) had_host: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    pub(super) for_want_of_host: bool,
}

/// What was set for this room. What is absent is as the configuration has it.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(super) struct SettingsRow {
    pub(super) seats: Option<u8>,
    pub(super) seat_mode: Option<Word<SeatMode>>,
    pub(super) hands: Option<bool>,
    pub(super) interrupt: Option<Word<Interrupt>>,
    pub(super) auto_offer: Option<bool>,
    /// 0: as long as they like.
    pub(super) turn_ms: Option<u64>,
    pub(super) promote: Option<Word<Promote>>,
    pub(super) duplicates: Option<Word<Duplicates>>,
    pub(super) participants_max: Option<usize>,
}

/// A seat.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct SeatRow {
    pub(super) is: SeatIs,
    #[serde(default, skip_serializing_if = "is_false")]
    pub(super) muted: bool,
    pub(super) rev: Count,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum SeatIs {
    Open,
    Locked,
    Reserved { who: Identity, why: Word<ReservedWhy>, until: Date },
    Occupied { who: Identity },
}

/// An invite that waits for an answer.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct InviteRow {
    pub(super) id: Count,
    pub(super) from: Identity,
    pub(super) from_name: String,
    pub(super) to: Identity,
    pub(super) to_name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) seat: Option<SeatIndex>,
    #[serde(default, skip_serializing_if = "is_false")]
    pub(super) hold: bool,
    pub(super) until: Date,
}

/// The room waits for someone's word.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct HostOfferRow {
    pub(super) from: Identity,
    pub(super) to: Identity,
    pub(super) until: Date,
}

/// A swap waits for the other one's word.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct SwapRow {
    pub(super) from: Identity,
    pub(super) to: Identity,
    pub(super) own: SeatIndex,
    pub(super) theirs: SeatIndex,
    pub(super) until: Date,
}

/// Someone of whom there is something to know.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct PersonRow {
    pub(super) rank: Word<Rank>,
    #[serde(default, skip_serializing_if = "is_false")]
    pub(super) rank_given: bool,
    /// Rows of version 1 have it here, later ones in a row of its own.
    #[serde(default, skip_serializing)]
    pub(super) host_muted: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    pub(super) do_not_invite: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) cooling_until: Option<Date>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) invite_cooling_until: Option<Date>,
    #[serde(flatten)]
    pub(super) presence: Presence,
}

/// Whether they are in the room.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Presence {
    /// With all that a session has.
    Here(HereRow),
    /// With the number of the leaving.
    Left(Count),
}

/// Someone who is in the room.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct HereRow {
    pub(super) session: SessionId,
    pub(super) name: String,
    /// The number of the coming.
    pub(super) arrival: Count,
    #[serde(default, skip_serializing_if = "is_false")]
    pub(super) can_publish: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    pub(super) can_publish_data: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    pub(super) hidden: bool,
    #[serde(default)]
    pub(super) tier: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) kind: Option<String>,
    #[serde(default, skip_serializing_if = "is_false")]
    pub(super) self_muted: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) seated_since: Option<Date>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) turn: Option<TurnRow>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) lost_seat: Option<LostSeatRow>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) hand: Option<HandRow>,
}

/// How long someone may still speak.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(super) struct TurnRow {
    pub(super) until: Date,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) warn_at: Option<Date>,
}

/// A seat that is still owed to whoever lost it.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(super) struct LostSeatRow {
    pub(super) seat: SeatIndex,
    pub(super) until: Date,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) turn: Option<TurnRow>,
}

/// A raised hand.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct HandRow {
    pub(super) id: Count,
    pub(super) raised_at: Date,
    #[serde(default)]
    pub(super) tier: u32,
    #[serde(default, skip_serializing_if = "is_false")]
    pub(super) front: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    pub(super) mic_ready: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) wanted_seat: Option<SeatIndex>,
    /// The openings that it let pass, a bit a seat.
    #[serde(default)]
    pub(super) passed: u32,
    #[serde(default)]
    pub(super) missed: u8,
}

/// A ban.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct BanRow {
    pub(super) by: Identity,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<String>,
    pub(super) since: Date,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) until: Option<Date>,
}

/// A mute of a person.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct MuteRow {
    pub(super) by: Identity,
    pub(super) since: Date,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) until: Option<Date>,
}

/// A rank that was given to a person.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct RankRow {
    pub(super) rank: Word<Rank>,
}

/// Tokens from before then are no longer good.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct DenialRow {
    pub(super) since: Date,
}

/// A moment, in milliseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(super) struct Date(pub(super) u64);

/// Something that is counted up. No room gets as far as its bound, beyond which nothing could be added any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(super) struct Count(pub(super) u64);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let count = u64::deserialize(deserializer)?;
        if count > COUNT_MAX {
            return Err(serde::de::Error::custom("more than is ever counted"));
        }
        Ok(Self(count))
    }
}

/// All rows of a room.
#[derive(Debug)]
pub(super) struct Rows {
    pub(super) room: RoomRow,
    pub(super) people: BTreeMap<Identity, PersonRow>,
    pub(super) decisions: DecisionRows,
}

/// The rows that outlive a room.
#[derive(Debug, Default)]
pub(super) struct DecisionRows {
    pub(super) bans: BTreeMap<Identity, BanRow>,
    pub(super) denials: BTreeMap<Identity, DenialRow>,
    pub(super) mutes: BTreeMap<Identity, MuteRow>,
    pub(super) ranks: BTreeMap<Identity, RankRow>,
}

impl Rows {
    /// Reads rows of text. What version 1 did not date is as of `now`.
    pub(super) fn read(rows: &[(String, String)], now: Date) -> Result<Self, RecordError> {
        let (mut room, mut people, mut decisions) = (None::<RoomRow>, BTreeMap::new(), DecisionRows::default());
        for (key, text) in rows {
            let known_before = match Key::parse(key)? {
                Key::Room => room.replace(read(key, text)?).is_some(),
                Key::Person(who) => people.insert(who, read(key, text)?).is_some(),
                decision @ (Key::Ban(_) | Key::Denial(_) | Key::Mute(_) | Key::Rank(_)) => {
                    decisions.add(decision, key, text)?
                }
            };
            if known_before {
                return Err(RecordError::new(key, "is there twice"));
            }
        }
        let room = room.ok_or_else(|| RecordError::new(ROOM, "is missing"))?;
        if room.version > VERSION {
            return Err(RecordError::new(ROOM, "is from a newer version"));
        }
        if room.version < VERSION_OF_DECISIONS {
            decisions.take_from(&people, now);
        }
        Ok(Self { room, people, decisions })
    }
}

impl DecisionRows {
    /// Reads rows of text, all of which outlive a room.
    pub(super) fn read(rows: &[(String, String)]) -> Result<Self, RecordError> {
        let mut decisions = Self::default();
        for (key, text) in rows {
            if decisions.add(Key::parse(key)?, key, text)? {
                return Err(RecordError::new(key, "is there twice"));
            }
        }
        Ok(decisions)
    }

    /// Adds a row. Returns whether there was one under its key.
    fn add(&mut self, under: Key, key: &str, text: &str) -> Result<bool, RecordError> {
        Ok(match under {
            Key::Ban(who) => self.bans.insert(who, read(key, text)?).is_some(),
            Key::Denial(who) => self.denials.insert(who, read(key, text)?).is_some(),
            Key::Mute(who) => self.mutes.insert(who, read(key, text)?).is_some(),
            Key::Rank(who) => self.ranks.insert(who, read(key, text)?).is_some(),
            Key::Room | Key::Person(_) => return Err(RecordError::new(key, "does not outlive its room")),
        })
    }

    /// Version 1 had mutes and given ranks in the rows of people, without their author and time.
    fn take_from(&mut self, people: &BTreeMap<Identity, PersonRow>, now: Date) {
        for (who, row) in people {
            if row.host_muted {
                let mute = MuteRow { by: Identity::unknown(), since: now, until: None };
                self.mutes.entry(who.clone()).or_insert(mute);
            }
            if row.rank_given {
                self.ranks.entry(who.clone()).or_insert(RankRow { rank: row.rank });
            }
        }
    }
}

/// Under which key a row lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Room,
    Person(Identity),
    Ban(Identity),
    Denial(Identity),
    Mute(Identity),
    Rank(Identity),
}

impl Key {
    pub(super) fn parse(key: &str) -> Result<Self, RecordError> {
        let (kind, name) = key.split_once(':').unwrap_or((key, ""));
        let whose = || Identity::parse(name).map_err(|why| RecordError::new(key, why));
        match kind {
            ROOM if name.is_empty() => Ok(Self::Room),
            PERSON => Ok(Self::Person(whose()?)),
            BAN => Ok(Self::Ban(whose()?)),
            DENIAL => Ok(Self::Denial(whose()?)),
            MUTE => Ok(Self::Mute(whose()?)),
            RANK => Ok(Self::Rank(whose()?)),
            _ => Err(RecordError::new(key, "is of no known kind")),
        }
    }

    pub(super) fn text(&self) -> String {
        match self {
            Self::Room => ROOM.to_owned(),
            Self::Person(who) => format!("{PERSON}:{who}"),
            Self::Ban(who) => format!("{BAN}:{who}"),
            Self::Denial(who) => format!("{DENIAL}:{who}"),
            Self::Mute(who) => format!("{MUTE}:{who}"),
            Self::Rank(who) => format!("{RANK}:{who}"),
        }
    }

    /// Whether the row stays when its room is over.
    pub(super) fn outlives(&self) -> bool {
        match self {
            Self::Room | Self::Person(_) => false,
            Self::Ban(_) | Self::Denial(_) | Self::Mute(_) | Self::Rank(_) => true,
        }
    }
}

fn read<T: DeserializeOwned>(key: &str, text: &str) -> Result<T, RecordError> {
    serde_json::from_str(text).map_err(|why| RecordError::new(key, why))
}

/// A row as text.
pub(super) fn write(row: &impl Serialize) -> String {
    serde_json::to_string(row).expect("rows hold nothing that has no text")
}

fn is_false(flag: &bool) -> bool {
    !flag
}

/// How rows are written at present.
pub(super) const VERSION: u32 = 2;
/// Since then mutes and given ranks have rows of their own, which outlive the room.
const VERSION_OF_DECISIONS: u32 = 2;
/// Numbers up to here are the same for everyone who reads JSON.
const COUNT_MAX: u64 = 1 << 53;

pub(super) const ROOM: &str = "room";
const PERSON: &str = "person";
const BAN: &str = "ban";
const DENIAL: &str = "denial";
const MUTE: &str = "mute";
const RANK: &str = "rank";
