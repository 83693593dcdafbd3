//! Damage: rows that were changed by whatever hand are refused or make a room, and such a room never panics and keeps its seats in order.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::aims::Aimed;
use super::picture::Picture;
use super::restart::Ledger;
use super::steps::{MediaKind, PEOPLE, Step, person, settings, steps};
use super::trial::Trial;
use super::*;

/// What happens to a row.
#[derive(Clone, Debug)]
enum Damage {
    /// One of its values is another.
    Value { place: usize, with: Value },
    /// One of its numbers, names or flags is another of its kind: such rows are read, and may contradict each other.
    Like { place: usize, number: u64, who: u8, word: &'static str },
    /// One of its values is missing.
    Missing { place: usize },
    /// It is another row's text.
    Text { from: usize },
    /// It is gone.
    Gone,
    /// A part of it is cut out.
    Cut { from: usize, bytes: usize },
}

fn damage() -> BoxedStrategy<Damage> {
    let word = || prop::sample::select(WORDS.to_vec());
    let like = (any::<usize>(), number(), 0..PEOPLE, word());
    let with = prop_oneof![
        number().prop_map(|number| json!(number)),
        (0..PEOPLE).prop_map(|who| json!(person(who))),
        any::<bool>().prop_map(|flag| json!(flag)),
        word().prop_map(|word| json!(word)),
        Just(Value::Null),
        Just(json!(-1)),
        Just(json!([])),
        Just(json!({"occupied": {"who": "p1"}})),
    ];
    prop_oneof![
        40 => like.prop_map(|(place, number, who, word)| Damage::Like { place, number, who, word }),
        6 => (any::<usize>(), with).prop_map(|(place, with)| Damage::Value { place, with }),
        3 => any::<usize>().prop_map(|place| Damage::Missing { place }),
        2 => any::<usize>().prop_map(|from| Damage::Text { from }),
        1 => Just(Damage::Gone),
        1 => (any::<usize>(), 1..9_usize).prop_map(|(from, bytes)| Damage::Cut { from, bytes }),
    ]
    .boxed()
}

fn number() -> BoxedStrategy<u64> {
    prop_oneof![
        4 => 0..12_u64,
        1 => 0..40_u64,
        1 => Just(200),
        1 => Just(u64::from(u32::MAX)),
        1 => Just(1 << 52),
        1 => Just((1 << 53) + 1),
        1 => Just(u64::MAX),
        4 => 1_789_999_000_000..1_790_001_000_000_u64,
    ]
    .boxed()
}

fn harm(rows: &mut Vec<(String, String)>, row: usize, damage: &Damage) {
    if rows.is_empty() {
        return;
    }
    let row = row % rows.len();
    let text = rows[row].1.clone();
    rows[row].1 = match damage {
        Damage::Value { place, with } => altered(&text, *place, |_| Some(with.clone())),
        Damage::Like { place, number, who, word } => altered(&text, *place, |value| {
            Some(match value {
                Value::Bool(flag) => json!(!flag),
                Value::Number(_) => json!(number),
                Value::String(name) if name.len() == 2 => json!(person(*who)),
                Value::String(name) if !name.starts_with("PA_") && WORDS.contains(&name.as_str()) => json!(word),
                value => value.clone(),
            })
        }),
        Damage::Missing { place } => altered(&text, *place, |_| None),
        Damage::Text { from } => rows[from % rows.len()].1.clone(),
        Damage::Gone => return drop(rows.remove(row)),
        Damage::Cut { from, bytes } => {
            let from = from % text.len().max(1);
            let bytes = text.bytes().enumerate().filter(|(at, _)| !(from..from + bytes).contains(at));
            String::from_utf8_lossy(&bytes.map(|(_, byte)| byte).collect::<Vec<_>>()).into_owned()
        }
    };
}

/// The text with one of its values changed, or without it.
fn altered(text: &str, place: usize, with: impl Fn(&Value) -> Option<Value>) -> String {
    let Ok(mut whole) = serde_json::from_str::<Value>(text) else { return text.to_owned() };
    let mut paths = Vec::new();
    collect(&whole, String::new(), &mut paths);
    let Some(path) = paths.get(place % paths.len().max(1)) else { return text.to_owned() };
    let (parent, name) = path.rsplit_once('/').expect("a path has a last part");
    match whole.pointer_mut(parent).expect("the path was found") {
        Value::Object(fields) => match with(&fields[name]) {
            Some(value) => drop(fields.insert(name.to_owned(), value)),
            None => drop(fields.remove(name)),
        },
        Value::Array(items) => {
            let index: usize = name.parse().expect("items have numbers");
            match with(&items[index]) {
                Some(value) => items[index] = value,
                None => drop(items.remove(index)),
            }
        }
        _ => {}
    }
    whole.to_string()
}

fn collect(value: &Value, path: String, paths: &mut Vec<String>) {
    let inner: Vec<(String, &Value)> = match value {
        Value::Object(fields) => fields.iter().map(|(name, value)| (format!("{path}/{name}"), value)).collect(),
        Value::Array(items) => (0..).zip(items).map(|(index, value)| (format!("{path}/{index}"), value)).collect(),
        _ => return,
    };
    for (path, value) in inner {
        paths.push(path.clone());
        collect(value, path, paths);
    }
}

fn cases() -> u32 {
    std::env::var("PODIUM_ROOM_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(CASES)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_damaged_record_is_refused_or_makes_a_sound_room(
        settings in settings(),
        before in steps(),
        damages in prop::collection::vec((any::<usize>(), damage()), 1..5),
        away in prop_oneof![Just(0_u64), 0..1_000_000_u64],
        after in steps(),
    ) {
        let mut trial = Trial::new(settings.clone());
        before.into_iter().for_each(|step| trial.run(step));
        let mut rows = trial.ledger.rows();
        for (row, damage) in &damages {
            harm(&mut rows, *row, damage);
        }
        let mut story = trial.story;
        story.now += Duration::from_millis(away);
        let restored = Room::restore(RoomId::parse("demo").unwrap(), settings, &rows, &trial.ledger.calendar, story.now);
        if let Ok(room) = restored {
            story.room = room;
            Rough { story, aimed: Aimed::default(), ledger: Ledger::of(&trial.ledger.calendar, rows) }.run(after);
        }
    }
}

/// A room that is driven without a model: all that matters is that it stands.
struct Rough {
    story: Story,
    aimed: Aimed,
    ledger: Ledger,
}

impl Rough {
    fn run(&mut self, steps: Vec<Step>) {
        self.check();
        for step in steps {
            self.pass(Duration::from_millis(1));
            self.step(step);
            self.check();
        }
        self.pass(seconds(100_000));
        self.check();
    }

    fn step(&mut self, step: Step) {
        let session = |story: &Story, who: u8| story.sessions.get(&person(who)).cloned();
        let input = match step {
            Step::Join(newcomer) => {
                let join = self.story.arrival(&person(newcomer.who), newcomer.rank);
                self.story.sessions.insert(person(newcomer.who), join.session.clone());
                Some(Input::Join(join))
            }
            Step::Act { who, act } | Step::ActStale { who, act } => session(&self.story, who).map(|session| {
                self.story.requests_made += 1;
                let request = RequestId::parse(&self.story.requests_made.to_string()).unwrap();
                Input::Act { session, request, act }
            }),
            Step::ActOutside(step) => {
                let identity = id(&person(step.who));
                let by = Outsider {
                    identity,
                    is_admin: step.is_admin,
                    is_person: false,
                    is_banned: false,
                    token_age: step.token_age,
                    expect_seq: None,
                };
                Some(Input::Outside { by, act: step.act })
            }
            Step::Detached { who } => session(&self.story, who).map(|session| Input::Detached { session }),
            Step::Resume { who } => session(&self.story, who).map(|session| {
                self.story.requests_made += 1;
                let request = RequestId::parse(&self.story.requests_made.to_string()).unwrap();
                Input::Resume { session, request }
            }),
            Step::Media { who, kind } => session(&self.story, who).map(|session| {
                Input::Media(match kind {
                    MediaKind::Connected => MediaFact::Connected { session },
                    MediaKind::Interrupted => MediaFact::Interrupted { session },
                    MediaKind::Restored => MediaFact::Restored { session },
                    MediaKind::Closed => MediaFact::Closed { session },
                })
            }),
            Step::Sound { who, is_old: _, found } => {
                session(&self.story, who).map(|session| Input::Media(found.about(session)))
            }
            Step::Interruption { who } => {
                let by = who.and_then(|who| session(&self.story, who));
                Some(Input::Media(MediaFact::Interruption { by }))
            }
            Step::Aim { aim, pick } => {
                let picture = Picture::of_room(&self.story.room, None, self.story.now);
                let step = self.aimed.step(aim, pick, &picture);
                return step.into_iter().for_each(|step| self.step(step));
            }
            Step::Wait { millis } => return self.pass(Duration::from_millis(millis)),
            Step::Jump => return self.pass(seconds(5)),
            Step::Remake => return,
            Step::Restart => {
                let room = self.ledger.restored(&self.story.room, self.story.now);
                return room.into_iter().for_each(|room| self.story.room = room);
            }
        };
        if let Some(input) = input {
            self.story.room.handle(input, self.story.now);
        }
    }

    fn pass(&mut self, span: Duration) {
        let end = self.story.now + span;
        let mut wakes = 0;
        while let Some(due) = self.story.room.next_timeout().filter(|due| *due <= end) {
            self.story.now = self.story.now.max(due);
            self.story.room.handle(Input::Timeout, self.story.now);
            wakes += 1;
            assert!(wakes < WAKES_MAX, "time stands still");
        }
        self.story.now = end;
    }

    /// One seat a person, nobody heard who does not sit, and all is written down.
    fn check(&mut self) {
        let (room, now) = (&self.story.room, self.story.now);
        let snapshot = room.snapshot(&Viewer::Admin, now);
        let holders: Vec<_> = snapshot.seats.iter().filter_map(|seat| seat.holder()).collect();
        let people: BTreeSet<_> = holders.iter().map(|holder| &holder.identity).collect();
        assert_eq!(people.len(), holders.len(), "one seat a person");
        for planned in &room.planned {
            let occupied = &snapshot.seats[usize::from(planned.seat.get())];
            assert!(room.is_closed() || matches!(occupied.state, SeatViewState::Occupied { .. }));
        }
        for who in 0..PEOPLE {
            let _seen = room.snapshot(&Viewer::Participant(id(&person(who))), now);
        }
        self.ledger.keep(&mut self.story.room);
    }
}

/// What rows say in words, some of it.
const WORDS: [&str; 9] =
    ["host", "member", "live", "hostless", "closing", "reconnect", "invited", "offered", "approved"];
/// How many runs there are, unless `PODIUM_ROOM_CASES` says otherwise.
const CASES: u32 = 100;
/// More timeouts than could be due in a run.
const WAKES_MAX: u32 = 10_000;
