//! Who is told what happens in rooms.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Secret, Sources, reading};

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
    #[serde(default, deserialize_with = "reading::list")]
    pub secrets: Vec<Secret>,
    /// Files that hold a secret each.
    #[serde(default, deserialize_with = "reading::list")]
    pub secret_files: Vec<PathBuf>,
    /// Kinds of events, `seat.changed`, or families of them, `seat.*`. None: all.
    #[serde(default, deserialize_with = "reading::list")]
    pub events: Vec<String>,
    /// Its place among the targets as they are written, from 0 on.
    #[serde(skip)]
    pub place: usize,
}

impl WebhookTarget {
    /// The whole key of one of its keys.
    pub fn key(&self, key: &str) -> String {
        format!("{TARGETS}.{}.{key}", self.place)
    }
}

impl Webhooks {
    /// Takes the section out of a table. A target that cannot be read is a fault of its own, and the others stay.
    pub(super) fn take(table: &mut toml::Table, sources: &Sources, faults: &mut Vec<String>) -> Self {
        let targets = table.get_mut("webhooks").and_then(|webhooks| webhooks.get_mut("targets"));
        let mut places = Vec::new();
        if let Some(toml::Value::Array(targets)) = targets {
            let mut place = 0..;
            targets.retain(|target| {
                let place = place.next().unwrap_or_default();
                let found = target_faults(target, &format!("{TARGETS}.{place}"), sources);
                if found.is_empty() {
                    places.push(place);
                }
                let is_good = found.is_empty();
                faults.extend(found);
                is_good
            });
        }
        let mut webhooks: Self = reading::section(table, "webhooks", sources, faults);
        for (target, place) in webhooks.targets.iter_mut().zip(places) {
            target.place = place;
        }
        webhooks
    }

    /// Adds the secrets that stand in files, as seen from the configuration's folder.
    pub(super) fn read_secret_files(&mut self, base: &Path, sources: &mut Sources, faults: &mut Vec<String>) {
        for target in &mut self.targets {
            let files: Vec<PathBuf> = target.secret_files.drain(..).collect();
            for (index, file) in files.into_iter().enumerate() {
                match Secret::read(&base.join(file), sources) {
                    Ok(secret) => target.secrets.push(secret),
                    Err(why) => faults.push(sources.fault(&target.key(&format!("secret_files.{index}")), &why)),
                }
            }
        }
    }
}

/// What keeps one target from being read: each bad key, or that one is missing.
fn target_faults(target: &toml::Value, at: &str, sources: &Sources) -> Vec<String> {
    let Some(keys) = target.as_table() else {
        return vec![sources.fault(at, "a target is a section, [[webhooks.targets]]")];
    };
    // The two that must be there stand in where only another key is looked at.
    let alone = |key: &str, value: &toml::Value| {
        let stand_in = ["name", "url"].map(|key| (key.to_owned(), toml::Value::String(String::new())));
        let mut table = toml::Table::from_iter(stand_in);
        table.insert(key.to_owned(), value.clone());
        toml::Value::Table(table).try_into::<WebhookTarget>()
    };
    let bad = keys.iter().filter_map(|(key, value)| Some((key, alone(key, value).err()?)));
    let mut faults: Vec<String> =
        bad.map(|(key, error)| sources.fault(&format!("{at}.{key}"), error.message().trim_end())).collect();
    for key in ["name", "url"].into_iter().filter(|key| !keys.contains_key(*key)) {
        faults.push(sources.fault(at, &format!("a target needs a {key}")));
    }
    faults
}

const TARGETS: &str = "webhooks.targets";
