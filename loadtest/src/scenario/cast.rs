//! A cast decides who of an audience asks what next: hands go up and down, guests mute, seats change hands, people say and show things.
//!
//! Pure: equal dice give equal plays. It believes what it asked for until it hears that it was refused.

use std::collections::VecDeque;

use super::dice::Dice;

/// Somebody's next command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) who: usize,
    /// The type on the wire.
    pub(super) kind: &'static str,
    /// Its other fields, each with a comma before it.
    pub(super) fields: String,
}

/// Which words the server knows, of those that not every server does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Words {
    pub(super) reaction: bool,
    pub(super) message: bool,
}

/// Everybody, by number: first the host, then the guests who keep their seats, then the audience.
pub(super) struct Cast {
    people: usize,
    words: Words,
    dice: Dice,
    muted: [bool; GUESTS],
    hands: VecDeque<usize>,
    /// Who holds each of the seats that change hands.
    seats: [Option<usize>; SEATS_CHANGING],
}

impl Cast {
    /// `people` are more than the host and the guests.
    pub(super) fn new(people: usize, words: Words, dice: Dice) -> Self {
        Self { people, words, dice, muted: [false; GUESTS], hands: VecDeque::new(), seats: [None; SEATS_CHANGING] }
    }

    /// The next command of somebody who is idle, if the dice find one.
    pub(super) fn next(&mut self, is_idle: impl Fn(usize) -> bool) -> Option<Line> {
        (0..THROWS).find_map(|_| match self.dice.below(20) {
            0..6 => self.hand(&is_idle),
            6..10 => self.mute(&is_idle),
            10..14 => self.seat(&is_idle),
            14..16 if self.words.reaction => self.listener(&is_idle, "reaction", r#","kind":"applause""#),
            16..18 if self.words.message => self.listener(&is_idle, "message", r#","text":"well said""#),
            _ => self.listener(&is_idle, "ping", ""),
        })
    }

    /// What somebody asked for was refused: they have neither a hand up nor one of the seats.
    pub(super) fn refused(&mut self, who: usize) {
        self.hands.retain(|&hand| hand != who);
        self.seats.iter_mut().filter(|seat| **seat == Some(who)).for_each(|seat| *seat = None);
    }

    fn hand(&mut self, is_idle: impl Fn(usize) -> bool) -> Option<Line> {
        if self.hands.len() < HANDS_MAX {
            let line = self.listener(is_idle, "hand_raise", r#","mic_ready":true"#)?;
            self.hands.push_back(line.who);
            return Some(line);
        }
        let who = self.hands.front().copied().filter(|who| is_idle(*who))?;
        self.hands.pop_front();
        Some(Line { who, kind: "hand_lower", fields: String::new() })
    }

    fn mute(&mut self, is_idle: impl Fn(usize) -> bool) -> Option<Line> {
        let guest = self.dice.below(GUESTS);
        let who = FIRST_GUEST + guest;
        if !is_idle(who) {
            return None;
        }
        self.muted[guest] = !self.muted[guest];
        Some(Line { who, kind: "mute_self", fields: format!(r#","muted":{}"#, self.muted[guest]) })
    }

    fn seat(&mut self, is_idle: impl Fn(usize) -> bool) -> Option<Line> {
        let place = self.dice.below(SEATS_CHANGING);
        match self.seats[place] {
            Some(who) if is_idle(who) => {
                self.seats[place] = None;
                Some(Line { who, kind: "seat_leave", fields: String::new() })
            }
            Some(_) => None,
            None => {
                let seat = FIRST_GUEST + GUESTS + place;
                let line = self.listener(is_idle, "seat_take", &format!(r#","seat":{seat}"#))?;
                self.seats[place] = Some(line.who);
                Some(line)
            }
        }
    }

    /// A command of somebody in the audience whose hand is down.
    fn listener(&mut self, is_idle: impl Fn(usize) -> bool, kind: &'static str, fields: &str) -> Option<Line> {
        let first = FIRST_GUEST + GUESTS;
        let who = first + self.dice.below(self.people - first);
        let is_free = is_idle(who) && !self.hands.contains(&who) && !self.seats.contains(&Some(who));
        is_free.then(|| Line { who, kind, fields: fields.to_owned() })
    }
}

/// The number of the first guest, and of the seat they take.
pub(super) const FIRST_GUEST: usize = 1;
/// Guests who keep their seats.
pub(super) const GUESTS: usize = 5;
/// Seats that people of the audience take and leave, after those of the guests.
const SEATS_CHANGING: usize = 3;
/// The fewest people that make a cast: there must be somebody to take a seat and somebody to raise a hand.
pub(super) const PEOPLE_MIN: usize = FIRST_GUEST + GUESTS + SEATS_CHANGING + HANDS_MAX + 1;
/// Hands that are up at once.
const HANDS_MAX: usize = 30;
const THROWS: usize = 32;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]

    use std::collections::HashMap;

    use super::*;

    #[test]
    fn a_play_is_one_that_a_server_would_allow() {
        let mut cast = Cast::new(PEOPLE_MIN, Words { reaction: true, message: false }, Dice::new(7));
        let mut hands = Vec::new();
        let mut seats: HashMap<String, usize> = HashMap::new();
        let mut counts: HashMap<&str, usize> = HashMap::new();
        for _ in 0..2_000 {
            let Line { who, kind, fields } = cast.next(|_| true).unwrap();
            *counts.entry(kind).or_default() += 1;
            match kind {
                "hand_raise" => {
                    assert!(!hands.contains(&who) && !seats.values().any(|holder| *holder == who));
                    hands.push(who);
                }
                "hand_lower" => {
                    assert!(hands.iter().position(|hand| *hand == who).map(|at| hands.remove(at)).is_some())
                }
                "seat_take" => assert_eq!(seats.insert(fields, who), None),
                "seat_leave" => seats.retain(|_, holder| *holder != who),
                "mute_self" => assert!((FIRST_GUEST..FIRST_GUEST + GUESTS).contains(&who)),
                "reaction" | "ping" => assert!(who >= FIRST_GUEST + GUESTS),
                other => panic!("{other} is not known here"),
            }
            assert!(hands.len() <= HANDS_MAX && seats.len() <= SEATS_CHANGING);
        }
        for kind in ["hand_raise", "hand_lower", "mute_self", "seat_take", "seat_leave", "ping", "reaction"] {
            assert!(counts[kind] > 50, "{counts:?}");
        }
    }

    #[test]
    fn only_the_idle_are_asked() {
        let mut cast = Cast::new(PEOPLE_MIN, Words::default(), Dice::new(1));
        assert_eq!(cast.next(|_| false), None);
        for _ in 0..200 {
            if let Some(line) = cast.next(|who| who % 2 == 1) {
                assert_eq!(line.who % 2, 1);
            }
        }
    }

    #[test]
    fn who_was_refused_a_seat_does_not_leave_it() {
        let mut cast = Cast::new(PEOPLE_MIN, Words::default(), Dice::new(3));
        for _ in 0..500 {
            let line = cast.next(|_| true).unwrap();
            assert_ne!(line.kind, "seat_leave");
            if line.kind == "seat_take" {
                cast.refused(line.who);
            }
        }
    }
}
