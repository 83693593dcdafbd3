//! Showing: the room's state in the words of its views.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::ids::{Identity, SeatIndex};

use super::Room;
use super::audience::SAMPLE_MAX;
use super::hand_queue::Hand;
use super::participant::SelfState;
use super::rank::{Rank, Role};
use super::seat::{Seat, SeatState};
use super::view::{
    AudienceMember, AudienceView, BanView, HandView, HolderView, HostOfferView, ModerationView, MuteView, OwnHand,
    OwnOffer, OwnSeat, ParticipantView, RankView, RoleCounts, SeatView, SeatViewState, SelfView, Snapshot, Viewer,
};

impl Room {
    /// The room as a viewer may see it.
    pub fn snapshot(&self, viewer: &Viewer, now: Instant) -> Snapshot {
        let who = match viewer {
            Viewer::Admin => None,
            Viewer::Participant(who) => Some(who),
            Viewer::Session(session) => self.roster.identity_of(session),
        };
        let person = who.and_then(|who| self.roster.find(who));
        let sees_hands = *viewer == Viewer::Admin || person.is_some_and(|person| person.rank.is_moderator());
        let own = who.filter(|_| person.is_some()).map(|who| self.self_view(who, now));
        Snapshot {
            id: self.id.clone(),
            room: self.room_view(now),
            seq: self.seq,
            revision: self.revision,
            seats: self.stage.iter().map(|(index, _)| self.seat_view(index, now)).collect(),
            participants: self.listed().iter().map(|who| self.participant_view(who)).collect(),
            audience: self.audience_view(),
            moderation: sees_hands.then(|| self.moderation_view(now)),
            own,
        }
    }

    /// What only hosts, cohosts and admins see.
    pub(super) fn moderation_view(&self, now: Instant) -> ModerationView {
        ModerationView {
            hands: self.queue.iter().map(|(position, hand)| self.hand_view(position, hand, now)).collect(),
            invites: self.invites.in_order().into_iter().map(|invite| self.invite_view(invite, now)).collect(),
            bans: self.decisions.latest_bans(DECISIONS_SHOWN_MAX, now),
            ban_count: self.decisions.ban_count(),
            mutes: self.decisions.latest_mutes(DECISIONS_SHOWN_MAX, now),
            mute_count: self.decisions.mute_count(),
        }
    }

    /// Up to `count` people in the room whose identity is greater than `after`, by identity; hidden ones too.
    pub fn people_after(&self, after: Option<&Identity>, count: usize) -> Vec<ParticipantView> {
        let later = self
            .roster
            .iter()
            .filter(|(who, person)| person.copy_of.is_none() && after.is_none_or(|after| *who > after));
        later.take(count).map(|(who, _)| self.participant_view(who)).collect()
    }

    /// A page of the people whom moderators see: up to `count` whose identity is greater than `after`, by identity, and after whom
    /// the list goes on. `query` is a part of their name or their identity, in small letters. So that a search holds nobody up, it
    /// looks at 5,000 people at most: a page may be short, even empty, and not the last.
    pub fn people_found(
        &self,
        query: Option<&str>,
        after: Option<&Identity>,
        count: usize,
    ) -> (Vec<ParticipantView>, Option<Identity>) {
        let shown = self.roster.iter().filter(|(_, person)| !person.hidden && person.copy_of.is_none());
        let later = shown.filter(|(who, _)| after.is_none_or(|after| *who > after));
        let (mut found, mut last) = (Vec::new(), None::<&Identity>);
        for (looked_at, (who, person)) in later.enumerate() {
            if looked_at >= SEARCHED_MAX || found.len() >= count {
                return (found, last.cloned());
            }
            let fits =
                |query: &str| person.name.to_lowercase().contains(query) || who.as_str().to_lowercase().contains(query);
            if query.is_none_or(fits) {
                found.push(self.participant_view(who));
            }
            last = Some(who);
        }
        (found, None)
    }

    /// Up to `count` bans of people whose identity is greater than `after`, by identity.
    pub fn bans_after(&self, after: Option<&Identity>, count: usize, now: Instant) -> Vec<BanView> {
        self.decisions.bans_after(after, count, now)
    }

    /// Up to `count` mutes of people whose identity is greater than `after`, by identity.
    pub fn mutes_after(&self, after: Option<&Identity>, count: usize, now: Instant) -> Vec<MuteView> {
        self.decisions.mutes_after(after, count, now)
    }

    /// Up to `count` ranks that were given to people whose identity is greater than `after`, by identity.
    pub fn ranks_after(&self, after: Option<&Identity>, count: usize) -> Vec<RankView> {
        self.decisions.ranks_after(after, count)
    }

    /// How many people have which role.
    pub fn role_counts(&self) -> RoleCounts {
        let hosts = self.roster.moderators().filter(|(_, person)| person.rank == Rank::Host).count();
        let on_stage = self.stage.iter().filter_map(|(_, seat)| seat.occupant());
        let guests = on_stage.filter(|who| self.rank_of(who) != Rank::Host).count();
        RoleCounts { hosts, guests, listeners: self.roster.len() - hosts - guests }
    }

    /// The same of those whom people in the room can see, out of the counts of everyone.
    pub fn visible_of(&self, everyone: RoleCounts) -> RoleCounts {
        let hidden = self.roster.moderators().filter(|(_, person)| person.rank == Rank::Host && person.hidden).count();
        // Nobody on stage is hidden.
        let (hosts, guests) = (everyone.hosts - hidden, everyone.guests);
        RoleCounts { hosts, guests, listeners: self.roster.visible() - hosts - guests }
    }

    /// Those whom everyone sees by name: people with a rank, and those on stage.
    fn listed(&self) -> BTreeSet<Identity> {
        let ranked = self.roster.moderators().filter(|(_, person)| !person.hidden).map(|(who, _)| who);
        let on_stage = self.stage.iter().filter_map(|(_, seat)| seat.occupant());
        ranked.chain(on_stage).cloned().collect()
    }

    pub(super) fn seat_view(&self, index: SeatIndex, now: Instant) -> SeatView {
        let seat = self.stage.seat(index);
        let state = match &seat.state {
            SeatState::Open => SeatViewState::Open,
            SeatState::Locked => SeatViewState::Locked,
            SeatState::Reserved { who, why, until } => SeatViewState::Reserved {
                holder: self.holder_view(who),
                why: *why,
                expires_in: until.saturating_duration_since(now),
            },
            SeatState::Occupied { who, grant, .. } => {
                SeatViewState::Occupied { holder: self.holder_view(who), csrc: *grant }
            }
        };
        SeatView {
            index,
            state,
            muted_by_host: seat.muted_by_host,
            turn_ends_in: self.turn_left(seat, now),
            rev: seat.rev,
        }
    }

    fn turn_left(&self, seat: &Seat, now: Instant) -> Option<Duration> {
        let turn = self.roster.find(seat.holder()?)?.turn?;
        Some(turn.until.saturating_duration_since(now))
    }

    fn holder_view(&self, who: &Identity) -> HolderView {
        let person = self.roster.person(who);
        HolderView {
            identity: who.clone(),
            name: person.name.clone(),
            rank: person.rank,
            kind: person.kind.clone(),
            host_muted: person.host_muted,
            self_muted: person.self_muted,
        }
    }

    pub(super) fn participant_view(&self, who: &Identity) -> ParticipantView {
        let person = self.roster.person(who);
        ParticipantView {
            identity: who.clone(),
            name: person.name.clone(),
            rank: person.rank,
            role: self.role_of(who),
            kind: person.kind.clone(),
        }
    }

    fn role_of(&self, who: &Identity) -> Role {
        Role::derive(self.rank_of(who), self.stage.occupied_by(who).is_some())
    }

    pub(super) fn audience_view(&self) -> AudienceView {
        let in_audience =
            self.roster.iter().filter(|(who, person)| !person.hidden && self.stage.occupied_by(who).is_none());
        let sample = in_audience.take(SAMPLE_MAX);
        AudienceView {
            // Nobody on stage is hidden.
            count: self.roster.visible() - self.stage.occupied_count(),
            sample: sample
                .map(|(who, person)| AudienceMember { identity: person.shown(who).clone(), name: person.name.clone() })
                .collect(),
        }
    }

    pub(super) fn hand_view(&self, position: usize, hand: &Hand, now: Instant) -> HandView {
        HandView {
            id: hand.id,
            tier: hand.tier,
            identity: hand.identity.clone(),
            name: self.roster.person(&hand.identity).name.clone(),
            position,
            waited: now.saturating_duration_since(hand.raised_at),
            mic_ready: hand.mic_ready,
            wanted_seat: hand.wanted_seat,
        }
    }

    pub(super) fn self_view(&self, who: &Identity, now: Instant) -> SelfView {
        let person = self.roster.person(who);
        let SelfState { rank, role, seat, self_muted, host_muted, hand, offer, .. } = self.self_state(who);
        let expires_in = |seat| {
            self.stage.seat(seat).reserved_until().map(|until| until.saturating_duration_since(now)).unwrap_or_default()
        };
        let host_offer = self.host_offers.iter().find(|offer| offer.to == *who);
        SelfView {
            identity: person.shown(who).clone(),
            session: person.session.clone(),
            name: person.name.clone(),
            rank,
            role,
            can_publish: person.can_publish,
            can_publish_data: person.can_publish_data,
            do_not_invite: person.do_not_invite,
            invite: self.invites.of(who).map(|invite| self.invite_view(invite, now)),
            host_offer: host_offer.map(|offer| HostOfferView {
                from: offer.from.clone(),
                expires_in: offer.until.saturating_duration_since(now),
            }),
            seat,
            self_muted,
            host_muted,
            hand,
            offer: offer.map(|(seat, why)| OwnOffer { seat, why, expires_in: expires_in(seat) }),
            hand_after: person.cooling(now).map(|until| until.saturating_duration_since(now)),
        }
    }

    pub(super) fn self_state(&self, who: &Identity) -> SelfState {
        let person = self.roster.person(who);
        let held = self.stage.seat_of(who).map(|index| (index, &self.stage.seat(index).state));
        let (seat, offer) = match held {
            None | Some((_, SeatState::Open | SeatState::Locked)) => (None, None),
            Some((seat, SeatState::Occupied { .. })) => (Some(OwnSeat { seat, occupied: true }), None),
            Some((seat, SeatState::Reserved { why, .. })) => {
                (Some(OwnSeat { seat, occupied: false }), why.is_offer().then_some((seat, *why)))
            }
        };
        let hand = self.queue.find(who).map(|(position, hand)| OwnHand {
            position,
            wanted_seat: hand.wanted_seat,
            mic_ready: hand.mic_ready,
        });
        SelfState {
            rank: person.rank,
            role: self.role_of(who),
            seat,
            self_muted: person.self_muted,
            host_muted: person.host_muted,
            hand,
            offer,
            do_not_invite: person.do_not_invite,
            invite: self.invites.of(who).map(|invite| invite.id),
            host_offer: self.host_offers.iter().any(|offer| offer.to == *who),
        }
    }
}

/// How many people one search looks at.
pub(super) const SEARCHED_MAX: usize = 5_000;

/// So many bans, and so many mutes, are listed in a snapshot.
pub(super) const DECISIONS_SHOWN_MAX: usize = 100;
