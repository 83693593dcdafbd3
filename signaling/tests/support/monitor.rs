//! A latency monitor that measures nothing: it refuses whom it is told to, and remembers what it was told.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use podium_signaling::{
    ids::{RoomId, SessionId},
    monitor::{Arrival, ClientReport, JoinKind, LatencyMonitor, NotNow, RoomFigures},
    room::{Refusal, Role},
};

/// The monitor of [`FakeMedia`](super::FakeMedia).
#[derive(Default)]
pub struct FakeMonitor {
    /// How many of listeners, guests and hosts are refused, in that order.
    refusing: AtomicUsize,
    /// As what newcomers were asked for.
    pub asked: Mutex<Vec<Role>>,
    pub answered: Mutex<Vec<(SessionId, Arrival, Instant)>>,
    pub not_joined: Mutex<Vec<(JoinKind, &'static str)>>,
    pub reported: Mutex<Vec<(SessionId, ClientReport)>>,
    pub figures: Mutex<Option<RoomFigures>>,
}

impl FakeMonitor {
    /// Refuses listeners (1), guests too (2), everyone (3), or nobody (0).
    pub fn refuse(&self, steps: usize) {
        self.refusing.store(steps, Relaxed);
    }

    pub fn take_asked(&self) -> Vec<Role> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }

    pub fn take_not_joined(&self) -> Vec<(JoinKind, &'static str)> {
        std::mem::take(&mut self.not_joined.lock().unwrap())
    }

    /// The kinds of the joins that were answered.
    pub fn answered_kinds(&self) -> Vec<JoinKind> {
        self.answered.lock().unwrap().iter().map(|(_, arrival, _)| arrival.kind).collect()
    }
}

impl LatencyMonitor for FakeMonitor {
    fn admits_everyone(&self) -> bool {
        self.refusing.load(Relaxed) == 0
    }

    fn refuses_everyone(&self) -> Option<NotNow> {
        (self.refusing.load(Relaxed) >= 3).then_some(NODE_FULL)
    }

    fn admit(&self, role: Role) -> Result<(), NotNow> {
        self.asked.lock().unwrap().push(role);
        let step = match role {
            Role::Listener => 1,
            Role::Guest => 2,
            Role::Host => 3,
        };
        if self.refusing.load(Relaxed) >= step { Err(AT_RISK) } else { Ok(()) }
    }

    fn answered(&self, session: &SessionId, arrival: Arrival, at: Instant) {
        self.answered.lock().unwrap().push((session.clone(), arrival, at));
    }

    fn not_joined(&self, arrival: Arrival, code: &'static str, _: Instant) {
        self.not_joined.lock().unwrap().push((arrival.kind, code));
    }

    fn reported(&self, session: &SessionId, report: ClientReport, _: Instant) {
        self.reported.lock().unwrap().push((session.clone(), report));
    }

    fn figures(&self, _: &RoomId) -> Option<RoomFigures> {
        self.figures.lock().unwrap().clone()
    }
}

/// What those are told who are refused one after the other.
pub const AT_RISK: NotNow = NotNow { refusal: Refusal::LatencyAtRisk, retry_after: Duration::from_millis(3210) };

/// What everyone is told when nobody may come in.
pub const NODE_FULL: NotNow = NotNow { refusal: Refusal::NodeFull, retry_after: Duration::from_millis(9870) };
