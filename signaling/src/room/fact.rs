//! A fact is what the media plane found out and tells the room: who is connected, who speaks, what a listener hears.
//!
//! Facts name sessions and seats; the room turns them into words about people.

use std::num::NonZeroU32;

use super::latency::{ConnectionQuality, LatencyState};
use super::unheard::UnheardWhy;
use crate::ids::{SeatIndex, SessionId};

/// What the media plane reports. All but `Interruption` and `Speakers` are about one session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MediaFact {
    /// The keys exist.
    Connected {
        /// Whose transport.
        session: SessionId,
    },
    /// The first packet of its microphone came.
    TrackLive {
        /// Whose track.
        session: SessionId,
    },
    /// 10 s without an authenticated packet.
    Interrupted {
        /// Whose transport.
        session: SessionId,
    },
    /// Packets come again.
    Restored {
        /// Whose transport.
        session: SessionId,
    },
    /// The transport is over: 30 s of silence, or it could not be trusted.
    Closed {
        /// Whose transport.
        session: SessionId,
    },
    /// Whom a listener's slots carry now.
    Slots {
        /// The listener.
        session: SessionId,
        /// Its slots that carry someone.
        slots: Vec<SlotView>,
    },
    /// A host or cohost began to speak over the others, or ceased to. Only while the plan says that this means something.
    Interruption {
        /// Who, if someone does.
        by: Option<SessionId>,
    },
    /// Who speaks now, the loudest first.
    Speakers {
        /// The sessions, with their level in dBov, -127 to 0.
        speakers: Vec<(SessionId, i8)>,
    },
    /// The delay that a participant has is another one.
    Latency {
        /// Whose.
        session: SessionId,
        /// How it is now. None: nobody is heard, and they hear nobody.
        state: Option<LatencyState>,
    },
    /// Every packet of someone on an open seat has been dropped for 2 s, or that is over.
    Unheard {
        /// Whose.
        session: SessionId,
        /// Why. None: they are heard, or send nothing.
        why: Option<UnheardWhy>,
    },
    /// A participant's connection is of another quality.
    Quality {
        /// Whose.
        session: SessionId,
        /// How good it is now.
        quality: ConnectionQuality,
    },
}

/// One slot of a listener, as the media plane knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotView {
    /// The media section of the listener's description.
    pub mid: String,
    /// The seat it carries.
    pub seat: SeatIndex,
    /// The occupancy of that seat, as its packets carry it. (0 would be none; such a slot is left out.)
    pub csrc: u32,
}

impl SlotView {
    /// The occupancy, if one is named.
    pub fn occupancy(&self) -> Option<NonZeroU32> {
        NonZeroU32::new(self.csrc)
    }
}
