//! Views of a room as JSON. Each struct is one object of the wire and borrows from the view it shows.

use std::{num::NonZeroU32, time::Duration};

use serde::Serialize;

use crate::{
    ids::{Identity, RoomId, SeatIndex, SessionId},
    room::{
        AudienceMember, AudienceView, HandView, OwnHand, OwnOffer, ParticipantView, SeatView, SeatViewState, SelfView,
        Slot, Snapshot, Speaker,
    },
};

/// The room, as one viewer may see it.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the fields are documented at Snapshot")]
pub struct SnapshotJson<'a> {
    pub id: &'a RoomId,
    pub phase: &'static str,
    pub seat_mode: &'static str,
    pub hands: &'static str,
    pub seq: u64,
    pub revision: u64,
    pub seats: Vec<SeatJson<'a>>,
    pub participants: Vec<ParticipantJson<'a>>,
    pub audience: AudienceJson<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hand_queue: Option<Vec<HandJson<'a>>>,
}

impl<'a> From<&'a Snapshot> for SnapshotJson<'a> {
    fn from(snapshot: &'a Snapshot) -> Self {
        Self {
            id: &snapshot.id,
            phase: snapshot.room.phase.code(),
            seat_mode: snapshot.room.seat_mode.code(),
            hands: on_or_off(snapshot.room.hands),
            seq: snapshot.seq,
            revision: snapshot.revision,
            seats: snapshot.seats.iter().map(SeatJson::from).collect(),
            participants: snapshot.participants.iter().map(ParticipantJson::from).collect(),
            audience: AudienceJson::from(&snapshot.audience),
            hand_queue: snapshot.moderation.as_ref().map(|view| view.hands.iter().map(HandJson::from).collect()),
        }
    }
}

/// A seat.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the fields are documented at SeatView")]
pub struct SeatJson<'a> {
    pub index: SeatIndex,
    pub state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Option<&'a Identity>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rank: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub csrc: Option<NonZeroU32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_in_ms: Option<u64>,
    pub muted_by_host: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_muted: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub self_muted: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connected: Option<bool>,
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
            csrc,
            why,
            expires_in_ms,
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
#[expect(missing_docs, reason = "the fields are documented at ParticipantView")]
pub struct ParticipantJson<'a> {
    pub identity: &'a Identity,
    pub name: &'a str,
    pub rank: &'static str,
    pub role: &'static str,
}

impl<'a> From<&'a ParticipantView> for ParticipantJson<'a> {
    fn from(participant: &'a ParticipantView) -> Self {
        Self {
            identity: &participant.identity,
            name: &participant.name,
            rank: participant.rank.code(),
            role: participant.role.code(),
        }
    }
}

/// The audience, counted and sampled.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the fields are documented at AudienceView")]
pub struct AudienceJson<'a> {
    pub count: usize,
    pub sample: Vec<AudienceMemberJson<'a>>,
}

impl<'a> From<&'a AudienceView> for AudienceJson<'a> {
    fn from(audience: &'a AudienceView) -> Self {
        Self { count: audience.count, sample: audience.sample.iter().map(AudienceMemberJson::from).collect() }
    }
}

/// One of the audience.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the fields are documented at AudienceMember")]
pub struct AudienceMemberJson<'a> {
    pub identity: &'a Identity,
    pub name: &'a str,
}

impl<'a> From<&'a AudienceMember> for AudienceMemberJson<'a> {
    fn from(member: &'a AudienceMember) -> Self {
        Self { identity: &member.identity, name: &member.name }
    }
}

/// A raised hand, as hosts see it.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the fields are documented at HandView")]
pub struct HandJson<'a> {
    pub identity: &'a Identity,
    pub name: &'a str,
    pub position: usize,
    pub waited_ms: u64,
    pub mic_ready: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wanted_seat: Option<SeatIndex>,
}

impl<'a> From<&'a HandView> for HandJson<'a> {
    fn from(hand: &'a HandView) -> Self {
        Self {
            identity: &hand.identity,
            name: &hand.name,
            position: hand.position,
            waited_ms: millis(hand.waited),
            mic_ready: hand.mic_ready,
            wanted_seat: hand.wanted_seat,
        }
    }
}

/// A participant's own state.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the fields are documented at SelfView")]
pub struct SelfJson<'a> {
    pub identity: &'a Identity,
    pub session: &'a SessionId,
    pub name: &'a str,
    pub rank: &'static str,
    pub role: &'static str,
    pub can_publish: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seat: Option<SeatIndex>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seat_state: Option<&'static str>,
    pub self_muted: bool,
    pub host_muted: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hand: Option<OwnHandJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offer: Option<OfferJson>,
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
            seat: own.seat.map(|own| own.seat),
            seat_state: own.seat.map(|own| if own.occupied { "occupied" } else { "reserved" }),
            self_muted: own.self_muted,
            host_muted: own.host_muted,
            hand: own.hand.map(OwnHandJson::from),
            offer: own.offer.map(OfferJson::from),
        }
    }
}

/// One's own raised hand.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the fields are documented at OwnHand")]
pub struct OwnHandJson {
    pub position: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wanted_seat: Option<SeatIndex>,
    pub mic_ready: bool,
}

impl From<OwnHand> for OwnHandJson {
    fn from(hand: OwnHand) -> Self {
        Self { position: hand.position, wanted_seat: hand.wanted_seat, mic_ready: hand.mic_ready }
    }
}

/// A seat that waits for one's word.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the fields are documented at OwnOffer")]
pub struct OfferJson {
    pub seat: SeatIndex,
    pub why: &'static str,
    pub expires_in_ms: u64,
}

impl From<OwnOffer> for OfferJson {
    fn from(offer: OwnOffer) -> Self {
        Self { seat: offer.seat, why: offer.why.code(), expires_in_ms: millis(offer.expires_in) }
    }
}

/// One slot of a listener.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the fields are documented at Slot")]
pub struct SlotJson<'a> {
    pub mid: &'a str,
    pub seat: SeatIndex,
    pub identity: &'a Identity,
    pub csrc: NonZeroU32,
}

impl<'a> From<&'a Slot> for SlotJson<'a> {
    fn from(slot: &'a Slot) -> Self {
        Self { mid: &slot.mid, seat: slot.seat, identity: &slot.identity, csrc: slot.csrc }
    }
}

/// Someone who speaks.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the fields are documented at Speaker")]
pub struct SpeakerJson<'a> {
    pub identity: &'a Identity,
    pub seat: SeatIndex,
    pub level: i8,
}

impl<'a> From<&'a Speaker> for SpeakerJson<'a> {
    fn from(speaker: &'a Speaker) -> Self {
        Self { identity: &speaker.identity, seat: speaker.seat, level: speaker.level }
    }
}

/// The words for whether hands may be raised.
pub(super) fn on_or_off(hands: bool) -> &'static str {
    if hands { "on" } else { "off" }
}

pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
