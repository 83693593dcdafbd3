//! `GET /v1/rooms/{room}/{noun}`: people, bans, mutes, given ranks, hands and invites by pages, for administrators.

use std::sync::Arc;

use axum::{
    extract::{Path, Query, State, rejection::QueryRejection},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};

use super::{
    access,
    answer::Answer,
    page::{self, PAGE_MAX},
    problem::Problem,
};
use crate::{
    ids::{Identity, RoomId},
    protocol::{
        body::Page,
        view::{BanJson, HandJson, InviteJson, MuteJson, ParticipantJson, RankJson},
    },
    room::{BanView, HandView, InviteView, ModerationView, MuteView, ParticipantView, RankView, Refusal, Viewer},
    rooms::handle::{List, ListOf, Listed, Looked, RoomHandle},
    signaling::Shared,
};

/// The query of a list.
#[derive(Debug, Deserialize)]
pub(super) struct ListQuery {
    pub(super) after: Option<String>,
    pub(super) limit: Option<usize>,
}

/// `GET /v1/rooms/{room}/{noun}`
pub(super) async fn list(
    State(shared): State<Arc<Shared>>,
    Path((room, noun)): Path<(String, String)>,
    query: Result<Query<ListQuery>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    if !NOUNS.contains(&noun.as_str()) {
        return Err(Problem::not_found());
    }
    let access = access::of_request(&shared, &headers)?;
    let room = RoomId::parse(&room).map_err(|_| Refusal::RoomNotFound)?;
    let caller = access.administers(&room)?;
    access::refuse_put_out(&shared, &access, &caller, &room).await?;
    let ListQuery { after, limit } = page::query(query)?;
    let limit = page::limit(limit, PAGE_MAX)?;
    let text = match noun.as_str() {
        "participants" => named(&shared, &room, ListOf::People, after, limit).await?,
        "bans" => named(&shared, &room, ListOf::Bans, after, limit).await?,
        "mutes" => named(&shared, &room, ListOf::Mutes, after, limit).await?,
        "ranks" => named(&shared, &room, ListOf::Ranks, after, limit).await?,
        "hands" => hands(&shared.room(&room)?, after, limit).await?,
        "invites" => invites(&shared.room(&room)?, after, limit).await?,
        _ => return Err(Problem::not_found()),
    };
    Ok(Answer::json(StatusCode::OK, text).into_response())
}

/// What is listed by identity. What moderators decided is known of a room that is over, too.
async fn named(
    shared: &Shared,
    room: &RoomId,
    of: ListOf,
    after: Option<String>,
    limit: usize,
) -> Result<String, Problem> {
    let list = List { of, after: identity(after)?, count: limit + 1 };
    let before = shared.store.last_event_id();
    let (listed, event_id) = match shared.directory.find(room) {
        Some(handle) => {
            let (listed, mut ticket) = handle.list(list).await?;
            (listed, ticket.written_event_id().await)
        }
        None if of == ListOf::People => return Err(shared.why_gone(Refusal::RoomNotFound).into()),
        None => {
            let listed = shared.directory.list_memory(room, &list);
            (listed.ok_or_else(|| shared.why_gone(Refusal::RoomNotFound))?, Some(before))
        }
    };
    Ok(match listed {
        Listed::People(mut people) => {
            let next = page::cut(&mut people, limit, |person: &ParticipantView| person.identity.clone());
            written(people.iter().map(ParticipantJson::from), next, event_id)
        }
        Listed::Bans(mut bans) => {
            let next = page::cut(&mut bans, limit, |ban: &BanView| ban.identity.clone());
            written(bans.iter().map(BanJson::from), next, event_id)
        }
        Listed::Mutes(mut mutes) => {
            let next = page::cut(&mut mutes, limit, |mute: &MuteView| mute.identity.clone());
            written(mutes.iter().map(MuteJson::from), next, event_id)
        }
        Listed::Ranks(mut ranks) => {
            let next = page::cut(&mut ranks, limit, |given: &RankView| given.identity.clone());
            written(ranks.iter().map(RankJson::from), next, event_id)
        }
    })
}

/// Hands in the order of the queue, by their place.
async fn hands(handle: &RoomHandle, after: Option<String>, limit: usize) -> Result<String, Problem> {
    let after: usize = match after {
        None => 0,
        Some(after) => after.parse().map_err(|_| bad_cursor())?,
    };
    let (ModerationView { mut hands, .. }, event_id) = moderation(handle).await?;
    hands.retain(|hand| hand.position > after);
    let next = page::cut(&mut hands, limit, |hand: &HandView| hand.position);
    Ok(written(hands.iter().map(HandJson::from), next, event_id))
}

/// Invites by whom they are for; a person has one at a time.
async fn invites(handle: &RoomHandle, after: Option<String>, limit: usize) -> Result<String, Problem> {
    let after = identity(after)?;
    let (ModerationView { mut invites, .. }, event_id) = moderation(handle).await?;
    invites.retain(|invite| after.as_ref().is_none_or(|after| invite.to > *after));
    invites.sort_unstable_by(|one, other| one.to.cmp(&other.to));
    let next = page::cut(&mut invites, limit, |invite: &InviteView| invite.to.clone());
    Ok(written(invites.iter().map(InviteJson::from), next, event_id))
}

async fn moderation(handle: &RoomHandle) -> Result<(ModerationView, Option<u64>), Problem> {
    let Looked { snapshot, mut ticket } = handle.look(Viewer::Admin, None).await?;
    Ok((snapshot.moderation.unwrap_or_default(), ticket.written_event_id().await))
}

pub(super) fn identity(after: Option<String>) -> Result<Option<Identity>, Problem> {
    after.map(|after| Identity::parse(&after).map_err(|_| bad_cursor())).transpose()
}

fn bad_cursor() -> Problem {
    Problem::from(Refusal::InvalidArgument).detail("`after` must be the `next` of a page")
}

pub(super) fn written<T: Serialize, C: Serialize>(
    items: impl Iterator<Item = T>,
    next: Option<C>,
    event_id: Option<u64>,
) -> String {
    let page = Page { items: items.collect::<Vec<_>>(), event_id, next };
    serde_json::to_string(&page).expect("pages have string keys and finite numbers")
}

const NOUNS: [&str; 6] = ["participants", "bans", "mutes", "ranks", "hands", "invites"];
