//! Members: what hosts and cohosts do with people, and what people do with their own voice.

use super::*;

impl Model {
    pub(super) fn mute_member(&mut self, by: &Identity, who: &Identity) -> Answered {
        self.moderates(by)?;
        self.reaches(by, who, Refusal::ParticipantNotFound)?;
        let person = self.person(who);
        person.host_muted = true;
        person.self_muted = true;
        self.close_hand_microphone(who);
        DONE
    }

    pub(super) fn unmute_member(&mut self, by: &Identity, who: &Identity) -> Answered {
        self.moderates(by)?;
        // Nobody else could lift the mute of someone who was muted before they became host.
        if who != by || self.rank_by(by) != Rank::Host || !self.people.contains_key(who) {
            self.reaches(by, who, Refusal::ParticipantNotFound)?;
        }
        self.person(who).host_muted = false;
        DONE
    }

    pub(super) fn mute_self(&mut self, by: &Identity, muted: bool) -> Answered {
        self.person(by).self_muted = muted;
        if muted {
            self.close_hand_microphone(by);
        }
        DONE
    }

    /// Someone is or was here, and is of a lower rank.
    fn reaches_known(&self, by: &Identity, who: &Identity) -> Result<(), Refusal> {
        let here = self.people.get(who).map(|person| person.rank);
        let rank = here.or_else(|| self.left.get(who).map(|left| left.rank)).ok_or(Refusal::ParticipantNotFound)?;
        if self.is_admin() || self.rank_by(by) > rank { Ok(()) } else { Err(Refusal::Forbidden) }
    }

    pub(super) fn kick(&mut self, by: &Identity, who: &Identity, deny: bool) -> Answered {
        self.moderates(by)?;
        self.reaches_known(by, who)?;
        if deny {
            self.denied.insert(who.clone(), self.now);
        }
        self.put_out(who);
        DONE
    }

    pub(super) fn ban(&mut self, by: &Identity, who: &Identity) -> Answered {
        self.is_host(by)?;
        if who == by {
            return Err(Refusal::Forbidden);
        }
        if self.people.contains_key(who) || self.left.contains_key(who) {
            self.reaches_known(by, who)?;
        }
        if self.bans.contains(who) {
            return DONE;
        }
        if self.bans.len() >= self.set.bans_max {
            return Err(Refusal::TooLarge);
        }
        self.bans.insert(0, who.clone());
        self.denied.insert(who.clone(), self.now);
        self.put_out(who);
        DONE
    }

    pub(super) fn unban(&mut self, by: &Identity, who: &Identity) -> Answered {
        self.is_host(by)?;
        if self.bans.contains(who) {
            self.bans.retain(|banned| banned != who);
            self.denied.remove(who);
        }
        DONE
    }

    /// Every session of a person ends.
    fn put_out(&mut self, who: &Identity) {
        let sessions = self.people.iter().filter(|(key, person)| *key == who || person.copy_of.as_ref() == Some(who));
        for key in sessions.map(|(key, _)| key.clone()).collect::<Vec<_>>() {
            self.depart(&key);
        }
        // Also someone who is away may have offered the room.
        self.host_offers.retain(|offer| offer.from != *who);
    }

    fn may_write(&self, by: &Identity) -> Result<(), Refusal> {
        let person = &self.people[by];
        if person.can_publish_data && !person.hidden { Ok(()) } else { Err(Refusal::Forbidden) }
    }

    pub(super) fn write_or_react(&mut self, by: &Identity) -> Answered {
        self.may_write(by)?;
        DONE
    }
}
