//! A stage is one room's present plan as the engine holds it: who may be heard, how loud they are, and who listens.

use std::time::{Duration, Instant};

use super::command::{Plan, PlannedSeat, TransportKey};
use super::event::Event;
use super::interruption::Interruption;
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
    /// Indices of the sessions in this room.
    pub(super) subscribers: Vec<usize>,
    pub(super) interruption: Interruption,
    ticking: bool,
    speakers_told: Vec<(TransportKey, Dbov)>,
}

/// An occupied seat.
pub(super) struct Seat {
    pub(super) planned: PlannedSeat,
    pub(super) speaker: Speaker,
}

impl RoomStage {
    /// Takes a newer plan and says which voices are no longer to be heard.
    pub(super) fn reconcile(&mut self, plan: Plan, now: Instant) -> Vec<Csrc> {
        if self.revision.is_some_and(|present| plan.revision <= present) {
            return Vec::new();
        }
        self.revision = Some(plan.revision);
        let mut old = std::mem::take(&mut self.seats);
        for planned in plan.seats {
            let same = old.iter().position(|seat| {
                seat.planned.csrc == planned.csrc
                    && seat.planned.transport == planned.transport
                    && seat.planned.open
                    && planned.open
            });
            let speaker = same.map_or_else(Speaker::default, |at| old.swap_remove(at).speaker);
            self.seats.push(Seat { planned, speaker });
        }
        self.interruption.reconcile(plan.interrupt, &self.seats, now);
        old.into_iter().filter(|seat| seat.planned.open).map(|seat| seat.planned.csrc).collect()
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

/// Who sent nothing for this long is not audible; Opus DTX sends every 400 ms.
const AUDIBLE_WITHIN: Duration = Duration::from_secs(1);
const FIRST_TICK: Duration = Duration::from_millis(60);
const TICK: Duration = Duration::from_millis(300);
/// Smaller changes of level are not worth an event.
const LEVEL_STEP_DB: Dbov = 6;
