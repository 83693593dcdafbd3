//! A room's life: when it opens, what happens when its last host has gone, and how it closes.
//!
//!   Scheduled ──time, go live──► Live ──last host gone──► Hostless ──60 s, someone promoted──► Live
//!                                 │  ▲                        │
//!                                 │  └──a host is back────────┤ 60 s, nobody to promote
//!                                 ▼                           ▼
//!                              Closing ──notice over──► Closed         Live, empty for 5 min ──► Closed

use std::time::{Duration, Instant};

use crate::ids::Identity;

use super::Room;
use super::due::Due;
use super::event::{Event, RankCause};
use super::input::RoomChange;
use super::output::{Done, Output, Recipients};
use super::permit::{Caller, Power};
use super::rank::Rank;
use super::refusal::{Refusal, Refused};
use super::settings::{Interrupt, Phase, Promote};
use super::view::RoomView;

/// Where a room is in its life, and until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Life {
    pub(super) phase: Phase,
    /// When the present phase ends by itself.
    pub(super) until: Option<Instant>,
    /// There was a host once: only then can a room be without one.
    pub(super) had_host: bool,
    /// It closes because nobody could be made host; then a host who comes back saves it.
    pub(super) for_want_of_host: bool,
}

impl Life {
    pub(super) fn new(opens_in: Option<Duration>, now: Instant) -> Self {
        let phase = if opens_in.is_some() { Phase::Scheduled } else { Phase::Live };
        Self { phase, until: opens_in.map(|opens_in| now + opens_in), had_host: false, for_want_of_host: false }
    }

    fn enter(&mut self, phase: Phase, until: Option<Instant>) {
        self.phase = phase;
        self.until = until;
    }

    /// What remains of a phase, if it is the present one.
    fn remaining(&self, phase: Phase, now: Instant) -> Option<Duration> {
        self.until.filter(|_| self.phase == phase).map(|until| until.saturating_duration_since(now))
    }
}

impl Room {
    /// Changes the room's settings. Seats held and hands raised stay as they are.
    pub(super) fn update(&mut self, by: &Caller, change: RoomChange, now: Instant) -> Result<Done, Refused> {
        by.may(Power::Settings)?;
        if change == RoomChange::default() {
            return Err(Refusal::InvalidArgument.into());
        }
        let before = self.room_view(now);
        let RoomChange { seat_mode, hands, interrupt, auto_offer, turn, promote, duplicates, go_live } = change;
        let settings = &mut self.settings;
        settings.seat_mode = seat_mode.unwrap_or(settings.seat_mode);
        settings.hands = hands.unwrap_or(settings.hands);
        settings.interrupt = interrupt.unwrap_or(settings.interrupt);
        settings.auto_offer = auto_offer.unwrap_or(settings.auto_offer);
        settings.promote = promote.unwrap_or(settings.promote);
        settings.duplicates = duplicates.unwrap_or(settings.duplicates);
        settings.turn = turn.unwrap_or(settings.turn);
        if go_live {
            self.go_live();
        }
        let after = self.room_view(now);
        if after == before {
            return Ok(Done::default());
        }
        self.tell_room(Some(&by.identity), now);
        if after.turn != before.turn {
            self.restart_turns(&by.identity, now);
        }
        if after.interrupt != before.interrupt {
            self.tell_interruption(None);
        }
        self.offers_due = true;
        Ok(Done::default())
    }

    /// Opens a scheduled room before its time, or calls off a closing.
    fn go_live(&mut self) {
        match self.life.phase {
            Phase::Scheduled | Phase::Closing => self.life.enter(Phase::Live, None),
            Phase::Live | Phase::Hostless | Phase::Closed => {}
        }
    }

    /// Closes the room, at once or with notice.
    pub(super) fn close(&mut self, by: &Caller, notice: Duration, now: Instant) -> Result<Done, Refused> {
        by.may(Power::Close)?;
        self.life.enter(Phase::Closing, Some(now + notice));
        self.life.for_want_of_host = false;
        if !notice.is_zero() {
            self.tell_room(Some(&by.identity), now);
        }
        Ok(Done::default())
    }

    /// Whether someone who is not in the room may come in at this time of its life.
    pub(super) fn admits(&self, rank: Rank, now: Instant) -> Result<(), (Refusal, Option<Duration>)> {
        if rank.is_moderator() {
            return Ok(());
        }
        match self.life.phase {
            Phase::Live | Phase::Hostless => Ok(()),
            Phase::Scheduled => Err((Refusal::RoomNotFound, self.life.remaining(Phase::Scheduled, now))),
            Phase::Closing | Phase::Closed => Err((Refusal::RoomClosed, None)),
        }
    }

    /// What follows for the room's life from who is in it now.
    pub(super) fn settle_life(&mut self, now: Instant) {
        let has_host = self.roster.moderators().any(|(_, person)| person.rank == Rank::Host);
        self.life.had_host |= has_host;
        let (phase, until) = match self.life.phase {
            Phase::Live if self.life.had_host && !has_host && !self.roster.is_empty() => {
                (Phase::Hostless, Some(now + self.settings.hostless_grace))
            }
            // An empty room waits for anybody.
            Phase::Hostless if has_host || self.roster.is_empty() => (Phase::Live, None),
            Phase::Closing if has_host && self.life.for_want_of_host => (Phase::Live, None),
            Phase::Scheduled | Phase::Live | Phase::Hostless | Phase::Closing | Phase::Closed => return,
        };
        self.life.enter(phase, until);
        self.tell_room(None, now);
    }

    /// The end of the present phase, if it ends by itself.
    pub(super) fn phase_end(&self) -> Option<(Instant, Due)> {
        self.life.until.map(|until| (until, Due::Phase))
    }

    /// The present phase is over.
    pub(super) fn end_phase(&mut self, now: Instant) {
        match self.life.phase {
            Phase::Scheduled => {
                self.life.enter(Phase::Live, None);
                self.tell_room(None, now);
            }
            Phase::Hostless => self.replace_host(now),
            Phase::Closing => self.shut(),
            Phase::Live | Phase::Closed => self.life.until = None,
        }
    }

    /// The room is over.
    pub(super) fn shut(&mut self) {
        self.life.enter(Phase::Closed, None);
        self.outputs.push(Output::Closed);
    }

    /// The last host did not come back.
    fn replace_host(&mut self, now: Instant) {
        let Some(heir) = self.heir() else {
            self.life.for_want_of_host = true;
            self.life.enter(Phase::Closing, Some(now + self.settings.closing_notice));
            return self.tell_room(None, now);
        };
        self.demote_away();
        self.give_rank(&heir, Rank::Host, RankCause::Promoted, None, now);
        self.life.enter(Phase::Live, None);
        self.tell_room(None, now);
    }

    /// Who is to be host. Those who are here go before those whose socket is lost.
    fn heir(&self) -> Option<Identity> {
        match self.settings.promote {
            Promote::None => None,
            Promote::Cohost => {
                let cohosts = self.roster.moderators().filter(|(_, person)| person.rank == Rank::Cohost);
                let first = cohosts.min_by_key(|(_, person)| (person.detached_until.is_some(), person.arrival));
                first.map(|(who, _)| who.clone())
            }
            Promote::LongestSeated => {
                let seated = self.stage.iter().filter_map(|(_, seat)| seat.occupant());
                let standing = |who: &&Identity| {
                    let person = self.roster.person(who);
                    (person.detached_until.is_some(), person.seated_since, person.arrival)
                };
                seated.min_by_key(standing).cloned()
            }
        }
    }

    /// Tells everyone the room's phase and settings.
    pub(super) fn tell_room(&mut self, by: Option<&Identity>, now: Instant) {
        let event = Event::RoomUpdated { by: self.shown_actor(by), room: self.room_view(now) };
        self.log(Recipients::Everyone, event);
    }

    /// A host speaks over the others, or nobody does any more.
    pub(super) fn tell_interruption(&mut self, by: Option<Identity>) {
        if by == self.interrupter {
            return;
        }
        self.interrupter.clone_from(&by);
        let event = Event::Interruption { by, mode: self.settings.interrupt };
        self.outputs.push(Output::Tell { to: Recipients::Everyone, seq: None, event });
    }

    /// Whether someone is interrupted by someone else's word at the moment.
    pub(super) fn interruption(&self) -> Option<Event> {
        let by = self.interrupter.clone()?;
        (self.settings.interrupt != Interrupt::Off)
            .then_some(Event::Interruption { by: Some(by), mode: self.settings.interrupt })
    }

    /// The room's phase and settings.
    pub(super) fn room_view(&self, now: Instant) -> RoomView {
        let settings = &self.settings;
        RoomView {
            phase: self.life.phase,
            seat_mode: settings.seat_mode,
            hands: settings.hands,
            interrupt: settings.interrupt,
            auto_offer: settings.auto_offer,
            turn: settings.turn,
            promote: settings.promote,
            duplicates: settings.duplicates,
            participants_max: settings.participants_max,
            opens_in: self.life.remaining(Phase::Scheduled, now),
            hostless_for: self.life.remaining(Phase::Hostless, now),
            closes_in: self.life.remaining(Phase::Closing, now),
        }
    }
}
