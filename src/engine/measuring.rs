//! A measuring is what was found out about one participant's path since it was last told.
//!
//! Raw samples, one a report interval: whoever is told smooths and judges them. Of several findings within one interval the best source of the
//! round trip counts, and the worst of the slots.

use std::time::Duration;

use super::event::{LinkSample, PathSample, RoundTripSource};
use crate::router::OPUS_CLOCK_HZ;

/// What is known of a path and was not told yet.
#[derive(Debug, Default)]
pub(super) struct Measuring {
    sample: PathSample,
}

impl Measuring {
    /// A round trip was found.
    pub(super) fn round_trip(&mut self, round_trip: Duration, source: RoundTripSource) {
        if self.sample.round_trip.is_none_or(|(_, present)| rank(present) <= rank(source)) {
            self.sample.round_trip = Some((round_trip, source));
        }
    }

    /// A report of ours was made about the microphone: the share that was lost since the one before, in 256ths, and the jitter on RTP's clock.
    pub(super) fn uplink(&mut self, fraction_lost: u8, jitter: u32) {
        self.sample.uplink = Some(link(fraction_lost, jitter));
    }

    /// A report came about one of our streams.
    pub(super) fn downlink(&mut self, fraction_lost: u8, jitter: u32) {
        let slot = link(fraction_lost, jitter);
        self.sample.downlink = Some(match self.sample.downlink {
            Some(other) => LinkSample { loss: slot.loss.max(other.loss), jitter: slot.jitter.max(other.jitter) },
            None => slot,
        });
    }

    /// A packet of the microphone carries so many samples at 48 kHz.
    pub(super) fn frame(&mut self, samples: u32) {
        self.sample.frame = Some(duration_of(samples));
    }

    /// What there is to tell, if anything; from here on everything is found out anew.
    pub(super) fn take(&mut self) -> Option<PathSample> {
        let sample = std::mem::take(&mut self.sample);
        (sample != PathSample::default()).then_some(sample)
    }
}

/// Reports are about the way that audio takes; the reference time is not; and the handshake has the client's computing in it.
fn rank(source: RoundTripSource) -> u8 {
    match source {
        RoundTripSource::Handshake => 0,
        RoundTripSource::ReferenceTime => 1,
        RoundTripSource::Reports => 2,
    }
}

fn link(fraction_lost: u8, jitter: u32) -> LinkSample {
    LinkSample { loss: f32::from(fraction_lost) / 256.0, jitter: duration_of(jitter).min(JITTER_MAX) }
}

fn duration_of(samples: u32) -> Duration {
    Duration::from_micros(u64::from(samples) * 1_000_000 / u64::from(OPUS_CLOCK_HZ))
}

/// A client may report what it likes; no path has more.
const JITTER_MAX: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    #[test]
    fn nothing_found_is_nothing_told_and_what_was_told_is_not_told_again() {
        let mut measuring = Measuring::default();
        assert_eq!(measuring.take(), None);
        measuring.frame(960);
        assert_eq!(measuring.take(), Some(PathSample { frame: Some(MS(20)), ..PathSample::default() }));
        assert_eq!(measuring.take(), None);
    }

    #[test]
    fn the_best_source_counts_and_its_newest_word() {
        let mut measuring = Measuring::default();
        measuring.round_trip(MS(90), RoundTripSource::Handshake);
        measuring.round_trip(MS(60), RoundTripSource::ReferenceTime);
        measuring.round_trip(MS(50), RoundTripSource::Reports);
        measuring.round_trip(MS(52), RoundTripSource::Reports);
        measuring.round_trip(MS(70), RoundTripSource::ReferenceTime);
        let sample = measuring.take().expect("something was found");
        assert_eq!(sample.round_trip, Some((MS(52), RoundTripSource::Reports)));
        measuring.round_trip(MS(71), RoundTripSource::ReferenceTime);
        let sample = measuring.take().expect("something was found");
        assert_eq!(sample.round_trip, Some((MS(71), RoundTripSource::ReferenceTime)), "each interval for itself");
    }

    #[test]
    fn the_worst_slot_counts_and_what_cannot_be_is_cut() {
        let mut measuring = Measuring::default();
        measuring.uplink(64, 480);
        measuring.downlink(0, 960);
        measuring.downlink(128, u32::MAX);
        measuring.downlink(1, 48);
        let sample = measuring.take().expect("something was found");
        assert_eq!(sample.uplink, Some(LinkSample { loss: 0.25, jitter: MS(10) }));
        assert_eq!(sample.downlink, Some(LinkSample { loss: 0.5, jitter: JITTER_MAX }));
    }
}
