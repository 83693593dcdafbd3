//! The book of everyone who has media: what is known of each one's path, who hears whom, and the delay and the quality that follow from it.
//!
//! It is told facts as they come and looks at everyone once a second. What it then answers is news only: a state that has changed for the one
//! who has it, and those on stage who begin or cease to lag.
//!
//! A client's word of itself counts for the delay that this client is told, as it hears others. It
//! counts for nobody else: neither for how a speaker is heard, nor for a room's figures.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use crate::latency::class::{self, Class, Edges};
use crate::latency::delay::{Delay, Ear, FRAME_MS, Mouth, Term};
use crate::latency::join::{Kind, LastHour, spread};
use crate::latency::quality::{self, Link, Quality};
use crate::latency::round_trip::{RoundTrip, Source};

/// Which way a delay was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// As someone hears others.
    Hearing,
    /// As others hear them.
    Speaking,
}

/// The delay that someone has: the worse of both sides.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct State {
    /// How it feels.
    pub class: Class,
    /// From mouth to ear, term by term.
    pub delay: Delay,
    /// Which way.
    pub side: Side,
}

impl State {
    /// Whether most of it is this person's own, and not that of whoever they hear or are heard by: who hears one late voice does not lag.
    pub fn is_own(&self) -> bool {
        let mouth = self.delay.term(Term::Uplink) + self.delay.term(Term::Framing);
        let ear = self.delay.term(Term::Downlink) + self.delay.term(Term::JitterBuffer);
        match self.side {
            Side::Hearing => ear >= mouth,
            Side::Speaking => mouth >= ear,
        }
    }
}

/// What was measured on one path.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sample {
    /// A round trip, and how it was found.
    pub round_trip: Option<(Duration, Source)>,
    /// What came of the microphone.
    pub up: Option<Link>,
    /// What the client says of what it got.
    pub down: Option<Link>,
    /// How much audio a packet of the microphone holds.
    pub frame: Option<Duration>,
}

/// What a client says of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Round-trip time of its media path.
    pub round_trip: Option<Duration>,
    /// How long its jitter buffer holds audio.
    pub jitter_buffer: Option<Duration>,
    /// What its devices add.
    pub device: Option<Duration>,
}

/// News about someone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum News {
    /// The delay that they have is another one, or none any more.
    Delay {
        /// Whose.
        key: u64,
        /// How it is.
        state: Option<State>,
    },
    /// Their connection is of another quality.
    Quality {
        /// Whose.
        key: u64,
        /// How it is.
        quality: Quality,
    },
    /// Someone on stage begins to lag, by their own path.
    Lags {
        /// Who.
        key: u64,
        /// By how much.
        state: State,
    },
    /// They do no longer, or are no longer on stage.
    LagsNoMore {
        /// Who.
        key: u64,
        /// What it was last.
        ms: f64,
        /// The greatest part of it.
        term: Term,
    },
}

/// Someone on stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seated {
    /// Who.
    pub key: u64,
    /// This occupancy, as packets carry it.
    pub csrc: u32,
}

/// What came of a look at one room.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Look {
    /// What has changed.
    pub news: Vec<News>,
    /// The delay of each one who hears someone, in milliseconds, without any client's word.
    pub heard_ms: Vec<u32>,
}

/// What is known of one room: of everyone in it who is not hidden.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RoomSummary {
    /// Those who have media.
    pub people: usize,
    /// Those who have a delay, by how it feels.
    pub classes: [u32; 3],
    /// Median, 95th percentile and greatest, in milliseconds, without any client's word.
    pub mouth_to_ear_ms: Option<[u32; 3]>,
}

/// What is known of one person.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PersonSummary {
    /// The delay that they have.
    pub state: Option<State>,
    /// How good their connection is.
    pub quality: Option<Quality>,
    /// Their round trip and its source.
    pub round_trip: Option<(Duration, Source)>,
}

/// Everyone.
#[derive(Clone, Debug)]
pub struct Book {
    edges: Edges,
    people: HashMap<u64, Person>,
    rooms: HashMap<u64, Room>,
}

#[derive(Clone, Debug)]
struct Person {
    room: u64,
    worker: u16,
    hidden: bool,
    kind: Option<Kind>,
    round_trip: RoundTrip,
    frame_ms: f64,
    jitter_ms: f64,
    jitter_buffer: Option<(f64, Instant)>,
    device_ms: Option<f64>,
    hears: Vec<u32>,
    quality: quality::Verdict,
    verdict: class::Verdict,
    state: Option<State>,
    silent_since: Option<Instant>,
    told: Option<(State, Instant)>,
    lags: bool,
    /// Since when someone who is said to lag only hears, or is heard by, others who do.
    others_lag_since: Option<Instant>,
}

#[derive(Clone, Debug, Default)]
struct Room {
    people: HashSet<u64>,
    stage: Vec<Seated>,
    joins: LastHour,
    summary: RoomSummary,
}

/// One voice in a room while its delays are estimated.
struct Voice {
    csrc: u32,
    key: u64,
    worker: u16,
    mouth: Mouth,
    /// Whether anyone hears it of whom may be known.
    is_heard: bool,
}

/// How someone hears: the worst of the voices that they hear.
#[derive(Clone, Copy)]
struct Hearing {
    delay: Delay,
    /// The worst without their client's word, if their own way was measured.
    measured_ms: Option<f64>,
}

impl Book {
    /// An empty book.
    pub fn new(edges: Edges) -> Self {
        Self { edges, people: HashMap::new(), rooms: HashMap::new() }
    }

    /// Someone has media from now on. What others are told does not depend on who is hidden.
    pub fn enter(&mut self, key: u64, room: u64, worker: u16, hidden: bool) {
        self.rooms.entry(room).or_default().people.insert(key);
        let person = Person {
            room,
            worker,
            hidden,
            kind: None,
            round_trip: RoundTrip::default(),
            frame_ms: FRAME_MS,
            jitter_ms: 0.0,
            jitter_buffer: None,
            device_ms: None,
            hears: Vec::new(),
            quality: quality::Verdict::default(),
            verdict: class::Verdict::default(),
            state: None,
            silent_since: None,
            told: None,
            lags: false,
            others_lag_since: None,
        };
        self.people.insert(key, person);
    }

    /// Someone has gone.
    pub fn leave(&mut self, key: u64) -> Option<News> {
        let person = self.people.remove(&key)?;
        if let Some(room) = self.rooms.get_mut(&person.room) {
            room.people.remove(&key);
            room.stage.retain(|seated| seated.key != key);
        }
        person.no_more(key)
    }

    /// Whether someone is hidden.
    pub fn is_hidden(&self, key: u64) -> bool {
        self.people.get(&key).is_some_and(|person| person.hidden)
    }

    /// Those in a room who have media.
    pub fn in_room(&self, room: u64) -> Vec<u64> {
        self.rooms.get(&room).map(|room| room.people.iter().copied().collect()).unwrap_or_default()
    }

    /// How many in a room have media, the hidden too.
    pub fn people_in(&self, room: u64) -> usize {
        self.rooms.get(&room).map_or(0, |room| room.people.len())
    }

    /// A room is over, and with it whoever is still in it.
    pub fn close_room(&mut self, room: u64) {
        for key in self.rooms.remove(&room).into_iter().flat_map(|room| room.people) {
            self.people.remove(&key);
        }
    }

    /// Whether there is nothing to be known of a room: nobody in it, and nobody came in the last hour.
    pub fn is_idle(&self, room: u64) -> bool {
        self.rooms
            .get(&room)
            .is_none_or(|room| room.people.is_empty() && room.stage.is_empty() && room.joins.is_empty())
    }

    /// Who is on a room's stage.
    pub fn seat(&mut self, room: u64, stage: Vec<Seated>) {
        self.rooms.entry(room).or_default().stage = stage;
    }

    /// Which voices someone's slots carry.
    pub fn hears(&mut self, key: u64, csrcs: Vec<u32>) {
        if let Some(person) = self.people.get_mut(&key) {
            person.hears = csrcs;
        }
    }

    /// How someone's join came, for what their client tells of it later.
    pub fn joined_as(&mut self, key: u64, kind: Kind) {
        if let Some(person) = self.people.get_mut(&key) {
            person.kind = Some(kind);
        }
    }

    /// How someone's join came; told once.
    pub fn take_kind(&mut self, key: u64) -> Option<Kind> {
        self.people.get_mut(&key)?.kind.take()
    }

    /// A join into a room took so long, or failed.
    pub fn join_ended(&mut self, room: u64, took: Option<Duration>, now: Instant) {
        if let Some(room) = self.rooms.get_mut(&room) {
            room.joins.note(took, now);
        }
    }

    /// Something was measured on someone's path.
    pub fn measured(&mut self, key: u64, sample: &Sample, now: Instant) -> Option<News> {
        let person = self.people.get_mut(&key)?;
        if let Some((round_trip, source)) = sample.round_trip {
            person.round_trip.measured(round_trip, source, now);
        }
        if let Some(frame) = sample.frame {
            person.frame_ms = frame.as_secs_f64() * 1e3;
        }
        if let Some(down) = sample.down {
            let jitter_ms = down.jitter.min(JITTER_MAX).as_secs_f64() * 1e3;
            person.jitter_ms += (jitter_ms - person.jitter_ms) / 4.0;
        }
        // What gets lost is heard, whether or not anyone knows how long the way is at present.
        let round_trip = person.round_trip.likely(now).unwrap_or_default();
        let quality = person.quality.sampled(sample.up, sample.down, round_trip)?;
        Some(News::Quality { key, quality })
    }

    /// Nothing comes from someone any more, or something comes again.
    pub fn interrupted(&mut self, key: u64, is_interrupted: bool, now: Instant) -> Option<News> {
        let person = self.people.get_mut(&key)?;
        let quality = person.quality.interrupted(is_interrupted, person.round_trip.likely(now))?;
        Some(News::Quality { key, quality })
    }

    /// A client has told something of itself.
    pub fn reported(&mut self, key: u64, report: &Report, now: Instant) {
        let Some(person) = self.people.get_mut(&key) else {
            return;
        };
        if let Some(round_trip) = report.round_trip {
            person.round_trip.measured(round_trip, Source::Client, now);
        }
        if let Some(held) = report.jitter_buffer {
            person.jitter_buffer = Some((held.as_secs_f64() * 1e3, now));
        }
        if let Some(device) = report.device {
            person.device_ms = Some(device.as_secs_f64() * 1e3);
        }
    }

    /// Estimates the delays in one room. `residence_ms` is by worker.
    pub fn look_at(&mut self, room: u64, residence_ms: &[f64], now: Instant) -> Look {
        let Some(entry) = self.rooms.get_mut(&room) else {
            return Look::default();
        };
        entry.joins.forget(now);
        let stage: HashSet<u64> = entry.stage.iter().map(|seated| seated.key).collect();
        let mut voices = voices(&self.people, &entry.stage, now);
        let mut hearing: HashMap<u64, Hearing> = HashMap::with_capacity(entry.people.len());
        for &key in &entry.people {
            let Some(person) = self.people.get(&key) else {
                continue;
            };
            if let Some(worst) = listen(&mut voices, key, person, residence_ms, now) {
                hearing.insert(key, worst);
            }
        }
        let heard = voices.into_iter().filter(|voice| voice.is_heard);
        let speaking: HashMap<u64, Delay> = heard
            .map(|voice| (voice.key, Delay::between(&voice.mouth, of_worker(residence_ms, voice.worker), &Ear::NEAR)))
            .collect();
        let mut news = Vec::new();
        for &key in &entry.people {
            let (heard, spoken) = (hearing.get(&key).map(|heard| &heard.delay), speaking.get(&key));
            if let Some(person) = self.people.get_mut(&key) {
                person.judge(worse(heard, spoken), self.edges, now);
                news.extend(person.news(key, stage.contains(&key), self.edges, now));
            }
        }
        entry.summary = summary(&entry.people, &self.people, &hearing);
        Look { news, heard_ms: hearing.values().filter_map(|heard| heard.measured_ms).map(whole_ms).collect() }
    }

    /// The rooms there are.
    pub fn rooms(&self) -> Vec<u64> {
        self.rooms.keys().copied().collect()
    }

    /// The joins of a room's last hour: how many ended and how many failed; and their median, 95th percentile and greatest, in milliseconds.
    pub fn joins(&self, room: u64) -> ([u32; 2], Option<[u32; 3]>) {
        self.rooms.get(&room).map(|room| (room.joins.counts(), room.joins.lengths_ms())).unwrap_or_default()
    }

    /// What is known of the delays in a room.
    pub fn summary(&self, room: u64) -> Option<&RoomSummary> {
        self.rooms.get(&room).map(|room| &room.summary)
    }

    /// Those on a room's stage.
    pub fn stage(&self, room: u64) -> Vec<u64> {
        self.rooms.get(&room).map(|room| room.stage.iter().map(|seated| seated.key).collect()).unwrap_or_default()
    }

    /// What is known of someone.
    pub fn person(&self, key: u64, now: Instant) -> Option<PersonSummary> {
        let person = self.people.get(&key)?;
        Some(PersonSummary {
            state: person.state,
            quality: person.quality.now(),
            round_trip: person.round_trip.best(now),
        })
    }

    /// Everyone who has a class, and everyone whose connection is known.
    pub fn totals(&self) -> ([u32; 3], [u32; 4]) {
        let (mut classes, mut qualities) = ([0; 3], [0; 4]);
        for person in self.people.values() {
            if let Some(state) = person.state {
                classes[state.class as usize] += 1;
            }
            if let Some(quality) = person.quality.now() {
                qualities[quality as usize] += 1;
            }
        }
        (classes, qualities)
    }
}

impl Person {
    /// The ear as it was measured, without the client's word.
    fn measured_ear(&self, now: Instant) -> Option<Ear> {
        let downlink_ms = self.round_trip.measured_one_way_ms(now)?;
        Some(Ear { downlink_ms, jitter_buffer_ms: None, jitter_ms: self.jitter_ms, device_ms: None })
    }

    fn ear(&self, now: Instant) -> Option<Ear> {
        let fresh = |(ms, at): (f64, Instant)| (now.saturating_duration_since(at) <= REPORT_AGE_MAX).then_some(ms);
        Some(Ear {
            downlink_ms: self.round_trip.one_way_ms(now)?,
            jitter_buffer_ms: self.jitter_buffer.and_then(fresh),
            jitter_ms: self.jitter_ms,
            device_ms: self.device_ms,
        })
    }

    fn judge(&mut self, worse: Option<(Delay, Side)>, edges: Edges, now: Instant) {
        let Some((delay, side)) = worse else {
            // Between two voices nobody is heard for a moment; that is no news.
            if class::lasted(&mut self.silent_since, true, now, SILENT_AFTER) {
                (self.state, self.verdict) = (None, class::Verdict::default());
            }
            return;
        };
        self.silent_since = None;
        self.state = self.verdict.judge(delay.total_ms(), edges, now).map(|class| State { class, delay, side });
    }

    /// What is to be told of this one now.
    fn news(&mut self, key: u64, is_on_stage: bool, edges: Edges, now: Instant) -> impl Iterator<Item = News> + use<> {
        let is_due = self.told.is_none_or(|(_, at)| now.saturating_duration_since(at) >= TELL_EVERY);
        let changed = match (self.told, self.state) {
            (None, None) => false,
            (None, Some(_)) | (Some(_), None) => true,
            (Some((told, _)), Some(state)) => is_another(&told, &state),
        };
        let told = (is_due && changed).then_some(News::Delay { key, state: self.state });
        if told.is_some() {
            self.told = self.state.map(|state| (state, now));
        }
        let lags = match self.state {
            Some(state) if is_on_stage && state.class == Class::Laggy => {
                // A class outlives its delay for a while: nobody is flagged by what has just passed.
                let lags = edges.class(state.delay.total_ms()) == Class::Laggy && state.is_own();
                let is_others = class::lasted(&mut self.others_lag_since, !state.is_own(), now, class::BETTER_AFTER);
                if self.lags && is_others {
                    self.unflag(key)
                } else {
                    let begins = lags && !self.lags;
                    self.lags |= begins;
                    begins.then_some(News::Lags { key, state })
                }
            }
            Some(_) | None => self.unflag(key),
        };
        told.into_iter().chain(lags)
    }

    fn unflag(&mut self, key: u64) -> Option<News> {
        let news = self.no_more(key);
        (self.lags, self.others_lag_since) = (false, None);
        news
    }

    /// Whoever lagged does no longer.
    fn no_more(&self, key: u64) -> Option<News> {
        let last = self.state.or(self.told.map(|(state, _)| state)).map(|state| state.delay).unwrap_or_default();
        self.lags.then_some(News::LagsNoMore { key, ms: last.total_ms(), term: last.dominant() })
    }
}

/// The voices of a stage whose speakers' paths are known.
fn voices(people: &HashMap<u64, Person>, stage: &[Seated], now: Instant) -> Vec<Voice> {
    let voice = |seated: &Seated| {
        let person = people.get(&seated.key)?;
        let mouth = Mouth { uplink_ms: person.round_trip.measured_one_way_ms(now)?, frame_ms: person.frame_ms };
        Some(Voice { csrc: seated.csrc, key: seated.key, worker: person.worker, mouth, is_heard: false })
    };
    stage.iter().filter_map(voice).collect()
}

/// Lets someone hear the voices that their slots carry, and answers with the worst delay among them. Of who is hidden the voices do not know.
fn listen(voices: &mut [Voice], key: u64, person: &Person, residence_ms: &[f64], now: Instant) -> Option<Hearing> {
    let ear = person.ear(now)?;
    let measured_ear = person.measured_ear(now);
    let residence = of_worker(residence_ms, person.worker);
    let mut worst: Option<(f64, Delay)> = None;
    let mut measured_ms = None;
    for csrc in &person.hears {
        // A stage has at most 32 seats.
        let Some(voice) = voices.iter_mut().find(|voice| voice.csrc == *csrc && voice.key != key) else {
            continue;
        };
        let delay = Delay::between(&voice.mouth, residence, &ear);
        let total = delay.total_ms();
        voice.is_heard |= !person.hidden;
        if let Some(ear) = &measured_ear {
            let total = Delay::between(&voice.mouth, residence, ear).total_ms();
            measured_ms = Some(measured_ms.map_or(total, |worst: f64| worst.max(total)));
        }
        if worst.is_none_or(|(most, _)| total > most) {
            worst = Some((total, delay));
        }
    }
    worst.map(|(_, delay)| Hearing { delay, measured_ms })
}

fn worse(hearing: Option<&Delay>, speaking: Option<&Delay>) -> Option<(Delay, Side)> {
    match (hearing, speaking) {
        (Some(heard), Some(spoken)) if spoken.total_ms() > heard.total_ms() => Some((*spoken, Side::Speaking)),
        (Some(heard), Some(_) | None) => Some((*heard, Side::Hearing)),
        (None, Some(spoken)) => Some((*spoken, Side::Speaking)),
        (None, None) => None,
    }
}

fn is_another(told: &State, state: &State) -> bool {
    let (before, now) = (told.delay.total_ms(), state.delay.total_ms());
    let moved = (now - before).abs();
    told.class != state.class
        || has_overtaken(&state.delay, told.delay.dominant())
        || (moved > MOVED_MS && moved > before * MOVED_SHARE)
}

/// Whether a term is the greatest no more, and by enough: of two that are about equal either may be told.
fn has_overtaken(delay: &Delay, told: Term) -> bool {
    let (before, greatest) = (delay.term(told), delay.term(delay.dominant()));
    greatest - before >= OVERTAKEN_MS.max(before * OVERTAKEN_SHARE)
}

fn summary(keys: &HashSet<u64>, people: &HashMap<u64, Person>, hearing: &HashMap<u64, Hearing>) -> RoomSummary {
    let mut summary = RoomSummary::default();
    let mut heard_ms = Vec::with_capacity(hearing.len());
    for key in keys {
        let Some(person) = people.get(key).filter(|person| !person.hidden) else {
            continue;
        };
        summary.people += 1;
        if let Some(state) = person.state {
            summary.classes[state.class as usize] += 1;
        }
        heard_ms.extend(hearing.get(key).and_then(|heard| heard.measured_ms).map(whole_ms));
    }
    RoomSummary { mouth_to_ear_ms: spread(&mut heard_ms), ..summary }
}

fn whole_ms(ms: f64) -> u32 {
    ms.round() as u32
}

fn of_worker(residence_ms: &[f64], worker: u16) -> f64 {
    residence_ms.get(usize::from(worker)).copied().unwrap_or_default()
}

/// News of a delay are not told more often than this to one person.
pub const TELL_EVERY: Duration = Duration::from_secs(2);
/// A delay that moved by less is the same to an ear.
pub const MOVED_MS: f64 = 20.0;
/// Or by less than this share of itself.
pub const MOVED_SHARE: f64 = 0.2;
/// A term that is greater than the one that was told by less than this is not told instead of it.
pub const OVERTAKEN_MS: f64 = 5.0;
/// Or by less than this share.
pub const OVERTAKEN_SHARE: f64 = 0.1;
/// Who hears nobody and is heard by nobody for this long has no delay.
pub const SILENT_AFTER: Duration = Duration::from_secs(3);
/// How long a client's word on its jitter buffer holds. Clients report every few seconds.
pub const REPORT_AGE_MAX: Duration = Duration::from_secs(30);
/// More is a mistake in a report.
const JITTER_MAX: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests;
