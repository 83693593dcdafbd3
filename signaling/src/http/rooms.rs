//! `/v1/rooms`: rooms are made, listed and looked at by back ends.

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    body::{Body, Bytes},
    extract::{Path, Query, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, de::DeserializeOwned};

use super::{
    access,
    idempotency::{self, Answer},
    moderation::BACK_END,
    problem::Problem,
};
use crate::{
    auth::{Access, Denied},
    clock,
    ids::{Identity, RoomId},
    protocol::{
        body::{CreateRoom, RoomList},
        view::SnapshotJson,
    },
    room::{Refusal, Viewer},
    rooms::{directory::Creation, handle::Asker},
    signaling::Shared,
};

/// `POST /v1/rooms`: makes a room, or shows the one that is there.
pub(super) async fn create(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let access = access::of_request(&shared, &headers)?;
    if !access.room_create {
        return Err(Denied::Forbidden.into());
    }
    let body = read_bytes(body).await?;
    let Some(key) = idempotency::key_of(&headers)? else {
        return make(&shared, &access, &body).await;
    };
    // Back ends need not name themselves; then the key is the back ends' in common.
    let whose = access.identity.as_ref().map_or(BACK_END, Identity::as_str);
    let request = format!("POST rooms\n{}", String::from_utf8_lossy(&body));
    let making = || async { Answer::of(make(&shared, &access, &body).await.into_response()).await };
    Ok(shared.answers.once((whose.to_owned(), key.to_owned()), request, making).await?.into_response())
}

async fn make(shared: &Arc<Shared>, access: &Access, body: &[u8]) -> Result<Response, Problem> {
    let wanted: CreateRoom = json_of(body)?;
    if access.room.as_ref().is_some_and(|room| *room != wanted.id) {
        return Err(Problem::from(Denied::Forbidden).detail("this token is for another room"));
    }
    let settings = wanted
        .settings(&shared.config.settings, clock::unix_millis())
        .map_err(|why| Problem::from(Refusal::InvalidArgument).detail(why))?;
    if shared.is_draining() {
        return Err(Problem::from(Refusal::Draining).retry_after(RETRY_AFTER));
    }
    let status = match shared.directory.create(&wanted.id, settings, None).await {
        Creation::Created => StatusCode::CREATED,
        Creation::Existed => StatusCode::OK,
        Creation::Unstored => return Err(Problem::from(Refusal::Storage).retry_after(RETRY_AFTER)),
        Creation::Full => return Err(Problem::from(Refusal::NodeFull).retry_after(RETRY_AFTER)),
    };
    let room = snapshot(shared, &wanted.id, Viewer::Admin, None).await?;
    Ok((status, room).into_response())
}

/// The query of `GET /v1/rooms`.
#[derive(Debug, Deserialize)]
pub(super) struct ListQuery {
    after: Option<RoomId>,
    limit: Option<usize>,
}

/// `GET /v1/rooms`
pub(super) async fn list(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    query: Result<Query<ListQuery>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, Problem> {
    let access = access::of_request(&shared, &headers)?;
    if !access.room_list {
        return Err(Denied::Forbidden.into());
    }
    let Query(query) = query.map_err(|error| Problem::from(Refusal::InvalidArgument).detail(error.body_text()))?;
    let limit = query.limit.unwrap_or(LIST_MAX).clamp(1, LIST_MAX);
    let mut rooms = shared.directory.list(query.after.as_ref(), limit + 1);
    let has_more = rooms.len() > limit;
    rooms.truncate(limit);
    let next = rooms.last().filter(|_| has_more).map(|room| room.id.clone());
    Ok(Json(RoomList { rooms, next }).into_response())
}

/// `GET /v1/rooms/{room}`
pub(super) async fn look(
    State(shared): State<Arc<Shared>>,
    Path(room): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let access = access::of_request(&shared, &headers)?;
    let room = RoomId::parse(&room).map_err(|_| Refusal::RoomNotFound)?;
    access.may_view(&room)?;
    let is_back_end = access.room_list || access.administers(&room);
    let token_age = access.age(clock::unix_millis());
    let (viewer, asker) = match access.identity {
        Some(identity) if !is_back_end => (Viewer::Participant(identity.clone()), Some(Asker { identity, token_age })),
        Some(_) | None => (Viewer::Admin, None),
    };
    snapshot(&shared, &room, viewer, asker).await
}

async fn snapshot(shared: &Shared, room: &RoomId, viewer: Viewer, asker: Option<Asker>) -> Result<Response, Problem> {
    let handle = shared.directory.find(room).ok_or(Refusal::RoomNotFound)?;
    let snapshot = handle.look(viewer, asker).await?;
    let tag = HeaderValue::from_str(&format!("\"{}\"", snapshot.seq)).ok();
    let mut response = Json(SnapshotJson::from(&*snapshot)).into_response();
    // The log's number: for `If-Match` of whoever changes the room. Counts and times change without it, so nothing may be cached by it.
    if let Some(tag) = tag {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// Reads a whole body as JSON.
pub(super) async fn read_json<T: DeserializeOwned>(body: Body) -> Result<T, Problem> {
    json_of(&read_bytes(body).await?)
}

fn json_of<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(bytes).map_err(|error| Problem::from(Refusal::InvalidArgument).detail(error.to_string()))
}

/// Reads a whole body, which may be so long and take so long.
pub(super) async fn read_bytes(body: Body) -> Result<Bytes, Problem> {
    let reading = axum::body::to_bytes(body, BODY_BYTES_MAX);
    match tokio::time::timeout(BODY_TIMEOUT, reading).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) if is_too_long(&error) => Err(Refusal::TooLarge.into()),
        Ok(Err(_)) => Err(Problem::from(Refusal::InvalidArgument).detail("the body could not be read")),
        Err(_) => Err(Problem::from(Refusal::InvalidArgument).detail("the body took too long")),
    }
}

fn is_too_long(error: &axum::Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.to_string().contains("length limit exceeded") {
            return true;
        }
        cause = error.source();
    }
    false
}

/// The longest body.
pub(super) const BODY_BYTES_MAX: usize = 64 * 1024;

/// How long a body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// The most rooms in one answer.
pub(super) const LIST_MAX: usize = 1000;

const RETRY_AFTER: Duration = Duration::from_secs(2);
