//! Random people do random things over time, and the invariants of the room hold after every step.
//!
//! Beside the room runs a twin that is never shown what was refused or repeated: if such an input had changed anything at all, the twin would
//! sooner or later answer differently. Beside both runs a client that knows only what it is told.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

const PEOPLE: u8 = 8;
const SEATS: u8 = 4;
const PARTICIPANTS_MAX: usize = 6;

#[derive(Clone, Debug)]
enum Step {
    Join { who: u8, rank: Rank, can_publish: bool, hidden: bool, has_media: bool, mic_ready: bool },
    Act { who: u8, act: Act },
    Detached { who: u8 },
    Media { who: u8, kind: u8 },
    Wait { millis: u64 },
}

fn person(who: u8) -> String {
    format!("p{who}")
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let rank = prop_oneof![3 => Just(Rank::Member), 1 => Just(Rank::Cohost), 1 => Just(Rank::Host)];
    let mostly = || prop::bool::weighted(0.9);
    let join = (0..PEOPLE, rank, mostly(), prop::bool::weighted(0.1), mostly(), any::<bool>()).prop_map(
        |(who, rank, can_publish, hidden, has_media, mic_ready)| Step::Join {
            who,
            rank,
            can_publish,
            hidden,
            has_media,
            mic_ready,
        },
    );
    let act = (0..PEOPLE, acts()).prop_map(|(who, act)| Step::Act { who, act });
    let media = (0..PEOPLE, 0..4_u8).prop_map(|(who, kind)| Step::Media { who, kind });
    let wait = prop_oneof![4 => 0..3_000_u64, 2 => 3_000..40_000_u64, 1 => Just(1_000_000)]
        .prop_map(|millis| Step::Wait { millis });
    let detached = (0..PEOPLE).prop_map(|who| Step::Detached { who });
    let step = prop_oneof![3 => join, 14 => act, 2 => media, 1 => detached, 3 => wait];
    prop::collection::vec(step, 1..150)
}

fn acts() -> impl Strategy<Value = Act> {
    // One more than there are, so that some are not found.
    let a_seat = || (0..=SEATS).prop_map(seat);
    let maybe_seat = || prop::option::weighted(0.3, a_seat());
    let rev = || prop::option::weighted(0.2, 0..6_u64);
    let whom = || (0..PEOPLE).prop_map(|who| id(&person(who)));
    let mode = prop_oneof![Just(SeatMode::Free), Just(SeatMode::Apply), Just(SeatMode::InviteOnly)];
    let by_hand = prop_oneof![
        4 => (maybe_seat(), any::<bool>()).prop_map(|(wanted_seat, mic_ready)| Act::HandRaise { wanted_seat, mic_ready }),
        1 => Just(Act::HandLower),
        5 => whom().prop_map(|identity| Act::HandApprove { identity }),
        1 => whom().prop_map(|identity| Act::HandDeny { identity }),
    ];
    let on_seat = prop_oneof![
        4 => a_seat().prop_map(|seat| Act::SeatTake { seat }),
        1 => Just(Act::SeatLeave),
        3 => maybe_seat().prop_map(|seat| Act::SeatConfirm { seat }),
        1 => maybe_seat().prop_map(|seat| Act::SeatDecline { seat }),
        1 => (a_seat(), any::<bool>(), rev()).prop_map(|(seat, evict, expect_rev)| Act::SeatLock { seat, evict, expect_rev }),
        2 => (a_seat(), rev()).prop_map(|(seat, expect_rev)| Act::SeatUnlock { seat, expect_rev }),
        1 => (a_seat(), rev()).prop_map(|(seat, expect_rev)| Act::SeatMute { seat, expect_rev }),
        1 => (a_seat(), rev()).prop_map(|(seat, expect_rev)| Act::SeatUnmute { seat, expect_rev }),
        1 => (a_seat(), rev()).prop_map(|(seat, expect_rev)| Act::SeatKick { seat, expect_rev }),
    ];
    let on_people = prop_oneof![
        2 => whom().prop_map(|identity| Act::MemberMute { identity }),
        2 => whom().prop_map(|identity| Act::MemberUnmute { identity }),
        1 => whom().prop_map(|identity| Act::MemberKick { identity }),
        4 => any::<bool>().prop_map(|muted| Act::MuteSelf { muted }),
        1 => Just(Act::Leave),
        2 => (prop::option::of(mode), prop::option::weighted(0.3, any::<bool>()))
            .prop_map(|(seat_mode, hands)| Act::RoomUpdate { seat_mode, hands }),
    ];
    prop_oneof![by_hand, on_seat, on_people]
}

/// What people know who were told everything and asked nothing.
#[derive(Default)]
struct Told {
    seq: u64,
    seats: BTreeMap<SeatIndex, SeatView>,
    ranked: BTreeMap<Identity, ParticipantView>,
    modes: Option<(SeatMode, bool)>,
    hands: BTreeMap<Identity, HandView>,
    own: BTreeMap<SessionId, SelfView>,
    positions: BTreeMap<SessionId, usize>,
    plan: Option<StagePlan>,
    cues: Vec<(Instant, SeatIndex)>,
    audiences: Vec<Instant>,
    closed: bool,
}

impl Told {
    fn hear(&mut self, outputs: &[Output], room: &Room, now: Instant) {
        for output in outputs {
            assert!(
                !self.closed || !matches!(output, Output::Tell { .. } | Output::Plan(_)),
                "after the end: {output:?}"
            );
            match output {
                Output::Tell { seq, event, to } => {
                    if let Some(seq) = seq {
                        assert_eq!(*seq, self.seq + 1, "the log has no gap");
                        self.seq = *seq;
                    }
                    self.hear_event(to, *seq, event, now);
                }
                Output::Plan(plan) => {
                    let (revision, seats) = self.plan.as_ref().map_or((0, &[][..]), |old| (old.revision, &old.seats));
                    assert_eq!(plan.revision, revision + 1);
                    assert_ne!(plan.seats, seats, "a plan is sent only if it is another");
                    self.plan = Some(plan.clone());
                }
                Output::Welcome { session, .. } => {
                    let identity = room.roster.identity_of(session).unwrap();
                    let own = room.snapshot(&Viewer::Participant(identity.clone()), now).own.unwrap();
                    if let Some(hand) = own.hand {
                        self.positions.insert(session.clone(), hand.position);
                    }
                    self.own.insert(session.clone(), own);
                }
                Output::CloseTransport { session } => {
                    self.own.remove(session);
                    self.positions.remove(session);
                }
                Output::Closed => self.closed = true,
                Output::Reply { .. } | Output::Bye { .. } => {}
            }
        }
    }

    fn hear_event(&mut self, to: &Recipients, seq: Option<u64>, event: &Event, now: Instant) {
        match event {
            Event::SeatChanged { seat, .. } => drop(self.seats.insert(seat.index, seat.clone())),
            Event::ParticipantJoined { participant } => {
                drop(self.ranked.insert(participant.identity.clone(), participant.clone()))
            }
            Event::ParticipantLeft { identity, .. } => drop(self.ranked.remove(identity)),
            Event::RoomUpdated { seat_mode, hands, .. } => self.modes = Some((*seat_mode, *hands)),
            Event::HandChanged { change, hand, count } if seq.is_some() => {
                let was_up = self.hands.remove(&hand.identity).is_some();
                let is_first = *change == HandChange::Raised;
                assert_ne!(was_up, is_first, "a hand ends once, and only one that is up: {change:?}");
                if matches!(change, HandChange::Raised | HandChange::Changed) {
                    self.hands.insert(hand.identity.clone(), hand.clone());
                }
                assert_eq!(*count, self.hands.len());
                if was_up && *change != HandChange::Changed {
                    let owner =
                        self.own.values().find(|own| own.identity == hand.identity).map(|own| own.session.clone());
                    owner.and_then(|session| self.positions.remove(&session));
                }
            }
            Event::SelfChanged(view) => {
                assert_eq!(*to, Recipients::One(view.session.clone()));
                let known = self.own.insert(view.session.clone(), view.clone()).expect("the session was welcomed");
                assert_ne!(timeless_own(known), timeless_own(view.clone()), "told only if it is news");
            }
            Event::HandPosition { position } => {
                let Recipients::One(session) = to else { panic!("told to {to:?}") };
                assert_ne!(
                    self.positions.insert(session.clone(), *position),
                    Some(*position),
                    "told only if it changed"
                );
            }
            Event::SeatCue { seat, .. } => {
                if self.cues.last() != Some(&(now, *seat)) {
                    self.cues.push((now, *seat));
                }
                let recent = self.cues.iter().filter(|(at, _)| now.duration_since(*at) < seconds(1)).count();
                assert!(recent <= 2, "two cues a second");
                assert!(self.seats[seat].state == SeatViewState::Open && *seat != SeatIndex::HOST);
            }
            Event::Audience(_) => {
                assert!(self.audiences.last().is_none_or(|last| now.duration_since(*last) >= seconds(1)));
                self.audiences.push(now);
            }
            Event::HandChanged { .. } | Event::SeatOffer { .. } | Event::Slots { .. } | Event::Speakers { .. } => {}
        }
    }

    /// Invariant 5: the snapshot is what the log tells.
    fn agrees_with(&self, story: &Story) {
        let snapshot = story.room.snapshot(&Viewer::Admin, story.now);
        assert_eq!(snapshot.seq, self.seq);
        for seat in snapshot.seats.into_iter().filter(|seat| seat.rev > 0 || self.seats.contains_key(&seat.index)) {
            assert_eq!(timeless_seat(self.seats[&seat.index].clone()), timeless_seat(seat));
        }
        let ranked: BTreeSet<_> = snapshot
            .participants
            .iter()
            .filter(|one| one.rank.is_moderator())
            .map(|one| (&one.identity, one.rank))
            .collect();
        assert_eq!(ranked, self.ranked.values().map(|one| (&one.identity, one.rank)).collect());
        if let Some(modes) = self.modes {
            assert_eq!((snapshot.seat_mode, snapshot.hands), modes);
        }
        let hands = snapshot.hand_queue.unwrap();
        let wishes: BTreeSet<_> = hands.iter().map(|hand| (&hand.identity, hand.wanted_seat, hand.mic_ready)).collect();
        assert_eq!(
            wishes,
            self.hands.values().map(|hand| (&hand.identity, hand.wanted_seat, hand.mic_ready)).collect()
        );
        for (identity, participant) in story.room.roster.iter() {
            let own = story.room.snapshot(&Viewer::Participant(identity.clone()), story.now).own.unwrap();
            if let Some(hand) = own.hand {
                assert_eq!(self.positions[&participant.session], hand.position);
            }
            assert_eq!(timeless_own(self.own[&participant.session].clone()), timeless_own(own));
        }
        assert_eq!(self.own.len(), story.room.participants(), "whoever is gone was closed");
    }
}

fn timeless_seat(mut seat: SeatView) -> SeatView {
    if let SeatViewState::Reserved { expires_in, .. } = &mut seat.state {
        *expires_in = Duration::ZERO;
    }
    seat
}

fn timeless_own(mut own: SelfView) -> SelfView {
    if let Some(offer) = &mut own.offer {
        offer.expires_in = Duration::ZERO;
    }
    own
}

/// Invariants 1, 2 and 9, from what an outside admin sees.
fn check_stage(story: &Story, plan: Option<&StagePlan>) {
    let snapshot = story.room.snapshot(&Viewer::Admin, story.now);
    let holders: Vec<_> =
        snapshot.seats.iter().filter_map(|seat| seat.holder()).map(|holder| &holder.identity).collect();
    assert_eq!(holders.iter().collect::<BTreeSet<_>>().len(), holders.len(), "one seat a person");
    let formula = snapshot.seats.iter().filter_map(|seat| match &seat.state {
        SeatViewState::Occupied { holder, csrc } => Some(PlannedSeat {
            seat: seat.index,
            session: story.room.session_of(&holder.identity).unwrap().clone(),
            csrc: *csrc,
            open: !seat.muted_by_host && !holder.host_muted && !holder.self_muted,
            priority: holder.rank != Rank::Member,
        }),
        _ => None,
    });
    assert_eq!(formula.collect::<Vec<_>>(), plan.map(|plan| plan.seats.clone()).unwrap_or_default());
    let host_seat_holder = snapshot.seats[0].holder();
    assert!(host_seat_holder.is_none_or(|holder| holder.rank.is_moderator()));
    assert!(story.room.participants() <= PARTICIPANTS_MAX);
    let roles = story.room.role_counts();
    assert_eq!(roles.hosts + roles.guests + roles.listeners, story.room.participants());
}

/// The mute bits: of people (also of those who left, as last seen), and of seats.
#[derive(Clone, Default)]
struct Mutes {
    people: BTreeMap<Identity, (bool, bool)>,
    present: BTreeSet<Identity>,
    mic_ready: BTreeSet<Identity>,
    seats: Vec<bool>,
}

impl Mutes {
    fn look(&self, story: &Story) -> Self {
        let mut people = self.people.clone();
        people.extend(story.room.roster.iter().map(|(who, one)| (who.clone(), (one.host_muted, one.self_muted))));
        let present = story.room.roster.iter().map(|(who, _)| who.clone()).collect();
        let mic_ready =
            story.room.queue.iter().filter(|(_, hand)| hand.mic_ready).map(|(_, hand)| hand.identity.clone()).collect();
        Self {
            people,
            present,
            mic_ready,
            seats: story.room.stage.iter().map(|(_, seat)| seat.muted_by_host).collect(),
        }
    }

    /// Invariant 3.
    fn may_become(&self, after: &Self, actor: Option<(&Identity, &Act)>, rank: Option<Rank>) {
        let moderates = rank.is_some_and(Rank::is_moderator);
        let act = actor.map(|(_, act)| act);
        for (who, (host_muted, self_muted)) in &self.people {
            let (host_muted_after, self_muted_after) = after.people[who];
            if *host_muted != host_muted_after {
                let by_word = matches!(act, Some(Act::MemberMute { identity } | Act::MemberUnmute { identity }) if identity == who);
                assert!(moderates && by_word, "{who} is host_muted {host_muted_after} by {actor:?}");
            }
            if self.present.contains(who) && *self_muted && !self_muted_after {
                let own = actor.is_some_and(|(actor, _)| actor == who);
                let promised = self.mic_ready.contains(who)
                    && matches!(act, Some(Act::HandApprove { identity }) if identity == who);
                assert!(own || promised, "the microphone of {who} was opened by {actor:?}");
            }
        }
        if !self.seats.is_empty() && self.seats != after.seats {
            assert!(moderates && matches!(act, Some(Act::SeatMute { .. } | Act::SeatUnmute { .. })));
        }
    }
}

/// The room, its twin, and all that watch them.
struct Trial {
    story: Story,
    twin: Room,
    told: Told,
    mutes: Mutes,
    refused: u32,
    done: u32,
}

impl Trial {
    fn new() -> Self {
        let settings =
            Settings { seats: SEATS, participants_max: PARTICIPANTS_MAX, hands_max: 3, ..Settings::default() };
        let story = Story::with(settings.clone());
        let twin = Room::new(RoomId::parse("demo").unwrap(), settings, story.now);
        Self { story, twin, told: Told::default(), mutes: Mutes::default(), refused: 0, done: 0 }
    }

    fn run(&mut self, step: Step) {
        match step {
            Step::Join { who, rank, can_publish, hidden, has_media, mic_ready } => {
                let join = self.story.arrival(&person(who), rank);
                let join = Join { can_publish, hidden, has_media, mic_ready, ..join };
                let outputs = self.story.room.handle(Input::Join(join.clone()), self.story.now);
                if matches!(outputs.last(), Some(Output::CloseTransport { .. })) {
                    self.refused += 1;
                    assert_eq!(outputs.len(), 3, "a refused join says no, bye, and close: {outputs:?}");
                } else {
                    self.story.sessions.insert(person(who), join.session.clone());
                    self.after_input(&outputs, Some(Input::Join(join)), None);
                }
            }
            Step::Act { who, act } => self.act(who, act),
            Step::Detached { who } => self.tell_room(who, |session| Input::Detached { session }),
            Step::Media { who, kind } => self.tell_room(who, |session| {
                Input::Media(match kind {
                    0 => MediaFact::Connected { session },
                    1 => MediaFact::Interrupted { session },
                    2 => MediaFact::Restored { session },
                    _ => MediaFact::Closed { session },
                })
            }),
            Step::Wait { millis } => self.wait(Duration::from_millis(millis)),
        }
    }

    fn tell_room(&mut self, who: u8, input: impl Fn(SessionId) -> Input) {
        if let Some(session) = self.story.sessions.get(&person(who)) {
            let input = input(session.clone());
            let outputs = self.story.room.handle(input.clone(), self.story.now);
            self.after_input(&outputs, Some(input), None);
        }
    }

    fn act(&mut self, who: u8, act: Act) {
        let Some(session) = self.story.sessions.get(&person(who)).cloned() else {
            return;
        };
        self.story.requests_made += 1;
        let request = RequestId::parse(&self.story.requests_made.to_string()).unwrap();
        let input = Input::Act { session: session.clone(), request, act: act.clone() };
        let outputs = self.story.room.handle(input.clone(), self.story.now);
        let reply = reply_of(&outputs);
        if reply.is_err() {
            self.refused += 1;
            assert_eq!(outputs.len(), 1, "whoever is refused is told so and nothing else happens: {outputs:?}");
            self.after_input(&[], None, None);
        } else {
            self.done += 1;
            self.after_input(&outputs, Some(input.clone()), Some((&id(&person(who)), &act)));
        }
        // Invariant 7. Whoever has left cannot ask again.
        if self.story.room.roster.identity_of(&session).is_some() {
            let again = self.story.room.handle(input, self.story.now);
            assert_eq!((again.len(), reply_of(&again)), (1, reply));
            self.after_input(&[], None, None);
        }
    }

    fn wait(&mut self, span: Duration) {
        let end = self.story.now + span;
        loop {
            assert_eq!(self.twin.next_timeout(), self.story.room.next_timeout());
            let Some(due) = self.story.room.next_timeout().filter(|due| *due <= end) else {
                break;
            };
            self.story.now = due;
            let outputs = self.story.room.handle(Input::Timeout, due);
            self.after_input(&outputs, Some(Input::Timeout), None);
            assert!(self.story.room.next_timeout().is_none_or(|next| next > due));
        }
        self.story.now = end;
    }

    fn after_input(&mut self, outputs: &[Output], for_twin: Option<Input>, actor: Option<(&Identity, &Act)>) {
        if let Some(input) = for_twin {
            assert_eq!(
                self.twin.handle(input, self.story.now),
                outputs,
                "equal inputs, equal outputs; refusals change nothing"
            );
        }
        let rank = actor.and_then(|(who, _)| Some(self.story.room.roster.find(who)?.rank));
        self.told.hear(outputs, &self.story.room, self.story.now);
        check_stage(&self.story, self.told.plan.as_ref());
        self.told.agrees_with(&self.story);
        let mutes = self.mutes.look(&self.story);
        self.mutes.may_become(&mutes, actor, rank);
        self.mutes = mutes;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn the_invariants_hold_after_every_step(steps in steps()) {
        let mut trial = Trial::new();
        // A host and a member from the start, so that more than refusals happens.
        for (who, rank) in [(0, Rank::Host), (1, Rank::Member), (2, Rank::Member)] {
            trial.run(Step::Join { who, rank, can_publish: true, hidden: false, has_media: true, mic_ready: true });
        }
        for step in steps {
            trial.run(step);
        }
    }
}

#[test]
fn a_room_holds_no_more_than_its_limit_however_many_join_at_once() {
    let mut story = Story::with(Settings { participants_max: 50, ..Settings::default() });
    for number in 0..200 {
        story.join(&format!("p{number}"), Rank::Member);
        assert!(story.room.participants() <= 50);
    }
    assert_eq!(story.room.participants(), 50);
    story.act("p7", Act::Leave);
    story.join("p199", Rank::Member);
    assert_eq!(story.room.participants(), 50);
}
