//! What moderators decided about people, as JSON.

use serde::Serialize;

use super::view::millis;
use crate::{
    ids::Identity,
    room::{BanView, MuteView, RankView},
};

/// A ban.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Ban"))]
pub struct BanJson<'a> {
    /// Who may not come in.
    pub identity: &'a Identity,
    /// Who decided it.
    pub by: &'a Identity,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'a str>,
    /// How long ago.
    pub since_ms: u64,
    /// When it runs out; absent: it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ends_in_ms: Option<u64>,
}

impl<'a> From<&'a BanView> for BanJson<'a> {
    fn from(ban: &'a BanView) -> Self {
        Self {
            identity: &ban.identity,
            by: &ban.by,
            reason: ban.reason.as_deref(),
            since_ms: millis(ban.since),
            ends_in_ms: ban.ends_in.map(millis),
        }
    }
}

/// A mute of a person by a host or cohost.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Mute"))]
pub struct MuteJson<'a> {
    /// Who is muted. They may be away.
    pub identity: &'a Identity,
    /// Who decided it.
    pub by: &'a Identity,
    /// How long ago.
    pub since_ms: u64,
    /// When it runs out; absent: it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ends_in_ms: Option<u64>,
}

impl<'a> From<&'a MuteView> for MuteJson<'a> {
    fn from(mute: &'a MuteView) -> Self {
        Self {
            identity: &mute.identity,
            by: &mute.by,
            since_ms: millis(mute.since),
            ends_in_ms: mute.ends_in.map(millis),
        }
    }
}

/// A rank that was given to a person: it counts, whatever their token claims.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "GivenRank"))]
pub struct RankJson<'a> {
    /// Whose. They may be away.
    pub identity: &'a Identity,
    /// Which.
    #[cfg_attr(test, schemars(with = "crate::room::Rank"))]
    pub rank: &'static str,
}

impl<'a> From<&'a RankView> for RankJson<'a> {
    fn from(given: &'a RankView) -> Self {
        Self { identity: &given.identity, rank: given.rank.code() }
    }
}
