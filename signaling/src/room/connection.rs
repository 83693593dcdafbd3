//! Connections: what the room makes of lost sockets and of the media plane's facts.
//!
//! The socket alone: the seat stays and is heard. The media: the seat is kept for a while, its gate closed. Both: the same, and after a while the
//! person is gone.

use std::time::Instant;

use crate::ids::{Identity, SessionId};

use super::Room;
use super::event::{Event, SeatCause, Slot, Speaker};
use super::fact::{MediaFact, SlotView};
use super::output::{Output, Recipients};
use super::participant::Media;
use super::seat::SeatState;
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

    /// Takes in what the media plane tells. What it tells of sessions that are over is old.
    pub(super) fn learn(&mut self, fact: MediaFact, now: Instant) {
        match fact {
            MediaFact::Connected { session } | MediaFact::TrackLive { session } | MediaFact::Restored { session } => {
                self.media_is(&session, Media::Present, now);
            }
            MediaFact::Interrupted { session } => self.media_is(&session, Media::Lost, now),
            MediaFact::Closed { session } => self.media_is(&session, Media::Over, now),
            MediaFact::Slots { session, slots } => self.tell_slots(session, slots),
            MediaFact::Interruption { .. } => {}
            MediaFact::Speakers { speakers } => self.tell_speakers(speakers),
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
            self.restore_seat(&identity, now);
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
        if self.roster.identity_of(&session).is_none() {
            return;
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
