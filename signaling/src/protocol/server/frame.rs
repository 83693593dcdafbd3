//! A frame is one thing that the server says, as it stands on the wire.
//!
//! What is said of the fields here is what the JSON Schema says of them, too. What has a `seq` is in the room's log.

use serde::Serialize;

use crate::{
    ids::{Identity, RequestId, SeatIndex, SessionId},
    protocol::view::{
        AudienceJson, BanJson, HandJson, InviteJson, LatencyJson, ModerationJson, MuteJson, ParticipantJson, RoomJson,
        SeatJson, SelfJson, SlotJson, SnapshotJson, SpeakerJson, millis,
    },
    room::{ConnectionQuality, Details, Done, Event, Refused, UnheardWhy},
};

/// What the server says, by its type.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "ServerFrame"))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Frame<'a> {
    /// The answer to `join` and `resume`.
    Welcome(WelcomeFrame<'a>),
    /// The answer to any other command.
    Reply(ReplyFrame<'a>),
    /// The last frame of a session.
    Bye(ByeFrame<'a>),
    /// A seat, its holder or its mutes changed.
    SeatChanged {
        /// Its number in the room's log.
        #[cfg_attr(test, schemars(with = "u64"))]
        #[serde(skip_serializing_if = "Option::is_none")]
        seq: Option<u64>,
        /// How it came about.
        #[cfg_attr(test, schemars(with = "crate::room::SeatCause"))]
        cause: &'static str,
        /// Who did it, if it was a person.
        #[serde(skip_serializing_if = "Option::is_none")]
        by: Option<&'a Identity>,
        /// The seat as it is now.
        seat: SeatJson<'a>,
        /// The other seat, when two changed in one step: the one that was left, or swapped with.
        #[serde(skip_serializing_if = "Option::is_none")]
        other: Option<SeatJson<'a>>,
    },
    /// A seat is open.
    SeatCue {
        /// Which.
        index: SeatIndex,
        /// Whether the recipient can have it.
        #[cfg_attr(test, schemars(with = "crate::protocol::tests::codes::CanJoinCode"))]
        can_join: &'static str,
        /// Why not, if not.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[cfg_attr(test, schemars(with = "Option<crate::room::CannotJoin>"))]
        why: Option<&'static str>,
    },
    /// A seat is kept for the recipient, who confirms or declines.
    SeatOffer {
        /// Which.
        seat: SeatIndex,
        /// Why.
        #[cfg_attr(test, schemars(with = "crate::room::ReservedWhy"))]
        why: &'static str,
        /// How long.
        expires_in_ms: u64,
    },
    /// The recipient's place in the queue.
    HandPosition {
        /// The place, from 1.
        position: usize,
    },
    /// A hand changed. For hosts and cohosts, and for its owner when others or time decided on it.
    HandChanged {
        /// Its number in the room's log; absent when it is told to the one whom it is about.
        #[serde(skip_serializing_if = "Option::is_none")]
        seq: Option<u64>,
        /// What became of it.
        #[cfg_attr(test, schemars(with = "crate::room::HandChange"))]
        change: &'static str,
        /// Who did it, if it was a person.
        #[serde(skip_serializing_if = "Option::is_none")]
        by: Option<&'a Identity>,
        /// The hand.
        hand: HandJson<'a>,
        /// How many are pending now.
        count: usize,
    },
    /// A person with a rank came, or came back under another name.
    ParticipantJoined {
        /// Its number in the room's log.
        #[cfg_attr(test, schemars(with = "u64"))]
        #[serde(skip_serializing_if = "Option::is_none")]
        seq: Option<u64>,
        /// Who.
        participant: ParticipantJson<'a>,
    },
    /// A person with a rank, or one on stage, has left the room.
    ParticipantLeft {
        /// Its number in the room's log.
        #[cfg_attr(test, schemars(with = "u64"))]
        #[serde(skip_serializing_if = "Option::is_none")]
        seq: Option<u64>,
        /// Who.
        identity: &'a Identity,
        /// How.
        #[cfg_attr(test, schemars(with = "crate::room::LeftReason"))]
        reason: &'static str,
    },
    /// A person's rank changed.
    RankChanged {
        /// Its number in the room's log.
        #[cfg_attr(test, schemars(with = "u64"))]
        #[serde(skip_serializing_if = "Option::is_none")]
        seq: Option<u64>,
        /// How it came about.
        #[cfg_attr(test, schemars(with = "crate::room::RankCause"))]
        cause: &'static str,
        /// Who did it, if it was a person.
        #[serde(skip_serializing_if = "Option::is_none")]
        by: Option<&'a Identity>,
        /// The person as they are now.
        participant: ParticipantJson<'a>,
    },
    /// The room's phase or settings changed; this is the whole of them.
    RoomUpdated {
        /// Its number in the room's log.
        #[cfg_attr(test, schemars(with = "u64"))]
        #[serde(skip_serializing_if = "Option::is_none")]
        seq: Option<u64>,
        /// Who did it, if it was a person.
        #[serde(skip_serializing_if = "Option::is_none")]
        by: Option<&'a Identity>,
        /// The phase and settings.
        #[serde(flatten)]
        room: RoomJson,
    },
    /// The recipient is invited to the stage.
    Invite {
        /// The invite.
        invite: InviteJson<'a>,
    },
    /// An invite changed. For hosts and cohosts, and for the one invited when others or time ended it.
    InviteChanged {
        /// Its number in the room's log; absent when it is told to the one whom it is about.
        #[serde(skip_serializing_if = "Option::is_none")]
        seq: Option<u64>,
        /// What became of it.
        #[cfg_attr(test, schemars(with = "crate::room::InviteChange"))]
        change: &'static str,
        /// Who did it, if it was a person.
        #[serde(skip_serializing_if = "Option::is_none")]
        by: Option<&'a Identity>,
        /// The invite.
        invite: InviteJson<'a>,
    },
    /// A ban was set or has ended. For hosts and cohosts.
    BanChanged {
        /// Its number in the room's log; absent if the room was over then.
        #[serde(skip_serializing_if = "Option::is_none")]
        seq: Option<u64>,
        /// Set, or ended.
        banned: bool,
        /// How it came about.
        #[cfg_attr(test, schemars(with = "crate::room::DecisionCause"))]
        cause: &'static str,
        /// Who did it; absent: it ran out.
        #[serde(skip_serializing_if = "Option::is_none")]
        by: Option<&'a Identity>,
        /// The ban.
        ban: BanJson<'a>,
    },
    /// A mute of a person was set or has ended. For hosts and cohosts.
    MuteChanged {
        /// Its number in the room's log; absent if the room was over then.
        #[serde(skip_serializing_if = "Option::is_none")]
        seq: Option<u64>,
        /// Set, or ended.
        muted: bool,
        /// How it came about.
        #[cfg_attr(test, schemars(with = "crate::room::DecisionCause"))]
        cause: &'static str,
        /// Who did it; absent: it ran out.
        #[serde(skip_serializing_if = "Option::is_none")]
        by: Option<&'a Identity>,
        /// The mute.
        mute: MuteJson<'a>,
    },
    /// Someone would change seats with the recipient, who agrees by asking for the same swap.
    SwapProposed {
        /// Who.
        from: &'a Identity,
        /// Their seat.
        seat: SeatIndex,
        /// The recipient's seat.
        with: SeatIndex,
        /// How long it stands.
        expires_in_ms: u64,
    },
    /// The room is offered to the recipient.
    HostOffer {
        /// By whom.
        from: &'a Identity,
        /// How long it stands.
        expires_in_ms: u64,
    },
    /// What became of the room that was offered. To both.
    HostOfferEnded {
        /// Who offered it.
        from: &'a Identity,
        /// To whom.
        to: &'a Identity,
        /// How it ended.
        #[cfg_attr(test, schemars(with = "crate::room::OfferOutcome"))]
        outcome: &'static str,
    },
    /// Someone's turn is about to end. To them, and to hosts and cohosts.
    TurnEnding {
        /// The seat.
        seat: SeatIndex,
        /// Who sits there.
        identity: &'a Identity,
        /// When it ends.
        ends_in_ms: u64,
    },
    /// The recipient came back too late for their seat.
    LostSeat {
        /// The seat.
        seat: SeatIndex,
        /// The place in the queue that they have instead, if hands are on.
        #[serde(skip_serializing_if = "Option::is_none")]
        position: Option<usize>,
    },
    /// A host or cohost began to speak over the others, or ceased to.
    Interruption {
        /// Who speaks; absent: it is over.
        #[serde(skip_serializing_if = "Option::is_none")]
        by: Option<&'a Identity>,
        /// What becomes of the others.
        #[cfg_attr(test, schemars(with = "crate::room::Interrupt"))]
        mode: &'static str,
    },
    /// What only hosts and cohosts see. To someone who has just become one.
    Moderation(ModerationJson<'a>),
    /// Someone wrote to the room.
    Message {
        /// Its number in the room's log.
        #[cfg_attr(test, schemars(with = "u64"))]
        #[serde(skip_serializing_if = "Option::is_none")]
        seq: Option<u64>,
        /// Who.
        from: &'a Identity,
        /// Their name.
        name: &'a str,
        /// What.
        text: &'a str,
    },
    /// How people reacted since the last tally.
    ReactionTally {
        /// Each reaction with its count.
        tally: Vec<TallyJson<'a>>,
    },
    /// The audience now.
    Audience(AudienceJson<'a>),
    /// Whom the recipient's slots carry; slots that carry nobody are left out.
    Slots {
        /// The slots.
        slots: Vec<SlotJson<'a>>,
    },
    /// Who speaks, the loudest first.
    Speakers {
        /// The people.
        speakers: Vec<SpeakerJson<'a>>,
    },
    /// The delay from mouth to ear that someone has is another one. Without `class` none is known any more.
    LatencyState {
        /// Who, if not the recipient: someone on stage, as hosts and cohosts are told.
        #[serde(skip_serializing_if = "Option::is_none")]
        identity: Option<&'a Identity>,
        /// How it is.
        #[serde(flatten)]
        state: Option<LatencyJson>,
    },
    /// Someone's connection is of another quality.
    ConnectionQuality {
        /// Who, if not the recipient: someone on stage, as hosts and cohosts are told.
        #[serde(skip_serializing_if = "Option::is_none")]
        identity: Option<&'a Identity>,
        /// How good it is.
        #[cfg_attr(test, schemars(with = "crate::room::ConnectionQuality"))]
        quality: &'static str,
    },
    /// Nothing that someone on stage says is heard: the server drops all of it. Without `why` it is over.
    Unheard {
        /// Who, if not the recipient: someone on stage, as hosts and cohosts are told.
        #[serde(skip_serializing_if = "Option::is_none")]
        identity: Option<&'a Identity>,
        /// Why.
        #[cfg_attr(test, schemars(with = "Option<crate::room::UnheardWhy>"))]
        #[serde(skip_serializing_if = "Option::is_none")]
        why: Option<&'static str>,
    },
    /// The recipient's own state changed; this is the whole of it.
    SelfChanged {
        /// The state.
        #[serde(rename = "self")]
        own: SelfJson<'a>,
    },
}

/// The answer to `join` and `resume`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct WelcomeFrame<'a> {
    /// The command it answers.
    pub request_id: &'a RequestId,
    /// The session that begins or goes on.
    pub session: &'a SessionId,
    /// Whose it is.
    pub identity: &'a Identity,
    /// True after a `resume`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resumed: Option<bool>,
    /// The answer to the offer, if there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<&'a str>,
    /// What the next `resume` is to show. Good once.
    pub resume_token: &'a str,
    /// The room; absent after a `resume` that can be told what it missed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room: Option<SnapshotJson<'a>>,
    /// The recipient's own state.
    #[serde(rename = "self")]
    #[cfg_attr(test, schemars(with = "SelfJson<'a>"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub own: Option<SelfJson<'a>>,
    /// What a client should know of the limits.
    pub limits: LimitsJson,
}

/// The limits that a client can run into.
#[derive(Debug, Clone, Copy, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Limits"))]
pub struct LimitsJson {
    /// The longest frame.
    pub frame_bytes: usize,
    /// Commands a second.
    pub commands_per_second: u32,
    /// Commands at once.
    pub burst: u32,
}

/// The answer to a command: `ok` or `error`, never both.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ReplyFrame<'a> {
    /// The command it answers; absent if that could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<&'a RequestId>,
    /// It was carried out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ok: Option<OkJson<'a>>,
    /// It was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorJson<'a>>,
}

/// What a command has led to. What does not apply is absent.
#[derive(Debug, Default, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "CommandResult"))]
pub struct OkJson<'a> {
    /// The seat it was about, as it is now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seat: Option<SeatJson<'a>>,
    /// One's place in the queue, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<usize>,
    /// The hand it was about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hand: Option<HandJson<'a>>,
    /// The invite it was about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invite: Option<InviteJson<'a>>,
    /// A page of the people in the room, after `people_list`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub people: Option<Vec<ParticipantJson<'a>>>,
    /// Where the list goes on: `after` of the next page. Absent at its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<&'a Identity>,
    /// True if it waits for someone else's word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pending: Option<bool>,
    /// The server's clock, after `ping`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_ms: Option<u64>,
    /// The answer to the offer, after `ice_restart`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<&'a str>,
    /// False if it was carried out and holds, but could not be written down yet: a crash of the server may undo it. Otherwise absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub durable: Option<bool>,
}

impl<'a> From<&'a Done> for OkJson<'a> {
    fn from(done: &'a Done) -> Self {
        Self {
            seat: done.seat.as_ref().map(SeatJson::from),
            position: done.position,
            hand: done.hand.as_ref().map(HandJson::from),
            invite: done.invite.as_ref().map(InviteJson::from),
            people: None,
            next: None,
            pending: done.pending.then_some(true),
            time_ms: None,
            answer: None,
            durable: None,
        }
    }
}

/// Why a command was refused.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "CommandError"))]
pub struct ErrorJson<'a> {
    /// The stable code.
    #[cfg_attr(test, schemars(with = "crate::room::Refusal"))]
    pub code: &'static str,
    /// In words for people or developers.
    pub message: &'a str,
    /// What may help.
    pub details: DetailsJson<'a>,
}

impl<'a> ErrorJson<'a> {
    /// An error, in words of its own if there are any.
    pub fn new(refused: &'a Refused, message: Option<&'a str>) -> Self {
        Self {
            code: refused.refusal.code(),
            message: message.unwrap_or_else(|| refused.refusal.message()),
            details: DetailsJson::from(&refused.details),
        }
    }
}

/// What may help someone who was refused. What does not apply is absent.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Details"))]
pub struct DetailsJson<'a> {
    /// The seat as it is now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seat: Option<SeatJson<'a>>,
    /// Who holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub holder: Option<&'a Identity>,
    /// The next seat that is open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_open: Option<SeatIndex>,
    /// When it may be tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

impl<'a> From<&'a Details> for DetailsJson<'a> {
    fn from(details: &'a Details) -> Self {
        Self {
            seat: details.seat.as_deref().map(SeatJson::from),
            holder: details.holder.as_ref(),
            next_open: details.next_open,
            retry_after_ms: details.retry_after.map(millis),
        }
    }
}

/// The last frame of a session.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ByeFrame<'a> {
    /// Why it ends.
    #[cfg_attr(test, schemars(with = "crate::protocol::tests::codes::ByeReasonCode"))]
    pub reason: &'a str,
    /// What the client is to do.
    #[cfg_attr(test, schemars(with = "crate::room::ByeAction"))]
    pub action: &'a str,
    /// When it may try again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// The reason that a moderator gave for it, for the person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<&'a str>,
    /// What is wrong with the token, in words for developers. Only if its signature is good.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<&'a str>,
    /// The id of the connection, as in the header `X-Request-Id` of the upgrade. It stands in the server's log, too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection: Option<&'a str>,
}

/// One kind of reaction.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "Tally"))]
pub struct TallyJson<'a> {
    /// Which.
    pub kind: &'a str,
    /// How often.
    pub count: u32,
}

impl<'a> Frame<'a> {
    /// An event, with its number if it is in the log.
    #[expect(clippy::too_many_lines, reason = "one arm for each event")]
    pub fn event(seq: Option<u64>, event: &'a Event) -> Self {
        match event {
            Event::SeatChanged { cause, by, seat, other } => Self::SeatChanged {
                seq,
                cause: cause.code(),
                by: by.as_ref(),
                seat: SeatJson::from(seat),
                other: other.as_ref().map(SeatJson::from),
            },
            Event::SeatCue { seat, can_join } => {
                Self::SeatCue { index: *seat, can_join: can_join.code(), why: can_join.why() }
            }
            Event::SeatOffer { seat, why, expires_in } => {
                Self::SeatOffer { seat: *seat, why: why.code(), expires_in_ms: millis(*expires_in) }
            }
            Event::HandPosition { position } => Self::HandPosition { position: *position },
            Event::HandChanged { change, by, hand, count } => Self::HandChanged {
                seq,
                change: change.code(),
                by: by.as_ref(),
                hand: HandJson::from(hand),
                count: *count,
            },
            Event::ParticipantJoined { participant } => {
                Self::ParticipantJoined { seq, participant: ParticipantJson::from(participant) }
            }
            Event::ParticipantLeft { identity, reason } => {
                Self::ParticipantLeft { seq, identity, reason: reason.code() }
            }
            Event::RankChanged { cause, by, participant } => Self::RankChanged {
                seq,
                cause: cause.code(),
                by: by.as_ref(),
                participant: ParticipantJson::from(participant),
            },
            Event::RoomUpdated { by, room } => Self::RoomUpdated { seq, by: by.as_ref(), room: RoomJson::from(room) },
            Event::Invite { invite } => Self::Invite { invite: InviteJson::from(invite) },
            Event::InviteChanged { change, by, invite } => {
                Self::InviteChanged { seq, change: change.code(), by: by.as_ref(), invite: InviteJson::from(invite) }
            }
            Event::BanChanged { banned, cause, by, ban } => {
                Self::BanChanged { seq, banned: *banned, cause: cause.code(), by: by.as_ref(), ban: BanJson::from(ban) }
            }
            Event::MuteChanged { muted, cause, by, mute } => Self::MuteChanged {
                seq,
                muted: *muted,
                cause: cause.code(),
                by: by.as_ref(),
                mute: MuteJson::from(mute),
            },
            Event::SwapProposed { from, seat, with, expires_in } => {
                Self::SwapProposed { from, seat: *seat, with: *with, expires_in_ms: millis(*expires_in) }
            }
            Event::HostOffer { from, expires_in } => Self::HostOffer { from, expires_in_ms: millis(*expires_in) },
            Event::HostOfferEnded { from, to, outcome } => Self::HostOfferEnded { from, to, outcome: outcome.code() },
            Event::TurnEnding { seat, identity, ends_in } => {
                Self::TurnEnding { seat: *seat, identity, ends_in_ms: millis(*ends_in) }
            }
            Event::LostSeat { seat, position } => Self::LostSeat { seat: *seat, position: *position },
            Event::Interruption { by, mode } => Self::Interruption { by: by.as_ref(), mode: mode.code() },
            Event::Moderation(view) => Self::Moderation(ModerationJson::from(view)),
            Event::Message { from, name, text } => Self::Message { seq, from, name, text },
            Event::ReactionTally { tally } => Self::ReactionTally {
                tally: tally.iter().map(|(kind, count)| TallyJson { kind, count: *count }).collect(),
            },
            Event::Audience(audience) => Self::Audience(AudienceJson::from(audience)),
            Event::Slots { slots } => Self::Slots { slots: slots.iter().map(SlotJson::from).collect() },
            Event::Speakers { speakers } => {
                Self::Speakers { speakers: speakers.iter().map(SpeakerJson::from).collect() }
            }
            Event::LatencyState { identity, state } => {
                Self::LatencyState { identity: identity.as_ref(), state: state.map(LatencyJson::from) }
            }
            Event::ConnectionQuality { identity, quality } => Self::quality(identity.as_ref(), *quality),
            Event::Unheard { identity, why } => Self::unheard(identity.as_ref(), *why),
            Event::SelfChanged(own) => Self::SelfChanged { own: SelfJson::from(own) },
        }
    }

    fn unheard(identity: Option<&'a Identity>, why: Option<UnheardWhy>) -> Self {
        Self::Unheard { identity, why: why.map(UnheardWhy::code) }
    }

    fn quality(identity: Option<&'a Identity>, quality: ConnectionQuality) -> Self {
        Self::ConnectionQuality { identity, quality: quality.code() }
    }
}
