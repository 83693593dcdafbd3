//! A stage is those who were there before a storm and must not feel it: people in seats who all speak, and a few who only listen.
//!
//! They are on a thread of their own, or gaps of the storm's making would look like the server's.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::super::stand::Stand;
use super::storm::SLOTS;
use crate::clock;
use crate::light::client::Speech;
use crate::light::{Attendance, Invitation, News, Party};
use crate::report::{OverloadStage, SeatedFigures};
use crate::tone::Voice;

/// Everybody who is there from the beginning.
pub(super) struct Stage {
    party: Party,
    rooms: Vec<Cast>,
    news: Vec<News>,
    replies: u64,
    figures: OverloadStage,
}

/// Those of one room, by their numbers in the party.
struct Cast {
    seated: Vec<usize>,
    regulars: Vec<usize>,
}

/// A stage that plays on its thread.
pub(super) struct Playing {
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<Result<(Stage, OverloadStage), String>>>,
}

impl Stage {
    /// Brings everybody in and to their seats, and has them speak.
    pub(super) fn gather(stand: &Stand, rooms: &[String], speakers: usize, regulars: usize) -> Result<Self, String> {
        let party = Party::new(stand.address()).map_err(|error| error.to_string())?;
        let mut stage =
            Self { party, rooms: Vec::new(), news: Vec::new(), replies: 0, figures: OverloadStage::default() };
        for room in rooms {
            let cast = stage.cast(stand, room, speakers, regulars)?;
            stage.rooms.push(cast);
        }
        stage.pass(CALM)?;
        if let Some(why) = stage.figures.lost.first() {
            return Err(format!("somebody of the stage was lost: {why}"));
        }
        Ok(stage)
    }

    /// Plays from now on; what is heard from now on counts.
    pub(super) fn play(mut self) -> Playing {
        let over = Arc::new(AtomicBool::new(false));
        let is_over = Arc::clone(&over);
        let thread = std::thread::spawn(move || {
            // Whatever waited while nobody attended is not the server's doing.
            self.pass(LOOK_AGAIN)?;
            self.listen_anew();
            while !is_over.load(Ordering::Relaxed) {
                self.pass(LOOK_AGAIN)?;
            }
            let figures = self.judge();
            Ok((self, figures))
        });
        Playing { over, thread: Some(thread) }
    }

    fn cast(&mut self, stand: &Stand, room: &str, speakers: usize, regulars: usize) -> Result<Cast, String> {
        let mut cast = Cast { seated: Vec::new(), regulars: Vec::new() };
        for number in 0..speakers {
            let rank = if number == 0 { "host" } else { "member" };
            let member = self.enter(stand, room, &format!("speaker-{number}"), rank, number as u32 + 1)?;
            if number == 0 {
                self.must(member, "room_update", r#","seat_mode":"free""#)?;
            }
            self.must(member, "seat_take", &format!(r#","seat":{number}"#))?;
            let speech = Speech::of(Voice::tone(PITCH_HZ * (number as u32 + 1))).map_err(|error| error.to_string())?;
            self.party.with_client(member, |client, now| client.speak(speech, now));
            cast.seated.push(member);
        }
        for number in 0..regulars {
            cast.regulars.push(self.enter(stand, room, &format!("regular-{number}"), "member", 0)?);
        }
        Ok(cast)
    }

    /// Brings one person in, up to the keys.
    fn enter(&mut self, stand: &Stand, room: &str, identity: &str, rank: &str, source: u32) -> Result<usize, String> {
        let token = stand.token(room, identity, rank).map_err(|error| error.to_string())?;
        let attendance = Attendance { slots: SLOTS, source };
        let invitation = Invitation { room, token: &token, attendance, due: clock::now() };
        let member = self.party.invite(&invitation).map_err(|error| error.to_string())?;
        let has_keys =
            |stage: &Self| stage.party.client(member).is_some_and(|client| client.milestones().keys.is_some());
        self.wait(identity, has_keys)?;
        Ok(member)
    }

    fn must(&mut self, member: usize, kind: &str, fields: &str) -> Result<(), String> {
        let wanted = self.replies + 1;
        self.party.say(member, wanted, kind, fields);
        self.wait(kind, |stage| stage.replies >= wanted)
    }

    fn wait(&mut self, what: &str, holds: impl Fn(&Self) -> bool) -> Result<(), String> {
        let give_up = clock::now() + PATIENCE;
        while !holds(self) {
            if clock::now() >= give_up {
                return Err(format!("no {what} after {PATIENCE:?}: {:?}", self.figures.lost));
            }
            self.attend(give_up)?;
        }
        Ok(())
    }

    fn pass(&mut self, span: Duration) -> Result<(), String> {
        let until = clock::now() + span;
        while clock::now() < until {
            self.attend(until)?;
        }
        Ok(())
    }

    fn attend(&mut self, until: Instant) -> Result<(), String> {
        self.party.attend(until, &mut self.news).map_err(|error| error.to_string())?;
        for news in self.news.drain(..) {
            match news {
                News::Replied { refused: None, .. } => self.replies += 1,
                News::Replied { refused: Some(code), .. } => self.figures.lost.push(format!("refused: {code}")),
                News::Refused { how, .. } => self.figures.lost.push(format!("refused: {}", how.code)),
                News::MediaOver { why, .. } => self.figures.lost.push(format!("media over: {why:?}")),
                News::Ended { why, .. } => self.figures.lost.push(why.unwrap_or_default()),
                News::Welcomed { .. } | News::Reached { .. } => {}
            }
        }
        Ok(())
    }

    fn listen_anew(&mut self) {
        for member in self.rooms.iter().flat_map(|cast| cast.seated.iter().chain(&cast.regulars)) {
            self.party.with_client(*member, |client, now| client.listen_anew(now));
        }
        self.party.take_tally();
    }

    /// What everybody heard of those in seats.
    fn judge(&mut self) -> OverloadStage {
        let mut figures = std::mem::take(&mut self.figures);
        let now = clock::now();
        for (room, cast) in self.rooms.iter().enumerate() {
            for &member in &cast.seated {
                let Some(client) = self.party.client(member) else {
                    continue;
                };
                let ears = client.ears();
                let gap = ears.voices().iter().map(|voice| voice.longest_gap_until(now)).max();
                let late = client.microphone().map(|microphone| microphone.latest()).unwrap_or_default();
                for voice in ears.voices() {
                    let longest = figures.voices.entry((room, voice.csrc)).or_default();
                    *longest = (*longest).max(voice.longest_gap_until(now));
                }
                figures.seated.push(SeatedFigures {
                    voices: ears.voices().len() as u64,
                    // One who hears nobody has a gap as long as all of it.
                    longest_gap: gap.unwrap_or_else(|| ears.longest_silence_until(now)),
                    long_gaps: ears.voices().iter().map(|voice| voice.long_gaps).sum(),
                    missed: ears.voices().iter().map(|voice| voice.missed).sum(),
                    packets: ears.packets(),
                    late,
                });
            }
            figures.voices_expected = (cast.seated.len() as u64).saturating_sub(1).min(SLOTS as u64);
            for client in cast.regulars.iter().filter_map(|&member| self.party.client(member)) {
                figures.regulars += 1;
                let silence = client.ears().longest_silence_until(now);
                figures.regulars_silence = figures.regulars_silence.max(silence);
            }
        }
        let tally = self.party.take_tally();
        (figures.transit, figures.blind) = (tally.transit, tally.blind);
        figures
    }
}

impl Playing {
    /// Ends it and says what everybody heard.
    pub(super) fn end(mut self) -> Result<(Stage, OverloadStage), String> {
        self.over.store(true, Ordering::Relaxed);
        let thread = self.thread.take().expect("it is joined once, here");
        thread.join().map_err(|_| "the stage's thread panicked".to_owned())?
    }
}

impl Drop for Playing {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

/// Pitches a fifth of an octave apart or more; nobody listens to them.
const PITCH_HZ: u32 = 220;
const PATIENCE: Duration = Duration::from_secs(10);
const CALM: Duration = Duration::from_secs(1);
const LOOK_AGAIN: Duration = Duration::from_millis(200);
