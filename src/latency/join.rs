//! A join is someone's way from the first request to the first audio packet, stage by stage.
//!
//! What it is made of comes from two sides, the sockets' and the engines', in any order: an engine may well tell of keys before anyone has told
//! that the welcome was written. A join is over when both sides have said so, when it failed, or when it is given up.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

/// How a join came to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// By a new socket: its upgrade is part of the join.
    Cold,
    /// By a socket that was open before.
    Warm,
    /// A session goes on by a new socket.
    Resume,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Cold, Self::Warm, Self::Resume];

    /// Its name.
    pub fn label(self) -> &'static str {
        match self {
            Self::Cold => "cold",
            Self::Warm => "warm",
            Self::Resume => "resume",
        }
    }
}

/// A stage of a join, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stage {
    /// The socket is open.
    Upgrade,
    /// The `join` was read.
    Join,
    /// The welcome was written.
    Answer,
    /// The first authenticated STUN check came.
    FirstCheck,
    /// The client has chosen a path.
    Ice,
    /// The first DTLS record of the client came.
    Dtls,
    /// Keys exist.
    Keys,
    /// The first audio packet went out to the newcomer.
    FirstPacket,
    /// The newcomer heard it, by the client's word.
    Played,
}

impl Stage {
    /// All of them, in order.
    pub const ALL: [Self; 9] = [
        Self::Upgrade,
        Self::Join,
        Self::Answer,
        Self::FirstCheck,
        Self::Ice,
        Self::Dtls,
        Self::Keys,
        Self::FirstPacket,
        Self::Played,
    ];

    /// Its name.
    pub fn label(self) -> &'static str {
        match self {
            Self::Upgrade => "upgrade",
            Self::Join => "join",
            Self::Answer => "answer",
            Self::FirstCheck => "first_check",
            Self::Ice => "ice",
            Self::Dtls => "dtls",
            Self::Keys => "keys",
            Self::FirstPacket => "first_packet",
            Self::Played => "played",
        }
    }

    /// Whether it ends by our act. All others end when a client has sent something: the newcomer, or for the first packet whoever speaks. Their time is
    /// told, and is not the server's. How long their datagrams wait here is measured for each datagram.
    pub fn is_servers(self) -> bool {
        match self {
            Self::Upgrade | Self::Answer => true,
            Self::Join | Self::FirstCheck | Self::Ice | Self::Dtls | Self::Keys | Self::FirstPacket | Self::Played => {
                false
            }
        }
    }
}

/// What completes a join.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum End {
    /// The first audio packet was sent.
    Audio,
    /// Keys exist, and nobody was audible.
    Keys,
    /// The welcome was written, and more was not asked for.
    Welcome,
}

impl End {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Audio, Self::Keys, Self::Welcome];

    /// Its name.
    pub fn label(self) -> &'static str {
        match self {
            Self::Audio => "audio",
            Self::Keys => "keys",
            Self::Welcome => "welcome",
        }
    }
}

/// When a join came, as its socket saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// How it came.
    pub kind: Kind,
    /// When the request for the socket was read.
    pub requested_at: Instant,
    /// When the socket was open.
    pub upgraded_at: Instant,
    /// When the `join` or `resume` was read.
    pub joined_at: Instant,
}

impl Arrival {
    /// When the clock of the join started.
    pub fn started_at(&self) -> Instant {
        match self.kind {
            Kind::Cold | Kind::Resume => self.requested_at,
            Kind::Warm => self.joined_at,
        }
    }

    fn stages(&self) -> [Option<Instant>; 9] {
        let mut reached = [None; 9];
        match self.kind {
            Kind::Cold | Kind::Resume => reached[Stage::Upgrade as usize] = Some(self.upgraded_at),
            Kind::Warm => {}
        }
        reached[Stage::Join as usize] = Some(self.joined_at);
        reached
    }
}

/// A join that has come to its end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Joined {
    /// How it came.
    pub kind: Kind,
    /// What completed it.
    pub end: End,
    /// Whether the newcomer has media.
    pub has_media: bool,
    /// From its start to its end.
    pub total: Duration,
    /// The server's own part between reading the join and writing the welcome.
    pub answering: Duration,
    /// By stage, since the start.
    since_start: [Option<Duration>; 9],
}

impl Joined {
    /// A join that ends with its welcome: of somebody without media, or of a session that goes on.
    pub fn by_welcome(arrival: &Arrival, has_media: bool, answered_at: Instant) -> Self {
        let mut reached = arrival.stages();
        reached[Stage::Answer as usize] = Some(answered_at);
        Self { has_media, ..Self::new(arrival, End::Welcome, answered_at, answered_at, &reached) }
    }

    fn new(
        arrival: &Arrival,
        end: End,
        ended_at: Instant,
        answered_at: Instant,
        reached: &[Option<Instant>; 9],
    ) -> Self {
        let start = arrival.started_at();
        Self {
            kind: arrival.kind,
            end,
            has_media: true,
            // The end of the engine's part may be known of earlier than the end of the welcome's writing.
            total: ended_at.max(answered_at).saturating_duration_since(start),
            answering: answered_at.saturating_duration_since(arrival.joined_at),
            since_start: reached.map(|at| at.map(|at| at.saturating_duration_since(start))),
        }
    }

    /// The stages that were reached: the time since the start, and since the stage before.
    pub fn stages(&self) -> impl Iterator<Item = (Stage, Duration, Duration)> {
        let mut before = Duration::ZERO;
        Stage::ALL.into_iter().zip(self.since_start).filter_map(move |(stage, at)| {
            let at = at?;
            let own = at.saturating_sub(before);
            before = before.max(at);
            Some((stage, at, own))
        })
    }

    /// The stage that took longest by itself.
    pub fn slowest(&self) -> (Stage, Duration) {
        let longest = self.stages().max_by_key(|(_, _, own)| *own);
        longest.map_or((Stage::Join, Duration::ZERO), |(stage, _, own)| (stage, own))
    }

    /// The server's own part: all stages that end by its act.
    pub fn own_part(&self) -> Duration {
        self.servers().map(|(_, own)| own).sum()
    }

    /// The stage of the server's part that took longest.
    pub fn slowest_of_server(&self) -> Stage {
        self.servers().max_by_key(|(_, own)| *own).map_or(Stage::Answer, |(stage, _)| stage)
    }

    fn servers(&self) -> impl Iterator<Item = (Stage, Duration)> {
        self.stages().filter(|(stage, _, _)| stage.is_servers()).map(|(stage, _, own)| (stage, own))
    }
}

/// How a join that was under way came out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Outcome {
    /// It came to its end.
    Joined(Joined),
    /// It came to nothing, with this code.
    Failed {
        /// How it came.
        kind: Kind,
        /// Why.
        code: &'static str,
    },
}

/// The joins under way, by transport.
#[derive(Clone, Debug, Default)]
pub struct Joins {
    under_way: HashMap<u64, UnderWay>,
    untold: u64,
}

#[derive(Clone, Copy, Debug)]
struct UnderWay {
    asked_at: Instant,
    arrival: Option<Arrival>,
    answered_at: Option<Instant>,
    reached: [Option<Instant>; 9],
    ended: Option<(End, Instant)>,
}

impl Joins {
    /// A transport was asked for: its engine counts from here.
    pub fn asked(&mut self, key: u64, now: Instant) {
        if self.under_way.len() >= UNDER_WAY_MAX {
            self.untold += 1;
            return;
        }
        let fresh = UnderWay { asked_at: now, arrival: None, answered_at: None, reached: [None; 9], ended: None };
        self.under_way.insert(key, fresh);
    }

    /// The welcome was written.
    pub fn answered(&mut self, key: u64, arrival: Arrival, now: Instant) -> Option<Outcome> {
        let join = self.under_way.get_mut(&key)?;
        (join.arrival, join.answered_at) = (Some(arrival), Some(now));
        self.settle(key)
    }

    /// The engine has reached a stage, so long after the transport was asked for.
    pub fn reached(&mut self, key: u64, stage: Stage, after: Duration) {
        if let Some(join) = self.under_way.get_mut(&key) {
            join.reached[stage as usize].get_or_insert(join.asked_at + after);
        }
    }

    /// The engine's part is complete.
    pub fn ended(&mut self, key: u64, end: End, after: Duration) -> Option<Outcome> {
        let join = self.under_way.get_mut(&key)?;
        join.ended.get_or_insert((end, join.asked_at + after));
        self.settle(key)
    }

    /// The transport came to nothing, or whoever joined has gone. Nothing, if the join was over, or if no welcome was written: of that its socket
    /// tells.
    pub fn failed(&mut self, key: u64, code: &'static str) -> Option<Outcome> {
        let kind = self.under_way.remove(&key)?.arrival?.kind;
        Some(Outcome::Failed { kind, code })
    }

    /// Forgets one without a verdict.
    pub fn forget(&mut self, key: u64) {
        self.under_way.remove(&key);
    }

    /// Gives up those that do not end.
    pub fn give_up(&mut self, now: Instant) -> Vec<(u64, Outcome)> {
        let is_old = |join: &UnderWay| now.saturating_duration_since(join.asked_at) > GIVEN_UP_AFTER;
        let old: Vec<u64> = self.under_way.iter().filter(|(_, join)| is_old(join)).map(|(key, _)| *key).collect();
        old.into_iter().filter_map(|key| Some((key, self.failed(key, "never_ended")?))).collect()
    }

    /// How many are under way.
    pub fn under_way(&self) -> usize {
        self.under_way.len()
    }

    /// Joins that nobody watched because too many were under way.
    pub fn untold(&self) -> u64 {
        self.untold
    }

    fn settle(&mut self, key: u64) -> Option<Outcome> {
        let join = self.under_way.get(&key)?;
        let (arrival, answered_at, (end, ended_at)) = (join.arrival?, join.answered_at?, join.ended?);
        let mut reached = join.reached;
        for (mine, theirs) in reached.iter_mut().zip(arrival.stages()) {
            *mine = theirs.or(*mine);
        }
        reached[Stage::Answer as usize] = Some(answered_at);
        self.under_way.remove(&key);
        Some(Outcome::Joined(Joined::new(&arrival, end, ended_at, answered_at, &reached)))
    }
}

/// The joins of one room in the last hour, the newest [`KEPT_MAX`] of them.
#[derive(Clone, Debug, Default)]
pub struct LastHour(VecDeque<(Instant, Option<u32>)>);

impl LastHour {
    /// Notes one that took so long, or failed.
    pub fn note(&mut self, took: Option<Duration>, now: Instant) {
        self.forget(now);
        if self.0.len() >= KEPT_MAX {
            self.0.pop_front();
        }
        self.0.push_back((now, took.map(|took| u32::try_from(took.as_millis()).unwrap_or(u32::MAX))));
    }

    /// Lets go of what is older than an hour.
    pub fn forget(&mut self, now: Instant) {
        while self.0.front().is_some_and(|(at, _)| now.saturating_duration_since(*at) > HOUR) {
            self.0.pop_front();
        }
    }

    /// How many came to an end, and how many failed.
    pub fn counts(&self) -> [u32; 2] {
        let failed = self.0.iter().filter(|(_, took)| took.is_none()).count();
        [self.0.len() - failed, failed].map(|count| u32::try_from(count).unwrap_or(u32::MAX))
    }

    /// Median, 95th percentile and greatest, in milliseconds.
    pub fn lengths_ms(&self) -> Option<[u32; 3]> {
        let mut lengths: Vec<u32> = self.0.iter().filter_map(|(_, took)| *took).collect();
        spread(&mut lengths)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Median, 95th percentile and greatest.
pub(crate) fn spread(values: &mut [u32]) -> Option<[u32; 3]> {
    values.sort_unstable();
    let last = values.len().checked_sub(1)?;
    let rank = |share: f64| values[((values.len() as f64 * share).ceil() as usize).clamp(1, last + 1) - 1];
    Some([rank(0.5), rank(0.95), values[last]])
}

/// A join that takes longer is told with its slowest stage.
pub const SLOW_AFTER: Duration = Duration::from_millis(600);
/// A join that has not ended by then never does. A transport that never gets keys ends after 30 s by itself, and says better why.
pub const GIVEN_UP_AFTER: Duration = Duration::from_secs(40);
/// Joins under way at once; more are let in and not watched.
pub const UNDER_WAY_MAX: usize = 65_536;
/// Joins remembered of one room.
pub const KEPT_MAX: usize = 500;
const HOUR: Duration = Duration::from_secs(3_600);

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn arrival(kind: Kind, start: Instant) -> Arrival {
        Arrival { kind, requested_at: start, upgraded_at: start + ms(20), joined_at: start + ms(70) }
    }

    /// The engine tells of a join that was asked for 5 ms after its frame was read.
    fn engine(joins: &mut Joins, start: Instant) -> Option<Outcome> {
        joins.asked(1, start + ms(75));
        for (stage, after) in [(Stage::FirstCheck, 60), (Stage::Ice, 110), (Stage::Dtls, 110), (Stage::Keys, 160)] {
            joins.reached(1, stage, ms(after));
        }
        joins.reached(1, Stage::FirstPacket, ms(175));
        joins.ended(1, End::Audio, ms(175))
    }

    fn joined(outcome: Option<Outcome>) -> Joined {
        match outcome {
            Some(Outcome::Joined(joined)) => joined,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_cold_join_counts_from_the_request_for_its_socket_whichever_side_tells_first() {
        let start = crate::runtime::clock::now();
        let mut joins = Joins::default();
        assert_eq!(engine(&mut joins, start), None, "nobody has said how it came");
        let late = joined(joins.answered(1, arrival(Kind::Cold, start), start + ms(80)));
        let mut joins = Joins::default();
        joins.asked(1, start + ms(75));
        assert_eq!(joins.answered(1, arrival(Kind::Cold, start), start + ms(80)), None);
        assert_eq!(joined(engine_after(&mut joins)), late);
        assert_eq!((late.total, late.answering, late.end), (ms(250), ms(10), End::Audio));
        let stages: Vec<_> = late.stages().map(|(stage, at, own)| (stage.label(), at, own)).collect();
        let expected = [
            ("upgrade", ms(20), ms(20)),
            ("join", ms(70), ms(50)),
            ("answer", ms(80), ms(10)),
            ("first_check", ms(135), ms(55)),
            ("ice", ms(185), ms(50)),
            ("dtls", ms(185), ms(0)),
            ("keys", ms(235), ms(50)),
            ("first_packet", ms(250), ms(15)),
        ];
        assert_eq!(stages, expected);
        assert_eq!(late.slowest(), (Stage::FirstCheck, ms(55)));
        assert_eq!(joins.under_way(), 0);
    }

    fn engine_after(joins: &mut Joins) -> Option<Outcome> {
        for (stage, after) in [(Stage::FirstCheck, 60), (Stage::Ice, 110), (Stage::Dtls, 110), (Stage::Keys, 160)] {
            joins.reached(1, stage, ms(after));
        }
        joins.reached(1, Stage::FirstPacket, ms(175));
        joins.ended(1, End::Audio, ms(175))
    }

    #[test]
    fn a_warm_join_counts_from_its_frame_and_a_resume_ends_with_its_welcome() {
        let start = crate::runtime::clock::now();
        let mut joins = Joins::default();
        engine(&mut joins, start);
        let warm = joined(joins.answered(1, arrival(Kind::Warm, start), start + ms(80)));
        assert_eq!(warm.total, ms(180));
        assert!(warm.stages().all(|(stage, _, _)| stage != Stage::Upgrade));
        let resumed = Joined::by_welcome(&arrival(Kind::Resume, start), true, start + ms(90));
        assert_eq!((resumed.total, resumed.end), (ms(90), End::Welcome));
    }

    #[test]
    fn whatever_a_client_waits_for_by_itself_is_not_the_servers_part() {
        let start = crate::runtime::clock::now();
        let mut joins = Joins::default();
        joins.asked(1, start + ms(1_005));
        // It waits before each thing that it sends: its join, its first check, its nomination, its first and its last flight.
        let arrival =
            Arrival { upgraded_at: start + ms(2), joined_at: start + ms(1_000), ..arrival(Kind::Cold, start) };
        joins.answered(1, arrival, start + ms(1_008));
        for (stage, after) in
            [(Stage::FirstCheck, 900), (Stage::Ice, 1_900), (Stage::Dtls, 2_900), (Stage::Keys, 3_900)]
        {
            joins.reached(1, stage, ms(after));
        }
        joins.reached(1, Stage::FirstPacket, ms(8_000));
        let joined = joined(joins.ended(1, End::Audio, ms(8_000)));
        assert_eq!((joined.total, joined.own_part()), (ms(9_005), ms(2 + 8)));
        assert_eq!((joined.slowest().0, joined.slowest_of_server()), (Stage::FirstPacket, Stage::Answer));
    }

    #[test]
    fn a_join_that_fails_or_never_ends_is_told_once() {
        let start = crate::runtime::clock::now();
        let mut joins = Joins::default();
        for key in [1, 2] {
            joins.asked(key, start);
            joins.answered(key, arrival(Kind::Cold, start), start + ms(80));
        }
        let failed = joins.failed(2, "handshake_timeout");
        assert_eq!(failed, Some(Outcome::Failed { kind: Kind::Cold, code: "handshake_timeout" }));
        assert_eq!(joins.failed(2, "handshake_timeout"), None);
        assert!(joins.give_up(start + GIVEN_UP_AFTER).is_empty());
        let given_up = joins.give_up(start + GIVEN_UP_AFTER + ms(1));
        assert_eq!(given_up, [(1, Outcome::Failed { kind: Kind::Cold, code: "never_ended" })]);
        assert_eq!(joins.ended(1, End::Keys, ms(5)), None);
    }

    #[test]
    fn of_a_join_without_a_welcome_its_socket_tells_and_nobody_else() {
        let start = crate::runtime::clock::now();
        let mut joins = Joins::default();
        joins.asked(1, start);
        joins.asked(2, start);
        assert_eq!(joins.failed(1, "handshake_timeout"), None);
        assert!(joins.give_up(start + GIVEN_UP_AFTER + ms(1)).is_empty());
        assert_eq!(joins.under_way(), 0);
    }

    #[test]
    fn joins_under_way_and_those_of_a_room_are_bounded() {
        let start = crate::runtime::clock::now();
        let mut joins = Joins::default();
        for key in 0..UNDER_WAY_MAX as u64 + 5 {
            joins.asked(key, start);
        }
        assert_eq!((joins.under_way(), joins.untold()), (UNDER_WAY_MAX, 5));
        let mut hour = LastHour::default();
        hour.note(None, start);
        for length in 1..=2_000 {
            hour.note(Some(ms(length)), start + ms(length));
        }
        assert_eq!(hour.counts(), [KEPT_MAX as u32, 0]);
        assert_eq!(hour.lengths_ms(), Some([1_750, 1_975, 2_000]));
        hour.forget(start + HOUR + HOUR);
        assert_eq!(hour.lengths_ms(), None);
    }
}
