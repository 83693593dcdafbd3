//! A server of one's own on free ports, and people who join it.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use podium::config::{Config, OneOrMany};
use podium::runtime::clock;
use podium::server::{Mode, Server};
use podium_loadtest::participant::{JoinOptions, Participant};
use podium_loadtest::token::dev_token;
use serde_json::{Value, json};

/// Long enough for a busy machine; nothing waits this long when all is well.
pub(crate) const SOON: Duration = Duration::from_secs(10);
pub(crate) const ROOM: &str = "demo";

pub(crate) struct World {
    pub(crate) server: Server,
}

impl World {
    pub(crate) async fn start() -> Self {
        Self { server: Server::start(config(), Mode::Development).await.unwrap() }
    }

    pub(crate) fn base(&self) -> String {
        format!("http://{}", self.server.http())
    }

    pub(crate) async fn token(&self, identity: &str, rank: &str) -> String {
        dev_token(&self.base(), ROOM, identity, rank).await.unwrap()
    }

    /// Joins with a microphone (whose packets carry `source`) and three slots.
    pub(crate) async fn join(&self, identity: &str, rank: &str, source: u32) -> Participant {
        let token = self.token(identity, rank).await;
        let options = JoinOptions::new(format!("ws://{}", self.server.http()), ROOM, token);
        Participant::join(options.with_microphone(source).with_slots(3)).await.unwrap()
    }

    pub(crate) async fn host(&self) -> Participant {
        self.join("ada", "host", 1).await
    }

    pub(crate) async fn listener(&self, identity: &str, source: u32) -> Participant {
        self.join(identity, "member", source).await
    }

    /// Waits until one series of the admin page, all workers together, is as it should be. What a client has seen is counted a moment later.
    pub(crate) async fn counts(&self, series: &str, holds: impl Fn(f64) -> bool) {
        let deadline = clock::now() + SOON;
        loop {
            let value = self.metric(series).await;
            if holds(value) {
                return;
            }
            assert!(clock::now() < deadline, "not within {SOON:?}: {series} is {value}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// One series of the admin page as it is now, all workers together. Workers publish their counts every 100 ms.
    pub(crate) async fn metric(&self, series: &str) -> f64 {
        let page = reqwest::get(format!("http://{}/metrics", self.server.admin())).await.unwrap().text().await.unwrap();
        let value = |line: &str| line.rsplit_once(' ').and_then(|(_, value)| value.parse::<f64>().ok());
        page.lines().filter(|line| line.starts_with(series)).filter_map(value).sum()
    }

    pub(crate) async fn free_mode(&self, host: &Participant) {
        host.command("room_update", json!({ "seat_mode": "free" })).await.unwrap();
    }
}

pub(crate) fn config() -> Config {
    let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let mut config = Config::default();
    config.http.listen = any;
    config.admin.listen = any;
    config.media.listen = OneOrMany::One(any);
    config.media.workers = 2;
    config.media.pin = false;
    // All these stories share one process with their clients: what it uses is not the server's doing.
    config.latency.enforce = false;
    // Stories act faster than people do, and come again and again.
    (config.limits.commands_per_second, config.limits.commands_burst) = (1_000, 1_000);
    (config.limits.identity_joins_per_second, config.limits.identity_joins_burst) = (100, 100);
    config
}

/// Waits until `holds`, looking ten times a second.
pub(crate) async fn eventually(what: &str, holds: impl Fn() -> bool) {
    let deadline = clock::now() + SOON;
    while !holds() {
        assert!(clock::now() < deadline, "not within {SOON:?}: {what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Waits until this person hears the tone.
pub(crate) async fn hears(who: &Participant, frequency_hz: u32) {
    let since = clock::now();
    eventually(&format!("{} hears {frequency_hz} Hz", who.identity()), || who.hears_tone_since(frequency_hz, since))
        .await;
}

/// Listens for a while and says since when.
pub(crate) async fn a_while() -> Instant {
    let since = clock::now();
    tokio::time::sleep(Duration::from_millis(800)).await;
    since
}

pub(crate) fn is(event: &Value, kind: &str) -> bool {
    event["type"] == kind
}

pub(crate) fn seat_changed<'a>(cause: &'a str, identity: &'a str) -> impl Fn(&Value) -> bool + 'a {
    move |event| is(event, "seat_changed") && event["cause"] == cause && event["seat"]["identity"] == identity
}
