//! A token says who may join which room; this makes them, as a back end would.
//!
//! The claims have LiveKit's shape plus `podium`. Nothing here knows how the server checks them.

use jsonwebtoken::{EncodingKey, Header};
use serde_json::{Value, json};
use std::time::Duration;

use crate::clock;

/// What a token may claim. Everything unset is left out, and means what the server takes it to mean.
#[derive(Clone, Debug)]
pub struct Claims {
    /// The room to join.
    pub room: String,
    /// Who joins.
    pub identity: String,
    /// The name to show.
    pub name: Option<String>,
    /// `host`, `cohost` or `member`.
    pub rank: Option<String>,
    /// Whether this person may ever take a seat.
    pub can_publish: Option<bool>,
    /// Whether this person may hear others.
    pub can_subscribe: Option<bool>,
    /// Whether others are told of this person.
    pub hidden: Option<bool>,
    /// How long the token is good for.
    pub ttl: Duration,
}

impl Claims {
    /// A token for one person in one room, good for an hour.
    pub fn new(room: impl Into<String>, identity: impl Into<String>) -> Self {
        Self {
            room: room.into(),
            identity: identity.into(),
            name: None,
            rank: None,
            can_publish: None,
            can_subscribe: None,
            hidden: None,
            ttl: Duration::from_secs(3600),
        }
    }

    /// The same with a rank.
    pub fn ranked(self, rank: impl Into<String>) -> Self {
        Self { rank: Some(rank.into()), ..self }
    }
}

/// Signs a token with an API key's secret.
pub fn mint(key: &str, secret: &str, claims: &Claims) -> Result<String, TokenError> {
    let now = clock::unix_seconds();
    let mut video = json!({ "room": claims.room, "roomJoin": true });
    for (grant, value) in
        [("canPublish", claims.can_publish), ("canSubscribe", claims.can_subscribe), ("hidden", claims.hidden)]
    {
        if let Some(value) = value {
            video[grant] = json!(value);
        }
    }
    let mut body = json!({
        "iss": key, "sub": claims.identity, "iat": now, "nbf": now, "exp": now + claims.ttl.as_secs(), "video": video,
    });
    if let Some(name) = &claims.name {
        body["name"] = json!(name);
    }
    if let Some(rank) = &claims.rank {
        body["podium"] = json!({ "rank": rank });
    }
    sign(&body, secret)
}

/// Signs any claims at all, also nonsense, so that tests can try it.
pub fn sign(claims: &Value, secret: &str) -> Result<String, TokenError> {
    jsonwebtoken::encode(&Header::default(), claims, &EncodingKey::from_secret(secret.as_bytes()))
        .map_err(|error| TokenError(error.to_string()))
}

/// Asks a server in development mode for a token. `base_url` is `http://host:port`.
pub async fn dev_token(base_url: &str, room: &str, identity: &str, rank: &str) -> Result<String, TokenError> {
    let url = format!("{}/dev/token", base_url.trim_end_matches('/'));
    let failed = |error: reqwest::Error| TokenError(error.to_string());
    let asked = json!({ "room": room, "identity": identity, "name": identity, "rank": rank });
    let response = reqwest::Client::new().post(url).json(&asked).send().await.map_err(failed)?;
    let status = response.status();
    if !status.is_success() {
        return Err(TokenError(format!("the server answered {status}")));
    }
    let body: Value = response.json().await.map_err(failed)?;
    body["token"].as_str().map(str::to_owned).ok_or_else(|| TokenError("the answer has no token".to_owned()))
}

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
#[error("no token: {0}")]
pub struct TokenError(String);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]

    use super::*;
    use jsonwebtoken::{Algorithm, DecodingKey, Validation};

    #[test]
    fn a_token_has_the_claims_and_no_others() {
        let token = mint("devkey", "secret", &Claims::new("demo", "ada").ranked("host")).unwrap();
        let key = DecodingKey::from_secret(b"secret");
        let body = jsonwebtoken::decode::<Value>(&token, &key, &Validation::new(Algorithm::HS256)).unwrap().claims;
        assert_eq!(body["sub"], "ada");
        assert_eq!(body["video"], json!({ "room": "demo", "roomJoin": true }));
        assert_eq!(body["podium"], json!({ "rank": "host" }));
        assert_eq!(body["exp"].as_u64().unwrap() - body["iat"].as_u64().unwrap(), 3600);
        assert!(body.get("name").is_none());
    }
}
