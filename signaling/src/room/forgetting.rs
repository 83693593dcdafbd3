//! Forgetting: what is known of people goes, because they or a back end asked for it.

use std::time::Instant;

use crate::ids::Identity;

use super::Room;
use super::event::DecisionCause;
use super::output::Done;
use super::permit::Caller;
use super::refusal::{Refusal, Refused};

impl Room {
    /// Forgets what moderators decided about someone, or about everyone. People who are here keep their rank for as long as the room lasts.
    pub(super) fn forget_decisions(
        &mut self,
        by: &Caller,
        about: Option<&Identity>,
        now: Instant,
    ) -> Result<Done, Refused> {
        if !by.is_admin {
            return Err(Refusal::Forbidden.into());
        }
        let people = match about {
            Some(who) if self.decisions.know(who) => vec![who.clone()],
            Some(_) => return Err(Refusal::ParticipantNotFound.into()),
            None => self.decisions.everyone().into_iter().collect(),
        };
        for who in people {
            self.lift_ban(&who, DecisionCause::Forgotten, Some(by), now);
            self.lift_mute(&who, DecisionCause::Forgotten, Some(&by.identity), now);
            self.decisions.lift_denial(&who);
            self.forget_rank(&who);
        }
        Ok(Done::default())
    }

    /// Forgets what is known of someone who is not here, but for a ban or a denial; their mute and given rank, too, unless they are to be kept. Decisions
    /// that they made are nobody's from now on.
    pub(super) fn forget(&mut self, who: &Identity, keep_decisions: bool, now: Instant) {
        self.decisions.forget_author(who);
        if self.roster.find(who).is_some() {
            return;
        }
        self.memory.forget(who);
        if !keep_decisions {
            self.lift_mute(who, DecisionCause::Forgotten, None, now);
            self.decisions.lift_denial(who);
            self.forget_rank(who);
        }
    }

    fn forget_rank(&mut self, who: &Identity) {
        if self.decisions.rank(who).is_none() {
            return;
        }
        self.decisions.set_rank(who, None);
        if let Some(person) = self.roster.find_mut(who) {
            person.rank_given = false;
        } else {
            self.memory.forget(who);
        }
    }
}
