//! How sections and lists are read from a TOML table.

use serde::{Deserialize, Deserializer, de::DeserializeOwned, de::Error as _};

use super::Sources;

/// Reads one section key by key, so that each bad key is a fault of its own and not only the first.
pub(super) fn section<T: DeserializeOwned + Default>(
    table: &mut toml::Table,
    name: &str,
    sources: &Sources,
    faults: &mut Vec<String>,
) -> T {
    let entries = match table.remove(name) {
        None => return T::default(),
        Some(toml::Value::Table(entries)) => entries,
        Some(_) => {
            faults.push(sources.fault(name, "it is a section, not a value"));
            return T::default();
        }
    };
    let mut good = toml::Table::new();
    for (key, value) in entries {
        let path = format!("{name}.{key}");
        match fits::<T>(&key, &value) {
            Ok(()) => {
                good.insert(key, value);
            }
            Err(why) => {
                // What a variable says may look like a number and be a text.
                let text = sources.text(&path).map(|text| toml::Value::String(text.to_owned()));
                match text.filter(|text| fits::<T>(&key, text).is_ok()) {
                    Some(text) => drop(good.insert(key, text)),
                    None => faults.push(sources.fault(&path, &format!("{}{why}", shown(name, &value)))),
                }
            }
        }
    }
    toml::Value::Table(good).try_into().unwrap_or_default()
}

/// Reads a list: of a TOML list, or of a text whose parts are separated by commas.
pub(super) fn list<'de, T: DeserializeOwned, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    let parts = match toml::Value::deserialize(deserializer)? {
        toml::Value::String(text) => {
            let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
            parts.map(|part| toml::Value::String(part.to_owned())).collect()
        }
        toml::Value::Array(parts) => parts,
        other @ (toml::Value::Integer(_)
        | toml::Value::Float(_)
        | toml::Value::Boolean(_)
        | toml::Value::Datetime(_)
        | toml::Value::Table(_)) => {
            let why = format!("{} is neither a list nor a text with commas", other.type_str());
            return Err(D::Error::custom(why));
        }
    };
    let read = |part: toml::Value| {
        let text = part.to_string();
        part.try_into().map_err(|error| D::Error::custom(format!("{text}: {}", error.message().trim_end())))
    };
    parts.into_iter().map(read).collect()
}

/// Whether a section may hold this value. The error says why not.
pub(super) fn fits<T: DeserializeOwned>(key: &str, value: &toml::Value) -> Result<(), String> {
    let alone = toml::Table::from_iter([(key.to_owned(), value.clone())]);
    match toml::Value::Table(alone).try_into::<T>() {
        Ok(_) => Ok(()),
        Err(error) => Err(error.message().trim_end().to_owned()),
    }
}

/// The value for a fault to name, unless it may hold a secret.
fn shown(section: &str, value: &toml::Value) -> String {
    let is_short = |text: &String| text.len() <= SHOWN_BYTES_MAX && !text.contains('\n');
    let text = Some(value.to_string()).filter(is_short).filter(|_| !SECRET_SECTIONS.contains(&section));
    text.map_or_else(String::new, |text| format!("{text}: "))
}

const SECRET_SECTIONS: [&str; 2] = ["auth", "webhooks"];
const SHOWN_BYTES_MAX: usize = 100;
