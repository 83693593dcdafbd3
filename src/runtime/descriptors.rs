//! Descriptors: how many this process has open, and how many it may have.

use std::fs;

use nix::sys::resource::{Resource, getrlimit};

/// How many are open. Unknown where there is no `/proc`.
pub fn open() -> Option<u64> {
    // One of them is the folder itself.
    Some((fs::read_dir("/proc/self/fd").ok()?.count() as u64).saturating_sub(1))
}

/// How many may be open.
pub fn most() -> Option<u64> {
    getrlimit(Resource::RLIMIT_NOFILE).ok().map(|(soft, _)| soft)
}

/// How many more may be opened now; no bound where that is not known.
pub fn free() -> usize {
    let free = open().zip(most()).map(|(open, most)| most.saturating_sub(open));
    free.and_then(|free| usize::try_from(free).ok()).unwrap_or(usize::MAX)
}
