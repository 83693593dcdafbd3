//! The `podium` binary: serves, mints tokens, checks configurations.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

use podium::config::{Config, Faults};
use podium::server::{Mode, Server, StartError};
use podium::webhooks::listen;
use podium::{server, telemetry};
use podium_signaling::webhook::{SecretFault, WebhookSecret};

/// A real-time voice-room server. Without a command and a configuration it serves in development mode on loopback.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Arguments {
    /// The configuration file (TOML). Any key can also be set as PODIUM__SECTION__KEY.
    #[arg(long, env = "PODIUM_CONFIG", global = true)]
    config: Option<PathBuf>,
    /// Log JSON objects instead of lines.
    #[arg(long, global = true)]
    log_json: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve (the default).
    Serve,
    /// Print an access token made with the configured key.
    Token(TokenArguments),
    /// Check the configuration and say everything that is wrong with it.
    CheckConfig,
    /// Print the whole configuration as it holds, secrets hidden.
    PrintConfig,
    /// Receive webhooks, for developers: verify each one and print it in a line, or say why it is refused.
    WebhookListen(ListenArguments),
}

#[derive(Debug, clap::Args)]
struct TokenArguments {
    /// The room it is for.
    #[arg(long)]
    room: String,
    /// Who it names.
    #[arg(long)]
    identity: String,
    /// The name that others see.
    #[arg(long)]
    name: Option<String>,
    /// What this person may do at the first join.
    #[arg(long, value_enum, default_value = "member")]
    rank: Rank,
    /// How long it is valid: 30s, 15m, 1h. At most 24h.
    #[arg(long, default_value = "1h", value_parser = parse_duration)]
    ttl: std::time::Duration,
    /// May also make this room and list rooms over HTTP.
    #[arg(long)]
    manages_rooms: bool,
    /// The key to sign with, where several are configured.
    #[arg(long)]
    key: Option<String>,
}

#[derive(Debug, clap::Args)]
struct ListenArguments {
    /// What deliveries must be signed with, whsec_…; a new one if there is none.
    #[arg(long, env = "PODIUM_WEBHOOK_SECRET", hide_env_values = true, value_parser = parse_secret)]
    secret: Option<WebhookSecret>,
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:8090")]
    listen: SocketAddr,
    /// Answer the first so many with 500, to see them come again.
    #[arg(long, default_value_t = 0)]
    fail: u64,
    /// End after so many that were taken.
    #[arg(long)]
    count: Option<u64>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Rank {
    Host,
    Cohost,
    Member,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let config = match Config::load(arguments.config.as_deref(), std::env::vars()) {
        Ok(mut config) => {
            config.log.json |= arguments.log_json;
            config
        }
        Err(faults) => return configuration_fault(&faults),
    };
    match arguments.command {
        None | Some(Command::Serve) => serve(config, arguments.config.is_some()),
        Some(Command::Token(token)) => mint(&config, &token),
        Some(Command::CheckConfig) => match server::check(&config) {
            Ok(()) => say("the configuration is sound"),
            Err(faults) => configuration_fault(&faults),
        },
        Some(Command::WebhookListen(options)) => webhook_listen(options),
        Some(Command::PrintConfig) => match toml::to_string_pretty(&config) {
            Ok(text) => say(text.trim_end()),
            Err(error) => complain(&error.to_string(), EXIT_FAILURE),
        },
    }
}

fn serve(config: Config, configured: bool) -> ExitCode {
    telemetry::start(&config.log.filter, config.log.json);
    let mode = if configured { Mode::Configured } else { Mode::Development };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return complain(&error.to_string(), EXIT_FAILURE),
    };
    runtime.block_on(async {
        let server = match Server::start(config, mode).await {
            Ok(server) => server,
            Err(StartError::Config(faults)) => return configuration_fault(&faults),
            Err(error) => return complain(&error.to_string(), EXIT_FAILURE),
        };
        if let Some(links) = server.links() {
            say(&format!("\nPodium is running in development mode. Open these in two tabs:\n\n  as a host      {}\n  as a listener  {}\n", links.host, links.listener));
        }
        server.run_until_signalled().await;
        ExitCode::SUCCESS
    })
}

fn mint(config: &Config, token: &TokenArguments) -> ExitCode {
    let rank = match token.rank {
        Rank::Host => podium_signaling::room::Rank::Host,
        Rank::Cohost => podium_signaling::room::Rank::Cohost,
        Rank::Member => podium_signaling::room::Rank::Member,
    };
    let request = server::TokenRequest {
        room: token.room.clone(),
        identity: token.identity.clone(),
        name: token.name.clone(),
        rank,
        ttl: token.ttl,
        manages_rooms: token.manages_rooms,
        key: token.key.clone(),
    };
    match server::mint(config, &request) {
        Ok(token) => say(&token),
        Err(error) => complain(&error, EXIT_FAILURE),
    }
}

fn webhook_listen(arguments: ListenArguments) -> ExitCode {
    let ListenArguments { secret, listen, fail, count } = arguments;
    let Some(secret) = secret.or_else(WebhookSecret::generate) else {
        return complain("no randomness for a secret", EXIT_FAILURE);
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return complain(&error.to_string(), EXIT_FAILURE),
    };
    let options = listen::Options { listen, secret, fail, count };
    match runtime.block_on(listen::listen(options, |line| writeln!(std::io::stdout(), "{line}").is_ok())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => complain(&format!("--listen {listen}: {error}"), EXIT_FAILURE),
    }
}

fn parse_secret(text: &str) -> Result<WebhookSecret, SecretFault> {
    WebhookSecret::parse(text)
}

fn parse_duration(text: &str) -> Result<std::time::Duration, String> {
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let seconds_a_unit = match unit {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3_600,
        _ => return Err(format!("{unit:?} is no unit; use s, m or h")),
    };
    let number: u64 = number.parse().map_err(|_| "expected a number and s, m or h".to_owned())?;
    number.checked_mul(seconds_a_unit).map(std::time::Duration::from_secs).ok_or_else(|| "too long".to_owned())
}

fn configuration_fault(faults: &Faults) -> ExitCode {
    for fault in &faults.0 {
        let _ = writeln!(std::io::stderr(), "configuration: {fault}");
    }
    ExitCode::from(EXIT_CONFIG)
}

fn complain(error: &str, code: u8) -> ExitCode {
    // A closed standard error leaves nobody to tell.
    let _ = writeln!(std::io::stderr(), "podium: {error}");
    ExitCode::from(code)
}

fn say(text: &str) -> ExitCode {
    match writeln!(std::io::stdout(), "{text}") {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(EXIT_FAILURE),
    }
}

const EXIT_FAILURE: u8 = 1;
/// EX_CONFIG of sysexits.h.
const EXIT_CONFIG: u8 = 78;
