//! A journal is what one actor knows of its own acts: what was acknowledged, and the one act, if any, whose answer never came.
//!
//! Each actor has registers of its own that nobody else changes, and does one thing at a time. So after a kill a register holds what was acknowledged
//! last, or what the act in doubt would have made of it; there is no third possibility.

use std::collections::{BTreeMap, VecDeque};

use serde_json::Value;

use crate::backend::{Answer, Request};

/// Something of which one actor alone decides.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Register {
    /// Whether a seat is locked.
    Locked(String, u64),
    /// Whether a seat is muted.
    Muted(String, u64),
    /// Whether someone is banned.
    Banned(String, String),
    /// Someone's rank.
    Rank(String, String),
    /// How long a turn is.
    Turn(String),
    /// What becomes of others while a host speaks.
    Interrupt(String),
    /// The seat that someone has, or has kept.
    Seat(String, String),
    /// Whether someone's hand is up.
    Hand(String, String),
    /// Whether someone who sits is muted by a host.
    Quiet(String, String),
    /// Whether there is such a room, and of how many seats.
    Room(String),
}

/// All rooms as they are: their ids, and the snapshots of those that are looked at closely.
pub(crate) struct Rooms {
    pub(crate) ids: Vec<String>,
    pub(crate) snapshots: BTreeMap<String, Value>,
}

impl Register {
    /// What stands there before anybody has changed it.
    pub(crate) fn initially(&self) -> &'static str {
        match self {
            Self::Locked(..) | Self::Muted(..) | Self::Banned(..) | Self::Hand(..) | Self::Quiet(..) => "no",
            Self::Rank(..) => "member",
            Self::Turn(_) | Self::Seat(..) => "none",
            Self::Interrupt(_) => "off",
            Self::Room(_) => "gone",
        }
    }

    /// What stands there; nothing if it cannot be seen at present.
    pub(crate) fn read(&self, rooms: &Rooms) -> Option<String> {
        let yes_or_no = |is: bool| if is { "yes" } else { "no" }.to_owned();
        let room = |id: &String| rooms.snapshots.get(id).unwrap_or_else(|| panic!("room {id} is gone"));
        let named = |list: &Value, who: &String| {
            list.as_array().unwrap().iter().find(|item| item["identity"] == who.as_str()).cloned()
        };
        Some(match self {
            Self::Locked(id, seat) => yes_or_no(room(id)["seats"][*seat as usize]["state"] == "locked"),
            Self::Muted(id, seat) => yes_or_no(room(id)["seats"][*seat as usize]["muted_by_host"] == true),
            Self::Banned(id, who) => yes_or_no(named(&room(id)["bans"], who).is_some()),
            Self::Rank(id, who) => match named(&room(id)["participants"], who) {
                Some(person) => person["rank"].as_str().unwrap().to_owned(),
                None => "member".to_owned(),
            },
            Self::Turn(id) => room(id)["turn_ms"].as_u64().map_or("none".to_owned(), |turn| turn.to_string()),
            Self::Interrupt(id) => room(id)["interrupt"].as_str().unwrap().to_owned(),
            Self::Seat(id, who) => match named(&room(id)["seats"], who) {
                Some(seat) => seat["index"].to_string(),
                None => "none".to_owned(),
            },
            Self::Hand(id, who) => yes_or_no(named(&room(id)["hand_queue"], who).is_some()),
            Self::Quiet(id, who) => yes_or_no(named(&room(id)["seats"], who)?["host_muted"] == true),
            Self::Room(id) if !rooms.ids.contains(id) => "gone".to_owned(),
            Self::Room(id) => match rooms.snapshots.get(id) {
                Some(room) => room["seats"].as_array().unwrap().len().to_string(),
                None => return None,
            },
        })
    }
}

/// The one row of the audit log that an act leaves behind.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trace {
    pub(crate) room: String,
    pub(crate) act: &'static str,
    pub(crate) on: Option<String>,
    pub(crate) seat: Option<u64>,
    pub(crate) reason: Option<String>,
}

impl Trace {
    /// Whether a row tells of it.
    pub(crate) fn is_in(&self, row: &Value) -> bool {
        let seat = row["details"]["seat"].as_u64();
        row["room"] == self.room.as_str()
            && row["act"] == self.act
            && row["on"].as_str() == self.on.as_deref()
            && (self.seat.is_none() || seat == self.seat)
            && (self.reason.is_none() || row["reason"].as_str() == self.reason.as_deref())
    }
}

/// What an act changes, all of it or nothing.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) effects: Vec<(Register, String)>,
    pub(crate) trace: Option<Trace>,
    /// As a request with an idempotency key, if it is one: it can be asked again.
    pub(crate) request: Option<Request>,
}

/// What one actor knows.
pub(crate) struct Journal {
    /// The actor's name.
    pub(crate) by: String,
    pub(crate) sure: BTreeMap<Register, String>,
    /// What was acknowledged and not found in the audit log yet.
    pub(crate) traces: Vec<Trace>,
    /// The act whose answer never came.
    pub(crate) doubt: Option<Step>,
    /// The latest requests with keys and what was answered.
    pub(crate) answered: VecDeque<(Request, Answer)>,
    pub(crate) acknowledged: u64,
    /// Codes of refusals.
    pub(crate) refused: BTreeMap<String, u64>,
    next: u64,
}

impl Journal {
    pub(crate) fn new(by: impl Into<String>) -> Self {
        Self {
            by: by.into(),
            sure: BTreeMap::new(),
            traces: Vec::new(),
            doubt: None,
            answered: VecDeque::new(),
            acknowledged: 0,
            refused: BTreeMap::new(),
            next: 0,
        }
    }

    /// What stands in a register as far as is acknowledged.
    pub(crate) fn sure(&self, register: &Register) -> &str {
        self.sure.get(register).map_or_else(|| register.initially(), String::as_str)
    }

    pub(crate) fn is(&self, register: &Register) -> bool {
        self.sure(register) == "yes"
    }

    /// A number that was not given before.
    pub(crate) fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// From now on, and until it is answered, an act is in doubt.
    pub(crate) fn begin(&mut self, step: Step) {
        assert!(self.doubt.is_none(), "an actor does one thing at a time");
        self.doubt = Some(step);
    }

    /// The act in doubt is acknowledged.
    pub(crate) fn acknowledge(&mut self, answer: Option<Answer>) {
        let step = self.doubt.take().unwrap();
        self.sure.extend(step.effects);
        self.traces.extend(step.trace);
        self.acknowledged += 1;
        if let (Some(request), Some(answer)) = (step.request, answer) {
            if self.answered.len() == ANSWERED_MAX {
                self.answered.pop_front();
            }
            self.answered.push_back((request, answer));
        }
    }

    /// The act in doubt was refused, and has changed nothing.
    pub(crate) fn refuse(&mut self, code: &str) {
        self.doubt = None;
        *self.refused.entry(code.to_owned()).or_default() += 1;
    }
}

const ANSWERED_MAX: usize = 100;
