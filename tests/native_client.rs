//! A client that no browser is: the web client's own module in Node, on libwebrtc as mobile apps have it, against the real binary.
//!
//! What it needs beside Node (18 or later) and npm stands in `tests/native/package-lock.json` and is installed once below the target
//! folder, with the network. Where that cannot be had these tests are skipped and say so; with `PODIUM_REQUIRE_NODE=1` they fail.

#![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]
#![allow(clippy::print_stderr, reason = "a skipped test says so")]

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use podium_loadtest::server::ServerProcess;
use podium_loadtest::token::dev_token;
use serde_json::{Value, json};

const BINARY: &str = env!("CARGO_BIN_EXE_podium");
const ROOM: &str = "demo";
/// What the host's and the listener's microphones hum, as `tests/native/story.mjs` has it.
const HOST_HZ: u32 = 440;
const LISTENER_HZ: u32 = 660;
/// Longer than the story itself waits for a step (30 s), so that its own reason is told first.
const PATIENCE: Duration = Duration::from_secs(60);
/// Some of the walks that once led astray.
const SEEDS: &[&str] = &["1", "4"];
const STEPS_MAX: usize = 100;
const NODE_MIN: u32 = 18;

#[tokio::test(flavor = "multi_thread")]
async fn a_client_outside_a_browser_hears_raises_a_hand_is_heard_and_mutes() {
    let Some(workshop) = workshop() else { return };
    let server = ServerProcess::start(Path::new(BINARY), &[]).await.unwrap();
    let mut arguments = vec!["story.mjs".to_owned(), server.http_url(), ROOM.to_owned()];
    for (identity, rank) in [("ada", "host"), ("ben", "member"), ("cleo", "member")] {
        arguments.push(dev_token(&server.http_url(), ROOM, identity, rank).await.unwrap());
    }
    let mut story = Story::begin(workshop, &arguments);

    story.tells("joined", json!({ "identity": "ada", "rank": "host", "role": "host" }));
    story.tells("joined", json!({ "identity": "ben", "rank": "member", "role": "listener" }));
    story.tells("joined", json!({ "identity": "cleo", "rank": "member", "role": "listener" }));
    for identity in ["ada", "ben", "cleo"] {
        story.hears(identity, &[]);
    }

    story.tells("seated", json!({ "identity": "ada", "role": "host", "seat": 0, "self_muted": false }));
    story.hears("ben", &[HOST_HZ]);
    story.hears("cleo", &[HOST_HZ]);

    story.tells("hand_raised", json!({ "position": 1, "seen": ["ben"] }));
    story.hears("ada", &[]);

    story.tells("seated", json!({ "identity": "ben", "role": "guest", "seat": 1, "self_muted": false }));
    story.hears("ada", &[LISTENER_HZ]);
    story.hears("ben", &[HOST_HZ]);
    story.hears("cleo", &[HOST_HZ, LISTENER_HZ]);

    story.tells("muted", json!({ "identity": "ben", "self_muted": true }));
    story.hears("ada", &[]);
    story.hears("cleo", &[HOST_HZ]);
    story.tells("unmuted", json!({ "identity": "ben", "self_muted": false }));
    story.hears("ada", &[LISTENER_HZ]);

    story.tells("muted_by_host", json!({ "identity": "ben", "self_muted": true }));
    story.hears("ada", &[]);
    story.tells("left", json!({ "identity": "ben", "phase": "over", "reason": "left" }));
    story.ends();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_client_puts_together_from_events_is_what_the_server_shows() {
    let Some(workshop) = workshop() else { return };
    let server = ServerProcess::start(Path::new(BINARY), &[]).await.unwrap();
    for seed in SEEDS {
        let room = format!("walk-{seed}");
        let mut arguments = vec!["walk.mjs".to_owned(), server.http_url(), room.clone(), (*seed).to_owned()];
        let people = [("ada", "host"), ("cy", "cohost"), ("ben", "member"), ("cleo", "member"), ("dan", "member")];
        for (identity, rank) in people {
            let token = dev_token(&server.http_url(), &room, identity, rank).await.unwrap();
            arguments.push(format!("{identity}={token}"));
        }
        workshop.run(&arguments);
    }
}

/// The folder below `target/` where the packages, the client module and what drives it lie side by side.
struct Workshop {
    node: PathBuf,
    folder: PathBuf,
}

/// The workshop, or nothing where it cannot be had. With `PODIUM_REQUIRE_NODE=1` that is a failure.
fn workshop() -> Option<&'static Workshop> {
    static WORKSHOP: OnceLock<Result<Workshop, String>> = OnceLock::new();
    match WORKSHOP.get_or_init(Workshop::prepare) {
        Ok(workshop) => Some(workshop),
        Err(why) => {
            let required = std::env::var("PODIUM_REQUIRE_NODE").is_ok_and(|value| value == "1");
            assert!(!required, "a client in Node is required here (PODIUM_REQUIRE_NODE=1): {why}");
            eprintln!("SKIPPED: {why}; the client is not tested outside a browser");
            None
        }
    }
}

impl Workshop {
    fn prepare() -> Result<Self, String> {
        let node = program("node")?;
        let npm = program("npm")?;
        let version = first_line(Command::new(&node).arg("--version"))?;
        let major = version.trim_start_matches('v').split('.').next().and_then(|major| major.parse::<u32>().ok());
        if major.is_none_or(|major| major < NODE_MIN) {
            return Err(format!("node is {version}, and {NODE_MIN} or later is needed"));
        }
        let workshop = Self { node, folder: PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("native") };
        fs::create_dir_all(&workshop.folder).unwrap();
        // Two runs of the tests at once share the folder; the lock ends with the file.
        let lock = File::create(workshop.folder.join("lock")).unwrap();
        lock.lock().unwrap();
        workshop.lay_out();
        workshop.install(&npm)?;
        Ok(workshop)
    }

    /// Runs a story to its end, which must be a good one. A story has a bound on every wait, and so an end.
    fn run(&self, arguments: &[String]) {
        let output =
            Command::new(&self.node).args(arguments).current_dir(&self.folder).stdin(Stdio::null()).output().unwrap();
        let told = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        assert!(output.status.success(), "{}: {}\n{told}", arguments[0], output.status);
    }

    /// Everything of ours, anew: a module that was deleted or renamed must not be found here.
    fn lay_out(&self) {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        copy(&root.join("tests/native"), &self.folder);
        let web = self.folder.join("web");
        if web.exists() {
            fs::remove_dir_all(&web).unwrap();
        }
        copy(&root.join("signaling/web"), &web);
    }

    /// What others wrote, once for each lockfile.
    fn install(&self, npm: &Path) -> Result<(), String> {
        let wanted = fs::read_to_string(self.folder.join("package-lock.json")).unwrap();
        let stamp = self.folder.join("node_modules/.installed");
        if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
            return Ok(());
        }
        first_line(Command::new(npm).args(INSTALL).current_dir(&self.folder))?;
        let load = "import('@roamhq/wrtc').then(() => process.exit(0), (error) => { console.error(error.message); process.exit(1) })";
        first_line(Command::new(&self.node).args(["-e", load]).current_dir(&self.folder))?;
        fs::write(stamp, wanted).unwrap();
        Ok(())
    }
}

/// A story being told: a Node process that prints one line of JSON a step. It ends with its handle.
struct Story {
    child: Child,
    steps: Receiver<String>,
    errors: PathBuf,
}

impl Story {
    fn begin(workshop: &Workshop, arguments: &[String]) -> Self {
        let errors = workshop.folder.join(format!("story-{}.log", std::process::id()));
        let mut child = Command::new(&workshop.node)
            .args(arguments)
            .current_dir(&workshop.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(&errors).unwrap())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (sender, steps) = sync_channel(STEPS_MAX);
        // Ends with the process's output, or with the story's handle.
        std::thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Self { child, steps, errors }
    }

    /// The next step is this one, and says at least that.
    fn tells(&mut self, step: &str, what: Value) -> Value {
        let told = self.steps.recv_timeout(PATIENCE).unwrap_or_else(|why| {
            panic!("{why} instead of {step} {what}; node said: {}", fs::read_to_string(&self.errors).unwrap())
        });
        let told: Value = serde_json::from_str(&told).unwrap_or_else(|_| panic!("{told:?} instead of {step} {what}"));
        let agrees = what.as_object().unwrap().iter().all(|(key, value)| told[key] == *value);
        assert!(told["step"] == step && agrees, "{told} instead of {step} {what}");
        told
    }

    /// The next step is that someone hears exactly these tones, in this order, or nothing above a whisper.
    fn hears(&mut self, identity: &str, tones_hz: &[u32]) {
        let told = self.tells("heard", json!({ "by": identity, "hz": tones_hz }));
        let level_dbfs = told["level_dbfs"].as_f64().unwrap();
        assert_eq!(level_dbfs < WHISPER_DBFS, tones_hz.is_empty(), "{told}");
    }

    /// Nothing more is told, and the process ends well.
    fn ends(mut self) {
        assert!(self.steps.recv_timeout(PATIENCE).is_err(), "the story goes on");
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status}; node said: {}", fs::read_to_string(&self.errors).unwrap());
    }
}

impl Drop for Story {
    fn drop(&mut self) {
        // It may have ended by itself: then there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_file(&self.errors);
    }
}

fn program(name: &str) -> Result<PathBuf, String> {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&folders).map(|folder| folder.join(name)).find(|path| path.is_file());
    found.ok_or_else(|| format!("no {name} on PATH"))
}

/// The first line that a program prints, or in one line why it failed.
fn first_line(command: &mut Command) -> Result<String, String> {
    let name = Path::new(command.get_program()).display().to_string();
    let output = command.stdin(Stdio::null()).output().map_err(|error| format!("{name}: {error}"))?;
    if !output.status.success() {
        let told = String::from_utf8_lossy(&output.stderr);
        let why: String = told.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(REASON_MAX).collect();
        return Err(format!("{name} failed ({why})"));
    }
    Ok(String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or_default().to_owned())
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

/// Offline this fails within seconds. No package's own script runs.
const INSTALL: &[&str] = &[
    "ci",
    "--ignore-scripts",
    "--no-audit",
    "--no-fund",
    "--loglevel=error",
    "--fetch-retries=1",
    "--fetch-retry-mintimeout=2000",
    "--fetch-timeout=60000",
];
const REASON_MAX: usize = 200; // characters
const WHISPER_DBFS: f64 = -50.0;
