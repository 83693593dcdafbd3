//! The audience scenario: thousands listen in one room, a few commands a second come from anywhere among them, and each answer is timed.
//!
//! The commands come when they are due, whatever the answers do, and their times count from then: a server that stalls is not asked less.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use indicatif::ProgressBar;

use super::cast::{Cast, FIRST_GUEST, GUESTS, PEOPLE_MIN, Words};
use super::dice::Dice;
use super::stand::Stand;
use crate::clock;
use crate::gallery::{Gallery, Happening};
use crate::report::{AudienceFigures, Promptness, Samples};

/// The sizes of a run.
#[derive(Clone, Debug)]
pub struct Audience {
    /// Everybody: a host, a few guests, and the audience.
    pub participants: usize,
    /// How long to ask once everybody is in.
    pub length: Duration,
    /// Commands a second, of all together.
    pub acts_per_second: u32,
    /// Decides who asks for what.
    pub seed: u64,
}

/// A run under way.
struct Play<'a> {
    audience: &'a Audience,
    stand: &'a Stand,
    progress: &'a ProgressBar,
    gallery: Gallery,
    room: String,
    happened: Vec<Happening>,
    asked: BTreeMap<u64, Asked>,
    next_request: u64,
    figures: AudienceFigures,
}

/// A command that is not answered yet.
struct Asked {
    due: Instant,
    who: usize,
    kind: &'static str,
}

impl Audience {
    /// Runs it. The error is why there are no figures.
    pub fn run(&self, stand: &Stand, progress: &ProgressBar) -> Result<AudienceFigures, String> {
        if !(PEOPLE_MIN..=stand.participants_max()).contains(&self.participants) {
            let max = stand.participants_max();
            return Err(format!("an audience is of {PEOPLE_MIN} to {max} here (descriptors set the upper bound)"));
        }
        let room = format!("audience-{:x}", self.seed);
        let mut play = Play {
            audience: self,
            stand,
            progress,
            gallery: Gallery::new(stand.address(), &room).map_err(|error| error.to_string())?,
            room,
            happened: Vec::new(),
            asked: BTreeMap::new(),
            next_request: 1,
            figures: AudienceFigures::new(self.participants, stand.is_apart()),
        };
        let words = play.gather()?;
        play.perform(words)?;
        Ok(play.figures)
    }
}

impl Play<'_> {
    /// Brings everybody in, and the guests to their seats. Says which words the server knows.
    fn gather(&mut self) -> Result<Words, String> {
        self.progress.set_length(self.audience.participants as u64);
        let started = clock::now();
        self.enter("host", "host")?;
        self.settle(GATHERING)?;
        self.must("room_update", HOST, r#","seat_mode":"free""#)?;
        let words = Words {
            reaction: self.ask("reaction", HOST, r#","kind":"applause""#)?.is_none(),
            message: self.ask("message", HOST, r#","text":"welcome""#)?.is_none(),
        };
        for guest in 0..GUESTS {
            self.enter(&format!("guest-{guest}"), "member")?;
            self.settle(GATHERING)?;
            self.must("seat_take", FIRST_GUEST + guest, &format!(r#","seat":{}"#, FIRST_GUEST + guest))?;
        }
        for number in FIRST_GUEST + GUESTS..self.audience.participants {
            self.enter(&format!("listener-{number}"), "member")?;
            let give_up = clock::now() + GATHERING;
            while self.gallery.present() - self.inside() >= JOINS_AT_ONCE && clock::now() < give_up {
                self.attend(give_up)?;
            }
        }
        self.settle(GATHERING)?;
        self.figures.gathering = clock::since(started);
        self.figures.words(words.reaction, words.message);
        // What the last joins caused is told before the clock starts.
        self.pass(clock::now() + CALM)?;
        Ok(words)
    }

    /// Has people ask, each command at its time, and takes the figures meanwhile.
    fn perform(&mut self, words: Words) -> Result<(), String> {
        let mut cast = Cast::new(self.audience.participants, words, Dice::new(self.audience.seed));
        let spacing = Duration::from_secs(1) / self.audience.acts_per_second;
        let (used, tally) = (self.stand.used(), self.gallery.tally());
        self.gallery.take_blind();
        let mut late = Samples::default();
        let started = clock::now();
        let acts = (self.audience.length.as_nanos() / spacing.as_nanos().max(1)) as u32;
        for act in 0..acts {
            let due = started + spacing * act;
            self.pass_with(due, &mut cast)?;
            late.add(clock::since(due));
            match cast.next(|who| self.gallery.is_idle(who)) {
                Some(line) => self.say(line.who, line.kind, &line.fields, due),
                None => self.figures.idle_turns += 1,
            }
        }
        self.pass_with(started + self.audience.length, &mut cast)?;
        let length = clock::since(started);
        let now_used = self.stand.used();
        let now_tally = self.gallery.tally();
        let blind = self.gallery.take_blind();
        self.pass_with(clock::now() + LAST_ANSWERS, &mut cast)?;
        let figures = &mut self.figures;
        figures.length = length;
        figures.server_cpu = now_used.server_since(used);
        figures.client_cpu = now_used.client_since(used);
        figures.frames = now_tally.frames - tally.frames;
        figures.bytes = now_tally.bytes - tally.bytes;
        figures.not_understood = now_tally.unknown - tally.unknown;
        figures.resident_kb = self.stand.resident_kb();
        figures.unanswered = self.asked.len() as u64;
        figures.promptness = Promptness { late, blind, waited: now_used.waited_since(used), length };
        Ok(())
    }

    fn enter(&mut self, identity: &str, rank: &str) -> Result<(), String> {
        let token = self.stand.token(&self.room, identity, rank).map_err(|error| error.to_string())?;
        self.gallery.open(&token, clock::now()).map_err(|error| error.to_string())?;
        Ok(())
    }

    fn say(&mut self, who: usize, kind: &'static str, fields: &str, due: Instant) {
        let request = self.next_request;
        self.next_request += 1;
        if self.gallery.say(who, request, kind, fields) {
            self.asked.insert(request, Asked { due, who, kind });
        }
    }

    /// Waits until everybody who was to come is in and nothing is asked.
    fn settle(&mut self, patience: Duration) -> Result<(), String> {
        let give_up = clock::now() + patience;
        while !self.is_settled() {
            if clock::now() >= give_up {
                return Err(format!("not everybody was in after {patience:?}"));
            }
            self.attend(give_up)?;
        }
        Ok(())
    }

    fn is_settled(&self) -> bool {
        self.inside() == self.gallery.present() && self.asked.is_empty()
    }

    fn inside(&self) -> usize {
        usize::try_from(self.figures.welcome.count()).unwrap_or(usize::MAX)
    }

    /// Asks something before the performance; the code, if it was refused.
    fn ask(&mut self, kind: &'static str, who: usize, fields: &str) -> Result<Option<String>, String> {
        let refused_before = self.figures.refused.clone();
        self.say(who, kind, fields, clock::now());
        self.settle(GATHERING)?;
        let code = self.figures.refused.iter().find(|(code, count)| refused_before.get(*code) != Some(count));
        let code = code.map(|(code, _)| code.clone());
        // Only what the performance asks for counts.
        self.figures.refused = BTreeMap::new();
        self.figures.answers = BTreeMap::new();
        Ok(code)
    }

    fn must(&mut self, kind: &'static str, who: usize, fields: &str) -> Result<(), String> {
        match self.ask(kind, who, fields)? {
            None => Ok(()),
            Some(code) => Err(format!("{kind} was refused: {code}")),
        }
    }

    /// Lets the time pass until `until`.
    fn pass(&mut self, until: Instant) -> Result<(), String> {
        while clock::now() < until {
            self.attend(until)?;
        }
        Ok(())
    }

    /// The same, and the cast hears of refusals.
    fn pass_with(&mut self, until: Instant, cast: &mut Cast) -> Result<(), String> {
        while clock::now() < until {
            self.gallery.attend(until, &mut self.happened).map_err(|error| error.to_string())?;
            for refused in self.take_in() {
                cast.refused(refused);
            }
        }
        Ok(())
    }

    /// Attends to what comes, once. Nobody may be lost yet.
    fn attend(&mut self, until: Instant) -> Result<(), String> {
        self.gallery.attend(until, &mut self.happened).map_err(|error| error.to_string())?;
        self.take_in();
        match self.figures.ended.first() {
            Some(why) => Err(format!("somebody was lost before the performance: {why}")),
            None => Ok(()),
        }
    }

    /// Writes down what happened. Says who was refused something.
    fn take_in(&mut self) -> Vec<usize> {
        let mut refused_ones = Vec::new();
        for happening in self.happened.drain(..) {
            match happening {
                Happening::Joined { welcome, .. } => {
                    self.figures.welcome.add(welcome);
                    self.progress.inc(1);
                }
                Happening::Replied { request, refused, at, .. } => {
                    let Some(Asked { due, who, kind }) = self.asked.remove(&request) else {
                        continue;
                    };
                    self.figures.answers.entry(kind).or_default().add(at.saturating_duration_since(due));
                    if let Some(code) = refused {
                        *self.figures.refused.entry(code).or_default() += 1;
                        refused_ones.push(who);
                    }
                }
                Happening::Refused { console, how } => {
                    self.figures.ended.push(format!("participant {console}: {how}"));
                }
                Happening::Ended { console, why } => {
                    self.figures.ended.push(format!("participant {console}: {}", why.unwrap_or_default()));
                }
            }
        }
        refused_ones
    }
}

const HOST: usize = 0;
/// Joins under way while the room fills.
const JOINS_AT_ONCE: usize = 64;
/// How long the room may take to fill, and one question before the performance.
const GATHERING: Duration = Duration::from_secs(60);
const CALM: Duration = Duration::from_secs(1);
/// How long after the last command its answer may come.
const LAST_ANSWERS: Duration = Duration::from_secs(2);
