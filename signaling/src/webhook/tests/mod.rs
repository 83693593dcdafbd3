//! Delivery as targets see it: over real sockets, from an outbox in memory.
#![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]

mod outbox;
mod stories;
mod target;
mod trouble;

use std::{sync::Arc, time::Duration};

use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{Target, WebhookConfig, WebhookSecret, deliver, schedule::Pace};
use crate::metrics::{Counters, TargetCounts, TryOutcome};

use outbox::FakeOutbox;
use target::{Answer, FakeTarget, Received};

/// Delivery from an outbox to some targets.
struct World {
    outbox: FakeOutbox,
    counters: Arc<Counters>,
    shutdown: CancellationToken,
    tasks: TaskTracker,
}

impl World {
    /// Delivers to these addresses, whose names are `a`, `b` and so on.
    fn start(outbox: &FakeOutbox, urls: &[String]) -> Self {
        Self::configured(outbox, urls, |_| {}, PACE)
    }

    fn configured(outbox: &FakeOutbox, urls: &[String], change: impl Fn(&mut WebhookConfig), pace: Pace) -> Self {
        let targets = urls.iter().zip(["a", "b", "c"]).map(|(url, name)| Target {
            name: name.to_owned(),
            url: url.clone(),
            secrets: vec![secret(1)],
            kinds: Vec::new(),
        });
        let mut config = WebhookConfig { targets: targets.collect(), allow_private: true };
        change(&mut config);
        let webhooks = config.targets.iter().map(|target| TargetCounts::of(&target.name)).collect();
        let world = Self {
            outbox: outbox.clone(),
            counters: Arc::new(Counters { webhooks, ..Counters::default() }),
            shutdown: CancellationToken::new(),
            tasks: TaskTracker::new(),
        };
        deliver(&config, &world.outbox, &world.counters, pace, &world.shutdown, &world.tasks);
        world
    }

    fn counted(&self, target: usize, outcome: TryOutcome) -> u64 {
        self.counters.webhooks[target].tries.value(outcome)
    }

    /// Waits until something is so.
    async fn until(&self, what: &str, holds: impl Fn() -> bool) {
        let waited = async {
            while !holds() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        assert!(tokio::time::timeout(PATIENCE, waited).await.is_ok(), "never: {what}");
    }

    /// Ends delivery as a shutdown does.
    async fn stop(self) {
        self.shutdown.cancel();
        self.tasks.close();
        tokio::time::timeout(PATIENCE, self.tasks.wait()).await.unwrap();
    }
}

fn secret(byte: u8) -> WebhookSecret {
    WebhookSecret::new(vec![byte; 32])
}

/// As in earnest, but quick.
const PACE: Pace = Pace {
    try_max: Duration::from_millis(400),
    wait_first: Duration::from_millis(20),
    wait_max: Duration::from_millis(80),
    whole: Duration::from_secs(24 * 60 * 60),
};
/// Much longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);
