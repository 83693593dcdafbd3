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
        Event::MuteChanged { .. } => Some("moderation.mute_changed"),
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
        | Event::LatencyState { .. }
        | Event::ConnectionQuality { .. }
        | Event::Unheard { .. }
        | Event::SelfChanged(_) => None,
    }
}

/// Whether this is a kind of event that there is, `seat.changed`, or a family of such kinds, `seat.*`.
#[must_use]
pub fn is_kind_or_family(text: &str) -> bool {
    match text.strip_suffix('*') {
        Some(family) => family.ends_with('.') && KINDS.iter().any(|kind| kind.starts_with(family)),
        None => KINDS.contains(&text),
    }
}

/// Every kind of event that is told outside: those of the log, those about sessions, one for each act of moderation, and those of the latency monitor.
pub const KINDS: &[&str] = &[
    "room.created",
    "room.restored",
    "room.updated",
    "room.message",
    "room.closed",
    "seat.changed",
    "hand.changed",
    "invite.changed",
    "participant.joined",
    "participant.left",
    "participant.announced",
    "participant.withdrawn",
    "participant.rank_changed",
    "moderation.ban_changed",
    "moderation.mute_changed",
    "moderation.seat_move",
    "moderation.seat_swap",
    "moderation.seat_assign",
    "moderation.seat_lock",
    "moderation.seat_unlock",
    "moderation.seat_mute",
    "moderation.seat_unmute",
    "moderation.seat_kick",
    "moderation.hand_approve",
    "moderation.hand_deny",
    "moderation.hand_next",
    "moderation.hands_lower_all",
    "moderation.member_mute",
    "moderation.member_unmute",
    "moderation.member_kick",
    "moderation.member_ban",
    "moderation.member_unban",
    "moderation.member_rank",
    "moderation.moderation_forget",
    "moderation.host_transfer",
    "moderation.invite_send",
    "moderation.invite_revoke",
    "moderation.room_update",
    "moderation.room_close",
    "latency.breached",
    "latency.recovered",
    "latency.acted",
];
