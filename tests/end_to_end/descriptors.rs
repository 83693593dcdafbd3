//! A process with few descriptors: connections that ask for nothing keep nobody out.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use podium_loadtest::participant::{JoinOptions, Participant};
use podium_loadtest::server::ServerProcess;
use podium_loadtest::token::dev_token;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::world::ROOM;

#[tokio::test(flavor = "multi_thread")]
async fn with_few_descriptors_idle_connections_keep_nobody_out() {
    let server = ServerProcess::start(&with_descriptors(128), &[]).await.unwrap();
    let (http, admin) = (server.http_url(), server.admin_url());
    let mut silent = Vec::new();
    for (url, count) in [(&http, 300), (&admin, 100)] {
        for _ in 0..count {
            silent.push(TcpStream::connect(url.trim_start_matches("http://")).await.unwrap());
        }
    }
    // Heads and bodies that do not end are no requests either.
    for begun in ["GET / HTTP/1.1\r\nHost: x\r\n", "POST /dev/token HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n{"]
    {
        for _ in 0..100 {
            let mut stream = TcpStream::connect(http.trim_start_matches("http://")).await.unwrap();
            // It may have had to give way already.
            let _given_way = stream.write_all(begun.as_bytes()).await;
            silent.push(stream);
        }
    }
    for path in ["/healthz", "/readyz", "/metrics", "/monitor"] {
        assert_eq!(answer(&format!("{admin}{path}")).await, 200, "{path}");
    }
    for path in ["/", "/app.js", "/v1/docs"] {
        assert_eq!(answer(&format!("{http}{path}")).await, 200, "{path}");
    }
    let token = dev_token(&http, ROOM, "ada", "host").await.unwrap();
    let url = http.replace("http://", "ws://");
    let host = Participant::join(JoinOptions::new(url, ROOM, token).with_slots(1)).await.unwrap();
    host.close().await;
    drop(silent);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_any_descriptor_left_the_process_waits_and_says_so_sparingly() {
    // So few that its own files take nearly all.
    let server = ServerProcess::start(&with_descriptors(48), &[]).await.unwrap();
    let mut silent = Vec::new();
    for _ in 0..300 {
        silent.push(TcpStream::connect(server.http_url().trim_start_matches("http://")).await.unwrap());
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    let lines = server.log().lines().filter(|line| line.contains("could not be taken")).count();
    assert!(lines <= 2, "{lines} lines");
    assert_eq!(answer(&format!("{}/healthz", server.admin_url())).await, 200);
}

async fn answer(url: &str) -> u16 {
    let client = reqwest::Client::builder().timeout(Duration::from_secs(20)).build().unwrap();
    client.get(url).send().await.unwrap_or_else(|error| panic!("{url}: {error}")).status().as_u16()
}

/// The binary, with so many descriptors at most.
fn with_descriptors(most: u32) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-{most}-descriptors.sh", std::process::id()));
    let script = format!("#!/bin/sh\nulimit -n {most}\nexec {} \"$@\"\n", env!("CARGO_BIN_EXE_podium"));
    std::fs::write(&path, script).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}
