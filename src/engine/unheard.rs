//! Unheard is someone on an open seat all of whose audio is dropped: they speak and nobody hears it.
//!
//! ```text
//!   Heard ──2 s in which every packet is dropped──► Unheard ──a packet is taken, nothing comes, gate closed──► Heard
//! ```
//!
//! Those who send nothing, are muted or are held by an interruption are not unheard: nobody expects to hear them.

use std::time::{Duration, Instant};

use super::command::TransportKey;
use super::counters::DropReason;
use super::event::Event;
use super::{Engine, RoomKey};

/// What is dropped of one seat's audio.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Unheard {
    /// When the first and the last packet were dropped since one was taken.
    drops: Option<(Instant, Instant)>,
    told: bool,
}

impl Unheard {
    /// A packet was dropped. Returns whether it is time to tell.
    fn dropped(&mut self, now: Instant) -> bool {
        let first = match self.drops {
            Some((first, last)) if now.saturating_duration_since(last) < NOTHING_COMES_AFTER => first,
            Some(_) | None => now,
        };
        self.drops = Some((first, now));
        let is_due = now.saturating_duration_since(first) >= UNHEARD_AFTER;
        is_due && !std::mem::replace(&mut self.told, true)
    }

    /// A packet was taken. Returns whether the end is to be told.
    pub(super) fn taken(&mut self) -> bool {
        self.drops = None;
        std::mem::take(&mut self.told)
    }

    /// Whether something is dropped, or was told to be.
    pub(super) fn is_idle(&self) -> bool {
        self.drops.is_none() && !self.told
    }

    /// Whether it was told and nothing has come for a while.
    fn is_over(&self, now: Instant) -> bool {
        let last = self.drops.map(|(_, last)| last);
        self.told && last.is_none_or(|last| now.saturating_duration_since(last) >= NOTHING_COMES_AFTER)
    }

    /// Whether someone was told.
    pub(super) fn is_told(&self) -> bool {
        self.told
    }
}

impl Engine {
    /// A packet of audio was dropped. If that is so with all packets of someone who could be heard, it is told.
    pub(super) fn audio_dropped(&mut self, index: usize, reason: DropReason, now: Instant) {
        if !reason.silences() {
            return;
        }
        let (room, transport) = (self.sessions[index].room, self.sessions[index].key);
        let Some(stage) = self.rooms.get_mut(&room) else {
            return;
        };
        let held = stage.interruption.holds(now);
        let Some(seat) = stage.seat_of(transport).filter(|seat| seat.planned.open && (seat.planned.priority || !held))
        else {
            return;
        };
        if seat.unheard.dropped(now) {
            self.counters.unheard[reason as usize] += 1;
            self.events.push_back(Event::Unheard { transport, why: Some(reason) });
        }
    }

    /// A packet of someone was taken after others were dropped.
    pub(super) fn audio_taken(&mut self, room: RoomKey, transport: TransportKey) {
        let seat = self.rooms.get_mut(&room).and_then(|stage| stage.seat_of(transport));
        if seat.is_some_and(|seat| seat.unheard.taken()) {
            self.events.push_back(Event::Unheard { transport, why: None });
        }
    }

    /// Nothing comes any more of someone who was told to be unheard: then nothing is dropped.
    pub(super) fn unheard_due(&mut self, index: usize, now: Instant) {
        let (room, transport) = (self.sessions[index].room, self.sessions[index].key);
        let seat = self.rooms.get_mut(&room).and_then(|stage| stage.seat_of(transport));
        if let Some(seat) = seat.filter(|seat| seat.unheard.is_over(now)) {
            seat.unheard = Unheard::default();
            self.events.push_back(Event::Unheard { transport, why: None });
        }
    }
}

/// So long every packet must be dropped before it is told.
pub(super) const UNHEARD_AFTER: Duration = Duration::from_secs(2);
/// Opus sends something every 400 ms, even in silence. After so long nothing is being sent.
const NOTHING_COMES_AFTER: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_seconds_of_nothing_but_drops_are_told_once() {
        let mut story = Story::new();
        assert_eq!(story.drops(100, 20), 1);
        assert_eq!(story.at, 2_000, "after so long");
        assert_eq!(story.drops(500, 20), 0);
        assert!(story.unheard.taken() && story.unheard.is_idle());
        assert!(!story.unheard.taken());
        assert_eq!(story.drops(100, 20), 1, "and again");
    }

    #[test]
    fn one_packet_that_is_taken_is_enough() {
        let mut story = Story::new();
        for _ in 0..10 {
            assert_eq!(story.drops(95, 20), 0);
            assert!(!story.unheard.taken());
        }
    }

    #[test]
    fn rare_drops_are_not_all_of_a_voice() {
        let mut story = Story::new();
        assert_eq!(story.drops(100, 1_000), 0, "nothing came in between that would be missed");
        assert_eq!(story.drops(6, 400), 1, "that is what a silent speaker sends");
    }

    #[test]
    fn it_is_over_when_nothing_comes_any_more() {
        let mut story = Story::new();
        story.drops(101, 20);
        assert!(!story.unheard.is_over(story.after(999)));
        assert!(story.unheard.is_over(story.after(1_000)));
        assert!(!Unheard::default().is_over(story.after(5_000)), "nothing was told");
    }

    struct Story {
        unheard: Unheard,
        begun: Instant,
        at: u64,
    }

    impl Story {
        fn new() -> Self {
            Self { unheard: Unheard::default(), begun: crate::runtime::clock::now(), at: 0 }
        }

        /// So many packets are dropped, one in so many milliseconds; how often it is told.
        fn drops(&mut self, packets: u32, every_ms: u64) -> usize {
            let told = (0..=packets).filter(|n| {
                self.at += if *n == 0 { 0 } else { every_ms };
                self.unheard.dropped(self.after(0))
            });
            told.count()
        }

        fn after(&self, ms: u64) -> Instant {
            self.begun + Duration::from_millis(self.at + ms)
        }
    }
}
