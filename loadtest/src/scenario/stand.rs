//! A stand is where signaling is measured: a server of our own on one core, the client on another, and the key to any room.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::clock;
use crate::cores::{self, Apart};
use crate::server::{ServerError, ServerProcess, own_cpu_time};
use crate::share::{CpuShare, Quota};
use crate::token::{Claims, TokenError, mint, sign};

/// A server to be measured.
pub struct Stand {
    server: ServerProcess,
    /// Dropped after the server, which it holds.
    share: Option<CpuShare>,
    apart: Option<Apart>,
    descriptors: u64,
    secret: String,
}

/// What the server and the client have used, to tell two moments apart.
#[derive(Clone, Copy)]
pub(super) struct Used {
    server: Duration,
    waited: Duration,
    client: Duration,
}

impl Stand {
    /// Starts one with limits that one machine full of participants does not reach.
    pub async fn started(binary: &Path) -> Result<Self, StandError> {
        Self::storing_in(binary, ":memory:".as_ref()).await
    }

    /// The same with a store in a file. It ends with its handle as by SIGKILL; the file stays.
    pub async fn storing_in(binary: &Path, store: &Path) -> Result<Self, StandError> {
        Self::open(binary, store, None).await
    }

    /// The same as the first, held to a part of a core.
    pub async fn held_to(binary: &Path, quota: Quota) -> Result<Self, StandError> {
        Self::open(binary, ":memory:".as_ref(), Some(CpuShare::new(quota))).await
    }

    async fn open(binary: &Path, store: &Path, mut share: Option<CpuShare>) -> Result<Self, StandError> {
        let descriptors = cores::raise_descriptors().map_err(StandError::System)?;
        let apart = Apart::find().map_err(StandError::System)?;
        let mut random = [0; 32];
        getrandom::fill(&mut random).map_err(|_| StandError::Randomness)?;
        let secret: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        let environment = [
            // An empty file: configured, not in development mode, and all by the environment.
            ("PODIUM_CONFIG", "/dev/null"),
            ("PODIUM__AUTH__KEYS__loadtest", &format!("\"{secret}\"")),
            ("PODIUM__LIMITS__SESSIONS_PER_ADDRESS", SESSIONS_MAX),
            ("PODIUM__ROOMS__PARTICIPANTS_MAX", SESSIONS_MAX),
            // The commands of these scenarios are as many as the server takes.
            ("PODIUM__LIMITS__COMMANDS_PER_SECOND", COMMANDS_MAX),
            ("PODIUM__LIMITS__COMMANDS_BURST", COMMANDS_MAX),
            ("PODIUM__STORE__PATH", &format!("{:?}", store.display().to_string())),
            ("PODIUM__MEDIA__PIN", "false"),
            // What the server can bear is measured by those who ask too much of it; whether it refuses them is another question.
            ("PODIUM__LATENCY__ENFORCE", if share.is_some() { "true" } else { "false" }),
            ("TOKIO_WORKER_THREADS", "1"),
        ];
        let core = apart.map(|apart| apart.server);
        let server = ServerProcess::start_within(share.as_mut(), core, binary, &environment).await?;
        Ok(Self { server, share, apart, descriptors, secret })
    }

    /// Runs the client on its core, on this thread.
    pub fn play<T>(&self, client: impl FnOnce() -> T) -> Result<T, StandError> {
        let Some(apart) = self.apart else {
            return Ok(client());
        };
        tokio::task::block_in_place(|| cores::on(apart.client, client)).map_err(StandError::System)
    }

    /// What holds the server to less than a core, if anything does.
    pub(super) fn share(&self) -> Option<&CpuShare> {
        self.share.as_ref()
    }

    /// Whether the server and the client have a core each.
    pub(super) fn is_apart(&self) -> bool {
        self.apart.is_some()
    }

    /// How many participants the system has descriptors for.
    pub(super) fn participants_max(&self) -> usize {
        usize::try_from(self.descriptors.saturating_sub(DESCRIPTORS_SPARE)).unwrap_or(usize::MAX)
    }

    pub(super) fn address(&self) -> SocketAddrV4 {
        SocketAddrV4::new(Ipv4Addr::LOCALHOST, self.server.http_port())
    }

    pub(super) fn token(&self, room: &str, identity: &str, rank: &str) -> Result<String, TokenError> {
        mint(KEY, &self.secret, &Claims::new(room, identity).ranked(rank))
    }

    pub(super) fn used(&self) -> Used {
        Used {
            server: self.server.cpu_time().unwrap_or_default(),
            waited: self.server.waited_for_core().unwrap_or_default(),
            client: own_cpu_time().unwrap_or_default(),
        }
    }

    /// A token to read and make whatever concerns the whole server.
    pub(super) fn token_of_all(&self) -> Result<String, TokenError> {
        let claims = serde_json::json!({
            "iss": KEY, "sub": "loadtest", "exp": clock::unix_seconds() + 3_600,
            "video": { "roomCreate": true, "roomList": true },
        });
        sign(&claims, &self.secret)
    }

    pub(super) fn ready_after(&self) -> Duration {
        self.server.ready_after()
    }

    /// A page of the server's public side, as JSON.
    pub(super) fn read(&self, path: &str) -> Result<Value, String> {
        let token = self.token_of_all().map_err(|error| error.to_string())?;
        let body = get(self.address(), path, &format!("Authorization: Bearer {token}\r\n"))?;
        serde_json::from_str(&body).map_err(|error| format!("GET {path}: {error}: {body}"))
    }

    /// All series of its metrics whose names begin so.
    pub(super) fn metrics(&self, prefixes: &[&str]) -> Result<BTreeMap<String, f64>, String> {
        let page = self.metrics_page()?;
        let wanted = page.lines().filter(|line| prefixes.iter().any(|prefix| line.starts_with(prefix)));
        let read =
            |line: &str| line.rsplit_once(' ').and_then(|(name, value)| Some((name.to_owned(), value.parse().ok()?)));
        Ok(wanted.filter_map(read).collect())
    }

    fn metrics_page(&self) -> Result<String, String> {
        get(SocketAddrV4::new(Ipv4Addr::LOCALHOST, self.server.admin_port()), "/metrics", "")
    }

    /// The value of one series of its metrics; 0 if there is none.
    pub(super) fn metric(&self, series: &str) -> Result<f64, String> {
        let page = self.metrics_page()?;
        let line = page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        Ok(line.and_then(|value| value.parse().ok()).unwrap_or_default())
    }

    pub(super) fn resident_kb(&self) -> u64 {
        self.server.resident_kb().unwrap_or_default()
    }
}

impl Used {
    /// What the server has used since `earlier`.
    pub(super) fn server_since(self, earlier: Self) -> Duration {
        self.server.saturating_sub(earlier.server)
    }

    /// How long the server has had to wait for its core since `earlier`.
    pub(super) fn waited_since(self, earlier: Self) -> Duration {
        self.waited.saturating_sub(earlier.waited)
    }

    /// What the client has used since `earlier`.
    pub(super) fn client_since(self, earlier: Self) -> Duration {
        self.client.saturating_sub(earlier.client)
    }
}

/// The body of a page, read with no more of a client than a measurement can bear.
fn get(server: SocketAddrV4, path: &str, headers: &str) -> Result<String, String> {
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(server)?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {server}\r\nConnection: close\r\n{headers}\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    let answer = ask().map_err(|error| format!("GET {path}: {error}"))?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(|| format!("GET {path}: no answer"))?;
    if head.starts_with("HTTP/1.1 200 ") { Ok(body.to_owned()) } else { Err(format!("GET {path}: {answer}")) }
}

/// Why there is nothing to measure.
#[derive(Debug, thiserror::Error)]
pub enum StandError {
    /// The server does not run.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// No core, or no descriptors.
    #[error("the system refused: {0}")]
    System(std::io::Error),
    /// No random bytes.
    #[error("the system has no random bytes")]
    Randomness,
}

const KEY: &str = "loadtest";
/// The most that the server lets in all together.
const SESSIONS_MAX: &str = "50000";
/// More than any session sends.
const COMMANDS_MAX: &str = "1000000";
/// Descriptors for what is not a participant.
const DESCRIPTORS_SPARE: u64 = 64;
