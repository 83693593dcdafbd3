//! `/v1/people/{identity}/data`: everything that is kept about someone, to be shown to them or to be forgotten.

use std::sync::Arc;

use axum::{
    extract::{Path, Query, State, rejection::QueryRejection},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::Value;
use tracing::info;

use super::{
    access,
    answer::Answer,
    history::{audit_text, event_text},
    page,
    problem::Problem,
};
use crate::{
    auth::{Access, Caller},
    clock,
    ids::{Identity, RoomId},
    protocol::outside::{ErasedJson, PersonJson, RecordJson},
    room::{Act, Outsider, Refusal},
    rooms::handle::{Acted, Asker},
    signaling::Shared,
    store::{EVERYWHERE, Ticket},
};

/// `GET /v1/people/{identity}/data`
pub(super) async fn export(
    State(shared): State<Arc<Shared>>,
    Path(identity): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Asked { access, who, .. } = asked(&shared, &headers, &identity)?;
    let _reading = shared.readers.begin(&access)?;
    let export = shared.store.export(who.clone()).await?;
    let whereabouts = whereabouts(&shared, &who).await;
    // A record is JSON as a rule; what is not is shown as it is.
    let value_of = |text: &String| serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.clone()));
    let records = export.state.iter().map(|(room, key, value)| RecordJson {
        room: (room != EVERYWHERE).then_some(room),
        key,
        value: value_of(value),
    });
    let person = PersonJson {
        identity: who.as_str(),
        present_in: whereabouts.present_in.iter().map(RoomId::as_str).collect(),
        records: records.collect(),
        answers: export.answers,
        truncated: export.truncated,
    };
    let text = person.text(export.events.iter().map(event_text), export.audits.iter().map(audit_text));
    Ok(Answer::json(StatusCode::OK, text).into_response())
}

/// The query of `DELETE /v1/people/{identity}/data`.
#[derive(Debug, Deserialize)]
pub(super) struct EraseQuery {
    keep_bans: Option<bool>,
}

/// `DELETE /v1/people/{identity}/data`
///
/// Bans are lifted first, by the rooms themselves: so no room writes down anew what the store has forgotten.
pub(super) async fn erase(
    State(shared): State<Arc<Shared>>,
    Path(identity): Path<String>,
    query: Result<Query<EraseQuery>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Asked { access, caller, who } = asked(&shared, &headers, &identity)?;
    let keep_bans = page::query(query)?.keep_bans.unwrap_or(false);
    let whereabouts = whereabouts(&shared, &who).await;
    let mut unbanned_in = Vec::new();
    if !keep_bans {
        for room in &whereabouts.banned_in {
            let token_age = access.age(clock::unix_millis());
            let identity = caller.name().clone();
            let by =
                Outsider { identity, is_admin: true, is_person: false, is_banned: false, token_age, expect_seq: None };
            if unban(&shared, by, room, &who).await? {
                unbanned_in.push(room.as_str());
            }
        }
    }
    if !keep_bans && shared.directory.is_banned_everywhere(&who) {
        durable(shared.directory.unban_everywhere(caller.name(), &who, None)).await?;
    }
    durable(shared.directory.forget_author_everywhere(&who)).await?;
    forget(&shared, &who, keep_bans).await?;
    let rows = shared.store.erase(who.clone(), keep_bans).await?;
    shared.answers.forget_all_of(who.as_str());
    info!(rows, keep_bans, "what was kept about someone is erased");
    let present_in = whereabouts.present_in.iter().map(RoomId::as_str).collect();
    let erased = ErasedJson { identity: who.as_str(), rows, unbanned_in, present_in };
    let text = serde_json::to_string(&erased).expect("what was erased has string keys and finite numbers");
    Ok(Answer::json(StatusCode::OK, text).into_response())
}

/// Who asks, and about whom.
struct Asked {
    access: Access,
    caller: Caller,
    who: Identity,
}

/// It takes a back end for the whole server.
fn asked(shared: &Shared, headers: &HeaderMap, identity: &str) -> Result<Asked, Problem> {
    let access = access::of_request(shared, headers)?;
    let caller = access.keeps_records()?;
    let who = Identity::parse(identity)
        .map_err(|error| Problem::from(Refusal::InvalidArgument).detail(format!("identity: {error}")))?;
    Ok(Asked { access, caller, who })
}

/// The rooms that know someone at this moment.
#[derive(Default)]
struct Whereabouts {
    present_in: Vec<RoomId>,
    banned_in: Vec<RoomId>,
}

async fn whereabouts(shared: &Shared, who: &Identity) -> Whereabouts {
    let mut whereabouts = Whereabouts::default();
    for room in shared.directory.list(None, usize::MAX) {
        let Some(handle) = shared.directory.find(&room.id) else {
            continue;
        };
        // A room that is over knows nobody.
        let Ok(found) = handle.find(Asker { identity: who.clone(), token_age: None }).await else {
            continue;
        };
        if found.is_banned {
            whereabouts.banned_in.push(room.id.clone());
        }
        if found.is_present {
            whereabouts.present_in.push(room.id);
        }
    }
    whereabouts.banned_in.extend(shared.directory.banned_in_memory(who));
    whereabouts
}

/// Has every room forget what it knows of someone who has left it. Together with the bans a mute may stay: it is a host's decision, too.
async fn forget(shared: &Shared, who: &Identity, keep_mute: bool) -> Result<(), Problem> {
    for room in shared.directory.list(None, usize::MAX) {
        let Some(handle) = shared.directory.find(&room.id) else {
            continue;
        };
        if let Ok(mut ticket) = handle.forget(who.clone(), keep_mute).await
            && !ticket.is_durable().await
        {
            return Err(Refusal::Storage.into());
        }
    }
    for ticket in shared.directory.forget_in_memories(who, keep_mute).await {
        durable(ticket).await?;
    }
    Ok(())
}

async fn durable(mut ticket: Ticket) -> Result<(), Problem> {
    if ticket.is_durable().await { Ok(()) } else { Err(Refusal::Storage.into()) }
}

/// Has a room lift a ban. False if the room is over.
async fn unban(shared: &Shared, by: Outsider, room: &RoomId, who: &Identity) -> Result<bool, Problem> {
    let act = Act::MemberUnban { identity: who.clone() };
    let Acted { result, mut ticket } = match shared.directory.find(room) {
        Some(handle) => handle.act(by, act, None, clock::now()).await,
        None => shared.directory.decide(room, by, act, None).await,
    };
    match result {
        Ok(_) if ticket.is_durable().await => Ok(true),
        // The store would be asked to forget what is not written yet.
        Ok(_) => Err(Refusal::Storage.into()),
        Err(refused) if matches!(refused.refusal, Refusal::RoomClosed | Refusal::RoomNotFound) => Ok(false),
        Err(refused) => Err(refused.into()),
    }
}
