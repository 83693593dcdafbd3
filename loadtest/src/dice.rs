//! Dice: choices that look random and are the same for the same seed (SplitMix64).

/// A die with a memory.
#[derive(Clone, Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `bound`, which is not zero.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.any() % bound as u64).expect("a number below a usize is one")
    }

    /// A number from 0 up to, and not including, 1.
    pub(crate) fn unit(&mut self) -> f64 {
        // As many bits as the fraction of such a number has.
        (self.any() >> (64 - f64::MANTISSA_DIGITS)) as f64 / (1_u64 << f64::MANTISSA_DIGITS) as f64
    }

    /// `count` different numbers below `bound`, or all of them.
    pub(crate) fn choose(&mut self, count: usize, bound: usize) -> Vec<usize> {
        let mut all: Vec<usize> = (0..bound).collect();
        for place in 0..count.min(bound) {
            let other = place + self.below(bound - place);
            all.swap(place, other);
        }
        all.truncate(count);
        all
    }

    /// Any number.
    pub(crate) fn any(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_differ_from_each_other_and_not_from_run_to_run() {
        let chosen = Dice::new(7).choose(5, 20);
        assert_eq!(chosen, Dice::new(7).choose(5, 20));
        assert!(chosen.iter().all(|&choice| choice < 20));
        let mut sorted = chosen;
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted.len(), 5);
        assert_eq!(Dice::new(7).choose(9, 2).len(), 2);
    }

    #[test]
    fn units_fill_the_unit() {
        let mut dice = Dice::new(7);
        let units: Vec<f64> = (0..10_000).map(|_| dice.unit()).collect();
        assert!(units.iter().all(|unit| (0.0..1.0).contains(unit)));
        let mean = units.iter().sum::<f64>() / units.len() as f64;
        assert!((mean - 0.5).abs() < 0.01, "{mean}");
    }
}
