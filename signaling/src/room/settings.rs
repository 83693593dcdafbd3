//! Settings are what a room is made with: its size, its modes, its limits and its waits.

use std::time::Duration;

use crate::ids::SEATS_MAX;

/// Who may take an open seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SeatMode {
    /// Anyone who may publish.
    Free,
    /// Hosts and cohosts; others raise a hand.
    Apply,
    /// Hosts and cohosts; others are invited, or approved if they raised a hand.
    InviteOnly,
}

impl SeatMode {
    /// The name on the wire.
    pub fn code(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Apply => "apply",
            Self::InviteOnly => "invite_only",
        }
    }
}

/// The span of a room's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Made, but not yet open.
    Scheduled,
    /// Open.
    Live,
    /// Open, and the last host has gone.
    Hostless,
    /// About to close; people have been told.
    Closing,
    /// Over.
    Closed,
}

impl Phase {
    /// The name on the wire.
    pub fn code(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Live => "live",
            Self::Hostless => "hostless",
            Self::Closing => "closing",
            Self::Closed => "closed",
        }
    }
}

/// What a room is made with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Number of seats, 1 to 32 (others are brought into that range). Seat 0 is the host seat.
    pub seats: u8,
    /// Who may take an open seat.
    pub seat_mode: SeatMode,
    /// Whether hands may be raised.
    pub hands: bool,
    /// The most participants, detached ones included. A takeover needs no further place.
    pub participants_max: usize,
    /// The most pending hands.
    pub hands_max: usize,
    /// How long one may not ask again after a denial.
    pub hand_cooldown: Duration,
    /// How long a hand stays up.
    pub hand_expiry: Duration,
    /// How long a seat is kept for someone who must confirm.
    pub reservation: Duration,
    /// How long a seat is kept for someone whose media is lost.
    pub reconnect_grace: Duration,
    /// How long a participant is kept whose socket is lost.
    pub detached_max: Duration,
    /// How long a room may be empty before it closes.
    pub empty_max: Duration,
    /// The shortest time between two words about the audience.
    pub audience_interval: Duration,
    /// The time in which at most two open-seat cues are sent.
    pub cue_interval: Duration,
}

impl Settings {
    /// The number of seats within what a room can have.
    pub fn seat_count(&self) -> u8 {
        self.seats.clamp(1, SEATS_MAX)
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            seats: 9,
            seat_mode: SeatMode::Apply,
            hands: true,
            participants_max: 5_000,
            hands_max: 500,
            hand_cooldown: Duration::from_secs(10),
            hand_expiry: Duration::from_secs(15 * 60),
            reservation: Duration::from_secs(10),
            reconnect_grace: Duration::from_secs(15),
            detached_max: Duration::from_secs(30),
            empty_max: Duration::from_secs(5 * 60),
            audience_interval: Duration::from_secs(1),
            cue_interval: Duration::from_secs(1),
        }
    }
}
