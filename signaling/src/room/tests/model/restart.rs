//! Restarts: what is written down of the room is enough to go on from, and what it goes on as is what the rules say.

use super::trial::Trial;
use super::*;

/// What is written down of a room.
pub(super) struct Ledger {
    pub(super) calendar: Calendar,
    rows: BTreeMap<String, String>,
}

impl Ledger {
    pub(super) fn begin(now: Instant) -> Self {
        Self { calendar: Calendar { now, unix_ms: 1_790_000_000_000 }, rows: BTreeMap::new() }
    }

    pub(super) fn of(calendar: &Calendar, rows: Vec<(String, String)>) -> Self {
        Self { calendar: *calendar, rows: rows.into_iter().collect() }
    }

    pub(super) fn rows(&self) -> Vec<(String, String)> {
        self.rows.iter().map(|(key, text)| (key.clone(), text.clone())).collect()
    }

    /// Writes down what has changed, and sees that nothing is missing.
    pub(super) fn keep(&mut self, room: &mut Room) -> Vec<Change> {
        let changes = room.take_changes(&self.calendar);
        self.write(&changes);
        if !room.is_closed() {
            let whole = room.whole_record(&self.calendar);
            assert_eq!(self.rows, whole, "what was written bit by bit (left) is all there is to write (right)");
        }
        changes
    }

    /// The room is over: what moderators decided is left.
    pub(super) fn end_room(&mut self) {
        self.rows.retain(|key, _| outlives_room(key));
    }

    /// The room as another process would go on with it, if it is not over.
    pub(super) fn restored(&self, room: &Room, now: Instant) -> Option<Room> {
        (!room.is_closed()).then(|| self.restore(&room.settings, now))
    }

    fn write(&mut self, changes: &[Change]) {
        for Change { key, value } in changes {
            let before = match value {
                Some(text) => self.rows.insert(key.clone(), text.clone()),
                None => self.rows.remove(key),
            };
            assert_ne!(before, *value, "{key} is written and not changed");
        }
    }

    /// The room that the rows tell of. What the configuration says of what was set for the room does not matter.
    fn restore(&self, set: &Settings, now: Instant) -> Room {
        let configured = Settings {
            seats: 32,
            seat_mode: SeatMode::Free,
            hands: !set.hands,
            interrupt: Interrupt::Off,
            auto_offer: !set.auto_offer,
            turn: Some(seconds(7)),
            participants_max: 1,
            opens_in: Some(seconds(3)),
            ..set.clone()
        };
        Room::restore(RoomId::parse("demo").unwrap(), configured, &self.rows(), &self.calendar, now).unwrap()
    }
}

impl Trial {
    /// Writes down what has changed, and sees that nothing is missing.
    pub(super) fn write_down(&mut self) -> Vec<Change> {
        let changes = self.ledger.keep(&mut self.story.room);
        assert_eq!(self.twin.take_changes(&self.ledger.calendar), changes, "what the twin (left) writes down");
        changes
    }

    /// The process ends, and another one goes on.
    pub(super) fn restart(&mut self) {
        if self.story.room.is_closed() {
            return;
        }
        let (now, set) = (self.story.now, self.model.set.clone());
        let before = std::mem::replace(&mut self.story.room, self.ledger.restore(&set, now));
        self.twin = self.ledger.restore(&set, now);
        self.model.restart();
        self.write_down();
        // Whatever it is now could be gone on from again, and would be the same.
        let again = self.ledger.restore(&set, now);
        assert_eq!(again.whole_record(&self.ledger.calendar), self.ledger.rows);
        self.check_restored(&before);
        self.plan = self.plan.take().map(|plan| StagePlan { seats: Vec::new(), ..plan });
        self.admin = fold::Watcher::begin(None, self.story.room.snapshot(&Viewer::Admin, now));
        let here: Vec<SessionId> = self.story.room.roster.iter().map(|(_, person)| person.session.clone()).collect();
        self.over.extend(std::mem::take(&mut self.watchers).into_keys().filter(|session| !here.contains(session)));
        here.iter().for_each(|session| self.watch(session));
        self.cues.clear();
        self.tallied = None;
        self.look(None);
    }

    /// The room is over, and another one is made under its name.
    pub(super) fn remake(&mut self) {
        if !self.closed {
            return;
        }
        let (now, set) = (self.story.now, self.model.set.clone());
        self.ledger.end_room();
        let made = |ledger: &Ledger| {
            let id = RoomId::parse("demo").unwrap();
            Room::remembering(id, set.clone(), &ledger.rows(), &ledger.calendar, now).unwrap()
        };
        let decided: BTreeMap<_, _> = self.story.room.decisions_record(&self.ledger.calendar).into_iter().collect();
        assert_eq!(decided, self.ledger.rows, "what moderators decided (left) is written (right)");
        self.story.room = made(&self.ledger);
        self.twin = made(&self.ledger);
        self.model.remake();
        self.forget_what_was_seen();
        self.closed = false;
        // What ran out meanwhile has run out.
        self.tell(Input::Timeout);
    }

    /// The restored room looks as the one before would if everyone who is not written down had gone, and the others had lost their connection.
    fn check_restored(&self, before: &Room) {
        let now = self.story.now;
        let (room, mut expected) = (&self.story.room, before.snapshot(&Viewer::Admin, now));
        for seat in &mut expected.seats {
            seat.state = match seat.state.clone() {
                SeatViewState::Occupied { holder, .. } => {
                    seat.rev += 1;
                    let expires_in = self.model.set.reconnect_grace;
                    SeatViewState::Reserved { holder, why: ReservedWhy::Reconnect, expires_in }
                }
                SeatViewState::Reserved { holder, why, expires_in } => {
                    SeatViewState::Reserved { holder, why, expires_in: expires_in.max(seconds(5)) }
                }
                open_or_locked => open_or_locked,
            };
        }
        expected.participants.retain(|person| person.rank.is_moderator());
        for person in &mut expected.participants {
            person.role = Role::derive(person.rank, false);
        }
        let present = room.snapshot(&Viewer::Admin, now);
        expected.audience = present.audience.clone();
        if present.room.phase == Phase::Live {
            // A room in which nobody is left is not without a host.
            expected.room.phase = Phase::Live;
            expected.room.hostless_for = None;
        }
        assert_eq!(present, expected, "the room after the restart (left) and as it was (right)");
    }
}

impl Model {
    /// Another room under the same name: what moderators decided is as it was, and all else is new.
    pub(super) fn remake(&mut self) {
        let now = self.now;
        let mut next = Self::new(self.set.clone());
        next.now = now;
        next.phase_ends = next.phase_ends.map(|ends| now + ends);
        next.empty_since = next.empty_since.map(|since| now + since);
        next.bans.append(&mut self.bans);
        next.denied.append(&mut self.denied);
        next.mutes.append(&mut self.mutes);
        next.ranks.append(&mut self.ranks);
        *self = next;
        // Time goes on in a room that is over as well.
        self.advance(now);
    }

    /// Everyone is cut off. Those of whom there is something to know have the time of a lost connection to come back, and others are strangers.
    pub(super) fn restart(&mut self) {
        let stay: Vec<Identity> = self.people.keys().filter(|who| self.is_remarkable(who)).cloned().collect();
        self.people.retain(|who, _| stay.contains(who));
        self.left.retain(|_, left| {
            let cooling = left.cooling_until.max(left.uninvitable_until) > Duration::ZERO;
            left.rank != Rank::Member || left.rank_given || left.do_not_invite || cooling
        });
        for person in self.people.values_mut() {
            person.media = people::Media::Over;
            person.detached_until = Some(self.now + self.set.detached_max);
            person.last_hand = None;
            person.offer_lost = false;
            person.sound = sounds::Sound::default();
        }
        for seat in &mut self.seats {
            match &mut seat.is {
                SeatIs::Open | SeatIs::Locked => {}
                SeatIs::Reserved { until, .. } => *until = (*until).max(self.now + seconds(5)),
                SeatIs::Occupied { who } => {
                    let until = self.now + self.set.reconnect_grace;
                    seat.is = SeatIs::Reserved { who: who.clone(), why: ReservedWhy::Reconnect, until };
                    seat.rev += 1;
                }
            }
        }
        self.invites_ended.clear();
        self.empty_since = None;
        if self.people.is_empty() {
            let opens = self.phase_ends.filter(|_| self.phase == Phase::Scheduled);
            self.empty_since = Some(opens.unwrap_or_default().max(self.now));
            if self.phase == Phase::Hostless {
                (self.phase, self.phase_ends) = (Phase::Live, None);
            }
        }
    }

    fn is_remarkable(&self, who: &Identity) -> bool {
        let person = &self.people[who];
        let cooling = person.cooling_until.max(person.uninvitable_until) > Duration::ZERO;
        let marked = person.rank_given || person.do_not_invite || cooling;
        let asked = self.invites.iter().any(|invite| invite.to == *who)
            || self.host_offers.iter().any(|offer| offer.to == *who);
        let waits = self.hand_of(who).is_some() || self.seat_of(who).is_some() || person.lost_seat.is_some();
        person.copy_of.is_none() && (person.rank != Rank::Member || marked || asked || waits)
    }
}
