//! Answers are what a session's last requests led to, so that the same request asked again gets the same answer and changes nothing.

use std::collections::VecDeque;

use crate::ids::RequestId;

use super::output::Done;
use super::refusal::Refused;

/// What a request led to.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    Welcomed,
    Replied(Box<Result<Done, Refused>>),
}

/// The last answers of one session; older ones are forgotten.
#[derive(Debug, Default)]
pub(super) struct Answers {
    last: VecDeque<(RequestId, Answer)>,
}

impl Answers {
    pub(super) fn find(&self, request: &RequestId) -> Option<&Answer> {
        self.last.iter().find(|(known, _)| known == request).map(|(_, answer)| answer)
    }

    pub(super) fn keep(&mut self, request: RequestId, answer: Answer) {
        if self.last.len() == ANSWERS_MAX {
            self.last.pop_front();
        }
        self.last.push_back((request, answer));
    }
}

/// How many answers are remembered for a session.
pub(super) const ANSWERS_MAX: usize = 64;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]

    use super::*;

    #[test]
    fn the_last_64_answers_are_kept() {
        let request = |number: usize| RequestId::parse(&number.to_string()).unwrap();
        let mut answers = Answers::default();
        for number in 0..=ANSWERS_MAX {
            answers.keep(request(number), Answer::Welcomed);
        }
        assert!(answers.find(&request(0)).is_none());
        assert!(answers.find(&request(1)).is_some());
        assert!(answers.find(&request(ANSWERS_MAX)).is_some());
        assert_eq!(answers.last.len(), ANSWERS_MAX);
    }
}
