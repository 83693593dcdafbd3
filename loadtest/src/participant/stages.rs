//! The stages of a join, each as time since the participant held its token.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::clock;

/// When each stage was reached, counted from the start of the join. A stage not reached is `None`.
#[derive(Clone, Copy, Debug, Default)]
pub struct JoinStages {
    /// The WebSocket is open.
    pub socket_open: Option<Duration>,
    /// The own offer exists.
    pub offer_made: Option<Duration>,
    /// `welcome` came.
    pub welcome: Option<Duration>,
    /// A path is found.
    pub ice_connected: Option<Duration>,
    /// The keys exist: audio can flow.
    pub connected: Option<Duration>,
    /// The first packet of anybody's audio came.
    pub first_audio: Option<Duration>,
}

/// Notes the stages as they are reached; only the first time counts.
pub(super) struct StageWatch {
    started: Instant,
    reached: Mutex<JoinStages>,
}

impl StageWatch {
    pub(super) fn start(now: Instant) -> Self {
        Self { started: now, reached: Mutex::default() }
    }

    pub(super) fn so_far(&self) -> JoinStages {
        *self.reached.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn socket_open(&self) {
        self.note(clock::now(), |stages| &mut stages.socket_open);
    }

    pub(super) fn offer_made(&self) {
        self.note(clock::now(), |stages| &mut stages.offer_made);
    }

    pub(super) fn welcome(&self) {
        self.note(clock::now(), |stages| &mut stages.welcome);
    }

    pub(super) fn ice_connected(&self) {
        self.note(clock::now(), |stages| &mut stages.ice_connected);
    }

    pub(super) fn connected(&self) {
        self.note(clock::now(), |stages| &mut stages.connected);
    }

    pub(super) fn audio(&self, at: Instant) {
        self.note(at, |stages| &mut stages.first_audio);
    }

    fn note(&self, at: Instant, stage: impl FnOnce(&mut JoinStages) -> &mut Option<Duration>) {
        let mut reached = self.reached.lock().unwrap_or_else(PoisonError::into_inner);
        stage(&mut reached).get_or_insert(at.saturating_duration_since(self.started));
    }
}
