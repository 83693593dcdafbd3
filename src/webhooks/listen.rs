//! A listener is a receiver of webhooks for developers: it verifies each delivery and prints a line about it, or says why it refuses.

use std::collections::{HashSet, VecDeque};
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode};
use podium_signaling::clock;
use podium_signaling::webhook::WebhookSecret;
use podium_signaling::webhook::signature::{self, Headers, ID_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

/// What a listener is told.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where it listens.
    pub listen: SocketAddr,
    /// What deliveries must be signed with.
    pub secret: WebhookSecret,
    /// So many deliveries are answered with 500 first, so that one sees them come again.
    pub fail: u64,
    /// It ends after so many that it took.
    pub count: Option<u64>,
}

/// Listens until it has taken as many as it should, or for ever, and hands each line to `print`. False from `print` ends it: nobody reads any more.
///
/// # Errors
///
/// The address cannot be had.
pub async fn listen(options: Options, mut print: impl FnMut(&str) -> bool) -> std::io::Result<()> {
    let socket = TcpListener::bind(options.listen).await?;
    if !print(&greeting(socket.local_addr()?, &options.secret)) {
        return Ok(());
    }
    let (lines, mut printed) = mpsc::channel(LINES_MAX);
    let desk = Arc::new(Desk { secret: options.secret, state: Mutex::new(Seen::new(options.fail)), lines });
    // Any path will do: that of the target is the developer's to choose.
    let router = Router::new().fallback(take).layer(DefaultBodyLimit::max(BODY_BYTES_MAX)).with_state(desk);
    let serving = tokio::spawn(async move { axum::serve(socket, router).await });
    let mut taken = 0;
    while let Some(Line { text, is_taken }) = printed.recv().await {
        taken += u64::from(is_taken);
        if !print(&text) || options.count.is_some_and(|count| taken >= count) {
            break;
        }
    }
    // The last answer is on its way.
    clock::sleep(LAST_ANSWER).await;
    serving.abort();
    Ok(())
}

/// What is shown of a delivery.
#[derive(Debug)]
struct Line {
    text: String,
    is_taken: bool,
}

/// Where deliveries come in.
#[derive(Debug)]
struct Desk {
    secret: WebhookSecret,
    state: Mutex<Seen>,
    lines: mpsc::Sender<Line>,
}

/// What has come so far.
#[derive(Debug)]
struct Seen {
    fail: u64,
    ids: HashSet<String>,
    order: VecDeque<String>,
}

impl Seen {
    fn new(fail: u64) -> Self {
        Self { fail, ids: HashSet::new(), order: VecDeque::new() }
    }

    /// Whether this one is to fail.
    fn fails(&mut self) -> bool {
        let fails = self.fail > 0;
        self.fail -= u64::from(fails);
        fails
    }

    /// Whether it was taken before. The last [`IDS_MAX`] are known.
    fn is_again(&mut self, id: &str) -> bool {
        if !self.ids.insert(id.to_owned()) {
            return true;
        }
        self.order.push_back(id.to_owned());
        if self.order.len() > IDS_MAX {
            self.order.pop_front().map(|oldest| self.ids.remove(&oldest));
        }
        false
    }
}

async fn take(State(desk): State<Arc<Desk>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let (status, line) = desk.judge(&headers, &body, clock::unix_seconds());
    // Without a reader of lines the listener is about to end.
    let _ = desk.lines.send(line).await;
    status
}

impl Desk {
    fn judge(&self, headers: &HeaderMap, body: &[u8], now_s: u64) -> (StatusCode, Line) {
        let header = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let signed =
            Headers { id: header(ID_HEADER), timestamp: header(TIMESTAMP_HEADER), signature: header(SIGNATURE_HEADER) };
        let refused = |why: &str| {
            let text = format!("refused with 401: {why} (id {})", visible(signed.id, ID_CHARS_MAX));
            (StatusCode::UNAUTHORIZED, Line { text, is_taken: false })
        };
        if signed.id.is_empty() {
            return refused("no webhook-id: this is no webhook");
        }
        if let Err(untrusted) = signature::verify(std::slice::from_ref(&self.secret), signed, body, now_s) {
            return refused(&untrusted.to_string());
        }
        let shown = line(signed.id, body);
        let mut seen = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.fails() {
            let text = format!("{shown}\n  answered with 500, as --fail says; it will come again");
            return (StatusCode::INTERNAL_SERVER_ERROR, Line { text, is_taken: false });
        }
        let again = if seen.is_again(signed.id) { "\n  it came before: a receiver passes over it" } else { "" };
        (StatusCode::OK, Line { text: format!("{shown}{again}"), is_taken: true })
    }
}

/// One line about a delivery that is signed well: when, what, where, its number, its id, and what happened.
fn line(id: &str, body: &[u8]) -> String {
    let Ok(message) = serde_json::from_slice::<Value>(body) else {
        return format!("signed well, but no JSON (id {})", visible(id, ID_CHARS_MAX));
    };
    let text = |key: &str| visible(message[key].as_str().unwrap_or("-"), WORD_CHARS_MAX);
    let at_s = message["at_ms"].as_u64().unwrap_or(0) / 1_000 % (24 * 60 * 60);
    let (hour, minute, second) = (at_s / 3_600, at_s / 60 % 60, at_s % 60);
    let data = message.get("data").map_or_else(|| "(damaged)".to_owned(), Value::to_string);
    format!(
        "{hour:02}:{minute:02}:{second:02}Z {kind} room={room} seq={seq} id={id} {data}",
        kind = text("type"),
        room = text("room"),
        seq = message["seq"].as_u64().unwrap_or(0),
        id = visible(id, ID_CHARS_MAX),
        data = visible(&data, DATA_CHARS_MAX),
    )
}

/// A text from elsewhere, such that it cannot play with a terminal.
fn visible(text: &str, chars_max: usize) -> String {
    let mut shown = String::new();
    for c in text.chars().take(chars_max) {
        // Besides control characters: what turns the direction of text, and what is not seen at all.
        if c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
        {
            let _ = write!(shown, "{}", c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    if text.chars().nth(chars_max).is_some() {
        shown.push('…');
    }
    shown
}

fn greeting(address: SocketAddr, secret: &WebhookSecret) -> String {
    format!(
        "listening on http://{address}; put this into Podium's configuration:\n\n\
         [webhooks]\nallow_private = true\n\n\
         [[webhooks.targets]]\nname = \"listener\"\nurl = \"http://{address}/\"\nsecrets = [\"{}\"]\n",
        secret.reveal()
    )
}

/// Longer than any event.
const BODY_BYTES_MAX: usize = 1024 * 1024;
/// Lines that wait for a slow terminal; beyond them senders wait.
const LINES_MAX: usize = 64;
/// How many deliveries are remembered, to tell which come again.
const IDS_MAX: usize = 10_000;
const ID_CHARS_MAX: usize = 128;
const WORD_CHARS_MAX: usize = 64;
const DATA_CHARS_MAX: usize = 4_096;
const LAST_ANSWER: std::time::Duration = std::time::Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_S: u64 = 1_790_000_000;

    fn desk(fail: u64) -> Desk {
        let (lines, _) = mpsc::channel(1);
        Desk { secret: secret(), state: Mutex::new(Seen::new(fail)), lines }
    }

    fn secret() -> WebhookSecret {
        WebhookSecret::new(vec![7; 32])
    }

    fn delivery(id: &str, body: &str, secret: &WebhookSecret) -> HeaderMap {
        let signature = signature::sign(std::slice::from_ref(secret), id, NOW_S, body.as_bytes());
        let headers = [(ID_HEADER, id), (TIMESTAMP_HEADER, "1790000000"), (SIGNATURE_HEADER, &signature)];
        headers
            .into_iter()
            .map(|(name, value)| {
                let name: axum::http::HeaderName = name.parse().expect("a header's name");
                (name, value.parse().expect("a header's value"))
            })
            .collect()
    }

    const BODY: &str = "{\"event_id\":5,\"type\":\"seat.changed\",\"room\":\"demo\",\"seq\":3,\"at_ms\":1790000000123,\"data\":{\"by\":\"\u{202e}eve\u{9b}\"}}";

    #[test]
    fn a_delivery_is_shown_in_a_line_and_known_when_it_comes_again() {
        let desk = desk(1);
        let headers = delivery("EV_5_x", BODY, &secret());
        let judge = || desk.judge(&headers, BODY.as_bytes(), NOW_S);
        let (status, failed) = judge();
        assert_eq!((status, failed.is_taken), (StatusCode::INTERNAL_SERVER_ERROR, false));
        let (status, taken) = judge();
        assert_eq!((status, taken.is_taken), (StatusCode::OK, true));
        assert_eq!(taken.text, "14:13:20Z seat.changed room=demo seq=3 id=EV_5_x {\"by\":\"\\u{202e}eve\\u{9b}\"}");
        let (status, again) = judge();
        assert!(status == StatusCode::OK && again.text.contains("it came before"), "{again:?}");
    }

    #[test]
    fn what_is_not_signed_well_is_refused_with_the_reason() {
        let desk = desk(0);
        let stranger = delivery("EV_5_x", BODY, &WebhookSecret::new(vec![8; 32]));
        let ours = delivery("EV_5_x", BODY, &secret());
        for (headers, body, now_s, expected) in [
            (&HeaderMap::new(), BODY, NOW_S, "no webhook-id"),
            (&stranger, BODY, NOW_S, "no signature fits"),
            (&ours, "{}", NOW_S, "no signature fits"),
            (&ours, BODY, NOW_S + 301, "old"),
            (&ours, BODY, NOW_S - 301, "ahead"),
        ] {
            let (status, line) = desk.judge(headers, body.as_bytes(), now_s);
            assert_eq!((status, line.is_taken), (StatusCode::UNAUTHORIZED, false));
            assert!(line.text.contains(expected), "{expected}: {}", line.text);
        }
    }

    #[test]
    fn what_was_seen_is_forgotten_in_the_end() {
        let mut seen = Seen::new(0);
        assert!(!seen.is_again("first") && seen.is_again("first"));
        for n in 0..IDS_MAX {
            assert!(!seen.is_again(&n.to_string()));
        }
        assert!(!seen.is_again("first"));
        assert_eq!((seen.ids.len(), seen.order.len()), (IDS_MAX, IDS_MAX));
    }
}
