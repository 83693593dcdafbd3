//! A signature shows a receiver that a webhook comes from whoever knows the secret, and that it is not an old one again.
//!
//! As in Standard Webhooks: HMAC-SHA256 over the id, the time and the body, joined by full stops; in base64 after `v1,`; one for each secret.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use super::WebhookSecret;

/// The header that tells deliveries apart. A delivery has the same one however often it comes.
pub const ID_HEADER: &str = "webhook-id";
/// The header with the time of the try, in seconds since 1970.
pub const TIMESTAMP_HEADER: &str = "webhook-timestamp";
/// The header with the signatures.
pub const SIGNATURE_HEADER: &str = "webhook-signature";
/// How far a delivery's time may be from the receiver's, in seconds.
pub const TOLERANCE_S: u64 = 5 * 60;

/// The three headers of a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Headers<'a> {
    /// `webhook-id`
    pub id: &'a str,
    /// `webhook-timestamp`
    pub timestamp: &'a str,
    /// `webhook-signature`
    pub signature: &'a str,
}

/// Why a webhook is not to be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Untrusted {
    /// The time is no number of seconds.
    #[error("{TIMESTAMP_HEADER} is no number of seconds")]
    Timestamp,
    /// It was sent too long ago: perhaps by someone who overheard it.
    #[error("{TIMESTAMP_HEADER} is more than {TOLERANCE_S} s old")]
    Old,
    /// It was sent in the future: a clock is wrong.
    #[error("{TIMESTAMP_HEADER} is more than {TOLERANCE_S} s ahead")]
    Ahead,
    /// No signature in the header is one of this webhook by a secret that is known.
    #[error("no signature fits: it was made with another secret, or something was changed on the way")]
    Signature,
}

/// Signs a webhook: the value of `webhook-signature`, with one signature for each secret.
#[must_use]
pub fn sign(secrets: &[WebhookSecret], id: &str, timestamp_s: u64, body: &[u8]) -> String {
    let timestamp = timestamp_s.to_string();
    let signatures: Vec<String> = secrets
        .iter()
        .map(|secret| {
            format!("{VERSION}{}", STANDARD.encode(mac(secret, id, &timestamp, body).finalize().into_bytes()))
        })
        .collect();
    signatures.join(" ")
}

/// Whether a webhook comes from whoever knows one of the secrets, and was sent not long ago. What is compared is compared in constant time.
///
/// # Errors
///
/// It is not to be believed.
pub fn verify(secrets: &[WebhookSecret], headers: Headers<'_>, body: &[u8], now_s: u64) -> Result<(), Untrusted> {
    let Headers { id, timestamp, signature } = headers;
    let sent_s: u64 = timestamp.parse().map_err(|_| Untrusted::Timestamp)?;
    if sent_s.saturating_add(TOLERANCE_S) < now_s {
        return Err(Untrusted::Old);
    }
    if sent_s > now_s.saturating_add(TOLERANCE_S) {
        return Err(Untrusted::Ahead);
    }
    let offered = signature.split(' ').take(SIGNATURES_MAX).filter_map(|one| one.strip_prefix(VERSION));
    let offered: Vec<Vec<u8>> = offered.filter_map(|one| STANDARD.decode(one).ok()).collect();
    let fits = |secret: &WebhookSecret| {
        let expected = mac(secret, id, timestamp, body);
        offered.iter().any(|one| expected.clone().verify_slice(one).is_ok())
    };
    if secrets.iter().any(fits) { Ok(()) } else { Err(Untrusted::Signature) }
}

fn mac(secret: &WebhookSecret, id: &str, timestamp: &str, body: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.bytes()).expect("HMAC takes keys of any length");
    for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
        mac.update(part);
    }
    mac
}

const VERSION: &str = "v1,";
/// How many signatures of a header are looked at.
const SIGNATURES_MAX: usize = 16;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]

    use super::*;

    const NOW: u64 = 1_614_265_330;
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const BODY: &[u8] = br#"{"test": 2432232314}"#;
    /// What the libraries of Standard Webhooks are tested with.
    const PUBLISHED: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    fn published() -> WebhookSecret {
        WebhookSecret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap()
    }

    fn other() -> WebhookSecret {
        WebhookSecret::new((0..32).collect())
    }

    fn check(secrets: &[WebhookSecret], timestamp: &str, signature: &str, now_s: u64) -> Result<(), Untrusted> {
        verify(secrets, Headers { id: ID, timestamp, signature }, BODY, now_s)
    }

    #[test]
    fn signatures_are_those_of_other_implementations() {
        assert_eq!(sign(&[published()], ID, NOW, BODY), PUBLISHED);
        // Computed with Python's hmac.
        assert_eq!(
            sign(&[other()], "EV_7_18c", 1_790_000_000, br#"{"a":1}"#),
            "v1,1MJZjq0W6wtdGj1zTiahFY69B3qWCTUc4/eKNdkc36o="
        );
    }

    #[test]
    fn while_secrets_are_changed_either_is_enough() {
        let both = sign(&[published(), other()], ID, NOW, BODY);
        assert_eq!(both.split(' ').count(), 2);
        let now = NOW.to_string();
        for known in [vec![published()], vec![other()], vec![other(), published()]] {
            assert_eq!(check(&known, &now, &both, NOW), Ok(()));
        }
        assert_eq!(check(&[published(), other()], &now, PUBLISHED, NOW), Ok(()));
        assert_eq!(check(&[other()], &now, PUBLISHED, NOW), Err(Untrusted::Signature));
        assert_eq!(check(&[published()], &now, &format!("v1a,x v2,y v1,!! {PUBLISHED}"), NOW), Ok(()));
    }

    #[test]
    fn nothing_signed_may_be_changed() {
        let now = NOW.to_string();
        let known = [published()];
        assert_eq!(check(&known, &(NOW + 1).to_string(), PUBLISHED, NOW), Err(Untrusted::Signature));
        let headers = Headers { id: "msg_other", timestamp: &now, signature: PUBLISHED };
        assert_eq!(verify(&known, headers, BODY, NOW), Err(Untrusted::Signature));
        let headers = Headers { id: ID, ..headers };
        assert_eq!(verify(&known, headers, b"{}", NOW), Err(Untrusted::Signature));
        for signature in ["", "v1,", "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", &PUBLISHED[..30]] {
            assert_eq!(check(&known, &now, signature, NOW), Err(Untrusted::Signature), "{signature}");
        }
    }

    #[test]
    fn what_is_old_or_from_the_future_is_not_believed() {
        let (now, known) = (NOW.to_string(), [published()]);
        assert_eq!(check(&known, &now, PUBLISHED, NOW + TOLERANCE_S), Ok(()));
        assert_eq!(check(&known, &now, PUBLISHED, NOW + TOLERANCE_S + 1), Err(Untrusted::Old));
        assert_eq!(check(&known, &now, PUBLISHED, NOW - TOLERANCE_S), Ok(()));
        assert_eq!(check(&known, &now, PUBLISHED, NOW - TOLERANCE_S - 1), Err(Untrusted::Ahead));
        assert_eq!(check(&known, "soon", PUBLISHED, NOW), Err(Untrusted::Timestamp));
        assert_eq!(check(&known, "18446744073709551615", PUBLISHED, NOW), Err(Untrusted::Ahead));
    }
}
