//! A ledger is what a room's task writes down of each step before anyone hears of it: the log, the audit log, answers, the room's state.
//!
//! It hands the whole of a step to the store at once and waits for nothing. The ticket that it gives says whether what is acknowledged is on the disk.

use std::collections::HashMap;

use super::line::Frame;
use crate::{
    clock,
    ids::{Identity, RoomId, SessionId},
    protocol::server::{
        self,
        lifecycle::{self, PARTICIPANT_JOINED, PARTICIPANT_LEFT, ROOM_CLOSED},
    },
    room::{Audit, Calendar, Done, Output, Refused, Room},
    rooms::handle::Remember,
    store::{AuditRow, Batch, EventRow, Store, Ticket},
};

/// What one room's task writes down.
pub(crate) struct Ledger {
    room: RoomId,
    store: Store,
    calendar: Calendar,
    /// The sessions that have begun and not ended, and whose they are.
    present: HashMap<SessionId, Identity>,
    last: Ticket,
}

/// An output, and its text if it is something that is told.
pub(crate) struct Told {
    pub(crate) output: Output,
    pub(crate) text: Option<Frame>,
}

impl Ledger {
    /// The ledger of a room as it begins, or goes on after a restart.
    pub(crate) fn new(room: &Room, store: Store, calendar: Calendar) -> Self {
        // Whoever was there before a restart has no session any more.
        Self { room: room.id().clone(), store, calendar, present: HashMap::new(), last: Ticket::settled(true) }
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
        if !batch.ends {
            batch.state = room.take_changes(&self.calendar);
        }
        if !batch.is_empty() {
            self.last = self.store.write(batch);
        }
        told
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
            Output::CloseTransport { session } => {
                if let Some(identity) = self.present.remove(session) {
                    let body = lifecycle::session_ended(session, &identity).into();
                    batch.events.push(EventRow { kind: PARTICIPANT_LEFT, seq: *seq, body });
                }
            }
            Output::Closed => {
                for (session, identity) in self.present.drain() {
                    let body = lifecycle::session_ended(&session, &identity).into();
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

/// An act of moderation goes into the audit log, and is an event of its own.
fn note_act(audit: &Audit, seq: u64, batch: &mut Batch) {
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
