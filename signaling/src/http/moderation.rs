//! `/v1/rooms/{room}/…`: everything a host can do, for back ends and for hosts without a socket.
//!
//! A request becomes the same command that a host would send by WebSocket: the path says which, and on whom; the body holds the rest. So both ways
//! have one parser, one set of checks and one set of codes.

use std::{sync::Arc, time::Instant};

use axum::{
    body::Bytes,
    extract::{Path, Query, Request, State, rejection::QueryRejection},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    access,
    answer::Answer,
    condition::Condition,
    idempotency::{Carried, Keyed},
    page,
    problem::Problem,
    rooms::read_bytes,
};
use crate::{
    auth::Access,
    clock,
    ids::{Identity, RoomId},
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
#[derive(Clone)]
struct Asked {
    room: RoomId,
    /// The type of the command.
    kind: String,
    /// The fields that the path says.
    fields: Map<String, Value>,
    read_at: Instant,
    condition: Condition,
}

/// What the revisions of `If-Match` are about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Revised {
    Room,
    Seat,
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

/// `DELETE /v1/rooms/{room}/{noun}/{name}`: a ban, by identity; an invite, by id; what was decided about someone, by identity.
pub(super) async fn take_back(
    State(shared): State<Arc<Shared>>,
    Path((room, noun, name)): Path<(String, String, String)>,
    request: Request,
) -> Result<Response, Problem> {
    let (kind, fields) = match noun.as_str() {
        "bans" => ("member_unban", json!({"identity": name})),
        "invites" => ("invite_revoke", json!({"invite": name})),
        "moderation" => (FORGET, json!({"identity": name})),
        _ => return Err(Problem::not_found()),
    };
    let asked = Asked::new(&room, kind.to_owned(), fields)?;
    carry_out(&shared, asked, request).await
}

/// `DELETE /v1/rooms/{room}/moderation`: forgets what moderators decided about people.
pub(super) async fn forget_all(
    State(shared): State<Arc<Shared>>,
    Path((room, noun)): Path<(String, String)>,
    request: Request,
) -> Result<Response, Problem> {
    if noun != "moderation" {
        return Err(Problem::method_not_allowed());
    }
    let asked = Asked::new(&room, FORGET.to_owned(), json!({}))?;
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
        Ok(Self { room, kind, fields, read_at: clock::now(), condition: Condition::Any })
    }

    /// Whose revision a request of this kind can be bound to.
    fn revised(&self) -> Option<Revised> {
        match self.kind.as_str() {
            "room_update" | "room_close" => Some(Revised::Room),
            "seat_lock" | "seat_unlock" | "seat_mute" | "seat_unmute" | "seat_kick" | "seat_assign" => {
                Some(Revised::Seat)
            }
            _ => None,
        }
    }

    /// The same, bound to this revision, if to one.
    fn at(&self, revision: Option<u64>, by: &Outsider) -> (Self, Outsider) {
        let (mut asked, mut by) = (self.clone(), by.clone());
        match self.revised() {
            Some(Revised::Room) => by.expect_seq = revision,
            Some(Revised::Seat) => {
                asked.fields.extend(revision.map(|revision| ("expect_rev".to_owned(), json!(revision))));
            }
            None => {}
        }
        (asked, by)
    }

    /// The command that this and a body are. What the path says counts.
    fn act(mut self, body: &[u8], depth_max: usize) -> Result<Act, Problem> {
        let mut fields: Map<String, Value> = match body {
            [] => Map::new(),
            body => json::from_slice(body)
                .map_err(|error| Problem::from(Refusal::InvalidArgument).detail(error.to_string()))?,
        };
        fields.append(&mut self.fields);
        if self.kind == FORGET {
            return forget(&fields);
        }
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

/// Forgetting is for back ends only, so no frame asks for it.
fn forget(fields: &Map<String, Value>) -> Result<Act, Problem> {
    let wrong = |why: String| Problem::from(Refusal::InvalidArgument).detail(why);
    let identity = match fields.get("identity") {
        None => None,
        Some(name) => {
            let name = name.as_str().ok_or_else(|| wrong("identity: must be a string".to_owned()))?;
            Some(Identity::parse(name).map_err(|error| wrong(format!("identity: {error}")))?)
        }
    };
    Ok(Act::ModerationForget { identity })
}

/// Carries a request out; with an `Idempotency-Key` once.
async fn carry_out(shared: &Arc<Shared>, mut asked: Asked, request: Request) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    let access = access::of_request(shared, &head.headers)?;
    let body = read_bytes(body).await?;
    let by = outsider(&access, &asked)?;
    asked.condition = Condition::of(&head.headers)?;
    if asked.condition != Condition::Any && asked.revised().is_none() {
        return Err(Problem::from(Refusal::InvalidArgument).detail("`If-Match` says nothing about this request"));
    }
    let keyed = Keyed::of(by.identity.as_str(), &head, &body)?;
    let carrying = act(Arc::clone(shared), by, asked, body, keyed.clone());
    let answer = match keyed {
        Some(keyed) => shared.answers.once(&keyed, &shared.tasks, carrying).await?,
        None => carrying.await.given,
    };
    Ok(answer.into_response())
}

/// Who asks: an administrator of the room, or someone whose rank the room's record knows.
fn outsider(access: &Access, asked: &Asked) -> Result<Outsider, Problem> {
    let caller = access.acts_on(&asked.room)?;
    Ok(Outsider {
        identity: caller.name().clone(),
        is_admin: caller.is_admin(),
        is_person: caller.person().is_some(),
        is_banned: false,
        token_age: access.age(clock::unix_millis()),
        expect_seq: None,
    })
}

/// Has the room do it. What is answered is written down together with what it changes.
async fn act(shared: Arc<Shared>, by: Outsider, asked: Asked, body: Bytes, keyed: Option<Keyed>) -> Carried {
    let (room, read_at) = (asked.room.clone(), asked.read_at);
    let acting = async {
        let depth_max = shared.config.limits.json_depth;
        let tries = asked.condition.tries();
        for (index, revision) in tries.iter().enumerate() {
            let is_last = index + 1 == tries.len();
            let (asked, by) = asked.at(*revision, &by);
            let act = asked.act(&body, depth_max)?;
            if by.is_person && index == 0 {
                let judged = shared.paces.judge_outside(&room, &by.identity, &act, read_at);
                judged.map_err(|retry_after| Problem::from(Refusal::RateLimited).retry_after(retry_after))?;
            }
            let remember = keyed.clone().map(|keyed| remember(keyed, revision.is_some(), is_last));
            let acted = match shared.directory.find(&room) {
                Some(handle) => handle.act(by, act, remember, read_at).await,
                None => shared.directory.decide(&room, by, act, remember).await,
            };
            let Acted { result, mut ticket } = acted;
            match result.map_err(|refused| precondition(refused, revision.is_some())) {
                Ok(done) => return Ok::<_, Problem>((done, ticket.is_durable().await)),
                Err(refused) if !is_last && refused.refusal == Refusal::PreconditionFailed => {}
                Err(mut refused) => {
                    refused.refusal = shared.why_gone(refused.refusal);
                    return Err(refused.into());
                }
            }
        }
        Err(Refusal::PreconditionFailed.into())
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

/// What is written down of the answer. A precondition that failed is the answer only where no other tag is left.
fn remember(keyed: Keyed, has_precondition: bool, is_last: bool) -> Remember {
    Box::new(move |result| {
        let answer = match result {
            Ok(done) => success(done),
            Err(refused) => {
                let refused = precondition(refused.clone(), has_precondition);
                if !is_last && refused.refusal == Refusal::PreconditionFailed {
                    return None;
                }
                Problem::from(refused).into_answer()
            }
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
/// The act that no frame asks for.
const FORGET: &str = "moderation_forget";
