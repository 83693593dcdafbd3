//! Just enough WebDriver BiDi to drive headless Firefox, which speaks it by itself over a WebSocket: scripts, clicks, screenshots.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use podium::runtime::clock;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use super::driver::{EARLY, decode_base64, program, scratch, selector};

/// Firefox, or nothing where the machine has none. With `PODIUM_REQUIRE_FIREFOX=1` that is a failure.
pub(crate) fn firefox() -> Option<PathBuf> {
    let found = program("firefox-esr").or_else(|| program("firefox"));
    if found.is_none() {
        let required = std::env::var("PODIUM_REQUIRE_FIREFOX").is_ok_and(|value| value == "1");
        assert!(!required, "firefox-esr is required here (PODIUM_REQUIRE_FIREFOX=1) and not on PATH");
        eprintln!("SKIPPED: no firefox-esr on PATH; the web client is not tested in Firefox");
    }
    found
}

/// One Firefox with a profile of its own, whose microphone hums a tone.
pub(crate) struct Firefox {
    process: Child,
    profile: PathBuf,
    /// One command at a time: its answer is the next message with its number.
    socket: Mutex<(u64, WebSocketStream<MaybeTlsStream<TcpStream>>)>,
    context: String,
}

impl Firefox {
    pub(crate) async fn open(program: &Path, name: &str, microphone_hz: u32, (width, height): (u32, u32)) -> Self {
        let profile = scratch().join(format!("firefox-{name}-{}", std::process::id()));
        // Left over from a process of the same number that was killed.
        let _ = fs::remove_dir_all(&profile);
        fs::create_dir_all(&profile).unwrap();
        fs::write(profile.join("user.js"), preferences(microphone_hz)).unwrap();
        let log = profile.join("log.txt");
        let errors = File::create(&log).unwrap();
        let mut process = Command::new(program)
            .args(["--headless", "--no-remote", "--remote-debugging-port=0", "--profile"])
            .arg(&profile)
            .arg("about:blank")
            // Nothing of the user's is read or written.
            .env("HOME", &profile)
            .env("MOZ_CRASHREPORTER_DISABLE", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(errors)
            .spawn()
            .unwrap();
        let url = address(&mut process, &log).await;
        let (socket, _) = tokio_tungstenite::connect_async(format!("{url}/session")).await.unwrap();
        let mut firefox = Self { process, profile, socket: Mutex::new((0, socket)), context: String::new() };
        firefox.command("session.new", json!({ "capabilities": {} })).await;
        let tree = firefox.command("browsingContext.getTree", json!({})).await;
        firefox.context = tree["contexts"][0]["context"].as_str().unwrap().to_owned();
        let viewport = json!({ "context": firefox.context, "viewport": { "width": width, "height": height } });
        firefox.command("browsingContext.setViewport", viewport).await;
        firefox
    }

    pub(crate) async fn go(&self, url: &str) {
        self.command("browsingContext.navigate", json!({ "context": self.context, "url": url, "wait": "complete" }))
            .await;
    }

    pub(crate) async fn reload(&self) {
        self.command("browsingContext.reload", json!({ "context": self.context, "wait": "complete" })).await;
    }

    /// Runs a function body in the page, which may await; `args` are its arguments.
    pub(crate) async fn run(&self, script: &str, args: Value) -> Value {
        let expression =
            format!("(async (...args) => {{ {script} }})(...{args}).then((value) => JSON.stringify(value ?? null))");
        let params = json!({
            "expression": expression, "target": { "context": self.context }, "awaitPromise": true, "userActivation": true,
        });
        let result = self.command("script.evaluate", params).await;
        assert_eq!(result["type"], "success", "{script}: {}", result["exceptionDetails"]["text"]);
        serde_json::from_str(result["result"]["value"].as_str().unwrap()).unwrap()
    }

    /// Waits until an element with this test id is shown, and clicks it with the mouse.
    pub(crate) async fn click(&self, test_id: &str) {
        self.sees(test_id).await;
        // What sticks to the bottom of the page may lie over it otherwise.
        let script = "const found = document.querySelector(args[0]);
            found.scrollIntoView({ block: 'center' });
            const box = found.getBoundingClientRect();
            return [Math.round(box.x + box.width / 2), Math.round(box.y + box.height / 2)]";
        let at = self.run(script, json!([selector(test_id)])).await;
        let steps = json!([
            { "type": "pointerMove", "x": at[0], "y": at[1] },
            { "type": "pointerDown", "button": 0 },
            { "type": "pointerUp", "button": 0 },
        ]);
        let mouse = json!({ "type": "pointer", "id": "mouse", "actions": steps });
        let press = json!({ "context": self.context, "actions": [mouse] });
        // The page takes no press for a moment after a button has changed. A person would press again, and so does this.
        loop {
            let early = self.run(EARLY, json!([])).await;
            self.command("input.performActions", press.clone()).await;
            if self.run(EARLY, json!([])).await == early {
                return;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Waits until an element with this test id is on the page, shown and enabled.
    pub(crate) async fn sees(&self, test_id: &str) {
        let found = format!("document.querySelector('{}')", selector(test_id));
        self.holds(test_id, &format!("{found}?.checkVisibility() && !{found}.disabled")).await;
    }

    /// Writes a text into a line, as a person does.
    pub(crate) async fn fill(&self, test_id: &str, value: &str) {
        self.sees(test_id).await;
        let script = "const field = document.querySelector(args[0]);
            field.value = args[1];
            for (const kind of ['input', 'change']) field.dispatchEvent(new Event(kind, { bubbles: true }))";
        self.run(script, json!([selector(test_id), value])).await;
    }

    /// The text of an element with this test id.
    pub(crate) async fn text(&self, test_id: &str) -> String {
        let text =
            self.run("return document.querySelector(args[0])?.innerText ?? ''", json!([selector(test_id)])).await;
        text.as_str().unwrap_or_default().to_owned()
    }

    /// Waits until an expression in the page is true.
    pub(crate) async fn holds(&self, what: &str, expression: &str) {
        let deadline = clock::now() + SOON;
        while self.run(&format!("return Boolean({expression})"), json!([])).await != json!(true) {
            if clock::now() >= deadline {
                let path = self.screenshot("firefox-failed").await;
                let state = self.run("return JSON.stringify(window.podium?.state ?? null)", json!([])).await;
                panic!("not within {SOON:?}: {what}; {state}; see {}", path.display());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Writes what the page looks like beside the test's other files. Returns where.
    pub(crate) async fn screenshot(&self, name: &str) -> PathBuf {
        let shot = self.command("browsingContext.captureScreenshot", json!({ "context": self.context })).await;
        let path = scratch().join(format!("{name}.png"));
        fs::write(&path, decode_base64(shot["data"].as_str().unwrap())).unwrap();
        path
    }

    async fn command(&self, method: &str, params: Value) -> Value {
        let mut socket = self.socket.lock().await;
        let (last, stream) = &mut *socket;
        *last += 1;
        let id = *last;
        let text = json!({ "id": id, "method": method, "params": params }).to_string();
        stream.send(Message::text(text)).await.unwrap();
        let answer = tokio::time::timeout(COMMAND_TIMEOUT, async {
            loop {
                let message = stream.next().await.expect("Firefox closes no socket, or its tab has crashed").unwrap();
                let Ok(text) = message.into_text() else { continue };
                let Ok(value) = serde_json::from_str::<Value>(&text) else { continue };
                if value["id"] == id {
                    return value;
                }
            }
        });
        let answer = answer.await.unwrap_or_else(|_| panic!("{method}: no answer from Firefox"));
        assert_eq!(answer["type"], "success", "{method}: {} {}", answer["error"], answer["message"]);
        answer["result"].clone()
    }
}

impl Drop for Firefox {
    fn drop(&mut self) {
        // Its content processes end when they lose it.
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.profile);
    }
}

/// Where Firefox listens, as it says itself.
async fn address(process: &mut Child, log: &Path) -> String {
    let deadline = clock::now() + START_TIMEOUT;
    loop {
        let said = fs::read_to_string(log).unwrap_or_default();
        let url = said.lines().find_map(|line| line.split_once("WebDriver BiDi listening on ")).map(|(_, url)| url);
        if let Some(url) = url {
            return url.trim().to_owned();
        }
        let ended = process.try_wait().unwrap();
        assert!(ended.is_none() && clock::now() < deadline, "Firefox does not come up ({ended:?}): {said}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// A microphone that hums and needs no permission, sound without a touch, and nothing that talks to the outside.
fn preferences(microphone_hz: u32) -> String {
    let frequency = microphone_hz.to_string();
    let all = [
        ("media.navigator.streams.fake", "true"),
        ("media.navigator.permission.disabled", "true"),
        ("media.navigator.audio.fake_frequency", &frequency),
        ("media.autoplay.default", "0"),
        ("media.autoplay.blocking_policy", "0"),
        ("remote.prefs.recommended", "true"),
        ("app.update.enabled", "false"),
        ("browser.shell.checkDefaultBrowser", "false"),
        ("datareporting.policy.dataSubmissionEnabled", "false"),
        ("toolkit.telemetry.enabled", "false"),
        ("network.captive-portal-service.enabled", "false"),
        ("network.connectivity-service.enabled", "false"),
    ];
    all.iter().map(|(name, value)| format!("user_pref(\"{name}\", {value});\n")).collect()
}

/// Long enough for a busy machine; nothing waits this long when all is well.
const SOON: Duration = Duration::from_secs(60);
const START_TIMEOUT: Duration = Duration::from_secs(120);
const COMMAND_TIMEOUT: Duration = Duration::from_secs(90);
