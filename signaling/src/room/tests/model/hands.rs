//! Hands: the queue, what hosts and cohosts make of it, and the offers that go round it.

use super::*;

/// How someone's last hand ended.
#[derive(Clone, Debug)]
pub(super) enum HandEnd {
    /// Approved by someone, for a seat.
    Approved {
        by: Identity,
        seat: u8,
    },
    /// A seat was given for it in another way: assigned, or offered and confirmed.
    Given,
    Denied,
    Withdrawn,
}

impl Model {
    pub(super) fn hand_of(&self, who: &Identity) -> Option<&Hand> {
        self.hands.iter().find(|hand| hand.who == *who)
    }

    pub(super) fn not_cooling(&self, who: &Identity) -> Result<(), Refusal> {
        if self.people[who].cooling_until > self.now { Err(Refusal::RateLimited) } else { Ok(()) }
    }

    pub(super) fn raise(&mut self, by: &Identity, wanted: Option<u8>, mic_ready: bool) -> Answered {
        if self.hand_of(by).is_some() {
            return DONE;
        }
        if !self.people[by].can_publish || !self.set.hands {
            return Err(Refusal::Forbidden);
        }
        if self.seat_of(by).is_some() {
            return Err(Refusal::AlreadySeated);
        }
        self.not_cooling(by)?;
        if let Some(wanted) = wanted {
            self.exists(wanted)?;
            self.could_sit(by, Some(wanted))?;
            if self.seats[usize::from(wanted)].is == SeatIs::Locked {
                return Err(Refusal::SeatLocked);
            }
        }
        if self.hands.len() >= self.set.hands_max {
            return Err(Refusal::RateLimited);
        }
        self.add_hand(by, wanted, mic_ready, false);
        DONE
    }

    /// Queues a hand: the one given the first place, then the higher tier, then who came first.
    pub(super) fn add_hand(&mut self, who: &Identity, wanted: Option<u8>, mic_ready: bool, first: bool) {
        let tier = self.people[who].tier;
        let hand = Hand {
            who: who.clone(),
            wanted,
            mic_ready,
            tier,
            first,
            raised_at: self.now,
            passed: BTreeSet::new(),
            missed: 0,
        };
        let goes_before = |other: &&Hand| other.first || (!first && other.tier >= tier);
        let place = self.hands.iter().filter(goes_before).count();
        self.hands.insert(place, hand);
    }

    pub(super) fn lower(&mut self, by: &Identity) -> Answered {
        let (offered, approved) = (self.kept_for(by, ReservedWhy::Offered), self.kept_for(by, ReservedWhy::Approved));
        if self.hand_of(by).is_some() {
            self.end_hand(by);
            // An offer was for the hand.
            if let Some(seat) = offered {
                self.free(seat, SeatIs::Open, Some(by));
            }
            return DONE;
        }
        if let Some(seat) = approved {
            self.free(seat, SeatIs::Open, Some(by));
            return DONE;
        }
        Err(self.no_hand(by))
    }

    /// Why someone who is here has no hand up.
    fn no_hand(&self, who: &Identity) -> Refusal {
        match self.people[who].last_hand {
            Some(HandEnd::Approved { .. } | HandEnd::Given | HandEnd::Denied) => Refusal::HandAlreadyHandled,
            Some(HandEnd::Withdrawn) | None => Refusal::HandGone,
        }
    }

    pub(super) fn approve(&mut self, by: &Identity, who: &Identity) -> Answered {
        self.moderates(by)?;
        self.reaches(by, who, Refusal::HandGone)?;
        let Some(hand) = self.hand_of(who).cloned() else {
            // The same host once more: the first answer, while it is still true.
            return match &self.people[who].last_hand {
                Some(HandEnd::Approved { by: first, seat }) if first == by && self.seat_of(who) == Some(*seat) => DONE,
                _ => Err(self.no_hand(who)),
            };
        };
        self.approve_hand(by, &hand)
    }

    fn approve_hand(&mut self, by: &Identity, hand: &Hand) -> Answered {
        let who = &hand.who;
        let offered = self.seat_of(who);
        let seat = match (offered, hand.wanted) {
            (Some(offered), _) => offered,
            (None, Some(wanted)) => {
                self.is_open(wanted)?;
                wanted
            }
            (None, None) => self.first_open().ok_or(Refusal::AllSeatsTaken)?,
        };
        self.hands.retain(|hand| hand.who != *who);
        if hand.mic_ready && !self.people[who].media_is_gone() {
            self.sit(seat, who);
        } else {
            self.keep(seat, who, ReservedWhy::Approved, self.set.reservation);
        }
        self.person(who).last_hand = Some(HandEnd::Approved { by: by.clone(), seat });
        DONE
    }

    pub(super) fn approve_next(&mut self, by: &Identity) -> Answered {
        self.moderates(by)?;
        // The first whose owner is there, on whom the caller may act, and for whom there is a seat.
        let mut answer = Err(Refusal::HandGone);
        for hand in self.hands.clone() {
            if self.people[&hand.who].detached_until.is_none() {
                answer = self.approve(by, &hand.who);
            }
            if answer.is_ok() {
                break;
            }
        }
        answer
    }

    pub(super) fn deny(&mut self, by: &Identity, who: &Identity) -> Answered {
        self.moderates(by)?;
        self.reaches(by, who, Refusal::HandGone)?;
        if self.hand_of(who).is_none() {
            return Err(self.no_hand(who));
        }
        self.drop_hand(who, HandEnd::Denied, Some(by));
        self.person(who).cooling_until = self.now + self.set.hand_cooldown;
        self.person(who).lost_seat = None;
        DONE
    }

    pub(super) fn lower_all(&mut self, by: &Identity) -> Answered {
        self.moderates(by)?;
        let all: Vec<Identity> = self.hands.iter().map(|hand| hand.who.clone()).collect();
        for who in all.into_iter().filter(|who| who == by || self.outranks(by, who).is_ok()).collect::<Vec<_>>() {
            self.drop_hand(&who, HandEnd::Withdrawn, Some(by));
        }
        DONE
    }

    /// A hand that others or time end takes along the offer that was made for it.
    pub(super) fn drop_hand(&mut self, who: &Identity, end: HandEnd, by: Option<&Identity>) {
        self.hands.retain(|hand| hand.who != *who);
        self.person(who).last_hand = Some(end);
        if let Some(seat) = self.kept_for(who, ReservedWhy::Offered) {
            self.free(seat, SeatIs::Open, by);
        }
    }

    /// A hand comes down because its owner did something else.
    pub(super) fn end_hand(&mut self, who: &Identity) {
        if self.hand_of(who).is_some() {
            self.hands.retain(|hand| hand.who != *who);
            self.person(who).last_hand = Some(HandEnd::Withdrawn);
        }
    }

    /// Someone was muted: an approval must not open their microphone any more.
    pub(super) fn close_hand_microphone(&mut self, who: &Identity) {
        for hand in self.hands.iter_mut().filter(|hand| hand.who == *who) {
            hand.mic_ready = false;
        }
    }

    /// Each open seat goes to the first hand that can take it and did not let this opening pass.
    pub(super) fn settle_offers(&mut self) {
        if !self.set.auto_offer || self.phase == Phase::Closed {
            return;
        }
        for seat in 1..self.set.seats {
            if self.seats[usize::from(seat)].is != SeatIs::Open {
                continue;
            }
            let next = self.hands.iter().find(|hand| self.can_be_offered(hand, seat)).map(|hand| hand.who.clone());
            if let Some(who) = next {
                self.keep(seat, &who, ReservedWhy::Offered, self.set.reservation);
            }
        }
    }

    fn can_be_offered(&self, hand: &Hand, seat: u8) -> bool {
        let person = &self.people[&hand.who];
        person.detached_until.is_none()
            && !person.media_is_gone()
            && hand.wanted.is_none_or(|wanted| wanted == seat)
            && !hand.passed.contains(&seat)
            && self.seat_of(&hand.who).is_none()
    }

    /// Someone said no to an offer: the hand stays, but is not offered this opening again.
    pub(super) fn pass(&mut self, seat: u8, who: &Identity) {
        for hand in self.hands.iter_mut().filter(|hand| hand.who == *who) {
            hand.passed.insert(seat);
        }
    }

    /// Someone did not answer an offer. The second time they are taken for away.
    pub(super) fn miss(&mut self, seat: u8, who: &Identity) {
        self.pass(seat, who);
        self.free(seat, SeatIs::Open, None);
        let Some(hand) = self.hands.iter_mut().find(|hand| hand.who == *who) else {
            return;
        };
        hand.missed += 1;
        if hand.missed == 2 {
            self.drop_hand(who, HandEnd::Withdrawn, None);
        }
    }

    /// Someone sits there: the next opening of this seat is another one.
    pub(super) fn forget_passes(&mut self, seat: u8) {
        for hand in &mut self.hands {
            hand.passed.remove(&seat);
        }
    }
}
