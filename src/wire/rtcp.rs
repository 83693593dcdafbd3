//! A report is what RTCP tells of how a stream was sent and received
//! ([RFC 3550, section 6](https://www.rfc-editor.org/rfc/rfc3550#section-6), extended reports
//! [RFC 3611](https://www.rfc-editor.org/rfc/rfc3611)).
//!
//! Compound and reduced-size datagrams ([RFC 5506](https://www.rfc-editor.org/rfc/rfc5506)) are both read. Feedback
//! (NACK, PLI, transport-cc …) is skipped unread as [`Report::Other`]: nothing here acts on it.

use rtc_rtcp::extended_report::ReceiverReferenceTimeReportBlock;
use rtc_rtcp::goodbye::Goodbye;
use rtc_rtcp::receiver_report::ReceiverReport;
use rtc_rtcp::reception_report::ReceptionReport;
use rtc_rtcp::sender_report::SenderReport as SenderReportPacket;
use rtc_rtcp::source_description::{SdesType, SourceDescription, SourceDescriptionChunk, SourceDescriptionItem};
use rtc_shared::marshal::{Marshal, Unmarshal};

/// One packet of a compound datagram.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// How a stream was sent, and how the sender received others.
    SenderReport {
        /// The sender's stream.
        ssrc: u32,
        /// Sender's wall clock, NTP format.
        ntp: u64,
        /// The same instant in media time.
        rtp: u32,
        /// Reception of other streams.
        blocks: Vec<ReportBlock>,
    },
    /// How streams were received by someone who sends nothing.
    ReceiverReport {
        /// The reporter.
        ssrc: u32,
        /// Reception of streams.
        blocks: Vec<ReportBlock>,
    },
    /// The reporter's clock (RRTR), for a round trip without sending media.
    ReferenceTime {
        /// The reporter.
        ssrc: u32,
        /// Reporter's wall clock, NTP format.
        ntp: u64,
    },
    /// How long ago the reporter got reference times (DLRR), its answer to ours.
    DelaySinceReferenceTime {
        /// The reporter.
        ssrc: u32,
        /// One for each whose reference time it got.
        answers: Vec<TimeAnswer>,
    },
    /// Streams that end.
    Goodbye {
        /// The streams.
        ssrcs: Vec<u32>,
    },
    /// Anything else, well framed.
    Other,
}

/// Reception of one stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReportBlock {
    /// The stream.
    pub ssrc: u32,
    /// Loss since the last report, in 1/256.
    pub fraction_lost: u8,
    /// Packets lost since the beginning; duplicates make it negative. Clamped to 24 bits when written.
    pub total_lost: i32,
    /// Highest sequence number with its count of wraps above it.
    pub highest_sequence: u32,
    /// Jitter in units of the clock rate.
    pub jitter: u32,
    /// Middle 32 bits of the NTP time of the last sender report; 0 if none came.
    pub last_sr: u32,
    /// Time since that report in 1/65536 s.
    pub delay_since_last_sr: u32,
}

/// The answer to one reference time (RFC 3611 section 4.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TimeAnswer {
    /// Who sent the reference time.
    pub ssrc: u32,
    /// Middle 32 bits of it.
    pub last_reference: u32,
    /// Time since it came in 1/65536 s.
    pub delay: u32,
}

/// How we send one stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SenderReport {
    /// The stream.
    pub ssrc: u32,
    /// Wall clock, NTP format.
    pub ntp: u64,
    /// The same instant in media time.
    pub rtp: u32,
    /// Packets sent; wraps.
    pub packets: u32,
    /// Payload bytes sent; wraps.
    pub octets: u32,
}

/// Why a datagram is no RTCP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RtcpError {
    /// Shorter than a header, or a packet's length goes past the end.
    #[error("cut short")]
    TooShort,
    /// Longer than any datagram we accept.
    #[error("longer than a datagram may be")]
    TooLong,
    /// The version of a packet is not 2.
    #[error("not version 2")]
    BadVersion,
    /// A packet contradicts itself.
    #[error("malformed packet")]
    Malformed,
}

/// Reads all packets of a decrypted datagram.
///
/// # Errors
///
/// Tells why the datagram is no RTCP; nothing of a broken datagram is believed.
pub fn parse_compound(datagram: &[u8]) -> Result<Vec<Report>, RtcpError> {
    if datagram.len() > super::DATAGRAM_MAX {
        return Err(RtcpError::TooLong);
    }
    if datagram.is_empty() {
        return Err(RtcpError::TooShort);
    }
    let mut reports = Vec::new();
    let mut rest = datagram;
    while !rest.is_empty() {
        let header = rest.get(..HEADER_LEN).ok_or(RtcpError::TooShort)?;
        if header[0] >> 6 != VERSION {
            return Err(RtcpError::BadVersion);
        }
        let len = HEADER_LEN + 4 * usize::from(u16::from_be_bytes([header[2], header[3]]));
        let (packet, behind) = rest.split_at_checked(len).ok_or(RtcpError::TooShort)?;
        rest = behind;
        parse_packet(packet, &mut reports)?;
    }
    Ok(reports)
}

/// Appends one compound datagram: a sender report for each stream, the blocks in the first one, and our name.
///
/// At most [`BLOCKS_MAX`] blocks and [`STREAMS_MAX`] streams are written, the rest is left out. Without streams nothing is.
pub fn write_sender_reports(out: &mut Vec<u8>, streams: &[SenderReport], blocks: &[ReportBlock], cname: &str) {
    let streams = &streams[..streams.len().min(STREAMS_MAX)];
    let mut blocks = blocks;
    for stream in streams {
        let packet = SenderReportPacket {
            ssrc: stream.ssrc,
            ntp_time: stream.ntp,
            rtp_time: stream.rtp,
            packet_count: stream.packets,
            octet_count: stream.octets,
            reports: reception(blocks),
            ..Default::default()
        };
        blocks = &[];
        append(out, &packet);
    }
    if !streams.is_empty() {
        append(out, &description(streams.iter().map(|s| s.ssrc), cname));
    }
}

/// Appends one compound datagram of someone who sends nothing: the blocks (at most [`BLOCKS_MAX`]) and our name.
pub fn write_receiver_report(out: &mut Vec<u8>, our_ssrc: u32, blocks: &[ReportBlock], cname: &str) {
    let packet = ReceiverReport { ssrc: our_ssrc, reports: reception(blocks), ..Default::default() };
    append(out, &packet);
    append(out, &description(std::iter::once(our_ssrc), cname));
}

/// Appends an extended report that tells our clock (RRTR), so that whoever sends us no reports about streams can answer it (DLRR).
pub fn write_reference_time(out: &mut Vec<u8>, our_ssrc: u32, ntp: u64) {
    write_extended_header(out, our_ssrc, REFERENCE_TIME_BLOCK, REFERENCE_TIME_WORDS);
    out.extend_from_slice(&ntp.to_be_bytes());
}

/// Appends an extended report that answers reference times: at most [`BLOCKS_MAX`], the rest is left out.
pub fn write_time_answers(out: &mut Vec<u8>, our_ssrc: u32, answers: &[TimeAnswer]) {
    let answers = &answers[..answers.len().min(BLOCKS_MAX)];
    write_extended_header(out, our_ssrc, TIME_ANSWERS_BLOCK, TIME_ANSWER_WORDS * answers.len() as u16);
    for answer in answers {
        for word in [answer.ssrc, answer.last_reference, answer.delay] {
            out.extend_from_slice(&word.to_be_bytes());
        }
    }
}

/// The headers of an extended report of one block, which has so many words behind its own header.
fn write_extended_header(out: &mut Vec<u8>, our_ssrc: u32, block: u8, words: u16) {
    out.extend_from_slice(&[VERSION << 6, EXTENDED_REPORT]);
    out.extend_from_slice(&(words + 2).to_be_bytes());
    out.extend_from_slice(&our_ssrc.to_be_bytes());
    out.extend_from_slice(&[block, 0]);
    out.extend_from_slice(&words.to_be_bytes());
}

fn parse_packet(packet: &[u8], reports: &mut Vec<Report>) -> Result<(), RtcpError> {
    match packet[1] {
        SENDER_REPORT => {
            let report: SenderReportPacket = unmarshal(packet)?;
            reports.push(Report::SenderReport {
                ssrc: report.ssrc,
                ntp: report.ntp_time,
                rtp: report.rtp_time,
                blocks: report.reports.iter().map(block).collect(),
            });
        }
        RECEIVER_REPORT => {
            let report: ReceiverReport = unmarshal(packet)?;
            reports
                .push(Report::ReceiverReport { ssrc: report.ssrc, blocks: report.reports.iter().map(block).collect() });
        }
        GOODBYE => {
            let goodbye: Goodbye = unmarshal(packet)?;
            reports.push(Report::Goodbye { ssrcs: goodbye.sources });
        }
        EXTENDED_REPORT => parse_extended(packet, reports)?,
        _ => reports.push(Report::Other),
    }
    Ok(())
}

/// Walks the blocks by their lengths, so that kinds we do not know are skipped unread.
fn parse_extended(packet: &[u8], reports: &mut Vec<Report>) -> Result<(), RtcpError> {
    let (head, mut rest) = packet.split_at_checked(8).ok_or(RtcpError::Malformed)?;
    let ssrc = u32::from_be_bytes([head[4], head[5], head[6], head[7]]);
    let known = reports.len();
    while !rest.is_empty() {
        let header = rest.get(..HEADER_LEN).ok_or(RtcpError::Malformed)?;
        let len = HEADER_LEN + 4 * usize::from(u16::from_be_bytes([header[2], header[3]]));
        let kind = header[0];
        let (mut block, behind) = rest.split_at_checked(len).ok_or(RtcpError::Malformed)?;
        rest = behind;
        if kind == REFERENCE_TIME_BLOCK {
            let time = ReceiverReferenceTimeReportBlock::unmarshal(&mut block).map_err(|_| RtcpError::Malformed)?;
            let ntp = time.ntp_timestamp;
            reports.push(Report::ReferenceTime { ssrc, ntp });
        }
        if kind == TIME_ANSWERS_BLOCK {
            let answers = block[HEADER_LEN..].chunks(4 * usize::from(TIME_ANSWER_WORDS)).map(time_answer);
            let answers = answers.collect::<Option<_>>().ok_or(RtcpError::Malformed)?;
            reports.push(Report::DelaySinceReferenceTime { ssrc, answers });
        }
    }
    if reports.len() == known {
        reports.push(Report::Other);
    }
    Ok(())
}

fn time_answer(words: &[u8]) -> Option<TimeAnswer> {
    let &[s0, s1, s2, s3, r0, r1, r2, r3, d0, d1, d2, d3] = words else {
        return None;
    };
    Some(TimeAnswer {
        ssrc: u32::from_be_bytes([s0, s1, s2, s3]),
        last_reference: u32::from_be_bytes([r0, r1, r2, r3]),
        delay: u32::from_be_bytes([d0, d1, d2, d3]),
    })
}

fn unmarshal<P: Unmarshal>(mut packet: &[u8]) -> Result<P, RtcpError> {
    P::unmarshal(&mut packet).map_err(|_| RtcpError::Malformed)
}

fn block(report: &ReceptionReport) -> ReportBlock {
    // The field is a signed number of 24 bits: shift its sign into place and back.
    let total_lost = (report.total_lost << 8).cast_signed() >> 8;
    ReportBlock {
        ssrc: report.ssrc,
        fraction_lost: report.fraction_lost,
        total_lost,
        highest_sequence: report.last_sequence_number,
        jitter: report.jitter,
        last_sr: report.last_sender_report,
        delay_since_last_sr: report.delay,
    }
}

fn reception(blocks: &[ReportBlock]) -> Vec<ReceptionReport> {
    let written = blocks.iter().take(BLOCKS_MAX).map(|block| ReceptionReport {
        ssrc: block.ssrc,
        fraction_lost: block.fraction_lost,
        total_lost: block.total_lost.clamp(-LOST_MAX - 1, LOST_MAX).cast_unsigned() & 0x00ff_ffff,
        last_sequence_number: block.highest_sequence,
        jitter: block.jitter,
        last_sender_report: block.last_sr,
        delay: block.delay_since_last_sr,
    });
    written.collect()
}

fn description(ssrcs: impl Iterator<Item = u32>, cname: &str) -> SourceDescription {
    let cname = &cname.as_bytes()[..cname.len().min(CNAME_MAX)];
    let chunks = ssrcs.map(|source| SourceDescriptionChunk {
        source,
        items: vec![SourceDescriptionItem {
            sdes_type: SdesType::SdesCname,
            text: bytes::Bytes::copy_from_slice(cname),
        }],
    });
    SourceDescription { chunks: chunks.collect() }
}

fn append(out: &mut Vec<u8>, packet: &impl Marshal) {
    let start = out.len();
    out.resize(start + packet.marshal_size(), 0);
    packet
        .marshal_to(&mut out[start..])
        .expect("counts and lengths are bounded and the buffer is of the size it asked for");
}

/// The most reception blocks that one report can hold.
pub const BLOCKS_MAX: usize = 31;
/// The most streams that one compound datagram tells of; they fit one datagram with a name of 32 bytes.
pub const STREAMS_MAX: usize = 10;

const VERSION: u8 = 2;
const HEADER_LEN: usize = 4;
const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const GOODBYE: u8 = 203;
const EXTENDED_REPORT: u8 = 207;
const REFERENCE_TIME_BLOCK: u8 = 4;
const REFERENCE_TIME_WORDS: u16 = 2;
const TIME_ANSWERS_BLOCK: u8 = 5;
const TIME_ANSWER_WORDS: u16 = 3;
/// Largest positive loss of a signed field of 24 bits.
const LOST_MAX: i32 = 0x007f_ffff;
const CNAME_MAX: usize = 255;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]

    use super::*;
    use proptest::prelude::*;

    /// A receiver report of one block, with a CNAME behind it.
    const SAMPLE: &[u8] = &[
        0x81, 0xc9, 0x00, 0x07, 0x90, 0x2f, 0x9e, 0x2e, 0xbc, 0x5e, 0x9a, 0x40, 0x00, 0xff, 0xff, 0xff, 0x00, 0x00,
        0x46, 0xe1, 0x00, 0x00, 0x01, 0x11, 0x09, 0xf3, 0x64, 0x32, 0x00, 0x02, 0x4a, 0x79, 0x81, 0xca, 0x00, 0x03,
        0x90, 0x2f, 0x9e, 0x2e, 0x01, 0x04, 0x61, 0x62, 0x63, 0x64, 0x00, 0x00,
    ];

    #[test]
    fn a_compound_of_report_and_name() {
        let block = ReportBlock {
            ssrc: 0xbc5e_9a40,
            fraction_lost: 0,
            total_lost: -1,
            highest_sequence: 0x46e1,
            jitter: 273,
            last_sr: 0x09f3_6432,
            delay_since_last_sr: 150_137,
        };
        let expected = vec![Report::ReceiverReport { ssrc: 0x902f_9e2e, blocks: vec![block] }, Report::Other];
        assert_eq!(parse_compound(SAMPLE), Ok(expected));
    }

    #[test]
    fn reduced_size_and_extended_reports() {
        // A lone PLI, as reduced-size RTCP allows.
        let pli = [0x81, 0xce, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2];
        assert_eq!(parse_compound(&pli), Ok(vec![Report::Other]));
        // An unknown block, then a reference time.
        let xr = [0x80, 207, 0, 6, 0, 0, 0, 9, 99, 0, 0, 1, 1, 2, 3, 4, 4, 0, 0, 2, 0, 0, 0, 5, 0, 0, 0, 6];
        let time = Report::ReferenceTime { ssrc: 9, ntp: 0x0000_0005_0000_0006 };
        assert_eq!(parse_compound(&xr), Ok(vec![time]));
        let bye = [0x82, 203, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2];
        let ssrcs = vec![1, 2];
        assert_eq!(parse_compound(&bye), Ok(vec![Report::Goodbye { ssrcs }]));
    }

    #[test]
    fn every_length_and_every_flipped_bit_is_parsed_or_refused() {
        for kind in 192..=223u8 {
            for len in 0..=1600 {
                let mut datagram: Vec<u8> = SAMPLE.iter().copied().cycle().take(len).collect();
                if len >= 4 {
                    datagram[1] = kind;
                    let words = u16::try_from(len / 4 - 1).unwrap();
                    datagram[2..4].copy_from_slice(&words.to_be_bytes());
                }
                let parsed = parse_compound(&datagram);
                assert!(len > 0 && len <= 1500 || parsed.is_err());
                assert!(len % 4 == 0 || parsed.is_err());
            }
        }
        for bit in 0..SAMPLE.len() * 8 {
            let mut mutated = SAMPLE.to_vec();
            mutated[bit / 8] ^= 1 << (bit % 8);
            let _ = parse_compound(&mutated);
        }
    }

    #[test]
    fn more_than_fits_is_left_out() {
        let streams = [SenderReport::default(); 40];
        let blocks = [ReportBlock::default(); 40];
        let mut out = Vec::new();
        write_sender_reports(&mut out, &streams, &blocks, &"n".repeat(32));
        assert!(out.len() <= 1500, "{}", out.len());
        let reports = parse_compound(&out).unwrap();
        assert_eq!(reports.len(), STREAMS_MAX + 1);
        let Report::SenderReport { blocks, .. } = &reports[0] else {
            panic!("a sender report comes first");
        };
        assert_eq!(blocks.len(), BLOCKS_MAX);

        out.clear();
        write_sender_reports(&mut out, &[], &[ReportBlock::default()], "n");
        assert!(out.is_empty());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            streams in proptest::collection::vec(any::<(u32, u64, u32, u32, u32)>(), 1..10),
            blocks in proptest::collection::vec(any::<(u32, u8, u32, u32, u32, u32)>(), 0..32),
            lost in -0x0080_0000..=0x007f_ffff,
            ours: u32,
            cname in "[a-z0-9]{1,32}",
        ) {
            let streams: Vec<_> = streams.into_iter()
                .map(|(ssrc, ntp, rtp, packets, octets)| SenderReport { ssrc, ntp, rtp, packets, octets })
                .collect();
            let blocks: Vec<_> = blocks.into_iter().take(BLOCKS_MAX)
                .map(|(ssrc, fraction_lost, highest_sequence, jitter, last_sr, delay_since_last_sr)| ReportBlock {
                    ssrc, fraction_lost, total_lost: lost, highest_sequence, jitter, last_sr, delay_since_last_sr,
                })
                .collect();
            let mut out = Vec::new();
            write_sender_reports(&mut out, &streams, &blocks, &cname);
            let mut expected: Vec<_> = streams.iter().map(|s| Report::SenderReport {
                ssrc: s.ssrc, ntp: s.ntp, rtp: s.rtp, blocks: Vec::new(),
            }).collect();
            if let Report::SenderReport { blocks: first, .. } = &mut expected[0] {
                first.clone_from(&blocks);
            }
            expected.push(Report::Other);
            prop_assert_eq!(parse_compound(&out), Ok(expected));

            out.clear();
            write_receiver_report(&mut out, ours, &blocks, &cname);
            prop_assert_eq!(parse_compound(&out), Ok(vec![Report::ReceiverReport { ssrc: ours, blocks }, Report::Other]));
        }

        #[test]
        fn no_bytes_make_the_parser_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), kind in 192..=223u8) {
            let mut bytes = bytes;
            if bytes.len() >= 4 {
                bytes[0] = 0x80 | bytes[0] & 0x3f;
                bytes[1] = kind;
                bytes[2] = 0;
                bytes[3] %= 16;
            }
            let _ = parse_compound(&bytes);
        }
    }

    #[test]
    fn a_reference_time_and_its_answer() {
        let bytes = [0x80, 207, 0, 5, 0, 0, 0, 7, 5, 0, 0, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3];
        let answer = TimeAnswer { ssrc: 1, last_reference: 2, delay: 3 };
        let read = Report::DelaySinceReferenceTime { ssrc: 7, answers: vec![answer] };
        assert_eq!(parse_compound(&bytes), Ok(vec![read]));
        let mut out = Vec::new();
        write_time_answers(&mut out, 7, &[answer]);
        assert_eq!(out, bytes);

        out.clear();
        write_receiver_report(&mut out, 9, &[], "n");
        write_reference_time(&mut out, 9, 0x0000_0005_0000_0006);
        let reports = parse_compound(&out).unwrap();
        assert_eq!(reports[2], Report::ReferenceTime { ssrc: 9, ntp: 0x0000_0005_0000_0006 });
        let half = [0x80, 207, 0, 4, 0, 0, 0, 7, 5, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2];
        assert_eq!(parse_compound(&half), Err(RtcpError::Malformed));
    }
}
