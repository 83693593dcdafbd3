//! A denial is why a token opens nothing.
//!
//! Its reason comes from a closed list, for metrics. Its words are for operators; the bearer is told them only once the signature is known to be good,
//! so that nobody learns anything about keys by trying.

use std::fmt;

use crate::room::Refusal;

/// Why a token opens nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denied {
    reason: Reason,
    key_id: Option<String>,
    claim: Option<String>,
    words: String,
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $reason:ident: $label:literal, $kind:ident;)*) => {
        /// Every reason for which a token is refused.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Reason {
            $($(#[$doc])* $reason,)*
        }

        impl Reason {
            /// All of them, as they are declared.
            pub const ALL: &'static [Self] = &[$(Self::$reason),*];

            /// Its name in metrics and logs.
            #[must_use]
            pub fn label(self) -> &'static str {
                match self {
                    $(Self::$reason => $label,)*
                }
            }

            fn kind(self) -> Kind {
                match self {
                    $(Self::$reason => Kind::$kind,)*
                }
            }
        }
    };
}

reasons! {
    /// The request brings none.
    Missing: "missing", Unsigned;
    /// It is longer than any token of ours.
    TooLong: "too_long", Unsigned;
    /// It is not three parts of base64url, or the first two are no JSON objects.
    Malformed: "malformed", Unsigned;
    /// Its header asks for another algorithm than HS256.
    Algorithm: "algorithm", Unsigned;
    /// Its header brings a key of its own, or rules that must be understood.
    Header: "header", Unsigned;
    /// Neither `iss` nor `kid` names a key.
    NoKey: "no_key", Unsigned;
    /// `iss` and `kid` name two keys.
    KeyConflict: "key_conflict", Unsigned;
    /// The key that it names is not configured.
    UnknownKey: "unknown_key", Unsigned;
    /// It was signed with another secret, or changed since.
    Signature: "signature", Unsigned;
    /// A claim is not of its type, or is there twice.
    ClaimType: "claim_type", Invalid;
    /// There is no `exp`.
    NoExpiry: "no_expiry", Invalid;
    /// `exp` is too far ahead.
    ExpiryTooFar: "expiry_too_far", Invalid;
    /// `nbf` or `iat` is ahead.
    NotYetValid: "not_yet_valid", Invalid;
    /// There is an `aud`: it is meant for someone else.
    Audience: "audience", Invalid;
    /// `sub` cannot be an identity.
    Identity: "identity", Invalid;
    /// `video.room` cannot be a room's id.
    RoomId: "room_id", Invalid;
    /// `podium.kind` cannot be shown.
    Kind: "kind", Invalid;
    /// It was good once.
    Expired: "expired", Expired;
    /// It is for another room.
    OtherRoom: "other_room", Forbidden;
    /// It lacks the grant that is needed.
    NoGrant: "no_grant", Forbidden;
    /// It names nobody.
    NoIdentity: "no_identity", Forbidden;
}

/// What a reason means for the bearer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Nothing is known of who made it.
    Unsigned,
    /// Signed with a key of ours, and of no use.
    Invalid,
    Expired,
    /// Good for something else.
    Forbidden,
}

impl Denied {
    /// No signature was found good. `key_id` is what the token claims.
    pub(super) fn unsigned(reason: Reason, key_id: Option<&str>, words: impl Into<String>) -> Self {
        debug_assert_eq!(reason.kind(), Kind::Unsigned);
        Self {
            reason,
            key_id: key_id.map(|id| id.chars().take(KEY_ID_CHARS_MAX).collect()),
            claim: None,
            words: words.into(),
        }
    }

    /// The signature is good; one of the claims is the trouble.
    pub(super) fn signed(reason: Reason, key_id: &str, claim: &str, words: impl Into<String>) -> Self {
        debug_assert_ne!(reason.kind(), Kind::Unsigned);
        Self { reason, key_id: Some(key_id.to_owned()), claim: Some(claim.to_owned()), words: words.into() }
    }

    /// The request brings no token.
    #[must_use]
    pub fn missing() -> Self {
        Self::unsigned(Reason::Missing, None, "the request brings no token")
    }

    /// With what its bearer is refused.
    #[must_use]
    pub fn refusal(&self) -> Refusal {
        match self.reason.kind() {
            Kind::Unsigned | Kind::Invalid => Refusal::Unauthenticated,
            Kind::Expired => Refusal::TokenExpired,
            Kind::Forbidden => Refusal::Forbidden,
        }
    }

    /// Its reason.
    #[must_use]
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// The key that signed the token; if no signature was found good, the one that the token claims.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// Which claim is the trouble: `exp`, `video.roomAdmin`.
    #[must_use]
    pub fn claim(&self) -> Option<&str> {
        self.claim.as_deref()
    }

    /// What the bearer may be told: nothing, unless the signature is good.
    #[must_use]
    pub fn told(&self) -> Option<&str> {
        (self.reason.kind() != Kind::Unsigned).then_some(&self.words)
    }
}

impl fmt::Display for Denied {
    /// In words for operators. No part of the token is among them but its key's id, its claims' names, rooms and times.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)
    }
}

/// What is kept of the key's id that a token only claims.
const KEY_ID_CHARS_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_reason_has_a_name_of_its_own() {
        let labels: HashSet<_> = Reason::ALL.iter().map(|reason| reason.label()).collect();
        assert_eq!(labels.len(), Reason::ALL.len());
        for (index, reason) in Reason::ALL.iter().enumerate() {
            assert_eq!(*reason as usize, index);
        }
    }

    #[test]
    fn nothing_is_told_before_a_good_signature() {
        let unsigned = Denied::unsigned(Reason::UnknownKey, Some(&"k".repeat(1000)), "no key");
        assert_eq!((unsigned.told(), unsigned.refusal()), (None, Refusal::Unauthenticated));
        assert_eq!(unsigned.key_id().map(str::len), Some(KEY_ID_CHARS_MAX));
        let signed = Denied::signed(Reason::NoGrant, "devkey", "video.roomAdmin", "wants `roomAdmin` for demo");
        assert_eq!((signed.told(), signed.refusal()), (Some("wants `roomAdmin` for demo"), Refusal::Forbidden));
    }
}
