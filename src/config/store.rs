//! Where lies what must outlive the process, and for how long.

use std::path::{Path, PathBuf};

use nix::unistd::{AccessFlags, access};

use serde::{Deserialize, Serialize};

use super::Bound;

/// `[store]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Store {
    /// The file; `podium.db` in the working directory unless said otherwise. In development mode everything is kept in memory unless a file is named;
    /// `":memory:"` does so anywhere.
    pub path: Option<PathBuf>,
    /// How long events are kept, in days.
    pub keep_events_days: u64,
    /// The most events that are kept; the oldest go first.
    pub events_max: u64,
    /// How long the audit log is kept, in days.
    pub keep_audits_days: u64,
}

impl Default for Store {
    fn default() -> Self {
        Self { path: None, keep_events_days: 30, events_max: 10_000_000, keep_audits_days: 365 }
    }
}

impl Store {
    /// The file, where none is named: this one if the server was configured, none in development mode. Seen from the configuration's folder it is not:
    /// a file of one's own is where the process runs.
    pub fn file(&self, is_configured: bool) -> Option<PathBuf> {
        match &self.path {
            Some(path) if path.as_os_str() == IN_MEMORY => None,
            Some(path) => Some(path.clone()),
            None => is_configured.then(|| PathBuf::from(DEFAULT_FILE)),
        }
    }

    pub(super) fn bounds(&self) -> [Bound; 3] {
        [
            ("store.keep_events_days", self.keep_events_days, 1, 3_650),
            ("store.events_max", self.events_max, 1_000, 1_000_000_000),
            ("store.keep_audits_days", self.keep_audits_days, 1, 36_500),
        ]
    }
}

/// Why no store can lie there, if none can.
pub(super) fn fault(file: &Path) -> Option<String> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let (file, shown) = (file, file.display());
    if file.is_dir() {
        return Some(format!("{shown} is a folder; the store is a file"));
    }
    match std::fs::metadata(folder) {
        Err(error) => return Some(format!("{shown}: the folder {}: {error}", folder.display())),
        Ok(metadata) if !metadata.is_dir() => return Some(format!("{shown}: {} is no folder", folder.display())),
        Ok(_) => {}
    }
    // SQLite makes files beside the store, so the folder must be writable, too.
    let wanted = AccessFlags::R_OK | AccessFlags::W_OK;
    if let Err(error) = access(folder, wanted | AccessFlags::X_OK) {
        return Some(format!("{shown}: the folder {} cannot be written: {}", folder.display(), error.desc()));
    }
    match file.try_exists() {
        Ok(true) => access(file, wanted).err().map(|error| format!("{shown} cannot be written: {}", error.desc())),
        Ok(false) => None,
        Err(error) => Some(format!("{shown}: {error}")),
    }
}

const IN_MEMORY: &str = ":memory:";
const DEFAULT_FILE: &str = "podium.db";
