//! Reconnects over real sockets: who loses the connection comes back to what was theirs, and misses nothing and hears nothing twice.
#![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]

mod support;

use std::time::Duration;

use podium_signaling::{
    SignalingConfig,
    ids::RoomId,
    room::{Duplicates, Rank, SeatMode, Settings},
};
use serde_json::{Value, json};
use support::{Client, Server, server_with, token, token_with, until};

#[tokio::test]
async fn a_killed_socket_goes_on_with_seat_hand_and_mutes() {
    let server = free_room().await;
    let (mut ada, _) = server.join("demo", "ada", Rank::Host).await;
    let (mut ben, ben_welcome) = server.join("demo", "ben", Rank::Member).await;
    let (mut cy, _) = server.join("demo", "cy", Rank::Member).await;
    let (mut dan, dan_welcome) = server.join("demo", "dan", Rank::Member).await;
    ok(&mut ben, json!({"type": "seat_take", "seat": 1})).await;
    ok(&mut ada, json!({"type": "member_mute", "identity": "ben"})).await;
    ok(&mut ada, json!({"type": "seat_mute", "seat": 1})).await;
    ok(&mut cy, json!({"type": "hand_raise"})).await;
    ok(&mut dan, json!({"type": "hand_raise", "mic_ready": true})).await;
    let (ben_seq, dan_seq) = (read_up(&mut ben, "muted").await, read_up(&mut dan, "muted").await);
    drop((ben, dan));
    let missed = churn(&mut ada, 3).await;

    let (mut ben, welcome) = server.resume("demo", "ben", &ben_welcome["resume_token"], ben_seq).await;
    assert_eq!((&welcome["session"], welcome.get("room")), (&ben_welcome["session"], None));
    assert_ne!(welcome["resume_token"], ben_welcome["resume_token"]);
    let own = &welcome["self"];
    assert_eq!((&own["seat"], &own["seat_state"]), (&json!(1), &json!("occupied")));
    assert_eq!((&own["self_muted"], &own["host_muted"]), (&json!(true), &json!(true)));
    assert_eq!(events(&mut ben, missed.len()).await, missed);

    let (mut dan, welcome) = server.resume("demo", "dan", &dan_welcome["resume_token"], dan_seq).await;
    assert_eq!(
        (&welcome["self"]["hand"]["position"], &welcome["self"]["hand"]["mic_ready"]),
        (&json!(2), &json!(true))
    );
    assert_eq!(events(&mut dan, missed.len()).await, missed);

    let (_, welcome) = server.join("demo", "eve", Rank::Member).await;
    let seat = &welcome["room"]["seats"][1];
    assert_eq!((&seat["identity"], &seat["muted_by_host"]), (&json!("ben"), &json!(true)));
    ok(&mut ben, json!({"type": "seat_leave"})).await;
    let counters = server.signaling.counters();
    assert_eq!((counters.resumes_ok.value(), counters.joins_ok.value()), (2, 5));
}

#[tokio::test]
async fn who_missed_nothing_is_told_nothing() {
    let server = free_room().await;
    let (mut ada, welcome) = server.join("demo", "ada", Rank::Host).await;
    let seq = ada.seq;
    drop(ada);
    let (mut ada_again, welcome) = server.resume("demo", "ada", &welcome["resume_token"], seq).await;
    assert_eq!(welcome.get("room"), None);
    let next = ada_again.next().await;
    assert_eq!(next.get("seq"), None, "{next}");
    ada = ada_again;
    ok(&mut ada, json!({"type": "ping"})).await;
}

#[tokio::test]
async fn however_often_the_connection_is_lost_every_event_comes_once() {
    let server = free_room().await;
    let (mut ada, _) = server.join("demo", "ada", Rank::Host).await;
    let people = [("ben", Rank::Member), ("cleo", Rank::Cohost)];
    let mut watchers = Vec::new();
    for (identity, rank) in people {
        let (client, welcome) = server.join("demo", identity, rank).await;
        watchers.push((identity, client, welcome["resume_token"].clone(), Vec::new()));
    }
    let start = ada_seq(&mut ada).await;
    let churning = tokio::spawn(async move {
        for _ in 0..150 {
            churn(&mut ada, 1).await;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        ada
    });
    let mut rounds = 0;
    while !churning.is_finished() {
        rounds += 1;
        for (identity, client, resume_token, seen) in &mut watchers {
            let reading = tokio::time::timeout(Duration::from_millis(20 + rounds % 7 * 15), async {
                loop {
                    let frame = client.next().await;
                    seen.extend(frame["seq"].as_u64());
                }
            });
            assert!(reading.await.is_err());
            let (next, welcome) = server.resume("demo", identity, resume_token, client.seq).await;
            assert_eq!(welcome.get("room"), None);
            (*client, *resume_token) = (next, welcome["resume_token"].clone());
        }
    }
    let mut ada = churning.await.unwrap();
    let end = ada_seq(&mut ada).await;
    for (identity, client, _, seen) in &mut watchers {
        while client.seq < end {
            let frame = client.next().await;
            seen.extend(frame["seq"].as_u64());
        }
        let expected: Vec<_> = (seen[0]..=end).collect();
        assert_eq!(*seen, expected, "{identity}");
        assert!(seen[0] <= start + 1);
    }
    assert!(rounds > 3, "{rounds}");
}

#[tokio::test]
async fn more_than_is_kept_and_the_future_are_answered_with_a_snapshot() {
    let server = free_room().await;
    let (mut ada, _) = server.join("demo", "ada", Rank::Host).await;
    let (ben, welcome) = server.join("demo", "ben", Rank::Member).await;
    let seq = ben.seq;
    drop(ben);
    churn(&mut ada, 520).await;
    let (ben, welcome) = server.resume("demo", "ben", &welcome["resume_token"], seq).await;
    assert_eq!(welcome["room"]["seq"].as_u64(), Some(ada_seq(&mut ada).await));
    drop(ben);
    let future = welcome["room"]["seq"].as_u64().unwrap() + 1;
    let (mut ben, welcome) = server.resume("demo", "ben", &welcome["resume_token"], future).await;
    assert!(welcome["room"]["seats"].is_array());
    let after = churn(&mut ada, 1).await;
    assert_eq!(events(&mut ben, after.len()).await, after, "what the snapshot said is not told again");
}

#[tokio::test]
async fn what_was_before_the_join_is_not_replayed() {
    let server = free_room().await;
    let (mut ada, _) = server.join("demo", "ada", Rank::Host).await;
    churn(&mut ada, 3).await;
    let (ben, welcome) = server.join("demo", "ben", Rank::Member).await;
    drop(ben);
    let (_, resumed) = server.resume("demo", "ben", &welcome["resume_token"], 0).await;
    assert_eq!(resumed["room"]["seq"], welcome["room"]["seq"], "a snapshot, and no events from before");
}

#[tokio::test]
async fn who_was_promoted_while_away_is_shown_what_only_hosts_see() {
    let server = free_room().await;
    let (mut ada, _) = server.join("demo", "ada", Rank::Host).await;
    let (ben, welcome) = server.join("demo", "ben", Rank::Member).await;
    let (mut cy, _) = server.join("demo", "cy", Rank::Member).await;
    ok(&mut cy, json!({"type": "hand_raise"})).await;
    let seq = ben.seq;
    drop(ben);
    ok(&mut ada, json!({"type": "member_rank", "identity": "ben", "rank": "cohost"})).await;
    let (mut ben, welcome) = server.resume("demo", "ben", &welcome["resume_token"], seq).await;
    assert_eq!(welcome["self"]["rank"], "cohost");
    assert_eq!(welcome["room"]["hand_queue"][0]["identity"], "cy");
    ok(&mut cy, json!({"type": "hand_lower"})).await;
    assert_eq!(ben.expect("hand_changed").await["change"], "lowered");
    // What a host was told goes on to be replayed, to hosts only.
    let (seq, token) = (ben.seq, &welcome["resume_token"]);
    drop(ben);
    ok(&mut cy, json!({"type": "hand_raise"})).await;
    let (mut ben, welcome) = server.resume("demo", "ben", token, seq).await;
    assert_eq!(welcome.get("room"), None);
    assert_eq!(ben.expect("hand_changed").await["change"], "raised");
}

#[tokio::test]
async fn a_second_session_of_a_person_resumes_as_itself() {
    let server = room_with(|settings| settings.duplicates = Duplicates::Allow).await;
    let (mut ada, first) = server.join("demo", "ada", Rank::Host).await;
    ok(&mut ada, json!({"type": "seat_take", "seat": 0})).await;
    let (beside, second) = server.join("demo", "ada", Rank::Host).await;
    assert_ne!(first["session"], second["session"]);
    assert_eq!((&second["self"]["session"], &second["self"]["role"]), (&second["session"], &json!("listener")));
    let seq = beside.seq;
    drop(beside);
    let (_beside, again) = server.resume("demo", "ada", &second["resume_token"], seq).await;
    assert_eq!((&again["session"], &again["self"]["session"]), (&second["session"], &second["session"]));
    ok(&mut ada, json!({"type": "seat_leave"})).await;
}

#[tokio::test]
async fn a_token_is_good_once() {
    let server = free_room().await;
    let (ada, first) = server.join("demo", "ada", Rank::Host).await;
    let seq = ada.seq;
    drop(ada);
    let (mut ada, second) = server.resume("demo", "ada", &first["resume_token"], seq).await;
    ok(&mut ada, json!({"type": "ping"})).await;
    stale(&mut server.resuming("demo", "ada", &first["resume_token"], seq).await).await;
    ok(&mut ada, json!({"type": "ping"})).await;
    drop(ada);
    server.resume("demo", "ada", &second["resume_token"], seq).await;
    assert_eq!(server.signaling.counters().resumes_refused.value(), 1);
}

#[tokio::test]
async fn of_two_sockets_with_one_token_the_newest_wins() {
    let server = free_room().await;
    let (ada, welcome) = server.join("demo", "ada", Rank::Host).await;
    let seq = ada.seq;
    drop(ada);
    // The first one does not read, so it does not show that its welcome has come.
    let mut first = server.resuming("demo", "ada", &welcome["resume_token"], seq).await;
    until(|| server.signaling.counters().resumes_ok.value() == 1).await;
    let (mut second, _) = server.resume("demo", "ada", &welcome["resume_token"], seq).await;
    let bye = first.expect("bye").await;
    assert_eq!((&bye["reason"], &bye["action"]), (&json!("duplicate"), &json!("stop")));
    first.closed().await;
    ok(&mut second, json!({"type": "seat_take", "seat": 0})).await;
    assert_eq!(server.signaling.population().roles.hosts, 1);
}

#[tokio::test]
async fn a_socket_that_is_still_there_is_replaced() {
    let server = free_room().await;
    let (mut ada, welcome) = server.join("demo", "ada", Rank::Host).await;
    let (_again, _) = server.resume("demo", "ada", &welcome["resume_token"], ada.seq).await;
    assert_eq!(ada.expect("bye").await["reason"], "duplicate");
    ada.closed().await;
    // The end of the old socket is no loss of the new one.
    until(|| server.signaling.counters().sessions.value() == 1).await;
    assert_eq!(server.media.closed.lock().unwrap().len(), 0);
}

#[tokio::test]
async fn what_is_over_or_of_others_is_stale() {
    let server = free_room().await;
    let (mut ada, ada_welcome) = server.join("demo", "ada", Rank::Host).await;
    let (mut ben, left) = server.join("demo", "ben", Rank::Member).await;
    let (mut cy, kicked) = server.join("demo", "cy", Rank::Member).await;
    let (_dan, replaced) = server.join("demo", "dan", Rank::Member).await;
    ok(&mut ben, json!({"type": "leave"})).await;
    ok(&mut ada, json!({"type": "member_kick", "identity": "cy"})).await;
    assert_eq!(cy.expect("bye").await["reason"], "kicked");
    server.join("demo", "dan", Rank::Member).await;
    let tokens = [("ben", &left), ("cy", &kicked), ("dan", &replaced), ("eve", &ada_welcome)];
    for (identity, welcome) in tokens {
        stale(&mut server.resuming("demo", identity, &welcome["resume_token"], 1).await).await;
    }
    stale(&mut server.resuming("nowhere", "ada", &ada_welcome["resume_token"], 1).await).await;
    stale(&mut server.resuming("demo", "ada", &json!("made up"), 1).await).await;
    // Nobody who showed a foreign token has disturbed its owner.
    ok(&mut ada, json!({"type": "ping"})).await;
}

#[tokio::test]
async fn who_is_away_too_long_is_stale() {
    let server = room_with(|settings| settings.detached_max = Duration::from_millis(100)).await;
    let (ada, welcome) = server.join("demo", "ada", Rank::Host).await;
    drop(ada);
    until(|| server.signaling.population().roles.hosts == 0).await;
    stale(&mut server.resuming("demo", "ada", &welcome["resume_token"], 1).await).await;
}

#[tokio::test]
async fn a_token_for_access_that_has_expired_resumes_and_does_not_join() {
    let server = free_room().await;
    let (ada, welcome) = server.join("demo", "ada", Rank::Host).await;
    let seq = ada.seq;
    drop(ada);
    let video = json!({"room": "demo", "roomJoin": true});
    let expired =
        token_with(json!({"sub": "ada", "exp": podium_signaling::clock::unix_seconds() - 120, "video": video}));
    let mut late = server.connect("demo", &expired).await;
    late.send(json!({"type": "join"})).await;
    let bye = late.next().await;
    assert_eq!((&bye["reason"], &bye["action"]), (&json!("token_expired"), &json!("stop")));
    let mut silent = server.connect("demo", &expired).await;
    assert_eq!(silent.next().await["reason"], "token_expired", "who can only resume says so at once");
    let mut ada = server.connect("demo", &expired).await;
    let resume = json!({"type": "resume", "resume_token": welcome["resume_token"], "last_seq": seq});
    ada.send(resume).await;
    assert_eq!(ada.next().await["resumed"], json!(true));
    ok(&mut ada, json!({"type": "seat_take", "seat": 0})).await;
}

#[tokio::test]
async fn a_session_that_is_too_old_does_not_resume() {
    let server = configured(|config| config.limits.session_max = Duration::from_millis(50), |_| {}).await;
    let (ada, welcome) = server.join("demo", "ada", Rank::Host).await;
    drop(ada);
    tokio::time::sleep(Duration::from_millis(60)).await;
    stale(&mut server.resuming("demo", "ada", &welcome["resume_token"], 1).await).await;
}

#[tokio::test]
async fn who_was_cut_off_for_not_reading_resumes() {
    let server = configured(|config| config.limits.outbound_bytes = 4_096, |_| {}).await;
    let (mut ada, _) = server.join("demo", "ada", Rank::Host).await;
    let (mut ben, welcome) = server.join("demo", "ben", Rank::Cohost).await;
    let counters = server.signaling.counters();
    while counters.slow_consumers.value() == 0 {
        churn(&mut ada, 1).await;
    }
    let mut last = ben.next().await;
    while last["type"] != "bye" {
        last = ben.next().await;
    }
    assert_eq!((&last["reason"], &last["action"]), (&json!("slow_consumer"), &json!("resume")));
    let (mut ben, again) = server.resume("demo", "ben", &welcome["resume_token"], ben.seq).await;
    assert_eq!(again["session"], welcome["session"]);
    let end = ada_seq(&mut ada).await;
    while ben.seq < end {
        let known = ben.seq;
        let frame = ben.next().await;
        assert!(frame["seq"].as_u64().is_none_or(|seq| seq == known + 1), "{frame}");
    }
}

#[tokio::test]
async fn a_socket_that_the_server_closed_resumes() {
    let server = free_room().await;
    let (mut ada, welcome) = server.join("demo", "ada", Rank::Host).await;
    ok(&mut ada, json!({"type": "seat_take", "seat": 0})).await;
    ada.binary().await;
    assert_eq!(ada.closed().await, 1003);
    let (_ada, welcome) = server.resume("demo", "ada", &welcome["resume_token"], ada.seq).await;
    assert_eq!(welcome["self"]["seat"], json!(0));
}

#[tokio::test]
async fn a_page_that_is_reloaded_has_what_it_had() {
    let server = free_room().await;
    let (mut ada, _) = server.join("demo", "ada", Rank::Host).await;
    let (mut ben, old) = server.join("demo", "ben", Rank::Member).await;
    ok(&mut ben, json!({"type": "seat_take", "seat": 3})).await;
    ok(&mut ada, json!({"type": "member_mute", "identity": "ben"})).await;
    drop(ben);
    let (_ben, welcome) = server.join("demo", "ben", Rank::Member).await;
    let own = &welcome["self"];
    assert_eq!((&own["seat"], &own["host_muted"], &own["self_muted"]), (&json!(3), &json!(true), &json!(true)));
    assert_ne!(welcome["session"], old["session"]);
    stale(&mut server.resuming("demo", "ben", &old["resume_token"], 1).await).await;
}

#[tokio::test]
async fn new_ice_credentials_are_answered_once_a_second() {
    let server = configured(|config| config.limits.open_timeout = Duration::from_millis(50), |_| {}).await;
    let (mut ada, welcome) = server.join("demo", "ada", Rank::Host).await;
    let mut console = server.connect("demo", &token("demo", "cy", Rank::Member)).await;
    console.send(json!({"type": "join"})).await;
    assert_eq!(console.next().await["type"], "welcome");
    let restart = |offer: &str| json!({"type": "ice_restart", "offer": offer});
    assert_eq!(console.ask(restart("v=1")).await["error"]["code"], "session_stale");
    assert_eq!(ada.ask(restart("v=1")).await["ok"]["answer"], "restarted by v=1");
    let refused = ada.ask(restart("v=2")).await;
    assert_eq!(refused["error"]["code"], "rate_limited");
    assert!(refused["error"]["details"]["retry_after_ms"].as_u64().unwrap() <= 1_000);
    let (seq, resume_token) = (ada.seq, &welcome["resume_token"]);
    drop(ada);
    // The transport outlives the socket.
    let (mut ada, _) = server.resume("demo", "ada", resume_token, seq).await;
    // So does the pace.
    tokio::time::sleep(Duration::from_millis(1_050)).await;
    assert_eq!(ada.ask(restart("bad")).await["error"]["code"], "invalid_argument");
    tokio::time::sleep(Duration::from_millis(1_050)).await;
    let id = ada.send(restart("slow")).await;
    ok(&mut ada, json!({"type": "ping"})).await;
    assert_eq!(ada.answer(&id).await["error"]["code"], "internal");
    let mut waiting = server.connect("demo", &token("demo", "dan", Rank::Member)).await;
    assert_eq!(waiting.ask(restart("v=3")).await["error"]["code"], "invalid_argument");
}

async fn free_room() -> Server {
    room_with(|_| {}).await
}

async fn room_with(change: impl FnOnce(&mut Settings)) -> Server {
    configured(|_| {}, change).await
}

async fn configured(config: impl FnOnce(&mut SignalingConfig), change: impl FnOnce(&mut Settings)) -> Server {
    let server = server_with(|all| {
        all.limits.commands_per_second = 100_000;
        all.limits.burst = 100_000;
        config(all);
    })
    .await;
    let mut settings = Settings { seat_mode: SeatMode::Free, ..Default::default() };
    change(&mut settings);
    server.signaling.create_room(&RoomId::parse("demo").unwrap(), settings).await;
    server
}

async fn ok(client: &mut Client, command: Value) -> Value {
    let reply = client.ask(command.clone()).await;
    assert!(reply.get("ok").is_some(), "{command}: {reply}");
    reply["ok"].clone()
}

async fn stale(client: &mut Client) {
    let bye = client.next().await;
    assert_eq!(bye, json!({"type": "bye", "reason": "session_stale", "action": "rejoin"}));
    client.closed().await;
}

/// A host locks and unlocks a seat so often; these events follow from it.
async fn churn(ada: &mut Client, times: usize) -> Vec<Value> {
    ada_seq(ada).await;
    for _ in 0..times {
        ada.send(json!({"type": "seat_lock", "seat": 5})).await;
        ada.send(json!({"type": "seat_unlock", "seat": 5})).await;
    }
    events(ada, times * 2).await
}

/// The next so many numbered events.
async fn events(client: &mut Client, count: usize) -> Vec<Value> {
    let mut events = Vec::new();
    while events.len() < count {
        let frame = client.next().await;
        if frame["seq"].is_u64() {
            events.push(frame);
        }
    }
    events
}

/// Reads until a seat has changed with this cause; the number of that event.
async fn read_up(client: &mut Client, cause: &str) -> u64 {
    client.expect_seat(cause).await;
    client.seq
}

/// Where the log stands: whatever happened before was told to the host before the reply.
async fn ada_seq(ada: &mut Client) -> u64 {
    let id = ada.send(json!({"type": "hand_lower"})).await;
    loop {
        let frame = ada.next().await;
        if frame["type"] == "reply" && frame["request_id"] == json!(id) {
            return ada.seq;
        }
    }
}
