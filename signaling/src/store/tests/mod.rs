//! Stories of the store: what is written is there again, and what is wrong with a file shows.

#![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]

mod copies;
mod damage;
mod faults;
mod kept;
mod past;
mod refused;
mod speed;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use super::{
    AnswerRow, AuditQuery, AuditRow, Batch, EventQuery, EventRow, Recovered, Store, StoreConfig, StoredAudit,
    StoredEvent, TargetFilter,
};
use crate::{
    clock,
    ids::{Identity, RoomId},
    room::Change,
};

const A_MINUTE: Duration = Duration::from_secs(60);

/// A folder of its own, gone with the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("podium-store-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self) -> PathBuf {
        self.0.join("podium.db")
    }

    fn config(&self) -> StoreConfig {
        StoreConfig { path: Some(self.file()), ..StoreConfig::default() }
    }

    /// As it would be if the process had been killed now.
    fn as_if_killed(&self) -> Self {
        let other = Self::new();
        for suffix in ["", "-wal"] {
            let from = super::open::beside(&self.file(), suffix);
            if from.exists() {
                fs::copy(from, super::open::beside(&other.file(), suffix)).unwrap();
            }
        }
        other
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn open(config: &StoreConfig) -> (Store, Recovered) {
    Store::open(config, &|_| Ok(())).unwrap()
}

fn room(name: &str) -> RoomId {
    RoomId::parse(name).unwrap()
}

fn person(name: &str) -> Identity {
    Identity::parse(name).unwrap()
}

/// A step of a room, to be filled.
fn step(name: &str, at_ms: u64) -> Batch {
    Batch { room: Some(room(name)), at_ms, ..Batch::default() }
}

fn set(key: &str, value: &str) -> Change {
    Change { key: key.to_owned(), value: Some(value.to_owned()) }
}

fn unset(key: &str) -> Change {
    Change { key: key.to_owned(), value: None }
}

fn event(kind: &'static str, seq: u64, body: &str) -> EventRow {
    EventRow { kind, seq, body: body.into() }
}

fn audit(by: &str, act: &'static str, on: Option<&str>) -> AuditRow {
    AuditRow {
        by: by.to_owned(),
        role: "host",
        from_outside: false,
        act,
        on: on.map(str::to_owned),
        reason: Some("noise".to_owned()),
        details: "{}".to_owned(),
        seq: 7,
    }
}

fn answer(whose: &str, key: &str, at_ms: u64) -> AnswerRow {
    AnswerRow {
        whose: whose.to_owned(),
        key: key.to_owned(),
        request: [3; 32],
        status: 201,
        etag: Some("\"1\"".to_owned()),
        content_type: "application/json".to_owned(),
        body: b"{}".to_vec(),
        at_ms,
    }
}

/// Whether it comes onto the disk. A busy machine has a minute for it.
async fn durable(store: &Store, batch: Batch) -> bool {
    store.write(batch).is_durable_by(clock::now() + A_MINUTE).await
}

async fn all_events(store: &Store) -> Vec<StoredEvent> {
    store.events(EventQuery { count: 1_000_000, ..EventQuery::default() }).await.unwrap().found
}

async fn all_audits(store: &Store) -> Vec<StoredAudit> {
    store.audits(AuditQuery { count: 1_000_000, ..AuditQuery::default() }).await.unwrap().found
}

/// What was found of the rooms, in order.
fn rooms(recovered: &Recovered) -> Vec<(String, Vec<(String, String)>)> {
    let mut rooms: Vec<_> =
        recovered.rooms.iter().map(|room| (room.id.as_str().to_owned(), room.state.clone())).collect();
    rooms.sort();
    rooms
}

fn rows(rows: &[(&str, &str)]) -> Vec<(String, String)> {
    rows.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// What a folder's file and its write-ahead log consist of.
fn bytes(path: &Path) -> (Option<Vec<u8>>, Option<Vec<u8>>) {
    (fs::read(path).ok(), fs::read(super::open::beside(path, "-wal")).ok())
}
