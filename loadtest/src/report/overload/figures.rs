//! What an overload was found to be: its costs, the people who came in waves, and the stage that should feel none of it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::report::Samples;
use crate::share::Throttled;

/// What the overload scenario measured.
#[derive(Clone, Debug)]
pub struct OverloadFigures {
    /// The server's part of a core.
    pub cpu: f64,
    /// What held it to that.
    pub means: String,
    /// Joins that were to be let in during the storm.
    pub joins: u64,
    /// How long people stay, on average.
    pub stay: Duration,
    /// Whether server and client had a core each.
    pub is_apart: bool,
    /// What a join and a listener cost.
    pub costs: OverloadCosts,
    /// Joins a second that fit.
    pub fits: f64,
    /// The stage while that was measured.
    pub calm: OverloadStage,
    /// As many as fit.
    pub gentle: OverloadWave,
    /// The stage meanwhile.
    pub undisturbed: OverloadStage,
    /// Twice as many.
    pub storm: OverloadWave,
    /// The stage meanwhile.
    pub stormed: OverloadStage,
    /// Participants whose `leave` led to nothing.
    pub stayed: u64,
    /// How long the server stood still during the storm, where that is known.
    pub throttled: Option<Throttled>,
    /// The server's own counts that grew during the storm.
    pub metrics: BTreeMap<String, f64>,
    /// Memory of the server at the end.
    pub resident_kb: u64,
}

/// What things cost, at both ends.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct OverloadCosts {
    /// Cores that the server uses for the stage alone.
    pub base: f64,
    /// The server's processor time for a join and a leave.
    #[serde(serialize_with = "as_us")]
    pub server_join: Duration,
    /// The light client's.
    #[serde(serialize_with = "as_us")]
    pub client_join: Duration,
    /// Cores that the server uses for one listener.
    pub listener: f64,
    /// The server's processor time for a packet to a listener.
    #[serde(serialize_with = "as_us")]
    pub server_packet: Duration,
    /// The light client's.
    #[serde(serialize_with = "as_us")]
    pub client_packet: Duration,
}

impl OverloadCosts {
    /// Joins a second that use most of so many cores, if people stay so long; none if the stage alone does.
    #[must_use]
    pub fn fits(&self, cpu: f64, stay: Duration) -> Option<f64> {
        let free = cpu * FITS - self.base;
        let visit = self.server_join.as_secs_f64() + self.listener * stay.as_secs_f64();
        (free > 0.0 && visit > 0.0).then(|| free / visit)
    }
}

/// People who came at a rate.
#[derive(Clone, Debug, Default)]
pub struct OverloadWave {
    /// Joins a second that were to be asked for.
    pub rate: f64,
    /// For so long.
    pub length: Duration,
    /// Different people who came.
    pub visitors: u64,
    /// Joins asked for, those of people who came again included.
    pub asked: u64,
    /// Joins let in.
    pub admitted: u64,
    /// Of them, those that came to hear something.
    pub reached: u64,
    /// Of them, those that heard nothing for too long while they stayed.
    pub starved: u64,
    /// What went wrong otherwise, by its words.
    pub failed: BTreeMap<String, u64>,
    /// Joins refused, by code.
    pub refused: BTreeMap<String, u64>,
    /// From a join to its refusal.
    pub refusal: Samples,
    /// After how long one was told to come again.
    pub told: Samples,
    /// Refusals that told no time.
    pub untold: u64,
    /// People who came as often as they would and were never let in.
    pub given_up: u64,
    /// People who waited to come again at the end.
    pub waiting: u64,
    /// The most people at once, those at the door included.
    pub most_inside: u64,
    /// From when a join was due to its welcome.
    pub welcome: Samples,
    /// From when a join was due to its first audio packet.
    pub audio: Samples,
    /// Audio packets heard.
    pub heard: u64,
    /// From microphone to ear.
    pub transit: Samples,
    /// Processor time of the server.
    pub server_cpu: Duration,
    /// Processor time of the client's thread.
    pub client_cpu: Duration,
    /// From when somebody was due to come until they did.
    pub late: Samples,
    /// Times in which the client looked at no socket.
    pub blind: Samples,
}

impl OverloadWave {
    pub(crate) fn fail(&mut self, why: String) {
        *self.failed.entry(why).or_default() += 1;
    }

    /// Of those let in, and of those who were neither let in nor refused, the part that came to hear something and heard it throughout.
    pub(super) fn success(&self) -> f64 {
        let failed: u64 = self.failed.values().sum();
        self.reached.saturating_sub(self.starved) as f64 / (self.reached + failed).max(self.admitted).max(1) as f64
    }

    /// Joins a second that were asked for: fewer than wanted if the client was too slow.
    pub(super) fn asked_per_second(&self) -> f64 {
        self.asked as f64 / self.length.as_secs_f64().max(f64::MIN_POSITIVE)
    }

    /// Of the joins asked for, the part that was let in.
    pub(super) fn let_in(&self) -> f64 {
        self.admitted as f64 / self.asked.max(1) as f64
    }

    /// Joins refused, whatever the code.
    pub(super) fn refusals(&self) -> u64 {
        self.refused.values().sum()
    }
}

/// Those who were there from the beginning.
#[derive(Clone, Debug, Default)]
pub struct OverloadStage {
    /// Those in seats.
    pub seated: Vec<SeatedFigures>,
    /// The longest time without each of them at any of the others in seats, by room and occupancy.
    pub voices: BTreeMap<(usize, u32), Duration>,
    /// How many others each of them should hear.
    pub voices_expected: u64,
    /// Those who only listen.
    pub regulars: u64,
    /// The longest time in which one of them heard nothing at all.
    pub regulars_silence: Duration,
    /// From microphone to ear.
    pub transit: Samples,
    /// Times in which their thread looked at no socket.
    pub blind: Samples,
    /// Who was lost, and why.
    pub lost: Vec<String>,
}

/// One person in a seat.
#[derive(Clone, Copy, Debug)]
pub struct SeatedFigures {
    /// Others they heard.
    pub voices: u64,
    /// The longest time without one of them.
    pub longest_gap: Duration,
    /// How often that was longer than people bear.
    pub long_gaps: u64,
    /// Packets of others that never came.
    pub missed: u64,
    /// Packets that came.
    pub packets: u64,
    /// By how much their own latest packet was late, by the client's fault.
    pub late: Duration,
}

impl OverloadStage {
    pub(super) fn longest_gap(&self) -> Duration {
        self.seated.iter().map(|seated| seated.longest_gap).max().unwrap_or(Duration::MAX)
    }

    /// The longest time by which the client itself made a gap longer.
    pub(super) fn own_fault(&self) -> Duration {
        let late = self.seated.iter().map(|seated| seated.late).max().unwrap_or_default();
        late.max(self.blind.at(1.0))
    }

    pub(super) fn is_whole(&self) -> bool {
        !self.seated.is_empty()
            && self.lost.is_empty()
            && self.seated.iter().all(|seated| seated.voices == self.voices_expected)
    }
}

fn as_us<S: serde::Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(time.as_secs_f64() * 1e6)
}

/// The longest that somebody in the audience may hear nothing at all: longer, and people think that they were cut off.
pub const SILENCE_MAX: Duration = Duration::from_secs(1);
/// What fits is what uses such a part of the server's processor time.
const FITS: f64 = 0.8;
