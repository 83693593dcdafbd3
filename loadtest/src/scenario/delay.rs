//! The delay scenario: people talk through lines whose delay is known, and what the server believes of those delays is held against the truth.
//!
//! All media goes through a relay. In each room two people on stage have the line under trial, and one in the audience has a line without
//! faults. Ears and mouths are in this process, so a probe in each packet tells how long it took: to the one in the audience it went up only,
//! to the other on stage it went up and down. Rooms come one after another, so that they do not disturb each other's time. In the last the delay
//! jumps, and it is timed how soon the server knows.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::time::Duration;

use indicatif::ProgressBar;
use serde_json::{Value, json};

use crate::clock;
use crate::participant::{JoinOptions, Participant};
use crate::relay::{Line, Relay};
use crate::report::{DelayFigures, DelayStep, ERROR_MAX_MS, Estimate, JumpFigures, Truth};
use crate::server::{ServerProcess, free_udp_address};
use crate::token::{Claims, mint, sign};
use crate::tone::Voice;

/// The sizes of a run.
#[derive(Clone, Debug)]
pub struct Delay {
    /// The lines to try, one after another.
    pub trials: Vec<Trial>,
    /// Whether a line is tried, too, that changes while people talk.
    pub jump: bool,
    /// How long people talk before anything is measured: an estimate needs some reports.
    pub settle: Duration,
    /// For how long it is measured after that.
    pub length: Duration,
    /// Seeds the relay's dice.
    pub seed: u64,
}

/// A line, and who is behind it.
#[derive(Clone, Debug, PartialEq)]
pub struct Trial {
    /// Its name.
    pub name: String,
    /// What the relay does.
    pub line: Line,
    /// Whether one person is alone on stage: nobody is heard by them, and the server knows their round trip from themselves only.
    pub is_alone: bool,
}

impl Trial {
    /// Two people on stage behind this line.
    pub fn new(name: impl Into<String>, line: Line) -> Self {
        Self { name: name.into(), line, is_alone: false }
    }
}

impl Delay {
    /// What is tried if nothing is named.
    pub fn usual_trials() -> Vec<Trial> {
        let line = |name: &str, up: &str, down: &str| {
            let read = |text: &str| text.parse().expect("these impairments are well formed");
            Trial::new(name, Line { up: read(up), down: read(down) })
        };
        let both = |name: &str, both: &str| line(name, both, both);
        let alone = |name: &str, way: &str| Trial { is_alone: true, ..both(name, way) };
        vec![
            both("0 ms", ""),
            both("20 ms", "delay=20"),
            both("50 ms", "delay=50"),
            both("100 ms", "delay=100"),
            both("150 ms", "delay=150"),
            line("20 ms up, 130 ms down", "delay=20", "delay=130"),
            both("50 ms, jitter 20 ms", "delay=50,jitter=20"),
            both("50 ms, loss 5 %", "delay=50,loss=5"),
            alone("100 ms, alone on stage", "delay=100"),
        ]
    }

    /// Runs it on a server of its own. The error is why there are no figures.
    pub async fn run(&self, binary: &Path, progress: &ProgressBar) -> Result<DelayFigures, Box<dyn std::error::Error>> {
        progress.set_length(self.trials.len() as u64 + u64::from(self.jump));
        let site = Site::open(binary, self.seed).await?;
        let mut figures = DelayFigures::default();
        for (number, trial) in self.trials.iter().enumerate() {
            progress.set_message(trial.name.clone());
            let mut step = DelayStep::new(&trial.name, trial.line.clone());
            let mut room = Room::new(&site, format!("delay-{number}"));
            if let Err(reason) = room.play(self, trial, &mut step).await {
                step.failures.push(reason);
            }
            room.close().await;
            figures.steps.push(step);
            progress.inc(1);
        }
        if self.jump {
            progress.set_message("a jump");
            let mut room = Room::new(&site, "delay-jump".to_owned());
            let (from, to) = (Duration::from_millis(20), Duration::from_millis(150));
            site.relay.forget_figures();
            let noticed = room.jump(self, from, to).await;
            let lateness = site.relay.lateness();
            room.close().await;
            figures.jump = Some(JumpFigures { from, to, noticed, lateness });
        }
        Ok(figures)
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
            ("PODIUM__AUTH__KEYS__loadtest", &format!("\"{secret}\"")),
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

const ADA: Person = Person { identity: "ada", rank: "member", source: Some(1), local: FAR };
const BEN: Person = Person { identity: "ben", rank: "member", source: Some(2), local: FAR };
/// The host, in the audience: the room is there when the others come.
const WITNESS: Person = Person { identity: "witness", rank: "host", source: None, local: NEAR };

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

    async fn play(&mut self, delay: &Delay, trial: &Trial, step: &mut DelayStep) -> Result<(), String> {
        step.stage = on_stage(trial.is_alone).iter().map(|person| person.identity.to_owned()).collect();
        self.gather(&trial.line, trial.is_alone).await?;
        self.pass(delay.settle, None).await;
        for listener in &self.people {
            [1, 2].into_iter().for_each(|source| listener.forget_source(source));
        }
        self.site.relay.forget_figures();
        self.pass(delay.length, Some(step)).await;
        step.lateness = self.site.relay.lateness();
        step.truth = truth(&self.people);
        if step.truth.is_none() {
            step.failures.push("somebody on stage was not heard".to_owned());
        }
        Ok(())
    }

    /// The delay of the line jumps while people talk. How long it takes until all that is believed is near the truth, and stays there for some
    /// answers.
    async fn jump(&mut self, delay: &Delay, from: Duration, to: Duration) -> Result<Duration, String> {
        self.gather(&Line::delay(from), false).await?;
        self.pass(delay.settle, None).await;
        self.site.relay.set(Line::delay(to)).map_err(|error| error.to_string())?;
        let jumped = clock::now();
        let (mut near_since, mut near_times) = (None, 0);
        while clock::since(jumped) < NOTICED_WITHIN {
            tokio::time::sleep(JUMP_POLL).await;
            let stats = self.site.stats(&self.id).await?;
            let believed: Vec<Estimate> = ["ada", "ben"].iter().filter_map(|who| estimate(&stats, who)).collect();
            let is_near = |estimate: &Estimate| (estimate.one_way_ms - to.as_secs_f64() * 1e3).abs() <= ERROR_MAX_MS;
            if believed.len() == 2 && believed.iter().all(is_near) {
                let since = *near_since.get_or_insert(clock::since(jumped));
                near_times += 1;
                if near_times == NEAR_TIMES {
                    return Ok(since);
                }
            } else {
                (near_since, near_times) = (None, 0);
            }
        }
        Err(format!("not within {NOTICED_WITHIN:?}"))
    }

    /// Brings everybody in, those on stage behind this line, and has them talk.
    async fn gather(&mut self, line: &Line, is_alone: bool) -> Result<(), String> {
        self.site.relay.set(line.clone()).map_err(|error| error.to_string())?;
        for person in std::iter::once(&WITNESS).chain(on_stage(is_alone)) {
            self.people.push(self.site.join(&self.id, person).await?);
        }
        let refused = |error| format!("a command was refused: {error}");
        let [host, stage @ ..] = self.people.as_slice() else {
            return Err("nobody came".to_owned());
        };
        host.command("room_update", json!({ "seat_mode": "free" })).await.map_err(refused)?;
        for (number, speaker) in (1_u32..).zip(stage) {
            speaker.command("seat_take", json!({ "seat": number })).await.map_err(refused)?;
            speaker.speak(Voice::tone(PITCH_HZ * number)).map_err(|error| error.to_string())?;
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
                // Of whom nothing was ever believed the report tells.
                Ok(stats) => step.estimates.extend(step.stage.iter().filter_map(|who| estimate(&stats, who))),
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

/// Who has the line under trial.
fn on_stage(is_alone: bool) -> &'static [Person] {
    if is_alone { &[ADA] } else { &[ADA, BEN] }
}

/// How long the way took up, and up and down, in the mean over those on stage. The first of the people is the witness.
fn truth(people: &[Participant]) -> Option<Truth> {
    let mean = |who: &Participant, source: u32| who.heard().sources.get(&source).map(|source| source.transit_mean());
    match people {
        [witness, _alone] => Some(Truth { up: mean(witness, 1)?, through: None }),
        [witness, ada, ben] => Some(Truth {
            up: (mean(witness, 1)? + mean(witness, 2)?) / 2,
            through: Some((mean(ben, 1)? + mean(ada, 2)?) / 2),
        }),
        _ => None,
    }
}

/// What the server believes of one person's line.
fn estimate(stats: &Value, identity: &str) -> Option<Estimate> {
    let person = stats["stage"].as_array()?.iter().find(|person| person["identity"] == identity)?;
    let round_trip_ms = person["rtt_ms"].as_f64()?;
    let term = |name: &str| person["terms_ms"][name].as_f64();
    Some(Estimate {
        who: identity.to_owned(),
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
const PITCH_HZ: u32 = 440;
/// So often what is believed must be near the truth, one time after the other.
const NEAR_TIMES: u32 = 4;
const JUMP_POLL: Duration = Duration::from_millis(250);
const NOTICED_WITHIN: Duration = Duration::from_secs(30);
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
        let (who, source) = ("ada".to_owned(), "slot".to_owned());
        let expected = Estimate { who, one_way_ms: 50.5, network_ms: Some(70.5), source };
        assert_eq!(estimate(&stats, "ada"), Some(expected));
        assert_eq!(estimate(&stats, "ben"), None, "nothing is known of ben yet");
        assert_eq!(estimate(&stats, "cyd"), None);
        assert_eq!(estimate(&json!({}), "ada"), None);
    }

    #[test]
    fn the_usual_trials_are_well_formed_and_have_names_of_their_own() {
        let trials = Delay::usual_trials();
        let names: std::collections::BTreeSet<&str> = trials.iter().map(|trial| trial.name.as_str()).collect();
        assert_eq!((trials.len(), names.len()), (9, 9));
        assert_eq!(trials.iter().filter(|trial| trial.line.up != trial.line.down).count(), 1);
    }
}
