//! An actor is someone under load: a host, a guest, a back end, who changes their own registers as fast as they are answered, until the server is gone.

use std::sync::Arc;

use reqwest::Method;
use serde_json::{Value, json};

use crate::backend::{Backend, Request};
use crate::console::{Console, Gone};
use crate::dice::Dice;
use crate::journal::{Journal, Register, Step, Trace};

/// Which part someone plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// A host by WebSocket: locks and mutes seats, bans, gives ranks, changes settings.
    Host,
    /// Takes a seat and leaves it.
    Singer,
    /// Raises a hand and lowers it.
    Listener,
    /// A back end of a room: locks, mutes, bans and changes settings by HTTP, with idempotency keys.
    Keeper,
    /// A back end and a guest together: the guest raises a hand, is given a seat, muted, unmuted, kicked off.
    Stage,
    /// A back end that makes and closes rooms.
    Maker,
}

impl Part {
    /// The parts that are played in each room.
    pub(crate) const OF_A_ROOM: [Self; 5] = [Self::Host, Self::Singer, Self::Listener, Self::Keeper, Self::Stage];

    fn name(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Singer => "singer",
            Self::Listener => "listener",
            Self::Keeper => "keeper",
            Self::Stage => "stage",
            Self::Maker => "maker",
        }
    }
}

/// Someone with a part in a room.
pub(crate) struct Actor {
    part: Part,
    room: String,
    dice: Dice,
    pub(crate) journal: Journal,
    /// What the last welcome gave to resume by.
    resume: Option<Value>,
}

/// The ways to the server, of one life of it.
struct Ways {
    console: Option<Console>,
    /// Whose rank the host changes must be there.
    _deputy: Option<Console>,
    backend: Backend,
}

/// How something is asked.
enum Way {
    Socket(&'static str, Value),
    Http(Request),
}

impl Actor {
    pub(crate) fn new(part: Part, room: &str, seed: u64) -> Self {
        let journal = Journal::new(format!("{}-{room}", part.name()));
        Self { part, room: room.to_owned(), dice: Dice::new(seed), journal, resume: None }
    }

    /// Comes in, and acts until the server is gone.
    pub(crate) async fn play(&mut self, server: Arc<str>) {
        let Ok(mut ways) = self.come_in(&server).await else { return };
        while let Ok(Goes::On) = self.act(&mut ways).await {}
    }

    /// Who holds a seat or has raised a hand finds both kept.
    async fn come_in(&mut self, server: &str) -> Result<Ways, Gone> {
        let backend = Backend::new(server, &self.journal.by);
        let (who, rank) = match self.part {
            Part::Host => (self.journal.by.clone(), "host"),
            Part::Singer | Part::Listener => (self.journal.by.clone(), "member"),
            Part::Stage => (self.guest(), "member"),
            Part::Keeper | Part::Maker => return Ok(Ways { console: None, _deputy: None, backend }),
        };
        self.try_to_resume(server, &who, rank).await?;
        let (mut console, welcome) = Console::join(server, &self.room, &who, rank).await?;
        let (seat, hand) =
            (Register::Seat(self.room.clone(), who.clone()), Register::Hand(self.room.clone(), who.clone()));
        let own = &welcome["self"];
        let found = own["seat"].as_u64().map_or("none".to_owned(), |seat| seat.to_string());
        assert_eq!(found, self.journal.sure(&seat), "the seat of {who} after the restart: {own}");
        if own["offer"]["why"] == "assigned" {
            // It was given to them while they were away.
            console.ask("seat_confirm", json!({})).await?;
        } else if found != "none" {
            assert_eq!(own["seat_state"], "occupied", "{who} is back: {own}");
        }
        assert_eq!(own["hand"].is_object(), self.journal.is(&hand), "the hand of {who} after the restart: {own}");
        self.resume = Some(welcome["resume_token"].clone());
        let deputy = match self.part {
            Part::Host => Some(Console::join(server, &self.room, &self.deputy(), "member").await?.0),
            Part::Singer | Part::Listener | Part::Keeper | Part::Stage | Part::Maker => None,
        };
        Ok(Ways { console: Some(console), _deputy: deputy, backend })
    }

    /// A session does not outlive the process: its media died with it.
    async fn try_to_resume(&mut self, server: &str, who: &str, rank: &str) -> Result<(), Gone> {
        let Some(resume) = self.resume.take() else { return Ok(()) };
        let token = crate::console::token(&self.room, who, rank);
        let mut console = Console::connect(server, &self.room, &token).await?;
        let answer = console.ask("resume", json!({ "resume_token": resume, "last_seq": 1 })).await?;
        if answer["reason"] == "draining" {
            return Err(Gone);
        }
        assert_eq!((&answer["reason"], &answer["action"]), (&json!("session_stale"), &json!("rejoin")), "{answer}");
        Ok(())
    }

    async fn act(&mut self, ways: &mut Ways) -> Result<Goes, Gone> {
        let (way, step) = self.choose();
        self.journal.begin(step);
        match way {
            Way::Socket(kind, fields) => {
                let answer = ways.console.as_mut().unwrap().ask(kind, fields).await?;
                if let Some(code) = answer["error"]["code"].as_str() {
                    return Ok(self.refused(code));
                }
                // A farewell is no answer.
                let is_durable = answer["ok"].is_object() && answer["ok"]["durable"] != false;
                if !is_durable {
                    return Ok(Goes::NoFurther);
                }
                self.journal.acknowledge(None);
            }
            Way::Http(request) => {
                let answer = ways.backend.ask(&request).await?;
                match answer.status {
                    200..300 if answer.is_durable() => {
                        if answer.json()["seat"]["state"] == "reserved" {
                            self.confirm(ways, answer).await?;
                        } else {
                            self.journal.acknowledge(Some(answer));
                        }
                    }
                    400..500 => return Ok(self.refused(answer.json()["code"].as_str().unwrap_or("?"))),
                    _ => return Ok(Goes::NoFurther),
                }
            }
        }
        Ok(Goes::On)
    }

    /// Who was given a seat without being ready for it says yes, lest it be taken back in the middle of a check.
    async fn confirm(&mut self, ways: &mut Ways, answer: crate::backend::Answer) -> Result<(), Gone> {
        self.journal.acknowledge(Some(answer));
        ways.console.as_mut().unwrap().ask("seat_confirm", json!({})).await?;
        Ok(())
    }

    fn refused(&mut self, code: &str) -> Goes {
        self.journal.refuse(code);
        // The server is on its way out.
        if code == "draining" { Goes::NoFurther } else { Goes::On }
    }

    fn choose(&mut self) -> (Way, Step) {
        match self.part {
            Part::Host => self.choose_as_host(),
            Part::Singer => self.choose_as_singer(),
            Part::Listener => self.choose_as_listener(),
            Part::Keeper => self.choose_as_keeper(),
            Part::Stage => self.choose_as_stage(),
            Part::Maker => self.choose_as_maker(),
        }
    }

    fn choose_as_host(&mut self) -> (Way, Step) {
        let room = self.room.clone();
        match self.dice.below(5) {
            0 => {
                self.by_socket(self.toggle(Register::Locked(room, 1), "seat_lock", "seat_unlock"), json!({ "seat": 1 }))
            }
            1 => {
                self.by_socket(self.toggle(Register::Muted(room, 2), "seat_mute", "seat_unmute"), json!({ "seat": 2 }))
            }
            2 => {
                let (changed, reason) = self.ban_or_unban("h");
                let fields = json!({ "identity": changed.trace.on, "reason": reason });
                self.by_socket(changed, fields)
            }
            3 => {
                let who = self.deputy();
                let register = Register::Rank(room, who.clone());
                let rank = if self.journal.sure(&register) == "member" { "cohost" } else { "member" };
                let mut changed = self.changed("member_rank", register, rank);
                changed.trace.on = Some(who.clone());
                self.by_socket(changed, json!({ "identity": who, "rank": rank }))
            }
            _ => {
                let turn = TURN_MS + self.journal.number();
                let changed = self.changed("room_update", Register::Turn(room), &turn.to_string());
                self.by_socket(changed, json!({ "turn_ms": turn }))
            }
        }
    }

    fn choose_as_singer(&mut self) -> (Way, Step) {
        let seat = Register::Seat(self.room.clone(), self.journal.by.clone());
        let number = 6;
        if self.journal.sure(&seat) == "none" {
            return untraced("seat_take", json!({ "seat": number }), seat, &number.to_string());
        }
        untraced("seat_leave", json!({}), seat, "none")
    }

    fn choose_as_listener(&mut self) -> (Way, Step) {
        let hand = Register::Hand(self.room.clone(), self.journal.by.clone());
        if self.journal.is(&hand) {
            return untraced("hand_lower", json!({}), hand, "no");
        }
        untraced("hand_raise", json!({ "mic_ready": self.dice.permille(500) }), hand, "yes")
    }

    fn choose_as_keeper(&mut self) -> (Way, Step) {
        let room = self.room.clone();
        let base = format!("/v1/rooms/{room}");
        match self.dice.below(4) {
            0 => {
                let changed = self.toggle(Register::Locked(room, 3), "seat_lock", "seat_unlock");
                let verb = changed.trace.act.trim_start_matches("seat_");
                self.by_http(Method::POST, format!("{base}/seats/3/{verb}"), Value::Null, changed)
            }
            1 => {
                let changed = self.toggle(Register::Muted(room, 4), "seat_mute", "seat_unmute");
                let verb = changed.trace.act.trim_start_matches("seat_");
                self.by_http(Method::POST, format!("{base}/seats/4/{verb}"), Value::Null, changed)
            }
            2 => {
                let (changed, reason) = self.ban_or_unban("k");
                let who = changed.trace.on.clone().unwrap();
                if changed.trace.act == "member_ban" {
                    let body = json!({ "identity": who, "reason": reason });
                    return self.by_http(Method::POST, format!("{base}/bans"), body, changed);
                }
                self.by_http(Method::DELETE, format!("{base}/bans/{who}"), Value::Null, changed)
            }
            _ => {
                let register = Register::Interrupt(room);
                let next = if self.journal.sure(&register) == "off" { "duck" } else { "off" };
                let changed = self.changed("room_update", register, next);
                self.by_http(Method::PATCH, base, json!({ "interrupt": next }), changed)
            }
        }
    }

    fn choose_as_stage(&mut self) -> (Way, Step) {
        let (room, guest) = (self.room.clone(), self.guest());
        let base = format!("/v1/rooms/{room}");
        let (seat, hand) = (Register::Seat(room.clone(), guest.clone()), Register::Hand(room.clone(), guest.clone()));
        if self.journal.sure(&seat) == "none" {
            if !self.journal.is(&hand) {
                return untraced("hand_raise", json!({ "mic_ready": true }), hand, "yes");
            }
            let mut changed = self.changed("seat_assign", seat, "5");
            changed.effects.push((hand, "no".to_owned()));
            (changed.trace.seat, changed.trace.on) = (Some(5), Some(guest.clone()));
            return self.by_http(Method::POST, format!("{base}/seats/5/assign"), json!({ "identity": guest }), changed);
        }
        if self.dice.permille(600) {
            let mut changed = self.toggle(Register::Quiet(room, guest.clone()), "member_mute", "member_unmute");
            changed.trace.on = Some(guest.clone());
            let verb = changed.trace.act.trim_start_matches("member_");
            return self.by_http(Method::POST, format!("{base}/participants/{guest}/{verb}"), Value::Null, changed);
        }
        let mut changed = self.changed("seat_kick", seat, "none");
        (changed.trace.seat, changed.trace.on) = (Some(5), Some(guest));
        self.by_http(Method::POST, format!("{base}/seats/5/kick"), Value::Null, changed)
    }

    fn choose_as_maker(&mut self) -> (Way, Step) {
        let open =
            |register: &&Register| matches!(register, Register::Room(_)) && self.journal.sure(register) != "gone";
        let rooms: Vec<Register> = self.journal.sure.keys().filter(open).cloned().collect();
        if rooms.len() < MADE_MAX && (rooms.is_empty() || self.dice.permille(550)) {
            let number = self.journal.number();
            let (id, seats) = (format!("made-{number}"), 1 + number % 32);
            let (body, key) = (json!({ "id": id, "seats": seats }), Some(format!("make-{number}")));
            let request = Request { method: Method::POST, path: "/v1/rooms".to_owned(), body, key };
            let effects = vec![(Register::Room(id), seats.to_string())];
            return (Way::Http(request.clone()), Step { effects, trace: None, request: Some(request) });
        }
        let Register::Room(id) = rooms[self.dice.below(rooms.len())].clone() else {
            unreachable!("only rooms were taken")
        };
        let mut changed = self.changed("room_close", Register::Room(id.clone()), "gone");
        changed.trace.room.clone_from(&id);
        self.by_http(Method::DELETE, format!("/v1/rooms/{id}"), Value::Null, changed)
    }

    /// An act that sets a register of one's own.
    fn changed(&self, act: &'static str, register: Register, to: &str) -> Changed {
        let trace = Trace { room: self.room.clone(), act, ..Trace::default() };
        Changed { effects: vec![(register, to.to_owned())], trace }
    }

    /// Sets a register that is off, or clears it if it is on.
    fn toggle(&self, register: Register, on: &'static str, off: &'static str) -> Changed {
        let (act, to) = if self.journal.is(&register) { (off, "no") } else { (on, "yes") };
        let seat = match &register {
            Register::Locked(_, seat) | Register::Muted(_, seat) => Some(*seat),
            _ => None,
        };
        let mut changed = self.changed(act, register, to);
        changed.trace.seat = seat;
        changed
    }

    fn ban_or_unban(&mut self, family: &str) -> (Changed, Option<String>) {
        let who = format!("{family}{}", self.dice.below(BANNED_MAX));
        let mut changed = self.toggle(Register::Banned(self.room.clone(), who.clone()), "member_ban", "member_unban");
        changed.trace.on = Some(who);
        if changed.trace.act == "member_ban" {
            changed.trace.reason = Some(format!("reason {}", self.journal.number()));
        }
        let reason = changed.trace.reason.clone();
        (changed, reason)
    }

    fn by_socket(&self, changed: Changed, fields: Value) -> (Way, Step) {
        let Changed { effects, trace } = changed;
        (Way::Socket(trace.act, fields), Step { effects, trace: Some(trace), request: None })
    }

    fn by_http(&mut self, method: Method, path: String, body: Value, changed: Changed) -> (Way, Step) {
        let number = self.journal.number();
        let key = Some(format!("key-{}-{number}", self.journal.by));
        let request = Request { method, path, body, key };
        let Changed { effects, trace } = changed;
        (Way::Http(request.clone()), Step { effects, trace: Some(trace), request: Some(request) })
    }

    fn guest(&self) -> String {
        format!("guest-{}", self.room)
    }

    fn deputy(&self) -> String {
        format!("deputy-{}", self.room)
    }
}

/// What an act of moderation is to change, and its trace.
struct Changed {
    effects: Vec<(Register, String)>,
    trace: Trace,
}

/// Whether someone acts again.
enum Goes {
    On,
    NoFurther,
}

/// What people do with themselves: no act of moderation.
fn untraced(kind: &'static str, fields: Value, register: Register, to: &str) -> (Way, Step) {
    (Way::Socket(kind, fields), Step { effects: vec![(register, to.to_owned())], trace: None, request: None })
}

/// The shortest turn that a host sets: longer than any test.
const TURN_MS: u64 = 1_000_000;
/// Whom one actor bans and unbans: so many.
const BANNED_MAX: usize = 10;
/// The most rooms that are made and there at once.
const MADE_MAX: usize = 40;
