//! An impairment is what a line does to what it carries in one direction: how late, how much of it, in which order.
//!
//! It is a value, which [`Impairment::from_str`] reads from `delay=150,jitter=20,loss=2`. What it does is the [link](super::link)'s affair.

use std::ops::Range;
use std::str::FromStr;
use std::time::Duration;

/// What happens to datagrams on their way in one direction. The default is nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Impairment {
    /// How long the way takes.
    pub delay: Duration,
    /// How much that differs from datagram to datagram, by the distribution below. Order is kept: none overtakes an earlier one.
    pub jitter: Duration,
    /// What jitter means.
    pub distribution: Distribution,
    /// How many are lost, each by a throw of its own.
    pub loss: Share,
    /// How many are lost in bursts, besides.
    pub burst: Option<Burst>,
    /// How many come out of turn: they are overtaken by whatever leaves within the time below.
    pub reorder: Share,
    /// How much later such a one is.
    pub reorder_by: Duration,
    /// How many come twice.
    pub duplicate: Share,
    /// Bits a second, each datagram's IP and UDP headers included. No limit if none.
    pub rate: Option<u64>,
    /// The longest wait for one's turn where there is a rate; what would wait longer is lost.
    pub queue: Duration,
    /// Times, since the relay began, in which nothing gets onto the line.
    pub blackouts: Vec<Range<Duration>>,
}

/// How jitter spreads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Distribution {
    /// Evenly from `delay - jitter` to `delay + jitter`, not below zero.
    #[default]
    Uniform,
    /// Around `delay` with a standard deviation of `jitter`, cut off at three of them, not below zero.
    Normal,
    /// On top of `delay`, with a mean of `jitter`, cut off at ten of them: mostly little and now and then much, as queues on the way do.
    Exponential,
}

/// Losses that come together (Gilbert and Elliott): a line is good or bad, and with each datagram it may change.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Burst {
    /// From good to bad.
    pub enter: Share,
    /// From bad to good: the mean length of a burst is one divided by this.
    pub leave: Share,
    /// How many are lost while it is bad.
    pub loss: Share,
}

/// A part of a whole, from nothing to all.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct Share(f64);

impl Share {
    /// Nothing.
    pub const NONE: Self = Self(0.0);
    /// Everything.
    pub const ALL: Self = Self(1.0);

    /// From percent. What is no number is nothing, and what lies outside of 0 to 100 is brought there.
    pub fn percent(percent: f64) -> Self {
        if percent.is_nan() { Self::NONE } else { Self((percent / 100.0).clamp(0.0, 1.0)) }
    }

    /// From 0 to 1.
    pub fn fraction(self) -> f64 {
        self.0
    }
}

impl Default for Impairment {
    fn default() -> Self {
        Self {
            delay: Duration::ZERO,
            jitter: Duration::ZERO,
            distribution: Distribution::Uniform,
            loss: Share::NONE,
            burst: None,
            reorder: Share::NONE,
            reorder_by: REORDER_BY,
            duplicate: Share::NONE,
            rate: None,
            queue: QUEUE,
            blackouts: Vec::new(),
        }
    }
}

impl Impairment {
    /// Nothing but a delay.
    pub fn delay(delay: Duration) -> Self {
        Self { delay, ..Self::default() }
    }

    /// Why this is not for streams, which neither lose nor double nor reorder bytes; `None` if it is.
    pub fn unfit_for_streams(&self) -> Option<&'static str> {
        let lost = [
            (self.loss > Share::NONE, "loss"),
            (self.burst.is_some(), "burst"),
            (self.reorder > Share::NONE, "reorder"),
            (self.duplicate > Share::NONE, "duplicate"),
        ];
        lost.into_iter().find_map(|(is_set, what)| is_set.then_some(what))
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        match key {
            "delay" => self.delay = milliseconds(value)?,
            "jitter" => self.jitter = milliseconds(value)?,
            "distribution" => self.distribution = value.parse()?,
            "loss" => self.loss = percent(value)?,
            "burst" => self.burst = Some(value.parse()?),
            "reorder" => self.reorder = percent(value)?,
            "reorder_by" => self.reorder_by = milliseconds(value)?,
            "duplicate" => self.duplicate = percent(value)?,
            "rate" => self.rate = Some(kilobits(value)?),
            "queue" => self.queue = milliseconds(value)?,
            "blackout" if self.blackouts.len() == BLACKOUTS_MAX => {
                return Err(format!("at most {BLACKOUTS_MAX} of them"));
            }
            "blackout" => self.blackouts.push(window(value)?),
            _ => return Err(format!("there is no such key; there are {KEYS}")),
        }
        Ok(())
    }
}

impl FromStr for Impairment {
    type Err = ImpairmentError;

    /// Reads `key=value` pairs between commas: times in milliseconds, shares in percent, the rate in kilobits a second, a burst as
    /// `enter:leave` or `enter:leave:loss`, a blackout as `from-until`; the last may come several times. Nothing at all is no impairment.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut impairment = Self::default();
        for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
            let failed = |why: String| ImpairmentError { pair: pair.to_owned(), why };
            let (key, value) = pair.split_once('=').ok_or_else(|| failed(format!("not key=value; keys are {KEYS}")))?;
            impairment.set(key.trim(), value.trim()).map_err(failed)?;
        }
        Ok(impairment)
    }
}

impl FromStr for Distribution {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "uniform" => Ok(Self::Uniform),
            "normal" => Ok(Self::Normal),
            "exponential" => Ok(Self::Exponential),
            _ => Err("neither uniform nor normal nor exponential".to_owned()),
        }
    }
}

impl FromStr for Burst {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.split(':');
        let enter = percent(parts.next().unwrap_or_default())?;
        let leave = percent(parts.next().ok_or("not enter:leave, in percent")?)?;
        let loss = parts.next().map_or(Ok(Share::ALL), percent)?;
        if parts.next().is_some() {
            return Err("more than enter:leave:loss".to_owned());
        }
        if leave == Share::NONE {
            return Err("a burst must be left some time".to_owned());
        }
        Ok(Self { enter, leave, loss })
    }
}

/// A setting that means nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{pair:?}: {why}")]
pub struct ImpairmentError {
    pair: String,
    why: String,
}

fn milliseconds(text: &str) -> Result<Duration, String> {
    match text.parse::<f64>() {
        Ok(ms) if (0.0..=TIME_MAX.as_secs_f64() * 1e3).contains(&ms) => Ok(Duration::from_secs_f64(ms / 1e3)),
        Ok(_) | Err(_) => Err(format!("a time is a number of milliseconds from 0 to {}", TIME_MAX.as_millis())),
    }
}

fn percent(text: &str) -> Result<Share, String> {
    match text.parse::<f64>() {
        Ok(percent) if (0.0..=100.0).contains(&percent) => Ok(Share::percent(percent)),
        Ok(_) | Err(_) => Err("a share is a number from 0 to 100, in percent".to_owned()),
    }
}

fn kilobits(text: &str) -> Result<u64, String> {
    match text.parse::<u64>() {
        Ok(kilobits @ 1..=KILOBITS_MAX) => Ok(kilobits * 1_000),
        Ok(_) | Err(_) => Err(format!("a rate is a number of kilobits a second from 1 to {KILOBITS_MAX}")),
    }
}

fn window(text: &str) -> Result<Range<Duration>, String> {
    let (from, until) = text.split_once('-').ok_or("not from-until, in milliseconds")?;
    let window = milliseconds(from)?..milliseconds(until)?;
    if window.is_empty() { Err("ends before it begins".to_owned()) } else { Ok(window) }
}

const KEYS: &str = "delay, jitter, distribution, loss, burst, reorder, reorder_by, duplicate, rate, queue, blackout";
/// Longer than one packet of speech, so that at least one overtakes it.
const REORDER_BY: Duration = Duration::from_millis(30);
/// As much as a home router holds when it is filled.
const QUEUE: Duration = Duration::from_millis(500);
/// Longer than any run that makes sense, and short enough for sums of times to stay in bounds.
const TIME_MAX: Duration = Duration::from_secs(3_600);
/// Ten gigabits.
const KILOBITS_MAX: u64 = 10_000_000;
/// More than a test tells apart.
const BLACKOUTS_MAX: usize = 16;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]

    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_key_is_read() {
        let text = "delay=150, jitter=20,distribution=normal,loss=2,burst=1:25:80,reorder=3,reorder_by=40,duplicate=0.5,\
                    rate=64,queue=200,blackout=1000-2000,blackout=5000-5500.5";
        let ms = Duration::from_millis;
        let expected = Impairment {
            delay: ms(150),
            jitter: ms(20),
            distribution: Distribution::Normal,
            loss: Share::percent(2.0),
            burst: Some(Burst { enter: Share::percent(1.0), leave: Share::percent(25.0), loss: Share::percent(80.0) }),
            reorder: Share::percent(3.0),
            reorder_by: ms(40),
            duplicate: Share::percent(0.5),
            rate: Some(64_000),
            queue: ms(200),
            blackouts: vec![ms(1_000)..ms(2_000), ms(5_000)..Duration::from_micros(5_500_500)],
        };
        assert_eq!(text.parse(), Ok(expected));
        assert_eq!("".parse(), Ok(Impairment::default()));
        assert_eq!("delay=20".parse(), Ok(Impairment::delay(ms(20))));
    }

    #[test]
    fn what_means_nothing_is_said_with_its_reason() {
        let too_many = vec!["blackout=1-2"; BLACKOUTS_MAX + 1].join(",");
        for (text, said) in [
            ("delay", "key=value"),
            ("dealy=3", "no such key"),
            ("delay=-1", "milliseconds"),
            ("delay=NaN", "milliseconds"),
            ("delay=3600001", "3600000"),
            ("loss=101", "percent"),
            ("loss=inf", "percent"),
            ("jitter=1,distribution=pareto", "exponential"),
            ("burst=3", "enter:leave"),
            ("burst=3:0", "left"),
            ("burst=1:2:3:4", "more than"),
            ("rate=0", "kilobits"),
            ("blackout=7", "from-until"),
            ("blackout=7-7", "ends before"),
            (too_many.as_str(), "at most 16"),
        ] {
            let error = text.parse::<Impairment>().unwrap_err().to_string();
            assert!(error.contains(said), "{text}: {error}");
        }
    }

    #[test]
    fn a_stream_has_no_use_for_what_only_datagrams_suffer() {
        assert_eq!("delay=9,jitter=2,rate=64,blackout=1-2".parse::<Impairment>().unwrap().unfit_for_streams(), None);
        for what in ["loss=1", "burst=1:50", "reorder=1", "duplicate=1"] {
            let unfit = what.parse::<Impairment>().unwrap().unfit_for_streams();
            assert_eq!(unfit, what.split('=').next());
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in ".{0,80}") {
            let _ = text.parse::<Impairment>();
        }
    }
}
