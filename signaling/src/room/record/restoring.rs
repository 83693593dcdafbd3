//! Restoring: a room as its record tells of it, after everyone was cut off.
//!
//! Whoever was in the room and is in the record is away: they have the time that a lost connection leaves them, their seat is kept as for one,
//! and only a new session brings them back. Whoever listened is not in the record and is a stranger again.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::ids::{HandId, Identity, InviteId, RoomId, SeatIndex};
use crate::room::Room;
use crate::room::decisions::{Ban, Mute};
use crate::room::hand_queue::Hand;
use crate::room::invite_book::Invite;
use crate::room::life::Life;
use crate::room::memory::Remembered;
use crate::room::moving::SwapProposal;
use crate::room::offers::OFFERS_MISSED_MAX;
use crate::room::participant::{Arrival, LostSeat, Media, Participant};
use crate::room::ranks::HostOffer;
use crate::room::seat::SeatState;
use crate::room::settings::{Phase, Settings};
use crate::room::turns::Turn;
use crate::room::view::ReservedWhy;

use super::row::{
    Date, DecisionRows, HandRow, HereRow, InviteRow, Key, LifeRow, PersonRow, Presence, ROOM, RoomRow, Rows, SeatIs,
    SeatRow, SettingsRow, TurnRow,
};
use super::{Calendar, RecordError};

impl Room {
    /// The room that a record tells of, as of now. Whoever was in it is away: their seats are kept, as for anyone whose connection is lost.
    ///
    /// What a configuration sets for all rooms (limits and waits) is that of `settings`; what was set for this room is the record's. Nothing is told
    /// and nothing is planned: nobody is there. What was due in the meantime happens at the next input.
    ///
    /// # Errors
    ///
    /// A row is no such row, or the rows contradict each other.
    pub fn restore(
        id: RoomId,
        settings: Settings,
        rows: &[(String, String)],
        calendar: &Calendar,
        now: Instant,
    ) -> Result<Self, RecordError> {
        let Rows { room: row, people, decisions } = Rows::read(rows, Date(calendar.date(now)))?;
        if row.life.phase.0 == Phase::Closed {
            return Err(RecordError::new(ROOM, "is over"));
        }
        let mut room = Self::new(id, row.settings.over(settings), now);
        let dates = Dates { calendar, now };
        room.restore_counters(&row);
        room.restore_decisions(decisions, &dates);
        room.life = dates.life(&row.life);
        for (who, row) in people {
            room.restore_person(who, row, &dates)?;
        }
        room.restore_seats(row.seats, &dates)?;
        for row in row.invites {
            room.restore_invite(row, &dates)?;
        }
        for offer in row.host_offers {
            room.guard_here(&offer.to)?;
            room.host_offers.push(HostOffer { from: offer.from, to: offer.to, until: dates.instant(offer.until) });
        }
        room.swaps = row
            .swaps
            .into_iter()
            .map(|swap| SwapProposal {
                from: swap.from,
                to: swap.to,
                own: swap.own,
                theirs: swap.theirs,
                until: dates.instant(swap.until),
            })
            .collect();
        room.restore_emptiness(now);
        // Whoever comes back is shown all of it; until then there is nothing new.
        drop(room.queue.untold());
        room.settle_own_states(now);
        room.audience.shown();
        room.take_as_written(rows)?;
        room.written.mark_room();
        Ok(room)
    }

    /// A new room under an id that a room had before: what moderators decided then holds in it.
    ///
    /// # Errors
    ///
    /// A row is no such row, or does not outlive a room.
    pub fn remembering(
        id: RoomId,
        settings: Settings,
        rows: &[(String, String)],
        calendar: &Calendar,
        now: Instant,
    ) -> Result<Self, RecordError> {
        let mut room = Self::new(id, settings, now);
        room.restore_decisions(DecisionRows::read(rows)?, &Dates { calendar, now });
        room.take_as_written(rows)?;
        Ok(room)
    }

    fn take_as_written(&mut self, rows: &[(String, String)]) -> Result<(), RecordError> {
        for (key, text) in rows {
            self.written.restore(Key::parse(key)?, text.clone());
        }
        Ok(())
    }

    fn restore_decisions(&mut self, rows: DecisionRows, dates: &Dates<'_>) {
        let DecisionRows { bans, denials, mutes, ranks } = rows;
        for (who, row) in denials {
            self.decisions.set_denial(&who, dates.instant(row.since));
        }
        for (who, row) in bans {
            let (since, until) = (dates.instant(row.since), row.until.map(|until| dates.instant(until)));
            self.decisions.set_ban(&who, Ban { by: row.by, reason: row.reason.map(Arc::from), since, until });
        }
        for (who, row) in mutes {
            let (since, until) = (dates.instant(row.since), row.until.map(|until| dates.instant(until)));
            self.decisions.set_mute(&who, Mute { by: row.by, since, until });
        }
        for (who, row) in ranks {
            self.decisions.set_rank(&who, Some(row.rank.0));
        }
    }

    fn restore_counters(&mut self, row: &RoomRow) {
        self.seq = row.seq.0;
        self.revision = row.revision.0;
        self.stage.last_grant = row.grants;
        self.queue.raised = row.hands.0;
        self.invites.made = row.invites_made.0;
    }

    fn restore_person(&mut self, who: Identity, row: PersonRow, dates: &Dates<'_>) -> Result<(), RecordError> {
        let what = dates.remembered(&row);
        let here = match row.presence {
            Presence::Left(leaving) => {
                self.memory.restore(who, leaving.0, what);
                return Ok(());
            }
            Presence::Here(here) => here,
        };
        if self.roster.identity_of(&here.session).is_some() {
            return Err(unfit(&who, "has the session of someone else"));
        }
        let person = self.participant(&who, &here, what, dates)?;
        if let Some(hand) = here.hand {
            self.restore_hand(&who, &hand, dates)?;
        }
        self.roster.add(who.clone(), person);
        self.roster.detach(&who, dates.now + self.settings.detached_max);
        Ok(())
    }

    fn participant(
        &self,
        who: &Identity,
        here: &HereRow,
        what: Remembered,
        dates: &Dates<'_>,
    ) -> Result<Participant, RecordError> {
        let lost_seat = here.lost_seat.map(|lost| LostSeat {
            seat: lost.seat,
            until: dates.instant(lost.until),
            turn: lost.turn.map(|turn| dates.turn(turn)),
        });
        if lost_seat.is_some_and(|lost| self.stage.find(lost.seat).is_none()) {
            return Err(unfit(who, "lost a seat that is not there"));
        }
        let arrival = Arrival {
            session: here.session.clone(),
            name: Arc::from(&*here.name),
            can_publish: here.can_publish && !here.hidden,
            can_publish_data: here.can_publish_data,
            hidden: here.hidden,
            tier: here.tier,
            kind: here.kind.as_deref().map(Arc::from),
            media: Media::Over,
        };
        Ok(Participant {
            self_muted: here.self_muted,
            host_muted: self.decisions.mutes(who),
            seated_since: here.seated_since.map(|at| dates.instant(at)),
            turn: here.turn.map(|turn| dates.turn(turn)),
            lost_seat,
            ..Participant::new(arrival, what, here.arrival.0)
        })
    }

    fn restore_hand(&mut self, who: &Identity, row: &HandRow, dates: &Dates<'_>) -> Result<(), RecordError> {
        let id = HandId(row.id.0);
        if self.queue.iter().any(|(_, hand)| hand.id == id) {
            return Err(unfit(who, "has the hand of someone else"));
        }
        if row.wanted_seat.is_some_and(|seat| self.stage.find(seat).is_none()) {
            return Err(unfit(who, "wishes for a seat that is not there"));
        }
        self.queue.raised = self.queue.raised.max(id.0);
        self.queue.insert(Hand {
            id,
            identity: who.clone(),
            wanted_seat: row.wanted_seat,
            mic_ready: row.mic_ready,
            tier: row.tier,
            raised_at: dates.instant(row.raised_at),
            front: row.front,
            passed: row.passed,
            missed: row.missed.min(OFFERS_MISSED_MAX),
            told: None,
        });
        Ok(())
    }

    /// The seats as they were, but that nobody sits: whoever sat has their seat kept.
    fn restore_seats(&mut self, rows: Vec<SeatRow>, dates: &Dates<'_>) -> Result<(), RecordError> {
        if rows.len() != usize::from(self.settings.seat_count()) {
            return Err(RecordError::new(ROOM, "has not the seats that it has"));
        }
        let mut holders = BTreeSet::new();
        let seats: Vec<SeatIndex> = self.stage.iter().map(|(index, _)| index).collect();
        for (index, row) in seats.into_iter().zip(rows) {
            let (state, since) = match row.is {
                SeatIs::Open => (SeatState::Open, 0),
                SeatIs::Locked => (SeatState::Locked, 0),
                SeatIs::Reserved { who, why, until } => {
                    let until = dates.instant(until).max(dates.now + REMAINDER_MIN);
                    (SeatState::Reserved { who, why: why.0, until }, 0)
                }
                SeatIs::Occupied { who } => {
                    let until = dates.now + self.settings.reconnect_grace;
                    (SeatState::Reserved { who, why: ReservedWhy::Reconnect, until }, 1)
                }
            };
            let seat = self.stage.seat_mut(index);
            seat.state = state;
            seat.muted_by_host = row.muted;
            seat.rev = row.rev.0 + since;
            let Some(holder) = self.stage.seat(index).holder().cloned() else {
                continue;
            };
            self.guard_here(&holder)?;
            if !holders.insert(holder.clone()) {
                return Err(unfit(&holder, "holds two seats"));
            }
        }
        Ok(())
    }

    fn restore_invite(&mut self, row: InviteRow, dates: &Dates<'_>) -> Result<(), RecordError> {
        self.guard_here(&row.to)?;
        if row.seat.is_some_and(|seat| self.stage.find(seat).is_none()) {
            return Err(unfit(&row.to, "is invited to a seat that is not there"));
        }
        let id = InviteId(row.id.0);
        if self.invites.of(&row.to).is_some() || self.invites.find(id).is_some() {
            return Err(unfit(&row.to, "is invited twice"));
        }
        self.invites.made = self.invites.made.max(id.0);
        self.invites.add(Invite {
            id,
            from: row.from,
            from_name: Arc::from(row.from_name),
            to: row.to,
            to_name: Arc::from(row.to_name),
            seat: row.seat,
            hold: row.hold,
            until: dates.instant(row.until),
        });
        Ok(())
    }

    /// A room in which nobody is left has as long as any other until someone comes.
    fn restore_emptiness(&mut self, now: Instant) {
        if !self.roster.is_empty() {
            self.empty_since = None;
            return;
        }
        let opens_at = self.life.until.filter(|_| self.life.phase == Phase::Scheduled);
        self.empty_since = Some(opens_at.map_or(now, |at| at.max(now)));
        // Nobody is there to be without a host.
        if self.life.phase == Phase::Hostless {
            self.life = Life { phase: Phase::Live, until: None, ..self.life };
        }
    }

    fn guard_here(&self, who: &Identity) -> Result<(), RecordError> {
        let is_here = self.roster.find(who).is_some();
        if is_here { Ok(()) } else { Err(unfit(who, "is named and not there")) }
    }
}

impl SettingsRow {
    /// What was set for the room, and for the rest what is set for all.
    fn over(&self, settings: Settings) -> Settings {
        let turn = |ms: u64| (ms > 0).then(|| Duration::from_millis(ms));
        Settings {
            seats: self.seats.unwrap_or(settings.seats),
            seat_mode: self.seat_mode.map_or(settings.seat_mode, |word| word.0),
            hands: self.hands.unwrap_or(settings.hands),
            interrupt: self.interrupt.map_or(settings.interrupt, |word| word.0),
            auto_offer: self.auto_offer.unwrap_or(settings.auto_offer),
            turn: self.turn_ms.map_or(settings.turn, turn),
            promote: self.promote.map_or(settings.promote, |word| word.0),
            duplicates: self.duplicates.map_or(settings.duplicates, |word| word.0),
            participants_max: self.participants_max.unwrap_or(settings.participants_max),
            // When it opens, its life says.
            opens_in: None,
            ..settings
        }
    }
}

/// What dates are, now.
struct Dates<'a> {
    calendar: &'a Calendar,
    now: Instant,
}

impl Dates<'_> {
    fn instant(&self, date: Date) -> Instant {
        self.calendar.instant(date.0)
    }

    fn life(&self, row: &LifeRow) -> Life {
        Life {
            phase: row.phase.0,
            until: row.until.map(|until| self.instant(until)),
            had_host: row.had_host,
            for_want_of_host: row.for_want_of_host,
        }
    }

    fn turn(&self, row: TurnRow) -> Turn {
        Turn { until: self.instant(row.until), warn_at: row.warn_at.map(|at| self.instant(at)) }
    }

    fn remembered(&self, row: &PersonRow) -> Remembered {
        Remembered {
            rank: row.rank.0,
            rank_given: row.rank_given,
            cooling_until: row.cooling_until.map(|at| self.instant(at)),
            invite_cooling_until: row.invite_cooling_until.map(|at| self.instant(at)),
            do_not_invite: row.do_not_invite,
        }
    }
}

/// A person's row does not go with the others.
fn unfit(who: &Identity, why: &str) -> RecordError {
    RecordError::new(Key::Person(who.clone()).text(), why)
}

/// A seat that was kept for someone is kept at least so long after a restart: they must find out, and come back.
pub(in crate::room) const REMAINDER_MIN: Duration = Duration::from_secs(5);
