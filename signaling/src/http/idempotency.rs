//! Idempotency: a request that carries a key is carried out once, however often and however concurrently it comes, and answered the same.
//!
//! Answers are remembered for a day, and only so many of them. What failed for a passing reason is not remembered: there trying again is the point.

use std::{
    collections::{HashMap, VecDeque},
    future::Future,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use axum::{
    body::Bytes,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use tokio::sync::OnceCell;

use super::problem::Problem;
use crate::{clock, room::Refusal};

/// The answers that are remembered.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    entries: HashMap<Name, Entry>,
    /// The oldest first.
    order: VecDeque<(Instant, Name)>,
}

/// Whose key it is. Keys of different people do not meet.
pub(crate) type Name = (String, String);

#[derive(Debug, Clone)]
struct Entry {
    /// What was asked with it: method, path and body.
    request: Arc<str>,
    answer: Arc<OnceCell<Answer>>,
}

/// An answer as it went out.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    /// A response, with its body in hand.
    pub(super) async fn of(response: Response) -> Self {
        let (head, body) = response.into_parts();
        // Our own bodies are in memory and of bounded length.
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
        Self { status: head.status, headers: head.headers, body }
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        (self.status, self.headers, self.body).into_response()
    }
}

impl Answers {
    /// Carries a request out, or gives the answer that it had. Whoever comes while it is carried out waits for the same answer.
    pub(crate) async fn once<F>(
        &self,
        name: Name,
        request: String,
        carry_out: impl FnOnce() -> F,
    ) -> Result<Answer, Problem>
    where
        F: Future<Output = Answer>,
    {
        let cell = self.cell(&name, request, clock::now())?;
        let answer = cell.get_or_init(carry_out).await.clone();
        if is_passing(answer.status) {
            self.forget(&name, &cell);
        }
        Ok(answer)
    }

    fn cell(&self, name: &Name, request: String, now: Instant) -> Result<Arc<OnceCell<Answer>>, Problem> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.forget_old(now);
        if let Some(entry) = kept.entries.get(name) {
            return if *entry.request == *request { Ok(Arc::clone(&entry.answer)) } else { Err(Problem::key_reused()) };
        }
        let answer = Arc::new(OnceCell::new());
        kept.entries.insert(name.clone(), Entry { request: Arc::from(request), answer: Arc::clone(&answer) });
        kept.order.push_back((now, name.clone()));
        Ok(answer)
    }

    fn forget(&self, name: &Name, cell: &Arc<OnceCell<Answer>>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.entries.get(name).is_some_and(|entry| Arc::ptr_eq(&entry.answer, cell)) {
            kept.entries.remove(name);
            kept.order.retain(|(_, other)| other != name);
        }
    }
}

impl Kept {
    fn forget_old(&mut self, now: Instant) {
        while let Some((since, _)) = self.order.front() {
            let is_old = now.saturating_duration_since(*since) >= KEPT_FOR;
            if !is_old && self.order.len() < ANSWERS_MAX {
                break;
            }
            if let Some((_, name)) = self.order.pop_front() {
                self.entries.remove(&name);
            }
        }
    }
}

/// The key of a request, if it carries one.
pub(super) fn key_of(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let Some(value) = headers.get("idempotency-key") else {
        return Ok(None);
    };
    let key = value.to_str().ok().filter(|key| (1..=KEY_CHARS_MAX).contains(&key.len()));
    key.map(Some).ok_or_else(|| {
        Problem::from(Refusal::InvalidArgument).detail("`Idempotency-Key` must be 1 to 255 printable characters")
    })
}

/// Whether trying again later may go better.
fn is_passing(status: StatusCode) -> bool {
    status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS
}

/// How long an answer is remembered.
pub(crate) const KEPT_FOR: Duration = Duration::from_secs(24 * 60 * 60);
/// How many answers are remembered; beyond it the oldest are forgotten.
pub(crate) const ANSWERS_MAX: usize = 10_000;
pub(super) const KEY_CHARS_MAX: usize = 255;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]

    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    use super::*;

    fn name(key: &str) -> Name {
        ("ada".to_owned(), key.to_owned())
    }

    fn answer(status: u16) -> Answer {
        Answer { status: StatusCode::from_u16(status).unwrap(), headers: HeaderMap::new(), body: Bytes::new() }
    }

    #[tokio::test]
    async fn a_request_is_carried_out_once_even_by_many_at_once() {
        let (answers, count) = (Answers::default(), AtomicUsize::new(0));
        let ask = || {
            answers.once(name("k"), "lock 3".to_owned(), || async {
                tokio::task::yield_now().await;
                count.fetch_add(1, Relaxed);
                answer(200)
            })
        };
        let (one, other, third) = tokio::join!(ask(), ask(), ask());
        assert!([one, other, third].into_iter().all(|answer| answer.unwrap().status == StatusCode::OK));
        assert_eq!(count.load(Relaxed), 1);
        let reused = answers.once(name("k"), "lock 4".to_owned(), || async { answer(200) }).await;
        assert_eq!(reused.unwrap_err(), Problem::key_reused());
        let of_another = ("ben".to_owned(), "k".to_owned());
        assert_eq!(answers.once(of_another, "lock 4".to_owned(), || async { answer(204) }).await.unwrap().status, 204);
    }

    #[tokio::test]
    async fn what_failed_for_a_passing_reason_may_be_tried_again() {
        let answers = Answers::default();
        for status in [503, 429, 409, 200] {
            let got = answers.once(name("k"), "x".to_owned(), || async { answer(status) }).await.unwrap();
            assert_eq!(got.status.as_u16(), status.max(if status == 200 { 409 } else { 0 }));
        }
    }

    #[test]
    fn so_many_answers_are_remembered_and_for_a_day() {
        let (answers, now) = (Answers::default(), clock::now());
        for number in 0..=ANSWERS_MAX {
            answers.cell(&name(&number.to_string()), "x".to_owned(), now).unwrap();
        }
        assert_eq!(answers.kept.lock().unwrap().entries.len(), ANSWERS_MAX);
        assert!(!answers.kept.lock().unwrap().entries.contains_key(&name("0")));
        answers.cell(&name("new"), "x".to_owned(), now + KEPT_FOR).unwrap();
        assert_eq!(answers.kept.lock().unwrap().entries.len(), 1);
    }
}
