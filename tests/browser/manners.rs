//! Manners: who is put out is told why, who waits is let in, who leaves last is asked, everybody can be found; and the page works below a path.

use std::time::Duration;

use podium::config::Secret;
use podium::server::{self, Mode, Server, TokenRequest};
use podium_signaling::room::Rank;
use serde_json::json;

use super::driver::{Browser, programs, tone_file};
use super::proxy::Proxy;
use super::{DESKTOP, HOST_HZ, LISTENER_HZ, PHONE, brings, config, does, join, serve, tile};

const LISTENERS: usize = 33;

#[tokio::test(flavor = "multi_thread")]
async fn everyone_can_be_found_searched_and_moderated_and_is_told_why() {
    let Some(programs) = programs() else { return };
    let server = serve().await;
    let links = server.links().unwrap();
    let host = Browser::open(&programs, "people", &tone_file(HOST_HZ), DESKTOP).await;
    join(&host, &links.host, "Ada").await;
    comes_a_crowd(&host).await;
    host.holds("they are counted", &format!("podium.state.room.audience.count === {}", LISTENERS + 1)).await;
    assert_eq!(host.text("people-all").await, format!("{} more…", LISTENERS + 1 - 20));
    host.click("people-all").await;
    host.sees("found-crowd-32").await;
    host.screenshot("people-all").await;
    host.fill("people-search", "PERSON 32").await;
    host.holds("one is found", "document.querySelectorAll('[data-testid=\"people-found\"] li').length === 1").await;
    host.fill("people-search", "nobody at all").await;
    host.holds("none is found", "document.querySelector('[data-testid=\"people-said\"]').innerText.includes('Nobody')")
        .await;
    host.fill("people-search", "crowd-31").await;
    host.click("found-crowd-31").await;
    host.click("menu-kick-member").await;
    host.fill("menu-field", "Shouting, <b>again</b>").await;
    host.click("menu-confirm").await;
    let told = "crowd[31].phase === 'over' && crowd[31].end.reason === 'kicked' && crowd[31].end.details.text === 'Shouting, <b>again</b>'";
    host.holds("they are told why", told).await;
    let refused = "return await crowd[3].listPeople().then(() => 'listed', ({ code }) => code)";
    assert_eq!(host.run_async(refused, json!([])).await, json!("forbidden"), "listeners list nobody");
    server.stop().await;
}

/// Listeners without media, in the same page: a crowd costs no browsers.
async fn comes_a_crowd(host: &Browser) {
    let script = "
        const { Room } = await import('/podium.js');
        window.crowd = [];
        for (let index = 0; index < args[0]; index += 1) {
            const body = JSON.stringify({ room: 'demo', rank: 'member', identity: `crowd-${index}`, name: `Person ${index}` });
            const answer = await fetch('/dev/token', { method: 'POST', headers: { 'content-type': 'application/json' }, body });
            const room = new Room({ server: location.origin, room: 'demo', token: (await answer.json()).token, media: false });
            crowd.push(room);
            await room.join();
        }
        return 'here'";
    assert_eq!(host.run_async(script, json!([LISTENERS])).await, json!("here"));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_put_out_reads_the_reason_and_a_ban_says_it_at_the_door() {
    let Some(programs) = programs() else { return };
    let server = serve().await;
    let links = server.links().unwrap();
    let guest = Browser::open(&programs, "reason", &tone_file(LISTENER_HZ), PHONE).await;
    join(&guest, &links.host, "Ada").await;
    join(&guest, &links.listener, "Ben").await;
    brings(&guest, "ada", "Ada", "host").await;
    let ben = super::identity(&guest).await;
    does(&guest, "ada", &format!("banMember('{ben}', {{ reason: 'Shouting <i>' }})")).await;
    guest.sees("ended-reason").await;
    assert_eq!(guest.text("ended-reason").await, "Reason: Shouting <i>");
    guest.screenshot("manners-banned").await;
    guest.run("location.reload()", json!([])).await;
    guest.click("join").await;
    guest.sees("entry-error").await;
    assert!(guest.text("entry-error").await.contains("Reason: Shouting <i>"), "{}", guest.text("entry-error").await);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_before_a_room_is_let_in_when_it_opens() {
    let Some(programs) = programs() else { return };
    let mut config = config();
    config.auth.keys.insert("key".into(), Secret::new("a-secret-of-thirty-two-characters"));
    config.store.path = Some(":memory:".into());
    let server = Server::start(config.clone(), Mode::Configured).await.unwrap();
    let pass = |room: &str, rank| {
        let request = TokenRequest {
            room: room.into(),
            identity: format!("{rank:?}").to_lowercase(),
            name: None,
            rank,
            ttl: Duration::from_secs(3_600),
            manages_rooms: rank == Rank::Host,
            key: None,
        };
        server::mint(&config, &request).unwrap()
    };
    let link = |room: &str, rank| format!("http://{}/?room={room}#token={}", server.http(), pass(room, rank));
    let waiting = Browser::open(&programs, "waiting", &tone_file(LISTENER_HZ), PHONE).await;
    let host = Browser::open(&programs, "opening", &tone_file(HOST_HZ), DESKTOP).await;
    let code =
        |code: &str| format!("document.querySelector('[data-testid=\"entry-error\"]')?.dataset.code === '{code}'");

    // A room that nobody has opened yet.
    waiting.go(&link("later", Rank::Member)).await;
    waiting.click("join").await;
    waiting.holds("it waits", &code("room_not_found")).await;
    assert!(waiting.text("entry-error").await.contains("as soon as it is"), "{}", waiting.text("entry-error").await);
    waiting.sees("entry-next-try").await;
    waiting.screenshot("manners-waiting").await;
    host.go(&link("later", Rank::Host)).await;
    host.click("join").await;
    host.sees("stage").await;
    waiting.sees("stage").await;

    // It is closed, and opened again.
    host.run("podium.closeRoom({ noticeMs: 0 }).catch(() => {})", json!([])).await;
    waiting.sees("ended").await;
    assert_eq!(waiting.text("join-again").await, "Wait for it to open again");
    waiting.click("join-again").await;
    waiting.holds("it waits again", "podium.phase === 'rejoining'").await;
    host.click("join-again").await;
    host.sees("stage").await;
    waiting.sees("stage").await;

    // A room with a date, which its host opens long before.
    let at = host.run("return Date.now() + 3600000", json!([])).await;
    let made = reqwest::Client::new()
        .post(format!("http://{}/v1/rooms", server.http()))
        .bearer_auth(pass("dated", Rank::Host))
        .json(&json!({ "id": "dated", "scheduled": { "at": at } }))
        .send()
        .await
        .unwrap();
    assert_eq!(made.status(), 201);
    waiting.go(&link("dated", Rank::Member)).await;
    waiting.click("join").await;
    waiting.holds("it waits", &code("room_not_found")).await;
    host.go(&link("dated", Rank::Host)).await;
    host.click("join").await;
    host.click("scheduled-button").await;
    host.holds("it is live", "podium.state.room.phase === 'live'").await;
    waiting.sees("stage").await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_host_is_asked_and_small_things_are_as_they_should_be() {
    let Some(programs) = programs() else { return };
    let server = serve().await;
    let links = server.links().unwrap();
    let host = Browser::open(&programs, "last-host", &tone_file(HOST_HZ), DESKTOP).await;
    join(&host, &links.host, "Ada").await;
    brings(&host, "ben", "Ben", "member").await;
    shows_the_join_behind_the_bars(&host).await;
    seat_muted_is_seen(&host).await;
    says_nothing_undefined(&host).await;
    shows_choices_in_forced_colors(&host).await;

    host.click("leave").await;
    host.sees("menu-leave").await;
    host.screenshot("manners-leave").await;
    host.click("menu-close").await;
    host.holds("they have stayed", "podium.phase === 'joined'").await;
    brings(&host, "bea", "Bea", "host").await;
    host.click("leave").await;
    host.sees("ended").await;
    server.stop().await;
}

async fn shows_the_join_behind_the_bars(host: &Browser) {
    let is_open = "document.querySelector('[data-testid=\"stats-panel\"]').open";
    assert_eq!(host.run(&format!("return {is_open}"), json!([])).await, json!(false), "folded away");
    host.click("quality").await;
    host.holds("the bars open it", is_open).await;
    host.sees("stats-join-total").await;
    host.screenshot("manners-connection").await;
    host.click("quality").await;
    host.holds("and fold it", &format!("!{is_open}")).await;
}

/// On a muted seat the button tells its own state, and changes it in sight.
async fn seat_muted_is_seen(host: &Browser) {
    host.click("seat-0-button").await;
    host.click("menu-take-seat").await;
    let state = |state: &str| format!("document.querySelector('[data-testid=\"mic\"]').dataset.state === '{state}'");
    host.holds("on air", &state("on")).await;
    host.run("podium.muteSeat(0)", json!([])).await;
    host.holds("the seat is muted, and they with it", &state("seat_off")).await;
    assert!(host.text("mic").await.contains("mic off"), "{}", host.text("mic").await);
    host.screenshot("manners-seat-muted").await;
    host.click("mic").await;
    host.holds("their own switch is seen", &state("seat_on")).await;
    assert!(host.text("mic").await.contains("mic on"), "{}", host.text("mic").await);
    host.click("mic").await;
    host.holds("off again", &state("seat_off")).await;
    host.run("podium.unmuteSeat(0)", json!([])).await;
    host.holds("and it stays off", &state("off")).await;
}

/// No attribute and no text was made of something that is not there.
async fn says_nothing_undefined(host: &Browser) {
    let script = "
        const bad = /\\b(undefined|NaN|null|\\[object)\\b/;
        const attributes = [...document.querySelectorAll('*')].flatMap((node) => [...node.attributes].map(({ name, value }) => [name, value]));
        return [...attributes.filter(([, value]) => bad.test(value)).map(String), ...(bad.test(document.body.innerText) ? ['text'] : [])]";
    assert_eq!(host.run(script, json!([])).await, json!([]));
}

/// Where the system's colours are forced upon the page, what is chosen differs from what is not by more than a background.
async fn shows_choices_in_forced_colors(host: &Browser) {
    host.forces_colors(true).await;
    let differs = "
        const look = (node) => { const { color, backgroundColor, borderColor, outlineStyle } = getComputedStyle(node); return [color, backgroundColor, borderColor, outlineStyle].join(); };
        const modes = [...document.querySelectorAll('[data-testid=\"seat-mode\"] input')];
        const [chosen] = modes.filter((input) => input.checked).map((input) => look(input.nextElementSibling));
        const others = modes.filter((input) => !input.checked).map((input) => look(input.nextElementSibling));
        const hands = document.querySelector('[data-testid=\"hands-switch\"]');
        const offer = document.querySelector('[data-testid=\"auto-offer\"]');
        return { chosen: !others.includes(chosen), forced: matchMedia('(forced-colors: active)').matches, switches: [hands.checked, offer.checked, look(hands) !== look(offer)] }";
    host.run("document.querySelector('[data-testid=\"room-settings\"]').open = true", json!([])).await;
    let seen = host.run(differs, json!([])).await;
    assert_eq!(seen, json!({ "chosen": true, "forced": true, "switches": [true, false, true] }));
    host.whole_page("manners-forced-colors").await;
    host.forces_colors(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_denied_count_down_and_no_cue_comes_for_the_seat_one_has_left() {
    let Some(programs) = programs() else { return };
    let server = serve().await;
    let links = server.links().unwrap();
    let guest = Browser::open(&programs, "denied", &tone_file(LISTENER_HZ), PHONE).await;
    join(&guest, &links.host, "Ada").await;
    join(&guest, &links.listener, "Ben").await;
    brings(&guest, "ada", "Ada", "host").await;
    brings(&guest, "cleo", "Cleo", "member").await;
    let me = super::identity(&guest).await;
    guest.click("main-action").await;
    guest.holds("the hand is up", "podium.state.self.hand").await;
    does(&guest, "ada", &format!("denyHand('{me}')")).await;
    let main = "document.querySelector('[data-testid=\"main-action\"]')";
    guest.holds("it counts down", &format!("{main}.disabled && /\\(\\d+ s\\)/.test({main}.innerText)")).await;
    guest.screenshot("manners-denied").await;
    guest.holds("until it may be pressed", &format!("!{main}.disabled && !/\\d/.test({main}.innerText)")).await;
    guest.click("main-action").await;
    guest.holds("and then it works", "podium.state.self.hand").await;
    guest.click("main-action").await;
    guest.holds("down again", "!podium.state.self.hand").await;

    does(&guest, "ada", "updateRoom({ seatMode: 'free' })").await;
    guest.run("window.cues = []; podium.on('seat_cue', ({ index }) => cues.push(index))", json!([])).await;
    guest.click("seat-2-button").await;
    guest.holds("seated", "podium.state.self.seat === 2").await;
    guest.click("main-action").await;
    guest.holds("left", "podium.state.self.seat === undefined").await;
    guest.holds("the server cues everyone", "cues.includes(2)").await;
    guest.holds("the seat is open here, too", &tile(2, "state", "open")).await;
    assert_eq!(guest.run("return document.querySelector('[data-testid=\"cue\"]')", json!([])).await, json!(null));
    does(&guest, "cleo", "takeSeat(2)").await;
    guest.holds("someone else sits there", &tile(2, "identity", "cleo")).await;
    does(&guest, "cleo", "leaveSeat()").await;
    guest.sees("cue").await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn below_a_path_everything_is_asked_for_there() {
    let Some(programs) = programs() else { return };
    let server = serve().await;
    let proxy = Proxy::before(server.http(), "/voice/room").await;
    let links = server.links().unwrap();
    let host = Browser::open(&programs, "prefix", &tone_file(HOST_HZ), DESKTOP).await;
    join(&host, &proxy.link(&links.host, "/voice/room"), "Ada").await;
    host.click("seat-0-button").await;
    host.click("menu-take-seat").await;
    host.holds("on air", "podium.state.self.seat === 0 && podium.outgoing === 'sent'").await;
    let outside = "return performance.getEntriesByType('resource').map(({ name }) => new URL(name)).filter(({ pathname }) => !pathname.startsWith('/voice/room/')).map(String)";
    assert_eq!(host.run(outside, json!([])).await, json!([]));
    host.run("location.reload()", json!([])).await;
    host.click("join").await;
    host.holds("back again", "podium.state?.self.seat === 0").await;
    host.go(&proxy.link(&format!("http://{}/v1/docs", server.http()), "/voice/room")).await;
    host.holds("the description is there, too", "document.body.innerText.includes('/v1/rooms')").await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_development_server_that_starts_anew_has_its_pages_back() {
    let Some(programs) = programs() else { return };
    let first = serve().await;
    let proxy = Proxy::before(first.http(), "").await;
    let link = |server: &Server| proxy.link(&server.links().unwrap().listener, "");
    let page = Browser::open(&programs, "restart", &tone_file(LISTENER_HZ), PHONE).await;
    join(&page, &link(&first), "Ben").await;
    let before = super::identity(&page).await;

    // As a process that is killed: no last word comes. The next one has a key of its own.
    proxy.freeze(true);
    first.stop().await;
    let next = serve().await;
    proxy.lead_to(next.http());
    proxy.freeze(false);
    page.holds("it is back", "podium.phase === 'joined' && podium.connection === 'connected'").await;
    assert_eq!(json!(before), page.run("return podium.state.self.identity", json!([])).await);
    next.stop().await;
}
