//! The walk for back-end developers, walked: every step of `signaling/BACKENDS.md` is carried out as it stands there, and says what it should.
//!
//! How the document marks its steps is told in the document. What other people's libraries need is installed from their registries, at the versions
//! that the files beside this one name; where bash, curl, a language or a registry cannot be had its steps are skipped and say so, and with
//! `PODIUM_REQUIRE_WALK=1` they fail.

#![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]
#![allow(clippy::print_stderr, reason = "a skipped test says so")]

use std::fs::{self, File};
use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use document::Step;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use podium::config::Config;

mod deploy;
mod document;

#[test]
fn every_step_of_the_walk_does_what_it_says() {
    let document = fs::read_to_string(root().join("signaling/BACKENDS.md")).unwrap();
    let steps = document::steps(&document);
    assert!(steps.len() > STEPS_MIN, "only {} steps are marked", steps.len());
    let Some(transcript) = walk(&steps) else { return };
    let wrong = wrong("BACKENDS.md", &steps, &transcript);
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn a_step_that_fails_or_says_something_else_is_noticed() {
    let document = "\
        # A walk\n\
        ```sh walk\n\
        NAME=ben\n\
        ```\n\
        ```sh\n\
        echo not a step\n\
        ```\n\
        ```sh walk\n\
        echo \"seat 1: $NAME\"; echo 'seat 2: open'\n\
        # => seat…ben\n\
        # => open\n\
        ```\n\
        ```sh walk\n\
        echo 'seat 2: open'; echo \"seat 1: $NAME\"\n\
        # => ben\n\
        # => open\n\
        ```\n\
        ```sh walk no-such-program install\n\
        exit 1\n\
        ```\n\
        ```sh walk no-such-program\n\
        echo 'never said'\n\
        # => said\n\
        ```\n\
        ```sh walk bash install\n\
        false; true\n\
        ```\n\
        ```sh walk bash\n\
        echo 'never said'\n\
        ```\n\
        ```sh walk\n\
        false | true\n\
        echo 'never said'\n\
        ```\n";
    let steps = document::steps(document);
    assert_eq!(steps.iter().map(|step| step.line).collect::<Vec<_>>(), [2, 8, 13, 18, 21, 25, 28, 31]);
    if !is_there("bash") {
        return;
    }
    let told = Session::begin(&steps, &[]).transcript();
    let said = |line: usize| told.section(line).unwrap_or_default().trim().to_owned();
    assert_eq!(said(8), "seat 1: ben\nseat 2: open");
    assert_eq!(told.skipped, ["no-such-program", "bash"]);
    assert!(!told.text.contains("never said"), "{}", told.text);
    assert!(!told.is_whole);
    let wrong = wrong("BACKENDS.md", &steps, &told);
    assert_eq!(wrong.len(), 2, "{wrong:?}");
    assert!(wrong[0].contains(":13: `open` was not printed"), "{}", wrong[0]);
    assert!(wrong[1].contains(":31: the walk ended here"), "{}", wrong[1]);
}

#[test]
fn the_walk_goes_on_beside_a_development_server() {
    let document = fs::read_to_string(root().join("signaling/BACKENDS.md")).unwrap();
    let steps = document::steps(&document);
    let first = &steps[0].script;
    let (_, file) = first.split_once("podium.toml) <<END\n").unwrap();
    let (file, _) = file.split_once("\nEND\n").unwrap();
    let file = file.replace("$LIVEKIT_API_KEY", "shop");
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("walk-{}.toml", std::process::id()));
    fs::write(&path, file).unwrap();
    let (walk, development) = (Config::read(Some(&path), []).0, Config::default());
    fs::remove_file(&path).unwrap();
    let ports = |config: &Config| {
        let media = config.media.listen.as_slice()[0].port();
        [config.http.listen.port(), config.admin.listen.port(), media, media + 1]
    };
    let [http, ..] = ports(&walk);
    assert!(ports(&walk)[..3].iter().all(|port| !ports(&development).contains(port)), "{:?}", ports(&walk));
    assert!(first.contains(&format!("http://127.0.0.1:{http}}}")), "PODIUM_URL is where the walk's server listens");
    assert!(walk.port_faults().is_empty(), "{:?}", walk.port_faults());
}

/// Walks the steps, or says why not.
fn walk(steps: &[Step]) -> Option<Transcript> {
    if !can_walk("the walk for back-end developers") {
        return None;
    }
    let [http, admin, media, hook] = free_addresses();
    let hook_port = hook.rsplit_once(':').unwrap().1.to_owned();
    let transcript = Session::begin(
        steps,
        &[
            ("PODIUM_URL", format!("http://{http}")),
            ("PODIUM__HTTP__LISTEN", http),
            ("PODIUM__ADMIN__LISTEN", admin),
            ("PODIUM__MEDIA__LISTEN", media),
            ("PODIUM__MEDIA__WORKERS", "1".to_owned()),
            ("HOOK_PORT", hook_port),
        ],
    )
    .transcript();
    for tool in &transcript.skipped {
        assert!(
            !is_required(),
            "the steps with {tool} are required here (PODIUM_REQUIRE_WALK=1):\n{}",
            transcript.text
        );
        eprintln!(
            "SKIPPED: {tool}, or what it should have installed, is not to be had; the walk's steps with it are not tested"
        );
    }
    Some(transcript)
}

/// Whether the programs are there that every walk needs. If not, it says so, or fails where it must not skip.
fn can_walk(what: &str) -> bool {
    let absent: Vec<&str> = ["bash", "curl"].into_iter().filter(|program| !is_there(program)).collect();
    if absent.is_empty() {
        return true;
    }
    let absent = absent.join(", no ");
    assert!(!is_required(), "{what} is required here (PODIUM_REQUIRE_WALK=1), but there is no {absent}");
    eprintln!("SKIPPED: no {absent}; {what} is not tested");
    false
}

fn is_required() -> bool {
    std::env::var("PODIUM_REQUIRE_WALK").is_ok_and(|value| value == "1")
}

/// Addresses whose ports are free now. All are bound at once, so they differ.
fn free_addresses<const N: usize>() -> [String; N] {
    let ports: [TcpListener; N] = std::array::from_fn(|_| TcpListener::bind("127.0.0.1:0").unwrap());
    ports.each_ref().map(|port| port.local_addr().unwrap().to_string())
}

/// What is wrong with a walk: each step that did not say what it should, and the one that ended it too early.
fn wrong(document: &str, steps: &[Step], transcript: &Transcript) -> Vec<String> {
    let mut wrong = Vec::new();
    let taken: Vec<(&Step, &str)> =
        steps.iter().filter_map(|step| Some((step, transcript.section(step.line)?))).collect();
    for (index, (step, printed)) in taken.iter().enumerate() {
        if !transcript.is_whole && index + 1 == taken.len() {
            wrong.push(format!("{document}:{}: the walk ended here, having said:\n{printed}", step.line));
        } else if let Some(words) = document::missing(printed, &step.expected) {
            wrong.push(format!("{document}:{}: `{words}` was not printed, but:\n{printed}", step.line));
        }
    }
    if !wrong.is_empty() && !transcript.server_log.is_empty() {
        wrong.push(format!("the server said:\n{}", transcript.server_log));
    }
    wrong
}

/// One shell session in a folder of its own. It ends, with everything that it started, with its handle.
struct Session {
    shell: Child,
    folder: PathBuf,
    /// The folder goes with the session.
    owns_folder: bool,
}

/// What a session has printed.
struct Transcript {
    text: String,
    /// The programs whose steps were skipped.
    skipped: Vec<String>,
    /// The last step came to its end.
    is_whole: bool,
    server_log: String,
}

impl Session {
    fn begin(steps: &[Step], environment: &[(&str, String)]) -> Self {
        let name = format!("podium-walk-{}-{}", std::process::id(), steps.len());
        let folder = std::env::temp_dir().join(name);
        lay_out(&folder, steps);
        let mut session = Self::begin_in(folder, environment);
        session.owns_folder = true;
        session
    }

    /// Begins one in a folder that has been laid out, and that stays.
    fn begin_in(folder: PathBuf, environment: &[(&str, String)]) -> Self {
        let output = File::create(folder.join(OUTPUT)).unwrap();
        let binaries = Path::new(env!("CARGO_BIN_EXE_podium")).parent().unwrap().to_owned();
        let others = std::env::var_os("PATH").unwrap_or_default();
        // Programs that stand in for others come first.
        let first = [folder.join(STAND_INS), binaries].into_iter();
        let path = std::env::join_paths(first.chain(std::env::split_paths(&others))).unwrap();
        let shell = Command::new("bash")
            .args(["-euo", "pipefail", SESSION])
            .current_dir(&folder)
            .env("PATH", path)
            .env("PIP_CONSTRAINT", root().join("tests/walk/constraints.txt"))
            // Offline these fail within seconds; no package's own script runs.
            .env("PIP_RETRIES", "1")
            .env("npm_config_fetch_retries", "1")
            .env("npm_config_ignore_scripts", "true")
            .env("npm_config_audit", "false")
            .env("npm_config_fund", "false")
            .env("CARGO_NET_RETRY", "1")
            // Other people's crates, built once.
            .env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("walk"))
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .process_group(0)
            .spawn()
            .unwrap();
        Self { shell, folder, owns_folder: false }
    }

    /// Waits for the end. A walk that takes too long is ended: what it has printed shows where it hung.
    fn transcript(mut self) -> Transcript {
        let mut status = None;
        for _ in 0..POLLS_MAX {
            status = self.shell.try_wait().unwrap();
            if status.is_some() {
                break;
            }
            std::thread::sleep(POLL);
        }
        let text = fs::read(self.folder.join(OUTPUT)).unwrap();
        let text = String::from_utf8_lossy(&text).into_owned();
        let skipped = text.lines().filter_map(|line| line.strip_prefix(ABSENT)).map(str::to_owned).collect();
        let server_log = fs::read_to_string(self.folder.join("podium-walk/podium.log")).unwrap_or_default();
        Transcript { text, skipped, is_whole: status.is_some_and(|status| status.success()), server_log }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // While the shell has not been waited for its group is its own. A shell that has ended has ended what it started.
        if matches!(self.shell.try_wait(), Ok(None)) {
            let group = Pid::from_raw(i32::try_from(self.shell.id()).unwrap());
            let _ = killpg(group, Signal::SIGKILL);
            let _ = self.shell.wait();
        }
        if self.owns_folder {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

impl Transcript {
    /// What the step at this line has printed, if it was taken.
    fn section(&self, line: usize) -> Option<&str> {
        let (_, rest) = self.text.split_once(&format!("\n{TAKEN}{line}\n"))?;
        Some(rest.split_once(&format!("\n{TAKEN}")).map_or(rest, |(section, _)| section))
    }
}

/// The folder of a session: its script, one file a step, and the lock files of what it installs where their tools look for them.
fn lay_out(folder: &Path, steps: &[Step]) {
    // Left over from a process of the same number that was killed.
    let _ = fs::remove_dir_all(folder);
    for place in ["steps", "podium-walk/tokens"] {
        fs::create_dir_all(folder.join(place)).unwrap();
    }
    let locks = root().join("tests/walk");
    for (lock, place) in [
        ("package.json", "podium-walk/package.json"),
        ("package-lock.json", "podium-walk/package-lock.json"),
        ("tokens.lock", "podium-walk/tokens/Cargo.lock"),
    ] {
        fs::copy(locks.join(lock), folder.join(place)).unwrap();
    }
    let mut session = PROLOGUE.to_owned();
    for step in steps {
        fs::write(folder.join("steps").join(step.line.to_string()), &step.script).unwrap();
        session += &part(step);
    }
    fs::write(folder.join(SESSION), session).unwrap();
}

/// A step's part in the session's script.
fn part(step: &Step) -> String {
    let Step { line, tools, is_install, .. } = step;
    let file = format!("\"$steps/{line}\"");
    let taken = format!("printf '\\n{TAKEN}{line}\\n'\n");
    let looked_for: String = tools.iter().map(|tool| format!("look_for {tool}\n")).collect();
    let is_possible: String = tools.iter().map(|tool| format!("[[ $absent != *' {tool} '* ]] && ")).collect();
    let miss: String = tools.iter().map(|tool| format!("miss {tool}; ")).collect();
    // A shell of its own: within a condition nothing else would stop at its first failure.
    let act =
        if *is_install { format!("bash -euo pipefail {file} || {{ {miss} }}\n") } else { format!("source {file}\n") };
    format!("{looked_for}if {is_possible}true; then\n{taken}{act}fi\n")
}

fn is_there(program: &str) -> bool {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders).any(|folder| folder.join(program).is_file())
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// What runs in the background is ended by its number, however the session ends.
const PROLOGUE: &str = "\
steps=$PWD/steps
absent=' '
end() { local code=$? job; for job in $(jobs -p); do kill -9 \"$job\" 2>/dev/null || true; done; exit $code; }
trap end EXIT
miss() { absent+=\"$1 \"; printf '\\n@@ absent %s\\n' \"$1\"; }
look_for() { [[ $absent == *\" $1 \"* ]] || command -v \"$1\" >/dev/null || miss \"$1\"; }
";
const STAND_INS: &str = "stand-ins";
const SESSION: &str = "session.sh";
const OUTPUT: &str = "output.txt";
const TAKEN: &str = "@@ step ";
const ABSENT: &str = "@@ absent ";
/// Fewer would mean that the marks are not read.
const STEPS_MIN: usize = 20;
const POLL: Duration = Duration::from_millis(50);
/// Twenty minutes: crates of the walk may have to be built, on a busy machine.
const POLLS_MAX: usize = 24_000;
