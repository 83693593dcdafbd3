//! An RTP header is what can be read of a media packet while it is still encrypted
//! ([RFC 3550](https://www.rfc-editor.org/rfc/rfc3550#section-5.1),
//! [RFC 8285](https://www.rfc-editor.org/rfc/rfc8285) for extensions).
//!
//! Parsing copies a few integers and allocates nothing; writing appends to a buffer of the caller's.

use super::audio_level::AudioLevel;

/// The fixed part of an RTP header, and where the rest of it lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RtpHeader {
    /// First packet of a talk spurt, for audio.
    pub marker: bool,
    /// Payload type, 0 to 127.
    pub payload_type: u8,
    /// Sequence number.
    pub sequence: u16,
    /// Media time in units of the clock rate.
    pub timestamp: u32,
    /// The stream that the packet belongs to.
    pub ssrc: u32,
    /// Length of the whole header with CSRCs and extensions, in bytes: the payload starts here.
    pub header_len: u16,
    /// The payload ends with padding.
    pub has_padding: bool,
    /// The extension block, if there is one.
    pub extension: Option<ExtensionBlock>,
}

/// Where the extension block lies in the datagram, and in which form its elements are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExtensionBlock {
    /// `0xBEDE` for one-byte elements, `0x1000..=0x100F` for two-byte elements; anything else is opaque.
    pub profile: u16,
    /// Offset of the first element.
    pub start: u16,
    /// Length of all elements and their padding, in bytes.
    pub len: u16,
}

/// Why a datagram is no RTP packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RtpError {
    /// Shorter than its own header.
    #[error("shorter than its header")]
    TooShort,
    /// Longer than any packet we accept.
    #[error("longer than a datagram may be")]
    TooLong,
    /// The version is not 2.
    #[error("not version 2")]
    BadVersion,
    /// The padding count is zero or larger than the payload.
    #[error("bad padding")]
    BadPadding,
}

impl RtpHeader {
    /// Reads the header of an RTP or SRTP packet.
    ///
    /// # Errors
    ///
    /// Tells why the datagram is no RTP packet.
    pub fn parse(datagram: &[u8]) -> Result<Self, RtpError> {
        if datagram.len() < FIXED_LEN {
            return Err(RtpError::TooShort);
        }
        if datagram.len() > super::DATAGRAM_MAX {
            return Err(RtpError::TooLong);
        }
        if datagram[0] >> 6 != VERSION {
            return Err(RtpError::BadVersion);
        }
        let mut header_len = FIXED_LEN + 4 * usize::from(datagram[0] & CSRC_COUNT_MASK);
        let mut extension = None;
        if datagram[0] & EXTENSION_BIT != 0 {
            let start = header_len + 4;
            let preamble = datagram.get(header_len..start).ok_or(RtpError::TooShort)?;
            let len = 4 * usize::from(u16::from_be_bytes([preamble[2], preamble[3]]));
            header_len = start + len;
            extension = Some(ExtensionBlock {
                profile: u16::from_be_bytes([preamble[0], preamble[1]]),
                start: offset(start)?,
                len: offset(len)?,
            });
        }
        if datagram.len() < header_len {
            return Err(RtpError::TooShort);
        }
        Ok(Self {
            marker: datagram[1] & MARKER_BIT != 0,
            payload_type: datagram[1] & PAYLOAD_TYPE_MASK,
            sequence: u16::from_be_bytes([datagram[2], datagram[3]]),
            timestamp: u32::from_be_bytes([datagram[4], datagram[5], datagram[6], datagram[7]]),
            ssrc: u32::from_be_bytes([datagram[8], datagram[9], datagram[10], datagram[11]]),
            header_len: offset(header_len)?,
            has_padding: datagram[0] & PADDING_BIT != 0,
            extension,
        })
    }

    /// The value of the extension element with this id, in either form; `None` if it is not there or the block is broken.
    #[must_use]
    pub fn extension<'a>(&self, datagram: &'a [u8], id: u8) -> Option<&'a [u8]> {
        let block = self.extension?;
        let start = usize::from(block.start);
        let elements = datagram.get(start..start + usize::from(block.len))?;
        match block.profile {
            ONE_BYTE_PROFILE => find_one_byte(elements, id),
            0x1000..=0x100F => find_two_byte(elements, id),
            _ => None,
        }
    }

    /// The payload of a decrypted packet without its padding.
    ///
    /// # Errors
    ///
    /// [`RtpError::BadPadding`] if the padding count cannot be true, [`RtpError::TooShort`] if the packet ends within its header.
    pub fn payload<'a>(&self, decrypted: &'a [u8]) -> Result<&'a [u8], RtpError> {
        let payload = decrypted.get(usize::from(self.header_len)..).ok_or(RtpError::TooShort)?;
        if !self.has_padding {
            return Ok(payload);
        }
        let padding = usize::from(*payload.last().ok_or(RtpError::BadPadding)?);
        if padding == 0 || padding > payload.len() {
            return Err(RtpError::BadPadding);
        }
        Ok(&payload[..payload.len() - padding])
    }
}

/// The header of a packet that we send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutgoingHeader<'a> {
    /// First packet of a talk spurt.
    pub marker: bool,
    /// Payload type that the receiver negotiated, 0 to 127.
    pub payload_type: u8,
    /// Sequence number.
    pub sequence: u16,
    /// Media time.
    pub timestamp: u32,
    /// The stream.
    pub ssrc: u32,
    /// Who is heard, if that is told.
    pub csrc: Option<u32>,
    /// The audio level and the extension id that the receiver negotiated for it.
    pub audio_level: Option<(u8, AudioLevel)>,
    /// The media section and the extension id that the receiver negotiated for it.
    pub mid: Option<(u8, &'a [u8])>,
}

/// Appends the header to `out` and tells its length in bytes.
///
/// Elements are written in the one-byte form if their ids (1 to 14) and lengths (1 to 16) allow, else in the two-byte
/// form; an element whose id is 0 or whose value exceeds 255 bytes is left out.
pub fn write_header(out: &mut Vec<u8>, header: &OutgoingHeader<'_>) -> usize {
    let start = out.len();
    let level = header.audio_level.map(|(id, level)| (id, [level.encode()]));
    let elements = [level.as_ref().map(|(id, value)| (*id, value.as_slice())), header.mid];
    let writable = |&(id, value): &(u8, &[u8])| id != 0 && value.len() <= usize::from(u8::MAX);
    let elements = elements.into_iter().flatten().filter(writable);
    let extended = elements.clone().next().is_some();

    let flags = VERSION << 6 | if extended { EXTENSION_BIT } else { 0 } | u8::from(header.csrc.is_some());
    let marker = if header.marker { MARKER_BIT } else { 0 };
    out.extend_from_slice(&[flags, marker | (header.payload_type & PAYLOAD_TYPE_MASK)]);
    out.extend_from_slice(&header.sequence.to_be_bytes());
    out.extend_from_slice(&header.timestamp.to_be_bytes());
    out.extend_from_slice(&header.ssrc.to_be_bytes());
    if let Some(csrc) = header.csrc {
        out.extend_from_slice(&csrc.to_be_bytes());
    }
    if extended {
        write_extensions(out, elements);
    }
    out.len() - start
}

fn write_extensions<'a>(out: &mut Vec<u8>, elements: impl Iterator<Item = (u8, &'a [u8])> + Clone) {
    let short = elements.clone().all(|(id, value)| (1..=14).contains(&id) && (1..=16).contains(&value.len()));
    let profile = if short { ONE_BYTE_PROFILE } else { TWO_BYTE_PROFILE };
    out.extend_from_slice(&profile.to_be_bytes());
    let length_at = out.len();
    out.extend_from_slice(&[0, 0]);
    for (id, value) in elements {
        let len = u8::try_from(value.len()).expect("longer elements were left out");
        if short {
            out.push(id << 4 | (len - 1));
        } else {
            out.extend_from_slice(&[id, len]);
        }
        out.extend_from_slice(value);
    }
    let written = out.len() - length_at - 2;
    let words = written.div_ceil(4);
    out.resize(length_at + 2 + 4 * words, 0);
    let words = u16::try_from(words).expect("two elements of 255 bytes fit");
    out[length_at..length_at + 2].copy_from_slice(&words.to_be_bytes());
}

fn find_one_byte(mut elements: &[u8], wanted: u8) -> Option<&[u8]> {
    while let Some((&first, rest)) = elements.split_first() {
        let (id, len) = (first >> 4, usize::from(first & 0x0f) + 1);
        if first == 0 {
            elements = rest;
            continue;
        }
        // Id 15 ends the block, and id 0 with a length is no element either (RFC 8285, section 4.2).
        if id == ONE_BYTE_STOP || id == 0 {
            return None;
        }
        let value = rest.get(..len)?;
        if id == wanted {
            return Some(value);
        }
        elements = &rest[len..];
    }
    None
}

fn find_two_byte(mut elements: &[u8], wanted: u8) -> Option<&[u8]> {
    while let Some((&id, rest)) = elements.split_first() {
        if id == 0 {
            elements = rest;
            continue;
        }
        let (&len, rest) = rest.split_first()?;
        let value = rest.get(..usize::from(len))?;
        if id == wanted {
            return Some(value);
        }
        elements = &rest[usize::from(len)..];
    }
    None
}

fn offset(value: usize) -> Result<u16, RtpError> {
    u16::try_from(value).map_err(|_| RtpError::TooShort)
}

const VERSION: u8 = 2;
const FIXED_LEN: usize = 12;
const PADDING_BIT: u8 = 0x20;
const EXTENSION_BIT: u8 = 0x10;
const CSRC_COUNT_MASK: u8 = 0x0f;
const MARKER_BIT: u8 = 0x80;
const PAYLOAD_TYPE_MASK: u8 = 0x7f;
const ONE_BYTE_PROFILE: u16 = 0xBEDE;
const TWO_BYTE_PROFILE: u16 = 0x1000;
const ONE_BYTE_STOP: u8 = 15;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]

    use super::*;
    use proptest::prelude::*;

    /// Laid out as Chromium sends it: marker, payload type 111, audio level (id 1) and mid (id 4).
    const SAMPLE: &[u8] = &[
        0x90, 0xef, 0x1c, 0x2a, 0x4b, 0x10, 0x02, 0x40, 0x21, 0x02, 0xf4, 0x96, 0xbe, 0xde, 0x00, 0x01, 0x10, 0xe4,
        0x40, 0x30, 0x78, 0x0b, 0xe4, 0xc1,
    ];

    #[test]
    fn a_packet_as_chromium_sends_it() {
        let header = RtpHeader::parse(SAMPLE).unwrap();
        assert!(header.marker);
        assert_eq!(header.payload_type, 111);
        assert_eq!(header.sequence, 0x1c2a);
        assert_eq!(header.timestamp, 0x4b10_0240);
        assert_eq!(header.ssrc, 0x2102_f496);
        assert_eq!(header.header_len, 20);
        let level = AudioLevel::parse(header.extension(SAMPLE, 1).unwrap()).unwrap();
        assert_eq!((level.voice, level.level), (true, 100));
        assert_eq!(header.extension(SAMPLE, 4), Some(&b"0"[..]));
        assert_eq!(header.extension(SAMPLE, 2), None);
        assert_eq!(header.extension(SAMPLE, 0), None);
        assert_eq!(header.payload(SAMPLE), Ok(&SAMPLE[20..]));
    }

    #[test]
    fn two_byte_elements_are_found_and_empty_ones_too() {
        let mut packet = SAMPLE[..12].to_vec();
        packet.extend_from_slice(&[0x10, 0x05, 0, 3, 200, 1, 0x7f, 0, 0, 15, 0, 3, 2, 8, 8, 0]);
        let header = RtpHeader::parse(&packet).unwrap();
        assert_eq!(header.extension(&packet, 200), Some(&[0x7f][..]));
        assert_eq!(header.extension(&packet, 15), Some(&[][..]));
        assert_eq!(header.extension(&packet, 3), Some(&[8, 8][..]));
        assert_eq!(header.extension(&packet, 0), None);
    }

    #[test]
    fn id_15_ends_a_one_byte_block_and_a_lying_length_finds_nothing() {
        let mut packet = SAMPLE[..12].to_vec();
        packet.extend_from_slice(&[0xbe, 0xde, 0, 1, 0xf0, 0x10, 0x55, 0x1f]);
        let header = RtpHeader::parse(&packet).unwrap();
        assert_eq!(header.extension(&packet, 1), None);
        let at = packet.len() - 4;
        packet[at..].copy_from_slice(&[0x2f, 1, 2, 3]);
        let header = RtpHeader::parse(&packet).unwrap();
        assert_eq!(header.extension(&packet, 2), None);
    }

    #[test]
    fn padding_is_stripped_or_refused() {
        let mut packet = vec![0xa0, 111, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 9, 8, 7, 0, 0, 3];
        let header = RtpHeader::parse(&packet).unwrap();
        assert_eq!(header.payload(&packet), Ok(&[9, 8, 7][..]));
        *packet.last_mut().unwrap() = 6;
        assert_eq!(header.payload(&packet), Ok(&[][..]));
        *packet.last_mut().unwrap() = 7;
        assert_eq!(header.payload(&packet), Err(RtpError::BadPadding));
        *packet.last_mut().unwrap() = 0;
        assert_eq!(header.payload(&packet), Err(RtpError::BadPadding));
        assert_eq!(header.payload(&packet[..12]), Err(RtpError::BadPadding));
        assert_eq!(header.payload(&packet[..11]), Err(RtpError::TooShort));
    }

    #[test]
    fn every_length_of_a_packet_is_parsed_or_refused() {
        for first in [0x80u8, 0x90, 0xa0, 0xb0, 0x8f, 0x9f, 0xbf, 0x40, 0xc0] {
            for len in 0..=1600 {
                let mut packet: Vec<u8> = SAMPLE.iter().copied().cycle().take(len).collect();
                if let Some(byte) = packet.first_mut() {
                    *byte = first;
                }
                let Ok(header) = RtpHeader::parse(&packet) else {
                    continue;
                };
                assert_eq!(first >> 6, 2);
                assert!((12..=1500).contains(&len));
                assert!(usize::from(header.header_len) <= len);
                for id in 0..=255 {
                    let _ = header.extension(&packet, id);
                }
                let _ = header.payload(&packet);
            }
        }
    }

    #[test]
    fn elements_that_fit_no_form_are_left_out() {
        let long = [7u8; 256];
        let header = OutgoingHeader { mid: Some((3, &long)), audio_level: Some((0, AudioLevel::SILENCE)), ..plain() };
        let mut out = Vec::new();
        assert_eq!(write_header(&mut out, &header), 12);
        assert_eq!(out[0], 0x80);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            fixed: (bool, u8, u16, u32, u32),
            csrc: Option<u32>,
            level in proptest::option::of((1..=255u8, any::<bool>(), 0..=127u8)),
            mid in proptest::option::of((1..=255u8, proptest::collection::vec(any::<u8>(), 0..40))),
        ) {
            let (marker, payload_type, sequence, timestamp, ssrc) = fixed;
            let level = level.map(|(id, voice, level)| (id, AudioLevel { voice, level }));
            let mid = mid.filter(|(id, _)| level.is_none_or(|(other, _)| other != *id));
            let outgoing = OutgoingHeader {
                marker, payload_type: payload_type & 0x7f, sequence, timestamp, ssrc, csrc,
                audio_level: level,
                mid: mid.as_ref().map(|(id, value)| (*id, value.as_slice())),
            };
            let mut out = vec![1, 2, 3];
            let len = write_header(&mut out, &outgoing);
            let mut packet = out.split_off(3);
            prop_assert_eq!(packet.len(), len);
            packet.extend_from_slice(b"payload");
            let header = RtpHeader::parse(&packet).unwrap();
            prop_assert_eq!(usize::from(header.header_len), len);
            prop_assert_eq!(
                (header.marker, header.payload_type, header.sequence, header.timestamp, header.ssrc),
                (marker, payload_type & 0x7f, sequence, timestamp, ssrc)
            );
            prop_assert_eq!(header.payload(&packet), Ok(&b"payload"[..]));
            if let Some((id, level)) = level {
                prop_assert_eq!(header.extension(&packet, id).and_then(AudioLevel::parse), Some(level));
            }
            if let Some((id, value)) = &mid {
                prop_assert_eq!(header.extension(&packet, *id), Some(value.as_slice()));
            }
            // The other implementation reads the same.
            let theirs = {
                use rtc_shared::marshal::Unmarshal;
                rtc_rtp::Header::unmarshal(&mut &packet[..]).unwrap()
            };
            prop_assert_eq!(theirs.sequence_number, sequence);
            prop_assert_eq!(&theirs.csrc, &csrc.into_iter().collect::<Vec<_>>());
            if let Some((id, value)) = &mid {
                let read = theirs.get_extension(*id);
                prop_assert_eq!(read.as_deref(), Some(value.as_slice()));
            }
        }

        #[test]
        fn no_bytes_make_the_parser_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), id: u8) {
            if let Ok(header) = RtpHeader::parse(&bytes) {
                let _ = header.extension(&bytes, id);
                let _ = header.payload(&bytes);
            }
        }
    }

    fn plain() -> OutgoingHeader<'static> {
        OutgoingHeader {
            marker: false,
            payload_type: 111,
            sequence: 1,
            timestamp: 2,
            ssrc: 3,
            csrc: None,
            audio_level: None,
            mid: None,
        }
    }
}
