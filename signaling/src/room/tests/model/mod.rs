//! The reference model is the room's rules once more, told as plainly as they can be: sets, lists, maps, and one function a command.
//!
//! It shares no code with the room but the words of the contract. It has no log, no plan and no pacing: only who is here, who sits where, whose
//! hand is up, who is invited, and what each command is answered. Time is counted from the making of the room. The trial drives the room and the
//! model by the same random steps and lays the two side by side after each.

mod aims;
mod bits;
mod damaged;
mod fold;
mod hands;
mod invites;
mod life;
mod members;
mod moves;
mod outside;
mod people;
mod picture;
mod ranks;
mod restart;
mod seats;
mod sounds;
mod steps;
mod trial;

use std::collections::{BTreeMap, BTreeSet};

use super::*;

use people::{Left, Person};
use picture::{HandPicture, InvitePicture, PersonPicture, Picture, SeatPicture};

/// The room as the rules say it must be.
#[derive(Clone, Debug)]
struct Model {
    set: Settings,
    now: Duration,
    phase: Phase,
    phase_ends: Option<Duration>,
    had_host: bool,
    for_want_of_host: bool,
    empty_since: Option<Duration>,
    /// Who is here. A second session of someone who is here already (where that is allowed) has an entry of its own, under a made-up name.
    people: BTreeMap<Identity, Person>,
    left: BTreeMap<Identity, Left>,
    arrivals: u64,
    seats: Vec<Seat>,
    hands: Vec<Hand>,
    invites: Vec<Invite>,
    invites_ended: Vec<(Invite, InviteChange)>,
    invites_made: u64,
    /// What moderators decided: it outlives the room. Bans have the newest first.
    bans: Vec<Ban>,
    denied: BTreeMap<Identity, Duration>,
    /// With the end of each, if it has one.
    mutes: BTreeMap<Identity, Option<Duration>>,
    ranks: BTreeMap<Identity, Rank>,
    swaps: Vec<Swap>,
    host_offers: Vec<HostOffer>,
    /// Who acts from outside, while they do.
    outside: Option<outside::Outside>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum SeatIs {
    Open,
    Locked,
    Reserved { who: Identity, why: ReservedWhy, until: Duration },
    Occupied { who: Identity },
}

#[derive(Clone, Debug)]
struct Seat {
    is: SeatIs,
    muted: bool,
    rev: u64,
}

#[derive(Clone, Debug)]
struct Hand {
    who: Identity,
    wanted: Option<u8>,
    mic_ready: bool,
    tier: u32,
    /// Given the first place for a seat that was lost.
    first: bool,
    raised_at: Duration,
    /// The seats whose present opening it let pass.
    passed: BTreeSet<u8>,
    missed: u32,
}

#[derive(Clone, Debug)]
struct Invite {
    id: u64,
    from: Identity,
    to: Identity,
    seat: Option<u8>,
    hold: bool,
    until: Duration,
}

#[derive(Clone, Debug)]
struct Ban {
    who: Identity,
    reason: Option<String>,
    until: Option<Duration>,
}

#[derive(Clone, Debug)]
struct Swap {
    from: Identity,
    to: Identity,
    /// Where the two sat.
    own: u8,
    theirs: u8,
    until: Duration,
}

#[derive(Clone, Debug)]
struct HostOffer {
    from: Identity,
    to: Identity,
    until: Duration,
}

/// What a command is answered: done (and perhaps waiting for someone's word), or refused.
type Answered = Result<Waits, Refusal>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waits {
    No,
    ForAWord,
}

const DONE: Answered = Ok(Waits::No);

impl Model {
    fn new(set: Settings) -> Self {
        let seats = (0..set.seats).map(|_| Seat { is: SeatIs::Open, muted: false, rev: 0 }).collect();
        let phase = if set.opens_in.is_some() { Phase::Scheduled } else { Phase::Live };
        Self {
            phase,
            phase_ends: set.opens_in,
            now: Duration::ZERO,
            had_host: false,
            for_want_of_host: false,
            empty_since: Some(set.opens_in.unwrap_or_default()),
            people: BTreeMap::new(),
            left: BTreeMap::new(),
            arrivals: 0,
            seats,
            hands: Vec::new(),
            invites: Vec::new(),
            invites_ended: Vec::new(),
            invites_made: 0,
            bans: Vec::new(),
            denied: BTreeMap::new(),
            mutes: BTreeMap::new(),
            ranks: BTreeMap::new(),
            swaps: Vec::new(),
            host_offers: Vec::new(),
            outside: None,
            set,
        }
    }

    /// Someone asks for something.
    fn act(&mut self, session: &SessionId, act: &Act) -> Answered {
        if self.phase == Phase::Closed {
            return Err(Refusal::RoomClosed);
        }
        let Some(by) = self.who_is(session) else {
            return Err(Refusal::SessionStale);
        };
        self.carry_out(&by, act)
    }

    fn carry_out(&mut self, by: &Identity, act: &Act) -> Answered {
        match act {
            Act::Leave => self.leave(by),
            Act::SeatTake { seat } => self.take(by, seat.get()),
            Act::SeatLeave => self.leave_seat(by),
            Act::SeatConfirm { seat } => self.confirm(by, seat.map(SeatIndex::get)),
            Act::SeatDecline { seat } => self.decline(by, seat.map(SeatIndex::get)),
            Act::SeatLock { seat, evict, expect_rev } => self.lock(by, seat.get(), *evict, *expect_rev),
            Act::SeatUnlock { seat, expect_rev } => self.unlock(by, seat.get(), *expect_rev),
            Act::SeatMute { seat, expect_rev } => self.mute_seat(by, seat.get(), *expect_rev),
            Act::SeatUnmute { seat, expect_rev } => self.unmute_seat(by, seat.get(), *expect_rev),
            Act::SeatKick { seat, expect_rev } => self.kick_off(by, seat.get(), *expect_rev),
            Act::SeatMove { seat, identity } => self.move_to(by, seat.get(), identity.as_ref()),
            Act::SeatSwap { seat, with } => self.swap(by, seat.get(), with.get()),
            Act::SeatAssign { seat, identity, expect_rev } => self.assign(by, seat.get(), identity, *expect_rev),
            Act::HandRaise { wanted_seat, mic_ready } => self.raise(by, wanted_seat.map(SeatIndex::get), *mic_ready),
            Act::HandLower => self.lower(by),
            Act::HandApprove { identity } => self.approve(by, identity),
            Act::HandDeny { identity } => self.deny(by, identity),
            Act::HandNext => self.approve_next(by),
            Act::HandsLowerAll => self.lower_all(by),
            Act::InviteSend { identity, seat, hold } => self.invite(by, identity, seat.map(SeatIndex::get), *hold),
            Act::InviteRevoke(name) => self.revoke(by, name),
            Act::InviteAccept { invite } => self.accept_invite(by, invite.map(|invite| invite.0)),
            Act::InviteDecline { invite } => self.decline_invite(by, invite.map(|invite| invite.0)),
            Act::MemberMute { identity, lasts } => self.mute_member(by, identity, *lasts),
            Act::MemberUnmute { identity } => self.unmute_member(by, identity),
            Act::MemberKick { identity, deny, .. } => self.kick(by, identity, *deny),
            Act::MemberBan { identity, reason, lasts } => self.ban(by, identity, reason.as_ref(), *lasts),
            Act::MemberUnban { identity } => self.unban(by, identity),
            Act::MemberRank { identity, rank } => self.change_rank(by, identity, *rank),
            Act::ModerationForget { identity } => self.forget_decisions(identity.as_ref()),
            Act::HostTransfer { to } => self.transfer(by, to),
            Act::HostAccept => self.accept_host(by),
            Act::HostDecline => self.decline_host(by),
            Act::MuteSelf { muted } => self.mute_self(by, *muted),
            Act::Prefs { do_not_invite } => self.prefs(by, *do_not_invite),
            Act::Reaction { .. } | Act::Message { .. } => self.write_or_react(by),
            Act::RoomUpdate(change) => self.update(by, change),
            Act::RoomClose { notice } => self.close(by, *notice),
        }
    }

    /// What follows from a step as a whole: the room's life, and offers of open seats.
    fn settle(&mut self) {
        self.settle_life();
        self.settle_offers();
    }

    /// The model in the form in which it is compared.
    fn picture(&self) -> Picture {
        let shown = self.people.iter().filter(|(_, person)| person.copy_of.is_none());
        Picture {
            room: self.room_picture(),
            seats: (0..).zip(&self.seats).map(|(index, seat)| self.seat_picture(index, seat)).collect(),
            hands: self.hands.iter().map(|hand| self.hand_picture(hand)).collect(),
            invites: self.invites.iter().map(|invite| self.invite_picture(invite)).collect(),
            bans: self.bans.iter().map(|ban| ban.who.clone()).collect(),
            mutes: self.mutes.keys().cloned().collect(),
            people: shown.map(|(who, person)| (who.clone(), self.person_picture(who, person))).collect(),
            heard: self.heard(),
            participants: self.people.len(),
        }
    }

    /// The formula, in so many words.
    fn heard(&self) -> Vec<(SeatIndex, SessionId)> {
        let mut heard = Vec::new();
        for (index, seat) in (0..).zip(&self.seats) {
            if let SeatIs::Occupied { who } = &seat.is {
                let person = &self.people[who];
                if !seat.muted && !person.host_muted && !person.self_muted {
                    heard.push((super::seat(index), person.session.clone()));
                }
            }
        }
        heard
    }

    fn seat_picture(&self, index: u8, seat: &Seat) -> SeatPicture {
        let (state, holder, why, until) = match &seat.is {
            SeatIs::Open => ("open", None, None, None),
            SeatIs::Locked => ("locked", None, None, None),
            SeatIs::Reserved { who, why, until } => ("reserved", Some(who), Some(*why), Some(*until)),
            SeatIs::Occupied { who } => ("occupied", Some(who), None, None),
        };
        let turn_ends = holder.filter(|_| self.is_seat_of_right(index)).and_then(|who| self.people[who].turn_ends);
        SeatPicture {
            state,
            holder: holder.cloned(),
            why,
            expires_in: until.map(|until| until.saturating_sub(self.now)),
            muted: seat.muted,
            turn_ends_in: turn_ends.map(|ends| ends.saturating_sub(self.now)),
        }
    }

    /// Occupied, or kept for a reconnect: a turn goes on there. One that is only offered has none.
    fn is_seat_of_right(&self, index: u8) -> bool {
        match &self.seats[usize::from(index)].is {
            SeatIs::Occupied { .. } | SeatIs::Reserved { why: ReservedWhy::Reconnect, .. } => true,
            SeatIs::Open | SeatIs::Locked | SeatIs::Reserved { .. } => false,
        }
    }

    fn hand_picture(&self, hand: &Hand) -> HandPicture {
        HandPicture {
            who: hand.who.clone(),
            wanted: hand.wanted.map(super::seat),
            mic_ready: hand.mic_ready,
            tier: hand.tier,
            waited: self.now - hand.raised_at,
        }
    }

    fn invite_picture(&self, invite: &Invite) -> InvitePicture {
        InvitePicture {
            id: invite.id,
            from: invite.from.clone(),
            to: invite.to.clone(),
            seat: invite.seat.map(super::seat),
            hold: invite.hold,
            expires_in: invite.until.saturating_sub(self.now),
        }
    }

    fn person_picture(&self, who: &Identity, person: &Person) -> PersonPicture {
        let held = self.seat_of(who);
        let on_stage = self.stage_of(who).is_some();
        let hand = self.hands.iter().position(|hand| hand.who == *who);
        let offered = held.and_then(|index| match &self.seats[usize::from(index)].is {
            SeatIs::Reserved { why: ReservedWhy::Reconnect, .. } => None,
            SeatIs::Reserved { why, until, .. } => {
                Some(OwnOffer { seat: super::seat(index), why: *why, expires_in: until.saturating_sub(self.now) })
            }
            SeatIs::Open | SeatIs::Locked | SeatIs::Occupied { .. } => None,
        });
        let host_offer = self.host_offers.iter().find(|offer| offer.to == *who);
        PersonPicture {
            session: person.session.clone(),
            rank: person.rank,
            role: match (person.rank, on_stage) {
                (Rank::Host, _) => Role::Host,
                (_, true) => Role::Guest,
                (_, false) => Role::Listener,
            },
            can_publish: person.can_publish,
            can_publish_data: person.can_publish_data,
            do_not_invite: person.do_not_invite,
            self_muted: person.self_muted,
            host_muted: person.host_muted,
            seat: held.map(|index| OwnSeat { seat: super::seat(index), occupied: on_stage }),
            hand: hand.map(|place| OwnHand {
                position: place + 1,
                wanted_seat: self.hands[place].wanted.map(super::seat),
                mic_ready: self.hands[place].mic_ready,
            }),
            offer: offered,
            invite: self.invites.iter().find(|invite| invite.to == *who).map(|invite| invite.id),
            host_offer: host_offer.map(|offer| HostOfferView {
                from: offer.from.clone(),
                expires_in: offer.until.saturating_sub(self.now),
            }),
        }
    }
}
