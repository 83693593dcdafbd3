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
    fn edges_ascend() {
        for edges in [JOIN_EDGES, TRANSIT_EDGES] {
            assert!(edges.is_sorted_by(|one, other| one < other));
        }
    }
}
