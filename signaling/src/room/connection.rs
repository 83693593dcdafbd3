//! Connections: what the room makes of lost sockets and of the media plane's facts.
//!
//! The socket alone: the seat stays and is heard. The media: the seat is kept for a while, its gate closed. Both: the same, and after a while the
//! person is gone.

use std::time::Instant;

use crate::ids::{Identity, RequestId, SessionId};

use super::Room;
use super::event::{Event, HandChange, SeatCause, Slot, Speaker};
use super::fact::{MediaFact, SlotView};
use super::output::{Output, Recipients};
use super::participant::{LostSeat, Media};
use super::refusal::Refusal;
use super::seat::SeatState;
use super::settings::Interrupt;
use super::view::ReservedWhy;

impl Room {
    /// A session's socket is gone without a word.
    pub(super) fn detach(&mut self, session: &SessionId, now: Instant) {
        let Some(identity) = self.roster.identity_of(session).cloned() else {
            return;
        };
        let person = self.roster.person(&identity);
        if person.detached_until.is_some() {
            return;
        }
        let media = person.media;
        self.roster.detach(&identity, now + self.settings.detached_max);
        if !media.is_present() {
            self.keep_for_reconnect(&identity, now);
        }
    }

    /// A session goes on by a new socket: what it has is still its own. What passed in the meantime is told as it is now.
    pub(super) fn resume(&mut self, session: SessionId, request: RequestId, now: Instant) {
        let refusal = if self.is_closed() { Refusal::RoomClosed } else { Refusal::SessionStale };
        let Some(identity) = self.roster.identity_of(&session).filter(|_| !self.is_closed()).cloned() else {
            return self.reply(session, request, Err(refusal.into()));
        };
        self.roster.attach(&identity);
        self.offers_due = true;
        self.outputs.push(Output::Resumed { session: session.clone(), request });
        // Whoever has no media waits for none.
        if !self.roster.person(&identity).media.is_gone() {
            self.regain_seat(&identity, now);
        }
        let audience = Event::Audience(self.audience_view());
        self.audience.shown();
        let slots = self.roster.person(&identity).slots.clone();
        // That nobody speaks any more is news too, for whoever was away when they ceased.
        let speakers = Event::Speakers { speakers: self.speakers.clone() };
        let silence = Event::Interruption { by: None, mode: self.settings.interrupt };
        let interruption = self.interruption().unwrap_or(silence);
        for event in [audience, speakers, interruption] {
            self.outputs.push(Output::Tell { to: Recipients::One(session.clone()), seq: None, event });
        }
        self.tell_slots(session.clone(), slots);
        self.tell_sounds_to(&session);
    }

    /// Tells a newcomer what else is so at the moment. Such words come when something changes, and for a newcomer everything has.
    pub(super) fn tell_present(&mut self, session: &SessionId) {
        let speakers = Event::Speakers { speakers: self.speakers.clone() };
        let speakers = (!self.speakers.is_empty()).then_some(speakers);
        for event in [speakers, self.interruption()].into_iter().flatten() {
            self.outputs.push(Output::Tell { to: Recipients::One(session.clone()), seq: None, event });
        }
        self.tell_sounds_to(session);
    }

    /// A host speaks over the others, if the plan lets them; or nobody does any more.
    fn hear_interruption(&mut self, by: Option<SessionId>) {
        let planned = |session: &SessionId| {
            self.planned.iter().any(|seat| seat.priority && seat.open && seat.session == *session)
        };
        let by = by.filter(|session| planned(session) && self.settings.interrupt != Interrupt::Off);
        let by = by.and_then(|session| self.roster.identity_of(&session).cloned());
        self.tell_interruption(by);
    }

    /// Takes in what the media plane tells. What it tells of sessions that are over is old.
    pub(super) fn learn(&mut self, fact: MediaFact, now: Instant) {
        match fact {
            MediaFact::Connected { session } | MediaFact::TrackLive { session } | MediaFact::Restored { session } => {
                self.media_is(&session, Media::Present, now);
            }
            MediaFact::Interrupted { session } => self.media_is(&session, Media::Lost, now),
            MediaFact::Closed { session } => self.media_is(&session, Media::Over, now),
            MediaFact::Slots { session, slots } => self.tell_slots(session, slots),
            MediaFact::Interruption { by } => self.hear_interruption(by),
            MediaFact::Speakers { speakers } => self.tell_speakers(speakers),
            MediaFact::Latency { session, state } => self.learn_latency(&session, state),
            MediaFact::Quality { session, quality } => self.learn_quality(&session, quality),
            MediaFact::Unheard { session, why } => self.learn_unheard(&session, why),
        }
    }

    fn media_is(&mut self, session: &SessionId, media: Media, now: Instant) {
        let Some(identity) = self.roster.identity_of(session).cloned() else {
            return;
        };
        let person = self.roster.person_mut(&identity);
        // What is over does not come back, and what never was cannot be lost.
        if person.media == Media::Over || person.media == Media::Absent {
            return;
        }
        person.media = media;
        if media.is_present() {
            self.offers_due = true;
            self.regain_seat(&identity, now);
        } else {
            self.keep_for_reconnect(&identity, now);
        }
    }

    /// Closes the gate of someone whose media is lost and keeps their seat for a while.
    fn keep_for_reconnect(&mut self, identity: &Identity, now: Instant) {
        let Some(seat) = self.stage.occupied_by(identity) else {
            return;
        };
        let until = now + self.settings.reconnect_grace;
        self.set_seat(seat, SeatState::Reserved { who: identity.clone(), why: ReservedWhy::Reconnect, until });
        self.tell_seat(seat, SeatCause::Interrupted, None, now);
    }

    /// Gives someone who is back their seat: the one that is kept, or the one that was and is still open. Else they have lost it, and go first
    /// in the queue. After the time of a session without a socket nothing is owed to them.
    pub(super) fn regain_seat(&mut self, identity: &Identity, now: Instant) {
        self.restore_seat(identity, now);
        let Some(LostSeat { seat, until, turn }) = self.roster.person_mut(identity).lost_seat.take() else {
            return;
        };
        let is_over = now > until || turn.is_some_and(|turn| turn.until <= now);
        if is_over || self.stage.seat_of(identity).is_some() {
            return;
        }
        if self.stage.seat(seat).is_open() && self.could_sit(identity, Some(seat)) {
            let session = self.roster.person(identity).session.clone();
            let grant = self.stage.new_grant();
            self.roster.person_mut(identity).seated_since = Some(now);
            self.set_seat(seat, SeatState::Occupied { who: identity.clone(), session, grant });
            self.mute_under_host_mute(seat);
            self.roster.person_mut(identity).turn = turn;
            self.end_hand(identity, HandChange::Lowered, now);
            return self.tell_seat(seat, SeatCause::Restored, None, now);
        }
        let position = self.raise_lost(identity, now);
        let to = Recipients::One(self.roster.person(identity).session.clone());
        self.outputs.push(Output::Tell { to, seq: None, event: Event::LostSeat { seat, position } });
    }

    /// Gives someone whose media is back the seat that was kept, with the mutes it had.
    fn restore_seat(&mut self, identity: &Identity, now: Instant) {
        let Some(seat) = self.stage.seat_of(identity) else {
            return;
        };
        match self.stage.seat(seat).state {
            SeatState::Reserved { why: ReservedWhy::Reconnect, .. } => {}
            SeatState::Open | SeatState::Locked | SeatState::Reserved { .. } | SeatState::Occupied { .. } => return,
        }
        let session = self.roster.person(identity).session.clone();
        let grant = self.stage.new_grant();
        self.set_seat(seat, SeatState::Occupied { who: identity.clone(), session, grant });
        self.tell_seat(seat, SeatCause::Restored, None, now);
    }

    /// Tells a listener whom their slots carry. A slot of an occupancy that has ended carries nobody.
    fn tell_slots(&mut self, session: SessionId, slots: Vec<SlotView>) {
        let Some(identity) = self.roster.identity_of(&session).cloned() else {
            return;
        };
        if let Some(person) = self.roster.untouched_mut(&identity) {
            person.slots.clone_from(&slots);
        }
        let slots = slots.into_iter().filter_map(|slot| self.name_slot(slot)).collect();
        self.outputs.push(Output::Tell { to: Recipients::One(session), seq: None, event: Event::Slots { slots } });
    }

    fn name_slot(&self, slot: SlotView) -> Option<Slot> {
        let csrc = slot.occupancy()?;
        match &self.stage.find(slot.seat)?.state {
            SeatState::Occupied { who, grant, .. } if *grant == csrc => {
                Some(Slot { mid: slot.mid, seat: slot.seat, identity: who.clone(), csrc })
            }
            SeatState::Open | SeatState::Locked | SeatState::Reserved { .. } | SeatState::Occupied { .. } => None,
        }
    }

    /// Tells everyone who speaks, if it is not what they know. Whoever is not heard does not speak.
    fn tell_speakers(&mut self, speakers: Vec<(SessionId, i8)>) {
        let heard = self.planned_seats();
        let named = speakers.into_iter().filter_map(|(session, level)| {
            let planned = heard.iter().find(|planned| planned.open && planned.session == session)?;
            let identity = self.roster.identity_of(&session)?.clone();
            Some(Speaker { identity, seat: planned.seat, level: level.clamp(-127, 0) })
        });
        let speakers: Vec<Speaker> = named.collect();
        if speakers != self.speakers {
            self.speakers.clone_from(&speakers);
            self.outputs.push(Output::Tell {
                to: Recipients::Everyone,
                seq: None,
                event: Event::Speakers { speakers },
            });
        }
    }
}
