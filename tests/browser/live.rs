//! The live page on the admin listener: what the monitor knows, drawn; text from outside stays text; a server that is gone is said to be gone.

use serde_json::{Value, json};

use super::driver::{Browser, programs, tone_file};
use super::{HOST_HZ, PHONE, serve};

const DESK: (u32, u32) = (1240, 1500);

#[tokio::test(flavor = "multi_thread")]
async fn the_live_page_shows_what_the_monitor_knows_and_says_when_it_is_old() {
    let Some(programs) = programs() else { return };
    let server = serve().await;
    let browser = Browser::open(&programs, "live", &tone_file(HOST_HZ), DESK).await;
    browser.go(&format!("http://{}/monitor", server.admin())).await;
    browser.holds("it is live", "document.body.dataset.state === 'live'").await;
    browser.sees("monitor-workers").await;

    let feed = "const page = arguments[0]; window.real = window.fetch; window.fetch = async () => new Response(JSON.stringify(page))";
    browser.run(feed, json!([everything()])).await;
    browser.holds("rooms are shown", "document.querySelectorAll('[data-room]').length === 3").await;
    browser.holds("the worst first", "document.querySelector('[data-room]').dataset.room.startsWith('<img')").await;
    assert_eq!(
        browser.run("return document.querySelectorAll('main img, main script').length", json!([])).await,
        json!(0)
    );
    for (part, words) in [
        ("monitor-people", "245 with audio, 5 without"),
        ("monitor-feel", "lagging 7"),
        ("monitor-lines", "poor 9"),
        ("monitor-join", "over budget"),
        ("monitor-step", "No new listeners"),
        ("monitor-gate", "come back in 5 s"),
        ("monitor-workers", "silent for 9 s"),
        ("monitor-join", "p95 cold with audio, median 231 ms, 250 joins"),
        ("monitor-join", "p95 cold without audio, median 5 ms, 9 joins"),
        ("monitor-rooms", "With audio Without"),
        ("monitor-stages", "first packet"),
        ("monitor-stages", "server’s part"),
        ("monitor-acts", "A participant no longer lags: ben in demo"),
    ] {
        let text = browser.text(part).await.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains(words), "{part}: {text}");
    }
    for (theme, width) in [("light", DESK), ("dark", DESK), ("light", PHONE), ("dark", PHONE)] {
        browser.resize(width).await;
        browser.prefers(theme).await;
        let name = if width == PHONE { format!("live-{theme}-phone") } else { format!("live-{theme}") };
        browser.whole_page(&name).await;
        let excess = "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
        assert_eq!(browser.run(excess, json!([])).await, json!(0), "wider than the screen");
    }

    browser.run("window.fetch = window.real", json!([])).await;
    server.stop().await;
    browser.holds("that nobody answers is said", "document.body.dataset.state === 'stale'").await;
    assert!(browser.text("monitor-fault").await.contains("does not answer"), "{}", browser.text("monitor-fault").await);
    browser.screenshot("live-stale").await;
}

/// A page with something of everything.
fn everything() -> Value {
    let joined = |kind: &str, media: bool, stage: &str, count: u64, p50_ms: f64, p95_ms: f64| json!({ "kind": kind, "media": media, "stage": stage, "count": count, "p50_ms": p50_ms, "p95_ms": p95_ms });
    let join = |kind: &str, stage: &str, count: u64, p50_ms: f64, p95_ms: f64| {
        joined(kind, true, stage, count, p50_ms, p95_ms)
    };
    let worker = |index: u16, busy: f64, silent_ms: u64| {
        json!({
            "index": index, "busy": busy, "residence_p50_ms": 0.05, "residence_p95_ms": if busy > 0.9 { 24.5 } else { 0.31 },
            "transports": 412, "packets_per_s": 20_600.4, "silent_ms": silent_ms,
        })
    };
    let act = |ago_s: u64, act: &str, why: &str, room: Option<&str>, identity: Option<&str>| json!({ "ago_s": ago_s, "act": act, "why": why, "room": room, "identity": identity });
    json!({
        "budgets": { "join_ms": 600, "natural_ms": 200, "laggy_ms": 500, "server_ms": 150, "residence_ms": 20 },
        "rooms": [
            { "room": "<img src=x onerror=alert(1)>", "people": 31, "without_audio": 4, "classes": [10, 14, 7], "mouth_to_ear_ms": [312, 560, 812], "joins": [44, 3], "join_ms": [310, 720, 1900] },
            { "room": "demo", "people": 212, "without_audio": 0, "classes": [190, 22, 0], "mouth_to_ear_ms": [140, 260, 410], "joins": [260, 0], "join_ms": [180, 300, 420] },
            { "room": "quiet", "people": 2, "without_audio": 1, "classes": [0, 0, 0], "mouth_to_ear_ms": null, "joins": [2, 0], "join_ms": null },
        ],
        "people": { "with_audio": 245, "without_audio": 5 },
        "rooms_total": 240,
        "classes": [200, 36, 7],
        "qualities": [180, 50, 9, 2],
        "joins": [
            join("cold", "upgrade", 260, 1.2, 4.8), join("cold", "join", 260, 22.0, 60.0), join("cold", "answer", 260, 2.5, 9.0),
            join("cold", "first_check", 258, 31.0, 88.0), join("cold", "ice", 258, 24.0, 70.0), join("cold", "dtls", 258, 30.5, 92.0),
            join("cold", "keys", 257, 64.0, 190.0), join("cold", "first_packet", 250, 9.0, 21.0), join("cold", "played", 240, 50.0, 130.0),
            join("cold", "server", 250, 3.9, 12.0), join("cold", "total", 250, 231.0, 655.0),
            joined("cold", false, "answer", 9, 1.8, 4.0), joined("cold", false, "total", 9, 5.0, 8.0),
            join("warm", "answer", 31, 2.1, 6.0), join("warm", "total", 31, 160.0, 240.0),
            join("resume", "answer", 12, 3.4, 7.7), join("resume", "total", 12, 14.0, 33.0),
        ],
        "workers": [worker(0, 0.34, 12), worker(1, 0.94, 9_200)],
        "gate": {
            "enforce": true, "step": "refuse_listeners", "retry_after_s": 5, "joins_per_s": 42.5, "audience_slots": 1, "limits": [0.85, 0.92, 0.97],
            "pressure": { "join": 0.31, "residence": 0.12, "cpu": 0.88, "media": 0.94, "memory": 0.05, "descriptors": 0.01 },
        },
        "acts": [
            act(12, "refuse_listeners", "cpu", None, None), act(40, "fewer_slots", "residence", None, None),
            act(200, "unflag_participant", "mouth_to_ear", Some("demo"), Some("ben")),
            act(420, "flag_participant", "mouth_to_ear", Some("demo"), Some("ben")),
        ],
    })
}
