//! Handshakes in memory: both roles, both versions, loss, junk and mismatched certificates.

#![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]
#![allow(
    clippy::disallowed_methods,
    reason = "an Instant can only be had from the clock; the tests move it themselves"
)]

use super::*;
use crate::transport::certificate::Certificate;
use crate::transport::srtp::SrtpError;
use crate::wire::rtp::RtpHeader;

#[test]
fn both_roles_reach_the_same_keys_in_either_version() {
    for old in [false, true] {
        let mut call = Call::new(old);
        call.check_both();
        call.run();
        let (mut ours, mut theirs) = call.sessions();
        let packet = rtp_packet(7, 1);
        let sealed = ours.protect_rtp(&packet, 12, 7, 1).unwrap();
        let header = RtpHeader::parse(&sealed).unwrap();
        let opened = theirs.unprotect_rtp(&sealed, &header, true).unwrap();
        assert_eq!(opened[..], packet[..]);
        let sealed = theirs.protect_rtp(&packet, 12, 7, 1).unwrap();
        let header = RtpHeader::parse(&sealed).unwrap();
        assert!(ours.unprotect_rtp(&sealed, &header, true).is_ok());
        let again = ours.unprotect_rtp(&sealed, &header, true);
        assert_eq!(again.unwrap_err(), SrtpError::Replayed);
    }
}

#[test]
fn the_round_trip_is_that_of_a_flight_sent_once() {
    let mut call = Call::new(false);
    call.latency = Duration::from_millis(20);
    call.check_both();
    call.run();
    let measured = call.active.path.round_trip().unwrap();
    assert_eq!(measured.rtt, Duration::from_millis(40));
    assert!(measured.exact);
}

#[test]
fn a_lost_client_hello_is_repeated_bit_for_bit_behind_the_next_reply() {
    let mut call = Call::new(false);
    let now = call.now;
    call.active.path.after_check_reply(now);
    let first = call.active.sent();
    assert_eq!(first.len(), 1, "one ClientHello");
    // It is lost; garbage and clear alerts come instead, and another check.
    call.active.path.feed(&[22; 40], now);
    call.active.path.feed(&[21, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 40], now);
    let later = now + Duration::from_millis(30);
    call.active.path.after_check_reply(later);
    assert_eq!(call.active.sent(), first);
    // The library's own timer repeats the same bytes as well.
    let due = call.active.path.next_timeout().unwrap();
    assert!(due > now && due <= now + Duration::from_millis(130));
    call.active.path.handle_timeout(due);
    assert_eq!(call.active.sent(), first);
    // Garbage that comes when the next repetition is due does not pass for an answer.
    let due = call.active.path.next_timeout().unwrap();
    call.active.path.feed(&[22; 40], due);
    assert_eq!(call.active.sent(), first);
    call.active.path.after_check_reply(due);
    assert_eq!(call.active.sent(), first);
    // When it arrives at last, the handshake goes on, and nothing is repeated any more.
    call.now = due;
    call.passive.path.after_check_reply(due);
    call.deliver(first, false);
    call.run();
    let later = call.now;
    call.active.path.after_check_reply(later);
    assert!(call.active.sent().is_empty());
    assert!(
        !call
            .active
            .path
            .round_trip()
            .is_some_and(|measured| measured.exact && measured.rtt > Duration::from_millis(1))
    );
    call.sessions();
}

#[test]
fn before_the_first_check_nothing_is_sent() {
    let call = Call::new(false);
    let mut active = call.active;
    assert!(active.sent().is_empty());
    assert_eq!(active.path.next_timeout(), None);
}

#[test]
fn a_certificate_that_was_not_announced_fails_either_role() {
    for forged_is_active in [true, false] {
        let mut call = Call::new(false);
        let other = Certificate::generate().unwrap().fingerprint().clone();
        let deceived = if forged_is_active { &mut call.passive } else { &mut call.active };
        deceived.path.fingerprints = vec![other];
        call.check_both();
        call.run();
        let deceived = if forged_is_active { &mut call.passive } else { &mut call.active };
        assert_eq!(deceived.failed, Some(SecureFailure::FingerprintMismatch));
        assert!(deceived.session.is_none());
        assert!(deceived.path.is_done());
    }
}

#[test]
fn any_announced_fingerprint_will_do() {
    let mut call = Call::new(false);
    let other = Certificate::generate().unwrap().fingerprint().clone();
    call.active.path.fingerprints.insert(0, other);
    call.check_both();
    call.run();
    call.sessions();
}

#[test]
fn loss_of_any_one_datagram_only_delays_the_handshake() {
    for old in [false, true] {
        for lost in 0..8 {
            let mut call = Call::new(old);
            call.lose = Some(lost);
            call.check_both();
            call.run();
            call.sessions();
        }
    }
}

#[test]
fn a_peer_that_never_answers_is_given_up() {
    for role in [DtlsRole::Active, DtlsRole::Passive] {
        let mut call = Call::new(false);
        let begun = call.now;
        let end = match role {
            DtlsRole::Active => &mut call.active,
            DtlsRole::Passive => &mut call.passive,
        };
        end.path.after_check_reply(begun);
        let mut now = begun;
        while let Some(at) = end.path.next_timeout() {
            assert!(at >= now && at <= begun + HANDSHAKE_LIMIT);
            now = at;
            end.path.handle_timeout(now);
            end.collect();
        }
        assert_eq!(end.failed, Some(SecureFailure::Timeout));
        assert!(end.sent.len() <= 10, "{} datagrams", end.sent.len());
    }
}

#[test]
fn the_dtls_object_is_dropped_when_it_has_done_its_work() {
    let mut call = Call::new(false);
    call.check_both();
    call.run();
    call.sessions();
    let connected = call.now;
    let at = |seconds| connected + Duration::from_secs(seconds);
    let path = &mut call.active.path;
    // Records keep coming: it stays.
    path.handle_timeout(at(25));
    path.feed(&[22; 40], at(25));
    path.handle_timeout(at(34));
    assert!(!path.is_done());
    path.handle_timeout(at(35));
    assert!(path.is_done());
    assert_eq!(path.next_timeout(), None);
    path.feed(&[22; 40], at(36));
    assert!(path.poll().is_none());
}

#[test]
fn no_datagram_of_any_length_breaks_a_handshake() {
    let mut call = Call::new(false);
    call.check_both();
    let now = call.now;
    for first in [20u8, 21, 22, 23, 25, 32, 47, 63] {
        for len in (1..=1500).step_by(7) {
            let mut junk = vec![0xa5; len];
            junk[0] = first;
            call.active.path.feed(&junk, now);
            assert!(!call.active.path.is_done(), "active: {first} {len}");
            call.passive.path.feed(&junk, now);
            assert!(!call.passive.path.is_done(), "passive: {first} {len}");
        }
    }
    call.run();
    call.sessions();
}

/// Two ends with a wire between them.
struct Call {
    active: End,
    passive: End,
    now: Instant,
    latency: Duration,
    /// The number of the datagram that is lost.
    lose: Option<usize>,
    delivered: usize,
}

struct End {
    path: SecurePath,
    sent: Vec<Vec<u8>>,
    session: Option<Box<SrtpSession>>,
    failed: Option<SecureFailure>,
}

impl Call {
    fn new(old: bool) -> Self {
        let now = crate::runtime::clock::now();
        let (ours, theirs) = (certificate(0), certificate(1));
        let passive = if old {
            Dimpl::passive_speaking_only_1_2(theirs, now)
        } else {
            Dimpl::new(theirs, DtlsRole::Passive, now)
        };
        let active = Dimpl::new(ours, DtlsRole::Active, now);
        Self {
            active: End::new(active, DtlsRole::Active, theirs),
            passive: End::new(passive, DtlsRole::Passive, ours),
            now,
            latency: Duration::ZERO,
            lose: None,
            delivered: 0,
        }
    }

    fn check_both(&mut self) {
        self.active.path.after_check_reply(self.now);
        self.passive.path.after_check_reply(self.now);
    }

    fn deliver(&mut self, datagrams: Vec<Vec<u8>>, to_active: bool) {
        for datagram in datagrams {
            let number = self.delivered;
            self.delivered += 1;
            if self.lose == Some(number) {
                continue;
            }
            let end = if to_active { &mut self.active } else { &mut self.passive };
            end.path.feed(&datagram, self.now);
        }
    }

    /// Exchanges datagrams, and lets time pass when there are none, until both ends have an outcome and are quiet.
    fn run(&mut self) {
        for _ in 0..200 {
            let (from_active, from_passive) = (self.active.sent(), self.passive.sent());
            if from_active.is_empty() && from_passive.is_empty() {
                if self.active.is_settled() && self.passive.is_settled() {
                    return;
                }
                let due = [&self.active, &self.passive].map(|end| end.path.next_timeout());
                let Some(due) = due.into_iter().flatten().min() else {
                    return;
                };
                self.now = self.now.max(due);
                self.active.path.handle_timeout(self.now);
                self.passive.path.handle_timeout(self.now);
                continue;
            }
            self.now += self.latency;
            self.deliver(from_active, false);
            self.deliver(from_passive, true);
        }
        panic!("the handshake does not come to rest");
    }

    fn sessions(&mut self) -> (SrtpSession, SrtpSession) {
        let ours = self.active.session.take().expect("active end is ready");
        let theirs = self.passive.session.take().expect("passive end is ready");
        (*ours, *theirs)
    }
}

impl End {
    fn new(dtls: Dimpl, role: DtlsRole, peer: &Certificate) -> Self {
        let announced = vec![peer.fingerprint().clone()];
        Self { path: SecurePath::new(dtls, role, announced), sent: Vec::new(), session: None, failed: None }
    }

    fn collect(&mut self) {
        while let Some(output) = self.path.poll() {
            match output {
                SecureOutput::Send(datagram) => self.sent.push(datagram),
                SecureOutput::Ready(session) => self.session = Some(session),
                SecureOutput::Failed(failure) => self.failed = Some(failure),
                SecureOutput::Closed => {}
            }
        }
    }

    fn sent(&mut self) -> Vec<Vec<u8>> {
        self.collect();
        std::mem::take(&mut self.sent)
    }

    fn is_settled(&self) -> bool {
        self.session.is_some() || self.failed.is_some()
    }
}

fn certificate(index: usize) -> &'static Certificate {
    static BOTH: std::sync::OnceLock<[Certificate; 2]> = std::sync::OnceLock::new();
    &BOTH.get_or_init(|| [0, 1].map(|_| Certificate::generate().unwrap()))[index]
}

fn rtp_packet(ssrc: u8, sequence: u8) -> Vec<u8> {
    let mut packet = vec![0x80, 111, 0, sequence, 0, 0, 0, 0, 0, 0, 0, ssrc];
    packet.extend_from_slice(b"twenty milliseconds");
    packet
}
