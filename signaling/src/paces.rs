//! Paces are how fast one identity may do what it does in one room. Sockets, sessions and tokens come and go; the paces stay.
//!
//! They belong to the identity and the room's name, so they outlive a leaving, a kick, a resume, a takeover, and the room's end. A person is forgotten
//! only when nobody holds them and every pace is whole again, so forgetting gives nothing away. It hides its locks.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use crate::{
    clock,
    config::Limits,
    ids::{Identity, RoomId},
    limit::{Excused, FloodGate, TokenBucket, Verdict},
    room::Act,
};

/// The paces of everyone, by room and identity.
pub(crate) struct Paces {
    people: Mutex<People>,
    rates: Rates,
    people_max: usize,
    sessions_max: usize,
}

#[derive(Debug)]
struct People {
    rooms: HashMap<RoomId, HashMap<Identity, Arc<Person>>>,
    len: usize,
    /// So many people make it worth to look for those who can be forgotten.
    sweep_at: usize,
    swept_at: Instant,
}

/// One identity in one room.
#[derive(Debug)]
pub(crate) struct Person {
    paces: Mutex<OwnPaces>,
}

#[derive(Debug)]
struct OwnPaces {
    commands: FloodGate,
    buckets: [TokenBucket; Paced::ALL.len()],
    excused: Excused,
}

/// Acts that have a pace of their own beside that of all commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Paced {
    Join,
    Resume,
    IceRestart,
    Stats,
    Message,
    Reaction,
    /// Raising and lowering one's hand.
    Hand,
    /// Taking, leaving and moving between seats, and swaps.
    Seat,
    /// Muting and unmuting oneself.
    Mute,
}

/// Why there are no paces for someone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoPaces {
    /// Too many people are known of this room, or of all.
    Full,
    /// This identity has as many sessions in the room as it may have.
    TooManySessions,
}

/// So many a second, and so many at once.
#[derive(Debug, Clone, Copy)]
struct Rate {
    per_second: u32,
    burst: u32,
}

#[derive(Debug, Clone, Copy)]
struct Rates {
    commands: Rate,
    patience: Duration,
    paced: [Rate; Paced::ALL.len()],
}

impl Paced {
    const ALL: [Self; 9] = [
        Self::Join,
        Self::Resume,
        Self::IceRestart,
        Self::Stats,
        Self::Message,
        Self::Reaction,
        Self::Hand,
        Self::Seat,
        Self::Mute,
    ];

    /// The pace of an act, if it has one of its own.
    pub(crate) fn of(act: &Act) -> Option<Self> {
        match act {
            Act::Message { .. } => Some(Self::Message),
            Act::Reaction { .. } => Some(Self::Reaction),
            Act::HandRaise { .. } | Act::HandLower => Some(Self::Hand),
            Act::SeatTake { .. } | Act::SeatLeave | Act::SeatMove { identity: None, .. } | Act::SeatSwap { .. } => {
                Some(Self::Seat)
            }
            Act::MuteSelf { .. } => Some(Self::Mute),
            Act::Leave
            | Act::SeatMove { identity: Some(_), .. }
            | Act::SeatAssign { .. }
            | Act::SeatConfirm { .. }
            | Act::SeatDecline { .. }
            | Act::SeatLock { .. }
            | Act::SeatUnlock { .. }
            | Act::SeatMute { .. }
            | Act::SeatUnmute { .. }
            | Act::SeatKick { .. }
            | Act::HandApprove { .. }
            | Act::HandNext
            | Act::HandsLowerAll
            | Act::HandDeny { .. }
            | Act::MemberMute { .. }
            | Act::MemberUnmute { .. }
            | Act::MemberKick { .. }
            | Act::MemberBan { .. }
            | Act::MemberUnban { .. }
            | Act::MemberRank { .. }
            | Act::ModerationForget { .. }
            | Act::HostTransfer { .. }
            | Act::HostAccept
            | Act::HostDecline
            | Act::InviteSend { .. }
            | Act::InviteRevoke(_)
            | Act::InviteAccept { .. }
            | Act::InviteDecline { .. }
            | Act::Prefs { .. }
            | Act::RoomUpdate(_)
            | Act::RoomClose { .. } => None,
        }
    }

    /// Its rate. For a person's own clicks that is a share of the rate of commands.
    fn rate(self, limits: &Limits) -> Rate {
        let share = |of: u32| Rate {
            per_second: (limits.commands_per_second / of).max(1),
            burst: (limits.burst / (of / 2)).max(1),
        };
        match self {
            Self::Join => Rate { per_second: limits.identity_joins_per_second, burst: limits.identity_joins_burst },
            Self::Resume => Rate { per_second: RESUMES_PER_SECOND, burst: RESUMES_BURST },
            Self::IceRestart => Rate { per_second: 1, burst: 1 },
            Self::Stats => Rate { per_second: 1, burst: STATS_BURST },
            Self::Message => Rate { per_second: 1, burst: MESSAGES_BURST },
            // Few kinds fit into one tally, so nobody may send them all at once.
            Self::Reaction => Rate { per_second: (limits.commands_per_second / 2).max(1), ..share(8) },
            Self::Hand | Self::Seat => Rate { per_second: (limits.commands_per_second / 10).max(1), ..share(4) },
            Self::Mute => share(4),
        }
    }
}

impl Paces {
    /// Nobody yet.
    pub(crate) fn new(limits: &Limits, now: Instant) -> Self {
        let rates = Rates {
            commands: Rate { per_second: limits.commands_per_second, burst: limits.burst },
            patience: limits.flood_patience,
            paced: Paced::ALL.map(|paced| paced.rate(limits)),
        };
        let people = People { rooms: HashMap::new(), len: 0, sweep_at: SWEEP_MIN, swept_at: now };
        let people_max = limits.sessions_max.saturating_mul(PEOPLE_PER_SESSION).max(PEOPLE_MIN);
        Self { people: Mutex::new(people), rates, people_max, sessions_max: limits.sessions_per_identity }
    }

    /// The paces of an identity in a room, for one more session of theirs.
    pub(crate) fn of_session(&self, room: &RoomId, identity: &Identity, now: Instant) -> Result<Arc<Person>, NoPaces> {
        let mut people = self.lock();
        let person = people.person(room, identity, self, now)?;
        // One is held here, and one in the table.
        if Arc::strong_count(&person) > self.sessions_max + 1 {
            return Err(NoPaces::TooManySessions);
        }
        Ok(person)
    }

    /// Judges one act of moderation that an identity asks for by HTTP. It counts as a command of a session does.
    pub(crate) fn judge_outside(
        &self,
        room: &RoomId,
        identity: &Identity,
        act: &Act,
        now: Instant,
    ) -> Result<(), Duration> {
        let person = self.lock().person(room, identity, self, now).map_err(|_| FULL_RETRY)?;
        match person.judge_command(now) {
            Verdict::Allowed => {}
            Verdict::Refused { retry_after } => return Err(retry_after),
            Verdict::Silent | Verdict::Cut => return Err(FULL_RETRY),
        }
        Paced::of(act).map_or(Ok(()), |paced| person.take(paced, now))
    }

    fn lock(&self) -> MutexGuard<'_, People> {
        self.people.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl People {
    fn person(
        &mut self,
        room: &RoomId,
        identity: &Identity,
        paces: &Paces,
        now: Instant,
    ) -> Result<Arc<Person>, NoPaces> {
        if let Some(person) = self.rooms.get(room).and_then(|people| people.get(identity)) {
            return Ok(Arc::clone(person));
        }
        self.sweep(paces.people_max, now);
        // A room that has half of all leaves the rest to others.
        let of_room = self.rooms.get(room).map_or(0, HashMap::len);
        if self.len >= paces.people_max || of_room >= paces.people_max.div_ceil(2) {
            return Err(NoPaces::Full);
        }
        let person = Arc::new(Person::new(&paces.rates, now));
        self.rooms.entry(room.clone()).or_default().insert(identity.clone(), Arc::clone(&person));
        self.len += 1;
        Ok(person)
    }

    /// Forgets those of whom nothing need be known. The search is paid for rarely.
    fn sweep(&mut self, most: usize, now: Instant) {
        let is_crowded = self.len.saturating_mul(2) >= most;
        let is_due = is_crowded && now.saturating_duration_since(self.swept_at) >= SWEEP_INTERVAL;
        if self.len < self.sweep_at && !is_due {
            return;
        }
        self.rooms.retain(|_, people| {
            people.retain(|_, person| Arc::strong_count(person) > 1 || !person.is_whole(now));
            !people.is_empty()
        });
        self.len = self.rooms.values().map(HashMap::len).sum();
        self.sweep_at = (self.len * 2).max(SWEEP_MIN);
        self.swept_at = now;
    }
}

impl Person {
    fn new(rates: &Rates, now: Instant) -> Self {
        let Rates { commands, patience, paced } = rates;
        let commands = FloodGate::new(commands.per_second, commands.burst, *patience, now);
        let buckets = paced.map(|Rate { per_second, burst }| TokenBucket::new(per_second, burst, now));
        let excused = Excused::all(clock::stood_still());
        Self { paces: Mutex::new(OwnPaces { commands, buckets, excused }) }
    }

    /// Excuses a standstill of the process: all that was sent meanwhile comes at once, and is no flood. `stood_still` is all standstills so far.
    pub(crate) fn excuse(&self, stood_still: Duration) {
        let mut paces = self.lock();
        if let Some(more) = paces.excused.take(stood_still) {
            paces.commands.excuse(more);
            paces.buckets.iter_mut().for_each(|bucket| bucket.excuse(more));
        }
    }

    /// Judges one frame that arrived at `now`, whatever it asks for.
    pub(crate) fn judge_command(&self, now: Instant) -> Verdict {
        self.lock().commands.judge(now)
    }

    /// Takes one of what has a pace of its own, or says how long until the next may come.
    pub(crate) fn take(&self, paced: Paced, now: Instant) -> Result<(), Duration> {
        self.lock().buckets[paced as usize].take(now)
    }

    fn is_whole(&self, now: Instant) -> bool {
        let paces = self.lock();
        paces.commands.is_calm(now) && paces.buckets.iter().all(|bucket| bucket.is_full(now))
    }

    fn lock(&self) -> MutexGuard<'_, OwnPaces> {
        self.paces.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// So many people are known for each session that may be: those who are there, and those who were a few seconds ago.
const PEOPLE_PER_SESSION: usize = 4;

/// However few sessions there may be, so many people may come and go.
const PEOPLE_MIN: usize = 1_024;

/// Fewer people are not worth a search.
const SWEEP_MIN: usize = 1_024;

/// When half of all places are taken, those who can be forgotten are looked for so often.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

/// When someone should try again for whom there is no room, or who floods.
const FULL_RETRY: Duration = Duration::from_secs(10);

/// A line that breaks often resumes often: it waits then, and is not refused.
const RESUMES_PER_SECOND: u32 = 2;
const RESUMES_BURST: u32 = 10;

/// Reports that were held up on their way come together.
const STATS_BURST: u32 = 3;

const MESSAGES_BURST: u32 = 5;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]

    use super::*;

    #[test]
    fn a_pace_stays_when_its_owner_goes_and_comes_again() {
        let (paces, start) = paces(|_| {});
        let taken = |at: u64| {
            // Each time by another session.
            let now = start + Duration::from_millis(at);
            paces.of_session(&room("demo"), &identity("ada"), now).unwrap().take(Paced::Message, now)
        };
        assert_eq!((0..MESSAGES_BURST).map(|_| taken(0)).collect::<Vec<_>>(), [Ok(()); 5]);
        assert_eq!(taken(1), Err(Duration::from_millis(999)));
        assert_eq!(taken(1_000), Ok(()));
        let in_an_hour = (0..3_600_u64 * 20).filter(|step| taken(2_000 + step * 50).is_ok()).count();
        assert!((3_600..=3_606).contains(&in_an_hour), "{in_an_hour}");
    }

    #[test]
    fn sessions_and_requests_of_one_identity_share_their_paces() {
        let (paces, now) = paces(|limits| (limits.commands_per_second, limits.burst) = (10, 4));
        let (one, two) = (session(&paces, "ada", now), session(&paces, "ada", now));
        let act = Act::HandsLowerAll;
        assert_eq!((one.judge_command(now), two.judge_command(now)), (Verdict::Allowed, Verdict::Allowed));
        for _ in 0..2 {
            assert_eq!(paces.judge_outside(&room("demo"), &identity("ada"), &act, now), Ok(()));
        }
        let retry_after = Duration::from_millis(100);
        assert_eq!(one.judge_command(now), Verdict::Refused { retry_after });
        assert_eq!(paces.judge_outside(&room("demo"), &identity("ada"), &act, now), Err(retry_after));
        assert_eq!(session(&paces, "ben", now).judge_command(now), Verdict::Allowed, "nobody else's");
        assert_eq!(paces.judge_outside(&room("other"), &identity("ada"), &act, now), Ok(()), "nor in another room");
    }

    #[test]
    fn each_kind_has_its_rate() {
        let (paces, start) = paces(|_| {});
        for (paced, burst, in_a_minute) in [
            (Paced::Join, 5, 60),
            (Paced::Resume, 10, 120),
            (Paced::IceRestart, 1, 60),
            (Paced::Stats, 3, 60),
            (Paced::Message, 5, 60),
            (Paced::Reaction, 10, 600),
            (Paced::Hand, 20, 120),
            (Paced::Seat, 20, 120),
            (Paced::Mute, 20, 300),
        ] {
            let ada = session(&paces, "ada", start);
            let at_once = (0..1_000).filter(|_| ada.take(paced, start).is_ok()).count();
            let later = (1..=60_000).filter(|ms| ada.take(paced, start + Duration::from_millis(*ms)).is_ok()).count();
            assert_eq!(at_once, burst, "{paced:?}");
            assert!(later.abs_diff(in_a_minute) <= 2, "{paced:?}: {later}");
        }
    }

    #[test]
    fn an_identity_has_so_many_sessions_and_gives_them_back() {
        let (paces, now) = paces(|limits| limits.sessions_per_identity = 3);
        let mut held: Vec<_> = (0..3).map(|_| session(&paces, "ada", now)).collect();
        let one_more = || paces.of_session(&room("demo"), &identity("ada"), now).err();
        assert_eq!(one_more(), Some(NoPaces::TooManySessions));
        assert_eq!(paces.judge_outside(&room("demo"), &identity("ada"), &Act::HandNext, now), Ok(()));
        held.pop();
        assert_eq!(one_more(), None);
    }

    #[test]
    fn a_crowd_is_forgotten_when_its_paces_are_whole_and_not_before() {
        let (paces, start) = paces(|limits| limits.sessions_max = 500);
        let held = session(&paces, "held", start);
        for number in 1..1_000 {
            let person = session(&paces, &format!("p{number}"), start);
            person.take(Paced::Join, start).unwrap();
        }
        let newcomer = |room_name: &str, at: u64| {
            let now = start + Duration::from_millis(at);
            paces.of_session(&room(room_name), &identity("new"), now).map(drop)
        };
        assert_eq!(newcomer("demo", 10), Err(NoPaces::Full), "one room has half of all places");
        assert_eq!(newcomer("other", 10), Ok(()), "the others are not shut out");
        assert_eq!(paces.lock().len, 1_001);
        assert_eq!(newcomer("demo", 1_010), Ok(()), "all but the one who is there are whole again");
        assert!(paces.lock().len <= 3, "{}", paces.lock().len);
        assert_eq!(held.take(Paced::Join, start), Ok(()));
    }

    #[test]
    fn all_rooms_together_have_a_bound() {
        let (paces, start) = paces(|limits| limits.sessions_max = 10);
        let held: Vec<_> = (0..PEOPLE_MIN)
            .map(|number| paces.of_session(&room(&format!("r{number}")), &identity("ada"), start).unwrap())
            .collect();
        let late = start + Duration::from_secs(60);
        assert_eq!(paces.of_session(&room("more"), &identity("ada"), late).err(), Some(NoPaces::Full));
        drop(held);
        let late = late + SWEEP_INTERVAL;
        assert!(paces.of_session(&room("more"), &identity("ada"), late).is_ok());
    }

    fn paces(change: impl FnOnce(&mut Limits)) -> (Paces, Instant) {
        let (mut limits, now) = (Limits::default(), crate::clock::now());
        change(&mut limits);
        (Paces::new(&limits, now), now)
    }

    fn session(paces: &Paces, who: &str, now: Instant) -> Arc<Person> {
        paces.of_session(&room("demo"), &identity(who), now).unwrap()
    }

    fn room(name: &str) -> RoomId {
        RoomId::parse(name).unwrap()
    }

    fn identity(name: &str) -> Identity {
        Identity::parse(name).unwrap()
    }
}
