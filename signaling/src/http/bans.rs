//! `/v1/bans`: bans from all rooms, for back ends of the whole server.

use std::sync::Arc;

use axum::{
    extract::{Path, Query, Request, State, rejection::QueryRejection},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};

use super::{
    access,
    answer::Answer,
    idempotency::{Carried, Keyed},
    lists::{self, ListQuery},
    page::{self, PAGE_MAX},
    problem::Problem,
    rooms::{json_of, read_bytes},
};
use crate::{
    ids::Identity,
    protocol::{body::BanEverywhere, server, view::BanJson},
    room::{BanView, Done, Refusal},
    rooms::banning::BanAsked,
    signaling::Shared,
    store::Ticket,
};

/// `GET /v1/bans`
pub(super) async fn list(
    State(shared): State<Arc<Shared>>,
    query: Result<Query<ListQuery>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let _by = access::of_request(&shared, &headers)?.bans_everywhere()?;
    let ListQuery { after, limit } = page::query(query)?;
    let (after, limit) = (lists::identity(after)?, page::limit(limit, PAGE_MAX)?);
    let event_id = shared.store.last_event_id();
    let mut bans = shared.directory.bans_everywhere(after.as_ref(), limit + 1);
    let next = page::cut(&mut bans, limit, |ban: &BanView| ban.identity.clone());
    let text = lists::written(bans.iter().map(BanJson::from), next, Some(event_id));
    Ok(Answer::json(StatusCode::OK, text).into_response())
}

/// `POST /v1/bans`
pub(super) async fn set(State(shared): State<Arc<Shared>>, request: Request) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    let by = access::of_request(&shared, &head.headers)?.bans_everywhere()?.name().clone();
    let body = read_bytes(body).await?;
    let keyed = Keyed::of(by.as_str(), &head, &body)?;
    let wanted: BanEverywhere = json_of(&body)?;
    let (reason, lasts) = wanted.decision().map_err(|why| Problem::from(Refusal::InvalidArgument).detail(why))?;
    let asked = BanAsked { by, who: wanted.identity, reason, lasts };
    let carrying = ban(Arc::clone(&shared), asked, keyed.clone());
    let answer = match keyed {
        Some(keyed) => shared.answers.once(&keyed, &shared.tasks, carrying).await?,
        // A task of its own: a ban that is set is also carried out in all rooms, even if whoever asked hangs up meanwhile.
        None => shared.tasks.spawn(carrying).await.map_err(|_| Refusal::Internal)?.given,
    };
    Ok(answer.into_response())
}

async fn ban(shared: Arc<Shared>, asked: BanAsked, keyed: Option<Keyed>) -> Carried {
    let row = |_: &BanView| keyed.as_ref().map(|keyed| keyed.row(&done()));
    match shared.directory.ban_everywhere(asked, row).await {
        Ok((_, ticket)) => settled(ticket).await,
        Err(refusal) => Carried::from(Problem::from(refusal).into_answer()),
    }
}

/// `DELETE /v1/bans/{identity}`
pub(super) async fn lift(
    State(shared): State<Arc<Shared>>,
    Path(identity): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    let by = access::of_request(&shared, &head.headers)?.bans_everywhere()?.name().clone();
    let body = read_bytes(body).await?;
    let keyed = Keyed::of(by.as_str(), &head, &body)?;
    let who = Identity::parse(&identity)
        .map_err(|error| Problem::from(Refusal::InvalidArgument).detail(format!("identity: {error}")))?;
    let carrying = unban(Arc::clone(&shared), by, who, keyed.clone());
    let answer = match keyed {
        Some(keyed) => shared.answers.once(&keyed, &shared.tasks, carrying).await?,
        None => carrying.await.given,
    };
    Ok(answer.into_response())
}

async fn unban(shared: Arc<Shared>, by: Identity, who: Identity, keyed: Option<Keyed>) -> Carried {
    let row = keyed.as_ref().map(|keyed| keyed.row(&done()));
    let carried = settled(shared.directory.unban_everywhere(&by, &who, row)).await;
    if let Some(keyed) = keyed {
        keyed.keep(&shared.store, &carried.kept);
    }
    carried
}

async fn settled(mut ticket: Ticket) -> Carried {
    if ticket.is_durable().await {
        return Carried::from(done());
    }
    let given = Answer { body: server::done_in_memory(&Done::default()).into(), ..done() };
    Carried { kept: done(), given }
}

fn done() -> Answer {
    Answer::json(StatusCode::OK, server::done(&Done::default()))
}
