//! A row is what one table keeps of one thing, and the checksum that goes with it. Writing and reading use the same functions.

use rusqlite::{Connection, OptionalExtension, Row, params, types::ValueRef};

use super::{
    batch::{AnswerRow, AuditRow, Batch, EventRow},
    checksum::Checksum,
    outbox::Delivery,
    query::{StoredAudit, StoredEvent},
    weight::Weight,
};

/// A number as SQLite keeps them.
pub(super) fn int(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A number of a column; none if it is no such number.
fn number(row: &Row<'_>, column: usize) -> Option<u64> {
    row.get_ref(column).ok().and_then(|value| value.as_i64().ok()).and_then(|number| u64::try_from(number).ok())
}

fn text(row: &Row<'_>, column: usize) -> Option<String> {
    row.get_ref(column).ok().and_then(|value| value.as_str().ok()).map(str::to_owned)
}

/// A text or that there is none; nothing if it is neither.
#[expect(clippy::option_option, reason = "a damaged column, none, and a text are three things")]
fn maybe(row: &Row<'_>, column: usize) -> Option<Option<String>> {
    match row.get_ref(column).ok()? {
        ValueRef::Null => Some(None),
        value @ (ValueRef::Text(_) | ValueRef::Integer(_) | ValueRef::Real(_) | ValueRef::Blob(_)) => {
            value.as_str().ok().map(|text| Some(text.to_owned()))
        }
    }
}

fn blob(row: &Row<'_>, column: usize) -> Option<Vec<u8>> {
    row.get_ref(column).ok().and_then(|value| value.as_blob().ok()).map(<[u8]>::to_vec)
}

/// The checksum that a row says it has.
pub(super) fn stated(row: &Row<'_>, column: usize) -> Option<i64> {
    row.get_ref(column).ok().and_then(|value| value.as_i64().ok())
}

/// Stands for the room in rows of state that hold in all rooms. No room can be called so.
pub(crate) const EVERYWHERE: &str = "*";

/// The checksum of a row of a room's state.
pub(super) fn state_sum(room: &str, key: &str, value: &str) -> i64 {
    Checksum::of("state").text(room).text(key).text(value).end()
}

/// Reads `room, key, value, sum`; none if it is damaged.
pub(super) fn read_state(row: &Row<'_>) -> Option<(String, String, String, i64)> {
    let (room, key, value, sum) = (text(row, 0)?, text(row, 1)?, text(row, 2)?, stated(row, 3)?);
    (sum == state_sum(&room, &key, &value)).then_some((room, key, value, sum))
}

fn event_sum(id: u64, room: Option<&str>, seq: u64, at_ms: u64, kind: &str, body: &str) -> i64 {
    let sum = Checksum::of("events").number(int(id)).maybe(room).number(int(seq)).number(int(at_ms));
    sum.text(kind).text(body).end()
}

/// Writes an event.
pub(super) fn insert_event(to: &Connection, id: i64, batch: &Batch, event: &EventRow) -> rusqlite::Result<()> {
    let EventRow { kind, seq, body } = event;
    let room = batch.room.as_ref().map(crate::ids::RoomId::as_str);
    let sum = event_sum(id.unsigned_abs(), room, *seq, batch.at_ms, kind, body);
    let mut statement = to.prepare_cached("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?)")?;
    statement.execute(params![id, room, int(*seq), int(batch.at_ms), kind, sum, body.as_str()]).map(drop)
}

/// Changes what an event says.
pub(super) fn update_event(to: &Connection, event: &StoredEvent, body: &str) -> rusqlite::Result<()> {
    let sum = event_sum(event.id, event.room.as_deref(), event.seq, event.at_ms, &event.kind, body);
    let mut statement = to.prepare_cached("UPDATE events SET body = ?, sum = ? WHERE id = ?")?;
    statement.execute(params![body, sum, int(event.id)]).map(drop)
}

/// The columns that [`read_event`] reads.
pub(super) const EVENT: &str = "SELECT id, room, seq, at_ms, kind, sum, body FROM events";

/// Reads an event. If it is damaged it has no body, and the rest is a guess.
pub(super) fn read_event(row: &Row<'_>) -> StoredEvent {
    let id = number(row, 0).unwrap_or_default();
    let whole = || {
        let (room, seq, at_ms) = (maybe(row, 1)?, number(row, 2)?, number(row, 3)?);
        let (kind, sum, body) = (text(row, 4)?, stated(row, 5)?, text(row, 6)?);
        let is_whole = sum == event_sum(id, room.as_deref(), seq, at_ms, &kind, &body);
        is_whole.then_some(StoredEvent { id, room, seq, at_ms, kind, body: Some(body) })
    };
    whole().unwrap_or_else(|| StoredEvent {
        id,
        room: maybe(row, 1).flatten(),
        seq: number(row, 2).unwrap_or_default(),
        at_ms: number(row, 3).unwrap_or_default(),
        kind: text(row, 4).unwrap_or_default(),
        body: None,
    })
}

/// What stands for an event that is not there though it should be.
pub(super) fn absent_event(id: u64) -> StoredEvent {
    StoredEvent { id, room: None, seq: 0, at_ms: 0, kind: String::new(), body: None }
}

fn audit_sum(audit: &StoredAudit) -> i64 {
    let StoredAudit { id, room, seq, at_ms, by, role, from_outside, act, on, reason, details, damaged: _ } = audit;
    let sum = Checksum::of("audits").number(int(*id)).maybe(room.as_deref()).number(int(*seq)).number(int(*at_ms));
    let sum = sum.text(by).text(role).number(i64::from(*from_outside)).text(act);
    sum.maybe(on.as_deref()).maybe(reason.as_deref()).text(details).end()
}

/// Writes an entry of the audit log.
pub(super) fn insert_audit(to: &Connection, id: i64, batch: &Batch, audit: &AuditRow) -> rusqlite::Result<()> {
    let AuditRow { by, role, from_outside, act, on, reason, details, seq } = audit.clone();
    let entry = StoredAudit {
        id: id.unsigned_abs(),
        room: batch.room.as_ref().map(|room| room.as_str().to_owned()),
        seq,
        at_ms: batch.at_ms,
        by,
        role: role.to_owned(),
        from_outside,
        act: act.to_owned(),
        on,
        reason,
        details,
        damaged: false,
    };
    put_audit(to, &entry)
}

/// Writes an entry of the audit log, over the one that was there.
pub(super) fn put_audit(to: &Connection, entry: &StoredAudit) -> rusqlite::Result<()> {
    let mut statement =
        to.prepare_cached("INSERT OR REPLACE INTO audits VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")?;
    let StoredAudit { id, room, seq, at_ms, by, role, from_outside, act, on, reason, details, damaged: _ } = entry;
    let sum = audit_sum(entry);
    let (id, seq, at_ms) = (int(*id), int(*seq), int(*at_ms));
    statement.execute(params![id, room, seq, at_ms, by, role, from_outside, act, on, reason, sum, details]).map(drop)
}

/// The columns that [`read_audit`] reads.
pub(super) const AUDIT: &str =
    "SELECT id, room, seq, at_ms, actor, role, from_outside, act, target, reason, sum, details FROM audits";

/// Reads an entry of the audit log. If it is damaged, what it says is a guess.
pub(super) fn read_audit(row: &Row<'_>) -> StoredAudit {
    let id = number(row, 0).unwrap_or_default();
    let whole = || {
        let from_outside = match number(row, 6)? {
            0 => false,
            1 => true,
            _ => return None,
        };
        let audit = StoredAudit {
            id,
            room: maybe(row, 1)?,
            seq: number(row, 2)?,
            at_ms: number(row, 3)?,
            by: text(row, 4)?,
            role: text(row, 5)?,
            from_outside,
            act: text(row, 7)?,
            on: maybe(row, 8)?,
            reason: maybe(row, 9)?,
            details: text(row, 11)?,
            damaged: false,
        };
        (stated(row, 10)? == audit_sum(&audit)).then_some(audit)
    };
    whole().unwrap_or_else(|| StoredAudit {
        room: maybe(row, 1).flatten(),
        at_ms: number(row, 3).unwrap_or_default(),
        ..absent_audit(id)
    })
}

/// What stands for an entry of the audit log that is not there though it should be.
pub(super) fn absent_audit(id: u64) -> StoredAudit {
    StoredAudit {
        id,
        room: None,
        seq: 0,
        at_ms: 0,
        by: String::new(),
        role: String::new(),
        from_outside: false,
        act: String::new(),
        on: None,
        reason: None,
        details: String::new(),
        damaged: true,
    }
}

fn answer_sum(answer: &AnswerRow) -> i64 {
    let AnswerRow { whose, key, request, status, etag, content_type, body, at_ms } = answer;
    let sum = Checksum::of("answers").text(whose).text(key).number(int(*at_ms)).number(i64::from(*status));
    sum.bytes(request).maybe(etag.as_deref()).text(content_type).bytes(body).end()
}

/// Writes an answer. Gives its checksum, and that of the one which was there under this key.
pub(super) fn put_answer(to: &Connection, answer: &AnswerRow) -> rusqlite::Result<(i64, Option<i64>)> {
    let AnswerRow { whose, key, request, status, etag, content_type, body, at_ms } = answer;
    let mut before = to.prepare_cached("SELECT sum FROM answers WHERE whose = ? AND key = ?")?;
    let before = before.query_row(params![whose, key], |row| row.get(0)).optional()?;
    let sum = answer_sum(answer);
    let mut statement = to.prepare_cached("INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)")?;
    let values = params![whose, key, int(*at_ms), status, sum, &request[..], etag, content_type, body];
    statement.execute(values)?;
    Ok((sum, before))
}

/// The columns that [`read_answer`] reads.
pub(super) const ANSWER: &str = "SELECT whose, key, at_ms, status, sum, request, etag, content_type, body FROM answers";

/// Reads an answer and its checksum; none if it is damaged.
pub(super) fn read_answer(row: &Row<'_>) -> Option<(AnswerRow, i64)> {
    let answer = AnswerRow {
        whose: text(row, 0)?,
        key: text(row, 1)?,
        at_ms: number(row, 2)?,
        status: u16::try_from(number(row, 3)?).ok()?,
        request: blob(row, 5)?.try_into().ok()?,
        etag: maybe(row, 6)?,
        content_type: text(row, 7)?,
        body: blob(row, 8)?,
    };
    let sum = stated(row, 4)?;
    (sum == answer_sum(&answer)).then_some((answer, sum))
}

fn delivery_sum(delivery: &Delivery) -> i64 {
    let Delivery { target, event, room, since_ms, attempts, next_ms, weight: _ } = delivery;
    let sum = Checksum::of("outbox").text(target).number(int(*event)).maybe(room.as_deref()).number(int(*since_ms));
    sum.number(i64::from(*attempts)).number(int(*next_ms)).end()
}

/// Writes a delivery, over the one that was there. Gives its checksum.
pub(super) fn put_delivery(to: &Connection, delivery: &Delivery) -> rusqlite::Result<i64> {
    let Delivery { target, event, room, since_ms, attempts, next_ms, weight: _ } = delivery;
    let sum = delivery_sum(delivery);
    let mut statement = to.prepare_cached("INSERT OR REPLACE INTO outbox VALUES (?, ?, ?, ?, ?, ?, ?)")?;
    let values = params![target, int(*event), room, int(*since_ms), attempts, int(*next_ms), sum];
    statement.execute(values)?;
    Ok(sum)
}

/// The columns that [`read_delivery`] reads.
pub(super) const DELIVERY: &str = "SELECT target, event, room, since_ms, attempts, next_ms, sum, \
                                   (SELECT kind FROM events WHERE id = event) FROM outbox";

/// Reads a delivery and its checksum; none if it is damaged.
pub(super) fn read_delivery(row: &Row<'_>) -> Option<(Delivery, i64)> {
    let delivery = Delivery {
        target: text(row, 0)?,
        event: number(row, 1)?,
        room: maybe(row, 2)?,
        since_ms: number(row, 3)?,
        attempts: u32::try_from(number(row, 4)?).ok()?,
        next_ms: number(row, 5)?,
        // Of a damaged event the kind is not known, and it is not what was written down here.
        weight: maybe(row, 7).flatten().map_or(Weight::Plain, |kind: String| Weight::of(&kind)),
    };
    let sum = stated(row, 6)?;
    (sum == delivery_sum(&delivery)).then_some((delivery, sum))
}
