//! Acts from outside: a back end, or someone the room knows, moderates without using a session.

use super::steps::{FromOutside, person};
use super::trial::{Actor, Trial};
use super::*;

/// Someone who acts from outside.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outside {
    rank: Rank,
    is_admin: bool,
}

impl Model {
    /// A back end may do all that a host may, and to anyone.
    pub(super) fn is_admin(&self) -> bool {
        self.outside.is_some_and(|outside| outside.is_admin)
    }

    pub(super) fn rank_by(&self, by: &Identity) -> Rank {
        self.outside.map_or_else(|| self.people[by].rank, |outside| outside.rank)
    }

    fn act_from_outside(&mut self, by: &Outsider, seen: bool, act: &Act) -> Answered {
        if self.phase == Phase::Closed {
            return Err(Refusal::RoomClosed);
        }
        if !act.is_moderation() {
            return Err(Refusal::InvalidArgument);
        }
        let who = &by.identity;
        let rank = self.rank_known(who);
        if !by.is_admin && (rank.is_none() || self.is_banned(who) || self.is_denied(who, by.token_age)) {
            return Err(Refusal::Forbidden);
        }
        if !seen {
            return Err(Refusal::PreconditionFailed);
        }
        self.outside = Some(Outside { rank: rank.unwrap_or(Rank::Member), is_admin: by.is_admin });
        let answer = self.carry_out(who, act);
        self.outside = None;
        answer
    }

    pub(super) fn rank_known(&self, who: &Identity) -> Option<Rank> {
        let here = self.people.get(who).map(|person| person.rank);
        let left = || self.left.get(who).map(|left| left.rank);
        here.or_else(left).or_else(|| self.ranks.get(who).copied())
    }
}

impl Trial {
    pub(super) fn act_from_outside(&mut self, step: FromOutside) {
        let FromOutside { who, is_admin, token_age, behind, act } = step;
        let seq = self.story.room.snapshot(&Viewer::Admin, self.story.now).seq;
        let identity = id(&person(who));
        let by = Outsider {
            identity,
            is_admin,
            is_person: false,
            is_banned: false,
            token_age,
            expect_seq: behind.map(|behind| seq.saturating_sub(behind)),
        };
        let rank = self.model.rank_known(&by.identity).unwrap_or(Rank::Member);
        let expected = self.model.act_from_outside(&by, by.expect_seq.is_none_or(|seen| seen == seq), &act);
        let input = Input::Outside { by: by.clone(), act: act.clone() };
        let (before, outputs) = (self.snapshot(), self.story.room.handle(input.clone(), self.story.now));
        let answered = answer_outside(&outputs);
        assert_eq!(answered, expected, "the answer (left) to {act:?} of {by:?}, {rank:?}, by the model (right)");
        if answered.is_err() {
            assert_eq!(outputs.len(), 1, "whoever is refused is told so and nothing else happens: {outputs:?}");
            assert_eq!(self.snapshot(), before, "a refusal changes nothing: {act:?}");
            return self.after(&[], None, None);
        }
        let picture = self.picture.clone();
        let actor = Actor { who: &by.identity, rank, is_admin, from_outside: true, act: &act };
        self.after(&outputs, Some(input), Some(actor));
        self.pass(Duration::ZERO);
        let told = outputs.iter().any(|output| !matches!(output, Output::Answer { .. } | Output::Audit(_)));
        assert!(told || self.picture == picture, "{act:?} changed something and nobody was told");
    }
}

fn answer_outside(outputs: &[Output]) -> Answered {
    let answers = outputs.iter().filter_map(|output| match output {
        Output::Answer { result } => Some(result),
        _ => None,
    });
    match answers.collect::<Vec<_>>()[..] {
        [Ok(Done { pending: true, .. })] => Ok(Waits::ForAWord),
        [Ok(_)] => Ok(Waits::No),
        [Err(refused)] => Err(refused.refusal),
        _ => panic!("whoever asks is answered once: {outputs:?}"),
    }
}
