//! A webhook is an event that is told to someone else's server: signed, in order for each room, and again until it arrives or a day has passed.
//!
//! What is to be told lies in the store's outbox, written in the same transaction as the event. One task a target takes it from there; a target that is
//! slow or dead holds up nobody but itself.

mod address;
mod book;
mod config;
mod courier;
mod delivery;
mod message;
mod schedule;
mod secret;
pub mod signature;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub use self::{
    config::{FAMILIES, TARGETS_MAX, Target, TargetFault, WebhookConfig},
    secret::{SecretFault, WebhookSecret},
};
use self::{
    courier::Courier,
    delivery::{Delivery, Outbox},
    schedule::Pace,
};
use crate::{metrics::Counters, store::Store};

/// Starts the delivery to every target. Must be called within a tokio runtime.
pub(crate) fn start(
    config: &WebhookConfig,
    store: &Store,
    counters: &Arc<Counters>,
    shutdown: &CancellationToken,
    tasks: &TaskTracker,
) {
    deliver(config, store, counters, Pace::default(), shutdown, tasks);
}

fn deliver<O: Outbox>(
    config: &WebhookConfig,
    outbox: &O,
    counters: &Arc<Counters>,
    pace: Pace,
    shutdown: &CancellationToken,
    tasks: &TaskTracker,
) {
    for (index, target) in config.targets.iter().enumerate() {
        let courier = match Courier::new(target, config.allow_private, pace.try_max) {
            Ok(courier) => courier,
            Err(fault) => {
                // Its events wait in the outbox for a configuration that can be used.
                tracing::error!(target_name = target.name, fault, "no webhooks can be sent to this target");
                continue;
            }
        };
        let delivery = Delivery::new(target, index, courier, outbox.clone(), Arc::clone(counters), pace);
        let shutdown = shutdown.clone();
        tasks.spawn(async move {
            tokio::select! {
                () = delivery.run() => {}
                () = shutdown.cancelled() => {}
            }
        });
    }
}
