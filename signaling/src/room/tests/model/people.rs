//! People: how they come, by one session or another, lose their connection, come back, and go.

use super::*;
use hands::HandEnd;

/// Someone who is here.
#[derive(Clone, Debug)]
pub(super) struct Person {
    pub(super) session: SessionId,
    /// Whose second session this is.
    pub(super) copy_of: Option<Identity>,
    pub(super) rank: Rank,
    /// By the room, and not by the token.
    pub(super) rank_given: bool,
    pub(super) can_publish: bool,
    pub(super) can_publish_data: bool,
    pub(super) hidden: bool,
    pub(super) tier: u32,
    pub(super) media: Media,
    pub(super) detached_until: Option<Duration>,
    pub(super) self_muted: bool,
    pub(super) host_muted: bool,
    pub(super) cooling_until: Duration,
    pub(super) uninvitable_until: Duration,
    pub(super) do_not_invite: bool,
    pub(super) last_hand: Option<HandEnd>,
    pub(super) offer_lost: bool,
    /// Which, until when it is owed, and the end of the turn that goes on meanwhile.
    pub(super) lost_seat: Option<(u8, Duration, Option<Duration>)>,
    pub(super) turn_ends: Option<Duration>,
    pub(super) seated_since: Option<Duration>,
    pub(super) arrival: u64,
    /// How it sounds to them, in this session.
    pub(super) sound: sounds::Sound,
}

/// What is known of someone who is not here any more.
#[derive(Clone, Debug)]
pub(super) struct Left {
    pub(super) rank: Rank,
    pub(super) rank_given: bool,
    pub(super) cooling_until: Duration,
    pub(super) uninvitable_until: Duration,
    pub(super) do_not_invite: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Media {
    Never,
    There,
    Lost,
    Over,
}

impl Person {
    pub(super) fn moderates(&self) -> bool {
        self.rank != Rank::Member
    }

    pub(super) fn media_is_gone(&self) -> bool {
        matches!(self.media, Media::Lost | Media::Over)
    }
}

impl Model {
    pub(super) fn person(&mut self, who: &Identity) -> &mut Person {
        self.people.get_mut(who).expect("someone who is here")
    }

    pub(super) fn who_is(&self, session: &SessionId) -> Option<Identity> {
        self.people.iter().find(|(_, person)| person.session == *session).map(|(who, _)| who.clone())
    }

    /// Someone wants in.
    pub(super) fn join(&mut self, join: &Join) -> Answered {
        if self.phase == Phase::Closed {
            return Err(Refusal::RoomClosed);
        }
        if self.who_is(&join.session).is_some() {
            return Err(Refusal::InvalidArgument);
        }
        let who = &join.identity;
        if self.is_banned(who) {
            return Err(Refusal::Banned);
        }
        if self.is_denied(who, join.token_age) {
            return Err(Refusal::Forbidden);
        }
        if let Some(first) = self.people.get(who) {
            match self.set.duplicates {
                Duplicates::Reject if first.detached_until.is_none() => return Err(Refusal::Forbidden),
                Duplicates::Allow if first.detached_until.is_none() => return self.join_beside(join),
                Duplicates::Takeover | Duplicates::Reject | Duplicates::Allow => {
                    self.take_over(join);
                    return DONE;
                }
            }
        }
        let rank = self.rank_known(who).unwrap_or(join.rank_claim);
        if rank == Rank::Member {
            match self.phase {
                Phase::Scheduled => return Err(Refusal::RoomNotFound),
                Phase::Closing | Phase::Closed => return Err(Refusal::RoomClosed),
                Phase::Live | Phase::Hostless => {}
            }
        }
        self.has_place()?;
        let known = self.left.remove(who);
        let person = self.newcomer(join, known);
        self.people.insert(who.clone(), person);
        self.empty_since = None;
        DONE
    }

    fn has_place(&self) -> Result<(), Refusal> {
        if self.people.len() >= self.set.participants_max { Err(Refusal::RoomFull) } else { Ok(()) }
    }

    /// Tokens from before a ban or a denying kick are no longer good. One that does not say its age counts as old.
    pub(super) fn is_denied(&self, who: &Identity, token_age: Option<Duration>) -> bool {
        let Some(since) = self.denied.get(who) else {
            return false;
        };
        let denied_for = self.now - *since;
        token_age.is_none_or(|age| age + seconds(60) >= denied_for)
    }

    fn newcomer(&mut self, join: &Join, known: Option<Left>) -> Person {
        self.arrivals += 1;
        let known = known.unwrap_or(Left {
            rank: self.ranks.get(&join.identity).copied().unwrap_or(join.rank_claim),
            rank_given: self.ranks.contains_key(&join.identity),
            cooling_until: Duration::ZERO,
            uninvitable_until: Duration::ZERO,
            do_not_invite: false,
        });
        Person {
            session: join.session.clone(),
            copy_of: None,
            rank: known.rank,
            rank_given: known.rank_given,
            can_publish: join.can_publish && !join.hidden,
            can_publish_data: join.can_publish_data,
            hidden: join.hidden,
            tier: join.tier,
            media: if join.has_media { Media::There } else { Media::Never },
            detached_until: None,
            self_muted: true,
            host_muted: self.mutes.contains_key(&join.identity),
            cooling_until: known.cooling_until,
            uninvitable_until: known.uninvitable_until,
            do_not_invite: known.do_not_invite,
            last_hand: None,
            offer_lost: false,
            lost_seat: None,
            turn_ends: None,
            seated_since: None,
            arrival: self.arrivals,
            sound: sounds::Sound::default(),
        }
    }

    /// A second session beside the first: it listens.
    fn join_beside(&mut self, join: &Join) -> Answered {
        self.has_place()?;
        let mut person = self.newcomer(join, None);
        person.copy_of = Some(join.identity.clone());
        person.rank = Rank::Member;
        person.rank_given = false;
        person.host_muted = false;
        person.can_publish = false;
        person.can_publish_data = false;
        let key = id(&format!("beside {} {}", join.identity, join.session));
        self.people.insert(key, person);
        DONE
    }

    /// The same person by another session: everything goes over but the old session's requests and the word that the microphone is ready.
    fn take_over(&mut self, join: &Join) {
        let who = &join.identity;
        let person = self.person(who);
        person.session = join.session.clone();
        person.can_publish = join.can_publish && !join.hidden;
        person.can_publish_data = join.can_publish_data;
        person.hidden = join.hidden;
        person.tier = join.tier;
        person.media = if join.has_media { Media::There } else { Media::Never };
        person.detached_until = None;
        person.sound = sounds::Sound::default();
        person.self_muted |= !join.mic_ready;
        if !person.can_publish {
            if self.hand_of(who).is_some() {
                self.drop_hand(who, HandEnd::Withdrawn, None);
            }
            self.end_invite(who, InviteChange::Revoked);
            if let Some(seat) = self.seat_of(who) {
                self.free(seat, SeatIs::Open, None);
            }
            self.person(who).lost_seat = None;
            return;
        }
        if let Some(seat) = self.seat_of(who) {
            let is = self.seats[usize::from(seat)].is.clone();
            if matches!(is, SeatIs::Occupied { .. } | SeatIs::Reserved { why: ReservedWhy::Reconnect, .. }) {
                self.put(seat, SeatIs::Occupied { who: who.clone() });
            }
        }
        for hand in self.hands.iter_mut().filter(|hand| hand.who == *who) {
            hand.mic_ready = join.mic_ready;
        }
        self.regain(who);
    }

    pub(super) fn leave(&mut self, by: &Identity) -> Answered {
        self.depart(by);
        DONE
    }

    /// Someone goes, by whatever cause, and everything of theirs ends.
    pub(super) fn depart(&mut self, who: &Identity) {
        if self.hand_of(who).is_some() {
            self.drop_hand(who, HandEnd::Withdrawn, None);
        }
        self.end_invite(who, InviteChange::Revoked);
        if let Some(seat) = self.seat_of(who) {
            self.free(seat, SeatIs::Open, None);
        }
        self.host_offers.retain(|offer| offer.from != *who && offer.to != *who);
        let person = self.people.remove(who).expect("someone who is here");
        if person.copy_of.is_none() {
            let Person { rank, rank_given, do_not_invite, .. } = person;
            // What is over need not be remembered.
            let lasting = |until: Duration| if until > self.now { until } else { Duration::ZERO };
            let cooling_until = lasting(person.cooling_until);
            let uninvitable_until = lasting(person.uninvitable_until);
            let left = Left { rank, rank_given, cooling_until, uninvitable_until, do_not_invite };
            self.left.insert(who.clone(), left);
        }
        if self.people.is_empty() {
            // A scheduled room is not empty before it opens.
            let opens = self.phase_ends.filter(|_| self.phase == Phase::Scheduled);
            self.empty_since = Some(opens.unwrap_or_default().max(self.now));
        }
    }

    /// A socket is lost.
    pub(super) fn detached(&mut self, session: &SessionId) {
        let Some(who) = self.who_is(session) else {
            return;
        };
        let until = self.now + self.set.detached_max;
        let person = self.person(&who);
        if person.detached_until.is_some() {
            return;
        }
        person.detached_until = Some(until);
        if person.media != Media::There {
            self.keep_for_reconnect(&who);
        }
    }

    /// A session comes by a new socket.
    pub(super) fn resume(&mut self, session: &SessionId) -> Answered {
        if self.phase == Phase::Closed {
            return Err(Refusal::RoomClosed);
        }
        let who = self.who_is(session).ok_or(Refusal::SessionStale)?;
        self.person(&who).detached_until = None;
        if !self.people[&who].media_is_gone() {
            self.regain(&who);
        }
        DONE
    }

    /// The media plane says that someone's media is there, lost or over.
    pub(super) fn media(&mut self, session: &SessionId, media: Media) {
        let Some(who) = self.who_is(session) else {
            return;
        };
        let person = self.person(&who);
        if matches!(person.media, Media::Over | Media::Never) {
            return;
        }
        person.media = media;
        if media == Media::There { self.regain(&who) } else { self.keep_for_reconnect(&who) }
    }

    fn keep_for_reconnect(&mut self, who: &Identity) {
        if let Some(seat) = self.stage_of(who) {
            let until = self.now + self.set.reconnect_grace;
            self.put(seat, SeatIs::Reserved { who: who.clone(), why: ReservedWhy::Reconnect, until });
        }
    }

    /// Someone is back. The seat that is kept is theirs again; so is one that was lost if it is still open. Else they go first in the queue.
    fn regain(&mut self, who: &Identity) {
        if let Some(seat) = self.kept_for(who, ReservedWhy::Reconnect) {
            self.put(seat, SeatIs::Occupied { who: who.clone() });
        }
        let Some((lost, until, turn_ends)) = self.person(who).lost_seat.take() else {
            return;
        };
        if self.now > until || turn_ends.is_some_and(|ends| ends <= self.now) || self.seat_of(who).is_some() {
            return;
        }
        if self.seats[usize::from(lost)].is == SeatIs::Open && self.could_sit(who, Some(lost)).is_ok() {
            let now = self.now;
            self.put(lost, SeatIs::Occupied { who: who.clone() });
            let person = self.person(who);
            person.seated_since = Some(now);
            person.turn_ends = turn_ends;
            self.mute_under_seat(lost, who);
            self.end_hand(who);
        } else if self.set.hands && self.people[who].can_publish {
            self.put_first(who);
        }
    }

    /// A hand for a seat that was lost goes before all others, if there is room; one that is up already goes there.
    fn put_first(&mut self, who: &Identity) {
        let up = self.hand_of(who).cloned();
        if up.is_none() && self.hands.len() >= self.set.hands_max {
            return;
        }
        self.end_hand(who);
        let (wanted, mic_ready) = up.map_or((None, false), |hand| (hand.wanted, hand.mic_ready));
        self.add_hand(who, wanted, mic_ready, true);
    }
}
