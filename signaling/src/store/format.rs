//! The format is how the store's file is laid out: its tables, and the steps from each version to the next.
//!
//! A file says in its header that it is ours ([`APPLICATION_ID`]) and its version. It is made whole under another name and then renamed: a file that is
//! there at all has its header.

use rusqlite::Connection;

/// One step: makes of a file of one version that of the next.
pub(super) type Step = fn(&Connection) -> rusqlite::Result<()>;

/// The steps: the first makes the tables in an empty file.
pub(super) const STEPS: &[Step] = &[first, second];

/// What the header of every file of ours says: `PODM`.
pub(super) const APPLICATION_ID: u32 = 0x504f_444d;

/// Takes a file from one version to the last that `steps` know, all in the transaction that is open.
pub(super) fn upgrade(connection: &Connection, from: u32, steps: &[Step]) -> rusqlite::Result<()> {
    for step in steps.iter().skip(from as usize) {
        step(connection)?;
    }
    connection.pragma_update(None, "user_version", latest(steps))
}

/// The latest version that `steps` lead to.
pub(super) fn latest(steps: &[Step]) -> u32 {
    u32::try_from(steps.len()).unwrap_or(u32::MAX)
}

/// A part of a file: its kind, name, table and text.
pub(super) type Part = (String, String, String, Option<String>);

/// What the file says of its parts.
pub(super) fn layout(connection: &Connection) -> rusqlite::Result<Vec<Part>> {
    let mut statement =
        connection.prepare("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?;
    rows.collect()
}

/// What a file of this version must say of them.
pub(super) fn expected_layout(version: u32, steps: &[Step]) -> rusqlite::Result<Vec<Part>> {
    let model = Connection::open_in_memory()?;
    for step in steps.iter().take(version as usize) {
        step(&model)?;
    }
    layout(&model)
}

fn first(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(TABLES)?;
    super::totals::Totals::default().insert(connection)
}

/// From version 2 on, rows of state may be there without their room: what moderators decided outlives it. Nothing changes in the file but the number, so that
/// no older program takes such rows for damage.
fn second(_: &Connection) -> rusqlite::Result<()> {
    Ok(())
}

const TABLES: &str = "
CREATE TABLE meta (
    id INTEGER PRIMARY KEY, in_use INTEGER NOT NULL, running INTEGER NOT NULL, events_first INTEGER NOT NULL,
    events_last INTEGER NOT NULL, audits_first INTEGER NOT NULL, audits_last INTEGER NOT NULL, sum INTEGER NOT NULL
) STRICT;
CREATE TABLE state (
    room TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, sum INTEGER NOT NULL, PRIMARY KEY (room, key)
) STRICT, WITHOUT ROWID;
CREATE TABLE events (
    id INTEGER PRIMARY KEY, room TEXT, seq INTEGER NOT NULL, at_ms INTEGER NOT NULL, kind TEXT NOT NULL,
    sum INTEGER NOT NULL, body TEXT NOT NULL
) STRICT;
CREATE TABLE audits (
    id INTEGER PRIMARY KEY, room TEXT, seq INTEGER NOT NULL, at_ms INTEGER NOT NULL, actor TEXT NOT NULL, role TEXT NOT NULL,
    from_outside INTEGER NOT NULL, act TEXT NOT NULL, target TEXT, reason TEXT, sum INTEGER NOT NULL, details TEXT NOT NULL
) STRICT;
CREATE TABLE answers (
    whose TEXT NOT NULL, key TEXT NOT NULL, at_ms INTEGER NOT NULL, status INTEGER NOT NULL, sum INTEGER NOT NULL,
    request BLOB NOT NULL, etag TEXT, content_type TEXT NOT NULL, body BLOB NOT NULL, PRIMARY KEY (whose, key)
) STRICT, WITHOUT ROWID;
CREATE TABLE outbox (
    target TEXT NOT NULL, event INTEGER NOT NULL, room TEXT, since_ms INTEGER NOT NULL, attempts INTEGER NOT NULL,
    next_ms INTEGER NOT NULL, sum INTEGER NOT NULL, PRIMARY KEY (target, event)
) STRICT, WITHOUT ROWID;
";
