//! The shells between real sockets.

#![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::time::Instant;

use super::*;
use crate::clock;

const PATIENCE: Duration = Duration::from_secs(5);

#[test]
fn datagrams_arrive_in_order_and_not_before_their_time() {
    let (relay, client, server) = udp("delay=60", "delay=30");
    let mut came_from = None;
    let sent: Vec<Instant> = (0..20_u8).map(|number| (clock::now(), client.send(&[number])).0).collect();
    for number in 0..20_u8 {
        let (datagram, from) = receive(&server).unwrap();
        assert_eq!(datagram, [number]);
        let took = clock::since(sent[usize::from(number)]);
        assert!(took >= ms(60), "{took:?}");
        came_from = Some(from);
    }
    let asked = clock::now();
    server.send_to(b"back", came_from.unwrap()).unwrap();
    assert_eq!(receive(&client).unwrap().0, b"back");
    assert!(clock::since(asked) >= ms(30));
    let figures = relay.figures();
    assert_eq!((figures.up.counts.came, figures.up.counts.left, figures.flows), (20, 20, 1));
    assert_eq!((figures.down.counts.left, figures.lateness.count()), (1, 21));
    assert!(figures.up.held.at(0.0) >= ms(60));
}

#[test]
fn each_address_has_a_flow_and_perhaps_a_line_of_its_own() {
    let (relay, near, server) = udp("", "");
    let far = UdpSocket::bind("127.0.0.9:0").unwrap();
    far.connect(relay.address()).unwrap();
    relay.set_for(Ipv4Addr::new(127, 0, 0, 9).into(), Line::delay(ms(300))).unwrap();
    far.send(b"far").unwrap();
    near.send(b"near").unwrap();
    let (first, near_from) = receive(&server).unwrap();
    let (second, far_from) = receive(&server).unwrap();
    assert_eq!((first.as_slice(), second.as_slice()), (b"near".as_slice(), b"far".as_slice()));
    assert_ne!(near_from, far_from);
    server.send_to(b"to far", far_from).unwrap();
    far.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(receive(&far).unwrap().0, b"to far");
    assert_eq!(relay.figures().flows, 2);
}

#[test]
fn a_rebound_client_comes_from_another_port_and_is_answered_there() {
    let (relay, client, server) = udp("", "");
    client.send(b"one").unwrap();
    let (_, before) = receive(&server).unwrap();
    relay.rebind(None);
    client.send(b"two").unwrap();
    let (datagram, after) = receive(&server).unwrap();
    assert_eq!(datagram, b"two");
    assert_ne!(before, after);
    server.send_to(b"lost", before).unwrap();
    server.send_to(b"found", after).unwrap();
    assert_eq!(receive(&client).unwrap().0, b"found");
    assert_eq!(relay.figures().flows, 1);
    // Somebody else's rebinding is not ours.
    relay.rebind(Some(Ipv4Addr::new(127, 0, 0, 99).into()));
    client.send(b"three").unwrap();
    assert_eq!(receive(&server).unwrap().1, after);
}

#[test]
fn nothing_passes_in_a_blackout_and_everything_after_it() {
    let (relay, client, server) = udp("", "");
    relay.black_out(ms(300));
    let begun = clock::now();
    let mut number = 0_u8;
    // One every 10 ms, until one arrives.
    server.set_read_timeout(Some(ms(10))).unwrap();
    while clock::since(begun) < PATIENCE && receive(&server).is_none() {
        client.send(&[number]).unwrap();
        number = number.saturating_add(1);
    }
    assert!(clock::since(begun) >= ms(299), "{:?}", clock::since(begun));
    assert!(clock::since(begun) < PATIENCE);
    assert!(relay.figures().up.counts.in_blackout > 0);
}

#[test]
fn a_line_is_changed_while_it_is_in_use() {
    let (relay, client, server) = udp("", "");
    client.send(b"soon").unwrap();
    receive(&server).unwrap();
    relay.set(Line { up: "delay=200,duplicate=100".parse().unwrap(), down: Impairment::default() }).unwrap();
    let begun = clock::now();
    client.send(b"late").unwrap();
    assert_eq!(receive(&server).unwrap().0, b"late");
    assert!(clock::since(begun) >= ms(200));
    assert_eq!(receive(&server).unwrap().0, b"late", "it comes twice");
    relay.set(Line { up: "loss=100".parse().unwrap(), down: Impairment::default() }).unwrap();
    client.send(b"never").unwrap();
    relay.set(Line::default()).unwrap();
    let lost = relay.figures().up.counts.lost;
    client.send(b"again").unwrap();
    let (next, _) = receive(&server).unwrap();
    // The relay may not have looked between the two changes.
    assert!(next == b"again" || (lost == 0 && next == b"never"), "{next:?}");
}

#[test]
fn a_stream_arrives_whole_late_and_in_order_and_its_end_after_it() {
    let (relay, mut client, mut server) = tcp("delay=80", "delay=40,jitter=30");
    let said: Vec<u8> = (0..200_000_u32).map(|number| number as u8).collect();
    let begun = clock::now();
    let reader = thread::spawn(move || {
        let mut heard = Vec::new();
        server.read_to_end(&mut heard).unwrap();
        server.write_all(b"thank you").unwrap();
        (heard, server)
    });
    client.write_all(&said).unwrap();
    client.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    let (heard, server) = reader.join().unwrap();
    assert!(heard == said, "{} of {} bytes", heard.len(), said.len());
    assert!(clock::since(begun) >= ms(80));
    drop(server);
    client.read_to_end(&mut answer).unwrap();
    assert_eq!(answer, b"thank you");
    assert!(clock::since(begun) >= ms(120));
    assert_eq!(relay.figures().flows, 1);
}

#[test]
fn the_first_bytes_of_a_stream_wait_for_the_handshake_that_was_not() {
    let begun = clock::now();
    let (_relay, mut client, mut server) = tcp("delay=100", "delay=50");
    client.write_all(b"hello").unwrap();
    let mut heard = [0; 5];
    server.read_exact(&mut heard).unwrap();
    // A round trip, and the way.
    assert!(clock::since(begun) >= ms(250), "{:?}", clock::since(begun));
    let again = clock::now();
    client.write_all(b"again").unwrap();
    server.read_exact(&mut heard).unwrap();
    assert!(clock::since(again) >= ms(100));
}

#[test]
fn a_cut_stream_ends_on_both_sides_and_another_may_be_made() {
    let (relay, mut client, mut server) = tcp("", "");
    client.write_all(b"hello").unwrap();
    server.read_exact(&mut [0; 5]).unwrap();
    relay.cut();
    assert!(matches!(client.read(&mut [0; 1]), Ok(0) | Err(_)));
    assert!(matches!(server.read(&mut [0; 1]), Ok(0) | Err(_)));
    assert!(TcpStream::connect(relay.address()).is_ok());
}

#[test]
fn a_relay_of_streams_does_not_take_what_is_for_datagrams() {
    let lossy = Line { up: "loss=1".parse().unwrap(), down: Impairment::default() };
    let to = "127.0.0.1:9".parse().unwrap();
    assert!(matches!(Relay::tcp("127.0.0.1:0", to, lossy.clone(), 1), Err(RelayError::UnfitForStreams("loss"))));
    let relay = Relay::tcp("127.0.0.1:0", to, Line::default(), 1).unwrap();
    assert!(matches!(relay.set(lossy), Err(RelayError::UnfitForStreams("loss"))));
    // Nobody listens there: who connects is turned away.
    let mut client = TcpStream::connect(relay.address()).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    assert!(matches!(client.read(&mut [0; 1]), Ok(0) | Err(_)));
    assert_eq!(relay.figures().flows, 0);
}

/// A relay of datagrams, a client that sends to it, and the server behind it.
fn udp(up: &str, down: &str) -> (Relay, UdpSocket, UdpSocket) {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    let line = Line { up: up.parse().unwrap(), down: down.parse().unwrap() };
    let relay = Relay::udp("127.0.0.1:0", server.local_addr().unwrap(), line, 1).unwrap();
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.connect(relay.address()).unwrap();
    for socket in [&client, &server] {
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
    }
    (relay, client, server)
}

/// A relay of streams with one connection.
fn tcp(up: &str, down: &str) -> (Relay, TcpStream, TcpStream) {
    let listen = TcpListener::bind("127.0.0.1:0").unwrap();
    let line = Line { up: up.parse().unwrap(), down: down.parse().unwrap() };
    let relay = Relay::tcp("127.0.0.1:0", listen.local_addr().unwrap(), line, 1).unwrap();
    let client = TcpStream::connect(relay.address()).unwrap();
    let (server, _) = listen.accept().unwrap();
    for stream in [&client, &server] {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
    }
    (relay, client, server)
}

fn receive(socket: &UdpSocket) -> Option<(Vec<u8>, SocketAddr)> {
    let mut buffer = [0; 2_000];
    let (count, from) = socket.recv_from(&mut buffer).ok()?;
    Some((buffer[..count].to_vec(), from))
}

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}
