//! `GET /v1/rooms/{room}/{noun}`: people, bans, hands and invites by pages, for administrators.

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
        view::{BanJson, HandJson, InviteJson, ParticipantJson},
    },
    room::{BanView, HandView, InviteView, ModerationView, ParticipantView, Refusal, Viewer},
    rooms::handle::{List, ListOf, Listed, RoomHandle},
    signaling::Shared,
};

/// The query of a list.
#[derive(Debug, Deserialize)]
pub(super) struct ListQuery {
    after: Option<String>,
    limit: Option<usize>,
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
    let handle = shared.room(&room)?;
    let text = match noun.as_str() {
        "participants" => named(&handle, ListOf::People, after, limit).await?,
        "bans" => named(&handle, ListOf::Bans, after, limit).await?,
        "hands" => hands(&handle, after, limit).await?,
        "invites" => invites(&handle, after, limit).await?,
        _ => return Err(Problem::not_found()),
    };
    Ok(Answer::json(StatusCode::OK, text).into_response())
}

/// What is listed by identity.
async fn named(handle: &RoomHandle, of: ListOf, after: Option<String>, limit: usize) -> Result<String, Problem> {
    let after = identity(after)?;
    Ok(match handle.list(List { of, after, count: limit + 1 }).await? {
        Listed::People(mut people) => {
            let next = page::cut(&mut people, limit, |person: &ParticipantView| person.identity.clone());
            written(people.iter().map(ParticipantJson::from), next)
        }
        Listed::Bans(mut bans) => {
            let next = page::cut(&mut bans, limit, |ban: &BanView| ban.identity.clone());
            written(bans.iter().map(BanJson::from), next)
        }
    })
}

/// Hands in the order of the queue, by their place.
async fn hands(handle: &RoomHandle, after: Option<String>, limit: usize) -> Result<String, Problem> {
    let after: usize = match after {
        None => 0,
        Some(after) => after.parse().map_err(|_| bad_cursor())?,
    };
    let mut hands = moderation(handle).await?.hands;
    hands.retain(|hand| hand.position > after);
    let next = page::cut(&mut hands, limit, |hand: &HandView| hand.position);
    Ok(written(hands.iter().map(HandJson::from), next))
}

/// Invites by whom they are for; a person has one at a time.
async fn invites(handle: &RoomHandle, after: Option<String>, limit: usize) -> Result<String, Problem> {
    let after = identity(after)?;
    let mut invites = moderation(handle).await?.invites;
    invites.retain(|invite| after.as_ref().is_none_or(|after| invite.to > *after));
    invites.sort_unstable_by(|one, other| one.to.cmp(&other.to));
    let next = page::cut(&mut invites, limit, |invite: &InviteView| invite.to.clone());
    Ok(written(invites.iter().map(InviteJson::from), next))
}

async fn moderation(handle: &RoomHandle) -> Result<ModerationView, Problem> {
    let snapshot = handle.look(Viewer::Admin, None).await?;
    Ok(snapshot.moderation.unwrap_or_default())
}

fn identity(after: Option<String>) -> Result<Option<Identity>, Problem> {
    after.map(|after| Identity::parse(&after).map_err(|_| bad_cursor())).transpose()
}

fn bad_cursor() -> Problem {
    Problem::from(Refusal::InvalidArgument).detail("`after` must be the `next` of a page")
}

fn written<T: Serialize, C: Serialize>(items: impl Iterator<Item = T>, next: Option<C>) -> String {
    let page = Page { items: items.collect::<Vec<_>>(), next };
    serde_json::to_string(&page).expect("pages have string keys and finite numbers")
}

const NOUNS: [&str; 4] = ["participants", "bans", "hands", "invites"];
