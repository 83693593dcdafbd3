//! A simulated participant is a browser's transport made of pure parts: it checks, shakes hands, speaks, hears and reports.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use podium::router::report::{self, Block, Reception};
use podium::transport::certificate::{Certificate, Fingerprint};
use podium::transport::dtls::{Dimpl, DtlsRole};
use podium::transport::secure::{SecureFailure, SecureOutput, SecurePath};
use podium::transport::srtp::SrtpSession;
use podium::wire::audio_level::AudioLevel;
use podium::wire::rtcp::{
    Report, ReportBlock, SenderReport, TimeAnswer, parse_compound, write_receiver_report, write_sender_reports,
    write_time_answers,
};
use podium::wire::rtp::RtpHeader;
use podium::wire::{DatagramKind, classify};

use super::checks::Checks;
use super::dice::Dice;
use super::microphone::{Microphone, Said};
use super::network::Weather;
use super::offer::{AnswerTerms, OfferTerms};

/// One participant's end.
#[derive(Debug)]
pub(crate) struct Participant {
    pub(crate) address: SocketAddr,
    pub(crate) up: Weather,
    pub(crate) down: Weather,
    /// The next datagram of this kind to this participant is lost.
    pub(crate) loses_next: Option<DatagramKind>,
    pub(crate) checks: Checks,
    pub(crate) microphone: Microphone,
    pub(crate) heard: Vec<Heard>,
    pub(crate) keys_at: Option<Instant>,
    /// Its handshake came to nothing.
    pub(crate) failed: Option<SecureFailure>,
    pub(crate) round_trip: Option<Duration>,
    /// Packets that this end could not use: too early, or seen before.
    pub(crate) unusable: u32,
    pub(crate) terms: OfferTerms,
    secure: SecurePath<Dimpl>,
    srtp: Option<Box<SrtpSession>>,
    slots: Vec<Slot>,
    report_at: Option<Instant>,
    /// The server's clock, as it told it last: whose word, what, when.
    reference: Option<(u32, u64, Instant)>,
    started: Instant,
    out: Vec<Vec<u8>>,
}

#[derive(Debug)]
struct Slot {
    mid: String,
    ssrc: u32,
    reception: Option<Reception>,
}

/// An audio packet that was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Heard {
    pub(crate) at: Instant,
    /// The section it belongs to.
    pub(crate) mid: String,
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
    pub(crate) marker: bool,
    pub(crate) payload_type: u8,
    pub(crate) csrc: u32,
    pub(crate) level: Option<AudioLevel>,
    /// What the mid extension says, while it is sent.
    pub(crate) mid_said: Option<String>,
    pub(crate) said: Said,
}

impl Heard {
    /// Whose voice it is, if it is one.
    pub(crate) fn who(&self) -> Option<usize> {
        match self.said {
            Said::Voice { who, .. } => Some(usize::from(who)),
            Said::Nothing => None,
        }
    }
}

impl Participant {
    /// An end that has just got its answer.
    pub(crate) fn new(
        (who, address): (u16, SocketAddr),
        terms: OfferTerms,
        answer: &AnswerTerms,
        certificate: &Certificate,
        mut dice: Dice,
        now: Instant,
    ) -> Self {
        let role = match answer.setup.as_str() {
            "active" => DtlsRole::Passive,
            "passive" => DtlsRole::Active,
            other => panic!("setup:{other}"),
        };
        let sequence = dice.number() as u16 & 0x7FFF;
        let slot = |(mid, ssrc): &(String, u32)| Slot { mid: mid.clone(), ssrc: *ssrc, reception: None };
        Self {
            address,
            up: Weather::clear(Duration::from_millis(10)),
            down: Weather::clear(Duration::from_millis(10)),
            loses_next: None,
            checks: Checks::new(&terms.ufrag, &answer.ufrag, &answer.pwd, dice, now),
            microphone: Microphone::new(who, &terms, sequence, now),
            heard: Vec::new(),
            keys_at: None,
            failed: None,
            round_trip: None,
            unusable: 0,
            secure: SecurePath::new(Dimpl::new(certificate, role, now), role, vec![fingerprint(&answer.fingerprint)]),
            srtp: None,
            slots: answer.slots.iter().map(slot).collect(),
            terms,
            report_at: None,
            reference: None,
            started: now,
            out: Vec::new(),
        }
    }

    /// Checks under new names from now on; everything else goes on.
    pub(crate) fn restart(&mut self, terms: OfferTerms, answer: &AnswerTerms, dice: Dice, now: Instant) {
        let slots: Vec<(String, u32)> = self.slots.iter().map(|slot| (slot.mid.clone(), slot.ssrc)).collect();
        assert_eq!(answer.slots, slots, "a restart changes no stream");
        self.checks = Checks::new(&terms.ufrag, &answer.ufrag, &answer.pwd, dice, now);
        self.terms = terms;
    }

    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        let speaking = self.srtp.as_ref().and_then(|_| self.microphone.next_at());
        [self.checks.next_at(), speaking, self.secure.next_timeout(), self.report_at].into_iter().flatten().min()
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        if let Some(check) = self.checks.check(now) {
            self.out.push(check);
        }
        self.secure.handle_timeout(now);
        self.drain_secure(now);
        self.speak(now);
        if self.report_at.is_some_and(|at| at <= now) {
            self.report(now);
        }
    }

    pub(crate) fn handle_datagram(&mut self, datagram: &[u8], now: Instant) {
        match classify(datagram) {
            DatagramKind::Stun => {
                if self.checks.reply(datagram, now) {
                    self.secure.after_check_reply(now);
                    self.drain_secure(now);
                }
            }
            DatagramKind::Dtls if self.checks.answered() => {
                self.secure.feed(datagram, now);
                self.drain_secure(now);
            }
            DatagramKind::Dtls => self.unusable += 1,
            DatagramKind::Rtp => self.hear(datagram, now),
            DatagramKind::Rtcp => self.read_reports(datagram, now),
            DatagramKind::Unknown => panic!("the server sent something that is nothing: {datagram:?}"),
        }
    }

    /// What waits to be sent.
    pub(crate) fn take_out(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.out)
    }

    pub(crate) fn slot_count(&self) -> usize {
        self.slots.len()
    }

    fn drain_secure(&mut self, now: Instant) {
        while let Some(output) = self.secure.poll() {
            match output {
                SecureOutput::Send(datagram) => self.out.push(datagram),
                SecureOutput::Ready(srtp) => {
                    self.srtp = Some(srtp);
                    self.keys_at = Some(now);
                    self.report_at = Some(now + Duration::from_secs(1));
                    // A microphone does not begin before there is a way.
                    self.microphone.skip_to(now);
                }
                SecureOutput::Failed(failure) => self.failed = Some(failure),
                SecureOutput::Closed => {}
            }
        }
    }

    fn speak(&mut self, now: Instant) {
        let Some(srtp) = &mut self.srtp else {
            return;
        };
        loop {
            let is_lost = self.microphone.loses > 0;
            let Some((packet, header_len, sequence)) = self.microphone.packet(now) else {
                return;
            };
            let sealed = srtp.protect_rtp(&packet, header_len, self.microphone.ssrc, sequence).unwrap();
            if !is_lost {
                self.out.push(sealed.to_vec());
            }
        }
    }

    fn hear(&mut self, datagram: &[u8], now: Instant) {
        let Some(srtp) = &mut self.srtp else {
            self.unusable += 1;
            return;
        };
        let header = RtpHeader::parse(datagram).unwrap();
        let slot = self.slots.iter_mut().find(|slot| slot.ssrc == header.ssrc);
        let slot = slot.unwrap_or_else(|| panic!("SSRC {} was not in the answer", header.ssrc));
        let Ok(plain) = srtp.unprotect_rtp(datagram, &header, true) else {
            self.unusable += 1;
            return;
        };
        let reception = slot.reception.get_or_insert_with(|| Reception::new(header.sequence, now));
        reception.receive(header.sequence, header.timestamp, now);
        let mid_said = header.extension(&plain, self.terms.mid_id).map(|mid| String::from_utf8(mid.to_vec()).unwrap());
        self.heard.push(Heard {
            at: now,
            mid: slot.mid.clone(),
            sequence: header.sequence,
            timestamp: header.timestamp,
            marker: header.marker,
            payload_type: header.payload_type,
            csrc: csrc_of(&plain),
            level: header.extension(&plain, self.terms.level_id).and_then(AudioLevel::parse),
            mid_said,
            said: Said::read(header.payload(&plain).unwrap()),
        });
    }

    fn read_reports(&mut self, datagram: &[u8], now: Instant) {
        let ntp = self.ntp(now);
        let Some(Ok(plain)) = self.srtp.as_mut().map(|srtp| srtp.unprotect_rtcp(datagram)) else {
            self.unusable += 1;
            return;
        };
        for report in parse_compound(&plain).unwrap() {
            let blocks = match report {
                Report::SenderReport { ssrc, ntp, blocks, .. } => {
                    let slot = self.slots.iter_mut().find(|slot| slot.ssrc == ssrc);
                    if let Some(reception) = slot.and_then(|slot| slot.reception.as_mut()) {
                        reception.sender_report(ntp, now);
                    }
                    blocks
                }
                Report::ReceiverReport { blocks, .. } => blocks,
                Report::ReferenceTime { ssrc, ntp } => {
                    self.reference = Some((ssrc, ntp, now));
                    continue;
                }
                Report::DelaySinceReferenceTime { .. } | Report::Goodbye { .. } | Report::Other => continue,
            };
            for block in blocks.iter().filter(|block| block.ssrc == self.microphone.ssrc) {
                let measured = report::round_trip(ntp, block.last_sr, block.delay_since_last_sr);
                self.round_trip = measured.or(self.round_trip);
            }
        }
    }

    /// A sender report if the microphone has sent, a receiver report otherwise; both tell how the slots are received.
    fn report(&mut self, now: Instant) {
        self.report_at = Some(now + REPORT_EVERY);
        let ntp = self.ntp(now);
        let heard = self.slots.iter_mut().filter_map(|slot| Some((slot.ssrc, slot.reception.as_mut()?.block(now))));
        let blocks: Vec<ReportBlock> = heard.map(|(ssrc, block)| on_wire(ssrc, block)).collect();
        let (ssrc, packets) = (self.microphone.ssrc, self.microphone.packets);
        let mut datagram = Vec::new();
        if packets == 0 {
            write_receiver_report(&mut datagram, ssrc, &blocks, "browser");
        } else {
            let own = SenderReport { ssrc, ntp, rtp: 0, packets, octets: self.microphone.octets };
            write_sender_reports(&mut datagram, &[own], &blocks, "browser");
        }
        if let Some((server, reference, came_at)) = self.reference.take() {
            let held = now.duration_since(came_at).as_micros() * 65_536 / 1_000_000;
            let answer = TimeAnswer {
                ssrc: server,
                last_reference: report::middle(reference),
                delay: u32::try_from(held).unwrap(),
            };
            write_time_answers(&mut datagram, ssrc, &[answer]);
        }
        if let Some(srtp) = &mut self.srtp {
            self.out.push(srtp.protect_rtcp(&datagram).unwrap().to_vec());
        }
    }

    /// A clock of its own, as browsers have.
    fn ntp(&self, now: Instant) -> u64 {
        let nanos = now.duration_since(self.started).as_nanos();
        (1 << 40) + ((nanos << 32) / 1_000_000_000) as u64
    }
}

/// The one CSRC that our server puts into every packet.
pub(crate) fn csrc_of(packet: &[u8]) -> u32 {
    assert_eq!(packet[0] & 0x0F, 1, "one CSRC");
    u32::from_be_bytes([packet[12], packet[13], packet[14], packet[15]])
}

fn on_wire(ssrc: u32, block: Block) -> ReportBlock {
    ReportBlock {
        ssrc,
        fraction_lost: block.fraction_lost,
        total_lost: block.cumulative_lost,
        highest_sequence: block.highest,
        jitter: block.jitter,
        last_sr: block.last_sender_report,
        delay_since_last_sr: block.delay,
    }
}

fn fingerprint(text: &str) -> Fingerprint {
    let (name, digest) = text.split_once(' ').unwrap();
    let digest = digest.split(':').map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect();
    Fingerprint::new(name, digest).unwrap()
}

const REPORT_EVERY: Duration = Duration::from_millis(2_500);
