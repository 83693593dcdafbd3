//! The binary as people run it: its commands, its exit codes, its signals, its logs.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use podium::runtime::clock;
use podium_loadtest::participant::{JoinOptions, Participant};
use podium_loadtest::server::ServerProcess;
use podium_loadtest::token::dev_token;
use podium_loadtest::tone::Voice;
use serde_json::json;

use crate::world::{ROOM, SOON, hears};

const BINARY: &str = env!("CARGO_BIN_EXE_podium");
const SECRET: &str = "an api secret of thirty-two bytes!";

fn podium(arguments: &[&str]) -> Output {
    Command::new(BINARY).args(arguments).stdin(Stdio::null()).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn file(name: &str, content: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-{name}", std::process::id()));
    std::fs::write(&path, content).unwrap();
    path
}

#[test]
fn a_faulty_configuration_is_told_whole_and_exits_78() {
    let path = file("faulty.toml", "[http]\nlisten = 5\n[rooms]\nseats = 99\n[nonsense]\n");
    for command in ["check-config", "serve"] {
        let output = podium(&["--config", path.to_str().unwrap(), command]);
        assert_eq!(output.status.code(), Some(78), "{command}");
        let told = text(&output.stderr);
        assert!(["http.listen", "rooms.seats", "[nonsense]"].iter().all(|fault| told.contains(fault)), "{told}");
    }
}

#[test]
fn a_sound_configuration_is_shown_without_its_secret_and_mints_tokens() {
    let path = file("sound.toml", &format!("[auth.keys]\nops = \"{SECRET}\"\n"));
    let config = path.to_str().unwrap();
    assert!(podium(&["--config", config, "check-config"]).status.success());
    let shown = text(&podium(&["--config", config, "print-config"]).stdout);
    assert!(shown.contains("ops") && !shown.contains(SECRET), "{shown}");
    let token =
        podium(&["--config", config, "token", "--room", "stage", "--identity", "ada", "--rank", "host", "--ttl", "5m"]);
    assert!(token.status.success());
    assert_eq!(text(&token.stdout).trim().split('.').count(), 3);
    let too_long = podium(&["--config", config, "token", "--room", "stage", "--identity", "ada", "--ttl", "48h"]);
    assert!(!too_long.status.success() && text(&too_long.stderr).contains("24 hours"));
    let no_key = podium(&["token", "--room", "stage", "--identity", "ada"]);
    assert!(!no_key.status.success() && text(&no_key.stderr).contains("--config"));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_log_line_holds_a_token_a_password_or_an_sdp() {
    let server = ServerProcess::start(Path::new(BINARY), &[("PODIUM__LOG__FILTER", "debug")]).await.unwrap();
    let token = dev_token(&server.http_url(), ROOM, "canary-ada", "host").await.unwrap();
    let url = server.http_url().replace("http://", "ws://");
    let host =
        Participant::join(JoinOptions::new(url, ROOM, token.clone()).with_microphone(1).with_slots(2)).await.unwrap();
    host.command("seat_take", json!({ "seat": 1 })).await.unwrap();
    host.speak(Voice::tone(440)).unwrap();
    let answer = host.welcome()["answer"].as_str().unwrap().to_owned();
    let password = answer.lines().find_map(|line| line.strip_prefix("a=ice-pwd:")).unwrap().trim().to_owned();
    let resume = host.welcome()["resume_token"].as_str().unwrap().to_owned();
    host.send_raw("{\"type\":\"canary-type\",\"request_id\":\"9\"}").await.unwrap();
    host.close().await;
    let log = server.log();
    assert!(log.contains("serving"), "the log is not empty");
    let signature = token.rsplit('.').next().unwrap();
    for secret in [signature, &password, &resume, "v=0", "a=ice-pwd", "a=fingerprint"] {
        assert!(!log.contains(secret), "{secret:?} stands in the log");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_sigterm_drains_and_the_second_stops() {
    let mut server = ServerProcess::start(Path::new(BINARY), &[]).await.unwrap();
    let token = dev_token(&server.http_url(), ROOM, "ada", "host").await.unwrap();
    let url = server.http_url().replace("http://", "ws://");
    let host = Participant::join(JoinOptions::new(&url, ROOM, token).with_microphone(1).with_slots(2)).await.unwrap();
    let ready = format!("{}/readyz", server.admin_url());
    terminate(&server);
    let deadline = clock::now() + SOON;
    while reqwest::get(&ready).await.unwrap().status().is_success() {
        assert!(clock::now() < deadline, "still ready after SIGTERM");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    host.command("seat_take", json!({ "seat": 1 })).await.expect("who is there goes on");
    let late = dev_token(&server.http_url(), ROOM, "ben", "member").await.unwrap();
    let refused = Participant::join(JoinOptions::new(&url, ROOM, late).with_slots(1)).await.err().expect("nobody new");
    assert!(refused.to_string().contains("draining"), "{refused}");
    terminate(&server);
    let deadline = clock::now() + SOON;
    while server.is_running() {
        assert!(clock::now() < deadline, "still running after the second SIGTERM");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_binary_alone_is_a_working_room() {
    let server = ServerProcess::start(Path::new(BINARY), &[]).await.unwrap();
    // It listens before it says so.
    let links = || server.log().contains("rank=host") && server.log().contains("rank=member");
    for _ in 0..500 {
        if links() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(links(), "two links: {}", server.log());
    let page = reqwest::get(server.http_url()).await.unwrap().text().await.unwrap();
    assert!(page.contains("app.js"), "{page}");
    let url = server.http_url().replace("http://", "ws://");
    let join = async |identity: &str, rank: &str, source| {
        let token = dev_token(&server.http_url(), ROOM, identity, rank).await.unwrap();
        Participant::join(JoinOptions::new(&url, ROOM, token).with_microphone(source).with_slots(2)).await.unwrap()
    };
    let (host, ben) = (join("ada", "host", 1).await, join("ben", "member", 2).await);
    host.command("seat_take", json!({ "seat": 0 })).await.unwrap();
    host.speak(Voice::tone(440)).unwrap();
    hears(&ben, 440).await;
}

fn terminate(server: &ServerProcess) {
    let status = Command::new("kill").args(["-TERM", &server.pid().to_string()]).status().unwrap();
    assert!(status.success());
}
