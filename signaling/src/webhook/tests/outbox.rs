//! An outbox in memory, which may be behind as a disk is.

use std::sync::{Arc, Mutex};

use tokio::sync::Notify;

use crate::{
    clock,
    store::{DueDelivery, OutboxChange, StoreError, StoredEvent},
    webhook::delivery::Outbox,
};

#[derive(Debug, Clone, Default)]
pub(super) struct FakeOutbox(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    rows: Mutex<Vec<Row>>,
    /// Changes that wait for the disk, while it is stuck.
    stuck: Mutex<Option<Vec<OutboxChange>>>,
    news: Notify,
}

#[derive(Debug, Clone)]
struct Row {
    target: &'static str,
    delivery: DueDelivery,
    next_ms: u64,
}

impl FakeOutbox {
    /// Puts an event in for target `a`.
    pub(super) fn put(&self, room: &str, id: u64) {
        self.put_for("a", room, id, clock::unix_millis(), 0);
    }

    pub(super) fn put_for(&self, target: &'static str, room: &str, id: u64, since_ms: u64, attempts: u32) {
        let event = StoredEvent {
            id,
            room: Some(room.to_owned()),
            seq: id,
            at_ms: since_ms,
            kind: "seat.changed".to_owned(),
            body: Some(format!("{{\"n\":{id}}}")),
        };
        let delivery = DueDelivery { event, attempts, since_ms };
        self.0.rows.lock().unwrap().push(Row { target, delivery, next_ms: 0 });
        self.0.news.notify_waiters();
        self.0.news.notify_one();
    }

    /// What waits for a target, by event.
    pub(super) fn waiting(&self, target: &str) -> Vec<u64> {
        let rows = self.0.rows.lock().unwrap();
        rows.iter().filter(|row| row.target == target).map(|row| row.delivery.event.id).collect()
    }

    /// From now on the fate of deliveries is not written down.
    pub(super) fn get_stuck(&self) {
        *self.0.stuck.lock().unwrap() = Some(Vec::new());
    }

    /// How many fates wait to be written down.
    pub(super) fn stuck(&self) -> usize {
        self.0.stuck.lock().unwrap().as_ref().map_or(0, Vec::len)
    }

    /// All that waited is written down, and from now on at once.
    pub(super) fn get_well(&self) {
        let changes = self.0.stuck.lock().unwrap().take();
        changes.into_iter().flatten().for_each(|change| self.apply(&change));
    }

    fn apply(&self, change: &OutboxChange) {
        let mut rows = self.0.rows.lock().unwrap();
        match change {
            OutboxChange::Done { target, event } => {
                rows.retain(|row| row.target != target || row.delivery.event.id != *event);
            }
            OutboxChange::Retry { target, event, attempts, next_ms } => {
                for row in rows.iter_mut().filter(|row| row.target == target && row.delivery.event.id == *event) {
                    (row.delivery.attempts, row.next_ms) = (*attempts, *next_ms);
                }
            }
        }
    }
}

impl Outbox for FakeOutbox {
    async fn due(
        &self,
        target: &str,
        now_ms: u64,
        count: usize,
    ) -> Result<(Vec<DueDelivery>, Option<u64>), StoreError> {
        let rows = self.0.rows.lock().unwrap();
        let mut heads: Vec<&Row> = Vec::new();
        for row in rows.iter().filter(|row| row.target == target) {
            if heads.iter().all(|head| head.delivery.event.room != row.delivery.event.room) {
                heads.push(row);
            }
        }
        let next_ms = heads.iter().map(|row| row.next_ms).filter(|next_ms| *next_ms > now_ms).min();
        let due = heads.iter().filter(|row| row.next_ms <= now_ms).take(count);
        Ok((due.map(|row| row.delivery.clone()).collect(), next_ms))
    }

    fn waiting(&self, target: &str) -> (usize, Option<u64>) {
        let rows = self.0.rows.lock().unwrap();
        let rows: Vec<&Row> = rows.iter().filter(|row| row.target == target).collect();
        (rows.len(), rows.first().map(|row| row.delivery.since_ms))
    }

    async fn news(&self, _target: &str) {
        self.0.news.notified().await;
    }

    fn note(&self, change: OutboxChange) {
        if let Some(stuck) = self.0.stuck.lock().unwrap().as_mut() {
            stuck.push(change);
            return;
        }
        self.apply(&change);
    }
}
