//! A listener's page: the cue, offers and invites with their countdown, the turn, what is said, how it ends.

use serde_json::json;

use super::driver::{Browser, programs, tone_file};
use super::{LISTENER_HZ, PHONE, brings, does, join, serve};

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_is_asked_goes_on_stage_and_is_told_how_it_ends() {
    let Some(programs) = programs() else { return };
    let server = serve().await;
    let links = server.links().unwrap();
    let listener = Browser::open(&programs, "asked", &tone_file(LISTENER_HZ), PHONE).await;
    // A host has to open the room first: one page can be both, first one and then the other.
    join(&listener, &links.host, "Ada").await;
    let me = identity_as_listener(&listener, &links.listener).await;

    is_cued(&listener).await;
    is_offered_a_seat(&listener, &me).await;
    is_invited(&listener, &me).await;
    has_a_turn(&listener, &me).await;
    reads_and_reacts(&listener).await;
    closes(&listener).await;
    server.stop().await;
}

/// Joins as a listener, with a host beside them in the same page.
async fn identity_as_listener(browser: &Browser, link: &str) -> String {
    join(browser, link, "Ben").await;
    brings(browser, "ada", "Ada", "host").await;
    super::identity(browser).await
}

async fn is_cued(listener: &Browser) {
    does(listener, "ada", "lockSeat(1)").await;
    listener.holds("the seat is locked", "podium.state.room.seats[1].state === 'locked'").await;
    does(listener, "ada", "unlockSeat(1)").await;
    listener.sees("cue").await;
    listener.sees("cue-action").await;
    let what = "document.querySelector('[data-testid=\"cue\"]').dataset.canJoin";
    assert_eq!(listener.run(&format!("return {what}"), json!([])).await, json!("apply"));
    listener.screenshot("listener-cue-apply").await;
}

async fn is_offered_a_seat(listener: &Browser, me: &str) {
    does(listener, "ada", &format!("assignSeat(2, '{me}')")).await;
    listener.sees("second-action").await;
    let hint = listener.text("main-hint").await;
    assert!(hint.contains("Seat 2") && hint.contains(" s."), "{hint}");
    listener.screenshot("listener-offer").await;
    listener.click("main-action").await;
    listener.holds("the seat is theirs", "podium.state.self.seat === 2 && podium.state.self.role === 'guest'").await;
    does(listener, "ada", "kickSeat(2)").await;
    listener.holds("they are off again", "podium.state.self.seat === undefined").await;
}

/// An invite is told with its countdown; declined, and accepted when it comes again.
async fn is_invited(listener: &Browser, me: &str) {
    does(listener, "ada", &format!("invite('{me}', {{ seat: 3, hold: true }})")).await;
    listener.sees("prompt-invite").await;
    let asked = listener.text("prompt-invite").await;
    assert!(asked.contains("Ada") && asked.contains("seat 3"), "{asked}");
    listener.screenshot("listener-invite").await;
    listener.click("invite-accept").await;
    listener.holds("they went on stage", "podium.state.self.seat === 3").await;
    listener.holds("nothing is asked any more", "!document.querySelector('[data-testid=\"prompt-invite\"]')").await;
    listener.click("main-action").await;
    listener.holds("they left the seat", "podium.state.self.seat === undefined").await;
}

/// A turn shows what is left, warns, and ends.
async fn has_a_turn(listener: &Browser, me: &str) {
    does(listener, "ada", "updateRoom({ turnMs: 18000 })").await;
    does(listener, "ada", &format!("assignSeat(2, '{me}')")).await;
    listener.click("main-action").await;
    listener.holds("the turn has an end", "podium.state.room.seats[2].turnUntil > performance.now()").await;
    listener.sees("prompt-turn").await;
    listener.screenshot("listener-turn").await;
    listener.holds("the turn is over", "podium.state.self.seat === undefined").await;
}

async fn reads_and_reacts(listener: &Browser) {
    does(listener, "ada", "say('Welcome <b>all</b>')").await;
    listener
        .holds(
            "the message is shown as it was written",
            "document.querySelector('[data-testid=\"feed\"]').innerText.includes('Welcome <b>all</b>')",
        )
        .await;
    listener.fill("message", "Thank you").await;
    listener.click("send").await;
    listener
        .holds("everyone reads the answer", "others.ada.state.messages.some(({ text }) => text === 'Thank you')")
        .await;
    listener.click("react-0").await;
    listener.holds("the reaction is counted", "podium.state.tally?.tally.some(({ count }) => count === 1)").await;

    listener.click("open-settings").await;
    listener.click("do-not-invite").await;
    listener.holds("the wish is known", "podium.state.self.do_not_invite").await;
    listener.screenshot("listener-settings").await;
    listener.click("settings-close").await;
}

async fn closes(listener: &Browser) {
    does(listener, "ada", "closeRoom({ noticeMs: 20000 })").await;
    listener.sees("banner-closing").await;
    listener.screenshot("listener-closing").await;
    does(listener, "ada", "closeRoom({ noticeMs: 0 }).catch(() => {})").await;
    listener.sees("ended").await;
    let reason = "return document.querySelector('[data-testid=\"ended\"]').dataset.reason";
    assert_eq!(listener.run(reason, json!([])).await, json!("room_closed"));
    assert_eq!(listener.text("join-again").await, "Wait for it to open again", "it may be opened again");
}
