//! The directory knows the rooms by name. It is the one map that several tasks share, and it hides its lock: nobody ever holds an entry of it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use dashmap::DashMap;
use tokio::sync::{Mutex, MutexGuard, OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    everywhere::Everywhere,
    handle::{FACTS_MAX, MAIL_MAX, RoleGauge, RoomHandle},
    memories::Memories,
    places::Places,
    task::RoomTask,
};
use crate::{
    clock,
    ids::RoomId,
    media::{MediaFact, MediaPlane},
    metrics::{Counters, Population},
    protocol::{
        body::RoomSummary,
        server::{
            self, LimitsJson,
            lifecycle::{ROOM_CLOSED, ROOM_CREATED, ROOM_RESTORED},
        },
    },
    room::{Calendar, RoleCounts, Room, Settings, Snapshot, Viewer},
    store::{AnswerRow, Batch, EventRow, Store, Ticket},
};

/// The rooms of this process.
pub(crate) struct Directory {
    rooms: DashMap<RoomId, RoomHandle>,
    places: Arc<Semaphore>,
    rooms_max: usize,
    /// Whoever makes a room holds the lock that its name falls on: two do not make the same one.
    making: [Mutex<()>; MAKERS],
    /// What moderators decided in rooms that are over.
    pub(super) memories: Memories,
    generations: AtomicU64,
    pub(super) context: RoomContext,
}

/// What every room's task needs from outside.
#[derive(Clone)]
pub(crate) struct RoomContext {
    pub(crate) media: Arc<dyn MediaPlane>,
    pub(crate) store: Store,
    /// What the rooms' instants are by the calendar. It is the same for as long as the process runs, so that what did not change is written the same.
    pub(crate) calendar: Calendar,
    pub(crate) counters: Arc<Counters>,
    /// Who is banned from all rooms.
    pub(crate) everywhere: Arc<Everywhere>,
    /// How many decisions about people all rooms may remember.
    pub(crate) places: Arc<Places>,
    pub(crate) limits: LimitsJson,
    /// How old a session can be resumed.
    pub(crate) session_max: Duration,
    pub(crate) shutdown: CancellationToken,
    pub(crate) tasks: TaskTracker,
}

/// What became of the wish for a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Creation {
    /// It is there now.
    Created,
    /// It was there before, and is as it was.
    Existed,
    /// There are as many rooms as there may be.
    Full,
    /// It could not be written down, so it was not made.
    Unstored,
}

/// Writes down what is answered to whoever had the room made, from its first picture.
pub(crate) type RememberRoom = Box<dyn FnOnce(&Snapshot) -> AnswerRow + Send>;

impl Directory {
    pub(crate) fn new(rooms_max: usize, context: RoomContext) -> Arc<Self> {
        Arc::new(Self {
            rooms: DashMap::new(),
            places: Arc::new(Semaphore::new(rooms_max.min(Semaphore::MAX_PERMITS))),
            rooms_max,
            making: std::array::from_fn(|_| Mutex::new(())),
            memories: Memories::default(),
            generations: AtomicU64::new(0),
            context,
        })
    }

    /// The room of that name.
    pub(crate) fn find(&self, id: &RoomId) -> Option<RoomHandle> {
        self.rooms.get(id).map(|entry| entry.value().clone())
    }

    /// Returns whether more than half of all rooms that may be are there.
    pub(crate) fn is_crowded(&self) -> bool {
        self.places.available_permits() < self.rooms_max.div_ceil(2)
    }

    /// Makes a room unless it is there, and writes it down first, together with what is answered to whoever asked with an idempotency key. Must be called
    /// within a tokio runtime.
    pub(crate) async fn create(
        self: &Arc<Self>,
        id: &RoomId,
        settings: Settings,
        remember: Option<RememberRoom>,
    ) -> Creation {
        let _making = self.lock_name(id).await;
        if self.find(id).is_some() {
            return Creation::Existed;
        }
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            return Creation::Full;
        };
        let now = clock::now();
        let rows = self.memories.rows(id);
        let mut room = match Room::remembering(id.clone(), settings, &rows, &self.context.calendar, now) {
            Ok(room) => room,
            Err(error) => {
                tracing::error!(%error, room = %id, "what is remembered of a room cannot be read; it is not made");
                return Creation::Unstored;
            }
        };
        let answer = remember.map(|remember| remember(&room.snapshot(&Viewer::Admin, now)));
        let created = EventRow { kind: ROOM_CREATED, seq: 0, body: server::lifecycle::room_created(id).into() };
        let batch = Batch {
            room: Some(id.clone()),
            at_ms: clock::unix_millis(),
            state: room.take_changes(&self.context.calendar),
            events: vec![created],
            answers: answer.into_iter().collect(),
            now_or_never: true,
            ..Batch::default()
        };
        let mut ticket = self.context.store.write(batch);
        let is_refused = ticket.outcome() == Some(false);
        if !ticket.is_durable_by(now + STORED_WITHIN).await {
            if !is_refused {
                self.unmake(id);
            }
            return Creation::Unstored;
        }
        self.open(room, Some(place), ticket);
        self.memories.drop(id);
        Creation::Created
    }

    /// Nobody else makes or changes a room of this name while the lock is held.
    pub(super) async fn lock_name(&self, id: &RoomId) -> MutexGuard<'_, ()> {
        self.making[self.rooms.hash_usize(id) % MAKERS].lock().await
    }

    /// The handles of all rooms.
    pub(super) fn handles(&self) -> Vec<RoomHandle> {
        self.rooms.iter().map(|entry| entry.value().clone()).collect()
    }

    /// A room that was not made in time may still come to be written down: it goes again then.
    fn unmake(&self, id: &RoomId) {
        let closed = EventRow { kind: ROOM_CLOSED, seq: 0, body: server::lifecycle::room_closed(id).into() };
        let batch = Batch {
            room: Some(id.clone()),
            at_ms: clock::unix_millis(),
            events: vec![closed],
            ends: true,
            ..Batch::default()
        };
        // Nobody was told that there is a room, so nobody waits.
        let _later = self.context.store.write(batch);
    }

    /// Takes in a room that the store knows. It has a place even where there is none for new ones. Must be called within a tokio runtime.
    pub(crate) fn take_in(self: &Arc<Self>, room: Room) {
        let (id, at_ms) = (room.id(), clock::unix_millis());
        let body = server::lifecycle::room_restored(id).into();
        let events = vec![EventRow { kind: ROOM_RESTORED, seq: room.seq(), body }];
        // It is news for back ends; nobody waits for it.
        let told = self.context.store.write(Batch { room: Some(id.clone()), at_ms, events, ..Batch::default() });
        let place = Arc::clone(&self.places).try_acquire_owned().ok();
        self.context.places.moved(0, room.decisions());
        self.open(room, place, told);
    }

    /// Takes in what is remembered of a room that is over.
    pub(crate) fn take_in_memory(&self, room: &Room) {
        self.context.places.moved(0, room.decisions());
        self.memories.keep(room, &self.context.calendar);
    }

    fn open(self: &Arc<Self>, room: Room, place: Option<OwnedSemaphorePermit>, written: Ticket) {
        let (handle, task) = self.task(room, place, written);
        self.rooms.insert(task.id().clone(), handle);
        self.context.tasks.spawn(task.run());
    }

    /// Forgets a room, unless another one has taken its name since.
    pub(crate) fn remove(&self, id: &RoomId, generation: u64) {
        self.rooms.remove_if(id, |_, handle| handle.generation == generation);
    }

    /// Puts a fact into its room's mailbox. False if that is full: try again later. A room that is over takes everything.
    pub(crate) fn deliver(&self, id: &RoomId, fact: MediaFact) -> bool {
        let Some(handle) = self.find(id) else {
            return true;
        };
        match handle.facts.try_send(fact) {
            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => true,
            Err(mpsc::error::TrySendError::Full(_)) => {
                self.context.counters.facts_deferred.add_one();
                false
            }
        }
    }

    /// How many rooms and people there are.
    pub(crate) fn population(&self) -> Population {
        let mut population = Population::default();
        for entry in &self.rooms {
            let RoleCounts { hosts, guests, listeners } = entry.value().roles.counts();
            population.rooms += 1;
            population.roles.hosts += hosts;
            population.roles.guests += guests;
            population.roles.listeners += listeners;
        }
        population
    }

    /// Up to `rooms_max` rooms whose id is greater than `after`, by id.
    pub(crate) fn list(&self, after: Option<&RoomId>, rooms_max: usize) -> Vec<RoomSummary> {
        let is_after = |id: &RoomId| after.is_none_or(|after| id > after);
        let mut rooms: Vec<_> = self
            .rooms
            .iter()
            .filter(|entry| is_after(entry.key()))
            .map(|entry| RoomSummary::new(entry.key().clone(), entry.value().roles.counts()))
            .collect();
        rooms.sort_unstable_by(|one, other| one.id.cmp(&other.id));
        rooms.truncate(rooms_max);
        rooms
    }

    fn task(
        self: &Arc<Self>,
        room: Room,
        place: Option<OwnedSemaphorePermit>,
        written: Ticket,
    ) -> (RoomHandle, RoomTask) {
        let (mail, mailbox) = mpsc::channel(MAIL_MAX);
        let (facts, fact_box) = mpsc::channel(FACTS_MAX);
        let handle = RoomHandle {
            generation: self.generations.fetch_add(1, Relaxed),
            mail,
            facts,
            roles: Arc::new(RoleGauge::default()),
        };
        let entry = RoomEntry {
            id: room.id().clone(),
            generation: handle.generation,
            directory: Arc::downgrade(self),
            media: Arc::clone(&self.context.media),
            _place: place,
        };
        let task =
            RoomTask::new(room, entry, mailbox, fact_box, Arc::clone(&handle.roles), self.context.clone(), written);
        (handle, task)
    }
}

/// A room's entry in the directory. However its task ends, the name is free again and the media plane forgets the room.
pub(crate) struct RoomEntry {
    pub(crate) id: RoomId,
    generation: u64,
    directory: std::sync::Weak<Directory>,
    media: Arc<dyn MediaPlane>,
    _place: Option<OwnedSemaphorePermit>,
}

impl RoomEntry {
    /// The room is over: what moderators decided in it is remembered under its name.
    pub(crate) fn remember(&self, room: &Room) {
        if let Some(directory) = self.directory.upgrade() {
            directory.memories.keep(room, &directory.context.calendar);
        }
    }
}

impl Drop for RoomEntry {
    fn drop(&mut self) {
        // The media plane first: a room made anew under this name must not be closed by its predecessor's end.
        self.media.room_closed(&self.id);
        if let Some(directory) = self.directory.upgrade() {
            directory.remove(&self.id, self.generation);
        }
    }
}

/// How many rooms can be made at once.
const MAKERS: usize = 64;

/// How long the making of a room may wait for the disk.
const STORED_WITHIN: Duration = Duration::from_secs(5);
