//! The web client in headless Firefox, with somebody of another implementation (the webrtc crate) on the other side.

use std::time::{Duration, Instant};

use podium::runtime::clock;
use podium::server::{Mode, Server};
use podium_loadtest::participant::{JoinOptions, Participant};
use podium_loadtest::token::dev_token;
use podium_loadtest::tone::Voice;
use serde_json::{Value, json};

use super::bidi::{Firefox, firefox};
use super::{DESKTOP, HOST_HZ, LISTENER_HZ, PHONE, config, serve};

#[tokio::test(flavor = "multi_thread")]
async fn firefox_joins_hears_raises_a_hand_is_heard_mutes_and_comes_back_after_a_reload() {
    let Some(program) = firefox() else { return };
    let server = serve().await;
    if !can_reach_firefox(&server) {
        return;
    }
    let host = host_of(&server).await;
    let ben = Firefox::open(&program, "story", LISTENER_HZ, DESKTOP).await;
    join(&ben, &server.links().unwrap().listener, "Ben").await;
    hears(&ben, HOST_HZ).await;
    ben.screenshot("firefox-audience").await;
    let identity = ben.run("return podium.state.self.identity", json!([])).await;

    ben.click("main-action").await;
    let raised = |event: &Value| event["type"] == "hand_changed" && event["change"] == "raised";
    host.wait_for(raised, SOON).await.unwrap();
    host.command("hand_approve", json!({ "identity": identity })).await.unwrap();
    ben.holds("the listener became a guest", "podium.state.self.role === 'guest' && !podium.state.self.self_muted")
        .await;
    is_heard_by(&host).await;
    // Every offer of Firefox has `stereo=1`, and a voice in stereo takes twice the bits.
    let tracks = host.heard().tracks;
    let last = tracks.iter().filter_map(|track| track.recent.back()).next_back().unwrap();
    assert_eq!(last.payload[0] & STEREO, 0, "the page asks for speech");
    ben.screenshot("firefox-on-stage").await;

    ben.click("mic").await;
    ben.holds("the microphone is off", "podium.state.self.self_muted").await;
    is_silent_for(&host).await;
    ben.click("mic").await;
    ben.holds("the microphone is on", "!podium.state.self.self_muted").await;
    is_heard_by(&host).await;

    let seat = ben.run("return podium.state.self.seat", json!([])).await;
    ben.reload().await;
    ben.click("join").await;
    let same = format!("podium.state?.self.seat === {seat} && podium.state.self.identity === {identity}");
    ben.holds("the same person has the same seat", &same).await;
    ben.holds("the media is connected again", "podium.connection === 'connected'").await;
    hears(&ben, HOST_HZ).await;
    // A microphone may come back muted.
    if ben.run("return podium.state.self.self_muted", json!([])).await == json!(true) {
        ben.click("mic").await;
    }
    is_heard_by(&host).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn firefox_applies_the_answer_whatever_section_its_offer_begins_with() {
    let Some(program) = firefox() else { return };
    let server = serve().await;
    if !can_reach_firefox(&server) {
        return;
    }
    let browser = Firefox::open(&program, "sections", LISTENER_HZ, PHONE).await;
    browser.go(&server.links().unwrap().listener).await;
    for first in super::sections::FIRST {
        let state = browser.run(super::sections::JOIN, json!(["demo", first])).await;
        assert_eq!(state, json!("connected"), "{first}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn firefox_is_told_in_words_that_it_cannot_reach_loopback() {
    let Some(program) = firefox() else { return };
    let mut config = config();
    // What a machine without a network has.
    config.media.advertise = vec!["127.0.0.1".to_owned()];
    let server = Server::start(config, Mode::Development).await.unwrap();
    let browser = Firefox::open(&program, "stuck", LISTENER_HZ, PHONE).await;
    let link = server.links().unwrap().listener;
    for (language, words) in [("en", "only loopback"), ("zh", "回环")] {
        browser.go(&format!("{link}&lang={language}")).await;
        browser.fill("name", "Ben").await;
        browser.click("join").await;
        browser.sees("banner-stuck").await;
        let text = browser.text("banner-stuck").await;
        assert!(text.contains(words), "{text}");
        browser.screenshot(&format!("firefox-stuck-{language}")).await;
    }
    server.stop().await;
}

/// Firefox reaches no loopback address: where the machine has no other these tests are skipped.
fn can_reach_firefox(server: &Server) -> bool {
    let can = server.media().iter().any(|address| !address.ip().is_loopback());
    if !can {
        let required = std::env::var("PODIUM_REQUIRE_FIREFOX").is_ok_and(|value| value == "1");
        assert!(
            !required,
            "Firefox is required here (PODIUM_REQUIRE_FIREFOX=1), but the machine has only loopback addresses"
        );
        eprintln!("SKIPPED: this machine has only loopback addresses, which Firefox does not use");
    }
    can
}

/// Somebody who talks on seat 0.
async fn host_of(server: &Server) -> Participant {
    let token = dev_token(&format!("http://{}", server.http()), "demo", "ada", "host").await.unwrap();
    let options = JoinOptions::new(format!("ws://{}", server.http()), "demo", token);
    let host = Participant::join(options.with_microphone(1).with_slots(3)).await.unwrap();
    host.command("seat_take", json!({ "seat": 0 })).await.unwrap();
    host.speak(Voice::tone(HOST_HZ)).unwrap();
    host
}

/// Joins as a person does; the browser's processing is off, or it would take the tone for noise.
async fn join(browser: &Firefox, link: &str, name: &str) {
    browser.go(link).await;
    let off = "localStorage.setItem('podium.processing', JSON.stringify({ echoCancellation: false, noiseSuppression: false, autoGainControl: false }))";
    browser.run(off, json!([])).await;
    browser.go(link).await;
    browser.fill("name", name).await;
    browser.click("join").await;
    browser.sees("stage").await;
    browser.holds("the media is connected", "podium.connection === 'connected'").await;
}

async fn hears(browser: &Firefox, frequency_hz: u32) {
    let deadline = clock::now() + SOON;
    loop {
        let heard = browser.run(LISTEN, json!([[HOST_HZ, LISTENER_HZ]])).await;
        if heard == json!([frequency_hz]) {
            return;
        }
        if clock::now() >= deadline {
            let stats = browser.run("return await podium.stats()", json!([])).await;
            panic!("heard {heard} instead of {frequency_hz} Hz; {stats}");
        }
    }
}

async fn is_heard_by(host: &Participant) {
    let since = clock::now();
    until("the host hears Firefox", || host.hears_tone_since(LISTENER_HZ, since)).await;
}

/// Silence for a second, once the last packets have gone.
async fn is_silent_for(host: &Participant) {
    let deadline = clock::now() + SOON;
    loop {
        let since: Instant = clock::now();
        tokio::time::sleep(Duration::from_secs(1)).await;
        if host.hears_silence_since(since) {
            return;
        }
        assert!(clock::now() < deadline, "a muted Firefox is heard");
    }
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    let deadline = clock::now() + SOON;
    while !holds() {
        assert!(clock::now() < deadline, "not within {SOON:?}: {what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

const SOON: Duration = Duration::from_secs(60);
/// The bit of an Opus packet's first byte (RFC 6716 section 3.1).
const STEREO: u8 = 0b100;
/// Returns which of the tones `args[0]` this page hears. A recorder listens, because without a sound card Firefox starts no `AudioContext`. A
/// tone is recognised by its share of all the power in half a second (Goertzel).
const LISTEN: &str = "
    const [tones] = args;
    const ear = new OfflineAudioContext(1, 48_000, 48_000);
    const share = (samples, hz) => {
      const factor = 2 * Math.cos((2 * Math.PI * hz) / 48_000);
      let [last, before, power] = [0, 0, 0];
      for (const sample of samples) {
        [last, before] = [sample + factor * last - before, last];
        power += sample * sample;
      }
      const square = last * last + before * before - factor * last * before;
      return power / samples.length > 1e-5 ? (2 * square) / samples.length / power : 0;
    };
    const record = async (stream) => {
      const recorder = new MediaRecorder(stream);
      const parts = [];
      recorder.ondataavailable = ({ data }) => parts.push(data);
      const stopped = new Promise((resolve) => { recorder.onstop = resolve; });
      recorder.start();
      await new Promise((resolve) => setTimeout(resolve, 1_200));
      recorder.stop();
      await stopped;
      const recorded = await new Blob(parts).arrayBuffer();
      if (recorded.byteLength === 0) return [];
      const samples = (await ear.decodeAudioData(recorded)).getChannelData(0).slice(-24_000);
      return tones.filter((hz) => share(samples, hz) > 0.5);
    };
    const streams = [...document.querySelectorAll('audio')].map((audio) => audio.srcObject).filter((stream) => stream?.active);
    return [...new Set((await Promise.all(streams.map(record))).flat())];";
