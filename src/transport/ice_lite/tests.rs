//! Checks of one participant, genuine, repeated and forged, and how long it is believed to be there.

#![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]

use super::*;
use crate::wire::stun::{RequestParams, parse_success, write_request};
use proptest::prelude::*;

const REMOTE: &str = "them";

#[test]
fn the_first_check_validates_and_selects_and_is_answered_with_the_address() {
    let mut story = Story::new();
    let outcome = story.check(1, 5000, false);
    let accepted = Accepted { first: true, added: true, evicted: None, selected_changed: true };
    assert_eq!(outcome, CheckOutcome::Accepted(accepted));
    assert_eq!(story.ice.selected(), Some(path(5000)));
    assert!(story.ice.is_validated(&path(5000)));
    assert!(!story.ice.is_validated(&path(5001)));
    let seen_at = parse_success(&story.out, &transaction(1), &story.ice.present.credentials.pwd);
    assert_eq!(seen_at, Ok(path(5000).remote));
}

#[test]
fn nomination_moves_the_path_and_a_plain_check_does_not() {
    let mut story = Story::new();
    story.check(1, 5000, false);
    assert!(!story.moved(2, 5001, false));
    assert_eq!(story.ice.selected(), Some(path(5000)));
    assert!(story.moved(3, 5001, true));
    assert_eq!(story.ice.selected(), Some(path(5001)));
    assert!(!story.moved(4, 5001, true), "it is there already");
}

#[test]
fn a_plain_check_moves_the_path_once_the_selected_one_was_silent_for_3_s() {
    let mut story = Story::new();
    story.check(1, 5000, false);
    story.after(2_999);
    assert!(!story.moved(2, 5001, false));
    story.after(1);
    assert!(story.moved(3, 5001, false));
    // Media on the selected path keeps it.
    story.after(2_500);
    story.ice.heard(&path(5001), story.now);
    story.after(2_500);
    assert!(!story.moved(4, 5000, false));
}

#[test]
fn a_captured_check_moves_nothing_from_elsewhere() {
    let mut story = Story::new();
    story.check(1, 5000, true);
    story.after(5_000);
    let replayed = story.check(1, 6666, true);
    assert_eq!(replayed, CheckOutcome::Dropped(CheckDrop::Repeated));
    assert!(story.out.is_empty(), "no reply");
    assert!(!story.ice.is_validated(&path(6666)));
    assert_eq!(story.ice.selected(), Some(path(5000)));
}

#[test]
fn a_retransmitted_check_is_answered_again_and_changes_nothing() {
    let mut story = Story::new();
    story.check(1, 5000, true);
    story.check(2, 5001, true);
    let again = story.check(1, 5000, true);
    assert_eq!(again, CheckOutcome::Accepted(Accepted::default()));
    assert!(!story.out.is_empty());
    assert_eq!(story.ice.selected(), Some(path(5001)));
    // Nor does it count as consent, for it may be a replay with a forged source.
    story.after(9_999);
    story.check(1, 5000, true);
    story.after(1);
    assert_eq!(story.ice.consent(story.now), ConsentState::Interrupted);
}

#[test]
fn transactions_are_remembered_256_long() {
    let mut story = Story::new();
    for n in 0..300u32 {
        story.check(n, 5000, false);
    }
    assert_eq!(story.ice.seen.len(), 256);
    let young = story.check(44, 6666, false);
    assert_eq!(young, CheckOutcome::Dropped(CheckDrop::Repeated));
}

#[test]
fn the_ninth_address_takes_the_place_of_the_one_heard_longest_ago() {
    let mut story = Story::new();
    for n in 0..8u16 {
        story.check(n.into(), 5000 + n, n == 0);
        story.after(10);
    }
    story.ice.heard(&path(5001), story.now);
    let CheckOutcome::Accepted(ninth) = story.check(8, 5008, false) else {
        panic!("the check is authentic");
    };
    assert_eq!(ninth.evicted, Some(path(5002)), "5000 is selected, 5001 was heard");
    assert_eq!(story.ice.validated().count(), VALIDATED_MAX);
    assert_eq!(story.ice.selected(), Some(path(5000)));
    // Hundreds of rebindings later it is still so.
    for n in 9..600u16 {
        story.after(10);
        assert!(story.moved(n.into(), 5000 + n, true));
        assert!(story.ice.validated().count() <= VALIDATED_MAX);
    }
}

#[test]
fn consent_is_interrupted_then_gone_then_never_again() {
    let mut story = Story::new();
    assert_eq!(story.ice.consent(story.now), ConsentState::Waiting);
    let begun = story.now;
    assert_eq!(story.ice.next_consent_change(begun), Some(begun + GONE_AFTER));
    story.after(20_000);
    story.check(1, 5000, false);
    let heard = story.now;
    assert_eq!(story.ice.consent(story.now), ConsentState::Fresh);
    assert_eq!(story.ice.next_consent_change(heard), Some(heard + INTERRUPTED_AFTER));
    story.after(9_999);
    assert_eq!(story.ice.consent(story.now), ConsentState::Fresh);
    story.after(1);
    assert_eq!(story.ice.consent(story.now), ConsentState::Interrupted);
    assert_eq!(story.ice.next_consent_change(story.now), Some(heard + GONE_AFTER));
    story.ice.heard(&path(5000), story.now);
    assert_eq!(story.ice.consent(story.now), ConsentState::Fresh);
    story.ice.heard(&path(7777), story.now + INTERRUPTED_AFTER);
    story.after(10_000);
    assert_eq!(story.ice.consent(story.now), ConsentState::Interrupted);
    story.after(20_000);
    assert_eq!(story.ice.consent(story.now), ConsentState::Gone);
    assert_eq!(story.ice.next_consent_change(story.now), None);
}

#[test]
fn one_who_never_comes_is_gone() {
    let mut story = Story::new();
    story.after(29_999);
    assert_eq!(story.ice.consent(story.now), ConsentState::Waiting);
    story.after(1);
    assert_eq!(story.ice.consent(story.now), ConsentState::Gone);
}

#[test]
fn a_restart_holds_the_old_names_until_a_check_nominates_under_the_new_and_then_refuses_them() {
    let mut story = Story::new();
    story.check(1, 5000, true);
    let old = story.name(&story.ice.present);
    assert_eq!(story.restart(8), None);
    let new = story.name(story.ice.pending.as_ref().unwrap());
    assert_eq!(story.ice.ufrags().count(), 2);

    assert!(story.moved_as(&old, 2, 5001, true), "the old ones still work");
    assert!(!story.moved_as(&new, 3, 5002, false), "a plain check proves the path and chooses nothing");
    assert!(story.ice.is_validated(&path(5002)));
    assert!(story.moved_as(&old, 4, 5000, true), "nor does it end the old ones");
    assert_eq!(story.ice.take_retired(), None);

    assert!(story.moved_as(&new, 5, 5002, true));
    assert_eq!(story.ice.take_retired().as_deref(), old.0.split_once(':').map(|(ufrag, _)| ufrag));
    assert_eq!(story.ice.take_retired(), None);
    assert_eq!(story.ice.ufrags().count(), 1);
    let late = story.check_as(&old.0, &old.1, 6, 5000, true);
    assert_eq!((late, story.out.len()), (CheckOutcome::Dropped(CheckDrop::WrongUfrag), 0));
    let mixed = story.check_as(&new.0, &old.1, 7, 5000, true);
    assert_eq!(mixed, CheckOutcome::Dropped(CheckDrop::BadIntegrity));
    assert_eq!(story.ice.selected(), Some(path(5002)));
    assert!(story.ice.is_validated(&path(5000)), "what was under way is still let in");
}

#[test]
fn a_restart_on_the_same_path_takes_effect_too() {
    let mut story = Story::new();
    story.check(1, 5000, true);
    story.restart(8);
    let new = story.name(story.ice.pending.as_ref().unwrap());
    assert!(!story.moved_as(&new, 2, 5000, true), "it is there already");
    assert!(story.ice.take_retired().is_some());
}

#[test]
fn after_silence_the_first_check_under_the_new_names_is_enough() {
    let mut story = Story::new();
    story.check(1, 5000, true);
    story.after(3_000);
    story.restart(8);
    let new = story.name(story.ice.pending.as_ref().unwrap());
    assert!(story.moved_as(&new, 2, 6000, false));
    assert!(story.ice.take_retired().is_some());
}

#[test]
fn a_second_restart_takes_the_place_of_one_that_nobody_used() {
    let mut story = Story::new();
    story.check(1, 5000, true);
    let present = story.name(&story.ice.present);
    story.restart(8);
    let unused = story.name(story.ice.pending.as_ref().unwrap());
    let replaced = story.restart(9);
    assert_eq!(replaced.as_deref(), unused.0.split_once(':').map(|(ufrag, _)| ufrag));
    assert_eq!(story.ice.ufrags().count(), 2, "never more");
    let refused = story.check_as(&unused.0, &unused.1, 2, 5001, true);
    assert_eq!(refused, CheckOutcome::Dropped(CheckDrop::WrongUfrag));
    assert!(story.moved_as(&present, 3, 5001, true));
}

#[test]
fn who_asks_for_a_restart_is_given_10_s_for_it_and_no_more() {
    let mut story = Story::new();
    story.check(1, 5000, true);
    story.after(29_000);
    let asked = story.now;
    story.restart(8);
    assert_eq!(story.ice.next_consent_change(asked), Some(asked + RESTART_WITHIN));
    story.after(9_999);
    assert_eq!(story.ice.consent(story.now), ConsentState::Interrupted);
    story.after(1);
    assert_eq!(story.ice.consent(story.now), ConsentState::Gone);
}

#[test]
fn strangers_get_no_reply() {
    let mut story = Story::new();
    let ours = story.ice.present.credentials.ufrag.clone();
    let pwd = story.ice.present.credentials.pwd.clone();
    let wrong_ufrag = story.check_as(&format!("{ours}:other"), &pwd, 1, 5000, true);
    assert_eq!(wrong_ufrag, CheckOutcome::Dropped(CheckDrop::WrongUfrag));
    let wrong_ufrag = story.check_as("AAxxxxxx:them", &pwd, 1, 5000, true);
    assert_eq!(wrong_ufrag, CheckOutcome::Dropped(CheckDrop::WrongUfrag));
    let name = format!("{ours}:{REMOTE}");
    let forged = story.check_as(&name, "another password 123456", 1, 5000, true);
    assert_eq!(forged, CheckOutcome::Dropped(CheckDrop::BadIntegrity));
    assert!(story.out.is_empty());
    assert_eq!(story.ice.selected(), None);
    assert_eq!(story.ice.validated().count(), 0);
}

proptest! {
    #[test]
    fn every_worker_is_told_by_its_fragments(worker in 0..WORKERS_MAX, random: [u8; 30]) {
        let credentials = Credentials::new(worker, random);
        prop_assert_eq!(worker_of(&credentials.ufrag), Some(worker));
        prop_assert_eq!((credentials.ufrag.len(), credentials.pwd.len()), (8, 32));
        let is_ice = |c: char| c.is_ascii_alphanumeric() || c == '+' || c == '/';
        prop_assert!(credentials.ufrag.chars().chain(credentials.pwd.chars()).all(is_ice));
    }

    #[test]
    fn no_fragment_of_others_makes_trouble(ufrag in ".{0,10}") {
        let _ = worker_of(&ufrag);
    }

    #[test]
    fn passwords_keep_every_bit(a: [u8; 24], b: [u8; 24]) {
        prop_assert_eq!(a == b, encode_pwd(a) == encode_pwd(b));
    }
}

struct Story {
    ice: IceLite,
    now: Instant,
    out: Vec<u8>,
}

impl Story {
    fn new() -> Self {
        let now = crate::runtime::clock::now();
        let credentials = Credentials::new(3, [7; 30]);
        let ice = IceLite::new(credentials, REMOTE.to_owned(), now);
        let out = Vec::new();
        Self { ice, now, out }
    }

    fn restart(&mut self, random: u8) -> Option<String> {
        self.ice.restart(Credentials::new(3, [random; 30]), format!("them{random}"), self.now)
    }

    /// The user name and the password of checks under these names.
    fn name(&self, names: &Names) -> (String, String) {
        (format!("{}:{}", names.credentials.ufrag, names.remote_ufrag), names.credentials.pwd.clone())
    }

    fn after(&mut self, millis: u64) {
        self.now += Duration::from_millis(millis);
    }

    fn check(&mut self, number: u32, port: u16, nominate: bool) -> CheckOutcome {
        let Credentials { ufrag, pwd } = self.ice.present.credentials.clone();
        self.check_as(&format!("{ufrag}:{REMOTE}"), &pwd, number, port, nominate)
    }

    fn moved(&mut self, number: u32, port: u16, nominate: bool) -> bool {
        let name = self.name(&self.ice.present);
        self.moved_as(&name, number, port, nominate)
    }

    fn moved_as(&mut self, (name, password): &(String, String), number: u32, port: u16, nominate: bool) -> bool {
        match self.check_as(name, password, number, port, nominate) {
            CheckOutcome::Accepted(accepted) => accepted.selected_changed,
            other @ (CheckOutcome::Dropped(_) | CheckOutcome::Refused) => panic!("{other:?}"),
        }
    }

    fn check_as(
        &mut self,
        username: &str,
        password: &str,
        number: u32,
        port: u16,
        use_candidate: bool,
    ) -> CheckOutcome {
        let params =
            RequestParams { transaction: transaction(number), username, use_candidate, tie_breaker: 1, priority: 1 };
        let mut datagram = Vec::new();
        write_request(&params, password, &mut datagram);
        let request = BindingRequest::parse(&datagram).expect("we wrote it");
        self.out.clear();
        let path = path(port);
        self.ice.handle_check(&request, path, self.now, &mut self.out)
    }
}

fn transaction(number: u32) -> TransactionId {
    let mut id = [0; 12];
    id[..4].copy_from_slice(&number.to_be_bytes());
    id
}

fn path(port: u16) -> Path {
    Path::udp(([127, 0, 0, 1], 7882).into(), ([192, 0, 2, 1], port).into())
}
