//! A spare descriptor is kept open for the moment in which there is no other one, so that the next connection can still be taken.

use std::fs::File;
use std::io;
use std::time::{Duration, Instant};

use nix::libc::{EMFILE, ENFILE};

use crate::runtime::clock;

/// The spare descriptor of one listener, and what is said when it is needed.
#[derive(Debug)]
pub(super) struct Spare {
    file: Option<File>,
    told_at: Option<Instant>,
    untold: u64,
}

impl Spare {
    pub(super) fn new() -> Self {
        let mut spare = Self { file: None, told_at: None, untold: 0 };
        spare.restore();
        spare
    }

    /// No connection could be taken. If that is for want of a descriptor, there is one now.
    pub(super) fn give_up(&mut self, error: &io::Error) {
        if matches!(error.raw_os_error(), Some(EMFILE | ENFILE)) {
            self.file = None;
        }
        self.untold += 1;
        let now = clock::now();
        if self.told_at.is_none_or(|at| now.saturating_duration_since(at) >= TOLD_EVERY) {
            tracing::warn!(%error, times = self.untold, "connections could not be taken");
            (self.told_at, self.untold) = (Some(now), 0);
        }
    }

    /// Opens it again, if that is possible.
    pub(super) fn restore(&mut self) {
        if self.file.is_none() {
            self.file = File::open("/dev/null").ok();
        }
    }
}

/// However often it fails, the log has one line in this time.
const TOLD_EVERY: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_given_up_for_want_of_a_descriptor_only_and_told_once() {
        let mut spare = Spare::new();
        spare.give_up(&io::Error::from_raw_os_error(nix::libc::ECONNABORTED));
        assert!(spare.file.is_some());
        for _ in 0..1_000 {
            spare.give_up(&io::Error::from_raw_os_error(EMFILE));
        }
        assert_eq!((spare.file.is_none(), spare.untold), (true, 1_000));
        spare.restore();
        assert!(spare.file.is_some());
    }
}
