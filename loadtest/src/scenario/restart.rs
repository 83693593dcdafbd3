//! The restart scenario: a server with many rooms and a long log is killed and started again, and the time until it is ready is taken.

use std::path::Path;
use std::time::Duration;

use indicatif::ProgressBar;

use super::durable::{Hosts, Scratch};
use super::stand::Stand;
use crate::report::{Pace, RestartFigures};

/// The sizes of a run.
#[derive(Clone, Debug)]
pub struct Restart {
    /// Rooms, each with a host.
    pub rooms: usize,
    /// The length of the log, all rooms together.
    pub events: u64,
    /// How often the server is killed and started again.
    pub times: usize,
    /// Names the rooms.
    pub seed: u64,
}

impl Restart {
    /// Runs it on servers of its own. The error is why there are no figures.
    pub async fn run(
        &self,
        binary: &Path,
        scratch: &Scratch,
        progress: &ProgressBar,
    ) -> Result<RestartFigures, Box<dyn std::error::Error>> {
        let store = scratch.store();
        let stand = Stand::storing_in(binary, &store).await?;
        stand.play(|| self.fill(&stand, progress))??;
        // Dropped, it is killed.
        drop(stand);
        let mut figures =
            RestartFigures { rooms: self.rooms as u64, rooms_found: u64::MAX, ..RestartFigures::default() };
        for time in 1..=self.times {
            progress.set_message(format!("start {time} of {}", self.times));
            let stand = Stand::storing_in(binary, &store).await?;
            figures.ready.push(stand.ready_after());
            figures.rooms_found = figures.rooms_found.min(rooms(&stand)?);
            figures.events = events(&stand, self.events)?;
            figures.resident_kb = stand.resident_kb();
            figures.bytes = scratch.bytes();
        }
        Ok(figures)
    }

    /// Makes the rooms, and has their hosts act until the log is long enough.
    fn fill(&self, stand: &Stand, progress: &ProgressBar) -> Result<(), String> {
        let mut hosts = Hosts::gather(stand, self.rooms, 1, self.seed, progress)?;
        while events(stand, self.events)? < self.events {
            progress.set_message("filling the log");
            let step = hosts.act(Pace::Unanswered(2), FILL_FOR)?;
            if step.durable == 0 {
                return Err(format!("nothing is kept: {:?}", step.failures));
            }
        }
        Ok(())
    }
}

/// How many rooms there are.
fn rooms(stand: &Stand) -> Result<u64, String> {
    let (mut count, mut query) = (0, String::new());
    loop {
        let page = stand.read(&format!("/v1/rooms?limit=1000{query}"))?;
        count += page["rooms"].as_array().map_or(0, |rooms| rooms.len() as u64);
        match page["next"].as_str() {
            Some(next) => query = format!("&after={next}"),
            None => return Ok(count),
        }
    }
}

/// How long the log is, if it is not as long as `wanted`; else that.
fn events(stand: &Stand, wanted: u64) -> Result<u64, String> {
    let page = stand.read(&format!("/v1/events?after={}&limit=1", wanted.saturating_sub(1)))?;
    Ok(page["items"][0]["event_id"].as_u64().unwrap_or_default())
}

const FILL_FOR: Duration = Duration::from_secs(2);
