//! Bans that hold in all rooms. They are set by back ends, and belong to no room.
//!
//! They end by the wall clock. The directory hides its lock; who asks gets a copy.

use std::{
    collections::BTreeMap,
    sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use crate::{
    clock,
    ids::Identity,
    room::{Change, Refusal},
};

/// Everyone who is banned from all rooms.
#[derive(Debug, Default)]
pub(crate) struct Everywhere {
    bans: RwLock<BTreeMap<Identity, EverywhereBan>>,
    /// A ban was set that may be the next to end.
    news: Notify,
}

/// A ban from all rooms, as its row has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EverywhereBan {
    /// Who decided it.
    pub(crate) by: Identity,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// Since when, in milliseconds since 1970.
    pub(crate) since: u64,
    /// Until when, if it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) until: Option<u64>,
}

impl Everywhere {
    /// The bans that the store knows.
    ///
    /// # Errors
    ///
    /// A row is no such row.
    pub(crate) fn restore(rows: &[(String, String)]) -> Result<Self, String> {
        let mut bans = BTreeMap::new();
        for (key, value) in rows {
            let who = key.strip_prefix(BAN).and_then(|who| Identity::parse(who).ok());
            let who = who.ok_or_else(|| format!("row {key:?}: is of no known kind"))?;
            let ban = serde_json::from_str(value).map_err(|error| format!("row {key:?}: {error}"))?;
            bans.insert(who, ban);
        }
        Ok(Self { bans: RwLock::new(bans), news: Notify::new() })
    }

    /// Whether someone is banned now.
    pub(crate) fn holds(&self, who: &Identity) -> bool {
        let bans = self.read();
        !bans.is_empty() && bans.get(who).is_some_and(|ban| ban.holds_at(clock::unix_millis()))
    }

    /// Why someone may not come in, if so.
    pub(crate) fn shuts_out(&self, who: &Identity) -> Option<Refusal> {
        self.holds(who).then_some(Refusal::Banned)
    }

    /// The ban of someone.
    #[cfg(test)]
    fn find(&self, who: &Identity) -> Option<EverywhereBan> {
        self.read().get(who).filter(|ban| ban.holds_at(clock::unix_millis())).cloned()
    }

    /// Up to `count` bans of people whose identity is greater than `after`, by identity.
    pub(crate) fn after(&self, after: Option<&Identity>, count: usize) -> Vec<(Identity, EverywhereBan)> {
        let now_ms = clock::unix_millis();
        let bans = self.read();
        let later = bans.iter().filter(|(who, ban)| after.is_none_or(|after| *who > after) && ban.holds_at(now_ms));
        later.take(count).map(|(who, ban)| (who.clone(), ban.clone())).collect()
    }

    /// Bans someone, instead of a ban that they have. Returns the row to write.
    ///
    /// # Errors
    ///
    /// There is no place for another ban.
    pub(crate) fn set(&self, who: &Identity, ban: EverywhereBan) -> Result<Change, Refusal> {
        let mut bans = self.write();
        if !bans.contains_key(who) && bans.len() >= EVERYWHERE_MAX {
            return Err(Refusal::MemoryFull);
        }
        let change = Change { key: key(who), value: Some(text(&ban)) };
        bans.insert(who.clone(), ban);
        self.news.notify_one();
        Ok(change)
    }

    /// Lifts a ban. Returns it, and the row to write, if there was one.
    pub(crate) fn lift(&self, who: &Identity) -> Option<(EverywhereBan, Change)> {
        let ban = self.write().remove(who)?;
        Some((ban, Change { key: key(who), value: None }))
    }

    /// Those whose ban has run out by then.
    pub(crate) fn ended(&self, now_ms: u64) -> Vec<Identity> {
        self.read().iter().filter(|(_, ban)| !ban.holds_at(now_ms)).map(|(who, _)| who.clone()).collect()
    }

    /// When the next ban ends, in milliseconds since 1970.
    pub(crate) fn next_end(&self) -> Option<u64> {
        self.read().values().filter_map(|ban| ban.until).min()
    }

    /// Waits until a ban was set since the last call of this.
    pub(crate) async fn news(&self) {
        self.news.notified().await;
    }

    /// Forgets that someone has set bans. Returns the rows to write.
    pub(crate) fn forget_author(&self, who: &Identity) -> Vec<Change> {
        let mut changes = Vec::new();
        for (banned, ban) in self.write().iter_mut().filter(|(_, ban)| ban.by == *who) {
            ban.by = Identity::erased();
            changes.push(Change { key: key(banned), value: Some(text(ban)) });
        }
        changes
    }

    fn read(&self) -> RwLockReadGuard<'_, BTreeMap<Identity, EverywhereBan>> {
        self.bans.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, BTreeMap<Identity, EverywhereBan>> {
        self.bans.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl EverywhereBan {
    fn holds_at(&self, now_ms: u64) -> bool {
        self.until.is_none_or(|until| until > now_ms)
    }
}

fn key(who: &Identity) -> String {
    format!("{BAN}{who}")
}

fn text(ban: &EverywhereBan) -> String {
    serde_json::to_string(ban).expect("bans have string keys and finite numbers")
}

const BAN: &str = "ban:";
/// The most people who are banned from all rooms.
pub(crate) const EVERYWHERE_MAX: usize = 16_384;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]

    use super::*;

    fn id(name: &str) -> Identity {
        Identity::parse(name).unwrap()
    }

    fn ban(until: Option<u64>) -> EverywhereBan {
        EverywhereBan { by: id("ops"), reason: None, since: 1, until }
    }

    #[test]
    fn a_ban_holds_until_it_ends_or_is_lifted_and_is_restored_from_its_row() {
        let everywhere = Everywhere::default();
        let row = everywhere.set(&id("eve"), ban(None)).unwrap();
        everywhere.set(&id("old"), ban(Some(5))).unwrap();
        assert!(everywhere.holds(&id("eve")) && !everywhere.holds(&id("old")));
        assert_eq!((everywhere.ended(6), everywhere.next_end()), (vec![id("old")], Some(5)));
        assert_eq!(everywhere.after(None, 9).len(), 1);
        let again = Everywhere::restore(&[(row.key, row.value.unwrap())]).unwrap();
        assert_eq!(again.find(&id("eve")), Some(ban(None)));
        assert!(again.lift(&id("eve")).is_some() && !again.holds(&id("eve")));
        assert!(Everywhere::restore(&[("person:eve".to_owned(), "{}".to_owned())]).is_err());
    }

    #[test]
    fn a_full_list_refuses_and_keeps_what_it_has() {
        let everywhere = Everywhere::default();
        for number in 0..EVERYWHERE_MAX {
            everywhere.set(&id(&format!("p{number}")), ban(None)).unwrap();
        }
        assert_eq!(everywhere.set(&id("late"), ban(None)), Err(Refusal::MemoryFull));
        assert!(everywhere.set(&id("p0"), ban(Some(u64::MAX))).is_ok(), "a ban may be changed");
        assert!(everywhere.holds(&id("p1")));
    }
}
