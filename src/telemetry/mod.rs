//! Logs: readable lines, with colours on a terminal, or JSON objects with a flag.

mod pace;

use std::ffi::OsStr;
use std::io::IsTerminal as _;

use self::pace::Paced;
pub use self::pace::{LINES_MAX, tell_suppressed};
use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt, util::SubscriberInitExt};

/// Starts logging to standard error. `filter` is a tracing directive such as `info` or `podium=debug`.
///
/// A filter that cannot be read falls back to `info` and says so. Does nothing if logging has been started before.
pub fn start(filter: &str, json: bool) {
    let bad = filter_fault(filter);
    let directives = match EnvFilter::try_new(filter) {
        Ok(directives) if bad.is_none() => directives,
        Ok(_) | Err(_) => EnvFilter::new("info"),
    };
    let variable = |name| std::env::var_os(name);
    let has_colours = colours(std::io::stderr().is_terminal(), variable("NO_COLOR"), variable("TERM"));
    let registry = tracing_subscriber::registry().with(directives);
    let started = if json {
        registry.with(fmt::layer().json().map_event_format(Paced).with_writer(std::io::stderr)).try_init()
    } else {
        let lines = fmt::layer().with_target(false).with_ansi(has_colours).map_event_format(Paced);
        registry.with(lines.with_writer(std::io::stderr)).try_init()
    };
    if started.is_ok()
        && let Some(why) = bad
    {
        tracing::warn!(filter, why, "the log filter cannot be read; logging at info");
    }
}

/// Why this is no filter, if it is none.
///
/// A single word is the name of a module to the library, so a level with a slip in it would silence
/// everything: it is a fault as well.
pub fn filter_fault(filter: &str) -> Option<String> {
    let directives = || filter.split(',').map(str::trim).filter(|directive| !directive.is_empty());
    if let Err(error) = EnvFilter::try_new(filter) {
        // A directive may hold commas itself; then the whole is what is named.
        let bad = directives().find(|directive| EnvFilter::try_new(directive).is_err()).unwrap_or(filter);
        return Some(format!("{bad:?} is no directive: {error}"));
    }
    directives().find_map(|directive| Some(format!("{directive:?} is no level; did you mean {}?", meant(directive)?)))
}

/// The level that was meant by a word that is none.
fn meant(word: &str) -> Option<&'static str> {
    let word = word.to_ascii_lowercase();
    if !word.bytes().all(|byte| byte.is_ascii_alphabetic()) || LEVELS.contains(&word.as_str()) {
        return None;
    }
    let others = OTHERS_LEVELS.iter().find(|(other, _)| *other == word).map(|(_, level)| *level);
    let slips = LEVELS.iter().map(|level| (strsim::damerau_levenshtein(&word, level), *level));
    others.or_else(|| slips.min().filter(|(slips, _)| *slips <= SLIPS_MAX).map(|(_, level)| level))
}

/// Whether lines have colours: on a terminal that knows them, unless the user wants none (<https://no-color.org>).
fn colours(is_terminal: bool, no_color: Option<impl AsRef<OsStr>>, term: Option<impl AsRef<OsStr>>) -> bool {
    let is_unwanted = no_color.is_some_and(|value| !value.as_ref().is_empty());
    is_terminal && !is_unwanted && term.is_none_or(|term| term.as_ref() != "dumb")
}

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
/// What other programs call their levels.
const OTHERS_LEVELS: [(&str, &str); 6] = [
    ("warning", "warn"),
    ("err", "error"),
    ("critical", "error"),
    ("fatal", "error"),
    ("verbose", "trace"),
    ("none", "off"),
];
const SLIPS_MAX: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_made_of_levels_and_modules() {
        for good in ["info", "INFO", "off", "info,podium::runtime=debug", "podium=trace, warn", "podium", "hyper,info"]
        {
            assert_eq!(filter_fault(good), None, "{good}");
        }
        for (bad, said) in [
            ("inof", "info"),
            ("inf", "info"),
            ("warning,podium=debug", "warn"),
            ("podium=loud", "podium=loud"),
            ("info,podium=deubg", "podium=deubg"),
            ("fatal", "error"),
        ] {
            let why = filter_fault(bad);
            assert!(why.as_ref().is_some_and(|why| why.contains(said)), "{bad}: {why:?}");
        }
    }

    #[test]
    fn only_a_terminal_has_colours_and_nobody_who_wants_none() {
        let none: Option<&str> = None;
        assert!(colours(true, none, Some("xterm")) && colours(true, Some(""), none));
        assert!(!colours(false, none, Some("xterm-256color")));
        assert!(!colours(true, Some("1"), Some("xterm")));
        assert!(!colours(true, none, Some("dumb")));
    }
}
