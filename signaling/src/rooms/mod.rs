//! Rooms as tasks: each room is owned by one task, others hold a handle, and the directory knows them by name.

pub mod directory;

pub(crate) mod handle;
pub(crate) mod line;
pub(crate) mod task;

mod crowd;
mod holds;
mod journal;
mod ledger;
mod pace;
