//! Where a request carries its token, and what that allows.

use axum::http::{HeaderMap, header};

use super::problem::Problem;
use crate::{
    auth::{self, Access, Caller, Denied, Judged},
    clock,
    ids::RoomId,
    protocol::SUBPROTOCOL,
    room::Refusal,
    rooms::handle::{Asker, Found, RoomOver},
    signaling::Shared,
};

/// Judges the bearer token of an HTTP request.
pub(super) fn of_request(shared: &Shared, headers: &HeaderMap) -> Result<Access, Denied> {
    judge(shared, from_authorization(headers))?.unexpired()
}

/// Judges the token of a session's upgrade: in `Authorization`, as a subprotocol, or in the query. It may have expired.
pub(super) fn of_upgrade(shared: &Shared, headers: &HeaderMap, in_query: Option<&str>) -> Result<Judged, Denied> {
    judge(shared, from_authorization(headers).or_else(|| from_subprotocol(headers)).or(in_query))
}

fn judge(shared: &Shared, token: Option<&str>) -> Result<Judged, Denied> {
    let token = token.ok_or_else(Denied::missing)?;
    auth::judge(&shared.config.keys, token, clock::unix_seconds(), shared.config.limits.name_chars)
}

/// A person who was put out of a room does not read of it either, whatever their token allows. A back end may.
pub(super) async fn refuse_put_out(
    shared: &Shared,
    access: &Access,
    caller: &Caller,
    room: &RoomId,
) -> Result<(), Problem> {
    let Some(asker) = asker(access, caller) else {
        return Ok(());
    };
    if shared.directory.is_banned_everywhere(&asker.identity) {
        return Err(Refusal::Banned.into());
    }
    let Some(handle) = shared.directory.find(room) else {
        let verdict = shared.directory.verdict(room, &asker.identity, asker.token_age);
        return verdict.shut_out.map_or(Ok(()), |refusal| Err(refusal.into()));
    };
    match handle.find(asker).await {
        Ok(Found { shut_out: Some(refusal), .. }) => Err(refusal.into()),
        // A room that is over remembers nobody.
        Ok(Found { shut_out: None, .. }) | Err(RoomOver) => Ok(()),
    }
}

/// The person who asks, as a room is told of them.
pub(super) fn asker(access: &Access, caller: &Caller) -> Option<Asker> {
    let identity = caller.person()?.clone();
    Some(Asker { identity, token_age: access.age(clock::unix_millis()) })
}

/// Whether the client speaks this protocol by name.
pub(super) fn names_subprotocol(headers: &HeaderMap) -> bool {
    subprotocols(headers).any(|name| name == SUBPROTOCOL)
}

fn from_authorization(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token)
}

fn from_subprotocol(headers: &HeaderMap) -> Option<&str> {
    subprotocols(headers).find_map(|name| name.strip_prefix("bearer."))
}

fn subprotocols(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    headers
        .get_all(header::SEC_WEBSOCKET_PROTOCOL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]

    use super::*;

    #[test]
    fn a_token_is_found_where_it_may_be() {
        let mut headers = HeaderMap::new();
        assert_eq!((from_authorization(&headers), from_subprotocol(&headers)), (None, None));
        headers.insert(header::AUTHORIZATION, "bearer a.b.c".parse().unwrap());
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, "podium.v1,bearer.d.e.f".parse().unwrap());
        assert_eq!((from_authorization(&headers), from_subprotocol(&headers)), (Some("a.b.c"), Some("d.e.f")));
        assert!(names_subprotocol(&headers));
        headers.insert(header::AUTHORIZATION, "Basic a.b.c".parse().unwrap());
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, "podium.v2".parse().unwrap());
        assert_eq!((from_authorization(&headers), from_subprotocol(&headers)), (None, None));
        assert!(!names_subprotocol(&headers));
    }
}
