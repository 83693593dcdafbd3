//! `/v1/rooms/{room}/…`: everything a host can do, for back ends and for hosts without a socket.
//!
//! A request becomes the same command that a host would send by WebSocket: the path says which, and on whom; the body holds the rest. So both ways
//! have one parser, one set of checks and one set of codes.

use std::{sync::Arc, time::Instant};

use axum::{
    body::Bytes,
    extract::{Path, Query, Request, State, rejection::QueryRejection},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    access,
    answer::Answer,
    idempotency::{Carried, Keyed},
    page,
    problem::Problem,
    rooms::read_bytes,
};
use crate::{
    auth::Access,
    clock,
    ids::RoomId,
    json,
    protocol::{
        client::{self, Command},
        server,
    },
    room::{Act, Done, Outsider, Refusal, Refused},
    rooms::handle::{Acted, Remember},
    signaling::Shared,
};

/// What a request asks for, before its body is read.
struct Asked {
    room: RoomId,
    /// The type of the command.
    kind: String,
    /// The fields that the path says.
    fields: Map<String, Value>,
    read_at: Instant,
}

/// `POST /v1/rooms/{room}/seats/{seat}/{verb}`: lock, unlock, mute, unmute, kick, assign, move, swap.
pub(super) async fn seat(
    State(shared): State<Arc<Shared>>,
    Path((room, seat, verb)): Path<(String, String, String)>,
    request: Request,
) -> Result<Response, Problem> {
    if !SEAT_VERBS.contains(&verb.as_str()) {
        return Err(Problem::not_found());
    }
    let number: u8 = seat.parse().map_err(|_| Refusal::SeatNotFound)?;
    let asked = Asked::new(&room, format!("seat_{verb}"), json!({"seat": number}))?;
    carry_out(&shared, asked, request).await
}

/// `POST /v1/rooms/{room}/hands/{identity}/{verb}`: approve, deny.
pub(super) async fn hand(
    State(shared): State<Arc<Shared>>,
    Path((room, identity, verb)): Path<(String, String, String)>,
    request: Request,
) -> Result<Response, Problem> {
    if !HAND_VERBS.contains(&verb.as_str()) {
        return Err(Problem::not_found());
    }
    let asked = Asked::new(&room, format!("hand_{verb}"), json!({"identity": identity}))?;
    carry_out(&shared, asked, request).await
}

/// `POST /v1/rooms/{room}/hands/{verb}`: next, lower_all.
pub(super) async fn hands(
    State(shared): State<Arc<Shared>>,
    Path((room, verb)): Path<(String, String)>,
    request: Request,
) -> Result<Response, Problem> {
    let kind = match verb.as_str() {
        "next" => "hand_next",
        "lower_all" => "hands_lower_all",
        _ => return Err(Problem::not_found()),
    };
    let asked = Asked::new(&room, kind.to_owned(), json!({}))?;
    carry_out(&shared, asked, request).await
}

/// `POST /v1/rooms/{room}/participants/{identity}/{verb}`: mute, unmute, kick, rank.
pub(super) async fn participant(
    State(shared): State<Arc<Shared>>,
    Path((room, identity, verb)): Path<(String, String, String)>,
    request: Request,
) -> Result<Response, Problem> {
    if !PERSON_VERBS.contains(&verb.as_str()) {
        return Err(Problem::not_found());
    }
    let asked = Asked::new(&room, format!("member_{verb}"), json!({"identity": identity}))?;
    carry_out(&shared, asked, request).await
}

/// `POST /v1/rooms/{room}/{noun}`: bans, invites, host.
pub(super) async fn noun(
    State(shared): State<Arc<Shared>>,
    Path((room, noun)): Path<(String, String)>,
    request: Request,
) -> Result<Response, Problem> {
    let kind = match noun.as_str() {
        "bans" => "member_ban",
        "invites" => "invite_send",
        "host" => "host_transfer",
        _ => return Err(Problem::not_found()),
    };
    let asked = Asked::new(&room, kind.to_owned(), json!({}))?;
    carry_out(&shared, asked, request).await
}

/// `DELETE /v1/rooms/{room}/{noun}/{name}`: a ban, by identity; an invite, by id.
pub(super) async fn take_back(
    State(shared): State<Arc<Shared>>,
    Path((room, noun, name)): Path<(String, String, String)>,
    request: Request,
) -> Result<Response, Problem> {
    let (kind, fields) = match noun.as_str() {
        "bans" => ("member_unban", json!({"identity": name})),
        "invites" => ("invite_revoke", json!({"invite": name})),
        _ => return Err(Problem::not_found()),
    };
    let asked = Asked::new(&room, kind.to_owned(), fields)?;
    carry_out(&shared, asked, request).await
}

/// `PATCH /v1/rooms/{room}`: changes its settings.
pub(super) async fn update(
    State(shared): State<Arc<Shared>>,
    Path(room): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let asked = Asked::new(&room, "room_update".to_owned(), json!({}))?;
    carry_out(&shared, asked, request).await
}

/// `DELETE /v1/rooms/{room}?notice_ms=`: closes it.
pub(super) async fn close(
    State(shared): State<Arc<Shared>>,
    Path(room): Path<String>,
    query: Result<Query<CloseQuery>, QueryRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let CloseQuery { notice_ms } = page::query(query)?;
    let fields = notice_ms.map_or_else(|| json!({}), |notice_ms| json!({"notice_ms": notice_ms}));
    let asked = Asked::new(&room, "room_close".to_owned(), fields)?;
    carry_out(&shared, asked, request).await
}

/// The query of `DELETE /v1/rooms/{room}`.
#[derive(Debug, Deserialize)]
pub(super) struct CloseQuery {
    notice_ms: Option<u64>,
}

impl Asked {
    fn new(room: &str, kind: String, fields: Value) -> Result<Self, Problem> {
        let room = RoomId::parse(room).map_err(|_| Refusal::RoomNotFound)?;
        let Value::Object(fields) = fields else {
            return Err(Refusal::Internal.into());
        };
        Ok(Self { room, kind, fields, read_at: clock::now() })
    }

    /// The command that this and a body are. What the path says counts.
    fn act(mut self, body: &[u8], depth_max: usize) -> Result<Act, Problem> {
        let mut fields: Map<String, Value> = match body {
            [] => Map::new(),
            body => json::from_slice(body)
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
            | Command::PeopleList(_)
            | Command::Ping
            | Command::Stats(_) => Err(Refusal::UnknownType.into()),
        }
    }
}

/// Carries a request out; with an `Idempotency-Key` once.
async fn carry_out(shared: &Arc<Shared>, mut asked: Asked, request: Request) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    let access = access::of_request(shared, &head.headers)?;
    let body = read_bytes(body).await?;
    let by = outsider(&access, &asked, &head.headers)?;
    require_if_match(&mut asked, &head.headers)?;
    let keyed = Keyed::of(by.identity.as_str(), &head, &body)?;
    let carrying = act(Arc::clone(shared), by, asked, body, keyed.clone());
    let answer = match keyed {
        Some(keyed) => shared.answers.once(&keyed, &shared.tasks, carrying).await?,
        None => carrying.await.given,
    };
    Ok(answer.into_response())
}

/// Who asks: an administrator of the room, or someone whose rank the room's record knows.
fn outsider(access: &Access, asked: &Asked, headers: &HeaderMap) -> Result<Outsider, Problem> {
    let caller = access.acts_on(&asked.room)?;
    let is_of_room = asked.kind == "room_update" || asked.kind == "room_close";
    let expect_seq = if is_of_room { revision(headers)? } else { None };
    Ok(Outsider {
        identity: caller.name().clone(),
        is_admin: caller.is_admin(),
        is_person: caller.person().is_some(),
        token_age: access.age(clock::unix_millis()),
        expect_seq,
    })
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

/// Has the room do it. What is answered is written down together with what it changes.
async fn act(shared: Arc<Shared>, by: Outsider, asked: Asked, body: Bytes, keyed: Option<Keyed>) -> Carried {
    let has_precondition = asked.fields.contains_key("expect_rev");
    let (room, read_at) = (asked.room.clone(), asked.read_at);
    let acting = async {
        let act = asked.act(&body, shared.config.limits.json_depth)?;
        let handle = shared.room(&room)?;
        if by.is_person {
            let judged = shared.paces.judge_outside(&room, &by.identity, &act, read_at);
            judged.map_err(|retry_after| Problem::from(Refusal::RateLimited).retry_after(retry_after))?;
        }
        let remember = keyed.clone().map(|keyed| remember(keyed, has_precondition));
        let Acted { result, mut ticket } = handle.act(by, act, remember, read_at).await;
        let done = result.map_err(|mut refused| {
            refused.refusal = shared.why_gone(refused.refusal);
            precondition(refused, has_precondition)
        })?;
        Ok::<_, Problem>((done, ticket.is_durable().await))
    };
    let carried = match acting.await {
        Ok((done, true)) => Carried::from(success(&done)),
        // Whoever asks again is told no more than whoever asked first. What is written down does not say it: once that can be read, it is on the disk.
        Ok((done, false)) => Carried::from(Answer { body: server::done_in_memory(&done).into(), ..success(&done) }),
        Err(problem) => Carried::from(problem.into_answer()),
    };
    if let Some(keyed) = keyed {
        keyed.keep(&shared.store, &carried.kept);
    }
    carried
}

fn remember(keyed: Keyed, has_precondition: bool) -> Remember {
    Box::new(move |result| {
        let answer = match result {
            Ok(done) => success(done),
            Err(refused) => Problem::from(precondition(refused.clone(), has_precondition)).into_answer(),
        };
        (!answer.is_passing).then(|| keyed.row(&answer))
    })
}

/// What a frame calls a conflict of revisions is a failed precondition here.
fn precondition(mut refused: Refused, has_precondition: bool) -> Refused {
    if has_precondition && refused.refusal == Refusal::RevConflict {
        refused.refusal = Refusal::PreconditionFailed;
    }
    refused
}

fn success(done: &Done) -> Answer {
    let answer = Answer::json(StatusCode::OK, server::done(done));
    match &done.seat {
        Some(seat) => answer.tagged(seat.rev),
        None => answer,
    }
}

const SEAT_VERBS: [&str; 8] = ["lock", "unlock", "mute", "unmute", "kick", "assign", "move", "swap"];
const HAND_VERBS: [&str; 2] = ["approve", "deny"];
const PERSON_VERBS: [&str; 4] = ["mute", "unmute", "kick", "rank"];
