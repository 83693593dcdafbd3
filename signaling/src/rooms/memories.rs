//! A memory is what moderators decided in a room that is over. The next room of the same id begins with it.
//!
//! It hides its lock. The rows lie in the store as well; here they are at hand when a room is made or asked about.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use crate::{
    ids::{Identity, RoomId},
    room::{Calendar, Rank, Refusal, Room, Settings},
};

/// The rows of one room that is over, by their keys.
pub(crate) type Rows = Vec<(String, String)>;

/// The memories of all rooms that are over.
#[derive(Debug, Default)]
pub(crate) struct Memories {
    of: Mutex<BTreeMap<RoomId, Memory>>,
}

#[derive(Debug)]
struct Memory {
    rows: BTreeMap<String, String>,
    /// When the next of the decisions runs out.
    ends_at: Option<Instant>,
}

/// What a memory says of someone who wants in.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// Why they may not come in, if so.
    pub(crate) shut_out: Option<Refusal>,
    /// The rank that they were given.
    pub(crate) rank: Option<Rank>,
}

impl Memories {
    /// The rows that are remembered of a room; none of a room of which nothing is.
    pub(crate) fn rows(&self, id: &RoomId) -> Rows {
        let of = self.lock();
        let rows = of.get(id).into_iter().flat_map(|memory| &memory.rows);
        rows.map(|(key, value)| (key.clone(), value.clone())).collect()
    }

    /// Whether anything is remembered of a room.
    pub(crate) fn is_there(&self, id: &RoomId) -> bool {
        self.lock().contains_key(id)
    }

    /// Remembers what is decided in a room that is over, instead of what was.
    pub(crate) fn keep(&self, room: &Room, calendar: &Calendar) {
        let rows: BTreeMap<_, _> = room.decisions_record(calendar).into_iter().collect();
        let mut of = self.lock();
        if rows.is_empty() {
            of.remove(room.id());
        } else {
            of.insert(room.id().clone(), Memory { rows, ends_at: room.decisions_end() });
        }
    }

    /// The room is there again, and remembers by itself.
    pub(crate) fn drop(&self, id: &RoomId) {
        self.lock().remove(id);
    }

    /// The rooms in whose memory something runs out by then.
    pub(crate) fn due(&self, now: Instant) -> Vec<RoomId> {
        let of = self.lock();
        let due = of.iter().filter(|(_, memory)| memory.ends_at.is_some_and(|at| at <= now));
        due.map(|(id, _)| id.clone()).collect()
    }

    /// When the next decision of all runs out.
    pub(crate) fn ends_at(&self) -> Option<Instant> {
        self.lock().values().filter_map(|memory| memory.ends_at).min()
    }

    /// The rooms of which something is remembered about someone, or that someone decided.
    pub(crate) fn naming(&self, who: &Identity) -> Vec<RoomId> {
        let of = self.lock();
        let quoted = serde_json::Value::from(who.as_str()).to_string();
        let names = |(key, value): (&String, &String)| {
            key.split_once(':').is_some_and(|(_, whose)| whose == who.as_str()) || value.contains(&quoted)
        };
        of.iter().filter(|(_, memory)| memory.rows.iter().any(names)).map(|(id, _)| id.clone()).collect()
    }

    /// What the memory of a room says of someone who would make it again.
    pub(crate) fn verdict(
        &self,
        id: &RoomId,
        who: &Identity,
        token_age: Option<Duration>,
        calendar: &Calendar,
        now: Instant,
    ) -> Verdict {
        let rows: Rows = {
            let of = self.lock();
            let Some(memory) = of.get(id) else { return Verdict::default() };
            let keys = KINDS.map(|kind| format!("{kind}:{who}"));
            keys.into_iter()
                .filter_map(|key| memory.rows.get_key_value(&key))
                .map(|(k, v)| (k.clone(), v.clone()))
                .collect()
        };
        let Ok(mut room) = Room::remembering(id.clone(), Settings::default(), &rows, calendar, now) else {
            return Verdict::default();
        };
        // What has run out by now goes first.
        let _expired = room.handle(crate::room::Input::Timeout, now);
        Verdict { shut_out: room.shuts_out(who, token_age, now), rank: room.rank_known(who) }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<RoomId, Memory>> {
        self.of.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The kinds of rows that a memory has about a person.
const KINDS: [&str; 4] = ["ban", "denial", "mute", "rank"];
