//! The ways in: the HTTP API, the upgrade to a session, and the web client's files.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::Request,
    http::{HeaderName, HeaderValue, Method, header},
    middleware::{Next, from_fn, from_fn_with_state},
    response::Response,
    routing::{MethodRouter, any, delete, get, post},
};

use tower_http::cors::CorsLayer;

use self::{callers::Callers, problem::Problem};
use crate::{clock, signaling::Shared};

pub(crate) mod addresses;
pub(crate) mod idempotency;
pub(crate) mod pending;
pub(crate) mod readers;

mod access;
mod admission;
mod answer;
mod assets;
mod bans;
mod callers;
mod condition;
mod dev;
mod door;
mod ending;
mod exchange;
mod frames;
mod handshake;
mod held;
mod history;
mod joining;
mod lists;
mod moderation;
mod openapi;
mod page;
mod people;
mod problem;
mod report;
mod restart;
mod rooms;
mod session;
mod stats;
mod upgrade;

/// Every route there is, but for that of development mode. A path is written one way only; anything else is not found.
fn routes() -> Vec<(&'static str, MethodRouter<Arc<Shared>>)> {
    vec![
        ("/v1/rooms", get(rooms::list).post(rooms::create)),
        ("/v1/rooms/{room}", get(rooms::look).patch(moderation::update).delete(moderation::close)),
        ("/v1/rooms/{room}/seats/{seat}/{verb}", post(moderation::seat)),
        ("/v1/rooms/{room}/hands/{identity}/{verb}", post(moderation::hand)),
        ("/v1/rooms/{room}/hands/{verb}", post(moderation::hands)),
        ("/v1/rooms/{room}/participants/{identity}/{verb}", post(moderation::participant)),
        ("/v1/rooms/{room}/{noun}", get(lists::list).post(moderation::noun).delete(moderation::forget_all)),
        ("/v1/rooms/{room}/{noun}/{name}", delete(moderation::take_back)),
        ("/v1/rooms/{room}/session", get(upgrade::upgrade)),
        ("/v1/rooms/{room}/stats", get(stats::show)),
        ("/v1/bans", get(bans::list).post(bans::set)),
        ("/v1/bans/{identity}", delete(bans::lift)),
        ("/v1/events", get(history::events)),
        ("/v1/audit", get(history::audits)),
        ("/v1/people/{identity}/data", get(people::export).delete(people::erase)),
        ("/v1/openapi.json", get(openapi::document)),
        ("/v1/docs", get(openapi::page)),
        ("/", get(assets::index)),
    ]
}

/// Where a development token is asked for.
const DEV_TOKEN: &str = "/dev/token";

/// The templates of all routes.
pub(crate) fn route_names() -> impl Iterator<Item = &'static str> {
    routes().into_iter().map(|(route, _)| route).chain([DEV_TOKEN])
}

/// The ways in, all of them.
pub(crate) fn router(shared: Arc<Shared>) -> Router {
    let (uncounted, counted): (Vec<_>, Vec<_>) = routes().into_iter().partition(|(path, _)| UNCOUNTED.contains(path));
    let (files, counted): (Vec<_>, Vec<_>) = counted.into_iter().partition(|(path, _)| FILES.contains(path));
    let mut api = with_routes(Router::new(), counted);
    if shared.config.dev.is_some() {
        api = api.route(DEV_TOKEN, post(dev::token));
    }
    let callers = Arc::new(Callers::new(&shared.config.limits, clock::now()));
    let api = api.route_layer(from_fn_with_state((Arc::clone(&shared), Arc::clone(&callers)), callers::pace));
    let by_address = || from_fn_with_state(Arc::clone(&callers), callers::pace_files);
    let files = with_routes(Router::new(), files).route_layer(by_address());
    let mut router = with_routes(api, uncounted)
        .merge(files)
        .method_not_allowed_fallback(async || Problem::method_not_allowed())
        .fallback_service(any(assets::file).layer(by_address()).with_state(Arc::clone(&shared)))
        .layer(from_fn(no_sniffing))
        .layer(from_fn_with_state(Arc::clone(&shared), exchange::exchange));
    if !shared.config.cors_origins.is_empty() {
        router = router.layer(cors(&shared.config.cors_origins));
    }
    router.with_state(shared)
}

fn with_routes(router: Router<Arc<Shared>>, routes: Vec<(&str, MethodRouter<Arc<Shared>>)>) -> Router<Arc<Shared>> {
    routes.into_iter().fold(router, |router, (path, methods)| router.route(path, methods))
}

/// Paths for which no caller is counted: sessions have limits of their own.
const UNCOUNTED: [&str; 1] = ["/v1/rooms/{room}/session"];

/// Paths that are counted as files are, by address.
const FILES: [&str; 3] = ["/v1/openapi.json", "/v1/docs", "/"];

/// Pages of these origins may use the API. Tokens travel in a header that a page must set itself, so no cookie is ever allowed along.
fn cors(origins: &[String]) -> CorsLayer {
    let origins = origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok());
    CorsLayer::new()
        .allow_origin(origins.collect::<Vec<_>>())
        .allow_methods([Method::GET, Method::POST, Method::PATCH, Method::DELETE])
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            header::IF_MATCH,
            HeaderName::from_static("idempotency-key"),
            exchange::REQUEST_ID,
        ])
        .expose_headers([
            header::ETAG,
            header::RETRY_AFTER,
            HeaderName::from_static("idempotent-replayed"),
            exchange::REQUEST_ID,
        ])
        .max_age(PREFLIGHT_AGE)
}

/// How long a browser may remember that it may ask.
const PREFLIGHT_AGE: Duration = Duration::from_secs(600);

async fn no_sniffing(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
