//! Words and their direction: every text in every language, Chinese, and a layout from right to left.

use podium_signaling::room::Refusal;
use serde_json::json;

use super::driver::{Browser, programs, tone_file};
use super::{HOST_HZ, brings, join, serve};

/// The narrowest phone that counts.
const NARROW: (u32, u32) = (360, 740);
const WIDE: (u32, u32) = (1440, 900);

#[tokio::test(flavor = "multi_thread")]
async fn every_text_is_there_in_every_language_and_the_page_can_be_read_from_either_side() {
    let Some(programs) = programs() else { return };
    let server = serve().await;
    let links = server.links().unwrap();
    let host = Browser::open(&programs, "words", &tone_file(HOST_HZ), WIDE).await;
    join(&host, &links.host, "Ada").await;
    says_the_same_in_both(&host).await;

    brings(&host, "ben", "Ben", "member").await;
    host.click("seat-0-button").await;
    host.click("menu-take-seat").await;
    host.click("open-settings").await;
    host.fill("language", "zh").await;
    host.holds("the page is Chinese", "document.documentElement.lang === 'zh'").await;
    host.holds("and says so", "document.querySelector('[data-testid=\"leave\"]').innerText.includes('离开')").await;
    host.screenshot("words-chinese").await;
    fits(&host, NARROW).await;
    host.screenshot("words-chinese-narrow").await;
    host.run("location.reload()", json!([])).await;
    host.sees("join").await;
    assert_eq!(host.text("join").await, "加入", "the language is remembered");

    host.resize(WIDE).await;
    join(&host, &format!("{}&lang=ar-XB", links.host), "Ada").await;
    let direction = "return [document.documentElement.dir, getComputedStyle(document.body).direction]";
    assert_eq!(host.run(direction, json!([])).await, json!(["rtl", "rtl"]));
    let sides = "const left = (selector) => document.querySelector(selector).getBoundingClientRect().left;
        return left('[data-testid=\"console\"]') < left('[data-testid=\"stage\"]')";
    assert_eq!(host.run(sides, json!([])).await, json!(true), "the console stands at the end of the line");
    host.screenshot("words-right-to-left").await;
    fits(&host, NARROW).await;
    host.screenshot("words-right-to-left-narrow").await;
    server.stop().await;
}

/// The same keys and the same blanks in both, and a text for every code that a server can send.
async fn says_the_same_in_both(host: &Browser) {
    let script = "
        const [en, zh] = (await Promise.all([import('/words/en.js'), import('/words/zh.js')])).map((words) => words.default);
        const blanks = (text) => [...text.matchAll(/\\{\\w+\\}/g)].map(([blank]) => blank).sort().join();
        const keys = [...new Set([...Object.keys(en), ...Object.keys(zh)])];
        return keys.filter((key) => !en[key] || !zh[key] || blanks(en[key]) !== blanks(zh[key]));";
    assert_eq!(host.run_async(script, json!([])).await, json!([]), "in one only, or with other blanks");
    let mut wanted: Vec<String> = Refusal::ALL.iter().map(|refusal| format!("error.{}", refusal.code())).collect();
    for (prefix, codes) in CODES {
        wanted.extend(codes.iter().map(|code| format!("{prefix}.{code}")));
    }
    let missing = "const { has } = await import('/words.js'); return args[0].filter((key) => !has(key))";
    assert_eq!(host.run_async(missing, json!([wanted])).await, json!([]), "codes without a text");
}

/// Nothing sticks out at the side.
async fn fits(host: &Browser, size: (u32, u32)) {
    host.resize(size).await;
    let excess = "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
    assert_eq!(host.run(excess, json!([])).await, json!(0), "wider than the screen");
}

/// What else the server says by a code, and where the page has a text for it.
const CODES: &[(&str, &[&str])] = &[
    ("end", &["left", "kicked", "banned", "duplicate", "room_closed"]),
    (
        "cause",
        &[
            "taken",
            "confirmed",
            "reserved",
            "released",
            "left",
            "kicked_off",
            "locked",
            "unlocked",
            "muted",
            "unmuted",
            "member_muted",
            "member_unmuted",
            "self_muted",
            "self_unmuted",
            "taken_over",
            "interrupted",
            "restored",
            "lost",
            "rank",
            "moved",
            "swapped",
            "turn_over",
        ],
    ),
    ("hand", &["raised", "changed", "lowered", "approved", "denied", "cleared", "expired", "gone"]),
    ("invite", &["sent", "accepted", "declined", "expired", "revoked"]),
    ("rank_cause", &["given", "transferred", "promoted"]),
    ("left", &["left", "kicked", "banned", "gone"]),
    ("outcome", &["accepted", "declined", "expired", "withdrawn"]),
    ("cannot", &["forbidden", "already_seated", "cooling_down", "hands_off"]),
    ("why", &["approved", "invited", "offered", "assigned", "reconnect"]),
    ("phase", &["scheduled", "live", "hostless", "closing", "closed"]),
    ("mode", &["free", "apply", "invite_only"]),
    ("interrupt", &["off", "duck", "hold"]),
    ("promote", &["cohost", "longest_seated", "none"]),
    ("duplicates", &["takeover", "reject", "allow"]),
    ("rank", &["host", "cohost", "member"]),
    ("delay", &["natural", "ok", "laggy"]),
    ("term", &["uplink", "framing", "residence", "downlink", "jitter_buffer", "device"]),
    ("side.your", &["hearing", "speaking"]),
    ("side.their", &["hearing", "speaking"]),
    ("quality", &["excellent", "good", "poor", "lost"]),
    ("error", &["kicked", "duplicate", "slow_consumer"]),
];
