//! `POST /dev/token`: tokens for anyone who asks. It exists in development mode only, and answers this machine only.
//!
//! A page from elsewhere must not get one by way of the browser: so neither a foreign `Origin` nor a foreign `Host` (a name that was made to point here)
//! is answered.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use axum::{
    Json,
    body::Body,
    extract::{ConnectInfo, State},
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};

use super::{problem::Problem, rooms::read_json};
use crate::{
    auth::{self, NAME_CHARS_MAX, TokenRequest},
    clock,
    ids::Identity,
    protocol::body::{DevToken, DevTokenRequest},
    random,
    room::{Rank, Refusal},
    signaling::Shared,
    text,
};

/// `POST /dev/token`
pub(super) async fn token(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let dev = shared.config.dev.as_ref().ok_or_else(Problem::not_found)?;
    if !is_local(peer.ip(), &headers) {
        return Err(Problem::from(Refusal::Forbidden).detail("development tokens are for this machine only"));
    }
    let wanted: DevTokenRequest = read_json(body).await?;
    let secret = shared.config.keys.get(&dev.key_id).ok_or(Refusal::Internal)?;
    let identity = match wanted.identity {
        Some(identity) => identity,
        None => made_up()?,
    };
    let request = TokenRequest {
        room: wanted.room,
        identity,
        // A name that cannot be shown keeps nobody out.
        name: wanted.name.and_then(|name| text::cleaned(&name, NAME_CHARS_MAX)),
        rank: wanted.rank.map_or(Rank::Member, Rank::from),
        manages_rooms: false,
        lifetime: DEV_TOKEN_LIFETIME,
    };
    let token = auth::mint(&dev.key_id, secret, &request, clock::unix_seconds())
        .map_err(|error| Problem::from(Refusal::InvalidArgument).detail(error.to_string()))?;
    let mut response = Json(DevToken { token, identity: &request.identity, room: &request.room }).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
    Ok(response)
}

fn made_up() -> Result<Identity, Refusal> {
    let [a, b, c, d] = random::bytes().ok_or(Refusal::Internal)?;
    Identity::parse(&format!("guest-{a:02x}{b:02x}{c:02x}{d:02x}")).map_err(|_| Refusal::Internal)
}

fn is_local(peer: IpAddr, headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).map(|value: &header::HeaderValue| value.to_str().unwrap_or_default());
    let is_local_host = text(header::HOST).is_some_and(is_loopback_authority);
    let is_local_origin = text(header::ORIGIN).is_none_or(|origin| {
        let authority = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
        authority.is_some_and(is_loopback_authority)
    });
    let site = text(header::HeaderName::from_static("sec-fetch-site"));
    let is_same_site = site.is_none_or(|site| matches!(site, "same-origin" | "same-site" | "none"));
    peer.to_canonical().is_loopback() && is_local_host && is_local_origin && is_same_site
}

/// Whether `host` or `host:port` is this machine by its own name.
fn is_loopback_authority(authority: &str) -> bool {
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port),
        Some(_) | None => (authority, "0"),
    };
    if port.parse::<u16>().is_err() {
        return false;
    }
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|host| host.to_canonical().is_loopback())
}

/// How long a development token lives.
const DEV_TOKEN_LIFETIME: Duration = Duration::from_secs(12 * 60 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_by_its_own_name_is_local() {
        for local in ["localhost", "LOCALHOST:7880", "127.0.0.1:7880", "127.9.9.9", "[::1]:7880", "[::1]"] {
            assert!(is_loopback_authority(local), "{local}");
        }
        for foreign in [
            "",
            "evil.example",
            "localhost.evil.example:7880",
            "10.0.0.1",
            "localhost:",
            "localhost:x",
            "localhost@evil",
            "[::2]:1",
            "null",
        ] {
            assert!(!is_loopback_authority(foreign), "{foreign}");
        }
    }

    #[test]
    fn peer_host_and_origin_must_all_be_local() {
        let local = IpAddr::from([127, 0, 0, 1]);
        let headers = |host: &'static str, origin: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, header::HeaderValue::from_static(host));
            if let Some(origin) = origin {
                headers.insert(header::ORIGIN, header::HeaderValue::from_static(origin));
            }
            headers
        };
        assert!(is_local(local, &headers("localhost:7880", None)));
        assert!(is_local(local, &headers("localhost:7880", Some("http://localhost:7880"))));
        assert!(!is_local(IpAddr::from([10, 0, 0, 1]), &headers("localhost:7880", None)));
        assert!(!is_local(local, &headers("podium.evil.example:7880", None)));
        assert!(!is_local(local, &headers("localhost:7880", Some("https://evil.example"))));
        assert!(!is_local(local, &headers("localhost:7880", Some("null"))));
        assert!(!is_local(local, &HeaderMap::new()));
    }
}
