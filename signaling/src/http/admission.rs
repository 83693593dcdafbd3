//! An admission is what a good token has opened: who may come into which room, and as what.

use std::{sync::Arc, time::Duration};

use crate::{
    auth::{Access, Denied},
    clock,
    config::Limits,
    ids::{Identity, RequestId, RoomId, SessionId},
    media::{MediaRefusal, OpenTransport},
    room::Join,
    rooms::handle::OpenedTransport,
    signaling::Shared,
};

/// What a good token has opened.
pub(super) struct Admission {
    pub(super) room: RoomId,
    pub(super) identity: Identity,
    pub(super) access: Access,
    /// The token was good once: a session that is there may go on, but none may begin.
    pub(super) is_expired: bool,
}

/// Why a socket can neither join nor resume.
pub(super) enum NotAdmitted {
    /// The path names no room.
    NoRoom,
    /// The token opens nothing here.
    Denied(Denied),
}

impl From<Denied> for NotAdmitted {
    fn from(denied: Denied) -> Self {
        Self::Denied(denied)
    }
}

impl Admission {
    /// How long its socket may take to say what it wants. Who can only resume knows that from the start.
    pub(super) fn patience(&self, limits: &Limits) -> Duration {
        if self.is_expired { limits.join_timeout.min(EXPIRED_PATIENCE) } else { limits.join_timeout }
    }

    /// What the room is told of someone who wants in at `now_ms` since 1970.
    pub(super) fn join(
        &self,
        session: SessionId,
        request: RequestId,
        has_media: bool,
        mic_ready: bool,
        now_ms: u64,
    ) -> Join {
        let Self { identity, access, .. } = self;
        Join {
            session,
            identity: identity.clone(),
            // Who can join has an identity, and so a name.
            name: access.name.clone().unwrap_or_else(|| identity.to_string()),
            rank_claim: access.rank,
            can_publish: access.can_publish,
            can_subscribe: access.can_subscribe,
            can_publish_data: access.can_publish_data,
            hidden: access.hidden,
            tier: access.tier,
            kind: access.kind.clone(),
            token_age: access.age(now_ms),
            // The room's task knows.
            is_banned: false,
            request,
            has_media,
            mic_ready,
        }
    }

    /// Has the media plane answer an offer.
    pub(super) async fn open(
        &self,
        shared: &Shared,
        session: &SessionId,
        offer: String,
    ) -> Result<OpenedTransport, MediaRefusal> {
        let Self { room, identity, access, .. } = self;
        let request = OpenTransport {
            room: room.clone(),
            session: session.clone(),
            identity: identity.clone(),
            offer,
            can_publish: access.can_publish,
            can_subscribe: access.can_subscribe,
            hidden: access.hidden,
        };
        let media = &shared.media;
        let Ok(opened) = clock::timeout(shared.config.limits.open_timeout, media.open(request)).await else {
            // It may still open after we have given up.
            media.close(room, session);
            return Err(MediaRefusal::Unavailable);
        };
        Ok(OpenedTransport::new(opened?.answer, Arc::clone(media), room.clone(), session.clone()))
    }
}

/// A token that has expired opens nothing but a resume, which a client sends at once.
const EXPIRED_PATIENCE: Duration = Duration::from_secs(3);
