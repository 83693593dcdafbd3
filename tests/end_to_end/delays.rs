//! What the latency monitor makes of real joins and real voices: its page, its metrics, and that no wall clock can fool it.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use podium::runtime::clock;
use podium_loadtest::participant::{JoinOptions, Participant};
use podium_loadtest::server::ServerProcess;
use podium_loadtest::token::dev_token;
use podium_loadtest::tone::Voice;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::world::{ROOM, SOON, World, hears};

#[tokio::test(flavor = "multi_thread")]
async fn joins_and_delays_are_on_the_live_page_and_in_the_metrics() {
    let world = World::start().await;
    let admin = format!("http://{}", world.server.admin());
    let host = world.host().await;
    host.command("seat_take", json!({ "seat": 0 })).await.unwrap();
    host.speak(Voice::tone(440)).unwrap();
    let ben = world.listener("ben", 2).await;
    hears(&ben, 440).await;
    let console = world.token("eve", "host").await;
    let options = JoinOptions::new(format!("ws://{}", world.server.http()), ROOM, console);
    let _console = Participant::join(JoinOptions { microphone: false, slots: 0, ..options }).await.unwrap();
    let are_all_there = |page: &Value| {
        let room = &page["rooms"][0];
        let counts = (&room["people"], &room["without_audio"], &room["joins"]);
        page["classes"] != json!([0, 0, 0]) && counts == (&json!(2), &json!(1), &json!([2, 0]))
    };
    let page = page_when(&admin, are_all_there).await;
    assert!(page["rooms_total"] == json!(1) && page["rooms"][0]["room"] == json!(ROOM), "{page}");
    assert_eq!(page["people"], json!({ "with_audio": 2, "without_audio": 1 }), "{page}");
    // Two jitter buffers are guessed: these clients never tell. The ways are loopback.
    let [median, _, most] = numbers(&page["rooms"][0]["mouth_to_ear_ms"]);
    assert!((100.0..400.0).contains(&median) && most < 500.0, "{page}");
    let rows = page["joins"].as_array().unwrap();
    let count = |media: bool, stage: &str| {
        let row = rows.iter().find(|row| row["kind"] == "cold" && row["media"] == media && row["stage"] == stage);
        row.map_or(json!(0), |row| row["count"].clone())
    };
    for stage in ["total", "server", "join", "answer", "first_check", "ice", "dtls", "keys"] {
        assert_eq!(count(true, stage), json!(2), "{stage}: {page}");
    }
    assert_eq!(count(true, "first_packet"), json!(1), "the host heard nobody: {page}");
    assert_eq!([count(false, "total"), count(false, "keys")], [json!(1), json!(0)], "the console: {page}");
    assert_eq!(page["gate"]["step"], json!("everyone"), "{page}");
    assert_eq!(page["acts"], json!([]));
    for end in ["audio", "keys", "welcome"] {
        let series = format!("podium_join_seconds_count{{end=\"{end}\",kind=\"cold\"}}");
        world.counts(&series, |joins| joins == 1.0).await;
    }
    world.counts("podium_gate_open_seconds_count", |opened| opened == 1.0).await;
    world.counts("podium_mouth_to_ear_seconds_count", |delays| delays > 0.0).await;
    world.counts("podium_on_mic_seconds_count{opening=\"seated\"}", |heard| heard == 1.0).await;
    let html = reqwest::get(format!("{admin}/monitor")).await.unwrap().text().await.unwrap();
    assert!(html.contains("monitor.json"), "{html}");
    ben.close().await;
    page_when(&admin, |page| page["rooms"][0]["people"] == json!(1)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_family_together_is_a_bounded_number_of_series() {
    let world = World::start().await;
    let (_host, _ben) = (world.host().await, world.listener("ben", 2).await);
    let page = reqwest::get(format!("http://{}/metrics", world.server.admin())).await.unwrap().text().await.unwrap();
    let series = page.lines().filter(|line| !line.starts_with('#')).count();
    assert!((200..=SERIES_MAX).contains(&series), "{series} series");
    assert!(!page.contains("ben") && !page.contains(ROOM), "no label names a person or a room");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wall_clock_that_jumps_by_days_changes_no_duration() {
    let Some(library) = faketime() else {
        assert!(std::env::var_os("PODIUM_REQUIRE_BROWSER").is_none(), "libfaketime is required, and absent");
        return eprintln!("skipped: libfaketime is not installed");
    };
    let clock_file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("clock-{}", std::process::id()));
    std::fs::write(&clock_file, "+0").unwrap();
    let environment = [
        ("LD_PRELOAD", library.to_str().unwrap()),
        ("FAKETIME_TIMESTAMP_FILE", clock_file.to_str().unwrap()),
        ("FAKETIME_NO_CACHE", "1"),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
    ];
    let server = ServerProcess::start(Path::new(env!("CARGO_BIN_EXE_podium")), &environment).await.unwrap();
    let jump = |offset: &str| std::fs::write(&clock_file, offset).unwrap();
    let today = date(&server).await;
    let host = join(&server, "ada", "host", 1).await;
    host.command("seat_take", json!({ "seat": 0 })).await.unwrap();
    jump("+2d");
    assert_ne!(date(&server).await, today, "its clock has jumped");
    host.speak(Voice::tone(440)).unwrap();
    let ben = join(&server, "ben", "member", 2).await;
    hears(&ben, 440).await;
    page_when(&server.admin_url(), |page| page["classes"] == json!([2, 0, 0])).await;
    jump("-2d");
    let cleo = join(&server, "cleo", "member", 3).await;
    hears(&cleo, 440).await;
    for offset in ["+2d", "-2d", "+0"] {
        jump(offset);
        tokio::time::sleep(Duration::from_millis(1_500)).await;
    }
    let page = page_when(&server.admin_url(), |page| page["classes"] == json!([3, 0, 0])).await;
    hears(&ben, 440).await;
    for row in page["joins"].as_array().unwrap() {
        // A machine with other things to do may take seconds, but not days.
        assert!(row["p95_ms"].as_f64().unwrap() < 20_000.0, "{row}");
    }
    assert_eq!(page["rooms"][0]["joins"], json!([3, 0]), "{page}");
    assert_eq!((&page["gate"]["step"], &page["acts"]), (&json!("everyone"), &json!([])), "{page}");
    assert!(page["workers"][0]["silent_ms"].as_f64().unwrap() < 2_000.0, "{page}");
    let _gone = std::fs::remove_file(&clock_file);
}

#[tokio::test(flavor = "multi_thread")]
async fn when_descriptors_run_short_listeners_are_refused_and_hosts_are_not_until_there_are_some_again() {
    let wrapper = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("few-descriptors-{}", std::process::id()));
    let script = format!("#!/bin/sh\nulimit -n {DESCRIPTORS}\nexec {}\n", env!("CARGO_BIN_EXE_podium"));
    std::fs::write(&wrapper, script).unwrap();
    std::fs::set_permissions(&wrapper, std::fs::Permissions::from_mode(0o755)).unwrap();
    let server = ServerProcess::start(&wrapper, &[]).await.unwrap();
    let admin = server.admin_url();
    let page = page_when(&admin, |page| page["gate"]["pressure"]["descriptors"] != json!(0.0)).await;
    let open = page["gate"]["pressure"]["descriptors"].as_f64().unwrap() * DESCRIPTORS as f64;
    // From 0.85 on listeners are refused, from 0.92 on guests.
    let more = (DESCRIPTORS as f64 * 0.875 - open) as usize;
    // Connections that ask for nothing give way. These are people.
    let mut consoles = Vec::new();
    for number in 0..more {
        consoles.push(console(&server, &format!("console-{number}")).await);
    }
    let page = page_when(&admin, |page| page["gate"]["step"] == json!("refuse_listeners")).await;
    assert!(page["gate"]["retry_after_s"].as_u64().is_some_and(|seconds| (2..=15).contains(&seconds)), "{page}");
    let act = |page: &Value| (page["acts"][0]["act"].clone(), page["acts"][0]["why"].clone());
    assert_eq!(act(&page), (json!("refuse_listeners"), json!("descriptors")));
    let token = dev_token(&server.http_url(), ROOM, "ben", "member").await.unwrap();
    let url = server.http_url().replace("http://", "ws://");
    let refused =
        Participant::join(JoinOptions::new(&url, ROOM, token).with_slots(2)).await.err().expect("no listener");
    assert!(refused.to_string().contains("node_full"), "{refused}");
    let _host = join(&server, "ada", "host", 1).await;
    drop(consoles);
    let page = page_when(&admin, |page| page["gate"]["step"] == json!("everyone")).await;
    assert_eq!(act(&page), (json!("admit_listeners"), json!("descriptors")));
    let _ben = join(&server, "ben", "member", 2).await;
    let _gone = std::fs::remove_file(&wrapper);
}

type Socket = tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>;

/// A host without media.
async fn console(server: &ServerProcess, identity: &str) -> Socket {
    let token = dev_token(&server.http_url(), ROOM, identity, "host").await.unwrap();
    let url = server.http_url().replace("http://", "ws://");
    let url = format!("{url}/v1/rooms/{ROOM}/session?access_token={token}");
    let (mut socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
    socket.send(Message::text(r#"{"type":"join","request_id":"1"}"#)).await.unwrap();
    let first = socket.next().await.unwrap().unwrap().into_text().unwrap();
    assert!(first.contains("welcome"), "{first}");
    socket
}

async fn join(server: &ServerProcess, identity: &str, rank: &str, source: u32) -> Participant {
    let token = dev_token(&server.http_url(), ROOM, identity, rank).await.unwrap();
    let url = server.http_url().replace("http://", "ws://");
    Participant::join(JoinOptions::new(&url, ROOM, token).with_microphone(source).with_slots(2)).await.unwrap()
}

/// The day that the server believes in.
async fn date(server: &ServerProcess) -> String {
    // The header is made anew once a second, and never goes back.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let answer = reqwest::get(format!("{}/healthz", server.admin_url())).await.unwrap();
    answer.headers()["date"].to_str().unwrap().chars().take("Sun, 22 Nov 2026".len()).collect()
}

/// The live page as soon as it shows what it should.
async fn page_when(admin: &str, holds: impl Fn(&Value) -> bool) -> Value {
    let deadline = clock::now() + SOON * 2;
    loop {
        let page: Value = reqwest::get(format!("{admin}/monitor.json")).await.unwrap().json().await.unwrap();
        if holds(&page) {
            return page;
        }
        assert!(clock::now() < deadline, "not shown in time: {page}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

fn numbers(value: &Value) -> [f64; 3] {
    std::array::from_fn(|index| value[index].as_f64().unwrap_or_else(|| panic!("three numbers: {value}")))
}

/// Where Debian and its relatives put the library for programs with threads.
fn faketime() -> Option<PathBuf> {
    let machine = format!("/usr/lib/{}-linux-gnu/faketime/libfaketimeMT.so.1", std::env::consts::ARCH);
    [machine.as_str(), "/usr/lib/faketime/libfaketimeMT.so.1"]
        .into_iter()
        .map(PathBuf::from)
        .find(|path| path.is_file())
}

/// Enough for a server of one worker, and soon used.
const DESCRIPTORS: usize = 400;
/// Enough for a server of two workers and the kinds of joins that these people have; more would be a label that is not closed.
const SERIES_MAX: usize = 500;
