//! Writing: which rows are not as they were last given out.
//!
//! Whatever changes in a room leaves a mark: the room's own row when something was numbered, planned or offered, a person's when they were touched.
//! Only marked rows are looked at, and only those given out whose text is another. The audience has none.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use serde::Serialize;

use crate::ids::Identity;
use crate::room::Room;
use crate::room::decisions::{Ban, Mute};
use crate::room::hand_queue::Hand;
use crate::room::life::Life;
use crate::room::memory::Remembered;
use crate::room::participant::{LostSeat, Participant};
use crate::room::seat::{Seat, SeatState};
use crate::room::turns::Turn;

use super::row::{
    BanRow, Count, Date, DenialRow, HandRow, HereRow, HostOfferRow, InviteRow, Key, LifeRow, LostSeatRow, MuteRow,
    PersonRow, Presence, RankRow, RoomRow, SeatIs, SeatRow, SettingsRow, SwapRow, TurnRow, VERSION, write,
};
use super::word::Word;
use super::{Calendar, Change};

/// The rows as they were last given out.
#[derive(Debug, Default)]
pub(in crate::room) struct Written {
    room: Option<String>,
    people: BTreeMap<Identity, String>,
    bans: BTreeMap<Identity, String>,
    denials: BTreeMap<Identity, String>,
    mutes: BTreeMap<Identity, String>,
    ranks: BTreeMap<Identity, String>,
    /// The room's own row must be looked at again.
    room_marked: bool,
    /// How it was with the room when its own row was last looked at.
    pulse: Option<Pulse>,
}

/// What tells that a room is not as it was: what it has said, planned, and where it is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pulse {
    seq: u64,
    revision: u64,
    life: Life,
}

impl Written {
    /// Something in the room's own row has changed that is not numbered.
    pub(in crate::room) fn mark_room(&mut self) {
        self.room_marked = true;
    }

    /// Takes a row as given out.
    pub(super) fn restore(&mut self, key: Key, text: String) {
        match key {
            Key::Room => self.room = Some(text),
            Key::Person(who) => drop(self.people.insert(who, text)),
            Key::Ban(who) => drop(self.bans.insert(who, text)),
            Key::Denial(who) => drop(self.denials.insert(who, text)),
            Key::Mute(who) => drop(self.mutes.insert(who, text)),
            Key::Rank(who) => drop(self.ranks.insert(who, text)),
        }
    }
}

impl Room {
    /// The rows that have changed since this was last asked. The calendar must be the same each time, so that a moment always has the same date.
    ///
    /// A room that is over gives those that outlive it: its other rows go as a whole.
    pub fn take_changes(&mut self, calendar: &Calendar) -> Vec<Change> {
        let mut changes = Vec::new();
        self.take_decisions(calendar, &mut changes);
        if self.is_closed() {
            return changes;
        }
        let pulse = Some(Pulse { seq: self.seq, revision: self.revision, life: self.life });
        if std::mem::take(&mut self.written.room_marked) || self.written.pulse != pulse {
            self.written.pulse = pulse;
            let text = write(&self.room_row(calendar));
            if self.written.room.as_ref() != Some(&text) {
                self.written.room = Some(text.clone());
                changes.push(Change { key: Key::Room.text(), value: Some(text) });
            }
        }
        let mut people = self.roster.take_unwritten();
        people.append(&mut self.memory.take_unwritten());
        let texts = people.into_iter().map(|who| (self.person_row(&who, calendar).map(|row| write(&row)), who));
        let texts: Vec<_> = texts.collect();
        changes.extend(news(&mut self.written.people, texts, Key::Person));
        changes
    }

    fn take_decisions(&mut self, calendar: &Calendar, changes: &mut Vec<Change>) {
        let people: BTreeSet<Identity> = self.decisions.take_unwritten();
        if people.is_empty() {
            return;
        }
        let ban = texts(&people, |who| self.ban_row(who, calendar));
        let denial = texts(&people, |who| self.denial_row(who, calendar));
        let mute = texts(&people, |who| self.mute_row(who, calendar));
        let rank = texts(&people, |who| self.rank_row(who));
        changes.extend(news(&mut self.written.bans, ban, Key::Ban));
        changes.extend(news(&mut self.written.denials, denial, Key::Denial));
        changes.extend(news(&mut self.written.mutes, mute, Key::Mute));
        changes.extend(news(&mut self.written.ranks, rank, Key::Rank));
    }

    /// The rows that outlive the room, worked out anew.
    pub fn decisions_record(&self, calendar: &Calendar) -> Vec<(String, String)> {
        let mut rows = Vec::with_capacity(self.decisions.len());
        for who in self.decisions.everyone() {
            rows.extend(self.ban_row(&who, calendar).map(|row| (Key::Ban(who.clone()).text(), write(&row))));
            rows.extend(self.denial_row(&who, calendar).map(|row| (Key::Denial(who.clone()).text(), write(&row))));
            rows.extend(self.mute_row(&who, calendar).map(|row| (Key::Mute(who.clone()).text(), write(&row))));
            rows.extend(self.rank_row(&who).map(|row| (Key::Rank(who).text(), write(&row))));
        }
        rows
    }

    /// All rows, worked out anew.
    #[cfg(test)]
    pub(in crate::room) fn whole_record(&self, calendar: &Calendar) -> BTreeMap<String, String> {
        let mut rows = BTreeMap::from([(Key::Room.text(), write(&self.room_row(calendar)))]);
        let known: BTreeSet<Identity> =
            self.roster.iter().map(|(who, _)| who).chain(self.memory.everyone()).cloned().collect();
        for who in known {
            rows.extend(self.person_row(&who, calendar).map(|row| (Key::Person(who).text(), write(&row))));
        }
        rows.extend(self.decisions_record(calendar));
        rows
    }

    fn room_row(&self, calendar: &Calendar) -> RoomRow {
        let date = |at| Date(calendar.date(at));
        let Life { phase, until, had_host, for_want_of_host } = self.life;
        RoomRow {
            version: VERSION,
            seq: Count(self.seq),
            revision: Count(self.revision),
            grants: self.stage.last_grant,
            hands: Count(self.queue.raised),
            invites_made: Count(self.invites.made),
            life: LifeRow { phase: Word(phase), until: until.map(date), had_host, for_want_of_host },
            settings: self.settings_row(),
            seats: self.stage.iter().map(|(_, seat)| seat_row(seat, calendar)).collect(),
            invites: self.invite_rows(calendar),
            host_offers: self
                .host_offers
                .iter()
                .map(|offer| HostOfferRow { from: offer.from.clone(), to: offer.to.clone(), until: date(offer.until) })
                .collect(),
            swaps: self
                .swaps
                .iter()
                .map(|swap| SwapRow {
                    from: swap.from.clone(),
                    to: swap.to.clone(),
                    own: swap.own,
                    theirs: swap.theirs,
                    until: date(swap.until),
                })
                .collect(),
        }
    }

    fn settings_row(&self) -> SettingsRow {
        let settings = &self.settings;
        SettingsRow {
            seats: Some(settings.seat_count()),
            seat_mode: Some(Word(settings.seat_mode)),
            hands: Some(settings.hands),
            interrupt: Some(Word(settings.interrupt)),
            auto_offer: Some(settings.auto_offer),
            // The shortest turn is not none.
            turn_ms: Some(settings.turn.map_or(0, |turn| u64::try_from(turn.as_millis()).unwrap_or(u64::MAX).max(1))),
            promote: Some(Word(settings.promote)),
            duplicates: Some(Word(settings.duplicates)),
            participants_max: Some(settings.participants_max),
        }
    }

    fn invite_rows(&self, calendar: &Calendar) -> Vec<InviteRow> {
        let rows = self.invites.in_order().into_iter().map(|invite| InviteRow {
            id: Count(invite.id.0),
            from: invite.from.clone(),
            from_name: String::from(&*invite.from_name),
            to: invite.to.clone(),
            to_name: String::from(&*invite.to_name),
            seat: invite.seat,
            hold: invite.hold,
            until: Date(calendar.date(invite.until)),
        });
        rows.collect()
    }

    /// What is to be written of someone, here or gone: of most nothing. A second session has no row.
    fn person_row(&self, who: &Identity, calendar: &Calendar) -> Option<PersonRow> {
        let Some(person) = self.roster.find(who) else {
            let (leaving, what) = self.memory.find(who).filter(|(_, what)| what.is_remarkable())?;
            return Some(person_row(what, Presence::Left(Count(leaving)), calendar));
        };
        if person.copy_of.is_some() {
            return None;
        }
        let what = person.known();
        let hand = self.queue.find(who).map(|(_, hand)| hand);
        let is_remarkable = what.is_remarkable()
            || hand.is_some()
            || person.lost_seat.is_some()
            || self.stage.seat_of(who).is_some()
            || self.invites.of(who).is_some()
            || self.host_offers.iter().any(|offer| offer.to == *who);
        is_remarkable.then(|| person_row(&what, Presence::Here(here_row(person, hand, calendar)), calendar))
    }

    fn ban_row(&self, who: &Identity, calendar: &Calendar) -> Option<BanRow> {
        let Ban { by, reason, since, until } = self.decisions.ban(who)?;
        let date = |at: Instant| Date(calendar.date(at));
        let reason = reason.as_deref().map(str::to_owned);
        Some(BanRow { by: by.clone(), reason, since: date(*since), until: until.map(date) })
    }

    fn denial_row(&self, who: &Identity, calendar: &Calendar) -> Option<DenialRow> {
        self.decisions.denied_since(who).map(|since| DenialRow { since: Date(calendar.date(since)) })
    }

    fn mute_row(&self, who: &Identity, calendar: &Calendar) -> Option<MuteRow> {
        let Mute { by, since, until } = self.decisions.mute(who)?;
        let date = |at: Instant| Date(calendar.date(at));
        Some(MuteRow { by: by.clone(), since: date(*since), until: until.map(date) })
    }

    fn rank_row(&self, who: &Identity) -> Option<RankRow> {
        self.decisions.rank(who).map(|rank| RankRow { rank: Word(rank) })
    }
}

/// The texts of rows about people.
fn texts<T: Serialize>(
    people: &BTreeSet<Identity>,
    row: impl Fn(&Identity) -> Option<T>,
) -> Vec<(Option<String>, Identity)> {
    people.iter().map(|who| (row(who).map(|row| write(&row)), who.clone())).collect()
}

/// Takes texts for given out; gives those that were not.
fn news(
    written: &mut BTreeMap<Identity, String>,
    texts: Vec<(Option<String>, Identity)>,
    key: impl Fn(Identity) -> Key,
) -> Vec<Change> {
    let mut news = Vec::new();
    for (text, who) in texts {
        let is_known = match &text {
            Some(text) => written.get(&who) == Some(text),
            None => !written.contains_key(&who),
        };
        if is_known {
            continue;
        }
        match &text {
            Some(text) => drop(written.insert(who.clone(), text.clone())),
            None => drop(written.remove(&who)),
        }
        news.push(Change { key: key(who).text(), value: text });
    }
    news
}

fn seat_row(seat: &Seat, calendar: &Calendar) -> SeatRow {
    let is = match &seat.state {
        SeatState::Open => SeatIs::Open,
        SeatState::Locked => SeatIs::Locked,
        SeatState::Reserved { who, why, until } => {
            SeatIs::Reserved { who: who.clone(), why: Word(*why), until: Date(calendar.date(*until)) }
        }
        SeatState::Occupied { who, .. } => SeatIs::Occupied { who: who.clone() },
    };
    SeatRow { is, muted: seat.muted_by_host, rev: Count(seat.rev) }
}

fn person_row(what: &Remembered, presence: Presence, calendar: &Calendar) -> PersonRow {
    let date = |at| Date(calendar.date(at));
    PersonRow {
        rank: Word(what.rank),
        rank_given: what.rank_given,
        host_muted: false,
        do_not_invite: what.do_not_invite,
        cooling_until: what.cooling_until.map(date),
        invite_cooling_until: what.invite_cooling_until.map(date),
        presence,
    }
}

fn here_row(person: &Participant, hand: Option<&Hand>, calendar: &Calendar) -> HereRow {
    HereRow {
        session: person.session.clone(),
        name: String::from(&*person.name),
        arrival: Count(person.arrival),
        can_publish: person.can_publish,
        can_publish_data: person.can_publish_data,
        hidden: person.hidden,
        tier: person.tier,
        kind: person.kind.as_deref().map(str::to_owned),
        self_muted: person.self_muted,
        seated_since: person.seated_since.map(|at| Date(calendar.date(at))),
        turn: person.turn.map(|turn| turn_row(turn, calendar)),
        lost_seat: person.lost_seat.map(|lost| lost_seat_row(lost, calendar)),
        hand: hand.map(|hand| hand_row(hand, calendar)),
    }
}

fn turn_row(turn: Turn, calendar: &Calendar) -> TurnRow {
    TurnRow { until: Date(calendar.date(turn.until)), warn_at: turn.warn_at.map(|at| Date(calendar.date(at))) }
}

fn lost_seat_row(lost: LostSeat, calendar: &Calendar) -> LostSeatRow {
    let LostSeat { seat, until, turn } = lost;
    LostSeatRow { seat, until: Date(calendar.date(until)), turn: turn.map(|turn| turn_row(turn, calendar)) }
}

fn hand_row(hand: &Hand, calendar: &Calendar) -> HandRow {
    HandRow {
        id: Count(hand.id.0),
        raised_at: Date(calendar.date(hand.raised_at)),
        tier: hand.tier,
        front: hand.front,
        mic_ready: hand.mic_ready,
        wanted_seat: hand.wanted_seat,
        passed: hand.passed,
        missed: hand.missed,
    }
}
