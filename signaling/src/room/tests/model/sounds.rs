//! Sounds: what people were told of how the room sounds, laid beside what the latency monitor said last.

use super::*;

/// What is known of how it sounds to one person.
pub(super) type Sound = (Option<LatencyState>, Option<ConnectionQuality>, Option<UnheardWhy>);

/// What one watcher was told.
#[derive(Clone, Debug, Default)]
pub(super) struct Heard {
    own: Sound,
    /// Of those on stage. It is about an occupancy: with that it is put away.
    stage: BTreeMap<Identity, Sound>,
}

impl Heard {
    pub(super) fn learn(&mut self, event: &Event) {
        match event {
            Event::LatencyState { identity: None, state } => self.own.0 = *state,
            Event::LatencyState { identity: Some(who), state } => self.stage.entry(who.clone()).or_default().0 = *state,
            Event::ConnectionQuality { identity: None, quality } => self.own.1 = Some(*quality),
            Event::ConnectionQuality { identity: Some(who), quality } => {
                self.stage.entry(who.clone()).or_default().1 = Some(*quality);
            }
            Event::Unheard { identity: None, why } => self.own.2 = *why,
            Event::Unheard { identity: Some(who), why } => self.stage.entry(who.clone()).or_default().2 = *why,
            // Whoever has just become a moderator is told of everyone.
            Event::Moderation(_) => self.stage.clear(),
            _ => {}
        }
    }

    /// A seat is not what it was.
    pub(super) fn seat_changed(&mut self, before: &SeatView, after: &SeatView) {
        let csrc = |seat: &SeatView| match seat.state {
            SeatViewState::Occupied { csrc, .. } => Some(csrc),
            _ => None,
        };
        if let Some(holder) = before.holder().filter(|_| csrc(before) != csrc(after)) {
            self.stage.remove(&holder.identity);
        }
    }

    /// What it was told is what there is. `stage` is there for those who are to know it; others put it away.
    pub(super) fn agrees_with(&mut self, own: Option<Sound>, stage: Option<&BTreeMap<Identity, Sound>>, whose: &str) {
        if let Some(own) = own {
            assert_eq!(self.own, own, "what {whose} was told of their own sound (left) and what there is (right)");
        }
        let Some(stage) = stage else {
            return self.stage.clear();
        };
        let mut told = self.stage.clone();
        told.retain(|_, sound| *sound != Sound::default());
        assert_eq!(told, *stage, "what {whose} was told of the stage's sound (left) and what there is (right)");
    }
}

/// Whether an event is of this kind, and whether it goes to the right ears.
pub(super) fn is_sound(to: &Recipients, event: &Event, moderators: &BTreeSet<SessionId>) -> bool {
    let (Event::LatencyState { identity, .. }
    | Event::ConnectionQuality { identity, .. }
    | Event::Unheard { identity, .. }) = event
    else {
        return false;
    };
    let is_right = match (to, identity) {
        (Recipients::Hosts, Some(_)) => true,
        (Recipients::One(one), Some(_)) => moderators.contains(one),
        (Recipients::One(_), None) => true,
        _ => false,
    };
    assert!(is_right, "{event:?} is not for {to:?}");
    true
}

impl Model {
    /// What the latency monitor found out about a session; nothing, if that is over.
    pub(super) fn sound(&mut self, session: &SessionId, change: impl FnOnce(&mut Sound)) {
        if self.phase == Phase::Closed {
            return;
        }
        if let Some(who) = self.who_is(session) {
            change(&mut self.person(&who).sound);
        }
    }

    /// What is known of those on stage.
    pub(super) fn stage_sounds(&self) -> BTreeMap<Identity, Sound> {
        let on_stage = self.people.iter().filter(|(who, _)| self.stage_of(who).is_some());
        let sounds = on_stage.map(|(who, person)| (who.clone(), person.sound));
        sounds.filter(|(_, sound)| *sound != Sound::default()).collect()
    }
}
