//! The smoke scenario: a few people talk, an audience listens, some of it raise a hand, get a seat, are heard, and leave it.

use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use serde_json::json;

use super::crowd::{Crowd, Ticket};
use super::dice::Dice;
use crate::clock;
use crate::participant::Participant;
use crate::report::Measured;
use crate::tone::Voice;

/// The sizes of a run.
#[derive(Clone, Debug)]
pub struct Smoke {
    /// Rooms, each with its own people, at the same time.
    pub rooms: usize,
    /// People on stage in each room: 1 to 6, so that a seat is left for a guest.
    pub speakers: usize,
    /// People in the audience of each room.
    pub listeners: usize,
    /// How many of them raise a hand.
    pub hands: usize,
    /// How long to listen once everybody is in.
    pub length: Duration,
    /// Decides who raises a hand, and the rooms' names.
    pub seed: u64,
}

impl Smoke {
    /// Runs it against a server in development mode.
    pub async fn run(&self, url: &str, progress: &ProgressBar) -> Measured {
        let steps_a_room = self.speakers + self.listeners + self.hands.min(self.listeners) + 2;
        progress.set_length((self.rooms * steps_a_room) as u64);
        let mut rooms = Vec::new();
        for number in 0..self.rooms {
            let room = Room { smoke: self.clone(), number, progress: progress.clone() };
            rooms.push(tokio::spawn(room.run(url.to_owned())));
        }
        let mut measured = Measured::default();
        for room in rooms {
            match room.await {
                Ok(of_room) => measured.merge(of_room),
                Err(error) => measured.failures.push(format!("a room stopped: {error}")),
            }
        }
        measured
    }
}

/// One room of the run.
struct Room {
    smoke: Smoke,
    number: usize,
    progress: ProgressBar,
}

impl Room {
    async fn run(self, url: String) -> Measured {
        let mut crowd = Crowd::new(&url, format!("smoke-{:x}-{}", self.smoke.seed, self.number));
        let mut everybody = Vec::new();
        if let Err(reason) = self.play(&mut crowd, &mut everybody).await {
            crowd.measured.failures.push(reason);
        }
        everybody.iter().for_each(Participant::stop_speaking);
        tokio::time::sleep(LAST_PACKETS).await;
        let measured = crowd.dismiss(everybody).await;
        self.done("left");
        measured
    }

    /// Everybody who came in is in `everybody`, also when a step fails: first the host, then speakers, then listeners.
    async fn play(&self, crowd: &mut Crowd, everybody: &mut Vec<Participant>) -> Result<(), String> {
        everybody.push(crowd.admit(self.ticket("host", "host", 0, false)).await?);
        self.done("host");
        command(&everybody[0], "room_update", json!({ "seat_mode": "free", "hands": "on" })).await?;
        for number in 1..=self.smoke.speakers {
            let speaker = crowd.admit(self.ticket("speaker", "member", number, true)).await?;
            speaker.speak(Voice::tone(PITCH_HZ * number as u32)).map_err(|error| error.to_string())?;
            everybody.push(speaker);
            self.seat(&everybody[0], &everybody[number], number).await?;
            self.done("speakers");
        }
        command(&everybody[0], "room_update", json!({ "seat_mode": "apply" })).await?;

        let raising = Dice::new(self.smoke.seed ^ self.number as u64).choose(self.smoke.hands, self.smoke.listeners);
        let ticket =
            |number| self.ticket("listener", "member", self.smoke.speakers + 1 + number, raising.contains(&number));
        let tickets: Vec<Ticket> = (0..self.smoke.listeners).map(ticket).collect();
        let listeners = crowd.admit_all(tickets, JOIN_SPACING, || self.done("listeners")).await;
        let first_listener = everybody.len();
        everybody.extend(listeners);
        let started = clock::now();
        if everybody.len() - first_listener == self.smoke.listeners {
            self.hands(crowd, everybody, first_listener, &raising).await?;
        }
        tokio::time::sleep(self.smoke.length.saturating_sub(clock::since(started))).await;
        self.all_are_heard(crowd, &everybody[first_listener..]);
        Ok(())
    }

    /// Speakers take their seats, but the last one raises a hand and is given it.
    async fn seat(&self, host: &Participant, speaker: &Participant, number: usize) -> Result<(), String> {
        if number < self.smoke.speakers || number == 1 {
            return command(speaker, "seat_take", json!({ "seat": number })).await;
        }
        command(speaker, "hand_raise", json!({ "mic_ready": true })).await?;
        command(host, "hand_approve", json!({ "identity": speaker.identity() })).await
    }

    /// Some listeners raise a hand; the host approves one after another, and each leaves the seat before the next gets one.
    async fn hands(
        &self,
        crowd: &mut Crowd,
        everybody: &[Participant],
        first_listener: usize,
        raising: &[usize],
    ) -> Result<(), String> {
        let listeners = &everybody[first_listener..];
        let host = &everybody[0];
        let quiet = (0..listeners.len()).find(|number| !raising.contains(number));
        let witness = quiet.map_or(host, |number| &listeners[number]);
        for &number in raising {
            command(&listeners[number], "hand_raise", json!({ "mic_ready": true })).await?;
            listeners[number].speak(Voice::tone(GUEST_PITCH_HZ)).map_err(|error| error.to_string())?;
        }
        tokio::time::sleep(BEFORE_APPROVAL).await;
        for &number in raising {
            let guest = &listeners[number];
            let source = self.source(self.smoke.speakers + 1 + number);
            let approved = clock::now();
            if witness.heard().sources.contains_key(&source) {
                crowd.measured.failures.push(format!("{} was heard without a seat", guest.identity()));
            }
            command(host, "hand_approve", json!({ "identity": guest.identity() })).await?;
            match first_heard(witness, source, approved).await {
                Some(heard) => crowd.measured.approval.add(heard),
                None => crowd.measured.failures.push(format!("{} has a seat and is not heard", guest.identity())),
            }
            tokio::time::sleep(GUEST_SPEAKS).await;
            command(guest, "seat_leave", json!({})).await?;
            guest.stop_speaking();
            self.done("hands");
        }
        Ok(())
    }

    /// A listener who never hears a speaker loses nothing by the count of gaps; so this looks for them.
    fn all_are_heard(&self, crowd: &mut Crowd, listeners: &[Participant]) {
        for listener in listeners {
            let heard = listener.heard();
            for number in 1..=self.smoke.speakers {
                if !heard.sources.contains_key(&self.source(number)) {
                    crowd.measured.failures.push(format!("{} never heard speaker {number}", listener.identity()));
                }
            }
        }
    }

    fn ticket(&self, who: &str, rank: &'static str, number: usize, microphone: bool) -> Ticket {
        Ticket {
            identity: format!("{who}-{}-{number}", self.number),
            rank,
            source: microphone.then(|| self.source(number)),
            slots: self.smoke.speakers + 1,
            // The host comes before everybody, and the first speaker finds a silent room.
            finds_speakers: number > 1,
        }
    }

    fn source(&self, number: usize) -> u32 {
        (self.number * 10_000 + number) as u32
    }

    fn done(&self, what: &'static str) {
        self.progress.set_message(what);
        self.progress.inc(1);
    }
}

async fn command(who: &Participant, kind: &str, fields: serde_json::Value) -> Result<(), String> {
    match who.command(kind, fields).await {
        Ok(_) => Ok(()),
        Err(error) => Err(format!("{}: {kind} was refused: {error}", who.identity())),
    }
}

/// How long after `since` the source was first heard.
async fn first_heard(witness: &Participant, source: u32, since: Instant) -> Option<Duration> {
    while clock::since(since) < HEARD_WITHIN {
        if let Some(at) = witness.first_heard(source, since) {
            return Some(at - since);
        }
        tokio::time::sleep(HEARD_POLL).await;
    }
    None
}

const PITCH_HZ: u32 = 220;
const GUEST_PITCH_HZ: u32 = 1000;
/// 25 joins a second: the client's own key exchanges share the machine with the server.
const JOIN_SPACING: Duration = Duration::from_millis(40);
/// Long enough for a closed gate to show that it leaks.
const BEFORE_APPROVAL: Duration = Duration::from_millis(100);
const GUEST_SPEAKS: Duration = Duration::from_millis(500);
const HEARD_WITHIN: Duration = Duration::from_secs(3);
const HEARD_POLL: Duration = Duration::from_millis(5);
/// What is under way when the last microphone stops still arrives.
const LAST_PACKETS: Duration = Duration::from_millis(200);
