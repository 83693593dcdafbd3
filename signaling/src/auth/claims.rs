//! The claims of an access token, typed: a claim of the wrong type makes the token invalid, it is never coerced.
//!
//! The shape is the one LiveKit's token libraries mint, with a `podium` claim beside it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Everything a token may say that Podium reads. Claims it does not know are ignored.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Claims {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) iss: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sub: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) exp: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) nbf: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) iat: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) jti: Option<String>,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub(super) aud: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) metadata: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) attributes: Option<BTreeMap<String, String>>,
    #[serde(default)]
    pub(super) video: VideoClaims,
    #[serde(default)]
    pub(super) podium: PodiumClaims,
}

/// What the bearer may do, and where.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct VideoClaims {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) room: Option<String>,
    pub(super) room_join: bool,
    pub(super) room_admin: bool,
    pub(super) room_create: bool,
    pub(super) room_list: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) can_publish: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) can_subscribe: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) can_publish_data: Option<bool>,
    pub(super) hidden: bool,
}

/// What only Podium knows.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct PodiumClaims {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rank: Option<RankClaim>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tier: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) kind: Option<String>,
}

/// The words of `podium.rank`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum RankClaim {
    Host,
    Cohost,
    Member,
}

/// A claim that is there counts as there, even when it says `null`.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}
