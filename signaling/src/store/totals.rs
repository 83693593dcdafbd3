//! The totals are the one row that says what must be in the file: what the checksums of all rows come to, and where the logs begin and end.
//!
//! It changes in the same transaction as the rows, so a row that is gone, or there twice, shows.

use rusqlite::{Connection, params};

use super::checksum::Checksum;

/// Whether a process has the file open, or had and was killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// It was closed in order: all of it lies in the one file.
    Closed,
    /// It was opened when its header held this schema cookie; 0 if that was not written down.
    ///
    /// SQLite's own copies (`VACUUM INTO`, `.backup`) have another one, so a copy can be told from
    /// the file of a killed process.
    Open { cookie: u32 },
}

impl Use {
    fn read(number: i64) -> Option<Self> {
        match number {
            0 => Some(Self::Closed),
            number => Some(Self::Open { cookie: u32::try_from(number.checked_sub(1)?).ok()? }),
        }
    }

    fn number(self) -> i64 {
        match self {
            Self::Closed => 0,
            Self::Open { cookie } => 1 + i64::from(cookie),
        }
    }
}

/// What must be in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Totals {
    pub(super) usage: Use,
    /// The checksums of all rows of state, of answers and of the outbox, added up.
    pub(super) running: i64,
    /// The oldest event that is kept; one more than the last, if none is.
    pub(super) events_first: i64,
    /// The last event that was written.
    pub(super) events_last: i64,
    /// The oldest entry of the audit log that is kept.
    pub(super) audits_first: i64,
    /// The last entry of the audit log that was written.
    pub(super) audits_last: i64,
}

impl Default for Totals {
    fn default() -> Self {
        Self { usage: Use::Closed, running: 0, events_first: 1, events_last: 0, audits_first: 1, audits_last: 0 }
    }
}

impl Totals {
    /// A row with this checksum came.
    pub(super) fn came(&mut self, sum: i64) {
        self.running = self.running.wrapping_add(sum);
    }

    /// A row with this checksum went.
    pub(super) fn went(&mut self, sum: i64) {
        self.running = self.running.wrapping_sub(sum);
    }

    /// Reads the row; none if it is not as it was written.
    pub(super) fn load(connection: &Connection) -> rusqlite::Result<Option<Self>> {
        let mut statement = connection.prepare_cached(
            "SELECT id, in_use, running, events_first, events_last, audits_first, audits_last, sum FROM meta",
        )?;
        let mut rows = statement.query([])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        let is_ours = row.get::<_, i64>(0)? == THE_ROW;
        let Some(usage) = Use::read(row.get(1)?) else { return Ok(None) };
        let totals = Self {
            usage,
            running: row.get(2)?,
            events_first: row.get(3)?,
            events_last: row.get(4)?,
            audits_first: row.get(5)?,
            audits_last: row.get(6)?,
        };
        let is_whole = is_ours && row.get::<_, i64>(7)? == totals.sum() && totals.is_possible();
        let is_alone = rows.next()?.is_none();
        Ok((is_whole && is_alone).then_some(totals))
    }

    /// Writes the row for the first time.
    pub(super) fn insert(&self, connection: &Connection) -> rusqlite::Result<()> {
        let Self { usage, running, events_first, events_last, audits_first, audits_last } = *self;
        let mut statement = connection.prepare("INSERT INTO meta VALUES (?, ?, ?, ?, ?, ?, ?, ?)")?;
        let values =
            params![THE_ROW, usage.number(), running, events_first, events_last, audits_first, audits_last, self.sum()];
        statement.execute(values).map(drop)
    }

    /// Writes the row.
    pub(super) fn save(&self, connection: &Connection) -> rusqlite::Result<()> {
        let Self { usage, running, events_first, events_last, audits_first, audits_last } = *self;
        let mut statement = connection.prepare_cached(
            "UPDATE meta SET in_use = ?, running = ?, events_first = ?, events_last = ?, audits_first = ?, \
             audits_last = ?, sum = ?",
        )?;
        let values = params![usage.number(), running, events_first, events_last, audits_first, audits_last, self.sum()];
        statement.execute(values).map(drop)
    }

    fn is_possible(&self) -> bool {
        let is_log = |first: i64, last: i64| first >= 1 && last >= 0 && first - 1 <= last;
        is_log(self.events_first, self.events_last) && is_log(self.audits_first, self.audits_last)
    }

    fn sum(&self) -> i64 {
        let Self { usage, running, events_first, events_last, audits_first, audits_last } = *self;
        let numbers = [THE_ROW, usage.number(), running, events_first, events_last, audits_first, audits_last];
        numbers.into_iter().fold(Checksum::of("meta"), Checksum::number).end()
    }
}

/// The table has one row.
const THE_ROW: i64 = 1;
