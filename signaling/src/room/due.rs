//! What is due: all that time alone brings about, in its order.

use std::time::Instant;

use crate::ids::{Identity, SeatIndex};

use super::Room;
use super::event::{DecisionCause, HandChange, InviteChange, LeftReason, SeatCause};
use super::participant::LostSeat;
use super::seat::SeatState;
use super::view::ReservedWhy;

/// Something that time brings about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// A seat is kept no longer.
    Reservation(SeatIndex),
    /// A hand was up too long.
    Hand(Identity),
    /// Someone without a socket is gone.
    Gone(Identity),
    /// An invite was not answered.
    Invite(Identity),
    /// The room was offered to someone who did not answer.
    HostOffer(Identity),
    /// A turn is about to end.
    TurnWarning(SeatIndex),
    /// A turn is over.
    TurnOver(SeatIndex),
    /// The present phase of the room's life ends.
    Phase,
    /// A ban runs out.
    BanOver(Identity),
    /// A mute by a host runs out.
    MuteOver(Identity),
    /// A denial of older tokens is of no use any more.
    DenialOver(Identity),
    /// The room was empty too long.
    Empty,
}

impl Room {
    /// What comes next by time alone, and when.
    pub(super) fn next_due(&self) -> Option<(Instant, Due)> {
        if self.is_closed() {
            return None;
        }
        let reservation = self.stage.first_expiry().map(|(at, seat)| (at, Due::Reservation(seat)));
        let hand = self.queue.oldest().and_then(|hand| {
            let at = hand.raised_at.checked_add(self.settings.hand_expiry)?;
            Some((at, Due::Hand(hand.identity.clone())))
        });
        let gone = self.roster.first_gone().map(|(at, who)| (*at, Due::Gone(who.clone())));
        let empty = self.empty_since.and_then(|since| Some((since.checked_add(self.settings.empty_max)?, Due::Empty)));
        let invite = self.invites.first_expiry().map(|(at, to)| (at, Due::Invite(to)));
        let host_offer =
            self.host_offers.iter().min_by_key(|offer| offer.until).map(|o| (o.until, Due::HostOffer(o.to.clone())));
        let ban = self.decisions.first_ban_end().map(|(at, who)| (at, Due::BanOver(who.clone())));
        let mute = self.decisions.first_mute_end().map(|(at, who)| (at, Due::MuteOver(who.clone())));
        let denial = self.decisions.first_denial_end().map(|(at, who)| (at, Due::DenialOver(who.clone())));
        let decisions = [ban, mute, denial];
        // An invite goes before the seat that is kept for it.
        let all = [invite, reservation, hand, gone, host_offer, self.first_turn(), self.phase_end(), empty];
        all.into_iter().chain(decisions).flatten().min_by_key(|(at, _)| *at)
    }

    /// Carries out all that is due, in the order of time.
    pub(super) fn carry_out_due(&mut self, now: Instant) {
        while let Some((at, due)) = self.next_due().filter(|(at, _)| *at <= now) {
            match due {
                Due::Reservation(seat) => self.end_reservation(seat, at),
                Due::Hand(who) => {
                    self.end_hand(&who, HandChange::Expired, at);
                }
                Due::Gone(who) => self.depart(&who, LeftReason::Gone, None, None, at),
                Due::Invite(to) => {
                    self.end_invite(&to, InviteChange::Expired, None, at);
                }
                Due::HostOffer(to) => self.expire_host_offer(&to),
                Due::TurnWarning(seat) => self.warn_turn(seat, at),
                Due::TurnOver(seat) => self.open_seat(seat, SeatCause::TurnOver, None, at),
                Due::Phase => self.end_phase(at),
                Due::BanOver(who) => self.lift_ban(&who, DecisionCause::Expired, None, at),
                Due::MuteOver(who) => self.lift_mute(&who, DecisionCause::Expired, None, at),
                Due::DenialOver(who) => self.decisions.lift_denial(&who),
                Due::Empty => self.shut(),
            }
            // What one thing leads to may be due before the next.
            self.settle_offers(at);
            self.settle_life(at);
        }
    }

    /// A seat was kept long enough.
    fn end_reservation(&mut self, seat: SeatIndex, now: Instant) {
        let SeatState::Reserved { who, why, .. } = self.stage.seat(seat).state.clone() else {
            return;
        };
        match why {
            ReservedWhy::Offered => self.miss_offer(seat, &who, now),
            ReservedWhy::Approved | ReservedWhy::Assigned | ReservedWhy::Invited => {
                self.open_seat(seat, SeatCause::Released, None, now);
            }
            ReservedWhy::Reconnect => {
                let turn = self.roster.person(&who).turn;
                self.open_seat(seat, SeatCause::Lost, None, now);
                // As long as a session would last without a socket, counted from the same loss.
                let patience = self.settings.detached_max.saturating_sub(self.settings.reconnect_grace);
                self.roster.person_mut(&who).lost_seat = Some(LostSeat { seat, until: now + patience, turn });
            }
        }
    }
}
