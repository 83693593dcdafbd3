//! `/v1/rooms`: rooms are made, listed and looked at by back ends.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use axum::{
    body::{Body, Bytes},
    extract::{Path, Query, Request, State, rejection::QueryRejection},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, de::DeserializeOwned};
use tracing::Instrument as _;

use super::{
    access,
    answer::Answer,
    idempotency::{Carried, Keyed},
    page,
    problem::Problem,
};
use crate::{
    auth::{Access, Caller},
    clock,
    ids::RoomId,
    json,
    protocol::{
        body::{CreateRoom, Differs, MadeRoom, RoomList},
        view::SnapshotJson,
    },
    room::{Refusal, Snapshot, Viewer},
    rooms::{
        directory::{Creation, RememberRoom},
        handle::{Asker, Looked},
    },
    signaling::Shared,
};

/// `POST /v1/rooms`: makes a room, or shows the one that is there.
pub(super) async fn create(State(shared): State<Arc<Shared>>, request: Request) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    let access = access::of_request(&shared, &head.headers)?;
    let caller = access.makes_rooms()?;
    let body = read_bytes(body).await?;
    // Back ends need not name themselves; then the key is the back ends' in common.
    let keyed = Keyed::of(caller.name().as_str(), &head, &body)?;
    let making = make(Arc::clone(&shared), access, body, keyed.clone());
    let answer = match keyed {
        Some(keyed) => shared.answers.once(&keyed, &shared.tasks, making).await?,
        // A task of its own: a room that is written down is also opened, even if whoever asked hangs up meanwhile.
        None => shared.tasks.spawn(making.in_current_span()).await.map_err(|_| Refusal::Internal)?.given,
    };
    Ok(answer.into_response())
}

async fn make(shared: Arc<Shared>, access: Access, body: Bytes, keyed: Option<Keyed>) -> Carried {
    let answer = made(&shared, &access, &body, keyed.clone()).await.unwrap_or_else(Problem::into_answer);
    if let Some(keyed) = keyed {
        keyed.keep(&shared.store, &answer);
    }
    answer.into()
}

async fn made(shared: &Arc<Shared>, access: &Access, body: &[u8], keyed: Option<Keyed>) -> Result<Answer, Problem> {
    let wanted: CreateRoom = json_of(body)?;
    access.makes(&wanted.id)?;
    let settings = wanted
        .settings(&shared.config.settings, clock::unix_millis())
        .map_err(|why| Problem::from(Refusal::InvalidArgument).detail(why))?;
    if shared.is_draining() {
        return Err(Refusal::Draining.into());
    }
    // What is written down is what is answered, also if the room has changed since.
    let first = Arc::new(OnceLock::new());
    let remember = keyed.map(|keyed| {
        let first = Arc::clone(&first);
        let remember: RememberRoom = Box::new(move |snapshot| {
            let answer = shown(StatusCode::CREATED, snapshot, None);
            let row = keyed.row(&answer);
            let _first = first.set(answer);
            row
        });
        remember
    });
    let status = match shared.directory.create(&wanted.id, settings, remember).await {
        Creation::Created => StatusCode::CREATED,
        Creation::Existed => StatusCode::OK,
        Creation::Unstored => return Err(Refusal::Storage.into()),
        Creation::Full => return Err(Refusal::NodeFull.into()),
    };
    if let Some(answer) = first.get().filter(|_| status == StatusCode::CREATED) {
        return Ok(answer.clone());
    }
    let (snapshot, event_id) = look_at(shared, &wanted.id, Viewer::Admin, None).await?;
    let differs = match status {
        // It is as it was asked for, and may have been changed since by whoever came in.
        StatusCode::CREATED => Differs::default(),
        _ => wanted.differs(&snapshot, clock::unix_millis()),
    };
    Ok(made_as(status, &snapshot, event_id, differs))
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
    query: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let access = access::of_request(&shared, &headers)?;
    access.lists_rooms()?;
    let ListQuery { after, limit } = page::query(query)?;
    let limit = page::limit(limit, LIST_MAX)?;
    let event_id = shared.store.last_event_id();
    let mut rooms = shared.directory.list(after.as_ref(), limit + 1);
    let next = page::cut(&mut rooms, limit, |room| room.id.clone());
    let text =
        serde_json::to_string(&RoomList { rooms, event_id, next }).expect("rooms have string keys and finite numbers");
    Ok(Answer::json(StatusCode::OK, text).into_response())
}

/// `GET /v1/rooms/{room}`
pub(super) async fn look(
    State(shared): State<Arc<Shared>>,
    Path(room): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let access = access::of_request(&shared, &headers)?;
    let room = RoomId::parse(&room).map_err(|_| Refusal::RoomNotFound)?;
    let caller = access.reads(&room)?;
    let asker = access::asker(&access, &caller);
    let viewer = match caller {
        Caller::BackEnd { .. } | Caller::Administrator(_) => Viewer::Admin,
        Caller::Participant(identity) => Viewer::Participant(identity),
    };
    let (snapshot, event_id) = look_at(&shared, &room, viewer, asker).await?;
    Ok(shown(StatusCode::OK, &snapshot, event_id).into_response())
}

async fn look_at(
    shared: &Shared,
    room: &RoomId,
    viewer: Viewer,
    asker: Option<Asker>,
) -> Result<(Box<Snapshot>, Option<u64>), Refusal> {
    let handle = shared.room(room)?;
    let Looked { snapshot, mut ticket } = handle.look(viewer, asker).await?;
    Ok((snapshot, ticket.written_event_id().await))
}

/// A room, with the number of its last event: for `If-Match` of whoever changes the room. Counts and times change without it, so nothing may be cached
/// by it.
fn shown(status: StatusCode, snapshot: &Snapshot, event_id: Option<u64>) -> Answer {
    made_as(status, snapshot, event_id, Differs::default())
}

fn made_as(status: StatusCode, snapshot: &Snapshot, event_id: Option<u64>, differs: Differs) -> Answer {
    let body = MadeRoom { room: SnapshotJson::new(snapshot, event_id), differs };
    let text = serde_json::to_string(&body).expect("rooms have string keys and finite numbers");
    Answer::json(status, text).tagged(snapshot.seq)
}

/// Reads a whole body as JSON.
pub(super) async fn read_json<T: DeserializeOwned>(body: Body) -> Result<T, Problem> {
    json_of(&read_bytes(body).await?)
}

pub(super) fn json_of<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    json::from_slice(bytes).map_err(|error| Problem::from(Refusal::InvalidArgument).detail(error.to_string()))
}

/// Reads a whole body, which may be so long and take so long.
pub(super) async fn read_bytes(body: Body) -> Result<Bytes, Problem> {
    let reading = axum::body::to_bytes(body, BODY_BYTES_MAX);
    match clock::timeout(BODY_TIMEOUT, reading).await {
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
