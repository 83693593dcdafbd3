//! The description of the HTTP API, for programs (OpenAPI 3.1) and for people (a page that shows the same).
//!
//! It is made from the types of the wire by the tests of this module, which also hold it against the routes. The server only hands it out.

use axum::{
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};

use super::assets;

#[cfg(test)]
mod tests;

/// `GET /v1/openapi.json`: the same for everyone, so it needs no token, and pages of any origin may read it.
pub(super) async fn document() -> Response {
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "no-cache"),
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
    ];
    (headers, DOCUMENT).into_response()
}

/// `GET /v1/docs`: a page that shows the document.
pub(super) async fn page(headers: HeaderMap) -> Response {
    assets::serve("docs/index.html", &headers)
}

const DOCUMENT: &str = include_str!("../../../schema/openapi.json");
