//! Reports: what we tell participants of our streams and theirs, and what their reports tell us (RFC 3550 section 6).

use std::time::{Duration, Instant};

use super::counters::DropReason;
use super::event::{Event, RoundTripSource};
use super::fanout::drop_of_srtp;
use super::{Engine, send};
use crate::router::report::{self, Block};
use crate::wire::{
    path::Path,
    rtcp::{self, Report, ReportBlock, SenderReport},
};

impl Engine {
    pub(super) fn on_rtcp(&mut self, index: usize, path: Path, datagram: &[u8], now: Instant) {
        let session = &mut self.sessions[index];
        let Some(srtp) = session.srtp.as_mut() else {
            return self.counters.dropped(DropReason::NoKeys);
        };
        let plain = match srtp.unprotect_rtcp(datagram) {
            Ok(plain) => plain,
            Err(error) => return self.counters.dropped(drop_of_srtp(error)),
        };
        self.heard(index, path, now);
        if !self.sessions[index].rtcp_budget.spend(datagram.len(), now) {
            return self.counters.dropped(DropReason::Budget);
        }
        let Ok(reports) = rtcp::parse_compound(&plain) else {
            return self.counters.dropped(DropReason::RtcpMalformed);
        };
        for report in reports {
            match report {
                Report::SenderReport { ssrc, ntp, blocks, .. } => {
                    if let Some((known, reception)) =
                        self.sessions[index].track.as_mut().and_then(|track| track.reception())
                        && known == ssrc
                    {
                        reception.sender_report(ntp, now);
                    }
                    self.read_blocks(index, &blocks, now);
                }
                Report::ReceiverReport { blocks, .. } => self.read_blocks(index, &blocks, now),
                Report::DelaySinceReferenceTime { answers, .. } => {
                    let ours = self.sessions[index].report_ssrc;
                    for answer in answers.into_iter().filter(|answer| answer.ssrc == ours) {
                        let source = RoundTripSource::ReferenceTime;
                        self.found_round_trip(index, answer.last_reference, answer.delay, source, now);
                    }
                }
                Report::ReferenceTime { .. } | Report::Goodbye { .. } | Report::Other => {}
            }
        }
    }

    fn read_blocks(&mut self, index: usize, blocks: &[ReportBlock], now: Instant) {
        for block in blocks {
            let session = &mut self.sessions[index];
            if !session.streams.iter().any(|stream| stream.params.ssrc == block.ssrc) {
                continue;
            }
            self.counters.downlink_reports += 1;
            self.counters.downlink_lost_permille += u64::from(block.fraction_lost) * 1_000 / 256;
            session.measuring.downlink(block.fraction_lost, block.jitter);
            self.found_round_trip(index, block.last_sr, block.delay_since_last_sr, RoundTripSource::Reports, now);
        }
    }

    /// An answer came to a report or reference time of ours: whose middle bits it tells, and how long the client had held it.
    fn found_round_trip(&mut self, index: usize, reference: u32, held: u32, source: RoundTripSource, now: Instant) {
        let Some(round_trip) = report::round_trip(self.ntp.ntp(now), reference, held) else {
            return;
        };
        self.sessions[index].measuring.round_trip(round_trip, source);
        self.counters.round_trips += 1;
        self.counters.round_trip_micros += u64::try_from(round_trip.as_micros()).unwrap_or(u64::MAX);
    }

    /// Tells what was found out about the path since it was last told.
    pub(super) fn tell_measured(&mut self, index: usize) {
        let session = &mut self.sessions[index];
        if let Some(sample) = session.measuring.take() {
            self.events.push_back(Event::Measured { transport: session.key, sample });
        }
    }

    /// One compound packet: a sender report for each slot that has sent, a block about the microphone, and our clock, so that also whoever
    /// hears nobody can show us the round trip.
    pub(super) fn send_reports(&mut self, index: usize, now: Instant) {
        let ntp = self.ntp.ntp(now);
        let session = &mut self.sessions[index];
        session.report_at = now + REPORT_EVERY;
        let mut blocks = Vec::new();
        if let Some((ssrc, reception)) = session.track.as_mut().and_then(|track| track.reception()) {
            self.counters.uplink_lost += reception.newly_lost();
            let block = reception.block(now);
            if block.expected > 0 {
                session.measuring.uplink(block.fraction_lost, block.jitter);
            }
            blocks.push(block_on_wire(ssrc, block));
        }
        let reports: Vec<SenderReport> = session
            .streams
            .iter()
            .filter_map(|stream| {
                let sent = stream.forwarder.sent_so_far(now)?;
                Some(SenderReport {
                    ssrc: stream.params.ssrc,
                    ntp,
                    rtp: sent.timestamp,
                    packets: sent.packets,
                    octets: sent.octets,
                })
            })
            .collect();
        if reports.is_empty() && blocks.is_empty() {
            return;
        }
        if reports.is_empty() {
            self.scratch.clear();
            rtcp::write_receiver_report(&mut self.scratch, session.report_ssrc, &blocks, &session.cname);
            rtcp::write_reference_time(&mut self.scratch, session.report_ssrc, ntp);
            return self.send_rtcp(index);
        }
        for (number, streams) in reports.chunks(rtcp::STREAMS_MAX).enumerate() {
            let session = &self.sessions[index];
            let blocks = if number == 0 { blocks.as_slice() } else { &[] };
            self.scratch.clear();
            rtcp::write_sender_reports(&mut self.scratch, streams, blocks, &session.cname);
            if number == 0 {
                rtcp::write_reference_time(&mut self.scratch, session.report_ssrc, ntp);
            }
            self.send_rtcp(index);
        }
    }

    /// Protects and sends what stands in the scratch memory.
    fn send_rtcp(&mut self, index: usize) {
        let session = &mut self.sessions[index];
        let (Some(srtp), Some(path)) = (session.srtp.as_mut(), session.ice.selected()) else {
            return;
        };
        match srtp.protect_rtcp(&self.scratch) {
            Ok(protected) => send(&mut self.outbox, &mut self.counters, path, &protected),
            Err(_) => self.counters.dropped(DropReason::Protect),
        }
    }
}

fn block_on_wire(ssrc: u32, block: Block) -> ReportBlock {
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

/// Soon after the keys, so that the round trip is known early.
pub(super) const FIRST_REPORT_AFTER: Duration = Duration::from_millis(500);
/// RFC 3550 section 6.2 recommends 5 s; half of that keeps loss and round trip fresh at a per mille of the packets.
const REPORT_EVERY: Duration = Duration::from_millis(2_500);
