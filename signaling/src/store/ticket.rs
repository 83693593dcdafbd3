//! A ticket tells whether what was handed to the store has come to rest on the disk.

use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::clock;

/// Whether a batch is on the disk: not known yet, yes, or no.
#[derive(Debug, Clone)]
pub(crate) struct Ticket(Fate);

#[derive(Debug, Clone)]
enum Fate {
    Known(bool),
    /// The batches that are committed together share one.
    Awaited(watch::Receiver<Option<bool>>),
}

impl Ticket {
    /// Its fate is known already.
    pub(crate) fn settled(is_durable: bool) -> Self {
        Self(Fate::Known(is_durable))
    }

    /// Its fate is told by whoever holds the other end; if that is dropped, the batch is not on the disk.
    pub(crate) fn awaited(fate: watch::Receiver<Option<bool>>) -> Self {
        Self(Fate::Awaited(fate))
    }

    /// Whether the batch is on the disk, if that is known.
    pub(crate) fn outcome(&self) -> Option<bool> {
        match &self.0 {
            Fate::Known(is_durable) => Some(*is_durable),
            Fate::Awaited(fate) => {
                let known = *fate.borrow();
                known.or_else(|| fate.has_changed().is_err().then_some(false))
            }
        }
    }

    /// Waits until it is known whether the batch is on the disk, [`PATIENCE`] at most. Whatever takes longer counts as not on the disk.
    pub(crate) async fn is_durable(&mut self) -> bool {
        self.is_durable_by(clock::now() + PATIENCE).await
    }

    /// Waits until it is known whether the batch is on the disk, or it is so late.
    pub(crate) async fn is_durable_by(&mut self, deadline: Instant) -> bool {
        match &mut self.0 {
            Fate::Known(is_durable) => *is_durable,
            Fate::Awaited(fate) => {
                let known = clock::timeout_at(deadline, fate.wait_for(Option::is_some)).await;
                known.is_ok_and(|fate| fate.is_ok_and(|fate| *fate == Some(true)))
            }
        }
    }
}

/// How long an answer waits for the disk.
pub(crate) const PATIENCE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]

    use super::*;

    #[tokio::test]
    async fn a_ticket_tells_what_became_of_its_batch_and_gives_up_in_the_end() {
        assert!(Ticket::settled(true).is_durable().await);
        let (teller, fate) = watch::channel(None);
        let mut ticket = Ticket::awaited(fate);
        assert_eq!(ticket.outcome(), None);
        assert!(!ticket.is_durable().await, "nobody said anything for so long");
        teller.send(Some(true)).unwrap();
        assert!(ticket.is_durable().await);
        assert_eq!(ticket.outcome(), Some(true));
        let (teller, fate) = watch::channel(None);
        drop(teller);
        assert_eq!(Ticket::awaited(fate).outcome(), Some(false), "whoever was to write it is gone");
    }
}
