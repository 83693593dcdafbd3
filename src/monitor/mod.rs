//! The latency monitor's shell: it hears what signaling and the engines tell, reads the machine, and carries out what the pure core decides.

pub mod page;

use page::Page;

/// The running monitor.
#[derive(Debug, Default)]
pub struct Monitor {}

impl Monitor {
    /// What the live page shows.
    pub fn page(&self) -> Page {
        Page::default()
    }
}
