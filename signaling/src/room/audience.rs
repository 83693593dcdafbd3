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
    told_at: Option<Instant>,
}

impl AudienceNews {
    pub(super) fn new(interval: Duration) -> Self {
        Self { interval, changed: false, told: AudienceView::default(), told_at: None }
    }

    /// Someone came, went, or changed between stage and audience.
    pub(super) fn changed(&mut self) {
        self.changed = true;
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
        if present == self.told {
            return None;
        }
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
}
