//! `podium-loadtest`: runs a scenario, shows a report, and exits with 1 if a budget was missed, with 3 if the machine was too busy to say.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use podium_loadtest::relay::{Change, Impairment, ImpairmentError, Line, Relay};
use podium_loadtest::report::{
    AudienceReport, Budgets, DelayReport, DurableReport, JoinsReport, Outcome, OverloadReport, Pace, RelayReport,
    Report, RestartReport,
};
use podium_loadtest::scenario::{
    Audience, Delay, Durable, Joins, Overload, Restart, Scratch, Smoke, Stand, Trial, Venue,
};
use podium_loadtest::share::Quota;

/// Brings synthetic participants into Podium's rooms and measures what they hear.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    scenario: Scenario,
}

#[derive(Subcommand)]
enum Scenario {
    /// A few people talk, an audience listens, some of it raise a hand and get a seat.
    Smoke(SmokeArgs),
    /// Thousands listen in one room without media, a hundred commands a second come from among them, and each answer is timed.
    Audience(AudienceArgs),
    /// People join one room without media, so many a second.
    Joins(JoinsArgs),
    /// Hosts in many rooms act, first as fast as they are answered and then at a rate, and what is acknowledged as being on the disk counts.
    Durable(DurableArgs),
    /// A server with a quarter of a core, a stage that talks, and twice the people at its door that fit.
    Overload(OverloadArgs),
    /// A server with many rooms and a long log is killed and started again.
    Restart(RestartArgs),
    /// People talk through lines whose delay is known, and what the server believes of it is held against that.
    Delay(DelayArgs),
    /// No scenario: a relay that carries datagrams or streams late, twice, out of turn or not at all, until it is stopped.
    ///
    /// A line is written as delay=150,jitter=20,loss=2: times in milliseconds, shares in percent. It knows delay, jitter, distribution
    /// (uniform, normal, exponential), loss, burst (enter:leave:loss), reorder, reorder_by, duplicate, rate (kbit/s), queue (ms) and blackout
    /// (from-until, several times).
    Relay(Box<RelayArgs>),
}

#[derive(Args)]
struct SmokeArgs {
    #[command(flatten)]
    venue: VenueArgs,
    /// Rooms at the same time.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=100))]
    rooms: u16,
    /// People on stage in each room.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=6))]
    speakers: u16,
    /// People in the audience of each room.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1000))]
    listeners: u16,
    /// How many of them raise a hand.
    #[arg(long, default_value_t = 3)]
    hands: u16,
    /// How long to listen once everybody is in.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Makes a run repeatable; a random one if absent.
    #[arg(long)]
    seed: Option<u64>,
}

#[derive(Args)]
struct VenueArgs {
    /// A server that runs already, in development mode: http://host:port
    #[arg(long, conflicts_with = "binary")]
    url: Option<String>,
    /// A server to start; the `podium` beside this program if absent.
    #[arg(long)]
    binary: Option<PathBuf>,
    /// Shows the report as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct AudienceArgs {
    #[command(flatten)]
    stand: StandArgs,
    /// Everybody in the room: a host, five guests, and the audience.
    #[arg(long, default_value_t = 5_000, value_parser = clap::value_parser!(u16).range(50..=40_000))]
    participants: u16,
    /// How long to ask once everybody is in.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    seconds: u64,
    /// Commands a second, of all together.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    acts: u32,
}

#[derive(Args)]
struct JoinsArgs {
    #[command(flatten)]
    stand: StandArgs,
    /// Joins a second; a ramp begins there.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    rate: u32,
    /// How long people keep coming, at each rate.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// Looks for the highest rate that holds.
    #[arg(long)]
    ramp: bool,
}

#[derive(Args)]
struct DurableArgs {
    #[command(flatten)]
    stand: StandArgs,
    /// Rooms.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    rooms: u16,
    /// Hosts in each.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=8))]
    hosts: u16,
    /// At full speed, the acts of each that are not answered yet.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=64))]
    unanswered: u32,
    /// Acts a second, of all together, after that.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rate: u32,
    /// How long people act, at each pace.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    seconds: u64,
    /// Where the store lies meanwhile; the system's folder for what is temporary if absent.
    #[arg(long)]
    folder: Option<PathBuf>,
}

#[derive(Args)]
struct OverloadArgs {
    #[command(flatten)]
    stand: StandArgs,
    /// The part of a core that the server may use.
    #[arg(long, default_value_t = 0.25, value_parser = part_of_a_core)]
    cpu: f64,
    /// How often that is counted anew, in milliseconds: the longest time that the server stands still when it has used its part.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(4..=1_000))]
    period: u64,
    /// Rooms, each with a stage.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=50))]
    rooms: u16,
    /// People in seats in each, who all speak.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(2..=6))]
    speakers: u16,
    /// People in the audience of each who stay to the end.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(0..=200))]
    regulars: u16,
    /// Joins that are to be let in while twice as many come as fit.
    #[arg(long, default_value_t = 3_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    joins: u64,
    /// How many seconds people stay, on average.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(0..=600))]
    stay: u64,
    /// Joins a second that fit; measured if absent.
    #[arg(long)]
    fits: Option<f64>,
    /// The storm ends after so many seconds, whatever was let in.
    #[arg(long, default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..=36_000))]
    at_most: u64,
}

fn part_of_a_core(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(part) if (0.05..=1.0).contains(&part) => Ok(part),
        Ok(_) | Err(_) => Err("a part of a core is from 0.05 to 1".to_owned()),
    }
}

#[derive(Args)]
struct RestartArgs {
    #[command(flatten)]
    stand: StandArgs,
    /// Rooms.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    rooms: u16,
    /// The length of the log.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    events: u64,
    /// How often the server is killed and started again.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=100))]
    times: u16,
    /// Where the store lies meanwhile; the system's folder for what is temporary if absent.
    #[arg(long)]
    folder: Option<PathBuf>,
}

#[derive(Args)]
struct DelayArgs {
    #[command(flatten)]
    stand: StandArgs,
    /// How long people talk on each line before anything is measured.
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u64).range(1..=600))]
    settle: u64,
    /// How long it is measured after that.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    seconds: u64,
    /// A line to try instead of the usual ones, the same both ways: delay=150,jitter=20. May come several times.
    #[arg(long, value_parser = trial)]
    both: Vec<Trial>,
}

#[derive(Args)]
struct RelayArgs {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Where to carry it: a worker's media port, or the public HTTP port.
    #[arg(long)]
    to: SocketAddr,
    /// Carries streams (WebSockets) instead of datagrams (media).
    #[arg(long)]
    tcp: bool,
    /// What happens towards the server.
    #[arg(long, default_value = "")]
    up: Impairment,
    /// What happens towards the client.
    #[arg(long, default_value = "")]
    down: Impairment,
    /// What happens later: 10:down:delay=300 after ten seconds (up, down or both). May come several times.
    #[arg(long)]
    then: Vec<Change>,
    /// Ends after so long; by Ctrl-C if absent.
    #[arg(long)]
    seconds: Option<u64>,
    /// Shows the report as JSON.
    #[arg(long)]
    json: bool,
    /// Makes a run repeatable; a random one if absent.
    #[arg(long)]
    seed: Option<u64>,
}

#[derive(Args)]
struct StandArgs {
    /// The server to start; the `podium` beside this program if absent.
    #[arg(long)]
    binary: Option<PathBuf>,
    /// Shows the report as JSON.
    #[arg(long)]
    json: bool,
    /// Ends with 1 if the budget was missed, and with 3 if the machine was too busy to say.
    #[arg(long)]
    check: bool,
    /// Makes a run repeatable; a random one if absent.
    #[arg(long)]
    seed: Option<u64>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let outcome = match Cli::parse().scenario {
        Scenario::Smoke(args) => smoke(&args).await,
        Scenario::Audience(args) => audience(&args).await,
        Scenario::Joins(args) => joins(&args).await,
        Scenario::Durable(args) => durable(&args).await,
        Scenario::Overload(args) => overload(&args).await,
        Scenario::Restart(args) => restart(&args).await,
        Scenario::Delay(args) => delay(&args).await,
        Scenario::Relay(args) => relay(*args).await,
    };
    match outcome {
        Ok(Outcome::Kept) => ExitCode::SUCCESS,
        Ok(Outcome::Missed) => ExitCode::from(BUDGET_MISSED),
        Ok(Outcome::Unknown) => ExitCode::from(TOO_BUSY_TO_SAY),
        Err(error) => {
            // If even that cannot be written, the exit code is all that is left.
            let _ = writeln!(io::stderr(), "podium-loadtest: {error}");
            ExitCode::from(COULD_NOT_RUN)
        }
    }
}

async fn smoke(args: &SmokeArgs) -> Result<Outcome, Box<dyn std::error::Error>> {
    let seed = args.seed.map_or_else(getrandom::u64, Ok)?;
    let smoke = Smoke {
        rooms: args.rooms.into(),
        speakers: args.speakers.into(),
        listeners: args.listeners.into(),
        hands: args.hands.into(),
        length: Duration::from_secs(args.seconds),
        seed,
    };
    let venue = args.venue.open().await?;
    let progress = progress_bar(args.venue.json);
    let measured = venue.run(&smoke, &progress).await;
    progress.finish_and_clear();
    let report = Report::new("smoke", seed, measured, &Budgets::default());
    show(if args.venue.json { report.json() } else { report.tables() })?;
    Ok(if report.passed() { Outcome::Kept } else { Outcome::Missed })
}

async fn audience(args: &AudienceArgs) -> Result<Outcome, Box<dyn std::error::Error>> {
    let seed = args.stand.seed.map_or_else(getrandom::u64, Ok)?;
    let audience = Audience {
        participants: args.participants.into(),
        length: Duration::from_secs(args.seconds),
        acts_per_second: args.acts,
        seed,
    };
    let stand = args.stand.open().await?;
    let progress = progress_bar(args.stand.json);
    let figures = stand.play(|| audience.run(&stand, &progress))??;
    progress.finish_and_clear();
    let report = AudienceReport::new(seed, figures);
    show(if args.stand.json { report.json() } else { report.tables() })?;
    Ok(if args.stand.check { report.outcome() } else { Outcome::Kept })
}

async fn joins(args: &JoinsArgs) -> Result<Outcome, Box<dyn std::error::Error>> {
    let seed = args.stand.seed.map_or_else(getrandom::u64, Ok)?;
    let joins = Joins { rate: args.rate, length: Duration::from_secs(args.seconds), ramp: args.ramp, seed };
    let stand = args.stand.open().await?;
    let progress = progress_bar(args.stand.json);
    let figures = stand.play(|| joins.run(&stand, &progress))??;
    progress.finish_and_clear();
    let report = JoinsReport::new(seed, &figures);
    show(if args.stand.json { report.json() } else { report.tables() })?;
    Ok(if args.stand.check { report.outcome() } else { Outcome::Kept })
}

async fn durable(args: &DurableArgs) -> Result<Outcome, Box<dyn std::error::Error>> {
    let seed = args.stand.seed.map_or_else(getrandom::u64, Ok)?;
    let durable = Durable {
        rooms: args.rooms.into(),
        hosts: args.hosts.into(),
        paces: vec![Pace::Unanswered(args.unanswered), Pace::Rate(args.rate)],
        length: Duration::from_secs(args.seconds),
        seed,
    };
    let scratch = Scratch::new(args.folder.as_deref())?;
    let stand = Stand::storing_in(&server_binary(args.stand.binary.as_deref())?, &scratch.store()).await?;
    let progress = progress_bar(args.stand.json);
    let figures = stand.play(|| durable.run(&stand, &progress))??;
    progress.finish_and_clear();
    let report = DurableReport::new(seed, durable.rooms, durable.rooms * durable.hosts, &figures);
    show(if args.stand.json { report.json() } else { report.tables() })?;
    Ok(if args.stand.check { report.outcome() } else { Outcome::Kept })
}

async fn overload(args: &OverloadArgs) -> Result<Outcome, Box<dyn std::error::Error>> {
    let seed = args.stand.seed.map_or_else(getrandom::u64, Ok)?;
    let overload = Overload {
        rooms: args.rooms.into(),
        speakers: args.speakers.into(),
        regulars: args.regulars.into(),
        joins: args.joins,
        stay: Duration::from_secs(args.stay),
        rate: args.fits,
        at_most: Duration::from_secs(args.at_most),
        seed,
    };
    let quota = Quota { cpu: args.cpu, period: Duration::from_millis(args.period) };
    let stand = Stand::held_to(&server_binary(args.stand.binary.as_deref())?, quota).await?;
    let progress = progress_bar(args.stand.json);
    let figures = stand.play(|| overload.run(&stand, &progress))??;
    progress.finish_and_clear();
    let report = OverloadReport::new(seed, &figures);
    show(if args.stand.json { report.json() } else { report.tables() })?;
    Ok(if args.stand.check { report.outcome() } else { Outcome::Kept })
}

async fn restart(args: &RestartArgs) -> Result<Outcome, Box<dyn std::error::Error>> {
    let seed = args.stand.seed.map_or_else(getrandom::u64, Ok)?;
    let restart = Restart { rooms: args.rooms.into(), events: args.events, times: args.times.into(), seed };
    let scratch = Scratch::new(args.folder.as_deref())?;
    let progress = progress_bar(args.stand.json);
    let figures = restart.run(&server_binary(args.stand.binary.as_deref())?, &scratch, &progress).await?;
    progress.finish_and_clear();
    let report = RestartReport::new(seed, &figures);
    show(if args.stand.json { report.json() } else { report.tables() })?;
    Ok(if args.stand.check { report.outcome() } else { Outcome::Kept })
}

async fn delay(args: &DelayArgs) -> Result<Outcome, Box<dyn std::error::Error>> {
    let seed = args.stand.seed.map_or_else(getrandom::u64, Ok)?;
    let delay = Delay {
        jump: args.both.is_empty(),
        trials: if args.both.is_empty() { Delay::usual_trials() } else { args.both.clone() },
        settle: Duration::from_secs(args.settle),
        length: Duration::from_secs(args.seconds),
        seed,
    };
    let progress = progress_bar(args.stand.json);
    let figures = delay.run(&server_binary(args.stand.binary.as_deref())?, &progress).await?;
    progress.finish_and_clear();
    let report = DelayReport::new(seed, &figures);
    show(if args.stand.json { report.json() } else { report.tables() })?;
    Ok(if args.stand.check { report.outcome() } else { Outcome::Kept })
}

/// A line that is the same both ways, and has the name under which it was asked for.
fn trial(text: &str) -> Result<Trial, ImpairmentError> {
    Ok(Trial::new(text, Line::symmetric(text.parse()?)))
}

async fn relay(args: RelayArgs) -> Result<Outcome, Box<dyn std::error::Error>> {
    let seed = args.seed.map_or_else(getrandom::u64, Ok)?;
    let mut line = Line { up: args.up, down: args.down };
    let start = if args.tcp { Relay::tcp } else { Relay::udp };
    let relay = start(args.listen, args.to, line.clone(), seed)?;
    let first = if relay.is_first() { "" } else { ", not in real time" };
    writeln!(io::stderr(), "{} → {} (seed {seed}{first})", relay.address(), args.to)?;
    let mut changes = args.then;
    changes.sort_by_key(|change| change.after);
    let changing = async {
        for change in changes {
            tokio::time::sleep(change.after.saturating_sub(relay.age())).await;
            line = change.applied(line);
            relay.set(line.clone())?;
        }
        match args.seconds.map(Duration::from_secs) {
            Some(length) => tokio::time::sleep(length.saturating_sub(relay.age())).await,
            None => std::future::pending().await,
        }
        Ok::<_, Box<dyn std::error::Error>>(())
    };
    tokio::select! {
        changed = changing => changed?,
        stopped = tokio::signal::ctrl_c() => stopped?,
    }
    let report = RelayReport::new(seed, &relay.figures());
    show(if args.json { report.json() } else { report.tables() })?;
    Ok(report.outcome())
}

fn show(text: String) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{}", text.trim_end())
}

impl VenueArgs {
    async fn open(&self) -> Result<Venue, Box<dyn std::error::Error>> {
        if let Some(url) = &self.url {
            return Ok(Venue::at(url));
        }
        Ok(Venue::started(&server_binary(self.binary.as_deref())?).await?)
    }
}

impl StandArgs {
    async fn open(&self) -> Result<Stand, Box<dyn std::error::Error>> {
        Ok(Stand::started(&server_binary(self.binary.as_deref())?).await?)
    }
}

/// The server to start: the one that was named, or the one beside this program.
fn server_binary(named: Option<&Path>) -> Result<PathBuf, Box<dyn std::error::Error>> {
    let binary = match named {
        Some(binary) => binary.to_owned(),
        None => std::env::current_exe()?.with_file_name("podium"),
    };
    if !binary.is_file() {
        let place = binary.display();
        return Err(format!("there is no server at {place}; build it, or name another with --binary").into());
    }
    Ok(binary)
}

fn progress_bar(quiet: bool) -> ProgressBar {
    // On anything but a terminal the bar hides by itself.
    let target = if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    let style = ProgressStyle::with_template("{elapsed_precise} {bar:40} {pos}/{len} {msg}")
        .expect("the template is well formed");
    ProgressBar::with_draw_target(None, target).with_style(style)
}

const BUDGET_MISSED: u8 = 1;
const COULD_NOT_RUN: u8 = 2;
const TOO_BUSY_TO_SAY: u8 = 3;
