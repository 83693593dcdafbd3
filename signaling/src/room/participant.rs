//! A participant is a person (or an agent) who is in the room by one session.
//!
//! Where they sit and whether their hand is up is kept by the stage and the queue, not here.

use std::sync::Arc;
use std::time::Instant;

use crate::ids::{Identity, InviteId, SeatIndex, SessionId};

use super::answers::Answers;
use super::fact::SlotView;
use super::memory::Remembered;
use super::output::Done;
use super::rank::{Rank, Role};
use super::sound::Sound;
use super::turns::Turn;
use super::view::{OwnHand, OwnSeat, ReservedWhy};

/// A person in the room.
#[derive(Debug)]
pub(super) struct Participant {
    pub(super) session: SessionId,
    pub(super) name: Arc<str>,
    pub(super) rank: Rank,
    /// The room gave them this rank: no token can claim another.
    pub(super) rank_given: bool,
    /// May ever hold a seat: the token allows it and others may see them.
    pub(super) can_publish: bool,
    pub(super) can_publish_data: bool,
    pub(super) hidden: bool,
    pub(super) tier: u32,
    pub(super) kind: Option<Arc<str>>,
    /// Whose second session this is, under a name that nobody else can have.
    pub(super) copy_of: Option<Identity>,
    /// The number of their coming: who is here longer has a smaller one.
    pub(super) arrival: u64,
    pub(super) media: Media,
    /// Without a socket, kept until then.
    pub(super) detached_until: Option<Instant>,
    pub(super) self_muted: bool,
    /// Muted by a host or cohost: as the room's decisions say, kept here for the seats.
    pub(super) host_muted: bool,
    /// Turned down a moment ago.
    pub(super) cooling_until: Option<Instant>,
    /// Turned an invite down a moment ago.
    pub(super) invite_cooling_until: Option<Instant>,
    pub(super) do_not_invite: bool,
    /// How long they may still hold their seat.
    pub(super) turn: Option<Turn>,
    /// Since when they are on stage.
    pub(super) seated_since: Option<Instant>,
    /// The seat that was kept for them when their media was lost, and is kept no longer.
    pub(super) lost_seat: Option<LostSeat>,
    /// What their slots were last said to carry.
    pub(super) slots: Vec<SlotView>,
    /// How it sounds to them, as they were last told.
    pub(super) sound: Sound,
    /// How their last hand ended in this session.
    pub(super) last_hand: Option<HandEnd>,
    /// A seat was kept for them and is no longer.
    pub(super) offer_lost: bool,
    pub(super) answers: Answers,
    /// What they were last told of themselves.
    pub(super) told: Option<SelfState>,
}

impl Participant {
    /// Someone who comes in, and is perhaps remembered.
    pub(super) fn new(arrival: Arrival, remembered: Remembered, number: u64) -> Self {
        Self {
            session: arrival.session,
            name: arrival.name,
            rank: remembered.rank,
            rank_given: remembered.rank_given,
            can_publish: arrival.can_publish,
            can_publish_data: arrival.can_publish_data,
            hidden: arrival.hidden,
            tier: arrival.tier,
            kind: arrival.kind,
            copy_of: None,
            arrival: number,
            media: arrival.media,
            detached_until: None,
            self_muted: true,
            host_muted: false,
            cooling_until: remembered.cooling_until,
            invite_cooling_until: remembered.invite_cooling_until,
            do_not_invite: remembered.do_not_invite,
            turn: None,
            seated_since: None,
            lost_seat: None,
            slots: Vec::new(),
            sound: Sound::default(),
            last_hand: None,
            offer_lost: false,
            answers: Answers::default(),
            told: None,
        }
    }

    /// The same person by a new session: rank, mutes and cool-down stay. Gives the session that was.
    pub(super) fn replace(&mut self, arrival: Arrival) -> SessionId {
        self.name = arrival.name;
        self.can_publish = arrival.can_publish;
        self.can_publish_data = arrival.can_publish_data;
        self.hidden = arrival.hidden;
        self.tier = arrival.tier;
        self.kind = arrival.kind;
        self.media = arrival.media;
        self.detached_until = None;
        self.slots = Vec::new();
        self.sound = Sound::default();
        self.answers = Answers::default();
        self.told = None;
        std::mem::replace(&mut self.session, arrival.session)
    }

    /// What is to be remembered of someone who leaves now.
    pub(super) fn remembered(&self, now: Instant) -> Remembered {
        let lasts = |until: &Instant| *until > now;
        let known = self.known();
        Remembered {
            cooling_until: known.cooling_until.filter(lasts),
            invite_cooling_until: known.invite_cooling_until.filter(lasts),
            ..known
        }
    }

    /// What is known of them apart from this session.
    pub(super) fn known(&self) -> Remembered {
        Remembered {
            rank: self.rank,
            rank_given: self.rank_given,
            cooling_until: self.cooling_until,
            invite_cooling_until: self.invite_cooling_until,
            do_not_invite: self.do_not_invite,
        }
    }

    /// The identity that people know them by.
    pub(super) fn shown<'a>(&'a self, key: &'a Identity) -> &'a Identity {
        self.copy_of.as_ref().unwrap_or(key)
    }

    /// Until when they may not ask again, if they may not now.
    pub(super) fn cooling(&self, now: Instant) -> Option<Instant> {
        self.cooling_until.filter(|until| *until > now)
    }
}

/// A seat that is still owed to whoever lost it.
#[derive(Clone, Copy, Debug)]
pub(super) struct LostSeat {
    pub(super) seat: SeatIndex,
    /// So long.
    pub(super) until: Instant,
    /// The turn goes on while they are away.
    pub(super) turn: Option<Turn>,
}

/// What a new session brings.
#[derive(Clone, Debug)]
pub(super) struct Arrival {
    pub(super) session: SessionId,
    pub(super) name: Arc<str>,
    pub(super) can_publish: bool,
    pub(super) can_publish_data: bool,
    pub(super) hidden: bool,
    pub(super) tier: u32,
    pub(super) kind: Option<Arc<str>>,
    pub(super) media: Media,
}

/// A session's media, as far as the room must know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Media {
    /// It never had any: a console.
    Absent,
    /// There, or on its way.
    Present,
    /// Silent for a while; may come back.
    Lost,
    /// Over; only a new session brings new media.
    Over,
}

impl Media {
    pub(super) fn is_present(self) -> bool {
        match self {
            Self::Present => true,
            Self::Absent | Self::Lost | Self::Over => false,
        }
    }

    /// Was there and is not now.
    pub(super) fn is_gone(self) -> bool {
        match self {
            Self::Absent | Self::Present => false,
            Self::Lost | Self::Over => true,
        }
    }
}

/// How a hand ended.
#[derive(Clone, Debug)]
pub(super) enum HandEnd {
    /// Approved, by whom, and what the approver was told.
    Approved {
        by: Identity,
        answer: Box<Done>,
    },
    Denied,
    /// A seat was given for it in another way: assigned, or offered and taken.
    Given,
    /// Lowered, expired, or dropped.
    Withdrawn,
}

/// What a participant is told of themselves, but for what never changes in a session and for time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SelfState {
    pub(super) rank: Rank,
    pub(super) role: Role,
    pub(super) seat: Option<OwnSeat>,
    pub(super) self_muted: bool,
    pub(super) host_muted: bool,
    pub(super) hand: Option<OwnHand>,
    pub(super) offer: Option<(SeatIndex, ReservedWhy)>,
    pub(super) do_not_invite: bool,
    pub(super) invite: Option<InviteId>,
    /// The room is offered to them.
    pub(super) host_offer: bool,
}
