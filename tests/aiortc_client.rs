//! A client of another stack: aiortc (Python) does the media, this test does the signaling, and the webrtc crate is on the other side.
//!
//! Its packages (`tests/aiortc/constraints.txt`) are installed once into a virtual environment below the target folder, with the network. Where
//! that cannot be had these tests are skipped and say so; with `PODIUM_REQUIRE_AIORTC=1` they fail.

#![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]
#![allow(clippy::print_stderr, reason = "a skipped test says so")]

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use podium_loadtest::clock;
use podium_loadtest::participant::{JoinOptions, Participant};
use podium_loadtest::server::ServerProcess;
use podium_loadtest::token::dev_token;
use podium_loadtest::tone::Voice;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

const BINARY: &str = env!("CARGO_BIN_EXE_podium");
const ROOM: &str = "demo";
const HOST_HZ: u32 = 440;
const GUEST_HZ: u32 = 660;

#[tokio::test(flavor = "multi_thread")]
async fn aiortc_joins_hears_raises_a_hand_is_heard_mutes_and_comes_back() {
    let Some(python) = python() else { return };
    let server = ServerProcess::start(Path::new(BINARY), &[]).await.unwrap();
    let host = host(&server).await;
    let token = dev_token(&server.http_url(), ROOM, "ben", "member").await.unwrap();
    let mut ben = Guest::join(python, &server, &token, "nothing").await;
    ben.connects().await;
    ben.hears(HOST_HZ).await;

    ben.command("hand_raise", json!({ "mic_ready": true })).await;
    let raised = |event: &Value| event["type"] == "hand_changed" && event["change"] == "raised";
    host.wait_for(raised, SOON).await.unwrap();
    host.command("hand_approve", json!({ "identity": "ben" })).await.unwrap();
    is_heard_by(&host).await;

    ben.command("mute_self", json!({ "muted": true })).await;
    is_silent_for(&host).await;
    ben.command("mute_self", json!({ "muted": false })).await;
    is_heard_by(&host).await;

    // Without a word, as when a program is closed.
    drop(ben);
    let mut ben = Guest::join(python, &server, &token, "nothing").await;
    ben.connects().await;
    ben.hears(HOST_HZ).await;
    assert_eq!(ben.welcome["self"]["role"], "guest", "the seat was kept: {}", ben.welcome["self"]);
    ben.command("mute_self", json!({ "muted": false })).await;
    is_heard_by(&host).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn aiortc_applies_the_answer_whatever_section_its_offer_begins_with() {
    let Some(python) = python() else { return };
    let server = ServerProcess::start(Path::new(BINARY), &[]).await.unwrap();
    let _host = host(&server).await;
    for first in ["video", "data", "pcmu"] {
        let token = dev_token(&server.http_url(), ROOM, &format!("ben-{first}"), "member").await.unwrap();
        let mut guest = Guest::join(python, &server, &token, first).await;
        guest.connects().await;
        guest.hears(HOST_HZ).await;
    }
}

/// Somebody on the webrtc crate who talks on seat 0.
async fn host(server: &ServerProcess) -> Participant {
    let token = dev_token(&server.http_url(), ROOM, "ada", "host").await.unwrap();
    let options = JoinOptions::new(server.http_url().replacen("http", "ws", 1), ROOM, token);
    let host = Participant::join(options.with_microphone(1).with_slots(3)).await.unwrap();
    host.command("seat_take", json!({ "seat": 0 })).await.unwrap();
    host.speak(Voice::tone(HOST_HZ)).unwrap();
    host
}

async fn is_heard_by(host: &Participant) {
    let since = clock::now();
    let deadline = clock::now() + SOON;
    while !host.hears_tone_since(GUEST_HZ, since) {
        assert!(clock::now() < deadline, "aiortc is not heard");
        tokio::time::sleep(POLL).await;
    }
}

/// Silence for a second, once the last packets have gone.
async fn is_silent_for(host: &Participant) {
    let deadline = clock::now() + SOON;
    loop {
        let since = clock::now();
        tokio::time::sleep(Duration::from_secs(1)).await;
        if host.hears_silence_since(since) {
            return;
        }
        assert!(clock::now() < deadline, "a muted aiortc is heard");
    }
}

/// One person: a process with the media, a socket with the signaling. Both end with the handle.
struct Guest {
    process: Child,
    input: ChildStdin,
    output: mpsc::Receiver<Value>,
    requests: mpsc::Sender<Value>,
    answers: mpsc::Receiver<Value>,
    welcome: Value,
    last_request: u32,
}

impl Guest {
    async fn join(python: &Path, server: &ServerProcess, token: &str, first: &str) -> Self {
        let mut process = Command::new(python)
            .arg(root().join("participant.py"))
            .args([&GUEST_HZ.to_string(), "2", first])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = process.stdin.take().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let (said, mut output) = mpsc::channel(QUEUE_MAX);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let Ok(value) = serde_json::from_str(&line) else { continue };
                if said.blocking_send(value).is_err() {
                    return;
                }
            }
        });
        let offer = next(&mut output, "offer").await;

        let url = format!("ws://127.0.0.1:{}/v1/rooms/{ROOM}/session?access_token={token}", server.http_port());
        let (socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
        let (requests, asked) = mpsc::channel(QUEUE_MAX);
        let (told, answers) = mpsc::channel(QUEUE_MAX);
        tokio::spawn(converse(socket, asked, told));
        let welcome = Value::Null;
        let mut guest = Self { process, input, output, requests, answers, welcome, last_request: 0 };
        guest.welcome = guest.ask("join", json!({ "offer": offer, "mic_ready": true })).await;
        let answer = guest.welcome["answer"].clone();
        guest.tell(&json!({ "answer": answer }));
        guest
    }

    /// Asks, and returns the welcome or the whole reply.
    async fn ask(&mut self, kind: &str, mut fields: Value) -> Value {
        self.last_request += 1;
        let id = self.last_request.to_string();
        fields["type"] = kind.into();
        fields["request_id"] = id.clone().into();
        self.requests.send(fields).await.unwrap();
        let answer = tokio::time::timeout(SOON, async {
            loop {
                let frame = self.answers.recv().await.unwrap_or_else(|| panic!("{kind}: the socket is gone"));
                if frame["request_id"] == *id {
                    return frame;
                }
            }
        });
        answer.await.unwrap_or_else(|_| panic!("{kind}: no answer"))
    }

    async fn command(&mut self, kind: &str, fields: Value) {
        let reply = self.ask(kind, fields).await;
        assert!(reply["error"].is_null(), "{kind}: {reply}");
    }

    async fn connects(&mut self) {
        let deadline = clock::now() + SOON;
        while clock::now() < deadline {
            match next(&mut self.output, "state").await.as_str() {
                Some("connected") => return,
                Some("failed" | "closed") => break,
                _ => {}
            }
        }
        panic!("aiortc does not connect");
    }

    async fn hears(&mut self, hz: u32) {
        let deadline = clock::now() + SOON;
        loop {
            self.tell(&json!({ "listen": [HOST_HZ, GUEST_HZ] }));
            let heard = next(&mut self.output, "heard").await;
            if heard == json!([hz]) {
                return;
            }
            assert!(clock::now() < deadline, "aiortc hears {heard} instead of {hz} Hz");
            tokio::time::sleep(POLL).await;
        }
    }

    fn tell(&mut self, what: &Value) {
        writeln!(self.input, "{what}").unwrap();
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The next value of this kind that the process says; others are left out.
async fn next(output: &mut mpsc::Receiver<Value>, kind: &str) -> Value {
    let said = tokio::time::timeout(SOON, async {
        loop {
            let mut said = output.recv().await.unwrap_or_else(|| panic!("{kind}: the process has ended"));
            if !said[kind].is_null() {
                return said[kind].take();
            }
        }
    });
    said.await.unwrap_or_else(|_| panic!("aiortc says no {kind}"))
}

/// Carries requests out and answers in, and answers the server's pings, until either end has gone.
async fn converse(
    mut socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    mut requests: mpsc::Receiver<Value>,
    answers: mpsc::Sender<Value>,
) {
    loop {
        tokio::select! {
            request = requests.recv() => {
                let Some(request) = request else { return };
                if socket.send(Message::text(request.to_string())).await.is_err() {
                    return;
                }
            }
            message = socket.next() => {
                let Some(Ok(message)) = message else { return };
                let Ok(frame) = serde_json::from_str::<Value>(message.to_text().unwrap_or_default()) else { continue };
                if !frame["request_id"].is_null() && answers.send(frame).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// The Python that has aiortc, or nothing where it cannot be had. With `PODIUM_REQUIRE_AIORTC=1` that is a failure.
fn python() -> Option<&'static Path> {
    static PYTHON: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    match PYTHON.get_or_init(prepare) {
        Ok(python) => Some(python),
        Err(why) => {
            let required = std::env::var("PODIUM_REQUIRE_AIORTC").is_ok_and(|value| value == "1");
            assert!(!required, "aiortc is required here (PODIUM_REQUIRE_AIORTC=1): {why}");
            eprintln!("SKIPPED: {why}; the server is not tested with aiortc");
            None
        }
    }
}

/// A virtual environment, made anew whenever the constraints change.
fn prepare() -> Result<PathBuf, String> {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("aiortc");
    fs::create_dir_all(&folder).unwrap();
    // Two runs of the tests at once share the folder; the lock ends with the file.
    let lock = File::create(folder.join("lock")).unwrap();
    lock.lock().unwrap();
    let constraints = root().join("constraints.txt");
    let wanted = fs::read_to_string(&constraints).unwrap();
    let (environment, stamp) = (folder.join("venv"), folder.join("installed"));
    let python = environment.join("bin/python");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&environment))?;
    let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:"];
    run(Command::new(&python).args(install).arg("--requirement").arg(&constraints))?;
    run(Command::new(&python).args(["-c", "import aiortc"]))?;
    fs::write(stamp, wanted).unwrap();
    Ok(python)
}

/// Runs a program to its end. The error is what it said.
fn run(command: &mut Command) -> Result<(), String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output().map_err(|error| format!("{name}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(format!("{name}: {}", said.lines().last().unwrap_or("it failed")))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/aiortc")
}

/// Long enough for a busy machine; nothing waits this long when all is well.
const SOON: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(100);
const QUEUE_MAX: usize = 1_024;
