//! A watcher knows the room as it was when it came, and what it was told since. Folding the one with the other must give the room as it is.

use std::collections::BTreeSet;

use super::super::*;
use super::sounds::Heard;

/// Someone who looks at the room once and then only listens.
#[derive(Clone, Debug)]
pub(super) struct Watcher {
    /// Whose eyes these are; nobody's: an outside admin, who is told all of the log.
    session: Option<SessionId>,
    known: Snapshot,
    /// Those who are listed for their rank; others are listed while they are on stage.
    ranked: BTreeMap<Identity, ParticipantView>,
    pub(super) sounds: Heard,
}

impl Watcher {
    /// Looks at the room.
    pub(super) fn begin(session: Option<SessionId>, known: Snapshot) -> Self {
        let ranked = known.participants.iter().filter(|person| person.rank.is_moderator());
        let ranked = ranked.map(|person| (person.identity.clone(), person.clone())).collect();
        Self { session, known, ranked, sounds: Heard::default() }
    }

    /// Hears what is for its ears.
    pub(super) fn hear(&mut self, to: &Recipients, seq: Option<u64>, event: &Event, moderators: &BTreeSet<SessionId>) {
        let concerned = match (&self.session, to) {
            (_, Recipients::Everyone) => true,
            (None, Recipients::Hosts) => true,
            (Some(session), Recipients::Hosts) => moderators.contains(session),
            (Some(session), Recipients::One(one)) => session == one,
            (Some(session), Recipients::Sessions(some)) => some.contains(session),
            (None, Recipients::One(_) | Recipients::Sessions(_)) => false,
        };
        if let Some(seq) = seq {
            assert!(self.session.is_some() || seq == self.known.seq + 1, "the log has a gap before {seq}");
            assert!(seq > self.known.seq, "{seq} comes again");
            self.known.seq = seq;
        }
        if concerned {
            self.learn(seq, event);
        }
    }

    fn learn(&mut self, seq: Option<u64>, event: &Event) {
        match event {
            Event::SeatChanged { seat, other, .. } => {
                for seat in std::iter::once(seat).chain(other) {
                    let known = &mut self.known.seats[usize::from(seat.index.get())];
                    self.sounds.seat_changed(known, seat);
                    *known = seat.clone();
                }
            }
            Event::ParticipantJoined { participant } => {
                drop(self.ranked.insert(participant.identity.clone(), participant.clone()));
            }
            Event::ParticipantLeft { identity, .. } => drop(self.ranked.remove(identity)),
            Event::RankChanged { participant, .. } => self.learn_rank(participant),
            Event::RoomUpdated { room, .. } => self.known.room = *room,
            Event::SelfChanged(own) => self.known.own = Some(own.clone()),
            Event::HandPosition { position } => {
                if let Some(hand) = self.known.own.as_mut().and_then(|own| own.hand.as_mut()) {
                    hand.position = *position;
                }
            }
            Event::Moderation(view) => {
                self.known.moderation = Some(view.clone());
                self.sounds.learn(event);
            }
            Event::LatencyState { .. } | Event::ConnectionQuality { .. } | Event::Unheard { .. } => {
                self.sounds.learn(event);
            }
            Event::HandChanged { change, hand, count, .. } if seq.is_some() => self.learn_hand(*change, hand, *count),
            Event::InviteChanged { change, invite, .. } if seq.is_some() => self.learn_invite(*change, invite),
            Event::BanChanged { banned, ban, .. } => self.learn_ban(*banned, ban),
            Event::MuteChanged { muted, mute, .. } => self.learn_mute(*muted, mute),
            Event::Audience(view) => self.known.audience = view.clone(),
            Event::HandChanged { .. }
            | Event::InviteChanged { .. }
            | Event::SeatCue { .. }
            | Event::SeatOffer { .. }
            | Event::Invite { .. }
            | Event::SwapProposed { .. }
            | Event::HostOffer { .. }
            | Event::HostOfferEnded { .. }
            | Event::TurnEnding { .. }
            | Event::LostSeat { .. }
            | Event::Interruption { .. }
            | Event::Message { .. }
            | Event::ReactionTally { .. }
            | Event::Slots { .. }
            | Event::Speakers { .. } => {}
        }
    }

    fn learn_rank(&mut self, participant: &ParticipantView) {
        if participant.rank.is_moderator() {
            self.ranked.insert(participant.identity.clone(), participant.clone());
        } else {
            self.ranked.remove(&participant.identity);
        }
        for seat in &mut self.known.seats {
            match &mut seat.state {
                SeatViewState::Reserved { holder, .. } | SeatViewState::Occupied { holder, .. } => {
                    if holder.identity == participant.identity {
                        holder.rank = participant.rank;
                    }
                }
                SeatViewState::Open | SeatViewState::Locked => {}
            }
        }
    }

    fn learn_hand(&mut self, change: HandChange, hand: &HandView, count: usize) {
        let Some(moderation) = &mut self.known.moderation else {
            return;
        };
        let hands = &mut moderation.hands;
        let was_up = hands.iter().any(|known| known.id == hand.id);
        assert_eq!(was_up, change != HandChange::Raised, "a hand goes up once and ends once: {change:?} {hand:?}");
        hands.retain(|known| known.id != hand.id);
        if matches!(change, HandChange::Raised | HandChange::Changed) {
            hands.insert(hand.position - 1, hand.clone());
        }
        assert_eq!(hands.len(), count, "{change:?} {hand:?}");
        for (place, hand) in hands.iter_mut().enumerate() {
            hand.position = place + 1;
        }
    }

    fn learn_invite(&mut self, change: InviteChange, invite: &InviteView) {
        let Some(moderation) = &mut self.known.moderation else {
            return;
        };
        let invites = &mut moderation.invites;
        let was_there = invites.iter().any(|known| known.id == invite.id);
        assert_eq!(
            was_there,
            change != InviteChange::Sent,
            "an invite is sent once and ends once: {change:?} {invite:?}"
        );
        invites.retain(|known| known.id != invite.id);
        if change == InviteChange::Sent {
            invites.push(invite.clone());
        }
    }

    fn learn_ban(&mut self, banned: bool, ban: &BanView) {
        let Some(moderation) = &mut self.known.moderation else {
            return;
        };
        let before = moderation.bans.len();
        moderation.bans.retain(|known| known.identity != ban.identity);
        moderation.ban_count -= before - moderation.bans.len();
        if banned {
            moderation.bans.insert(0, ban.clone());
            moderation.ban_count += 1;
        }
    }

    fn learn_mute(&mut self, muted: bool, mute: &MuteView) {
        let Some(moderation) = &mut self.known.moderation else {
            return;
        };
        let before = moderation.mutes.len();
        moderation.mutes.retain(|known| known.identity != mute.identity);
        moderation.mute_count -= before - moderation.mutes.len();
        if muted {
            moderation.mutes.insert(0, mute.clone());
            moderation.mute_count += 1;
        }
    }

    /// What it knows is what there is, but for the passing of time and what is told at a pace.
    pub(super) fn agrees_with(&self, present: Snapshot, whose: &str) {
        let mut known = self.known.clone();
        known.participants = self.listed();
        if !present.own.as_ref().is_some_and(|own| own.rank.is_moderator()) && present.own.is_some() {
            // Whoever is no longer a moderator puts away what only moderators see.
            known.moderation = None;
        }
        known.revision = present.revision;
        known.audience = present.audience.clone();
        assert_eq!(timeless(known), timeless(present), "what {whose} was told (left) is not what there is (right)");
    }

    pub(super) fn audience(&self) -> &AudienceView {
        &self.known.audience
    }

    fn listed(&self) -> Vec<ParticipantView> {
        let mut listed = self.ranked.clone();
        for person in listed.values_mut() {
            person.role = Role::derive(person.rank, false);
        }
        for seat in &self.known.seats {
            if let SeatViewState::Occupied { holder, .. } = &seat.state {
                let kind = listed.get(&holder.identity).and_then(|person| person.kind.clone());
                let role = Role::derive(holder.rank, true);
                let person = ParticipantView {
                    identity: holder.identity.clone(),
                    name: holder.name.clone(),
                    rank: holder.rank,
                    role,
                    kind,
                };
                listed.insert(holder.identity.clone(), person);
            }
        }
        listed.into_values().collect()
    }
}

/// The same with every span of time put to nothing.
fn timeless(mut snapshot: Snapshot) -> Snapshot {
    let none = |span: &mut Option<Duration>| {
        if let Some(span) = span {
            *span = Duration::ZERO;
        }
    };
    none(&mut snapshot.room.opens_in);
    none(&mut snapshot.room.hostless_for);
    none(&mut snapshot.room.closes_in);
    for seat in &mut snapshot.seats {
        none(&mut seat.turn_ends_in);
        if let SeatViewState::Reserved { expires_in, .. } = &mut seat.state {
            *expires_in = Duration::ZERO;
        }
    }
    if let Some(moderation) = &mut snapshot.moderation {
        moderation.hands.iter_mut().for_each(|hand| hand.waited = Duration::ZERO);
        moderation.invites.iter_mut().for_each(|invite| invite.expires_in = Duration::ZERO);
        for ban in &mut moderation.bans {
            ban.since = Duration::ZERO;
            none(&mut ban.ends_in);
        }
        for mute in &mut moderation.mutes {
            mute.since = Duration::ZERO;
            none(&mut mute.ends_in);
        }
    }
    if let Some(own) = &mut snapshot.own {
        // Nobody is told when it is over: the clock says so.
        own.hand_after = None;
        if let Some(offer) = &mut own.offer {
            offer.expires_in = Duration::ZERO;
        }
        if let Some(invite) = &mut own.invite {
            invite.expires_in = Duration::ZERO;
        }
        if let Some(offer) = &mut own.host_offer {
            offer.expires_in = Duration::ZERO;
        }
    }
    snapshot
}
