//! The trial drives a room and its model by the same random steps, and looks at everything after each.
//!
//! Beside them run a twin, which is never shown what was refused or repeated, and watchers, who know only what they are told.

use std::collections::BTreeSet;

use proptest::test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner};

use super::aims::Aimed;
use super::bits::check_mutes;
use super::fold::Watcher;
use super::people::Media;
use super::picture::Picture;
use super::restart::Ledger;
use super::sounds::is_sound;
use super::steps::{Found, MediaKind, Newcomer, PLACES, Step, person, settings, steps};
use super::*;

#[test]
fn the_room_does_what_the_model_does() {
    let setting = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let first =
        setting("PODIUM_ROOM_SEED").unwrap_or_else(|| getrandom::u64().expect("the machine has random numbers"));
    let cases = setting("PODIUM_ROOM_CASES").unwrap_or(CASES);
    for seed in (0..cases).map(|case| first.wrapping_add(case)) {
        let Err(failure) = try_seed(seed) else { continue };
        panic!(
            "{failure}\nOnce more: PODIUM_ROOM_SEED={seed} PODIUM_ROOM_CASES=1 cargo test -p podium-signaling --lib room::tests::model"
        );
    }
}

fn try_seed(seed: u64) -> Result<(), String> {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let config = Config { cases: 1, failure_persistence: None, max_shrink_iters: SHRINKS_MAX, ..Config::default() };
    let outcome = TestRunner::new_with_rng(config, rng).run(&(settings(), steps()), |(settings, steps)| {
        let mut trial = Trial::new(settings);
        for step in steps {
            trial.run(step);
        }
        trial.end();
        Ok(())
    });
    outcome.map_err(|error| match error {
        TestError::Fail(reason, (settings, steps)) => {
            let steps: Vec<String> = steps.iter().map(|step| format!("  {step:?}")).collect();
            format!("{reason}\n{settings:?}\n{}", steps.join("\n"))
        }
        TestError::Abort(reason) => reason.to_string(),
    })
}

/// Whose accepted act it was that something follows from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Actor<'a> {
    pub(super) who: &'a Identity,
    pub(super) rank: Rank,
    pub(super) is_admin: bool,
    pub(super) from_outside: bool,
    pub(super) act: &'a Act,
}

/// The room, its model, its twin, and all that watch them.
pub(super) struct Trial {
    pub(super) story: Story,
    pub(super) begun: Instant,
    pub(super) model: Model,
    pub(super) twin: Room,
    /// What is written down of the room.
    pub(super) ledger: Ledger,
    pub(super) plan: Option<StagePlan>,
    /// Every occupancy id that a plan named, and whose it was.
    grants: BTreeMap<u32, SessionId>,
    pub(super) admin: Watcher,
    pub(super) watchers: BTreeMap<SessionId, Watcher>,
    /// The sessions that people had before their last one.
    earlier: BTreeMap<String, SessionId>,
    pub(super) over: BTreeSet<SessionId>,
    pub(super) picture: Picture,
    aimed: Aimed,
    pub(super) cues: Vec<(Instant, SeatIndex)>,
    pub(super) tallied: Option<Instant>,
    pub(super) closed: bool,
}

impl Trial {
    pub(super) fn new(settings: Settings) -> Self {
        let story = Story::with(settings.clone());
        let begun = story.now;
        let twin = Room::new(RoomId::parse("demo").unwrap(), settings.clone(), begun);
        let admin = Watcher::begin(None, story.room.snapshot(&Viewer::Admin, begun));
        let picture = Picture::of_room(&story.room, None, begun);
        Self {
            story,
            begun,
            model: Model::new(settings),
            twin,
            ledger: Ledger::begin(begun),
            plan: None,
            grants: BTreeMap::new(),
            admin,
            watchers: BTreeMap::new(),
            earlier: BTreeMap::new(),
            over: BTreeSet::new(),
            picture,
            aimed: Aimed::default(),
            cues: Vec::new(),
            tallied: None,
            closed: false,
        }
    }

    pub(super) fn run(&mut self, step: Step) {
        // Things that happen at one moment would be due at one moment, and their order then is the room's own affair.
        self.pass(Duration::from_millis(1));
        match step {
            Step::Join(newcomer) => self.join(&newcomer),
            Step::Act { who, act } => self.act(self.story.sessions.get(&person(who)).cloned(), act),
            Step::ActStale { who, act } => self.act(self.earlier.get(&person(who)).cloned(), act),
            Step::ActOutside(step) => self.act_from_outside(step),
            Step::Detached { who } => self.with_session(who, |trial, session| {
                trial.model.detached(&session);
                trial.tell(Input::Detached { session });
            }),
            Step::Resume { who } => self.with_session(who, Self::resume),
            Step::Sound { who, is_old, found } => {
                let sessions = if is_old { &self.earlier } else { &self.story.sessions };
                if let Some(session) = sessions.get(&person(who)).cloned() {
                    self.sound(session, found);
                }
            }
            Step::Media { who, kind } => self.with_session(who, |trial, session| trial.media(session, kind)),
            Step::Interruption { who } => {
                let by = who.and_then(|who| self.story.sessions.get(&person(who)).cloned());
                self.tell(Input::Media(MediaFact::Interruption { by }));
            }
            Step::Aim { aim, pick } => {
                if let Some(step) = self.aimed.step(aim, pick, &self.picture) {
                    self.run(step);
                }
            }
            Step::Restart => self.restart(),
            Step::Remake => self.remake(),
            Step::Wait { millis } => self.pass(Duration::from_millis(millis)),
            Step::Jump => {
                let next = self.story.room.next_timeout().map(|due| due.saturating_duration_since(self.story.now));
                self.pass(next.unwrap_or(seconds(1)));
            }
        }
    }

    fn with_session(&mut self, who: u8, then: impl FnOnce(&mut Self, SessionId)) {
        if let Some(session) = self.story.sessions.get(&person(who)).cloned() {
            then(self, session);
        }
    }

    fn join(&mut self, newcomer: &Newcomer) {
        let Newcomer { who, rank, can_publish, can_publish_data, hidden, has_media, mic_ready, tier, token_age } =
            *newcomer;
        let join = Join {
            can_publish,
            can_publish_data,
            hidden,
            has_media,
            mic_ready,
            tier,
            token_age,
            ..self.story.arrival(&person(who), rank)
        };
        let session = join.session.clone();
        let expected = self.model.join(&join);
        let input = Input::Join(join);
        let (before, outputs) = (self.snapshot(), self.story.room.handle(input.clone(), self.story.now));
        let welcomed =
            outputs.iter().any(|output| matches!(output, Output::Welcome { session: to, .. } if *to == session));
        let answered = if welcomed { DONE } else { answer_of(&outputs) };
        assert_eq!(answered, expected, "the answer (left) to a join of {newcomer:?} by the model (right)");
        if welcomed {
            let earlier = self.story.sessions.insert(person(who), session);
            earlier.and_then(|earlier| self.earlier.insert(person(who), earlier));
            self.after(&outputs, Some(input), None);
        } else {
            let ends = matches!(outputs.last(), Some(Output::CloseTransport { session: of, .. }) if *of == session);
            assert!(outputs.len() == 3 && ends, "a refused join says no, bye, and close: {outputs:?}");
            assert_eq!(self.snapshot(), before, "a refused join changes nothing");
            self.after(&[], None, None);
        }
    }

    fn act(&mut self, session: Option<SessionId>, act: Act) {
        let Some(session) = session else { return };
        self.story.requests_made += 1;
        let request = RequestId::parse(&self.story.requests_made.to_string()).unwrap();
        let actor = self.story.room.roster.identity_of(&session).cloned();
        let rank = actor.as_ref().and_then(|who| self.picture.people.get(who)).map(|person| person.rank);
        let input = Input::Act { session: session.clone(), request, act: act.clone() };
        let expected = self.model.act(&session, &act);
        let (before, outputs) = (self.snapshot(), self.story.room.handle(input.clone(), self.story.now));
        let answered = answer_of(&outputs);
        assert_eq!(answered, expected, "the answer (left) to {act:?} of {actor:?}, {rank:?}, by the model (right)");
        if answered.is_err() {
            assert_eq!(outputs.len(), 1, "whoever is refused is told so and nothing else happens: {outputs:?}");
            assert_eq!(self.snapshot(), before, "a refusal changes nothing: {act:?}");
            self.after(&[], None, None);
        } else {
            let picture = self.picture.clone();
            let actor = actor.as_ref().zip(rank).map(|(who, rank)| Actor {
                who,
                rank,
                is_admin: false,
                from_outside: false,
                act: &act,
            });
            self.after(&outputs, Some(input.clone()), actor);
            self.pass(Duration::ZERO);
            let told = outputs.iter().any(|output| !matches!(output, Output::Reply { .. } | Output::Audit(_)));
            assert!(told || self.picture == picture, "{act:?} changed something and nobody was told");
        }
        self.repeat(&session, input, &outputs);
    }

    /// The same request once more changes nothing and has the first answer. Whoever has left cannot ask again.
    fn repeat(&mut self, session: &SessionId, input: Input, outputs: &[Output]) {
        if self.story.room.roster.identity_of(session).is_some() && !self.closed {
            let again = self.story.room.handle(input, self.story.now);
            assert_eq!((again.len(), reply_of(&again)), (1, reply_of(outputs)));
            self.after(&[], None, None);
        }
    }

    fn resume(&mut self, session: SessionId) {
        self.story.requests_made += 1;
        let request = RequestId::parse(&self.story.requests_made.to_string()).unwrap();
        let expected = self.model.resume(&session);
        let input = Input::Resume { session: session.clone(), request };
        let outputs = self.story.room.handle(input.clone(), self.story.now);
        let resumed =
            outputs.iter().any(|output| matches!(output, Output::Resumed { session: to, .. } if *to == session));
        let answered = if resumed { DONE } else { answer_of(&outputs) };
        assert_eq!(answered, expected, "the answer (left) to a resume of {session:?} by the model (right)");
        self.after(&outputs, resumed.then_some(input), None);
    }

    fn media(&mut self, session: SessionId, kind: MediaKind) {
        let (fact, media) = match kind {
            MediaKind::Connected => (MediaFact::Connected { session: session.clone() }, Media::There),
            MediaKind::Interrupted => (MediaFact::Interrupted { session: session.clone() }, Media::Lost),
            MediaKind::Restored => (MediaFact::Restored { session: session.clone() }, Media::There),
            MediaKind::Closed => (MediaFact::Closed { session: session.clone() }, Media::Over),
        };
        self.model.media(&session, media);
        self.tell(Input::Media(fact));
    }

    fn sound(&mut self, session: SessionId, found: Found) {
        self.model.sound(&session, |sound| match found {
            Found::Latency(state) => sound.0 = state,
            Found::Quality(quality) => sound.1 = Some(quality),
            Found::Unheard(why) => sound.2 = why,
        });
        self.tell(Input::Media(found.about(session)));
    }

    /// A room of the same name is another room: nothing that was seen of the first counts for it.
    pub(super) fn forget_what_was_seen(&mut self) {
        let now = self.story.now;
        self.plan = None;
        self.grants.clear();
        self.watchers.clear();
        self.admin = Watcher::begin(None, self.story.room.snapshot(&Viewer::Admin, now));
        self.cues.clear();
        self.tallied = None;
        self.picture = Picture::of_room(&self.story.room, None, now);
    }

    pub(super) fn tell(&mut self, input: Input) {
        let outputs = self.story.room.handle(input.clone(), self.story.now);
        self.after(&outputs, Some(input), None);
    }

    /// Time passes, and each timeout comes at its time.
    pub(super) fn pass(&mut self, span: Duration) {
        let end = self.story.now + span;
        loop {
            let next = self.story.room.next_timeout();
            assert_eq!(
                self.twin.next_timeout(),
                next,
                "the twin (left) waits for something else than the room (right)"
            );
            // What was owed to someone who comes back may have been due while they were away: then it is due now.
            let Some(due) = next.filter(|due| *due <= end).map(|due| due.max(self.story.now)) else { break };
            self.story.now = due;
            self.model.advance(due - self.begun);
            let outputs = self.story.room.handle(Input::Timeout, due);
            self.after(&outputs, Some(Input::Timeout), None);
            assert!(
                self.story.room.next_timeout().is_none_or(|next| next > due),
                "a timeout that changes nothing comes for ever"
            );
        }
        self.story.now = end;
        self.model.advance(end - self.begun);
        self.look(None);
    }

    /// At the end people know the audience, unless they are told in a moment.
    fn end(&mut self) {
        self.pass(seconds(2));
        let present = self.story.room.snapshot(&Viewer::Admin, self.story.now).audience;
        let soon = self.story.room.next_timeout().is_some_and(|due| due <= self.story.now + seconds(1));
        assert!(self.closed || soon || *self.admin.audience() == present, "the audience was told");
    }

    pub(super) fn snapshot(&self) -> (Snapshot, Option<StagePlan>) {
        (self.story.room.snapshot(&Viewer::Admin, self.story.now), self.plan.clone())
    }

    pub(super) fn after(&mut self, outputs: &[Output], for_twin: Option<Input>, actor: Option<Actor<'_>>) {
        self.model.settle();
        let is_accepted = for_twin.is_some();
        if let Some(input) = for_twin {
            let of_twin = self.twin.handle(input, self.story.now);
            assert_eq!(of_twin, outputs, "equal inputs give equal outputs, and refusals change nothing");
        }
        self.check_audits(outputs, actor);
        let changes = self.write_down();
        assert!(is_accepted || changes.is_empty(), "a refusal writes nothing: {changes:?}");
        self.hear(outputs);
        self.look(actor);
        self.check_watchers();
        if !self.closed {
            self.check_sounds();
        }
    }

    /// Lays the room beside the model.
    pub(super) fn look(&mut self, actor: Option<Actor<'_>>) {
        assert_eq!(
            self.story.room.is_closed(),
            self.model.phase == Phase::Closed,
            "the room (left) and the model (right)"
        );
        if self.model.phase == Phase::Closed {
            return;
        }
        let picture = Picture::of_room(&self.story.room, self.plan.as_ref(), self.story.now);
        let model = self.model.picture();
        assert_eq!(picture.room, model.room, "the room (left) and the model (right)");
        assert_eq!(picture.seats, model.seats, "the room's seats (left) and the model's (right)");
        assert_eq!(picture.hands, model.hands, "the room's hands (left) and the model's (right)");
        assert_eq!(picture.invites, model.invites, "the room's invites (left) and the model's (right)");
        for (who, person) in &picture.people {
            assert_eq!(Some(person), model.people.get(who), "{who} in the room (left) and in the model (right)");
        }
        assert_eq!(picture, model, "the room (left) and the model (right)");
        self.check_stage(&picture);
        check_mutes(&self.picture, &picture, actor);
        self.picture = picture;
    }

    /// Invariants 1, 2 and 9: by what an outside admin sees, and by the plan.
    fn check_stage(&self, picture: &Picture) {
        let holders: Vec<_> = picture.seats.iter().filter_map(|seat| seat.holder.as_ref()).collect();
        assert_eq!(holders.iter().collect::<BTreeSet<_>>().len(), holders.len(), "one seat a person");
        assert!(self.story.room.participants() <= PLACES);
        let roles = self.story.room.role_counts();
        assert_eq!(roles.hosts + roles.guests + roles.listeners, self.story.room.participants());
        let snapshot = self.story.room.snapshot(&Viewer::Admin, self.story.now);
        let visible = self.story.room.visible_of(roles);
        let occupied =
            snapshot.seats.iter().filter(|seat| matches!(seat.state, SeatViewState::Occupied { .. })).count();
        assert_eq!(visible.hosts + visible.guests + visible.listeners, snapshot.audience.count + occupied);
        let formula = snapshot.seats.iter().filter_map(|seat| match &seat.state {
            SeatViewState::Occupied { holder, csrc } => Some(PlannedSeat {
                seat: seat.index,
                session: self.story.room.session_of(&holder.identity).unwrap().clone(),
                csrc: *csrc,
                open: !seat.muted_by_host && !holder.host_muted && !holder.self_muted,
                priority: holder.rank != Rank::Member,
            }),
            _ => None,
        });
        let planned = self.plan.as_ref().map(|plan| plan.seats.clone()).unwrap_or_default();
        assert_eq!(planned, formula.collect::<Vec<_>>(), "the plan (left) and the formula (right)");
        let interrupt = self.plan.as_ref().map_or(snapshot.room.interrupt, |plan| plan.interrupt);
        assert!(planned.is_empty() || interrupt == snapshot.room.interrupt, "the plan says {interrupt:?}");
    }

    /// Each accepted act of moderation is noted once, directly before its answer, and nothing else is.
    fn check_audits(&self, outputs: &[Output], actor: Option<Actor<'_>>) {
        let places: Vec<usize> = (0..)
            .zip(outputs)
            .filter(|(_, output)| matches!(output, Output::Audit(_)))
            .map(|(place, _)| place)
            .collect();
        let Some(Actor { who, rank, is_admin, from_outside, act }) = actor.filter(Actor::moderates) else {
            assert!(places.is_empty(), "{actor:?} is no moderation: {outputs:?}");
            return;
        };
        let [place] = places[..] else { panic!("{actor:?} is noted once: {outputs:?}") };
        let Output::Audit(audit) = &outputs[place] else { unreachable!() };
        let (Output::Reply { result: Ok(done), .. } | Output::Answer { result: Ok(done) }) = &outputs[place + 1] else {
            panic!("it stands before its answer: {outputs:?}")
        };
        assert_eq!((&audit.by, audit.rank, &audit.act), (who, rank, act));
        assert_eq!((audit.is_admin, audit.from_outside), (is_admin, from_outside));
        assert_eq!(audit.on, self.about(act, done), "whom {act:?} was about");
    }

    /// Whom an act was about, by how things were before it.
    fn about(&self, act: &Act, done: &Done) -> Option<Identity> {
        match act {
            Act::SeatLock { seat, .. }
            | Act::SeatMute { seat, .. }
            | Act::SeatUnmute { seat, .. }
            | Act::SeatKick { seat, .. } => self.picture.seats[usize::from(seat.get())].holder.clone(),
            Act::SeatMove { identity, .. } => identity.clone(),
            Act::HandNext => done.hand.as_ref().map(|hand| hand.identity.clone()),
            Act::InviteRevoke(InviteName::Id(id)) => {
                let pending = self.picture.invites.iter().find(|invite| invite.id == id.0).map(|invite| &invite.to);
                let mut ended = self.model.invites_ended.iter();
                let ended = ended.find(|(invite, _)| invite.id == id.0).map(|(invite, _)| &invite.to);
                pending.or(ended).cloned()
            }
            Act::InviteRevoke(InviteName::To(who)) => Some(who.clone()),
            Act::ModerationForget { identity } => identity.clone(),
            Act::SeatAssign { identity, .. }
            | Act::HandApprove { identity }
            | Act::HandDeny { identity }
            | Act::MemberMute { identity, .. }
            | Act::MemberUnmute { identity }
            | Act::MemberKick { identity, .. }
            | Act::MemberBan { identity, .. }
            | Act::MemberUnban { identity }
            | Act::MemberRank { identity, .. }
            | Act::HostTransfer { to: identity }
            | Act::InviteSend { identity, .. } => Some(identity.clone()),
            _ => None,
        }
    }

    fn hear(&mut self, outputs: &[Output]) {
        let moderators: BTreeSet<SessionId> = self.story.room.moderators().cloned().collect();
        let mut welcomed = Vec::new();
        for (place, output) in outputs.iter().enumerate() {
            match output {
                Output::Tell { to, seq, event } => {
                    assert!(!self.closed, "after the end: {event:?}");
                    self.admin.hear(to, *seq, event, &moderators);
                    // A snapshot tells everything but how it sounds.
                    let is_sound = is_sound(to, event, &moderators);
                    for (session, watcher) in &mut self.watchers {
                        if is_sound || !welcomed.contains(session) {
                            watcher.hear(to, *seq, event, &moderators);
                        }
                    }
                    self.check_pace(event);
                }
                Output::Audit(_) => {}
                Output::Plan(plan) => {
                    assert_eq!(place, 0, "a gate closes before anyone is told");
                    self.hear_plan(plan);
                }
                Output::Welcome { session, .. } | Output::Resumed { session, .. } => {
                    self.watch(session);
                    welcomed.push(session.clone());
                }
                Output::CloseTransport { session, .. } => {
                    assert!(self.over.insert(session.clone()), "{session:?} ends twice");
                    assert!(self.watchers.remove(session).is_some(), "{session:?} was there");
                }
                Output::Closed => self.closed = true,
                Output::Reply { .. } | Output::Answer { .. } | Output::Bye { .. } => {}
            }
        }
    }

    fn snapshot_for(&self, session: &SessionId) -> Snapshot {
        let identity = self.story.room.roster.identity_of(session).expect("whoever watches is there").clone();
        self.story.room.snapshot(&Viewer::Participant(identity), self.story.now)
    }

    /// Someone looks at the room as it is now.
    pub(super) fn watch(&mut self, session: &SessionId) {
        let watcher = Watcher::begin(Some(session.clone()), self.snapshot_for(session));
        self.watchers.insert(session.clone(), watcher);
    }

    fn hear_plan(&mut self, plan: &StagePlan) {
        let (revision, known) = self.plan.as_ref().map_or((0, None), |known| (known.revision, Some(known)));
        assert_eq!(plan.revision, revision + 1);
        let same = known.is_some_and(|known| known.seats == plan.seats && known.interrupt == plan.interrupt);
        assert!(!same, "a plan is sent only if it is another");
        for seat in &plan.seats {
            let whose = self.grants.entry(seat.csrc.get()).or_insert_with(|| seat.session.clone());
            assert_eq!(*whose, seat.session, "an occupancy is of one session");
            assert!(!self.over.contains(&seat.session), "a session that is over is not planned");
        }
        self.plan = Some(plan.clone());
    }

    fn check_pace(&mut self, event: &Event) {
        let now = self.story.now;
        let since = |last: Option<Instant>| last.map(|last| now.duration_since(last));
        match event {
            Event::SeatCue { seat, .. } => {
                if self.cues.last() != Some(&(now, *seat)) {
                    self.cues.push((now, *seat));
                }
                let recent = self.cues.iter().rev().take_while(|(at, _)| now.duration_since(*at) < seconds(1)).count();
                assert!(recent <= 2, "two cues a second");
                assert_ne!(*seat, SeatIndex::HOST);
                let is = self.story.room.snapshot(&Viewer::Admin, now).seats[usize::from(seat.get())].state.clone();
                assert_eq!(is, SeatViewState::Open, "only a seat that is open is cued");
            }
            Event::ReactionTally { tally } => {
                assert!(since(self.tallied).is_none_or(|since| since >= Duration::from_millis(500)));
                assert!(!tally.is_empty());
                self.tallied = Some(now);
            }
            _ => {}
        }
    }

    /// Invariant 5, through the eyes of everyone who is there.
    fn check_watchers(&self) {
        if self.closed {
            return;
        }
        self.admin.agrees_with(self.story.room.snapshot(&Viewer::Admin, self.story.now), "an admin");
        for (session, watcher) in &self.watchers {
            watcher.agrees_with(self.snapshot_for(session), session.as_str());
        }
        assert_eq!(self.watchers.len(), self.story.room.participants(), "whoever is gone was closed");
    }

    fn check_sounds(&mut self) {
        let stage = self.model.stage_sounds();
        self.admin.sounds.agrees_with(None, Some(&stage), "an admin");
        for (session, watcher) in &mut self.watchers {
            let who = self.model.who_is(session).expect("whoever watches is there");
            let person = &self.model.people[&who];
            watcher.sounds.agrees_with(Some(person.sound), person.moderates().then_some(&stage), session.as_str());
        }
    }
}

impl Actor<'_> {
    /// Whether an accepted act was one of moderation. Guests swap and move by themselves.
    fn moderates(&self) -> bool {
        match self.act {
            Act::SeatSwap { .. } => self.is_admin || self.rank != Rank::Member,
            Act::SeatMove { identity, .. } => identity.as_ref().is_some_and(|who| self.is_admin || who != self.who),
            Act::SeatTake { .. }
            | Act::SeatLeave
            | Act::SeatConfirm { .. }
            | Act::SeatDecline { .. }
            | Act::HandRaise { .. }
            | Act::HandLower
            | Act::HostAccept
            | Act::HostDecline
            | Act::InviteAccept { .. }
            | Act::InviteDecline { .. }
            | Act::MuteSelf { .. }
            | Act::Prefs { .. }
            | Act::Reaction { .. }
            | Act::Message { .. }
            | Act::Leave => false,
            _ => true,
        }
    }
}

fn answer_of(outputs: &[Output]) -> Answered {
    match reply_of(outputs) {
        Ok(Done { pending: true, .. }) => Ok(Waits::ForAWord),
        Ok(_) => Ok(Waits::No),
        Err(refused) => Err(refused.refusal),
    }
}

/// How many runs there are, unless `PODIUM_ROOM_CASES` says otherwise.
const CASES: u64 = 150;
/// How many simpler runs are tried before a failure is shown.
const SHRINKS_MAX: u32 = 2_000;
