//! The TOC is the first byte of an Opus packet: how it was coded and how many frames it holds
//! ([RFC 6716, section 3.1](https://www.rfc-editor.org/rfc/rfc6716#section-3.1)). Frames themselves are never opened.

/// How long the packet plays, in samples at 48 kHz.
///
/// `None` if it is no well-formed packet: empty, without frames, longer than 120 ms, or with lengths that cannot hold
/// (rules R1 to R7 as far as the frame count tells).
#[must_use]
pub fn frame_samples(payload: &[u8]) -> Option<u32> {
    let toc = *payload.first()?;
    let frames = match toc & CODE_MASK {
        0 => 1,
        1 if payload.len() % 2 == 1 => 2,
        1 => return None,
        2 if payload.len() >= 2 => 2,
        2 => return None,
        _ => u32::from(payload.get(1)? & COUNT_MASK),
    };
    let samples = frames * samples_of_config(toc >> 3);
    (1..=PACKET_SAMPLES_MAX).contains(&samples).then_some(samples)
}

/// The one-byte packet that says "nothing to hear" in the configuration of `toc`: one frame of no bytes, as an encoder
/// sends in discontinuous transmission.
#[must_use]
pub fn dtx_payload(toc: u8) -> [u8; 1] {
    [toc & !CODE_MASK]
}

/// Frame length of a configuration number, in samples at 48 kHz (table 2 of the RFC).
fn samples_of_config(config: u8) -> u32 {
    const SILK: [u32; 4] = [480, 960, 1920, 2880];
    const HYBRID: [u32; 2] = [480, 960];
    const CELT: [u32; 4] = [120, 240, 480, 960];
    match config {
        0..=11 => SILK[usize::from(config % 4)],
        12..=15 => HYBRID[usize::from(config % 2)],
        _ => CELT[usize::from(config % 4)],
    }
}

/// 120 ms at 48 kHz.
const PACKET_SAMPLES_MAX: u32 = 5760;
const CODE_MASK: u8 = 0b11;
const COUNT_MASK: u8 = 0b0011_1111;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_the_rfc() {
        // 20 ms CELT fullband, 20 ms hybrid, 60 ms SILK, 2.5 ms CELT: one frame each.
        assert_eq!(frame_samples(&[31 << 3, 1]), Some(960));
        assert_eq!(frame_samples(&[15 << 3, 1]), Some(960));
        assert_eq!(frame_samples(&[3 << 3, 1]), Some(2880));
        assert_eq!(frame_samples(&[28 << 3, 1]), Some(120));
        // Two frames of equal size, two of different size, three by count.
        assert_eq!(frame_samples(&[31 << 3 | 1, 1, 1]), Some(1920));
        assert_eq!(frame_samples(&[31 << 3 | 2, 1, 1, 1]), Some(1920));
        assert_eq!(frame_samples(&[31 << 3 | 3, 3, 1, 1, 1]), Some(2880));
    }

    #[test]
    fn what_is_no_packet_is_refused() {
        assert_eq!(frame_samples(&[]), None);
        assert_eq!(frame_samples(&[31 << 3 | 1, 1]), None);
        assert_eq!(frame_samples(&[31 << 3 | 2]), None);
        assert_eq!(frame_samples(&[31 << 3 | 3]), None);
        assert_eq!(frame_samples(&[31 << 3 | 3, 0]), None);
        assert_eq!(frame_samples(&[31 << 3 | 3, 7]), None, "140 ms");
        assert_eq!(frame_samples(&[31 << 3 | 3, 6]), Some(5760), "120 ms");
        assert_eq!(frame_samples(&[28 << 3 | 3, 49]), None, "past 48 frames");
    }

    #[test]
    fn dtx_keeps_the_configuration() {
        for toc in 0..=255u8 {
            let [byte] = dtx_payload(toc);
            assert_eq!(byte & 0b1111_1100, toc & 0b1111_1100);
            assert_eq!(frame_samples(&dtx_payload(toc)), Some(samples_of_config(toc >> 3)));
        }
    }
}
