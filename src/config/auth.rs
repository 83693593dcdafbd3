//! Who may mint tokens: the ids of keys and their secrets.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Sources, reading};

/// Who may mint tokens.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Auth {
    /// Key id = secret; or `<id>_file` = a file that holds it.
    pub keys: BTreeMap<String, Secret>,
}

/// A secret that neither logs nor `print-config` show.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps it.
    pub fn new(secret: impl Into<String>) -> Self {
        Self(secret.into())
    }

    /// The secret itself.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Reads one from a file. The error says why it cannot be read.
    pub(super) fn read(path: &Path, sources: &mut Sources) -> Result<Self, String> {
        let secret = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        sources.warn_of_readers("it is a secret", path);
        Ok(Self::new(secret.trim()))
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(hidden)")
    }
}

impl Serialize for Secret {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("(hidden)")
    }
}

impl Auth {
    /// Takes the section out of a table. A key that is no text is a fault of its own, and the others stay.
    pub(super) fn take(table: &mut toml::Table, sources: &mut Sources, faults: &mut Vec<String>) -> Self {
        let keys = table.get_mut("auth").and_then(|auth| auth.get_mut("keys")).and_then(toml::Value::as_table_mut);
        if let Some(keys) = keys {
            keys.retain(|id, secret| {
                if !secret.is_str() {
                    // The value may be a secret that lacks its quotes.
                    faults.push(sources.fault(&format!("auth.keys.{id}"), "a secret is a text in quotes"));
                }
                secret.is_str()
            });
        }
        reading::section(table, "auth", sources, faults)
    }

    /// Puts the secrets that stand in files in the place of the files' names.
    pub(super) fn read_secret_files(&mut self, base: &Path, sources: &mut Sources, faults: &mut Vec<String>) {
        let files: Vec<(String, PathBuf)> = self
            .keys
            .iter()
            .filter_map(|(id, value)| Some((id.strip_suffix(FILE_SUFFIX)?.to_owned(), base.join(value.expose()))))
            .collect();
        for (id, path) in files {
            let key = format!("auth.keys.{id}{FILE_SUFFIX}");
            self.keys.remove(&format!("{id}{FILE_SUFFIX}"));
            if self.keys.contains_key(&id) {
                faults.push(sources.fault(&key, &format!("auth.keys.{id} is set as well; keep one of the two")));
                continue;
            }
            match Secret::read(&path, sources) {
                Ok(secret) => drop(self.keys.insert(id, secret)),
                Err(why) => faults.push(sources.fault(&key, &why)),
            }
        }
        self.warn_of_twins(sources);
    }

    /// Ids of keys keep their case, so two that differ in nothing else may be a slip.
    fn warn_of_twins(&self, sources: &mut Sources) {
        let ids: Vec<&String> = self.keys.keys().collect();
        for (index, one) in ids.iter().enumerate() {
            for other in ids[index + 1..].iter().filter(|other| other.eq_ignore_ascii_case(one)) {
                sources.warn(format!("auth.keys: {one} and {other} differ in case only, and are two keys"));
            }
        }
    }
}

/// A key whose id ends like this names a file that holds the secret.
pub(super) const FILE_SUFFIX: &str = "_file";
