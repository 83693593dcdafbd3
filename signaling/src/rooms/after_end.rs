//! What moderators decide about people of a room that is over, and what is asked about it.
//!
//! For a moment a room is made of what is remembered, so that its rules decide; then it is put away again.

use std::time::{Duration, Instant};

use super::{
    directory::Directory,
    handle::{Acted, List, Listed, Remember},
    ledger::Ledger,
    memories::Verdict,
};
use crate::{
    clock,
    ids::{Identity, RoomId},
    room::{Act, Input, Output, Outsider, Refusal, Room, Settings},
    store::Ticket,
};

impl Directory {
    /// What is remembered of someone who would make a room again.
    pub(crate) fn verdict(&self, id: &RoomId, who: &Identity, token_age: Option<Duration>) -> Verdict {
        self.memories.verdict(id, who, token_age, &self.context.calendar, clock::now())
    }

    /// Carries out an act about a person where the room is over. A back end may ban someone from a room that never was.
    pub(crate) async fn decide(&self, id: &RoomId, by: Outsider, act: Act, remember: Option<Remember>) -> Acted {
        let refused = |refusal: Refusal| Acted { result: Err(refusal.into()), ticket: Ticket::settled(true) };
        let _making = self.lock_name(id).await;
        if let Some(handle) = self.find(id) {
            return handle.act(by, act, remember, clock::now()).await;
        }
        // A room that is not found now may live: its task has ended with the server.
        if self.context.shutdown.is_cancelled() {
            return refused(Refusal::Draining);
        }
        let may_begin = by.is_admin && matches!(act, Act::MemberBan { .. });
        let by = Outsider { is_banned: self.context.everywhere.holds(&by.identity), ..by };
        if !act.is_decision() || (!self.memories.is_there(id) && !may_begin) {
            return refused(Refusal::RoomNotFound);
        }
        self.with_memory(id, Input::Outside { by, act }, remember).unwrap_or_else(|| refused(Refusal::Internal))
    }

    /// A page of what is remembered of a room that is over; none if nothing is.
    pub(crate) fn list_memory(&self, id: &RoomId, list: &List) -> Option<Listed> {
        if !self.memories.is_there(id) {
            return None;
        }
        let now = clock::now();
        let mut room = self.remembered(id, now)?;
        let _expired = room.handle(Input::Timeout, now);
        Some(list.of(&room, now))
    }

    /// Has the memories of all rooms forget someone who wants to be forgotten. Gives what to wait for.
    pub(crate) async fn forget_in_memories(&self, who: &Identity, keep_decisions: bool) -> Vec<Ticket> {
        let mut tickets = Vec::new();
        for id in self.memories.naming(who) {
            let _making = self.lock_name(&id).await;
            if self.find(&id).is_none() {
                let forget = Input::Forget { who: who.clone(), keep_decisions };
                tickets.extend(self.with_memory(&id, forget, None).map(|acted| acted.ticket));
            }
        }
        tickets
    }

    /// The rooms that are over and from which someone is banned.
    pub(crate) fn banned_in_memory(&self, who: &Identity) -> Vec<RoomId> {
        let mut rooms = self.memories.naming(who);
        rooms.retain(|id| self.verdict(id, who, None).shut_out == Some(Refusal::Banned));
        rooms
    }

    /// Lets run out what runs out in rooms that are over.
    pub(crate) async fn sweep_memories(&self) {
        for id in self.memories.due(clock::now()) {
            let _making = self.lock_name(&id).await;
            if self.find(&id).is_none() {
                let _nobody_waits = self.with_memory(&id, Input::Timeout, None);
            }
        }
    }

    /// When something next runs out in a room that is over.
    pub(crate) fn memories_end_at(&self) -> Option<Instant> {
        self.memories.ends_at()
    }

    /// Puts someone out of every room who was banned from all of them.
    pub(crate) async fn shut_out(&self, who: &Identity, by: &Identity) {
        let mut done = Vec::new();
        for handle in self.handles() {
            done.extend(handle.shut_out(who.clone(), by.clone()).await);
        }
        for done in done {
            // A room that is over has put everyone out.
            let _over = done.await;
        }
    }

    /// Makes a room of what is remembered, feeds it one input, and remembers what it is then. Whoever calls this holds the lock of the name.
    fn with_memory(&self, id: &RoomId, input: Input, remember: Option<Remember>) -> Option<Acted> {
        let (context, now) = (&self.context, clock::now());
        if context.shutdown.is_cancelled() {
            return None;
        }
        let mut room = self.remembered(id, now)?;
        let held = room.decisions();
        room.set_places(context.places.allowance(held));
        let outputs = room.handle(input, now);
        let answer = outputs.iter().find_map(|output| match output {
            Output::Answer { result } => Some(result.clone()),
            Output::Welcome { .. }
            | Output::Resumed { .. }
            | Output::Reply { .. }
            | Output::Audit(_)
            | Output::Tell { .. }
            | Output::Plan(_)
            | Output::Bye { .. }
            | Output::CloseTransport { .. }
            | Output::Closed => None,
        });
        let result = answer.unwrap_or_else(|| Ok(crate::room::Done::default()));
        if result.as_ref().is_err_and(|refused| refused.refusal == Refusal::MemoryFull) {
            context.counters.memory_full.add_one();
        }
        let mut ledger = Ledger::of_memory(&room, context);
        let _told = ledger.write(&mut room, outputs, remember, |_| None);
        context.places.moved(held, room.decisions());
        self.memories.keep(&room, &context.calendar);
        Some(Acted { ticket: ledger.ticket_of(&result), result })
    }

    fn remembered(&self, id: &RoomId, now: Instant) -> Option<Room> {
        let rows = self.memories.rows(id);
        let room = Room::remembering(id.clone(), Settings::default(), &rows, &self.context.calendar, now);
        room.inspect_err(|error| tracing::error!(%error, room = %id, "what is remembered of a room cannot be read"))
            .ok()
    }
}
