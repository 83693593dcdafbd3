//! What the events of a room's log are called outside: by webhooks and by whoever reads the log again.

use crate::room::Event;

/// What an event of the log is called outside; none, if it is none of the log.
#[must_use]
pub fn kind(event: &Event) -> Option<&'static str> {
    match event {
        Event::SeatChanged { .. } => Some("seat.changed"),
        Event::HandChanged { .. } => Some("hand.changed"),
        Event::ParticipantJoined { .. } => Some("participant.announced"),
        Event::ParticipantLeft { .. } => Some("participant.withdrawn"),
        Event::RankChanged { .. } => Some("participant.rank_changed"),
        Event::RoomUpdated { .. } => Some("room.updated"),
        Event::InviteChanged { .. } => Some("invite.changed"),
        Event::BanChanged { .. } => Some("moderation.ban_changed"),
        Event::Message { .. } => Some("room.message"),
        Event::SeatCue { .. }
        | Event::SeatOffer { .. }
        | Event::HandPosition { .. }
        | Event::Invite { .. }
        | Event::SwapProposed { .. }
        | Event::HostOffer { .. }
        | Event::HostOfferEnded { .. }
        | Event::TurnEnding { .. }
        | Event::LostSeat { .. }
        | Event::Interruption { .. }
        | Event::Moderation(_)
        | Event::ReactionTally { .. }
        | Event::Audience(_)
        | Event::Slots { .. }
        | Event::Speakers { .. }
        | Event::SelfChanged(_) => None,
    }
}
