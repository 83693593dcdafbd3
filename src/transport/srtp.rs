//! An SRTP session seals what we send and opens what a participant sends, with the keys of one DTLS handshake
//! ([RFC 3711](https://www.rfc-editor.org/rfc/rfc3711), [RFC 7714](https://www.rfc-editor.org/rfc/rfc7714)).
//!
//! The library keeps state for each SSRC that it is shown, before it knows whether the packet is authentic, and takes
//! the first sequence number that it is shown for the beginning of the replay window. So an SSRC meets the lasting
//! context only after a packet of it was opened in a *scratch* context, which is thrown away when it has grown.

use bytes::BytesMut;
use rtc_crypto::RTCCryptoProvider;
use rtc_crypto::providers::RingProvider;
use rtc_shared::error::Error;
use rtc_srtp::config::Config;
use rtc_srtp::context::Context;
use rtc_srtp::option::{
    srtcp_no_replay_protection, srtcp_replay_protection, srtp_no_replay_protection, srtp_replay_protection,
};
use rtc_srtp::protection_profile::ProtectionProfile;

use super::dtls::DtlsRole;
use crate::wire::rtp::RtpHeader;

/// How packets are sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SrtpProfile {
    /// AES-128 in counter mode with HMAC-SHA1 of 80 bits.
    Aes128CmSha1_80,
    /// AES-128 in GCM.
    AeadAes128Gcm,
    /// AES-256 in GCM.
    AeadAes256Gcm,
}

/// Why a packet is not opened or sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum SrtpError {
    /// It was not sealed with these keys.
    #[error("authentication failed")]
    AuthFailed,
    /// It came before, or is older than the window.
    #[error("replayed")]
    Replayed,
    /// Too short to be sealed.
    #[error("too short")]
    TooShort,
    /// More SSRCs than one session may have.
    #[error("too many sources")]
    TooManySources,
    /// The keys have sealed as many packets as they may.
    #[error("keys are spent")]
    KeysSpent,
    /// Keys of the wrong length.
    #[error("unusable keys")]
    BadKeys,
}

impl SrtpError {
    /// The metric label.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::AuthFailed => "srtp_auth_failed",
            Self::Replayed => "srtp_replayed",
            Self::TooShort => "srtp_too_short",
            Self::TooManySources => "srtp_too_many_sources",
            Self::KeysSpent => "srtp_keys_spent",
            Self::BadKeys => "srtp_bad_keys",
        }
    }
}

/// Both directions of one participant's media.
pub struct SrtpSession {
    outbound: Context,
    inbound: Context,
    scratch: Scratch,
    /// SSRCs whose packets the lasting context has opened.
    rtp_sources: Vec<u32>,
    rtcp_sources: Vec<u32>,
    /// The library's ciphers read sequence number, SSRC and length from a header; this one is reused.
    header: rtc_rtp::Header,
}

impl SrtpSession {
    /// A session from the keys of a handshake in which we had this role.
    ///
    /// # Errors
    ///
    /// [`SrtpError::BadKeys`] if the keys do not fit the profile.
    pub fn new(keying_material: &[u8], profile: SrtpProfile, role: DtlsRole) -> Result<Self, SrtpError> {
        let profile = match profile {
            SrtpProfile::Aes128CmSha1_80 => ProtectionProfile::Aes128CmHmacSha1_80,
            SrtpProfile::AeadAes128Gcm => ProtectionProfile::AeadAes128Gcm,
            SrtpProfile::AeadAes256Gcm => ProtectionProfile::AeadAes256Gcm,
        };
        let mut config = Config { profile, ..Default::default() };
        config
            .set_session_keys_from_keying_material(keying_material, role == DtlsRole::Active)
            .map_err(|_| SrtpError::BadKeys)?;
        let keys = config.keys;
        let outbound =
            Context::new(&keys.local_master_key, &keys.local_master_salt, profile, None, None, CRYPTO.crypto());
        let inbound = Context::new(
            &keys.remote_master_key,
            &keys.remote_master_salt,
            profile,
            Some(srtp_replay_protection(RTP_WINDOW)),
            Some(srtcp_replay_protection(RTCP_WINDOW)),
            CRYPTO.crypto(),
        );
        Ok(Self {
            outbound: outbound.map_err(|_| SrtpError::BadKeys)?,
            inbound: inbound.map_err(|_| SrtpError::BadKeys)?,
            scratch: Scratch {
                key: keys.remote_master_key,
                salt: keys.remote_master_salt,
                profile,
                context: None,
                shown: 0,
            },
            rtp_sources: Vec::new(),
            rtcp_sources: Vec::new(),
            header: rtc_rtp::Header::default(),
        })
    }

    /// Opens an RTP packet; `header` is the one parsed from it. Header and payload are returned, the tag is gone.
    ///
    /// With `known: false` nothing of the packet is remembered, so replays are not noticed: call
    /// [`SrtpSession::adopt`] if its SSRC shall be known from now on.
    ///
    /// # Errors
    ///
    /// Tells why the packet is dropped.
    pub fn unprotect_rtp(&mut self, datagram: &[u8], header: &RtpHeader, known: bool) -> Result<BytesMut, SrtpError> {
        self.borrow_header(header.header_len.into(), header.ssrc, header.sequence);
        if !self.rtp_sources.contains(&header.ssrc) {
            let opened = self.scratch.context()?.decrypt_rtp_with_header(datagram, &self.header).map_err(reason)?;
            if !known {
                return Ok(opened);
            }
            remember(&mut self.rtp_sources, header.ssrc, RTP_SOURCES_MAX)?;
        }
        self.inbound.decrypt_rtp_with_header(datagram, &self.header).map_err(reason)
    }

    /// Makes the SSRC of a packet that was just opened as unknown a known one, with this packet in its replay window.
    ///
    /// # Errors
    ///
    /// As [`SrtpSession::unprotect_rtp`].
    pub fn adopt(&mut self, datagram: &[u8], header: &RtpHeader) -> Result<(), SrtpError> {
        self.unprotect_rtp(datagram, header, true).map(drop)
    }

    /// Seals an RTP packet whose header has this length, SSRC and sequence number.
    ///
    /// # Errors
    ///
    /// [`SrtpError::TooShort`] if the header does not fit, [`SrtpError::KeysSpent`] at the end of the keys' life.
    pub fn protect_rtp(
        &mut self,
        packet: &[u8],
        header_len: usize,
        ssrc: u32,
        sequence: u16,
    ) -> Result<BytesMut, SrtpError> {
        if header_len < FIXED_HEADER_LEN || packet.len() < header_len || !header_len.is_multiple_of(4) {
            return Err(SrtpError::TooShort);
        }
        self.borrow_header(header_len, ssrc, sequence);
        self.outbound.encrypt_rtp_with_header(packet, &self.header).map_err(reason)
    }

    /// Opens an RTCP datagram.
    ///
    /// # Errors
    ///
    /// Tells why the datagram is dropped.
    pub fn unprotect_rtcp(&mut self, datagram: &[u8]) -> Result<BytesMut, SrtpError> {
        let ssrc = datagram.get(4..8).ok_or(SrtpError::TooShort)?;
        let ssrc = u32::from_be_bytes([ssrc[0], ssrc[1], ssrc[2], ssrc[3]]);
        if !self.rtcp_sources.contains(&ssrc) {
            self.scratch.context()?.decrypt_rtcp(datagram).map_err(reason)?;
            remember(&mut self.rtcp_sources, ssrc, RTCP_SOURCES_MAX)?;
        }
        self.inbound.decrypt_rtcp(datagram).map_err(reason)
    }

    /// Seals an RTCP datagram.
    ///
    /// # Errors
    ///
    /// [`SrtpError::TooShort`] if it is none.
    pub fn protect_rtcp(&mut self, datagram: &[u8]) -> Result<BytesMut, SrtpError> {
        self.outbound.encrypt_rtcp(datagram).map_err(reason)
    }

    /// Sets up the reused header. The ciphers take nothing from it but SSRC, sequence number and `marshal_size()`, and
    /// that is 12 + 4 for each CSRC while there are no extensions.
    fn borrow_header(&mut self, header_len: usize, ssrc: u32, sequence: u16) {
        self.header.ssrc = ssrc;
        self.header.sequence_number = sequence;
        self.header.csrc.resize((header_len - FIXED_HEADER_LEN) / 4, 0);
    }
}

impl std::fmt::Debug for SrtpSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SrtpSession(..)")
    }
}

/// Opens packets of SSRCs that are not known, without a memory of them that lasts.
struct Scratch {
    key: Vec<u8>,
    salt: Vec<u8>,
    profile: ProtectionProfile,
    context: Option<Context>,
    /// Packets shown to this context, each of which may have left state behind.
    shown: usize,
}

impl Scratch {
    fn context(&mut self) -> Result<&mut Context, SrtpError> {
        if self.shown == SHOWN_MAX {
            self.context = None;
            self.shown = 0;
        }
        self.shown += 1;
        if self.context.is_none() {
            let fresh = Context::new(
                &self.key,
                &self.salt,
                self.profile,
                Some(srtp_no_replay_protection()),
                Some(srtcp_no_replay_protection()),
                CRYPTO.crypto(),
            );
            self.context = Some(fresh.map_err(|_| SrtpError::BadKeys)?);
        }
        self.context.as_mut().ok_or(SrtpError::BadKeys)
    }
}

fn remember(sources: &mut Vec<u32>, ssrc: u32, max: usize) -> Result<(), SrtpError> {
    if sources.len() == max {
        return Err(SrtpError::TooManySources);
    }
    sources.push(ssrc);
    Ok(())
}

#[allow(
    clippy::wildcard_enum_match_arm,
    reason = "the library has one error type of hundreds of variants for all its crates"
)]
fn reason(error: Error) -> SrtpError {
    match error {
        Error::SrtpSsrcDuplicated(..) | Error::SrtcpSsrcDuplicated(..) => SrtpError::Replayed,
        Error::ErrTooShortRtp
        | Error::ErrTooShortRtcp
        | Error::PacketTooShort
        | Error::BadVersion
        | Error::SrtpTooSmall(..)
        | Error::SrtcpTooSmall(..) => SrtpError::TooShort,
        Error::ErrExceededMaxPackets => SrtpError::KeysSpent,
        _ => SrtpError::AuthFailed,
    }
}

static CRYPTO: RingProvider = RingProvider::new();

const FIXED_HEADER_LEN: usize = 12;
/// Replay windows, in packets.
const RTP_WINDOW: usize = 1024;
const RTCP_WINDOW: usize = 128;
/// The most SSRCs that one session may come to know. A microphone has one; a client that restarts its encoder a few more.
const RTP_SOURCES_MAX: usize = 8;
const RTCP_SOURCES_MAX: usize = 32;
/// A scratch context is replaced after so many packets.
const SHOWN_MAX: usize = 64;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]

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
        assert!(theirs.rtp_sources.is_empty());
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
    fn a_session_knows_so_many_sources_and_no_more() {
        let (mut ours, mut theirs) = pair(SrtpProfile::AeadAes128Gcm);
        for n in 0..40u32 {
            let mut report = vec![0x80, 201, 0, 1];
            report.extend_from_slice(&n.to_be_bytes());
            let sealed = ours.protect_rtcp(&report).unwrap();
            let opened = theirs.unprotect_rtcp(&sealed);
            let room = usize::try_from(n).unwrap() < RTCP_SOURCES_MAX;
            assert_eq!(opened.is_ok(), room);
        }
        for n in 0..20u32 {
            let mut packet = packet(0, 1);
            packet[8..12].copy_from_slice(&n.to_be_bytes());
            let sealed = ours.protect_rtp(&packet, 12, n, 1).unwrap();
            let opened = open(&mut theirs, &sealed);
            let room = usize::try_from(n).unwrap() < RTP_SOURCES_MAX;
            assert_eq!(opened.is_ok(), room);
        }
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
}
