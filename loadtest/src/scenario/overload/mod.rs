//! The overload scenario: a server with a part of a core, a stage that talks, and twice the people at its door that fit.
//!
//! First it is measured what a join and a listener cost, which says how many a second fit; then that many come, and then twice as many, until
//! enough were let in. Those who were there before must not feel it, whoever is let in must hear, and whoever is not must be told at once.

mod stage;
mod storm;

use std::collections::BTreeMap;
use std::time::Duration;

use indicatif::ProgressBar;

use super::stand::Stand;
use crate::report::{EXCESS, OverloadCosts, OverloadFigures};
use crate::share::Throttled;
use stage::Stage;
use storm::{Arrivals, Storm};

/// The sizes of a run.
#[derive(Clone, Debug)]
pub struct Overload {
    /// Rooms, each with a stage.
    pub rooms: usize,
    /// People in seats in each, who all speak.
    pub speakers: usize,
    /// People in the audience of each who stay to the end.
    pub regulars: usize,
    /// Joins that are to be let in while twice as many come as fit.
    pub joins: u64,
    /// How long people stay, on average.
    pub stay: Duration,
    /// Joins a second that fit; measured if not said.
    pub rate: Option<f64>,
    /// The storm ends after so long, whatever was let in.
    pub at_most: Duration,
    /// Names the rooms and decides who stays how long.
    pub seed: u64,
}

impl Overload {
    /// Runs it on a server that is held to a share. The error is why there are no figures.
    pub fn run(&self, stand: &Stand, progress: &ProgressBar) -> Result<OverloadFigures, String> {
        let share = stand.share().ok_or("the server is not held to a share of a core")?;
        let quota = share.quota();
        let rooms: Vec<String> = (0..self.rooms).map(|room| format!("overload-{:x}-{room}", self.seed)).collect();
        progress.set_length(self.joins);
        progress.set_message("gathering");
        let mut storm = Storm::new(stand, &rooms, self.seed)?;
        let stage = Stage::gather(stand, &rooms, self.speakers, self.regulars)?;

        let playing = stage.play();
        let costs = calibrate(&mut storm, progress)?;
        let (stage, calm) = playing.end()?;
        let fits = match self.rate {
            Some(rate) => rate,
            None => costs.fits(quota.cpu, self.stay).ok_or_else(|| too_small(&costs, quota.cpu))?,
        };

        progress.set_message(format!("what fits: {fits:.1} joins a second"));
        let playing = stage.play();
        let gentle = storm.arrive(self.arrivals(fits, u64::MAX, GENTLE_FOR), |_| {})?;
        storm.dismiss()?;
        let (stage, undisturbed) = playing.end()?;

        progress.set_message(format!("twice that: {:.1} joins a second", fits * EXCESS));
        let (before, still) = (stand.metrics(&METRICS)?, share.throttled());
        let playing = stage.play();
        let storm_wave = storm.arrive(self.arrivals(fits * EXCESS, self.joins, self.at_most), |admitted| {
            progress.set_position(admitted.min(self.joins));
        })?;
        let (_, stormed) = playing.end()?;
        let stayed = storm.dismiss()?;
        Ok(OverloadFigures {
            cpu: quota.cpu,
            means: share.means(),
            joins: self.joins,
            stay: self.stay,
            is_apart: stand.is_apart(),
            costs,
            fits,
            calm,
            gentle,
            undisturbed,
            storm: storm_wave,
            stormed,
            stayed,
            throttled: share.throttled().zip(still).map(|(now, before)| Throttled {
                periods: now.periods - before.periods,
                throttled: now.throttled - before.throttled,
                time: now.time.saturating_sub(before.time),
            }),
            metrics: grown(&before, &stand.metrics(&METRICS)?),
            resident_kb: stand.resident_kb(),
        })
    }

    fn arrivals(&self, rate: f64, admitted: u64, at_most: Duration) -> Arrivals {
        Arrivals { rate, admitted, at_most, stay: self.stay }
    }
}

/// Finds what a stage, a join and a listener cost each end.
fn calibrate(storm: &mut Storm<'_>, progress: &ProgressBar) -> Result<OverloadCosts, String> {
    let per_second = |cost: Duration, span: Duration| cost.as_secs_f64() / span.as_secs_f64();
    progress.set_message("measuring the stage alone");
    let idle = storm.pass(IDLE_FOR)?;
    let (base, loop_cost) = (per_second(idle.server, IDLE_FOR), per_second(idle.client, IDLE_FOR));

    progress.set_message("measuring listeners");
    let sample = |stay| Arrivals { rate: SAMPLE_RATE, admitted: SAMPLE, at_most: SAMPLE_MAX, stay };
    let listeners = storm.arrive(sample(SAMPLE_STAY), |_| {})?;
    storm.pass(SETTLING)?;
    let listening = storm.pass(LISTEN_FOR)?;
    storm.dismiss()?;
    let listened = listeners.reached.max(1) as f64 * LISTEN_FOR.as_secs_f64();
    let packets = listening.heard.max(1) as f64;
    let listener = (per_second(listening.server, LISTEN_FOR) - base).max(0.0) * LISTEN_FOR.as_secs_f64() / listened;
    let client_packet =
        (per_second(listening.client, LISTEN_FOR) - loop_cost).max(0.0) * LISTEN_FOR.as_secs_f64() / packets;

    progress.set_message("measuring joins");
    let joins = storm.arrive(sample(Duration::ZERO), |_| {})?;
    storm.dismiss()?;
    let count = joins.reached.max(1) as f64;
    let (length, heard) = (joins.length.as_secs_f64(), joins.heard as f64);
    let server_join = (joins.server_cpu.as_secs_f64() - base * length) / count;
    let client_join = (joins.client_cpu.as_secs_f64() - loop_cost * length - client_packet * heard) / count;
    let seconds = |seconds: f64| Duration::from_secs_f64(seconds.max(0.0));
    Ok(OverloadCosts {
        base,
        server_join: seconds(server_join),
        client_join: seconds(client_join),
        listener,
        server_packet: seconds(listener * listened / packets),
        client_packet: seconds(client_packet),
    })
}

/// What became more in between.
fn grown(before: &BTreeMap<String, f64>, after: &BTreeMap<String, f64>) -> BTreeMap<String, f64> {
    let grown = after.iter().map(|(name, value)| (name.clone(), value - before.get(name).unwrap_or(&0.0)));
    grown.filter(|(_, more)| *more != 0.0).collect()
}

fn too_small(costs: &OverloadCosts, cpu: f64) -> String {
    format!("the stage alone takes {:.3} cores, and the server has {cpu}: nothing fits", costs.base)
}

/// How long as many come as fit.
const GENTLE_FOR: Duration = Duration::from_secs(12);
const IDLE_FOR: Duration = Duration::from_secs(4);
/// A few a second cost what they cost, without anybody in anybody's way.
const SAMPLE_RATE: f64 = 8.0;
const SAMPLE: u64 = 40;
const SAMPLE_MAX: Duration = Duration::from_secs(20);
const SAMPLE_STAY: Duration = Duration::from_secs(120);
const SETTLING: Duration = Duration::from_secs(1);
const LISTEN_FOR: Duration = Duration::from_secs(4);
/// What tells of packets given up and of what the server did to protect itself.
const METRICS: [&str; 5] = [
    "podium_drops_total",
    "podium_latency_acts_total",
    "podium_admission_refused_total",
    "podium_stale_for_audience_total",
    "podium_copies_without_slot_total",
];
