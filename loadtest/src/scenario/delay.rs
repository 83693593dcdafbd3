//! The delay scenario: people talk through lines whose delay is known, and what the server believes of those delays is held against the truth.
//!
//! All media goes through a relay. In each room two people on stage have the line under trial, and one in the audience has a line without
//! faults. Ears and mouths are in this process, so a probe in each packet tells how long it took: to the one in the audience it went up only,
//! to the other on stage it went up and down. Rooms come one after another, so that they do not disturb each other's time.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::time::Duration;

use indicatif::ProgressBar;
use serde_json::{Value, json};

use crate::clock;
use crate::participant::{JoinOptions, Participant};
use crate::relay::{Line, Relay};
use crate::report::{DelayFigures, DelayStep, Estimate};
use crate::server::{ServerProcess, free_udp_address};
use crate::token::{Claims, mint, sign};
use crate::tone::Voice;

/// The sizes of a run.
#[derive(Clone, Debug)]
pub struct Delay {
    /// The lines to try, each with its name.
    pub lines: Vec<(String, Line)>,
    /// How long people talk before anything is measured: an estimate needs some reports.
    pub settle: Duration,
    /// For how long it is measured after that.
    pub length: Duration,
    /// Seeds the relay's dice.
    pub seed: u64,
}

impl Delay {
    /// The lines that are tried if none is named.
    pub fn usual_lines() -> Vec<(String, Line)> {
        let line = |name: &str, up: &str, down: &str| {
            let read = |text: &str| text.parse().expect("these impairments are well formed");
            (name.to_owned(), Line { up: read(up), down: read(down) })
        };
        let both = |name: &str, both: &str| line(name, both, both);
        vec![
            both("0 ms", ""),
            both("20 ms", "delay=20"),
            both("50 ms", "delay=50"),
            both("100 ms", "delay=100"),
            both("150 ms", "delay=150"),
            line("20 ms up, 130 ms down", "delay=20", "delay=130"),
            both("50 ms, jitter 20 ms", "delay=50,jitter=20"),
            both("50 ms, loss 5 %", "delay=50,loss=5"),
        ]
    }

    /// Runs it on a server of its own. The error is why there are no figures.
    pub async fn run(&self, binary: &Path, progress: &ProgressBar) -> Result<DelayFigures, Box<dyn std::error::Error>> {
        progress.set_length(self.lines.len() as u64);
        let site = Site::open(binary, self.seed).await?;
        let mut steps = Vec::new();
        for (number, (name, line)) in self.lines.iter().enumerate() {
            progress.set_message(name.clone());
            let mut step = DelayStep::new(name, line.clone());
            let mut room = Room::new(&site, format!("delay-{number}"));
            if let Err(reason) = room.play(self, line, &mut step).await {
                step.failures.push(reason);
            }
            room.close().await;
            steps.push(step);
            progress.inc(1);
        }
        Ok(DelayFigures { steps })
    }
}

/// A server whose clients reach its media through a relay.
struct Site {
    server: ServerProcess,
    relay: Relay,
    secret: String,
}

impl Site {
    async fn open(binary: &Path, seed: u64) -> Result<Self, Box<dyn std::error::Error>> {
        let media = free_udp_address()?;
        let relay = Relay::udp((Ipv4Addr::LOCALHOST, 0), media, Line::default(), seed)?;
        relay.set_for(NEAR, Line::default())?;
        let mut random = [0; 32];
        getrandom::fill(&mut random)?;
        let secret: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        let environment = [
            // An empty file: configured, not in development mode, and all by the environment.
            ("PODIUM_CONFIG", "/dev/null"),
            ("PODIUM__AUTH__KEYS__LOADTEST", &format!("\"{secret}\"")),
            ("PODIUM__STORE__PATH", "\":memory:\""),
            ("PODIUM__MEDIA__LISTEN", &media.to_string()),
            ("PODIUM__MEDIA__ADVERTISE", &format!("[\"{}\"]", relay.address())),
            ("PODIUM__MEDIA__PIN", "false"),
        ];
        let server = ServerProcess::start(binary, &environment).await?;
        Ok(Self { server, relay, secret })
    }

    async fn join(&self, room: &str, person: &Person) -> Result<Participant, String> {
        let failed = |error: &dyn std::error::Error| format!("{} could not join: {error}", person.identity);
        let claims = Claims::new(room, person.identity).ranked(person.rank);
        let token = mint(KEY, &self.secret, &claims).map_err(|error| failed(&error))?;
        let mut options = JoinOptions::new(self.server.http_url(), room, token).with_local(person.local).with_slots(2);
        if let Some(source) = person.source {
            options = options.with_microphone(source);
        }
        Participant::join(options).await.map_err(|error| failed(&error))
    }

    /// What the server says of a room's delays.
    async fn stats(&self, room: &str) -> Result<Value, String> {
        let claims = json!({
            "iss": KEY, "sub": "loadtest", "exp": clock::unix_seconds() + 3_600,
            "video": { "room": room, "roomAdmin": true, "roomList": true },
        });
        let token = sign(&claims, &self.secret).map_err(|error| error.to_string())?;
        let url = format!("{}/v1/rooms/{room}/stats", self.server.http_url());
        let failed = |error: reqwest::Error| format!("GET {url}: {error}");
        let answer = reqwest::Client::new().get(&url).bearer_auth(token).send().await.map_err(failed)?;
        let status = answer.status();
        if !status.is_success() {
            return Err(format!("GET /v1/rooms/{room}/stats: {status}"));
        }
        answer.json().await.map_err(failed)
    }
}

/// Who comes into each room.
struct Person {
    identity: &'static str,
    rank: &'static str,
    source: Option<u32>,
    local: IpAddr,
}

const ADA: Person = Person { identity: "ada", rank: "host", source: Some(1), local: FAR };
const BEN: Person = Person { identity: "ben", rank: "member", source: Some(2), local: FAR };
const WITNESS: Person = Person { identity: "witness", rank: "member", source: None, local: NEAR };

/// One room of the run.
struct Room<'a> {
    site: &'a Site,
    id: String,
    people: Vec<Participant>,
}

impl<'a> Room<'a> {
    fn new(site: &'a Site, id: String) -> Self {
        Self { site, id, people: Vec::new() }
    }

    async fn play(&mut self, delay: &Delay, line: &Line, step: &mut DelayStep) -> Result<(), String> {
        self.site.relay.set(line.clone()).map_err(|error| error.to_string())?;
        for person in [ADA, BEN, WITNESS] {
            self.people.push(self.site.join(&self.id, &person).await?);
        }
        let [ada, ben, witness] = self.people.as_slice() else {
            return Err("three people came and are not there".to_owned());
        };
        let refused = |error| format!("a command was refused: {error}");
        ada.command("room_update", json!({ "seat_mode": "free" })).await.map_err(refused)?;
        // The seat of the host is the host's already, if the server has it so.
        if let Err(error) = ada.command("seat_take", json!({ "seat": 0 })).await {
            tracing::debug!(%error, "the host has a seat");
        }
        ben.command("seat_take", json!({ "seat": 1 })).await.map_err(refused)?;
        for (who, pitch) in [(ada, 440), (ben, 660)] {
            who.speak(Voice::tone(pitch)).map_err(|error| error.to_string())?;
        }
        self.pass(delay.settle, None).await;
        for listener in [ada, ben, witness] {
            [1, 2].into_iter().for_each(|source| listener.forget_source(source));
        }
        self.site.relay.forget_figures();
        self.pass(delay.length, Some(step)).await;
        step.lateness = self.site.relay.lateness();
        step.truth = truth(ada, ben, witness);
        if step.truth.is_none() {
            step.failures.push("somebody on stage was not heard".to_owned());
        }
        Ok(())
    }

    /// Time passes, in which all report as clients do, and the server is asked what it believes.
    async fn pass(&self, length: Duration, mut step: Option<&mut DelayStep>) {
        let begun = clock::now();
        while clock::since(begun) < length {
            for participant in &self.people {
                // A server may know no such report; then it knows less.
                let _ = participant.report().await;
            }
            tokio::time::sleep(REPORT_EVERY.min(length.saturating_sub(clock::since(begun)))).await;
            let Some(step) = &mut step else { continue };
            match self.site.stats(&self.id).await {
                Ok(stats) => step.estimates.extend(["ada", "ben"].iter().filter_map(|who| estimate(&stats, who))),
                Err(reason) if step.failures.is_empty() => step.failures.push(reason),
                Err(_) => {}
            }
        }
    }

    async fn close(self) {
        for participant in self.people {
            participant.close().await;
        }
    }
}

/// How long the way took up, and up and down, in the mean over both on stage.
fn truth(ada: &Participant, ben: &Participant, witness: &Participant) -> Option<(Duration, Duration)> {
    let mean = |who: &Participant, source: u32| who.heard().sources.get(&source).map(|source| source.transit_mean());
    let up = (mean(witness, 1)? + mean(witness, 2)?) / 2;
    let through = (mean(ben, 1)? + mean(ada, 2)?) / 2;
    Some((up, through))
}

/// What the server believes of one person's line.
fn estimate(stats: &Value, identity: &str) -> Option<Estimate> {
    let person = stats["stage"].as_array()?.iter().find(|person| person["identity"] == identity)?;
    let round_trip_ms = person["rtt_ms"].as_f64()?;
    let term = |name: &str| person["terms_ms"][name].as_f64();
    Some(Estimate {
        one_way_ms: round_trip_ms / 2.0,
        network_ms: term("uplink").zip(term("downlink")).map(|(up, down)| up + down),
        source: person["rtt_source"].as_str().unwrap_or_default().to_owned(),
    })
}

const KEY: &str = "loadtest";
/// Where those come from who have the line under trial.
const FAR: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
/// Where those come from who have a line without faults.
const NEAR: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 1));
/// A client tells every five seconds; here there is less time.
const REPORT_EVERY: Duration = Duration::from_millis(1_500);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_believed_of_a_person_is_found_among_the_figures_of_the_stage() {
        let stats = json!({ "stage": [
            { "identity": "ben", "terms_ms": {} },
            { "identity": "ada", "rtt_ms": 101.0, "rtt_source": "slot", "terms_ms": { "uplink": 50.5, "downlink": 20.0 } },
        ]});
        let expected = Estimate { one_way_ms: 50.5, network_ms: Some(70.5), source: "slot".to_owned() };
        assert_eq!(estimate(&stats, "ada"), Some(expected));
        assert_eq!(estimate(&stats, "ben"), None, "nothing is known of ben yet");
        assert_eq!(estimate(&stats, "cyd"), None);
        assert_eq!(estimate(&json!({}), "ada"), None);
    }

    #[test]
    fn the_usual_lines_are_well_formed_and_have_names_of_their_own() {
        let lines = Delay::usual_lines();
        let names: std::collections::BTreeSet<&str> = lines.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!((lines.len(), names.len()), (8, 8));
        assert_eq!(lines.iter().filter(|(_, line)| line.up != line.down).count(), 1);
    }
}
