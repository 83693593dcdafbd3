//! Which packet goes to whom.
//!
//! Pure. A [`track`] is what one participant publishes and a [`budget`] how much of it is taken, a [`speaker`] is how loud it has lately
//! been, [`slots`] choose which speakers a subscriber hears, a [`forwarder`] keeps one slot's stream continuous while speakers come and go,
//! a [`report`] counts what arrived.
//! Nothing here knows of rooms, roles, seats' rules, crypto or sockets.

pub mod budget;
pub mod forwarder;
pub mod report;
pub mod slots;
pub mod speaker;
pub mod track;

use std::num::NonZeroU32;

/// The identity of one occupancy of a seat, as listeners see it in a packet's CSRC (RFC 3550 section 5.1). Never reused within a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Csrc(pub NonZeroU32);

/// Opus runs its RTP clock at 48 kHz whatever it encodes (RFC 7587 section 4.1).
pub const OPUS_CLOCK_HZ: u32 = 48_000;
/// One 20 ms Opus frame on that clock.
pub const OPUS_FRAME_SAMPLES: u32 = 960;
