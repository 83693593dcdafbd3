//! A home is what outlives a server process: a folder with its configuration and its store. A process is one life of the server there.

use std::fs::{self, File};
use std::net::{TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use podium::runtime::clock;
use serde_json::Value;

/// The id and the secret of the key that the server is configured with.
pub(crate) const KEY: &str = "ops";
pub(crate) const SECRET: &str = "an api secret of thirty-two bytes!";

/// A folder of one's own, which goes with its handle.
pub(crate) struct Home {
    folder: PathBuf,
    store: PathBuf,
    environment: Vec<(String, String)>,
}

impl Home {
    pub(crate) fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("podium-durability-{}-{name}", std::process::id()));
        // What an earlier process of the same number left there is nobody's.
        let _absent = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        Self { store: folder.join("podium.db"), folder, environment: Vec::new() }
    }

    /// The same with its store elsewhere.
    pub(crate) fn storing_at(mut self, store: impl Into<PathBuf>) -> Self {
        self.store = store.into();
        self
    }

    /// The same with a variable that its processes are given.
    pub(crate) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.environment.push((name.to_owned(), value.into()));
        self
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn store(&self) -> &Path {
        &self.store
    }

    /// Starts a server and waits until it is ready.
    pub(crate) async fn start(&self) -> Podium {
        match self.try_start().await {
            Ok(podium) => podium,
            Err(ended) => panic!("the server ended with {:?}; it said:\n{}", ended.code, ended.said),
        }
    }

    /// Starts a server and waits until it is ready or has ended by itself.
    pub(crate) async fn try_start(&self) -> Result<Podium, Ended> {
        let mut last = None;
        for _ in 0..TRIES {
            match Podium::start(self).await {
                // Someone else took a port between our looking and the server's binding.
                Err(ended) if ended.said.contains("in use (os error") => last = Some(ended),
                started => return started,
            }
        }
        Err(last.unwrap())
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _gone = fs::remove_dir_all(&self.folder);
    }
}

/// One life of a server.
pub(crate) struct Podium {
    child: Child,
    http: u16,
    admin: u16,
    log: PathBuf,
    /// From its start until it was ready.
    pub(crate) ready_after: Duration,
}

/// A server that ended by itself.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) said: String,
}

impl Podium {
    async fn start(home: &Home) -> Result<Self, Ended> {
        let (http, admin, media) = free_ports();
        let config = home.folder.join(format!("podium-{http}.toml"));
        fs::write(&config, configuration(http, admin, media, &home.store)).unwrap();
        let log = home.folder.join(format!("podium-{http}.log"));
        let output = File::create(&log).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_podium"));
        command.arg("--config").arg(&config).envs(home.environment.iter().map(|(name, value)| (name, value)));
        let errors = output.try_clone().unwrap();
        let started = clock::now();
        let child = command.stdin(Stdio::null()).stdout(output).stderr(errors).spawn().unwrap();
        let mut podium = Self { child, http, admin, log, ready_after: Duration::ZERO };
        loop {
            if let Some(status) = podium.child.try_wait().unwrap() {
                return Err(Ended { code: status.code(), said: podium.said() });
            }
            if podium.ready().await.is_some_and(|(status, _)| status == 200) {
                podium.ready_after = clock::now() - started;
                return Ok(podium);
            }
            assert!(clock::now() - started < READY_WITHIN, "not ready within {READY_WITHIN:?}:\n{}", podium.said());
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    pub(crate) fn http(&self) -> String {
        format!("127.0.0.1:{}", self.http)
    }

    /// What `/readyz` answers, if anything.
    pub(crate) async fn ready(&self) -> Option<(u16, Value)> {
        let response = reqwest::get(format!("http://127.0.0.1:{}/readyz", self.admin)).await.ok()?;
        let status = response.status().as_u16();
        Some((status, response.json().await.ok()?))
    }

    /// The value of one series of `/metrics`.
    pub(crate) async fn metric(&self, series: &str) -> Option<f64> {
        let response = reqwest::get(format!("http://127.0.0.1:{}/metrics", self.admin)).await.ok()?;
        let page = response.text().await.ok()?;
        let line = page.lines().find(|line| line.split(' ').next() == Some(series))?;
        line.rsplit_once(' ')?.1.parse().ok()
    }

    /// What it wrote to its standard output and error.
    pub(crate) fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// SIGKILL: it gets no word in.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Two times SIGTERM: the first drains, the second stops. It must end well.
    pub(crate) async fn terminate(mut self) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap());
        kill(pid, Signal::SIGTERM).unwrap();
        tokio::time::sleep(BETWEEN_SIGNALS).await;
        let asked = clock::now();
        while self.child.try_wait().unwrap().is_none() {
            assert!(clock::now() - asked < ENDS_WITHIN, "still there {ENDS_WITHIN:?} after SIGTERM:\n{}", self.said());
            // It may have ended just now.
            let _ended = kill(pid, Signal::SIGTERM);
            tokio::time::sleep(BETWEEN_SIGNALS).await;
        }
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status}:\n{}", self.said());
    }
}

impl Drop for Podium {
    fn drop(&mut self) {
        // It may be over already.
        let _ended = self.child.kill();
        let _ended = self.child.wait();
    }
}

fn configuration(http: u16, admin: u16, media: u16, store: &Path) -> String {
    format!(
        "[http]\nlisten = \"127.0.0.1:{http}\"\n\
         [admin]\nlisten = \"127.0.0.1:{admin}\"\n\
         [media]\nlisten = \"127.0.0.1:{media}\"\nworkers = 1\npin = false\n\
         [auth.keys]\n{KEY} = \"{SECRET}\"\n\
         [store]\npath = {store:?}\n\
         [rooms]\nempty_max_s = 3600\nhostless_grace_s = 3600\n\
         [limits]\nsessions_per_address = 10000\nidentity_joins_per_second = 1000\nidentity_joins_burst = 1000\ncommands_per_second = 100000\ncommands_burst = 100000\n\
         http_per_second = 100000\nhttp_burst = 100000\n"
    )
}

/// Ports that are free now. All are bound at once, so they differ.
fn free_ports() -> (u16, u16, u16) {
    let (http, admin) = (TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap());
    let media = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = |listener: &TcpListener| listener.local_addr().unwrap().port();
    (port(&http), port(&admin), media.local_addr().unwrap().port())
}

const TRIES: usize = 3;
const LOOK_EVERY: Duration = Duration::from_millis(10);
const READY_WITHIN: Duration = Duration::from_secs(30);
const BETWEEN_SIGNALS: Duration = Duration::from_millis(100);
const ENDS_WITHIN: Duration = Duration::from_secs(20);
