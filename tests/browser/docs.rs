//! The page that shows the HTTP API: it is drawn, searched and tried under the site's own policy, wide and narrow.

use podium_signaling::room::Refusal;
use serde_json::json;

use super::driver::{Browser, programs, tone_file};
use super::{DESKTOP, HOST_HZ, PHONE, serve};

#[tokio::test(flavor = "multi_thread")]
async fn the_http_api_is_shown_searched_and_tried() {
    let Some(programs) = programs() else { return };
    let server = serve().await;
    let links = server.links().unwrap();
    let (origin, _) = links.host.split_once("/?").unwrap_or_else(|| panic!("{}", links.host));
    let browser = Browser::open(&programs, "docs", &tone_file(HOST_HZ), DESKTOP).await;

    browser.go(&format!("{origin}/v1/docs#seat_lock")).await;
    browser.sees("operation-seat_lock").await;
    let shown = browser.run("return document.querySelectorAll('details.operation').length", json!([])).await;
    let described = "const answer = await fetch('/v1/openapi.json');
        const { paths } = await answer.json();
        return Object.values(paths).flatMap((methods) => Object.keys(methods)).length;";
    assert_eq!(shown, browser.run_async(described, json!([])).await, "every operation is shown");
    browser.holds("what the address names is open", "document.getElementById('seat_lock').open").await;
    browser.holds("its body is told", "document.getElementById('seat_lock').innerText.includes('evict')").await;
    browser.screenshot("docs").await;

    browser.fill("docs-search", "events").await;
    browser.holds("only what is looked for is shown", "document.getElementById('seat_lock').hidden").await;
    browser.holds("and that is", "!document.getElementById('event_list').hidden").await;
    browser.fill("docs-search", "").await;

    browser.go(&format!("{origin}/v1/docs#room_list")).await;
    browser.click("send-room_list").await;
    let refused = Refusal::Unauthenticated.code();
    let answer =
        format!("document.querySelector('[data-testid=\"result-room_list\"]').innerText.includes('{refused}')");
    browser.holds("the server has answered", &answer).await;

    browser.resize(PHONE).await;
    let fits = "return document.documentElement.scrollWidth <= document.documentElement.clientWidth";
    assert_eq!(browser.run(fits, json!([])).await, json!(true), "nothing sticks out of a phone");
    browser.screenshot("docs-phone").await;
    server.stop().await;
}
