//! Light clients at the real server: they join by its own doors, hear what peer connections send and are heard by them.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use podium::runtime::clock;
use podium_loadtest::light::client::Speech;
use podium_loadtest::light::{Attendance, Invitation, News, Party};
use podium_loadtest::token::dev_token;
use podium_loadtest::tone::Voice;
use serde_json::json;

use crate::world::{ROOM, SOON, World, hears};

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_connection_hears_a_light_client_and_the_other_way_round() {
    let world = World::start().await;
    let (host, ben) = tokio::join!(world.host(), world.listener("ben", 2));
    world.free_mode(&host).await;
    let mut guests = Guests::at(&world, &["lia", "leo"]).await;
    guests.join_all();
    guests.take_seat(0, 3);
    let speech = Speech::of(Voice::tone(440)).unwrap();
    guests.party.with_client(0, |client, now| client.speak(speech, now));
    let attending = std::thread::spawn(move || {
        guests.wait(|guests| {
            let [lia, leo] = [0, 1].map(|member| guests.party.client(member).unwrap().ears());
            // The host, and not oneself; the host and lia.
            lia.voices().len() == 1 && lia.voices()[0].packets > 100 && leo.voices().len() == 2 && leo.packets() > 200
        });
        guests
    });
    hears(&ben, 440).await;
    host.command("seat_take", json!({ "seat": 1 })).await.unwrap();
    host.speak(Voice::tone(880)).unwrap();
    let guests = attending.join().unwrap();
    let [lia, leo] = [0, 1].map(|member| guests.party.client(member).unwrap().ears());
    assert_eq!((lia.lost(), leo.lost()), (0, 0));
    assert_eq!(ben.heard().lost(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn forty_join_at_once_and_leave_without_a_trace() {
    let world = World::start().await;
    let host = world.host().await;
    host.command("seat_take", json!({ "seat": 1 })).await.unwrap();
    host.speak(Voice::tone(440)).unwrap();
    let names: Vec<String> = (0..40).map(|number| format!("light-{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut guests = Guests::at(&world, &names).await;
    tokio::task::block_in_place(|| {
        guests.join_all();
        let has_heard = |guests: &Guests, member| guests.party.client(member).unwrap().milestones().audio.is_some();
        guests.wait(|guests| (0..40).all(|member| has_heard(guests, member)));
    });
    for member in 0..40 {
        let client = guests.party.client(member).unwrap();
        assert_eq!((client.ears().lost(), client.unusable()), (0, 0), "{member}");
        guests.party.leave(member, 1);
    }
    let deadline = clock::now() + SOON;
    tokio::task::block_in_place(|| {
        while guests.party.present() > 0 {
            assert!(clock::now() < deadline, "{} stayed", guests.party.present());
            guests.attend(Duration::from_millis(50));
        }
    });
    while world.metric("podium_transports_connected").await > 1.0 {
        assert!(clock::now() < deadline, "transports stayed");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_who_is_not_let_in_is_told_why() {
    let world = World::start().await;
    let _host = world.host().await;
    let mut guests = Guests::at(&world, &[]).await;
    // A room that nobody has made, and a token of nobody's.
    let token = dev_token(&world.base(), "elsewhere", "lia", "member").await.unwrap();
    guests.invite("elsewhere", &token);
    guests.invite(ROOM, "nonsense");
    let deadline = clock::now() + SOON;
    tokio::task::block_in_place(|| {
        while guests.refused.len() < 2 {
            assert!(clock::now() < deadline, "{:?}", guests.refused);
            guests.attend(Duration::from_millis(50));
        }
    });
    guests.refused.sort();
    assert_eq!(guests.refused, ["room_not_found", "unauthenticated"]);
}

/// A party with what became of it.
struct Guests {
    party: Party,
    tokens: Vec<String>,
    news: Vec<News>,
    with_keys: BTreeSet<usize>,
    replies: usize,
    refused: Vec<String>,
}

impl Guests {
    async fn at(world: &World, names: &[&str]) -> Self {
        let mut tokens = Vec::new();
        for name in names {
            tokens.push(world.token(name, "member").await);
        }
        let SocketAddr::V4(server) = world.server.http() else { panic!("listens on 127.0.0.1") };
        let party = Party::new(server).unwrap();
        Self { party, tokens, news: Vec::new(), with_keys: BTreeSet::new(), replies: 0, refused: Vec::new() }
    }

    fn invite(&mut self, room: &str, token: &str) {
        let attendance = Attendance { slots: 3, source: 77 };
        self.party.invite(&Invitation { room, token, attendance, due: clock::now() }).unwrap();
    }

    /// Brings all in and waits until they have keys.
    fn join_all(&mut self) {
        for token in self.tokens.clone() {
            self.invite(ROOM, &token);
        }
        self.wait(|guests| guests.with_keys.len() == guests.tokens.len());
    }

    fn take_seat(&mut self, member: usize, seat: usize) {
        assert!(self.party.say(member, 9, "seat_take", &format!(r#","seat":{seat}"#)));
        self.wait(|guests| guests.replies == 1);
    }

    fn wait(&mut self, holds: impl Fn(&Self) -> bool) {
        let deadline = clock::now() + SOON;
        while !holds(self) {
            assert!(clock::now() < deadline, "keys {}, replies {}", self.with_keys.len(), self.replies);
            self.attend(Duration::from_millis(20));
        }
    }

    fn attend(&mut self, span: Duration) {
        let until = clock::now() + span;
        while clock::now() < until {
            self.attend_once(until);
        }
    }

    fn attend_once(&mut self, until: Instant) {
        self.party.attend(until, &mut self.news).unwrap();
        for news in self.news.drain(..) {
            match news {
                News::Reached { member, milestones } if milestones.keys.is_some() => {
                    self.with_keys.insert(member);
                }
                News::Replied { refused, .. } => {
                    assert_eq!(refused, None);
                    self.replies += 1;
                }
                News::Refused { how, .. } => self.refused.push(how.code),
                News::Ended { why: Some(why), .. } => self.refused.push(why),
                News::MediaOver { why, .. } => panic!("{why:?}"),
                News::Welcomed { .. } | News::Reached { .. } | News::Ended { why: None, .. } => {}
            }
        }
    }
}
