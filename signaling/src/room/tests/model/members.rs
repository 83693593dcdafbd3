//! Members: what hosts and cohosts do with people, and what people do with their own voice.

use super::*;

impl Model {
    pub(super) fn mute_member(&mut self, by: &Identity, who: &Identity, lasts: Option<Duration>) -> Answered {
        self.moderates(by)?;
        self.reaches_known(by, who)?;
        self.mutes.insert(who.clone(), lasts.map(|lasts| self.now + lasts));
        if self.people.contains_key(who) {
            let person = self.person(who);
            person.host_muted = true;
            person.self_muted = true;
            self.close_hand_microphone(who);
        }
        DONE
    }

    pub(super) fn unmute_member(&mut self, by: &Identity, who: &Identity) -> Answered {
        self.moderates(by)?;
        // Nobody else could lift the mute of someone who was muted before they became host.
        if who != by || self.rank_by(by) != Rank::Host || !self.people.contains_key(who) {
            self.reaches_known(by, who)?;
        }
        self.lift_mute(who);
        DONE
    }

    pub(super) fn lift_mute(&mut self, who: &Identity) {
        self.mutes.remove(who);
        if self.people.contains_key(who) {
            self.person(who).host_muted = false;
        }
    }

    pub(super) fn mute_self(&mut self, by: &Identity, muted: bool) -> Answered {
        self.person(by).self_muted = muted;
        if muted {
            self.close_hand_microphone(by);
        }
        DONE
    }

    /// Whether someone is or was here, or something was decided about them.
    fn is_known(&self, who: &Identity) -> bool {
        let decided = self.is_banned(who) || self.mutes.contains_key(who) || self.ranks.contains_key(who);
        self.people.contains_key(who) || self.left.contains_key(who) || decided || self.denied.contains_key(who)
    }

    pub(super) fn is_banned(&self, who: &Identity) -> bool {
        self.bans.iter().any(|ban| ban.who == *who)
    }

    /// Someone is known, and is of a lower rank.
    pub(super) fn reaches_known(&self, by: &Identity, who: &Identity) -> Result<(), Refusal> {
        if !self.is_known(who) {
            return Err(Refusal::ParticipantNotFound);
        }
        let rank = self.rank_known(who).unwrap_or(Rank::Member);
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

    pub(super) fn ban(
        &mut self,
        by: &Identity,
        who: &Identity,
        reason: Option<&String>,
        lasts: Option<Duration>,
    ) -> Answered {
        self.is_host(by)?;
        if who == by {
            return Err(Refusal::Forbidden);
        }
        if self.is_known(who) {
            self.reaches_known(by, who)?;
        }
        let until = lasts.map(|lasts| self.now + lasts);
        let before = self.bans.iter().find(|ban| ban.who == *who).cloned();
        let reason = reason.cloned().or_else(|| before.as_ref().and_then(|ban| ban.reason.clone()));
        match before {
            Some(before) if before.reason == reason && before.until == until => return DONE,
            Some(_) => self.bans.retain(|ban| ban.who != *who),
            None if self.bans.len() >= self.set.bans_max => return Err(Refusal::MemoryFull),
            None => {}
        }
        self.bans.insert(0, Ban { who: who.clone(), reason, until });
        self.put_out(who);
        DONE
    }

    pub(super) fn unban(&mut self, by: &Identity, who: &Identity) -> Answered {
        self.is_host(by)?;
        self.lift_ban(who);
        DONE
    }

    pub(super) fn lift_ban(&mut self, who: &Identity) {
        if self.is_banned(who) {
            self.bans.retain(|ban| ban.who != *who);
            self.denied.remove(who);
        }
    }

    pub(super) fn forget_decisions(&mut self, about: Option<&Identity>) -> Answered {
        if !self.is_admin() {
            return Err(Refusal::Forbidden);
        }
        let decided = |model: &Self, who: &Identity| {
            let named = model.mutes.contains_key(who) || model.ranks.contains_key(who);
            named || model.denied.contains_key(who) || model.is_banned(who)
        };
        if about.is_some_and(|who| !decided(self, who)) {
            return Err(Refusal::ParticipantNotFound);
        }
        let people: Vec<Identity> = (0..steps::PEOPLE).map(|who| id(&steps::person(who))).collect();
        for who in people.iter().filter(|who| about.is_none_or(|about| about == *who)) {
            self.lift_ban(who);
            self.lift_mute(who);
            self.denied.remove(who);
            if self.ranks.remove(who).is_some() {
                match self.people.get_mut(who) {
                    Some(person) => person.rank_given = false,
                    None => drop(self.left.remove(who)),
                }
            }
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
