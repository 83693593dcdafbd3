//! Seating: how a person gets a seat and gives it up by their own act.
//!
//! Here are also the few steps by which any seat changes, whoever wants it.

use std::time::{Duration, Instant};

use crate::ids::{Identity, SeatIndex};

use super::Room;
use super::event::{Event, HandChange, InviteChange, SeatCause};
use super::output::{Done, Output, Recipients};
use super::participant::HandEnd;
use super::permit::Caller;
use super::refusal::{Details, Refusal, Refused};
use super::seat::SeatState;
use super::view::ReservedWhy;

impl Room {
    /// Takes an open seat.
    pub(super) fn take_seat(&mut self, by: &Caller, seat: SeatIndex, now: Instant) -> Result<Done, Refused> {
        self.find_seat(seat)?;
        by.may_sit(seat)?;
        if let Some(held) = self.stage.seat_of(&by.identity) {
            return Err(self.refuse_for_seat(Refusal::AlreadySeated, held, now));
        }
        by.may_take(self.settings.seat_mode)?;
        self.refuse_without_media(by)?;
        self.refuse_cooling(&by.identity, now)?;
        self.refuse_unless_open(seat, now)?;
        self.end_hand(&by.identity, HandChange::Lowered, now);
        self.seat_person(seat, &by.identity, SeatCause::Taken, Some(&by.identity), now);
        Ok(self.done_with_seat(seat, now))
    }

    /// Whose media path has ended would sit there unheard: that session must join anew. Who never had one (a console) may sit.
    pub(super) fn refuse_without_media(&self, by: &Caller) -> Result<(), Refused> {
        if self.roster.person(&by.identity).media.is_gone() {
            return Err(Refusal::SessionStale.into());
        }
        Ok(())
    }

    /// Gives up one's seat, sat on or kept.
    pub(super) fn leave_seat(&mut self, by: &Caller, now: Instant) -> Result<Done, Refused> {
        let Some(seat) = self.stage.seat_of(&by.identity) else {
            return Err(Refusal::NotSeated.into());
        };
        if self.is_offer(seat) {
            self.decline_offer(seat, by, now);
        } else {
            self.open_seat(seat, SeatCause::Left, Some(&by.identity), now);
        }
        Ok(self.done_with_seat(seat, now))
    }

    /// Accepts the seat that is kept for one.
    pub(super) fn confirm_seat(
        &mut self,
        by: &Caller,
        named: Option<SeatIndex>,
        now: Instant,
    ) -> Result<Done, Refused> {
        let seat = self.offered_seat(by, named, now)?;
        by.may_sit(seat)?;
        self.refuse_without_media(by)?;
        self.seat_person(seat, &by.identity, SeatCause::Confirmed, Some(&by.identity), now);
        Ok(self.done_with_seat(seat, now))
    }

    /// Declines the seat that is kept for one.
    pub(super) fn decline_seat(
        &mut self,
        by: &Caller,
        named: Option<SeatIndex>,
        now: Instant,
    ) -> Result<Done, Refused> {
        let seat = self.offered_seat(by, named, now)?;
        self.decline_offer(seat, by, now);
        Ok(self.done_with_seat(seat, now))
    }

    fn decline_offer(&mut self, seat: SeatIndex, by: &Caller, now: Instant) {
        let who = &by.identity;
        if self.is_kept(seat, who, ReservedWhy::Offered) {
            self.pass_offer(seat, who, now);
        } else if self.is_kept(seat, who, ReservedWhy::Invited) {
            self.end_invite(who, InviteChange::Declined, Some(who), now);
        } else {
            self.open_seat(seat, SeatCause::Released, Some(who), now);
        }
    }

    /// Whether a seat is kept for someone for this reason.
    pub(super) fn is_kept(&self, seat: SeatIndex, who: &Identity, why: ReservedWhy) -> bool {
        match &self.stage.seat(seat).state {
            SeatState::Reserved { who: holder, why: reason, .. } => holder == who && *reason == why,
            SeatState::Open | SeatState::Locked | SeatState::Occupied { .. } => false,
        }
    }

    /// The seat that waits for the caller's word.
    fn offered_seat(&self, by: &Caller, named: Option<SeatIndex>, now: Instant) -> Result<SeatIndex, Refused> {
        if let Some(named) = named {
            self.find_seat(named)?;
        }
        let Some(seat) = self.stage.seat_of(&by.identity) else {
            let lost = self.roster.person(&by.identity).offer_lost;
            return Err(if lost { Refusal::OfferExpired } else { Refusal::NotSeated }.into());
        };
        if !self.is_offer(seat) {
            return Err(self.refuse_for_seat(Refusal::AlreadySeated, seat, now));
        }
        if named.is_some_and(|named| named != seat) {
            return Err(self.refuse_for_seat(Refusal::OfferExpired, seat, now));
        }
        Ok(seat)
    }

    pub(super) fn is_offer(&self, seat: SeatIndex) -> bool {
        match &self.stage.seat(seat).state {
            SeatState::Reserved { why, .. } => why.is_offer(),
            SeatState::Open | SeatState::Locked | SeatState::Occupied { .. } => false,
        }
    }

    pub(super) fn find_seat(&self, seat: SeatIndex) -> Result<(), Refusal> {
        self.stage.find(seat).map(|_| ()).ok_or(Refusal::SeatNotFound)
    }

    pub(super) fn refuse_cooling(&self, who: &Identity, now: Instant) -> Result<(), Refused> {
        let Some(until) = self.roster.person(who).cooling(now) else {
            return Ok(());
        };
        Err(refuse_for_now(until.saturating_duration_since(now)))
    }

    /// Refuses a seat that is not open, with who holds it and where else one could sit.
    pub(super) fn refuse_unless_open(&self, seat: SeatIndex, now: Instant) -> Result<(), Refused> {
        let refusal = match self.stage.seat(seat).state {
            SeatState::Open => return Ok(()),
            SeatState::Locked => Refusal::SeatLocked,
            SeatState::Reserved { .. } => Refusal::SeatReserved,
            SeatState::Occupied { .. } => Refusal::SeatOccupied,
        };
        Err(self.refuse_for_seat(refusal, seat, now))
    }

    /// A refusal that shows the seat as it is.
    pub(super) fn refuse_for_seat(&self, refusal: Refusal, seat: SeatIndex, now: Instant) -> Refused {
        let details = Details {
            holder: self.stage.seat(seat).holder().cloned(),
            seat: Some(Box::new(self.seat_view(seat, now))),
            next_open: self.stage.next_open(seat),
            retry_after: None,
        };
        Refused { refusal, details }
    }

    pub(super) fn done_with_seat(&self, seat: SeatIndex, now: Instant) -> Done {
        Done { seat: Some(self.seat_view(seat, now)), ..Done::default() }
    }

    /// Puts someone on a seat by their own act (which may be a hand raised with an open microphone).
    ///
    /// That act opens their microphone too, unless a host has muted them or the seat: then they unmute when they may be heard.
    pub(super) fn seat_person(
        &mut self,
        seat: SeatIndex,
        who: &Identity,
        cause: SeatCause,
        by: Option<&Identity>,
        now: Instant,
    ) {
        let seat_muted = self.stage.seat(seat).muted_by_host;
        let person = self.roster.person_mut(who);
        person.self_muted = seat_muted || person.host_muted;
        person.offer_lost = false;
        person.lost_seat = None;
        person.seated_since = Some(now);
        let session = person.session.clone();
        let grant = self.stage.new_grant();
        let offered = self.is_kept(seat, who, ReservedWhy::Offered);
        self.set_seat(seat, SeatState::Occupied { who: who.clone(), session, grant });
        self.begin_turn(seat, who, now);
        self.tell_seat(seat, cause, by, now);
        self.end_invite(who, InviteChange::Accepted, Some(who), now);
        if offered && self.settle_hand(who, HandChange::Approved, None, now).is_some() {
            self.roster.person_mut(who).last_hand = Some(HandEnd::Given);
        }
        // Whoever sits here by an invite or an assignment wishes for nothing more.
        self.end_hand(who, HandChange::Lowered, now);
    }

    /// Keeps a seat for someone, who is asked to confirm. Their microphone stays closed.
    pub(super) fn offer_seat(
        &mut self,
        seat: SeatIndex,
        who: &Identity,
        why: ReservedWhy,
        by: Option<&Identity>,
        now: Instant,
    ) {
        let expires_in = self.settings.reservation;
        let person = self.roster.person_mut(who);
        person.self_muted = true;
        person.offer_lost = false;
        let to = Recipients::One(person.session.clone());
        self.set_seat(seat, SeatState::Reserved { who: who.clone(), why, until: now + expires_in });
        self.tell_seat(seat, SeatCause::Reserved, by, now);
        self.outputs.push(Output::Tell { to, seq: None, event: Event::SeatOffer { seat, why, expires_in } });
    }

    /// Opens a seat that someone held.
    pub(super) fn open_seat(&mut self, seat: SeatIndex, cause: SeatCause, by: Option<&Identity>, now: Instant) {
        self.vacate(seat, SeatState::Open, cause, by, now);
    }

    /// Takes a seat from whoever held it, and notes an offer that ends without its holder's word.
    pub(super) fn vacate(
        &mut self,
        seat: SeatIndex,
        state: SeatState,
        cause: SeatCause,
        by: Option<&Identity>,
        now: Instant,
    ) {
        let offered = self.is_offer(seat);
        let holder = self.stage.seat(seat).holder().cloned();
        self.set_seat(seat, state);
        self.tell_seat(seat, cause, by, now);
        let Some(holder) = holder else {
            return;
        };
        let person = self.roster.person_mut(&holder);
        person.turn = None;
        person.seated_since = None;
        person.offer_lost = offered && by != Some(&holder);
        if offered {
            // Its seat is gone: an invite that kept it is of no more use.
            self.drop_invite_for(seat, &holder, by, now);
        }
    }

    fn drop_invite_for(&mut self, seat: SeatIndex, who: &Identity, by: Option<&Identity>, now: Instant) {
        if self.invites.of(who).is_some_and(|invite| invite.hold && invite.seat == Some(seat)) {
            self.end_invite(who, InviteChange::Revoked, by, now);
        }
    }

    /// The one place where the state of a seat changes.
    pub(super) fn set_seat(&mut self, seat: SeatIndex, state: SeatState) {
        let was = self.stage.seat(seat).holder().cloned();
        let was_open = self.stage.seat(seat).is_open();
        self.stage.put(seat, state);
        let is_open = self.stage.seat(seat).is_open();
        let is = self.stage.seat(seat).holder().cloned();
        for who in [was, is].into_iter().flatten() {
            self.roster.touch(&who);
        }
        match (was_open, is_open) {
            (false, true) => self.cues.opened(seat),
            (_, false) => self.cues.closed(seat),
            (true, true) => {}
        }
        match self.stage.seat(seat).state {
            SeatState::Locked | SeatState::Occupied { .. } => {
                for who in self.queue.forget_passed(seat) {
                    self.roster.touch(&who);
                }
            }
            SeatState::Open | SeatState::Reserved { .. } => {}
        }
        // Also a seat that is no longer kept for someone lets them be offered another one.
        self.offers_due = true;
        self.sounds_due = true;
        self.audience.changed();
    }
}

/// Not now, but later.
pub(super) fn refuse_for_now(retry_after: Duration) -> Refused {
    let details = Details { retry_after: Some(retry_after), ..Details::default() };
    Refused { refusal: Refusal::RateLimited, details }
}
