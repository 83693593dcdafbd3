//! The door is where a newcomer is asked as what they come, when not everyone can be let in.
//!
//! Who decides is the latency monitor; the room knows whom it waits for. Nothing is spent on a newcomer before.

use std::time::Duration;

use super::admission::Admission;
use crate::{
    clock,
    monitor::NotNow,
    room::{Rank, Refusal, Role},
    rooms::handle::{Asker, Found, RoomHandle},
    signaling::Shared,
};

/// Why someone is not let in.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Barred {
    /// The server takes none like them at present.
    NotNow(NotNow),
    /// The room does not want them: waiting would not help.
    ShutOut(Refusal),
}

/// Whether someone may come into a room now; it need not be there yet.
pub(super) async fn admit(
    shared: &Shared,
    handle: Option<&RoomHandle>,
    admission: &Admission,
    has_media: bool,
) -> Result<(), Barred> {
    let monitor = shared.media.monitor();
    let is_open = if has_media { monitor.admits_everyone() } else { monitor.admits_everyone_without_media() };
    if is_open {
        return Ok(());
    }
    // In a storm not even the room is asked.
    if let Some(not_now) = shared.media.monitor().refuses_everyone() {
        return Err(Barred::NotNow(not_now));
    }
    let found = match handle {
        Some(handle) => {
            let token_age = admission.access.age(clock::unix_millis());
            find(handle, Asker { identity: admission.identity.clone(), token_age }).await
        }
        None => None,
    };
    // Whoever cannot come in does not take the place of someone who can.
    if let Some(refusal) = found.and_then(|found| found.shut_out) {
        return Err(Barred::ShutOut(refusal));
    }
    shared.media.monitor().admit(role(found, admission.access.rank)).map_err(Barred::NotNow)
}

/// What the room knows of them, if it says so in time.
async fn find(handle: &RoomHandle, asker: Asker) -> Option<Found> {
    clock::timeout(FIND_WITHIN, handle.find(asker)).await.ok()?.ok()
}

/// As what they come: by the room's record, else by their token's claim.
fn role(found: Option<Found>, claim: Rank) -> Role {
    let rank = found.and_then(|found| found.rank).unwrap_or(claim);
    if rank.is_moderator() {
        Role::Host
    } else if found.is_some_and(|found| found.is_expected_on_stage || found.is_present) {
        // Who is in the room already and only comes again is not to be shut out by newcomers.
        Role::Guest
    } else {
        Role::Listener
    }
}

/// A refusal is to be quick: a room that is too busy to answer by then is not waited for, and the token's claim counts.
const FIND_WITHIN: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]

    use std::sync::Arc;

    use tokio::sync::mpsc;

    use super::*;
    use crate::{ids::Identity, rooms::handle::RoleGauge};

    #[tokio::test]
    async fn a_room_that_does_not_answer_is_not_waited_for() {
        let ((mail, mailbox), (facts, _facts)) = (mpsc::channel(1), mpsc::channel(1));
        let handle = RoomHandle { generation: 0, mail, facts, roles: Arc::new(RoleGauge::default()) };
        let asker = || Asker { identity: Identity::parse("ben").unwrap(), token_age: None };
        assert_eq!(find(&handle, asker()).await, None, "it has taken the question and says nothing");
        assert_eq!(find(&handle, asker()).await, None, "it does not even take it");
        drop(mailbox);
        assert_eq!(find(&handle, asker()).await, None, "it is over");
    }

    #[test]
    fn the_record_counts_more_than_the_claim() {
        let known = |rank, is_expected_on_stage| {
            Some(Found { is_present: false, is_banned: false, shut_out: None, rank, is_expected_on_stage })
        };
        let there = Found {
            is_present: true,
            is_banned: false,
            shut_out: None,
            rank: Some(Rank::Member),
            is_expected_on_stage: false,
        };
        for (found, claim, expected) in [
            (None, Rank::Member, Role::Listener),
            (None, Rank::Cohost, Role::Host),
            (known(None, false), Rank::Host, Role::Host),
            (known(Some(Rank::Member), false), Rank::Host, Role::Listener),
            (known(Some(Rank::Cohost), false), Rank::Member, Role::Host),
            (known(Some(Rank::Member), true), Rank::Member, Role::Guest),
            (known(None, true), Rank::Member, Role::Guest),
            (Some(there), Rank::Member, Role::Guest),
        ] {
            assert_eq!(role(found, claim), expected, "{found:?} {claim:?}");
        }
    }
}
