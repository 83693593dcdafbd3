//! A room is the rules of one voice room as a value: who is in it, who sits where, whose hand is up, who is heard.
//!
//! It is told what happens and the time, and answers with what that causes. It knows nothing of sockets, JSON, tokens or packets,
//! never reads a clock, never waits and never rolls dice: equal inputs give equal outputs.

mod answers;
mod audience;
mod audit;
mod bans;
mod connection;
mod cue;
mod decisions;
mod due;
mod ends;
pub mod event;
pub mod fact;
mod forgetting;
mod hand_queue;
mod hands;
pub mod input;
mod invite_book;
mod invites;
mod joining;
pub mod latency;
mod life;
mod members;
mod memory;
mod moving;
mod offers;
pub mod output;
mod participant;
mod permit;
pub mod plan;
pub mod rank;
mod ranks;
pub mod record;
pub mod refusal;
mod roster;
mod seat;
mod seat_control;
mod seating;
pub mod settings;
mod showing;
mod sound;
mod stage;
mod talk;
mod telling;
#[cfg(test)]
mod tests;
mod turns;
mod unheard;
pub mod view;

use std::time::{Duration, Instant};

pub use event::{
    CanJoin, CannotJoin, DecisionCause, Event, HandChange, InviteChange, LeftReason, OfferOutcome, RankCause,
    SeatCause, Slot, Speaker,
};
pub use fact::{MediaFact, SlotView};
pub use input::{Act, Input, InviteName, Join, Outsider, RoomChange};
pub use latency::{ConnectionQuality, DelayClass, DelaySide, DelayTerm, LatencyState};
pub use output::{Audit, ByeAction, ByeReason, Done, Output, Recipients, SessionEnd};
pub use plan::{PlannedSeat, StagePlan};
pub use rank::{Rank, Role};
pub use record::{Calendar, Change, RecordError, outlives_room};
pub use refusal::{Details, Refusal, Refused};
pub use settings::{Duplicates, Interrupt, Phase, Promote, SeatMode, Settings};
pub use unheard::UnheardWhy;
pub use view::{
    AudienceMember, AudienceView, BanView, HandView, HolderView, HostOfferView, InviteView, ModerationView, MuteView,
    OwnHand, OwnOffer, OwnSeat, ParticipantView, RankView, ReservedWhy, RoleCounts, RoomView, SeatView, SeatViewState,
    SelfView, Snapshot, Viewer,
};

use crate::ids::{Identity, RequestId, RoomId, SeatIndex, SessionId};

use answers::Answer;
use audience::AudienceNews;
use cue::CuePacer;
use decisions::Decisions;
use hand_queue::HandQueue;
use invite_book::InviteBook;
use life::Life;
use memory::Memory;
use moving::SwapProposal;
use permit::Caller;
use ranks::HostOffer;
use record::Written;
use roster::Roster;
use seat::SeatState;
use sound::StageSound;
use stage::Stage;
use talk::Tally;

/// One room.
#[derive(Debug)]
pub struct Room {
    id: RoomId,
    settings: Settings,
    life: Life,
    stage: Stage,
    queue: HandQueue,
    invites: InviteBook,
    /// Swaps that wait for the other one's word: at most one of each who sits.
    swaps: Vec<SwapProposal>,
    /// The room is offered: at most once by each host.
    host_offers: Vec<HostOffer>,
    roster: Roster,
    memory: Memory,
    decisions: Decisions,
    cues: CuePacer,
    audience: AudienceNews,
    tally: Tally,
    /// Something changed that may let an open seat be offered.
    offers_due: bool,
    /// Who was last said to interrupt.
    interrupter: Option<Identity>,
    /// The number of the last event in the log.
    seq: u64,
    /// The revision of the last plan, and its seats.
    revision: u64,
    planned: Vec<PlannedSeat>,
    planned_interrupt: Interrupt,
    /// Who was last said to speak.
    speakers: Vec<Speaker>,
    /// What moderators were last told of those on stage, and whether there may be news.
    sounds_told: Vec<StageSound>,
    sounds_due: bool,
    empty_since: Option<Instant>,
    /// What was given out to be written down.
    written: Written,
    outputs: Vec<Output>,
}

impl Room {
    /// A new room, empty, and live unless it opens later.
    pub fn new(id: RoomId, settings: Settings, now: Instant) -> Self {
        Self {
            id,
            life: Life::new(settings.opens_in, now),
            stage: Stage::new(settings.seat_count()),
            queue: HandQueue::default(),
            invites: InviteBook::default(),
            swaps: Vec::new(),
            host_offers: Vec::new(),
            roster: Roster::default(),
            memory: Memory::default(),
            decisions: Decisions::new(settings.bans_max),
            cues: CuePacer::new(settings.cue_interval),
            audience: AudienceNews::new(settings.audience_interval),
            tally: Tally::default(),
            offers_due: false,
            interrupter: None,
            seq: 0,
            revision: 0,
            planned: Vec::new(),
            planned_interrupt: settings.interrupt,
            speakers: Vec::new(),
            sounds_told: Vec::new(),
            sounds_due: false,
            empty_since: Some(now + settings.opens_in.unwrap_or_default()),
            written: Written::default(),
            outputs: Vec::new(),
            settings,
        }
    }

    /// Its name.
    pub fn id(&self) -> &RoomId {
        &self.id
    }

    /// The number of the last event of its log.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// Takes in what happened and says what follows. What is due by then is carried out first.
    pub fn handle(&mut self, input: Input, now: Instant) -> Vec<Output> {
        self.carry_out_due(now);
        match input {
            Input::Join(join) => self.join(join, now),
            Input::Resume { session, request } => self.resume(session, request, now),
            Input::Act { session, request, act } => self.act(session, request, act, now),
            // A room that is over answers, and nothing happens in it any more.
            Input::Detached { .. } | Input::Media(_) | Input::ShutOut { .. } | Input::Forget { .. }
                if self.is_closed() => {}
            Input::Outside { by, act } => self.act_from_outside(&by, act, now),
            Input::Detached { session } => self.detach(&session, now),
            Input::Media(fact) => self.learn(fact, now),
            Input::Forget { who, keep_decisions } => self.forget(&who, keep_decisions, now),
            Input::ShutOut { who, by } => self.shut_out_from_all(&who, &by, now),
            Input::Timeout => {}
        }
        self.settle(now);
        std::mem::take(&mut self.outputs)
    }

    /// When to send [`Input::Timeout`], unless something else happens first.
    pub fn next_timeout(&self) -> Option<Instant> {
        if self.is_closed() {
            return None;
        }
        let due = self.next_due().map(|(at, _)| at);
        let tally = self.tally.due(self.settings.tally_interval);
        [due, self.cues.due(), self.audience.due(), tally].into_iter().flatten().min()
    }

    /// The sessions of hosts and cohosts: those that [`Recipients::Hosts`] names.
    pub fn moderators(&self) -> impl Iterator<Item = &SessionId> {
        self.roster.moderators().map(|(_, person)| &person.session)
    }

    /// The present session of someone in the room.
    pub fn session_of(&self, identity: &Identity) -> Option<&SessionId> {
        self.roster.find(identity).map(|person| &person.session)
    }

    /// Those on stage: where, who, and by which session.
    pub fn on_stage(&self) -> impl Iterator<Item = (SeatIndex, &Identity, &SessionId)> {
        self.stage.iter().filter_map(|(index, seat)| match &seat.state {
            SeatState::Occupied { who, session, .. } => Some((index, who, session)),
            SeatState::Open | SeatState::Locked | SeatState::Reserved { .. } => None,
        })
    }

    /// The rank that someone has here, had when they left, or was given before the room was made again.
    pub fn rank_known(&self, who: &Identity) -> Option<Rank> {
        let here = self.roster.find(who).map(|person| person.rank);
        here.or_else(|| self.memory.rank_of(who)).or_else(|| self.decisions.rank(who))
    }

    /// Whether a seat waits for someone who comes now: it is theirs or kept for them, they are invited to one, or lost one a moment ago.
    pub fn expects_on_stage(&self, who: &Identity, now: Instant) -> bool {
        let is_owed = |person: &participant::Participant| person.lost_seat.is_some_and(|lost| lost.until >= now);
        self.stage.seat_of(who).is_some()
            || self.invites.of(who).is_some()
            || self.roster.find(who).is_some_and(is_owed)
    }

    /// Whether someone with a token of this age has been put out, and so may not even look.
    pub fn shuts_out(&self, who: &Identity, token_age: Option<Duration>, now: Instant) -> Option<Refusal> {
        if self.decisions.bans(who) {
            return Some(Refusal::Banned);
        }
        self.decisions.deny(who, token_age, now).then_some(Refusal::Forbidden)
    }

    /// Sets how many decisions about people the room may remember from now on. Those that are there stay.
    pub fn set_places(&mut self, places: usize) {
        self.decisions.set_places(places);
    }

    /// When the next decision about a person runs out.
    pub fn decisions_end(&self) -> Option<Instant> {
        self.decisions.first_end()
    }

    /// How many decisions about people the room remembers.
    pub fn decisions(&self) -> usize {
        self.decisions.len()
    }

    /// How many are in the room, detached ones included.
    pub fn participants(&self) -> usize {
        self.roster.len()
    }

    /// Whether the room is over. Then nobody can join and nothing happens any more.
    pub fn is_closed(&self) -> bool {
        self.life.phase == Phase::Closed
    }

    /// Answers a request of a session: once, and with the same answer when it comes again.
    fn act(&mut self, session: SessionId, request: RequestId, act: Act, now: Instant) {
        if self.is_closed() {
            return self.reply(session, request, Err(Refusal::RoomClosed.into()));
        }
        let Some(identity) = self.roster.identity_of(&session).cloned() else {
            return self.reply(session, request, Err(Refusal::SessionStale.into()));
        };
        let person = self.roster.person(&identity);
        if let Some(answer) = person.answers.find(&request) {
            let result = match answer {
                // The name of the join cannot be another request's.
                Answer::Welcomed => Err(Refusal::InvalidArgument.into()),
                Answer::Replied(result) => Result::clone(result),
            };
            return self.reply(session, request, result);
        }
        let caller = Caller { identity, rank: person.rank, is_admin: false, can_publish: person.can_publish };
        let result = self.carry_out_audited(&caller, act, false, now);
        self.keep_answer(&session, &request, Answer::Replied(Box::new(result.clone())));
        self.reply(session, request, result);
    }

    /// Answers what someone asks who has no session here: acts of moderation only.
    fn act_from_outside(&mut self, by: &Outsider, act: Act, now: Instant) {
        let result = self
            .outside_caller(by, &act, now)
            .map_err(Refused::from)
            .and_then(|by| self.carry_out_audited(&by, act, true, now));
        self.outputs.push(Output::Answer { result });
    }

    fn outside_caller(&self, by: &Outsider, act: &Act, now: Instant) -> Result<Caller, Refusal> {
        let Outsider { identity, is_admin, is_person, is_banned, token_age, expect_seq } = by.clone();
        if self.is_closed() {
            return Err(Refusal::RoomClosed);
        }
        if !act.is_moderation() {
            return Err(Refusal::InvalidArgument);
        }
        let here = self.roster.find(&identity);
        let rank = self.rank_known(&identity);
        let can_publish = here.is_some_and(|person| person.can_publish);
        let is_put_out = is_banned || self.shuts_out(&identity, token_age, now).is_some();
        let is_shut_out = (is_person || !is_admin) && is_put_out;
        if is_shut_out || (!is_admin && rank.is_none()) {
            return Err(Refusal::Forbidden);
        }
        if expect_seq.is_some_and(|seq| seq != self.seq) {
            return Err(Refusal::PreconditionFailed);
        }
        Ok(Caller { identity, rank: rank.unwrap_or(Rank::Member), is_admin, can_publish })
    }

    fn carry_out_audited(&mut self, by: &Caller, act: Act, from_outside: bool, now: Instant) -> Result<Done, Refused> {
        let audit = self.begin_audit(by, &act, from_outside);
        let done = self.carry_out(by, act, now)?;
        if let Some(audit) = audit {
            self.end_audit(audit, &done);
        }
        Ok(done)
    }

    fn carry_out(&mut self, by: &Caller, act: Act, now: Instant) -> Result<Done, Refused> {
        match act {
            Act::Leave => self.leave(by, now),
            Act::SeatTake { seat } => self.take_seat(by, seat, now),
            Act::SeatLeave => self.leave_seat(by, now),
            Act::SeatConfirm { seat } => self.confirm_seat(by, seat, now),
            Act::SeatDecline { seat } => self.decline_seat(by, seat, now),
            Act::SeatLock { seat, evict, expect_rev } => self.lock_seat(by, seat, evict, expect_rev, now),
            Act::SeatUnlock { seat, expect_rev } => self.unlock_seat(by, seat, expect_rev, now),
            Act::SeatMute { seat, expect_rev } => self.mute_seat(by, seat, expect_rev, now),
            Act::SeatUnmute { seat, expect_rev } => self.unmute_seat(by, seat, expect_rev, now),
            Act::SeatKick { seat, expect_rev } => self.kick_off_seat(by, seat, expect_rev, now),
            Act::SeatMove { seat, identity } => self.move_seat(by, seat, identity.as_ref(), now),
            Act::SeatSwap { seat, with } => self.swap_seats(by, seat, with, now),
            Act::SeatAssign { seat, identity, expect_rev } => self.assign_seat(by, seat, &identity, expect_rev, now),
            Act::HandRaise { wanted_seat, mic_ready } => self.raise_hand(by, wanted_seat, mic_ready, now),
            Act::HandLower => self.lower_hand(by, now),
            Act::HandApprove { identity } => self.approve_hand(by, &identity, now),
            Act::HandDeny { identity } => self.deny_hand(by, &identity, now),
            Act::HandNext => self.approve_next(by, now),
            Act::HandsLowerAll => self.lower_all(by, now),
            Act::MemberMute { identity, lasts } => self.mute_member(by, &identity, lasts, now),
            Act::MemberUnmute { identity } => self.unmute_member(by, &identity, now),
            // The reason of a kick is for whoever records the act; the room itself keeps only that of a ban.
            Act::MemberKick { identity, deny, reason } => self.kick_member(by, &identity, deny, reason, now),
            Act::MemberBan { identity, reason, lasts } => self.ban_member(by, &identity, reason, lasts, now),
            Act::MemberUnban { identity } => self.unban_member(by, &identity, now),
            Act::MemberRank { identity, rank } => self.change_rank(by, &identity, rank, now),
            Act::ModerationForget { identity } => self.forget_decisions(by, identity.as_ref(), now),
            Act::HostTransfer { to } => self.transfer_host(by, &to, now),
            Act::HostAccept => self.accept_host(by, now),
            Act::HostDecline => self.decline_host(by),
            Act::InviteSend { identity, seat, hold } => self.send_invite(by, &identity, seat, hold, now),
            Act::InviteRevoke(name) => self.revoke_invite(by, &name, now),
            Act::InviteAccept { invite } => self.accept_invite(by, invite, now),
            Act::InviteDecline { invite } => self.decline_invite(by, invite, now),
            Act::MuteSelf { muted } => self.mute_self(by, muted, now),
            Act::Prefs { do_not_invite } => Ok(self.set_prefs(by, do_not_invite)),
            Act::Reaction { kind } => self.react(by, kind),
            Act::Message { text } => self.send_message(by, text),
            Act::RoomUpdate(change) => self.update(by, change, now),
            Act::RoomClose { notice } => self.close(by, notice, now),
        }
    }

    fn keep_answer(&mut self, session: &SessionId, request: &RequestId, answer: Answer) {
        // Whoever has just left has no session to ask again by.
        let Some(identity) = self.roster.identity_of(session).cloned() else {
            return;
        };
        if let Some(person) = self.roster.untouched_mut(&identity) {
            person.answers.keep(request.clone(), answer);
        }
    }

    fn answer(&mut self, session: SessionId, request: RequestId, answer: Answer) {
        match answer {
            Answer::Welcomed => self.outputs.push(Output::Welcome { session, request }),
            Answer::Replied(result) => self.reply(session, request, *result),
        }
    }

    fn reply(&mut self, session: SessionId, request: RequestId, result: Result<Done, Refused>) {
        self.outputs.push(Output::Reply { session, request, result });
    }
}
