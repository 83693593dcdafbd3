//! ICE-lite is the answering half of ICE: it never asks, it learns from authenticated checks which addresses belong to a
//! participant, which of them to send to, and whether the participant still consents
//! ([RFC 8445, section 2.5](https://www.rfc-editor.org/rfc/rfc8445#section-2.5),
//! [RFC 7675](https://www.rfc-editor.org/rfc/rfc7675) for consent).
//!
//!   Waiting ──first check──► Fresh ──10 s silent──► Interrupted ──30 s silent──► Gone
//!                              ▲───────heard──────────────┘
//!
//! A restart (section 2.4) gives both ends a second name and password. The first ones hold until a check with the second ones has
//! selected a path; from then on they are refused. Keys and streams know nothing of it.
//!
//! Left out on purpose: checks of our own, tie breaking (a lite end is always controlled).

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
    present: Names,
    /// Asked for by a restart, and not used yet.
    pending: Option<Names>,
    /// Our user fragment before the last restart took effect, until the owner has taken it.
    retired: Option<String>,
    validated: Vec<Validated>,
    /// Id of the selected path.
    selected: Option<u8>,
    next_id: u8,
    seen: VecDeque<(TransactionId, u8)>,
    /// When anything authentic came last; before the first check, when the session began.
    heard_at: Instant,
    restarted_at: Option<Instant>,
}

/// What both ends are called in checks, and our password.
#[derive(Debug)]
struct Names {
    credentials: Credentials,
    remote_ufrag: String,
}

impl Names {
    fn are_in(&self, request: &BindingRequest<'_>) -> bool {
        request.local_ufrag == self.credentials.ufrag && request.remote_ufrag == self.remote_ufrag
    }
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
            present: Names { credentials, remote_ufrag },
            pending: None,
            retired: None,
            validated: Vec::new(),
            selected: None,
            next_id: 0,
            seen: VecDeque::new(),
            heard_at: now,
            restarted_at: None,
        }
    }

    /// What checks may call our end: at most two fragments, while a restart is under way.
    pub fn ufrags(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.present).chain(&self.pending).map(|names| names.credentials.ufrag.as_str())
    }

    /// Gives both ends new names. Returns the fragment of an earlier restart that nobody used and nobody may use any more.
    pub fn restart(&mut self, credentials: Credentials, remote_ufrag: String, now: Instant) -> Option<String> {
        self.restarted_at = Some(now);
        let replaced = self.pending.replace(Names { credentials, remote_ufrag });
        replaced.map(|names| names.credentials.ufrag)
    }

    /// The fragment that a restart has just put out of use.
    pub fn take_retired(&mut self) -> Option<String> {
        self.retired.take()
    }

    /// Judges a check that came on `path` and appends the reply, if there is one, to `out`.
    pub fn handle_check(
        &mut self,
        request: &BindingRequest<'_>,
        path: Path,
        now: Instant,
        out: &mut Vec<u8>,
    ) -> CheckOutcome {
        let restarts = self.pending.as_ref().is_some_and(|names| names.are_in(request));
        let names =
            if restarts { self.pending.as_ref() } else { Some(&self.present).filter(|names| names.are_in(request)) };
        let Some(names) = names else {
            return CheckOutcome::Dropped(CheckDrop::WrongUfrag);
        };
        if !request.verify(&names.credentials.pwd) {
            return CheckOutcome::Dropped(CheckDrop::BadIntegrity);
        }
        let (transaction, password) = (&request.transaction, &names.credentials.pwd);
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
        let nominates = request.use_candidate || self.selected_is_silent(now);
        if restarts && nominates {
            self.use_pending();
        }
        CheckOutcome::Accepted(self.accept(request.transaction, path, known, nominates, now))
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
            () if now >= self.gone_at() => ConsentState::Gone,
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
            ConsentState::Waiting | ConsentState::Interrupted => Some(self.gone_at()),
            ConsentState::Gone => None,
        }
    }

    /// Who has just asked for a restart is given the time to carry it out.
    fn gone_at(&self) -> Instant {
        let silent_until = self.heard_at + GONE_AFTER;
        self.restarted_at.map_or(silent_until, |at| silent_until.max(at + RESTART_WITHIN))
    }

    fn use_pending(&mut self) {
        if let Some(pending) = self.pending.take() {
            let past = std::mem::replace(&mut self.present, pending);
            self.retired = Some(past.credentials.ufrag);
        }
    }

    fn accept(
        &mut self,
        transaction: TransactionId,
        path: Path,
        known: Option<u8>,
        nominates: bool,
        now: Instant,
    ) -> Accepted {
        let first = self.validated.is_empty();
        let (id, evicted) = match known {
            Some(id) => (id, None),
            None => self.validate(path, now),
        };
        self.heard(&path, now);
        if self.seen.len() == SEEN_MAX {
            self.seen.pop_front();
        }
        self.seen.push_back((transaction, id));
        let selected_changed = self.selected != Some(id) && nominates;
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
/// So long a transport lives at least after a restart was asked for, silent or not.
pub const RESTART_WITHIN: Duration = Duration::from_secs(10);
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
mod tests;
