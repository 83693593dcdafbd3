//! A DTLS endpoint is one end of a handshake that ends with keys for SRTP
//! ([RFC 5764](https://www.rfc-editor.org/rfc/rfc5764)). The trait is what we need of it, so that the library can change.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use dimpl::{Config, Dtls, DtlsCertificate, Error, Output, UnexpectedMessageError};

use super::certificate::Certificate;
use super::srtp::SrtpProfile;

/// Which end begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DtlsRole {
    /// We send the ClientHello.
    Active,
    /// We wait for it.
    Passive,
}

/// One end of a DTLS association, driven by datagrams and time.
///
/// After every call that changes something, [`DtlsEndpoint::poll`] is called until it has nothing.
pub trait DtlsEndpoint {
    /// Takes a datagram in. What is no part of the handshake is ignored, not an error.
    ///
    /// # Errors
    ///
    /// The association has failed for good.
    fn feed(&mut self, datagram: &[u8], now: Instant) -> Result<(), DtlsFailure>;

    /// What happened, one thing at a time.
    fn poll(&mut self) -> DtlsOutput;

    /// When [`DtlsEndpoint::handle_timeout`] is due, as of the last poll.
    fn timeout(&self) -> Option<Instant>;

    /// Lets time pass: retransmissions and the limit of the handshake.
    ///
    /// # Errors
    ///
    /// The association has failed for good.
    fn handle_timeout(&mut self, now: Instant) -> Result<(), DtlsFailure>;
}

/// Something that a DTLS endpoint tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DtlsOutput {
    /// A datagram to send.
    Packet(Vec<u8>),
    /// The peer's certificate in DER; whose it is, is for the caller to check.
    PeerCertificate(Vec<u8>),
    /// The handshake is complete.
    Connected,
    /// The keys for SRTP, both directions.
    Keys(KeyingMaterial),
    /// The peer closed the association.
    Closed,
    /// Nothing more for now.
    Nothing,
}

/// The keys that a handshake yields.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyingMaterial {
    /// Client's key, server's key, client's salt, server's salt.
    pub bytes: Vec<u8>,
    /// What they are for.
    pub profile: SrtpProfile,
}

impl std::fmt::Debug for KeyingMaterial {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KeyingMaterial({:?})", self.profile)
    }
}

/// Why an association failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DtlsFailure {
    /// The handshake or a flight of it took too long.
    #[error("the DTLS handshake timed out")]
    Timeout,
    /// The peers do not agree, or one breaks the protocol.
    #[error("the DTLS handshake failed")]
    Protocol,
    /// The peers agree on no SRTP profile that we speak.
    #[error("no common SRTP profile")]
    NoProfile,
}

/// The endpoint over the `dimpl` library: DTLS 1.3 or 1.2, whichever the peer speaks.
pub struct Dimpl {
    dtls: Dtls,
    timeout: Option<Instant>,
    failed: Option<DtlsFailure>,
}

impl Dimpl {
    /// An endpoint that has not begun: an active one has its ClientHello ready at the first poll.
    #[must_use]
    pub fn new(certificate: &Certificate, role: DtlsRole, now: Instant) -> Self {
        let certificate =
            DtlsCertificate { certificate: certificate.der().to_vec(), private_key: certificate.key_der().to_vec() };
        let mut dtls = Dtls::new_auto(config(), certificate, now);
        dtls.set_active(role == DtlsRole::Active);
        Self { dtls, timeout: None, failed: None }
    }

    /// A passive endpoint of the older version, as many clients still are.
    #[cfg(test)]
    pub(super) fn passive_speaking_only_1_2(certificate: &Certificate, now: Instant) -> Self {
        let certificate =
            DtlsCertificate { certificate: certificate.der().to_vec(), private_key: certificate.key_der().to_vec() };
        Self { dtls: Dtls::new_12(config(), certificate, now), timeout: None, failed: None }
    }

    /// A passive endpoint keeps whatever it is fed before the ClientHello, and fails when that is too much.
    fn awaits_hello(&self) -> bool {
        !self.dtls.is_active() && self.dtls.protocol_version().is_none()
    }

    fn settle(&mut self, result: Result<(), Error>) -> Result<(), DtlsFailure> {
        let failure = match result {
            Ok(()) => return Ok(()),
            // Before the peer's first flight the library cannot tell whose datagram it is; it stays usable.
            Err(Error::UnexpectedMessage(UnexpectedMessageError::UnrecognizedAutoServerResponse)) => return Ok(()),
            Err(Error::Timeout(_)) => DtlsFailure::Timeout,
            Err(_) => DtlsFailure::Protocol,
        };
        self.failed = Some(failure);
        Err(failure)
    }
}

impl DtlsEndpoint for Dimpl {
    fn feed(&mut self, datagram: &[u8], now: Instant) -> Result<(), DtlsFailure> {
        if let Some(failure) = self.failed {
            return Err(failure);
        }
        if is_clear_alert(datagram) || (self.awaits_hello() && !is_client_hello(datagram)) {
            return Ok(());
        }
        // The library wants to know the time before it takes a datagram in.
        let result = self.dtls.handle_timeout(now);
        self.settle(result)?;
        let result = self.dtls.handle_packet(datagram);
        self.settle(result)
    }

    fn poll(&mut self) -> DtlsOutput {
        if self.failed.is_some() {
            return DtlsOutput::Nothing;
        }
        let mut small = [0u8; POLL_BUFFER];
        let mut large = Vec::new();
        loop {
            let buffer = if large.is_empty() { &mut small[..] } else { &mut large[..] };
            return match self.dtls.poll_output(buffer) {
                Output::Packet(packet) => DtlsOutput::Packet(packet.to_vec()),
                Output::BufferTooSmall { needed } if needed <= OUTPUT_MAX => {
                    large = vec![0; needed];
                    continue;
                }
                Output::PeerCert(der) => DtlsOutput::PeerCertificate(der.to_vec()),
                Output::Connected => DtlsOutput::Connected,
                Output::KeyingMaterial(keys, profile) => {
                    let Some(profile) = profile_of(profile) else {
                        continue;
                    };
                    let bytes = keys.to_vec();
                    DtlsOutput::Keys(KeyingMaterial { bytes, profile })
                }
                Output::CloseNotify => DtlsOutput::Closed,
                Output::ApplicationData(_) => continue,
                Output::Timeout(at) => {
                    self.timeout = Some(at);
                    DtlsOutput::Nothing
                }
                // Larger than any flight we know, or of a later version of the library.
                Output::BufferTooSmall { .. } => DtlsOutput::Nothing,
                _ => continue,
            };
        }
    }

    fn timeout(&self) -> Option<Instant> {
        self.timeout.filter(|_| self.failed.is_none())
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), DtlsFailure> {
        if let Some(failure) = self.failed {
            return Err(failure);
        }
        let result = self.dtls.handle_timeout(now);
        self.settle(result)
    }
}

impl std::fmt::Debug for Dimpl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.dtls)
    }
}

/// An alert that nothing authenticates: anyone could have sent it, so it must not end a handshake.
fn is_clear_alert(datagram: &[u8]) -> bool {
    matches!(datagram, [ALERT, _, _, 0, 0, ..])
}

/// A record in the clear that begins with a ClientHello or a fragment of one.
fn is_client_hello(datagram: &[u8]) -> bool {
    let is_record = matches!(datagram, [HANDSHAKE, 254, _, 0, 0, ..]);
    is_record && datagram.get(RECORD_HEADER_LEN) == Some(&CLIENT_HELLO)
}

/// `None` for a profile that a later version of the library may bring.
fn profile_of(profile: dimpl::SrtpProfile) -> Option<SrtpProfile> {
    let known = [
        (dimpl::SrtpProfile::AEAD_AES_256_GCM, SrtpProfile::AeadAes256Gcm),
        (dimpl::SrtpProfile::AEAD_AES_128_GCM, SrtpProfile::AeadAes128Gcm),
        (dimpl::SrtpProfile::AES128_CM_SHA1_80, SrtpProfile::Aes128CmSha1_80),
    ];
    let (_, ours) = known.into_iter().find(|(theirs, _)| *theirs == profile)?;
    Some(ours)
}

/// One configuration for all: it holds no state, and checking the library's cryptography takes a while.
fn config() -> Arc<Config> {
    static CONFIG: OnceLock<Arc<Config>> = OnceLock::new();
    let build = || {
        let config = Config::builder()
            .use_server_cookie(false)
            .flight_start_rto(FIRST_TIMEOUT)
            .flight_retries(RETRIES)
            .handshake_timeout(HANDSHAKE_LIMIT)
            .build();
        Arc::new(config.expect("constants within the limits that the library documents"))
    };
    Arc::clone(CONFIG.get_or_init(build))
}

/// A flight is repeated after so long, then after twice that, and so on.
const FIRST_TIMEOUT: Duration = Duration::from_millis(100);
const RETRIES: usize = 8;
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(30);
const POLL_BUFFER: usize = 2048;
/// The most bytes that one output may have.
const OUTPUT_MAX: usize = 64 * 1024;
const RECORD_HEADER_LEN: usize = 13;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
