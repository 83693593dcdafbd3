//! Joining and leaving: how a person comes into the room, comes again by another session, and goes.

use std::sync::Arc;
use std::time::Instant;

use crate::ids::{Identity, RequestId, SessionId};

use super::answers::Answer;
use super::event::{Event, HandChange, LeftReason, SeatCause};
use super::input::Join;
use super::memory::Remembered;
use super::output::{ByeAction, ByeReason, Done, Output};
use super::participant::{Arrival, Media, Participant};
use super::permit::Caller;
use super::refusal::{Refusal, Refused};
use super::seat::SeatState;
use super::{Recipients, Room};

impl Room {
    /// Lets someone in, or tells them why not.
    pub(super) fn join(&mut self, join: Join, now: Instant) {
        let Join {
            session,
            identity,
            name,
            rank_claim,
            can_publish,
            can_subscribe: _,
            hidden,
            can_publish_data: _,
            tier: _,
            kind: _,
            token_age: _,
            request,
            has_media,
            mic_ready,
        } = join;
        if self.is_closed() {
            return self.turn_away(session, request, Refusal::RoomClosed, ByeAction::Stop);
        }
        if self.roster.identity_of(&session).is_some() {
            return self.join_again(session, request);
        }
        let media = if has_media { Media::Present } else { Media::Absent };
        // Someone hidden would be seen on a seat, so there is none for them.
        let arrival = Arrival {
            session: session.clone(),
            name: Arc::from(name),
            can_publish: can_publish && !hidden,
            hidden,
            media,
        };
        if self.roster.find(&identity).is_some() {
            self.take_over(&identity, arrival, mic_ready, now);
        } else {
            if self.roster.len() >= self.settings.participants_max {
                return self.turn_away(session, request, Refusal::RoomFull, ByeAction::Retry);
            }
            let first_time = Remembered { rank: rank_claim, host_muted: false, cooling_until: None };
            let remembered = self.memory.take(&identity).unwrap_or(first_time);
            self.roster.add(identity.clone(), Participant::new(arrival, remembered));
            self.announce(&identity);
        }
        self.empty_since = None;
        self.audience.changed();
        self.keep_answer(&session, &request, Answer::Welcomed);
        self.outputs.push(Output::Welcome { session: session.clone(), request });
        // Levels are told when they change; who comes in between must not wait for the next change to see who speaks.
        if !self.speakers.is_empty() {
            let event = Event::Speakers { speakers: self.speakers.clone() };
            self.outputs.push(Output::Tell { to: Recipients::One(session), seq: None, event });
        }
    }

    fn turn_away(&mut self, session: SessionId, request: RequestId, refusal: Refusal, action: ByeAction) {
        self.reply(session.clone(), request, Err(refusal.into()));
        self.outputs.push(Output::Bye { session: session.clone(), reason: ByeReason::Refused(refusal), action, retry_after: None });
        self.outputs.push(Output::CloseTransport { session });
    }

    /// A session that has joined asks to join: the same request gets its answer again, another makes no sense.
    fn join_again(&mut self, session: SessionId, request: RequestId) {
        let identity = self.roster.identity_of(&session).expect("the session was found").clone();
        let known = self.roster.person(&identity).answers.find(&request).cloned();
        let answer = known.unwrap_or_else(|| {
            let answer = Answer::Replied(Err(Refusal::InvalidArgument.into()));
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
        let renamed = person.name != arrival.name || person.hidden != arrival.hidden;
        let vanishes = person.rank.is_moderator() && !person.hidden && arrival.hidden;
        let old = self.roster.replace(identity, arrival);
        self.end_session(old, Some((ByeReason::Duplicate, ByeAction::Stop)));
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
        self.depart(&by.identity, LeftReason::Left, None, now);
        Ok(Done::default())
    }

    /// Takes someone out of the room, with seat and hand.
    pub(super) fn depart(&mut self, identity: &Identity, reason: LeftReason, by: Option<&Identity>, now: Instant) {
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
        let person = self.roster.remove(identity).expect("whoever departs is in the room");
        self.memory.keep(identity.clone(), person.remembered());
        if was_on_stage || (person.rank.is_moderator() && !person.hidden) {
            self.log(Recipients::Everyone, Event::ParticipantLeft { identity: identity.clone(), reason });
        }
        let bye = match reason {
            LeftReason::Kicked | LeftReason::Banned => Some((ByeReason::Kicked, ByeAction::Stop)),
            LeftReason::Left | LeftReason::Gone => None,
        };
        self.end_session(person.session, bye);
        self.audience.changed();
        if self.roster.is_empty() {
            self.empty_since = Some(now);
        }
    }

    fn end_session(&mut self, session: SessionId, bye: Option<(ByeReason, ByeAction)>) {
        if let Some((reason, action)) = bye {
            self.outputs.push(Output::Bye { session: session.clone(), reason, action, retry_after: None });
        }
        self.outputs.push(Output::CloseTransport { session });
    }
}
