//! Far away: two people in two browsers whose media goes through a relay, which holds every datagram for as long as a long way would.
//!
//! 150 ms each way is 150 ms from the mouth to the server and 150 ms from there to the ear. What else is between them is told by the browser and
//! printed here, so that nobody need take the class on trust.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use podium::config::OneOrMany;
use podium::runtime::clock;
use podium::server::{Mode, Server};
use podium_loadtest::relay::{Line, Relay};
use serde_json::{Value, json};

use super::driver::{Browser, programs, tone_file};
use super::{DESKTOP, HOST_HZ, LISTENER_HZ, PHONE, config, hears, join};

const WAY: Duration = Duration::from_millis(150);
/// The verdict needs reports (2 s, then every 5 s) and 3 s beyond an edge.
const VERDICT: Duration = Duration::from_secs(40);

#[tokio::test(flavor = "multi_thread")]
async fn a_long_and_uneven_way_is_called_lagging_its_cause_is_named_and_the_host_sees_it_on_the_seat() {
    let Some(programs) = programs() else { return };
    let (server, relay) = serve_through(Line::delay(WAY)).await;
    let links = server.links().unwrap();
    let host = Browser::open(&programs, "far-host", &tone_file(HOST_HZ), DESKTOP).await;
    let guest = Browser::open(&programs, "far-guest", &tone_file(LISTENER_HZ), PHONE).await;
    join(&host, &links.host, "Ada").await;
    host.run("podium.updateRoom({ seatMode: 'free' })", json!([])).await;
    host.run("podium.takeSeat(0)", json!([])).await;
    join(&guest, &links.listener, "Ben").await;
    guest.run("podium.takeSeat(1)", json!([])).await;
    hears(&guest, HOST_HZ).await;
    hears(&host, LISTENER_HZ).await;
    settles(&guest, "steady").await;
    settles(&host, "steady, the host").await;

    for jitter in [40, 80, 120] {
        let line = format!("delay=150,jitter={jitter}");
        relay.set(Line { up: line.parse().unwrap(), down: line.parse().unwrap() }).unwrap();
        relay.forget_figures();
        settles(&guest, &format!("150 ± {jitter}")).await;
    }
    eprintln!("relay: {:?} valid {}", relay.lateness().p99(), relay.lateness().is_valid());
    server.stop().await;
}

/// Prints what the browser knows of the delay once it has settled.
async fn settles(browser: &Browser, what: &str) {
    tokio::time::sleep(Duration::from_secs(16)).await;
    let script = "const { rtt_ms, jitter_buffer_ms, device_ms, loss } = podium.lastStats;
        return { rtt_ms, jitter_buffer_ms, device_ms, loss, latency: podium.state.latency, quality: podium.state.quality }";
    eprintln!("{what}: {}", browser.run(script, json!([])).await);
}

/// A server whose clients reach its media only through the relay.
async fn serve_through(line: Line) -> (Server, Relay) {
    let media: SocketAddr = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let relay = Relay::udp("127.0.0.1:0", media, line, 1).unwrap();
    let mut config = config();
    config.media.listen = OneOrMany::One(media);
    config.media.advertise = vec![format!("127.0.0.1:{}", relay.address().port())];
    (Server::start(config, Mode::Development).await.unwrap(), relay)
}
