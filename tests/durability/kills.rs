//! The server is killed, or stopped, in the middle of everything, again and again, on one file.

use std::sync::Arc;
use std::time::Duration;

use podium::runtime::clock;
use reqwest::Method;
use serde_json::json;

use crate::actor::{Actor, Part};
use crate::backend::{Backend, Request};
use crate::checker::Checker;
use crate::dice::Dice;
use crate::process::Home;

/// How a life of the server ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Killed,
    Stopped,
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_when_the_server_is_killed_at_any_moment() {
    let kills = variable("PODIUM_KILLS").unwrap_or(20);
    Story::new("kills").live(kills, End::Killed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_when_the_server_is_stopped() {
    Story::new("stops").live(STOPS, End::Stopped).await;
}

/// Many lives of a server, and the same actors in all of them.
struct Story {
    home: Home,
    rooms: Vec<String>,
    actors: Vec<Actor>,
    dice: Dice,
    checker: Checker,
    ready: Vec<Duration>,
}

impl Story {
    fn new(name: &str) -> Self {
        let seed =
            variable("PODIUM_SEED").unwrap_or_else(|| u64::from(std::process::id()) ^ clock::unix_seconds() << 16);
        // Seen if the test fails.
        println!("PODIUM_SEED={seed}");
        let mut dice = Dice::new(seed);
        let rooms: Vec<String> = (0..ROOMS).map(|number| format!("room-{number}")).collect();
        let cast = rooms.iter().flat_map(|room| Part::OF_A_ROOM.map(|part| (part, room.as_str())));
        let actors = cast.chain([(Part::Maker, "all")]);
        let actors = actors.map(|(part, room)| Actor::new(part, room, dice.number())).collect();
        Self { home: Home::new(name), rooms, actors, dice, checker: Checker::default(), ready: Vec::new() }
    }

    async fn live(mut self, lives: u64, end: End) {
        let started = clock::now();
        for life in 0..=lives {
            let podium = self.home.start().await;
            let server: Arc<str> = podium.http().into();
            if life == 0 {
                self.make_rooms(&server).await;
            } else {
                self.ready.push(podium.ready_after);
                self.checker.check(&server, &mut self.actors, &self.rooms, &mut self.dice).await;
            }
            if life == lives {
                break;
            }
            let playing: Vec<_> = self
                .actors
                .drain(..)
                .map(|mut actor| {
                    let server = Arc::clone(&server);
                    tokio::spawn(async move {
                        actor.play(server).await;
                        actor
                    })
                })
                .collect();
            tokio::time::sleep(LIFE_MIN + self.dice.span(LIFE_MORE)).await;
            match end {
                End::Killed => podium.kill(),
                End::Stopped => podium.terminate().await,
            }
            for actor in playing {
                self.actors.push(actor.await.unwrap());
            }
            if life % TELL_EVERY == TELL_EVERY - 1 {
                println!("{life}: {:?} after {:?}", self.checker.found, clock::now() - started);
            }
        }
        self.tell(lives, end);
        self.whole_log().await;
    }

    async fn make_rooms(&mut self, server: &str) {
        for room in &self.rooms {
            let body = json!({ "id": room, "seats": 9, "seat_mode": "free" });
            let key = Some(format!("first-{room}"));
            let request = Request { method: Method::POST, path: "/v1/rooms".to_owned(), body, key };
            let answer = Backend::new(server, "builder").ask(&request).await.unwrap();
            assert_eq!(answer.status, 201, "{answer:?}");
        }
    }

    /// The log as one reads it from the beginning, which checks again what was checked piece by piece.
    async fn whole_log(&mut self) {
        let podium = self.home.start().await;
        let mut all = Checker::default();
        all.check(&podium.http(), &mut [], &self.rooms, &mut self.dice).await;
        assert!(all.found.events >= self.checker.found.events && all.found.audits >= self.checker.found.audits);
    }

    fn tell(&self, lives: u64, end: End) {
        let acknowledged: u64 = self.actors.iter().map(|actor| actor.journal.acknowledged).sum();
        let mut refused = std::collections::BTreeMap::<&str, u64>::new();
        for (code, count) in self.actors.iter().flat_map(|actor| &actor.journal.refused) {
            *refused.entry(code).or_default() += count;
        }
        let longest = self.ready.iter().max().unwrap();
        println!("{lives} times {end:?}: {acknowledged} acts acknowledged, none lost; refused: {refused:?}");
        println!("{:?}; longest start {longest:?}", self.checker.found);
        for actor in &self.actors {
            let (by, acts) = (&actor.journal.by, actor.journal.acknowledged);
            assert!(acts > 0, "{by} got nothing acknowledged in {lives} lives: the test is not testing");
        }
        assert!(acknowledged >= lives * ACTS_A_LIFE, "{acknowledged} acts in {lives} lives: the test is not testing");
    }
}

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().unwrap_or_else(|_| panic!("{name} is no number: {value}")))
}

const ROOMS: usize = 4;
/// How often the server is stopped the kind way.
const STOPS: u64 = 5;
/// From the first act to the end of a life.
const LIFE_MIN: Duration = Duration::from_millis(100);
const LIFE_MORE: Duration = Duration::from_millis(1_300);
/// Acts of all together in a life, on average, on the slowest machine.
const ACTS_A_LIFE: u64 = 10;
const TELL_EVERY: u64 = 50;
