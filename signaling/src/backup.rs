//! Copies of the store, as an operator makes, checks and restores them. Each is looked at as a server looks at its store when it starts.

use std::path::Path;

pub use crate::store::{Contents, CopyError, Restored};
use crate::{
    clock,
    room::{Calendar, Room, Settings},
    store::{self, SavedRoom},
};

/// Copies a store to `to`, while a server has it open or not. A file that is there already is kept, unless it is to be replaced.
///
/// # Errors
///
/// There is no store, it is damaged, or `to` cannot be written or is the store itself. Nothing is left at `to` then.
pub fn backup(store: &Path, to: &Path, is_replacing: bool) -> Result<Contents, CopyError> {
    store::backup(store, to, is_replacing, &understand)
}

/// Looks at a copy from all sides, and leaves it as it is.
///
/// # Errors
///
/// It is no copy of a store, or damaged, or not whole.
pub fn check(file: &Path) -> Result<Contents, CopyError> {
    store::check(file, &understand)
}

/// Puts a copy in the place of the store. A store that is there is kept under another name, if it is to be replaced.
///
/// # Errors
///
/// As [`check`] has them; a server has the store open; a store is there and is not to be replaced. The store is as it was then.
pub fn restore(file: &Path, store: &Path, is_replacing: bool) -> Result<Restored, CopyError> {
    store::restore(file, store, is_replacing, &understand)
}

fn understand(SavedRoom { id, state }: &SavedRoom) -> Result<(), String> {
    let calendar = Calendar { now: clock::now(), unix_ms: clock::unix_millis() };
    let room = Room::restore(id.clone(), Settings::default(), state, &calendar, clock::now());
    room.map(drop).map_err(|error| format!("room {id}: {error}"))
}
