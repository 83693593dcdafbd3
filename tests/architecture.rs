//! The rules of the tree that no compiler holds: which folder may name which, what a pure folder may not do, how long a file may be.
//!
//! Each rule is a function from one file to its breaches, and a test that runs it over every file. Code is judged without its comments, its
//! strings and, where a rule is about dependencies, without whatever is `#[cfg(test)]`. The scanner reads tokens, not types: it sees what is
//! named, so a rule can be cheated by a re-export, but not by a layout of the line. Last, every rule is shown a file that breaks it.

use std::fmt::Write as _;
use std::sync::OnceLock;

use source::tree::{listed_by_git, root, walked};
use source::{Named, Source};

mod source;

/// What each module of this package may name, itself aside. Absent modules are breaches: a new folder needs a line here.
const PODIUM: Imports = &[
    ("wire", &[]),
    ("sdp", &[]),
    ("latency", &[]),
    ("transport", &["wire"]),
    ("router", &["wire"]),
    ("engine", &["wire", "sdp", "transport", "router", "latency"]),
    ("runtime", &["engine", "transport::certificate", "latency::histogram", "wire"]),
    ("config", &[]),
    ("development", &["config"]),
    ("telemetry", &["runtime::clock"]),
    ("tokens", &["config"]),
    ("listener", &["runtime"]),
    ("metrics", &["engine::counters", "latency", "runtime"]),
    ("admin", &["metrics", "monitor", "runtime"]),
    ("monitor", &["config", "engine::command", "engine::event", "latency", "metrics", "runtime"]),
    ("bridge", &["config", "metrics", "monitor", "runtime", "engine", "router", "sdp", "transport"]),
    ("webhooks", &["config"]),
    (
        "server",
        &[
            "admin",
            "bridge",
            "config",
            "development",
            "listener",
            "metrics",
            "monitor",
            "runtime",
            "telemetry",
            "transport::certificate",
            "webhooks",
        ],
    ),
];

/// The same for signaling.
#[rustfmt::skip]
const SIGNALING: Imports = &[
    ("clock", &["standstill"]),
    ("random", &[]),
    ("standstill", &[]),
    ("limit", &[]),
    ("text", &[]),
    ("json", &[]),
    ("ids", &["text"]),
    ("room", &["ids"]),
    ("protocol", &["ids", "json", "room", "monitor", "text"]),
    ("media", &["ids", "room", "monitor"]),
    ("monitor", &["ids", "room"]),
    ("metrics", &["auth", "room"]),
    ("auth", &["ids", "json", "room", "text"]),
    ("backup", &["clock", "room", "store"]),
    ("store", &["clock", "ids", "random", "room"]),
    ("webhook", &["clock", "random", "protocol::outside", "protocol::server", "metrics", "store"]),
    ("config", &["auth", "room", "store", "webhook"]),
    ("paces", &["clock", "config", "ids", "limit", "room"]),
    (
        "rooms",
        &["clock", "random", "limit", "ids", "room", "protocol", "media", "metrics", "monitor", "config", "store"],
    ),
    (
        "signaling",
        &[
            "clock", "random", "limit", "ids", "room", "protocol", "media", "metrics", "monitor", "auth", "config",
            "paces", "rooms", "store", "webhook", "http",
        ],
    ),
    (
        "http",
        &[
            "clock", "random", "limit", "ids", "json", "room", "protocol", "media", "metrics", "monitor", "auth",
            "config", "paces", "rooms", "store", "signaling", "text",
        ],
    ),
];

const PURE: &[&str] = &[
    "src/wire/",
    "src/sdp/",
    "src/latency/",
    "src/transport/",
    "src/router/",
    "src/engine/",
    "signaling/src/ids.rs",
    "signaling/src/json.rs",
    "signaling/src/limit/",
    "signaling/src/text.rs",
    "signaling/src/room/",
    "signaling/src/protocol/",
    "loadtest/src/light/client/",
];

/// In a pure folder no path may hold one of these runs of segments.
const IMPURE: &[&[&str]] = &[
    &["UdpSocket"],
    &["TcpStream"],
    &["TcpListener"],
    &["UnixStream"],
    &["std", "net", "*"],
    &["std", "thread"],
    &["thread", "spawn"],
    &["thread", "sleep"],
    &["std", "fs"],
    &["std", "env"],
    &["std", "process"],
    &["tokio"],
    &["axum"],
    &["async"],
    &["await"],
    &["Instant", "now"],
    &["SystemTime"],
    &["getrandom"],
    &["rand"],
    &["fastrand"],
    &["OsRng"],
    &["thread_rng"],
];

const CLOCK_DOORS: &[&[&str]] = &[&["Instant", "now"], &["SystemTime", "now"], &["Utc", "now"], &["Local", "now"]];

/// A standstill of the process counts against those who go by these timers. The clock has its own ones.
const TIMERS: &[&[&str]] =
    &[&["time", "sleep"], &["time", "sleep_until"], &["time", "timeout"], &["time", "timeout_at"]];

const UNBOUNDED: &[&[&str]] = &[
    &["unbounded_channel"],
    &["unbounded"],
    &["UnboundedSender"],
    &["UnboundedReceiver"],
    &["std", "sync", "mpsc", "channel"],
    &["std", "sync", "mpsc", "Sender"],
    &["std", "sync", "mpsc", "*"],
];

const TOP_LEVEL: &[&str] =
    &["Cargo.toml", "Cargo.lock", "README.md", "src", "signaling", "tests", "loadtest", "deploy"];

/// What the authors may have at hand and a reader has not. In halves, or this file would break its own rule.
const ELSEWHERE: &[&str] = &[
    concat!("..", "/shared"),
    concat!("DESIGN", ".md"),
    concat!("ROOM_", "MODEL"),
    concat!("CONVENTIONS", ".md"),
    concat!("podium-", "notes"),
];

const LINES_MAX: usize = 600;

#[test]
fn imports_run_one_way() {
    hold(|file| imports(file, "src/", PODIUM));
    hold(|file| imports(file, "signaling/src/", SIGNALING));
}

#[test]
fn few_name_another_crate_of_ours() {
    hold(crates_of_ours);
}

#[test]
fn the_rules_of_a_room_know_no_wire() {
    hold(room_is_apart);
}

#[test]
fn pure_folders_are_pure() {
    hold(purity);
}

#[test]
fn clocks_are_read_in_files_named_clock() {
    hold(clock_doors);
}

#[test]
fn every_queue_has_a_bound() {
    hold(unbounded_queues);
}

#[test]
fn a_file_is_read_in_one_sitting() {
    hold(length);
}

#[test]
fn every_file_says_what_it_is() {
    hold(module_doc);
}

#[test]
fn what_is_named_is_in_this_tree() {
    hold(own_tree_only);
}

#[test]
fn documents_name_only_files_that_exist() {
    assert!(root().join("README.md").is_file(), "README.md is missing");
    hold(|file| dead_references(file, |path| root().join(path).exists()));
}

#[test]
fn the_top_level_holds_what_it_should() {
    let Some(paths) = listed_by_git() else {
        // Without git, what was built or saved here cannot be told from what belongs here.
        write_line("skipped: this is not a git work tree, so the top level cannot be judged");
        return;
    };
    let breaches: Vec<_> = paths.iter().filter_map(|path| out_of_place(path)).collect();
    report(&breaches);
}

/// A module, and the modules (or their parts) that it may name.
type Imports = &'static [(&'static str, &'static [&'static str])];

fn imports(file: &Source, base: &str, allowed: Imports) -> Vec<String> {
    let Some(module) = file.module_below(base).filter(|module| !module.is_empty()) else {
        return Vec::new();
    };
    let Some((own, may_name)) = allowed.iter().find(|(name, _)| *name == module[0]) else {
        return vec![
            file.breach(1, format!("`{}` has no line in tests/architecture.rs that says what it may name", module[0])),
        ];
    };
    let is_allowed = |named: &str| {
        std::iter::once(own)
            .chain(may_name.iter())
            .any(|allowed| named == *allowed || named.starts_with(&format!("{allowed}::")))
    };
    let crossing =
        file.named_in_production.iter().filter_map(|named| Some((named.line, within_crate(&named.segments, &module)?)));
    crossing
        .filter(|(_, named)| !is_allowed(named))
        .map(|(line, named)| file.breach(line, format!("`{own}` may not name `{named}`")))
        .collect()
}

/// `crate::a::b` and `super::super::a::b` alike are `a::b`, seen from the crate's root.
fn within_crate(segments: &[String], module: &[&str]) -> Option<String> {
    let (first, rest) = segments.split_first()?;
    let absolute: Vec<&str> = match first.as_str() {
        "crate" => rest.iter().map(String::as_str).collect(),
        "super" => {
            let ups = segments.iter().take_while(|segment| *segment == "super").count();
            let base = &module[..module.len().saturating_sub(ups)];
            base.iter().copied().chain(segments[ups..].iter().map(String::as_str)).collect()
        }
        _ => return None,
    };
    (!absolute.is_empty()).then(|| absolute.join("::"))
}

fn crates_of_ours(file: &Source) -> Vec<String> {
    let may_name: &[&str] = match &file.path {
        path if path.starts_with("signaling/") => &["podium_signaling"],
        // Light clients are made of the server's parts; all others share no line with it.
        path if path.starts_with("loadtest/src/light/") => &["podium", "podium_loadtest"],
        path if path.starts_with("loadtest/") => &["podium_loadtest"],
        path if [
            "src/admin",
            "src/bridge",
            "src/listener",
            "src/runtime/clock.rs",
            "src/monitor",
            "src/server",
            "src/metrics",
            "src/tokens",
            "src/webhooks",
            "src/main.rs",
        ]
        .iter()
        .any(|shell| path.starts_with(shell)) =>
        {
            &["podium", "podium_signaling"]
        }
        path if path.starts_with("src/") => &["podium"],
        _ => return Vec::new(),
    };
    let ours = ["podium", "podium_signaling", "podium_loadtest"];
    let foreign = file.named_in_production.iter().filter(|named| {
        let first = named.segments[0].as_str();
        // A crate is the start of a path; a variable may well be called `podium`.
        named.segments.len() > 1 && ours.contains(&first) && !may_name.contains(&first)
    });
    foreign.map(|named| file.breach(named.line, format!("`{}` is not to be named here", named.segments[0]))).collect()
}

fn room_is_apart(file: &Source) -> Vec<String> {
    let banned: &[&[&str]] = if file.path.starts_with("signaling/src/room/record/") {
        // What is kept of a room is text of its own, which nobody else reads or writes.
        &[&["protocol"], &["tokio"], &["axum"]]
    } else if file.path.starts_with("signaling/src/room/") {
        &[&["protocol"], &["serde"], &["serde_json"], &["tokio"], &["axum"]]
    } else if file.path == "signaling/src/ids.rs" {
        &[&["protocol"], &["serde_json"], &["tokio"], &["axum"]]
    } else {
        return Vec::new();
    };
    breaches_of(file, &file.named_in_production, banned, "a room's rules do not know how they are carried")
}

fn purity(file: &Source) -> Vec<String> {
    if !PURE.iter().any(|folder| file.path.starts_with(folder)) {
        return Vec::new();
    }
    let mut breaches =
        breaches_of(file, &file.named_in_production, IMPURE, "a pure folder is told the time, the dice and the bytes");
    let loud = |named: &&Named| match named.segments.as_slice() {
        [tracing, rest @ ..] if tracing == "tracing" => {
            !rest.last().is_some_and(|last| last == "trace" || last == "trace_span")
        }
        _ => false,
    };
    breaches.extend(
        file.named_in_production
            .iter()
            .filter(loud)
            .map(|named| file.breach(named.line, "a pure folder logs at trace only")),
    );
    breaches
}

fn clock_doors(file: &Source) -> Vec<String> {
    if file.path.ends_with("/clock.rs") {
        return Vec::new();
    }
    let mut breaches = breaches_of(file, &file.named, CLOCK_DOORS, "clocks are read in files named clock.rs");
    if file.path.starts_with("src/") || file.path.starts_with("signaling/src/") {
        breaches.extend(breaches_of(file, &file.named_in_production, TIMERS, "whoever waits goes by the clock"));
    }
    breaches
}

fn unbounded_queues(file: &Source) -> Vec<String> {
    let mut breaches = breaches_of(file, &file.named, UNBOUNDED, "every queue has a named bound");
    let is_exactly = |named: &Named, path: &[&str]| named.segments.iter().map(String::as_str).eq(path.iter().copied());
    if file.named.iter().any(|named| is_exactly(named, &["std", "sync", "mpsc"])) {
        breaches.extend(breaches_of(file, &file.named, &[&["mpsc", "channel"]], "every queue has a named bound"));
    }
    breaches
}

fn length(file: &Source) -> Vec<String> {
    let lines = file.text.lines().count();
    let is_judged = [".rs", ".js"].iter().any(|ending| file.path.ends_with(ending));
    if is_judged && lines > LINES_MAX {
        vec![file.breach(lines, format!("a file has at most {LINES_MAX} lines; split it by noun"))]
    } else {
        Vec::new()
    }
}

fn module_doc(file: &Source) -> Vec<String> {
    let is_judged = file.path.ends_with(".rs")
        && (file.path.starts_with("src/") || file.path.starts_with("tests/") || file.path.contains("/src/"));
    if is_judged && !file.text.starts_with("//!") {
        vec![file.breach(1, "a file begins with `//!`: the noun it defines")]
    } else {
        Vec::new()
    }
}

/// A reader of this tree has this tree and nothing beside it.
fn own_tree_only(file: &Source) -> Vec<String> {
    let lines = file.text.lines().enumerate();
    let absent =
        lines.filter_map(|(index, line)| Some((index + 1, ELSEWHERE.iter().find(|name| line.contains(**name))?)));
    absent.map(|(line, name)| file.breach(line, format!("`{name}` is not in this repository"))).collect()
}

fn dead_references(file: &Source, exists: impl Fn(&str) -> bool) -> Vec<String> {
    if !file.path.ends_with(".md") {
        return Vec::new();
    }
    let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut breaches = Vec::new();
    for (index, line) in file.text.lines().enumerate() {
        let quoted = line.split('`').skip(1).step_by(2).filter(|text| is_path_of_ours(text)).map(str::to_owned);
        let linked = line.split("](").skip(1).filter_map(|rest| rest.split([')', '#', ' ']).next());
        let linked =
            linked.filter(|target| !target.is_empty() && !target.contains(':')).map(|target| join(folder, target));
        let dead = quoted.chain(linked).filter(|path| !exists(path.trim_end_matches('/')));
        breaches.extend(dead.map(|path| file.breach(index + 1, format!("`{path}` does not exist"))));
    }
    breaches
}

fn is_path_of_ours(text: &str) -> bool {
    let is_plain = text.contains('/') && text.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
    let first = text.split('/').next().unwrap_or_default();
    is_plain && (["src", "signaling", "tests", "loadtest", "deploy", ".ci", ".cargo"].contains(&first))
}

fn join(folder: &str, target: &str) -> String {
    if folder.is_empty() { target.to_owned() } else { format!("{folder}/{target}") }
}

fn out_of_place(path: &str) -> Option<String> {
    let first = path.split('/').next().unwrap_or_default();
    let is_allowed = TOP_LEVEL.contains(&first) || first.starts_with('.') || first.starts_with("LICENSE");
    (!is_allowed).then(|| format!("{path}:1: does not belong at the top level"))
}

/// Where one of the runs of segments in `banned` stands within a path.
fn breaches_of(file: &Source, named: &[Named], banned: &[&[&str]], rule: &str) -> Vec<String> {
    let found = named.iter().filter_map(|named| Some((named.line, banned.iter().find(|run| named.holds(run))?)));
    found.map(|(line, run)| file.breach(line, format!("`{}`: {rule}", run.join("::")))).collect()
}

/// Runs a rule over every text file of the repository.
fn hold(rule: impl Fn(&Source) -> Vec<String>) {
    static SOURCES: OnceLock<Vec<Source>> = OnceLock::new();
    let sources = SOURCES.get_or_init(sources);
    assert!(sources.iter().any(|file| file.path == "src/lib.rs"), "the scanner does not see the sources");
    let breaches: Vec<_> = sources.iter().flat_map(rule).collect();
    report(&breaches);
}

fn sources() -> Vec<Source> {
    let paths = listed_by_git().unwrap_or_else(walked);
    // What is no text (a screenshot) is not judged.
    let texts = paths.iter().filter_map(|path| Some((path, std::fs::read_to_string(root().join(path)).ok()?)));
    texts.map(|(path, text)| Source::new(path, &text)).collect()
}

fn report(breaches: &[String]) {
    let list = breaches.iter().fold(String::new(), |mut list, breach| {
        let _ = write!(list, "\n  {breach}");
        list
    });
    assert!(breaches.is_empty(), "{} breaches:{list}", breaches.len());
}

fn write_line(line: &str) {
    use std::io::Write as _;
    writeln!(std::io::stderr(), "{line}").expect("a test has a standard error");
}

/// Each rule, a file that breaks it, and one that does not.
mod the_scanner {
    use super::{PODIUM, SIGNALING, Source};

    fn lines(rule: impl Fn(&Source) -> Vec<String>, path: &str, text: &str) -> Vec<String> {
        let places = rule(&Source::new(path, text));
        places
            .iter()
            .map(|breach| {
                breach.split(": ").next().unwrap_or_default().rsplit(':').next().unwrap_or_default().to_owned()
            })
            .collect()
    }

    #[test]
    fn sees_what_is_named_and_where() {
        let podium = |path: &str, text: &str| lines(|file| super::imports(file, "src/", PODIUM), path, text);
        assert_eq!(podium("src/router/slots.rs", "use crate::{\n    wire::rtp,\n    sdp,\n};"), ["3"]);
        assert_eq!(podium("src/router/slots.rs", "fn f() {\n    super::super::engine::g();\n}"), ["2"]);
        assert_eq!(podium("src/wire/rtp.rs", "use crate::router::Track;"), ["1"]);
        assert_eq!(podium("src/runtime/pool.rs", "use crate::transport::srtp::X; use crate::wire::path::Path;"), ["1"]);
        assert_eq!(podium("src/novel/mod.rs", ""), ["1"]);
        assert!(
            podium(
                "src/wire/rtp.rs",
                "use super::stun; use crate::wire::path; // crate::router\nconst X: &str = \"crate::router\";"
            )
            .is_empty()
        );
        let signaling =
            |path: &str, text: &str| lines(|file| super::imports(file, "signaling/src/", SIGNALING), path, text);
        assert_eq!(signaling("signaling/src/room/mod.rs", "\nuse super::protocol::server;"), ["2"]);
    }

    #[test]
    fn looks_past_tests_but_not_past_what_follows_them() {
        let text = "#[cfg(test)]\nmod tests {\n    use crate::runtime::clock::now;\n}\n#[cfg(test)]\nmod more;\nuse crate::engine::Engine;";
        assert_eq!(lines(|file| super::imports(file, "src/", PODIUM), "src/wire/rtp.rs", text), ["7"]);
        assert!(lines(super::purity, "signaling/src/room/tests/mod.rs", "use std::fs;").is_empty());
    }

    #[test]
    fn is_not_fooled_by_literals() {
        let text = "const A: &str = r#\"a \" /* \"#;\nconst B: char = '\"';\nfn f<'a>(x: &'a str) { let _ = '\\''; /* \"a /* b */ */ tokio::spawn(x) }";
        assert_eq!(lines(super::purity, "src/wire/rtp.rs", text), ["3"]);
        assert_eq!(
            lines(
                super::purity,
                "src/wire/rtp.rs",
                "const A: &str = \"\\\\\";\nuse std::fs;\nconst B: &str = \"tokio\";"
            ),
            ["2"]
        );
    }

    #[test]
    fn sees_crates_where_they_do_not_belong() {
        assert_eq!(lines(super::crates_of_ours, "src/engine/mod.rs", "use podium_signaling::ids::RoomId;"), ["1"]);
        assert_eq!(lines(super::crates_of_ours, "signaling/src/media.rs", "\nuse podium::engine;"), ["2"]);
        assert_eq!(lines(super::crates_of_ours, "loadtest/src/lib.rs", "use podium_signaling::x;"), ["1"]);
        assert!(lines(super::crates_of_ours, "loadtest/src/light/client/mod.rs", "use podium::wire::rtp;").is_empty());
        assert!(lines(super::crates_of_ours, "src/bridge/mod.rs", "use podium_signaling::ids::RoomId;").is_empty());
        assert_eq!(
            lines(super::room_is_apart, "signaling/src/room/mod.rs", "#[derive(serde::Serialize)] struct A;"),
            ["1"]
        );
        assert_eq!(
            lines(super::room_is_apart, "signaling/src/ids.rs", "use serde::Serialize;\nuse serde_json::Value;"),
            ["2"]
        );
        let record = |text: &str| lines(super::room_is_apart, "signaling/src/room/record/row.rs", text);
        assert_eq!(record("use serde::Serialize;\nuse serde_json::Value;\nuse crate::protocol::view;"), ["3"]);
    }

    #[test]
    fn sees_impurity() {
        let impure = |text: &str| lines(super::purity, "src/router/track.rs", text).len();
        for text in [
            "use std::{net::{SocketAddr, UdpSocket}};",
            "use std::net::*;",
            "let now = std::time::Instant::now();",
            "use std::time::SystemTime;",
            "std::thread::spawn(f);",
            "use std::{fs, io};",
            "rand::random()",
            "getrandom::fill(b)",
            "async fn f() {}",
            "tracing::info!(x);",
            "use tracing::{trace, debug};",
        ] {
            assert_eq!(impure(text), 1, "{text}");
        }
        assert_eq!(
            impure(
                "use std::net::{IpAddr, SocketAddr}; use std::time::{Duration, Instant}; tracing::trace!(x); let operand = random(now);"
            ),
            0
        );
    }

    #[test]
    fn sees_clocks_queues_length_docs_and_names() {
        assert_eq!(lines(super::clock_doors, "signaling/src/room/tests/mod.rs", "fn f() {\nInstant::now() }"), ["2"]);
        assert!(lines(super::clock_doors, "src/runtime/clock.rs", "Instant::now()").is_empty());
        assert_eq!(lines(super::clock_doors, "src/a.rs", "use tokio::time::sleep;"), ["1"]);
        assert_eq!(
            lines(super::unbounded_queues, "src/a.rs", "use std::sync::mpsc;\nlet (a, b) = mpsc::channel();"),
            ["2"]
        );
        assert_eq!(
            lines(
                super::unbounded_queues,
                "src/a.rs",
                "use tokio::sync::mpsc;\nmpsc::channel(1);\nmpsc::unbounded_channel();"
            ),
            ["3"]
        );
        assert_eq!(lines(super::length, "src/a.rs", &"\n".repeat(601)), ["601"]);
        assert!(lines(super::length, "src/a.rs", &"\n".repeat(600)).is_empty());
        assert_eq!(lines(super::module_doc, "loadtest/src/a.rs", "use x;"), ["1"]);
        assert_eq!(lines(super::own_tree_only, "deploy/README.md", &["see .", "./shared/X.md"].concat()), ["1"]);
        assert!(
            super::out_of_place("notes.txt").is_some()
                && super::out_of_place("LICENSE-MIT").is_none()
                && super::out_of_place(".ci/run").is_none()
        );
    }

    #[test]
    fn sees_dead_references() {
        let dead = |path: &str, text: &str| {
            lines(
                |file| super::dead_references(file, |path| path == "src/lib.rs" || path == "deploy/a.png"),
                path,
                text,
            )
        };
        assert_eq!(dead("README.md", "`src/lib.rs`, `a/b` and\n`src/gone.rs`"), ["2"]);
        assert_eq!(dead("deploy/README.md", "![a](a.png) [b](https://example.org) [c](#c)\n[d](gone.png)"), ["2"]);
    }
}
