//! A problem is an HTTP error: `application/problem+json` with a stable code.

use std::time::Duration;

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

use crate::{auth::Denied, protocol::body, room::Refusal};

/// An error of the HTTP API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    status: StatusCode,
    code: &'static str,
    title: &'static str,
    detail: Option<String>,
    retry_after: Option<Duration>,
}

impl Problem {
    /// The same with words for developers.
    pub(crate) fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// The same with a time to try again.
    pub(crate) fn retry_after(mut self, retry_after: Duration) -> Self {
        self.retry_after = Some(retry_after);
        self
    }

    /// No such path.
    pub(crate) fn not_found() -> Self {
        Self::plain(StatusCode::NOT_FOUND, "not_found", "There is nothing here.")
    }

    /// No such method on this path.
    pub(crate) fn method_not_allowed() -> Self {
        Self::plain(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "This path does not know this method.")
    }

    fn plain(status: StatusCode, code: &'static str, title: &'static str) -> Self {
        Self { status, code, title, detail: None, retry_after: None }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let status = StatusCode::from_u16(refusal.http_status()).expect("refusals have valid statuses");
        Self::plain(status, refusal.code(), refusal.message())
    }
}

impl From<Denied> for Problem {
    fn from(denied: Denied) -> Self {
        Self::from(Refusal::from(denied))
    }
}

impl From<Denied> for Refusal {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Unauthenticated => Self::Unauthenticated,
            Denied::Expired => Self::TokenExpired,
            Denied::Forbidden => Self::Forbidden,
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = body::Problem {
            kind: "about:blank",
            title: self.title,
            status: self.status.as_u16(),
            code: self.code,
            detail: self.detail.as_deref(),
        };
        let text = serde_json::to_string(&body).expect("a problem has string keys");
        let mut response = (self.status, [(header::CONTENT_TYPE, "application/problem+json")], text).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(retry_after) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(retry_after.as_secs().max(1)));
        }
        response
    }
}
