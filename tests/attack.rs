//! Attacks: what strangers and participants can throw at the port. There is no reply to it, the right reason is counted, and the call goes on.

#![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]

#[allow(dead_code, unused_imports, reason = "the world is made for stories; attacks use a part of it")]
#[path = "simulation/world/mod.rs"]
mod world;

use std::net::SocketAddr;
use std::time::Duration;

use podium::engine::counters::DropReason;
use podium::wire::stun::{RequestParams, write_request};
use podium::wire::{DATAGRAM_MAX, DatagramKind, classify};
use podium_signaling::room::Act;

use world::dice::Dice;
use world::network::Weather;
use world::{Reaction, Who, World, host, listener, seat};

#[test]
fn a_check_for_nobody_or_with_the_wrong_password_is_not_answered() {
    let mut call = Call::new(1);
    let check = call.checks(call.ben)[0].clone();
    let (theirs, ours) = call.fragments(&check);
    let password = "a password that is not theirs";
    for from in [stranger(), call.address(call.ben)] {
        for (username, reason) in [
            (format!("nobody00:{ours}"), DropReason::StunUnknownUfrag),
            (format!("{theirs}:nobody"), DropReason::StunUnknownUfrag),
            (format!("{theirs}:{ours}"), DropReason::StunIntegrity),
            (":".to_owned(), DropReason::StunMalformed),
            (String::new(), DropReason::StunMalformed),
            ("x".repeat(600), DropReason::StunMalformed),
        ] {
            let transaction = call.dice.bytes();
            let params =
                RequestParams { transaction, username: &username, use_candidate: true, tie_breaker: 1, priority: 1 };
            let mut datagram = Vec::new();
            write_request(&params, password, &mut datagram);
            call.expect_drop(from, &datagram, reason);
        }
    }
    call.still_works();
}

#[test]
fn a_check_that_was_overheard_is_not_answered_elsewhere() {
    let mut call = Call::new(2);
    for check in call.checks(call.ben) {
        call.expect_drop(stranger(), &check, DropReason::StunRepeated);
    }
    // From where it came it is an echo, and answered as such; but it gives a stranger no way in.
    let media = call.tapped(call.ada, DatagramKind::Rtp)[0].clone();
    call.expect_drop(stranger(), &media, DropReason::UnknownPath);
    call.still_works();
}

#[test]
fn nobody_takes_anothers_address_by_sending_checks_from_it() {
    let mut call = Call::new(11);
    let address = call.address(call.ada);
    for check in call.checks(call.ben) {
        call.expect_drop(address, &check, DropReason::StunPathTaken);
    }
    call.still_works();
}

#[test]
fn nothing_but_stun_is_looked_at_from_an_address_without_a_check() {
    let mut call = Call::new(3);
    for kind in [DatagramKind::Dtls, DatagramKind::Rtp, DatagramKind::Rtcp] {
        let genuine = call.tapped(call.ada, kind);
        assert!(!genuine.is_empty());
        for datagram in genuine.iter().take(50) {
            call.expect_drop(stranger(), datagram, DropReason::UnknownPath);
            let neighbour = SocketAddr::new(call.address(call.ada).ip(), 1);
            call.expect_drop(neighbour, datagram, DropReason::UnknownPath);
        }
    }
    call.still_works();
}

#[test]
fn every_length_from_a_stranger_is_dropped() {
    let mut call = Call::new(4);
    for len in 0..=LENGTHS {
        for shape in Shape::ALL {
            let datagram = shape.make(len, &mut call.dice);
            let otherwise = match shape {
                Shape::Stun => DropReason::StunMalformed,
                Shape::Dtls | Shape::Rtp | Shape::Rtcp => DropReason::UnknownPath,
            };
            call.expect_drop(stranger(), &datagram, expected(&datagram, otherwise));
        }
    }
    call.still_works();
}

#[test]
fn every_length_before_the_keys_is_dropped_and_the_handshake_goes_on() {
    let mut call = Call::new(5);
    for setup in ["actpass", "active"] {
        let far = Weather::clear(Duration::from_millis(100));
        let cora = call.world.join(listener(&format!("cora-{setup}")).setup(setup).weather(far));
        // The first check has come, and the reply to it is on its way.
        call.world.run(Duration::from_millis(120));
        let from = call.address(cora);
        for len in 0..=LENGTHS {
            for shape in [Shape::Stun, Shape::Rtp, Shape::Rtcp] {
                let datagram = shape.make(len, &mut call.dice);
                let otherwise = match shape {
                    Shape::Stun => DropReason::StunMalformed,
                    Shape::Rtp | Shape::Rtcp | Shape::Dtls => DropReason::NoKeys,
                };
                call.expect_drop(from, &datagram, expected(&datagram, otherwise));
            }
            let datagram = Shape::Dtls.make(len, &mut call.dice);
            let reaction = call.world.feed(from, &datagram);
            assert!(reaction.sent == 0 && reaction.taken == 0, "{len}: {reaction:?}");
        }
        call.world.run(Duration::from_secs(1));
        assert!(call.world.person(cora).end.keys_at.is_some(), "{setup}: the handshake is over");
        call.world.forget_heard();
        call.world.run(Duration::from_secs(1));
        assert!(call.world.heard_of(cora, call.ada).len() >= 49);
    }
    call.still_works();
}

/// Until the keys exist anyone who can forge a participant's address can forge a hello. It costs that handshake at most.
#[test]
fn a_forged_hello_harms_no_other_and_bars_nobody_from_coming_again() {
    let mut call = Call::new(11);
    for message in [1, 2, 3] {
        let far = Weather::clear(Duration::from_millis(100));
        let cora = call.world.join(listener("cora").weather(far));
        call.world.run(Duration::from_millis(120));
        let from = call.address(cora);
        for len in 14..400 {
            let mut datagram = Shape::Dtls.make(len, &mut call.dice);
            (datagram[0], datagram[13]) = (22, message);
            let reaction = call.world.feed(from, &datagram);
            assert_eq!(reaction.taken, 0);
        }
        call.world.run(Duration::from_secs(1));
        let again = call.world.join(listener("cora"));
        call.world.run(Duration::from_secs(1));
        assert!(call.world.heard_of(again, call.ada).len() > 40);
    }
    call.still_works();
}

#[test]
fn every_length_from_a_participant_is_dropped() {
    let mut call = Call::new(6);
    let (from, ssrc) = (call.address(call.ada), call.world.person(call.ada).end.microphone.ssrc);
    let payload_type = 96;
    let sequence = |call: &Call| call.world.person(call.ada).end.microphone.next_sequence;
    for len in 0..=LENGTHS {
        for shape in Shape::ALL {
            let mut datagram = shape.make(len, &mut call.dice);
            if shape == Shape::Dtls {
                let reaction = call.world.feed(from, &datagram);
                assert_eq!(reaction.sent, 0, "{len}");
                continue;
            }
            if shape == Shape::Rtp && len >= 12 {
                // The microphone's own payload type, and every other time its SSRC and a number that may come.
                (datagram[0], datagram[1]) = (0x80, payload_type);
                if len % 2 == 0 {
                    datagram[2..4].copy_from_slice(&sequence(&call).wrapping_add(9).to_be_bytes());
                    datagram[8..12].copy_from_slice(&ssrc.to_be_bytes());
                }
            }
            let otherwise = if shape == Shape::Stun { DropReason::StunMalformed } else { DropReason::SrtpAuth };
            call.expect_drop(from, &datagram, expected(&datagram, otherwise));
        }
        // Within what one publisher may send.
        call.world.run(Duration::from_millis(60));
    }
    call.still_works();
}

#[test]
fn a_header_that_is_none_is_told_from_a_tag_that_is_wrong() {
    let mut call = Call::new(7);
    let from = call.address(call.ada);
    let genuine = call.tapped(call.ada, DatagramKind::Rtp)[0].clone();
    let mut cut = genuine.clone();
    cut[12..16].copy_from_slice(&[0xBE, 0xDE, 0xFF, 0xFF]);
    call.expect_drop(from, &cut, DropReason::RtpMalformed);
    let mut other = genuine.clone();
    other[1] ^= 1;
    call.expect_drop(from, &other, DropReason::PayloadType);
    call.expect_drop(from, &genuine, DropReason::SrtpReplayed);
    let mut nobody = genuine;
    nobody[0] = 0xC0;
    call.expect_drop(from, &nobody, DropReason::NotOurs);
    call.still_works();
}

#[test]
fn genuine_packets_with_one_bit_wrong_are_dropped() {
    let mut call = Call::new(8);
    for kind in [DatagramKind::Stun, DatagramKind::Rtp, DatagramKind::Rtcp] {
        let genuine = call.tapped(call.ada, kind);
        let from = call.address(call.ada);
        for _ in 0..1_000 {
            let mut datagram = genuine[call.dice.below(genuine.len())].clone();
            let bit = call.dice.below(datagram.len() * 8);
            datagram[bit / 8] ^= 1 << (bit % 8);
            if classify(&datagram) == DatagramKind::Dtls {
                continue;
            }
            let reaction = call.world.feed(from, &datagram);
            assert!(reaction.dropped.is_some() && reaction.sent == 0, "{kind:?} bit {bit}: {reaction:?}");
            call.world.run(Duration::from_millis(10));
        }
    }
    call.still_works();
}

#[test]
fn genuine_packets_cut_short_are_dropped() {
    let mut call = Call::new(9);
    let from = call.address(call.ada);
    for kind in [DatagramKind::Stun, DatagramKind::Rtp, DatagramKind::Rtcp] {
        let genuine = call.tapped(call.ada, kind).pop().unwrap();
        for len in 0..genuine.len() {
            let reaction = call.world.feed(from, &genuine[..len]);
            assert!(reaction.dropped.is_some() && reaction.sent == 0, "{kind:?} of {len} bytes: {reaction:?}");
            call.world.run(Duration::from_millis(10));
        }
    }
    call.still_works();
}

#[test]
fn a_flood_of_copies_and_forgeries_uses_up_nobodys_budget() {
    let mut call = Call::new(10);
    let from = call.address(call.ada);
    let genuine = call.tapped(call.ada, DatagramKind::Rtp)[0].clone();
    let before = call.world.counters();
    let mut forged = genuine.clone();
    *forged.last_mut().unwrap() ^= 1;
    for _ in 0..5_000 {
        call.world.feed(from, &genuine);
        call.world.feed(from, &forged);
    }
    call.world.run(Duration::from_secs(2));
    let after = call.world.counters();
    let counted = |reason| after.drops(reason) - before.drops(reason);
    assert_eq!(counted(DropReason::SrtpReplayed) + counted(DropReason::SrtpAuth), 10_000);
    assert_eq!(counted(DropReason::Budget), 0, "what is not authentic is not charged to the one it names");
    call.still_works();
}

#[test]
fn a_flood_of_ones_own_is_cut_to_the_budget() {
    let mut call = Call::new(12);
    let before = call.world.counters();
    let now = call.world.now;
    call.world.end(call.ada).microphone.burst(5_000, now);
    call.world.run(Duration::from_millis(100));
    let after = call.world.counters();
    assert!(after.drops(DropReason::Budget) - before.drops(DropReason::Budget) > 4_800);
    assert!(after.rtp_out - before.rtp_out < 200);
    call.world.run(Duration::from_secs(2));
    call.still_works();
}

/// A host who speaks from a seat and a listener who hears; all they send is kept.
struct Call {
    world: World,
    ada: Who,
    ben: Who,
    dice: Dice,
    sent: Vec<(SocketAddr, Vec<u8>)>,
}

impl Call {
    fn new(seed: u64) -> Self {
        let mut world = World::new(seed);
        world.tapped = Some(Vec::new());
        let ada = world.join(host("ada"));
        let ben = world.join(listener("ben"));
        world.act(ada, Act::SeatTake { seat: seat(1) }).unwrap();
        world.speak(ada, 30);
        world.run(Duration::from_secs(6));
        let sent = world.tapped.take().unwrap();
        let mut call = Self { world, ada, ben, dice: Dice::new(seed), sent };
        call.still_works();
        call
    }

    /// The listener hears every packet of two seconds, and the listener's end had nothing to refuse.
    fn still_works(&mut self) {
        self.world.run(Duration::from_secs(1));
        self.world.forget_heard();
        self.world.run(Duration::from_secs(2));
        let heard = self.world.heard_of(self.ben, self.ada).len();
        assert!((99..=101).contains(&heard), "{heard}");
        assert_eq!(self.world.person(self.ben).end.unusable, 0);
    }

    fn expect_drop(&mut self, from: SocketAddr, datagram: &[u8], reason: DropReason) {
        let reaction = self.world.feed(from, datagram);
        let expected = Reaction { dropped: Some(reason), sent: 0, taken: 0 };
        assert_eq!(reaction, expected, "{} bytes: {:02x?}", datagram.len(), &datagram[..datagram.len().min(24)]);
    }

    fn address(&self, who: Who) -> SocketAddr {
        self.world.person(who).end.address
    }

    fn tapped(&self, who: Who, kind: DatagramKind) -> Vec<Vec<u8>> {
        let address = self.address(who);
        let theirs = self.sent.iter().filter(|(from, bytes)| *from == address && classify(bytes) == kind);
        theirs.map(|(_, bytes)| bytes.clone()).collect()
    }

    fn checks(&self, who: Who) -> Vec<Vec<u8>> {
        self.tapped(who, DatagramKind::Stun)
    }

    /// The two user fragments of a check, the server's first.
    fn fragments(&self, check: &[u8]) -> (String, String) {
        let request = podium::wire::stun::BindingRequest::parse(check).unwrap();
        (request.local_ufrag.to_owned(), request.remote_ufrag.to_owned())
    }
}

/// What random bytes pretend to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Stun,
    Dtls,
    Rtp,
    Rtcp,
}

impl Shape {
    const ALL: [Self; 4] = [Self::Stun, Self::Dtls, Self::Rtp, Self::Rtcp];

    fn make(self, len: usize, dice: &mut Dice) -> Vec<u8> {
        let mut datagram = vec![0; len];
        datagram.fill_with(|| dice.number() as u8);
        let length = (len.saturating_sub(20) as u16).to_be_bytes();
        let record = (len.saturating_sub(13) as u16).to_be_bytes();
        let head: Vec<u8> = match self {
            // A Binding request with the magic cookie and the right length.
            Self::Stun => vec![0, 1, length[0], length[1], 0x21, 0x12, 0xA4, 0x42],
            // A record of epoch 0 and the right length, every other time of the handshake, but no hello: those are forged below.
            Self::Dtls => {
                let content = if dice.permille(500) { 22 } else { 20 + dice.below(44) as u8 };
                let message = [4, 8, 11, 12, 13, 14, 15, 16, 20, 24][dice.below(10)];
                vec![content, 254, 253, 0, 0, 0, 0, 0, 0, 0, 1, record[0], record[1], message]
            }
            Self::Rtp => vec![0x80 | (dice.number() as u8 & 0x3F), 111],
            Self::Rtcp => vec![0x80 | (dice.number() as u8 & 0x1F), 200 + (dice.number() % 8) as u8],
        };
        for (byte, wanted) in datagram.iter_mut().zip(head) {
            *byte = wanted;
        }
        datagram
    }
}

/// What is too long or too short to be anything is said to be that, whoever sends it.
fn expected(datagram: &[u8], otherwise: DropReason) -> DropReason {
    match classify(datagram) {
        _ if datagram.len() > DATAGRAM_MAX => DropReason::TooLarge,
        DatagramKind::Unknown => DropReason::NotOurs,
        DatagramKind::Stun | DatagramKind::Dtls | DatagramKind::Rtp | DatagramKind::Rtcp => otherwise,
    }
}

fn stranger() -> SocketAddr {
    SocketAddr::from(([203, 0, 113, 9], 9_999))
}

const LENGTHS: usize = 1_600;
