//! Joining and leaving: how a person comes into the room, comes again by another session, and goes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::ids::{Identity, RequestId, SessionId};

use super::answers::Answer;
use super::event::{Event, HandChange, InviteChange, LeftReason, SeatCause};
use super::input::Join;
use super::memory::Remembered;
use super::output::{ByeAction, ByeReason, Done, Output, SessionEnd};
use super::participant::{Arrival, Media, Participant};
use super::permit::Caller;
use super::rank::Rank;
use super::refusal::{Details, Refusal, Refused};
use super::seat::SeatState;
use super::settings::{Duplicates, Phase};
use super::{Recipients, Room};

/// Whom a newcomer finds under the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meeting {
    Nobody,
    /// An earlier session, which ends.
    Predecessor,
    /// An earlier session, which goes on.
    Original,
}

/// Why someone is turned away at the door, and what their client is to do.
struct Away {
    refusal: Refusal,
    reason: ByeReason,
    action: ByeAction,
    retry_after: Option<Duration>,
    /// The reason that a moderator gave, for the person.
    said: Option<Arc<str>>,
}

impl From<Refusal> for Away {
    fn from(refusal: Refusal) -> Self {
        Self { refusal, reason: ByeReason::Refused(refusal), action: ByeAction::Stop, retry_after: None, said: None }
    }
}

impl Away {
    fn duplicate() -> Self {
        Self { reason: ByeReason::Duplicate, ..Refusal::Forbidden.into() }
    }
}

impl From<Join> for Arrival {
    fn from(join: Join) -> Self {
        Self {
            session: join.session,
            name: Arc::from(join.name),
            // Someone hidden would be seen on a seat, so there is none for them.
            can_publish: join.can_publish && !join.hidden,
            can_publish_data: join.can_publish_data,
            hidden: join.hidden,
            tier: join.tier,
            kind: join.kind.map(Arc::from),
            media: if join.has_media { Media::Present } else { Media::Absent },
        }
    }
}

impl Room {
    /// Lets someone in, or tells them why not.
    pub(super) fn join(&mut self, join: Join, now: Instant) {
        if self.is_closed() {
            return self.turn_away(join.session, join.request, Refusal::RoomClosed.into());
        }
        if self.roster.identity_of(&join.session).is_some() {
            return self.join_again(join.session, join.request);
        }
        if let Err(away) = self.refuse_join(&join, now) {
            return self.turn_away(join.session, join.request, away);
        }
        let Join { session, identity, rank_claim, request, mic_ready, .. } = join.clone();
        let arrival = Arrival::from(join);
        match self.meets(&identity) {
            Meeting::Nobody => self.come_in(&identity, rank_claim, arrival),
            Meeting::Predecessor => self.take_over(&identity, arrival, mic_ready, now),
            Meeting::Original => self.come_beside(&identity, arrival),
        }
        self.empty_since = None;
        self.offers_due = true;
        self.audience.changed();
        self.audience.shown();
        self.keep_answer(&session, &request, Answer::Welcomed);
        self.outputs.push(Output::Welcome { session: session.clone(), request });
        self.regain_after_takeover(&session, now);
        // Levels are told when they change; who comes in between must not wait for the next change to see who speaks.
        self.tell_present(&session);
    }

    /// Why someone may not come in, if so.
    fn refuse_join(&self, join: &Join, now: Instant) -> Result<(), Away> {
        if join.is_banned {
            return Err(Refusal::Banned.into());
        }
        if let Some(refusal) = self.shuts_out(&join.identity, join.token_age, now) {
            let said = self.decisions.ban(&join.identity).and_then(|ban| ban.reason.clone());
            return Err(Away { said, ..refusal.into() });
        }
        if let Some(person) = self.roster.find(&join.identity) {
            let is_connected = person.detached_until.is_none();
            return match self.settings.duplicates {
                Duplicates::Reject if is_connected => Err(Away::duplicate()),
                Duplicates::Allow if is_connected && self.roster.len() >= self.settings.participants_max => {
                    Err(Away { action: ByeAction::Retry, ..Refusal::RoomFull.into() })
                }
                Duplicates::Takeover | Duplicates::Reject | Duplicates::Allow => Ok(()),
            };
        }
        let rank = self.rank_known(&join.identity).unwrap_or(join.rank_claim);
        self.admits(rank, now).map_err(|(refusal, retry_after)| {
            let action = if retry_after.is_some() { ByeAction::Retry } else { ByeAction::Stop };
            Away { action, retry_after, ..refusal.into() }
        })?;
        if self.roster.len() >= self.settings.participants_max {
            return Err(Away { action: ByeAction::Retry, ..Refusal::RoomFull.into() });
        }
        Ok(())
    }

    fn turn_away(&mut self, session: SessionId, request: RequestId, away: Away) {
        let Away { refusal, reason, action, retry_after, said } = away;
        let details = Details { retry_after, ..Details::default() };
        self.reply(session.clone(), request, Err(Refused { refusal, details }));
        self.outputs.push(Output::Bye { session: session.clone(), reason, action, retry_after, said });
        self.outputs.push(Output::CloseTransport { session, why: SessionEnd::Refused });
    }

    /// Whom a newcomer finds under the same name.
    fn meets(&self, identity: &Identity) -> Meeting {
        match self.roster.find(identity) {
            None => Meeting::Nobody,
            Some(person) if self.settings.duplicates == Duplicates::Allow && person.detached_until.is_none() => {
                Meeting::Original
            }
            Some(_) => Meeting::Predecessor,
        }
    }

    fn come_in(&mut self, identity: &Identity, rank_claim: Rank, arrival: Arrival) {
        let given = self.decisions.rank(identity);
        let stranger =
            || Remembered { rank_given: given.is_some(), ..Remembered::stranger(given.unwrap_or(rank_claim)) };
        let remembered = self.memory.take(identity).unwrap_or_else(stranger);
        let number = self.roster.next_arrival();
        let host_muted = self.decisions.mutes(identity);
        let person = Participant { host_muted, ..Participant::new(arrival, remembered, number) };
        self.roster.add(identity.clone(), person);
        self.announce(identity);
    }

    /// A second session of the same person, who only listens by it.
    fn come_beside(&mut self, original: &Identity, arrival: Arrival) {
        let arrival = Arrival { can_publish: false, can_publish_data: false, ..arrival };
        let number = self.roster.next_arrival();
        let person = Participant::new(arrival, Remembered::stranger(Rank::Member), number);
        self.roster.add(original.copy(number), Participant { copy_of: Some(original.clone()), ..person });
    }

    /// Whoever lost their seat by a lost connection and comes by a new session has it back, if it is still open.
    fn regain_after_takeover(&mut self, session: &SessionId, now: Instant) {
        let Some(identity) = self.roster.identity_of(session).cloned() else {
            return;
        };
        if self.roster.person(&identity).lost_seat.is_some() {
            self.regain_seat(&identity, now);
        }
    }

    /// A session that has joined asks to join: the same request gets its answer again, another makes no sense.
    fn join_again(&mut self, session: SessionId, request: RequestId) {
        let identity = self.roster.identity_of(&session).expect("the session was found").clone();
        let known = self.roster.person(&identity).answers.find(&request).cloned();
        let answer = known.unwrap_or_else(|| {
            let answer = Answer::Replied(Box::new(Err(Refusal::InvalidArgument.into())));
            self.keep_answer(&session, &request, answer.clone());
            answer
        });
        self.answer(session, request, answer);
    }

    /// Tells everyone of a person with a rank.
    fn announce(&mut self, identity: &Identity) {
        let person = self.roster.person(identity);
        if person.rank.is_moderator() && !person.hidden {
            let participant = self.participant_view(identity);
            self.log(Recipients::Everyone, Event::ParticipantJoined { participant });
        }
    }

    /// The same person by a new session: seat, hand, mutes and rank go over in one step.
    fn take_over(&mut self, identity: &Identity, arrival: Arrival, mic_ready: bool, now: Instant) {
        let (session, can_publish) = (arrival.session.clone(), arrival.can_publish);
        let person = self.roster.person(identity);
        let renamed = person.name != arrival.name || person.kind != arrival.kind || person.hidden != arrival.hidden;
        let vanishes = person.rank.is_moderator() && !person.hidden && arrival.hidden;
        let old = self.roster.replace(identity, arrival);
        self.end_session(old, Some((ByeReason::Duplicate, ByeAction::Stop)), SessionEnd::Duplicate, None);
        // A page that was loaded again airs nobody by surprise. One that goes on with an open microphone says so.
        if !mic_ready {
            self.roster.person_mut(identity).self_muted = true;
        }
        if renamed {
            self.announce(identity);
        }
        if vanishes {
            self.log(
                Recipients::Everyone,
                Event::ParticipantLeft { identity: identity.clone(), reason: LeftReason::Left },
            );
        }
        if !can_publish {
            self.end_hand(identity, HandChange::Gone, now);
            self.end_invite(identity, InviteChange::Revoked, None, now);
            if let Some(seat) = self.stage.seat_of(identity) {
                self.open_seat(seat, SeatCause::Left, None, now);
            }
            return;
        }
        if let Some(seat) = self.stage.seat_of(identity) {
            // An offer goes on waiting for its holder's word.
            if !self.is_offer(seat) {
                let grant = self.stage.new_grant();
                self.set_seat(seat, SeatState::Occupied { who: identity.clone(), session, grant });
            }
            self.tell_seat(seat, SeatCause::TakenOver, Some(identity), now);
        }
        self.adopt_hand(identity, mic_ready, renamed, now);
    }

    /// A hand goes over to a new session, whose microphone is as ready as it says: the old one's word does not bind it.
    fn adopt_hand(&mut self, identity: &Identity, mic_ready: bool, renamed: bool, now: Instant) {
        let Some(hand) = self.queue.find_mut(identity) else {
            return;
        };
        if hand.mic_ready != mic_ready || renamed {
            hand.mic_ready = mic_ready;
            self.tell_hand_changed(identity, now);
        }
    }

    /// Someone leaves by their own will: no grace.
    pub(super) fn leave(&mut self, by: &Caller, now: Instant) -> Result<Done, Refused> {
        self.depart(&by.identity, LeftReason::Left, None, None, now);
        Ok(Done::default())
    }

    /// Takes someone out of the room, with seat and hand. `said` is the reason that `by` gave, for them.
    pub(super) fn depart(
        &mut self,
        identity: &Identity,
        reason: LeftReason,
        by: Option<&Identity>,
        said: Option<Arc<str>>,
        now: Instant,
    ) {
        let was_on_stage = self.stage.occupied_by(identity).is_some();
        if let Some(seat) = self.stage.seat_of(identity) {
            let cause = match reason {
                LeftReason::Left => SeatCause::Left,
                LeftReason::Kicked | LeftReason::Banned => SeatCause::KickedOff,
                LeftReason::Gone => SeatCause::Lost,
            };
            let by = by.cloned().or_else(|| (reason == LeftReason::Left).then(|| identity.clone()));
            self.open_seat(seat, cause, by.as_ref(), now);
        }
        self.end_hand(identity, HandChange::Gone, now);
        self.end_invite(identity, InviteChange::Revoked, by, now);
        let person = self.roster.remove(identity).expect("whoever departs is in the room");
        self.withdraw_host_offers(|offer| offer.from == *identity || offer.to == *identity);
        if person.copy_of.is_none() {
            self.memory.keep(identity.clone(), person.remembered(now));
        }
        if was_on_stage || (person.rank.is_moderator() && !person.hidden) {
            self.log(Recipients::Everyone, Event::ParticipantLeft { identity: identity.clone(), reason });
        }
        let bye = match reason {
            LeftReason::Kicked => Some((ByeReason::Kicked, ByeAction::Stop)),
            LeftReason::Banned => Some((ByeReason::Refused(Refusal::Banned), ByeAction::Stop)),
            LeftReason::Left | LeftReason::Gone => None,
        };
        let why = match reason {
            LeftReason::Left => SessionEnd::Left,
            LeftReason::Gone => SessionEnd::Lost,
            LeftReason::Kicked => SessionEnd::Kicked,
            LeftReason::Banned => SessionEnd::Banned,
        };
        self.end_session(person.session, bye, why, said);
        self.audience.changed();
        if self.roster.is_empty() {
            // A scheduled room is not empty before it opens.
            let opens_at = self.life.until.filter(|_| self.life.phase == Phase::Scheduled);
            self.empty_since = Some(opens_at.map_or(now, |at| at.max(now)));
        }
    }

    fn end_session(
        &mut self,
        session: SessionId,
        bye: Option<(ByeReason, ByeAction)>,
        why: SessionEnd,
        said: Option<Arc<str>>,
    ) {
        if let Some((reason, action)) = bye {
            self.outputs.push(Output::Bye { session: session.clone(), reason, action, retry_after: None, said });
        }
        self.outputs.push(Output::CloseTransport { session, why });
    }
}
