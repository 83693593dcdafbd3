//! The audience is everyone who holds no occupied seat: counted and sampled, never announced one by one.
//!
//! This keeps the pace at which people are told about it: at most once in an interval, and only what is new.

use std::time::{Duration, Instant};

use super::view::AudienceView;

/// What people know of the audience, and when they may be told again.
#[derive(Debug)]
pub(super) struct AudienceNews {
    interval: Duration,
    changed: bool,
    told: AudienceView,
    /// Someone was shown the audience apart from the others, and may know another than was told last.
    shown_apart: bool,
    told_at: Option<Instant>,
}

impl AudienceNews {
    pub(super) fn new(interval: Duration) -> Self {
        Self { interval, changed: false, told: AudienceView::default(), shown_apart: false, told_at: None }
    }

    /// Someone came, went, or changed between stage and audience.
    pub(super) fn changed(&mut self) {
        self.changed = true;
    }

    /// Someone who has just come or come back is shown the audience of this moment.
    pub(super) fn shown(&mut self) {
        self.shown_apart = true;
    }

    /// When people are to be told.
    pub(super) fn due(&self) -> Option<Instant> {
        if self.changed { self.told_at.map(|told_at| told_at + self.interval) } else { None }
    }

    /// Whether it is time to look at the audience and tell.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.changed && self.due().is_none_or(|due| due <= now)
    }

    /// Takes the audience as it is now; gives it back if it is news.
    pub(super) fn tell(&mut self, present: AudienceView, now: Instant) -> Option<AudienceView> {
        self.changed = false;
        if present == self.told && !self.shown_apart {
            return None;
        }
        self.shown_apart = false;
        self.told_at = Some(now);
        self.told = present;
        Some(self.told.clone())
    }
}

/// The most people of the audience who are named.
pub(super) const SAMPLE_MAX: usize = 20;

#[cfg(test)]
mod tests {
    #![allow(clippy::disallowed_methods, reason = "a test needs some instant")]

    use super::*;

    #[test]
    fn the_newest_is_told_once_an_interval() {
        let start = crate::clock::now();
        let second = Duration::from_secs(1);
        let of = |count| AudienceView { count, sample: Vec::new() };
        let mut news = AudienceNews::new(second);
        assert!(!news.is_due(start));
        news.changed();
        assert!(news.is_due(start));
        assert_eq!(news.tell(of(1), start), Some(of(1)));
        news.changed();
        assert!(!news.is_due(start));
        assert_eq!(news.due(), Some(start + second));
        assert!(news.is_due(start + second));
        assert_eq!(news.tell(of(1), start + second), None, "what is known is not told again");
        assert_eq!(news.due(), None);
    }

    #[test]
    fn who_came_in_between_is_told_what_the_others_know() {
        let start = crate::clock::now();
        let of = |count| AudienceView { count, sample: Vec::new() };
        let mut news = AudienceNews::new(Duration::ZERO);
        news.changed();
        assert_eq!(news.tell(of(5), start), Some(of(5)));
        // Two go; one comes back and is shown four; the other comes back, and there are five as before.
        news.changed();
        news.shown();
        assert_eq!(news.tell(of(5), start), Some(of(5)));
        news.changed();
        assert_eq!(news.tell(of(5), start), None);
    }
}
