//! Bans: how people are put out of a room, and kept out.
//!
//! A kick ends a session; with `deny` it also ends the tokens issued until then. A ban keeps a person out until it is lifted or runs out.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::ids::Identity;

use super::Room;
use super::decisions::Ban;
use super::event::{DecisionCause, Event, LeftReason};
use super::output::{Done, Recipients};
use super::permit::{Caller, Power};
use super::rank::Rank;
use super::refusal::{Refusal, Refused};
use super::view::BanView;

impl Room {
    /// Puts a person out of the room. Gone already: nothing to do, but their tokens can still be denied.
    pub(super) fn kick_member(
        &mut self,
        by: &Caller,
        who: &Identity,
        deny: bool,
        reason: Option<String>,
        now: Instant,
    ) -> Result<Done, Refused> {
        by.may(Power::Members)?;
        self.guard_known(by, who)?;
        if deny {
            self.decisions.guard_denial(who)?;
            self.decisions.set_denial(who, now);
        }
        self.put_out(who, LeftReason::Kicked, &by.identity, reason.map(Arc::from), now);
        Ok(Done::default())
    }

    /// Puts a person out for good, or for as long as `lasts`. They need not have been here. A ban of someone who is banned takes the place of the first.
    pub(super) fn ban_member(
        &mut self,
        by: &Caller,
        who: &Identity,
        reason: Option<String>,
        lasts: Option<Duration>,
        now: Instant,
    ) -> Result<Done, Refused> {
        by.may(Power::Bans)?;
        if *who == by.identity {
            return Err(Refusal::Forbidden.into());
        }
        if self.knows(who) {
            self.guard_known(by, who)?;
        }
        let ban = Ban { by: by.identity.clone(), reason: reason.map(Arc::from), since: now, until: end_of(lasts, now) };
        if let Some(present) = self.decisions.ban(who) {
            let says_nothing_new = ban.reason.is_none() || ban.reason == present.reason;
            if says_nothing_new && ban.until == present.until {
                return Ok(Done::default());
            }
        }
        self.decisions.guard_ban(who)?;
        let reason = ban.reason.clone().or_else(|| self.decisions.ban(who).and_then(|present| present.reason.clone()));
        let ban = Ban { reason: reason.clone(), ..ban };
        self.tell_ban(true, DecisionCause::Set, Some(by), ban.view(who, now));
        self.decisions.set_ban(who, ban);
        self.put_out(who, LeftReason::Banned, &by.identity, reason, now);
        Ok(Done::default())
    }

    /// Lifts a ban, and with it the denial of older tokens. Not banned: nothing to do.
    pub(super) fn unban_member(&mut self, by: &Caller, who: &Identity, now: Instant) -> Result<Done, Refused> {
        by.may(Power::Bans)?;
        self.lift_ban(who, DecisionCause::Lifted, Some(by), now);
        Ok(Done::default())
    }

    /// A ban ends, whichever way.
    pub(super) fn lift_ban(&mut self, who: &Identity, cause: DecisionCause, by: Option<&Caller>, now: Instant) {
        if let Some(ban) = self.decisions.lift_ban(who) {
            self.tell_ban(false, cause, by, ban.view(who, now));
        }
    }

    /// Someone is banned from all rooms: they go from this one, too.
    pub(super) fn shut_out_from_all(&mut self, who: &Identity, by: &Identity, now: Instant) {
        self.put_out(who, LeftReason::Banned, by, None, now);
    }

    fn tell_ban(&mut self, banned: bool, cause: DecisionCause, by: Option<&Caller>, ban: BanView) {
        let by = by.map(|by| by.identity.clone());
        self.log(Recipients::Hosts, Event::BanChanged { banned, cause, by, ban });
    }

    /// Ends every session of a person, and tells each what the moderator `said` of it.
    fn put_out(&mut self, who: &Identity, reason: LeftReason, by: &Identity, said: Option<Arc<str>>, now: Instant) {
        for copy in self.roster.copies_of(who) {
            self.depart(&copy, reason, Some(by), said.clone(), now);
        }
        if self.roster.find(who).is_some() {
            self.depart(who, reason, Some(by), said, now);
        }
        // A host without a socket may have offered the room.
        self.withdraw_host_offers(|offer| offer.from == *who);
    }

    /// Whether someone is or was here, or something was decided about them.
    pub(super) fn knows(&self, who: &Identity) -> bool {
        self.roster.find(who).is_some() || self.memory.knows(who) || self.decisions.know(who)
    }

    /// Whether someone is known here, and the caller may act on them. A rank that is not known is that of a member.
    pub(super) fn guard_known(&self, by: &Caller, who: &Identity) -> Result<(), Refusal> {
        if !self.knows(who) {
            return Err(Refusal::ParticipantNotFound);
        }
        by.may_act_on(self.rank_known(who).unwrap_or(Rank::Member))
    }
}

/// When a decision ends that lasts so long.
pub(super) fn end_of(lasts: Option<Duration>, now: Instant) -> Option<Instant> {
    lasts.and_then(|lasts| now.checked_add(lasts))
}
