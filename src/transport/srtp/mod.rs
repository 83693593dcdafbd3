//! An SRTP session seals what we send and opens what a participant sends, with the keys of one DTLS handshake
//! ([RFC 3711](https://www.rfc-editor.org/rfc/rfc3711), [RFC 7714](https://www.rfc-editor.org/rfc/rfc7714)).
//!
//! The library keeps state for each SSRC that it is shown, before it knows whether the packet is authentic, and takes
//! the first sequence number that it is shown for the beginning of the replay window. So an SSRC meets a lasting
//! context only after a packet of it was opened in a *scratch* context, which is thrown away when it has grown.
//!
//! A participant may change its SSRC as often as the packet path allows. What is remembered stays bounded: the first
//! SSRCs share one context, later ones have one each, and the longest unused of these makes room. An SSRC whose context is
//! gone is refused for good, since nothing would tell its old packets from new ones.

mod inbound;

use bytes::BytesMut;
use rtc_crypto::RTCCryptoProvider;
use rtc_crypto::providers::RingProvider;
use rtc_shared::error::Error;
use rtc_srtp::config::Config;
use rtc_srtp::context::Context;
use rtc_srtp::protection_profile::ProtectionProfile;

use super::dtls::DtlsRole;
use crate::wire::rtp::RtpHeader;
use inbound::{InboundKeys, ROLLED_BELOW, Scratch, Sources};

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
    /// Opens packets of the first SSRCs.
    inbound: Context,
    keys: InboundKeys,
    scratch: Scratch,
    rtp_sources: Sources,
    rtcp_sources: Sources,
    /// The library's ciphers read sequence number, SSRC and length from a header; this one is reused.
    header: rtc_rtp::Header,
}

/// The rollover counter that an unknown SSRC was found to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rollover {
    Zero,
    One,
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
        let keys = InboundKeys { key: keys.remote_master_key, salt: keys.remote_master_salt, profile };
        Ok(Self {
            outbound: outbound.map_err(|_| SrtpError::BadKeys)?,
            inbound: keys.lasting()?,
            keys,
            scratch: Scratch::default(),
            rtp_sources: Sources::default(),
            rtcp_sources: Sources::default(),
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
        let Self { inbound, rtp_sources, header: borrowed, .. } = self;
        if let Some(opened) =
            rtp_sources.open(header.ssrc, inbound, |context| context.decrypt_rtp_with_header(datagram, borrowed))
        {
            return opened;
        }
        if known {
            return self.adopt(datagram, header);
        }
        self.open_unknown(datagram).map(|(opened, _)| opened)
    }

    /// Whether an SSRC has a replay window.
    #[must_use]
    pub fn remembers(&self, ssrc: u32) -> bool {
        self.rtp_sources.has(ssrc)
    }

    /// Makes the SSRC of a packet that was just opened as unknown a known one, with this packet in its replay window.
    ///
    /// # Errors
    ///
    /// As [`SrtpSession::unprotect_rtp`].
    pub fn adopt(&mut self, datagram: &[u8], header: &RtpHeader) -> Result<BytesMut, SrtpError> {
        self.borrow_header(header.header_len.into(), header.ssrc, header.sequence);
        // What the scratch contexts remember of this SSRC may come from packets that were not adopted.
        self.scratch = Scratch::default();
        let (_, rollover) = self.open_unknown(datagram)?;
        let Self { inbound, keys, scratch, rtp_sources, header: borrowed, .. } = self;
        let context = rtp_sources.remember(header.ssrc, inbound, keys)?;
        match rollover {
            Rollover::Zero => {}
            Rollover::One => scratch.roll(context, borrowed, keys)?,
        }
        context.decrypt_rtp_with_header(datagram, borrowed).map_err(reason)
    }

    /// Opens a packet of the borrowed header without remembering it. The sender may have begun at a high sequence number and lost its first
    /// packets, up to the wrap (RFC 3711 section 3.3.1): so a low number is also tried with a rollover counter of 1.
    fn open_unknown(&mut self, datagram: &[u8]) -> Result<(BytesMut, Rollover), SrtpError> {
        let Self { keys, scratch, rtp_sources, header, .. } = self;
        if rtp_sources.is_past(header.ssrc) {
            return Err(SrtpError::TooManySources);
        }
        scratch.renew();
        match scratch.context(keys)?.decrypt_rtp_with_header(datagram, header).map_err(reason) {
            Ok(opened) => Ok((opened, Rollover::Zero)),
            Err(SrtpError::AuthFailed) if header.sequence_number < ROLLED_BELOW => {
                scratch.open_rolled(datagram, header, keys).map(|opened| (opened, Rollover::One))
            }
            Err(error) => Err(error),
        }
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
        let Self { inbound, keys, scratch, rtcp_sources, .. } = self;
        if let Some(opened) = rtcp_sources.open(ssrc, inbound, |context| context.decrypt_rtcp(datagram)) {
            return opened;
        }
        if rtcp_sources.is_past(ssrc) {
            return Err(SrtpError::TooManySources);
        }
        scratch.renew();
        scratch.context(keys)?.decrypt_rtcp(datagram).map_err(reason)?;
        rtcp_sources.remember(ssrc, inbound, keys)?.decrypt_rtcp(datagram).map_err(reason)
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

#[cfg(test)]
mod tests;
