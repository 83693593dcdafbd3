//! What people are shown of what is known: one room's figures, and the live page.

use std::time::Instant;

use podium_signaling::Signaling;
use podium_signaling::ids::RoomId;
use podium_signaling::monitor::{RoomFigures, SessionFigures};
use podium_signaling::room::RoleCounts;

use super::page::{ActRow, Budgets, GateView, Page, People, Pressures, ROOMS_SHOWN, RoomRow};
use super::{Known, Monitor, convert};
use crate::latency::delay::Term;
use crate::latency::gate::{Signal, Step};
use crate::runtime::clock;

impl Monitor {
    pub(super) fn room_figures(&self, room: &RoomId) -> Option<RoomFigures> {
        let (known, now) = (self.lock(), clock::now());
        let number = known.people.known(room)?;
        let summary = known.book.summary(number)?;
        let (joins, join_ms) = known.book.joins(number);
        if summary.people == 0 && joins == [0; 2] {
            return None;
        }
        Some(RoomFigures {
            classes: summary.classes,
            mouth_to_ear_ms: summary.mouth_to_ear_ms,
            joins,
            join_ms,
            stage: known.book.stage(number).into_iter().filter_map(|key| session_figures(&known, key, now)).collect(),
        })
    }

    /// What the live page shows. Signaling knows of those without media.
    pub fn page(&self, signaling: &Signaling) -> Page {
        let RoleCounts { hosts, guests, listeners } = signaling.population().roles;
        let (known, now) = (self.lock(), clock::now());
        let (classes, qualities) = known.book.totals();
        let rooms = worst_rooms(&known, signaling);
        let with_audio = known.people.count();
        Page {
            // Both sides count by themselves: somebody may be on their way in or out.
            people: People { with_audio, without_audio: (hosts + guests + listeners).saturating_sub(with_audio) },
            budgets: Budgets {
                join_ms: self.config.join_ms,
                natural_ms: self.config.natural_ms,
                laggy_ms: self.config.laggy_ms,
                server_ms: self.config.server_ms,
                residence_ms: self.config.residence_ms,
            },
            rooms,
            rooms_total: known.people.rooms().count(),
            classes,
            qualities,
            joins: known.recent.rows(),
            workers: known.workers.clone(),
            gate: self.gate_view(&known),
            acts: known
                .acts
                .newest(now)
                .map(|(age, done)| ActRow {
                    ago_s: age.as_secs(),
                    act: done.act.label(),
                    why: done.why,
                    room: done.room.as_ref().map(ToString::to_string),
                    identity: done.identity.as_ref().map(ToString::to_string),
                })
                .collect(),
        }
    }

    fn gate_view(&self, known: &Known) -> GateView {
        let pressures = &known.pressures;
        let is_paced = known.paced_at.is_some();
        // Who comes with too many others is refused as a listener is.
        let step = if is_paced { known.gate.step().max(Step::RefuseListeners) } else { known.gate.step() };
        GateView {
            enforce: self.config.enforce,
            step: step.label(),
            paced: is_paced,
            retry_after_s: (step != Step::Everyone).then(|| self.door.retry_after().as_secs()),
            joins_per_s: known.joins_per_s,
            audience_slots: known.gate.audience_slots(),
            limits: known.gate.limits(),
            pressure: Pressures {
                join: pressures.of(Signal::Join),
                residence: pressures.of(Signal::Residence),
                cpu: pressures.of(Signal::Cpu),
                media: pressures.of(Signal::Media),
                memory: pressures.of(Signal::Memory),
                descriptors: pressures.of(Signal::Descriptors),
            },
        }
    }
}

fn session_figures(known: &Known, key: u64, now: Instant) -> Option<SessionFigures> {
    let (named, person) = (known.people.of(key)?, known.book.person(key, now)?);
    let term = |state: &crate::latency::book::State, term: Term| (convert::term(term), state.delay.term(term));
    Some(SessionFigures {
        session: named.session.clone(),
        latency: person.state.as_ref().map(convert::state),
        terms: person.state.iter().flat_map(|state| Term::ALL.map(|each| term(state, each))).collect(),
        quality: person.quality.map(convert::quality),
        rtt_ms: person.round_trip.map(|(round_trip, source)| (round_trip.as_secs_f64() * 1e3, source.label())),
    })
}

/// Those with the greatest delays, then those with the most people.
fn worst_rooms(known: &Known, signaling: &Signaling) -> Vec<RoomRow> {
    let mut rooms: Vec<_> = known
        .people
        .rooms()
        .filter_map(|(room, number)| {
            let summary = known.book.summary(number)?;
            Some(((summary.mouth_to_ear_ms.map_or(0, |[_, p95, _]| p95), summary.people), room, number))
        })
        .collect();
    rooms.sort_by(|(one, one_id, _), (other, other_id, _)| other.cmp(one).then(one_id.cmp(other_id)));
    rooms.truncate(ROOMS_SHOWN);
    let row = |(_, room, number): (_, &RoomId, u64)| {
        let summary = known.book.summary(number)?;
        let (joins, join_ms) = known.book.joins(number);
        Some(RoomRow {
            room: room.to_string(),
            people: summary.people,
            without_audio: signaling.people_in(room).saturating_sub(known.book.people_in(number)),
            classes: summary.classes,
            mouth_to_ear_ms: summary.mouth_to_ear_ms,
            joins,
            join_ms,
        })
    };
    rooms.into_iter().filter_map(row).collect()
}
