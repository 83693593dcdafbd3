//! The server: every part started in order, and ended in order. Reads like a table of contents.

use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use podium_signaling::auth;
use podium_signaling::ids::{Identity, RoomId};
use podium_signaling::room::{Duplicates, Interrupt, Promote, Rank, SeatMode, Settings};
use podium_signaling::{DevMode, Limits, Signaling, SignalingConfig, StoreConfig};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::admin::{self, Admin, Hosts};
use crate::bridge::{Bridge, BridgeParams};
use crate::config::{self, Config, Faults, Rooms, Secret};
use crate::development;
use crate::listener::{self, Bounds};
use crate::metrics::{LatencyMetrics, Metrics};
use crate::monitor::{FOUND_MAX, Monitor, MonitorParams};
use crate::runtime::pool::Pool;
use crate::runtime::{addresses, clock, descriptors, outward};
use crate::transport::certificate::Certificate;
use crate::{telemetry, webhooks};

/// How the server came to its configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Nothing was configured: HTTP on loopback only, media for browsers on this machine, the development key (a new one unless it is given), a
    /// room ready, tokens for the asking.
    Development,
    /// With a configuration file, for real.
    Configured,
}

/// Why the server does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration does not allow it.
    #[error("{0}")]
    Config(#[from] Faults),
    /// A port, a thread or a descriptor cannot be had.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// The certificate for DTLS cannot be made.
    #[error("{0}")]
    Certificate(#[from] crate::transport::certificate::CertificateError),
    /// The metrics cannot be registered.
    #[error("{0}")]
    Metrics(#[from] prometheus::Error),
    /// The store cannot be opened.
    #[error("store.path: {0}")]
    Store(#[from] podium_signaling::OpenError),
    /// The machine gives no random numbers.
    #[error("no randomness: {0}")]
    Randomness(getrandom::Error),
}

/// A running server.
#[derive(Debug)]
pub struct Server {
    http: SocketAddr,
    admin: SocketAddr,
    mode: Mode,
    signaling: Signaling,
    pool: Arc<Pool>,
    draining: Arc<AtomicBool>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

/// What to open in a browser.
#[derive(Clone, Debug)]
pub struct Links {
    /// Joins as a host.
    pub host: String,
    /// Joins as a listener.
    pub listener: String,
}

/// What `podium token` asks for.
#[derive(Clone, Debug)]
pub struct TokenRequest {
    /// The room it is for.
    pub room: String,
    /// Whose it is.
    pub identity: String,
    /// The name that others see.
    pub name: Option<String>,
    /// The rank at the first join.
    pub rank: Rank,
    /// How long it is valid.
    pub ttl: Duration,
    /// May also make and list rooms over HTTP.
    pub manages_rooms: bool,
    /// Which key to sign with, where there are several.
    pub key: Option<String>,
}

impl Server {
    /// Checks the configuration, binds every port and starts every part. Must be called within a tokio runtime.
    ///
    /// # Errors
    ///
    /// Everything wrong with the configuration at once, or the first thing the machine refuses.
    pub async fn start(mut config: Config, mode: Mode) -> Result<Self, StartError> {
        match mode {
            Mode::Development => prepare_development(&mut config)?,
            Mode::Configured => {}
        }
        check(&config, mode)?;
        clock::watch()?;
        let http = listen(config.http.listen, "http").await?;
        let admin = listen(config.admin.listen, "admin").await?;
        let certificate = Certificate::generate()?;
        let (events, reported) = mpsc::channel(EVENTS_MAX);
        let media = media_addresses(&config.media, mode);
        let pool = Arc::new(Pool::start(&media, config.media.workers, config.media.pin, &certificate, &events)?);
        let latency = Arc::new(LatencyMetrics::new()?);
        let monitor = Arc::new(Monitor::new(MonitorParams {
            config: config.latency.clone(),
            pool: Arc::clone(&pool),
            metrics: Arc::clone(&latency),
        }));
        let bridge = Arc::new(Bridge::new(BridgeParams {
            pool: Arc::clone(&pool),
            certificate,
            advertise: config.media.advertise.clone(),
            offers_loopback: mode == Mode::Development,
            slots_max: config.limits.slots_max,
            monitor: Arc::clone(&monitor),
        }));
        let signaling = Signaling::open(signaling_config(&config, mode)?, Arc::clone(&bridge) as _)?;
        let server = Self {
            http: http.local_addr()?,
            admin: admin.local_addr()?,
            mode,
            signaling: signaling.clone(),
            pool: Arc::clone(&pool),
            draining: Arc::default(),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        };
        let metrics = Metrics::new(Arc::clone(&pool), signaling.clone(), &latency)?;
        let (found, telling) = mpsc::channel(FOUND_MAX);
        server.tasks.spawn(Arc::clone(&monitor).run(signaling.clone(), found));
        let draining = Arc::clone(&server.draining);
        let pages = Arc::new(Admin { metrics, pool, draining, signaling: signaling.clone(), monitor });
        let (stop, facts) = (server.stop.clone(), signaling.facts());
        server.tasks.spawn(async move {
            tokio::select! {
                () = bridge.carry_events(reported, telling, facts) => {}
                () = stop.cancelled() => {}
            }
        });
        server.tasks.spawn(addresses::watch(Arc::clone(&server.pool), server.stop.clone()));
        // By now all that the server keeps open is open.
        let places = Bounds::of(descriptors::free().saturating_sub(ADMIN_CONNECTIONS_MAX + DESCRIPTORS_KEPT));
        server.tasks.spawn(listener::serve(http, signaling.router(), places, server.stop.clone()));
        let places = Bounds::of(ADMIN_CONNECTIONS_MAX);
        let pages = admin::router(pages, Hosts::new(server.admin, &config.admin.hosts));
        server.tasks.spawn(listener::serve(admin, pages, places, server.stop.clone()));
        if mode == Mode::Development {
            let room = RoomId::parse(DEVELOPMENT_ROOM).expect("a literal room id is one");
            // The links on the screen must open a room whenever they are opened.
            let settings = Settings { empty_max: DEVELOPMENT_ROOM_KEPT, ..room_settings(&config.rooms) };
            signaling.create_room(&room, settings).await;
        }
        let media: Vec<SocketAddr> = server.media();
        tracing::info!(http = %server.http, admin = %server.admin, ?media, "serving");
        Ok(server)
    }

    /// Where clients ask.
    pub fn http(&self) -> SocketAddr {
        self.http
    }

    /// Where operators look.
    pub fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// Where packets come in, worker by worker.
    pub fn media(&self) -> Vec<SocketAddr> {
        self.pool.workers().iter().flat_map(|worker| worker.bound.iter().copied()).collect()
    }

    /// What to open in a browser; in development mode only.
    pub fn links(&self) -> Option<Links> {
        let link = |rank| format!("http://{}/?room={DEVELOPMENT_ROOM}&rank={rank}", self.http);
        match self.mode {
            Mode::Development => Some(Links { host: link("host"), listener: link("member") }),
            Mode::Configured => None,
        }
    }

    /// Serves until it is told to stop. The first SIGTERM drains: nobody new comes in, and it ends when the last session has gone or
    /// [`DRAIN_MAX`] is over; the second, or an interrupt from the keyboard, stops at once.
    pub async fn run_until_signalled(self) {
        let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
        else {
            tracing::error!("signals cannot be received; stopping");
            return self.stop().await;
        };
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => tokio::select! {
                () = self.drain() => {}
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        }
        self.stop().await;
    }

    /// Lets nobody new in and waits for the sessions to end, [`DRAIN_MAX`] at most.
    pub async fn drain(&self) {
        tracing::info!("draining");
        self.draining.store(true, Ordering::Relaxed);
        self.signaling.drain();
        let emptied = async {
            while self.signaling.counters().sessions.value() > 0 {
                clock::sleep(DRAIN_LOOK).await;
            }
        };
        if clock::timeout(DRAIN_MAX, emptied).await.is_err() {
            tracing::warn!("sessions are still there after the time for draining");
        }
    }

    /// Ends every session and every part.
    pub async fn stop(self) {
        self.draining.store(true, Ordering::Relaxed);
        if !self.signaling.shutdown(STOP_PATIENCE).await {
            tracing::warn!("some sessions did not end in time");
        }
        self.stop.cancel();
        self.tasks.close();
        if clock::timeout(STOP_PATIENCE, self.tasks.wait()).await.is_err() {
            tracing::warn!("some parts did not end in time");
        }
        tracing::info!("stopped");
    }
}

/// What a server needs beyond what parsing checked.
///
/// # Errors
///
/// No API key, webhooks that can go nowhere, ports that are taken twice, a log filter that is none.
pub fn check(config: &Config, mode: Mode) -> Result<(), Faults> {
    let mut faults = config.port_faults();
    if mode == Mode::Configured && config.auth.keys.is_empty() {
        faults.push(config.sources.fault("auth.keys", "at least one key is needed, or nobody can join"));
    }
    if let Some(why) = telemetry::filter_fault(&config.log.filter) {
        faults.push(config.sources.fault("log.filter", &format!("{:?}: {why}", config.log.filter)));
    }
    if let Err(Faults(more)) = webhooks::targets(&config.webhooks, &config.sources, mode == Mode::Development) {
        faults.extend(more);
    }
    if faults.is_empty() { Ok(()) } else { Err(Faults(faults)) }
}

/// Mints an access token with a configured key.
///
/// # Errors
///
/// A sentence for the person who asked.
pub fn mint(config: &Config, request: &TokenRequest) -> Result<String, String> {
    let (id, secret) = match &request.key {
        Some(id) => config.auth.keys.get_key_value(id).ok_or_else(|| format!("no key {id:?} is configured"))?,
        None => config
            .auth
            .keys
            .iter()
            .next()
            .ok_or("no key is configured: give --config, or set PODIUM__AUTH__KEYS__<ID>")?,
    };
    let claims = auth::TokenRequest {
        room: RoomId::parse(&request.room).map_err(|error| format!("--room {error}"))?,
        identity: Identity::parse(&request.identity).map_err(|error| format!("--identity {error}"))?,
        name: request.name.clone(),
        rank: request.rank,
        manages_rooms: request.manages_rooms,
        lifetime: request.ttl,
    };
    auth::mint(id, &auth::Secret::new(secret.expose()), &claims, clock::unix_seconds())
        .map_err(|error| error.to_string())
}

fn media_addresses(media: &config::Media, mode: Mode) -> Vec<SocketAddr> {
    let named = media.listen.as_slice();
    match mode {
        Mode::Development => [named, &media_beside_loopback(media)].concat(),
        Mode::Configured => named.to_vec(),
    }
}

/// Returns where development mode takes media besides loopback: Firefox makes no candidate pair with a loopback address, so it could not
/// connect even on this machine. HTTP stays on loopback, so nobody elsewhere gets a token, and media answers nobody without one.
fn media_beside_loopback(media: &config::Media) -> Vec<SocketAddr> {
    if !media.advertise.is_empty() {
        return Vec::new();
    }
    let ports: BTreeSet<u16> = media.listen.as_slice().iter().map(SocketAddr::port).collect();
    let outward = outward::addresses().unwrap_or_else(|error| {
        tracing::warn!(%error, "the addresses of this machine cannot be listed");
        Vec::new()
    });
    let addresses = outward.iter().flat_map(|&ip| ports.iter().map(move |&port| SocketAddr::new(ip, port)));
    let (free, taken): (Vec<_>, Vec<_>) = addresses.partition(|&address| Pool::is_free(address, media.workers));
    if !taken.is_empty() {
        tracing::warn!(media = ?taken, "media is not served there: the address cannot be bound");
    }
    if free.is_empty() {
        tracing::warn!("media is served on loopback only, which Firefox does not use: it cannot connect; Chromium can");
    } else {
        tracing::warn!(
            media = ?free,
            "media can be reached from the network there, since Firefox does not use loopback; only those who have joined by loopback are answered"
        );
    }
    free
}

/// Development mode mints tokens for whoever asks, so these must not be reachable from elsewhere.
fn prepare_development(config: &mut Config) -> Result<(), StartError> {
    let listens = [("http.listen", config.http.listen), ("admin.listen", config.admin.listen)].into_iter();
    let media = config.media.listen.as_slice().iter().map(|&address| ("media.listen", address));
    let faults: Vec<String> = listens
        .chain(media)
        .filter(|(_, address)| !address.ip().is_loopback())
        .map(|(key, address)| format!("{key}: {address} is not loopback; development mode serves this machine only (give --config to serve others)"))
        .collect();
    if !faults.is_empty() {
        return Err(Faults(faults).into());
    }
    config.latency = config.latency.for_development();
    if !config.auth.keys.contains_key(development::KEY_ID) {
        let key = development::new_key().map_err(StartError::Randomness)?;
        config.auth.keys.insert(development::KEY_ID.into(), Secret::new(key));
    }
    Ok(())
}

fn signaling_config(config: &Config, mode: Mode) -> Result<SignalingConfig, Faults> {
    let keys: HashMap<String, auth::Secret> =
        config.auth.keys.iter().map(|(id, secret)| (id.clone(), auth::Secret::new(secret.expose()))).collect();
    Ok(SignalingConfig {
        keys,
        dev: match mode {
            Mode::Development => Some(DevMode { key_id: development::KEY_ID.into() }),
            Mode::Configured => None,
        },
        auto_create: config.rooms.auto_create,
        cors_origins: config.http.cors_origins.clone(),
        settings: room_settings(&config.rooms),
        limits: limits(config),
        store: store(&config.store, mode),
        webhooks: webhooks::targets(&config.webhooks, &config.sources, mode == Mode::Development)?,
    })
}

fn store(store: &config::Store, mode: Mode) -> StoreConfig {
    StoreConfig {
        path: store.file(mode == Mode::Configured),
        keep_events: DAY * u32::try_from(store.keep_events_days).unwrap_or(u32::MAX),
        events_max: store.events_max,
        keep_audits: DAY * u32::try_from(store.keep_audits_days).unwrap_or(u32::MAX),
        ..StoreConfig::default()
    }
}

fn limits(config: &Config) -> Limits {
    let limits = &config.limits;
    Limits {
        frame_bytes: limits.frame_bytes_max,
        json_depth: limits.json_depth_max,
        commands_per_second: limits.commands_per_second,
        burst: limits.commands_burst,
        http_per_second: limits.http_per_second,
        http_burst: limits.http_burst,
        name_chars: limits.name_chars_max,
        sessions_per_address: limits.sessions_per_address,
        sessions_max: limits.sessions_max,
        sessions_per_identity: limits.sessions_per_identity,
        pending_joins_max: limits.pending_joins_max,
        pending_joins_per_address: limits.pending_joins_per_address,
        pending_joins_per_identity: limits.pending_joins_per_identity,
        identity_joins_per_second: limits.identity_joins_per_second,
        identity_joins_burst: limits.identity_joins_burst,
        session_max: Duration::from_secs(limits.session_max_s),
        rooms_max: config.rooms.max,
        ..Limits::default()
    }
}

fn room_settings(rooms: &Rooms) -> Settings {
    Settings {
        seats: rooms.seats,
        seat_mode: match rooms.seat_mode {
            config::SeatMode::Free => SeatMode::Free,
            config::SeatMode::Apply => SeatMode::Apply,
            config::SeatMode::InviteOnly => SeatMode::InviteOnly,
        },
        hands: rooms.hands,
        interrupt: match rooms.interrupt {
            config::Interrupt::Off => Interrupt::Off,
            config::Interrupt::Duck => Interrupt::Duck,
            config::Interrupt::Hold => Interrupt::Hold,
        },
        auto_offer: rooms.auto_offer,
        turn: (rooms.turn_s > 0).then(|| Duration::from_secs(rooms.turn_s)),
        promote: match rooms.promote {
            config::Promote::Cohost => Promote::Cohost,
            config::Promote::LongestSeated => Promote::LongestSeated,
            config::Promote::None => Promote::None,
        },
        duplicates: match rooms.duplicates {
            config::Duplicates::Takeover => Duplicates::Takeover,
            config::Duplicates::Reject => Duplicates::Reject,
            config::Duplicates::Allow => Duplicates::Allow,
        },
        opens_in: None,
        participants_max: rooms.participants_max,
        hands_max: rooms.hands_max,
        hand_cooldown: Duration::from_secs(rooms.hand_cooldown_s),
        hand_expiry: Duration::from_secs(rooms.hand_expiry_s),
        reservation: Duration::from_secs(rooms.reservation_s),
        invites_max: rooms.invites_max,
        invite_expiry: Duration::from_secs(rooms.invite_expiry_s),
        invite_cooldown: Duration::from_secs(rooms.invite_cooldown_s),
        bans_max: rooms.bans_max,
        proposal_expiry: Duration::from_secs(rooms.proposal_expiry_s),
        turn_warning: Duration::from_secs(rooms.turn_warning_s),
        hostless_grace: Duration::from_secs(rooms.hostless_grace_s),
        closing_notice: Duration::from_secs(rooms.closing_notice_s),
        tally_interval: Duration::from_millis(rooms.tally_interval_ms),
        reconnect_grace: Duration::from_secs(rooms.reconnect_grace_s),
        detached_max: Duration::from_secs(rooms.detached_max_s),
        empty_max: Duration::from_secs(rooms.empty_max_s),
        audience_interval: Duration::from_millis(rooms.audience_interval_ms),
        cue_interval: Duration::from_millis(rooms.cue_interval_ms),
    }
}

async fn listen(address: SocketAddr, what: &str) -> std::io::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .map_err(|error| std::io::Error::new(error.kind(), format!("{what} address {address}: {error}")))
}

/// The room that development mode makes at its start.
pub const DEVELOPMENT_ROOM: &str = "demo";
const DEVELOPMENT_ROOM_KEPT: Duration = Duration::from_secs(365 * 24 * 3_600);
/// Events of all workers that wait for the bridge; beyond that they wait with the workers.
const EVENTS_MAX: usize = 4_096;
/// How long draining waits for sessions to end.
pub const DRAIN_MAX: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// Connections of the admin port at once. Descriptors are kept for them.
const ADMIN_CONNECTIONS_MAX: usize = 16;
/// Descriptors that are kept for webhooks, the store's files and names that are looked up.
const DESCRIPTORS_KEPT: usize = 16;
const DRAIN_LOOK: Duration = Duration::from_millis(200);
const STOP_PATIENCE: Duration = Duration::from_secs(3);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_of_the_configuration_are_those_of_a_room() {
        assert_eq!(room_settings(&Rooms::default()), Settings::default());
        let ours = limits(&Config::default());
        let theirs = Limits::default();
        // Behind a proxy every session has one address, so a server as a whole is more patient there.
        assert_eq!(ours, Limits { sessions_per_address: ours.sessions_per_address, ..theirs });
    }
}
