//! Ranks: how a person gets another one, and how a room is handed over.

use std::time::Instant;

use crate::ids::{Identity, SeatIndex};

use super::Room;
use super::event::{Event, OfferOutcome, RankCause, SeatCause};
use super::output::{Done, Output, Recipients};
use super::permit::{Caller, Power};
use super::rank::Rank;
use super::refusal::{Refusal, Refused};

/// A room that waits for someone's word.
#[derive(Clone, Debug)]
pub(super) struct HostOffer {
    pub(super) from: Identity,
    pub(super) to: Identity,
    pub(super) until: Instant,
}

impl Room {
    /// Gives a person another rank, below the caller's own. They may be away.
    pub(super) fn change_rank(
        &mut self,
        by: &Caller,
        who: &Identity,
        rank: Rank,
        now: Instant,
    ) -> Result<Done, Refused> {
        by.may(Power::Ranks)?;
        by.may_act_on(rank)?;
        self.guard_known(by, who)?;
        if self.rank_known(who) == Some(rank) {
            let is_here = self.roster.find(who).is_some();
            return Ok(if is_here { self.done_with_person(who, now) } else { Done::default() });
        }
        self.decisions.guard_ranks(&[who])?;
        if self.roster.find(who).is_some() {
            self.give_rank(who, rank, RankCause::Given, Some(&by.identity), now);
            return Ok(self.done_with_person(who, now));
        }
        self.give_rank_away(who, rank, RankCause::Given);
        Ok(Done::default())
    }

    /// The one place where the rank of someone in the room changes. A lower one costs the seat. What was not decided by anybody ends with the room.
    pub(super) fn give_rank(
        &mut self,
        who: &Identity,
        rank: Rank,
        cause: RankCause,
        by: Option<&Identity>,
        now: Instant,
    ) {
        let before = self.roster.set_rank(who, rank);
        if before == rank {
            return;
        }
        if cause.is_decision() {
            self.decisions.set_rank(who, Some(rank));
        }
        let loses_seat = rank < before && !rank.is_moderator();
        if loses_seat {
            self.roster.person_mut(who).lost_seat = None;
            self.forget_host_seat(who, now);
        }
        if let Some(seat) = self.stage.seat_of(who) {
            // Whoever hands the room over keeps their seat: they may sit where they sit.
            if loses_seat {
                self.open_seat(seat, SeatCause::Rank, by, now);
            } else {
                self.roster.person_mut(who).turn = None;
                self.tell_seat(seat, SeatCause::Rank, by, now);
            }
        }
        if !self.roster.person(who).hidden {
            let event = Event::RankChanged { cause, by: self.shown_actor(by), participant: self.participant_view(who) };
            self.log(Recipients::Everyone, event);
        }
        if rank.is_moderator() && !before.is_moderator() {
            let session = self.roster.person(who).session.clone();
            let event = Event::Moderation(self.moderation_view(now));
            self.outputs.push(Output::Tell { to: Recipients::One(session.clone()), seq: None, event });
            self.tell_stage_sounds_to(&session);
        }
        if rank != Rank::Host {
            self.withdraw_host_offers(|offer| offer.from == *who);
        }
    }

    /// Gives another rank to someone who is away. Whoever is no host any more has nothing to offer.
    fn give_rank_away(&mut self, who: &Identity, rank: Rank, cause: RankCause) {
        self.memory.give_rank(who, rank);
        if cause.is_decision() {
            self.decisions.set_rank(who, Some(rank));
        }
        if rank != Rank::Host {
            self.withdraw_host_offers(|offer| offer.from == *who);
        }
    }

    /// The room has a new host: whoever was host before and is away comes back as cohost.
    pub(super) fn demote_away(&mut self) {
        for who in self.memory.hosts() {
            self.give_rank_away(&who, Rank::Cohost, RankCause::Promoted);
        }
    }

    /// Whoever is no moderator any more can no longer wish for the host seat.
    fn forget_host_seat(&mut self, who: &Identity, now: Instant) {
        let wish = self.queue.find_mut(who).filter(|hand| hand.wanted_seat == Some(SeatIndex::HOST));
        if let Some(hand) = wish {
            hand.wanted_seat = None;
            self.tell_hand_changed(who, now);
        }
    }

    /// Hands the room over: to a cohost at once, to anyone else when they accept.
    pub(super) fn transfer_host(&mut self, by: &Caller, to: &Identity, now: Instant) -> Result<Done, Refused> {
        by.may(Power::Transfer)?;
        if *to == by.identity {
            return Err(Refusal::InvalidArgument.into());
        }
        self.guard_person(by, to, Refusal::ParticipantNotFound)?;
        if by.is_admin {
            self.guard_handover(self.host_to_make_way(to).as_ref(), to)?;
            self.install_host(&by.identity, to, now);
            return Ok(Done::default());
        }
        if self.rank_of(to).is_moderator() {
            self.guard_handover(Some(&by.identity), to)?;
            self.hand_over(&by.identity, to, now);
            return Ok(Done::default());
        }
        let pending = Done { pending: true, ..Done::default() };
        if self.host_offers.iter().any(|offer| offer.from == by.identity && offer.to == *to) {
            return Ok(pending);
        }
        self.withdraw_host_offers(|offer| offer.from == by.identity || offer.to == *to);
        let expires_in = self.settings.proposal_expiry;
        self.written.mark_room();
        self.host_offers.push(HostOffer { from: by.identity.clone(), to: to.clone(), until: now + expires_in });
        let session = self.roster.person_mut(to).session.clone();
        let event = Event::HostOffer { from: by.identity.clone(), expires_in };
        self.outputs.push(Output::Tell { to: Recipients::One(session), seq: None, event });
        Ok(pending)
    }

    /// Accepts the room.
    pub(super) fn accept_host(&mut self, by: &Caller, now: Instant) -> Result<Done, Refused> {
        if let Some(from) =
            self.host_offers.iter().find(|offer| offer.to == by.identity).map(|offer| offer.from.clone())
        {
            self.guard_handover(Some(&from), &by.identity)?;
        }
        let offer = self.take_host_offer(&by.identity)?;
        self.tell_host_offer_ended(&offer, OfferOutcome::Accepted);
        self.hand_over(&offer.from, &offer.to, now);
        Ok(Done::default())
    }

    /// Declines the room.
    pub(super) fn decline_host(&mut self, by: &Caller) -> Result<Done, Refused> {
        let offer = self.take_host_offer(&by.identity)?;
        self.tell_host_offer_ended(&offer, OfferOutcome::Declined);
        Ok(Done::default())
    }

    /// A back end gives the room to someone: whoever has been host longest makes way.
    fn install_host(&mut self, by: &Identity, to: &Identity, now: Instant) {
        let outgoing = self.host_to_make_way(to);
        self.give_rank(to, Rank::Host, RankCause::Transferred, Some(by), now);
        if let Some(outgoing) = outgoing {
            self.give_rank(&outgoing, Rank::Cohost, RankCause::Transferred, Some(by), now);
        }
        self.withdraw_host_offers(|offer| offer.to == *to);
    }

    fn host_to_make_way(&self, to: &Identity) -> Option<Identity> {
        let hosts = self.roster.moderators().filter(|(who, person)| person.rank == Rank::Host && *who != to);
        hosts.min_by_key(|(_, person)| person.arrival).map(|(who, _)| who.clone())
    }

    /// Both ranks of a handover are decisions, and need a place each.
    fn guard_handover(&self, from: Option<&Identity>, to: &Identity) -> Result<(), Refusal> {
        let both: Vec<&Identity> = from.into_iter().chain([to]).collect();
        self.decisions.guard_ranks(&both)
    }

    fn hand_over(&mut self, from: &Identity, to: &Identity, now: Instant) {
        self.give_rank(to, Rank::Host, RankCause::Transferred, Some(from), now);
        if self.roster.find(from).is_some() {
            self.give_rank(from, Rank::Cohost, RankCause::Transferred, Some(from), now);
        } else {
            // A host without a socket gave it away.
            self.give_rank_away(from, Rank::Cohost, RankCause::Transferred);
        }
        self.withdraw_host_offers(|offer| offer.to == *to);
    }

    fn take_host_offer(&mut self, to: &Identity) -> Result<HostOffer, Refusal> {
        let place = self.host_offers.iter().position(|offer| offer.to == *to).ok_or(Refusal::OfferExpired)?;
        self.written.mark_room();
        Ok(self.host_offers.remove(place))
    }

    /// Takes offers back: one of the two has gone, or can no longer.
    pub(super) fn withdraw_host_offers(&mut self, which: impl Fn(&HostOffer) -> bool) {
        let (gone, kept) = std::mem::take(&mut self.host_offers).into_iter().partition(|offer| which(offer));
        self.host_offers = kept;
        let gone: Vec<HostOffer> = gone;
        for offer in gone {
            self.written.mark_room();
            self.tell_host_offer_ended(&offer, OfferOutcome::Withdrawn);
        }
    }

    /// Nobody answered.
    pub(super) fn expire_host_offer(&mut self, to: &Identity) {
        if let Ok(offer) = self.take_host_offer(to) {
            self.tell_host_offer_ended(&offer, OfferOutcome::Expired);
        }
    }

    fn tell_host_offer_ended(&mut self, offer: &HostOffer, outcome: OfferOutcome) {
        let HostOffer { from, to, .. } = offer;
        self.roster.touch(to);
        let parties = [from, to].into_iter().filter_map(|who| self.roster.find(who));
        let sessions: Vec<_> = parties.map(|person| person.session.clone()).collect();
        let event = Event::HostOfferEnded { from: from.clone(), to: to.clone(), outcome };
        self.outputs.push(Output::Tell { to: Recipients::Sessions(sessions), seq: None, event });
    }
}
