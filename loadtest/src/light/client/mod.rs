//! A client is one participant's media as a value: it checks, shakes hands, speaks, hears and reports.
//!
//!   Checking ──first reply──► Handshaking ──keys──► Talking ──bye──► Over
//!       └────────30 s without a reply, a failed handshake, the server's goodbye────────┘
//!
//! It knows no socket, no clock and no signaling: the offer is sent and the answer brought by whoever owns it.

mod answer;
mod checks;
mod ears;
mod microphone;
mod offer;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use podium::router::report;
use podium::transport::certificate::Certificate;
use podium::transport::dtls::{Dimpl, DtlsRole};
use podium::transport::secure::{SecureFailure, SecureOutput, SecurePath};
use podium::transport::srtp::SrtpSession;
use podium::wire::rtcp::{self, Report, SenderReport, TimeAnswer};
use podium::wire::{DatagramKind, classify};

pub use answer::{Answer, AnswerError, MicrophoneTerms, SlotTerms};
pub use ears::{Ears, Heard, LONG_GAP, VoiceHeard};
pub use microphone::{Microphone, Speech};
pub use offer::Offer;

use checks::Checks;

/// One participant's media.
#[derive(Debug)]
pub struct LightClient {
    server: SocketAddr,
    checks: Checks,
    secure: SecurePath<Dimpl>,
    srtp: Option<Box<SrtpSession>>,
    microphone: Option<Microphone>,
    ears: Ears,
    ssrc: u32,
    born: Instant,
    report_at: Option<Instant>,
    /// The server's clock as it told it last, by which stream, and when that came: to be answered once.
    reference: Option<(u32, u64, Instant)>,
    milestones: Milestones,
    over: Option<Over>,
    unusable: u64,
    outbox: VecDeque<Vec<u8>>,
}

/// When the steps of a join were reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Milestones {
    /// The first check was answered.
    pub path: Option<Instant>,
    /// Keys exist.
    pub keys: Option<Instant>,
    /// The first audio packet came.
    pub audio: Option<Instant>,
}

/// Why a client's media is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// It left.
    Left,
    /// No check was answered for 30 s (RFC 7675 section 5.1).
    NoConsent,
    /// There will be no keys.
    Handshake(SecureFailure),
    /// The server ended the association.
    Goodbye,
}

impl LightClient {
    /// A client that has just got its answer. `source` marks what its microphone sends.
    #[must_use]
    pub fn new(offer: &Offer, answer: Answer, certificate: &Certificate, source: u32, now: Instant) -> Self {
        // The server says its part; ours is the other one.
        let role = match answer.server_role {
            DtlsRole::Active => DtlsRole::Passive,
            DtlsRole::Passive => DtlsRole::Active,
        };
        let endpoint = Dimpl::new(certificate, role, now);
        let microphone = answer.microphone.map(|terms| Microphone::new(terms, offer.ssrc(), source));
        Self {
            server: answer.candidate,
            checks: Checks::new(offer, &answer.ufrag, answer.pwd, now),
            secure: SecurePath::new(endpoint, role, vec![answer.fingerprint]),
            srtp: None,
            microphone,
            ears: Ears::new(&answer.slots, now),
            ssrc: offer.ssrc(),
            born: now,
            report_at: None,
            reference: None,
            milestones: Milestones::default(),
            over: None,
            unusable: 0,
            outbox: VecDeque::new(),
        }
    }

    /// Where its datagrams go, and where all that it takes comes from.
    #[must_use]
    pub fn server(&self) -> SocketAddr {
        self.server
    }

    /// How far the join has come.
    #[must_use]
    pub fn milestones(&self) -> Milestones {
        self.milestones
    }

    /// Why it is over, if it is.
    #[must_use]
    pub fn over(&self) -> Option<Over> {
        self.over
    }

    /// What it hears.
    #[must_use]
    pub fn ears(&self) -> &Ears {
        &self.ears
    }

    /// Forgets gaps, counts and how late the microphone was; what is heard and said from now on counts.
    pub fn listen_anew(&mut self, now: Instant) {
        self.ears.listen_anew(now);
        if let Some(microphone) = &mut self.microphone {
            microphone.forget_lateness();
        }
    }

    /// Its microphone, if it has one.
    #[must_use]
    pub fn microphone(&self) -> Option<&Microphone> {
        self.microphone.as_ref()
    }

    /// The newest round trip of a check.
    #[must_use]
    pub fn round_trip(&self) -> Option<Duration> {
        self.checks.round_trip()
    }

    /// Datagrams that it could not use: too early, forged or seen before.
    #[must_use]
    pub fn unusable(&self) -> u64 {
        self.unusable
    }

    /// Speaks from now on: a packet every 20 ms, whether or not it holds a seat.
    pub fn speak(&mut self, speech: Arc<Speech>, now: Instant) {
        if let Some(microphone) = &mut self.microphone {
            microphone.speak(speech, now);
        }
    }

    /// Sends no more audio.
    pub fn rest(&mut self) {
        if let Some(microphone) = &mut self.microphone {
            microphone.rest();
        }
    }

    /// Says goodbye (RFC 3550 section 6.6). Nothing is sent after it.
    pub fn leave(&mut self) {
        if self.over.is_some() {
            return;
        }
        let mut datagram = Vec::new();
        rtcp::write_receiver_report(&mut datagram, self.ssrc, &[], CNAME);
        datagram.extend_from_slice(&GOODBYE_OF_ONE);
        datagram.extend_from_slice(&self.ssrc.to_be_bytes());
        self.send_rtcp(&datagram);
        self.over = Some(Over::Left);
    }

    /// Takes in one datagram of the server; tells what was heard if it was audio.
    pub fn handle_datagram(&mut self, datagram: &[u8], now: Instant) -> Option<Heard> {
        if self.over.is_some() {
            return None;
        }
        match classify(datagram) {
            DatagramKind::Stun => self.on_reply(datagram, now),
            // Like a browser: nothing counts that comes before the path is known to work.
            DatagramKind::Dtls if self.milestones.path.is_some() => {
                self.secure.feed(datagram, now);
                self.drain_secure(now);
            }
            DatagramKind::Rtp => return self.on_rtp(datagram, now),
            DatagramKind::Rtcp => self.on_rtcp(datagram, now),
            DatagramKind::Dtls | DatagramKind::Unknown => self.unusable += 1,
        }
        None
    }

    /// When [`LightClient::handle_timeout`] is due.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Instant> {
        if self.over.is_some() {
            return None;
        }
        let speaking = self.microphone.as_ref().filter(|_| self.srtp.is_some()).and_then(Microphone::next_at);
        [Some(self.checks.next_at()), speaking, self.secure.next_timeout(), self.report_at].into_iter().flatten().min()
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.over.is_some() {
            return;
        }
        if self.checks.is_consent_lost(now) {
            self.over = Some(Over::NoConsent);
            return;
        }
        if let Some(check) = self.checks.check(now) {
            self.outbox.push_back(check);
        }
        self.secure.handle_timeout(now);
        self.drain_secure(now);
        self.say(now);
        if self.report_at.is_some_and(|at| at <= now) {
            self.report(now);
        }
    }

    /// The next datagram to send.
    pub fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.outbox.pop_front()
    }

    fn on_reply(&mut self, datagram: &[u8], now: Instant) {
        if !self.checks.reply(datagram, now) {
            self.unusable += 1;
            return;
        }
        self.milestones.path.get_or_insert(now);
        self.secure.after_check_reply(now);
        self.drain_secure(now);
    }

    fn on_rtp(&mut self, datagram: &[u8], now: Instant) -> Option<Heard> {
        let srtp = self.srtp.as_mut();
        let Some(heard) = srtp.and_then(|srtp| self.ears.hear(srtp, datagram, now)) else {
            self.unusable += 1;
            return None;
        };
        self.milestones.audio.get_or_insert(now);
        Some(heard)
    }

    fn on_rtcp(&mut self, datagram: &[u8], now: Instant) {
        let opened = self.srtp.as_mut().and_then(|srtp| srtp.unprotect_rtcp(datagram).ok());
        let Some(reports) = opened.and_then(|plain| rtcp::parse_compound(&plain).ok()) else {
            self.unusable += 1;
            return;
        };
        let ntp = self.ntp(now);
        for report in reports {
            let blocks = match report {
                Report::SenderReport { ssrc, ntp, blocks, .. } => {
                    self.ears.sender_report(ssrc, ntp, now);
                    blocks
                }
                Report::ReceiverReport { blocks, .. } => blocks,
                Report::ReferenceTime { ssrc, ntp } => {
                    self.reference = Some((ssrc, ntp, now));
                    continue;
                }
                Report::DelaySinceReferenceTime { .. } | Report::Goodbye { .. } | Report::Other => continue,
            };
            for block in blocks.iter().filter(|block| block.ssrc == self.ssrc) {
                if let Some(trip) = report::round_trip(ntp, block.last_sr, block.delay_since_last_sr) {
                    self.checks.reported(trip);
                }
            }
        }
    }

    fn drain_secure(&mut self, now: Instant) {
        while let Some(output) = self.secure.poll() {
            match output {
                SecureOutput::Send(datagram) => self.outbox.push_back(datagram),
                SecureOutput::Ready(srtp) => {
                    self.srtp = Some(srtp);
                    self.milestones.keys = Some(now);
                    self.report_at = Some(now + FIRST_REPORT_AFTER);
                    // What was to be said before there was a way is not said.
                    if let Some(microphone) = &mut self.microphone {
                        microphone.skip_to(now);
                    }
                }
                SecureOutput::Failed(failure) => self.over = Some(Over::Handshake(failure)),
                SecureOutput::Closed => self.over = Some(Over::Goodbye),
            }
        }
    }

    fn say(&mut self, now: Instant) {
        let (Some(microphone), Some(srtp)) = (&mut self.microphone, &mut self.srtp) else {
            return;
        };
        while let Some(packet) = microphone.packet(now) {
            let sealed = srtp.protect_rtp(&packet.bytes, packet.header_len, self.ssrc, packet.sequence);
            // Keys are spent after 2^48 packets: no client lives that long.
            self.outbox.extend(sealed.ok().map(|sealed| sealed.to_vec()));
        }
    }

    /// A sender report if the microphone has sent, a receiver report otherwise; both tell how the slots are received.
    fn report(&mut self, now: Instant) {
        self.report_at = Some(now + REPORT_EVERY);
        let blocks = self.ears.blocks(now);
        let mut datagram = Vec::new();
        match self.microphone.as_ref().filter(|microphone| microphone.packets() > 0) {
            Some(microphone) => {
                let own = SenderReport {
                    ssrc: self.ssrc,
                    ntp: self.ntp(now),
                    rtp: microphone.timestamp_at(now),
                    packets: microphone.packets(),
                    octets: microphone.octets(),
                };
                rtcp::write_sender_reports(&mut datagram, &[own], &blocks, CNAME);
            }
            None => rtcp::write_receiver_report(&mut datagram, self.ssrc, &blocks, CNAME),
        }
        if let Some((server, reference, came_at)) = self.reference.take() {
            let held = now.saturating_duration_since(came_at).as_micros() * 65_536 / 1_000_000;
            let answer = TimeAnswer {
                ssrc: server,
                last_reference: report::middle(reference),
                delay: u32::try_from(held).unwrap_or(u32::MAX),
            };
            rtcp::write_time_answers(&mut datagram, self.ssrc, &[answer]);
        }
        self.send_rtcp(&datagram);
    }

    fn send_rtcp(&mut self, datagram: &[u8]) {
        let sealed = self.srtp.as_mut().and_then(|srtp| srtp.protect_rtcp(datagram).ok());
        self.outbox.extend(sealed.map(|sealed| sealed.to_vec()));
    }

    /// A clock of its own, as browsers have: only differences of it mean anything.
    fn ntp(&self, now: Instant) -> u64 {
        let nanos = now.saturating_duration_since(self.born).as_nanos();
        NTP_AT_BIRTH + ((nanos << 32) / 1_000_000_000) as u64
    }
}

const CNAME: &str = "light";
/// An RTCP packet of type BYE with one source, without the source.
const GOODBYE_OF_ONE: [u8; 4] = [0x81, 203, 0, 1];
/// Soon after the keys, so that the server learns the round trip early.
const FIRST_REPORT_AFTER: Duration = Duration::from_secs(1);
/// About what browsers do for audio.
const REPORT_EVERY: Duration = Duration::from_millis(2_500);
/// Not zero: a report's time of zero means that there was none.
const NTP_AT_BIRTH: u64 = 1 << 40;

#[cfg(test)]
mod tests;
