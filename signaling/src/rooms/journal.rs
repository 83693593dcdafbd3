//! A journal is what a room said last to everyone and to its hosts, in order and each event written once.
//!
//! The audience reads on from where it was, in batches; who lost the connection reads what was missed. Levels, tallies and the like are passing
//! words: they are kept apart, and only the newest of each kind counts. It knows nothing of sockets, and forgets what is old.

use std::collections::VecDeque;

use super::line::Frame;
use crate::{protocol::server, room::Event};

/// What a room said last.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    entries: VecDeque<Entry>,
    /// The position of the first of them.
    first: Position,
    /// The number of the last event that was logged, and of the last one that was forgotten.
    last_seq: u64,
    forgotten_seq: u64,
    passing: [Option<PassingWord>; PASSING_KINDS],
    passing_count: PassingMark,
}

/// One event.
#[derive(Debug)]
struct Entry {
    /// Its number in the room's log, if it is in it.
    seq: Option<u64>,
    audience: Audience,
    text: Frame,
}

/// Who may read an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Audience {
    /// Everyone.
    Everyone,
    /// Hosts and cohosts.
    Hosts,
    /// Those who keep its position.
    Some,
}

/// A place in the journal. It grows by one an event, for as long as the room lives.
pub(crate) type Position = u64;

/// How many passing words there were.
pub(crate) type PassingMark = u64;

#[derive(Debug)]
struct PassingWord {
    mark: PassingMark,
    text: Frame,
}

/// How far someone has read.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Bookmark {
    /// The next event to read.
    pub(crate) position: Position,
    /// Events up to this number are known from a snapshot.
    pub(crate) seq: u64,
    /// Events that are for them among others.
    pub(crate) asides: Vec<Position>,
}

/// What someone missed who was away.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Missed {
    /// Nothing.
    Nothing,
    /// These events.
    Events(Frame),
    /// More than is kept, or nobody can say.
    Unknown,
}

impl Journal {
    /// Takes in an event. Passing words have no place of their own and are no part of the log.
    pub(crate) fn push(&mut self, seq: Option<u64>, audience: Audience, text: Frame) -> Position {
        self.last_seq = seq.unwrap_or(self.last_seq);
        self.entries.push_back(Entry { seq, audience, text });
        self.end() - 1
    }

    /// Takes in a passing word in the place of the last one of its kind.
    pub(crate) fn pass(&mut self, kind: PassingKind, text: Frame) {
        self.passing_count += 1;
        self.passing[kind as usize] = Some(PassingWord { mark: self.passing_count, text });
    }

    /// Where the next event will be.
    pub(crate) fn end(&self) -> Position {
        self.first + self.entries.len() as u64
    }

    /// The number of the last event of the log.
    pub(crate) fn last_seq(&self) -> u64 {
        self.last_seq
    }

    /// How many passing words there were.
    pub(crate) fn passing_mark(&self) -> PassingMark {
        self.passing_count
    }

    /// The bookmark of someone who knows all there is.
    pub(crate) fn bookmark(&self) -> Bookmark {
        Bookmark { position: self.end(), seq: 0, asides: Vec::new() }
    }

    /// The bookmark of someone who has read on to the end. What comes next is later than any snapshot, unless that was ahead of the journal.
    pub(crate) fn read(&self, bookmark: &Bookmark) -> Bookmark {
        let seq = if bookmark.seq > self.last_seq { bookmark.seq } else { 0 };
        Bookmark { seq, ..self.bookmark() }
    }

    /// What one of the audience has not read, and the passing words later than `passing`, if it is to have them.
    pub(crate) fn unread(&self, bookmark: &Bookmark, passing: Option<PassingMark>) -> Option<Frame> {
        let Bookmark { position, seq: known, asides } = bookmark;
        let events = self.from(*position).filter(|(position, entry)| {
            entry.seq.is_none_or(|seq| seq > *known)
                && match entry.audience {
                    Audience::Everyone => true,
                    Audience::Hosts => false,
                    Audience::Some => asides.contains(position),
                }
        });
        let words = self.passing.iter().flatten().filter(|word| passing.is_some_and(|mark| word.mark > mark));
        written(events.map(|(_, entry)| &entry.text).chain(words.map(|word| &word.text)))
    }

    /// What someone missed who knows everything up to `seq`.
    pub(crate) fn missed(&self, seq: u64, is_moderator: bool) -> Missed {
        if seq > self.last_seq || seq < self.forgotten_seq {
            return Missed::Unknown;
        }
        let events = self.entries.iter().filter(|entry| {
            entry.seq.is_some_and(|number| number > seq)
                && match entry.audience {
                    Audience::Everyone => true,
                    Audience::Hosts => is_moderator,
                    Audience::Some => false,
                }
        });
        written(events.map(|entry| &entry.text)).map_or(Missed::Nothing, Missed::Events)
    }

    /// Forgets what is more than it keeps, but nothing from `unread` on.
    pub(crate) fn trim(&mut self, unread: Position) {
        while self.entries.len() > JOURNAL_EVENTS_MAX && self.first < unread {
            let entry = self.entries.pop_front().expect("there are more than it keeps");
            self.forgotten_seq = entry.seq.unwrap_or(self.forgotten_seq);
            self.first += 1;
        }
    }

    fn from(&self, position: Position) -> impl Iterator<Item = (Position, &Entry)> {
        let skipped = usize::try_from(position.saturating_sub(self.first)).unwrap_or(usize::MAX);
        (self.first..).zip(&self.entries).skip(skipped)
    }
}

/// The kinds of passing words: a session under pressure can do without them, and the newest stands for all before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PassingKind {
    /// How many there are.
    Audience,
    /// How loud people are.
    Speakers,
    /// Who speaks over the others.
    Interruption,
    /// How people react.
    Reactions,
}

const PASSING_KINDS: usize = 4;

impl PassingKind {
    /// What kind of passing word an event is, if it is one.
    pub(crate) fn of(event: &Event) -> Option<Self> {
        match event {
            Event::Audience(_) => Some(Self::Audience),
            Event::Speakers { .. } => Some(Self::Speakers),
            Event::Interruption { .. } => Some(Self::Interruption),
            Event::ReactionTally { .. } => Some(Self::Reactions),
            Event::SeatChanged { .. }
            | Event::SeatCue { .. }
            | Event::SeatOffer { .. }
            | Event::HandPosition { .. }
            | Event::HandChanged { .. }
            | Event::ParticipantJoined { .. }
            | Event::ParticipantLeft { .. }
            | Event::RankChanged { .. }
            | Event::RoomUpdated { .. }
            | Event::Invite { .. }
            | Event::InviteChanged { .. }
            | Event::BanChanged { .. }
            | Event::MuteChanged { .. }
            | Event::SwapProposed { .. }
            | Event::HostOffer { .. }
            | Event::HostOfferEnded { .. }
            | Event::TurnEnding { .. }
            | Event::LostSeat { .. }
            | Event::Moderation(_)
            | Event::Message { .. }
            | Event::Slots { .. }
            // Each is said to one or to few, and is not said again: a session under pressure may be so because of what they tell.
            | Event::LatencyState { .. }
            | Event::ConnectionQuality { .. }
            | Event::Unheard { .. }
            | Event::SelfChanged(_) => None,
        }
    }
}

fn written<'a>(texts: impl Iterator<Item = &'a Frame>) -> Option<Frame> {
    let mut texts = texts.peekable();
    texts.peek()?;
    Some(server::events(texts.map(Frame::as_str)).into())
}

/// So many events are kept for those who come back.
pub(crate) const JOURNAL_EVENTS_MAX: usize = 1_024;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop on surprise")]

    use super::*;

    #[test]
    fn the_audience_reads_on_from_its_bookmark() {
        let mut journal = Journal::default();
        log(&mut journal, 1, Audience::Everyone);
        let mut bookmark = journal.bookmark();
        assert_eq!(journal.unread(&bookmark, Some(0)), None);
        log(&mut journal, 2, Audience::Hosts);
        log(&mut journal, 3, Audience::Everyone);
        let aside = journal.push(None, Audience::Some, "\"cue\"".into());
        assert_eq!(journal.unread(&bookmark, Some(0)).as_deref(), Some(r#"{"type":"events","events":[3]}"#));
        bookmark.asides.push(aside);
        log(&mut journal, 4, Audience::Everyone);
        assert_eq!(journal.unread(&bookmark, None).as_deref(), Some(r#"{"type":"events","events":[3,"cue",4]}"#));
        bookmark.seq = 3;
        assert_eq!(journal.unread(&bookmark, None).as_deref(), Some(r#"{"type":"events","events":["cue",4]}"#));
    }

    #[test]
    fn of_passing_words_only_the_newest_of_a_kind_counts() {
        let mut journal = Journal::default();
        for number in 0..10 {
            journal.pass(PassingKind::Speakers, format!("\"s{number}\"").into());
            journal.pass(PassingKind::Audience, format!("\"a{number}\"").into());
        }
        let bookmark = journal.bookmark();
        let all = r#"{"type":"events","events":["a9","s9"]}"#;
        assert_eq!(journal.unread(&bookmark, Some(0)).as_deref(), Some(all));
        let mark = journal.passing_mark();
        assert_eq!(journal.unread(&bookmark, Some(mark)), None);
        journal.pass(PassingKind::Interruption, "\"i\"".into());
        assert_eq!(journal.unread(&bookmark, Some(mark)).as_deref(), Some(r#"{"type":"events","events":["i"]}"#));
        assert_eq!(journal.unread(&bookmark, None), None, "a session under pressure does without");
    }

    #[test]
    fn who_comes_back_is_told_what_was_missed_and_may_be_seen() {
        let mut journal = Journal::default();
        log(&mut journal, 1, Audience::Everyone);
        log(&mut journal, 2, Audience::Hosts);
        journal.push(None, Audience::Everyone, "\"unnumbered\"".into());
        log(&mut journal, 3, Audience::Everyone);
        let events = |texts: &str| Missed::Events(format!(r#"{{"type":"events","events":[{texts}]}}"#).into());
        assert_eq!(journal.missed(0, true), events("1,2,3"));
        assert_eq!(journal.missed(0, false), events("1,3"));
        assert_eq!(journal.missed(2, false), events("3"));
        assert_eq!(journal.missed(3, true), Missed::Nothing);
        assert_eq!(journal.missed(4, true), Missed::Unknown, "nobody knows the future");
    }

    #[test]
    fn so_many_events_are_kept_and_unread_ones_longer() {
        let mut journal = Journal::default();
        let max = JOURNAL_EVENTS_MAX as u64;
        for seq in 1..=max + 10 {
            log(&mut journal, seq, Audience::Everyone);
        }
        journal.trim(4);
        assert_eq!(journal.entries.len(), JOURNAL_EVENTS_MAX + 6);
        journal.trim(journal.end());
        assert_eq!(journal.entries.len(), JOURNAL_EVENTS_MAX);
        assert_eq!(journal.missed(9, false), Missed::Unknown);
        assert!(matches!(journal.missed(10, false), Missed::Events(_)));
        let behind = Bookmark { position: max + 9, seq: 0, asides: Vec::new() };
        assert_eq!(
            journal.unread(&behind, None).as_deref(),
            Some(&*format!(r#"{{"type":"events","events":[{}]}}"#, max + 10))
        );
    }

    fn log(journal: &mut Journal, seq: u64, audience: Audience) {
        journal.push(Some(seq), audience, seq.to_string().into());
    }
}
