//! A probe is a mark inside an Opus packet that tells who sent it, as which packet, and when.
//!
//! It travels in the padding of a code 3 packet ([RFC 6716, section 3.2.5](https://www.rfc-editor.org/rfc/rfc6716#section-3.2.5)), so it is
//! encrypted with the audio, survives the rewriting of every RTP header field, and a decoder plays the packet as if it were not there. To
//! decoders that read extensions from the padding it looks like one unknown extension that lasts to the end.
//!
//! It knows nothing of RTP, and its times mean something only within the process that took them.

/// What a probe says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    /// Who sent the packet: a number that the sender of the test chose.
    pub source: u32,
    /// How many packets this source sent before this one.
    pub counter: u64,
    /// When it was sent, by [`clock::nanos`](crate::clock::nanos).
    pub sent_nanos: u64,
}

/// Puts a probe into a packet of one frame. `None` if the packet is empty, is not of code 0, or its frame is too long to be legal.
pub fn write(packet: &[u8], probe: Probe) -> Option<Vec<u8>> {
    let (&toc, frame) = packet.split_first()?;
    if toc & CODE_MASK != 0 || frame.len() > FRAME_BYTES_MAX {
        return None;
    }
    let mut out = Vec::with_capacity(3 + frame.len() + PROBE_BYTES);
    out.extend([toc | CODE_ANY_COUNT, HAS_PADDING | 1, PROBE_BYTES as u8]);
    out.extend_from_slice(frame);
    out.extend(MAGIC);
    out.extend(probe.source.to_be_bytes());
    out.extend(probe.counter.to_be_bytes());
    out.extend(probe.sent_nanos.to_be_bytes());
    Some(out)
}

/// Reads the probe of a packet, if it carries one.
pub fn read(packet: &[u8]) -> Option<Probe> {
    let body = padding(packet)?.strip_prefix(&MAGIC)?;
    let (source, body) = body.split_first_chunk()?;
    let (counter, body) = body.split_first_chunk()?;
    let (sent_nanos, _) = body.split_first_chunk()?;
    Some(Probe {
        source: u32::from_be_bytes(*source),
        counter: u64::from_be_bytes(*counter),
        sent_nanos: u64::from_be_bytes(*sent_nanos),
    })
}

/// The padding of a code 3 packet.
fn padding(packet: &[u8]) -> Option<&[u8]> {
    let [toc, count, rest @ ..] = packet else {
        return None;
    };
    if toc & CODE_MASK != CODE_ANY_COUNT || count & HAS_PADDING == 0 {
        return None;
    }
    // Each byte of 255 means 254 bytes of padding and another length byte.
    let more = rest.iter().take_while(|&&byte| byte == 255).count();
    let padded = more * 254 + usize::from(*rest.get(more)?);
    let frames = &rest[more + 1..];
    frames.get(frames.len().checked_sub(padded)?..)
}

const CODE_MASK: u8 = 0b11;
const CODE_ANY_COUNT: u8 = 0b11;
const HAS_PADDING: u8 = 0b0100_0000;
/// An Opus frame is at most 1275 bytes.
const FRAME_BYTES_MAX: usize = 1275;
/// Extension id 122, lasting to the end of the padding, then our own mark.
const MAGIC: [u8; 5] = [122 << 1, b'p', b'd', b'm', b'1'];
const PROBE_BYTES: usize = MAGIC.len() + 4 + 8 + 8;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]

    use super::*;
    use crate::tone::{ToneDetector, Voice, VoiceEncoder};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(toc: u8, frame in proptest::collection::vec(any::<u8>(), 0..=FRAME_BYTES_MAX), source: u32, counter: u64, sent_nanos: u64) {
            let probe = Probe { source, counter, sent_nanos };
            let packet: Vec<u8> = [toc & !CODE_MASK].into_iter().chain(frame).collect();
            let marked = write(&packet, probe).unwrap();
            prop_assert_eq!(read(&marked), Some(probe));
            prop_assert_eq!(read(&packet), None);
            // The frame itself is untouched: the same configuration, one frame, the same bytes.
            prop_assert_eq!(opus::packet::get_nb_frames(&marked).unwrap(), 1);
            prop_assert_eq!(&marked[3..3 + packet.len() - 1], &packet[1..]);
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            let _ = read(&bytes);
        }
    }

    #[test]
    fn packets_of_other_codes_are_left_alone() {
        let probe = Probe { source: 1, counter: 2, sent_nanos: 3 };
        assert_eq!(write(&[], probe), None);
        for code in 1..=3 {
            assert_eq!(write(&[0x78 | code, 1, 2, 3], probe), None);
        }
        assert_eq!(write(&vec![0x78; FRAME_BYTES_MAX + 2], probe), None);
    }

    #[test]
    fn long_padding_is_understood() {
        let probe = Probe { source: 1, counter: 2, sent_nanos: 3 };
        let marked = write(&[0x78, 9, 9], probe).unwrap();
        // The same packet with 254 more bytes of padding behind the probe.
        let mut long = vec![marked[0], marked[1], 255, marked[2]];
        long.extend_from_slice(&marked[3..]);
        long.extend([0; 254]);
        assert_eq!(read(&long), Some(probe));
    }

    #[test]
    fn a_marked_tone_still_plays() {
        let mut encoder = VoiceEncoder::new(Voice::tone(440)).unwrap();
        let mut detector = ToneDetector::new().unwrap();
        for counter in 0..25 {
            let frame = encoder.next_frame().unwrap();
            let marked = write(&frame, Probe { source: 7, counter, sent_nanos: 1 }).unwrap();
            detector.push(&marked).unwrap();
        }
        assert!(detector.hears(440), "ratio {}", detector.power_ratio(440));
    }
}
