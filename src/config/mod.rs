//! The configuration: defaults, then a TOML file, then the environment, each over the one before.
//!
//! It is parsed and checked before any port is bound. Every fault is reported at once, with the line
//! of the file or the variable that it comes from.
//!
//! `sources` knows where each key was set. `environment` reads variables, `reading` makes sections
//! of a table, `ports` finds listeners that take each other's port.

use std::collections::HashSet;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::Path;

use serde::{Deserialize, Deserializer, Serialize};

pub use advertise::Advertise;
pub use auth::{Auth, Secret};
pub use latency::Latency;
pub use limits::Limits;
pub use rooms::{Duplicates, Interrupt, Promote, Rooms, SeatMode};
pub use sources::Sources;
pub use store::Store;
pub use webhooks::{WebhookTarget, Webhooks};

mod advertise;
mod auth;
mod environment;
mod latency;
mod limits;
mod ports;
mod reading;
mod rooms;
mod sources;
mod store;
mod webhooks;

#[cfg(test)]
mod tests;

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
    /// Where each of these was set.
    #[serde(skip)]
    pub sources: Sources,
}

/// Where clients ask.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Http {
    /// HTTP and WebSocket.
    pub listen: SocketAddr,
    /// The web origins whose pages may use the HTTP API.
    #[serde(deserialize_with = "reading::list")]
    pub cors_origins: Vec<String>,
}

/// Where operators look.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Admin {
    /// Metrics and health. Keep it off public networks.
    pub listen: SocketAddr,
    /// Further names under which it may be asked: what monitoring puts into `Host`. Loopback and the bound address need not be named.
    pub hosts: Vec<String>,
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
    #[serde(deserialize_with = "reading::list")]
    pub advertise: Vec<String>,
}

/// One address or several.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
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

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let addresses: Vec<SocketAddr> = reading::list(deserializer)?;
        Ok(match addresses[..] {
            [one] => Self::One(one),
            [..] => Self::Many(addresses),
        })
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
        Self { listen: loopback(6789), hosts: Vec::new() }
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
    /// Reads defaults ← file ← environment, and checks the whole. `environment` holds pairs such as
    /// `PODIUM__HTTP__LISTEN`.
    ///
    /// # Errors
    ///
    /// All faults found: an unreadable file, unknown keys, wrong types, values out of bounds.
    pub fn load(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, Faults> {
        let (config, faults) = Self::read(file, environment);
        if faults.is_empty() { Ok(config) } else { Err(Faults(faults)) }
    }

    /// Does the same, but returns the configuration beside the faults: a faulty key has its default.
    pub fn read(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> (Self, Vec<String>) {
        let mut faults = Vec::new();
        let mut sources = Sources::default();
        let mut table = file.map_or_else(toml::Table::new, |file| sources.read_file(file, &mut faults));
        environment::apply(&mut table, environment, &mut sources, &mut faults);
        let base = file.and_then(Path::parent).unwrap_or(Path::new(""));
        let mut config = Self::from_table(table, base, &mut sources, &mut faults);
        config.check(&sources, &mut faults);
        let holds_secrets = config.auth.keys.keys().any(|id| sources.is_in_file(&format!("auth.keys.{id}")))
            || config.webhooks.targets.iter().any(|target| sources.is_in_file(&target.key("secrets")));
        if let Some(file) = file.filter(|_| holds_secrets) {
            sources.warn_of_readers("it holds secrets", file);
        }
        config.sources = sources;
        (config, faults)
    }

    fn from_table(mut table: toml::Table, base: &Path, sources: &mut Sources, faults: &mut Vec<String>) -> Self {
        let mut config = Self {
            auth: Auth::take(&mut table, sources, faults),
            webhooks: Webhooks::take(&mut table, sources, faults),
            http: reading::section(&mut table, "http", sources, faults),
            admin: reading::section(&mut table, "admin", sources, faults),
            media: reading::section(&mut table, "media", sources, faults),
            rooms: reading::section(&mut table, "rooms", sources, faults),
            limits: reading::section(&mut table, "limits", sources, faults),
            latency: reading::section(&mut table, "latency", sources, faults),
            store: reading::section(&mut table, "store", sources, faults),
            log: reading::section(&mut table, "log", sources, faults),
            sources: Sources::default(),
        };
        for unknown in table.keys() {
            faults.push(sources.fault_of_section(unknown, "unknown section"));
        }
        config.auth.read_secret_files(base, sources, faults);
        config.webhooks.read_secret_files(base, sources, faults);
        config
    }

    fn check(&self, sources: &Sources, faults: &mut Vec<String>) {
        let mut check = |holds: bool, key: &str, why: String| {
            if !holds {
                faults.push(sources.fault(key, &why));
            }
        };
        for (id, secret) in &self.auth.keys {
            check(
                secret.expose().len() >= SECRET_BYTES_MIN,
                &format!("auth.keys.{id}"),
                format!("a secret has {SECRET_BYTES_MIN} bytes or more, not {}", secret.expose().len()),
            );
        }
        let bounds = self.rooms.bounds().into_iter().chain(self.limits.bounds());
        for (key, value, min, max) in bounds.chain(self.latency.bounds()).chain(self.store.bounds()) {
            let within = if max == u64::MAX { format!("at least {min}") } else { format!("within {min} and {max}") };
            check((min..=max).contains(&value), key, format!("{value} is not {within}"));
        }
        check(
            self.rooms.turn_is_fit(),
            "rooms.turn_s",
            format!("{} is neither 0 nor within 10 and 3600", self.rooms.turn_s),
        );
        check(
            self.latency.refuses_in_time(),
            "latency.refuse_at",
            format!("{} is not within 0.3 and 0.98", self.latency.refuse_at),
        );
        check(
            self.media.workers <= WORKERS_MAX,
            "media.workers",
            format!("{} is not at most {WORKERS_MAX}", self.media.workers),
        );
        for (index, origin) in self.http.cors_origins.iter().enumerate() {
            check(
                is_origin(origin),
                &format!("http.cors_origins.{index}"),
                format!("{origin:?} is no origin such as https://console.example.org"),
            );
        }
        let listen = self.media.listen.as_slice();
        check(!listen.is_empty(), "media.listen", "at least one address is needed".into());
        let distinct: HashSet<_> = listen.iter().collect();
        check(distinct.len() == listen.len(), "media.listen", "the same address stands there twice".into());
        for (index, entry) in self.media.advertise.iter().enumerate() {
            if let Err(fault) = entry.parse::<Advertise>() {
                check(false, &format!("media.advertise.{index}"), format!("{entry:?} {fault}"));
            }
        }
    }

    /// Listeners that take each other's port, and ports that are none.
    pub fn port_faults(&self) -> Vec<String> {
        ports::faults(self)
    }

    /// Why the store cannot lie where it should, here and now, if it cannot.
    pub fn store_fault(&self, is_configured: bool) -> Option<String> {
        let why = store::fault(&self.store.file(is_configured)?)?;
        Some(self.sources.fault("store.path", &why))
    }

    /// What is odd about it and keeps nobody from starting.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = self.sources.warnings().to_vec();
        warnings.extend(ports::warnings(self));
        warnings
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

/// HS256 wants a key as long as its hash (RFC 7518 section 3.2).
const SECRET_BYTES_MIN: usize = 32;
/// The ufrag has room for many more; a machine has not.
pub const WORKERS_MAX: usize = 256;
