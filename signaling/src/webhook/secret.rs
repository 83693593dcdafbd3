//! A secret signs webhooks. It is written `whsec_` and then base64, and is never shown by accident.

use std::fmt;

use base64::{
    Engine as _,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose},
};

use crate::random;

/// A secret that signs webhooks. It is not shown.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookSecret(Vec<u8>);

/// Why a text is no secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SecretFault {
    /// It does not begin as secrets do.
    #[error("a secret begins with {PREFIX}")]
    Prefix,
    /// What follows is no base64.
    #[error("what follows {PREFIX} is base64")]
    Base64,
    /// It is too short or too long.
    #[error("a secret has {BYTES_MIN} to {BYTES_MAX} bytes, this one has {0}")]
    Length(usize),
}

impl WebhookSecret {
    /// A secret of these bytes.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// Reads `whsec_…`.
    ///
    /// # Errors
    ///
    /// It is none. The text is not repeated.
    pub fn parse(text: &str) -> Result<Self, SecretFault> {
        let encoded = text.strip_prefix(PREFIX).ok_or(SecretFault::Prefix)?;
        let bytes = LENIENT.decode(encoded).map_err(|_| SecretFault::Base64)?;
        if !(BYTES_MIN..=BYTES_MAX).contains(&bytes.len()) {
            return Err(SecretFault::Length(bytes.len()));
        }
        Ok(Self(bytes))
    }

    /// A new one, or nothing if the system has no random numbers to give.
    #[must_use]
    pub fn generate() -> Option<Self> {
        random::bytes::<32>().map(|bytes| Self(bytes.to_vec()))
    }

    /// It as `whsec_…`, for whoever must know it.
    #[must_use]
    pub fn reveal(&self) -> String {
        format!("{PREFIX}{}", general_purpose::STANDARD.encode(&self.0))
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookSecret(…)")
    }
}

const PREFIX: &str = "whsec_";
const BYTES_MIN: usize = 24;
const BYTES_MAX: usize = 64;
/// Some tools leave the padding out.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]

    use super::*;

    #[test]
    fn a_secret_is_read_as_it_is_written_and_never_shown() {
        let secret = WebhookSecret::generate().unwrap();
        let text = secret.reveal();
        assert_eq!(WebhookSecret::parse(&text), Ok(secret.clone()));
        assert_eq!(WebhookSecret::parse(text.trim_end_matches('=')), Ok(secret.clone()));
        assert_eq!(format!("{secret:?}"), "WebhookSecret(…)");
        assert_ne!(WebhookSecret::generate(), Some(secret));
    }

    #[test]
    fn what_is_no_secret_is_told_why() {
        let of = |bytes: usize| format!("whsec_{}", general_purpose::STANDARD.encode(vec![7; bytes]));
        assert_eq!(WebhookSecret::parse(""), Err(SecretFault::Prefix));
        assert_eq!(WebhookSecret::parse("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), Err(SecretFault::Prefix));
        assert_eq!(WebhookSecret::parse("whsec_no base64"), Err(SecretFault::Base64));
        assert_eq!(WebhookSecret::parse(&of(23)), Err(SecretFault::Length(23)));
        assert_eq!(WebhookSecret::parse(&of(65)), Err(SecretFault::Length(65)));
        assert!(WebhookSecret::parse(&of(24)).is_ok() && WebhookSecret::parse(&of(64)).is_ok());
    }
}
