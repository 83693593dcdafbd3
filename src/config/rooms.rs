//! What rooms are like, unless their maker says otherwise.

use serde::{Deserialize, Serialize};

use super::Bound;

/// `[rooms]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rooms {
    /// A host's join makes the room.
    pub auto_create: bool,
    /// Rooms at once.
    pub max: usize,
    /// Participants in one room.
    pub participants_max: usize,
    /// Seats of a new room, 1 to 32. Seat 0 is the host's.
    pub seats: u8,
    /// Who may take an open seat: "free" anyone, "apply" those whose hand was approved, "invite_only" those who were invited.
    pub seat_mode: SeatMode,
    /// Whether hands may be raised.
    pub hands: bool,
    /// What becomes of others while a host speaks: "off" nothing, "duck" played more quietly, "hold" not forwarded.
    pub interrupt: Interrupt,
    /// An opened seat is offered to the hands in the queue, one after the other.
    pub auto_offer: bool,
    /// How long a guest may hold a seat, in seconds, 10 to 3600; 0 is as long as they like.
    pub turn_s: u64,
    /// Who becomes host when the last one has gone: "cohost", "longest_seated", or "none": then the room closes.
    pub promote: Promote,
    /// What becomes of a second session of a person: "takeover" ends the first, "reject" ends the second, "allow" lets it listen.
    pub duplicates: Duplicates,
    /// Raised hands in one room.
    pub hands_max: usize,
    /// How long one may not raise a hand again after a denial, in seconds.
    pub hand_cooldown_s: u64,
    /// How long a hand stays up, in seconds.
    pub hand_expiry_s: u64,
    /// How long a seat is kept for someone who must confirm, in seconds.
    pub reservation_s: u64,
    /// Invites in one room that wait for an answer.
    pub invites_max: usize,
    /// How long an invite waits for an answer, in seconds.
    pub invite_expiry_s: u64,
    /// How long someone who declined is not invited again, in seconds.
    pub invite_cooldown_s: u64,
    /// Bans in one room.
    pub bans_max: usize,
    /// How long a proposed swap and an offered room wait for an answer, in seconds.
    pub proposal_expiry_s: u64,
    /// How long before the end of a turn its holder is warned, in seconds.
    pub turn_warning_s: u64,
    /// How long a room may be without a host, in seconds.
    pub hostless_grace_s: u64,
    /// How long people are told before a room without a host closes, in seconds.
    pub closing_notice_s: u64,
    /// How long a seat is kept for someone whose media is lost, in seconds.
    pub reconnect_grace_s: u64,
    /// How long someone is kept whose socket is lost, in seconds.
    pub detached_max_s: u64,
    /// How long a room may be empty before it closes, in seconds.
    pub empty_max_s: u64,
    /// The shortest time between two words about the audience, in milliseconds.
    pub audience_interval_ms: u64,
    /// The time in which at most two open seats are announced, in milliseconds.
    pub cue_interval_ms: u64,
    /// The shortest time between two words about reactions, in milliseconds.
    pub tally_interval_ms: u64,
}

/// Who may take an open seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SeatMode {
    /// Anyone who may publish.
    Free,
    /// Those whose hand was approved.
    Apply,
    /// Those who were invited.
    InviteOnly,
}

/// What becomes of others while a host speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Interrupt {
    /// Nothing.
    Off,
    /// They are played more quietly.
    Duck,
    /// They are not forwarded.
    Hold,
}

/// Who becomes host when the last one has gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Promote {
    /// A cohost.
    Cohost,
    /// Whoever has been on stage longest.
    LongestSeated,
    /// Nobody.
    None,
}

/// What becomes of a second session of a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Duplicates {
    /// It ends the first.
    Takeover,
    /// It is turned away.
    Reject,
    /// It listens beside the first.
    Allow,
}

impl Default for Rooms {
    fn default() -> Self {
        Self {
            auto_create: true,
            max: 10_000,
            participants_max: 5_000,
            seats: 9,
            seat_mode: SeatMode::Apply,
            hands: true,
            interrupt: Interrupt::Off,
            auto_offer: false,
            turn_s: 0,
            promote: Promote::Cohost,
            duplicates: Duplicates::Takeover,
            hands_max: 500,
            hand_cooldown_s: 10,
            hand_expiry_s: 900,
            reservation_s: 10,
            invites_max: 100,
            invite_expiry_s: 30,
            invite_cooldown_s: 60,
            bans_max: 4_096,
            proposal_expiry_s: 30,
            turn_warning_s: 15,
            hostless_grace_s: 60,
            closing_notice_s: 30,
            reconnect_grace_s: 15,
            detached_max_s: 30,
            empty_max_s: 300,
            audience_interval_ms: 1_000,
            cue_interval_ms: 1_000,
            tally_interval_ms: 500,
        }
    }
}

impl Rooms {
    /// The numbers that have bounds.
    pub(super) fn bounds(&self) -> Vec<Bound> {
        vec![
            ("rooms.max", self.max as u64, 1, u64::MAX),
            ("rooms.participants_max", self.participants_max as u64, 1, u64::MAX),
            ("rooms.seats", u64::from(self.seats), 1, 32),
            ("rooms.hands_max", self.hands_max as u64, 1, u64::MAX),
            ("rooms.hand_expiry_s", self.hand_expiry_s, 1, u64::MAX),
            ("rooms.reservation_s", self.reservation_s, 1, u64::MAX),
            ("rooms.invites_max", self.invites_max as u64, 1, u64::MAX),
            ("rooms.invite_expiry_s", self.invite_expiry_s, 1, u64::MAX),
            ("rooms.bans_max", self.bans_max as u64, 1, u64::MAX),
            ("rooms.proposal_expiry_s", self.proposal_expiry_s, 1, u64::MAX),
            ("rooms.reconnect_grace_s", self.reconnect_grace_s, 1, u64::MAX),
            ("rooms.detached_max_s", self.detached_max_s, 1, u64::MAX),
            ("rooms.empty_max_s", self.empty_max_s, 1, u64::MAX),
            ("rooms.audience_interval_ms", self.audience_interval_ms, 100, u64::MAX),
            ("rooms.cue_interval_ms", self.cue_interval_ms, 100, u64::MAX),
            ("rooms.tally_interval_ms", self.tally_interval_ms, 100, u64::MAX),
        ]
    }

    /// Whether a turn is as long as a room takes it.
    pub(super) fn turn_is_fit(&self) -> bool {
        self.turn_s == 0 || (TURN_MIN_S..=TURN_MAX_S).contains(&self.turn_s)
    }
}

const TURN_MIN_S: u64 = 10;
const TURN_MAX_S: u64 = 3_600;
