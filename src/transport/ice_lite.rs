//! ICE-lite is the answering half of ICE: it never asks, it learns from authenticated checks which addresses belong to a
//! participant, which of them to send to, and whether the participant still consents
//! ([RFC 8445, section 2.5](https://www.rfc-editor.org/rfc/rfc8445#section-2.5),
//! [RFC 7675](https://www.rfc-editor.org/rfc/rfc7675) for consent).
//!
//!   Waiting ──first check──► Fresh ──10 s silent──► Interrupted ──30 s silent──► Gone
//!                              ▲───────heard──────────────┘
//!
//! Left out on purpose: checks of our own, tie breaking (a lite end is always controlled), ICE restart.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::wire::path::Path;
use crate::wire::stun::{BindingRequest, ErrorCode, IceRole, TransactionId, write_error, write_success};

/// What our end of a session is called, and what proves it.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The user fragment: the worker's index in two characters, then six random ones.
    pub ufrag: String,
    /// The password, 32 random characters.
    pub pwd: String,
}

impl Credentials {
    /// Credentials of a session that lives on this worker, from random bytes.
    ///
    /// # Panics
    ///
    /// If the worker's index is [`WORKERS_MAX`] or more.
    #[must_use]
    pub fn new(worker: u16, random: [u8; 30]) -> Self {
        let (for_ufrag, for_pwd) = random.split_at(6);
        Self {
            ufrag: encode_ufrag(worker, for_ufrag.try_into().expect("six of thirty bytes")),
            pwd: encode_pwd(for_pwd.try_into().expect("the other twenty-four")),
        }
    }
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The password is a secret, and the fragment finds the session.
        f.write_str("Credentials(..)")
    }
}

/// What became of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckOutcome {
    /// No reply.
    Dropped(CheckDrop),
    /// Authentic, but answered with an error, which is appended.
    Refused,
    /// The answer is appended.
    Accepted(Accepted),
}

/// What an accepted check changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Accepted {
    /// It was the first of the session.
    pub first: bool,
    /// The path is newly validated.
    pub added: bool,
    /// This path is no longer validated, to make room.
    pub evicted: Option<Path>,
    /// The selected path is another one now.
    pub selected_changed: bool,
}

/// Why a check gets no reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CheckDrop {
    /// One of the user fragments is not of this session.
    WrongUfrag,
    /// The integrity does not match our password.
    BadIntegrity,
    /// The transaction was seen before, on another path: a replay.
    Repeated,
}

impl CheckDrop {
    /// The metric label.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::WrongUfrag => "stun_wrong_ufrag",
            Self::BadIntegrity => "stun_bad_integrity",
            Self::Repeated => "stun_repeated",
        }
    }
}

/// Whether the participant is still there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConsentState {
    /// No check came yet.
    Waiting,
    /// Heard within [`INTERRUPTED_AFTER`].
    Fresh,
    /// Silent for [`INTERRUPTED_AFTER`].
    Interrupted,
    /// Silent for [`GONE_AFTER`], or no check came in that time.
    Gone,
}

/// The addresses of one session.
#[derive(Debug)]
pub struct IceLite {
    credentials: Credentials,
    remote_ufrag: String,
    validated: Vec<Validated>,
    /// Id of the selected path.
    selected: Option<u8>,
    next_id: u8,
    seen: VecDeque<(TransactionId, u8)>,
    /// When anything authentic came last; before the first check, when the session began.
    heard_at: Instant,
}

#[derive(Debug, Clone, Copy)]
struct Validated {
    path: Path,
    id: u8,
    heard_at: Instant,
}

impl IceLite {
    /// A session that waits for its first check.
    #[must_use]
    pub fn new(credentials: Credentials, remote_ufrag: String, now: Instant) -> Self {
        Self {
            credentials,
            remote_ufrag,
            validated: Vec::new(),
            selected: None,
            next_id: 0,
            seen: VecDeque::new(),
            heard_at: now,
        }
    }

    /// Our end's name and password.
    #[must_use]
    pub fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// Judges a check that came on `path` and appends the reply, if there is one, to `out`.
    pub fn handle_check(
        &mut self,
        request: &BindingRequest<'_>,
        path: Path,
        now: Instant,
        out: &mut Vec<u8>,
    ) -> CheckOutcome {
        if request.local_ufrag != self.credentials.ufrag || request.remote_ufrag != self.remote_ufrag {
            return CheckOutcome::Dropped(CheckDrop::WrongUfrag);
        }
        if !request.verify(&self.credentials.pwd) {
            return CheckOutcome::Dropped(CheckDrop::BadIntegrity);
        }
        let (transaction, password) = (&request.transaction, &self.credentials.pwd);
        if !request.unknown().is_empty() {
            let code = ErrorCode::UnknownAttribute;
            write_error(transaction, code, request.unknown(), password, out);
            return CheckOutcome::Refused;
        }
        if let IceRole::Controlled(_) = request.role {
            write_error(transaction, ErrorCode::RoleConflict, &[], password, out);
            return CheckOutcome::Refused;
        }
        let known = self.validated.iter().find(|v| v.path == path).map(|v| v.id);
        let seen = self.seen.iter().find(|(id, _)| id == transaction);
        if let Some(&(_, first_on)) = seen {
            if known != Some(first_on) {
                return CheckOutcome::Dropped(CheckDrop::Repeated);
            }
            // Its sender did not get our answer and asks again: answer, and change nothing.
            write_success(transaction, path.remote, password, out);
            return CheckOutcome::Accepted(Accepted::default());
        }
        write_success(transaction, path.remote, password, out);
        CheckOutcome::Accepted(self.accept(request, path, known, now))
    }

    /// The path passed an authenticated check of this session and was not evicted since.
    #[must_use]
    pub fn is_validated(&self, path: &Path) -> bool {
        self.validated.iter().any(|v| v.path == *path)
    }

    /// All validated paths.
    pub fn validated(&self) -> impl Iterator<Item = Path> + '_ {
        self.validated.iter().map(|v| v.path)
    }

    /// Where to send.
    #[must_use]
    pub fn selected(&self) -> Option<Path> {
        let id = self.selected?;
        self.validated.iter().find(|v| v.id == id).map(|v| v.path)
    }

    /// An authenticated packet came on this path; paths that are not validated count for nothing.
    pub fn heard(&mut self, path: &Path, now: Instant) {
        if let Some(validated) = self.validated.iter_mut().find(|v| v.path == *path) {
            validated.heard_at = now;
            self.heard_at = now;
        }
    }

    /// Whether the participant is still there.
    #[must_use]
    pub fn consent(&self, now: Instant) -> ConsentState {
        let silent = now.saturating_duration_since(self.heard_at);
        match () {
            () if silent >= GONE_AFTER => ConsentState::Gone,
            () if self.validated.is_empty() => ConsentState::Waiting,
            () if silent >= INTERRUPTED_AFTER => ConsentState::Interrupted,
            () => ConsentState::Fresh,
        }
    }

    /// When [`IceLite::consent`] will next say something else if nothing is heard; `None` once it is gone.
    #[must_use]
    pub fn next_consent_change(&self, now: Instant) -> Option<Instant> {
        match self.consent(now) {
            ConsentState::Fresh => Some(self.heard_at + INTERRUPTED_AFTER),
            ConsentState::Waiting | ConsentState::Interrupted => Some(self.heard_at + GONE_AFTER),
            ConsentState::Gone => None,
        }
    }

    fn accept(&mut self, request: &BindingRequest<'_>, path: Path, known: Option<u8>, now: Instant) -> Accepted {
        let first = self.validated.is_empty();
        let silent = self.selected_is_silent(now);
        let (id, evicted) = match known {
            Some(id) => (id, None),
            None => self.validate(path, now),
        };
        self.heard(&path, now);
        if self.seen.len() == SEEN_MAX {
            self.seen.pop_front();
        }
        self.seen.push_back((request.transaction, id));
        let selected_changed = self.selected != Some(id) && (request.use_candidate || silent);
        if selected_changed {
            self.selected = Some(id);
        }
        Accepted { first, added: known.is_none(), evicted, selected_changed }
    }

    fn selected_is_silent(&self, now: Instant) -> bool {
        let selected = self.validated.iter().find(|v| Some(v.id) == self.selected);
        selected.is_none_or(|v| now.saturating_duration_since(v.heard_at) >= SILENT_AFTER)
    }

    /// Adds a path; if there are too many, the one that was heard longest ago and is not selected makes room.
    fn validate(&mut self, path: Path, now: Instant) -> (u8, Option<Path>) {
        let mut evicted = None;
        if self.validated.len() == VALIDATED_MAX {
            let others = self.validated.iter().enumerate();
            let (index, _) = others
                .filter(|(_, v)| Some(v.id) != self.selected)
                .min_by_key(|(_, v)| v.heard_at)
                .expect("at most one of several paths is selected");
            evicted = Some(self.validated.remove(index).path);
        }
        while self.validated.iter().any(|v| v.id == self.next_id) {
            self.next_id = self.next_id.wrapping_add(1);
        }
        let id = self.next_id;
        self.next_id = self.next_id.wrapping_add(1);
        let heard_at = now;
        self.validated.push(Validated { path, id, heard_at });
        (id, evicted)
    }
}

/// A user fragment of 8 characters: two tell the worker, six are random.
///
/// # Panics
///
/// If the worker's index is [`WORKERS_MAX`] or more.
#[must_use]
pub fn encode_ufrag(worker: u16, random: [u8; 6]) -> String {
    assert!(worker < WORKERS_MAX, "two characters tell 4096 workers");
    let [high, low] = [worker >> 6, worker & 63].map(|sextet| ALPHABET[usize::from(sextet)]);
    let random = random.map(|byte| ALPHABET[usize::from(byte & 63)]);
    [high, low].into_iter().chain(random).map(char::from).collect()
}

/// The worker that a user fragment of ours tells; `None` if it is not of our making.
#[must_use]
pub fn worker_of(ufrag: &str) -> Option<u16> {
    let &[high, low, ..] = ufrag.as_bytes() else {
        return None;
    };
    if ufrag.len() != UFRAG_LEN {
        return None;
    }
    let sextet = |byte: u8| {
        let at = ALPHABET.iter().position(|&letter| letter == byte)?;
        u16::try_from(at).ok()
    };
    Some(sextet(high)? << 6 | sextet(low)?)
}

/// A password of 32 characters from 24 random bytes, all of whose bits count.
#[must_use]
pub fn encode_pwd(random: [u8; 24]) -> String {
    let sextets = random.chunks_exact(3).flat_map(|three| {
        let bits = u32::from_be_bytes([0, three[0], three[1], three[2]]);
        [18, 12, 6, 0].map(|shift| (bits >> shift) & 63)
    });
    sextets.map(|sextet| char::from(ALPHABET[sextet as usize])).collect()
}

/// The selected path may be left without nomination after so long without an authentic packet on it.
pub const SILENT_AFTER: Duration = Duration::from_secs(3);
/// Without an authentic packet for so long a participant is interrupted.
pub const INTERRUPTED_AFTER: Duration = Duration::from_secs(10);
/// Without an authentic packet for so long a participant is gone.
pub const GONE_AFTER: Duration = Duration::from_secs(30);
/// The most validated paths of a session.
pub const VALIDATED_MAX: usize = 8;
/// The most workers that a user fragment can tell apart.
pub const WORKERS_MAX: u16 = 4096;

/// How many transactions are remembered.
const SEEN_MAX: usize = 256;
const UFRAG_LEN: usize = 8;
/// The characters that ICE allows.
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

#[cfg(test)]
mod tests {
    #![allow(
        clippy::disallowed_methods,
        reason = "an Instant can only be had from the clock; the tests move it themselves"
    )]

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
        let seen_at = parse_success(&story.out, &transaction(1), &story.ice.credentials.pwd);
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
    fn strangers_get_no_reply() {
        let mut story = Story::new();
        let ours = story.ice.credentials.ufrag.clone();
        let pwd = story.ice.credentials.pwd.clone();
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

        fn after(&mut self, millis: u64) {
            self.now += Duration::from_millis(millis);
        }

        fn check(&mut self, number: u32, port: u16, nominate: bool) -> CheckOutcome {
            let Credentials { ufrag, pwd } = self.ice.credentials.clone();
            self.check_as(&format!("{ufrag}:{REMOTE}"), &pwd, number, port, nominate)
        }

        fn moved(&mut self, number: u32, port: u16, nominate: bool) -> bool {
            match self.check(number, port, nominate) {
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
            let params = RequestParams {
                transaction: transaction(number),
                username,
                use_candidate,
                tie_breaker: 1,
                priority: 1,
            };
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
}
