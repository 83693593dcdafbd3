//! A secure path turns a DTLS handshake into an SRTP session, once the peer's certificate is the one that was announced.
//!
//!   Idle ──first check──► Handshaking ──certificate, keys──► Ready ──30 s, 10 s silent──► Done
//!                              └──────mismatch, timeout, refusal──────► Failed
//!
//! In the active role the first flight goes out behind the reply to the first check, and again, bit for bit, behind each
//! later reply until the peer answers: a ClientHello that overtakes the reply is dropped by browsers.
//! A path does not know addresses: the owner feeds it from validated ones only, and sends what it says to the selected one.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::transport::certificate::Fingerprint;
use crate::transport::dtls::{Dimpl, DtlsEndpoint, DtlsFailure, DtlsOutput, DtlsRole, KeyingMaterial};
use crate::transport::srtp::SrtpSession;

/// The way from proven addresses to agreed keys.
#[derive(Debug)]
pub struct SecurePath<D = Dimpl> {
    /// Gone when it failed, was closed, or is not needed any more.
    endpoint: Option<D>,
    role: DtlsRole,
    fingerprints: Vec<Fingerprint>,
    outbox: VecDeque<SecureOutput>,
    started_at: Option<Instant>,
    /// What begins the handshake, kept to be repeated until the peer answers.
    first_flight: Vec<Vec<u8>>,
    answered: bool,
    certified: bool,
    keys: Option<KeyingMaterial>,
    connected_at: Option<Instant>,
    ready: bool,
    record_at: Option<Instant>,
    /// The flight that waits for an answer.
    flight: Option<Flight>,
    round_trip: Option<FlightRoundTrip>,
}

/// Something that a secure path tells its owner.
#[derive(Debug)]
pub enum SecureOutput {
    /// A datagram to send on the path in use.
    Send(Vec<u8>),
    /// The certificate is the announced one and the keys exist; told once.
    Ready(Box<SrtpSession>),
    /// There will be no keys; told once, and nothing after it.
    Failed(SecureFailure),
    /// The peer ended the association.
    Closed,
}

/// Why there will be no keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum SecureFailure {
    /// The peer's certificate has none of the announced fingerprints.
    #[error("the certificate is not the announced one")]
    FingerprintMismatch,
    /// The handshake took too long.
    #[error("the DTLS handshake timed out")]
    Timeout,
    /// The peers do not agree, or one breaks the protocol.
    #[error("the DTLS handshake failed")]
    Protocol,
    /// The peers agree on no SRTP profile.
    #[error("no common SRTP profile")]
    NoProfile,
}

impl SecureFailure {
    /// The metric label.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::FingerprintMismatch => "dtls_fingerprint_mismatch",
            Self::Timeout => "dtls_timeout",
            Self::Protocol => "dtls_protocol",
            Self::NoProfile => "dtls_no_profile",
        }
    }
}

impl From<DtlsFailure> for SecureFailure {
    fn from(failure: DtlsFailure) -> Self {
        match failure {
            DtlsFailure::Timeout => Self::Timeout,
            DtlsFailure::Protocol => Self::Protocol,
            DtlsFailure::NoProfile => Self::NoProfile,
        }
    }
}

/// How long a flight and its first answer took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlightRoundTrip {
    /// From the first sending of the flight to the first record of the answer.
    pub rtt: Duration,
    /// The flight was sent once only; otherwise the answer may be to a later sending, and the true time is shorter.
    pub exact: bool,
}

#[derive(Debug, Clone, Copy)]
struct Flight {
    sent_at: Instant,
    repeated: bool,
}

impl<D: DtlsEndpoint> SecurePath<D> {
    /// A path that waits for its first check. `fingerprints` are the announced ones; any of them may match.
    #[must_use]
    pub fn new(endpoint: D, role: DtlsRole, fingerprints: Vec<Fingerprint>) -> Self {
        Self {
            endpoint: Some(endpoint),
            role,
            fingerprints,
            outbox: VecDeque::new(),
            started_at: None,
            first_flight: Vec::new(),
            answered: false,
            certified: false,
            keys: None,
            connected_at: None,
            ready: false,
            record_at: None,
            flight: None,
            round_trip: None,
        }
    }

    /// The reply to an accepted check is on its way: now the first flight may follow, or follow again.
    pub fn after_check_reply(&mut self, now: Instant) {
        if self.endpoint.is_none() {
            return;
        }
        if self.started_at.is_none() {
            self.started_at = Some(now);
            if self.role == DtlsRole::Active {
                self.advance(Cause::Time, now, |endpoint| endpoint.handle_timeout(now));
            }
            return;
        }
        if self.answered || self.first_flight.is_empty() {
            return;
        }
        let again = self.first_flight.iter().cloned();
        self.outbox.extend(again.map(SecureOutput::Send));
        if let Some(flight) = &mut self.flight {
            flight.repeated = true;
        }
    }

    /// Takes in a DTLS datagram that came from a validated address.
    pub fn feed(&mut self, datagram: &[u8], now: Instant) {
        if self.endpoint.is_none() {
            return;
        }
        self.started_at.get_or_insert(now);
        self.record_at = Some(now);
        if is_handshake_record(datagram) {
            self.measure(now);
        }
        self.advance(Cause::Datagram, now, |endpoint| endpoint.feed(datagram, now));
    }

    /// What happened, one thing at a time, until `None`.
    pub fn poll(&mut self) -> Option<SecureOutput> {
        self.outbox.pop_front()
    }

    /// When [`SecurePath::handle_timeout`] is due.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Instant> {
        let endpoint = self.endpoint.as_ref()?;
        [endpoint.timeout(), self.drop_at(), self.give_up_at()].into_iter().flatten().min()
    }

    /// Lets time pass.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.drop_at().is_some_and(|at| at <= now) {
            self.endpoint = None;
            return;
        }
        if self.endpoint.is_some() && self.give_up_at().is_some_and(|at| at <= now) {
            self.fail(SecureFailure::Timeout);
            return;
        }
        let due = self.endpoint.as_ref().and_then(D::timeout);
        if due.is_some_and(|at| at <= now) {
            self.advance(Cause::Time, now, |endpoint| endpoint.handle_timeout(now));
        }
    }

    /// The round trip as the handshake showed it: exact if any flight was answered at its first sending.
    #[must_use]
    pub fn round_trip(&self) -> Option<FlightRoundTrip> {
        self.round_trip
    }

    /// The DTLS object is gone: by failure, by the peer's closing, or because nothing needs it any more.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.endpoint.is_none()
    }

    /// Lets the endpoint do something, then collects what came of it.
    fn advance(&mut self, cause: Cause, now: Instant, act: impl FnOnce(&mut D) -> Result<(), DtlsFailure>) {
        let Some(endpoint) = &mut self.endpoint else {
            return;
        };
        let result = act(endpoint);
        self.drain(cause, now);
        match result {
            Ok(()) => {}
            // The keys are agreed: what the association does now is of no consequence to media.
            Err(_) if self.ready => self.endpoint = None,
            Err(failure) => self.fail(failure.into()),
        }
    }

    fn drain(&mut self, cause: Cause, now: Instant) {
        while let Some(endpoint) = &mut self.endpoint {
            match endpoint.poll() {
                DtlsOutput::Packet(packet) => self.send(packet, cause, now),
                DtlsOutput::PeerCertificate(der) => {
                    let announced = self.fingerprints.iter().any(|f| f.matches(&der));
                    if !announced {
                        return self.fail(SecureFailure::FingerprintMismatch);
                    }
                    self.certified = true;
                    self.answer_came();
                }
                DtlsOutput::Connected => self.connected_at = Some(now),
                DtlsOutput::Keys(keys) => self.keys = Some(keys),
                DtlsOutput::Closed => {
                    self.endpoint = None;
                    self.outbox.push_back(SecureOutput::Closed);
                }
                DtlsOutput::Nothing => break,
            }
        }
        self.conclude();
    }

    /// Announces the session when everything for it is there.
    fn conclude(&mut self) {
        if self.ready || self.connected_at.is_none() || self.endpoint.is_none() {
            return;
        }
        let Some(keys) = self.keys.take() else {
            return self.fail(SecureFailure::NoProfile);
        };
        if !self.certified {
            return self.fail(SecureFailure::FingerprintMismatch);
        }
        match SrtpSession::new(&keys.bytes, keys.profile, self.role) {
            Ok(session) => {
                self.ready = true;
                self.outbox.push_back(SecureOutput::Ready(Box::new(session)));
            }
            Err(_) => self.fail(SecureFailure::Protocol),
        }
    }

    fn send(&mut self, packet: Vec<u8>, cause: Cause, now: Instant) {
        let opening = self.role == DtlsRole::Active && !self.answered;
        let mut first_time = cause == Cause::Datagram;
        match cause {
            // Feeding lets time pass too, so the first flight may be repeated whatever came in.
            Cause::Datagram | Cause::Time if self.first_flight.contains(&packet) => {
                first_time = false;
            }
            Cause::Datagram if opening => self.answer_came(),
            Cause::Time if opening => {
                self.first_flight.push(packet.clone());
                first_time = true;
            }
            Cause::Datagram | Cause::Time => {}
        }
        match &mut self.flight {
            Some(flight) => flight.repeated |= !first_time,
            None if self.ready => {}
            None => {
                let repeated = !first_time;
                let sent_at = now;
                self.flight = Some(Flight { sent_at, repeated });
            }
        }
        self.outbox.push_back(SecureOutput::Send(packet));
    }

    fn answer_came(&mut self) {
        self.answered = true;
        self.first_flight = Vec::new();
    }

    /// A record came: if a flight of ours waits, this is the answer.
    fn measure(&mut self, now: Instant) {
        let Some(flight) = self.flight.take() else {
            return;
        };
        let sample = FlightRoundTrip { rtt: now.saturating_duration_since(flight.sent_at), exact: !flight.repeated };
        if self.round_trip.is_none_or(|best| sample.exact && !best.exact) {
            self.round_trip = Some(sample);
        }
    }

    fn fail(&mut self, failure: SecureFailure) {
        self.endpoint = None;
        self.keys = None;
        self.outbox.clear();
        self.outbox.push_back(SecureOutput::Failed(failure));
    }

    /// When the DTLS object has done its work: late records of the handshake have had time to come.
    fn drop_at(&self) -> Option<Instant> {
        self.endpoint.as_ref()?;
        let connected_at = self.connected_at?;
        let quiet_since = self.record_at.unwrap_or(connected_at);
        Some((connected_at + KEPT_AFTER_HANDSHAKE).max(quiet_since + KEPT_AFTER_RECORD))
    }

    /// When a handshake that was begun must be over; the endpoint's own limit does not hold before it hears its peer.
    fn give_up_at(&self) -> Option<Instant> {
        if self.connected_at.is_some() {
            return None;
        }
        Some(self.started_at? + HANDSHAKE_LIMIT)
    }
}

/// What made the endpoint send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    Datagram,
    Time,
}

/// A handshake record in the clear, or any sealed record of DTLS 1.3.
fn is_handshake_record(datagram: &[u8]) -> bool {
    matches!(datagram, [HANDSHAKE | 32..=63, ..])
}

/// A handshake that was begun is given up after so long.
pub const HANDSHAKE_LIMIT: Duration = Duration::from_secs(30);
/// The DTLS object is kept for so long after the handshake, to repeat the last flight should it be lost…
pub const KEPT_AFTER_HANDSHAKE: Duration = Duration::from_secs(30);
/// …and for so long after the last record.
pub const KEPT_AFTER_RECORD: Duration = Duration::from_secs(10);

const HANDSHAKE: u8 = 22;

#[cfg(test)]
mod tests;
