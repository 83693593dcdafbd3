//! Lines with faults between the clients and the server: those who come over them are heard all the same, and go on when the line does.

use std::time::Duration;

use podium::config::OneOrMany;
use podium::server::{Mode, Server};
use podium_loadtest::participant::Participant;
use podium_loadtest::relay::{Line, Relay};
use podium_loadtest::server::free_udp_address;
use podium_loadtest::tone::Voice;

use crate::world::{World, a_while, config, eventually, hears};

const PITCH_HZ: u32 = 440;

#[tokio::test(flavor = "multi_thread")]
async fn over_a_bad_line_people_join_and_are_heard() {
    let (world, relay) = through("delay=60,jitter=30,loss=5,burst=0.5:30,reorder=3,duplicate=3").await;
    let (host, listener) = one_speaks(&world).await;
    eventually("a second's packets are heard", || listener.heard().sources[&1].packets > 50).await;
    let heard = listener.heard();
    let source = heard.sources[&1];
    assert!(source.missed() < host.packets_sent() / 3, "{source:?}");
    assert!(source.transit_mean() >= Duration::from_millis(60), "{source:?}");
    let is_bad = || relay.figures().up.counts.lost > 0 && relay.figures().down.counts.doubled > 0;
    eventually("the line loses and doubles", is_bad).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_round_trip_that_a_client_tells_is_that_of_its_line() {
    let (world, _relay) = through("delay=75").await;
    let host = world.host().await;
    let mut told = None;
    for _ in 0..50 {
        told = host.round_trip().await;
        if told.is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let told = told.expect("a check was answered");
    assert!(told >= Duration::from_millis(150) && told < Duration::from_millis(400), "{told:?}");
    host.report().await.expect("the server takes it");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_rebinding_the_same_session_is_heard_from_its_new_address() {
    let (world, relay) = through("").await;
    let (host, listener) = one_speaks(&world).await;
    let session = host.session().to_owned();
    relay.rebind(None);
    // What came before has been heard by then.
    tokio::time::sleep(Duration::from_millis(300)).await;
    hears(&listener, PITCH_HZ).await;
    assert_eq!(host.session(), session);
    assert_eq!(relay.figures().flows, 2, "nobody had to join again");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_blackout_the_voice_comes_back_by_itself() {
    let (world, relay) = through("").await;
    let (_host, listener) = one_speaks(&world).await;
    relay.black_out(Duration::from_secs(2));
    tokio::time::sleep(Duration::from_millis(500)).await;
    let dark = a_while().await;
    assert!(listener.listen_since(dark).is_empty(), "nothing passes");
    hears(&listener, PITCH_HZ).await;
    eventually("something was lost in it", || relay.figures().up.counts.in_blackout > 0).await;
}

/// A server whose media is reached through a relay whose line is the same both ways.
async fn through(both: &str) -> (World, Relay) {
    let media = free_udp_address().unwrap();
    let relay = Relay::udp("127.0.0.1:0", media, Line::symmetric(both.parse().unwrap()), 1).unwrap();
    let mut config = config();
    config.media.listen = OneOrMany::One(media);
    // A relay stands before one worker.
    config.media.workers = 1;
    config.media.advertise = vec![relay.address().to_string()];
    (World { server: Server::start(config, Mode::Development).await.unwrap() }, relay)
}

/// A host who speaks and a listener who hears it.
async fn one_speaks(world: &World) -> (Participant, Participant) {
    let host = world.host().await;
    world.free_mode(&host).await;
    host.command("seat_take", serde_json::json!({ "seat": 0 })).await.unwrap();
    let listener = world.listener("cleo", 3).await;
    host.speak(Voice::tone(PITCH_HZ)).unwrap();
    hears(&listener, PITCH_HZ).await;
    (host, listener)
}
