//! The configuration: defaults, then a TOML file, then the environment, each over the one before. Parsed and checked before any port is bound; every
//! fault is reported at once.

use std::collections::{BTreeMap, HashSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

pub use advertise::Advertise;
pub use latency::Latency;
pub use limits::Limits;
pub use rooms::{Duplicates, Interrupt, Promote, Rooms, SeatMode};
pub use store::Store;
pub use webhooks::{WebhookTarget, Webhooks};

mod advertise;
mod latency;
mod limits;
mod rooms;
mod store;
mod webhooks;

/// Everything that can be set.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Config {
    /// `[http]`
    pub http: Http,
    /// `[admin]`
    pub admin: Admin,
    /// `[media]`
    pub media: Media,
    /// `[auth]`
    pub auth: Auth,
    /// `[rooms]`
    pub rooms: Rooms,
    /// `[limits]`
    pub limits: Limits,
    /// `[latency]`
    pub latency: Latency,
    /// `[store]`
    pub store: Store,
    /// `[webhooks]`
    pub webhooks: Webhooks,
    /// `[log]`
    pub log: Log,
}

/// Where clients ask.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Http {
    /// HTTP and WebSocket.
    pub listen: SocketAddr,
    /// The web origins whose pages may use the HTTP API.
    pub cors_origins: Vec<String>,
}

/// Where operators look.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Admin {
    /// Metrics and health. Keep it off public networks.
    pub listen: SocketAddr,
}

/// Where packets flow.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Media {
    /// UDP addresses; worker `i` takes each port + `i`. An unspecified address stands for every address of this machine.
    pub listen: OneOrMany,
    /// Worker threads; 0 is one per core.
    pub workers: usize,
    /// Each worker stays on a core of its own.
    pub pin: bool,
    /// Addresses put into answers instead of the bound ones: `"public"`, or `"bound=public"` (one-to-one NAT of clouds), each perhaps with the
    /// port of worker 0: [`Advertise`].
    pub advertise: Vec<String>,
}

/// One address or several.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum OneOrMany {
    /// One.
    One(SocketAddr),
    /// Several, for example IPv4 and IPv6.
    Many(Vec<SocketAddr>),
}

impl OneOrMany {
    /// As a list.
    pub fn as_slice(&self) -> &[SocketAddr] {
        match self {
            Self::One(address) => std::slice::from_ref(address),
            Self::Many(addresses) => addresses,
        }
    }
}

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

/// What is written down.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// JSON objects instead of lines.
    pub json: bool,
    /// A tracing directive.
    pub filter: String,
}

impl Default for Http {
    fn default() -> Self {
        Self { listen: loopback(7880), cors_origins: Vec::new() }
    }
}

impl Default for Admin {
    fn default() -> Self {
        Self { listen: loopback(6789) }
    }
}

impl Default for Media {
    fn default() -> Self {
        Self { listen: OneOrMany::One(loopback(7882)), workers: 0, pin: true, advertise: Vec::new() }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self { json: false, filter: "info".into() }
    }
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

/// A number: its key, its value, and the least and the most it may be.
type Bound = (&'static str, u64, u64, u64);

/// Everything that is wrong with a configuration.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct Faults(pub Vec<String>);

impl Config {
    /// Reads defaults ← file ← environment, and checks the whole. `environment` holds pairs such as `PODIUM__HTTP__LISTEN`.
    ///
    /// # Errors
    ///
    /// All faults found: an unreadable file, unknown keys, wrong types, values out of bounds.
    pub fn load(file: Option<&Path>, environment: impl IntoIterator<Item = (String, String)>) -> Result<Self, Faults> {
        let mut faults = Vec::new();
        let mut table = file.map_or_else(toml::Table::new, |file| read_file(file, &mut faults));
        for (name, value) in environment {
            apply_variable(&mut table, &name, &value, &mut faults);
        }
        let base = file.and_then(Path::parent).map(Path::to_path_buf).unwrap_or_default();
        let config = Self::from_table(table, &base, &mut faults);
        config.check(&mut faults);
        if faults.is_empty() { Ok(config) } else { Err(Faults(faults)) }
    }

    fn from_table(mut table: toml::Table, base: &Path, faults: &mut Vec<String>) -> Self {
        let mut config = Self {
            http: section(&mut table, "http", faults),
            admin: section(&mut table, "admin", faults),
            media: section(&mut table, "media", faults),
            auth: section(&mut table, "auth", faults),
            rooms: section(&mut table, "rooms", faults),
            limits: section(&mut table, "limits", faults),
            latency: section(&mut table, "latency", faults),
            store: section(&mut table, "store", faults),
            webhooks: section(&mut table, "webhooks", faults),
            log: section(&mut table, "log", faults),
        };
        for unknown in table.keys() {
            faults.push(format!("[{unknown}]: unknown section"));
        }
        config.auth.read_secret_files(base, faults);
        config.webhooks.read_secret_files(base, faults);
        config
    }

    fn check(&self, faults: &mut Vec<String>) {
        let mut check = |holds: bool, fault: String| {
            if !holds {
                faults.push(fault);
            }
        };
        for (id, secret) in &self.auth.keys {
            check(
                secret.expose().len() >= SECRET_BYTES_MIN,
                format!("auth.keys.{id}: a secret has {SECRET_BYTES_MIN} bytes or more"),
            );
        }
        let bounds = self.rooms.bounds().into_iter().chain(self.limits.bounds());
        for (key, value, min, max) in bounds.chain(self.latency.bounds()).chain(self.store.bounds()) {
            let within = if max == u64::MAX { format!("at least {min}") } else { format!("within {min} and {max}") };
            check((min..=max).contains(&value), format!("{key}: {value} is not {within}"));
        }
        check(
            self.rooms.turn_is_fit(),
            format!("rooms.turn_s: {} is neither 0 nor within 10 and 3600", self.rooms.turn_s),
        );
        check(
            self.latency.refuses_in_time(),
            format!("latency.refuse_at: {} is not within 0.3 and 0.98", self.latency.refuse_at),
        );
        check(self.media.workers <= WORKERS_MAX, format!("media.workers: at most {WORKERS_MAX}"));
        for origin in self.http.cors_origins.iter().filter(|origin| !is_origin(origin)) {
            check(false, format!("http.cors_origins: {origin:?} is no origin such as https://console.example.org"));
        }
        check(!self.media.listen.as_slice().is_empty(), "media.listen: at least one address".into());
        let distinct: HashSet<_> = self.media.listen.as_slice().iter().collect();
        check(distinct.len() == self.media.listen.as_slice().len(), "media.listen: the same address twice".into());
        for entry in &self.media.advertise {
            if let Err(fault) = entry.parse::<Advertise>() {
                check(false, format!("media.advertise: {entry:?} {fault}"));
            }
        }
    }
}

impl Auth {
    fn read_secret_files(&mut self, base: &Path, faults: &mut Vec<String>) {
        let files: Vec<(String, PathBuf)> = self
            .keys
            .iter()
            .filter_map(|(id, value)| Some((id.strip_suffix("_file")?.to_owned(), base.join(value.expose()))))
            .collect();
        for (id, path) in files {
            self.keys.remove(&format!("{id}_file"));
            match std::fs::read_to_string(&path) {
                Ok(secret) => {
                    self.keys.insert(id, Secret::new(secret.trim()));
                }
                Err(error) => faults.push(format!("auth.keys.{id}_file: {}: {error}", path.display())),
            }
        }
    }
}

/// Whether this is an origin as browsers write it: a scheme, a host and perhaps a port, and nothing else.
fn is_origin(text: &str) -> bool {
    let Ok(uri) = text.parse::<axum::http::Uri>() else {
        return false;
    };
    let (Some(scheme @ ("http" | "https")), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return false;
    };
    format!("{scheme}://{authority}") == text && !authority.as_str().contains('@')
}

fn read_file(file: &Path, faults: &mut Vec<String>) -> toml::Table {
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) => {
            faults.push(format!("{}: {error}", file.display()));
            return toml::Table::new();
        }
    };
    text.parse().unwrap_or_else(|error: toml::de::Error| {
        faults.push(format!("{}: {}", file.display(), error.message()));
        toml::Table::new()
    })
}

/// `PODIUM__MEDIA__WORKERS=2` is `media.workers = 2`. A value that is no TOML is taken as a string.
fn apply_variable(table: &mut toml::Table, name: &str, value: &str, faults: &mut Vec<String>) {
    let Some(path) = name.strip_prefix(VARIABLE_PREFIX) else {
        return;
    };
    let keys: Vec<String> = path.split("__").map(str::to_lowercase).collect();
    let Some((last, sections)) = keys.split_last().filter(|(_, sections)| !sections.is_empty()) else {
        faults.push(format!("{name}: expected {VARIABLE_PREFIX}SECTION__KEY"));
        return;
    };
    let mut inner = table;
    for section in sections {
        let entry = inner.entry(section.clone()).or_insert_with(|| toml::Value::Table(toml::Table::new()));
        let Some(next) = entry.as_table_mut() else {
            faults.push(format!("{name}: {section} is not a section"));
            return;
        };
        inner = next;
    }
    let parsed = format!("v = {value}").parse::<toml::Table>().ok().and_then(|mut table| table.remove("v"));
    inner.insert(last.clone(), parsed.unwrap_or_else(|| toml::Value::String(value.into())));
}

/// Reads one section key by key, so that each bad key is a fault of its own and not only the first.
fn section<T: DeserializeOwned + Default>(table: &mut toml::Table, name: &str, faults: &mut Vec<String>) -> T {
    let entries = match table.remove(name) {
        None => return T::default(),
        Some(toml::Value::Table(entries)) => entries,
        Some(_) => {
            faults.push(format!("{name}: is a section, not a value"));
            return T::default();
        }
    };
    let mut good = toml::Table::new();
    for (key, value) in entries {
        let alone = toml::Table::from_iter([(key.clone(), value.clone())]);
        match toml::Value::Table(alone).try_into::<T>() {
            Ok(_) => {
                good.insert(key, value);
            }
            Err(error) => faults.push(format!("{name}.{key}: {}", error.message())),
        }
    }
    toml::Value::Table(good).try_into().unwrap_or_default()
}

const VARIABLE_PREFIX: &str = "PODIUM__";
/// HS256 wants a key as long as its hash (RFC 7518 section 3.2).
const SECRET_BYTES_MIN: usize = 32;
/// The ufrag has room for many more; a machine has not.
pub const WORKERS_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str, environment: &[(&str, &str)]) -> Result<Config, Faults> {
        let mut faults = Vec::new();
        let mut table: toml::Table = text.parse().expect("TOML");
        for (name, value) in environment {
            apply_variable(&mut table, name, value, &mut faults);
        }
        let config = Config::from_table(table, Path::new("."), &mut faults);
        config.check(&mut faults);
        if faults.is_empty() { Ok(config) } else { Err(Faults(faults)) }
    }

    #[test]
    fn the_defaults_are_loopback_and_sound() {
        let config = load("", &[]).expect("sound");
        assert!(config.http.listen.ip().is_loopback() && config.admin.listen.ip().is_loopback());
        assert_eq!(config.media.listen.as_slice(), [loopback(7882)]);
    }

    #[test]
    fn an_origin_is_written_as_browsers_do() {
        for good in ["https://console.example.org", "http://localhost:3000", "https://[::1]:8443"] {
            assert!(is_origin(good), "{good}");
        }
        for bad in
            ["", "*", "console.example.org", "https://a.example/", "https://u@a.example", "ftp://a.example", "null"]
        {
            assert!(!is_origin(bad), "{bad}");
        }
        let Faults(faults) = load("[http]\ncors_origins = [\"*\"]", &[]).expect_err("faulty");
        assert!(faults.iter().any(|fault| fault.contains("http.cors_origins")), "{faults:?}");
    }

    #[test]
    fn the_environment_goes_over_the_file() {
        let file = "[http]\nlisten = \"127.0.0.1:1\"\n[media]\nworkers = 1\nlisten = [\"127.0.0.1:5\", \"[::1]:5\"]";
        let config = load(
            file,
            &[
                ("PODIUM__HTTP__LISTEN", "127.0.0.1:2"),
                ("PODIUM__MEDIA__WORKERS", "2"),
                ("PODIUM__LOG__FILTER", "debug"),
            ],
        )
        .expect("sound");
        assert_eq!(config.http.listen, loopback(2));
        assert_eq!((config.media.workers, config.log.filter.as_str()), (2, "debug"));
        assert_eq!(config.media.listen.as_slice().len(), 2);
    }

    #[test]
    fn every_fault_is_reported_at_once() {
        let file = "[http]\nlisten = 7\nlissten = \"x\"\n[rooms]\nseats = 40\n[nonsense]\n[auth.keys]\nshort = \"abc\"\n[media]\nadvertise = [\"here\"]\n[latency]\nlaggy_ms = 100\nrefuse_at = 1.5";
        let Faults(faults) = load(file, &[("PODIUM__MEDIA__WORKERS", "many")]).expect_err("faulty");
        for expected in [
            "http.listen",
            "http.lissten",
            "rooms.seats",
            "[nonsense]",
            "auth.keys.short",
            "media.workers",
            "media.advertise",
            "latency.laggy_ms",
            "latency.refuse_at",
        ] {
            assert!(faults.iter().any(|fault| fault.contains(expected)), "{expected} in {faults:?}");
        }
    }

    #[test]
    fn a_secret_may_stand_in_a_file_and_is_never_shown() {
        let path = std::env::temp_dir().join(format!("podium-secret-{}", std::process::id()));
        std::fs::write(&path, "0123456789abcdef0123456789abcdef\n").expect("written");
        let config = load(&format!("[auth.keys]\nops_file = {:?}", path), &[]).expect("sound");
        std::fs::remove_file(&path).expect("removed");
        assert_eq!(config.auth.keys["ops"].expose(), "0123456789abcdef0123456789abcdef");
        assert!(!format!("{config:?}").contains("0123456789"));
        assert!(!toml::to_string(&config).expect("printable").contains("0123456789"));
    }
}
