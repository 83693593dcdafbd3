//! Held replies are answers of a session that wait until it is known whether what they acknowledge is on the disk.
//!
//! What else the session is told goes on meanwhile. An answer waits for a bounded time, and only so many wait: beyond that it says that it is not known.

use std::{collections::VecDeque, future::pending, time::Instant};

use crate::{
    clock,
    protocol::server,
    rooms::line::{Frame, HeldReply},
    store::PATIENCE,
};

/// The replies of one session that wait, in the order of their requests.
#[derive(Debug, Default)]
pub(super) struct HeldReplies {
    waiting: VecDeque<(HeldReply, Instant)>,
}

impl HeldReplies {
    /// Takes in a reply; gives it back to be written at once if too many wait.
    pub(super) fn push(&mut self, reply: HeldReply) -> Option<Frame> {
        if self.waiting.len() >= HELD_MAX {
            return Some(in_memory(&reply));
        }
        self.waiting.push_back((reply, clock::now() + PATIENCE));
        None
    }

    /// Waits for the fate of the first one, and gives what is to be written; for ever, if none waits.
    pub(super) async fn next(&mut self) -> Frame {
        let Some((reply, deadline)) = self.waiting.front_mut() else {
            return pending().await;
        };
        let is_durable = reply.ticket.is_durable_by(*deadline).await;
        let frame = if is_durable { reply.frame.clone() } else { in_memory(reply) };
        self.waiting.pop_front();
        frame
    }

    /// Whether none waits.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

fn in_memory(HeldReply { request, done, .. }: &HeldReply) -> Frame {
    server::reply_ok_in_memory(request, done).into()
}

/// How many replies of a session wait for the disk.
const HELD_MAX: usize = 64;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]

    use tokio::sync::watch;

    use super::*;
    use crate::{
        ids::RequestId,
        room::Done,
        store::{Settled, Ticket},
    };

    fn reply(name: &str, ticket: Ticket) -> HeldReply {
        let request = RequestId::parse(name).unwrap();
        HeldReply { ticket, frame: name.into(), request, done: Done::default() }
    }

    #[tokio::test]
    async fn replies_wait_for_the_disk_and_go_in_order() {
        let mut held = HeldReplies::default();
        let (teller, fate) = watch::channel(None::<Settled>);
        for name in ["a", "b"] {
            assert_eq!(held.push(reply(name, Ticket::awaited(fate.clone(), 0))), None);
        }
        assert_eq!(held.push(reply("c", Ticket::settled(false))), None);
        teller.send(Some(Settled { is_durable: true, events_before: 0 })).unwrap();
        assert_eq!(held.next().await, "a");
        assert_eq!(held.next().await, "b");
        assert!(held.next().await.contains(r#""durable":false"#));
        assert!(held.is_empty());
    }

    #[test]
    fn when_too_many_wait_an_answer_says_that_it_is_not_known() {
        let (_teller, fate) = watch::channel(None::<Settled>);
        let mut held = HeldReplies::default();
        for _ in 0..HELD_MAX {
            assert_eq!(held.push(reply("a", Ticket::awaited(fate.clone(), 0))), None);
        }
        assert!(held.push(reply("b", Ticket::awaited(fate, 0))).unwrap().contains(r#""durable":false"#));
    }
}
