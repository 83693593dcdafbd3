//! What a packet of audio costs on its way from one speaker to many listeners, and what a join costs, without the network: the engine is a value.
//! And what it costs to take datagrams from the kernel.
//!
//! Run it with `cargo bench --bench fanout`. Virtual time goes on by 20 ms a packet, so the speaker stays within their budget.

#![allow(missing_docs, reason = "the macros of criterion make public items")]
#![allow(clippy::unwrap_used, reason = "a benchmark may stop on surprise")]

use std::collections::HashMap;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use nix::sys::socket::{setsockopt, sockopt};
use podium::engine::Engine;
use podium::engine::command::{Command, Interrupt, Open, Plan, PlannedSeat, RoomKey, TransportKey};
use podium::router::Csrc;
use podium::runtime::{clock, udp};
use podium::sdp::{self, HashName, Microphone, Negotiated, SlotParams};
use podium::transport::certificate::{Certificate, Fingerprint};
use podium::transport::dtls::{Dimpl, DtlsRole};
use podium::transport::ice_lite::Credentials;
use podium::transport::secure::{SecureOutput, SecurePath};
use podium::transport::srtp::SrtpSession;
use podium::wire::audio_level::AudioLevel;
use podium::wire::path::Path;
use podium::wire::rtp::{OutgoingHeader, write_header};
use podium::wire::stun::{RequestParams, write_request};

/// One speaker on stage; the others listen.
struct Call {
    engine: Engine,
    now: Instant,
    speaker: Client,
    sequence: u16,
}

/// One participant's end, as far as keys.
struct Client {
    path: Path,
    secure: SecurePath<Dimpl>,
    srtp: Option<Box<SrtpSession>>,
}

/// What the engine needed for one join.
#[derive(Clone, Copy, Default)]
struct JoinCost {
    open: Duration,
    check: Duration,
    handshake: Duration,
}

impl Call {
    fn new(listeners: u32) -> Self {
        let now = clock::now();
        let ours = Certificate::generate().unwrap();
        let theirs = Certificate::generate().unwrap();
        let mut engine = Engine::new(ours.clone(), now, 0);
        let (speaker, _) = join(&mut engine, 0, &ours, &theirs, now);
        for number in 1..=listeners {
            join(&mut engine, number, &ours, &theirs, now);
        }
        let seat = PlannedSeat {
            seat: 0,
            transport: TransportKey(0),
            csrc: Csrc(NonZeroU32::MIN),
            open: true,
            priority: false,
        };
        let plan = Plan { room: ROOM, revision: 1, interrupt: Interrupt::Off, seats: vec![seat], asked_at: now };
        engine.handle_command(Command::Plan(plan), now);
        while engine.poll_event().is_some() {}
        Self { engine, now, speaker, sequence: 0 }
    }

    /// Time in the engine for one packet, from its coming to all its copies.
    fn packet(&mut self, copies: u32) -> Duration {
        self.sequence = self.sequence.wrapping_add(1);
        self.now += FRAME;
        let header = OutgoingHeader {
            marker: false,
            payload_type: PAYLOAD_TYPE,
            sequence: self.sequence,
            timestamp: u32::from(self.sequence).wrapping_mul(960),
            ssrc: MICROPHONE_SSRC,
            csrc: None,
            audio_level: Some((LEVEL_ID, AudioLevel { voice: true, level: 30 })),
            mid: None,
        };
        let mut packet = Vec::with_capacity(256);
        let header_len = write_header(&mut packet, &header);
        packet.push(15 << 3);
        packet.resize(packet.len() + 79, 0xA5);
        let srtp = self.speaker.srtp.as_mut().unwrap();
        let sealed = srtp.protect_rtp(&packet, header_len, MICROPHONE_SSRC, self.sequence).unwrap();
        let began = clock::now();
        self.engine.handle_datagram(self.speaker.path, &sealed, self.now);
        let took = clock::now() - began;
        assert_eq!(self.engine.outbox().len(), copies as usize);
        self.engine.outbox().clear();
        while self.engine.poll_event().is_some() {}
        took
    }
}

/// A whole join in no virtual time.
fn join(
    engine: &mut Engine,
    number: u32,
    ours: &Certificate,
    theirs: &Certificate,
    now: Instant,
) -> (Client, JoinCost) {
    let mut random = [7; 30];
    random[..4].copy_from_slice(&number.to_be_bytes());
    let credentials = Credentials::new(0, random);
    let (ufrag, pwd) = (credentials.ufrag.clone(), credentials.pwd.clone());
    let mut cost = JoinCost::default();
    let open = open(number, credentials, theirs, now);
    cost.open = timed(|| engine.handle_command(Command::Open(Box::new(open)), now));

    let remote = SocketAddr::from(([10, 0, (number >> 8) as u8, number as u8], 40_000));
    let path = Path::udp(SocketAddr::from(([192, 0, 2, 1], 7_882)), remote);
    let fingerprint = Fingerprint::new(HashName::Sha256.as_str(), digest_of(ours)).unwrap();
    let dtls = Dimpl::new(theirs, DtlsRole::Passive, now);
    let mut client = Client { path, secure: SecurePath::new(dtls, DtlsRole::Passive, vec![fingerprint]), srtp: None };
    let params = RequestParams {
        transaction: [number as u8; 12],
        username: &format!("{ufrag}:them"),
        use_candidate: true,
        tie_breaker: 1,
        priority: 1,
    };
    let mut check = Vec::new();
    write_request(&params, &pwd, &mut check);
    cost.check = timed(|| engine.handle_datagram(path, &check, now));
    loop {
        let flight: Vec<Vec<u8>> =
            engine.outbox().iter().skip_while(|(_, bytes)| bytes[0] < 20).map(|(_, bytes)| bytes.to_vec()).collect();
        engine.outbox().clear();
        for datagram in flight {
            client.secure.feed(&datagram, now);
        }
        let mut answered = false;
        while let Some(output) = client.secure.poll() {
            match output {
                SecureOutput::Send(datagram) => {
                    answered = true;
                    cost.handshake += timed(|| engine.handle_datagram(path, &datagram, now));
                }
                SecureOutput::Ready(srtp) => client.srtp = Some(srtp),
                SecureOutput::Failed(failure) => panic!("{failure}"),
                SecureOutput::Closed => panic!("closed"),
            }
        }
        if !answered {
            break;
        }
    }
    engine.outbox().clear();
    assert!(client.srtp.is_some());
    (client, cost)
}

fn open(number: u32, credentials: Credentials, theirs: &Certificate, now: Instant) -> Open {
    let digest = digest_of(theirs);
    let slot = |slot: u32| SlotParams {
        mid: Some(format!("s{slot}")),
        ssrc: 1_000 + slot,
        payload_type: PAYLOAD_TYPE,
        audio_level_id: Some(LEVEL_ID),
        mid_id: Some(4),
    };
    Open {
        transport: TransportKey(number.into()),
        room: ROOM,
        credentials,
        negotiated: Negotiated {
            remote_ufrag: "them".to_owned(),
            remote_pwd: "a password that we never use".to_owned(),
            fingerprints: vec![sdp::Fingerprint { hash: HashName::Sha256, digest }],
            dtls_role: sdp::DtlsRole::Active,
            microphone: Some(Microphone {
                mid: None,
                payload_type: PAYLOAD_TYPE,
                audio_level_id: Some(LEVEL_ID),
                mid_id: None,
                ssrc: Some(MICROPHONE_SSRC),
            }),
            slots: (0..3).map(slot).collect(),
            accepted: vec![None],
            reduced_size_rtcp: true,
            extmap_allow_mixed: false,
        },
        report_ssrc: 1,
        cname: "podium".to_owned(),
        slot_randoms: vec![1, 2, 3],
        asked_at: now,
    }
}

fn digest_of(certificate: &Certificate) -> Vec<u8> {
    let text = certificate.fingerprint().to_string();
    let (_, digest) = text.split_once(' ').unwrap();
    digest.split(':').map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect()
}

fn timed(act: impl FnOnce()) -> Duration {
    let began = clock::now();
    act();
    clock::now() - began
}

fn fan_out(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("copies");
    for listeners in [1, 100, 1_000] {
        let mut call = Call::new(listeners);
        group.throughput(Throughput::Elements(listeners.into()));
        group.bench_function(BenchmarkId::from_parameter(listeners), |bencher| {
            bencher.iter_custom(|packets| (0..packets).map(|_| call.packet(listeners)).sum());
        });
    }
    group.finish();
}

/// Parts of a join by name, each as the mean of many.
fn joins(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("join");
    group.sample_size(20);
    let now = clock::now();
    let (ours, theirs) = (Certificate::generate().unwrap(), Certificate::generate().unwrap());
    let parts: HashMap<&str, fn(JoinCost) -> Duration> = HashMap::from([
        ("opening", (|cost: JoinCost| cost.open) as fn(JoinCost) -> Duration),
        ("first_check", |cost| cost.check),
        ("handshake", |cost| cost.handshake),
    ]);
    for (name, part) in parts {
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|joins| {
                let mut engine = Engine::new(ours.clone(), now, 0);
                (0..joins).map(|number| part(join(&mut engine, number as u32, &ours, &theirs, now).1)).sum()
            });
        });
    }
    group.finish();
}

/// From the kernel into our memory, a batch at a time: with the kernel's stamps, as always, and without, to see what they cost.
fn taking(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("taken");
    group.throughput(Throughput::Elements(udp::BATCH_IN as u64));
    for (name, stamped) in [("stamped", true), ("unstamped", false)] {
        let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let [mut one, mut other] = [(); 2].map(|()| udp::UdpSocket::new(udp::bind(any).unwrap()).unwrap());
        setsockopt(&other, sockopt::ReceiveTimestampns, &stamped).unwrap();
        let payload = [0x80; 120];
        let batch: Vec<(SocketAddr, &[u8])> = vec![(other.local(), &payload[..]); udp::BATCH_IN];
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|batches| {
                let take = |_| {
                    assert_eq!(one.send(&batch).dropped, 0);
                    timed(|| assert_eq!(other.receive(), udp::BATCH_IN))
                };
                (0..batches).map(take).sum()
            });
        });
        assert_eq!(other.stamp(0).is_some(), stamped);
    }
    group.finish();
}

const ROOM: RoomKey = RoomKey(1);
const FRAME: Duration = Duration::from_millis(20);
const PAYLOAD_TYPE: u8 = 111;
const LEVEL_ID: u8 = 1;
const MICROPHONE_SSRC: u32 = 7;

criterion_group!(benches, fan_out, joins, taking);
criterion_main!(benches);
