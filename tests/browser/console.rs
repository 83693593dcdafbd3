//! The host's console: hands, seats by menu and by drag, invites, bans, the room's settings.

use serde_json::json;

use super::driver::{Browser, programs, tone_file};
use super::{DESKTOP, HOST_HZ, brings, does, join, serve, tile};

#[tokio::test(flavor = "multi_thread")]
async fn a_host_runs_the_room_from_the_console() {
    let Some(programs) = programs() else { return };
    let server = serve().await;
    let links = server.links().unwrap();
    let host = Browser::open(&programs, "console", &tone_file(HOST_HZ), DESKTOP).await;
    join(&host, &links.host, "Ada").await;
    for (identity, name) in [("ben", "Ben"), ("cleo", "Cleo"), ("dan", "Dan"), ("eva", "Eva")] {
        brings(&host, identity, name, "member").await;
    }

    answers_hands(&host).await;
    moves_people(&host).await;
    invites(&host).await;
    bans(&host).await;
    settles_the_room(&host).await;
    server.stop().await;
}

/// A hand is shown with its place and approved; a mute is shown as the host's, on the seat and to whom it concerns.
async fn answers_hands(host: &Browser) {
    does(host, "ben", "raiseHand()").await;
    does(host, "cleo", "raiseHand({ wantedSeat: 5 })").await;
    host.sees("hand-row-cleo").await;
    assert!(host.text("hand-row-cleo").await.contains("seat 5"), "{}", host.text("hand-row-cleo").await);
    host.screenshot("console-hands").await;
    host.click("approve-ben").await;
    host.holds("ben is on stage", &tile(1, "identity", "ben")).await;
    host.click("deny-cleo").await;
    host.sees("no-hands").await;

    host.click("seat-1-button").await;
    host.click("menu-mute-member").await;
    host.holds("the mute is shown as a host's", &tile(1, "muted", "host")).await;
    host.holds("ben knows whose mute it is", "others.ben.state.self.host_muted").await;
    host.click("seat-1-button").await;
    host.click("menu-unmute-member").await;
    host.holds("what is left is ben's own mute", &tile(1, "muted", "self")).await;
}

/// By drag: a person to an open seat is asked, a seat to an open one moves, a seat to a taken one swaps. By menu: the same.
async fn moves_people(host: &Browser) {
    host.drag("seat-1-button", "seat-4-button").await;
    host.holds("ben has moved", &tile(4, "identity", "ben")).await;
    host.holds("the seat that was left is open", &tile(1, "state", "open")).await;

    host.sees("person-cleo").await;
    host.drag("person-cleo", "seat-2-button").await;
    host.holds("the seat is kept for cleo", &tile(2, "state", "reserved")).await;
    does(host, "cleo", "confirmSeat()").await;
    host.holds("cleo is on stage", &tile(2, "state", "occupied")).await;

    host.drag("seat-4-button", "seat-2-button").await;
    host.holds("ben has cleo's seat", &tile(2, "identity", "ben")).await;
    host.holds("and cleo ben's", &tile(4, "identity", "cleo")).await;

    host.click("seat-2-button").await;
    host.click("menu-move").await;
    host.click("menu-move-to-1").await;
    host.holds("ben has moved by the menu", &tile(1, "identity", "ben")).await;
    host.screenshot("console-moved").await;
    host.drag("seat-1-button", "seat-0-button").await;
    host.holds("a member cannot be put on the host seat", &tile(1, "identity", "ben")).await;
}

async fn invites(host: &Browser) {
    host.click("person-dan").await;
    host.click("menu-invite").await;
    host.click("menu-invite-hold-3").await;
    host.sees("invite-row-dan").await;
    host.holds("the seat is kept for dan", &tile(3, "state", "reserved")).await;
    host.screenshot("console-invite").await;
    does(host, "dan", "acceptInvite()").await;
    host.holds("dan is on stage", &tile(3, "state", "occupied")).await;
    host.holds("the invite is answered", "podium.state.room.invites.length === 0").await;

    host.click("person-eva").await;
    host.click("menu-invite").await;
    host.click("menu-invite-any").await;
    host.click("revoke-eva").await;
    host.holds("the invite is taken back", "!others.eva.state.self.invite").await;
    does(host, "eva", "setPrefs({ doNotInvite: true })").await;
    host.click("person-eva").await;
    host.click("menu-invite").await;
    host.click("menu-invite-any").await;
    host.sees("error").await;
    let code = "return document.querySelector('[data-testid=\"error\"]').dataset.code";
    assert_eq!(host.run(code, json!([])).await, json!("do_not_invite"));
}

async fn bans(host: &Browser) {
    host.click("person-eva").await;
    host.click("menu-ban-member").await;
    host.fill("menu-field", "Shouting").await;
    host.click("menu-confirm").await;
    host.sees("ban-row-eva").await;
    assert!(host.text("ban-row-eva").await.contains("Shouting"));
    host.holds("eva is out, and told why", "others.eva.phase === 'over' && others.eva.end.reason === 'banned'").await;
    host.screenshot("console-ban").await;
    host.click("unban-eva").await;
    host.holds("the ban is lifted", "podium.state.room.ban_count === 0").await;
}

/// What a host sets is what everyone is told, and the controls follow what others set.
async fn settles_the_room(host: &Browser) {
    host.run("document.querySelector('[data-testid=\"room-settings\"]').open = true", json!([])).await;
    host.fill("setting-interrupt", "hold").await;
    host.holds("interruptions hold", "others.ben.state.room.interrupt === 'hold'").await;
    host.fill("setting-turn", "60000").await;
    host.holds("turns are limited", "others.ben.state.room.turn_ms === 60000").await;
    host.fill("setting-promote", "longest_seated").await;
    host.holds("it is known who would be next", "others.ben.state.room.promote === 'longest_seated'").await;
    host.click("auto-offer").await;
    host.holds("seats are offered", "others.ben.state.room.auto_offer === true").await;
    host.run("document.querySelector('[data-testid=\"seat-mode-free\"]').click()", json!([])).await;
    host.holds("seats are free", "others.ben.state.room.seat_mode === 'free'").await;
    host.screenshot("console-settings").await;

    host.click("seat-1-button").await;
    host.click("menu-make-cohost").await;
    host.holds("ben is a cohost", "others.ben.state.self.rank === 'cohost'").await;
    host.holds("and sees the hands", "Array.isArray(others.ben.state.room.hand_queue)").await;
    host.click("seat-1-button").await;
    host.click("menu-transfer").await;
    host.click("menu-confirm").await;
    host.holds("the room was handed over", "others.ben.state.self.rank === 'host'").await;
    host.holds("who was host is cohost", "podium.state.self.rank === 'cohost'").await;
    host.holds(
        "settings are the host's",
        "!document.querySelector('[data-testid=\"room-settings\"]').checkVisibility()",
    )
    .await;
}
