//! Telling: the log, and what is worked out after each input: positions, own states, the plan, cues, the audience.

use std::collections::BTreeMap;
use std::time::Instant;

use crate::ids::{Identity, SeatIndex, SessionId};

use super::Room;
use super::event::{CanJoin, CannotJoin, Event, HandChange, SeatCause};
use super::output::{Output, Recipients};
use super::participant::Participant;
use super::plan::{Gate, PlannedSeat, StagePlan};
use super::seat::{Seat, SeatState};
use super::settings::{Phase, SeatMode};
use super::view::HandView;

impl Room {
    /// Tells something and numbers it.
    pub(super) fn log(&mut self, to: Recipients, event: Event) {
        self.seq += 1;
        self.outputs.push(Output::Tell { to, seq: Some(self.seq), event });
    }

    /// Tells everyone that a seat changed.
    pub(super) fn tell_seat(&mut self, seat: SeatIndex, cause: SeatCause, by: Option<&Identity>, now: Instant) {
        let event =
            Event::SeatChanged { cause, by: self.shown_actor(by), seat: self.seat_view(seat, now), other: None };
        self.log(Recipients::Everyone, event);
    }

    /// Tells everyone that two seats changed in one step.
    pub(super) fn tell_seats(
        &mut self,
        seat: SeatIndex,
        other: SeatIndex,
        cause: SeatCause,
        by: &Identity,
        now: Instant,
    ) {
        let (seat, other) = (self.seat_view(seat, now), Some(self.seat_view(other, now)));
        self.log(Recipients::Everyone, Event::SeatChanged { cause, by: self.shown_actor(Some(by)), seat, other });
    }

    /// Who did something, as everyone may know it: a hidden person is not named.
    pub(super) fn shown_actor(&self, by: Option<&Identity>) -> Option<Identity> {
        by.filter(|by| self.roster.find(by).is_none_or(|person| !person.hidden)).cloned()
    }

    /// Tells the hosts of a pending hand.
    pub(super) fn tell_hand(&mut self, who: &Identity, change: HandChange, by: Option<&Identity>, now: Instant) {
        let Some((position, hand)) = self.queue.find(who) else {
            return;
        };
        let event = Event::HandChanged {
            change,
            by: by.cloned(),
            hand: self.hand_view(position, hand, now),
            count: self.queue.len(),
        };
        self.log(Recipients::Hosts, event);
    }

    /// Tells the hosts that a pending hand is not as it was; its owner sees it in their own state.
    pub(super) fn tell_hand_changed(&mut self, who: &Identity, now: Instant) {
        self.roster.touch(who);
        self.tell_hand(who, HandChange::Changed, None, now);
    }

    /// Tells the hosts how a hand ended, and its owner if others or time decided it.
    pub(super) fn tell_hand_end(&mut self, hand: &HandView, change: HandChange, by: Option<&Identity>) {
        let event = Event::HandChanged { change, by: by.cloned(), hand: hand.clone(), count: self.queue.len() };
        self.log(Recipients::Hosts, event);
        let owner = self.roster.person(&hand.identity);
        let decided_elsewhere = match change {
            HandChange::Approved | HandChange::Denied | HandChange::Expired | HandChange::Cleared => true,
            HandChange::Raised | HandChange::Changed | HandChange::Lowered | HandChange::Gone => false,
        };
        // Hosts and cohosts have just been told.
        if decided_elsewhere && !owner.rank.is_moderator() {
            let to = Recipients::One(owner.session.clone());
            let by = self.shown_actor(by);
            let event = Event::HandChanged { change, by, hand: hand.clone(), count: self.queue.len() };
            self.outputs.push(Output::Tell { to, seq: None, event });
        }
    }

    /// What follows from an input as a whole.
    pub(super) fn settle(&mut self, now: Instant) {
        self.settle_offers(now);
        self.settle_life(now);
        if self.life.phase == Phase::Closing && self.life.until.is_some_and(|until| until <= now) {
            self.shut();
        }
        self.settle_positions();
        self.settle_own_states(now);
        self.settle_plan();
        if self.is_closed() {
            return;
        }
        self.settle_tally(now);
        self.settle_sounds();
        while let Some(seat) = self.cues.take(now) {
            self.cue(seat, now);
        }
        if self.audience.is_due(now) {
            let present = self.audience_view();
            if let Some(view) = self.audience.tell(present, now) {
                self.outputs.push(Output::Tell { to: Recipients::Everyone, seq: None, event: Event::Audience(view) });
            }
        }
    }

    fn settle_positions(&mut self) {
        for (who, position) in self.queue.untold() {
            self.roster.touch(&who);
            let to = Recipients::One(self.roster.person(&who).session.clone());
            self.outputs.push(Output::Tell { to, seq: None, event: Event::HandPosition { position } });
        }
    }

    /// Tells those whose own state is not what they were told. A newcomer is told by the welcome.
    pub(super) fn settle_own_states(&mut self, now: Instant) {
        for who in self.roster.take_touched() {
            let state = self.self_state(&who);
            let Some(person) = self.roster.untouched_mut(&who) else {
                continue;
            };
            let told = person.told.replace(state);
            if told.is_some_and(|told| told != state) {
                let to = Recipients::One(person.session.clone());
                let event = Event::SelfChanged(self.self_view(&who, now));
                self.outputs.push(Output::Tell { to, seq: None, event });
            }
        }
    }

    /// Sends the stage to the media plane if it changed. It goes first: a gate is to close before anyone hears of it.
    fn settle_plan(&mut self) {
        let seats = self.planned_seats();
        if seats == self.planned && self.settings.interrupt == self.planned_interrupt {
            return;
        }
        self.planned.clone_from(&seats);
        self.planned_interrupt = self.settings.interrupt;
        self.revision += 1;
        let plan =
            StagePlan { room: self.id.clone(), revision: self.revision, interrupt: self.settings.interrupt, seats };
        self.outputs.insert(0, Output::Plan(plan));
    }

    /// The occupied seats as the media plane must know them.
    pub(super) fn planned_seats(&self) -> Vec<PlannedSeat> {
        self.stage.iter().filter_map(|(index, seat)| self.planned_seat(index, seat)).collect()
    }

    fn planned_seat(&self, index: SeatIndex, seat: &Seat) -> Option<PlannedSeat> {
        let (who, session, grant) = match &seat.state {
            SeatState::Occupied { who, session, grant } => (who, session.clone(), *grant),
            SeatState::Open | SeatState::Locked | SeatState::Reserved { .. } => return None,
        };
        let person = self.roster.person(who);
        let gate = Gate {
            seat_muted: seat.muted_by_host,
            host_muted: person.host_muted,
            self_muted: person.self_muted,
            // A turn that is over costs the seat, so whoever sits is inside their window; and holding is the media plane's, packet by packet.
            inside_window: true,
            held: false,
        };
        Some(PlannedSeat {
            seat: index,
            session,
            csrc: grant,
            open: gate.is_open(),
            priority: person.rank.is_moderator(),
        })
    }

    /// Tells everyone with a socket that a seat is open, and whether they can have it.
    fn cue(&mut self, seat: SeatIndex, now: Instant) {
        let mut groups: BTreeMap<CanJoin, Vec<SessionId>> = BTreeMap::new();
        for (who, person) in self.roster.iter().filter(|(_, person)| person.detached_until.is_none()) {
            groups.entry(self.can_join(who, person, now)).or_default().push(person.session.clone());
        }
        for (can_join, sessions) in groups {
            let event = Event::SeatCue { seat, can_join };
            self.outputs.push(Output::Tell { to: Recipients::Sessions(sessions), seq: None, event });
        }
    }

    fn can_join(&self, who: &Identity, person: &Participant, now: Instant) -> CanJoin {
        if !person.can_publish {
            return CanJoin::No(CannotJoin::Forbidden);
        }
        if self.stage.seat_of(who).is_some() {
            return CanJoin::No(CannotJoin::AlreadySeated);
        }
        if person.cooling(now).is_some() {
            return CanJoin::No(CannotJoin::CoolingDown);
        }
        match self.settings.seat_mode {
            SeatMode::Free => CanJoin::Yes,
            SeatMode::Apply | SeatMode::InviteOnly if person.rank.is_moderator() => CanJoin::Yes,
            SeatMode::Apply | SeatMode::InviteOnly if self.settings.hands => CanJoin::Apply,
            SeatMode::Apply | SeatMode::InviteOnly => CanJoin::No(CannotJoin::HandsOff),
        }
    }
}
