//! A mailbox carries commands from the control plane to one worker.
//!
//! Offers to open wait in a bounded queue and are refused when it is full. Plans and closings may never be lost, so they are not queued: the newest
//! plan of each room waits, and each closing once, however long the worker takes.

use std::collections::{HashMap, HashSet};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Mutex, PoisonError};

use nix::errno::Errno;
use nix::sys::eventfd::{EfdFlags, EventFd};
use tokio::sync::oneshot;

use crate::engine::command::{Command, Ladder, Open, Plan, Restart, RoomKey, TransportKey};

/// One worker's mailbox. Any thread may post; the worker takes.
#[derive(Debug)]
pub struct Mailbox {
    waiting: Mutex<Waiting>,
    wake: EventFd,
}

#[derive(Debug, Default)]
struct Waiting {
    opens: Vec<(Box<Open>, oneshot::Sender<()>)>,
    restarts: HashMap<TransportKey, (Restart, oneshot::Sender<bool>)>,
    plans: HashMap<RoomKey, Plan>,
    closes: HashSet<TransportKey>,
    rooms_closed: HashSet<RoomKey>,
    ladder: Option<Ladder>,
    stop: bool,
}

/// What a worker takes at once, in the order to carry it out.
#[derive(Debug, Default)]
pub struct Mail {
    /// Transports to open, and whom to tell when it is done.
    pub opens: Vec<(Box<Open>, oneshot::Sender<()>)>,
    /// Restarts, and whom to tell whether the transport is still there.
    pub restarts: Vec<(Restart, oneshot::Sender<bool>)>,
    /// The rest.
    pub commands: Vec<Command>,
    /// The worker ends.
    pub stop: bool,
}

/// The queue of transports to open is full.
#[derive(Debug, PartialEq, Eq)]
pub struct Full;

impl Mailbox {
    /// An empty mailbox.
    ///
    /// # Errors
    ///
    /// If the process has no descriptor left.
    pub fn new() -> Result<Self, Errno> {
        Ok(Self {
            waiting: Mutex::default(),
            wake: EventFd::from_flags(EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC)?,
        })
    }

    /// Asks for a transport; the receiver fires when the engine has it.
    ///
    /// # Errors
    ///
    /// [`Full`] when [`OPENS_MAX`] wait already.
    pub fn open(&self, open: Open) -> Result<oneshot::Receiver<()>, Full> {
        let (done, opened) = oneshot::channel();
        self.post(|waiting| {
            if waiting.opens.len() >= OPENS_MAX {
                return Err(Full);
            }
            waiting.opens.push((Box::new(open), done));
            Ok(())
        })?;
        Ok(opened)
    }

    /// Asks for a restart; the receiver tells whether the engine has that transport. The newest restart of a transport waits, and it alone:
    /// whoever asked for one before learns that by its sender going away.
    pub fn restart(&self, restart: Restart) -> oneshot::Receiver<bool> {
        let (done, restarted) = oneshot::channel();
        self.post(|waiting| waiting.restarts.insert(restart.transport, (restart, done)));
        restarted
    }

    /// Posts a room's newest plan. Where it replaces one that nobody has taken yet, what that one was asked for waits since then.
    pub fn plan(&self, mut plan: Plan) {
        self.post(|waiting| {
            if let Some(present) = waiting.plans.get(&plan.room) {
                if present.revision >= plan.revision {
                    return;
                }
                plan.asked_at = plan.asked_at.min(present.asked_at);
            }
            waiting.plans.insert(plan.room, plan);
        });
    }

    /// Posts how far to go to spare the machine. The newest counts.
    pub fn ladder(&self, ladder: Ladder) {
        self.post(|waiting| waiting.ladder = Some(ladder));
    }

    /// Posts the end of a transport.
    pub fn close(&self, transport: TransportKey) {
        self.post(|waiting| {
            // One that waits to be opened need not be: whoever asked for it learns that by its sender going away.
            waiting.opens.retain(|(open, _)| open.transport != transport);
            waiting.restarts.remove(&transport);
            waiting.closes.insert(transport);
        });
    }

    /// Posts the end of a room.
    pub fn close_room(&self, room: RoomKey) {
        self.post(|waiting| {
            waiting.opens.retain(|(open, _)| open.room != room);
            waiting.plans.remove(&room);
            waiting.rooms_closed.insert(room);
        });
    }

    /// Asks the worker to end.
    pub fn stop(&self) {
        self.post(|waiting| waiting.stop = true);
    }

    /// Takes what waits: [`OPENS_A_TURN`] transports to open at most, so that a crowd at the door stalls no voice, and all the rest.
    pub fn take(&self) -> Mail {
        // An empty eventfd answers EAGAIN: then nothing was posted since.
        let _ = self.wake.read();
        let mut guard = self.lock();
        let mut waiting = std::mem::take(&mut *guard);
        if waiting.opens.len() > OPENS_A_TURN {
            guard.opens = waiting.opens.split_off(OPENS_A_TURN);
            let _ = self.wake.write(1);
        }
        drop(guard);
        let plans = waiting.plans.into_values().map(Command::Plan);
        let closes = waiting.closes.into_iter().map(Command::Close);
        let rooms_closed = waiting.rooms_closed.into_iter().map(Command::CloseRoom);
        Mail {
            opens: waiting.opens,
            restarts: waiting.restarts.into_values().collect(),
            commands: plans.chain(closes).chain(rooms_closed).chain(waiting.ladder.map(Command::Ladder)).collect(),
            stop: waiting.stop,
        }
    }

    fn post<T>(&self, change: impl FnOnce(&mut Waiting) -> T) -> T {
        let result = change(&mut self.lock());
        // The counter cannot overflow before the worker has read it 2^64 times.
        let _ = self.wake.write(1);
        result
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Waiting> {
        // Nobody panics while holding it; and a half-done change of these collections would still be sound.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsFd for Mailbox {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }
}

/// Joins that may wait for one worker.
pub const OPENS_MAX: usize = 1_024;
/// Joins that a worker begins in one turn, before it looks at datagrams again: each costs the keys of a handshake, near half a millisecond.
pub const OPENS_A_TURN: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::command::Interrupt;
    use crate::transport::ice_lite::Credentials;

    fn plan(room: u64, revision: u64) -> Plan {
        Plan {
            room: RoomKey(room),
            revision,
            interrupt: Interrupt::Off,
            seats: Vec::new(),
            asked_at: crate::runtime::clock::now(),
        }
    }

    #[test]
    fn only_the_newest_plan_of_a_room_waits() {
        let mailbox = Mailbox::new().expect("a descriptor");
        for revision in [1, 3, 2] {
            mailbox.plan(plan(7, revision));
        }
        mailbox.plan(plan(8, 1));
        let mail = mailbox.take();
        assert_eq!(mail.commands.len(), 2);
        assert!(
            mail.commands
                .iter()
                .any(|command| matches!(command, Command::Plan(plan) if plan.room == RoomKey(7) && plan.revision == 3))
        );
        assert!(mailbox.take().commands.is_empty());
    }

    #[test]
    fn a_plan_that_replaces_another_has_waited_as_long() {
        let mailbox = Mailbox::new().expect("a descriptor");
        let (first, second) = (plan(7, 1), plan(7, 2));
        let asked_at = first.asked_at;
        mailbox.plan(first);
        mailbox.plan(second);
        let mail = mailbox.take();
        assert!(
            matches!(mail.commands.as_slice(), [Command::Plan(plan)] if plan.revision == 2 && plan.asked_at == asked_at)
        );
    }

    #[test]
    fn only_the_newest_step_of_the_ladder_waits() {
        let mailbox = Mailbox::new().expect("a descriptor");
        mailbox.ladder(Ladder { audience_slots: Some(1) });
        mailbox.ladder(Ladder { audience_slots: Some(2) });
        let mail = mailbox.take();
        assert!(matches!(mail.commands.as_slice(), [Command::Ladder(Ladder { audience_slots: Some(2) })]));
        assert!(mailbox.take().commands.is_empty());
    }

    fn restart(random: u8) -> Restart {
        let credentials = Credentials::new(0, [random; 30]);
        Restart { transport: TransportKey(7), credentials, remote_ufrag: "them".to_owned() }
    }

    #[test]
    fn only_the_newest_restart_of_a_transport_waits_and_none_of_a_closed_one() {
        let mailbox = Mailbox::new().expect("a descriptor");
        let mut first = mailbox.restart(restart(1));
        let _second = mailbox.restart(restart(2));
        assert!(first.try_recv().is_err(), "it will not be carried out");
        let restarts = mailbox.take().restarts;
        assert_eq!(restarts.into_iter().map(|(restart, _)| restart).collect::<Vec<_>>(), [restart(2)]);
        let _third = mailbox.restart(restart(3));
        mailbox.close(TransportKey(7));
        assert!(mailbox.take().restarts.is_empty());
    }

    #[test]
    fn a_closed_room_takes_its_plan_along() {
        let mailbox = Mailbox::new().expect("a descriptor");
        mailbox.plan(plan(7, 1));
        mailbox.close_room(RoomKey(7));
        let mail = mailbox.take();
        assert!(matches!(mail.commands.as_slice(), [Command::CloseRoom(RoomKey(7))]));
    }
}
