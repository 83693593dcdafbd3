//! An interruption is someone with priority speaking over the others: from the first packet of voice until half a second after the last.
//! Only voice by the sender's own word counts (RFC 6464: the V bit is set): nobody falls silent for a guess of ours.
//!
//! ```text
//!   Nobody ──voice──► by one ──voice of another, the first silent──► by the other
//!     ▲                 │
//!     └─ 500 ms silent, gate closed, mode changed ─┘
//! ```
//!
//! It is the same whatever the plan makes of it; with [`Interrupt::Hold`] those without priority are not forwarded meanwhile. Whether they are
//! held is a question to the clock and needs no timer; a timer only lets the end be told.

use std::time::{Duration, Instant};

use super::command::{Interrupt, TransportKey};
use super::event::Event;
use super::stage::Seat;
use super::{Engine, Owner, RoomKey};

/// Who interrupts one room, if anyone.
#[derive(Debug, Default)]
pub(super) struct Interruption {
    mode: Interrupt,
    present: Option<Present>,
    /// Who the control plane believes it to be.
    told: Option<TransportKey>,
    /// The wheel will call.
    armed: bool,
}

#[derive(Clone, Copy, Debug)]
struct Present {
    by: TransportKey,
    until: Instant,
}

/// What a packet of voice has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    Nothing,
    Began,
    Passed,
}

impl Interruption {
    /// Whether those without priority are held.
    pub(super) fn holds(&self, now: Instant) -> bool {
        self.mode == Interrupt::Hold && self.present.is_some_and(|present| now < present.until)
    }

    /// A seat with priority let a packet of voice go out.
    fn voiced(&mut self, by: TransportKey, seats: &[Seat], now: Instant) -> Change {
        if self.mode == Interrupt::Off {
            return Change::Nothing;
        }
        let until = now + HELD_AFTER_VOICE;
        match &mut self.present {
            Some(present) if now < present.until => {
                present.until = until;
                // Whoever spoke first is the one for as long as they speak: two who talk at once do not take turns ten times a second.
                let first_speaks = may_interrupt(seats, present.by).is_some_and(|seat| seat.speaker.stated(now));
                if present.by == by || first_speaks {
                    return Change::Nothing;
                }
                present.by = by;
                Change::Passed
            }
            Some(_) | None => {
                self.present = Some(Present { by, until });
                Change::Began
            }
        }
    }

    /// The stage is another. Whoever interrupts goes on while their gate is open and the mode is the same, or someone else who has just spoken.
    pub(super) fn reconcile(&mut self, mode: Interrupt, seats: &[Seat], now: Instant) {
        let same_mode = std::mem::replace(&mut self.mode, mode) == mode;
        let present = self.present.filter(|present| same_mode && now < present.until);
        self.present = present.and_then(|present| {
            if may_interrupt(seats, present.by).is_some() {
                return Some(present);
            }
            let spoke = |seat: &Seat| Some((seat.speaker.stated_at()? + HELD_AFTER_VOICE, seat.planned.transport));
            let others = seats.iter().filter(|seat| seat.planned.open && seat.planned.priority);
            let (until, by) = others.filter_map(spoke).max().filter(|(until, _)| now < *until)?;
            Some(Present { by, until })
        });
    }
}

impl Engine {
    /// Someone with priority speaks. With [`Interrupt::Hold`] the others fall silent, before the first word goes out.
    pub(super) fn interrupt(&mut self, room: RoomKey, by: TransportKey, now: Instant) {
        let Some(stage) = self.rooms.get_mut(&room) else {
            return;
        };
        match stage.interruption.voiced(by, &stage.seats, now) {
            Change::Nothing => return,
            Change::Passed => {}
            Change::Began => {
                if !std::mem::replace(&mut stage.interruption.armed, true) {
                    self.wheel.arm(Owner::Interruption(room), now + HELD_AFTER_VOICE);
                }
                if stage.interruption.holds(now) {
                    self.end_held_streams(room, now);
                }
            }
        }
        self.tell_interruption(room);
    }

    pub(super) fn interruption_due(&mut self, room: RoomKey, now: Instant) {
        let Some(stage) = self.rooms.get_mut(&room) else {
            return;
        };
        let interruption = &mut stage.interruption;
        interruption.present = interruption.present.filter(|present| now < present.until);
        interruption.armed = interruption.present.is_some();
        if let Some(present) = interruption.present {
            self.wheel.arm(Owner::Interruption(room), present.until);
        }
        self.tell_interruption(room);
    }

    /// Tells who interrupts, if that is not what was told before.
    pub(super) fn tell_interruption(&mut self, room: RoomKey) {
        let Some(stage) = self.rooms.get_mut(&room) else {
            return;
        };
        let by = stage.interruption.present.map(|present| present.by);
        if std::mem::replace(&mut stage.interruption.told, by) != by {
            self.events.push_back(Event::Interruption { room, by });
        }
    }

    /// Ends the voices of all who are held. Those that nobody hears are not ended twice.
    pub(super) fn end_held_streams(&mut self, room: RoomKey, now: Instant) {
        for at in 0.. {
            let Some(seat) = self.rooms.get(&room).and_then(|stage| stage.seats.get(at)) else {
                return;
            };
            if seat.planned.open && !seat.planned.priority {
                self.end_streams(room, seat.planned.csrc, now);
            }
        }
    }
}

fn may_interrupt(seats: &[Seat], who: TransportKey) -> Option<&Seat> {
    seats.iter().find(|seat| seat.planned.transport == who && seat.planned.open && seat.planned.priority)
}

/// After the last packet of voice the others wait this long: shorter than a breath between two sentences would let them in at each comma.
pub(super) const HELD_AFTER_VOICE: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]

    use super::*;
    use crate::engine::command::PlannedSeat;
    use crate::router::{
        Csrc,
        speaker::{Sound, Speaker},
    };
    use crate::wire::audio_level::AudioLevel;

    const ADA: TransportKey = TransportKey(1);
    const ZOE: TransportKey = TransportKey(2);

    #[test]
    fn it_lasts_from_the_first_word_until_500_ms_after_the_last() {
        let mut story = Story::new(Interrupt::Hold);
        assert!(!story.holds());
        assert_eq!(story.says(ADA), Change::Began);
        story.after(499);
        assert!(story.holds());
        assert_eq!(story.says(ADA), Change::Nothing);
        story.after(499);
        assert!(story.holds());
        story.after(1);
        assert!(!story.holds());
        assert_eq!(story.says(ADA), Change::Began);
    }

    #[test]
    fn the_first_keeps_the_word_while_voiced_and_the_other_has_it_then() {
        let mut story = Story::new(Interrupt::Duck);
        story.says(ADA);
        for _ in 0..19 {
            story.after(20);
            assert_eq!(story.says(ZOE), Change::Nothing);
        }
        story.after(20);
        assert_eq!(story.says(ZOE), Change::Passed, "400 ms without a word of the first");
        assert_eq!(story.says(ADA), Change::Nothing);
        assert_eq!(story.by(), Some(ZOE));
        assert!(!story.holds(), "nobody is held by a mere hint");
    }

    #[test]
    fn with_off_there_is_none() {
        let mut story = Story::new(Interrupt::Off);
        assert_eq!(story.says(ADA), Change::Nothing);
        assert_eq!(story.by(), None);
    }

    #[test]
    fn another_mode_ends_it_and_the_same_one_does_not() {
        let mut story = Story::new(Interrupt::Duck);
        story.says(ADA);
        story.plan(Interrupt::Duck);
        assert_eq!(story.by(), Some(ADA));
        for mode in [Interrupt::Hold, Interrupt::Off, Interrupt::Duck] {
            story.plan(mode);
            assert_eq!(story.by(), None);
            story.says(ADA);
        }
    }

    #[test]
    fn a_closed_gate_a_lost_rank_and_a_lost_seat_end_it() {
        for change in [
            (|seats| seats[0].planned.open = false) as fn(&mut Vec<Seat>),
            |seats| seats[0].planned.priority = false,
            |seats| seats.clear(),
        ] {
            let mut story = Story::new(Interrupt::Hold);
            story.says(ADA);
            change(&mut story.seats);
            story.plan(Interrupt::Hold);
            assert!(!story.holds());
        }
    }

    #[test]
    fn whoever_has_just_spoken_too_goes_on_when_the_first_is_muted() {
        let mut story = Story::new(Interrupt::Hold);
        story.says(ADA);
        story.after(100);
        story.says(ZOE);
        story.after(100);
        story.says(ADA);
        story.seats[0].planned.open = false;
        story.plan(Interrupt::Hold);
        assert_eq!(story.by(), Some(ZOE));
        story.after(399);
        assert!(story.holds());
        story.after(1);
        assert!(!story.holds(), "500 ms after the last word of the one who is left");
    }

    /// Two hosts on a stage.
    struct Story {
        interruption: Interruption,
        seats: Vec<Seat>,
        now: Instant,
    }

    impl Story {
        fn new(mode: Interrupt) -> Self {
            let seat = |(seat, transport): (u8, TransportKey)| {
                let csrc = Csrc(std::num::NonZeroU32::new(u32::from(seat) + 1).unwrap());
                let planned = PlannedSeat { seat, transport, csrc, open: true, priority: true };
                Seat::new(planned, Speaker::default())
            };
            let mut story = Self {
                interruption: Interruption::default(),
                seats: [(0, ADA), (1, ZOE)].map(seat).into(),
                now: crate::runtime::clock::now(),
            };
            story.plan(mode);
            story
        }

        fn plan(&mut self, mode: Interrupt) {
            self.interruption.reconcile(mode, &self.seats, self.now);
        }

        fn says(&mut self, who: TransportKey) -> Change {
            let seat = self.seats.iter_mut().find(|seat| seat.planned.transport == who).unwrap();
            let voice = Sound::Stated(AudioLevel { voice: true, level: 30 });
            assert!(seat.speaker.hear(voice, self.now).stated);
            self.interruption.voiced(who, &self.seats, self.now)
        }

        fn after(&mut self, millis: u64) {
            self.now += Duration::from_millis(millis);
        }

        fn holds(&self) -> bool {
            self.interruption.holds(self.now)
        }

        fn by(&self) -> Option<TransportKey> {
            self.interruption.present.map(|present| present.by)
        }
    }
}
