//! The room's life: its phases, its settings, its turns, and all that time brings about.

use super::*;

/// What time brings about, in the order in which it comes when it comes at one moment.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Phase,
    Reservation(u8),
    Turn(u8),
    Invite(Identity),
    HostOffer(Identity),
    Hand(Identity),
    Gone(Identity),
    Ban(Identity),
    Mute(Identity),
    Empty,
}

impl Model {
    /// Time goes on: whatever is due by then happens at its time.
    pub(super) fn advance(&mut self, to: Duration) {
        while let Some((at, due)) = self.dues().into_iter().min().filter(|(at, _)| *at <= to) {
            self.now = self.now.max(at);
            self.happen(due);
            self.settle();
        }
        self.now = to;
        self.denied.retain(|_, since| to.saturating_sub(*since) < DAY_AND_A_MINUTE);
        self.swaps.retain(|swap| swap.until > to);
    }

    fn dues(&self) -> Vec<(Duration, Due)> {
        let mut dues = Vec::new();
        if self.phase == Phase::Closed {
            return dues;
        }
        dues.extend(self.phase_ends.map(|at| (at, Due::Phase)));
        for (index, seat) in (0..).zip(&self.seats) {
            if let SeatIs::Reserved { until, .. } = &seat.is {
                dues.push((*until, Due::Reservation(index)));
            }
            if let Some(who) = seat.holder().filter(|_| self.is_seat_of_right(index)) {
                dues.extend(self.people[who].turn_ends.map(|at| (at, Due::Turn(index))));
            }
        }
        dues.extend(self.invites.iter().map(|invite| (invite.until, Due::Invite(invite.to.clone()))));
        dues.extend(self.host_offers.iter().map(|offer| (offer.until, Due::HostOffer(offer.to.clone()))));
        dues.extend(self.hands.iter().map(|hand| (hand.raised_at + self.set.hand_expiry, Due::Hand(hand.who.clone()))));
        for (who, person) in &self.people {
            dues.extend(person.detached_until.map(|at| (at, Due::Gone(who.clone()))));
        }
        dues.extend(self.bans.iter().filter_map(|ban| Some((ban.until?, Due::Ban(ban.who.clone())))));
        dues.extend(self.mutes.iter().filter_map(|(who, until)| Some(((*until)?, Due::Mute(who.clone())))));
        dues.extend(self.empty_since.map(|since| (since + self.set.empty_max, Due::Empty)));
        dues
    }

    fn happen(&mut self, due: Due) {
        match due {
            Due::Phase => self.phase_is_over(),
            Due::Reservation(seat) => self.reservation_ends(seat),
            Due::Turn(seat) => self.free(seat, SeatIs::Open, None),
            Due::Invite(to) => self.end_invite(&to, InviteChange::Expired),
            Due::HostOffer(to) => self.host_offers.retain(|offer| offer.to != to),
            Due::Hand(who) => self.drop_hand(&who, hands::HandEnd::Withdrawn, None),
            Due::Gone(who) => self.depart(&who),
            Due::Ban(who) => self.lift_ban(&who),
            Due::Mute(who) => self.lift_mute(&who),
            Due::Empty => self.shut(),
        }
    }

    fn enter(&mut self, phase: Phase, lasts: Option<Duration>) {
        self.phase = phase;
        self.phase_ends = lasts.map(|lasts| self.now + lasts);
    }

    fn shut(&mut self) {
        self.enter(Phase::Closed, None);
    }

    fn phase_is_over(&mut self) {
        match self.phase {
            Phase::Scheduled => self.enter(Phase::Live, None),
            Phase::Hostless => self.promote(),
            Phase::Closing => self.shut(),
            Phase::Live | Phase::Closed => {}
        }
    }

    /// The last host did not come back: someone else is host, or the room closes.
    fn promote(&mut self) {
        let here = |who: &Identity| self.people[who].detached_until.is_some();
        let heir = match self.set.promote {
            Promote::None => None,
            Promote::Cohost => {
                let cohosts = self.people.iter().filter(|(_, person)| person.rank == Rank::Cohost);
                cohosts.min_by_key(|(who, person)| (here(who), person.arrival)).map(|(who, _)| who.clone())
            }
            Promote::LongestSeated => {
                let on_stage = self.people.iter().filter(|(who, _)| self.stage_of(who).is_some());
                on_stage
                    .min_by_key(|(who, person)| (here(who), person.seated_since, person.arrival))
                    .map(|(who, _)| who.clone())
            }
        };
        match heir {
            Some(heir) => {
                // Whoever was host comes back as a cohost.
                let hosts = self.left.iter().filter(|(_, left)| left.rank == Rank::Host);
                for who in hosts.map(|(who, _)| who.clone()).collect::<Vec<_>>() {
                    self.give_rank_away(&who, Rank::Cohost);
                }
                self.give_rank(&heir, Rank::Host);
                self.enter(Phase::Live, None);
            }
            None => {
                self.for_want_of_host = true;
                self.enter(Phase::Closing, Some(self.set.closing_notice));
            }
        }
    }

    pub(super) fn settle_life(&mut self) {
        let has_host = self.people.values().any(|person| person.rank == Rank::Host);
        self.had_host |= has_host;
        let empty = self.people.is_empty();
        match self.phase {
            Phase::Live if self.had_host && !has_host && !empty => {
                self.enter(Phase::Hostless, Some(self.set.hostless_grace));
            }
            Phase::Hostless if has_host || empty => self.enter(Phase::Live, None),
            Phase::Closing if has_host && self.for_want_of_host => self.enter(Phase::Live, None),
            Phase::Scheduled | Phase::Live | Phase::Hostless | Phase::Closing | Phase::Closed => {}
        }
    }

    pub(super) fn update(&mut self, by: &Identity, change: &RoomChange) -> Answered {
        self.is_host(by)?;
        if *change == RoomChange::default() {
            return Err(Refusal::InvalidArgument);
        }
        let before = self.set.turn;
        let set = &mut self.set;
        set.seat_mode = change.seat_mode.unwrap_or(set.seat_mode);
        set.hands = change.hands.unwrap_or(set.hands);
        set.interrupt = change.interrupt.unwrap_or(set.interrupt);
        set.auto_offer = change.auto_offer.unwrap_or(set.auto_offer);
        set.turn = change.turn.unwrap_or(set.turn);
        set.promote = change.promote.unwrap_or(set.promote);
        set.duplicates = change.duplicates.unwrap_or(set.duplicates);
        if change.go_live && matches!(self.phase, Phase::Scheduled | Phase::Closing) {
            self.enter(Phase::Live, None);
        }
        if self.set.turn != before {
            self.begin_turns_anew();
        }
        DONE
    }

    pub(super) fn close(&mut self, by: &Identity, notice: Duration) -> Answered {
        self.is_host(by)?;
        self.for_want_of_host = false;
        if notice.is_zero() {
            self.shut();
        } else {
            self.enter(Phase::Closing, Some(notice));
        }
        DONE
    }

    /// How long someone who sits down now may stay. Hosts and cohosts stay as long as they like.
    pub(super) fn turn_for(&self, seat: u8, who: &Identity) -> Option<Duration> {
        let length = self.set.turn.filter(|_| seat != 0 && !self.people[who].moderates())?;
        Some(self.now + length)
    }

    fn begin_turns_anew(&mut self) {
        for seat in 0..self.set.seats {
            let holder = self.seats[usize::from(seat)].holder().cloned();
            if let Some(who) = holder.filter(|_| self.is_seat_of_right(seat)) {
                let turn_ends = self.turn_for(seat, &who);
                self.person(&who).turn_ends = turn_ends;
            }
        }
    }

    pub(super) fn room_picture(&self) -> RoomView {
        let remaining =
            |phase| self.phase_ends.filter(|_| self.phase == phase).map(|ends| ends.saturating_sub(self.now));
        RoomView {
            phase: self.phase,
            seat_mode: self.set.seat_mode,
            hands: self.set.hands,
            interrupt: self.set.interrupt,
            auto_offer: self.set.auto_offer,
            turn: self.set.turn,
            promote: self.set.promote,
            duplicates: self.set.duplicates,
            participants_max: self.set.participants_max,
            opens_in: remaining(Phase::Scheduled),
            hostless_for: remaining(Phase::Hostless),
            closes_in: remaining(Phase::Closing),
        }
    }
}

/// No token from before is good any longer than this.
const DAY_AND_A_MINUTE: Duration = Duration::from_secs(24 * 60 * 60 + 60);
