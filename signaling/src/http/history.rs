//! `GET /v1/events` and `GET /v1/audit`: what has happened, and who decided it, read again.
//!
//! Both logs are the store's, so they can be read of rooms that are over, too.

use std::sync::Arc;

use axum::{
    extract::{Query, State, rejection::QueryRejection},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use serde::Deserialize;

use super::{
    access,
    answer::Answer,
    page::{self, PAGE_MAX},
    problem::Problem,
};
use crate::{
    auth::Access,
    ids::{Identity, RoomId},
    protocol::{
        outside::{self, AuditJson, EventJson},
        server,
    },
    room::Refusal,
    signaling::Shared,
    store::{AuditQuery, EventQuery, Part, StoredAudit, StoredEvent},
};

/// The query of `GET /v1/events`.
#[derive(Debug, Deserialize)]
pub(super) struct EventsQuery {
    after: Option<u64>,
    room: Option<RoomId>,
    /// Kinds and families of kinds, with commas between them.
    kinds: Option<String>,
    limit: Option<usize>,
}

/// `GET /v1/events`
pub(super) async fn events(
    State(shared): State<Arc<Shared>>,
    query: Result<Query<EventsQuery>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let access = access::of_request(&shared, &headers)?;
    let EventsQuery { after, room, kinds, limit } = page::query(query)?;
    may_read(&shared, &access, room.as_ref()).await?;
    let limit = page::limit(limit, PAGE_MAX)?;
    let kinds = kinds_of(kinds.as_deref())?;
    let is_of_room = room.is_some();
    let query = EventQuery { after: after_of(after)?, room, kinds, count: limit + 1 };
    let _reading = shared.readers.begin(&access)?;
    let Part { found: mut events, upto } = shared.store.events(query).await?;
    // A page may be short, even empty, and yet not the last: it ends when so much of the log was looked at.
    let next = page::cut(&mut events, limit, |event| event.id).or(upto);
    // Whose a damaged row is cannot be known, so of one room it says no more than that it is there.
    let of_room = events.iter_mut().filter(|event| event.body.is_none() && is_of_room);
    of_room.for_each(|event| event.room = None);
    let text = outside::page(events.iter().map(event_text), next);
    Ok(Answer::json(StatusCode::OK, text).into_response())
}

/// The query of `GET /v1/audit`.
#[derive(Debug, Deserialize)]
pub(super) struct AuditsQuery {
    after: Option<u64>,
    room: Option<RoomId>,
    identity: Option<Identity>,
    limit: Option<usize>,
}

/// `GET /v1/audit`
pub(super) async fn audits(
    State(shared): State<Arc<Shared>>,
    query: Result<Query<AuditsQuery>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let access = access::of_request(&shared, &headers)?;
    let AuditsQuery { after, room, identity, limit } = page::query(query)?;
    may_read(&shared, &access, room.as_ref()).await?;
    let limit = page::limit(limit, PAGE_MAX)?;
    let query = AuditQuery { after: after_of(after)?, room, identity, count: limit + 1 };
    let _reading = shared.readers.begin(&access)?;
    let Part { found: mut audits, upto } = shared.store.audits(query).await?;
    let next = page::cut(&mut audits, limit, |audit| audit.id).or(upto);
    let text = outside::page(audits.iter().map(audit_text), next);
    Ok(Answer::json(StatusCode::OK, text).into_response())
}

/// An event as it is told outside.
pub(super) fn event_text(event: &StoredEvent) -> String {
    let StoredEvent { id, room, seq, at_ms, kind, body } = event;
    EventJson { event_id: *id, kind, room: room.as_deref(), seq: *seq, at_ms: *at_ms, data: body.as_deref() }.text()
}

/// An act of moderation as it is told outside.
pub(super) fn audit_text(audit: &StoredAudit) -> String {
    let StoredAudit { id, room, seq, at_ms, by, role, from_outside, act, on, reason, details, damaged } = audit;
    AuditJson {
        audit_id: *id,
        room: room.as_deref(),
        seq: *seq,
        at_ms: *at_ms,
        by,
        role,
        from_outside: *from_outside,
        act,
        on: on.as_deref(),
        reason: reason.as_deref().filter(|_| !damaged),
        details: Some(&**details).filter(|_| !damaged),
    }
    .text()
}

/// Whoever administers a room may read of it, and back ends that list rooms of all of them.
async fn may_read(shared: &Shared, access: &Access, room: Option<&RoomId>) -> Result<(), Problem> {
    let Some(room) = room else {
        access.lists_rooms()?;
        return Ok(());
    };
    let caller = access.reads_logs_of(room)?;
    access::refuse_put_out(shared, access, &caller, room).await
}

/// The store counts with a sign.
fn after_of(after: Option<u64>) -> Result<u64, Problem> {
    let after = after.unwrap_or(0);
    if i64::try_from(after).is_ok() {
        return Ok(after);
    }
    Err(Problem::from(Refusal::InvalidArgument).detail("`after` must be the `next` of a page"))
}

fn kinds_of(kinds: Option<&str>) -> Result<Vec<String>, Problem> {
    let mut known = Vec::new();
    for kind in kinds.into_iter().flat_map(|kinds| kinds.split(',')) {
        if !server::is_kind_or_family(kind) {
            let detail = format!("`kinds`: there are no events {kind:?}");
            return Err(Problem::from(Refusal::InvalidArgument).detail(detail));
        }
        if !known.iter().any(|other| other == kind) {
            known.push(kind.to_owned());
        }
    }
    Ok(known)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]

    use super::*;

    #[test]
    fn kinds_are_known_and_named_once() {
        assert_eq!(kinds_of(None).unwrap(), Vec::<String>::new());
        assert_eq!(kinds_of(Some("seat.*,room.closed,seat.*")).unwrap(), ["seat.*", "room.closed"]);
        for unknown in ["", "seat.*,", "seat.flown", "*"] {
            assert!(kinds_of(Some(unknown)).is_err(), "{unknown}");
        }
    }

    #[test]
    fn what_is_damaged_says_so_and_says_no_more() {
        let damaged = StoredAudit {
            id: 7,
            room: Some("demo".to_owned()),
            seq: 3,
            at_ms: 1,
            by: "ada".to_owned(),
            role: "host".to_owned(),
            from_outside: true,
            act: "member_ban".to_owned(),
            on: None,
            reason: Some("x".to_owned()),
            details: "{\"not json".to_owned(),
            damaged: true,
        };
        let shown: serde_json::Value = serde_json::from_str(&audit_text(&damaged)).unwrap();
        assert_eq!((&shown["damaged"], shown.get("reason"), shown.get("details")), (&true.into(), None, None));
    }
}
