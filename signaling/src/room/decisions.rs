//! A decision is what a moderator settled about a person by name: a ban, a denial of older tokens, a mute, a given rank.
//!
//! Decisions belong to the room's id. They outlive every end of the room, and hold until they are lifted, forgotten or run out. They are never dropped
//! to make place for others: a new one is refused when there is no place.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::ids::Identity;

use super::ends::Ends;
use super::rank::Rank;
use super::refusal::Refusal;
use super::view::{BanView, MuteView, RankView};

/// What moderators have settled in one room.
#[derive(Debug)]
pub(super) struct Decisions {
    bans: BTreeMap<Identity, Ban>,
    bans_end: Ends,
    /// Since when the tokens of someone are refused that were issued before.
    denials: BTreeMap<Identity, Instant>,
    denials_end: Ends,
    mutes: BTreeMap<Identity, Mute>,
    mutes_end: Ends,
    ranks: BTreeMap<Identity, Rank>,
    /// Those about whom the record may say something else.
    unwritten: BTreeSet<Identity>,
    /// How many decisions the room may hold at present.
    places: usize,
    /// How many bans the room may hold.
    bans_max: usize,
}

/// A person is kept out.
#[derive(Clone, Debug)]
pub(super) struct Ban {
    pub(super) by: Identity,
    pub(super) reason: Option<Arc<str>>,
    pub(super) since: Instant,
    pub(super) until: Option<Instant>,
}

/// A person's microphone is closed, wherever they sit.
#[derive(Clone, Debug)]
pub(super) struct Mute {
    pub(super) by: Identity,
    pub(super) since: Instant,
    pub(super) until: Option<Instant>,
}

impl Decisions {
    pub(super) fn new(bans_max: usize) -> Self {
        Self {
            bans: BTreeMap::new(),
            bans_end: Ends::default(),
            denials: BTreeMap::new(),
            denials_end: Ends::default(),
            mutes: BTreeMap::new(),
            mutes_end: Ends::default(),
            ranks: BTreeMap::new(),
            unwritten: BTreeSet::new(),
            places: usize::MAX,
            bans_max,
        }
    }

    /// How many decisions there are, of all kinds.
    pub(super) fn len(&self) -> usize {
        self.bans.len() + self.denials.len() + self.mutes.len() + self.ranks.len()
    }

    /// Sets how many decisions the room may hold from now on. Those that are there stay.
    pub(super) fn set_places(&mut self, places: usize) {
        self.places = places;
    }

    pub(super) fn ban_count(&self) -> usize {
        self.bans.len()
    }

    pub(super) fn mute_count(&self) -> usize {
        self.mutes.len()
    }

    pub(super) fn bans(&self, who: &Identity) -> bool {
        self.bans.contains_key(who)
    }

    pub(super) fn mutes(&self, who: &Identity) -> bool {
        self.mutes.contains_key(who)
    }

    pub(super) fn ban(&self, who: &Identity) -> Option<&Ban> {
        self.bans.get(who)
    }

    pub(super) fn mute(&self, who: &Identity) -> Option<&Mute> {
        self.mutes.get(who)
    }

    pub(super) fn rank(&self, who: &Identity) -> Option<Rank> {
        self.ranks.get(who).copied()
    }

    /// Since when the tokens of someone are denied.
    pub(super) fn denied_since(&self, who: &Identity) -> Option<Instant> {
        self.denials.get(who).copied()
    }

    /// Whether there is any decision about someone.
    pub(super) fn know(&self, who: &Identity) -> bool {
        self.bans(who) || self.mutes(who) || self.ranks.contains_key(who) || self.denials.contains_key(who)
    }

    /// Returns whether a token of this age may have been issued before its owner was put out. One that does not say when it was issued counts as old.
    pub(super) fn deny(&self, who: &Identity, token_age: Option<Duration>, now: Instant) -> bool {
        let Some(denied_for) = self.denials.get(who).map(|since| now.saturating_duration_since(*since)) else {
            return false;
        };
        denied_for < TOKEN_AGE_MAX && token_age.is_none_or(|age| age + CLOCK_SKEW_MAX >= denied_for)
    }

    /// Everyone about whom there is a decision.
    pub(super) fn everyone(&self) -> BTreeSet<Identity> {
        let named = self.bans.keys().chain(self.denials.keys()).chain(self.mutes.keys()).chain(self.ranks.keys());
        named.cloned().collect()
    }

    /// Those about whom something was decided since this was last asked.
    pub(super) fn take_unwritten(&mut self) -> BTreeSet<Identity> {
        std::mem::take(&mut self.unwritten)
    }

    /// The next ban that runs out, and when.
    pub(super) fn first_ban_end(&self) -> Option<(Instant, &Identity)> {
        self.bans_end.first()
    }

    /// The next mute that runs out, and when.
    pub(super) fn first_mute_end(&self) -> Option<(Instant, &Identity)> {
        self.mutes_end.first()
    }

    /// The next denial that is of no use any more, since every token from before it has run out.
    pub(super) fn first_denial_end(&self) -> Option<(Instant, &Identity)> {
        self.denials_end.first()
    }

    /// When the next decision of any kind ends.
    pub(super) fn first_end(&self) -> Option<Instant> {
        let ends = [self.bans_end.first(), self.denials_end.first(), self.mutes_end.first()];
        ends.into_iter().flatten().map(|(at, _)| at).min()
    }

    /// Returns whether there is a place for a ban of someone.
    pub(super) fn guard_ban(&self, who: &Identity) -> Result<(), Refusal> {
        if self.bans(who) { Ok(()) } else { self.guard(1, self.bans.len(), self.bans_max) }
    }

    /// Returns whether there is a place for a denial of someone's tokens.
    pub(super) fn guard_denial(&self, who: &Identity) -> Result<(), Refusal> {
        if self.denials.contains_key(who) { Ok(()) } else { self.guard(1, self.denials.len(), DENIALS_MAX) }
    }

    /// Returns whether there is a place for a mute of someone.
    pub(super) fn guard_mute(&self, who: &Identity) -> Result<(), Refusal> {
        if self.mutes(who) { Ok(()) } else { self.guard(1, self.mutes.len(), MUTES_MAX) }
    }

    /// Returns whether there is a place for the ranks of these people.
    pub(super) fn guard_ranks(&self, of: &[&Identity]) -> Result<(), Refusal> {
        let more = of.iter().filter(|who| !self.ranks.contains_key(**who)).count();
        if more == 0 { Ok(()) } else { self.guard(more, self.ranks.len(), RANKS_MAX) }
    }

    /// Returns whether there is a place for `more` decisions of a kind of which there are `count`, and may be `most`.
    fn guard(&self, more: usize, count: usize, most: usize) -> Result<(), Refusal> {
        let is_full = count.saturating_add(more) > most || self.len().saturating_add(more) > self.places;
        if is_full { Err(Refusal::MemoryFull) } else { Ok(()) }
    }

    /// Bans someone, instead of a ban that they may have.
    pub(super) fn set_ban(&mut self, who: &Identity, ban: Ban) {
        self.bans_end.set(who, ban.until);
        self.unwritten.insert(who.clone());
        self.bans.insert(who.clone(), ban);
    }

    /// Lifts someone's ban, if there is one, and with it the denial of older tokens.
    pub(super) fn lift_ban(&mut self, who: &Identity) -> Option<Ban> {
        let ban = self.bans.remove(who)?;
        self.bans_end.set(who, None);
        self.lift_denial(who);
        self.unwritten.insert(who.clone());
        Some(ban)
    }

    /// Denies the tokens of someone that were issued before then.
    pub(super) fn set_denial(&mut self, who: &Identity, since: Instant) {
        self.unwritten.insert(who.clone());
        self.denials.insert(who.clone(), since);
        self.denials_end.set(who, since.checked_add(TOKEN_AGE_MAX));
    }

    /// Ends the denial of someone's tokens.
    pub(super) fn lift_denial(&mut self, who: &Identity) {
        if self.denials.remove(who).is_some() {
            self.denials_end.set(who, None);
            self.unwritten.insert(who.clone());
        }
    }

    /// Mutes someone, instead of a mute that they may have.
    pub(super) fn set_mute(&mut self, who: &Identity, mute: Mute) {
        self.mutes_end.set(who, mute.until);
        self.unwritten.insert(who.clone());
        self.mutes.insert(who.clone(), mute);
    }

    /// Lifts someone's mute, if there is one.
    pub(super) fn lift_mute(&mut self, who: &Identity) -> Option<Mute> {
        let mute = self.mutes.remove(who)?;
        self.mutes_end.set(who, None);
        self.unwritten.insert(who.clone());
        Some(mute)
    }

    /// Gives someone a rank, or takes the given one back.
    pub(super) fn set_rank(&mut self, who: &Identity, rank: Option<Rank>) {
        let before = match rank {
            Some(rank) => self.ranks.insert(who.clone(), rank),
            None => self.ranks.remove(who),
        };
        if before != rank {
            self.unwritten.insert(who.clone());
        }
    }

    /// Forgets who made decisions, where it was this person. The decisions stay.
    pub(super) fn forget_author(&mut self, who: &Identity) {
        let erased = Identity::erased();
        for (on, ban) in self.bans.iter_mut().filter(|(_, ban)| ban.by == *who) {
            ban.by = erased.clone();
            self.unwritten.insert(on.clone());
        }
        for (on, mute) in self.mutes.iter_mut().filter(|(_, mute)| mute.by == *who) {
            mute.by = erased.clone();
            self.unwritten.insert(on.clone());
        }
    }

    /// Up to `count` bans of people whose identity is greater than `after`, by identity.
    pub(super) fn bans_after(&self, after: Option<&Identity>, count: usize, now: Instant) -> Vec<BanView> {
        page(&self.bans, after, count).map(|(who, ban)| ban.view(who, now)).collect()
    }

    /// Up to `count` mutes of people whose identity is greater than `after`, by identity.
    pub(super) fn mutes_after(&self, after: Option<&Identity>, count: usize, now: Instant) -> Vec<MuteView> {
        page(&self.mutes, after, count).map(|(who, mute)| mute.view(who, now)).collect()
    }

    /// Up to `count` given ranks of people whose identity is greater than `after`, by identity.
    pub(super) fn ranks_after(&self, after: Option<&Identity>, count: usize) -> Vec<RankView> {
        page(&self.ranks, after, count).map(|(who, rank)| RankView { identity: who.clone(), rank: *rank }).collect()
    }

    /// The latest bans, the newest first.
    pub(super) fn latest_bans(&self, count: usize, now: Instant) -> Vec<BanView> {
        let mut bans: Vec<_> = self.bans.iter().collect();
        bans.sort_by_key(|(_, ban)| std::cmp::Reverse(ban.since));
        bans.into_iter().take(count).map(|(who, ban)| ban.view(who, now)).collect()
    }

    /// The latest mutes, the newest first.
    pub(super) fn latest_mutes(&self, count: usize, now: Instant) -> Vec<MuteView> {
        let mut mutes: Vec<_> = self.mutes.iter().collect();
        mutes.sort_by_key(|(_, mute)| std::cmp::Reverse(mute.since));
        mutes.into_iter().take(count).map(|(who, mute)| mute.view(who, now)).collect()
    }
}

fn page<'a, T>(
    of: &'a BTreeMap<Identity, T>,
    after: Option<&Identity>,
    count: usize,
) -> impl Iterator<Item = (&'a Identity, &'a T)> {
    of.iter().filter(move |(who, _)| after.is_none_or(|after| *who > after)).take(count)
}

impl Ban {
    pub(super) fn view(&self, who: &Identity, now: Instant) -> BanView {
        BanView {
            identity: who.clone(),
            by: self.by.clone(),
            reason: self.reason.clone(),
            since: now.saturating_duration_since(self.since),
            ends_in: self.until.map(|until| until.saturating_duration_since(now)),
        }
    }
}

impl Mute {
    pub(super) fn view(&self, who: &Identity, now: Instant) -> MuteView {
        MuteView {
            identity: who.clone(),
            by: self.by.clone(),
            since: now.saturating_duration_since(self.since),
            ends_in: self.until.map(|until| until.saturating_duration_since(now)),
        }
    }
}

/// No token lives longer than a day, and clocks may differ by a minute.
const TOKEN_AGE_MAX: Duration = Duration::from_secs(24 * 60 * 60 + 60);
/// By how much the clock that dates tokens may be ahead of ours. For this time after a denial a fresh token is refused too.
const CLOCK_SKEW_MAX: Duration = Duration::from_secs(60);
/// The most people of one room whose older tokens are denied.
const DENIALS_MAX: usize = 4_096;
/// The most people of one room who are muted.
const MUTES_MAX: usize = 4_096;
/// The most people of one room who were given a rank.
const RANKS_MAX: usize = 4_096;

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::disallowed_methods,
        reason = "a test may stop on surprise, and needs some instant"
    )]

    use super::*;

    fn id(name: &str) -> Identity {
        Identity::parse(name).unwrap()
    }

    #[test]
    fn a_token_is_denied_if_it_is_older_than_the_denial() {
        let start = crate::clock::now();
        let ada = id("ada");
        let mut decisions = Decisions::new(10);
        assert!(!decisions.deny(&ada, None, start));
        decisions.set_denial(&ada, start);
        let later = start + Duration::from_secs(300);
        assert!(decisions.deny(&ada, Some(Duration::from_secs(300)), later));
        assert!(decisions.deny(&ada, Some(Duration::from_secs(240)), later), "its clock may be a minute ahead");
        assert!(!decisions.deny(&ada, Some(Duration::from_secs(239)), later));
        assert!(decisions.deny(&ada, None, later));
        assert!(!decisions.deny(&ada, None, start + TOKEN_AGE_MAX), "no token lives that long");
    }

    #[test]
    fn a_full_book_of_denials_refuses_and_forgets_none_that_counts() {
        let start = crate::clock::now();
        let mut decisions = Decisions::new(10);
        for number in 0..DENIALS_MAX {
            let who = id(&format!("p{number}"));
            assert_eq!(decisions.guard_denial(&who), Ok(()));
            decisions.set_denial(&who, start);
        }
        assert_eq!(decisions.guard_denial(&id("late")), Err(Refusal::MemoryFull));
        assert_eq!(decisions.guard_denial(&id("p0")), Ok(()), "the same person needs no further place");
        assert!(decisions.deny(&id("p0"), None, start));
        assert_eq!(decisions.first_end(), Some(start + TOKEN_AGE_MAX), "then they are of no use any more");
        decisions.lift_denial(&id("p1"));
        assert_eq!(decisions.guard_denial(&id("late")), Ok(()));
    }

    #[test]
    fn without_places_every_kind_is_refused() {
        let start = crate::clock::now();
        let (ada, ben) = (id("ada"), id("ben"));
        let mute = Mute { by: ben.clone(), since: start, until: None };
        let mut decisions = Decisions::new(10);
        decisions.set_places(1);
        assert_eq!(decisions.guard_mute(&ada), Ok(()));
        decisions.set_mute(&ada, mute);
        assert_eq!(decisions.guard_mute(&ada), Ok(()), "a mute may be prolonged");
        assert_eq!(decisions.guard_mute(&ben), Err(Refusal::MemoryFull));
        assert_eq!(decisions.guard_ban(&ben), Err(Refusal::MemoryFull));
        assert_eq!(decisions.guard_denial(&ben), Err(Refusal::MemoryFull));
        assert_eq!(decisions.guard_ranks(&[&ben]), Err(Refusal::MemoryFull));
        decisions.lift_mute(&ada);
        assert_eq!(decisions.guard_ban(&ben), Ok(()));
    }
}
