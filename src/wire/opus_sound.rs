//! What an Opus packet tells of its sound without being decoded: the voice activity flags of SILK
//! ([RFC 6716, section 4.2.3](https://www.rfc-editor.org/rfc/rfc6716#section-4.2.3)), the silence flag of CELT
//! ([section 4.3](https://www.rfc-editor.org/rfc/rfc6716#section-4.3)), and frames of no bytes.

/// What one packet holds, as far as its first bits tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Activity {
    /// Nothing: discontinuous transmission, or digital silence.
    Silence,
    /// Sound that the encoder does not take for voice.
    NoVoice,
    /// Sound that the encoder takes for voice.
    Voice,
    /// Sound of which nothing is told: CELT has no flag for voice.
    Unknown,
}

/// Returns what the packet holds; [`Activity::Unknown`] if its frames cannot be told apart.
#[must_use]
pub fn activity(payload: &[u8]) -> Activity {
    if payload.len() <= SILENT_PAYLOAD_MAX {
        return Activity::Silence;
    }
    let mut loudest = Activity::Silence;
    let toc = payload[0];
    let read = for_each_frame(payload, |frame| loudest = louder(loudest, activity_of(toc, frame)));
    if read.is_some() { loudest } else { Activity::Unknown }
}

fn louder(one: Activity, other: Activity) -> Activity {
    let rank = |activity| match activity {
        Activity::Silence => 0,
        Activity::NoVoice => 1,
        Activity::Unknown => 2,
        Activity::Voice => 3,
    };
    if rank(other) > rank(one) { other } else { one }
}

fn activity_of(toc: u8, frame: &[u8]) -> Activity {
    // A frame of no bytes was not transmitted, and libopus takes one of a single byte for the same.
    let &[first, second, ..] = frame else {
        return Activity::Silence;
    };
    if toc & CELT_BIT != 0 {
        // The silence flag has the probability 1/32768: it is set where the first fifteen bits are.
        let silent = first == 0xFF && second >= 0xFE;
        return if silent { Activity::Silence } else { Activity::Unknown };
    }
    // One flag for each 20 ms of SILK, then one that tells of redundancy; the same again for the side channel.
    let flags = silk_frames(toc);
    let mid = first >> (8 - flags);
    let side = if toc & STEREO_BIT == 0 { 0 } else { (first << (flags + 1)) >> (8 - flags) };
    if mid | side == 0 { Activity::NoVoice } else { Activity::Voice }
}

/// How many frames of SILK one frame of Opus holds.
fn silk_frames(toc: u8) -> u32 {
    let config = toc >> 3;
    match config {
        0..=11 if config % 4 == 3 => 3,
        0..=11 if config % 4 == 2 => 2,
        _ => 1,
    }
}

/// Hands each frame of the packet to `take` (RFC 6716 section 3.2); `None` if the lengths cannot hold.
fn for_each_frame<'a>(payload: &'a [u8], mut take: impl FnMut(&'a [u8])) -> Option<()> {
    let (&toc, rest) = payload.split_first()?;
    match toc & CODE_MASK {
        0 => take(rest),
        1 if rest.len().is_multiple_of(2) => rest.chunks_exact((rest.len() / 2).max(1)).for_each(take),
        1 => return None,
        2 => {
            let (length, rest) = frame_length(rest)?;
            let (first, second) = rest.split_at_checked(length)?;
            take(first);
            take(second);
        }
        _ => return counted_frames(rest, take),
    }
    Some(())
}

/// The frames of a packet of code 3 (section 3.2.5).
fn counted_frames<'a>(rest: &'a [u8], mut take: impl FnMut(&'a [u8])) -> Option<()> {
    let (&flags, mut rest) = rest.split_first()?;
    let count = usize::from(flags & COUNT_MASK);
    if flags & PADDING_BIT != 0 {
        let mut padding = 0usize;
        loop {
            let (&byte, after) = rest.split_first()?;
            rest = after;
            padding += usize::from(byte.min(254));
            if byte < u8::MAX {
                break;
            }
        }
        rest = rest.get(..rest.len().checked_sub(padding)?)?;
    }
    if count == 0 {
        return None;
    }
    if flags & VBR_BIT == 0 {
        if !rest.len().is_multiple_of(count) {
            return None;
        }
        let length = rest.len() / count;
        (0..count).for_each(|n| take(&rest[n * length..(n + 1) * length]));
        return Some(());
    }
    let mut lengths = [0; FRAMES_MAX];
    for length in lengths.get_mut(..count - 1)? {
        (*length, rest) = frame_length(rest)?;
    }
    for &length in &lengths[..count - 1] {
        let (frame, after) = rest.split_at_checked(length)?;
        take(frame);
        rest = after;
    }
    take(rest);
    Some(())
}

/// The length of one frame, in one byte or two (section 3.2.1), and what follows it.
fn frame_length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (&first, rest) = bytes.split_first()?;
    if first < 252 {
        return Some((first.into(), rest));
    }
    let (&second, rest) = rest.split_first()?;
    Some((usize::from(first) + 4 * usize::from(second), rest))
}

/// Discontinuous transmission sends one or two bytes; CELT needs three for digital silence.
const SILENT_PAYLOAD_MAX: usize = 3;
/// 48 frames of 2.5 ms are 120 ms.
const FRAMES_MAX: usize = 48;
const CELT_BIT: u8 = 0x80;
const STEREO_BIT: u8 = 0x04;
const CODE_MASK: u8 = 0b11;
const COUNT_MASK: u8 = 0b0011_1111;
const PADDING_BIT: u8 = 0x40;
const VBR_BIT: u8 = 0x80;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn digital_silence_of_libopus_is_silent_in_every_configuration_of_celt() {
        for config in 16..32u8 {
            for stereo in [0, STEREO_BIT] {
                let toc = config << 3 | stereo;
                assert_eq!(activity(&[toc, 0xFF, 0xFE]), Activity::Silence, "VBR");
                assert_eq!(activity(&[toc | 1, 0xFF, 0xFE, 0xFF, 0xFE]), Activity::Silence, "two of equal length");
                assert_eq!(activity(&[toc | 2, 2, 0xFF, 0xFE, 0xFF, 0xFE]), Activity::Silence, "two by length");
                assert_eq!(activity(&[toc | 3, 3, 0xFF, 0xFE, 0xFF, 0xFE, 0xFF, 0xFE]), Activity::Silence, "counted");
                assert_eq!(
                    activity(&[toc | 3, 0x82, 2, 0xFF, 0xFE, 0xFF, 0xFF, 0]),
                    Activity::Silence,
                    "counted, each with its length"
                );
                let mut constant = vec![0; 160];
                constant[..3].copy_from_slice(&[toc, 0xFF, 0xFE]);
                assert_eq!(activity(&constant), Activity::Silence, "constant bit rate");
                let mut padded = vec![toc | 3, 0x41, 100, 0xFF, 0xFE];
                padded.resize(105, 0);
                assert_eq!(activity(&padded), Activity::Silence, "padded");
            }
        }
    }

    #[test]
    fn packets_of_discontinuous_transmission_are_silent() {
        for toc in 0..=255u8 {
            assert_eq!(activity(&[]), Activity::Silence);
            assert_eq!(activity(&[toc]), Activity::Silence);
            assert_eq!(activity(&[toc, 0]), Activity::Silence);
        }
        assert_eq!(activity(&[15 << 3 | 3, 4, 1, 1, 1, 1]), Activity::Silence, "four frames of one byte");
        assert_eq!(activity(&[3, 0x84, 0, 0, 0]), Activity::Silence, "four frames of no bytes");
    }

    #[test]
    fn silk_tells_of_voice_for_each_20_ms_and_channel() {
        let of = |config: u8, stereo: u8, first: u8| activity(&[config << 3 | stereo, first, 1, 2, 3]);
        for config in [0, 1, 4, 9, 12, 15] {
            assert_eq!(of(config, 0, 0b1000_0000), Activity::Voice);
            assert_eq!(of(config, 0, 0b0100_0000), Activity::NoVoice, "that tells of redundancy");
            assert_eq!(of(config, STEREO_BIT, 0b0010_0000), Activity::Voice, "the side channel");
            assert_eq!(of(config, STEREO_BIT, 0b0101_1111), Activity::NoVoice);
        }
        assert_eq!(of(2, 0, 0b0100_0000), Activity::Voice, "the second 20 of 40 ms");
        assert_eq!(of(2, 0, 0b0010_0000), Activity::NoVoice);
        assert_eq!(of(3, 0, 0b0010_0000), Activity::Voice, "the third 20 of 60 ms");
        assert_eq!(of(3, 0, 0b0001_0000), Activity::NoVoice);
        assert_eq!(of(3, STEREO_BIT, 0b0000_0010), Activity::Voice);
        assert_eq!(of(3, STEREO_BIT, 0b0001_0001), Activity::NoVoice);
    }

    #[test]
    fn one_frame_of_several_is_enough() {
        assert_eq!(activity(&[15 << 3 | 1, 0, 0, 0x80, 0]), Activity::Voice);
        assert_eq!(activity(&[31 << 3 | 1, 0xFF, 0xFE, 0x12, 0]), Activity::Unknown);
        assert_eq!(activity(&[31 << 3, 0xFF, 0xFD, 0]), Activity::Unknown);
    }

    #[test]
    fn what_cannot_be_read_is_not_known() {
        assert_eq!(activity(&[31 << 3 | 1, 1, 2, 3]), Activity::Unknown, "two halves of three bytes");
        assert_eq!(activity(&[31 << 3 | 2, 200, 1, 2]), Activity::Unknown, "longer than the packet");
        assert_eq!(activity(&[31 << 3 | 3, 0, 1, 2]), Activity::Unknown, "no frames");
        assert_eq!(activity(&[31 << 3 | 3, 0xFF, 1, 2]), Activity::Unknown, "all of it padding");
        assert_eq!(activity(&[31 << 3 | 3, 0xBF, 1, 2]), Activity::Unknown, "more frames than lengths");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_harm(payload in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = activity(&payload);
        }

        #[test]
        fn frames_lie_within_the_packet_and_do_not_overlap(payload in prop::collection::vec(any::<u8>(), 1..300)) {
            let mut sum = 0;
            let _ = for_each_frame(&payload, |frame| sum += frame.len());
            prop_assert!(sum < payload.len());
        }
    }
}
