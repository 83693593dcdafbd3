//! A crowd is everybody whom a scenario brought into one room.
//!
//! It counts joins and, at the end, adds up what everybody heard.

use std::collections::HashSet;
use std::time::Duration;

use crate::participant::{JoinOptions, Participant};
use crate::report::Measured;
use crate::token::dev_token;

/// Who is to join, and how.
#[derive(Clone)]
pub(super) struct Ticket {
    pub(super) identity: String,
    pub(super) rank: &'static str,
    /// Its probes' number, if it has a microphone.
    pub(super) source: Option<u32>,
    pub(super) slots: usize,
    /// Whether somebody speaks already: then the first audio ends the join.
    pub(super) finds_speakers: bool,
}

/// Everybody in one room.
pub(super) struct Crowd {
    url: String,
    room: String,
    /// Identities of those whose join ends with the first audio.
    expecting: HashSet<String>,
    pub(super) measured: Measured,
}

impl Crowd {
    pub(super) fn new(url: &str, room: String) -> Self {
        Self { url: url.to_owned(), room, expecting: HashSet::new(), measured: Measured::default() }
    }

    /// Brings one person in. The token is taken before the clock of the join starts.
    pub(super) async fn admit(&mut self, ticket: Ticket) -> Result<Participant, String> {
        self.expect(&ticket);
        let joined = enter(self.url.clone(), self.room.clone(), ticket).await;
        self.count(joined)
    }

    /// Brings many people in, one every `spacing`, and waits for all of them. Those who fail are counted and left out.
    pub(super) async fn admit_all(
        &mut self,
        tickets: Vec<Ticket>,
        spacing: Duration,
        mut arrived: impl FnMut(),
    ) -> Vec<Participant> {
        let mut arriving = Vec::new();
        for ticket in tickets {
            self.expect(&ticket);
            arriving.push(tokio::spawn(enter(self.url.clone(), self.room.clone(), ticket)));
            tokio::time::sleep(spacing).await;
        }
        let mut inside = Vec::new();
        for task in arriving {
            let joined = task.await.unwrap_or_else(|error| Err(error.to_string()));
            match self.count(joined) {
                Ok(participant) => inside.push(participant),
                Err(reason) => self.measured.failures.push(reason),
            }
            arrived();
        }
        inside
    }

    /// Adds up what everybody heard, and sends everybody home.
    pub(super) async fn dismiss(mut self, everybody: Vec<Participant>) -> Measured {
        let mut leaving = Vec::new();
        for participant in everybody {
            self.add_up(&participant);
            leaving.push(tokio::spawn(participant.close()));
        }
        for left in leaving {
            // A leave that panics has been reported by the panic itself.
            let _ = left.await;
        }
        self.measured
    }

    fn add_up(&mut self, participant: &Participant) {
        let measured = &mut self.measured;
        let heard = participant.heard();
        measured.sent += participant.packets_sent();
        measured.received += heard.packets();
        measured.lost += heard.lost();
        measured.missed += heard.missed();
        for &sample in heard.tracks.iter().flat_map(|track| &track.transit_us) {
            measured.transit.add_us(u64::from(sample));
        }
        match participant.stages().first_audio {
            Some(first_audio) if self.expecting.contains(participant.identity()) => {
                measured.first_audio.add(first_audio)
            }
            None if self.expecting.contains(participant.identity()) => {
                measured.failures.push(format!("{} heard nobody", participant.identity()));
            }
            Some(_) | None => {}
        }
    }

    fn expect(&mut self, ticket: &Ticket) {
        if ticket.finds_speakers {
            self.expecting.insert(ticket.identity.clone());
        }
    }

    fn count(&mut self, joined: Result<Participant, String>) -> Result<Participant, String> {
        self.measured.joins += 1;
        match &joined {
            Ok(participant) => {
                let stages = participant.stages();
                self.measured.welcome.add(stages.welcome.unwrap_or_default());
                self.measured.ice_connected.add(stages.ice_connected.unwrap_or_default());
                self.measured.connected.add(stages.connected.unwrap_or_default());
            }
            Err(_) => self.measured.joins_failed += 1,
        }
        joined
    }
}

async fn enter(url: String, room: String, ticket: Ticket) -> Result<Participant, String> {
    let who = ticket.identity;
    let token = dev_token(&url, &room, &who, ticket.rank).await.map_err(|error| format!("{who}: {error}"))?;
    let mut options = JoinOptions::new(url, room, token).with_slots(ticket.slots);
    if let Some(source) = ticket.source {
        options = options.with_microphone(source);
    }
    Participant::join(options).await.map_err(|error| format!("{who} could not join: {error}"))
}
