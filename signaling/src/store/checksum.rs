//! A checksum is 64 bits over all that a row says: its table, its keys, its numbers, its texts.
//!
//! SQLite itself finds a flipped bit only where it breaks the structure of the file; a wrong letter in a text it hands out as it is. The first eight
//! bytes of SHA-256 leave one wrong row in 2^64 unseen.

use sha2::{Digest as _, Sha256};

/// A checksum in the making: each value is added with its kind and length, so that no two rows read the same.
pub(super) struct Checksum(Sha256);

impl Checksum {
    /// Begins the checksum of a row of a table.
    pub(super) fn of(table: &str) -> Self {
        Self(Sha256::new()).text(table)
    }

    /// Adds a text.
    pub(super) fn text(self, text: &str) -> Self {
        self.add(b't', text.as_bytes())
    }

    /// Adds a text, or that there is none.
    pub(super) fn maybe(self, text: Option<&str>) -> Self {
        match text {
            Some(text) => self.text(text),
            None => self.add(b'n', &[]),
        }
    }

    /// Adds bytes.
    pub(super) fn bytes(self, bytes: &[u8]) -> Self {
        self.add(b'b', bytes)
    }

    /// Adds a number.
    pub(super) fn number(self, number: i64) -> Self {
        self.add(b'i', &number.to_le_bytes())
    }

    /// The checksum, as SQLite keeps numbers.
    pub(super) fn end(self) -> i64 {
        let digest = self.0.finalize();
        let mut first = [0; 8];
        first.copy_from_slice(&digest[..8]);
        i64::from_le_bytes(first)
    }

    fn add(mut self, kind: u8, bytes: &[u8]) -> Self {
        self.0.update([kind]);
        self.0.update(bytes.len().to_le_bytes());
        self.0.update(bytes);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_differ_in_anything_have_different_checksums() {
        let rows = [
            Checksum::of("state").text("ab").text("c").end(),
            Checksum::of("state").text("a").text("bc").end(),
            Checksum::of("state").text("abc").end(),
            Checksum::of("statea").text("bc").end(),
            Checksum::of("state").bytes(b"abc").end(),
            Checksum::of("state").text("abc").maybe(None).end(),
            Checksum::of("state").text("abc").text("").end(),
            Checksum::of("state").number(0x61).end(),
            Checksum::of("state").number(1).number(2).end(),
            Checksum::of("state").number(2).number(1).end(),
        ];
        for (index, row) in rows.iter().enumerate() {
            assert!(!rows[..index].contains(row), "row {index} looks like one before it");
        }
        assert_eq!(Checksum::of("state").text("ab").text("c").end(), rows[0]);
    }
}
