//! The report on restarts: how soon a server is ready that finds much in its store.

use std::time::Duration;

use serde::Serialize;

use super::{Outcome, right_aligned};

/// What a run measured.
#[derive(Clone, Debug, Default)]
pub struct RestartFigures {
    /// Rooms in the store.
    pub rooms: u64,
    /// Rooms that were there again, after the restart that found the fewest.
    pub rooms_found: u64,
    /// Events in the log.
    pub events: u64,
    /// The size of the store's files.
    pub bytes: u64,
    /// From each start until the server was ready.
    pub ready: Vec<Duration>,
    /// Memory of the server after the last start.
    pub resident_kb: u64,
}

/// A finished report.
#[derive(Clone, Debug, Serialize)]
pub struct RestartReport {
    scenario: &'static str,
    seed: u64,
    rooms: u64,
    rooms_found: u64,
    events: u64,
    bytes: u64,
    ready_ms: Vec<f64>,
    ready_limit_ms: f64,
    server_resident_kb: u64,
    passed: bool,
}

impl RestartReport {
    /// Judges what was measured.
    pub fn new(seed: u64, figures: &RestartFigures) -> Self {
        let is_soon = figures.ready.iter().all(|ready| *ready <= READY_MAX) && !figures.ready.is_empty();
        Self {
            scenario: "restart",
            seed,
            rooms: figures.rooms,
            rooms_found: figures.rooms_found,
            events: figures.events,
            bytes: figures.bytes,
            ready_ms: figures.ready.iter().map(|ready| ready.as_secs_f64() * 1000.0).collect(),
            ready_limit_ms: READY_MAX.as_secs_f64() * 1000.0,
            server_resident_kb: figures.resident_kb,
            passed: is_soon && figures.rooms_found == figures.rooms && figures.rooms > 0,
        }
    }

    /// Whether the server was ready in time with all that it had to find.
    pub fn outcome(&self) -> Outcome {
        Outcome::of(self.passed, true)
    }

    /// For machines.
    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a report is plain values")
    }

    /// For people.
    pub fn tables(&self) -> String {
        let mut table = right_aligned(["restart", "ready after (ms)"]);
        for (number, ready) in self.ready_ms.iter().enumerate() {
            table.add_row([(number + 1).to_string(), format!("{ready:.0}")]);
        }
        format!(
            "restart (seed {}): {} rooms, {} events, {:.1} MB\n{table}\n{} rooms were there again; server: {} kB resident\n\
             {}: ready within {:.0} ms after SIGKILL\n",
            self.seed,
            self.rooms,
            self.events,
            self.bytes as f64 / 1e6,
            self.rooms_found,
            self.server_resident_kb,
            if self.passed { "kept" } else { "MISSED" },
            self.ready_limit_ms,
        )
    }
}

/// From the start of the process to its readiness.
const READY_MAX: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restart_is_good_only_if_it_is_soon_and_whole() {
        let good = RestartFigures { rooms: 3, rooms_found: 3, ready: vec![READY_MAX], ..RestartFigures::default() };
        let slow = RestartFigures { ready: vec![READY_MAX, READY_MAX + Duration::from_millis(1)], ..good.clone() };
        let lossy = RestartFigures { rooms_found: 2, ..good.clone() };
        let never = RestartFigures { ready: Vec::new(), ..good.clone() };
        assert_eq!(RestartReport::new(1, &good).outcome(), Outcome::Kept);
        for bad in [slow, lossy, never] {
            let report = RestartReport::new(1, &bad);
            assert!(report.outcome() == Outcome::Missed && report.tables().contains("MISSED"), "{bad:?}");
        }
    }
}
