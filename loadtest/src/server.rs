//! A server process is a Podium of one's own, in development mode on free ports, for a test or a scenario.
//!
//! It ends with its handle. What it logged is kept in a file until then, and shown if it does not come up.

use std::fs::{self, File};
use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::clock;
use crate::cores::{self, Core};
use crate::share::CpuShare;

/// A running server.
pub struct ServerProcess {
    child: Child,
    http: u16,
    admin: u16,
    log: PathBuf,
    ready_after: Duration,
}

impl ServerProcess {
    /// Starts `binary` and waits until it is ready. `environment` is added to what this sets itself.
    pub async fn start(binary: &Path, environment: &[(&str, &str)]) -> Result<Self, ServerError> {
        Self::start_on(None, binary, environment).await
    }

    /// The same, on one core only.
    pub async fn start_on(
        core: Option<Core>,
        binary: &Path,
        environment: &[(&str, &str)],
    ) -> Result<Self, ServerError> {
        Self::start_within(None, core, binary, environment).await
    }

    /// The same, held to a share of its core.
    pub async fn start_within(
        mut share: Option<&mut CpuShare>,
        core: Option<Core>,
        binary: &Path,
        environment: &[(&str, &str)],
    ) -> Result<Self, ServerError> {
        let ports = FreePorts::find().map_err(ServerError::Ports)?;
        let log = std::env::temp_dir().join(format!("podium-{}-{}.log", std::process::id(), ports.http));
        let output = File::create(&log).map_err(ServerError::Start)?;
        let errors = output.try_clone().map_err(ServerError::Start)?;
        let mut command = share.as_ref().map_or_else(|| Command::new(binary), |share| share.command(binary));
        command
            .env("PODIUM__HTTP__LISTEN", format!("127.0.0.1:{}", ports.http))
            .env("PODIUM__ADMIN__LISTEN", format!("127.0.0.1:{}", ports.admin))
            .env("PODIUM__MEDIA__LISTEN", format!("127.0.0.1:{}", ports.media))
            .env("PODIUM__MEDIA__WORKERS", "1")
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors);
        let started = clock::now();
        let child = match core {
            Some(core) => cores::on(core, || command.spawn()).and_then(|spawned| spawned),
            None => command.spawn(),
        };
        let child = child.map_err(ServerError::Start)?;
        let mut server = Self { child, http: ports.http, admin: ports.admin, log, ready_after: Duration::ZERO };
        if let Some(share) = &mut share {
            share.hold(server.pid());
        }
        server.wait_until_ready().await?;
        server.ready_after = clock::since(started);
        Ok(server)
    }

    /// `http://host:port` of the public side.
    pub fn http_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.http)
    }

    /// The port of the public side.
    pub fn http_port(&self) -> u16 {
        self.http
    }

    /// `http://host:port` of the admin side.
    pub fn admin_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.admin)
    }

    /// The port of the admin side.
    pub fn admin_port(&self) -> u16 {
        self.admin
    }

    /// How long it took from its start until it was ready.
    pub fn ready_after(&self) -> Duration {
        self.ready_after
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has not ended by itself.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Everything the server has written to its standard output and error.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Processor time the server has used so far, where the system tells (Linux).
    pub fn cpu_time(&self) -> Option<Duration> {
        cpu_time_of(&self.pid().to_string())
    }

    /// Time in which the server's busiest thread could have run and had to wait for a core, where the system tells (Linux). Its other threads may
    /// wait for the busiest one; that is its own doing.
    pub fn waited_for_core(&self) -> Option<Duration> {
        let threads = fs::read_dir(format!("/proc/{}/task", self.pid())).ok()?;
        let stats = threads.flatten().filter_map(|thread| fs::read_to_string(thread.path().join("schedstat")).ok());
        let (_ran, waited) = stats.filter_map(|stat| ran_and_waited_in(&stat)).max()?;
        Some(waited)
    }

    /// Memory the server holds now, in kilobytes, where the system tells (Linux).
    pub fn resident_kb(&self) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.split_whitespace().next()?.parse().ok()
    }

    async fn wait_until_ready(&mut self) -> Result<(), ServerError> {
        let client = reqwest::Client::new();
        let url = format!("{}/readyz", self.admin_url());
        let started = clock::now();
        while clock::since(started) < READY_WITHIN {
            if let Some(status) = self.child.try_wait().map_err(ServerError::Start)? {
                return Err(ServerError::Exited { status: status.to_string(), log: self.log() });
            }
            let answer = client.get(&url).timeout(READY_POLL_TIMEOUT).send().await;
            if answer.is_ok_and(|response| response.status().is_success()) {
                return Ok(());
            }
            tokio::time::sleep(READY_POLL).await;
        }
        Err(ServerError::NotReady { log: self.log() })
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        // It may have ended by itself: then there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_file(&self.log);
    }
}

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The system has no ports to give.
    #[error("no free port: {0}")]
    Ports(io::Error),
    /// The binary could not be run.
    #[error("the server cannot be started: {0}")]
    Start(io::Error),
    /// It ended at once.
    #[error("the server ended with {status}; it said:\n{log}")]
    Exited {
        /// How it ended.
        status: String,
        /// What it said.
        log: String,
    },
    /// It runs, but is not ready.
    #[error("the server is not ready after 10 s; it said:\n{log}")]
    NotReady {
        /// What it said.
        log: String,
    },
}

struct FreePorts {
    http: u16,
    admin: u16,
    media: u16,
}

impl FreePorts {
    /// Ports that are free now. All are bound at once, so they differ; somebody else may still be faster than the server.
    fn find() -> io::Result<Self> {
        let http = TcpListener::bind("127.0.0.1:0")?;
        let admin = TcpListener::bind("127.0.0.1:0")?;
        let media = UdpSocket::bind("127.0.0.1:0")?;
        Ok(Self {
            http: http.local_addr()?.port(),
            admin: admin.local_addr()?.port(),
            media: media.local_addr()?.port(),
        })
    }
}

/// A UDP address of loopback that is free now, for a server that is to be told before it is started; somebody else may still be faster.
pub fn free_udp_address() -> io::Result<SocketAddr> {
    UdpSocket::bind("127.0.0.1:0")?.local_addr()
}

/// Processor time that this process has used so far, where the system tells (Linux).
pub fn own_cpu_time() -> Option<Duration> {
    cpu_time_of("self")
}

pub(crate) fn cpu_time_of(process: &str) -> Option<Duration> {
    cpu_time_in(&fs::read_to_string(format!("/proc/{process}/stat")).ok()?)
}

/// User and system time of a `/proc/<pid>/stat` line; the command's name, in parentheses, may hold anything.
fn cpu_time_in(stat: &str) -> Option<Duration> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(Duration::from_millis((user + system) * TICK_MS))
}

/// The time on a core and the time on a run queue, of a `/proc/<pid>/task/<tid>/schedstat` line.
fn ran_and_waited_in(schedstat: &str) -> Option<(Duration, Duration)> {
    let mut fields = schedstat.split_whitespace().map(|nanos| nanos.parse().ok().map(Duration::from_nanos));
    Some((fields.next()??, fields.next()??))
}

const READY_WITHIN: Duration = Duration::from_secs(10);
const READY_POLL: Duration = Duration::from_millis(10);
const READY_POLL_TIMEOUT: Duration = Duration::from_millis(500);
/// Linux counts processor time in hundredths of a second towards programs, whatever it does inside.
const TICK_MS: u64 = 10;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]

    use super::*;

    #[test]
    fn processor_time_is_read_past_any_name() {
        let stat = "17 (a) b (c) S 1 17 17 0 -1 4194560 100 0 0 0 25 17 0 0 20 0 4 0 100 1000 200";
        assert_eq!(cpu_time_in(stat), Some(Duration::from_millis(420)));
        assert_eq!(cpu_time_in("nonsense"), None);
    }

    #[test]
    fn the_wait_for_a_core_stands_behind_the_time_on_it() {
        let nanos = Duration::from_nanos;
        assert_eq!(ran_and_waited_in("276850 2449506 2"), Some((nanos(276_850), nanos(2_449_506))));
        assert_eq!(ran_and_waited_in("276850"), None);
    }

    #[tokio::test]
    async fn a_server_that_ends_at_once_tells_what_it_said() {
        let Err(error) = ServerProcess::start(Path::new("/bin/false"), &[]).await else {
            panic!("/bin/false became ready");
        };
        assert!(matches!(error, ServerError::Exited { .. }), "{error}");
    }
}
