//! Invites: one a person at a time, each with exactly one end.

use super::*;

impl Model {
    fn invite_to(&self, who: &Identity) -> Option<&Invite> {
        self.invites.iter().find(|invite| invite.to == *who)
    }

    pub(super) fn invite(&mut self, by: &Identity, to: &Identity, seat: Option<u8>, hold: bool) -> Answered {
        self.moderates(by)?;
        if to == by {
            return Err(Refusal::InvalidArgument);
        }
        if let Some(seat) = seat {
            self.exists(seat)?;
        }
        if !self.people.contains_key(to) {
            return Err(Refusal::ParticipantNotFound);
        }
        self.could_sit(to, seat)?;
        let invited = self.invite_to(to).is_some();
        if self.seat_of(to).is_some() && !invited {
            return Err(Refusal::AlreadySeated);
        }
        if self.people[to].do_not_invite {
            return Err(Refusal::DoNotInvite);
        }
        if self.people[to].uninvitable_until > self.now {
            return Err(Refusal::RateLimited);
        }
        if invited {
            return DONE;
        }
        if self.invites.len() >= self.set.invites_max {
            return Err(Refusal::RateLimited);
        }
        let seat = match (seat, hold) {
            (None, true) => Some(self.first_open().ok_or(Refusal::AllSeatsTaken)?),
            (seat, _) => seat,
        };
        if let Some(seat) = seat {
            self.is_open(seat)?;
        }
        self.invites_made += 1;
        let until = self.now + self.set.invite_expiry;
        let id = self.invites_made;
        self.invites.push(Invite { id, from: by.clone(), to: to.clone(), seat, hold, until });
        if let Some(seat) = seat.filter(|_| hold) {
            self.keep(seat, to, ReservedWhy::Invited, self.set.invite_expiry);
        }
        DONE
    }

    pub(super) fn revoke(&mut self, by: &Identity, name: &InviteName) -> Answered {
        self.moderates(by)?;
        let meant = |invite: &&Invite| match name {
            InviteName::Id(id) => invite.id == id.0,
            InviteName::To(who) => invite.to == *who,
        };
        if let Some(to) = self.invites.iter().find(meant).map(|invite| invite.to.clone()) {
            let gives_up_own = *by == to && self.kept_for(&to, ReservedWhy::Invited).is_some();
            self.end_invite(&to, InviteChange::Revoked);
            if gives_up_own {
                // Whoever takes back an invite to themselves knows.
                self.person(&to).offer_lost = false;
            }
        }
        DONE
    }

    /// One's own invite, or why there is none: revoked or someone else's is forbidden, what is over or was never there has expired.
    fn own_invite(&self, by: &Identity, id: Option<u64>) -> Result<Invite, Refusal> {
        if let Some(invite) = self.invite_to(by).filter(|invite| id.is_none_or(|id| id == invite.id)) {
            return Ok(invite.clone());
        }
        if id.is_some_and(|id| self.invites.iter().any(|invite| invite.id == id)) {
            return Err(Refusal::Forbidden);
        }
        let last =
            self.invites_ended.iter().rev().find(|(invite, _)| id.map_or(invite.to == *by, |id| invite.id == id));
        match last {
            Some((invite, _)) if invite.to != *by => Err(Refusal::Forbidden),
            Some((_, InviteChange::Revoked)) => Err(Refusal::Forbidden),
            Some(_) | None => Err(Refusal::OfferExpired),
        }
    }

    pub(super) fn accept_invite(&mut self, by: &Identity, id: Option<u64>) -> Answered {
        let invite = self.own_invite(by, id)?;
        if invite.hold {
            return self.confirm(by, invite.seat);
        }
        if self.seat_of(by).is_some() {
            return Err(Refusal::AlreadySeated);
        }
        let seat = match invite.seat {
            Some(seat) => seat,
            None => self.first_open().ok_or(Refusal::AllSeatsTaken)?,
        };
        self.could_sit(by, Some(seat))?;
        self.has_media(by)?;
        self.is_open(seat)?;
        self.end_hand(by);
        self.sit(seat, by);
        DONE
    }

    pub(super) fn decline_invite(&mut self, by: &Identity, id: Option<u64>) -> Answered {
        self.own_invite(by, id)?;
        self.end_invite(by, InviteChange::Declined);
        DONE
    }

    /// The one end of someone's invite, if they have one. What was kept for it is free.
    pub(super) fn end_invite(&mut self, to: &Identity, how: InviteChange) {
        let Some(place) = self.invites.iter().position(|invite| invite.to == *to) else {
            return;
        };
        let invite = self.invites.remove(place);
        self.invites_ended.push((invite, how));
        if how == InviteChange::Declined {
            self.person(to).uninvitable_until = self.now + self.set.invite_cooldown;
        }
        if let Some(seat) = self.kept_for(to, ReservedWhy::Invited) {
            let by = (how == InviteChange::Declined).then_some(to);
            self.free(seat, SeatIs::Open, by);
        }
    }

    pub(super) fn prefs(&mut self, by: &Identity, do_not_invite: Option<bool>) -> Answered {
        if let Some(do_not_invite) = do_not_invite {
            self.person(by).do_not_invite = do_not_invite;
        }
        DONE
    }
}
