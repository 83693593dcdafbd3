//! A stand is where signaling is measured: a server of our own on one core, the client on another, and the key to any room.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::Path;
use std::time::Duration;

use crate::cores::{self, Apart};
use crate::server::{ServerError, ServerProcess, own_cpu_time};
use crate::token::{Claims, TokenError, mint};

/// A server to be measured.
pub struct Stand {
    server: ServerProcess,
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
        let descriptors = cores::raise_descriptors().map_err(StandError::System)?;
        let apart = Apart::find().map_err(StandError::System)?;
        let mut random = [0; 32];
        getrandom::fill(&mut random).map_err(|_| StandError::Randomness)?;
        let secret: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        let environment = [
            // An empty file: configured, not in development mode, and all by the environment.
            ("PODIUM_CONFIG", "/dev/null"),
            ("PODIUM__AUTH__KEYS__LOADTEST", &format!("\"{secret}\"")),
            ("PODIUM__LIMITS__SESSIONS_PER_ADDRESS", SESSIONS_MAX),
            ("PODIUM__ROOMS__PARTICIPANTS_MAX", SESSIONS_MAX),
            ("PODIUM__MEDIA__PIN", "false"),
            ("TOKIO_WORKER_THREADS", "1"),
        ];
        let server = ServerProcess::start_on(apart.map(|apart| apart.server), binary, &environment).await?;
        Ok(Self { server, apart, descriptors, secret })
    }

    /// Runs the client on its core, on this thread.
    pub fn play<T>(&self, client: impl FnOnce() -> T) -> Result<T, StandError> {
        let Some(apart) = self.apart else {
            return Ok(client());
        };
        tokio::task::block_in_place(|| cores::on(apart.client, client)).map_err(StandError::System)
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
/// Descriptors for what is not a participant.
const DESCRIPTORS_SPARE: u64 = 64;
