//! A record is what is written down of a room, so that it goes on after a restart: rows of text, each under a key.
//!
//! Only what would be missed is written: the stage, hands, invites, bans, ranks and mutes; of the audience nothing. Times are written by the calendar.
//!
//!   `room`               the room itself: its settings, its life, its seats, invites and offers, and all that counts up
//!   `person:<identity>`  someone of whom there is more to know than that they listen, or listened
//!   `ban:<identity>`     someone who may not come in
//!   `denial:<identity>`  someone whose older tokens are no longer good
//!   `mute:<identity>`    someone whom a host or cohost has muted
//!   `rank:<identity>`    someone whom a host has given a rank
//!
//! The last four are decisions. They outlive the room and are those of the next room of the same id.

mod restoring;
mod row;
mod word;
mod writing;

use std::time::{Duration, Instant};

use row::Key;
pub(super) use writing::Written;

/// A row that is not as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Under which key: `room`, `person:…`, `ban:…`.
    pub key: String,
    /// The row now; none if it goes.
    pub value: Option<String>,
}

/// Returns whether the row under this key stays when its room is over.
pub fn outlives_room(key: &str) -> bool {
    Key::parse(key).is_ok_and(|key| key.outlives())
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

impl RecordError {
    fn new(key: impl Into<String>, why: impl ToString) -> Self {
        Self { key: key.into(), why: why.to_string() }
    }
}
