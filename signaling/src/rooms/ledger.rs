//! A ledger is what a room's task writes down of each step before anyone hears of it: the log, the audit log, answers, the room's state.
//!
//! Light events (messages, who came and went) have a pace in each room. Beyond it people are told and nothing is written down, so that one room does not
//! fill the log of all.
//!
//! It hands the whole of a step to the store at once and waits for nothing. The ticket that it gives says whether what is acknowledged is on the disk.

use std::{collections::HashMap, sync::Arc};

use super::line::Frame;
use crate::{
    clock,
    ids::{Identity, RoomId, SessionId},
    limit::TokenBucket,
    metrics::Counters,
    protocol::server::{
        self,
        lifecycle::{self, PARTICIPANT_JOINED, PARTICIPANT_LEFT, ROOM_CLOSED},
    },
    room::{Audit, Calendar, Done, Output, Refused, Room, SessionEnd, outlives_room},
    rooms::{directory::RoomContext, handle::Remember},
    store::{AuditRow, Batch, EventRow, Store, Ticket, Weight},
};

/// What one room's task writes down.
pub(crate) struct Ledger {
    room: RoomId,
    store: Store,
    calendar: Calendar,
    /// The sessions that have begun and not ended, and whose they are.
    present: HashMap<SessionId, Identity>,
    /// The room is over, and only what moderators decide is written down: without numbers, since its log has ended.
    is_over: bool,
    last: Ticket,
    /// A ticket whose number is awaited, and the last number that was told.
    awaited: Ticket,
    known: Option<u64>,
    light: TokenBucket,
    counters: Arc<Counters>,
}

/// An output, and its text if it is something that is told.
pub(crate) struct Told {
    pub(crate) output: Output,
    pub(crate) text: Option<Frame>,
}

impl Ledger {
    /// The ledger of a room as it begins, or goes on after a restart.
    ///
    /// `last` is the ticket of what was written of it last.
    pub(crate) fn new(room: &Room, context: &RoomContext, last: Ticket) -> Self {
        let RoomContext { store, calendar, counters, .. } = context;
        Self::begun(room, store.clone(), *calendar, Arc::clone(counters), last)
    }

    fn begun(room: &Room, store: Store, calendar: Calendar, counters: Arc<Counters>, last: Ticket) -> Self {
        Self {
            room: room.id().clone(),
            store,
            calendar,
            // The people from before a restart have no sessions any more.
            present: HashMap::new(),
            is_over: false,
            awaited: last.clone(),
            known: None,
            last,
            light: TokenBucket::new(LIGHT_PER_SECOND, LIGHT_BURST, clock::now()),
            counters,
        }
    }

    /// The ledger of what is decided in a room that is over.
    pub(crate) fn of_memory(room: &Room, context: &RoomContext) -> Self {
        Self { is_over: true, ..Self::new(room, context, Ticket::settled(true)) }
    }

    /// Writes down what follows from one input, and gives it back to be carried out. `joined` says whose a session is that begins.
    pub(crate) fn write(
        &mut self,
        room: &mut Room,
        outputs: Vec<Output>,
        remember: Option<Remember>,
        joined: impl Fn(&SessionId) -> Option<Identity>,
    ) -> Vec<Told> {
        let mut batch = Batch { room: Some(self.room.clone()), at_ms: clock::unix_millis(), ..Batch::default() };
        // What has no number of its own has that of the last event before it.
        let first = outputs.iter().find_map(|output| if let Output::Tell { seq, .. } = output { *seq } else { None });
        let mut seq = first.map_or_else(|| room.seq(), |first| first - 1);
        let mut remember = remember;
        let mut told = Vec::with_capacity(outputs.len());
        for output in outputs {
            let text = self.note(&output, &mut seq, &mut batch, &joined);
            if let Output::Answer { result } = &output
                && let Some(remember) = remember.take()
            {
                batch.answers.extend(remember(result));
            }
            told.push(Told { output, text });
        }
        self.spare(&mut batch);
        batch.state = room.take_changes(&self.calendar);
        if self.is_over {
            batch.state.retain(|change| outlives_room(&change.key));
        }
        if !batch.is_empty() {
            self.last = self.store.write(batch);
        }
        told
    }

    /// Takes out what weighs little, if there is too much of it.
    fn spare(&mut self, batch: &mut Batch) {
        let (light, counters) = (&mut self.light, &self.counters);
        batch.events.retain(|row| {
            let is_kept = Weight::of(row.kind) != Weight::Light || light.take(clock::now()).is_ok();
            if !is_kept {
                counters.log_spared.add_one();
            }
            is_kept
        });
    }

    /// Notes one output in the batch; gives its text if it is told.
    fn note(
        &mut self,
        output: &Output,
        seq: &mut u64,
        batch: &mut Batch,
        joined: &impl Fn(&SessionId) -> Option<Identity>,
    ) -> Option<Frame> {
        match output {
            Output::Tell { event, .. } if self.is_over => {
                let kind = server::kind(event);
                let body = || Frame::from(server::event(None, event));
                batch.events.extend(kind.map(|kind| EventRow { kind, seq: 0, body: body() }));
            }
            Output::Audit(audit) if self.is_over => note_act(audit, 0, batch),
            Output::Tell { seq: number, event, .. } => {
                let text = Frame::from(server::event(*number, event));
                if let Some(number) = number {
                    *seq = *number;
                    let kind = server::kind(event);
                    batch.events.extend(kind.map(|kind| EventRow { kind, seq: *seq, body: text.clone() }));
                }
                return Some(text);
            }
            Output::Audit(audit) => note_act(audit, *seq, batch),
            Output::Welcome { session, .. } => {
                // A join that comes again began nothing.
                if let Some(identity) = joined(session).filter(|_| !self.present.contains_key(session)) {
                    let body = lifecycle::session_began(session, &identity).into();
                    batch.events.push(EventRow { kind: PARTICIPANT_JOINED, seq: *seq, body });
                    self.present.insert(session.clone(), identity);
                }
            }
            Output::CloseTransport { session, why } => {
                if let Some(identity) = self.present.remove(session) {
                    let body = lifecycle::session_ended(session, &identity, *why).into();
                    batch.events.push(EventRow { kind: PARTICIPANT_LEFT, seq: *seq, body });
                }
            }
            Output::Closed => {
                for (session, identity) in self.present.drain() {
                    let body = lifecycle::session_ended(&session, &identity, SessionEnd::RoomClosed).into();
                    batch.events.push(EventRow { kind: PARTICIPANT_LEFT, seq: *seq, body });
                }
                let body = lifecycle::room_closed(&self.room).into();
                batch.events.push(EventRow { kind: ROOM_CLOSED, seq: *seq, body });
                batch.ends = true;
            }
            Output::Resumed { .. }
            | Output::Reply { .. }
            | Output::Answer { .. }
            | Output::Plan(_)
            | Output::Bye { .. } => {}
        }
        None
    }

    /// An event of the log that is written, as are all before it. What the room has told since then comes after it. It does not wait.
    pub(crate) fn known_event_id(&mut self) -> Option<u64> {
        self.known = self.awaited.event_id().or(self.known);
        if self.awaited.outcome().is_some() {
            self.awaited = self.last.clone();
            self.known = self.awaited.event_id().or(self.known);
        }
        self.known
    }

    /// The ticket of what was written last, by which one learns the number of the last event.
    pub(crate) fn last_ticket(&self) -> Ticket {
        self.last.clone()
    }

    /// Whether all that was written down so far is on the disk.
    pub(crate) fn ticket(&mut self) -> Ticket {
        if self.last.outcome() == Some(false) {
            // What could not be written then may have been since.
            self.last = Ticket::settled(self.store.is_all_written());
        }
        self.last.clone()
    }

    /// The ticket of what was answered: a refusal has changed nothing.
    pub(crate) fn ticket_of(&mut self, result: &Result<Done, Refused>) -> Ticket {
        if result.is_ok() { self.ticket() } else { Ticket::settled(true) }
    }
}

/// Rows of the log that weigh little, of one room.
const LIGHT_PER_SECOND: u32 = 20;
/// Such rows at once: thousands of people come, chat for an evening and go.
const LIGHT_BURST: u32 = 100_000;

/// An act of moderation goes into the audit log, and is an event of its own.
pub(super) fn note_act(audit: &Audit, seq: u64, batch: &mut Batch) {
    batch.audits.push(AuditRow {
        by: audit.by.to_string(),
        role: server::audit_role(audit),
        from_outside: audit.from_outside,
        act: audit.act.code(),
        on: audit.on.as_ref().map(Identity::to_string),
        reason: server::audit_reason(&audit.act).map(str::to_owned),
        details: server::audit_details(audit),
        seq,
    });
    if let Some(kind) = server::moderation_kind(&audit.act) {
        batch.events.push(EventRow { kind, seq, body: server::moderation_event(audit).into() });
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]

    use super::*;
    use crate::{room::Settings, store::StoreConfig};

    #[tokio::test]
    async fn a_flood_of_messages_does_not_fill_the_log_and_decisions_are_kept() {
        let now = clock::now();
        let (store, _) = Store::open(&StoreConfig::default(), &|_| Ok(())).unwrap();
        let room = Room::new(RoomId::parse("demo").unwrap(), Settings::default(), now);
        let counters = Arc::new(Counters::default());
        let mut ledger =
            Ledger::begun(&room, store, Calendar { now, unix_ms: 0 }, Arc::clone(&counters), Ticket::settled(true));
        let row = |kind| EventRow { kind, seq: 1, body: "{}".into() };
        let mut kept = 0;
        for _ in 0..300 {
            let mut batch = Batch { events: vec![row("room.message"); 1_000], ..Batch::default() };
            batch.events.push(row("moderation.member_ban"));
            ledger.spare(&mut batch);
            assert_eq!(batch.events.last().map(|row| row.kind), Some("moderation.member_ban"));
            kept += batch.events.len() - 1;
        }
        let seconds = (clock::now() - now).as_secs() as usize + 1;
        let most = LIGHT_BURST as usize + LIGHT_PER_SECOND as usize * seconds;
        assert!((LIGHT_BURST as usize..=most).contains(&kept), "{kept}");
        assert_eq!(counters.log_spared.value(), 300_000 - kept as u64);
    }
}
