//! Rooms as tasks: each room is owned by one task, others hold a handle, and the directory knows them by name.

pub mod directory;

pub(crate) mod banning;
pub(crate) mod everywhere;
pub(crate) mod handle;
pub(crate) mod line;
pub(crate) mod memories;
pub(crate) mod places;
pub(crate) mod task;

mod after_end;
mod crowd;
mod holds;
mod journal;
mod ledger;
mod pace;
