//! A server that stood still, as a stopped process does: nobody is dropped for what it could not hear, and nobody is refused for it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use podium_loadtest::participant::{JoinOptions, Participant};
use podium_loadtest::server::ServerProcess;
use podium_loadtest::token::dev_token;
use podium_loadtest::tone::Voice;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message;

use crate::world::{ROOM, eventually, hears, is};

#[tokio::test(flavor = "multi_thread")]
async fn twenty_seconds_cost_nobody_their_socket_their_seat_their_voice_or_their_turn() {
    let server = start().await;
    let (ada, ben, dan) = (
        join(&server, "ada", "host", 1).await,
        join(&server, "ben", "member", 2).await,
        join(&server, "dan", "member", 3).await,
    );
    ada.command("seat_take", json!({ "seat": 0 })).await.unwrap();
    ada.speak(Voice::tone(440)).unwrap();
    hears(&ben, 440).await;
    // A seat is kept for Dan for ten seconds.
    dan.command("hand_raise", json!({ "mic_ready": false })).await.unwrap();
    ada.command("hand_approve", json!({ "identity": "dan" })).await.unwrap();
    let mut chatty = Vec::new();
    for number in 0..40 {
        chatty.push(Chatty::join(&server, number).await);
    }
    eventually("all are answered", || chatty.iter().all(|one| one.answered() > 0)).await;
    // One has not said yet what it wants, and one is in the middle of a request.
    let token = token(&server, "eve", "member").await;
    let (mut eve, _) = tokio_tungstenite::connect_async(session_url(&server, &token)).await.unwrap();
    let mut request = tokio::net::TcpStream::connect(("127.0.0.1", server.http_port())).await.unwrap();
    request.write_all(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n").await.unwrap();

    stand_still(&server, Duration::from_secs(20)).await;

    let asked: Vec<u64> = chatty.iter().map(Chatty::asked).collect();
    request.write_all(b"Connection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    request.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    eve.send(Message::text(json!({ "type": "join", "request_id": "1" }).to_string())).await.unwrap();
    let welcome = loop {
        match eve.next().await.unwrap().unwrap() {
            Message::Ping(_) | Message::Pong(_) => {}
            other @ (Message::Text(_) | Message::Binary(_) | Message::Close(_) | Message::Frame(_)) => break other,
        }
    };
    assert!(welcome.to_text().unwrap().contains(r#""type":"welcome""#), "{welcome}");
    dan.command("seat_confirm", json!({})).await.expect("the seat is still kept");
    hears(&ben, 440).await;
    // Longer than between two looks at who is silent.
    tokio::time::sleep(Duration::from_secs(7)).await;
    hears(&ben, 440).await;
    let is_answered = || chatty.iter().zip(&asked).all(|(one, asked)| one.answered() > *asked + 5);
    eventually("what they asked for afterwards is answered", is_answered).await;
    assert!(chatty.iter().all(|one| !one.is_over() && !one.was_refused()), "nobody is dropped or told to slow down");
    let is_loss = |event: &Value| is(event, "seat_changed") && event["cause"] == "interrupted";
    for person in [&ada, &ben, &dan] {
        assert!(!person.events().iter().any(|event| is_loss(event) || is(event, "bye")), "{:?}", person.events());
    }
    let stood = metric(&server, "podium_standstill_seconds_total").await;
    assert!(stood > 15.0, "{stood}");
    assert!(server.log().contains("the process stood still"), "{}", server.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_or_three_seconds_refuse_no_host_and_no_guest() {
    let server = start().await;
    let (ada, ben) = (join(&server, "ada", "host", 1).await, join(&server, "ben", "member", 2).await);
    ada.command("room_update", json!({ "seat_mode": "free" })).await.unwrap();
    ada.command("seat_take", json!({ "seat": 0 })).await.unwrap();
    ben.command("seat_take", json!({ "seat": 1 })).await.unwrap();
    ada.speak(Voice::tone(440)).unwrap();
    ben.speak(Voice::tone(880)).unwrap();
    tokio::join!(hears(&ben, 440), hears(&ada, 880));
    for (round, seconds) in [1, 3].into_iter().enumerate() {
        // They come while the server stands still, and their datagrams with them.
        let early = (0..6u32).map(|number| {
            let identity = format!("early-{round}-{number}");
            tried(&server, identity, "member", 100 + number)
        });
        let early: Vec<JoinHandle<_>> = early.map(tokio::spawn).collect();
        stand_still(&server, Duration::from_secs(seconds)).await;
        let host = tried(&server, format!("host-{round}"), "host", 50).await;
        let guest = tried(&server, "ben".to_owned(), "member", 2);
        assert!(host.is_ok(), "{seconds} s: {:?}", host.err());
        for joined in early {
            // A machine that is busy with other things may make listeners wait. All others come in.
            let _joined = joined.await.unwrap();
        }
        let guest = guest.await;
        assert!(guest.is_ok(), "{seconds} s: {:?}", guest.err());
        let page: Value =
            reqwest::get(format!("{}/monitor.json", server.admin_url())).await.unwrap().json().await.unwrap();
        let acts: Vec<&str> = page["acts"].as_array().unwrap().iter().filter_map(|act| act["act"].as_str()).collect();
        assert!(!acts.contains(&"refuse_guests") && !acts.contains(&"refuse_hosts"), "{page}");
    }
}

async fn start() -> ServerProcess {
    ServerProcess::start(Path::new(env!("CARGO_BIN_EXE_podium")), &[]).await.unwrap()
}

async fn stand_still(server: &ServerProcess, span: Duration) {
    let pid = Pid::from_raw(i32::try_from(server.pid()).unwrap());
    kill(pid, Signal::SIGSTOP).unwrap();
    tokio::time::sleep(span).await;
    kill(pid, Signal::SIGCONT).unwrap();
}

async fn token(server: &ServerProcess, identity: &str, rank: &str) -> String {
    dev_token(&server.http_url(), ROOM, identity, rank).await.unwrap()
}

fn session_url(server: &ServerProcess, token: &str) -> String {
    format!("ws://127.0.0.1:{}/v1/rooms/{ROOM}/session?access_token={token}", server.http_port())
}

async fn join(server: &ServerProcess, identity: &str, rank: &'static str, source: u32) -> Participant {
    tried(server, identity.to_owned(), rank, source).await.unwrap()
}

fn tried(
    server: &ServerProcess,
    identity: String,
    rank: &'static str,
    source: u32,
) -> impl Future<Output = Result<Participant, podium_loadtest::participant::JoinError>> + Send + use<> {
    let http = server.http_url();
    async move {
        let token = dev_token(&http, ROOM, &identity, rank).await.unwrap();
        let options = JoinOptions::new(http.replace("http://", "ws://"), ROOM, token);
        Participant::join(options.with_microphone(source).with_slots(2)).await
    }
}

async fn metric(server: &ServerProcess, name: &str) -> f64 {
    let page = reqwest::get(format!("{}/metrics", server.admin_url())).await.unwrap().text().await.unwrap();
    let line = page.lines().find(|line| line.split(' ').next() == Some(name)).unwrap_or_default();
    line.rsplit_once(' ').and_then(|(_, value)| value.parse().ok()).unwrap_or_default()
}

/// Somebody without media who asks for the time twice a second, and pings.
struct Chatty {
    told: Arc<Told>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Told {
    asked: AtomicU64,
    answered: AtomicU64,
    was_refused: AtomicBool,
}

impl Chatty {
    async fn join(server: &ServerProcess, number: usize) -> Self {
        let token = token(server, &format!("chatty-{number}"), "member").await;
        let (mut socket, _) = tokio_tungstenite::connect_async(session_url(server, &token)).await.unwrap();
        socket.send(Message::text(json!({ "type": "join", "request_id": "join" }).to_string())).await.unwrap();
        let told = Arc::new(Told::default());
        let mine = Arc::clone(&told);
        // It ends with its socket.
        let task = tokio::spawn(async move {
            let mut turns = tokio::time::interval(Duration::from_millis(500));
            loop {
                tokio::select! {
                    _ = turns.tick() => {
                        let number = mine.asked.fetch_add(1, Ordering::Relaxed) + 1;
                        let ping = json!({ "type": "ping", "request_id": number.to_string() });
                        let sent = socket.send(Message::text(ping.to_string())).await;
                        if sent.is_err() || socket.send(Message::Ping(Vec::new().into())).await.is_err() {
                            return;
                        }
                    }
                    read = socket.next() => match read {
                        Some(Ok(Message::Text(text))) => mine.hear(&serde_json::from_str(&text).unwrap()),
                        Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                        Some(Ok(Message::Binary(_) | Message::Close(_) | Message::Frame(_)) | Err(_)) | None => return,
                    },
                }
            }
        });
        Self { told, task }
    }

    fn asked(&self) -> u64 {
        self.told.asked.load(Ordering::Relaxed)
    }

    fn answered(&self) -> u64 {
        self.told.answered.load(Ordering::Relaxed)
    }

    fn was_refused(&self) -> bool {
        self.told.was_refused.load(Ordering::Relaxed)
    }

    fn is_over(&self) -> bool {
        self.task.is_finished()
    }
}

impl Drop for Chatty {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Told {
    fn hear(&self, frame: &Value) {
        if let Some(number) = frame["request_id"].as_str().and_then(|number| number.parse().ok()) {
            match frame.get("error") {
                Some(_) => self.was_refused.store(true, Ordering::Relaxed),
                None => drop(self.answered.fetch_max(number, Ordering::Relaxed)),
            }
        }
    }
}
