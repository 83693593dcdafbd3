//! The durable scenario: hosts in many rooms lock and unlock seats, and an act counts when it is acknowledged as being on the disk.
//!
//! First as fast as they are answered, each with some acts unanswered, which says how many a second there can be; then at a rate, whatever the
//! answers do, with times that count from when each act was due.

use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};

use indicatif::ProgressBar;

use super::stand::Stand;
use crate::clock;
use crate::gallery::{Gallery, Happening};
use crate::report::{DurableFigures, DurableStep, Pace, Promptness};

/// The sizes of a run.
#[derive(Clone, Debug)]
pub struct Durable {
    /// Rooms.
    pub rooms: usize,
    /// Hosts in each.
    pub hosts: usize,
    /// The paces to try, one after the other.
    pub paces: Vec<Pace>,
    /// How long people act at each.
    pub length: Duration,
    /// Names the rooms.
    pub seed: u64,
}

impl Durable {
    /// Runs it. The error is why there are no figures.
    pub fn run(&self, stand: &Stand, progress: &ProgressBar) -> Result<DurableFigures, String> {
        let mut hosts = Hosts::gather(stand, self.rooms, self.hosts, self.seed, progress)?;
        let mut figures = DurableFigures { is_apart: stand.is_apart(), steps: Vec::new() };
        for &pace in &self.paces {
            progress.set_message(format!("{pace:?}"));
            figures.steps.push(hosts.act(pace, self.length)?);
        }
        Ok(figures)
    }
}

/// Hosts in their rooms.
pub(super) struct Hosts<'a> {
    stand: &'a Stand,
    gallery: Gallery,
    happened: Vec<Happening>,
    /// How many acts each has done.
    acts: Vec<u64>,
    /// How many of each are not answered.
    unanswered: Vec<u32>,
    asked: HashMap<u64, Instant>,
    next_request: u64,
    seats: Vec<usize>,
}

impl<'a> Hosts<'a> {
    /// Brings everybody in; the first host of a room makes it.
    pub(super) fn gather(
        stand: &'a Stand,
        rooms: usize,
        hosts: usize,
        seed: u64,
        progress: &ProgressBar,
    ) -> Result<Self, String> {
        if rooms * hosts > stand.participants_max() || !(1..=SEATS).contains(&hosts) {
            return Err(format!(
                "there may be 1 to {SEATS} hosts in a room, and {} in all, by the descriptors there are",
                stand.participants_max()
            ));
        }
        progress.set_length((rooms * hosts) as u64);
        let gallery = Gallery::new(stand.address(), "").map_err(|error| error.to_string())?;
        let everybody = rooms * hosts;
        let mut gathered = Self {
            stand,
            gallery,
            happened: Vec::new(),
            acts: vec![0; everybody],
            unanswered: vec![0; everybody],
            asked: HashMap::new(),
            next_request: 1,
            seats: (0..everybody).map(|number| 1 + number / rooms).collect(),
        };
        for number in 0..everybody {
            let room = format!("durable-{seed:x}-{}", number % rooms);
            let token =
                stand.token(&room, &format!("host-{}", number / rooms), "host").map_err(|error| error.to_string())?;
            gathered.gallery.open_in(&room, &token, clock::now()).map_err(|error| error.to_string())?;
            gathered.settle(number)?;
            progress.inc(1);
        }
        Ok(gathered)
    }

    /// Has everybody act for a while, and takes the figures meanwhile.
    pub(super) fn act(&mut self, pace: Pace, length: Duration) -> Result<DurableStep, String> {
        let mut step = DurableStep::new(pace);
        let (used, commits) = (self.stand.used(), self.stand.metric(COMMITS)?);
        self.gallery.take_blind();
        let mut promptness = Promptness::default();
        let started = clock::now();
        match pace {
            Pace::Rate(rate) => self.act_at(rate, started, length, &mut step, &mut promptness)?,
            Pace::Unanswered(each) => self.act_when_answered(each, started + length, &mut step)?,
        }
        step.length = clock::since(started);
        let now_used = self.stand.used();
        promptness.blind = self.gallery.take_blind();
        promptness.waited = now_used.waited_since(used);
        promptness.length = step.length;
        step.promptness = promptness;
        step.server_cpu = now_used.server_since(used);
        step.client_cpu = now_used.client_since(used);
        self.hear_the_last(&mut step)?;
        step.commits = (self.stand.metric(COMMITS)? - commits) as u64;
        Ok(step)
    }

    fn act_at(
        &mut self,
        rate: u32,
        started: Instant,
        length: Duration,
        step: &mut DurableStep,
        promptness: &mut Promptness,
    ) -> Result<(), String> {
        let acts = (f64::from(rate) * length.as_secs_f64()) as u32;
        for act in 0..acts {
            let due = started + Duration::from_secs(1) * act / rate;
            while clock::now() < due {
                self.attend(due, step)?;
            }
            promptness.late.add(clock::since(due));
            self.say(act as usize % self.acts.len(), due);
        }
        while clock::now() < started + length {
            self.attend(started + length, step)?;
        }
        Ok(())
    }

    fn act_when_answered(&mut self, each: u32, until: Instant, step: &mut DurableStep) -> Result<(), String> {
        while clock::now() < until {
            for number in 0..self.acts.len() {
                while self.unanswered[number] < each {
                    self.say(number, clock::now());
                }
            }
            self.attend(until, step)?;
        }
        Ok(())
    }

    /// Answers that come after the end count like the others, but do not make the time longer.
    fn hear_the_last(&mut self, step: &mut DurableStep) -> Result<(), String> {
        let give_up = clock::now() + PATIENCE;
        while !self.asked.is_empty() && clock::now() < give_up {
            self.attend(give_up, step)?;
        }
        step.unanswered = self.asked.len() as u64;
        self.asked.clear();
        Ok(())
    }

    /// One host locks their seat, or unlocks it.
    fn say(&mut self, number: usize, due: Instant) {
        let kind = if self.acts[number].is_multiple_of(2) { "seat_lock" } else { "seat_unlock" };
        let request = self.next_request;
        self.next_request += 1;
        self.acts[number] += 1;
        self.unanswered[number] += 1;
        self.asked.insert(request, due);
        // Whoever is gone does not answer, and that is counted.
        self.gallery.say(number, request, kind, &format!(r#","seat":{}"#, self.seats[number]));
    }

    fn attend(&mut self, until: Instant, step: &mut DurableStep) -> Result<(), String> {
        self.gallery.attend(until, &mut self.happened).map_err(|error| error.to_string())?;
        for happening in self.happened.drain(..) {
            match happening {
                Happening::Replied { console, request, refused, durable, at } => {
                    let Some(due) = self.asked.remove(&request) else {
                        continue;
                    };
                    self.unanswered[console] -= 1;
                    step.answer.add(at.saturating_duration_since(due));
                    match refused {
                        Some(code) => *step.failures.entry(code).or_default() += 1,
                        None if durable => step.durable += 1,
                        None => step.undurable += 1,
                    }
                }
                Happening::Refused { how, .. } => *step.failures.entry(how.to_string()).or_default() += 1,
                Happening::Ended { why, .. } => {
                    *step.failures.entry(format!("lost: {}", why.unwrap_or_default())).or_default() += 1;
                }
                Happening::Joined { .. } => {}
            }
        }
        Ok(())
    }

    /// Waits until a newcomer is in.
    fn settle(&mut self, number: usize) -> Result<(), String> {
        let give_up = clock::now() + PATIENCE;
        while !self.gallery.is_idle(number) {
            if clock::now() >= give_up {
                return Err(format!("host {number} was not in after {PATIENCE:?}"));
            }
            self.gallery.attend(give_up, &mut self.happened).map_err(|error| error.to_string())?;
            for happening in self.happened.drain(..) {
                match happening {
                    Happening::Refused { how, .. } => return Err(format!("a host could not join: {how}")),
                    Happening::Ended { why, .. } => {
                        return Err(format!("a host could not join: {}", why.unwrap_or_default()));
                    }
                    Happening::Joined { .. } | Happening::Replied { .. } => {}
                }
            }
        }
        Ok(())
    }
}

/// A folder for a store, which goes with its handle.
pub struct Scratch(std::path::PathBuf);

impl Scratch {
    /// A new one, in a folder or in that of the system for what is temporary.
    pub fn new(within: Option<&Path>) -> std::io::Result<Self> {
        let within = within.map_or_else(std::env::temp_dir, Path::to_path_buf);
        let folder = within.join(format!("podium-loadtest-{}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        Ok(Self(folder))
    }

    /// Where the store is.
    pub fn store(&self) -> std::path::PathBuf {
        self.0.join("podium.db")
    }

    /// How long its files are together.
    pub fn bytes(&self) -> u64 {
        let files = std::fs::read_dir(&self.0).into_iter().flatten().flatten();
        files.filter_map(|file| file.metadata().ok()).map(|file| file.len()).sum()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed is left; the name says whose it was.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

const COMMITS: &str = "podium_store_commits_total";
/// Seats that hosts lock: all but the host seat of a room as it is made.
const SEATS: usize = 8;
/// How long a join, or the last answers, may take.
const PATIENCE: Duration = Duration::from_secs(10);
