//! `GET /v1/rooms/{room}/session`: an HTTP request becomes a session.
//!
//! A page cannot read the status of a failed upgrade. So a bad token is told after it, in a `bye`; only what there are too many of is told before.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    extract::{
        ConnectInfo, Path, Query, State, WebSocketUpgrade, rejection::QueryRejection,
        ws::rejection::WebSocketUpgradeRejection,
    },
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use tracing::{Instrument, debug, info_span};

use super::{access, addresses::NoPlace, admission::Admission, problem::Problem, session::Session};
use crate::{auth::Judged, clock, ids::RoomId, protocol::SUBPROTOCOL, room::Refusal, signaling::Shared};

/// The query of an upgrade.
#[derive(Deserialize)]
pub(super) struct UpgradeQuery {
    access_token: Option<String>,
}

/// `GET /v1/rooms/{room}/session`
pub(super) async fn upgrade(
    State(shared): State<Arc<Shared>>,
    Path(room): Path<String>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    query: Result<Query<UpgradeQuery>, QueryRejection>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let requested_at = clock::now();
    let Ok(mut upgrade) = upgrade else {
        return Problem::from(Refusal::InvalidArgument)
            .detail("this path takes WebSocket upgrades only")
            .into_response();
    };
    let place = match shared.addresses.take(peer.ip()) {
        Ok(place) => place,
        Err(NoPlace::OfAddress) => {
            shared.counters.sessions_refused.add_one();
            return Problem::from(Refusal::RateLimited).retry_after(RETRY_AFTER).into_response();
        }
        Err(NoPlace::OfAll) => return shed(&shared),
    };
    // Joins cost the most, so their number is bounded by itself: in a storm they are let in one after the other.
    let Ok(pending) = Arc::clone(&shared.pending_joins).try_acquire_owned() else {
        return shed(&shared);
    };
    let in_query = query.as_ref().ok().and_then(|Query(query)| query.access_token.as_deref());
    let admission = admission(&shared, &room, &headers, in_query);
    if access::names_subprotocol(&headers) {
        upgrade = upgrade.protocols([SUBPROTOCOL]);
    }
    let frame_bytes = shared.config.limits.frame_bytes;
    upgrade
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(WRITE_BUFFER_BYTES)
        .max_write_buffer_size(WRITE_BUFFER_BYTES_MAX)
        .max_message_size(frame_bytes)
        .max_frame_size(frame_bytes)
        .on_failed_upgrade(|error| debug!(%error, "upgrade failed"))
        .on_upgrade(move |socket| {
            let span = info_span!("session", room = tracing::field::Empty, session = tracing::field::Empty);
            if let Ok(admission) = &admission {
                span.record("room", admission.room.as_str());
            }
            let tasks = shared.tasks.clone();
            let session = async move {
                debug!(%peer, "socket opened");
                Session::new(Arc::clone(&shared), socket, pending, requested_at).run(admission).await;
                drop(place);
            };
            tasks.track_future(session.instrument(span))
        })
}

fn admission(shared: &Shared, room: &str, headers: &HeaderMap, in_query: Option<&str>) -> Result<Admission, Refusal> {
    let Judged { access, is_expired } = access::of_upgrade(shared, headers, in_query)?;
    let room = RoomId::parse(room).map_err(|_| Refusal::RoomNotFound)?;
    let identity = access.may_join(&room)?.clone();
    Ok(Admission { room, identity, access, is_expired })
}

fn shed(shared: &Shared) -> Response {
    shared.counters.sessions_shed.add_one();
    Problem::from(Refusal::NodeFull).retry_after(RETRY_AFTER).into_response()
}

/// axum's 128 KiB for each direction would be the largest thing that a listener costs. Commands are short; an offer takes a few reads, once.
const READ_BUFFER_BYTES: usize = 1024;
const WRITE_BUFFER_BYTES: usize = 4 * 1024;

/// Frames are written one at a time, so this holds the longest welcome and a little.
const WRITE_BUFFER_BYTES_MAX: usize = 4 * 1024 * 1024;

const RETRY_AFTER: Duration = Duration::from_secs(5);
