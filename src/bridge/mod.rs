//! The bridge joins rooms and engines: it answers offers, hands plans to the worker that has the room, and carries facts back.
//!
//! Besides the server's assembly it is the only place that knows both sides. It decides nothing: who is heard is the room's plan, where
//! a packet goes is the engine's doing.

mod facts;
mod registry;
mod restart;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use podium_signaling::FactSink;
use podium_signaling::ids::{RoomId, SeatIndex, SessionId};
use podium_signaling::media::{MediaFuture, MediaPlane, MediaRefusal, OpenTransport, Opened, RestartIce};
use podium_signaling::monitor::LatencyMonitor;
use podium_signaling::room::{self, MediaFact, SlotView, StagePlan};
use tokio::sync::mpsc;

use crate::config::Advertise;
use crate::engine::command::{Interrupt, Open, Plan, PlannedSeat, TransportKey};
use crate::engine::event::Event;
use crate::monitor::{Monitor, Newcomer};
use crate::router::Csrc;
use crate::runtime::{clock, pool::Pool};
use crate::sdp::{self, Agreement, AnswerParams, Offer, SdpError};
use crate::transport::{certificate::Certificate, ice_lite::Credentials};

use facts::Waiting;
use registry::{Place, Registry};

/// What the bridge is made of.
#[derive(Debug)]
pub struct BridgeParams {
    /// The running workers.
    pub pool: Arc<Pool>,
    /// What answers put into `a=fingerprint`.
    pub certificate: Certificate,
    /// `media.advertise` of the configuration, checked.
    pub advertise: Vec<String>,
    /// Whether loopback is offered beside other addresses: those who join are on this machine.
    pub offers_loopback: bool,
    /// Slots given to one participant at most.
    pub slots_max: usize,
    /// Who watches the delays of what is carried.
    pub monitor: Arc<Monitor>,
}

/// The media plane as signaling sees it.
#[derive(Debug)]
pub struct Bridge {
    pool: Arc<Pool>,
    fingerprint: String,
    /// By worker.
    candidates: Vec<Vec<SocketAddr>>,
    slots_max: usize,
    monitor: Arc<Monitor>,
    registry: Registry,
    next_transport: AtomicU64,
}

impl Bridge {
    /// A bridge to these workers.
    pub fn new(params: BridgeParams) -> Self {
        let candidates = (0..)
            .zip(params.pool.workers())
            .map(|(n, worker)| advertised(&worker.bound, n, &params.advertise, params.offers_loopback))
            .collect();
        Self {
            registry: Registry::new(params.pool.workers().len()),
            pool: params.pool,
            fingerprint: params.certificate.fingerprint().to_string(),
            candidates,
            slots_max: params.slots_max,
            monitor: params.monitor,
            next_transport: AtomicU64::new(1),
        }
    }

    /// Carries what the engines report and what the monitor found to the rooms, until the engines end.
    pub async fn carry_events(
        self: Arc<Self>,
        mut events: mpsc::Receiver<(u16, Event)>,
        mut found: mpsc::Receiver<Vec<(RoomId, MediaFact)>>,
        facts: FactSink,
    ) {
        let mut waiting = Waiting::default();
        let mut retry = tokio::time::interval(FACT_RETRY);
        retry.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                event = events.recv() => {
                    let Some((_, event)) = event else { return };
                    self.monitor.hear(&event);
                    if let Some((room, fact)) = self.translate(event) {
                        waiting.deliver(&facts, room, fact);
                    }
                }
                Some(found) = found.recv() => {
                    for (room, fact) in found {
                        waiting.deliver(&facts, room, fact);
                    }
                }
                _ = retry.tick(), if !waiting.is_empty() => waiting.retry(&facts),
            }
        }
    }

    async fn answer(&self, request: OpenTransport) -> Result<Opened, MediaRefusal> {
        let asked_at = clock::now();
        let offer = Offer::parse(&request.offer).map_err(|error| invalid(&error))?;
        let transport = TransportKey(self.next_transport.fetch_add(1, Ordering::Relaxed));
        // Registered before anything is asked of the worker, so that nobody takes the room for empty meanwhile.
        let place = self.registry.register(&request.session, &request.room, transport);
        self.monitor.opening(&Newcomer {
            transport,
            session: &request.session,
            identity: &request.identity,
            room: &request.room,
            worker: place.worker,
            hidden: request.hidden,
            asked_at,
        });
        let opened = self.open_at(place, transport, &offer, &request, asked_at).await;
        if opened.is_err() {
            self.close_session(&request.session);
        } else if self.registry.session_of(transport).is_none() {
            // The room closed, or the client gave up, before the worker had it.
            self.pool.workers()[usize::from(place.worker)].mailbox.close(transport);
            // Whoever closed it may have told the monitor before it was told of the opening.
            self.monitor.gone(transport);
            return Err(MediaRefusal::Unavailable);
        }
        opened
    }

    async fn open_at(
        &self,
        place: Place,
        transport: TransportKey,
        offer: &Offer,
        request: &OpenTransport,
        asked_at: Instant,
    ) -> Result<Opened, MediaRefusal> {
        let random = Randomness::draw()?;
        let credentials = Credentials::new(place.worker, random.credentials);
        let cname = format!("podium-{}", place.room.0);
        let mut ssrcs = random.ssrcs.into_iter();
        let params = AnswerParams {
            ufrag: &credentials.ufrag,
            pwd: &credentials.pwd,
            fingerprint: &self.fingerprint,
            candidates: &self.candidates[usize::from(place.worker)],
            can_publish: request.can_publish,
            can_subscribe: request.can_subscribe,
            slots_max: self.slots_max,
            cname: &cname,
            origin_id: random.origin,
            origin_version: 1,
            dtls_role: None,
        };
        let answer = sdp::answer(offer, &params, &mut || ssrcs.next().unwrap_or(1)).map_err(|error| invalid(&error))?;
        let agreement = Agreement::new(&params, &answer);
        let slots = answer.negotiated.slots.len();
        let open = Open {
            transport,
            room: place.room,
            credentials,
            negotiated: answer.negotiated,
            report_ssrc: random.report_ssrc,
            cname,
            slot_randoms: random.slots.into_iter().take(slots).collect(),
            asked_at,
        };
        let mailbox = &self.pool.workers()[usize::from(place.worker)].mailbox;
        let opened = mailbox.open(open).map_err(|_| MediaRefusal::Full)?;
        match clock::timeout(OPEN_TIMEOUT, opened).await {
            Ok(Ok(())) => {
                self.registry.stands(transport, agreement);
                Ok(Opened { answer: answer.text })
            }
            Ok(Err(_)) | Err(_) => Err(MediaRefusal::Unavailable),
        }
    }

    fn close_session(&self, session: &SessionId) {
        self.monitor.closing(session);
        let Some(taken) = self.registry.take_session(session) else {
            return;
        };
        let mailbox = &self.pool.workers()[usize::from(taken.worker)].mailbox;
        mailbox.close(taken.transport);
        if let Some(place) = taken.emptied {
            mailbox.close_room(place.room);
        }
    }

    fn translate(&self, event: Event) -> Option<(RoomId, MediaFact)> {
        let about = |transport: TransportKey, fact: fn(SessionId) -> MediaFact| {
            let (session, room) = self.registry.session_of(transport)?;
            Some((room, fact(session)))
        };
        match event {
            Event::Stage { transport, stage, .. } => match stage {
                crate::engine::event::Stage::Keys => about(transport, |session| MediaFact::Connected { session }),
                crate::engine::event::Stage::FirstCheck
                | crate::engine::event::Stage::Nominated
                | crate::engine::event::Stage::Handshake
                | crate::engine::event::Stage::FirstAudio => None,
            },
            Event::JoinEnded { .. } | Event::Measured { .. } | Event::GateOpened { .. } | Event::OnMic { .. } => None,
            Event::TrackLive { transport } => about(transport, |session| MediaFact::TrackLive { session }),
            Event::Interrupted { transport } => about(transport, |session| MediaFact::Interrupted { session }),
            Event::Restored { transport } => about(transport, |session| MediaFact::Restored { session }),
            Event::Closed { transport, .. } => {
                let fact = about(transport, |session| MediaFact::Closed { session });
                self.registry.remove(transport);
                fact
            }
            Event::Slots { transport, slots } => {
                let (session, room) = self.registry.session_of(transport)?;
                let slots = slots
                    .into_iter()
                    .filter_map(|slot| {
                        Some(SlotView { mid: slot.mid, seat: SeatIndex::new(slot.seat).ok()?, csrc: slot.csrc.0.get() })
                    })
                    .collect();
                Some((room, MediaFact::Slots { session, slots }))
            }
            Event::Unheard { transport, why } => {
                let (session, room) = self.registry.session_of(transport)?;
                Some((room, MediaFact::Unheard { session, why: why.and_then(facts::unheard_why) }))
            }
            Event::Interruption { room, by } => {
                let by = match by {
                    // Whoever has just gone interrupts nobody: the end is told next.
                    Some(transport) => Some(self.registry.session_of(transport)?.0),
                    None => None,
                };
                Some((self.registry.room_of(room)?, MediaFact::Interruption { by }))
            }
            Event::Speakers { room, speakers } => {
                let speakers = speakers
                    .into_iter()
                    .filter_map(|(transport, level)| {
                        Some((self.registry.session_of(transport)?.0, i8::try_from(level).unwrap_or(i8::MIN + 1)))
                    })
                    .collect();
                Some((self.registry.room_of(room)?, MediaFact::Speakers { speakers }))
            }
        }
    }
}

impl MediaPlane for Bridge {
    fn open(&self, request: OpenTransport) -> MediaFuture<'_, Result<Opened, MediaRefusal>> {
        Box::pin(self.answer(request))
    }

    fn restart(&self, request: RestartIce) -> MediaFuture<'_, Result<Opened, MediaRefusal>> {
        Box::pin(self.restart_ice(request))
    }

    fn close(&self, _room: &RoomId, session: &SessionId) {
        self.close_session(session);
    }

    fn apply(&self, plan: StagePlan, asked_at: Instant) {
        let place = self.registry.place_of(&plan.room);
        let seats: Vec<PlannedSeat> = plan
            .seats
            .into_iter()
            .filter_map(|seat| {
                Some(PlannedSeat {
                    seat: seat.seat.get(),
                    // Who came without an offer has no transport, and is not heard.
                    transport: self.registry.transport_of(&seat.session)?,
                    csrc: Csrc(seat.csrc),
                    open: seat.open,
                    priority: seat.priority,
                })
            })
            .collect();
        let stage: Vec<(TransportKey, u32)> = seats.iter().map(|seat| (seat.transport, seat.csrc.0.get())).collect();
        self.pool.workers()[usize::from(place.worker)].mailbox.plan(Plan {
            room: place.room,
            revision: plan.revision,
            interrupt: match plan.interrupt {
                room::Interrupt::Off => Interrupt::Off,
                room::Interrupt::Duck => Interrupt::Duck,
                room::Interrupt::Hold => Interrupt::Hold,
            },
            seats,
            asked_at,
        });
        // The voices first: the monitor may be looking at a room just now.
        self.monitor.staged(&plan.room, stage.into_iter());
    }

    fn room_closed(&self, room: &RoomId) {
        self.monitor.room_closed(room);
        if let Some(place) = self.registry.remove_room(room) {
            self.pool.workers()[usize::from(place.worker)].mailbox.close_room(place.room);
        }
    }

    fn monitor(&self) -> &dyn LatencyMonitor {
        self.monitor.as_ref()
    }
}

/// The dice of one join, thrown at once.
struct Randomness {
    credentials: [u8; 30],
    origin: u64,
    report_ssrc: u32,
    ssrcs: Vec<u32>,
    slots: Vec<u64>,
}

impl Randomness {
    fn draw() -> Result<Self, MediaRefusal> {
        let mut credentials = [0; 30];
        let mut rest = [0; 8 + 4 + SSRC_DRAWS * 4 + SLOT_DRAWS * 8];
        getrandom::fill(&mut credentials).map_err(|_| MediaRefusal::Unavailable)?;
        getrandom::fill(&mut rest).map_err(|_| MediaRefusal::Unavailable)?;
        let (origin, rest) = rest.split_at(8);
        let (report_ssrc, rest) = rest.split_at(4);
        let (ssrcs, slots) = rest.split_at(SSRC_DRAWS * 4);
        Ok(Self {
            credentials,
            // RFC 8829 section 5.2.1: a number that fits a signed 64-bit integer.
            origin: u64_of(origin) >> 2,
            report_ssrc: u32_of(report_ssrc).max(1),
            ssrcs: ssrcs.chunks_exact(4).map(|bytes| u32_of(bytes).max(1)).collect(),
            slots: slots.chunks_exact(8).map(u64_of).collect(),
        })
    }
}

fn u32_of(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |number, &byte| number << 8 | u32::from(byte))
}

fn u64_of(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, &byte| number << 8 | u64::from(byte))
}

fn invalid(error: &SdpError) -> MediaRefusal {
    MediaRefusal::InvalidOffer(error.to_string())
}

/// What answers of worker `number` offer as candidates: the bound addresses, or what the configuration says instead.
fn advertised(bound: &[SocketAddr], number: usize, advertise: &[String], offers_loopback: bool) -> Vec<SocketAddr> {
    let entries: Vec<Advertise> = advertise.iter().filter_map(|entry| entry.parse().ok()).collect();
    if entries.is_empty() {
        if offers_loopback {
            return bound.to_vec();
        }
        // Loopback helps nobody elsewhere; where it is all there is, it is meant.
        let elsewhere: Vec<SocketAddr> = bound.iter().copied().filter(|address| !address.ip().is_loopback()).collect();
        return if elsewhere.is_empty() { bound.to_vec() } else { elsewhere };
    }
    let mut candidates = Vec::new();
    for &address in bound {
        for candidate in entries.iter().filter_map(|entry| entry.address(address, number)) {
            if !candidates.contains(&candidate) {
                candidates.push(candidate);
            }
        }
    }
    candidates
}

/// A worker turns at least five times a second; one that does not answer for this long is stuck.
const OPEN_TIMEOUT: Duration = Duration::from_secs(2);
const FACT_RETRY: Duration = Duration::from_millis(2);
/// One a slot, and as many again for those that the offer has taken.
const SSRC_DRAWS: usize = 96;
const SLOT_DRAWS: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().expect("an address")).collect()
    }

    #[test]
    fn bound_addresses_are_offered_and_loopback_only_where_it_is_all_there_is() {
        let both = addresses(&["127.0.0.1:7", "192.0.2.2:7"]);
        assert_eq!(advertised(&both[..1], 0, &[], false), both[..1]);
        assert_eq!(advertised(&both, 0, &[], false), both[1..]);
        assert_eq!(advertised(&both, 0, &[], true), both, "all who join are on this machine");
        assert_eq!(advertised(&both, 0, &["192.0.2.7".into()], true), addresses(&["192.0.2.7:7"]));
    }

    #[test]
    fn a_public_address_stands_for_the_bound_ones_of_its_family_or_for_the_one_named() {
        let bound = addresses(&["10.0.0.4:7", "10.0.0.5:7", "[::1]:7"]);
        assert_eq!(advertised(&bound, 0, &["192.0.2.7".into()], false), addresses(&["192.0.2.7:7"]));
        let mapped = ["10.0.0.4=192.0.2.7".into(), "10.0.0.5=192.0.2.8".into()];
        assert_eq!(advertised(&bound, 0, &mapped, false), addresses(&["192.0.2.7:7", "192.0.2.8:7"]));
        let ported = ["10.0.0.4=192.0.2.7:9000".into(), "[2001:db8::7]:9100".into()];
        assert_eq!(advertised(&bound, 2, &ported, false), addresses(&["192.0.2.7:9002", "[2001:db8::7]:9102"]));
    }
}
