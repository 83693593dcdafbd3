//! One of each: the people, seats, hands and rooms that the golden frames show.

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use crate::{
    ids::{HandId, Identity, InviteId, RequestId, RoomId, SeatIndex, SessionId},
    room::{
        AudienceMember, AudienceView, BanView, Duplicates, HandView, HolderView, HostOfferView, Interrupt, InviteView,
        ModerationView, MuteView, OwnHand, OwnOffer, OwnSeat, ParticipantView, Phase, Promote, Rank, ReservedWhy, Role,
        RoomView, SeatMode, SeatView, SeatViewState, SelfView, Snapshot,
    },
};

pub(super) fn identity(text: &str) -> Identity {
    Identity::parse(text).unwrap()
}

pub(super) fn request(text: &str) -> RequestId {
    RequestId::parse(text).unwrap()
}

pub(super) fn session() -> SessionId {
    SessionId::from_random([7; 16])
}

pub(super) fn seat(index: u8) -> SeatIndex {
    SeatIndex::new(index).unwrap()
}

pub(super) fn csrc() -> NonZeroU32 {
    NonZeroU32::new(7).unwrap()
}

pub(super) fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(super) fn empty(index: u8, state: SeatViewState) -> SeatView {
    SeatView { index: seat(index), state, muted_by_host: false, turn_ends_in: None, rev: 5 }
}

pub(super) fn occupied_by_agent(index: u8) -> SeatView {
    let holder = HolderView { kind: Some(Arc::from("agent")), ..ben() };
    SeatView { state: SeatViewState::Occupied { holder, csrc: csrc() }, ..occupied(index) }
}

pub(super) fn occupied(index: u8) -> SeatView {
    let state = SeatViewState::Occupied { holder: ben(), csrc: csrc() };
    SeatView { index: seat(index), state, muted_by_host: false, turn_ends_in: None, rev: 4 }
}

pub(super) fn reserved(index: u8, why: ReservedWhy) -> SeatView {
    let state = SeatViewState::Reserved { holder: ben(), why, expires_in: Duration::from_millis(8200) };
    SeatView { index: seat(index), state, muted_by_host: false, turn_ends_in: None, rev: 2 }
}

fn ben() -> HolderView {
    HolderView {
        identity: identity("ben"),
        name: Arc::from("Ben"),
        rank: Rank::Member,
        kind: None,
        host_muted: false,
        self_muted: false,
    }
}

pub(super) fn participant(name: &str, rank: Rank, role: Role) -> ParticipantView {
    ParticipantView { identity: identity(&name.to_lowercase()), name: Arc::from(name), rank, role, kind: None }
}

pub(super) fn hand() -> HandView {
    HandView {
        id: HandId(7),
        identity: identity("ben"),
        name: Arc::from("Ben"),
        position: 1,
        waited: Duration::from_millis(1500),
        mic_ready: true,
        wanted_seat: Some(seat(3)),
        tier: 0,
    }
}

pub(super) fn invite() -> InviteView {
    InviteView {
        id: InviteId(3),
        from: identity("ada"),
        from_name: Arc::from("Ada"),
        to: identity("ben"),
        to_name: Arc::from("Ben"),
        seat: Some(seat(3)),
        hold: true,
        expires_in: seconds(30),
    }
}

pub(super) fn ban() -> BanView {
    let reason = Some(Arc::from("shouting"));
    let (since, ends_in) = (Duration::from_millis(90_000), Some(seconds(3_600)));
    BanView { identity: identity("eve"), by: identity("ada"), reason, since, ends_in }
}

pub(super) fn mute() -> MuteView {
    let (since, ends_in) = (Duration::from_millis(4_000), Some(seconds(600)));
    MuteView { identity: identity("ben"), by: identity("ada"), since, ends_in }
}

pub(super) fn audience() -> AudienceView {
    let member = AudienceMember { identity: identity("cy"), name: Arc::from("Cy") };
    AudienceView { count: 12, sample: vec![member] }
}

pub(super) fn moderation() -> ModerationView {
    ModerationView {
        hands: vec![hand()],
        invites: vec![invite()],
        bans: vec![ban()],
        ban_count: 1,
        mutes: vec![mute()],
        mute_count: 1,
    }
}

pub(super) fn room() -> RoomView {
    RoomView {
        phase: Phase::Live,
        seat_mode: SeatMode::Apply,
        hands: true,
        interrupt: Interrupt::Off,
        auto_offer: false,
        turn: None,
        promote: Promote::Cohost,
        duplicates: Duplicates::Takeover,
        participants_max: 5_000,
        opens_in: None,
        hostless_for: None,
        closes_in: None,
    }
}

/// A room with one on stage, as someone in the audience sees it.
pub(super) fn snapshot() -> Snapshot {
    Snapshot {
        id: RoomId::parse("demo").unwrap(),
        room: room(),
        seq: 16,
        revision: 3,
        seats: vec![empty(0, SeatViewState::Open), occupied(1), empty(2, SeatViewState::Locked)],
        participants: vec![participant("Ada", Rank::Host, Role::Host), participant("Ben", Rank::Member, Role::Guest)],
        audience: audience(),
        moderation: None,
        own: Some(listener()),
    }
}

/// Somebody of whom nothing special is to be said.
pub(super) fn listener() -> SelfView {
    SelfView {
        identity: identity("cy"),
        session: session(),
        name: Arc::from("Cy"),
        rank: Rank::Member,
        role: Role::Listener,
        can_publish: true,
        can_publish_data: true,
        do_not_invite: false,
        seat: None,
        self_muted: true,
        host_muted: false,
        hand: None,
        offer: None,
        invite: None,
        host_offer: None,
        hand_after: None,
    }
}

/// Somebody who is asked for everything at once.
pub(super) fn sought() -> SelfView {
    SelfView {
        seat: Some(OwnSeat { seat: seat(2), occupied: false }),
        hand: Some(OwnHand { position: 1, wanted_seat: Some(seat(3)), mic_ready: true }),
        offer: Some(OwnOffer { seat: seat(2), why: ReservedWhy::Offered, expires_in: Duration::from_millis(8200) }),
        invite: Some(InviteView { to: identity("cy"), to_name: Arc::from("Cy"), ..invite() }),
        host_offer: Some(HostOfferView { from: identity("ada"), expires_in: seconds(30) }),
        hand_after: Some(seconds(10)),
        ..listener()
    }
}

/// Somebody on stage.
pub(super) fn guest() -> SelfView {
    SelfView {
        identity: identity("ben"),
        name: Arc::from("Ben"),
        role: Role::Guest,
        seat: Some(OwnSeat { seat: seat(1), occupied: true }),
        self_muted: false,
        ..listener()
    }
}
