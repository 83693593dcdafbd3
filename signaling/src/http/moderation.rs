//! `/v1/rooms/{room}/…`: everything a host can do, for back ends and for hosts without a socket.
//!
//! A request becomes the same command that a host would send by WebSocket: the path says which, and on whom; the body holds the rest. So both ways
//! have one parser, one set of checks and one set of codes.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Path, Query, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    access,
    idempotency::{self, Answer},
    problem::Problem,
    rooms::read_bytes,
};
use crate::{
    auth::{Access, Denied},
    clock,
    ids::{Identity, RoomId},
    protocol::{
        body::Page,
        client::{self, Command},
        server,
        view::{BanJson, ParticipantJson},
    },
    room::{Act, BanView, Done, Outsider, ParticipantView, Refusal, Refused},
    rooms::handle::{List, ListOf, Listed, RoomHandle},
    signaling::Shared,
};

/// What a request asks for, before its body is read.
struct Asked {
    method: Method,
    path: String,
    room: RoomId,
    /// The type of the command.
    kind: String,
    /// The fields that the path says.
    fields: Map<String, Value>,
}

/// `POST /v1/rooms/{room}/seats/{seat}/{verb}`: lock, unlock, mute, unmute, kick, assign, move, swap.
pub(super) async fn seat(
    State(shared): State<Arc<Shared>>,
    Path((room, seat, verb)): Path<(String, String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    if !SEAT_VERBS.contains(&verb.as_str()) {
        return Err(Problem::not_found());
    }
    let number: u8 = seat.parse().map_err(|_| Refusal::SeatNotFound)?;
    let path = format!("seats/{seat}/{verb}");
    let asked = Asked::new(Method::POST, &room, path, format!("seat_{verb}"), json!({"seat": number}))?;
    carry_out(&shared, asked, &headers, body).await
}

/// `POST /v1/rooms/{room}/hands/{identity}/{verb}`: approve, deny.
pub(super) async fn hand(
    State(shared): State<Arc<Shared>>,
    Path((room, identity, verb)): Path<(String, String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    if !HAND_VERBS.contains(&verb.as_str()) {
        return Err(Problem::not_found());
    }
    let path = format!("hands/{identity}/{verb}");
    let asked = Asked::new(Method::POST, &room, path, format!("hand_{verb}"), json!({"identity": identity}))?;
    carry_out(&shared, asked, &headers, body).await
}

/// `POST /v1/rooms/{room}/hands/{verb}`: next, lower_all.
pub(super) async fn hands(
    State(shared): State<Arc<Shared>>,
    Path((room, verb)): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let kind = match verb.as_str() {
        "next" => "hand_next",
        "lower_all" => "hands_lower_all",
        _ => return Err(Problem::not_found()),
    };
    let asked = Asked::new(Method::POST, &room, format!("hands/{verb}"), kind.to_owned(), json!({}))?;
    carry_out(&shared, asked, &headers, body).await
}

/// `POST /v1/rooms/{room}/participants/{identity}/{verb}`: mute, unmute, kick, rank.
pub(super) async fn participant(
    State(shared): State<Arc<Shared>>,
    Path((room, identity, verb)): Path<(String, String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    if !PERSON_VERBS.contains(&verb.as_str()) {
        return Err(Problem::not_found());
    }
    let path = format!("participants/{identity}/{verb}");
    let asked = Asked::new(Method::POST, &room, path, format!("member_{verb}"), json!({"identity": identity}))?;
    carry_out(&shared, asked, &headers, body).await
}

/// `POST /v1/rooms/{room}/{noun}`: bans, invites, host.
pub(super) async fn noun(
    State(shared): State<Arc<Shared>>,
    Path((room, noun)): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let kind = match noun.as_str() {
        "bans" => "member_ban",
        "invites" => "invite_send",
        "host" => "host_transfer",
        _ => return Err(Problem::not_found()),
    };
    let asked = Asked::new(Method::POST, &room, noun, kind.to_owned(), json!({}))?;
    carry_out(&shared, asked, &headers, body).await
}

/// `DELETE /v1/rooms/{room}/{noun}/{name}`: a ban, by identity; an invite, by id.
pub(super) async fn take_back(
    State(shared): State<Arc<Shared>>,
    Path((room, noun, name)): Path<(String, String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let (kind, fields) = match noun.as_str() {
        "bans" => ("member_unban", json!({"identity": name})),
        "invites" => ("invite_revoke", json!({"invite": name})),
        _ => return Err(Problem::not_found()),
    };
    let asked = Asked::new(Method::DELETE, &room, format!("{noun}/{name}"), kind.to_owned(), fields)?;
    carry_out(&shared, asked, &headers, body).await
}

/// `PATCH /v1/rooms/{room}`: changes its settings.
pub(super) async fn update(
    State(shared): State<Arc<Shared>>,
    Path(room): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let asked = Asked::new(Method::PATCH, &room, String::new(), "room_update".to_owned(), json!({}))?;
    carry_out(&shared, asked, &headers, body).await
}

/// `DELETE /v1/rooms/{room}?notice_ms=`: closes it.
pub(super) async fn close(
    State(shared): State<Arc<Shared>>,
    Path(room): Path<String>,
    query: Result<Query<CloseQuery>, axum::extract::rejection::QueryRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let Query(CloseQuery { notice_ms }) =
        query.map_err(|error| Problem::from(Refusal::InvalidArgument).detail(error.body_text()))?;
    let fields = notice_ms.map_or_else(|| json!({}), |notice_ms| json!({"notice_ms": notice_ms}));
    let asked = Asked::new(Method::DELETE, &room, format!("{notice_ms:?}"), "room_close".to_owned(), fields)?;
    carry_out(&shared, asked, &headers, body).await
}

/// The query of `DELETE /v1/rooms/{room}`.
#[derive(Debug, Deserialize)]
pub(super) struct CloseQuery {
    notice_ms: Option<u64>,
}

/// `GET /v1/rooms/{room}/{noun}`: participants and bans by pages, for administrators.
pub(super) async fn list(
    State(shared): State<Arc<Shared>>,
    Path((room, noun)): Path<(String, String)>,
    query: Result<Query<ListQuery>, axum::extract::rejection::QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let of = match noun.as_str() {
        "participants" => ListOf::People,
        "bans" => ListOf::Bans,
        _ => return Err(Problem::not_found()),
    };
    let access = access::of_request(&shared, &headers)?;
    let room = RoomId::parse(&room).map_err(|_| Refusal::RoomNotFound)?;
    if !access.administers(&room) {
        return Err(Denied::Forbidden.into());
    }
    let Query(ListQuery { after, limit }) =
        query.map_err(|error| Problem::from(Refusal::InvalidArgument).detail(error.body_text()))?;
    let limit = limit.unwrap_or(PAGE_MAX).clamp(1, PAGE_MAX);
    let handle = shared.directory.find(&room).ok_or(Refusal::RoomNotFound)?;
    let text = match handle.list(List { of, after, count: limit + 1 }).await? {
        Listed::People(people) => {
            page(&people, limit, |person: &ParticipantView| &person.identity, ParticipantJson::from)
        }
        Listed::Bans(bans) => page(&bans, limit, |ban: &BanView| &ban.identity, BanJson::from),
    };
    Ok(([(header::CONTENT_TYPE, JSON), (header::CACHE_CONTROL, "no-store")], text).into_response())
}

/// The query of a list.
#[derive(Debug, Deserialize)]
pub(super) struct ListQuery {
    after: Option<Identity>,
    limit: Option<usize>,
}

/// So many of the items, and where to go on if there are more.
fn page<'a, T, J: serde::Serialize>(
    items: &'a [T],
    limit: usize,
    name: impl Fn(&'a T) -> &'a Identity,
    written: impl Fn(&'a T) -> J,
) -> String {
    let shown = &items[..items.len().min(limit)];
    let next = shown.last().filter(|_| items.len() > limit).map(|last| name(last).clone());
    let page = Page { items: shown.iter().map(written).collect::<Vec<_>>(), next };
    serde_json::to_string(&page).expect("pages have string keys and finite numbers")
}

impl Asked {
    fn new(method: Method, room: &str, path: String, kind: String, fields: Value) -> Result<Self, Problem> {
        let room = RoomId::parse(room).map_err(|_| Refusal::RoomNotFound)?;
        let Value::Object(fields) = fields else {
            return Err(Refusal::Internal.into());
        };
        Ok(Self { method, path, room, kind, fields })
    }

    /// The command that this and a body are. What the path says counts.
    fn act(mut self, body: &[u8], depth_max: usize) -> Result<Act, Problem> {
        let mut fields: Map<String, Value> = match body {
            [] => Map::new(),
            body => serde_json::from_slice(body)
                .map_err(|error| Problem::from(Refusal::InvalidArgument).detail(error.to_string()))?,
        };
        fields.append(&mut self.fields);
        fields.insert("type".to_owned(), Value::String(self.kind));
        fields.insert("request_id".to_owned(), Value::String("http".to_owned()));
        let text = Value::Object(fields).to_string();
        let request =
            client::parse(&text, depth_max).map_err(|fault| Problem::from(fault.refusal).detail(fault.message))?;
        match request.command {
            Command::Act(act) => Ok(act),
            Command::Join { .. }
            | Command::Resume { .. }
            | Command::IceRestart { .. }
            | Command::Ping
            | Command::Stats(_) => Err(Refusal::UnknownType.into()),
        }
    }
}

/// Carries a request out; with an `Idempotency-Key` once.
async fn carry_out(
    shared: &Arc<Shared>,
    mut asked: Asked,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let access = access::of_request(shared, headers)?;
    let body = read_bytes(body).await?;
    let by = outsider(&access, &asked, headers)?;
    require_if_match(&mut asked, headers)?;
    let handle = shared.directory.find(&asked.room).ok_or(Refusal::RoomNotFound)?;
    let Some(key) = idempotency::key_of(headers)? else {
        return Ok(answered(handle, by, asked, &body, shared.config.limits.json_depth).await.into_response());
    };
    let name = (by.identity.to_string(), key.to_owned());
    let request = format!("{} {}/{}\n{}", asked.method, asked.room, asked.path, String::from_utf8_lossy(&body));
    let depth_max = shared.config.limits.json_depth;
    let answer = shared.answers.once(name, request, || answered(handle, by, asked, &body, depth_max)).await?;
    Ok(answer.into_response())
}

/// Who asks: an administrator of the room, or someone whose rank the room's record knows.
fn outsider(access: &Access, asked: &Asked, headers: &HeaderMap) -> Result<Outsider, Problem> {
    let is_admin = access.administers(&asked.room);
    let may_join = access.may_join(&asked.room).is_ok();
    if !is_admin && !may_join {
        return Err(Denied::Forbidden.into());
    }
    let identity = match &access.identity {
        Some(identity) => identity.clone(),
        None => Identity::parse(BACK_END).map_err(|_| Refusal::Internal)?,
    };
    let is_of_room = asked.kind == "room_update" || asked.kind == "room_close";
    let expect_seq = if is_of_room { revision(headers)? } else { None };
    Ok(Outsider { identity, is_admin, token_age: access.age(clock::unix_millis()), expect_seq })
}

/// `If-Match` with the revision of a seat.
fn require_if_match(asked: &mut Asked, headers: &HeaderMap) -> Result<(), Problem> {
    let Some(revision) = revision(headers)? else {
        return Ok(());
    };
    match asked.kind.as_str() {
        "room_update" | "room_close" => {}
        "seat_lock" | "seat_unlock" | "seat_mute" | "seat_unmute" | "seat_kick" | "seat_assign" => {
            asked.fields.insert("expect_rev".to_owned(), json!(revision));
        }
        _ => return Err(Problem::from(Refusal::InvalidArgument).detail("`If-Match` says nothing about this request")),
    }
    Ok(())
}

/// What `If-Match` names, if it is there.
fn revision(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let Some(value) = headers.get(header::IF_MATCH) else {
        return Ok(None);
    };
    let tag = value.to_str().ok().and_then(|value| value.strip_prefix('"')?.strip_suffix('"')?.parse().ok());
    tag.map(Some)
        .ok_or_else(|| Problem::from(Refusal::PreconditionFailed).detail("`If-Match` names no revision of ours"))
}

async fn answered(handle: RoomHandle, by: Outsider, asked: Asked, body: &[u8], depth_max: usize) -> Answer {
    let has_precondition = asked.fields.contains_key("expect_rev");
    let result = match asked.act(body, depth_max) {
        Ok(act) => handle
            .act(by, act, None)
            .await
            .result
            .map_err(|refused| Problem::from(precondition(refused, has_precondition))),
        Err(problem) => Err(problem),
    };
    match result {
        Ok(done) => success(&done),
        Err(problem) => problem.into_answer(),
    }
}

/// What a frame calls a conflict of revisions is a failed precondition here.
fn precondition(mut refused: Refused, has_precondition: bool) -> Refused {
    if has_precondition && refused.refusal == Refusal::RevConflict {
        refused.refusal = Refusal::PreconditionFailed;
    }
    refused
}

fn success(done: &Done) -> Answer {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(JSON));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let tag = done.seat.as_ref().and_then(|seat| HeaderValue::from_str(&format!("\"{}\"", seat.rev)).ok());
    if let Some(tag) = tag {
        headers.insert(header::ETAG, tag);
    }
    Answer { status: StatusCode::OK, headers, body: server::done(done).into() }
}

const SEAT_VERBS: [&str; 8] = ["lock", "unlock", "mute", "unmute", "kick", "assign", "move", "swap"];
const HAND_VERBS: [&str; 2] = ["approve", "deny"];
const PERSON_VERBS: [&str; 4] = ["mute", "unmute", "kick", "rank"];
const JSON: &str = "application/json";
/// Under which name the acts of a token without `sub` are told.
pub(super) const BACK_END: &str = "back-end";
/// The most items of a page.
pub(super) const PAGE_MAX: usize = 500;
