//! Bans: how people are put out of a room, and kept out.
//!
//! A kick ends a session; with `deny` it also ends the tokens issued until then. A ban keeps a person out until it is lifted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::ids::Identity;

use super::Room;
use super::event::{Event, LeftReason};
use super::output::{Done, Recipients};
use super::permit::{Caller, Power};
use super::refusal::{Refusal, Refused};
use super::view::BanView;

/// Who may not come in.
#[derive(Debug, Default)]
pub(super) struct Bans {
    bans: BTreeMap<Identity, Ban>,
    /// Since when the tokens of someone are refused that were issued before.
    denied: BTreeMap<Identity, Instant>,
    /// Whose ban or denial may be otherwise than the record says.
    unwritten: BTreeSet<Identity>,
}

/// A person is kept out.
#[derive(Clone, Debug)]
pub(super) struct Ban {
    pub(super) by: Identity,
    pub(super) reason: Option<Arc<str>>,
    pub(super) since: Instant,
}

impl Bans {
    pub(super) fn len(&self) -> usize {
        self.bans.len()
    }

    pub(super) fn holds(&self, who: &Identity) -> bool {
        self.bans.contains_key(who)
    }

    /// Whether a token of this age may have been issued before its owner was put out. One that does not say when it was issued counts as old.
    pub(super) fn denies(&self, who: &Identity, token_age: Option<Duration>, now: Instant) -> bool {
        let Some(denied_for) = self.denied.get(who).map(|since| now.saturating_duration_since(*since)) else {
            return false;
        };
        denied_for < TOKEN_AGE_MAX && token_age.is_none_or(|age| age + CLOCK_SKEW_MAX >= denied_for)
    }

    /// The ban of someone.
    pub(super) fn ban(&self, who: &Identity) -> Option<&Ban> {
        self.bans.get(who)
    }

    /// Since when the tokens of someone are denied.
    pub(super) fn denied_since(&self, who: &Identity) -> Option<Instant> {
        self.denied.get(who).copied()
    }

    #[cfg(test)]
    pub(super) fn everyone(&self) -> BTreeSet<Identity> {
        self.bans.keys().chain(self.denied.keys()).cloned().collect()
    }

    /// Those whose ban or denial was changed since this was last asked.
    pub(super) fn take_unwritten(&mut self) -> BTreeSet<Identity> {
        std::mem::take(&mut self.unwritten)
    }

    /// Bans someone who is not banned.
    pub(super) fn add(&mut self, who: Identity, ban: Ban) {
        self.unwritten.insert(who.clone());
        self.bans.insert(who, ban);
    }

    /// Lifts someone's ban, if there is one, and with it the denial of older tokens.
    fn lift(&mut self, who: &Identity) -> Option<Ban> {
        let ban = self.bans.remove(who)?;
        self.denied.remove(who);
        self.unwritten.insert(who.clone());
        Some(ban)
    }

    /// Forgets that someone has set bans. The bans stay.
    pub(super) fn forget_by(&mut self, who: &Identity) {
        let erased = Identity::erased();
        for (banned, ban) in self.bans.iter_mut().filter(|(_, ban)| ban.by == *who) {
            ban.by = erased.clone();
            self.unwritten.insert(banned.clone());
        }
    }

    /// Denies the tokens of someone that were issued before now.
    pub(super) fn deny(&mut self, who: &Identity, now: Instant) {
        if self.denied.len() >= DENIED_MAX {
            let unwritten = &mut self.unwritten;
            self.denied.retain(|who, since| {
                let counts = now.saturating_duration_since(*since) < TOKEN_AGE_MAX;
                if !counts {
                    unwritten.insert(who.clone());
                }
                counts
            });
        }
        if self.denied.len() >= DENIED_MAX {
            let oldest = self.denied.iter().min_by_key(|(_, since)| **since).map(|(who, _)| who.clone());
            if let Some(oldest) = oldest {
                self.denied.remove(&oldest);
                self.unwritten.insert(oldest);
            }
        }
        self.unwritten.insert(who.clone());
        self.denied.insert(who.clone(), now);
    }

    /// Up to `count` bans of people whose identity is greater than `after`, by identity.
    pub(super) fn page(&self, after: Option<&Identity>, count: usize, now: Instant) -> Vec<BanView> {
        let later = self.bans.iter().filter(|(who, _)| after.is_none_or(|after| *who > after));
        later.take(count).map(|(who, ban)| ban.view(who, now)).collect()
    }

    /// The latest bans, the newest first.
    pub(super) fn latest(&self, count: usize, now: Instant) -> Vec<BanView> {
        let mut bans: Vec<_> = self.bans.iter().collect();
        bans.sort_by_key(|(_, ban)| std::cmp::Reverse(ban.since));
        bans.into_iter().take(count).map(|(who, ban)| ban.view(who, now)).collect()
    }
}

impl Ban {
    fn view(&self, who: &Identity, now: Instant) -> BanView {
        BanView {
            identity: who.clone(),
            by: self.by.clone(),
            reason: self.reason.clone(),
            since: now.saturating_duration_since(self.since),
        }
    }
}

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
            self.bans.deny(who, now);
        }
        self.put_out(who, LeftReason::Kicked, &by.identity, reason.map(Arc::from), now);
        Ok(Done::default())
    }

    /// Puts a person out for good. They need not have been here.
    pub(super) fn ban_member(
        &mut self,
        by: &Caller,
        who: &Identity,
        reason: Option<String>,
        now: Instant,
    ) -> Result<Done, Refused> {
        by.may(Power::Bans)?;
        if *who == by.identity {
            return Err(Refusal::Forbidden.into());
        }
        let stranger = self.roster.find(who).is_none() && !self.memory.knows(who);
        if !stranger {
            self.guard_known(by, who)?;
        }
        if self.bans.holds(who) {
            return Ok(Done::default());
        }
        if self.bans.len() >= self.settings.bans_max {
            return Err(Refusal::TooLarge.into());
        }
        let reason: Option<Arc<str>> = reason.map(Arc::from);
        let ban = Ban { by: by.identity.clone(), reason: reason.clone(), since: now };
        self.tell_ban(true, by, ban.view(who, now));
        self.bans.add(who.clone(), ban);
        self.bans.deny(who, now);
        self.put_out(who, LeftReason::Banned, &by.identity, reason, now);
        Ok(Done::default())
    }

    /// Lifts a ban, and with it the denial of older tokens. Not banned: nothing to do.
    pub(super) fn unban_member(&mut self, by: &Caller, who: &Identity, now: Instant) -> Result<Done, Refused> {
        by.may(Power::Bans)?;
        if let Some(ban) = self.bans.lift(who) {
            self.tell_ban(false, by, ban.view(who, now));
        }
        Ok(Done::default())
    }

    fn tell_ban(&mut self, banned: bool, by: &Caller, ban: BanView) {
        self.log(Recipients::Hosts, Event::BanChanged { banned, by: by.identity.clone(), ban });
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

    /// Whether someone is or was here, and the caller may act on them.
    fn guard_known(&self, by: &Caller, who: &Identity) -> Result<(), Refusal> {
        let here = self.roster.find(who).map(|person| person.rank);
        let rank = here.or_else(|| self.memory.rank_of(who)).ok_or(Refusal::ParticipantNotFound)?;
        by.may_act_on(rank)
    }
}

/// No token lives longer than a day, and clocks may differ by a minute.
const TOKEN_AGE_MAX: Duration = Duration::from_secs(24 * 60 * 60 + 60);
/// By how much the clock that dates tokens may be ahead of ours. So long after a denial a fresh token is refused too.
const CLOCK_SKEW_MAX: Duration = Duration::from_secs(60);
/// How many people's older tokens are denied; beyond it the oldest denial is forgotten.
const DENIED_MAX: usize = 4_096;

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::disallowed_methods,
        reason = "a test may stop on surprise, and needs some instant"
    )]

    use super::*;

    #[test]
    fn a_token_is_denied_if_it_is_older_than_the_denial() {
        let start = crate::clock::now();
        let ada = Identity::parse("ada").unwrap();
        let mut bans = Bans::default();
        assert!(!bans.denies(&ada, None, start));
        bans.deny(&ada, start);
        let later = start + Duration::from_secs(300);
        assert!(bans.denies(&ada, Some(Duration::from_secs(300)), later));
        assert!(bans.denies(&ada, Some(Duration::from_secs(240)), later), "its clock may be a minute ahead");
        assert!(!bans.denies(&ada, Some(Duration::from_secs(239)), later));
        assert!(bans.denies(&ada, None, later));
        assert!(!bans.denies(&ada, None, start + TOKEN_AGE_MAX), "no token lives that long");
    }

    #[test]
    fn beyond_the_bound_the_oldest_denial_is_forgotten() {
        let start = crate::clock::now();
        let id = |number: usize| Identity::parse(&format!("p{number}")).unwrap();
        let mut bans = Bans::default();
        for number in 0..=DENIED_MAX {
            bans.deny(&id(number), start + Duration::from_millis(u64::try_from(number).unwrap()));
        }
        assert_eq!(bans.denied.len(), DENIED_MAX);
        assert!(!bans.denied.contains_key(&id(0)) && bans.denied.contains_key(&id(1)));
    }
}
