//! Access tokens: who somebody is and what they may do, signed by a key both sides hold.
//!
//! A token is a JWT, signed HS256 with the secret of the key that its `iss` (or its header's `kid`) names. The name is only ever looked up in a map.
//! Every other algorithm is refused, whatever the header asks for. The time is an argument: this module reads no clock and writes no log.

use std::{collections::HashMap, fmt, time::Duration};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header};
use serde::Deserialize;
use serde_json::Value;

use self::claims::{Claims, PodiumClaims, RankClaim, VideoClaims};
pub use self::{
    access::{Access, Caller, Grants},
    denied::{Denied, Reason},
};
use crate::{
    ids::{Identity, RoomId},
    json,
    room::Rank,
    text::{self, Lines, TextFault},
};

mod access;
mod claims;
mod denied;
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

/// Judges a token at `now_s` seconds since 1970.
pub fn verify(keys: &HashMap<String, Secret>, token: &str, now_s: u64) -> Result<Access, Denied> {
    judge(keys, token, now_s, NAME_CHARS_MAX)?.unexpired()
}

/// Judges a token at `now_s` seconds since 1970 where names have up to `name_chars_max` characters. What has only expired is not refused.
pub fn judge(keys: &HashMap<String, Secret>, token: &str, now_s: u64, name_chars_max: usize) -> Result<Judged, Denied> {
    let (key_id, payload) = signed_payload(keys, token)?;
    let claims = claims_of(&key_id, &payload)?;
    let expires_at_s = times(&key_id, &claims, now_s)?;
    let is_expired = expires_at_s.saturating_add(LEEWAY_S) <= now_s;
    let access = access(key_id, claims, expires_at_s, name_chars_max)?;
    Ok(Judged { access, expired_for_s: is_expired.then(|| now_s - expires_at_s) })
}

/// What a good token allows, and whether the token has expired since.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// What it allows.
    pub access: Access,
    /// For how many seconds it has allowed nothing new any more, if it has expired.
    pub expired_for_s: Option<u64>,
}

impl Judged {
    /// Whether it has expired.
    #[must_use]
    pub fn is_expired(&self) -> bool {
        self.expired_for_s.is_some()
    }

    /// Why it opens nothing new, if it has expired.
    #[must_use]
    pub fn expiry(&self) -> Option<Denied> {
        let now_s = self.access.expires_at_s + self.expired_for_s?;
        Some(self.access.expired(now_s))
    }

    /// What the token allows if it has not expired.
    pub fn unexpired(self) -> Result<Access, Denied> {
        self.expiry().map_or(Ok(self.access), Err)
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
    /// The name cannot be shown.
    #[error("a name {0}")]
    Name(TextFault),
    /// The library would not sign it.
    #[error("the token could not be signed")]
    Signing,
}

/// Signs a token that is valid from `now_s` on.
pub fn mint(key_id: &str, secret: &Secret, request: &TokenRequest, now_s: u64) -> Result<String, MintError> {
    if request.lifetime > LIFETIME_MAX || request.lifetime < Duration::from_secs(1) {
        return Err(MintError::Lifetime);
    }
    let name = request.name.as_deref().map(|name| text::checked(name, NAME_CHARS_MAX, Lines::One));
    let name = name.transpose().map_err(MintError::Name)?;
    let claims = Claims {
        iss: Some(key_id.to_owned()),
        sub: Some(request.identity.to_string()),
        exp: Some(now_s + request.lifetime.as_secs()),
        nbf: Some(now_s),
        iat: Some(now_s),
        name: name.map(str::to_owned),
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

/// The payload of a token whose signature is good, and the id of the key.
fn signed_payload(keys: &HashMap<String, Secret>, token: &str) -> Result<(String, Vec<u8>), Denied> {
    let refused = |reason, key_id: Option<&str>, words: &str| Denied::unsigned(reason, key_id, words);
    if token.len() > TOKEN_BYTES_MAX {
        return Err(refused(Reason::TooLong, None, "the token is longer than 4096 bytes"));
    }
    let malformed = |words: &str| refused(Reason::Malformed, None, words);
    let mut parts = token.split('.');
    let (Some(head), Some(body), Some(signature), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(malformed("a token has three parts with full stops between"));
    };
    let header = bytes_of(head).ok_or_else(|| malformed("its header is not base64url"))?;
    let header: TokenHeader =
        json::from_slice(&header).map_err(|_| malformed("its header is no JSON object with `alg`"))?;
    let payload = bytes_of(body).ok_or_else(|| malformed("its claims are not base64url"))?;
    let issuer: IssuerOnly =
        json::from_slice(&payload).map_err(|_| malformed("its claims are no JSON object, or `iss` is no text"))?;
    let claimed = header.kid.as_deref().or(issuer.iss.as_deref());
    if header.alg != "HS256" {
        return Err(refused(Reason::Algorithm, claimed, "its header asks for another algorithm than HS256"));
    }
    if header.brings_rules() {
        return Err(refused(Reason::Header, claimed, "its header has `jwk`, `jku`, `x5u`, `x5c` or `crit`"));
    }
    let name = match (&header.kid, &issuer.iss) {
        (Some(kid), Some(issuer)) if kid != issuer => {
            return Err(refused(Reason::KeyConflict, claimed, "`kid` in its header and `iss` name two keys"));
        }
        (Some(name), Some(_) | None) | (None, Some(name)) => name,
        (None, None) => return Err(refused(Reason::NoKey, None, "neither `iss` nor `kid` names a key")),
    };
    let Some((key_id, secret)) = keys.get_key_value(name) else {
        return Err(refused(Reason::UnknownKey, claimed, "the key that it names is not configured"));
    };
    let key = DecodingKey::from_secret(secret.0.as_bytes());
    let message = &token[..head.len() + 1 + body.len()];
    match jsonwebtoken::crypto::verify(signature, message.as_bytes(), &key, Algorithm::HS256) {
        Ok(true) => Ok((key_id.clone(), payload)),
        Ok(false) | Err(_) => {
            let words = "it was not signed with the secret of the key that it names, or it was changed since";
            Err(refused(Reason::Signature, claimed, words))
        }
    }
}

/// The claims, if each is of its type.
fn claims_of(key_id: &str, payload: &[u8]) -> Result<Claims, Denied> {
    let wrong = |claim: &str, why: String| Denied::signed(Reason::ClaimType, key_id, claim, why);
    let text = std::str::from_utf8(payload).map_err(|_| wrong("", "the claims are not UTF-8".to_owned()))?;
    let text = json::with_integers(text);
    let mut reader = serde_json::Deserializer::from_str(&text);
    let claims = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let claim = error.path().to_string();
        wrong(&claim, format!("`{claim}`: {}", error.inner()))
    })?;
    reader.end().map_err(|error| wrong("", error.to_string()))?;
    Ok(claims)
}

/// Until when the token is good, if its times can be.
fn times(key_id: &str, claims: &Claims, now_s: u64) -> Result<u64, Denied> {
    let denied = |reason, claim, words: String| Denied::signed(reason, key_id, claim, words);
    let Some(exp) = claims.exp else {
        return Err(denied(Reason::NoExpiry, "exp", "`exp` is missing: a token must say when it expires".to_owned()));
    };
    if exp > now_s.saturating_add(LIFETIME_MAX.as_secs() + LEEWAY_S) {
        let words =
            format!("`exp` is {} s ahead; it may be 24 hours ahead at most (it is in seconds since 1970)", exp - now_s);
        return Err(denied(Reason::ExpiryTooFar, "exp", words));
    }
    for (claim, start) in [("nbf", claims.nbf), ("iat", claims.iat)] {
        if let Some(ahead) = start.and_then(|start| start.checked_sub(now_s)).filter(|ahead| *ahead > LEEWAY_S) {
            let words = format!("`{claim}` is {ahead} s ahead; clocks may differ by {LEEWAY_S} s");
            return Err(denied(Reason::NotYetValid, claim, words));
        }
    }
    Ok(exp)
}

/// Ids and names are parsed here, once. A name that cannot be shown keeps nobody out.
fn access(key_id: String, claims: Claims, expires_at_s: u64, name_chars_max: usize) -> Result<Access, Denied> {
    let denied = |reason, claim, words: String| Denied::signed(reason, &key_id, claim, words);
    if claims.aud.is_some() {
        return Err(denied(Reason::Audience, "aud", "`aud` says that this token is meant for someone else".to_owned()));
    }
    let kind =
        claims.podium.kind.as_deref().map(|kind| text::checked(kind, KIND_CHARS_MAX, Lines::One).map(str::to_owned));
    let kind =
        kind.transpose().map_err(|fault| denied(Reason::Kind, "podium.kind", format!("`podium.kind` {fault}")))?;
    // LiveKit's library for Python writes an empty `sub` where a back end names nobody.
    let identity = claims.sub.as_deref().filter(|sub| !sub.is_empty()).map(Identity::parse).transpose();
    let identity = identity.map_err(|fault| denied(Reason::Identity, "sub", format!("`sub` {fault}")))?;
    let room = claims.video.room.as_deref().map(RoomId::parse).transpose();
    let room = room.map_err(|fault| denied(Reason::RoomId, "video.room", format!("`video.room` {fault}")))?;
    let shown = |text: &str| text::cleaned(text, name_chars_max);
    let name = claims
        .name
        .as_deref()
        .and_then(shown)
        .or_else(|| identity.as_ref().and_then(|identity| shown(identity.as_str())));
    let rank = match claims.podium.rank {
        Some(RankClaim::Host) => Rank::Host,
        Some(RankClaim::Cohost) => Rank::Cohost,
        Some(RankClaim::Member) => Rank::Member,
        None if claims.video.room_admin => Rank::Host,
        None => Rank::Member,
    };
    Ok(Access {
        identity,
        name,
        room,
        grants: Grants {
            join: claims.video.room_join,
            admin: claims.video.room_admin,
            create: claims.video.room_create,
            list: claims.video.room_list,
        },
        can_publish: claims.video.can_publish.unwrap_or(true),
        can_subscribe: claims.video.can_subscribe.unwrap_or(true),
        can_publish_data: claims.video.can_publish_data.unwrap_or(true),
        hidden: claims.video.hidden,
        rank,
        tier: claims.podium.tier.unwrap_or(0),
        kind,
        issued_at_s: claims.iat.or(claims.nbf),
        expires_at_s,
        key_id,
    })
}

/// The header fields that matter: the algorithm, the key's id, and those that bring a key or rules that we do not know.
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
    fn brings_rules(&self) -> bool {
        [&self.jwk, &self.jku, &self.x5u, &self.x5c, &self.crit].iter().any(|field| field.is_some())
    }
}

#[derive(Deserialize)]
struct IssuerOnly {
    iss: Option<String>,
}

fn bytes_of(part: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(part).ok()
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
