//! The live page: what the latency monitor knows and does at this moment, for people, and the same as JSON.
//!
//! `/monitor` is a page that asks for `/monitor.json` every two seconds. The shape of that document is [`Page`]; a key that is not known is null, never
//! absent.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use super::Admin;
use crate::monitor::page::Page;

pub(super) async fn page() -> Response {
    ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], include_str!("monitor.html")).into_response()
}

pub(super) async fn figures(State(admin): State<Arc<Admin>>) -> Json<Page> {
    Json(admin.monitor.page(&admin.signaling))
}
