//! The web client in headless Chromium and Firefox, against the whole server: people in browsers, each with a tone for a microphone.

#![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]
#![allow(clippy::print_stderr, reason = "a skipped test says so")]

mod bidi;
mod console;
mod delay;
mod docs;
mod driver;
mod far;
mod firefox;
mod line;
mod listener;
mod live;
mod manners;
mod proxy;
mod sections;
mod truth;
mod words;

use std::net::SocketAddr;
use std::time::Duration;

use podium::config::{Config, OneOrMany};
use podium::runtime::clock;
use podium::server::{Mode, Server};
use serde_json::{Value, json};

use driver::{Browser, programs, tone_file};

const HOST_HZ: u32 = 440;
const LISTENER_HZ: u32 = 660;
const DESKTOP: (u32, u32) = (1280, 900);
const PHONE: (u32, u32) = (390, 844);

async fn serve() -> Server {
    Server::start(config(), Mode::Development).await.unwrap()
}

/// Everything on ports that are free.
fn config() -> Config {
    let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let mut config = Config::default();
    (config.http.listen, config.admin.listen, config.media.listen) = (any, any, OneOrMany::One(any));
    (config.media.workers, config.media.pin) = (1, false);
    config
}

/// Opens the link and joins under a name, as a person does; the browser's processing is off, or it would take the tone for noise.
async fn join(browser: &Browser, link: &str, name: &str) {
    browser.go(link).await;
    let off = "localStorage.setItem('podium.processing', JSON.stringify({ echoCancellation: false, noiseSuppression: false, autoGainControl: false }))";
    browser.run(off, json!([])).await;
    browser.go(link).await;
    browser.sees("name").await;
    browser.fill("name", name).await;
    browser.click("join").await;
    browser.sees("stage").await;
    browser.holds("the media is connected", "podium.connection === 'connected'").await;
}

/// Returns the strongest frequency of everything that this page hears, within a few hertz, or 0 if there is nothing.
async fn listen(browser: &Browser) -> f64 {
    let script = "
        const context = window.earContext ??= new AudioContext();
        await context.resume();
        const analyser = context.createAnalyser();
        analyser.fftSize = 16384;
        analyser.smoothingTimeConstant = 0;
        const streams = [...document.querySelectorAll('audio')].map((audio) => audio.srcObject).filter(Boolean);
        const sources = streams.map((stream) => context.createMediaStreamSource(stream));
        for (const source of sources) source.connect(analyser);
        await new Promise((resolve) => setTimeout(resolve, 700));
        const bins = new Float32Array(analyser.frequencyBinCount);
        analyser.getFloatFrequencyData(bins);
        for (const source of sources) source.disconnect();
        let best = 0;
        for (let bin = 1; bin < bins.length; bin += 1) if (bins[bin] > bins[best]) best = bin;
        return bins[best] > -60 ? best * context.sampleRate / analyser.fftSize : 0;";
    let heard = browser.run_async(script, json!([])).await;
    heard.as_f64().unwrap_or_else(|| panic!("{heard}"))
}

async fn hears(browser: &Browser, frequency_hz: u32) {
    let deadline = clock::now() + Duration::from_secs(20);
    loop {
        let heard = listen(browser).await;
        if (heard - f64::from(frequency_hz)).abs() < 8.0 {
            return;
        }
        if clock::now() >= deadline {
            let stats = browser.run_async("return JSON.stringify(await podium.stats())", json!([])).await;
            let path = browser.screenshot("deaf").await;
            panic!("heard {heard} Hz instead of {frequency_hz}; {stats}; see {}", path.display());
        }
    }
}

async fn identity(browser: &Browser) -> String {
    browser.run("return podium.state.self.identity", json!([])).await.as_str().unwrap().to_owned()
}

/// Someone else in the same room, as a script in this page: `window.others[identity]` is their Room. A crowd costs no browsers.
async fn brings(browser: &Browser, identity: &str, name: &str, rank: &str) {
    let script = "
        const [identity, name, rank] = args;
        const { Room } = await import('/podium.js');
        const room = window.podium.state.room.id;
        const body = JSON.stringify({ room, rank, identity, name });
        const answer = await fetch('/dev/token', { method: 'POST', headers: { 'content-type': 'application/json' }, body });
        const { token } = await answer.json();
        const other = new Room({ server: location.origin, room, token });
        (window.others ??= {})[identity] = other;
        await other.join();
        return 'here';";
    let came = browser.run_async(script, json!([identity, name, rank])).await;
    assert_eq!(came, json!("here"), "{identity}");
    let connected = format!("others['{identity}'].connection === 'connected'");
    browser.holds("the media of someone else in this page is connected", &connected).await;
}

/// What someone else in this page does; the script may await.
async fn does(browser: &Browser, identity: &str, act: &str) {
    let done = browser.run_async(&format!("await others['{identity}'].{act}; return 'done'"), json!([])).await;
    assert_eq!(done, json!("done"), "{identity}: {act}");
}

/// How a seat looks on this page: one of its `data-` attributes.
fn tile(seat: usize, attribute: &str, value: &str) -> String {
    format!("document.querySelector('[data-testid=\"seat-{seat}\"]').dataset.{attribute} === '{value}'")
}

fn seat_of(identity: &str) -> String {
    format!("podium.state.room.seats.find((seat) => seat.identity === '{identity}')")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_hears_the_host_raises_a_hand_is_approved_and_is_heard() {
    let Some(programs) = programs() else { return };
    let server = serve().await;
    let links = server.links().unwrap();
    let host = Browser::open(&programs, "host", &tone_file(HOST_HZ), DESKTOP).await;
    let listener = Browser::open(&programs, "listener", &tone_file(LISTENER_HZ), PHONE).await;

    join(&host, &links.host, "Ada").await;
    host.click("seat-0-button").await;
    host.click("menu-take-seat").await;
    host.holds("the host is on air in seat 0", "podium.state.self.seat === 0 && !podium.state.self.self_muted").await;

    join(&listener, &links.listener, "Ben").await;
    assert!(listener.text("role").await.to_lowercase().contains("listen"), "{}", listener.text("role").await);
    hears(&listener, HOST_HZ).await;
    listener.screenshot("listener-audience").await;

    let ben = identity(&listener).await;
    listener.click("main-action").await;
    listener.holds("the hand is up", "podium.state.self.hand?.position === 1").await;
    host.sees(&format!("hand-row-{ben}")).await;
    host.screenshot("host-with-a-hand").await;
    host.click(&format!("approve-{ben}")).await;
    listener
        .holds("the listener became a guest", "podium.state.self.role === 'guest' && !podium.state.self.self_muted")
        .await;
    hears(&host, LISTENER_HZ).await;

    let position = host.run(&format!("return {}.index", seat_of(&ben)), json!([])).await;
    host.holds(
        "the seat shows who speaks",
        &format!("document.querySelector('[data-testid=\"seat-{position}\"]').dataset.state === 'occupied'"),
    )
    .await;
    host.screenshot("host-on-stage").await;
    listener.screenshot("listener-on-stage").await;
    panel_tells_the_join(&listener).await;

    mutes_and_stays_muted(&host, &listener, &ben).await;
    server.stop().await;
}

/// The connection panel shows the join by stage, and the figures come from the browser's own statistics.
async fn panel_tells_the_join(browser: &Browser) {
    browser
        .holds("every stage of the join is timed", "podium.timings.first_packet > 0 && podium.timings.dtls > 0")
        .await;
    browser.holds("a round trip is known", "podium.lastStats?.rtt_ms >= 0 && podium.lastStats?.received > 0").await;
    let timings = browser.run("return podium.timings", json!([])).await;
    let at = |stage: &str| timings[stage].as_f64().unwrap_or_else(|| panic!("no {stage} in {timings}"));
    assert!(
        at("socket") <= at("welcome") && at("welcome") <= at("dtls") && at("dtls") <= at("first_packet"),
        "{timings}"
    );
    eprintln!("join by stage, in the browser, ms: {timings}");
}

/// The host mutes the guest: silence; the host lifts it: silence still; the guest unmutes: heard.
async fn mutes_and_stays_muted(host: &Browser, guest: &Browser, identity: &str) {
    host.run("podium.muteMember(arguments[0])", json!([identity])).await;
    guest.holds("the guest is told", "podium.state.self.host_muted").await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(listen(host).await, 0.0, "a muted guest is not heard");
    host.run("podium.unmuteMember(arguments[0])", json!([identity])).await;
    guest.holds("the mute is lifted", "!podium.state.self.host_muted").await;
    assert_eq!(listen(host).await, 0.0, "nobody opens another person's microphone");
    guest.click("mic").await;
    hears(host, LISTENER_HZ).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_seat_is_cued_taken_kept_over_a_reload_and_a_kick_ends_the_page_for_good() {
    let Some(programs) = programs() else { return };
    let server = serve().await;
    let links = server.links().unwrap();
    let host = Browser::open(&programs, "host", &tone_file(HOST_HZ), PHONE).await;
    let listener = Browser::open(&programs, "listener", &tone_file(LISTENER_HZ), DESKTOP).await;
    join(&host, &links.host, "Ada").await;
    join(&listener, &links.listener, "Ben").await;
    host.run("podium.updateRoom({ seatMode: 'free' })", json!([])).await;
    host.run("podium.lockSeat(1)", json!([])).await;
    listener.holds("the seat is locked", "podium.state.room.seats[1].state === 'locked'").await;
    host.run("podium.unlockSeat(1)", json!([])).await;
    listener.sees("cue").await;
    listener.screenshot("listener-cue").await;
    listener.click("seat-1-button").await;
    listener.holds("the seat is taken", "podium.state.self.seat === 1").await;
    hears(&host, LISTENER_HZ).await;
    let ben = identity(&listener).await;

    listener.run("location.reload()", json!([])).await;
    listener.sees("join").await;
    listener.click("join").await;
    listener
        .holds(
            "the same person has the same seat",
            &format!("podium.state?.self.seat === 1 && podium.state.self.identity === '{ben}'"),
        )
        .await;

    host.run("podium.kickMember(arguments[0])", json!([ben])).await;
    listener.sees("ended").await;
    listener.screenshot("listener-kicked").await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let phase: Value = listener.run("return podium.phase", json!([])).await;
    assert_eq!(phase, json!("over"), "a kick is not answered by joining again");
    // The host is told by another way than the guest was.
    host.holds("the host alone remains, off stage", "podium.state.room.audience.count === 1").await;
    server.stop().await;
}
