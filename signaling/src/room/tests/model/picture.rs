//! A picture is all of a room that matters, in one form for the room and for the model, so that the two can be laid side by side.

use std::collections::BTreeSet;

use super::super::*;
use super::steps::{PEOPLE, person};

/// All of a room that matters, at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Picture {
    pub(super) room: RoomView,
    pub(super) seats: Vec<SeatPicture>,
    pub(super) hands: Vec<HandPicture>,
    pub(super) invites: Vec<InvitePicture>,
    /// The newest first.
    pub(super) bans: Vec<Identity>,
    pub(super) mutes: BTreeSet<Identity>,
    pub(super) people: BTreeMap<Identity, PersonPicture>,
    /// Who is heard, by seat, by the last plan.
    pub(super) heard: Vec<(SeatIndex, SessionId)>,
    pub(super) participants: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SeatPicture {
    pub(super) state: &'static str,
    pub(super) holder: Option<Identity>,
    pub(super) why: Option<ReservedWhy>,
    pub(super) expires_in: Option<Duration>,
    pub(super) muted: bool,
    pub(super) turn_ends_in: Option<Duration>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HandPicture {
    pub(super) who: Identity,
    pub(super) wanted: Option<SeatIndex>,
    pub(super) mic_ready: bool,
    pub(super) tier: u32,
    pub(super) waited: Duration,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct InvitePicture {
    pub(super) id: u64,
    pub(super) from: Identity,
    pub(super) to: Identity,
    pub(super) seat: Option<SeatIndex>,
    pub(super) hold: bool,
    pub(super) expires_in: Duration,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PersonPicture {
    pub(super) session: SessionId,
    pub(super) rank: Rank,
    pub(super) role: Role,
    pub(super) can_publish: bool,
    pub(super) can_publish_data: bool,
    pub(super) do_not_invite: bool,
    pub(super) self_muted: bool,
    pub(super) host_muted: bool,
    pub(super) seat: Option<OwnSeat>,
    pub(super) hand: Option<OwnHand>,
    pub(super) offer: Option<OwnOffer>,
    pub(super) invite: Option<u64>,
    pub(super) host_offer: Option<HostOfferView>,
}

impl Picture {
    /// The room as its snapshots and its last plan show it.
    pub(super) fn of_room(room: &Room, plan: Option<&StagePlan>, now: Instant) -> Self {
        let snapshot = room.snapshot(&Viewer::Admin, now);
        let moderation = snapshot.moderation.expect("an admin sees what hosts see");
        let names = (0..PEOPLE).map(|who| id(&person(who)));
        let own = names.filter_map(|who| {
            let own = room.snapshot(&Viewer::Participant(who.clone()), now).own?;
            Some((who, PersonPicture::of(own)))
        });
        let heard = plan.map(|plan| &plan.seats[..]).unwrap_or_default().iter().filter(|seat| seat.open);
        Self {
            room: snapshot.room,
            seats: snapshot.seats.iter().map(SeatPicture::of).collect(),
            hands: moderation.hands.iter().map(HandPicture::of).collect(),
            invites: moderation.invites.iter().map(InvitePicture::of).collect(),
            bans: moderation.bans.into_iter().map(|ban| ban.identity).collect(),
            mutes: moderation.mutes.into_iter().map(|mute| mute.identity).collect(),
            people: own.collect(),
            heard: heard.map(|seat| (seat.seat, seat.session.clone())).collect(),
            participants: room.participants(),
        }
    }
}

impl SeatPicture {
    fn of(view: &SeatView) -> Self {
        let (why, expires_in) = match &view.state {
            SeatViewState::Reserved { why, expires_in, .. } => (Some(*why), Some(*expires_in)),
            _ => (None, None),
        };
        Self {
            state: view.state_code(),
            holder: view.holder().map(|holder| holder.identity.clone()),
            why,
            expires_in,
            muted: view.muted_by_host,
            turn_ends_in: view.turn_ends_in,
        }
    }
}

impl HandPicture {
    fn of(view: &HandView) -> Self {
        Self {
            who: view.identity.clone(),
            wanted: view.wanted_seat,
            mic_ready: view.mic_ready,
            tier: view.tier,
            waited: view.waited,
        }
    }
}

impl InvitePicture {
    fn of(view: &InviteView) -> Self {
        Self {
            id: view.id.0,
            from: view.from.clone(),
            to: view.to.clone(),
            seat: view.seat,
            hold: view.hold,
            expires_in: view.expires_in,
        }
    }
}

impl PersonPicture {
    fn of(own: SelfView) -> Self {
        Self {
            session: own.session,
            rank: own.rank,
            role: own.role,
            can_publish: own.can_publish,
            can_publish_data: own.can_publish_data,
            do_not_invite: own.do_not_invite,
            self_muted: own.self_muted,
            host_muted: own.host_muted,
            seat: own.seat,
            hand: own.hand,
            offer: own.offer,
            invite: own.invite.map(|invite| invite.id.0),
            host_offer: own.host_offer,
        }
    }
}
