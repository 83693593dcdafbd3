//! A certificate is how an end proves in the DTLS handshake that it is the one whose fingerprint stood in the SDP
//! ([RFC 8122](https://www.rfc-editor.org/rfc/rfc8122#section-5)). It is self-signed; nothing but the fingerprint counts.

use std::fmt;
use std::sync::Arc;

use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, PKCS_ECDSA_P256_SHA256};
use sha2::{Digest, Sha256, Sha384, Sha512};

/// A self-signed certificate (ECDSA P-256) with its key; cheap to clone.
#[derive(Clone)]
pub struct Certificate {
    inner: Arc<Inner>,
}

struct Inner {
    certificate_der: Vec<u8>,
    key_der: Vec<u8>,
    fingerprint: Fingerprint,
}

/// The library could not make a certificate; it has no randomness, or no memory.
#[derive(Debug, thiserror::Error)]
#[error("cannot generate a certificate: {0}")]
pub struct CertificateError(#[from] rcgen::Error);

impl Certificate {
    /// Makes a new key and a certificate for it. The only place here that draws randomness, by way of the library.
    ///
    /// # Errors
    ///
    /// Fails if the library does.
    pub fn generate() -> Result<Self, CertificateError> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let mut params = CertificateParams::new(Vec::new())?;
        let mut name = DistinguishedName::new();
        name.push(DnType::CommonName, "podium");
        params.distinguished_name = name;
        let certificate_der = params.self_signed(&key)?.der().to_vec();
        let fingerprint = Fingerprint { hash: Hash::Sha256, digest: Hash::Sha256.digest(&certificate_der) };
        Ok(Self { inner: Arc::new(Inner { certificate_der, key_der: key.serialize_der(), fingerprint }) })
    }

    /// The SHA-256 fingerprint; its `Display` is what SDP wants.
    #[must_use]
    pub fn fingerprint(&self) -> &Fingerprint {
        &self.inner.fingerprint
    }

    /// The certificate in DER.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.inner.certificate_der
    }

    /// The private key in PKCS #8 DER.
    pub(super) fn key_der(&self) -> &[u8] {
        &self.inner.key_der
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate({})", self.fingerprint())
    }
}

/// A hash of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fingerprint {
    hash: Hash,
    digest: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

impl Fingerprint {
    /// A fingerprint by the name of its hash function as SDP writes it; `None` if that is weaker than sha-256 or unknown,
    /// or the digest is of another length.
    #[must_use]
    pub fn new(name: &str, digest: Vec<u8>) -> Option<Self> {
        let hash = [Hash::Sha256, Hash::Sha384, Hash::Sha512]
            .into_iter()
            .find(|hash| hash.name().eq_ignore_ascii_case(name))?;
        (digest.len() == hash.digest_len()).then_some(Self { hash, digest })
    }

    /// Whether this is the fingerprint of the certificate with this DER.
    #[must_use]
    pub fn matches(&self, certificate_der: &[u8]) -> bool {
        self.hash.digest(certificate_der) == self.digest
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.hash.name())?;
        let mut separator = ' ';
        for byte in &self.digest {
            write!(f, "{separator}{byte:02X}")?;
            separator = ':';
        }
        Ok(())
    }
}

impl Hash {
    const fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha-256",
            Self::Sha384 => "sha-384",
            Self::Sha512 => "sha-512",
        }
    }

    const fn digest_len(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    fn digest(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha256 => Sha256::digest(bytes).to_vec(),
            Self::Sha384 => Sha384::digest(bytes).to_vec(),
            Self::Sha512 => Sha512::digest(bytes).to_vec(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]

    use super::*;

    #[test]
    fn a_fingerprint_matches_its_certificate_only() {
        let ours = Certificate::generate().unwrap();
        let other = Certificate::generate().unwrap();
        assert!(ours.fingerprint().matches(ours.der()));
        assert!(!ours.fingerprint().matches(other.der()));
        let text = ours.fingerprint().to_string();
        assert_eq!(text.len(), "sha-256 ".len() + 32 * 3 - 1);
        assert!(text.starts_with("sha-256 "));
    }

    #[test]
    fn every_strong_hash_is_known_and_sha_1_is_not() {
        let der = b"anything";
        let sha512 = Fingerprint::new("SHA-512", Sha512::digest(der).to_vec()).unwrap();
        let sha384 = Fingerprint::new("sha-384", Sha384::digest(der).to_vec()).unwrap();
        assert!(sha512.matches(der) && sha384.matches(der));
        assert!(!sha512.matches(b"another") && !sha384.matches(b"another"));
        assert_eq!(Fingerprint::new("sha-1", vec![0; 20]), None);
        assert_eq!(Fingerprint::new("sha-256", vec![0; 20]), None);
    }
}
