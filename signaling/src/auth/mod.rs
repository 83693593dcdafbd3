//! Access tokens: who somebody is and what they may do, signed by a key both sides hold.
//!
//! A token is a JWT, signed HS256 with the secret of the key that its `iss` (or its header's `kid`) names. The name is only ever looked up in a map.
//! Every other algorithm is refused, whatever the header asks for. The time is an argument: this module reads no clock and writes no log.

use std::{collections::HashMap, fmt, time::Duration};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use self::claims::{Claims, PodiumClaims, RankClaim, VideoClaims};
use crate::{
    ids::{Identity, RoomId},
    room::Rank,
};

mod claims;
#[cfg(test)]
mod tests;

/// The secret of an API key. Its debug form shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    pub fn new(secret: impl Into<String>) -> Self {
        Self(secret.into())
    }

    /// How many bytes it has, so that a configuration can insist on enough of them.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl From<String> for Secret {
    fn from(secret: String) -> Self {
        Self(secret)
    }
}

/// What a token that was found good allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// The id of the API key that signed it.
    pub key_id: String,
    /// `sub`: who this is. Tokens of a back end may lack it; then nobody can join with them.
    pub identity: Option<Identity>,
    /// `name`: what others see.
    pub name: Option<String>,
    /// `video.room`: the one room this token is for.
    pub room: Option<RoomId>,
    /// `video.roomJoin`.
    pub room_join: bool,
    /// `video.roomAdmin`.
    pub room_admin: bool,
    /// `video.roomCreate`.
    pub room_create: bool,
    /// `video.roomList`.
    pub room_list: bool,
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
}

impl Access {
    /// The identity with which this token joins `room`.
    pub fn may_join(&self, room: &RoomId) -> Result<&Identity, Denied> {
        if !self.room_join || self.room.as_ref() != Some(room) {
            return Err(Denied::Forbidden);
        }
        self.identity.as_ref().ok_or(Denied::Forbidden)
    }

    /// Who could join `room` with this token: a person, not a back end.
    pub fn person_in(&self, room: &RoomId) -> Option<&Identity> {
        self.may_join(room).ok()
    }

    /// Whether this token may look at `room` from outside.
    pub fn may_view(&self, room: &RoomId) -> Result<(), Denied> {
        let own_room = (self.room_join || self.room_admin) && self.room.as_ref() == Some(room);
        if own_room || self.room_list { Ok(()) } else { Err(Denied::Forbidden) }
    }

    /// How long ago the token was issued, at `now_ms` since 1970. It is never taken for younger than it is.
    #[must_use]
    pub fn age(&self, now_ms: u64) -> Option<Duration> {
        let issued_at_ms = self.issued_at_s?.saturating_mul(1000);
        Some(Duration::from_millis(now_ms.saturating_sub(issued_at_ms)))
    }

    /// Whether this token may act on `room` as its administrator.
    #[must_use]
    pub fn administers(&self, room: &RoomId) -> bool {
        self.room_admin && self.room.as_ref() == Some(room)
    }
}

/// Why a token opens nothing. No more is told to its bearer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// No token, or one that is not ours, not whole, or not yet valid.
    Unauthenticated,
    /// It was good once.
    Expired,
    /// It is good, for something else.
    Forbidden,
}

impl Denied {
    /// Its code on the wire.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Unauthenticated => "unauthenticated",
            Self::Expired => "token_expired",
            Self::Forbidden => "forbidden",
        }
    }
}

/// Judges a token at `now_s` seconds since 1970.
pub fn verify(keys: &HashMap<String, Secret>, token: &str, now_s: u64) -> Result<Access, Denied> {
    judge(keys, token, now_s, NAME_CHARS_MAX)?.unexpired()
}

/// Judges a token at `now_s` seconds since 1970 where names have up to `name_chars_max` characters. What has only expired is not refused.
pub fn judge(keys: &HashMap<String, Secret>, token: &str, now_s: u64, name_chars_max: usize) -> Result<Judged, Denied> {
    let (key_id, claims) = signed_claims(keys, token).ok_or(Denied::Unauthenticated)?;
    let is_expired = match check_times(&claims, now_s) {
        Ok(()) => false,
        Err(Denied::Expired) => true,
        Err(denied @ (Denied::Unauthenticated | Denied::Forbidden)) => return Err(denied),
    };
    let access = access(key_id, claims, name_chars_max).ok_or(Denied::Unauthenticated)?;
    Ok(Judged { access, is_expired })
}

/// What a good token allows, and whether the token has expired since.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// What it allows.
    pub access: Access,
    /// It allows nothing new any more.
    pub is_expired: bool,
}

impl Judged {
    /// What the token allows if it has not expired.
    pub fn unexpired(self) -> Result<Access, Denied> {
        if self.is_expired { Err(Denied::Expired) } else { Ok(self.access) }
    }
}

/// What `podium token` and `POST /dev/token` ask for.
#[derive(Debug, Clone)]
pub struct TokenRequest {
    /// The room it is for.
    pub room: RoomId,
    /// Whose it is.
    pub identity: Identity,
    /// What others see; the identity if absent.
    pub name: Option<String>,
    /// The rank at the first join.
    pub rank: Rank,
    /// May also make and list rooms over HTTP.
    pub manages_rooms: bool,
    /// How long it lives: at most [`LIFETIME_MAX`].
    pub lifetime: Duration,
}

/// Why no token was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MintError {
    /// It would outlive what is accepted.
    #[error("a token lives at most 24 hours, and at least one second")]
    Lifetime,
    /// The name is too long or holds control characters.
    #[error("a name has 1 to 64 characters and no control characters")]
    Name,
    /// The library would not sign it.
    #[error("the token could not be signed")]
    Signing,
}

/// Signs a token that is valid from `now_s` on.
pub fn mint(key_id: &str, secret: &Secret, request: &TokenRequest, now_s: u64) -> Result<String, MintError> {
    if request.lifetime > LIFETIME_MAX || request.lifetime < Duration::from_secs(1) {
        return Err(MintError::Lifetime);
    }
    if request.name.as_deref().is_some_and(|name| !is_fit(name, NAME_CHARS_MAX)) {
        return Err(MintError::Name);
    }
    let claims = Claims {
        iss: Some(key_id.to_owned()),
        sub: Some(request.identity.to_string()),
        exp: Some(now_s + request.lifetime.as_secs()),
        nbf: Some(now_s),
        iat: Some(now_s),
        name: request.name.clone(),
        video: VideoClaims {
            room: Some(request.room.to_string()),
            room_join: true,
            room_admin: request.rank == Rank::Host,
            room_create: request.manages_rooms,
            room_list: request.manages_rooms,
            ..VideoClaims::default()
        },
        podium: PodiumClaims { rank: Some(RankClaim::from(request.rank)), ..PodiumClaims::default() },
        ..Claims::default()
    };
    let key = EncodingKey::from_secret(secret.0.as_bytes());
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key).map_err(|_| MintError::Signing)
}

/// The claims of a token whose signature is right, whatever they say, and the id of the key.
fn signed_claims(keys: &HashMap<String, Secret>, token: &str) -> Option<(String, Claims)> {
    if token.len() > TOKEN_BYTES_MAX {
        return None;
    }
    let mut parts = token.split('.');
    let (header, payload, _signature) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let header: TokenHeader = decoded(header)?;
    if !header.is_plain() {
        return None;
    }
    let issuer = decoded::<IssuerOnly>(payload)?.iss;
    let (key_id, secret) = match (&header.kid, &issuer) {
        (Some(kid), Some(issuer)) if kid != issuer => return None,
        (Some(name), Some(_) | None) | (None, Some(name)) => keys.get_key_value(name)?,
        (None, None) => return None,
    };
    let mut validation = Validation::new(Algorithm::HS256);
    // The times are ours to check, against a time we were given.
    validation.validate_exp = false;
    validation.required_spec_claims.clear();
    let key = DecodingKey::from_secret(secret.0.as_bytes());
    jsonwebtoken::decode::<Claims>(token, &key, &validation).ok().map(|token| (key_id.clone(), token.claims))
}

fn check_times(claims: &Claims, now_s: u64) -> Result<(), Denied> {
    let Some(exp) = claims.exp else {
        return Err(Denied::Unauthenticated);
    };
    if exp > now_s.saturating_add(LIFETIME_MAX.as_secs() + LEEWAY_S) {
        return Err(Denied::Unauthenticated);
    }
    let starts = [claims.nbf, claims.iat];
    if starts.into_iter().flatten().any(|start| start > now_s.saturating_add(LEEWAY_S)) {
        return Err(Denied::Unauthenticated);
    }
    if exp.saturating_add(LEEWAY_S) <= now_s {
        return Err(Denied::Expired);
    }
    Ok(())
}

/// Ids and names are parsed here, once; a token that names an impossible room or person is not ours.
fn access(key_id: String, mut claims: Claims, name_chars_max: usize) -> Option<Access> {
    // LiveKit's library for Python writes an empty `sub` where a back end names nobody.
    for text in [&mut claims.sub, &mut claims.name] {
        text.take_if(|text| text.is_empty());
    }
    if claims.aud.is_some() {
        return None;
    }
    let attributes_bytes: usize = claims.attributes.iter().flatten().map(|(key, value)| key.len() + value.len()).sum();
    if attributes_bytes > ATTRIBUTES_BYTES_MAX
        || claims.name.as_deref().is_some_and(|name| !is_fit(name, name_chars_max))
    {
        return None;
    }
    if claims.podium.kind.as_deref().is_some_and(|kind| !is_fit(kind, KIND_CHARS_MAX)) {
        return None;
    }
    let identity = claims.sub.as_deref().map(Identity::parse).transpose().ok()?;
    let room = claims.video.room.as_deref().map(RoomId::parse).transpose().ok()?;
    let rank = match claims.podium.rank {
        Some(RankClaim::Host) => Rank::Host,
        Some(RankClaim::Cohost) => Rank::Cohost,
        Some(RankClaim::Member) => Rank::Member,
        None if claims.video.room_admin => Rank::Host,
        None => Rank::Member,
    };
    Some(Access {
        key_id,
        identity,
        name: claims.name,
        room,
        room_join: claims.video.room_join,
        room_admin: claims.video.room_admin,
        room_create: claims.video.room_create,
        room_list: claims.video.room_list,
        can_publish: claims.video.can_publish.unwrap_or(true),
        can_subscribe: claims.video.can_subscribe.unwrap_or(true),
        can_publish_data: claims.video.can_publish_data.unwrap_or(true),
        hidden: claims.video.hidden,
        rank,
        tier: claims.podium.tier.unwrap_or(0),
        kind: claims.podium.kind,
        issued_at_s: claims.iat.or(claims.nbf),
    })
}

fn is_fit(text: &str, chars_max: usize) -> bool {
    let length = text.chars().count();
    (1..=chars_max).contains(&length) && !text.chars().any(char::is_control)
}

/// The header fields that matter. Whatever offers a key of its own, or asks for rules we do not know, is not plain.
#[derive(Deserialize)]
struct TokenHeader {
    alg: String,
    kid: Option<String>,
    #[serde(default)]
    jwk: Option<Value>,
    #[serde(default)]
    jku: Option<Value>,
    #[serde(default)]
    x5u: Option<Value>,
    #[serde(default)]
    x5c: Option<Value>,
    #[serde(default)]
    crit: Option<Value>,
}

impl TokenHeader {
    fn is_plain(&self) -> bool {
        let foreign = [&self.jwk, &self.jku, &self.x5u, &self.x5c, &self.crit];
        self.alg == "HS256" && foreign.iter().all(|field| field.is_none())
    }
}

#[derive(Deserialize)]
struct IssuerOnly {
    iss: Option<String>,
}

fn decoded<T: DeserializeOwned>(part: &str) -> Option<T> {
    let bytes = URL_SAFE_NO_PAD.decode(part).ok()?;
    serde_json::from_slice(&bytes).ok()
}

impl From<Rank> for RankClaim {
    fn from(rank: Rank) -> Self {
        match rank {
            Rank::Host => Self::Host,
            Rank::Cohost => Self::Cohost,
            Rank::Member => Self::Member,
        }
    }
}

/// A longer token is not looked at.
pub const TOKEN_BYTES_MAX: usize = 4096;

/// How far ahead a token's end may lie.
pub const LIFETIME_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// How far two clocks may disagree, in seconds.
pub const LEEWAY_S: u64 = 60;

/// The longest name, unless a server is set otherwise.
pub const NAME_CHARS_MAX: usize = 64;

/// The longest kind.
pub const KIND_CHARS_MAX: usize = 32;

/// All attributes of a token together.
pub const ATTRIBUTES_BYTES_MAX: usize = 4096;
