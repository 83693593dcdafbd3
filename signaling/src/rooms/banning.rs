//! Bans from all rooms as acts: set and lifted by back ends, written down, told, and carried out in every room at once.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{directory::Directory, everywhere::EverywhereBan, ledger::note_act};
use crate::{
    clock,
    ids::Identity,
    protocol::server,
    room::{Act, Audit, BanView, Change, DecisionCause, Event, Rank, Refusal},
    store::{AnswerRow, Batch, EventRow, Ticket},
};

/// A ban from all rooms that a back end asks for.
#[derive(Debug, Clone)]
pub(crate) struct BanAsked {
    pub(crate) by: Identity,
    pub(crate) who: Identity,
    pub(crate) reason: Option<String>,
    pub(crate) lasts: Option<Duration>,
}

impl Directory {
    /// Bans someone from all rooms, and puts them out of those where they are. Returns the ban and what to wait for.
    ///
    /// # Errors
    ///
    /// There is no place for another ban.
    pub(crate) async fn ban_everywhere(
        &self,
        asked: BanAsked,
        remember: impl FnOnce(&BanView) -> Option<AnswerRow>,
    ) -> Result<(BanView, Ticket), Refusal> {
        let BanAsked { by, who, reason, lasts } = asked;
        let now_ms = clock::unix_millis();
        let until = lasts.map(|lasts| now_ms.saturating_add(millis(lasts)));
        let ban = EverywhereBan { by: by.clone(), reason: reason.clone(), since: now_ms, until };
        let change = self.context.everywhere.set(&who, ban.clone()).inspect_err(|_| {
            self.context.counters.memory_full.add_one();
            tracing::warn!("no further ban from all rooms can be remembered");
        })?;
        let view = ban.view(&who, now_ms);
        let act = Act::MemberBan { identity: who.clone(), reason, lasts };
        let event =
            Event::BanChanged { banned: true, cause: DecisionCause::Set, by: Some(by.clone()), ban: view.clone() };
        let answer = remember(&view);
        let ticket = self.write_everywhere(vec![change], &event, Some(audit(&by, act, &who)), answer);
        self.shut_out(&who, &by).await;
        Ok((view, ticket))
    }

    /// Lifts a ban from all rooms. Not banned: nothing to do.
    pub(crate) fn unban_everywhere(&self, by: &Identity, who: &Identity, answer: Option<AnswerRow>) -> Ticket {
        let act = Act::MemberUnban { identity: who.clone() };
        match self.context.everywhere.lift(who) {
            Some((ban, change)) => {
                let ban = ban.view(who, clock::unix_millis());
                let (cause, by) = (DecisionCause::Lifted, by.clone());
                let audit = audit(&by, act, who);
                let event = Event::BanChanged { banned: false, cause, by: Some(by), ban };
                self.write_everywhere(vec![change], &event, Some(audit), answer)
            }
            None => Ticket::settled(true),
        }
    }

    /// Up to `count` bans from all rooms, of people whose identity is greater than `after`.
    pub(crate) fn bans_everywhere(&self, after: Option<&Identity>, count: usize) -> Vec<BanView> {
        let now_ms = clock::unix_millis();
        let bans = self.context.everywhere.after(after, count);
        bans.iter().map(|(who, ban)| ban.view(who, now_ms)).collect()
    }

    /// Forgets that someone set bans from all rooms. Returns what to wait for.
    pub(crate) fn forget_author_everywhere(&self, who: &Identity) -> Ticket {
        let state = self.context.everywhere.forget_author(who);
        let batch = Batch { at_ms: clock::unix_millis(), state, ..Batch::default() };
        if batch.is_empty() { Ticket::settled(true) } else { self.context.store.write(batch) }
    }

    /// Whether someone is banned from all rooms.
    pub(crate) fn is_banned_everywhere(&self, who: &Identity) -> bool {
        self.context.everywhere.holds(who)
    }

    /// How many places for decisions about people are taken, and how many there are.
    pub(crate) fn decision_places(&self) -> (usize, usize) {
        (self.context.places.used(), self.context.places.total())
    }

    /// Lets bans and mutes run out that no living room looks after: those from all rooms, and those of rooms that are over. It goes on until the shutdown.
    pub(crate) async fn let_run_out(self: Arc<Self>) {
        loop {
            let wait = self.next_end().map_or(SWEEP_EVERY, |wait| wait.min(SWEEP_EVERY));
            tokio::select! {
                () = self.context.shutdown.cancelled() => return,
                () = self.context.everywhere.news() => {}
                () = clock::sleep(wait) => self.end_what_is_over().await,
            }
        }
    }

    fn next_end(&self) -> Option<Duration> {
        let (now, now_ms) = (clock::now(), clock::unix_millis());
        let everywhere = self.context.everywhere.next_end().map(|at| Duration::from_millis(at.saturating_sub(now_ms)));
        let remembered = self.memories_end_at().map(|at: Instant| at.saturating_duration_since(now));
        let next = [everywhere, remembered].into_iter().flatten().min();
        next.map(|wait| wait + LEAST_WAIT)
    }

    async fn end_what_is_over(&self) {
        let now_ms = clock::unix_millis();
        for who in self.context.everywhere.ended(now_ms) {
            if let Some((ban, change)) = self.context.everywhere.lift(&who) {
                let ban = ban.view(&who, now_ms);
                let event = Event::BanChanged { banned: false, cause: DecisionCause::Expired, by: None, ban };
                let _nobody_waits = self.write_everywhere(vec![change], &event, None, None);
            }
        }
        self.sweep_memories().await;
    }

    fn write_everywhere(
        &self,
        state: Vec<Change>,
        event: &Event,
        audit: Option<Audit>,
        answer: Option<AnswerRow>,
    ) -> Ticket {
        let body = server::event(None, event).into();
        let events = server::kind(event).map(|kind| EventRow { kind, seq: 0, body });
        let mut batch = Batch {
            at_ms: clock::unix_millis(),
            state,
            events: events.into_iter().collect(),
            answers: answer.into_iter().collect(),
            ..Batch::default()
        };
        if let Some(audit) = audit {
            note_act(&audit, 0, &mut batch);
        }
        self.context.store.write(batch)
    }
}

impl EverywhereBan {
    fn view(&self, who: &Identity, now_ms: u64) -> BanView {
        BanView {
            identity: who.clone(),
            by: self.by.clone(),
            reason: self.reason.as_deref().map(Arc::from),
            since: Duration::from_millis(now_ms.saturating_sub(self.since)),
            ends_in: self.until.map(|until| Duration::from_millis(until.saturating_sub(now_ms))),
        }
    }
}

fn audit(by: &Identity, act: Act, on: &Identity) -> Audit {
    Audit { by: by.clone(), rank: Rank::Member, is_admin: true, from_outside: true, act, on: Some(on.clone()) }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// What runs out is looked for this often, also where a clock was changed meanwhile.
const SWEEP_EVERY: Duration = Duration::from_secs(30);
/// The wait for an end is this much longer, so that it is over then.
const LEAST_WAIT: Duration = Duration::from_millis(5);
