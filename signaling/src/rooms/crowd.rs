//! A crowd is the sessions of a room whose sockets are there, and how soon each is told what the room says.
//!
//! The stage, hosts and cohosts are told at once; the audience reads the journal in batches, cohort by cohort. A session that cannot take what it is
//! told is noted as full; whoever owns the crowd cuts it off.

use std::{
    collections::{HashMap, HashSet},
    time::Instant,
};

use super::{
    journal::{Audience, Bookmark, Journal, PassingKind},
    line::{Frame, Line, LineId, Parcel},
    pace::Cohorts,
};
use crate::{
    ids::{Identity, SessionId},
    room::{Event, Rank, Role, SelfView},
};

/// The sessions of a room whose sockets are there.
#[derive(Default)]
pub(crate) struct Crowd {
    members: HashMap<SessionId, Member>,
    lines: HashMap<LineId, SessionId>,
    /// Those who are told at once.
    prompt: HashSet<SessionId>,
    cohorts: Cohorts,
    journal: Journal,
    /// Sessions whose queue was found full.
    full: Vec<SessionId>,
}

/// A session whose socket is there.
pub(crate) struct Member {
    pub(crate) line: Line,
    pub(crate) identity: Identity,
    pub(crate) pending: Option<Pending>,
    place: Place,
}

/// What a session waits for.
pub(crate) enum Pending {
    /// The welcome to its join.
    Join {
        /// The answer to its offer.
        answer: Option<String>,
        /// What it can resume with.
        resume_token: String,
    },
    /// The welcome to its resume.
    Resume {
        /// The last event that it knows.
        last_seq: u64,
        /// What it can resume with next.
        resume_token: String,
    },
}

/// How soon a session is told what everyone is told.
enum Place {
    /// Not before its welcome.
    Waiting,
    /// The stage, hosts and cohosts: at once, but nothing that a snapshot has told them.
    Prompt { known_seq: u64 },
    /// The audience: with its cohort.
    Audience { cohort: usize, bookmark: Bookmark },
}

impl Crowd {
    /// A socket has come. It is told nothing before its welcome.
    pub(crate) fn add(&mut self, session: &SessionId, line: Line, identity: Identity, pending: Pending) {
        self.lines.insert(line.id(), session.clone());
        let member = Member { line, identity, pending: Some(pending), place: Place::Waiting };
        self.members.insert(session.clone(), member);
    }

    /// A socket goes.
    pub(crate) fn remove(&mut self, session: &SessionId) -> Option<Member> {
        let member = self.members.remove(session)?;
        self.lines.remove(&member.line.id());
        match member.place {
            Place::Waiting => {}
            Place::Prompt { .. } => {
                self.prompt.remove(session);
            }
            Place::Audience { cohort, .. } => self.cohorts.remove(session, cohort),
        }
        Some(member)
    }

    /// Everyone goes.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = Member> {
        let Self { members, .. } = std::mem::take(self);
        members.into_values()
    }

    /// The session that has this line now.
    pub(crate) fn session_of(&self, line: LineId) -> Option<&SessionId> {
        self.lines.get(&line)
    }

    /// The member that a session is.
    pub(crate) fn find(&self, session: &SessionId) -> Option<&Member> {
        self.members.get(session)
    }

    /// What a session waits for; it waits no more.
    pub(crate) fn take_pending(&mut self, session: &SessionId) -> Option<Pending> {
        self.members.get_mut(session)?.pending.take()
    }

    /// What was said.
    pub(crate) fn journal(&self) -> &Journal {
        &self.journal
    }

    /// A session is welcome: from here on it is told. What a snapshot said up to `known_seq` it is not told again.
    pub(crate) fn place(&mut self, session: &SessionId, own: Option<&SelfView>, known_seq: u64) {
        let Some(member) = self.members.get_mut(session) else {
            return;
        };
        if own.is_some_and(is_prompt) {
            self.prompt.insert(session.clone());
            member.place = Place::Prompt { known_seq };
        } else {
            let cohort = self.cohorts.add(session.clone(), self.journal.passing_mark());
            let bookmark = Bookmark { seq: known_seq, ..self.journal.bookmark() };
            member.place = Place::Audience { cohort, bookmark };
        }
    }

    /// Tells everyone: some at once, the audience with the next batch.
    pub(crate) fn tell_everyone(&mut self, seq: Option<u64>, event: &Event, text: Frame, now: Instant) {
        let frame = Frame::from(text);
        let passing = PassingKind::of(event);
        for session in &self.prompt {
            let Some(Member { line, place: Place::Prompt { known_seq }, .. }) = self.members.get(session) else {
                continue;
            };
            if seq.is_none_or(|seq| seq > *known_seq) {
                offer(line, session, frame.clone(), passing.is_some(), &mut self.full);
            }
        }
        let position = self.journal.end();
        match passing {
            Some(kind) => self.journal.pass(kind, frame),
            None => {
                self.journal.push(seq, Audience::Everyone, frame);
            }
        }
        self.cohorts.wait(position, now);
    }

    /// Tells hosts and cohosts, whose sessions are these.
    pub(crate) fn tell_hosts(&mut self, hosts: &[SessionId], seq: Option<u64>, event: &Event, text: Frame) {
        let frame = Frame::from(text);
        self.tell_at_once(hosts, seq, event, &frame);
        if seq.is_some() {
            self.journal.push(seq, Audience::Hosts, frame);
        }
    }

    /// Tells these sessions: a few at once, of many those of the audience with the next batch.
    pub(crate) fn tell_some(
        &mut self,
        sessions: &[SessionId],
        seq: Option<u64>,
        event: &Event,
        text: Frame,
        now: Instant,
    ) {
        let frame = Frame::from(text);
        if sessions.len() <= AT_ONCE_MAX {
            return self.tell_at_once(sessions, seq, event, &frame);
        }
        let mut prompt = Vec::new();
        let aside = self.journal.push(None, Audience::Some, frame.clone());
        for session in sessions {
            match self.members.get_mut(session).map(|member| &mut member.place) {
                Some(Place::Audience { bookmark, .. }) => bookmark.asides.push(aside),
                Some(Place::Prompt { .. }) => prompt.push(session.clone()),
                Some(Place::Waiting) | None => {}
            }
        }
        self.tell_at_once(&prompt, seq, event, &frame);
        self.cohorts.wait(aside, now);
    }

    fn tell_at_once(&mut self, sessions: &[SessionId], seq: Option<u64>, event: &Event, frame: &Frame) {
        let is_passing = PassingKind::of(event).is_some();
        let own = if let Event::SelfChanged(own) = event { Some(own) } else { None };
        for session in sessions {
            // Who goes on stage, or is told a numbered event, must first know what came before it.
            let moves_up = own.is_some_and(is_prompt);
            if moves_up || seq.is_some() {
                self.catch_up(session);
            }
            if let Some(own) = own {
                self.move_to(session, is_prompt(own));
            }
            let Some(member) = self.members.get(session) else {
                continue;
            };
            let known_seq = match &member.place {
                Place::Waiting => continue,
                Place::Prompt { known_seq } => *known_seq,
                Place::Audience { bookmark, .. } => bookmark.seq,
            };
            if seq.is_none_or(|seq| seq > known_seq) {
                offer(&member.line, session, frame.clone(), is_passing, &mut self.full);
            }
        }
    }

    /// Tells one of the audience what the journal holds for them.
    fn catch_up(&mut self, session: &SessionId) {
        let Some(Member { line, place: Place::Audience { cohort, bookmark }, .. }) = self.members.get_mut(session)
        else {
            return;
        };
        // Passing words too: whoever leaves the cohort now would never hear them. Hearing one twice does no harm.
        let passing = self.cohorts.passing(*cohort);
        if let Some(frame) = self.journal.unread(bookmark, Some(passing)) {
            offer(line, session, frame, false, &mut self.full);
        }
        *bookmark = self.journal.read(bookmark);
    }

    /// Someone goes on stage or leaves it; they have been told everything up to now.
    fn move_to(&mut self, session: &SessionId, to_prompt: bool) {
        let Some(member) = self.members.get_mut(session) else {
            return;
        };
        match (&member.place, to_prompt) {
            (Place::Waiting, _) | (Place::Prompt { .. }, true) | (Place::Audience { .. }, false) => {}
            (Place::Audience { cohort, bookmark }, true) => {
                self.cohorts.remove(session, *cohort);
                self.prompt.insert(session.clone());
                member.place = Place::Prompt { known_seq: bookmark.seq };
            }
            (Place::Prompt { known_seq }, false) => {
                self.prompt.remove(session);
                let cohort = self.cohorts.add(session.clone(), self.journal.passing_mark());
                let bookmark = Bookmark { seq: *known_seq, ..self.journal.bookmark() };
                member.place = Place::Audience { cohort, bookmark };
            }
        }
    }

    /// When a part of the audience is to be told, if there is news.
    pub(crate) fn due_at(&self) -> Option<Instant> {
        self.cohorts.next_due(self.journal.end()).map(|(at, _)| at)
    }

    /// Tells the part of the audience that is due, if there is one.
    pub(crate) fn tell_due(&mut self, now: Instant) {
        if let Some((_, index)) = self.cohorts.next_due(self.journal.end()).filter(|(at, _)| *at <= now) {
            self.tell_cohort(index, now);
        }
    }

    /// Tells the whole audience what is left, because there is no later.
    pub(crate) fn tell_rest(&mut self, now: Instant) {
        while let Some((_, index)) = self.cohorts.next_due(self.journal.end()) {
            self.tell_cohort(index, now);
        }
    }

    /// Tells a part of the audience what it has not read. That is written once for all who have read as much.
    fn tell_cohort(&mut self, index: usize, now: Instant) {
        let mut written: HashMap<(Bookmark, bool), Option<Frame>> = HashMap::new();
        let (sessions, passing) = self.cohorts.tell(index, self.journal.passing_mark(), now);
        for session in sessions {
            let Some(Member { line, place: Place::Audience { bookmark, .. }, .. }) = self.members.get_mut(session)
            else {
                continue;
            };
            let read = self.journal.read(bookmark);
            let (unread, is_pressed) = (std::mem::replace(bookmark, read), line.is_pressed());
            // Under pressure passing words are left out.
            let frame = written.entry((unread, is_pressed)).or_insert_with_key(|(unread, is_pressed)| {
                self.journal.unread(unread, (!is_pressed).then_some(passing))
            });
            if let Some(frame) = frame {
                offer(line, session, frame.clone(), false, &mut self.full);
            }
        }
    }

    /// Forgets what is old.
    pub(crate) fn trim(&mut self) {
        self.journal.trim(self.cohorts.unread().unwrap_or(self.journal.end()));
    }

    /// Puts a frame into a session's queue.
    pub(crate) fn send(&mut self, session: &SessionId, parcel: Parcel) {
        if let Some(member) = self.members.get(session)
            && member.line.send(parcel).is_err()
        {
            self.full.push(session.clone());
        }
    }

    /// Those who cannot take what they are told.
    pub(crate) fn take_full(&mut self) -> Vec<SessionId> {
        std::mem::take(&mut self.full)
    }
}

/// Puts a frame into the queue. Under pressure passing words are left out; when it is full the session is as good as gone.
fn offer(line: &Line, session: &SessionId, frame: Frame, is_passing: bool, full: &mut Vec<SessionId>) {
    if is_passing && line.is_pressed() {
        return;
    }
    if line.send(Parcel::Frame(frame)).is_err() {
        full.push(session.clone());
    }
}

/// The stage, hosts and cohosts are told at once.
fn is_prompt(own: &SelfView) -> bool {
    let on_stage = match own.role {
        Role::Host | Role::Guest => true,
        Role::Listener => false,
    };
    on_stage || own.rank > Rank::Member
}

/// More sessions than this are not told something at once: a cue to thousands is spread like any other news.
const AT_ONCE_MAX: usize = 64;
