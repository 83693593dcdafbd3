//! Facts that a room had no place for yet. One busy room keeps its own waiting and holds up nobody else's.

use std::collections::{HashMap, VecDeque};

use podium_signaling::FactSink;
use podium_signaling::ids::RoomId;
use podium_signaling::room::{MediaFact, UnheardWhy};

use crate::engine::counters::DropReason;

/// What waits, in order, room by room.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    rooms: HashMap<RoomId, VecDeque<MediaFact>>,
    given_up: u64,
}

impl Waiting {
    /// Delivers a fact, or keeps it behind those of its room that wait already.
    pub(super) fn deliver(&mut self, facts: &FactSink, room: RoomId, fact: MediaFact) {
        if !self.rooms.contains_key(&room) && facts.deliver(&room, fact.clone()) {
            return;
        }
        let waiting = self.rooms.entry(room).or_default();
        // Of what is told anew with every change only the newest counts.
        waiting.retain(|old| !is_superseded(old, &fact));
        if waiting.len() >= WAITING_MAX {
            self.given_up += 1;
            tracing::error!(given_up = self.given_up, "a room takes no facts; the oldest is given up");
            waiting.pop_front();
        }
        waiting.push_back(fact);
    }

    /// Delivers what now finds a place.
    pub(super) fn retry(&mut self, facts: &FactSink) {
        self.rooms.retain(|room, waiting| {
            while let Some(fact) = waiting.pop_front() {
                if !facts.deliver(room, fact.clone()) {
                    waiting.push_front(fact);
                    return true;
                }
            }
            false
        });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rooms.is_empty()
    }
}

fn is_superseded(old: &MediaFact, new: &MediaFact) -> bool {
    match (old, new) {
        (MediaFact::Speakers { .. }, MediaFact::Speakers { .. })
        | (MediaFact::Interruption { .. }, MediaFact::Interruption { .. }) => true,
        (MediaFact::Slots { session: old, .. }, MediaFact::Slots { session: new, .. })
        | (MediaFact::Latency { session: old, .. }, MediaFact::Latency { session: new, .. })
        | (MediaFact::Unheard { session: old, .. }, MediaFact::Unheard { session: new, .. })
        | (MediaFact::Quality { session: old, .. }, MediaFact::Quality { session: new, .. }) => old == new,
        (
            MediaFact::Connected { .. }
            | MediaFact::TrackLive { .. }
            | MediaFact::Interrupted { .. }
            | MediaFact::Restored { .. }
            | MediaFact::Closed { .. }
            | MediaFact::Slots { .. }
            | MediaFact::Interruption { .. }
            | MediaFact::Speakers { .. }
            | MediaFact::Latency { .. }
            | MediaFact::Unheard { .. }
            | MediaFact::Quality { .. },
            _,
        ) => false,
    }
}

/// Why someone is unheard, in the room's words; none for what keeps nobody from being heard.
pub(super) fn unheard_why(reason: DropReason) -> Option<UnheardWhy> {
    Some(match reason {
        DropReason::TooLarge => UnheardWhy::TooLarge,
        DropReason::NoKeys => UnheardWhy::NoKeys,
        DropReason::RtpMalformed => UnheardWhy::RtpMalformed,
        DropReason::SrtpAuth => UnheardWhy::SrtpAuth,
        DropReason::SrtpReplayed => UnheardWhy::SrtpReplayed,
        DropReason::NoMicrophone => UnheardWhy::NoMicrophone,
        DropReason::PayloadType => UnheardWhy::PayloadType,
        DropReason::Ssrc => UnheardWhy::Ssrc,
        DropReason::Budget => UnheardWhy::Budget,
        DropReason::Stale => UnheardWhy::Stale,
        DropReason::Stray => UnheardWhy::Stray,
        DropReason::Protect => UnheardWhy::Protect,
        DropReason::NotOurs
        | DropReason::StunMalformed
        | DropReason::StunNotRequest
        | DropReason::StunUnknownUfrag
        | DropReason::StunIntegrity
        | DropReason::StunRepeated
        | DropReason::StunPathTaken
        | DropReason::UnknownPath
        | DropReason::DtlsUnexpected
        | DropReason::RtcpMalformed
        | DropReason::NotOnStage
        | DropReason::GateClosed
        | DropReason::GateHeld
        | DropReason::NoPayload => return None,
    })
}

/// Facts that wait for one room: several for each participant of the largest.
const WAITING_MAX: usize = 32_768;

#[cfg(test)]
mod tests {
    use super::*;
    use podium_signaling::ids::SessionId;

    #[test]
    fn whatever_silences_someone_has_its_word_and_that_is_the_metrics_label() {
        for reason in DropReason::ALL {
            let why = unheard_why(reason).map(UnheardWhy::code);
            assert_eq!(why, reason.silences().then_some(reason.label()));
        }
    }

    #[test]
    fn only_what_is_told_anew_is_superseded() {
        let session = |byte| SessionId::from_random([byte; 16]);
        let slots = |byte| MediaFact::Slots { session: session(byte), slots: Vec::new() };
        let speakers = MediaFact::Speakers { speakers: Vec::new() };
        let closed = MediaFact::Closed { session: session(1) };
        assert!(is_superseded(&slots(1), &slots(1)) && is_superseded(&speakers, &speakers));
        assert!(!is_superseded(&slots(1), &slots(2)) && !is_superseded(&closed, &closed));
        assert!(!is_superseded(&closed, &slots(1)) && !is_superseded(&speakers, &slots(1)));
    }
}
