//! The latency monitor's measuring part: histograms with edges where the product's budgets are, and the stages of a join.
//!
//! Pure. It names nothing else of ours; what it measures is told to it.

pub mod histogram;
