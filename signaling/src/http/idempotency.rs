//! Idempotency: a request that carries a key is carried out once, however often and however concurrently it comes, and answered the same.
//!
//! Answers are remembered for a day, and only so many of them. The store has them too, written together with what the requests changed, so a restart
//! forgets none. What failed for a passing reason is not remembered: there trying again is the point. A request that was begun is carried out even if
//! whoever asked hangs up.

use std::{
    collections::{HashMap, VecDeque},
    future::Future,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use axum::http::{HeaderMap, header, request::Parts};
use sha2::{Digest as _, Sha256};
use tokio::sync::OnceCell;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

use super::{answer::Answer, problem::Problem};
use crate::{
    clock,
    room::Refusal,
    store::{AnswerRow, Batch, Store},
};

/// The answers that are remembered. Cloning shares them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Answers {
    kept: Arc<Mutex<Kept>>,
}

#[derive(Debug, Default)]
struct Kept {
    entries: HashMap<Name, Entry>,
    /// Until when each is remembered, the oldest first.
    order: VecDeque<(Instant, Name)>,
}

/// Whose key it is, and the key. Keys of different people do not meet.
type Name = (String, String);

/// What was asked, in short.
type Digest = [u8; 32];

#[derive(Debug, Clone)]
struct Entry {
    request: Digest,
    answer: Arc<OnceCell<Answer>>,
}

/// A request with a key.
#[derive(Debug, Clone)]
pub(super) struct Keyed {
    name: Name,
    request: Digest,
    /// A row was made of what is answered.
    is_written: Arc<AtomicBool>,
}

/// What a request has led to.
#[derive(Debug)]
pub(super) struct Carried {
    /// What whoever asks the same again is answered.
    pub(super) kept: Answer,
    /// What whoever asked first is answered: it may say more of the moment.
    pub(super) given: Answer,
}

impl From<Answer> for Carried {
    fn from(answer: Answer) -> Self {
        Self { kept: answer.clone(), given: answer }
    }
}

impl Answers {
    /// What was remembered when the process ended before, at `now_ms` since 1970; the oldest first.
    pub(crate) fn restore(rows: Vec<AnswerRow>, now_ms: u64) -> Self {
        let (answers, now) = (Self::default(), clock::now());
        let mut kept = answers.lock();
        for row in rows {
            let age = Duration::from_millis(now_ms.saturating_sub(row.at_ms));
            let Some(answer) = Answer::restored(&row).filter(|_| age < KEPT_FOR) else {
                continue;
            };
            let entry = Entry { request: row.request, answer: Arc::new(OnceCell::new_with(Some(answer))) };
            kept.add((row.whose, row.key), entry, now + (KEPT_FOR - age));
        }
        drop(kept);
        answers
    }

    /// Carries a request out, or gives the answer that it had. Whoever comes while it is carried out waits for the same answer.
    pub(super) async fn once<F>(&self, keyed: &Keyed, tasks: &TaskTracker, carry_out: F) -> Result<Answer, Problem>
    where
        F: Future<Output = Carried> + Send + 'static,
    {
        let cell = self.cell(keyed, clock::now())?;
        let (answers, name) = (self.clone(), keyed.name.clone());
        // A task of its own: whoever asked may hang up, and would then ask again what is half done.
        let carrying = async move {
            let mut given = None;
            let kept = cell
                .get_or_init(|| async {
                    let carried = carry_out.await;
                    given = Some(carried.given);
                    carried.kept
                })
                .await
                .clone();
            if kept.is_passing {
                answers.forget(&name, &cell);
            }
            given.unwrap_or_else(|| kept.replayed())
        };
        let carrying = tasks.spawn(carrying.in_current_span());
        carrying.await.map_err(|_| Refusal::Internal.into())
    }

    /// Forgets what was answered to someone, and what was answered to others that names them.
    pub(super) fn forget_all_of(&self, whose: &str) {
        let quoted = serde_json::Value::from(whose).to_string();
        let mut kept = self.lock();
        kept.entries.retain(|name, entry| {
            let names_them = |answer: &Answer| String::from_utf8_lossy(&answer.body).contains(&quoted);
            name.0 != whose && !entry.answer.get().is_some_and(names_them)
        });
        let Kept { entries, order } = &mut *kept;
        order.retain(|(_, name)| entries.contains_key(name));
    }

    fn cell(&self, keyed: &Keyed, now: Instant) -> Result<Arc<OnceCell<Answer>>, Problem> {
        let Keyed { name, request, is_written: _ } = keyed;
        let mut kept = self.lock();
        kept.forget_old(now);
        if let Some(entry) = kept.entries.get(name) {
            return if entry.request == *request { Ok(Arc::clone(&entry.answer)) } else { Err(Problem::key_reused()) };
        }
        let answer = Arc::new(OnceCell::new());
        kept.add(name.clone(), Entry { request: *request, answer: Arc::clone(&answer) }, now + KEPT_FOR);
        Ok(answer)
    }

    fn forget(&self, name: &Name, cell: &Arc<OnceCell<Answer>>) {
        let mut kept = self.lock();
        if kept.entries.get(name).is_some_and(|entry| Arc::ptr_eq(&entry.answer, cell)) {
            kept.entries.remove(name);
            kept.order.retain(|(_, other)| other != name);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn add(&mut self, name: Name, entry: Entry, until: Instant) {
        if self.entries.insert(name.clone(), entry).is_none() {
            self.order.push_back((until, name));
        }
        if self.order.len() > ANSWERS_MAX {
            self.forget_of_the_busiest();
        }
    }

    /// Forgets the oldest answers of whoever has the most, many at once, so that the search is paid for rarely. Nobody can push out what others are
    /// answered.
    fn forget_of_the_busiest(&mut self) {
        let mut counts: HashMap<&str, usize> = HashMap::new();
        for (_, (whose, _)) in &self.order {
            *counts.entry(whose).or_default() += 1;
        }
        let busiest =
            counts.into_iter().max_by_key(|(_, count)| *count).map(|(whose, count)| (whose.to_owned(), count));
        let Some((busiest, count)) = busiest else { return };
        let mut left = FORGOTTEN_AT_ONCE.min(count.div_ceil(2));
        let Self { entries, order } = self;
        order.retain(|(_, name)| {
            if left == 0 || name.0 != busiest {
                return true;
            }
            left -= 1;
            entries.remove(name);
            false
        });
    }

    fn forget_old(&mut self, now: Instant) {
        while self.order.front().is_some_and(|(until, _)| *until <= now) {
            self.forget_first();
        }
    }

    fn forget_first(&mut self) {
        if let Some((_, name)) = self.order.pop_front() {
            self.entries.remove(&name);
        }
    }
}

impl Keyed {
    /// A request of someone, if it carries a key.
    pub(super) fn of(whose: &str, head: &Parts, body: &[u8]) -> Result<Option<Self>, Problem> {
        let Some(key) = key_of(&head.headers)? else {
            return Ok(None);
        };
        let name = (whose.to_owned(), key.to_owned());
        Ok(Some(Self { name, request: digest(head, body), is_written: Arc::default() }))
    }

    /// What is written down of its answer. Whoever asks for it sees to the writing.
    pub(super) fn row(&self, answer: &Answer) -> AnswerRow {
        self.is_written.store(true, Relaxed);
        let (whose, key) = self.name.clone();
        AnswerRow {
            whose,
            key,
            request: self.request,
            status: answer.status.as_u16(),
            etag: answer.text_of(header::ETAG).map(str::to_owned),
            content_type: answer.text_of(header::CONTENT_TYPE).unwrap_or_default().to_owned(),
            body: answer.body.to_vec(),
            at_ms: clock::unix_millis(),
        }
    }

    /// Writes an answer down by itself, if it was not written down with what the request changed. Nothing was changed then, so nobody waits for it.
    pub(super) fn keep(&self, store: &Store, answer: &Answer) {
        if answer.is_passing || self.is_written.load(Relaxed) {
            return;
        }
        let row = self.row(answer);
        store.write(Batch { at_ms: row.at_ms, answers: vec![row], ..Batch::default() });
    }
}

/// The key of a request, if it carries one.
fn key_of(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let Some(value) = headers.get("idempotency-key") else {
        return Ok(None);
    };
    let key = value.to_str().ok().filter(|key| (1..=KEY_CHARS_MAX).contains(&key.len()));
    key.map(Some).ok_or_else(|| {
        Problem::from(Refusal::InvalidArgument).detail("`Idempotency-Key` must be 1 to 255 printable characters")
    })
}

/// Two requests are the same if these are: method, path, query, precondition and body.
fn digest(head: &Parts, body: &[u8]) -> Digest {
    let conditions: Vec<_> = head.headers.get_all(header::IF_MATCH).iter().map(|value| value.as_bytes()).collect();
    let condition = conditions.join(&b","[..]);
    let path = head.uri.path_and_query().map_or("", |path| path.as_str());
    let mut sum = Sha256::new();
    for part in [head.method.as_str().as_bytes(), path.as_bytes(), &condition, body] {
        // With its length, or the end of one could pass for the beginning of the next.
        sum.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        sum.update(part);
    }
    sum.finalize().into()
}

/// How long an answer is remembered.
pub(crate) const KEPT_FOR: Duration = Duration::from_secs(24 * 60 * 60);
/// How many answers are remembered; beyond it the oldest of whoever has the most are forgotten.
pub(crate) const ANSWERS_MAX: usize = 10_000;
const FORGOTTEN_AT_ONCE: usize = 100;
pub(super) const KEY_CHARS_MAX: usize = 255;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]

    use std::sync::atomic::AtomicUsize;

    use axum::http::{Request, StatusCode};
    use tokio::sync::Notify;

    use super::*;

    fn keyed(whose: &str, key: &str, what: &str) -> Keyed {
        let request = Request::post("/v1/rooms?a=1").header("idempotency-key", key).body(()).unwrap();
        Keyed::of(whose, &request.into_parts().0, what.as_bytes()).unwrap().unwrap()
    }

    fn answer(status: u16) -> Answer {
        let is_passing = status == 429 || status >= 500;
        Answer { is_passing, ..Answer::json(StatusCode::from_u16(status).unwrap(), "{}".to_owned()).tagged(7) }
    }

    fn counted(count: &Arc<AtomicUsize>, status: u16) -> impl Future<Output = Carried> + Send + 'static {
        let count = Arc::clone(count);
        async move {
            tokio::task::yield_now().await;
            count.fetch_add(1, Relaxed);
            answer(status).into()
        }
    }

    #[tokio::test]
    async fn a_request_is_carried_out_once_even_by_many_at_once() {
        let (answers, tasks, count) = (Answers::default(), TaskTracker::new(), Arc::default());
        let asked = keyed("ada", "k", "lock 3");
        let ask = || answers.once(&asked, &tasks, counted(&count, 200));
        let (one, other, third) = tokio::join!(ask(), ask(), ask());
        let given = [one, other, third].map(Result::unwrap);
        assert!(given.iter().all(|answer| answer.status == StatusCode::OK && answer.body == "{}"));
        let replayed = given.iter().filter(|answer| answer.headers.contains_key("idempotent-replayed")).count();
        assert_eq!((count.load(Relaxed), replayed), (1, 2), "who had it carried out is told apart");
        let reused = answers.once(&keyed("ada", "k", "lock 4"), &tasks, counted(&count, 200)).await;
        assert_eq!(reused.unwrap_err(), Problem::key_reused());
        let of_another = answers.once(&keyed("ben", "k", "lock 4"), &tasks, counted(&count, 204)).await;
        assert_eq!(of_another.unwrap().status, 204);
    }

    #[tokio::test]
    async fn what_failed_for_a_passing_reason_may_be_tried_again() {
        let (answers, tasks, count) = (Answers::default(), TaskTracker::new(), Arc::default());
        for status in [503, 429, 409, 200] {
            let got = answers.once(&keyed("ada", "k", "x"), &tasks, counted(&count, status)).await.unwrap();
            assert_eq!(got.status.as_u16(), status.max(if status == 200 { 409 } else { 0 }));
        }
    }

    #[tokio::test]
    async fn what_was_begun_is_carried_out_though_whoever_asked_hangs_up() {
        let (answers, tasks, count) = (Answers::default(), TaskTracker::new(), Arc::new(AtomicUsize::new(0)));
        let (begun, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let asked = keyed("ada", "k", "lock 3");
        let slow = {
            let (begun, go_on, count) = (Arc::clone(&begun), Arc::clone(&go_on), Arc::clone(&count));
            async move {
                begun.notify_one();
                go_on.notified().await;
                count.fetch_add(1, Relaxed);
                answer(200).into()
            }
        };
        tokio::select! {
            _ = answers.once(&asked, &tasks, slow) => panic!("it cannot be done yet"),
            () = begun.notified() => {}
        }
        go_on.notify_one();
        let again = answers.once(&asked, &tasks, counted(&count, 409)).await.unwrap();
        assert_eq!((again.status, count.load(Relaxed)), (StatusCode::OK, 1));
    }

    #[tokio::test]
    async fn whoever_asks_first_may_be_told_more() {
        let (answers, tasks) = (Answers::default(), TaskTracker::new());
        let asked = keyed("ada", "k", "x");
        let carried = || async { Carried { kept: answer(200), given: answer(201) } };
        assert_eq!(answers.once(&asked, &tasks, carried()).await.unwrap().status, 201);
        assert_eq!(answers.once(&asked, &tasks, carried()).await.unwrap().status, 200);
    }

    #[tokio::test]
    async fn a_restart_forgets_no_answer_that_is_not_old() {
        let (day_ms, now_ms) = (24 * 60 * 60 * 1000, 1_790_000_000_000);
        let (asked, old) = (keyed("ada", "k", "x"), keyed("ada", "old", "x"));
        let rows = [(&old, now_ms - day_ms), (&asked, now_ms - day_ms + 1)];
        let rows = rows.map(|(keyed, at_ms)| AnswerRow { at_ms, ..keyed.row(&answer(201)) });
        let (answers, tasks, count) = (Answers::restore(rows.into(), now_ms), TaskTracker::new(), Arc::default());
        let again = answers.once(&asked, &tasks, counted(&count, 409)).await.unwrap();
        assert_eq!(again, answer(201).replayed(), "status, tag, type and body");
        assert_eq!(
            answers.once(&keyed("ada", "k", "y"), &tasks, counted(&count, 409)).await.unwrap_err(),
            Problem::key_reused()
        );
        assert_eq!(count.load(Relaxed), 0);
        assert_eq!(answers.once(&old, &tasks, counted(&count, 409)).await.unwrap().status, 409);
        answers.forget_all_of("ada");
        assert_eq!(answers.once(&asked, &tasks, counted(&count, 204)).await.unwrap().status, 204);
    }

    #[test]
    fn so_many_answers_are_remembered_and_for_a_day() {
        let (answers, now) = (Answers::default(), clock::now());
        for number in 0..=ANSWERS_MAX {
            answers.cell(&keyed("ada", &number.to_string(), "x"), now).unwrap();
        }
        let count = answers.lock().entries.len();
        assert!((ANSWERS_MAX - FORGOTTEN_AT_ONCE..=ANSWERS_MAX).contains(&count), "{count}");
        assert!(!answers.lock().entries.contains_key(&("ada".to_owned(), "0".to_owned())));
        answers.cell(&keyed("ada", "new", "x"), now + KEPT_FOR).unwrap();
        assert_eq!(answers.lock().entries.len(), 1);
        let row = |number: usize| AnswerRow { at_ms: 1, ..keyed("ada", &number.to_string(), "x").row(&answer(200)) };
        let restored = Answers::restore((0..=ANSWERS_MAX).map(row).collect(), 2);
        let count = restored.lock().entries.len();
        assert!(count < ANSWERS_MAX + 1 && count > 0, "beyond the bound the oldest are forgotten");
        assert!(!restored.lock().entries.contains_key(&("ada".to_owned(), "0".to_owned())));
    }

    #[test]
    fn requests_differ_by_each_of_their_parts() {
        let digest_of = |method: &str, path: &str, tag: &str, body: &str| {
            let request = Request::builder().method(method).uri(path).header("if-match", tag).body(()).unwrap();
            digest(&request.into_parts().0, body.as_bytes())
        };
        let all = [
            digest_of("POST", "/a", "\"1\"", "x"),
            digest_of("PATCH", "/a", "\"1\"", "x"),
            digest_of("POST", "/b", "\"1\"", "x"),
            digest_of("POST", "/a?q", "\"1\"", "x"),
            digest_of("POST", "/a", "\"2\"", "x"),
            digest_of("POST", "/a", "\"1\"", "y"),
            digest_of("POST", "/a", "\"1", "\"x"),
        ];
        let distinct: std::collections::HashSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), all.len());
        assert_eq!(all[0], digest_of("POST", "/a", "\"1\"", "x"));
    }
}
