//! Just enough WebDriver to drive headless Chromium: sessions, clicks, scripts, screenshots.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use podium::runtime::clock;
use serde_json::{Value, json};

/// Long enough for a busy machine; nothing waits this long when all is well.
const SOON: Duration = Duration::from_secs(30);

/// The programs, or nothing where the machine has none. With `PODIUM_REQUIRE_BROWSER=1` that is a failure.
pub(crate) fn programs() -> Option<Programs> {
    let found = program("chromedriver").zip(program("chromium"));
    if found.is_none() {
        let required = std::env::var("PODIUM_REQUIRE_BROWSER").is_ok_and(|value| value == "1");
        assert!(!required, "chromium and chromedriver are required here (PODIUM_REQUIRE_BROWSER=1) and not on PATH");
        eprintln!("SKIPPED: no chromium and chromedriver on PATH; the web client is not tested");
    }
    found.map(|(driver, browser)| Programs { driver, browser })
}

/// Where a program of this name lies on PATH.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?).map(|folder| folder.join(name)).find(|path| path.is_file())
}

pub(crate) struct Programs {
    driver: PathBuf,
    browser: PathBuf,
}

/// One browser with a microphone of its own: a file that plays in a loop.
pub(crate) struct Browser {
    driver: Child,
    address: SocketAddr,
    session: String,
    client: reqwest::Client,
    profile: PathBuf,
}

impl Browser {
    pub(crate) async fn open(programs: &Programs, name: &str, microphone: &Path, size: (u32, u32)) -> Self {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let driver = Command::new(&programs.driver)
            .arg(format!("--port={}", address.port()))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let profile = scratch().join(format!("profile-{name}-{}", address.port()));
        let mut browser = Self { driver, address, session: String::new(), client: reqwest::Client::new(), profile };
        browser.wait_for_driver().await;
        let arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--use-fake-ui-for-media-stream",
            "--use-fake-device-for-media-stream",
            "--autoplay-policy=no-user-gesture-required",
            &format!("--use-file-for-fake-audio-capture={}", microphone.display()),
            &format!("--user-data-dir={}", browser.profile.display()),
            &format!("--window-size={},{}", size.0, size.1),
        ];
        let options = json!({ "binary": programs.browser, "args": arguments });
        let wanted =
            json!({ "capabilities": { "alwaysMatch": { "browserName": "chrome", "goog:chromeOptions": options } } });
        let session = browser.post("/session", wanted).await;
        browser.session = session["sessionId"].as_str().unwrap().to_owned();
        browser.command("timeouts", json!({ "script": 20_000 })).await;
        browser
    }

    pub(crate) async fn go(&self, url: &str) {
        self.command("url", json!({ "url": url })).await;
    }

    /// Runs a function body in the page; `arguments` are its arguments.
    pub(crate) async fn run(&self, script: &str, arguments: Value) -> Value {
        self.command("execute/sync", json!({ "script": script, "args": arguments })).await
    }

    /// The same for a body that may await.
    pub(crate) async fn run_async(&self, script: &str, arguments: Value) -> Value {
        let script = format!(
            "const done = arguments[arguments.length - 1];
             (async (...args) => {{ {script} }})(...Array.from(arguments).slice(0, -1)).then(done, (error) => done(`failed: ${{error}}`));"
        );
        self.command("execute/async", json!({ "script": script, "args": arguments })).await
    }

    /// Waits until an element with this test id is shown, and clicks it.
    pub(crate) async fn click(&self, test_id: &str) {
        self.until(test_id, "a shown element", |found| found == &json!("shown")).await;
        let element = self.command("element", json!({ "using": "css selector", "value": selector(test_id) })).await;
        // What sticks to the bottom of the page may lie over it otherwise.
        let center = "document.querySelector(arguments[0]).scrollIntoView({ block: 'center' })";
        self.run(center, json!([selector(test_id)])).await;
        let id = element.as_object().unwrap().values().next().unwrap().as_str().unwrap().to_owned();
        // The page takes no press for a moment after a button has changed. A person would press again, and so does this.
        loop {
            let early = self.run(EARLY, json!([])).await;
            self.command(&format!("element/{id}/click"), json!({})).await;
            if self.run(EARLY, json!([])).await == early {
                return;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Presses an element twice with a finger's speed, at the same place, whatever lies there the second time.
    pub(crate) async fn double_tap(&self, test_id: &str, gap: Duration) {
        self.sees(test_id).await;
        let center = "document.querySelector(arguments[0]).scrollIntoView({ block: 'center' });
            const box = document.querySelector(arguments[0]).getBoundingClientRect();
            return { x: Math.round(box.x + box.width / 2), y: Math.round(box.y + box.height / 2) }";
        let at = self.run(center, json!([selector(test_id)])).await;
        let down = json!({ "type": "pointerDown", "button": 0 });
        let up = json!({ "type": "pointerUp", "button": 0 });
        let pause = json!({ "type": "pause", "duration": u64::try_from(gap.as_millis()).unwrap() });
        let to = json!({ "type": "pointerMove", "duration": 0, "x": at["x"], "y": at["y"] });
        let steps = json!([to, down, up, pause, down, up]);
        let mouse =
            json!({ "type": "pointer", "id": "mouse", "parameters": { "pointerType": "mouse" }, "actions": steps });
        self.command("actions", json!({ "actions": [mouse] })).await;
    }

    /// Runs a script in every page that is opened from now on, before the page's own.
    pub(crate) async fn before_each_page(&self, script: &str) {
        let params = json!({ "source": script });
        let command = json!({ "cmd": "Page.addScriptToEvaluateOnNewDocument", "params": params });
        self.command("goog/cdp/execute", command).await;
    }

    /// Waits until an element with this test id is on the page and shown.
    pub(crate) async fn sees(&self, test_id: &str) {
        self.until(test_id, "a shown element", |found| found == &json!("shown")).await;
    }

    /// Drags one element to another with the mouse, and lets go there.
    pub(crate) async fn drag(&self, from: &str, to: &str) {
        self.sees(from).await;
        self.sees(to).await;
        let script = "return Array.from(arguments).map((selector) => {
            const box = document.querySelector(selector).getBoundingClientRect();
            return { x: Math.round(box.x + box.width / 2), y: Math.round(box.y + box.height / 2) };
        })";
        self.run("document.querySelector(arguments[0]).scrollIntoView({ block: 'center' })", json!([selector(from)]))
            .await;
        let points = self.run(script, json!([selector(from), selector(to)])).await;
        let move_to = |point: &Value, duration: u32| json!({ "type": "pointerMove", "duration": duration, "x": point["x"], "y": point["y"] });
        let steps = json!([
            move_to(&points[0], 0),
            { "type": "pointerDown", "button": 0 },
            move_to(&points[1], 200),
            move_to(&points[1], 50),
            { "type": "pointerUp", "button": 0 },
        ]);
        let mouse =
            json!({ "type": "pointer", "id": "mouse", "parameters": { "pointerType": "mouse" }, "actions": steps });
        self.command("actions", json!({ "actions": [mouse] })).await;
    }

    /// Chooses a value in a list, or writes a text into a line, as a person does.
    pub(crate) async fn fill(&self, test_id: &str, value: &str) {
        self.sees(test_id).await;
        let script = "const field = document.querySelector(arguments[0]);
            field.value = arguments[1];
            for (const kind of ['input', 'change']) field.dispatchEvent(new Event(kind, { bubbles: true }))";
        self.run(script, json!([selector(test_id), value])).await;
    }

    /// Gives the page another size, smaller than a window may be.
    pub(crate) async fn resize(&self, (width, height): (u32, u32)) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.command("goog/cdp/execute", json!({ "cmd": "Emulation.setDeviceMetricsOverride", "params": size })).await;
    }

    /// As if the system had forced colours of its own upon pages.
    pub(crate) async fn forces_colors(&self, on: bool) {
        let value = if on { "active" } else { "none" };
        let media = json!({ "features": [{ "name": "forced-colors", "value": value }] });
        self.command("goog/cdp/execute", json!({ "cmd": "Emulation.setEmulatedMedia", "params": media })).await;
    }

    /// As if the person preferred pages to be `light` or `dark`.
    pub(crate) async fn prefers(&self, theme: &str) {
        let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": theme }] });
        self.command("goog/cdp/execute", json!({ "cmd": "Emulation.setEmulatedMedia", "params": media })).await;
    }

    /// The text of an element with this test id.
    pub(crate) async fn text(&self, test_id: &str) -> String {
        let script = "return document.querySelector(arguments[0])?.innerText ?? ''";
        self.run(script, json!([selector(test_id)])).await.as_str().unwrap_or_default().to_owned()
    }

    /// Waits until an expression in the page is true.
    pub(crate) async fn holds(&self, what: &str, expression: &str) {
        let deadline = clock::now() + SOON;
        while self.run(&format!("return Boolean({expression})"), json!([])).await != json!(true) {
            if clock::now() >= deadline {
                self.screenshot("failed").await;
                let state = self.run("return JSON.stringify(window.podium?.state ?? null)", json!([])).await;
                panic!("not within {SOON:?}: {what}; {state}");
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Writes what the page looks like beside the test's other files and says where.
    pub(crate) async fn screenshot(&self, name: &str) -> PathBuf {
        let data = self.get(&format!("/session/{}/screenshot", self.session)).await;
        let path = scratch().join(format!("{name}.png"));
        std::fs::write(&path, decode_base64(data.as_str().unwrap())).unwrap();
        path
    }

    /// The same of all of the page, also of what one has to scroll to.
    pub(crate) async fn whole_page(&self, name: &str) -> PathBuf {
        let params = json!({ "captureBeyondViewport": true, "format": "png" });
        let shot = self.command("goog/cdp/execute", json!({ "cmd": "Page.captureScreenshot", "params": params })).await;
        let path = scratch().join(format!("{name}.png"));
        std::fs::write(&path, decode_base64(shot["data"].as_str().unwrap())).unwrap();
        path
    }

    async fn until(&self, test_id: &str, what: &str, holds: impl Fn(&Value) -> bool) {
        let script = "const found = document.querySelector(arguments[0]);
            return found ? (found.checkVisibility() && !found.disabled ? 'shown' : 'hidden or disabled') : 'absent'";
        let deadline = clock::now() + SOON;
        loop {
            let found = self.run(script, json!([selector(test_id)])).await;
            if holds(&found) {
                return;
            }
            if clock::now() >= deadline {
                let path = self.screenshot("failed").await;
                panic!("{test_id}: {found} instead of {what}; see {}", path.display());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    async fn command(&self, command: &str, body: Value) -> Value {
        self.post(&format!("/session/{}/{command}", self.session), body).await
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        let response = self.client.post(format!("http://{}{path}", self.address)).json(&body).send().await.unwrap();
        value_of(response, path).await
    }

    async fn get(&self, path: &str) -> Value {
        value_of(self.client.get(format!("http://{}{path}", self.address)).send().await.unwrap(), path).await
    }

    async fn wait_for_driver(&self) {
        let deadline = clock::now() + SOON;
        while self.client.get(format!("http://{}/status", self.address)).send().await.is_err() {
            assert!(clock::now() < deadline, "chromedriver does not answer");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Asking the driver to end the session ends the browser's processes too; killing the driver alone would leave them.
        if let Ok(mut stream) = TcpStream::connect(self.address) {
            let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
            let _ = write!(
                stream,
                "DELETE /session/{} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
                self.session, self.address
            );
            let _ = stream.read(&mut [0; 512]);
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
        let _ = std::fs::remove_dir_all(&self.profile);
    }
}

async fn value_of(response: reqwest::Response, path: &str) -> Value {
    let status = response.status();
    let body: Value = response.json().await.unwrap();
    assert!(status.is_success(), "{path}: {}", body["value"]["message"]);
    body["value"].clone()
}

pub(crate) fn selector(test_id: &str) -> String {
    format!("[data-testid=\"{test_id}\"]")
}

/// How many presses the page has not taken.
pub(crate) const EARLY: &str = "return document.body?.dataset.earlyPresses ?? '0'";

/// Where screenshots and profiles go.
pub(crate) fn scratch() -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("browser");
    std::fs::create_dir_all(&path).unwrap();
    path
}

/// A mono WAV of ten seconds of one tone.
pub(crate) fn tone_file(frequency_hz: u32) -> PathBuf {
    const RATE: u32 = 48_000;
    let samples = (0..RATE * 10).map(|n| {
        let phase = f64::from(n) * f64::from(frequency_hz) * std::f64::consts::TAU / f64::from(RATE);
        (phase.sin() * 0.3 * f64::from(i16::MAX)) as i16
    });
    let data: Vec<u8> = samples.flat_map(i16::to_le_bytes).collect();
    let length = u32::try_from(data.len()).unwrap();
    let mut file = Vec::with_capacity(data.len() + 44);
    file.extend_from_slice(b"RIFF");
    file.extend_from_slice(&(length + 36).to_le_bytes());
    file.extend_from_slice(b"WAVEfmt ");
    file.extend_from_slice(&16u32.to_le_bytes());
    for field in [1u16, 1] {
        file.extend_from_slice(&field.to_le_bytes());
    }
    file.extend_from_slice(&RATE.to_le_bytes());
    file.extend_from_slice(&(RATE * 2).to_le_bytes());
    for field in [2u16, 16] {
        file.extend_from_slice(&field.to_le_bytes());
    }
    file.extend_from_slice(b"data");
    file.extend_from_slice(&length.to_le_bytes());
    file.extend_from_slice(&data);
    let path = scratch().join(format!("tone-{frequency_hz}-{}.wav", std::process::id()));
    std::fs::write(&path, file).unwrap();
    path
}

pub(crate) fn decode_base64(text: &str) -> Vec<u8> {
    let value = |byte: u8| match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    let digits: Vec<u8> = text.bytes().filter_map(value).collect();
    let bits =
        |chunk: &[u8]| chunk.iter().fold(0u32, |bits, &digit| bits << 6 | u32::from(digit)) << (6 * (4 - chunk.len()));
    digits.chunks(4).flat_map(|chunk| bits(chunk).to_be_bytes()[1..chunk.len()].to_vec()).collect()
}
