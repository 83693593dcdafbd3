//! A histogram counts durations between fixed edges. The edges include the product's budgets exactly, so that "how many were within
//! budget" is read off and not interpolated.

use std::time::Duration;

/// Counts of durations between edges, cumulative only when asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Histogram {
    edges: &'static [Duration],
    /// One more than edges: the last counts what exceeds them all.
    counts: Vec<u64>,
    sum: Duration,
}

impl Histogram {
    /// An empty histogram.
    pub fn new(edges: &'static [Duration]) -> Self {
        Self { edges, counts: vec![0; edges.len() + 1], sum: Duration::ZERO }
    }

    /// Counts one duration. A duration equal to an edge is within it.
    pub fn record(&mut self, duration: Duration) {
        let index = self.edges.partition_point(|edge| *edge < duration);
        self.counts[index] += 1;
        self.sum += duration;
    }

    /// Edges with how many were within each.
    pub fn cumulative(&self) -> impl Iterator<Item = (Duration, u64)> + '_ {
        self.edges.iter().zip(&self.counts).scan(0, |total, (edge, count)| {
            *total += count;
            Some((*edge, *total))
        })
    }

    /// How many were counted.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Their sum.
    pub fn sum(&self) -> Duration {
        self.sum
    }

    /// Adds what another histogram over the same edges counted.
    pub fn add(&mut self, other: &Self) {
        debug_assert_eq!(self.edges, other.edges, "only histograms over the same edges add up");
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
        self.sum += other.sum;
    }

    /// What was counted since it was as `before`, over the same edges.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        debug_assert_eq!(self.edges, before.edges, "only histograms over the same edges compare");
        let counts = self.counts.iter().zip(&before.counts).map(|(now, then)| now.saturating_sub(*then)).collect();
        Self { edges: self.edges, counts, sum: self.sum.saturating_sub(before.sum) }
    }

    /// The value that this share of them (0 to 1) does not exceed, as if they were spread evenly between two edges; the last edge for what is
    /// beyond it. None if there are none.
    pub fn percentile(&self, share: f64) -> Option<Duration> {
        let count = self.count();
        if count == 0 {
            return None;
        }
        let wanted = (count as f64 * share).clamp(1.0, count as f64);
        let (mut below, mut low) = (0.0, Duration::ZERO);
        for (&edge, &within) in self.edges.iter().zip(&self.counts) {
            let within = within as f64;
            if within > 0.0 && below + within >= wanted {
                return Some(low + (edge - low).mul_f64(((wanted - below) / within).clamp(0.0, 1.0)));
            }
            (below, low) = (below + within, edge);
        }
        Some(low)
    }
}

/// Edges for a join: 600 ms is the budget.
pub const JOIN_EDGES: &[Duration] = &[
    ms(10),
    ms(25),
    ms(50),
    ms(100),
    ms(150),
    ms(200),
    ms(300),
    ms(400),
    ms(500),
    ms(600),
    ms(800),
    ms(1_000),
    ms(1_500),
    ms(2_500),
    ms(5_000),
    ms(10_000),
];

/// Edges for the time a packet spends with us: microseconds to a frame's length.
pub const TRANSIT_EDGES: &[Duration] = &[
    us(25),
    us(50),
    us(100),
    us(250),
    us(500),
    ms(1),
    us(2_500),
    ms(5),
    ms(10),
    ms(20),
    ms(50),
    ms(100),
    ms(200),
    ms(500),
];

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

const fn us(micros: u64) -> Duration {
    Duration::from_micros(micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edge_is_within_its_bucket_and_budgets_are_edges() {
        let mut histogram = Histogram::new(JOIN_EDGES);
        histogram.record(ms(600));
        histogram.record(ms(600) + us(1));
        histogram.record(ms(60_000));
        let within = |edge| histogram.cumulative().find(|(at, _)| *at == edge).map(|(_, count)| count);
        assert_eq!(within(ms(600)), Some(1));
        assert_eq!(within(ms(800)), Some(2));
        assert_eq!(within(ms(10_000)), Some(2));
        assert_eq!(histogram.count(), 3);
        for budget in [ms(200), ms(500), ms(600)] {
            assert!(JOIN_EDGES.contains(&budget));
        }
    }

    #[test]
    fn histograms_add_up() {
        let mut one = Histogram::new(TRANSIT_EDGES);
        let mut other = Histogram::new(TRANSIT_EDGES);
        one.record(us(30));
        other.record(ms(3));
        one.add(&other);
        assert_eq!(one.count(), 2);
        assert_eq!(one.sum(), us(3_030));
    }

    #[test]
    fn a_percentile_lies_between_the_edges_of_its_bucket() {
        let mut histogram = Histogram::new(TRANSIT_EDGES);
        assert_eq!(histogram.percentile(0.5), None);
        for _ in 0..90 {
            histogram.record(us(80));
        }
        let before = histogram.clone();
        for _ in 0..10 {
            histogram.record(ms(900));
        }
        let median = histogram.percentile(0.5).expect("there are some");
        assert!((us(50)..=us(100)).contains(&median), "{median:?}");
        assert_eq!(histogram.percentile(0.95), Some(ms(500)), "beyond the last edge is at least that");
        assert_eq!(histogram.since(&before).count(), 10);
        assert_eq!(histogram.since(&before).percentile(0.1), Some(ms(500)));
    }

    #[test]
    fn edges_ascend() {
        for edges in [JOIN_EDGES, TRANSIT_EDGES] {
            assert!(edges.is_sorted_by(|one, other| one < other));
        }
    }
}
