//! How a server starts, and what it says first: what is wrong with its configuration, what is odd about it, which addresses it has.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

const BINARY: &str = env!("CARGO_BIN_EXE_podium");
const SECRET: &str = "an api secret of thirty-two bytes!";
const PORTS_OF_THE_KERNEL: [(&str, &str); 4] = [
    ("PODIUM__HTTP__LISTEN", "127.0.0.1:0"),
    ("PODIUM__ADMIN__LISTEN", "127.0.0.1:0"),
    ("PODIUM__MEDIA__LISTEN", "127.0.0.1:0"),
    ("PODIUM__MEDIA__WORKERS", "1"),
];

/// A folder with a configuration, which goes with its handle.
struct Home(PathBuf);

impl Home {
    fn new(name: &str, text: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("starting-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let home = Self(folder);
        std::fs::write(home.config(), text).unwrap();
        std::fs::set_permissions(home.config(), std::fs::Permissions::from_mode(0o600)).unwrap();
        home
    }

    fn config(&self) -> PathBuf {
        self.0.join("podium.toml")
    }

    fn run(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Output {
        let mut command = Command::new(BINARY);
        command.arg("--config").arg(self.config()).args(arguments).envs(environment.iter().copied());
        command.current_dir(&self.0).stdin(Stdio::null()).output().unwrap()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_check_finds_what_only_the_whole_can_show_with_values_and_lines() {
    let home = Home::new(
        "whole",
        "[http]\nlisten = \"127.0.0.1:7000\"\n[admin]\nlisten = \"127.0.0.1:7000\"\n\
         [store]\npath = \"nowhere/podium.db\"\n[log]\nfilter = \"inof\"\n\
         [[webhooks.targets]]\nname = \"billing\"\nurl = \"https://example.org\"\nevents = [\n  \"seat.*\",\n  \"seat.opened\",\n]\n",
    );
    let output = home.run(&["check-config"], &[]);
    assert_eq!(output.status.code(), Some(78));
    let told = said(&output);
    for (line, words) in [
        (2, "http.listen: 127.0.0.1:7000 takes the same port as admin.listen = 127.0.0.1:7000"),
        (6, "store.path: nowhere/podium.db"),
        (8, "log.filter: \"inof\": \"inof\" is no level; did you mean info?"),
        (14, "\"seat.opened\""),
        (9, "1 to 2 secrets, not 0"),
    ] {
        let place = format!("podium.toml:{line}: ");
        assert!(told.lines().any(|told| told.contains(&place) && told.contains(words)), "{line} {words} in:\n{told}");
    }
    assert!(told.contains("podium.toml:4") && told.contains("auth.keys: at least one key"), "{told}");
    // A server says the same, but for its folder: that may be there at the next try.
    let serving = said(&home.run(&["serve"], &[]));
    assert!(serving.contains("admin.listen") && serving.contains("seat.opened"), "{serving}");
}

#[test]
fn what_is_odd_is_told_and_keeps_nobody_from_starting() {
    let home = Home::new("odd", &format!("[auth.keys]\nops = \"{SECRET}\"\n"));
    let output = home.run(&["check-config"], &[("PODIUM_HTTP_LISTEN", "127.0.0.1:1"), ("PODIUM_CONFIG", "elsewhere")]);
    assert!(output.status.success(), "{}", said(&output));
    let told = said(&output);
    assert!(told.contains("PODIUM_HTTP_LISTEN") && told.contains("did you mean PODIUM__HTTP__LISTEN?"), "{told}");
    assert!(!told.contains("PODIUM_CONFIG"), "{told}");
    std::fs::set_permissions(home.config(), std::fs::Permissions::from_mode(0o644)).unwrap();
    let told = said(&home.run(&["check-config"], &[]));
    assert!(told.contains("every user of this machine may read it"), "{told}");
}

#[test]
fn a_key_of_the_environment_mints_under_its_own_id() {
    let home = Home::new("minting", "[auth.keys]\nops_file = \"not-there.key\"\n");
    let arguments = ["token", "--room", "stage", "--identity", "ada", "--key", "Ops"];
    let output = home.run(&arguments, &[("PODIUM__AUTH__KEYS__Ops", SECRET), ("PODIUM__AUTH__KEYS__ops", SECRET)]);
    assert!(output.status.success(), "{}", said(&output));
    assert!(said(&output).contains("differ in case only"), "{}", said(&output));
    let output = home.run(&arguments, &[("PODIUM__AUTH__KEYS__OPS", SECRET), ("PODIUM__AUTH__KEYS__ops", SECRET)]);
    assert!(!output.status.success() && said(&output).contains("no key \"Ops\""), "{}", said(&output));
}

#[test]
fn a_log_that_is_no_terminal_has_no_colours() {
    let home = Home::new("colours", "");
    let serving = |terminal: &str| {
        let mut command = Command::new(BINARY);
        command.envs(PORTS_OF_THE_KERNEL).env("TERM", terminal);
        let server = Running::start(command, &home, "colours.log");
        server.waits_for("serving");
        server.said()
    };
    for terminal in ["xterm-256color", "dumb"] {
        assert!(!serving(terminal).contains('\u{1b}'), "{terminal}");
    }
}

#[test]
fn without_any_address_for_media_no_server_starts() {
    let Some(network) = Network::new() else { return };
    let home = Home::new("no-address", "");
    // The loopback of a new network is down: there is no IPv6 at all.
    let command = network.command(&home, "true", "[::]:7882");
    let server = Running::start(command, &home, "no-address.log");
    server.waits_for("no address that [::]:7882 stands for");
    let code = server.ended();
    assert_eq!(code, Some(1), "{}", server.said());
}

#[test]
fn an_address_that_is_not_to_be_had_is_left_out_and_one_that_goes_is_told() {
    let Some(network) = Network::new() else { return };
    let home = Home::new("addresses", "");
    let interfaces = "ip link set lo up; ip addr add 10.99.0.1/32 dev lo; ip addr add 10.99.0.2/32 dev lo";
    let command = network.command(&home, interfaces, "0.0.0.0:7882,[::]:7882");
    let server = Running::start(command, &home, "addresses.log");
    server.waits_for("serving");
    assert!(server.said().contains("10.99.0.1:7882") && server.said().contains("10.99.0.2:7882"), "{}", server.said());
    server.within("ip addr del 10.99.0.2/32 dev lo");
    server.waits_for("a media address is lost");
    assert!(server.said().contains("10.99.0.2"), "{}", server.said());
    // The count is written when the words are, a moment later.
    server.metric_becomes("podium_media_addresses_lost 1");
    server.within("ip addr add 10.99.0.2/32 dev lo");
    server.waits_for("a media address is back");
    server.metric_becomes("podium_media_addresses_lost 0");
}

/// A network of one's own, if root may make one here.
struct Network;

impl Network {
    fn new() -> Option<Self> {
        let tools = "command -v ip && command -v nsenter && command -v curl && unshare -n true";
        let output = Command::new("sh").args(["-c", tools]).output();
        let why = match output {
            Ok(output) if output.status.success() => return Some(Self),
            Ok(output) => String::from_utf8_lossy(&output.stderr).into_owned(),
            Err(error) => error.to_string(),
        };
        let required = std::env::var("PODIUM_REQUIRE_TMPFS").is_ok_and(|value| value == "1");
        assert!(!required, "a network of one's own is required here (PODIUM_REQUIRE_TMPFS=1): {why}");
        eprintln!("SKIPPED: no network of one's own can be made: {}", why.trim());
        None
    }

    /// The binary within a new network, after some commands there. It is configured, so that it may listen beyond the loopback.
    fn command(&self, home: &Home, before: &str, media: &str) -> Command {
        let mut command = Command::new("unshare");
        let script = format!("{before}; exec \"$0\" --config \"$1\"");
        command.args(["-n", "sh", "-c", &script, BINARY]).arg(home.config()).current_dir(&home.0).envs([
            ("PODIUM__AUTH__KEYS__ops", SECRET),
            ("PODIUM__MEDIA__LISTEN", media),
            ("PODIUM__MEDIA__WORKERS", "1"),
            ("PODIUM__HTTP__LISTEN", "0.0.0.0:7880"),
            ("PODIUM__ADMIN__LISTEN", "0.0.0.0:6789"),
            ("PODIUM__STORE__PATH", ":memory:"),
        ]);
        command
    }
}

/// A process that ends with its handle.
struct Running {
    child: std::sync::Mutex<Child>,
    log: PathBuf,
}

impl Running {
    fn start(mut command: Command, home: &Home, log: &str) -> Self {
        let log = home.0.join(log);
        let output = std::fs::File::create(&log).unwrap();
        let child = command.stdin(Stdio::null()).stdout(output.try_clone().unwrap()).stderr(output).spawn().unwrap();
        Self { child: child.into(), log }
    }

    fn said(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    fn waits_for(&self, words: &str) {
        for _ in 0..TRIES {
            if self.said().contains(words) {
                return;
            }
            std::thread::sleep(TRY_EVERY);
        }
        panic!("{words:?} was not said:\n{}", self.said());
    }

    /// Waits until it has ended. Gives its code.
    fn ended(&self) -> Option<i32> {
        self.child.lock().unwrap().wait().unwrap().code()
    }

    /// Runs a command in the network of this process.
    fn within(&self, script: &str) -> String {
        let process = self.child.lock().unwrap().id().to_string();
        let output = Command::new("nsenter").args(["-t", &process, "-n", "sh", "-c", script]).output().unwrap();
        assert!(output.status.success(), "{script}: {}", said(&output));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn metric_becomes(&self, line: &str) {
        for _ in 0..TRIES {
            if self.within("curl -sS http://127.0.0.1:6789/metrics").lines().any(|told| told == line) {
                return;
            }
            std::thread::sleep(TRY_EVERY);
        }
        panic!("{line:?} is not among the metrics");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut child = self.child.lock().unwrap();
        // It may be over already.
        let _ended = child.kill();
        let _ended = child.wait();
    }
}

const TRIES: u32 = 600;
const TRY_EVERY: Duration = Duration::from_millis(50);
