//! Checks are how a client proves its path and keeps consent: the asking side of ICE
//! ([RFC 8445](https://www.rfc-editor.org/rfc/rfc8445), [RFC 7675](https://www.rfc-editor.org/rfc/rfc7675)).
//!
//!   Asking ──50, 100, 200 … 500 ms──► first reply ──every 4 to 6 s──► …
//!
//! Every check nominates: against a lite end with one candidate there is nothing to choose.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use podium::wire::stun::{RequestParams, TransactionId, parse_success, write_request};

use super::offer::Offer;

/// The checks of one client.
#[derive(Debug)]
pub(super) struct Checks {
    username: String,
    password: String,
    tie_breaker: u64,
    count: u32,
    asked: VecDeque<(TransactionId, Instant)>,
    next_at: Instant,
    /// The time to the next check while none is answered.
    patience: Duration,
    answered: bool,
    consented_at: Instant,
    round_trip: Option<Duration>,
}

impl Checks {
    /// The first check is due at once.
    pub(super) fn new(offer: &Offer, their_ufrag: &str, their_pwd: String, now: Instant) -> Self {
        Self {
            username: format!("{their_ufrag}:{}", offer.ufrag()),
            password: their_pwd,
            tie_breaker: offer.tie_breaker(),
            count: 0,
            asked: VecDeque::new(),
            next_at: now,
            patience: FIRST_PATIENCE,
            answered: false,
            consented_at: now,
            round_trip: None,
        }
    }

    pub(super) fn next_at(&self) -> Instant {
        self.next_at
    }

    /// Nothing was answered for so long that the path counts as dead.
    pub(super) fn is_consent_lost(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.consented_at) >= CONSENT_LASTS
    }

    pub(super) fn round_trip(&self) -> Option<Duration> {
        self.round_trip
    }

    /// A receiver report told a round trip.
    pub(super) fn reported(&mut self, round_trip: Duration) {
        self.round_trip = Some(round_trip);
    }

    /// The check that is due.
    pub(super) fn check(&mut self, now: Instant) -> Option<Vec<u8>> {
        if self.next_at > now {
            return None;
        }
        if self.answered {
            self.next_at = now + self.consent_interval();
        } else {
            self.next_at = now + self.patience;
            self.patience = (2 * self.patience).min(PATIENCE_MAX);
        }
        let transaction = self.transaction();
        if self.asked.len() == ASKED_MAX {
            self.asked.pop_front();
        }
        self.asked.push_back((transaction, now));
        self.count += 1;
        let params = RequestParams {
            transaction,
            username: &self.username,
            use_candidate: true,
            tie_breaker: self.tie_breaker,
            priority: PRIORITY,
        };
        let mut datagram = Vec::with_capacity(128);
        write_request(&params, &self.password, &mut datagram);
        Some(datagram)
    }

    /// Takes a reply; true if it answers a check of ours.
    pub(super) fn reply(&mut self, datagram: &[u8], now: Instant) -> bool {
        let answers =
            |(id, _): &(TransactionId, Instant)| datagram.get(8..20) == Some(id) && self.is_authentic(datagram, id);
        let Some(at) = self.asked.iter().position(answers) else {
            return false;
        };
        // Older checks will not be missed.
        let sent_at = self.asked.drain(..=at).next_back().map_or(now, |(_, sent_at)| sent_at);
        self.round_trip = Some(now.saturating_duration_since(sent_at));
        self.consented_at = now;
        if !std::mem::replace(&mut self.answered, true) {
            self.next_at = now + self.consent_interval();
        }
        true
    }

    fn is_authentic(&self, datagram: &[u8], id: &TransactionId) -> bool {
        parse_success(datagram, id, &self.password).is_ok()
    }

    /// 4 to 6 s (RFC 7675 section 5.1), so that many clients do not ask together.
    fn consent_interval(&self) -> Duration {
        let spread = self.tie_breaker.wrapping_mul(u64::from(self.count) * 2 + 1) >> 32;
        CONSENT_MIN + CONSENT_SPREAD * (spread as u32 & 0xFFFF) / 0x1_0000
    }

    /// Unlike any other of this client; nobody but the server sees it.
    fn transaction(&self) -> TransactionId {
        let mut id = [0; 12];
        id[..8].copy_from_slice(&self.tie_breaker.to_be_bytes());
        id[8..].copy_from_slice(&self.count.to_be_bytes());
        id
    }
}

/// The pace of RFC 8445 section 14.2; then twice as long each time…
const FIRST_PATIENCE: Duration = Duration::from_millis(50);
/// …up to the first timeout of RFC 8489 section 6.2.1.
const PATIENCE_MAX: Duration = Duration::from_millis(500);
const CONSENT_MIN: Duration = Duration::from_secs(4);
const CONSENT_SPREAD: Duration = Duration::from_secs(2);
const CONSENT_LASTS: Duration = Duration::from_secs(30);
/// Checks that may still be answered.
const ASKED_MAX: usize = 16;
/// Of a host candidate, for its first component.
const PRIORITY: u32 = (126 << 24) | (65_535 << 8) | 255;
