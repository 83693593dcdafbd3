//! The pace of lines: strangers can cause them. Of one kind (one place in the code) [`LINES_MAX`] a
//! second are written at most. One more line tells how many there were besides.
//!
//! Lines at `debug` and `trace` are for somebody who asked for all of them.

use std::collections::HashMap;
use std::fmt;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tracing::callsite::Identifier;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::FmtContext;
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::registry::LookupSpan;

use crate::runtime::clock;

/// Tells of the lines that are not written, once a second, for ever.
pub async fn tell_suppressed() {
    loop {
        clock::sleep(WINDOW).await;
        let told = pace().over(clock::now());
        for Suppressed { line, level, count } in told {
            let suppressed = count;
            match level {
                Level::ERROR => tracing::error!(suppressed, line, "more lines of one kind"),
                Level::WARN => tracing::warn!(suppressed, line, "more lines of one kind"),
                _ => tracing::info!(suppressed, line, "more lines of one kind"),
            }
        }
    }
}

/// A format that writes no line too many.
pub(super) struct Paced<F>(pub(super) F);

impl<S, N, F> FormatEvent<S, N> for Paced<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let metadata = event.metadata();
        let is_asked_for = *metadata.level() > Level::INFO;
        if is_asked_for || pace().takes(&metadata.callsite(), *metadata.level(), || line_of(event), clock::now()) {
            return self.0.format_event(context, writer, event);
        }
        Ok(())
    }
}

/// How many lines of each kind there were of late. There are no more kinds than places in the code that log.
#[derive(Default)]
struct Pace(HashMap<Identifier, Kind>);

struct Kind {
    since: Instant,
    count: u64,
    level: Level,
    /// The words of the line, once one was left out.
    line: Option<String>,
}

/// Lines that were left out.
#[derive(Debug, PartialEq, Eq)]
struct Suppressed {
    line: String,
    level: Level,
    count: u64,
}

impl Pace {
    /// Whether one more line of this kind is written now.
    fn takes(&mut self, kind: &Identifier, level: Level, line: impl FnOnce() -> String, now: Instant) -> bool {
        let kind = self.0.entry(kind.clone()).or_insert_with(|| Kind { since: now, count: 0, level, line: None });
        // Those that were left out are told before any other is written.
        if kind.line.is_none() && now.saturating_duration_since(kind.since) >= WINDOW {
            (kind.since, kind.count) = (now, 0);
        }
        kind.count += 1;
        let is_taken = kind.count <= LINES_MAX;
        if !is_taken && kind.line.is_none() {
            kind.line = Some(line());
        }
        is_taken
    }

    /// Takes the kinds of whose lines some were left out, and whose second is over.
    fn over(&mut self, now: Instant) -> Vec<Suppressed> {
        let is_over = |kind: &Kind| now.saturating_duration_since(kind.since) >= WINDOW;
        let over = self.0.values_mut().filter(|kind| is_over(kind));
        over.filter_map(|kind| {
            let line = kind.line.take()?;
            let count = kind.count.saturating_sub(LINES_MAX);
            (kind.since, kind.count) = (now, 0);
            Some(Suppressed { line, level: kind.level, count })
        })
        .collect()
    }
}

fn pace() -> MutexGuard<'static, Pace> {
    static PACE: LazyLock<Mutex<Pace>> = LazyLock::new(Mutex::default);
    // It counts, and is sound whoever panicked.
    PACE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns the words of a line, without its values.
fn line_of(event: &Event<'_>) -> String {
    let mut message = Message(String::new());
    event.record(&mut message);
    message.0.chars().take(LINE_CHARS_MAX).collect()
}

struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}

/// Lines of one kind a second.
pub const LINES_MAX: u64 = 10;
const WINDOW: Duration = Duration::from_secs(1);
const LINE_CHARS_MAX: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::sync::Arc;

    use tracing_subscriber::fmt as lines;
    use tracing_subscriber::layer::SubscriberExt;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("sound").extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// Returns all that is written, as lines of text and as JSON.
    fn written(log: impl Fn()) -> [String; 2] {
        let texts = [Written::default(), Written::default()];
        let [text, json] = texts.clone().map(|written| move || written.clone());
        let plain = lines::layer().with_ansi(false).map_event_format(Paced).with_writer(text);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(plain), &log);
        let objects = lines::layer().json().map_event_format(Paced).with_writer(json);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(objects), &log);
        texts.map(|written| String::from_utf8(written.0.lock().expect("sound").clone()).expect("text"))
    }

    #[test]
    fn of_one_kind_a_few_lines_are_written_and_all_others_go_on() {
        let [text, json] = written(|| {
            // One place for each of the two formats: they share the pace.
            for number in 0..300 {
                tracing::info!(number, "a stranger knocks");
                tracing::debug!(number, "somebody asked for this");
            }
            tracing::warn!("another kind");
        });
        let knocks = text.matches("a stranger knocks").count() + json.matches("a stranger knocks").count();
        // The second may have turned meanwhile, for each of them.
        assert!((10..=40).contains(&knocks), "{knocks}");
        assert_eq!(text.matches("somebody asked").count() + json.matches("somebody asked").count(), 600);
        assert_eq!(text.matches("another kind").count() + json.matches("another kind").count(), 2);
        assert!(json.lines().all(|line| line.starts_with('{') && line.ends_with('}')), "{json}");
    }

    #[test]
    fn what_is_left_out_is_counted_and_told_once_its_second_is_over() {
        let (mut pace, start) = (Pace::default(), clock::now());
        let kind = Identifier(&CALLSITE);
        let knock = |pace: &mut Pace, now| pace.takes(&kind, Level::WARN, || "a stranger knocks".to_owned(), now);
        for turn in 0..3 {
            let now = start + WINDOW * turn;
            let taken = (0..300).filter(|_| knock(&mut pace, now)).count() as u64;
            assert_eq!((taken, pace.over(now + WINDOW / 2)), (LINES_MAX, Vec::new()));
            let suppressed = Suppressed { line: "a stranger knocks".to_owned(), level: Level::WARN, count: 290 };
            assert_eq!(pace.over(now + WINDOW), [suppressed]);
        }
        let later = start + WINDOW * 9;
        assert!((0..LINES_MAX).all(|_| knock(&mut pace, later)) && pace.over(later + WINDOW).is_empty());
    }

    struct Callsite;

    static CALLSITE: Callsite = Callsite;

    impl tracing::callsite::Callsite for Callsite {
        fn set_interest(&self, _: tracing::subscriber::Interest) {}

        fn metadata(&self) -> &tracing::Metadata<'_> {
            unreachable!("nobody asks")
        }
    }
}
