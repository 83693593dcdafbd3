//! A write-ahead log is what was committed but not yet carried over into the file. SQLite reads it up to the first frame that is not whole, and
//! takes the rest for what a crash left unfinished; a flipped bit would silently undo all that was committed after it.
//!
//! Each transaction is on the disk before the next one is begun. So if frames of more than one transaction follow from one that is not whole, that one
//! once was: this is damage. In the last transaction the two cannot be told apart. The layout is that of <https://www.sqlite.org/walformat.html>.

/// Whether something that was committed can no longer be read.
pub(super) fn is_damaged(wal: &[u8]) -> bool {
    let Some((header, frames)) = wal.split_at_checked(HEADER_BYTES) else {
        // Nothing was committed before the header was whole.
        return false;
    };
    let is_big_endian = match word(header, 0) {
        MAGIC_LITTLE => false,
        MAGIC_BIG => true,
        _ => return !frames.is_empty(),
    };
    let mut sum = (0, 0);
    add(&mut sum, &header[..24], is_big_endian);
    let page_bytes = word(header, 8) as usize;
    let is_whole = sum == (word(header, 24), word(header, 28)) && page_bytes.is_power_of_two() && page_bytes >= 512;
    if !is_whole {
        return !frames.is_empty();
    }
    let salt = &header[16..24];
    let mut frames = frames.chunks_exact(FRAME_HEADER_BYTES + page_bytes);
    let mut is_read = |frame: &[u8]| {
        let (head, page) = frame.split_at(FRAME_HEADER_BYTES);
        add(&mut sum, &head[..8], is_big_endian);
        add(&mut sum, page, is_big_endian);
        &head[8..16] == salt && word(head, 0) != 0 && sum == (word(head, 16), word(head, 20))
    };
    // The first frame that is not whole counts as well: it may say that it ends a transaction.
    let Some(first) = frames.by_ref().find(|frame| !is_read(frame)) else { return false };
    // Frames of an earlier round have another salt in both halves.
    let is_of_now = |frame: &&[u8]| frame[8..12] == salt[..4] || frame[12..16] == salt[4..];
    let unread: Vec<_> = std::iter::once(first).chain(frames).filter(is_of_now).collect();
    let has_end_within = unread.iter().rev().skip(1).any(|frame| word(frame, 4) != 0);
    // A transaction writes each page once, and all of ours write one page: that of the totals.
    let mut pages: Vec<_> = unread.iter().map(|frame| word(frame, 0)).collect();
    pages.sort_unstable();
    has_end_within || pages.windows(2).any(|pair| pair[0] == pair[1])
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// The log's own checksum: it runs over the header and all frames.
fn add(sum: &mut (u32, u32), bytes: &[u8], is_big_endian: bool) {
    for pair in bytes.chunks_exact(8) {
        let number = |at: usize| {
            let bytes = [pair[at], pair[at + 1], pair[at + 2], pair[at + 3]];
            if is_big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
        };
        sum.0 = sum.0.wrapping_add(number(0)).wrapping_add(sum.1);
        sum.1 = sum.1.wrapping_add(number(4)).wrapping_add(sum.0);
    }
}

const HEADER_BYTES: usize = 32;
const FRAME_HEADER_BYTES: usize = 24;
const MAGIC_LITTLE: u32 = 0x377f_0682;
const MAGIC_BIG: u32 = 0x377f_0683;
