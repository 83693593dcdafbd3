//! Views of a room as JSON. Each struct is one object of the wire and borrows from the view it shows.
//!
//! What is said of the fields here is what the JSON Schema says of them, too.

use std::{num::NonZeroU32, time::Duration};

use serde::Serialize;

pub use super::decided::{BanJson, MuteJson, RankJson};

use crate::{
    ids::{HandId, Identity, InviteId, RoomId, SeatIndex, SessionId},
    room::{
        AudienceMember, AudienceView, HandView, HostOfferView, InviteView, LatencyState, ModerationView, OwnHand,
        OwnOffer, ParticipantView, RoomView, SeatView, SeatViewState, SelfView, Slot, Snapshot, Speaker,
    },
};

/// The room, as one viewer may see it.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Room"))]
pub struct SnapshotJson<'a> {
    /// Which room.
    pub id: &'a RoomId,
    /// Its phase and settings.
    #[serde(flatten)]
    pub room: RoomJson,
    /// The number of the last event of the room that this contains.
    pub seq: u64,
    /// Where to begin reading `GET /v1/events`: all up to this event is in it. Absent while the log cannot be written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_id: Option<u64>,
    /// The revision of the stage.
    pub revision: u64,
    /// Every seat, in order.
    pub seats: Vec<SeatJson<'a>>,
    /// People with a rank, and those on stage.
    pub participants: Vec<ParticipantJson<'a>>,
    /// Everyone else, counted and sampled.
    pub audience: AudienceJson<'a>,
    /// For hosts, cohosts and admins.
    #[serde(flatten)]
    pub moderation: Option<ModerationJson<'a>>,
}

impl<'a> SnapshotJson<'a> {
    /// A snapshot that holds the log up to this event.
    pub fn new(snapshot: &'a Snapshot, event_id: Option<u64>) -> Self {
        Self {
            id: &snapshot.id,
            room: RoomJson::from(&snapshot.room),
            seq: snapshot.seq,
            event_id,
            revision: snapshot.revision,
            seats: snapshot.seats.iter().map(SeatJson::from).collect(),
            participants: snapshot.participants.iter().map(ParticipantJson::from).collect(),
            audience: AudienceJson::from(&snapshot.audience),
            moderation: snapshot.moderation.as_ref().map(ModerationJson::from),
        }
    }
}

/// A room's phase and settings.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "RoomSettings"))]
pub struct RoomJson {
    /// Where it is in its life.
    #[cfg_attr(test, schemars(with = "crate::room::Phase"))]
    pub phase: &'static str,
    /// Who may take an open seat.
    #[cfg_attr(test, schemars(with = "crate::room::SeatMode"))]
    pub seat_mode: &'static str,
    /// Whether hands may be raised.
    #[cfg_attr(test, schemars(with = "crate::protocol::tests::codes::OnOff"))]
    pub hands: &'static str,
    /// What becomes of others while a host or cohost speaks.
    #[cfg_attr(test, schemars(with = "crate::room::Interrupt"))]
    pub interrupt: &'static str,
    /// Whether an opened seat is offered to the hands in the queue, one after the other.
    pub auto_offer: bool,
    /// How long a guest may hold a seat; absent: as long as they like.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub turn_ms: Option<u64>,
    /// Who becomes host when the last one has gone.
    #[cfg_attr(test, schemars(with = "crate::room::Promote"))]
    pub promote: &'static str,
    /// What becomes of a second session of an identity.
    #[cfg_attr(test, schemars(with = "crate::room::Duplicates"))]
    pub duplicates: &'static str,
    /// The most participants.
    pub participants_max: usize,
    /// When it opens, if it is scheduled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opens_in_ms: Option<u64>,
    /// How much longer it waits for a host, if it is hostless.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hostless_for_ms: Option<u64>,
    /// When it closes, if it is closing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closes_in_ms: Option<u64>,
}

impl From<&RoomView> for RoomJson {
    fn from(room: &RoomView) -> Self {
        Self {
            phase: room.phase.code(),
            seat_mode: room.seat_mode.code(),
            hands: if room.hands { "on" } else { "off" },
            interrupt: room.interrupt.code(),
            auto_offer: room.auto_offer,
            turn_ms: room.turn.map(millis),
            promote: room.promote.code(),
            duplicates: room.duplicates.code(),
            participants_max: room.participants_max,
            opens_in_ms: room.opens_in.map(millis),
            hostless_for_ms: room.hostless_for.map(millis),
            closes_in_ms: room.closes_in.map(millis),
        }
    }
}

/// What only hosts, cohosts and admins see.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Moderation"))]
pub struct ModerationJson<'a> {
    /// The pending hands, in order.
    pub hand_queue: Vec<HandJson<'a>>,
    /// The invites that wait for an answer.
    pub invites: Vec<InviteJson<'a>>,
    /// The latest bans, the newest first; 100 at most.
    pub bans: Vec<BanJson<'a>>,
    /// How many bans there are.
    pub ban_count: usize,
    /// The latest mutes of people, the newest first; 100 at most.
    pub mutes: Vec<MuteJson<'a>>,
    /// How many people are muted, here or away.
    pub mute_count: usize,
}

impl<'a> From<&'a ModerationView> for ModerationJson<'a> {
    fn from(view: &'a ModerationView) -> Self {
        Self {
            hand_queue: view.hands.iter().map(HandJson::from).collect(),
            invites: view.invites.iter().map(InviteJson::from).collect(),
            bans: view.bans.iter().map(BanJson::from).collect(),
            ban_count: view.ban_count,
            mutes: view.mutes.iter().map(MuteJson::from).collect(),
            mute_count: view.mute_count,
        }
    }
}

/// A seat.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Seat"))]
pub struct SeatJson<'a> {
    /// Its number.
    pub index: SeatIndex,
    /// What it is.
    #[cfg_attr(test, schemars(with = "crate::protocol::tests::codes::SeatState"))]
    pub state: &'static str,
    /// Who sits there, or has it kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Option<&'a Identity>,
    /// Their name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<&'a str>,
    /// Their rank.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "Option<crate::room::Rank>"))]
    pub rank: Option<&'static str>,
    /// What kind of participant its holder is, if not a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<&'a str>,
    /// The id of this occupancy, as audio packets carry it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub csrc: Option<NonZeroU32>,
    /// Why it is kept for someone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "Option<crate::room::ReservedWhy>"))]
    pub why: Option<&'static str>,
    /// How much longer it is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_in_ms: Option<u64>,
    /// What is left of its holder's turn, if turns are limited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub turn_ends_in_ms: Option<u64>,
    /// The seat's own mute.
    pub muted_by_host: bool,
    /// Its holder was muted by a host or cohost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_muted: Option<bool>,
    /// Its holder muted themselves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub self_muted: Option<bool>,
    /// False while its holder's media is lost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connected: Option<bool>,
    /// Grows with each change of the seat, but not of its holder's own mutes.
    pub rev: u64,
}

impl<'a> From<&'a SeatView> for SeatJson<'a> {
    fn from(seat: &'a SeatView) -> Self {
        let holder = seat.holder();
        let (csrc, why, expires_in_ms) = match &seat.state {
            SeatViewState::Open | SeatViewState::Locked => (None, None, None),
            SeatViewState::Reserved { why, expires_in, .. } => (None, Some(why.code()), Some(millis(*expires_in))),
            SeatViewState::Occupied { csrc, .. } => (Some(*csrc), None, None),
        };
        Self {
            index: seat.index,
            state: seat.state_code(),
            identity: holder.map(|holder| &holder.identity),
            name: holder.map(|holder| &*holder.name),
            rank: holder.map(|holder| holder.rank.code()),
            kind: holder.and_then(|holder| holder.kind.as_deref()),
            csrc,
            why,
            expires_in_ms,
            turn_ends_in_ms: seat.turn_ends_in.map(millis),
            muted_by_host: seat.muted_by_host,
            host_muted: holder.map(|holder| holder.host_muted),
            self_muted: holder.map(|holder| holder.self_muted),
            connected: seat.connected(),
            rev: seat.rev,
        }
    }
}

/// A person whom everyone sees by name.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Participant"))]
pub struct ParticipantJson<'a> {
    /// Who.
    pub identity: &'a Identity,
    /// The name to show.
    pub name: &'a str,
    /// The rank.
    #[cfg_attr(test, schemars(with = "crate::room::Rank"))]
    pub rank: &'static str,
    /// What others see.
    #[cfg_attr(test, schemars(with = "crate::room::Role"))]
    pub role: &'static str,
    /// What kind of participant it is, if not a person: `agent`, say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<&'a str>,
}

impl<'a> From<&'a ParticipantView> for ParticipantJson<'a> {
    fn from(participant: &'a ParticipantView) -> Self {
        Self {
            identity: &participant.identity,
            name: &participant.name,
            rank: participant.rank.code(),
            role: participant.role.code(),
            kind: participant.kind.as_deref(),
        }
    }
}

/// The audience, counted and sampled.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Audience"))]
pub struct AudienceJson<'a> {
    /// How many.
    pub count: usize,
    /// A few of them; 20 at most.
    pub sample: Vec<AudienceMemberJson<'a>>,
}

impl<'a> From<&'a AudienceView> for AudienceJson<'a> {
    fn from(audience: &'a AudienceView) -> Self {
        Self { count: audience.count, sample: audience.sample.iter().map(AudienceMemberJson::from).collect() }
    }
}

/// One of the audience.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "AudienceMember"))]
pub struct AudienceMemberJson<'a> {
    /// Who.
    pub identity: &'a Identity,
    /// The name to show.
    pub name: &'a str,
}

impl<'a> From<&'a AudienceMember> for AudienceMemberJson<'a> {
    fn from(member: &'a AudienceMember) -> Self {
        Self { identity: &member.identity, name: &member.name }
    }
}

/// A raised hand, as hosts see it.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Hand"))]
pub struct HandJson<'a> {
    /// Which hand of this room.
    pub id: HandId,
    /// Whose.
    pub identity: &'a Identity,
    /// The name to show.
    pub name: &'a str,
    /// Its place in the queue, from 1 (of a hand that has just left the queue: the place it had).
    pub position: usize,
    /// How long it has been up.
    pub waited_ms: u64,
    /// The microphone may be aired at once.
    pub mic_ready: bool,
    /// The seat they would like.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wanted_seat: Option<SeatIndex>,
    /// The owner's tier: higher ones come first.
    pub tier: u32,
}

impl<'a> From<&'a HandView> for HandJson<'a> {
    fn from(hand: &'a HandView) -> Self {
        Self {
            id: hand.id,
            identity: &hand.identity,
            name: &hand.name,
            position: hand.position,
            waited_ms: millis(hand.waited),
            mic_ready: hand.mic_ready,
            wanted_seat: hand.wanted_seat,
            tier: hand.tier,
        }
    }
}

/// An invite to the stage.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Invite"))]
pub struct InviteJson<'a> {
    /// Which invite of this room.
    pub id: InviteId,
    /// Who invites.
    pub from: &'a Identity,
    /// Their name.
    pub from_name: &'a str,
    /// Who is invited.
    pub to: &'a Identity,
    /// Their name.
    pub to_name: &'a str,
    /// To which seat; absent: to any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seat: Option<SeatIndex>,
    /// Whether that seat is kept for them.
    pub hold: bool,
    /// How long it waits for an answer.
    pub expires_in_ms: u64,
}

impl<'a> From<&'a InviteView> for InviteJson<'a> {
    fn from(invite: &'a InviteView) -> Self {
        Self {
            id: invite.id,
            from: &invite.from,
            from_name: &invite.from_name,
            to: &invite.to,
            to_name: &invite.to_name,
            seat: invite.seat,
            hold: invite.hold,
            expires_in_ms: millis(invite.expires_in),
        }
    }
}

/// A participant's own state.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "SelfState"))]
pub struct SelfJson<'a> {
    /// Who.
    pub identity: &'a Identity,
    /// The present session.
    pub session: &'a SessionId,
    /// The name that others see.
    pub name: &'a str,
    /// The rank.
    #[cfg_attr(test, schemars(with = "crate::room::Rank"))]
    pub rank: &'static str,
    /// What others see.
    #[cfg_attr(test, schemars(with = "crate::room::Role"))]
    pub role: &'static str,
    /// May ever hold a seat.
    pub can_publish: bool,
    /// May send messages and reactions.
    pub can_publish_data: bool,
    /// Wants no invites and no assigned seats.
    pub do_not_invite: bool,
    /// The seat that is theirs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seat: Option<SeatIndex>,
    /// How it is theirs.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "Option<crate::protocol::tests::codes::OwnSeatState>"))]
    pub seat_state: Option<&'static str>,
    /// Muted by themselves.
    pub self_muted: bool,
    /// Muted by a host or cohost.
    pub host_muted: bool,
    /// Their raised hand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hand: Option<OwnHandJson>,
    /// A seat that waits for their word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offer: Option<OfferJson>,
    /// An invite that waits for their answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invite: Option<InviteJson<'a>>,
    /// The room, if it is offered to them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_offer: Option<HostOfferJson<'a>>,
    /// How long they may raise no hand, after a denial.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hand_after_ms: Option<u64>,
}

impl<'a> From<&'a SelfView> for SelfJson<'a> {
    fn from(own: &'a SelfView) -> Self {
        Self {
            identity: &own.identity,
            session: &own.session,
            name: &own.name,
            rank: own.rank.code(),
            role: own.role.code(),
            can_publish: own.can_publish,
            can_publish_data: own.can_publish_data,
            do_not_invite: own.do_not_invite,
            seat: own.seat.map(|own| own.seat),
            seat_state: own.seat.map(|own| if own.occupied { "occupied" } else { "reserved" }),
            self_muted: own.self_muted,
            host_muted: own.host_muted,
            hand: own.hand.map(OwnHandJson::from),
            offer: own.offer.map(OfferJson::from),
            invite: own.invite.as_ref().map(InviteJson::from),
            host_offer: own.host_offer.as_ref().map(HostOfferJson::from),
            hand_after_ms: own.hand_after.map(millis),
        }
    }
}

/// One's own raised hand.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "OwnHand"))]
pub struct OwnHandJson {
    /// Its place in the queue, from 1.
    pub position: usize,
    /// The seat one would like.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wanted_seat: Option<SeatIndex>,
    /// One's microphone may be aired at once.
    pub mic_ready: bool,
}

impl From<OwnHand> for OwnHandJson {
    fn from(hand: OwnHand) -> Self {
        Self { position: hand.position, wanted_seat: hand.wanted_seat, mic_ready: hand.mic_ready }
    }
}

/// A seat that waits for one's word.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Offer"))]
pub struct OfferJson {
    /// Which.
    pub seat: SeatIndex,
    /// Why.
    #[cfg_attr(test, schemars(with = "crate::room::ReservedWhy"))]
    pub why: &'static str,
    /// How much longer.
    pub expires_in_ms: u64,
}

impl From<OwnOffer> for OfferJson {
    fn from(offer: OwnOffer) -> Self {
        Self { seat: offer.seat, why: offer.why.code(), expires_in_ms: millis(offer.expires_in) }
    }
}

/// The room, offered to someone.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "HostOffer"))]
pub struct HostOfferJson<'a> {
    /// By whom.
    pub from: &'a Identity,
    /// How long it stands.
    pub expires_in_ms: u64,
}

impl<'a> From<&'a HostOfferView> for HostOfferJson<'a> {
    fn from(offer: &'a HostOfferView) -> Self {
        Self { from: &offer.from, expires_in_ms: millis(offer.expires_in) }
    }
}

/// One slot of a listener.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Slot"))]
pub struct SlotJson<'a> {
    /// The media section of one's own description.
    pub mid: &'a str,
    /// The seat it carries.
    pub seat: SeatIndex,
    /// Who sits there.
    pub identity: &'a Identity,
    /// The id of that occupancy, as packets carry it.
    pub csrc: NonZeroU32,
}

impl<'a> From<&'a Slot> for SlotJson<'a> {
    fn from(slot: &'a Slot) -> Self {
        Self { mid: &slot.mid, seat: slot.seat, identity: &slot.identity, csrc: slot.csrc }
    }
}

/// Someone who speaks.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Speaker"))]
pub struct SpeakerJson<'a> {
    /// Who.
    pub identity: &'a Identity,
    /// Where.
    pub seat: SeatIndex,
    /// How loud, in dBov, -127 to 0.
    #[cfg_attr(test, schemars(range(min = -127, max = 0)))]
    pub level: i8,
}

impl<'a> From<&'a Speaker> for SpeakerJson<'a> {
    fn from(speaker: &'a Speaker) -> Self {
        Self { identity: &speaker.identity, seat: speaker.seat, level: speaker.level }
    }
}

/// The delay from mouth to ear that someone has.
#[derive(Debug, Clone, Copy, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Latency"))]
pub struct LatencyJson {
    /// How it feels.
    #[cfg_attr(test, schemars(with = "crate::room::DelayClass"))]
    pub class: &'static str,
    /// Milliseconds from a mouth to an ear.
    pub mouth_to_ear_ms: u32,
    /// The greatest part of it.
    #[cfg_attr(test, schemars(with = "crate::room::DelayTerm"))]
    pub dominant_term: &'static str,
    /// As they hear others, or as others hear them: the worse of the two.
    #[cfg_attr(test, schemars(with = "crate::room::DelaySide"))]
    pub side: &'static str,
    /// A part of it is assumed: a client has not told how long its jitter buffer holds audio.
    pub estimated: bool,
}

impl From<LatencyState> for LatencyJson {
    fn from(state: LatencyState) -> Self {
        Self {
            class: state.class.code(),
            mouth_to_ear_ms: state.mouth_to_ear_ms,
            dominant_term: state.dominant_term.code(),
            side: state.side.code(),
            estimated: state.estimated,
        }
    }
}

/// As the wire has times: in whole milliseconds.
pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
