//! The environment as a source of configuration: `PODIUM__MEDIA__WORKERS=2` is `media.workers = 2`.
//!
//! Names of sections and keys may be written in any case. The id of a key below `auth.keys` is taken
//! as it is written, and its secret to the letter.

use std::ffi::OsString;

use super::{Config, Sources, auth::FILE_SUFFIX};

/// Puts what the variables say over what a table says.
pub(super) fn apply(
    table: &mut toml::Table,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
    sources: &mut Sources,
    faults: &mut Vec<String>,
) {
    let is_ours = |(name, value): (OsString, OsString)| {
        Some((name.into_string().ok().filter(|name| name.starts_with(OURS))?, value))
    };
    let mut variables: Vec<(String, OsString)> = environment.into_iter().filter_map(is_ours).collect();
    // Their order is that of the process; faults shall have one that does not change.
    variables.sort();
    for (name, value) in variables {
        let Some(path) = name.strip_prefix(PREFIX) else {
            if !is_known(&name, value.to_str().unwrap_or_default()) {
                sources.warn(format!("{name}: this variable is no key and has no effect{}", hint(&name)));
            }
            continue;
        };
        let fault = match (value.to_str(), Path::of(path)) {
            (None, _) => Some("the value is no UTF-8".to_owned()),
            (_, None) => Some(format!("expected {PREFIX}SECTION__KEY{}", hint(&name))),
            (Some(value), Some(Path::Secret(id))) => set_secret(table, &name, &id, value, sources),
            (Some(value), Some(Path::Key { section, key })) => set(table, &name, [&section, &key], value, sources),
        };
        faults.extend(fault.map(|fault| format!("{name}: {fault}")));
    }
}

/// What a variable names.
enum Path {
    Key {
        section: String,
        key: String,
    },
    /// The id of a key below `auth.keys`.
    Secret(String),
}

impl Path {
    fn of(path: &str) -> Option<Self> {
        let (section, key) = path.split_once("__")?;
        let (section, key) = (section.to_lowercase(), key);
        if let Some((keys, id)) = key.split_once("__") {
            let is_secret = section == "auth" && keys.eq_ignore_ascii_case("keys") && !id.is_empty();
            return is_secret.then(|| Self::Secret(id_of(id)));
        }
        let is_whole = !section.is_empty() && !key.is_empty();
        is_whole.then(|| Self::Key { section, key: key.to_lowercase() })
    }
}

/// The id as it is written. Only what says that it is a file may be in capital letters.
fn id_of(written: &str) -> String {
    match written.len().checked_sub(FILE_SUFFIX.len()).and_then(|at| written.split_at_checked(at)) {
        Some((id, suffix)) if suffix.eq_ignore_ascii_case(FILE_SUFFIX) && !id.is_empty() => {
            format!("{id}{FILE_SUFFIX}")
        }
        Some(_) | None => written.to_owned(),
    }
}

/// Sets a key of a section. Returns what is wrong, if anything is.
fn set(
    table: &mut toml::Table,
    name: &str,
    [section, key]: [&str; 2],
    value: &str,
    sources: &mut Sources,
) -> Option<String> {
    let Some(inner) = inner(table, section) else { return Some(format!("{section} is not a section")) };
    let parsed = format!("v = {value}").parse::<toml::Table>().ok().and_then(|mut table| table.remove("v"));
    inner.insert(key.to_owned(), parsed.unwrap_or_else(|| toml::Value::String(value.to_owned())));
    sources.note_variable(&format!("{section}.{key}"), name, value);
    None
}

/// Sets a secret, or the file that holds it. It goes over both of the file's: the secret and the name of its file.
fn set_secret(table: &mut toml::Table, name: &str, id: &str, value: &str, sources: &mut Sources) -> Option<String> {
    let Some(keys) = inner(table, "auth").and_then(|auth| inner(auth, "keys")) else {
        return Some("auth.keys is not a section".to_owned());
    };
    let other = match id.strip_suffix(FILE_SUFFIX) {
        Some(id) => id.to_owned(),
        None => format!("{id}{FILE_SUFFIX}"),
    };
    let other_key = format!("auth.keys.{other}");
    if let Some(variable) = sources.variable(&other_key) {
        return Some(format!("{variable} is set as well; keep one of the two"));
    }
    keys.remove(&other);
    sources.forget(&other_key);
    // Some shells and files of variables keep the quotes.
    let is_quoted = value.len() >= 2 && value.starts_with('"') && value.ends_with('"');
    let secret = if is_quoted { &value[1..value.len() - 1] } else { value };
    keys.insert(id.to_owned(), toml::Value::String(secret.to_owned()));
    sources.note_variable(&format!("auth.keys.{id}"), name, value);
    None
}

/// The table of this name in a table, made if it is not there; none if something else is.
fn inner<'a>(table: &'a mut toml::Table, name: &str) -> Option<&'a mut toml::Table> {
    table.entry(name).or_insert_with(|| toml::Value::Table(toml::Table::new())).as_table_mut()
}

/// Whether this is a variable of ours that is no key, or one that Kubernetes sets beside a service called `podium`.
fn is_known(name: &str, value: &str) -> bool {
    let is_of_a_service = name.ends_with("_SERVICE_HOST")
        || name.contains("_SERVICE_PORT")
        || ["tcp://", "udp://", "sctp://"].iter().any(|start| value.starts_with(start))
        || (name.contains("_PORT_") && ["_PROTO", "_PORT", "_ADDR"].iter().any(|end| name.ends_with(end)));
    let is_of_tests = OF_TESTS.iter().any(|start| name.starts_with(start));
    OTHERS.contains(&name) || is_of_a_service || is_of_tests
}

/// Which variable was perhaps meant.
fn hint(name: &str) -> String {
    let is_secret = |rest: &str| rest.trim_start_matches('_').to_uppercase().starts_with("AUTH");
    if name.strip_prefix(OURS).is_some_and(is_secret) {
        return format!("; {PREFIX}AUTH__KEYS__<id> sets a secret");
    }
    let nearest = names().into_iter().map(|known| (strsim::normalized_damerau_levenshtein(name, &known), known));
    match nearest.max_by(|(one, _), (other, _)| one.total_cmp(other)) {
        Some((likeness, known)) if likeness >= LIKENESS_MIN => format!("; did you mean {known}?"),
        Some(_) | None => format!("; keys are set by {PREFIX}SECTION__KEY"),
    }
}

/// The variables of all keys.
fn names() -> Vec<String> {
    let mut names = vec!["PODIUM_CONFIG".to_owned(), format!("{PREFIX}STORE__PATH")];
    let Ok(defaults) = toml::Table::try_from(Config::default()) else { return names };
    for (section, keys) in &defaults {
        let keys = keys.as_table().into_iter().flat_map(toml::Table::keys);
        names.extend(keys.map(|key| format!("{PREFIX}{section}__{key}").to_uppercase()));
    }
    names
}

const OURS: &str = "PODIUM_";
const PREFIX: &str = "PODIUM__";
/// Variables that are no keys: those of the command line, and those of the walk for back ends.
const OTHERS: [&str; 4] = ["PODIUM_CONFIG", "PODIUM_WEBHOOK_SECRET", "PODIUM_URL", "PODIUM_TOKEN"];
/// How variables begin that tell our tests what to do.
const OF_TESTS: [&str; 7] = [
    "PODIUM_REQUIRE_",
    "PODIUM_UPDATE_",
    "PODIUM_KILLS",
    "PODIUM_SEED",
    "PODIUM_ROOM_",
    "PODIUM_SIM_",
    "PODIUM_AUDIENCE",
];
/// From which share of equal letters on a name was perhaps meant.
const LIKENESS_MIN: f64 = 0.6;
