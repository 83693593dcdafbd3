//! A joining is how far one participant has come on the way from its offer to the first audio packet.
//!
//! ```text
//!   FirstCheck ──► Nominated ──► Handshake ──► Keys ──► FirstAudio
//! ```
//!
//! Each stage is told once and in this order, whatever a client leaves out or says twice. The join ends with the first audio packet, or with
//! the keys where nobody was audible.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::command::TransportKey;
use super::event::{Event, JoinEnd, Stage};

/// One participant's way in.
#[derive(Debug)]
pub(super) struct Joining {
    transport: TransportKey,
    asked_at: Instant,
    reached: Option<Stage>,
    /// When keys came to exist, after the transport was asked for.
    keys_after: Option<Duration>,
    /// By audio or by keys.
    ended: bool,
}

impl Joining {
    pub(super) fn new(transport: TransportKey, asked_at: Instant) -> Self {
        Self { transport, asked_at, reached: None, keys_after: None, ended: false }
    }

    /// How long it is since the transport was asked for.
    pub(super) fn waited(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.asked_at)
    }

    /// Tells that `stage` was reached, if that is news.
    pub(super) fn reach(&mut self, stage: Stage, now: Instant, events: &mut VecDeque<Event>) {
        if self.reached >= Some(stage) {
            return;
        }
        let after = self.waited(now);
        match stage {
            Stage::FirstCheck | Stage::Nominated => self.tell(stage, after, events),
            Stage::Handshake => {
                // Whoever talks DTLS by a path has chosen it, said or not.
                if self.reached < Some(Stage::Nominated) {
                    self.tell(Stage::Nominated, after, events);
                }
                self.tell(stage, after, events);
            }
            Stage::Keys => {
                self.keys_after = Some(after);
                self.tell(stage, after, events);
            }
            Stage::FirstAudio => {
                self.tell(stage, after, events);
                self.end(JoinEnd::FirstAudio, after, events);
            }
        }
    }

    /// The join ends with the keys: nobody was audible, or whoever was fell silent just then.
    pub(super) fn ended_by_keys(&mut self, events: &mut VecDeque<Event>) {
        if let Some(after) = self.keys_after {
            self.end(JoinEnd::Keys, after, events);
        }
    }

    fn tell(&mut self, stage: Stage, after: Duration, events: &mut VecDeque<Event>) {
        self.reached = Some(stage);
        events.push_back(Event::Stage { transport: self.transport, stage, after });
    }

    fn end(&mut self, by: JoinEnd, after: Duration, events: &mut VecDeque<Event>) {
        if !std::mem::replace(&mut self.ended, true) {
            events.push_back(Event::JoinEnded { transport: self.transport, by, after });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADA: TransportKey = TransportKey(1);

    #[test]
    fn each_stage_is_told_once_and_in_order() {
        let mut story = Story::new();
        for stage in [Stage::FirstCheck, Stage::FirstCheck, Stage::Nominated, Stage::Nominated, Stage::Handshake] {
            story.reach(stage);
        }
        for stage in [Stage::Keys, Stage::Nominated, Stage::Handshake, Stage::FirstAudio, Stage::FirstAudio] {
            story.reach(stage);
        }
        assert_eq!(
            story.told(),
            [
                stage(Stage::FirstCheck, 10),
                stage(Stage::Nominated, 30),
                stage(Stage::Handshake, 50),
                stage(Stage::Keys, 60),
                stage(Stage::FirstAudio, 90),
                Event::JoinEnded { transport: ADA, by: JoinEnd::FirstAudio, after: Duration::from_millis(90) },
            ]
        );
    }

    #[test]
    fn a_client_that_talks_dtls_has_chosen_its_path_and_a_later_word_of_it_is_no_news() {
        let mut story = Story::new();
        for stage in [Stage::FirstCheck, Stage::Handshake, Stage::Nominated] {
            story.reach(stage);
        }
        let expected = [stage(Stage::FirstCheck, 10), stage(Stage::Nominated, 20), stage(Stage::Handshake, 20)];
        assert_eq!(story.told(), expected);
    }

    #[test]
    fn a_join_ends_once_by_keys_or_by_audio() {
        let mut story = Story::new();
        story.joining.ended_by_keys(&mut story.events);
        assert_eq!(story.told(), [], "there are no keys yet");
        story.reach(Stage::Keys);
        story.joining.ended_by_keys(&mut story.events);
        story.joining.ended_by_keys(&mut story.events);
        story.reach(Stage::FirstAudio);
        assert_eq!(
            story.told(),
            [
                stage(Stage::Keys, 10),
                Event::JoinEnded { transport: ADA, by: JoinEnd::Keys, after: Duration::from_millis(10) },
                stage(Stage::FirstAudio, 20),
            ]
        );
    }

    fn stage(stage: Stage, after_ms: u64) -> Event {
        Event::Stage { transport: ADA, stage, after: Duration::from_millis(after_ms) }
    }

    /// A joining in which something happens every 10 ms.
    struct Story {
        joining: Joining,
        events: VecDeque<Event>,
        now: Instant,
    }

    impl Story {
        fn new() -> Self {
            let now = crate::runtime::clock::now();
            Self { joining: Joining::new(ADA, now), events: VecDeque::new(), now }
        }

        fn reach(&mut self, stage: Stage) {
            self.now += Duration::from_millis(10);
            self.joining.reach(stage, self.now, &mut self.events);
        }

        fn told(&mut self) -> Vec<Event> {
            self.events.drain(..).collect()
        }
    }
}
