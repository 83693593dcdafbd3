//! Words and their direction: every text in every language, Chinese, and a layout from right to left.

use serde_json::{Value, json};

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
    let wanted: Vec<String> = words_of_the_schema();
    let missing = "
        const dictionaries = (await Promise.all(['en', 'zh', 'pseudo'].map((name) => import(`/words/${name}.js`)))).map((words) => words.default);
        return args[0].filter((key) => !dictionaries.every((words) => words[key]))";
    assert_eq!(host.run_async(missing, json!([wanted])).await, json!([]), "values of the schema without a text");
}

/// The keys for every value of every enumeration in the JSON Schema, so that a new value, or a new enumeration, wants its words.
fn words_of_the_schema() -> Vec<String> {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let definitions = schema["$defs"].as_object().unwrap();
    let mut keys = Vec::new();
    for (name, definition) in definitions {
        let values = values_of(definition);
        if values.is_empty() {
            continue;
        }
        let (_, prefixes) = TEXTS.iter().find(|(known, _)| known == name).unwrap_or_else(|| {
            panic!("{name} is a new enumeration: say in TEXTS where the page has words for {values:?}")
        });
        keys.extend(prefixes.iter().flat_map(|prefix| values.iter().map(move |value| format!("{prefix}.{value}"))));
    }
    // What a client may say is written out where it stands, and is closed; its words are those of what the server says.
    let named: Vec<_> = definitions.values().map(values_of).filter(|values| !values.is_empty()).collect();
    let is_new = |values: &[String]| !named.iter().any(|known| values.iter().all(|value| known.contains(value)));
    let mut unnamed = unnamed_enumerations(&schema["$defs"]);
    unnamed.retain(|path| is_new(&values_of(schema["$defs"].pointer(path).unwrap())));
    assert_eq!(unnamed, [""; 0], "an enumeration without a name of its own has no place in TEXTS");
    assert!(keys.len() > 150, "the schema was read: {}", keys.len());
    keys
}

/// The values of an enumeration, which may be an open one: `anyOf` the values and any string.
fn values_of(definition: &Value) -> Vec<String> {
    let parts = definition["anyOf"].as_array().or_else(|| definition["oneOf"].as_array());
    let own = definition["enum"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned);
    own.chain(parts.into_iter().flatten().flat_map(values_of)).collect()
}

/// Enumerations of strings that stand within another definition.
fn unnamed_enumerations(definitions: &Value) -> Vec<String> {
    fn walk(value: &Value, path: &str, found: &mut Vec<String>) {
        match value {
            Value::Object(fields) => {
                if fields.contains_key("enum") && path.matches('/').count() > 1 && !path.contains("/anyOf") {
                    found.push(path.to_owned());
                }
                for (name, field) in fields {
                    walk(field, &format!("{path}/{name}"), found);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| walk(item, path, found)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let mut found = Vec::new();
    walk(definitions, "", &mut found);
    found
}

/// Nothing sticks out at the side.
async fn fits(host: &Browser, size: (u32, u32)) {
    host.resize(size).await;
    let excess = "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
    assert_eq!(host.run(excess, json!([])).await, json!(0), "wider than the screen");
}

const SCHEMA: &str = include_str!("../../signaling/schema/podium.v1.schema.json");

/// Each enumeration of the schema, and where the page has a text for each of its values. Those without are not said in words.
const TEXTS: &[(&str, &[&str])] = &[
    ("ByeAction", &[]), // what to do, not what to say
    ("ByeReason", &["error"]),
    ("CanJoin", &["cue"]),
    ("CannotJoin", &["cannot"]),
    ("ConnectionQuality", &["quality"]),
    ("DecisionCause", &[]), // for mirrors: the page shows what holds
    ("DelayClass", &["delay"]),
    ("DelaySide", &["side.your", "side.their"]),
    ("DelayTerm", &["term"]),
    ("Duplicates", &["duplicates"]),
    ("ErrorCode", &["error"]),
    ("HandChange", &["hand"]),
    ("Interrupt", &["interrupt"]),
    ("InviteChange", &["invite"]),
    ("LeftReason", &["left"]),
    ("OfferOutcome", &["outcome"]),
    ("OnOff", &[]),        // a switch
    ("OwnSeatState", &[]), // what one can do says it
    ("Phase", &["phase"]),
    ("Promote", &["promote"]),
    ("Rank", &["rank"]),
    ("RankCause", &["rank_cause"]),
    ("ReservedWhy", &["why"]),
    ("Role", &["role"]),
    ("SeatCause", &["cause"]),
    ("SeatMode", &["mode"]),
    ("SeatState", &["seat_state"]),
    ("SessionEnd", &[]), // for back ends
    ("UnheardWhy", &["unheard"]),
    ("WantedPhase", &["phase"]),
];
