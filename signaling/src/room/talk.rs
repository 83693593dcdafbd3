//! Talk: what people say without a microphone: messages, which everyone gets, and reactions, which are counted.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Room;
use super::event::Event;
use super::output::{Done, Output, Recipients};
use super::permit::Caller;
use super::refusal::{Refusal, Refused};
use super::seating::refuse_for_now;

/// The reactions since the last tally.
#[derive(Debug, Default)]
pub(super) struct Tally {
    counts: BTreeMap<String, u32>,
    told_at: Option<Instant>,
}

impl Tally {
    /// When it is to be told, if something waits. What comes first does not wait.
    pub(super) fn due(&self, interval: Duration) -> Option<Instant> {
        self.told_at.filter(|_| !self.counts.is_empty()).map(|told_at| told_at + interval)
    }

    fn is_due(&self, interval: Duration, now: Instant) -> bool {
        !self.counts.is_empty() && self.due(interval).is_none_or(|due| due <= now)
    }
}

impl Room {
    /// Writes to the room.
    pub(super) fn send_message(&mut self, by: &Caller, text: String) -> Result<Done, Refused> {
        self.refuse_mute_voice(by)?;
        let person = self.roster.person(&by.identity);
        let event = Event::Message {
            from: person.shown(&by.identity).clone(),
            name: person.name.clone(),
            text: Arc::from(text),
        };
        self.log(Recipients::Everyone, event);
        Ok(Done::default())
    }

    /// Reacts. More kinds at once than are counted are too many.
    pub(super) fn react(&mut self, by: &Caller, kind: String) -> Result<Done, Refused> {
        self.refuse_mute_voice(by)?;
        if self.tally.counts.len() >= KINDS_MAX && !self.tally.counts.contains_key(&kind) {
            return Err(refuse_for_now(self.settings.tally_interval));
        }
        let count = self.tally.counts.entry(kind).or_default();
        *count = count.saturating_add(1);
        Ok(Done::default())
    }

    fn refuse_mute_voice(&self, by: &Caller) -> Result<(), Refused> {
        let person = self.roster.person(&by.identity);
        if person.can_publish_data && !person.hidden { Ok(()) } else { Err(Refusal::Forbidden.into()) }
    }

    pub(super) fn settle_tally(&mut self, now: Instant) {
        if !self.tally.is_due(self.settings.tally_interval, now) {
            return;
        }
        self.tally.told_at = Some(now);
        let tally = std::mem::take(&mut self.tally.counts).into_iter().collect();
        self.outputs.push(Output::Tell { to: Recipients::Everyone, seq: None, event: Event::ReactionTally { tally } });
    }
}

/// So many kinds of reaction are counted between two tallies.
pub(super) const KINDS_MAX: usize = 32;
