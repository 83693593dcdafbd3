//! Stories of rooms, told with a clock.
#![allow(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test may stop on surprise, and looks for one kind of many"
)]

mod audits;
mod bounds;
mod connections;
mod decisions;
mod handover;
mod hands;
mod invites;
mod lifetime;
mod model;
mod moves;
mod mutes;
mod offers;
mod outside;
mod pace;
mod people;
mod permissions;
mod races;
mod record;
mod reviewed;
mod seats;
mod sounds;
mod table;
mod turns;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::ids::{Identity, RequestId, RoomId, SeatIndex, SessionId};

use super::*;

/// A room, a clock, and people by name.
pub(super) struct Story {
    pub(super) room: Room,
    pub(super) now: Instant,
    sessions: BTreeMap<String, SessionId>,
    sessions_made: u128,
    requests_made: u64,
}

impl Story {
    pub(super) fn with(settings: Settings) -> Self {
        #[allow(clippy::disallowed_methods, reason = "a story needs some instant to begin at")]
        let now = crate::clock::now();
        let room = Room::new(RoomId::parse("demo").unwrap(), settings, now);
        Self { room, now, sessions: BTreeMap::new(), sessions_made: 0, requests_made: 0 }
    }

    /// A room in a mode, with ada the host, cleo a cohost, and ben and dan.
    pub(super) fn begun(seat_mode: SeatMode) -> Self {
        let mut story = Self::with(Settings { seat_mode, ..Settings::default() });
        story.join("ada", Rank::Host);
        story.join("cleo", Rank::Cohost);
        story.join("ben", Rank::Member);
        story.join("dan", Rank::Member);
        story.after(seconds(5));
        story
    }

    pub(super) fn arrival(&mut self, name: &str, rank: Rank) -> Join {
        self.sessions_made += 1;
        self.requests_made += 1;
        Join {
            session: SessionId::from_random(self.sessions_made.to_be_bytes()),
            identity: id(name),
            name: name.to_uppercase(),
            rank_claim: rank,
            can_publish: true,
            can_subscribe: true,
            can_publish_data: true,
            hidden: false,
            tier: 0,
            kind: None,
            token_age: None,
            is_banned: false,
            request: RequestId::parse(&self.requests_made.to_string()).unwrap(),
            has_media: true,
            mic_ready: false,
        }
    }

    pub(super) fn join(&mut self, name: &str, rank: Rank) -> Vec<Output> {
        let join = self.arrival(name, rank);
        self.enter(join)
    }

    /// The same by a client whose microphone is open.
    pub(super) fn join_ready(&mut self, name: &str, rank: Rank) -> Vec<Output> {
        let join = Join { mic_ready: true, ..self.arrival(name, rank) };
        self.enter(join)
    }

    pub(super) fn enter(&mut self, join: Join) -> Vec<Output> {
        self.sessions.insert(join.identity.to_string(), join.session.clone());
        self.room.handle(Input::Join(join), self.now)
    }

    pub(super) fn session(&self, name: &str) -> SessionId {
        self.sessions[name].clone()
    }

    pub(super) fn act(&mut self, name: &str, act: Act) -> Vec<Output> {
        self.requests_made += 1;
        let request = self.requests_made.to_string();
        self.act_as(name, &request, act)
    }

    pub(super) fn act_as(&mut self, name: &str, request: &str, act: Act) -> Vec<Output> {
        let request = RequestId::parse(request).unwrap();
        self.room.handle(Input::Act { session: self.session(name), request, act }, self.now)
    }

    /// Acts, and looks at the answer only.
    pub(super) fn ask(&mut self, name: &str, act: Act) -> Result<Done, Refused> {
        reply_of(&self.act(name, act))
    }

    pub(super) fn refusal(&mut self, name: &str, act: Act) -> Option<Refusal> {
        self.ask(name, act).err().map(|refused| refused.refusal)
    }

    pub(super) fn media(&mut self, fact: MediaFact) -> Vec<Output> {
        self.room.handle(Input::Media(fact), self.now)
    }

    pub(super) fn interrupted(&mut self, name: &str) -> Vec<Output> {
        self.media(MediaFact::Interrupted { session: self.session(name) })
    }

    pub(super) fn restored(&mut self, name: &str) -> Vec<Output> {
        self.media(MediaFact::Restored { session: self.session(name) })
    }

    pub(super) fn detached(&mut self, name: &str) -> Vec<Output> {
        self.room.handle(Input::Detached { session: self.session(name) }, self.now)
    }

    /// Lets time pass as a shell would: each timeout at its time.
    pub(super) fn after(&mut self, span: Duration) -> Vec<Output> {
        let end = self.now + span;
        let mut outputs = Vec::new();
        while let Some(due) = self.room.next_timeout().filter(|due| *due <= end) {
            self.now = due;
            outputs.extend(self.room.handle(Input::Timeout, due));
            assert!(
                self.room.next_timeout().is_none_or(|next| next > due),
                "a timeout that changes nothing comes again for ever"
            );
        }
        self.now = end;
        outputs
    }

    pub(super) fn seat(&self, index: u8) -> SeatView {
        self.room.snapshot(&Viewer::Admin, self.now).seats[usize::from(index)].clone()
    }

    /// "open", "locked", or "occupied ben", "reserved ben".
    pub(super) fn seat_is(&self, index: u8) -> String {
        let seat = self.seat(index);
        match seat.holder() {
            Some(holder) => format!("{} {}", seat.state_code(), holder.identity),
            None => seat.state_code().to_owned(),
        }
    }

    pub(super) fn own(&self, name: &str) -> SelfView {
        self.room.snapshot(&Viewer::Participant(id(name)), self.now).own.unwrap()
    }

    pub(super) fn hands(&self) -> Vec<String> {
        let queue = self.room.snapshot(&Viewer::Admin, self.now).moderation.unwrap().hands;
        queue.iter().map(|hand| hand.identity.to_string()).collect()
    }

    /// Whose gate is open by the present plan.
    pub(super) fn heard(&self) -> Vec<String> {
        let open = self.room.planned.iter().filter(|planned| planned.open);
        open.map(|planned| self.room.roster.identity_of(&planned.session).unwrap().to_string()).collect()
    }
}

pub(super) fn id(name: &str) -> Identity {
    Identity::parse(name).unwrap()
}

pub(super) fn seat(index: u8) -> SeatIndex {
    SeatIndex::new(index).unwrap()
}

pub(super) fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

pub(super) fn take(index: u8) -> Act {
    Act::SeatTake { seat: seat(index) }
}

pub(super) fn raise(mic_ready: bool) -> Act {
    Act::HandRaise { wanted_seat: None, mic_ready }
}

pub(super) fn raise_for(index: u8, mic_ready: bool) -> Act {
    Act::HandRaise { wanted_seat: Some(seat(index)), mic_ready }
}

pub(super) fn approve(name: &str) -> Act {
    Act::HandApprove { identity: id(name) }
}

pub(super) fn deny(name: &str) -> Act {
    Act::HandDeny { identity: id(name) }
}

pub(super) fn kick(name: &str) -> Act {
    Act::MemberKick { identity: id(name), deny: false, reason: None }
}

pub(super) fn update(change: RoomChange) -> Act {
    Act::RoomUpdate(change)
}

pub(super) fn lock(index: u8, evict: bool) -> Act {
    Act::SeatLock { seat: seat(index), evict, expect_rev: None }
}

pub(super) const CONFIRM: Act = Act::SeatConfirm { seat: None };
pub(super) const DECLINE: Act = Act::SeatDecline { seat: None };

pub(super) fn reply_of(outputs: &[Output]) -> Result<Done, Refused> {
    let mut replies = outputs.iter().filter_map(|output| match output {
        Output::Reply { result, .. } => Some(result.clone()),
        _ => None,
    });
    let reply = replies.next().expect("a request is answered");
    assert!(replies.next().is_none(), "a request is answered once");
    reply
}

/// What is told, in short: recipient and event.
pub(super) fn told(outputs: &[Output]) -> Vec<(&Recipients, &Event)> {
    let tells = outputs.iter().filter_map(|output| match output {
        Output::Tell { to, event, .. } => Some((to, event)),
        _ => None,
    });
    tells.collect()
}

pub(super) fn causes(outputs: &[Output]) -> Vec<&'static str> {
    let causes = told(outputs).into_iter().filter_map(|(_, event)| match event {
        Event::SeatChanged { cause, .. } => Some(cause.code()),
        _ => None,
    });
    causes.collect()
}

pub(super) fn hand_changes(outputs: &[Output]) -> Vec<&'static str> {
    let changes = told(outputs).into_iter().filter_map(|(to, event)| match event {
        Event::HandChanged { change, .. } if *to == Recipients::Hosts => Some(change.code()),
        _ => None,
    });
    changes.collect()
}

/// The plan, if one is sent: seat, session, open.
pub(super) fn plan_of(outputs: &[Output]) -> Option<&StagePlan> {
    let mut plans = outputs.iter().filter_map(|output| match output {
        Output::Plan(plan) => Some(plan),
        _ => None,
    });
    let plan = plans.next();
    assert!(plans.next().is_none(), "an input leads to one plan at most");
    plan
}

/// What one session is told of itself.
pub(super) fn self_of<'a>(outputs: &'a [Output], session: &SessionId) -> Vec<&'a SelfView> {
    let views = told(outputs).into_iter().filter_map(|(to, event)| match event {
        Event::SelfChanged(view) if *to == Recipients::One(session.clone()) => Some(view),
        _ => None,
    });
    views.collect()
}
