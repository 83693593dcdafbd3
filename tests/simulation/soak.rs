//! A soak: random people do random things on random networks, and whatever happens the judge watches every packet.
//!
//! A seed throws the same acts and the same weather again; only the DTLS library's own timers have dice that no seed reaches.

use std::time::Duration;

use podium_signaling::ids::SeatIndex;
use podium_signaling::room::{Act, Interrupt, RoomChange, SeatMode, Settings};

use crate::world::network::Weather;
use crate::world::{Who, World, host, listener, seat};
use crate::{ms, secs};

#[test]
fn whatever_happens_the_rules_hold() {
    let runs = std::env::var("PODIUM_SIM_RUNS").map_or(20, |text| text.parse().unwrap());
    for seed in 1..=runs {
        Soak::new(seed).run();
    }
}

struct Soak {
    world: World,
    ada: Who,
    names: Vec<&'static str>,
}

impl Soak {
    fn new(seed: u64) -> Self {
        let settings = Settings { seats: 5, seat_mode: SeatMode::Free, ..Settings::default() };
        let mut world = World::with_settings(seed, settings);
        if world.dice.permille(500) {
            world.judge.plan_lag = ms(20);
        }
        let ada = world.join(host("ada"));
        let names = vec!["ben", "cora", "dan", "eve", "finn", "gus", "hal", "ida", "jo"];
        Self { world, ada, names }
    }

    fn run(mut self) {
        let end = self.world.now + secs(60);
        while self.world.now < end {
            let who = self.someone();
            match self.world.dice.below(3) {
                0 => self.come_or_go(),
                1 => self.suffer(who),
                _ => self.act(who),
            }
            let span = self.world.dice.span(ms(400));
            self.world.run(span);
        }
        self.afterwards();
    }

    fn someone(&mut self) -> Who {
        let people: Vec<Who> = self.world.everyone().collect();
        people[self.world.dice.below(people.len())]
    }

    fn come_or_go(&mut self) {
        match self.world.dice.below(12) {
            0..=3 => {
                let name = self.names[self.world.dice.below(self.names.len())];
                let slots = self.world.dice.below(4);
                let setup = ["active", "passive", "actpass"][self.world.dice.below(3)];
                let weather = self.weather();
                let who = self.world.join(listener(name).slots(slots).setup(setup).weather(weather));
                let level = self.world.dice.below(128) as u8;
                self.world.speak(who, level);
            }
            4 => {
                let who = self.someone();
                let _ = self.world.act(who, Act::Leave);
            }
            5 => {
                let who = self.someone();
                self.world.detach(who);
            }
            6 => {
                let past = self.world.past_plans.len();
                if past > 0 {
                    let number = self.world.dice.below(past);
                    // While plans are late this one might come first, which no mailbox does.
                    if self.world.judge.plan_lag.is_zero() {
                        self.world.repeat_plan(number);
                    }
                }
            }
            7..=9 => {
                let who = self.someone();
                let level = self.world.dice.below(128) as u8;
                self.world.speak(who, level);
            }
            _ => {
                let who = self.someone();
                self.world.rest(who);
            }
        }
    }

    fn suffer(&mut self, who: Who) {
        match self.world.dice.below(6) {
            0 => {
                self.world.rebind(who);
            }
            1 if self.world.dice.permille(300) => self.world.weather(who, Weather::dark()),
            _ => {
                let weather = self.weather();
                self.world.weather(who, weather);
            }
        }
    }

    fn weather(&mut self) -> Weather {
        let dice = &mut self.world.dice;
        let delay = ms(1) + dice.span(ms(150));
        match dice.below(3) {
            0 => Weather::clear(delay),
            1 => Weather { jitter: dice.span(ms(60)), ..Weather::clear(delay) },
            _ => Weather {
                jitter: dice.span(ms(60)),
                lost: dice.below(300) as u32,
                twice: dice.below(200) as u32,
                held_up: dice.below(200) as u32,
                ..Weather::clear(delay)
            },
        }
    }

    /// Refusals are fine; packets against the rules are not.
    fn act(&mut self, who: Who) {
        let seat = seat(self.world.dice.below(5) as u8);
        let target = self.someone();
        let identity = self.world.person(target).identity.clone();
        let truth = self.world.dice.permille(500);
        let by_host = |act: Act| (self.ada, act);
        let (who, act) = match self.world.dice.below(18) {
            0..=3 => (who, Act::SeatTake { seat }),
            4 => (who, Act::SeatLeave),
            5 => (who, Act::SeatConfirm { seat: None }),
            6 => (who, Act::HandRaise { wanted_seat: None, mic_ready: truth }),
            7 => by_host(Act::HandApprove { identity }),
            8 => (who, Act::HandLower),
            9 => by_host(Act::SeatLock { seat, evict: truth, expect_rev: None }),
            10 => by_host(Act::SeatUnlock { seat, expect_rev: None }),
            11 => by_host(Act::SeatMute { seat, expect_rev: None }),
            12 => by_host(Act::SeatUnmute { seat, expect_rev: None }),
            13 => by_host(Act::MemberMute { identity, lasts: None }),
            14 => by_host(Act::MemberUnmute { identity }),
            15 => by_host(if truth {
                Act::SeatKick { seat, expect_rev: None }
            } else {
                Act::MemberKick { identity, deny: false, reason: None }
            }),
            16 => (who, Act::MuteSelf { muted: truth }),
            _ => {
                let interrupt = [Interrupt::Off, Interrupt::Duck, Interrupt::Hold][self.world.dice.below(3)];
                let mode = [SeatMode::Free, SeatMode::Apply][usize::from(truth)];
                by_host(Act::RoomUpdate(RoomChange {
                    seat_mode: Some(mode),
                    hands: Some(true),
                    interrupt: Some(interrupt),
                    ..RoomChange::default()
                }))
            }
        };
        let _ = self.world.act(who, act);
    }

    /// When the storm is over, whoever speaks from a seat is heard.
    fn afterwards(&mut self) {
        let world = &mut self.world;
        for who in world.everyone() {
            world.weather(who, Weather::clear(ms(20)));
            world.rest(who);
        }
        world.run(CALM);
        let host = world.join(host("zoe"));
        let last = world.join(listener("last"));
        world.run(secs(1));
        let took = (0..5).filter_map(|index| SeatIndex::new(index).ok()).find(|&seat| {
            let _ = world.act(host, Act::SeatLock { seat, evict: true, expect_rev: None });
            let _ = world.act(host, Act::SeatUnlock { seat, expect_rev: None });
            let _ = world.act(host, Act::SeatUnmute { seat, expect_rev: None });
            world.act(host, Act::SeatTake { seat }).is_ok()
        });
        assert!(took.is_some(), "no seat is to be had");
        world.act(host, Act::MuteSelf { muted: false }).unwrap();
        world.speak(host, 30);
        world.forget_heard();
        let connected: Vec<Who> = world.everyone().filter(|who| world.is_connected(*who)).collect();
        world.run(secs(4));
        for who in connected {
            let person = world.person(who);
            let expects = !person.closed && who != host && person.end.slot_count() > 0;
            let heard = world.heard_of(who, host).len();
            assert!(!expects || heard >= 150, "{} heard {heard} packets", person.identity);
        }
        assert!(world.heard_of(last, host).len() >= 190);
    }
}

/// Long enough for a check from everyone's present address.
const CALM: Duration = Duration::from_secs(5);
