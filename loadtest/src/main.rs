//! `podium-loadtest`: runs a scenario, shows a report, and exits with 1 if a budget was missed.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use podium_loadtest::report::{Budgets, Report};
use podium_loadtest::scenario::{Smoke, Venue};

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

#[tokio::main]
async fn main() -> ExitCode {
    let Scenario::Smoke(args) = Cli::parse().scenario;
    match smoke(&args).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(BUDGET_MISSED),
        Err(error) => {
            // If even that cannot be written, the exit code is all that is left.
            let _ = writeln!(io::stderr(), "podium-loadtest: {error}");
            ExitCode::from(COULD_NOT_RUN)
        }
    }
}

async fn smoke(args: &SmokeArgs) -> Result<bool, Box<dyn std::error::Error>> {
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
    let text = if args.venue.json { report.json() } else { report.tables() };
    writeln!(io::stdout().lock(), "{}", text.trim_end())?;
    Ok(report.passed())
}

impl VenueArgs {
    async fn open(&self) -> Result<Venue, Box<dyn std::error::Error>> {
        if let Some(url) = &self.url {
            return Ok(Venue::at(url));
        }
        let binary = match &self.binary {
            Some(binary) => binary.clone(),
            None => std::env::current_exe()?.with_file_name("podium"),
        };
        if !binary.is_file() {
            return Err(format!(
                "there is no server at {}; build it, or name one with --binary or --url",
                binary.display()
            )
            .into());
        }
        Ok(Venue::started(&binary).await?)
    }
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
