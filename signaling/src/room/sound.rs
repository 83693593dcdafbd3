//! Sound: what people are told of how the room sounds to them, and hosts and cohosts of how it sounds to those on stage.
//!
//! These are passing words, as levels are: what counts is how it is now. What moderators know of someone on stage is about one occupancy of a seat. It ends
//! with that, and nobody need be told.

use std::num::NonZeroU32;

use crate::ids::{Identity, SessionId};

use super::Room;
use super::event::Event;
use super::latency::{ConnectionQuality, LatencyState};
use super::output::{Output, Recipients};
use super::seat::SeatState;
use super::unheard::UnheardWhy;

/// How it sounds to someone, as far as that is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sound {
    pub(super) latency: Option<LatencyState>,
    pub(super) quality: Option<ConnectionQuality>,
    pub(super) unheard: Option<UnheardWhy>,
}

/// How it sounds to someone on stage, by their occupancy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StageSound {
    grant: NonZeroU32,
    who: Identity,
    sound: Sound,
}

impl Room {
    /// The delay that someone has is another one. What is said of a session that is over is old.
    pub(super) fn learn_latency(&mut self, session: &SessionId, latency: Option<LatencyState>) {
        self.learn_sound(session, |sound| Sound { latency, ..sound });
    }

    /// Someone's connection is of another quality.
    pub(super) fn learn_quality(&mut self, session: &SessionId, quality: ConnectionQuality) {
        self.learn_sound(session, |sound| Sound { quality: Some(quality), ..sound });
    }

    /// Everything that someone says is dropped, or is not any more.
    pub(super) fn learn_unheard(&mut self, session: &SessionId, unheard: Option<UnheardWhy>) {
        self.learn_sound(session, |sound| Sound { unheard, ..sound });
    }

    fn learn_sound(&mut self, session: &SessionId, change: impl FnOnce(Sound) -> Sound) {
        let Some(who) = self.roster.identity_of(session).cloned() else {
            return;
        };
        let Some(person) = self.roster.untouched_mut(&who) else {
            return;
        };
        let told = person.sound;
        person.sound = change(told);
        let sound = person.sound;
        self.tell_sound(&Recipients::One(session.clone()), None, told, sound);
        self.sounds_due |= self.stage.occupied_by(&who).is_some();
    }

    /// Tells moderators what they do not know of those on stage. Whoever has just sat down is new to them.
    pub(super) fn settle_sounds(&mut self) {
        if !std::mem::take(&mut self.sounds_due) {
            return;
        }
        let present = self.stage_sounds();
        let before = std::mem::replace(&mut self.sounds_told, present.clone());
        for StageSound { grant, who, sound } in present {
            let told = before.iter().find(|told| told.grant == grant).map(|told| told.sound);
            self.tell_sound(&Recipients::Hosts, Some(&who), told.unwrap_or_default(), sound);
        }
    }

    /// Tells someone who has just come, or come back, how it sounds to them, and how to those on stage if that is for them.
    pub(super) fn tell_sounds_to(&mut self, session: &SessionId) {
        let Some(person) = self.roster.identity_of(session).and_then(|who| self.roster.find(who)) else {
            return;
        };
        let (sound, is_moderator) = (person.sound, person.rank.is_moderator());
        self.tell_sound(&Recipients::One(session.clone()), None, Sound::default(), sound);
        if is_moderator {
            self.tell_stage_sounds_to(session);
        }
    }

    /// Tells a moderator how it sounds to those on stage.
    pub(super) fn tell_stage_sounds_to(&mut self, session: &SessionId) {
        let to = Recipients::One(session.clone());
        for StageSound { who, sound, .. } in self.stage_sounds() {
            self.tell_sound(&to, Some(&who), Sound::default(), sound);
        }
    }

    /// How it sounds to each of those on stage.
    fn stage_sounds(&self) -> Vec<StageSound> {
        let occupied = self.stage.iter().filter_map(|(_, seat)| match &seat.state {
            SeatState::Occupied { who, grant, .. } => Some((*grant, who)),
            SeatState::Open | SeatState::Locked | SeatState::Reserved { .. } => None,
        });
        let sounds = occupied.map(|(grant, who)| {
            let sound = self.roster.person(who).sound;
            StageSound { grant, who: who.clone(), sound }
        });
        sounds.collect()
    }

    /// Tells of someone what is not as it was told: to themselves without their name.
    fn tell_sound(&mut self, to: &Recipients, who: Option<&Identity>, told: Sound, sound: Sound) {
        if told.latency != sound.latency {
            let event = Event::LatencyState { identity: who.cloned(), state: sound.latency };
            self.outputs.push(Output::Tell { to: to.clone(), seq: None, event });
        }
        if let Some(quality) = sound.quality.filter(|_| told.quality != sound.quality) {
            let event = Event::ConnectionQuality { identity: who.cloned(), quality };
            self.outputs.push(Output::Tell { to: to.clone(), seq: None, event });
        }
        if told.unheard != sound.unheard {
            let event = Event::Unheard { identity: who.cloned(), why: sound.unheard };
            self.outputs.push(Output::Tell { to: to.clone(), seq: None, event });
        }
    }
}
