//! The `podium` binary: serves, mints tokens, checks configurations.

use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

use podium::config::{Config, Faults};
use podium::server::{Mode, Server, StartError};
use podium::webhooks::listen;
use podium::{development, server, telemetry, tokens};
use podium_signaling::backup::{self, Restored};
use podium_signaling::webhook::{SecretFault, WebhookSecret};

/// A real-time voice-room server. Without a command and a configuration it serves this machine in development mode.
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
    /// Say what an access token grants, or exactly what is wrong with it.
    TokenCheck {
        /// The token; without it, or with `-`, it is read from the standard input.
        token: Option<String>,
    },
    /// Check the configuration and say everything that is wrong with it.
    CheckConfig,
    /// Print the whole configuration as it holds, secrets hidden.
    PrintConfig,
    /// Copy the store to a file, while the server runs or not, and verify the copy.
    Backup(BackupArguments),
    /// Put a copy in the place of the store, or only check it. The server must not run.
    Restore(RestoreArguments),
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
struct BackupArguments {
    /// The file to write. One that is there already is kept.
    to: PathBuf,
    /// Replace a file that is there already.
    #[arg(long)]
    replace: bool,
}

#[derive(Debug, clap::Args)]
struct RestoreArguments {
    /// The copy.
    file: PathBuf,
    /// Look at the copy from all sides, count what is in it, and change nothing.
    #[arg(long, conflicts_with = "replace")]
    check: bool,
    /// Replace a store that is there already; it is kept beside it under another name.
    #[arg(long)]
    replace: bool,
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
    let (mut config, mut faults) = Config::read(arguments.config.as_deref(), std::env::vars_os());
    config.log.json |= arguments.log_json;
    let mode = if arguments.config.is_some() { Mode::Configured } else { Mode::Development };
    let command = arguments.command.unwrap_or(Command::Serve);
    let checked = match command {
        Command::Serve => server::check(&config, mode),
        // It is asked about a server for real, whether or not a file is named.
        Command::CheckConfig => server::check(&config, Mode::Configured),
        Command::Token(_)
        | Command::TokenCheck { .. }
        | Command::PrintConfig
        | Command::Backup(_)
        | Command::Restore(_)
        | Command::WebhookListen(_) => Ok(()),
    };
    if let Err(Faults(more)) = checked {
        faults.extend(more);
    }
    if matches!(command, Command::CheckConfig) {
        // A server that finds no folder ends as one that finds no disk does: it may be there at the next try.
        faults.extend(config.store_fault(true));
    }
    if !matches!(command, Command::Serve) || !faults.is_empty() {
        for warning in config.warnings() {
            let _ = writeln!(std::io::stderr(), "warning: {warning}");
        }
    }
    if !faults.is_empty() {
        return configuration_fault(&Faults(faults));
    }
    match command {
        Command::Serve => serve(config, mode),
        Command::Token(token) => mint(&config, &token),
        Command::TokenCheck { token } => token_check(&config, token),
        Command::CheckConfig => say("the configuration is sound"),
        Command::Backup(options) => back_up(&config, mode, &options),
        Command::Restore(options) => restore(&config, mode, &options),
        Command::WebhookListen(options) => webhook_listen(options),
        Command::PrintConfig => match toml::to_string_pretty(&config) {
            Ok(text) => say(text.trim_end()),
            Err(error) => complain(&error.to_string(), EXIT_FAILURE),
        },
    }
}

fn serve(mut config: Config, mode: Mode) -> ExitCode {
    telemetry::start(&config.log.filter, config.log.json);
    if mode == Mode::Development {
        keep_development_key(&mut config);
    }
    for warning in config.warnings() {
        tracing::warn!("{warning}");
    }
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
        tokio::spawn(telemetry::tell_suppressed());
        if let Some(links) = server.links() {
            say(&format!("\nPodium is running in development mode. Open these in two tabs:\n\n  as a host      {}\n  as a listener  {}\n", links.host, links.listener));
        }
        server.run_until_signalled().await;
        ExitCode::SUCCESS
    })
}

/// Tokens of the last run stay good. Without a folder to keep the key in, this run has a key of its own.
fn keep_development_key(config: &mut Config) {
    let Some(folder) = development::state_folder(|name| std::env::var(name).ok()) else {
        return;
    };
    match development::kept_key(&folder) {
        Ok(key) => drop(config.auth.keys.entry(development::KEY_ID.into()).or_insert(key)),
        Err(error) => tracing::debug!(folder = %folder.display(), %error, "the development key cannot be kept"),
    }
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

fn token_check(config: &Config, token: Option<String>) -> ExitCode {
    let token = match token.filter(|token| token != "-") {
        Some(token) => Ok(token),
        // Longer than any token, and not endless.
        None => std::io::read_to_string(std::io::stdin().take(TOKEN_INPUT_MAX)),
    };
    let checked = token.map_err(|error| format!("the token cannot be read: {error}"));
    match checked.and_then(|token| tokens::check(config, token.trim())) {
        Ok(grants) => say(&grants),
        Err(why) => complain(&why, EXIT_FAILURE),
    }
}

fn back_up(config: &Config, mode: Mode, BackupArguments { to, replace }: &BackupArguments) -> ExitCode {
    let Some(store) = config.store.file(mode == Mode::Configured) else { return complain(NO_STORE, EXIT_FAILURE) };
    match backup::backup(&store, to, *replace) {
        Ok(contents) => say(&format!("{}: {contents}", to.display())),
        Err(error) => complain(&error.to_string(), EXIT_FAILURE),
    }
}

fn restore(config: &Config, mode: Mode, RestoreArguments { file, check, replace }: &RestoreArguments) -> ExitCode {
    if *check {
        return match backup::check(file) {
            Ok(contents) => say(&format!("{}: a whole copy: {contents}", file.display())),
            Err(error) => complain(&error.to_string(), EXIT_FAILURE),
        };
    }
    let Some(store) = config.store.file(mode == Mode::Configured) else { return complain(NO_STORE, EXIT_FAILURE) };
    match backup::restore(file, &store, *replace) {
        Ok(Restored { contents, kept }) => {
            let kept =
                kept.map_or_else(String::new, |kept| format!("\nthe store that was there is {}", kept.display()));
            say(&format!("{}: {contents}{kept}", store.display()))
        }
        Err(error) => complain(&error.to_string(), EXIT_FAILURE),
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

const NO_STORE: &str = "everything is kept in memory: name a file in store.path, or give --config";
/// How much of the standard input is read for a token.
const TOKEN_INPUT_MAX: u64 = 64 * 1024;
const EXIT_FAILURE: u8 = 1;
/// EX_CONFIG of sysexits.h.
const EXIT_CONFIG: u8 = 78;
