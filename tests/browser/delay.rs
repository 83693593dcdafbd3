//! The delay in words: what the server says of it is shown to whom it concerns, what the browser measures is told to the server, and a
//! server that is too busy is not stormed.

use serde_json::{Value, json};

use super::driver::{Browser, programs, tone_file};
use super::{DESKTOP, HOST_HZ, LISTENER_HZ, PHONE, brings, does, hears, join, serve};

/// A socket that a test can listen to and speak into; what the real server says of delays is left out, or it would speak in between.
const TAPPED: &str = "
    const Real = window.WebSocket;
    window.sent = [];
    window.sockets = [];
    const isMeasured = ({ data }) => /\"(latency_state|connection_quality)\"/.test(data);
    window.WebSocket = class extends Real {
        constructor(...all) { super(...all); this.openedAt = performance.now(); sockets.push(this); }
        set onmessage(handler) { this.handler = handler; super.onmessage = (event) => isMeasured(event) || handler(event); }
        get onmessage() { return this.handler; }
        send(text) { sent.push({ at: performance.now(), ...JSON.parse(text) }); super.send(text); }
    };";

#[tokio::test(flavor = "multi_thread")]
async fn a_delay_is_told_in_words_to_whom_it_concerns_and_forgotten_with_the_seat() {
    let Some(programs) = programs() else { return };
    let server = serve().await;
    let links = server.links().unwrap();
    let host = Browser::open(&programs, "delay-host", &tone_file(HOST_HZ), DESKTOP).await;
    tapped(&host, &links.host, "Ada").await;
    host.run("podium.updateRoom({ seatMode: 'free' })", json!([])).await;
    host.run("podium.takeSeat(0)", json!([])).await;
    for (identity, name, seat) in [("ben", "Ben", 1), ("cleo", "Cleo", 2)] {
        brings(&host, identity, name, "member").await;
        does(&host, identity, &format!("takeSeat({seat})")).await;
    }
    host.holds("both are on stage", "podium.state.room.seats.filter((seat) => seat.identity).length === 3").await;

    one_s_own(&host).await;
    those_on_stage(&host).await;
    in_other_languages(&host, &links.host).await;
    server.stop().await;
}

/// How it feels, how long, why and for whom; aloud only when it becomes bad or good again.
async fn one_s_own(host: &Browser) {
    feeds(host, latency("natural", 142, "device", "hearing", true)).await;
    host.holds("it feels natural", &badge("class", "natural")).await;
    assert_eq!(said_in(host).await, "Natural 142 ms estimated");
    assert!(host.text("delay-cause").await.contains("microphones and loudspeakers"));
    let said = "document.querySelector('[data-testid=\"spoken\"]').textContent";
    host.run(&format!("window.saidBefore = {said}"), json!([])).await;
    feeds(host, latency("ok", 312, "downlink", "hearing", false)).await;
    host.holds("it is noticeable", &badge("class", "ok")).await;
    assert_eq!(said_in(host).await, "Noticeable delay 312 ms");
    assert_eq!(host.run(&format!("return {said} === saidBefore"), json!([])).await, json!(true), "no need to say so");
    feeds(host, latency("laggy", 612, "uplink", "hearing", false)).await;
    host.holds("it lags", &badge("cause", "uplink")).await;
    assert_eq!(host.text("delay-cause").await, "mostly the speakers’ connections · as you hear others");
    host.holds("and that is said aloud", &format!("{said}.includes('612\u{a0}ms') && {said}.includes('speakers')"))
        .await;
    feeds(host, json!({ "type": "connection_quality", "quality": "good" })).await;
    host.holds(
        "the connection is shown",
        "document.querySelector('[data-testid=\"quality\"]').dataset.quality === 'good'",
    )
    .await;
    host.screenshot("delay-own").await;
}

/// A host sees on the seat who lags or has a poor connection, until they leave it.
async fn those_on_stage(host: &Browser) {
    let mut ben = latency("laggy", 655, "uplink", "speaking", false);
    ben["identity"] = json!("ben");
    feeds(host, ben).await;
    feeds(host, json!({ "type": "connection_quality", "quality": "poor", "identity": "cleo" })).await;
    host.sees("seat-1-flag").await;
    host.sees("seat-2-flag").await;
    let title = "return document.querySelector('[data-testid=\"seat-1-flag\"]').title";
    let told = "Lagging · 655\u{a0}ms, as others hear them: mostly their connection to the server";
    assert_eq!(host.run(title, json!([])).await, json!(told));
    assert!(host.text("seat-1").await.contains("Lagging · 655\u{a0}ms"), "{}", host.text("seat-1").await);
    assert!(host.text("seat-2").await.contains("Poor connection"), "{}", host.text("seat-2").await);
    let name = "return document.querySelector('[data-testid=\"seat-1-button\"]').getAttribute('aria-label')";
    assert!(host.run(name, json!([])).await.as_str().unwrap().contains("mostly their connection"));
    host.screenshot("delay-stage").await;
    host.click("seat-1-button").await;
    assert!(host.text("menu").await.contains(told), "{}", host.text("menu").await);
    host.click("menu-close").await;
    host.resize(PHONE).await;
    host.screenshot("delay-stage-phone").await;
    host.resize(DESKTOP).await;
    assert_eq!(host.run("return others.cleo.state.lines.size", json!([])).await, json!(0), "it is the host's to know");

    feeds(host, json!({ "type": "latency_state", "identity": "ben" })).await;
    host.holds(
        "what is no longer known is no longer shown",
        "document.querySelector('[data-testid=\"seat-1-flag\"]').hidden",
    )
    .await;
    does(host, "ben", "leaveSeat()").await;
    host.holds("it went with the seat", "!podium.state.lines.has('ben') && podium.state.lines.has('cleo')").await;
    does(host, "cleo", "leaveSeat()").await;
    host.holds(
        "with nobody to hear no delay is shown",
        "podium.state.lines.size === 0 && document.querySelector('[data-testid=\"delay\"]').hidden",
    )
    .await;
    does(host, "cleo", "takeSeat(2)").await;
    host.holds(
        "who is heard again within a moment is as far away as before, and the server need not say so",
        "podium.state.latency && !document.querySelector('[data-testid=\"delay\"]').hidden",
    )
    .await;
    does(host, "cleo", "leaveSeat()").await;
}

async fn in_other_languages(host: &Browser, link: &str) {
    for (language, word) in [("zh", "延迟严重"), ("ar-XB", "Lagging")] {
        tapped(host, &format!("{link}&lang={language}"), "Ada").await;
        brings(host, "dan", "Dan", "member").await;
        does(host, "dan", "takeSeat(3)").await;
        host.holds("someone is heard", "podium.state.room.seats[3].identity === 'dan'").await;
        feeds(host, latency("laggy", 1204, "jitter_buffer", "hearing", true)).await;
        feeds(host, json!({ "type": "connection_quality", "quality": "poor" })).await;
        host.holds("it is told", &badge("class", "laggy")).await;
        assert!(host.text("delay-class").await.contains(word), "{}", host.text("delay-class").await);
        host.screenshot(&format!("delay-{language}")).await;
        host.resize((360, 740)).await;
        let excess = "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
        assert_eq!(host.run(excess, json!([])).await, json!(0), "wider than the screen");
        host.run("document.querySelector('[data-testid=\"line\"]').scrollIntoView({ block: 'center' })", json!([]))
            .await;
        host.screenshot(&format!("delay-{language}-narrow")).await;
        host.resize(DESKTOP).await;
        does(host, "dan", "leave()").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_browser_measures_is_told_soon_and_never_nonsense() {
    let Some(programs) = programs() else { return };
    let server = serve().await;
    let links = server.links().unwrap();
    let host = Browser::open(&programs, "told-host", &tone_file(HOST_HZ), DESKTOP).await;
    let listener = Browser::open(&programs, "told-listener", &tone_file(LISTENER_HZ), PHONE).await;
    join(&host, &links.host, "Ada").await;
    host.run("podium.takeSeat(0)", json!([])).await;
    host.holds("the host is on air", "podium.state.self.seat === 0 && !podium.state.self.self_muted").await;
    tapped(&listener, &links.listener, "Ben").await;
    hears(&listener, HOST_HZ).await;
    let reports = "sent.filter(({ type }) => type === 'stats')";
    listener.holds("three reports", &format!("{reports}.length >= 3")).await;

    let told = listener.run(&format!("return {reports}"), json!([])).await;
    eprintln!("told: {told}");
    let told = told.as_array().unwrap();
    for report in told {
        for time in ["rtt_ms", "jitter_buffer_ms", "device_ms"] {
            let ms = report[time].as_f64().unwrap_or_else(|| panic!("no {time} in {report}"));
            assert!((0.0..=60_000.0).contains(&ms), "{time} in {report}");
        }
        assert!(report["received"].as_u64().unwrap() > 0, "{report}");
    }
    let joins: Vec<_> = told.iter().filter(|report| !report["join_ms"].is_null()).collect();
    assert_eq!(joins.len(), 1, "the join is told once");
    assert_eq!(joins[0], &told[0], "at once");
    let at = |index: usize| told[index]["at"].as_f64().unwrap();
    assert!(at(1) - at(0) >= 2_000.0 && at(2) - at(1) >= 4_000.0, "not too often");
    only_what_can_be(&listener).await;
    let first = listener.run(&format!("return {reports}[0].at - sockets[0].openedAt"), json!([])).await;
    eprintln!("the first report came {first} ms after the socket was open");
    server.stop().await;
}

/// Statistics that cannot be, or that begin anew, make no figures; and a wait is never shorter than told, and never twice the same.
async fn only_what_can_be(browser: &Browser) {
    let script = "
        const { figuresOf, sumsOf, tellable } = await import('/podium/figures.js');
        const { patience } = await import('/podium/backoff.js');
        const inbound = (fields) => new Map([['in', { type: 'inbound-rtp', kind: 'audio', ...fields }],
            ['out', { type: 'media-playout', kind: 'audio', totalPlayoutDelay: fields.delay, totalSamplesCount: fields.samples }],
            ['pair', { type: 'candidate-pair', nominated: true, currentRoundTripTime: fields.rtt }]]);
        const wild = figuresOf(sumsOf(inbound({ packetsReceived: NaN, packetsLost: -3, jitterBufferDelay: -4, jitterBufferEmittedCount: 2, rtt: -1 })));
        const before = sumsOf(inbound({ packetsReceived: 100, packetsLost: 2, jitterBufferDelay: 500, jitterBufferEmittedCount: 9000, delay: 30, samples: 1000, rtt: 0.2 }));
        const later = sumsOf(inbound({ packetsReceived: 198, packetsLost: 4, jitterBufferDelay: 550, jitterBufferEmittedCount: 10000, delay: 70, samples: 2000, rtt: 0.2 }));
        const { rtt_ms, jitter_buffer_ms, device_ms, loss } = figuresOf(later, before);
        const anew = figuresOf(sumsOf(inbound({ packetsReceived: 5, jitterBufferDelay: 1, jitterBufferEmittedCount: 10 })), before);
        const waits = [0, 1, 2, 5, 50].map((tries) => [patience(4000, tries, 300, 10000, 0), patience(4000, tries, 300, 10000, 1)]);
        return {
            wild: [wild.rtt_ms, wild.jitter_buffer_ms, wild.device_ms, wild.loss, wild.received, wild.lost],
            later: [rtt_ms, jitter_buffer_ms, device_ms, loss].map((value) => Math.round(value * 100) / 100),
            anew: [anew.jitter_buffer_ms, anew.loss],
            told: [NaN, -1, 60001, Infinity, null, 12.34].map((ms) => tellable(ms) ?? 'nothing'),
            waits: waits.every(([soonest, latest]) => soonest > 4000 && latest > soonest && latest <= 15000),
            grows: waits.every(([soonest], at) => at === 0 || soonest > waits[at - 1][0] || at === 4),
        };";
    let wanted = json!({
        "wild": [null, null, null, null, 0, 0], "later": [200, 50, 80, 0.02], "anew": [null, null],
        "told": ["nothing", "nothing", "nothing", "nothing", "nothing", 12.3], "waits": true, "grows": true,
    });
    assert_eq!(browser.run_async(script, json!([])).await, wanted);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_too_busy_is_asked_again_no_sooner_than_it_said() {
    let Some(programs) = programs() else { return };
    let server = serve().await;
    let links = server.links().unwrap();
    let browser = Browser::open(&programs, "busy", &tone_file(HOST_HZ), PHONE).await;
    browser.go(&links.host).await;
    browser.sees("name").await;
    browser.run(TAPPED, json!([])).await;
    // The first three joins are refused as a busy server refuses them: with a word of when to come back; an older one also answers the request.
    let refusing = "
        window.refused = [];
        const Open = window.WebSocket;
        window.WebSocket = class extends Open {
            send(text) {
                const { type, request_id } = JSON.parse(text);
                if (type !== 'join' || refused.length >= 3) return super.send(text);
                refused.push(performance.now());
                const code = refused.length === 2 ? 'node_full' : 'latency_at_risk';
                const say = (frame) => setTimeout(() => this.handler({ data: JSON.stringify(frame) }), 10);
                if (refused.length === 2) say({ type: 'reply', request_id, error: { code, message: 'busy', details: { retry_after_ms: 2000 } } });
                say({ type: 'bye', reason: code, action: 'retry', retry_after_ms: 2000 });
            }
        };";
    browser.run(refusing, json!([])).await;
    browser.fill("name", "Ada").await;
    browser.click("join").await;
    browser.sees("entry-error").await;
    let code = "return document.querySelector('[data-testid=\"entry-error\"]').dataset.code";
    assert_eq!(browser.run(code, json!([])).await, json!("latency_at_risk"));
    assert!(browser.text("entry-error").await.contains("as soon as there is room"));
    browser.sees("entry-next-try").await;
    let at_first = browser.text("entry-next-try").await;
    browser.screenshot("delay-busy").await;
    let counts = format!("document.querySelector('[data-testid=\"entry-next-try\"]').textContent !== '{at_first}'");
    browser.holds("it counts down", &counts).await;

    browser.sees("stage").await;
    browser.holds("let in", "podium.phase === 'joined'").await;
    let tries = browser.run("return [...refused, sent.find(({ type }) => type === 'join').at]", json!([])).await;
    let tries: Vec<f64> = tries.as_array().unwrap().iter().map(|at| at.as_f64().unwrap()).collect();
    let waits: Vec<f64> = tries.windows(2).map(|pair| pair[1] - pair[0]).collect();
    eprintln!("waits between tries, ms: {waits:?}");
    assert!(waits.iter().all(|wait| *wait >= 2_000.0), "never sooner than told: {waits:?}");
    server.stop().await;
}

async fn tapped(browser: &Browser, link: &str, name: &str) {
    browser.go(link).await;
    let off = "localStorage.setItem('podium.processing', JSON.stringify({ echoCancellation: false, noiseSuppression: false, autoGainControl: false }))";
    browser.run(off, json!([])).await;
    browser.go(link).await;
    browser.sees("name").await;
    browser.run(TAPPED, json!([])).await;
    browser.fill("name", name).await;
    browser.click("join").await;
    browser.sees("stage").await;
    browser.holds("the media is connected", "podium.connection === 'connected'").await;
}

/// The badge as one reads it.
async fn said_in(browser: &Browser) -> String {
    browser.text("delay").await.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// As if the server had said so to this page.
async fn feeds(browser: &Browser, frame: Value) {
    browser.run("sockets[0].handler({ data: JSON.stringify(arguments[0]) })", json!([frame])).await;
}

fn latency(class: &str, ms: u32, term: &str, side: &str, estimated: bool) -> Value {
    json!({
        "type": "latency_state", "class": class, "mouth_to_ear_ms": ms, "dominant_term": term, "side": side, "estimated": estimated,
    })
}

/// What the badge says of one's own delay: one of its `data-` attributes.
fn badge(attribute: &str, value: &str) -> String {
    format!("document.querySelector('[data-testid=\"delay\"]').dataset.{attribute} === '{value}'")
}
