//! Signaling is the socket of one participant: commands go out with a request id, and their answers find the way back.
//!
//! One task owns the socket. Everything that is not an answer goes to the event log.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::{Error as WebSocketError, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use super::JoinOptions;
use super::events::EventLog;

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;
type Answer = Result<Value, CommandError>;

/// Why a command was not carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandError {
    /// The server's code. Ours are `client_timeout` and `client_closed`; after a `bye` it is the reason given.
    pub code: String,
    /// The server's words.
    pub message: String,
    /// The server's details; after a `bye`, the frame.
    pub details: Value,
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.code, self.message)
    }
}

impl std::error::Error for CommandError {}

/// Why there is no socket.
#[derive(Debug, thiserror::Error)]
#[error("no socket: {0}")]
pub struct SocketError(String);

/// The handle of a socket's task.
pub(super) struct Signaling {
    outgoing: mpsc::Sender<Outgoing>,
    waiting: Arc<Waiting>,
    requests: AtomicU64,
    task: AbortHandle,
}

enum Outgoing {
    Text(String),
    Close,
}

impl Signaling {
    pub(super) async fn connect(options: &JoinOptions, log: Arc<EventLog>) -> Result<Self, SocketError> {
        let failed = |error: WebSocketError| SocketError(error.to_string());
        let base = options.url.trim_end_matches('/').replacen("http", "ws", 1);
        let mut request = format!("{base}/v1/rooms/{}/session", options.room).into_client_request().map_err(failed)?;
        let protocols = HeaderValue::from_str(&format!("podium.v1, bearer.{}", options.token));
        let protocols = protocols.map_err(|_| SocketError("the token has bytes that no header may have".to_owned()))?;
        request.headers_mut().insert("Sec-WebSocket-Protocol", protocols);
        let (socket, _) = tokio_tungstenite::connect_async_with_config(request, None, true).await.map_err(failed)?;

        let (outgoing, to_send) = mpsc::channel(OUTGOING_MAX);
        let waiting = Arc::new(Waiting::default());
        let task = tokio::spawn(run(socket, to_send, Arc::clone(&waiting), log)).abort_handle();
        Ok(Self { outgoing, waiting, requests: AtomicU64::new(1), task })
    }

    /// Sends a command and waits for what answers it: the `ok` of a `reply`, or a whole `welcome`.
    pub(super) async fn request(&self, kind: &str, fields: Value, timeout: Duration) -> Answer {
        let id = self.requests.fetch_add(1, Ordering::Relaxed).to_string();
        let mut frame = json!({ "type": kind, "request_id": id });
        if let (Value::Object(frame), Value::Object(fields)) = (&mut frame, fields) {
            frame.extend(fields);
        }
        let (answer, answered) = oneshot::channel();
        self.waiting.add(id.clone(), answer);
        self.send_text(frame.to_string()).await?;
        match tokio::time::timeout(timeout, answered).await {
            Ok(answered) => answered.unwrap_or_else(|_| Err(closed())),
            Err(_) => {
                self.waiting.take(&id);
                Err(CommandError {
                    code: "client_timeout".to_owned(),
                    message: format!("no answer to {kind}"),
                    details: Value::Null,
                })
            }
        }
    }

    pub(super) async fn send_text(&self, text: String) -> Result<(), CommandError> {
        self.outgoing.send(Outgoing::Text(text)).await.map_err(|_| closed())
    }

    /// Closes the socket with a closing frame.
    pub(super) async fn close(&self) {
        // If the task is gone the socket is closed already.
        let _ = self.outgoing.send(Outgoing::Close).await;
        self.outgoing.closed().await;
    }

    /// Drops the socket without one.
    pub(super) fn abort(&self) {
        self.task.abort();
    }
}

/// Requests whose answers have not come.
#[derive(Default)]
struct Waiting {
    by_id: Mutex<HashMap<String, oneshot::Sender<Answer>>>,
}

impl Waiting {
    fn add(&self, id: String, answer: oneshot::Sender<Answer>) {
        self.by_id().insert(id, answer);
    }

    fn take(&self, id: &str) -> Option<oneshot::Sender<Answer>> {
        self.by_id().remove(id)
    }

    /// Hands an answer to whoever asked; whether somebody did.
    fn answer(&self, id: &str, answer: Answer) -> bool {
        // Who asked may have given up.
        self.take(id).map(|waiting| waiting.send(answer)).is_some()
    }

    fn refuse_all(&self, error: &CommandError) {
        for (_, waiting) in self.by_id().drain() {
            let _ = waiting.send(Err(error.clone()));
        }
    }

    fn by_id(&self) -> MutexGuard<'_, HashMap<String, oneshot::Sender<Answer>>> {
        self.by_id.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn run(mut socket: Socket, mut to_send: mpsc::Receiver<Outgoing>, waiting: Arc<Waiting>, log: Arc<EventLog>) {
    let ended = Ended { waiting: Arc::clone(&waiting), log: Arc::clone(&log) };
    loop {
        tokio::select! {
            outgoing = to_send.recv() => match outgoing {
                Some(Outgoing::Text(text)) => {
                    if socket.send(Message::text(text)).await.is_err() {
                        break;
                    }
                }
                Some(Outgoing::Close) | None => {
                    // The other side may have closed first.
                    let _ = socket.close(None).await;
                    break;
                }
            },
            incoming = socket.next() => match incoming {
                Some(Ok(message)) => receive(&message, &waiting, &log),
                Some(Err(_)) | None => break,
            },
        }
    }
    drop(ended);
}

/// Tells everybody who waits that nothing more comes, also when the task is cut off.
struct Ended {
    waiting: Arc<Waiting>,
    log: Arc<EventLog>,
}

impl Drop for Ended {
    fn drop(&mut self) {
        self.log.close();
        self.waiting.refuse_all(&closed());
    }
}

fn receive(message: &Message, waiting: &Waiting, log: &EventLog) {
    let Ok(text) = message.to_text() else {
        return;
    };
    let Ok(frame) = serde_json::from_str::<Value>(text) else {
        return;
    };
    let id = frame["request_id"].as_str().unwrap_or_default();
    match frame["type"].as_str() {
        Some("reply") if waiting.answer(id, reply(&frame)) => {}
        Some("welcome") => {
            waiting.answer(id, Ok(frame.clone()));
        }
        Some("bye") => {
            waiting.refuse_all(&bye(&frame));
            log.push(frame);
        }
        Some(_) => log.push(frame),
        None => {}
    }
}

fn reply(frame: &Value) -> Answer {
    let Some(error) = frame.get("error") else {
        return Ok(frame["ok"].clone());
    };
    Err(CommandError {
        code: text(&error["code"]),
        message: text(&error["message"]),
        details: error["details"].clone(),
    })
}

fn bye(frame: &Value) -> CommandError {
    CommandError {
        code: text(&frame["reason"]),
        message: format!("bye, action {}", text(&frame["action"])),
        details: frame.clone(),
    }
}

fn closed() -> CommandError {
    CommandError { code: "client_closed".to_owned(), message: "the socket is gone".to_owned(), details: Value::Null }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

const OUTGOING_MAX: usize = 64;
