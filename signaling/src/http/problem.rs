//! A problem is an HTTP error: `application/problem+json` with a stable code.

use std::time::Duration;

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use tracing::warn;

use super::answer::Answer;
use crate::{
    auth::Denied,
    protocol::{body, server},
    room::{Refusal, Refused},
    store::StoreError,
};

/// An error of the HTTP API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    status: StatusCode,
    code: &'static str,
    title: &'static str,
    detail: Option<String>,
    retry_after: Option<Duration>,
    details: Option<serde_json::Value>,
    /// The token was the trouble.
    denied: Option<Box<Denied>>,
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

    /// The same `Idempotency-Key` came with another request.
    pub(crate) fn key_reused() -> Self {
        let title = "This idempotency key belongs to another request.";
        Self::plain(StatusCode::UNPROCESSABLE_ENTITY, Refusal::InvalidArgument.code(), title)
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
        Self { status, code, title, detail: None, retry_after: None, details: None, denied: None }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let status = StatusCode::from_u16(refusal.http_status()).expect("refusals have valid statuses");
        Self::plain(status, refusal.code(), refusal.message())
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        let details = server::details(&refused);
        let has_details = details.as_object().is_some_and(|details| !details.is_empty());
        Self {
            retry_after: refused.details.retry_after,
            details: has_details.then_some(details),
            ..Self::from(refused.refusal)
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        // What the system says may name files, so it is for the log and not for whoever asks.
        warn!(%error, "the store cannot be read or written");
        Refusal::Storage.into()
    }
}

impl From<Denied> for Problem {
    fn from(denied: Denied) -> Self {
        let detail = denied.told().map(str::to_owned);
        Self { detail, denied: Some(Box::new(denied.clone())), ..Self::from(denied.refusal()) }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        self.into_answer().into_response()
    }
}

impl Problem {
    /// The answer that it is.
    pub(super) fn into_answer(self) -> Answer {
        let body = body::Problem {
            kind: "about:blank",
            title: self.title,
            status: self.status.as_u16(),
            code: self.code,
            detail: self.detail.as_deref(),
            details: self.details.as_ref(),
            request_id: None,
        };
        let text = serde_json::to_string(&body).expect("a problem has string keys");
        let content_type = HeaderValue::from_static(PROBLEM_TYPE);
        let mut answer = Answer::of_type(self.status, content_type, text.into());
        if self.status == StatusCode::UNAUTHORIZED {
            answer.headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        let is_busy = matches!(self.status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
        if let Some(retry_after) = self.retry_after.or(is_busy.then_some(RETRY_AFTER)) {
            // Whole seconds, and never so few that the next try comes too early.
            let seconds = retry_after.as_secs() + u64::from(retry_after.subsec_nanos() > 0);
            answer.headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        }
        // A room that is not there yet has done nothing that could be done twice; nor has whoever may not ask.
        let is_of_now = [Refusal::RoomNotFound.code(), Refusal::Forbidden.code()].contains(&self.code);
        answer.is_passing = is_busy || self.status.is_server_error() || is_of_now;
        answer.denied = self.denied;
        answer
    }
}

/// The type of a problem's body.
pub(super) const PROBLEM_TYPE: &str = "application/problem+json";

/// When to try again, where nothing better is known.
const RETRY_AFTER: Duration = Duration::from_secs(2);
