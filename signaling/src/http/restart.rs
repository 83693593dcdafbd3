//! A restart is one request for new ICE credentials on its way to the media plane and back.
//!
//! A session has one at a time. It waits for the answer beside everything else that it does.

use std::{
    future::{Future, pending},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use crate::{
    clock,
    ids::RequestId,
    media::{MediaPlane, MediaRefusal, RestartIce},
};

/// The restarts of one session.
pub(super) struct Restarts {
    timeout: Duration,
    running: Option<Pin<Box<dyn Future<Output = Restart> + Send>>>,
}

/// What became of one: the answer to the offer, or why there is none.
pub(super) struct Restart {
    pub(super) request: RequestId,
    pub(super) result: Result<String, MediaRefusal>,
}

impl Restarts {
    /// None yet. The media plane has `timeout` to answer each.
    pub(super) fn new(timeout: Duration) -> Self {
        Self { timeout, running: None }
    }

    /// Asks for one, or says when to ask again.
    pub(super) fn begin(
        &mut self,
        request: RequestId,
        ask: RestartIce,
        media: Arc<dyn MediaPlane>,
    ) -> Result<(), Duration> {
        if self.running.is_some() {
            return Err(RETRY_AFTER);
        }
        let timeout = self.timeout;
        self.running = Some(Box::pin(async move {
            let result = match clock::timeout(timeout, media.restart(ask)).await {
                Ok(restarted) => restarted.map(|opened| opened.answer),
                Err(clock::TooLate) => Err(MediaRefusal::Unavailable),
            };
            Restart { request, result }
        }));
        Ok(())
    }

    /// Waits for the one on its way; for ever, if there is none.
    pub(super) async fn next(&mut self) -> Restart {
        let Some(running) = &mut self.running else {
            return pending().await;
        };
        let restart = running.await;
        self.running = None;
        restart
    }
}

const RETRY_AFTER: Duration = Duration::from_secs(1);
