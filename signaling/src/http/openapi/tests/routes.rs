//! The document against the routes: whatever it says is answered, and whatever is answered it says.

use std::{collections::BTreeSet, net::SocketAddr, sync::Arc};

use axum::{
    Router,
    body::Body,
    extract::connect_info::MockConnectInfo,
    http::{Request, StatusCode},
};
use serde_json::Value;
use tower::ServiceExt as _;

use super::{
    document::{document, path_fields},
    operations::operations,
};
use crate::{
    Limits, Signaling, SignalingConfig,
    http::{exchange::query_names, routes},
    ids::{RoomId, SessionId},
    media::{MediaFuture, MediaPlane, MediaRefusal, OpenTransport, Opened, RestartIce, StagePlan},
    protocol::tests::schema::{schema, types},
};

#[tokio::test]
async fn every_operation_is_answered() {
    let router = router();
    for operation in operations() {
        let path = filled(operation.path, "");
        let is_there = is_routed(&router, operation.method, &path).await;
        assert!(is_there, "nothing answers {} {path}", operation.method);
    }
}

#[tokio::test]
async fn whatever_is_answered_is_in_the_document() {
    let (router, words) = (router(), words());
    let mut seen = 0;
    for (template, _) in routes().into_iter().filter(|(template, _)| !NO_API.contains(template)) {
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
            for word in &words {
                let path = filled(template, word);
                if is_routed(&router, method, &path).await {
                    seen += 1;
                    assert!(is_described(method, &path), "{method} {path} is not in the document");
                }
                if !["{verb}", "{noun}"].iter().any(|open| template.contains(open)) {
                    break;
                }
            }
        }
    }
    assert!(seen >= operations().len(), "only {seen} were found");
}

/// What a route takes and what the document says of it are two lists.
#[test]
fn query_parameters_are_those_of_the_document() {
    let document = document();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let parameters = operation["parameters"].as_array().unwrap().iter();
            let told = parameters.map(|parameter| document.pointer(&parameter["$ref"].as_str().unwrap()[1..]).unwrap());
            let told = told
                .filter(|parameter| parameter["in"] == "query")
                .map(|parameter| parameter["name"].as_str().unwrap());
            // Four lists are one route.
            let is_list = method == "get" && path.matches('/').count() == 4 && told.clone().any(|name| name == "after");
            let route = if is_list { "/v1/rooms/{room}/{noun}" } else { path };
            let known = query_names(&method.to_uppercase().parse().unwrap(), route);
            assert_eq!(told.collect::<BTreeSet<_>>(), known.iter().copied().collect(), "{method} {path}");
        }
    }
}

#[tokio::test]
async fn the_document_and_its_page_are_served() {
    let router = router();
    for (path, kind) in [("/v1/openapi.json", "application/json"), ("/v1/docs", "text/html; charset=utf-8")] {
        let answer = ask(&router, "GET", path).await;
        assert_eq!((answer.status(), answer.headers()["content-type"].to_str().unwrap()), (StatusCode::OK, kind));
    }
    let body = ask(&router, "GET", "/v1/openapi.json").await.into_body();
    let served: Value = serde_json::from_slice(&axum::body::to_bytes(body, usize::MAX).await.unwrap()).unwrap();
    assert!(served == document(), "what is served is not what is made here");
}

/// A path whose fields are filled; `{verb}` and `{noun}` with a word.
fn filled(template: &str, word: &str) -> String {
    let mut path = template.to_owned();
    for field in path_fields(template) {
        let value = match field {
            "room" => "demo",
            "seat" => "1",
            "invite" => "IN_1",
            "verb" | "noun" => word,
            _ => "ben",
        };
        path = path.replace(&format!("{{{field}}}"), value);
    }
    path
}

/// Every word that a path might hold: the parts of what commands are called, also of many.
fn words() -> BTreeSet<String> {
    let mut words = BTreeSet::from(["participants", "session", "stats"].map(str::to_owned));
    for kind in types(&schema(), "ClientFrame") {
        for (place, _) in kind.match_indices('_') {
            words.extend([kind[..place].to_owned(), kind[place + 1..].to_owned()]);
        }
        words.insert(kind);
    }
    let many: Vec<_> = words.iter().map(|word| format!("{word}s")).collect();
    words.extend(many);
    words
}

fn is_described(method: &str, path: &str) -> bool {
    let fits = |template: &str| {
        template.split('/').count() == path.split('/').count()
            && template.split('/').zip(path.split('/')).all(|(part, value)| part.starts_with('{') || part == value)
    };
    operations().iter().any(|operation| operation.method == method && fits(operation.path))
}

/// Whether a handler took the request, rather than the router's or a handler's own "no such path".
async fn is_routed(router: &Router, method: &str, path: &str) -> bool {
    let answer = ask(router, method, path).await;
    if answer.status() == StatusCode::METHOD_NOT_ALLOWED {
        return false;
    }
    let (status, body) = (answer.status(), answer.into_body());
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let code = serde_json::from_slice::<Value>(&body).ok().map(|problem| problem["code"].clone());
    status != StatusCode::NOT_FOUND || code.is_some_and(|code| code != "not_found")
}

async fn ask(router: &Router, method: &str, path: &str) -> axum::response::Response {
    let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
    router.clone().oneshot(request).await.unwrap()
}

fn router() -> Router {
    // Here one caller tries every path.
    let limits = Limits { http_burst: 100_000, ..Limits::default() };
    let config = SignalingConfig { limits, ..SignalingConfig::default() };
    let signaling = Signaling::open(config, Arc::new(NoMedia)).unwrap();
    signaling.router().layer(MockConnectInfo(SocketAddr::from(([127, 0, 0, 1], 9))))
}

/// Nobody joins here.
struct NoMedia;

impl MediaPlane for NoMedia {
    fn open(&self, _: OpenTransport) -> MediaFuture<'_, Result<Opened, MediaRefusal>> {
        Box::pin(async { Err(MediaRefusal::Unavailable) })
    }

    fn restart(&self, _: RestartIce) -> MediaFuture<'_, Result<Opened, MediaRefusal>> {
        Box::pin(async { Err(MediaRefusal::Unavailable) })
    }

    fn close(&self, _: &RoomId, _: &SessionId) {}

    fn apply(&self, _: StagePlan, _: std::time::Instant) {}

    fn room_closed(&self, _: &RoomId) {}
}

/// The web client's page is not for programs.
const NO_API: [&str; 1] = ["/"];
