//! The control plane of the world: offers answered, the room's outputs carried to the engine, the engine's facts to the room.
//!
//! It translates as the server's bridge does, without its mailboxes and tasks.

use std::time::Duration;

use podium::engine::command::{Command, Interrupt, Open, Plan, PlannedSeat, Restart, TransportKey};
use podium::engine::event::{Event, Stage};
use podium::router::Csrc;
use podium::sdp::{self, Agreement, AnswerParams, Offer, OurSide, SdpError};
use podium::transport::ice_lite::Credentials;
use podium_signaling::ids::{Identity, RequestId, RoomId, SeatIndex, SessionId};
use podium_signaling::room::{
    self, Act, Done, Input, Join, MediaFact, Output, Rank, Refused, SlotView, Snapshot, StagePlan, Viewer,
};

use super::network::Weather;
use super::offer::{OfferTerms, read_answer, write_offer};
use super::participant::Participant;
use super::{Person, ROOM, Who, World, certificate, server_address};

/// Someone who is about to join.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    name: String,
    rank: Rank,
    slots: usize,
    setup: &'static str,
    weather: Weather,
    can_publish: bool,
}

pub(crate) fn host(name: &str) -> Entry {
    Entry { rank: Rank::Host, ..listener(name) }
}

pub(crate) fn listener(name: &str) -> Entry {
    let weather = Weather::clear(Duration::from_millis(10));
    Entry { name: name.to_owned(), rank: Rank::Member, slots: 3, setup: "actpass", weather, can_publish: true }
}

impl Entry {
    pub(crate) fn slots(self, slots: usize) -> Self {
        Self { slots, ..self }
    }

    pub(crate) fn setup(self, setup: &'static str) -> Self {
        Self { setup, ..self }
    }

    pub(crate) fn weather(self, weather: Weather) -> Self {
        Self { weather, ..self }
    }
}

pub(crate) fn seat(index: u8) -> SeatIndex {
    SeatIndex::new(index).unwrap()
}

pub(super) fn room_id() -> RoomId {
    RoomId::parse("sim").unwrap()
}

impl World {
    /// Someone joins: offer, answer, and the checks begin at once.
    pub(crate) fn join(&mut self, entry: Entry) -> Who {
        let who = Who(self.people.len());
        let number = u16::try_from(who.0).unwrap();
        let terms = OfferTerms {
            ufrag: self.dice.word(4),
            pwd: self.dice.word(24),
            fingerprint: certificate(1).fingerprint().to_string(),
            setup: entry.setup,
            slots: entry.slots,
            payload_type: 96 + (number % 20) as u8,
            level_id: 1 + (number % 5) as u8,
            mid_id: 6 + (number % 12) as u8,
            ssrc: self.dice.number() as u32 | 1,
        };
        let transport = TransportKey(u64::from(number) + 1);
        let (answer, agreement) = self.answer(&terms, transport, entry.can_publish);
        let session = SessionId::from_random(self.dice.bytes());
        let address = self.new_address(who);
        let dice = super::Dice::new(self.dice.number());
        let mut end =
            Participant::new((number, address), terms, &read_answer(&answer), &certificate(1), dice, self.now);
        (end.up, end.down) = (entry.weather, entry.weather);
        let identity = Identity::parse(&entry.name).unwrap();
        self.by_transport.insert(transport, who);
        self.people.push(Person {
            identity: identity.clone(),
            session: session.clone(),
            transport,
            joined_at: self.now,
            agreement,
            end,
            closed: false,
            wakes: None,
        });
        self.tell_room(Input::Join(Join {
            session,
            identity,
            name: entry.name,
            rank_claim: entry.rank,
            can_publish: entry.can_publish,
            can_subscribe: true,
            can_publish_data: true,
            hidden: false,
            tier: 0,
            kind: None,
            is_banned: false,
            token_age: None,
            request: RequestId::parse("join").unwrap(),
            has_media: true,
            mic_ready: false,
        }));
        who
    }

    /// Someone offers new ICE credentials. If they are taken, the checks under them begin at once.
    pub(crate) fn restart_ice(&mut self, who: Who, change: impl FnOnce(&mut OfferTerms)) -> Result<String, SdpError> {
        let mut terms = self.person(who).end.terms.clone();
        (terms.ufrag, terms.pwd) = (self.dice.word(4), self.dice.word(24));
        change(&mut terms);
        let offer = Offer::parse(&write_offer(&terms))?;
        let credentials = Credentials::new(0, self.dice.bytes());
        let ours = OurSide {
            ufrag: &credentials.ufrag,
            pwd: &credentials.pwd,
            fingerprint: &certificate(0).fingerprint().to_string(),
            candidates: &[server_address()],
        };
        let (answer, agreement) = self.person(who).agreement.restart(&offer, ours)?;
        let (transport, now) = (self.person(who).transport, self.now);
        let dice = super::Dice::new(self.dice.number());
        self.command(Command::Restart(Restart { transport, credentials, remote_ufrag: terms.ufrag.clone() }));
        self.people[who.0].agreement = agreement;
        self.end(who).restart(terms, &read_answer(&answer.text), dice, now);
        Ok(answer.text)
    }

    /// Someone asks the room for something.
    pub(crate) fn act(&mut self, who: Who, act: Act) -> Result<Done, Refused> {
        let session = self.person(who).session.clone();
        let request = RequestId::parse(&self.dice.word(20)).unwrap();
        let outputs = self.tell_room(Input::Act { session, request: request.clone(), act });
        let reply = outputs.into_iter().find_map(|output| match output {
            Output::Reply { request: answered, result, .. } if answered == request => Some(result),
            Output::Welcome { .. }
            | Output::Resumed { .. }
            | Output::Answer { .. }
            | Output::Audit(_)
            | Output::Reply { .. }
            | Output::Tell { .. }
            | Output::Plan(_)
            | Output::Bye { .. }
            | Output::CloseTransport { .. }
            | Output::Closed => None,
        });
        reply.expect("every act is answered")
    }

    /// A participant's socket is gone without a word.
    pub(crate) fn detach(&mut self, who: Who) {
        let session = self.person(who).session.clone();
        self.tell_room(Input::Detached { session });
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        self.room.snapshot(&Viewer::Admin, self.now)
    }

    /// The seat of someone, if they have one.
    pub(crate) fn seat_of(&self, who: Who) -> Option<room::SeatView> {
        let identity = &self.person(who).identity;
        let holds = |seat: &room::SeatView| seat.holder().is_some_and(|holder| holder.identity == *identity);
        self.snapshot().seats.into_iter().find(holds)
    }

    /// The number of someone's occupancy.
    pub(crate) fn csrc_of(&self, who: Who) -> Option<u32> {
        match self.seat_of(who)?.state {
            room::SeatViewState::Occupied { csrc, .. } => Some(csrc.get()),
            room::SeatViewState::Open | room::SeatViewState::Locked | room::SeatViewState::Reserved { .. } => None,
        }
    }

    /// The plan of this number comes again, late: the engine must not care.
    pub(crate) fn repeat_plan(&mut self, number: usize) {
        let plan = self.past_plans[number].clone();
        self.command(Command::Plan(plan));
    }

    /// Tells the room something and does what it wants done.
    pub(super) fn tell_room(&mut self, input: Input) -> Vec<Output> {
        let outputs = self.room.handle(input, self.now);
        let snapshot = self.snapshot();
        self.judge.room_is(&snapshot, self.now);
        for output in outputs.clone() {
            match output {
                Output::Plan(plan) => self.plan(plan),
                Output::CloseTransport { session, .. } => self.close(&session),
                Output::Bye { session, reason, .. } => self.byes.push((session, reason)),
                Output::Tell { to, event, .. } => self.told.push((self.now, to, event)),
                Output::Welcome { .. }
                | Output::Resumed { .. }
                | Output::Reply { .. }
                | Output::Answer { .. }
                | Output::Audit(_) => {}
                Output::Closed => self.command(Command::CloseRoom(ROOM)),
            }
        }
        outputs
    }

    /// Brings what the engine tells to the room.
    pub(super) fn carry_facts(&mut self) {
        while let Some(event) = self.engine.poll_event() {
            self.events.push((self.now, event.clone()));
            if let Some(fact) = self.translate(event) {
                self.tell_room(Input::Media(fact));
            }
        }
    }

    fn translate(&mut self, event: Event) -> Option<MediaFact> {
        let session = |world: &Self, transport: TransportKey| {
            let person = world.person(*world.by_transport.get(&transport)?);
            (!person.closed).then(|| person.session.clone())
        };
        Some(match event {
            Event::Stage { transport, stage: Stage::Keys, .. } => {
                self.connected.insert(transport);
                MediaFact::Connected { session: session(self, transport)? }
            }
            Event::Stage {
                stage: Stage::FirstCheck | Stage::Nominated | Stage::Handshake | Stage::FirstAudio, ..
            }
            | Event::JoinEnded { .. }
            | Event::Measured { .. }
            | Event::GateOpened { .. }
            | Event::OnMic { .. } => return None,
            Event::TrackLive { transport } => MediaFact::TrackLive { session: session(self, transport)? },
            Event::Interrupted { transport } => MediaFact::Interrupted { session: session(self, transport)? },
            Event::Restored { transport } => MediaFact::Restored { session: session(self, transport)? },
            Event::Closed { transport, .. } => {
                let session = session(self, transport)?;
                self.connected.remove(&transport);
                self.people[self.by_transport[&transport].0].closed = true;
                MediaFact::Closed { session }
            }
            Event::Slots { transport, slots } => {
                let view = |slot: podium::engine::event::SlotView| SlotView {
                    mid: slot.mid,
                    seat: seat(slot.seat),
                    csrc: slot.csrc.0.get(),
                };
                MediaFact::Slots { session: session(self, transport)?, slots: slots.into_iter().map(view).collect() }
            }
            Event::Unheard { transport, why } => {
                let why = why.map(|_| room::UnheardWhy::Ssrc);
                MediaFact::Unheard { session: session(self, transport)?, why }
            }
            Event::Interruption { by, .. } => {
                let by = match by {
                    Some(transport) => Some(session(self, transport)?),
                    None => None,
                };
                MediaFact::Interruption { by }
            }
            Event::Speakers { speakers, .. } => {
                let named = |(transport, level)| Some((session(self, transport)?, i8::try_from(level).unwrap()));
                MediaFact::Speakers { speakers: speakers.into_iter().filter_map(named).collect() }
            }
        })
    }

    fn answer(&mut self, terms: &OfferTerms, transport: TransportKey, can_publish: bool) -> (String, Agreement) {
        let offer = Offer::parse(&write_offer(terms)).unwrap();
        let credentials = Credentials::new(0, self.dice.bytes());
        let candidates = [server_address()];
        let params = AnswerParams {
            ufrag: &credentials.ufrag,
            pwd: &credentials.pwd,
            fingerprint: &certificate(0).fingerprint().to_string(),
            candidates: &candidates,
            can_publish,
            can_subscribe: true,
            slots_max: 8,
            cname: "podium",
            origin_id: self.dice.number(),
            origin_version: 1,
            dtls_role: None,
        };
        let answer = sdp::answer(&offer, &params, &mut || self.dice.number() as u32).unwrap();
        let agreement = Agreement::new(&params, &answer);
        let open = Open {
            transport,
            room: ROOM,
            credentials,
            slot_randoms: answer.negotiated.slots.iter().map(|_| self.dice.number()).collect(),
            negotiated: answer.negotiated,
            report_ssrc: self.dice.number() as u32,
            cname: "podium".to_owned(),
            asked_at: self.now,
        };
        self.command(Command::Open(Box::new(open)));
        (answer.text, agreement)
    }

    fn plan(&mut self, plan: StagePlan) {
        let transport = |session: &SessionId| {
            let person = self.people.iter().find(|person| person.session == *session && !person.closed);
            person.map(|person| person.transport)
        };
        let seats = plan.seats.iter().filter_map(|planned| {
            Some(PlannedSeat {
                seat: planned.seat.get(),
                transport: transport(&planned.session)?,
                csrc: Csrc(planned.csrc),
                open: planned.open,
                priority: planned.priority,
            })
        });
        let interrupt = match plan.interrupt {
            room::Interrupt::Off => Interrupt::Off,
            room::Interrupt::Duck => Interrupt::Duck,
            room::Interrupt::Hold => Interrupt::Hold,
        };
        let plan = Plan { room: ROOM, revision: plan.revision, interrupt, seats: seats.collect(), asked_at: self.now };
        self.past_plans.push(plan.clone());
        if self.judge.plan_lag.is_zero() {
            return self.command(Command::Plan(plan));
        }
        let at = self.now + self.dice.span(self.judge.plan_lag);
        self.plans.push_back((at, plan));
        self.plans.make_contiguous().sort_by_key(|(at, _)| *at);
    }

    fn close(&mut self, session: &SessionId) {
        let Some(person) = self.people.iter_mut().find(|person| person.session == *session && !person.closed) else {
            return;
        };
        person.closed = true;
        let transport = person.transport;
        self.connected.remove(&transport);
        self.command(Command::Close(transport));
    }
}
