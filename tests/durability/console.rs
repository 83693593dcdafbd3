//! A console is a person in a room without media: one WebSocket, asked one thing at a time.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use podium::runtime::clock;
use podium_loadtest::token::{Claims, mint};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::process::{KEY, Podium, SECRET};

/// One WebSocket.
pub(crate) struct Console {
    writing: futures_util::stream::SplitSink<WebSocketStream<MaybeTlsStream<TcpStream>>, Message>,
    answers: mpsc::Receiver<Value>,
    heard: Arc<Mutex<VecDeque<(Instant, Value)>>>,
    next_request: u64,
}

/// The connection is gone before the answer came.
#[derive(Debug)]
pub(crate) struct Gone;

impl Console {
    /// A connection that has asked for nothing yet.
    pub(crate) async fn connect(podium: &str, room: &str, token: &str) -> Result<Self, Gone> {
        let url = format!("ws://{podium}/v1/rooms/{room}/session");
        let mut request = url.into_client_request().unwrap();
        request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        let (socket, _) = tokio_tungstenite::connect_async(request).await.map_err(|_| Gone)?;
        let (writing, mut reading) = socket.split();
        let (told, answers) = mpsc::channel(ANSWERS_MAX);
        let heard = Arc::new(Mutex::new(VecDeque::new()));
        let events = Arc::clone(&heard);
        tokio::spawn(async move {
            while let Some(Ok(message)) = reading.next().await {
                let Message::Text(text) = message else { continue };
                let frame: Value = serde_json::from_str(&text).unwrap();
                if ["reply", "welcome", "bye"].iter().any(|kind| frame["type"] == *kind) {
                    // Whoever asked may be gone.
                    let _nobody = told.try_send(frame);
                    continue;
                }
                let mut events = events.lock().unwrap();
                if events.len() == HEARD_MAX {
                    events.pop_front();
                }
                events.push_back((clock::now(), frame));
            }
        });
        Ok(Self { writing, answers, heard, next_request: 1 })
    }

    /// A person in the room, and the welcome.
    pub(crate) async fn join(podium: &str, room: &str, who: &str, rank: &str) -> Result<(Self, Value), Gone> {
        let mut console = Self::connect(podium, room, &token(room, who, rank)).await?;
        let welcome = console.ask("join", json!({})).await?;
        if welcome["reason"] == "draining" {
            return Err(Gone);
        }
        assert_eq!(welcome["type"], "welcome", "{who} in {room}: {welcome}");
        Ok((console, welcome))
    }

    /// The same where it must succeed.
    pub(crate) async fn in_room(podium: &Podium, room: &str, who: &str, rank: &str) -> Self {
        Self::join(&podium.http(), room, who, rank).await.unwrap().0
    }

    /// Asks, and waits for the answer: a `reply`, a `welcome` or a `bye`.
    pub(crate) async fn ask(&mut self, kind: &str, fields: Value) -> Result<Value, Gone> {
        let request = self.next_request.to_string();
        self.next_request += 1;
        let mut frame = fields;
        frame["type"] = json!(kind);
        frame["request_id"] = json!(request);
        self.writing.send(Message::text(frame.to_string())).await.map_err(|_| Gone)?;
        loop {
            let answer = tokio::time::timeout(ANSWER_WITHIN, self.answers.recv()).await;
            let answer = answer.unwrap_or_else(|_| panic!("no answer to {frame} within {ANSWER_WITHIN:?}"));
            let answer = answer.ok_or(Gone)?;
            if answer["request_id"] == request.as_str() || answer["type"] == "bye" {
                return Ok(answer);
            }
        }
    }

    /// Asks what must be accepted; gives what is in `ok`.
    pub(crate) async fn must(&mut self, kind: &str, fields: Value) -> Value {
        let answer = self.ask(kind, fields).await.unwrap();
        assert!(answer["ok"].is_object(), "{kind}: {answer}");
        answer["ok"].clone()
    }

    /// When the first event came that `is_it`, waiting for it if need be.
    pub(crate) async fn heard(&self, what: &str, is_it: impl Fn(&Value) -> bool) -> Instant {
        let since = clock::now();
        loop {
            let found = {
                let heard = self.heard.lock().unwrap();
                let batch = |frame: &Value| frame["events"].as_array().is_some_and(|events| events.iter().any(&is_it));
                heard.iter().find(|(_, frame)| is_it(frame) || batch(frame)).map(|(at, _)| *at)
            };
            if let Some(at) = found {
                return at;
            }
            assert!(clock::now() - since < ANSWER_WITHIN, "never heard: {what}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// A token to join a room with.
pub(crate) fn token(room: &str, who: &str, rank: &str) -> String {
    mint(KEY, SECRET, &Claims::new(room, who).ranked(rank)).unwrap()
}

const ANSWERS_MAX: usize = 64;
const HEARD_MAX: usize = 4_096;
/// Much longer than anything may take, on a machine that does much else.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);
