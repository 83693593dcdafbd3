//! An answer is a response with its body in hand, so that it can be given again.

use axum::{
    body::Bytes,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

use crate::{auth::Denied, store::AnswerRow};

/// An answer as it goes out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// Trying again may go better, so it is not given again.
    pub(super) is_passing: bool,
    /// The token was the trouble.
    pub(super) denied: Option<Box<Denied>>,
}

impl Answer {
    /// An object of ours.
    pub(super) fn json(status: StatusCode, body: String) -> Self {
        Self::of_type(status, HeaderValue::from_static("application/json"), body.into())
    }

    /// A body of some type, which nobody may keep on the way.
    pub(super) fn of_type(status: StatusCode, content_type: HeaderValue, body: Bytes) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, content_type);
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        Self { status, headers, body, is_passing: false, denied: None }
    }

    /// The same with a revision for `If-Match`.
    pub(super) fn tagged(mut self, revision: u64) -> Self {
        if let Ok(tag) = HeaderValue::from_str(&format!("\"{revision}\"")) {
            self.headers.insert(header::ETAG, tag);
        }
        self
    }

    /// The same, said to be an earlier one.
    pub(super) fn replayed(mut self) -> Self {
        self.headers.insert("idempotent-replayed", HeaderValue::from_static("true"));
        self
    }

    /// What of it is written down.
    pub(super) fn text_of(&self, name: header::HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// An answer that was written down; none, if the row makes no response.
    pub(super) fn restored(row: &AnswerRow) -> Option<Self> {
        let status = StatusCode::from_u16(row.status).ok()?;
        let content_type = HeaderValue::from_str(&row.content_type).ok()?;
        let mut answer = Self::of_type(status, content_type, row.body.clone().into());
        if let Some(tag) = &row.etag {
            answer.headers.insert(header::ETAG, HeaderValue::from_str(tag).ok()?);
        }
        Some(answer)
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let mut response = (self.status, self.headers, self.body).into_response();
        if let Some(denied) = self.denied {
            response.extensions_mut().insert(*denied);
        }
        response
    }
}
