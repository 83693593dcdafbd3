//! Who is told what happens in rooms.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Secret;

/// `[webhooks]`
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Webhooks {
    /// Targets may have private addresses: loopback, networks of one's own. So they may in development mode.
    pub allow_private: bool,
    /// `[[webhooks.targets]]`
    pub targets: Vec<WebhookTarget>,
}

/// One of `[[webhooks.targets]]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookTarget {
    /// Its name in logs and metrics; what waits for it is kept under this name.
    pub name: String,
    /// Where: `https://…` or `http://…`.
    pub url: String,
    /// What deliveries are signed with, `whsec_…`: one, or two while they are changed.
    #[serde(default)]
    pub secrets: Vec<Secret>,
    /// Files that hold a secret each.
    #[serde(default)]
    pub secret_files: Vec<PathBuf>,
    /// Kinds of events, `seat.changed`, or families of them, `seat.*`. None: all.
    #[serde(default)]
    pub events: Vec<String>,
}

impl Webhooks {
    /// Adds the secrets that stand in files, as seen from the configuration's folder.
    pub(super) fn read_secret_files(&mut self, base: &Path, faults: &mut Vec<String>) {
        for target in &mut self.targets {
            for path in target.secret_files.drain(..).map(|file| base.join(file)) {
                match std::fs::read_to_string(&path) {
                    Ok(secret) => target.secrets.push(Secret::new(secret.trim())),
                    Err(error) => {
                        faults.push(format!("webhooks.targets.{}: {}: {error}", target.name, path.display()));
                    }
                }
            }
        }
    }
}
