//! `GET /v1/rooms/{room}/session`: an HTTP request becomes a session.
//!
//! A page cannot read the status of a failed upgrade. So a bad token is told after it, in a `bye`; only what there are too many of is told before.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    extract::{ConnectInfo, Extension, FromRequestParts, Path, Query, Request, State, rejection::QueryRejection},
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use tracing::{Instrument, debug, info_span};

use super::{
    access,
    addresses::NoPlace,
    admission::{Admission, NotAdmitted},
    exchange::ExchangeId,
    handshake::Handshake,
    pending,
    problem::Problem,
    session::{Entry, Session},
};
use crate::{clock, ids::RoomId, limit::ClientAddress, paces::NoPaces, room::Refusal, signaling::Shared};

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
    Extension(connection): Extension<ExchangeId>,
    request: Request,
) -> Response {
    let requested_at = clock::now();
    let (mut head, _body) = request.into_parts();
    let Some(handshake) = Handshake::of(&mut head) else {
        return Problem::from(Refusal::InvalidArgument)
            .detail("this path takes WebSocket upgrades only")
            .into_response();
    };
    let address = ClientAddress::from(peer.ip());
    let place = match shared.addresses.take(address) {
        Ok(place) => place,
        Err(NoPlace::OfAddress) => {
            shared.counters.sessions_refused.add_one();
            return Problem::from(Refusal::RateLimited).retry_after(RETRY_AFTER).into_response();
        }
        Err(NoPlace::OfAll) => return shed(&shared),
    };
    let query: Result<Query<UpgradeQuery>, QueryRejection> = Query::from_request_parts(&mut head, &shared).await;
    let in_query = query.as_ref().ok().and_then(|Query(query)| query.access_token.as_deref());
    let admission = admission(&shared, &room, &head.headers, in_query);
    // A refused token takes no place from anybody.
    let entry = match admission.as_ref().map(|admission| entry(&shared, address, admission)) {
        Ok(Ok(entry)) => Some(entry),
        Ok(Err(NoEntry::OfIdentity)) => {
            shared.counters.sessions_refused.add_one();
            return Problem::from(Refusal::RateLimited).retry_after(RETRY_AFTER).into_response();
        }
        Ok(Err(NoEntry::OfAll)) => return shed(&shared),
        Err(_) => None,
    };
    let (response, opening) = handshake.answer(access::names_subprotocol(&head.headers));
    let (named, unknown) = (connection.as_str(), tracing::field::Empty);
    let span = info_span!("session", connection = named, room = unknown, session = unknown);
    if let Ok(admission) = &admission {
        span.record("room", admission.room.as_str());
    }
    let tasks = shared.tasks.clone();
    let session = async move {
        let socket = match opening.open(shared.config.limits.frame_bytes).await {
            Ok(socket) => socket,
            Err(error) => return debug!(%error, "upgrade failed"),
        };
        debug!(%peer, "socket opened");
        Session::new(Arc::clone(&shared), (address, place), socket, entry, requested_at, connection)
            .run(admission)
            .await;
    };
    tasks.spawn(session.instrument(span));
    response
}

/// Why a socket with a good token does not come in.
enum NoEntry {
    OfIdentity,
    OfAll,
}

fn entry(shared: &Shared, address: ClientAddress, admission: &Admission) -> Result<Entry, NoEntry> {
    let (now, Admission { room, identity, .. }) = (clock::now(), admission);
    let person = shared.paces.of_session(room, identity, now).map_err(|no_paces| match no_paces {
        NoPaces::TooManySessions => NoEntry::OfIdentity,
        NoPaces::Full => NoEntry::OfAll,
    })?;
    let pending = shared.pending_joins.take(address, (room.clone(), identity.clone()), now);
    Ok(Entry { person, pending: pending.map_err(|pending::NoPlace| NoEntry::OfAll)? })
}

fn admission(
    shared: &Shared,
    room: &str,
    headers: &HeaderMap,
    in_query: Option<&str>,
) -> Result<Admission, NotAdmitted> {
    let judged = access::of_upgrade(shared, headers, in_query)?;
    let is_expired = judged.is_expired();
    let access = judged.access;
    let room = RoomId::parse(room).map_err(|_| NotAdmitted::NoRoom)?;
    let identity = access.joins(&room)?.clone();
    Ok(Admission { room, identity, access, is_expired })
}

fn shed(shared: &Shared) -> Response {
    shared.counters.sessions_shed.add_one();
    Problem::from(Refusal::NodeFull).retry_after(RETRY_AFTER).into_response()
}

const RETRY_AFTER: Duration = Duration::from_secs(5);
