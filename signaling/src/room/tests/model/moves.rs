//! Moves: people change seats, and hosts put someone on one.

use super::*;

impl Model {
    pub(super) fn move_to(&mut self, by: &Identity, to: u8, whom: Option<&Identity>) -> Answered {
        let who = whom.unwrap_or(by);
        if who != by || self.is_admin() {
            self.moderates(by)?;
            self.reaches(by, who, Refusal::ParticipantNotFound)?;
        }
        self.exists(to)?;
        let from = self.stage_of(who).ok_or(Refusal::NotSeated)?;
        self.could_sit(who, Some(to))?;
        self.no_escape(by, from)?;
        self.is_open(to)?;
        self.put(from, SeatIs::Open);
        self.place(to, who);
        DONE
    }

    /// Someone comes from one seat to another. Their microphone stays as it was, or is muted by the seat.
    fn place(&mut self, seat: u8, who: &Identity) {
        self.put(seat, SeatIs::Occupied { who: who.clone() });
        self.mute_under_seat(seat, who);
        self.forget_passes(seat);
    }

    /// Whoever comes to sit under a seat's mute unmutes when it is lifted.
    pub(super) fn mute_under_seat(&mut self, seat: u8, who: &Identity) {
        if self.seats[usize::from(seat)].muted {
            self.person(who).self_muted = true;
        }
    }

    /// A member does not get rid of a seat's mute by changing seats.
    fn no_escape(&self, by: &Identity, from: u8) -> Result<(), Refusal> {
        let stuck = self.seats[usize::from(from)].muted && self.moderates(by).is_err();
        if stuck { Err(Refusal::Forbidden) } else { Ok(()) }
    }

    fn sitting_on(&self, seat: u8) -> Result<Identity, Refusal> {
        match &self.seats[usize::from(seat)].is {
            SeatIs::Occupied { who } => Ok(who.clone()),
            SeatIs::Open | SeatIs::Locked | SeatIs::Reserved { .. } => Err(Refusal::NotSeated),
        }
    }

    pub(super) fn swap(&mut self, by: &Identity, seat: u8, with: u8) -> Answered {
        self.exists(seat)?;
        self.exists(with)?;
        if seat == with {
            return Err(Refusal::InvalidArgument);
        }
        let (one, other) = (self.sitting_on(seat)?, self.sitting_on(with)?);
        self.could_sit(&one, Some(with))?;
        self.could_sit(&other, Some(seat))?;
        if self.moderates(by).is_ok() {
            for who in [&one, &other].into_iter().filter(|who| *who != by) {
                self.outranks(by, who)?;
            }
        } else {
            let (own, partner, theirs) = match (one == *by, other == *by) {
                (true, _) => (seat, &other, with),
                (_, true) => (with, &one, seat),
                (false, false) => return Err(Refusal::Forbidden),
            };
            // Neither of two guests gets out of a mute by an agreement.
            self.no_escape(by, seat)?;
            self.no_escape(by, with)?;
            let agreed = self
                .swaps
                .iter()
                .any(|swap| swap.from == *partner && swap.to == *by && swap.own == theirs && swap.theirs == own);
            self.swaps.retain(|swap| swap.from != *by);
            if !agreed {
                let until = self.now + self.set.proposal_expiry;
                self.swaps.push(Swap { from: by.clone(), to: partner.clone(), own, theirs, until });
                return Ok(Waits::ForAWord);
            }
            self.swaps.retain(|swap| swap.from != *partner);
        }
        self.place(seat, &other);
        self.place(with, &one);
        DONE
    }

    pub(super) fn assign(&mut self, by: &Identity, seat: u8, who: &Identity, rev: Option<u64>) -> Answered {
        self.moderates(by)?;
        self.exists(seat)?;
        if rev.is_some_and(|rev| rev != self.seats[usize::from(seat)].rev) {
            return Err(Refusal::RevConflict);
        }
        if who == by && !self.is_admin() {
            return self.take(by, seat);
        }
        self.reaches(by, who, Refusal::ParticipantNotFound)?;
        self.could_sit(who, Some(seat))?;
        if self.seat_of(who).is_some() {
            return Err(Refusal::AlreadySeated);
        }
        let hand = self.hand_of(who).cloned();
        if hand.is_none() && self.people[who].do_not_invite {
            return Err(Refusal::DoNotInvite);
        }
        self.is_open(seat)?;
        self.hands.retain(|hand| hand.who != *who);
        if hand.as_ref().is_some_and(|hand| hand.mic_ready) && !self.people[who].media_is_gone() {
            self.sit(seat, who);
        } else {
            self.keep(seat, who, ReservedWhy::Assigned, self.set.reservation);
        }
        if hand.is_some() {
            self.person(who).last_hand = Some(hands::HandEnd::Given);
        }
        DONE
    }
}
