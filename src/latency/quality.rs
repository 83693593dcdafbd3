//! A quality says how good one participant's connection is, from what gets lost on it, how unevenly it delivers, and how long it takes.
//!
//! It is the E-model of ITU-T G.107 as far as a network can spoil a conversation: R = 93.2 − Id − Ie,eff.
//!
//! - Ie,eff = 95 × loss / (loss + Bpl), loss in percent (G.107 section 7.5, Ie = 0 as for an unspoilt codec). Bpl, how well a codec conceals, is
//!   25.1: that of G.711 with concealment (G.113 Appendix I). None is published for Opus, whose own concealment is not worse.
//! - Id = 0.024 d + 0.11 (d − 177.3) where d exceeds 177.3 ms: the simplification of Cole and Rosenbluth ("Voice over IP performance monitoring",
//!   2001). d is the round trip (the other's way is taken for as long as one's own) and twice the jitter, which a jitter buffer must hold.
//!
//! G.109 calls R from 80 on satisfying, from 70 on satisfying with exceptions: excellent and good. Below is poor. Without loss and jitter, a
//! round trip of 240 ms is still excellent and one of 315 ms still good; without delay, 4 % and 8 % of loss.

use std::time::Duration;

/// How good a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Quality {
    /// Nothing to hear of it.
    Excellent,
    /// Now and then something is missing.
    Good,
    /// Hard to follow.
    Poor,
    /// Nothing comes.
    Lost,
}

impl Quality {
    /// All of them, the best first.
    pub const ALL: [Self; 4] = [Self::Excellent, Self::Good, Self::Poor, Self::Lost];

    /// Its name.
    pub fn label(self) -> &'static str {
        match self {
            Self::Excellent => "excellent",
            Self::Good => "good",
            Self::Poor => "poor",
            Self::Lost => "lost",
        }
    }
}

/// One direction of a connection.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Link {
    /// The share of packets that never came, 0 to 1.
    pub loss: f64,
    /// How unevenly they came.
    pub jitter: Duration,
}

/// How good a direction is.
pub fn of_link(link: &Link, round_trip: Duration) -> Quality {
    let rating = rating(link, round_trip);
    if rating >= EXCELLENT_FROM {
        Quality::Excellent
    } else if rating >= GOOD_FROM {
        Quality::Good
    } else {
        Quality::Poor
    }
}

fn rating(link: &Link, round_trip: Duration) -> f64 {
    let percent = if link.loss.is_finite() { link.loss.clamp(0.0, 1.0) * 100.0 } else { 0.0 };
    let delay_ms = (round_trip + link.jitter.saturating_mul(2)).as_secs_f64() * 1e3;
    let of_loss = 95.0 * percent / (percent + LOSS_ROBUSTNESS);
    let of_delay = 0.024 * delay_ms + 0.11 * (delay_ms - DELAY_FREE_MS).max(0.0);
    93.2 - of_loss - of_delay
}

/// The verdict on one connection as samples of it come. The worse direction counts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Verdict {
    quality: Option<Quality>,
    /// The last samples that said otherwise, all on one side: the mildest of them, and how many.
    otherwise: Option<(Quality, u32)>,
    is_interrupted: bool,
}

impl Verdict {
    /// Takes a sample and says the quality, if it has become another one.
    pub fn sampled(&mut self, up: Option<Link>, down: Option<Link>, round_trip: Duration) -> Option<Quality> {
        let sample = [up, down].iter().flatten().map(|link| of_link(link, round_trip)).max()?;
        let Some(known) = self.quality else {
            return self.become_quality(sample);
        };
        let (mildest, seen) = match self.otherwise {
            Some((mildest, seen)) if (mildest > known) == (sample > known) && sample != known => {
                (if sample > known { mildest.min(sample) } else { mildest.max(sample) }, seen + 1)
            }
            Some(_) | None if sample != known => (sample, 1),
            Some(_) | None => {
                self.otherwise = None;
                return None;
            }
        };
        self.otherwise = Some((mildest, seen));
        let needed = if mildest > known { WORSE_SAMPLES } else { BETTER_SAMPLES };
        if seen >= needed { self.become_quality(mildest) } else { None }
    }

    /// Nothing comes any more, or something comes again. Says the quality, if it has become another one. Of whom no more is known than a round
    /// trip, or not even that, something is said all the same: whoever was told to be lost is not.
    pub fn interrupted(&mut self, is_interrupted: bool, round_trip: Option<Duration>) -> Option<Quality> {
        if self.is_interrupted == is_interrupted {
            return None;
        }
        self.is_interrupted = is_interrupted;
        self.otherwise = None;
        if !is_interrupted {
            let unspoilt = Link { loss: 0.0, jitter: Duration::ZERO };
            let guess = || round_trip.map_or(Quality::Good, |round_trip| of_link(&unspoilt, round_trip));
            self.quality.get_or_insert_with(guess);
        }
        self.now()
    }

    /// The quality at present, once it is known.
    pub fn now(&self) -> Option<Quality> {
        if self.is_interrupted { Some(Quality::Lost) } else { self.quality }
    }

    fn become_quality(&mut self, quality: Quality) -> Option<Quality> {
        self.quality = Some(quality);
        self.otherwise = None;
        // Whoever is lost is told of the rest when packets come again.
        (!self.is_interrupted).then_some(quality)
    }
}

/// R of G.109's category "high", whose users are satisfied.
const EXCELLENT_FROM: f64 = 80.0;
/// R of G.109's category "medium", some of whose users are dissatisfied.
const GOOD_FROM: f64 = 70.0;
/// Bpl: at this percentage of loss half of what can be lost is.
const LOSS_ROBUSTNESS: f64 = 25.1;
/// Up to here a delay costs little.
const DELAY_FREE_MS: f64 = 177.3;
/// Samples that say worse before it is believed.
pub const WORSE_SAMPLES: u32 = 2;
/// Samples that say better before it is believed.
pub const BETTER_SAMPLES: u32 = 3;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn link(loss: f64, jitter_ms: u64) -> Link {
        Link { loss, jitter: ms(jitter_ms) }
    }

    #[test]
    fn the_thresholds_are_those_that_the_text_says() {
        let quality = |loss, round_trip| of_link(&link(loss, 0), ms(round_trip));
        assert_eq!((quality(0.0, 240), quality(0.0, 250)), (Quality::Excellent, Quality::Good));
        assert_eq!((quality(0.0, 315), quality(0.0, 325)), (Quality::Good, Quality::Poor));
        assert_eq!((quality(0.04, 0), quality(0.045, 0)), (Quality::Excellent, Quality::Good));
        assert_eq!((quality(0.08, 0), quality(0.085, 0)), (Quality::Good, Quality::Poor));
        assert_eq!(of_link(&link(0.0, 80), ms(120)), Quality::Good, "jitter must be waited for");
    }

    #[test]
    fn worse_is_believed_after_two_samples_and_better_after_three() {
        let mut verdict = Verdict::default();
        let mut sample = |loss: f64| verdict.sampled(None, Some(link(loss, 0)), ms(50));
        assert_eq!(sample(0.0), Some(Quality::Excellent));
        assert_eq!(sample(0.2), None);
        assert_eq!(sample(0.0), None);
        assert_eq!(sample(0.2), None);
        assert_eq!(sample(0.05), Some(Quality::Good), "the mildest of the two");
        assert_eq!([sample(0.0), sample(0.0)], [None, None]);
        assert_eq!(sample(0.0), Some(Quality::Excellent));
    }

    #[test]
    fn an_interrupted_path_is_lost_whatever_its_samples_were() {
        let mut verdict = Verdict::default();
        assert_eq!(verdict.sampled(Some(link(0.0, 0)), None, ms(50)), Some(Quality::Excellent));
        assert_eq!(verdict.interrupted(true, None), Some(Quality::Lost));
        assert_eq!(verdict.interrupted(true, None), None);
        assert_eq!(verdict.now(), Some(Quality::Lost));
        assert_eq!(verdict.interrupted(false, Some(ms(900))), Some(Quality::Excellent), "what was known is known");
        assert_eq!(verdict.sampled(None, None, ms(50)), None, "no packets, no verdict");
    }

    #[test]
    fn who_comes_again_is_not_lost_though_nothing_else_is_known() {
        for (round_trip, expected) in [(None, Quality::Good), (Some(ms(50)), Quality::Excellent)] {
            let mut verdict = Verdict::default();
            assert_eq!(verdict.interrupted(true, round_trip), Some(Quality::Lost));
            assert_eq!(verdict.interrupted(false, round_trip), Some(expected));
            assert_eq!(verdict.now(), Some(expected));
        }
    }

    proptest! {
        #[test]
        fn more_of_anything_bad_is_never_better(
            loss in 0.0f64..1.0, more in 0.0f64..1.0, jitter in 0u64..500, round_trip in 0u64..60_000, longer in 0u64..1_000,
        ) {
            let quality = of_link(&link(loss, jitter), ms(round_trip));
            prop_assert!(of_link(&link(loss + more, jitter), ms(round_trip)) >= quality);
            prop_assert!(of_link(&link(loss, jitter + longer), ms(round_trip)) >= quality);
            prop_assert!(of_link(&link(loss, jitter), ms(round_trip + longer)) >= quality);
        }

        #[test]
        fn any_number_is_judged(loss in proptest::num::f64::ANY) {
            prop_assert!(of_link(&link(loss, 1), ms(1)) <= Quality::Poor);
        }
    }
}
