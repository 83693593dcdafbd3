//! `GET /v1/rooms/{room}/stats`: how it sounds in a room, for those who run it.

use std::sync::Arc;

use axum::{
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};

use super::{access, answer::Answer, problem::Problem};
use crate::{
    auth::{Access, Caller},
    ids::RoomId,
    protocol::figures::RoomStatsJson,
    room::{Rank, Refusal},
    rooms::handle::{Found, RoomHandle},
    signaling::Shared,
};

/// `GET /v1/rooms/{room}/stats`
pub(super) async fn show(
    State(shared): State<Arc<Shared>>,
    Path(room): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let access = access::of_request(&shared, &headers)?;
    let room = RoomId::parse(&room).map_err(|_| Refusal::RoomNotFound)?;
    let caller = access.acts_on(&room)?;
    let handle = may_read(&shared, &access, &caller, &room).await?;
    let on_stage = handle.on_stage().await.map_err(|refusal| shared.why_gone(refusal))?;
    // Who is hidden is so from hosts, too.
    let population = if caller.is_admin() { handle.roles.counts() } else { handle.roles.visible() };
    let monitor = shared.media.monitor();
    let figures = monitor.figures(&room);
    let name = |session: &_| on_stage.iter().find(|seated| seated.session == *session);
    let stats = RoomStatsJson::new(&room, monitor.is_watching(), population, figures.as_ref(), |figures| {
        name(&figures.session).map(|seated| (&seated.identity, seated.seat))
    });
    let text = serde_json::to_string(&stats).expect("figures have string keys and finite numbers");
    Ok(Answer::json(StatusCode::OK, text).into_response())
}

/// The room, if its administrator asks, or someone who is a host or cohost of it by its own record.
async fn may_read(shared: &Shared, access: &Access, caller: &Caller, room: &RoomId) -> Result<RoomHandle, Problem> {
    let handle = shared.room(room)?;
    let Some(asker) = access::asker(access, caller) else {
        return Ok(handle);
    };
    let found = handle.find(asker).await.map_err(|_over| shared.why_gone(Refusal::RoomClosed))?;
    match found {
        Found { shut_out: Some(refusal), .. } => Err(refusal.into()),
        Found { rank, .. } if caller.is_admin() || rank.is_some_and(Rank::is_moderator) => Ok(handle),
        Found { .. } => Err(Refusal::Forbidden.into()),
    }
}
