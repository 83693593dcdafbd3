//! `deploy/README.md`, carried out: every block of a shell, in order, below a prefix instead of the root.
//!
//! `cargo` and `systemctl` are stand-ins: the first brings the binary of this test, the second reads the
//! unit as far as the page needs it: its commands, its folder, its credentials.

use std::os::unix::fs::PermissionsExt as _;

use nix::sys::signal::kill;

use super::*;

#[test]
fn every_block_of_the_page_for_operators_does_what_it_says() {
    let document = fs::read_to_string(root().join("deploy/README.md")).unwrap();
    assert_eq!(document::unmarked(&document), Vec::<usize>::new(), "blocks of a shell that are not run, by their line");
    let steps = document::steps(&document);
    assert!(steps.len() >= BLOCKS_MIN, "only {} steps are marked", steps.len());
    if !can_walk("the page for operators") {
        return;
    }
    let [http, admin, media] = free_addresses();
    let machine = Machine::new(&steps, &admin);
    let session = Session::begin_in(
        machine.folder.clone(),
        &[
            ("PODIUM__HTTP__LISTEN", http),
            ("PODIUM__ADMIN__LISTEN", admin),
            ("PODIUM__MEDIA__LISTEN", media),
            ("PODIUM__MEDIA__WORKERS", "1".to_owned()),
            ("PREFIX", machine.prefix().display().to_string()),
            ("BINARY", env!("CARGO_BIN_EXE_podium").to_owned()),
        ],
    );
    let mut transcript = session.transcript();
    transcript.server_log = machine.log();
    let wrong = wrong("deploy/README.md", &steps, &transcript);
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert!(!machine.log().contains("WARN"), "the page leads to a server without a warning:\n{}", machine.log());
}

#[test]
fn a_block_that_is_not_marked_is_noticed() {
    let document = "```sh\nls\n```\n```sh walk\nls\n```\n- a\n  ```bash\n  ls\n  ```\n  ```sh walk\n  ls\n  # => x\n  ```\n```toml\n```\n";
    assert_eq!(document::unmarked(document), [1, 8]);
    let steps = document::steps(document);
    assert_eq!(steps.len(), 2);
    assert_eq!((steps[1].script.as_str(), steps[1].expected[0].as_str()), ("ls\n# => x\n", "x"));
}

/// A folder that plays a machine. What runs there ends with its handle.
struct Machine {
    folder: PathBuf,
}

impl Machine {
    fn new(steps: &[Step], admin: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("podium-deploy-{}", std::process::id()));
        let machine = Self { folder };
        let placed = |text: &str| machine.placed(text).replace("127.0.0.1:6789", admin);
        let moved: Vec<Step> = steps.iter().map(|step| Step { script: placed(&step.script), ..step.clone() }).collect();
        lay_out(&machine.folder, &moved);
        for folder in FOLDERS {
            fs::create_dir_all(machine.prefix().join(folder)).unwrap();
        }
        fs::create_dir_all(machine.folder.join("deploy")).unwrap();
        for file in ["podium.example.toml", "podium.service"] {
            let text = fs::read_to_string(root().join("deploy").join(file)).unwrap();
            fs::write(machine.folder.join("deploy").join(file), machine.placed(&text)).unwrap();
        }
        fs::create_dir_all(machine.folder.join(STAND_INS)).unwrap();
        for (name, script) in [("cargo", CARGO), ("systemctl", SYSTEMCTL)] {
            let path = machine.folder.join(STAND_INS).join(name);
            fs::write(&path, script).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        machine
    }

    fn prefix(&self) -> PathBuf {
        self.folder.join("root")
    }

    /// A text whose paths of the system lie below the prefix.
    fn placed(&self, text: &str) -> String {
        let prefix = self.prefix().display().to_string();
        // The prefix may hold one of these itself.
        let marked = PLACES.iter().fold(text.to_owned(), |text, place| text.replace(place, &format!("{MARK}{place}")));
        marked.replace(MARK, &prefix)
    }

    fn log(&self) -> String {
        fs::read_to_string(self.prefix().join("run/podium.log")).unwrap_or_default()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let pid = fs::read_to_string(self.prefix().join("run/podium.pid")).unwrap_or_default();
        if let Ok(pid) = pid.trim().parse() {
            // It may be over already.
            let _ended = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
        let _gone = fs::remove_dir_all(&self.folder);
    }
}

const MARK: &str = "\0";
const PLACES: [&str; 5] = ["/usr/local/bin", "/etc/podium", "/etc/systemd", "/var/", "/run/credentials"];
const FOLDERS: [&str; 6] =
    ["usr/local/bin", "etc/systemd/system", "var/lib/podium", "var/backups", "run/credentials", "run"];
/// Fewer would mean that the marks are not read.
const BLOCKS_MIN: usize = 6;
const CARGO: &str = "\
#!/usr/bin/env bash
set -euo pipefail
[[ $* == 'build --release' ]]
mkdir -p target/release
cp \"$BINARY\" target/release/podium
";
/// It does of a unit what the page relies on, and fails at what it does not know.
const SYSTEMCTL: &str = r#"#!/usr/bin/env bash
set -euo pipefail
unit=$PREFIX/etc/systemd/system/podium.service
pid=$PREFIX/run/podium.pid
value() { sed -n "s|^$1=||p" "$unit"; }
start() {
    local credentials=$PREFIX/run/credentials/podium.service name source
    rm -rf "$credentials" && mkdir -p "$credentials"
    IFS=: read -r name source < <(value LoadCredential)
    install -m 400 "$source" "$credentials/$name"
    [[ $(value WorkingDirectory) == %S/podium ]]
    cd "$PREFIX/var/lib/podium"
    $(value ExecStartPre) >> "$PREFIX/run/podium.log" 2>&1
    $(value ExecStart) >> "$PREFIX/run/podium.log" 2>&1 < /dev/null &
    echo $! > "$pid"
}
stop() {
    kill -TERM "$(cat "$pid")"
    for _ in $(seq 600); do
        # A process that nobody has waited for is still there, without a command.
        grep -qs . "/proc/$(cat "$pid")/cmdline" || { rm "$pid"; return; }
        sleep 0.1
    done
    return 1
}
case "$*" in
daemon-reload) [[ -s $unit ]] ;;
'enable --now podium' | 'start podium') start ;;
'stop podium') stop ;;
'restart podium') stop && start ;;
*) echo "systemctl $*: not played here" >&2; exit 1 ;;
esac
"#;
