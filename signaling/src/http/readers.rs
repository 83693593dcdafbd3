//! Readers are those who look through the store's logs. Few can do so at once, so one caller has only part of the turns. It hides its lock.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::problem::Problem;
use crate::{auth::Access, ids::Identity, room::Refusal};

/// Those who read at present. Cloning shares them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Readers {
    reading: Arc<Mutex<HashMap<Caller, usize>>>,
}

/// A caller is whom a good token names, by the key that signed it.
type Caller = (String, Option<Identity>);

/// One reading. It ends when dropped.
#[derive(Debug)]
pub(super) struct Reading {
    readers: Readers,
    caller: Caller,
}

impl Readers {
    /// Begins a reading for a caller, or says when to try again.
    pub(super) fn begin(&self, access: &Access) -> Result<Reading, Problem> {
        let caller = (access.key_id.clone(), access.identity().cloned());
        let mut reading = self.lock();
        let count = reading.entry(caller.clone()).or_default();
        if *count >= PER_CALLER {
            return Err(Problem::from(Refusal::RateLimited).retry_after(RETRY_AFTER));
        }
        *count += 1;
        drop(reading);
        Ok(Reading { readers: self.clone(), caller })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Caller, usize>> {
        self.reading.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        let mut reading = self.readers.lock();
        if let Some(count) = reading.get_mut(&self.caller) {
            *count -= 1;
            if *count == 0 {
                reading.remove(&self.caller);
            }
        }
    }
}

/// Readings of one caller at once: half of the store's turns.
const PER_CALLER: usize = 4;

const RETRY_AFTER: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]

    use super::*;
    use crate::{
        auth::{self, Secret, TokenRequest},
        ids::RoomId,
        room::Rank,
    };

    #[test]
    fn a_caller_has_part_of_the_turns_and_gives_them_back() {
        let readers = Readers::default();
        let request = TokenRequest {
            room: RoomId::parse("demo").unwrap(),
            identity: Identity::parse("ops").unwrap(),
            name: None,
            rank: Rank::Member,
            manages_rooms: true,
            lifetime: Duration::from_secs(60),
        };
        let of = |key_id: &str| {
            let secret = Secret::new("a secret of thirty-two bytes or more");
            let token = auth::mint(key_id, &secret, &request, 1_800_000_000).unwrap();
            auth::verify(&HashMap::from([(key_id.to_owned(), secret)]), &token, 1_800_000_000).unwrap()
        };
        let mut reading: Vec<_> = (0..PER_CALLER).map(|_| readers.begin(&of("one")).unwrap()).collect();
        assert!(readers.begin(&of("one")).is_err());
        assert!(readers.begin(&of("two")).is_ok(), "nobody else waits");
        reading.pop();
        assert!(readers.begin(&of("one")).is_ok());
        reading.clear();
        assert!(readers.lock().is_empty());
    }
}
