//! A log is read in pieces: so many rows at a time, each checked, and nothing left out. What is damaged or missing is shown as such.

use rusqlite::{Connection, Row, params};

use super::{
    config::wants,
    query::{AuditQuery, EventQuery, StoredAudit, StoredEvent},
    rows::{self, int},
    totals::Totals,
};

/// One of the two logs.
pub(super) trait Log {
    /// What it consists of.
    type Entry: Send + 'static;
    /// How its rows are read.
    const SELECT: &'static str;
    /// Where they lie.
    const TABLE: &'static str;

    /// The first and the last entry that must be there.
    fn span(totals: &Totals) -> (u64, u64);
    /// The first entry that must be there, to be changed.
    fn first(totals: &mut Totals) -> &mut i64;
    /// Reads an entry.
    fn read(row: &Row<'_>) -> Self::Entry;
    /// What stands for an entry that is not there.
    fn absent(id: u64) -> Self::Entry;
    /// The number of an entry, and whether it is as it was written.
    fn id(entry: &Self::Entry) -> (u64, bool);
    /// When it was written, in milliseconds since 1970.
    fn at_ms(entry: &Self::Entry) -> u64;
}

/// The events.
pub(super) struct Events;

/// The audit log.
pub(super) struct Audits;

impl Log for Events {
    type Entry = StoredEvent;
    const SELECT: &'static str = rows::EVENT;
    const TABLE: &'static str = "events";

    fn span(totals: &Totals) -> (u64, u64) {
        (totals.events_first.unsigned_abs(), totals.events_last.unsigned_abs())
    }

    fn first(totals: &mut Totals) -> &mut i64 {
        &mut totals.events_first
    }

    fn read(row: &Row<'_>) -> StoredEvent {
        rows::read_event(row)
    }

    fn absent(id: u64) -> StoredEvent {
        rows::absent_event(id)
    }

    fn id(entry: &StoredEvent) -> (u64, bool) {
        (entry.id, entry.body.is_some())
    }

    fn at_ms(entry: &StoredEvent) -> u64 {
        entry.at_ms
    }
}

impl Log for Audits {
    type Entry = StoredAudit;
    const SELECT: &'static str = rows::AUDIT;
    const TABLE: &'static str = "audits";

    fn span(totals: &Totals) -> (u64, u64) {
        (totals.audits_first.unsigned_abs(), totals.audits_last.unsigned_abs())
    }

    fn first(totals: &mut Totals) -> &mut i64 {
        &mut totals.audits_first
    }

    fn read(row: &Row<'_>) -> StoredAudit {
        rows::read_audit(row)
    }

    fn absent(id: u64) -> StoredAudit {
        rows::absent_audit(id)
    }

    fn id(entry: &StoredAudit) -> (u64, bool) {
        (entry.id, !entry.damaged)
    }

    fn at_ms(entry: &StoredAudit) -> u64 {
        entry.at_ms
    }
}

/// What one look into a log has found.
#[derive(Debug)]
pub(super) struct Piece<T> {
    /// The entries that were asked for, and all that are damaged.
    pub(super) found: Vec<T>,
    /// Up to where was looked; none if that was the end.
    pub(super) upto: Option<u64>,
    /// The damaged ones among what was looked at.
    pub(super) damaged: Vec<u64>,
}

/// Looks through a log for at most `count` entries, from the first after `after`, at [`ROWS_A_LOOK`] rows at most.
pub(super) fn look<L: Log>(
    from: &Connection,
    after: u64,
    count: usize,
    is_wanted: impl Fn(&L::Entry) -> bool,
) -> rusqlite::Result<Piece<L::Entry>> {
    // Both must be of the same moment.
    let moment = from.unchecked_transaction()?;
    let totals = Totals::load(&moment)?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
    let (first, last) = L::span(&totals);
    let mut next = after.saturating_add(1).max(first);
    let mut piece = Piece { found: Vec::new(), upto: None, damaged: Vec::new() };
    let mut looked = 0;
    let sql = format!("{} WHERE id >= ? AND id <= ? ORDER BY id", L::SELECT);
    let mut statement = moment.prepare_cached(&sql)?;
    let mut rows = statement.query(params![int(next), int(last)])?;
    let mut pending = None;
    while next <= last {
        if piece.found.len() >= count || looked >= ROWS_A_LOOK {
            piece.upto = Some(next - 1);
            break;
        }
        looked += 1;
        if pending.is_none() {
            pending = rows.next()?.map(L::read);
        }
        let entry = pending.take_if(|entry| L::id(entry).0 <= next).unwrap_or_else(|| L::absent(next));
        let (id, is_whole) = L::id(&entry);
        if !is_whole {
            piece.damaged.push(id);
        }
        if !is_whole || is_wanted(&entry) {
            piece.found.push(entry);
        }
        next += 1;
    }
    Ok(piece)
}

/// Reads single events, in the order of `ids`.
pub(super) fn pick(from: &Connection, ids: &[u64]) -> rusqlite::Result<Vec<StoredEvent>> {
    let sql = format!("{} WHERE id = ?", Events::SELECT);
    let mut statement = from.prepare_cached(&sql)?;
    let mut found = Vec::with_capacity(ids.len());
    for id in ids {
        let mut rows = statement.query([int(*id)])?;
        found.push(rows.next()?.map_or_else(|| rows::absent_event(*id), rows::read_event));
    }
    Ok(found)
}

/// Whether a query asks for an event.
pub(super) fn is_event_wanted(query: &EventQuery, event: &StoredEvent) -> bool {
    let is_of_room = query.room.as_ref().is_none_or(|room| event.room.as_deref() == Some(room.as_str()));
    is_of_room && wants(&query.kinds, &event.kind)
}

/// Whether a query asks for an entry of the audit log.
pub(super) fn is_audit_wanted(query: &AuditQuery, audit: &StoredAudit) -> bool {
    let is_of_room = query.room.as_ref().is_none_or(|room| audit.room.as_deref() == Some(room.as_str()));
    let names = |who: &crate::ids::Identity| audit.by == who.as_str() || audit.on.as_deref() == Some(who.as_str());
    is_of_room && query.identity.as_ref().is_none_or(names)
}

/// How many rows are looked at before others have their turn.
const ROWS_A_LOOK: usize = 5_000;
