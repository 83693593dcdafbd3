//! Invites: hosts and cohosts ask someone to the stage, who accepts, declines, or lets it pass.

use std::time::Instant;

use crate::ids::{Identity, InviteId, SeatIndex};

use super::Room;
use super::event::{Event, InviteChange, SeatCause};
use super::input::InviteName;
use super::invite_book::Invite;
use super::output::{Done, Output, Recipients};
use super::permit::{Caller, Power};
use super::refusal::{Refusal, Refused};
use super::seat::SeatState;
use super::seating::refuse_for_now;
use super::view::{InviteView, ReservedWhy};

impl Room {
    /// Invites someone to the stage. Invited already: the same invite.
    pub(super) fn send_invite(
        &mut self,
        by: &Caller,
        to: &Identity,
        seat: Option<SeatIndex>,
        hold: bool,
        now: Instant,
    ) -> Result<Done, Refused> {
        by.may(Power::Invites)?;
        if *to == by.identity {
            return Err(Refusal::InvalidArgument.into());
        }
        if let Some(seat) = seat {
            self.find_seat(seat)?;
        }
        self.refuse_uninvitable(to, seat, now)?;
        if let Some(invite) = self.invites.of(to) {
            return Ok(Done { invite: Some(self.invite_view(invite, now)), ..Done::default() });
        }
        if self.invites.len() >= self.settings.invites_max {
            return Err(refuse_for_now(self.settings.invite_expiry));
        }
        let seat = match (seat, hold) {
            (None, true) => Some(self.stage.first_open().ok_or(Refusal::AllSeatsTaken)?),
            (seat, _) => seat,
        };
        if let Some(seat) = seat {
            self.refuse_unless_open(seat, now)?;
        }
        let until = now + self.settings.invite_expiry;
        let inviter = self.roster.find(&by.identity).map(|person| person.name.clone());
        let from_name = inviter.unwrap_or_else(|| by.identity.as_str().into());
        let to_name = self.roster.person(to).name.clone();
        let id = self.invites.next_id();
        let invite = Invite { id, from: by.identity.clone(), from_name, to: to.clone(), to_name, seat, hold, until };
        let view = self.invite_view(&invite, now);
        self.invites.add(invite);
        self.roster.touch(to);
        if let Some(seat) = seat.filter(|_| hold) {
            self.roster.person_mut(to).self_muted = true;
            let state = SeatState::Reserved { who: to.clone(), why: ReservedWhy::Invited, until };
            self.set_seat(seat, state);
            self.tell_seat(seat, SeatCause::Reserved, Some(&by.identity), now);
        }
        self.tell_invite_change(InviteChange::Sent, Some(&by.identity), &view);
        let to = Recipients::One(self.roster.person(to).session.clone());
        let event = Event::Invite { invite: view.clone() };
        self.outputs.push(Output::Tell { to, seq: None, event });
        Ok(Done { invite: Some(view), ..Done::default() })
    }

    /// Whoever must not or need not be invited.
    fn refuse_uninvitable(&self, to: &Identity, seat: Option<SeatIndex>, now: Instant) -> Result<(), Refused> {
        let person = self.roster.find(to).ok_or(Refusal::ParticipantNotFound)?;
        if !self.could_sit(to, seat) {
            return Err(Refusal::Forbidden.into());
        }
        // A seat kept for an invite is no reason against the same invite.
        if let Some(held) = self.stage.seat_of(to).filter(|_| self.invites.of(to).is_none()) {
            return Err(self.refuse_for_seat(Refusal::AlreadySeated, held, now));
        }
        if person.do_not_invite {
            return Err(Refusal::DoNotInvite.into());
        }
        if let Some(until) = person.invite_cooling_until.filter(|until| *until > now) {
            return Err(refuse_for_now(until.saturating_duration_since(now)));
        }
        Ok(())
    }

    /// Takes an invite back.
    pub(super) fn revoke_invite(&mut self, by: &Caller, name: &InviteName, now: Instant) -> Result<Done, Refused> {
        by.may(Power::Invites)?;
        let to = match name {
            InviteName::To(who) => self.invites.of(who).map(|invite| invite.to.clone()),
            InviteName::Id(id) => self.invites.find(*id).map(|invite| invite.to.clone()),
        };
        // Answered or expired meanwhile: nothing to take back.
        let invite = to.and_then(|to| self.end_invite(&to, InviteChange::Revoked, Some(&by.identity), now));
        Ok(Done { invite, ..Done::default() })
    }

    /// Accepts an invite: its seat, or the first open one.
    pub(super) fn accept_invite(&mut self, by: &Caller, id: Option<InviteId>, now: Instant) -> Result<Done, Refused> {
        let invite = self.invite_of(by, id)?.clone();
        if invite.hold {
            return self.confirm_seat(by, invite.seat, now);
        }
        if let Some(held) = self.stage.seat_of(&by.identity) {
            return Err(self.refuse_for_seat(Refusal::AlreadySeated, held, now));
        }
        let seat = match invite.seat {
            Some(seat) => seat,
            None => self.stage.first_open().ok_or(Refusal::AllSeatsTaken)?,
        };
        by.may_sit(seat)?;
        self.refuse_without_media(by)?;
        self.refuse_unless_open(seat, now)?;
        self.seat_person(seat, &by.identity, SeatCause::Confirmed, Some(&by.identity), now);
        Ok(self.done_with_seat(seat, now))
    }

    /// Declines an invite; then one is not invited again for a while.
    pub(super) fn decline_invite(&mut self, by: &Caller, id: Option<InviteId>, now: Instant) -> Result<Done, Refused> {
        let to = self.invite_of(by, id)?.to.clone();
        let invite = self.end_invite(&to, InviteChange::Declined, Some(&by.identity), now);
        Ok(Done { invite, ..Done::default() })
    }

    /// The caller's invite: the one with this id, if they name one.
    fn invite_of(&self, by: &Caller, id: Option<InviteId>) -> Result<&Invite, Refused> {
        let mine = self.invites.of(&by.identity).filter(|invite| id.is_none_or(|id| id == invite.id));
        if let Some(invite) = mine {
            return Ok(invite);
        }
        let of_another = id.is_some_and(|id| self.invites.find(id).is_some());
        let refusal = match self.invites.ended(id, &by.identity) {
            _ if of_another => Refusal::Forbidden,
            Some(ended) if ended.to != by.identity => Refusal::Forbidden,
            Some(ended) => match ended.how {
                InviteChange::Revoked => Refusal::Forbidden,
                InviteChange::Sent | InviteChange::Accepted | InviteChange::Declined | InviteChange::Expired => {
                    Refusal::OfferExpired
                }
            },
            None => Refusal::OfferExpired,
        };
        Err(refusal.into())
    }

    /// Ends someone's invite, if there is one, and opens the seat that was kept for it. The one place where an invite ends.
    pub(super) fn end_invite(
        &mut self,
        to: &Identity,
        change: InviteChange,
        by: Option<&Identity>,
        now: Instant,
    ) -> Option<InviteView> {
        let invite = self.invites.end(to, change)?;
        self.roster.touch(to);
        let view = self.invite_view(&invite, now);
        if change == InviteChange::Declined {
            let until = now + self.settings.invite_cooldown;
            self.roster.person_mut(to).invite_cooling_until = Some(until);
        }
        self.tell_invite_change(change, by, &view);
        if let Some(seat) = invite.seat.filter(|seat| self.is_kept(*seat, to, ReservedWhy::Invited)) {
            self.open_seat(seat, SeatCause::Released, by, now);
        }
        Some(view)
    }

    /// Tells the hosts what became of an invite, and the one invited if others or time decided it.
    fn tell_invite_change(&mut self, change: InviteChange, by: Option<&Identity>, view: &InviteView) {
        let event = Event::InviteChanged { change, by: by.cloned(), invite: view.clone() };
        self.log(Recipients::Hosts, event);
        let decided_elsewhere = match change {
            InviteChange::Expired | InviteChange::Revoked => true,
            InviteChange::Sent | InviteChange::Accepted | InviteChange::Declined => false,
        };
        let invited = self.roster.person(&view.to);
        // Hosts and cohosts have just been told.
        if decided_elsewhere && !invited.rank.is_moderator() {
            let to = Recipients::One(invited.session.clone());
            let event = Event::InviteChanged { change, by: self.shown_actor(by), invite: view.clone() };
            self.outputs.push(Output::Tell { to, seq: None, event });
        }
    }

    pub(super) fn invite_view(&self, invite: &Invite, now: Instant) -> InviteView {
        InviteView {
            id: invite.id,
            from: invite.from.clone(),
            from_name: invite.from_name.clone(),
            to: invite.to.clone(),
            to_name: invite.to_name.clone(),
            seat: invite.seat,
            hold: invite.hold,
            expires_in: invite.until.saturating_duration_since(now),
        }
    }
}
