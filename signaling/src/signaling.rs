//! Signaling as a whole, as the server that embeds it sees it.

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use axum::Router;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::info;

use crate::{
    auth::Denied,
    clock,
    config::SignalingConfig,
    http::{self, addresses::Addresses, idempotency::Answers, pending::PendingJoins, readers::Readers},
    ids::RoomId,
    limit::{Buckets, ClientAddress},
    media::{MediaFact, MediaPlane},
    metrics::{Counters, HttpCounts, Population, TargetCounts},
    monitor::LatencyEvent,
    paces::Paces,
    protocol::server::{self, LimitsJson},
    room::{Calendar, Refusal, RoleCounts, Room, Settings},
    rooms::{
        directory::{Creation, Directory, RoomContext},
        everywhere::Everywhere,
        handle::RoomHandle,
        places::{PLACES_MAX, Places},
    },
    store::{Batch, EventRow, Health, OpenError, SavedRoom, Store, StoreConfig, TargetFilter},
    webhook,
};

/// Rooms and the ways into them. Cloning shares it.
#[derive(Clone)]
pub struct Signaling {
    shared: Arc<Shared>,
}

/// What the HTTP side shares.
pub(crate) struct Shared {
    pub(crate) config: SignalingConfig,
    pub(crate) media: Arc<dyn MediaPlane>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) addresses: Addresses,
    /// Places for sockets that have not joined yet.
    pub(crate) pending_joins: PendingJoins,
    /// Whose joins make rooms, by address. It counts when many rooms are there.
    pub(crate) room_makers: Mutex<Buckets<ClientAddress>>,
    /// How fast each identity may do what it does in a room.
    pub(crate) paces: Paces,
    /// What was answered to requests with an idempotency key.
    pub(crate) answers: Answers,
    /// The readers of the store's logs.
    pub(crate) readers: Readers,
    pub(crate) store: Store,
    pub(crate) shutdown: CancellationToken,
    pub(crate) tasks: TaskTracker,
    draining: AtomicBool,
}

impl Shared {
    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Relaxed)
    }

    /// Returns whether a join from this address may make a room now. When few rooms are left, one address has its share of them only.
    pub(crate) fn may_make_room(&self, address: ClientAddress) -> bool {
        let mut makers = self.room_makers.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = makers.take(address, clock::now());
        taken.is_ok() || !self.directory.is_crowded()
    }

    /// A token opened nothing. Nothing of it is logged but its key's id and the name of a claim.
    pub(crate) fn note_denied(&self, denied: &Denied) {
        self.counters.tokens_refused.add_one(denied.reason());
        // The key's id may be anybody's text, and so its quotes stay.
        info!(reason = denied.reason().label(), key = ?denied.key_id().unwrap_or_default(), claim = denied.claim(), "token refused");
    }

    /// The room of this name.
    pub(crate) fn room(&self, id: &RoomId) -> Result<RoomHandle, Refusal> {
        self.directory.find(id).ok_or_else(|| self.why_gone(Refusal::RoomNotFound))
    }

    /// Why a room does not answer. When the server goes down its rooms' tasks end, but no room is over: nobody may believe so, or be told so again.
    pub(crate) fn why_gone(&self, refusal: Refusal) -> Refusal {
        let is_gone = refusal == Refusal::RoomNotFound || refusal == Refusal::RoomClosed;
        if is_gone && self.shutdown.is_cancelled() { Refusal::Draining } else { refusal }
    }
}

impl Signaling {
    /// Signaling on top of a media plane, with the rooms that the store knows. It reads the store before it returns, and must be called within a tokio
    /// runtime.
    ///
    /// # Errors
    ///
    /// The store cannot be opened.
    pub fn open(config: SignalingConfig, media: Arc<dyn MediaPlane>) -> Result<Self, OpenError> {
        let targets = config.webhooks.targets.iter();
        let targets = targets.map(|target| TargetFilter { name: target.name.clone(), kinds: target.kinds.clone() });
        let store = StoreConfig { targets: targets.collect(), ..config.store.clone() };
        let path = store.path.clone().unwrap_or_default();
        let calendar = Calendar { now: clock::now(), unix_ms: clock::unix_millis() };
        let settings = config.settings.clone();
        let restored = |saved: &SavedRoom| {
            let (SavedRoom { id, state }, now) = (saved, clock::now());
            let room = if saved.is_over() {
                Room::remembering(id.clone(), settings.clone(), state, &calendar, now)
            } else {
                Room::restore(id.clone(), settings.clone(), state, &calendar, now)
            };
            room.map(|room| (room, saved.is_over())).map_err(|error| format!("room {id}: {error}"))
        };
        let (store, recovered) = Store::open(&store, &|room| restored(room).map(drop))?;
        let everywhere = Everywhere::restore(&recovered.everywhere);
        let everywhere = everywhere.map_err(|why| OpenError::Damaged { path: path.clone(), why })?;
        let webhooks = config.webhooks.targets.iter().map(|target| TargetCounts::of(&target.name)).collect();
        let http = HttpCounts::of(http::route_names());
        let counters = Arc::new(Counters { webhooks, http, ..Counters::default() });
        let (shutdown, tasks) = (CancellationToken::new(), TaskTracker::new());
        let limits = limits_of(&config);
        let context = RoomContext {
            media: Arc::clone(&media),
            store: store.clone(),
            calendar,
            counters: Arc::clone(&counters),
            everywhere: Arc::new(everywhere),
            places: Arc::new(Places::new(PLACES_MAX)),
            limits,
            session_max: config.limits.session_max,
            shutdown: shutdown.clone(),
            tasks: tasks.clone(),
        };
        let directory = Directory::new(config.limits.rooms_max, context);
        // All of them before any of them begins to live.
        let rooms = recovered.rooms.iter().map(restored).collect::<Result<Vec<_>, _>>();
        for (room, is_over) in rooms.map_err(|why| OpenError::Damaged { path, why })? {
            if is_over {
                directory.take_in_memory(&room);
            } else {
                directory.take_in(room);
            }
        }
        let addresses = Addresses::new(config.limits.sessions_per_address, config.limits.sessions_max);
        let pending_joins = PendingJoins::new(&config.limits);
        let paces = Paces::new(&config.limits, clock::now());
        let room_makers = Buckets::new(ROOMS_PER_SECOND, ROOMS_AT_ONCE, ROOM_MAKERS_MAX, clock::now());
        let draining = AtomicBool::new(false);
        tasks.spawn(Arc::clone(&directory).let_run_out());
        webhook::start(&config.webhooks, &store, &counters, &shutdown, &tasks);
        Ok(Self {
            shared: Arc::new(Shared {
                config,
                store,
                answers: Answers::restore(recovered.answers, clock::unix_millis()),
                media,
                directory,
                counters,
                addresses,
                pending_joins,
                room_makers: Mutex::new(room_makers),
                paces,
                readers: Readers::default(),
                shutdown,
                tasks,
                draining,
            }),
        })
    }

    /// The HTTP and WebSocket side. It must be served with `into_make_service_with_connect_info::<SocketAddr>()`.
    pub fn router(&self) -> Router {
        http::router(Arc::clone(&self.shared))
    }

    /// Where the media plane's reports go.
    #[must_use]
    pub fn facts(&self) -> FactSink {
        FactSink { directory: Arc::clone(&self.shared.directory) }
    }

    /// Makes a room unless it is there. Must be called within a tokio runtime.
    pub async fn create_room(&self, id: &RoomId, settings: Settings) -> Creation {
        self.shared.directory.create(id, settings, None).await
    }

    /// Writes down what the latency monitor found out or did, for the log of events and for webhooks. Nobody waits for it.
    pub fn record_latency(&self, event: &LatencyEvent) {
        let room = event.room();
        // Rooms count their own events; this one has the number of the last before it.
        let seq = room.and_then(|room| self.shared.directory.find(room)).map_or(0, |handle| handle.roles.seq());
        let body = server::latency_event(event).into();
        let events = vec![EventRow { kind: server::latency_kind(event), seq, body }];
        let at_ms = clock::unix_millis();
        let _later = self.shared.store.write(Batch { room: room.cloned(), at_ms, events, ..Batch::default() });
    }

    /// How it is with the disk.
    #[must_use]
    pub fn store_health(&self) -> Health {
        self.shared.store.health()
    }

    /// What was counted.
    #[must_use]
    pub fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.shared.counters)
    }

    /// How many rooms and people there are now.
    #[must_use]
    pub fn population(&self) -> Population {
        self.shared.directory.population()
    }

    /// How many people are in a room, the hidden too.
    #[must_use]
    pub fn people_in(&self, room: &RoomId) -> usize {
        let RoleCounts { hosts, guests, listeners } =
            self.shared.directory.find(room).map(|handle| handle.roles.counts()).unwrap_or_default();
        hosts + guests + listeners
    }

    /// How many decisions about people (bans, denials, mutes, given ranks) all rooms remember, and how many they may.
    #[must_use]
    pub fn decision_places(&self) -> (usize, usize) {
        self.shared.directory.decision_places()
    }

    /// From now on new sessions and rooms are refused with `draining`; what is there goes on.
    pub fn drain(&self) {
        self.shared.draining.store(true, Relaxed);
    }

    /// Whether [`Signaling::drain`] was called.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.shared.is_draining()
    }

    /// Ends every session with `draining` and every room, and waits for them, but not longer than `patience`. True if all have ended.
    pub async fn shutdown(&self, patience: Duration) -> bool {
        self.drain();
        self.shared.shutdown.cancel();
        self.shared.tasks.close();
        let is_over = clock::timeout(patience, self.shared.tasks.wait()).await.is_ok();
        let store = self.shared.store.clone();
        // It is bounded by itself; if it cannot even begin, the process ends as if it were killed, and that loses nothing either.
        let _closed = tokio::task::spawn_blocking(move || store.close()).await;
        is_over
    }
}

/// The limits that a client is told.
fn limits_of(config: &SignalingConfig) -> LimitsJson {
    LimitsJson {
        frame_bytes: config.limits.frame_bytes,
        commands_per_second: config.limits.commands_per_second,
        burst: config.limits.burst,
    }
}

/// Rooms that joins from one address make, on average, when few are left; an empty one ends after minutes.
const ROOMS_PER_SECOND: u32 = 1;
const ROOMS_AT_ONCE: u32 = 50;
/// Addresses whose rooms are counted.
const ROOM_MAKERS_MAX: usize = 10_000;

impl fmt::Debug for Signaling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signaling").field("population", &self.population()).finish_non_exhaustive()
    }
}

/// Where the media plane's reports go. Cloning is cheap.
#[derive(Clone)]
pub struct FactSink {
    directory: Arc<Directory>,
}

impl FactSink {
    /// Puts a fact into its room's mailbox without waiting. False if the mailbox is full: try again later. A fact about a room that is over is taken
    /// and dropped.
    #[must_use]
    pub fn deliver(&self, room: &RoomId, fact: MediaFact) -> bool {
        self.directory.deliver(room, fact)
    }
}

impl fmt::Debug for FactSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FactSink")
    }
}
