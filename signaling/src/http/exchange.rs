//! An exchange is one request and its answer. It has an id, it is counted, and its address is looked at before anything else is.
//!
//! The id is the one that came in `X-Request-Id`, if it is well-formed, or else a new one. It stands in every line that is logged meanwhile, in the answer's
//! header, in a problem, and in the `bye` of a session that the request opens.

use std::{borrow::Cow, fmt, sync::Arc};

use axum::{
    body::{Body, Bytes},
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header, response::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use tracing::{Instrument, info_span};

use super::problem::{PROBLEM_TYPE, Problem};
use crate::{auth::Denied, clock, metrics::FILES, protocol::server, random, room::Refusal, signaling::Shared};

/// The id of a request, and of the connection that comes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ExchangeId(Arc<str>);

impl ExchangeId {
    /// The id that a request names, or a new one.
    fn of(headers: &HeaderMap) -> Self {
        let mut named = headers.get_all(REQUEST_ID).iter();
        let named = match (named.next(), named.next()) {
            (Some(name), None) => name.to_str().ok().filter(|name| is_well_formed(name)),
            (Some(_) | None, _) => None,
        };
        // Without randomness there is no session and no token either.
        named.map_or_else(|| Self(random::text().unwrap_or_default().into()), |named| Self(named.into()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ExchangeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Carries one request through.
pub(super) async fn exchange(State(shared): State<Arc<Shared>>, mut request: Request, next: Next) -> Response {
    let began = clock::now();
    let id = ExchangeId::of(request.headers());
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let route = route.as_deref().unwrap_or(FILES);
    request.extensions_mut().insert(id.clone());
    let span = info_span!("request", request_id = id.as_str());
    let response = match fault(&method, route, request.uri()) {
        None => next.run(request).instrument(span.clone()).await,
        Some(why) => Problem::from(Refusal::InvalidArgument).detail(why).into_response(),
    };
    let (mut response, code) = with_id(response, &id).await;
    if let Ok(id) = HeaderValue::from_str(id.as_str()) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    if let Some(denied) = response.extensions_mut().remove::<Denied>() {
        span.in_scope(|| shared.note_denied(&denied));
    }
    let counts = &shared.counters.http;
    if let Some(code) = code {
        counts.refused(&code);
    }
    counts.answered(route, method.as_str(), response.status().as_u16(), clock::now().saturating_duration_since(began));
    response
}

/// Why a request's address cannot be one of ours, if so.
fn fault(method: &Method, route: &str, uri: &Uri) -> Option<String> {
    if let Err(why) = decoded(uri.path()) {
        return Some(format!("the path {why}"));
    }
    // What a page is opened with is for the page itself.
    if !["/v1/", "/dev/"].iter().any(|api| uri.path().starts_with(api)) {
        return None;
    }
    let known = query_names(method, route);
    for part in uri.query().unwrap_or_default().split('&').filter(|part| !part.is_empty()) {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let name = match (decoded(name), decoded(value)) {
            (Ok(name), Ok(_)) => name.replace('+', " "),
            (Err(why), _) | (_, Err(why)) => return Some(format!("the query {why}")),
        };
        if !known.contains(&name.as_str()) {
            return Some(format!("there is no query parameter {name:?} here"));
        }
    }
    None
}

/// A part of an address without percent signs, or why that cannot be.
fn decoded(part: &str) -> Result<Cow<'_, str>, &'static str> {
    let mut behind = part.split('%').skip(1);
    if behind.any(|code| !code.as_bytes().get(..2).is_some_and(|code| code.iter().all(u8::is_ascii_hexdigit))) {
        return Err("has a percent sign without two hexadecimal digits behind it");
    }
    // What the text may hold is for the ids and words that it becomes.
    percent_encoding::percent_decode_str(part).decode_utf8().map_err(|_| "is not UTF-8 when it is decoded")
}

/// The query parameters that a route knows.
pub(super) fn query_names(method: &Method, route: &str) -> &'static [&'static str] {
    let method = if method == Method::HEAD { &Method::GET } else { method };
    let of = QUERIES.iter().find(|(wanted, path, _)| wanted == method && *path == route);
    of.map_or(&[], |(_, _, names)| names)
}

/// Every request that takes query parameters, with their names.
const QUERIES: &[(Method, &str, &[&str])] = &[
    (Method::GET, "/v1/rooms", &["after", "limit"]),
    (Method::DELETE, "/v1/rooms/{room}", &["notice_ms"]),
    (Method::GET, "/v1/rooms/{room}/{noun}", &["after", "limit"]),
    (Method::GET, "/v1/rooms/{room}/session", &["access_token"]),
    (Method::GET, "/v1/bans", &["after", "limit"]),
    (Method::GET, "/v1/events", &["after", "room", "kinds", "limit"]),
    (Method::GET, "/v1/audit", &["after", "room", "identity", "limit"]),
    (Method::DELETE, "/v1/people/{identity}/data", &["keep_bans"]),
];

/// A problem with the id of its exchange, and its code. Everything else stays as it is: answers that are kept for those who ask again have no id.
async fn with_id(response: Response, id: &ExchangeId) -> (Response, Option<String>) {
    if response.headers().get(header::CONTENT_TYPE).is_none_or(|kind| kind != PROBLEM_TYPE) {
        return (response, None);
    }
    let (parts, body) = response.into_parts();
    // Problems are bodies of ours, in hand already.
    let body = axum::body::to_bytes(body, PROBLEM_BYTES_MAX).await.unwrap_or_default();
    let code = serde_json::from_slice(&body).ok().map(|CodeOnly { code }| code);
    (told(parts, &body, id), code)
}

fn told(mut parts: Parts, body: &Bytes, id: &ExchangeId) -> Response {
    let Some(problem) = std::str::from_utf8(body).ok().filter(|body| !body.is_empty()) else {
        return Response::from_parts(parts, Body::from(body.clone()));
    };
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(server::with_text(problem, "request_id", id.as_str())))
}

/// The only member of a problem that is read again.
#[derive(Deserialize)]
struct CodeOnly {
    code: String,
}

/// A name that a log, a header and a JSON text can hold as it is.
fn is_well_formed(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:~@/+=".contains(&byte);
    (1..=ID_CHARS_MAX).contains(&name.len()) && name.bytes().all(is_plain)
}

/// The header that carries the id, both ways.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The longest id that is taken from a request.
const ID_CHARS_MAX: usize = 128;
/// No problem of ours is as long.
const PROBLEM_BYTES_MAX: usize = 1024 * 1024;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]

    use super::*;

    #[test]
    fn an_id_is_taken_if_it_is_well_formed_and_the_only_one() {
        let of = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            values.iter().for_each(|value| {
                headers.append(REQUEST_ID, value.parse().unwrap());
            });
            ExchangeId::of(&headers)
        };
        let long = "x".repeat(ID_CHARS_MAX + 1);
        for good in ["7", "0190-ab_c.d:e", "Root=1-67891233-abcdef012345678912345678", &long[1..]] {
            assert_eq!(of(&[good]).as_str(), good);
        }
        for bad in [&[""][..], &[" "], &["a b"], &["a\"b"], &["a,b"], &["<x>"], &[&long], &["one", "two"], &[]] {
            let made = of(bad);
            assert!(made.as_str().len() == 22 && is_well_formed(made.as_str()), "{bad:?}: {made}");
            assert_ne!(made, of(bad), "each has another");
        }
    }

    #[test]
    fn an_address_is_utf8_and_plain_and_asks_only_what_is_known() {
        let fault = |method: Method, route: &str, uri: &str| fault(&method, route, &uri.parse().unwrap());
        for good in ["/v1/events", "/v1/events?", "/v1/events?&", "/v1/events?after=1&limit=2", "/v1/events?%61fter=1"]
        {
            assert_eq!(fault(Method::GET, "/v1/events", good), None, "{good}");
        }
        assert_eq!(fault(Method::HEAD, "/v1/events", "/v1/events?after=1"), None);
        for (uri, word) in [
            ("/v1/rooms/%ff", "UTF-8"),
            ("/v1/rooms/%c0%af", "UTF-8"),
            ("/v1/rooms/%ed%a0%80", "UTF-8"),
            ("/v1/rooms/%zz", "percent"),
            ("/v1/rooms/a%2", "percent"),
            ("/v1/rooms/%", "percent"),
            ("/%ff.js", "UTF-8"),
            ("/v1/rooms/a?notice_ms=1", "\"notice_ms\""),
            ("/v1/rooms/a?x", "\"x\""),
            ("/v1/rooms/a?x%22=1", "\"x\\\"\""),
            ("/v1/rooms/a?%ff=1", "UTF-8"),
        ] {
            let why = fault(Method::GET, "/v1/rooms/{room}", uri).unwrap_or_default();
            assert!(why.contains(word), "{uri}: {why}");
        }
        assert_eq!(fault(Method::DELETE, "/v1/rooms/{room}", "/v1/rooms/a?notice_ms=1"), None);
        assert!(fault(Method::POST, "/v1/rooms", "/v1/rooms?limit=1").is_some());
        assert_eq!(
            fault(Method::GET, "/v1/rooms/{room}", "/v1/rooms/a%00"),
            None,
            "the room's id is judged where it is read"
        );
        for page in ["/?room=demo&rank=host", "/app.js?v=1"] {
            assert_eq!(fault(Method::GET, "/", page), None, "{page}");
        }
    }
}
