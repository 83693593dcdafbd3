//! The line: what the page does when the socket or the path is lost, and when it must not come back.

use std::time::Duration;

use serde_json::json;

use super::driver::{Browser, programs, tone_file};
use super::{DESKTOP, HOST_HZ, LISTENER_HZ, PHONE, brings, does, hears, identity, join, serve};

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_socket_is_resumed_in_the_same_session_and_nothing_is_told_twice() {
    let Some(programs) = programs() else { return };
    let server = serve().await;
    let links = server.links().unwrap();
    let host = Browser::open(&programs, "line-host", &tone_file(HOST_HZ), DESKTOP).await;
    let guest = Browser::open(&programs, "line-guest", &tone_file(LISTENER_HZ), PHONE).await;
    join(&host, &links.host, "Ada").await;
    host.run("podium.updateRoom({ seatMode: 'free' })", json!([])).await;
    join(&guest, &links.listener, "Ben").await;
    brings(&guest, "cleo", "Cleo", "member").await;
    guest.click("seat-1-button").await;
    guest.holds("the guest is on stage", "podium.state.self.seat === 1").await;
    hears(&host, LISTENER_HZ).await;

    let watch = "window.seen = { phases: [], joins: 0, statuses: [] };
        podium.on('phase', ({ phase, end }) => seen.phases.push(phase + (end?.resuming ? ' resuming' : '')));
        podium.on('status', ({ status }) => seen.statuses.push(status));
        window.session = podium.state.self.session";
    guest.run(watch, json!([])).await;
    does(&guest, "cleo", "say('before')").await;
    guest.run("podium.breakLink()", json!([])).await;
    guest.sees("banner-reconnecting").await;
    guest.screenshot("line-reconnecting").await;
    does(&guest, "cleo", "say('while away')").await;
    guest.holds("the session goes on", "podium.phase === 'joined' && podium.state.self.session === session").await;
    does(&guest, "cleo", "say('after')").await;
    guest.holds("the seat is still theirs", "podium.state.self.seat === 1 && podium.connection === 'connected'").await;
    guest.holds("all was told", "podium.state.messages.length >= 3").await;
    let texts = guest.run("return podium.state.messages.map(({ text }) => text)", json!([])).await;
    assert_eq!(texts, json!(["before", "while away", "after"]), "each once, in order");
    assert_eq!(guest.run("return seen", json!([])).await["phases"], json!(["rejoining resuming", "joined"]));
    assert_eq!(guest.run("return seen.statuses", json!([])).await, json!(["reconnecting", "connected"]));
    hears(&host, LISTENER_HZ).await;

    another_path(&guest).await;
    hears(&host, LISTENER_HZ).await;
    muted_while_away(&guest, &host).await;
    server.stop().await;
}

/// The network has changed: the path is made anew, and the session goes on.
async fn another_path(guest: &Browser) {
    guest.run("window.dispatchEvent(new Event('online'))", json!([])).await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    guest
        .holds(
            "the same session over a path of its own",
            "podium.phase === 'joined' && podium.state.self.session === session && podium.connection === 'connected'",
        )
        .await;
    let phases = guest.run("return seen.phases.length", json!([])).await;
    assert_eq!(phases, json!(2), "nothing was joined anew");
}

/// Whoever closes the microphone while the line is down is not heard, and the others are told as soon as they can be.
async fn muted_while_away(guest: &Browser, host: &Browser) {
    let muted = guest.run_async("podium.breakLink(); await podium.mute(true); return podium.phase", json!([])).await;
    assert_eq!(muted, json!("rejoining"));
    guest.holds("the session goes on", "podium.phase === 'joined' && podium.state.self.self_muted").await;
    host.holds("the host sees the mute", &super::tile(1, "muted", "self")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_was_put_out_stays_out() {
    let Some(programs) = programs() else { return };
    let server = serve().await;
    let links = server.links().unwrap();
    let host = Browser::open(&programs, "out-host", &tone_file(HOST_HZ), DESKTOP).await;
    let guest = Browser::open(&programs, "out-guest", &tone_file(LISTENER_HZ), PHONE).await;
    join(&host, &links.host, "Ada").await;
    join(&guest, &links.listener, "Ben").await;
    let ben = identity(&guest).await;

    guest.run("window.opened = 0; const Real = WebSocket; window.WebSocket = class extends Real { constructor(...all) { super(...all); opened += 1; } }", json!([])).await;
    host.run("podium.banMember(arguments[0])", json!([ben])).await;
    guest.sees("ended").await;
    guest.screenshot("line-banned").await;
    assert!(guest.text("ended").await.contains("banned"), "{}", guest.text("ended").await);
    guest.run("window.dispatchEvent(new Event('online'))", json!([])).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(guest.run("return [opened, podium.phase]", json!([])).await, json!([0, "over"]));

    guest.run("location.reload()", json!([])).await;
    guest.click("join").await;
    guest.sees("entry-error").await;
    let code = "return document.querySelector('[data-testid=\"entry-error\"]').dataset.code";
    assert_eq!(guest.run(code, json!([])).await, json!("banned"), "a ban is told at the door");
    server.stop().await;
}
