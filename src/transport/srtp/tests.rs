//! Packets of one participant: genuine, late, repeated, forged, and of many sources.

#![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]

use super::inbound::{FIRST_SOURCES_MAX, LATER_SOURCES_MAX, PAST_SOURCES_MAX, SHOWN_MAX};
use super::*;
use crate::wire::audio_level::AudioLevel;
use crate::wire::rtp::{OutgoingHeader, write_header};
use proptest::prelude::*;

const PROFILES: [SrtpProfile; 3] =
    [SrtpProfile::Aes128CmSha1_80, SrtpProfile::AeadAes128Gcm, SrtpProfile::AeadAes256Gcm];

#[test]
fn keys_of_the_wrong_length_are_refused() {
    for profile in PROFILES {
        let keys = vec![1; 7];
        let session = SrtpSession::new(&keys, profile, DtlsRole::Active);
        assert_eq!(session.unwrap_err(), SrtpError::BadKeys);
    }
}

#[test]
fn the_library_itself_opens_what_we_seal_with_every_header_length() {
    for profile in PROFILES {
        let (mut ours, mut theirs) = pair(profile);
        for csrcs in 0..=15u8 {
            let mut packet = packet(5, 100 + u16::from(csrcs));
            packet[0] |= csrcs;
            let header = [0xab; 4].repeat(csrcs.into());
            packet.splice(12..12, header);
            let len = 12 + 4 * usize::from(csrcs);
            let sealed = ours.protect_rtp(&packet, len, 5, 100 + u16::from(csrcs)).unwrap();
            assert_eq!(sealed[..len], packet[..len], "the header stays readable");
            // This path parses the header by the library and not by the reused one.
            let opened = theirs.inbound.decrypt_rtp(&sealed).unwrap();
            assert_eq!(opened[..], packet[..]);
        }
    }
}

#[test]
fn sequence_numbers_wrap_twice() {
    for profile in PROFILES {
        let (mut ours, mut theirs) = pair(profile);
        let mut sequence = 30_000u16;
        for _ in 0..(2 * 65_536 / 500) {
            let sealed = seal(&mut ours, sequence);
            assert!(open(&mut theirs, &sealed).is_ok(), "{profile:?} {sequence}");
            assert_eq!(open(&mut theirs, &sealed), Err(SrtpError::Replayed));
            sequence = sequence.wrapping_add(500);
        }
    }
}

#[test]
fn late_packets_are_opened_once_within_the_window_even_across_a_wrap() {
    for profile in PROFILES {
        let (mut ours, mut theirs) = pair(profile);
        let sequences = (0..3000u16).map(|n| 64_000u16.wrapping_add(n));
        let sealed: Vec<_> = sequences.map(|sequence| seal(&mut ours, sequence)).collect();
        // All but those at 1600 (before the wrap, which is at 1536 - so just after it) and 1400 come in order.
        let late = [1400usize, 1500, 1535, 1536, 1600];
        for (n, packet) in sealed.iter().enumerate().take(2000) {
            if !late.contains(&n) {
                open(&mut theirs, packet).unwrap();
            }
        }
        for n in late {
            open(&mut theirs, &sealed[n]).unwrap();
            assert_eq!(open(&mut theirs, &sealed[n]), Err(SrtpError::Replayed));
        }
        for packet in &sealed[2000..] {
            open(&mut theirs, packet).unwrap();
        }
        // Older than the window, never seen or not.
        assert_eq!(open(&mut theirs, &sealed[1900]), Err(SrtpError::Replayed));
    }
}

#[test]
fn forged_packets_of_a_known_stream_do_not_set_its_window() {
    for profile in PROFILES {
        let (mut ours, mut theirs) = pair(profile);
        let mut forged = seal(&mut ours, 40_000);
        let last = forged.len() - 1;
        forged[last] ^= 1;
        assert_eq!(open(&mut theirs, &forged), Err(SrtpError::AuthFailed));
        let (mut ours, _) = pair(profile);
        assert!(open(&mut theirs, &seal(&mut ours, 100)).is_ok());
    }
}

#[test]
fn foreign_sources_leave_nothing_behind() {
    let (mut ours, mut theirs) = pair(SrtpProfile::AeadAes128Gcm);
    for ssrc in 1000..3000u32 {
        let mut packet = packet(5, 1);
        packet[8..12].copy_from_slice(&ssrc.to_be_bytes());
        let sealed = ours.protect_rtp(&packet, 12, ssrc, 1).unwrap();
        let header = RtpHeader::parse(&sealed).unwrap();
        let opened = theirs.unprotect_rtp(&sealed, &header, false).unwrap();
        assert_eq!(opened[..], packet[..]);
    }
    assert!(theirs.rtp_sources.first.is_empty() && theirs.rtp_sources.later.is_empty());
    assert!(theirs.scratch.shown <= SHOWN_MAX);
}

#[test]
fn an_adopted_packet_is_in_the_window() {
    let (mut ours, mut theirs) = pair(SrtpProfile::AeadAes128Gcm);
    let sealed = seal(&mut ours, 9);
    let header = RtpHeader::parse(&sealed).unwrap();
    assert!(theirs.unprotect_rtp(&sealed, &header, false).is_ok());
    theirs.adopt(&sealed, &header).unwrap();
    assert_eq!(open(&mut theirs, &sealed), Err(SrtpError::Replayed));
    assert!(open(&mut theirs, &seal(&mut ours, 10)).is_ok());
}

#[test]
fn any_number_of_sources_may_follow_each_other_and_none_is_replayed() {
    let (mut ours, mut theirs) = pair(SrtpProfile::AeadAes128Gcm);
    let mut sources = Changing::default();
    for ssrc in 0..100 {
        let sealed = sources.seal(&mut ours, ssrc);
        assert!(open(&mut theirs, &sealed).is_ok(), "source {ssrc}");
        let report = sources.report(&mut ours, ssrc);
        assert!(theirs.unprotect_rtcp(&report).is_ok(), "reports of source {ssrc}");
    }
    for (ssrc, sealed, report) in &sources.captured {
        assert!(open(&mut theirs, sealed).is_err(), "captured of source {ssrc}");
        assert!(theirs.unprotect_rtcp(report).is_err(), "captured of source {ssrc}");
    }
    let remembered = |ssrc: u32| !(8..100 - 16).contains(&ssrc);
    for ssrc in 0..100 {
        let sealed = sources.seal(&mut ours, ssrc);
        assert_eq!(theirs.remembers(ssrc), remembered(ssrc));
        assert_eq!(open(&mut theirs, &sealed).is_ok(), remembered(ssrc), "back to source {ssrc}");
        assert_eq!(theirs.unprotect_rtcp(&sources.report(&mut ours, ssrc)).is_ok(), remembered(ssrc));
    }
    assert_eq!((theirs.rtp_sources.later.len(), theirs.rtcp_sources.later.len()), (16, 16));
}

#[test]
fn a_source_in_use_stays_and_one_that_is_only_forged_does_not() {
    let (mut ours, mut theirs) = pair(SrtpProfile::AeadAes128Gcm);
    let mut sources = Changing::default();
    for ssrc in 0..24 {
        open(&mut theirs, &sources.seal(&mut ours, ssrc)).unwrap();
    }
    let mut forged = sources.seal(&mut ours, 9);
    let last = forged.len() - 1;
    forged[last] ^= 1;
    for ssrc in 100..115 {
        open(&mut theirs, &sources.seal(&mut ours, 8)).unwrap();
        assert!(open(&mut theirs, &forged).is_err());
        open(&mut theirs, &sources.seal(&mut ours, ssrc)).unwrap();
    }
    assert!(theirs.remembers(8), "used all the time");
    assert!(!theirs.remembers(9));
}

#[test]
fn sources_that_lost_their_context_are_bounded() {
    let (mut ours, mut theirs) = pair(SrtpProfile::AeadAes128Gcm);
    let mut sources = Changing::default();
    let most = u32::try_from(FIRST_SOURCES_MAX + LATER_SOURCES_MAX + PAST_SOURCES_MAX).unwrap();
    for ssrc in 0..most + 20 {
        let opened = open(&mut theirs, &sources.seal(&mut ours, ssrc));
        assert_eq!(opened.is_ok(), ssrc < most, "{ssrc}");
    }
    assert_eq!(theirs.rtp_sources.past.len(), PAST_SOURCES_MAX);
    assert!(open(&mut theirs, &sources.seal(&mut ours, most - 1)).is_ok(), "the present one goes on");
    assert!(open(&mut theirs, &sources.seal(&mut ours, 0)).is_ok(), "and the first");
}

#[test]
fn a_start_before_the_wrap_with_its_first_packets_lost_is_opened_and_not_replayed() {
    for profile in PROFILES {
        for (first, lost) in [(65_530u16, 6u16), (65_530, 9), (65_000, 2_000), (40_000, 26_000)] {
            let (mut ours, mut theirs) = pair(profile);
            let sealed: Vec<_> =
                (0..lost + 30).map(|n| seal(&mut ours, first.wrapping_add(n))).skip(lost.into()).collect();
            let header = RtpHeader::parse(&sealed[0]).unwrap();
            assert!(theirs.unprotect_rtp(&sealed[0], &header, false).is_ok(), "{first} {lost}");
            theirs.adopt(&sealed[0], &header).unwrap();
            for packet in &sealed[1..] {
                open(&mut theirs, packet).unwrap();
            }
            for packet in &sealed {
                assert_eq!(open(&mut theirs, packet), Err(SrtpError::Replayed));
            }
            let mut forged = seal(&mut ours, first.wrapping_add(lost + 30));
            forged[12] ^= 1;
            assert_eq!(open(&mut theirs, &forged), Err(SrtpError::AuthFailed));
        }
    }
}

#[test]
fn what_was_sent_before_the_wrap_may_come_late() {
    for profile in PROFILES {
        let (mut ours, mut theirs) = pair(profile);
        let sealed: Vec<_> = (0..20u16).map(|n| seal(&mut ours, 65_530u16.wrapping_add(n))).collect();
        for at in [9, 10, 2, 11, 5, 3] {
            open(&mut theirs, &sealed[at]).unwrap();
            assert_eq!(open(&mut theirs, &sealed[at]), Err(SrtpError::Replayed));
        }
    }
}

#[test]
fn forged_packets_of_low_numbers_leave_nothing_behind() {
    let (mut ours, mut theirs) = pair(SrtpProfile::AeadAes128Gcm);
    for n in 0..1_000u16 {
        let mut forged = packet(7, n);
        forged.extend_from_slice(&[0; 16]);
        let header = RtpHeader::parse(&forged).unwrap();
        assert_eq!(theirs.unprotect_rtp(&forged, &header, false), Err(SrtpError::AuthFailed));
    }
    assert!(!theirs.remembers(7) && theirs.scratch.shown <= SHOWN_MAX);
    assert!(open(&mut theirs, &seal(&mut ours, 3)).is_ok());
}

#[test]
fn rtcp_is_sealed_opened_and_not_replayed() {
    for profile in PROFILES {
        let (mut ours, mut theirs) = pair(profile);
        let report = [0x80, 201, 0, 1, 0, 0, 0, 5];
        let mut sealed: Vec<_> = (0..200).map(|_| ours.protect_rtcp(&report).unwrap()).collect();
        for (n, packet) in sealed.iter().enumerate() {
            assert_eq!(theirs.unprotect_rtcp(packet).unwrap()[..], report, "{n}");
            assert_eq!(theirs.unprotect_rtcp(packet), Err(SrtpError::Replayed));
        }
        assert_eq!(theirs.unprotect_rtcp(&sealed[3]), Err(SrtpError::Replayed));
        sealed[199][5] ^= 1;
        assert_eq!(theirs.unprotect_rtcp(&sealed[199]), Err(SrtpError::AuthFailed));
    }
}

#[test]
fn every_length_and_every_flipped_bit_is_refused() {
    for profile in PROFILES {
        let (mut ours, mut theirs) = pair(profile);
        let sealed = seal(&mut ours, 1);
        for bit in 0..sealed.len() * 8 {
            let mut mutated = sealed.to_vec();
            mutated[bit / 8] ^= 1 << (bit % 8);
            if let Ok(header) = RtpHeader::parse(&mutated) {
                assert!(theirs.unprotect_rtp(&mutated, &header, true).is_err());
            }
        }
        for len in 0..=1500 {
            let junk: Vec<u8> = sealed.iter().copied().cycle().take(len).collect();
            if let Ok(header) = RtpHeader::parse(&junk)
                && len != sealed.len()
            {
                assert!(theirs.unprotect_rtp(&junk, &header, true).is_err());
            }
            let mut junk = vec![0x80; len];
            assert!(theirs.unprotect_rtcp(&junk).is_err());
            if len > 1 {
                junk[1] = 201;
            }
            assert!(theirs.unprotect_rtcp(&junk).is_err());
            let _ = ours.protect_rtcp(&junk);
            let _ = ours.protect_rtp(&junk, len, 1, 1);
        }
        assert!(open(&mut theirs, &sealed).is_ok(), "nothing of it did harm");
    }
}

proptest! {
    #[test]
    fn what_is_sealed_is_opened(
        profile in 0..3usize,
        sequence in 0..0x8000u16,
        csrc: Option<u32>,
        level in proptest::option::of((1..15u8, 0..128u8)),
        payload in proptest::collection::vec(any::<u8>(), 0..1200),
    ) {
        let (mut ours, mut theirs) = pair(PROFILES[profile]);
        let header = OutgoingHeader {
            marker: false, payload_type: 111, sequence, timestamp: 5, ssrc: 9, csrc,
            audio_level: level.map(|(id, level)| (id, AudioLevel { voice: true, level })),
            mid: None,
        };
        let mut packet = Vec::new();
        let len = write_header(&mut packet, &header);
        packet.extend_from_slice(&payload);
        let sealed = ours.protect_rtp(&packet, len, 9, sequence).unwrap();
        let parsed = RtpHeader::parse(&sealed).unwrap();
        let opened = theirs.unprotect_rtp(&sealed, &parsed, true).unwrap();
        prop_assert_eq!(parsed.payload(&opened).unwrap(), &payload[..]);
    }
}

/// A participant that changes its SSRC, and what somebody captured of it.
#[derive(Default)]
struct Changing {
    sequence: u16,
    captured: Vec<(u32, BytesMut, BytesMut)>,
}

impl Changing {
    fn seal(&mut self, session: &mut SrtpSession, ssrc: u32) -> BytesMut {
        self.sequence = (self.sequence + 1) & 0x7FFF;
        let mut packet = packet(0, self.sequence);
        packet[8..12].copy_from_slice(&ssrc.to_be_bytes());
        let sealed = session.protect_rtp(&packet, 12, ssrc, self.sequence).unwrap();
        self.captured.push((ssrc, sealed.clone(), BytesMut::new()));
        sealed
    }

    fn report(&mut self, session: &mut SrtpSession, ssrc: u32) -> BytesMut {
        let mut report = vec![0x80, 201, 0, 1];
        report.extend_from_slice(&ssrc.to_be_bytes());
        let sealed = session.protect_rtcp(&report).unwrap();
        if let Some(last) = self.captured.last_mut() {
            last.2 = sealed.clone();
        }
        sealed
    }
}

fn pair(profile: SrtpProfile) -> (SrtpSession, SrtpSession) {
    let len = match profile {
        SrtpProfile::Aes128CmSha1_80 => 60,
        SrtpProfile::AeadAes128Gcm => 56,
        SrtpProfile::AeadAes256Gcm => 88,
    };
    let keys: Vec<u8> = (0..len).collect();
    let end = |role| SrtpSession::new(&keys, profile, role).unwrap();
    (end(DtlsRole::Active), end(DtlsRole::Passive))
}

fn packet(ssrc: u8, sequence: u16) -> Vec<u8> {
    let mut packet = vec![0x80, 111, 0, 0, 0, 0, 0, 0, 0, 0, 0, ssrc];
    packet[2..4].copy_from_slice(&sequence.to_be_bytes());
    packet.extend_from_slice(b"sound");
    packet
}

fn seal(session: &mut SrtpSession, sequence: u16) -> BytesMut {
    session.protect_rtp(&packet(5, sequence), 12, 5, sequence).unwrap()
}

fn open(session: &mut SrtpSession, sealed: &[u8]) -> Result<BytesMut, SrtpError> {
    let header = RtpHeader::parse(sealed).unwrap();
    session.unprotect_rtp(sealed, &header, true)
}
