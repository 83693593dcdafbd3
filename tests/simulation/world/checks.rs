//! Checks are the asking side of ICE as browsers do it: often until the first reply, then one that nominates, then to keep consent.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use podium::wire::stun::{RequestParams, TransactionId, parse_success, write_request};

use super::dice::Dice;

/// The checks of one participant.
#[derive(Clone, Debug)]
pub(crate) struct Checks {
    username: String,
    password: String,
    dice: Dice,
    asked: VecDeque<TransactionId>,
    next_at: Option<Instant>,
    answered: bool,
    /// Whether later checks nominate too, as Chromium's do.
    pub(crate) keeps_nominating: bool,
    nominated: bool,
    /// How many went out.
    pub(crate) count: u32,
}

impl Checks {
    pub(crate) fn new(ours: &str, theirs: &str, password: &str, dice: Dice, now: Instant) -> Self {
        Self {
            username: format!("{theirs}:{ours}"),
            password: password.to_owned(),
            dice,
            asked: VecDeque::new(),
            next_at: Some(now),
            answered: false,
            keeps_nominating: true,
            nominated: false,
            count: 0,
        }
    }

    pub(crate) fn next_at(&self) -> Option<Instant> {
        self.next_at
    }

    /// Whether any check was answered: before that, a browser looks at nothing else.
    pub(crate) fn answered(&self) -> bool {
        self.answered
    }

    /// The check that is due.
    pub(crate) fn check(&mut self, now: Instant) -> Option<Vec<u8>> {
        if self.next_at? > now {
            return None;
        }
        let interval = if self.answered { CONSENT_EVERY } else { PACE };
        self.next_at = Some(now + interval);
        let transaction: TransactionId = self.dice.bytes();
        if self.asked.len() == ASKED_MAX {
            self.asked.pop_front();
        }
        self.asked.push_back(transaction);
        self.count += 1;
        let use_candidate = self.answered && (self.keeps_nominating || !std::mem::replace(&mut self.nominated, true));
        let params =
            RequestParams { transaction, username: &self.username, use_candidate, tie_breaker: 7, priority: 1 << 24 };
        let mut datagram = Vec::new();
        write_request(&params, &self.password, &mut datagram);
        Some(datagram)
    }

    /// Takes a reply; true if it answers a check of ours.
    pub(crate) fn reply(&mut self, datagram: &[u8], now: Instant) -> bool {
        let matching = |id: &TransactionId| parse_success(datagram, id, &self.password).is_ok();
        let Some(at) = self.asked.iter().position(matching) else {
            return false;
        };
        self.asked.remove(at);
        if !std::mem::replace(&mut self.answered, true) {
            self.next_at = Some(now);
        }
        true
    }
}

const PACE: Duration = Duration::from_millis(50);
const CONSENT_EVERY: Duration = Duration::from_millis(2_500);
const ASKED_MAX: usize = 64;
