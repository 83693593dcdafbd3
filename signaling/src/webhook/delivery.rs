//! A delivery brings what lies in the outbox for one target to it: rooms side by side, a room's events one after the other.
//!
//!   outbox ──due──► book ──► try ──2xx──► done
//!                    ▲        └─else──► again later, or given up
//!                    └──────────────────────┘

use std::{collections::HashMap, future::Future, sync::Arc, time::Duration};

use tokio::task::{Id, JoinError, JoinSet};

use super::{
    Target,
    book::Book,
    courier::{Attempt, Courier},
    schedule::{Next, Pace},
};
use crate::{
    clock,
    metrics::{Counters, TargetCounts, TryOutcome},
    random,
    store::{DueDelivery, OutboxChange, Store, StoreError},
};

/// Where deliveries wait.
pub(super) trait Outbox: Clone + Send + Sync + 'static {
    /// The first delivery of each room that is due at `now_ms`, at most `count`, and when the next one is due.
    fn due(&self, target: &str, now_ms: u64, count: usize) -> impl Future<Output = Offer> + Send;
    /// How many deliveries wait, due or not, and since when the oldest does.
    fn waiting(&self, target: &str) -> (usize, Option<u64>);
    /// Waits until something was put into it.
    fn news(&self, target: &str) -> impl Future<Output = ()> + Send;
    /// Writes down the fate of a delivery.
    fn note(&self, change: OutboxChange);
}

type Offer = Result<(Vec<DueDelivery>, Option<u64>), StoreError>;

impl Outbox for Store {
    async fn due(&self, target: &str, now_ms: u64, count: usize) -> Offer {
        self.due_deliveries(target.to_owned(), now_ms, count).await
    }

    fn waiting(&self, target: &str) -> (usize, Option<u64>) {
        self.outbox_waiting(target)
    }

    async fn news(&self, target: &str) {
        self.outbox_news(target).await;
    }

    fn note(&self, change: OutboxChange) {
        self.note_delivery(change);
    }
}

/// Brings what lies in the outbox for one target to it.
#[derive(Debug)]
pub(super) struct Delivery<O> {
    target: String,
    /// Which of the counters' targets it is.
    index: usize,
    courier: Courier,
    outbox: O,
    counters: Arc<Counters>,
    pace: Pace,
    book: Book,
    tries: JoinSet<Attempt>,
    under_way: HashMap<Id, DueDelivery>,
    /// Failed tries since the last that did not.
    failed_in_a_row: u32,
    /// Tries since the last answer of any kind.
    unanswered_in_a_row: u32,
    /// It answers again after it did not.
    is_back: bool,
    /// Deliveries given up since the last that arrived.
    given_up_in_a_row: u64,
    /// How long it waits for a store that is behind.
    behind: Duration,
}

impl<O: Outbox> Delivery<O> {
    pub(super) fn new(
        target: &Target,
        index: usize,
        courier: Courier,
        outbox: O,
        counters: Arc<Counters>,
        pace: Pace,
    ) -> Self {
        Self {
            target: target.name.clone(),
            index,
            courier,
            outbox,
            counters,
            pace,
            book: Book::default(),
            tries: JoinSet::new(),
            under_way: HashMap::new(),
            failed_in_a_row: 0,
            unanswered_in_a_row: 0,
            is_back: false,
            given_up_in_a_row: 0,
            behind: BEHIND_FIRST,
        }
    }

    /// Delivers until it is dropped, or until the store is closed. Tries that are under way then end unfinished, and are made again after a restart.
    pub(super) async fn run(mut self) {
        loop {
            let Ok(patience) = self.fill().await else {
                return;
            };
            let has_place = self.tries.len() < PARALLEL;
            tokio::select! {
                Some(ended) = self.tries.join_next_with_id() => self.settle(ended),
                () = self.outbox.news(&self.target), if has_place => {}
                () = clock::sleep(patience), if has_place => {}
            }
        }
    }

    /// Starts tries while there are places and something is due. Gives how long nothing need be done unless something happens.
    async fn fill(&mut self) -> Result<Duration, Closed> {
        let now_ms = clock::unix_millis();
        let (waiting, since_ms) = self.outbox.waiting(&self.target);
        self.counts().set_waiting(waiting, since_ms);
        if std::mem::take(&mut self.is_back) {
            self.hasten(now_ms).await;
        }
        let places = self.book.places(PARALLEL - self.tries.len());
        let offer = self.outbox.due(&self.target, now_ms, self.book.count(places)).await;
        let (offered, next_ms) = match offer {
            Ok(offer) => offer,
            Err(StoreError::Closed) => return Err(Closed),
            Err(StoreError::Failed(why)) => {
                tracing::debug!(target_name = self.target, why, "the outbox cannot be read");
                return Ok(UNREADABLE);
            }
        };
        let choice = self.book.choose(offered, places, now_ms);
        for delivery in choice.now {
            self.start(delivery);
        }
        if choice.is_behind || places == 0 {
            self.behind = (self.behind * 2).min(BEHIND_MAX);
            return Ok(self.behind);
        }
        self.behind = BEHIND_FIRST;
        let wake_ms = next_ms.into_iter().chain(choice.wake_ms).min();
        let wait = wake_ms.map(|wake_ms| Duration::from_millis(wake_ms.saturating_sub(now_ms)));
        Ok(wait.map_or(LOOK_AGAIN, |wait| wait.clamp(LOOK_SOON, LOOK_AGAIN)))
    }

    fn start(&mut self, delivery: DueDelivery) {
        let (courier, event) = (self.courier.clone(), delivery.event.clone());
        let task = self.tries.spawn(async move { courier.bring(&event).await });
        self.under_way.insert(task.id(), delivery);
    }

    /// Writes down how a try ended.
    fn settle(&mut self, ended: Result<(Id, Attempt), JoinError>) {
        let (id, attempt) = match ended {
            Ok(ended) => ended,
            Err(error) => (error.id(), Attempt::lost()),
        };
        let delivery = self.under_way.remove(&id).expect("every try is of a delivery");
        let now_ms = clock::unix_millis();
        self.counts().tries.add_one(attempt.outcome);
        let attempts = delivery.attempts.saturating_add(1);
        let next = match attempt.outcome {
            TryOutcome::Delivered => {
                self.arrived();
                None
            }
            TryOutcome::Status
            | TryOutcome::Timeout
            | TryOutcome::Connect
            | TryOutcome::Private
            | TryOutcome::Protocol => {
                self.failed(&delivery, attempts, &attempt);
                let dice = random::bytes().map_or(u32::MAX, u32::from_ne_bytes);
                match self.pace.after_failure(attempts, delivery.since_ms, now_ms, dice) {
                    Next::Again(at_ms) => Some(at_ms),
                    Next::GiveUp => {
                        self.give_up(&delivery, attempts);
                        None
                    }
                }
            }
        };
        self.book.note(&delivery, attempts, next);
        let (target, event) = (self.target.clone(), delivery.event.id);
        self.outbox.note(match next {
            Some(next_ms) => OutboxChange::Retry { target, event, attempts, next_ms },
            None => OutboxChange::Done { target, event },
        });
    }

    fn arrived(&mut self) {
        if self.failed_in_a_row >= NOTABLE {
            tracing::info!(target_name = self.target, failed = self.failed_in_a_row, "webhooks arrive again");
        }
        self.is_back |= self.unanswered_in_a_row >= NOTABLE;
        self.failed_in_a_row = 0;
        self.unanswered_in_a_row = 0;
        self.given_up_in_a_row = 0;
    }

    fn failed(&mut self, delivery: &DueDelivery, attempts: u32, attempt: &Attempt) {
        let Attempt { outcome, status, fault } = attempt;
        let (target_name, event, outcome) = (&self.target, delivery.event.id, outcome.label());
        let fault = fault.as_deref();
        // A status is an answer, unless a proxy gives it for a receiver that is away.
        let is_answer = status.is_some_and(|status| !(502..=504).contains(&status));
        self.unanswered_in_a_row = if is_answer { 0 } else { self.unanswered_in_a_row.saturating_add(1) };
        tracing::debug!(target_name, event, attempts, outcome, status, fault, "a webhook did not arrive");
        self.failed_in_a_row = self.failed_in_a_row.saturating_add(1);
        if self.failed_in_a_row == NOTABLE {
            tracing::warn!(target_name, outcome, status, fault, "webhooks do not arrive; they are tried again");
        }
    }

    fn give_up(&mut self, delivery: &DueDelivery, attempts: u32) {
        self.counts().given_up.add_one();
        self.given_up_in_a_row += 1;
        let (target_name, event) = (&self.target, delivery.event.id);
        if self.given_up_in_a_row == 1 {
            tracing::warn!(target_name, event, attempts, "a webhook is given up; it can still be read in the log");
        } else {
            tracing::debug!(target_name, event, attempts, "a webhook is given up");
        }
    }

    /// A target that was away and answers again gets what waits for it now, and not when each wait is over, which may be an hour.
    async fn hasten(&mut self, now_ms: u64) {
        let Ok((waiting, _)) = self.outbox.due(&self.target, END_OF_TIME_MS, HASTENED_MAX).await else {
            return;
        };
        for delivery in self.book.hasten(waiting, now_ms) {
            let (target, event) = (self.target.clone(), delivery.event.id);
            self.outbox.note(OutboxChange::Retry { target, event, attempts: delivery.attempts, next_ms: now_ms });
        }
    }

    fn counts(&self) -> &TargetCounts {
        &self.counters.webhooks[self.index]
    }
}

/// The store is closed: the process ends.
#[derive(Debug)]
struct Closed;

/// How many rooms' deliveries to one target are tried side by side.
pub(super) const PARALLEL: usize = 8;
/// How long nothing is looked at if nothing happens.
const LOOK_AGAIN: Duration = Duration::from_secs(10);
/// The shortest wait for something that is due, so that a clock which stands still costs nothing.
const LOOK_SOON: Duration = Duration::from_millis(10);
/// How long a store is left alone whose outbox could not be read.
const UNREADABLE: Duration = Duration::from_secs(1);
/// How long a store that is behind is left alone, at first and at most.
const BEHIND_FIRST: Duration = Duration::from_millis(5);
const BEHIND_MAX: Duration = Duration::from_secs(1);
/// Later than anything is due. Databases have signed numbers.
const END_OF_TIME_MS: u64 = i64::MAX.unsigned_abs();
/// How many rooms are hastened at once when a target is back. The others come when their wait is over.
const HASTENED_MAX: usize = 256;
/// So many failures in a row are worth a word: one or two are what tries again are for.
const NOTABLE: u32 = 3;
