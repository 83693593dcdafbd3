//! Wire says what a datagram is: which protocol it speaks, and what its header tells before any key is known.
//!
//! Everything here is a pure function of bytes. It knows nothing of sessions, keys, sockets or time, and no input makes it panic.

pub mod audio_level;
pub mod opus_sound;
pub mod opus_toc;
pub mod path;
pub mod rtcp;
pub mod rtp;
pub mod stun;

/// The protocol a datagram speaks, told by its first bytes alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DatagramKind {
    /// A STUN message ([RFC 8489](https://www.rfc-editor.org/rfc/rfc8489)).
    Stun,
    /// A DTLS record.
    Dtls,
    /// An RTP or SRTP packet.
    Rtp,
    /// An RTCP or SRTCP packet.
    Rtcp,
    /// Nothing that we speak, or too short to be it.
    Unknown,
}

/// Tells the protocols of one port apart by the first byte
/// ([RFC 7983](https://www.rfc-editor.org/rfc/rfc7983)), and RTCP from RTP by its packet type
/// ([RFC 5761](https://www.rfc-editor.org/rfc/rfc5761#section-4)).
#[must_use]
pub fn classify(datagram: &[u8]) -> DatagramKind {
    let Some(&first) = datagram.first() else {
        return DatagramKind::Unknown;
    };
    match first {
        0..=3 if datagram.len() >= STUN_HEADER_LEN => DatagramKind::Stun,
        20..=63 if datagram.len() >= DTLS_RECORD_MIN => DatagramKind::Dtls,
        128..=191 if datagram.len() >= RTCP_MIN && RTCP_TYPES.contains(&datagram[1]) => DatagramKind::Rtcp,
        128..=191 if datagram.len() >= RTP_HEADER_MIN && !RTCP_TYPES.contains(&datagram[1]) => DatagramKind::Rtp,
        _ => DatagramKind::Unknown,
    }
}

/// The largest datagram that any parser here looks into, in bytes; a longer one is not media.
pub const DATAGRAM_MAX: usize = 1500;

const STUN_HEADER_LEN: usize = 20;
/// A DTLS 1.3 record with the unified header may be this short; the DTLS 1.2 header is 13 bytes.
const DTLS_RECORD_MIN: usize = 3;
const RTCP_MIN: usize = 8;
const RTP_HEADER_MIN: usize = 12;
const RTCP_TYPES: std::ops::RangeInclusive<u8> = 192..=223;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_byte_decides() {
        let of = |first: u8, second: u8| {
            let mut datagram = [0u8; 40];
            datagram[0] = first;
            datagram[1] = second;
            classify(&datagram)
        };
        for first in 0..=255u8 {
            let expected = match first {
                0..=3 => DatagramKind::Stun,
                20..=63 => DatagramKind::Dtls,
                128..=191 => DatagramKind::Rtp,
                _ => DatagramKind::Unknown,
            };
            assert_eq!(of(first, 111), expected, "first byte {first}");
        }
        assert_eq!(of(0x80, 191), DatagramKind::Rtp);
        assert_eq!(of(0x80, 192), DatagramKind::Rtcp);
        assert_eq!(of(0x80, 200), DatagramKind::Rtcp);
        assert_eq!(of(0x80, 223), DatagramKind::Rtcp);
        assert_eq!(of(0x80, 224), DatagramKind::Rtp);
    }

    #[test]
    fn what_is_too_short_is_unknown() {
        assert_eq!(classify(&[]), DatagramKind::Unknown);
        assert_eq!(classify(&[0; 19]), DatagramKind::Unknown);
        assert_eq!(classify(&[22, 0]), DatagramKind::Unknown);
        assert_eq!(classify(&[0x80; 11]), DatagramKind::Unknown);
        assert_eq!(classify(&[0x80, 201, 0, 0, 0, 0, 0]), DatagramKind::Unknown);
        assert_eq!(classify(&[0x80, 201, 0, 1, 0, 0, 0, 0]), DatagramKind::Rtcp);
    }
}
