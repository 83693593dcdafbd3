//! A change of network in mid-call, by an ICE restart of another implementation.

use std::time::Duration;

use podium_loadtest::participant::{JoinOptions, Participant};
use podium_loadtest::tone::Voice;
use serde_json::json;

use crate::world::{ROOM, World, hears};

#[tokio::test(flavor = "multi_thread")]
async fn a_speaker_and_a_listener_move_to_other_addresses_and_the_tone_goes_on() {
    let world = World::start().await;
    let (host, ben, cleo) = tokio::join!(world.host(), world.listener("ben", 2), world.listener("cleo", 3));
    world.free_mode(&host).await;
    ben.command("seat_take", json!({ "seat": 1 })).await.unwrap();
    ben.speak(Voice::tone(440)).unwrap();
    tokio::join!(hears(&host, 440), hears(&cleo, 440));

    for mover in [&ben, &cleo] {
        let before = mover.welcome()["answer"].as_str().unwrap().to_owned();
        let after = mover.restart_ice().await.unwrap();
        for kept in ["a=fingerprint:", "a=setup:", "a=group:BUNDLE", "a=ssrc:", "a=mid:", "a=candidate:"] {
            assert_eq!(lines(&before, kept), lines(&after, kept), "{kept} stays");
        }
        for fresh in ["a=ice-ufrag:", "a=ice-pwd:", "o="] {
            assert_ne!(lines(&before, fresh), lines(&after, fresh), "{fresh} is new");
        }
        for transport in ["a=ice-ufrag:", "a=ice-pwd:", "a=fingerprint:", "a=setup:"] {
            let mut found = lines(&after, transport);
            assert_eq!(found.len(), lines(&after, "m=audio 9 ").len(), "{transport} stands in every section");
            found.dedup();
            assert_eq!(found.len(), 1, "{transport} is the same in every section");
        }
        hears(&cleo, 440).await;
        hears(&host, 440).await;
    }
    // The old sockets are closed: what is heard now came by the new ones, and on the same tracks under the same keys.
    hears(&cleo, 440).await;
    assert_eq!(cleo.heard().tracks.len(), 1);
    // Nobody joined again.
    world.counts("podium_joins_total{result=\"ok\"}", |joins| joins == 3.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offer_that_restarts_nothing_is_refused_and_the_call_goes_on() {
    let world = World::start().await;
    let (host, ben) = tokio::join!(world.host(), world.listener("ben", 2));
    host.command("seat_take", json!({ "seat": 0 })).await.unwrap();
    host.speak(Voice::tone(440)).unwrap();
    hears(&ben, 440).await;
    let refused = ben.command("ice_restart", json!({ "offer": "v=0" })).await.unwrap_err();
    assert_eq!(refused.code, "invalid_argument", "{refused}");
    tokio::time::sleep(Duration::from_secs(1)).await;
    hears(&ben, 440).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_no_transport_has_nothing_to_restart() {
    let world = World::start().await;
    let token = world.token("eve", "host").await;
    let options = JoinOptions::new(format!("ws://{}", world.server.http()), ROOM, token);
    let console = Participant::join(JoinOptions { microphone: false, slots: 0, ..options }).await.unwrap();
    let offer = include_str!("../data/offers/chromium.sdp");
    let refused = console.command("ice_restart", json!({ "offer": offer })).await.unwrap_err();
    assert_eq!(refused.code, "session_stale", "{refused}");
}

fn lines(sdp: &str, start: &str) -> Vec<String> {
    sdp.lines().filter(|line| line.starts_with(start)).map(str::to_owned).collect()
}
