//! Slots are the downstream streams a subscriber negotiated; a slot table says which speaker each of them carries.
//!
//! While there are no more speakers than slots everyone is heard. Beyond that the loudest are, with hysteresis, so that two people of
//! the same loudness do not take a slot from each other ten times a second; and a host is heard whoever else speaks.

use std::time::{Duration, Instant};

use super::{Csrc, speaker::Standing};

/// Which speaker each slot of one subscriber carries.
#[derive(Clone, Debug)]
pub struct SlotTable {
    slots: Vec<Slot>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    carries: Option<Csrc>,
    since: Option<Instant>,
    /// The subscriber has a slot too many and this is the one to go: so many packets of its speaker are still to be replaced by silence.
    ending: Option<u8>,
}

/// Where a speaker's packet goes at this subscriber.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// The slot already carries this speaker.
    Kept(usize),
    /// The slot was free, or carried someone who had to give way: it carries this speaker from now on.
    Repointed(usize),
    /// The slot carries this speaker, but there is one slot too many: a frame of silence goes out instead of the packet. The `last` one
    /// frees the slot.
    Ending {
        /// Which slot.
        slot: usize,
        /// No more will follow.
        last: bool,
    },
    /// All slots carry someone who stays.
    None,
}

impl SlotTable {
    /// A table of `count` free slots.
    pub fn new(count: usize) -> Self {
        Self { slots: vec![Slot::default(); count] }
    }

    /// The slot that carries this speaker.
    pub fn slot_of(&self, who: Csrc) -> Option<usize> {
        self.slots.iter().position(|slot| slot.carries == Some(who))
    }

    /// What each slot carries, in slot order.
    pub fn carried(&self) -> impl Iterator<Item = Option<Csrc>> + '_ {
        self.slots.iter().map(|slot| slot.carries)
    }

    /// Frees the slot that carries this speaker and says which it was.
    pub fn release(&mut self, who: Csrc) -> Option<usize> {
        let index = self.slot_of(who)?;
        self.slots[index] = Slot::default();
        Some(index)
    }

    /// Finds a slot for a packet of `who` among at most `limit` that may carry someone. `standing_of` tells how the present occupants stand.
    ///
    /// Where more carry someone than may, the weakest goes with its own next packets: nothing is sent at once to everyone, and who is silent
    /// costs nothing anyway.
    pub fn place(
        &mut self,
        who: Csrc,
        standing: Standing,
        limit: usize,
        standing_of: impl Fn(Csrc) -> Option<Standing>,
        now: Instant,
    ) -> Placement {
        if let Some(index) = self.slot_of(who) {
            if self.slots[index].ending.is_none() && self.taken() > limit && self.is_weakest(standing, &standing_of) {
                self.slots[index].ending = Some(ENDING_FRAMES);
            }
            return self.keep_or_end(index);
        }
        let Some(index) = self.give_way(standing, limit, standing_of, now) else {
            return Placement::None;
        };
        self.slots[index] = Slot { carries: Some(who), since: Some(now), ending: None };
        Placement::Repointed(index)
    }

    fn keep_or_end(&mut self, slot: usize) -> Placement {
        let Some(left) = self.slots[slot].ending else {
            return Placement::Kept(slot);
        };
        let last = left <= 1;
        self.slots[slot] = if last { Slot::default() } else { Slot { ending: Some(left - 1), ..self.slots[slot] } };
        Placement::Ending { slot, last }
    }

    /// Slots that carry someone and will go on to.
    fn staying(&self) -> impl Iterator<Item = Csrc> + '_ {
        self.slots.iter().filter(|slot| slot.ending.is_none()).filter_map(|slot| slot.carries)
    }

    fn taken(&self) -> usize {
        self.staying().count()
    }

    fn is_weakest(&self, standing: Standing, standing_of: impl Fn(Csrc) -> Option<Standing>) -> bool {
        !self.staying().filter_map(standing_of).any(|other| weaker(other, standing))
    }

    fn give_way(
        &self,
        contender: Standing,
        limit: usize,
        standing_of: impl Fn(Csrc) -> Option<Standing>,
        now: Instant,
    ) -> Option<usize> {
        let free = |slot: &Slot| slot.carries.and_then(&standing_of).is_none();
        if self.taken() < limit {
            let ending = |slot: &Slot| slot.ending.is_some();
            if let Some(index) = self.slots.iter().position(free).or_else(|| self.slots.iter().position(ending)) {
                return Some(index);
            }
        }
        let mut weakest: Option<(usize, Standing)> = None;
        let staying = self.slots.iter().enumerate().filter(|(_, slot)| limit > 0 && slot.ending.is_none());
        for (index, slot) in staying {
            let Some(occupant) = slot.carries.and_then(&standing_of) else {
                continue;
            };
            let settled = slot.since.is_none_or(|since| now.saturating_duration_since(since) >= DWELL);
            if !yields(occupant, contender, settled) {
                continue;
            }
            if weakest.is_none_or(|(_, other)| weaker(occupant, other)) {
                weakest = Some((index, occupant));
            }
        }
        weakest.map(|(index, _)| index)
    }
}

fn yields(occupant: Standing, contender: Standing, settled: bool) -> bool {
    if !contender.voiced {
        return false;
    }
    // A host who says nothing holds no slot against someone who speaks: with the first word it is taken back at once.
    if occupant.priority && occupant.voiced && !contender.priority {
        return false;
    }
    if contender.priority && !occupant.priority {
        return true;
    }
    settled && (!occupant.voiced || contender.loudness >= occupant.loudness + HYSTERESIS_DB)
}

fn weaker(one: Standing, other: Standing) -> bool {
    (one.voiced, one.priority, one.loudness) < (other.voiced, other.priority, other.loudness)
}

/// A slot keeps its speaker for at least this long, except before a host.
pub const DWELL: Duration = Duration::from_millis(500);
/// A slot that is given up says so with so many frames of silence: 60 ms, of which some may be lost.
pub const ENDING_FRAMES: u8 = 3;
/// How much louder a newcomer must be than someone who is speaking.
pub const HYSTERESIS_DB: i16 = 6;

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;
    use std::num::NonZeroU32;

    fn csrc(n: u32) -> Csrc {
        Csrc(NonZeroU32::new(n).expect("not zero"))
    }

    fn talking(loudness: i16) -> Standing {
        Standing { priority: false, loudness, voiced: true }
    }

    fn quiet() -> Standing {
        Standing { priority: false, loudness: -127, voiced: false }
    }

    fn host(loudness: i16) -> Standing {
        Standing { priority: true, loudness, voiced: true }
    }

    struct Stage {
        standings: HashMap<Csrc, Standing>,
        table: SlotTable,
        limit: usize,
        now: Instant,
    }

    impl Stage {
        fn new(slots: usize) -> Self {
            Self {
                standings: HashMap::new(),
                table: SlotTable::new(slots),
                limit: usize::MAX,
                now: crate::runtime::clock::now(),
            }
        }

        fn packet(&mut self, who: u32, standing: Standing) -> Placement {
            self.standings.insert(csrc(who), standing);
            let standings = &self.standings;
            self.table.place(csrc(who), standing, self.limit, |other| standings.get(&other).copied(), self.now)
        }

        fn later(&mut self, by: Duration) {
            self.now += by;
        }
    }

    #[test]
    fn everyone_is_heard_while_there_are_slots() {
        let mut stage = Stage::new(2);
        assert_eq!(stage.packet(1, quiet()), Placement::Repointed(0));
        assert_eq!(stage.packet(2, talking(-30)), Placement::Repointed(1));
        assert_eq!(stage.packet(1, quiet()), Placement::Kept(0));
    }

    #[test]
    fn a_speaker_takes_the_slot_of_someone_silent_after_the_dwell() {
        let mut stage = Stage::new(2);
        stage.packet(1, talking(-30));
        stage.packet(2, quiet());
        assert_eq!(stage.packet(3, talking(-50)), Placement::None, "the slot has just been given");
        stage.later(DWELL);
        assert_eq!(stage.packet(3, talking(-50)), Placement::Repointed(1));
    }

    #[test]
    fn louder_by_less_than_the_hysteresis_changes_nothing() {
        let mut stage = Stage::new(1);
        stage.packet(1, talking(-30));
        stage.later(DWELL);
        assert_eq!(stage.packet(2, talking(-25)), Placement::None);
        assert_eq!(stage.packet(2, talking(-24)), Placement::Repointed(0));
    }

    #[test]
    fn a_host_is_heard_at_once_and_is_never_displaced_by_a_guest() {
        let mut stage = Stage::new(1);
        stage.packet(1, talking(-10));
        assert_eq!(stage.packet(2, host(-50)), Placement::Repointed(0));
        stage.later(Duration::from_secs(5));
        assert_eq!(stage.packet(1, talking(-5)), Placement::None);
    }

    #[test]
    fn a_silent_host_does_not_hold_a_slot_against_another_host() {
        let mut stage = Stage::new(1);
        stage.packet(1, Standing { voiced: false, ..host(-127) });
        stage.later(DWELL);
        assert_eq!(stage.packet(2, host(-40)), Placement::Repointed(0));
    }

    #[test]
    fn a_silent_host_gives_way_to_a_guest_who_speaks_and_comes_back_with_the_first_word() {
        let mut stage = Stage::new(1);
        stage.packet(1, Standing { voiced: false, ..host(-127) });
        stage.later(DWELL);
        assert_eq!(stage.packet(2, talking(-40)), Placement::Repointed(0));
        assert_eq!(stage.packet(1, Standing { voiced: false, ..host(-127) }), Placement::None);
        assert_eq!(stage.packet(1, host(-50)), Placement::Repointed(0));
    }

    #[test]
    fn a_released_slot_is_free_at_once() {
        let mut stage = Stage::new(1);
        stage.packet(1, talking(-10));
        assert_eq!(stage.table.release(csrc(1)), Some(0));
        assert_eq!(stage.packet(2, quiet()), Placement::Repointed(0));
        assert_eq!(stage.table.release(csrc(1)), None);
    }

    #[test]
    fn with_a_slot_too_many_the_weakest_goes_with_its_own_next_packets() {
        let mut stage = Stage::new(3);
        for (who, loudness) in [(1, -30), (2, -50), (3, -40)] {
            stage.packet(who, talking(loudness));
        }
        stage.limit = 1;
        assert_eq!(stage.packet(1, talking(-30)), Placement::Kept(0), "the loudest stays");
        assert_eq!(stage.packet(3, talking(-40)), Placement::Kept(2), "not yet: there is a weaker one");
        let ending = |slot, last| Placement::Ending { slot, last };
        assert_eq!(stage.packet(2, talking(-50)), ending(1, false));
        assert_eq!(stage.packet(3, talking(-40)), ending(2, false), "now it is the weakest");
        assert_eq!(stage.packet(2, talking(-50)), ending(1, false));
        assert_eq!(stage.packet(2, talking(-50)), ending(1, true));
        assert_eq!(stage.packet(2, talking(-50)), Placement::None, "its slot is free, and not to be used");
        assert_eq!((stage.packet(3, talking(-40)), stage.packet(3, talking(-40))), (ending(2, false), ending(2, true)));
        assert_eq!(stage.packet(1, talking(-30)), Placement::Kept(0));
        stage.limit = 3;
        assert_eq!(stage.packet(2, talking(-50)), Placement::Repointed(1));
        assert_eq!(stage.packet(3, talking(-40)), Placement::Repointed(2));
    }

    #[test]
    fn with_one_slot_left_a_host_has_it_and_whoever_is_louder() {
        let mut stage = Stage::new(3);
        for who in [1, 2] {
            stage.packet(who, talking(-30));
        }
        stage.limit = 1;
        assert_eq!(
            stage.packet(1, talking(-30)),
            Placement::Ending { slot: 0, last: false },
            "as weak as the other, and first"
        );
        assert_eq!(stage.packet(2, talking(-30)), Placement::Kept(1));
        assert_eq!(stage.packet(4, host(-60)), Placement::Repointed(1));
        assert_eq!(stage.packet(2, talking(-10)), Placement::None);
    }

    #[test]
    fn whoever_is_silent_in_a_slot_too_many_gives_way_and_one_that_was_being_freed_can_be_used_again() {
        let mut stage = Stage::new(2);
        stage.packet(1, talking(-30));
        stage.packet(2, quiet());
        stage.limit = 1;
        stage.later(DWELL);
        assert_eq!(stage.packet(3, talking(-60)), Placement::Repointed(1), "nobody hears the silent one");
        assert_eq!(stage.packet(3, talking(-60)), Placement::Ending { slot: 1, last: false });
        stage.limit = 2;
        assert_eq!(
            stage.packet(4, talking(-60)),
            Placement::Repointed(1),
            "the speaker of the rest of it says nothing more"
        );
        assert_eq!(stage.packet(1, talking(-30)), Placement::Kept(0));
    }

    #[test]
    fn with_no_slot_allowed_nobody_is_heard() {
        let mut stage = Stage::new(2);
        stage.packet(1, talking(-30));
        stage.limit = 0;
        stage.later(DWELL);
        assert_eq!(stage.packet(2, host(-10)), Placement::None);
        for last in [false, false, true] {
            assert_eq!(stage.packet(1, talking(-30)), Placement::Ending { slot: 0, last });
        }
        assert_eq!(stage.packet(1, talking(-30)), Placement::None);
    }
}
