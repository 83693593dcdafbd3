//! What outlives the process: rooms, seats, hands, ranks, bans. A server that is stopped and started on the same file goes on.
#![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]

mod support;

use std::time::Duration;

use podium_signaling::{
    SignalingConfig,
    ids::{Identity, RoomId},
    room::{Rank, Settings},
};
use serde_json::{Value, json};
use support::{Client, Server, StoreFile, token};

fn with_grace(config: &mut SignalingConfig) {
    config.settings = Settings { reconnect_grace: GRACE, detached_max: GRACE * 2, ..Settings::default() };
}

async fn stop(server: Server) {
    assert!(server.signaling.shutdown(Duration::from_secs(5)).await);
}

/// The room as a back end sees it.
async fn look(server: &Server) -> Value {
    let token = support::token_with(json!({"video": {"room": "demo", "roomAdmin": true}}));
    let bearer = format!("Bearer {token}");
    let (status, _, body) = server.http("GET", "/v1/rooms/demo", &[("authorization", &bearer)], "").await;
    assert_eq!(status, 200, "{body}");
    serde_json::from_str(&body).unwrap()
}

async fn ok(client: &mut Client, command: Value) -> Value {
    let reply = client.ask(command.clone()).await;
    assert!(reply.get("ok").is_some_and(|ok| ok.get("durable").is_none()), "{command}: {reply}");
    reply["ok"].clone()
}

/// What the log says since the room came back, as soon as there is so much of it: nobody waits for news to be on the disk.
async fn since_the_restart(server: &Server, count: usize) -> Vec<String> {
    let mut kinds = Vec::new();
    for _ in 0..1_000 {
        let (status, told) = server.http_json("GET", "/v1/events?kinds=room.*,participant.*", &back_end(), "").await;
        assert_eq!(status, 200, "{told}");
        kinds =
            told["items"].as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect();
        let restored = kinds.iter().position(|kind| kind == "room.restored");
        kinds = restored.map(|restored| kinds.split_off(restored)).unwrap_or_default();
        if kinds.len() >= count {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    kinds
}

#[tokio::test]
async fn people_come_back_into_their_seats_with_ranks_mutes_hands_and_bans_as_they_were() {
    let file = StoreFile::new("restart-seats");
    let server = file.server(with_grace).await;
    let (mut ada, _) = server.join("demo", "ada", Rank::Host).await;
    let (mut ben, _) = server.join("demo", "ben", Rank::Member).await;
    let (mut cy, _) = server.join("demo", "cy", Rank::Member).await;
    let (mut dan, _) = server.join("demo", "dan", Rank::Member).await;
    ok(&mut ada, json!({"type": "seat_take", "seat": 0})).await;
    ok(&mut ada, json!({"type": "member_rank", "identity": "dan", "rank": "cohost"})).await;
    ok(&mut ben, json!({"type": "hand_raise", "mic_ready": true})).await;
    ok(&mut ada, json!({"type": "hand_approve", "identity": "ben"})).await;
    ok(&mut ben, json!({"type": "mute_self", "muted": false})).await;
    ok(&mut cy, json!({"type": "hand_raise"})).await;
    ok(&mut ada, json!({"type": "member_mute", "identity": "cy"})).await;
    ok(&mut ada, json!({"type": "seat_lock", "seat": 4})).await;
    ok(&mut ada, json!({"type": "seat_mute", "seat": 5})).await;
    ok(&mut ada, json!({"type": "member_ban", "identity": "eve", "reason": "noise"})).await;
    ok(&mut ada, json!({"type": "room_update", "seat_mode": "invite_only", "turn_s": 600})).await;
    ok(&mut dan, json!({"type": "prefs", "do_not_invite": true})).await;
    let before = look(&server).await;
    let seat_of_ben = before["seats"].as_array().unwrap().iter().position(|seat| seat["identity"] == "ben").unwrap();
    stop(server).await;

    let server = file.server(with_grace).await;
    let after = look(&server).await;
    assert_eq!(after["seats"][seat_of_ben]["state"], "reserved", "{after}");
    assert_eq!(after["seats"][seat_of_ben]["why"], "reconnect", "{after}");
    assert_eq!(after["seats"][4]["state"], "locked");
    assert_eq!(after["seats"][5]["muted_by_host"], true);
    assert_eq!(after["seat_mode"], "invite_only");
    assert!(after["seq"].as_u64() >= before["seq"].as_u64());

    let mut ben = server.connect("demo", &token("demo", "ben", Rank::Member)).await;
    ben.send(json!({"type": "join", "offer": "v=0", "mic_ready": true})).await;
    let welcome = ben.next().await;
    let own = &welcome["self"];
    assert_eq!((&own["seat"], &own["seat_state"]), (&json!(seat_of_ben), &json!("occupied")), "{welcome}");
    assert_eq!(own["self_muted"], false, "on air again, since the microphone is ready");
    let (_cy, welcome) = server.join("demo", "cy", Rank::Member).await;
    assert_eq!(welcome["self"]["host_muted"], true);
    assert_eq!(welcome["self"]["hand"]["position"], 1, "{welcome}");
    let (_dan, welcome) = server.join("demo", "dan", Rank::Member).await;
    assert_eq!((&welcome["self"]["rank"], &welcome["self"]["do_not_invite"]), (&json!("cohost"), &json!(true)));
    let mut eve = server.connect("demo", &token("demo", "eve", Rank::Member)).await;
    eve.send(json!({"type": "join", "offer": "v=0"})).await;
    let refused = eve.next().await;
    assert_eq!(refused["error"]["code"], "banned", "{refused}");
    let since = since_the_restart(&server, 4).await;
    assert_eq!(
        since,
        ["room.restored", "participant.joined", "participant.joined", "participant.joined"],
        "the sessions of before are over without a word"
    );
    stop(server).await;
}

#[tokio::test]
async fn whoever_does_not_come_back_loses_the_seat_after_the_grace_as_for_a_lost_connection() {
    let file = StoreFile::new("restart-grace");
    let server = file.server(with_grace).await;
    let (mut ada, _) = server.join("demo", "ada", Rank::Host).await;
    ok(&mut ada, json!({"type": "seat_take", "seat": 0})).await;
    stop(server).await;

    let server = file.server(with_grace).await;
    let (mut ben, welcome) = server.join("demo", "ben", Rank::Member).await;
    assert_eq!(welcome["room"]["seats"][0]["why"], "reconnect");
    let lost = ben.expect_seat("lost").await;
    assert_eq!(lost["seat"]["state"], "open");
    stop(server).await;
}

#[tokio::test]
async fn a_session_of_before_cannot_go_on_and_is_told_to_join() {
    let file = StoreFile::new("restart-resume");
    let server = file.server(with_grace).await;
    let (mut ada, welcome) = server.join("demo", "ada", Rank::Host).await;
    ok(&mut ada, json!({"type": "seat_take", "seat": 0})).await;
    stop(server).await;

    let server = file.server(with_grace).await;
    let mut ada = server.resuming("demo", "ada", &welcome["resume_token"], ada.seq).await;
    let bye = ada.next().await;
    assert_eq!((&bye["reason"], &bye["action"]), (&json!("session_stale"), &json!("rejoin")), "{bye}");
    stop(server).await;
}

#[tokio::test]
async fn a_closed_room_does_not_come_back_and_an_empty_one_with_a_ban_does() {
    let file = StoreFile::new("restart-closed");
    let server = file.server(with_grace).await;
    for name in ["demo", "gone"] {
        let room = RoomId::parse(name).unwrap();
        assert_eq!(server.signaling.create_room(&room, Settings::default()).await, podium_signaling::Creation::Created);
    }
    let (mut ada, _) = server.join("demo", "ada", Rank::Host).await;
    ok(&mut ada, json!({"type": "member_ban", "identity": "eve"})).await;
    ok(&mut ada, json!({"type": "leave"})).await;
    let (mut ben, _) = server.join("gone", "ben", Rank::Host).await;
    ok(&mut ben, json!({"type": "room_close"})).await;
    ben.expect("bye").await;
    stop(server).await;

    let server = file.server(with_grace).await;
    let back_end = format!("Bearer {}", back_end());
    let (status, _, body) = server.http("GET", "/v1/rooms", &[("authorization", &back_end)], "").await;
    let rooms: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, rooms["rooms"].as_array().unwrap().len()), (200, 1), "{body}");
    assert_eq!(rooms["rooms"][0]["id"], "demo");
    let eve = Identity::parse("eve").unwrap();
    let mut client = server.connect("demo", &token("demo", eve.as_str(), Rank::Member)).await;
    client.send(json!({"type": "join", "offer": "v=0"})).await;
    assert_eq!(client.next().await["error"]["code"], "banned");
    stop(server).await;
}

fn back_end() -> String {
    support::token_with(json!({"video": {"roomList": true}}))
}

/// Long enough to come back within, short enough to wait for.
const GRACE: Duration = Duration::from_secs(3);
