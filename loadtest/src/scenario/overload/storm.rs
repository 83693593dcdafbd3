//! A storm is people who come at a rate, stay for a while and leave; whoever is refused comes again when told to.
//!
//!   due ──► Asking ──welcome──► Arriving ──audio──► Staying ──► leaving ──► gone
//!             └──refused──► waits as told, asks again, at most four times in all
//!
//! Whoever stays must hear all the while: one who was let in, heard a packet and then nothing was starved.
//! It owns the party on this thread. What it cannot explain it counts by its words.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::{Duration, Instant};

use super::super::dice::Dice;
use super::super::stand::Stand;
use crate::clock;
use crate::cores::thread_cpu_time;
use crate::light::{Attendance, Invitation, News, Party, RefusedJoin};
use crate::report::{OverloadWave, SILENCE_MAX};

/// How people come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrivals {
    /// So many a second, those who come again among them.
    pub(super) rate: f64,
    /// Until so many were let in…
    pub(super) admitted: u64,
    /// …or so much time has passed.
    pub(super) at_most: Duration,
    /// How long they stay once they hear something; by half of it more or less.
    pub(super) stay: Duration,
}

/// Everybody who comes and goes.
pub(super) struct Storm<'a> {
    stand: &'a Stand,
    rooms: &'a [String],
    party: Party,
    news: Vec<News>,
    dice: Dice,
    visitors: u64,
    inside: BTreeMap<usize, Visit>,
    /// When something about a member is due.
    due: BinaryHeap<Reverse<(Instant, usize)>>,
    waiting: BinaryHeap<Reverse<(Instant, Visitor)>>,
    stay: Duration,
    /// Whose leave was not answered since the last time that all were sent home.
    stayed: u64,
    wave: OverloadWave,
}

/// Somebody who wants to come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Visitor {
    number: u64,
    attempts: u32,
}

/// Somebody at the door or behind it.
#[derive(Clone, Copy, Debug)]
struct Visit {
    visitor: Visitor,
    due: Instant,
    step: Step,
    /// When the step is over, by itself or by our patience.
    until: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Asking,
    Arriving,
    Staying,
    Leaving,
}

impl<'a> Storm<'a> {
    pub(super) fn new(stand: &'a Stand, rooms: &'a [String], seed: u64) -> Result<Self, String> {
        Ok(Self {
            stand,
            rooms,
            party: Party::new(stand.address()).map_err(|error| error.to_string())?,
            news: Vec::new(),
            dice: Dice::new(seed),
            visitors: 0,
            inside: BTreeMap::new(),
            due: BinaryHeap::new(),
            waiting: BinaryHeap::new(),
            stay: Duration::ZERO,
            stayed: 0,
            wave: OverloadWave::default(),
        })
    }

    /// Lets people come until enough were let in, and waits until nobody is between the door and the first audio. Those who stay, stay.
    pub(super) fn arrive(&mut self, arrivals: Arrivals, mut tick: impl FnMut(u64)) -> Result<OverloadWave, String> {
        self.stay = arrivals.stay;
        self.wave = OverloadWave { rate: arrivals.rate, ..OverloadWave::default() };
        self.party.take_tally();
        let (used, cpu) = (self.stand.used(), thread_cpu_time().unwrap_or_default());
        let started = clock::now();
        let give_up = started + arrivals.at_most;
        let mut next = started;
        while self.wave.admitted < arrivals.admitted && clock::now() < give_up {
            while next <= clock::now() {
                self.wave.late.add(clock::since(next));
                let visitor = self.next_visitor(next);
                self.ask(visitor, next);
                next += Duration::from_secs_f64(1.0 / arrivals.rate);
            }
            self.attend(next.min(give_up))?;
            tick(self.wave.admitted);
        }
        let length = clock::since(started);
        let now_used = self.stand.used();
        self.wave.length = length;
        self.wave.server_cpu = now_used.server_since(used);
        self.wave.client_cpu = thread_cpu_time().unwrap_or_default().saturating_sub(cpu);
        self.wave.waiting = self.waiting.len() as u64;
        self.wave.most_inside = self.wave.most_inside.max(self.inside.len() as u64);
        let tally = self.party.take_tally();
        (self.wave.blind, self.wave.heard, self.wave.transit) = (tally.blind, tally.heard, tally.transit);
        // Whoever still waits to come again will not; whoever is on the way in shall get there.
        self.waiting.clear();
        while self.inside.values().any(|visit| matches!(visit.step, Step::Asking | Step::Arriving)) {
            self.attend(clock::now() + LOOK_AGAIN)?;
        }
        // Whoever is there still is judged by what they heard until now.
        let staying = self.inside.iter().filter(|(_, visit)| visit.step == Step::Staying);
        let starved = staying.filter(|(member, _)| self.is_starved(**member, clock::now())).count();
        self.wave.starved += starved as u64;
        Ok(std::mem::take(&mut self.wave))
    }

    /// Lets time pass; says what this cost the server and the client, and how many packets were heard.
    pub(super) fn pass(&mut self, span: Duration) -> Result<Cost, String> {
        self.party.take_tally();
        let (used, cpu) = (self.stand.used(), thread_cpu_time().unwrap_or_default());
        let until = clock::now() + span;
        while clock::now() < until {
            self.attend(until)?;
        }
        Ok(Cost {
            server: self.stand.used().server_since(used),
            client: thread_cpu_time().unwrap_or_default().saturating_sub(cpu),
            heard: self.party.take_tally().heard,
        })
    }

    /// Sends everybody home, and waits until they are gone; says how many did not go.
    pub(super) fn dismiss(&mut self) -> Result<u64, String> {
        let now = clock::now();
        for visit in self.inside.values_mut().filter(|visit| visit.step == Step::Staying) {
            visit.until = now;
        }
        let all: Vec<usize> = self.inside.keys().copied().collect();
        self.due.extend(all.into_iter().map(|member| Reverse((now, member))));
        let give_up = now + LEAVING_MAX;
        while !self.inside.is_empty() && clock::now() < give_up {
            self.attend(clock::now() + LOOK_AGAIN)?;
        }
        let stayed = self.inside.len() as u64 + std::mem::take(&mut self.stayed);
        for member in std::mem::take(&mut self.inside).into_keys() {
            self.party.vanish(member);
        }
        Ok(stayed)
    }

    /// Whoever was told to come again by now, or somebody new: those who come again are part of the rate, or it would be many times as high.
    fn next_visitor(&mut self, now: Instant) -> Visitor {
        if self.waiting.peek().is_some_and(|Reverse((at, _))| *at <= now)
            && let Some(Reverse((_, visitor))) = self.waiting.pop()
        {
            return visitor;
        }
        let visitor = Visitor { number: self.visitors, attempts: 0 };
        self.visitors += 1;
        self.wave.visitors += 1;
        visitor
    }

    fn ask(&mut self, mut visitor: Visitor, due: Instant) {
        visitor.attempts += 1;
        self.wave.asked += 1;
        let identity = format!("visitor-{}", visitor.number);
        let room = &self.rooms[usize::try_from(visitor.number).unwrap_or_default() % self.rooms.len()];
        let attendance = Attendance { slots: SLOTS, source: 0 };
        let invited =
            self.stand.token(room, &identity, "member").map_err(|error| error.to_string()).and_then(|token| {
                let invitation = Invitation { room, token: &token, attendance, due };
                self.party.invite(&invitation).map_err(|error| error.to_string())
            });
        match invited {
            Ok(member) => self.enter(member, Visit { visitor, due, step: Step::Asking, until: due + ANSWER_MAX }),
            Err(error) => self.wave.fail(error),
        }
    }

    fn enter(&mut self, member: usize, visit: Visit) {
        self.due.push(Reverse((visit.until, member)));
        self.inside.insert(member, visit);
    }

    /// Does what is due, and attends to the party until `until` or until there is news.
    fn attend(&mut self, until: Instant) -> Result<(), String> {
        let now = clock::now();
        while self.due.peek().is_some_and(|Reverse((at, _))| *at <= now) {
            if let Some(Reverse((_, member))) = self.due.pop() {
                self.expire(member, now);
            }
        }
        let until = self.due.peek().map_or(until, |Reverse((at, _))| until.min(*at));
        let mut news = std::mem::take(&mut self.news);
        let attended = self.party.attend(until, &mut news);
        for one in news.drain(..) {
            self.hear(one);
        }
        self.news = news;
        attended.map_err(|error| error.to_string())
    }

    fn expire(&mut self, member: usize, now: Instant) {
        let Some(visit) = self.inside.get_mut(&member).filter(|visit| visit.until <= now) else {
            return;
        };
        match visit.step {
            Step::Asking => self.lose(member, "no answer to a join"),
            Step::Arriving => self.lose(member, "let in and no audio"),
            Step::Leaving => {
                self.stayed += 1;
                self.lose(member, "no answer to a leave");
            }
            Step::Staying => {
                visit.step = Step::Leaving;
                visit.until = now + LEAVING_MAX;
                self.due.push(Reverse((visit.until, member)));
                self.wave.starved += u64::from(self.is_starved(member, now));
                self.party.leave(member, LEAVE_REQUEST);
            }
        }
    }

    /// Whether somebody who stays heard nothing for too long since their first audio.
    fn is_starved(&self, member: usize, now: Instant) -> bool {
        self.party.client(member).is_none_or(|client| client.ears().longest_silence_until(now) > SILENCE_MAX)
    }

    fn lose(&mut self, member: usize, why: &str) {
        self.party.vanish(member);
        self.inside.remove(&member);
        self.wave.fail(why.to_owned());
    }

    fn hear(&mut self, news: News) {
        match news {
            News::Welcomed { member, upgrade, welcome } => {
                self.wave.admitted += 1;
                self.wave.welcome.add(upgrade + welcome);
                self.step(member, Step::Arriving, AUDIO_MAX);
            }
            News::Reached { member, milestones } => {
                let Some(visit) = self.inside.get(&member).filter(|visit| visit.step == Step::Arriving) else {
                    return;
                };
                if let Some(audio) = milestones.audio {
                    self.wave.reached += 1;
                    self.wave.audio.add(audio.saturating_duration_since(visit.due));
                    // From here on silence counts: before, there was none to hear.
                    self.party.with_client(member, |client, now| client.listen_anew(now));
                    let stay = self.stay / 2 + self.stay * self.dice.below(1_000) as u32 / 1_000;
                    self.step(member, Step::Staying, stay);
                }
            }
            News::Refused { member, how } => self.refused(member, &how),
            News::MediaOver { member, why } => {
                let why = format!("media over: {why:?}");
                self.lose(member, &why);
            }
            News::Ended { member, why } => {
                if self.inside.remove(&member).is_some_and(|visit| visit.step != Step::Leaving) {
                    self.wave.fail(why.unwrap_or_else(|| "gone without a word".to_owned()));
                }
            }
            News::Replied { .. } => {}
        }
    }

    fn step(&mut self, member: usize, step: Step, span: Duration) {
        if let Some(visit) = self.inside.get_mut(&member) {
            (visit.step, visit.until) = (step, clock::now() + span);
            self.due.push(Reverse((visit.until, member)));
        }
        self.wave.most_inside = self.wave.most_inside.max(self.inside.len() as u64);
    }

    fn refused(&mut self, member: usize, how: &RefusedJoin) {
        let Some(visit) = self.inside.remove(&member) else {
            return;
        };
        if !BUSY.contains(&how.code.as_str()) {
            return self.wave.fail(format!("refused: {}", how.code));
        }
        *self.wave.refused.entry(how.code.clone()).or_default() += 1;
        self.wave.refusal.add(how.after);
        match how.retry_after {
            Some(told) => self.wave.told.add(told),
            None => self.wave.untold += 1,
        }
        let Visitor { attempts, .. } = visit.visitor;
        if attempts >= ATTEMPTS_MAX || self.waiting.len() >= WAITING_MAX {
            self.wave.given_up += 1;
            return;
        }
        let again = how.retry_after.unwrap_or(RETRY_UNTOLD).min(RETRY_MAX);
        self.waiting.push(Reverse((clock::now() + again, visit.visitor)));
    }
}

/// What a while cost.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cost {
    pub(super) server: Duration,
    pub(super) client: Duration,
    pub(super) heard: u64,
}

/// The codes by which a server says that it has too much to do.
const BUSY: [&str; 2] = ["latency_at_risk", "node_full"];
/// As many voices as most clients can hear.
pub(super) const SLOTS: usize = 3;
const LEAVE_REQUEST: u64 = 1;
/// How long a join may be without any answer, the connection included.
const ANSWER_MAX: Duration = Duration::from_secs(15);
/// From the welcome to the first audio.
const AUDIO_MAX: Duration = Duration::from_secs(10);
const LEAVING_MAX: Duration = Duration::from_secs(5);
/// How often one person asks.
const ATTEMPTS_MAX: u32 = 4;
/// The most people who wait to ask again.
const WAITING_MAX: usize = 20_000;
/// Where nothing was told, which is counted; and the longest that anybody waits.
const RETRY_UNTOLD: Duration = Duration::from_secs(5);
const RETRY_MAX: Duration = Duration::from_secs(30);
const LOOK_AGAIN: Duration = Duration::from_millis(100);
