//! An engine as the control plane and the network see it, before there are keys: commands, checks, and what is left behind.

#![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]

use super::*;
use crate::runtime::clock;
use crate::sdp::{DtlsRole, Fingerprint, HashName, Negotiated};
use crate::transport::ice_lite::Credentials;
use crate::wire::stun::{RequestParams, write_request};

const ADA: TransportKey = TransportKey(1);

#[test]
fn restarts_leave_at_most_two_fragments_and_a_closing_none() {
    let mut story = Story::new();
    story.open(ADA, 1);
    assert_eq!(story.check(1, 1, 5_000), 1, "answered");
    for random in 2..60 {
        story.restart(ADA, random);
        assert_eq!(story.engine.by_ufrag.len(), 2);
    }
    assert_eq!(story.check(58, 2, 5_000), 0, "a restart that another replaced");
    assert_eq!(story.check(1, 3, 5_000), 1, "the first still hold");
    assert_eq!(story.check(59, 4, 5_001), 1);
    assert_eq!(story.engine.by_ufrag.len(), 1);
    assert_eq!(story.check(1, 5, 5_000), 0, "and hold no more");
    assert_eq!(story.engine.counters().drops(DropReason::StunUnknownUfrag), 2);
    story.restart(ADA, 60);
    story.engine.handle_command(Command::Close(ADA), story.now);
    assert!(story.engine.by_ufrag.is_empty() && story.engine.by_path.is_empty());
}

#[test]
fn a_restart_told_twice_or_for_nobody_or_with_anothers_fragment_changes_nothing() {
    let mut story = Story::new();
    story.open(ADA, 1);
    story.open(TransportKey(2), 2);
    story.restart(ADA, 3);
    story.restart(ADA, 3);
    story.restart(TransportKey(9), 4);
    story.restart(ADA, 2);
    assert_eq!(story.engine.by_ufrag.len(), 3);
    assert!(story.engine.has(ADA) && !story.engine.has(TransportKey(9)));
    assert_eq!([story.check(2, 1, 5_000), story.check(3, 2, 5_001)], [1, 1]);
}

struct Story {
    engine: Engine,
    now: Instant,
}

impl Story {
    fn new() -> Self {
        let now = clock::now();
        Self { engine: Engine::new(Certificate::generate().unwrap(), now, 0), now }
    }

    fn open(&mut self, transport: TransportKey, random: u8) {
        let negotiated = Negotiated {
            remote_ufrag: format!("them{random}"),
            remote_pwd: "a password that we never use".to_owned(),
            fingerprints: vec![Fingerprint { hash: HashName::Sha256, digest: vec![7; 32] }],
            dtls_role: DtlsRole::Passive,
            microphone: None,
            slots: Vec::new(),
            accepted: vec![None],
            reduced_size_rtcp: false,
            extmap_allow_mixed: false,
        };
        let open = Open {
            transport,
            room: RoomKey(1),
            credentials: Credentials::new(0, [random; 30]),
            negotiated,
            report_ssrc: 1,
            cname: "podium".to_owned(),
            slot_randoms: Vec::new(),
            asked_at: self.now,
        };
        self.engine.handle_command(Command::Open(Box::new(open)), self.now);
    }

    fn restart(&mut self, transport: TransportKey, random: u8) {
        let credentials = Credentials::new(0, [random; 30]);
        let restart = Restart { transport, credentials, remote_ufrag: format!("them{random}") };
        self.engine.handle_command(Command::Restart(restart), self.now);
    }

    /// A check that nominates, under the names made of `random`; how many datagrams answer it.
    fn check(&mut self, random: u8, number: u8, port: u16) -> usize {
        let Credentials { ufrag, pwd } = Credentials::new(0, [random; 30]);
        let params = RequestParams {
            transaction: [number; 12],
            username: &format!("{ufrag}:them{random}"),
            use_candidate: true,
            tie_breaker: 1,
            priority: 1,
        };
        let mut datagram = Vec::new();
        write_request(&params, &pwd, &mut datagram);
        let path = Path::udp(([127, 0, 0, 1], 7_882).into(), ([192, 0, 2, 1], port).into());
        self.engine.handle_datagram(path, &datagram, self.now);
        let answers = self.engine.outbox().len();
        self.engine.outbox().clear();
        answers
    }
}
