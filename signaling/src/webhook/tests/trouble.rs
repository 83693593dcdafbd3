//! Targets that are down, slow, hostile or not to be reached.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use super::*;

/// What a target does, and what is counted for it.
async fn failing(answer: Answer, outcome: TryOutcome) {
    let spoiled = answer.clone();
    let target =
        FakeTarget::start(move |_, before| if before < 2 { spoiled.clone() } else { Answer::Status(200) }).await;
    let outbox = FakeOutbox::default();
    let world = World::start(&outbox, &[target.url()]);
    (1..=2).for_each(|id| outbox.put("demo", id));
    world.until(&format!("it heals after {answer:?}"), || outbox.waiting("a").is_empty()).await;
    assert_eq!(target.events_of("demo"), [1, 1, 1, 2], "{answer:?}");
    assert_eq!((world.counted(0, outcome), world.counted(0, TryOutcome::Delivered)), (2, 2), "{answer:?}");
    world.stop().await;
}

#[tokio::test]
async fn any_other_status_is_a_failure() {
    for status in [300, 304, 400, 401, 404, 410, 429, 500, 503, 599] {
        failing(Answer::Status(status), TryOutcome::Status).await;
    }
}

#[tokio::test]
async fn what_is_no_http_is_a_failure() {
    for bytes in
        [&b""[..], b"\x16\x03\x01\x00garbage\r\n\r\n", b"HTTP/1.1 two hundred\r\n\r\n", b"HTTP/1.1 200 OK\r\nhalf: a"]
    {
        failing(Answer::Bytes(bytes.to_vec()), TryOutcome::Protocol).await;
    }
    failing(Answer::Endless(b"HTTP/1.1 200 OK\r\nx: a".to_vec()), TryOutcome::Protocol).await;
}

#[tokio::test]
async fn what_does_not_answer_is_a_failure() {
    failing(Answer::Never, TryOutcome::Timeout).await;
    failing(Answer::After(Duration::from_secs(30)), TryOutcome::Timeout).await;
}

#[tokio::test]
async fn whatever_follows_a_good_status_changes_nothing() {
    let long = b"HTTP/1.1 200 OK\r\ncontent-length: 10485760\r\n\r\n".to_vec();
    for lie in [
        Answer::Bytes([&long[..], b"short"].concat()),
        Answer::Bytes(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nmuch longer than that".to_vec()),
        Answer::Bytes(b"HTTP/1.1 202 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n".to_vec()),
        Answer::Endless([&long[..], b"x"].concat()),
        Answer::Endless(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nx".to_vec()),
    ] {
        let target = FakeTarget::start(move |_, _| lie.clone()).await;
        let outbox = FakeOutbox::default();
        let world = World::start(&outbox, &[target.url()]);
        (1..=3).for_each(|id| outbox.put("demo", id));
        world.until("all arrive", || outbox.waiting("a").is_empty()).await;
        assert_eq!(target.events_of("demo"), [1, 2, 3]);
        world.stop().await;
    }
}

#[tokio::test]
async fn no_redirect_is_followed() {
    let trap = FakeTarget::start(|_, _| Answer::Status(200)).await;
    let to = format!("http://{}/trap", trap.address());
    let target = FakeTarget::start(move |_, _| Answer::Redirect(to.clone())).await;
    let outbox = FakeOutbox::default();
    let world = World::start(&outbox, &[target.url()]);
    outbox.put("demo", 1);
    world.until("it was tried again", || world.counted(0, TryOutcome::Status) >= 3).await;
    assert_eq!(trap.received().len(), 0);
    assert_eq!(outbox.waiting("a"), [1]);
    world.stop().await;
}

#[tokio::test]
async fn a_dead_and_a_silent_target_cost_the_third_nothing() {
    let silent = FakeTarget::start(|_, _| Answer::Never).await;
    let good = FakeTarget::start(|_, _| Answer::Status(200)).await;
    let dead = {
        let target = FakeTarget::start(|_, _| Answer::Status(200)).await;
        target.url()
    };
    let outbox = FakeOutbox::default();
    let world =
        World::configured(&outbox, &[dead, silent.url(), good.url()], |_| {}, Pace { try_max: PATIENCE, ..PACE });
    let now_ms = crate::clock::unix_millis();
    for id in 0..200 {
        for target in ["a", "b", "c"] {
            outbox.put_for(target, &format!("room{}", id % 20), id + 1, now_ms, 0);
        }
    }
    world.until("all arrive at the third", || outbox.waiting("c").is_empty()).await;
    assert_eq!(good.received().len(), 200);
    world.until("the dead one was tried", || world.counted(0, TryOutcome::Connect) > 20).await;
    assert_eq!((outbox.waiting("a").len(), outbox.waiting("b").len()), (200, 200));
    assert_eq!(silent.received().len(), super::super::delivery::PARALLEL, "so many at once, and no more");
    world.stop().await;
}

#[tokio::test]
async fn a_target_that_is_back_gets_at_once_what_waits_for_it() {
    let is_up = Arc::new(AtomicBool::new(false));
    let up = Arc::clone(&is_up);
    let target = FakeTarget::start(move |_, _| match up.load(Relaxed) {
        true => Answer::Status(200),
        false => Answer::Bytes(Vec::new()),
    })
    .await;
    let outbox = FakeOutbox::default();
    // Whoever waits, waits for longer than this test has.
    let slow = Pace { wait_first: PATIENCE * 100, wait_max: PATIENCE * 100, ..PACE };
    let world = World::configured(&outbox, &[target.url()], |_| {}, slow);
    (0..40).for_each(|id| outbox.put(&format!("room{}", id % 20), id + 1));
    world.until("each room was tried once", || world.counted(0, TryOutcome::Protocol) == 20).await;
    is_up.store(true, Relaxed);
    outbox.put("another", 41);
    world.until("all arrive", || outbox.waiting("a").is_empty()).await;
    assert_eq!(target.received().len(), 61);
    world.stop().await;
}

#[tokio::test]
async fn a_private_address_is_refused_unless_it_is_permitted() {
    let target = FakeTarget::start(|_, _| Answer::Status(200)).await;
    let by_name = format!("http://localhost:{}/hook", target.address().port());
    let outbox = FakeOutbox::default();
    let strictly = |config: &mut WebhookConfig| config.allow_private = false;
    let world = World::configured(&outbox, &[by_name.clone(), target.url()], strictly, PACE);
    outbox.put_for("a", "demo", 1, crate::clock::unix_millis(), 0);
    outbox.put_for("b", "demo", 1, crate::clock::unix_millis(), 0);
    world.until("the name is refused, again and again", || world.counted(0, TryOutcome::Private) >= 3).await;
    assert_eq!(target.received().len(), 0);
    assert_eq!((outbox.waiting("a").len(), outbox.waiting("b").len()), (1, 1), "they wait for a better configuration");
    world.stop().await;
    let world = World::start(&outbox, &[by_name, target.url()]);
    world.until("they arrive", || outbox.waiting("a").is_empty() && outbox.waiting("b").is_empty()).await;
    assert_eq!(target.received().len(), 2);
    world.stop().await;
}

#[tokio::test]
async fn https_is_not_satisfied_with_plain_text() {
    let target = FakeTarget::start(|_, _| Answer::Status(200)).await;
    let outbox = FakeOutbox::default();
    let world = World::start(&outbox, &[target.url().replace("http:", "https:")]);
    outbox.put("demo", 1);
    world.until("it fails", || world.counted(0, TryOutcome::Connect) + world.counted(0, TryOutcome::Timeout) > 0).await;
    assert_eq!(outbox.waiting("a"), [1]);
    world.stop().await;
}
