//! Seats: taking and leaving them, confirming and declining, and what hosts and cohosts do with them.

use super::*;

impl Model {
    pub(super) fn seat_of(&self, who: &Identity) -> Option<u8> {
        (0..).zip(&self.seats).find(|(_, seat)| seat.holder() == Some(who)).map(|(index, _)| index)
    }

    /// The seat that is kept for someone, for this reason.
    pub(super) fn kept_for(&self, who: &Identity, reason: ReservedWhy) -> Option<u8> {
        let kept = |seat: &Seat| matches!(&seat.is, SeatIs::Reserved { who: holder, why, .. } if holder == who && *why == reason);
        (0..).zip(&self.seats).find(|(_, seat)| kept(seat)).map(|(index, _)| index)
    }

    /// The seat that someone really sits on.
    pub(super) fn stage_of(&self, who: &Identity) -> Option<u8> {
        let sits = |seat: &Seat| matches!(&seat.is, SeatIs::Occupied { who: sitting } if sitting == who);
        (0..).zip(&self.seats).find(|(_, seat)| sits(seat)).map(|(index, _)| index)
    }

    pub(super) fn first_open(&self) -> Option<u8> {
        (1..).zip(self.seats.iter().skip(1)).find(|(_, seat)| seat.is == SeatIs::Open).map(|(index, _)| index)
    }

    pub(super) fn exists(&self, seat: u8) -> Result<(), Refusal> {
        if usize::from(seat) < self.seats.len() { Ok(()) } else { Err(Refusal::SeatNotFound) }
    }

    /// Whether someone could ever sit there: seat 0 is for hosts and cohosts.
    pub(super) fn could_sit(&self, who: &Identity, seat: Option<u8>) -> Result<(), Refusal> {
        let Some(person) = self.people.get(who) else { return Err(Refusal::Forbidden) };
        if person.can_publish && (seat != Some(0) || person.moderates()) { Ok(()) } else { Err(Refusal::Forbidden) }
    }

    pub(super) fn has_media(&self, who: &Identity) -> Result<(), Refusal> {
        if self.people[who].media_is_gone() { Err(Refusal::SessionStale) } else { Ok(()) }
    }

    pub(super) fn is_open(&self, seat: u8) -> Result<(), Refusal> {
        match self.seats[usize::from(seat)].is {
            SeatIs::Open => Ok(()),
            SeatIs::Locked => Err(Refusal::SeatLocked),
            SeatIs::Reserved { .. } => Err(Refusal::SeatReserved),
            SeatIs::Occupied { .. } => Err(Refusal::SeatOccupied),
        }
    }

    /// The one place where a seat becomes something else. What was let pass was another opening.
    pub(super) fn put(&mut self, index: u8, is: SeatIs) {
        let ends_opening = matches!(is, SeatIs::Occupied { .. } | SeatIs::Locked);
        let seat = &mut self.seats[usize::from(index)];
        seat.rev += 1;
        seat.is = is;
        if ends_opening {
            self.forget_passes(index);
        }
    }

    /// Someone sits down by their own word: their microphone is open, unless a host has muted them or the seat.
    pub(super) fn sit(&mut self, index: u8, who: &Identity) {
        let seat_muted = self.seats[usize::from(index)].muted;
        let now = self.now;
        let turn_ends = self.turn_for(index, who);
        let person = self.person(who);
        person.self_muted = seat_muted || person.host_muted;
        person.offer_lost = false;
        person.lost_seat = None;
        person.turn_ends = turn_ends;
        person.seated_since = Some(now);
        self.put(index, SeatIs::Occupied { who: who.clone() });
        self.end_invite(who, InviteChange::Accepted);
    }

    /// A seat is kept for someone, who is asked.
    pub(super) fn keep(&mut self, index: u8, who: &Identity, why: ReservedWhy, span: Duration) {
        let until = self.now + span;
        let person = self.person(who);
        person.self_muted = true;
        person.offer_lost = false;
        self.put(index, SeatIs::Reserved { who: who.clone(), why, until });
    }

    /// A seat that someone had becomes free (or locked). If it was only kept for them and they did not say so, they are told later that it is too late.
    pub(super) fn free(&mut self, index: u8, is: SeatIs, by: Option<&Identity>) {
        let seat = &self.seats[usize::from(index)];
        let holder = seat.holder().cloned();
        let asked = matches!(&seat.is, SeatIs::Reserved { why, .. } if *why != ReservedWhy::Reconnect);
        self.put(index, is);
        if let Some(holder) = holder {
            // Whoever had a seat before has missed no offer.
            if let Some(person) = self.people.get_mut(&holder) {
                person.offer_lost = asked && by != Some(&holder);
            }
            let kept_for_invite = |invite: &Invite| invite.to == holder && invite.hold && invite.seat == Some(index);
            if asked && self.invites.iter().any(kept_for_invite) {
                self.end_invite(&holder, InviteChange::Revoked);
            }
        }
    }

    pub(super) fn take(&mut self, by: &Identity, seat: u8) -> Answered {
        self.exists(seat)?;
        self.could_sit(by, Some(seat))?;
        if self.seat_of(by).is_some() {
            return Err(Refusal::AlreadySeated);
        }
        if self.set.seat_mode != SeatMode::Free && !self.people[by].moderates() {
            return Err(Refusal::WrongSeatMode);
        }
        self.has_media(by)?;
        self.not_cooling(by)?;
        self.is_open(seat)?;
        self.end_hand(by);
        self.sit(seat, by);
        DONE
    }

    pub(super) fn leave_seat(&mut self, by: &Identity) -> Answered {
        let seat = self.seat_of(by).ok_or(Refusal::NotSeated)?;
        self.give_up(seat, by);
        DONE
    }

    /// Gives up a seat by one's own word: an invite is declined by it, an offer is let pass.
    pub(super) fn give_up(&mut self, seat: u8, by: &Identity) {
        match &self.seats[usize::from(seat)].is {
            SeatIs::Reserved { why: ReservedWhy::Invited, .. } => self.end_invite(by, InviteChange::Declined),
            SeatIs::Reserved { why: ReservedWhy::Offered, .. } => {
                self.pass(seat, by);
                self.free(seat, SeatIs::Open, Some(by));
            }
            SeatIs::Open | SeatIs::Locked | SeatIs::Reserved { .. } | SeatIs::Occupied { .. } => {
                self.free(seat, SeatIs::Open, Some(by));
            }
        }
    }

    /// The seat about which someone is asked.
    fn asked_about(&self, by: &Identity, named: Option<u8>) -> Result<u8, Refusal> {
        if let Some(named) = named {
            self.exists(named)?;
        }
        let Some(seat) = self.seat_of(by) else {
            return Err(if self.people[by].offer_lost { Refusal::OfferExpired } else { Refusal::NotSeated });
        };
        match &self.seats[usize::from(seat)].is {
            SeatIs::Reserved { why, .. } if *why != ReservedWhy::Reconnect => {}
            _ => return Err(Refusal::AlreadySeated),
        }
        if named.is_some_and(|named| named != seat) {
            return Err(Refusal::OfferExpired);
        }
        Ok(seat)
    }

    pub(super) fn confirm(&mut self, by: &Identity, named: Option<u8>) -> Answered {
        let seat = self.asked_about(by, named)?;
        self.could_sit(by, Some(seat))?;
        self.has_media(by)?;
        let offered = self.kept_for(by, ReservedWhy::Offered).is_some();
        self.end_hand(by);
        if offered {
            self.person(by).last_hand = Some(hands::HandEnd::Given);
        }
        self.sit(seat, by);
        DONE
    }

    pub(super) fn decline(&mut self, by: &Identity, named: Option<u8>) -> Answered {
        let seat = self.asked_about(by, named)?;
        self.give_up(seat, by);
        DONE
    }

    /// Hosts and cohosts may act on a seat; if someone has it, that is an act on them (unless it is oneself).
    fn may_handle(&self, by: &Identity, seat: u8, rev: Option<u64>, touches_holder: bool) -> Result<(), Refusal> {
        self.moderates(by)?;
        self.exists(seat)?;
        let found = &self.seats[usize::from(seat)];
        if let Some(holder) = found.holder().filter(|holder| touches_holder && *holder != by) {
            self.outranks(by, holder)?;
        }
        if rev.is_some_and(|rev| rev != found.rev) { Err(Refusal::RevConflict) } else { Ok(()) }
    }

    pub(super) fn lock(&mut self, by: &Identity, seat: u8, evict: bool, rev: Option<u64>) -> Answered {
        self.may_handle(by, seat, rev, true)?;
        match self.seats[usize::from(seat)].is {
            SeatIs::Locked => return DONE,
            SeatIs::Occupied { .. } if !evict => return Err(Refusal::SeatOccupied),
            SeatIs::Open | SeatIs::Reserved { .. } | SeatIs::Occupied { .. } => {}
        }
        self.free(seat, SeatIs::Locked, Some(by));
        for hand in self.hands.iter_mut().filter(|hand| hand.wanted == Some(seat)) {
            hand.wanted = None;
        }
        DONE
    }

    pub(super) fn unlock(&mut self, by: &Identity, seat: u8, rev: Option<u64>) -> Answered {
        self.may_handle(by, seat, rev, false)?;
        if self.seats[usize::from(seat)].is == SeatIs::Locked {
            self.put(seat, SeatIs::Open);
        }
        DONE
    }

    pub(super) fn mute_seat(&mut self, by: &Identity, seat: u8, rev: Option<u64>) -> Answered {
        self.may_handle(by, seat, rev, true)?;
        let found = &mut self.seats[usize::from(seat)];
        if !found.muted {
            found.muted = true;
            found.rev += 1;
            if let Some(holder) = found.holder().cloned() {
                self.person(&holder).self_muted = true;
            }
        }
        DONE
    }

    pub(super) fn unmute_seat(&mut self, by: &Identity, seat: u8, rev: Option<u64>) -> Answered {
        self.may_handle(by, seat, rev, true)?;
        let found = &mut self.seats[usize::from(seat)];
        if found.muted {
            found.muted = false;
            found.rev += 1;
        }
        DONE
    }

    pub(super) fn kick_off(&mut self, by: &Identity, seat: u8, rev: Option<u64>) -> Answered {
        self.may_handle(by, seat, rev, true)?;
        if let Some(holder) = self.seats[usize::from(seat)].holder().cloned() {
            for hand in self.hands.iter_mut().filter(|hand| hand.who == holder) {
                hand.passed.insert(seat);
            }
            self.free(seat, SeatIs::Open, Some(by));
        }
        DONE
    }

    /// A seat is kept no longer.
    pub(super) fn reservation_ends(&mut self, seat: u8) {
        let SeatIs::Reserved { who, why, .. } = self.seats[usize::from(seat)].is.clone() else {
            return;
        };
        match why {
            ReservedWhy::Invited => self.end_invite(&who, InviteChange::Expired),
            ReservedWhy::Offered => self.miss(seat, &who),
            ReservedWhy::Reconnect => {
                let until = self.now + self.set.detached_max.saturating_sub(self.set.reconnect_grace);
                let turn_ends = self.person(&who).turn_ends;
                self.person(&who).lost_seat = Some((seat, until, turn_ends));
                self.free(seat, SeatIs::Open, None);
            }
            ReservedWhy::Approved | ReservedWhy::Assigned => self.free(seat, SeatIs::Open, None),
        }
    }
}

impl Seat {
    pub(super) fn holder(&self) -> Option<&Identity> {
        match &self.is {
            SeatIs::Open | SeatIs::Locked => None,
            SeatIs::Reserved { who, .. } | SeatIs::Occupied { who } => Some(who),
        }
    }
}
