//! A view is a part of the room as someone may see it, at one moment.
//!
//! Views hold what is shown and nothing else; how they are written on the wire is not their business.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use crate::ids::{HandId, Identity, InviteId, RoomId, SeatIndex, SessionId};

use super::rank::{Rank, Role};
use super::settings::{Duplicates, Interrupt, Phase, Promote, SeatMode};

/// Through whose eyes a snapshot is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Viewer {
    /// Someone in the room: sees their own state, and hosts and cohosts see the hands.
    Participant(Identity),
    /// One session of someone in the room. A second session of a person sees what is its own.
    Session(SessionId),
    /// A back end that administers the room without being in it: sees what a host sees.
    Admin,
}

/// The room at one moment, as one viewer may see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Which room.
    pub id: RoomId,
    /// Its phase and settings.
    pub room: RoomView,
    /// The number of the last event that this contains.
    pub seq: u64,
    /// The revision of the stage.
    pub revision: u64,
    /// Every seat, in order.
    pub seats: Vec<SeatView>,
    /// People with a rank, and those on stage.
    pub participants: Vec<ParticipantView>,
    /// Everyone else, counted and sampled.
    pub audience: AudienceView,
    /// Hands, invites, bans and mutes, for hosts, cohosts and admins.
    pub moderation: Option<ModerationView>,
    /// The viewer's own state, if the viewer is in the room.
    pub own: Option<SelfView>,
}

/// A room's phase and settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoomView {
    /// Where it is in its life.
    pub phase: Phase,
    /// Who may take an open seat.
    pub seat_mode: SeatMode,
    /// Whether hands may be raised.
    pub hands: bool,
    /// What becomes of others while a host speaks.
    pub interrupt: Interrupt,
    /// Whether an opened seat is offered to the hands in the queue.
    pub auto_offer: bool,
    /// How long a guest may hold a seat, if not as long as they like.
    pub turn: Option<Duration>,
    /// Who becomes host when the last one has gone.
    pub promote: Promote,
    /// What becomes of a second session of an identity.
    pub duplicates: Duplicates,
    /// The most participants.
    pub participants_max: usize,
    /// When it opens, if it is scheduled.
    pub opens_in: Option<Duration>,
    /// When it is to have a host again, if it is hostless.
    pub hostless_for: Option<Duration>,
    /// When it closes, if it is closing.
    pub closes_in: Option<Duration>,
}

/// What only hosts, cohosts and admins see.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModerationView {
    /// The pending hands, in order.
    pub hands: Vec<HandView>,
    /// The invites that wait for an answer.
    pub invites: Vec<InviteView>,
    /// The latest bans, the newest first; 100 at most.
    pub bans: Vec<BanView>,
    /// How many bans there are.
    pub ban_count: usize,
    /// The latest mutes of people, the newest first; 100 at most.
    pub mutes: Vec<MuteView>,
    /// How many people are muted.
    pub mute_count: usize,
}

/// A seat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeatView {
    /// Its number.
    pub index: SeatIndex,
    /// What it is, and whose.
    pub state: SeatViewState,
    /// The seat's own mute bit.
    pub muted_by_host: bool,
    /// What is left of its holder's turn, if turns are limited.
    pub turn_ends_in: Option<Duration>,
    /// Grows with each change of the seat: of its state, its holder or its mute bit, but not of the holder's own mutes.
    pub rev: u64,
}

/// What a seat is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SeatViewState {
    /// Free to take, for those who may.
    Open,
    /// Closed by a host or cohost.
    Locked,
    /// Kept for someone.
    Reserved {
        /// For whom.
        holder: HolderView,
        /// Why.
        why: ReservedWhy,
        /// How much longer.
        expires_in: Duration,
    },
    /// Someone sits there.
    Occupied {
        /// Who.
        holder: HolderView,
        /// The id of this occupancy, as packets carry it.
        csrc: NonZeroU32,
    },
}

impl SeatView {
    /// The name of the state on the wire.
    pub fn state_code(&self) -> &'static str {
        match self.state {
            SeatViewState::Open => "open",
            SeatViewState::Locked => "locked",
            SeatViewState::Reserved { .. } => "reserved",
            SeatViewState::Occupied { .. } => "occupied",
        }
    }

    /// Who holds it, or has it kept.
    pub fn holder(&self) -> Option<&HolderView> {
        match &self.state {
            SeatViewState::Open | SeatViewState::Locked => None,
            SeatViewState::Reserved { holder, .. } | SeatViewState::Occupied { holder, .. } => Some(holder),
        }
    }

    /// Whether its holder's media is there: false while it is kept for a reconnect.
    pub fn connected(&self) -> Option<bool> {
        match self.state {
            SeatViewState::Open | SeatViewState::Locked => None,
            SeatViewState::Reserved { why: ReservedWhy::Reconnect, .. } => Some(false),
            SeatViewState::Reserved { .. } | SeatViewState::Occupied { .. } => Some(true),
        }
    }
}

/// Who holds a seat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HolderView {
    /// Who.
    pub identity: Identity,
    /// The name to show.
    pub name: Arc<str>,
    /// The rank.
    pub rank: Rank,
    /// What kind of participant it is, if not a person.
    pub kind: Option<Arc<str>>,
    /// Muted by a host or cohost, wherever they sit.
    pub host_muted: bool,
    /// Muted by themselves.
    pub self_muted: bool,
}

/// Why a seat is kept for someone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ReservedWhy {
    /// Their hand was approved; they must confirm.
    Approved,
    /// They were invited.
    Invited,
    /// It was offered to them as next in the queue.
    Offered,
    /// A host assigned it to them.
    Assigned,
    /// They held it when their media was lost.
    Reconnect,
}

impl ReservedWhy {
    /// The name on the wire.
    pub fn code(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Invited => "invited",
            Self::Offered => "offered",
            Self::Assigned => "assigned",
            Self::Reconnect => "reconnect",
        }
    }

    /// Whether its holder is asked to confirm. A seat kept for a reconnect comes back by itself.
    pub fn is_offer(self) -> bool {
        match self {
            Self::Approved | Self::Invited | Self::Offered | Self::Assigned => true,
            Self::Reconnect => false,
        }
    }
}

/// A person whom everyone sees by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParticipantView {
    /// Who.
    pub identity: Identity,
    /// The name to show.
    pub name: Arc<str>,
    /// The rank.
    pub rank: Rank,
    /// The role.
    pub role: Role,
    /// What kind of participant it is, if not a person.
    pub kind: Option<Arc<str>>,
}

/// Those who hold no occupied seat.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AudienceView {
    /// How many.
    pub count: usize,
    /// A few of them.
    pub sample: Vec<AudienceMember>,
}

/// One of the audience.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AudienceMember {
    /// Who.
    pub identity: Identity,
    /// The name to show.
    pub name: Arc<str>,
}

/// A raised hand, as hosts see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandView {
    /// Which hand of this room.
    pub id: HandId,
    /// Whose.
    pub identity: Identity,
    /// The name to show.
    pub name: Arc<str>,
    /// Its place in the queue, from 1 (for a hand that has just left the queue: the place it had).
    pub position: usize,
    /// How long it has been up.
    pub waited: Duration,
    /// The microphone may be aired at once.
    pub mic_ready: bool,
    /// The seat they would like.
    pub wanted_seat: Option<SeatIndex>,
    /// The owner's tier: higher ones come first.
    pub tier: u32,
}

/// An invite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InviteView {
    /// Which invite of this room.
    pub id: InviteId,
    /// Who invites.
    pub from: Identity,
    /// Their name.
    pub from_name: Arc<str>,
    /// Who is invited.
    pub to: Identity,
    /// Their name.
    pub to_name: Arc<str>,
    /// To which seat, if not to any.
    pub seat: Option<SeatIndex>,
    /// Whether that seat is kept for them.
    pub hold: bool,
    /// How long it waits for an answer.
    pub expires_in: Duration,
}

/// A ban.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BanView {
    /// Who may not come in.
    pub identity: Identity,
    /// Who decided it.
    pub by: Identity,
    /// Why.
    pub reason: Option<Arc<str>>,
    /// How long ago.
    pub since: Duration,
    /// When it runs out, if it does.
    pub ends_in: Option<Duration>,
}

/// A mute of a person by a host or cohost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MuteView {
    /// Who is muted. They may be away.
    pub identity: Identity,
    /// Who decided it.
    pub by: Identity,
    /// How long ago.
    pub since: Duration,
    /// When it runs out, if it does.
    pub ends_in: Option<Duration>,
}

/// A rank that was given to a person: no token can claim another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RankView {
    /// Whose. They may be away.
    pub identity: Identity,
    /// Which.
    pub rank: Rank,
}

/// A room that was offered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostOfferView {
    /// By whom.
    pub from: Identity,
    /// How long it stands.
    pub expires_in: Duration,
}

/// A participant's own state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelfView {
    /// Who.
    pub identity: Identity,
    /// The present session.
    pub session: SessionId,
    /// The name that others see.
    pub name: Arc<str>,
    /// The rank.
    pub rank: Rank,
    /// The role.
    pub role: Role,
    /// May ever hold a seat.
    pub can_publish: bool,
    /// May send messages and reactions.
    pub can_publish_data: bool,
    /// Wants no invites and no assigned seats.
    pub do_not_invite: bool,
    /// The seat that is theirs, and how.
    pub seat: Option<OwnSeat>,
    /// Muted by themselves.
    pub self_muted: bool,
    /// Muted by a host or cohost.
    pub host_muted: bool,
    /// Their raised hand.
    pub hand: Option<OwnHand>,
    /// A seat that waits for their word.
    pub offer: Option<OwnOffer>,
    /// An invite that waits for their answer.
    pub invite: Option<InviteView>,
    /// The room, if it is offered to them.
    pub host_offer: Option<HostOfferView>,
    /// How long they may raise no hand, after a denial.
    pub hand_after: Option<Duration>,
}

/// The seat that is someone's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnSeat {
    /// Which.
    pub seat: SeatIndex,
    /// Sat on, or only kept (for whatever reason).
    pub occupied: bool,
}

/// One's own raised hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnHand {
    /// Its place in the queue, from 1.
    pub position: usize,
    /// The seat one would like.
    pub wanted_seat: Option<SeatIndex>,
    /// One's microphone may be aired at once.
    pub mic_ready: bool,
}

/// A seat that waits for one's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnOffer {
    /// Which.
    pub seat: SeatIndex,
    /// Why.
    pub why: ReservedWhy,
    /// How much longer.
    pub expires_in: Duration,
}

/// How many participants have which role.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RoleCounts {
    /// Hosts, on stage or not.
    pub hosts: usize,
    /// Others on stage.
    pub guests: usize,
    /// Everyone else.
    pub listeners: usize,
}
