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

/// What becomes of others while a host or cohost speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Interrupt {
    /// Nothing.
    #[default]
    Off,
    /// Clients are told, and play everyone else more quietly.
    Duck,
    /// Everyone else is not forwarded, until 500 ms after the host's last word.
    Hold,
}

impl Interrupt {
    /// The name on the wire.
    pub fn code(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Duck => "duck",
            Self::Hold => "hold",
        }
    }
}

/// Who becomes host when the last host has been gone for the grace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Promote {
    /// The cohost who has been here longest.
    #[default]
    Cohost,
    /// Whoever has been on stage longest.
    LongestSeated,
    /// Nobody: the room closes, with notice.
    None,
}

impl Promote {
    /// The name on the wire.
    pub fn code(self) -> &'static str {
        match self {
            Self::Cohost => "cohost",
            Self::LongestSeated => "longest_seated",
            Self::None => "none",
        }
    }
}

/// What becomes of a second session of an identity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Duplicates {
    /// It takes over from the first, seat, hand and all.
    #[default]
    Takeover,
    /// It is turned away, unless the first has lost its socket.
    Reject,
    /// It comes in as a listener beside the first.
    Allow,
}

impl Duplicates {
    /// The name on the wire.
    pub fn code(self) -> &'static str {
        match self {
            Self::Takeover => "takeover",
            Self::Reject => "reject",
            Self::Allow => "allow",
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
    /// What becomes of others while a host speaks.
    pub interrupt: Interrupt,
    /// Whether an opened seat is offered to the hands in the queue, one after the other.
    pub auto_offer: bool,
    /// How long a guest may hold a seat, if not as long as they like.
    pub turn: Option<Duration>,
    /// Who becomes host when the last one has gone.
    pub promote: Promote,
    /// What becomes of a second session of an identity.
    pub duplicates: Duplicates,
    /// The room opens so long after it was made; before, only hosts and cohosts come in.
    pub opens_in: Option<Duration>,
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
    /// The most invites that wait for an answer.
    pub invites_max: usize,
    /// How long an invite waits for an answer, and its seat is kept.
    pub invite_expiry: Duration,
    /// How long someone who declined is not invited again.
    pub invite_cooldown: Duration,
    /// The most bans.
    pub bans_max: usize,
    /// How long a proposed swap and an offered room wait for an answer.
    pub proposal_expiry: Duration,
    /// How long before the end of a turn its holder is warned.
    pub turn_warning: Duration,
    /// How long a room may be without a host.
    pub hostless_grace: Duration,
    /// How long people are told before a room without a host closes.
    pub closing_notice: Duration,
    /// The shortest time between two words about reactions.
    pub tally_interval: Duration,
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
            interrupt: Interrupt::default(),
            auto_offer: false,
            turn: None,
            promote: Promote::default(),
            duplicates: Duplicates::default(),
            opens_in: None,
            participants_max: 5_000,
            hands_max: 500,
            hand_cooldown: Duration::from_secs(10),
            hand_expiry: Duration::from_secs(15 * 60),
            reservation: Duration::from_secs(10),
            invites_max: 100,
            invite_expiry: Duration::from_secs(30),
            invite_cooldown: Duration::from_secs(60),
            bans_max: 4_096,
            proposal_expiry: Duration::from_secs(30),
            turn_warning: Duration::from_secs(15),
            hostless_grace: Duration::from_secs(60),
            closing_notice: Duration::from_secs(30),
            tally_interval: Duration::from_millis(500),
            reconnect_grace: Duration::from_secs(15),
            detached_max: Duration::from_secs(30),
            empty_max: Duration::from_secs(5 * 60),
            audience_interval: Duration::from_secs(1),
            cue_interval: Duration::from_secs(1),
        }
    }
}
