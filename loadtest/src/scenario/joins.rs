//! The joins scenario: people join one room without media at a steady rate, whatever becomes of those before them, and leave it at the end.
//!
//! As a ramp it tries one rate after another, each with a room of its own, until it knows the highest that holds.

use std::time::{Duration, Instant};

use indicatif::ProgressBar;

use super::stand::Stand;
use crate::clock;
use crate::gallery::{Gallery, Happening};
use crate::report::{JoinsFigures, JoinsStep, Promptness};

/// The sizes of a run.
#[derive(Clone, Debug)]
pub struct Joins {
    /// Joins a second; a ramp begins there.
    pub rate: u32,
    /// How long people keep coming, at each rate.
    pub length: Duration,
    /// Whether to look for the highest rate that holds.
    pub ramp: bool,
    /// Names the rooms.
    pub seed: u64,
}

/// One rate under way.
struct Arrival<'a> {
    stand: &'a Stand,
    gallery: Gallery,
    room: String,
    happened: Vec<Happening>,
    step: JoinsStep,
    inside: u64,
    last_welcome: Instant,
}

impl Joins {
    /// Runs it. The error is why there are no figures.
    pub fn run(&self, stand: &Stand, progress: &ProgressBar) -> Result<JoinsFigures, String> {
        let people_max = stand.participants_max();
        let fits = |rate: u32| (f64::from(rate) * self.length.as_secs_f64()) as usize <= people_max;
        if !fits(self.rate) {
            return Err(format!("there are descriptors for {people_max} participants only"));
        }
        let mut figures = JoinsFigures { is_apart: stand.is_apart(), steps: Vec::new() };
        let mut rate = self.rate;
        loop {
            progress.set_message(format!("{rate} joins a second"));
            figures.steps.push(self.step(stand, rate)?);
            let tried: Vec<(u32, bool)> = figures.steps.iter().map(|step| (step.rate, step.holds())).collect();
            match next_rate(&tried).filter(|&next| self.ramp && fits(next)) {
                Some(next) => rate = next,
                None => return Ok(figures),
            }
        }
    }

    fn step(&self, stand: &Stand, rate: u32) -> Result<JoinsStep, String> {
        let room = format!("joins-{:x}-{rate}", self.seed);
        let gallery = Gallery::new(stand.address(), &room).map_err(|error| error.to_string())?;
        let step = JoinsStep::new(rate, self.length);
        let started = clock::now();
        let mut arrival =
            Arrival { stand, gallery, room, happened: Vec::new(), step, inside: 0, last_welcome: started };
        arrival.open_room()?;
        arrival.arrive(rate, self.length)?;
        arrival.leave(rate)?;
        Ok(arrival.step)
    }
}

impl Arrival<'_> {
    /// A host makes the room; their join does not count.
    fn open_room(&mut self) -> Result<(), String> {
        let token = self.token("host", "host")?;
        self.gallery.open(&token, clock::now()).map_err(|error| error.to_string())?;
        let give_up = clock::now() + PATIENCE;
        while !self.gallery.is_idle(HOST) {
            if clock::now() >= give_up || self.gallery.present() == 0 {
                return Err("the host could not join".to_owned());
            }
            self.gallery.attend(give_up, &mut self.happened).map_err(|error| error.to_string())?;
        }
        self.happened.clear();
        Ok(())
    }

    fn arrive(&mut self, rate: u32, length: Duration) -> Result<(), String> {
        let count = (f64::from(rate) * length.as_secs_f64()) as u32;
        let tokens: Vec<String> =
            (0..count).map(|number| self.token(&format!("member-{number}"), "member")).collect::<Result<_, _>>()?;
        let used = self.stand.used();
        self.gallery.take_blind();
        let mut promptness = Promptness::default();
        let started = clock::now();
        for (number, token) in (0..count).zip(&tokens) {
            let due = started + Duration::from_secs(1) * number / rate;
            while clock::now() < due {
                self.attend(due)?;
            }
            promptness.late.add(clock::since(due));
            match self.gallery.open(token, due) {
                Ok(_) => self.step.opened += 1,
                Err(error) => self.step.failures.push(error.to_string()),
            }
        }
        let give_up = clock::now() + PATIENCE;
        while self.inside + (self.step.failures.len() as u64) < u64::from(count) && clock::now() < give_up {
            self.attend(give_up)?;
        }
        promptness.blind = self.gallery.take_blind();
        let now_used = self.stand.used();
        promptness.waited = now_used.waited_since(used);
        promptness.length = clock::since(started);
        self.step.promptness = promptness;
        self.step.joined = self.inside;
        self.step.took = self.last_welcome.saturating_duration_since(started);
        self.step.server_cpu = now_used.server_since(used);
        self.step.client_cpu = now_used.client_since(used);
        self.step.resident_kb = self.stand.resident_kb();
        Ok(())
    }

    /// Sends everybody home at the same rate, the host last.
    fn leave(&mut self, rate: u32) -> Result<(), String> {
        let started = clock::now();
        let everybody = usize::try_from(self.step.opened).unwrap_or(usize::MAX);
        for (turn, console) in (0..=everybody).rev().enumerate() {
            let due = started + Duration::from_secs_f64(turn as f64 / f64::from(rate));
            while clock::now() < due {
                self.attend(due)?;
            }
            self.gallery.leave(console, LEAVE_REQUEST);
        }
        let give_up = clock::now() + PATIENCE;
        while self.gallery.present() > 0 && clock::now() < give_up {
            self.attend(give_up)?;
        }
        self.step.stayed = self.gallery.present() as u64;
        Ok(())
    }

    fn token(&self, identity: &str, rank: &str) -> Result<String, String> {
        self.stand.token(&self.room, identity, rank).map_err(|error| error.to_string())
    }

    fn attend(&mut self, until: Instant) -> Result<(), String> {
        self.gallery.attend(until, &mut self.happened).map_err(|error| error.to_string())?;
        for happening in self.happened.drain(..) {
            match happening {
                Happening::Joined { upgrade, welcome, .. } => {
                    self.inside += 1;
                    self.last_welcome = clock::now();
                    self.step.upgrade.add(upgrade);
                    self.step.welcome.add(welcome);
                    self.step.whole.add(upgrade + welcome);
                }
                Happening::Refused { how, .. } => self.step.failures.push(how.to_string()),
                Happening::Ended { why: Some(why), .. } => self.step.failures.push(why),
                Happening::Ended { why: None, .. } | Happening::Replied { .. } => {}
            }
        }
        Ok(())
    }
}

/// What to try after rates that held or did not: twice as many, half as many, or between the highest that held and the lowest that did not,
/// until they are close.
fn next_rate(tried: &[(u32, bool)]) -> Option<u32> {
    let held = tried.iter().filter(|(_, holds)| *holds).map(|(rate, _)| *rate).max();
    let broke = tried.iter().filter(|(_, holds)| !holds).map(|(rate, _)| *rate).min();
    match (held, broke) {
        (None, None) => None,
        (Some(held), None) => held.checked_mul(2),
        (None, Some(broke)) => Some(broke / 2).filter(|&rate| rate > 0),
        (Some(held), Some(broke)) => {
            let between = held + broke.saturating_sub(held) / 2;
            (broke > held + held / CLOSE).then_some(between).filter(|&rate| rate > held && rate < broke)
        }
    }
}

const HOST: usize = 0;
const LEAVE_REQUEST: u64 = 1;
/// How long the last joins and leaves may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// Two rates are close when they differ by one of so many parts.
const CLOSE: u32 = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ramp_closes_in_on_the_highest_rate_that_holds() {
        for (first, highest) in [(500, 1_730), (500, 130), (100, 100), (1, 7), (4_000, 4_100)] {
            let mut tried = Vec::new();
            let mut next = Some(first);
            while let Some(rate) = next {
                tried.push((rate, rate <= highest));
                assert!(tried.len() <= 20, "{tried:?}");
                next = next_rate(&tried);
            }
            let held = tried.iter().filter(|(_, holds)| *holds).map(|(rate, _)| *rate).max();
            assert!(
                held.is_some_and(|held| held <= highest && highest - held <= held / CLOSE + 1),
                "{highest}: {tried:?}"
            );
        }
    }

    #[test]
    fn a_ramp_ends_where_nothing_holds() {
        assert_eq!(next_rate(&[(1, false)]), None);
        assert_eq!(next_rate(&[(u32::MAX, true)]), None);
        // A rate that held once and not again: the ramp does not go round in circles.
        assert_eq!(next_rate(&[(100, true), (100, false)]), None);
        assert_eq!(next_rate(&[(100, true), (90, false)]), None);
    }
}
