//! A stage is one room's present plan as the engine holds it: who may be heard, how loud they are, and who listens.

use std::time::{Duration, Instant};

use super::command::{Plan, PlannedSeat, TransportKey};
use super::event::{Event, Opening};
use super::interruption::Interruption;
use super::subscribers::Subscribers;
use super::unheard::Unheard;
use super::{Engine, Owner, RoomKey};
use crate::router::{
    Csrc,
    speaker::{Dbov, Speaker, Standing},
};

/// One room's stage and audience.
#[derive(Default)]
pub(super) struct RoomStage {
    revision: Option<u64>,
    pub(super) seats: Vec<Seat>,
    pub(super) subscribers: Subscribers,
    pub(super) interruption: Interruption,
    ticking: bool,
    speakers_told: Vec<(TransportKey, Dbov)>,
}

/// An occupied seat.
pub(super) struct Seat {
    pub(super) planned: PlannedSeat,
    pub(super) speaker: Speaker,
    /// The gate has opened, and nothing voiced was forwarded since.
    pub(super) awaited: Option<Awaited>,
    pub(super) unheard: Unheard,
}

/// What is to be told with the first voiced packet that someone else gets.
#[derive(Clone, Copy, Debug)]
pub(super) struct Awaited {
    opening: Opening,
    asked_at: Instant,
    opened_at: Instant,
}

/// What a newer plan changes.
#[derive(Debug, Default)]
pub(super) struct Reconciled {
    /// Voices that are no longer to be heard.
    pub(super) closed: Vec<Csrc>,
    /// Whose gate was closed and is open now.
    pub(super) opened: Vec<(TransportKey, Opening)>,
    /// Who was told to be unheard, and has no open gate any more.
    pub(super) relieved: Vec<TransportKey>,
}

impl Seat {
    pub(super) fn new(planned: PlannedSeat, speaker: Speaker) -> Self {
        Self { planned, speaker, awaited: None, unheard: Unheard::default() }
    }
}

impl RoomStage {
    /// Takes a newer plan and says whose gates it moves.
    pub(super) fn reconcile(&mut self, plan: Plan, now: Instant) -> Reconciled {
        if self.revision.is_some_and(|present| plan.revision <= present) {
            return Reconciled::default();
        }
        let mut opened = Vec::new();
        self.revision = Some(plan.revision);
        let mut old = std::mem::take(&mut self.seats);
        for planned in plan.seats {
            let before = old.iter().position(|seat| seat.planned.csrc == planned.csrc);
            match before.map(|at| old[at].planned) {
                // The same occupancy by another transport is someone who came back: nobody asked for a gate.
                Some(seat) if seat.open => {}
                Some(_) if planned.open => opened.push((planned.transport, Opening::Unmuted)),
                None if planned.open => opened.push((planned.transport, Opening::Seated)),
                Some(_) | None => {}
            }
            let goes_on =
                |seat: &Seat| seat.planned.transport == planned.transport && seat.planned.open && planned.open;
            self.seats.push(match before.filter(|&at| goes_on(&old[at])) {
                Some(at) => Seat { planned, ..old.swap_remove(at) },
                None => Seat::new(planned, Speaker::default()),
            });
        }
        self.interruption.reconcile(plan.interrupt, &self.seats, now);
        let relieved = old.iter().filter(|seat| seat.unheard.is_told()).map(|seat| seat.planned.transport).collect();
        let closed = old.into_iter().filter(|seat| seat.planned.open).map(|seat| seat.planned.csrc).collect();
        Reconciled { closed, opened, relieved }
    }

    pub(super) fn seat_of(&mut self, transport: TransportKey) -> Option<&mut Seat> {
        self.seats.iter_mut().find(|seat| seat.planned.transport == transport)
    }

    /// How the voice `csrc` stands, or nothing if it may not be heard.
    pub(super) fn standing(&self, csrc: Csrc, now: Instant) -> Option<Standing> {
        let seat = self.seats.iter().find(|seat| seat.planned.csrc == csrc && seat.planned.open)?;
        Some(seat.speaker.standing(seat.planned.priority, now))
    }

    /// Whether someone else's packets flow now.
    pub(super) fn is_audible_to(&self, transport: TransportKey, now: Instant) -> bool {
        self.seats.iter().any(|seat| {
            seat.planned.open && seat.planned.transport != transport && seat.speaker.heard_within(AUDIBLE_WITHIN, now)
        })
    }

    fn speaking(&self, now: Instant) -> Vec<(TransportKey, Dbov)> {
        let held = self.interruption.holds(now);
        let mut speaking: Vec<_> = self
            .seats
            .iter()
            .filter(|seat| seat.planned.open && seat.speaker.voiced(now) && (seat.planned.priority || !held))
            .map(|seat| (seat.planned.transport, seat.speaker.loudness(now) / LEVEL_STEP_DB * LEVEL_STEP_DB))
            .collect();
        speaking.sort_by_key(|&(transport, level)| (-level, transport));
        speaking
    }
}

impl Engine {
    /// A plan has opened someone's gate. Who has no keys yet is still joining: how long that takes says nothing of the gate, so their first
    /// word is not waited for.
    pub(super) fn gate_opened(
        &mut self,
        room: RoomKey,
        transport: TransportKey,
        opening: Opening,
        asked_at: Instant,
        now: Instant,
    ) {
        let server = now.saturating_duration_since(asked_at);
        self.events.push_back(Event::GateOpened { transport, opening, server });
        let connected = self.by_key.get(&transport).is_some_and(|&index| self.sessions[index].srtp.is_some());
        if let Some(seat) = self.rooms.get_mut(&room).and_then(|stage| stage.seat_of(transport))
            && connected
        {
            seat.awaited = Some(Awaited { opening, asked_at, opened_at: now });
        }
    }

    /// A voiced packet of `transport` was forwarded to someone.
    pub(super) fn voice_went_out(&mut self, room: RoomKey, transport: TransportKey, now: Instant) {
        let seat = self.rooms.get_mut(&room).and_then(|stage| stage.seat_of(transport));
        let Some(Awaited { opening, asked_at, opened_at }) = seat.and_then(|seat| seat.awaited.take()) else {
            return;
        };
        // Who says nothing for so long was thinking; that is not the time it took to be heard.
        if now.saturating_duration_since(opened_at) <= FIRST_WORD_WITHIN {
            let after = now.saturating_duration_since(asked_at);
            self.events.push_back(Event::OnMic { transport, opening, after });
        }
    }

    /// Packets flow in this room: tell who speaks, from time to time.
    pub(super) fn watch_speakers(&mut self, room: RoomKey, now: Instant) {
        let Some(stage) = self.rooms.get_mut(&room) else {
            return;
        };
        if !std::mem::replace(&mut stage.ticking, true) {
            self.wheel.arm(Owner::Room(room), now + FIRST_TICK);
        }
    }

    pub(super) fn room_due(&mut self, room: RoomKey, now: Instant) {
        let Some(stage) = self.rooms.get_mut(&room) else {
            return;
        };
        let speakers = stage.speaking(now);
        let flowing =
            stage.seats.iter().any(|seat| seat.planned.open && seat.speaker.heard_within(AUDIBLE_WITHIN, now));
        if speakers != stage.speakers_told {
            stage.speakers_told.clone_from(&speakers);
            self.events.push_back(Event::Speakers { room, speakers });
        }
        stage.ticking = flowing;
        if flowing {
            self.wheel.arm(Owner::Room(room), now + TICK);
        }
    }
}

/// A first word later than this after the gate opened is not counted as time on mic.
const FIRST_WORD_WITHIN: Duration = Duration::from_secs(5);
/// Who sent nothing for this long is not audible; Opus DTX sends every 400 ms.
const AUDIBLE_WITHIN: Duration = Duration::from_secs(1);
const FIRST_TICK: Duration = Duration::from_millis(60);
const TICK: Duration = Duration::from_millis(300);
/// Smaller changes of level are not worth an event.
const LEVEL_STEP_DB: Dbov = 6;
