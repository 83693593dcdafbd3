//! A hold is a session's right to go on by another socket, for whoever shows its token.
//!
//! A token is good once. Yet the welcome that brings the next one may be lost on its way: so the shown token stays good until the client has shown
//! that the welcome came. It knows nothing of sockets; the time is an argument.
//!
//!   good ──resume──► good, and a fresh one on its way ──shown──► the fresh one is good

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use crate::{
    ids::{Identity, SessionId},
    room::Rank,
};

/// The holds of a room's sessions: one for each that is not over.
#[derive(Debug, Default)]
pub(crate) struct Holds {
    sessions: HashMap<SessionId, Hold>,
    tokens: HashMap<String, SessionId>,
}

#[derive(Debug)]
struct Hold {
    identity: Identity,
    began_at: Instant,
    good: String,
    fresh: Option<String>,
    rank: Rank,
    /// What was logged up to here may have been seen with another rank.
    ranked_seq: Option<u64>,
}

impl Holds {
    /// A session has begun, and was shown the log up to `seq`: what was before is none of its business.
    pub(crate) fn begin(
        &mut self,
        session: &SessionId,
        identity: Identity,
        rank: Rank,
        seq: u64,
        token: String,
        now: Instant,
    ) {
        self.end(session);
        self.tokens.insert(token.clone(), session.clone());
        let hold = Hold { identity, began_at: now, good: token, fresh: None, rank, ranked_seq: seq.checked_sub(1) };
        self.sessions.insert(session.clone(), hold);
    }

    /// A session is over.
    pub(crate) fn end(&mut self, session: &SessionId) {
        if let Some(Hold { good, fresh, .. }) = self.sessions.remove(session) {
            for token in std::iter::once(good).chain(fresh) {
                self.tokens.remove(&token);
            }
        }
    }

    /// Someone shows a token: the session that goes on, if it is theirs, not over and not too old. The next token is `fresh`.
    pub(crate) fn take(
        &mut self,
        token: &str,
        fresh: String,
        identity: &Identity,
        age_max: Duration,
        now: Instant,
    ) -> Option<SessionId> {
        let session = self.tokens.get(token)?.clone();
        let hold = self.sessions.get_mut(&session)?;
        if hold.identity != *identity || now.saturating_duration_since(hold.began_at) > age_max {
            return None;
        }
        // Of two tokens on their way the newest wins; who shows the fresh one has got it.
        let void = match hold.fresh.replace(fresh.clone()) {
            Some(shown) if shown == token => Some(std::mem::replace(&mut hold.good, shown)),
            unseen => unseen,
        };
        if let Some(void) = void {
            self.tokens.remove(&void);
        }
        self.tokens.insert(fresh, session.clone());
        Some(session)
    }

    /// The client has shown that it has got its welcome.
    pub(crate) fn shown(&mut self, session: &SessionId) {
        let Some(hold) = self.sessions.get_mut(session) else {
            return;
        };
        if let Some(fresh) = hold.fresh.take() {
            let old = std::mem::replace(&mut hold.good, fresh);
            self.tokens.remove(&old);
        }
    }

    /// The rank that a session has now; the log stands at `seq`.
    pub(crate) fn note_rank(&mut self, session: &SessionId, rank: Rank, seq: u64) {
        if let Some(hold) = self.sessions.get_mut(session).filter(|hold| hold.rank != rank) {
            (hold.rank, hold.ranked_seq) = (rank, Some(seq));
        }
    }

    /// Whether someone who knows the log up to `seq` knows it as their present rank may see it.
    pub(crate) fn has_seen(&self, session: &SessionId, seq: u64) -> bool {
        self.sessions.get(session).is_some_and(|hold| hold.ranked_seq.is_none_or(|ranked| seq > ranked))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]

    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    #[test]
    fn a_token_is_good_until_the_next_one_has_arrived() {
        let (mut holds, start) = held();
        assert!(holds.resume("a", "b", start), "resumed once");
        assert!(holds.resume("a", "c", start), "the welcome was lost");
        assert!(!holds.resume("b", "x", start), "the newest wins");
        holds.shown(&session());
        assert!(!holds.resume("a", "x", start));
        assert!(holds.resume("c", "d", start));
        assert!(holds.resume("d", "e", start), "who shows it has got it");
        assert!(!holds.resume("c", "x", start));
        assert_eq!(holds.tokens.len(), 2);
    }

    #[test]
    fn a_token_is_good_for_its_own_session_only() {
        let (mut holds, start) = held();
        let eve = Identity::parse("eve").unwrap();
        assert_eq!(holds.take("a", "b".to_owned(), &eve, DAY, start), None);
        assert!(!holds.resume("z", "b", start));
        assert!(holds.resume("a", "b", start + DAY));
        assert!(!holds.resume("b", "c", start + DAY + Duration::from_millis(1)), "too old");
        holds.end(&session());
        assert!(!holds.resume("a", "c", start));
        assert!(holds.tokens.is_empty() && holds.sessions.is_empty());
    }

    #[test]
    fn who_was_ranked_while_away_has_not_seen_the_log_as_they_may_now() {
        let (mut holds, _) = held();
        let session = session();
        holds.note_rank(&session, Rank::Member, 3);
        assert!(holds.has_seen(&session, 0));
        holds.note_rank(&session, Rank::Cohost, 7);
        assert!(!holds.has_seen(&session, 7));
        assert!(holds.has_seen(&session, 8));
    }

    fn held() -> (Holds, Instant) {
        let (mut holds, start) = (Holds::default(), crate::clock::now());
        holds.begin(&session(), Identity::parse("ada").unwrap(), Rank::Member, 0, "a".to_owned(), start);
        (holds, start)
    }

    fn session() -> SessionId {
        SessionId::from_random([7; 16])
    }

    impl Holds {
        fn resume(&mut self, token: &str, fresh: &str, now: Instant) -> bool {
            self.take(token, fresh.to_owned(), &Identity::parse("ada").unwrap(), DAY, now).is_some()
        }
    }
}
