//! A ticket tells whether what was handed to the store has come to rest on the disk.

use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::clock;

/// Whether a batch is on the disk (not known yet, yes, or no), and which event of the log was its last.
#[derive(Debug, Clone)]
pub(crate) struct Ticket(Fate);

#[derive(Debug, Clone)]
enum Fate {
    Known(bool),
    /// The batches that are committed together share one. `events` of them are this batch's and those before it.
    Awaited {
        group: watch::Receiver<Option<Settled>>,
        events: u64,
    },
    /// What is kept in memory is as durable as it can be, and only its number is awaited.
    InMemory {
        group: watch::Receiver<Option<Settled>>,
        events: u64,
    },
}

/// What became of the batches that were written together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Settled {
    pub(crate) is_durable: bool,
    /// The last event of the log before them.
    pub(crate) events_before: u64,
}

impl Ticket {
    /// Its fate is known already, and its number is not.
    pub(crate) fn settled(is_durable: bool) -> Self {
        Self(Fate::Known(is_durable))
    }

    /// Its fate is told by whoever holds the other end; if that is dropped, the batch is not on the disk. The last event of the batch is number `events` in
    /// its group.
    pub(crate) fn awaited(group: watch::Receiver<Option<Settled>>, events: u64) -> Self {
        Self(Fate::Awaited { group, events })
    }

    /// It holds already, and its number is told by whoever holds the other end.
    pub(crate) fn in_memory(group: watch::Receiver<Option<Settled>>, events: u64) -> Self {
        Self(Fate::InMemory { group, events })
    }

    /// Whether the batch is on the disk, if that is known.
    pub(crate) fn outcome(&self) -> Option<bool> {
        match &self.0 {
            Fate::Known(is_durable) => Some(*is_durable),
            Fate::InMemory { .. } => Some(true),
            Fate::Awaited { group, .. } => {
                let known = group.borrow().map(|settled| settled.is_durable);
                known.or_else(|| group.has_changed().is_err().then_some(false))
            }
        }
    }

    /// The last event of the log when the batch was written, as soon as it is.
    pub(crate) fn event_id(&self) -> Option<u64> {
        match &self.0 {
            Fate::Known(_) => None,
            Fate::Awaited { group, events } | Fate::InMemory { group, events } => {
                let settled = (*group.borrow())?;
                settled.is_durable.then_some(settled.events_before + events)
            }
        }
    }

    /// Waits for the number of the last event, [`PATIENCE`] at most.
    pub(crate) async fn written_event_id(&mut self) -> Option<u64> {
        match &mut self.0 {
            Fate::Known(_) => return None,
            Fate::Awaited { group, .. } | Fate::InMemory { group, .. } => {
                let _told = clock::timeout(PATIENCE, group.wait_for(Option::is_some)).await.ok()?.ok()?;
            }
        }
        self.event_id()
    }

    /// Waits until it is known whether the batch is on the disk, [`PATIENCE`] at most. Whatever takes longer counts as not on the disk.
    pub(crate) async fn is_durable(&mut self) -> bool {
        self.is_durable_by(clock::now() + PATIENCE).await
    }

    /// Waits until it is known whether the batch is on the disk, or it is so late.
    pub(crate) async fn is_durable_by(&mut self, deadline: Instant) -> bool {
        match &mut self.0 {
            Fate::Known(is_durable) => *is_durable,
            Fate::InMemory { .. } => true,
            Fate::Awaited { group, .. } => {
                let known = clock::timeout_at(deadline, group.wait_for(Option::is_some)).await;
                known.is_ok_and(|told| told.is_ok_and(|told| told.is_some_and(|settled| settled.is_durable)))
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
        let mut ticket = Ticket::awaited(fate, 3);
        assert_eq!(ticket.outcome(), None);
        assert!(!ticket.is_durable().await, "nobody said anything for so long");
        assert_eq!(ticket.event_id(), None);
        teller.send(Some(Settled { is_durable: true, events_before: 40 })).unwrap();
        assert!(ticket.is_durable().await);
        assert_eq!((ticket.event_id(), ticket.written_event_id().await), (Some(43), Some(43)));
        assert_eq!(ticket.outcome(), Some(true));
        let (teller, fate) = watch::channel(None::<Settled>);
        drop(teller);
        assert_eq!(Ticket::awaited(fate, 0).outcome(), Some(false), "whoever was to write it is gone");
    }
}
