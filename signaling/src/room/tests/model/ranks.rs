//! Ranks: who may act on whom, who gets another rank, and how a room changes hands.

use super::*;

impl Model {
    pub(super) fn moderates(&self, by: &Identity) -> Result<(), Refusal> {
        if self.is_admin() || self.rank_by(by) != Rank::Member { Ok(()) } else { Err(Refusal::Forbidden) }
    }

    pub(super) fn is_host(&self, by: &Identity) -> Result<(), Refusal> {
        if self.is_admin() || self.rank_by(by) == Rank::Host { Ok(()) } else { Err(Refusal::Forbidden) }
    }

    /// Nobody acts on an equal or higher rank.
    pub(super) fn outranks(&self, by: &Identity, who: &Identity) -> Result<(), Refusal> {
        if self.is_admin() || self.rank_by(by) > self.people[who].rank { Ok(()) } else { Err(Refusal::Forbidden) }
    }

    /// Someone is here and of a lower rank. Of those who were here, `gone` says what is answered.
    pub(super) fn reaches(&self, by: &Identity, who: &Identity, gone: Refusal) -> Result<(), Refusal> {
        if self.people.contains_key(who) {
            return self.outranks(by, who);
        }
        Err(if self.left.contains_key(who) { gone } else { Refusal::ParticipantNotFound })
    }

    pub(super) fn change_rank(&mut self, by: &Identity, who: &Identity, rank: Rank) -> Answered {
        self.is_host(by)?;
        if rank == Rank::Host && !self.is_admin() {
            return Err(Refusal::Forbidden);
        }
        self.reaches_known(by, who)?;
        if self.rank_known(who) != Some(rank) {
            self.ranks.insert(who.clone(), rank);
            if self.people.contains_key(who) { self.give_rank(who, rank) } else { self.give_rank_away(who, rank) }
        }
        DONE
    }

    /// Someone has another rank since someone decided so.
    fn decide_rank(&mut self, who: &Identity, rank: Rank) {
        if self.rank_known(who) != Some(rank) {
            self.ranks.insert(who.clone(), rank);
        }
    }

    /// Someone has another rank. Whoever is lowered to a member loses the seat; whoever is raised has no turn to end.
    pub(super) fn give_rank(&mut self, who: &Identity, rank: Rank) {
        let before = std::mem::replace(&mut self.person(who).rank, rank);
        if before == rank {
            return;
        }
        self.person(who).rank_given = true;
        if rank == Rank::Member {
            self.person(who).lost_seat = None;
            for hand in self.hands.iter_mut().filter(|hand| hand.who == *who && hand.wanted == Some(0)) {
                hand.wanted = None;
            }
            if let Some(seat) = self.seat_of(who) {
                self.free(seat, SeatIs::Open, None);
            }
        } else {
            self.person(who).turn_ends = None;
        }
        if rank != Rank::Host {
            self.host_offers.retain(|offer| offer.from != *who);
        }
    }

    /// Someone who is not here has another rank.
    pub(super) fn give_rank_away(&mut self, who: &Identity, rank: Rank) {
        let Some(left) = self.left.get_mut(who) else { return };
        left.rank_given |= left.rank != rank;
        left.rank = rank;
        if rank != Rank::Host {
            self.host_offers.retain(|offer| offer.from != *who);
        }
    }

    pub(super) fn transfer(&mut self, by: &Identity, to: &Identity) -> Answered {
        self.is_host(by)?;
        if to == by {
            return Err(Refusal::InvalidArgument);
        }
        if !self.people.contains_key(to) {
            return Err(Refusal::ParticipantNotFound);
        }
        self.outranks(by, to)?;
        if self.is_admin() {
            self.install(to);
            return DONE;
        }
        if self.people[to].rank == Rank::Cohost {
            self.hand_over(by, to);
            return DONE;
        }
        if !self.host_offers.iter().any(|offer| offer.from == *by && offer.to == *to) {
            let until = self.now + self.set.proposal_expiry;
            self.host_offers.retain(|offer| offer.from != *by && offer.to != *to);
            self.host_offers.push(HostOffer { from: by.clone(), to: to.clone(), until });
        }
        Ok(Waits::ForAWord)
    }

    fn hand_over(&mut self, from: &Identity, to: &Identity) {
        self.decide_rank(to, Rank::Host);
        self.decide_rank(from, Rank::Cohost);
        self.give_rank(to, Rank::Host);
        if self.people.contains_key(from) {
            self.give_rank(from, Rank::Cohost);
        } else {
            self.give_rank_away(from, Rank::Cohost);
        }
        self.host_offers.retain(|offer| offer.to != *to);
    }

    /// A back end puts someone in the place of the host who came first.
    fn install(&mut self, to: &Identity) {
        let others = self.people.iter().filter(|(who, person)| person.rank == Rank::Host && *who != to);
        let first = others.min_by_key(|(_, person)| person.arrival).map(|(who, _)| who.clone());
        self.decide_rank(to, Rank::Host);
        self.give_rank(to, Rank::Host);
        if let Some(first) = first {
            self.decide_rank(&first, Rank::Cohost);
            self.give_rank(&first, Rank::Cohost);
        }
        self.host_offers.retain(|offer| offer.to != *to);
    }

    pub(super) fn accept_host(&mut self, by: &Identity) -> Answered {
        let offer = self.host_offers.iter().find(|offer| offer.to == *by).cloned().ok_or(Refusal::OfferExpired)?;
        self.host_offers.retain(|offer| offer.to != *by);
        self.hand_over(&offer.from, by);
        DONE
    }

    pub(super) fn decline_host(&mut self, by: &Identity) -> Answered {
        if !self.host_offers.iter().any(|offer| offer.to == *by) {
            return Err(Refusal::OfferExpired);
        }
        self.host_offers.retain(|offer| offer.to != *by);
        DONE
    }
}
